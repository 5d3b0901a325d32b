"""How an actor changes the way it handles messages: become, stash, and the idle time-out.

None of it costs anything where it is not used. `become()` puts a function in the place of the
method `on_receive()`, on that one instance. `stash()` ends the handling with an exception of our
own, so that nothing is answered, and no place has to be looked at where there may be a message
that was set aside.

The ideas are Akka's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from pykka._ask import LETTERS
from pykka._current import current
from pykka._envelope import Envelope
from pykka._exceptions import StashFullError
from pykka._life import SetAside
from pykka._meter import Idle

if TYPE_CHECKING:
    from pykka._address import Address


def become(address: Address, on_receive: Any) -> None:
    """Put a function in the place of `on_receive()`; see `Actor.become`."""
    if not callable(on_receive):
        msg = f"become() takes a function that handles messages, not {on_receive!r}"
        raise TypeError(msg)
    extras, actor = address.need_extras(), _actor_of(address)
    if extras.behaviours is None:
        extras.behaviours = []
    extras.behaviours.append(actor.__dict__.get("on_receive"))
    actor.on_receive = on_receive


def unbecome(address: Address) -> None:
    """Put back what was there before; see `Actor.unbecome`."""
    extras, actor = address.need_extras(), _actor_of(address)
    if not extras.behaviours:
        msg = f"{address} cannot unbecome(): there was no become() before"
        raise RuntimeError(msg)
    before = extras.behaviours.pop()
    if before is None:
        del actor.on_receive
    else:
        actor.on_receive = before


def stash(address: Address) -> NoReturn:
    """Set the current message aside; see `Actor.stash`."""
    capacity: Any = address.actor_class.stash_capacity
    if capacity is None:
        msg = (
            f"{address} cannot set messages aside: its class has to say how many, with "
            "stash_capacity = 100, for instance"
        )
        raise RuntimeError(msg)
    letter = address.handling
    if letter is None or current.state.address is not address:
        msg = f"{address} can set a message aside only while it handles one"
        raise RuntimeError(msg)
    extras = address.need_extras()
    if extras.stash is None:
        extras.stash = []
    if len(extras.stash) >= capacity:
        msg = (
            f"{address} has set aside {capacity} messages, and its stash_capacity is no more; "
            "take them up again with unstash_all(), or let it be greater"
        )
        raise StashFullError(msg)
    extras.stash.append(letter if type(letter) in LETTERS else Envelope(letter))
    raise SetAside


def unstash_all(address: Address) -> int:
    """Take up again what was set aside; see `Actor.unstash_all`."""
    extras = address.need_extras()
    stashed, extras.stash = extras.stash or [], None
    extras.front[:0] = stashed
    address.attention = True
    return len(stashed)


def set_idle_timeout(address: Address, seconds: Any) -> None:
    """Set, change or end the idle time-out; see `Actor.set_idle_timeout`."""
    if seconds is not None:
        if not isinstance(seconds, (int, float)):
            msg = f"the idle time-out is a number of seconds or None, not {seconds!r}"
            raise TypeError(msg)
        if not seconds > 0:
            msg = f"the idle time-out has to be more than 0 seconds, not {seconds!r}"
            raise ValueError(msg)
    extras = address.need_extras()
    if extras.idle is not None:
        extras.idle.end()
        extras.idle = None
    if seconds is not None:
        extras.idle = Idle(address, seconds)


def _actor_of(address: Address) -> Any:
    actor = address.actor
    if actor is None:
        raise address.dead_error("has ended")
    return actor
