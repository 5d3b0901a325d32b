"""G3, for death watch: exactly one notice for each watch, whatever races what.

The real code of a watch and of the end of its target runs through every interleaving.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.interleave import Scenario, explore, saw, step

import pykka
from pykka._actor.death_watch import Terminated, Watch, unwatch, watch
from pykka._cell.cell import NOTHING, Cell
from pykka._cell.extension import CellExtension
from pykka._cell.reasons import Killed, Reason, Stopped
from pykka._lifecycle.invoke import handle, next_system_message
from pykka._lifecycle.termination import mark_stopped
from pykka._ref.ref import ref_at

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

_actor: Any = Cell.actor


class SteppedDict(dict[Any, Any]):
    """A dict whose operations are steps."""

    def __setitem__(self, key: Any, value: Any) -> None:
        step("enter")
        super().__setitem__(key, value)

    def pop(self, key: Any, default: Any = None) -> Any:
        step("take out")
        return super().pop(key, default)

    def copy(self) -> dict[Any, Any]:
        step("look")
        found = dict(self)
        saw(len(found))
        return found


class TargetAddress(Cell):
    """The cell of an actor that is watched; its mark is read and written in steps."""

    @property
    def actor(self) -> Any:
        step("read actor")
        value = _actor.__get__(self)
        saw(value is None)
        return value

    @actor.setter
    def actor(self, value: Any) -> None:
        step("write actor")
        _actor.__set__(self, value)


class Target(pykka.ThreadingActor):
    """Is watched, and ends."""

    _pykka_cell_class = TargetAddress


class Watcher(pykka.ThreadingActor):
    """Keeps what it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[Any] = []

    def on_receive(self, message: Any) -> None:
        self.got.append(message)


class ForgetfulWatch(Watch):
    """A watch that looks whether its target has ended before it is entered: a mistake."""

    def begin(self) -> None:
        if self.target.actor is None:
            self.report(self.target.reason)
        else:
            self.target.need_extension().watchers[self] = None


class Race:
    """An actor that watches another one, that ends."""

    def __init__(self, *, is_urgent: bool, unwatches: bool, kills: bool) -> None:
        self.is_urgent = is_urgent
        self.unwatches = unwatches
        self.kills = kills
        self.target: Any = Target()._pykka_cell
        extension = self.target.need_extension()
        assert isinstance(extension, CellExtension)
        extension.watchers = SteppedDict()
        self.actor = Watcher()
        self.watcher: Any = self.actor._pykka_cell
        self.was_watching: bool | None = None

    def _watch(self) -> None:
        ref = ref_at(self.target)
        watch(self.watcher, ref, is_urgent=self.is_urgent)
        if self.unwatches:
            self.was_watching = unwatch(self.watcher, ref)

    def _end(self) -> None:
        if self.kills:
            self.target.kill()
        mark_stopped(self.target)
        self.target.need_extension().note_reason(Stopped())
        self.target.close()

    def _close(self) -> None:
        self.target.close()

    def _read(self) -> None:
        """Handle what the watcher has in its inbox."""
        while True:
            letter = (
                next_system_message(self.watcher) if self.watcher.has_system_messages else NOTHING
            )
            if letter is not NOTHING:
                handle(self.watcher, letter)
            elif not self.watcher.inbox.empty():
                handle(self.watcher, self.watcher.inbox.get())
            elif not self.watcher.has_system_messages:
                return

    def scenario(self) -> Scenario:
        tasks: dict[str, Callable[[], object]] = {
            "watcher": self._watch,
            "end": self._end,
            "second end": self._close,  # of somebody who abandons it just then
        }
        return Scenario(tasks, self._state, self._check)

    def _state(self) -> Hashable:
        extension = self.target.need_extension()
        return (
            len(extension.watchers),
            self.watcher.inbox.qsize(),
            len(self.watcher.need_extension().system_queue),
            len(self.actor.got),
            _actor.__get__(self.target) is None,
        )

    def _check(self) -> None:
        self._read()
        reason: Reason = Killed() if self.kills else self.target.reason
        news = [Terminated(ref_at(self.target), reason)]
        if self.unwatches:
            assert self.was_watching is True
            assert self.actor.got == []
        else:
            assert self.actor.got == news
        assert self.target.need_extension().watchers == {}
        assert self.watcher.need_extension().watching == {}


@pytest.mark.parametrize("is_urgent", [False, True])
@pytest.mark.parametrize("unwatches", [False, True])
@pytest.mark.parametrize("kills", [False, True])
def test_every_interleaving_of_a_watch_and_the_end(
    *, is_urgent: bool, unwatches: bool, kills: bool
) -> None:
    report = explore(
        lambda: Race(is_urgent=is_urgent, unwatches=unwatches, kills=kills).scenario(),
    )
    print(f"{report.runs} runs, {report.complete} complete, {len(report.states)} states")
    assert len(report.states) > 30


def test_the_exploration_finds_the_mistake_it_looks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pykka._actor.death_watch.Watch", ForgetfulWatch)
    with pytest.raises(AssertionError):
        explore(lambda: Race(is_urgent=False, unwatches=False, kills=False).scenario())


def test_a_notice_that_comes_twice_counts_once() -> None:
    race = Race(is_urgent=False, unwatches=False, kills=False)
    race._watch()
    race._end()
    race._close()
    (notice,) = {
        id(each): each for each in race.watcher.need_extension().watching.values()
    }.values()
    notice.report(Stopped())
    assert race.watcher.inbox.qsize() >= 2
    race._check()
