"""Actor systems: apart from each other, and ended as one."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import queue
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import Gate, needs
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka._cell.cell import Cell
from pykka._cell.reasons import Abandoned, Killed, Stopped
from pykka._deadlock import wait_graph
from pykka._system import shutdown
from pykka._system import system as _system
from pykka._system.dead_letters import DeadLetter
from pykka._system.shutdown import Shutdown
from pykka._system.system import default_system
from pykka._util.gil import HAS_GIL
from pykka.timers import ManualClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conformance.agents import Diary
    from tests.conftest import Log


@pytest.fixture
def system() -> Iterator[pykka.ActorSystem]:
    """A system of the test's own."""
    with pykka.ActorSystem("test") as system:
        yield system


def noting(agent: Any, diary: Diary) -> Any:
    """A class of agents that note their name when they stop."""

    class Noting(agent):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.diary = Silent()

        def on_stop(self) -> None:
            diary.note(self.actor_ref.name)

    return Noting


class Silent:
    """A diary that nobody reads."""

    def note(self, _entry: object) -> None:
        pass


# --- isolation ----------------------------------------------------------------------------------


def test_an_actor_is_known_to_its_own_system_only(agent: Any, system: pykka.ActorSystem) -> None:
    other = pykka.ActorSystem()
    ref = system.start(agent.options(name="cart"))
    urn = ref.actor_urn
    assert ref.system is system
    assert system.get_all() == system.get_by_class(agent) == [ref]
    assert system.get_by_class_name("Agent") == [ref]
    assert system.get_by_name("cart") == system.get_by_urn(urn) == ref
    for each in (other, default_system):
        assert each.get_all() == []
        assert each.get_by_name("cart") is each.get_by_urn(urn) is None
    assert pykka.ActorRegistry.get_all() == []


def test_the_default_system_is_the_registry(agent: Any) -> None:
    ref = agent.options(name="cart").start()
    assert ref.system is pykka.ActorSystem.default()
    assert pykka.ActorRegistry.get_by_name("cart") == ref
    assert ref.system.get_all() == pykka.ActorRegistry.get_all() == [ref]


def test_actors_started_inside_an_actor_belong_to_its_system(
    agent: Any, system: pykka.ActorSystem
) -> None:
    ref = system.start(agent)
    inner = ref.ask(lambda _agent: agent.start())
    assert inner.system is system
    other = pykka.ActorSystem()
    assert ref.ask(lambda _agent: agent.options(system=other).start()).system is other
    other.shutdown(PATIENCE)
    assert inner.is_alive()


def test_actors_of_two_systems_can_talk(agent: Any, system: pykka.ActorSystem) -> None:
    with pykka.ActorSystem() as other:
        assert system.start(agent).ask(1) == other.start(agent).ask(1) == 1


def test_the_events_and_dead_letters_of_a_system_are_its_own(
    agent: Any, system: pykka.ActorSystem, gate: Gate
) -> None:
    other = pykka.ActorSystem()
    got: list[Any] = []
    other.events.subscribe(object, got.append)
    other.dead_letters.subscribe(got.append)
    mine: list[Any] = []
    system.events.subscribe(DeadLetter, mine.append)
    ref = system.start(agent)
    ref.tell(gate)
    stopped = ref.stop(block=False)
    ref.tell("too late")
    gate.open()
    assert stopped.get(timeout=PATIENCE)
    assert [letter.message for letter in mine] == ["too late"]
    assert [letter.target for letter in mine] == [ref]
    assert system.dead_letters.statistics().total == 1
    assert other.dead_letters.statistics().total == 0
    assert got == []


@needs("blocking handlers")
def test_two_systems_in_threads_side_by_side(agent: Any) -> None:
    found: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def run_loop(number: int) -> None:
        with pykka.ActorSystem(f"system {number}") as system:
            refs = [system.start(agent.options(name=f"actor {i}")) for i in range(20)]
            assert [ref.ask(number, timeout=PATIENCE) for ref in refs] == [number] * 20
            assert system.get_all() == refs
            assert system.stop_all(timeout=PATIENCE) == [True] * 20
            again = [system.start(agent.options(name=f"actor {i}")) for i in range(20)]
            assert [system.get_by_name(f"actor {i}") for i in range(20)] == again
        found.put(system.get_all())

    threads = [threading.Thread(target=run_loop, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert [found.get(timeout=0) for _ in threads] == [[]] * 4


def test_a_baseexception_stops_the_actors_of_its_own_system_only(
    agent: Any, system: pykka.ActorSystem
) -> None:
    class Quit(BaseException):
        pass

    def quit_it(_agent: object) -> None:
        raise Quit

    outside = agent.start()
    bystander = system.start(agent)
    system.start(agent).tell(quit_it)
    assert bystander.when_terminated().get(timeout=PATIENCE) == Stopped()
    assert outside.ask("still here?", timeout=PATIENCE) == "still here?"


# --- the arguments ------------------------------------------------------------------------------


def test_start_passes_its_arguments_to_init(
    agent: Any, system: pykka.ActorSystem, diary: Diary
) -> None:
    class Some(agent):  # type: ignore[misc]
        def __init__(self, actor_class: object, *, name: str, system: str) -> None:
            super().__init__()
            self.given = (actor_class, name, system)

    ref = system.start(Some, "first", name="n", system="s")
    assert ref.proxy().given.get() == ("first", "n", "s")
    options = Some.options(name="chosen")
    assert system.start(options, "first", name="n", system="s").name == "chosen"


def test_what_is_no_actor_class_is_refused(system: pykka.ActorSystem) -> None:
    for wrong in (int, "Agent", None):
        with pytest.raises(TypeError, match="neither an actor class nor"):
            system.start(wrong)  # type: ignore[type-var, arg-type]


def test_options_that_say_another_system_are_refused(
    agent: Any, system: pykka.ActorSystem
) -> None:
    with pytest.raises(ValueError, match="another system"):
        system.start(agent.options(system=default_system))
    assert system.start(agent.options(system=system)).system is system


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"clock": 5}, TypeError),
        ({"dispatcher": 5}, TypeError),
        ({"shutdown_timeout": -1}, ValueError),
    ],
)
def test_wrong_arguments_are_refused(wrong: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        pykka.ActorSystem(**wrong)


def test_a_system_has_a_name_and_shows_it() -> None:
    system = pykka.ActorSystem("shop")
    assert system.name == "shop"
    assert repr(system) == "<pykka.ActorSystem 'shop'>"
    assert pykka.ActorSystem().name != pykka.ActorSystem().name


def test_a_system_that_is_not_needed_any_more_is_freed() -> None:
    system = pykka.ActorSystem()
    freed = weakref.ref(system)
    del system

    def is_freed() -> bool:
        gc.collect()
        return freed() is None

    wait_until(is_freed, "it is freed")  # a thread may be looking at all systems right now


# --- names --------------------------------------------------------------------------------------


def test_a_name_is_free_again_when_its_bearer_has_ended(
    agent: Any, system: pykka.ActorSystem
) -> None:
    named = agent.options(name="cart")
    for _ in range(3):
        ref = system.start(named)
        assert system.get_by_name("cart") == ref
        with pytest.raises(pykka.NameTakenError, match="'cart' is taken by Agent"):
            system.start(named)
        assert system.get_by_name("cart") == ref
        assert system.get_all() == [ref]
        assert ref.stop(timeout=PATIENCE)
        assert system.get_by_name("cart") is None
    assert ref.name == "cart"


def test_a_name_is_given_to_one_of_many_who_want_it(agent: Any, system: pykka.ActorSystem) -> None:
    """And each time to somebody: nobody who failed keeps it."""
    start = threading.Barrier(4)
    won: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def compete() -> None:
        for _ in range(100):
            start.wait(PATIENCE)
            with contextlib.suppress(pykka.NameTakenError):
                won.put(system.start(agent.options(name="the one")))
            if start.wait(PATIENCE) == 0:
                ref = won.get(timeout=0)
                assert won.empty()
                assert system.get_by_name("the one") == ref
                ref.stop(timeout=PATIENCE)
                assert system.get_by_name("the one") is None
            start.wait(PATIENCE)

    threads = [threading.Thread(target=compete) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not start.broken


# --- the end ------------------------------------------------------------------------------------


def test_all_end_in_reverse_order_and_none_can_be_started_any_more(
    agent: Any, diary: Diary
) -> None:
    class_ = noting(agent, diary)
    with pykka.ActorSystem("shop") as system:
        refs = [system.start(class_.options(name=name)) for name in "abc"]
    assert diary.rest() == ["c", "b", "a"]
    assert not any(ref.is_alive() for ref in refs)
    with pytest.raises(RuntimeError, match="'shop' has ended"):
        system.start(agent)
    with pytest.raises(RuntimeError, match="'shop' has ended"):
        system.__enter__()
    assert system.everybody() == []
    system.shutdown()


def test_the_default_system_goes_on_after_its_shutdown(agent: Any, diary: Diary) -> None:
    class_ = noting(agent, diary)
    for name in "abc":
        class_.options(name=name).start()
    pykka.ActorSystem.default().shutdown(PATIENCE)
    assert diary.rest() == ["c", "b", "a"]
    assert agent.start().ask(1, timeout=PATIENCE) == 1


def test_actors_that_are_ending_already_are_waited_for(agent: Any, diary: Diary) -> None:
    entered, may_end = threading.Event(), threading.Event()

    class Slow(agent):  # type: ignore[misc]
        def on_stop(self) -> None:
            entered.set()
            assert may_end.wait(PATIENCE)
            diary.note("stopped")

    system = pykka.ActorSystem()
    system.start(Slow).stop(block=False)
    assert entered.wait(PATIENCE)
    assert system.get_all() == []
    thread = threading.Thread(target=system.shutdown)
    thread.start()
    wait_until(
        lambda: len(system.everybody()[0].termination_waiters or ()) == 2, "the shutdown waits"
    )
    may_end.set()
    thread.join(PATIENCE)
    assert diary.rest()[-1] == "stopped"


@pytest.mark.parametrize("told_by", ["its end", "a shutdown"])
def test_who_is_told_that_an_actor_has_ended_finds_it_in_its_system_no_more(
    agent: Any, monkeypatch: pytest.MonkeyPatch, told_by: str
) -> None:
    """Its thread has marked it as ended, and has not come to what follows."""
    system = pykka.ActorSystem()
    has_ended, go_on = threading.Event(), threading.Event()
    me = threading.get_ident()

    def forget(there: pykka.ActorSystem, cell: Any) -> None:
        if there is system and threading.get_ident() != me:
            has_ended.set()
            assert go_on.wait(PATIENCE)
        really_forget(there, cell)

    def kill(cell: Any) -> None:
        really_kill(cell)
        assert has_ended.wait(PATIENCE)

    really_forget, really_kill = pykka.ActorSystem.forget, Cell.kill
    monkeypatch.setattr(pykka.ActorSystem, "forget", forget)
    ref = system.start(agent)
    try:
        if told_by == "its end":
            ref.stop(block=False)
            assert has_ended.wait(PATIENCE)
            ref.when_terminated().get(timeout=PATIENCE)
        else:
            monkeypatch.setattr(Cell, "kill", kill)
            monkeypatch.setattr(Shutdown, "_ask", lambda _self, _cell: pykka.ThreadingFuture())
            with pytest.raises(pykka.Timeout):
                system.shutdown(0.001)
        assert system.everybody() == []
    finally:
        go_on.set()


@needs("blocking handlers")
def test_who_would_not_stop_in_time_is_killed_and_named(
    agent: Any, gate: Gate, diary: Diary, log: Log
) -> None:
    system = pykka.ActorSystem("shop")
    agents = noting(agent, diary)
    bystander = system.start(agents.options(name="bystander"))
    stuck = system.start(agents)
    stuck.tell(gate)
    gate.wait_until_entered()
    with pytest.raises(pykka.Timeout) as caught:
        system.shutdown(0.01)
    text = str(caught.value)
    assert "'shop'" in text
    assert f"{stuck} (abandoned, and still running at" in text
    assert ("agents.py" if HAS_GIL else "a place unknown") in text
    assert isinstance(stuck.when_terminated().get(timeout=PATIENCE), Abandoned)
    assert bystander.when_terminated().get(timeout=PATIENCE) == Killed()
    assert diary.rest() == ["bystander"]
    assert system.everybody() == []
    assert log.find("ERROR", "was abandoned")


@needs("blocking handlers")
def test_without_the_gil_no_frames_are_read_of_threads_that_go_on(
    agent: Any, gate: Gate, quiet: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The interpreter would crash; what hangs is abandoned all the same."""
    for module in (wait_graph, shutdown):
        monkeypatch.setattr(module, "HAS_GIL", False)
    monkeypatch.setattr(wait_graph, "read_stacks", lambda _read: pytest.fail("frames were read"))
    system = pykka.ActorSystem()
    stuck = system.start(agent)
    stuck.tell(gate)
    gate.wait_until_entered()
    with pytest.raises(pykka.Timeout, match="abandoned, and still running at a place unknown"):
        system.shutdown(0.01)
    assert stuck.when_terminated().get(timeout=PATIENCE) == Abandoned(None)


def test_who_starts_another_one_when_it_ends_is_refused(agent: Any) -> None:
    system = pykka.ActorSystem()
    refused: queue.SimpleQueue[Any] = queue.SimpleQueue()

    class Hydra(agent):  # type: ignore[misc]
        def on_stop(self) -> None:
            try:
                system.start(Hydra)
            except RuntimeError as error:
                refused.put(str(error))
            super().on_stop()

    for _ in range(3):
        system.start(Hydra)
    system.shutdown(PATIENCE)
    assert system.everybody() == []
    assert ["being shut down" in refused.get(timeout=0) for _ in range(3)] == [True] * 3


def test_the_timeout_of_a_block_does_not_hide_what_it_raised(agent: Any, gate: Gate) -> None:
    with pytest.raises(ValueError, match="mine"), pykka.ActorSystem(shutdown_timeout=0.01) as s:  # noqa: PT012
        s.start(agent).tell(gate)
        gate.wait_until_entered()
        threading.Timer(0.05, gate.open).start()
        raise ValueError("mine")


def test_an_actor_that_shuts_its_own_system_down_is_refused_and_all_stop(agent: Any) -> None:
    system = pykka.ActorSystem()
    ref = system.start(agent)
    other = system.start(agent)
    asked = ref.ask(lambda _agent: system.shutdown(), block=False)
    with pytest.raises(pykka.DeadlockError):
        asked.get(timeout=PATIENCE)
    for each in (ref, other):
        assert each.when_terminated().get(timeout=PATIENCE) == Stopped()
    with pytest.raises(RuntimeError, match="has ended"):
        system.start(agent)


@pytest.mark.parametrize("timeout", [None, 0.01])
def test_nobody_survives_a_shutdown_while_actors_start_others(
    agent: Any, timeout: float | None
) -> None:
    for _ in range(10):
        system = pykka.ActorSystem()
        seen: queue.SimpleQueue[Any] = queue.SimpleQueue()

        class Breeder(agent):  # type: ignore[misc]
            def __init__(self, generation: int, seen: Any = seen) -> None:
                super().__init__()
                self.generation = generation
                self.seen = seen

            def on_start(self, system: Any = system) -> None:
                self.seen.put(self.actor_ref)
                with contextlib.suppress(RuntimeError):
                    for _ in range(2 if self.generation < 5 else 0):
                        system.start(type(self), self.generation + 1)

        system.start(Breeder, 0)
        with contextlib.suppress(pykka.Timeout):
            system.shutdown(timeout)
        # One that is just being refused may still be there for a moment.
        wait_until(lambda system=system: system.everybody() == [], "nobody is left")
        while not seen.empty():
            ref = seen.get()
            assert not ref.is_alive()
            assert ref._actor is None


@needs("blocking handlers")
def test_a_child_that_stops_all_does_not_wait_for_its_own_parents(agent: Any) -> None:
    with pykka.ActorSystem() as system:
        parent = system.start(agent)
        child = parent.ask(lambda me: me.start_child(agent))
        grandchild = child.ask(lambda me: me.start_child(agent))
        other = system.start(agent)
        stopped = grandchild.ask(lambda _me: system.stop_all(), block=False)
        assert stopped.get(timeout=PATIENCE) == [True, True]
        assert not other.is_alive()
        for each in (parent, child, grandchild):
            assert each.when_terminated().get(timeout=PATIENCE) == Stopped()


# --- async with ---------------------------------------------------------------------------------


def test_async_with_under_asyncio(agent: Any, diary: Diary) -> None:
    async def main() -> None:
        async with pykka.ActorSystem() as system:
            class_ = noting(agent, diary)
            refs = [system.start(class_.options(name=name)) for name in "abc"]
            assert await refs[0].ask("hello", block=False) == "hello"
        assert not any(ref.is_alive() for ref in refs)

    asyncio.run(main())
    assert diary.rest() == ["c", "b", "a"]


def test_a_cancellation_of_an_async_block_goes_on_when_all_have_ended(
    agent: Any, diary: Diary
) -> None:
    async def main() -> None:
        class_ = noting(agent, diary)
        with pytest.raises(TimeoutError):  # noqa: PT012
            async with asyncio.timeout(0.01), pykka.ActorSystem() as system:
                for name in "abc":
                    system.start(class_.options(name=name))
                await asyncio.get_running_loop().create_future()
        assert system.everybody() == []

    asyncio.run(main())
    assert sorted(diary.rest()) == ["a", "b", "c"]


def test_a_cancellation_while_an_async_block_ends_makes_it_hurry(agent: Any, diary: Diary) -> None:
    go_on = threading.Event()

    class Held(pykka.ThreadingActor):
        def on_receive(self, _message: object) -> None:
            assert go_on.wait(PATIENCE)

    async def main() -> None:
        system = pykka.ActorSystem()

        async def body() -> None:
            async with system:
                system.start(noting(agent, diary).options(name="first"))
                system.start(Held).tell("hold")

        task = asyncio.create_task(body())
        while len(system.get_all()) < 2 or not system.everybody()[1].termination_waiters:  # noqa: ASYNC110
            await asyncio.sleep(0)
        first = system.get_all()[0]
        task.cancel()
        while first.is_alive():  # noqa: ASYNC110 - asked to stop at once
            await asyncio.sleep(0)
        assert not task.done()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert system.everybody() == []

    asyncio.run(main())
    assert diary.rest() == ["first"]


@pytest.mark.parametrize("is_late", [False, True])
@pytest.mark.parametrize(("swallows", "fate"), [(False, Killed), (True, Abandoned)])
def test_an_async_block_names_who_would_not_stop(
    swallows: bool, fate: type[pykka.Reason], is_late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_late:
        # All of the time is over when the first is killed, as on a machine with too much to do.
        # What is cancelled has its turn of the loop all the same.
        monkeypatch.setattr(shutdown, "SHARE", 0)
        monkeypatch.setattr(shutdown, "TIME_TO_DIE", 0)
        # And the clock is so quick that it rings before the loop has a turn.
        schedule = shutdown.Shutdown._schedule

        def ring_at_once_if_it_is_due(self: shutdown.Shutdown) -> None:
            if self._is_over():
                self.ring()
            else:
                schedule(self)

        monkeypatch.setattr(shutdown.Shutdown, "_schedule", ring_at_once_if_it_is_due)

    is_over = False  # or the loop could not be closed if this fails

    class Hangs(pykka.AsyncioActor):
        cancelled = 0

        async def on_receive(self, message: Any) -> None:
            message.set_result(None)
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                Hangs.cancelled += 1
                if swallows and not is_over:
                    await asyncio.get_running_loop().create_future()
                raise

    async def main() -> None:
        nonlocal is_over
        with pytest.raises(pykka.Timeout, match=fate.__name__.lower()):  # noqa: PT012
            async with pykka.ActorSystem(shutdown_timeout=0.01) as system:
                ref = system.start(Hangs)
                entered = asyncio.get_running_loop().create_future()
                ref.tell(entered)
                await entered
        is_over = True
        assert isinstance(await ref.when_terminated(), fate)
        assert Hangs.cancelled == 1

    asyncio.run(main())


def test_async_with_under_trio(agent: Any, diary: Diary) -> None:
    trio = pytest.importorskip("trio")
    class_ = noting(agent, diary)

    async def main() -> None:
        async with pykka.ActorSystem() as system:
            for name in "ab":
                system.start(class_.options(name=name))
        with trio.move_on_after(0.001):
            async with pykka.ActorSystem() as other:
                other.start(class_.options(name="cancelled"))
                await trio.sleep_forever()
        assert other.everybody() == []

    trio.run(main)
    assert diary.rest() == ["b", "a", "cancelled"]


# --- the clock ----------------------------------------------------------------------------------


def test_the_timers_of_a_system_go_by_its_clock(agent: Any) -> None:
    clock = ManualClock()
    got: queue.SimpleQueue[Any] = queue.SimpleQueue()
    with pykka.ActorSystem(clock=clock) as system:
        ref = system.start(agent)
        ref.tell_after(3600, lambda _agent: got.put("an hour later"))
        clock.advance(3600)
        assert got.get(timeout=PATIENCE) == "an hour later"


# --- interrupted --------------------------------------------------------------------------------


def test_one_that_was_entered_again_when_it_had_ended_is_forgotten(
    agent: Any, system: pykka.ActorSystem
) -> None:
    """A signal handler struck while it was to be forgotten, so that is done once more."""
    ref = system.start(agent.options(name="agent"))
    cell = ref._cell
    ref.stop(timeout=PATIENCE)
    wait_until(lambda: cell not in system._ending, "it is forgotten")
    for forget in (system.forget, system.unregister):
        system._refs[cell] = ref
        system._by_name["agent"] = cell
        forget(cell)
        assert system.get_all() == []
        assert system.everybody() == []
        assert system.get_by_name("agent") is None


def test_all_systems_are_found_although_others_are_made_meanwhile(
    monkeypatch: pytest.MonkeyPatch, system: pykka.ActorSystem
) -> None:
    class Changing(list[Any]):
        left = 3
        error: type[Exception] = RuntimeError

        def __iter__(self) -> Any:
            if self.left:
                self.left -= 1
                raise self.error
            return super().__iter__()

    systems = Changing([system])
    monkeypatch.setattr(_system, "_systems", systems)
    assert _system.all_systems() == [system]
    assert systems.left == 0
    systems.left, systems.error = 2, RecursionError
    with pytest.raises(RecursionError):
        _system.all_systems()
    assert systems.left == 1, "it would come again and again"
