"""Tables out of results: for the terminal as aligned text, for the documentation as Markdown."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import rich.box
import rich.table

from benchmarks.figures import percent, quantity, ratio
from benchmarks.interpreter import build_options
from benchmarks.stats import Spread, paired_ratios, spread
from benchmarks.targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.results import Measurement, Run
    from benchmarks.targets import Target

NOTHING = "–"


@dataclass(frozen=True)
class Table:
    """A title line and rows; the first column is text, the others are figures."""

    head: list[str]
    rows: list[list[str]]

    def as_markdown(self) -> str:
        """For the documentation."""
        rule = [":--", *("--:" for _ in self.head[1:])]
        lines = [self.head, rule, *self.rows]
        return "\n".join(f"| {' | '.join(_escaped(cell) for cell in line)} |" for line in lines)

    def __rich__(self) -> rich.table.Table:
        """For a terminal."""
        made = rich.table.Table(box=rich.box.SIMPLE_HEAD, pad_edge=False)
        for number, title in enumerate(self.head):
            made.add_column(title, justify="right" if number else "left", overflow="fold")
        for row in self.rows:
            made.add_row(*row)
        return made


@dataclass(frozen=True)
class Row:
    """One metric of one workload, on all implementations."""

    workload: str
    metric: dict[str, Any]
    title: str
    measurements: dict[str, Measurement]

    def values(self, adapter: str) -> dict[int, float]:
        """The values of an implementation, by round."""
        if adapter not in self.measurements:
            return {}
        return self.measurements[adapter].values.get(self.metric["name"], {})

    def spread(self, adapter: str) -> Spread | None:
        """The median of an implementation, if it has values and no failures."""
        values = self.values(adapter)
        return spread(list(values.values())) if values and not self.trouble(adapter) else None

    def trouble(self, adapter: str) -> str:
        """Why an implementation has no figure, in a word or two; empty if it has."""
        if adapter not in self.measurements:
            return NOTHING
        measurement = self.measurements[adapter]
        if not measurement.problems:
            return ""
        worst = measurement.problems[0].status
        if worst == "unsupported":
            return NOTHING
        rounds = len(measurement.rounds())
        wrong = len(measurement.problems)
        return f"{worst} ({wrong} of {rounds})" if wrong < rounds else worst

    def advantage(self, one: str, other: str) -> Spread | None:
        """How many times better one implementation is than another."""
        if self.trouble(one) or self.trouble(other):
            return None
        ratios = paired_ratios(self.values(one), self.values(other), better=self.metric["better"])
        return spread(ratios) if ratios else None

    def cost(self, one: str, other: str) -> Spread | None:
        """How many times what the other needs one needs; the inverse of the advantage."""
        return self.advantage(other, one)


def rows(run: Run, group: str) -> Iterator[Row]:
    """The rows of a table, without those that nobody measured."""
    for name, workload in run.workloads.items():
        measurements = run.row(name)
        if workload["group"] != group or not measurements:
            continue
        for metric in workload["metrics"]:
            addition = f", {metric['title']}" if metric["title"] else ""
            yield Row(name, metric, f"{workload['title']}{addition}", measurements)


EVERYTHING = ("feel", "savina", "curve", "extras")


def comparison(run: Run, groups: Sequence[str] = EVERYTHING) -> Table:
    """Ours against the peers and the floor, with ratios."""
    peers = [run.peer, *(each for each in run.adapters if each.startswith("pykka-"))]
    return _side_by_side(run, groups, run.reference, peers, run.floor)


def pooled(run: Run, groups: Sequence[str] = EVERYTHING) -> Table:
    """Our pool against those that it is compared with, and against our actors on threads."""
    return _side_by_side(run, groups, run.pooled, [*run.pooled_against, run.reference])


def _side_by_side(
    run: Run, groups: Sequence[str], ours: str, others: Sequence[str], floor: str = ""
) -> Table:
    if not was_measured(run, ours):
        return Table(["not measured"], [])
    others = [name for name in dict.fromkeys(others) if was_measured(run, name)]
    if not was_measured(run, floor):
        floor = ""
    head = ["", title_of(run, ours)]
    for name in others:
        head += [title_of(run, name), "ours is better by"]
    if floor:
        head += [title_of(run, floor), "ours costs"]
    table = Table(head, [])
    for group in groups:
        for row in rows(run, group):
            cells = [f"{row.title}, {_unit(row)}", figure(row, ours)]
            for name in others:
                cells += [figure(row, name), how_many_times(row.advantage(ours, name))]
            if floor:
                cells += [figure(row, floor), how_many_times(row.cost(ours, floor))]
            table.rows.append(cells)
    return table


ANSWER = ("ask", "tell", "proxied call", "thread ring", "a million actors, all of them")
"""The rows that a reader who reads only five shall see."""


def answer(run: Run) -> Table:
    """The figures of our pool in a few rows: medians, without the spread."""
    others = [name for name in run.pooled_against if was_measured(run, name)]
    if not was_measured(run, run.pooled):
        return Table(["not measured"], [])
    head = ["", title_of(run, run.pooled).removeprefix("ours, ")]
    table = Table([*head, *(f"against {title_of(run, name)}" for name in others)], [])
    known = {row.title: row for group in EVERYTHING for row in rows(run, group)}
    for title in ANSWER:
        if row := known.get(title):
            cells = [f"{title}, {_unit(row)}", figure(row, run.pooled, with_spread=False)]
            table.rows.append([*cells, *(_in_words(row, run.pooled, name) for name in others)])
    return table


def _in_words(row: Row, ours: str, other: str) -> str:
    """How much faster or slower ours is, in words."""
    found = row.advantage(ours, other)
    if found is None:
        return NOTHING
    times = found.median
    return f"{ratio(times)} faster" if times >= 1 else f"{ratio(1 / times)} slower"


def everybody(
    run: Run, groups: Sequence[str], *, but: Sequence[str] = (), with_spread: bool = False
) -> Table:
    """The medians of all implementations, in all workloads but some."""
    names = [name for name in run.adapters if was_measured(run, name)]
    table = Table(["", *(title_of(run, name) for name in names)], [])
    for group in groups:
        for row in rows(run, group):
            if row.workload not in but:
                cells = [figure(row, name, with_spread=with_spread) for name in names]
                table.rows.append([f"{row.title}, {_unit(row)}", *cells])
    return table


def targets(run: Run) -> Table:
    """The targets, with what was measured."""
    table = Table(["target", "wanted", "measured", "quartiles", ""], [])
    for target in TARGETS:
        figures = [target.ours, *([target.theirs] if target.theirs else [])]
        if any(
            each.workload not in run.workloads or each.adapter not in run.adapters
            for each in figures
        ):
            continue
        found = target.measured(run)
        if found is None and is_extra(run, target.ours.workload):
            continue
        show = partial(_shown, run, target)
        wanted = target.at_most if target.at_least is None else target.at_least
        cells = [
            _goal(run, target),
            f"{'≤' if target.at_least is None else '≥'} {show(wanted or 0, is_wanted=True)}",
        ]
        if found is None:
            cells += [NOTHING, NOTHING, "not measured"]
        else:
            low, high = sorted((found.low, found.high))
            cells += [show(found.median), f"{show(low)} to {show(high)}", target.verdict(found)]
        table.rows.append(cells)
    return table


def _goal(run: Run, target: Target) -> str:
    """What a target is about: "ours, PooledActor, tell: times better than Pykka 4.5.0"."""
    mine, theirs = target.ours, target.theirs
    what = f"{title_of(run, mine.adapter)}, {mine.title(run)}"
    if theirs is None:
        return what
    other = title_of(run, theirs.adapter)
    if (theirs.workload, theirs.metric, theirs.at) != (mine.workload, mine.metric, mine.at):
        scale = ", ".join(
            f"{v:,} {k}" for k, v in run.workloads[theirs.workload]["parameters"].items()
        )
        other = f"{other}, {theirs.title(run)} ({scale})"
    return f"{what}: times {'the cost of' if target.at_least is None else 'better than'} {other}"


def _shown(run: Run, target: Target, value: float, *, is_wanted: bool = False) -> str:
    """How a figure of a target is written."""
    if target.theirs is None:
        return quantity(value, target.ours.described(run)["unit"])
    return f"{value:g}" if is_wanted else f"{value:.2f}"


def curve(run: Run, workload: str, parameter: str, metric: dict[str, Any]) -> Table:
    """A curve as a table: a line for each implementation, a column for each point."""
    lines = list(run.curve(workload, parameter))
    points = sorted({point for _, measured in lines for point in measured})
    table = Table(["", *(f"{point:,}" for point in points)], [])
    for name, measured in lines:
        cells = []
        for point in points:
            row = Row(workload, metric, "", {name: measured[point]} if point in measured else {})
            cells.append(figure(row, name, with_spread=False))
        table.rows.append([title_of(run, name), *cells])
    return table


def along(run: Run, workload: str, parameter: str) -> Table:
    """A curve as a table of all metrics: lines for each point, one for each implementation."""
    metrics = run.workloads[workload]["metrics"]
    titles = [metric["title"] or metric["name"] for metric in metrics]
    table = Table([parameter, "", *titles], [])
    lines = list(run.curve(workload, parameter))
    for point in sorted({point for _, measured in lines for point in measured}):
        for name, measured in lines:
            if point in measured and not measured[point].problems:
                found = {name: measured[point]}
                cells = [figure(Row(workload, metric, "", found), name) for metric in metrics]
                table.rows.append([f"{point:,}", title_of(run, name), *cells])
    return table


def is_extra(run: Run, workload: str) -> bool:
    """Tell whether a workload is only measured if it is named."""
    return bool(run.workloads[workload]["group"] == "extras")


def curve_points(run: Run, workload: str) -> bool:
    """Tell whether a workload was measured at more than one point."""
    return (
        len({tuple(m.parameters.items()) for m in run.measurements if m.workload == workload}) > 1
    )


def problems(run: Run) -> list[str]:
    """Everything that gave no figure, and why."""
    found = [
        f"{adapter['title']} is absent: {adapter['absent']}"
        for adapter in run.adapters.values()
        if adapter["absent"]
    ]
    places: dict[tuple[str, str, str], list[str]] = {}
    for measurement in run.measurements:
        for (status, reason), times in _counted(measurement).items():
            key = measurement.adapter, status, reason
            places.setdefault(key, []).append(_where(run, measurement, times))
    for (adapter, status, reason), where in places.items():
        found.append(f"{title_of(run, adapter)} {_PHRASES[status]}: {reason} ({'; '.join(where)})")
    return found


def _counted(measurement: Measurement) -> dict[tuple[str, str], int]:
    """How often each problem came up."""
    counts: dict[tuple[str, str], int] = {}
    for problem in measurement.problems:
        key = problem.status, problem.reason
        counts[key] = counts.get(key, 0) + 1
    return counts


def _where(run: Run, measurement: Measurement, times: int) -> str:
    """A workload, with the parameters that are not those of the table."""
    workload = run.workloads[measurement.workload]
    differs = [
        f"{value:,} {name}"
        for name, value in measurement.parameters.items()
        if value != workload["parameters"][name]
    ]
    rounds = len(measurement.rounds())
    often = [] if times == rounds else [f"{times} of {rounds} rounds"]
    return ", ".join([workload["title"], *differs, *often])


_PHRASES = {
    "unsupported": "is left out",
    "failed": "failed",
    "too slow": "was too slow",
    "too big": "took too much memory",
}


def standings(run: Run, groups: Sequence[str] = ("feel", "savina"), *, ours: str = "") -> Table:
    """Against each of the others: how often ours is better or worse, and by how much on average.

    Better and worse are what the quartiles of the ratio agree on.
    """
    ours = ours or run.reference
    head = ["ours against", "better in", "worse in", "no clear difference", "geometric mean"]
    table = Table(head, [])
    for name in run.adapters:
        found = [spread for _, spread in _advantages(run, ours, name, groups)]
        if found and name != ours:
            better = sum(verdict(each) > 0 for each in found)
            worse = sum(verdict(each) < 0 for each in found)
            mean = statistics.geometric_mean(each.median for each in found)
            counts = [better, worse, len(found) - better - worse]
            table.rows.append([title_of(run, name), *map(str, counts), ratio(mean)])
    return table


def losses(run: Run, groups: Sequence[str] = ("feel", "savina"), *, ours: str = "") -> Table:
    """Where each of the others is better than ours, the worst for us first; ours come last."""
    reference = ours or run.reference
    table = Table(["is better than ours", "in (how many times better)"], [])
    for name in sorted(run.adapters, key=lambda name: "ours" in title_of(run, name)):
        found = [
            (other.median, row.title)
            for row, advantage in _advantages(run, reference, name, groups)
            if verdict(advantage) < 0 and (other := row.advantage(name, reference))
        ]
        if found and name != reference:
            found.sort(reverse=True)
            where = "; ".join(f"{title} {ratio(times)}" for times, title in found)
            table.rows.append([title_of(run, name), where])
    return table


def verdict(found: Spread) -> int:
    """1 if the quartiles of a ratio agree that it is more than one, -1 if less, else 0."""
    low, high = sorted((found.low, found.high))
    return (low > 1) - (high < 1)


def _advantages(
    run: Run, ours: str, other: str, groups: Sequence[str]
) -> Iterator[tuple[Row, Spread]]:
    """How many times better ours is than another, row by row."""
    for group in groups:
        for row in rows(run, group):
            found = row.advantage(ours, other)
            if found is not None:
                yield row, found


def implementations(run: Run) -> Table:
    """What was measured, in which version, and what it does less than ours."""
    table = Table(["implementation", "version", "share of the work", "what it lacks"], [])
    for adapter in run.adapters.values():
        version = f"absent: {adapter['absent']}" if adapter["absent"] else adapter["version"]
        lacks = adapter["lacks"] or ("" if adapter["ours"] else "nothing that counts here")
        share = "all" if adapter["scale"] == 1 else ratio(adapter["scale"])
        table.rows.append([adapter["title"], version, share, lacks])
    return table


def workloads(run: Run, group: str) -> Table:
    """What the workloads do, with their parameters."""
    table = Table(["workload", "what is done", "parameters"], [])
    for workload in run.workloads.values():
        if workload["group"] == group:
            parameters = ", ".join(f"{v:,} {k}" for k, v in workload["parameters"].items())
            table.rows.append([workload["title"], workload["about"], parameters])
    return table


def describe(run: Run) -> list[str]:
    """Machine, Python, and how it was measured, in a few lines."""
    machine = run.machine
    memory = machine.get("memory_bytes")
    size = f", {memory / 1024**3:.0f} GiB" if memory else ""
    load = machine.get("load_at_start")
    counts = {
        len(measurement.rounds())
        for measurement in run.measurements
        if measurement.parameters == run.workloads[measurement.workload]["parameters"]
        and not measurement.problems
    }
    commit = run.sources.get("commit", "")[:12]
    return [
        f"{machine['processor']}, {machine['cores']} cores{size}; "
        f"{machine['distribution']}, {machine['system']} {machine['kernel']}"
        f"{'' if load is None else f'; load {load:g} at the start'}",
        described(run.python),
        ", ".join(_with_version(run, name) for name in run.present()),
        f"{'/'.join(map(str, sorted(counts))) or 'no'} rounds, {run.started}, "
        f"{run.seconds / 60:.0f} minutes"
        f"{', commit ' + commit if commit else ''}, sources {run.sources.get('digest', '')}"
        f"{'' if run.complete else ', NOT COMPLETE'}",
    ]


def described(python: dict[str, Any]) -> str:
    """A Python and how it was built, in a line."""
    parts = [
        "free-threaded build" if python.get("free_threaded") else "",
        "with the GIL" if python.get("gil", True) else "without the GIL",
        build_options(python),
        f"built {python.get('build', '')}",
        python.get("compiler", ""),
    ]
    name = f"{python.get('implementation', '')} {python.get('version', '')}"
    return f"{name} ({', '.join(filter(None, parts))})"


def _with_version(run: Run, name: str) -> str:
    title, version = title_of(run, name), run.adapters[name]["version"]
    known = not version or version in title or version.startswith("Python")
    return title if known else f"{title} {version}"


def figure(row: Row, adapter: str, *, with_spread: bool = True) -> str:
    """A median with its spread, or why there is none."""
    trouble = row.trouble(adapter)
    if trouble:
        return trouble
    found = row.spread(adapter)
    if found is None:
        return NOTHING
    text = quantity(found.median, row.metric["unit"])
    return f"{text} ±{percent(found.relative)}" if with_spread else text


def how_many_times(found: Spread | None) -> str:
    """How many times, with the quartiles."""
    if found is None:
        return NOTHING
    if found.count == 1:
        return ratio(found.median)
    low, high = sorted((found.low, found.high))
    return f"{ratio(found.median)} ({ratio(low)[:-1]}–{ratio(high)[:-1]})"


def _unit(row: Row) -> str:
    of = row.metric["of"]
    return f"{of}s" if row.metric["better"] == "more" else f"per {of}"


def title_of(run: Run, adapter: str) -> str:
    """What an implementation is called, with the version if that is not in its title."""
    found = run.adapters[adapter]
    version = found["version"]
    if adapter == "pykka-newest" and version:
        return f"Pykka {version}"
    return str(found["title"])


def was_measured(run: Run, adapter: str) -> bool:
    """Tell whether there is any measurement of an implementation."""
    return any(measurement.adapter == adapter for measurement in run.measurements)


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")
