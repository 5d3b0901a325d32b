"""G7: a timeout is one deadline for the whole call."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

import pytest
from tests.leaks import PATIENCE

import pykka
from pykka._util.thread_state import current
from pykka._util.world import World

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    fake = Clock()

    class Told(World):
        monotonic = staticmethod(fake)

    monkeypatch.setattr(current.state, "world", Told())
    return fake


def _slow_future(clock: Clock, seconds: float, given: list[float | None]) -> pykka.Future[str]:
    """A future that takes some time to read, or times out; notes the timeout it was given."""
    future: pykka.Future[str] = pykka.ThreadingFuture()

    def read(timeout: float | None) -> str:
        given.append(timeout)
        if timeout is not None and timeout < seconds:
            clock.now += timeout
            raise pykka.Timeout("too slow")
        clock.now += seconds
        return "value"

    future.set_get_hook(read)
    return future


def _get_all(futures: list[pykka.Future[str]], timeout: float) -> object:
    return pykka.get_all(futures, timeout=timeout)


def _join(futures: list[pykka.Future[str]], timeout: float) -> object:
    first, *others = futures
    return first.join(*others).get(timeout=timeout)


def _join_of_maps(futures: list[pykka.Future[str]], timeout: float) -> object:
    first, *others = [future.map(str.upper).map(str.lower) for future in futures]
    return first.join(*others).get(timeout=timeout)


def _reduce(futures: list[pykka.Future[str]], timeout: float) -> object:
    first, *others = futures
    return first.join(*others).reduce(lambda a, b: [*a, b], []).get(timeout=timeout)


WAYS = [_get_all, _join, _join_of_maps, _reduce]


@pytest.mark.parametrize("way", WAYS)
def test_parts_share_the_time_there_is(
    clock: Clock, way: Callable[[list[pykka.Future[str]], float], object]
) -> None:
    given: list[float | None] = []
    futures = [_slow_future(clock, 2.0, given) for _ in range(3)]

    assert way(futures, 7.0) == ["value"] * 3
    assert given == [7.0, 5.0, 3.0]


@pytest.mark.parametrize("way", WAYS)
def test_the_part_that_passes_the_deadline_ends_the_whole(
    clock: Clock, way: Callable[[list[pykka.Future[str]], float], object]
) -> None:
    given: list[float | None] = []
    futures = [_slow_future(clock, 2.0, given) for _ in range(4)]

    with pytest.raises(pykka.Timeout):
        way(futures, 5.0)
    assert given == [5.0, 3.0, 1.0]
    assert clock.now == 1005.0


def test_stop_all_has_one_deadline_and_asks_all_to_stop() -> None:
    may_end = threading.Event()
    asked: queue.SimpleQueue[str] = queue.SimpleQueue()

    class Stubborn(pykka.ThreadingActor):
        def on_receive(self, message: object) -> None:
            assert may_end.wait(PATIENCE)

        def on_stop(self) -> None:
            asked.put("stopped")

    refs = [Stubborn.start() for _ in range(3)]
    for ref in refs:
        ref.tell("be busy")
    with pytest.raises(pykka.Timeout):
        pykka.ActorRegistry.stop_all(timeout=0.01)
    may_end.set()
    assert [asked.get(timeout=PATIENCE) for _ in range(3)] == ["stopped"] * 3


def test_as_completed_has_one_deadline() -> None:
    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    never: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    future.set(1)

    arrivals = pykka.as_completed([never, future], timeout=0.01)
    assert next(arrivals) is future
    with pytest.raises(pykka.Timeout):
        next(arrivals)


@pytest.mark.parametrize("timeout", [float("inf"), 1e30, threading.TIMEOUT_MAX * 2])
def test_a_timeout_may_be_longer_than_a_lock_can_wait(timeout: float) -> None:
    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    threading.Thread(target=future.set, args=(1,)).start()
    assert future.get(timeout=timeout) == 1
    assert pykka.get_all([future], timeout=timeout) == [1]
