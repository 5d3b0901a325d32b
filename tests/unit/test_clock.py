"""Clocks: what both do, and how the one that goes by the time of the world comes by its thread."""

from __future__ import annotations

import gc
import math
import os
import queue
import random
import sys
import threading
import time
import weakref
from collections import Counter
from heapq import heappop
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE, wait_until
from tests.pool.tools import run_program
from tests.unit.clocks import FAR, Alarm, keep_alive, new_clock, wait_until_asleep

from pykka import _clock
from pykka._clock import MANY, Clock, MonotonicClock, default_clock
from pykka._manual_clock import ManualClock

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
        may_go_on = threading.Event()
        now = self.clock.now()
        self.clock.schedule(now - FAR, Alarm(lambda: may_go_on.wait(PATIENCE)))
        for seconds, alarm in alarms:
            self.clock.schedule(now + seconds, alarm)
        may_go_on.set()

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


# --- both clocks --------------------------------------------------------------------------------


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
        clock.schedule(start - 2, Alarm(lambda: rung.append("third")))
        clock.schedule(start - 3, Alarm(lambda: rung.append("second")))

    passing.schedule_all([(-4, Alarm(first)), (-1, Alarm(lambda: rung.append("last")))])
    passing.pass_until(lambda: len(rung) == 4, "all have rung")
    assert rung == ["first", "second", "third", "last"]


def fail_with(error: type[BaseException]) -> None:
    raise error


def test_what_an_alarm_raises_is_logged_and_harms_nobody(passing: Time, log: Log) -> None:
    others = Alarm(), Alarm()
    failing = Alarm(lambda: fail_with(RuntimeError))
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


def count_alive(refs: list[weakref.ref[Alarm]]) -> int:
    return sum(ref() is not None for ref in refs)


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


# --- the time of the world ----------------------------------------------------------------------


def test_an_alarm_cannot_end_the_thread(clock: MonotonicClock, log: Log) -> None:
    last = Alarm()
    clock.schedule(clock.now(), Alarm(lambda: fail_with(SystemExit)))
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
        assert clock._bell.empty()
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
        alarm = Alarm()
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


# --- end of the program, and fork ---------------------------------------------------------------

BEGIN = f"""
import os, sys, threading, time, traceback
from pykka._clock import default_clock as clock
from pykka._manual_clock import ManualClock

PATIENCE = {PATIENCE}

class Alarm:
    is_cancelled = False
    def __init__(self, action=lambda: None):
        self.action = action
        self.rung = threading.Event()
    def ring(self):
        self.action()
        self.rung.set()

def in_child(function):
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            function()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)
    return os.waitpid(pid, 0)[1]

def check():
    alarms = [Alarm() for _ in range(3)]
    for alarm in alarms:
        clock.schedule(clock.now() + 0.001, alarm)
    for alarm in alarms:
        assert alarm.rung.wait(PATIENCE)
"""


@pytest.mark.parametrize(
    "program",
    [
        "clock.schedule(clock.now() + 10000, Alarm())",
        "check(); clock.schedule(clock.now() + 10000, Alarm())",
        "clock.schedule(clock.now(), Alarm(lambda: time.sleep(10000)))",
        """
        def again():
            clock.schedule(clock.now(), Alarm(again))
        again()
        """,
        "import atexit; atexit.register(lambda: clock.schedule(clock.now(), Alarm()))",
        """
        class Late:
            def __del__(self, clock=clock, Alarm=Alarm):
                clock.schedule(clock.now(), Alarm())
        sys.late = Late()
        """,
    ],
    ids=["pending", "idle", "ringing", "busy", "at exit", "at the very end"],
)
def test_a_program_ends_in_silence_whatever_is_pending(program: str) -> None:
    done = run_program(BEGIN, program)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork()")


@needs_fork
def test_a_child_process_begins_afresh() -> None:
    done = run_program(
        BEGIN,
        """
        check()
        parents = Alarm(lambda: os.write(1, f"{os.getpid() == me}\\n".encode()))
        me = os.getpid()
        manual = ManualClock()
        manual.schedule(1, Alarm())
        may_end = threading.Event()
        blocking = Alarm(lambda: may_end.wait(PATIENCE))
        clock.schedule(clock.now(), blocking)  # so that the child's has to wait for no lock of it
        clock.schedule(clock.now() + 0.01, parents)

        def child():
            assert clock._vacant and not clock._heap and not clock._incoming
            check()
            assert manual.pending == 0
            manual.schedule(1, Alarm())
            manual.advance(2)
            assert in_child(check) == 0

        assert in_child(child) == 0
        may_end.set()
        assert parents.rung.wait(PATIENCE)
        check()
        """,
    )
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


@needs_fork
@pytest.mark.parametrize("clock", ["clock", "ManualClock()"])
def test_an_alarm_may_fork(clock: str) -> None:
    """The thread that rings goes on in the child, and leaves the child's new thread alone."""
    done = run_program(
        BEGIN,
        f"""
        clock = {clock}
        codes = []
        forked = []

        def fork():
            pid = os.fork()
            if pid == 0:
                forked.append(True)
                clock.schedule(clock.now() + 0.1, Alarm(lambda: os._exit(0)))
            else:
                codes.append(os.waitpid(pid, 0)[1])

        class Last(Alarm):
            def __del__(self):
                if forked:  # the child has dropped what was pending
                    os.write(1, b"dropped\\n")

        def end():
            if forked:
                os.write(1, b"an alarm of the parent's rang\\n")

        all = [Alarm(fork), Alarm(end), Last()]
        for alarm in all:
            clock.schedule(clock.now(), alarm)
        last = all[-1].rung
        del all, alarm
        if clock.__class__ is ManualClock:
            clock.advance(1)
            if forked:
                assert clock.pending == 1 and clock.now() == 1
                os._exit(0)
        assert last.wait(PATIENCE)
        assert codes == [0]
        os.write(1, b"good\\n")
        """,
    )
    assert (done.returncode, done.stdout) == (0, "dropped\ngood\n"), done.stderr
