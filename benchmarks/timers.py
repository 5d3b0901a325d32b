"""What a timer costs, for a thousand pending ones up to a million: `python -m benchmarks.timers`.

Timers of this library are compared with `asyncio.loop.call_later`, which is the heap of the
standard library with nothing around it, and with `threading.Timer`, which takes a thread for each
and so does not get far. Each measurement has a process of its own.

set
    Set n timers, none of which will ring. *Caller* is the processor time of the calling thread,
    *in all* that of the whole process, the clock's thread included.
cancel
    Cancel all of them, in random order.
ring
    Set n timers that are due at once, or 100,000 if n is more, and wait until all are handled:
    processor time of the whole process, for each.
memory
    What the process has grown by, for each pending timer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pykka
from benchmarks.child import describe_python
from benchmarks.environments import ROOT
from benchmarks.machine import describe_machine, describe_sources
from benchmarks.memory import resident
from benchmarks.report import NOTHING, Table
from benchmarks.stats import spread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SIZES = (1_000, 10_000, 100_000, 1_000_000)
ROUNDS = 3
MOST_THREADS = 1_000
"""So many timers are measured with `threading.Timer` at most."""
ACTORS = 1_000
"""The timers are spread over so many actors."""
MOST_RUNG = 100_000
"""So many timers ring at most."""
LATER = 100_000.0
"""Seconds after which timers are due that are not meant to ring."""
OUT = ROOT / "benchmarks" / "results" / "timers.json"
METRICS = {
    "set_caller": "set, caller",
    "set": "set, in all",
    "cancel": "cancel",
    "ring": "ring",
    "memory": "memory",
}


class Counter(pykka.PooledActor):
    """Counts what it is told."""

    def __init__(self, left: list[int], done: threading.Event) -> None:
        super().__init__()
        self.left = left
        self.done = done

    def on_receive(self, message: object) -> None:
        """Count a tick; the last one of all ends the wait."""
        del message
        self.left.pop()
        if not self.left:
            self.done.set()


class Actors:
    """Timers of pooled actors."""

    def __init__(self, count: int) -> None:
        self.left = list(range(min(count, MOST_RUNG)))
        self.done = threading.Event()
        self.refs = [Counter.start(self.left, self.done) for _ in range(min(ACTORS, count))]

    def set(self, count: int, delay: float) -> list[pykka.Timer]:
        """Set timers; those that are not to ring are due at different times."""
        refs = self.refs
        return [
            refs[number % len(refs)].tell_after(delay + number % 60, None)
            for number in range(count)
        ]

    def ring(self, count: int) -> None:
        """Set timers that are due at once, and wait until all are handled."""
        refs = self.refs
        for number in range(count):
            refs[number % len(refs)].tell_after(0.001, None)
        self.done.wait()


class Loop:
    """Timers of an event loop that is not running, which makes no difference to their cost."""

    def __init__(self, count: int) -> None:
        self.left = list(range(min(count, MOST_RUNG)))
        self.loop = asyncio.new_event_loop()

    def set(self, count: int, delay: float) -> list[asyncio.TimerHandle]:
        """See `Actors.set`."""
        call_later = self.loop.call_later
        return [call_later(delay + number % 60, self.tick, None) for number in range(count)]

    def ring(self, count: int) -> None:
        """See `Actors.ring`."""
        for _ in range(count):
            self.loop.call_later(0.001, self.tick, None)
        self.loop.run_forever()

    def tick(self, message: object) -> None:
        """Count a tick."""
        del message
        self.left.pop()
        if not self.left:
            self.loop.stop()


class Threads:
    """A thread for each timer."""

    def __init__(self, count: int) -> None:
        self.left = list(range(min(count, MOST_RUNG)))
        self.done = threading.Event()

    def set(self, count: int, delay: float) -> list[threading.Timer]:
        """See `Actors.set`."""
        timers = [
            threading.Timer(delay + number % 60, self.tick, [None]) for number in range(count)
        ]
        for timer in timers:
            timer.daemon = True
            timer.start()
        return timers

    def ring(self, count: int) -> None:
        """See `Actors.ring`."""
        for _ in range(count):
            threading.Timer(0.001, self.tick, [None]).start()
        self.done.wait()

    def tick(self, message: object) -> None:
        """Count a tick."""
        del message
        self.left.pop()
        if not self.left:
            self.done.set()


KINDS: dict[str, tuple[str, Callable[[int], Any]]] = {
    "pykka": ("pykka, PooledActor", Actors),
    "asyncio": ("asyncio.call_later", Loop),
    "threading": ("threading.Timer", Threads),
}


def measure(kind: str, count: int) -> dict[str, float]:
    """Measure one kind of timer, in this process; values are for one timer."""
    _title, make = KINDS[kind]
    subject = make(count)
    _warm_up(subject)
    before = resident([os.getpid()])
    everybody, caller = time.process_time(), time.thread_time()
    timers = subject.set(count, LATER)
    values = {"set_caller": time.thread_time() - caller, "set": time.process_time() - everybody}
    values["memory"] = max(0.0, resident([os.getpid()]) - before)
    random.Random(0).shuffle(timers)
    everybody = time.process_time()
    for timer in timers:
        timer.cancel()
    values["cancel"] = time.process_time() - everybody
    del timers
    found = {name: value / count for name, value in values.items()}
    rung = min(count, MOST_RUNG)
    everybody = time.process_time()
    subject.ring(rung)
    found["ring"] = (time.process_time() - everybody) / rung
    return found


def _warm_up(subject: Any) -> None:
    for timer in subject.set(100, LATER):
        timer.cancel()


def measure_all(sizes: Sequence[int], rounds: int) -> dict[str, Any]:
    """Measure everything, each time in a process of its own, the kinds in turn."""
    values: dict[str, dict[str, dict[str, list[float]]]] = {}
    for size in sizes:
        for _round in range(rounds):
            for kind in KINDS:
                if kind == "threading" and size > MOST_THREADS:
                    continue
                found = _in_child(kind, size)
                of_kind = values.setdefault(str(size), {}).setdefault(kind, {})
                for name, value in found.items():
                    of_kind.setdefault(name, []).append(float(f"{value:.6g}"))
    return {
        "format": 1,
        "rounds": rounds,
        "machine": describe_machine(),
        "python": describe_python(),
        "sources": describe_sources(),
        "values": values,
    }


def _in_child(kind: str, size: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.timers", "--one", kind, str(size)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    found: dict[str, float] = json.loads(done.stdout)
    return found


def table(results: dict[str, Any]) -> Table:
    """All figures for one timer: medians, and half the distance of the quartiles."""
    made = Table(["pending", "", *METRICS.values()], [])
    for size, kinds in results["values"].items():
        for kind, (title, _make) in KINDS.items():
            if kind in kinds:
                cells = [_cell(name, kinds[kind].get(name)) for name in METRICS]
                made.rows.append([f"{int(size):,}", title, *cells])
    return made


def _cell(name: str, values: Sequence[float] | None) -> str:
    if not values:
        return NOTHING
    found = spread(values)
    if name == "memory":
        return f"{found.median:,.0f} B ± {found.relative:.0%}"
    return f"{found.median * 1e6:.2f} µs ± {found.relative:.0%}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table, and keep the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.timers", description="Timers.")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="pending timers")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--out", type=Path, default=OUT, help="file of results")
    parser.add_argument("--one", nargs=2, metavar=("KIND", "SIZE"), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.one:
        kind, size = given.one
        print(json.dumps(measure(kind, int(size))), flush=True)
        os._exit(0)  # without a wait for what is pending
    results = measure_all(given.sizes, given.rounds)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(table(results).as_text())


if __name__ == "__main__":
    main()
