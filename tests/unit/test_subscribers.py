"""Functions that are called in the order in which they came, and leave in any."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import pytest

from pykka._system.subscribers import Subscribers

if TYPE_CHECKING:
    from collections.abc import Callable


def nothing() -> None:
    """Is no subscriber, at first."""


def test_each_coming_counts_and_the_first_one_leaves_first() -> None:
    found: list[int] = []
    one, other = found.append, found.clear
    subscribers = Subscribers()
    assert not subscribers
    for each in (one, other, found.append):  # the last one is equal to the first
        subscribers.enter(each)
    assert list(subscribers.all()) == [one, other, one]
    assert subscribers.leave(one)
    assert list(subscribers.all()) == [other, one]
    assert not subscribers.leave(nothing)
    assert subscribers.leave(one)
    assert not subscribers.leave(one)
    assert subscribers.leave(other)
    assert not subscribers
    assert subscribers._by_function == {}


def test_functions_that_have_no_hash_are_compared() -> None:
    class Equal:
        __hash__ = None  # type: ignore[assignment]

        def __init__(self, number: int) -> None:
            self.number = number

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Equal) and other.number == self.number

        def __call__(self) -> None:
            pass

    subscribers = Subscribers()
    for number in (1, 2):
        subscribers.enter(Equal(number))
    assert not subscribers.leave(Equal(3))
    assert subscribers.leave(Equal(1))
    assert [each.number for each in subscribers.all()] == [2]  # type: ignore[attr-defined]


class Interrupted:
    """A function; something happens when its hash is asked for the n-th time."""

    def __init__(self) -> None:
        self.left = 0
        self.event: Callable[[], object] = nothing

    def __call__(self) -> None:
        pass

    def __hash__(self) -> int:
        self.left -= 1
        if self.left == 0:
            self.event()
        return 1


@pytest.mark.parametrize("number", range(1, 8))
@pytest.mark.parametrize("first", ["enter", "leave"])
def test_one_comes_while_one_leaves(first: str, number: int) -> None:
    """Both are the same function, and the one happens at some step of the other."""
    subscribers = Subscribers()
    function = Interrupted()
    subscribers.enter(function)
    does: dict[str, Any] = {"enter": subscribers.enter, "leave": subscribers.leave}
    second = "leave" if first == "enter" else "enter"
    function.event = lambda: does[second](function)
    function.left = number
    does[first](function)
    was_asked, function.left = function.left <= 0, 0
    if not was_asked:
        does[second](function)
    assert list(subscribers.all()) == [function]
    assert subscribers.leave(function)
    assert not subscribers.leave(function)
    assert not subscribers


def test_one_that_a_signal_handler_keeps_from_coming_has_not_come() -> None:
    def strike() -> None:
        raise KeyboardInterrupt

    for number in range(1, 4):
        subscribers = Subscribers()
        function = Interrupted()
        function.event, function.left = strike, number
        with pytest.raises(KeyboardInterrupt):
            subscribers.enter(function)
        assert not subscribers
        function.left = 0
        assert not subscribers.leave(function)


class Leaky(deque[int]):
    """Some numbers of subscribers, which others take away at the last moment."""

    def popleft(self) -> int:
        self.clear()
        return super().popleft()


def test_the_last_one_leaves_twice_at_the_same_time() -> None:
    subscribers = Subscribers()
    subscribers.enter(nothing)
    subscribers._by_function[nothing] = Leaky(subscribers._by_function[nothing])
    assert not subscribers.leave(nothing), "whoever was faster has taken it away"
    assert subscribers._by_function == {}


def test_the_last_one_leaves_while_it_is_moved() -> None:
    subscribers = Subscribers()
    subscribers.enter(nothing)
    subscribers._keep(nothing, Leaky([7]))
    assert subscribers.leave(nothing)
    assert not subscribers.leave(nothing), "what was gone was not moved"
    assert not subscribers
