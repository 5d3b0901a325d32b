"""The routees of a router: who they are, and how they are replaced while others send.

They are a *roster*, which is never changed but only replaced by another, together with what the
kind of router has made of it, its *plan*: an endless iterator, or a ring. A sender takes one
of the two as it is, and needs no lock. A new roster shares nearly all with the one before, and so
does a ring. So a change costs nearly the same however many routees there are, and however often
messages are sent in between (guarantee G13).

To replace them: read both, make the new ones, and put these in their place if no other thread has
put others there meanwhile; or else begin again. Only the comparison and the replacement are done
under a lock, together with an entry in the index of the rosters, which is a dict of numbers.
Nothing is called there, nor allocated for the garbage collector (guarantee G4): a finaliser or a
signal handler that strikes anywhere may send through the router, and add and remove routees.

Invariant: *routees, index and plan belong together.* They are replaced together, under the lock.
Who does no more than send reads just one of them.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from pykka._exceptions import ActorDeadError
from pykka._ref.proxy import _require_ref
from pykka._ref.ref import ActorRef
from pykka._util.checks import check_iterable, shorten
from pykka._util.locks import held
from pykka.routing._rosters._roster import Change, Roster, in_order, key_of
from pykka.timers._errands import Line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import NoReturn, Self

    from pykka._actor.actor import Actor
    from pykka._cell.reasons import Failed
    from pykka._system.system import ActorSystem
    from pykka.routing._pool import RouteePool
    from pykka.routing._routed_timer import RoutedTimer

A = TypeVar("A", bound="Actor")

_new = object.__new__

_replacing = threading.Lock()
"""Held over straight-line code only, by all routers; see the head of this file."""


MOST_KINDS = 5
"""So many kinds of routees are named in the description of a router."""


class Routees(ActorRef[A]):
    """A ref that stands for several actors.

    Args:
        refs: The actors.
    """

    __slots__ = ("_failure", "_line", "_plan", "_pool", "_roster", "_timers")

    _line: Line
    _roster: Roster
    _failure: Failed | None
    """What the routee that was dropped last has failed with, if it has."""

    _plan: Any
    _pool: RouteePool | None
    _timers: dict[RoutedTimer, None]

    def __new__(cls, refs: Iterable[ActorRef[A]], *_args: Any, **_kwargs: Any) -> Self:
        del refs
        router = _new(cls)
        router._pool = None
        router._failure = None
        router._timers = {}
        router._line = Line()
        return router

    def __init__(self, refs: Iterable[ActorRef[A]]) -> None:
        check_iterable("refs", refs, "refs of actors")
        routees = tuple(refs)
        for ref in routees:
            self._require_routee(ref)
        self._roster = in_order(dict.fromkeys(routees))
        self._plan = self._make_plan(self._roster, None, None)

    @property
    def routees(self) -> tuple[ActorRef[A], ...]:
        """The refs that messages are passed on to; a dead one stays until that is noticed."""
        return self._routees

    @property
    def _routees(self) -> tuple[ActorRef[A], ...]:
        return self._roster.refs

    def add(self, ref: ActorRef[A]) -> bool:
        """Pass messages on to one more routee, from now on.

        Args:
            ref: The ref of an actor, or a router.

        Returns:
            Whether it was none of the routees before.

        Raises:
            TypeError: `ref` is not a ref; or the router is a pool, which has only the routees that
                it starts itself.
            ValueError: `ref` is this router, or a router that leads back to it.
        """
        self._require_group("add")
        self._require_routee(ref)
        return self._replace(lambda roster: roster.addition(ref))

    def remove(self, ref: ActorRef[A]) -> bool:
        """Pass no more messages on to a routee. It is not stopped.

        A thread that has just chosen it may still send it one more message. So if it is stopped
        right after this, that message may come too late, and become a dead letter.

        Returns:
            Whether it was one of the routees.

        Raises:
            TypeError: `ref` is not a ref; or the router is a pool, which owns its routees.
        """
        self._require_group("remove")
        _require_ref(ref, type(self).__name__)
        return self._drop(ref)

    def _drop(self, ref: ActorRef[A]) -> bool:
        """Pass no more messages on to a routee, which is perhaps dead."""
        cell: Any = getattr(ref, "_cell", None)  # a router has none
        self._failure = None if cell is None else cell.failure
        return self._replace(lambda roster: roster.removal(ref))

    def _replace(self, edit: Callable[[Roster], Change | Roster | None]) -> bool:
        """Replace the roster.

        Args:
            edit: Is given the roster, and returns what is to be changed, or another roster, or
                `None` if it is to stay as it is.

        Returns:
            Whether it was replaced.
        """
        while True:
            roster, plan = self._roster_and_plan()
            edited = edit(roster)
            if edited is None:
                return False
            gone = come = number = None
            if isinstance(edited, Change):
                change, new = edited, roster.changed(edited)
                number = change.number
                gone = None if change.before is None else key_of(change.before)
                come = None if change.after is None else key_of(change.after)
            else:
                change, new = None, edited
            new_plan = self._make_plan(new, change, plan)
            index: dict[int, Any] = new.index
            done = False
            for release in held(_replacing):
                try:
                    if self._roster is roster:
                        if come is not None:
                            index[come] = number  # there may be no memory left
                        if gone is not None:
                            del index[gone]
                        self._plan = new_plan
                        self._roster = new
                        done = True
                finally:
                    release()
            if done:
                return True

    def _roster_and_plan(self) -> tuple[Roster, Any]:
        roster, plan = self._roster, self._plan
        for release in held(_replacing):
            roster = self._roster
            plan = self._plan
            release()
        return roster, plan

    def _exchange_plan(self, plan: Any, new_plan: Any) -> None:
        """Put another plan for the same routees in the place of one, if that is there still."""
        for release in held(_replacing):
            if self._plan is plan:
                self._plan = new_plan
            release()

    def _make_plan(self, roster: Roster, change: Change | None, before: Any) -> Any:
        """What this kind of router makes of its routees, for the use of `_choose`.

        Args:
            roster: The routees.
            change: How they differ from those before; `None` if they are all new.
            before: The plan that is replaced; `None` for the first one.
        """

    def _require_routee(self, ref: Any) -> None:
        _require_ref(ref, type(self).__name__)
        if _leads_to(ref, self):
            msg = (
                f"{shorten(ref)} cannot be a routee of {shorten(self)}: its messages would go "
                "round for ever"
            )
            raise ValueError(msg)

    def _living(self) -> list[ActorRef[A]]:
        """The routees that are alive; the others are dropped."""
        living: list[ActorRef[A]] = []
        for routee in self._routees:
            if routee.is_alive():
                living.append(routee)
            else:
                self._drop(routee)
        return living

    def _require_group(self, what: str) -> None:
        if self._pool is not None:
            msg = f"{self} starts and stops its own routees, so it cannot {what} one; resize() it"
            raise TypeError(msg)

    def _dead_error(self) -> ActorDeadError:
        if self._pool is not None:
            return self._pool.dead_error(self)
        text = f"{self} has no living routee; add() one, or make a new router"
        if self._failure is None:
            return ActorDeadError(text)
        cause = self._failure.without_traceback().exception
        error = ActorDeadError(f"{text}; the last one has failed with {shorten(cause)}")
        error.__cause__ = cause
        return error

    # --- what a ref has, and several actors together have not --------------------------------

    @property
    def actor_class(self) -> type[A]:
        """The class of the first routee.

        Raises:
            ActorDeadError: There are no routees.
        """
        routee = self._roster.first
        if routee is not None:
            return routee.actor_class
        raise self._dead_error()

    @property
    def system(self) -> ActorSystem:
        """The system of the first routee; of a pool, that of its supervisor.

        Raises:
            ActorDeadError: There are no routees.
        """
        if self._pool is not None:
            return self._pool.supervisor.system
        routee = self._roster.first
        if routee is not None:
            return routee.system
        raise self._dead_error()

    @property
    def name(self) -> str | None:
        """The name that a pool was given, if it was."""
        return None if self._pool is None else self._pool.supervisor.name

    @property
    def actor_urn(self) -> NoReturn:
        """A router has none; its routees do. To read it is an `AttributeError`."""
        raise self._no_single_actor("actor_urn")

    @property
    def actor_inbox(self) -> NoReturn:
        """A router has none; its routees do. To read it is an `AttributeError`."""
        raise self._no_single_actor("actor_inbox")

    @property
    def actor_stopped(self) -> NoReturn:
        """A router has none; its routees do. To read it is an `AttributeError`."""
        raise self._no_single_actor("actor_stopped")

    @property
    def _cell(self) -> NoReturn:  # type: ignore[override]
        raise self._no_single_actor("cell")

    @property
    def _actor(self) -> A | None:
        """The actor object that a proxy looks at."""
        return next((routee._actor for routee in self._routees if routee.is_alive()), None)

    def _no_single_actor(self, what: str) -> AttributeError:
        msg = f"{self} is a router and no single actor, so it has no {what}; its routees have one"
        return AttributeError(msg)

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    def __str__(self) -> str:
        routees = self._routees
        kinds = sorted(
            {
                type(each).__name__ if isinstance(each, Routees) else each.actor_class.__name__
                for each in routees
            }
        )
        pool = self._pool
        if pool is not None:
            name = "" if pool.supervisor.name is None else f" {shorten(pool.supervisor.name)}"
            return f"{type(self).__name__} pool{name} of {pool.size} ({pool.title})"
        kinds[MOST_KINDS:] = [f"{len(kinds) - MOST_KINDS} more kinds"] * (len(kinds) > MOST_KINDS)
        number = "1 routee" if len(routees) == 1 else f"{len(routees)} routees"
        return f"{type(self).__name__} over {number}" + (f" ({', '.join(kinds)})" * bool(kinds))

    def __repr__(self) -> str:
        return f"<{self}>"


def _leads_to(ref: ActorRef[Any], router: Routees[Any]) -> bool:
    """Tell whether messages to a ref come to a router sooner or later."""
    return ref is router or (
        isinstance(ref, Routees) and any(_leads_to(each, router) for each in ref._routees)
    )


def renew_locks() -> None:
    """Begin with a fresh lock, in a child process; another thread may have held the old one."""
    global _replacing  # noqa: PLW0603
    _replacing = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=renew_locks)
