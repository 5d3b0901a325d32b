"""Who waits for whom, so that a circle of waiting actors is an error instead of a hang.

Problem
    Actor A asks B and blocks; B, in its handler, asks A and blocks. Neither can ever go on. The
    operating system cannot tell this from a long wait, but we can: we know which actor runs on a
    thread and which actor has to answer a future.

Model
    An actor whose handler blocks without a timeout in a future that another actor has to answer
    *waits* for that actor: one edge, held in `Address.waiting` of the one that waits. An actor
    handles one message at a time, so it has at most one such edge, and a circle of edges can
    never be left. No edges: waits with a timeout (they end), waits of threads that run no actor,
    futures that no actor has to answer.

Algorithm
    The graph is walked only by an actor that is about to block. It publishes its edge and then
    follows the edges. If the walk leads back to itself it looks a second time, under a lock that
    detectors share; if it finds the very same waits, still unresolved, it withdraws its edge and
    raises `DeadlockError`.

Invariants
    1. *No circle is missed.* Edges are published one at a time, under the lock. So the last edge
       of a circle is published by somebody who then sees all the others.
    2. *No false alarm.* A wait is an object of its own, made for one blocking call and never
       reused. A wait that is seen in both walks was there all the time between them, and so was
       every other one of the circle: there was a moment at which all of them waited at once. A
       future that is unresolved in the second walk was unresolved at that moment too.
    3. *One victim.* The victim withdraws its edge before it lets go of the lock, so whoever
       finds the same circle at the same time does not find it again in its second walk.

Tried and rejected: a watchdog thread that looks for circles now and then. It costs when nothing
is wrong, reports late, and cannot raise in the actor that is at fault.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from pykka._exceptions import DeadlockError
from pykka._locks import held

if TYPE_CHECKING:
    from _thread import LockType
    from collections.abc import Sequence
    from types import FrameType

    from pykka._address import Address
    from pykka._threading_future import ThreadingFuture


class _CurrentActor(threading.local):
    """The actor whose code runs on this thread.

    It belongs to the thread and not to a context variable: those are inherited by threads and
    tasks that a handler starts, and what they wait for does not hold the handler up.
    """

    address: Address | None = None


current = _CurrentActor()


class Place(NamedTuple):
    """A line of the user's code."""

    filename: str
    line: int
    function: str

    def __str__(self) -> str:
        return f'File "{self.filename}", line {self.line}, in {self.function}'


class Wait:
    """One blocking call of one actor: an edge of the graph."""

    __slots__ = ("address", "future", "message", "place")

    def __init__(self, address: Address, future: ThreadingFuture[Any]) -> None:
        self.address = address
        self.future = future
        handling = address.handling
        self.message = None if handling is None else handling.message
        self.place = _place_of_caller()

    def __str__(self) -> str:
        text = f"{self.address} waits for {self.future._answered_by}"
        if self.message is not None:
            text += f"\n    while it handles {shorten(self.message)}"
        return f"{text}\n    {self.place}"


# Guards the publication of edges and the second walk. Re-entrant, because a finaliser that blocks
# in a future could run on top of the second walk.
_lock = threading.RLock()


def renew_locks() -> None:
    """Begin with fresh locks, in a child process; other threads may have held the old ones."""
    global _lock  # noqa: PLW0603
    _lock = threading.RLock()


def acquire_for_actor(address: Address, future: ThreadingFuture[Any], lock: LockType) -> None:
    """Block `address`, whose code runs on this thread, until `lock` is released by `future`.

    Raises:
        DeadlockError: The wait closes a circle.
    """
    wait = Wait(address, future)
    outer = address.waiting
    try:
        for _ in held(_lock):
            address.waiting = wait
            _lock.release()
        circle = _find_circle(wait)
        if circle is not None and _confirm(circle, outer):
            raise DeadlockError(_describe(circle))
        lock.acquire()
    finally:
        address.waiting = outer


def _confirm(circle: Sequence[Wait], outer: Wait | None) -> bool:
    """Look at a circle a second time; withdraw its first edge if it is still there."""
    confirmed = False
    for _ in held(_lock):
        try:
            again = _find_circle(circle[0])
            confirmed = again is not None and _same(circle, again)
            if confirmed:
                circle[0].address.waiting = outer
        finally:
            _lock.release()
    return confirmed


def _find_circle(first: Wait) -> list[Wait] | None:
    """Follow the edges from `first`; its circle if they lead back to it, else None."""
    circle = [first]
    wait = first
    while not wait.future._has_outcome():
        target = wait.future._answered_by
        if target is None:
            return None
        if target is first.address:
            return circle
        following = target.waiting
        # A wait seen before: a circle that `first` leads to but is no part of. It has its own
        # victim, whose failure will free us too.
        if following is None or following in circle:
            return None
        wait = following
        circle.append(wait)
    return None


def _same(circle: Sequence[Wait], again: Sequence[Wait]) -> bool:
    return len(circle) == len(again) and all(
        one is other for one, other in zip(circle, again, strict=True)
    )


def _describe(circle: Sequence[Wait]) -> str:
    if len(circle) == 1:
        text = "an actor waits for its own answer and can never give it:"
        remedy = (
            "An actor that blocks cannot handle the message it waits for. Call the method "
            "directly, use tell() or defer(), or give the wait a timeout."
        )
    else:
        text = f"{len(circle)} actors wait for each other in a circle and none can go on:"
        remedy = (
            "Break the circle: use tell() or defer() for one of the messages, answer later with "
            "a message of its own, or give one of the waits a timeout."
        )
    return "\n".join([text, *(f"  {wait}" for wait in circle), remedy])


def _place_of_caller() -> Place:
    """The innermost line on this thread's stack that is not the library's."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module != "pykka" and not module.startswith("pykka."):
            return Place(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
        frame = frame.f_back
    return Place("<unknown>", 0, "<unknown>")  # pragma: no cover (a thread's root is not ours)


def shorten(message: object, limit: int = 200) -> str:
    """`repr(message)`, cut to `limit` characters, whatever that repr does."""
    try:
        text = repr(message)
    except Exception as error:
        text = f"<{type(message).__name__} whose repr raised {type(error).__name__}>"
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
