"""`cancel(interrupt=True)`: what a handler of an `AsyncioActor` awaits is cancelled."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE

import pykka

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.conftest import Log


class Clerk(pykka.AsyncioActor):
    """Does what it is told, and notes how that has ended."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []
        self.at_it = asyncio.Event()

    async def on_receive(self, message: Any) -> Any:
        return await message(self) if callable(message) else message

    async def on_stop(self) -> None:
        self.notes.append("stopped")

    async def wait(self) -> str:
        """What is not over unless it is interrupted."""
        self.at_it.set()
        await asyncio.Event().wait()
        return "never"


async def plain(clerk: Clerk) -> object:
    return await clerk.wait()


async def with_cleanup(clerk: Clerk) -> object:
    try:
        return await clerk.wait()
    finally:
        await asyncio.sleep(0)
        clerk.notes.append("cleaned up")


async def in_timeout(clerk: Clerk) -> object:
    async with asyncio.timeout(PATIENCE):
        return await clerk.wait()


async def in_task_group(clerk: Clerk) -> object:
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.Event().wait())
        return await clerk.wait()


async def in_a_task_of_its_own(clerk: Clerk) -> object:
    return await asyncio.create_task(clerk.wait())


async def swallowing(clerk: Clerk) -> object:
    try:
        return await clerk.wait()
    except asyncio.CancelledError:
        clerk.notes.append("swallowed")
        return "all the same"


async def failing(clerk: Clerk) -> object:
    try:
        return await clerk.wait()
    except asyncio.CancelledError:
        raise ValueError("at the end") from None


HANDLERS = [
    (plain, []),
    (with_cleanup, ["cleaned up"]),
    (in_timeout, []),
    (in_task_group, []),
    (in_a_task_of_its_own, []),
    (swallowing, ["swallowed"]),
    (failing, []),
]


@pytest.mark.parametrize("awaited", [True, False])
@pytest.mark.parametrize(("handler", "notes"), HANDLERS)
def test_the_handler_is_interrupted_and_the_actor_goes_on(
    handler: Callable[[Clerk], Awaitable[object]], notes: list[str], awaited: bool, log: Log
) -> None:
    async def main() -> None:
        ref = Clerk.start()
        ref.keep_statistics()
        clerk: Any = ref._actor
        question = ref.ask(handler, block=False)
        task = asyncio.ensure_future(wait_for(question)) if awaited else None
        await clerk.at_it.wait()
        assert question.cancel() is False
        assert question.cancel(interrupt=True) is True
        assert question.cancel(interrupt=True) is True
        assert question.done()
        assert await ref.ask("next", block=False) == "next"
        assert clerk.notes == notes
        assert isinstance(question.exception(), pykka.AskCancelledError)
        if task is not None:
            with pytest.raises(pykka.AskCancelledError):
                await task
        statistics = ref.statistics()
        has_coped = handler in (swallowing, failing)
        assert statistics.cancelled == (0 if has_coped else 1)
        assert statistics.failures == (1 if handler is failing else 0)
        await ref.stop(block=False)
        assert clerk.notes == [*notes, "stopped"]

    asyncio.run(main())
    assert log.find("WARNING") == log.find("ERROR") == []


async def wait_for(question: Any) -> object:
    return await question


def test_a_call_is_interrupted_from_another_thread() -> None:
    at_it = threading.Event()

    async def wait(clerk: Clerk) -> str:
        at_it.set()
        return await clerk.wait()

    ref = Clerk.start()
    question = ref.call(wait)
    assert at_it.wait(PATIENCE)
    assert question.cancel(interrupt=True) is True
    assert ref.ask("next") == "next"
    ref.stop()


def test_what_awaits_nothing_comes_to_its_end_and_its_answer_is_dropped(log: Log) -> None:
    async def main() -> None:
        ref = Clerk.start()
        questions: list[Any] = []

        async def cancel_itself(_clerk: Clerk) -> str:
            assert questions[0].cancel(interrupt=True)
            return "dropped"

        questions.append(ref.ask(cancel_itself, block=False))
        with pytest.raises(pykka.AskCancelledError):
            await questions[0]
        assert await ref.ask("next", block=False) == "next"
        await ref.stop(block=False)

    asyncio.run(main())
    assert log.find("WARNING") == []


def test_the_next_question_is_not_struck() -> None:
    """The handler is through before the loop comes to interrupting it."""

    async def main() -> None:
        ref = Clerk.start()
        clerk: Any = ref._actor
        go_on = asyncio.Event()

        async def wait_for_it(_clerk: Clerk) -> str:
            await go_on.wait()
            return "done"

        question = ref.ask(wait_for_it, block=False)
        following = ref.ask(plain, block=False)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        cell: Any = ref._cell
        assert cell.handling is question
        go_on.set()
        await question
        await clerk.at_it.wait()
        cell._interrupt(question)
        assert not following.done()
        await asyncio.sleep(0)
        assert cell.handling is following
        assert following.cancel(interrupt=True) is True
        assert await ref.ask("next", block=False) == "next"
        await ref.stop(block=False)

    asyncio.run(main())


@pytest.mark.parametrize("first", ["kill", "interrupt"])
def test_a_kill_and_an_interruption_at_once_end_the_actor(first: str) -> None:
    async def main() -> None:
        ref = Clerk.start()
        clerk: Any = ref._actor
        question = ref.ask(with_cleanup, block=False)
        await clerk.at_it.wait()
        if first == "kill":
            killed = ref.kill(block=False)
            question.cancel(interrupt=True)
        else:
            question.cancel(interrupt=True)
            killed = ref.kill(block=False)
        assert await killed
        assert clerk.notes == ["cleaned up", "stopped"]
        assert question.done()

    asyncio.run(main())


def test_a_task_that_is_cancelled_besides_ends_the_actor() -> None:
    async def main() -> None:
        ref = Clerk.start()
        clerk: Any = ref._actor
        cell: Any = ref._cell
        question = ref.ask(plain, block=False)
        await clerk.at_it.wait()
        question.cancel(interrupt=True)
        cell.task.cancel()
        assert await ref.when_terminated() == pykka.Stopped()
        assert clerk.notes == ["stopped"]

    asyncio.run(main())


def test_the_start_hook_and_the_last_hook_are_not_interrupted() -> None:
    async def main() -> None:
        at_it, go_on = asyncio.Event(), asyncio.Event()

        class Slow(Clerk):
            async def on_start(self) -> None:
                at_it.set()
                await go_on.wait()
                self.notes.append("started")

        ref = Slow.start()
        clerk: Any = ref._actor
        question = ref.ask("x", block=False)
        await at_it.wait()
        assert question.cancel(interrupt=True)
        go_on.set()
        assert await ref.ask("next", block=False) == "next"
        await ref.stop(block=False)
        assert clerk.notes == ["started", "stopped"]

    asyncio.run(main())


@pytest.mark.parametrize("base", [pykka.ThreadingActor, pykka.PooledActor])
def test_other_handlers_cannot_be_interrupted(base: Any) -> None:
    class Worker(base):  # type: ignore[misc]
        def on_receive(self, message: Any) -> Any:
            message[0].set()
            return message[1].wait(PATIENCE)

    at_it, go_on = threading.Event(), threading.Event()
    ref = Worker.start()
    question = ref.ask((at_it, go_on), block=False)
    assert at_it.wait(PATIENCE)
    assert question.cancel(interrupt=True) is False
    go_on.set()
    assert question.get(timeout=PATIENCE) is True
    ref.stop()
