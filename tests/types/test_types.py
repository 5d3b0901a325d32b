"""The types that users see, under mypy and under basedpyright, both strict."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LIMIT = 120


def run(*command: str) -> str:
    completed = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    assert completed.stderr == ""
    return completed.stdout


def mypy() -> dict[str, dict[int, str]]:
    """What mypy complains about: for each file, a message for each line."""
    output = run(
        "mypy", "--strict", "--no-error-summary", "--output=json", *map(str, HERE.glob("*g*.py"))
    )
    found: dict[str, dict[int, str]] = defaultdict(dict)
    for line in output.splitlines():
        error = json.loads(line)
        if error["severity"] == "error":
            found[Path(error["file"]).name][error["line"]] = error["message"]
    return found


def basedpyright() -> dict[str, dict[int, str]]:
    """What basedpyright complains about: for each file, a message for each line."""
    output = run(
        "basedpyright", "--outputjson", "--level", "error", *map(str, HERE.glob("*g*.py"))
    )
    found: dict[str, dict[int, str]] = defaultdict(dict)
    for error in json.loads(output)["generalDiagnostics"]:
        line = error["range"]["start"]["line"] + 1
        found[Path(error["file"]).name][line] = error["message"]
    return found


@pytest.mark.exhaustive
@pytest.mark.timeout(LIMIT)
@pytest.mark.parametrize("checker", [mypy, basedpyright], ids=lambda checker: checker.__name__)
def test_types(checker: object) -> None:
    assert callable(checker)
    pytest.importorskip(checker.__name__, reason=f"{checker.__name__} is not installed")
    complaints = checker()
    assert complaints.pop("right.py", {}) == {}
    lines = (HERE / "wrong.py").read_text(encoding="utf-8").splitlines()
    wrong = {number for number, line in enumerate(lines, 1) if line.endswith("# wrong")}
    assert set(complaints.pop("wrong.py", {})) == wrong
    assert complaints == {}
