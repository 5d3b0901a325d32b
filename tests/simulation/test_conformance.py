"""What every runtime must do, the simulated ones do as well: the conformance suite, simulated.

The tests run as they are, with `--pykka-simulate`. Those that cannot pass there are listed in
`not_simulated.py`, with the reason. `make stress` runs each in twenty orders, and those of some
files in more combinations.
"""

from __future__ import annotations

import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
from tests import environments
from tests.simulation.not_simulated import LEFT_OUT, REASONS

ROOT = Path(__file__).parents[2]
MOST = 0.2
"""The share of the tests of a file that may be listed there; of all, that is less than 5 %."""

FILES = [
    "test_accepts.py",
    "test_become.py",
    "test_calls.py",
    "test_cancel.py",
    "test_children.py",
    "test_children_of_supervisors.py",
    "test_expire.py",
    "test_futures_of_actors.py",
    "test_hand_on.py",
    "test_idle.py",
    "test_lifecycle.py",
    "test_logging.py",
    "test_messages.py",
    "test_pipe_to.py",
    "test_proxies.py",
    "test_refs.py",
    "test_registry.py",
    "test_reply_later.py",
    "test_smallest_inbox.py",
    "test_stash.py",
    "test_state_and_trace.py",
    "test_systems.py",
    "test_urgent_ticks.py",
    "test_cancel_behind.py",
    "test_death_watch.py",
    "test_inboxes.py",
    "test_instruments.py",
    "test_kill.py",
    "test_life_events.py",
    "test_restart_hooks.py",
]
"""Those that are tried: the others take too long."""

FILES_IN_PART = [
    "test_statistics.py",
    "test_supervision.py",
    "test_supervision_races.py",
    "test_supervision_start.py",
    "test_timers.py",
    "test_restart.py",
    "test_router_pools.py",
    "test_routers.py",
]
"""Those that are tried with the combinations of the quick tier: with all of them, they pass as
well, and take minutes."""


def run_simulated(files: list[str], runs: int, *, in_part: bool = False) -> dict[str, str]:
    """Run tests in a process of their own; returns what has come of each."""
    command = [sys.executable, "-m", "pytest", "-p", "pytest_pykka", f"--pykka-simulate={runs}"]
    command += ["-p", "no:cacheprovider", "-q", "-rA", "--tb=no", "--show-capture=no"]
    command += ["-k", " and ".join(f"not {word}" for word in LEFT_OUT)]
    command += ["--thinned"] * in_part
    done = subprocess.run(
        [*command, *(f"tests/conformance/{file}" for file in files)],
        cwd=ROOT,
        env={**environments.untraced(), "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
    )
    found: dict[str, str] = {}
    for line in done.stdout.splitlines():
        word, _, rest = line.partition(" ")
        if word in {"PASSED", "FAILED", "ERROR"} and rest.startswith("tests/conformance/"):
            found[rest.partition(" - ")[0].removeprefix("tests/conformance/")] = word
    assert found, done.stdout + done.stderr
    return found


def reason_for(test: str) -> str | None:
    """Why a test need not pass; `None` if it has to."""
    for reason, patterns in REASONS.items():
        if any(fnmatch(test.replace("[", "("), each.replace("[", "(")) for each in patterns):
            return reason
    return None


def expect_to_pass(file: str, runs: int, *, in_part: bool) -> None:
    """Run a file's tests in so many orders: all pass but those with a reason, which are few."""
    found = run_simulated([file], runs, in_part=in_part)
    failed = [test for test, word in found.items() if word != "PASSED"]
    assert [test for test in failed if reason_for(test) is None] == []
    assert len(failed) <= MOST * len(found)


@pytest.mark.exhaustive
@pytest.mark.timeout(900)
@pytest.mark.parametrize("file", [*FILES, *FILES_IN_PART])
def test_the_suite_passes_in_several_orders(file: str) -> None:
    expect_to_pass(file, 4, in_part=file in FILES_IN_PART)


def test_each_reason_is_for_tests_that_there_are() -> None:
    sources = {
        file.name: file.read_text(encoding="utf-8")
        for file in (ROOT / "tests" / "conformance").glob("test_*.py")
    }
    for patterns in REASONS.values():
        for pattern in patterns:
            file, _, name = pattern.partition("::")
            name = name.partition("[")[0].rstrip("*")
            assert f"def {name}" in sources[file], pattern
