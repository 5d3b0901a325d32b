"""A cell and its inbox do what a plain model of them does: each message has one fate."""

from __future__ import annotations

import queue
from collections import deque
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.injection import inject

import pykka
from pykka._cell.cell import Cell
from pykka._cell.inbox import Inbox, move, take_all
from pykka._cell.metering import Meter, MeteredList
from pykka._envelope import Envelope
from pykka._futures.ask import make_ask
from pykka._futures.threading_future import new_threading_future
from pykka.messages import _ActorStop
from pykka.runtimes.pool import cell as pool_cell

if TYPE_CHECKING:
    from collections.abc import Callable


class OwnInbox:
    """The least that an inbox of the user's has to offer."""

    def __init__(self) -> None:
        self._items: deque[Any] = deque()

    def put(self, item: Any) -> None:
        self._items.append(item)

    def get(self) -> Any:
        return self._items.popleft()

    def empty(self) -> bool:
        return not self._items


class PlainHome:
    """Notes what a cell tells its system."""

    def __init__(self) -> None:
        self.buried: list[object] = []

    def enter_urn(self, cell: Cell) -> None:
        """Nobody looks for it."""

    def forget_urn(self, cell: Cell, urn: str) -> None:
        """Nobody looks for it."""

    def forget(self, _cell: Cell) -> None:
        pass

    def to_dead_letters(self, _cell: Cell, message: object, _reason: str) -> None:
        self.buried.append(message)


class NoActor:
    """What a cell asks of its actor when it is made."""

    def __init__(self, make_inbox: Callable[[], Any]) -> None:
        self._create_actor_inbox = make_inbox
        self._create_future = new_threading_future


class InboxOfAnAddress(RuleBasedStateMachine):
    """What is sent, taken and left behind; the model is a list for each fate."""

    make_inbox: Callable[[], Any] = queue.SimpleQueue

    def __init__(self) -> None:
        super().__init__()
        self.services = PlainHome()
        self.cell = Cell(NoActor(type(self).make_inbox), self.services)
        self.number = 0
        self.waiting: list[Any] = []
        self.dead: list[object] = []
        self.refused: list[Any] = []
        self.unanswered: list[Any] = []
        self.stop_futures: list[pykka.ThreadingFuture[Any]] = []
        self.closed = False

    def send(self, envelope: Any, *, through_face: bool) -> None:
        if through_face and isinstance(self.cell.public_inbox, Inbox):
            self.cell.public_inbox.put(envelope)
        else:
            self.cell.send(envelope)
        if self.closed:
            self.expect_burial([envelope])
        else:
            self.waiting.append(envelope)

    def expect_burial(self, envelopes: list[Any]) -> None:
        for envelope in envelopes:
            if isinstance(envelope.message, _ActorStop):
                pass
            elif envelope.reply_to is None:
                self.dead.append(envelope.message)
            else:
                self.refused.append(envelope.reply_to)
                self.unanswered.remove(envelope.reply_to)

    @rule(through_face=st.booleans())
    def tell(self, *, through_face: bool) -> None:
        self.number += 1
        self.send(Envelope(self.number), through_face=through_face)

    @rule(through_face=st.booleans())
    def ask(self, *, through_face: bool) -> None:
        self.number += 1
        ask = make_ask(self.number, self.cell)
        self.unanswered.append(ask)
        self.send(ask, through_face=through_face)

    @rule(waits=st.booleans())
    def ask_for_the_stop(self, *, waits: bool) -> None:
        future: pykka.ThreadingFuture[Any] | None = pykka.ThreadingFuture() if waits else None
        self.send(Envelope(_ActorStop(), future), through_face=False)
        if future is not None:
            self.stop_futures.append(future)

    @precondition(lambda self: self.waiting)
    @rule()
    def take(self) -> None:
        taken = self.cell.inbox.get()
        assert taken is self.waiting.pop(0)
        if taken.reply_to is None:
            return
        if isinstance(taken.message, _ActorStop):
            self.cell.answer_when_ended(taken.reply_to, answer=True)
        else:
            taken.reply_to.set(taken.message)
            self.unanswered.remove(taken)

    @rule()
    def take_everything(self) -> None:
        """The way of the closer, in the middle of a life; then put it back."""
        taken: list[Any] = []
        take_all(self.cell.inbox, taken)
        assert taken == self.waiting
        for envelope in taken:
            self.cell.inbox.put(envelope)

    @rule(rubbish=st.sampled_from([None, 1, "message", object()]))
    def put_what_is_no_envelope(self, rubbish: object) -> None:
        if isinstance(self.cell.public_inbox, Inbox):
            with pytest.raises(TypeError, match=r"takes envelopes, not .*tell"):
                self.cell.public_inbox.put(rubbish)

    @rule()
    def refuse_sends(self) -> None:
        self.cell.mark_stopped()

    @rule()
    def close(self) -> None:
        self.cell.close()
        self.closed = True
        self.expect_burial(self.waiting)
        self.waiting = []

    @invariant()
    def the_inbox_holds_what_waits(self) -> None:
        assert self.cell.public_inbox.empty() == (not self.waiting)
        if isinstance(self.cell.public_inbox, Inbox):
            assert self.cell.public_inbox.qsize() == len(self.waiting)

    @invariant()
    def tells_that_nobody_handles_are_dead_letters(self) -> None:
        assert self.services.buried == self.dead

    @invariant()
    def asks_that_nobody_handles_are_refused(self) -> None:
        assert all(
            isinstance(ask.exception(timeout=0), pykka.ActorDeadError) for ask in self.refused
        )
        assert not any(ask.done() for ask in self.unanswered)

    @invariant()
    def who_asked_for_the_stop_hears_of_the_end_and_not_before(self) -> None:
        for future in self.stop_futures:
            assert future.done() == self.closed
            assert not self.closed or future.get(timeout=0) is True

    @invariant()
    def an_actor_that_is_closed_is_stopped(self) -> None:
        assert self.cell.event.is_set() == self.cell.stopped
        assert self.cell.stopped or not self.closed


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("make_inbox", [queue.SimpleQueue, queue.Queue, OwnInbox])
def test_every_message_has_one_fate(make_inbox: Callable[[], Any]) -> None:
    machine = type("Machine", (InboxOfAnAddress,), {"make_inbox": staticmethod(make_inbox)})
    machine.TestCase("runTest").debug()


def test_a_subclass_of_the_standard_queue_is_asked_to_give_and_not_how_long_it_is() -> None:
    """Between the two, somebody else may have taken what there was."""

    class Shared(queue.Queue[Any]):
        def empty(self) -> bool:
            raise AssertionError("asked how long it is")

    inbox = Shared()
    for number in range(3):
        inbox.put(number)
    taken: list[Any] = []
    take_all(inbox, taken)
    assert taken == [0, 1, 2]


class Outdated(deque[Any]):
    """What a thread looks at that has not heard of the last `append`.

    Without the GIL, the length may be older than what is there; what `pop` says never is.
    """

    def __len__(self) -> int:
        return 0


@pytest.mark.parametrize("way", ["move", "as it is", "backlog", "counted", "counted backlog"])
def test_a_list_is_emptied_by_asking_it_to_give_and_not_how_long_it_is(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Any] = []
    ref = pykka.PooledActor.start()
    ref.stop()
    cell: Any = ref._cell
    monkeypatch.setattr(pool_cell, "list", Outdated, raising=False)
    meter = Meter(lambda: 0.0, 0)
    if way == "move":
        move(Outdated("abc"), taken)
    else:
        cell.inbox = {
            "as it is": lambda: Outdated("abc"),
            "backlog": lambda: None,
            "counted": lambda: MeteredList(Outdated("abc"), meter, []),
            "counted backlog": lambda: MeteredList([], meter, cast("list[Any]", Outdated("cba"))),
        }[way]()
        cell.backlog = Outdated("cba") if way == "backlog" else None
        cell.take_all(taken)
    assert taken == ["a", "b", "c"]


def test_so_are_the_lanes_and_the_stash(monkeypatch: pytest.MonkeyPatch) -> None:
    ref = pykka.ThreadingActor.start()
    ref.stop()
    cell: Any = ref._cell
    buried: list[Any] = []
    monkeypatch.setattr(type(cell), "_reject", lambda _self, letter: buried.append(letter.message))
    extension = cell.need_extension()
    for name in ("system_queue", "replay_queue", "stash"):
        setattr(extension, name, Outdated([Envelope(f"{name} {number}") for number in range(2)]))
    cell.drain_to_dead_letters()
    queues = ["system_queue", "replay_queue", "stash"]
    assert buried == [f"{name} {number}" for name in queues for number in range(2)]


def test_an_interrupted_closer_loses_nothing_of_what_is_counted() -> None:
    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        inbox = MeteredList(["c", "d"], Meter(lambda: 0.0, 0), ["b", "a"])
        taken: list[Any] = []

        def check(_interrupted: bool) -> None:
            inbox.take_all(taken)
            assert sorted(taken) == ["a", "b", "c", "d"]

        return lambda: inbox.take_all(taken), check

    assert inject(prepare) > 3
