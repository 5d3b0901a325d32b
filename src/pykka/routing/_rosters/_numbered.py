"""Maps from numbers to things that are never changed: each change makes another map.

It shares nearly all with the one before. So the holder of one has a snapshot, without a lock, and
a change costs the same however often the map is read in between (guarantee G13).

A map is a tree. Each node has up to 16 children, in a dict, in the order of their numbers. In a
leaf, the keys are the numbers; the keys of a node above are those of its children, without their
last four bits. A change copies the nodes on the way from the root to one leaf. A node without
children is left out, so that the way to the first thing, or to the next one, is as short as the
tree is high: the number of digits of the highest number, in the system to the base 16.

(Persistent data structures: Driscoll et al., J. Comput. Syst. Sci. 38, 1989.)
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

V = TypeVar("V")

BITS: Final = 4


class _Node(NamedTuple):
    children: dict[int, Any]
    size: int
    """How many things are below."""


_NOTHING = _Node({}, 0)


class Numbered(Generic[V]):
    """A map from numbers to things, which are not `None`. It is sorted by the numbers.

    Args:
        things: The things, with their numbers, in that order.
    """

    __slots__ = ("_height", "_root")

    def __init__(self, things: Iterable[tuple[int, V]] = ()) -> None:
        self._height = 0
        level: dict[int, Any] = dict(things)
        sizes = dict.fromkeys(level, 1)
        while True:
            above: dict[int, _Node] = {}
            for number, child in level.items():
                parent = above.get(number >> BITS)
                children = {} if parent is None else parent.children
                children[number] = child
                size = sizes[number] + (0 if parent is None else parent.size)
                above[number >> BITS] = _Node(children, size)
            if not above or (len(above) == 1 and 0 in above):
                self._root = above.get(0, _NOTHING)
                return
            level = above
            sizes = {number: node.size for number, node in above.items()}
            self._height += 1

    def __len__(self) -> int:
        return self._root.size

    def get(self, number: int) -> V | None:
        """The thing with a number, or `None`."""
        node = self._root
        for height in range(self._height, 0, -1):
            node = node.children.get(number >> BITS * height, _NOTHING)
        thing: V | None = node.children.get(number)
        return thing

    def at(self, index: int) -> V:
        """The thing that so many others come before, which is less than there are."""
        node = self._root
        for _ in range(self._height):
            for child in node.children.values():
                if index < child.size:
                    node = child
                    break
                index -= child.size
        found: V = list(node.children.values())[index]
        return found

    def first(self) -> tuple[int, V] | None:
        """The lowest number and its thing, or `None` if there is none."""
        node = self._root
        for _ in range(self._height):
            node = next(iter(node.children.values()), _NOTHING)
        return next(iter(node.children.items()), None)

    def things(self) -> tuple[V, ...]:
        """All things, in the order of their numbers."""
        return tuple(chain.from_iterable(each.values() for each in self._leaves()))

    def items(self) -> list[tuple[int, V]]:
        """All numbers and their things, in order."""
        return list(chain.from_iterable(each.items() for each in self._leaves()))

    def _leaves(self) -> Iterable[dict[int, V]]:
        nodes = [self._root]
        for _ in range(self._height):
            nodes = [child for node in nodes for child in node.children.values()]
        return [node.children for node in nodes]

    def with_(self, number: int, thing: V) -> Numbered[V]:
        """A map in which a number has a thing, instead of the one that it had, if any."""
        root, height = self._root, self._height
        while number >> BITS * (height + 1):
            root = _Node({0: root}, root.size) if root.size else root
            height += 1
        return _made(_with(root, height, number, thing), height)

    def without(self, number: int) -> Numbered[V]:
        """A map in which a number has nothing."""
        if self.get(number) is None:
            return self
        return _made(_without(self._root, self._height, number), self._height)


def _made(root: _Node, height: int) -> Numbered[Any]:
    made: Numbered[Any] = Numbered()
    made._root = root
    made._height = height
    return made


def _with(node: _Node, height: int, number: int, thing: Any) -> _Node:
    children = node.children.copy()
    key = number >> BITS * height
    before = children.get(key)
    if height:
        old: _Node = before or _NOTHING
        thing = _with(old, height - 1, number, thing)
        growth = thing.size - old.size
    else:
        growth = int(before is None)
    is_out_of_order = before is None and bool(children) and key < next(reversed(children))
    children[key] = thing
    if is_out_of_order:
        children = {key: children[key] for key in sorted(children)}
    return _Node(children, node.size + growth)


def _without(node: _Node, height: int, number: int) -> _Node:
    children = node.children.copy()
    key = number >> BITS * height
    child = _without(children[key], height - 1, number) if height else _NOTHING
    if child.size:
        children[key] = child
    else:
        del children[key]
    return _Node(children, node.size - 1)
