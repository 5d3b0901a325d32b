"""Routees that come, go and die while a router is in use."""

from __future__ import annotations

import gc
import os
import queue
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.injection import inject
from tests.leaks import PATIENCE
from tests.unit.routers import KINDS, ThreadedWorker, Worker, each_kind, seen, start

import pykka
from pykka import dead_letters, routing
from pykka._envelope import Envelope
from pykka.routing import _routees

if TYPE_CHECKING:
    from collections.abc import Callable


# --- who comes and goes -------------------------------------------------------------------------

pytestmark = pytest.mark.thinned


@each_kind
def test_routees_come_and_go(make: Any) -> None:
    one, two, three = start(3)
    router = make([one, two, one])
    assert router.routees == (one, two)

    assert router.add(three)
    assert not router.add(three)
    assert router.remove(one)
    assert not router.remove(one)
    assert router.routees == (two, three)

    router.tell("message")
    assert seen([two, three])
    assert not seen([one])


@each_kind
def test_those_who_change_the_routees_at_the_same_time_do_not_undo_each_other(make: Any) -> None:
    router = make([])
    refs = start(64)
    begin = threading.Barrier(8)

    def change(mine: list[Any]) -> None:
        begin.wait()
        for ref in mine:
            assert router.add(ref)
        for ref in mine[::2]:
            assert router.remove(ref)

    threads = [threading.Thread(target=change, args=(refs[n::8],)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(router.routees) == {ref for n in range(8) for ref in refs[n::8][1::2]}
    for ref in router.routees:
        assert router.remove(ref)
    with pytest.raises(pykka.ActorDeadError):
        router.tell("message")


@each_kind
def test_a_change_in_the_middle_of_another_is_not_lost(make: Any) -> None:
    """As if a finaliser or a signal handler did it, on top of our own code."""
    one, two, three = start(3)
    router = make([one])
    calls = []

    def edit(roster: Any) -> Any:
        calls.append(roster.refs)
        if len(calls) == 1:
            router.add(two)
        return roster.addition(three)

    assert router._replace(edit)
    assert calls == [(one,), (one, two)]
    assert router.routees == (one, two, three)


@each_kind
@pytest.mark.parametrize("change", ["add", "remove"])
@pytest.mark.usefixtures("untraced")
def test_a_change_is_interrupted_everywhere(make: Any, change: str) -> None:
    """Guarantee G11: it is made or not, and everything works afterwards."""
    one, two = start(2)

    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        router = make([one] if change == "add" else [one, two])

        def check(interrupted: bool) -> None:
            assert not _routees._replacing.locked()
            changed = (one, two) if change == "add" else (one,)
            assert router.routees in ((one,), (one, two))
            assert interrupted or router.routees == changed
            router.add(two)
            router.tell("message")
            router.remove(one)
            router.tell("message")

        return lambda: getattr(router, change)(two), check

    assert inject(prepare) >= 5


@each_kind
def test_finalisers_may_send_and_change_the_routees(make: Any) -> None:
    refs = start(2)
    router = make(refs)
    extra = Worker.start()

    class Cycle:
        def __init__(self) -> None:
            self.myself = self

        def __del__(self) -> None:
            router.add(extra)
            router.tell("from a finaliser")
            router.remove(extra)

    threshold = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(50):
            Cycle()
            router.add(extra)
            router.tell("message")
            router.remove(extra)
    finally:
        gc.set_threshold(*threshold)
    gc.collect()
    router.remove(extra)  # a finaliser may have come in between
    assert router.routees == tuple(refs)
    assert {"message", "from a finaliser"} == set(seen([*refs, extra]))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork()")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_in_a_child_process_routers_can_be_changed() -> None:
    ref = ThreadedWorker.start()
    router: routing.RoundRobin[Any] = routing.RoundRobin([])
    with _routees._replacing:  # by another thread, which the child does not have
        pid = os.fork()
        if pid == 0:
            added = router.add(ref)
            os._exit(0 if added and not router.is_alive() else 1)
    deadline = time.monotonic() + PATIENCE
    while (done := os.waitpid(pid, os.WNOHANG)) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(pid, 9)
    assert done == (pid, 0)


# --- the dead -----------------------------------------------------------------------------------

WAYS: dict[str, Callable[[Any, Any], Any]] = {
    "tell": lambda router, message: router.tell(message),
    "ask": lambda router, message: router.ask(message),
    "ask with a timeout": lambda router, message: router.ask(message, timeout=PATIENCE),
    "future": lambda router, message: router.ask(message, block=False).get(timeout=PATIENCE),
    "call": lambda router, message: router.proxy().note(message).get(timeout=PATIENCE),
    "defer": lambda router, message: router.proxy().note.defer(message),
}


@pytest.fixture(params=WAYS, ids=str)
def send(request: pytest.FixtureRequest) -> Any:
    """Each way to send a message."""
    return WAYS[request.param]


@each_kind
def test_a_dead_routee_is_skipped_and_dropped(make: Any, send: Any) -> None:
    refs = start(6)
    alive = refs[5]
    router = make(refs)
    router.routees[0].stop()
    router.routees[1].stop()
    for ref in refs[2:5]:
        ref.stop()
    for number in range(30):
        send(router, number)

    assert router.routees == (alive,)
    assert seen([alive]) == list(range(30))


def test_the_first_message_to_a_dead_routee_drops_it(send: Any) -> None:
    dead, alive = start(2)
    dead.stop()
    router = routing.RoundRobin([dead, alive])
    send(router, "message")

    assert router.routees == (alive,)
    assert seen([alive]) == ["message"]


@each_kind
def test_without_a_living_routee_nothing_can_be_sent(make: Any, send: Any) -> None:
    refs = start(3)
    router = make(refs)
    pykka.get_all([ref.stop(block=False) for ref in refs])
    for _ in range(2):
        with pytest.raises(pykka.ActorDeadError):
            send(router, "message")


@each_kind
def test_the_error_says_that_no_routee_is_left_and_what_to_do(make: Any) -> None:
    router = make([])
    text = "over 0 routees has no living routee; add"
    with pytest.raises(pykka.ActorDeadError, match=text):
        router.tell("message")
    with pytest.raises(pykka.ActorDeadError, match=text):
        router.ask("message")
    future = router.ask("message", block=False)
    with pytest.raises(pykka.ActorDeadError, match=text):
        future.get(timeout=PATIENCE)
    with pytest.raises(pykka.ActorDeadError, match="over 0 routees not found"):
        router.proxy()
    assert not router.stop()
    assert not router.stop(block=False).get(timeout=PATIENCE)


@each_kind
def test_a_proxy_that_outlives_all_routees_says_so(make: Any) -> None:
    router = make(start(2))
    note = router.proxy().note
    router.stop()

    with pytest.raises(pykka.ActorDeadError, match="no living routee"):
        note.defer("message")
    with pytest.raises(pykka.ActorDeadError, match="no living routee"):
        note("message").get(timeout=PATIENCE)


def quit_and_raise(worker: Worker) -> None:
    worker.seen.append("tried")
    raise pykka.ActorDeadError("somebody else is dead")


@pytest.mark.parametrize("kind", ["RoundRobin", "Random", "SmallestInbox", "ConsistentHashing"])
def test_the_death_of_somebody_else_is_an_answer_like_any_other(kind: str) -> None:
    refs = start(3)
    router = KINDS[kind](refs)
    for block in (True, False):
        with pytest.raises(pykka.ActorDeadError, match="somebody else"):
            router.ask(quit_and_raise, timeout=PATIENCE) if block else router.ask(
                quit_and_raise, block=False
            ).get(timeout=PATIENCE)

    assert seen(refs) == ["tried"] * 2, "nobody else was asked"
    assert len(router.routees) == 3


class Refusing(queue.SimpleQueue[Any]):
    """An inbox that takes nothing more once it is shut."""

    shut: Exception | None = None

    def put(self, item: Any, *_args: Any) -> None:
        if self.shut is not None and item.message == "message":
            raise self.shut
        super().put(item)


class Refuser(Worker):
    """An actor with such an inbox."""

    def _create_actor_inbox(self) -> Any:
        return Refusing()


@each_kind
@pytest.mark.parametrize("error", [pykka.ActorDeadError("alien"), RuntimeError("full")])
def test_what_a_living_routee_raises_goes_to_the_sender(make: Any, error: Exception) -> None:
    ref = Refuser.start()
    router = make([ref])
    ref.actor_inbox.shut = error
    with pytest.raises(type(error), match=str(error)):
        router.tell("message")
    assert router.routees == (ref,)


def test_what_one_routee_raises_keeps_no_other_from_a_broadcast() -> None:
    refuser, (other,) = Refuser.start("refuser"), start(1)
    refuser.actor_inbox.shut = RuntimeError("full")
    router = routing.Broadcast([refuser, other])
    with pytest.raises(RuntimeError, match="full"):
        router.tell("message")
    with pytest.raises(RuntimeError, match="full"):
        router.ask("message")
    assert seen([other]) == ["message", "message"]


class Dying(routing.RoundRobin[Any]):
    """A router whose first choice ends before anything is sent to it."""

    victim: pykka.ActorRef[Any] | None = None

    def _choose_living(self, message: Any) -> pykka.ActorRef[Any] | None:
        routee = super()._choose_living(message)
        if self.victim is None and routee is not None:
            self.victim = routee
            routee.stop()
        return routee


@pytest.mark.parametrize("way", ["ask", "future", "call"])
def test_a_routee_that_dies_when_it_has_been_chosen_is_dropped_and_another_one_asked(
    way: str,
) -> None:
    refs = start(3)
    router = Dying(refs)
    assert WAYS[way](router, "message") in {f"worker {number}" for number in range(3)}
    assert router.victim in refs
    assert router.victim not in router.routees
    assert seen([ref for ref in refs if ref.is_alive()]) == ["message"]


class Deadly(queue.SimpleQueue[Any]):
    """An inbox whose owner ends while a message is put in."""

    owner: pykka.ActorRef[Any] | None = None

    def put(self, item: Any, *_args: Any) -> None:
        owner, self.owner = self.owner, None
        if owner is not None and item.message == "message":
            owner.kill()
        super().put(item)


class Victim(Worker):
    """An actor with such an inbox."""

    def _create_actor_inbox(self) -> Any:
        return Deadly()


def test_what_a_routee_leaves_to_one_that_ends_meanwhile_is_buried() -> None:
    ref = Victim.start()
    ref.actor_inbox.owner = ref
    letters: list[Any] = []
    dead_letters.subscribe(letters.append)
    try:
        assert routing.RoundRobin([ref])._take_on(Envelope("message"))
    finally:
        dead_letters.unsubscribe(letters.append)
    assert not ref.is_alive()
    assert [(letter.message, letter.target) for letter in letters] == [("message", ref)]


def test_what_is_left_behind_in_a_broadcast_is_for_nobody_else() -> None:
    refs = start(2)
    assert not routing.Broadcast(refs)._take_on(Envelope("all of them have got it"))
    assert seen(refs) == []


def test_what_is_told_without_bound_to_one_that_ends_meanwhile_is_buried() -> None:
    """As the notice of a death is, or a tick of a timer."""
    ref = Victim.start()
    ref.actor_inbox.owner = ref
    letters: list[Any] = []
    dead_letters.subscribe(letters.append)
    try:
        ref._cell.tell_unbounded("message")
    finally:
        dead_letters.unsubscribe(letters.append)
    assert [letter.message for letter in letters] == ["message"]
    assert ref.actor_inbox.empty()
