"""Charts are drawn for what there is, in light and in dark, the same each time."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from benchmarks.results import Measurement, Problem
from tests.benchmarks.conftest import enter, make_run

charts = pytest.importorskip("benchmarks.charts", reason="matplotlib is not installed")

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.results import Run

THREE = [1.0, 1.1, 1.2]


@pytest.fixture
def run() -> Run:
    """A bit of everything."""
    made = make_run(
        ask={
            "ThreadingActor": THREE,
            "PooledActor": THREE,
            "pykka-4.0.2": [3.0, 3.1, 3.2],
            "pykka-newest": [2.0, 2.1, 2.2],
            "thread": THREE,
            "erlang": THREE,
        },
        latency={"ThreadingActor": THREE, "thread": THREE},
        latency_crowded={"ThreadingActor": THREE, "PooledActor": THREE},
    )
    for nodes in (2, 8):
        enter(made, "thread-ring", {"ThreadingActor": THREE, "thread": THREE}, nodes=nodes)
    end = Measurement("thread-ring", "thread", {"nodes": 32, "hops": 10_000})
    end.problems.append(Problem(0, "too slow", "no end"))
    made.measurements.append(end)
    return made


def test_there_is_a_chart_for_everything_that_was_measured(run: Run) -> None:
    assert [name for name, _ in charts.charts(run)] == [
        "against-pykka", "pooled-against-pykka", "against-floor", "everybody",
        "latency", "latency-crowded", "curve-rings",
    ]  # fmt: skip


def test_there_is_none_for_what_was_not() -> None:
    assert list(charts.charts(make_run())) == []
    assert list(charts.charts(make_run(thread_ring={"ThreadingActor": THREE}))) == []


def test_each_chart_comes_in_light_and_dark_as_svg_and_png(run: Run, tmp_path: Path) -> None:
    del run.measurements[6:]  # a few charts are enough to see this
    files = charts.draw_all(run, tmp_path)

    expected = {
        f"{name}-{theme}.{kind}"
        for name in (
            "against-pykka",
            "pooled-against-pykka",
            "against-floor",
            "everybody",
            "latency",
        )
        for theme in ("light", "dark")
        for kind in ("svg", "png")
    }
    assert {file.name for file in files} | {"latency-light.svg"} <= expected
    for file in files:
        if file.suffix == ".svg":
            assert ET.parse(file).getroot().tag.endswith("svg")  # noqa: S314 (made above)
        else:
            assert file.read_bytes().startswith(b"\x89PNG")


def test_the_same_results_give_the_same_files(run: Run, tmp_path: Path) -> None:
    del run.measurements[6:]
    one = charts.draw_all(run, tmp_path / "one")
    other = charts.draw_all(run, tmp_path / "other")

    assert [file.read_bytes() for file in one] == [file.read_bytes() for file in other]


def test_a_curve_is_drawn_although_one_line_ends_early(run: Run, tmp_path: Path) -> None:
    del run.measurements[:10]

    files = charts.draw_all(run, tmp_path)

    assert "curve-rings-dark.png" in {file.name for file in files}


@pytest.mark.parametrize(
    "heights", [[0.0, 0.0, 0.0], [0.1, 0.5, 0.52, 0.9], [0.2], [], [0.5, 0.5, 0.5, 0.58]]
)
def test_labels_are_moved_apart_in_their_order(heights: list[float]) -> None:
    from benchmarks.charts.curves import spaced  # noqa: PLC0415 (needs matplotlib)

    placed = spaced(heights, 0.1)

    gaps = [b - a for a, b in itertools.pairwise(placed)]
    assert all(gap >= 0.1 - 1e-9 for gap in gaps)
    assert sum(placed) == pytest.approx(sum(heights))
