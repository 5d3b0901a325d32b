"""Savina: counting actor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.behaviour import START, Behaviour
from benchmarks.workload import ActorWorkload, Group, Metric, Unit

if TYPE_CHECKING:
    from benchmarks.workload import Parameters

ADD = "add"
RETRIEVE = "retrieve"


class Producer(Behaviour):
    """Tells a counter many times to add one, and then asks for the sum."""

    def __init__(self, increments: int) -> None:
        self.increments = increments

    def receive(self, message: Any) -> None:
        """Send everything at once; the answer is the result."""
        if message != START:
            self.finish(message)
            return
        counter = self.spawn(Counter)
        for _ in range(self.increments):
            counter.tell((ADD, 1))
        counter.tell((RETRIEVE, self.me))


class Counter(Behaviour):
    """Adds up."""

    def __init__(self) -> None:
        self.count = 0

    def receive(self, message: tuple[str, Any]) -> None:
        """Add, or send the sum."""
        kind, value = message
        if kind == ADD:
            self.count += value
        else:
            value.tell(self.count)


class Counting(ActorWorkload):
    """One sender, one receiver, no wait in between."""

    name = "counting"
    title = "counting"
    about = "One actor sends another as fast as it can: throughput between two actors."
    group = Group.SAVINA
    metrics = (Metric("rate", Unit.PER_SECOND, "message"),)
    parameters = {"increments": 50_000}
    scaled = ("increments",)
    short = False
    main = Producer

    def operations(self, parameters: Parameters) -> int:
        """Messages, without the one that asks for the sum."""
        return parameters["increments"]

    def expected(self, parameters: Parameters) -> int:
        """The sum."""
        return parameters["increments"]
