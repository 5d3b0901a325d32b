"""A coroutine can await any future, and its event loop goes on meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.futures import waiters_of
from tests.leaks import PATIENCE, wait_until
from tests.pool.tools import Agent

import pykka
from pykka import routing
from pykka._futures import awaiting

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.conftest import Log


async def wait_for_waiter(future: pykka.ThreadingFuture[Any]) -> None:
    """Let the loop run until somebody waits for the future."""
    while not waiters_of(future):  # noqa: ASYNC110 - no event says so
        await asyncio.sleep(0)


def test_a_future_that_is_resolved_is_read_at_once() -> None:
    future: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()
    future.set("value")

    async def read() -> str:
        return await future

    coroutine = read()
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)
    assert stop.value.value == "value"


def test_yield_from_does_the_same_as_await() -> None:
    future: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()
    future.set("value")

    def read() -> Generator[Any, None, str]:
        return (yield from future)

    with pytest.raises(StopIteration) as stop:
        next(read())
    assert stop.value.value == "value"


def test_outside_an_event_loop_it_blocks_like_get() -> None:
    future: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()
    timer = threading.Timer(0.01, future.set, args=("value",))
    timer.start()

    async def read() -> str:
        return await future

    coroutine = read()
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)
    assert stop.value.value == "value"
    timer.join()


def test_the_loop_goes_on_while_a_task_awaits() -> None:
    future: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()

    async def read() -> str:
        return await future

    async def main() -> str:
        task = asyncio.ensure_future(read())
        await wait_for_waiter(future)
        threading.Thread(target=future.set, args=("value",)).start()
        return await asyncio.wait_for(task, PATIENCE)

    assert asyncio.run(main()) == "value"


def test_an_exception_is_raised_in_the_task() -> None:
    future: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()
    error = ValueError("no")

    async def main() -> None:
        asyncio.get_running_loop().call_soon(future.set_exception, error)
        with pytest.raises(ValueError, match="no") as info:
            await future
        assert info.value is error

    asyncio.run(main())


def test_a_cancelled_task_leaves_no_waiter_behind() -> None:
    future: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()

    async def read() -> str:
        return await future

    async def main() -> None:
        task = asyncio.ensure_future(read())
        await wait_for_waiter(future)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert future._log == []
    future.set("too late for the task")
    assert future.get() == "too late for the task"


def test_a_value_that_comes_between_cancellation_and_wake_up_is_no_error() -> None:
    future: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()

    async def read() -> str:
        return await future

    async def main() -> None:
        task = asyncio.ensure_future(read())
        await wait_for_waiter(future)
        task.cancel()
        future.set("value")  # schedules the wake-up of a task that is not there any more
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)

    asyncio.run(main())


def test_a_value_that_comes_after_the_loop_is_closed_is_logged_and_no_error(log: Log) -> None:
    future: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()
    loop = asyncio.new_event_loop()
    waiting = future.__await__()

    async def begin() -> None:
        next(waiting)

    loop.run_until_complete(begin())
    loop.close()

    future.set("value")

    assert future.get() == "value"
    assert log.find("DEBUG", "came too late")
    waiting.close()


def test_a_derived_future_needs_no_thread() -> None:
    first: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    second: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    total = first.join(second).map(sum)

    async def read() -> int:
        return await total

    async def main() -> int:
        task = asyncio.ensure_future(read())
        await wait_for_waiter(first)
        first.set(1)
        await wait_for_waiter(second)
        assert not task.done()
        second.set(2)
        return await task

    before = set(threading.enumerate())
    assert asyncio.run(main()) == 3
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("derived", [False, True], ids=["itself", "derived"])
def test_a_get_hook_runs_in_the_loops_executor(*, derived: bool) -> None:
    entered, leave = threading.Event(), threading.Event()

    def hook(timeout: float | None) -> str:
        assert timeout is None
        entered.set()
        assert leave.wait(PATIENCE)
        return threading.current_thread().name

    hooked: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()
    hooked.set_get_hook(hook)
    future = hooked.map(str.upper) if derived else hooked

    async def read() -> str:
        return await future

    async def main() -> str:
        task = asyncio.ensure_future(read())
        while not entered.is_set():  # noqa: ASYNC110 - the loop has to go on
            await asyncio.sleep(0)
        leave.set()
        return await task

    assert "asyncio_0" in asyncio.run(main()).lower()


def test_a_hook_among_the_sources_is_all_that_needs_a_thread() -> None:
    plain: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()
    hooked: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()
    hooked.set_get_hook(lambda _timeout: threading.current_thread().name)
    computed_on: list[threading.Thread] = []

    def note(values: Any) -> list[str]:
        computed_on.append(threading.current_thread())
        return list(values)

    both = plain.join(hooked).map(note)

    async def read() -> list[str]:
        return await both

    async def main() -> list[str]:
        task = asyncio.ensure_future(read())
        await wait_for_waiter(plain)
        plain.set("plain")
        return await task

    first, second = asyncio.run(main())
    assert first == "plain"
    assert "asyncio_0" in second
    assert computed_on == [threading.current_thread()]


def test_a_derived_future_that_another_thread_computes_does_not_block_the_loop() -> None:
    source: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()
    computing, go_on = threading.Event(), threading.Event()

    def slow(value: str) -> str:
        computing.set()
        assert go_on.wait(PATIENCE)
        return value.upper()

    derived = source.map(slow)
    source.set("value")
    reader = threading.Thread(target=derived.get)
    reader.start()
    assert computing.wait(PATIENCE)
    lazy: Any = derived._lazy
    assert lazy.is_busy()

    async def main() -> str:
        # Its sources are done, so this is as far as it goes without a thread.
        task = asyncio.ensure_future(asyncio.to_thread(derived.get))
        await asyncio.sleep(0)
        go_on.set()
        assert await task == "VALUE"
        return await derived

    assert asyncio.run(main()) == "VALUE"
    reader.join(PATIENCE)


def test_the_first_source_that_fails_ends_the_wait() -> None:
    first: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    never: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()

    async def main() -> None:
        asyncio.get_running_loop().call_soon(first.set_exception, ValueError("no"))
        with pytest.raises(ValueError, match="no"):
            await first.join(never)

    asyncio.run(main())


def test_a_future_that_is_nothing_but_a_get_is_read_on_a_thread() -> None:
    class Remote(pykka.Future[str]):
        def get(self, *, timeout: float | None = None) -> str:
            return threading.current_thread().name

    async def main() -> str:
        return await Remote()

    assert "asyncio_0" in asyncio.run(main())


def test_a_source_that_cannot_be_awaited_is_read_on_a_thread() -> None:
    """The futures of a class of the program's own need not be those of the library."""
    readers: list[str] = []

    class Plain:
        def __init__(self) -> None:
            self.future: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()
            self.set, self.set_exception = self.future.set, self.future.set_exception

        def done(self) -> bool:
            return False  # it does not know

        def get(self, *, timeout: float | None = None) -> Any:
            readers.append(threading.current_thread().name)
            return self.future.get(timeout=timeout)

    class Owner(pykka.ThreadingActor):
        _create_future: Any = staticmethod(Plain)

        def on_receive(self, message: Any) -> Any:
            return message

    async def main() -> Any:
        return await routing.Broadcast([Owner.start()]).ask("message", block=False)

    assert asyncio.run(main()) == ["message"]
    (reader,) = readers
    assert "asyncio_0" in reader


def test_where_nobody_knows_of_any_framework_it_blocks_like_get(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "sniffio", raising=False)
    future: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()

    async def read() -> str:
        return await future

    def resolve() -> None:
        wait_until(lambda: waiters_of(future), "it is waited for")
        future.set("value")

    thread = threading.Thread(target=resolve)
    thread.start()
    with pytest.raises(StopIteration, match="value"):
        read().send(None)
    thread.join()


# --- asyncio's own ways to wait -----------------------------------------------------------------


def test_gather_and_task_group() -> None:
    futures: list[pykka.ThreadingFuture[int]] = [pykka.ThreadingFuture() for _ in range(4)]

    async def read(future: pykka.Future[int]) -> int:
        return await future

    async def main() -> tuple[list[int], list[int]]:
        loop = asyncio.get_running_loop()
        for number, future in enumerate(futures):
            loop.call_soon(future.set, number)
        gathered = await asyncio.gather(*futures[:2])
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(read(future)) for future in futures[2:]]
        return gathered, [task.result() for task in tasks]

    assert asyncio.run(main()) == ([0, 1], [2, 3])


@pytest.mark.parametrize("way", ["timeout", "wait_for"])
def test_a_timeout_ends_the_wait_and_not_the_work(way: str) -> None:
    go_on = threading.Event()

    class Slow(pykka.ThreadingActor):
        def work(self) -> str:
            assert go_on.wait(PATIENCE)
            return "done"

    async def main() -> str:
        future = Slow.start().proxy().work()
        with pytest.raises(TimeoutError):  # noqa: PT012
            if way == "timeout":
                async with asyncio.timeout(0):
                    await future
            else:
                await asyncio.wait_for(future, 0.001)
        go_on.set()
        return await future

    assert asyncio.run(main()) == "done"


def test_one_of_several_waiters_may_be_cancelled() -> None:
    future: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()

    async def read() -> str:
        return await future

    async def main() -> list[Any]:
        tasks = [asyncio.ensure_future(read()) for _ in range(3)]
        while len(waiters_of(future)) < 3:  # noqa: ASYNC110 - no event says so
            await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.sleep(0)
        future.set("value")
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, second, third = asyncio.run(main())
    assert (first, third) == ("value", "value")
    assert isinstance(second, asyncio.CancelledError)


def test_a_reply_from_the_same_loop_costs_no_system_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    future: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()

    async def read() -> str:
        return await future

    async def main() -> str:
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(read())
        await wait_for_waiter(future)
        monkeypatch.setattr(loop, "call_soon_threadsafe", None)
        future.set("value")  # by a task of the loop
        value = await task
        monkeypatch.undo()
        return value

    assert asyncio.run(main()) == "value"


def test_a_signal_handler_that_resolves_the_future_wakes_a_sleeping_loop(untraced: None) -> None:
    """On top of a loop that sleeps, `call_soon()` alone would not be noticed."""
    future: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()
    before = signal.signal(signal.SIGUSR1, lambda *_args: future.set("from the handler"))

    async def main() -> str:
        me = threading.get_ident()
        timer = threading.Timer(0.05, signal.pthread_kill, args=(me, signal.SIGUSR1))
        timer.start()
        try:
            return await asyncio.wait_for(future, PATIENCE)
        finally:
            timer.join()

    try:
        assert asyncio.run(main()) == "from the handler"
    finally:
        signal.signal(signal.SIGUSR1, before)


# --- other frameworks ---------------------------------------------------------------------------


def resolve_later(future: pykka.ThreadingFuture[str]) -> threading.Thread:
    thread = threading.Thread(target=future.set, args=("value",))
    thread.start()
    return thread


def test_under_uvloop() -> None:
    uvloop = pytest.importorskip("uvloop", reason="uvloop has no wheel for this Python")

    async def main() -> tuple[str, str]:
        future: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()
        hooked: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()
        hooked.set_get_hook(lambda _timeout: "hooked")
        thread = resolve_later(future)
        values = await asyncio.gather(future, hooked)
        thread.join()
        return values[0], values[1]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(main()) == ("value", "hooked")


def test_under_trio() -> None:
    trio = pytest.importorskip("trio")
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await trio.lowlevel.checkpoint()

    async def main() -> None:
        future: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()
        hooked: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()
        hooked.set_get_hook(lambda _timeout: threading.current_thread().name)
        both = future.join(hooked)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tick)
            while ticks < 3:
                await trio.lowlevel.checkpoint()
            thread = resolve_later(future)
            assert await future == "value"
            value, thread_name = await both
            assert value == "value"
            assert thread_name != threading.current_thread().name
            thread.join()
            nursery.cancel_scope.cancel()

    trio.run(main)
    assert ticks > 3


def test_a_task_of_trio_may_give_up() -> None:
    trio = pytest.importorskip("trio")
    future: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()

    async def main() -> None:
        with trio.move_on_after(0.001):
            await future
        assert future._log == []

    trio.run(main)


@pytest.mark.parametrize("limit", [None, PATIENCE])
def test_a_handler_that_runs_trio_on_the_only_thread_of_a_pool(limit: float | None) -> None:
    """It runs the actor that it awaits, unless it may give up."""
    trio = pytest.importorskip("trio")
    dispatcher = pykka.Dispatcher("pykka-trio", max_threads=1)
    agent_class = type("Agent", (Agent,), {"dispatcher": dispatcher})
    other = agent_class.start()
    found: list[Any] = []

    async def main() -> None:
        answer = other.ask(threading.get_ident, block=False)
        with trio.move_on_after(0.001) if limit else contextlib.nullcontext() as scope:
            found.append(await answer == threading.get_ident())
        if scope is not None:
            found.append("gave up" if scope.cancelled_caught else "went on")

    agent_class.start().ask(lambda: trio.run(main), timeout=PATIENCE)
    assert found == ([True] if limit is None else ["gave up"])
    assert other.ask("still here", timeout=PATIENCE) == "still here"


def test_a_value_that_comes_after_trio_has_ended_is_no_error(log: Log) -> None:
    trio = pytest.importorskip("trio")

    async def main() -> Any:
        return awaiting._TrioWaiter(trio)

    trio.run(main)()
    assert log.find("DEBUG", "came too late")


def test_under_an_unknown_framework_it_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    sniffio = pytest.importorskip("sniffio")
    future: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()

    async def read() -> str:
        return await future

    before = sniffio.thread_local.name
    sniffio.thread_local.name = "curio"
    try:
        with pytest.raises(RuntimeError, match="asyncio and trio, and not in curio"):
            read().send(None)
    finally:
        sniffio.thread_local.name = before


# --- actors -------------------------------------------------------------------------------------


def test_many_tasks_await_many_actors() -> None:
    class Echo(pykka.ThreadingActor):
        def on_receive(self, message: Any) -> Any:
            return message

    refs = [Echo.start() for _ in range(5)]

    async def ask(number: int) -> int:
        answer: int = await refs[number % 5].ask(number, block=False)
        return answer

    async def main() -> list[int]:
        return await asyncio.gather(*(ask(number) for number in range(500)))

    assert asyncio.run(main()) == list(range(500))
    pykka.ActorRegistry.stop_all()
