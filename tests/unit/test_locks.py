"""The `for` statement that holds a lock which a signal handler cannot leave locked."""

from __future__ import annotations

import random
import signal
import threading

import pytest

from pykka._locks import held


class Interrupt(Exception):
    """What the signal handler raises."""


def test_the_lock_is_held_in_the_body_and_the_body_runs_once() -> None:
    lock = threading.Lock()
    rounds = 0
    for _ in held(lock):
        rounds += 1
        assert lock.locked()
        lock.release()
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
                    for _ in held(lock):
                        done += 1
                        lock.release()
                armed = False
            except Interrupt:
                interruptions += 1
            armed = False
            assert not lock.locked(), f"locked for ever after {interruptions} interruptions"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert interruptions > 100
