"""Charts out of results, in light and in dark, as SVG.

What was looked for: that one glance says who is ahead, and a second one by how much. So bars start
at "the same" and point to the better or the worse side, on an axis where twice as fast is as long
as twice as slow; names stand above what they name, and the lines of a curve are listed in the
order of their ends, so that a telephone has room for both; and an implementation has the same
colour and the same marker everywhere.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import matplotlib as mpl

from benchmarks.chart_names import curve_name
from benchmarks.charts import bars, curves
from benchmarks.charts.everybody import everybody, measured_on
from benchmarks.charts.latency import WORKLOADS, latency, percentiles
from benchmarks.charts.style import THEMES, settings
from benchmarks.report import is_extra

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from matplotlib.figure import Figure

    from benchmarks.charts.style import Theme
    from benchmarks.results import Run


def draw_all(run: Run, folder: Path) -> list[Path]:
    """Draw every chart that there is data for, in every form, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, draw in charts(run):
        for theme in THEMES:
            with mpl.rc_context(settings(theme)):
                file = folder / f"{name}-{theme.name}.svg"
                # Without a date, the same results give the same file.
                draw(theme).savefig(file, metadata={"Date": None})
                written.append(file)
    return written


def charts(run: Run) -> Iterator[tuple[str, Callable[[Theme], Figure]]]:
    """The names of all charts that there is data for, with what draws them."""
    for name, ours, other, draw_bars in (
        ("against-pykka", run.reference, run.peer, bars.against_peer),
        ("pooled-against-pykka", run.pooled, "".join(run.pooled_against[:1]), bars.pooled),
        ("against-floor", run.reference, run.floor, bars.against_floor),
    ):
        if bars.has_ratios(run, ours, other):
            yield name, partial(draw_bars, run)
    if any(
        bars.has_ratios(run, run.reference, name)
        for name in measured_on(run)
        if name != run.reference
    ):
        yield "everybody", partial(everybody, run)
    for workload in WORKLOADS:
        if workload in run.workloads and percentiles(run, workload):
            yield workload, partial(latency, run, workload=workload)
    for curve in run.curves:
        if is_extra(run, curve["workload"]):
            continue  # it has a table of its own
        for metric in run.workloads[curve["workload"]]["metrics"]:
            lines = curves.lines_of(run, curve, metric)
            if max((len(points) for _, points, _ in lines), default=0) > 1:
                draw = partial(curves.draw, run, curve=curve, metric=metric)
                yield curve_name(curve, metric, run), draw
