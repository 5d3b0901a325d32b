"""What a run is, in a few characters: to compare runs in other processes, on other Pythons.

It needs nothing but the package.
"""

from __future__ import annotations

import functools
import hashlib
import sys

from tests.simulation import programs

from pykka import simulation


@functools.cache
def digest(seeds: int) -> str:
    """What all runs of the programs have come to, for so many seeds."""
    said = hashlib.sha256()
    for main in programs.ACCUSED.values():
        for seed in range(seeds):
            said.update(describe(simulation.run(main, seed=seed)).encode())
    return said.hexdigest()


def describe(result: simulation.Result) -> str:
    """What has happened in a run, and what was found."""
    return "\n".join([*map(str, result.trace), *map(str, result.findings)])


if __name__ == "__main__":
    print(digest(int(sys.argv[1])))
