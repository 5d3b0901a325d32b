"""What got faster or slower between two runs, beyond the noise.

Two runs are minutes or months apart, and the machine may be twice as slow in one of them. So what
is compared is not the raw value but the value relative to the floor, measured in the same round of
the same run, wherever the floor has the workload. A change counts if it is larger than a threshold
and if the two samples would be so different by chance in fewer than one of a hundred cases.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.figures import quantity
from benchmarks.report import EVERYTHING, Row, Table, rows
from benchmarks.stats import paired_ratios, spread

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.results import Run

THRESHOLD = 0.05
CHANCE = 0.01


@dataclass(frozen=True)
class Change:
    """How one figure of one implementation differs between two runs."""

    title: str
    adapter: str
    before: str
    after: str
    factor: float
    """How many times better the later run is."""
    probability: float
    """That samples of one kind differ so much by chance."""
    verdict: str
    """"faster", "slower", "smaller", "larger", "same", "new", "gone" or "broken"."""
    relative: bool
    """Whether values relative to the floor were compared."""


def compare(before: Run, after: Run, *, threshold: float = THRESHOLD) -> list[Change]:
    """All figures of both runs."""
    old = {
        (row.workload, row.metric["name"]): row
        for group in EVERYTHING
        for row in rows(before, group)
    }
    changes: list[Change] = []
    for group in EVERYTHING:
        for row in rows(after, group):
            was = old.get((row.workload, row.metric["name"]))
            same_work = was is not None and (
                before.workloads[row.workload]["parameters"]
                == after.workloads[row.workload]["parameters"]
            )
            if was is not None and same_work:
                changes += _changes(before, after, was, row, threshold)
    return changes


def _changes(before: Run, after: Run, was: Row, now: Row, threshold: float) -> Iterator[Change]:
    for adapter in {**was.measurements, **now.measurements}:
        one, other = was.spread(adapter), now.spread(adapter)
        unit = now.metric["unit"]
        texts = (
            quantity(one.median, unit) if one else was.trouble(adapter) or "–",
            quantity(other.median, unit) if other else now.trouble(adapter) or "–",
        )
        title = after.adapters.get(adapter, before.adapters.get(adapter, {})).get("title", adapter)
        if one is None or other is None:
            if one is None and other is None:
                continue
            verdict = (
                "new" if one is None else ("broken" if adapter in now.measurements else "gone")
            )
            yield Change(now.title, title, *texts, 1.0, 1.0, verdict, relative=False)
            continue
        samples = _relative(before, after, was, now, adapter)
        relative = samples is not None
        if samples is None:
            samples = list(was.values(adapter).values()), list(now.values(adapter).values())
            if now.metric["better"] == "less":
                samples = [1 / v for v in samples[0]], [1 / v for v in samples[1]]
        factor = spread(samples[1]).median / spread(samples[0]).median
        probability = rank_sum_probability(*samples)
        verdict = _verdict(factor, probability, threshold, unit)
        yield Change(now.title, title, *texts, factor, probability, verdict, relative=relative)


def rank_sum_probability(one: Sequence[float], other: Sequence[float]) -> float:
    """How likely two samples differ by so much though they are of one kind (two-sided).

    This is the test of Wilcoxon, Mann and Whitney, which assumes nothing about how the values are
    distributed. It is exact for small samples in which no two values are equal.
    """
    # Takes a second, which only those who compare have to wait.
    from scipy.stats import mannwhitneyu  # noqa: PLC0415

    if len({*one, *other}) == 1:
        return 1.0
    return float(mannwhitneyu(one, other, use_continuity=False).pvalue)


def _relative(
    before: Run, after: Run, was: Row, now: Row, adapter: str
) -> tuple[list[float], list[float]] | None:
    """How many times better than the floor, in each round of both runs."""
    if adapter == after.floor or was.trouble(before.floor) or now.trouble(after.floor):
        return None
    better = now.metric["better"]
    one = paired_ratios(was.values(adapter), was.values(before.floor), better=better)
    other = paired_ratios(now.values(adapter), now.values(after.floor), better=better)
    return (one, other) if one and other else None


def _verdict(factor: float, probability: float, threshold: float, unit: str) -> str:
    if probability >= CHANCE or abs(factor - 1) < threshold:
        return "same"
    names = ("smaller", "larger") if unit == "B" else ("faster", "slower")
    return names[0] if factor > 1 else names[1]


def told(before: Run, after: Run, changes: Sequence[Change]) -> list[str | Table]:
    """What changed, as a table, and what did not, as a number."""
    found: list[str | Table] = [
        f"before: {before.started}, sources {before.sources.get('digest', '')}",
        f"after:  {after.started}, sources {after.sources.get('digest', '')}",
    ]
    for what, one, other in (
        ("machine", before.machine.get("processor"), after.machine.get("processor")),
        ("Python", before.python, after.python),
    ):
        if one != other:
            found.append(f"The two runs differ in {what}: {one}, {other}.")
    changes, lonely = _in_both(changes)
    found += [f"{adapter} was measured in one of the two runs only." for adapter in lonely]
    changed = [change for change in changes if change.verdict != "same"]
    if changed:
        found += [_table(changed)]
    found.append(
        f"{len(changed)} changed, {len(changes) - len(changed)} did not, beyond the noise."
    )
    by_chance = len(changes) * CHANCE
    if changed and by_chance >= 1:
        found.append(f"Of so many figures, {by_chance:.0f} would differ so much by chance alone.")
    if any(min(_rounds(run)) < _ENOUGH for run in (before, after) if run.measurements):
        found.append(f"With fewer than {_ENOUGH} rounds in each run, no change can be told apart.")
    return found


def _table(changes: Sequence[Change]) -> Table:
    table = Table(["", "", "before", "after", "factor", "chance", "verdict"], [])
    for change in sorted(changes, key=lambda change: change.factor):
        table.rows.append(
            [
                change.title,
                change.adapter,
                change.before,
                change.after,
                f"{change.factor:.2f}{' of the floor' if change.relative else ''}",
                f"{change.probability:.3f}",
                change.verdict,
            ]
        )
    return table


def _in_both(changes: Sequence[Change]) -> tuple[list[Change], list[str]]:
    """The changes without those of implementations that one of the runs does not have at all."""
    verdicts: dict[str, set[str]] = {}
    for change in changes:
        verdicts.setdefault(change.adapter, set()).add(change.verdict)
    lonely = [name for name, found in verdicts.items() if found in ({"gone"}, {"new"})]
    return [change for change in changes if change.adapter not in lonely], lonely


_ENOUGH = 5
"""With 5 against 5, two samples that do not overlap at all are just significant (2 of 252)."""


def _rounds(run: Run) -> list[int]:
    return [len(m.rounds()) for m in run.measurements if not m.problems] or [0]
