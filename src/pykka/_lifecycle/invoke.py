"""The life of an actor: start, one message after the other, end.

This is the one implementation of "handle a message", for all runtimes. A runtime decides only
*when and where* it runs.

A handler or a hook that is `async def` returns a coroutine. `Cell.take_over` is then given the
coroutine and what is to be done at its end: `end_of_start`, `end_of_message` or `end_of_hook`. In
an event loop, the runtime awaits the one and calls the other. So what comes before an `await` and
what comes after it is the same code as for all others. Other runtimes have nothing to await it
with, so they refuse it: that is an error in place of an answer that no asker can use.

What happens when something goes wrong is decided here, too:

- A failing *ask* goes to its asker, and the actor lives on; unless the class says in `crash_on`
  that such an exception ends it all the same.
- A failing *tell* ends the actor: unregistered, marked stopped, `on_failure()`. If it is
  supervised, it ends the instance.
- A `BaseException` that is not an `Exception` (Ctrl-C, `sys.exit()`) is answered to the asker,
  ends the actor in an orderly way (`on_stop()`), and then stops all others. That is done by a
  thread of its own: here, it would wait for actors that may in turn be waiting for this one.
  `asyncio.CancelledError` and `GeneratorExit` mean the call and not the program, so they count as
  ordinary failures.

The ends are in `pykka._lifecycle.termination`.
"""

from __future__ import annotations

from types import BuiltinFunctionType, CoroutineType
from typing import TYPE_CHECKING, Any, TypeVar

from pykka import messages
from pykka._cell.cell import DOWN, ENDED, NOTHING, NotBegun
from pykka._deadlock.stacks import runs_actor
from pykka._envelope import CallEnvelope, CarryingEnvelope, Envelope
from pykka._futures.ask import (
    LETTERS,
    Ask,
    CallAsk,
    answer,
    answers_an_asker,
    is_ask,
    reply_to_of,
)
from pykka._futures.reply import (
    is_failure,
    is_the_callers,
    log_returned,
    reply,
    reply_exception,
    settle,
)
from pykka._futures.unhandled.expiry import ExpiringMessage
from pykka._futures.unhandled.recall import NotHandled, RecalledMessage
from pykka._lifecycle.termination import (
    crash,
    end_in_any_case,
    ends_all_the_same,
    fall,
    mark_stopped,
    stop,
    stop_everything,
)
from pykka._util.checks import is_the_same_again, type_of
from pykka._util.gil import HAS_GIL, arrivals, give_way
from pykka._util.log import traceback_of
from pykka._util.thread_state import current
from pykka.messages import (
    FunctionCall,
    ProxyCall,
    ProxyGetAttr,
    ProxySetAttr,
    _ActorStop,
    _LastMessage,
    _WakeUp,
    system_handler,
)
from pykka.timers._timer import Tick

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka._cell.cell import Cell, Instance
    from pykka._cell.extension import CellExtension
    from pykka._envelope import Letter
    from pykka._futures.derived import Outcome

F = TypeVar("F", bound="Callable[..., Any]")

_handlers = messages._handlers


class SetAside(BaseException):
    """Raised by `Actor.stash()`: the message will be handled later, if at all."""


_NO_REPLY = object()  # the handler has seen to the answer itself

_inherited_stop: object = None
"""The function `Actor.stop`; entered by `asks_itself_to_stop`."""


def asks_itself_to_stop(method: F) -> F:
    """Mark the method by which an actor asks itself to stop.

    Who calls it through a proxy gets the answer when the actor has ended.

    Raises:
        ValueError: There is such a method already.
    """
    global _inherited_stop  # noqa: PLW0603
    if _inherited_stop is not None and not is_the_same_again(_inherited_stop, method):
        msg = f"there are two methods to stop an actor: {_inherited_stop!r} and {method!r}"
        raise ValueError(msg)
    _inherited_stop = method
    return method


@runs_actor(cell="cell")
def run_loop(cell: Cell) -> None:
    """Run an actor on this thread, from its start to its end.

    It does not hold the actor itself, which may be replaced by another instance.
    """
    if not cell.claim_life():
        return  # the start was interrupted, and no code knows of the actor
    state = current.state
    state.cell = cell
    try:
        begin(cell, cell.actor)  # type: ignore[arg-type]
        get = cell.inbox.get
        # "while not cell.stopped" would be compiled to a loop without an unconditional jump
        # back. Python 3.11 never specialises such a loop in a function that is called once for
        # each thread, and it runs at less than half the speed.
        while True:
            if cell.has_system_messages:
                letter = next_system_message(cell)
                if letter is ENDED:
                    break
                if letter is DOWN:
                    cell.extension.wakeup.get()  # type: ignore[union-attr]
                    continue
                get = cell.inbox.get
                handle(cell, get() if letter is NOTHING else letter)
                letter = None
            else:
                letter = get()
                # twin: give way (1 statement)
                if state.owes is not None and not answers_an_asker(letter):
                    give_way(state)
                handle(cell, letter)
                letter = None
    except BaseException as error:  # the user's inbox failed
        fall(cell, error)
    finally:
        end_in_any_case(cell)
        state.cell = None


def next_system_message(cell: Cell) -> Any:
    """See to what comes before the next message of the inbox.

    To be called when `Cell.has_system_messages` is set; see `Cell.take_first`. An actor that was
    killed begins to end here.

    Returns:
        A letter to be handled, `NOTHING`, `DOWN` or `ENDED`. If a coroutine was taken over, that
        has to be seen to first.
    """
    letter = cell.take_first()
    if letter is ENDED:
        extension = cell.extension
        if extension is not None and extension.killed and not cell.ending:
            stop(cell, cell.actor)  # type: ignore[arg-type]
    return letter


def begin(cell: Cell, actor: Instance) -> None:
    """Run the start hook."""
    if cell.ending:
        return  # it was abandoned before it could begin
    try:
        result: Any = actor.on_start()
        if type(result) is CoroutineType:
            cell.take_over(result, end_of_start)  # pyright: ignore[reportUnknownArgumentType]
            return
    except BaseException as error:
        end_of_start(cell, None, error)
    else:
        if cell.extension is not None:
            end_of_start(cell, None, None)


def end_of_start(cell: Cell, _result: object, error: BaseException | None) -> None:
    """See to what the start hook has raised."""
    actor: Any = cell.actor
    if actor is None:
        return  # it was abandoned, or its loop was closed under it
    if error is not None:
        end_by(cell, actor, error)
        return
    supervision = None if cell.extension is None else cell.extension.supervision
    if supervision is not None:
        supervision.came_up(cell)


def end_by(cell: Cell, actor: Instance, error: BaseException) -> None:
    """End the life, or the instance, because of what one of its first hooks has raised."""
    if is_failure(error):
        crash(cell, actor, error)
    else:
        stop_everything(cell, actor, error)


def handle(  # noqa: C901, PLR0912 (one function, because a call costs)
    cell: Cell, letter: Any
) -> None:
    """Handle one message that lies in an envelope, or is a question.

    This is the hot path, and order counts. What happens before the asker is woken makes him wait
    longer. What happens after it costs nothing on a thread of its own, up to half a microsecond,
    because waking a thread takes longer than that.
    """
    cell.handling = letter
    actor: Any = cell.actor
    kind = type(letter)  # pyright: ignore[reportUnknownVariableType]
    try:
        if kind is CallAsk:
            result = _call(cell, letter, letter)
        elif kind is CallEnvelope:
            result = _call(cell, letter, None)
        else:
            message = letter.message
            if type(message) in _handlers:  # pyright: ignore[reportUnknownArgumentType]
                result = _handlers[type(message)](cell, letter)  # pyright: ignore[reportUnknownArgumentType]
            else:
                result = actor.on_receive(message)
    except SetAside:
        _set_aside(cell)
        cell.handling = letter = message = actor = None
    except BaseException as error:
        _fail(cell, actor, reply_to_of(letter), error)
        if kind is Ask or kind is CallAsk:
            letter.release()
        # The exception's traceback holds this frame; do not let the frame hold the future of the
        # answer, which holds the exception, nor the message.
        letter = message = actor = None
    else:
        # From here on, this is end_of_message(), to save the call.
        if result is not None and type(result) is CoroutineType:  # pyright: ignore[reportUnknownArgumentType]
            _take_over(cell, result)
            return
        if (kind is Ask or kind is CallAsk) and result is not _NO_REPLY:
            # This is Ask._try_resolve(), without its care for signal handlers: the caller that
            # runs this where they strike resolves the future once more.
            outcome: Any = (result, None)
            log = letter._log
            # twin: resolve (2 statements)
            log.append(outcome)
            if log[0] is outcome:
                letter._outcome = outcome
            else:
                wake_asker(actor, letter, outcome)
            if kind is Ask:  # this is its release(), to save the call
                letter.message = None
            else:
                letter.release()
        elif letter.reply_to is not None and result is not _NO_REPLY:
            reply(actor, letter.reply_to, result)
    # While the thread waits for the next message, it does not keep this one alive.
    cell.handling = None


def wake_asker(actor: Instance, ask: Any, outcome: Outcome) -> None:
    """Wake those who wait for an answer that is in the log; one that waits alone is soon found."""
    log = ask._log
    try:
        # In this order: entries may leave the log, and none comes before these. So what is first
        # now was so a moment ago, or it is the outcome.
        if log[1] is outcome:
            first = log[0]
            if first is not outcome:
                first()
            ask._outcome = outcome
            if type(first) is not BuiltinFunctionType:  # not a lock's release()
                ask._forget(first)
            elif HAS_GIL:
                # twin: owe (1 statement)
                current.state.owes = arrivals.latest
        else:
            settle(actor, ask, outcome)
    except Exception:
        # A waiter gave up; it is a get-hook or an outcome; or a waiter has raised.
        settle(actor, ask, outcome)


def handle_ask(cell: Cell, ask: Any) -> None:
    """Handle a question that is no call through a proxy: `handle()`, for this kind alone."""
    cell.handling = ask
    actor: Any = cell.actor
    try:
        message = ask.message
        if type(message) in _handlers:
            result = _handlers[type(message)](cell, ask)
        else:
            result = actor.on_receive(message)
    except SetAside:
        _set_aside(cell)
        cell.handling = ask = message = actor = None
    except BaseException as error:
        _fail(cell, actor, ask, error)
        ask.release()
        cell.handling = ask = message = actor = None  # as in handle()
    else:
        if result is not None and type(result) is CoroutineType:
            _take_over(cell, result)
            return
        if result is not _NO_REPLY:
            outcome: Any = (result, None)
            log = ask._log
            # twin: resolve (2 statements)
            log.append(outcome)
            if log[0] is outcome:
                ask._outcome = outcome
            else:
                wake_asker(actor, ask, outcome)
            ask.message = None  # this is its release()
    cell.handling = None


def handle_call(cell: Cell, ask: Any) -> None:
    """Handle a call through a proxy that wants an answer: `handle()`, `_call()`, in one piece."""
    cell.handling = ask
    actor: Any = cell.actor
    name = None
    try:
        callee = actor
        # twin: make the call (4 statements)
        if callee is None:
            callee = cell.require_instance()  # it raises
        for name in ask.attr_path:
            callee = getattr(callee, name)
        kwargs = ask.kwargs
        result = callee(*ask.args, **kwargs) if kwargs else callee(*ask.args)
        if name == "stop" and is_inherited_stop(callee):
            _answer_when_ended(cell, ask)
            ask.release()
            cell.handling = None
            return
    except SetAside:
        _set_aside(cell)
        cell.handling = ask = actor = callee = None
    except BaseException as error:
        _fail(cell, actor, ask, error)
        ask.release()
        cell.handling = ask = actor = callee = None  # as in handle()
    else:
        if result is not None and type(result) is CoroutineType:
            _take_over(cell, result)
            return
        outcome: Any = (result, None)
        log = ask._log
        # twin: resolve (2 statements)
        log.append(outcome)
        if log[0] is outcome:
            ask._outcome = outcome
        else:
            wake_asker(actor, ask, outcome)
        # This is its release().
        ask.args = ()
        ask.kwargs = None
    cell.handling = None


def handle_deferred(cell: Cell, call: CallEnvelope) -> None:
    """Handle a call that expects no answer.

    Only for runtimes where nothing is awaited.
    """
    cell.handling = call
    callee: Any = cell.actor
    try:
        # twin: make the call (4 statements)
        if callee is None:
            callee = cell.require_instance()  # it raises
        for name in call.attr_path:
            callee = getattr(callee, name)
        kwargs = call.kwargs
        result = callee(*call.args, **kwargs) if kwargs else callee(*call.args)
        # twin: refuse coroutine (1 statement)
        if result is not None and type(result) is CoroutineType:
            cell.take_over(result, end_of_message)  # it raises: this is not asyncio
    except BaseException as error:
        fail_told(cell, error)
        del call, callee  # as above
    cell.handling = None


NONE: Envelope[None] = Envelope(None)
"""What an actor is handling that handles a bare `None`; for `Cell.handling`, `None` is nothing."""

SPECIAL: dict[type, Callable[[Cell, Any], None]] = {
    Ask: handle_ask,
    CallAsk: handle_call,
    CallEnvelope: handle_deferred,
    CarryingEnvelope: handle,
    Envelope: handle,
}
"""How that is handled, where nothing is awaited, which lies in an inbox of bare messages and is
not simply given to `on_receive()`."""


def handle_directly(cell: Cell, message: object) -> object:
    """Handle a message that was not sent, and return the answer, or raise."""
    handler = _handlers.get(type(message))
    if handler is None:
        return cell.actor.on_receive(message)  # type: ignore[union-attr]
    result = handler(cell, Envelope(message))
    return None if result is _NO_REPLY else result


def fail_told(cell: Cell, error: BaseException) -> None:
    """End the handling of a message that raised, and that had no asker."""
    if type(error) is SetAside:
        _set_aside(cell)
        return
    _fail(cell, cell.actor, None, error)  # type: ignore[arg-type]


def _take_over(cell: Cell, coroutine: Any) -> None:
    """Have the runtime see to the coroutine that a handler has returned."""
    try:
        cell.take_over(coroutine, end_of_message)
    except TypeError as error:
        end_of_message(cell, None, error)


def end_of_message(cell: Cell, result: object, error: BaseException | None) -> None:
    """End the handling of the message that the actor is handling."""
    letter, actor = cell.handling, cell.actor
    if actor is None:
        return  # it was abandoned, or its loop closed under it, and everybody is answered
    if issubclass(type(error), BaseExceptionGroup):
        error = _out_of_group(error)  # type: ignore[arg-type]
    if type(error) is SetAside:
        _set_aside(cell)
        cell.handling = None
        return
    reply_to = cell.handled_reply_to
    if error is not None:
        _fail(cell, actor, reply_to, error)
    elif is_ask(letter):
        outcome: Outcome = (result, None)
        letter._log.append(outcome)
        settle(actor, letter, outcome)
    elif reply_to is not None:
        reply(actor, reply_to, result)
    if is_ask(letter):
        letter.release()
    letter = reply_to = error = None  # as in handle()
    cell.handling = None


def _out_of_group(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What a task group's block has raised, if `stash()` was called in it.

    A task group puts into a group whatever its block or its tasks raise. If something failed there
    besides, then that is what has come of the message.
    """
    try:
        set_aside, rest = group.split(SetAside)
    except Exception:  # a class of the user's may split itself, or fail to
        return group
    if set_aside is None:
        return group
    return SetAside() if rest is None else rest


def _set_aside(cell: Cell) -> None:
    """Put the message that the actor is handling into its stash.

    This is done at the end of the handling and not by `stash()`, so that a message whose handler
    has caught what that raises, and has handled it after all, is not handled twice.
    """
    extension = cell.need_extension()
    if extension.meter is not None:
        extension.meter.set_aside += 1
    if extension.tracing is not None:
        extension.tracing.note_set_aside()
    letter: Any = cell.handling
    if is_ask(letter) and letter._recall is not None:
        letter._recall.open_again()
    if type_of(letter) is Envelope and type_of(letter.message) is Tick:
        tick = letter.message.timer.set_aside()
        if tick is None:
            return
        letter = Envelope(tick)
    if extension.stash is None:
        extension.stash = []
    extension.stash.append(letter if type_of(letter) in LETTERS else Envelope(letter))


def _fail(cell: Cell, actor: Instance, reply_to: Any, error: BaseException) -> None:
    """End the handling of a message that raised."""
    if has_not_begun(cell, error):
        reject_handled(cell, cell.handling)
        return
    if cell.extension is not None:
        _note_failure(cell, cell.extension, error)
    if type(error) is NotHandled:
        answer(reply_to, error.outcome, actor)
    elif is_failure(error):
        if reply_to is None:
            crash(cell, actor, error)
        else:
            log_returned(actor, error)
            reply_exception(actor, reply_to, error)
            if ends_all_the_same(cell, error):
                crash(cell, actor, error)
    else:
        if reply_to is not None:
            reply_exception(actor, reply_to, error)
        if reply_to is None or not is_the_callers(error):
            stop_everything(cell, actor, error)


def has_not_begun(cell: Cell, error: BaseException) -> bool:
    """Tell whether an exception says that a message has found its actor without an instance.

    The shortest ways to `on_receive()` do not ask first, so there it is looked for on `None`: by a
    frame of ours, since whatever a handler raises has a handler's frame in its traceback.
    """
    if cell.actor is not None:
        return False
    if type(error) is NotBegun:
        return True
    traceback = traceback_of(error)
    return (
        type(error) is AttributeError
        and error.obj is None
        and error.name == "on_receive"
        and (traceback is None or traceback.tb_next is None)
    )


def reject_handled(cell: Cell, handled: Any) -> None:
    """Do with the message whose handling would begin what is done with those that are left.

    Invariant: each message of an actor that is abandoned is either handled, at least in part, by
    its last instance, or reported and answered as one that was left. The runner notes in
    `Cell.handling` what it has taken, and then looks for the instance; who abandons the actor
    takes the instance away, and then looks at `Cell.handling`. So if the runner still finds the
    instance, the other finds the asker; and if not, it comes here.

    Args:
        cell: The actor.
        handled: What it was about to handle: a letter, or a bare message.
    """
    extension = cell.extension
    if extension is not None and extension.meter is not None:
        extension.meter.skip()
    cell._reject(handled)


def _note_failure(cell: Cell, extension: CellExtension, error: BaseException) -> None:
    """Count, and note, a message that was not handled, or whose handler raised."""
    meter, tracing = extension.meter, extension.tracing
    if type(error) is NotHandled:
        if meter is not None:
            meter.leave_out(error.counter)
        if tracing is not None:
            tracing.note_left_out(error.counter)
        return
    if meter is not None:
        meter.failures += 1
    if tracing is not None:
        tracing.note_failure(cell, error)


@system_handler(_ActorStop, counted=False)
def _on_stop_message(cell: Cell, envelope: Letter) -> object:
    if envelope.reply_to is not None:
        cell.answer_when_ended(envelope.reply_to, answer=True)
    stop(cell, cell.actor)  # type: ignore[arg-type]
    return _NO_REPLY


@system_handler(_LastMessage)
def _on_last_message(cell: Cell, _envelope: Letter) -> object:
    mark_stopped(cell)
    return _NO_REPLY


@system_handler(_WakeUp, counted=False)
def _on_wake_up(_cell: Cell, _envelope: Letter) -> object:
    return _NO_REPLY


def is_inherited_stop(method: object) -> bool:
    """Tell whether a method is the one by which an actor asks itself to stop."""
    return getattr(method, "__func__", None) is _inherited_stop


def _call(cell: Cell, call: Any, reply_to: Any) -> object:
    """Do what a call through a proxy says; `call` has the attributes of a `ProxyCall`."""
    callee: Any = cell.actor
    name = None
    try:
        # twin: make the call (4 statements)
        if callee is None:
            callee = cell.require_instance()  # it raises
        for name in call.attr_path:
            callee = getattr(callee, name)
        kwargs = call.kwargs
        result = callee(*call.args, **kwargs) if kwargs else callee(*call.args)
    except BaseException:
        # The exception's traceback holds this frame, and will be in the future of the answer. Do
        # not let the frame hold that future in turn.
        del call, reply_to
        raise
    if name == "stop" and is_inherited_stop(callee) and reply_to is not None:
        # The actor has only asked itself to stop. The caller wants to know when it has.
        _answer_when_ended(cell, reply_to)
        return _NO_REPLY
    return result


def _answer_when_ended(cell: Cell, reply_to: Any) -> None:
    """Answer who has asked the actor to stop itself, when it has ended."""
    if is_ask(reply_to):
        reply_to.note_begun()
    cell.answer_when_ended(reply_to, answer=None)


@system_handler(ProxyCall, privileged=False)
def _on_call(cell: Cell, envelope: Letter) -> object:
    message, reply_to = envelope.message, envelope.reply_to
    del envelope  # as above
    try:
        return _call(cell, message, reply_to)
    finally:
        del reply_to


@system_handler(ExpiringMessage, privileged=False)
@system_handler(RecalledMessage, privileged=False)
def _on_covered(cell: Cell, envelope: Letter) -> object:
    """Handle a message in whose place something lies, unless that says otherwise.

    What a canceller has put there stays there: if the question is set aside, the canceller may
    come in time for the next time.
    """
    letter: Any = envelope
    covered: Any = envelope.message
    del envelope  # as above
    try:
        covered.require_begin(cell)
        message: Any = covered.content
        handler = _handlers.get(type(message))  # pyright: ignore[reportUnknownArgumentType]
        if handler is not None:
            reply_to = letter if is_ask(letter) else letter.reply_to
            return handler(cell, Envelope(message, reply_to))
        return cell.require_instance().on_receive(message)
    finally:
        letter = covered = message = reply_to = None


@system_handler(FunctionCall, privileged=False)
def _on_function_call(cell: Cell, envelope: Letter) -> object:
    message: FunctionCall = envelope.message
    del envelope  # as above
    return message.function(cell.require_instance(), *message.args, **message.kwargs)


@system_handler(ProxyGetAttr, privileged=False)
def _on_get_attr(cell: Cell, envelope: Letter) -> object:
    path = envelope.message.attr_path
    del envelope  # as above
    value: Any = cell.actor
    if value is None:
        value = cell.require_instance()  # it raises
    for name in path:
        value = getattr(value, name)
    return value


@system_handler(ProxySetAttr, privileged=False)
def _on_set_attr(cell: Cell, envelope: Letter) -> object:
    message: ProxySetAttr = envelope.message
    del envelope  # as above
    *path, last = message.attr_path
    owner: Any = cell.require_instance()
    for name in path:
        owner = getattr(owner, name)
    setattr(owner, last, message.value)
    return None
