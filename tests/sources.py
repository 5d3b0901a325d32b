"""The package's own sources, for tests that look at all of them."""

from __future__ import annotations

import ast
import gc
from functools import cache
from pathlib import Path

import pykka

PACKAGE = Path(pykka.__file__).parent

FILES = sorted(PACKAGE.rglob("*.py"))

SOURCES = {
    file.relative_to(PACKAGE).as_posix(): file.read_text(encoding="utf-8") for file in FILES
}
"""The text of each module, by its path in the package: `_cell/cell.py`."""


VIEWERS = (
    "__main__.py",
    *(f"observer/{each}.py" for each in ("_app", "_client", "_commands", "_text", "_web")),
)
"""What looks at a program from a process of its own."""

IN_PROGRAMS = {
    path: text
    for path, text in SOURCES.items()
    if not path.startswith(("simulation/", "testing/", *VIEWERS))
}
"""What may run in a program at work: not what looks at it from outside; not the simulator, which
brings a world of its own, and waits, and takes time and chance, in the place of what does so here;
and not the test kit, which waits on the thread of a test."""

REAL_WORLD = {path: text for path, text in IN_PROGRAMS.items() if not path.startswith("observer/")}
"""What may be on the way of a message, or on a thread that runs actors: without the observer too.
That looks on from threads of its own, on which no actor runs, and none may; so its waits are not
behind the door. And it looks at the real world, whatever world the program is in."""


@cache
def _nodes() -> dict[str, tuple[ast.AST, ...]]:
    nodes = {text: tuple(ast.walk(ast.parse(text))) for text in SOURCES.values()}
    gc.collect()
    gc.freeze()  # or each test that collects garbage would walk through half a million objects
    return nodes


def nodes_of(text: str) -> tuple[ast.AST, ...]:
    """The nodes of a module's syntax tree, as `ast.walk()` gives them; not to be changed.

    Those of the package are made once, for many tests look at all of them.
    """
    return _nodes().get(text) or tuple(ast.walk(ast.parse(text)))


def tree_of(text: str) -> ast.Module:
    """The syntax tree of a module; not to be changed."""
    tree = nodes_of(text)[0]
    assert isinstance(tree, ast.Module)
    return tree


def name_of(path: str) -> str:
    """The dotted name that a module has in the package: `_cell.cell`."""
    return path.removesuffix(".py").replace("/", ".")
