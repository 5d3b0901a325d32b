"""The end of an actor, or of one instance of it.

Invariants (guarantee G8)
    - Exactly one of `on_stop()` and `on_failure()` runs, once for each instance, and after the
      stopped mark is set. (Neither does if a user sets `actor_stopped` by hand; it is his stop
      then, not ours.)
    - The children of the instance have ended before that.
    - However the life ends, the cell is closed: whatever was left is answered or reported.
      Those who asked for the stop are answered after all that.

A supervised actor that fails does not end. Its instance does, with all hooks; then the actor is
*down*: not marked stopped, so that messages go on coming in, and handling none of them. What
becomes of it is for its supervisor to say; see `pykka._lifecycle.restart`.

No asker waits for an actor to handle a stop request while it is down. A closer that asks it to end
for good (`pykka._lifecycle.children.ask_to_stop`) says first that it is not to be restarted, and
*then* looks whether it is down, and if so has it end. The actor is marked down first, and *then*
it looks whether it is to be restarted, and if not ends itself. So at least one of the two sees the
other.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from functools import partial
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from pykka._cell.reasons import Failed, Killed, Stopped
from pykka._futures.ask import is_ask
from pykka._futures.reply import as_exc_info, is_failure, reply_exception
from pykka._futures.threading_future import ThreadingFuture
from pykka._lifecycle.children import end_children
from pykka._util.log import call_out, is_a, is_for_the_program, logger, report_failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pykka._cell.cell import Cell, Instance
    from pykka._cell.extension import CellExtension
    from pykka._cell.reasons import Reason


class Ending:
    """What is done at the end of an instance, one step after the other.

    Each step may be `async def`. What one raises keeps none of the others from being done.

    Args:
        cell: The actor.
        steps: The steps.
    """

    __slots__ = ("_cell", "_steps")

    def __init__(self, cell: Cell, steps: Iterable[Callable[[], object]]) -> None:
        self._cell = cell
        self._steps = iter(steps)

    def go_on(self) -> None:
        """Do the steps that are left, up to the first that has to be awaited.

        None of them, if the actor was abandoned meanwhile.
        """
        for step in self._steps:
            if self._cell.actor is None:
                return
            if _run_hook(self._cell, step, self):
                return

    def __call__(self, cell: Cell, _result: object, error: BaseException | None) -> None:
        """Go on after a step that was awaited."""
        end_of_hook(cell, None, error)
        self.go_on()


def is_hook(end: object) -> bool:
    """Tell whether something is called at the end of a hook that ends a life."""
    return end is end_of_hook or type(end) is Ending


def stop(cell: Cell, actor: Instance) -> None:
    """End the life in an orderly way."""
    mark_stopped(cell)
    extension = cell.extension
    if extension is None:
        _run_hook(cell, partial(call_hook, actor, "on_stop"), end_of_hook)
    elif extension.down:  # the hooks of the instance have run
        extension.note_reason(extension.exit_reason)
    else:
        extension.note_reason(Stopped())
        Ending(cell, (partial(end_children, cell), partial(call_hook, actor, "on_stop"))).go_on()


def call_hook(actor: Instance, name: str, *args: object) -> Any:
    """Call a hook. It is looked up here, where what the look-up raises is expected, too."""
    return getattr(actor, name)(*args)


def crash(cell: Cell, actor: Instance, error: BaseException) -> None:
    """End the life, or the instance, because of an exception."""
    extension = cell.extension
    if cell.ending or (extension is not None and extension.down):
        return
    if extension is not None and extension.tracing is not None:
        extension.tracing.note_failure(cell, error)
    role = None if extension is None or extension.supervision is None else extension.supervision
    logger.error(
        "Unhandled exception in %s%s:",
        actor,
        "" if role is None else role.in_words(),
        exc_info=as_exc_info(error),
    )
    cell.services.tell_of_crash(cell, error)
    cell.services.publish_failure(cell, error)
    hook = partial(call_hook, actor, "on_failure", *as_exc_info(error))
    if extension is not None and may_restart(extension):
        extension.exit_reason = Failed(error)
        go_down(cell, extension.exit_reason, hook)
        return
    cell.mark_ending()
    # First, so that a sender that finds the actor stopped finds out why.
    cell.need_extension().note_reason(Failed(error))
    cell.services.unregister(cell)
    cell.mark_stopped()
    Ending(cell, (partial(end_children, cell), hook)).go_on()


def ends_all_the_same(cell: Cell, error: BaseException) -> bool:
    """Tell whether an exception ends the actor although there is an asker; see `Actor.crash_on`.

    A program that is older than that attribute may keep anything under the same name.
    """
    try:
        kinds: Any = cell.actor_class.crash_on
        if not kinds:
            return False
        return is_a(error, kinds if isinstance(kinds, type) else tuple(kinds))
    except TypeError:
        return False
    except BaseException as raised:  # the look-up, or an iteration
        if is_for_the_program(raised):
            raise
        report_failure("The attribute crash_on of %s raised:", cell)
        return False


def may_restart(extension: CellExtension) -> bool:
    """Tell whether an actor that fails waits for what its supervisor decides."""
    supervision = extension.supervision
    return supervision is not None and supervision.restarts and not extension.killed


def go_down(cell: Cell, reason: Reason, hook: Callable[[], object]) -> None:
    """End the instance, and have the supervisor say what is next."""
    extension: Any = cell.extension
    cell.mark_down(reason)
    steps = [
        partial(end_children, cell),
        hook,
        partial(end_children, cell),  # the hook may have started some
        extension.forget_instance,
        partial(wait_for_decision, cell, reason),
    ]
    Ending(cell, steps).go_on()


def wait_for_decision(cell: Cell, reason: Reason) -> None:
    """Have the supervisor of an actor that is down say what is next."""
    supervision: Any = cell.need_extension().supervision
    if supervision.restarts:  # else its end is told, and that is enough
        supervision.went_down(cell, reason)
    if not supervision.restarts:
        cell.end_when_down()


def stop_everything(cell: Cell, actor: Instance, error: BaseException) -> None:
    """Stop this actor, and then all others, because of an exception that means the program."""
    if cell.ending:
        return  # it was abandoned, and nothing that its code does makes a difference
    logger.debug("%r in %s. Stopping all actors.", error, actor)
    extension = cell.extension
    if extension is not None and extension.supervision is not None:
        # First, for its supervisor hears of the end of this actor, perhaps before it is stopped
        # itself.
        extension.supervision.restart_nothing()
    stop(cell, actor)
    _stop_the_others(cell)


def interrupt(cell: Cell, actor: Instance, reason: str) -> None:
    """End the life in an orderly way in the middle of a message, whose sender is told so."""
    _answer_handled(cell, actor, cell.dead_error(reason))
    if not cell.ending:
        stop(cell, actor)


def fall(cell: Cell, error: BaseException) -> None:
    """End the life, or the instance, because an exception has come out of our own code.

    An inbox of the user's has raised it; or something that the library asks a message or an
    exception for; or a signal handler, perhaps in the middle of a message.
    The asker of the message that is being handled gets the exception.
    """
    actor: Any = cell.actor
    if actor is None:
        return
    reply_to = cell.handled_reply_to
    is_known = issubclass(type(reply_to), ThreadingFuture)
    if not (is_known and reply_to._has_outcome()):
        _answer_handled(cell, actor, error)
    if is_known:  # a signal handler may have raised, before all were served who wait
        text = "Somebody who waits for an answer of %s raised:"
        call_out(reply_to._serve_again, text=text, about=(cell,))
    cell.handling = None
    crash(cell, actor, error)


def _answer_handled(cell: Cell, actor: Instance, error: BaseException) -> None:
    """Answer the sender of the message that the actor is handling."""
    letter, reply_to = cell.handling, cell.handled_reply_to
    extension = cell.extension
    if extension is not None and extension.tracing is not None and cell.handling is not None:
        extension.tracing.note_failure(cell, error)
    if reply_to is not None:
        reply_exception(actor, reply_to, error)
        if is_ask(letter):
            letter.release()
    cell.handling = None


def stop_without_hook(cell: Cell, reply_to: Any) -> None:
    """End the life of an actor that has no stop hook, and answer the one who has asked for it.

    To do it twice does no harm.
    """
    cell.answer_when_ended(reply_to, answer=True)
    mark_stopped(cell)
    close_cell(cell)


def mark_stopped(cell: Cell) -> None:
    """Note that the life ends."""
    cell.mark_ending()
    cell.services.unregister(cell)
    cell.mark_stopped()
    logger.debug("Stopped %s", cell)


def close_cell(cell: Cell) -> None:
    """Close the cell, however the life has ended. It may be done twice."""
    try:
        _end(cell)
    except BaseException:
        _end(cell)  # a signal handler raised, we do not know where
        raise


def _end(cell: Cell) -> None:
    try:
        if not cell.ending:
            cell.mark_ending()
            cell.services.unregister(cell)
            if cell.extension is not None and cell.extension.down:
                cell.extension.note_reason(cell.extension.exit_reason)
    finally:
        cell.close()


def claim_and_end(cell: Cell) -> None:
    """End the life of an actor that has never begun."""
    if cell.actor is not None and cell.claim_life():
        close_cell(cell)


def terminate_without_hooks(cell: Cell) -> None:
    """End the life from outside, without a hook: there is no loop left that could run it."""
    actor = cell.actor
    if actor is None:
        return
    reply_to = cell.handled_reply_to
    if not cell.ending:
        logger.warning(
            "The event loop of %s was closed before the actor had stopped; no hook is run. "
            "asyncio.run() sees to that, and so does `async with pykka.ActorScope()`.",
            actor,
        )
        cell.need_extension().note_reason(Killed())
    cell.refuse_sends()
    if reply_to is not None:
        reply_exception(actor, reply_to, cell.dead_error("lost its event loop"))
    cell.handling = None
    end_in_any_case(cell)


def end_in_any_case(cell: Cell) -> None:
    """Close the cell, and raise nothing but what means the program."""
    try:
        close_cell(cell)
    except BaseException as error:
        if is_for_the_program(error):
            close_cell(cell)
            raise
        report_failure("Somebody who was told of the end of %s raised:", cell)


def _run_hook(
    cell: Cell,
    hook: Callable[[], object],
    end: Callable[[Cell, Any, BaseException | None], None],
) -> bool:
    """Run one of the hooks at the end of a life. There is nothing left for it to end.

    Returns:
        Whether it has to be awaited. Then, `end` will be called at its end.
    """
    try:
        result: Any = hook()
        if type(result) is CoroutineType:
            cell.take_over(result, end)  # pyright: ignore[reportUnknownArgumentType]
            return True
    except BaseException as error:
        end_of_hook(cell, None, error)
    return False


def end_of_hook(cell: Cell, _result: object, error: BaseException | None) -> None:
    """See to what a hook at the end of a life has raised."""
    if error is None:
        return
    if is_failure(error):
        logger.error("Unhandled exception in %s:", cell, exc_info=as_exc_info(error))
        cell.services.tell_of_crash(cell, error)
    else:
        logger.debug("%r in %s. Stopping all actors.", error, cell)
        _stop_the_others(cell)


being_stopped: list[Callable[..., Any]] = []
"""What stops all actors of a system, if a thread has been started for that and is not through."""


def _stop_the_others(cell: Cell) -> None:
    """Stop all actors of the system, from a thread that holds none.

    Invariant: whatever ends first, that thread or the program, all actors are asked to stop. The
    thread of an actor enters it before it turns to anything else. At the end of the program, the
    pools come to rest, and *then* the thread that ends them looks whether there is an entry; see
    `pykka.runtimes.pool.dispatcher`.
    """
    stop_all = cell.services.stop_all
    being_stopped.append(stop_all)
    thread = threading.Thread(target=_stop_all, args=(stop_all,), name="pykka-stop-all")
    try:
        thread.start()
    except RuntimeError:  # the interpreter is shutting down
        ask_those_being_stopped()


def _stop_all(stop_all: Callable[..., Any]) -> None:
    try:
        stop_all()
    finally:
        with suppress(ValueError):  # the program ends, and does it instead
            being_stopped.remove(stop_all)


def forget_those_being_stopped() -> None:
    """Begin afresh in a child process: the threads that stop them are its parent's."""
    being_stopped.clear()


def ask_those_being_stopped() -> bool:
    """Ask the actors to stop that a thread is just about to stop; False if there are none.

    That thread stops one after the other. At the end of the program it cannot be waited for,
    because one of them may be an actor that the program does not wait for.
    """
    found = False
    while being_stopped:
        stop_all: Callable[..., Any] | None = None
        with suppress(IndexError):  # the thread is through
            stop_all = being_stopped.pop()
        if stop_all is not None:
            found = True
            stop_all(block=False)
    return found
