"""A thread that waits for a pooled actor runs it instead.

Problem
    To ask an actor on another thread costs two switches of threads, and all the asker does
    meanwhile is wait. If the actor is idle, the asker can as well lend it its thread: that takes a
    microsecond or less instead of ten to eighty.

Rules
    - It adds no wait that was not there: the caller waits for everything that it runs. It runs
      nothing but the actor that it waits for, in the order of its inbox, until it has the answer.
    - Not if the wait has a timeout: a handler could overrun it. Unless the class says that this
      is how it wants it (`caller_runs = "despite_timeout"`): then an answer that is late raises
      `Timeout`, when it is there.
    - Not on a thread with a running event loop, which a handler could not run again.
    - Not unless ample stack is left, so that a deep caller does not make an innocent actor fail
      with a `RecursionError`. What counts is the depth of the whole stack, from its base.
    - Not into a dispatcher with a stated maximum of threads, from outside of it: the maximum may
      be there because no more than so many may use something at once.
    - Not to an actor that has children. When it ends, it waits for them, and they may wait for
      the caller, who could not go on beneath it, although he is answered. (In a dispatcher with a
      stated maximum there may be no other thread, so there it is done all the same.)
    - Not by a supervisor to its child, which may hang while it starts or stops. It is abandoned
      then, and the supervisor has to go on.
    - The main thread lends itself only to its own message, and to no stop hook. Signal handlers
      run there, and one that raises (Ctrl-C) must hit no message but that of the caller it belongs
      to, and no actor in the middle of its end.
    - Everything runs in the actor's own `contextvars` context. It has one of its own only once
      it has set a variable; until then an empty one that is handed from actor to actor does.

Invariant: what the actor's own code may change (its context, whether it has children) is looked at
after the turn was taken. What was seen before may be out of date: other threads may have run the
actor in between. The looks before that are hints, for they save taking the turn in vain.

For the wait-for graph, the caller waits for the actor that it runs: `Cell.waiting` of the one
is then the cell of the other; see `pykka._deadlock.wait_graph`.
"""

from __future__ import annotations

from contextvars import Context
from sys import modules
from types import MethodType
from typing import TYPE_CHECKING, Any

from pykka._actor.actor import Actor
from pykka._deadlock.stacks import runs_actor
from pykka._futures.ask import Ask, CallAsk
from pykka._lifecycle.invoke import handle, handle_ask, handle_call
from pykka._lifecycle.termination import stop_without_hook
from pykka._util.gil import FENCE, NOTHING
from pykka._util.imported import running_loop
from pykka._util.log import traceback_of
from pykka._util.thread_state import count_frames, get_frame
from pykka.messages import _ActorStop
from pykka.runtimes.pool import run as running

if TYPE_CHECKING:
    from pykka._deadlock.wait_graph import WaitingState
    from pykka._futures.threading_future import ThreadingFuture
    from pykka.runtimes.pool.cell import PooledCell

DESPITE_TIMEOUT = "despite_timeout"
"""The value of `PooledActor.caller_runs` with which those run the actor, too, that wait with a
timeout."""


@runs_actor(cell="cell", caller="outer")
def run_until(  # noqa: C901, PLR0912, PLR0915 (one function, because a call costs)
    there: PooledCell, future: ThreadingFuture[Any], state: WaitingState
) -> bool:
    """Run the actor that has to resolve a future, on this thread, until it has.

    `cell` is bound only while this thread has the turn; see `Worker._work`.

    Returns:
        Whether the future is resolved.
    """
    turn = there.run_token
    if (
        not turn
        or not ((there.direct_call_ok and there.extension is None) or may_run(there, state))
        or ("asyncio.events" in modules and running_loop() is not None)
    ):
        return False
    depth = state.depth
    # twin: room on stack (1 statement)
    try:
        has_room = get_frame(depth).f_back is None
    except ValueError:  # the stack is not as deep as last time
        has_room = False
    if not has_room and (depth := count_frames(state)) < 0:
        return False
    outer, spare = state.cell, state.spare
    before = None if outer is None else outer.waiting
    if spare is None:
        spare = Context()
    try:
        del turn[0]
    except IndexError:
        return False
    # No signal handler can strike between taking the turn and this `try`.
    cell = there
    own = cell.context
    context = spare if own is None else own
    try:
        # twin: begin to lend (3 statements)
        state.spare = None
        state.cell = cell
        if outer is not None:
            outer.waiting = cell
        inbox = cell.inbox
        if (
            type(future) is CallAsk
            and cell.direct_call_ok
            and inbox
            and inbox[0] is future
            and not cell.backlog
            and not cell.has_system_messages
        ):
            del inbox[0]
            context.run(handle_call, cell, future)
            if cell.stopped:  # by the call
                context.run(running.run, cell)
        elif (
            (extension := cell.extension) is not None
            and extension.children
            and not cell.pool.is_bounded
        ):
            pass  # it is for a worker
        elif (
            cell.begun
            and type(inbox) is list
            and inbox
            and inbox[0] is future
            and not cell.backlog
            and not cell.has_system_messages
        ):
            if state.is_main and type(future) is Ask and type(future.message) is _ActorStop:
                return _stop_on_main_thread(cell, future)
            del inbox[0]
            if type(future) is Ask:
                context.run(handle_ask, cell, future)
            else:
                context.run(handle, cell, future)
            if cell.stopped:  # by the message
                context.run(running.run, cell)
        elif not state.is_main:
            context.run(running.run, cell, running.ENDLESS, future)
    except BaseException as error:
        # A signal handler raised, in between the parts of our own code. The caller gets that; and
        # no other waiter for the same answer may wait for ever.
        future._try_resolve((None, (error, traceback_of(error))))
        future._serve_again()  # perhaps it was resolved, and not everybody served
        raise
    finally:
        # Without a call, up to giving back the turn.
        # twin: end lending (3 statements)
        state.cell = outer
        state.depth = depth
        if outer is not None:
            outer.waiting = before
        if own is not None:
            state.spare = spare
        elif context:  # the actor has set a variable, and keeps the context
            # twin: keep context (2 statements)
            cell.context = context
            cell.fast_loop_ok = cell.direct_call_ok = False
            state.spare = None
        else:
            state.spare = context
        # Of an actor that is down, a worker keeps the turn; see `PooledCell.keeps_turn`. That
        # takes calls.
        try:
            has_ended = cell.closed
            del cell
            if not has_ended:
                # twin: give turn back (4 statements)
                turn.append(True)
                inbox = there.inbox  # only now; it may not have been there before
                if FENCE:
                    inbox.extend(NOTHING)
                if (inbox or there.backlog or there.has_system_messages) and not there.queued:
                    there.schedule()
        except BaseException:
            there.schedule()  # a signal handler raised: in doubt, a hint too many
            raise
    try:
        return future._outcome is not None
    finally:
        # The frame of what was run leads to this one; do not let this one hold the answer.
        del future


def _stop_on_main_thread(cell: PooledCell, future: ThreadingFuture[Any]) -> bool:
    """End an actor for its caller, if there is no stop hook to run."""
    if not has_inherited(cell.actor, "on_stop") or cell.extension is not None:
        return False
    del cell.inbox[0]
    try:
        stop_without_hook(cell, future)
    except BaseException:
        # A signal handler raised. All of it can be done again from the start.
        stop_without_hook(cell, future)
        raise
    return True


_attribute_of = object.__getattribute__
_OF_ACTOR = vars(Actor)


def has_inherited(actor: object, hook: str) -> bool:
    """Tell whether a hook of an actor is that of the base class, which does nothing.

    It does not run a property that the user has in its place. Nor does it look into the actor's
    `__dict__`: CPython makes one when it is asked for, and from then on each attribute of the
    actor costs more, in time and in memory.
    """
    for cls in type(actor).__mro__:
        if hook in cls.__dict__:
            if cls is not Actor:
                return False
            # A function of the class gives way to what the instance has, and runs no code.
            found: Any = _attribute_of(actor, hook)
            return type(found) is MethodType and found.__func__ is _OF_ACTOR[hook]
    return False  # pragma: no cover (the base class has it)


def may_run(cell: PooledCell, state: WaitingState) -> bool:
    """Tell whether a thread may run the actor, as far as can be told before it has the turn."""
    # The main thread does not begin an actor. If it took the turn in vain, the worker that is to
    # begin might come meanwhile, go away, and not come again: perhaps the inbox is empty.
    if not (cell.allows_caller_runs or may_lend(cell, state)) or (
        state.is_main and not cell.begun
    ):
        return False
    extension = cell.extension
    return extension is None or not (
        (extension.children and not cell.pool.is_bounded)
        or (extension.supervision is not None and extension.parent is state.cell)
    )


def may_lend(cell: PooledCell, state: WaitingState) -> bool:
    """Tell whether a thread may run the actor, as far as class and dispatcher are concerned."""
    pool = cell.pool
    return (
        cell.actor_class.caller_runs  # type: ignore[attr-defined]
        and pool.caller_runs
        and not (pool.is_bounded and state.accepts is not pool)
    )
