"""The ring of consistent hashing, which is never changed: a change makes another one.

A ring is a tree of its points. A leaf has up to 64 points, sorted. What is above it has sixteen
children, one for each value of the next four bits of the hash. Hashes are as good as random, so
all leaves are about equally deep, and a change copies the ways to as many leaves as a routee has
points (guarantee G13).
"""

from __future__ import annotations

from bisect import bisect, bisect_left
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Final

    from pykka._ref.ref import ActorRef

BITS: Final = 4
TOP: Final = 60
"""By so many bits the hash is shifted at the root, so that the highest four are left."""

LEAF: Final = 64
"""So many points are in a leaf, at most."""


class _Leaf(NamedTuple):
    hashes: list[int]
    owners: list[ActorRef[Any]]

    @property
    def size(self) -> int:
        """How many points there are."""
        return len(self.hashes)


class _Fork(NamedTuple):
    children: list[_Leaf | _Fork]
    size: int


_Tree: TypeAlias = _Leaf | _Fork

_EMPTY = _Leaf([], [])


class Ring:
    """Points, 64 bits each, and who owns what lies between each and the one before.

    Args:
        points: The points and their owners, in any order.
    """

    __slots__ = ("_tree",)

    def __init__(self, points: Iterable[tuple[int, ActorRef[Any]]] = ()) -> None:
        ordered = sorted(points, key=itemgetter(0))
        self._tree = _plant([each[0] for each in ordered], [each[1] for each in ordered], TOP)

    def with_(self, hashes: list[int], owner: ActorRef[Any]) -> Ring:
        """A ring in which a routee owns these points as well, which are sorted."""
        ring = Ring()
        ring._tree = _with(self._tree, TOP, hashes, owner)
        return ring

    def without(self, hashes: list[int], owner: ActorRef[Any]) -> Ring:
        """A ring in which a routee owns none of these points, which are sorted, and all it has."""
        ring = Ring()
        ring._tree = _without(self._tree, TOP, hashes, owner)
        return ring

    def owner(self, point: int) -> ActorRef[Any] | None:
        """Whose a point is, or `None` if there are no owners."""
        tree: Any = self._tree
        shift = TOP
        while isinstance(tree, _Fork):
            tree = tree.children[point >> shift & 15]
            shift -= BITS
        leaf: _Leaf = tree
        hashes, owners = leaf
        index = bisect(hashes, point)
        if index < len(hashes):
            return owners[index]
        # It belongs to the next leaf, or to the first one, since it is a ring.
        found = _after(self._tree, TOP, point)
        return _first(self._tree) if found is None else found


def _parts(hashes: list[int], shift: int) -> Iterator[tuple[int, int, int]]:
    """Which of some sorted points go to which child: from where, and up to where."""
    begin = 0
    while begin < len(hashes):
        bits = hashes[begin] >> shift
        end = bisect_left(hashes, bits + 1 << shift, begin)
        yield bits & 15, begin, end
        begin = end


def _plant(hashes: list[int], owners: list[ActorRef[Any]], shift: int) -> _Tree:
    """Make a tree of sorted points."""
    if len(hashes) <= LEAF or shift < 0:
        return _Leaf(hashes, owners)
    children: list[_Tree] = [_EMPTY] * 16
    for bits, begin, end in _parts(hashes, shift):
        children[bits] = _plant(hashes[begin:end], owners[begin:end], shift - BITS)
    return _Fork(children, len(hashes))


def _with(tree: _Tree, shift: int, points: list[int], owner: ActorRef[Any]) -> _Tree:
    if isinstance(tree, _Fork):
        children = tree.children.copy()
        for bits, begin, end in _parts(points, shift):
            children[bits] = _with(children[bits], shift - BITS, points[begin:end], owner)
        return _Fork(children, tree.size + len(points))
    hashes, owners = tree.hashes.copy(), tree.owners.copy()
    for point in points:
        index = bisect(hashes, point)
        hashes.insert(index, point)
        owners.insert(index, owner)
    return _plant(hashes, owners, shift)


def _without(tree: _Tree, shift: int, points: list[int], owner: ActorRef[Any]) -> _Tree:
    if isinstance(tree, _Fork):
        children = tree.children.copy()
        for bits, begin, end in _parts(points, shift):
            children[bits] = _without(children[bits], shift - BITS, points[begin:end], owner)
        size = tree.size - len(points)
        # Half of what makes a fork, so that few changes go to and fro.
        return _Fork(children, size) if size > LEAF // 2 else _as_leaf(children)
    hashes, owners = tree.hashes.copy(), tree.owners.copy()
    for point in points:
        index = bisect_left(hashes, point)
        while owners[index] is not owner:  # it has the same hash
            index += 1
        del hashes[index], owners[index]
    return _Leaf(hashes, owners)


def _as_leaf(children: Iterable[_Tree]) -> _Leaf:
    hashes: list[int] = []
    owners: list[ActorRef[Any]] = []
    for child in children:
        leaf = _as_leaf(child.children) if isinstance(child, _Fork) else child
        hashes += leaf.hashes
        owners += leaf.owners
    return _Leaf(hashes, owners)


def _after(tree: _Tree, shift: int, point: int) -> ActorRef[Any] | None:
    """The owner of the first point in a tree that is beyond another one."""
    if isinstance(tree, _Leaf):
        index = bisect(tree.hashes, point)
        return tree.owners[index] if index < len(tree.hashes) else None
    bits = point >> shift & 15
    found = _after(tree.children[bits], shift - BITS, point)
    for child in tree.children[bits + 1 :]:
        if found is not None:
            break
        found = _first(child)
    return found


def _first(tree: _Tree) -> ActorRef[Any] | None:
    """The owner of the first point in a tree."""
    while isinstance(tree, _Fork):
        tree = next((each for each in tree.children if each.size), _EMPTY)
    return tree.owners[0] if tree.owners else None
