"""Random routing: each message goes to a routee that is drawn by lot."""

from __future__ import annotations

import itertools
import operator
from typing import TYPE_CHECKING, Any, TypeVar, overload

from pykka._util.checks import check_methods
from pykka._util.thread_state import current
from pykka.routing._kinds._turns import TurnsRouter

if TYPE_CHECKING:
    import random as standard_random
    from collections.abc import Iterable, Iterator
    from typing import Unpack

    from pykka._actor.actor import Actor
    from pykka._ref.ref import ActorRef
    from pykka.routing._router import Maker, PoolOptions
    from pykka.supervision._specs import ChildSpec

    class RandomOptions(PoolOptions, total=False):
        """What `Random.pool()` takes."""

        random: standard_random.Random | None


A = TypeVar("A", bound="Actor")
B = TypeVar("B", bound="Actor")


class Random(TurnsRouter[A]):
    """Sends each message to one of its routees, chosen at random, each equally likely.

    Unlike `RoundRobin`, it cannot fall into step with senders that send in a regular pattern.

    An attribute that is set through a proxy is set in one routee, chosen at random.

    Args:
        refs: The routees.
        random: The random number generator. With a seeded one, a program that sends in the same
            order makes the same choices each time. `None` for one of the router's own.

    Raises:
        TypeError: One of `refs` is not a ref, or `random` is not a random number generator.

    Examples:
        >>> import random
        >>> import pykka
        >>> from pykka import routing
        >>> class Echo(pykka.PooledActor):
        ...     def on_receive(self, message):
        ...         return message
        >>> router = routing.Random([Echo.start() for _ in range(3)], random=random.Random(1))
        >>> router.ask("are you there?")
        'are you there?'
        >>> router.stop()
        True
    """

    __slots__ = ("_random",)

    if TYPE_CHECKING:  # see PoolOptions

        @overload  # type: ignore[override]
        @classmethod
        def pool(
            cls, actor: ChildSpec, size: int, **options: Unpack[RandomOptions]
        ) -> Random[Any]: ...
        @overload
        @classmethod
        def pool(
            cls, actor: Maker[B], size: int, **options: Unpack[RandomOptions]
        ) -> Random[B]: ...
        @classmethod
        def pool(cls, actor: Any, size: int, **options: Any) -> Random[Any]:
            """See `RouterRef.pool`."""
            ...

    def __init__(
        self, refs: Iterable[ActorRef[A]], *, random: standard_random.Random | None = None
    ) -> None:
        if random is not None:
            check_methods("random", random, "random.Random", ["random"])
        self._random = current.state.world.new_random() if random is None else random
        super().__init__(refs)

    def _indices(self, count: int) -> Iterator[int]:
        return lots(count, self._random)


def lots(count: int, random: standard_random.Random) -> Iterator[int]:
    """Draw numbers by lot that are less than another one, for ever."""
    # A fraction below 1 of the number of routees, rounded, is below that number.
    fractions = itertools.starmap(random.random, itertools.repeat(()))
    return map(int, map(operator.mul, fractions, itertools.repeat(count)))
