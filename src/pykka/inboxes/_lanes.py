"""The inside of an inbox that has a policy: its messages in order, and the line before it.

`pykka.inboxes._bounded` is what an actor sees, and what decides; here is what is done under the
lock.

The lock
    It is held for a handful of assignments at a time, with no call and no allocation among them;
    see `pykka._util.locks`. So nothing of the user's ever runs while it is held: no key function,
    no comparison, no finaliser, no signal handler. What can fail or wait is done before or after.
    That is why entries and claims are links of chains, and why methods here are long: no part of
    them could be a function of its own.

What is in it
    Ordinary messages lie in *lanes*: chains of equally urgent entries, in a list that is sorted
    by urgency. A lane without entries is not in the list, unless it is open (see below). A
    privileged message lies in a chain of its own. One that keeps its place in the order (a stop;
    without priorities, every one) closes an *epoch*: what came before it belongs to an earlier
    epoch than what comes after it.
    An inbox without priorities is one whose messages are all equally urgent. So it has one lane
    for each epoch, and that of the present one is *open*: it stays where it is if it is empty.
    What is put in, or taken out, while nothing else is going on (no line, nothing of an earlier
    epoch) is appended to it or is its first, without further ado, in `put()` and `get()`
    themselves: a call would cost a tenth of all that is done to the message.

    A privileged message that stands for an ordinary one (the tick of a timer) is as urgent as
    that. A clock puts it in, which must not compare keys: that is the user's code, and may block.
    So it lies in a chain of what is *due* at first, and the thread that comes to the inbox next,
    to put something in or to take something out, gives it its place: a lane of its own, free of
    the bound. It is never dropped.

    Taken out is, of the earliest epoch: first the privileged messages that overtake, then the
    most urgent lane, then the one that closed the epoch. That compares nothing but numbers.

Invariants
    1. *Every message is in one place.* Each section under the lock puts an entry in, takes one
       out, or swaps one for another, wholly. What becomes of an entry that has been taken out is
       the business of the thread that did it.
    2. *The bound.* `_count` is the number of ordinary messages in the lanes. It is never more
       than the capacity while the actor lives.
    3. *No sender overtakes the line.* A sender that found no room stands in a line with its entry.
       A newcomer's entry is put in only if the line is empty; one from the line, only if it is
       the first.
    4. *A sender leaves the line once*, and its `exit_reason` says how.
    5. *What is due is not overtaken*: nothing is taken out as long as something is due.

Sorting
    To find the lane of a message, keys are compared, by a binary search in the sorted list
    (`_locate`). That is done without the lock, while others may change the list. When the entry is
    put in (`_commit`), it is checked that the lane is still there; or, for a new lane, that the
    two lanes between which it belongs are still neighbours. If not, all of it is done again;
    each time that happens, another thread has got on. If a comparison raises, nothing has been
    changed. A search compares a key with both its neighbours, so what is in the list can be
    compared. When a message is taken out, nothing is compared.

Tried and rejected: `heapq`, which is left in disorder when a comparison raises; a dictionary of
lanes, for which keys would have to be hashable; a re-entrant lock around all of it, comparisons
included (a finaliser or a log handler on top of a comparison that waits for a lock of its own,
which another sender holds, would be a deadlock).
"""

from __future__ import annotations

import queue
import sys
import threading
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from pykka._util.gil import HAS_GIL, arrivals
from pykka._util.locks import holding
from pykka._util.thread_state import current
from pykka.inboxes._entries import Chain, Lane

if TYPE_CHECKING:
    from pykka.inboxes._entries import Claim, Entry, Fate, Spot

Verdict: TypeAlias = Literal["in", "full", "least urgent", "stale"]
"""What has been done with an entry: it was put in; it was not, because there is no room, or not
even for one that is more urgent; or nothing, and it has to be tried again."""

Found: TypeAlias = Literal["something", "nothing", "a line", "something due"]
"""What has been done to take an entry out: it was taken; there is none; it has been put aside,
because a sender has to be let in first; or nothing, because what is due has to get its place."""

_END = slice(sys.maxsize, sys.maxsize)
"""What is assigned to this part of a list is appended to it."""


def owe() -> None:
    """Note that this thread has woken a sender, and has taken out all that it could handle."""
    if HAS_GIL:
        # twin: owe (1 statement)
        current.state.owes = arrivals.latest


class Lanes:
    """Entries in order, and the line of those who wait to put one in.

    Args:
        capacity: How many ordinary entries it holds at most; `None` for any number.
        drops_oldest: Whether one is dropped to make room for one more.
    """

    __slots__ = (
        "_aside",
        "_bell",
        "_capacity",
        "_closed",
        "_closers",
        "_count",
        "_dropped",
        "_drops_oldest",
        "_due",
        "_epoch",
        "_first_claim",
        "_has_let_in",
        "_holding",
        "_lane_count",
        "_lanes",
        "_last_claim",
        "_lock",
        "_open",
        "_overtakers",
        "_refused",
        "_sleepers",
        "_total",
    )

    _by_urgency: ClassVar[bool] = False
    """Whether messages may be unequally urgent."""

    def __init__(self, capacity: int | None, *, drops_oldest: bool) -> None:
        self._capacity = sys.maxsize if capacity is None else capacity
        self._drops_oldest = drops_oldest
        self._lock = threading.Lock()
        self._holding = holding(self._lock)
        self._open: Lane | None = None
        """Without priorities: the lane of this epoch, if there has been an ordinary message in it.
        It stays in the list if it is empty."""
        self._lanes: list[Lane] = []
        """The lanes, the most urgent one last, so that taking it out moves no others."""
        self._lane_count = 0
        """How many lanes there are: `len()` would be a call."""
        self._overtakers = Chain()
        """Privileged messages that come before all ordinary ones of their epoch."""
        self._closers = Chain()
        """Privileged messages that keep their place; each is the last of its epoch."""
        self._due = Chain()
        """Privileged messages that have yet to get their place among the ordinary ones."""
        self._epoch = 0
        """The epoch of what is put in now."""
        self._count: int = 0
        """How many ordinary messages are in the lanes."""
        self._total: int = 0
        """How many messages wait."""
        self._dropped: int = 0
        """How many messages were dropped because there was no room."""
        self._refused: int = 0
        """How many messages were refused for that reason; their senders know."""
        self._aside: Entry | None = None
        """What was taken out by a reader that lets senders in before it has it; the next to be
        got."""
        self._first_claim: Claim | None = None
        self._last_claim: Claim | None = None
        self._has_let_in = False
        """Whether a sender that was let in has yet to come back from its wait, and to be given
        way."""
        self._closed = False
        """Whether the actor has ended; then there is room for everything."""
        self._sleepers = 0
        """How many threads wait for the bell and have not been rung for; or more."""
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        """Wakes those who found nothing."""

    def _locate(self, entry: Entry) -> Spot | BaseException:
        """Find the lane of an entry, or the place for a new one.

        Returns:
            Where it belongs; or what a comparison of keys has raised.
        """
        del entry
        epoch = self._epoch
        try:
            lane = self._lanes[0]
        except IndexError:
            return Lane(None, epoch), 0, None, None
        if lane.epoch == epoch:
            return lane, None, None, None
        return Lane(None, epoch), 0, None, lane

    def _commit(  # noqa: C901, PLR0912, PLR0915 (no part of it may be a call)
        self, entry: Entry, claim: Claim | None, spot: Spot
    ) -> Verdict:
        """Put an entry where it belongs, if that is still there, and there is room.

        Args:
            entry: The entry.
            claim: Its claim, if its sender stands in line.
            spot: What `_locate` returned.
        """
        lane, index, below, above = spot
        place = None
        if index is not None:
            place = slice(index, index)
            new_lane = [lane]
        lanes = self._lanes
        capacity = self._capacity
        drops_oldest = self._drops_oldest
        by_urgency = self._by_urgency
        # By urgency, the oldest of the least urgent lane is dropped; else, the oldest.
        victims_lane = -1
        losers = None
        if by_urgency and drops_oldest:
            victims_lane, losers = self._least_urgent()
        verdict: Verdict = "stale"
        rings = False
        try:
            for release in self._holding:
                if index is None:
                    fits = lane.is_listed
                else:
                    count = self._lane_count
                    fits = (
                        index <= count
                        and (below is None or lanes[index - 1] is below)
                        and (
                            index == count
                            if above is None
                            else index < count and lanes[index] is above
                        )
                    )
                if fits and lane.epoch == self._epoch:
                    has_room = (self._first_claim is claim and self._count < capacity) or (
                        self._closed and claim is None
                    )
                    if not has_room and not drops_oldest:
                        verdict = "full"
                    elif (
                        not has_room
                        and by_urgency
                        and (victims_lane >= self._lane_count or lanes[victims_lane] is not losers)
                    ):
                        pass  # stale: others have come and gone beneath
                    elif (
                        not has_room and by_urgency and index is not None and index <= victims_lane
                    ):
                        verdict = "least urgent"
                    else:
                        verdict = "in"
                        if place is not None:
                            lanes[place] = new_lane  # pyright: ignore[reportPossiblyUnboundVariable]
                            lane.is_listed = True
                            self._lane_count += 1
                            if not by_urgency:
                                self._open = lane
                        # twin: append to chain (2 statements)
                        if lane.last is None:
                            lane.first = entry
                        else:
                            lane.last.next = entry
                        lane.last = entry
                        if has_room:
                            self._count += 1
                            self._total += 1
                            if self._sleepers:
                                self._sleepers -= 1
                                rings = True
                            if claim is not None:
                                claim.fate = "let in"
                                self._has_let_in = True
                                after = claim.after
                                claim.after = None
                                self._first_claim = after
                                if after is None:
                                    self._last_claim = None
                                else:
                                    after.before = None
                        else:
                            loser = lanes[victims_lane]
                            victim: Any = loser.first
                            entry.victim = victim
                            loser.first = victim.next
                            victim.next = None
                            if loser.first is None:
                                loser.last = None
                                loser.is_listed = False
                                del lanes[victims_lane]
                                self._lane_count -= 1
                release()
                break
            if rings:
                self._bell.put(None)
        except BaseException:
            self._bell.put(None)  # as above
            raise
        return verdict

    def _least_urgent(self) -> tuple[int, Lane | None]:
        """Find the least urgent lane to whose entries the bound applies."""
        for index, lane in enumerate(self._lanes.copy()):
            if not lane.is_free:
                return index, lane
        return 0, None

    def _commit_due(self, entry: Entry, spot: Spot | None) -> None:
        """Give an entry that is due its place, if it is still the first of those.

        Args:
            entry: The entry.
            spot: What `_locate` returned; `None` to have it overtake all of its epoch.
        """
        lane: Lane | None
        index: int | None
        lane, index, below, above = (None, 0, None, None) if spot is None else spot
        place = slice(index, index)
        new_lane = [lane]
        lanes = self._lanes
        for release in self._holding:
            due = self._due
            count = self._lane_count
            fits = lane is None or (  # pyright: ignore[reportUnknownVariableType]
                lane.epoch == self._epoch
                and index <= count  # type: ignore[operator]
                and (below is None or lanes[index - 1] is below)  # type: ignore[operator]
                and (
                    index == count if above is None else index < count and lanes[index] is above  # type: ignore[index, operator]
                )
            )
            if fits and due.first is entry:
                due.first = entry.next
                entry.next = None
                if due.first is None:
                    due.last = None
                if lane is None:
                    entry.epoch = self._epoch
                    # twin: append to chain (2 statements)
                    if self._overtakers.last is None:
                        self._overtakers.first = entry
                    else:
                        self._overtakers.last.next = entry
                    self._overtakers.last = entry
                else:
                    lanes[place] = new_lane  # type: ignore[assignment]
                    lane.first = lane.last = entry
                    lane.is_listed = True
                    self._lane_count += 1
            release()
            break

    def _put_privileged(self, entry: Entry, chain: Chain) -> None:
        """Put in what there is always room for.

        Args:
            entry: The entry.
            chain: Where: one of the inbox's chains for this.
        """
        closes = chain is self._closers
        lanes = self._lanes
        rings = False
        try:
            for release in self._holding:
                entry.epoch = self._epoch
                if closes:
                    self._epoch += 1
                    lane = self._open
                    if lane is not None:
                        self._open = None
                        if lane.first is None:
                            lane.is_listed = False
                            del lanes[0]
                            self._lane_count -= 1
                # twin: append to chain (2 statements)
                if chain.last is None:
                    chain.first = entry
                else:
                    chain.last.next = entry
                chain.last = entry
                self._total += 1
                if self._sleepers:
                    self._sleepers -= 1
                    rings = True
                release()
                break
            if rings:
                self._bell.put(None)
        except BaseException:
            self._bell.put(None)  # as above
            raise

    def _pick(  # noqa: C901, PLR0912, PLR0915 (no part of it may be a call)
        self, into: list[Any], *, sleeps: bool
    ) -> Found:
        """Move the first envelope to the end of a list; or put it aside, if there is a line.

        Args:
            into: The list.
            sleeps: Whether the caller waits for the bell if there is nothing.
        """
        lanes = self._lanes
        envelope = [None]
        owes = False
        found: Found = "something"
        for release in self._holding:
            closer = self._closers.first
            overtaker = self._overtakers.first
            lane = lanes[-1] if lanes else None
            epoch = self._epoch if closer is None else closer.epoch
            entry = self._aside
            if entry is not None:
                self._aside = None
            elif self._due.first is not None:
                found = "something due"
            elif overtaker is not None and overtaker.epoch == epoch:
                entry = overtaker
                self._overtakers.first = entry.next
                if entry.next is None:
                    self._overtakers.last = None
            elif lane is not None and lane.epoch == epoch and lane.first is not None:
                entry = lane.first
                lane.first = entry.next
                if lane.first is None:
                    lane.last = None
                    if lane is not self._open:
                        lane.is_listed = False
                        del lanes[-1]
                        self._lane_count -= 1
                if not lane.is_free:
                    self._count -= 1
                    if self._first_claim is not None:
                        self._aside = entry
                        found = "a line"
                    elif self._has_let_in and not self._count:
                        self._has_let_in = False
                        owes = True
            elif closer is not None:
                entry = closer
                self._closers.first = entry.next
                if entry.next is None:
                    self._closers.last = None
            else:
                found = "nothing"
                if sleeps:
                    self._sleepers += 1
            if found == "something":
                envelope[0] = entry.envelope  # type: ignore[union-attr]
                into[_END] = envelope
                self._total -= 1
            release()
            break
        if owes:
            owe()
        return found

    def _join_line(self, claim: Claim) -> None:
        """Join the line, unless there is room and no line."""
        for release in self._holding:
            last = self._last_claim
            if not self._closed and (last is not None or self._count >= self._capacity):
                claim.fate = "in line"
                claim.before = last
                if last is None:
                    self._first_claim = claim
                else:
                    last.after = claim
                self._last_claim = claim
            release()
            break

    def _leave_line(self, claim: Claim, fate: Fate) -> None:
        """Take a claim out of the line, if it is still in it."""
        for release in self._holding:
            if claim.fate == "in line":
                claim.fate = fate
                before = claim.before
                after = claim.after
                claim.before = claim.after = None
                if before is None:
                    self._first_claim = after
                else:
                    before.after = after
                if after is None:
                    self._last_claim = before
                else:
                    after.before = before
            release()
            break

    def _next_to_be_let_in(self) -> Claim | None:
        """The first in line, if there is room for it."""
        claim = None
        for release in self._holding:
            if self._count < self._capacity:
                claim = self._first_claim
            release()
            break
        return claim
