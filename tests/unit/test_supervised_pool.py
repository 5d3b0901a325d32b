"""The short forms of what `make stress` does with supervised actors."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from tests.stress.restarts import Trial, check_flat
from tests.stress.supervised_pool import Pool
from tests.tiers import repetitions

if TYPE_CHECKING:
    from tests.conftest import Runtime


pytestmark = pytest.mark.usefixtures("quiet")


@pytest.mark.usefixtures("untraced")
def test_every_message_through_a_pool_that_crashes_has_one_fate(runtime: Runtime) -> None:
    seed = random.randrange(1_000_000)
    messages = repetitions(20_000)
    pool = Pool(runtime.actor_class, messages=messages, workers=4, senders=3, seed=seed)
    print(pool.run())


@pytest.mark.thinned
@pytest.mark.thinned
@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize(
    "options",
    [pytest.param({}, marks=pytest.mark.exhaustive), {"waits": True}, {"how": "kill"}],
    ids=["in place", "after a pause", "another actor each time"],
)
def test_restarts_leave_nothing_behind(runtime: Runtime, options: dict[str, Any]) -> None:
    trial = Trial(runtime.actor_class, **options)
    trial.restart(100)
    before = trial.footprint()
    trial.restart(200)
    after = trial.footprint()
    trial.end()
    check_flat(before, after, 200)
