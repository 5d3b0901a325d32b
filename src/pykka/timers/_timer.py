"""Timers: messages that are sent later, once or again and again.

A timer belongs to the actor that it sends to, and ends with it. What it puts into the inbox is a
*tick*, which stands for the message. No bound of the inbox applies to ticks: each timer has one at
most on its way. In an inbox with priorities, a tick is as urgent as its message.

Invariants
    1. *A cancelled timer does nothing any more.* A tick has a log to which its handler and
       the canceller append, each in one step; the first entry decides. So `cancel()` knows
       whether the handler had begun, even if the tick was in the inbox already.

       The canceller sets `is_cancelled`, and *then* looks for the log. The clock enters the
       log, and *then* looks at `is_cancelled`. So one of the two cancels a tick that is just
       being sent.
    2. *A slow actor is not flooded.* A periodic timer has one token, in `_free`. The clock takes
       it (`del _free[0]` is one step) and sends a tick; the actor gives it back when it begins to
       handle that. If a tick is due and there is no token, it is left out and counted, and the
       next tick that is handled says how many were. So each tick that was due is either handled
       or left out.
    3. The clock rings one alarm of a timer at a time, on whatever thread: the next is scheduled
       when that is done. So "the clock" is one writer.
    4. The holder of the token, and no other thread, enters the log of a tick in `_log`. Each count
       has one writer: the clock or the actor.
    5. A timer holds the log of its tick and not the tick, which holds the timer. So neither waits
       for the garbage collector.

Periodic timers keep their rate: the n-th tick is due n intervals after the first, however late the
others were.

A tick that is set aside (`Actor.stash`) is on its way again, as a new tick; or, if there is one
already, it is left out.

The semantics of `cancel()` are those of `erlang:cancel_timer/1`, made certain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pykka import messages
from pykka._util.checks import check_seconds
from pykka._util.thread_state import current
from pykka.messages import system_handler
from pykka.timers._clock import brief

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka._envelope import Letter
    from pykka._exceptions import ActorDeadError
    from pykka.messages import HandlingCell
    from pykka.timers._clock import Clock
    from pykka.timers._errands import Line

    class TimedServices(Protocol):
        """What a timer needs of an actor's system."""

        @property
        def clock(self) -> Clock:
            """What the timers of the system go by."""
            ...

    class TimedExtension(Protocol):
        """What a timer needs of what few actors have: each `CellExtension` is that."""

        @property
        def timers(self) -> dict[Timer, None]:
            """What will be sent to the actor later."""
            ...

        @property
        def meter(self) -> Any:
            """What counts messages, if that is switched on."""

        @property
        def tracing(self) -> Any:
            """What notes the messages that are handled, if that is switched on."""

    class TimedCell(HandlingCell, Protocol):
        """What a timer needs of its actor: each `pykka._cell.cell.Cell` is that."""

        @property
        def services(self) -> TimedServices:
            """The system of the actor."""
            ...

        @property
        def extension(self) -> TimedExtension | None:
            """What few actors have, if this one has it."""
            ...

        @property
        def actor(self) -> object:
            """The actor object; `None` if the actor has ended."""

        @property
        def stopped(self) -> bool:
            """Whether sends are refused."""
            ...

        @property
        def policy(self) -> Any:
            """The inbox, if it has a bound or priorities: it tells how urgent a message is."""

        @property
        def handled_message(self) -> object:
            """The message that the actor is handling right now."""

        def require_instance(self) -> Any:
            """The actor object, for the handler of a message; it raises if there is none."""

        def need_extension(self) -> TimedExtension:
            """The extension; made now if it has not been needed so far."""
            ...

        def line_of_ticks(self) -> Line | None:
            """Where a clock's thread has messages sent, instead of sending them itself."""
            ...

        def tell_unbounded(self, message: object) -> None:
            """Send a message that no bound of the inbox applies to, and never block."""

        def dead_error(self, reason: str) -> ActorDeadError:
            """The error for callers whose message the actor will not handle."""
            ...


_CANCELLED = "cancelled"
_BEGUN = "begun"


@brief
class Timer:
    """A message that is sent later; `ActorRef.tell_after` and `ActorRef.tell_every` return it.

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
        "_cell",
        "_clock",
        "_delivered",
        "_due",
        "_free",
        "_interval",
        "_is_done",
        "_key",
        "_left_out",
        "_log",
        "_missed",
        "_reported",
        "carried",
        "is_cancelled",
        "is_own",
        "message",
    )

    carried: tuple[tuple[Any, Any], ...]
    """What instruments have sent along, if there are any; as in a `CarryingEnvelope`."""

    def __init__(
        self, cell: TimedCell, message: Any, delay: float, interval: float | None
    ) -> None:
        self._cell = cell
        self._interval = interval
        policy = cell.policy
        self._key = None if policy is None else policy.key_of(message)
        """How urgent the message is, which the thread that sets it finds out, as senders do."""
        self._clock: Clock = cell.services.clock
        self._due = self._clock.now() + delay
        self._free: list[None] = _NO_TOKEN if interval is None else [None]
        self._log: list[str] | None = None
        """The log of the tick that was sent last."""
        self._is_done = False
        """Whether the only tick there is has been handled. Only the actor changes it."""
        self._left_out = 0
        """How many ticks were left out so far. Only the clock changes it."""
        self._reported = 0
        """How many of them the actor has been told of. Only the actor changes it."""
        self._missed = 0
        self._delivered = 0
        self.is_cancelled = False
        """Whether it is cancelled, by a caller or by the end of the actor."""
        self.is_own = current.state.cell is cell
        """Whether the actor itself has set it. Such a timer ends with the instance, too."""
        self.message = message
        """What is sent; `None` if the timer is cancelled: it does not keep the message alive."""

    @property
    def is_active(self) -> bool:
        """Whether the timer may still deliver something."""
        return not (self.is_cancelled or self._is_done)

    @property
    def interval(self) -> float | None:
        """Seconds between two ticks; `None` if the message is sent only once."""
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
        return max(0.0, self._due - self._clock.now()) if self.is_active else 0.0

    def cancel(self) -> bool:
        """Deliver nothing more. This may be called at any time, on any thread.

        Returns:
            `True` if the message will not be delivered (again), even if it was already in the
            inbox. `False` if its handler has begun; for a periodic timer, if the handler of a tick
            is running right now, which is then the last. The actor itself always gets `True`.
        """
        cell = self._cell
        self.is_cancelled = True
        log = self._log  # in this order
        self.message = None
        was_listed = cell.need_extension().timers.pop(self, False) is None
        if was_listed and (log is None or self._interval is not None):
            cell.services.clock.forget(self)
        is_in_time = log is None or cancel_tick(log)
        if current.state.cell is cell:
            return True
        if self._interval is None:
            return is_in_time
        handled = cell.handled_message
        return not (type(handled) is Tick and handled.timer is self and handled.has_begun)

    def ring(self) -> None:
        """Send the message; the clock calls this when it is due."""
        line = self._cell.line_of_ticks()
        if line is None:
            self._ring()
        else:
            line.send_out(self._ring)

    def _ring(self) -> None:
        if self.is_cancelled:
            return
        if self._interval is None:
            self._send()
            return
        try:
            self._send_if_free()
        finally:
            self._schedule_next(self._interval)

    def _send_if_free(self) -> None:
        try:
            del self._free[0]
        except IndexError:
            self._left_out += 1
            return
        # No signal handler can strike between taking the token and this `try`.
        try:
            self._send()
        except BaseException:
            # The user's inbox failed, or a signal handler raised, we do not know where.
            log = self._log
            if log is None or cancel_tick(log):
                self._free.append(None)
                self._left_out += 1
            raise

    def _send(self) -> None:
        tick = Tick(self)
        self._log = tick.log
        if self.is_cancelled:  # in this order: who cancels sees the log, or is seen
            cancel_tick(tick.log)
        else:
            self._cell.tell_unbounded(tick)

    def _schedule_next(self, interval: float) -> None:
        clock = self._clock
        self._due += interval
        behind = clock.now() - self._due
        if behind > 0:  # not even the clock was on time
            left_out = behind // interval
            self._left_out += int(left_out)
            self._due += left_out * interval
        clock.schedule(self._due, self)

    def note_begin(self) -> None:
        """Count a tick that the actor begins to handle; for the actor itself."""
        self._delivered += 1
        if self._interval is None:
            self._is_done = True
            self._cell.need_extension().timers.pop(self, None)
        else:
            left_out = self._left_out
            self._missed = left_out - self._reported
            self._reported = left_out
            self._free.append(None)

    def set_aside(self) -> Tick | None:
        """Take back that a tick was begun; for the actor itself.

        Returns:
            The tick that takes its place; `None` if another one is on its way.
        """
        self._delivered -= 1
        if self._interval is None:
            self._is_done = False
            self._cell.need_extension().timers[self] = None
        else:
            self._reported -= self._missed
            self._missed = 0
            try:
                del self._free[0]
            except IndexError:
                self._reported -= 1
                return None
        tick = Tick(self)
        self._log = tick.log
        if self.is_cancelled:  # as in _send()
            cancel_tick(tick.log)
            self._cell.need_extension().timers.pop(self, None)
        return tick

    def __repr__(self) -> str:
        how = "once" if self._interval is None else f"every {self._interval} s"
        state = f"due in {self.remaining:.3f} s" if self.is_active else "over"
        return f"<pykka timer of {self._cell}, {how}, {state}>"


_NO_TOKEN: list[None] = []


class Tick:
    """What a timer puts into the inbox.

    Args:
        timer: The timer.
    """

    __slots__ = ("key", "log", "message", "timer")

    def __init__(self, timer: Timer) -> None:
        self.timer = timer
        self.message = timer.message
        """What the actor is told; the canceller takes it away from that."""
        self.key = timer._key
        """How urgent it is; see `pykka.messages.KEYED`."""
        self.log: list[str] = []

    @property
    def has_begun(self) -> bool:
        """Whether the actor has begun to handle it."""
        return self.log[:1] == [_BEGUN]

    def begin(self) -> bool:
        """Begin to handle it; False if it was cancelled."""
        self.log.append(_BEGUN)
        return self.log[0] is _BEGUN

    def __repr__(self) -> str:
        return f"<tick of {self.timer!r} with {self.message!r}>"


def cancel_tick(log: list[str]) -> bool:
    """Have the tick that has this log not handled; False if that has begun."""
    log.append(_CANCELLED)
    return log[0] is _CANCELLED


def tell_later(
    cell: TimedCell,
    message: Any,
    delay: Any,
    interval: Any = None,
    *,
    what: str = "delay",
) -> Timer:
    """Set a timer.

    Args:
        cell: The actor.
        message: What it is told.
        delay: Seconds until then.
        interval: Seconds between one time and the next; `None` for once.
        what: What the caller calls the delay.

    Raises:
        ActorDeadError: The actor is dead.
        TypeError: A time is not a number.
        ValueError: A time is negative or infinite, or the interval is 0.
        Exception: What the key function of the inbox raises, if it has priorities.
    """
    check_times(delay, interval, what)
    # twin: refuse (1 statement)
    if cell.stopped:
        raise cell.dead_error("not found")
    timer = Timer(cell, message, delay, interval)
    try:
        extension = cell.need_extension()
        if extension.tracing is not None:
            extension.tracing.note_timer(timer)
        extension.timers[timer] = None
        cell.services.clock.schedule(timer._due, timer)
        if cell.actor is None:  # it has ended just now, and may not know of the timer
            timer.cancel()
    except BaseException:
        timer.cancel()  # the clock refuses it, or a signal handler raised
        raise
    return timer


def check_times(delay: Any, interval: Any, what: str) -> None:
    """Refuse what cannot be the times of a timer; see `tell_later`."""
    if interval is not None:
        check_seconds("interval", interval, more_than_zero=True)
    check_seconds(what, delay)


@system_handler(Tick, keyed=True)
def _on_tick(cell: TimedCell, envelope: Letter) -> object:
    tick: Tick = envelope.message
    if not tick.begin():
        extension = cell.extension
        if extension is not None:
            if extension.meter is not None:
                extension.meter.skip()
            if extension.tracing is not None:
                extension.tracing.note_left_out("cancelled")
        return None
    tick.timer.note_begin()
    message: Any = tick.message
    handler = messages._handlers.get(type(message))  # pyright: ignore[reportUnknownArgumentType]
    if handler is not None:
        return handler(cell, _Told(message))
    return cell.require_instance().on_receive(message)


class _Told(NamedTuple):
    """An envelope for the message of a tick."""

    message: Any
    reply_to: Callable[[], None] | None = None
