"""Round robin: one routee after the other, in turn.

With the GIL, a step of `itertools.cycle` is indivisible. Without it, two threads that take a step
at the same time may take it out of bounds before Python 3.14. So there the turns are counted: a
number that two threads draw at once may come twice or be left out, which does no harm.
"""

from __future__ import annotations

import itertools
import operator
from typing import TYPE_CHECKING, Any, TypeVar, overload

from pykka._util.gil import HAS_GIL
from pykka.routing._kinds._turns import TurnsRouter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Unpack

    from pykka._actor.actor import Actor
    from pykka._ref.ref import ActorRef
    from pykka.routing._router import Maker, PoolOptions
    from pykka.supervision._specs import ChildSpec


A = TypeVar("A", bound="Actor")
B = TypeVar("B", bound="Actor")


class RoundRobin(TurnsRouter[A]):
    """Sends each message to the next of its routees, in turn.

    All senders share the turns. They begin with the first routee, and begin again when a routee
    joins or leaves. Without the GIL, two threads that send at the same time may get the same turn.

    An attribute that is set through a proxy is set in only one routee, the one whose turn it is.

    Args:
        refs: The routees.

    Raises:
        TypeError: One of `refs` is not a ref.

    Examples:
        >>> import pykka
        >>> from pykka import routing
        >>> class Greeter(pykka.ThreadingActor):
        ...     def __init__(self, greeting):
        ...         super().__init__()
        ...         self.greeting = greeting
        ...     def greet(self, name):
        ...         return f"{self.greeting}, {name}!"
        >>> router = routing.RoundRobin([Greeter.start("Hi"), Greeter.start("Hello")])
        >>> greeter = router.proxy()
        >>> [greeter.greet("you").get() for _ in range(3)]
        ['Hi, you!', 'Hello, you!', 'Hi, you!']
        >>> router.stop()
        True
    """

    __slots__ = ()

    if TYPE_CHECKING:  # see PoolOptions

        @overload  # type: ignore[override]
        @classmethod
        def pool(
            cls, actor: ChildSpec, size: int, **options: Unpack[PoolOptions]
        ) -> RoundRobin[Any]: ...
        @overload
        @classmethod
        def pool(
            cls, actor: Maker[B], size: int, **options: Unpack[PoolOptions]
        ) -> RoundRobin[B]: ...
        @classmethod
        def pool(cls, actor: Any, size: int, **options: Any) -> RoundRobin[Any]:
            """See `RouterRef.pool`."""
            ...

    def __init__(self, refs: Iterable[ActorRef[A]]) -> None:
        super().__init__(refs)

    def _indices(self, count: int) -> Iterator[int]:
        return round_and_round(count)

    def _turns(
        self, routees: tuple[ActorRef[A], ...], indices: Iterator[int]
    ) -> Iterator[ActorRef[A]]:
        if not HAS_GIL:
            return super()._turns(routees, indices)
        first = next(indices)
        return itertools.cycle((*routees[first:], *routees[:first]))


def round_and_round(count: int) -> Iterator[int]:
    """What `itertools.cycle` does with so many numbers, for threads that run at the same time."""
    return map(operator.mod, itertools.count(), itertools.repeat(count))
