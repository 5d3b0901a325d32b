"""The forest fire burns what a plain search finds, and says so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.examples.running import output_of, run

import pykka

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

Place = tuple[int, int]


@pytest.fixture
def fire(load: Callable[[str], ModuleType]) -> ModuleType:
    """The program, imported."""
    return load("forest_fire")


def reached(places: list[Place]) -> set[Place]:
    """What burns, found without any actor."""
    standing = set(places)
    burning = [place for place in places if place[1] == 0]
    burned = set()
    while burning:
        place = burning.pop()
        if place in standing:
            standing.remove(place)
            burned.add(place)
            row, column = place
            burning += [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
    return burned


@pytest.mark.thinned
@pytest.mark.parametrize("density", [0.4, 0.6, 0.8, 1.0])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_burns(fire: ModuleType, density: float, seed: int) -> None:
    places = fire.plant(40, density, seed)
    burned, messages = fire.burn(places)

    assert burned == reached(places)
    # Each tree that burns tells its neighbours; each is told at least by one other, or by us.
    assert messages >= 2 * len(burned)
    assert len(pykka.ActorRegistry.get_by_class(fire.Tree)) == len(places)


def test_no_tree_at_the_edge(fire: ModuleType) -> None:
    assert fire.burn([(0, 1), (1, 2)]) == (set(), 0)


def test_a_single_tree(fire: ModuleType) -> None:
    assert fire.burn([(0, 0)]) == ({(0, 0)}, 2)


def test_the_map(fire: ModuleType) -> None:
    places = [(row, column) for row in range(4) for column in range(4)]
    burned = [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]

    assert fire.draw(places, burned, 4, width=2) == "*."
    assert fire.draw(places, burned, 4, width=4) == "##..\n++.."
    assert fire.draw([], [], 2, width=2) == "  "


def test_the_program_as_its_users_run_it() -> None:
    text = output_of("forest_fire.py", "--size", "60", "--density", "0.7")
    lines = text.splitlines()

    assert re.fullmatch(r"Started 2,\d\d\d actors in \d+\.\d s", lines[0])
    assert re.fullmatch(r"Sent \d+,\d\d\d messages in \d+\.\d s, on \d+ threads", lines[1])
    assert re.fullmatch(r"Asked 2,\d\d\d trees in \d+\.\d s", lines[2])
    assert re.fullmatch(r"Burned 2,\d\d\d of 2,\d\d\d trees", lines[-1])
    assert len(lines) == 3 + 30 + 1
    assert set("".join(lines[3:-1])) <= set(" .:+*#")


@pytest.mark.exhaustive
def test_100_000_trees() -> None:
    text = output_of("forest_fire.py")
    started = re.search(r"Started ([\d,]+) actors", text)
    threads = re.search(r"on (\d+) threads", text)

    assert started is not None
    assert int(started[1].replace(",", "")) > 100_000
    assert threads is not None
    assert int(threads[1]) < 500  # on a machine that is busy with other things, too


def test_wrong_usage() -> None:
    completed = run("forest_fire.py", "--size", "large")

    assert completed.returncode == 2
    assert "invalid int value: 'large'" in completed.stderr
