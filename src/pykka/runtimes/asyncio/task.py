"""The task that runs an actor in an event loop, and who has cancelled it.

Problem
    A cancelled task is a stopped actor. But not each `task.cancel()` means the actor: a
    `TaskGroup` cancels its parent when one of its tasks fails, and time-outs cancel the task that
    they are to interrupt. Such a block swallows the cancellation at its end, and the handler copes
    with what the block raises. asyncio counts cancellations, so that a block can count its own
    off again. That does not tell the one from the other: on Python 3.11 and 3.12 a task group
    leaves its own uncounted, and libraries that are older than the count never knew of it.

Who has cancelled
    An actor's code runs in a context of its own. Whatever its handlers begin (tasks, callbacks,
    timers of the loop) runs in a copy of that. So a mark in the context tells whether `cancel()`
    is called by something that the actor has begun itself, or from outside.

Rules
    1. Cancelled from outside: the actor ends, also if the handler has swallowed it; unless it has
       said `task.uncancel()`, which is how asyncio says that it was not meant. (`asyncio.run()`
       cancels all tasks and then waits for them. A handler that swallows that must not keep the
       program alive.)
    2. Cancelled by what the actor has begun itself: a handler that has returned, or has raised
       something else than `CancelledError`, has coped with it. Nothing is left of it then.
    3. Cancelled by an asker that wants no answer any more (`interrupt`): that is counted off as
       soon as the handler has ended, however it has, and the actor goes on. If the task is
       cancelled otherwise as well, rules 1 and 2 say what that means.
"""

from __future__ import annotations

import asyncio
from contextvars import Context, ContextVar
from typing import TYPE_CHECKING, Any

from pykka._util.log import is_a

if TYPE_CHECKING:
    from collections.abc import Coroutine

_mark_of: ContextVar[object] = ContextVar("pykka_task")


class ActorTask(asyncio.Task[None]):
    """The task that runs an actor, in a context of its own.

    Args:
        coroutine: What it runs.
        loop: Its event loop.
        name: Its name, for people.
    """

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, None],
        *,
        loop: asyncio.AbstractEventLoop,
        name: str,
    ) -> None:
        self._mark = mark = object()
        self._from_outside = 0
        self.actor_context = context = Context()
        """What the actor's code runs in."""
        context.run(_mark_of.set, mark)
        super().__init__(coroutine, loop=loop, name=name, context=context)

    def cancel(self, msg: Any | None = None) -> bool:
        """Do what the task of asyncio does, and note who wants it."""
        if _mark_of.get(None) is self._mark:
            return super().cancel(msg)
        return self.cancel_from_outside(msg)

    def cancel_from_outside(self, msg: Any | None = None) -> bool:
        """Cancel the task so that the actor ends, whatever code calls this."""
        is_possible = super().cancel(msg)
        if is_possible:
            self._from_outside += 1
        return is_possible

    def interrupt(self) -> bool:
        """Cancel what a handler awaits, because its asker wants no answer; the actor goes on."""
        return super().cancel()

    def uncancel(self) -> int:
        """Count one cancellation off; those of a block's own come first."""
        left = super().uncancel()
        self._from_outside = min(self._from_outside, left)
        return left

    @property
    def is_cancelled_from_outside(self) -> bool:
        """Whether code has cancelled it that was not begun by the actor itself."""
        return self._from_outside > 0

    async def was_cancelled(self, error: BaseException | None) -> bool:
        """Tell whether a handler that has ended just now was cancelled; see the rules above.

        To be asked if `cancel()` was called and has not been counted off.

        Args:
            error: What the handler has raised, if anything.
        """
        if self.is_cancelled_from_outside or is_a(error, asyncio.CancelledError):
            return True
        # A cancellation that has not struck yet would strike the next handler. To asyncio, a task
        # that returns before it is struck is cancelled.
        if await self._is_struck() or self.is_cancelled_from_outside:
            return True
        self._forget()
        return False

    async def forget_cancellations(self) -> None:
        """Count as not cancelled from now on; nor is a cancellation still to strike."""
        await self._is_struck()
        self._forget()

    async def _is_struck(self) -> bool:
        """Let a cancellation strike here that has not struck yet, and tell whether it did."""
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            return True
        return False

    def _forget(self) -> None:
        while self.cancelling():
            self.uncancel()
