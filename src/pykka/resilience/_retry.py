"""Retries: what has failed is asked again, after a pause.

An ask that blocks is a loop in the caller's own thread. One that does not block is a *series* of
attempts. The first is made by the caller, the others when the clock says so. The thread that
resolves the future of an attempt decides what comes next.

Invariants of a series
    1. *Each attempt is made once.* The number of the present attempt goes up by one at a time,
       under a lock. Only who has moved it on makes the next attempt. So whatever leads to one may
       happen twice: a waiter that a signal handler interrupted is served again, and an attempt
       that was given up may fail later all the same.
    2. *The series ends*: with the first outcome of an attempt that is not to be retried, whichever
       attempt it is; or with whatever the last attempt ends with. What goes wrong in here ends
       it, too. So its future is resolved, provided that the futures of the attempts are or that
       they are given up after a time.
    3. *Only the clock has it sent again*, not the actor that has answered, whose thread has other
       work. It is done on a thread that may block; see `pykka.timers._errands`.
"""

from __future__ import annotations

import functools
import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from pykka._exceptions import (
    ActorDeadError,
    CircuitOpenError,
    RateLimitExceededError,
    Timeout,
)
from pykka._util.checks import (
    check_count,
    check_exception_types,
    check_methods,
    check_span,
    in_seconds,
)
from pykka._util.locks import held
from pykka._util.log import is_a, is_for_the_program, traceback_of
from pykka.resilience._askable import (
    A,
    AskWrapper,
    Call,
    Relay,
    Sent,
    begin_ask,
    call_when_done,
    cancel,
    least,
    outcome_of,
    pause,
)
from pykka.resilience._backoff import Backoff

if TYPE_CHECKING:
    from pykka._futures.derived import Outcome
    from pykka._futures.threading_future import ThreadingFuture
    from pykka._ref.ref import ActorRef
    from pykka.resilience._askable import Askable, ExceptionTypes
    from pykka.timers._clock import Clock

RETRIED = (Timeout, ActorDeadError, CircuitOpenError, RateLimitExceededError)
"""What is retried unless the user says otherwise: what may go better the next time.

A `DeadlockError` would come again, and what the actor itself raises is its answer.
"""


@dataclass(frozen=True)
class RetryStatistics:
    """Counts since a piece that retries was made.

    Those `asks` that are neither among the `successes` nor the `failures` are under way.
    """

    asks: int
    """How often it was asked."""

    retries: int
    """How many attempts were made after the first of an ask."""

    successes: int
    """Asks that were answered, at whichever attempt."""

    failures: int
    """Asks that ended with an exception."""


class Retry(AskWrapper[A]):
    """Asks again, after a pause, if asking has failed.

    The request may already have been done when it is made again: after a timeout, the actor may
    still handle the message, and then handles it twice. So retry only what may be done twice.

    With a `timeout`, the attempts and the pauses together take no longer than that. If the next
    attempt could not begin in time, the last exception is raised at once.

    Args:
        target: The ref of an actor, or another piece of this module.
        attempts: How often to ask at most, including the first time.
        backoff: How long to wait in between; `None` for `Backoff()`.
        retry_on: The exceptions after which to ask again: an exception class or a tuple of them.
            By default `Timeout`, `ActorDeadError`, `CircuitOpenError` and
            `RateLimitExceededError`. Any other exception is the answer.
        timeout_per_attempt: Seconds after which an attempt fails with `Timeout`; `None` for no
            limit. If the target is another piece, it is told: a `CircuitBreaker` counts a failure.
            With `block=False`, an answer that comes later still counts, unless that of another
            attempt was faster.
        clock: Where to take the time from; `None` for real time.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: A number is out of its range.

    Examples:
        >>> import pykka
        >>> from pykka.resilience import Backoff, Retry
        >>> class Moody(pykka.ThreadingActor):
        ...     asked = 0
        ...     def on_receive(self, message):
        ...         self.asked += 1
        ...         if self.asked < 3:
        ...             raise ConnectionError
        ...         return self.asked
        >>> moody = Moody.start()
        >>> patient = Retry(moody, retry_on=ConnectionError, backoff=Backoff(minimum=0.001))
        >>> patient.ask("Come on!", timeout=10)
        3
        >>> moody.stop()
        True
    """

    @overload
    def __init__(
        self,
        target: ActorRef[A] | AskWrapper[A],
        *,
        attempts: int = ...,
        backoff: Backoff | None = ...,
        retry_on: ExceptionTypes = ...,
        timeout_per_attempt: float | None = ...,
        clock: Clock | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self: Retry[Any],
        target: Askable,
        *,
        attempts: int = ...,
        backoff: Backoff | None = ...,
        retry_on: ExceptionTypes = ...,
        timeout_per_attempt: float | None = ...,
        clock: Clock | None = ...,
    ) -> None: ...
    def __init__(
        self,
        target: Any,
        *,
        attempts: int = 3,
        backoff: Backoff | None = None,
        retry_on: ExceptionTypes = RETRIED,
        timeout_per_attempt: float | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(target, clock)
        check_count("attempts", attempts)
        check_exception_types("retry_on", retry_on)
        if timeout_per_attempt is not None:
            check_span("timeout_per_attempt", timeout_per_attempt)
        if backoff is not None:
            check_methods("backoff", backoff, "pykka.resilience.Backoff", ["delay"])
        self._attempts = attempts
        self._backoff = Backoff() if backoff is None else backoff
        self._retry_on = retry_on
        self._timeout_per_attempt = timeout_per_attempt
        self._lock = threading.Lock()
        self._asks = self._retries = self._successes = self._failures = 0

    def statistics(self) -> RetryStatistics:
        """Return the counts."""
        asks = retries = successes = failures = 0
        for release in held(self._lock):
            asks = self._asks
            retries = self._retries
            successes = self._successes
            failures = self._failures
            release()
        return RetryStatistics(asks, retries, successes, failures)

    def _ask_and_wait(self, message: Any, timeout: float | None) -> Any:
        for release in held(self._lock):
            self._asks += 1
            release()
        succeeded = False
        try:
            answer = self._try_and_wait(message, timeout)
            succeeded = True
        finally:
            self._count_end(succeeded=succeeded)
        return answer

    def _try_and_wait(self, message: Any, timeout: float | None) -> Any:
        clock, limit = self._clock, self._timeout_per_attempt
        end = math.inf if timeout is None else clock.now() + timeout
        attempt = 1
        remaining = timeout
        while True:
            try:
                return self._target.ask(message, timeout=least(remaining, limit))
            except self._retry_on:
                delay = self._backoff.delay(attempt)
                if attempt == self._attempts or clock.now() + delay >= end:
                    raise
            if delay:
                pause(clock, delay)
            if timeout is not None:
                remaining = end - clock.now()
                if remaining <= 0:
                    passed = in_seconds(timeout)
                    whose = f"without a result from {self._target}"
                    msg = f"{passed} passed in {attempt} attempts {whose}"
                    raise Timeout(msg)
            attempt += 1
            for release in held(self._lock):
                self._retries += 1
                release()

    def _begin(self, message: Any) -> Sent:
        for release in held(self._lock):
            self._asks += 1
            release()
        series = _Series(self, message)
        series.attempt(1)
        return Sent(series.answer, series.answer.give_up)

    def _count_end(self, *, succeeded: bool) -> None:
        for release in held(self._lock):
            if succeeded:
                self._successes += 1
            else:
                self._failures += 1
            release()


class _Series:
    """The attempts of an ask that does not block.

    Args:
        retry: Who makes them.
        message: What to ask.
    """

    def __init__(self, retry: Retry, message: Any) -> None:
        self.answer = Relay()
        self._retry = retry
        self._message = message
        self._number = 0

    def attempt(self, number: int) -> None:
        """Make an attempt, unless it was made, or there is no need to."""
        message = self._message  # before the look whether it is still needed
        if self.answer.done() or not self._begin(number):
            return
        retry = self._retry
        limit = retry._timeout_per_attempt
        alarm = None
        try:
            if limit is not None:
                alarm = Call(functools.partial(self._give_up, number))
                retry._clock.schedule(retry._clock.now() + limit, alarm)
            sent = begin_ask(retry._target, message)
            future = sent.future
            self.answer.sent = sent
            if limit is None:
                self.answer.source = future
            call_when_done(future, functools.partial(self._end, number, future, alarm))
        except BaseException as error:
            self._resolve((None, (error, traceback_of(error))))
            if not is_a(error, Exception):
                raise

    def _begin(self, number: int) -> bool:
        retry = self._retry
        is_next = False
        for release in held(retry._lock):
            is_next = number == self._number + 1
            if is_next:
                self._number = number
                if number > 1:
                    retry._retries += 1
            release()
        return is_next

    def _give_up(self, number: int) -> None:
        """End an attempt that took too long."""
        if number == self._number:
            self.answer.give_up()
        retry = self._retry
        limit = in_seconds(retry._timeout_per_attempt)
        error = Timeout(f"{limit} passed without a result from {retry._target}")
        self._go_on(number, (None, (error, None)))

    def _end(self, number: int, future: ThreadingFuture[Any], alarm: Call | None) -> None:
        """See to what an attempt has ended with."""
        if alarm is not None:
            cancel(self._retry._clock, alarm)
        self._go_on(number, outcome_of(future))

    def _go_on(self, number: int, outcome: Outcome) -> None:
        """Make an end, or plan the next attempt."""
        retry, raised = self._retry, outcome[1]
        try:
            if raised is None or not is_a(raised[0], retry._retry_on):
                self._resolve(outcome)
            elif number == self._number:  # else a later attempt is under way
                if number == retry._attempts:
                    self._resolve(outcome)
                else:
                    self.answer.source = self.answer.sent = None
                    when = retry._clock.now() + retry._backoff.delay(number)
                    retry._clock.schedule(when, Call(functools.partial(self.attempt, number + 1)))
        except BaseException as error:
            if is_for_the_program(error):
                raise  # what was interrupted is served again
            self._resolve((None, (error, traceback_of(error))))

    def _resolve(self, outcome: Outcome) -> None:
        if self.answer.end(outcome):
            self._retry._count_end(succeeded=outcome[1] is None)
            self._message = None
