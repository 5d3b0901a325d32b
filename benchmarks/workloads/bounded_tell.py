"""What users feel: tells to an actor that lets its senders wait."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks.workload import Group, Metric, Unit, Workload, check

if TYPE_CHECKING:
    from benchmarks.system import System
    from benchmarks.workload import Parameters, Values


class BoundedTell(Workload):
    """Many messages through an inbox with little room."""

    name = "bounded-tell"
    title = "tell, bounded inbox"
    about = (
        "The main program tells an actor many things, and waits whenever a hundred are in its "
        "inbox; the clock stops when the last is handled."
    )
    group = Group.FEEL
    metrics = (Metric("rate", Unit.PER_SECOND, "message"),)
    parameters = {"messages": 20_000, "capacity": 100}
    scaled = ("messages",)

    def run(self, system: System, parameters: Parameters) -> Values:
        """Tell, and wait for the last to be handled."""
        numbers = range(parameters["messages"])
        started = time.perf_counter()
        total = system.tell_bounded(numbers, parameters["capacity"])
        seconds = time.perf_counter() - started
        check(total, sum(numbers))
        return {"rate": len(numbers) / seconds}
