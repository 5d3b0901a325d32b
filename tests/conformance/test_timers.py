"""Timers: messages that are sent later, once or again and again."""

from __future__ import annotations

import gc
import math
import queue
import signal
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import Diary, Gate, failing
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka.timers import ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Log


@pytest.fixture
def noting(agent: Any) -> Any:
    """An agent that notes what it is told, unless that is a function."""

    class Noting(agent):  # type: ignore[misc]
        def on_start(self) -> None:
            pass

        def on_receive(self, message: Any) -> Any:
            if callable(message):
                return message(self)
            self.diary.note(message)
            return message

        def note(self, entry: object, *, mark: str = "") -> None:
            self.diary.note(f"{entry}{mark}")

    return Noting


@pytest.fixture
def ref(system: pykka.ActorSystem, noting: Any, diary: Diary) -> pykka.ActorRef[Any]:
    return system.start(noting, diary)


def handled(ref: pykka.ActorRef[Any], diary: Diary) -> list[Any]:
    """What the actor has noted, when everything that was in its inbox is handled."""
    ref.ask(lambda _agent: None)
    return diary.rest()


def test_a_message_comes_when_it_is_due_and_once(
    ref: pykka.ActorRef[Any], clock: ManualClock, diary: Diary
) -> None:
    timer = ref.tell_after(10, "late")
    assert (timer.is_active, timer.remaining, timer.interval) == (True, 10, None)
    clock.advance(9.5)
    assert handled(ref, diary) == []
    assert timer.remaining == 0.5
    clock.advance(0.5)
    assert handled(ref, diary) == ["late"]
    assert (timer.is_active, timer.remaining, timer.delivered) == (False, 0, 1)
    clock.advance(100)
    assert handled(ref, diary) == []


def test_a_delay_of_nothing_is_due_at_once(
    ref: pykka.ActorRef[Any], clock: ManualClock, diary: Diary
) -> None:
    ref.tell_after(0, "now")
    clock.advance(0)
    assert handled(ref, diary) == ["now"]


def test_a_periodic_message_keeps_its_rate(
    ref: pykka.ActorRef[Any], clock: ManualClock, diary: Diary
) -> None:
    timer = ref.tell_every(3, "tick", first=1)
    seen = []
    for _second in range(10):
        clock.advance(1)
        seen.append((clock.now(), len(handled(ref, diary))))
    assert [when for when, count in seen if count] == [1, 4, 7, 10]
    assert all(count <= 1 for _when, count in seen)
    assert (timer.interval, timer.delivered, timer.missed, timer.remaining) == (3, 4, 0, 3)


def test_the_first_tick_of_a_periodic_message_comes_after_one_interval(
    ref: pykka.ActorRef[Any], clock: ManualClock, diary: Diary
) -> None:
    ref.tell_every(2, "tick")
    clock.advance(1.9)
    assert handled(ref, diary) == []
    clock.advance(0.1)
    assert handled(ref, diary) == ["tick"]


def test_what_is_due_at_the_same_time_comes_in_the_order_in_which_it_was_set(
    ref: pykka.ActorRef[Any], clock: ManualClock, diary: Diary
) -> None:
    ref.tell_after(7, "last")
    for number in range(20):
        ref.tell_after(5, number)
    ref.tell_after(1, "first")
    clock.advance(10)
    assert handled(ref, diary) == ["first", *range(20), "last"]


def test_a_proxied_method_is_called_later(
    ref: pykka.ActorRef[Any], clock: ManualClock, diary: Diary
) -> None:
    note = ref.proxy().note
    once = note.defer_after(1, "once", mark="!")
    again = note.defer_every(2, "again")
    for _second in range(4):
        clock.advance(1)
        ref.ask(lambda _agent: None)
    assert handled(ref, diary) == ["once!", "again", "again"]
    assert (once.delivered, again.delivered) == (1, 2)


def test_a_call_that_raises_ends_the_actor_as_a_tell_does(
    ref: pykka.ActorRef[Any], clock: ManualClock, diary: Diary
) -> None:
    ended = ref.when_terminated()
    ref.proxy().run.defer_after(1, failing(ValueError("tick")))
    clock.advance(1)
    assert repr(ended.get(timeout=PATIENCE)) == "Failed(ValueError('tick'))"


def test_none_can_be_sent_later(
    ref: pykka.ActorRef[Any], clock: ManualClock, diary: Diary
) -> None:
    ref.tell_after(1, None)
    clock.advance(1)
    assert handled(ref, diary) == [None]


@pytest.mark.parametrize(
    ("set_timer", "error", "text"),
    [
        (lambda ref: ref.tell_after(-1, "x"), ValueError, "delay has to be 0 or more seconds"),
        (lambda ref: ref.tell_after(math.nan, "x"), ValueError, "finite, not nan"),
        (lambda ref: ref.tell_after(math.inf, "x"), ValueError, "finite, not inf"),
        (lambda ref: ref.tell_after("1", "x"), TypeError, "delay has to be a number of seconds"),
        (lambda ref: ref.tell_after(10**400, "x"), ValueError, "too large"),
        (lambda ref: ref.tell_every(0, "x"), ValueError, "interval has to be more than 0"),
        (lambda ref: ref.tell_every(None, "x"), TypeError, "interval has to be a number"),
        (lambda ref: ref.tell_every(math.inf, "x"), ValueError, "interval .* finite"),
        (lambda ref: ref.tell_every(1, "x", first=-1), ValueError, "first has to be 0 or more"),
        (lambda ref: ref.proxy().note.defer_every(-1, "x"), ValueError, "interval has to be"),
    ],
)
def test_times_that_are_none_are_refused_and_leave_nothing_behind(
    ref: pykka.ActorRef[Any],
    clock: ManualClock,
    set_timer: Callable[[Any], object],
    error: type[Exception],
    text: str,
) -> None:
    with pytest.raises(error, match=text):
        set_timer(ref)
    assert ref.timers() == []
    assert clock.pending == 0


def test_a_timer_to_a_stopped_actor_is_refused(
    ref: pykka.ActorRef[Any], clock: ManualClock
) -> None:
    note = ref.proxy().note
    ref.stop()
    for set_timer in (
        lambda: ref.tell_after(1, "x"),
        lambda: ref.tell_every(1, "x"),
        lambda: note.defer_after(1),
        lambda: note.defer_every(1),
    ):
        with pytest.raises(pykka.ActorDeadError, match="not found"):
            set_timer()
    assert ref.timers() == []
    assert clock.pending == 0


def test_the_timers_of_an_actor_are_listed_until_they_are_over(
    ref: pykka.ActorRef[Any], clock: ManualClock
) -> None:
    assert ref.timers() == []
    one, other = ref.tell_after(1, "x"), ref.tell_every(1, "y")
    gone = ref.tell_after(1, "z")
    gone.cancel()
    assert ref.timers() == [one, other]
    clock.advance(1)
    ref.ask(lambda _agent: None)
    assert ref.timers() == [other]
    other.cancel()
    assert ref.timers() == []
    assert clock.pending == 0


def test_a_timer_says_what_it_is(ref: pykka.ActorRef[Any], clock: ManualClock) -> None:
    once, again = ref.tell_after(1.5, "x"), ref.tell_every(2, "y")
    assert repr(once) == f"<pykka timer of {ref}, once, due in 1.500 s>"
    assert repr(again) == f"<pykka timer of {ref}, every 2 s, due in 2.000 s>"
    once.cancel()
    assert repr(once) == f"<pykka timer of {ref}, once, over>"


def test_timers_of_the_default_system_go_by_the_time_of_the_world(
    noting: Any, diary: Diary
) -> None:
    ref = noting.start(diary)
    ref.tell_after(0.002, "once")
    assert diary.read(1) == ["once"]
    timer = ref.tell_every(0.001, "again")
    assert diary.read(3) == ["again"] * 3
    timer.cancel()


# What cancelling does.


def test_a_timer_that_is_cancelled_in_time_does_nothing(
    ref: pykka.ActorRef[Any], clock: ManualClock, diary: Diary
) -> None:
    timers = [ref.tell_after(1, "x"), ref.tell_every(1, "y")]
    assert [timer.cancel() for timer in timers] == [True, True]
    assert [timer.cancel() for timer in timers] == [True, True], "again"
    clock.advance(10)
    assert handled(ref, diary) == []
    assert [timer.is_active for timer in timers] == [False, False]


@pytest.mark.parametrize("how", ["tell_after", "tell_every"])
def test_a_tick_that_lies_in_the_inbox_is_cancelled_too(
    ref: pykka.ActorRef[Any], clock: ManualClock, diary: Diary, gate: Gate, how: str
) -> None:
    ref.tell(gate)
    gate.wait_until_entered()
    timer = getattr(ref, how)(1, "tick")
    clock.advance(1)
    assert ref.statistics().waiting == 1
    assert timer.cancel() is True
    gate.open()
    assert handled(ref, diary) == []
    assert timer.delivered == 0
    assert ref.is_alive()


def test_cancelling_while_the_handler_runs_says_so(
    ref: pykka.ActorRef[Any], clock: ManualClock, diary: Diary, gate: Gate
) -> None:
    timer = ref.tell_after(1, gate)
    clock.advance(1)
    gate.wait_until_entered()
    assert timer.cancel() is False
    gate.open()
    ref.ask(lambda _agent: None)
    assert timer.cancel() is False, "it has been delivered"
    assert timer.delivered == 1


def test_cancelling_a_periodic_timer_while_its_handler_runs_says_so(
    ref: pykka.ActorRef[Any], clock: ManualClock, diary: Diary, gate: Gate
) -> None:
    timer = ref.tell_every(1, gate)
    clock.advance(1)
    gate.wait_until_entered()
    clock.advance(1)  # the next one lies in the inbox already
    assert timer.cancel() is False
    gate.open()
    ref.ask(lambda _agent: None)
    assert timer.delivered == 1
    assert timer.cancel() is True, "no handler is running"


def test_cancelling_a_periodic_timer_between_two_ticks_is_in_time(
    ref: pykka.ActorRef[Any], clock: ManualClock, diary: Diary
) -> None:
    timer = ref.tell_every(1, "tick")
    clock.advance(1)
    assert handled(ref, diary) == ["tick"]
    assert timer.cancel() is True
    clock.advance(5)
    assert handled(ref, diary) == []


@pytest.mark.parametrize("how", ["tell_after", "tell_every"])
def test_the_actor_itself_always_cancels_in_time(
    ref: pykka.ActorRef[Any], clock: ManualClock, diary: Diary, gate: Gate, how: str
) -> None:
    timers: list[pykka.Timer] = []
    answers: list[bool] = []
    timers += [getattr(ref, how)(1, lambda _agent: answers.append(timers[0].cancel()))]
    timers += [getattr(ref, how)(2, "in the inbox"), getattr(ref, how)(3, "not due")]
    clock.advance(1)
    ref.ask(lambda _agent: None)
    assert answers == [True], "in its own handler"
    ref.tell(gate)
    gate.wait_until_entered()
    future = ref.ask(lambda _agent: [timer.cancel() for timer in timers], block=False)
    clock.advance(1)
    gate.open()
    assert future.get(timeout=PATIENCE) == [True, True, True]
    clock.advance(10)
    assert handled(ref, diary) == []


def test_a_cancelled_timer_does_not_keep_its_message(
    ref: pykka.ActorRef[Any], clock: ManualClock
) -> None:
    class Message:
        pass

    message = Message()
    gone = weakref.ref(message)
    timers = [ref.tell_after(1, message), ref.tell_every(1, message)]
    assert all(timer.message is message for timer in timers)
    del message
    for timer in timers:
        timer.cancel()
    gc.collect()
    assert gone() is None


# An actor that falls behind.


def test_a_slow_actor_gets_one_tick_and_the_number_of_those_left_out(
    ref: pykka.ActorRef[Any], clock: ManualClock, diary: Diary, gate: Gate
) -> None:
    seen: list[tuple[int, int]] = []
    timer = ref.tell_every(1, lambda _agent: seen.append((timer.delivered, timer.missed)))
    clock.advance(1)
    ref.ask(lambda _agent: None)
    ref.tell(gate)
    gate.wait_until_entered()
    clock.advance(10)
    assert ref.statistics().waiting == 1
    gate.open()
    ref.ask(lambda _agent: None)
    clock.advance(1)
    ref.ask(lambda _agent: None)
    assert seen == [(1, 0), (2, 9), (3, 0)]


class LateClock(ManualClock):
    """A clock whose alarms ring when it has moved on, as on a machine that is too busy."""

    def be_late(self, seconds: float) -> None:
        self._now += seconds
        self.advance(0)


def test_ticks_that_even_the_clock_was_late_for_are_left_out_and_counted(
    noting: Any, diary: Diary, gate: Gate
) -> None:
    clock = LateClock()
    with pykka.ActorSystem(clock=clock, shutdown_timeout=PATIENCE) as system:
        ref = system.start(noting, diary)
        ref.tell(gate)
        gate.wait_until_entered()
        timer = ref.tell_every(2, "tick")
        clock.be_late(13)  # due at 2, 4, 6, 8, 10 and 12
        assert timer.remaining == 1
        gate.open()
        assert handled(ref, diary) == ["tick"]
        assert (timer.delivered, timer.missed) == (1, 5)
        clock.advance(1)
        assert handled(ref, diary) == ["tick"]
        assert (timer.delivered, timer.missed) == (2, 0)


def test_every_tick_that_was_due_is_handled_or_left_out(
    ref: pykka.ActorRef[Any], clock: ManualClock
) -> None:
    """While the actor handles ticks, the clock rings: no count may be lost between the two."""
    for _run in range(3):
        missed: list[int] = []
        box: list[pykka.Timer] = []
        timer = ref.tell_every(1, lambda _agent, m=missed, b=box: m.append(b[0].missed))
        box.append(timer)
        for _ in range(2_000):
            clock.advance(1)
        ref.ask(lambda _agent: None)
        clock.advance(1)  # reports what was left out last
        ref.ask(lambda _agent: None)
        timer.cancel()
        assert len(missed) == timer.delivered
        assert timer.delivered + sum(missed) == 2_001


# The end of the actor.


def ends() -> list[Any]:
    return [
        pytest.param(lambda ref: ref.stop(), id="stop"),
        pytest.param(lambda ref: ref.kill(), id="kill"),
        pytest.param(lambda ref: ref.tell(failing(ValueError())), id="crash"),
    ]


@pytest.mark.parametrize("end", ends())
def test_the_end_of_the_actor_cancels_its_timers(
    ref: pykka.ActorRef[Any],
    clock: ManualClock,
    system: pykka.ActorSystem,
    end: Callable[[pykka.ActorRef[Any]], object],
) -> None:
    timers = [ref.tell_after(5, "x"), ref.tell_every(5, "y")]
    ended = ref.when_terminated()
    end(ref)
    ended.get(timeout=PATIENCE)
    wait_until(lambda: not ref.timers(), "the timers are over")
    assert [timer.is_active for timer in timers] == [False, False]
    assert clock.pending == 0
    assert [timer.cancel() for timer in timers] == [True, True]
    clock.advance(100)
    assert system.statistics().dead_letters == 0


def test_a_tick_that_the_actor_leaves_behind_is_no_dead_letter(
    ref: pykka.ActorRef[Any], clock: ManualClock, system: pykka.ActorSystem, gate: Gate
) -> None:
    timer = ref.tell_after(1, "x")
    ref.tell(gate)
    gate.wait_until_entered()
    stopped = ref.stop(block=False)
    clock.advance(1)
    gate.open()
    assert stopped.get(timeout=PATIENCE)
    assert timer.delivered == 0
    assert system.statistics().dead_letters == 0


def test_neither_timer_nor_actor_outlives_the_end(
    system: pykka.ActorSystem, noting: Any, clock: ManualClock
) -> None:
    ref = system.start(noting)
    gone: list[weakref.ref[Any]] = ref.ask(lambda agent: [weakref.ref(agent)])
    message = Diary()
    gone.append(weakref.ref(message))
    ref.tell_after(3600, message)
    ref.tell_every(3600, message)
    del message
    ref.stop()

    def is_freed() -> bool:
        gc.collect()
        return all(it() is None for it in gone)

    wait_until(is_freed, "the actor and the message are freed")


def test_timers_that_are_set_while_the_actor_ends_are_refused_or_cancelled(
    system: pykka.ActorSystem, noting: Any, clock: ManualClock
) -> None:
    for _ in range(40):
        ref = system.start(noting)
        timers: list[pykka.Timer] = []
        begun = threading.Event()

        def set_timers(
            ref: pykka.ActorRef[Any] = ref,
            timers: list[pykka.Timer] = timers,
            begun: threading.Event = begun,
        ) -> None:
            while True:
                try:
                    timers.append(ref.tell_every(1000, "x"))
                except pykka.ActorDeadError:
                    return
                begun.set()

        thread = threading.Thread(target=set_timers)
        thread.start()
        assert begun.wait(PATIENCE)
        ref.stop()
        thread.join(PATIENCE)
        wait_until(lambda ref=ref: not ref.timers(), "the timers are over")  # type: ignore[misc]
        assert not any(timer.is_active for timer in timers)
    assert clock.pending == 0


def test_an_actor_that_stops_can_set_no_timer_for_itself(
    system: pykka.ActorSystem, agent: Any, clock: ManualClock, diary: Diary
) -> None:
    class Dying(agent):  # type: ignore[misc]
        def on_stop(self) -> None:
            try:
                self.actor_ref.tell_after(1, "x")
            except pykka.ActorDeadError:
                self.diary.note("refused")

    ref = system.start(Dying, diary)
    assert diary.read(1) == ["on_start"]
    ref.stop()
    assert diary.read(1) == ["refused"]


# Inboxes of the user's own.


class FullQueue(queue.Queue[Any]):
    """A bounded queue that has room for one."""

    def __init__(self) -> None:
        super().__init__(1)


class BareQueue(queue.Queue[Any]):
    """A bounded queue whose `put()` takes an envelope and nothing else."""

    def __init__(self) -> None:
        super().__init__(1)

    def put(self, envelope: Any) -> None:  # type: ignore[override]
        super().put(envelope)


class LyingQueue(FullQueue):
    """A queue that fills up between the look and the put."""

    def full(self) -> bool:
        return False


@pytest.fixture(params=[FullQueue, BareQueue, LyingQueue])
def bounded(request: pytest.FixtureRequest, noting: Any) -> Any:
    """An agent with a bounded inbox of its own."""

    class Bounded(noting):  # type: ignore[misc]
        @staticmethod
        def _create_actor_inbox() -> Any:
            return request.param()

    return Bounded


@pytest.mark.parametrize("counting", [False, True], ids=["plain", "counting"])
def test_a_tick_never_waits_for_room_in_an_inbox_of_the_users(  # noqa: PLR0917 (fixtures)
    system: pykka.ActorSystem,
    bounded: Any,
    clock: ManualClock,
    diary: Diary,
    gate: Gate,
    counting: bool,
) -> None:
    ref = system.start(bounded, diary)
    if counting:
        ref.keep_statistics()
        ref.ask(lambda _agent: None)
    ref.tell(gate)
    gate.wait_until_entered()
    ref.tell("fills it up")
    assert ref.actor_inbox.qsize() == 1
    timers = [ref.tell_after(1, "once"), ref.tell_every(1, "again"), ref.tell_after(2, "later")]
    clock.advance(5)  # on this very thread; it would hang
    gate.open()
    assert sorted(diary.read(4)) == ["again", "fills it up", "later", "once"]
    assert [timer.delivered for timer in timers] == [1, 1, 1]
    assert timers[1].missed == 4
    clock.advance(1)
    assert diary.read(1) == ["again"]
    assert (timers[1].delivered, timers[1].missed) == (2, 0)
    if counting:
        wait_until(lambda: ref.statistics().waiting == 0, "nothing waits")
        assert ref.statistics().oldest is None


def test_a_tick_waits_its_turn_in_an_inbox_of_the_users_that_has_room(
    system: pykka.ActorSystem, noting: Any, clock: ManualClock, diary: Diary, gate: Gate
) -> None:
    class Roomy(noting):  # type: ignore[misc]
        @staticmethod
        def _create_actor_inbox() -> Any:
            return queue.Queue(10)

    ref = system.start(Roomy, diary)
    ref.tell(gate)
    gate.wait_until_entered()
    ref.tell("before")
    ref.tell_after(1, "tick")
    clock.advance(1)
    ref.tell("after")
    gate.open()
    assert diary.read(3) == ["before", "tick", "after"]


class FailingQueue(queue.SimpleQueue):  # type: ignore[type-arg]
    """A queue that now and then takes nothing."""

    fails = False

    def put(self, *args: Any) -> None:
        if FailingQueue.fails:
            raise OSError("no inbox today")
        super().put(*args)


def test_a_periodic_timer_survives_an_inbox_that_fails(
    system: pykka.ActorSystem, noting: Any, clock: ManualClock, diary: Diary, log: Log
) -> None:
    class Failing(noting):  # type: ignore[misc]
        @staticmethod
        def _create_actor_inbox() -> Any:
            return FailingQueue()

    ref = system.start(Failing, diary)
    timer = ref.tell_every(1, "tick")
    FailingQueue.fails = True
    try:
        clock.advance(3)
    finally:
        FailingQueue.fails = False
    assert len(log.find("ERROR", "An alarm raised")) == 3
    clock.advance(1)
    assert diary.read(1) == ["tick"]
    ref.ask(lambda _agent: None)
    assert (timer.delivered, timer.missed) == (1, 3)


# Timers are set from anywhere (guarantee G4).


@pytest.mark.usefixtures("untraced")
def test_a_signal_handler_may_set_and_cancel_timers_at_any_time(
    system: pykka.ActorSystem, noting: Any, clock: ManualClock, diary: Diary
) -> None:
    ref = system.start(noting, diary)
    strikes = 0

    def handler(_signal: int, _frame: object) -> None:
        nonlocal strikes
        strikes += 1
        ref.tell_after(1, "kept")
        ref.tell_every(1, "gone").cancel()

    before = signal.signal(signal.SIGALRM, handler)
    kept = 0
    try:
        for number in range(400):
            signal.setitimer(signal.ITIMER_REAL, 1e-6 * (number % 80 + 1))
            for _ in range(10):
                ref.tell_after(1, "kept")
                ref.tell_after(1, "gone").cancel()
                kept += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert strikes > 50
    assert len(ref.timers()) == kept + strikes
    clock.advance(1)
    assert handled(ref, diary) == ["kept"] * (kept + strikes)
    assert ref.timers() == []


def test_a_finaliser_may_set_and_cancel_timers(
    system: pykka.ActorSystem, noting: Any, clock: ManualClock, diary: Diary
) -> None:
    ref = system.start(noting, diary)

    class Final:
        def __init__(self) -> None:
            self.me = self  # only the garbage collector frees it

        def __del__(self) -> None:
            ref.tell_after(1, "from a finaliser")
            ref.tell_after(1, "x").cancel()
            finalised.append(True)

    finalised: list[bool] = []
    threshold = gc.get_threshold()
    gc.set_threshold(3)
    try:
        for _ in range(50):
            Final()
            ref.tell_after(1, "x").cancel()
    finally:
        gc.set_threshold(*threshold)
    # The collector may be at work on the actor's thread, and then does nothing here.
    wait_until(lambda: (gc.collect(), len(finalised) == 50)[1], "all are finalised")
    clock.advance(1)
    assert handled(ref, diary) == ["from a finaliser"] * 50


def test_a_handler_of_a_tick_may_set_the_next_one(
    ref: pykka.ActorRef[Any], clock: ManualClock, diary: Diary
) -> None:
    def again(agent: Any) -> None:
        agent.diary.note(clock.now())
        agent.actor_ref.tell_after(2, again)

    ref.tell_after(1, again)
    for _second in range(6):
        clock.advance(1)
        ref.ask(lambda _agent: None)
    assert handled(ref, diary) == [1, 3, 5]
