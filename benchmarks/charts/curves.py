"""Curves: how a figure changes along a parameter, for each implementation, on logarithmic axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.charts.style import canvas, looks, point_ticks, quantity_ticks
from benchmarks.report import Row, title_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
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
    figure, axes = canvas(
        theme, f"{curve['title']}{addition}", f"{what[0].upper()}{what[1:]}.{ends}", 3.9,
        left=0.9, right=2.4, legend_lines=0,
    )  # fmt: skip
    axes.grid(visible=True, axis="both")
    axes.set_xscale("log")
    axes.set_yscale("log")
    look = looks(run, theme)
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
        axes.plot(
            at, values, linewidth=2.8 if ours else 1.5, markersize=6 if ours else 4.5,
            zorder=order, markeredgecolor=theme.surface, markeredgewidth=0.6, **look[name],
        )  # fmt: skip
        if end:
            axes.plot(
                at[-1], values[-1], marker="x", markersize=9, markeredgewidth=2,
                color=look[name]["color"], zorder=order + 1,
            )  # fmt: skip
    everything = sorted({point for _, points, _ in lines for point in points})
    point_ticks(axes, everything, curve["parameter"])
    quantity_ticks(axes.yaxis, metric["unit"])
    axes.set_xlabel(curve["parameter"])
    figure.canvas.draw()  # so that the axes know where things are
    _label_ends(run, theme, axes, lines, everything[-1])
    return figure


def _label_ends(run: Run, theme: Theme, axes: Axes, lines: Sequence[Line], last: int) -> None:
    """Write the name of each line beside its end, without two on top of each other."""
    to_pixels = axes.transData.transform
    to_part = axes.transAxes.inverted().transform
    ends = []
    for name, points, end in lines:
        point, found = list(points.items())[-1]
        height = to_part(to_pixels((point, found.median)))[1]
        ends.append((height, name, point, found.median, end))
    ends.sort()
    room = 0.062
    heights = spaced([height for height, *_ in ends], room)
    look = looks(run, theme)
    for height, (_, name, point, value, end) in zip(heights, ends, strict=True):
        reason = f" ({_ENDS.get(end, end)})" if end else ""
        axes.annotate(
            f"{title_of(run, name)}{reason}",
            xy=(point, value),
            xytext=(1.045, height),
            textcoords="axes fraction",
            va="center",
            annotation_clip=False,
            fontsize=8.5,
            color=look[name]["color"],
            weight="bold" if run.adapters[name]["ours"] else "normal",
            arrowprops={
                "arrowstyle": "-",
                "relpos": (0, 0.5),
                "color": look[name]["color"],
                "alpha": 0.9 if point == last else 0.35,
                "linewidth": 0.8,
                "linestyle": "-" if point == last else ":",
                "shrinkA": 1,
                "shrinkB": 4,
            },
        )


def spaced(heights: Sequence[float], room: float) -> list[float]:
    """Move ascending heights apart, so that there is room between them, as little as possible."""
    # Neighbours that are too close become a block, which is centred on where its members were.
    blocks: list[list[float]] = []  # each the sum of wanted bottoms, and the number of members
    for height in heights:
        blocks.append([height, 1])
        while len(blocks) > 1 and _top(blocks[-2], room) > _bottom(blocks[-1], room):
            total, count = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += count
    placed = []
    for block in blocks:
        bottom = _bottom(block, room) + room / 2
        placed += [bottom + n * room for n in range(int(block[1]))]
    return placed


def _bottom(block: Sequence[float], room: float) -> float:
    return block[0] / block[1] - block[1] * room / 2


def _top(block: Sequence[float], room: float) -> float:
    return block[0] / block[1] + block[1] * room / 2
