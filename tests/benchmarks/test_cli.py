"""The commands, as a user gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from benchmarks.adapters import ADAPTERS
from benchmarks.plan import make_plan
from benchmarks.progress import Progress
from benchmarks.report import Table
from benchmarks.workloads import WORKLOADS
from rich.console import Console
from tests.benchmarks.conftest import make_run, needs

cli = needs("cli")

if TYPE_CHECKING:
    from pathlib import Path

FIVE = [1.0, 1.01, 1.02, 1.03, 1.04]


def test_list_names_everything_and_who_is_absent(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list"]) == 0

    printed = capsys.readouterr().out
    assert all(name in printed for name in [*WORKLOADS, *ADAPTERS])
    assert "Erlang/OTP (absent: was never installed: make bench-peers)" in printed


def test_show_prints_tables_targets_and_problems(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(ask={"ThreadingActor": FIVE, "pykka-4.0.2": FIVE, "thread": FIVE})
    run.adapters["xoscar"]["absent"] = "no wheel"
    run.save(tmp_path / "file.json")

    assert cli.main(["show", str(tmp_path / "file.json")]) == 0

    printed = capsys.readouterr().out
    assert "abacus, 2 cores" in printed
    assert "ours is better by" in printed
    assert "≤ 1.1" in printed
    assert "xoscar is absent: no wheel" in printed


@pytest.mark.parametrize(
    "name",
    ["full", "extras", "free-threaded", "free-threaded-gil", "optimised", "optimised-plain"],
)
def test_the_results_of_the_repository_are_shown(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = cli.RESULTS.with_name(f"{name}.json")
    if not file.exists():
        pytest.skip(f"there is no {file.name}")

    assert cli.main(["show", str(file)]) == 0

    assert "ours, PooledActor" in capsys.readouterr().out


def test_compare_tells_what_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    make_run(ask={"ThreadingActor": FIVE}).save(before)
    make_run(ask={"ThreadingActor": [v * 2 for v in FIVE]}).save(after)

    assert cli.main(["compare", str(before), str(after)]) == 0

    assert "slower" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "/nowhere/file.json"],
        ["compare", "/nowhere/a.json", "/nowhere/b.json"],
        ["run", "--python", "/nowhere/python"],
    ],
)
def test_a_mistake_is_one_line_and_not_a_traceback(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 2

    assert "/nowhere/" in capsys.readouterr().err


@pytest.mark.parametrize("rounds", ["0", "-1", "many"])
def test_a_number_of_rounds_that_is_none_is_refused(
    rounds: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        cli.main(["run", "--rounds", rounds])

    assert "--rounds" in capsys.readouterr().err


def test_progress_without_a_terminal_is_lines(capsys: pytest.CaptureFixture[str]) -> None:
    [task] = make_plan(only=["tell"], against=["thread"], rounds=1)

    with Progress(len(task.adapters)) as progress:
        for adapter in task.adapters:
            progress.next(0, task, adapter)
        progress.done(0, task)

    assert capsys.readouterr().err == "100 %  round 1: tell\n"


def test_progress_on_a_terminal_tells_what_runs(capsys: pytest.CaptureFixture[str]) -> None:
    task = next(t for t in make_plan(full=True, only=["many-actors"]) if t.ladder)

    with Progress(2, Console(force_terminal=True, width=200)) as progress:
        progress.next(0, task, "pykka-4.0.2")
        progress.done(0, task)

    shown = capsys.readouterr().out
    assert "round 1: many actors, 1 actors, Pykka 4.0.2" in shown
    assert "0 %" not in shown


def test_a_table_is_as_wide_as_it_is_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")

    cli._console().print(Table(["", "figure"], [["[red]" + "long " * 40 + "end", "1.0"]]))

    assert "[red]" + "long " * 40 + "end" in capsys.readouterr().out
