"""The table of `docs/compatibility.md` is complete, and what it names exists."""

from __future__ import annotations

import functools
import importlib
import inspect
import re
from pathlib import Path

import pytest

import pykka

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "compatibility.md").read_text(encoding="utf-8")
DIFFERENCES, HEADING, TABLES = PAGE.partition("\n## Differences\n")[2].partition("\n## Names\n")
DOORS = [
    "pykka",
    "pykka.messages",
    "pykka.debug",
    "pykka.typing",
    "pykka.dead_letters",
    "pykka.instruments",
    "pykka.inboxes",
    "pykka.timers",
    "pykka.supervision",
    "pykka.resilience",
    "pykka.routing",
]
SEPARATOR = re.compile(r"(?<!\\)\|")


def rows(text: str) -> list[list[str]]:
    """The cells of the rows of all tables, without heads and rules."""
    lines = text.splitlines()
    rules = {number for number, line in enumerate(lines) if line and set(line) <= set("|- ")}
    return [
        [cell.strip() for cell in SEPARATOR.split(line)[1:-1]]
        for number, line in enumerate(lines)
        if line.startswith("|") and not {number, number + 1} & rules
    ]


@functools.cache
def functions_of(path: Path) -> set[str]:
    """The names of the test functions of a file."""
    text = path.read_text(encoding="utf-8")
    return set(re.findall(r"^ *(?:async )?def (test_\w+)", text, re.MULTILINE))


ROWS = rows(TABLES)
NAMED = sorted({row[-1] for row in ROWS})


def test_there_are_rows() -> None:
    assert HEADING
    assert len(ROWS) > 150
    assert len(rows(DIFFERENCES)) > 40


def test_each_row_says_something_and_names_one_test() -> None:
    pattern = re.compile(r"`[a-z_0-9/]+\.py::test_\w+`")

    assert [row for row in ROWS if not any(row[:-1]) or not pattern.fullmatch(row[-1])] == []


def test_the_tests_exist() -> None:
    places = [named.strip("`").partition("::") for named in NAMED]

    assert [
        place
        for place in places
        if not (ROOT / "tests" / place[0]).is_file()
        or place[2] not in functions_of(ROOT / "tests" / place[0])
    ] == []


def test_each_difference_says_what_was_what_is_why_and_what_to_do() -> None:
    assert [row for row in rows(DIFFERENCES) if len(row) != 4 or not all(row)] == []


def names_in_the_tables() -> set[str]:
    """The identifiers between backticks in the first cells of the tables of names."""
    section = TABLES.partition("\n## What the manual")[0]
    cells = "\n".join(row[0] for row in rows(section))
    return {
        code.removesuffix("()")
        for code in re.findall(r"`([^`]+)`", cells)
        if re.fullmatch(r"[\w.]+(\(\))?", code)
    }


def public_names(module_name: str) -> list[str]:
    """What a module offers: its `__all__`, or else what it defines."""
    module = importlib.import_module(module_name)
    offered = getattr(module, "__all__", None)
    if offered is not None:
        return list(offered)
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module_name
    ]


@pytest.mark.parametrize("module", DOORS)
def test_every_public_name_is_in_the_tables(module: str) -> None:
    offered = public_names(module)

    assert offered
    assert set(offered) - names_in_the_tables() == set()


MEMBERS = [
    f"{cls.__name__}.{name}"
    for cls in (
        pykka.Actor,
        pykka.ActorRef,
        pykka.ActorRegistry,
        pykka.CallableProxy,
        pykka.Future,
    )
    for name in vars(cls)
    if not name.startswith("_") or name == "__call__"
]
NEWER = {"Future.cancel", "Future.done", "Future.pipe_to", "Future.to_concurrent"}
"""Members that Pykka 4 does not have."""


@pytest.mark.parametrize("member", MEMBERS)
def test_every_public_member_that_pykka_4_has_is_in_the_tables(member: str) -> None:
    assert member in NEWER or member in names_in_the_tables()


def test_the_names_in_the_tables_exist() -> None:
    doors = [importlib.import_module(name) for name in DOORS]
    for name in names_in_the_tables():
        first, *rest = name.split(".")
        found = [getattr(door, first) for door in doors if hasattr(door, first)]
        assert found or first in DOORS, f"there is no {name}"
        for member in rest:
            assert any(
                hasattr(owner, member) or member in getattr(owner, "__annotations__", {})
                for owner in found
            ), f"there is no {name}"
