"""Stash: messages are set aside and taken up again in order."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import Diary, Gate, failing
from tests.leaks import PATIENCE, wait_until

import pykka

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Runtime

    from pykka.timers import ManualClock

CAPACITY = 5


class Printer(pykka.Actor):
    """Notes what it prints, and sets everything aside while it has no paper."""

    stash_capacity = CAPACITY

    def __init__(self, diary: Diary) -> None:
        super().__init__()
        self.diary = diary
        self.has_paper = False

    def on_receive(self, message: Any) -> Any:
        if callable(message):
            return message(self)
        if not self.has_paper:
            self.stash()
            self.diary.note("what comes after stash() is not reached")
        self.diary.note(message)
        return f"printed {message}"

    def print(self, page: object) -> str:
        if not self.has_paper:
            self.stash()
        self.diary.note(page)
        return f"printed {page}"

    def fill(self) -> int:
        self.has_paper = True
        return self.unstash_all()


@pytest.fixture
def printer(system: pykka.ActorSystem, runtime: Runtime, diary: Diary) -> pykka.ActorRef[Any]:
    return system.start(runtime.run(Printer), diary)


def test_what_is_set_aside_is_handled_later_in_order_whatever_it_is(
    printer: pykka.ActorRef[Any], diary: Diary
) -> None:
    proxy = printer.proxy()
    printer.tell(1)
    two = printer.ask(2, block=False)
    three = proxy.print(3)
    proxy.print.defer(4)
    printer.tell(None)
    assert printer.ask(lambda actor: actor.unstash_all()) == CAPACITY, "and they go aside again"
    assert printer.ask(lambda actor: actor.diary) is diary
    assert diary.rest() == []
    assert proxy.fill().get(timeout=PATIENCE) == CAPACITY
    assert pykka.get_all([two, three], timeout=PATIENCE) == ["printed 2", "printed 3"]
    assert diary.read(5) == [1, 2, 3, 4, None]
    assert diary.rest() == []
    assert proxy.fill().get(timeout=PATIENCE) == 0
    assert diary.rest() == []


def test_it_comes_before_everything_that_waits_in_the_inbox(
    printer: pykka.ActorRef[Any], diary: Diary, gate: Gate
) -> None:
    printer.tell(1)
    printer.tell(2)
    printer.tell(gate)
    gate.wait_until_entered()
    printer.tell(lambda actor: actor.fill())
    last = printer.ask(3, block=False)
    gate.open()
    last.get(timeout=PATIENCE)
    assert diary.read(3) == [1, 2, 3]


def test_what_is_set_aside_again_keeps_its_place(
    system: pykka.ActorSystem, runtime: Runtime, diary: Diary
) -> None:
    class Picky(runtime.actor_class):  # type: ignore[name-defined, misc]
        """Takes up one more number each time."""

        stash_capacity = 100

        def __init__(self) -> None:
            super().__init__()
            self.next = 0

        def on_receive(self, number: int) -> int:
            if number != self.next:
                self.stash()
            self.next += 1
            diary.note(number)
            self.unstash_all()
            return number

    ref = system.start(Picky)
    futures = [ref.ask(number, block=False) for number in (5, 3, 1, 4, 2, 7, 6)]
    first = ref.ask(0, block=False)
    assert first.get(timeout=PATIENCE) == 0
    assert pykka.get_all(futures, timeout=PATIENCE) == [5, 3, 1, 4, 2, 7, 6]
    assert diary.read(8) == list(range(8))
    assert diary.rest() == []


def test_whoever_has_asked_goes_on_waiting(
    printer: pykka.ActorRef[Any], in_thread: Callable[[Callable[[], object]], Any]
) -> None:
    """Also a caller who runs the actor himself."""
    answers: list[object] = []
    threads = [
        in_thread(lambda: answers.append(printer.ask("a page"))),
        in_thread(lambda: answers.append(printer.proxy().print("a page").get())),
    ]
    wait_until(lambda: printer.statistics().stashed == 2, "both are set aside")
    with pytest.raises(pykka.Timeout):
        printer.ask("another page", timeout=0.01)
    assert answers == []
    printer.proxy().fill().get(timeout=PATIENCE)
    for thread in threads:
        thread.join(PATIENCE)
    assert answers == ["printed a page"] * 2


def test_more_than_the_capacity_is_refused(printer: pykka.ActorRef[Any], diary: Diary) -> None:
    for number in range(CAPACITY):
        printer.tell(number)
    with pytest.raises(pykka.StashFullError, match=f"has set aside {CAPACITY} messages"):
        printer.ask("one too many")
    with pytest.raises(pykka.StashFullError, match="stash_capacity"):
        printer.proxy().print("one too many").get(timeout=PATIENCE)
    assert printer.proxy().fill().get(timeout=PATIENCE) == CAPACITY
    assert diary.read(CAPACITY) == list(range(CAPACITY))
    printer.ask(lambda actor: setattr(actor, "has_paper", False))
    printer.tell("there is room again")
    assert printer.proxy().fill().get(timeout=PATIENCE) == 1


def test_a_tell_that_finds_no_room_ends_the_actor(printer: pykka.ActorRef[Any]) -> None:
    for number in range(CAPACITY + 1):
        with contextlib.suppress(pykka.ActorDeadError):
            printer.tell(number)
    reason = printer.when_terminated().get(timeout=PATIENCE)
    assert isinstance(reason, pykka.Failed)
    assert isinstance(reason.exception, pykka.StashFullError)


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda ref: ref.stop(), id="stop"),
        pytest.param(lambda ref: ref.kill(), id="kill"),
        pytest.param(lambda ref: ref.tell(failing(ValueError())), id="crash"),
    ],
)
def test_what_is_aside_when_the_actor_ends_is_answered_or_reported(
    printer: pykka.ActorRef[Any],
    system: pykka.ActorSystem,
    diary: Diary,
    end: Callable[[pykka.ActorRef[Any]], object],
) -> None:
    letters: list[object] = []
    system.dead_letters.subscribe(lambda letter: letters.append(letter.message))
    printer.tell("tell")
    asks = [printer.ask("ask", block=False), printer.proxy().print("call")]
    wait_until(lambda: printer.statistics().stashed == 3, "all are set aside")
    end(printer)
    for ask in asks:
        with pytest.raises(pykka.ActorDeadError, match="stopped before handling the message"):
            ask.get(timeout=PATIENCE)
    printer.when_terminated().get(timeout=PATIENCE)
    assert letters == ["tell"]
    assert diary.rest() == []


def test_what_was_taken_up_but_not_handled_when_the_actor_ends_is_answered_too(
    printer: pykka.ActorRef[Any], diary: Diary
) -> None:
    ask = printer.ask("ask", block=False)

    def unstash_and_fail(actor: Any) -> None:
        actor.fill()
        raise ValueError

    printer.tell(unstash_and_fail)
    with pytest.raises(pykka.ActorDeadError):
        ask.get(timeout=PATIENCE)
    assert diary.rest() == []


def test_a_message_whose_handler_goes_on_after_all_is_not_handled_twice(
    printer: pykka.ActorRef[Any], diary: Diary
) -> None:
    def stubborn(actor: Any) -> str:
        try:
            actor.stash()
        except BaseException:
            actor.diary.note("handled")
        return "answered"

    assert printer.ask(stubborn) == "answered"
    assert printer.proxy().fill().get(timeout=PATIENCE) == 0
    assert diary.rest() == ["handled"]


def test_a_class_has_to_say_how_many_may_be_set_aside(
    system: pykka.ActorSystem, agent: Any
) -> None:
    ref = system.start(agent)
    with pytest.raises(RuntimeError, match="stash_capacity = 100"):
        ref.ask(lambda actor: actor.stash())
    assert ref.is_alive()


def test_there_is_nothing_to_set_aside_in_a_hook(
    system: pykka.ActorSystem, runtime: Runtime, diary: Diary, clock: ManualClock
) -> None:
    def try_it(actor: Any, where: str) -> None:
        with pytest.raises(RuntimeError, match="only in its own code, while it handles one"):
            actor.stash()
        diary.note(where)

    class Hooks(runtime.actor_class):  # type: ignore[name-defined, misc]
        stash_capacity = 1

        def on_start(self) -> None:
            try_it(self, "on_start")
            self.set_idle_timeout(1)

        def on_idle(self) -> None:
            try_it(self, "on_idle")

        def on_stop(self) -> None:
            try_it(self, "on_stop")

        def on_failure(self, *_exc: object) -> None:
            try_it(self, "on_failure")

        def on_receive(self, message: object) -> None:
            raise ValueError

    ref, other = system.start(Hooks), system.start(Hooks)
    assert diary.read(2) == ["on_start", "on_start"]
    wait_until(lambda: clock.pending == 2, "both wait for the time to pass")
    clock.advance(1)
    assert diary.read(2) == ["on_idle", "on_idle"]
    ref.stop()
    assert diary.read(1) == ["on_stop"]
    other.tell("crash")
    assert diary.read(1) == ["on_failure"]
    other.when_terminated().get(timeout=PATIENCE)


def test_only_the_actor_itself_sets_its_messages_aside(
    printer: pykka.ActorRef[Any], gate: Gate
) -> None:
    actor = printer.proxy()._actor
    printer.tell(gate)
    gate.wait_until_entered()
    with pytest.raises(RuntimeError, match="only in its own code"):
        actor.stash()
    gate.open()


def test_a_tick_that_is_set_aside_is_still_on_its_way(
    printer: pykka.ActorRef[Any], clock: ManualClock, diary: Diary
) -> None:
    once, again = printer.tell_after(1, "once"), printer.tell_every(1, "again")
    cancelled = printer.tell_after(1, "cancelled")
    clock.advance(1)
    wait_until(lambda: printer.statistics().stashed == 3, "all are set aside")
    assert [timer.delivered for timer in (once, again, cancelled)] == [0, 0, 0]
    assert printer.timers() == [again, once, cancelled]
    assert cancelled.cancel() is True, "it lies in the stash"
    clock.advance(3)
    printer.ask(lambda _actor: None)
    assert printer.statistics().stashed == 3, "no other one has come"
    printer.proxy().fill().get(timeout=PATIENCE)
    printer.ask(lambda _actor: None)
    assert diary.rest() == ["once", "again"]
    assert (once.delivered, once.is_active) == (1, False)
    assert (again.delivered, again.missed) == (1, 3)
    assert cancelled.delivered == 0
    assert printer.timers() == [again]
    clock.advance(1)
    assert diary.read(1) == ["again"]
    assert (again.delivered, again.missed) == (2, 0)


def test_the_actor_cancels_a_tick_that_it_has_set_aside(
    printer: pykka.ActorRef[Any], clock: ManualClock, diary: Diary
) -> None:
    timers = [printer.tell_after(1, "once"), printer.tell_every(1, "again")]
    clock.advance(1)
    printer.ask(lambda _actor: None)
    assert printer.ask(lambda _actor: [timer.cancel() for timer in timers]) == [True, True]
    printer.proxy().fill().get(timeout=PATIENCE)
    printer.ask(lambda _actor: None)
    assert diary.rest() == []


def test_a_tick_whose_successor_waits_is_left_out_when_it_is_set_aside(
    printer: pykka.ActorRef[Any], clock: ManualClock, diary: Diary, gate: Gate
) -> None:
    def hold(actor: Any) -> None:
        if not actor.has_paper:
            gate(actor)
            actor.stash()
        actor.diary.note("tick")

    timer = printer.tell_every(1, hold)
    clock.advance(1)
    gate.wait_until_entered()
    clock.advance(1)  # another one goes into the inbox
    gate.open()
    wait_until(lambda: printer.statistics().stashed == 1, "one is set aside")
    printer.ask(lambda _actor: None)
    printer.proxy().fill().get(timeout=PATIENCE)
    printer.ask(lambda _actor: None)
    assert diary.rest() == ["tick"]
    assert (timer.delivered, timer.missed) == (1, 1)


def test_a_death_notice_may_be_set_aside(
    system: pykka.ActorSystem, runtime: Runtime, agent: Any, diary: Diary
) -> None:
    patient = system.start(agent)

    class Nurse(runtime.run(Printer)):  # type: ignore[misc]
        def on_start(self) -> None:
            self.watch(patient)

    nurse = system.start(Nurse, diary)
    nurse.ask(lambda _actor: None)
    patient.stop()
    wait_until(lambda: nurse.statistics().stashed == 1, "it is set aside")
    nurse.proxy().fill().get(timeout=PATIENCE)
    [notice] = diary.read(1)
    assert isinstance(notice, pykka.Terminated)
    assert (notice.ref, notice.reason) == (patient, pykka.Stopped())


def test_everything_is_handled_once_and_in_order_while_others_send(  # noqa: C901
    system: pykka.ActorSystem,
    runtime: Runtime,
    in_thread: Callable[[Callable[[], object]], Any],
) -> None:
    """Half of what comes is set aside, and all of it is taken up again now and then."""
    each = 300

    class Juggler(runtime.actor_class):  # type: ignore[name-defined, misc]
        stash_capacity = 10_000

        def __init__(self) -> None:
            super().__init__()
            self.seen: list[tuple[int, int]] = []
            self.takes_up = False

        def on_receive(self, message: Any) -> Any:
            if message in {"take up", "set aside"}:
                self.takes_up = message == "take up"
                return self.unstash_all()
            if message == "seen":
                return self.seen
            if not self.takes_up:
                self.stash()
            self.seen.append(message)
            return message

    ref = system.start(Juggler)

    def send(sender: int) -> None:
        futures = []
        for number in range(each):
            if number % 3:
                ref.tell((sender, number))
            else:
                futures.append(ref.ask((sender, number), block=False))
            if sender == 0 and number % 50 == 0:
                ref.tell("set aside" if number % 100 else "take up")
        answers.append(futures)

    answers: list[list[Any]] = []
    threads = [in_thread(lambda sender=sender: send(sender)) for sender in range(3)]  # type: ignore[misc]
    for thread in threads:
        thread.join(PATIENCE)
    ref.ask("take up")
    seen = ref.ask("seen")
    for sender in range(3):
        assert [number for who, number in seen if who == sender] == list(range(each))
    for futures in answers:
        assert len(pykka.get_all(futures, timeout=PATIENCE)) == each // 3
