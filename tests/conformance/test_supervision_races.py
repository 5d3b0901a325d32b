"""Supervisors: what happens to a plan while it stops, waits or starts children."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import Gate, needs
from tests.conformance.supervised import calls_in_turn, crash, instance
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka._lifecycle.kill import PART_FOR_THE_END, STOP_TIMEOUT
from pykka.resilience._backoff import Backoff
from pykka.supervision import ChildSpec, ChildStartError, Supervisor

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from tests.conformance.agents import Diary
    from tests.conformance.supervised import Office, Offices

    from pykka.timers import ManualClock

pytestmark = [pytest.mark.thinned, pytest.mark.usefixtures("witness")]

GRACE = STOP_TIMEOUT * PART_FOR_THE_END
"""The seconds that a killed actor has for its end."""


PAUSE = Backoff(minimum=10, maximum=10, jitter=0)

STOPPING, WAITING, STARTING = "stopping", "waiting", "starting"
PHASES = [STOPPING, WAITING, STARTING]

blocking = needs("blocking handlers")


class Held:
    """Two children, of which `a` has failed; and their plan is held in one of its phases.

    While it stops, it is held by `b`, which is taken down; while it starts, by `a`.
    """

    def __init__(
        self,
        offices: Offices,
        system: pykka.ActorSystem,
        clock: ManualClock,
        phase: str,
    ) -> None:
        self.gate = Gate()
        self.clock = clock
        self.phase = phase
        self.diary = offices.diary
        a_hooks: dict[str, Any] = {}
        b_hooks: dict[str, Any] = {}
        if phase == STARTING:
            a_hooks["on_start"] = calls_in_turn(None, self.gate)
        elif phase == STOPPING:
            b_hooks["on_stop"] = calls_in_turn(self.gate)
        else:
            a_hooks["backoff"] = PAUSE
        self.office = offices.start(
            offices.spec("a", shutdown="infinity", **a_hooks),
            offices.spec("b", shutdown="infinity", **b_hooks),
            strategy="one_for_all",
            system=system,
        )
        self.a, self.b = self.office.child("a"), self.office.child("b")
        self.a.tell(crash)
        if phase == WAITING:
            wait_until(lambda: clock.pending == 1, "the plan waits")
        else:
            self.gate.wait_until_entered()

    def release(self) -> None:
        """Have the plan go on."""
        self.gate.open()
        if self.phase == WAITING:
            self.clock.advance(10)

    def has_come_back(self, name: str, former: Any) -> bool:
        """Tell whether all run, and one with a new ref; every pause is over by then."""
        self.clock.advance(10)
        is_new = self.office.child(name) not in (None, former)
        return is_new and set(self.office.states().values()) == {"running"}


@pytest.fixture(params=PHASES)
def held(
    request: pytest.FixtureRequest,
    offices: Offices,
    system: pykka.ActorSystem,
    clock: ManualClock,
) -> Iterator[Held]:
    """A plan that is held in each of its phases."""
    held = Held(offices, system, clock, request.param)
    yield held
    held.gate.open()


def instances(held: Held) -> dict[str, int]:
    return held.diary.instances


# --- the supervisor ends ------------------------------------------------------------------------


@blocking
@pytest.mark.parametrize("how", ["stop", "kill"])
def test_the_supervisor_ends_in_the_middle_of_a_plan(held: Held, how: str) -> None:
    ended = getattr(held.office.ref, how)(block=False)
    wait_until(lambda: held.office.ref._cell.stopped, "the supervisor ends")
    held.gate.open()
    assert ended.get(timeout=PATIENCE) is True
    assert not held.a.is_alive()
    assert not held.b.is_alive()
    assert held.clock.pending == 0
    assert instances(held) == {"a": 2 if held.phase == STARTING else 1, "b": 1}
    hooks = held.diary.rest()
    assert hooks.count(("b", "on_stop")) == 1
    assert hooks.count(("a", "on_failure")) == 1


@blocking
def test_the_supervisor_is_abandoned_in_the_middle_of_a_plan(held: Held) -> None:
    held.office.ref.kill(abandon_after=1, block=False)
    wait_until(lambda: held.office.ref._cell.stopped, "it is killed")
    held.clock.advance(1)
    held.clock.advance(STOP_TIMEOUT)
    held.clock.advance(GRACE)
    assert not held.a.is_alive()
    assert not held.b.is_alive()
    held.gate.open()
    for ref in (held.office.ref, held.a, held.b):
        ref.when_terminated().get(timeout=PATIENCE)
    assert pykka.ActorRegistry.get_all() == []


@blocking
def test_a_stop_comes_through_while_the_supervisors_own_supervisor_restarts_it(
    offices: Offices, gate: Gate
) -> None:
    tree = ChildSpec("tree", Supervisor, [[offices.spec("a", on_stop=gate)]], {"max_restarts": 0})
    office = offices.start(tree, "b", strategy="one_for_all")
    inner = office.child("tree")
    office.child("b").tell(crash)
    gate.wait_until_entered()
    stopped = office.ref.stop(block=False)
    wait_until(lambda: office.ref._cell.stopped, "the supervisor ends")
    gate.open()
    assert stopped.get(timeout=PATIENCE) is True
    assert not inner.is_alive()
    assert offices.diary.instances == {"a": 1, "b": 1}


# --- children end meanwhile ---------------------------------------------------------------------


@blocking
@pytest.mark.parametrize("name", ["a", "b"])
def test_a_child_is_killed_by_others_in_the_middle_of_a_plan(held: Held, name: str) -> None:
    ref = held.office.child(name)
    ref.kill(abandon_after=None, block=False)
    wait_until(lambda: not ref.is_alive(), "it is killed")
    held.release()
    ref.when_terminated().get(timeout=PATIENCE)
    wait_until(lambda: held.has_come_back(name, ref), "it has come back with a new ref")
    assert held.office.child(name).ask(instance, timeout=PATIENCE) >= 2
    other = "b" if name == "a" else "a"
    assert held.office.child(other).ask(instance, timeout=PATIENCE) >= 2


@blocking
@pytest.mark.parametrize("name", ["a", "b"])
def test_a_child_is_stopped_by_others_in_the_middle_of_a_plan(held: Held, name: str) -> None:
    ref = held.office.child(name)
    stopped = ref.stop(block=False)
    held.release()
    assert stopped.get(timeout=PATIENCE) is True
    wait_until(lambda: held.has_come_back(name, ref), "it has come back with a new ref")


@blocking
def test_a_sibling_that_fails_while_it_is_to_be_taken_down_counts_for_nothing(
    offices: Offices, gate: Gate
) -> None:
    office = offices.start(
        "a", "b", offices.spec("c", on_stop=calls_in_turn(gate)), strategy="one_for_all"
    )
    b = office.child("b")
    office.child("a").tell(crash)
    gate.wait_until_entered()
    b.tell(crash)
    wait_until(lambda: b._cell.extension.down, "it is down, too")
    gate.open()
    wait_until(lambda: offices.diary.instances == {"a": 2, "b": 2, "c": 2}, "all are restarted")
    office.wait_for(a="running", b="running", c="running")
    assert office.proxy.restarts().get(timeout=PATIENCE) == 1


@blocking
@pytest.mark.parametrize("restart", ["permanent", "transient"])
@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_sibling_that_ends_while_it_is_to_be_taken_down_counts_for_nothing(
    offices: Offices, gate: Gate, restart: Any, how: str
) -> None:
    office = offices.start(
        "a",
        offices.spec("b", restart=restart),
        offices.spec("c", on_stop=calls_in_turn(gate)),
        strategy="one_for_all",
    )
    b = office.child("b")
    office.child("a").tell(crash)
    gate.wait_until_entered()
    getattr(b, how)(block=False)
    b.when_terminated().get(timeout=PATIENCE)
    gate.open()
    wait_until(lambda: offices.diary.instances == {"a": 2, "b": 2, "c": 2}, "all are restarted")
    office.wait_for(a="running", b="running", c="running")
    assert office.proxy.restarts().get(timeout=PATIENCE) == 1


@blocking
def test_a_temporary_sibling_that_ends_while_it_is_to_be_taken_down_is_forgotten(
    offices: Offices, gate: Gate
) -> None:
    office = offices.start(
        "a",
        offices.spec("b", restart="temporary", significant=True),
        offices.spec("c", on_stop=calls_in_turn(gate)),
        strategy="one_for_all",
        auto_shutdown="any_significant",
    )
    b = office.child("b")
    office.child("a").tell(crash)
    gate.wait_until_entered()
    b.stop(timeout=PATIENCE)
    gate.open()
    wait_until(lambda: offices.diary.instances == {"a": 2, "b": 1, "c": 2}, "all are restarted")
    office.wait_for(a="running", c="running")
    assert list(office.states()) == ["a", "c"]


@blocking
def test_a_failure_before_those_that_are_being_started_begins_a_new_plan(
    offices: Offices, diary: Diary, gate: Gate
) -> None:
    office = offices.start(
        "a", "b", offices.spec("c", on_start=calls_in_turn(None, gate)), strategy="rest_for_one"
    )
    a = office.child("a")
    office.child("b").tell(crash)
    gate.wait_until_entered()
    a.tell(crash)
    wait_until(lambda: a._cell.extension.down, "it is down")
    gate.open()
    wait_until(lambda: diary.instances == {"a": 2, "b": 3, "c": 3}, "all are restarted")
    office.wait_for(a="running", b="running", c="running")
    assert office.proxy.restarts().get(timeout=PATIENCE) == 2


@blocking
def test_a_failure_among_those_that_were_just_started_begins_a_new_plan(
    offices: Offices, diary: Diary, gate: Gate
) -> None:
    office = offices.start(
        "a", "b", offices.spec("c", on_start=calls_in_turn(None, gate)), strategy="rest_for_one"
    )
    a, b = office.child("a"), office.child("b")
    a.tell(crash)
    gate.wait_until_entered()
    b.tell(crash)
    wait_until(lambda: b._cell.extension.down, "it is down")
    gate.open()
    wait_until(lambda: diary.instances == {"a": 2, "b": 3, "c": 3}, "they are restarted")
    office.wait_for(a="running", b="running", c="running")
    a.tell(crash)
    wait_until(lambda: diary.instances == {"a": 3, "b": 4, "c": 4}, "all are restarted")


def test_a_failure_before_those_that_wait_takes_them_over(
    offices: Offices, diary: Diary, clock: ManualClock, system: pykka.ActorSystem
) -> None:
    office = offices.start(
        "a", offices.spec("b", backoff=PAUSE), "c", system=system, strategy="rest_for_one"
    )
    c = office.child("c")
    office.child("b").tell(crash)
    wait_until(lambda: clock.pending == 1 and c._cell.extension.down, "they wait")
    office.child("a").tell(crash)
    wait_until(lambda: diary.instances == {"a": 2, "b": 2, "c": 2}, "all are restarted")
    office.wait_for(a="running", b="running", c="running")
    assert clock.pending == 0
    clock.advance(100)
    office.wait_for(a="running", b="running", c="running")
    assert diary.instances == {"a": 2, "b": 2, "c": 2}


# --- the supervisor is asked for something meanwhile --------------------------------------------


@blocking
def test_a_child_is_added_in_the_middle_of_a_plan(held: Held, offices: Offices) -> None:
    ref = held.office.proxy.add_child(offices.spec("c")).get(timeout=PATIENCE)
    assert ref.ask(instance, timeout=PATIENCE) == 1
    held.release()
    wait_until(lambda: instances(held)["b"] == 2, "the plan is carried out")
    held.office.wait_for(a="running", b="running", c="running")
    assert ref.ask(instance, timeout=PATIENCE) == 1


@blocking
@pytest.mark.parametrize("name", ["a", "b"])
def test_a_child_is_terminated_in_the_middle_of_a_plan(held: Held, name: str) -> None:
    ref = held.office.child(name)
    terminated = held.office.proxy.terminate_child(name)
    cell = ref._cell
    wait_until(lambda: cell.count() or not cell.extension.supervision.restarts, "it is to end")
    held.gate.open()
    terminated.get(timeout=PATIENCE)
    assert not ref.is_alive()
    assert held.office.states()[name] == "stopped"
    if held.phase == WAITING:
        held.clock.advance(10)
    other = "b" if name == "a" else "a"
    held.office.wait_for(**{name: "stopped", other: "running"})
    assert held.office.child(other).ask(instance, timeout=PATIENCE) == 2
    held.office.proxy.restart_child(name).get(timeout=PATIENCE)
    held.office.wait_for(a="running", b="running")


@blocking
@pytest.mark.parametrize("method", ["restart_child", "delete_child"])
@pytest.mark.parametrize("name", ["a", "b"])
def test_a_child_is_neither_restarted_nor_deleted_in_the_middle_of_a_plan(
    held: Held, method: str, name: str
) -> None:
    state = held.office.info()[name].state
    assert state in ("stopping", "restarting")
    with pytest.raises(RuntimeError, match=f"the child '{name}' of .* is {state}; terminate"):
        getattr(held.office.proxy, method)(name).get(timeout=PATIENCE)
    held.release()
    wait_until(lambda: instances(held)["b"] == 2, "the plan is carried out")
    held.office.wait_for(a="running", b="running")


@blocking
def test_how_it_stands_in_the_middle_of_a_plan(held: Held) -> None:
    info = held.office.info()
    assert {id: (one.state, one.ref) for id, one in info.items()} == {  # noqa: A001
        "a": ("restarting", held.a),
        "b": ("stopping" if held.phase == STOPPING else "restarting", held.b),
    }
    held.release()


def test_a_child_that_waits_to_be_started_anew_is_not_stopped(
    offices: Offices, clock: ManualClock, system: pykka.ActorSystem
) -> None:
    office = offices.start(offices.spec("a", backoff=PAUSE), system=system)
    office.child("a").kill(abandon_after=None, block=False)
    wait_until(lambda: clock.pending == 1, "it waits")
    assert office.states() == {"a": "restarting"}
    with pytest.raises(RuntimeError, match="is restarting; terminate it first"):
        office.proxy.delete_child("a").get(timeout=PATIENCE)
    office.proxy.terminate_child("a").get(timeout=PATIENCE)
    assert office.states() == {"a": "stopped"}
    assert clock.pending == 0
    office.proxy.delete_child("a").get(timeout=PATIENCE)


# --- stop requests come through -----------------------------------------------------------------


@pytest.mark.parametrize("hook", ["__init__", "post_restart", "on_start"])
@pytest.mark.parametrize("how", ["stop", "kill"])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_supervisor_ends_while_a_child_fails_to_restart_for_ever(
    offices: Offices, hook: str, how: str, quiet: None
) -> None:
    first = [] if hook == "post_restart" else [None]
    spec = offices.spec("a", **{hook: calls_in_turn(*first, *[crash] * 1_000_000)})
    office = offices.start(spec, "b", max_restarts=10**9)
    child = office.child("a")
    child.tell(crash)
    wait_until(lambda: office.info()["a"].restarts > 20, "it has failed many times")
    assert getattr(office.ref, how)(block=False).get(timeout=PATIENCE) is True
    assert not child.is_alive()


def test_the_supervisor_stops_while_a_function_fails_for_ever(
    offices: Offices, quiet: None
) -> None:
    turn = calls_in_turn(None, *[crash] * 1_000_000)

    def make() -> Any:
        turn(None)
        return offices.worker("a", offices.diary)

    office = offices.start(ChildSpec("a", make), max_restarts=10**9)
    office.child("a").kill(abandon_after=None, block=False)
    wait_until(lambda: office.info()["a"].restarts > 20, "it has failed many times")
    assert office.ref.stop(timeout=PATIENCE) is True


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
def test_the_supervisor_stops_under_a_flood_of_failures(
    offices: Offices, quiet: None, strategy: str
) -> None:
    def again(worker: Any) -> None:
        worker.actor_ref.tell(again)
        raise ZeroDivisionError

    office = offices.start(*"abcdefgh", max_restarts=10**9, strategy=strategy)
    for name in "abcdefgh":
        office.child(name).tell(again)
    wait_until(lambda: office.proxy.restarts().get(timeout=PATIENCE) > 20, "they fail")
    assert office.ref.stop(timeout=PATIENCE) is True
    assert pykka.ActorRegistry.get_by_class(offices.worker) == []


# --- a child fails just when it is to stop ------------------------------------------------------


@blocking
@pytest.mark.parametrize("how", ["stop", "terminate"])
def test_a_child_fails_after_it_was_asked_to_stop(offices: Offices, gate: Gate, how: str) -> None:
    def fail(worker: Any) -> None:
        gate()
        crash(worker)

    office = offices.start(offices.spec("a", shutdown="infinity"))
    child = office.child("a")
    child.tell(fail)
    gate.wait_until_entered()
    done = office.ref.stop(block=False) if how == "stop" else office.proxy.terminate_child("a")
    wait_until(child._cell.count, "it is asked to stop")
    gate.open()
    done.get(timeout=PATIENCE)
    assert isinstance(child.when_terminated().get(timeout=PATIENCE), pykka.Failed)
    assert offices.diary.instances == {"a": 1}


@blocking
@pytest.mark.parametrize("hook", ["on_failure", "pre_restart"])
def test_a_child_is_asked_to_stop_while_its_last_hooks_run(
    offices: Offices, gate: Gate, hook: str
) -> None:
    office = offices.start(offices.spec("a", shutdown="infinity", **{hook: gate}))
    child = office.child("a")
    child.tell(crash)
    gate.wait_until_entered()
    stopped = office.ref.stop(block=False)
    wait_until(lambda: not child.is_alive(), "it is asked to end")
    gate.open()
    assert stopped.get(timeout=PATIENCE)
    assert isinstance(child.when_terminated().get(timeout=PATIENCE), pykka.Failed)


# --- a child waits for its supervisor -----------------------------------------------------------


@blocking
def test_a_child_that_asks_its_supervisor_while_that_starts_it(offices: Offices) -> None:
    office = offices.start("a")

    def ask(_worker: object) -> None:
        office.proxy.which_children().get()

    with pytest.raises(ChildStartError) as caught:
        office.proxy.add_child(offices.spec("b", on_start=ask)).get(timeout=PATIENCE)
    assert isinstance(caught.value.__cause__, pykka.DeadlockError)
    wait_until(lambda: len(pykka.ActorRegistry.get_by_class(offices.worker)) == 1, "it ends")
    assert office.states() == {"a": "running"}


@blocking
def test_a_child_that_waits_for_its_supervisor_while_that_terminates_it(
    offices: Offices, gate: Gate
) -> None:
    office = offices.start(offices.spec("a", shutdown="infinity"))
    child = office.child("a")

    def ask(_worker: object) -> object:
        gate()
        return office.proxy.which_children().get()

    answer = child.ask(ask, block=False)
    gate.wait_until_entered()
    terminated = office.proxy.terminate_child("a")
    wait_until(child._cell.count, "it is asked to stop")
    gate.open()
    outcomes = []
    for future in (answer, terminated):
        try:
            outcomes.append(future.get(timeout=PATIENCE))
        except pykka.DeadlockError as error:
            outcomes.append(error)
    assert any(isinstance(outcome, pykka.DeadlockError) for outcome in outcomes)
    assert child.when_terminated().get(timeout=PATIENCE) == pykka.Stopped()
    assert office.states() == {"a": "stopped"}


@blocking
def test_a_child_that_has_itself_terminated_ends_in_order(offices: Offices) -> None:
    office = offices.start(offices.spec("a", shutdown="infinity"))
    child = office.child("a")
    with pytest.raises(pykka.DeadlockError):
        child.ask(lambda _worker: office.proxy.terminate_child("a").get(), timeout=PATIENCE)
    assert child.when_terminated().get(timeout=PATIENCE) == pykka.Stopped()
    assert office.states() == {"a": "stopped"}
    assert ("a", "on_stop") in offices.diary.rest()


# --- everything at once -------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
def test_children_are_ended_by_many_threads_in_all_ways_and_come_back(
    offices: Offices,
    quiet: None,
    strategy: str,
    in_thread: Callable[[Callable[[], object]], threading.Thread],
) -> None:
    office = offices.start(*"abcd", strategy=strategy, max_restarts=10**9, within=0.001)

    def harass(name: str) -> None:
        for step in range(30):
            ref = office.child(name)
            if ref is None:
                continue
            try:
                if step % 5 == 4:
                    ref.kill(abandon_after=None, block=False)
                elif step % 5 == 3:
                    ref.stop(block=False)
                else:
                    ref.tell(crash)
            except pykka.ActorDeadError:
                pass

    threads = [in_thread(lambda name=name: harass(name)) for name in "abcdabcd"]
    for thread in threads:
        thread.join(PATIENCE * 3)
        assert not thread.is_alive()
    office.wait_for(a="running", b="running", c="running", d="running")
    wait_until(
        lambda: all(_answers(office, name) for name in "abcd"), "all children handle messages"
    )
    wait_until(
        lambda: len(pykka.ActorRegistry.get_by_class(offices.worker)) == 4, "there are no others"
    )
    assert office.ref.stop(timeout=PATIENCE)
    assert pykka.ActorRegistry.get_by_class(offices.worker) == []


def _answers(office: Office, name: str) -> bool:
    ref = office.child(name)
    try:
        return ref is not None and ref.ask("hello", timeout=1) == "hello"
    except (pykka.ActorDeadError, pykka.Timeout):
        return False
