"""Statistics: counts of actors, inboxes, dispatchers and systems."""

from __future__ import annotations

import dataclasses
import queue
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import Gate, failing
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka._cell.metering import Meter, MeteredInbox, MeteredList
from pykka._envelope import Envelope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Log, Runtime

    from pykka.timers import ManualClock


@pytest.fixture
def ref(system: pykka.ActorSystem, agent: Any) -> pykka.ActorRef[Any]:
    return system.start(agent)


def settled(ref: pykka.ActorRef[Any]) -> pykka.ActorStatistics:
    """The statistics when nothing waits."""
    wait_until(lambda: ref.statistics().waiting == 0, "nothing waits")
    return ref.statistics()


def test_what_waits_is_always_known_and_the_rest_is_not(
    ref: pykka.ActorRef[Any], gate: Gate
) -> None:
    ref.tell(gate)
    gate.wait_until_entered()
    for _ in range(3):
        ref.tell("x")
    ref.ask("x", block=False)
    assert ref.statistics() == pykka.ActorStatistics(
        waiting=4, stashed=0, handled=None, failures=None, oldest=None
    )
    gate.open()


def test_messages_are_counted_from_when_it_is_switched_on(ref: pykka.ActorRef[Any]) -> None:
    ref.ask("before")
    ref.keep_statistics()
    ref.ask("x")
    ref.tell("x")
    ref.proxy().run(str).get(timeout=PATIENCE)
    ref.proxy().run.defer(str)
    ref.ask("x", block=False)
    ref.keep_statistics()  # it changes nothing
    ref.ask("x")
    assert settled(ref) == pykka.ActorStatistics(
        waiting=0, stashed=0, handled=6, failures=0, oldest=None, cancelled=0, expired=0
    )


def test_failures_are_counted(ref: pykka.ActorRef[Any]) -> None:
    ref.keep_statistics()
    ref.ask("x")
    for _ in range(2):
        with pytest.raises(ValueError, match="wrong"):
            ref.ask(failing(ValueError("wrong")))
    with pytest.raises(AttributeError):
        ref.ask(pykka.messages.ProxyGetAttr(["nothing"]))
    assert (settled(ref).handled, settled(ref).failures) == (4, 3)


def test_the_age_of_the_first_message_is_known_when_counting(
    ref: pykka.ActorRef[Any], clock: ManualClock, gate: Gate
) -> None:
    ref.keep_statistics()
    ref.tell(gate)
    gate.wait_until_entered()
    assert ref.statistics().oldest is None
    ref.tell("first")
    clock.advance(2)
    ref.tell("second")
    clock.advance(3)
    assert ref.statistics().oldest == 5
    gate.open()
    ref.ask("x")
    assert settled(ref).oldest is None


def test_what_waits_when_it_is_switched_on_is_counted_from_then(
    system: pykka.ActorSystem, agent: Any, clock: ManualClock, gate: Gate
) -> None:
    """Also if much has come in, which a pooled actor takes over all at once."""
    ref = system.start(agent)

    def switch_on_and_hold(agent: Any) -> None:
        agent.set_idle_timeout(1000)
        gate(agent)

    holding = Gate()
    ref.tell(holding)
    holding.wait_until_entered()
    ref.tell(lambda _agent: None)
    ref.tell(switch_on_and_hold)
    for _ in range(100):
        ref.tell("x")
    holding.open()
    gate.wait_until_entered()
    clock.advance(7)
    ref.tell("y")
    assert (ref.statistics().waiting, ref.statistics().oldest) == (101, 7)
    gate.open()
    ref.ask("x")
    assert settled(ref) == pykka.ActorStatistics(
        waiting=0, stashed=0, handled=102, failures=0, oldest=None, cancelled=0, expired=0
    )


def test_what_is_set_aside_counts_when_it_is_handled(
    system: pykka.ActorSystem, runtime: Runtime
) -> None:
    class Stasher(runtime.actor_class):  # type: ignore[name-defined, misc]
        stash_capacity = 10
        is_ready = False

        def on_receive(self, message: Any) -> Any:
            if message == "ready":
                self.is_ready = True
                return self.unstash_all()
            if not self.is_ready:
                self.stash()
            return message

    ref = system.start(Stasher)
    ref.keep_statistics()
    futures = [ref.ask(number, block=False) for number in range(4)]
    wait_until(lambda: ref.statistics().stashed == 4, "all are set aside")
    assert ref.statistics().handled == 0
    ref.ask("ready")
    pykka.get_all(futures, timeout=PATIENCE)
    assert (settled(ref).handled, settled(ref).stashed) == (5, 0)


def test_the_librarys_own_messages_do_not_count(
    ref: pykka.ActorRef[Any], clock: ManualClock
) -> None:
    ref.keep_statistics()
    ref.proxy().set_idle_timeout(5).get(timeout=PATIENCE)
    for _ in range(3):
        clock.advance(5)
        wait_until(lambda: clock.pending == 1, "it has looked whether it is idle")
    ref.stop()
    assert ref.statistics() == pykka.ActorStatistics(
        waiting=0, stashed=0, handled=1, failures=0, oldest=None, cancelled=0, expired=0
    )


def test_an_actor_that_has_ended_still_has_its_counts(ref: pykka.ActorRef[Any]) -> None:
    ref.keep_statistics()
    ref.ask("x")
    ended = ref.when_terminated()
    ref.tell(failing(ValueError()))
    ended.get(timeout=PATIENCE)
    assert (ref.statistics().handled, ref.statistics().failures) == (2, 1)
    ref.keep_statistics()
    assert ref.statistics().waiting == 0


def test_statistics_are_values(ref: pykka.ActorRef[Any], system: pykka.ActorSystem) -> None:
    for statistics in (
        ref.statistics(),
        ref.actor_inbox.statistics(),
        system.statistics(),
        system.dispatcher.statistics(),
    ):
        assert dataclasses.is_dataclass(statistics)
        with pytest.raises(dataclasses.FrozenInstanceError):
            statistics.waiting = 1
        assert statistics == dataclasses.replace(statistics)


@pytest.mark.parametrize("counting", [False, True], ids=["plain", "counting"])
def test_an_inbox_without_a_bound_says_so(
    ref: pykka.ActorRef[Any], gate: Gate, counting: bool
) -> None:
    if counting:
        ref.keep_statistics()
    ref.tell(gate)
    gate.wait_until_entered()
    ref.tell("x")
    assert ref.actor_inbox.statistics() == pykka.InboxStatistics(
        waiting=1, capacity=None, blocked=0, dropped=0, refused=0
    )
    gate.open()


# Inboxes that others look into, or have brought.


class Bare:
    """An inbox with nothing but what is asked of one."""

    def __init__(self) -> None:
        self.queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.put = self.queue.put
        self.get = self.queue.get
        self.empty = self.queue.empty


@pytest.mark.parametrize("inbox_class", [Bare, queue.Queue, lambda: queue.Queue(100)])
def test_messages_in_an_inbox_of_the_users_are_counted(
    system: pykka.ActorSystem, agent: Any, clock: ManualClock, gate: Gate, inbox_class: Any
) -> None:
    class Own(agent):  # type: ignore[misc]
        @staticmethod
        def _create_actor_inbox() -> Any:
            return inbox_class()

    ref = system.start(Own)
    ref.ask("before")
    ref.keep_statistics()
    ref.ask("x")
    ref.tell(gate)
    gate.wait_until_entered()
    ref.tell("x")
    clock.advance(1)
    assert (ref.statistics().waiting, ref.statistics().oldest) == (1, 1)
    gate.open()
    ref.ask("x")
    assert (settled(ref).handled, settled(ref).oldest) == (4, None)


def test_what_an_inbox_of_the_users_refuses_does_not_count_as_waiting(
    system: pykka.ActorSystem, agent: Any, clock: ManualClock, gate: Gate
) -> None:
    class Refusing(Bare):
        def __init__(self) -> None:
            super().__init__()
            self.put = self.put_if_wanted

        def put_if_wanted(self, envelope: Any) -> None:
            if envelope.message == "unwanted":
                raise ValueError(envelope.message)
            self.queue.put(envelope)

    class Own(agent):  # type: ignore[misc]
        @staticmethod
        def _create_actor_inbox() -> Any:
            return Refusing()

    ref = system.start(Own)
    ref.keep_statistics()
    ref.tell(gate)
    gate.wait_until_entered()
    with pytest.raises(ValueError, match="unwanted"):
        ref.tell("unwanted")
    clock.advance(1)
    ref.tell("x")
    clock.advance(1)
    assert (ref.statistics().waiting, ref.statistics().oldest) == (1, 1)
    gate.open()


def test_an_actor_that_takes_a_message_out_itself_keeps_the_counts_right(
    ref: pykka.ActorRef[Any], clock: ManualClock, gate: Gate
) -> None:
    taken: list[Any] = []

    def take(agent: Any) -> None:
        gate(agent)
        taken.append(agent.actor_inbox.get_nowait().message)

    ref.keep_statistics()
    ref.tell(take)
    gate.wait_until_entered()
    ref.tell("taken")
    clock.advance(1)
    ref.tell("left")
    gate.open()
    ref.ask("x")
    assert taken == ["taken"]
    assert settled(ref).oldest is None
    ref.tell("x")
    assert settled(ref).oldest is None


# Whole systems.


def test_a_system_sums_up_its_actors(system: pykka.ActorSystem, agent: Any, gate: Gate) -> None:
    one, other = system.start(agent), system.start(agent)
    other.tell(gate)
    gate.wait_until_entered()
    other.tell("x")
    one.tell_after(1, "x")
    other.tell_every(1, "x")
    assert system.statistics() == pykka.SystemStatistics(
        actors=2, waiting=1, timers=2, dead_letters=0, handled=None, failures=None
    )
    gate.open()
    one.keep_statistics()
    one.ask("x")
    assert (system.statistics().handled, system.statistics().failures) == (1, 0)
    other.stop()
    one.stop()
    system.to_dead_letters(one._cell, "x", "a test")
    assert system.statistics() == pykka.SystemStatistics(
        actors=0, waiting=0, timers=0, dead_letters=1, handled=None, failures=None
    )


def test_a_system_can_have_all_its_actors_count(agent: Any, clock: ManualClock) -> None:
    with pykka.ActorSystem(keep_statistics=True, clock=clock, shutdown_timeout=PATIENCE) as system:
        assert (system.statistics().handled, system.statistics().failures) == (0, 0)
        refs = [system.start(agent) for _ in range(3)]
        for number, ref in enumerate(refs):
            for _ in range(number):
                ref.ask("x")
        with pytest.raises(ValueError, match="wrong"):
            refs[0].ask(failing(ValueError("wrong")))
        assert [ref.statistics().handled for ref in refs] == [1, 1, 2]
        assert (system.statistics().handled, system.statistics().failures) == (4, 1)


def test_a_system_can_be_told_to_count_later(system: pykka.ActorSystem, agent: Any) -> None:
    before = system.start(agent)
    before.ask("x")
    system.keep_statistics()
    after = system.start(agent)
    before.ask("x")
    after.ask("x")
    assert [ref.statistics().handled for ref in (before, after)] == [1, 1]
    assert system.statistics().handled == 2


def test_the_default_system_has_statistics_too(agent: Any) -> None:
    system = pykka.ActorSystem.default()
    before = system.statistics()
    ref = agent.start()
    assert ref.system is system
    assert system.statistics().actors == before.actors + 1
    ref.stop()
    assert system.statistics() == before


# What it costs (guarantee G10), and that it does no harm.


def in_the_way(ref: pykka.ActorRef[Any]) -> Any:
    """What a message goes into: the bare inbox, or what counts."""
    inbox: Any = ref._cell.inbox
    return getattr(inbox, "queue", inbox)  # in a loop, there is something around the queue


def test_nothing_lies_in_the_way_of_a_message_until_it_is_switched_on(
    ref: pykka.ActorRef[Any],
) -> None:
    ref.tell("x")
    ref.ask("x")
    bare = in_the_way(ref)
    assert isinstance(bare, queue.SimpleQueue | list)
    assert type(bare) not in {MeteredInbox, MeteredList}
    assert ref._cell.extension is None
    ref.keep_statistics()
    ref.ask("x")
    counting = in_the_way(ref)
    assert type(counting) in {MeteredInbox, MeteredList}
    assert counting.inner is bare, "who has it in his hands sends into the same inbox"


@pytest.fixture
def _switches_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_switches_often")
@pytest.mark.parametrize("kind", ["tell", "ask", "call"])
def test_no_message_is_lost_or_overtaken_when_it_is_switched_on(  # noqa: C901
    system: pykka.ActorSystem, agent: Any, kind: str
) -> None:
    """Senders have the bare inbox in their hands when something is put in front of it."""
    senders, each = 4, 60
    for _round in range(10):
        seen: list[tuple[int, int]] = []
        ref = system.start(agent)
        go = threading.Barrier(senders + 1)

        def send(
            sender: int,
            ref: pykka.ActorRef[Any] = ref,
            seen: list[tuple[int, int]] = seen,
            go: threading.Barrier = go,
        ) -> None:
            proxy = ref.proxy()
            go.wait(PATIENCE)
            for number in range(each):

                def note(_agent: object, entry: tuple[int, int] = (sender, number)) -> None:
                    seen.append(entry)

                if kind == "tell":
                    ref.tell(note)
                elif kind == "ask" and number % 4:
                    ref.ask(note, block=False)
                elif kind == "ask":
                    ref.ask(note)
                else:
                    proxy.run.defer(note)

        threads = [threading.Thread(target=send, args=(number,)) for number in range(senders)]
        for thread in threads:
            thread.start()
        go.wait(PATIENCE)
        while len(seen) < each:
            time.sleep(0)
        ref.keep_statistics()
        for thread in threads:
            thread.join(PATIENCE)
        ref.ask("x")
        assert len(seen) == senders * each
        for sender in range(senders):
            assert [number for who, number in seen if who == sender] == list(range(each))
        statistics = settled(ref)
        assert statistics.handled is not None
        assert 0 < statistics.handled <= senders * each + 1
        assert statistics.oldest is None
        ref.stop()


# Inboxes with a policy.


def held_up(system: pykka.ActorSystem, options: Any, gate: Gate) -> pykka.ActorRef[Any]:
    """An actor that handles nothing until the gate is opened."""
    ref = system.start(options)
    ref.tell(gate)
    gate.wait_until_entered()
    return ref


def test_an_inbox_with_a_bound_counts_what_it_drops(
    system: pykka.ActorSystem, agent: Any, gate: Gate
) -> None:
    inbox = pykka.inboxes.Bounded(2, when_full="drop_oldest")
    ref = held_up(system, agent.options(inbox=inbox), gate)
    question = ref.ask("x", block=False)
    for _ in range(5):
        ref.tell("x")
    with pytest.raises(pykka.InboxFullError):
        question.get(timeout=PATIENCE)
    assert ref.actor_inbox.full()
    assert ref.actor_inbox.statistics() == pykka.InboxStatistics(
        waiting=2, capacity=2, blocked=0, dropped=4, refused=0
    )
    gate.open()


def test_an_inbox_with_a_bound_counts_what_it_refuses(
    system: pykka.ActorSystem, agent: Any, gate: Gate
) -> None:
    inbox = pykka.inboxes.Bounded(1, when_full="raise")
    ref = held_up(system, agent.options(inbox=inbox), gate)
    ref.tell("x")
    for _ in range(3):
        with pytest.raises(pykka.InboxFullError):
            ref.tell("x")
    with pytest.raises(pykka.InboxFullError):
        ref.ask("x", block=False).get(timeout=PATIENCE)
    assert ref.actor_inbox.statistics() == pykka.InboxStatistics(
        waiting=1, capacity=1, blocked=0, dropped=0, refused=4
    )
    gate.open()


def test_an_inbox_counts_those_who_wait_for_room(
    system: pykka.ActorSystem, agent: Any, gate: Gate, in_thread: Any
) -> None:
    ref = system.start(agent.options(inbox=pykka.inboxes.Bounded(1)))
    ref.keep_statistics()
    ref.tell(gate)
    gate.wait_until_entered()
    ref.tell("x")
    threads = [in_thread(lambda: ref.tell("x")) for _ in range(3)]
    wait_until(lambda: ref.actor_inbox.statistics().blocked == 3, "all wait")
    gate.open()
    for thread in threads:
        thread.join(PATIENCE)
    ref.ask("x")
    assert ref.actor_inbox.statistics().blocked == 0
    assert (settled(ref).handled, settled(ref).oldest) == (6, None)


def test_an_inbox_with_priorities_has_no_bound_of_its_own(
    system: pykka.ActorSystem, agent: Any
) -> None:
    ref = system.start(agent.options(inbox=pykka.inboxes.Priority(str)))
    ref.ask("x")
    assert ref.actor_inbox.statistics() == pykka.InboxStatistics(
        waiting=0, capacity=None, blocked=0, dropped=0, refused=0
    )
    assert not ref.actor_inbox.full()
    with pytest.raises(queue.Empty):
        ref.actor_inbox.get_nowait()


# The end, and what is odd.


def test_what_is_left_behind_is_buried_in_order_although_it_was_counted(
    system: pykka.ActorSystem, ref: pykka.ActorRef[Any], gate: Gate
) -> None:
    letters: list[Any] = []
    system.dead_letters.subscribe(letters.append)
    ref.keep_statistics()
    ref.tell(gate)
    for number in range(3):
        ref.tell(number)  # some runtimes take these out together with what comes before them
    gate.wait_until_entered()
    for number in range(3, 6):
        ref.tell(number)
    ended = ref.kill(block=False)
    gate.open()
    ended.get(timeout=PATIENCE)
    wait_until(lambda: len(letters) == 6, "all are buried")
    assert [letter.message for letter in letters] == [0, 1, 2, 3, 4, 5]


def test_nothing_is_lost_if_ctrl_c_strikes_in_the_users_clock(
    ref: pykka.ActorRef[Any], log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref.keep_statistics()
    ref.ask("before")

    def strike() -> float:
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        return 0.0

    with monkeypatch.context() as patch:
        patch.setattr(ref._cell.need_extension().meter, "_clock_now", strike)
        with pytest.raises(KeyboardInterrupt):
            ref.tell("interrupted")
    ref.ask("after")
    assert settled(ref).handled == 2  # the one that was interrupted was never sent
    assert settled(ref).oldest is None
    assert not log.find("ERROR")


def test_what_a_program_puts_into_its_inbox_itself_has_no_age(
    system: pykka.ActorSystem, agent: Any, gate: Gate
) -> None:
    inbox = Bare()

    class Own(agent):  # type: ignore[misc]
        @staticmethod
        def _create_actor_inbox() -> Any:
            return inbox

    ref = system.start(Own)
    ref.keep_statistics()
    ref.tell(gate)
    gate.wait_until_entered()
    inbox.put(Envelope("not counted"))
    assert (ref.statistics().waiting, ref.statistics().oldest) == (1, None)
    gate.open()
    ref.ask("x")
    assert (settled(ref).handled, settled(ref).oldest) == (3, None)


def test_the_counted_inbox_of_a_pooled_actor_does_what_a_list_does_with_nothing() -> None:
    """Those who run it do so as a fence, where there is no GIL."""
    inner: list[Any] = ["first"]
    inbox = MeteredList(inner, Meter(lambda: 0.0, len(inner)), [])
    inbox.extend(())
    assert inner == ["first"]
    assert inbox.pop(0) == "first"
    assert not inbox
