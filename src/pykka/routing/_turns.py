"""Routers whose choice depends on nothing but the routees: theirs is an endless series of turns.

The plan of such a router is an iterator that never ends, all of it written in C. So to have the
next turn is one step, which any number of threads may do at the same time and a signal handler
cannot split. A `for` statement asks an iterator for its next item without a call, and that is why
`tell` has one: this is how a router costs least.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pykka._exceptions import ActorDeadError
from pykka.routing._unicast import UnicastRouter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pykka._actor import Actor
    from pykka._ref import ActorRef

A = TypeVar("A", bound="Actor")


class TurnsRouter(UnicastRouter[A]):
    """A router that sends each message to whose turn it is."""

    __slots__ = ()

    _plan: Iterator[ActorRef[A]]

    def _make_plan(self, routees: tuple[ActorRef[A], ...], before: Any) -> Iterator[ActorRef[A]]:
        del before
        return self._make_turns(routees) if routees else iter(())

    def _make_turns(self, routees: tuple[ActorRef[A], ...]) -> Iterator[ActorRef[A]]:
        """The endless turns of some routees, at least one."""
        raise NotImplementedError

    def _choose(self, message: Any) -> ActorRef[A] | None:
        del message
        return next(self._plan, None)

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
