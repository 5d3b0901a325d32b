"""Who can never go on, where some wait for any of several, and some for all of several.

Problem
    In a graph in which each waits for one other, those who can never go on are the circles and
    those who wait for them. An actor that waits for the first of three answers can go on when one
    of them comes, so a circle through one of the three harms no actor. It is stuck only if all
    three are. And an answer that is made from two others comes only if both do.

Algorithm
    An actor *needs* several things, each of which comes in one of several ways, and each way leads
    over several edges. First, those are found that can go on: who needs nothing; and then, until
    no more are found, those that have for each of their needs one way on which all can go on. The
    others are stuck. That is the least fixed point, so it does not take a circle for a way out.

    Who is stuck and leads back to himself, over such as are stuck, is the one who has closed the
    knot. Who is stuck and does not, only waits for a knot that others have closed, and one of them
    is its victim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable


class Arrow(Protocol):
    """An edge of the graph."""

    @property
    def target(self) -> Any:
        """Where it leads."""


E = TypeVar("E", bound=Arrow)


def find_knot(
    start: Any, needs_of: Callable[[Any], list[list[list[E]]]]
) -> tuple[list[E], list[E]] | None:
    """Find the knot that one who waits is a part of.

    Args:
        start: The one.
        needs_of: What an actor needs: a list of needs; each is a list of ways; each is a list of
            edges.

    Returns:
        The edges of a shortest circle through `start`, and all edges between those who are stuck
        that lead on from it; `None` if it can go on, or waits for a knot of others.
    """
    needs = _collect(start, needs_of)
    stuck = _stuck(needs)
    if start not in stuck:
        return None
    edges: list[E] = []
    came_by: dict[Any, E] = {}
    to_do = [start]
    parents: dict[Any, Any] = {}
    closing: tuple[Any, E] | None = None
    for source in to_do:  # it grows meanwhile
        for edge in _stuck_edges(needs[source], stuck):
            edges.append(edge)
            target = edge.target
            if target is start:
                closing = closing or (source, edge)
            elif target not in came_by:
                came_by[target] = edge
                parents[target] = source
                to_do.append(target)
    if closing is None:
        return None
    source, edge = closing
    circle = [edge]
    while source is not start:
        circle.append(came_by[source])
        source = parents[source]
    return circle[::-1], edges


def _collect(
    start: Any, needs_of: Callable[[Any], list[list[list[E]]]]
) -> dict[Any, list[list[list[E]]]]:
    """What all those need that one leads to."""
    needs: dict[Any, list[list[list[E]]]] = {}
    to_do = [start]
    while to_do:
        source = to_do.pop()
        if source not in needs:
            needs[source] = needs_of(source)
            to_do.extend(edge.target for need in needs[source] for way in need for edge in way)
    return needs


def _stuck(needs: dict[Any, list[list[list[E]]]]) -> set[Any]:
    """Those who can never go on."""
    stuck = set(needs)
    left = 0
    while left != len(stuck):
        left = len(stuck)
        for each in reversed(needs):  # the last one found first, so that a line takes one round
            if each in stuck and not _stuck_edges(needs[each], stuck):
                stuck.discard(each)
    return stuck


def _stuck_edges(needs: list[list[list[E]]], stuck: set[Any]) -> list[E]:
    """The edges to such as are stuck, of the needs for which there is no way without one."""
    found: list[E] = []
    for need in needs:
        blocked = [[edge for edge in way if edge.target in stuck] for way in need]
        if all(blocked):
            found += [edge for way in blocked for edge in way]
    return found


def leads_only_to(
    start: Any, ways_of: Callable[[Any], list[list[E]]], is_lost: Callable[[Any], bool]
) -> bool:
    """Tell whether every way on from an actor leads to such as are lost, and there is one.

    Unlike in `find_knot`, a circle is no loss: it has a victim, who will go on.

    Args:
        start: The one; whether it is lost itself makes no difference.
        ways_of: The ways on; each is a list of edges, all of which have to be gone.
        is_lost: Who is lost.
    """
    ways = {start: ways_of(start)}
    lost: set[Any] = set()
    to_do = [start]
    for source in to_do:  # it grows meanwhile
        for target in [edge.target for way in ways[source] for edge in way]:
            if target in ways:
                continue
            ways[target] = []
            if is_lost(target):
                lost.add(target)
            else:
                ways[target] = ways_of(target)
                to_do.append(target)
    found = -1
    while found != len(lost):
        found = len(lost)
        for source in reversed(to_do):
            if ways[source] and all(
                any(edge.target in lost for edge in way) for way in ways[source]
            ):
                lost.add(source)
    return start in lost
