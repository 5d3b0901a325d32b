"""The few statistics that the reports need, on plain lists of numbers.

Medians and quartiles, because a benchmark on a shared machine has outliers, and means follow
them. Ratios are formed inside each round, between two runs that were neighbours in time, and only
then is the median taken: a machine that is slow for a minute is slow for both.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class Spread:
    """A median and the quartiles around it."""

    median: float
    low: float
    """The first quartile."""
    high: float
    """The third quartile."""
    count: int

    @property
    def relative(self) -> float:
        """Half the distance of the quartiles, as a part of the median."""
        return (self.high - self.low) / 2 / self.median if self.median else 0.0


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The smallest value that at least so many per cent of the values do not exceed.

    Args:
        ordered: The values, in ascending order.
        percent: More than 0, at most 100.
    """
    return ordered[max(0, math.ceil(len(ordered) * percent / 100 - 1e-9) - 1)]


def spread(values: Sequence[float]) -> Spread:
    """The median and the quartiles of some values, of which there must be one at least."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0], 1)
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, low, high, len(values))


def paired_ratios(
    ours: Mapping[int, float], theirs: Mapping[int, float], *, better: str
) -> list[float]:
    """How many times better one implementation is than another, for each round that has both.

    Args:
        ours: Values by round.
        theirs: Values by round.
        better: "more" or "less".
    """
    rounds = sorted(ours.keys() & theirs.keys())
    if better == "more":
        return [ours[r] / theirs[r] for r in rounds if theirs[r]]
    return [theirs[r] / ours[r] for r in rounds if ours[r]]


EXACT = 26
"""Up to so many values together, the probability is exact."""


def rank_sum_probability(one: Sequence[float], other: Sequence[float]) -> float:
    """How likely two samples differ by so much though they are of one kind (two-sided).

    This is the test of Wilcoxon, Mann and Whitney. It assumes nothing about how the values are
    distributed. With few values it is exact: the ranks are dealt out in every possible way.
    """
    ranks = doubled_ranks([*one, *other])
    size, total = len(one), len(ranks)
    observed = sum(ranks[:size])
    expected = size * (total + 1)  # of doubled ranks
    if total <= EXACT:
        ways = _ways(tuple(sorted(ranks)), size)
        distance = abs(observed - expected)
        extreme = sum(count for s, count in ways.items() if abs(s - expected) >= distance)
        return extreme / math.comb(total, size)
    mean = total + 1
    variance = sum((rank - mean) ** 2 for rank in ranks) / total
    deviation = math.sqrt(size * (total - size) / (total - 1) * variance)
    if not deviation:
        return 1.0
    return math.erfc(abs(observed - expected) / deviation / math.sqrt(2))


def doubled_ranks(values: Sequence[float]) -> list[int]:
    """The rank of each value times two, so that equal values share a whole number."""
    ordered = sorted(values)
    first: dict[float, int] = {}
    last: dict[float, int] = {}
    for position, value in enumerate(ordered, 1):
        first.setdefault(value, position)
        last[value] = position
    return [first[value] + last[value] for value in values]


@lru_cache(maxsize=64)
def _ways(ranks: tuple[int, ...], size: int) -> dict[int, int]:
    """In how many ways `size` of the ranks have each possible sum."""
    table: list[dict[int, int]] = [{0: 1}, *({} for _ in range(size))]
    for rank in ranks:
        for taken in range(size, 0, -1):
            for total, count in table[taken - 1].items():
                table[taken][total + rank] = table[taken].get(total + rank, 0) + count
    return table[size]
