"""What is said of an actor before it is started is for that actor, and it has one cell."""

from __future__ import annotations

import abc
import queue
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE

import pykka
from pykka._cell.spawn_options import SpawnOptions
from pykka._envelope import Envelope
from pykka._lifecycle import restart
from pykka._util.thread_state import current
from pykka.supervision import ChildSpec, Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Runtime

NAME = "outer"


class Outer(pykka.Actor):
    """Makes other actors before its own `__init__()` calls ours."""

    made: queue.SimpleQueue[Any]

    def __init__(self, how: str = "", depth: int = 1) -> None:
        others: list[Any] = []
        if depth:
            if "start" in how:
                others.append(type(self).start(how, depth - 1))
            if "make" in how:
                others.append(type(self)(how, depth - 1).actor_ref)
            if "subclass" in how:
                others.append(type("Sub", (type(self),), {}).start("", 0))
            if "by a method" in how:
                others += self.start_some()
        super().__init__()
        if depth and "after" in how:
            others.append(type(self).start(how, depth - 1))
        self.others = others
        self.inbox_at_first = self.actor_inbox
        if depth:
            self.made.put((self.actor_ref, others))

    def start_some(self) -> list[Any]:
        return [type(self).start("", 0) for _ in range(2)]

    def on_receive(self, message: Any) -> Any:
        if message == "fail":
            raise ValueError(message)
        return message


class MetaOfAProgram(type):
    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(*args, **kwargs)


def plain(runtime: Runtime) -> Any:
    return type("Mine", (Outer, runtime.actor_class), {"made": queue.SimpleQueue()})


def abstract(runtime: Runtime) -> Any:
    bases = (Outer, runtime.actor_class, abc.ABC)
    return abc.ABCMeta("Mine", bases, {"made": queue.SimpleQueue()})


def of_a_metaclass(runtime: Runtime) -> Any:
    return MetaOfAProgram("Mine", (Outer, runtime.actor_class), {"made": queue.SimpleQueue()})


def with_a_new_method(runtime: Runtime) -> Any:
    def new(cls: Any, *_args: Any, **_kwargs: Any) -> Any:
        return object.__new__(cls)

    return type(
        "Mine", (Outer, runtime.actor_class), {"made": queue.SimpleQueue(), "__new__": new}
    )


HOW = ["start", "make", "subclass", "by a method", "after", "make, start, subclass, after"]
CLASSES = [plain, abstract, of_a_metaclass, with_a_new_method]


@pytest.fixture(params=CLASSES, ids=lambda make: make.__name__)
def outer(request: pytest.FixtureRequest, runtime: Runtime) -> Any:
    return request.param(runtime)


class Parent(pykka.ThreadingActor):
    def start_it(self, actor_class: Any, *args: Any) -> Any:
        return self.start_child(actor_class, *args)


def parent_of(ref: Any) -> Any:
    extension = ref._cell.extension
    return None if extension is None else extension.parent


def require_nothing_of(others: list[Any]) -> None:
    """What was said of another actor is not true of these."""
    for other in others:
        assert other.name is None
        assert parent_of(other) is None
        assert other._cell.extension is None or other._cell.extension.supervision is None
        other.stop(block=False)


@pytest.mark.thinned(2)
@pytest.mark.parametrize("how", HOW)
def test_the_name_and_the_inbox_are_those_of_the_actor_that_is_started(
    outer: Any, how: str
) -> None:
    inbox = pykka.inboxes.Bounded(7)
    ref = outer.options(name=NAME, inbox=inbox).start(how)

    made, others = outer.made.get(timeout=PATIENCE)
    assert made == ref
    assert ref.name == NAME
    assert pykka.ActorRegistry.get_by_name(NAME) == ref
    assert ref._cell.policy.statistics().capacity == 7
    require_nothing_of(others)
    assert current.state.spawn_options is None


@pytest.mark.thinned(2)
@pytest.mark.parametrize("how", HOW)
def test_a_system_gets_the_actor_that_it_starts(outer: Any, how: str) -> None:
    with pykka.ActorSystem("mine") as system:
        ref = system.start(outer, how)
        _made, others = outer.made.get(timeout=PATIENCE)
        assert ref.system is system
        assert all(other.system is not system for other in others)
        require_nothing_of(others)


@pytest.mark.thinned(2)
@pytest.mark.parametrize("how", HOW)
def test_a_parent_gets_the_child_that_it_starts(outer: Any, how: str) -> None:
    parent = Parent.start()
    ref = parent.proxy().start_it(outer.options(name=NAME), how).get(timeout=PATIENCE)
    _made, others = outer.made.get(timeout=PATIENCE)

    assert parent_of(ref) is parent._cell
    assert ref.name == NAME
    require_nothing_of(others)
    assert parent.stop(timeout=PATIENCE)
    assert not ref.is_alive()


def by_class(outer: Any, how: str) -> ChildSpec:
    return ChildSpec("child", outer, [how])


def by_options(outer: Any, how: str) -> ChildSpec:
    return ChildSpec("child", outer.options(name=NAME), [how])


def by_function(outer: Any, how: str) -> ChildSpec:
    return ChildSpec("child", lambda: outer(how))


@pytest.mark.thinned(2)
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("spec", [by_class, by_options, by_function])
def test_a_supervisor_gets_its_child_also_after_a_restart(
    outer: Any, spec: Callable[[Any, str], ChildSpec], how: str
) -> None:
    boss = Supervisor.start([spec(outer, how)])
    ref, others = outer.made.get(timeout=PATIENCE)
    assert parent_of(ref) is boss._cell
    assert ref.name == (NAME if spec is by_options else None)
    require_nothing_of(others)

    ref.tell("fail")
    again, others = outer.made.get(timeout=PATIENCE)
    assert again == ref
    assert ref.ask("up again", timeout=PATIENCE) == "up again"
    assert all(other != ref for other in others)
    require_nothing_of(others)
    assert boss.stop(timeout=PATIENCE)


def test_a_scope_gets_the_actor_that_it_starts(runtime: Runtime) -> None:
    import asyncio  # noqa: PLC0415

    outer = plain(runtime)

    async def main() -> None:
        async with pykka.ActorScope() as scope:
            ref = scope.start(outer.options(name=NAME), "start, make")
            _made, others = outer.made.get(timeout=PATIENCE)
            assert ref.name == NAME
            require_nothing_of(others)

    asyncio.run(main())


def test_a_thread_that_is_lent_in_the_middle_of_a_constructor_does_not_forget(
    runtime: Runtime,
) -> None:
    class Wonder(pykka.PooledActor):
        def on_receive(self, message: Any) -> Any:
            return runtime.actor_class.options(name="other").start()

    helper = Wonder.start()

    class Asks(pykka.Actor):
        def __init__(self) -> None:
            self.other = helper.ask("start one")
            super().__init__()

    ref = runtime.run(Asks).options(name=NAME).start()
    assert ref.name == NAME
    assert pykka.ActorRegistry.get_by_name("other") is not None


class FailsToMake:
    """Who supervises, as far as a restart needs it, and makes nothing."""

    restarts = True
    actor_class = pykka.PooledActor

    def make(self) -> Any:
        raise ValueError("nothing to make it of")

    def went_down(self, cell: Any, reason: object) -> None:
        pass

    def ended(self, cell: Any, reason: object) -> None:
        pass


@pytest.mark.usefixtures("log")
def test_a_restart_on_a_thread_that_is_lent_puts_back_what_lay_there() -> None:
    """The thread may be in the middle of the constructor of another actor."""
    mine = SpawnOptions(Outer, name=NAME)
    cell = pykka.PooledActor().actor_ref._cell
    extension: Any = cell.need_extension()
    extension.supervision = FailsToMake()
    extension.down = True
    state = current.state
    state.spawn_options = mine
    try:
        restart._on_restart(cell, Envelope(None))
        assert state.spawn_options is mine
    finally:
        state.spawn_options = None
        cell.close()


def test_a_start_of_a_program_s_own_may_start_another_class(runtime: Runtime) -> None:
    class Plain(pykka.Actor):
        @classmethod
        def start(cls, *args: Any, **kwargs: Any) -> Any:
            other.append(helper.start())
            return super().start(*args, **kwargs)

    other: list[Any] = []
    helper = runtime.actor_class
    ref = runtime.run(Plain).options(name=NAME).start()
    assert ref.name == NAME
    require_nothing_of(other)


# --- one cell --------------------------------------------------------------------------------


class Recorded(pykka.Actor):
    def __init__(self, how_often: int = 2) -> None:
        self.refs: list[Any] = []
        for _ in range(how_often):
            pykka.Actor.__init__(self)
            self.refs.append(self.actor_ref)

    def again(self) -> Any:
        self.__init__()  # type: ignore[misc]
        return self.actor_ref

    def on_receive(self, message: Any) -> Any:
        if message == "fail":
            raise ValueError(message)
        return message


def diamond(runtime: Runtime) -> Any:
    class Left(runtime.actor_class):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            runtime.actor_class.__init__(self)
            self.left = self.actor_ref

    class Right(runtime.actor_class):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            runtime.actor_class.__init__(self)
            self.right = self.actor_ref

    class Both(Left, Right):
        def __init__(self) -> None:
            Left.__init__(self)
            Right.__init__(self)
            self.refs = [self.left, self.right]

        on_receive = Recorded.on_receive

    return Both


def repeated(runtime: Runtime) -> Any:
    return runtime.run(Recorded)


@pytest.mark.parametrize("make", [diamond, repeated])
def test_to_call_our_constructor_twice_changes_nothing(runtime: Runtime, make: Any) -> None:
    actor_class = make(runtime)
    system = pykka.ActorSystem("mine")
    inbox = pykka.inboxes.Bounded(7)
    parent = Parent.options(system=system).start()
    options = actor_class.options(name=NAME, inbox=inbox)
    ref = parent.proxy().start_it(options).get(timeout=PATIENCE)

    assert ref.proxy().refs.get(timeout=PATIENCE) == [ref, ref]
    assert ref.name == NAME
    assert ref.system is system
    assert ref._cell.policy.statistics().capacity == 7
    assert parent_of(ref) is parent._cell
    assert parent.stop(timeout=PATIENCE)
    assert not ref.is_alive()
    system.shutdown()


@pytest.mark.parametrize("make", [diamond, repeated])
def test_a_supervised_actor_that_calls_it_twice_starts_and_restarts(
    runtime: Runtime, make: Any
) -> None:
    boss = Supervisor.start([ChildSpec("child", make(runtime).options(name=NAME))])
    assert boss.proxy().count_children().get(timeout=PATIENCE).active == 1
    child = pykka.ActorRegistry.get_by_name(NAME)
    assert child is not None
    assert parent_of(child) is boss._cell

    child.tell("fail")
    assert child.ask("up again", timeout=PATIENCE) == "up again"
    assert child.proxy().refs.get(timeout=PATIENCE) == [child, child]
    assert boss.stop(timeout=PATIENCE)


def test_a_running_actor_may_call_its_constructor_to_begin_anew(runtime: Runtime) -> None:
    ref = runtime.run(Recorded).options(name=NAME).start()
    assert ref.proxy().again().get(timeout=PATIENCE) == ref
    assert ref.ask("still here", timeout=PATIENCE) == "still here"


def single(runtime: Runtime) -> Any:
    class Single(runtime.actor_class):  # type: ignore[name-defined, misc]
        the_one: Any = None

        def __new__(cls) -> Any:
            if Single.the_one is None:
                Single.the_one = super().__new__(cls)
            return Single.the_one

        def on_receive(self, message: Any) -> Any:
            return message

    return Single


def test_an_object_that_lives_is_not_started_again(runtime: Runtime) -> None:
    actor_class = single(runtime)
    ref = actor_class.start()

    for again in (actor_class, actor_class.options(name=NAME)):
        with pytest.raises(
            RuntimeError, match=r"Single.* which was started before and still lives"
        ):
            again.start()
    assert ref.ask("still here", timeout=PATIENCE) == "still here"
    assert ref.name is None
    assert ref.stop(timeout=PATIENCE)


@pytest.mark.parametrize("what", ["another actor first", "the new instance"])
def test_a_maker_that_starts_an_actor_on_a_restart_is_told_what_is_wrong(
    what: str, runtime: Runtime
) -> None:
    class Child(runtime.actor_class):  # type: ignore[name-defined, misc]
        def on_receive(self, message: Any) -> Any:
            raise message

    class Assistant(runtime.actor_class):  # type: ignore[name-defined, misc]
        pass

    instances: list[Any] = []

    def make() -> Any:
        if instances:
            (Child if what == "the new instance" else Assistant).start()
        instances.append(Child())
        return instances[-1]

    office = Supervisor.start([ChildSpec("child", make)], max_restarts=1)
    office.proxy().get_child("child").get(timeout=PATIENCE).tell(ValueError("on purpose"))
    reason: Any = office.when_terminated().get(timeout=PATIENCE)
    text = str(reason.exception.__cause__)
    name = "Child" if what == "the new instance" else "Assistant"
    assert text.startswith(f"{name}.start() was called by what makes the new instance of Child")
    assert "make the instance first, before any other actor" in text
    assert pykka.ActorRegistry.get_all() == []


def test_an_object_that_has_ended_may_be_started_again(runtime: Runtime) -> None:
    actor_class = single(runtime)
    first = actor_class.start()
    first.stop(timeout=PATIENCE)

    second = actor_class.options(name=NAME).start()
    assert second != first
    assert second.name == NAME
    assert second.ask("alive", timeout=PATIENCE) == "alive"
    second.stop(timeout=PATIENCE)
    third = actor_class.start()
    assert third.name is None
    assert third.ask("alive", timeout=PATIENCE) == "alive"
