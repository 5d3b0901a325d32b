"""Curve: from one actor to a million."""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING, Any

from benchmarks import memory
from benchmarks.behaviour import START, Behaviour
from benchmarks.workload import PATIENCE, Group, Metric, Unit, Workload, check

if TYPE_CHECKING:
    from benchmarks.behaviour import Ref
    from benchmarks.system import System
    from benchmarks.workload import Parameters, Values


class Main(Behaviour):
    """Starts many actors, tells each of them its number, and waits until all have reported."""

    def __init__(self, actors: int) -> None:
        self.actors = actors
        self.missing = actors
        self.sum = 0
        self.members: list[Ref] = []

    def receive(self, message: Any) -> None:
        """Start everybody, or take a report."""
        if message == START:
            for number in range(self.actors):
                member = self.spawn(Member, self.me)
                self.members.append(member)
                member.tell(number)
            return
        self.sum += message
        self.missing -= 1
        if not self.missing:
            self.finish(self.sum)


class Member(Behaviour):
    """Reports its number, and stays."""

    def __init__(self, main: Ref) -> None:
        self.main = main

    def receive(self, message: int) -> None:
        """Report."""
        self.main.tell(message)


class ManyActors(Workload):
    """As many actors as there can be."""

    name = "many-actors"
    title = "many actors"
    about = "Starting actors and hearing from each of them, while all stay alive."
    group = Group.CURVE
    metrics = (
        Metric("time", Unit.SECONDS, "actor", "time"),
        Metric("memory", Unit.BYTES, "actor", "memory"),
    )
    parameters = {"actors": 1_000}

    def warm_up(self, parameters: Parameters) -> dict[str, int]:
        """Only a few, because memory that was used before would be used again."""
        return {"actors": min(10, parameters["actors"])}

    def live(self, parameters: Parameters) -> int:
        """All of them."""
        return parameters["actors"]

    def run(self, system: System, parameters: Parameters) -> Values:
        """Start them, hear from all, and look at the memory."""
        count = parameters["actors"]
        gc.collect()
        before = memory.used()
        started = time.perf_counter()
        main = system.spawn(Main, count)
        system.tell_each(main, [START])
        heard = system.wait(PATIENCE)
        seconds = time.perf_counter() - started
        check(heard, sum(range(count)))
        return {"time": seconds / count, "memory": (memory.used() - before) / count}
