"""Router pools, whose routees are actors of each runtime."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import needs
from tests.conformance.pools import KINDS, TO_ONE, Clerk, Poison, PoisonedError, Traffic
from tests.leaks import PATIENCE, wait_until
from tests.tiers import unless_simulated

import pykka
from pykka import dead_letters, routing
from pykka._envelope import Envelope
from pykka._util.for_each import for_each
from pykka.messages import ProxyCall
from pykka.resilience import Backoff
from pykka.routing._routees import Routees
from pykka.supervision import ChildSpec, ChildStartError, DynamicSupervisor, RestartLimitError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.agents import Gate
    from tests.conftest import Runtime

    from pykka.timers import ManualClock

pytestmark = pytest.mark.thinned

EVERY = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
EACH_TO_ONE = pytest.mark.parametrize("make", TO_ONE.values(), ids=TO_ONE)
MESSAGES = unless_simulated(3_000, 18)
EVEN_SMALL = {"max_restarts": 1_000}


@pytest.fixture
def book() -> list[Any]:
    return []


@pytest.fixture
def clerk(runtime: Runtime) -> Any:
    return runtime.run(Clerk)


def who(clerk: Any) -> pykka.ActorRef[Any]:
    """A message that is answered with the ref of whoever got it."""
    ref: pykka.ActorRef[Any] = clerk.actor_ref
    return ref


@EVERY
def test_every_kind_of_router_can_be_had_as_a_pool(clerk: Any, book: list[Any], make: Any) -> None:
    pool = make(clerk, 3, args=[book])
    all_of_them = isinstance(pool, (routing.Broadcast, routing.ScatterGather))
    copies = 3 if all_of_them else 1

    assert isinstance(pool, routing.RouterRef)
    assert pool.size == len(pool.routees) == 3
    assert issubclass(pool.supervisor.actor_class, DynamicSupervisor)
    assert str(pool) == f"{type(pool).__name__} pool of 3 (Clerk)"
    pool.tell("told")
    answer = ["asked"] * 3 if isinstance(pool, routing.Broadcast) else "asked"
    assert pool.ask("asked") == answer
    pool.proxy().note("called").get(timeout=PATIENCE)
    pool.proxy().note.defer("deferred")
    assert pool.stop(timeout=PATIENCE)

    assert sorted(book) == sorted(["told", "asked", "called", "deferred"] * copies)
    assert not pool.is_alive()
    assert not pool.stop()
    assert pool.routees == ()
    assert pool.when_terminated().get(timeout=PATIENCE) == pykka.Stopped()
    assert pykka.ActorRegistry.get_all() == []
    for send in (pool.tell, pool.ask):
        with pytest.raises(pykka.ActorDeadError, match=r"pool of 3 .* has ended \(Stopped"):
            send("late")


# --- routees that fail --------------------------------------------------------------------------


@EVERY
def test_a_routee_that_fails_goes_on_in_place(clerk: Any, book: list[Any], make: Any) -> None:
    pool = make(clerk, 2, args=[book], **EVEN_SMALL)
    routees = pool.routees
    for number in range(4):
        pool.tell(Poison(number))
        pool.tell("next")
    for routee in routees:
        assert routee.ask(who, timeout=PATIENCE) == routee
    assert pool.routees == routees
    assert {0, 1, 2, 3, "next"} == set(book)
    pool.stop()


@EVERY
@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_routee_that_has_ended_is_replaced_in_its_place(
    clerk: Any, book: list[Any], make: Any, end: str
) -> None:
    pool = make(clerk, 3, args=[book], **EVEN_SMALL)
    one, two, three = pool.routees
    getattr(two, end)()
    pool.ask("meanwhile", timeout=PATIENCE)
    wait_until(lambda: len(pool.routees) == 3 and two not in pool.routees, "it is replaced")
    assert pool.routees[::2] == (one, three)
    assert pool.routees[1].ask(who, timeout=PATIENCE) == pool.routees[1]
    pool.stop()


@EACH_TO_ONE
def test_a_pool_of_one_comes_back_after_it_was_killed(
    clerk: Any, book: list[Any], make: Any
) -> None:
    pool = make(clerk, 1, args=[book], **EVEN_SMALL)
    for _ in range(5):
        (routee,) = pool.routees
        routee.kill()
        while True:
            try:
                assert pool.ask("message", timeout=PATIENCE) == "message"
            except pykka.ActorDeadError as error:
                assert "starting new ones" in str(error)  # noqa: PT017
            else:
                break
        wait_until(lambda former=routee: pool.routees not in ((former,), ()), "it is back")
    pool.stop()


def test_keys_keep_their_routees_whatever_happens_to_those(clerk: Any, book: list[Any]) -> None:
    pool = routing.ConsistentHashing.pool(clerk, 4, key=str, args=[book], **EVEN_SMALL)
    keys = [str(number) for number in range(200)]

    def places() -> list[int]:
        return [pool.routees.index(pool.routee_of(key)) for key in keys]

    before = places()
    former = pool.routees
    for routee in former:
        routee.tell(Poison("poison"))
    assert places() == before
    for number in (2, 0, 1):
        former[number].kill()
    pool.ask("drops one that is dead", timeout=PATIENCE)
    wait_until(
        lambda: len(pool.routees) == 4 and not set(former[:3]) & set(pool.routees),
        "they are replaced",
    )
    assert pool.routees[3] == former[3]
    assert places() == before
    # It is the same as with a group.
    assert places() == [
        pool.routees.index(routee)
        for routee in map(routing.ConsistentHashing(pool.routees, key=str).routee_of, keys)
        if routee is not None
    ]
    pool.resize(3)
    moved = [one for one, other in zip(before, places(), strict=True) if one != other]
    assert set(moved) == {3}
    pool.resize(4)
    assert places() == before
    pool.stop()


@EVERY
def test_a_pool_that_gives_up_says_so_to_all_who_send(
    clerk: Any, book: list[Any], make: Any, quiet: None
) -> None:
    pool = make(clerk, 2, args=[book], max_restarts=1, name="clerks")
    with contextlib.suppress(pykka.ActorDeadError):
        for routee in pool.routees * 2:
            routee.tell(Poison("poison"))
    reason = pool.when_terminated().get(timeout=PATIENCE)
    assert isinstance(reason, pykka.Failed)

    assert not pool.is_alive()
    sends: list[Callable[[], object]] = [
        lambda: pool.tell("message"),
        lambda: pool.ask("message"),
        lambda: pool.ask("message", block=False).get(timeout=PATIENCE),
        lambda: pool.resize(3),
        lambda: pool.tell_after(1, "message"),
    ]
    for send in sends:
        with pytest.raises(pykka.ActorDeadError, match=r"'clerks'.*has ended: .* gives up") as got:
            send()
        assert isinstance(got.value.__cause__, RestartLimitError)


@needs("blocking handlers")
def test_a_pool_that_gives_up_takes_nothing_more_while_its_routees_end(
    clerk: Any, book: list[Any], gate: Gate, quiet: None
) -> None:
    pool = routing.RoundRobin.pool(clerk, 2, args=[book], max_restarts=0)
    busy, other = pool.routees
    busy.tell(gate)
    gate.wait_until_entered()
    busy.tell("accepted")
    other.tell(Poison("poison"))
    wait_until(lambda: not pool.is_alive(), "it gives up")
    with pytest.raises(pykka.ActorDeadError, match=r"has ended: .* gives up") as got:
        pool.tell("message")
    assert isinstance(got.value.__cause__, RestartLimitError)
    assert busy.is_alive()
    gate.open()
    assert isinstance(pool.when_terminated().get(timeout=PATIENCE), pykka.Failed)
    assert book == ["poison", "accepted"]


@pytest.mark.parametrize("size", [1, 3])
def test_a_pool_bears_ten_restarts_for_each_routee(
    clerk: Any, book: list[Any], system: pykka.ActorSystem, size: int, quiet: None
) -> None:
    pool = routing.RoundRobin.pool(clerk, 2, args=[book], system=system)
    pool.resize(size)
    routee = pool.routees[0]
    for _ in range(10 * size):
        routee.tell(Poison("poison"))
    assert routee.ask("message", timeout=PATIENCE) == "message"
    routee.tell(Poison("poison"))
    reason: Any = pool.when_terminated().get(timeout=PATIENCE)
    assert isinstance(reason.exception, RestartLimitError)


def test_routees_that_are_not_to_come_back_make_the_pool_smaller(
    clerk: Any, book: list[Any]
) -> None:
    pool = routing.RoundRobin.pool(clerk, 2, args=[book], restart="temporary")
    former = pool.routees
    former[0].kill()
    wait_until(lambda: pool.size == 1, "the pool is smaller")
    assert pool.routees == former[1:]
    former[1].kill()
    wait_until(lambda: pool.size == 0, "the pool is empty")
    with pytest.raises(
        pykka.ActorDeadError, match=r"no living routee right now: .* resize\(\) it"
    ):
        pool.tell("message")
    pool.resize(2)
    assert pool.ask("message") == "message"
    pool.stop()


def test_whoever_sees_the_new_size_of_a_pool_sees_its_new_routees(
    clerk: Any, book: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = routing.RoundRobin.pool(clerk, 2, args=[book], restart="temporary")
    replace = Routees._replace
    sizes: list[tuple[int, int]] = []

    def look(router: Routees[Any], edit: Callable[..., Any]) -> bool:
        sizes.append((pool.size, len(pool.routees)))
        return replace(router, edit)

    monkeypatch.setattr(Routees, "_replace", look)
    pool.routees[0].kill()
    wait_until(lambda: pool.size == 1, "the pool is smaller")
    monkeypatch.undo()
    assert sizes == [(2, 2)]
    pool.stop()


def test_a_transient_routee_that_is_stopped_does_not_come_back(
    clerk: Any, book: list[Any]
) -> None:
    pool = routing.RoundRobin.pool(clerk, 3, args=[book], restart="transient")
    pool.routees[0].stop()
    wait_until(lambda: pool.size == 2, "the pool is smaller")
    pool.stop()


# --- resizing -----------------------------------------------------------------------------------


@EVERY
def test_a_pool_is_resized(clerk: Any, book: list[Any], make: Any) -> None:
    pool = make(clerk, 2, args=[book])
    first = pool.routees
    pool.resize(5)
    assert pool.size == len(pool.routees) == 5
    assert pool.routees[:2] == first
    five = pool.routees
    assert all(routee.ask(who, timeout=PATIENCE) == routee for routee in five)
    pool.resize(5)
    assert pool.routees == five

    pool.resize(1)
    assert pool.routees == first[:1]
    assert [routee.is_alive() for routee in five] == [True, False, False, False, False]
    reasons = [routee.when_terminated().get(timeout=PATIENCE) for routee in five[1:]]
    assert reasons == [pykka.Stopped()] * 4
    assert pool.supervisor.proxy().count_children().get().specs == 1
    pool.stop()


@needs("blocking handlers")
def test_who_is_let_go_handles_what_is_in_its_inbox(
    clerk: Any, book: list[Any], gate: Gate, in_thread: Any
) -> None:
    pool = routing.RoundRobin.pool(clerk, 2, args=[book])
    stays, goes = pool.routees
    goes.tell(gate)
    gate.wait_until_entered()
    future = goes.ask("asked", block=False)
    goes.tell("told")
    resizing = in_thread(lambda: pool.resize(1))
    wait_until(lambda: pool.routees == (stays,), "it is let go")
    assert goes.is_alive()
    assert pool.ask("meanwhile") == "meanwhile"
    assert pool.size == 1
    gate.open()
    resizing.join(PATIENCE)
    assert not goes.is_alive()
    assert book == ["meanwhile", "asked", "told"]
    assert future.get(timeout=0) == "asked"
    pool.stop()


@needs("blocking handlers")
@EACH_TO_ONE
def test_what_comes_too_late_for_who_is_let_go_goes_to_another(
    clerk: Any, book: list[Any], gate: Gate, in_thread: Any, make: Any
) -> None:
    """As if the sender had chosen it before, and sent after that."""
    letters: list[Any] = []
    pool = make(clerk, 2, args=[book])
    stays, goes = pool.routees
    goes.tell(gate)
    gate.wait_until_entered()
    resizing = in_thread(lambda: pool.resize(1))
    wait_until(lambda: goes._cell.count() == 1, "it is asked to stop")
    dead_letters.subscribe(letters.append)
    try:
        goes.tell("told")
        future = goes.ask(who, block=False)
        called = goes.proxy().note("called")
        goes.proxy().note.defer("deferred")
        gate.open()
        assert future.get(timeout=PATIENCE) == stays
        assert called.get(timeout=PATIENCE) == "called"
        resizing.join(PATIENCE)
        goes._cell.send(Envelope("very late"))
        wait_until(lambda: len(book) == 4, "all is noted")
    finally:
        dead_letters.unsubscribe(letters.append)
    assert sorted(book) == ["called", "deferred", "told", "very late"]
    assert letters == []
    with pytest.raises(pykka.ActorDeadError):
        goes.tell("message")
    with pytest.raises(pykka.ActorDeadError):
        goes.ask("message")
    pool.stop()


@needs("blocking handlers")
def test_who_takes_too_long_is_killed_and_leaves_the_rest_to_others(
    clerk: Any, gate: Gate, in_thread: Any, system: pykka.ActorSystem, clock: ManualClock
) -> None:
    pool = routing.RoundRobin.pool(clerk, 2, args=[[]], shutdown=3.0, system=system)
    stays, goes = pool.routees
    goes.tell(gate)
    gate.wait_until_entered()
    futures = [goes.ask(who, block=False) for _ in range(3)]
    resizing = in_thread(lambda: pool.resize(1))
    wait_until(lambda: goes._cell.count() == 4, "it is asked to stop")
    clock.advance(3.0)
    assert not goes.is_alive()
    gate.open()
    assert [future.get(timeout=PATIENCE) for future in futures] == [stays] * 3
    resizing.join(PATIENCE)
    assert goes.when_terminated().get(timeout=PATIENCE) == pykka.Killed()
    pool.stop()


@EACH_TO_ONE
def test_who_is_let_go_while_it_waits_to_be_restarted_leaves_its_messages_to_others(
    clerk: Any, book: list[Any], system: pykka.ActorSystem, make: Any, quiet: None
) -> None:
    pool = make(clerk, 2, args=[book], backoff=Backoff(minimum=1.0), system=system)
    stays, goes = pool.routees
    goes.tell(Poison("poison"))
    wait_until(lambda: goes._cell.extension.down, "it is down")
    goes.tell("told")
    future = goes.ask(who, block=False)
    pool.resize(1)
    assert future.get(timeout=PATIENCE) == stays
    assert book == ["poison", "told"]
    pool.stop()


def test_in_doubt_a_message_is_buried(clerk: Any, book: list[Any], system: Any) -> None:
    """Guarantee G11: a signal handler raises while the message is handed on."""
    letters: list[Any] = []
    system.dead_letters.subscribe(lambda letter: letters.append(letter.message))
    pool = routing.RoundRobin.pool(clerk, 2, args=[book], system=system)
    stays, goes = pool.routees
    pool.resize(1)
    heir = goes._cell.extension.redirect
    take_on, heir._router = pool._take_on, Interrupted(pool)
    with pytest.raises(KeyboardInterrupt):
        for_each([Envelope("in doubt")], goes._cell._reject)
    heir._router._take_on = take_on
    for_each([Envelope("next")], goes._cell._reject)
    assert stays.ask("last", timeout=PATIENCE) == "last"
    assert letters == ["in doubt"]
    assert book == ["in doubt", "next", "last"]
    pool.stop()


class Interrupted:
    """A router that is interrupted when it has handed a message on."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    def _take_on(self, letter: Any) -> bool:
        self._pool._take_on(letter)
        raise KeyboardInterrupt


@needs("blocking handlers")
def test_what_finds_no_room_anywhere_is_reported(
    clerk: Any, book: list[Any], in_thread: Any
) -> None:
    letters: list[Any] = []
    full = clerk.options(inbox=pykka.inboxes.Bounded(1))
    pool = routing.RoundRobin.pool(full, 2, args=[book])
    stays, goes = pool.routees
    opened, entered = threading.Event(), threading.Semaphore(0)

    def wait(_clerk: object) -> None:
        entered.release()
        opened.wait(PATIENCE)

    for ref in (stays, goes):
        ref.tell(wait)
        entered.acquire()
    stays.tell("room is taken")
    leaving = in_thread(lambda: pool.resize(1))
    wait_until(lambda: goes._cell.count() == 1, "it is asked to stop")
    goes.tell("told")
    dead_letters.subscribe(letters.append)
    try:
        goes.kill(block=False)
        opened.set()
        leaving.join(PATIENCE)
        stays.ask("last")
    finally:
        dead_letters.unsubscribe(letters.append)
    assert sorted([*book, *(letter.message for letter in letters)]) == [
        "last",
        "room is taken",
        "told",
    ]
    pool.stop()


@EACH_TO_ONE
def test_the_books_balance_while_routees_fail_and_the_pool_is_resized(
    runtime: Runtime, make: Any, quiet: None
) -> None:
    print(Traffic(runtime, make, messages=MESSAGES, senders=3, seed=1).run())


@EACH_TO_ONE
def test_the_books_balance_while_routees_are_killed_as_well(
    runtime: Runtime, make: Any, quiet: None
) -> None:
    """Guarantee G3."""
    print(Traffic(runtime, make, messages=MESSAGES, senders=3, seed=2, kills=True).run())


@pytest.mark.parametrize("size", [0, -1])
def test_a_pool_has_at_least_one_routee(clerk: Any, book: list[Any], size: int) -> None:
    with pytest.raises(ValueError, match="1 or more"):
        routing.RoundRobin.pool(clerk, size, args=[book])
    pool = routing.RoundRobin.pool(clerk, 1, args=[book])
    with pytest.raises(ValueError, match="1 or more"):
        pool.resize(size)
    pool.stop()


# --- the end ------------------------------------------------------------------------------------


def test_a_stop_lets_all_handle_what_is_in_their_inboxes(clerk: Any, book: list[Any]) -> None:
    pool = routing.RoundRobin.pool(clerk, 3, args=[book])
    for number in range(300):
        pool.tell(number)
    assert pool.stop(block=False).get(timeout=PATIENCE) is True
    assert sorted(book) == list(range(300))


@needs("blocking handlers")
def test_a_killed_pool_leaves_its_messages_alone(
    clerk: Any, book: list[Any], gate: Gate, quiet: None
) -> None:
    pool = routing.RoundRobin.pool(clerk, 2, args=[book])
    routees = pool.routees
    for routee in routees:
        routee.tell(gate)
    gate.wait_until_entered()
    future = routees[0].ask("asked", block=False)
    killed = pool.kill(block=False)
    with pytest.raises(pykka.ActorDeadError, match="has ended"):
        pool.tell("message")
    gate.open()
    assert killed.get(timeout=PATIENCE) is True
    with pytest.raises(pykka.ActorDeadError):
        future.get(timeout=PATIENCE)
    assert book == []
    assert [routee.when_terminated().get(timeout=PATIENCE) for routee in routees] == [
        pykka.Killed()
    ] * 2
    assert pool.kill() is False
    assert pykka.ActorRegistry.get_all() == []


@pytest.mark.parametrize("first", ["routees", "supervisor"])
def test_routees_of_a_killed_pool_were_killed_whoever_ends_first(
    clerk: Any, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each kill returns only when all that may follow from it has happened."""
    pool = routing.RoundRobin.pool(clerk, 2, args=[[]])
    supervisor, routees = pool.supervisor, pool.routees
    kill = pykka.ActorRef.kill

    def kill_slowly(ref: Any, *, abandon_after: float | None, block: bool = True) -> Any:
        ended = kill(ref, abandon_after=abandon_after, block=False)
        if (ref == supervisor) == (first == "supervisor"):
            ended.get(timeout=PATIENCE)
            if supervisor.is_alive():
                restarts = ProxyCall(("restarts",), (), {})
                assert supervisor.ask(restarts, timeout=PATIENCE) == 0
        return ended

    monkeypatch.setattr(pykka.ActorRef, "kill", kill_slowly)
    assert pool.kill(block=False).get(timeout=PATIENCE) is True
    reasons = [routee.when_terminated().get(timeout=PATIENCE) for routee in routees]
    assert reasons == [pykka.Killed()] * 2
    assert pykka.ActorRegistry.get_all() == []


@needs("blocking handlers")
def test_a_pool_whose_routees_hang_is_abandoned(
    clerk: Any, gate: Gate, system: pykka.ActorSystem, clock: ManualClock, quiet: None
) -> None:
    pool = routing.RoundRobin.pool(clerk, 2, args=[[]], system=system)
    hangs, other = pool.routees
    hangs.tell(gate)
    gate.wait_until_entered()
    killed = pool.kill(abandon_after=2.0, block=False)
    assert other.when_terminated().get(timeout=PATIENCE) == pykka.Killed()
    clock.advance(2.0)
    assert killed.get(timeout=PATIENCE) is True
    assert isinstance(hangs.when_terminated().get(timeout=PATIENCE), pykka.Abandoned)
    gate.open()


@needs("blocking handlers")
def test_a_routee_that_stops_or_shrinks_its_own_pool_and_waits_is_told_so(
    clerk: Any, book: list[Any]
) -> None:
    """Guarantee G5."""
    pool = routing.RoundRobin.pool(clerk, 2, args=[book], **EVEN_SMALL)
    last = pool.routees[1]
    with pytest.raises(pykka.DeadlockError):
        last.ask(lambda _clerk: pool.resize(1))
    assert last.when_terminated().get(timeout=PATIENCE) == pykka.Stopped()
    (first,) = pool.routees
    with pytest.raises(pykka.DeadlockError):
        first.ask(lambda _clerk: pool.stop())
    assert pool.when_terminated().get(timeout=PATIENCE) == pykka.Stopped()


@needs("blocking handlers")
def test_a_routee_may_enlarge_its_own_pool(clerk: Any, book: list[Any]) -> None:
    pool = routing.RoundRobin.pool(clerk, 1, args=[book])
    assert pool.ask(lambda _clerk: pool.resize(3)) is None
    assert len(pool.routees) == 3
    pool.stop()


# --- where it lives -----------------------------------------------------------------------------


def test_a_pool_belongs_to_a_system_and_ends_with_it(
    clerk: Any, book: list[Any], system: pykka.ActorSystem
) -> None:
    pool = routing.RoundRobin.pool(clerk, 2, args=[book], name="clerks", system=system)
    assert pool.system is system
    assert all(routee.system is system for routee in pool.routees)
    assert pool.name == "clerks"
    assert str(pool) == "RoundRobin pool 'clerks' of 2 (Clerk)"
    assert system.get_by_name("clerks") == pool.supervisor
    assert pykka.ActorRegistry.get_all() == []
    with pytest.raises(pykka.NameTakenError, match="'clerks' is taken"):
        routing.Random.pool(clerk, 2, args=[book], name="clerks", system=system)
    pool.tell("message")
    system.shutdown(PATIENCE)
    assert book == ["message"]
    assert not pool.is_alive()
    assert pool.routees == ()


@needs("blocking handlers")
def test_a_pool_that_an_actor_starts_ends_with_it(
    clerk: Any, book: list[Any], system: pykka.ActorSystem
) -> None:
    parent = system.start(clerk, book)
    pool = parent.ask(lambda _clerk: routing.RoundRobin.pool(clerk, 2, args=[book]))
    other = parent.ask(
        lambda _clerk: routing.RoundRobin.pool(clerk, 2, args=[book], system=system)
    )
    assert pool.system is system
    assert parent.proxy().note(1).get() == 1
    assert parent.ask(lambda clerk: clerk.children()) == [pool.supervisor]
    parent.stop()
    assert not pool.is_alive()
    assert other.is_alive()
    assert other.stop()


def test_a_pool_goes_on_when_nobody_holds_its_router(clerk: Any, book: list[Any]) -> None:
    routing.RoundRobin.pool(clerk, 2, args=[book], name="clerks")
    supervisor = pykka.ActorRegistry.get_by_name("clerks")
    assert supervisor is not None
    assert supervisor.proxy().count_children().get(timeout=PATIENCE).active == 2
    supervisor.stop(timeout=PATIENCE)
    assert pykka.ActorRegistry.get_all() == []


# --- how it is started --------------------------------------------------------------------------


def test_what_routees_are_can_be_said_in_several_ways(clerk: Any, book: list[Any]) -> None:
    ways = [
        routing.RoundRobin.pool(clerk, 2, kwargs={"book": book}),
        routing.RoundRobin.pool(clerk.options(inbox=pykka.inboxes.Bounded(9)), 2, args=[book]),
        routing.RoundRobin.pool(lambda: clerk(book), 2),
        routing.RoundRobin.pool(ChildSpec("clerk", clerk, [book]), 2),
    ]
    for number, pool in enumerate(ways):
        assert pool.ask(number) == number
        assert pool.actor_class is clerk
        pool.stop()
    assert book == [0, 1, 2, 3]


def test_routees_that_cannot_start_make_no_pool(runtime: Runtime, quiet: None) -> None:
    started: list[int] = []

    class Late(pykka.Actor):
        def on_start(self) -> None:
            started.append(1)
            if len(started) > 2:
                raise PoisonedError

    with pytest.raises(ChildStartError, match="PoisonedError"):
        routing.RoundRobin.pool(runtime.run(Late), 4)
    wait_until(lambda: pykka.ActorRegistry.get_all() == [], "nobody is left")

    started.clear()
    pool = routing.RoundRobin.pool(runtime.run(Late), 1)
    with pytest.raises(ChildStartError):
        pool.resize(3)
    assert pool.size == len(pool.routees) == 2
    pool.stop()


def test_what_cannot_be_is_refused(clerk: Any, book: list[Any]) -> None:
    make = routing.RoundRobin.pool
    with pytest.raises(TypeError, match=r"a pool needs an actor class, .* not 7"):
        make(7, 2)  # type: ignore[arg-type, type-var]
    with pytest.raises(TypeError, match="whole number, not 'two'"):
        make(clerk, "two", args=[book])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="restart has to be said there"):
        make(ChildSpec("clerk", clerk, [book]), 2, restart="transient")
    with pytest.raises(ValueError, match="name the pool instead"):
        make(clerk.options(name="clerk"), 2, args=[book])
    with pytest.raises(ValueError, match="max_restarts must be at least 0, not -1"):
        make(clerk, 2, args=[book], max_restarts=-1)
    with pytest.raises(ValueError, match="restart='never'"):
        make(clerk, 2, args=[book], restart="never")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="key"):
        routing.ConsistentHashing.pool(clerk, 2, args=[book])
    assert pykka.ActorRegistry.get_all() == []


def test_a_pool_has_no_foreign_routees_and_a_group_none_of_its_own(
    clerk: Any, book: list[Any]
) -> None:
    pool = routing.RoundRobin.pool(clerk, 2, args=[book])
    foreign = clerk.start(book)
    with pytest.raises(TypeError, match=r"its own routees, so it cannot add one; resize\(\) it"):
        pool.add(foreign)
    with pytest.raises(TypeError, match="cannot remove one"):
        pool.remove(pool.routees[0])
    group = routing.RoundRobin([foreign])
    assert group.size == 1
    assert not hasattr(group, "supervisor")
    with pytest.raises(AttributeError, match=r"has no supervisor; RoundRobin.pool\(\) makes one"):
        _ = group.supervisor
    with pytest.raises(TypeError, match=r"no pool, .* add\(\) and remove\(\)"):
        group.resize(2)
    # A pool among the routees of a group is a routee like any other.
    assert routing.Broadcast([pool, foreign]).ask("message") == ["message", "message"]
    pool.stop()


@EVERY
def test_later_routees_keep_statistics_too(clerk: Any, book: list[Any], make: Any) -> None:
    pool = make(clerk, 1, args=[book], **EVEN_SMALL)
    assert pool.statistics().handled is None
    pool.keep_statistics()
    pool.resize(2)
    for routee in pool.routees:
        routee.ask("message", timeout=PATIENCE)
    wait_until(lambda: pool.statistics().handled is not None, "they count")
    before = pool.statistics().handled
    for routee in pool.routees:
        routee.ask("message", timeout=PATIENCE)
    wait_until(lambda: pool.statistics().handled == before + 2, "both count")
    pool.stop()


# --- time-outs ----------------------------------------------------------------------------------


def test_a_timeout_that_the_end_itself_raises_goes_to_who_waits_as_it_is(
    clerk: Any, book: list[Any]
) -> None:
    pool = routing.RoundRobin.pool(clerk, 2, args=[book])
    ended: pykka.ThreadingFuture[bool] = pykka.ThreadingFuture()
    error = pykka.Timeout("of somebody else")
    ended.set_exception(error)
    with pytest.raises(pykka.Timeout, match="of somebody else") as caught:
        pool._pool.wait(pool, ended, PATIENCE)  # type: ignore[union-attr]
    assert caught.value is error
    pool.stop()


def test_the_size_of_a_pool_whose_start_hooks_time_out_themselves(runtime: Runtime) -> None:
    """What a routee raises is no time-out of the `resize()`."""
    started: list[int] = []

    class Late(pykka.Actor):
        def on_start(self) -> None:
            started.append(1)
            if len(started) > 1:
                raise pykka.Timeout("of the routee's own")

    pool = routing.RoundRobin.pool(runtime.run(Late), 1)
    with pytest.raises(ChildStartError, match="of the routee's own"):
        pool.resize(2, timeout=PATIENCE)
    assert pool.size == 1
    pool.stop()
    assert pool._pool._starting() == [], "none is on its way when the supervisor has ended"  # type: ignore[union-attr]
