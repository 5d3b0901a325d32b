"""Routers whose choice depends on nothing but the routees: theirs is an endless series of turns.

The plan of such a router is an iterator that never ends, all of it written in C. So to have the
next turn is one step, which any number of threads may do at the same time and a signal handler
cannot split. A `for` statement asks an iterator for its next item without a call, and that is why
`tell` has one: this is how a router costs least.

Such an iterator needs the routees as a tuple. If there are many of them, it is made only when some
messages have been sent since the last change; see `NewTurns`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pykka._exceptions import ActorDeadError
from pykka.routing._kinds._unicast import UnicastRouter
from pykka.routing._rosters._roster import FEW, NewTurns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pykka._actor.actor import Actor
    from pykka._ref.ref import ActorRef
    from pykka.routing._rosters._roster import Change, Roster

A = TypeVar("A", bound="Actor")


class TurnsRouter(UnicastRouter[A]):
    """A router that sends each message to whose turn it is."""

    __slots__ = ()

    _plan: Iterator[ActorRef[A]]

    def _make_plan(
        self, roster: Roster, change: Change | None, before: Any
    ) -> Iterator[ActorRef[A]]:
        del change, before
        if not roster:
            return iter(())
        indices = self._indices(len(roster))
        if len(roster) > FEW:
            return NewTurns(roster, indices)
        return self._turns(roster.refs, indices)

    def _indices(self, count: int) -> Iterator[int]:
        """The endless turns of so many routees, at least one: their indices."""
        raise NotImplementedError

    def _turns(
        self, routees: tuple[ActorRef[A], ...], indices: Iterator[int]
    ) -> Iterator[ActorRef[A]]:
        """The endless turns of some routees."""
        return map(routees.__getitem__, indices)

    def _choose(self, message: Any) -> ActorRef[A] | None:
        del message
        while True:
            routee = next(self._plan, None)
            if routee is not None or not self._go_on():
                return routee

    def _go_on(self) -> bool:
        """Have turns that never end instead of new ones; False if there are no routees.

        Invariant: there are routees, and the turns have ended, only if they are new ones.
        """
        roster, plan = self._roster_and_plan()
        if isinstance(plan, NewTurns):
            self._exchange_plan(plan, self._turns(roster.refs, plan.indices))
        return bool(roster)

    if not TYPE_CHECKING:  # the types are those of RouterRef

        def tell(self, message: Any) -> None:
            for routee in self._plan:
                try:
                    routee.tell(message)
                except ActorDeadError:
                    if routee.is_alive():  # it is not the routee that is dead
                        raise
                    self._drop(routee)
                    break
                return
            super().tell(message)
