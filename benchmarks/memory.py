"""How much memory a measurement uses, seen from inside: the process that measures it is asked.

Whatever looks needs memory itself, and has to be installed in the environment of each
implementation. So the measured process imports nothing for it: it says when to look, and the
process that has started it looks (see `benchmarks.processes`).
"""

from __future__ import annotations

import os

CHANNEL = "BENCH_CHANNEL"
"""The variable with the file descriptor through which a measured process asks."""


def used() -> int:
    """Bytes of main memory that this process uses, with all that it has started."""
    channel = int(os.environ[CHANNEL])
    os.write(channel, b"?")
    return int(os.read(channel, 32))
