"""The package's own sources, for tests that look at all of them."""

from __future__ import annotations

from pathlib import Path

import pykka

PACKAGE = Path(pykka.__file__).parent

FILES = sorted(PACKAGE.rglob("*.py"))

SOURCES = {
    file.relative_to(PACKAGE).as_posix(): file.read_text(encoding="utf-8") for file in FILES
}
"""The text of each module, by its path in the package: `_cell/cell.py`."""


def name_of(path: str) -> str:
    """The dotted name that a module has in the package: `_cell.cell`."""
    return path.removesuffix(".py").replace("/", ".")
