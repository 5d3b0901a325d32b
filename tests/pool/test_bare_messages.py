"""What lies in a pooled actor's inbox without an envelope is handled like anything else."""

from __future__ import annotations

import gc
import queue
import sys
from typing import Any

import pytest

import pykka
from pykka import messages
from pykka._envelope import CallEnvelope, Envelope
from pykka._futures.ask import Ask, CallAsk
from pykka.messages import ProxyCall


class Recorder(pykka.PooledActor):
    caller_runs = False
    stash_capacity = 10

    def __init__(self, seen: queue.SimpleQueue[Any]) -> None:
        super().__init__()
        self.seen = seen
        self.sets_aside = False

    def on_receive(self, message: Any) -> Any:
        if message == "set aside":
            self.sets_aside = True
        elif message == "go on":
            self.sets_aside = False
            self.unstash_all()
        elif self.sets_aside:
            self.stash()
        else:
            self.seen.put((message, self._pykka_cell.handling))
        return message


@pytest.fixture
def seen() -> queue.SimpleQueue[Any]:
    return queue.SimpleQueue()


@pytest.mark.parametrize("how_many", [1, 100], ids=["one", "many"])
def test_none_is_a_message(seen: queue.SimpleQueue[Any], how_many: int) -> None:
    ref = Recorder.start(seen)
    for number in range(how_many):
        ref.tell(None)
        ref.tell(number)
    for number in range(how_many):
        message, handling = seen.get(timeout=10)
        assert message is None
        assert handling is not None  # while it is handled, the actor is busy
        assert seen.get(timeout=10) == (number, number)
    assert ref.stop()  # an asker may have its answer before the actor has put its message away
    assert ref._cell.handling is None


def test_an_actor_that_its_caller_asks_for_none_is_busy_meanwhile() -> None:
    class Answerer(pykka.PooledActor):
        def on_receive(self, message: Any) -> Any:
            return message, self._pykka_cell.handling is not None

    assert Answerer.start().ask(None) == (None, True)


def test_none_is_set_aside_and_taken_up_again(seen: queue.SimpleQueue[Any]) -> None:
    ref = Recorder.start(seen)
    ref.tell("set aside")
    ref.tell(None)
    ref.tell("go on")
    assert seen.get(timeout=10)[0] is None


def test_none_that_is_left_behind_is_a_dead_letter(seen: queue.SimpleQueue[Any]) -> None:
    ref = Recorder.start(seen)
    left: queue.SimpleQueue[Any] = queue.SimpleQueue()
    note = left.put
    pykka.dead_letters.subscribe(note)
    try:
        ref.tell("set aside")
        ref.tell(None)
        ref.stop()
        assert left.get(timeout=10).message is None
    finally:
        pykka.dead_letters.unsubscribe(note)


def test_an_actor_that_fails_at_none_ends(seen: queue.SimpleQueue[Any]) -> None:
    class Fragile(pykka.PooledActor):
        def on_receive(self, message: Any) -> Any:
            raise ValueError(message)

    ref = Fragile.start()
    ref.tell(None)
    reason = ref.when_terminated().get(timeout=10)
    assert isinstance(reason, pykka.Failed)


@pytest.mark.parametrize("kind", [Ask, CallAsk, Envelope, CallEnvelope, ProxyCall])
def test_what_would_be_taken_for_something_else_lies_in_an_envelope(kind: type) -> None:
    assert kind in messages.ENVELOPED


def test_a_message_that_looks_like_a_letter_is_given_to_the_actor(
    seen: queue.SimpleQueue[Any],
) -> None:
    ref = Recorder.start(seen)
    future = ref.ask("first", block=False)
    for message in (Envelope("inside"), future):
        ref.tell(message)
    assert future.get(timeout=10) == "first"
    assert seen.get(timeout=10)[0] == "first"
    assert isinstance(seen.get(timeout=10)[0], Envelope)
    assert seen.get(timeout=10)[0] is future


def test_the_librarys_own_messages_and_their_subclasses_are_told_as_well() -> None:
    class Mine(ProxyCall):
        pass

    class Counter(pykka.PooledActor):
        count = 0

        def add(self, number: int) -> None:
            self.count += number

    ref = Counter.start()
    assert Mine in messages.ENVELOPED
    ref.tell(ProxyCall(("add",), (1,), {}))
    ref.tell(Mine(("add",), (2,), {}))
    assert ref.proxy().count.get(timeout=10) == 3


@pytest.mark.parametrize("where", ["class", "instance", "method"])
def test_a_start_hook_is_found_wherever_it_is(where: str) -> None:
    began: queue.SimpleQueue[str] = queue.SimpleQueue()

    class Base(pykka.PooledActor):
        def begin(self) -> None:
            began.put(where)

    class OfClass(Base):
        def on_start(self) -> None:
            self.begin()

    class OfInstance(Base):
        def __init__(self) -> None:
            super().__init__()
            self.on_start = (lambda: began.put(where)) if where == "instance" else self.begin

    (OfClass if where == "class" else OfInstance).start()
    assert began.get(timeout=10) == where


@pytest.mark.skipif(
    sys.implementation.name != "cpython" or sys.version_info >= (3, 13),
    reason="from 3.13 on, a dict shares the array with the object",
)
def test_to_start_an_actor_and_to_ask_it_makes_no_dict_of_its_attributes() -> None:
    class Counter(pykka.PooledActor):
        def __init__(self) -> None:
            super().__init__()
            self.count = 0

        def on_receive(self, message: Any) -> Any:
            self.count += 1
            return self.count

    ref = Counter.start()
    assert ref.ask("one") == 1
    ref.tell("two")
    assert ref.ask("three", timeout=10) == 3
    actor = ref._cell.actor
    assert actor is not None
    assert dict not in map(type, gc.get_referents(actor))
