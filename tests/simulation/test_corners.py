"""What seldom happens in a run, or to those who make runs."""

from __future__ import annotations

import gc
import logging
import sys
import threading
import time
import weakref
from typing import Any

import pytest
from tests.simulation import programs

import pykka
from pykka import simulation
from pykka.simulation._explore import explore_test
from pykka.supervision import ChildSpec, Supervisor


def test_results_and_explorations_say_what_they_are() -> None:
    assert repr(simulation.run(dict)) == "<simulation.Result '0': nothing found>"
    found = simulation.explore(programs.tells, runs=2)
    assert repr(found) == "<simulation.Exploration of tells: 2 runs, nothing found>"
    assert found.report().splitlines()[0] == "passed tells"
    found = simulation.explore(programs.lost_update, runs=100)
    assert "runs, exception in the program: AssertionError" in repr(found)


def test_nothing_is_new_about_two_settles() -> None:
    def main(sim: simulation.Simulation) -> None:
        sim.settle()
        sim.settle()

    simulation.run(main).check()


def test_an_invariant_that_is_false_is_told() -> None:
    def main(sim: simulation.Simulation) -> None:
        sim.always(lambda: False)
        programs.Account.start().proxy().read().get()

    (found,) = simulation.run(main).findings
    assert (found.kind, found.text) == ("invariant", "<lambda>: it is False")


@pytest.mark.parametrize(
    "said", [{"exhaustive": True, "seed": 3}, {"exhaustive": True, "quiet": 3}]
)
def test_nothing_is_left_to_chance_where_all_is_tried(said: Any) -> None:
    with pytest.raises(ValueError, match="leaves nothing to chance"):
        simulation.explore(programs.tells, **said)


def test_an_exploration_that_is_not_finished_says_so() -> None:
    found = simulation.explore(programs.three_tellers, exhaustive=True, runs=3)
    with pytest.raises(simulation.SimulationFailedError, match="not finished after"):
        found.check()


def test_a_failure_of_an_exhaustive_exploration_is_told() -> None:
    found = simulation.explore(programs.lost_update, exhaustive=True, runs=200)
    with pytest.raises(simulation.SimulationFailedError, match=r"again:  simulation\.run"):
        found.check()


def test_a_program_of_another_length_is_not_deterministic() -> None:
    lengths = iter([1, 3])

    def main() -> None:
        node = programs.Node.start()
        for _ in range(next(lengths)):
            node.tell(0)

    found = simulation.explore(main, runs=1)
    assert found.failure is not None
    assert found.failure.findings[0].kind == "not deterministic"
    found = simulation.explore(main, runs=1, allow={"differences"})
    assert found.failure is None or found.failure.findings[0].kind != "not deterministic"


def test_a_built_in_function_can_be_simulated() -> None:
    assert simulation.run(dict).value == {}


def test_an_actor_that_goes_on_and_one_that_ends_are_seen_in_the_trace() -> None:
    def main() -> None:
        boss = Supervisor.start([ChildSpec("account", programs.Account)])
        boss.proxy().get_child("account").get().proxy().read().get()
        boss.stop()

    said = "\n".join(map(str, simulation.run(main).trace))
    assert "Supervisor-0 ends" in said


def test_time_may_stand_still() -> None:
    def main(sim: simulation.Simulation) -> float:
        sim.advance(0)
        return time.monotonic()

    assert simulation.run(main).value == 0


def test_ctrl_c_in_a_run_on_threads_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from pykka.simulation._engine import _carriers  # noqa: PLC0415

    waits: list[float] = []
    real = _carriers.ThreadCarrier.wait

    def wait(self: Any, seconds: float) -> bool:
        waits.append(seconds)
        if len(waits) == 1:
            raise KeyboardInterrupt
        return real(self, seconds)

    monkeypatch.setattr(_carriers.ThreadCarrier, "wait", wait)
    with pytest.raises(KeyboardInterrupt):
        simulation.run(programs.asks, carrier="thread")
    simulation.run(programs.asks, carrier="thread").check()


def test_ctrl_c_while_a_run_hangs_gives_it_up(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading  # noqa: PLC0415

    from pykka.simulation._engine import _carriers  # noqa: PLC0415

    gate, waits = threading.Event(), []
    real = _carriers.ThreadCarrier.wait

    def wait(self: Any, seconds: float) -> bool:
        waits.append(seconds)
        if len(waits) == 1:
            raise KeyboardInterrupt
        return real(self, 0.05)

    class Waits(pykka.ThreadingActor):
        def on_receive(self, message: Any) -> None:
            gate.wait()

    monkeypatch.setattr(_carriers.ThreadCarrier, "wait", wait)
    with pytest.raises(KeyboardInterrupt):
        simulation.run(lambda: Waits.start().ask("wait"), carrier="thread")
    gate.set()


def test_no_actor_of_another_runtime_is_simulated() -> None:
    from tests.toy_runtime import BurstActor  # noqa: PLC0415

    result = simulation.run(BurstActor.start)
    assert isinstance(result.findings[0].error, simulation.NotSimulatedError)


@pytest.mark.parametrize("carrier", [None, "thread"])
def test_who_sends_and_sends_is_given_up(carrier: Any, untraced: None) -> None:
    stop: list[bool] = []

    class Sends(pykka.ThreadingActor):
        def on_receive(self, message: Any) -> None:
            while not stop:
                self.actor_ref.tell(message)

    result = simulation.run(lambda: Sends.start().ask("go"), patience=0.1, carrier=carrier)
    stop.append(True)
    assert [each.kind for each in result.findings] == ["real wait"]
    assert "it computes for ever" in result.findings[0].text


@pytest.mark.parametrize("carrier", [None, "thread"])
def test_who_computes_where_exceptions_are_swallowed_is_given_up(
    carrier: Any, untraced: None, recwarn: pytest.WarningsRecorder
) -> None:
    stop: list[bool] = []

    class Endless:
        def __del__(self) -> None:
            while not stop:
                pass

    class Drops(pykka.ThreadingActor):
        def on_receive(self, message: Any) -> None:
            Endless()

    told: list[Any] = []
    before, sys.unraisablehook = sys.unraisablehook, told.append
    hook = sys.unraisablehook
    try:
        result = simulation.run(lambda: Drops.start().ask("go"), patience=0.1, carrier=carrier)
        assert sys.unraisablehook == hook
    finally:
        sys.unraisablehook = before
        stop.append(True)
    assert [each.kind for each in result.findings] == ["real wait"]
    assert told == []


def test_a_test_that_is_simulated_has_time_while_timers_ring_early() -> None:
    class Slow(pykka.ThreadingActor):
        def on_receive(self, message: Any) -> Any:
            programs.Node.start().ask(0, timeout=1)
            return message

    def main() -> None:
        slow = Slow.start()
        assert slow.ask("patient", timeout=1) == "patient"

    assert explore_test(main, runs=60).failure is None
    assert simulation.explore(main, runs=60).failure is not None
    assert explore_test(programs.timer_and_reply, runs=60).failure is not None


def test_a_full_inbox_costs_the_trace_no_more_than_an_empty_one() -> None:
    def main() -> None:
        node = programs.Node.start()
        for _ in range(300):
            node.tell(0)

    lines = [each.text for each in simulation.run(main, preemption=0.0).trace]
    assert lines.count("Node-0 looks for its next message") == 200
    assert lines.count("Node-0 handles 0") == 100


def test_where_an_actor_hangs_is_known_if_it_is_abandoned() -> None:
    class Hangs(pykka.ThreadingActor):
        def on_receive(self, message: Any) -> None:
            message.set()
            pykka.ThreadingFuture[None]().get(timeout=1_000)

    def main() -> None:
        ref, begun = Hangs.start(), threading.Event()
        ref.tell(begun)
        begun.wait()
        ref.kill(abandon_after=1)
        reason = ref.when_terminated().get()
        assert isinstance(reason, pykka.Abandoned)
        assert reason.place is not None
        assert reason.place.function == "on_receive"

    simulation.explore(main, runs=20, haste=0.0).check()


class Fails(pykka.ThreadingActor):
    def on_receive(self, message: Any) -> None:
        raise message


def test_a_test_may_wait_until_an_actor_that_has_failed_is_freed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pykka, "crash_hook", None)
    monkeypatch.setattr(logging.getLogger("pykka"), "disabled", True)

    def main() -> None:
        ref = Fails.start()
        freed = weakref.ref(ref._actor)
        ref.tell(ValueError("text"))
        ref.when_terminated().get()
        gc.collect()
        assert freed() is None

    assert explore_test(main, runs=5).failure is None


class OddError(Exception):
    """Cannot be copied."""

    def __str__(self) -> str:
        return str(id(self))


@pytest.mark.parametrize("error", [ValueError("text"), OddError()])
def test_where_an_actor_has_failed_is_seen_all_the_same(error: Exception) -> None:
    def main() -> None:
        Fails.start().tell(error)
        pykka.ActorRegistry.stop_all()
        raise AssertionError

    result: Any = explore_test(main, runs=1).failure
    found = result.findings[0].error
    assert type(found) is type(error)
    if found is error:
        assert found.__traceback__ is not None
        assert type(error) is OddError
    else:
        assert found.__traceback__ is None
        assert "in on_receive" in found.__notes__[0]


def test_a_failure_that_does_not_come_again_is_told_as_it_was() -> None:
    times: list[None] = []

    def main() -> None:
        times.append(None)
        assert len(times) != 3

    failure: Any = explore_test(main, runs=3).failure
    assert [each.kind for each in failure.findings] == ["exception in the program"]
