"""Counting what an actor handles, where somebody wants to know.

Nothing is counted on the way of a message unless that is switched on (guarantee G10). Then, the
actor itself puts something in front of its inbox, between two messages: a `MeteredInbox` for
those who use a queue, a `MeteredList` for those in a pool. It notes when things come in, and
counts what is taken out. What lies behind it stays the same object, so a sender who still has that
in its hands sends into the same inbox.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pykka import messages
from pykka._envelope import Envelope
from pykka._inbox import move, take_all
from pykka.messages import PRIVILEGED, _WakeUp

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka._address import Address
    from pykka._inbox import Letter


@dataclass(frozen=True)
class ActorStatistics:
    """How it stands with an actor, at one moment."""

    waiting: int
    """Messages in its inbox; the one being handled is not among them."""

    handled: int | None
    """Messages that it has taken up since the count was switched on; `None` if it is not."""

    failures: int | None
    """Those of them that raised an exception; `None` if the count is not switched on."""

    oldest: float | None
    """Seconds that the next message has been waiting; `None` if none waits, or as above."""


class _SwitchOn(NamedTuple):
    """Begin to count."""


class _IdleCheck(NamedTuple):
    """Look whether something has been handled lately."""

    idle: Any


_NOT_COUNTED = frozenset({_WakeUp, _SwitchOn, _IdleCheck})


class Meter:
    """The counts of one actor. Only the actor itself changes them; senders add `arrivals`."""

    __slots__ = ("arrivals", "failures", "handled", "last", "now")

    def __init__(self, now: Callable[[], float], waiting: int) -> None:
        self.now = now
        self.handled = 0
        self.failures = 0
        self.last = now()
        """When a message was taken up last."""
        self.arrivals = deque([self.last] * waiting)
        """When each of the waiting messages came; those that were there count from now on."""

    def count(self, item: Any) -> Any:
        """Count something that was taken out of the inbox."""
        with suppress(IndexError):  # its sender did not know yet that things are counted
            self.arrivals.popleft()
        if type(item) is not Envelope or type(item.message) not in NOT_COUNTED:  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
            self.handled += 1
            self.last = self.now()
        return item  # pyright: ignore[reportUnknownVariableType]

    def oldest(self) -> float | None:
        """Seconds that the first message has been waiting, if there is one."""
        try:
            return max(0.0, self.now() - self.arrivals[0])
        except IndexError:
            return None


class MeteredInbox:
    """A queue whose messages are counted.

    Args:
        inner: The queue.
        meter: The counts.
    """

    __slots__ = ("_meter", "inner")

    def __init__(self, inner: Any, meter: Meter) -> None:
        self.inner = inner
        self._meter = meter

    def put(self, envelope: Any) -> None:
        """Put an envelope in."""
        self._meter.arrivals.append(self._meter.now())
        self.inner.put(envelope)

    def get(self) -> Any:
        """Take one out, and wait if there is none."""
        return self._meter.count(self.inner.get())

    def get_nowait(self) -> Any:
        """Take one out; `queue.Empty` if there is none."""
        return self._meter.count(self.inner.get_nowait())

    def empty(self) -> bool:
        """Tell whether there is nothing in it."""
        empty: bool = self.inner.empty()
        return empty

    def qsize(self) -> int:
        """Tell how much is in it."""
        size: int = self.inner.qsize()
        return size

    def take_all(self, into: list[Any]) -> None:
        """Move everything to the end of a list."""
        take_all(self.inner, into)


class MeteredList:
    """An inbox of a pooled actor, whose messages are counted; it looks like a list.

    Args:
        inner: The list.
        meter: The counts.
    """

    __slots__ = ("_back", "_meter", "inner")

    def __init__(self, inner: Any, meter: Meter) -> None:
        self.inner = inner
        self._meter = meter
        self._back: list[Any] = []

    def append(self, item: object) -> None:
        """Put something in."""
        self._meter.arrivals.append(self._meter.now())
        self.inner.append(item)

    def extend(self, nothing: Any) -> None:
        """Do what a list does with nothing."""
        self.inner.extend(nothing)

    def pop(self, _index: int) -> Any:
        """Take the first one out; for whoever has the actor's turn."""
        if not self._back:
            inner = self.inner
            self._back = inner[: len(inner)]
            del inner[: len(self._back)]
            self._back.reverse()
        return self._meter.count(self._back.pop())

    def __len__(self) -> int:
        return 1 if self._back or self.inner else 0  # so little that nobody takes all at once

    def qsize(self) -> int:
        """Tell how much is in it."""
        return len(self._back) + len(self.inner)

    def take_all(self, into: list[Any]) -> None:
        """Move everything to the end of a list."""
        back = self._back[::-1]
        self._back.clear()
        into += back
        move(self.inner, into)


def switch_on(address: Address) -> Meter:
    """Begin to count; only for the actor itself, between two messages or in its own code."""
    extras = address.need_extras()
    if extras.meter is None:
        extras.meter = meter = Meter(address.home.clock.now, address.count())
        address.put_in_front(meter)
        address.attention = True
    found: Meter = extras.meter
    return found


def request(address: Address) -> None:
    """Have an actor begin to count."""
    if address.need_extras().meter is None:
        address.signal(Envelope(_SwitchOn()))


def statistics_of(address: Address) -> ActorStatistics:
    """How it stands with an actor."""
    extras = address.extras
    waiting = address.count()
    if extras is None:
        return ActorStatistics(waiting, None, None, None)
    waiting += len(extras.front)
    meter = extras.meter
    if meter is None:
        return ActorStatistics(waiting, None, None, None)
    return ActorStatistics(waiting, meter.handled, meter.failures, meter.oldest())


class Idle:
    """The idle time-out of one instance of an actor.

    Problem: the time starts anew with each message, and nothing may be done about it then. So the
    alarm rings when the time is over since the *last look*, and has the actor look again: if a
    message was taken up meanwhile, the alarm is set to when the time is over since that one.

    Args:
        address: The actor.
        seconds: Seconds without a message.
    """

    __slots__ = ("_address", "_meter", "_seconds", "_seen", "is_cancelled")

    def __init__(self, address: Address, seconds: float) -> None:
        self._address = address
        self._seconds = seconds
        self._meter = switch_on(address)
        self._seen = self._meter.handled
        self.is_cancelled = False
        self._schedule(self._meter.now() + seconds)

    def end(self) -> None:
        """Have the actor told nothing any more."""
        self.is_cancelled = True
        clock: Any = self._address.home.clock
        clock.forget(self)

    def ring(self) -> None:
        """Have the actor look; the clock calls this."""
        if not self.is_cancelled:
            self._address.send(Envelope(_IdleCheck(self)))

    def look(self) -> Any:
        """Call the hook, if nothing has come for so long."""
        if self.is_cancelled:
            return None
        meter, seconds = self._meter, self._seconds
        now = meter.now()
        if self._seen == meter.handled:
            self._schedule(now + seconds)
            actor: Any = self._address.actor
            return actor.on_idle()
        self._seen = meter.handled
        due = meter.last + seconds
        self._schedule(due if due > now else now + seconds)  # a message that took long
        return None

    def _schedule(self, when: float) -> None:
        clock: Any = self._address.home.clock
        clock.schedule(when, self)


def _on_switch_on(address: Address, _envelope: Letter) -> object:
    switch_on(address)
    return None


def _on_idle_check(_address: Address, envelope: Letter) -> object:
    return envelope.message.idle.look()


NOT_COUNTED = frozenset({_WakeUp, _SwitchOn, _IdleCheck})

messages._handlers[_SwitchOn] = _on_switch_on
messages._handlers[_IdleCheck] = _on_idle_check
PRIVILEGED.update(NOT_COUNTED)
