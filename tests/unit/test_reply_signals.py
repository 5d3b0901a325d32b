"""A signal handler may raise between any two steps of a late reply (guarantee G11)."""

from __future__ import annotations

import contextlib
import gc
import queue
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.injection import CtrlC, inject
from tests.leaks import PATIENCE

import pykka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.usefixtures("untraced", "without_the_collector")


@pytest.fixture
def without_the_collector() -> Iterator[None]:
    """Have no reply freed where the signal handler strikes: Python swallows what is raised there.

    What was left of other tests is freed before.
    """
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Clerk(pykka.ThreadingActor):
    """Does what it is told."""

    def on_receive(self, message: Any) -> Any:
        return message(self) if callable(message) else message


class PooledClerk(pykka.PooledActor):
    """The same, run by the thread that waits."""

    def on_receive(self, message: Any) -> Any:
        return message(self) if callable(message) else message


@pytest.mark.parametrize("waits", [False, True])
def test_who_gives_the_reply_is_interrupted(waits: bool) -> None:
    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        ref = Clerk.start()
        kept: queue.SimpleQueue[pykka.Reply[Any]] = queue.SimpleQueue()
        question = ref.ask(lambda _clerk: kept.put(pykka.reply_later()), block=False)
        reply = kept.get(timeout=PATIENCE)
        ref.ask("it is through with the handler")
        called: queue.SimpleQueue[None] = queue.SimpleQueue()
        if waits:
            question.add_done_callback(lambda _future: called.put(None))

        def check(interrupted: bool) -> None:
            with contextlib.suppress(pykka.FutureAlreadySetError):
                reply.set("late")
            assert question.get(timeout=PATIENCE) == "late"
            if waits:
                called.get(timeout=PATIENCE)
            assert not ref._cell.need_extension().owed
            ref.stop()

        return lambda: reply.set("late"), check

    assert inject(prepare) > 5


@pytest.mark.parametrize("how", ["reply_later", "hand_on"])
def test_the_asker_is_interrupted_that_runs_the_handler(how: str) -> None:
    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        ref, other = PooledClerk.start(), Clerk.start()
        ref.ask("x")
        kept: list[pykka.Reply[Any]] = []

        def reply_at_once(_clerk: object) -> object:
            if how == "hand_on":
                return pykka.hand_on(other.ask("late", block=False))
            reply = pykka.reply_later()
            kept.append(reply)
            reply.set("late")
            return None

        def ask() -> None:
            assert ref.ask(reply_at_once) == "late"

        def check(interrupted: bool) -> None:
            assert ref.ask("y") == "y"
            answers: list[object] = []
            thread = threading.Thread(target=lambda: answers.append(ref.ask(reply_at_once)))
            thread.start()
            thread.join(PATIENCE)
            assert answers == ["late"]
            assert not ref._cell.need_extension().owed
            ref.stop()
            other.stop()

        return ask, check

    assert inject(prepare, CtrlC) > 10
