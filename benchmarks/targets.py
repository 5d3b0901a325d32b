"""What this library sets out to reach. A target that is missed is shown like one that is met."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.adapters import FLOOR, PEER
from benchmarks.stats import Spread, paired_ratios, spread

if TYPE_CHECKING:
    from benchmarks.results import Run


@dataclass(frozen=True)
class Target:
    """At least, or at most, so many times another implementation."""

    workload: str
    metric: str
    against: str
    at_least: float | None = None
    """How many times better we want to be."""
    at_most: float | None = None
    """How many times what the other needs we may need."""

    def measured(self, run: Run) -> Spread | None:
        """The ratio, or None if it was not measured, or one of the two has failed."""
        row = run.row(self.workload)
        if any(row[name].problems for name in (run.reference, self.against) if name in row):
            return None
        values = [
            row[name].values.get(self.metric, {}) if name in row else {}
            for name in (run.reference, self.against)
        ]
        metrics = {metric["name"]: metric for metric in run.workloads[self.workload]["metrics"]}
        better = paired_ratios(*values, better=metrics[self.metric]["better"])
        if not better:
            return None
        return spread(better if self.at_most is None else [1 / each for each in better])

    def verdict(self, found: Spread) -> str:
        """Whether the median is as it should be, and whether both quartiles say the same."""
        is_met = self._is_met(found.median)
        is_clear = self._is_met(found.low) == is_met == self._is_met(found.high)
        return f"{'met' if is_met else 'missed'}{'' if is_clear else ', not clearly'}"

    def _is_met(self, ratio: float) -> bool:
        if self.at_least is not None:
            return ratio >= self.at_least
        return self.at_most is None or ratio <= self.at_most


TARGETS = (
    Target("tell", "rate", PEER, at_least=8),
    Target("defer", "rate", PEER, at_least=5),
    Target("outstanding-asks", "time", PEER, at_least=5),
    Target("proxy-making", "time", PEER, at_least=10),
    Target("ask", "time", FLOOR, at_most=1.1),
    Target("proxied-call", "time", FLOOR, at_most=1.1),
)
