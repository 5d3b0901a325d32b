"""What the files of charts are called, for those who draw them and those who refer to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.results import Run


def curve_name(curve: dict[str, Any], metric: dict[str, Any], run: Run) -> str:
    """What the chart of a metric along a curve is called."""
    several = len(run.workloads[curve["workload"]]["metrics"]) > 1
    return f"curve-{curve['name']}{'-' + metric['name'] if several else ''}"


def image(name: str, description: str) -> str:
    """Markdown for a chart, in light and in dark: GitHub and Material for MkDocs show one."""
    return "\n".join(
        f"![{description}](images/{name}-{theme}.svg#gh-{theme}-mode-only)"
        for theme in ("light", "dark")
    )
