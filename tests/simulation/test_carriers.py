"""What stacks a simulated program runs on makes no difference to what it does."""

from __future__ import annotations

import os
import signal
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE
from tests.simulation import programs
from tests.simulation.test_loops import asks_from_outside, runs_a_loop_in_a_handler
from tests.tiers import repetitions

import pykka
from pykka import simulation
from pykka.simulation._engine import _greenlets

if TYPE_CHECKING:
    from collections.abc import Callable

needs_greenlet = pytest.mark.skipif(
    not _greenlets.can_be_used(), reason="greenlet is not installed, or cannot be used"
)

MAINS: list[Callable[[], Any]] = [
    *programs.ACCUSED.values(),
    programs.asks,
    asks_from_outside,
    runs_a_loop_in_a_handler,
]


@needs_greenlet
@pytest.mark.parametrize("main", MAINS)
def test_both_kinds_make_the_same_runs(main: Callable[[], Any]) -> None:
    for seed in range(repetitions(38)):
        one = simulation.run(main, seed=seed, carrier="greenlet")
        other = simulation.run(main, seed=seed, carrier="thread")
        assert one.trace == other.trace
        assert [str(each) for each in one.findings] == [str(each) for each in other.findings]


@needs_greenlet
def test_two_strands_read_one_derived_future() -> None:
    def main() -> None:
        class Reads(pykka.ThreadingActor):
            def on_receive(self, message: Any) -> Any:
                return message.get()

        number = programs.Node.start().ask(0, block=False)
        derived = number.map(lambda value: value + programs.Node.start().ask(0))
        futures = [Reads.start().ask(derived, block=False) for _ in range(2)]
        assert pykka.get_all(futures) == [2, 2]

    simulation.explore(main, runs=50, carrier="greenlet").check()


class Receives(pykka.ThreadingActor):
    def on_receive(self, message: socket.socket) -> bytes:
        return message.recv(1)


@needs_greenlet
def test_a_read_from_a_socket_is_interrupted_and_named() -> None:
    one, other = socket.socketpair()
    with one, other:
        result = simulation.run(lambda: Receives.start().ask(one), patience=0.1)
    assert [each.kind for each in result.findings] == ["real wait"]
    assert "Receives-0" in result.findings[0].text
    assert "in on_receive" in result.findings[0].text
    assert result.has_come_back


@needs_greenlet
def test_ctrl_c_ends_the_run_and_strikes_no_actor() -> None:
    struck: list[BaseException] = []

    class Interrupts(pykka.ThreadingActor):
        def on_receive(self, message: Any) -> None:
            os.kill(os.getpid(), signal.SIGINT)

        def on_failure(self, *failure: Any) -> None:
            struck.append(failure[1])

    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGURG)
    with pytest.raises(KeyboardInterrupt):
        simulation.run(lambda: Interrupts.start().ask("go"))
    assert struck == []
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGURG)) == before
    simulation.run(programs.tells).check()


def test_on_other_threads_carriers_are_threads() -> None:
    results: list[Any] = []

    def make_a_run() -> None:
        results.append(simulation.run(programs.tells))
        with pytest.raises(simulation.NotSimulatedError, match=r"pykka\[simulation\]"):
            simulation.run(programs.tells, carrier="greenlet")

    thread = threading.Thread(target=make_a_run)
    thread.start()
    thread.join(PATIENCE)
    assert results[0].findings == []


def test_without_greenlet_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_greenlets, "greenlet", None)
    with pytest.raises(simulation.NotSimulatedError, match="pip install"):
        simulation.run(programs.tells, carrier="greenlet")
    simulation.run(programs.tells).check()


def test_there_are_two_kinds() -> None:
    wrong: Any = "fiber"
    with pytest.raises(ValueError, match="'greenlet', 'thread' or None"):
        simulation.run(programs.tells, carrier=wrong)
