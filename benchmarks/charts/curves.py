"""Curves: how a figure changes along a parameter, for each implementation, on logarithmic axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.lines import Line2D

from benchmarks.charts.style import canvas, looks, point_ticks, quantity_ticks
from benchmarks.figures import quantity
from benchmarks.report import Row, title_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from benchmarks.charts.style import Theme
    from benchmarks.results import Measurement, Run
    from benchmarks.stats import Spread

Line = tuple[str, "dict[int, Spread]", str]
"""An implementation, its medians by point, and why it goes no further, or ""."""


def lines_of(run: Run, curve: dict[str, Any], metric: dict[str, Any]) -> list[Line]:
    """The lines of a chart, without the implementations that have no point."""
    lines: list[Line] = []
    for name, measured in run.curve(curve["workload"], curve["parameter"]):
        points: dict[int, Spread] = {}
        end = ""
        for point, measurement in measured.items():
            row = Row(curve["workload"], metric, "", {name: measurement})
            found = row.spread(name)
            # A difference of two looks at the memory may come out as nothing, or below.
            if found is not None and found.median > 0:
                points[point] = found
            end = end or _end(measurement)
        if points:
            lines.append((name, points, end))
    return lines


def _end(measurement: Measurement) -> str:
    return measurement.problems[0].status if measurement.problems else ""


_ENDS = {
    "unsupported": "limit",
    "too slow": "60 s",
    "too big": "4 GiB",
    "failed": "failed",
}


def draw(run: Run, theme: Theme, *, curve: dict[str, Any], metric: dict[str, Any]) -> Figure:
    """One metric along a curve."""
    lines = lines_of(run, curve, metric)
    addition = f": {metric['title']}" if metric["title"] else ""
    what = (
        f"{metric['of']}s a second; higher is better"
        if metric["better"] == "more"
        else f"{'memory' if metric['unit'] == 'B' else 'time'} for each {metric['of']};"
        " lower is better"
    )
    ends = "" if not any(end for *_, end in lines) else " × marks where one goes no further."
    look = looks(run, theme)
    lines.sort(key=lambda line: -list(line[1].values())[-1].median)
    handles = [
        Line2D([], [], label=_name(run, metric, line), **_line(run, theme, look, line[0]))
        for line in lines
    ]
    title = f"{curve['title']}{addition}"
    figure, axes = canvas(
        theme, title, f"{what[0].upper()}{what[1:]}.{ends}", 3.4,
        left=0.86, below=0.55, legend=handles, columns=1,
    )  # fmt: skip
    axes.grid(visible=True, axis="both")
    axes.set_xscale("log")
    axes.set_yscale("log")
    for name, points, end in lines:
        ours = run.adapters[name]["ours"]
        at = list(points)
        values = [points[point].median for point in at]
        low = [max(points[point].low, points[point].median / 100) for point in at]
        high = [points[point].high for point in at]
        order = 5 if ours else 3
        axes.fill_between(
            at, low, high, color=look[name]["color"], alpha=0.15, linewidth=0, zorder=order - 1
        )
        axes.plot(at, values, zorder=order, **_line(run, theme, look, name))
        if end:
            axes.plot(
                at[-1], values[-1], marker="x", markersize=9, markeredgewidth=2,
                color=look[name]["color"], zorder=order + 1,
            )  # fmt: skip
    everything = sorted({point for _, points, _ in lines for point in points})
    point_ticks(axes, everything, curve["parameter"])
    quantity_ticks(axes.yaxis, metric["unit"])
    axes.set_xlabel(curve["parameter"])
    return figure


def _line(run: Run, theme: Theme, look: dict[str, Any], name: str) -> dict[str, Any]:
    """How a line is drawn; ours are thicker."""
    width, size = (2.8, 6.0) if run.adapters[name]["ours"] else (1.5, 4.5)
    return {
        "linewidth": width,
        "markersize": size,
        "markeredgecolor": theme.surface,
        "markeredgewidth": 0.6,
        **look[name],
    }


def _name(run: Run, metric: dict[str, Any], line: Line) -> str:
    """What the legend says of a line: who it is, and where it ends."""
    name, points, end = line
    _, found = list(points.items())[-1]
    reason = f" ({_ENDS.get(end, end)})" if end else ""
    return f"{title_of(run, name)}, {quantity(found.median, metric['unit'])}{reason}"
