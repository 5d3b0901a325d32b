"""What the tests of the clocks share."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import wait_until

from pykka.timers import _clock
from pykka.timers._clock import Clock, MonotonicClock, brief

if TYPE_CHECKING:
    import weakref
    from collections.abc import Callable, Iterator

FAR = 10_000.0
"""Seconds that no test waits for."""


class Alarm:
    """Does something when it rings, and counts how often it does."""

    def __init__(self, action: Callable[[], object] = lambda: None) -> None:
        self.action = action
        self.is_cancelled = False
        self.rings = 0

    def ring(self) -> None:
        self.rings += 1
        self.action()

    def cancel(self, clock: Clock) -> None:
        self.is_cancelled = True
        clock.forget(self)


@brief
class Prompt(Alarm):
    """One that rings on the clock's own thread, as those of the library's that are short."""

    def ring(self) -> None:  # the check in `tests.on_the_clock` lets it pass
        super().ring()


@contextmanager
def keep_alive(seconds: float) -> Iterator[None]:
    """Have the threads of clocks wait for so long for something to happen."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_clock, "KEEP_ALIVE", seconds)
        yield


@contextmanager
def new_clock() -> Iterator[MonotonicClock]:
    """A clock whose thread ends soon when there is nothing to do, and has ended afterwards."""
    with keep_alive(0.02):
        clock = MonotonicClock()
        yield clock
        pending: list[Any] = [*clock._heap.copy(), *clock._incoming.copy()]
        for *_, alarm in pending:
            alarm.cancel(clock)
        wait_until(lambda: clock._vacant, "the clock's thread has ended")


def wait_until_asleep(clock: MonotonicClock, when: float) -> None:
    wait_until(lambda: clock._planned == when, "the thread is asleep")


def count_alive(refs: list[weakref.ref[Alarm]]) -> int:
    return sum(ref() is not None for ref in refs)
