"""Which cancellations of its task are the end of an actor, and which are not."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE

import pykka
from pykka.supervision import ChildSpec, Supervisor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.conftest import Log


class Agent(pykka.AsyncioActor):
    """Awaits what it is told to: a message is a function that gives something to await."""

    def __init__(self, notes: list[str] | None = None) -> None:
        super().__init__()
        self.notes = [] if notes is None else notes

    async def on_receive(self, message: Any) -> Any:
        return await message(self)

    async def on_stop(self) -> None:
        self.notes.append("on_stop")

    async def on_failure(self, *_args: object) -> None:
        self.notes.append("on_failure")


async def fail_soon() -> None:
    await asyncio.sleep(0)
    raise ValueError("on purpose")


async def group_that_fails(_agent: Agent) -> str:
    """The group cancels its parent while that waits at the end of the block."""
    with contextlib.suppress(ExceptionGroup):
        async with asyncio.TaskGroup() as group:
            group.create_task(fail_soon())
    return "coped"


async def group_that_fails_in_its_block(_agent: Agent) -> str:
    """The group cancels its parent in the middle of the block."""
    with contextlib.suppress(ExceptionGroup):
        async with asyncio.TaskGroup() as group:
            group.create_task(fail_soon())
            await asyncio.get_running_loop().create_future()
    return "coped"


async def groups_in_each_other(agent: Agent) -> str:
    with contextlib.suppress(ExceptionGroup):
        async with asyncio.TaskGroup() as group:
            group.create_task(group_that_fails(agent))
            group.create_task(group_that_fails_in_its_block(agent))
            group.create_task(fail_soon())
    return "coped"


@contextlib.asynccontextmanager
async def old_timeout() -> AsyncIterator[None]:
    """A time-out as libraries had it that did not know of `uncancel()`."""
    task: Any = asyncio.current_task()
    handle = asyncio.get_running_loop().call_soon(task.cancel)
    try:
        yield
    except asyncio.CancelledError:
        raise TimeoutError from None
    finally:
        handle.cancel()


async def old_timeout_that_strikes(_agent: Agent) -> str:
    with contextlib.suppress(TimeoutError):
        async with old_timeout():
            await asyncio.get_running_loop().create_future()
    return "coped"


async def cancelled_by_a_task_of_its_own(_agent: Agent) -> str:
    mine: Any = asyncio.current_task()

    async def cancel() -> None:
        mine.cancel()

    task = asyncio.create_task(cancel())
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.get_running_loop().create_future()
    await task
    return "coped"


async def cancelled_by_a_thread_that_has_its_context(_agent: Agent) -> str:
    """As those have that `asyncio.to_thread()` uses."""
    loop = asyncio.get_running_loop()
    mine: Any = asyncio.current_task()
    run = contextvars.copy_context().run
    thread = threading.Thread(target=run, args=(loop.call_soon_threadsafe, mine.cancel))
    thread.start()
    with contextlib.suppress(asyncio.CancelledError):
        await loop.create_future()
    thread.join()
    return "coped"


async def uncancelled(_agent: Agent) -> str:
    """Whoever says so means that the cancellation was not the actor's."""
    mine: Any = asyncio.current_task()
    canceller = threading.Thread(
        target=asyncio.get_running_loop().call_soon_threadsafe, args=(mine.cancel,)
    )
    canceller.start()
    try:
        await asyncio.get_running_loop().create_future()
    except asyncio.CancelledError:
        mine.uncancel()
    canceller.join()
    return "coped"


async def asyncios_own_timeout(_agent: Agent) -> str:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0):
            await asyncio.get_running_loop().create_future()
    return "coped"


COPED = [
    group_that_fails,
    group_that_fails_in_its_block,
    groups_in_each_other,
    old_timeout_that_strikes,
    cancelled_by_a_task_of_its_own,
    cancelled_by_a_thread_that_has_its_context,
    uncancelled,
    asyncios_own_timeout,
]


@pytest.mark.parametrize("handler", COPED)
def test_what_a_handler_copes_with_is_no_end(handler: Any) -> None:
    notes: list[str] = []
    ref = Agent.start(notes)
    for _ in range(3):
        assert ref.ask(handler, timeout=PATIENCE) == "coped"
        assert ref.ask(asyncios_own_timeout, timeout=PATIENCE) == "coped"
    assert notes == []
    assert ref.stop(timeout=PATIENCE)
    assert notes == ["on_stop"]
    assert ref.when_terminated().get(timeout=PATIENCE) == pykka.Stopped()


@pytest.mark.parametrize("handler", COPED)
def test_nor_in_the_start_hook(handler: Any) -> None:
    class Starts(Agent):
        async def on_start(self) -> None:
            await handler(self)

    ref = Starts.start()
    assert ref.ask(asyncios_own_timeout, timeout=PATIENCE) == "coped"


@pytest.mark.parametrize("handler", COPED)
def test_nor_is_it_a_restart(handler: Any, system: pykka.ActorSystem) -> None:
    spec = ChildSpec("a", Agent, restart="transient")
    office = system.start(Supervisor, [spec]).proxy()
    child = office.get_child("a").get(timeout=PATIENCE)
    child.tell(handler)
    assert child.ask(handler, timeout=PATIENCE) == "coped"
    assert office.restarts().get(timeout=PATIENCE) == 0


def test_a_group_that_the_handler_does_not_cope_with_is_one_failure(
    system: pykka.ActorSystem,
) -> None:
    async def group(_agent: Agent) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail_soon())

    notes: list[str] = []
    spec = ChildSpec("a", Agent, [notes], restart="transient")
    office = system.start(Supervisor, [spec], max_restarts=1).proxy()
    child = office.get_child("a").get(timeout=PATIENCE)
    with pytest.raises(ExceptionGroup):
        child.ask(group, timeout=PATIENCE)
    child.tell(group)
    assert child.ask(asyncios_own_timeout, timeout=PATIENCE) == "coped"
    assert office.restarts().get(timeout=PATIENCE) == 1
    assert notes == ["on_failure"]


async def swallow(agent: Agent) -> str:
    agent.notes.append("waits")
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.get_running_loop().create_future()
    return "swallowed"


@pytest.mark.parametrize("before", [group_that_fails, old_timeout_that_strikes])
def test_a_cancellation_from_outside_that_is_swallowed_is_the_end_all_the_same(
    before: Any,
) -> None:
    """If it was not, `asyncio.run()` would wait for ever."""

    async def both(agent: Agent) -> str:
        await before(agent)
        return await swallow(agent)

    async def main() -> Any:
        notes: list[str] = []
        answer = Agent.start(notes).ask(both, block=False)
        while not notes:  # noqa: ASYNC110 - no event says so
            await asyncio.sleep(0)
        return notes, answer

    notes, answer = asyncio.run(main())
    assert notes == ["waits", "on_stop"]
    assert answer.get(timeout=0) == "swallowed"


def test_a_handler_that_cancels_its_own_task_ends_the_actor() -> None:
    """To asyncio, a task that returns before the cancellation strikes is cancelled, too."""

    async def leave(_agent: Agent) -> str:
        task: Any = asyncio.current_task()
        task.cancel()
        return "left"

    async def leave_and_wait(agent: Agent) -> None:
        await leave(agent)
        await asyncio.sleep(0)

    for handler, answer in ((leave, "left"), (leave_and_wait, None)):
        notes: list[str] = []
        ref = Agent.start(notes)
        asked = ref.ask(handler, block=False)
        if answer is None:
            with pytest.raises(pykka.ActorDeadError, match="was cancelled while it handled"):
                asked.get(timeout=PATIENCE)
        else:
            assert asked.get(timeout=PATIENCE) == answer
        assert ref.when_terminated().get(timeout=PATIENCE) == pykka.Stopped()
        assert notes == ["on_stop"]


def test_a_second_cancellation_at_the_same_time_does_not_strike_the_stop_hook() -> None:
    class Careful(Agent):
        async def on_stop(self) -> None:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            self.notes.append("on_stop")

    async def main() -> list[str]:
        notes: list[str] = []
        ref = Careful.start(notes)
        ref.tell(swallow)
        while not notes:  # noqa: ASYNC110 - no event says so
            await asyncio.sleep(0)
        task: Any = ref._cell.task
        task.cancel()
        task.cancel()
        await ref.when_terminated()
        return notes

    assert asyncio.run(main()) == ["waits", "on_stop"]


def test_a_cancellation_that_strikes_a_failed_instance_is_the_end_of_the_actor(log: Log) -> None:
    """It is not restarted in place, since its loop may be ending; and that counts once."""
    entered = asyncio.Event()
    notes: list[str] = []

    class Slow(Agent):
        async def on_failure(self, *_args: object) -> None:
            entered.set()
            await asyncio.get_running_loop().create_future()

    async def main() -> Any:
        office = Supervisor.start([ChildSpec("a", Slow, [notes], restart="transient")]).proxy()
        child = await office.get_child("a")
        child.tell(lambda _agent: fail_soon())
        await entered.wait()
        child._cell.task.cancel()
        reason = await child.when_terminated()
        while (other := await office.get_child("a")) is None:
            pass
        restarts = await office.restarts()
        await office.stop()
        return reason, other == child, restarts

    reason, is_same, restarts = asyncio.run(main())
    assert isinstance(reason, pykka.Failed)
    assert (is_same, restarts) == (False, 1)
    assert log.find("WARNING", "was cancelled before it had ended")
