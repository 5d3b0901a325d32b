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


REAL_WORLD = {
    path: text
    for path, text in SOURCES.items()
    if not path.startswith(("simulation/", "testing/", "observer/", "__main__"))
}
"""What may be on the way of a message of a program at work: all but the simulator, which brings a
world of its own, and waits, and takes time and chance, in the place of what does so here; the test
kit, which waits on the thread of a test; and the observer, which looks on from threads of its own,
on which no actor runs."""


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
