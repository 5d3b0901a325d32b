"""Ten thousand actors in a line, each asking the next: they get their answer."""

from __future__ import annotations

from typing import Any

import pytest
from tests.leaks import PATIENCE, wait_until

import pykka

LENGTH = 10_000


class Link(pykka.PooledActor):
    """Asks the next one in the line."""

    def __init__(self, following: pykka.ActorRef[Link] | None) -> None:
        super().__init__()
        self.following = following

    def on_receive(self, message: int) -> int:
        return message if self.following is None else self.following.ask(message + 1)

    def call(self, message: int) -> Any:
        if self.following is None:
            return message
        return self.following.proxy().call(message + 1).get()


def line_of(link_class: type[Link], length: int) -> pykka.ActorRef[Link]:
    """The first of a line of actors."""
    ref: pykka.ActorRef[Link] | None = None
    for _ in range(length):
        ref = link_class.start(ref)
    assert ref is not None
    return ref


@pytest.mark.parametrize("way", ["ask", pytest.param("call", marks=pytest.mark.exhaustive)])
def test_a_line_of_10_000_that_ask_each_other(way: str) -> None:
    class Here(Link):
        dispatcher = pykka.Dispatcher("pykka-line")

    first = line_of(Here, LENGTH)
    if way == "ask":
        assert first.ask(0) == LENGTH - 1
    else:
        assert first.proxy().call(0).get() == LENGTH - 1
    # As many as fit lie on top of each other on one stack.
    assert Here.dispatcher.statistics().threads < LENGTH / 30
    assert Here.dispatcher.statistics().blocked == 0
    pykka.ActorRegistry.stop_all()  # without a timeout, this is quicker


@pytest.mark.parametrize("caller_runs", [False, True])
def test_a_line_that_needs_more_threads_than_there_may_be(*, caller_runs: bool) -> None:
    """The one who needs one too many gets the error, and his askers get it from him.

    His own question stays sent. So the next one handles it later, and asks its neighbour in turn.
    """

    class Here(Link):
        dispatcher = pykka.Dispatcher("pykka-line", max_threads=4, caller_runs=caller_runs)

    first = line_of(Here, 2_000)
    with pytest.raises(pykka.PoolExhaustedError, match="maximum of 4 threads"):
        first.ask(0, timeout=PATIENCE)
    assert first.is_alive()
    statistics = Here.dispatcher.statistics
    wait_until(Here.dispatcher._pool.is_quiet, "all is handled")
    assert line_of(Here, 3).ask(0, timeout=PATIENCE) == 2
    assert statistics().threads <= 4
    pykka.ActorRegistry.stop_all()


def test_many_lines_at_once_share_the_threads() -> None:
    class Here(Link):
        dispatcher = pykka.Dispatcher("pykka-lines")

    firsts = [line_of(Here, 300) for _ in range(10)]
    answers = [first.ask(0, block=False) for first in firsts]
    assert pykka.get_all(answers, timeout=PATIENCE) == [299] * 10
