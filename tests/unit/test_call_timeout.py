"""A circuit breaker and a target that does not answer, and a retry that gives it up."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE

import pykka
from pykka.resilience import Backoff, CircuitBreaker, CircuitOpenError, RateLimiter, Retry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pykka.timers import ManualClock


class Mute(pykka.ThreadingActor):
    """Answers when it may."""

    def __init__(self, may_answer: threading.Event) -> None:
        super().__init__()
        self.may_answer = may_answer

    def on_receive(self, message: Any) -> Any:
        assert self.may_answer.wait(PATIENCE)
        return message


@pytest.fixture
def may_answer() -> Iterator[threading.Event]:
    may_answer = threading.Event()
    yield may_answer
    may_answer.set()


def test_an_ask_that_is_not_answered_in_time_counts_as_a_failure(
    clock: ManualClock, may_answer: threading.Event
) -> None:
    mute = Mute.start(may_answer)
    changes: list[Any] = []
    breaker = CircuitBreaker(
        mute,
        max_failures=2,
        call_timeout=3,
        counts_as_failure=ConnectionError,
        on_state_change=changes.append,
        clock=clock,
    )
    answers = [breaker.ask(number, block=False) for number in range(2)]
    clock.advance(2.9)
    assert not any(answer.done() for answer in answers)
    clock.advance(0.1)
    for answer in answers:
        with pytest.raises(pykka.Timeout, match=r"Mute .* did not answer within 3 seconds"):
            answer.get(timeout=0)
    assert breaker.state == "open"
    assert [change.after for change in changes] == ["open"]
    with pytest.raises(CircuitOpenError):
        breaker.ask("refused", block=False).get(timeout=0)
    may_answer.set()
    mute.stop()
    statistics = breaker.statistics()
    assert (statistics.failures, statistics.successes, statistics.refused) == (2, 0, 1)


def test_an_answer_in_time_is_passed_on_and_leaves_no_alarm(
    clock: ManualClock, may_answer: threading.Event
) -> None:
    may_answer.set()
    breaker = CircuitBreaker(Mute.start(may_answer), call_timeout=3, clock=clock)
    assert breaker.ask(1, block=False).get(timeout=PATIENCE) == 1
    assert clock.pending == 0
    clock.advance(10)
    assert breaker.statistics().successes == 1
    assert breaker.statistics().failures == 0


def test_an_ask_that_blocks_waits_no_longer_than_the_call_timeout(
    may_answer: threading.Event,
) -> None:
    breaker = CircuitBreaker(
        Mute.start(may_answer),
        max_failures=1,
        call_timeout=0.01,
        counts_as_failure=ConnectionError,
    )
    with pytest.raises(pykka.Timeout):
        breaker.ask(1)
    assert breaker.state == "open"


def test_the_askers_own_shorter_timeout_counts_as_what_it_is(may_answer: threading.Event) -> None:
    breaker = CircuitBreaker(
        Mute.start(may_answer),
        max_failures=1,
        call_timeout=1000,
        counts_as_failure=ConnectionError,
    )
    with pytest.raises(pykka.Timeout):
        breaker.ask(1, timeout=0.01)
    assert breaker.state == "closed"


def test_a_trial_that_is_not_answered_opens_the_breaker_again(
    clock: ManualClock, may_answer: threading.Event
) -> None:
    breaker = CircuitBreaker(
        Mute.start(may_answer), max_failures=1, call_timeout=1, reset_after=10, clock=clock
    )
    breaker.ask(1, block=False)
    clock.advance(1)
    assert breaker.state == "open"
    clock.advance(10)
    breaker.ask(2, block=False)
    assert breaker.state == "half_open"
    clock.advance(1)
    assert breaker.state == "open"
    assert breaker.statistics().times_opened == 2


@pytest.mark.parametrize("between", ["nothing", "a limiter", "a late limiter", "a retry"])
def test_a_retry_around_a_breaker_tells_it_that_it_gives_up(
    clock: ManualClock, may_answer: threading.Event, between: str
) -> None:
    breaker = CircuitBreaker(
        Mute.start(may_answer), max_failures=2, counts_as_failure=ConnectionError, clock=clock
    )
    target: Any = breaker
    if "limiter" in between:
        target = RateLimiter(breaker, rate=0.1, burst=10, clock=clock)
        if between == "a late limiter":
            target = RateLimiter(breaker, rate=10, clock=clock)
            target._full_at = 0.5
    elif between == "a retry":
        target = Retry(breaker, clock=clock)
    retry = Retry(
        target,
        attempts=2,
        timeout_per_attempt=1,
        backoff=Backoff(minimum=1, jitter=0),
        clock=clock,
    )
    answer = retry.ask("Hello?", block=False)
    clock.advance(1)
    assert breaker.statistics().failures == 1
    clock.advance(1)
    clock.advance(1)
    assert breaker.statistics().failures == 2
    assert breaker.state == "open"
    assert isinstance(answer.exception(timeout=0), pykka.Timeout)
    may_answer.set()


def test_what_comes_after_it_was_given_up_counts_no_more(
    clock: ManualClock, may_answer: threading.Event
) -> None:
    mute = Mute.start(may_answer)
    breaker = CircuitBreaker(mute, max_failures=5, clock=clock)
    retry = Retry(breaker, attempts=1, timeout_per_attempt=1, clock=clock)
    retry.ask("Hello?", block=False)
    clock.advance(1)
    may_answer.set()
    mute.stop()
    statistics = breaker.statistics()
    assert (statistics.failures, statistics.successes) == (1, 0)
    assert statistics.consecutive_failures == 1


@pytest.mark.parametrize("bad", [-1, True, "1", float("nan"), float("inf")])
def test_a_call_timeout_is_a_number_of_seconds(bad: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="call_timeout"):
        CircuitBreaker(Mute.start(threading.Event()), call_timeout=bad)
