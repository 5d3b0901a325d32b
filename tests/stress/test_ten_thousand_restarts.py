"""Ten thousand restarts leave no thread, no timer and no reference behind."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import RUNTIMES
from tests.stress.restarts import Trial, check_flat

if TYPE_CHECKING:
    from tests.conftest import Runtime

RESTARTS = int(os.environ.get("PYKKA_STRESS_RESTARTS", "10_000"))


pytestmark = pytest.mark.usefixtures("quiet")


@pytest.mark.parametrize(
    "options",
    [{}, {"waits": True}, {"how": "kill"}],
    ids=["in place", "after a pause", "another actor each time"],
)
@pytest.mark.parametrize("runtime", RUNTIMES, ids=lambda runtime: runtime.name)
def test_nothing_grows(runtime: Runtime, options: dict[str, Any]) -> None:
    trial = Trial(runtime.actor_class, **options)
    trial.restart(RESTARTS // 10)
    before = trial.footprint()
    began = time.perf_counter()
    trial.restart(RESTARTS)
    seconds = time.perf_counter() - began
    after = trial.footprint()
    trial.end()
    print(
        f"{runtime.name}, {options}: {RESTARTS:,} restarts in {seconds:.1f} s, "
        f"{after['objects'] - before['objects']:+,} objects, "
        f"{after['threads'] - before['threads']:+} threads, "
        f"{(after['bytes'] - before['bytes']) / 1024:+,.0f} KiB"
    )
    check_flat(before, after, RESTARTS)
