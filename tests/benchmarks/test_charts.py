"""Charts are drawn for what there is, in light and in dark, the same each time."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from benchmarks.results import Measurement, Problem
from tests.benchmarks.conftest import enter, make_run, needs

charts = needs("charts")
Text = pytest.importorskip("matplotlib.text").Text

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


def test_each_chart_comes_in_light_and_dark_as_svg(run: Run, tmp_path: Path) -> None:
    del run.measurements[6:]  # a few charts are enough to see this
    files = charts.draw_all(run, tmp_path)

    expected = {
        f"{name}-{theme}.svg"
        for name in (
            "against-pykka",
            "pooled-against-pykka",
            "against-floor",
            "everybody",
            "latency",
        )
        for theme in ("light", "dark")
    }
    assert {file.name for file in files} | {"latency-light.svg"} <= expected
    for file in files:
        assert ET.parse(file).getroot().tag.endswith("svg")  # noqa: S314 (made above)


def test_all_text_can_be_read_on_a_telephone(run: Run) -> None:
    for name, draw in charts.charts(run):
        figure = draw(charts.THEMES[0])
        figure.draw_without_rendering()
        pixels = 360 / (figure.get_figwidth() * 72)  # for a point, where 360 are as wide as can be
        for text in figure.findobj(Text):
            if text.get_visible() and text.get_text():
                assert text.get_fontsize() * pixels >= 11, (name, text)
        drawn = figure.get_tightbbox()
        assert drawn.x0 >= 0, name
        assert drawn.x1 <= figure.get_figwidth(), name


def test_the_same_results_give_the_same_files(run: Run, tmp_path: Path) -> None:
    del run.measurements[6:]
    one = charts.draw_all(run, tmp_path / "one")
    other = charts.draw_all(run, tmp_path / "other")

    assert [file.read_bytes() for file in one] == [file.read_bytes() for file in other]


def test_a_curve_is_drawn_although_one_line_ends_early(run: Run, tmp_path: Path) -> None:
    del run.measurements[:10]

    files = charts.draw_all(run, tmp_path)

    assert "curve-rings-dark.svg" in {file.name for file in files}
