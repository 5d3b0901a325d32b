"""What is done with is freed at once, and does not wait for the garbage collector."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE, wait_until

import pykka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Runtime

    from pykka.timers import ManualClock


class Fault(Exception):
    """What futures end with."""


@pytest.fixture(autouse=True)
def no_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def _plain() -> tuple[Any, Any]:
    future: Any = pykka.ThreadingFuture()
    return future, future


def _mapped() -> tuple[Any, Any]:
    future: Any = pykka.ThreadingFuture()
    return future.map(str), future


def _joined() -> tuple[Any, Any]:
    future: Any = pykka.ThreadingFuture()
    other: Any = pykka.ThreadingFuture()
    other.set(1)
    return other.join(future), future


WAYS = [_plain, _mapped, _joined]


@pytest.mark.parametrize("make", WAYS)
@pytest.mark.parametrize("is_late", [False, True], ids=["done", "late"])
def test_an_await_that_raises_leaves_no_cycle(
    make: Callable[[], tuple[Any, Any]], is_late: bool
) -> None:
    freed: list[weakref.ref[Any]] = []

    async def wait(future: Any) -> None:
        awaitable = future.__await__()
        del future
        try:
            await _Awaits(awaitable)
        except Fault as error:
            freed.append(weakref.ref(error))

    async def main() -> None:
        future, source = make()
        freed.append(weakref.ref(future))
        freed.append(weakref.ref(source))
        if is_late:
            loop = asyncio.get_running_loop()
            loop.call_soon(source.set_exception, Fault())
        else:
            source.set_exception(Fault())
        task = wait(future)
        del future, source
        await task
        del task

    asyncio.run(main())
    assert len(freed) == 3
    assert [ref() for ref in freed] == [None, None, None]


class _Awaits:
    def __init__(self, awaitable: Any) -> None:
        self.awaitable = awaitable

    def __await__(self) -> Any:
        awaitable = self.awaitable
        del self.awaitable, self
        return awaitable


def timers(ref: pykka.ActorRef[Any]) -> int:
    """How many timers of an actor there are."""
    return sum(type(each) is pykka.Timer and each._cell is ref._cell for each in gc.get_objects())


@pytest.mark.thinned
@pytest.mark.parametrize("end", ["delivered", "cancelled", "cancelled on its way"])
def test_a_timer_that_is_over_is_freed(
    end: str, runtime: Runtime, system: pykka.ActorSystem, clock: ManualClock
) -> None:
    class Receiver(runtime.actor_class):
        def on_receive(self, message: Any) -> None:
            pass

    ref = system.start(Receiver)
    timer: Any = ref.tell_after(1, "tick")
    if end == "cancelled":
        timer.cancel()
    clock.advance(2)
    if end == "cancelled on its way":
        timer.cancel()
    ref.ask("it is behind", timeout=PATIENCE)
    del timer
    wait_until(lambda: timers(ref) == 0, "the timer is freed")


def test_a_periodic_timer_that_is_cancelled_is_freed(
    runtime: Runtime, system: pykka.ActorSystem, clock: ManualClock
) -> None:
    class Receiver(runtime.actor_class):
        def on_receive(self, message: Any) -> None:
            pass

    ref = system.start(Receiver)
    timer: Any = ref.tell_every(1, "tick")
    clock.advance(3)
    ref.ask("it is behind", timeout=PATIENCE)
    timer.cancel()
    clock.advance(3)
    ref.ask("and this too", timeout=PATIENCE)
    del timer
    wait_until(lambda: timers(ref) == 0, "the timer is freed")
