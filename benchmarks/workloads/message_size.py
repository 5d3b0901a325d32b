"""Curve: from small messages to large ones."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks.workload import Group, Metric, Unit, Workload, check
from benchmarks.workloads.echo import Echo

if TYPE_CHECKING:
    from benchmarks.system import System
    from benchmarks.workload import Parameters, Values


class MessageSize(Workload):
    """Asks with a payload."""

    name = "message-size"
    title = "message size"
    about = "Asking with a string of bytes that comes back in the answer."
    group = Group.CURVE
    metrics = (Metric("time", Unit.SECONDS, "ask"),)
    parameters = {"bytes": 1_024, "asks": 2_000}
    scaled = ("asks",)

    def run(self, system: System, parameters: Parameters) -> Values:
        """Ask and ask again."""
        payload = b"x" * parameters["bytes"]
        questions = [payload] * parameters["asks"]
        echo = system.spawn(Echo)
        started = time.perf_counter()
        answers = system.ask_each(echo, questions)
        seconds = time.perf_counter() - started
        check([len(answer) for answer in answers], [len(payload)] * len(questions))
        return {"time": seconds / len(questions)}
