"""G12: A thread or an event loop that waits for an answer gets it before others are served.

The switch interval is so long here that a thread gets the GIL only when the one that has it
sleeps. So whether an asker is woken in time does not depend on the machine: either the answering
thread gives way, or the asker waits for ever.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import Gate
from tests.leaks import PATIENCE

import pykka
from pykka._util.gil import HAS_GIL
from pykka._util.thread_state import current

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Runtime

pytestmark = pytest.mark.skipif(not HAS_GIL, reason="nobody waits for the GIL")

TIMES = 50


class Foreign:
    """What the actors are busy with, and have nothing to do with the asker."""

    def __init__(self) -> None:
        self.handled = 0
        self.is_over = False

    @contextmanager
    def without_switches(self) -> Iterator[None]:
        """Let a thread have the GIL for as long as it does not sleep, until the block ends.

        The test's own thread needs the GIL for reading and writing files, so everything is over
        when the block is left, also if it failed.
        """
        interval = sys.getswitchinterval()
        sys.setswitchinterval(4 * PATIENCE)
        try:
            yield
        finally:
            self.is_over = True
            sys.setswitchinterval(interval)


class Player(pykka.PooledActor):
    """Sends what it gets to the other, for ever."""

    other: pykka.ActorRef[Any]

    def __init__(self, foreign: Foreign) -> None:
        super().__init__()
        self.foreign = foreign

    def on_receive(self, message: Any) -> Any:
        if message == "how many":
            return self.foreign.handled
        if isinstance(message, pykka.ActorRef):
            self.other = message
        self.foreign.handled += 1
        if not self.foreign.is_over:
            self.other.tell("ball")
        return None


@pytest.fixture
def foreign() -> Iterator[Foreign]:
    """What goes on besides, until the test is over."""
    foreign = Foreign()
    yield foreign
    foreign.is_over = True
    pykka.ActorRegistry.stop_all()


def begin_to_play(foreign: Foreign) -> pykka.ActorRef[Player]:
    """Start six pairs of actors on one thread, and return an idle one of the same dispatcher."""
    dispatcher = pykka.Dispatcher("pykka-busy", max_threads=1)
    players = type("Player", (Player,), {"dispatcher": dispatcher})
    for _ in range(6):
        one, other = players.start(foreign), players.start(foreign)
        other.tell(one)
        one.tell(other)
    return players.start(foreign)


def test_a_thread_that_waits_with_a_timeout(foreign: Foreign) -> None:
    with foreign.without_switches():
        idle = begin_to_play(foreign)
        for _ in range(TIMES):
            answered = idle.ask("how many", timeout=PATIENCE)
            assert foreign.handled == answered


def test_a_thread_that_waits_for_a_future(foreign: Foreign) -> None:
    with foreign.without_switches():
        idle = begin_to_play(foreign)
        for _ in range(TIMES):
            answered = idle.ask("how many", block=False).get(timeout=PATIENCE)
            assert foreign.handled == answered


async def await_answers(foreign: Foreign) -> None:
    # What starts and ends a loop needs the GIL, too.
    with foreign.without_switches():
        idle = begin_to_play(foreign)
        for _ in range(TIMES):
            answered = await idle.ask("how many", block=False)
            assert foreign.handled == answered


def test_an_event_loop_that_awaits(foreign: Foreign) -> None:
    asyncio.run(await_answers(foreign))


def test_trio_that_awaits(foreign: Foreign) -> None:
    pytest.importorskip("trio").run(await_answers, foreign)


def test_one_who_asks_the_busy_actor_itself(runtime: Runtime, foreign: Foreign) -> None:
    """On every runtime."""

    class Busy(pykka.Actor):
        def on_receive(self, message: Any) -> Any:
            if message == "how many":
                return foreign.handled
            foreign.handled += 1
            if not foreign.is_over:
                self.actor_ref.tell("again")
            return None

    with foreign.without_switches():
        busy = runtime.run(Busy).start()
        busy.tell("begin")
        for _ in range(TIMES):
            answered = busy.ask("how many", timeout=PATIENCE)
            assert foreign.handled == answered


def test_a_thread_that_waits_for_a_future_that_a_handler_sets(foreign: Foreign) -> None:
    """The answer to a question may come later, from the handling of another message."""
    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()

    class Setter(pykka.PooledActor):
        dispatcher = pykka.Dispatcher("pykka-setter", max_threads=1)

        def on_receive(self, _message: Any) -> None:
            foreign.handled += 1
            if foreign.handled == 100:
                future.set(foreign.handled)
            if not foreign.is_over:
                self.actor_ref.tell("again")

    with foreign.without_switches():
        Setter.start().tell("begin")
        assert future.get(timeout=PATIENCE) == foreign.handled


def test_askers_who_wait_in_line_are_all_answered_before_the_actor_gives_way(
    runtime: Runtime, in_thread: Callable[[Callable[[], object]], threading.Thread]
) -> None:
    """To give way costs a switch of threads, so it is done once for all of them."""
    gate = Gate()
    answers: list[Any] = []

    class Clerk(pykka.Actor):
        def on_receive(self, message: Any) -> Any:
            if message == "wait":
                gate()
            return current.state.given

    clerk = runtime.run(Clerk).start()
    clerk.tell("wait")
    given = clerk.ask("how often", block=False)  # nobody waits for it
    asks = [clerk.ask("how often", block=False) for _ in range(4)]
    askers = [in_thread(lambda ask=ask: answers.append(ask.get(timeout=PATIENCE))) for ask in asks]
    while not all(ask._log for ask in asks):  # type: ignore[attr-defined]
        threading.Event().wait(0.001)
    last = clerk.ask("how often", block=False)
    gate.open()
    for asker in askers:
        asker.join(PATIENCE)
    before = given.get(timeout=PATIENCE)
    assert answers == [before] * 4
    assert last.get(timeout=PATIENCE) == before + 1
    clerk.stop()


def test_who_gives_way_waits_no_longer_than_a_switch_interval() -> None:
    """The asker may have gone: it gave up, or its process is being stopped."""
    from pykka._util.gil import arrivals, give_way  # noqa: PLC0415

    state = current.state
    state.owes = arrivals.latest
    give_way(state)  # nobody arrives
    assert state.owes is None
    assert arrivals.giving_way == []
