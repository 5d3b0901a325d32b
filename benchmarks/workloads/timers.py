"""Extras: what a timer costs, for a thousand pending ones up to a million.

All is processor time, since a timer that is pending takes none, and one that rings takes it on
another thread.
"""

from __future__ import annotations

import gc
import random
import time
from typing import TYPE_CHECKING

from benchmarks import memory
from benchmarks.workload import Group, Metric, Unit, Workload

if TYPE_CHECKING:
    from benchmarks.system import System
    from benchmarks.workload import Parameters, Values

MOST_RUNG = 100_000
"""So many timers ring at most."""


class Timers(Workload):
    """Timers that are pending, cancelled, and due."""

    name = "timers"
    title = "timers"
    about = (
        "Setting timers for messages to a thousand actors, none of which will ring: the "
        "processor time of the calling thread, and that of the whole process, the clock's thread "
        "included; what the process grows by; cancelling all of them in random order; and setting "
        "as many that are due at once, 100,000 at most, until all are handled."
    )
    group = Group.EXTRAS
    metrics = (
        Metric("set-caller", Unit.SECONDS, "timer", "set, caller"),
        Metric("set", Unit.SECONDS, "timer", "set, in all"),
        Metric("cancel", Unit.SECONDS, "timer", "cancel"),
        Metric("ring", Unit.SECONDS, "timer", "ring"),
        Metric("memory", Unit.BYTES, "timer", "memory"),
    )
    parameters = {"timers": 1_000, "actors": 1_000}

    def warm_up(self, parameters: Parameters) -> dict[str, int]:
        """Only a few, because memory that was used before would be used again."""
        return {name: min(10, value) for name, value in parameters.items()}

    def live(self, parameters: Parameters) -> int:
        """The actors that are told."""
        return min(parameters["actors"], parameters["timers"])

    def run(self, system: System, parameters: Parameters) -> Values:
        """Set and weigh, cancel, ring."""
        count = parameters["timers"]
        clock = system.clock(self.live(parameters), min(count, MOST_RUNG))
        for timer in clock.set(min(100, count)):
            timer.cancel()
        gc.collect()
        before = memory.used()
        process, caller = time.process_time(), time.thread_time()
        timers = clock.set(count)
        values = {
            "set-caller": time.thread_time() - caller,
            "set": time.process_time() - process,
        }
        # A difference of two looks may come out below nothing.
        values["memory"] = max(0.0, memory.used() - before)
        random.Random(0).shuffle(timers)
        process = time.process_time()
        for timer in timers:
            timer.cancel()
        values["cancel"] = time.process_time() - process
        del timers
        process = time.process_time()
        rung = clock.ring()
        ring = time.process_time() - process
        return {name: value / count for name, value in values.items()} | {"ring": ring / rung}
