"""All implementations in all workloads, relative to ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.lines import Line2D

from benchmarks.charts.style import (
    GROUPS,
    ROW,
    around_one,
    canvas,
    end_rows,
    heading,
    looks,
    name_row,
    ratio_ticks,
)
from benchmarks.report import rows, title_of, was_measured

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from benchmarks.charts.style import Theme
    from benchmarks.report import Row
    from benchmarks.results import Run

SIZE = 7.0


def measured_on(run: Run) -> list[str]:
    """The implementations with measurements."""
    return [name for name in run.adapters if was_measured(run, name)]


def everybody(run: Run, theme: Theme) -> Figure:
    """For each workload, where everybody is, with ours at 1."""
    groups = [(title, list(rows(run, group))) for group, title in GROUPS.items()]
    groups = [
        (title, [row for row in found if _is_comparable(run, row)]) for title, found in groups
    ]
    groups = [(title, found) for title, found in groups if found]
    lines = sum(len(found) + 1.4 for _, found in groups)
    ours, others = (
        title_of(run, run.reference),
        [n for n in measured_on(run) if n != run.reference],
    )
    look = looks(run, theme)
    line = {"color": look[run.reference]["color"], "linewidth": 2.2}
    dots = [
        Line2D([], [], linestyle="none", markersize=SIZE, label=title_of(run, name), **look[name])
        for name in others
    ]
    figure, axes = canvas(
        theme,
        f"Everybody, with {ours} at 1",
        "Further to the right is better: twice as fast, or half as large, is at 2.",
        lines * ROW,
        legend=[Line2D([], [], label=ours, **line), *dots],
        long=True,
    )
    axes.set_xscale("log")
    y = 0.0
    seen: list[float] = []
    for title, found in groups:
        heading(axes, theme, y, title)
        for row in found:
            y += 1
            name_row(axes, y, row.title)
            seen += _draw(run, theme, axes, y, row)
        y += 1.4
    low, high = around_one(seen)
    axes.set_xlim(low / 1.6, high * 1.6)
    end_rows(axes, y - 0.9)
    ratio_ticks(axes)
    axes.axvline(1, zorder=2, **line)
    return figure


def _is_comparable(run: Run, row: Row) -> bool:
    """Tell whether ours and anybody else have the row."""
    others = (name for name in measured_on(run) if name != run.reference)
    return any(row.advantage(name, run.reference) for name in others)


def _draw(run: Run, theme: Theme, axes: Axes, y: float, row: Row) -> list[float]:
    placed = [
        (name, times.median)
        for name in measured_on(run)
        if name != run.reference and (times := row.advantage(name, run.reference))
    ]
    values = [value for _, value in placed]
    axes.plot(around_one(values), [y, y], color=theme.grid, linewidth=2.5, zorder=1)
    look = looks(run, theme)
    for name, value in placed:
        axes.plot(
            value, y, linestyle="none", zorder=3, markersize=SIZE,
            markeredgecolor=theme.surface, markeredgewidth=0.6, **look[name],
        )  # fmt: skip
    return values
