"""Retries: what fails is asked again after a pause, in virtual time."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from tests.askables import BrokenClock, LateClock, Scripted
from tests.injection import Interrupted, inject
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka.resilience import (
    Backoff,
    CircuitOpenError,
    RateLimitExceededError,
    Retry,
    RetryStatistics,
)
from pykka.timers import ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka.timers._clock import Clock


class Failed(Exception):
    """What is retried in these tests."""


class Answer(Exception):
    """What is not."""


BACKOFF = Backoff(minimum=1, factor=2, jitter=0)
"""Pauses of 1, 2, 4, … seconds."""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def make(clock: Clock, *outcomes: Any, **options: Any) -> tuple[Scripted, Retry]:
    target = Scripted(*outcomes)
    options = {"retry_on": Failed, "backoff": BACKOFF, **options}
    return target, Retry(target, clock=clock, **options)


def fails() -> Failed:
    return Failed("again")


def pending() -> pykka.ThreadingFuture[Any]:
    return pykka.ThreadingFuture()


class Asker:
    """Asks in a thread of its own, and blocks there."""

    def __init__(self, retry: Retry, timeout: float | None = None) -> None:
        self.result: Any = None
        self._retry = retry
        self._timeout = timeout
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.result = self._retry.ask("question", timeout=self._timeout)
        except Exception as error:
            self.result = error

    def is_done(self) -> bool:
        return not self._thread.is_alive()

    def get(self) -> Any:
        self._thread.join(PATIENCE)
        assert self.is_done()
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


# --- asks that block ----------------------------------------------------------------------------


def test_what_succeeds_is_asked_once(clock: ManualClock) -> None:
    target, retry = make(clock, "fine")
    assert retry.ask("question") == "fine"
    assert target.asked == ["question"]
    assert retry.statistics() == RetryStatistics(asks=1, retries=0, successes=1, failures=0)


def test_what_fails_is_asked_again_after_pauses_that_grow(clock: ManualClock) -> None:
    target, retry = make(clock, fails(), fails(), "fine")
    asker = Asker(retry)
    for asked, length in ((1, 1), (2, 2)):
        wait_until(lambda: clock.pending == 1, "it pauses")
        clock.advance(length - 0.001)
        assert not asker.is_done()
        assert len(target.asked) == asked
        clock.advance(0.001)
    assert asker.get() == "fine"
    assert target.asked == ["question"] * 3
    assert retry.statistics() == RetryStatistics(asks=1, retries=2, successes=1, failures=0)


def test_the_last_failure_is_raised(clock: ManualClock) -> None:
    last = Failed("the last")
    _target, retry = make(clock, fails(), last, attempts=2)
    asker = Asker(retry)
    wait_until(lambda: clock.pending == 1, "it pauses")
    clock.advance(1)
    with pytest.raises(Failed) as info:
        asker.get()
    assert info.value is last
    assert info.value.__context__ is None
    assert retry.statistics() == RetryStatistics(asks=1, retries=1, successes=0, failures=1)


def test_anything_else_is_the_answer(clock: ManualClock) -> None:
    target, retry = make(clock, Answer())
    with pytest.raises(Answer):
        retry.ask("question")
    assert len(target.asked) == 1
    assert retry.statistics().failures == 1


@pytest.mark.parametrize(
    "error",
    [
        pykka.Timeout(),
        pykka.ActorDeadError(),
        CircuitOpenError(),
        RateLimitExceededError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_may_go_better_the_next_time_is_retried_by_default(
    clock: ManualClock, error: Exception
) -> None:
    target = Scripted(error, "fine")
    retry = Retry(target, backoff=Backoff(minimum=0), clock=clock)
    assert retry.ask("question") == "fine"


@pytest.mark.parametrize("error", [pykka.DeadlockError(), ValueError(), pykka.ActorError()])
def test_what_would_happen_again_is_not_retried_by_default(
    clock: ManualClock, error: Exception
) -> None:
    retry = Retry(Scripted(error, "fine"), backoff=Backoff(minimum=0), clock=clock)
    with pytest.raises(type(error)):
        retry.ask("question")


def test_a_pause_of_no_length_is_none(clock: ManualClock) -> None:
    _target, retry = make(clock, fails(), fails(), "fine", backoff=Backoff(minimum=0))
    assert retry.ask("question") == "fine"
    assert clock.pending == 0


def test_a_timeout_is_one_deadline_for_attempts_and_pauses(clock: ManualClock) -> None:
    """Guarantee G7."""
    target, retry = make(clock, fails(), fails(), "fine")
    asker = Asker(retry, timeout=10)
    for seconds in (1, 2):
        wait_until(lambda: clock.pending == 1, "it pauses")
        clock.advance(seconds)
    assert asker.get() == "fine"
    assert target.timeouts == [10, 9, 7]


def test_if_the_next_attempt_could_not_begin_in_time_the_failure_is_raised_at_once(
    clock: ManualClock,
) -> None:
    target, retry = make(clock, fails(), fails(), "fine")
    asker = Asker(retry, timeout=3)
    wait_until(lambda: clock.pending == 1, "it pauses")
    clock.advance(1)
    with pytest.raises(Failed):
        asker.get()
    assert len(target.asked) == 2
    assert clock.pending == 0


def test_after_a_pause_that_was_too_long_it_is_not_asked_again() -> None:
    clock = LateClock()
    clock.late = 5
    target, retry = make(clock, fails(), "fine")
    asker = Asker(retry, timeout=3)
    wait_until(lambda: clock.pending == 1, "it pauses")
    clock.advance(6)
    with pytest.raises(pykka.Timeout, match="3 seconds passed in 1 attempts without a result"):
        asker.get()
    assert len(target.asked) == 1


@pytest.mark.parametrize(
    ("timeout", "limit", "expected"), [(None, 2, 2), (1, 2, 1), (3, 2, 2), (3, None, 3)]
)
def test_an_attempt_has_the_shorter_one_of_two_limits(
    clock: ManualClock, timeout: float | None, limit: float | None, expected: float
) -> None:
    target, retry = make(clock, "fine", timeout_per_attempt=limit)
    retry.ask("question", timeout=timeout)
    assert target.timeouts == [expected]


def test_a_negative_timeout_is_refused(clock: ManualClock) -> None:
    target, retry = make(clock, "fine")
    with pytest.raises(ValueError, match="'timeout' must be a non-negative number"):
        retry.ask("question", timeout=-1)
    assert target.asked == []


def test_an_interrupted_pause_leaves_no_alarm_behind() -> None:
    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        clock = ManualClock()
        _target, retry = make(clock, fails(), "fine")
        wakes = threading.Thread(target=lambda: wait_until(lambda: done or clock.pending, "it"))
        done: list[bool] = []

        def wake() -> None:
            wait_until(lambda: done or clock.pending, "it pauses, or is over")
            clock.advance(1)

        wakes = threading.Thread(target=wake)
        wakes.start()

        def check(interrupted: bool) -> None:
            done.append(True)
            wakes.join(PATIENCE)
            assert clock.pending == 0
            statistics = retry.statistics()
            assert interrupted or statistics == RetryStatistics(1, 1, 1, 0)

        return lambda: retry.ask("question"), check

    assert inject(prepare, Interrupted) >= 20


# --- asks that do not block ---------------------------------------------------------------------


def test_the_clock_makes_the_next_attempt(clock: ManualClock) -> None:
    answers = [pending(), pending(), pending()]
    target, retry = make(clock, *answers)
    future = retry.ask("question", block=False)
    assert len(target.asked) == 1
    answers[0].set_exception(fails())
    clock.advance(0.999)
    assert len(target.asked) == 1
    clock.advance(0.001)
    assert len(target.asked) == 2
    answers[1].set_exception(fails())
    clock.advance(2)
    assert not future.done()
    answers[2].set("fine")
    assert future.get(timeout=0) == "fine"
    assert retry.statistics() == RetryStatistics(asks=1, retries=2, successes=1, failures=0)


def test_the_last_failure_is_what_the_future_raises(clock: ManualClock) -> None:
    last = Failed("the last")
    _target, retry = make(clock, fails(), last, attempts=2)
    future = retry.ask("question", block=False)
    clock.advance(1)
    with pytest.raises(Failed) as info:
        future.get(timeout=0)
    assert info.value is last
    assert retry.statistics() == RetryStatistics(asks=1, retries=1, successes=0, failures=1)


def test_without_blocking_anything_else_is_the_answer_too(clock: ManualClock) -> None:
    _target, retry = make(clock, Answer())
    future = retry.ask("question", block=False)
    with pytest.raises(Answer):
        future.get(timeout=0)
    assert clock.pending == 0


def test_what_the_target_raises_when_it_is_asked_is_retried_too(clock: ManualClock) -> None:
    class Full:
        calls = 0

        def ask(self, message: Any, **_how: Any) -> Any:
            self.calls += 1
            raise fails()

    target = Full()
    retry = Retry(target, retry_on=Failed, backoff=BACKOFF, attempts=2, clock=clock)
    future = retry.ask("question", block=False)
    clock.advance(1)
    assert target.calls == 2
    with pytest.raises(Failed):
        future.get(timeout=0)


class Quit(BaseException):
    """Means the program."""


def test_what_means_the_program_is_raised_and_in_the_future_too(clock: ManualClock) -> None:
    class Target:
        error: BaseException = fails()

        def ask(self, message: Any, **_how: Any) -> Any:
            raise self.error

    target = Target()
    retry = Retry(target, retry_on=Failed, backoff=BACKOFF, clock=clock)
    future = retry.ask("question", block=False)
    target.error = Quit()
    with pytest.raises(Quit):
        clock.advance(1)
    with pytest.raises(Quit):
        future.get(timeout=0)
    with pytest.raises(Quit):
        retry.ask("question", block=False)
    assert retry.statistics() == RetryStatistics(asks=2, retries=1, successes=0, failures=2)


def test_many_attempts_without_a_pause_do_not_overflow_the_stack(clock: ManualClock) -> None:
    _target, retry = make(
        clock, *[fails() for _ in range(5_000)], attempts=5_000, backoff=Backoff(minimum=0)
    )
    future = retry.ask("question", block=False)
    clock.advance(0)
    with pytest.raises(Failed):
        future.get(timeout=0)
    assert retry.statistics().retries == 4_999


def test_an_attempt_that_takes_too_long_is_given_up(clock: ManualClock) -> None:
    target, retry = make(
        clock, pending(), pending(), attempts=2, timeout_per_attempt=5, retry_on=pykka.Timeout
    )
    future = retry.ask("question", block=False)
    clock.advance(5)
    assert len(target.asked) == 1
    clock.advance(1)
    assert len(target.asked) == 2
    clock.advance(4.999)
    assert not future.done()
    clock.advance(0.001)
    with pytest.raises(pykka.Timeout, match="5 seconds passed without a result"):
        future.get(timeout=0)


def test_a_timeout_that_is_not_retried_is_the_end(clock: ManualClock) -> None:
    _target, retry = make(clock, pending(), timeout_per_attempt=5)
    future = retry.ask("question", block=False)
    clock.advance(5)
    with pytest.raises(pykka.Timeout):
        future.get(timeout=0)


@pytest.mark.parametrize("later", [5, 6], ids=["in the pause", "in the next attempt"])
def test_an_answer_that_is_late_counts_all_the_same(clock: ManualClock, later: float) -> None:
    first, second = pending(), pending()
    target, retry = make(
        clock, first, second, timeout_per_attempt=5, retry_on=(pykka.Timeout, Failed)
    )
    future = retry.ask("question", block=False)
    clock.advance(later)
    first.set("late")
    assert future.get(timeout=0) == "late"
    assert clock.pending <= 1, "at most the pause, after which nothing happens"
    clock.advance(100)
    assert len(target.asked) == 1 + (later > 5)
    second.set("too late")
    assert future.get(timeout=0) == "late"
    assert retry.statistics() == RetryStatistics(1, int(later > 5), 1, 0)


def test_a_failure_that_is_late_changes_nothing(clock: ManualClock) -> None:
    first, second = pending(), pending()
    target, retry = make(
        clock, first, second, "more", timeout_per_attempt=5, retry_on=(pykka.Timeout, Failed)
    )
    future = retry.ask("question", block=False)
    clock.advance(6)
    first.set_exception(fails())
    clock.advance(4.999)
    assert len(target.asked) == 2, "the second attempt goes on"
    clock.advance(0.001 + 2)
    assert len(target.asked) == 3, "and has the same limit as before"
    assert future.get(timeout=0) == "more"


def test_a_late_answer_frees_the_message_although_the_next_attempt_is_planned(
    clock: ManualClock,
) -> None:
    class Message:
        """Can be referred to weakly."""

    class Target:
        def __init__(self) -> None:
            self.answer = pending()

        def ask(self, message: Any, **_how: Any) -> Any:
            return self.answer

    target = Target()
    retry = Retry(target, timeout_per_attempt=5, clock=clock)
    message = Message()
    freed = weakref.ref(message)
    future = retry.ask(message, block=False)
    del message
    clock.advance(5)
    target.answer.set("late")
    assert clock.pending == 0  # the next one is not made
    wait_until(lambda: freed() is None, "the message is freed")
    assert future.get(timeout=0) == "late"


def test_an_answer_that_comes_while_the_next_attempt_begins_does_not_spoil_its_message() -> None:
    class Meddling(ManualClock):
        """Lets the first answer come when somebody looks at the clock in the second attempt."""

        def now(self) -> float:
            now = super().now()
            if now == 6 and not first.done():
                first.set("late")
            return now

    first = pending()
    target, retry = make(
        Meddling(), first, pending(), timeout_per_attempt=5, retry_on=pykka.Timeout
    )
    clock: Any = retry._clock
    future = retry.ask("question", block=False)
    clock.advance(6)
    assert future.get(timeout=0) == "late"
    assert target.asked == ["question", "question"]


def test_between_attempts_no_actor_has_to_answer(clock: ManualClock) -> None:
    """So a wait for the future is no part of a circle, which the next attempt may not close."""

    class Silent(pykka.ThreadingActor):
        """Somebody whose cell can be seen."""

    cell = Silent.start()._cell
    answers = [pending(), pending()]
    for answer in answers:
        answer._answered_by = cell
    _target, retry = make(clock, *answers)
    future: Any = retry.ask("question", block=False)
    assert future._answered_by is cell
    answers[0].set_exception(fails())
    assert future._answered_by is None
    clock.advance(1)
    assert future._answered_by is cell
    answers[1].set("fine")
    assert future._answered_by is None


def test_an_answer_leaves_no_alarm_behind(clock: ManualClock) -> None:
    answer = pending()
    _target, retry = make(clock, answer, timeout_per_attempt=5)
    retry.ask("question", block=False)
    assert clock.pending == 1
    answer.set("fine")
    assert clock.pending == 0


def test_a_clock_that_fails_ends_the_series() -> None:
    answer = pending()
    _target, retry = make(BrokenClock(), answer)
    future = retry.ask("question", block=False)
    answer.set_exception(fails())
    with pytest.raises(RuntimeError, match="the clock is broken"):
        future.get(timeout=0)
    _target, retry = make(BrokenClock(), pending(), timeout_per_attempt=1)
    with pytest.raises(RuntimeError, match="the clock is broken"):
        retry.ask("question", block=False).get(timeout=0)
    assert retry.statistics() == RetryStatistics(asks=1, retries=0, successes=0, failures=1)


def test_it_is_interrupted_everywhere_while_an_attempt_fails() -> None:
    """A signal handler raises where an actor's failure is given to the series of attempts."""

    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        clock = ManualClock()
        answer, second = pending(), pending()
        target, retry = make(clock, answer, second)
        future: Any = retry.ask("question", block=False)

        def check(interrupted: bool) -> None:
            if not answer.done():
                assert interrupted
                answer.set_exception(fails())
            clock.advance(1)
            assert len(target.asked) == 2, "once, even if the failure was told twice"
            second.set("fine")
            assert future.get(timeout=0) == "fine"
            assert retry.statistics().retries == 1

        return lambda: answer.set_exception(fails()), check

    assert inject(prepare, Interrupted) >= 10


def test_the_future_of_a_relay_is_like_any_other(clock: ManualClock) -> None:
    _target, retry = make(clock, fails(), 20)
    future: Any = retry.ask("question", block=False)
    got: list[Any] = []
    future.add_done_callback(lambda future: got.append(future.get()))
    larger = future.map(lambda value: value + 1)
    clock.advance(1)
    assert larger.get(timeout=0) == 21
    assert got == [20]


# --- arguments ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        ({"attempts": 0}, ValueError, "attempts must be at least 1, not 0"),
        ({"timeout_per_attempt": -1}, ValueError, "timeout_per_attempt must be at least 0"),
        ({"timeout_per_attempt": "1"}, TypeError, "timeout_per_attempt must be a number"),
        ({"retry_on": [ValueError]}, TypeError, "retry_on must be an exception class"),
    ],
)
def test_wrong_arguments_are_refused_by_name(
    wrong: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        Retry(Scripted(), **wrong)
