"""Many restarts of one actor; and what they leave behind."""

from __future__ import annotations

import gc
import os
import threading
import weakref
from pathlib import Path
from typing import Any

from tests.leaks import PATIENCE, wait_until

import pykka
from pykka._cell.cell import Cell
from pykka.resilience._backoff import Backoff
from pykka.supervision import ChildSpec, Supervisor
from pykka.timers import ManualClock

_PAUSE = Backoff(minimum=0.001, maximum=0.001, jitter=0)


class Worker(pykka.Actor):
    """Takes on whatever an instance can take on; all of it is to go when that ends."""

    def __init__(self, trial: Trial) -> None:
        super().__init__()
        self.trial = trial
        trial.instances.add(self)

    def on_start(self) -> None:
        self.actor_ref.tell_every(1000, "a timer of its own")
        self.set_idle_timeout(1000)
        self.watch(self.trial.supervisor)
        self.start_child(self.trial.helper_class)
        self.become(self.work)

    def work(self, message: Any) -> Any:
        if message == "crash":
            raise ValueError
        return message


class Trial:
    """An actor that is restarted again and again.

    Args:
        runtime: What it runs on.
        waits: Whether each restart comes after a pause.
        how: `"crash"` for restarts in place, `"kill"` for a new actor each time.
    """

    def __init__(self, runtime: Any, *, waits: bool = False, how: str = "crash") -> None:
        gc.collect()
        gc.freeze()  # what was there before is none of this, and to look through it takes long
        self.clock = ManualClock()
        self.system = pykka.ActorSystem(clock=self.clock)
        self.instances: weakref.WeakSet[Any] = weakref.WeakSet()
        self.helper_class = type("Helper", (runtime,), {})
        worker = type("Worker", (Worker, runtime), {})
        self.waits = waits
        self.how = how
        self.supervisor: Any = self.system.start(Supervisor, max_restarts=10**9, within=0.001)
        spec = ChildSpec("w", worker, [self], backoff=_PAUSE if waits else None)
        self.ref: Any = self.supervisor.proxy().add_child(spec).get(timeout=PATIENCE)

    def restart(self, times: int) -> None:
        """Have it restarted so many times."""
        for _ in range(times):
            if self.how == "crash":
                self.ref.tell("crash")
            else:
                self.ref.kill(block=False)
            if self.waits:
                self._pass_time()
            if self.how == "crash":
                assert self.ref.ask("hello", timeout=PATIENCE) == "hello"
            else:
                self._wait_for_another()

    def _pass_time(self) -> None:
        """Let the pause begin, whenever that is, and pass."""
        answer = self.ref.ask("hello", block=False)

        def is_over() -> bool:
            self.clock.advance(0.001)
            return answer.done()

        wait_until(is_over, "it is restarted after the pause")

    def _wait_for_another(self) -> None:
        def find() -> Any:
            ref = self.supervisor.proxy().get_child("w").get(timeout=PATIENCE)
            return ref if ref is not None and ref != self.ref else None

        wait_until(find, "another takes its place")
        self.ref = find()

    def footprint(self) -> dict[str, int]:
        """How much there is of what could be left behind."""
        self.clock._compact()  # up to 64 cancelled alarms may lie there, with what they hold
        wait_until(self._is_clean, "only one instance is left, and no message")
        objects = gc.get_objects()
        cells = [each for each in objects if isinstance(each, Cell)]
        return {
            "threads": threading.active_count(),
            "alarms": self.clock.pending,
            "scheduled": len(self.clock._heap),
            "instances": len(self.instances),
            "cells": sum(getattr(each, "services", None) is self.system for each in cells),
            "actors": len(self.system.get_all()),
            "timers": len(self.ref.timers()),
            "objects": len(objects),
            "bytes": _resident(),
        }

    def _is_clean(self) -> bool:
        # Without the GIL, the thread that made an object must run for it to be freed.
        self.ref.ask("hello", timeout=PATIENCE)
        gc.collect()
        waiting = self.ref._cell.count() + self.supervisor._cell.count()
        return len(self.instances) == 1 and waiting == 0

    def end(self) -> None:
        """Stop everything."""
        self.system.shutdown(timeout=PATIENCE)
        gc.unfreeze()
        gc.collect()
        gc.freeze()  # as it was; see `conftest.py`


def _resident() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


ENOUGH = 5_000
"""From so many restarts on, the memory of the process tells something."""


def check_flat(before: dict[str, int], after: dict[str, int], restarts: int) -> None:
    """Raise if something has grown with the number of restarts."""
    assert after["threads"] <= before["threads"] + 4, "threads of the pools come and go"
    assert after["alarms"] == before["alarms"]
    assert after["scheduled"] == before["scheduled"]
    assert after["instances"] == before["instances"] == 1
    assert after["cells"] <= 8, "workers remember whom they have run last"
    assert after["actors"] == before["actors"] == 3
    assert after["timers"] == before["timers"] == 1
    assert after["objects"] - before["objects"] < max(300, restarts / 10), (before, after)
    if restarts >= ENOUGH:  # for a few, what the allocator takes is more than what they leave
        assert after["bytes"] - before["bytes"] < max(4_000_000, restarts * 100), (before, after)
