"""What users feel: how long it takes to start actors, and what a million of them take."""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING

from benchmarks import memory
from benchmarks.workload import Group, Metric, Unit, Workload, check

if TYPE_CHECKING:
    from benchmarks.system import System
    from benchmarks.workload import Parameters, Values


class _Starts(Workload):
    """Many actors that stay alive."""

    group = Group.FEEL
    parameters = {"actors": 10_000}

    def warm_up(self, parameters: Parameters) -> dict[str, int]:
        """Only a few, because memory that was used before would be used again."""
        return {"actors": min(10, parameters["actors"])}

    def live(self, parameters: Parameters) -> int:
        """All of them."""
        return parameters["actors"]


class Start(_Starts):
    """Start, and nothing else."""

    name = "start"
    title = "start"
    about = (
        "The main program starts actors, which stay; the clock stops when the last is started. "
        "Afterwards each is asked, to see that it is there."
    )
    metrics = (Metric("time", Unit.SECONDS, "actor"),)
    heavy = True

    def run(self, system: System, parameters: Parameters) -> Values:
        """Start, and see that all are there."""
        count = parameters["actors"]
        started = time.perf_counter()
        actors = system.start_many(count)
        seconds = time.perf_counter() - started
        check(system.ask_every(actors), sum(range(count)))
        return {"time": seconds / count}


class StartAndTell(_Starts):
    """Start, and something to do."""

    name = "start-and-tell"
    title = "start and tell"
    about = (
        "The main program starts actors, and tells each something as soon as it is started; the "
        "clock stops when the last has handled it."
    )
    metrics = (Metric("time", Unit.SECONDS, "actor"),)
    parameters = {"actors": 1_000}
    scaled = ("actors",)

    def run(self, system: System, parameters: Parameters) -> Values:
        """Start, tell, and hear from all."""
        count = parameters["actors"]
        started = time.perf_counter()
        total = system.start_and_tell(count)
        seconds = time.perf_counter() - started
        check(total, sum(range(count)))
        return {"time": seconds / count}


class StopAll(_Starts):
    """All of them end at once."""

    name = "stop-all"
    title = "stop a million actors"
    about = (
        "The main program starts a million actors, and stops them all at once; the clock stops "
        "when the last has ended. To start one is told beside it, for comparison."
    )
    metrics = (
        Metric("stop", Unit.SECONDS, "actor", "stop"),
        Metric("start", Unit.SECONDS, "actor", "start"),
    )
    parameters = {"actors": 1_000_000}
    heavy = True
    short = False

    def run(self, system: System, parameters: Parameters) -> Values:
        """Start them, and stop them."""
        count = parameters["actors"]
        started = time.perf_counter()
        actors = system.start_many(count)
        between = time.perf_counter()
        stopped = system.stop_all()
        ended = time.perf_counter()
        check((stopped, len(actors)), (count, count))
        return {"stop": (ended - between) / count, "start": (between - started) / count}


class Million(_Starts):
    """As many as there are people in a large city."""

    name = "million"
    title = "a million actors"
    about = (
        "The main program starts a million actors with one attribute each, which stay, with the "
        "garbage collector as it is by default; then it asks each of them. Memory is how much "
        "main memory the process has grown by."
    )
    metrics = (
        Metric("total", Unit.SECONDS, "million", "all of them"),
        Metric("start", Unit.SECONDS, "actor", "start"),
        Metric("ask", Unit.SECONDS, "ask", "ask each"),
        Metric("memory", Unit.BYTES, "actor", "memory"),
    )
    parameters = {"actors": 1_000_000}
    heavy = True

    def run(self, system: System, parameters: Parameters) -> Values:
        """Start all, weigh them, ask all."""
        count = parameters["actors"]
        gc.collect()
        before = memory.used()
        started = time.perf_counter()
        actors = system.start_many(count)
        seconds = time.perf_counter() - started
        grown = memory.used() - before
        asked = time.perf_counter()
        total = system.ask_every(actors)
        asking = time.perf_counter() - asked
        check(total, sum(range(count)))
        return {
            "total": seconds,
            "start": seconds / count,
            "ask": asking / count,
            "memory": grown / count,
        }
