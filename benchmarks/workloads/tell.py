"""What users feel: tell."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks.workload import PATIENCE, Group, Metric, Unit, Workload, check
from benchmarks.workloads.echo import Sink

if TYPE_CHECKING:
    from benchmarks.system import System
    from benchmarks.workload import Parameters, Values


class Tell(Workload):
    """Many messages to one actor."""

    name = "tell"
    title = "tell"
    about = (
        "The main program tells an actor many things; the clock stops when the last is handled."
    )
    group = Group.FEEL
    metrics = (Metric("rate", Unit.PER_SECOND, "message"),)
    parameters = {"messages": 100_000}
    scaled = ("messages",)

    def run(self, system: System, parameters: Parameters) -> Values:
        """Tell, and wait for the last to be handled."""
        messages = range(parameters["messages"])
        sink = system.spawn(Sink, messages[-1])
        started = time.perf_counter()
        system.tell_each(sink, messages)
        handled = system.wait(PATIENCE)
        seconds = time.perf_counter() - started
        check(handled, len(messages))
        return {"rate": len(messages) / seconds}
