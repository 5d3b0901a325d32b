"""Who waits does the work of a pool that can have no thread: what may be in its way."""

from __future__ import annotations

import contextlib
import functools
import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest
from tests.injection import inject
from tests.leaks import PATIENCE
from tests.pool.tools import Agent, agents_of

import pykka
from pykka._deadlock import wait_graph
from pykka._futures.ask import make_ask
from pykka._lifecycle.restart import restart
from pykka._system.system import start_with
from pykka._util.thread_state import current
from pykka.runtimes.pool import rescue
from pykka.runtimes.pool import worker as workers
from pykka.runtimes.pool.run import BATCH, run
from pykka.supervision import ChildSpec
from pykka.supervision._factory import make_child

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextlib.contextmanager
def no_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No pool can have a thread meanwhile."""

    def refuse(*_args: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(workers, "start_new_thread", refuse)
        patch.setattr(workers, "report", lambda *_args: None)
        yield


@pytest.fixture
def poor(monkeypatch: pytest.MonkeyPatch) -> Iterator[pykka.Dispatcher]:
    """A dispatcher that cannot have a thread, and knows it."""
    dispatcher = pykka.Dispatcher("pykka-poor")
    with no_threads(monkeypatch):
        agents_of(dispatcher).start().tell("something")
        assert rescue.Helper(dispatcher._pool) in wait_graph.helpers
        yield dispatcher
        dispatcher._pool.work_here()  # until a token sends this thread home
    rescue.dismiss_helpers(dispatcher._pool)


@pytest.fixture
def agents(poor: pykka.Dispatcher) -> Iterator[type[Agent]]:
    """Agents that only those can run who wait."""
    yield agents_of(poor)
    poor._pool.share(None)  # the last thing that is in the queue


def rescued(ref: pykka.ActorRef[Any], message: object) -> Any:
    """Ask with a limit, so that the thread lends itself to nobody if it need not."""
    return ref.ask(message, timeout=PATIENCE)


def test_a_variable_that_an_actor_sets_is_its_own(agents: type[Agent]) -> None:
    number: ContextVar[int] = ContextVar("number", default=0)
    one, other = agents.start(), agents.start()
    rescued(one, lambda: number.set(1))
    assert rescued(one, number.get) == 1
    assert rescued(other, number.get) == 0
    assert number.get() == 0
    assert one._cell.context[number] == 1  # type: ignore[attr-defined]


def test_what_one_turn_does_not_get_through_is_left_to_the_next(agents: type[Agent]) -> None:
    ref, other = agents.start(), agents.start()
    seen: list[int] = []
    count = 3 * len(BATCH)
    for number in range(count):
        ref.tell(lambda number=number: seen.append(number))
    assert rescued(other, "hello") == "hello"
    assert len(seen) == len(BATCH)  # the other one has not been kept waiting by more
    assert rescued(ref, "are you through?") == "are you through?"
    assert seen == list(range(count))


def test_an_actor_is_not_run_in_the_middle_of_its_own_message(agents: type[Agent]) -> None:
    ref, other = agents.start(), agents.start()
    seen: list[str] = []

    def wait() -> None:
        ref.tell(lambda: seen.append("next"))
        seen.append(rescued(other, "answered"))

    rescued(ref, wait)
    rescued(ref, "is the next one handled?")
    assert seen == ["answered", "next"]


def test_what_comes_when_the_actor_has_just_ended_is_answered(agents: type[Agent]) -> None:
    ref, other = agents.start(), agents.start()
    assert ref.stop(timeout=PATIENCE)
    cell: Any = ref._cell
    late = make_ask("late", cell)
    # As a sender does who has looked at the actor before it ended.
    cell.need_inbox().append(late)
    cell.pool.inject(cell)
    assert rescued(other, "hello") == "hello"
    with pytest.raises(pykka.ActorDeadError):
        late.get(timeout=PATIENCE)


def test_a_token_that_sends_a_worker_home_is_left_for_one(agents: type[Agent]) -> None:
    ref = agents.start()
    pool: Any = ref._cell.pool  # type: ignore[attr-defined]
    rescued(ref, "nothing is left to do")
    pool.share(None)
    assert rescued(ref, "hello") == "hello"
    assert pool.injected.get_nowait() is None
    pool.takes += 1


def test_what_another_thread_has_taken_is_not_counted_twice(
    poor: pykka.Dispatcher, agents: type[Agent], monkeypatch: pytest.MonkeyPatch
) -> None:
    rescued(agents.start(), "nothing is left to do")
    pool = poor._pool

    class Robbed(queue.SimpleQueue[Any]):
        def qsize(self) -> int:
            return super().qsize() + 1  # there was one, a moment ago

    takes = pool.takes
    with monkeypatch.context() as patch:
        patch.setattr(pool, "injected", Robbed())
        assert rescue.Helper(pool)(current.state) is False
    assert pool.takes == takes
    ref = agents.start()
    assert rescued(ref, "hello") == "hello"


class Decider:
    """Who decides what becomes of an actor that fails; the test does that itself."""

    restarts = True
    knows = True

    def __init__(self, actor_class: type[Agent]) -> None:
        self.actor_class = actor_class
        self.make = functools.partial(make_child, ChildSpec("agent", actor_class))

    def _ignore(self, *_args: object) -> None:
        pass

    came_up = went_down = ended = _ignore

    def in_words(self) -> str:
        return ""


def fail() -> None:
    raise ValueError("on purpose")


@pytest.fixture
def run_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The actor is run where no signal handler strikes, so that only what is around it is struck.

    What strikes in the middle of a message ends the actor, as any exception does there.
    """

    def run_it(cell: Any) -> None:
        with ThreadPoolExecutor(1) as thread:
            thread.submit(run, cell).result()

    monkeypatch.setattr(rescue, "run", run_it)


def run_all(pool: Any) -> None:
    """Do the work of a pool until there is none."""
    helper = rescue.Helper(pool)
    while helper(current.state):
        pass


@pytest.mark.usefixtures("run_elsewhere")
def test_who_is_interrupted_in_a_rescue_gives_the_turn_back(agents: type[Agent]) -> None:
    """A signal handler may raise at every step, on the main thread."""

    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        ref = agents.start()
        cell: Any = ref._cell
        pool = cell.pool
        run_all(pool)
        ref.tell("something")

        def check(_interrupted: bool) -> None:
            later = ref.ask("still here?", block=False)
            run_all(pool)
            assert later.get(timeout=0) == "still here?"
            assert cell.run_token == [True]
            run_all(pool)

        return lambda: rescue.Helper(pool)(current.state), check

    struck: set[Any] = set()
    inject(prepare, struck=struck)
    names = {code.co_name for code in struck}
    assert {"_run_first", "run_here", "_give_back", "_move"} <= names


@pytest.mark.usefixtures("run_elsewhere")
def test_who_is_interrupted_in_the_rescue_of_an_actor_that_fails_parks_it(
    agents: type[Agent],
) -> None:
    """It is down until its supervisor has decided; no turn is lost, and none is given twice."""

    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        link = Decider(agents)
        ref = start_with(agents, (), {}, supervision=link)
        cell: Any = ref._cell
        pool = cell.pool
        run_all(pool)
        ref.tell(fail)

        def check(_interrupted: bool) -> None:
            run_all(pool)
            if not cell.extension.down:
                ref.tell(fail)
                run_all(pool)
            assert (cell.run_token, cell.extension.parked) == ([], [True])
            restart(cell)
            later = ref.ask("still here?", block=False)
            run_all(pool)
            assert later.get(timeout=0) == "still here?"
            assert (cell.run_token, cell.extension.parked) == ([True], [])
            ref.kill(block=False)
            run_all(pool)

        return lambda: rescue.Helper(pool)(current.state), check

    assert inject(prepare) > 0


def test_a_pool_that_has_a_thread_again_needs_no_help(monkeypatch: pytest.MonkeyPatch) -> None:
    dispatcher = pykka.Dispatcher("pykka-richer")
    ref, other = (agents_of(dispatcher).start() for _ in range(2))
    assert rescue.call_helpers(dispatcher._pool)
    assert not rescue.call_helpers(dispatcher._pool)  # they have been called
    with no_threads(monkeypatch):
        assert rescued(ref, threading.get_ident) == threading.get_ident()
    assert dispatcher._pool.add_worker()
    assert rescue.Helper(dispatcher._pool) not in wait_graph.helpers
    assert rescued(other, threading.get_ident) != threading.get_ident()
