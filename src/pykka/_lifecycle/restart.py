"""Restart in place: the same address, hence the same ref and inbox, with a new instance.

An actor that is down waits for a decision of its supervisor. That comes as a signal, and is
carried out where the actor runs, so that all its code runs there, `__init__()` included. (For the
first instance that is the thread that calls `start()`.)

1. `restart()`: `pre_restart()` of the old instance runs. A new one is made, with the same
   arguments. Its `post_restart()` and `on_start()` run. Then it handles what is in the inbox. If
   anything of that raises, the instance has failed like any other, and the actor is down again.
2. `Address.kill()`: the actor ends, without further hooks.

`suspend()` takes a running actor down in an orderly way: after the current message, with
`on_stop()`, for those strategies that restart the others too.

Invariant: *a hook that announces something runs only when that follows.* `pre_restart()` is a part
of the restart, and not of the end of the instance: when an instance ends, it is not known whether
there will be another one. Its supervisor may give up, end, or be told to let it be. (Only a kill
that strikes in the middle of the hook comes too late to be heeded.)

The idea of restarting in place is Akka's.
"""

from __future__ import annotations

from functools import partial
from types import CoroutineType
from typing import TYPE_CHECKING, Any, NamedTuple

from pykka._cell.reasons import Failed
from pykka._cell.spawn_options import Birth
from pykka._envelope import Envelope
from pykka._futures.reply import as_exc_info, is_failure
from pykka._lifecycle.children import end_children
from pykka._lifecycle.invoke import begin, end_by
from pykka._lifecycle.termination import (
    Ending,
    call_hook,
    go_down,
    stop_everything,
    wait_for_decision,
)
from pykka._util.log import logger
from pykka._util.thread_state import current
from pykka.messages import handles

if TYPE_CHECKING:
    from pykka._actor.actor import Actor
    from pykka._cell.cell import Address
    from pykka._cell.inbox import Letter
    from pykka._cell.reasons import Reason


class _Restart(NamedTuple):
    """Go on with a new instance."""


class _Suspend(NamedTuple):
    """End the instance, for a reason that lies with others."""

    reason: Reason


def restart(address: Address) -> None:
    """Have an actor that is down go on with a new instance."""
    address.signal(Envelope(_Restart()))


def suspend(address: Address, reason: Reason) -> None:
    """Have an actor end its instance, and wait for a decision."""
    address.signal(Envelope(_Suspend(reason)))


@handles(_Suspend, counted=False)
def _on_suspend(address: Address, envelope: Letter) -> object:
    extras, actor = address.need_extras(), address.actor
    if actor is not None and not extras.down and not address.ending:
        go_down(address, envelope.message.reason, partial(call_hook, actor, "on_stop"))
    return None


@handles(_Restart, counted=False)
def _on_restart(address: Address, _envelope: Letter) -> object:
    extras: Any = address.extras
    if extras.down:
        hand_over, renew = partial(_hand_over, address), partial(_renew, address)
        # The hook may have started children, or have begun to watch others.
        steps = (hand_over, partial(end_children, address), extras.forget_instance, renew)
        Ending(address, steps).go_on()
    return None


def _hand_over(address: Address) -> object:
    """Run the last hook of an instance. It is not run again if its successor cannot be made."""
    extras: Any = address.extras
    if extras.has_handed_over or address.stopped:
        return None
    extras.has_handed_over = True
    actor: Any = address.actor
    return _run_hook(actor, "pre_restart", extras.down_reason)


def _run_hook(actor: Actor, name: str, reason: Reason) -> object:
    """Call `pre_restart()` or `post_restart()`, if that is what an actor has under the name.

    A program that is older than these hooks may use the name for something else: a value, a
    property, a method that takes no reason. That is left alone, and said in the log, for it may
    also be a mistake.

    Returns:
        What the hook returns.
    """
    import inspect  # noqa: PLC0415 (seldom needed, and slow to import)

    try:
        hook = getattr(actor, name)
        inspect.signature(hook).bind(reason)
    except Exception as error:
        logger.warning(
            "%s.%s is no hook that takes the reason of a restart (%s), so it is not called",
            type(actor).__name__,
            name,
            error,
        )
        return None
    return hook(reason)


def _renew(address: Address) -> None:
    """Go on with a new instance, unless the actor was killed meanwhile."""
    extras: Any = address.extras
    if address.stopped:
        return
    reason = extras.down_reason
    try:
        state = current.state
        before = state.birth
        state.birth = Birth(extras.supervision.actor_class, address=address)
        try:
            actor = extras.supervision.make()
        finally:
            state.birth = before
        _require_at(address, actor)
    except BaseException as error:
        if not is_failure(error):
            stop_everything(address, address.actor, error)  # type: ignore[arg-type]
            return
        logger.error("%s could not be restarted:", address, exc_info=as_exc_info(error))
        extras.down_reason = extras.fate = Failed(error)
        decision = partial(wait_for_decision, address, extras.down_reason)
        Ending(address, (partial(end_children, address), decision)).go_on()
        return
    if not address.take_instance(actor):
        return
    extras.come_up()
    try:
        result: Any = _run_hook(actor, "post_restart", reason)
        if type(result) is CoroutineType:
            address.take_over(result, _end_of_post_restart)  # pyright: ignore[reportUnknownArgumentType]
            return
    except BaseException as error:
        _end_of_post_restart(address, None, error)
    else:
        begin(address, actor)


def _require_at(address: Address, actor: Any) -> None:
    """Refuse an instance that has not taken over the address.

    Raises:
        RuntimeError: That is so.
    """
    if actor._require_pykka_address() is not address:
        msg = (
            f"the new instance of {address} has an address of its own; what makes it has to make "
            "it anew each time, and before any other actor"
        )
        raise RuntimeError(msg)


def _end_of_post_restart(address: Address, _result: object, error: BaseException | None) -> None:
    actor: Any = address.actor
    if error is None:
        begin(address, actor)
    else:
        end_by(address, actor, error)
