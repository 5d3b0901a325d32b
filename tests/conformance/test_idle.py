"""Idle time-outs: an actor that has had no message for some time is told."""

from __future__ import annotations

import math
import queue
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import Diary, Gate, failing
from tests.leaks import PATIENCE, wait_until

import pykka

if TYPE_CHECKING:
    from tests.conftest import Runtime

    from pykka.timers import ManualClock


class Idler(pykka.Actor):
    """Notes when it is idle, and by which clock."""

    def __init__(self, diary: Diary, seconds: float | None = 10) -> None:
        super().__init__()
        self.diary = diary
        self.seconds = seconds

    def on_start(self) -> None:
        if self.seconds is not None:
            self.set_idle_timeout(self.seconds)

    def on_idle(self) -> None:
        system: Any = self.actor_ref.system
        self.diary.note(system.clock.now())

    def on_receive(self, message: Any) -> Any:
        return message(self) if callable(message) else message


@pytest.fixture
def idler_class(runtime: Runtime) -> Any:
    return runtime.run(Idler)


@pytest.fixture
def ref(
    system: pykka.ActorSystem, idler_class: Any, diary: Diary, clock: ManualClock
) -> pykka.ActorRef[Any]:
    ref = system.start(idler_class, diary)
    wait_until(lambda: clock.pending == 1, "the time-out is set")
    return ref


def idle_times(ref: pykka.ActorRef[Any], clock: ManualClock, diary: Diary) -> list[float]:
    """When it was idle, as soon as nothing is on its way."""
    wait_until(lambda: ref.statistics().waiting == 0 and clock.pending == 1, "it has looked")
    return diary.rest()


def test_an_actor_that_gets_no_message_is_told(
    ref: pykka.ActorRef[Any], clock: ManualClock, diary: Diary
) -> None:
    clock.advance(9.5)
    assert idle_times(ref, clock, diary) == []
    clock.advance(0.5)
    assert diary.read(1) == [10]


def test_it_is_told_again_each_time_that_as_much_time_has_passed(
    ref: pykka.ActorRef[Any], clock: ManualClock, diary: Diary
) -> None:
    seen = []
    for _ in range(35):
        clock.advance(1)
        seen += idle_times(ref, clock, diary)
    assert seen == [10, 20, 30]


def test_it_is_told_although_the_actor_looks_late(
    ref: pykka.ActorRef[Any], clock: ManualClock, diary: Diary
) -> None:
    ref.ask("x")  # at the very time at which the time-out was set
    clock.advance(10)
    clock.advance(10)  # perhaps before it has looked
    assert len(diary.read(1)) == 1
    clock.advance(10)
    assert len(diary.read(1)) == 1


@pytest.mark.parametrize("how", ["tell", "ask", "proxy"])
def test_a_message_begins_the_time_anew(
    ref: pykka.ActorRef[Any], clock: ManualClock, diary: Diary, how: str
) -> None:
    def send() -> None:
        if how == "ask":
            ref.ask("x")
        elif how == "proxy":
            ref.proxy().seconds.get(timeout=PATIENCE)
        else:
            ref.tell("x")

    seen = []
    sent = 0
    for second in range(1, 40):
        clock.advance(1)
        seen += idle_times(ref, clock, diary)
        if second in {4, 8, 13, 20}:
            send()
            sent += 1
            wait_until(lambda n=sent: ref.statistics().handled == n, "it is taken up")  # type: ignore[misc]
            wait_until(lambda: ref._cell.handling is None, "it is done")
    assert seen == [30]


def test_an_actor_that_is_still_at_its_last_look_is_not_busy(
    idler_class: Any, diary: Diary
) -> None:
    class HastyClock(pykka.timers.ManualClock):
        """Goes on as soon as an alarm is set again, while the actor is still there."""

        hurries = True

        def schedule(self, when: float, alarm: Any) -> None:
            super().schedule(when, alarm)
            if when == 20 and self.hurries:
                self.hurries = False
                self.advance(10)

    clock = HastyClock()
    with pykka.ActorSystem(clock=clock, shutdown_timeout=PATIENCE) as system:
        system.start(idler_class, diary)
        wait_until(lambda: clock.pending == 1, "the time-out is set")
        clock.advance(10)
        assert diary.read(2) == [10, 20]


def test_a_handler_that_takes_long_is_not_idle(
    ref: pykka.ActorRef[Any], clock: ManualClock, diary: Diary, gate: Gate
) -> None:
    ref.tell(gate)
    gate.wait_until_entered()
    clock.advance(25)
    gate.open()
    assert idle_times(ref, clock, diary) == []
    clock.advance(9)
    assert idle_times(ref, clock, diary) == []
    clock.advance(1)
    assert diary.read(1) == [35]


def test_messages_that_waited_behind_a_long_one_count_when_they_are_taken_up(
    ref: pykka.ActorRef[Any], clock: ManualClock, diary: Diary, gate: Gate
) -> None:
    ref.tell(gate)
    gate.wait_until_entered()
    for _ in range(3):
        ref.tell("x")
    clock.advance(12)
    gate.open()
    ref.ask("x")
    assert idle_times(ref, clock, diary) == []
    clock.advance(9)
    assert idle_times(ref, clock, diary) == []


def test_ticks_count_as_messages_and_cancelled_ones_do_not(
    ref: pykka.ActorRef[Any], clock: ManualClock, diary: Diary, gate: Gate
) -> None:
    timer = ref.tell_every(4, "tick")
    for _ in range(10):
        clock.advance(4)
        ref.ask("x")  # the tick is handled
    assert diary.rest() == []
    assert timer.delivered == 10
    clock.advance(3)
    timer.cancel()
    assert idle_times(ref, clock, diary) == []
    clock.advance(7)
    assert diary.read(1) == [50]


def test_a_cancelled_tick_that_lies_in_the_inbox_is_no_message(
    ref: pykka.ActorRef[Any], clock: ManualClock, diary: Diary, gate: Gate
) -> None:
    ref.tell(gate)
    gate.wait_until_entered()
    timer = ref.tell_after(1, "tick")
    clock.advance(1)
    timer.cancel()
    gate.open()
    wait_until(lambda: ref.statistics().waiting == 0, "it is skipped")
    assert ref.statistics().handled == 1


def test_it_can_be_changed_and_ended(
    ref: pykka.ActorRef[Any], clock: ManualClock, diary: Diary
) -> None:
    proxy = ref.proxy()
    proxy.set_idle_timeout(3).get(timeout=PATIENCE)
    clock.advance(3)
    assert diary.read(1) == [3]
    proxy.set_idle_timeout(None).get(timeout=PATIENCE)
    assert clock.pending == 0
    clock.advance(100)
    ref.ask("x")
    assert diary.rest() == []
    proxy.set_idle_timeout(5).get(timeout=PATIENCE)
    clock.advance(5)
    assert diary.read(1) == [108]


def test_a_look_that_is_on_its_way_when_the_time_out_ends_does_nothing(
    ref: pykka.ActorRef[Any], clock: ManualClock, diary: Diary, gate: Gate
) -> None:
    def hold_and_end(actor: Any) -> None:
        gate(actor)
        actor.set_idle_timeout(None)

    ref.tell(hold_and_end)
    gate.wait_until_entered()
    clock.advance(10)
    gate.open()
    ref.ask("x")
    clock.advance(100)
    ref.ask("x")
    assert diary.rest() == []


def test_the_hook_may_end_or_change_the_time_out(
    system: pykka.ActorSystem, idler_class: Any, clock: ManualClock, diary: Diary
) -> None:
    class Patient(idler_class):  # type: ignore[misc]
        def on_idle(self) -> None:
            self.seconds = {10: 3, 3: None}[self.seconds]
            self.set_idle_timeout(self.seconds)
            super().on_idle()

    system.start(Patient, diary)
    wait_until(lambda: clock.pending == 1, "the time-out is set")
    clock.advance(10)
    assert diary.read(1) == [10]
    clock.advance(3)
    assert diary.read(1) == [13]
    assert clock.pending == 0


def test_the_hook_may_stop_the_actor(
    system: pykka.ActorSystem, idler_class: Any, clock: ManualClock, diary: Diary
) -> None:
    class Leaving(idler_class):  # type: ignore[misc]
        def on_idle(self) -> None:
            self.stop()

    ref = system.start(Leaving, diary)
    wait_until(lambda: clock.pending == 1, "the time-out is set")
    clock.advance(10)
    assert ref.when_terminated().get(timeout=PATIENCE) == pykka.Stopped()
    wait_until(lambda: clock.pending == 0, "the time-out is over")


def test_a_hook_that_raises_ends_the_actor(
    system: pykka.ActorSystem, idler_class: Any, clock: ManualClock, diary: Diary
) -> None:
    class Failing(idler_class):  # type: ignore[misc]
        def on_idle(self) -> None:
            raise ValueError

    ref = system.start(Failing, diary)
    wait_until(lambda: clock.pending == 1, "the time-out is set")
    clock.advance(10)
    assert isinstance(ref.when_terminated().get(timeout=PATIENCE), pykka.Failed)
    wait_until(lambda: clock.pending == 0, "the time-out is over")


def test_an_actor_that_has_ended_is_not_told(
    ref: pykka.ActorRef[Any], clock: ManualClock, system: pykka.ActorSystem, diary: Diary
) -> None:
    ended = ref.when_terminated()
    ref.tell(failing(ValueError()))
    ended.get(timeout=PATIENCE)
    wait_until(lambda: clock.pending == 0, "the time-out is over")
    clock.advance(100)
    assert diary.rest() == []
    assert system.statistics().dead_letters == 0


@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        (0, ValueError, "more than 0 seconds"),
        (-1, ValueError, "more than 0 seconds"),
        (math.nan, ValueError, "more than 0 seconds"),
        (math.inf, ValueError, "finite"),
        ("1", TypeError, "a number of seconds or None"),
    ],
)
def test_a_time_that_is_none_is_refused(  # noqa: PLR0917 (fixtures)
    ref: pykka.ActorRef[Any],
    clock: ManualClock,
    diary: Diary,
    wrong: Any,
    error: type[Exception],
    text: str,
) -> None:
    with pytest.raises(error, match=text):
        ref.proxy().set_idle_timeout(wrong).get(timeout=PATIENCE)
    clock.advance(10)
    assert diary.read(1) == [10], "the one before still holds"


def test_the_constructor_may_set_it(
    system: pykka.ActorSystem, idler_class: Any, clock: ManualClock, diary: Diary
) -> None:
    class Early(idler_class):  # type: ignore[misc]
        def __init__(self, diary: Diary) -> None:
            super().__init__(diary, None)
            self.set_idle_timeout(2)

    ref = system.start(Early, diary)
    assert ref.ask("x") == "x"
    clock.advance(1)
    ref.ask("x")
    clock.advance(1)
    assert idle_times(ref, clock, diary) == []
    clock.advance(1)
    assert diary.read(1) == [3]


def test_a_full_inbox_of_the_users_does_not_hold_the_clock_up(
    system: pykka.ActorSystem,
    idler_class: Any,
    clock: ManualClock,
    diary: Diary,
    gate: Gate,
) -> None:
    class Bounded(idler_class):  # type: ignore[misc]
        @staticmethod
        def _create_actor_inbox() -> Any:
            return queue.Queue(1)

    ref = system.start(Bounded, diary)
    wait_until(lambda: clock.pending == 1, "the time-out is set")
    ref.tell(gate)
    gate.wait_until_entered()
    ref.tell("x")
    clock.advance(11)  # on this very thread
    gate.open()
    ref.ask("x")
    assert idle_times(ref, clock, diary) == []
    clock.advance(10)
    assert diary.read(1) == [21]


def test_idle_time_passes_in_the_time_of_the_world_too(idler_class: Any, diary: Diary) -> None:
    ref = idler_class.start(diary, 0.002)
    assert len(diary.read(3)) == 3
    ref.stop()


def test_the_handler_that_sets_it_may_take_long(
    system: pykka.ActorSystem, idler_class: Any, clock: ManualClock, diary: Diary, gate: Gate
) -> None:
    ref = system.start(idler_class, diary, None)

    def set_and_hold(actor: Any) -> None:
        actor.set_idle_timeout(10)
        gate(actor)

    ref.tell(set_and_hold)
    gate.wait_until_entered()
    clock.advance(25)
    gate.open()
    assert idle_times(ref, clock, diary) == []
    clock.advance(10)
    assert diary.read(1) == [35]
