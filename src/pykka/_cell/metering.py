"""Counting what an actor handles, if the program wants to know.

Nothing is counted on the way of a message unless that is switched on (guarantee G10). Then, the
actor itself puts something in front of its inbox, between two messages: a `MeteredInbox` for
those who use a queue, a `MeteredList` for those in a pool. It notes when things come in, and
counts what is taken out. What lies behind it stays the same object, so a sender who still has that
in its hands sends into the same inbox.

Invariant: for each message in the inbox there is an entry in `Meter.arrivals`, but for those whose
senders had the bare inbox in their hands; and none that is left over when the inbox is empty
counts for anything.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from pykka._cell.inbox import count, move, move_turned, take_all
from pykka._envelope import Envelope
from pykka._futures.ask import Ask, is_ask, message_of
from pykka._util.log import is_for_the_program, report_failure
from pykka.messages import NOT_COUNTED, system_handler
from pykka.timers._clock import brief

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka._cell.cell import Cell
    from pykka._envelope import Letter
    from pykka._statistics import ActorStatistics


class _SwitchOn(NamedTuple):
    """Begin to count."""


class _IdleCheck(NamedTuple):
    """Look whether something has been handled lately."""

    idle: Any
    at: float
    was_busy: bool


_LETTERS: frozenset[type] = frozenset({Envelope, Ask})


class Meter:
    """The counts of one actor. Only the actor itself changes them; senders add `arrivals`."""

    __slots__ = (
        "_arrived",
        "_before",
        "_clock_now",
        "_has_complained",
        "arrivals",
        "cancelled",
        "expired",
        "failures",
        "last",
        "probe",
        "set_aside",
        "taken",
        "waited",
    )

    def __init__(self, now: Callable[[], float], waiting: int) -> None:
        self._clock_now = now
        self._has_complained = False
        self.probe: Any = None
        """What tells instruments of what is sent, if there are any; see `pykka.instruments`."""
        self.taken = 0
        """How many messages were taken up."""
        self.set_aside = 0
        """How many of them were set aside; when they are taken up again, that counts anew."""
        self.failures = 0
        self.cancelled = 0
        """How many were left out because their askers had cancelled them."""
        self.expired = 0
        """How many were left out because their askers had waited long enough."""
        self.last = 0.0
        self.last = self.now()
        """When a message was taken up last."""
        self._before = self.last
        self.waited = 0.0
        """For how many seconds the messages that were taken up had lain in the inbox, together."""
        self._arrived: float | None = None
        """When the message came that was taken out last, if it has not been taken up yet."""
        self.arrivals = deque([self.last] * waiting)
        """When each of the waiting messages came; those that were there count from now on."""

    def now(self) -> float:
        """What time it is; if the clock, which may be the user's, does not say, none has passed.

        A message that is being counted is in no thread's hands. It would be lost.
        """
        try:
            return self._clock_now()
        except BaseException as error:
            if is_for_the_program(error):
                raise
            if not self._has_complained:
                self._has_complained = True
                report_failure("The clock of an actor whose messages are counted raised:")
            return self.last

    def arrive(self) -> float:
        """Count something that is about to be put into the inbox."""
        now = self.now()
        self.arrivals.append(now)
        return now

    def put(self, put: Callable[[Any], object], item: Any) -> None:
        """Count something that is put into a queue, and put it in.

        Args:
            put: Puts it in, or raises.
            item: What it is.
        """
        arrived = self.arrive()
        try:
            put(item)
        except BaseException:
            self.turn_away(arrived)
            raise

    def pass_in(self, item: Any) -> Any:
        """Count something that is about to be put into a list; returns what to put in."""
        self.arrivals.append(self.now())
        return item

    def turn_away(self, arrived: float) -> None:
        """Take back that something arrived: it could not be put in."""
        with suppress(ValueError):
            self.arrivals.remove(arrived)

    def leave(self, item: Any) -> Any:
        """Count something that was taken out of the inbox."""
        try:
            self._arrived = self.arrivals.popleft()
        except IndexError:  # its sender did not know yet that things are counted
            self._arrived = None
        return item

    def take_up(self, item: Any) -> Any:
        """Count something that the actor is about to handle, wherever it has lain."""
        arrived, self._arrived = self._arrived, None
        if not (type(item) in _LETTERS and type(item.message) in NOT_COUNTED):
            self._before, self.last = self.last, self.now()
            self.taken += 1
            if arrived is not None and arrived < self.last:
                self.waited += self.last - arrived
        return item  # pyright: ignore[reportUnknownVariableType]

    def skip(self) -> None:
        """Take back that something was taken up: there is nothing to be done about it."""
        self.taken -= 1
        self.last = self._before

    def leave_out(self, counter: str) -> None:
        """Count a question that was taken up and is not handled.

        Args:
            counter: Why, which is the name of a count.
        """
        self.skip()
        setattr(self, counter, getattr(self, counter) + 1)

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
        self._meter.put(self.inner.put, envelope)

    def put_nowait(self, envelope: Any) -> None:
        """Put an envelope in; `queue.Full` if it has a bound and no room."""
        self._meter.put(getattr(self.inner, "put_nowait", self.inner.put), envelope)

    def get(self) -> Any:
        """Take one out for the actor, and wait if there is none."""
        return self._meter.take_up(self._meter.leave(self.inner.get()))

    def get_nowait(self) -> Any:
        """Take one out for the actor; `queue.Empty` if there is none."""
        return self._meter.take_up(self._meter.leave(self.inner.get_nowait()))

    def empty(self) -> bool:
        """Tell whether there is nothing in it."""
        empty: bool = self.inner.empty()
        return empty

    def qsize(self) -> int:
        """Tell how much is in it."""
        return count(self.inner)

    def take_all(self, into: list[Any]) -> None:
        """Move everything to the end of a list."""
        take_all(self.inner, into)


class MeteredList:
    """An inbox of a pooled actor, whose messages are counted; it looks like a list.

    Args:
        inner: The list.
        meter: The counts.
        back: What had been taken out of it already, back to front.
    """

    __slots__ = ("_back", "_meter", "inner")

    def __init__(self, inner: Any, meter: Meter, back: list[Any]) -> None:
        self.inner = inner
        self._meter = meter
        self._back = back

    def append(self, item: object) -> None:
        """Put something in."""
        self.inner.append(self._meter.pass_in(item))

    def extend(self, nothing: Any) -> None:
        """Do what a list does with nothing."""
        self.inner.extend(nothing)

    def pop(self, _index: int) -> Any:
        """Take the first one out; for the thread that has the actor's turn."""
        if not self._back:
            inner = self.inner
            # twin: take whole (5 statements)
            size = len(inner)
            back = inner[:size]
            back.reverse()
            self._back = back
            del inner[:size]
        return self._meter.take_up(self._meter.leave(self._back.pop()))

    def __len__(self) -> int:
        return 1 if self._back or self.inner else 0  # so little that not all are taken at once

    def qsize(self) -> int:
        """Tell how much is in it."""
        return len(self.inner) + len(self._back)  # in this order; see `PooledCell.count`

    def take_all(self, into: list[Any]) -> None:
        """Move everything to the end of a list."""
        move_turned(self._back, into)
        move(self.inner, into)


def switch_on(cell: Cell) -> Meter:
    """Begin to count; only for the actor itself, between two messages or in its own code."""
    extension = cell.need_extension()
    if extension.meter is None:
        extension.meter = meter = Meter(cell.services.clock.now, cell.count())
        cell.put_in_front(meter)
        cell.look_again()
    found: Meter = extension.meter
    return found


def request(cell: Cell) -> None:
    """Have an actor begin to count."""
    if cell.need_extension().meter is None:
        cell.signal(Envelope(_SwitchOn()))


def statistics_of(cell: Cell) -> ActorStatistics:
    """How it stands with an actor."""
    from pykka._statistics import ActorStatistics  # noqa: PLC0415 (see there)

    # In the order in which messages go from one place to the next.
    in_inbox = cell.count()
    extension = cell.extension
    if extension is None:
        return ActorStatistics(in_inbox, 0, None, None, None)
    stashed = len(extension.stash or ())
    waiting = in_inbox + len(extension.replay_queue)
    meter: Meter | None = extension.meter
    if meter is None:
        return ActorStatistics(waiting, stashed, None, None, None)
    return ActorStatistics(
        waiting=waiting,
        stashed=stashed,
        handled=max(0, meter.taken - meter.set_aside),
        failures=meter.failures,
        oldest=meter.oldest() if in_inbox else None,
        cancelled=meter.cancelled,
        expired=meter.expired,
    )


@brief
class Idle:
    """The idle time-out of one instance of an actor.

    Problem: the time begins anew with each message, and nothing may be done about it then. So the
    alarm rings when the time may be over, and has the actor look: if a message was taken up
    meanwhile, the alarm is set to when the time is over since that one.

    An actor that was busy when the alarm rang was not idle; then the time begins anew with the
    look, which comes right after the message. One that has given its answer counts as done, so
    that an asker who has the answer and moves the clock knows what happens. So does one that is
    still at the end of its last look: it has set the alarm that rings now.

    Args:
        cell: The actor.
        seconds: Seconds without a message.
    """

    __slots__ = ("_cell", "_meter", "_seconds", "_since", "is_cancelled")

    def __init__(self, cell: Cell, seconds: float) -> None:
        self._cell = cell
        self._seconds = seconds
        self._meter = switch_on(cell)
        self._since = self._meter.now()
        """When it was set, or the actor was told last."""
        self.is_cancelled = False
        cell.services.clock.schedule(self._since + seconds, self)

    def end(self) -> None:
        """Have the actor told nothing any more."""
        self.is_cancelled = True
        self._cell.services.clock.forget(self)

    def ring(self) -> None:
        """Have the actor look; the clock calls this."""
        line = self._cell.line_of_ticks()
        if line is None:
            self._ring()
        else:
            line.send_out(self._ring)

    def _ring(self) -> None:
        if not self.is_cancelled:
            check = _IdleCheck(self, self._meter.now(), _is_busy(self._cell.handling))
            self._cell.tell_unbounded(check)

    def look(self, check: _IdleCheck) -> Any:
        """Call the hook, if nothing had come for so long when the alarm rang."""
        if self.is_cancelled:
            return None
        if check.was_busy:
            self._since = self._meter.now()
        due = max(self._meter.last, self._since) + self._seconds
        result = None
        if due <= check.at:
            self._since = check.at
            due = check.at + self._seconds
            result = self._cell.require_instance().on_idle()
        if not self.is_cancelled:  # perhaps by the hook
            self._cell.services.clock.schedule(due, self)
        return result


def _is_busy(handling: Any) -> bool:
    """Tell whether an actor is in the middle of a message; another thread may ask."""
    if handling is None or type(message_of(handling)) is _IdleCheck:
        return False
    return not (is_ask(handling) and handling._has_outcome())


@system_handler(_SwitchOn, counted=False)
def _on_switch_on(cell: Cell, _envelope: Letter) -> object:
    switch_on(cell)
    return None


@system_handler(_IdleCheck, counted=False)
def _on_idle_check(_cell: Cell, envelope: Letter) -> object:
    return envelope.message.idle.look(envelope.message)
