"""What users feel: ask, in all the ways in which one asks."""

from __future__ import annotations

import time
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from benchmarks.behaviour import START, Behaviour
from benchmarks.workload import PATIENCE, Group, Metric, Unit, Workload, check
from benchmarks.workloads.echo import Echo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.behaviour import Ref
    from benchmarks.system import System
    from benchmarks.workload import Parameters, Values

HALT = "halt"


class _Asks(Workload):
    """Questions and answers."""

    group = Group.FEEL
    metrics = (Metric("time", Unit.SECONDS, "ask"),)
    parameters = {"asks": 10_000}
    scaled = ("asks",)

    @abstractmethod
    def ask(self, system: System, echo: Ref, questions: Sequence[int]) -> list[Any]:
        """Ask, and return the answers."""

    def run(self, system: System, parameters: Parameters) -> Values:
        """Ask and ask again."""
        questions = range(parameters["asks"])
        echo = system.spawn(Echo)
        started = time.perf_counter()
        answers = self.ask(system, echo, questions)
        seconds = time.perf_counter() - started
        check(answers, list(questions))
        return {"time": seconds / len(questions)}


class Ask(_Asks):
    """Question and answer, one at a time."""

    name = "ask"
    title = "ask"
    about = "The main program asks an actor, waits for the answer, and asks again."

    def ask(self, system: System, echo: Ref, questions: Sequence[int]) -> list[Any]:
        """Ask from outside."""
        return system.ask_each(echo, questions)


class AskFromActor(_Asks):
    """An actor that asks."""

    name = "ask-from-actor"
    title = "ask from an actor"
    about = (
        "An actor, which was told to, asks another inside its handler, waits for the answer, and "
        "asks again."
    )

    def ask(self, system: System, echo: Ref, questions: Sequence[int]) -> list[Any]:
        """Ask from a handler."""
        return system.ask_from_actor(echo, questions)


class AskWithTimeout(_Asks):
    """Question and answer, with a deadline that is never reached."""

    name = "ask-with-timeout"
    title = "ask with a timeout"
    about = "The main program asks, waits for the answer for a minute at most, and asks again."

    def ask(self, system: System, echo: Ref, questions: Sequence[int]) -> list[Any]:
        """Ask from outside."""
        return system.ask_each_within(echo, questions, PATIENCE)


class OutstandingAsks(_Asks):
    """Many questions under way at the same time."""

    name = "outstanding-asks"
    title = "outstanding asks"
    about = "The main program asks everything without waiting, and then collects all answers."
    parameters = {"asks": 30_000}
    may_be_more = False

    def ask(self, system: System, echo: Ref, questions: Sequence[int]) -> list[Any]:
        """Ask everything, collect everything."""
        return system.ask_all(echo, questions)


class Busy(Behaviour):
    """Tells itself to go on whenever it does, so that it always has a message; and answers."""

    def __init__(self) -> None:
        self.halted = False

    def receive(self, message: Any) -> Any:
        """Go on, halt or answer."""
        if message == START:
            if self.halted:
                self.finish(HALT)
            else:
                self.me.tell(START)
        elif message == HALT:
            self.halted = True
        else:
            return message
        return None


class AskBusy(Workload):
    """Questions to somebody who has something else to do."""

    name = "ask-busy"
    title = "ask a busy actor"
    about = (
        "The main program asks an actor that always has another message, which it sends itself; "
        "waits for the answer, and asks again."
    )
    group = Group.FEEL
    metrics = (Metric("time", Unit.SECONDS, "ask"),)
    parameters = {"asks": 40}

    def run(self, system: System, parameters: Parameters) -> Values:
        """Make it busy, ask, let it rest."""
        questions = range(parameters["asks"])
        busy = system.spawn(Busy)
        system.ask_busy(busy, [])  # a system that cannot do it says so now
        system.tell_each(busy, [START])
        started = time.perf_counter()
        answers = system.ask_busy(busy, questions)
        seconds = time.perf_counter() - started
        check(answers, list(questions))
        system.tell_each(busy, [HALT])
        check(system.wait(PATIENCE), HALT)
        return {"time": seconds / len(questions)}
