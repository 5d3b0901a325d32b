"""Ten million idle actors at the same time, each with one attribute, in 8 GiB."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ACTORS = int(os.environ.get("PYKKA_STRESS_ACTORS", "10_000_000"))
LIMIT = 8 * 2**30
"""Bytes of main memory, for the process with all that is in it."""
NEEDED = 12 * 2**30
"""Bytes that must be free: the limit, and room for what it would take to miss it."""

# A process of its own, since memory that was used before would be used again. It is ended without
# having ten million actors stopped, which is not what this is about.
PROGRAM = """
import os, resource, sys, time
import pykka

class Cell(pykka.PooledActor):
    def __init__(self, value):
        super().__init__()
        self.value = value
    def on_receive(self, message):
        return self.value

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

count = int(sys.argv[1])
Cell.start(0).ask(None)
before = resident()
started = time.perf_counter()
cells = [Cell.start(number) for number in range(count)]
seconds = time.perf_counter() - started
grown = resident() - before
asked = time.perf_counter()
total = sum(cell.ask(None) for cell in cells)
asking = time.perf_counter() - asked
assert total == count * (count - 1) // 2, total
assert all(cell.is_alive() for cell in cells)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(grown / count, seconds, asking, peak, flush=True)
os._exit(0)
"""


def available() -> int:
    """Bytes of main memory that could be had."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def test_ten_million_idle_actors_fit_into_eight_gigabytes() -> None:
    if available() < NEEDED * ACTORS // 10_000_000:
        pytest.skip(f"takes a machine with {NEEDED / 2**30:.0f} GiB of free memory, and /proc")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(ACTORS)],
        check=False, capture_output=True, text=True, timeout=1_800,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    each, seconds, asking, peak = map(float, done.stdout.split())
    print(
        f"{ACTORS:,} actors: {each:.0f} bytes each, started in {seconds:.1f} s, each asked in "
        f"{asking:.1f} s, at most {peak / 2**30:.2f} GiB"
    )
    assert peak < LIMIT
