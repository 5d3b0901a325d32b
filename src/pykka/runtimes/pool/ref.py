"""The refs of pooled actors: the ways of a message in, each in one piece, because calls cost.

What a `PooledRef` does differs from what every ref does only in how: bare messages go into the
inbox without an envelope, and a thread has to be found that runs the actor.

`ask` has the shortest way there is: if the actor is idle, the caller takes its turn and calls
`on_receive()`, with neither an envelope nor a future. That is `caller_runs.run_for` for a single
message; all rules are the same.
"""

from __future__ import annotations

from _thread import start_new_thread
from contextvars import Context
from sys import modules
from types import CoroutineType
from typing import TYPE_CHECKING, Any, TypeVar

from pykka import messages
from pykka._deadlock.stacks import runs_actor
from pykka._envelope import CallEnvelope, Envelope
from pykka._futures.ask import LETTERS, CallAsk
from pykka._futures.reply import is_failure, is_the_callers, log_returned
from pykka._lifecycle.invoke import end_of_message
from pykka._lifecycle.termination import crash, ends_all_the_same, stop_everything
from pykka._ref.ref import ActorRef
from pykka._util.gil import FENCE, NOTHING
from pykka._util.thread_state import ThreadState, current, quick
from pykka.messages import ProxyCall
from pykka.runtimes.pool.caller_runs import count_frames, get_frame, in_event_loop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pykka._actor.actor import Actor
    from pykka._futures.future import Future
    from pykka.runtimes.pool.cell import PooledAddress

A = TypeVar("A", bound="Actor")

_new = object.__new__
_special = messages._handlers
_WRAPPED = LETTERS | {type(None)}
"""Messages that do not go into the inbox as they are: they would be taken for something else."""


class PooledRef(ActorRef[A]):
    """The ref of a pooled actor."""

    __slots__ = ()

    _address: PooledAddress  # pyright: ignore[reportIncompatibleVariableOverride]

    def tell(self, message: Any) -> None:
        address = self._address
        # twin: refuse (1 statement)
        if address.stopped:
            raise address.dead_error("not found")
        if type(message) in _WRAPPED:
            message = Envelope(message)
        # What follows is PooledAddress.send(), whose invariant holds here as well.
        # twin: in doubt (1 statement)
        # twin: pooled send (1 statement)
        try:
            inbox = address.inbox
            (address.need_inbox() if inbox is None else inbox).append(message)
            if not address.queued:
                if address.turn:
                    # twin: schedule (2 statements)
                    try:
                        state: ThreadState = quick.state
                    except AttributeError:
                        state = current.state
                    if state.accepts is address.pool:
                        address.queued = True
                        state.push(address)  # type: ignore[misc]
                    else:
                        address.pool.inject(address)
                elif address.closed:
                    address.bury_the_rest()
        except RecursionError:
            start_new_thread(address.schedule, ())  # this stack is full; another one is not
            raise
        except BaseException:
            address.schedule()
            raise

    @runs_actor(cell="address", caller="outer")
    def ask(  # noqa: C901, PLR0912, PLR0915 (one function, because a call costs)
        self, message: Any, *, block: bool = True, timeout: float | None = None
    ) -> Any | Future[Any]:
        # `address` is bound only while this thread has the turn; see `Worker._work`.
        there = self._address
        if (
            block
            and timeout is None
            and there.is_direct
            and not there.attention
            and type(message) not in _special
            and not ("asyncio.events" in modules and in_event_loop())
        ):
            try:
                state: ThreadState = quick.state
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
                turn = there.turn
                try:
                    del turn[0]
                except IndexError:
                    pass
                else:
                    # No signal handler can strike between taking the turn and this `try`.
                    address = there
                    outer = state.address
                    before = None
                    try:
                        if not address.inbox and not address.backlog:
                            # twin: begin to lend (3 statements)
                            state.spare = None
                            state.address = address
                            if outer is not None:
                                before = outer.waiting
                                outer.waiting = address
                            address.handling = message
                            result: Any = context.run(address.actor.on_receive, message)  # type: ignore[union-attr]
                            # twin: refuse coroutine (1 statement)
                            if result is not None and type(result) is CoroutineType:
                                address.take_over(result, end_of_message)  # raises
                            return result  # pyright: ignore[reportUnknownVariableType]
                    except BaseException as error:
                        _returned(address, error)
                        raise
                    finally:
                        # Without a call, up to giving back the turn.
                        # twin: end lending (3 statements)
                        state.address = outer
                        state.depth = depth
                        if outer is not None:
                            outer.waiting = before
                        address.handling = None
                        if context:  # the actor has set a variable, and keeps the context
                            # twin: keep context (2 statements)
                            address.context = context
                            address.is_plain = address.is_direct = False
                        else:
                            state.spare = context
                        # This is how the turn is given back everywhere; see the proof.
                        try:
                            del address
                            # twin: give turn back (4 statements)
                            turn.append(True)
                            inbox = there.inbox  # only now; it may not have been there before
                            if FENCE:
                                inbox.extend(NOTHING)
                            if (inbox or there.backlog or there.attention) and not there.queued:
                                there.schedule()
                        except BaseException:
                            there.schedule()
                            raise
        return super().ask(message, block=block, timeout=timeout)

    def _call(
        self, attr_path: Sequence[str], args: Sequence[Any], kwargs: dict[str, Any]
    ) -> Future[Any]:
        address = self._address
        # twin: call the long way (1 statement)
        if address.stopped or address.create_future is not None:
            return self.ask(ProxyCall(attr_path, args, kwargs), block=False)
        # twin: make ask (7 statements)
        ask: Any = _new(CallAsk)  # pyright: ignore[reportUnknownVariableType]
        # twin: note call (3 statements)
        ask.attr_path = attr_path
        ask.args = args
        ask.kwargs = kwargs or None
        ask._answered_by = address
        ask._log = []
        ask._outcome = None
        # What follows is PooledAddress.send(), whose invariant holds here as well.
        # twin: in doubt (1 statement)
        # twin: pooled send (1 statement)
        try:
            inbox = address.inbox
            (address.need_inbox() if inbox is None else inbox).append(ask)
            if not address.queued:
                if address.turn:
                    address.schedule()
                elif address.closed:
                    address.bury_the_rest()
        except RecursionError:
            start_new_thread(address.schedule, ())  # this stack is full; another one is not
            raise
        except BaseException:
            address.schedule()
            raise
        future: Future[Any] = ask
        return future

    def _defer(
        self, attr_path: Sequence[str], args: Sequence[Any], kwargs: dict[str, Any]
    ) -> None:
        address = self._address
        # twin: refuse (1 statement)
        if address.stopped:
            raise address.dead_error("not found")
        envelope = _new(CallEnvelope)
        # twin: note call (3 statements)
        envelope.attr_path = attr_path
        envelope.args = args
        envelope.kwargs = kwargs or None
        address.send(envelope)


def _returned(address: PooledAddress, error: BaseException) -> None:
    """See to what an exception means besides being the answer to the caller."""
    actor: Any = address.actor
    if is_failure(error):
        log_returned(actor, error)
        if ends_all_the_same(address, error):
            crash(address, actor, error)
    elif not is_the_callers(error):
        stop_everything(address, actor, error)
