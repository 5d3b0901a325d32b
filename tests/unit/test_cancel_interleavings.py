"""Askers cancel while the actor comes to the question: every interleaving of their steps."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.interleave import Scenario, SteppedLog, explore, saw, step

import pykka
from pykka._futures import ask as asks
from pykka._futures.ask import Ask, CallAsk
from pykka._futures.unhandled import recall as recalls
from pykka._lifecycle import invoke
from pykka._lifecycle.invoke import SetAside

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable


def shown(value: Any) -> Hashable:
    """What can be said of something in each run alike."""
    if isinstance(value, recalls.RecalledMessage):
        return "recalled", shown(value.content)
    if isinstance(value, tuple) and len(value) == 2:  # an outcome
        return value[0] if value[1] is None else type(value[1][0]).__name__
    return value if isinstance(value, (str, tuple, type(None))) else type(value).__name__


class Recall(recalls.Recall):
    """What decides, likewise."""

    __slots__ = ()

    def __init__(self, whose: object) -> None:
        super().__init__(whose)
        self._log = SteppedLog(shown)


def shared(name: str) -> Any:
    """An attribute; to read it and to write it are steps."""

    def read(owner: Any) -> Any:
        step(("read", name))
        value = owner.__dict__["shared " + name]
        saw(shown(value))
        return value

    def write(owner: Any, value: Any) -> None:
        step(("write", name, shown(value)))
        owner.__dict__["shared " + name] = value

    return property(read, write)


class Question(Ask):
    """A question, likewise."""

    message = shared("message")


class Call(CallAsk):
    """A call, likewise."""

    attr_path = shared("path")


class Cell(SimpleNamespace):
    """As much of an actor's cell as is needed."""

    handling = shared("handling")
    extension = None
    awaits = False

    def require_instance(self) -> Any:
        return self.actor

    def need_extension(self) -> Any:
        return self.kept

    def answer_when_ended(self, reply_to: Any, *, answer: object) -> None:
        self.ended = reply_to, answer


class World:
    """A question, the actor that it lies with, and what has come of it."""

    def __init__(self, kind: type[Any], stashes: int = 0) -> None:
        self.handled = 0
        self.stashes = stashes
        actor = SimpleNamespace(on_receive=self.handle, method=lambda: self.handle("message"))
        self.cell = Cell(kept=SimpleNamespace(meter=None, stash=None, tracing=None), actor=actor)
        self.cell.handling = None
        self.ask: Any = kind()
        self.ask._answered_by = self.cell
        self.ask._log = SteppedLog(shown)
        if kind is Call:
            self.ask.attr_path, self.ask.args, self.ask.kwargs = ("method",), (), None
        else:
            self.ask.message = "message"
        self.told: dict[str, bool] = {}

    def handle(self, message: object) -> str:
        assert message == "message"
        if self.stashes:
            self.stashes -= 1
            raise SetAside
        self.handled += 1
        return "answer"

    def run(self) -> None:
        """What the actor does: it handles the question, and again if it was set aside."""
        cell: Any = self.cell
        invoke.handle(cell, self.ask)
        while cell.kept.stash:
            invoke.handle(cell, cell.kept.stash.pop())

    def cancel(self, name: str) -> None:
        self.told[name] = self.ask.cancel()

    def state(self) -> Hashable:
        found = {key: shown(value) for key, value in self.ask.__dict__.items() if "shared" in key}
        recall = self.ask.__dict__.get("_recall")
        return (
            tuple(found.items()),
            shown(self.cell.__dict__["shared handling"]),
            tuple(map(shown, list.__iter__(self.ask._log))),
            None if recall is None else tuple(list.__iter__(recall._log)),
            shown(self.ask._outcome),
            self.handled,
            self.stashes,
            len(self.cell.kept.stash or ()),
        )

    def check(self) -> None:
        error = self.ask.exception(timeout=0)
        if any(self.told.values()):
            assert self.handled == 0
        if self.handled:
            assert (error, self.ask.get(timeout=0)) == (None, "answer")
            assert not any(self.told.values())
        else:
            assert isinstance(error, pykka.AskCancelledError)
            assert any(self.told.values())  # at least one of them was in time
        assert self.ask.cancel() is not bool(self.handled)


@pytest.fixture(autouse=True)
def watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asks, "Recall", Recall)
    # What is done with the questions of the library is done with the stand-ins.
    monkeypatch.setattr(asks, "_OUR_FUTURES", {Question, Call, Hasty})
    monkeypatch.setattr(invoke, "LETTERS", {Question, Call, Hasty})
    monkeypatch.setattr(invoke, "Ask", Question)
    monkeypatch.setattr(invoke, "CallAsk", Call)


def scenario(world: World, cancellers: int) -> Scenario:
    tasks: dict[str, Callable[[], object]] = {"actor": world.run}
    for number in range(cancellers):
        name = f"canceller {number}"
        tasks[name] = lambda name=name: world.cancel(name)  # type: ignore[misc]
    return Scenario(tasks, world.state, world.check)


@pytest.mark.parametrize("kind", [Question, Call])
@pytest.mark.parametrize(
    ("cancellers", "stashes"),
    [
        (1, 0),
        (1, 1),
        pytest.param(2, 0, marks=pytest.mark.exhaustive),
        pytest.param(2, 1, marks=pytest.mark.exhaustive),
    ],
)
def test_a_question_is_handled_or_cancelled(
    kind: type[Any], cancellers: int, stashes: int
) -> None:
    preemptions = None if cancellers == 1 else 3
    report = explore(lambda: scenario(World(kind, stashes), cancellers), preemptions=preemptions)
    assert report.complete > 10


class Hasty(Question):
    """It looks what the actor is at before it says that it wants the question back."""

    def cancel(self, *, interrupt: bool = False) -> bool:
        cell: Any = self._answered_by
        if cell.handling is self:
            return False
        recall = self.__dict__.setdefault("_recall", Recall(cell))
        self._mark(recall)
        return recall.cancel() and self._try_resolve(recall.outcome)


def test_the_exploration_finds_a_canceller_that_looks_too_early() -> None:
    with pytest.raises(AssertionError):
        explore(lambda: scenario(World(Hasty), 1))
