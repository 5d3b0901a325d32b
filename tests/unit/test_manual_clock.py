"""A clock that a test moves; `test_clock.py` has what it shares with others."""

from __future__ import annotations

import gc
import math
import threading
import weakref
from typing import TYPE_CHECKING

import pytest
from tests.leaks import PATIENCE
from tests.unit.clocks import FAR, Alarm

from pykka.timers._manual_clock import FEW, ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Log


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_it_stands_still_until_it_is_advanced(clock: ManualClock) -> None:
    alarm = Alarm()
    clock.schedule(0, alarm)
    assert (clock.now(), alarm.rings) == (0, 0)
    clock.advance(0)
    assert (clock.now(), alarm.rings) == (0, 1)
    clock.advance(1.5)
    clock.advance(2)
    assert clock.now() == 3.5


@pytest.mark.parametrize("seconds", [-0.001, math.nan, math.inf])
def test_time_passes_by_a_finite_number_of_seconds(clock: ManualClock, seconds: float) -> None:
    with pytest.raises(ValueError, match=f"never backwards, not {seconds}"):
        clock.advance(seconds)
    assert clock.now() == 0


def test_it_stands_at_the_time_of_the_alarm_that_rings(clock: ManualClock) -> None:
    seen: list[tuple[float, float]] = []

    def schedule(when: float, then: Callable[[], object] = lambda: None) -> None:
        clock.schedule(when, Alarm(lambda: (seen.append((when, clock.now())), then())))

    schedule(2, lambda: schedule(1))  # what is past rings now
    schedule(0.1 + 0.2)
    schedule(3, lambda: (schedule(5), schedule(4), schedule(10.1)))
    clock.advance(10)
    assert seen == [(0.1 + 0.2, 0.1 + 0.2), (2, 2), (1, 2), (3, 3), (4, 4), (5, 5)]
    assert clock.now() == 10


def test_many_small_steps_are_one_large_step(clock: ManualClock) -> None:
    alarm = Alarm()
    clock.schedule(1, alarm)
    for _ in range(9):
        clock.advance(0.1)
    assert alarm.rings == 0
    clock.advance(0.1)
    assert alarm.rings == 1
    assert clock.now() == 1
    for _ in range(10_000):
        clock.advance(0.1)
    assert clock.now() == 1_001


def test_a_time_that_is_a_sum_is_reached(clock: ManualClock) -> None:
    times: list[float] = []
    clock.schedule(0.1 + 0.2, Alarm(lambda: times.append(clock.now())))
    clock.advance(0.3)
    assert times == [0.1 + 0.2], "while it rings, it is not before its time"
    assert clock.now() == 0.1 + 0.2
    clock.advance(0.7)
    assert clock.now() == 1


def test_pending_counts_what_will_ring(clock: ManualClock) -> None:
    alarms = [Alarm() for _ in range(10)]
    for number, alarm in enumerate(alarms):
        clock.schedule(number, alarm)
    assert clock.pending == 10
    alarms[7].cancel(clock)
    alarms[8].is_cancelled = True  # and the clock has not been told yet
    assert clock.pending == 8
    clock.advance(4)
    assert clock.pending == 3
    clock.advance(FAR)
    assert clock.pending == 0


def test_an_alarm_may_advance_the_clock(clock: ManualClock) -> None:
    seen: list[float] = []
    clock.schedule(1, Alarm(lambda: clock.advance(20)))
    for when in (0.5, 15, 22):
        clock.schedule(when, Alarm(lambda: seen.append(clock.now())))
    clock.advance(10)
    assert seen == [0.5, 15]
    assert clock.now() == 21


def test_two_threads_that_advance_it_do_so_one_after_the_other(clock: ManualClock) -> None:
    rings, may_go_on = threading.Event(), threading.Event()
    clock.schedule(1, Alarm(lambda: (rings.set(), may_go_on.wait(PATIENCE))))
    threads = [threading.Thread(target=clock.advance, args=(seconds,)) for seconds in (5, 10)]
    threads[0].start()
    assert rings.wait(PATIENCE)
    threads[1].start()
    late = Alarm()
    clock.schedule(2, late)  # others are not kept waiting
    assert clock.now() == 1
    assert clock.pending == 1
    may_go_on.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert clock.now() == 15
    assert late.rings == 1


class Fault(BaseException):
    """No Exception, like what Ctrl-C raises."""


def raise_fault() -> None:
    raise Fault


def test_what_may_mean_the_program_is_raised_on_the_main_thread(clock: ManualClock) -> None:
    last = Alarm()
    clock.schedule(1, Alarm(raise_fault))
    clock.schedule(2, last)
    with pytest.raises(Fault):
        clock.advance(10)
    assert (clock.now(), last.rings, clock.pending) == (1, 0, 1)
    clock.advance(10)
    assert (clock.now(), last.rings, clock.pending) == (11, 1, 0)


class Interrupted(Alarm):
    """Ctrl-C comes while it is asked whether it is cancelled."""

    @property
    def is_cancelled(self) -> bool:
        raise Fault

    @is_cancelled.setter
    def is_cancelled(self, value: bool) -> None:
        pass


def test_so_is_what_comes_while_an_alarm_is_asked_whether_it_is_cancelled(
    clock: ManualClock,
) -> None:
    clock.schedule(1, Interrupted())
    with pytest.raises(Fault):
        clock.advance(10)
    clock.advance(9)
    assert clock.now() == 10


def test_it_is_logged_on_any_other_thread(clock: ManualClock, log: Log) -> None:
    last = Alarm()
    clock.schedule(1, Alarm(raise_fault))
    clock.schedule(2, last)
    thread = threading.Thread(target=clock.advance, args=(10,))
    thread.start()
    thread.join(PATIENCE)
    assert last.rings == 1
    assert log.find("ERROR", "An alarm raised")


class Meddling(Alarm):
    """Schedules others while it is asked whether it is cancelled, as a finaliser might."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self.clock = clock
        self.others: list[Alarm] = []
        self._is_cancelled = False

    @property
    def is_cancelled(self) -> bool:
        if len(self.others) < 3:
            self.others.append(Alarm())
            self.clock.schedule(FAR, self.others[-1])
        return self._is_cancelled

    @is_cancelled.setter
    def is_cancelled(self, value: bool) -> None:
        self._is_cancelled = value


def test_what_is_scheduled_while_the_cancelled_ones_are_dropped_is_not_lost(
    clock: ManualClock,
) -> None:
    meddling = Meddling(clock)
    meddling._is_cancelled = False
    clock.schedule(FAR, meddling)
    for _ in range(2 * FEW + 20):
        alarm = Alarm()
        clock.schedule(FAR, alarm)
        alarm.cancel(clock)
    gone = weakref.ref(alarm)
    del alarm
    for _ in range(FEW + 1):
        Alarm().cancel(clock)
    gc.collect()
    assert gone() is None
    assert len(meddling.others) == 3
    clock.advance(FAR)
    assert [alarm.rings for alarm in (meddling, *meddling.others)] == [1, 1, 1, 1]


class Keen(Alarm):
    """Schedules another when it is freed."""

    def __init__(self, clock: ManualClock, other: Alarm) -> None:
        super().__init__()
        self.clock = clock
        self.other = other

    def __del__(self) -> None:
        self.clock.schedule(FAR, self.other)


def test_what_is_scheduled_when_a_cancelled_one_is_freed_is_not_lost(clock: ManualClock) -> None:
    others = [Alarm() for _ in range(4 * FEW)]
    alarms: list[Alarm] = [Keen(clock, other) for other in others]
    for alarm in alarms:
        clock.schedule(FAR, alarm)
    for alarm in alarms:
        alarm.cancel(clock)
    del alarm, alarms
    gc.collect()
    clock.advance(FAR)
    gc.collect()
    clock.advance(0)
    assert [alarm.rings for alarm in others] == [1] * len(others)
