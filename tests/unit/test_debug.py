"""Helpers for debugging."""

from __future__ import annotations

import asyncio
import re
import signal
import threading
from typing import TYPE_CHECKING

import pytest
from tests.leaks import PATIENCE

import pykka
from pykka import debug

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Log


class Sleeper(pykka.ThreadingActor):
    def __init__(self, entered: threading.Event, may_end: threading.Event) -> None:
        super().__init__()
        self.entered = entered
        self.may_end = may_end

    def sleep_well(self) -> None:
        self.entered.set()
        assert self.may_end.wait(PATIENCE)


@pytest.fixture
def sleeper() -> Iterator[pykka.ActorRef[Sleeper]]:
    """An actor that is in its method `sleep_well`."""
    entered, may_end = threading.Event(), threading.Event()
    ref = Sleeper.start(entered, may_end)
    ref.proxy().sleep_well.defer()
    assert entered.wait(PATIENCE)
    yield ref
    may_end.set()


def test_each_thread_gets_a_critical_record_with_its_traceback(
    sleeper: pykka.ActorRef[Sleeper], log: Log
) -> None:
    debug.log_thread_tracebacks()

    records = log.find("CRITICAL")
    assert {record.name for record in records} == {"pykka"}
    assert len(records) >= threading.active_count()
    [mine] = log.find("CRITICAL", "Current state of MainThread ")
    assert f"(ident: {threading.get_ident()}):\n" in mine.message
    assert "test_each_thread_gets_a_critical_record" in mine.message
    assert "debug.log_thread_tracebacks()" in mine.message
    [sleeping] = log.find("CRITICAL", "Current state of Sleeper-")
    assert re.match(r"Current state of Sleeper-\d+ \(ident: \d+\):\n  File ", sleeping.message)
    assert ", in sleep_well\n" in sleeping.message
    assert __file__ in sleeping.message


def test_it_takes_any_arguments_and_returns_nothing(log: Log) -> None:
    assert debug.log_thread_tracebacks(signal.SIGINT, None, key="word") is None  # type: ignore[func-returns-value]

    assert log.find("CRITICAL", "Current state of MainThread")


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="the platform has no SIGUSR1")
def test_it_can_be_a_signal_handler(sleeper: pykka.ActorRef[Sleeper], log: Log) -> None:
    before = signal.signal(signal.SIGUSR1, debug.log_thread_tracebacks)
    try:
        signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert len(log.wait_for("CRITICAL", "Current state of Sleeper-")) == 1


def test_a_thread_that_threading_does_not_know_is_logged_too(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "enumerate", list)

    debug.log_thread_tracebacks()

    assert log.find("CRITICAL", f"Current state of ? (ident: {threading.get_ident()}):")


# --- blocking an event loop ---------------------------------------------------------------------


@pytest.fixture
def warns_about_blocking() -> Iterator[None]:
    debug.warn_about_blocking()
    debug._warned.clear()
    yield
    debug.warn_about_blocking(enabled=False)


class Echo(pykka.ThreadingActor):
    attribute = 0

    def on_receive(self, message: object) -> object:
        return message

    def echo(self) -> object:
        return self


@pytest.mark.usefixtures("warns_about_blocking")
@pytest.mark.parametrize(
    "block",
    [
        lambda ref: ref.ask("hello"),
        lambda ref: ref.ask("hello", timeout=PATIENCE),
        lambda ref: ref.proxy().echo().get(),
        lambda ref: ref.proxy().echo().map(str).get(),
        lambda ref: setattr(ref.proxy(), "attribute", 1),
        lambda ref: ref.stop(),
        lambda ref: list(pykka.as_completed([ref.proxy().slow(), ref.proxy().slow()])),
    ],
    ids=["ask", "with timeout", "get", "derived", "attribute", "stop", "as_completed"],
)
def test_a_blocking_call_in_a_loop_is_warned_about(
    block: Callable[[pykka.ActorRef[Echo]], object],
) -> None:
    class Slow(Echo):
        def slow(self) -> None:
            assert go_on.wait(PATIENCE)

    go_on = threading.Event()

    async def blocker() -> None:
        ref = Slow.start()
        ref.proxy().slow.defer()  # so that none of the calls finds its answer already there
        timer = threading.Timer(0.01, go_on.set)
        timer.start()
        block(ref)
        timer.join()

    with pytest.warns(RuntimeWarning, match="blocks the event loop of its thread") as caught:
        asyncio.run(blocker())
    assert caught[0].filename == __file__


@pytest.mark.usefixtures("warns_about_blocking")
def test_what_does_not_block_a_loop_is_not_warned_about() -> None:
    async def main() -> None:
        ref = Echo.start()
        assert await ref.ask("hello", block=False) == "hello"
        future = ref.ask("hello", block=False)
        await future
        assert future.get() == "hello"
        ref.tell("hello")
        assert await asyncio.to_thread(ref.ask, "hello") == "hello"
        await ref.stop(block=False)

    asyncio.run(main())
    assert Echo.start().ask("no loop here") == "no loop here"


def test_it_is_off_until_it_is_switched_on() -> None:
    async def main() -> object:
        return Echo.start().ask("hello")

    assert asyncio.run(main()) == "hello"
