"""G6: any number of threads and tasks may wait for one future."""

from __future__ import annotations

import asyncio
import queue
import random
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.futures import waiters_of
from tests.leaks import PATIENCE

import pykka
from pykka._futures.ask import make_ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Log

WAITERS = 40


class Slow(pykka.ThreadingActor):
    """Answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = threading.Event()

    def on_receive(self, message: object) -> object:
        assert self.may_answer.wait(PATIENCE)
        if isinstance(message, Exception):
            raise message
        return message


def _wait_in_threads(future: pykka.Future[object], count: int) -> queue.SimpleQueue[object]:
    """Start threads that wait; each puts into the queue first "waiting", then what it got."""
    results: queue.SimpleQueue[object] = queue.SimpleQueue()

    def wait() -> None:
        results.put("waiting")
        try:
            results.put(("value", future.get(timeout=PATIENCE)))
        except Exception as error:
            results.put(("error", error))

    for _ in range(count):
        threading.Thread(target=wait).start()
    for _ in range(count):
        assert results.get(timeout=PATIENCE) == "waiting"
    return results


@pytest.mark.parametrize("message", ["hi", ValueError("no")], ids=["value", "exception"])
def test_many_threads_wait_for_one_answer(message: object) -> None:
    ref = Slow.start()
    future = ref.ask(message, block=False)
    results = _wait_in_threads(future, WAITERS)
    ref.proxy()._actor.may_answer.set()

    kind = "error" if isinstance(message, Exception) else "value"
    assert [results.get(timeout=PATIENCE) for _ in range(WAITERS)] == [(kind, message)] * WAITERS


def test_threads_tasks_and_callbacks_wait_for_the_same_future() -> None:
    future: pykka.ThreadingFuture[object] = pykka.ThreadingFuture()
    results = _wait_in_threads(future, 5)
    called: queue.SimpleQueue[object] = queue.SimpleQueue()
    for _ in range(5):
        future.add_done_callback(lambda f: called.put(f.get()))

    async def one() -> object:
        return await future

    async def many() -> list[object]:
        tasks = [asyncio.ensure_future(one()) for _ in range(5)]
        while len(waiters_of(future)) < 15:  # noqa: ASYNC110 - all of them wait; no event says so
            await asyncio.sleep(0)
        threading.Thread(target=future.set, args=("done",)).start()
        return await asyncio.gather(*tasks)

    assert asyncio.run(many()) == ["done"] * 5
    assert [results.get(timeout=PATIENCE) for _ in range(5)] == [("value", "done")] * 5
    assert [called.get(timeout=PATIENCE) for _ in range(5)] == ["done"] * 5


def test_waiters_that_give_up_do_not_disturb_the_others() -> None:
    future: pykka.ThreadingFuture[object] = pykka.ThreadingFuture()
    results = _wait_in_threads(future, 3)
    for _ in range(20):
        with pytest.raises(pykka.Timeout):
            future.get(timeout=0.0001)
    future.set("done")

    assert [results.get(timeout=PATIENCE) for _ in range(3)] == [("value", "done")] * 3


def test_waiters_race_the_answer() -> None:
    """Hunts for a waiter that comes just when the answer does, and sleeps for ever."""
    seed = random.randrange(1_000_000)
    print(f"seed: {seed}")
    chance = random.Random(seed)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(200):
            future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
            barrier = threading.Barrier(5)
            got: queue.SimpleQueue[object] = queue.SimpleQueue()
            called: queue.SimpleQueue[object] = queue.SimpleQueue()

            def wait(
                future: pykka.ThreadingFuture[int],
                barrier: threading.Barrier,
                got: queue.SimpleQueue[object],
                called: queue.SimpleQueue[object],
                delay: int,
            ) -> None:
                barrier.wait(PATIENCE)
                for _ in range(delay):
                    pass
                future.add_done_callback(lambda f: called.put(f.get()))
                got.put(future.get(timeout=PATIENCE))

            for _ in range(4):
                delay = chance.randrange(200)
                threading.Thread(target=wait, args=(future, barrier, got, called, delay)).start()
            barrier.wait(PATIENCE)
            for _ in range(chance.randrange(200)):
                pass
            future.set(7)
            assert [got.get(timeout=PATIENCE) for _ in range(4)] == [7] * 4
            assert [called.get(timeout=PATIENCE) for _ in range(4)] == [7] * 4
            assert called.empty()
    finally:
        sys.setswitchinterval(interval)


class Meddled(list[Any]):
    """A log; something happens just when the actor's thread reads it for the n-th time."""

    def __init__(self, entries: list[Any], number: int, event: Callable[[], object]) -> None:
        super().__init__(entries)
        self._number = number
        self._event = event
        self._reads = 0

    def __getitem__(self, index: Any) -> Any:
        entry = super().__getitem__(index)
        if threading.current_thread() is not threading.main_thread():
            self._reads += 1
            if self._reads == self._number:
                self._event()
        return entry


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_waiter_that_gives_up_while_the_answer_is_set_harms_nobody(number: int) -> None:
    """It leaves the log between two looks of the actor's thread."""
    ref = Slow.start()
    future = make_ask("answer", ref._cell)
    first, second = threading.Lock(), threading.Lock()
    for lock in (first, second):
        lock.acquire()
        assert future._enter(lock.release) is None
    future._log = Meddled(future._log, number, lambda: future._forget(first.release))
    ref._cell.send(future)
    ref.proxy()._actor.may_answer.set()

    assert second.acquire(timeout=PATIENCE), "the second waiter sleeps for ever"
    assert future.get(timeout=PATIENCE) == "answer"


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_an_answer_never_wins_over_an_outcome_that_came_before(number: int, log: Log) -> None:
    ref = Slow.start()
    future = make_ask("answer", ref._cell)
    lock = threading.Lock()
    lock.acquire()
    assert future._enter(lock.release) is None
    future._log = Meddled(future._log, number, lambda: future._forget(lock.release))
    future.set("the user's")
    ref._cell.send(future)
    ref.proxy()._actor.may_answer.set()

    log.wait_for("WARNING", "dropped")
    assert future.get(timeout=PATIENCE) == "the user's"
    assert lock.acquire(timeout=PATIENCE)
