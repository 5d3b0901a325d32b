"""What the figures were measured on: machine, system, sources."""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import cpuinfo
import psutil

from benchmarks.environments import ROOT

PRESENTATION = (
    "charts",
    "chart_names.py",
    "cli.py",
    "comparison.py",
    "figures.py",
    "page.py",
    "progress.py",
    "report.py",
)
"""What has no part in the measurements, under benchmarks/."""


def describe_machine() -> dict[str, Any]:
    """Processor, memory and operating system; nothing that names the machine."""
    return {
        "processor": cpuinfo.get_cpu_info().get("brand_raw", "unknown"),
        "cores": _cores(),
        "memory_bytes": psutil.virtual_memory().total,
        "system": platform.system(),
        "kernel": platform.release().partition("-")[0],
        "distribution": _distribution(),
        "architecture": platform.machine(),
        "load_at_start": round(psutil.getloadavg()[0], 2),
    }


def describe_sources() -> dict[str, Any]:
    """What was measured: the commit, and a digest of the files as they are."""
    return {"commit": _git("rev-parse", "HEAD"), "digest": digest_of_sources()}


def digest_of_sources() -> str:
    """A digest of everything that figures depend on; not of what shows them."""
    digest = hashlib.sha256()
    patterns = ("src/pykka/**/*.py", "benchmarks/**/*.py", "benchmarks/**/*.erl")
    files = [file for pattern in patterns for file in ROOT.glob(pattern)]
    shown_with = {ROOT / "benchmarks" / name for name in PRESENTATION}
    files = [file for file in files if not shown_with & {file, *file.parents}]
    for file in sorted([*files, *ROOT.glob("requirements/bench*.txt")]):
        digest.update(f"{file.relative_to(ROOT)}\n".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def erlang_version() -> str:
    """The release of Erlang/OTP on the path."""
    expression = 'io:format("~s", [erlang:system_info(otp_release)]), halt().'
    return _output(["erl", "-noshell", "-noinput", "-eval", expression])


def without_paths(text: str) -> str:
    """A text in which nothing tells where on this machine things are."""
    for folder, name in ((ROOT, "."), (Path.home(), "~"), (Path(tempfile.gettempdir()), "tmp")):
        if folder != Path(folder.anchor):
            text = text.replace(str(folder), name)
    return text


def _cores() -> int:
    """How many this process may use."""
    process = psutil.Process()
    if hasattr(process, "cpu_affinity"):
        return len(process.cpu_affinity())
    return psutil.cpu_count() or 1


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.platform()


def _git(*args: str) -> str:
    if not shutil.which("git"):
        return ""
    return _output(["git", "-C", str(ROOT), *args])


def _output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.strip() if done.returncode == 0 else ""
