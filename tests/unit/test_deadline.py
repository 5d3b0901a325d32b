"""Timeouts: what counts as one, and that a deadline does not start anew."""

from __future__ import annotations

import threading
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from tests.leaks import PATIENCE

import pykka
from pykka import Timeout
from pykka._futures.deadline import Deadline, check_timeout
from pykka._util.thread_state import current
from pykka._util.world import World


@pytest.mark.parametrize("timeout", [0, 0.0, 1, 1.5, True, Fraction(1, 2), Decimal("0.5"), 1e300])
def test_a_number_of_seconds_is_a_timeout(timeout: Any) -> None:
    check_timeout(timeout)
    remaining = Deadline(timeout).remaining()
    assert remaining is not None
    assert 0 <= remaining <= threading.TIMEOUT_MAX


@pytest.mark.parametrize("timeout", [-1, -0.001, float("nan"), float("-inf")])
def test_a_negative_timeout_is_refused(timeout: float) -> None:
    with pytest.raises(ValueError, match=rf"non-negative number, not {timeout!r}.*None to wait"):
        Deadline(timeout)


@pytest.mark.parametrize("timeout", ["1", b"1", [], object])
def test_what_is_no_number_is_refused(timeout: Any) -> None:
    with pytest.raises(TypeError, match="a number of seconds or None, not"):
        Deadline(timeout)


def test_a_deadline_counts_down_and_stays_at_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Told(World):
        def monotonic(self) -> float:  # type: ignore[override]
            return now

    now = 100.0
    monkeypatch.setattr(current.state, "world", Told())
    deadline = Deadline(5)
    assert deadline.remaining() == 5
    now = 103.0
    assert deadline.remaining() == 2
    now = 110.0
    assert deadline.remaining() == 0
    assert str(deadline.expired()) == "5 seconds passed without a result"


def test_no_timeout_is_no_deadline() -> None:
    assert Deadline(None).remaining() is None


def test_any_kind_of_number_is_a_timeout_of_every_call() -> None:
    class Echo(pykka.ThreadingActor):
        def on_receive(self, message: object) -> object:
            return message

    short: Any = Decimal("0.001")
    long: Any = Decimal(PATIENCE)
    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    with pytest.raises(Timeout):
        future.get(timeout=short)
    with pytest.raises(Timeout):
        future.map(str).get(timeout=short)
    ref = Echo.start()
    assert ref.ask("hello", timeout=long) == "hello"
    assert ref.stop(timeout=long) is True
