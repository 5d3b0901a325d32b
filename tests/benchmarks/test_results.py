"""Results: what is written is what is read, and an interrupted run goes on where it ended."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from benchmarks.adapters import ADAPTERS
from benchmarks.plan import Task, make_plan, steps
from benchmarks.progress import Progress
from benchmarks.results import Measurement, Problem, Run
from tests.benchmarks.conftest import OURS, enter, make_run, needs

cli, machine, measure, runner = (needs(name) for name in ("cli", "machine", "measure", "runner"))

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    run = make_run(tell={"ThreadingActor": [1.0, 2.0], "thread": [3.0, 4.0]})
    run.measurements[0].problems.append(Problem(2, "failed", "it broke"))
    run.measurements[0].values["rate"][3] = 5.0

    run.save(tmp_path / "deep" / "file.json")

    assert Run.load(tmp_path / "deep" / "file.json") == run
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["file.json"]


def test_values_are_lists_by_round_for_whoever_reads_the_file(tmp_path: Path) -> None:
    run = make_run(tell={"ThreadingActor": [1.0, 2.0]})
    del run.measurements[0].values["rate"][0]

    run.save(tmp_path / "file.json")

    contents = json.loads((tmp_path / "file.json").read_text())
    assert contents["measurements"][0]["values"] == {"rate": [None, 2.0]}


@pytest.mark.parametrize("text", ["[]", "{}", '{"format": 0}', "nonsense"])
def test_what_is_no_file_of_results_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "file.json").write_text(text)

    with pytest.raises(ValueError, match=r"holds no results of format|Expecting value"):
        Run.load(tmp_path / "file.json")


def test_values_are_rounded_to_what_they_can_mean() -> None:
    measurement = Measurement("tell", "thread", {})

    measurement.add(0, measure.Outcome("ok", {"rate": 123.456789012}))

    assert measurement.values == {"rate": {0: 123.457}}


def test_a_row_has_the_parameters_of_the_table_and_a_curve_has_all() -> None:
    run = make_run()
    for nodes, value in ((8, 1.0), (100, 2.0), (2, 3.0)):
        enter(run, "thread-ring", {"ThreadingActor": [value]}, nodes=nodes)

    assert run.row("thread-ring")["ThreadingActor"].values == {"rate": {0: 2.0}}
    [(name, points)] = run.curve("thread-ring", "nodes")
    assert name == "ThreadingActor"
    assert list(points) == [2, 8, 100]


@dataclass
class FakeMeasure:
    """Takes the place of fresh processes."""

    outcomes: dict[tuple[str, int], Any] = field(default_factory=dict)
    """(Adapter, value of the first parameter) → what comes out, if it is not a value."""
    done: list[tuple[str, str, int]] = field(default_factory=list)
    break_after: int = 1_000

    def __call__(
        self,
        site: Any,
        adapter: Any,
        workload: str,
        parameters: dict[str, int],
        warm_up: dict[str, int],
    ) -> Any:
        if len(self.done) == self.break_after:
            raise KeyboardInterrupt
        first = next(iter(parameters.values()))
        self.done.append((workload, adapter.name, first))
        metrics = {"tell": "rate", "ask": "time", "thread-ring": "rate", "many-actors": "time"}
        return self.outcomes.get(
            (adapter.name, first),
            measure.Outcome("ok", {metrics[workload]: float(len(self.done))}),
        )


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeMeasure:
    """No processes."""
    made = FakeMeasure()
    monkeypatch.setattr(measure, "measure", made)
    return made


def go(run: Run, tasks: list[Task], file: Path) -> None:
    """Run a plan."""
    site: Any = None
    runner.Runner(site, run, tasks, Progress(steps(tasks)), lambda run: run.save(file)).go()


ALL = [*sorted(OURS), "thread"]


def test_implementations_are_interleaved_round_by_round(fake: FakeMeasure, tmp_path: Path) -> None:
    tasks = make_plan(only=["tell"], against=["thread"], rounds=2)
    run = make_run()

    go(run, tasks, tmp_path / "file.json")

    names = [name for _, name, _ in fake.done]
    assert sorted(names[: len(ALL)]) == sorted(names[len(ALL) :]) == ALL
    assert run.complete
    assert Run.load(tmp_path / "file.json") == run


def test_an_interrupted_run_goes_on_and_measures_nothing_twice(
    fake: FakeMeasure, tmp_path: Path
) -> None:
    file = tmp_path / "file.json"
    tasks = make_plan(only=["tell", "ask"], against=["thread"], rounds=3)
    run = make_run()
    run.complete = False
    fake.break_after = 3 * len(ALL)
    with pytest.raises(KeyboardInterrupt):
        go(run, tasks, file)

    again = Run.load(file)
    assert not again.complete
    assert all(m.rounds() == {0} for m in again.measurements)
    fake.break_after = 1_000
    go(again, tasks, file)

    assert Run.load(file).complete
    assert all(m.rounds() == {0, 1, 2} for m in again.measurements)
    assert len(again.measurements) == 2 * len(ALL)
    # What was measured before it was interrupted, but not saved, is measured again.
    assert len(fake.done) == 3 * len(ALL) + 4 * len(ALL)


def test_what_cannot_be_had_is_asked_for_once(fake: FakeMeasure, tmp_path: Path) -> None:
    [task] = make_plan(only=["tell"], against=["thread"], rounds=4)
    messages = task.parameters["messages"]
    fake.outcomes["thread", messages] = measure.Outcome("unsupported", reason="it has none")
    run = make_run()

    go(run, [task], tmp_path / "file.json")

    assert [name for _, name, _ in fake.done].count("thread") == 1
    assert run.row("tell")["thread"].problems == [Problem(0, "unsupported", "it has none")]


def test_a_failure_does_not_excuse_from_the_other_rounds(
    fake: FakeMeasure, tmp_path: Path
) -> None:
    [task] = make_plan(only=["tell"], against=["thread"], rounds=4)
    fake.outcomes["thread", task.parameters["messages"]] = measure.Outcome("failed", reason="lost")
    run = make_run()

    go(run, [task], tmp_path / "file.json")

    assert len(run.row("tell")["thread"].problems) == 4


def test_who_is_too_slow_at_a_point_of_a_curve_is_not_given_a_higher_one(
    fake: FakeMeasure, tmp_path: Path
) -> None:
    tasks = [
        Task("many-actors", {"actors": actors}, ("ThreadingActor", "thread"), 2, "actors")
        for actors in (1, 10, 100)
    ]
    fake.outcomes["thread", 10] = measure.Outcome("too slow", reason="no end after 60 s")

    go(make_run(), tasks, tmp_path / "file.json")

    assert sorted(n for _, name, n in fake.done if name == "thread") == [1, 1, 10]
    assert len([n for _, name, n in fake.done if name == "ThreadingActor"]) == 6


class TestResume:
    """When `--resume` goes on, and when it begins anew."""

    @pytest.fixture(autouse=True)
    def _no_site(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cli, "begin", lambda site, form: self.fresh(form))
        monkeypatch.setattr(machine, "digest_of_sources", lambda: "0")

    def fresh(self, form: str) -> Run:
        """A run without measurements."""
        run = make_run()
        run.form, run.complete = form, False
        return run

    def open(self, file: Path, *arguments: str) -> Run:
        """What the command line goes on with."""
        options = cli.parser().parse_args(["run", "--out", str(file), *arguments])
        site: Any = None
        return cli.open_run(site, "full" if options.full else "short", file, options)[0]

    def write(self, file: Path, **changes: Any) -> None:
        """An interrupted run, with changes."""
        run = self.fresh("short")
        enter(run, "tell", {"ThreadingActor": [1.0]})
        for name, value in changes.items():
            setattr(run, name, value)
        run.save(file)

    def test_an_interrupted_run_is_continued(self, tmp_path: Path) -> None:
        self.write(tmp_path / "file.json")

        assert len(self.open(tmp_path / "file.json", "--resume").measurements) == 1
        assert self.open(tmp_path / "file.json").measurements == []

    @pytest.mark.parametrize(
        "changes",
        [
            {"complete": True},
            {"sources": {"commit": "", "digest": "other"}},
            {"python": {"version": "2.7"}},
            {"form": "full"},
        ],
        ids=["complete", "other sources", "another Python", "another form"],
    )
    def test_what_is_complete_or_differs_is_not(
        self, changes: dict[str, Any], tmp_path: Path
    ) -> None:
        self.write(tmp_path / "file.json", **changes)

        assert self.open(tmp_path / "file.json", "--resume").measurements == []

    def test_parameters_from_the_command_line_are_those_of_the_table(self, tmp_path: Path) -> None:
        run = self.open(tmp_path / "file.json", "--only", "tell", "--set", "messages=7")

        assert run.workloads["tell"]["parameters"] == {"messages": 7}


def test_nothing_in_the_results_says_where_things_are(tmp_path: Path) -> None:
    from benchmarks.environments import ROOT  # noqa: PLC0415 (what the test is about)

    text = machine.without_paths(f"cannot open {ROOT}/src/x.py")

    assert text == "cannot open ./src/x.py"


def test_every_implementation_says_what_it_lacks_or_is_ours() -> None:
    assert all(adapter.ours or adapter.lacks for adapter in ADAPTERS.values())
