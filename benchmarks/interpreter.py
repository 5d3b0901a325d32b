"""The interpreter that this runs on: `python -I benchmarks/interpreter.py` prints it as JSON.

Any program that looks like a Python is asked so, with whatever version it has. So nothing is
imported here but the standard library.
"""

from __future__ import annotations

import json
import sys
import sysconfig
from typing import Any

YES, SEEN, NO, UNKNOWN = "yes", "seen", "no", ""
"""Whether it was built with an option: it says so; its machine code shows it; it was not; or
nothing tells."""
ONE_FILE = (
    "PyList_New", "PyList_Size", "PyList_GetItem", "PyList_SetItem", "PyList_Insert",
    "PyList_Append", "PyList_GetSlice", "PyList_SetSlice", "PyList_Sort", "PyList_Reverse",
    "PyList_AsTuple",
)  # fmt: skip
"""Functions of one source file, often called ones and others."""
LARGER_THAN_A_FILE = 128 * 1024
"""Bytes. In nine builds without a profile (GCC, 3.6 to 3.13), those functions take 4 to 9 KiB; in
the one with a profile that was at hand (Debian's 3.11), they are spread over 1.5 MiB."""


def describe() -> dict[str, Any]:
    """The version of the interpreter, and how it was built."""
    is_gil_enabled = getattr(sys, "_is_gil_enabled", lambda: True)
    return {
        "implementation": sys.implementation.name,
        "version": ".".join(map(str, sys.version_info[:3])),
        "build": sys.version.partition("(")[2].partition(")")[0],
        "compiler": sys.version.partition("[")[2].partition("]")[0],
        "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "gil": bool(is_gil_enabled()),
        "switch_interval": sys.getswitchinterval(),
        **options(sysconfig.get_config_vars(), by_profile=is_laid_out_by_a_profile()),
    }


def options(stated: dict[str, Any], *, by_profile: bool) -> dict[str, str]:
    """Whether it was optimised with a profile (PGO) and when it was linked (LTO).

    Distributions take these options out of what their interpreters say, so that extensions are not
    built with them: Debian does. There the machine code tells of the profile, and what is stated,
    being of another build, does not tell that the linker had no part in it.

    Args:
        stated: The variables of the build, as the interpreter has them.
        by_profile: Whether its machine code is laid out as after a profile.
    """
    import shlex  # noqa: PLC0415 (must not be loaded where something is measured)

    arguments = shlex.split(stated.get("CONFIG_ARGS") or "")
    flags = " ".join(str(stated.get(name) or "") for name in _FLAGS).split()
    pgo = lto = NO if arguments else UNKNOWN
    if by_profile:
        pgo, lto = SEEN, UNKNOWN
    if "--enable-optimizations" in arguments or any(f.startswith("-fprofile-use") for f in flags):
        pgo = YES
        lto = NO
    if any(argument.split("=")[0] == "--with-lto" for argument in arguments) or any(
        flag.startswith("-flto") for flag in flags
    ):
        lto = YES
    if "--with-lto=no" in arguments:
        lto = NO
    return {"pgo": pgo, "lto": lto}


_FLAGS = ("PY_CFLAGS", "PY_CFLAGS_NODIST", "PY_CORE_CFLAGS", "PY_CORE_LDFLAGS")


def is_laid_out_by_a_profile() -> bool:
    """Tell whether functions of one source file lie far apart in the machine code.

    Compilers that have a profile put what is often called in one place, and what is not in
    another. Without one, the functions of a file lie together, as they are in it.
    """
    if sys.implementation.name != "cpython":
        return False
    try:
        import ctypes  # noqa: PLC0415 (nor this)

        functions = [getattr(ctypes.pythonapi, name) for name in ONE_FILE]
    except (ImportError, AttributeError):
        return False
    places = [ctypes.cast(function, ctypes.c_void_p).value or 0 for function in functions]
    return max(places) - min(places) > LARGER_THAN_A_FILE


def is_optimised(python: dict[str, Any]) -> bool:
    """Tell whether a described interpreter was built with a profile."""
    return python.get("pgo") in {YES, SEEN}


def build_options(python: dict[str, Any]) -> str:
    """In words, whether an interpreter was built with PGO and LTO; "" if nobody asked it."""
    if "pgo" not in python:
        return ""
    pgo, lto = python["pgo"], python["lto"]
    if pgo == lto:
        return {YES: "with PGO and LTO", NO: "without PGO and LTO"}.get(pgo, "PGO and LTO unknown")
    said = {YES: "with {}", NO: "without {}", UNKNOWN: "{} unknown"}
    seen = "with PGO as seen in the machine code"
    return f"{seen if pgo == SEEN else said[pgo].format('PGO')}, {said[lto].format('LTO')}"


if __name__ == "__main__":
    print(json.dumps(describe()))
