"""G9: an exception, or a class of exceptions, that raises if it is asked what it is.

What an asker gets is the exception that was raised, and nothing hangs; wherever on the way the
library asks of which class it is.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

import pykka
from pykka import inboxes, routing
from pykka._lifecycle.cancellation import await_through_cancellation, is_cancellation
from pykka._util.log import is_a
from pykka.resilience import Backoff, CircuitBreaker, RateLimiter, Retry
from pykka.supervision import ChildSpec, Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 10


class FaultError(Exception):
    """Raised by what is asked for its class, or is asked whether something is of it."""


def _class_of(_error: object) -> NoReturn:
    raise FaultError


class Suspicious(type):
    """One with a `__subclasscheck__()` that raises cannot be raised: Python itself asks it."""

    def __instancecheck__(cls, _thing: object) -> bool:
        raise FaultError


class NoClassError(Exception):
    __class__ = property(_class_of)  # type: ignore[assignment]


class NoClassInterrupt(BaseException):
    __class__ = property(_class_of)  # type: ignore[assignment]


class NoKindError(Exception, metaclass=Suspicious):
    pass


class NothingAtAllError(Exception, metaclass=Suspicious):
    __class__ = property(_class_of)  # type: ignore[assignment]


ERRORS: list[type[BaseException]] = [NoClassError, NoKindError, NothingAtAllError]
ALL = [*ERRORS, NoClassInterrupt]

all_errors = pytest.mark.parametrize("kind", ALL)
errors = pytest.mark.parametrize("kind", ERRORS)


def end_of(call: Callable[[], object]) -> type | None:
    """The type of what a call raises. pytest.raises() would ask for the class."""
    try:
        call()
    except BaseException as error:
        return type(error)
    return None


class Odd(pykka.ThreadingActor):
    def on_receive(self, message: Any) -> Any:
        if issubclass(type(message), type):
            raise message
        return message


@pytest.fixture
def odd() -> Any:
    ref = Odd.start()
    yield ref
    ref.stop(timeout=PATIENCE)


WRAPPERS: dict[str, Callable[[Any], Any]] = {
    "retry": lambda ref: Retry(ref, attempts=2, retry_on=(ValueError, NoKindError)),
    "circuit breaker": lambda ref: CircuitBreaker(ref, call_timeout=PATIENCE),
    "its own failures": lambda ref: CircuitBreaker(ref, counts_as_failure=(KeyError, NoKindError)),
    "rate limiter": lambda ref: RateLimiter(ref, rate=1000, burst=10),
}


@all_errors
@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("block", [True, False])
def test_what_wraps_an_actor(wrapper: str, kind: Any, block: bool, odd: Any) -> None:
    wrapped = WRAPPERS[wrapper](odd)
    if block:
        assert end_of(lambda: wrapped.ask(kind, timeout=PATIENCE)) is kind
    else:
        future = wrapped.ask(kind, block=False)
        assert end_of(lambda: future.get(timeout=PATIENCE)) is kind
    if kind is not NoClassInterrupt:  # which means the program, and ends all actors
        assert wrapped.ask("fine", timeout=PATIENCE) == "fine"


class Refuses:
    """A target whose `ask()` itself raises."""

    def __init__(self, kind: type[BaseException]) -> None:
        self.kind = kind

    def ask(self, _message: Any, **_options: Any) -> NoReturn:
        raise self.kind


@all_errors
@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("block", [True, False])
def test_what_wraps_a_target_that_raises(wrapper: str, kind: Any, block: bool) -> None:
    wrapped = WRAPPERS[wrapper](Refuses(kind))

    def ask() -> None:
        answer = wrapped.ask("fine", block=block)
        if not block:
            answer.get(timeout=PATIENCE)

    assert end_of(ask) is kind


def test_what_may_be_retried_is_what_an_except_clause_would_catch() -> None:
    left = [ValueError, NothingAtAllError, NoClassError, NoKindError]

    class Target:
        def ask(self, _message: Any, **_options: Any) -> NoReturn:
            raise left.pop()

    retried = Retry(
        Target(),
        attempts=4,
        retry_on=(ValueError, NoKindError, NoClassError),
        backoff=Backoff(minimum=0, maximum=0),
    )
    assert end_of(lambda: retried.ask("x", block=False).get(timeout=PATIENCE)) is NothingAtAllError
    assert left == [ValueError]


KINDS: list[Callable[[list[Any]], Any]] = [
    routing.RoundRobin,
    routing.SmallestInbox,
    routing.Broadcast,
    routing.ScatterGather,
    lambda refs: routing.TailChopping(refs, timeout=PATIENCE),
]


@all_errors
@pytest.mark.parametrize("make", KINDS)
def test_a_router(make: Callable[[list[Any]], Any], kind: Any, odd: Any) -> None:
    router = make([odd])

    def ask() -> None:
        answer = router.ask(kind, timeout=PATIENCE)
        if isinstance(answer, list):
            raise answer[0]

    assert end_of(ask) is kind


@errors
def test_a_router_one_of_whose_routees_does_not_take_the_message(kind: Any) -> None:
    def key(message: Any) -> int:
        if issubclass(type(message), type):
            raise message
        return 0

    class Sorted(Odd):
        default_inbox = inboxes.Priority(key)

    first, second = Sorted.start(), Odd.start()
    router = routing.Broadcast([first, second])
    assert end_of(lambda: router.tell(kind)) is kind
    reason = second.when_terminated().get(timeout=PATIENCE)  # it has got it all the same
    assert type(reason.exception) is kind
    assert first.ask("fine", timeout=PATIENCE) == "fine"
    first.stop(timeout=PATIENCE)


@all_errors
def test_a_child_that_cannot_start(kind: Any) -> None:
    class Child(pykka.ThreadingActor):
        def on_start(self) -> None:
            raise kind

    supervisor = Supervisor.start([])
    call = supervisor.proxy().add_child(ChildSpec("odd", Child))
    assert end_of(lambda: call.get(timeout=PATIENCE)) is pykka.supervision.ChildStartError
    if kind is not NoClassInterrupt:
        assert supervisor.is_alive()
        supervisor.stop(timeout=PATIENCE)


@all_errors
def test_a_maker_that_raises(kind: Any) -> None:
    def make() -> Any:
        raise kind

    supervisor = Supervisor.start([])
    call = supervisor.proxy().add_child(ChildSpec("odd", make))
    if kind is not NoClassInterrupt:
        assert end_of(lambda: call.get(timeout=PATIENCE)) is pykka.supervision.ChildStartError
        assert supervisor.is_alive()
        supervisor.stop(timeout=PATIENCE)
    else:  # it means the program, and ends all
        assert end_of(lambda: call.get(timeout=PATIENCE)) is kind
        supervisor.when_terminated().get(timeout=PATIENCE)


@all_errors
@pytest.mark.parametrize("is_cancelled", [False, True])
def test_a_handler_in_a_loop(kind: Any, is_cancelled: bool) -> None:
    class Looping(pykka.AsyncioActor):
        async def on_receive(self, message: Any) -> None:
            if is_cancelled:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
                try:
                    await asyncio.sleep(PATIENCE)
                except asyncio.CancelledError:
                    raise message from None
            raise message

        async def on_stop(self) -> None:
            raise kind

    ref = Looping.start()
    assert end_of(lambda: ref.ask(kind, timeout=PATIENCE)) is kind
    ref.stop(timeout=PATIENCE)


@errors
def test_a_last_hook_that_is_cancelled(kind: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        entered = asyncio.Event()

        class Looping(pykka.AsyncioActor):
            async def on_stop(self) -> None:
                entered.set()
                try:
                    await asyncio.sleep(PATIENCE)
                except asyncio.CancelledError:
                    raise kind from None

        ref = Looping.start()
        stopped = ref.stop(block=False)
        await entered.wait()
        cell: Any = ref._cell
        cell.task.cancel()
        assert await stopped is True

    with caplog.at_level(logging.ERROR, "pykka"):
        asyncio.run(asyncio.wait_for(main(), PATIENCE))
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [kind]


@all_errors
def test_it_is_no_cancellation(kind: Any) -> None:
    async def fail() -> None:
        raise kind

    assert not is_cancellation(kind())
    waits: Any = await_through_cancellation(fail(), lambda: False, lambda: None)
    # Not in a task: a task of asyncio itself cannot end with an exception of which it is told
    # nothing, and so never ends.
    assert end_of(lambda: waits.send(None)) is kind


@errors
def test_crash_on(kind: Any) -> None:
    class Falls(Odd):
        crash_on = (KeyError, kind)

    ref = Falls.start()
    assert end_of(lambda: ref.ask(ValueError, timeout=PATIENCE)) is ValueError
    assert end_of(lambda: ref.ask(kind, timeout=PATIENCE)) is kind
    reason = ref.when_terminated().get(timeout=PATIENCE)
    assert type(reason.exception) is kind


def test_the_door() -> None:
    assert is_a(ValueError(), ValueError)
    assert is_a(KeyError(), LookupError)
    assert is_a(KeyError(), (ValueError, LookupError))
    assert not is_a(ValueError(), (KeyError, ()))
    assert not is_a(None, Exception)
    assert is_a(NothingAtAllError(), NothingAtAllError)
    assert not is_a(NoKindError(), NothingAtAllError)
    assert not is_a(NoClassInterrupt(), Exception)
    assert end_of(lambda: is_a(ValueError(), 5)) is TypeError  # type: ignore[arg-type]
