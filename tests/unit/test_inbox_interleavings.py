"""Every interleaving of those who send to a bounded inbox, take from it, and close it.

The steps are the sections under the inbox's lock, the searches for a place, and the waits.
"""

from __future__ import annotations

import queue
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from tests.inboxes import Undertaker, make_inbox
from tests.interleave import Abandoned, Scenario, explore, saw, step
from tests.tiers import every_other

import pykka
from pykka._envelope import Envelope
from pykka._futures.ask import make_ask, message_of
from pykka._util.locks import holding
from pykka.inboxes import Bounded, InboxSpec, Priority
from pykka.inboxes import _bounded as _policy_inbox
from pykka.inboxes._bounded import PolicyInbox
from pykka.inboxes._entries import Claim, Entry, Lane
from pykka.messages import _ActorStop

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable


class SteppedLock:
    """Takes a step before each section; nothing inside is one, so there is nobody to wait for."""

    def acquire(self, _blocking: bool = True) -> bool:
        step("section")
        return True

    def release(self) -> None:
        """Nobody waits."""


class SteppedBell:
    """Holds rings; to wait for one is a step."""

    def __init__(self) -> None:
        self.rings = 0

    def put(self, _ring: None) -> None:
        step("ring")
        self.rings += 1

    def get(self, timeout: float | None = None) -> None:
        step("wait for the bell", lambda: self.rings > 0)
        if self.rings == 0:
            raise Abandoned
        self.rings -= 1


class Interrupted(BaseException):
    """What a signal handler raises."""


class SteppedClaim(Claim):
    """A claim whose sender waits step by step, and can be interrupted at any time."""

    def get(self, *, timeout: float | None = None) -> None:
        if timeout is None:
            step("wait", self._has_outcome)
            if not self._has_outcome():
                raise Abandoned
            return
        # The step can be taken at any time, so it may be before there is an outcome.
        step("wait a while")
        saw(self._has_outcome())
        if not self._has_outcome():
            raise Interrupted if timeout > 1 else pykka.Timeout

    def settle(self) -> None:
        step("settle")
        super().settle()


BREAK = 2.0
"""The timeout of a policy whose senders are interrupted."""


_lanes: list[Lane | None] = []


def number_of(lane: Lane | None) -> int:
    """A number for each lane of a run, in the order in which they were first seen."""
    for number, known in enumerate(_lanes):
        if known is lane:
            return number
    _lanes.append(lane)
    return len(_lanes) - 1


class Stepped(PolicyInbox):
    """Notes what its methods find out, since that is what a task goes by."""

    __slots__ = ()

    def _locate(self, entry: Entry) -> Any:
        step("locate")
        spot: Any = super()._locate(entry)
        lane, index, below, above = spot
        saw((index, lane.epoch, *(number_of(each) for each in (lane, below, above))))
        return spot

    def _commit(self, entry: Entry, claim: Claim | None, spot: Any) -> Any:
        verdict = super()._commit(entry, claim, spot)
        saw((verdict, entry.victim and message_of(entry.victim.envelope)))
        return verdict

    def _pick(self, into: list[Any], *, sleeps: bool) -> Any:
        found = super()._pick(into, sleeps=sleeps)
        saw((found, *map(message_of, into)))
        return found

    def _join_line(self, claim: Claim) -> None:
        super()._join_line(claim)
        saw(claim.fate)

    def _leave_line(self, claim: Claim, fate: Any) -> None:
        super()._leave_line(claim, fate)
        saw(claim.fate)

    def _next_to_be_let_in(self) -> Claim | None:
        claim = super()._next_to_be_let_in()
        saw(claim and message_of(claim.entry.envelope))
        return claim

    def empty(self) -> bool:
        step("look")
        answer = super().empty()
        saw(answer)
        return answer


class Race:
    """Senders, takers, and perhaps somebody who closes the inbox: one run of them.

    Args:
        spec: The inbox.
        before: How many messages are in it at the beginning.
        tasks: What the tasks do, by their names.
    """

    def __init__(self, spec: InboxSpec, before: int, tasks: dict[str, str]) -> None:
        self.services = Undertaker()
        self.inbox: PolicyInbox = make_inbox(spec, self.services)
        self.inbox.takes_bare = "bare" in tasks.values()
        self.capacity: int | None = spec.capacity  # type: ignore[attr-defined]
        self.sent = [(number,) for number in range(before)]
        for message in self.sent:
            self.inbox.put(Envelope(message))
        lock: Any = SteppedLock()
        bell: Any = SteppedBell()
        self.inbox._lock = lock
        self.inbox._holding = holding(lock)
        self.inbox._bell = bell
        self.inbox.__class__ = type("Stepped", (Stepped, type(self.inbox)), {"__slots__": ()})
        _lanes.clear()
        self.tasks = tasks
        self.fates: dict[str, object] = {}
        self.taken: list[Any] = []

    def scenario(self) -> Scenario:
        kinds: dict[str, Callable[[str], object]] = {
            "tell": self._tell,
            "bare": self._tell_bare,
            "ask": self._ask,
            "take": self._take,
            "look": self._look,
            "stop": self._stop,
            "close": self._close,
        }
        tasks: dict[str, Callable[[], object]] = {
            name: (lambda name=name, kind=kind: kinds[kind](name))
            for name, kind in self.tasks.items()
        }
        return Scenario(tasks, self._state, self._check)

    def _tell(self, name: str) -> None:
        self._send(name, Envelope((name,)))

    def _tell_bare(self, name: str) -> None:
        self._send(name, (name,), None, True)

    def _send(self, name: str, *args: Any) -> None:
        try:
            self.inbox.put(*args)
            self.fates[name] = "sent"
        except (pykka.InboxFullError, pykka.ActorDeadError, Interrupted) as error:
            self.fates[name] = type(error)

    def _ask(self, name: str) -> None:
        question = make_ask((name,), self.inbox.owner)
        try:
            self.inbox.put(question)
            error = question.exception(timeout=0) if question.done() else None
            self.fates[name] = "sent" if error is None else type(error)
        except Interrupted as error:
            self.fates[name] = type(error)

    def _take(self, _name: str) -> None:
        self.taken.append(message_of(self.inbox.get()))

    def _look(self, _name: str) -> None:
        if not self.inbox.empty():
            with suppress(queue.Empty):  # somebody else was quicker
                self.taken.append(message_of(self.inbox.get_nowait()))

    def _stop(self, _name: str) -> None:
        self.inbox.put(Envelope(_ActorStop()))

    def _close(self, _name: str) -> None:
        self.inbox.close()

    def _content(self) -> list[Any]:
        inbox = self.inbox
        content: list[Any] = []
        for lane in inbox._lanes[::-1]:
            entry = lane.first
            assert entry is not None or lane is inbox._open
            while entry is not None:
                content.append(message_of(entry.envelope))
                entry = entry.next
        return content

    def _stops(self) -> int:
        entry, count = self.inbox._closers.first, 0
        while entry is not None:
            entry, count = entry.next, count + 1
        return count

    def _line(self) -> list[Any]:
        line = []
        claim = self.inbox._first_claim
        while claim is not None:
            line.append(message_of(claim.entry.envelope))
            claim = claim.after
        return line

    def _state(self) -> Hashable:
        inbox = self.inbox
        content = self._content()
        assert inbox._closed or self.capacity is None or len(content) <= self.capacity
        assert inbox._count == len(content)
        aside = inbox._aside and message_of(inbox._aside.envelope)
        return (
            tuple(content),
            tuple(map(number_of, inbox._lanes)),
            self._stops(),
            tuple(self._line()),
            aside,
            inbox._closed,
            number_of(inbox._open),
            inbox._has_let_in,
            inbox._sleepers,
            inbox._bell.rings,  # type: ignore[attr-defined]
            tuple(self.taken),
            tuple(sorted((name, str(fate)) for name, fate in self.fates.items())),
        )

    def _check(self) -> None:
        inbox = self.inbox
        assert inbox._aside is None
        assert not self._line(), "a claim is left behind"
        content = self._content()
        assert inbox._count == len(content) == len(set(content))
        assert inbox._total == len(content) + self._stops()
        assert inbox._lane_count == len(inbox._lanes)
        delivered = Counter(
            self.taken + content + [message for message, _ in self.services.buried]
        )
        assert max(delivered.values(), default=0) <= 1, "a message is there twice"
        assert set(self.sent) <= set(delivered)
        for name, kind in self.tasks.items():
            if kind not in {"tell", "bare", "ask"}:
                continue
            fate = self.fates[name]
            if fate == "sent":
                assert delivered[(name,)] == 1, f"{name} is lost"
            elif fate is not Interrupted:  # of which nobody knows whether it was sent
                assert delivered[(name,)] == 0, f"{name} is refused and delivered"
            if fate is pykka.ActorDeadError:
                assert "close" in self.tasks.values()


DROPPING: Any = {"capacity": 2, "when_full": "drop_oldest"}


@pytest.fixture(autouse=True)
def stepped_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_policy_inbox, "Claim", SteppedClaim)


def first(message: tuple[object]) -> str:
    return str(message[0])


def nothing(_message: object) -> int:
    return 0


RACES: list[tuple[InboxSpec, int, dict[str, str], int | None]] = [
    (Bounded(1), 1, {"a": "tell", "b": "ask", "x": "take", "y": "take"}, 2),
    (Bounded(1), 0, {"a": "tell", "b": "tell", "x": "take"}, None),
    (Bounded(1), 0, {"a": "bare", "b": "bare", "x": "take"}, None),
    (Bounded(1), 1, {"a": "bare", "b": "ask", "x": "take", "y": "take"}, 2),
    (Bounded(2), 2, {"a": "tell", "b": "tell", "x": "take", "y": "take"}, 2),
    (Bounded(1, timeout=0.0), 1, {"a": "tell", "b": "ask", "x": "take"}, None),
    (Bounded(1, timeout=BREAK), 1, {"a": "tell", "b": "tell", "x": "look", "y": "look"}, 2),
    (Bounded(1), 1, {"a": "tell", "b": "ask", "z": "close"}, None),
    (Bounded(1), 1, {"a": "tell", "x": "take", "z": "close"}, None),
    (Bounded(1, timeout=0.0), 1, {"a": "tell", "b": "ask", "x": "take", "z": "close"}, 2),
    (Priority(first, capacity=1), 1, {"a": "tell", "b": "ask", "x": "take", "y": "take"}, 2),
    (Priority(first, capacity=1), 1, {"a": "bare", "b": "ask", "x": "take", "y": "take"}, 2),
    (Priority(first, capacity=2), 2, {"b": "tell", "a": "tell", "x": "take", "y": "take"}, 2),
    (Priority(first, capacity=1, timeout=BREAK), 1, {"a": "tell", "b": "ask", "x": "take"}, 2),
    (Priority(first), 1, {"a": "tell", "b": "tell", "c": "tell", "x": "take"}, 2),
    (Priority(nothing), 0, {"a": "tell", "b": "tell", "x": "take"}, 2),
    (Priority(nothing), 0, {"a": "tell", "s": "stop", "x": "take"}, None),
    (Priority(nothing, capacity=1), 1, {"a": "tell", "s": "stop", "x": "take"}, 2),
    (Bounded(1), 1, {"a": "tell", "s": "stop", "x": "take"}, 2),
    (Priority(first, **DROPPING), 2, {"a": "bare", "b": "bare", "x": "take"}, 2),
    (Priority(first, **DROPPING), 2, {"a": "tell", "b": "tell", "x": "take", "y": "look"}, 2),
    (Bounded(1, "drop_oldest"), 1, {"a": "tell", "b": "tell", "x": "take"}, None),
    (Bounded(1, "drop_oldest"), 1, {"a": "bare", "b": "bare", "x": "take"}, None),
    (Bounded(1, "drop_newest"), 1, {"a": "tell", "b": "tell", "x": "take"}, None),
]
"""An inbox, what lies in it at first, who does what, and how many preemptions the long form of
the test has."""


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize(("spec", "before", "tasks"), every_other(race[:3] for race in RACES))
def test_every_message_has_one_fate_and_nobody_waits_for_ever(
    spec: InboxSpec, before: int, tasks: dict[str, str]
) -> None:
    """With one preemption; `tests/stress/test_interleavings_of_inboxes.py` has more."""
    explore_race(spec, before, tasks, preemptions=1)


def explore_race(
    spec: InboxSpec, before: int, tasks: dict[str, str], preemptions: int | None
) -> None:
    report = explore(lambda: Race(spec, before, tasks).scenario(), preemptions=preemptions)
    print(f"{report.runs} runs, {report.complete} complete, {len(report.states)} states")
    assert report.complete > 1


class Careless(Race):
    """A race in which whoever takes lets nobody in: a mistake."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        type(self.inbox)._admit = lambda _self: None  # type: ignore[method-assign]


def test_the_exploration_finds_the_mistake_it_looks_for() -> None:
    tasks = {"a": "tell", "x": "take"}
    with pytest.raises(AssertionError, match="nobody can go on"):
        explore(lambda: Careless(Bounded(1), 1, tasks).scenario())
