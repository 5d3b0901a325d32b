"""What a simulated program finds in the place of parts of the standard library."""

from __future__ import annotations

import asyncio
import os
import queue
import random
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.simulation import programs

import pykka
from pykka import simulation
from pykka.simulation._engine._stdlib import EPOCH, SimulatedLock, SimulatedRLock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# --- locks --------------------------------------------------------------------------------------


def a_lock_is_a_lock() -> None:
    lock = threading.Lock()
    assert isinstance(lock, SimulatedLock)
    assert lock.acquire(blocking=False)
    assert lock.locked()
    assert not lock.acquire(blocking=False)
    assert not lock.acquire(timeout=0)
    assert not lock.acquire(timeout=3)
    assert time.monotonic() == 3
    lock.release()
    with pytest.raises(RuntimeError, match="release unlocked lock"):
        lock.release()
    lock.acquire()
    lock._at_fork_reinit()
    assert not lock.locked()


def a_re_entrant_lock_is_held_several_times() -> None:
    lock = threading.RLock()
    assert isinstance(lock, SimulatedRLock)
    with lock, lock:
        assert lock.locked()
        tried: list[bool] = []
        other = threading.Thread(target=lambda: tried.append(lock.acquire(timeout=2)))
        other.start()
        other.join()
        assert tried == [False]
    assert not lock.locked()
    with pytest.raises(RuntimeError, match="un-acquired"):
        lock.release()
    lock.acquire()
    lock._at_fork_reinit()
    assert not lock.locked()


def a_condition_gives_its_lock_away() -> None:
    condition, there = threading.Condition(), []

    def bring() -> None:
        with condition:
            there.append(1)
            condition.notify_all()

    with condition, condition:
        threading.Thread(target=bring).start()
        assert condition.wait_for(lambda: there, timeout=5)
        assert not condition.wait(timeout=5)
    assert time.monotonic() == 5


def all_the_others_are_made_of_them() -> None:
    barrier, event = threading.Barrier(2), threading.Event()
    semaphore = threading.BoundedSemaphore(1)
    threading.Timer(60, event.set).start()
    threading.Thread(target=barrier.wait).start()
    barrier.wait()
    with semaphore:
        assert not semaphore.acquire(timeout=1)
    assert not event.is_set()
    assert event.wait()
    assert time.monotonic() == 60


# --- threads ------------------------------------------------------------------------------------


def a_thread_is_joined() -> None:
    thread = threading.Thread(target=time.sleep, args=(5,))
    thread.start()
    with pytest.raises(RuntimeError, match="started once"):
        thread.start()
    thread.join(timeout=1)
    assert thread.is_alive()
    assert time.monotonic() == 1
    thread.join()
    assert not thread.is_alive()
    assert time.monotonic() == 5


def a_thread_may_exit() -> None:
    thread = threading.Thread(target=sys.exit)
    thread.start()
    thread.join()


def a_queue_makes_its_reader_wait() -> None:
    items: Any = queue.SimpleQueue[int]()
    threading.Timer(5, items.put, args=(1,)).start()
    with pytest.raises(queue.Empty):
        items.get(timeout=1)
    assert items.get() == 1
    bounded: Any = queue.Queue(1)
    bounded.put(1)
    with pytest.raises(queue.Full):
        bounded.put(2, timeout=1)
    assert time.monotonic() == 6


def what_is_made_is_of_the_class_that_stands_there() -> None:
    items: Any = queue.SimpleQueue()
    assert isinstance(items, queue.SimpleQueue)
    assert not isinstance(items, queue.Queue)
    assert issubclass(type(items), queue.SimpleQueue)
    assert isinstance(threading.Lock(), threading.Lock)  # type: ignore[arg-type, unused-ignore]
    assert not isinstance(threading.RLock(), threading.Lock)  # type: ignore[arg-type, unused-ignore]


def a_class_may_be_derived_from_a_queue() -> None:
    class Counting(queue.SimpleQueue[Any]):
        count = 0

        def put(self, item: Any, *said: Any) -> None:
            self.count += 1
            super().put(item, *said)

    counting = Counting()
    assert type(counting) is Counting
    assert isinstance(counting, queue.SimpleQueue)
    threading.Timer(1, lambda: counting.put("late")).start()
    assert counting.get() == "late"
    assert counting.count == 1


# --- time and chance ----------------------------------------------------------------------------


def all_clocks_agree() -> None:
    time.sleep(2.5)
    assert time.monotonic() == time.perf_counter() == 2.5
    assert time.time() == EPOCH + 2.5
    assert time.monotonic_ns() == time.perf_counter_ns() == 2_500_000_000
    assert time.time_ns() == int((EPOCH + 2.5) * 1e9)
    time.sleep(0)
    with pytest.raises(ValueError, match="non-negative"):
        time.sleep(-1)


USES = [
    a_lock_is_a_lock,
    a_re_entrant_lock_is_held_several_times,
    a_condition_gives_its_lock_away,
    all_the_others_are_made_of_them,
    a_thread_is_joined,
    a_thread_may_exit,
    a_queue_makes_its_reader_wait,
    what_is_made_is_of_the_class_that_stands_there,
    a_class_may_be_derived_from_a_queue,
    all_clocks_agree,
]


@pytest.mark.parametrize("main", USES)
def test_it_is_simulated(main: Callable[[], None]) -> None:
    simulation.explore(main, runs=10, haste=0.0).check()


def test_chance_follows_from_the_seed() -> None:
    def main() -> tuple[float, bytes]:
        return random.random(), os.urandom(4)

    one, again, other = (simulation.run(main, seed=seed).value for seed in (1, 1, 2))
    assert one == again
    assert one[0] != other[0]


def test_what_a_thread_fails_with_is_found() -> None:
    def main() -> None:
        threading.Thread(target=lambda: 1 / 0).start()

    (found,) = simulation.run(main).findings
    assert found.kind == "unhandled exception"
    assert "in a thread: ZeroDivisionError" in found.text


def test_a_lock_of_a_module_that_is_loaded_in_a_run_is_a_real_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It outlives the run."""
    source = "import queue, threading\nlock, items = threading.Lock(), queue.SimpleQueue()\n"
    (tmp_path / "loaded_in_a_run.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    real = type(threading.Lock()), queue.SimpleQueue

    def main() -> Any:
        import loaded_in_a_run as loaded  # type: ignore[import-not-found]  # noqa: PLC0415

        return type(loaded.lock), type(loaded.items)

    assert simulation.run(main).value == real
    del sys.modules["loaded_in_a_run"]


def test_what_a_program_puts_in_the_place_of_ours_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", time.sleep)  # so that it is put back

    def mine(seconds: float) -> None:
        """Do nothing."""

    def main() -> None:
        time.sleep = mine  # type: ignore[assignment]

    simulation.run(main).check()
    assert time.sleep is mine


def test_crashes_of_other_threads_are_told() -> None:
    told: list[Any] = []
    before, pykka.crash_hook = pykka.crash_hook, told.append
    go, done = threading.Lock(), threading.Lock()
    go.acquire()
    done.acquire()

    class Fails(pykka.ThreadingActor):
        def on_receive(self, message: Any) -> None:
            raise OSError(message)

    def fail() -> None:
        go.acquire()
        Fails.start().tell("outside")
        while not told:
            time.sleep(0.001)
        done.release()

    def main() -> None:
        Fails.start().tell("inside")
        go.release()
        done.acquire()

    other = threading.Thread(target=fail)
    other.start()
    simulation.run(main, allow=[OSError]).check()
    other.join()
    pykka.crash_hook = before
    assert [str(each.exception) for each in told] == ["outside"]


def test_without_a_crash_hook_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pykka, "crash_hook", None)
    simulation.run(programs.tells).check()
    assert pykka.crash_hook is None


def test_two_threads_make_runs_at_the_same_time() -> None:
    results: list[Any] = []
    real = threading.Thread.start

    def make_runs() -> None:
        results.append(simulation.explore(programs.tells, runs=30))

    threads = [threading.Thread(target=make_runs) for _ in range(2)]
    for thread in threads:
        real(thread)
    for thread in threads:
        thread.join()
    assert [each.failure for each in results] == [None, None]


# --- loops --------------------------------------------------------------------------------------


def a_loop_of_ones_own() -> None:
    loop = asyncio.new_event_loop()
    assert not loop.is_running()
    assert not loop.get_debug()
    loop.set_debug(True)
    assert loop.get_debug()
    assert loop.get_exception_handler() is None
    heard: list[Any] = []
    loop.set_exception_handler(lambda _loop, context: heard.append(context["message"]))
    loop.call_exception_handler({"message": "oh"})
    assert heard == ["oh"]
    assert loop.get_exception_handler() is not None
    assert loop.get_task_factory() is None
    made: list[Any] = []

    def factory(loop: Any, coroutine: Any, **said: Any) -> Any:
        made.append(coroutine)
        return asyncio.Task(coroutine, loop=loop, **said)

    loop.set_task_factory(factory)
    assert loop.get_task_factory() is factory

    async def five() -> int:
        with pytest.raises(RuntimeError, match="already running"):
            loop.run_forever()
        with pytest.raises(RuntimeError, match="another loop is running"):
            asyncio.new_event_loop().run_forever()
        cancelled = loop.call_later(1, heard.append, "never")
        cancelled.cancel()
        loop.call_soon(heard.append, "soon").cancel()
        await asyncio.sleep(5)
        return 5

    assert loop.run_until_complete(five()) == 5
    assert len(made) == 1
    loop.call_later(1, loop.stop)
    with pytest.raises(RuntimeError, match="stopped before Future completed"):
        loop.run_until_complete(loop.create_future())
    loop.stop()
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_default_executor())
    assert heard == ["oh"]
    loop.close()
    assert loop.is_closed()
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        loop.call_soon(heard.append, "late")


async def functions_run_elsewhere() -> None:
    loop = asyncio.get_running_loop()
    assert await asyncio.to_thread(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await loop.run_in_executor(None, lambda: 1 / 0)
    waits = loop.run_in_executor(None, time.sleep, 5)
    waits.cancel()
    await asyncio.sleep(10)


def an_executor_outlives_its_loop() -> None:
    async def main() -> None:
        asyncio.get_running_loop().run_in_executor(None, time.sleep, 60)

    asyncio.run(main())
    time.sleep(100)


@pytest.mark.parametrize(
    "main", [a_loop_of_ones_own, functions_run_elsewhere, an_executor_outlives_its_loop]
)
def test_a_loop_is_simulated(main: Callable[[], Any]) -> None:
    simulation.explore(main, runs=10, haste=0.0).check()


def test_what_a_loop_cannot_do_is_refused() -> None:
    async def main() -> None:
        with pytest.raises(simulation.NotSimulatedError, match=r"add_reader\(\)"):
            asyncio.get_running_loop().add_reader(0, print)

    simulation.run(main).check()
