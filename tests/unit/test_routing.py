"""Routers: what they are as refs, whom they choose, and what becomes of routees that are dead."""

from __future__ import annotations

import asyncio
import collections
import copy
import gc
import os
import pickle
import queue
import random
import threading
import time
import weakref
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest
from tests.injection import inject
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka import routing
from pykka.routing import _router, _smallest_inbox
from pykka.routing._random import drawn_turns
from pykka.routing._round_robin import counted_turns
from pykka.routing._router import RouterRef

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Worker(pykka.PooledActor):
    """Does what it is told, and remembers the rest."""

    def __init__(self, name: str = "worker") -> None:
        super().__init__()
        self.name = name
        self.seen: list[Any] = []

    def on_receive(self, message: Any) -> Any:
        if callable(message):
            return message(self)
        self.seen.append(message)
        return self.name

    def note(self, message: Any) -> str:
        self.seen.append(message)
        return self.name


class ThreadedWorker(pykka.ThreadingActor):
    """Calls its messages."""

    def on_receive(self, message: Any) -> Any:
        return message()


Router = pykka.ActorRef[Any]

KINDS: dict[str, Callable[[Any], Any]] = {
    "RoundRobin": routing.RoundRobin,
    "Random": routing.Random,
    "SmallestInbox": routing.SmallestInbox,
    "ConsistentHashing": lambda refs: routing.ConsistentHashing(refs, key=str, virtual_nodes=3),
    "Broadcast": routing.Broadcast,
    "ScatterGather": routing.ScatterGather,
    "TailChopping": routing.TailChopping,
}
"""Small, for some tests try all places where they may be interrupted."""


@pytest.fixture(params=KINDS, ids=str)
def make(request: pytest.FixtureRequest) -> Any:
    """Each kind of router in turn."""
    return KINDS[request.param]


def start(count: int) -> list[pykka.ActorRef[Any]]:
    return [Worker.start(f"worker {number}") for number in range(count)]


def seen(refs: list[pykka.ActorRef[Any]]) -> list[Any]:
    return [message for ref in refs for message in ref.proxy().seen.get()]


# --- a router is a ref --------------------------------------------------------------------------


def test_a_router_is_a_ref_and_equals_itself_only(make: Any) -> None:
    (ref,) = start(1)
    router, other = make([ref]), make([ref])

    assert isinstance(router, pykka.ActorRef)
    assert isinstance(router, routing.RouterRef)
    assert router == copy.copy(router) == copy.deepcopy(router) == router
    assert router != other
    assert router != ref
    assert ref != router
    assert len({router, other, ref, router}) == 3
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(router)


def test_a_router_says_what_it_is_and_whom_it_stands_for(make: Any, request: Any) -> None:
    kind = request.node.callspec.params["make"]
    worker, threaded = Worker.start(), ThreadedWorker.start()
    router = make([worker, threaded])

    assert str(router) == f"{kind} over 2 routees (ThreadedWorker, Worker)"
    assert repr(router) == f"<{router}>"
    assert str(make([])) == f"{kind} over 0 routees"
    assert str(make([router])) == f"{kind} over 1 routee ({kind})"
    assert repr(router.proxy()) == f"<ActorProxy for {router}, attr_path=()>"


@pytest.mark.parametrize("name", ["actor_urn", "actor_inbox", "actor_stopped"])
def test_what_only_a_single_actor_has_is_refused(name: str) -> None:
    router = routing.RoundRobin(start(2))

    assert not hasattr(router, name)
    with pytest.raises(AttributeError, match=f"RoundRobin over 2 .* no single actor.* no {name}"):
        getattr(router, name)


def test_those_who_need_a_single_actor_take_no_router() -> None:
    router = routing.RoundRobin(start(1))

    with pytest.raises(TypeError, match="takes the refs of actors, not <RoundRobin over 1"):
        pykka.ActorRegistry.register(router)
    with pytest.raises(TypeError, match="takes the refs of actors"):
        pykka.ActorRegistry.unregister(router)
    assert router not in pykka.ActorRegistry.get_all()

    async def enter() -> None:
        async with pykka.ActorScope() as scope:
            with pytest.raises(AttributeError, match="is a router and no single actor"):
                scope.enter(router)

    asyncio.run(enter())


def test_its_class_is_that_of_the_first_routee() -> None:
    worker, threaded = Worker.start(), ThreadedWorker.start()

    assert routing.RoundRobin([worker, threaded]).actor_class is Worker
    with pytest.raises(pykka.ActorDeadError, match="RoundRobin over 0 routees has no living"):
        _ = routing.RoundRobin([]).actor_class


def test_a_ref_of_a_routee_is_none_of_the_router(make: Any) -> None:
    with pytest.raises(TypeError):
        make(None)
    with pytest.raises(TypeError, match=r"not the class .* start it first"):
        make([Worker])
    with pytest.raises(TypeError, match="use its attribute actor_ref"):
        make([Worker.start().proxy()])
    with pytest.raises(TypeError, match="takes the ref of an actor, not 'worker'"):
        make([]).add("worker")


def test_the_base_is_not_used_on_its_own() -> None:
    router: RouterRef[Any] = RouterRef(start(1))
    for send in (router.tell, router.ask):
        with pytest.raises(NotImplementedError):
            send("message")
    with pytest.raises(NotImplementedError):
        routing._unicast.UnicastRouter([]).tell("message")
    with pytest.raises(NotImplementedError):
        routing._turns.TurnsRouter(start(1))


def test_a_router_among_the_routees_routes_on(make: Any) -> None:
    refs = start(2)
    router = make([routing.RoundRobin(refs)])
    for number in range(4):
        router.tell(number)

    assert [ref.proxy().seen.get() for ref in refs] == [[0, 2], [1, 3]]
    assert router.is_alive()
    assert router.stop()
    assert not router.is_alive()
    with pytest.raises(pykka.ActorDeadError):
        router.tell("message")


def test_routers_that_lead_to_each_other_are_refused(make: Any) -> None:
    router = make([])
    outer = routing.Broadcast([make([router])])
    for ref in (router, outer):
        with pytest.raises(ValueError, match="go round for ever"):
            router.add(ref)
    assert router.routees == ()


# --- who comes and goes -------------------------------------------------------------------------


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


def test_a_change_in_the_middle_of_another_is_not_lost(make: Any) -> None:
    """As if a finaliser or a signal handler did it, on top of our own code."""
    one, two, three = start(3)
    router = make([one])
    calls = []

    def edit(routees: tuple[Any, ...]) -> tuple[Any, ...]:
        calls.append(routees)
        if len(calls) == 1:
            router.add(two)
        return (*routees, three)

    assert router._replace(edit)
    assert calls == [(one,), (one, two)]
    assert router.routees == (one, two, three)


@pytest.mark.parametrize("change", ["add", "remove"])
@pytest.mark.usefixtures("untraced")
def test_a_change_is_interrupted_everywhere(make: Any, change: str) -> None:
    """Guarantee G11: it is made or not, and everything works afterwards."""
    one, two = start(2)

    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        router = make([one] if change == "add" else [one, two])

        def check(interrupted: bool) -> None:
            assert not _router._replacing.locked()
            changed = (one, two) if change == "add" else (one,)
            assert router.routees in ((one,), (one, two))
            assert interrupted or router.routees == changed
            router.add(two)
            router.tell("message")
            router.remove(one)
            router.tell("message")

        return lambda: getattr(router, change)(two), check

    assert inject(prepare) >= 5


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
    with _router._replacing:  # by another thread, which the child does not have
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


def test_without_a_living_routee_nothing_can_be_sent(make: Any, send: Any) -> None:
    refs = start(3)
    router = make(refs)
    pykka.get_all([ref.stop(block=False) for ref in refs])
    for _ in range(2):
        with pytest.raises(pykka.ActorDeadError):
            send(router, "message")


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


# --- whom they choose ---------------------------------------------------------------------------


def test_round_robin_goes_round() -> None:
    router = routing.RoundRobin(start(3))
    names = [router.ask("message") for _ in range(7)]
    assert names == [f"worker {n}" for n in (0, 1, 2, 0, 1, 2, 0)]


@pytest.mark.parametrize("count", [1, 3, 8])
def test_counted_turns_go_round_as_well(count: int) -> None:
    routees: Any = tuple(range(count))
    assert list(islice(counted_turns(routees), 2 * count)) == [*range(count)] * 2


def test_counted_turns_are_shared_by_threads_that_run_at_the_same_time() -> None:
    """Without the GIL, some turns come twice or are left out, and nothing else happens."""
    routees: Any = tuple(range(7))
    turns = counted_turns(routees)
    counts: list[collections.Counter[int]] = []

    def take() -> None:
        counts.append(collections.Counter(islice(turns, 7_000)))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = sum(counts, collections.Counter())
    assert set(total) == set(routees)
    assert total.total() == 28_000


def test_random_draws_all_of_them_and_the_same_again_with_the_same_seed() -> None:
    refs = start(5)

    def names(seed: int) -> list[str]:
        router = routing.Random(refs, random=random.Random(seed))
        return [router.ask("message") for _ in range(200)]

    first = names(1)
    assert names(1) == first
    assert names(2) != first
    counts = collections.Counter(first)
    assert len(counts) == 5
    assert all(20 <= count <= 60 for count in counts.values())


def test_no_lot_lies_outside() -> None:
    class Highest(random.Random):
        def random(self) -> float:
            return 1 - 2**-53

    for count in range(1, 300):
        routees: Any = tuple(range(count))
        assert next(drawn_turns(routees, Highest())) == count - 1


def test_smallest_inbox_avoids_those_who_have_work() -> None:
    may_end = threading.Event()
    refs = [ThreadedWorker.start() for _ in range(4)]
    router = routing.SmallestInbox(refs)
    started = queue.SimpleQueue[int]()

    def occupy() -> None:
        started.put(threading.get_ident())
        may_end.wait(PATIENCE)

    for _ in range(4):
        router.tell(occupy)
        started.get(timeout=PATIENCE)  # so that it is handling it
    for number in range(9):
        router.tell(occupy)
        waiting = sorted(ref.actor_inbox.qsize() for ref in refs)
        assert sum(waiting) == number + 1
        assert waiting[-1] - waiting[0] <= 1
    may_end.set()


def test_smallest_inbox_takes_turns_among_those_who_have_nothing_to_do() -> None:
    refs = start(3)
    router = routing.SmallestInbox(refs)
    assert {router.ask("message") for _ in range(3)} == {f"worker {n}" for n in range(3)}


def test_smallest_inbox_looks_no_further_than_to_the_first_who_has_nothing_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at: list[Any] = []
    monkeypatch.setattr(_smallest_inbox, "load_of", lambda ref: looked_at.append(ref) or 0)
    refs = start(3)
    router = routing.SmallestInbox(refs)
    for _ in range(3):
        router.ask("message")
    assert looked_at == refs


class Counting(pykka.ThreadingActor):
    """An actor with an inbox that can be counted, or not."""

    inbox_class: Callable[[], Any]

    def _create_actor_inbox(self) -> Any:
        return self.inbox_class()

    def on_receive(self, message: Any) -> Any:
        return message()


class Uncountable:
    """No more than is asked of an inbox."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Any] = queue.Queue()
        self.put, self.get, self.empty = self._queue.put, self._queue.get, self._queue.empty


@pytest.mark.parametrize("inbox", [queue.Queue, Uncountable])
def test_smallest_inbox_counts_what_is_in_inboxes_of_ones_own(inbox: Any) -> None:
    may_end, entered = threading.Event(), threading.Event()

    class Own(Counting):
        inbox_class = inbox

    own = Own.start()
    own.tell(lambda: (entered.set(), may_end.wait(PATIENCE)))
    assert entered.wait(PATIENCE)
    own.tell(bool)
    inner = routing.RoundRobin([own])
    idle, busy = ThreadedWorker.start(), ThreadedWorker.start()
    entered.clear()
    busy.tell(lambda: (entered.set(), may_end.wait(PATIENCE)))
    assert entered.wait(PATIENCE)

    chosen = [routing.SmallestInbox([own, idle, inner])._choose(None) for _ in range(4)]
    assert chosen == [idle] * 4
    chosen = [routing.SmallestInbox([own, busy, inner])._choose(None) for _ in range(4)]
    assert chosen == [busy] * 4
    may_end.set()


def test_broadcast_asks_all_and_answers_in_order() -> None:
    refs = start(3)
    router = routing.Broadcast(refs)
    names = [f"worker {n}" for n in range(3)]

    assert router.ask("ask") == names
    assert router.ask("ask", timeout=PATIENCE) == names
    assert router.ask("ask", block=False).get(timeout=PATIENCE) == names
    router.tell("tell")
    assert seen(refs) == ["ask", "ask", "ask", "tell"] * 3


def test_a_broadcast_that_one_cannot_answer_raises_what_that_one_did() -> None:
    router = routing.Broadcast(start(3))

    def answer(worker: Worker) -> str:
        if worker.name != "worker 0":
            raise LookupError(worker.name)
        return worker.name

    with pytest.raises(LookupError, match="worker 1"):
        router.ask(answer)


# --- asking -------------------------------------------------------------------------------------


def test_a_timeout_is_a_timeout_of_the_whole_question(make: Any) -> None:
    may_end = threading.Event()
    router = make([ThreadedWorker.start()])
    with pytest.raises(pykka.Timeout):
        router.ask(lambda: may_end.wait(PATIENCE), timeout=0)
    with pytest.raises(pykka.Timeout):
        router.stop(timeout=0)
    may_end.set()


def test_a_negative_timeout_is_refused_before_anything_is_sent(make: Any) -> None:
    refs = start(1)
    router = make(refs)
    with pytest.raises(ValueError, match="must be a non-negative number"):
        router.ask("message", timeout=-1)
    with pytest.raises(ValueError, match="must be a non-negative number"):
        router.stop(timeout=-1)
    assert router.is_alive()
    assert seen(refs) == []


@pytest.mark.parametrize("kind", ["RoundRobin", "Random", "SmallestInbox", "ConsistentHashing"])
def test_a_caller_runs_the_routee_it_waits_for(kind: str) -> None:
    router = KINDS[kind](start(2))
    for _ in range(200):
        assert router.ask(lambda _worker: threading.get_ident()) == threading.get_ident()


@pytest.mark.parametrize(
    "kind", ["RoundRobin", "Random", "SmallestInbox", "ConsistentHashing", "Broadcast"]
)
def test_a_routee_that_asks_itself_through_the_router_is_told_so(kind: str) -> None:
    (ref,) = start(1)
    router = KINDS[kind]([ref])
    with pytest.raises(pykka.DeadlockError, match="waits for its own answer"):
        ref.ask(lambda _worker: router.ask("message"))
    assert seen([ref]) == ["message"], "the message stays sent"


def test_a_routee_that_stops_all_and_waits_is_told_so() -> None:
    refs = start(2)
    router = routing.RoundRobin(refs)
    with pytest.raises(pykka.DeadlockError):
        refs[0].ask(lambda _worker: router.stop())
    wait_until(lambda: not router.is_alive(), "all have stopped, for all have been asked to")


@pytest.fixture
def _no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_collector")
def test_a_failed_question_leaves_nothing_to_the_collector(make: Any) -> None:
    """But for a free-threaded Python, which leaves the last step to the thread of the routee."""
    refs = [ThreadedWorker.start() for _ in range(2)]
    router = make(refs)

    class Failure(Exception):
        """Can be weakly referenced."""

    def fail() -> None:
        raise Failure

    def ask() -> weakref.ref[Any]:
        try:
            router.ask(fail, timeout=PATIENCE)
        except Failure as failure:
            return weakref.ref(failure)
        raise AssertionError

    def settle() -> None:
        for ref in refs:
            ref.ask(bool, timeout=PATIENCE)

    for _ in range(3):
        freed = ask()
        wait_until(lambda freed=freed: freed() is None or settle(), "it is freed")
