"""All pieces of `pykka.resilience` can be asked like the ref that they wrap, in any order."""

from __future__ import annotations

import gc
import itertools
import pickle
import random
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from tests.askables import Scripted
from tests.leaks import PATIENCE, wait_until
from tests.stress.traffic import traffic
from tests.tiers import repetitions

import pykka
from pykka.messages import ProxyCall
from pykka.resilience import (
    Backoff,
    CircuitBreaker,
    CircuitOpenError,
    RateLimiter,
    RateLimitExceededError,
    Retry,
)
from pykka.resilience._askable import pause
from pykka.timers import ManualClock, MonotonicClock
from pykka.timers._clock import default_clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Runtime

pytestmark = pytest.mark.thinned


class Service(pykka.Actor):
    def on_receive(self, message: Any) -> Any:
        if isinstance(message, Exception):
            raise message
        return message

    def add(self, one: int, other: int = 0) -> int:
        return one + other


def used_limiter(target: Any) -> RateLimiter:
    """A limiter whose next ask has to wait a little."""
    limiter = RateLimiter(target, rate=200)
    limiter._take_token(limiter._clock.now(), 0)
    limiter._full_at = limiter._clock.now() + 0.002
    return limiter


MAKERS: dict[str, Callable[[Any], Any]] = {
    "breaker": CircuitBreaker,
    "retry": Retry,
    "retry with limit": lambda target: Retry(target, timeout_per_attempt=PATIENCE),
    "limiter": lambda target: RateLimiter(target, rate=1e6, burst=1000),
    "waiting limiter": used_limiter,
    "stack": lambda target: Retry(CircuitBreaker(used_limiter(target))),
    "other stack": lambda target: used_limiter(Retry(CircuitBreaker(target))),
}
PIECES = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


# --- the contract of ask() ----------------------------------------------------------------------


@PIECES
def test_a_piece_answers_like_the_ref(make: Callable[[Any], Any], runtime: Runtime) -> None:
    piece = make(runtime.run(Service).start())
    assert piece.ask("question") == "question"
    assert piece.ask("question", timeout=PATIENCE) == "question"
    future = piece.ask("question", block=False)
    assert isinstance(future, pykka.ThreadingFuture)
    assert future.get(timeout=PATIENCE) == "question"
    assert piece.ask(ProxyCall(["add"], [1], {"other": 2}), timeout=PATIENCE) == 3


@PIECES
def test_what_the_actor_raises_is_raised(make: Callable[[Any], Any], runtime: Runtime) -> None:
    piece = make(runtime.run(Service).start())
    for question in (
        lambda: piece.ask(ValueError("no")),
        lambda: piece.ask(ValueError("no"), timeout=PATIENCE),
        lambda: piece.ask(ValueError("no"), block=False).get(timeout=PATIENCE),
    ):
        with pytest.raises(ValueError, match="no") as info:
            question()
        assert info.traceback[-1].name == "on_receive", "with its own traceback"


@PIECES
def test_a_timeout_is_raised_and_a_wrong_one_refused(make: Callable[[Any], Any]) -> None:
    may_end = threading.Event()

    class Busy(pykka.ThreadingActor):
        def on_receive(self, message: Any) -> None:
            assert may_end.wait(PATIENCE)

    ref = Busy.start()
    piece = make(ref)
    with pytest.raises(pykka.Timeout):
        piece.ask("question", timeout=0.01)
    for wrong, error in ((-1, ValueError), ("1", TypeError)):
        with pytest.raises(error, match=r"timeout.* must be a"):
            piece.ask("question", timeout=wrong)
    may_end.set()


@PIECES
def test_a_future_of_a_piece_can_be_awaited(make: Callable[[Any], Any]) -> None:
    class Asker(pykka.AsyncioActor):
        async def on_receive(self, message: Any) -> Any:
            return await make(message).ask("question", block=False)

    service = type("OnThread", (Service, pykka.ThreadingActor), {}).start()
    assert Asker.start().ask(service, timeout=PATIENCE) == "question"


@pytest.mark.parametrize("wrong", [None, "ref", Service], ids=["None", "string", "class"])
def test_what_cannot_be_asked_cannot_be_wrapped(wrong: Any) -> None:
    for make in (CircuitBreaker, Retry, lambda target: RateLimiter(target, rate=1)):
        with pytest.raises(
            TypeError, match=r"wraps the ref of an actor, a function, or another piece, not "
        ):
            make(wrong)


def test_a_piece_says_what_it_wraps() -> None:
    ref = type("Target", (Service, pykka.ThreadingActor), {}).start()
    assert repr(Retry(CircuitBreaker(ref))) == f"<Retry for <CircuitBreaker for {ref!r}>>"


# --- stacks -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "order", list(itertools.permutations(["breaker", "retry", "limiter"])), ids="-".join
)
@pytest.mark.parametrize("block", [True, False], ids=["block", "do not block"])
def test_pieces_work_in_any_order(order: tuple[str, ...], block: bool) -> None:
    clock = ManualClock()
    target = Scripted(ConnectionError(), ConnectionError(), "fine")
    makers: dict[str, Callable[[Any], Any]] = {
        "breaker": lambda piece: CircuitBreaker(piece, clock=clock),
        "retry": lambda piece: Retry(piece, retry_on=ConnectionError, clock=clock),
        "limiter": lambda piece: RateLimiter(piece, rate=2, clock=clock),
    }
    piece: Any = target
    for name in order:
        piece = makers[name](piece)

    answers: list[Any] = []

    def ask() -> None:
        answer = piece.ask("question", block=block)
        answers.append(answer if block else answer.get(timeout=PATIENCE))

    thread = threading.Thread(target=ask)
    thread.start()
    while thread.is_alive():
        clock.advance(0.1)
        thread.join(0.001)
    assert answers == ["fine"]
    assert len(target.asked) == 3


def test_an_open_circuit_ends_the_retries_soon() -> None:
    clock = ManualClock()
    target = Scripted(*[ConnectionError() for _ in range(10)])
    breaker = CircuitBreaker(target, max_failures=2, clock=clock)
    retry = Retry(breaker, attempts=5, backoff=Backoff(minimum=0), retry_on=ConnectionError)
    with pytest.raises(CircuitOpenError):
        retry.ask("question")
    assert len(target.asked) == 2


# --- whose thread does what ---------------------------------------------------------------------


class WhoRunsMe(pykka.PooledActor):
    def on_receive(self, message: Any) -> int:
        return threading.get_ident()


@PIECES
def test_who_waits_through_a_piece_may_run_a_pooled_actor_itself(
    make: Callable[[Any], Any],
) -> None:
    if make is MAKERS["retry with limit"]:
        return  # nobody runs an actor who has no time
    piece = make(WhoRunsMe.start())
    assert piece.ask("question") == threading.get_ident()


class AsksItself(pykka.ThreadingActor):
    def on_receive(self, message: tuple[Any, bool]) -> Any:
        make, block = message
        answer = make(self.actor_ref).ask("question", block=block)
        return answer if block else answer.get()


@pytest.mark.parametrize("name", ["breaker", "retry", "limiter", "waiting limiter", "stack"])
def test_a_circle_of_waits_through_a_piece_is_seen(name: str) -> None:
    """Guarantee G5."""
    with pytest.raises(pykka.DeadlockError, match="waits for its own answer"):
        AsksItself.start().ask((MAKERS[name], True), timeout=PATIENCE)


@pytest.mark.parametrize("name", ["breaker", "retry", "limiter"])
def test_a_circle_of_waits_for_the_future_of_a_piece_is_seen(name: str) -> None:
    """As long as it was sent before."""
    with pytest.raises(pykka.DeadlockError, match="waits for its own answer"):
        AsksItself.start().ask((MAKERS[name], False), timeout=PATIENCE)


def test_there_is_no_circle_while_an_attempt_has_a_limit() -> None:
    """The clock will end the wait."""
    make = lambda ref: Retry(ref, attempts=1, timeout_per_attempt=0.01)  # noqa: E731
    with pytest.raises(pykka.Timeout):
        AsksItself.start().ask((make, False), timeout=PATIENCE)


def test_a_pause_on_the_only_thread_of_a_pool_is_not_taken_for_a_deadlock() -> None:
    clock = ManualClock()

    class Asker(pykka.PooledActor):
        dispatcher = pykka.Dispatcher("one thread", max_threads=1)

        def on_receive(self, message: Any) -> Any:
            return message.ask("question")

    retry = Retry(Scripted(ConnectionError(), 1), retry_on=ConnectionError, clock=clock)
    limiter = RateLimiter(Scripted(1, 2), rate=1, clock=clock)
    limiter.ask("question")
    for piece, expected in ((limiter, 2), (retry, 1)):
        future = Asker.start().ask(piece, block=False)
        wait_until(lambda: clock.pending == 1, "it pauses")
        clock.advance(1)
        assert future.get(timeout=PATIENCE) == expected


# --- what is left behind ------------------------------------------------------------------------


class Message:
    """A message that can be referred to weakly."""


@pytest.mark.thinned
@PIECES
@pytest.mark.parametrize("fails", [False, True], ids=["succeeds", "fails"])
@pytest.mark.parametrize("block", [True, False], ids=["block", "do not block"])
def test_nothing_keeps_the_message_alive_when_it_is_answered(
    make: Callable[[Any], Any], fails: bool, block: bool
) -> None:
    """Not even a circle of references that the garbage collector would find."""

    class Target(pykka.ThreadingActor):
        def on_receive(self, message: Any) -> None:
            if fails:
                raise ValueError

        def is_alive(self) -> bool:
            return True

    def ask() -> weakref.ref[Message]:
        message = Message()
        try:
            if block:
                piece.ask(message)
            else:
                piece.ask(message, block=False).get(timeout=PATIENCE)
        except ValueError:
            pass
        return weakref.ref(message)

    def settle() -> None:
        """Without the GIL, a thread that made something has to run for it to be freed."""
        pause(default_clock, 0.0)
        ref.ask(ProxyCall(["is_alive"], [], {}), timeout=PATIENCE)

    ref = Target.start()
    piece = make(ref)
    gc.collect()
    gc.disable()
    try:
        gone = ask()
        wait_until(lambda: gone() is None or settle(), "the message is freed")
    finally:
        gc.enable()


# --- re-entrancy and threads --------------------------------------------------------------------


@pytest.mark.usefixtures("untraced")
def test_finalisers_may_ask_through_all_pieces() -> None:
    """They run in the middle of everything that the pieces do; nothing waits for itself."""
    clock = MonotonicClock()  # its thread is not traced either
    ref = type("Target", (Service, pykka.ThreadingActor), {}).start()
    limiter = RateLimiter(ref, rate=1e5, burst=5, clock=clock)
    breaker = CircuitBreaker(limiter, clock=clock)
    retry = Retry(breaker, clock=clock)
    futures: list[Any] = []

    class Cycle:
        def __init__(self) -> None:
            self.myself = self

        def __del__(self) -> None:
            futures.append(retry.ask("from a finaliser", block=False))

    threshold = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for number in range(300):
            Cycle()
            futures.append(retry.ask(number, block=False))
    finally:
        gc.set_threshold(*threshold)
    # Another thread may be collecting right now.
    wait_until(lambda: gc.collect() >= 0 and len(futures) == 600, "all finalisers have run")
    answers = [future.get(timeout=PATIENCE) for future in futures]
    assert [answer for answer in answers if isinstance(answer, int)] == list(range(300))
    wait_until(lambda: retry.statistics().successes == 600, "all are booked")
    assert breaker.statistics().successes == limiter.statistics().sent == 600


@pytest.mark.usefixtures("untraced")
def test_the_books_balance_whatever_happens(runtime: Runtime) -> None:
    traffic(runtime, asks=repetitions(3_000), seed=random.randrange(1_000_000))


# --- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [CircuitOpenError, RateLimitExceededError])
def test_an_error_that_says_when_to_come_again_can_be_pickled(cls: Any) -> None:
    assert issubclass(cls, pykka.ActorError)
    copied = pickle.loads(pickle.dumps(cls("text", retry_after=1.5)))  # noqa: S301
    assert type(copied) is cls
    assert str(copied) == "text"
    assert copied.retry_after == 1.5
