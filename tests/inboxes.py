"""Actors whose inboxes have a policy, and addresses for such inboxes without an actor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pykka._cell.cell import Address
from pykka._futures.threading_future import new_threading_future
from pykka.inboxes import InboxSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka.inboxes._bounded import PolicyInbox


class Undertaker:
    """Notes what an address tells its system."""

    def __init__(self) -> None:
        self.buried: list[tuple[object, str]] = []

    def enter_urn(self, address: Address) -> None:
        """Nobody looks for it."""

    def forget_urn(self, address: Address, urn: str) -> None:
        """Nobody looks for it."""

    def bury(self, _address: Address, message: object, reason: str) -> None:
        self.buried.append((message, reason))


class Nobody:
    """What an address asks of its actor when it is made."""

    def __init__(self, make_inbox: Callable[[], Any]) -> None:
        self._create_actor_inbox = make_inbox
        self._create_future = new_threading_future


def make_inbox(spec: InboxSpec, home: Undertaker | None = None) -> PolicyInbox:
    """Make an inbox whose owner is an address without an actor."""
    owner: Any = None
    inbox: Any = spec._make(owner)
    inbox.owner = Address(Nobody(lambda: inbox), home or Undertaker())  # type: ignore[arg-type]
    found: PolicyInbox = inbox
    return found


def with_inbox(actor_class: Any, spec: InboxSpec) -> Any:
    """Derive a class whose actors have such inboxes."""
    return type(actor_class.__name__, (actor_class,), {"default_inbox": spec})


def inbox_of(ref: Any) -> Any:
    """The inbox of an actor of such a class."""
    return ref._address.users_inbox()


def name_of(value: Any) -> str | None:
    """The name of a specification, as a part of a test's name."""
    if not isinstance(value, InboxSpec):
        return None
    when_full = getattr(value, "when_full", "")
    return f"{type(value).__name__}-{when_full}-{getattr(value, 'capacity', '')}"
