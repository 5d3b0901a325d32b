"""A signal handler may raise between any two steps of a cancellation (guarantee G11)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.injection import CtrlC, inject
from tests.leaks import PATIENCE

import pykka

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("untraced")


class Notes(pykka.Actor):
    """Notes what it has handled."""

    def __init__(self) -> None:
        super().__init__()
        self.handled: list[object] = []

    def on_receive(self, message: Any) -> Any:
        return message(self) if callable(message) else self.note(message)

    def note(self, message: object) -> object:
        self.handled.append(message)
        return message


class Clerk(Notes, pykka.ThreadingActor):
    """On a thread of its own."""


class PooledClerk(Notes, pykka.PooledActor):
    """Run by the thread that waits for it."""


def check_fate(ref: Any, question: Any) -> None:
    """The question was handled, or it was cancelled; its asker knows which."""
    error = question.exception(timeout=PATIENCE)
    handled = ref.ask(lambda clerk: clerk.handled)
    if error is None:
        assert handled == ["x"]
    else:
        assert isinstance(error, pykka.AskCancelledError)
        assert handled == []
    ref.stop()


@pytest.mark.parametrize("way", ["ask", "call"])
def test_the_canceller_is_interrupted(way: str) -> None:
    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        ref = Clerk.start()
        at_it, go_on = threading.Event(), threading.Event()
        ref.tell(lambda _clerk: (at_it.set(), go_on.wait(PATIENCE)))
        assert at_it.wait(PATIENCE)
        question = ref.ask("x", block=False) if way == "ask" else ref.call(Clerk.note, "x")

        def check(interrupted: bool) -> None:
            go_on.set()
            check_fate(ref, question)

        return question.cancel, check

    assert inject(prepare, CtrlC) > 10


@pytest.mark.parametrize("way", ["ask", "call"])
@pytest.mark.parametrize("in_time", [True, False])
def test_the_asker_is_interrupted_that_runs_the_actor(way: str, in_time: bool) -> None:
    """It comes to a question that another asker has wanted back."""

    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        ref: Any = PooledClerk.start()
        cell = ref._cell
        # No worker comes to it before the test's thread does.
        del cell.run_token[0]
        question: Any = ref.ask("x", block=False) if way == "ask" else ref.call(Clerk.note, "x")
        if in_time:
            assert question.cancel()
        else:
            cell.handling, before = question, cell.handling
            assert not question.cancel()
            cell.handling = before
        cell.run_token.append(True)

        def run() -> None:
            pykka.get_all([question]) if not in_time else ref.ask("y")

        def check(interrupted: bool) -> None:
            cell.schedule()
            error = question.exception(timeout=PATIENCE)
            handled = ref.ask(lambda clerk: clerk.handled)
            if in_time:
                assert isinstance(error, pykka.AskCancelledError)
                assert "x" not in handled
            else:
                assert interrupted or (error is None and handled == ["x"])
            ref.stop()

        return run, check

    assert inject(prepare, CtrlC) > 10
