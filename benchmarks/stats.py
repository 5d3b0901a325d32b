"""The few statistics that the reports need, on plain lists of numbers.

Medians and quartiles, because a benchmark on a shared machine has outliers, and means follow
them. Ratios are formed inside each round, between two runs that were neighbours in time, and only
then is the median taken: a machine that is slow for a minute is slow for both.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
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
