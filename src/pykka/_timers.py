"""Timers: messages that are sent later, once or again and again.

A timer belongs to the actor that it sends to, and ends with it. What it puts into the inbox is a
*tick*, which stands for the message. No bound of the inbox applies to ticks: each timer has one at
most on its way.

Invariants
    1. *A cancelled timer does nothing any more.* A tick has a log to which its handler and
       whoever cancels append, each in one step; the first entry decides. So `cancel()` knows
       whether the handler had begun, even if the tick was in the inbox already.
    2. *A slow actor is not flooded.* If a tick is due and the one before has not begun, no other
       one is sent. It is counted, and the next tick that is handled says how many were left out.

Periodic timers keep their rate: the n-th tick is due n intervals after the first, however late the
others were.

The semantics of `cancel()` are those of `erlang:cancel_timer/1`, made certain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pykka import messages
from pykka._current import current
from pykka.messages import PRIVILEGED

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka._address import Address
    from pykka._inbox import Letter

_CANCELLED = "cancelled"
_BEGUN = "begun"


class Timer:
    """A message that is sent later; `ActorRef.tell_after` and its sisters return it.

    Examples:
        >>> import pykka
        >>> class Kettle(pykka.ThreadingActor):
        ...     def on_receive(self, message):
        ...         print(message)
        >>> kettle = Kettle.start()
        >>> timer = kettle.tell_after(3600, "boil")
        >>> timer.is_active
        True
        >>> timer.cancel()
        True
        >>> kettle.stop()
        True
    """

    __slots__ = (
        "_address",
        "_delivered",
        "_due",
        "_interval",
        "_is_over",
        "_missed",
        "_missed_now",
        "_tick",
        "is_own",
        "message",
    )

    def __init__(
        self, address: Address, message: Any, delay: float, interval: float | None
    ) -> None:
        clock: Any = address.home.clock
        self._address = address
        self._interval = interval
        self._due = clock.now() + delay
        self._is_over = False
        self._tick: Tick | None = None
        self._delivered = 0
        self._missed = 0
        self._missed_now = 0
        self.is_own = current.state.address is address
        """Whether the actor itself has set it. Such a timer ends with the instance, too."""
        self.message = message
        """What is sent."""

    def _begin(self) -> Timer:
        extras = self._address.need_extras()
        extras.timers[self] = None
        clock: Any = self._address.home.clock
        clock.schedule(self._due, self)
        if self._address.actor is None:  # it has ended just now, and may not know of the timer
            self.cancel()
        return self

    @property
    def is_active(self) -> bool:
        """Whether something may still be delivered."""
        return not self._is_over

    @property
    def is_cancelled(self) -> bool:
        """Whether the clock need not ring it any more."""
        return self._is_over

    @property
    def interval(self) -> float | None:
        """Seconds between two ticks; `None` if it is sent once."""
        return self._interval

    @property
    def delivered(self) -> int:
        """How many ticks the actor has begun to handle."""
        return self._delivered

    @property
    def missed(self) -> int:
        """How many ticks were left out right before the one that was handled last."""
        return self._missed

    @property
    def remaining(self) -> float:
        """Seconds until the next tick is due; 0 if it is on its way, or if there is none."""
        clock: Any = self._address.home.clock
        return 0.0 if self._is_over else max(0.0, self._due - clock.now())

    def cancel(self) -> bool:
        """Have nothing delivered any more. It may be done at any time, from any thread.

        Returns:
            `True`: it will never be delivered (again), not even if it is already on its way.
            `False`: its handler has begun. For a periodic timer, `False` means that the handler of
            a tick is running right now; no other one will. The actor itself always gets `True`.
        """
        self._is_over = True
        address = self._address
        address.need_extras().timers.pop(self, None)
        clock: Any = address.home.clock
        clock.forget(self)
        tick = self._tick
        if tick is None or tick.cancel() or current.state.address is address:
            return True
        if self._interval is None:
            return False
        return address.handled_message is not tick

    def ring(self) -> None:
        """Send the message; the clock calls this when it is due."""
        tick, address = self._tick, self._address
        if self._is_over:
            return
        if tick is not None and not tick.log:
            self._missed_now += 1
        else:
            self._tick = tick = Tick(self)
            self._cancel_if_over(tick)  # in this order: who cancels sees the tick, or is seen
            address.tell_unbounded(tick)
        if self._interval is not None:
            clock: Any = address.home.clock
            self._due += self._interval
            behind = clock.now() - self._due
            if behind > 0:  # not even the clock was on time
                left_out = int(behind // self._interval)
                self._missed_now += left_out
                self._due += left_out * self._interval
            clock.schedule(self._due, self)

    def _cancel_if_over(self, tick: Tick) -> None:
        if self._is_over:
            tick.cancel()

    def _note_begin(self) -> None:
        self._delivered += 1
        self._missed, self._missed_now = self._missed_now, 0
        if self._interval is None:
            self._is_over = True
            self._address.need_extras().timers.pop(self, None)

    def __repr__(self) -> str:
        how = "once" if self._interval is None else f"every {self._interval} s"
        state = f"due in {self.remaining:.3f} s" if self.is_active else "over"
        return f"<pykka timer of {self._address}, {how}, {state}>"


class Tick:
    """What a timer puts into the inbox.

    Args:
        timer: The timer.
    """

    __slots__ = ("log", "timer")

    def __init__(self, timer: Timer) -> None:
        self.timer = timer
        self.log: list[str] = []

    def cancel(self) -> bool:
        """Have it not handled; False if that has begun."""
        self.log.append(_CANCELLED)
        return self.log[0] is _CANCELLED

    def begin(self) -> bool:
        """Begin to handle it; False if it was cancelled."""
        self.log.append(_BEGUN)
        return self.log[0] is _BEGUN

    def __repr__(self) -> str:
        return f"<tick of {self.timer!r} with {self.timer.message!r}>"


def tell_later(
    address: Address, message: Any, delay: float, interval: float | None = None
) -> Timer:
    """Set a timer.

    Raises:
        ActorDeadError: The actor is dead.
        TypeError: A time is no number.
        ValueError: A time is negative, or the interval is 0.
    """
    _require_seconds("delay", delay, least="0 or more")
    if interval is not None:
        _require_seconds("interval", interval, least="more than 0")
    if address.stopped:
        raise address.dead_error("not found")
    return Timer(address, message, delay, interval)._begin()


def _require_seconds(name: str, value: Any, *, least: str) -> None:
    if not isinstance(value, (int, float)):
        msg = f"{name} has to be a number of seconds, not {value!r}"
        raise TypeError(msg)
    if not (value > 0 or (value == 0 and least.startswith("0"))):
        msg = f"{name} has to be {least} seconds, not {value!r}"
        raise ValueError(msg)


def _on_tick(address: Address, envelope: Letter) -> object:
    tick: Tick = envelope.message
    if not tick.begin():
        return None
    tick.timer._note_begin()
    message: Any = tick.timer.message
    handler = messages._handlers.get(type(message))  # pyright: ignore[reportUnknownArgumentType]
    if handler is not None:
        return handler(address, _Told(message))
    actor: Any = address.actor
    return actor.on_receive(message)


class _Told(NamedTuple):
    """An envelope for the message of a tick."""

    message: Any
    reply_to: Callable[[], None] | None = None


messages._handlers[Tick] = _on_tick
PRIVILEGED.add(Tick)
