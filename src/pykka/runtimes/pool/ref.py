"""The refs of pooled actors: the ways of a message in, each in one piece, because calls cost.

What a `PooledRef` does differs from what every ref does only in how: bare messages go into the
inbox without an envelope, and a thread has to be found that runs the actor.

`ask` has the shortest way there is: if the actor is idle, the caller takes its turn and calls
`on_receive()`, with neither an envelope nor a future. That is `caller_runs.run_until` for a single
message; all rules are the same.
"""

from __future__ import annotations

from _thread import start_new_thread
from contextvars import Context
from sys import modules
from types import CoroutineType
from typing import TYPE_CHECKING, Any, TypeVar

from pykka import messages
from pykka._cell.spawn_options import current
from pykka._deadlock.stacks import runs_actor
from pykka._envelope import CallEnvelope, Envelope
from pykka._futures.ask import Ask, CallAsk, is_ask, make_ask
from pykka._futures.deadline import Deadline
from pykka._futures.reply import is_failure, is_the_callers, log_returned, reply_exception
from pykka._lifecycle.invoke import NONE, end_of_message, has_not_begun, reject_handled
from pykka._lifecycle.termination import crash, ends_all_the_same, stop_everything
from pykka._ref.ref import ActorRef
from pykka._util.gil import FENCE, NOTHING
from pykka._util.imported import running_loop
from pykka._util.log import is_a
from pykka._util.thread_state import count_frames, get_frame, quick
from pykka.messages import ProxyCall
from pykka.runtimes.pool.caller_runs import DESPITE_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pykka._actor.actor import Actor
    from pykka._cell.spawn_options import ActorState
    from pykka._futures.future import Future
    from pykka.runtimes.pool.cell import PooledCell

A = TypeVar("A", bound="Actor")

_new = object.__new__
_enveloped = messages.ENVELOPED


_SECONDS = (float, int)


class PooledRef(ActorRef[A]):
    """The ref of a pooled actor."""

    __slots__ = ()

    _cell: PooledCell  # pyright: ignore[reportIncompatibleVariableOverride]

    def tell(self, message: Any) -> None:
        cell = self._cell
        # twin: refuse (1 statement)
        if cell.stopped:
            raise cell.dead_error("not found")
        if type(message) in _enveloped:
            message = Envelope(message)
        # What follows is PooledCell.send(), whose invariant holds here as well.
        # twin: in doubt (1 statement)
        # twin: pooled send (1 statement)
        try:
            inbox = cell.inbox
            (cell.need_inbox() if inbox is None else inbox).append(message)
            if not cell.queued:
                if cell.run_token:
                    # twin: schedule (2 statements)
                    try:
                        state: ActorState = quick.state
                    except AttributeError:
                        state = current.state
                    if state.accepts is cell.pool:
                        cell.queued = True
                        state.push(cell)  # type: ignore[misc]
                    else:
                        cell.pool.inject(cell)
                elif cell.closed:
                    cell.drain_to_dead_letters()
        except RecursionError:
            start_new_thread(cell.schedule, ())  # this stack is full; another one is not
            raise
        except BaseException:
            cell.schedule()
            raise

    @runs_actor(cell="cell", caller="outer")
    def ask(  # noqa: C901, PLR0912, PLR0915 (one function, because a call costs)
        self,
        message: Any,
        *,
        block: bool = True,
        timeout: float | None = None,
        expire: bool = False,
    ) -> Any | Future[Any]:
        # `cell` is bound only while this thread has the turn; see `Worker._work`.
        there = self._cell
        if (
            block
            and (
                timeout is None
                or (
                    there.allows_caller_runs is DESPITE_TIMEOUT
                    and type(timeout) in _SECONDS
                    and timeout > 0
                    and (ends := current.state.world.monotonic() + timeout)
                )
            )
            and there.direct_call_ok
            and type(message) not in _enveloped
            and not ("asyncio.events" in modules and running_loop() is not None)
        ):
            try:
                state: ActorState = quick.state
            except AttributeError:
                state = current.state
            context = state.spare
            depth = state.depth
            if context is None:
                context = Context()
            # twin: room on stack (1 statement)
            try:
                has_room = get_frame(depth).f_back is None
            except ValueError:  # the stack is not as deep as last time
                has_room = False
            if has_room or (depth := count_frames(state)) >= 0:
                turn = there.run_token
                try:
                    del turn[0]
                except IndexError:
                    pass
                else:
                    # No signal handler can strike between taking the turn and this `try`.
                    cell = there
                    outer = state.cell
                    before = None
                    try:
                        # Again, for another thread may have run the actor since the first look.
                        if (
                            cell.direct_call_ok
                            and not cell.has_system_messages
                            and not cell.inbox
                            and not cell.backlog
                        ):
                            # twin: begin to lend (3 statements)
                            state.spare = None
                            state.cell = cell
                            if outer is not None:
                                before = outer.waiting
                                outer.waiting = cell
                            cell.handling = NONE if message is None else message
                            result: Any = context.run(cell.actor.on_receive, message)  # type: ignore[union-attr]
                            # twin: refuse coroutine (1 statement)
                            if result is not None and type(result) is CoroutineType:
                                cell.take_over(result, end_of_message)  # raises
                            # A handler that has promised its reply has cleared that mark.
                            if cell.direct_call_ok or (late := _promised(cell)) is None:  # type: ignore[unreachable]
                                if timeout is None or state.world.monotonic() <= ends:  # pyright: ignore[reportPossiblyUnboundVariable]
                                    return result  # pyright: ignore[reportUnknownVariableType]
                                ends = 0.0
                                late = None
                        else:
                            late = None
                    except BaseException as error:
                        late = _returned(cell, error)
                        if late is not None:
                            pass
                        elif (
                            timeout is not None
                            and is_a(error, Exception)
                            and state.world.monotonic() > ends  # pyright: ignore[reportPossiblyUnboundVariable]
                        ):
                            raise Deadline(timeout).expired(there) from error
                        else:
                            raise
                    finally:
                        # Without a call, up to giving back the turn.
                        # twin: end lending (3 statements)
                        state.cell = outer
                        state.depth = depth
                        if outer is not None:
                            outer.waiting = before
                        cell.handling = None
                        if context:  # the actor has set a variable, and keeps the context
                            # twin: keep context (2 statements)
                            cell.context = context
                            cell.fast_loop_ok = cell.direct_call_ok = False
                        else:
                            state.spare = context
                        # This is how the turn is given back everywhere; see the proof.
                        try:
                            del cell
                            # twin: give turn back (4 statements)
                            turn.append(True)
                            inbox = there.inbox  # only now; it may not have been there before
                            if FENCE:
                                inbox.extend(NOTHING)
                            if (
                                inbox or there.backlog or there.has_system_messages
                            ) and not there.queued:
                                there.schedule()
                        except BaseException:
                            there.schedule()
                            raise
                    if late is not None:
                        left = None if timeout is None else ends - state.world.monotonic()  # pyright: ignore[reportPossiblyUnboundVariable]
                        try:
                            return late.get(timeout=left and max(0.0, left))
                        finally:
                            del late  # the exception's traceback holds this frame
                    if timeout is not None and not ends:  # pyright: ignore[reportPossiblyUnboundVariable]
                        raise Deadline(timeout).expired(there)
        if (
            block
            or expire
            or there.stopped
            or ((sundries := there.sundries) is not None and sundries.create_future is not None)
        ):
            return super().ask(message, block=block, timeout=timeout, expire=expire)
        # twin: make ask (5 statements)
        ask: Any = _new(Ask)  # pyright: ignore[reportUnknownVariableType]
        ask.message = message
        ask._answered_by = there
        ask._log = []
        ask._outcome = None
        # What follows is PooledCell.send(), whose invariant holds here as well.
        # twin: in doubt (1 statement)
        # twin: pooled send (1 statement)
        try:
            inbox = there.inbox
            (there.need_inbox() if inbox is None else inbox).append(ask)
            if not there.queued:
                if there.run_token:
                    there.schedule()
                elif there.closed:
                    there.drain_to_dead_letters()
        except RecursionError:
            start_new_thread(there.schedule, ())  # this stack is full; another one is not
            raise
        except BaseException:
            there.schedule()
            raise
        return ask

    def _call(
        self, attr_path: Sequence[str], args: Sequence[Any], kwargs: dict[str, Any]
    ) -> Future[Any]:
        cell = self._cell
        # twin: call the long way (1 statement)
        if cell.stopped or (
            (sundries := cell.sundries) is not None and sundries.create_future is not None
        ):
            return self.ask(ProxyCall(attr_path, args, kwargs), block=False)
        # twin: make ask (7 statements)
        ask: Any = _new(CallAsk)  # pyright: ignore[reportUnknownVariableType]
        # twin: note call (3 statements)
        ask.attr_path = attr_path
        ask.args = args
        ask.kwargs = kwargs or None
        ask._answered_by = cell
        ask._log = []
        ask._outcome = None
        # What follows is PooledCell.send(), whose invariant holds here as well.
        # twin: in doubt (1 statement)
        # twin: pooled send (1 statement)
        try:
            inbox = cell.inbox
            (cell.need_inbox() if inbox is None else inbox).append(ask)
            if not cell.queued:
                if cell.run_token:
                    cell.schedule()
                elif cell.closed:
                    cell.drain_to_dead_letters()
        except RecursionError:
            start_new_thread(cell.schedule, ())  # this stack is full; another one is not
            raise
        except BaseException:
            cell.schedule()
            raise
        future: Future[Any] = ask
        return future

    def _defer(
        self, attr_path: Sequence[str], args: Sequence[Any], kwargs: dict[str, Any]
    ) -> None:
        cell = self._cell
        # twin: refuse (1 statement)
        if cell.stopped:
            raise cell.dead_error("not found")
        envelope = _new(CallEnvelope)
        # twin: note call (3 statements)
        envelope.attr_path = attr_path
        envelope.args = args
        envelope.kwargs = kwargs or None
        # What follows is PooledCell.send(), whose invariant holds here as well.
        # twin: in doubt (1 statement)
        # twin: pooled send (1 statement)
        try:
            inbox = cell.inbox
            (cell.need_inbox() if inbox is None else inbox).append(envelope)
            if not cell.queued:
                if cell.run_token:
                    cell.schedule()
                elif cell.closed:
                    cell.drain_to_dead_letters()
        except RecursionError:
            start_new_thread(cell.schedule, ())  # this stack is full; another one is not
            raise
        except BaseException:
            cell.schedule()
            raise


def _promised(cell: PooledCell) -> Any:
    """The future of the reply, if the handler of a bare message has promised it; else `None`."""
    handling = cell.handling
    return handling if is_ask(handling) and handling._promise is not None else None


def _returned(cell: PooledCell, error: BaseException) -> Any:
    """See to what an exception means besides being the answer to the caller.

    Returns:
        The future of the answer, if that was given otherwise, before the handler raised; or is
        given by someone else, as there is nothing left of the actor.
    """
    if has_not_begun(cell, error):
        handling: Any = cell.handling
        ask = make_ask(None if handling is NONE else handling, cell)
        reject_handled(cell, ask)
        return ask
    actor: Any = cell.actor
    late = _promised(cell)
    if late is not None:
        is_given = late.done()
        reply_exception(actor, late, error)
        if is_given and is_failure(error):
            return late
    if is_failure(error):
        log_returned(actor, error)
        if ends_all_the_same(cell, error):
            crash(cell, actor, error)
    elif not is_the_callers(error):
        stop_everything(cell, actor, error)
    return None
