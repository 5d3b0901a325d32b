"""Children: actors that end with the one that started them, before it."""

from __future__ import annotations

import asyncio
import gc
import queue
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import Gate, failing, needs
from tests.leaks import PATIENCE, wait_until
from tests.tiers import unless_simulated

import pykka
from pykka._cell.reasons import Abandoned, Failed, Killed, Stopped
from pykka._deadlock.wait_graph import follow
from pykka.timers import ManualClock

if TYPE_CHECKING:
    from tests.conformance.agents import Diary
    from tests.conftest import Log, Runtime


pytestmark = pytest.mark.usefixtures("witness")


@pytest.fixture
def family(runtime: Runtime, diary: Diary) -> Any:
    """A class of actors that note their name when they end."""

    class Relative(runtime.actor_class):  # type: ignore[name-defined, misc]
        def __init__(self, name: str = "parent") -> None:
            super().__init__()
            self.name = name

        def on_receive(self, message: Any) -> Any:
            return message(self) if callable(message) else message

        def have(self, *names: str) -> list[pykka.ActorRef[Any]]:
            return [self.start_child(type(self), name) for name in names]

        def on_stop(self) -> None:
            diary.note(self.name)

        def on_failure(self, *_args: object) -> None:
            diary.note(f"{self.name} failed")

    return Relative


def have(*names: str) -> Any:
    return lambda parent: parent.have(*names)


@pytest.mark.parametrize("end", ["stop", "kill", "crash"])
def test_children_end_first_and_in_reverse_order(family: Any, diary: Diary, end: str) -> None:
    parent = family.start()
    a, _b, c = parent.ask(have("a", "b", "c"))
    a.ask(have("a1", "a2"))
    c.ask(have("c1"))
    if end == "crash":
        parent.tell(failing(ValueError("no")))
    else:
        getattr(parent, end)()
    last = "parent failed" if end == "crash" else "parent"
    assert diary.read(7) == ["c1", "c", "b", "a2", "a1", "a", last]
    reason = parent.when_terminated().get(timeout=PATIENCE)
    assert isinstance(reason, {"stop": Stopped, "kill": Killed, "crash": Failed}[end])
    assert a.when_terminated().get(timeout=0) == Stopped()
    assert pykka.ActorRegistry.get_all() == []


def test_a_parent_knows_its_children_as_long_as_they_live(family: Any) -> None:
    parent = family.start()
    assert parent.ask(lambda me: me.children()) == []
    children = parent.ask(have("a", "b", "c"))
    assert parent.ask(lambda me: me.children()) == children
    children[1].stop()
    assert parent.ask(lambda me: me.children()) == [children[0], children[2]]


def test_a_child_that_fails_does_not_harm_its_parent(family: Any, diary: Diary) -> None:
    parent = family.start()
    a, b = parent.ask(have("a", "b"))
    a.tell(failing(ValueError("no")))
    assert diary.read(1) == ["a failed"]
    a.when_terminated().get(timeout=PATIENCE)
    assert parent.ask(lambda me: me.children()) == [b]
    parent.stop()
    assert diary.read(2) == ["b", "parent"]


def test_who_is_told_that_a_child_has_ended_finds_it_at_its_parent_no_more(
    family: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its thread has marked it as ended, and has not come to what follows."""
    has_ended, go_on = threading.Event(), threading.Event()
    me = threading.get_ident()

    def let_children_go(system: pykka.ActorSystem, cell: Any) -> None:
        if cell is child._cell and threading.get_ident() != me:
            has_ended.set()
            assert go_on.wait(PATIENCE)
        really_let_go(system, cell)

    parent = family.start()
    (child,) = parent.ask(have("child"))
    really_let_go = pykka.ActorSystem.let_children_go
    monkeypatch.setattr(pykka.ActorSystem, "let_children_go", let_children_go)
    child.stop(block=False)
    assert has_ended.wait(PATIENCE)
    child.when_terminated().get(timeout=PATIENCE)
    left = list(parent._cell.extension.children)
    go_on.set()
    parent.stop()
    assert left == []


def test_children_handle_what_is_in_their_inboxes_first(family: Any, diary: Diary) -> None:
    parent = family.start()
    (child,) = parent.ask(have("child"))
    for number in range(10):
        child.tell(lambda _me, number=number: diary.note(number))
    parent.stop()
    assert diary.rest() == [*range(10), "child", "parent"]


def test_stop_all_leaves_children_to_their_parents(family: Any, diary: Diary) -> None:
    parent = family.start()
    parent.ask(have("a", "b"))
    family.start("other")
    assert pykka.ActorRegistry.stop_all() == [True, True]
    assert diary.rest() == ["other", "b", "a", "parent"]


def test_an_actor_that_ends_can_have_no_more_children(family: Any, diary: Diary) -> None:
    refused: queue.SimpleQueue[Any] = queue.SimpleQueue()

    class Late(family):  # type: ignore[misc]
        def on_stop(self) -> None:
            try:
                self.start_child(family, "late")
            except pykka.ActorDeadError as error:
                refused.put(str(error))

    Late.start().stop()
    assert "is ending, and can have no more children" in refused.get(timeout=PATIENCE)
    assert diary.rest() == []
    assert pykka.ActorRegistry.get_all() == []


def test_children_of_a_constructor_end_with_the_actor(family: Any, diary: Diary) -> None:
    class Early(family):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.start_child(family, "early")

    Early.start().stop()
    assert diary.rest() == ["early", "parent"]


def test_children_of_a_constructor_that_fails_end(family: Any, diary: Diary) -> None:
    class Broken(family):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.start_child(family, "a")
            self.start_child(family, "b")
            raise ValueError("broken")

    class Outer(family):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.start_child(family, "mine")
            with pytest.raises(ValueError, match="broken"):
                self.start_child(Broken)

    outer = Outer.start()
    assert sorted(diary.read(2)) == ["a", "b"]
    (mine,) = outer.ask(lambda me: me.children())
    assert mine.is_alive()
    wait_until(lambda: len(pykka.ActorRegistry.get_all()) == 2, "the others have ended")


def test_none_survives_that_is_started_while_the_parent_ends(family: Any) -> None:
    """By a thread of the parent's own."""
    for _ in range(unless_simulated(10, 2)):
        parent = family.start()
        actor = parent._actor
        started: list[pykka.ActorRef[Any]] = []

        def breed(actor: Any = actor, started: Any = started) -> None:
            try:
                for _ in range(unless_simulated(200, 10)):
                    started.append(actor.start_child(family, "child"))
            except pykka.ActorDeadError:
                pass

        thread = threading.Thread(target=breed)
        thread.start()
        wait_until(lambda started=started: started, "there is a child")
        parent.stop()
        thread.join(PATIENCE)
        for child in started:
            assert not child.is_alive()
        assert pykka.ActorRegistry.get_all() == []


# --- children that need their parents -----------------------------------------------------------


@needs("blocking handlers")
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_child_that_asks_its_parent_while_that_stops_it_gets_an_error(
    family: Any, gate: Gate, when: str
) -> None:
    """The question is in the parent's inbox already, or comes when that is marked stopped."""
    parent = family.start()
    (child,) = parent.ask(have("child"))
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def ask(_child: object) -> None:
        if when == "after":
            gate()
        try:
            answers.put(parent.ask("a question"))
        except pykka.ActorError as error:
            answers.put(error)

    if when == "before":
        parent.tell(gate)
        stopped = parent.stop(block=False)
        child.tell(ask)
        wait_until(lambda: parent._cell.count() >= 2, "the question is there")
    else:
        child.tell(ask)
        gate.wait_until_entered()
        stopped = parent.stop(block=False)
        wait_until(lambda: not parent.is_alive(), "the parent is marked stopped")
    gate.open()
    assert stopped.get(timeout=PATIENCE) is True
    assert isinstance(answers.get(timeout=PATIENCE), pykka.ActorError)
    assert child.when_terminated().get(timeout=0) == Stopped()


@needs("blocking handlers")
@pytest.mark.pykka(allow=["deadlocks"])
def test_children_that_ask_their_parent_all_the_time_do_not_hang_its_stop(family: Any) -> None:
    for _ in range(30):
        parent = family.start()
        children = parent.ask(have("a", "b", "c"))

        def ask(_child: object, parent: Any = parent) -> None:
            try:
                while True:
                    parent.ask("a question")
            except pykka.ActorError:
                pass

        for child in children:
            child.tell(ask)
        assert parent.stop(timeout=PATIENCE) is True
        assert [child.when_terminated().get(timeout=0) for child in children] == [Stopped()] * 3


@needs("blocking handlers")
def test_a_child_that_stops_its_parent_and_waits_gets_an_error(family: Any, log: Log) -> None:
    """Or else it is abandoned, if it waits already when the parent comes to stop it."""
    parent = family.start()
    (child,) = parent.ask(have("child"))
    asked = child.ask(lambda _me: parent.stop(), block=False)
    ended = parent.when_terminated().get(timeout=PATIENCE)
    assert ended == Stopped()
    try:
        asked.get(timeout=PATIENCE)
    except pykka.DeadlockError:
        assert child.when_terminated().get(timeout=PATIENCE) == Stopped()
    except pykka.ActorDeadError:
        assert isinstance(child.when_terminated().get(timeout=PATIENCE), Abandoned)
        assert log.find("ERROR", "does not wait for its child")


def test_a_parent_in_a_loop_whose_task_is_cancelled_meanwhile_waits_all_the_same() -> None:
    """What the children await is interrupted, too."""

    async def main() -> list[object]:
        notes: list[object] = []

        class Child(pykka.AsyncioActor):
            async def on_stop(self) -> None:
                notes.append("hanging")
                try:
                    await asyncio.get_running_loop().create_future()
                finally:
                    notes.append("cancelled")

        class Parent(pykka.AsyncioActor):
            async def on_start(self) -> None:
                self.start_child(pykka.AsyncioActor)
                self.start_child(Child)

            async def on_stop(self) -> None:
                notes.append(self.children())

        parent = Parent.start()
        await parent.ask("hello", block=False)
        stopped = parent.stop(block=False)
        while not notes:  # noqa: ASYNC110 - no event says so
            await asyncio.sleep(0)
        task: Any = parent._cell.task
        task.cancel()
        assert await stopped is True
        assert pykka.ActorRegistry.get_all() == []
        return notes

    assert asyncio.run(main()) == ["hanging", "cancelled", []]


def test_a_child_that_waits_already_when_its_parent_in_a_loop_comes_to_stop_it_is_abandoned(
    log: Log,
) -> None:
    class Parent(pykka.AsyncioActor):
        async def have(self, child_class: Any) -> pykka.ActorRef[Any]:
            return self.start_child(child_class)

        async def wait_for(self, future: pykka.Future[Any]) -> object:
            return await future

    class Child(pykka.ThreadingActor):
        def on_receive(self, message: Any) -> Any:
            return message()

    parent = Parent.start()
    child = parent.proxy().have(Child).get(timeout=PATIENCE)
    busy: pykka.ThreadingFuture[None] = pykka.ThreadingFuture()
    parent.proxy().wait_for(busy)
    asked = child.ask(parent.stop, block=False)
    wait_until(lambda: follow(child._cell) is not None, "the child waits for its parent")
    busy.set()
    assert parent.when_terminated().get(timeout=PATIENCE) == Stopped()
    assert isinstance(child.when_terminated().get(timeout=PATIENCE), Abandoned)
    assert len(log.find("ERROR", "does not wait for its child")) == 1
    with pytest.raises(pykka.ActorDeadError, match="was abandoned"):
        asked.get(timeout=PATIENCE)


def test_a_loop_that_is_closed_while_a_parent_waits_for_its_children(
    gate: Gate, recwarn: pytest.WarningsRecorder
) -> None:
    """The parent ends without waiting any longer, and its children end when they can."""

    class Child(pykka.ThreadingActor):
        def on_receive(self, message: Any) -> Any:
            return message()

    class Parent(pykka.AsyncioActor):
        def on_start(self) -> None:
            self.start_child(Child)

    loop = asyncio.new_event_loop()

    async def begin() -> Any:
        parent = Parent.start()
        (child,) = await parent.proxy().children()
        child.tell(gate)
        parent.stop(block=False)
        while parent._cell.waiting is None:  # noqa: ASYNC110 - no event says so
            await asyncio.sleep(0)
        return parent, child

    parent, child = loop.run_until_complete(begin())
    gate.wait_until_entered()
    loop.close()
    parent.when_terminated().get(timeout=PATIENCE)
    gc.collect()  # the coroutine of the parent is closed
    assert not child.when_terminated().done()
    gate.open()
    assert child.when_terminated().get(timeout=PATIENCE) == Stopped(), "it was asked to"
    assert not [each for each in recwarn if "unraisable" in str(each.message).lower()]


# --- children and systems -----------------------------------------------------------------------


def test_a_child_belongs_to_the_system_of_its_parent(family: Any) -> None:
    with pykka.ActorSystem() as system:
        parent = system.start(family)
        (child,) = parent.ask(have("child"))
        assert child.system is system
        named = parent.ask(lambda me: me.start_child(family.options(name="named"), "n"))
        assert system.get_by_name("named") == named
        refused = parent.ask(
            lambda me: me.start_child(family.options(system=pykka.ActorSystem())), block=False
        )
        with pytest.raises(ValueError, match="another system"):
            refused.get(timeout=PATIENCE)


def test_an_actor_that_is_started_with_start_is_no_child(family: Any) -> None:
    parent = family.start()
    other = parent.ask(lambda _me: family.start("other"))
    parent.stop()
    assert other.is_alive()


@needs("blocking handlers")
def test_a_child_that_hangs_holds_its_parent_up_until_that_is_abandoned(
    family: Any, gate: Gate, diary: Diary
) -> None:
    clock = ManualClock()
    with pykka.ActorSystem(clock=clock) as system:
        parent = system.start(family)
        a, b = parent.ask(have("a", "b"))
        b.tell(gate)
        gate.wait_until_entered()
        killed = parent.kill(abandon_after=1, block=False)
        wait_until(lambda: parent._cell.waiting is not None, "the parent waits")
        assert a.is_alive()
        clock.advance(1)
        assert killed.get(timeout=PATIENCE)
        assert isinstance(parent.when_terminated().get(timeout=0), Abandoned)
        assert a.when_terminated().get(timeout=PATIENCE) == Stopped()
        gate.open()
        assert b.when_terminated().get(timeout=PATIENCE) == Stopped()
    assert sorted(diary.rest()) == ["a", "b"]  # and not the parent


def test_a_pool_of_one_thread_can_stop_children(diary: Diary) -> None:
    class Relative(pykka.PooledActor):
        dispatcher = pykka.Dispatcher("one", max_threads=1)

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def on_receive(self, message: Any) -> Any:
            return message(self)

        def on_stop(self) -> None:
            diary.note(self.name)

    parent = Relative.start("parent")
    parent.ask(lambda me: [me.start_child(Relative, name) for name in "ab"])
    assert parent.stop(timeout=PATIENCE) is True
    assert diary.rest() == ["b", "a", "parent"]
