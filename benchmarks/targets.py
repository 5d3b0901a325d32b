"""What this library sets out to reach. A target that is missed is shown like one that is met."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.adapters import ERLANG, FLOOR, IN_A_LOOP, NEWEST, OURS, PEER, POOLED, TASK
from benchmarks.stats import Spread, paired_ratios, spread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.results import Run


@dataclass(frozen=True)
class Figure:
    """One metric of one workload, on one implementation."""

    workload: str
    metric: str
    adapter: str
    at: Mapping[str, int] = field(default_factory=dict)
    """The parameters that are not those of the table: a point of a curve."""

    def values(self, run: Run) -> dict[int, float]:
        """The values by round; none if it has failed even once."""
        measurement = run.row(self.workload, self.at).get(self.adapter)
        if measurement is None or measurement.problems:
            return {}
        return measurement.values.get(self.metric, {})

    def described(self, run: Run) -> dict[str, Any]:
        """What the file of results says of the metric."""
        metrics: list[dict[str, Any]] = run.workloads[self.workload]["metrics"]
        return next(metric for metric in metrics if metric["name"] == self.metric)

    def title(self, run: Run) -> str:
        """The title of the row, with the point if it is not that of the table."""
        parts = [run.workloads[self.workload]["title"], self.described(run)["title"]]
        parts += [f"{value:,} {name}" for name, value in self.at.items()]
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True)
class Target:
    """At least, or at most, so much; or so many times what another implementation has."""

    ours: Figure
    theirs: Figure | None = None
    """Without one, what is wanted is an absolute figure, in the unit of the metric."""
    at_least: float | None = None
    """How many times better we want to be."""
    at_most: float | None = None
    """How many times what the other needs we may need; or how much."""

    def measured(self, run: Run) -> Spread | None:
        """The ratio or the figure; None if it was not measured, or has failed."""
        values = self.ours.values(run)
        if self.theirs is None:
            return spread(list(values.values())) if values else None
        better = paired_ratios(
            values, self.theirs.values(run), better=self.ours.described(run)["better"]
        )
        if not better:
            return None
        return spread(better if self.at_most is None else [1 / each for each in better])

    def verdict(self, found: Spread) -> str:
        """Whether the median is as it should be, and whether both quartiles say the same."""
        is_met = self._is_met(found.median)
        is_clear = self._is_met(found.low) == is_met == self._is_met(found.high)
        return f"{'met' if is_met else 'missed'}{'' if is_clear else ', not clearly'}"

    def _is_met(self, value: float) -> bool:
        if self.at_least is not None:
            return value >= self.at_least
        return self.at_most is None or value <= self.at_most


def versus(
    workload: str,
    metric: str,
    against: str,
    *,
    ours: str = OURS,
    at_least: float | None = None,
    at_most: float | None = None,
) -> Target:
    """Ours against another implementation, in the same workload."""
    one, other = (Figure(workload, metric, adapter) for adapter in (ours, against))
    return Target(one, other, at_least, at_most)


def beside(
    workload: str, metric: str, other: Figure | str, *, ours: str = POOLED, at_most: float
) -> Target:
    """One of our figures beside another one of ours, as a rule of the same runtime."""
    theirs = other if isinstance(other, Figure) else Figure(other, "time", ours)
    return Target(Figure(workload, metric, ours), theirs, at_most=at_most)


TARGETS = (
    versus("tell", "rate", PEER, at_least=8),
    versus("defer", "rate", PEER, at_least=5),
    versus("outstanding-asks", "time", PEER, at_least=5),
    versus("proxy-making", "time", PEER, at_least=10),
    versus("ask", "time", FLOOR, at_most=1.1),
    versus("proxied-call", "time", FLOOR, at_most=1.1),
    # The pool against the newest Pykka's actors on threads
    versus("ask", "time", NEWEST, ours=POOLED, at_least=30),
    versus("proxied-call", "time", NEWEST, ours=POOLED, at_least=30),
    versus("ping-pong", "rate", NEWEST, ours=POOLED, at_least=25),
    versus("thread-ring", "rate", NEWEST, ours=POOLED, at_least=25),
    versus("tell", "rate", NEWEST, ours=POOLED, at_least=20),
    versus("defer", "rate", NEWEST, ours=POOLED, at_least=10),
    versus("outstanding-asks", "time", NEWEST, ours=POOLED, at_least=15),
    Target(
        Figure("many-senders", "rate", POOLED, {"senders": 32}),
        Figure("many-senders", "rate", NEWEST, {"senders": 32}),
        at_least=15,
    ),
    versus("start", "time", NEWEST, ours=POOLED, at_least=50),
    versus("starved-thread", "p50", NEWEST, ours=POOLED, at_most=2),
    versus("starved-thread", "p90", NEWEST, ours=POOLED, at_most=2),
    versus("starved-loop", "p50", NEWEST, ours=POOLED, at_most=2),
    versus("starved-loop", "p90", NEWEST, ours=POOLED, at_most=2),
    # Pykka cannot start a million: a thread for each is too many. So the comparison is with what
    # an actor costs it at 10,000.
    Target(Figure("million", "start", POOLED), Figure("start", "time", NEWEST), at_least=25),
    # The pool against Erlang
    versus("tell", "rate", ERLANG, ours=POOLED, at_most=2.5),
    versus("thread-ring", "rate", ERLANG, ours=POOLED, at_most=2),
    versus("ask", "time", ERLANG, ours=POOLED, at_most=5),
    versus("start", "time", ERLANG, ours=POOLED, at_least=2),
    versus("start-and-tell", "time", ERLANG, ours=POOLED, at_least=2),
    versus("million", "start", ERLANG, ours=POOLED, at_least=2),
    versus("million", "memory", ERLANG, ours=POOLED, at_least=4),
    # The pool by itself
    beside("proxied-call", "time", "ask", at_most=2),
    beside("attribute-read", "time", "proxied-call", at_most=1.5),
    beside("start-and-tell", "time", "start", at_most=3),
    beside("start-stop", "time", "start", at_most=3),
    beside("million", "start", "start", at_most=1.5),
    beside("stop-all", "stop", Figure("stop-all", "start", POOLED), at_most=1.5),
    Target(Figure("idle-memory", "memory", POOLED), at_most=550),
    Target(Figure("million", "memory", POOLED), at_most=650),
    Target(Figure("million", "total", POOLED), at_most=10),
    Target(Figure("sleepers", "among", POOLED), at_most=0.05),
    Target(Figure("route-round-robin", "part", POOLED), at_least=0.7),
    # Loops, bounds and imports, against what is written by hand
    versus("await-ask", "time", TASK, ours=IN_A_LOOP, at_most=1),
    versus("await-coroutine", "time", TASK, ours=IN_A_LOOP, at_most=1.5),
    versus("await-ask", "time", FLOOR, ours=POOLED, at_most=1.2),
    versus("bounded-tell", "rate", FLOOR, at_most=1.2),
    versus("bounded-tell", "rate", FLOOR, ours=POOLED, at_most=1.2),
    versus("import-time", "time", NEWEST, at_most=1.3),
)
