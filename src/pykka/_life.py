"""The life of an actor: start, one message after the other, end.

This is the one implementation of "handle a message", for all runtimes. A runtime decides only
*when and where* it runs.

A handler or a hook that is `async def` returns a coroutine. `Address.take_over` is then given the
coroutine and what is to be done at its end: `end_of_start`, `end_of_message` or `end_of_hook`. In
an event loop, the runtime awaits the one and calls the other. So what comes before an `await` and
what comes after it is the same code as for all others. Other runtimes have nobody to await it,
so they refuse it: that is an error in place of an answer that nobody can use.

What happens when something goes wrong is decided here, too:

- A failing *ask* goes to its asker, and the actor lives on.
- A failing *tell* ends the actor: unregistered, marked stopped, `on_failure()`.
- A `BaseException` that is not an `Exception` (Ctrl-C, `sys.exit()`) is answered to the asker,
  ends the actor in an orderly way (`on_stop()`), and then stops all others. That is done by a
  thread of its own: here, it would wait for actors that may in turn be waiting for this one.
  `asyncio.CancelledError` and `GeneratorExit` mean the call and not the program, so they count as
  ordinary failures.

Invariants (guarantee G8)
    - Exactly one of `on_stop()` and `on_failure()` runs, once, and after the stopped mark is set.
      (Neither does if a user sets `actor_stopped` by hand; it is his stop then, not ours.)
    - However the life ends, the address is closed: whatever was left is answered or reported.
      Whoever asked for the stop is answered after all that.
"""

from __future__ import annotations

import sys
import threading
from types import BuiltinFunctionType, CoroutineType
from typing import TYPE_CHECKING, Any

from pykka import messages
from pykka._ask import Ask, CallAsk
from pykka._current import current
from pykka._envelope import CallEnvelope, Envelope
from pykka._logging import logger
from pykka._registry import ActorRegistry
from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr, _ActorStop, _WakeUp

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from pykka._actor import Actor
    from pykka._address import Address
    from pykka._inbox import Letter
    from pykka._lazy import Outcome

_handlers = messages._handlers

_NO_REPLY = object()  # the handler has seen to the answer itself

inherited_stop: object = None
"""The function `Actor.stop`; entered by `pykka._actor`, which stands above this module."""


def live(actor: Actor) -> None:
    """Run an actor on this thread, from its start to its end."""
    address = actor._pykka_address
    if not address.claim_life():
        return  # the start was interrupted, and nobody knows of the actor
    state = current.state
    state.address = address
    try:
        begin(address, actor)
        get = address.inbox.get
        # "while not address.stopped" would be compiled to a loop without an unconditional jump
        # back. Python 3.11 never specialises such a loop in a function that is called once for
        # each thread, and it runs at less than half the speed.
        while True:
            if address.stopped:
                break
            handle(address, get())
    except BaseException as error:  # the user's inbox failed
        crash(address, actor, error)
    finally:
        end(address, actor)
        state.address = None


def begin(address: Address, actor: Actor) -> None:
    """Run the start hook."""
    try:
        result: Any = actor.on_start()
        if type(result) is CoroutineType:
            address.take_over(result, end_of_start)  # pyright: ignore[reportUnknownArgumentType]
    except BaseException as error:
        end_of_start(address, None, error)


def end_of_start(address: Address, _result: object, error: BaseException | None) -> None:
    """See to what the start hook has raised."""
    actor: Any = address.actor
    if error is None:
        return
    if is_failure(error):
        crash(address, actor, error)
    else:
        stop_everything(address, actor, error)


def end(address: Address, actor: Actor) -> None:
    """Close the address, however the life has ended."""
    try:
        if not address.ending:
            address.ending = True
            ActorRegistry.unregister(actor.actor_ref)
    finally:
        address.close()


def handle(  # noqa: C901, PLR0912 (one function, because a call costs)
    address: Address, letter: Any
) -> None:
    """Handle one message that lies in an envelope, or is a question.

    This is the hot path, and order counts. What happens before the asker is woken makes him wait
    longer. What happens after it costs nothing on a thread of its own, up to half a microsecond,
    because waking a thread takes longer than that.
    """
    address.handling = letter
    actor: Any = address.actor
    kind = type(letter)  # pyright: ignore[reportUnknownVariableType]
    try:
        if kind is CallAsk:
            result = _call(address, letter, letter)
        elif kind is CallEnvelope:
            result = _call(address, letter, None)
        else:
            message = letter.message
            handler = _handlers.get(type(message))  # pyright: ignore[reportUnknownArgumentType]
            result = actor.on_receive(message) if handler is None else handler(address, letter)
    except BaseException as error:
        _fail(address, actor, getattr(letter, "reply_to", None), error)
        if kind is Ask or kind is CallAsk:
            letter.let_go()
        # The exception's traceback holds this frame; do not let the frame hold the future of the
        # answer, which holds the exception, nor the message.
        letter = message = actor = None
    else:
        # From here on, this is end_of_message(), to save the call.
        if result is not None and type(result) is CoroutineType:  # pyright: ignore[reportUnknownArgumentType]
            _take_over(address, result)
            return
        if (kind is Ask or kind is CallAsk) and result is not _NO_REPLY:
            # This is Ask._try_resolve(), without its care for signal handlers (whoever runs this
            # where they strike resolves the future once more), and with a short cut for an asker
            # who waits alone.
            outcome: Any = (result, None)
            log = letter._log
            log.append(outcome)
            if log[0] is outcome:
                letter._outcome = outcome
            else:
                try:
                    # In this order: entries may leave the log, and none comes before these. So
                    # what is first now was so a moment ago, or it is the outcome.
                    if log[1] is outcome:
                        first = log[0]
                        if first is not outcome:
                            first()
                        letter._outcome = outcome
                        if type(first) is not BuiltinFunctionType:  # not a lock's release()
                            letter._forget(first)
                    else:
                        _settle(actor, letter, outcome)
                except (IndexError, TypeError):  # a waiter gave up; a get-hook or an outcome
                    _settle(actor, letter, outcome)
            letter.let_go()
        elif letter.reply_to is not None and result is not _NO_REPLY:
            _reply(actor, letter.reply_to, result)
    # While the thread waits for the next message, it does not keep this one alive.
    address.handling = None


def handle_told(address: Address, message: object) -> None:
    """Handle one message that lies in the inbox as it is: nobody wants an answer."""
    address.handling = message
    actor: Any = address.actor
    try:
        handler = _handlers.get(type(message))
        if handler is None:
            result = actor.on_receive(message)
        else:
            result = handler(address, Envelope(message))
        if result is not None and type(result) is CoroutineType:  # pyright: ignore[reportUnknownArgumentType]
            address.take_over(result, end_of_message)
            return
    except BaseException as error:
        fail_told(address, error)
        message = actor = None  # as above
    address.handling = None


def fail_told(address: Address, error: BaseException) -> None:
    """End the handling of a message that raised, and that nobody wants an answer to."""
    _fail(address, address.actor, None, error)  # type: ignore[arg-type]


def _take_over(address: Address, coroutine: Any) -> None:
    """Have the runtime see to the coroutine that a handler has returned."""
    try:
        address.take_over(coroutine, end_of_message)
    except TypeError as error:
        end_of_message(address, None, error)


def end_of_message(address: Address, result: object, error: BaseException | None) -> None:
    """End the handling of the message that the actor is handling."""
    letter, actor = address.handling, address.actor
    if actor is None:
        return  # its loop was closed under it, and everybody is answered
    reply_to = getattr(letter, "reply_to", None)
    if error is not None:
        _fail(address, actor, reply_to, error)
    elif isinstance(letter, Ask):
        outcome: Outcome = (result, None)
        letter._log.append(outcome)
        _settle(actor, letter, outcome)
    elif reply_to is not None:
        _reply(actor, reply_to, result)
    if isinstance(letter, Ask):
        letter.let_go()
    letter = reply_to = error = None  # as in handle()
    address.handling = None


def _fail(address: Address, actor: Actor, reply_to: Any, error: BaseException) -> None:
    """End the handling of a message that raised."""
    if is_failure(error):
        if reply_to is None:
            crash(address, actor, error)
        else:
            log_returned(actor, error)
            _reply_exception(actor, reply_to, error)
    else:
        if reply_to is not None:
            _reply_exception(actor, reply_to, error)
        if reply_to is None or not is_the_callers(error):
            stop_everything(address, actor, error)


def log_returned(actor: Actor, error: BaseException) -> None:
    """Log that the exception of a question goes to its asker."""
    logger.info("Exception returned from %s to caller:", actor, exc_info=_as_exc_info(error))


def is_the_callers(error: BaseException) -> bool:
    """Tell whether an exception in an actor means the caller, and not the program.

    Ctrl-C reaches the main thread, and an actor runs there only for a caller who waits for it.
    """
    return isinstance(error, KeyboardInterrupt) and current.state.is_main


def is_failure(error: BaseException) -> bool:
    """Tell whether an exception is about the call that raised it, and not about the program."""
    if isinstance(error, (Exception, GeneratorExit)):
        return True
    # If it is asyncio's exception, then somebody has imported asyncio.
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and isinstance(error, asyncio.CancelledError)


def _stop(address: Address, actor: Actor) -> None:
    """End the life in an orderly way."""
    _mark_stopped(address, actor)
    _run_hook(address, actor.on_stop)


def _mark_stopped(address: Address, actor: Actor) -> None:
    address.ending = True
    ActorRegistry.unregister(actor.actor_ref)
    address.mark_stopped()
    logger.debug("Stopped %s", actor)


def crash(address: Address, actor: Actor, error: BaseException) -> None:
    """End the life because of an exception."""
    if address.ending:
        return
    address.ending = True
    logger.error("Unhandled exception in %s:", actor, exc_info=_as_exc_info(error))
    ActorRegistry.unregister(actor.actor_ref)
    address.mark_stopped()
    _run_hook(address, actor.on_failure, type(error), error, error.__traceback__)


def evict(address: Address) -> None:
    """End the life from outside, without a hook: there is nobody left who could run it."""
    actor = address.actor
    if actor is None:
        return
    reply_to = getattr(address.handling, "reply_to", None)
    if not address.ending:
        logger.warning(
            "The event loop of %s was closed before the actor had stopped; no hook is run. "
            "asyncio.run() sees to that, and so does `async with pykka.ActorScope()`.",
            actor,
        )
    address.stopped = True
    if reply_to is not None:
        _reply_exception(actor, reply_to, address.dead_error("lost its event loop"))
    address.handling = None
    end(address, actor)


def claim_and_end(address: Address) -> None:
    """End the life of an actor that has never begun."""
    actor = address.actor
    if actor is not None and address.claim_life():
        end(address, actor)


def _run_hook(address: Address, hook: Callable[..., object], *args: object) -> None:
    """Run one of the hooks at the end of a life. There is nothing left for it to end."""
    try:
        result: Any = hook(*args)
        if type(result) is CoroutineType:
            address.take_over(result, end_of_hook)  # pyright: ignore[reportUnknownArgumentType]
    except BaseException as error:
        end_of_hook(address, None, error)


def end_of_hook(address: Address, _result: object, error: BaseException | None) -> None:
    """See to what a hook at the end of a life has raised."""
    actor = address.actor
    if error is None:
        return
    if is_failure(error):
        logger.error("Unhandled exception in %s:", actor, exc_info=_as_exc_info(error))
    else:
        logger.debug("%r in %s. Stopping all actors.", error, actor)
        _stop_the_others()


def interrupt(address: Address, actor: Actor, reason: str) -> None:
    """End the life in an orderly way in the middle of a message, whose sender is told so."""
    letter = address.handling
    reply_to = getattr(letter, "reply_to", None)
    if reply_to is not None:
        _reply_exception(actor, reply_to, address.dead_error(reason))
        if isinstance(letter, Ask):
            letter.let_go()
    address.handling = None
    if not address.ending:
        _stop(address, actor)


def stop_everything(address: Address, actor: Actor, error: BaseException) -> None:
    """Stop this actor, and then all others, because of an exception that means the program."""
    logger.debug("%r in %s. Stopping all actors.", error, actor)
    _stop(address, actor)
    _stop_the_others()


def _stop_the_others() -> None:
    """Stop all actors, from a thread that holds none."""
    thread = threading.Thread(target=ActorRegistry.stop_all, name="pykka-stop-all")
    try:
        thread.start()
    except RuntimeError:  # the interpreter is shutting down
        ActorRegistry.stop_all(block=False)


def _reply(actor: Actor, reply_to: Any, result: object) -> None:
    try:
        reply_to.set(result)
    except Exception:
        _log_late_reply(actor)


def _reply_exception(actor: Actor, reply_to: Any, error: BaseException) -> None:
    try:
        reply_to.set_exception(_as_exc_info(error))
    except Exception:
        _log_late_reply(actor)


def _settle(actor: Actor, ask: Ask, outcome: Outcome) -> None:
    try:
        if not ask._settle(outcome):
            _log_late_reply(actor)
    except BaseException:
        logger.exception("A callback of the future of a reply from %s raised:", actor)


def _log_late_reply(actor: Actor) -> None:
    logger.warning(
        "Reply from %s dropped, because its future could not be set; "
        "somebody else has set it already, or has given it a get-hook.",
        actor,
        exc_info=True,
    )


def _as_exc_info(
    error: BaseException,
) -> tuple[type[BaseException], BaseException, TracebackType | None]:
    return type(error), error, error.__traceback__


def _on_stop_message(address: Address, envelope: Letter) -> object:
    if envelope.reply_to is not None:
        address.answer_when_ended(envelope.reply_to, answer=True)
    _stop(address, address.actor)  # type: ignore[arg-type]
    return _NO_REPLY


def stop_without_hook(address: Address, actor: Actor, reply_to: Any) -> None:
    """End the life of an actor that has no stop hook, and answer somebody who has asked for it.

    To do it twice does no harm.
    """
    address.answer_when_ended(reply_to, answer=True)
    _mark_stopped(address, actor)
    end(address, actor)


def _on_wake_up(_address: Address, _envelope: Letter) -> object:
    return _NO_REPLY


def _call(address: Address, call: Any, reply_to: Any) -> object:
    """Do what a call through a proxy says; `call` has the attributes of a `ProxyCall`."""
    callee: Any = address.actor
    name = None
    try:
        for name in call.attr_path:
            callee = getattr(callee, name)
        kwargs = call.kwargs
        result = callee(*call.args, **kwargs) if kwargs else callee(*call.args)
    except BaseException:
        # The exception's traceback holds this frame, and will be in the future of the answer. Do
        # not let the frame hold that future in turn.
        del call, reply_to
        raise
    if (
        name == "stop"
        and getattr(callee, "__func__", None) is inherited_stop
        and reply_to is not None
    ):
        # The actor has only asked itself to stop. The caller wants to know when it has.
        address.answer_when_ended(reply_to, answer=None)
        return _NO_REPLY
    return result


def _on_call(address: Address, envelope: Letter) -> object:
    message, reply_to = envelope.message, envelope.reply_to
    del envelope  # as above
    try:
        return _call(address, message, reply_to)
    finally:
        del reply_to


def _on_get_attr(address: Address, envelope: Letter) -> object:
    message: ProxyGetAttr = envelope.message
    del envelope  # as above
    value: Any = address.actor
    for name in message.attr_path:
        value = getattr(value, name)
    return value


def _on_set_attr(address: Address, envelope: Letter) -> object:
    message: ProxySetAttr = envelope.message
    del envelope  # as above
    *path, last = message.attr_path
    owner: Any = address.actor
    for name in path:
        owner = getattr(owner, name)
    setattr(owner, last, message.value)
    return None


_handlers[ProxyCall] = _on_call
_handlers[ProxyGetAttr] = _on_get_attr
_handlers[ProxySetAttr] = _on_set_attr
_handlers[_ActorStop] = _on_stop_message
_handlers[_WakeUp] = _on_wake_up
