"""What all clocks do."""

from __future__ import annotations

import gc
import math
import queue
import random
import sys
import threading
import weakref
from collections import Counter
from heapq import heappop
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE, wait_until
from tests.unit.clocks import FAR, Alarm, Prompt, count_alive, keep_alive, new_clock

from pykka.timers._clock import MANY, Clock, MonotonicClock
from pykka.timers._manual_clock import ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Log


class Time:
    """A clock, and a way to have time pass on it."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def schedule_all(self, alarms: list[tuple[float, Alarm]]) -> None:
        """Schedule alarms, so that none of them rings before all are scheduled."""
        if isinstance(self.clock, ManualClock):
            for seconds, alarm in alarms:
                self.clock.schedule(seconds, alarm)
            return
        clock: Any = self.clock
        now = clock.now()
        clock._vacant.pop()  # so no thread is started meanwhile; and none runs yet
        for seconds, alarm in alarms:
            clock.schedule(now + seconds, alarm)
        clock._vacant.append(True)
        clock.schedule(now + FAR, Alarm())

    def pass_until(self, condition: Callable[[], object], what: str) -> None:
        """Let time pass until something is the case."""
        if isinstance(self.clock, ManualClock):
            self.clock.advance(1)
            assert condition(), f"it never came to pass that {what}"
        else:
            wait_until(condition, what)


@pytest.fixture
def clock() -> Iterator[MonotonicClock]:
    with new_clock() as clock:
        yield clock


@pytest.fixture(params=["monotonic", "manual"])
def passing(request: pytest.FixtureRequest) -> Time:
    """Each clock in turn."""
    if request.param == "manual":
        return Time(ManualClock())
    return Time(request.getfixturevalue("clock"))


def test_alarms_ring_in_the_order_of_their_times(passing: Time) -> None:
    seed = random.randrange(1_000_000)
    print(f"seed: {seed}")
    chance = random.Random(seed)
    rung: list[float] = []
    times = [chance.uniform(-0.01, 0.01) for _ in range(300)]
    passing.schedule_all([(t, Alarm(lambda t=t: rung.append(t))) for t in times])
    passing.pass_until(lambda: len(rung) == 300, "all have rung")
    assert rung == sorted(times)


def test_alarms_for_the_same_time_ring_in_the_order_in_which_they_were_scheduled(
    passing: Time,
) -> None:
    rung: list[int] = []
    passing.schedule_all([(0.01, Alarm(lambda n=n: rung.append(n))) for n in range(300)])
    passing.pass_until(lambda: len(rung) == 300, "all have rung")
    assert rung == list(range(300))


def test_no_alarm_rings_before_its_time(passing: Time) -> None:
    clock = passing.clock
    early: queue.SimpleQueue[float] = queue.SimpleQueue()
    now = clock.now()
    for number in range(50):
        when = now + number / 1_000
        clock.schedule(when, Alarm(lambda when=when: early.put(when - clock.now())))
    passing.pass_until(lambda: early.qsize() == 50, "all have rung")
    assert max(early.get() for _ in range(50)) <= 0


def test_an_alarm_whose_time_is_past_rings_as_soon_as_possible(passing: Time) -> None:
    alarm = Alarm()
    passing.clock.schedule(passing.clock.now() - FAR, alarm)
    passing.pass_until(lambda: alarm.rings, "it has rung")


def test_an_alarm_rings_once(passing: Time) -> None:
    clock = passing.clock
    alarm, last = Alarm(), Alarm()
    clock.schedule(clock.now(), alarm)
    passing.pass_until(lambda: alarm.rings, "it has rung")
    clock.schedule(clock.now(), last)
    passing.pass_until(lambda: last.rings, "the last one has rung")
    assert alarm.rings == 1


def test_a_cancelled_alarm_does_not_ring(passing: Time) -> None:
    clock = passing.clock
    before, cancelled, last = Alarm(), Alarm(), Alarm()
    before.action = lambda: cancelled.cancel(clock)
    passing.schedule_all([(0.01, before), (0.01, cancelled), (0.01, last)])
    passing.pass_until(lambda: last.rings, "the last one has rung")
    assert before.rings == 1
    assert cancelled.rings == 0


def test_an_alarm_may_be_cancelled_when_it_has_rung(passing: Time) -> None:
    clock = passing.clock
    for _ in range(3):
        alarm = Alarm()
        clock.schedule(clock.now(), alarm)
        passing.pass_until(lambda alarm=alarm: alarm.rings, "it has rung")  # type: ignore[misc]
        alarm.cancel(clock)


def test_an_alarm_that_rings_may_schedule_the_next(passing: Time) -> None:
    clock = passing.clock
    times: list[float] = []

    def again() -> None:
        times.append(clock.now())
        if len(times) < 100:
            clock.schedule(clock.now() + 0.0001, Alarm(again))

    clock.schedule(clock.now(), Alarm(again))
    passing.pass_until(lambda: len(times) == 100, "there were 100 of them")
    assert times == sorted(times)


def test_what_a_ringing_alarm_schedules_keeps_the_order(passing: Time) -> None:
    clock = passing.clock
    rung: list[str] = []
    start = clock.now()

    def first() -> None:
        rung.append("first")
        clock.schedule(start - 2, Prompt(lambda: rung.append("third")))
        clock.schedule(start - 3, Prompt(lambda: rung.append("second")))

    clock.schedule(start - 4, Prompt(first))
    clock.schedule(start - 1, Prompt(lambda: rung.append("last")))
    passing.pass_until(lambda: len(rung) == 4, "all have rung")
    assert rung == ["first", "second", "third", "last"]


def test_what_an_alarm_raises_is_logged_and_harms_nobody(passing: Time, log: Log) -> None:
    others = Alarm(), Alarm()

    def fail() -> None:
        raise RuntimeError

    failing = Alarm(fail)
    passing.schedule_all([(0, others[0]), (0.001, failing), (0.002, others[1])])
    passing.pass_until(lambda: others[1].rings, "the last one has rung")
    assert others[0].rings == 1
    (record,) = log.find("ERROR", "An alarm raised")
    assert record.exc_info is not None
    assert record.exc_info[0] is RuntimeError


class Secretive(Alarm):
    """Fails to say whether it is cancelled."""

    @property
    def is_cancelled(self) -> bool:
        raise RuntimeError

    @is_cancelled.setter
    def is_cancelled(self, value: bool) -> None:
        pass


def test_an_alarm_that_does_not_say_whether_it_is_cancelled_rings(passing: Time, log: Log) -> None:
    alarm, last = Secretive(), Alarm()
    passing.schedule_all([(0, alarm), (0.001, last)])
    passing.pass_until(lambda: last.rings, "the last one has rung")
    assert alarm.rings == 1
    assert log.find("ERROR", "does not say whether it is cancelled")


@pytest.mark.parametrize("when", [math.nan, math.inf, -math.inf])
def test_no_point_in_time(passing: Time, when: float) -> None:
    with pytest.raises(ValueError, match=f"finite number of seconds, not at {when}"):
        passing.clock.schedule(when, Alarm())


def test_what_is_no_number_is_refused_at_once(passing: Time) -> None:
    with pytest.raises(TypeError):
        passing.clock.schedule("soon", Alarm())  # type: ignore[arg-type]


def test_an_alarm_that_has_rung_is_freed(passing: Time) -> None:
    rung: list[bool] = []
    alarm = Alarm(lambda: rung.append(True))
    gone = weakref.ref(alarm)
    passing.clock.schedule(passing.clock.now(), alarm)
    del alarm
    passing.pass_until(lambda: rung, "it has rung")
    wait_until(lambda: gone() is None, "it is freed")


def test_when_half_of_what_is_pending_is_cancelled_it_is_freed(passing: Time) -> None:
    clock = passing.clock
    count = 4 * MANY
    alarms = [Alarm() for _ in range(count)]
    refs = [weakref.ref(alarm) for alarm in alarms]
    with keep_alive(2 * PATIENCE):  # so that nothing else frees it
        for number, alarm in enumerate(alarms):
            clock.schedule(clock.now() + FAR + number, alarm)
        seen = Alarm()
        clock.schedule(clock.now(), seen)
        passing.pass_until(lambda: seen.rings, "all are in the heap")

        for alarm in alarms[: count // 2 - 10]:
            alarm.cancel(clock)
        del alarms[: count // 2 - 10]
        assert count_alive(refs) == count, "it pays to wait until there are more"
        for alarm in alarms[:20]:
            alarm.cancel(clock)
        del alarms[:20], alarm

        # Those that were cancelled later than the others may be left.
        wait_until(lambda: count_alive(refs) <= count // 2, "they are freed")
        assert count_alive(refs) >= len(alarms)
    for alarm in alarms:
        alarm.cancel(clock)


def test_those_that_are_left_when_the_cancelled_ones_are_dropped_stay_in_order(
    passing: Time,
) -> None:
    seed = random.randrange(1_000_000)
    print(f"seed: {seed}")
    chance = random.Random(seed)
    clock: Any = passing.clock
    alarms = [Alarm() for _ in range(3 * MANY)]
    for alarm in alarms:
        clock.schedule(clock.now() + FAR + chance.random(), alarm)
    seen = Alarm()
    clock.schedule(clock.now(), seen)
    passing.pass_until(lambda: seen.rings, "all are in the heap")
    for alarm in alarms[: 2 * MANY]:
        alarm.cancel(clock)
    wait_until(lambda: len(clock._heap) <= len(alarms) / 2, "the cancelled ones are dropped")
    if isinstance(clock, MonotonicClock):
        wait_until(lambda: clock._tolerated == 1, "nothing has happened for some time")
    heap = clock._heap.copy()
    expected = sorted(heap)
    assert [heappop(heap) for _ in expected] == expected


@pytest.mark.exhaustive
def test_memory_does_not_grow_if_one_alarm_after_the_other_is_cancelled(passing: Time) -> None:
    clock = passing.clock
    alive: weakref.WeakSet[Alarm] = weakref.WeakSet()
    most = 0
    for _ in range(100_000):
        alarm = Alarm()
        alive.add(alarm)
        clock.schedule(clock.now() + FAR, alarm)
        alarm.cancel(clock)
        most = max(most, len(alive))
        if isinstance(clock, MonotonicClock) and len(alive) > 2 * MANY:
            # The thread was called. Without the GIL's fairness it may take a moment.
            wait_until(lambda: len(alive) <= 2 * MANY, "they are freed")
    print(f"{most} at most")
    assert most < 50_000


def test_many_threads_schedule_and_cancel_at_once(passing: Time) -> None:
    seed = random.randrange(1_000_000)
    print(f"seed: {seed}")
    clock = passing.clock
    rung: Counter[int] = Counter()
    expected: list[set[int]] = []

    def work(number: int) -> None:
        chance = random.Random(seed + number)
        mine = set()
        for each in range(2_000):
            name = number * 10_000 + each
            alarm = Alarm(lambda name=name: rung.update([name]))
            if chance.random() < 0.5:
                clock.schedule(clock.now() + chance.uniform(-0.01, 0.1), alarm)
                mine.add(name)
            else:
                clock.schedule(clock.now() + FAR, alarm)
                alarm.cancel(clock)
        expected.append(mine)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        while isinstance(clock, ManualClock) and any(t.is_alive() for t in threads):
            clock.advance(0.001)
        for thread in threads:
            thread.join(PATIENCE)
    finally:
        sys.setswitchinterval(interval)
    names = set.union(*expected)
    passing.pass_until(lambda: len(rung) >= len(names), "all have rung")
    assert rung == Counter(names)


class Finalised:
    """Schedules an alarm when it is freed."""

    def __init__(self, clock: Clock, alarm: Alarm, freed: queue.SimpleQueue[None]) -> None:
        self.me = self  # so that the garbage collector frees it, anywhere
        self.clock = clock
        self.alarm = alarm
        self.freed = freed

    def __del__(self) -> None:
        self.freed.put(None)
        self.clock.schedule(self.clock.now() + FAR, self.alarm)
        self.alarm.cancel(self.clock)
        self.clock.schedule(self.clock.now(), Alarm(self.alarm.action))


def test_finalisers_may_schedule_and_cancel(passing: Time) -> None:
    clock = passing.clock
    rung: list[bool] = []
    freed: queue.SimpleQueue[None] = queue.SimpleQueue()
    threshold = gc.get_threshold()
    gc.set_threshold(10)
    try:
        for _ in range(1_000):
            Finalised(clock, Alarm(lambda: rung.append(True)), freed)
            clock.schedule(clock.now(), Alarm(lambda: rung.append(False)))
            if isinstance(clock, ManualClock):
                clock.advance(0)
    finally:
        gc.set_threshold(*threshold)
    # Without the GIL, this does nothing while another thread does it.
    wait_until(lambda: (gc.collect(), freed.qsize() == 1_000)[1], "all are freed")
    passing.pass_until(lambda: len(rung) == 2_000, "all have rung")
    assert rung.count(True) == 1_000


def test_a_clock_of_ones_own_need_not_forget() -> None:
    class Stopped(Clock):
        def now(self) -> float:
            return 0.0

        def schedule(self, when: float, alarm: Any) -> None:
            pass

    Stopped().forget(Alarm())


def test_what_a_brief_alarm_raises_is_logged_and_harms_nobody(log: Log) -> None:
    def fail() -> None:
        raise RuntimeError

    with new_clock() as clock:
        failing, last = Prompt(fail), Prompt()
        now = clock.now()
        clock.schedule(now + 0.001, failing)
        clock.schedule(now + 0.002, last)
        wait_until(lambda: last.rings, "the last one has rung")
        (record,) = log.wait_for("ERROR", "An alarm raised")
    assert failing.rings == 1
    assert record.exc_info is not None
    assert record.exc_info[0] is RuntimeError


class Small:
    """An alarm that has no dictionary, so a clock cannot see whether it is cancelled."""

    __slots__ = ("is_cancelled", "rung")

    def __init__(self, rung: list[Small]) -> None:
        self.is_cancelled = False
        self.rung = rung

    def ring(self) -> None:
        self.rung.append(self)


def test_an_alarm_without_a_dictionary_rings_unless_it_is_cancelled(passing: Time) -> None:
    rung: list[Small] = []
    cancelled, one, last = Small(rung), Small(rung), Small(rung)
    cancelled.is_cancelled = True
    alarms: list[Any] = [(0, cancelled), (0.001, one), (0.002, last)]
    passing.schedule_all(alarms)
    passing.pass_until(lambda: last in rung, "the last one has rung")
    assert rung == [one, last]


def test_who_leaves_while_another_takes_the_post_leaves_all_to_it() -> None:
    """An alarm is scheduled, and a new thread is there for it, while the old one leaves."""

    class Post(list[bool]):
        def append(self, item: bool) -> None:
            super().append(item)
            late = Alarm()
            clock._incoming.append((0.0, late))
            self.clear()  # the new thread has it

    clock = MonotonicClock()
    clock._vacant = Post()
    assert clock._leave() is True

    class Kept(list[bool]):
        def append(self, item: bool) -> None:
            super().append(item)
            clock._incoming.append((0.0, Alarm()))

    clock._vacant = Kept()
    assert clock._leave() is False, "nobody else is there for the alarm"
    assert not clock._vacant


def test_the_thread_leaves_what_its_child_process_has_begun_afresh() -> None:
    """An alarm forks: in the child, the clock's thread is not the clock's any more."""
    with new_clock() as clock:
        left = Prompt()

        def fork() -> None:
            clock.schedule(clock.now() + FAR, left)
            clock._begin_afresh()

        first, after_it = Prompt(fork), Prompt()
        thread = threading.Thread(target=clock._main)
        now = clock.now()
        clock._incoming += [(now - 2, first), (now - 1, after_it)]
        thread.start()
        thread.join(PATIENCE)
        assert not thread.is_alive()
        assert (first.rings, after_it.rings) == (1, 0)
        assert clock._vacant, "the post is free for a thread of the child's"
        fresh = Prompt()
        clock.schedule(clock.now(), fresh)
        wait_until(lambda: fresh.rings, "the fresh one has rung")
        assert (left.rings, after_it.rings) == (0, 0)
