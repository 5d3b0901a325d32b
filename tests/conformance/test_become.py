"""Become: an actor swaps what handles its messages, and swaps it back."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE, wait_until

import pykka

if TYPE_CHECKING:
    from tests.conformance.agents import Diary
    from tests.conftest import Runtime


class Door(pykka.Actor):
    """Says by whom a message was handled; a word changes that."""

    def on_receive(self, message: str) -> str:
        if message == "lock":
            self.become(self.locked)
        return f"open: {message}"

    def locked(self, message: str) -> str:
        if message == "unlock":
            self.unbecome()
        elif message == "bolt":
            self.become(lambda message: f"bolted: {message}")
        return f"locked: {message}"

    def which(self) -> str:
        return "a method"


@pytest.fixture
def door(runtime: Runtime) -> pykka.ActorRef[Any]:
    return runtime.run(Door).start()


def test_another_function_handles_the_messages_and_then_the_method_again(
    door: pykka.ActorRef[Any],
) -> None:
    words = ["one", "lock", "two", "three", "unlock", "four"]
    assert [door.ask(word) for word in words] == [
        "open: one",
        "open: lock",
        "locked: two",
        "locked: three",
        "locked: unlock",
        "open: four",
    ]


def test_it_holds_from_the_next_message_on_also_for_those_that_wait(
    door: pykka.ActorRef[Any],
) -> None:
    futures = [door.ask(word, block=False) for word in ("lock", "one", "unlock", "two")]
    assert pykka.get_all(futures, timeout=PATIENCE) == [
        "open: lock",
        "locked: one",
        "locked: unlock",
        "open: two",
    ]


def test_behaviours_are_stacked(runtime: Runtime) -> None:
    class Stack(runtime.actor_class):  # type: ignore[name-defined, misc]
        def on_receive(self, message: Any) -> Any:
            return message(self)

    stack = Stack.start()

    def push(number: int) -> Any:
        def on_receive(message: Any) -> Any:
            return number if message == "who" else message(stack_of[0])

        return lambda actor: actor.become(on_receive)

    stack_of: list[Any] = [stack.ask(lambda actor: actor)]
    for number in range(3):
        stack.ask(push(number))
    seen = []
    for _ in range(3):
        seen.append(stack.ask("who"))
        stack.ask(lambda actor: actor.unbecome())
    assert seen == [2, 1, 0]
    with pytest.raises(RuntimeError, match=r"cannot unbecome\(\): there was no become\(\) before"):
        stack.ask(lambda actor: actor.unbecome())
    assert stack.is_alive()


def test_calls_through_a_proxy_are_not_affected(door: pykka.ActorRef[Any]) -> None:
    proxy = door.proxy()
    door.ask("lock")
    assert proxy.which().get(timeout=PATIENCE) == "a method"
    assert proxy.locked("unlock").get(timeout=PATIENCE) == "locked: unlock"
    assert door.ask("x") == "open: x"


def test_a_proxied_method_may_change_the_behaviour(door: pykka.ActorRef[Any]) -> None:
    proxy = door.proxy()
    proxy.become(str.upper).get(timeout=PATIENCE)
    assert door.ask("shout") == "SHOUT"
    proxy.unbecome().get(timeout=PATIENCE)
    assert door.ask("x") == "open: x"


def test_the_constructor_and_the_start_hook_may_choose_a_behaviour(runtime: Runtime) -> None:
    class Chooser(runtime.actor_class):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.become(lambda message: ("from the constructor", message))

        def on_start(self) -> None:
            assert self.on_receive(1) == ("from the constructor", 1)
            self.become(lambda message: ("from the hook", message))

    chooser = Chooser.start()
    assert chooser.ask(2) == ("from the hook", 2)


@pytest.mark.parametrize("wrong", [None, "a method", 1])
def test_what_cannot_be_called_is_refused(door: pykka.ActorRef[Any], wrong: object) -> None:
    with pytest.raises(TypeError, match=f"takes a function that handles messages, not {wrong!r}"):
        door.proxy().become(wrong).get(timeout=PATIENCE)
    assert door.ask("x") == "open: x"


def test_one_actor_does_not_change_another_of_its_class(
    door: pykka.ActorRef[Any], runtime: Runtime
) -> None:
    other = door.actor_class.start()
    door.ask("lock")
    assert (door.ask("x"), other.ask("x")) == ("locked: x", "open: x")


def test_a_ticks_message_goes_to_the_new_behaviour(
    system: pykka.ActorSystem, runtime: Runtime, clock: Any, diary: Diary
) -> None:
    ref = system.start(runtime.run(Door))
    ref.proxy().become(diary.note).get(timeout=PATIENCE)
    ref.tell_after(1, "tick")
    clock.advance(1)
    assert diary.read(1) == ["tick"]


@pytest.mark.parametrize("unbecome", [False, True])
def test_an_actor_that_became_something_is_freed_when_it_has_ended(
    door: pykka.ActorRef[Any], unbecome: bool
) -> None:
    """Its own method, as its own attribute, is a circle; nobody waits for the collector."""
    proxy = door.proxy()
    door.ask("lock")
    if unbecome:
        door.ask("unlock")
    gone = weakref.ref(proxy._actor)
    del proxy
    gc.disable()
    try:
        door.stop()
        wait_until(lambda: gone() is None, "the actor is freed")
    finally:
        gc.enable()
