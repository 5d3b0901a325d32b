"""Futures, where threads or users' own classes come in; see also `test_future_model.py`."""

from __future__ import annotations

import asyncio
import copy
import pickle
import queue
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE

import pykka
from pykka._envelope import Envelope
from pykka._futures import threading_future

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Log


class OwnFuture(pykka.Future[Any]):
    """The least that a user's own future has to do."""

    def __init__(self) -> None:
        super().__init__()
        self._slot: queue.Queue[Any] = queue.Queue(1)
        self._kept: list[Any] = []

    def get(self, *, timeout: float | None = None) -> Any:
        if self._lazy is not None:
            return super().get(timeout=timeout)
        if not self._kept:
            try:
                self._kept.append(self._slot.get(timeout=timeout))
            except queue.Empty:
                raise pykka.Timeout from None
        if isinstance(self._kept[0], BaseException):
            raise self._kept[0]
        return self._kept[0]

    def set(self, value: Any = None) -> None:
        self._slot.put_nowait(value)

    def set_exception(self, exc_info: Any = None) -> None:
        self._slot.put_nowait(exc_info[1])


# --- the interface, and futures of users ---------------------------------------------------------


@pytest.mark.parametrize("name", ["get", "set", "set_exception"])
def test_the_interface_says_that_a_subclass_is_needed(name: str) -> None:
    future: pykka.Future[Any] = pykka.Future()
    with pytest.raises(NotImplementedError, match=r"use a subclass.*ThreadingFuture"):
        getattr(future, name)()
    assert not future.done()


def test_a_users_future_has_all_combinators() -> None:
    future = OwnFuture()
    derived = future.map(lambda values: [v + 1 for v in values]).filter(lambda v: v > 2)
    total = derived.reduce(lambda a, b: a + b).join(future)
    with pytest.raises(pykka.Timeout):
        total.get(timeout=0.01)
    future.set([1, 2, 3])
    assert total.get(timeout=PATIENCE) == [7, [1, 2, 3]]
    assert isinstance(total, OwnFuture)


def test_a_users_future_may_be_mixed_with_the_librarys() -> None:
    own = OwnFuture()
    ours: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    both = ours.join(own)
    ours.set(1)
    own.set(2)
    assert not both.done(), "nobody can tell, so it is done when it has been read"
    assert both.get(timeout=PATIENCE) == [1, 2]
    assert both.done()


def test_an_exception_of_a_users_future_is_passed_on() -> None:
    own = OwnFuture()
    own.set_exception((ValueError, ValueError("no"), None))
    with pytest.raises(ValueError, match="no"):
        own.map(str).get()


def test_a_get_hook_of_a_users_future_is_called_once() -> None:
    own = OwnFuture()
    own.set_get_hook(lambda timeout: [timeout])
    assert own.get(timeout=3) is own.get()
    with pytest.raises(pykka.FutureAlreadySetError):
        own.set_get_hook(lambda _timeout: None)


def test_an_actor_class_may_bring_its_future() -> None:
    class Echo(pykka.ThreadingActor):
        @staticmethod
        def _create_future() -> pykka.Future[Any]:
            return OwnFuture()

        def on_receive(self, message: Any) -> Any:
            if message == "fail":
                raise ValueError(message)
            return message

    ref = Echo.start()
    future = ref.ask("hello", block=False)
    assert isinstance(future, OwnFuture)
    assert future.get(timeout=PATIENCE) == "hello"
    with pytest.raises(ValueError, match="fail"):
        ref.ask("fail", timeout=PATIENCE)
    assert ref.stop(timeout=PATIENCE) is True
    with pytest.raises(pykka.ActorDeadError):
        ref.ask("hello")


def test_a_copy_of_a_future_is_the_future() -> None:
    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    assert copy.copy(future) is future
    assert copy.deepcopy({"reply to": [future]})["reply to"][0] is future


def test_a_future_that_is_pickled_says_what_to_do() -> None:
    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    with pytest.raises(TypeError, match=r"cannot be pickled.*Send its value"):
        pickle.dumps(future)


# --- as_completed --------------------------------------------------------------------------------


def test_as_completed_yields_in_the_order_of_arrival() -> None:
    futures: list[pykka.ThreadingFuture[int]] = [pykka.ThreadingFuture() for _ in range(4)]
    arrivals = iter(pykka.as_completed(futures, timeout=PATIENCE))
    for number in (2, 0, 3, 1):
        futures[number].set(number)
        assert next(arrivals) is futures[number]
    assert next(arrivals, None) is None


def test_as_completed_wakes_up_for_another_thread() -> None:
    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    arrivals = pykka.as_completed([future], timeout=PATIENCE)
    thread = threading.Timer(0.01, future.set, args=(1,))
    thread.start()
    assert [f.get() for f in arrivals] == [1]
    thread.join()


def test_as_completed_that_is_given_up_forgets_its_waiters() -> None:
    done: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    never: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    done.set(1)
    for future in pykka.as_completed([never, done]):
        assert future is done
        break
    with pytest.raises(pykka.Timeout):
        list(pykka.as_completed([never], timeout=0))
    assert never._log == []


def test_as_completed_refuses_what_cannot_tell_when_it_is_done() -> None:
    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    future.set_get_hook(lambda _timeout: 1)
    with pytest.raises(TypeError, match="cannot tell when"):
        pykka.as_completed([future])
    with pytest.raises(TypeError, match="takes futures, not 'a string'"):
        pykka.as_completed(["a string"])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="non-negative"):
        pykka.as_completed([], timeout=-1)


# --- callbacks -----------------------------------------------------------------------------------


def test_a_callback_that_raises_is_logged_and_the_others_are_called(log: Log) -> None:
    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    called: list[Any] = []
    future.add_done_callback(lambda _future: 1 / 0)
    future.add_done_callback(called.append)
    future.set(1)
    assert called == [future]
    (record,) = log.find("ERROR", "A callback of")
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


def test_a_callback_may_read_and_may_add_callbacks() -> None:
    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    called: list[int] = []
    future.add_done_callback(
        lambda f: f.add_done_callback(lambda f: called.append(f.get(timeout=0)))
    )
    future.set(1)
    assert called == [1]


# --- exceptions ----------------------------------------------------------------------------------


def _raised() -> tuple[Any, Any, Any]:
    try:
        raise ValueError("no")  # noqa: TRY301
    except ValueError:
        return sys.exc_info()


@pytest.mark.parametrize(
    "form",
    [
        lambda info: info,
        list,
        lambda info: info[1],
        lambda info: (info[0], info[1], None),
    ],
    ids=["tuple", "list", "exception", "tuple without traceback"],
)
def test_every_form_of_an_exception_keeps_its_traceback(
    form: Callable[[tuple[Any, Any, Any]], Any],
) -> None:
    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    info = _raised()
    future.set_exception(form(info))
    with pytest.raises(ValueError, match="no") as caught:
        future.get()
    assert caught.value is info[1]
    assert "_raised" in [entry.name for entry in caught.traceback]


def test_a_tuple_with_a_class_only_makes_the_exception() -> None:
    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    future.set_exception((KeyError, None, None))
    assert isinstance(future.exception(), KeyError)


@pytest.mark.parametrize("rubbish", ["no", 1, (), (1, 2), (None, None, None), (None, "no", None)])
def test_what_is_no_exception_is_refused(rubbish: Any) -> None:
    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    with pytest.raises(TypeError, match="takes an exception or a tuple"):
        future.set_exception(rubbish)
    assert not future.done()


def test_without_an_argument_there_has_to_be_an_exception() -> None:
    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    with pytest.raises(ValueError, match="call it from an except block"):
        future.set_exception()
    assert not future.done()


def test_a_traceback_does_not_grow_with_each_read() -> None:
    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    future.set_exception(_raised())
    lengths = set()
    for _ in range(3):
        with pytest.raises(ValueError, match="no") as caught:
            future.get()
        lengths.add(len(caught.traceback))
    assert len(lengths) == 1


# --- get-hooks and derived futures, read by many -------------------------------------------------


def _read_in_threads(future: pykka.Future[Any], count: int) -> list[Any]:
    results: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threads = [
        threading.Thread(target=lambda: results.put(future.get(timeout=PATIENCE)))
        for _ in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [results.get(timeout=PATIENCE) for _ in range(count)]


def test_threads_that_read_at_once_call_a_hook_once() -> None:
    calls: list[float | None] = []
    barrier = threading.Event()

    def hook(timeout: float | None) -> object:
        calls.append(timeout)
        barrier.wait(0.02)
        return object()

    future: pykka.ThreadingFuture[object] = pykka.ThreadingFuture()
    future.set_get_hook(hook)
    results = _read_in_threads(future, 8)
    assert len(calls) == 1
    assert all(result is results[0] for result in results)


def test_threads_that_read_at_once_call_the_function_of_a_map_once() -> None:
    calls: list[int] = []
    source: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()

    def compute(value: int) -> object:
        calls.append(value)
        return object()

    future = source.map(compute)
    threading.Timer(0.02, source.set, args=(1,)).start()
    results = _read_in_threads(future, 8)
    assert calls == [1]
    assert all(result is results[0] for result in results)


def test_who_waits_for_a_hook_in_another_thread_has_a_deadline_of_its_own() -> None:
    entered, leave = threading.Event(), threading.Event()

    def hook(_timeout: float | None) -> str:
        entered.set()
        assert leave.wait(PATIENCE)
        return "value"

    future: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()
    future.set_get_hook(hook)
    reader = threading.Thread(target=future.get)
    reader.start()
    assert entered.wait(PATIENCE)
    with pytest.raises(pykka.Timeout):
        future.get(timeout=0.01)
    leave.set()
    assert future.get(timeout=PATIENCE) == "value"
    reader.join()


def test_a_hook_that_failed_is_called_again_by_who_waited_with_what_time_is_left() -> None:
    entered, leave = threading.Event(), threading.Event()
    timeouts: list[float | None] = []

    def hook(timeout: float | None) -> str:
        timeouts.append(timeout)
        if len(timeouts) == 1:
            entered.set()
            assert leave.wait(PATIENCE)
            raise pykka.Timeout
        return "value"

    future: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()
    future.set_get_hook(hook)
    failed: queue.SimpleQueue[object] = queue.SimpleQueue()

    def read() -> None:
        try:
            future.get()
        except pykka.Timeout as error:
            failed.put(error)

    first = threading.Thread(target=read)
    first.start()
    assert entered.wait(PATIENCE)
    second = threading.Thread(target=lambda: failed.put(future.get(timeout=PATIENCE)))
    second.start()
    while len(future._lazy._turns) < 2:  # type: ignore[union-attr]
        pass
    leave.set()
    first.join()
    second.join()
    assert isinstance(failed.get(timeout=PATIENCE), pykka.Timeout)
    assert failed.get(timeout=PATIENCE) == "value"
    assert timeouts[0] is None
    assert timeouts[1] is not None
    assert 0 < timeouts[1] < PATIENCE


def test_a_hook_that_reads_its_own_future_is_an_error_and_no_hang() -> None:
    future: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()
    future.set_get_hook(lambda _timeout: future.get())
    with pytest.raises(RuntimeError, match="reads that same future"):
        future.get()


def test_a_map_that_reads_itself_is_an_error_and_no_hang() -> None:
    source: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    futures: list[pykka.Future[Any]] = []
    futures.append(source.map(lambda _value: futures[0].get()))
    source.set(1)
    with pytest.raises(RuntimeError, match="reads that same future"):
        futures[0].get()


class UnsettableFuture(OwnFuture):
    """A future that somebody else has resolved already."""

    def set(self, value: Any = None) -> None:
        raise queue.Full(value)

    def set_exception(self, exc_info: Any = None) -> None:
        raise queue.Full(exc_info)


@pytest.mark.parametrize("message", ["succeed", "fail"])
def test_a_reply_that_cannot_be_set_is_logged_and_the_actor_lives_on(
    log: Log, message: str
) -> None:
    class Echo(pykka.ThreadingActor):
        def on_receive(self, message: Any) -> Any:
            if message == "fail":
                raise ValueError(message)
            return message

    ref = Echo.start()
    ref.actor_inbox.put(Envelope(message, UnsettableFuture()))
    assert ref.ask("still there?", timeout=PATIENCE) == "still there?"
    (record,) = log.find("WARNING", "dropped")
    assert str(ref) in record.message


def test_a_class_that_cannot_be_called_without_arguments_says_so_itself() -> None:
    class Picky(Exception):
        def __init__(self, code: int) -> None:
            super().__init__(code)

    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    with pytest.raises(TypeError, match="'code'"):
        future.set_exception((Picky, None, None))  # type: ignore[arg-type]
    assert not future.done()


class ReadMeanwhile(pykka.ThreadingFuture[Any]):
    """Somebody in another thread reads it just when it was found out that it has a hook."""

    def _when_ready(self, waiter: Callable[[], object]) -> bool:
        ready = super()._when_ready(waiter)
        thread = threading.Thread(target=self.get)
        thread.start()
        thread.join(PATIENCE)
        return ready


def test_a_callback_that_races_the_read_of_a_hook_is_called() -> None:
    future = ReadMeanwhile()
    future.set_get_hook(lambda _timeout: 1)
    called: list[object] = []
    future.add_done_callback(called.append)
    assert called == [future]


class SetMeanwhile(pykka.ThreadingFuture[Any]):
    """Is set just after somebody began to wait for it."""

    is_set = False

    def _when_ready(self, waiter: Callable[[], object]) -> bool:
        ready = super()._when_ready(waiter)
        if not self.is_set:
            self.is_set = True
            self.set(1)
        return ready


@pytest.mark.parametrize("how", ["callback", "await", "as_completed"])
def test_a_future_joined_with_itself_is_never_missed(how: str) -> None:
    source = SetMeanwhile()
    joined: Any = source.join(source)
    joined.is_set = True  # it is of the same class, and not to be set

    async def read() -> object:
        return await joined

    if how == "callback":
        called: list[object] = []
        joined.add_done_callback(called.append)
        assert called == [joined]
    elif how == "await":
        assert asyncio.run(asyncio.wait_for(read(), PATIENCE)) == [1, 1]
    else:
        assert list(pykka.as_completed([joined], timeout=PATIENCE)) == [joined]
    assert joined.get(timeout=PATIENCE) == [1, 1]


def test_a_join_that_is_served_twice_by_one_source_waits_for_the_other() -> None:
    """A signal handler that raises may have the library serve a waiter twice."""
    first: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    second: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    joined: Any = first.join(second)
    seen: list[bool] = []
    joined.add_done_callback(lambda future: seen.append(future.done()))
    (waiter,) = first._log
    assert callable(waiter)
    first.set(1)
    waiter()
    assert seen == []
    second.set(2)
    assert seen == [True]


def test_a_future_that_arrives_twice_is_yielded_once() -> None:
    first: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    second: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    arrivals = pykka.as_completed([first, second], timeout=PATIENCE)
    (waiter,) = first._log
    assert callable(waiter)
    first.set(1)
    waiter()
    second.set(2)
    assert list(arrivals) == [first, second]


def test_who_comes_when_a_reader_has_just_made_the_value_is_called_at_once() -> None:
    """It had looked before, and then the sources were there that are needed no more."""
    source: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    derived: Any = source.map(str)
    source.set(1)
    lazy = derived._lazy
    assert derived.get() == "1"
    called: list[str] = []
    assert threading_future._when_all_ready(lazy, lambda: called.append("called"))
    assert called == ["called"]
    assert lazy.ticks == {}


def test_an_actor_class_may_make_its_futures_from_those_of_the_library() -> None:
    made: list[Any] = []

    class Own(pykka.ThreadingActor):
        @staticmethod
        def _create_future() -> Any:
            made.append(pykka.ThreadingActor._create_future())
            return made[-1]

        def on_receive(self, message: Any) -> Any:
            return message

    future = Own.start().ask("message", block=False)
    assert type(future) is pykka.ThreadingFuture
    assert made == [future]
    assert future.get(timeout=PATIENCE) == "message"
