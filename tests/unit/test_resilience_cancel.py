"""Questions that are cancelled by way of what goes around a ref."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka import routing
from pykka.resilience import Backoff, CircuitBreaker, RateLimiter, Retry
from pykka.routing._kinds import _tail_chopping
from pykka.timers import ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Busy(pykka.ThreadingActor):
    """Is busy until its event is set."""

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, threading.Event):
            return message.wait(PATIENCE)
        return message


@pytest.fixture
def go_on() -> threading.Event:
    return threading.Event()


@pytest.fixture
def ref(go_on: threading.Event) -> Iterator[Any]:
    ref = Busy.start()
    ref.tell(go_on)
    yield ref
    go_on.set()
    ref.stop()


def test_a_cancelled_question_is_no_failure_of_its_target(
    ref: Any, go_on: threading.Event
) -> None:
    breaker = CircuitBreaker(ref, max_failures=1)
    questions = [breaker.ask("x", block=False) for _ in range(3)]
    assert all(question.cancel() for question in questions)
    statistics = breaker.statistics()
    assert (statistics.failures, statistics.interrupted) == (0, 3)
    assert breaker.state == "closed"
    go_on.set()
    assert breaker.ask("x") == "x"


# --- what is just being sent, and who is interrupted ------------------------------------------


class Recorded(pykka.ThreadingFuture[Any]):
    """A future whose actor takes a question back, and that notes how often it was asked to."""

    def __init__(self) -> None:
        super().__init__()
        self.cancels: list[bool] = []

    def cancel(self, *, interrupt: bool = False) -> bool:
        self.cancels.append(interrupt)
        return self._try_resolve((None, (pykka.AskCancelledError("taken back"), None)))


class Target:
    """Does something while a question is being sent to it."""

    def __init__(self, *meanwhile: Callable[[], object] | None) -> None:
        self.meanwhile = list(meanwhile)
        self.sent: list[Recorded] = []

    def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any:
        del message, block, timeout
        future = Recorded()
        self.sent.append(future)
        act = self.meanwhile[len(self.sent) - 1] if self.meanwhile else None
        if act is not None:
            act()
        return future


BACKOFF = Backoff(minimum=1, jitter=0)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def failed(future: Recorded) -> None:
    future.set_exception(ConnectionError())


@pytest.mark.parametrize("limit", [None, 1000])
def test_an_attempt_that_is_just_being_sent_is_taken_back_by_its_sender(
    clock: ManualClock, limit: float | None
) -> None:
    """Whoever cancels meanwhile is told that it is too late to be certain."""
    told: list[bool] = []
    target = Target(None, lambda: told.append(question.cancel(interrupt=True)))
    retry = Retry(
        target, retry_on=Exception, backoff=BACKOFF, timeout_per_attempt=limit, clock=clock
    )
    question = retry.ask("x", block=False)
    failed(target.sent[0])
    clock.advance(1)
    assert told == [False]
    assert target.sent[1].cancels == [True]
    assert isinstance(question.exception(timeout=0), pykka.AskCancelledError)
    assert question.cancel() is True
    clock.advance(1000)
    assert len(target.sent) == 2


def test_an_attempt_that_is_given_up_before_it_is_sent_is_taken_back(
    clock: ManualClock, in_thread: Callable[..., threading.Thread]
) -> None:
    """It has waited for room in an inbox, and the next one has been sent meanwhile."""
    entered, may_go_on = threading.Event(), threading.Event()

    def wait_for_room() -> None:
        entered.set()
        may_go_on.wait(PATIENCE)

    target = Target(wait_for_room, None)
    changes: list[Any] = []
    breaker = CircuitBreaker(
        target, max_failures=1, reset_after=0, on_state_change=changes.append, clock=clock
    )
    retry = Retry(breaker, backoff=BACKOFF, timeout_per_attempt=5, clock=clock)
    questions: list[Any] = []
    asker = in_thread(lambda: questions.append(retry.ask("x", block=False)))
    assert entered.wait(PATIENCE)
    clock.advance(5)  # it has taken too long
    clock.advance(1)  # the next one is sent
    assert len(target.sent) == 2
    assert changes == []
    may_go_on.set()
    asker.join(PATIENCE)
    assert [change.after for change in changes] == ["open"]  # it is told that it was given up
    assert questions[0].cancel() is True
    assert [future.cancels for future in target.sent] == [[False], [False]]


def test_a_question_that_is_let_go_is_taken_back_by_its_sender(clock: ManualClock) -> None:
    told: list[bool] = []
    target = Target(None, lambda: told.append(question.cancel()))
    limiter = RateLimiter(target, rate=1, clock=clock)
    limiter.ask("first", block=False)
    question = limiter.ask("x", block=False)
    clock.advance(1)
    assert told == [False]
    assert target.sent[1].cancels == [False]
    assert isinstance(question.exception(timeout=0), pykka.AskCancelledError)
    assert limiter.statistics().sent == 2


def interrupted(future: Any, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Have a signal handler strike while a future is cancelled."""

    def strike(*_args: object, **_kwargs: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(future), what, strike)
        with pytest.raises(KeyboardInterrupt):
            future.cancel()
    assert not future.done()


def test_a_canceller_that_is_interrupted_in_a_pause(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Target()
    question = Retry(target, retry_on=Exception, backoff=BACKOFF, clock=clock).ask(
        "x", block=False
    )
    failed(target.sent[0])
    interrupted(question, monkeypatch, "_resolve_cancelled")
    clock.advance(1)
    assert isinstance(question.exception(timeout=0), pykka.AskCancelledError)
    assert len(target.sent) == 1


def test_a_canceller_that_is_interrupted_while_an_attempt_is_under_way(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Target()
    question = Retry(target, retry_on=Exception, backoff=BACKOFF, clock=clock).ask(
        "x", block=False
    )
    interrupted(question, monkeypatch, "_take_back")
    failed(target.sent[0])
    assert isinstance(question.exception(timeout=0), ConnectionError)
    assert clock.pending == 0


def test_a_canceller_that_is_interrupted_when_it_has_decided(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Target()
    limiter = RateLimiter(target, rate=1, clock=clock)
    limiter.ask("first", block=False)
    question, other = limiter.ask("x", block=False), limiter.ask("y", block=False)
    interrupted(question, monkeypatch, "_end_unsent")
    clock.advance(1)
    assert isinstance(question.exception(timeout=0), pykka.AskCancelledError)
    assert len(target.sent) == 2
    assert limiter.statistics().refused == 1
    assert not other.done()


def test_an_attempt_that_fails_twice_leaves_the_next_one_alone(clock: ManualClock) -> None:
    """As it does when it is given up, and fails after all, and a waiter is served again."""
    target = Target()
    question: Any = Retry(target, retry_on=Exception, backoff=BACKOFF, clock=clock).ask(
        "x", block=False
    )
    failed(target.sent[0])
    clock.advance(1)
    question._go_on(1, (None, (ConnectionError(), None)))
    assert question._begin_pause(1) is True
    assert question.cancel() is True
    assert target.sent[1].cancels == [False]


def test_a_future_with_a_get_hook_is_counted_when_it_was_read(clock: ManualClock) -> None:
    """There is no telling when it is done before that."""
    hooked = pykka.ThreadingFuture[str]()
    hooked.set_get_hook(lambda _timeout: "read")

    class Hooked:
        def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any:
            del message, block, timeout
            return hooked

    breaker = CircuitBreaker(Hooked(), clock=clock)
    answer = breaker.ask("x", block=False)
    assert breaker.statistics().successes == 0
    assert answer.get() == "read"
    assert breaker.statistics().successes == 1
    assert breaker.ask("x", block=False).get() == "read"
    assert breaker.statistics().successes == 2


def test_a_get_hook_that_is_read_meanwhile_is_counted(clock: ManualClock) -> None:
    class Read(Recorded):
        """Is read between the look whether it can tell when it is done, and what follows."""

        def _when_ready(self, waiter: Callable[[], object]) -> bool:
            self.set("read")
            return super()._when_ready(waiter) and False

    target = Target()
    monkey: Any = target
    monkey.ask = lambda *_args, **_kwargs: Read()
    breaker = CircuitBreaker(target, clock=clock)
    assert breaker.ask("x", block=False).get() == "read"
    assert breaker.statistics().successes == 1


def test_an_attempt_that_is_given_up_in_the_line_of_a_limiter_is_cancelled_there(
    clock: ManualClock,
) -> None:
    target = Target()
    limiter = RateLimiter(target, rate=0.001, clock=clock)
    limiter.ask("first", block=False)
    retry = Retry(limiter, backoff=BACKOFF, timeout_per_attempt=5, clock=clock)
    question = retry.ask("x", block=False)
    clock.advance(5)
    clock.advance(1)
    assert limiter.statistics().waiting == 2
    assert question.cancel() is True
    assert limiter.statistics().waiting == 0
    assert len(target.sent) == 1


class Kept:
    """What the context of an asker holds."""


kept: contextvars.ContextVar[Kept] = contextvars.ContextVar("kept")


def ask_in_context(piece: Any) -> tuple[Any, Callable[[], object]]:
    """Ask in a context of its own, which holds something that can be looked for."""

    def ask() -> tuple[Any, Callable[[], object]]:
        value = Kept()
        kept.set(value)
        return piece.ask("x", block=False), weakref.ref(value)

    return contextvars.copy_context().run(ask)


def test_the_context_of_an_asker_is_not_kept_with_the_answer(clock: ManualClock) -> None:
    target = Target()
    retry = Retry(target, retry_on=Exception, backoff=BACKOFF, clock=clock)
    question, context = ask_in_context(retry)
    target.sent[0].set("answer")
    assert question.get(timeout=0) == "answer"
    gc.collect()
    assert context() is None
    limiter = RateLimiter(target, rate=1, clock=clock)
    limiter.ask("first", block=False)
    for cancels in (True, False):
        question, context = ask_in_context(limiter)
        if cancels:
            assert question.cancel()
        else:
            clock.advance(1)
            clock.advance(1)
            assert len(target.sent) == 3
        gc.collect()
        assert context() is None


# --- races ------------------------------------------------------------------------------------


@pytest.fixture
def routees(go_on: threading.Event) -> Iterator[list[Any]]:
    refs = [Busy.start() for _ in range(3)]
    for ref in refs:
        ref.tell(go_on)
    yield refs
    go_on.set()
    pykka.ActorRegistry.stop_all()


def chase(routees: list[Any], clock: ManualClock) -> Any:
    return routing.TailChopping(routees, interval=1, clock=clock).ask("x", block=False)


def test_one_that_is_just_being_asked_is_taken_back_by_who_asks_it(
    routees: list[Any], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[bool] = []
    asked: list[Any] = []
    original = _tail_chopping.ask_of

    def ask_of(routee: Any, message: Any) -> Any:
        if asked:
            told.append(question.cancel())
        asked.append(original(routee, message))
        return asked[-1]

    monkeypatch.setattr(_tail_chopping, "ask_of", ask_of)
    question = chase(routees, clock)
    clock.advance(1)
    assert told == [False]
    assert len(asked) == 2
    assert all(isinstance(each.exception(timeout=0), pykka.AskCancelledError) for each in asked)
    assert isinstance(question.exception(timeout=0), pykka.AskCancelledError)


def test_one_that_is_next_when_the_chase_is_called_off_is_not_asked(
    routees: list[Any], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    original = _tail_chopping.ask_of

    def ask_of(routee: Any, message: Any) -> Any:
        asked.append(routee)
        return original(routee, message)

    monkeypatch.setattr(_tail_chopping, "ask_of", ask_of)
    question = chase(routees, clock)
    race = question.race

    class Rest(list[Any]):
        """Has the chase called off when one is taken from it."""

        def pop(self, *args: Any) -> Any:
            taken = super().pop(*args)
            told.append(question.cancel())
            return taken

    told: list[bool] = []
    race._rest = Rest(race._rest)
    clock.advance(1)
    assert told == [False]  # another thread has taken it, and has not said what becomes of it
    assert isinstance(question.exception(timeout=0), pykka.AskCancelledError)
    assert len(asked) == 1
    assert question.cancel() is True


def test_a_chase_whose_canceller_is_interrupted_comes_to_an_end(
    routees: list[Any], clock: ManualClock, go_on: threading.Event, monkeypatch: Any
) -> None:
    question = chase(routees, clock)
    race = question.race
    with monkeypatch.context() as patch:
        patch.setattr(type(race), "_end_if_all_are_back", lambda *_args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            question.cancel()
    race._interval_is_over(race._alarm)
    assert isinstance(question.exception(timeout=0), pykka.AskCancelledError)
    go_on.set()


def test_an_answer_that_is_there_frees_the_race(
    routees: list[Any], go_on: threading.Event
) -> None:
    question: Any = routing.ScatterGather(routees).ask("x", block=False)
    race = weakref.ref(question.race)
    go_on.set()
    assert question.get(timeout=PATIENCE) == "x"
    for ref in routees:
        ref.ask("all have answered")
    assert question.race is None
    wait_until(lambda: race() is None, "the race is freed")
    assert question.map(str).get() == "x"


@pytest.mark.parametrize(
    "make", [Retry, functools.partial(CircuitBreaker, call_timeout=1000), routing.ScatterGather]
)
def test_a_derived_future_of_such_a_one(ref: Any, go_on: threading.Event, make: Any) -> None:
    target = [ref] if make is routing.ScatterGather else ref
    question = make(target).ask("x", block=False)
    derived = question.map(str.upper)
    assert type(derived) is pykka.ThreadingFuture
    assert derived.cancel() is True
    with pytest.raises(pykka.AskCancelledError):
        derived.get()
    go_on.set()


def test_what_an_event_loop_awaits_is_interrupted() -> None:
    begun, ends = pykka.ThreadingFuture[None](), pykka.ThreadingFuture[str]()

    class Awaiting(pykka.AsyncioActor):
        async def wait(self) -> None:
            begun.set()
            try:
                await asyncio.sleep(PATIENCE)
            finally:
                ends.set("interrupted")

    async def main() -> None:
        ref = Awaiting.start()
        piece = Retry(CircuitBreaker(ref, call_timeout=1000), retry_on=Exception)
        question = piece.call(Awaiting.wait)
        await begun
        assert question.cancel() is False
        assert question.cancel(interrupt=True) is True
        assert await ends == "interrupted"
        await ref.stop(block=False)

    asyncio.run(main())
