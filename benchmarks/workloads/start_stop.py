"""What users feel: start and stop of an actor, and what an idle one takes."""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING

from benchmarks import memory
from benchmarks.workload import Group, Metric, Unit, Workload

if TYPE_CHECKING:
    from benchmarks.system import System
    from benchmarks.workload import Parameters, Values


class StartStop(Workload):
    """A life in which nothing happens."""

    name = "start-stop"
    title = "start and stop"
    about = "Starting an actor, stopping it, and waiting for its end."
    group = Group.FEEL
    metrics = (Metric("time", Unit.SECONDS, "actor"),)
    parameters = {"actors": 1_000}
    scaled = ("actors",)

    def run(self, system: System, parameters: Parameters) -> Values:
        """Start and stop, one after the other."""
        count = parameters["actors"]
        started = time.perf_counter()
        system.start_and_stop(count)
        return {"time": (time.perf_counter() - started) / count}


class IdleMemory(Workload):
    """What an actor takes that does nothing."""

    name = "idle-memory"
    title = "memory of an idle actor"
    about = "How much the memory of the process grows for each actor that is started."
    group = Group.FEEL
    metrics = (Metric("memory", Unit.BYTES, "actor"),)
    parameters = {"actors": 1_000}
    scaled = ("actors",)
    short = False

    def warm_up(self, parameters: Parameters) -> dict[str, int]:
        """Only a few, because memory that was used before would be used again."""
        return {"actors": min(10, parameters["actors"])}

    def live(self, parameters: Parameters) -> int:
        """All of them."""
        return parameters["actors"]

    def run(self, system: System, parameters: Parameters) -> Values:
        """Start them and look."""
        count = parameters["actors"]
        few = system.start_idle(min(10, count))
        gc.collect()
        before = memory.used()
        many = system.start_idle(count)
        gc.collect()
        grown = memory.used() - before
        del few, many
        return {"memory": grown / count}
