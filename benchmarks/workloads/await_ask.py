"""What users of asyncio feel: an `await` of an answer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks.workload import Group, Metric, Unit, Workload, check
from benchmarks.workloads.echo import Echo

if TYPE_CHECKING:
    from benchmarks.system import System
    from benchmarks.workload import Parameters, Values


class AwaitAsk(Workload):
    """From a coroutine to an actor and back."""

    name = "await-ask"
    title = "await an answer"
    about = "A coroutine asks an actor, awaits the answer, and asks again."
    group = Group.FEEL
    metrics = (Metric("time", Unit.SECONDS, "ask"),)
    parameters = {"asks": 10_000}
    scaled = ("asks",)

    def run(self, system: System, parameters: Parameters) -> Values:
        """Ask and ask again, in an event loop."""
        questions = range(parameters["asks"])
        started = time.perf_counter()
        answers = system.await_each(Echo, questions)
        seconds = time.perf_counter() - started
        check(answers, list(questions))
        return {"time": seconds / len(questions)}


class AwaitCoroutine(Workload):
    """From a coroutine to an actor whose handler is a coroutine, and back."""

    name = "await-coroutine"
    title = "await an async def"
    about = (
        "A coroutine asks an actor in its own event loop whose handler is an `async def` that "
        "answers at once, awaits the answer, and asks again."
    )
    group = Group.FEEL
    metrics = (Metric("time", Unit.SECONDS, "ask"),)
    parameters = {"asks": 10_000}
    scaled = ("asks",)
    short = False

    def run(self, system: System, parameters: Parameters) -> Values:
        """Ask and ask again, in an event loop."""
        questions = range(parameters["asks"])
        started = time.perf_counter()
        answers = system.await_coroutines(questions)
        seconds = time.perf_counter() - started
        check(answers, list(questions))
        return {"time": seconds / len(questions)}


class AwaitBetweenActors(Workload):
    """From an actor in a loop to another one and back."""

    name = "await-between"
    title = "await between actors"
    about = "An actor in an event loop asks another one, awaits the answer, and asks again."
    group = Group.FEEL
    metrics = (Metric("time", Unit.SECONDS, "ask"),)
    parameters = {"asks": 10_000}
    scaled = ("asks",)

    def run(self, system: System, parameters: Parameters) -> Values:
        """Have the one ask the other."""
        questions = range(parameters["asks"])
        started = time.perf_counter()
        answers = system.await_between(questions)
        seconds = time.perf_counter() - started
        check(answers, list(questions))
        return {"time": seconds / len(questions)}
