"""Bars of ratios: how much better than Pykka, and how much above the floor."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from benchmarks.charts.style import (
    GROUPS,
    MARGIN,
    MARKERS,
    ROW,
    WIDTH,
    around_one,
    canvas,
    end_rows,
    heading,
    name_row,
    ratio_ticks,
)
from benchmarks.figures import ratio
from benchmarks.report import NOTHING, Row, rows, title_of, verdict, was_measured

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from benchmarks.charts.style import Theme
    from benchmarks.results import Run
    from benchmarks.stats import Spread


@dataclass(frozen=True)
class Bar:
    """A row of a chart."""

    title: str
    found: Spread | None
    trouble: str
    """Why there is no bar."""
    dots: tuple[Spread | None, ...]
    """What else is marked in the row, for comparison."""


@dataclass(frozen=True)
class Look:
    """What differs between charts with bars."""

    title: str
    subtitle: str
    dots: Sequence[str]
    """What the markers are."""
    colours: tuple[str, str, str]
    """For ratios that are clearly less than one, not clear, clearly more."""
    handles: Sequence[Any]
    """The legend, without the markers."""


def has_ratios(run: Run, ours: str, other: str) -> bool:
    """Tell whether there is anything to compare ours with another in."""
    return any(row.advantage(ours, other) for group in GROUPS for row in rows(run, group))


def against_peer(run: Run, theme: Theme) -> Figure:
    """How many times better ours is than Pykka."""
    newer = [name for name in run.adapters if name.startswith("pykka-") and name != run.peer]
    return _against(run, theme, run.reference, run.peer, newer)


def pooled(run: Run, theme: Theme) -> Figure:
    """How many times better our pool is than those that it is compared with."""
    return _against(run, theme, run.pooled, run.pooled_against[0], run.pooled_against[1:])


def _against(run: Run, theme: Theme, ours: str, peer: str, more: Sequence[str]) -> Figure:
    more = [name for name in more if was_measured(run, name)]

    def make(row: Row) -> Bar | None:
        dots = tuple(row.advantage(ours, name) for name in more)
        return _bar(row, row.advantage(ours, peer), (ours, peer), dots)

    words = ("better", theme.better), ("worse", theme.worse), ("no clear difference", theme.muted)
    look = Look(
        title=f"How many times better than {title_of(run, peer)}: {title_of(run, ours)}",
        subtitle="Further right is better. Median of the ratios of all rounds, with quartiles.",
        dots=[f"against {title_of(run, name)}" for name in more],
        colours=(theme.worse, theme.muted, theme.better),
        handles=[Patch(color=colour, label=word) for word, colour in words],
    )
    return _bars(run, theme, make, look)


def against_floor(run: Run, theme: Theme) -> Figure:
    """How many times what the floor takes ours takes."""

    def make(row: Row) -> Bar | None:
        dots = (row.cost(run.peer, run.floor),)
        return _bar(row, row.cost(run.reference, run.floor), (run.reference, run.floor), dots)

    ours = theme.ours[0]
    look = Look(
        title=f"What it costs, with a bare {title_of(run, run.floor)} at 1",
        subtitle="Shorter is better. Median of the ratios of all rounds, and quartiles.",
        dots=[title_of(run, run.peer)],
        colours=(ours, ours, ours),
        handles=[Patch(color=ours, label=title_of(run, run.reference))],
    )
    return _bars(run, theme, make, look)


def _bar(
    row: Row, found: Spread | None, both: Sequence[str], dots: tuple[Spread | None, ...]
) -> Bar | None:
    """A bar; none if one of the two has nothing of the kind."""
    trouble = next((text for name in both if (text := row.trouble(name))), "")
    if found is None and trouble in {"", NOTHING}:
        return None
    return Bar(row.title, found, trouble, dots)


def _bars(run: Run, theme: Theme, make: Callable[[Row], Bar | None], look: Look) -> Figure:
    """Bars from 1 to a ratio, the highest first in each group."""
    groups = []
    for group, title in GROUPS.items():
        bars = [bar for row in rows(run, group) if (bar := make(row)) is not None]
        bars.sort(key=lambda bar: -bar.found.median if bar.found else math.inf)
        if bars:
            groups.append((title, bars))
    lines = sum(len(bars) + 1.4 for _, bars in groups)
    markers = [
        Line2D([], [], linestyle="none", label=label, **_marker(theme, n))
        for n, label in enumerate(look.dots)
    ]
    figure, axes = canvas(
        theme, look.title, look.subtitle, lines * ROW,
        right=0.72, legend=[*look.handles, *markers], long=True,
    )  # fmt: skip
    spreads = [s for _, bars in groups for bar in bars for s in (bar.found, *bar.dots) if s]
    low, high = around_one([value for s in spreads for value in (s.low, s.high)])
    axes.set_xscale("log")
    axes.set_xlim(low / 1.12, high * 1.12)
    y = 0.0
    for title, bars in groups:
        heading(axes, theme, y, title)
        for bar in bars:
            y += 1
            name_row(axes, y, bar.title)
            _draw(axes, theme, y, bar, look)
        y += 1.4
    end_rows(axes, y - 0.9)
    ratio_ticks(axes)
    axes.axvline(1, color=theme.muted, linewidth=1.2, zorder=1)
    return figure


def _draw(axes: Axes, theme: Theme, y: float, bar: Bar, look: Look) -> None:
    if bar.found is None:
        axes.text(1.04, y, bar.trouble, va="center", color=theme.muted, style="italic")
        return
    low, high = sorted((bar.found.low, bar.found.high))
    colour = look.colours[verdict(bar.found) + 1]
    axes.barh(y, bar.found.median - 1, left=1, height=0.4, color=colour, zorder=2)
    axes.plot([low, high], [y, y], color=theme.ink, linewidth=1.3, zorder=3)
    for n, dot in enumerate(bar.dots):
        if dot is not None:
            axes.plot(dot.median, y, linestyle="none", zorder=4, **_marker(theme, n))
    axes.text(
        1 + 0.66 / (WIDTH - 0.72 - MARGIN), y, ratio(bar.found.median),
        transform=axes.get_yaxis_transform(), va="center", ha="right", weight="bold",
        color=colour,
    )  # fmt: skip


def _marker(theme: Theme, number: int) -> dict[str, Any]:
    return {
        "marker": MARKERS[number + 1],
        "markersize": 5.5,
        "markerfacecolor": theme.surface,
        "markeredgecolor": theme.ink,
        "markeredgewidth": 1.1,
    }
