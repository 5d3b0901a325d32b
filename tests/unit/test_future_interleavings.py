"""Waiters come and give up while a future is resolved: every interleaving of their steps."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.futures import waiters_of
from tests.interleave import Scenario, SteppedLog, explore, saw, step

import pykka
from pykka._futures import threading_future
from pykka._futures.ask import Ask
from pykka._lifecycle import invoke

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable


class Log(SteppedLog):
    """A log from which entries are taken as well."""

    def __init__(self) -> None:
        super().__init__(name_of)

    def remove(self, entry: Any) -> None:
        step("remove")
        super().remove(entry)

    def __bool__(self) -> bool:
        step("look whether any are there")
        saw(len(self))
        return len(self) > 0


class Waiters(dict[Any, Any]):
    """The waiters in a crowd, likewise."""

    def __setitem__(self, waiter: Any, value: Any) -> None:
        step("join")
        super().__setitem__(waiter, value)

    def copy(self) -> dict[Any, Any]:
        step("copy the crowd")
        found = super().copy()
        saw(tuple(map(name_of, found)))
        return found

    def pop(self, waiter: Any, *default: Any) -> Any:
        step("leave")
        found = super().pop(waiter, *default)
        saw(found is None)
        return found


class Crowd(threading_future.Crowd):
    """A crowd, likewise."""

    __slots__ = ("entered",)

    def __init__(self) -> None:
        self.entered = False
        super().__init__()
        self.waiters = Waiters()

    @property
    def is_entered(self) -> bool:  # type: ignore[override]
        step("look whether the crowd is in the log")
        saw(self.entered)
        return self.entered

    @is_entered.setter
    def is_entered(self, value: bool) -> None:
        step("say that the crowd is in the log")
        self.entered = value


class Question(Ask):
    """A future, likewise."""

    __slots__ = ("first",)

    def __init__(self) -> None:
        self.first: Any = None
        super().__init__()
        self.message = SimpleNamespace()
        self._answered_by = None
        self._log = Log()

    def __getattribute__(self, name: str) -> Any:
        if name == "_crowd":
            step("look at the crowd")
            saw(name in super().__getattribute__("__dict__"))
        return super().__getattribute__(name)

    @property
    def _outcome(self) -> Any:  # type: ignore[override]
        step("look at the outcome")
        saw(self.first)
        return self.first

    @_outcome.setter
    def _outcome(self, value: Any) -> None:
        step("write the outcome")
        self.first = value


def name_of(entry: Any) -> Hashable:
    """What can be said of an entry in each run alike."""
    return entry if isinstance(entry, tuple) else getattr(entry, "name", type(entry).__name__)


class Waiter:
    """Counts how often it is called."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.calls = 0

    def __call__(self) -> None:
        step("be called")
        self.calls += 1


def resolve(future: Question, how: str) -> None:
    """Have the future set, or answered by an actor."""
    if how == "set":
        future.set("answer")
    else:
        actor = SimpleNamespace(on_receive=lambda _message: "answer")
        invoke.handle(SimpleNamespace(actor=actor, handling=None), future)  # type: ignore[arg-type]


def make(how: str, before: list[str], come: list[str], leave: list[str]) -> Scenario:
    """Some wait already; some come, some of all these give up, and the future is resolved."""
    future = Question()
    waiters = {name: Waiter(name) for name in (*before, *come)}
    for name in before:
        assert future._enter(waiters[name]) is None

    def enter(waiter: Waiter) -> None:
        if future._enter(waiter) is not None:
            future._serve_late(waiter)
        if waiter.name in leave:
            future._forget(waiter)

    def state() -> Hashable:
        crowd = future.__dict__.get("_crowd")
        return (
            tuple(map(name_of, list.__iter__(future._log))),
            None if crowd is None else (crowd.entered, *map(name_of, crowd.waiters)),
            future.first,
            tuple(min(each.calls, 1) for each in waiters.values()),
        )

    def check() -> None:
        assert future.get(timeout=0) == "answer"
        asleep = [name for name, each in waiters.items() if not each.calls and name not in leave]
        assert asleep == []
        assert waiters_of(future) == []

    tasks: dict[str, Callable[[], object]] = {"resolver": lambda: resolve(future, how)}
    for name in come:
        tasks[name] = lambda waiter=waiters[name]: enter(waiter)  # type: ignore[misc]
    for name in leave:
        if name in before:
            tasks[name] = lambda waiter=waiters[name]: future._forget(waiter)  # type: ignore[misc]
    return Scenario(tasks, state, check)


@pytest.mark.thinned
@pytest.mark.parametrize("how", ["set", "handle"])
@pytest.mark.parametrize(
    ("before", "come", "leave"),
    [
        ([], ["a", "b"], []),
        pytest.param(["a"], ["b", "c"], [], marks=pytest.mark.exhaustive),
        (["a", "b"], ["c"], []),
        pytest.param(["a", "b"], ["c"], ["a"], marks=pytest.mark.exhaustive),
        pytest.param(["a", "b"], ["c"], ["b"], marks=pytest.mark.exhaustive),
        (["a"], ["b"], ["a"]),
    ],
)
def test_no_waiter_sleeps_for_ever(
    monkeypatch: pytest.MonkeyPatch, how: str, before: list[str], come: list[str], leave: list[str]
) -> None:
    monkeypatch.setattr(threading_future, "Crowd", Crowd)
    preemptions = 1 if len(come) + len(before) > 2 and not leave and before == ["a"] else 2
    report = explore(lambda: make(how, before, come, leave), preemptions=preemptions)
    assert report.complete > 1


@pytest.mark.parametrize("how", ["set", "handle"])
def test_a_crowd_is_served_when_the_first_waiter_has_given_up(how: str) -> None:
    future = Question()
    waiters = [Waiter(str(number)) for number in range(4)]
    for waiter in waiters:
        assert future._enter(waiter) is None
    future._forget(waiters[0])
    future._forget(waiters[2])
    resolve(future, how)
    assert [waiter.calls for waiter in waiters] == [0, 1, 0, 1]
    assert waiters_of(future) == []


def test_many_waiters_are_few_entries_of_the_log() -> None:
    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    called: list[int] = []
    for number in range(100):
        future.add_done_callback(lambda _future, number=number: called.append(number))
    assert len(future._log) == 2
    future.set(1)
    assert called == list(range(100))
    assert waiters_of(future) == []
