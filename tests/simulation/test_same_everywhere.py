"""The same seed makes the same run: twice, replayed, on both carriers, in each process and Python.

The quick tests of this are in `test_runs.py` and `test_carriers.py`; here are all seeds.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.simulation import programs
from tests.simulation.same import describe, digest

from pykka import simulation
from pykka.simulation._engine import _greenlets

ROOT = Path(__file__).parents[2]
SEEDS = 150

pytestmark = [pytest.mark.exhaustive, pytest.mark.usefixtures("untraced")]


def find_python(version: str) -> str:
    command = [str(ROOT / "scripts" / "pythons"), "--find", f"python{version}"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


@pytest.mark.parametrize("name", programs.ACCUSED)
def test_twice_and_replayed_and_on_both_carriers(name: str) -> None:
    main = programs.ACCUSED[name]
    carriers = ["thread", "greenlet"] if _greenlets.can_be_used() else ["thread"]
    for seed in range(SEEDS):
        once = simulation.run(main, seed=seed)
        expected = describe(once)
        assert describe(simulation.run(main, seed=seed)) == expected
        assert describe(simulation.run(main, replay=once.replay)) == expected
        for carrier in carriers:
            result = simulation.run(main, seed=seed, carrier=carrier)  # type: ignore[arg-type]
            assert describe(result) == expected


@pytest.mark.parametrize("hash_seed", ["0", "1"])
@pytest.mark.parametrize("version", ["this", "3.11", "3.12", "3.13"])
def test_in_each_process_and_on_each_python(version: str, hash_seed: str) -> None:
    found = sys.executable if version == "this" else find_python(version)
    if not found:
        pytest.skip(f"there is no Python {version}")
    done = subprocess.run(
        [found, "-m", "tests.simulation.same", str(SEEDS)],
        cwd=ROOT,
        env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    assert done.stdout.strip() == digest(SEEDS)
