"""The end of an actor's children, before its own.

Children end one after the other, the one started last first, so that each may use, to its very
end, those that were started before it; but for those of a dynamic supervisor, which do not know of
each other, and end together. The parent is marked stopped already, and waits.

What if a child waits for its parent?
    It can have asked it something. So the parent first rejects what is in its inbox, which answers
    with `ActorDeadError`. What comes later finds the stopped mark; and what was just under way
    closes a circle in the wait-for graph, so the parent gets a `DeadlockError`, rejects again and
    goes on. If it gets another one, the child can never end as long as its parent waits. So the
    child is abandoned. The same goes for a parent that will be restarted, whose inbox has to stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pykka._envelope import Envelope
from pykka._exceptions import ActorError, DeadlockError
from pykka._futures.reply import as_exc_info
from pykka._lifecycle.cancellation import is_cancellation
from pykka._lifecycle.kill import OUR_CLOCKS, Abandonment, abandon, end_of
from pykka._util.log import call_out, logger
from pykka.messages import _ActorStop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pykka._cell.cell import Cell
    from pykka._cell.extension import CellExtension
    from pykka._futures.threading_future import ThreadingFuture


def ask_to_stop(child: Cell, seconds: float | None) -> ThreadingFuture[Any]:
    """Have an actor end, within so many seconds.

    Args:
        child: The actor.
        seconds: What it may take before it is killed, by the clock of its system; `None` for all
            it takes; 0 if it is to be killed at once. If that does not help, it is abandoned.

    Returns:
        A future that is resolved when it has ended.
    """
    supervision = None if child.extension is None else child.extension.supervision
    if supervision is not None:
        supervision.restarts = False  # in this order; see `pykka._lifecycle.termination`
    ended = end_of(child)
    extension = child.extension
    if seconds == 0:
        child.kill()
    elif extension is not None and extension.down:
        child.end_when_down()
    elif not child.stopped:
        request = Envelope(_ActorStop())
        if not child.has_own_inbox:
            child.send(request)
        else:
            text = "The inbox of %s raised, so the actor is killed:"
            if not call_out(child.send, request, text=text, about=(child,)):
                child.kill()
                seconds = 0  # perhaps it never comes back from its inbox
    if seconds is not None:
        if issubclass(type(child.services.clock), OUR_CLOCKS):
            _limit(child, seconds, ended)
        else:  # it is the user's, and the asker has more to do
            text = "The clock of %s raised, so the actor may take as long as it likes to end:"
            call_out(_limit, child, seconds, ended, text=text, about=(child,))
    return ended


def _limit(child: Cell, seconds: float, ended: ThreadingFuture[Any]) -> None:
    Abandonment.after_request(child, seconds).until(ended)


def ask_all_to_stop(parent: Cell) -> Iterator[tuple[Cell, ThreadingFuture[Any]]]:
    """Have the children of an actor end, the youngest first, until none is left.

    Yields:
        A child that was asked to, and a future that is resolved when it has ended. The caller
        waits for that before he goes on. Only then is the next one asked, unless the parent has
        its children end together.
    """
    extension = parent.need_extension()
    tried: set[Cell] = set()
    while True:
        left = [item for item in _in_order(extension) if item[0] not in tried][::-1]
        if not left:
            return
        tried.update(child for child, _seconds in left)
        asked = ((child, ask_to_stop(child, seconds)) for child, seconds in left)
        yield from list(asked) if extension.ends_children_together else asked


def _in_order(extension: CellExtension) -> list[tuple[Cell, float | None]]:
    """The children, the last of them to be ended first."""
    children = list(extension.children.copy().items())
    return children if extension.in_order is None else extension.in_order(children)


def end_children(parent: Cell) -> Any:
    """End an actor's children, the last one first, and wait until they have ended.

    Returns:
        The coroutine that waits, if the actor's thread may not block.
    """
    if not parent.has_children:
        return None
    return _end_awaiting(parent) if parent.awaits else _end_blocking(parent)


def _end_blocking(parent: Cell) -> None:
    _answer_waiting(parent)
    for child, ended in ask_all_to_stop(parent):
        try:
            _wait(parent, ended)
        except ActorError as error:
            _give_up(parent, child, error)


def let_children_go(parent: Cell) -> None:
    """Ask those children to stop that are left although the actor has ended.

    There are some if it did not end by its own code: it was abandoned, or lost its event loop.
    Then nothing waits for them, and none has for ever.
    """
    for child, seconds in [] if parent.extension is None else _in_order(parent.extension)[::-1]:
        ask_to_stop(child, child.services.stop_timeout if seconds is None else seconds)


def _wait(parent: Cell, ended: ThreadingFuture[Any]) -> None:
    try:
        ended.get()
    except DeadlockError:
        _answer_waiting(parent)
        ended.get()


def _answer_waiting(parent: Cell) -> None:
    """Answer what is in the parent's inbox, unless another instance will handle that."""
    if parent.stopped:
        parent.drain_to_dead_letters()


async def _end_awaiting(parent: Cell) -> None:
    """Do it in an event loop.

    If the task is cancelled meanwhile, the children that are left are interrupted too.
    """
    _answer_waiting(parent)
    in_a_hurry = False
    for child, ended in ask_all_to_stop(parent):
        if in_a_hurry:
            child.cancel()
        deadlocks = 0
        while not ended.done():
            try:
                await ended
            except DeadlockError as error:
                deadlocks += 1
                _answer_waiting(parent)
                if deadlocks > 1:
                    _give_up(parent, child, error)
            except BaseException as error:
                if not is_cancellation(error):
                    raise
                in_a_hurry = True
                child.cancel()


def _give_up(parent: Cell, child: Cell, error: BaseException) -> None:
    logger.error(
        "%s does not wait for its child %s any longer:",
        parent,
        child,
        exc_info=as_exc_info(error),
    )
    abandon(child)
