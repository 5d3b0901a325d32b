"""The two tiers of the tests: how much is tried in each.

The quick tier is for whoever changes something, and runs on every Python: it takes two minutes,
so it is run often. The exhaustive tier is for what is to be accepted; it does everything that the
quick one does, and

- runs the tests marked `exhaustive`, which take long and seldom find what no other test does,
- runs those marked `thinned` with all combinations of their parameters, and not only with so many
  that each value of each parameter is tried,
- explores with any number of preemptions, if the test does not say how many (`interleave.py`),
- gives Hypothesis a budget that is several times larger.

What is named on the command line runs in either tier, marked or not.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

PREEMPTIONS = 2
"""In the quick tier, how often at most a task that could go on has to wait for another one. Each
mistake that is planted in the tests shows itself with two."""

settings.register_profile(
    "quick",
    max_examples=50,
    stateful_step_count=30,
    deadline=None,  # the machine may be busy with something else
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile(
    "exhaustive", settings.get_profile("quick"), max_examples=300, stateful_step_count=50
)


class _Tier:
    is_exhaustive = False


def choose(*, exhaustive: bool) -> None:
    """Say which tier it is; before the tests are imported, which look at Hypothesis's settings."""
    _Tier.is_exhaustive = exhaustive
    settings.load_profile("exhaustive" if exhaustive else "quick")


def preemptions(wanted: int | None) -> int | None:
    """How many preemptions an exploration has that is to have so many, or any number."""
    if _Tier.is_exhaustive:
        return wanted
    return PREEMPTIONS if wanted is None else min(wanted, PREEMPTIONS)


def leave_out(items: list[pytest.Item]) -> list[pytest.Item]:
    """Take the tests that are for the exhaustive tier from a list, and return them."""
    thinned: defaultdict[str, list[pytest.Item]] = defaultdict(list)
    left_out = [item for item in items if item.get_closest_marker("exhaustive")]
    for item in items:
        if not item.get_closest_marker("exhaustive") and item.get_closest_marker("thinned"):
            thinned[item.nodeid.partition("[")[0]].append(item)
    for each in thinned.values():
        left_out += thin(each)
    gone = set(left_out)
    items[:] = [item for item in items if item not in gone]
    return left_out


def thin(items: list[pytest.Item]) -> list[pytest.Item]:
    """Of one test with many parameters, return what can be left out.

    What is left tries each value of each parameter; or, if the test is marked `thinned(n)`, each
    combination of the values of any n parameters. Which it is depends on nothing but the order.
    """
    tries = {item: set(_combinations(item)) for item in items}
    missing = set().union(*tries.values())
    while missing:
        best = max(tries, key=lambda item: len(tries[item] & missing))
        missing -= tries.pop(best)
    return list(tries)


def _combinations(item: pytest.Item) -> Iterable[Hashable]:
    """What the test tries, of what there is to be tried."""
    assert isinstance(item, pytest.Function)
    marker = item.get_closest_marker("thinned")
    assert marker is not None
    [size] = marker.args or [1]
    values = [(name, id(value)) for name, value in sorted(item.callspec.params.items())]
    return combinations(values, size)
