"""Few rooms: a newcomer finds the file to change by its name, and names in texts lead there."""

from __future__ import annotations

import ast
import builtins
import importlib
import importlib.util
import re
import tokenize
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.sources import SOURCES as TEXTS
from tests.sources import nodes_of, tree_of

import pykka

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(pykka.__file__).parent
PROJECT = Path(__file__).parents[2]
SOURCES = sorted(ROOT.rglob("*.py"))

MOST_IN_A_FOLDER = 10
MOST_AT_THE_TOP = 9


def is_door(file: Path) -> bool:
    """Tell whether a module only re-exports, under the name of a private module of Pykka 4."""
    return "under the name that" in file.read_text(encoding="utf-8").partition("\n")[0]


def test_few_files_lie_directly_in_the_package() -> None:
    files = [file.name for file in ROOT.glob("*.py") if not is_door(file)]
    assert len(files) <= MOST_AT_THE_TOP, sorted(files)


def test_no_folder_has_many_files() -> None:
    folders = {file.parent for file in ROOT.rglob("*.py")} - {ROOT}
    many = {folder.name: len(list(folder.glob("*.py"))) for folder in folders}
    assert {name: count for name, count in many.items() if count > MOST_IN_A_FOLDER} == {}
    assert len(many) > MOST_IN_A_FOLDER  # they were looked at


# --- state below behaviour -----------------------------------------------------------------------

CONTRACT = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
    "importlinter"
]["contracts"][0]
FLOORS = [layer.split(" | ") for layer in reversed(CONTRACT["layers"])]
"""The packages of each floor, from the ground up."""

HEIGHTS = {package: height for height, floor in enumerate(FLOORS) for package in floor}
THE_LAST = "_lifecycle"
"""The highest floor whose imports for type checkers go downwards, too."""


def imported(module: str, source: str) -> Iterator[str]:
    """What a module imports, wherever it does: for type checkers only, in a function."""
    is_package = (ROOT.parent / module.replace(".", "/")).is_dir()
    package = module if is_package else module.rpartition(".")[0]
    for node in nodes_of(source):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            name = "." * node.level + (node.module or "")
            base = importlib.util.resolve_name(name, package)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def height_of(module: str) -> int:
    """The floor that a module is on; `pykka` itself, and what is on none, is above all."""
    _pykka, _, rest = module.partition(".")
    return HEIGHTS.get(rest.partition(".")[0], len(FLOORS))


def upward(module: str, source: str) -> list[str]:
    """The imports of a module that lead to a higher floor, or to another package on its own."""
    own_package = ".".join(module.split(".")[:2])
    return [
        name
        for name in imported(module, source)
        if f"{name}.".startswith("pykka.")
        and not f"{name}.".startswith(f"{own_package}.")
        and height_of(name) >= height_of(module)
    ]


def module_of(file: Path) -> str:
    parts = file.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


LOWER = {
    module: file
    for module, file in zip(map(module_of, SOURCES), SOURCES, strict=True)
    if height_of(module) <= HEIGHTS[THE_LAST]
}


def test_no_floor_up_to_that_of_lives_knows_a_type_from_above() -> None:
    found = {
        module: names
        for module, file in LOWER.items()
        if (names := upward(module, file.read_text(encoding="utf-8")))
    }
    assert found == {}


def test_each_of_these_floors_is_looked_at() -> None:
    seen = {module.split(".")[1] for module in LOWER}
    assert seen == {package for package in HEIGHTS if HEIGHTS[package] <= HEIGHTS[THE_LAST]}
    assert {"_util", "_deadlock", "_futures", "timers", "inboxes", "_cell", THE_LAST} <= seen


@pytest.mark.parametrize("module", sorted(LOWER))
def test_an_import_from_above_is_found_in_each_module(module: str) -> None:
    source = LOWER[module].read_text(encoding="utf-8")
    planted = "\nif TYPE_CHECKING:\n    from pykka._actor.actor import Actor\n"
    assert upward(module, source + planted) == ["pykka._actor.actor.Actor"]


@pytest.mark.parametrize(
    "source",
    [
        "if TYPE_CHECKING:\n    from pykka._cell.cell import Cell",
        "if TYPE_CHECKING:\n    import pykka._cell.cell",
        "def late():\n    from pykka._futures import future",
        "from pykka import _cell",
        "from pykka import Actor",
        "import pykka",
        "from .. import _cell",
        "from .._cell import cell",
        "from pykka import _statistics",  # on the same floor
    ],
)
def test_an_import_from_above_is_found_however_it_is_written(source: str) -> None:
    assert len(upward("pykka._util.locks", source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "from pykka._exceptions import ActorError",
        "from pykka import _exceptions",
        "from pykka._util.log import logger",
        "from . import log",
        "import threading",
        "from collections.abc import Callable",
    ],
)
def test_an_import_from_below_or_beside_is_none(source: str) -> None:
    assert upward("pykka._util.locks", source) == []


# --- names in texts -----------------------------------------------------------------------------

PAGES = sorted([*(PROJECT / "docs").rglob("*.md"), *PROJECT.glob("*.md")])
TESTS = sorted(file for file in (PROJECT / "tests").rglob("*.py") if file != Path(__file__))
OURS = ("src/pykka", "tests", "benchmarks", "examples", "docs")
FILES = {
    file.relative_to(PROJECT).as_posix()
    for folder in OURS
    for file in (PROJECT / folder).rglob("*.py")
} | {"src/pytest_pykka.py"}

GONE = {"pykka._types"}
"""What a text says of as having been."""

THE_READERS = {"duplicates.py"}
"""What a reader of the tutorial writes."""

A_MODULE = re.compile(r"`(pykka(?:\.\w+)+)")
A_FILE = re.compile(r"`(?:src/pykka/)?([\w/]*_?\w+\.py)(?:::\w+)?`")
A_LABEL = re.compile(r"[\w/]+\.py\b(?=[^<`]*</text>)")
"""What is written into a drawing."""
A_FUNCTION = re.compile(r"`(?:[A-Za-z_]\w*\.)*([A-Za-z_]\w*)\(")
A_PRIVATE_NAME = re.compile(r"`(_[a-z]\w*)(?:\(\))?`")
A_BLOCK = re.compile(r"^( *)```.*?^\1```", re.DOTALL | re.MULTILINE)

THE_TOUR = [
    PROJECT / "docs" / "design.md",
    PROJECT / "docs" / "explanation" / "life-of-a-message.md",
]


def without_blocks(page: str) -> str:
    """Leave out the examples, which may have files of their own."""
    return A_BLOCK.sub("", page)


def is_there(name: str) -> bool:
    """Tell whether there is what a dotted name stands for."""
    parts = name.split(".")
    for known in range(len(parts), 0, -1):
        try:
            thing: object = importlib.import_module(".".join(parts[:known]))
        except ImportError:
            continue
        for part in parts[known:]:
            owners = thing.__mro__ if isinstance(thing, type) else ()
            if any(part in vars(owner).get("__annotations__", {}) for owner in owners):
                return True
            if not hasattr(thing, part):
                return False
            thing = getattr(thing, part)
        return True
    return False


def lost(text: str) -> Iterator[str]:
    """The modules and files that a text names, and that do not exist."""
    for name in A_MODULE.findall(text):
        if name not in GONE and not is_there(name):
            yield name
    for name in {*A_FILE.findall(text), *A_LABEL.findall(text)} - THE_READERS:
        if not any(file == name or file.endswith(f"/{name}") for file in FILES):
            yield name


@pytest.mark.parametrize(
    "texts", [PAGES, SOURCES, TESTS], ids=["documentation", "package", "tests"]
)
def test_what_texts_name_exists(texts: list[Path]) -> None:
    found = {}
    for file in texts:
        text = file.read_text(encoding="utf-8")
        names = sorted(set(lost(without_blocks(text) if file.suffix == ".md" else text)))
        if names:
            found[file.relative_to(PROJECT).as_posix()] = names
    assert found == {}
    assert len(texts) > MOST_AT_THE_TOP


def defined() -> set[str]:
    """The names of all functions and classes of the package."""
    return {
        node.name
        for file in SOURCES
        for node in nodes_of(file.read_text(encoding="utf-8"))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }


OTHERS = {"fork", "run", "sleep", "timeout", "current_task", "release"}
"""Functions of the standard library."""


@pytest.mark.parametrize("page", THE_TOUR, ids=lambda page: page.stem)
def test_the_functions_that_the_tour_names_exist(page: Path) -> None:
    text = without_blocks(page.read_text(encoding="utf-8"))
    named = set(A_FUNCTION.findall(text))
    assert len(named) > MOST_AT_THE_TOP
    assert sorted(named - defined() - OTHERS - set(dir(builtins))) == []


def written() -> set[str]:
    """Every name in the code of the package, and of its modules."""
    names = {file.stem for file in SOURCES}
    for file in SOURCES:
        with tokenize.open(file) as lines:
            for token in tokenize.generate_tokens(lines.readline):
                if token.type == tokenize.NAME:
                    names.add(token.string)
                elif token.type == tokenize.STRING:  # in __slots__, for instance
                    names.add(token.string.strip("'\""))
    return names


def test_the_private_names_in_the_comments_of_the_package_exist() -> None:
    names = written()
    found = {
        f"{file.relative_to(ROOT)}: {name}"
        for file in SOURCES
        for name in A_PRIVATE_NAME.findall(file.read_text(encoding="utf-8"))
        if name not in names
    }
    assert found == set()
    assert "_restarter" in names
    assert "_family" not in names


def test_every_file_is_on_the_tour() -> None:
    tour = THE_TOUR[0].read_text(encoding="utf-8")
    floors = tour.partition("## The floors")[2].partition("\n## ")[0]
    named = set()
    for row in floors.splitlines():
        cells = row.split("|")
        if len(cells) > 3:
            folder = "".join(re.findall(r"`([\w/]+/)`", cells[2]))
            names = re.findall(r"`([\w/]+\.py)`", row)
            named |= {name if "/" in name else f"{folder}{name}" for name in names}
    files = {file.relative_to(ROOT).as_posix() for file in SOURCES}
    marks = {file for file in files if file.endswith("/__init__.py")}
    assert named == files - marks


@pytest.mark.parametrize(
    "text",
    [
        "see `pykka._life.handle`",
        "in `_life.py`",
        "in `runtimes/pool/lookout.py`",
        "`unit/test_gone.py::test_it`",
        "`pykka.timers._clock.Clock.gone()`",
        "<text>ref.py, _life.py</text>",
    ],
)
def test_a_name_that_leads_nowhere_is_found(text: str) -> None:
    assert len(list(lost(text))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "see `pykka._lifecycle.invoke.handle()`, in `invoke.py` and `_lifecycle/invoke.py`",
        "`pykka.ActorSystem.default`, `src/pykka/_util/log.py`, `unit/test_layout.py`",
        "```python\nopen('mine.py')\n```",
    ],
)
def test_a_name_that_leads_somewhere_is_not(text: str) -> None:
    assert list(lost(text)) == []


_SIZE = "a size or a time that one file alone knows"
SHARED = {
    **dict.fromkeys(("BATCH", "BITS", "CALM", "FEW", "KEEP_ALIVE", "LONGEST", "MANY"), _SIZE),
    "Probe": "of messages, for instruments; of a test: the name in each field",
    "NOTHING": "stands for nothing, in each of its files for another one",
    "crash_hook": "what a program may put another one in the place of, and the one that is there",
    "logger": "of dead letters, which a program may silence alone",
    "run": "of an actor in a pool, of a program, and of a simulated one: the name in each field",
    "settle": "of a question, and of all that goes on in a test: the name in each field",
    "renew_locks": "what each module that has locks does in a child process",
}
"""Names that mean something in several modules, and why each may."""


def modules_by_name(sources: Mapping[str, str]) -> dict[str, list[str]]:
    """In which modules something has a name, for all that is not private to one of them.

    Type variables have one letter, and how they vary.
    """
    found: dict[str, list[str]] = {}
    for path, source in sources.items():
        for name in dict.fromkeys(names_in(tree_of(source))):
            if not name.startswith("_") and not re.fullmatch(r"[A-Z](_co|_contra)?", name):
                found.setdefault(name, []).append(path)
    return found


def names_in(module: ast.Module) -> Iterator[str]:
    for node in module.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def shared_names(sources: Mapping[str, str]) -> dict[str, list[str]]:
    return {name: paths for name, paths in modules_by_name(sources).items() if len(paths) > 1}


def test_no_two_modules_use_a_name_for_two_things() -> None:
    """One word for one thing: who reads a name knows what it is, in whichever module."""
    assert set(shared_names(TEXTS)) == set(SHARED)


@pytest.mark.parametrize(
    ("planted", "name", "where"),
    [
        ("class Cell:\n    pass", "Cell", "_cell/cell.py"),
        ("def begin() -> None:\n    pass", "begin", "_lifecycle/invoke.py"),
        ("async def run_in_task() -> None:\n    pass", "run_in_task", "runtimes/asyncio/run.py"),
        ("PER_SECOND: float = 1.0", "PER_SECOND", "_system/crashes.py"),
    ],
)
def test_a_name_that_is_used_for_a_second_thing_is_found(
    planted: str, name: str, where: str
) -> None:
    path = "routing/_race.py"
    found = shared_names(TEXTS | {path: f"{TEXTS[path]}\n\n{planted}\n"})
    assert set(found[name]) == {where, path}
    assert set(found) == {*SHARED, name}
