"""Clocks, and signal handlers that use them or raise in the middle of them (G4, G11)."""

from __future__ import annotations

import random
import signal
from typing import TYPE_CHECKING

import pytest
from tests.guarantees.test_g11_signal_handlers import Fire, Interrupt
from tests.injection import inject
from tests.leaks import wait_until
from tests.unit.clocks import FAR, Alarm, new_clock, wait_until_asleep

from pykka.timers import _clock
from pykka.timers._clock import MANY, MonotonicClock
from pykka.timers._manual_clock import FEW, ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Prepared = tuple["Callable[[], object]", "Callable[[bool], object]"]


@pytest.fixture
def clock() -> Iterator[MonotonicClock]:
    with new_clock() as clock:
        yield clock


def check_that_it_works(clock: MonotonicClock) -> None:
    alarm = Alarm()
    clock.schedule(clock.now(), alarm)
    wait_until(lambda: alarm.rings, "it has rung")


@pytest.mark.parametrize("thread", ["none", "asleep"])
def test_scheduling_is_interrupted_everywhere(
    thread: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The alarm is scheduled or not; if it is, it rings in time, and nobody else sees to that."""
    monkeypatch.setattr(_clock, "KEEP_ALIVE", 0.02)
    clocks: list[MonotonicClock] = []

    def prepare() -> Prepared:
        clock = MonotonicClock()
        clocks.append(clock)
        later = Alarm()
        if thread == "asleep":
            clock.schedule(when := clock.now() + FAR, later)
            wait_until_asleep(clock, when)
        alarm = Alarm()

        def check(interrupted: bool) -> None:
            wait_until(lambda: not clock._incoming, "the thread has looked")
            if not interrupted:
                wait_until(lambda: alarm.rings, "it has rung")
            check_that_it_works(clock)
            assert alarm.rings <= 1
            later.cancel(clock)

        return lambda: clock.schedule(clock.now(), alarm), check

    places = inject(prepare)
    print(f"{places} places")
    assert places >= 5
    for clock in clocks:
        wait_until(lambda clock=clock: clock._vacant, "the thread has left")  # type: ignore[misc]


def test_cancelling_is_interrupted_everywhere(clock: MonotonicClock) -> None:
    when = clock.now() + FAR

    def prepare() -> Prepared:
        alarms = [Alarm() for _ in range(MANY)]
        for alarm in alarms:
            clock.schedule(when, alarm)
        for alarm in alarms[1:]:
            alarm.cancel(clock)
        alarms[0].is_cancelled = True

        def check(interrupted: bool) -> None:
            check_that_it_works(clock)

        return lambda: clock.forget(alarms[0]), check

    assert inject(prepare) >= 2
    wait_until(lambda: not clock._heap, "they are freed")


def test_a_manual_clock_is_interrupted_everywhere() -> None:
    def prepare() -> Prepared:
        clock = ManualClock()
        for number in range(FEW + 1):
            cancelled = Alarm()
            clock.schedule(FAR, cancelled)
            cancelled.is_cancelled = True
            if number:
                clock.forget(cancelled)
        alarms = [Alarm(), Alarm()]

        def use() -> None:
            clock.schedule(1, alarms[0])
            clock.schedule(2, alarms[1])
            clock.forget(cancelled)
            clock.advance(1)
            assert clock.pending == 1

        def check(interrupted: bool) -> None:
            last = Alarm()
            clock.schedule(3, last)
            clock.advance(10)
            assert last.rings == 1
            assert interrupted or [alarm.rings for alarm in alarms] == [1, 1]
            assert clock.pending == 0

        return use, check

    assert inject(prepare) >= 30


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("keep_alive", [0.0, 0.02])
def test_alarms_under_fire(keep_alive: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler that raises at random microseconds, also while threads come and go."""
    monkeypatch.setattr(_clock, "KEEP_ALIVE", keep_alive)
    seed = random.randrange(1_000_000)
    print(f"seed: {seed}")
    chance = random.Random(seed)
    clock = MonotonicClock()
    surely: list[Alarm] = []
    perhaps: list[Alarm] = []
    with Fire(chance) as fire:
        for _ in range(3_000):
            alarm = Alarm()
            try:
                fire.arm()
                clock.schedule(clock.now() + chance.uniform(-0.001, 0.001), alarm)
                fire.armed = False
                surely.append(alarm)
            except Interrupt:
                perhaps.append(alarm)
            fire.armed = False
    print(f"{len(perhaps)} interruptions")
    assert len(perhaps) > 20
    wait_until(lambda: all(alarm.rings for alarm in surely), "all have rung")
    wait_until(lambda: clock._vacant and not clock._incoming, "the thread has left")
    assert all(alarm.rings == 1 for alarm in surely)
    assert all(alarm.rings <= 1 for alarm in perhaps)


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("kind", ["monotonic", "manual"])
def test_a_signal_handler_may_schedule_and_cancel(
    kind: str,
    clock: MonotonicClock,
) -> None:
    """Also in the middle of a call that does the same."""
    used: MonotonicClock | ManualClock = clock if kind == "monotonic" else ManualClock()
    chance = random.Random(0)
    alarms: list[Alarm] = []

    def schedule() -> None:
        alarm = Alarm()
        alarms.append(alarm)
        used.schedule(used.now(), alarm)
        cancelled = Alarm()
        used.schedule(used.now() + FAR, cancelled)
        cancelled.cancel(used)

    calls = 0

    def handler(_signal: int, _frame: object) -> None:
        nonlocal calls
        calls += 1
        schedule()

    before = signal.signal(signal.SIGALRM, handler)
    try:
        for _ in range(2_000):
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-6, 60e-6))
            for _ in range(5):
                schedule()
            if isinstance(used, ManualClock):
                used.advance(0.001)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    print(f"{calls} signals")
    assert calls > 100
    if isinstance(used, ManualClock):
        used.advance(1)
    wait_until(lambda: all(alarm.rings for alarm in alarms), "all have rung")
    assert all(alarm.rings == 1 for alarm in alarms)
