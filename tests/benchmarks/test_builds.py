"""Two builds of Python, in turn: which interpreter is taken, and what the tables say."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from benchmarks.progress import Progress
from benchmarks.results import Problem, Run
from tests.benchmarks.conftest import enter, make_run, needs

from benchmarks import interpreter

cli, builds, measure = needs("cli"), needs("builds"), needs("measure")

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FREE_THREADED, OPTIMISED = builds.FREE_THREADED, builds.OPTIMISED
THIS = interpreter.describe()
WITHOUT_GIL = {**THIS, "version": "3.14.0", "free_threaded": True}
PLAIN = {**THIS, "free_threaded": False, "pgo": "no", "lto": "no"}
WITH_PGO = {**PLAIN, "pgo": "yes", "lto": "yes"}
TWO = [1.0, 1.0]
NOT_THIS = "3.10.1"
"""A version of Python that does not run these tests."""


def program(folder: Path, name: str, python: Mapping[str, Any] | None) -> str:
    """Something that looks like an interpreter; one that cannot run if it is none."""
    file = folder / name
    told = "exit 1" if python is None else f"cat <<'END'\n{json.dumps(python)}\nEND"
    file.write_text(f"#!/bin/sh\n{told}\n")
    file.chmod(0o755)
    return str(file)


def test_an_interpreter_tells_what_it_is() -> None:
    of_process = {"gil": True, "switch_interval": 0}  # what is imported may have changed them

    assert builds.ask(sys.executable) | of_process == THIS | of_process


@pytest.mark.parametrize("printed", ["", "no JSON", "[1]", "7"])
def test_what_is_no_interpreter_tells_nothing(printed: str, tmp_path: Path) -> None:
    file = tmp_path / "python3"
    file.write_text(f"#!/bin/sh\necho '{printed}'\n")
    file.chmod(0o755)

    assert builds.ask(str(file)) == {}
    assert builds.ask("/nowhere/python") == {}


@pytest.mark.parametrize(
    ("python", "fits"),
    [
        (WITHOUT_GIL, {"free-threaded"}),
        ({**WITHOUT_GIL, "version": "3.12.1"}, set()),
        (PLAIN, set()),
        (WITH_PGO, {"optimised"}),
        ({**WITH_PGO, "pgo": "seen", "lto": ""}, {"optimised"}),
        ({**WITH_PGO, "version": "3.14.0", "free_threaded": True}, {"free-threaded"}),
        ({}, set()),
    ],
)
def test_builds_are_told_apart(python: dict[str, Any], fits: set[str]) -> None:
    assert {name for name, build in builds.BUILDS.items() if build.fits(python)} == fits


def test_the_first_free_threaded_interpreter_on_the_path_is_found(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    program(one, "python3", PLAIN)
    program(one, "python3.9", None)
    program(one, "python3-config", WITHOUT_GIL)
    program(one, "cat", WITHOUT_GIL)
    wanted = program(other, "python3.14t", WITHOUT_GIL)
    program(other, "some-python", WITHOUT_GIL)

    path = f"{one}:/nowhere:{other}"
    assert builds.find(FREE_THREADED, builds.on_path(path)) == wanted
    assert builds.find(FREE_THREADED, builds.on_path(str(one))) == ""


def test_an_optimised_interpreter_is_found_if_its_version_is_that_of_this_one(
    tmp_path: Path,
) -> None:
    program(tmp_path, "python", PLAIN)
    program(tmp_path, "python3", {**WITH_PGO, "version": NOT_THIS})
    assert builds.find(OPTIMISED, builds.on_path(str(tmp_path))) == ""

    wanted = program(tmp_path, "python3.11", WITH_PGO)
    assert builds.find(OPTIMISED, builds.on_path(str(tmp_path))) == wanted


def test_the_path_the_known_pythons_and_those_of_the_system_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("path", "known", "system"):
        (tmp_path / name).mkdir()
    first = program(tmp_path / "path", "python3", None)
    known = program(tmp_path / "known", "python", None)
    last = program(tmp_path / "system", "python3", None)
    script = tmp_path / "pythons"
    script.write_text(f"#!/bin/sh\necho {known}\necho {first}\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(builds, "PYTHONS", str(script))
    monkeypatch.setattr("os.defpath", str(tmp_path / "system"))

    assert list(builds._programs()) == [first, known, last]


@pytest.mark.parametrize("name", builds.BUILDS)
def test_none_that_is_found_is_an_error_unless_it_is_allowed(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(builds, "_programs", lambda: iter(()))
    monkeypatch.setattr(interpreter, "describe", lambda: PLAIN)

    assert cli.main([name]) == 2
    assert cli.main([name, "--if-found"]) == 0
    assert "name one with --python" in capsys.readouterr().out


@pytest.mark.parametrize("name", builds.BUILDS)
def test_an_interpreter_of_another_build_is_refused(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(interpreter, "describe", lambda: PLAIN)

    assert cli.main([name, "--python", program(tmp_path, "python3", PLAIN)]) == 2
    assert f"is not {builds.BUILDS[name].about}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "python"), [("free-threaded", WITHOUT_GIL), ("optimised", WITH_PGO)]
)
def test_a_python_that_is_such_a_build_itself_needs_no_other(
    name: str,
    python: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(interpreter, "describe", lambda: python)

    assert cli.main([name]) == 0
    assert "there is nothing to compare it with" in capsys.readouterr().out
    told = builds.as_markdown(builds.BUILDS[name], None, python)
    assert told.startswith("The Python of this page is itself a ")


class Nowhere:
    """Environments that are only looked at."""

    def __init__(self, absent: Mapping[str, str] | None = None) -> None:
        self.made: set[str] = set()
        self._absent = {"xoscar": "not asked for", **(absent or {})}

    def make(self, environment: Any) -> str:
        self.made.add(environment.name)
        return ""

    def absent(self) -> dict[str, str]:
        return self._absent


@pytest.mark.parametrize(
    ("build", "python"), [(FREE_THREADED, WITHOUT_GIL), (OPTIMISED, WITH_PGO)], ids=lambda v: ""
)
def test_both_are_measured_in_turn_and_kept(
    build: Any, python: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site: Any = Nowhere()
    other: Any = Nowhere()
    order = fake_measurements(monkeypatch, {id(site): python, id(other): PLAIN})
    out = tmp_path / "out.json"

    builds.measure(build, (site, other), out, 2, Progress)

    assert site.made == other.made == {builds.ADAPTERS[a].environment for a in build.adapters}
    half = len(order) // 4
    one, two = id(site), id(other)
    assert order == [one] * half + [two] * 2 * half + [one] * half
    pair = builds.load(build, out)
    assert pair is not None
    assert [run.python for run in pair] == [python, PLAIN]
    assert all(run.complete and set(run.adapters) == {*build.adapters} for run in pair)
    for run in pair:
        assert {(m.workload, m.adapter) for m in run.measurements} == {
            (workload, adapter) for workload in build.workloads for adapter in build.adapters
        }
        assert all(run.row(workload) for workload in build.workloads)
    assert build.first(*pair).rows


def fake_measurements(
    monkeypatch: pytest.MonkeyPatch, pythons: dict[int, dict[str, Any]]
) -> list[int]:
    """Let everything take one second; returns where it was measured, one after another."""
    order: list[int] = []

    def fake(site: Any, adapter: Any, workload: str, parameters: Any, warm_up: Any) -> Any:
        order.append(id(site))
        return measure.Outcome("ok", {"apart": 1.8, "within": 1.7, "rate": 1.0, "time": 1.0})

    def describe(site: Any, adapter: Any) -> Any:
        return measure.Outcome("ok", details={"python": pythons[id(site)], "version": "4.5.0"})

    monkeypatch.setattr(measure, "measure", fake)
    monkeypatch.setattr(measure, "describe", describe)
    return order


def test_what_one_of_them_lacks_is_not_measured_on_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site: Any = Nowhere({"pykka-newest": "there is no network"})
    other: Any = Nowhere()
    fake_measurements(monkeypatch, {id(site): WITH_PGO, id(other): PLAIN})

    pair = builds.measure(OPTIMISED, (site, other), tmp_path / "out.json", 1, Progress)

    assert all(m.adapter != "pykka-newest" for run in pair for m in run.measurements)
    assert pair[0].adapters["pykka-newest"]["absent"] == "there is no network"
    assert not builds.carried_over(*pair).rows


def pair(ping_pong: float, **two_cores: float) -> tuple[Run, Run]:
    """Results without the GIL and with it."""
    free = make_run(ping_pong={"PooledActor": [ping_pong, ping_pong]}, two_cores={})
    other = make_run(ping_pong={"PooledActor": TWO}, two_cores={"PooledActor": TWO})
    free.python, other.python = dict(WITHOUT_GIL), dict(PLAIN)
    measurement = free.measurement(
        "two-cores", "PooledActor", free.workloads["two-cores"]["parameters"]
    )
    measurement.values = {name: {0: value, 1: value} for name, value in two_cores.items()}
    return free, other


def test_goals_are_met_or_missed_by_the_build_or_by_the_ratio() -> None:
    free, other = pair(0.4, apart=1.9, within=1.2)

    rows = builds.goals(free, other).rows

    assert [row[1:] for row in rows] == [
        ["≥ 1.5", "1.90", "met"], ["≥ 1.5", "1.20", "missed"], ["≥ 0.5", "0.40", "missed"],
    ]  # fmt: skip


def test_what_was_not_measured_or_failed_is_not_met() -> None:
    free, other = pair(2.0)
    free.row("ping-pong")["PooledActor"].problems.append(Problem(2, "failed", "lost"))

    rows = builds.goals(free, other).rows

    assert {row[-1] for row in rows} == {"not measured"}


def test_both_builds_stand_side_by_side() -> None:
    free, other = pair(0.5, apart=1.9, within=1.2)

    table = builds.table(FREE_THREADED, free, other)

    assert table.head[2] == f"Python {THIS['version']}"
    assert table.head[3:] == ["Python 3.14.0, free-threaded", "free-threaded is better by"]
    [row] = [row for row in table.rows if row[0] == "ping-pong"]
    assert row[-1] == "0.50×"
    assert "1.90" in builds.as_markdown(FREE_THREADED, (free, other), PLAIN)


def test_it_is_shown_whether_ratios_carry_over_to_an_optimised_build() -> None:
    optimised, plain = make_run(), make_run()
    optimised.python, plain.python = dict(WITH_PGO), dict(PLAIN)
    for run, ask, tell in ((plain, 40.0, 10.0), (optimised, 30.0, 30.0)):
        run.adapters["pykka-newest"]["version"] = "4.5.0"
        enter(run, "ask", {"PooledActor": TWO, "pykka-newest": [ask, ask]})
        enter(run, "tell", {"PooledActor": [tell, tell], "pykka-newest": TWO})
        enter(run, "defer", {"PooledActor": TWO})

    table = builds.carried_over(optimised, plain)

    version = f"Python {THIS['version']}"
    assert table.head == [
        "ours, PooledActor is better than Pykka 4.5.0 by", version, f"{version}, optimised",
    ]  # fmt: skip
    assert table.rows == [
        ["tell", "10.0× (10.0–10.0)", "30.0× (30.0–30.0)"],
        ["ask", "40.0× (40.0–40.0)", "30.0× (30.0–30.0)"],
        ["geometric mean", "20.0×", "30.0×"],
    ]
    told = builds.as_markdown(OPTIMISED, (optimised, plain), PLAIN)
    assert "2 rounds, with 1,000 actors, 2026-01-01" in told
    assert "without PGO and LTO" in told
    assert ", with PGO and LTO" in told


@pytest.mark.parametrize("build", builds.BUILDS.values(), ids=builds.BUILDS)
def test_without_results_the_page_says_so(build: Any, tmp_path: Path) -> None:
    assert builds.load(build, tmp_path / "nothing.json") is None
    assert builds.as_markdown(build, None, PLAIN).startswith("Not measured")
