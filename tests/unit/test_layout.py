"""Few rooms: a newcomer finds the file to change by its name."""

from __future__ import annotations

from pathlib import Path

import pykka

ROOT = Path(pykka.__file__).parent

MOST_IN_A_FOLDER = 10
MOST_AT_THE_TOP = 8


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
