"""The plug-in of pytest: fixtures, and what a test is checked for."""

from __future__ import annotations

import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.testing.plugins import outcomes as outcomes  # noqa: PLC0414 (a fixture)

import pykka
from pykka.testing import _checks, _leaks

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., tuple[dict[str, str], str]]

pytest_plugins = ["pytester"]

SRC = str(Path(pykka.__file__).parents[1])


def run_pytest(folder: Path, source: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run tests in a process of their own."""
    (folder / "test_them.py").write_text(source, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "pytest_pykka", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, "-rA", "--rootdir", str(folder), *options, str(folder)],
        cwd=folder,
        env={"PYTHONPATH": SRC, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


# --- it costs nothing ---------------------------------------------------------------------------


def test_nothing_of_the_package_is_imported_until_it_is_needed(tmp_path: Path) -> None:
    source = """
import sys

def test_without():
    assert not [name for name in sys.modules if name.split(".")[0] == "pykka"]

def test_with(actor_system):
    assert "pykka.testing" in sys.modules
    assert "pykka.simulation" not in sys.modules
"""
    done = run_pytest(tmp_path, source)
    assert done.returncode == 0, done.stdout


def test_pytest_finds_it_by_its_entry_point() -> None:
    from importlib.metadata import entry_points  # noqa: PLC0415

    found = [each for each in entry_points(group="pytest11") if each.name == "pytest_pykka"]
    if not found:
        pytest.skip("the package was installed before it had the entry point")
    assert found[0].value == "pytest_pykka"


# --- fixtures -----------------------------------------------------------------------------------

ACTORS = """
import threading
import pykka
import pytest

class Echo(pykka.ThreadingActor):
    def __init__(self, to=None):
        super().__init__()
        self.to = to
    def on_receive(self, message):
        if message == "fail":
            raise ValueError(message)
        if self.to is not None:
            self.to.tell(message)
        return message
"""


def test_the_fixtures_fit_together(outcomes: Run) -> None:
    source = (
        ACTORS
        + """
from pykka.testing import Probe, SystemUnderTest
from pykka.timers import ManualClock

def test_a_system(actor_system):
    assert isinstance(actor_system, SystemUnderTest)
    assert actor_system.name == "test_a_system"
    assert actor_system.start(Echo).ask("hello") == "hello"

def test_a_clock_for_it(manual_clock, actor_system):
    assert actor_system.clock is manual_clock

def test_in_any_order(actor_system, probe, manual_clock):
    echo = actor_system.start(Echo, probe.ref)
    echo.tell_after(5, "later")
    probe.expect_none()
    manual_clock.advance(5)
    assert probe.expect("later") == "later"
    assert probe.ref in actor_system.get_all()

def test_a_real_clock(actor_system):
    assert not isinstance(actor_system.clock, ManualClock)
"""
    )
    found, said = outcomes(source)
    assert set(found.values()) == {"PASSED"}, said
    assert len(found) == 4


def test_the_users_fixtures_take_their_place(outcomes: Run) -> None:
    conftest = """
import pykka
import pytest

@pytest.fixture
def probe():
    return "mine"

@pytest.fixture
def actor_system():
    with pykka.ActorSystem("mine") as system:
        yield system
"""
    source = """
import pytest

def test_from_the_conftest(probe, actor_system):
    assert (probe, actor_system.name) == ("mine", "mine")

class TestNearer:
    @pytest.fixture
    def probe(self):
        return "nearer"

    def test_from_the_class(self, probe):
        assert probe == "nearer"
"""
    found, said = outcomes(source, conftest=conftest)
    assert set(found.values()) == {"PASSED"}, said


# --- leaks --------------------------------------------------------------------------------------

LEAKS = (
    ACTORS
    + """
def test_that_leaks(actor_system):
    Echo.start()

@pytest.mark.pykka(leaks=False)
def test_that_may_leak(actor_system):
    Echo.start()

def test_that_cleans_up(actor_system):
    Echo.start().stop()
    Echo.start().stop(block=False)

def test_without_a_system():
    Echo.start()

@pytest.fixture
def echo():
    ref = Echo.start()
    yield ref
    ref.stop()

def test_with_a_fixture(echo, actor_system):
    actor_system.start(Echo)
    assert echo.ask("hello") == "hello"
"""
)


def test_who_leaks_an_actor_fails_and_names_it(outcomes: Run) -> None:
    found, said = outcomes(LEAKS)
    assert found == {
        "test_that_leaks": "ERROR",
        "test_that_may_leak": "PASSED",
        "test_that_cleans_up": "PASSED",
        "test_without_a_system": "PASSED",
        "test_with_a_fixture": "PASSED",
    }
    assert "the test has left an actor behind: Echo (urn:uuid:" in said
    pykka.ActorRegistry.stop_all()


def test_all_tests_can_be_checked(outcomes: Run) -> None:
    found, _said = outcomes(LEAKS, "--pykka-leaks")
    assert [name for name, word in found.items() if word == "ERROR"] == [
        "test_that_leaks",
        "test_without_a_system",
    ]
    pykka.ActorRegistry.stop_all()


@pytest.mark.parametrize("said", [True, False])
def test_the_configuration_says_what_is_checked(outcomes: Run, said: bool) -> None:
    found, _said = outcomes(LEAKS, "-o", f"pykka_leaks={str(said).lower()}")
    wrong = [name for name, word in found.items() if word == "ERROR"]
    assert wrong == (["test_that_leaks", "test_without_a_system"] if said else [])
    pykka.ActorRegistry.stop_all()


HANGS = (
    ACTORS
    + """
forever = threading.Event()

class Hangs(pykka.ThreadingActor):
    def on_receive(self, message):
        message.set()
        forever.wait()

def start(system):
    ref, begun = system.start(Hangs), threading.Event()
    ref.tell(begun)
    begun.wait()

def test_that_hangs(actor_system):
    start(actor_system)

def test_that_hangs_elsewhere(actor_system):
    start(pykka.ActorSystem.default())

def test_after_it(actor_system):
    pass
"""
)


@pytest.mark.exhaustive  # it takes the seconds after which an actor is abandoned
@pytest.mark.parametrize("options", [(), ("-n", "1", "-p", "xdist")])
def test_one_that_hangs_is_named_and_pytest_ends(tmp_path: Path, options: Any) -> None:
    done = run_pytest(tmp_path, HANGS, *options)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "ERROR test_them.py::test_that_hangs " in done.stdout
    assert "still running at File" in done.stdout
    assert "which hangs at File" in done.stdout
    assert "PASSED test_them.py::test_after_it" in done.stdout
    if not options:
        assert "not waiting for the threads of actors that hang: Hangs-1, Hangs-2" in done.stderr


def test_the_process_ends_with_the_status_of_the_tests(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    entered: list[Any] = []
    left: list[int] = []
    gate = threading.Event()
    monkeypatch.setattr(_leaks, "_may_hang", set())
    monkeypatch.setattr(_leaks, "_is_entered", False)
    monkeypatch.setattr(threading, "_register_atexit", entered.append)
    monkeypatch.setattr("atexit._run_exitfuncs", lambda: left.append(-1))
    monkeypatch.setattr("os._exit", left.append)
    check = _leaks.LeakCheck()
    _leaks.expect_end(0)
    assert entered == []  # nothing hangs

    thread = threading.Thread(target=gate.wait, name="Hangs-1")
    thread.start()
    check.note_threads()
    _leaks.expect_end(3)
    _leaks.expect_end(3)
    assert entered == [_leaks.leave_without_waiting]
    entered[0]()
    assert left == [-1, 3]
    assert "threads of actors that hang: Hangs-1" in capsys.readouterr().err
    gate.set()
    thread.join()
    entered[0]()  # it has come back after all
    assert left == [-1, 3]


def test_an_actor_that_hangs_is_abandoned_and_its_place_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_leaks, "TIME_TO_STOP", 0.05)
    monkeypatch.setattr(_leaks, "TIME_TO_BE_KILLED", 0.05)
    monkeypatch.setattr(_leaks, "_may_hang", set())
    gate, begun = threading.Event(), threading.Event()

    class Hangs(pykka.ThreadingActor):
        def on_receive(self, message: Any) -> None:
            begun.set()
            gate.wait()

    check = _leaks.LeakCheck()
    Hangs.start().tell("go")
    begun.wait()
    (said,) = check.end()
    assert said.startswith("Hangs (urn:uuid:")
    assert "which hangs at " in said
    (thread,) = _leaks.hanging_threads()
    gate.set()
    thread.join()


# --- dead letters -------------------------------------------------------------------------------

LETTERS = (
    ACTORS
    + """
def lose(system):
    ref = system.start(Echo)
    gate = threading.Event()
    class Waits(pykka.ThreadingActor):
        def on_receive(self, message):
            gate.wait()
    ref = system.start(Waits)
    ref.tell("first")
    ref.tell("second")
    ref.kill(block=False)
    gate.set()

def test_that_loses_one(actor_system):
    lose(actor_system)

@pytest.mark.pykka(dead_letters=True)
def test_that_says_so(actor_system):
    lose(actor_system)

@pytest.mark.pykka(dead_letters=True)
def test_that_loses_none(actor_system):
    echo = actor_system.start(Echo)
    for _ in range(10):
        echo.tell("hello")

@pytest.mark.pykka(dead_letters=False, leaks=False)
def test_that_may():
    lose(pykka.ActorSystem.default())
    pykka.ActorRegistry.stop_all()

def test_in_the_default_system():
    lose(pykka.ActorSystem.default())
    pykka.ActorRegistry.stop_all()
"""
)


def test_who_loses_a_message_fails_if_that_is_wanted(outcomes: Run) -> None:
    found, said = outcomes(LETTERS)
    assert [name for name, word in found.items() if word == "ERROR"] == ["test_that_says_so"]
    assert "never handles 'second': stopped before handling the message" in said
    assert "'hello'" not in said

    found, _said = outcomes(LETTERS, "--pykka-dead-letters")
    assert [name for name, word in found.items() if word == "ERROR"] == [
        "test_that_loses_one",
        "test_that_says_so",
        "test_in_the_default_system",
    ]


def test_an_actor_that_does_not_stop_in_time_is_named(
    outcomes: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_checks, "TIME_TO_STOP", 0.2)
    source = (
        ACTORS
        + """
import atexit
gate = threading.Event()

class Slow(pykka.ThreadingActor):
    def on_receive(self, message):
        message.set()
        gate.wait()

def begin(system):
    begun = threading.Event()
    system.start(Slow).tell(begun)
    begun.wait()

@pytest.fixture
def opens():
    yield
    gate.set()

def test_that_does_not_end(opens, actor_system):
    begin(actor_system)

@pytest.mark.pykka(leaks=False)
def test_that_need_not(opens, actor_system):
    gate.clear()
    begin(actor_system)
"""
    )
    found, said = outcomes(source)
    assert found == {"test_that_does_not_end": "ERROR", "test_that_need_not": "PASSED"}
    assert "did not stop" in said or "not all actors" in said


# --- other plug-ins -----------------------------------------------------------------------------

ASYNC = """
import pykka

class Echo(pykka.AsyncioActor):
    def __init__(self, to):
        super().__init__()
        self.to = to
    async def on_receive(self, message):
        self.to.tell(message)
        return message

{mark}
async def test_that_awaits(actor_system, probe, manual_clock):
    echo = actor_system.start(Echo, probe.ref)
    assert await echo.ask("hello", block=False) == "hello"
    assert await asyncio.to_thread(probe.expect, "hello") == "hello"
"""


@pytest.mark.parametrize(
    ("module", "plugin", "mark"),
    [
        ("anyio", "anyio.pytest_plugin", "@pytest.mark.anyio"),
        ("pytest_asyncio", "pytest_asyncio.plugin", "@pytest.mark.asyncio"),
    ],
)
@pytest.mark.parametrize("simulated", [False, True])
def test_it_works_with_plug_ins_that_await(
    tmp_path: Path, module: str, plugin: str, mark: str, simulated: bool
) -> None:
    if find_spec(module) is None:
        pytest.skip(f"{module} is not installed")
    source = "import asyncio\nimport pytest\n" + ASYNC.format(mark=mark)
    if module == "anyio":
        source += "\n@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n"
    options = ["--pykka-simulate=3"] if simulated else []
    done = run_pytest(tmp_path, source, "-p", plugin, *options)
    assert done.returncode == 0, done.stdout


@pytest.mark.exhaustive
def test_it_works_on_several_processes(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, LEAKS, "-p", "xdist", "-n", "2")
    assert done.stdout.count("ERROR test_them.py::") == 1
    assert "left an actor behind: Echo" in done.stdout
