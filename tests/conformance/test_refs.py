"""Refs, and the parts of an actor class that a program may replace."""

from __future__ import annotations

import queue
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import needs
from tests.leaks import PATIENCE

import pykka

if TYPE_CHECKING:
    from tests.conformance.agents import Diary, Gate
    from tests.conftest import Runtime

    from pykka._envelope import Envelope


# --- what a ref is ------------------------------------------------------------------------------


def test_a_ref_has_what_its_actor_has(agent: Any) -> None:
    ref = agent.start()
    actor = ref.ask(lambda agent: agent)

    assert ref.actor_class is agent
    assert ref.actor_urn == actor.actor_urn
    assert ref.actor_inbox is actor.actor_inbox
    assert ref.actor_stopped is actor.actor_stopped


def test_strings(agent: Any) -> None:
    ref = agent.start()
    text = f"Agent ({ref.actor_urn})"

    assert str(ref) == text
    assert repr(ref) == f"<ActorRef for {text}>"
    assert ref.ask(str) == text


def test_strings_of_a_dead_actor_stay_the_same(agent: Any) -> None:
    ref = agent.start()
    before = (str(ref), repr(ref), ref.actor_urn)

    ref.stop()

    assert (str(ref), repr(ref), ref.actor_urn) == before


def test_a_ref_equals_itself_and_no_other(agent: Any) -> None:
    ref = agent.start()
    same = pykka.ActorRegistry.get_by_urn(ref.actor_urn)

    assert ref == same
    assert hash(ref) == hash(same)
    assert {ref: "found"}[same] == "found"
    assert ref != agent.start()
    assert ref != ref.actor_urn
    assert ref


def test_two_refs_of_one_actor_are_equal(agent: Any) -> None:
    ref = agent.start()
    other = ref.ask(pykka.ActorRef)

    assert ref == other
    assert hash(ref) == hash(other)
    assert other.ask("message") == "message"


def test_is_alive_until_stopped(agent: Any, gate: Gate) -> None:
    ref = agent.start()

    assert ref.is_alive()
    ref.tell(gate)
    stopped = ref.stop(block=False)
    gate.wait_until_entered()
    assert ref.is_alive()
    gate.open()
    stopped.get(timeout=PATIENCE)
    assert not ref.is_alive()


@needs("blocking handlers")
def test_a_ref_may_be_passed_around(agent: Any) -> None:
    one, other = agent.start(), agent.start()

    assert one.ask(lambda _agent: other.ask("passed on")) == "passed on"
    assert one.ask(other) is other


def test_refs_can_be_weakly_referenced_and_subclassed(agent: Any) -> None:
    class NamedRef(pykka.ActorRef[Any]):
        name = "mine"

    ref = agent.start()
    mine = ref.ask(NamedRef)

    assert weakref.ref(ref)() is ref
    assert mine == ref
    assert mine.name == "mine"
    assert mine.ask("message") == "message"


# --- an actor class without a runtime, mixed with one -------------------------------------------


@pytest.mark.parametrize("runtime_first", [True, False])
def test_a_class_without_a_runtime_can_be_mixed_with_one(
    runtime: Runtime, runtime_first: bool
) -> None:
    class Logic(pykka.Actor):
        def on_receive(self, message: object) -> object:
            return ("logic", message)

        def method(self) -> str:
            return "method"

    bases = (Logic, runtime.actor_class)
    impl = type("Impl", bases[::-1] if runtime_first else bases, {})

    ref = impl.start()  # type: ignore[attr-defined]
    assert ref.ask("message") == ("logic", "message")
    assert ref.proxy().method().get() == "method"
    assert pykka.ActorRegistry.get_by_class(Logic) == [ref]


def test_a_mixin_with_an_init_goes_before_the_actor_class(runtime: Runtime) -> None:
    class Mixin:
        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, **kwargs)
            self.mixed_in = (args, kwargs)

    class Some(Mixin, runtime.actor_class):  # type: ignore[name-defined, misc]
        pass

    assert Some.start(1, two=2).proxy().mixed_in.get() == ((1,), {"two": 2})


# --- parts that a class may replace -------------------------------------------------------------


class PickyInbox:
    """As little of an inbox as an actor needs."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Any] = queue.Queue()
        self.puts: list[object] = []

    def put(self, envelope: Any) -> None:
        self.puts.append(envelope.message)
        self._queue.put(envelope)

    def get(self) -> Any:
        return self._queue.get()

    def empty(self) -> bool:
        return self._queue.empty()


@pytest.fixture
def picky(agent: Any) -> Any:
    class Picky(agent):  # type: ignore[misc]
        @staticmethod
        def _create_actor_inbox() -> Any:
            return PickyInbox()

    return Picky


def test_an_inbox_of_the_classs_own(picky: Any, diary: Diary) -> None:
    ref = picky.start(diary)

    assert type(ref.actor_inbox) is PickyInbox
    assert ref.ask("one") == "one"
    ref.tell("two")
    assert ref.proxy().run(lambda _agent: "three").get() == "three"
    assert ref.stop() is True
    assert ref.actor_inbox.puts[:2] == ["one", "two"]
    assert len(ref.actor_inbox.puts) == 4
    assert diary.rest() == ["on_start", "on_stop"]


def test_what_is_left_in_an_inbox_of_the_classs_own_is_answered(picky: Any, gate: Gate) -> None:
    ref = picky.start()
    ref.tell(gate)
    ref.stop(block=False)
    late = [ref.ask(number, block=False) for number in range(3)]
    gate.open()

    for future in late:
        with pytest.raises(pykka.ActorDeadError, match="stopped before handling"):
            future.get(timeout=PATIENCE)


def test_a_priority_queue_as_inbox(agent: Any, gate: Gate, diary: Diary) -> None:
    class PriorityInbox(queue.PriorityQueue[Any]):
        def put(self, envelope: Envelope[Any], *args: Any, **kwargs: Any) -> None:
            urgent = isinstance(envelope.message, str)
            super().put((not urgent, id(envelope), envelope), *args, **kwargs)

        def get(self, *args: Any, **kwargs: Any) -> Any:
            return super().get(*args, **kwargs)[-1]

    class Patient(agent):  # type: ignore[misc]
        @staticmethod
        def _create_actor_inbox() -> Any:
            return PriorityInbox()

        def on_receive(self, message: Any) -> Any:
            self.diary.note(message if isinstance(message, str) else "not urgent")
            return super().on_receive(message)

    ref = Patient.start(diary)
    ref.tell(gate)
    gate.wait_until_entered()
    ref.tell(lambda _agent: None)
    ref.tell("urgent")
    gate.open()

    assert diary.read(4) == ["on_start", "not urgent", "urgent", "not urgent"]


def test_a_bounded_inbox_makes_tell_wait(
    agent: Any, gate: Gate, diary: Diary, in_thread: Any
) -> None:
    waiting = threading.Event()

    class Small(queue.Queue[Any]):
        def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
            if self.full():
                waiting.set()
            super().put(item, block, timeout)

    class Bounded(agent):  # type: ignore[misc]
        @staticmethod
        def _create_actor_inbox() -> Any:
            return Small(maxsize=1)

    ref = Bounded.start(diary)
    ref.tell(gate)
    gate.wait_until_entered()
    ref.tell(lambda agent: agent.diary.note("in the inbox"))

    def send() -> None:
        ref.tell(lambda agent: agent.diary.note("had to wait"))

    sender = in_thread(send)
    assert waiting.wait(PATIENCE)
    assert sender.is_alive()
    gate.open()

    assert diary.read(3) == ["on_start", "in the inbox", "had to wait"]
    sender.join(PATIENCE)
    assert not sender.is_alive()


def test_futures_of_the_classs_own(agent: Any, runtime: Runtime) -> None:
    class MyFuture(runtime.future_class):  # type: ignore[name-defined, misc]
        pass

    class Some(agent):  # type: ignore[misc]
        attribute = "value"

        @staticmethod
        def _create_future() -> Any:
            return MyFuture()

    ref = Some.start()
    proxy = ref.proxy()
    futures = [
        ref.ask("answer", block=False),
        proxy.run(lambda _agent: "answer"),
        proxy.attribute,
    ]

    assert [type(future) for future in futures] == [MyFuture] * 3
    assert [future.get(timeout=PATIENCE) for future in futures] == ["answer", "answer", "value"]
    assert ref.ask("answer") == "answer"
    assert type(futures[0].map(str)) is MyFuture
    assert ref.stop() is True
    assert type(ref.ask("late", block=False)) is MyFuture


def test_start_actor_loop_is_called_once_by_start(runtime: Runtime) -> None:
    calls: list[tuple[object, bool]] = []

    class Some(runtime.actor_class):  # type: ignore[name-defined, misc]
        def _start_actor_loop(self) -> None:
            calls.append((self, self.actor_ref in pykka.ActorRegistry.get_all()))
            super()._start_actor_loop()

    ref = Some.start()

    assert calls == [(ref.proxy()._actor, True)]


def test_an_actor_whose_loop_cannot_be_started_is_not_left_behind(runtime: Runtime) -> None:
    made: list[Any] = []

    class Some(runtime.actor_class):  # type: ignore[name-defined, misc]
        def _start_actor_loop(self) -> None:
            made.append(self.actor_ref)
            raise RuntimeError("no more threads")

    with pytest.raises(RuntimeError, match="no more threads"):
        Some.start()

    [ref] = made
    assert ref not in pykka.ActorRegistry.get_all()
    assert not ref.is_alive()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="would cost each ask something on 3.11")
def test_who_takes_a_ref_for_a_proxy_is_told_so(runtime: Runtime) -> None:
    class Base(runtime.actor_class):  # type: ignore[name-defined, misc]
        def greet(self) -> str:
            return "hello"

    class Clerk(Base):
        tea = "green"

        def _private(self) -> None:
            pass

    ref: Any = Clerk.start()
    for name in ("greet", "tea"):
        with pytest.raises(AttributeError) as info:
            getattr(ref, name)
        assert str(info.value) == (
            f"'{type(ref).__name__}' object has no attribute {name!r}, but its actor has: "
            f"use the ref's proxy(), as in ref.proxy().{name}"
        )
        assert not hasattr(ref, name)
    for name in ("coffee", "_private", "__nothing__"):
        with pytest.raises(AttributeError) as info:
            getattr(ref, name)
        assert str(info.value) == f"'{type(ref).__name__}' object has no attribute {name!r}"
    empty: Any = object.__new__(type(ref))
    for name in ("_cell", "greet", "actor_class"):
        assert not hasattr(empty, name)
