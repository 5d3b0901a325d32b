"""Consistent hashing: equal keys go to the same routee, and most of them stay when others come.

The ring
    The hashes of all keys, 64 bits each, are thought of as a ring. Each routee has many points on
    it, its *virtual nodes*, and owns what lies between each of them and the point before. When a
    routee joins, its points take what they need from their neighbours, and nothing else changes
    owner; when it leaves, its neighbours get that back. So with n routees about one key in n
    moves. With one point each, the shares would be most unequal; with v points, they differ from
    each other by about 1/√v of a share.

The points of a routee
    follow from its *place*: the first routee has place 0, and one that joins takes the lowest
    place that is free. URNs would be other ones in each run of a program. With places, the same
    key belongs to, say, the third of four routees in every run; and a routee that takes the place
    of one that has died gets that one's keys.

The hash
    Is the same in each process, on each machine and in each version of Python. `hash()` is not:
    for strings and bytes it changes with each process, on purpose. CRC-32 is so regular that keys
    which differ little lie close together, and 32 bits are few for some thousand points. BLAKE2b
    has neither fault and takes a microsecond.

(Consistent hashing: Karger et al., STOC 1997. Rendezvous hashing, Thaler & Ravishankar 1998, does
without a ring, but looks at each routee for each message.)
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload

from pykka._futures.unhandled.recall import content_of
from pykka._util.checks import check_callable, check_count, shorten
from pykka.routing._kinds._unicast import UnicastRouter
from pykka.routing._rosters._numbered import Numbered
from pykka.routing._rosters._ring import Ring
from pykka.routing._router import RouterRef

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Required, Unpack

    from pykka._actor.actor import Actor
    from pykka._ref.ref import ActorRef
    from pykka.routing._rosters._roster import Change, Roster
    from pykka.routing._router import Maker, PoolOptions
    from pykka.supervision._specs import ChildSpec

    class ConsistentHashingOptions(PoolOptions, total=False):
        """What `ConsistentHashing.pool()` takes."""

        key: Required[Callable[[Any], Any]]
        virtual_nodes: int


A = TypeVar("A", bound="Actor")
B = TypeVar("B", bound="Actor")


class _Share(NamedTuple):
    place: int
    points: list[int]
    """Sorted."""


class _Plan(NamedTuple):
    """Who owns which points."""

    ring: Ring
    shares: Numbered[_Share]
    """What each of the routees has, by their numbers."""

    free: Numbered[bool]
    """The places that are free, of those below the last one that was ever taken."""

    end: int
    """The place behind that one."""


class ConsistentHashing(UnicastRouter[A]):
    """Sends messages with equal keys to the same routee.

    When a routee joins or leaves a router of n routees, about one key in n moves to another
    routee; all others stay. So the routees may keep data that belongs to their keys: caches,
    accounts, sessions.

    Which key belongs to which routee depends on the key, the order in which the routees joined,
    and `virtual_nodes`. It is the same in each run of a program. A routee that joins after another
    one has left or died takes the place of that one, and gets its keys. So does a routee that a
    pool starts in place of one that has ended. A pool of n routees always has the places 0 to
    n - 1.

    Messages that are sent through a proxy are `ProxyCall`, `ProxyGetAttr` and `ProxySetAttr`
    objects, and `key` is called with these; see the example.

    Args:
        refs: The routees.
        key: Takes a message and returns its key: a `str`, `bytes`, an `int`, or a tuple of these
            and of such tuples. It is called on the sender's thread, and the sender gets any
            exception that it raises.
        virtual_nodes: The number of parts into which the keys of each routee are divided. With
            more of them, the routees get more equal shares, and adding or removing one is slower.

    Raises:
        TypeError: One of `refs` is not a ref, or `key` is not a function. When a message is sent:
            its key has another type.
        ValueError: `virtual_nodes` is less than 1.

    Examples:
        >>> import pykka
        >>> from pykka import routing
        >>> class Accounts(pykka.PooledActor):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.balances = {}
        ...     def deposit(self, owner, amount):
        ...         self.balances[owner] = self.balances.get(owner, 0) + amount
        ...         return self.balances[owner]
        >>> router = routing.ConsistentHashing(
        ...     [Accounts.start() for _ in range(4)], key=lambda call: call.args[0]
        ... )
        >>> accounts = router.proxy()
        >>> for name in ("Ada", "Bob", "Cleo", "Ada"):
        ...     balance = accounts.deposit(name, 10).get()
        >>> balance
        20
        >>> router.stop()
        True
    """

    __slots__ = ("_key", "_virtual_nodes")

    if TYPE_CHECKING:  # see PoolOptions

        @overload  # type: ignore[override]
        @classmethod
        def pool(
            cls, actor: ChildSpec, size: int, **options: Unpack[ConsistentHashingOptions]
        ) -> ConsistentHashing[Any]: ...
        @overload
        @classmethod
        def pool(
            cls, actor: Maker[B], size: int, **options: Unpack[ConsistentHashingOptions]
        ) -> ConsistentHashing[B]: ...
        @classmethod
        def pool(cls, actor: Any, size: int, **options: Any) -> ConsistentHashing[Any]:
            """See `RouterRef.pool`."""
            ...

    _plan: _Plan

    def __init__(
        self,
        refs: Iterable[ActorRef[A]],
        *,
        key: Callable[[Any], Any],
        virtual_nodes: int = 128,
    ) -> None:
        check_callable("key", key, "a message, and returns its key")
        check_count("virtual_nodes", virtual_nodes)
        self._key = key
        self._virtual_nodes = virtual_nodes
        super().__init__(refs)

    def routee_of(self, key: object) -> ActorRef[A] | None:
        """Return the routee that a key belongs to, or `None` if there are no routees.

        Args:
            key: A key, as the router's `key` function returns it.

        Raises:
            TypeError: The key has another type.
        """
        return self._plan.ring.owner(_hash(as_bytes(key)))

    def _choose(self, message: Any) -> ActorRef[A] | None:
        return self.routee_of(self._key(content_of(message)))

    # The key of a call is made from the call.
    _call = RouterRef._call  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    _defer = RouterRef._defer  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]

    def _make_plan(self, roster: Roster, change: Change | None, before: _Plan | None) -> _Plan:
        if before is None or change is None:
            return self._first_plan(roster)
        number, gone, come = change
        ring, shares, free, end = before
        share = shares.get(number)
        if gone is not None and share is not None:
            ring = ring.without(share.points, gone)
            shares = shares.without(number)
            free = free.with_(share.place, True)  # noqa: FBT003 (any thing will do)
        if come is not None:
            lowest = free.first()
            place = end if lowest is None else lowest[0]
            if self._pool is not None:
                place = number
            if share is None or share.place != place:
                share = self._share(place)
            ring = ring.with_(share.points, come)
            shares = shares.with_(number, share)
            free = free.without(place)
            end = max(end, place + 1)
        return _Plan(ring, shares, free, end)

    def _first_plan(self, roster: Roster) -> _Plan:
        """The plan for routees whose places are their numbers."""
        members = roster.members.items()
        shares = Numbered((number, self._share(number)) for number, _ in members)
        ring = Ring(
            (point, ref)
            for (_, ref), share in zip(members, shares.things(), strict=True)
            for point in share.points
        )
        return _Plan(ring, shares, Numbered(), roster.next_number)

    def _share(self, place: int) -> _Share:
        points = [_hash(b"%d/%d" % (place, node)) for node in range(self._virtual_nodes)]
        return _Share(place, sorted(points))


def _hash(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "big")


def as_bytes(key: object) -> bytes:
    """Write a key so that different keys are different bytes, and equal keys the same.

    Raises:
        TypeError: The key is of a type that is not known to be the same in each process.
    """
    if isinstance(key, str):
        return b"s" + key.encode("utf-8", "surrogatepass")
    if isinstance(key, bytes):
        return b"b" + key
    if isinstance(key, int):
        return b"i" + key.to_bytes(key.bit_length() // 8 + 1, "big", signed=True)
    if isinstance(key, tuple):
        parts: list[bytes] = [as_bytes(part) for part in key]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        return b"t" + b"".join(b"%d:%b" % (len(part), part) for part in parts)
    msg = (
        f"the key of a message is a str, bytes, an int or a tuple of these, not {shorten(key)}; "
        "have the function `key` return str(…) of what identifies it"
    )
    raise TypeError(msg)
