"""How long an ask takes while others are busy: not a figure but a range."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.lines import Line2D

from benchmarks.charts.everybody import measured_on
from benchmarks.charts.style import NAME, SMALL, canvas, end_rows, looks, name_row, quantity_ticks
from benchmarks.figures import quantity
from benchmarks.report import Row, title_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from benchmarks.charts.style import Theme
    from benchmarks.results import Run

WORKLOADS = ("latency", "latency-crowded")
SHAPES = "osD"
"""For the percentiles, in ascending order."""
HEIGHT = 0.5
"""Inches for an implementation."""


def latency(run: Run, theme: Theme, *, workload: str) -> Figure:
    """A line from the median ask to the slowest of a thousand, for each implementation."""
    described = run.workloads[workload]
    measured = percentiles(run, workload)
    busy = 2 * described["parameters"]["pairs"]
    names = sorted(measured, key=lambda name: measured[name][-1])
    handles = [
        Line2D(
            [], [], color=theme.muted, marker=shape, linestyle="none", markersize=7,
            label=metric["title"],
        )
        for metric, shape in zip(described["metrics"], SHAPES, strict=True)
    ]  # fmt: skip
    figure, axes = canvas(
        theme,
        f"How long an ask takes while {busy} other actors are busy",
        "Further to the left is better. Half of all asks are faster than the circle, "
        "999 of 1,000 faster than the diamond.",
        (len(names) + 0.3) * HEIGHT,
        legend=handles,
        columns=3,
    )
    axes.set_xscale("log")
    look = looks(run, theme)
    for y, name in enumerate(names):
        values, colour = measured[name], look[name]["color"]
        width = 4.0 if run.adapters[name]["ours"] else 2.0
        axes.plot(values, [y] * len(values), color=colour, linewidth=width, zorder=2)
        for value, shape in zip(values, SHAPES, strict=True):
            axes.plot(
                value, y, marker=shape, markersize=8, color=colour, zorder=3,
                markeredgecolor=theme.surface, markeredgewidth=0.8,
            )  # fmt: skip
        weight = "bold" if run.adapters[name]["ours"] else "normal"
        name_row(axes, y, title_of(run, name), weight=weight)
        axes.text(
            1, y - NAME, " · ".join(quantity(value, "s") for value in values), va="center",
            ha="right", transform=axes.get_yaxis_transform(), fontsize=SMALL, color=theme.muted,
        )  # fmt: skip
    everything = [value for values in measured.values() for value in values]
    span = max(2.0, max(everything) / min(everything))
    axes.set_xlim(min(everything) / span**0.05, max(everything) * span**0.05)
    end_rows(axes, len(names) - 0.6)
    quantity_ticks(axes.xaxis, "s")
    return figure


def percentiles(run: Run, workload: str) -> dict[str, list[float]]:
    """The medians of all percentiles, of the implementations that have them all."""
    measurements = run.row(workload)
    found = {}
    for name in measured_on(run):
        spreads = [
            Row(workload, metric, "", measurements).spread(name)
            for metric in run.workloads[workload]["metrics"]
        ]
        known = [each.median for each in spreads if each]
        if len(known) == len(spreads):
            found[name] = known
    return found
