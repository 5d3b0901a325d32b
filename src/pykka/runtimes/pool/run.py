"""Running one actor, by the thread that has its turn."""

from __future__ import annotations

from itertools import repeat
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from pykka._cell.cell import DOWN, ENDED, NOTHING
from pykka._futures.ask import answers_an_asker
from pykka._lifecycle import invoke
from pykka._lifecycle.invoke import NONE, SPECIAL, end_of_message, fail_told, next_system_message
from pykka._lifecycle.termination import close_cell, fall
from pykka._util.gil import give_way
from pykka._util.log import call_out
from pykka._util.thread_state import current

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pykka._futures.threading_future import ThreadingFuture
    from pykka.runtimes.pool.cell import PooledCell

BATCH = range(64)
"""One item for each message that a worker handles before it turns to another actor."""

MANY = 32
"""So many messages that it is cheaper to take all of them at once than one by one."""

ENDLESS: Iterable[Any] = repeat(None)


def run(  # noqa: C901, PLR0912 (one function, because a call costs)
    cell: PooledCell,
    budget: Iterable[Any] = BATCH,
    until: ThreadingFuture[Any] | None = None,
) -> None:
    """Handle messages of an actor, in order.

    Args:
        cell: The actor. This thread has its turn, and gives it back afterwards, unless the
            cell is closed.
        budget: One item for each message that may be handled.
        until: Stop when this future is resolved; or when the actor, if it was to resolve it, has
            promised that for later, or handed it on. What it handles after that, the waiter does
            not wait for; and may itself be waited for there, as one that this thread runs.
    """
    state = current.state
    owes = until is not None and until._answered_by is cell
    special, none = SPECIAL, NONE
    try:
        if not cell.begun:
            cell.begun = True
            invoke.begin(cell, cell.actor)  # type: ignore[arg-type]
            cell.settle()
        inbox = cell.inbox
        backlog = cell.backlog
        for _ in budget:
            if cell.has_system_messages:
                item = None  # while others run, it is not kept alive here
                item = next_system_message(cell)
                if item is ENDED or item is DOWN:
                    break
                inbox, backlog = cell.inbox, cell.backlog
                if item is NOTHING:
                    continue
            elif backlog:
                item = backlog.pop()
            elif not inbox:
                break
            elif len(inbox) < MANY:
                item = inbox.pop(0)
            else:
                backlog = cell.refill()
                item = backlog.pop()
            # twin: give way (1 statement)
            if state.owes is not None and not answers_an_asker(item):
                give_way(state)
            # twin: handle either (1 statement)
            if type(item) in special:
                special[type(item)](cell, item)
            else:
                cell.handling = none if item is None else item
                try:
                    result: Any = cell.actor.on_receive(item)  # type: ignore[union-attr]
                    # twin: refuse coroutine (1 statement)
                    if result is not None and type(result) is CoroutineType:
                        cell.take_over(result, end_of_message)  # it raises: this is not asyncio
                except BaseException as error:
                    fail_told(cell, error)
                cell.handling = None
            if until is not None and (
                until._outcome is not None or (owes and until._answered_by is not cell)
            ):
                break
    except BaseException as error:  # the user's inbox failed
        fall(cell, error)
    if cell.stopped:
        text = "Somebody who was told of the end of %s raised:"
        call_out(_end, cell, text=text, about=(cell,))


def _end(cell: PooledCell) -> None:
    next_system_message(cell)  # it may have been killed after the last look, and before this one
    close_cell(cell)
