"""What all charts have in common: colours, axes, ticks, legends."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from benchmarks.figures import quantity
from benchmarks.workload import Unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from benchmarks.results import Run

GROUPS = {"feel": "What users notice", "savina": "Savina"}


@dataclass(frozen=True)
class Theme:
    """Colours for one background."""

    name: str
    surface: str
    ink: str
    muted: str
    grid: str
    better: str
    worse: str
    ours: tuple[str, ...]
    """One for each of our runtimes; used again from the start if there are more."""
    others: tuple[str, ...]


THEMES = (
    Theme(
        name="light",
        surface="#ffffff",
        ink="#1f2328",
        muted="#6b7480",
        grid="#e3e7ec",
        better="#1a73c9",
        worse="#c4500c",
        ours=("#1a73c9", "#0a9396", "#3f37c9", "#0077b6"),
        others=(
            "#d9730d", "#b8930a", "#3b434d", "#2a8a3e", "#8b46c4", "#d1428f", "#8a5a3a", "#b0886a",
            "#c62f3d",
        ),
    ),
    Theme(
        name="dark",
        surface="#1b1e26",
        ink="#e8ebf0",
        muted="#98a2b0",
        grid="#343a46",
        better="#58a6ff",
        worse="#ff9d5c",
        ours=("#58a6ff", "#4fd1c5", "#9d97ff", "#48cae4"),
        others=(
            "#ff9d5c", "#e3c04a", "#c3cad4", "#6bcf7f", "#c297f0", "#f58cc4", "#c99a78", "#dcc0a8",
            "#ff7b86",
        ),
    ),
)  # fmt: skip
MARKERS = "sD^vPX<>phd"
WIDTH = 4.5
"""Inches, of all charts: 432 pixels, which are shown smaller where the screen is smaller."""
SMALL, PLAIN, LARGE = 11.0, 11.0, 13.0
"""Points, of all text. On a telephone that is 360 pixels wide, `SMALL` is 12 pixels high."""
MARGIN = 0.12
"""Inches, at the left and at the right of what is drawn."""
LINE = 0.215
"""Inches for a line of text."""
ROW = 0.44
"""Inches for a row of a chart with rows: its name, and below it what is drawn."""
NAME = 0.42
"""Part of a row, from the middle of what is drawn up to the middle of its name."""


def settings(theme: Theme) -> Any:
    """What matplotlib is to do unless it is told otherwise."""
    return {
        "figure.facecolor": theme.surface,
        "savefig.facecolor": theme.surface,
        "axes.facecolor": theme.surface,
        "axes.edgecolor": theme.grid,
        "axes.labelcolor": theme.muted,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.grid.axis": "x",
        "grid.color": theme.grid,
        "grid.linewidth": 0.8,
        "text.color": theme.ink,
        "xtick.color": theme.muted,
        "ytick.color": theme.ink,
        "xtick.labelcolor": theme.muted,
        "ytick.labelcolor": theme.ink,
        "xtick.major.size": 0,
        "ytick.major.size": 0,
        "font.family": "DejaVu Sans",  # comes with matplotlib
        "font.size": PLAIN,
        "legend.frameon": False,
        "legend.fontsize": SMALL,
        "svg.fonttype": "path",
        "svg.hashsalt": "benchmarks",
    }


def looks(run: Run, theme: Theme) -> dict[str, dict[str, Any]]:
    """A colour and a marker for each implementation, the same in all charts."""
    found: dict[str, dict[str, Any]] = {}
    ours = others = 0
    for number, (name, adapter) in enumerate(run.adapters.items()):
        if adapter["ours"]:
            colour, ours = theme.ours[ours % len(theme.ours)], ours + 1
        else:
            colour, others = theme.others[others % len(theme.others)], others + 1
        marker = "o" if name == run.reference else MARKERS[number % len(MARKERS)]
        found[name] = {"color": colour, "marker": marker}
    return found


def canvas(
    theme: Theme,
    title: str,
    subtitle: str,
    height: float,
    *,
    left: float = MARGIN,
    right: float = MARGIN,
    legend: Sequence[Any] = (),
    columns: int = 2,
    below: float = 0.32,
    long: bool = False,
) -> tuple[Figure, Axes]:
    """A figure whose axes are so many inches high, below a title and a legend.

    Args:
        theme: The colours.
        title: What it is about.
        subtitle: How to read it.
        height: Inches, of the axes.
        left: Inches beside the axes.
        right: The same on the other side.
        legend: What the legend shows.
        columns: How many columns it has.
        below: Inches below the axes.
        long: Whether its end may be out of sight on a telephone; the ticks are above as well then.
    """
    titles, subtitles = textwrap.wrap(title, 38), textwrap.wrap(subtitle, 50)
    lines = len(titles) * 1.2 + len(subtitles)
    above = MARGIN + (lines + math.ceil(len(legend) / columns) + long) * LINE + 0.16
    total = height + above + below
    figure = Figure(figsize=(WIDTH, total))
    axes = figure.add_axes(
        (left / WIDTH, below / total, (WIDTH - left - right) / WIDTH, height / total)
    )
    axes.tick_params(labeltop=long)
    y, x = MARGIN, MARGIN / WIDTH
    for text in titles:
        figure.text(x, 1 - y / total, text, fontsize=LARGE, weight="bold", va="top")
        y += LINE * 1.2
    for text in subtitles:
        figure.text(x, 1 - y / total, text, fontsize=SMALL, color=theme.muted, va="top")
        y += LINE
    if legend:
        figure.legend(
            handles=list(legend), loc="upper left", bbox_to_anchor=(x, 1 - y / total),
            ncols=columns, handlelength=1.2, handletextpad=0.5, columnspacing=1.2,
            labelspacing=0.35, borderaxespad=0, borderpad=0.2,
        )  # fmt: skip
    return figure, axes


def around_one(values: Sequence[float]) -> tuple[float, float]:
    """The lowest and the highest value, with 1 among them."""
    return min([1.0, *values]), max([1.0, *values])


def ratio_ticks(axes: Axes) -> None:
    """Ticks such as a half, 1, 2, 5, as many as there is room for."""
    low, high = axes.get_xlim()
    decades = math.log10(high / low)
    few, some = 1.0, 2.0
    steps: tuple[float, ...] = (1, 2, 5) if decades < some else (1,)
    if decades < few:
        steps = (1, 1.5, 2, 3, 5)
    ticks = LogLocator(subs=steps, numticks=7).tick_values(low, high)
    ticks = [tick for tick in ticks if _has_room(math.log(tick / low, high / low), _times(tick))]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _times(value)))


_LETTER = 0.013
"""Half of a letter, as a part of an axis."""


def _has_room(at: float, label: str) -> bool:
    """Tell whether a label at a part of an axis is not cut off by the edge of the chart."""
    half = len(label) * _LETTER - MARGIN / WIDTH
    return half <= at <= 1 - half


def _times(value: float) -> str:
    if value >= 1:
        return f"{value:g}×"
    return "½×" if round(1 / value) == 2 else f"1/{1 / value:,.0f}"  # noqa: PLR2004 (a half)


def quantity_ticks(axis: Any, unit: str) -> None:
    """Ticks such as 10 µs."""
    low, high = axis.get_view_interval()
    narrow = 1.6
    steps = (1, 2, 5) if math.log10(high / low) < narrow else (1,)
    binary = unit == Unit.BYTES
    axis.set_major_locator(LogLocator(8, (1,)) if binary else LogLocator(10, steps, numticks=8))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: _round_quantity(value, unit)))


_CLOSE = 0.13
"""Part of an axis that has room for one label only."""


def point_ticks(axes: Axes, points: Sequence[int], parameter: str) -> None:
    """A tick for each point of a curve, unless there is one next to it."""
    ticks = [points[0]]
    for point in points[1:]:
        if math.log(point / ticks[-1]) > _CLOSE * math.log(points[-1] / points[0]):
            ticks.append(point)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    unit = "B" if parameter == "bytes" else ""
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: _round_quantity(value, unit) if unit else f"{value:,.0f}")
    )


def _round_quantity(value: float, unit: str) -> str:
    """A quantity without the zeros that tell how exact it is."""
    number, _, name = quantity(value, unit).partition(" ")
    return f"{number.rstrip('0').rstrip('.') if '.' in number else number} {name}"


def heading(axes: Axes, theme: Theme, y: float, text: str) -> None:
    """The title of a group of rows, above the name of the first."""
    axes.text(
        0, y, text, transform=axes.get_yaxis_transform(), color=theme.muted, weight="bold",
        va="center", fontsize=SMALL, zorder=4,
        bbox={"facecolor": theme.surface, "edgecolor": "none", "pad": 0.8},
    )  # fmt: skip


def name_row(axes: Axes, y: float, text: str, **style: Any) -> None:
    """Write the name of a row above what is drawn: beside it there is no room on a telephone."""
    axes.text(
        0, y - NAME, text, transform=axes.get_yaxis_transform(), va="center",
        bbox={"facecolor": axes.get_facecolor(), "edgecolor": "none", "pad": 0.8}, **style,
    )  # fmt: skip


def end_rows(axes: Axes, end: float) -> None:
    """Put the first row at the top, and take away what rows do not need."""
    axes.set_ylim(end, -0.8)
    axes.yaxis.set_major_locator(NullLocator())
    axes.spines[["left", "bottom"]].set_visible(False)
