"""Dead letters: messages that were accepted and then never handled.

Nothing is silently lost (guarantee G3). A *tell* that an actor leaves behind when it ends is
counted, handed to every subscriber, published as an event, and logged on `pykka.dead_letters`. An
*ask* is answered with `ActorDeadError` instead, so the asker knows.

The log is rate-limited, so that a flood of dead letters cannot drown a program: a bucket of
tokens, of which each record takes one and each second brings one back. A record says how many
have been left out so far. When no dead letter has come for `CALM` seconds, and at the exit of the
program, a last record says how many there were that no record has counted.

Invariant: *a flood does not end in silence.* A sender that leaves a letter out sets an alarm,
unless one is set. The alarm is set again as long as letters come; then what is owed is logged. It
rings on the clock's thread, on which no log handler may run: so that is done by a thread of its
own.

Re-entrancy (guarantee G4): a log handler or a subscriber may itself send to a dead actor, on the
same thread, in the middle of a report. A letter from within a log handler is not logged, and one
from within a subscriber is not handed on either, or a single dead log actor would recurse for
ever. Both are counted. The lock is held over straight-line code only, in which nothing is called.
"""

from __future__ import annotations

import logging
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pykka._system.subscribers import Subscribers
from pykka._util.checks import check_callable, shorten
from pykka._util.locks import held
from pykka._util.log import SafeLogger, Shortened, call_out, is_a
from pykka._util.thread_state import current
from pykka._util.world import at_exit
from pykka.timers._clock import brief

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka._ref.ref import ActorRef

    class Events(Protocol):
        """What is needed of an event bus."""

        def has_subscribers(self, event_class: type, /) -> bool:
            """Tell whether a subscriber gets the events of a class."""
            ...

        def publish(self, event: object, /) -> int:
            """Hand an event to all who have subscribed to its class."""
            ...

    class Timer(Protocol):
        """What is needed of a clock."""

        def now(self) -> float:
            """Return the time in seconds."""
            ...

        def schedule(self, when: float, alarm: Any, /) -> None:
            """Ring an alarm at a point in time."""
            ...


logger = SafeLogger("pykka.dead_letters")

CALM = 2.0
"""Seconds without a dead letter after which a flood is over."""


class DeadLetter(NamedTuple):
    """A message that was accepted, or broadcast, and then never handled."""

    message: Any
    """The message, as it was sent."""

    target: ActorRef[Any]
    """The actor that should have handled it."""

    reason: str
    """Why it was not handled."""


class DeadLetterStatistics(NamedTuple):
    """Counts since the program began."""

    total: int
    """All dead letters."""

    logged: int
    """Those that got a log record of their own."""

    @property
    def suppressed(self) -> int:
        """Those that were kept out of the log, by its rate limit or its level."""
        return self.total - self.logged


class DeadLetters:
    """Counts, hands on and logs dead letters.

    Args:
        burst: How many may be logged at once.
        per_second: How many may be logged each second in the long run.
        clock: Gives the time in seconds.
        events: Where each dead letter is published as an event.
        timer: What rings when a flood is over; `None` if only the exit of the program is to tell.
    """

    def __init__(
        self,
        *,
        burst: int = 10,
        per_second: float = 1.0,
        clock: Callable[[], float] = monotonic,
        events: Events | None = None,
        timer: Timer | None = None,
    ) -> None:
        self._burst = float(burst)
        self._per_second = per_second
        self._clock = clock
        self._lock = threading.Lock()
        self._total = 0
        self._logged = 0
        self._tokens = float(burst)
        self._last = clock()
        self._subscribers = Subscribers()
        self._events = events
        self._timer = timer
        self._owed = 0
        """How many the log would have taken, and no record has counted so far."""
        self._is_armed = False
        """Whether an alarm is set that will have them logged."""
        self._busy = _Busy()

    def renew_locks(self) -> None:
        """Begin with a fresh lock, in a child process; another may have held the old one."""
        self._lock = threading.Lock()
        self._is_armed = False

    def report(  # noqa: C901 (one function, because nothing is to be called under the lock)
        self, letter: DeadLetter
    ) -> None:
        """Count a dead letter, tell the subscribers, and log it unless there are too many."""
        busy = self._busy
        may_log = not busy.logging and logger.isEnabledFor(logging.WARNING)
        now = self._clock()
        suppressed = 0
        arms = False
        for release in held(self._lock):
            self._total += 1
            is_left_out = may_log
            tokens = self._tokens + (now - self._last) * self._per_second
            if tokens > self._burst:  # noqa: PLR1730 - min() would be a call
                tokens = self._burst
            self._last = now
            may_log = may_log and tokens >= 1
            if may_log:
                tokens -= 1
                self._logged += 1
                self._owed = 0
            elif is_left_out:
                self._owed += 1
                arms = not self._is_armed
                self._is_armed = True
            self._tokens = tokens
            suppressed = self._total - self._logged
            release()
        if arms:
            self._arm()
        if may_log:
            busy.logging = True
            try:
                _log(letter, suppressed)
            finally:
                busy.logging = False
        events = self._events
        if events is not None and not events.has_subscribers(DeadLetter):
            events = None
        if (self._subscribers or events is not None) and not busy.telling:
            was_logging = busy.logging
            busy.telling = busy.logging = True
            try:
                for subscriber in self._subscribers.all():
                    _tell(subscriber, letter)
                if events is not None:
                    events.publish(letter)
            finally:
                busy.telling = False
                busy.logging = was_logging

    def _arm(self) -> None:
        """Have what is owed logged when the flood is over."""
        _owing[self] = None
        try:
            if self._timer is not None:
                _EndOfFlood(self, self._timer).set()
        except BaseException as error:  # a signal handler raised, or the clock cannot ring
            self._is_armed = False
            if not is_a(error, Exception):
                raise

    def log_the_rest(self) -> None:
        """Log how many were left out that no record has counted."""
        owed = total = 0
        for release in held(self._lock):
            owed = self._owed
            total = self._total
            self._owed = 0
            self._is_armed = False
            release()
        _owing.pop(self, None)
        busy = self._busy
        if owed and not busy.logging:
            busy.logging = True
            try:
                _log_number(owed, total)
            finally:
                busy.logging = False

    def statistics(self) -> DeadLetterStatistics:
        """Return the counts."""
        total = logged = 0
        for release in held(self._lock):
            total = self._total
            logged = self._logged
            release()
        return DeadLetterStatistics(total=total, logged=logged)

    def subscribe(self, subscriber: Callable[[DeadLetter], object]) -> None:
        """Have a function called with each dead letter, by the thread that finds it.

        Raises:
            TypeError: It is not a function.
        """
        _require_subscriber(subscriber)
        self._subscribers.enter(subscriber)

    def unsubscribe(self, subscriber: Callable[[DeadLetter], object]) -> None:
        """Do not call the function any more.

        Raises:
            TypeError: It is not a function.
            ValueError: The function is no subscriber.
        """
        _require_subscriber(subscriber)
        if not self._subscribers.leave(subscriber):
            msg = f"{shorten(subscriber)} has not subscribed to dead letters"
            raise ValueError(msg)


_owing: dict[DeadLetters, None] = {}
"""Those that owe the log a number."""


@at_exit
def _log_what_is_owed() -> None:
    for letters in _owing.copy():
        letters.log_the_rest()


@brief
class _EndOfFlood:
    """Rings when no dead letter has come for some time.

    Args:
        letters: Where they come.
        timer: What rings it.
    """

    is_cancelled = False

    def __init__(self, letters: DeadLetters, timer: Timer) -> None:
        self._letters = letters
        self._timer = timer
        self._total = -1

    def set(self) -> None:
        """Have it ring, perhaps."""
        self._total = self._letters.statistics().total
        self._timer.schedule(self._timer.now() + CALM, self)

    def ring(self) -> None:
        """Have what is owed logged, or wait once more if letters have come."""
        if self._letters.statistics().total != self._total:
            self.set()
        else:
            current.state.world.start_thread(self._letters.log_the_rest)


class _Busy(threading.local):
    """What this thread is in the middle of."""

    logging = False
    telling = False


def _require_subscriber(subscriber: Any) -> None:
    if hasattr(subscriber, "actor_urn") and not isinstance(subscriber, type):
        msg = (
            "a subscriber to dead letters is a function, not an actor; have "
            f"{shorten(subscriber)} get them as events: system.events.subscribe(DeadLetter, …)"
        )
        raise TypeError(msg)
    check_callable("a subscriber to dead letters", subscriber, "a DeadLetter")


def _log(letter: DeadLetter, suppressed: int) -> None:
    logger.warning(
        "Dead letter to %s: %s (%s). Left out of the log so far: %d",
        letter.target,
        shorten(letter.message),
        letter.reason,
        suppressed,
        extra={"dead_letter": letter},
    )


def _log_number(owed: int, total: int) -> None:
    logger.warning(
        "%d more dead letters were left out of the log; there were %d in all", owed, total
    )


def _tell(subscriber: Callable[[DeadLetter], object], letter: DeadLetter) -> None:
    text = "A subscriber to dead letters raised: %s"
    call_out(subscriber, letter, text=text, about=(Shortened(subscriber),))
