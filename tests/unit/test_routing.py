"""A router is a ref, and asks its routees as other refs ask their actors."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE, wait_until
from tests.unit.routers import KINDS, ThreadedWorker, Worker, each_kind, seen, start

import pykka
from pykka import routing
from pykka.routing._router import RouterRef

if TYPE_CHECKING:
    from collections.abc import Iterator


# --- a router is a ref --------------------------------------------------------------------------


@each_kind
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


@pytest.mark.parametrize("kind", KINDS)
def test_a_router_says_what_it_is_and_whom_it_stands_for(kind: str) -> None:
    make = KINDS[kind]
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
            with pytest.raises(TypeError, match="takes the ref of a single actor"):
                scope.enter(router)

    asyncio.run(enter())


def test_its_class_is_that_of_the_first_routee() -> None:
    worker, threaded = Worker.start(), ThreadedWorker.start()

    assert routing.RoundRobin([worker, threaded]).actor_class is Worker
    with pytest.raises(pykka.ActorDeadError, match="RoundRobin over 0 routees has no living"):
        _ = routing.RoundRobin([]).actor_class


@each_kind
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
        routing._kinds._unicast.UnicastRouter([]).tell("message")
    with pytest.raises(NotImplementedError):
        routing._kinds._turns.TurnsRouter(start(1))


@each_kind
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


@each_kind
def test_routers_that_lead_to_each_other_are_refused(make: Any) -> None:
    router = make([])
    outer = routing.Broadcast([make([router])])
    for ref in (router, outer):
        with pytest.raises(ValueError, match="go round for ever"):
            router.add(ref)
    assert router.routees == ()


# --- asking -------------------------------------------------------------------------------------


@each_kind
def test_a_timeout_is_a_timeout_of_the_whole_question(make: Any) -> None:
    may_end = threading.Event()
    router = make([ThreadedWorker.start()])
    with pytest.raises(pykka.Timeout):
        router.ask(lambda: may_end.wait(PATIENCE), timeout=0)
    with pytest.raises(pykka.Timeout):
        router.stop(timeout=0)
    may_end.set()


@each_kind
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


@each_kind
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
