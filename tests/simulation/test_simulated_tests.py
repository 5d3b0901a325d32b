"""Existing tests, simulated by an option of pytest, with their fixtures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.leaks import PATIENCE
from tests.simulation import programs
from tests.testing.plugins import outcomes as outcomes  # noqa: PLC0414 (a fixture)

import pykka
from pykka import simulation
from pykka.simulation._engine import _greenlets

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., tuple[dict[str, str], str]]

pytest_plugins = ["pytester"]

CARRIERS = [
    pytest.param(
        "greenlet",
        marks=pytest.mark.skipif(
            not _greenlets.can_be_used(), reason="greenlet is not installed, or cannot be used"
        ),
    ),
    "thread",
]

TESTS = """
import contextlib
import threading
import pykka
import pytest
import pykka
from pykka import simulation
from tests.leaks import PATIENCE
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

def test_with_an_actor_of_a_fixture(node):
    assert node.proxy().go().get() == 1

@pytest.fixture(scope="module")
def outside():
    ref = programs.Answers.start()
    yield ref
    ref.stop()

def test_with_a_real_actor(outside):
    assert outside.proxy().go().get() == 1

@simulation.test(runs=3)
def test_that_is_simulated_anyhow():
    programs.no_deadlock()

def test_of_the_kit(actor_system, probe):
    actor_system.start(programs.Forwarder, probe.ref).tell("hello")
    probe.expect("forwarded")
    probe.expect_none()

class Late(pykka.ThreadingActor):
    def on_receive(self, message):
        raise ValueError(message)

def stops_in_time():
    ref = Late.start()
    def tell():
        with contextlib.suppress(pykka.ActorDeadError):
            ref.tell("late")
    thread = threading.Thread(target=tell)
    thread.start()
    ref.stop()
    thread.join()

def test_that_fails_in_some_orders():
    stops_in_time()

@pytest.mark.pykka(allow=[ValueError])
def test_that_may_fail_in_some_orders():
    stops_in_time()
"""


def test_each_test_is_simulated_if_that_is_wanted(outcomes: Run) -> None:
    found, said = outcomes(TESTS, "--pykka-simulate=50")
    assert found == {
        "test_that_has_a_mistake": "FAILED",
        "test_that_has_none": "PASSED",
        "test_that_awaits": "PASSED",
        "test_with_arguments[1]": "PASSED",
        "test_with_arguments[2]": "PASSED",
        "test_with_an_actor_of_a_fixture": "PASSED",
        "test_with_a_real_actor": "FAILED",
        "test_that_is_simulated_anyhow": "PASSED",
        "test_of_the_kit": "PASSED",
        "test_that_fails_in_some_orders": "FAILED",
        "test_that_may_fail_in_some_orders": "PASSED",
    }, said
    assert "TIME PASSES EARLY" in said
    assert "lives outside of this simulated run" in said


def test_the_line_that_is_printed_makes_the_run_again(outcomes: Run) -> None:
    _found, said = outcomes(TESTS, "--pykka-simulate=50", "-k", "mistake")
    again = said.rpartition("again:  pytest '")[2]
    option = again.partition("' ")[2].split()[0]
    assert option.startswith("--pykka-replay=")
    found, said = outcomes(TESTS, option.replace("'", ""), "-k", "mistake or none")
    assert found == {"test_that_has_a_mistake": "FAILED", "test_that_has_none": "PASSED"}
    assert "a reply while failed" in said


@pytest.mark.exhaustive
def test_without_the_option_nothing_is(outcomes: Run) -> None:
    found, _said = outcomes(TESTS, "-k", "not awaits")
    assert list(found.values()).count("PASSED") == 10


FIXTURES = """
import logging
import threading
import time
import unittest
import pykka
import pytest
from pykka._util.thread_state import current

made = []

@pytest.fixture(scope="session")
def shared():
    made.append("shared")
    yield len(made)

@pytest.fixture
def own(shared):
    made.append("own")
    yield threading.Event()
    made.append("end of own")

class Logs(pykka.ThreadingActor):
    def on_receive(self, message):
        logging.getLogger("mine").warning("it says %s", message)
        if message == "fail":
            raise ValueError(message)

def test_fixtures_are_made_in_each_run(own, shared, request):
    assert request.node.name == "test_fixtures_are_made_in_each_run"
    assert shared == 1
    threading.Thread(target=own.set).start()
    assert own.wait(5)
    before = time.monotonic()
    time.sleep(86400)
    assert time.monotonic() == before + 86400

def test_how_often_they_were_made():
    assert made.count("shared") == 1
    assert made.count("own") == made.count("end of own") == 4  # the usual run, and three

def test_what_is_logged_is_seen_once(caplog, monkeypatch, capsys):
    monkeypatch.setattr(Logs, "use_daemon_thread", True)
    ref = Logs.start()
    ref.ask("hello")
    assert [each.getMessage() for each in caplog.records] == ["it says hello"]
    print("hello")
    assert capsys.readouterr().out == "hello\\n"
    assert Logs.use_daemon_thread
    ref.stop()

def test_an_actor_may_fail_if_it_always_does(caplog):
    ref = Logs.start()
    ref.tell("fail")
    ref.when_terminated().get()
    assert "Unhandled exception" in caplog.text

def test_that_is_skipped(own):
    pytest.skip("not here")

def test_that_is_to_fail(own):
    pytest.xfail("not yet")

class TestOfAClass:
    def setup_method(self):
        self.numbers = []

    def test_an_instance_for_each_run(self):
        self.numbers.append(1)
        assert self.numbers == [1]

class TestOfUnittest(unittest.TestCase):
    def test_runs_as_usual(self):
        assert getattr(current.state.world, "scheduler", None) is None

@pytest.fixture
def breaks():
    raise OSError("no disk")

def test_with_a_fixture_that_breaks(breaks):
    pass

@pytest.fixture
def breaks_late():
    yield
    raise OSError("no disk left")

def test_with_a_fixture_that_breaks_late(breaks_late):
    pass

@pytest.fixture
def waits_late():
    ref = Logs.start()
    yield ref
    ref.stop()

def test_that_hangs(waits_late, own):
    own.wait()

def test_after_that(own, waits_late):
    waits_late.ask("hello")
"""


def test_fixtures_are_made_anew_within_each_run(outcomes: Run) -> None:
    found, said = outcomes(FIXTURES, "--pykka-simulate=3")
    assert found == {
        "test_fixtures_are_made_in_each_run": "PASSED",
        "test_how_often_they_were_made": "PASSED",
        "test_what_is_logged_is_seen_once": "PASSED",
        "test_an_actor_may_fail_if_it_always_does": "PASSED",
        "test_that_is_to_fail": "XFAIL",
        "TestOfAClass::test_an_instance_for_each_run": "PASSED",
        "TestOfUnittest::test_runs_as_usual": "PASSED",
        "test_with_a_fixture_that_breaks": "FAILED",
        "test_with_a_fixture_that_breaks_late": "FAILED",
        "test_that_hangs": "FAILED",
        "test_after_that": "PASSED",
    }, said
    assert "1 skipped" in said
    assert "main waits for ever, at File" in said
    assert "no disk left" in said


def test_an_actor_outside_of_the_run_is_named() -> None:
    outside = programs.Answers.start()
    try:
        result = simulation.run(lambda: outside.proxy().go().get())
        assert isinstance(result.findings[0].error, simulation.NotSimulatedError)
        assert "Answers" in result.findings[0].text
    finally:
        outside.stop()


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("way", ["ask", "call", "timeout", "loop"])
def test_a_pooled_actor_outside_of_the_run_is_refused(way: str, carrier: str) -> None:
    outside = programs.Node.start()
    outside.ask(0)  # now it is idle, and a thread that asks could run it

    def ask_for_an_attribute() -> int:
        return int(outside.proxy().count.get())

    async def ask_in_a_loop() -> None:
        outside.ask(0)

    ways = {
        "ask": lambda: outside.ask(0),
        "call": ask_for_an_attribute,
        "timeout": lambda: outside.ask(0, timeout=5),
        "loop": ask_in_a_loop,
    }
    try:
        result = simulation.run(ways[way], carrier=carrier)  # type: ignore[arg-type]
        for found in result.findings:
            assert isinstance(found.error, simulation.NotSimulatedError)
            assert "lives outside of this simulated run" in found.text
        # A call is answered out there, perhaps before it is waited for.
        assert len(result.findings) == 1 or (way == "call" and not result.findings)
        assert outside.ask(0) > 0  # and it is as it was to the real world
    finally:
        outside.stop()


@pytest.mark.parametrize("number", ["-1", "many"])
def test_the_option_is_a_number_of_runs(outcomes: Run, number: str) -> None:
    found, _said = outcomes(TESTS, f"--pykka-simulate={number}")
    assert found == {}


@pytest.mark.parametrize("carrier", CARRIERS)
def test_what_is_sent_to_an_actor_outside_of_the_run_is_handled_there(carrier: str) -> None:
    """By a thread of its pool, which has none so far."""
    dispatcher = pykka.Dispatcher("outside")
    outside = programs.Node.options(dispatcher=dispatcher).start()
    simulation.run(lambda: outside.tell(0), carrier=carrier).check()  # type: ignore[arg-type]
    assert outside.ask(0, timeout=PATIENCE) == 2
    outside.stop()
