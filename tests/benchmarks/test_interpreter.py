"""What an interpreter tells of how it was built."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import interpreter

BOTH = {"pgo": "yes", "lto": "yes"}
NEITHER = {"pgo": "no", "lto": "no"}


@pytest.mark.parametrize(
    ("stated", "by_profile", "expected"),
    [
        ({"CONFIG_ARGS": "'--enable-optimizations' '--with-lto' 'CC=gcc -g'"}, True, BOTH),
        ({"CONFIG_ARGS": "--enable-optimizations --with-lto=full"}, False, BOTH),
        ({"CONFIG_ARGS": "'--prefix=/opt/--with-lto'"}, False, NEITHER),
        ({"CONFIG_ARGS": "--enable-optimizations"}, True, {"pgo": "yes", "lto": "no"}),
        (
            {"CONFIG_ARGS": "--enable-optimizations --with-lto=no"},
            True,
            {"pgo": "yes", "lto": "no"},
        ),
        ({"CONFIG_ARGS": "--with-lto=thin"}, False, {"pgo": "no", "lto": "yes"}),
        ({"CONFIG_ARGS": "-q", "PY_CORE_CFLAGS": "-O2 -fprofile-use -flto"}, False, BOTH),
        ({"CONFIG_ARGS": "'--enable-shared'"}, True, {"pgo": "seen", "lto": ""}),
        ({"CONFIG_ARGS": "'--enable-shared'"}, False, NEITHER),
        ({}, True, {"pgo": "seen", "lto": ""}),
        ({"CONFIG_ARGS": None}, False, {"pgo": "", "lto": ""}),
    ],
)
def test_options_are_read_from_what_is_stated_and_from_the_machine_code(
    stated: dict[str, Any], by_profile: bool, expected: dict[str, str]
) -> None:
    assert interpreter.options(stated, by_profile=by_profile) == expected


@pytest.mark.parametrize(
    ("pgo", "lto", "told"),
    [
        ("yes", "yes", "with PGO and LTO"),
        ("no", "no", "without PGO and LTO"),
        ("", "", "PGO and LTO unknown"),
        ("yes", "no", "with PGO, without LTO"),
        (
            "seen",
            "",
            "with PGO as seen in the machine code, LTO unknown",
        ),
    ],
)
def test_options_are_told_in_words(pgo: str, lto: str, told: str) -> None:
    assert interpreter.build_options({"pgo": pgo, "lto": lto}) == told


def test_of_results_in_which_nobody_asked_nothing_is_told() -> None:
    assert interpreter.build_options({"version": "3.11.7"}) == ""
    assert not interpreter.is_optimised({"version": "3.11.7"})


def test_another_implementation_has_no_layout_that_would_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.implementation, "name", "pypy")

    assert not interpreter.is_laid_out_by_a_profile()


@pytest.mark.parametrize(("apart", "told"), [(64, False), (1_000_000, True)])
def test_a_profile_shows_in_functions_of_one_file_that_lie_apart(
    apart: int, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctypes = pytest.importorskip("ctypes")

    class Code:
        """Where functions are: the first is much called, the others are elsewhere."""

        PyList_New = ctypes.c_void_p(1)

        def __getattr__(self, name: str) -> Any:
            return ctypes.c_void_p(1 + apart)

    monkeypatch.setattr(ctypes, "pythonapi", Code())

    assert interpreter.is_laid_out_by_a_profile() is told


def test_an_interpreter_without_such_functions_does_not_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ctypes = pytest.importorskip("ctypes")
    monkeypatch.setattr(ctypes, "pythonapi", object())

    assert not interpreter.is_laid_out_by_a_profile()


def test_any_interpreter_can_be_asked_and_nothing_else_is_loaded_where_it_is_measured() -> None:
    file = Path(interpreter.__file__)
    done = subprocess.run(
        [sys.executable, "-I", str(file)], capture_output=True, check=True, text=True
    )
    assert json.loads(done.stdout).keys() == interpreter.describe().keys()

    loaded = "import sys, benchmarks.child; print(*{'ctypes', 'shlex'} & {*sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, check=True, text=True,
        cwd=file.parent.parent,
    )  # fmt: skip
    assert not done.stdout.strip()
