"""Every interleaving of those who send to a pooled actor and those who run it (G1, G3).

The steps are the operations on what they share: the inbox, the turn, the hint in a run queue, and
the marks. `tests/guarantees/test_g3_nothing_vanishes.py` does the same for an actor on a thread.
"""

from __future__ import annotations

from _thread import allocate_lock
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from tests.interleave import Scenario, begin_anew, explore, fate, saw, step
from tests.life import require_legal

import pykka
from pykka._cell.cell import Cell
from pykka._futures import threading_future
from pykka._futures.ask import make_ask
from pykka._lifecycle import termination
from pykka._ref.ref import ref_at
from pykka._util.thread_state import current
from pykka.runtimes.pool import caller_runs
from pykka.runtimes.pool import cell as pool_address
from pykka.runtimes.pool import run as running
from pykka.runtimes.pool import worker as workers
from pykka.runtimes.pool.cell import PooledCell

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from pykka._ref.ref import ActorRef


class SteppedList(list[Any]):
    """An inbox whose every operation is a step."""

    def append(self, item: Any) -> None:
        step("append")
        super().append(item)

    def extend(self, items: Any) -> None:
        step("extend")
        super().extend(items)

    def pop(self, index: Any = -1) -> Any:
        step("pop")
        saw(super().__len__())
        return super().pop(index)

    def __len__(self) -> int:
        step("look")
        length = super().__len__()
        saw(length)
        return length

    def __delitem__(self, index: Any) -> None:
        step("delete")
        saw(super().__len__())
        super().__delitem__(index)

    def content(self) -> tuple[Any, ...]:
        """What is in the list; no step."""
        return tuple(super().__iter__())


class SteppedTurn(SteppedList):
    """A turn, which two never have at the same time."""

    def append(self, item: Any) -> None:
        super().append(item)
        assert len(self.content()) == 1, "two had the turn"


_closed: Any = Cell.closed
_stopped: Any = Cell.stopped
_attention: Any = Cell.has_system_messages
_queued: Any = PooledCell.queued


class SteppedAddress(PooledCell):
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
        if current.state.cell is self or not self.services.may_stop:  # type: ignore[attr-defined]
            return value  # the actor is the one who sets it, so for itself this is no step
        step("read stopped")
        value = _stopped.__get__(self)
        saw(value)
        return value

    @stopped.setter
    def stopped(self, value: bool) -> None:
        _stopped.__set__(self, value)

    @property
    def has_system_messages(self) -> bool:
        value: bool = _attention.__get__(self)
        if current.state.cell is self or not self.services.may_stop:  # type: ignore[attr-defined]
            return value
        step("read attention")
        value = _attention.__get__(self)
        saw(value)
        return value

    @has_system_messages.setter
    def has_system_messages(self, value: bool) -> None:
        _attention.__set__(self, value)

    @property
    def queued(self) -> bool:
        step("read queued")
        value: bool = _queued.__get__(self)
        saw(value)
        return value

    @queued.setter
    def queued(self, value: bool) -> None:
        step("write queued")
        _queued.__set__(self, value)

    def mark_stopped(self) -> None:
        step("write stopped")  # not where it is written, because a lock is held there
        super().mark_stopped()


class HastyAddress(SteppedAddress):
    """A cell that looks at the turn before it appends: a mistake."""

    def send(self, envelope: Any) -> None:
        somebody_has_to_come = not self.queued and self.run_token
        self.inbox.append(envelope)
        if somebody_has_to_come:
            self.schedule()
        elif self.closed:
            self.drain_to_dead_letters()


class SteppedPool:
    """Run queues of which no more is known than how many hints are in them."""

    def __init__(self, senders: int) -> None:
        self.hints = 0
        self.senders = senders
        self.blocked_for_ever = 0
        self.most = 100
        self.is_bounded = False
        self.caller_runs = True

    def inject(self, cell: PooledCell) -> None:
        cell.queued = True
        step("put hint")
        self.hints += 1


class SteppedWorker(workers.Worker):
    """A worker that goes on until there are no senders and no hints any more."""

    def __init__(self, pool: Any, cell: PooledCell) -> None:
        super().__init__(pool)
        self.cell = cell

    def _find(self) -> PooledCell | None:
        pool: Any = self.pool
        begin_anew()
        step("take hint", lambda: pool.hints or not pool.senders)
        saw(bool(pool.hints))
        if not pool.hints:
            return None
        pool.hints -= 1
        return self.cell


class SteppedLock:
    """What a thread that waits for a future sleeps in."""

    def __init__(self) -> None:
        self.is_locked = False

    def acquire(self) -> bool:
        if self.is_locked:
            step("sleep", lambda: not self.is_locked)
        self.is_locked = True
        return True

    def release(self) -> None:
        self.is_locked = False


class Recorder(pykka.PooledActor):
    """Remembers what it handled."""

    def __init__(self) -> None:
        super().__init__()
        self.handled: list[Any] = []

    def on_receive(self, message: Any) -> Any:
        self.handled.append(message)
        return ("answer to", message)


class Race:
    """Senders, and workers that run the actor: one run of them."""

    def __init__(
        self, address_class: type[SteppedAddress], senders: dict[str, str], workers: int
    ) -> None:
        self.senders = senders
        self.may_stop = bool({"stop", "set stopped"} & set(senders.values()))
        self.pool: Any = SteppedPool(len(senders))
        self.dead: list[object] = []
        self.refused: list[object] = []
        self.answers: dict[str, Any] = {}
        self.actor = Recorder()
        make: Any = self._make_address
        cell = self.cell = make(address_class)
        self.actor._pykka_cell = cell
        self.ref: ActorRef[Any] = ref_at(cell)
        self.actor._actor_ref = self.ref
        self.workers = workers
        cell.begin(has_begun=True, caller_runs=True)

    def _make_address(self, address_class: Any) -> Any:
        cell = address_class(self.actor, self)
        cell.pool = self.pool
        cell.inbox = SteppedList()
        cell.run_token = SteppedTurn()
        return cell

    # what a cell needs of its home
    def to_dead_letters(self, _cell: Cell, message: object, _reason: str) -> None:
        self.dead.append(message)

    def forget(self, _cell: Cell) -> None:
        pass

    def unregister(self, _cell: Cell) -> None:
        pass

    def enter_urn(self, _cell: Cell) -> None:
        pass

    def _tell(self, message: str) -> None:
        try:
            self.ref.tell(message)
        except pykka.ActorDeadError:
            self.refused.append(message)

    def _send_ask(self, message: str) -> None:
        self.answers[message] = self.ref.ask(message, block=False)

    def _send_envelope(self, message: str) -> None:
        ask = self.answers[message] = make_ask(message, self.cell)
        self.cell.send(ask)

    def _ask(self, message: str) -> None:
        self._note(message, lambda: self.ref.ask(message))

    def _call(self, message: str) -> None:
        self._note(message, self.ref.ask(message, block=False).get)

    def _note(self, name: str, ask: Callable[[], Any]) -> None:
        future: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()
        try:
            future.set(ask())
        except pykka.ActorDeadError as error:
            future.set_exception(error)
        self.answers[name] = future

    def _stop(self, name: str) -> None:
        self.answers[name] = self.ref.stop(block=False)

    def _set_stopped(self, name: str) -> None:
        self.cell.mark_stopped()
        self.cell.wake_up()

    def _do(self, kind: str, name: str) -> None:
        ways: dict[str, Callable[[str], object]] = {
            "tell": self._tell,
            "send ask": self._send_ask,
            "send envelope": self._send_envelope,
            "ask": self._ask,
            "get": self._call,
            "stop": self._stop,
            "set stopped": self._set_stopped,
        }
        try:
            ways[kind](name)
        finally:
            self.pool.senders -= 1

    def _work(self) -> None:
        state = current.state
        worker = SteppedWorker(self.pool, self.cell)
        context = Context()
        try:
            context.run(worker._work, state, context)
        finally:
            state.cell = None

    def scenario(self) -> Scenario:
        tasks: dict[str, Callable[[], object]] = {
            name: (lambda name=name, kind=kind: self._do(kind, name))
            for name, kind in self.senders.items()
        }
        for number in range(self.workers):
            tasks[f"worker {number}"] = self._work
        observe = partial(require_legal, self.cell)
        return Scenario(tasks, self._state, self._check, observe)

    def _state(self) -> Hashable:
        cell = self.cell
        return (
            tuple(map(_describe, cell.inbox.content())),
            tuple(map(_describe, cell.backlog or ())),
            len(cell.run_token.content()),
            _queued.__get__(cell),
            (_stopped.__get__(cell), _closed.__get__(cell)),
            (self.pool.hints, self.pool.senders),
            tuple(self.actor.handled),
            tuple(sorted(map(str, self.dead))),
            tuple(sorted(map(str, self.refused))),
            tuple((name, fate(f)) for name, f in sorted(self.answers.items())),
        )

    def _check(self) -> None:
        assert not self.cell.inbox.content(), "a message was left lying"
        assert not self.cell.backlog
        assert _closed.__get__(self.cell) == self.may_stop
        for name, kind in self.senders.items():
            handled = self.actor.handled.count(name)
            if kind == "tell":
                assert handled + self.dead.count(name) + self.refused.count(name) == 1, name
            elif kind == "stop":
                assert self.answers[name].get(timeout=0) in (True, False)
            elif kind != "set stopped":
                try:
                    assert self.answers[name].get(timeout=0) == ("answer to", name)
                    assert handled == 1
                except pykka.ActorDeadError:
                    assert self.may_stop
                    assert handled == 0


def _describe(item: Any) -> str:
    return str(getattr(item, "message", item))


@pytest.fixture(autouse=True)
def stepped(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (pool_address, caller_runs, running, workers):
        monkeypatch.setattr(module, "list", SteppedList, raising=False)
    monkeypatch.setattr(
        threading_future,
        "allocate_lock",
        lambda: SteppedLock() if current.state.worker is None else allocate_lock(),
    )
    # A run that is not worth finishing ends with an exception, which means no program's end.
    monkeypatch.setattr(termination, "_stop_the_others", lambda _cell: None)


SENDERS = [
    {"a": "tell", "b": "tell"},
    {"a": "tell", "b": "ask"},
    {"a": "ask", "b": "ask"},
    {"a": "get", "b": "send ask"},
    {"a": "tell", "s": "stop"},
    {"a": "ask", "s": "stop"},
    {"a": "get", "s": "stop"},
    {"a": "ask", "s": "set stopped"},
    {"a": "tell", "s": "set stopped"},
]


IN_THE_QUICK_TIER = [{"a": "tell", "b": "ask"}, {"a": "ask", "s": "stop"}]


@pytest.mark.thinned
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    "senders",
    [
        pytest.param(senders, marks=() if senders in IN_THE_QUICK_TIER else pytest.mark.exhaustive)
        for senders in SENDERS
    ],
    ids=lambda senders: "+".join(senders.values()),
)
def test_every_interleaving(senders: dict[str, str], workers: int) -> None:
    """With few preemptions; `tests/stress/test_interleavings_of_turns.py` has more."""
    preemptions = 2 if workers == 1 and "get" not in senders.values() else 1
    report = explore(
        lambda: Race(SteppedAddress, senders, workers).scenario(), preemptions=preemptions
    )
    print(f"{report.runs} runs, {report.complete} complete, {len(report.states)} states")
    assert len(report.states) > 100


def test_the_exploration_finds_the_mistake_it_looks_for() -> None:
    with pytest.raises(AssertionError, match="left lying"):
        explore(
            lambda: Race(HastyAddress, {"a": "send envelope", "b": "send envelope"}, 1).scenario(),
            preemptions=2,
        )
