"""The forest fire burns what a plain search finds, and says so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.examples.running import command, on_terminal, output_of, run

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
    assert lines[-2] == ". standing  ^ burning  # burned"
    assert len(lines) == 3 + 30 + 2
    assert set("".join(lines[3:-2])) <= set(" .:+*#")


SGR = re.compile(r"\x1b\[[\d;]*m")
NEXT_PICTURE, END_OF_PICTURE, END_OF_LINE = "\x1b[H", "\x1b[J", "\x1b[K"
OTHER_SCREEN, OLD_SCREEN = "\x1b[?1049h", "\x1b[?1049l"


def pictures_of(text: str) -> list[list[str]]:
    """The lines of each picture that was drawn, without colours."""
    return [
        SGR.sub("", picture.partition(END_OF_PICTURE)[0]).replace(END_OF_LINE, "").split("\n")
        for picture in text.split(NEXT_PICTURE)[1:]
    ]


def test_on_a_terminal_it_burns_in_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    with on_terminal(command("forest_fire.py", "--size", "50"), width=100) as terminal:
        assert terminal.read_to_end() == 0

    first, *_others = pictures = pictures_of(terminal.text)
    assert {lines[-1] for lines in pictures} == {"█ standing  █ burning  █ burned"}
    assert [len(line) for line in first[:25]] == [50] * 25
    assert "\x1b[38;5;" in terminal.text
    kept = terminal.text.partition(OLD_SCREEN)[2]  # stays on the screen when it has ended
    assert "\x1b[?" not in kept
    assert len(kept.splitlines()) == 2 + 25 + 2
    assert terminal.text.index("Started") < terminal.text.index(OTHER_SCREEN)


def test_on_a_narrow_terminal_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    program = command("forest_fire.py", "--size", "50", "--pace", "0")
    with on_terminal(program, width=40) as terminal:
        assert terminal.read_to_end() == 0

    assert SGR.search(terminal.text) is None
    for lines in pictures_of(terminal.text):
        assert {len(line) for line in lines[:20]} == {40}
        assert max(map(len, lines)) <= 40
        assert lines[-1] == ". standing  ^ burning  # burned"


def test_the_terminal_gets_another_size_and_then_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    program = command("forest_fire.py", "--size", "50", "--pace", "600")
    with on_terminal(program, width=100) as terminal:
        terminal.read_until(END_OF_PICTURE)
        terminal.text = ""
        terminal.resize(width=20, height=8)
        terminal.read_until(re.compile(r"\x1b\[J[^$]*\x1b\[J[^$]*\x1b\[J"))
        smaller = pictures_of(terminal.text)[-1]
        terminal.press_ctrl_c()
        assert terminal.read_to_end() == 130

    assert [len(line) for line in smaller[:5]] == [10] * 5
    assert max(map(len, smaller[:-1])) <= 20
    assert OLD_SCREEN in terminal.text
    assert "Traceback" not in terminal.text


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
