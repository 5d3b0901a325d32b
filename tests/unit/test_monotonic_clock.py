"""The clock that goes by the time of the world, and how its thread comes and goes."""

from __future__ import annotations

import sys
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE, wait_until
from tests.unit.clocks import (
    FAR,
    Alarm,
    Prompt,
    count_alive,
    keep_alive,
    new_clock,
    wait_until_asleep,
)

from pykka.timers import _clock
from pykka.timers._clock import MANY, MonotonicClock, default_clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Log


@pytest.fixture
def clock() -> Iterator[MonotonicClock]:
    with new_clock() as clock:
        yield clock


def test_an_alarm_cannot_end_the_thread(clock: MonotonicClock, log: Log) -> None:
    last = Alarm()
    clock.schedule(clock.now(), Alarm(sys.exit))
    clock.schedule(clock.now(), last)
    wait_until(lambda: last.rings, "the last one has rung")
    assert log.find("ERROR", "An alarm raised")


def test_it_goes_by_the_monotonic_clock() -> None:
    before = time.monotonic()
    assert before <= default_clock.now() <= time.monotonic()


def test_an_earlier_alarm_wakes_the_thread(clock: MonotonicClock) -> None:
    when = clock.now() + FAR
    later = Alarm()
    for _ in range(20):
        clock.schedule(when, later)
        wait_until_asleep(clock, when)
        earlier = Alarm()
        clock.schedule(clock.now() + 0.001, earlier)
        wait_until(lambda earlier=earlier: earlier.rings, "the earlier one rings")  # type: ignore[misc]
    assert later.rings == 0


def test_a_later_alarm_does_not_wake_the_thread(clock: MonotonicClock) -> None:
    when = clock.now() + FAR
    with keep_alive(2 * PATIENCE):  # so that nothing else wakes it
        clock.schedule(when, Alarm())
        wait_until_asleep(clock, when)
        for _ in range(MANY):
            clock.schedule(when, Alarm())
        assert len(clock._incoming) == MANY
        assert not clock._bell.qsize()
    clock.schedule(clock.now(), Alarm())
    wait_until(lambda: len(clock._heap) == MANY + 1, "the thread has seen them")


def test_many_later_alarms_do_wake_the_thread(clock: MonotonicClock) -> None:
    when = clock.now() + FAR
    with keep_alive(2 * PATIENCE):  # so that nothing else wakes it
        clock.schedule(when, Alarm())
        wait_until_asleep(clock, when)
        for _ in range(MANY + 1):
            clock.schedule(when, Alarm())
        wait_until(lambda: len(clock._heap) == MANY + 2, "they are in the heap")


def test_few_cancelled_alarms_are_freed_after_some_time(clock: MonotonicClock) -> None:
    when = clock.now() + FAR
    for _ in range(10):
        clock.schedule(when, Alarm())
    cancelled = [Alarm() for _ in range(3)]
    refs = [weakref.ref(alarm) for alarm in cancelled]
    for alarm in cancelled[:2]:
        clock.schedule(when, alarm)
    # Now the thread sleeps for long, and the first cancelled alarm wakes it.
    wait_until(lambda: clock._tolerated == 1, "nothing has happened for some time")
    assert len(clock._heap) == 12
    while cancelled:
        alarm = cancelled.pop()
        if len(cancelled) == 2:
            clock.schedule(when, alarm)  # the thread does not see it before it is cancelled
        alarm.cancel(clock)
        del alarm
        wait_until(lambda: count_alive(refs) == len(cancelled), "it is freed")
        wait_until(lambda: clock._tolerated == 1, "nothing has happened for some time")
    assert len(clock._heap) == 10


def clock_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "pykka-clock"]


def test_the_thread_is_a_daemon_that_ends_when_there_is_nothing_to_do_and_comes_again(
    clock: MonotonicClock,
) -> None:
    before = set(clock_threads())
    for _ in range(3):
        assert clock._vacant
        alarm = Prompt()
        seen: list[threading.Thread] = []
        alarm.action = lambda seen=seen: seen.append(threading.current_thread())  # type: ignore[misc]
        clock.schedule(clock.now() + 0.001, alarm)
        wait_until(lambda alarm=alarm: alarm.rings, "it has rung")  # type: ignore[misc]
        assert seen[0].name == "pykka-clock"
        assert seen[0].daemon
        wait_until(lambda: clock._vacant, "the thread leaves")
        wait_until(lambda: set(clock_threads()) <= before, "the thread has ended")


def test_the_thread_does_not_end_while_something_is_pending(clock: MonotonicClock) -> None:
    when = clock.now() + FAR
    pending = Alarm()
    clock.schedule(when, pending)
    wait_until(lambda: clock._tolerated == 1, "nothing has happened for some time")
    assert not clock._vacant
    pending.cancel(clock)
    wait_until(lambda: clock._vacant, "the thread leaves")


def test_a_thread_that_is_started_needlessly_ends(clock: MonotonicClock) -> None:
    when = clock.now() + FAR
    clock.schedule(when, Alarm())
    wait_until_asleep(clock, when)
    before = set(clock_threads())
    for _ in range(10):
        clock._start()
    wait_until(lambda: set(clock_threads()) <= before, "they have ended")
    assert clock._planned == when


def fail_to_start(*_args: object, **_kwargs: object) -> Any:
    msg = "can't start new thread"
    raise RuntimeError(msg)


class Threads:
    """Stands for the module `threading`, in which no thread can be started."""

    TIMEOUT_MAX = threading.TIMEOUT_MAX
    Thread = fail_to_start


@pytest.mark.parametrize(
    ("name", "failing"), [("start_new_thread", fail_to_start), ("threading", Threads)]
)
def test_that_no_thread_can_be_started_is_reported_once_and_tried_again(
    clock: MonotonicClock, log: Log, name: str, failing: Any
) -> None:
    alarms = [Alarm() for _ in range(4)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_clock, name, failing)
        for alarm in alarms[:3]:
            clock.schedule(clock.now(), alarm)
            wait_until(lambda: not clock._is_starting, "it has failed")
        if failing is Threads:
            clock._start()  # what the small thread has done, on a thread whose coverage is seen
    log.wait_for("ERROR", "cannot start its thread")
    clock.schedule(clock.now(), alarms[3])
    wait_until(lambda: all(alarm.rings for alarm in alarms), "all have rung")
    assert len(log.find("ERROR", "cannot start its thread")) == 1


def test_a_memory_error_at_the_start_of_a_thread_is_raised_and_forgotten(
    clock: MonotonicClock,
) -> None:
    def fail(*_args: object) -> None:
        raise MemoryError

    alarm = Alarm()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_clock, "start_new_thread", fail)
        with pytest.raises(MemoryError):
            clock.schedule(clock.now(), alarm)
    clock.schedule(clock.now(), Alarm())
    wait_until(lambda: alarm.rings, "it has rung")


def test_two_clocks_have_nothing_to_do_with_each_other(clock: MonotonicClock) -> None:
    other = MonotonicClock()
    held, may_end = threading.Event(), threading.Event()
    other.schedule(other.now(), Alarm(lambda: (held.set(), may_end.wait(PATIENCE))))
    assert held.wait(PATIENCE)
    alarm = Alarm()
    clock.schedule(clock.now(), alarm)
    wait_until(lambda: alarm.rings, "it has rung")
    may_end.set()
    wait_until(lambda: other._vacant, "the thread leaves")
