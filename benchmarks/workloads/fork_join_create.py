"""Savina: fork-join (actor creation)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.behaviour import START, Behaviour
from benchmarks.workload import ActorWorkload, Group, Metric, Unit

if TYPE_CHECKING:
    from benchmarks.behaviour import Ref
    from benchmarks.workload import Parameters


class Main(Behaviour):
    """Makes many actors, sends each a message, and waits until all are done."""

    def __init__(self, actors: int) -> None:
        self.actors = actors
        self.missing = actors
        self.sum = 0

    def receive(self, message: Any) -> None:
        """Make the actors, or take note that one is done."""
        if message == START:
            for number in range(self.actors):
                self.spawn(Worker).tell((number, self.me))
            return
        self.sum += message
        self.missing -= 1
        if not self.missing:
            self.finish(self.sum)


class Worker(Behaviour):
    """Handles one message and ends."""

    def receive(self, message: tuple[int, Ref]) -> None:
        """Report and end."""
        number, main = message
        main.tell(number)
        self.stop()


class ForkJoinCreate(ActorWorkload):
    """Many short lives."""

    name = "fork-join-create"
    title = "fork-join, creation"
    about = "One actor starts many others, each of which handles one message and ends."
    group = Group.SAVINA
    metrics = (Metric("rate", Unit.PER_SECOND, "actor"),)
    parameters = {"actors": 1_000}
    scaled = ("actors",)
    short = False
    main = Main

    def live(self, parameters: Parameters) -> int:
        """All of them, if none ends before the last is made."""
        return parameters["actors"] + 1

    def operations(self, parameters: Parameters) -> int:
        """Actors."""
        return parameters["actors"]

    def expected(self, parameters: Parameters) -> int:
        """The sum of their numbers."""
        return sum(range(parameters["actors"]))
