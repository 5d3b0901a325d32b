"""Every interleaving of those who schedule alarms and the clock's thread.

The steps are the operations on what they share: the list of incoming alarms, the time for which
the thread plans to wake up, the bell, and the post of the thread, which leaves and comes again.
Time stands still, and all alarms but those at 0 are due later.
"""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any

import pytest
from tests.interleave import Report, Scenario, begin_anew, explore, saw, step

from pykka.timers import _clock
from pykka.timers._clock import AWAKE, NEVER, MonotonicClock, brief

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable


class End(BaseException):
    """Ends a thread for which there is nothing to wait for any more."""


class SteppedList(list[Any]):
    """A list whose every operation is a step."""

    def append(self, item: Any) -> None:
        step("append")
        super().append(item)

    def copy(self) -> list[Any]:
        step("copy")
        content = self.content()
        saw(content)
        return list(content)

    def __len__(self) -> int:
        step("look")
        length = super().__len__()
        saw(length)
        return length

    def __delitem__(self, index: Any) -> None:
        if isinstance(index, slice):
            assert self.content()[index] == self.content()[: index.stop]
            if index.stop == 0:
                return  # that is no operation on what is shared
        step("delete")
        saw(super().__len__())
        super().__delitem__(index)

    def content(self) -> tuple[Any, ...]:
        """What is in the list; no step."""
        return tuple(super().__iter__())


class SteppedBell:
    """The bell. A wait for it may time out as often as the race allows."""

    def __init__(self, race: Race) -> None:
        self.race = race
        self.tokens = 0

    def qsize(self) -> int:
        step("count tokens")
        saw(self.tokens)
        return self.tokens

    def put(self, _item: None) -> None:
        step("ring the bell")
        self.tokens += 1

    def get(self, timeout: float | None = None) -> None:
        if timeout is not None:
            begin_anew()  # what the thread remembers shows itself in how long it waits
            saw(timeout)
        race = self.race
        step("wait", lambda: self.tokens or race.time_outs or race.is_over())
        saw((self.tokens, race.time_outs))
        if self.tokens:
            self.tokens -= 1
        elif race.time_outs:
            race.time_outs -= 1
            raise queue.Empty
        else:
            race.sleeps_until.append(race.clock.current_plan)
            raise End


@pytest.fixture(autouse=True)
def nothing_holds_up_the_clock() -> None:
    """Here it is the test itself that holds up the threads of its clocks, at each step."""


class SteppedClock(MonotonicClock):
    """The real clock."""

    current_plan = NEVER
    starts_now = False
    race: Race

    def _begin_afresh(self) -> None:
        super()._begin_afresh()
        self._incoming: Any = SteppedList()
        self._vacant: Any = SteppedList([True])

    @property
    def _planned(self) -> float:
        step("read planned")
        saw(self.current_plan)
        return self.current_plan

    @_planned.setter
    def _planned(self, value: float) -> None:
        step("write planned")
        self.current_plan = value

    @property
    def _is_starting(self) -> bool:
        step("read is_starting")
        saw(self.starts_now)
        return self.starts_now

    @_is_starting.setter
    def _is_starting(self, value: bool) -> None:
        step("write is_starting")
        self.starts_now = value


class MistakenClock(SteppedClock):
    """A clock whose thread sleeps in a way of its own."""

    def _plan(self) -> None:
        self._planned = self._heap[0][0] if self._heap else NEVER

    def _wait(self) -> bool:
        try:
            self._bell.get(timeout=1.0)
        except queue.Empty:
            return True
        return False


class BlindClock(MistakenClock):
    """A clock whose thread does not look once more before it sleeps: a mistake."""

    def _sleep(self, *, is_quiet: bool) -> bool:
        self._plan()
        return self._wait()


class DeafClock(MistakenClock):
    """A clock whose thread empties the bell after it has looked: a mistake."""

    def _sleep(self, *, is_quiet: bool) -> bool:
        self._plan()
        if self._incoming.copy():
            return False
        while self._bell.qsize():
            self._bell.get()
        return self._wait()


class SecretiveClock(MistakenClock):
    """A clock whose thread looks before it says for when it plans to wake up: a mistake."""

    def _sleep(self, *, is_quiet: bool) -> bool:
        if self._incoming.copy():
            return False
        self._plan()
        return self._wait()


class HastyClock(SteppedClock):
    """A clock that looks at the thread's plan before it appends: a mistake."""

    def schedule(self, when: float, alarm: Any) -> None:
        planned = self._planned
        self._incoming.append((when, alarm))
        if when < planned:
            self._wake()


class RashClock(SteppedClock):
    """A clock whose thread does not look once more when it has given its post back: a mistake."""

    def _leave(self) -> bool:
        self._planned = NEVER
        self._vacant.append(True)
        return True


@brief
class Alarm:
    """Notes that it rings."""

    is_cancelled = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.rung = 0

    def ring(self) -> None:
        self.rung += 1

    def __repr__(self) -> str:
        return f"{self.name}:{self.rung}"


class Race:
    """Some who schedule an alarm each, and the threads of the clock: one run of them.

    Args:
        clock_class: The clock.
        whens: The times of the alarms.
        present: The time of an alarm that a thread waits for already; `None` if there is none.
        time_outs: How many waits for the bell may time out.
    """

    def __init__(
        self,
        clock_class: type[SteppedClock],
        whens: list[float],
        *,
        present: float | None,
        time_outs: int,
    ) -> None:
        self.senders = len(whens)
        self.starts = 0
        self.threads = 0
        self.time_outs = time_outs
        self.sleeps_until: list[float] = []
        self.alarms = {f"at {when}, {number}": when for number, when in enumerate(whens)}
        self.made = {name: Alarm(name) for name in self.alarms}
        self.clock = clock_class()
        self.clock.race = self
        self.bell: Any = SteppedBell(self)
        self.clock._bell = self.bell
        if present is not None:
            self.clock._heap.append((present, 0, Alarm("present")))
            self.starts = 1
            self.clock._is_starting = True

    def is_over(self) -> bool:
        """Whether nothing will happen any more while the one thread waits."""
        return not self.senders and not self.starts and self.threads == 1

    def _schedule(self, name: str) -> None:
        try:
            self.clock.schedule(self.alarms[name], self.made[name])
        finally:
            self.senders -= 1

    def start_new_thread(self, _function: object, _args: object) -> None:
        step("start a thread")
        self.starts += 1

    def _be_a_thread(self) -> None:
        while True:
            begin_anew()
            step("begin", lambda: self.starts or not self.senders)
            saw(self.starts)
            if not self.starts:
                return
            self.starts -= 1
            self.threads += 1
            try:
                self.clock._main()
            except End:
                return
            finally:
                self.threads -= 1

    def scenario(self) -> Scenario:
        tasks: dict[str, Callable[[], object]] = {
            name: (lambda name=name: self._schedule(name)) for name in self.alarms
        }
        for number in range(2):
            tasks[f"thread {number}"] = self._be_a_thread
        return Scenario(tasks, self._state, self._check)

    def _state(self) -> Hashable:
        clock = self.clock
        return (
            repr(clock._incoming.content()),
            repr(clock._heap),
            clock._number,
            len(clock._vacant.content()),
            (clock.current_plan, clock.starts_now, self.bell.tokens),
            (self.senders, self.starts, self.threads, self.time_outs),
            tuple(self.sleeps_until),
            repr(self.made),
        )

    def _check(self) -> None:
        assert len(self.sleeps_until) <= 1, "two threads had the post"
        assert self.clock._vacant.content() == (True,)
        plan = self.sleeps_until[0] if self.sleeps_until else NEVER
        for name, when in self.alarms.items():
            rung = self.made[name].rung
            assert plan > AWAKE
            assert rung == 1 if when <= 0 else not rung, f"{name} rang {rung} times"
            # An alarm that nobody has looked at is looked at when the thread wakes up.
            assert when <= 0 or plan <= when, f"{name} would be forgotten"


@pytest.fixture(autouse=True)
def stepped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_clock, "monotonic", lambda: 0.0)
    monkeypatch.setattr(_clock, "report_failure", lambda *_args: None)


def explore_race(
    clock_class: type[SteppedClock],
    race: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    *,
    preemptions: int | None,
) -> Report:
    def make() -> Scenario:
        run = Race(clock_class, **race)
        monkeypatch.setattr(_clock, "start_new_thread", run.start_new_thread)
        return run.scenario()

    report = explore(make, preemptions=preemptions)
    print(f"{report.runs} runs, {report.complete} complete, {len(report.states)} states")
    return report


RACES: dict[str, dict[str, Any]] = {
    "earlier than planned": {"whens": [50.0, 20.0], "present": 100.0, "time_outs": 0},
    "one is due": {"whens": [20.0, 0.0], "present": 100.0, "time_outs": 0},
    "one is later": {"whens": [200.0, 50.0], "present": 100.0, "time_outs": 1},
    "without a thread": {"whens": [50.0, 20.0], "present": None, "time_outs": 0},
    "the thread leaves": {"whens": [0.0, 0.0], "present": None, "time_outs": 2},
    "the thread may leave": {"whens": [0.0, 50.0], "present": None, "time_outs": 3},
}


TAKE_LONG = {"one is later", "the thread leaves", "the thread may leave", "without a thread"}


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize(
    "race",
    [
        pytest.param(race, id=name, marks=pytest.mark.exhaustive if name in TAKE_LONG else ())
        for name, race in RACES.items()
    ],
)
def test_every_interleaving(race: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """With few preemptions; `tests/stress/test_interleavings_of_the_clock.py` has more."""
    preemptions = 2 if race["present"] is None else 1
    report = explore_race(SteppedClock, race, monkeypatch, preemptions=preemptions)
    assert len(report.states) > 1_000


MISTAKES = [
    (BlindClock, "earlier than planned", "would be forgotten"),
    (HastyClock, "earlier than planned", "would be forgotten"),
    (SecretiveClock, "earlier than planned", "would be forgotten"),
    (DeafClock, "earlier than planned", "would be forgotten"),
    (RashClock, "the thread leaves", "rang 0 times"),
]


@pytest.mark.parametrize(("mistaken", "race", "what_happens"), MISTAKES)
def test_the_exploration_finds_the_mistake_it_looks_for(
    mistaken: type[SteppedClock], race: str, what_happens: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(AssertionError, match=what_happens):
        explore_race(mistaken, RACES[race], monkeypatch, preemptions=2)
