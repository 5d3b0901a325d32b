"""Extra: what is left in memory after ten million messages."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from benchmarks import memory
from benchmarks.workload import Group, Metric, Unit, Workload, check

if TYPE_CHECKING:
    from benchmarks.system import System
    from benchmarks.workload import Parameters, Values


class ManyMessages(Workload):
    """So many that a leak of a byte for each would show."""

    name = "many-messages"
    title = "memory after ten million messages"
    about = (
        "The main program tells an actor a thousand numbers and asks it for their sum, ten "
        "thousand times. Memory is by how much the process has grown since the first tenth of it."
    )
    group = Group.EXTRAS
    metrics = (Metric("memory", Unit.BYTES, "process"),)
    parameters = {"rounds": 10_000}
    heavy = True

    def warm_up(self, parameters: Parameters) -> dict[str, int]:
        """Only a few."""
        return {"rounds": min(10, parameters["rounds"])}

    def run(self, system: System, parameters: Parameters) -> Values:
        """Tell and ask, and look before and after."""
        rounds, numbers = parameters["rounds"], range(1_000)
        first = max(1, rounds // 10)
        sums = system.defer_in_rounds(numbers)
        seen = [next(sums) for _ in range(first)]
        gc.collect()
        before = memory.used()
        for _ in range(rounds - first):
            seen[-1] = next(sums)
        gc.collect()
        grown = memory.used() - before
        check(seen[-1], rounds * sum(numbers))
        return {"memory": max(0, grown)}
