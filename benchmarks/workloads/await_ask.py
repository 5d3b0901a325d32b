"""What users of asyncio feel: an `await` of an answer."""

from __future__ import annotations

import time
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from benchmarks.workload import Group, Metric, Unit, Workload, check
from benchmarks.workloads.echo import Echo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.system import System
    from benchmarks.workload import Parameters, Values


class _Awaits(Workload):
    """Questions that are awaited, one after the other."""

    group = Group.FEEL
    metrics = (Metric("time", Unit.SECONDS, "ask"),)
    parameters = {"asks": 10_000}
    scaled = ("asks",)

    @abstractmethod
    def ask_each(self, system: System, questions: Sequence[int]) -> list[Any]:
        """Ask and ask again, in an event loop, and return the answers."""

    def run(self, system: System, parameters: Parameters) -> Values:
        """Ask, and see that each answer is the question."""
        questions = range(parameters["asks"])
        started = time.perf_counter()
        answers = self.ask_each(system, questions)
        seconds = time.perf_counter() - started
        check(answers, list(questions))
        return {"time": seconds / len(questions)}


class AwaitAsk(_Awaits):
    """From a coroutine to an actor and back."""

    name = "await-ask"
    title = "await an answer"
    about = "A coroutine asks an actor, awaits the answer, and asks again."

    def ask_each(self, system: System, questions: Sequence[int]) -> list[Any]:
        """Ask an actor whose handler is a plain function."""
        return system.await_each(Echo, questions)


class AwaitCoroutine(_Awaits):
    """From a coroutine to an actor whose handler is a coroutine, and back."""

    name = "await-coroutine"
    title = "await an async def"
    about = (
        "A coroutine asks an actor in its own event loop whose handler is an `async def` that "
        "answers at once, awaits the answer, and asks again."
    )
    short = False

    def ask_each(self, system: System, questions: Sequence[int]) -> list[Any]:
        """Ask an actor whose handler is `async def`."""
        return system.await_coroutines(questions)


class AwaitBetweenActors(_Awaits):
    """From an actor in a loop to another one and back."""

    name = "await-between"
    title = "await between actors"
    about = "An actor in an event loop asks another one, awaits the answer, and asks again."

    def ask_each(self, system: System, questions: Sequence[int]) -> list[Any]:
        """Have one actor ask the other."""
        return system.await_between(questions)
