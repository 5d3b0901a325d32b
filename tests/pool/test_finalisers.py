"""A finaliser may run between any two instructions of a worker, and send something."""

from __future__ import annotations

import queue
import sys
import threading
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE, wait_until
from tests.pool.tools import Agent, agents_of, no_lookout

import pykka
from pykka.runtimes.pool import worker as workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType


class Finaliser:
    """Runs a function on a worker, once, at one place on its way from an actor to its seat.

    Args:
        function: What to run.
        place: So many instructions are passed by before.
        is_impossible: Tells whether no finaliser runs right now.
    """

    def __init__(
        self, function: Callable[[], object], place: int, is_impossible: Callable[[], bool]
    ) -> None:
        self.function = function
        self.is_impossible = is_impossible
        self.place = place
        self.has_run = False
        self.sits = threading.Event()
        self.where = "nowhere"

    def begin(self) -> None:
        """Watch the thread that calls this, from the end of the current message on."""
        sys.setprofile(self.profile)
        # Python 3.12 looks in settrace() whether anybody has asked for instructions so far.
        sys._getframe().f_trace_opcodes = True
        sys.settrace(self.call)
        frame = sys._getframe(1)
        while frame.f_code.co_name != "_work":
            assert frame.f_back is not None
            frame = frame.f_back
        self.call(frame)

    def call(self, frame: FrameType, *_: object) -> Any:
        if frame.f_code.co_filename != workers.__file__:
            return None
        frame.f_trace = self.step
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return self.step

    def step(self, frame: FrameType, event: str, _arg: object) -> Any:
        if event != "opcode" or self.has_run or self.sits.is_set():
            return self.step
        if not self.is_impossible():
            self.place -= 1
            if self.place < 0:
                self.has_run = True
                self.where = f"{frame.f_code.co_name}, line {frame.f_lineno}"
                self.function()
        return self.step

    def profile(self, frame: FrameType, event: str, arg: Any) -> None:
        if event == "c_call" and frame.f_code.co_name == "_sit_down" and arg.__name__ == "get":
            sys.settrace(None)
            sys.setprofile(None)
            self.sits.set()


def each_place(
    function: Callable[[], object], sender: pykka.ActorRef[Agent]
) -> Iterator[Finaliser]:
    """Have the worker of an actor run a function at each place, and wait until it sits again.

    While it holds the lock, nothing happens that makes Python collect garbage; see
    `pykka._util.locks`.
    """
    lock: Any = sender._cell.pool.lock  # type: ignore[attr-defined]
    for place in count():
        finaliser = Finaliser(function, place, lock._is_owned)
        sender.tell(finaliser.begin)
        assert finaliser.sits.wait(2 * PATIENCE), finaliser.where
        if not finaliser.has_run:
            break
        yield finaliser
    assert place > 100


@pytest.fixture
def new_dispatcher(untraced: None) -> Iterator[Callable[[int], pykka.Dispatcher]]:
    """Dispatchers that have no monitor, and let nobody run an actor who waits for it."""
    made: list[pykka.Dispatcher] = []

    def make(max_threads: int) -> pykka.Dispatcher:
        dispatcher = pykka.Dispatcher(max_threads=max_threads, caller_runs=False)
        no_lookout(dispatcher)
        made.append(dispatcher)
        return dispatcher

    yield make
    for dispatcher in made:
        for _ in dispatcher._pool.workers.copy():
            dispatcher._pool.share(None)  # sends one of them home


def test_what_a_finaliser_sends_while_a_worker_sits_down_is_heard(
    new_dispatcher: Callable[[int], pykka.Dispatcher],
) -> None:
    agents = agents_of(new_dispatcher(1))
    agent, other = agents.start(), agents.start()
    seen: queue.SimpleQueue[None] = queue.SimpleQueue()

    def send() -> None:
        other.tell(lambda: seen.put(None))

    for finaliser in each_place(send, agent):
        try:
            seen.get(timeout=PATIENCE)
        except queue.Empty:
            pytest.fail(f"what was sent in {finaliser.where} was not heard")
    assert seen.empty()


def test_what_a_finaliser_waits_for_while_a_worker_sits_down_comes(
    new_dispatcher: Callable[[int], pykka.Dispatcher],
) -> None:
    """The worker counts as one that sits, and yet somebody else has to be found."""
    dispatcher = new_dispatcher(2)
    pool = dispatcher._pool
    agents = agents_of(dispatcher)
    agent, other = agents.start(), agents.start()
    answers: list[str] = []

    def ask() -> None:
        answers.append(other.ask("question", timeout=PATIENCE))

    for _ in each_place(ask, agent):
        assert answers.pop() == "question"
        wait_until(lambda: pool.parked == 2, "both sit")
        assert pool.blocked == pool.blocked_for_ever == 0
        pool.share(None)  # sends one of them home
        wait_until(lambda: len(pool.workers) == 1, "one has left")
