"""A check that a test leaves nothing behind: no actor, no thread, and no subscriber."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pykka
from pykka._system.system import all_systems, default_system
from pykka.runtimes.pool import dispatcher

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 20.0
"""Seconds after which a test that waits for something gives up."""


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Wait for something that nobody announces, such as the end of an actor."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"it never came to pass that {what}"
        time.sleep(0.001)


def subscribers() -> list[object]:
    """Functions that hear of dead letters and events of the default system.

    Actors leave by themselves when they end.
    """
    events = default_system.events
    found = list(default_system.dead_letters._subscribers.all())
    for event_class in events._by_class.copy():
        found += events.subscribers(event_class)
    return [each for each in found if not isinstance(each, pykka.ActorRef)]


class LeakCheck:
    """Remembers what there was, and complains about what has come and not gone."""

    def __init__(self) -> None:
        self._before = set(threading.enumerate())
        self._subscribers = subscribers()

    def finish(self) -> None:
        """Stop all actors, wait for the threads that are new, and fail if one does not end."""
        deadline = time.monotonic() + PATIENCE
        left = [each for each in subscribers() if each not in self._subscribers]
        # They would be called in the middle of other tests, perhaps while a signal strikes.
        assert not left, f"the test left subscribers behind: {left}"
        for system in all_systems():
            system.stop_all(timeout=PATIENCE)
        pools = [f"{pool.name}-" for pool, _is_daemon in dispatcher._snapshot()]
        for thread in set(threading.enumerate()) - self._before:
            # A pool keeps its threads, and so do the loop that actors share, and trio. The clock
            # keeps its own for a while. A dummy stands for a thread that nobody can join.
            kept = (
                "pytest_timeout",
                "pykka-asyncio",
                "pykka-clock",
                "pykka-errand",
                "Trio thread",
                "Dummy",
            )
            if thread.name.startswith((*kept, *pools)):
                continue
            try:
                thread.join(max(0.0, deadline - time.monotonic()))
            except RuntimeError:  # it has not been started
                continue
            assert not thread.is_alive(), f"the test left a thread behind: {thread}"
        for pool, _is_daemon in dispatcher._snapshot():
            while not pool.is_quiet():
                assert time.monotonic() < deadline, f"the test left {pool.name} at work"
                time.sleep(0.001)
        for system in all_systems():
            while system.everybody():  # an actor in a loop has no thread to be joined
                assert time.monotonic() < deadline, (
                    f"left behind in {system}: {system.everybody()}"
                )
                time.sleep(0.001)
