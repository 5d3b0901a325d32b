"""Questions that are cancelled by way of what goes around a ref."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE

import pykka
from pykka.resilience import CircuitBreaker

if TYPE_CHECKING:
    from collections.abc import Iterator


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
