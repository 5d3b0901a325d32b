"""A coroutine can await any future, and its event loop goes on meanwhile."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE

import pykka

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.conftest import Log


async def wait_for_waiter(future: pykka.ThreadingFuture[Any]) -> None:
    """Let the loop run until somebody waits for the future."""
    while not any(callable(entry) for entry in future._log):  # noqa: ASYNC110 - no event says so
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
        await wait_for_waiter(second)
        second.set(2)
        await asyncio.sleep(0)
        assert not task.done()
        first.set(1)
        return await task

    before = threading.active_count()
    assert asyncio.run(main()) == 3
    assert threading.active_count() == before


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
