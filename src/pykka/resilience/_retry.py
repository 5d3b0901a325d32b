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
    3. *What is called off is not tried again.* Under the same lock it is noted that a canceller
       wants it back, and whether there is a pause, and an attempt is begun only if none does. So
       either the canceller finds a pause, and makes the end itself; or an attempt is under way,
       which is the last one then, and is taken back if that can be helped. If a canceller in a
       pause is interrupted, the alarm at the end of the pause makes the end.
    4. *Only the clock has it sent again*, not the actor that has answered, whose thread has other
       work. It is done on a thread that may block; see `pykka.timers._errands`.
"""

from __future__ import annotations

import functools
import math
import threading
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from pykka._exceptions import (
    ActorDeadError,
    AskCancelledError,
    AskExpiredError,
    CircuitOpenError,
    RateLimitExceededError,
    Timeout,
)
from pykka._futures.threading_future import Onlooker
from pykka._futures.unhandled.expiry import expires, has_expired
from pykka._futures.unhandled.recall import cancelled_error
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
    looks_like_a_future,
    outcome_of,
    pause,
)
from pykka.resilience._awaiting import await_within, pause_awaiting
from pykka.resilience._backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka._futures.derived import Outcome
    from pykka._futures.threading_future import ThreadingFuture
    from pykka._ref.ref import ActorRef
    from pykka.resilience._askable import Askable, ExceptionTypes
    from pykka.resilience._function import FunctionOf
    from pykka.timers._clock import Clock

RETRIED = (Timeout, ActorDeadError, CircuitOpenError, RateLimitExceededError)
"""What is retried unless the user says otherwise: what may go better the next time.

A `DeadlockError` would come again, and what the actor itself raises is its answer.
"""


P = ParamSpec("P")
R = TypeVar("R")


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
    """Asks, or calls, again, after a pause, if that has failed.

    The request may already have been done when it is made again: after a timeout, the actor may
    still handle the message, and then handles it twice. So retry only what may be done twice.

    With a `timeout`, the attempts and the pauses together take no longer than that. If the next
    attempt could not begin in time, the last exception is raised at once.

    If it does not block, `cancel()` of the future takes the present attempt back, and there is no
    other one. If the handler has begun, it returns `False`, and the future ends with what comes of
    that attempt. A message that has expired (see `ActorRef.ask`) is not sent again.

    Args:
        target: The ref of an actor, a function, or another piece of this module.
        attempts: How often to ask at most, including the first time.
        backoff: How long to wait in between; `None` for `Backoff()`.
        retry_on: The exceptions after which to ask again: an exception class or a tuple of them.
            By default `Timeout`, `ActorDeadError`, `CircuitOpenError` and
            `RateLimitExceededError`. Any other exception is the answer.
        timeout_per_attempt: Seconds after which an attempt fails with `Timeout`; `None` for no
            limit. If the target is another piece, it is told: a `CircuitBreaker` counts a failure.
            With `block=False`, an answer that comes later still counts, unless that of another
            attempt was faster. An `async def` is cancelled; a plain function cannot be
            interrupted, so it cannot have a limit.
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
        self: Retry[FunctionOf[P, R]],
        target: Callable[P, R],
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
            self._require_limit("timeout_per_attempt")
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

    async def _await(self, message: Any) -> Any:
        for release in held(self._lock):
            self._asks += 1
            release()
        succeeded = False
        try:
            answer = await self._try_and_await(message)
            succeeded = True
        finally:
            self._count_end(succeeded=succeeded)
        return answer

    async def _try_and_await(self, message: Any) -> Any:
        target, clock = self._target, self._clock
        begin = functools.partial(target._await, message)
        attempt = 1
        while True:
            try:
                return await await_within(begin, self._timeout_per_attempt, clock, target)
            except self._retry_on:
                if attempt == self._attempts:
                    raise
                delay = self._backoff.delay(attempt)
            if delay:
                await pause_awaiting(clock, delay)
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
        return Sent(series, series.give_up)

    def _count_end(self, *, succeeded: bool) -> None:
        for release in held(self._lock):
            if succeeded:
                self._successes += 1
            else:
                self._failures += 1
            release()


@looks_like_a_future
class _Series(Relay):
    """The attempts of an ask that does not block, and the future of the answer.

    Args:
        retry: Who makes them.
        message: What to ask.
    """

    __slots__ = (
        "_context",
        "_given_up",
        "_is_in_pause",
        "_message",
        "_number",
        "_pause",
        "_retry",
    )

    def __init__(self, retry: Retry[Any], message: Any) -> None:
        super().__init__()
        self._retry = retry
        self._message = message
        self._number = 0
        self._is_in_pause = True
        self._pause: Call | None = None
        self._given_up: list[ThreadingFuture[Any]] = []
        self._context: Context | None = copy_context()
        """The asker's, in which all attempts are made, whichever thread comes to make them."""

    def attempt(self, number: int) -> None:
        """Make an attempt, unless it was made, or there is no need to."""
        message = self._message  # before the look whether it is still needed
        if self.done() or not self._begin(number):
            return
        retry = self._retry
        limit = retry._timeout_per_attempt
        alarm = None
        try:
            if limit is not None:
                alarm = Call(functools.partial(self._be_late, number))
                retry._clock.schedule(retry._clock.now() + limit, alarm)
            sent = begin_ask(retry._target, message)
            future = sent.future
            self._note_attempt(number, sent, is_only=limit is None)
            call_when_done(future, Onlooker(self._end_of, number, future, alarm))
        except BaseException as error:
            self._resolve((None, (error, traceback_of(error))))
            if not is_a(error, Exception):
                raise

    def _attempt_for_asker(self, number: int) -> None:
        context = self._context
        if context is not None:  # else there is an outcome
            context.copy().run(self.attempt, number)

    def _begin(self, number: int) -> bool:
        retry = self._retry
        is_next = is_wanted = False
        for release in held(retry._lock):
            is_next = number == self._number + 1
            is_wanted = not self._called_off
            if is_next and is_wanted:
                self._number = number
                self._is_in_pause = False
                if number > 1:
                    retry._retries += 1
            release()
        if is_next and not is_wanted:
            self._resolve_cancelled()  # its canceller has been interrupted
        return is_next and is_wanted

    def _begin_pause(self, number: int) -> bool:
        """Have another attempt follow, unless a canceller wants the message back."""
        before = self.source, self.sent  # nothing is freed under the lock
        is_wanted = False
        for release in held(self._retry._lock):
            is_wanted = not self._called_off
            if is_wanted and number == self._number:
                self._is_in_pause = True
                self.source = None
                self.sent = None
            release()
        del before
        return is_wanted

    def _note_attempt(self, number: int, sent: Sent, *, is_only: bool) -> None:
        """Note what was sent; it may have been given up meanwhile, if it had to wait for room."""
        is_present = False
        before = self.source, self.sent
        for release in held(self._retry._lock):
            is_present = number == self._number and not self._is_in_pause
            if is_present:
                self.sent = sent
                if is_only:
                    self.source = sent.future
            release()
        del before
        if not is_present:
            self._given_up.append(sent.future)
            sent.give_up()
        for interrupt in self._called_off.copy():
            sent.future.cancel(interrupt=interrupt)

    def _be_late(self, number: int) -> None:
        """End an attempt that took too long."""
        sent = self.sent
        if number == self._number and sent is not None:
            self._given_up.append(sent.future)
            sent.give_up()
        retry = self._retry
        limit = in_seconds(retry._timeout_per_attempt)
        error = Timeout(f"{limit} passed without a result from {retry._target}")
        self._go_on(number, (None, (error, None)))

    def _end_of(self, number: int, future: ThreadingFuture[Any], alarm: Call | None) -> None:
        """See to what an attempt has ended with."""
        if alarm is not None:
            cancel(self._retry._clock, alarm)
        self._go_on(number, outcome_of(future))

    def _go_on(self, number: int, outcome: Outcome) -> None:
        """Make an end, or plan the next attempt."""
        retry, raised = self._retry, outcome[1]
        try:
            if raised is not None and self._is_taken_back(number, raised[0]):
                pass  # it had been given up before
            elif raised is None or not is_a(raised[0], retry._retry_on):
                self._resolve(outcome)
            elif number == self._number:  # else a later attempt is under way
                is_over = is_a(raised[0], AskExpiredError) and has_expired(self._message)
                if number == retry._attempts or is_over or not self._begin_pause(number):
                    self._resolve(outcome)
                else:
                    when = retry._clock.now() + retry._backoff.delay(number)
                    self._pause = Call(functools.partial(self._attempt_for_asker, number + 1))
                    retry._clock.schedule(when, self._pause)
        except BaseException as error:
            if is_for_the_program(error):
                raise  # what was interrupted is served again
            self._resolve((None, (error, traceback_of(error))))

    def _is_taken_back(self, number: int, error: BaseException) -> bool:
        """Tell whether an attempt has ended in that way because it was taken back in passing."""
        return number != self._number and self._is_called_off() and is_a(error, AskCancelledError)

    def _take_back(self, *, interrupt: bool) -> None:
        is_in_pause = False
        for release in held(self._retry._lock):
            is_in_pause = self._is_in_pause
            release()
        given_up = self._given_up.copy()
        if is_in_pause:
            self._resolve_cancelled()
        else:
            super()._take_back(interrupt=interrupt)
        for future in given_up:
            future.cancel(interrupt=interrupt)

    def _give_up(self, timeout: float) -> None:
        sent = self.sent
        if sent is not None and expires(sent.future._answered_by) and self._was_alone(timeout):
            self._called_off.append(False)
            sent.future._give_up(timeout)

    def _resolve_cancelled(self) -> None:
        error = cancelled_error(self._retry._target)
        self._resolve((None, (error, None)))

    def _resolve(self, outcome: Outcome) -> None:
        if self.end(outcome):
            self._retry._count_end(succeeded=outcome[1] is None)
        self._message = self._context = None
        self._given_up.clear()
        alarm = self._pause
        if alarm is not None:
            self._pause = None
            cancel(self._retry._clock, alarm)
