"""A task that awaits the answer of an idle actor in its own loop runs the actor's handler.

Problem
    To ask an actor in the same loop, and to await the answer, costs two turns of the loop: one for
    the actor's task, and one for the asker's. Between them nothing happens but that one waits for
    the other. If the actor sleeps, the asker's step can as well handle the question.

Rules
    - Only the question that is awaited, if it is the only message in the inbox of an actor that
      sleeps between two messages; and nothing comes before the inbox. The actor's own task sleeps
      all the while, so there is one runner (G1).
    - The handler runs in the actor's context, and `asyncio.current_task()` is the actor's task. So
      what it begins belongs to the actor, and what cancels it hits the actor.
    - A handler that is `async def` is begun here. If it suspends, or is cancelled, the actor's
      task is woken and goes on with it (`Begun`, `Ended`). What comes before the actor's next
      message is left to that task, too, and so are requests to stop and all that is urgent.
    - For the wait-for graph, an asker that is an actor awaits the answer meanwhile, as it would if
      it were suspended. No circle can close just now, for the other actor waits for nothing.

    - There is room on the stack: as for an actor that runs on a caller's thread, the handler finds
      at least half of the recursion limit left. So a chain of any length works, as it does if each
      actor has a step of its own.

Signals
    A signal handler may raise between any two steps. So a coroutine is taken from the cell before
    it is begun, for nothing can await it again; and all that is put back at the end is put back
    once more if anything interrupts that. The asker gets the exception.

Turns
    An await that does not suspend leaves the loop no turn. So the asker suspends itself once the
    awaits in this turn of the loop have taken as long as an actor's own task may (`SLICE`), and
    always after a handler that has taken longer. Counted is the time, not the messages.

Waking
    Whether a question is going to be awaited right away is not known when it is sent. So to wake
    an actor for a question of a task in its own loop is put off until the loop's next turn, and
    then done only if there still is something in the inbox; see `LoopInbox.put`.
"""

from __future__ import annotations

import asyncio
from asyncio import tasks
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from pykka._deadlock.stacks import runs_actor
from pykka._deadlock.wait_graph import await_of
from pykka._futures.ask import Ask, CallAsk, answers_an_asker
from pykka._lifecycle.invoke import end_of_message, handle
from pykka._util.gil import give_way
from pykka._util.imported import running_loop
from pykka._util.log import is_a, traceback_of
from pykka._util.thread_state import count_frames, current
from pykka.messages import is_privileged
from pykka.runtimes.asyncio.run import SLICE, Begun, Ended

if TYPE_CHECKING:
    from pykka._futures.threading_future import ThreadingFuture
    from pykka.runtimes.asyncio.cell import AsyncioCell


@runs_actor(cell="cell")
def answer_in_task(  # noqa: C901 (one function, because a call costs)
    there: AsyncioCell, future: ThreadingFuture[Any]
) -> bool:
    """Handle a question in the step of the task that awaits the answer, if that may be.

    `cell` is bound only while the actor runs here.

    Returns:
        Whether the loop is due for a turn. The future may be resolved or not.
    """
    inbox, state = there.inbox, current.state
    sleeper, queue = inbox.sleeper, inbox.queue
    loop: Any = there.loop
    if (
        sleeper is None
        or there.handling is not None
        or there.has_system_messages
        or there.unfinished is not None
        or type(queue) is not SimpleQueue
        or running_loop() is not loop
        or sleeper.waiting.done()
        or queue.qsize() != 1
        or not (
            type(future) is CallAsk or (type(future) is Ask and not is_privileged(future.message))
        )
    ):
        return False
    task: Any = asyncio.current_task(loop)
    mine: Any = there.task
    outer: Any = state.cell
    if (
        task is None
        or task is mine
        or (outer is not None and outer.task is None)
        or count_frames(state) < 0
    ):
        return False
    loop_actors: Any = there.loop_actors
    now = loop.time
    turn_ends = loop_actors.turn_ends
    if turn_ends is None:
        turn_ends = loop_actors.turn_ends = now() + SLICE
    waits: Any = outer if outer is not None and outer.task is task else None
    letter = None
    try:
        try:
            letter = queue.get_nowait()  # pyright: ignore[reportUnknownVariableType]
            # twin: give way (1 statement)
            if state.owes is not None and not answers_an_asker(letter):
                give_way(state)
            cell = there
            state.cell = cell
            if waits is not None:
                waits.waiting = await_of(waits, future, task)
            tasks._leave_task(loop, task)
            tasks._enter_task(loop, mine)
            mine.actor_context.run(_handle, cell, letter)
        except Empty:  # another reader has taken it
            return False
        except BaseException as error:
            # A signal handler raised, in between the parts of our own code. The asker gets that;
            # and no other waiter for the same answer may wait for ever. What the actor's task is
            # to go on with has its answer from there.
            if there.unfinished is None:
                future._try_resolve((None, (error, traceback_of(error))))
                future._serve_again()
                there.handling = None
            raise
        finally:
            del letter, future
            _come_back(there, outer, waits, task)
    except BaseException:
        _come_back(there, outer, waits, task)
        raise
    if now() > turn_ends:
        loop_actors.turn_ends = None
        return True
    return False


def _come_back(there: AsyncioCell, outer: Any, waits: Any, task: Any) -> None:
    """Have this thread go on for the asker, and the actor's task with what is left to it.

    All of it may be done twice.
    """
    current.state.cell = outer
    if waits is not None:
        waits.waiting = None
    loop: Any = there.loop
    other: Any = asyncio.current_task(loop)
    if other is not task:
        if other is not None:
            tasks._leave_task(loop, other)
        tasks._enter_task(loop, task)
    if there.unfinished is not None or there.has_system_messages:
        there.inbox.rouse()


def _handle(cell: AsyncioCell, letter: Any) -> None:
    """Handle a question, and begin what the handler has returned to be awaited."""
    handle(cell, letter)
    if cell.unfinished is None:
        return
    coroutine, end = cell.unfinished
    if end is not end_of_message:
        return
    task: Any = cell.task
    result = error = None
    try:
        cell.unfinished = None
        awaited = coroutine.send(None)
    except StopIteration as stop:
        result = stop.value
    except BaseException as raised:
        error = raised
        coroutine.close()  # a signal handler may have struck before it had begun, or later
    else:
        cell.unfinished = Begun(coroutine, awaited), end
        return
    if task.cancelling() or not (error is None or is_a(error, Exception)):
        cell.unfinished = Ended(result, error), end
    else:
        end(cell, result, error)
