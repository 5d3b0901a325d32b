"""Actors of a scope end with it, in order, whatever ends it."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from tests.leaks import PATIENCE

import pykka


class Noting(pykka.Actor):
    """Notes when it stops."""

    def __init__(self, name: str = "", notes: list[str] | None = None) -> None:
        super().__init__()
        self.name = name
        self.notes = [] if notes is None else notes

    def on_stop(self) -> None:
        self.notes.append(self.name)

    def on_receive(self, message: Any) -> Any:
        return message(self) if callable(message) else message


class Threaded(Noting, pykka.ThreadingActor):
    pass


class Pooled(Noting, pykka.PooledActor):
    pass


class InLoop(Noting, pykka.AsyncioActor):
    async def hang(self) -> None:
        self.notes.append("hanging")
        await asyncio.get_running_loop().create_future()


def start_all(scope: pykka.ActorScope, notes: list[str]) -> list[pykka.ActorRef[Any]]:
    return [
        scope.start(Threaded, "threaded", notes),
        scope.start(Pooled, "pooled", notes=notes),
        scope.start(InLoop, "in loop", notes),
    ]


REVERSED = ["in loop", "pooled", "threaded"]


def test_actors_of_all_runtimes_are_stopped_in_reverse_order() -> None:
    async def main() -> list[str]:
        notes: list[str] = []
        async with pykka.ActorScope() as scope:
            refs = start_all(scope, notes)
            assert await asyncio.gather(*(ref.ask("hi", block=False) for ref in refs))
        assert not any(ref.is_alive() for ref in refs)
        return notes

    assert asyncio.run(main()) == REVERSED


def test_an_exception_of_the_block_goes_on_when_all_have_stopped() -> None:
    notes: list[str] = []

    async def main() -> None:
        with pytest.raises(ValueError, match="no"):  # noqa: PT012
            async with pykka.ActorScope() as scope:
                start_all(scope, notes)
                raise ValueError("no")
        assert notes == REVERSED

    asyncio.run(main())


def test_a_cancellation_goes_on_when_all_have_stopped() -> None:
    async def main() -> None:
        notes: list[str] = []
        entered = asyncio.Event()

        async def body() -> None:
            async with pykka.ActorScope() as scope:
                start_all(scope, notes)
                entered.set()
                await asyncio.get_running_loop().create_future()

        task = asyncio.create_task(body())
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert notes == REVERSED

    asyncio.run(main())


def test_a_timeout_around_a_scope_interrupts_what_its_actors_await() -> None:
    async def main() -> list[str]:
        notes: list[str] = []
        with pytest.raises(TimeoutError):  # noqa: PT012
            async with asyncio.timeout(0.01), pykka.ActorScope() as scope:
                ref = scope.start(InLoop, "stopped", notes)
                await ref.proxy().hang()
        return notes

    assert asyncio.run(main()) == ["hanging", "stopped"]


def test_a_cancellation_while_the_scope_waits_makes_it_hurry() -> None:
    async def main() -> list[str]:
        notes: list[str] = []
        go_on = threading.Event()

        async def body() -> None:
            async with pykka.ActorScope() as scope:
                scope.start(InLoop, "first", notes)
                last = scope.start(Threaded, "last", notes)
                last.tell(lambda _actor: go_on.wait(PATIENCE))

        task = asyncio.create_task(body())
        refs: list[Any] = []
        while len(refs) < 2:
            await asyncio.sleep(0)
            refs = pykka.ActorRegistry.get_by_class(Noting)
        last = refs[1]
        while not last._cell.termination_waiters:  # noqa: ASYNC110 - no event says so
            await asyncio.sleep(0)
        task.cancel()
        while refs[0].is_alive():  # noqa: ASYNC110 - asked to stop at once
            await asyncio.sleep(0)
        assert not task.done()  # it still waits
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        return notes

    assert asyncio.run(main()) == ["first", "last"]


def test_what_is_in_the_inboxes_is_handled_first() -> None:
    async def main() -> list[Any]:
        seen: list[Any] = []
        async with pykka.ActorScope() as scope:
            ref = scope.start(InLoop)
            for number in range(5):
                ref.tell(lambda _actor, number=number: seen.append(number))
        return seen

    assert asyncio.run(main()) == [0, 1, 2, 3, 4]


def test_an_actor_that_ends_by_itself_is_no_error() -> None:
    async def main() -> None:
        async with pykka.ActorScope() as scope:
            ref = scope.start(InLoop)
            assert await ref.stop(block=False) is True

    asyncio.run(main())


def test_an_actor_that_is_ending_is_waited_for() -> None:
    async def main() -> list[str]:
        notes: list[str] = []

        class Slow(pykka.AsyncioActor):
            async def on_stop(self) -> None:
                for _ in range(5):
                    await asyncio.sleep(0)
                notes.append("stopped")

        async with pykka.ActorScope() as scope:
            ref = scope.start(Slow)
            await ref.ask("hello", block=False)
            ref.stop(block=False)
            while ref.is_alive():  # noqa: ASYNC110 - the hook is running then
                await asyncio.sleep(0)
        return notes

    assert asyncio.run(main()) == ["stopped"]


def test_an_actor_that_was_started_elsewhere_may_be_entered() -> None:
    async def main() -> None:
        other = Threaded.start()
        async with pykka.ActorScope() as scope:
            assert scope.enter(other) is other
        assert not other.is_alive()

    asyncio.run(main())


def test_scopes_may_be_nested() -> None:
    async def main() -> list[str]:
        notes: list[str] = []
        async with pykka.ActorScope() as outer, pykka.ActorScope() as inner:
            inner.start(InLoop, "inner", notes)
            outer.start(InLoop, "outer", notes)
        return notes

    assert asyncio.run(main()) == ["inner", "outer"]


def test_a_scope_can_be_used_inside_its_block_only_and_once() -> None:
    async def main() -> None:
        scope = pykka.ActorScope()
        for use in (lambda: scope.start(InLoop), lambda: scope.enter(InLoop.start())):
            with pytest.raises(RuntimeError, match="only inside of its block"):
                use()
        async with scope:
            pass
        with pytest.raises(RuntimeError, match="only inside of its block"):
            scope.start(InLoop)
        with pytest.raises(RuntimeError, match="entered once"):
            async with scope:
                pass

    asyncio.run(main())


def test_under_trio() -> None:
    trio = pytest.importorskip("trio")
    notes: list[str] = []

    async def main() -> None:
        async with pykka.ActorScope() as scope:
            scope.start(Threaded, "first", notes)
            scope.start(Pooled, "second", notes)
        with trio.move_on_after(0.001):
            async with pykka.ActorScope() as scope:
                scope.start(Threaded, "cancelled", notes)
                await trio.sleep_forever()

    trio.run(main)
    assert notes == ["second", "first", "cancelled"]
