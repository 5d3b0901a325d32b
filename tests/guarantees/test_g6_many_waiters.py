"""G6: any number of threads and tasks may wait for one future."""

from __future__ import annotations

import asyncio
import queue
import random
import sys
import threading

import pytest
from tests.leaks import PATIENCE

import pykka

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
        while len(future._log) < 15:  # noqa: ASYNC110 - all of them wait; no event says so
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
