"""Existing tests, simulated by an option of pytest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.simulation import programs

from pykka import simulation

ROOT = Path(__file__).parents[2]

TESTS = """
import pykka
import pytest
from pykka import simulation
from tests.simulation import programs

@pytest.fixture(autouse=True)
def no_actors_left():
    yield
    pykka.ActorRegistry.stop_all()

def test_that_has_a_mistake():
    programs.timer_and_reply()

def test_that_has_none():
    programs.no_deadlock()

async def test_that_awaits():
    class Echo(pykka.AsyncioActor):
        async def on_receive(self, message):
            return message
    assert await Echo.start().ask("hello", block=False) == "hello"

@pytest.fixture
def node():
    ref = programs.Answers.start()
    yield ref
    ref.stop()

@pytest.mark.parametrize("number", [1, 2])
def test_with_arguments(number, tmp_path):
    assert programs.Node.start().ask(number) == 1
    assert tmp_path.exists()

def test_with_a_real_actor(node):
    assert node.proxy().go().get() == 1

@simulation.test(runs=3)
def test_that_is_simulated_anyhow():
    programs.no_deadlock()
"""


def outcomes(folder: Path, *options: str) -> tuple[str, str]:
    (folder / "test_them.py").write_text(TESTS, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "pykka.simulation.plugin", "-p"]
    command += ["no:cacheprovider", "-rA", "--rootdir", str(folder), *options, str(folder)]
    done = subprocess.run(
        command,
        cwd=folder,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    lines = [line for line in done.stdout.splitlines() if "test_them.py::" in line]
    return "\n".join(sorted(line.partition(" - ")[0] for line in lines)), done.stdout


def test_each_test_is_simulated_if_that_is_wanted(tmp_path: Path) -> None:
    found, said = outcomes(tmp_path, "--pykka-simulate=50")
    assert found.splitlines() == [
        "FAILED test_them.py::test_that_has_a_mistake",
        "FAILED test_them.py::test_with_a_real_actor",
        "PASSED test_them.py::test_that_awaits",
        "PASSED test_them.py::test_that_has_none",
        "PASSED test_them.py::test_that_is_simulated_anyhow",
        "PASSED test_them.py::test_with_arguments[1]",
        "PASSED test_them.py::test_with_arguments[2]",
    ]
    assert "TIME PASSES EARLY" in said
    assert "lives outside of this simulated run" in said


@pytest.mark.exhaustive
def test_without_the_option_nothing_is(tmp_path: Path) -> None:
    found, _said = outcomes(tmp_path, "-k", "not awaits")
    assert found.count("PASSED") == 6


def test_an_actor_outside_of_the_run_is_named() -> None:
    outside = programs.Answers.start()
    try:
        result = simulation.run(lambda: outside.proxy().go().get())
        assert isinstance(result.findings[0].error, simulation.NotSimulatedError)
        assert "Answers" in result.findings[0].text
    finally:
        outside.stop()


@pytest.mark.exhaustive
@pytest.mark.parametrize("number", ["-1", "many"])
def test_the_option_is_a_number_of_runs(tmp_path: Path, number: str) -> None:
    _found, said = outcomes(tmp_path, f"--pykka-simulate={number}")
    assert "passed" not in said
