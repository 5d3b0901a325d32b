"""Each block of code in the README is a program that prints what is shown below it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```\n", README, re.DOTALL)
WITH_OUTPUT = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```\n", README, re.DOTALL)


def test_each_block_has_its_output() -> None:
    assert [code for code, _ in WITH_OUTPUT] == BLOCKS
    assert len(BLOCKS) >= 3


@pytest.mark.parametrize(("code", "output"), WITH_OUTPUT, ids=range(len(WITH_OUTPUT)))
def test_each_block_is_a_program_that_prints_that(code: str, output: str, tmp_path: Path) -> None:
    program = tmp_path / "pasted.py"
    program.write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(program)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.stdout, done.stderr, done.returncode) == (output, "", 0)
