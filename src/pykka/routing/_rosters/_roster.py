"""The list of the routees of a router: it is never changed, but only replaced by another.

Each routee has a number, and they are in the order of their numbers. In a group, each that joins
gets the next number; in a pool, the number is the place.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

from pykka.routing._rosters._numbered import BITS, Numbered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pykka._ref.ref import ActorRef

FEW = 1 << BITS
"""So many routees, at most, are listed at once after each change."""


class Change(NamedTuple):
    """What becomes of one number."""

    number: int
    before: ActorRef[Any] | None
    after: ActorRef[Any] | None


class Roster:
    """The routees of a router, and where each is.

    Invariant: *a look at the index tells who is in the latest roster.* The rosters of a router
    that come from one another by single changes share one index. An entry is written in the same
    step in which the new roster takes the place of the one before (see `Routees._replace`). An
    older roster does without it.

    Args:
        members: The routees.
        next_number: What the next one to join gets.
        index: Where each of them is, by `key_of()`. The roster keeps all of them alive, so that no
            other one gets such a key meanwhile.
    """

    __slots__ = ("_refs", "index", "members", "next_number")

    def __init__(
        self, members: Numbered[ActorRef[Any]], next_number: int, index: dict[int, int]
    ) -> None:
        self.members = members
        self.next_number = next_number
        self.index = index
        self._refs: tuple[ActorRef[Any], ...] | None = None

    def __len__(self) -> int:
        return len(self.members)

    @property
    def refs(self) -> tuple[ActorRef[Any], ...]:
        """All of them. They are listed when this is read first."""
        refs = self._refs
        if refs is None:
            self._refs = refs = self.members.things()
        return refs

    @property
    def first(self) -> ActorRef[Any] | None:
        """The first of them."""
        found = self.members.first()
        return None if found is None else found[1]

    def addition(self, ref: ActorRef[Any]) -> Change | None:
        """How a ref is added at the end; `None` if it is there."""
        if key_of(ref) in self.index:
            return None
        return Change(self.next_number, None, ref)

    def removal(self, ref: ActorRef[Any]) -> Change | None:
        """How a ref is removed; `None` if it is not there."""
        number = self.index.get(key_of(ref))
        if number is None:
            return None
        # An equal ref may be there; or, if this is not the latest roster, another one, or none.
        return Change(number, self.members.get(number), None)

    def entry(self, number: int, ref: ActorRef[Any] | None) -> Change | None:
        """How a ref, or nothing, gets a number; `None` if that is so."""
        before = self.members.get(number)
        return None if before == ref else Change(number, before, ref)

    def changed(self, change: Change) -> Roster:
        """The roster after a change. The index still has to be brought up to date."""
        number, _, after = change
        members = self.members
        members = members.without(number) if after is None else members.with_(number, after)
        return Roster(members, max(self.next_number, number + 1), self.index)


def roster_of(refs: Mapping[int, ActorRef[Any]]) -> Roster:
    """A roster of refs that have such numbers."""
    numbers = sorted(refs)
    return Roster(
        Numbered((number, refs[number]) for number in numbers),
        numbers[-1] + 1 if numbers else 0,
        {key_of(refs[number]): number for number in numbers},
    )


def in_order(refs: Iterable[ActorRef[Any]]) -> Roster:
    """A roster of different refs, in this order."""
    return roster_of(dict(enumerate(refs)))


def key_of(ref: ActorRef[Any]) -> int:
    """A number that is the same for equal refs that are alive, and for no others."""
    return id(ref if hasattr(ref, "_roster") else ref._cell)  # a router has no cell


class NewTurns:
    """The first turns after a change, when there are many routees.

    To list all routees after each change would cost too much if changes and messages alternate. So
    at first each one is looked up by its index. After some turns these are over, and it is time to
    list them. By then there was a turn for each sixteen of them at least.

    Args:
        roster: The routees.
        indices: Endless indices of routees, which threads may share.
    """

    __slots__ = ("_drawn", "_limit", "_members", "indices")

    def __init__(self, roster: Roster, indices: Iterator[int]) -> None:
        self.indices = indices
        self._members = roster.members
        self._drawn = itertools.count()
        self._limit = len(roster) // FEW

    def __iter__(self) -> NewTurns:
        return self

    def __next__(self) -> ActorRef[Any]:
        if next(self._drawn) > self._limit:
            raise StopIteration
        return self._members.at(next(self.indices))
