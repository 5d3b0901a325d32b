"""The two tiers of the tests: how much is tried in each.

The quick tier is for whoever changes something, and runs on every Python: it takes about two
minutes, so it is run often. The exhaustive tier is for what is to be accepted; it does everything
that the quick one does, and

- runs the tests marked `exhaustive`, which take long and seldom find what no other test does,
- runs those marked `thinned` with all combinations of their parameters, and not only with so many
  that each value of each parameter is tried,
- explores with any number of preemptions, if the test does not say how many (`interleave.py`),
- gives Hypothesis a budget that is several times larger, and what is repeated to find a race four
  times as many repetitions (`repetitions()`).

What is named on the command line runs in either tier, marked or not.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

Item = TypeVar("Item")
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
    "exhaustive", settings.get_profile("quick"), max_examples=200, stateful_step_count=50
)


class _Tier:
    is_exhaustive = False
    is_simulated = False


def choose(*, exhaustive: bool, simulated: bool = False) -> None:
    """Say which tier it is; before the tests are imported, which look at Hypothesis's settings.

    Args:
        exhaustive: Whether it is the exhaustive one.
        simulated: Whether each test is simulated (`--pykka-simulate`).
    """
    _Tier.is_exhaustive = exhaustive
    _Tier.is_simulated = simulated
    settings.load_profile("exhaustive" if exhaustive else "quick")


def preemptions(wanted: int | None) -> int | None:
    """How many preemptions an exploration has that is to have so many, or any number."""
    if _Tier.is_exhaustive:
        return wanted
    return PREEMPTIONS if wanted is None else min(wanted, PREEMPTIONS)


def repetitions(wanted: int) -> int:
    """How often a test repeats what it does to find a race, if it is to be so often."""
    return wanted if _Tier.is_exhaustive else wanted // 4


def unless_simulated(many: int, few: int) -> int:
    """How often a test does something for one of the orders to be the one that it looks for.

    Args:
        many: How often, if the machine decides on the order.
        few: How often, if the simulator does, which makes the test many times.
    """
    return few if _Tier.is_simulated else many


def every_other(cases: Iterable[tuple[Any, ...]]) -> list[Any]:
    """What a test that takes long is tried with: the first, third, … in the exhaustive tier only.

    Args:
        cases: The arguments of the test, a tuple for each time.
    """
    return [
        pytest.param(*case, marks=() if number % 2 else pytest.mark.exhaustive)
        for number, case in enumerate(cases)
    ]


def leave_out(items: list[pytest.Item]) -> list[pytest.Item]:
    """Take the tests that are for the exhaustive tier from a list, and return them."""
    thinned: defaultdict[str, list[pytest.Item]] = defaultdict(list)
    left_out = [item for item in items if item.get_closest_marker("exhaustive")]
    for item in items:
        if item.get_closest_marker("exhaustive") or not hasattr(item, "callspec"):
            continue
        if item.get_closest_marker("thinned"):
            thinned[item.nodeid.partition("[")[0]].append(item)
    for same in thinned.values():
        runs = few({item: _combinations(item) for item in same})
        left_out += [item for item in same if item not in runs]
    gone = set(left_out)
    items[:] = [item for item in items if item not in gone]
    return left_out


def few(tries: Mapping[Item, set[Hashable]]) -> set[Item]:
    """A few that together try all that there is to try; in each process the same ones."""
    chosen: set[Item] = set()
    missing: set[Hashable] = set().union(*tries.values())
    while missing:
        best = max(tries, key=lambda item: len(tries[item] & missing))
        missing -= tries[best]
        chosen.add(best)
    return chosen


def _combinations(item: pytest.Item) -> set[Hashable]:
    """What a test that is marked `thinned` tries: values of parameters, or pairs of them."""
    marker = item.get_closest_marker("thinned")
    assert marker is not None
    assert isinstance(item, pytest.Function)
    # By their identity, for some cannot be hashed. All tests of a product share its values.
    values = [(name, id(value)) for name, value in sorted(item.callspec.params.items())]
    size = marker.args[0] if marker.args else 1
    return set(combinations(values, min(size, len(values))))
