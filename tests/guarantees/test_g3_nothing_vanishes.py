"""G3: delivery is at most once, and nothing vanishes.

Every accepted ask is resolved exactly once. Every accepted tell is handled or reported as a dead
letter, also when it races the actor's stop.
"""

from __future__ import annotations

import collections
import logging
import queue
import random
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from tests.interleave import Scenario, begin_anew, explore, fate, saw, step
from tests.leaks import PATIENCE
from tests.life import require_legal
from tests.stress.race import race
from tests.tiers import repetitions

import pykka
from pykka import dead_letters
from pykka._cell.cell import Cell
from pykka._envelope import Envelope
from pykka._futures.ask import make_ask
from pykka._lifecycle import invoke
from pykka._ref.ref import ActorRef, ref_at
from pykka._system.dead_letters import DeadLetters
from pykka._system.system import default_system as services
from pykka._util.thread_state import current

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from tests.conftest import Log, Runtime


class SteppedQueue(queue.Queue[Any]):  # so that it is emptied like the standard library's
    """A queue whose every operation is a step."""

    def __init__(self) -> None:  # pyright: ignore[reportMissingSuperCall]
        self.items: collections.deque[Any] = collections.deque()

    def put(self, envelope: Any) -> None:
        step("put")
        self.items.append(envelope)

    def get(self) -> Any:
        begin_anew()  # between two messages the actor remembers nothing
        step("get", lambda: bool(self.items))
        return self._take()

    def get_nowait(self) -> Any:
        step("get_nowait")
        if not self.items:
            saw("empty")
            raise queue.Empty
        return self._take()

    def _take(self) -> Any:
        envelope = self.items.popleft()
        saw(type(envelope.message).__name__)
        return envelope


_closed: Any = Cell.closed
_stopped: Any = Cell.stopped


class SteppedAddress(Cell):
    """The real cell; reading and writing a mark is a step."""

    @property
    def closed(self) -> bool:
        step("read closed")
        value: bool = _closed.__get__(self)
        saw(value)
        return value

    @closed.setter
    def closed(self, value: bool) -> None:
        step("write closed")
        _closed.__set__(self, value)

    @property
    def stopped(self) -> bool:
        value: bool = _stopped.__get__(self)
        if current.state.cell is self:
            return value  # the actor is the one who sets it, so for itself this is no step
        step("read stopped")
        value = _stopped.__get__(self)
        saw(value)
        return value

    @stopped.setter
    def stopped(self, value: bool) -> None:
        _stopped.__set__(self, value)

    def mark_stopped(self) -> None:
        step("write stopped")  # not where it is written, because a lock is held there
        super().mark_stopped()


class ForgetfulAddress(SteppedAddress):
    """A cell that empties the inbox before it says that it is closed: a mistake."""

    def close(self) -> None:
        self.mark_stopped()
        self.drain_to_dead_letters()
        self.closed = True
        self.actor = None
        self._answer_termination_waiters()


class Recorder(pykka.ThreadingActor):
    """Remembers what it handled."""

    def __init__(self) -> None:
        super().__init__()
        self.handled: list[Any] = []

    def on_receive(self, message: Any) -> Any:
        self.handled.append(message)
        return ("answer to", message)


class Race:
    """Two senders, a stop, and the actor that ends: one run of them."""

    def __init__(self, address_class: type[Cell], senders: dict[str, str]) -> None:
        self.actor = Recorder()
        self.queue = SteppedQueue()
        self.actor._create_actor_inbox = lambda: self.queue
        self.cell = address_class(self.actor, self)
        self.actor._pykka_cell = self.cell
        self.ref: ActorRef[Any] = ref_at(self.cell)
        self.actor._actor_ref = self.ref
        self.dead: list[object] = []
        self.refused: list[object] = []
        self.futures: dict[str, Any] = {}
        self.senders = senders

    # what a cell needs of its home
    def to_dead_letters(self, _cell: Cell, message: object, _reason: str) -> None:
        self.dead.append(message)

    def enter_urn(self, _cell: Cell) -> None:
        pass

    def forget(self, _cell: Cell) -> None:
        pass

    def unregister(self, _cell: Cell) -> None:
        pass

    def _tell(self, message: str) -> None:
        try:
            self.ref.tell(message)
        except pykka.ActorDeadError:
            self.refused.append(message)

    def _ask(self, message: str) -> None:
        self.futures[message] = self.ref.ask(message, block=False)

    def _stop(self, name: str) -> None:
        self.futures[name] = self.ref.stop(block=False)

    def scenario(self) -> Scenario:
        kinds: dict[str, Callable[[str], object]] = {
            "tell": self._tell,
            "ask": self._ask,
            "stop": self._stop,
        }
        tasks: dict[str, Callable[[], object]] = {
            name: (lambda name=name, kind=kind: kinds[kind](name))
            for name, kind in self.senders.items()
        }
        tasks["actor"] = lambda: invoke.run_loop(self.cell)
        observe = partial(require_legal, self.cell)
        return Scenario(tasks, self._state, self._check, observe)

    def _state(self) -> Hashable:
        return (
            tuple(str(envelope.message) for envelope in self.queue.items),
            tuple(self.actor.handled),
            tuple(sorted(map(str, self.dead))),
            tuple(sorted(map(str, self.refused))),
            tuple((name, fate(f)) for name, f in sorted(self.futures.items())),
        )

    def _check(self) -> None:
        assert not self.queue.items
        for name, kind in self.senders.items():
            handled = self.actor.handled.count(name)
            if kind == "tell":
                assert handled + self.dead.count(name) + self.refused.count(name) == 1, name
            elif kind == "stop":
                assert self.futures[name].get(timeout=0) in (True, False)
            else:
                try:
                    assert self.futures[name].get(timeout=0) == ("answer to", name)
                    assert handled == 1
                except pykka.ActorDeadError:
                    assert handled == 0


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize(
    "senders",
    [
        {"a": "tell", "b": "ask", "s": "stop"},
        pytest.param({"a": "tell", "b": "tell", "s": "stop"}, marks=pytest.mark.exhaustive),
        pytest.param({"a": "ask", "b": "ask", "s": "stop"}, marks=pytest.mark.exhaustive),
        pytest.param({"a": "tell", "s": "stop", "t": "stop"}, marks=pytest.mark.exhaustive),
    ],
    ids=lambda senders: "+".join(senders.values()),
)
def test_every_interleaving_of_two_senders_a_stop_and_the_closer(senders: dict[str, str]) -> None:
    report = explore(lambda: Race(SteppedAddress, senders).scenario())
    print(f"{report.runs} runs, {report.complete} complete, {len(report.states)} states")
    assert len(report.states) > 1_000


def test_the_exploration_finds_the_mistake_it_looks_for() -> None:
    with pytest.raises(AssertionError):
        explore(lambda: Race(ForgetfulAddress, {"a": "tell", "b": "ask", "s": "stop"}).scenario())


def test_asks_and_tells_that_race_a_stop_all_have_one_fate(runtime: Runtime) -> None:
    books = race(runtime, asks=repetitions(10_000), seed=random.randrange(1_000_000))
    print(books)
    books.check()


class Fault(BaseException):
    """No Exception, like what `pytest.fail()` raises."""


def raise_fault(*_args: Any) -> Any:
    raise Fault


class Held(pykka.Actor):
    """Handles its first message when it is told to."""

    def on_receive(self, may_end: threading.Event) -> None:
        assert may_end.wait(PATIENCE)


def _stop_with_letters(runtime: Runtime) -> tuple[pykka.Future[bool], pykka.Future[Any]]:
    """Have an actor end that has a tell, and behind it an ask, in its inbox."""
    may_end = threading.Event()
    ref = runtime.run(Held).start()
    ref.tell(may_end)
    stopped = ref.stop(block=False)
    ref.tell("too late")
    asked = ref.ask("too late", block=False)
    may_end.set()
    return stopped, asked


@pytest.fixture
def faulty_subscriber() -> Iterator[None]:
    dead_letters.subscribe(raise_fault)
    yield
    dead_letters.unsubscribe(raise_fault)


@pytest.fixture(params=[RuntimeError, Fault])
def faulty_filter(request: pytest.FixtureRequest) -> Iterator[None]:
    def fail(_record: object) -> bool:
        raise request.param

    logger = logging.getLogger("pykka.dead_letters")
    logger.addFilter(fail)
    yield
    logger.removeFilter(fail)


@pytest.fixture
def fresh_dead_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dead letters of which none has been logged, so that the next one surely is."""
    monkeypatch.setattr(services, "dead_letters", DeadLetters())


@pytest.mark.usefixtures("faulty_subscriber")
def test_a_subscriber_that_raises_leaves_no_letter_unburied(log: Log, runtime: Runtime) -> None:
    stopped, asked = _stop_with_letters(runtime)
    with pytest.raises(pykka.ActorDeadError):
        asked.get(timeout=PATIENCE)
    assert stopped.get(timeout=PATIENCE) is True
    log.wait_for("ERROR", "A subscriber to dead letters raised")


@pytest.mark.usefixtures("fresh_dead_letters", "faulty_filter")
def test_a_log_filter_that_raises_leaves_no_letter_unburied(log: Log, runtime: Runtime) -> None:
    stopped, asked = _stop_with_letters(runtime)
    with pytest.raises(pykka.ActorDeadError):
        asked.get(timeout=PATIENCE)
    assert stopped.get(timeout=PATIENCE) is True
    log.wait_for("ERROR", "A filter or handler of the logger pykka.dead_letters raised")


def test_what_a_burial_raises_on_the_main_thread_comes_after_all_are_buried(
    runtime: Runtime,
) -> None:
    """There, an exception that is no `Exception` may be Ctrl-C, and is not swallowed."""
    ref = runtime.run(Held).start()
    ref.stop(timeout=PATIENCE)
    cell: Any = ref._cell
    if runtime.name == "pooled":
        cell.inbox = cell.need_inbox()
        put = cell.inbox.append
    else:
        put = cell.inbox.put
    asks = [make_ask(number, cell) for number in range(3)]
    asks[0].add_done_callback(raise_fault)
    for ask in asks:
        put(ask)
        put(Envelope(("tell", ask.message)))
    found: list[object] = []
    dead_letters.subscribe(subscriber := lambda letter: found.append(letter.message))
    try:
        with pytest.raises(Fault):
            cell.drain_to_dead_letters()
    finally:
        dead_letters.unsubscribe(subscriber)

    assert found == [("tell", 0), ("tell", 1), ("tell", 2)]
    for ask in asks:
        with pytest.raises(pykka.ActorDeadError):
            ask.get(timeout=0)
