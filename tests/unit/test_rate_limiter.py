"""The rate limiter: no more messages than the bucket has tokens, in order, in virtual time."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.askables import BrokenClock, Echo, LateClock, Scripted
from tests.injection import Interrupted, inject
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka.resilience import RateLimiter, RateLimiterStatistics, RateLimitExceededError
from pykka.timers import ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def in_background(function: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """Call a function in a thread; the list gets what it returns or raises."""
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(function())
        except Exception as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, results


# --- the bucket ---------------------------------------------------------------------------------


@given(
    burst=st.integers(1, 4),
    steps=st.lists(st.tuples(st.integers(0, 8), st.integers(1, 6)), max_size=20),
)
def test_what_is_refused_is_what_a_plain_bucket_has_no_token_for(
    burst: int, steps: list[tuple[int, int]]
) -> None:
    clock = ManualClock()
    echo = Echo(clock)
    limiter = RateLimiter(echo, rate=0.5, burst=burst, when_exceeded="raise", clock=clock)
    tokens = float(burst)
    sent = refused = 0
    for seconds, asks in steps:
        clock.advance(seconds)
        tokens = min(burst, tokens + seconds * 0.5)
        for number in range(asks):
            if tokens >= 1:
                tokens -= 1
                sent += 1
                assert limiter.ask(number) == number
            else:
                refused += 1
                with pytest.raises(RateLimitExceededError) as info:
                    limiter.ask(number)
                assert info.value.retry_after == (1 - tokens) / 0.5
    assert limiter.statistics() == RateLimiterStatistics(sent + refused, sent, 0, refused)
    assert len(echo.asked) == sent


@given(
    burst=st.integers(1, 4),
    steps=st.lists(st.tuples(st.integers(0, 8), st.integers(1, 6)), max_size=12),
)
def test_what_waits_is_sent_in_order_when_a_plain_bucket_has_a_token_for_it(
    burst: int, steps: list[tuple[int, int]]
) -> None:
    clock = ManualClock()
    echo = Echo(clock)
    limiter = RateLimiter(echo, rate=0.5, burst=burst, clock=clock)
    futures: list[Any] = []
    expected: list[float] = []
    tokens, now = float(burst), 0.0
    """The bucket at the time when the last message was sent."""
    for seconds, asks in steps:
        clock.advance(seconds)
        for _ in range(asks):
            later = max(clock.now(), now)
            tokens = min(burst, tokens + (later - now) * 0.5)
            now = later
            if tokens < 1:
                now += (1 - tokens) / 0.5
                tokens = 1
            tokens -= 1
            expected.append(now)
            futures.append(limiter.ask(len(futures), block=False))
    waiting = sum(when > clock.now() for when in expected)
    assert limiter.statistics().waiting == waiting
    clock.advance(1000)
    assert echo.times == expected
    assert echo.asked == [future.get(timeout=0) for future in futures] == list(range(len(futures)))
    statistics = limiter.statistics()
    assert (statistics.asks, statistics.sent, statistics.refused) == (len(futures),) * 2 + (0,)
    assert statistics.waiting == 0


def test_ten_times_a_tenth_of_a_second_is_a_second(clock: ManualClock) -> None:
    limiter = RateLimiter(Echo(clock), rate=10, when_exceeded="raise", clock=clock)
    for number in range(20):
        assert limiter.ask(number) == number
        clock.advance(0.1)


def test_the_error_names_target_and_rate_and_says_when_there_is_a_token(
    clock: ManualClock,
) -> None:
    limiter = RateLimiter(Scripted(1), rate=0.1, when_exceeded="raise", clock=clock)
    limiter.ask("question")
    clock.advance(4)
    future = limiter.ask("question", block=False)
    text = "the target takes 0.1 messages a second through this limiter, and the next one in 6 s"
    with pytest.raises(RateLimitExceededError, match=text) as info:
        future.get(timeout=0)
    assert info.value.retry_after == 6


# --- asks that block and wait -------------------------------------------------------------------


def test_an_ask_that_blocks_waits_for_its_token_and_asks_in_its_own_thread(
    clock: ManualClock,
) -> None:
    threads: list[int | None] = []

    class Target(Echo):
        def ask(self, message: Any, **how: Any) -> Any:
            threads.append(threading.get_ident())
            return super().ask(message, **how)

    echo = Target(clock)
    limiter = RateLimiter(echo, rate=0.5, clock=clock)
    assert limiter.ask(1) == 1
    thread, results = in_background(lambda: limiter.ask(2))
    wait_until(lambda: clock.pending == 1, "it waits")
    assert limiter.statistics() == RateLimiterStatistics(2, 1, 1, 0)
    clock.advance(1.999)
    assert echo.asked == [1]
    clock.advance(0.001)
    thread.join(PATIENCE)
    assert results == [2]
    assert threads == [threading.get_ident(), thread.ident]
    assert limiter.statistics() == RateLimiterStatistics(2, 2, 1, 0)


def test_what_is_left_of_the_timeout_is_passed_on(clock: ManualClock) -> None:
    """Guarantee G7."""
    target = Scripted(1, 2)
    limiter = RateLimiter(target, rate=0.5, clock=clock)
    limiter.ask(1, timeout=7)
    thread, results = in_background(lambda: limiter.ask(2, timeout=5))
    wait_until(lambda: clock.pending == 1, "it waits")
    clock.advance(2)
    thread.join(PATIENCE)
    assert results == [2]
    assert target.timeouts == [7, 3]


def test_an_ask_whose_turn_would_come_too_late_fails_at_once_and_takes_no_token(
    clock: ManualClock,
) -> None:
    target = Scripted(1, 2)
    limiter = RateLimiter(target, rate=0.1, clock=clock)
    limiter.ask(1, timeout=0)
    for _ in range(3):
        with pytest.raises(pykka.Timeout, match=r"in 10 seconds.* timeout of 9\.5 seconds"):
            limiter.ask(2, timeout=9.5)
    assert limiter.statistics() == RateLimiterStatistics(4, 1, 0, 3)
    clock.advance(10)
    assert limiter.ask(2, timeout=0) == 2
    assert target.asked == [1, 2]


# --- the line -----------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [True, False], ids=["block", "do not block"])
def test_while_the_clock_is_late_nobody_overtakes_who_stands_in_line(block: bool) -> None:
    """There would be a token for the last one at once."""
    clock = LateClock()
    echo = Echo(clock)
    limiter = RateLimiter(echo, rate=1, clock=clock)
    clock.late = 5
    limiter.ask(1, block=False)
    limiter.ask(2, block=False)
    clock.advance(3)
    thread, _results = in_background(lambda: limiter.ask(3, block=block))
    wait_until(lambda: clock.pending == 2, "both stand in line")
    assert echo.asked == [1]
    clock.advance(10)
    thread.join(PATIENCE)
    assert echo.asked == [1, 2, 3]


def test_who_is_just_being_sent_still_stands_in_line() -> None:
    """There would be a token for the other one at once."""

    class Target(Echo):
        def ask(self, message: Any, **how: Any) -> Any:
            if message == 2:  # somebody asks while this one is on its way
                limiter.ask(3, block=False)
                clock.advance(10)
            return super().ask(message, **how)

    clock = LateClock()
    echo = Target(clock)
    limiter = RateLimiter(echo, rate=1, clock=clock)
    clock.late = 5
    for number in (1, 2):
        limiter.ask(number, block=False)
    clock.advance(10)
    assert echo.asked == [1, 2, 3]
    assert limiter.statistics() == RateLimiterStatistics(3, 3, 2, 0)


def test_alarms_that_ring_at_the_same_time_let_one_go_each(clock: ManualClock) -> None:
    """A clock of a user's may ring on several threads at once."""

    class Crowd(ManualClock):
        alarms: list[Any]

        def schedule(self, when: float, alarm: Any) -> None:
            self.alarms.append(alarm)

    crowd = Crowd()
    for _ in range(20):
        crowd.alarms = []
        echo = Echo(crowd)
        limiter = RateLimiter(echo, rate=1, clock=crowd)
        futures = [limiter.ask(number, block=False) for number in range(41)]
        ready = threading.Barrier(4)

        def ring(mine: list[Any], ready: threading.Barrier = ready) -> None:
            ready.wait(PATIENCE)
            for alarm in mine:
                alarm.ring()

        threads = [threading.Thread(target=ring, args=(crowd.alarms[n::4],)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert echo.asked == [future.get(timeout=0) for future in futures] == list(range(41))


def test_an_alarm_that_rings_while_the_door_is_being_opened_is_not_lost(
    clock: ManualClock,
) -> None:
    class Door:
        def __init__(self, door: threading.Lock) -> None:
            self.door = door
            self.acquire = door.acquire
            self.visits = 0

        def release(self) -> None:
            self.visits += 1
            if self.visits == 1:
                clock.advance(1)  # the next alarm rings, and finds the door shut
            self.door.release()

    echo = Echo(clock)
    limiter = RateLimiter(echo, rate=1, clock=clock)
    limiter._door = Door(limiter._door)  # type: ignore[assignment]
    for number in range(3):
        limiter.ask(number, block=False)
    clock.advance(1)
    assert echo.asked == [0, 1, 2]


def test_what_the_target_raises_is_in_the_future(clock: ManualClock) -> None:
    class Full:
        def ask(self, message: Any, **_how: Any) -> Any:
            raise pykka.ActorError(message)

    limiter = RateLimiter(Full(), rate=1, clock=clock)
    futures = [limiter.ask(number, block=False) for number in range(2)]
    clock.advance(1)
    for number, future in enumerate(futures):
        with pytest.raises(pykka.ActorError, match=str(number)):
            future.get(timeout=0)
    assert limiter.statistics() == RateLimiterStatistics(2, 2, 1, 0)


class Quit(BaseException):
    """Means the program."""


def test_what_means_the_program_is_raised_and_nobody_is_left_in_the_line(
    clock: ManualClock,
) -> None:
    class Target(Echo):
        def ask(self, message: Any, **how: Any) -> Any:
            if message == 1:
                raise Quit
            return super().ask(message, **how)

    limiter = RateLimiter(Target(clock), rate=1, clock=clock)
    futures = [limiter.ask(number, block=False) for number in range(3)]
    with pytest.raises(Quit):
        clock.advance(1)
    with pytest.raises(Quit):
        futures[1].get(timeout=0)
    clock.advance(1)
    assert futures[2].get(timeout=0) == 2


def test_a_target_without_proper_futures_is_an_error(clock: ManualClock) -> None:
    class Own(pykka.Future[Any]):
        """Nothing but a `get()`."""

    hooked: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()
    hooked.set_get_hook(lambda _timeout: 1)
    limiter = RateLimiter(Scripted(1, Own(), hooked), rate=1, clock=clock)
    futures = [limiter.ask(number, block=False) for number in range(3)]
    clock.advance(2)
    with pytest.raises(TypeError, match="has to be a ThreadingFuture"):
        futures[1].get(timeout=0)
    with pytest.raises(TypeError, match="it has a get-hook"):
        futures[2].get(timeout=0)


def test_an_answer_that_is_made_when_it_is_read_is_read(clock: ManualClock) -> None:
    number: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    good, bad = number.map(lambda n: n + 1), number.map(lambda n: 1 // n)
    limiter = RateLimiter(Scripted(1, good, bad), rate=1, clock=clock)
    futures = [limiter.ask(number, block=False) for number in range(3)]
    clock.advance(2)
    number.set(0)
    assert futures[1].get(timeout=0) == 1
    with pytest.raises(ZeroDivisionError):
        futures[2].get(timeout=0)


def test_a_clock_that_fails_leaves_nobody_behind_in_the_line() -> None:
    clock = BrokenClock()
    echo = Echo(clock)
    limiter = RateLimiter(echo, rate=1, clock=clock)
    limiter.ask(1)
    for number in (2, 3):
        with pytest.raises(RuntimeError, match="the clock is broken"):
            limiter.ask(number, block=False)
    assert echo.asked == [1, 2, 3]
    with pytest.raises(RuntimeError, match="the clock is broken"):
        limiter.ask(4)
    assert limiter.statistics() == RateLimiterStatistics(4, 3, 3, 1)
    assert limiter.statistics().waiting == 0


def test_it_is_interrupted_everywhere() -> None:
    """A signal handler that raises costs a token at most, and keeps nobody waiting."""

    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        clock = ManualClock()
        echo = Echo(clock)
        limiter = RateLimiter(echo, rate=1, clock=clock)
        futures: list[Any] = [limiter.ask(number, block=False) for number in range(2)]

        def use() -> None:
            futures.append(limiter.ask(2, block=False))

        def check(interrupted: bool) -> None:
            futures.append(limiter.ask(3, block=False))
            clock.advance(10)
            assert [future.get(timeout=0) for future in futures][-1] == 3
            assert echo.asked in ([0, 1, 2, 3], [0, 1, 3])
            assert interrupted or limiter.statistics() == RateLimiterStatistics(4, 4, 3, 0)

        return use, check

    assert inject(prepare, Interrupted) >= 10


@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        ({"rate": 0}, ValueError, "rate must be more than 0"),
        ({"rate": -1}, ValueError, "rate must be at least 0 and finite, not -1"),
        ({"rate": "1"}, TypeError, "rate must be a number"),
        ({"burst": 0}, ValueError, "burst must be at least 1"),
        ({"burst": 1.5}, TypeError, "burst must be a whole number"),
        ({"when_exceeded": "drop"}, ValueError, 'when_exceeded must be "wait" or "raise", not'),
    ],
)
def test_wrong_arguments_are_refused_by_name(
    wrong: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        RateLimiter(Scripted(), **{"rate": 1, **wrong})


def test_the_line_is_empty_when_everything_was_sent(clock: ManualClock) -> None:
    limiter = RateLimiter(Echo(clock), rate=1, clock=clock)
    for number in range(5):
        limiter.ask(number, block=False)
    clock.advance(10)
    assert limiter._line == deque()
    assert limiter._turns == []
    assert clock.pending == 0
