"""Smallest inbox: each message goes to the routee with the least to do."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, TypeVar, overload

from pykka.routing._kinds._unicast import UnicastRouter
from pykka.routing._router import RouterRef

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Unpack

    from pykka._actor.actor import Actor
    from pykka._ref.ref import ActorRef
    from pykka.routing._router import Maker, PoolOptions
    from pykka.supervision._specs import ChildSpec


A = TypeVar("A", bound="Actor")
B = TypeVar("B", bound="Actor")


class SmallestInbox(UnicastRouter[A]):
    """Sends each message to the routee that has the fewest messages to handle.

    That is the number of messages in the inbox, and one more if the routee is handling a message,
    has answered one a moment ago, or is being restarted.

    Routees with the same number take turns. Use it for messages that take different times: with
    `RoundRobin`, some routees would be idle while others fall behind.

    The sender looks at the inboxes one by one, up to the first routee that is idle. Other senders
    may do the same at that moment, so sometimes two of them choose the same routee.

    An attribute that is set through a proxy is set in one routee.

    Args:
        refs: The routees. For a router among them, the messages of all its routees count.

    Raises:
        TypeError: One of `refs` is not a ref.

    Examples:
        >>> import threading
        >>> import pykka
        >>> from pykka import routing
        >>> class Worker(pykka.ThreadingActor):
        ...     def on_receive(self, message):
        ...         return message()
        >>> busy, idle = Worker.start(), Worker.start()
        >>> done = threading.Event()
        >>> for _ in range(3):
        ...     busy.tell(done.wait)
        >>> router = routing.SmallestInbox([busy, idle])
        >>> [router.ask(lambda: "here") for _ in range(3)]
        ['here', 'here', 'here']
        >>> done.set()
        >>> router.stop()
        True
    """

    __slots__ = ("_turns",)

    if TYPE_CHECKING:  # see PoolOptions

        @overload  # type: ignore[override]
        @classmethod
        def pool(
            cls, actor: ChildSpec, size: int, **options: Unpack[PoolOptions]
        ) -> SmallestInbox[Any]: ...
        @overload
        @classmethod
        def pool(
            cls, actor: Maker[B], size: int, **options: Unpack[PoolOptions]
        ) -> SmallestInbox[B]: ...
        @classmethod
        def pool(cls, actor: Any, size: int, **options: Any) -> SmallestInbox[Any]:
            """See `RouterRef.pool`."""
            ...

    def __init__(self, refs: Iterable[ActorRef[A]]) -> None:
        self._turns = itertools.count()
        super().__init__(refs)

    def _choose(self, message: Any) -> ActorRef[A] | None:
        del message
        routees = self._routees
        if not routees:
            return None
        first = next(self._turns) % len(routees)
        chosen = routees[first]
        least = load_of(chosen)
        for routee in (*routees[first + 1 :], *routees[:first]):
            if least == 0:
                break
            load = load_of(routee)
            if load < least:
                chosen, least = routee, load
        return chosen


def load_of(ref: ActorRef[Any]) -> int:
    """How many messages an actor, or a router's routees together, have to handle."""
    if isinstance(ref, RouterRef):
        return sum(load_of(routee) for routee in ref.routees)
    cell = ref._cell
    extension = cell.extension
    is_busy = cell.handling is not None or (extension is not None and extension.down)
    return cell.count() + is_busy
