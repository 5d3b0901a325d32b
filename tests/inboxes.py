"""Actors whose inboxes have a policy, and cells for such inboxes without an actor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pykka._cell.cell import Cell
from pykka._futures.threading_future import new_threading_future
from pykka.inboxes import InboxSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka.inboxes._bounded import PolicyInbox


class Undertaker:
    """Notes what a cell tells its system."""

    def __init__(self) -> None:
        self.buried: list[tuple[object, str]] = []

    def enter_urn(self, cell: Cell) -> None:
        """Nobody looks for it."""

    def forget_urn(self, cell: Cell, urn: str) -> None:
        """Nobody looks for it."""

    def to_dead_letters(self, _cell: Cell, message: object, reason: str) -> None:
        self.buried.append((message, reason))


class Nobody:
    """What a cell asks of its actor when it is made."""

    def __init__(self, make_inbox: Callable[[], Any]) -> None:
        self._create_actor_inbox = make_inbox
        self._create_future = new_threading_future


def make_inbox(spec: InboxSpec, services: Undertaker | None = None) -> PolicyInbox:
    """Make an inbox whose owner is a cell without an actor."""
    owner: Any = None
    inbox: Any = spec._make(owner)
    inbox.owner = Cell(Nobody(lambda: inbox), services or Undertaker())  # type: ignore[arg-type]
    found: PolicyInbox = inbox
    return found


def with_inbox(actor_class: Any, spec: InboxSpec) -> Any:
    """Derive a class whose actors have such inboxes."""
    return type(actor_class.__name__, (actor_class,), {"default_inbox": spec})


def inbox_of(ref: Any) -> Any:
    """The inbox of an actor of such a class."""
    return ref._cell.users_inbox()


def name_of(value: Any) -> str | None:
    """The name of a specification, as a part of a test's name."""
    if not isinstance(value, InboxSpec):
        return None
    when_full = getattr(value, "when_full", "")
    return f"{type(value).__name__}-{when_full}-{getattr(value, 'capacity', '')}"
