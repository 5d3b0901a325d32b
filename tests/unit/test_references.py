"""What is not needed any more is freed at once, by reference counting alone.

A program that switched the garbage collector off, or that runs it seldom, keeps nothing: neither
exceptions with the frames of their tracebacks, nor messages, nor futures.
"""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE, wait_until

import pykka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Runtime


class Failure(Exception):
    """What the tests raise."""


class Thing:
    """An object that can be weakly referenced."""


class Worker(pykka.Actor):
    """Fails if it is to, and else does nothing."""

    def on_receive(self, message: object) -> object:
        if isinstance(message, threading.Event):
            assert message.wait(PATIENCE)
        if message == "fail" or isinstance(message, Thing):
            del message  # what is in a traceback's frames lives as long as the exception
            raise Failure
        return message

    def fail(self, thing: object = None) -> None:
        del thing
        raise Failure


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def worker(runtime: Runtime) -> pykka.ActorRef[Worker]:
    found: pykka.ActorRef[Worker] = runtime.run(Worker).start()
    return found


def settle(worker: pykka.ActorRef[Worker]) -> None:
    """Wait until the actor's thread has let go of all that it handled before."""
    worker.ask("hello", timeout=PATIENCE)


def wait_until_freed(freed: weakref.ref[Any], worker: pykka.ActorRef[Worker]) -> None:
    """Wait until an object is freed that a thread of the actor's has made.

    A free-threaded Python leaves the last step to that thread, so the thread must not just sleep.
    """
    wait_until(lambda: freed() is None or settle(worker), "it is freed")


def fail(_value: object) -> None:
    raise Failure


def failed() -> pykka.Future[Any]:
    future: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()
    future.set_exception(Failure())
    return future


def resolved() -> pykka.Future[Any]:
    future: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()
    future.set(1)
    return future


WAYS_TO_FAIL: dict[str, Callable[[pykka.ActorRef[Worker]], object]] = {
    "ask": lambda worker: worker.ask("fail"),
    "ask with a timeout": lambda worker: worker.ask("fail", timeout=PATIENCE),
    "get": lambda worker: worker.ask("fail", block=False).get(),
    "call": lambda worker: worker.proxy().fail().get(),
    "get_all": lambda worker: pykka.get_all([worker.ask("fail", block=False)]),
    "map that fails": lambda _worker: resolved().map(fail).get(),
    "map of a failure": lambda _worker: failed().map(fail).get(),
    "join": lambda _worker: resolved().join(failed()).get(),
    "map of a map": lambda _worker: resolved().map(fail).map(fail).get(),
}


@pytest.mark.parametrize("way", WAYS_TO_FAIL)
def test_an_exception_that_is_raised_is_freed(way: str, worker: pykka.ActorRef[Worker]) -> None:
    def try_it() -> weakref.ref[Failure]:
        try:
            WAYS_TO_FAIL[way](worker)
        except Failure as error:
            return weakref.ref(error)
        raise AssertionError("it did not fail")

    freed = try_it()
    settle(worker)
    wait_until_freed(freed, worker)


@pytest.mark.parametrize("derive", [False, True])
def test_an_exception_that_is_returned_is_freed(
    worker: pykka.ActorRef[Worker], *, derive: bool
) -> None:
    def try_it() -> weakref.ref[BaseException]:
        future: Any = worker.ask("fail", block=False)
        if derive:
            future = future.map(str)
        freed = weakref.ref(future.exception(timeout=PATIENCE))
        # The caller's frame is reached from the traceback, so it must not hold the future.
        del future
        return freed

    freed = try_it()
    settle(worker)
    wait_until_freed(freed, worker)


def test_a_future_is_freed_although_it_had_callbacks() -> None:
    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    called: list[int] = []
    for _ in range(2):
        future.add_done_callback(lambda f: called.append(f.get()))
    future.set(1)
    freed = weakref.ref(future)
    del future
    assert called == [1, 1]
    assert freed() is None


def test_a_future_is_freed_although_a_callback_came_late() -> None:
    future: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()
    called: list[str] = []
    future.set("value")
    future.add_done_callback(lambda f: called.append(f.get()))
    freed = weakref.ref(future)
    del future

    assert called == ["value"]
    assert freed() is None


@pytest.mark.parametrize("callbacks", [1, 2])
def test_an_answer_is_freed_although_it_had_callbacks(
    worker: pykka.ActorRef[Worker], callbacks: int
) -> None:
    may_answer = threading.Event()
    future = worker.ask(may_answer, block=False)
    called: list[object] = []
    for _ in range(callbacks):
        future.add_done_callback(lambda f: called.append(f.get()))  # type: ignore[attr-defined]
    may_answer.set()
    settle(worker)
    freed = weakref.ref(future)
    del future
    assert called == [may_answer] * callbacks
    assert freed() is None


@pytest.mark.parametrize("how", ["message", "argument"])
def test_an_ask_that_failed_lets_go_of_its_message(
    worker: pykka.ActorRef[Worker], how: str
) -> None:
    thing = Thing()
    freed = weakref.ref(thing)
    future = worker.ask(thing, block=False) if how == "message" else worker.proxy().fail(thing)
    del thing
    with pytest.raises(Failure):
        future.get(timeout=PATIENCE)
    settle(worker)
    assert freed() is None
    assert future.done()


@pytest.mark.parametrize("how", ["message", "argument"])
def test_an_ask_that_is_refused_lets_go_of_its_message(
    worker: pykka.ActorRef[Worker], how: str
) -> None:
    proxy = worker.proxy()
    method = proxy.fail
    worker.stop(timeout=PATIENCE)
    thing = Thing()
    freed = weakref.ref(thing)
    future = worker.ask(thing, block=False) if how == "message" else method(thing)
    del thing
    assert freed() is None
    with pytest.raises(pykka.ActorDeadError):
        future.get(timeout=PATIENCE)


@pytest.mark.parametrize("how", ["message", "argument"])
def test_an_ask_that_is_buried_lets_go_of_its_message(
    worker: pykka.ActorRef[Worker], how: str
) -> None:
    may_end = threading.Event()
    proxy = worker.proxy()
    worker.tell(may_end)
    stopped = worker.stop(block=False)
    thing = Thing()
    freed = weakref.ref(thing)
    future = worker.ask(thing, block=False) if how == "message" else proxy.fail(thing)
    del thing
    may_end.set()
    assert stopped.get(timeout=PATIENCE) is True
    with pytest.raises(pykka.ActorDeadError):
        future.get(timeout=PATIENCE)
    wait_until(lambda: freed() is None, "the message is freed")


@pytest.mark.parametrize("function", [lambda _value: 1, fail], ids=["value", "exception"])
def test_a_derived_future_that_is_computed_lets_go_of_its_sources(
    function: Callable[[Any], Any],
) -> None:
    thing = Thing()
    source: pykka.ThreadingFuture[Thing] = pykka.ThreadingFuture()
    source.set(thing)
    derived: Any = source.map(function)
    derived.exception()
    freed = weakref.ref(source)
    del source, thing
    assert freed() is None
    assert derived.done()


def test_awaits_that_are_cancelled_leave_nothing_in_the_sources() -> None:
    first: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    second: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    derived = first.join(second).map(list)

    async def read() -> object:
        return await derived

    async def cancel_many() -> None:
        for _ in range(10):
            task = asyncio.ensure_future(read())
            while len(first._log) < 1:  # noqa: ASYNC110 - no event says so
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (first._log, second._log) == ([], [])

    asyncio.run(cancel_many())


def test_as_completed_that_is_refused_leaves_nothing_behind() -> None:
    plain: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    derived = plain.map(str)
    hooked: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    hooked.set_get_hook(lambda _timeout: 1)
    before = len(hooked._log)
    for futures in ([plain, hooked], [derived, hooked], [derived.join(hooked), plain]):
        with pytest.raises(TypeError, match="cannot tell when"):
            pykka.as_completed(futures)
        assert plain._log == []
        assert len(hooked._log) == before
