"""Puts tables and charts into a page of the documentation, between markers.

A block begins with `<!-- begin NAME -->` and ends with `<!-- end NAME -->`, each on a line of its
own. What is between them is replaced; the prose around them is written by people.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from benchmarks import builds, report
from benchmarks.chart_names import curve_name, image

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from benchmarks.results import Run

    Pairs = Mapping[str, tuple[Run, Run] | None]

BEGIN = re.compile(r"^<!-- begin ([\w-]+) -->$", re.MULTILINE)


def refresh(run: Run, page: Path, pairs: Pairs | None = None, extras: Run | None = None) -> None:
    """Replace what is between the markers of a page.

    Args:
        run: The results.
        page: The page.
        pairs: The results of other builds of Python, by name, each with those of the page's.
        extras: The results of what has to be named to be measured.

    Raises:
        ValueError: A marker has no end, or a name that is not known, or a block is missing.
    """
    page.write_text(replaced(page.read_text(), blocks(run, pairs, extras)))


def refresh_readme(run: Run, readme: Path) -> None:
    """Replace the figures in the README, which are the first that the page has.

    Raises:
        ValueError: It has no marker, or others.
    """
    readme.write_text(replaced(readme.read_text(), {"answer": report.answer(run).as_markdown()}))


def replaced(text: str, made: dict[str, str]) -> str:
    """A text with other blocks; all that were made must have their place in it, once."""
    names = BEGIN.findall(text)
    if sorted(names) != sorted(made):
        wrong = sorted({*names} ^ {*made}) or sorted(n for n in names if names.count(n) > 1)
        msg = f"the markers of the page and the blocks do not agree on: {', '.join(wrong)}"
        raise ValueError(msg)
    for name in names:
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        before, _, rest = text.partition(begin)
        old, found, after = rest.partition(end)
        if not found or BEGIN.search(old):
            msg = f"the block {name} of the page has no end"
            raise ValueError(msg)
        text = f"{before}{begin}\n\n{made[name].strip()}\n\n{end}{after}"
    return text


def blocks(run: Run, pairs: Pairs | None = None, extras: Run | None = None) -> dict[str, str]:
    """All blocks, by name."""
    make: dict[str, Callable[[Run], str]] = {
        "answer": lambda run: report.answer(run).as_markdown(),
        "machine": lambda run: _listed(report.describe(run)),
        "targets": lambda run: report.targets(run).as_markdown(),
        "standings": lambda run: report.standings(run).as_markdown(),
        "losses": lambda run: report.losses(run).as_markdown(),
        "feel": lambda run: report.comparison(run, ["feel"]).as_markdown(),
        "savina": lambda run: report.comparison(run, ["savina"]).as_markdown(),
        "pooled-standings": lambda run: report.standings(run, ours=run.pooled).as_markdown(),
        "pooled-losses": lambda run: report.losses(run, ours=run.pooled).as_markdown(),
        "pooled-feel": lambda run: report.pooled(run, ["feel"]).as_markdown(),
        "pooled-savina": lambda run: report.pooled(run, ["savina"]).as_markdown(),
        "everybody": lambda run: report.everybody(run, ["feel", "savina"]).as_markdown(),
        "curves": _curves,
        "implementations": lambda run: report.implementations(run).as_markdown(),
        "workloads-feel": lambda run: report.workloads(run, "feel").as_markdown(),
        "workloads-savina": lambda run: report.workloads(run, "savina").as_markdown(),
        "workloads-curve": lambda run: report.workloads(run, "curve").as_markdown(),
        "problems": lambda run: _listed(report.problems(run)),
    }
    made = {name: function(run) for name, function in make.items()}
    for name, build in builds.BUILDS.items():
        made[name] = builds.as_markdown(build, (pairs or {}).get(name), run.python)
    return {**made, "extras": _extras(extras)}


def _extras(run: Run | None) -> str:
    """Timers along their curve, and all routers; and what was measured how."""
    if run is None:
        return "Not measured."
    rounds = max((len(m.rounds()) for m in run.measurements), default=0)
    sources = (
        f"commit {run.sources.get('commit', '')[:12]}, sources {run.sources.get('digest', '')}"
    )
    parts = [f"{rounds} rounds, {run.started}, {sources}."]
    curves = [each for each in run.curves if report.is_extra(run, each["workload"])]
    parts += [
        report.along(run, each["workload"], each["parameter"]).as_markdown()
        for each in curves
        if report.curve_points(run, each["workload"])
    ]
    others = report.everybody(
        run, ["extras"], but=[each["workload"] for each in curves], with_spread=True
    )
    return "\n\n".join([*parts, *([others.as_markdown()] if others.rows else [])])


def _listed(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines) or "Nothing."


def _curves(run: Run) -> str:
    """For each curve and each of its metrics: a heading, the chart, and the table."""
    parts = []
    for curve in run.curves:
        name = curve["workload"]
        if not report.curve_points(run, name) or report.is_extra(run, name):
            continue
        workload = run.workloads[curve["workload"]]
        parts += [f"### {curve['title']}", workload["about"]]
        for metric in workload["metrics"]:
            what = f"{curve['title']}: {metric['title'] or metric['name']}"
            table = report.curve(run, curve["workload"], curve["parameter"], metric)
            table.head[0] = curve["parameter"]
            parts += [image(curve_name(curve, metric, run), what), table.as_markdown()]
    return "\n\n".join(parts) or "No curve was measured."
