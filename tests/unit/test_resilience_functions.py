"""Pieces of `pykka.resilience` around functions, and proxies whose calls go through pieces."""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.askables import Scripted
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka import routing
from pykka.resilience import (
    Backoff,
    CircuitBreaker,
    CircuitOpenError,
    RateLimiter,
    RateLimitExceededError,
    Retry,
    RetryStatistics,
)
from pykka.timers import ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

AT_ONCE = Backoff(minimum=0, jitter=0)


class Failing:
    """Fails a number of times, and then answers with its arguments."""

    def __init__(self, failures: int, error: type[Exception] = ConnectionError) -> None:
        self.calls: list[Any] = []
        self.failures = failures
        self.error = error

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls.append((args, kwargs))
        if len(self.calls) <= self.failures:
            raise self.error(len(self.calls))
        return args, kwargs


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


# --- functions ------------------------------------------------------------------------------


def test_a_function_is_called_again() -> None:
    function = Failing(2)
    retry = Retry(function, retry_on=ConnectionError, backoff=AT_ONCE)
    assert retry(1, two=2) == ((1,), {"two": 2})
    assert function.calls == [((1,), {"two": 2})] * 3
    assert retry.statistics() == RetryStatistics(asks=1, retries=2, successes=1, failures=0)


def test_what_it_raises_in_the_end_is_raised() -> None:
    retry = Retry(Failing(9), attempts=2, retry_on=ConnectionError, backoff=AT_ONCE)
    with pytest.raises(ConnectionError, match="2"):
        retry()
    assert retry.statistics().failures == 1


def test_its_pauses_go_by_the_clock(
    clock: ManualClock, in_thread: Callable[..., threading.Thread]
) -> None:
    function, answers = Failing(1), []
    retry = Retry(function, retry_on=OSError, backoff=Backoff(minimum=5, jitter=0), clock=clock)
    caller = in_thread(lambda: answers.append(retry("x")))
    wait_until(lambda: clock.pending == 1, "it pauses")
    clock.advance(5)
    caller.join(PATIENCE)
    assert answers == [(("x",), {})]


def test_a_breaker_opens_for_a_function(clock: ManualClock) -> None:
    function = Failing(2)
    breaker = CircuitBreaker(function, max_failures=2, reset_after=10, clock=clock)
    for _ in range(2):
        with pytest.raises(ConnectionError):
            breaker()
    with pytest.raises(CircuitOpenError, match=r"the circuit to .*Failing.* is open"):
        breaker()
    assert len(function.calls) == 2
    clock.advance(10)
    assert breaker("x") == (("x",), {})
    assert breaker.state == "closed"


def test_a_limiter_makes_so_many_calls(
    clock: ManualClock, in_thread: Callable[..., threading.Thread]
) -> None:
    function = Failing(0)
    limiter = RateLimiter(function, rate=1, clock=clock)
    limiter(1)
    caller = in_thread(lambda: limiter(2))
    wait_until(lambda: clock.pending == 1, "it waits")
    assert len(function.calls) == 1
    clock.advance(1)
    caller.join(PATIENCE)
    assert len(function.calls) == 2
    strict = RateLimiter(function, rate=1, when_exceeded="raise", clock=clock)
    strict(3)
    with pytest.raises(RateLimitExceededError):
        strict(4)
    assert len(function.calls) == 3


def test_pieces_of_functions_are_stacked() -> None:
    function = Failing(1)
    inner = CircuitBreaker(RateLimiter(function, rate=1000, burst=9), max_failures=5)
    outer = Retry(inner, retry_on=ConnectionError, backoff=AT_ONCE)
    assert outer("x") == (("x",), {})
    assert inner.statistics().failures == 1
    assert repr(Retry(test_pieces_of_functions_are_stacked)) == (
        "<Retry for test_pieces_of_functions_are_stacked()>"
    )


class Books:
    def find(self, title: str) -> str:
        return title


class Shelf:
    def find(self, title: str) -> str:
        return title

    async def find_soon(self, title: str) -> str:
        return title

    async def __call__(self, title: str) -> str:
        return title


@pytest.mark.parametrize(
    "function", [Shelf().find, functools.partial(Shelf.find, Shelf()), str, lambda title: title]
)
def test_what_may_be_called(function: Any) -> None:
    if function is str:
        function = functools.partial(str)
    assert Retry(function)("Emma") == "Emma"


def test_a_function_named_ask_of_an_object_makes_it_something_to_be_asked() -> None:
    """An object that can be called and asked is asked, as it always was."""

    class Both(Scripted):
        def __call__(self) -> str:
            raise AssertionError

    assert Retry(Both("fine")).ask("x") == "fine"


@pytest.mark.parametrize("wrong", [None, 5, "text", int, Shelf, pykka.ThreadingActor])
@pytest.mark.parametrize("kind", [Retry, CircuitBreaker, functools.partial(RateLimiter, rate=1)])
def test_what_cannot_be_called(kind: Any, wrong: Any) -> None:
    with pytest.raises(TypeError, match="wraps the ref of an actor, a function, or another piece"):
        kind(wrong)


@pytest.mark.parametrize(
    ("kind", "name"), [(Retry, "timeout_per_attempt"), (CircuitBreaker, "call_timeout")]
)
def test_a_plain_function_has_no_limit(kind: Any, name: str) -> None:
    for target in (print, RateLimiter(print, rate=1)):
        with pytest.raises(TypeError, match=rf"for print\(\) takes no {name}, because a plain"):
            kind(target, **{name: 5})


def test_what_goes_around_a_function_is_not_asked() -> None:
    for piece in (Retry(print), CircuitBreaker(Retry(print)), RateLimiter(print, rate=1)):
        for use in (
            lambda piece: piece.ask("x"),
            lambda piece: piece.ask("x", block=False),
            lambda piece: piece.call(print),
            lambda piece: piece.proxy(),
        ):
            with pytest.raises(TypeError, match="goes around a function, so it is not asked"):
                use(piece)


def test_what_goes_around_an_actor_is_not_called() -> None:
    piece: Any = Retry(Scripted("x"))
    with pytest.raises(TypeError, match=r"goes around an actor: use its ask\(\), call\(\)"):
        piece("x")


def test_a_coroutine_that_comes_by_surprise_is_refused() -> None:
    """Nothing would be known of its success."""
    breaker: Any = CircuitBreaker(lambda: Shelf().find_soon("Emma"))
    with pytest.raises(TypeError, match=r"has returned a coroutine.*pass the async def itself"):
        breaker()


# --- async def ------------------------------------------------------------------------------


def test_what_is_async_def_is_awaited() -> None:
    function = Failing(2)

    async def fetch(*args: Any) -> Any:
        await asyncio.sleep(0)
        return function(*args)

    breaker = CircuitBreaker(RateLimiter(fetch, rate=1000, burst=9), max_failures=9)
    retry = Retry(breaker, retry_on=ConnectionError, backoff=Backoff(minimum=0.001))
    pending = retry("x")
    assert inspect.iscoroutine(pending)
    assert function.calls == []
    assert asyncio.run(pending) == (("x",), {})
    assert (breaker.statistics().failures, breaker.statistics().successes) == (2, 1)
    assert retry.statistics() == RetryStatistics(asks=1, retries=2, successes=1, failures=0)


@pytest.mark.parametrize(
    "function",
    [Shelf().find_soon, functools.partial(Shelf.find_soon, Shelf()), Shelf()],
    ids=["method", "partial", "object"],
)
def test_what_counts_as_async_def(function: Callable[[str], Coroutine[Any, Any, str]]) -> None:
    assert asyncio.run(Retry(function)("Emma")) == "Emma"


async def let_others_run() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_attempts_that_take_too_long_are_cancelled(clock: ManualClock) -> None:
    ends: list[str] = []

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ends.append("cancelled")

    async def main() -> None:
        retry = Retry(
            hang,
            attempts=2,
            timeout_per_attempt=5,
            backoff=Backoff(minimum=1, jitter=0),
            clock=clock,
        )
        task = asyncio.ensure_future(retry())
        for seconds in (5, 1, 5):
            await in_time(lambda: clock.pending == 1)
            clock.advance(seconds)
        with pytest.raises(pykka.Timeout, match=r"hang\(\) did not come to its end within 5 sec"):
            await task
        assert ends == ["cancelled"] * 2
        assert clock.pending == 0
        assert retry.statistics() == RetryStatistics(asks=1, retries=1, successes=0, failures=1)

    asyncio.run(main())


async def in_time(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not is_so():  # noqa: ASYNC110 (it is the clock's own state)
            await asyncio.sleep(0.001)


def test_a_call_that_takes_too_long_is_a_failure(clock: ManualClock) -> None:
    async def main() -> None:
        breaker = CircuitBreaker(
            asyncio.Event().wait,
            max_failures=1,
            call_timeout=5,
            counts_as_failure=ZeroDivisionError,
            clock=clock,
        )
        task = asyncio.ensure_future(breaker())
        await in_time(lambda: clock.pending == 1)
        clock.advance(5)
        with pytest.raises(pykka.Timeout):
            await task
        assert breaker.state == "open"
        with pytest.raises(CircuitOpenError):
            await breaker()

    asyncio.run(main())


def test_a_timeout_of_its_own_is_its_own() -> None:
    error = TimeoutError("of the socket")

    async def fail() -> None:
        raise error

    async def main() -> None:
        with pytest.raises(TimeoutError) as info:
            await CircuitBreaker(fail, call_timeout=PATIENCE)()
        assert info.value is error

    asyncio.run(main())


def test_a_limit_that_rings_too_late_does_nothing(clock: ManualClock) -> None:
    """The call is over by then, or its loop is closed."""
    from pykka.resilience._awaiting import _expire, _have_expire  # noqa: PLC0415

    async def main() -> tuple[asyncio.AbstractEventLoop, asyncio.Timeout]:
        async with asyncio.timeout(None) as limit:
            await asyncio.sleep(0)
        _expire(limit)
        return asyncio.get_running_loop(), limit

    loop, limit = asyncio.run(main())
    _have_expire(loop, limit)
    assert not limit.expired()
    assert clock.pending == 0


def test_the_cancellation_of_the_task_is_no_failure(clock: ManualClock) -> None:
    async def main() -> None:
        breaker = CircuitBreaker(asyncio.Event().wait, max_failures=1)
        retry = Retry(breaker, retry_on=Exception)
        task = asyncio.ensure_future(retry())
        await let_others_run()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert breaker.state == "closed"
        assert breaker.statistics().interrupted == 1
        pausing = Retry(failing_soon, retry_on=OSError, backoff=LONG_PAUSE, clock=clock)
        task = asyncio.ensure_future(pausing())
        await in_time(lambda: clock.pending == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert clock.pending == 0

    asyncio.run(main())


LONG_PAUSE = Backoff(minimum=20, jitter=0)


async def failing_soon() -> None:
    raise OSError


def test_tasks_wait_in_the_line_of_a_limiter(clock: ManualClock) -> None:
    async def main() -> None:
        shelf = Shelf()
        limiter = RateLimiter(shelf.find_soon, rate=1, clock=clock)
        tasks = [asyncio.ensure_future(limiter(str(number))) for number in range(4)]
        await let_others_run()
        assert [task.done() for task in tasks] == [True, False, False, False]
        tasks[1].cancel()
        await let_others_run()
        clock.advance(1)
        assert await tasks[2] == "2"  # it has moved up
        clock.advance(1)
        assert await tasks[3] == "3"
        statistics = limiter.statistics()
        assert (statistics.sent, statistics.refused, statistics.waiting) == (3, 1, 0)
        strict = RateLimiter(shelf.find_soon, rate=1, when_exceeded="raise", clock=clock)
        await strict("1")
        with pytest.raises(RateLimitExceededError):
            await strict("2")

    asyncio.run(main())


def test_a_thread_that_is_interrupted_in_the_line_gives_its_place_up(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pykka.resilience import _rate_limiter  # noqa: PLC0415

    class Interrupting(_rate_limiter._Turn):
        def get(self, *, timeout: float | None = None) -> Any:
            raise KeyboardInterrupt

    function = Failing(0)
    limiter = RateLimiter(function, rate=1, clock=clock)
    limiter("first")
    with monkeypatch.context() as patch:
        patch.setattr(_rate_limiter, "_Turn", Interrupting)
        with pytest.raises(KeyboardInterrupt):
            limiter("interrupted")
    assert limiter.statistics().refused == 1
    later: list[Any] = []
    turn = threading.Thread(target=lambda: later.append(limiter("later")))
    turn.start()
    wait_until(lambda: len(limiter._line) == 2, "it stands behind the other one")
    clock.advance(1)  # the turn of the one that has left
    turn.join(PATIENCE)
    assert later == [(("later",), {})]


# --- proxies --------------------------------------------------------------------------------


class Quick(pykka.ThreadingActor):
    shelf = pykka.traversable(Books())

    def __init__(self, failures: int = 0) -> None:
        super().__init__()
        self.failures = failures
        self.number = 1

    def add(self, number: int = 1) -> int:
        if self.failures:
            self.failures -= 1
            raise ConnectionError
        return self.number + number

    @property
    def total(self) -> int:
        return self.add(0)


@pytest.fixture
def ref() -> Iterator[Any]:
    ref = Quick.start(2)
    yield ref
    ref.stop()


def again(ref: Any) -> Any:
    return Retry(CircuitBreaker(ref), retry_on=ConnectionError, backoff=Backoff(minimum=0.001))


def test_calls_of_a_proxy_go_through_the_piece(ref: Any) -> None:
    retry = again(ref)
    proxy = retry.proxy()
    assert proxy.add(number=5).get(timeout=PATIENCE) == 6
    assert retry.statistics() == RetryStatistics(asks=1, retries=2, successes=1, failures=0)
    assert asyncio.run(wait_for(proxy.add(2))) == 3


async def wait_for(future: Any) -> Any:
    return await future


def test_attributes_do_as_well(ref: Any) -> None:
    retry = again(ref)
    proxy = retry.proxy()
    assert proxy.total.get(timeout=PATIENCE) == 1
    assert retry.statistics().retries == 2
    proxy.number = 7
    assert proxy.number.get(timeout=PATIENCE) == 7
    assert proxy.shelf.find("Emma").get(timeout=PATIENCE) == "Emma"
    assert retry.statistics().asks == 4
    with pytest.raises(AttributeError, match="Did you mean: 'number'"):
        proxy.numbr  # noqa: B018
    assert "add" in dir(proxy)


def test_what_is_deferred_would_go_round_the_piece(ref: Any) -> None:
    proxy = again(ref).proxy()
    for use in (
        lambda: proxy.add.defer(1),
        lambda: proxy.add.defer_after(1, 1),
        lambda: proxy.add.defer_every(1, 1),
        lambda: proxy.actor_ref.tell("x"),
    ):
        with pytest.raises(
            TypeError, match=r"goes around questions only.*proxy of the ref itself"
        ):
            use()


def test_two_proxies_of_a_piece_are_equal(ref: Any) -> None:
    retry = again(ref)
    assert retry.proxy() == retry.proxy()
    assert hash(retry.proxy()) == hash(retry.proxy())
    assert retry.proxy() != ref.proxy()
    assert retry.proxy() != again(ref).proxy()
    assert repr(retry.proxy()) == f"<ActorProxy for {retry!r}, attr_path=()>"
    assert retry.proxy().actor_ref.actor_urn == ref.actor_urn
    assert repr(retry.proxy().actor_ref) == repr(retry)


def test_a_proxy_of_a_dead_actor_is_refused(ref: Any) -> None:
    retry = again(ref)
    proxy = retry.proxy()
    ref.stop()
    with pytest.raises(pykka.ActorDeadError, match="not found"):
        retry.proxy()
    with pytest.raises(pykka.ActorDeadError):
        proxy.add().get(timeout=PATIENCE)


def test_a_router_in_a_piece_has_a_proxy() -> None:
    refs = [Quick.start(1), Quick.start(1)]
    proxy = again(routing.RoundRobin(refs)).proxy()
    assert proxy.add().get(timeout=PATIENCE) == 2
    pykka.ActorRegistry.stop_all()


def test_what_is_no_ref_has_none() -> None:
    with pytest.raises(TypeError, match=r"has no proxy, since <?.*Scripted.* is no ref"):
        Retry(Scripted("x")).proxy()


@pytest.mark.parametrize("what", ["proxy", "method"])
def test_a_proxy_is_wrapped_by_way_of_its_ref(ref: Any, what: str) -> None:
    proxy: Any = ref.proxy()
    with pytest.raises(TypeError, match=r"take the proxy\(\) of what goes around its ref"):
        Retry(proxy if what == "proxy" else proxy.add)
