"""The task of an actor in an event loop: one message after the other.

What a message means, and what becomes of its answer, is decided in `pykka._lifecycle.invoke`, as
for all runtimes. This task sleeps, takes the next message, has it handled, and awaits what the
handler has returned if that is a coroutine.

Whose step it is
    Many actors share a thread, and their steps alternate. So "the actor that runs on this thread"
    (`ThreadState.cell`) is entered for each step of this task and taken out after it: in
    `step`, and for coroutines in `drive`. Another task that a handler starts is not the actor's,
    and what it waits for does not hold the actor up.

Turns
    Handlers that never suspend would leave the loop no turn while messages are there. So the task
    suspends itself after some messages, and after a millisecond.

Cancellation
    If the task is cancelled, that is a stop in the middle of a message: what the actor awaits
    raises `CancelledError`, the asker gets `ActorDeadError`, and `on_stop()` runs. From then
    on the task counts as not cancelled, so that the hook may await, with timeouts. A cancellation
    by what a handler has begun itself (`timeout()`, `TaskGroup`), and has coped with, ends inside
    the handler; see `pykka.runtimes.asyncio.task`.

Killing
    A kill cancels what the actor awaits, once; see `AsyncioCell.kill`. So it is a stop in the
    middle of a message, too. What runs only because of the kill (the last hook, and what comes
    before it) is not cancelled by it, but by the closer that finds that it takes too long.
"""

from __future__ import annotations

import asyncio
from queue import Empty
from types import coroutine as generator_based
from typing import TYPE_CHECKING, Any

from pykka._cell.cell import DOWN, ENDED, NOTHING
from pykka._deadlock.stacks import runs_actor
from pykka._futures.ask import answers_an_asker
from pykka._futures.unhandled.recall import CANCEL as BY_ASKER
from pykka._futures.unhandled.recall import NotHandled
from pykka._lifecycle import invoke
from pykka._lifecycle.invoke import handle, next_system_message
from pykka._lifecycle.termination import end_in_any_case, fall, interrupt, is_hook
from pykka._util.gil import give_way
from pykka._util.log import is_a, is_for_the_program, logger
from pykka._util.thread_state import current
from pykka.runtimes._contract import step

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pykka._cell.cell import Instance
    from pykka.runtimes.asyncio.cell import AsyncioCell

BATCH = 64
"""So many messages are handled before all others in the loop get a turn."""

SLICE = 0.001
"""Seconds after which they get one in any case."""

CANCELLED = "was cancelled while it handled the message"

KILLED = "was killed while it handled the message"


async def run_in_task(cell: AsyncioCell) -> None:
    """Run an actor in this task, from its start to its end.

    It does not hold the actor itself, which may be replaced by another instance.
    """
    if cell.actor is None or not cell.claim_life():
        return  # the start was interrupted, or the loop is closed
    loop_actors: Any = cell.loop_actors
    loop_actors.state = current.state
    try:
        try:
            step(cell, invoke.begin, cell, cell.actor)
            cell.cut_short_if_killed()
            await _complete(cell)
            await _handle_messages(cell)
        except asyncio.CancelledError:
            await _interrupt(cell, cell.actor)
        except GeneratorExit:
            raise  # the loop is gone, and nothing can be awaited any more
        except BaseException as error:
            step(cell, fall, cell, error)
            await _complete(cell)
            if is_for_the_program(error):
                raise
        await _complete(cell)
    finally:
        end_in_any_case(cell)


@runs_actor(cell="cell")
async def _handle_messages(  # noqa: C901, PLR0912, PLR0915 (one function, because a call costs)
    cell: AsyncioCell,
) -> None:
    inbox = cell.inbox
    loop: Any = cell.loop
    loop_actors: Any = cell.loop_actors
    now = loop.time
    nothing = inbox.nothing
    is_empty = inbox.queue.empty
    get_nowait = inbox.queue.get_nowait if inbox.is_ours else inbox.get_nowait
    budget = BATCH
    turn_ends = now() + SLICE
    is_down = False
    while True:
        letter = nothing
        if cell.has_system_messages:
            letter = step(cell, next_system_message, cell)
            if letter is ENDED:
                return
            is_down = letter is DOWN
            is_empty = inbox.queue.empty
            get_nowait = inbox.queue.get_nowait if inbox.is_ours else inbox.get_nowait
            if letter is NOTHING or is_down:
                letter = nothing
        if letter is nothing and not is_down:
            # To ask an empty queue costs an exception; so this looks first. The look does not
            # count.
            try:
                letter = nothing if is_empty() else get_nowait()
            except Empty:  # another reader has taken it
                letter = nothing
        if letter is nothing:
            letter = inbox.get_nowait_or_sleep(loop, is_down=is_down)
            if letter is nothing:
                sleeper: Any = inbox.sleeper
                if not cell.has_urgent():
                    try:
                        await sleeper.waiting
                    except asyncio.CancelledError as error:
                        if cell.unfinished is None:
                            raise
                        await _complete(cell, error)
                    loop_actors.state = current.state
                    budget = BATCH
                    turn_ends = now() + SLICE
                inbox.sleeper = None
                if cell.unfinished is not None:  # of what a task has begun that awaits it
                    await _complete(cell)
                continue
        # This is step(), to save the call.
        state = current.state
        # twin: give way (1 statement)
        if state.owes is not None and not answers_an_asker(letter):
            give_way(state)
        # twin: step (3 statements)
        outer = state.cell
        state.cell = cell
        try:
            handle(cell, letter)
        finally:
            state.cell = outer
        letter = None
        if cell.unfinished is not None:
            await _complete(cell)
        budget -= 1
        if budget <= 0 or now() > turn_ends:
            await asyncio.sleep(0)
            budget = BATCH
            turn_ends = now() + SLICE


async def _complete(cell: AsyncioCell, cancelled: BaseException | None = None) -> None:
    """Await the coroutines that the actor's code has returned, and end what they belong to.

    Args:
        cell: The actor.
        cancelled: What the task was cancelled with before the first of them could begin.
    """
    task: Any = cell.task
    while cell.unfinished is not None:
        coroutine, end = cell.unfinished
        cell.unfinished = None
        result = error = None
        was_struck = cancelled is not None and type(coroutine) is Ended
        cell.is_driving = True
        try:
            result = await drive(cell, coroutine, cancelled)
        except GeneratorExit:
            raise
        except BaseException as raised:
            error = raised
        cell.is_driving = False
        cancelled = None
        if cell.is_interrupted:
            error = _end_of_interruption(cell, error)
            was_struck = False
        is_last = is_hook(end)
        if is_last and task.is_cancelled_from_outside:
            error = await _end_of_cancelled_hook(cell, error)
        was_cancelled = (
            not is_last and task.cancelling() and (was_struck or await task.was_cancelled(error))
        )
        actor = cell.actor
        if actor is None:
            return  # it was abandoned, or the loop was closed meanwhile; see `…asyncio.loop`
        if was_cancelled:
            if not is_a(error, asyncio.CancelledError):
                step(cell, end, cell, result, error)
            await _interrupt(cell, actor)
        else:
            step(cell, end, cell, result, error)
        result = error = None


def _end_of_interruption(cell: AsyncioCell, error: BaseException | None) -> BaseException | None:
    """Let a handler end whose asker wants no answer any more, so that the actor goes on.

    Returns:
        What has come of it, if that is no answer.
    """
    task: Any = cell.task
    cell.is_interrupted = False
    task.uncancel()
    if is_a(error, asyncio.CancelledError) and not task.is_cancelled_from_outside:
        return NotHandled(BY_ASKER, cell.handling._recall.outcome)
    return error


async def _end_of_cancelled_hook(
    cell: AsyncioCell, error: BaseException | None
) -> BaseException | None:
    """Let a hook at the end of an instance end that was cancelled, and those after it run.

    Returns:
        What the hook has raised besides.
    """
    task: Any = cell.task
    await task.forget_cancellations()
    extension = cell.extension
    if not cell.ending and extension is not None and extension.supervision is not None:
        extension.supervision.restarts = (
            False  # the instance ends, and there shall be no other one
        )
    if not is_a(error, asyncio.CancelledError):
        return error
    logger.warning("The last hook of %s was cancelled before it had ended.", cell)
    return None


async def _interrupt(cell: AsyncioCell, actor: Instance | None) -> None:
    """Turn the cancellation of the task into a stop of the actor."""
    task: Any = cell.task
    await task.forget_cancellations()
    step(cell, interrupt, cell, actor, KILLED if cell.is_cut_short else CANCELLED)


class Begun:
    """A coroutine of the actor's code that a task has begun which awaits the answer.

    Args:
        coroutine: The coroutine.
        awaited: What it is suspended for.
    """

    __slots__ = ("awaited", "coroutine")

    def __init__(self, coroutine: Any, awaited: Any) -> None:
        self.coroutine = coroutine
        self.awaited = awaited


class Ended:
    """A coroutine of the actor's code that such a task has brought to its end.

    Args:
        value: What it has returned.
        error: What it has raised instead.
    """

    __slots__ = ("error", "value")

    def __init__(self, value: object, error: BaseException | None) -> None:
        self.value = value
        self.error = error

    def outcome(self) -> object:
        """Return or raise what it has ended with."""
        if self.error is not None:
            raise self.error
        return self.value


@runs_actor(cell="cell")
@generator_based
def drive(
    cell: AsyncioCell, coroutine: Any, cancelled: BaseException | None = None
) -> Generator[Any, Any, Any]:
    """Await a coroutine, each step of which is a step of the actor.

    Args:
        cell: The actor.
        coroutine: What is awaited, which may have `Begun`, or `Ended`.
        cancelled: What the task was cancelled with before it could go on.
    """
    if type(coroutine) is Ended:
        return coroutine.outcome()
    argument: Any = None
    if type(coroutine) is Begun:
        awaited, coroutine = coroutine.awaited, coroutine.coroutine
        # That is what a task does which is cancelled: it cancels what it awaits, if that goes.
        if cancelled is None or (hasattr(awaited, "cancel") and awaited.cancel()):
            cancelled = None
            try:
                argument = yield awaited
            except BaseException as error:
                cancelled = error
    advance: Callable[[Any], Any] = coroutine.send
    if cancelled is not None:
        advance, argument, cancelled = coroutine.throw, cancelled, None
    while True:
        state = current.state
        # twin: step (3 statements)
        outer = state.cell
        state.cell = cell
        try:
            awaited = advance(argument)
        except StopIteration as end:
            return end.value
        finally:
            state.cell = outer
        try:
            argument = yield awaited
            advance = coroutine.send
        except BaseException as error:
            argument = error
            advance = coroutine.throw
