"""The circuit breaker: what keeps failing is left in peace for a while.

The breaker is in one of three states, and has two numbers that go with them.

- *closed*: asks pass. After so many failures in a row, it opens.
- *open*: asks are refused, until the time `_passes_at`.
- *half-open*: an ask that came later passes, as a *trial*. Further ones are refused while its
  result is awaited. If it fails, the breaker opens; after enough good ones, it closes.

Invariants
    1. *A result counts for the state that let its ask through*, and for no other. Each change of
       state, and each trial, has a number, the *turn*. An ask remembers the turn in which it
       passed, and its result changes nothing but counts if there is another turn by then. So an
       answer that was long on its way neither closes nor opens a breaker that has moved on.
    2. *A trial cannot be lost.* If it has no result within `reset_after` seconds, because no one
       ever answers it or a signal handler struck, then the next ask is a trial, in a turn of its
       own. That is the same rule as for the open state: while it is not closed, the next ask
       passes at the time `_passes_at`.
    3. The lock is held over straight-line code only, in which nothing is allocated or called; see
       `pykka._util.locks`. Who has changed the state tells the listeners about it, afterwards.

    4. *The result of an ask counts once.* What comes first takes its token: the answer, the end of
       `call_timeout`, or that the asker gives it up.

Nothing watches the time: a breaker stays open until it is asked. Only a `call_timeout` needs an
alarm, for each ask that does not block.
"""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, ParamSpec, TypeAlias, TypeVar, overload

from pykka._exceptions import AskCancelledError, CircuitOpenError, Timeout
from pykka._futures.threading_future import Onlooker, failed_future
from pykka._util.checks import (
    check_callable,
    check_count,
    check_exception_types,
    check_number,
    check_span,
    in_seconds,
)
from pykka._util.locks import held
from pykka._util.log import Shortened, call_out, is_a
from pykka.resilience._askable import (
    A,
    AskWrapper,
    Call,
    Relay,
    Sent,
    begin_ask,
    call_when_done,
    cancel,
    do_nothing,
    least,
    outcome_of,
)
from pykka.resilience._awaiting import await_within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pykka._futures.threading_future import ThreadingFuture
    from pykka._ref.ref import ActorRef
    from pykka.resilience._askable import Askable, ExceptionTypes
    from pykka.resilience._function import FunctionOf
    from pykka.timers._clock import Clock

CircuitState: TypeAlias = Literal["closed", "open", "half_open"]


class CircuitStateChange(NamedTuple):
    """An event: a circuit breaker has changed its state."""

    breaker: CircuitBreaker
    """The breaker."""

    before: CircuitState
    """Its state until then."""

    after: CircuitState
    """Its state from then on. There may have been other changes by now."""


P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class CircuitBreakerStatistics:
    """Counts since a circuit breaker was made.

    Asks whose result is awaited are in none of the first four.
    """

    successes: int
    """Asks that were answered, also with an exception that does not count as a failure."""

    failures: int
    """Asks that failed."""

    refused: int
    """Asks that were not sent."""

    interrupted: int
    """Asks that say nothing about the target, because something like Ctrl-C ended them."""

    state: CircuitState
    """The present state."""

    consecutive_failures: int
    """Failures in a row, up to now."""

    times_opened: int
    """How often the breaker has opened."""


class _Passage(NamedTuple):
    """That an ask may pass."""

    turn: int
    change: CircuitStateChange | None


class CircuitBreaker(AskWrapper[A]):
    """Asks an actor, or calls a function, that may fail, and stops while it keeps failing.

    While the target fails, waiting for it wastes time, and asking it may keep it from recovering.
    After some failures in a row the breaker *opens*: asks raise `CircuitOpenError` at once. When
    `reset_after` seconds have passed, it lets one ask through as a trial (*half-open*). If that
    succeeds the breaker *closes*; if not, it opens again.

    The idea is that of M. Nygard, "Release It!"; the states and the counting are those of Akka.

    Args:
        target: The ref of an actor, a function, or another piece of this module.
        max_failures: The number of failures in a row that opens the breaker.
        reset_after: Seconds from the opening to the trial. If a trial has no result after as many
            seconds, there is another one.
        half_open_successes: The number of trials in a row that must succeed to close the breaker.
        call_timeout: Seconds after which an ask without an answer ends with `Timeout`, which
            counts as a failure, whatever `counts_as_failure` says; `None` for no limit. Without a
            limit, an ask with `block=False` that is never answered is not counted, unless it is
            an attempt of a `Retry` around the breaker, which gives it up at some time.
            An `async def` is cancelled then; a plain function cannot have a limit.
        counts_as_failure: The exceptions of the target that count as failures: an exception class
            or a tuple of them. Any other outcome is an answer, and counts as a success, except
            that a question cancelled by its asker counts as interrupted.
        on_state_change: A function, or several, called with a `CircuitStateChange` after each
            change, on the thread that made it. An exception in it is logged. You can pass the
            method `publish` of an event bus.
        clock: Where to take the time from; `None` for real time.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: A number is out of its range.

    Examples:
        >>> import pykka
        >>> from pykka.resilience import CircuitBreaker
        >>> class Service(pykka.ThreadingActor):
        ...     def on_receive(self, message):
        ...         return 1 / message
        >>> service = Service.start()
        >>> breaker = CircuitBreaker(service, max_failures=2, reset_after=60)
        >>> breaker.ask(4)
        0.25
        >>> for _ in range(2):
        ...     try:
        ...         breaker.ask(0)
        ...     except ZeroDivisionError as error:
        ...         print(error)
        division by zero
        division by zero
        >>> breaker.state
        'open'
        >>> try:
        ...     breaker.ask(4)
        ... except pykka.resilience.CircuitOpenError as error:
        ...     print(error.retry_after > 50)
        True
        >>> service.stop()
        True

        A service that does not answer at all, asked by a coroutine:

        >>> import asyncio, threading
        >>> back = threading.Event()
        >>> class Hanging(pykka.ThreadingActor):
        ...     def on_receive(self, message):
        ...         back.wait()
        >>> hanging = Hanging.start()
        >>> breaker = CircuitBreaker(hanging, max_failures=2, call_timeout=0.01)
        >>> async def main():
        ...     for _ in range(3):
        ...         try:
        ...             await breaker.ask("Hello?", block=False)
        ...         except (pykka.Timeout, pykka.resilience.CircuitOpenError) as error:
        ...             print(type(error).__name__)
        >>> asyncio.run(main())
        Timeout
        Timeout
        CircuitOpenError
        >>> back.set()
        >>> hanging.stop()
        True
    """

    @overload
    def __init__(
        self,
        target: ActorRef[A] | AskWrapper[A],
        *,
        max_failures: int = ...,
        reset_after: float = ...,
        half_open_successes: int = ...,
        call_timeout: float | None = ...,
        counts_as_failure: ExceptionTypes = ...,
        on_state_change: Callable[[CircuitStateChange], object]
        | Iterable[Callable[[CircuitStateChange], object]] = ...,
        clock: Clock | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self: CircuitBreaker[FunctionOf[P, R]],
        target: Callable[P, R],
        *,
        max_failures: int = ...,
        reset_after: float = ...,
        half_open_successes: int = ...,
        call_timeout: float | None = ...,
        counts_as_failure: ExceptionTypes = ...,
        on_state_change: Callable[[CircuitStateChange], object]
        | Iterable[Callable[[CircuitStateChange], object]] = ...,
        clock: Clock | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self: CircuitBreaker[Any],
        target: Askable,
        *,
        max_failures: int = ...,
        reset_after: float = ...,
        half_open_successes: int = ...,
        call_timeout: float | None = ...,
        counts_as_failure: ExceptionTypes = ...,
        on_state_change: Callable[[CircuitStateChange], object]
        | Iterable[Callable[[CircuitStateChange], object]] = ...,
        clock: Clock | None = ...,
    ) -> None: ...
    def __init__(
        self,
        target: Any,
        *,
        max_failures: int = 5,
        reset_after: float = 30.0,
        half_open_successes: int = 1,
        call_timeout: float | None = None,
        counts_as_failure: ExceptionTypes = Exception,
        on_state_change: Callable[[CircuitStateChange], object]
        | Iterable[Callable[[CircuitStateChange], object]] = (),
        clock: Clock | None = None,
    ) -> None:
        super().__init__(target, clock)
        check_count("max_failures", max_failures)
        check_number("reset_after", reset_after, least=0)
        check_count("half_open_successes", half_open_successes)
        check_exception_types("counts_as_failure", counts_as_failure)
        if call_timeout is not None:
            check_span("call_timeout", call_timeout)
            self._require_limit("call_timeout")
        self._call_timeout = call_timeout
        self._max_failures = max_failures
        self._reset_after = reset_after
        self._half_open_successes = half_open_successes
        self._counts_as_failure = counts_as_failure
        is_one = callable(on_state_change) or not hasattr(on_state_change, "__iter__")
        listeners: Any = (on_state_change,) if is_one else tuple(on_state_change)  # type: ignore[arg-type]
        for listener in listeners:
            check_callable("on_state_change", listener, "a CircuitStateChange")
        self._listeners: tuple[Callable[[CircuitStateChange], object], ...] = listeners
        self._lock = threading.Lock()
        self._state: CircuitState = "closed"
        self._turn = 0
        self._passes_at = 0.0
        """When the next ask may pass, unless the state is closed."""
        self._good_trials = 0
        self._consecutive_failures = 0
        self._times_opened = 0
        self._successes = self._failures = self._refused = self._interrupted = 0

    @property
    def state(self) -> CircuitState:
        """`"closed"`, `"open"` or `"half_open"`.

        An open breaker changes its state only when it is asked: the first ask after `reset_after`
        seconds makes it half-open.
        """
        return self._state

    def statistics(self) -> CircuitBreakerStatistics:
        """Return the counts."""
        lock = self._lock
        state = self._state
        successes = failures = refused = interrupted = consecutive = opened = 0
        for release in held(lock):
            successes = self._successes
            failures = self._failures
            refused = self._refused
            interrupted = self._interrupted
            state = self._state
            consecutive = self._consecutive_failures
            opened = self._times_opened
            release()
        return CircuitBreakerStatistics(
            successes, failures, refused, interrupted, state, consecutive, opened
        )

    def _ask_and_wait(self, message: Any, timeout: float | None) -> Any:
        passage = self._let_through()
        if isinstance(passage, CircuitOpenError):
            raise passage
        limit = least(timeout, self._call_timeout)
        is_limited = limit is not None and limit == self._call_timeout
        try:
            self._tell(passage.change)
            answer = self._target.ask(message, timeout=limit)
        except BaseException as error:
            if is_limited and is_a(error, Timeout):
                self._tell(self._note_failure(passage.turn))
            else:
                self._note(passage.turn, error)
            raise
        self._note(passage.turn, None)
        return answer

    async def _await(self, message: Any) -> Any:
        passage = self._let_through()
        if isinstance(passage, CircuitOpenError):
            raise passage
        target, limit = self._target, self._call_timeout
        begin = functools.partial(target._await, message)
        try:
            self._tell(passage.change)
            answer = await await_within(begin, limit, self._clock, target)
        except BaseException as error:
            if limit is not None and is_a(error, Timeout):
                self._tell(self._note_failure(passage.turn))
            else:
                self._note(passage.turn, error)
            raise
        self._note(passage.turn, None)
        return answer

    def _begin(self, message: Any) -> Sent:
        passage = self._let_through()
        if isinstance(passage, CircuitOpenError):
            return Sent(failed_future(passage), do_nothing)
        ask = _Ask(self, passage.turn)
        try:
            self._tell(passage.change)
            future = ask.begin(self._target, message, self._call_timeout)
        except BaseException as error:
            ask.note(error)
            if not is_a(error, Exception):
                raise
            return Sent(failed_future(error), do_nothing)
        return Sent(future, ask.give_up)

    def _let_through(self) -> _Passage | CircuitOpenError:
        """See whether an ask may pass now."""
        now = self._clock.now()
        may_pass = True
        before = after = self._state
        turn = 0
        passes_at = now
        for release in held(self._lock):
            before = self._state
            if before != "closed":
                passes_at = self._passes_at
                if now < passes_at:
                    may_pass = False
                    self._refused += 1
                else:
                    self._state = "half_open"
                    self._turn += 1
                    self._passes_at = now + self._reset_after
                    if before == "open":
                        self._good_trials = 0
            after = self._state
            turn = self._turn
            release()
        if may_pass:
            return _Passage(turn, self._change(before, after))
        return self._refusal(before, passes_at - now)

    def _refusal(self, state: CircuitState, seconds: float) -> CircuitOpenError:
        if state == "open":
            text = (
                f"the circuit to {self._target} is open, because it kept failing; "
                f"in {seconds:.3g} seconds, the next ask will be let through as a trial"
            )
        else:
            text = (
                f"the circuit to {self._target} is half-open, and its trial has no result yet; "
                f"in {seconds:.3g} seconds at the latest, another one will be let through"
            )
        return CircuitOpenError(text, retry_after=seconds)

    def _note(self, turn: int, error: BaseException | None) -> None:
        """Count the result of an ask."""
        if error is not None and is_a(error, AskCancelledError):
            change = self._note_interruption(turn)  # its asker wanted that, and not the target
        elif error is not None and is_a(error, self._counts_as_failure):
            change = self._note_failure(turn)
        elif error is None or is_a(error, Exception):
            change = self._note_success(turn)
        else:
            change = self._note_interruption(turn)
        self._tell(change)

    def _note_success(self, turn: int) -> CircuitStateChange | None:
        now = self._clock.now()
        before = after = self._state
        for release in held(self._lock):
            before = self._state
            self._successes += 1
            if turn == self._turn:
                self._consecutive_failures = 0
                if before == "half_open":
                    self._turn += 1
                    self._good_trials += 1
                    self._passes_at = now
                    if self._good_trials >= self._half_open_successes:
                        self._state = "closed"
            after = self._state
            release()
        return self._change(before, after)

    def _note_failure(self, turn: int) -> CircuitStateChange | None:
        now = self._clock.now()
        before = after = self._state
        for release in held(self._lock):
            before = self._state
            self._failures += 1
            if turn == self._turn:
                self._consecutive_failures += 1
                if before == "half_open" or self._consecutive_failures >= self._max_failures:
                    self._state = "open"
                    self._turn += 1
                    self._times_opened += 1
                    self._passes_at = now + self._reset_after
            after = self._state
            release()
        return self._change(before, after)

    def _note_interruption(self, turn: int) -> CircuitStateChange | None:
        now = self._clock.now()
        for release in held(self._lock):
            self._interrupted += 1
            if turn == self._turn and self._state == "half_open":
                self._turn += 1
                self._passes_at = now
            release()
        return None

    def _change(self, before: CircuitState, after: CircuitState) -> CircuitStateChange | None:
        return None if before == after else CircuitStateChange(self, before, after)

    def _tell(self, change: CircuitStateChange | None) -> None:
        """Tell the listeners of a change."""
        if change is None:
            return
        for listener in self._listeners:
            text = "A listener to changes of %s raised: %s"
            about = (Shortened(self), Shortened(listener))
            call_out(listener, change, text=text, about=about)


class _Ask:
    """An ask that does not block, and has passed.

    Args:
        breaker: What has let it pass.
        turn: The turn in which it did.
    """

    __slots__ = ("_alarm", "_breaker", "_sent", "_token", "_turn")

    def __init__(self, breaker: CircuitBreaker, turn: int) -> None:
        self._breaker = breaker
        self._turn = turn
        self._token = [True]
        self._sent: Sent | None = None
        self._alarm: Call | None = None

    def begin(
        self, target: Askable, message: Any, call_timeout: float | None
    ) -> ThreadingFuture[Any]:
        """Send the message; returns the future of the answer.

        Raises:
            TypeError: There is no telling when the future of the target is done.
        """
        if call_timeout is None:
            self._sent = sent = begin_ask(target, message)
            future = sent.future
            waiter = Onlooker(self._arrived, future)
            if not future._when_ready(waiter) and future._enter(waiter) is not None:
                waiter()  # it has a get-hook, and was read before
            return future
        clock = self._breaker._clock
        relay = Relay()
        # First of all, for the target may make its senders wait.
        self._alarm = Call(functools.partial(self._time_is_up, relay, call_timeout))
        clock.schedule(clock.now() + call_timeout, self._alarm)
        self._sent = sent = begin_ask(target, message)
        relay.source = sent.future
        relay.note_sent(sent)
        call_when_done(sent.future, Onlooker(self._pass_on, sent.future, relay))
        return relay

    def note(self, error: BaseException | None) -> None:
        """Count the result."""
        if self._is_first():
            self._breaker._note(self._turn, error)

    def give_up(self) -> None:
        """Count a failure, because the asker takes the answer for failed."""
        if self._is_first():
            breaker = self._breaker
            breaker._tell(breaker._note_failure(self._turn))
        if self._sent is not None:
            self._sent.give_up()

    def _is_first(self) -> bool:
        try:
            del self._token[0]
        except IndexError:
            return False
        alarm, self._alarm = self._alarm, None
        if alarm is not None:
            cancel(self._breaker._clock, alarm)
        return True

    def _arrived(self, future: ThreadingFuture[Any]) -> None:
        raised = outcome_of(future)[1]
        self.note(None if raised is None else raised[0])

    def _pass_on(self, future: ThreadingFuture[Any], relay: Relay) -> None:
        try:
            self._arrived(future)
        finally:
            relay.end(outcome_of(future))

    def _time_is_up(self, relay: Relay, seconds: float) -> None:
        try:
            self.give_up()
        finally:
            breaker = self._breaker
            error = Timeout(f"{breaker._target} did not answer within {in_seconds(seconds)}")
            relay.end((None, (error, None)))
