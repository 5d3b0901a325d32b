"""The types that users see, under mypy, basedpyright and pyright, all of them strict.

Each checker checks `right*.py`, in which it must find nothing, and `wrong*.py`, where it has to
find fault with each line that ends with the comment "wrong", and with no other.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FILES = sorted([*HERE.glob("right*.py"), *HERE.glob("wrong*.py")])
LIMIT = 240

Complaints: TypeAlias = dict[str, dict[int, str]]
"""For each file, a message for each line."""


def run(*command: str, cwd: Path = ROOT) -> str:
    completed = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    assert completed.stderr == ""
    return completed.stdout


def mypy(_folder: Path, files: Sequence[Path] = FILES) -> Complaints:
    output = run("mypy", "--strict", "--no-error-summary", "--output=json", *map(str, files))
    found: Complaints = defaultdict(dict)
    for line in output.splitlines():
        error = json.loads(line)
        if error["severity"] == "error":
            found[Path(error["file"]).name][error["line"]] = error["message"]
    return found


def basedpyright(_folder: Path, files: Sequence[Path] = FILES) -> Complaints:
    return of_pyright(run("basedpyright", "--outputjson", "--level", "error", *map(str, files)))


def pyright(folder: Path) -> Complaints:
    """It has no settings here, so it is given its own, and with that a folder of its own.

    It is not among the pinned tools, since its package fetches the checker when it is first run.
    """
    for file in FILES:
        (folder / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    settings = {
        "typeCheckingMode": "strict",
        "pythonVersion": "3.11",
        "extraPaths": [str(ROOT / "src")],
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    return of_pyright(run("pyright", "--outputjson", "--level", "error", cwd=folder))


def of_pyright(output: str) -> Complaints:
    found: Complaints = defaultdict(dict)
    for error in json.loads(output)["generalDiagnostics"]:
        line = error["range"]["start"]["line"] + 1
        found[Path(error["file"]).name][line] = error["message"]
    return found


@pytest.mark.exhaustive
@pytest.mark.timeout(LIMIT)
@pytest.mark.parametrize("checker", [mypy, basedpyright, pyright], ids=lambda each: each.__name__)
def test_types(checker: object, tmp_path: Path) -> None:
    assert callable(checker)
    pytest.importorskip(checker.__name__, reason=f"{checker.__name__} is not installed")
    complaints = checker(tmp_path)
    for file in FILES:
        lines = file.read_text(encoding="utf-8").splitlines()
        wrong = {number for number, line in enumerate(lines, 1) if line.endswith("# wrong")}
        assert bool(wrong) == file.name.startswith("wrong")
        found = complaints.pop(file.name, {})
        false = {number: found[number] for number in sorted(set(found) - wrong)}
        missed = {number: lines[number - 1].strip() for number in sorted(wrong - set(found))}
        assert (file.name, false, missed) == (file.name, {}, {})
    assert complaints == {}
