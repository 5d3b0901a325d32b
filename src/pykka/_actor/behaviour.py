"""How an actor changes the way it handles messages: become, stash, and the idle time-out.

None of it costs anything where it is not used. `become()` puts a function in the place of the
method `on_receive()`, on that one instance. `stash()` ends the handling with an exception of our
own, so that nothing is answered, and no place has to be looked at where there may be a message
that was set aside.

The ideas are Akka's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from pykka._cell.metering import Idle
from pykka._exceptions import StashFullError
from pykka._lifecycle.invoke import SetAside
from pykka._lifecycle.later import has_promised
from pykka._util.checks import check_seconds
from pykka._util.thread_state import current
from pykka.messages import PRIVILEGED
from pykka.timers._timer import Tick

if TYPE_CHECKING:
    from pykka._cell.cell import Cell


class Behaviours:
    """What has been put in the place of an actor's `on_receive()`.

    Args:
        actor: The actor.
    """

    __slots__ = ("_attributes", "_before")

    def __init__(self, actor: Any) -> None:
        self._attributes: dict[str, Any] = vars(actor)
        self._before: list[Any] = []
        """What was there before each `become()`; None for the method."""

    def push(self, on_receive: Any) -> None:
        """Put a function in its place."""
        self._before.append(self._attributes.get("on_receive"))
        self._attributes["on_receive"] = on_receive

    def pop(self) -> bool:
        """Put back what was there before; False if nothing was."""
        if not self._before:
            return False
        before = self._before.pop()
        if before is None:
            del self._attributes["on_receive"]
        else:
            self._attributes["on_receive"] = before
        return True

    def end(self) -> None:
        """Put back the method. The function may be one of the actor's own, in a circle."""
        if self._before:
            self._attributes.pop("on_receive", None)


def become(cell: Cell, on_receive: Any) -> None:
    """Put a function in the place of `on_receive()`; see `Actor.become`."""
    if not callable(on_receive):
        msg = f"become() takes a function that handles messages, not {on_receive!r}"
        raise TypeError(msg)
    extension = cell.need_extension()
    if extension.behaviours is None:
        actor = cell.actor
        if actor is None:
            raise cell.dead_error("has ended")
        extension.behaviours = Behaviours(actor)
    extension.behaviours.push(on_receive)


def unbecome(cell: Cell) -> None:
    """Put back what was there before; see `Actor.unbecome`."""
    extension = cell.need_extension()
    if extension.behaviours is None or not extension.behaviours.pop():
        msg = f"{cell} cannot unbecome(): there was no become() before"
        raise RuntimeError(msg)


def stash(cell: Cell) -> NoReturn:
    """Set the current message aside; see `Actor.stash`."""
    capacity: Any = cell.actor_class.stash_capacity
    if capacity is None:
        msg = (
            f"{cell} cannot set messages aside: its class has to say how many, with "
            "stash_capacity = 100, for instance"
        )
        raise RuntimeError(msg)
    extension = cell.need_extension()
    message: object = cell.handled_message
    kind = type(message)
    if (
        cell.handling is None
        or (kind in PRIVILEGED and kind is not Tick)
        or cell.ending
        or extension.down
        or current.state.cell is not cell
    ):
        msg = f"{cell} can set a message aside only in its own code, while it handles one"
        raise RuntimeError(msg)
    if has_promised(cell):
        msg = (
            f"{cell} has promised the reply to this message for later, or handed it on; set it "
            "aside before that, or not at all"
        )
        raise RuntimeError(msg)
    if len(extension.stash or ()) >= capacity:
        msg = (
            f"{cell} has set aside {capacity} messages, and its stash_capacity is no more; "
            "take them up again with unstash_all(), or let it be greater"
        )
        raise StashFullError(msg)
    raise SetAside


def unstash_all(cell: Cell) -> int:
    """Take up again what was set aside; see `Actor.unstash_all`."""
    extension = cell.need_extension()
    taken_up = extension.take_up()
    cell.look_again()
    if taken_up and current.state.cell is not cell:
        cell.wake_up()  # it is a task of the actor's that calls
    return taken_up


def set_idle_timeout(cell: Cell, seconds: Any) -> None:
    """Set, change or end the idle time-out; see `Actor.set_idle_timeout`."""
    if seconds is not None:
        check_seconds("seconds", seconds, more_than_zero=True, or_none=True)
    extension = cell.need_extension()
    before, extension.idle = extension.idle, None if seconds is None else Idle(cell, seconds)
    if before is not None:
        before.end()
