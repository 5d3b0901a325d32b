"""What users feel: how long an ask takes while others are busy, and how long it takes at worst."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from benchmarks.behaviour import START, Behaviour
from benchmarks.stats import percentile
from benchmarks.workload import PATIENCE, Group, Metric, Unit, Workload, WrongResultError
from benchmarks.workloads.echo import Echo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.behaviour import Ref
    from benchmarks.system import System
    from benchmarks.workload import Parameters, Values

HALT = "halt"


class Thrower(Behaviour):
    """Plays ball with a partner until it is told to halt."""

    def __init__(self) -> None:
        self.partner: Ref = self.spawn(Catcher)
        self.thrown = 0
        self.halted = False

    def receive(self, message: Any) -> None:
        """Throw again, or finish with what was thrown and what was caught."""
        if message == HALT:
            self.halted = True
        elif message != START and self.halted:
            self.finish((self.thrown, message))
        else:
            self.thrown += 1
            self.partner.tell(self.me)


class Catcher(Behaviour):
    """Throws the ball back, with the number of times it was caught."""

    def __init__(self) -> None:
        self.caught = 0

    def receive(self, message: Ref) -> None:
        """Throw back."""
        self.caught += 1
        message.tell(self.caught)


class Latency(Workload):
    """Asks, while other actors are busy."""

    name = "latency"
    title = "ask under load"
    about = "Asking one actor after the other while pairs of other actors play ping-pong."
    group = Group.FEEL
    metrics = (
        Metric("p50", Unit.SECONDS, "ask", "p50"),
        Metric("p99", Unit.SECONDS, "ask", "p99"),
        Metric("p99.9", Unit.SECONDS, "ask", "p99.9"),
    )
    parameters = {"pairs": 2, "asks": 4_000}
    short = False
    heavy = True

    def warm_up(self, parameters: Parameters) -> dict[str, int]:
        """Fewer asks. The measurement itself is never cut short: p99.9 needs its thousands."""
        return {"pairs": parameters["pairs"], "asks": max(1, parameters["asks"] // 10)}

    def live(self, parameters: Parameters) -> int:
        """The pairs, and the one that is asked."""
        return 2 * parameters["pairs"] + 1

    def run(self, system: System, parameters: Parameters) -> Values:
        """Set the pairs going, ask, halt the pairs."""
        throwers = [system.spawn(Thrower) for _ in range(parameters["pairs"])]
        echo = system.spawn(Echo)
        self.ask(system, echo, [0])  # a system that cannot do it says so now
        for thrower in throwers:
            system.tell_each(thrower, [START])
        # Whoever is fast asks more often, so that a rare wait is not missed in a short time.
        end = time.perf_counter() + parameters.get("milliseconds", 0) / 1000
        seconds = self.ask(system, echo, range(parameters["asks"]))
        while time.perf_counter() < end:
            seconds += self.ask(system, echo, range(parameters["asks"]))
        seconds.sort()
        for thrower in throwers:
            system.tell_each(thrower, [HALT])
        for _ in throwers:
            thrown, caught = system.wait(PATIENCE)
            if thrown != caught or not thrown:
                msg = f"{thrown} balls were thrown and {caught} were caught"
                raise WrongResultError(msg)
        return {
            metric.name: percentile(seconds, float(metric.name.removeprefix("p")))
            for metric in self.metrics
        }

    def ask(self, system: System, echo: Ref, questions: Sequence[int]) -> list[float]:
        """Ask one question after the other, and return the seconds that each took."""
        return system.time_asks(echo, questions)


class CrowdedLatency(Latency):
    """Asks, while a hundred other actors are busy."""

    name = "latency-crowded"
    title = "ask among 100 busy"
    about = (
        "Asking one actor after the other while 100 others, in pairs, play ping-pong: 1,000 "
        "times, and for half a second at least."
    )
    parameters = {"pairs": 50, "asks": 1_000, "milliseconds": 500}
    short = True

    def warm_up(self, parameters: Parameters) -> dict[str, int]:
        """As many pairs, so that all that they need is there; and a few asks."""
        return {
            "pairs": parameters["pairs"],
            "asks": min(20, parameters["asks"]),
            "milliseconds": 1,
        }


class StarvedThread(Latency):
    """Asks with a timeout, so that the thread that asks and the one that answers are two."""

    name = "starved-thread"
    title = "ask of a thread, among busy actors"
    about = "Asking an idle actor with a timeout while six pairs of others play ping-pong."
    metrics = (
        Metric("p50", Unit.SECONDS, "ask", "p50"),
        Metric("p90", Unit.SECONDS, "ask", "p90"),
        Metric("p99", Unit.SECONDS, "ask", "p99"),
    )
    parameters = {"pairs": 6, "asks": 300}
    short = True

    def ask(self, system: System, echo: Ref, questions: Sequence[int]) -> list[float]:
        """Ask from a thread that waits for a minute at most."""
        return system.time_asks_within(echo, questions, PATIENCE)


class StarvedLoop(StarvedThread):
    """Awaits answers in an event loop."""

    name = "starved-loop"
    title = "await in a loop, among busy actors"
    about = "A coroutine asks an idle actor and awaits, while six pairs of others play ping-pong."

    def ask(self, system: System, echo: Ref, questions: Sequence[int]) -> list[float]:
        """Await each answer."""
        return system.time_awaits(echo, questions)
