"""Many runs: the first that fails is made as usual as can be, and told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.simulation import programs

import pykka
from pykka import simulation
from pykka.simulation._engine._choices import decode, encode

ROOT = Path(__file__).parents[2]


def test_a_race_is_found_and_shrunk_and_the_line_that_is_printed_makes_it_again() -> None:
    found = simulation.explore(programs.timer_and_reply, runs=50)
    assert found.failure is not None
    assert found.shrinking <= 100
    tape, chance = decode(found.failure.replay)
    assert chance == 0
    assert sum(1 for choice in tape if choice) == 1
    report = found.report()
    assert "TIME PASSES EARLY" in report
    line = report.splitlines()[-1].partition("again:")[2].strip()
    code = (
        "from pykka import simulation; from tests.simulation.programs import timer_and_reply; "
        f"print({line}.findings[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(found.failure.findings[0])


@pytest.mark.parametrize("name", programs.ACCUSED)
def test_what_is_shrunk_finds_the_same(name: str) -> None:
    main = programs.ACCUSED[name]
    found = simulation.explore(main, runs=100, allow=[ValueError])
    failure = found.failure
    assert failure is not None
    again = simulation.run(main, replay=failure.replay, allow=[ValueError])
    assert [str(each) for each in again.findings] == [str(each) for each in failure.findings]
    assert sum(1 for choice in decode(failure.replay)[0] if choice) <= 1


def test_a_program_that_depends_on_something_else_is_found_in_its_first_run() -> None:
    numbers = iter(range(1000))

    def main() -> None:
        programs.Account.start().proxy().write(next(numbers)).get()

    found = simulation.explore(main)
    assert found.runs == 1
    assert found.failure is not None
    assert found.failure.findings[0].kind == "not deterministic"
    assert "write(0)" in found.report()
    assert "write(1)" in found.report()


def test_it_is_enough_when_nothing_new_comes() -> None:
    found = simulation.explore(programs.no_deadlock, runs=500, quiet=20)
    assert found.runs < 500
    assert found.runs - found.last_new == 20
    found.check()


def test_what_sometimes_happens_has_to_happen_once() -> None:
    def main(sim: simulation.Simulation) -> None:
        ref = programs.Account.start()
        actor: Any = ref._cell.actor
        sim.sometimes(lambda: actor.balance == 70, "it is 70")
        sim.sometimes(lambda: actor.balance == 7, "it is 7")
        ref.proxy().write(70).get()

    found = simulation.explore(main, runs=5)
    assert found.never == ["it is 7"]
    with pytest.raises(simulation.SimulationFailedError, match="never in 5 runs: it is 7"):
        found.check()


@pytest.mark.parametrize("text", ["0", "3z-1", "r7-2z-4-1", "1-1-2z-2"])
def test_a_tape_is_written_and_read(text: str) -> None:
    assert encode(*decode(text)) == text


@pytest.mark.parametrize("text", ["", "x", "3zz", "1--2"])
def test_what_is_no_tape_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="what a failure has printed"):
        simulation.run(programs.tells, replay=text)


# --- tests that are simulated -------------------------------------------------------------------


@simulation.test(runs=30)
def test_a_test_can_be_simulated() -> None:
    assert programs.tells() > 0


@simulation.test(runs=10)
def test_a_test_can_have_fixtures_and_the_simulation(
    sim: simulation.Simulation, tmp_path: Path
) -> None:
    assert tmp_path.exists()
    sim.advance(3)
    assert sim.now == 3


def test_a_simulated_test_that_fails_tells_how_to_make_it_again() -> None:
    test = simulation.test(runs=100)(programs.lost_update)
    with pytest.raises(simulation.SimulationFailedError, match=r"FAILED lost_update") as caught:
        test()
    assert "again:  simulation.run(lost_update, replay=" in str(caught.value)
    replay = str(caught.value).rpartition("replay='")[2].rstrip("')")
    assert simulation.run(test, replay=replay).findings != []


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        ({"allow": ["dead leters"]}, ValueError, "dead letters"),
        ({"allow": [3]}, TypeError, "classes of exceptions"),
        ({"runs": 0}, ValueError, "runs"),
        ({"quiet": 0}, ValueError, "quiet"),
        ({"teardown": "yes"}, TypeError, "teardown"),
    ],
)
def test_wrong_arguments_are_refused(said: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        simulation.explore(programs.tells, **said)
    with pytest.raises(TypeError, match="main"):
        simulation.explore(pykka)  # type: ignore[arg-type]
