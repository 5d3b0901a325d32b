"""Dead letters: messages that were accepted and then never handled.

Nothing is silently lost (guarantee G3). A *tell* that an actor leaves behind when it ends is
counted, handed to every subscriber, published as an event, and logged on `pykka.dead_letters`. An
*ask* is answered with `ActorDeadError` instead, so whoever sent it knows.

The log is rate-limited, so that a flood of dead letters cannot drown a program: a bucket of
tokens, of which each record takes one and each second brings one back. A record says how many
have been left out so far.

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

from pykka._locks import held
from pykka._logging import is_for_the_program, report_failure
from pykka._waiting import shorten

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka._ref import ActorRef

    class Events(Protocol):
        """What is needed of an event bus."""

        def has_subscribers(self, event_class: type, /) -> bool:
            """Tell whether anybody gets the events of a class."""
            ...

        def publish(self, event: object, /) -> int:
            """Hand an event to all who have subscribed to its class."""
            ...


logger = logging.getLogger("pykka.dead_letters")


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
    """

    def __init__(
        self,
        *,
        burst: int = 10,
        per_second: float = 1.0,
        clock: Callable[[], float] = monotonic,
        events: Events | None = None,
    ) -> None:
        self._burst = float(burst)
        self._per_second = per_second
        self._clock = clock
        self._lock = threading.Lock()
        self._total = 0
        self._logged = 0
        self._tokens = float(burst)
        self._last = clock()
        self._subscribers: list[Callable[[DeadLetter], object]] = []
        self._events = events
        self._busy = _Busy()

    def renew_locks(self) -> None:
        """Begin with a fresh lock, in a child process; another may have held the old one."""
        self._lock = threading.Lock()

    def report(self, letter: DeadLetter) -> None:
        """Count a dead letter, tell the subscribers, and log it unless there are too many."""
        busy = self._busy
        may_log = not busy.logging and logger.isEnabledFor(logging.WARNING)
        now = self._clock()
        suppressed = 0
        for release in held(self._lock):
            self._total += 1
            tokens = self._tokens + (now - self._last) * self._per_second
            if tokens > self._burst:  # noqa: PLR1730 - min() would be a call
                tokens = self._burst
            self._last = now
            may_log = may_log and tokens >= 1
            if may_log:
                tokens -= 1
                self._logged += 1
            self._tokens = tokens
            suppressed = self._total - self._logged
            release()
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
                for subscriber in self._subscribers.copy():
                    _tell(subscriber, letter)
                if events is not None:
                    events.publish(letter)
            finally:
                busy.telling = False
                busy.logging = was_logging

    def statistics(self) -> DeadLetterStatistics:
        """Return the counts."""
        total = logged = 0
        for release in held(self._lock):
            total = self._total
            logged = self._logged
            release()
        return DeadLetterStatistics(total=total, logged=logged)

    def subscribe(self, subscriber: Callable[[DeadLetter], object]) -> None:
        """Have a function called with each dead letter, by the thread that finds it."""
        self._subscribers.append(subscriber)

    def unsubscribe(self, subscriber: Callable[[DeadLetter], object]) -> None:
        """Do not call the function any more.

        Raises:
            ValueError: The function is no subscriber.
        """
        self._subscribers.remove(subscriber)


class _Busy(threading.local):
    """What this thread is in the middle of."""

    logging = False
    telling = False


def _log(letter: DeadLetter, suppressed: int) -> None:
    try:
        logger.warning(
            "Dead letter to %s: %s (%s). Left out of the log so far: %d",
            letter.target,
            shorten(letter.message),
            letter.reason,
            suppressed,
            extra={"dead_letter": letter},
        )
    except BaseException as error:  # a filter or a handler raised
        if is_for_the_program(error):
            raise
        report_failure("A filter or handler of the logger pykka.dead_letters raised:")


def _tell(subscriber: Callable[[DeadLetter], object], letter: DeadLetter) -> None:
    try:
        subscriber(letter)
    except BaseException as error:
        if is_for_the_program(error):
            raise
        report_failure("A subscriber to dead letters raised: %r", subscriber)
