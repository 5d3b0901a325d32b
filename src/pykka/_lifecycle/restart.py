"""Restart in place: the same cell, hence the same ref and inbox, with a new instance.

An actor that is down waits for a decision of its supervisor. That comes as a signal, and is
carried out where the actor runs, so that all its code runs there, `__init__()` included. (For the
first instance that is the thread that calls `start()`.)

1. `restart()`: `pre_restart()` of the old instance runs. A new one is made, with the same
   arguments. Its `post_restart()` and `on_start()` run. Then it handles what is in the inbox. If
   anything of that raises, the instance has failed like any other, and the actor is down again.
2. `Cell.kill()`: the actor ends, without further hooks.

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
from pykka._cell.spawn_options import SpawnOptions, current
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
from pykka.messages import system_handler

if TYPE_CHECKING:
    from pykka._cell.cell import Cell, Instance
    from pykka._cell.reasons import Reason
    from pykka._envelope import Letter


class _Restart(NamedTuple):
    """Go on with a new instance."""


class _Suspend(NamedTuple):
    """End the instance, for a reason that lies with others."""

    reason: Reason


def restart(cell: Cell) -> None:
    """Have an actor that is down go on with a new instance."""
    cell.signal(Envelope(_Restart()))


def suspend(cell: Cell, reason: Reason) -> None:
    """Have an actor end its instance, and wait for a decision."""
    cell.signal(Envelope(_Suspend(reason)))


@system_handler(_Suspend, counted=False)
def _on_suspend(cell: Cell, envelope: Letter) -> object:
    extension, actor = cell.need_extension(), cell.actor
    if actor is not None and not extension.down and not cell.ending:
        go_down(cell, envelope.message.reason, partial(call_hook, actor, "on_stop"))
    return None


@system_handler(_Restart, counted=False)
def _on_restart(cell: Cell, _envelope: Letter) -> object:
    extension: Any = cell.extension
    if extension.down:
        hand_over, renew = partial(_hand_over, cell), partial(_renew, cell)
        # The hook may have started children, or have begun to watch others.
        steps = (hand_over, partial(end_children, cell), extension.forget_instance, renew)
        Ending(cell, steps).go_on()
    return None


def _hand_over(cell: Cell) -> object:
    """Run the last hook of an instance. It is not run again if its successor cannot be made."""
    extension: Any = cell.extension
    if extension.has_handed_over or cell.stopped:
        return None
    extension.has_handed_over = True
    actor: Any = cell.actor
    return _run_hook(actor, "pre_restart", extension.down_reason)


def _run_hook(actor: Instance, name: str, reason: Reason) -> object:
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


def _renew(cell: Cell) -> None:
    """Go on with a new instance, unless the actor was killed meanwhile."""
    extension: Any = cell.extension
    if cell.stopped:
        return
    reason = extension.down_reason
    try:
        state = current.state
        before = state.spawn_options
        state.spawn_options = SpawnOptions(extension.supervision.actor_class, cell=cell)
        try:
            actor = extension.supervision.make()
        finally:
            state.spawn_options = before
        _require_at(cell, actor)
    except BaseException as error:
        if not is_failure(error):
            stop_everything(cell, cell.actor, error)  # type: ignore[arg-type]
            return
        logger.error("%s could not be restarted:", cell, exc_info=as_exc_info(error))
        cell.services.publish_failure(cell, error)
        extension.down_reason = extension.exit_reason = Failed(error)
        decision = partial(wait_for_decision, cell, extension.down_reason)
        Ending(cell, (partial(end_children, cell), decision)).go_on()
        return
    if not cell.take_instance(actor):
        return
    extension.come_up()
    cell.services.publish_restart(cell, reason)
    try:
        result: Any = _run_hook(actor, "post_restart", reason)
        if type(result) is CoroutineType:
            cell.take_over(result, _end_of_post_restart)  # pyright: ignore[reportUnknownArgumentType]
            return
    except BaseException as error:
        _end_of_post_restart(cell, None, error)
    else:
        begin(cell, actor)


def _require_at(cell: Cell, actor: Any) -> None:
    """Refuse an instance that has not taken over the cell.

    Raises:
        RuntimeError: That is so.
    """
    if actor._require_pykka_cell() is not cell:
        msg = (
            f"the new instance of {cell} has a cell of its own; what makes it has to make "
            "it anew each time, and before any other actor"
        )
        raise RuntimeError(msg)


def _end_of_post_restart(cell: Cell, _result: object, error: BaseException | None) -> None:
    actor: Any = cell.actor
    if error is None:
        begin(cell, actor)
    else:
        end_by(cell, actor, error)
