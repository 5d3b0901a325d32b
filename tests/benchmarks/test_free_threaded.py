"""Two builds of Python, in turn: which interpreter is taken, and what the tables say."""

from __future__ import annotations

import sys
import sysconfig
from typing import TYPE_CHECKING, Any

import pytest
from benchmarks.progress import Progress
from benchmarks.results import Problem, Run
from tests.benchmarks.conftest import make_run, needs

cli, free_threaded, measure = needs("cli"), needs("free_threaded"), needs("measure")

if TYPE_CHECKING:
    from pathlib import Path

IS_FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
TWO = [1.0, 1.0]


def program(folder: Path, name: str, status: int) -> Path:
    """Something that looks like an interpreter, with or without the GIL."""
    file = folder / name
    file.write_text(f"#!/bin/sh\nexit {status}\n")
    file.chmod(0o755)
    return file


def test_this_interpreter_is_told_apart() -> None:
    assert free_threaded.is_free_threaded(sys.executable) is IS_FREE_THREADED
    assert not free_threaded.is_free_threaded("/nowhere/python")


def test_the_first_free_threaded_interpreter_on_the_path_is_found(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    program(one, "python3", 1)
    program(one, "python3-config", 0)
    program(one, "cat", 0)
    wanted = program(other, "python3.14t", 0)
    program(other, "some-python", 0)

    assert free_threaded.find(f"{one}:/nowhere:{other}") == str(wanted)
    assert free_threaded.find(str(one)) == ""


def test_none_on_the_path_is_an_error_unless_it_is_allowed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    assert cli.main(["free-threaded"]) == 2
    assert cli.main(["free-threaded", "--if-found"]) == 0
    assert "name one with --python" in capsys.readouterr().out


@pytest.mark.skipif(IS_FREE_THREADED, reason="this one would do")
def test_an_interpreter_with_the_gil_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["free-threaded", "--python", sys.executable]) == 2
    assert "is not a free-threaded Python" in capsys.readouterr().err


class Nowhere:
    """Environments that are only looked at."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def make(self, environment: Any) -> str:
        self.made.append(environment.name)
        return ""

    def absent(self) -> dict[str, str]:
        return {"xoscar": "not asked for"}


def test_both_builds_are_measured_in_turn_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free: Any = Nowhere()
    other: Any = Nowhere()
    order: list[bool] = []

    def fake(site: Any, adapter: Any, workload: str, parameters: Any, warm_up: Any) -> Any:
        order.append(site is free)
        return measure.Outcome("ok", {"apart": 1.8, "within": 1.7, "rate": 1.0, "time": 1.0})

    def describe(site: Any, adapter: Any) -> Any:
        python = {"version": "3", "free_threaded": site is free}
        return measure.Outcome("ok", details={"python": python, "version": "5"})

    monkeypatch.setattr(measure, "measure", fake)
    monkeypatch.setattr(measure, "describe", describe)
    out = tmp_path / "free.json"

    free_threaded.measure(free, other, out, 2, Progress)

    assert free.made == other.made == ["bare", "ours"]
    half = len(order) // 4
    assert order == [True] * half + [False] * 2 * half + [True] * half
    pair = free_threaded.load(out)
    assert pair is not None
    assert [run.python["free_threaded"] for run in pair] == [True, False]
    assert all(run.complete and set(run.adapters) == {*free_threaded.ADAPTERS} for run in pair)
    assert {m.workload for m in pair[0].measurements} == {*free_threaded.WORKLOADS}
    assert [row[-1] for row in free_threaded.goals(*pair).rows] == ["met", "met", "met"]


def pair(ping_pong: float, **two_cores: float) -> tuple[Run, Run]:
    """Results of both builds."""
    free = make_run(ping_pong={"PooledActor": [ping_pong, ping_pong]}, two_cores={})
    other = make_run(ping_pong={"PooledActor": TWO}, two_cores={"PooledActor": TWO})
    free.python["free_threaded"] = True
    measurement = free.measurement(
        "two-cores", "PooledActor", free.workloads["two-cores"]["parameters"]
    )
    measurement.values = {name: {0: value, 1: value} for name, value in two_cores.items()}
    return free, other


def test_goals_are_met_or_missed_by_the_build_or_by_the_ratio() -> None:
    free, other = pair(0.4, apart=1.9, within=1.2)

    rows = free_threaded.goals(free, other).rows

    assert [row[1:] for row in rows] == [
        ["≥ 1.5", "1.90", "met"], ["≥ 1.5", "1.20", "missed"], ["≥ 0.5", "0.40", "missed"],
    ]  # fmt: skip


def test_what_was_not_measured_or_failed_is_not_met() -> None:
    free, other = pair(2.0)
    free.row("ping-pong")["PooledActor"].problems.append(Problem(2, "failed", "lost"))

    rows = free_threaded.goals(free, other).rows

    assert {row[-1] for row in rows} == {"not measured"}


def test_both_builds_stand_side_by_side() -> None:
    free, other = pair(0.5, apart=1.9, within=1.2)

    table = free_threaded.table(free, other)

    assert table.head[3].endswith(", free-threaded")
    [row] = [row for row in table.rows if row[0] == "ping-pong"]
    assert row[-1] == "0.50×"
    assert "1.90" in free_threaded.as_markdown((free, other))
    assert "1.90" in free_threaded.as_markdown((free, other))


def test_without_results_the_page_says_so(tmp_path: Path) -> None:
    assert free_threaded.load(tmp_path / "nothing.json") is None
    assert free_threaded.as_markdown(None).startswith("Not measured")
