"""Savina: fork-join (throughput)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.behaviour import START, Behaviour
from benchmarks.workload import ActorWorkload, Group, Metric, Unit

if TYPE_CHECKING:
    from benchmarks.behaviour import Ref
    from benchmarks.workload import Parameters


class Main(Behaviour):
    """Sends to many workers in turn, and waits until each has had all its messages."""

    def __init__(self, workers: int, messages: int) -> None:
        self.messages = messages
        self.workers = [self.spawn(Worker, messages, self.me) for _ in range(workers)]
        self.missing = workers
        self.handled = 0

    def receive(self, message: Any) -> None:
        """Send everything, or take note that a worker is done."""
        if message == START:
            for number in range(self.messages):
                for worker in self.workers:
                    worker.tell(number)
            return
        self.handled += message
        self.missing -= 1
        if not self.missing:
            self.finish(self.handled)


class Worker(Behaviour):
    """Does a small sum for each message."""

    def __init__(self, messages: int, main: Ref) -> None:
        self.messages = messages
        self.main = main
        self.handled = 0
        self.sum = 0.0

    def receive(self, message: int) -> None:
        """Count, and report at the end."""
        self.sum += message * 0.5
        self.handled += 1
        if self.handled == self.messages:
            self.main.tell(self.handled)


class ForkJoinThroughput(ActorWorkload):
    """One sender, many receivers."""

    name = "fork-join-throughput"
    title = "fork-join, throughput"
    about = "One actor sends to many workers in turn, each of which does a small sum."
    group = Group.SAVINA
    metrics = (Metric("rate", Unit.PER_SECOND, "message"),)
    parameters = {"workers": 60, "messages": 500}
    scaled = ("messages",)
    short = False
    main = Main

    def live(self, parameters: Parameters) -> int:
        """The workers and the sender."""
        return parameters["workers"] + 1

    def operations(self, parameters: Parameters) -> int:
        """Messages to workers."""
        return parameters["workers"] * parameters["messages"]

    def expected(self, parameters: Parameters) -> int:
        """Messages that the workers handled."""
        return parameters["workers"] * parameters["messages"]
