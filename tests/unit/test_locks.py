"""The `for` statement that holds a lock which a signal handler cannot leave locked."""

from __future__ import annotations

import gc
import random
import signal
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from pykka._util.locks import held

if TYPE_CHECKING:
    from collections.abc import Iterator


class Interrupt(Exception):
    """What the signal handler raises."""


def test_the_lock_is_held_in_the_body_and_the_body_runs_once() -> None:
    lock = threading.Lock()
    rounds = 0
    for release in held(lock):
        rounds += 1
        assert lock.locked()
        release()
    assert rounds == 1
    assert not lock.locked()


def test_making_the_iterator_does_not_acquire_the_lock() -> None:
    lock = threading.Lock()
    iterator = held(lock)
    assert not lock.locked()
    del iterator
    assert lock.acquire(blocking=False)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("untraced")
def test_a_signal_handler_that_raises_leaves_it_unlocked() -> None:
    lock = threading.Lock()
    chance = random.Random(0)
    armed = False
    interruptions = 0
    done = 0

    def handler(_signal: int, _frame: object) -> None:
        nonlocal armed
        if armed:
            armed = False
            raise Interrupt

    before = signal.signal(signal.SIGALRM, handler)
    try:
        for _ in range(3_000):
            try:
                armed = True
                signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-6, 60e-6))
                for _ in range(200):
                    for release in held(lock):
                        done += 1
                        release()
                armed = False
            except Interrupt:
                interruptions += 1
            armed = False
            assert not lock.locked(), f"locked for ever after {interruptions} interruptions"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert interruptions > 100


@pytest.fixture(params=["alone", "traced"])
def maybe_traced(request: pytest.FixtureRequest, untraced: None) -> Iterator[None]:
    """Trace the thread, as debuggers do, or leave that be."""
    if request.param == "traced":
        sys.settrace(lambda *_: None)  # of Python's own functions it asks to hear no more
    yield
    sys.settrace(None)


@pytest.mark.usefixtures("maybe_traced")
def test_no_finaliser_runs_while_a_lock_is_held() -> None:
    """The collector is made to run at the first, second, third... allocation that it counts."""
    lock = threading.Lock()
    was_held: list[bool] = []

    class Cycle:
        def __init__(self) -> None:
            self.myself = self

        def __del__(self) -> None:
            was_held.append(lock.locked())

    def hold() -> None:
        for release in held(lock):
            release()

    threshold = gc.get_threshold()
    gc.disable()
    try:
        for number in range(1, 30):
            gc.collect(0)
            Cycle()
            gc.set_threshold(number)
            gc.enable()
            hold()
            gc.disable()
    finally:
        gc.set_threshold(*threshold)
        gc.enable()
    gc.collect()
    assert was_held == [False] * 29
