"""Who of those that wait for each other can never go on."""

from __future__ import annotations

import sys
from typing import NamedTuple

import pytest

from pykka._deadlock.knots import find_knot, leads_only_to


class Edge(NamedTuple):
    source: str
    target: str


Ways = dict[str, list[str]]


def needs_in(graph: Ways, name: str) -> list[list[list[Edge]]]:
    """Somebody needs all of those whose letters are in a word together, in one of the ways."""
    return [ways_in(graph, name)] if graph.get(name) else []


def ways_in(graph: Ways, name: str) -> list[list[Edge]]:
    # Nobody is told from others by what it is equal to.
    return [[Edge(name, sys.intern(target)) for target in word] for word in graph.get(name, [])]


def circle_in(graph: Ways, start: str) -> str | None:
    knot = find_knot(start, lambda name: needs_in(graph, name))
    return None if knot is None else "".join(edge.source for edge in knot[0])


@pytest.mark.parametrize(
    ("graph", "circle"),
    [
        ({"a": ["b"], "b": ["a"]}, "ab"),
        ({"a": ["b"], "b": []}, None),
        # A knot of others, which has a victim of its own.
        ({"a": ["b"], "b": ["c"], "c": ["b"]}, None),
        ({"a": ["bc"], "b": ["c"], "c": ["b"]}, None),
        # Two ways lead to the same one, and the shortest circle is told.
        ({"a": ["bc"], "b": ["d"], "c": ["d"], "d": ["a"]}, "abd"),
        # Any of several is enough.
        ({"a": ["b", "c"], "b": ["a"], "c": []}, None),
        ({"a": ["b", "c"], "b": ["a"], "c": ["a"]}, "ab"),
    ],
)
def test_a_knot_is_found_by_those_who_are_a_part_of_it(graph: Ways, circle: str | None) -> None:
    assert circle_in(graph, "a") == circle


@pytest.mark.parametrize(
    ("graph", "lost", "expected"),
    [
        ({"a": ["b"]}, "b", True),
        ({"a": ["b"]}, "", False),
        ({"a": []}, "", False),
        ({"a": ["b", "c"]}, "b", False),
        ({"a": ["b", "c"]}, "bc", True),
        ({"a": ["bc"]}, "b", True),
        # Two ways lead to the same one.
        ({"a": ["b", "c"], "b": ["d"], "c": ["d"]}, "d", True),
        ({"a": ["b", "c"], "b": ["d"], "c": ["d"]}, "", False),
        # A circle is no loss.
        ({"a": ["b"], "b": ["a"]}, "", False),
    ],
)
def test_who_waits_only_for_such_as_are_lost(graph: Ways, lost: str, expected: bool) -> None:
    ways = leads_only_to("a", lambda name: ways_in(graph, name), lambda name: name in lost)
    assert ways is expected
