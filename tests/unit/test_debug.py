"""Helpers for debugging."""

from __future__ import annotations

import re
import signal
import threading
from typing import TYPE_CHECKING

import pytest
from tests.leaks import PATIENCE

import pykka
from pykka import debug

if TYPE_CHECKING:
    from collections.abc import Iterator

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
