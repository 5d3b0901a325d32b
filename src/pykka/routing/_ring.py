"""The ring of consistent hashing, which is never changed: a change makes another one.

A ring is a tree of its points. A leaf has up to 32 points, sorted. What is above it has sixteen
children, one for each value of the next four bits of the hash. Hashes are as good as random, so
all leaves are about equally deep, and a change copies the ways to as many leaves as a routee has
points (guarantee G13).
"""

from __future__ import annotations

from bisect import bisect
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

    from pykka._ref import ActorRef

BITS: Final = 4
TOP: Final = 60
"""By so many bits the hash is shifted at the root, so that the highest four are left."""

LEAF: Final = 32
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
        self._tree = _plant(sorted(points, key=_hash_of), TOP)

    def with_(self, hashes: Iterable[int], owner: ActorRef[Any]) -> Ring:
        """A ring in which a routee owns these points as well."""
        ring = Ring()
        ring._tree = _with(self._tree, TOP, sorted(hashes), owner)
        return ring

    def without(self, hashes: Iterable[int], owner: ActorRef[Any]) -> Ring:
        """A ring in which a routee owns none of these points, which are all that it has."""
        ring = Ring()
        ring._tree = _without(self._tree, TOP, sorted(hashes), owner)
        return ring

    def owner(self, point: int) -> ActorRef[Any] | None:
        """Whose a point is, or `None` if there are no owners."""
        tree, shift = self._tree, TOP
        while tree.__class__ is _Fork:
            tree = tree[0][point >> shift & 15]  # type: ignore[assignment]
            shift -= BITS
        hashes, owners = tree
        index = bisect(hashes, point)  # type: ignore[arg-type]
        if index < len(hashes):  # type: ignore[arg-type]
            return owners[index]  # type: ignore[index, no-any-return]
        # It belongs to the next leaf, or to the first one, since it is a ring.
        found = _after(self._tree, TOP, point)
        return _first(self._tree) if found is None else found


def _hash_of(point: tuple[int, ActorRef[Any]]) -> int:
    return point[0]


def _plant(points: list[tuple[int, ActorRef[Any]]], shift: int) -> _Tree:
    """Make a tree of sorted points."""
    if len(points) <= LEAF or shift < 0:
        return _Leaf([each[0] for each in points], [each[1] for each in points])
    children: list[_Tree] = [_EMPTY] * 16
    for bits, part in groupby(points, lambda each: each[0] >> shift & 15):
        children[bits] = _plant(list(part), shift - BITS)
    return _Fork(children, len(points))


def _with(tree: _Tree, shift: int, hashes: list[int], owner: ActorRef[Any]) -> _Tree:
    if isinstance(tree, _Fork):
        children = tree.children.copy()
        for bits, part in groupby(hashes, lambda each: each >> shift & 15):
            children[bits] = _with(children[bits], shift - BITS, list(part), owner)
        return _Fork(children, tree.size + len(hashes))
    points = [*zip(tree.hashes, tree.owners, strict=True), *((each, owner) for each in hashes)]
    points.sort(key=_hash_of)
    return _plant(points, shift)


def _without(tree: _Tree, shift: int, hashes: list[int], owner: ActorRef[Any]) -> _Tree:
    if isinstance(tree, _Fork):
        children = tree.children.copy()
        for bits, part in groupby(hashes, lambda each: each >> shift & 15):
            children[bits] = _without(children[bits], shift - BITS, list(part), owner)
        size = sum(each.size for each in children)
        if size > LEAF // 2:  # half of what makes a fork, so that few changes go to and fro
            return _Fork(children, size)
        points = [each for child in children for each in _points(child)]
    else:
        gone = set(hashes)
        points = [
            each for each in _points(tree) if each[0] not in gone or each[1] is not owner
        ]
    return _Leaf([each[0] for each in points], [each[1] for each in points])


def _points(tree: _Tree) -> list[tuple[int, ActorRef[Any]]]:
    if isinstance(tree, _Fork):
        return [each for child in tree.children for each in _points(child)]
    return list(zip(tree.hashes, tree.owners, strict=True))


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
