"""A reply is given while its actor ends and its asker begins to wait: every interleaving."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.interleave import Scenario, SteppedLog, explore, fate, saw, step

import pykka
from pykka._futures import ask as asks
from pykka._futures import reply as replies
from pykka._futures.ask import Ask
from pykka._futures.promise import Promise
from pykka._lifecycle.later import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable


class Owed(dict[Any, None]):
    """What an actor owes, likewise."""

    def __setitem__(self, promise: Any, value: None) -> None:
        step("owe")
        super().__setitem__(promise, value)

    def copy(self) -> dict[Any, None]:
        step("look what is owed")
        saw(len(self))
        return dict(self)

    def pop(self, promise: Any, *default: Any) -> Any:
        step("owe no more")
        return super().pop(promise, *default)


def shown(entry: Any) -> Hashable:
    """What can be said of an entry in each run alike."""
    if isinstance(entry, tuple):
        return entry[0] if entry[1] is None else type(entry[1][0]).__name__
    return type(entry).__name__


class Question(Ask):
    """A question, whose log is one of steps."""

    def __init__(self) -> None:
        super().__init__()
        self.message = "message"
        self._answered_by = None
        self._log = SteppedLog(shown)


class Cell:
    """As much of an actor's cell as a promise needs; in the order of `Cell`."""

    def __init__(self) -> None:
        self._actor: object = "actor"
        self.owed = Owed()

    @property
    def actor(self) -> object:
        step("look whether the actor has ended")
        saw(self._actor is None)
        return self._actor

    def note_promise(self, promise: Promise) -> None:
        self.owed[promise] = None
        if self.actor is None:
            promise.refuse()

    def drop_promise(self, promise: Promise) -> None:
        self.owed.pop(promise, None)

    def dead_error(self, reason: str) -> pykka.ActorDeadError:
        return pykka.ActorDeadError(reason)

    def end(self) -> None:
        step("end")
        self._actor = None
        for promise in self.owed.copy():
            promise.refuse()


class Held(Reply[Any]):
    """A reply that is not given when it is freed: that may be in the middle of another run."""

    __slots__ = ()

    def __del__(self) -> None:
        pass


@pytest.fixture(autouse=True)
def watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asks, "_OUR_FUTURES", {Question})


class World:
    """A question, its promised reply, and what becomes of them."""

    def __init__(self, *, entered: bool) -> None:
        self.cell = Cell()
        self.ask = Question()
        self.promise = Promise(self.cell, self.ask)
        self.promise._answers = SteppedLog(shown)
        self.entered = entered
        if entered:
            self.promise.enter()
        self.reply = Held(self.promise)
        self.told: dict[str, object] = {}
        self.calls = 0

    def promise_and_return(self) -> None:
        self.promise.enter()
        outcome = (None, None)  # what the handler returns
        self.ask._log.append(outcome)
        replies.settle("actor", self.ask, outcome)

    def give(self, name: str) -> None:
        try:
            self.told[name] = self.reply.set(name)
        except pykka.FutureAlreadySetError:
            self.told[name] = "given already"

    def fail(self) -> None:
        replies.reply_exception("actor", self.ask, ValueError())

    def wait(self) -> None:
        def waiter() -> None:
            step("be called")
            self.calls += 1

        if self.ask._enter(waiter) is not None:
            self.ask._serve_late(waiter)

    def state(self) -> Hashable:
        return (
            tuple(map(shown, list.__iter__(self.ask._log))),
            tuple(map(shown, list.__iter__(self.promise._answers))),
            len(self.cell.owed),
            self.cell._actor,
            shown(self.ask._outcome) if self.ask._outcome else None,
            min(self.calls, 1),
            self.ask._promise is None,
        )

    def check(self, waits: bool) -> None:
        found = fate(self.ask)
        assert found is not None, "the asker has no answer"
        assert not self.cell.owed
        assert self.calls >= waits
        given = [name for name, told in self.told.items() if told is True]
        if given:
            assert [(given[0], None)] == [found]
            assert len(given) == 1
        else:
            assert found in ("ActorDeadError", "ValueError")
            assert not any(told == "given already" for told in self.told.values())


TASKS: dict[str, Callable[[World], Callable[[], object]]] = {
    "giver": lambda world: lambda: world.give("giver"),
    "other giver": lambda world: lambda: world.give("other giver"),
    "closer": lambda world: world.cell.end,
    "handler that fails": lambda world: world.fail,
    "asker": lambda world: world.wait,
}


@pytest.mark.parametrize(
    "names",
    [
        ("giver", "closer"),
        ("giver", "other giver"),
        ("giver", "asker"),
        ("closer", "handler that fails", "asker"),
        pytest.param(("giver", "closer", "asker"), marks=pytest.mark.exhaustive),
        pytest.param(("giver", "other giver", "closer"), marks=pytest.mark.exhaustive),
        pytest.param(("giver", "handler that fails", "asker"), marks=pytest.mark.exhaustive),
    ],
)
def test_one_answer_arrives(names: tuple[str, ...]) -> None:
    def make() -> Scenario:
        world = World(entered=True)
        tasks = {name: TASKS[name](world) for name in names}
        return Scenario(tasks, world.state, lambda: world.check("asker" in names))

    report = explore(make, preemptions=3)
    assert report.complete > 1


@pytest.mark.parametrize(
    "names", [("closer",), pytest.param(("closer", "asker"), marks=pytest.mark.exhaustive)]
)
def test_what_is_promised_while_the_actor_ends_is_answered(names: tuple[str, ...]) -> None:
    """Its code is abandoned, and still runs."""

    def make() -> Scenario:
        world = World(entered=False)
        tasks: dict[str, Any] = {name: TASKS[name](world) for name in names}
        tasks["handler"] = world.promise_and_return
        return Scenario(tasks, world.state, lambda: world.check("asker" in names))

    assert explore(make, preemptions=3).complete > 1


class Forgetful(Cell):
    """It looks whether the actor has ended before it notes what it owes."""

    def note_promise(self, promise: Promise) -> None:
        if self.actor is None:
            promise.refuse()
        self.owed[promise] = None


def test_the_exploration_finds_a_promise_that_is_noted_too_late() -> None:
    def make() -> Scenario:
        world = World(entered=False)
        world.cell = world.promise._cell = Forgetful()  # type: ignore[assignment]
        tasks = {"closer": world.cell.end, "handler": world.promise_and_return}
        return Scenario(tasks, world.state, lambda: world.check(waits=False))

    with pytest.raises(AssertionError):
        explore(make)


def test_a_cell_of_the_library_does_it_in_this_order() -> None:
    """The stand-in above does what it does; so the two are compared."""
    notes: list[str] = []

    class Owing(dict[Any, None]):
        def __setitem__(self, promise: Any, value: None) -> None:
            notes.append("owe")

    class Ended(pykka._cell.cell.Cell):  # type: ignore[name-defined, misc]
        __slots__ = ()

        @property
        def actor(self) -> None:
            notes.append("look")

        def __init__(self) -> None:
            pass

        def need_extension(self) -> Any:
            return SimpleNamespace(owed=Owing())

    promise = SimpleNamespace(refuse=lambda: notes.append("refuse"))
    Ended().note_promise(promise)
    assert notes == ["owe", "look", "refuse"]
