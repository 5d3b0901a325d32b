"""How much memory processes use."""

from __future__ import annotations

import os
from pathlib import Path

PROC = Path("/proc")
MARK = "BENCH_MARK"
"""The variable that marks all processes of one measurement."""
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def family(mark: str, leader: int) -> list[int]:
    """The processes that were started with a mark among their environment variables.

    Sessions and process groups would not do: a daemon leaves them, and keeps its variables. Where
    there is no /proc, the leader stands for all.

    Args:
        mark: The value of `MARK`, which must be unique.
        leader: The process that was started with it.
    """
    if not (PROC / "self").exists():
        return [leader]
    wanted = f"{MARK}={mark}".encode()
    found = []
    for entry in os.scandir(PROC):
        if entry.name.isdigit():
            try:
                variables = (PROC / entry.name / "environ").read_bytes()
            except OSError:  # it has just ended, or belongs to somebody else
                continue
            if wanted in variables.split(b"\0"):
                found.append(int(entry.name))
    return found


def resident(processes: list[int]) -> int:
    """Bytes of main memory that processes use; what they share counts once for each."""
    total = 0
    for process in processes:
        try:
            total += int((PROC / str(process) / "statm").read_text().split()[1]) * _PAGE
        except (OSError, IndexError):
            continue
    return total


def proportional(processes: list[int]) -> int:
    """Bytes of main memory that processes use; what they share is divided among them."""
    total = 0
    for process in processes:
        try:
            lines = (PROC / str(process) / "smaps_rollup").read_text().splitlines()
        except OSError:
            total += resident([process])
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def used_here() -> int:
    """Bytes that this process uses, with all that it has started."""
    if not (PROC / "self").exists():
        import resource  # noqa: PLC0415 (not on every system)

        # The highest value so far; the difference of two is still what was added.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak * (1 if os.uname().sysname == "Darwin" else 1024)
    return proportional(family(os.environ.get(MARK, ""), os.getpid()))
