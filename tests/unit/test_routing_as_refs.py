"""What refs can do besides sending, a router does for all of its routees."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE, wait_until
from tests.unit.routers import ThreadedWorker, Worker, each_kind, seen, start

import pykka
from pykka import dead_letters, routing

if TYPE_CHECKING:
    from tests.conftest import Log

    from pykka.timers import ManualClock


def start_in(system: pykka.ActorSystem, count: int) -> list[pykka.ActorRef[Any]]:
    return [system.start(Worker, f"worker {number}") for number in range(count)]


# --- the end ------------------------------------------------------------------------------------


@each_kind
def test_a_kill_kills_all(make: Any) -> None:
    refs = start(3)
    router = make(refs)
    assert router.kill() is True
    assert [ref.when_terminated().get(timeout=PATIENCE) for ref in refs] == [pykka.Killed()] * 3
    assert router.kill(block=False).get(timeout=PATIENCE) is False
    with pytest.raises(ValueError, match="0 or more seconds"):
        router.kill(abandon_after=-1)


def test_a_kill_abandons_those_who_hang(system: pykka.ActorSystem, clock: ManualClock) -> None:
    entered, opened = threading.Event(), threading.Event()

    def hang() -> None:
        entered.set()
        opened.wait(PATIENCE)

    ref = system.start(ThreadedWorker)
    ref.tell(hang)
    assert entered.wait(PATIENCE)
    killed = routing.RoundRobin([ref]).kill(abandon_after=1.0, block=False)
    clock.advance(1.0)
    assert killed.get(timeout=PATIENCE) is True
    assert isinstance(ref.when_terminated().get(timeout=PATIENCE), pykka.Abandoned)
    opened.set()


@each_kind
def test_the_end_of_all_can_be_waited_for(make: Any) -> None:
    one, two = start(2)
    router = make([one, two])
    ended = router.when_terminated()
    one.stop()
    assert not ended.done()
    two.kill()
    assert ended.get(timeout=PATIENCE) == pykka.Killed()
    assert make([one]).when_terminated().get(timeout=PATIENCE) == pykka.Stopped()
    assert make([]).when_terminated().get(timeout=PATIENCE) == pykka.Stopped()


def test_an_actor_cannot_watch_a_router() -> None:
    router = routing.RoundRobin(start(1))
    (watcher,) = start(1)
    with pytest.raises(TypeError, match="takes the ref of a single actor"):
        watcher.ask(lambda actor: actor.watch(router))


# --- who and where ------------------------------------------------------------------------------


def test_a_group_has_no_name_and_the_system_of_its_first_routee(
    system: pykka.ActorSystem,
) -> None:
    refs = start_in(system, 1) + start(1)
    router = routing.RoundRobin(refs)
    assert router.name is None
    assert router.system is system
    assert routing.RoundRobin([router]).system is system
    with pytest.raises(pykka.ActorDeadError, match="no living routee"):
        _ = routing.RoundRobin([]).system


# --- statistics ---------------------------------------------------------------------------------


@each_kind
def test_statistics_are_those_of_all(make: Any) -> None:
    refs = start(2)
    router = make(refs)
    assert router.statistics() == pykka.ActorStatistics(0, 0, None, None, None)
    router.keep_statistics()
    for ref in refs:
        ref.ask("the switch lies before it")
    before = router.statistics().handled
    for ref in refs:
        ref.ask("message")
    assert router.statistics().handled == before + 2
    assert make([]).statistics() == pykka.ActorStatistics(0, 0, None, None, None)


def test_what_waits_is_added_up() -> None:
    entered, opened = threading.Semaphore(0), threading.Event()

    def wait() -> None:
        entered.release()
        opened.wait(PATIENCE)

    refs = [ThreadedWorker.start() for _ in range(2)]
    router = routing.RoundRobin(refs)
    router.keep_statistics()
    for ref in refs:
        ref.ask(lambda: None)
        ref.tell(wait)
        entered.acquire()
    for _ in range(3):
        router.tell(lambda: None)
    statistics = router.statistics()
    assert statistics.waiting == 3
    assert statistics.oldest is not None
    assert statistics.oldest >= 0
    opened.set()


# --- timers -------------------------------------------------------------------------------------


@each_kind
def test_a_message_is_routed_when_it_is_due(
    make: Any, system: pykka.ActorSystem, clock: ManualClock
) -> None:
    early, late = start_in(system, 2)
    router = make([early])
    timer = router.tell_after(2.0, "message")
    assert isinstance(timer, pykka.Timer)
    assert router.timers() == [timer]
    assert timer.is_active
    assert timer.remaining == 2.0
    router.add(late)
    router.remove(early)
    clock.advance(1.9)
    assert seen([late]) == []
    clock.advance(0.1)
    assert seen([early, late]) == ["message"]
    assert router.timers() == []
    assert timer.delivered == 1
    assert not timer.is_active
    assert timer.cancel() is False


@each_kind
def test_a_message_that_is_due_again_and_again_is_routed_each_time(
    make: Any, system: pykka.ActorSystem, clock: ManualClock
) -> None:
    refs = start_in(system, 2)
    router = make(refs)
    timer = router.tell_every(1.0, "message", first=0.5)
    assert timer.interval == 1.0
    for _ in range(4):
        clock.advance(1.0)
        seen(refs)  # so that it is handled
    copies = 2 if isinstance(router, (routing.Broadcast, routing.ScatterGather)) else 1
    assert seen(refs) == ["message"] * 4 * copies
    assert timer.delivered == 4 * copies
    assert timer.missed == 0
    assert router.timers() == [timer]
    timer.cancel()
    assert not timer.is_active
    assert timer.message is None
    assert router.timers() == []
    clock.advance(5.0)
    assert len(seen(refs)) == 4 * copies


def test_slow_routees_are_not_flooded(system: pykka.ActorSystem, clock: ManualClock) -> None:
    entered, opened = threading.Event(), threading.Event()

    def hang() -> None:
        entered.set()
        opened.wait(PATIENCE)

    ticks: list[int] = []
    ref = system.start(ThreadedWorker)
    router = routing.RoundRobin([ref])
    ref.tell(hang)
    assert entered.wait(PATIENCE)
    timer = router.tell_every(1.0, lambda: ticks.append(timer.missed))
    for _ in range(5):
        clock.advance(1.0)
    opened.set()
    wait_until(lambda: ticks == [0], "the first one is handled")
    clock.advance(1.0)
    wait_until(lambda: ticks == [0, 4], "the next one knows of those that were left out")
    timer.cancel()


@pytest.mark.parametrize("periodic", [False, True])
def test_a_message_that_is_on_its_way_can_be_cancelled(
    system: pykka.ActorSystem, clock: ManualClock, periodic: bool
) -> None:
    entered, opened = threading.Event(), threading.Event()

    def hang() -> None:
        entered.set()
        opened.wait(PATIENCE)

    called: list[int] = []
    ref = system.start(ThreadedWorker)
    ref.tell(hang)
    assert entered.wait(PATIENCE)
    router = routing.RoundRobin([ref])
    timer = (
        router.tell_every(1.0, lambda: called.append(1))
        if periodic
        else router.tell_after(1.0, lambda: called.append(1))
    )
    clock.advance(1.0)
    assert timer.is_active
    assert timer.cancel() is True
    opened.set()
    ref.ask(lambda: None)
    assert called == []


@each_kind
def test_a_message_that_is_due_when_nobody_lives_is_a_dead_letter(
    make: Any, system: pykka.ActorSystem, clock: ManualClock
) -> None:
    letters: list[dead_letters.DeadLetter] = []
    system.dead_letters.subscribe(letters.append)
    refs = start_in(system, 2)
    router = make(refs)
    router.tell_after(1.0, "once")
    timer = router.tell_every(1.0, "often")
    router.stop()
    clock.advance(5.0)
    assert [letter.message for letter in letters] == ["once", "often"]
    assert letters[0].target is router
    assert "no living routee" in letters[0].reason
    assert not timer.is_active
    assert router.timers() == []
    with pytest.raises(pykka.ActorDeadError):
        router.tell_after(1.0, "late")


def test_a_full_inbox_holds_no_timer_up(system: pykka.ActorSystem, clock: ManualClock) -> None:
    entered, opened = threading.Event(), threading.Event()

    def hang() -> None:
        entered.set()
        opened.wait(PATIENCE)

    called = threading.Event()
    ref = system.start(ThreadedWorker.options(inbox=pykka.inboxes.Bounded(1)))
    ref.tell(hang)
    assert entered.wait(PATIENCE)
    ref.tell(lambda: None)
    routing.RoundRobin([ref]).tell_after(1.0, called.set)
    clock.advance(1.0)
    opened.set()
    assert called.wait(PATIENCE)


def test_times_are_checked_as_those_of_actors_are() -> None:
    router = routing.RoundRobin(start(1))
    with pytest.raises(ValueError, match="delay has to be 0 or more"):
        router.tell_after(-1, "message")
    with pytest.raises(TypeError, match="interval has to be a number"):
        router.tell_every("often", "message")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="first has to be 0 or more"):
        router.tell_every(1, "message", first=-1)
    assert router.timers() == []


def test_a_timer_of_a_router_says_what_it_is() -> None:
    router = routing.RoundRobin(start(1))
    timer = router.tell_every(60, "message")
    assert repr(timer).startswith("<pykka timer of RoundRobin over 1 routee (Worker), every 60 s")
    timer.cancel()
    assert repr(timer).endswith("over>")


# --- clocks -------------------------------------------------------------------------------------


def test_races_go_by_the_clock_of_the_first_routees_system(
    system: pykka.ActorSystem, clock: ManualClock
) -> None:
    opened = threading.Event()
    refs = [system.start(ThreadedWorker) for _ in range(2)]

    def hang() -> str:
        opened.wait(PATIENCE)
        return "late"

    gathering = routing.ScatterGather(refs, timeout=3.0).ask(hang, block=False)
    chopping = routing.TailChopping(refs, interval=1.0, timeout=3.0).ask(hang, block=False)
    clock.advance(2.9)
    assert not gathering.done()
    clock.advance(0.2)
    for future in (gathering, chopping):
        with pytest.raises(pykka.Timeout, match=r"within 3.0 seconds"):
            future.get(timeout=PATIENCE)
    opened.set()


# --- timers of which something is odd -----------------------------------------------------------


@pytest.mark.parametrize("periodic", [False, True])
def test_a_message_for_which_nobody_can_be_chosen_is_a_dead_letter(
    system: pykka.ActorSystem, clock: ManualClock, log: Log, periodic: bool
) -> None:
    letters: list[dead_letters.DeadLetter] = []
    system.dead_letters.subscribe(letters.append)

    def key(message: str) -> str:
        if message == "odd":
            raise LookupError(message)
        return message

    refs = start_in(system, 2)
    router = routing.ConsistentHashing(refs, key=key, virtual_nodes=3)
    timer = router.tell_every(1.0, "odd") if periodic else router.tell_after(1.0, "odd")
    router.tell_after(1.0, "fine")
    clock.advance(1.0)
    wait_until(lambda: seen(refs) == ["fine"], "the other message has come")
    (letter,) = letters
    assert (letter.message, letter.target) == ("odd", router)
    assert "could not be routed by a timer: LookupError" in letter.reason
    assert log.find("ERROR", "An alarm raised")
    assert timer.is_active is periodic, "what is due later may find its routee"
    assert timer.delivered == 0
    timer.cancel()


@pytest.mark.parametrize("periodic", [False, True])
def test_a_timer_that_is_cancelled_while_its_message_is_routed_delivers_nothing(
    system: pykka.ActorSystem, clock: ManualClock, periodic: bool
) -> None:
    entered, opened = threading.Event(), threading.Event()

    def hang() -> None:
        entered.set()
        opened.wait(PATIENCE)

    called: list[int] = []
    answers: list[bool] = []

    def key(message: Any) -> str:
        if timers:
            answers.append(timers[0].cancel())
        return str(message)

    ref = system.start(ThreadedWorker)
    ref.tell(hang)
    assert entered.wait(PATIENCE)
    timers: list[pykka.Timer] = []
    router = routing.ConsistentHashing([ref], key=key, virtual_nodes=3)
    if periodic:
        timers.append(router.tell_every(1.0, lambda: called.append(1)))
    else:
        timers.append(router.tell_after(1.0, lambda: called.append(1)))
    clock.advance(1.0)
    assert answers == [True]
    opened.set()
    ref.ask(lambda: None)
    clock.advance(5.0)
    ref.ask(lambda: None)
    assert called == []
    assert router.timers() == []
    assert not timers[0].is_active


def test_a_clock_may_ring_what_is_cancelled(system: pykka.ActorSystem) -> None:
    """As the library's own does if it is cancelled right then; or one that never asks."""
    refs = start_in(system, 1)
    timer: Any = routing.RoundRobin(refs).tell_after(1.0, "message")
    assert timer.cancel()
    timer.ring()
    assert seen(refs) == []
    assert timer.delivered == 0
