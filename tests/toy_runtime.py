"""A runtime of its own, in a few lines: an actor has a thread while it has something to do.

It is what `docs/how-to/write-a-runtime.md` walks through, and passes the conformance suite.
"""

from __future__ import annotations

from _thread import start_new_thread
from contextvars import Context
from queue import SimpleQueue
from typing import Any, ClassVar

import pykka
from pykka.runtimes._contract import (
    DOWN,
    ENDED,
    NOTHING,
    MeteredInbox,
    RuntimeCell,
    begin,
    belongs_to_a_runtime,
    end_in_any_case,
    fall,
    handle,
    new_threading_future,
    next_system_message,
    step,
    take_all,
)

belongs_to_a_runtime(__name__)


class BurstInbox:
    """An inbox that starts a thread when a message comes in."""

    def __init__(self, queue: Any, cell: Any) -> None:
        self.queue = queue
        self.cell = cell

    def put(self, letter: Any) -> None:
        self._put(self.queue.put, letter)

    def put_nowait(self, letter: Any) -> None:
        self._put(getattr(self.queue, "put_nowait", self.queue.put), letter)

    def _put(self, put: Any, letter: Any) -> None:
        try:
            put(letter)
            self.cell.wake_up()
        except BaseException:
            self.cell.wake_up()  # a signal handler may have raised: better once too often
            raise

    def get(self) -> Any:
        return self.queue.get()

    def empty(self) -> bool:
        return bool(self.queue.empty())

    def take_all(self, into: list[Any]) -> None:
        take_all(self.queue, into)


class BurstCell(RuntimeCell):
    """The cell of an actor that has a thread while it has something to do."""

    __slots__ = ("context", "has_begun", "is_woken", "turn")

    inbox: Any

    def __init__(self, actor: pykka.Actor, services: Any) -> None:
        super().__init__(actor, services)
        self.use_inbox(self.inbox)
        self.context = Context()
        self.has_begun = False
        self.is_woken = False
        self.turn: list[None] = []  # holds one token if no thread runs the actor

    def use_inbox(self, inbox: Any) -> None:
        self.inbox = BurstInbox(SimpleQueue() if inbox is None else inbox, self)

    def put_in_front(self, meter: Any) -> None:
        self.inbox.queue = MeteredInbox(self.inbox.queue, meter)

    def inner_inbox(self) -> Any:
        queue = self.inbox.queue
        return queue.inner if type(queue) is MeteredInbox else queue

    def wake_up(self) -> None:
        self.is_woken = True
        try:
            del self.turn[0]  # no signal handler can strike between this and the next line
            start_new_thread(run, (self,))
        except IndexError:
            pass  # another thread has the turn, or the actor has not begun, or has ended


def run(cell: BurstCell) -> None:
    """Handle what there is to handle for an actor; the thread has its turn."""
    cell.is_woken = False
    if not cell.context.run(step, cell, handle_all, cell):
        cell.turn.append(None)
        if cell.is_woken:
            cell.wake_up()


def handle_all(cell: BurstCell) -> bool:
    """Handle all messages; True if the actor has ended, and the turn is not given back."""
    try:
        if not cell.has_begun:
            if not cell.claim_life():
                return True
            cell.has_begun = True
            begin(cell, cell.actor)
        while True:
            letter: Any = next_system_message(cell) if cell.has_system_messages else NOTHING
            if letter is ENDED:
                break
            if letter is NOTHING and not cell.inbox.empty():
                letter = cell.inbox.get()
            if letter is NOTHING or letter is DOWN:
                return False
            handle(cell, letter)
    except BaseException as error:
        fall(cell, error)
        if not cell.stopped:
            cell.is_woken = True
            return False
    end_in_any_case(cell)
    return True


class BurstActor(pykka.Actor):
    """An actor that has a thread while it has something to do."""

    _pykka_cell_class: ClassVar[type[Any]] = BurstCell
    _create_actor_inbox = staticmethod(SimpleQueue)
    _create_future = staticmethod(new_threading_future)

    def _start_actor_loop(self) -> None:
        cell: Any = self._pykka_cell
        cell.turn.append(None)
        cell.wake_up()
