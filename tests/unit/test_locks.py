"""The `for` statement that holds a lock which a signal handler cannot leave locked."""

from __future__ import annotations

import ast
import gc
import random
import signal
import sys
import threading
from typing import TYPE_CHECKING, TypeAlias

import pytest
from tests.sources import SOURCES

from pykka._util.locks import held, holding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


Way: TypeAlias = "Callable[[threading.Lock], Iterator[Callable[[], None]]]"

_iterators: dict[threading.Lock, Iterator[Callable[[], None]]] = {}


def kept(lock: threading.Lock) -> Iterator[Callable[[], None]]:
    """Return the one endless iterator of a lock, which lies beside it."""
    if lock not in _iterators:
        _iterators[lock] = holding(lock)
    return _iterators[lock]


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
@pytest.mark.parametrize("way", [held, kept], ids=["held", "holding"])
def test_a_signal_handler_that_raises_leaves_it_unlocked(way: Way) -> None:
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
                    for release in way(lock):
                        done += 1
                        release()
                        break
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
@pytest.mark.parametrize("way", [held, kept], ids=["held", "holding"])
def test_no_finaliser_runs_while_a_lock_is_held(way: Way) -> None:
    """The collector is made to run at the first, second, third... allocation that it counts."""
    lock = threading.Lock()
    was_held: list[bool] = []

    class Cycle:
        def __init__(self) -> None:
            self.myself = self

        def __del__(self) -> None:
            was_held.append(lock.locked())

    def hold() -> None:
        for release in way(lock):
            release()
            break

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


def test_threads_can_share_the_endless_iterator() -> None:
    lock = threading.Lock()
    iterator = holding(lock)
    counts = [0, 0]

    def work() -> None:
        for _ in range(5_000):
            for release in iterator:
                before = counts[0]
                counts[1] += 1
                counts[0] = before + 1
                release()
                break

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert counts == [20_000, 20_000]


ENDLESS = "._holding", "_looking"
"""What the endless iterators of locks are called."""


def endings(source: str) -> list[list[str]]:
    """The last two statements under each endless iterator of a lock."""
    return [
        [ast.unparse(statement) for statement in node.body[-2:]]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.For) and ast.unparse(node.iter).endswith(ENDLESS)
    ]


def test_what_an_endless_iterator_holds_is_released_and_left() -> None:
    """Or it would wait for its own lock."""
    found = [ending for source in SOURCES.values() for ending in endings(source)]
    assert len(found) > 10
    assert {tuple(ending) for ending in found} == {("release()", "break")}
