"""What users feel: ask."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks.workload import Group, Metric, Unit, Workload, check
from benchmarks.workloads.echo import Echo

if TYPE_CHECKING:
    from benchmarks.system import System
    from benchmarks.workload import Parameters, Values


class Ask(Workload):
    """Question and answer, one at a time."""

    name = "ask"
    title = "ask"
    about = "The main program asks an actor, waits for the answer, and asks again."
    group = Group.FEEL
    metrics = (Metric("time", Unit.SECONDS, "ask"),)
    parameters = {"asks": 10_000}
    scaled = ("asks",)

    def run(self, system: System, parameters: Parameters) -> Values:
        """Ask and ask again."""
        questions = range(parameters["asks"])
        echo = system.spawn(Echo)
        started = time.perf_counter()
        answers = system.ask_each(echo, questions)
        seconds = time.perf_counter() - started
        check(answers, list(questions))
        return {"time": seconds / len(questions)}


class OutstandingAsks(Workload):
    """Many questions under way at the same time."""

    name = "outstanding-asks"
    title = "outstanding asks"
    about = "The main program asks everything without waiting, and then collects all answers."
    group = Group.FEEL
    metrics = (Metric("time", Unit.SECONDS, "ask"),)
    parameters = {"asks": 100_000}
    scaled = ("asks",)

    def run(self, system: System, parameters: Parameters) -> Values:
        """Ask everything, collect everything."""
        questions = range(parameters["asks"])
        echo = system.spawn(Echo)
        started = time.perf_counter()
        answers = system.ask_all(echo, questions)
        seconds = time.perf_counter() - started
        check(answers, list(questions))
        return {"time": seconds / len(questions)}
