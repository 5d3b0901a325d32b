"""`make check` fails when the documentation is wrong."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(shutil.which("make") is None, reason="there is no make"),
]

SITE = f"""
INHERIT: {ROOT}/mkdocs.yml
docs_dir: pages
site_dir: site
nav: [SystemServices: index.md]
theme: {{custom_dir: {ROOT}/docs/.site}}
hooks: [{ROOT}/docs/.site/hooks.py]
"""
PAGE = "# A page\n\nSee [`Timer`][pykka.{}].\n\n::: pykka.Timer\n"


def the_check_of_the_documentation() -> str:
    """The command in `make check` that builds it."""
    planned = subprocess.run(
        ["make", "--dry-run", "check", f"VENV={sys.prefix}"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    [command] = [line for line in planned.stdout.splitlines() if "mkdocs build" in line]
    return command


@pytest.mark.parametrize(("name", "fails"), [("Timer", False), ("Clepsydra", True)])
def test_a_dead_cross_reference_fails_the_check(tmp_path: Path, *, name: str, fails: bool) -> None:
    pytest.importorskip("mkdocs", reason="the documentation cannot be built here")
    (tmp_path / "mkdocs.yml").write_text(SITE, encoding="utf-8")
    (tmp_path / "src").symlink_to(ROOT / "src")
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "index.md").write_text(PAGE.format(name), encoding="utf-8")

    done = subprocess.run(  # noqa: S602 (so does make)
        the_check_of_the_documentation(),
        shell=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode != 0) is fails, done.stderr
    assert ("Could not find cross-reference target 'pykka.Clepsydra'" in done.stderr) is fails
