"""Children are found by their ids, trees read as they are, and mistakes and crashes are named."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.supervised import CrashError, crash, instance
from tests.leaks import PATIENCE
from tests.tiers import unless_simulated

import pykka
from pykka.supervision import ChildSpec, ChildStartError, DynamicSupervisor, Supervisor

if TYPE_CHECKING:
    from tests.conformance.agents import Gate
    from tests.conformance.supervised import Offices
    from tests.conftest import Log


# --- by its id -----------------------------------------------------------------------------------


def test_a_child_is_found_by_its_id(offices: Offices) -> None:
    office = offices.start("a", "b")
    found = office.ref.child("b")
    assert found.ask("hello", timeout=PATIENCE) == "hello"
    assert found == office.ref.child("b", offices.worker) == office.child("b")
    office.ref.stop()


def test_it_has_the_same_ref_after_a_restart(offices: Offices) -> None:
    office = offices.start("a")
    child = office.ref.child("a")
    child.tell(crash)
    assert child.ask(instance, timeout=PATIENCE) == 2
    assert office.ref.child("a") == child
    office.ref.stop()


def test_a_child_may_look_while_its_supervisor_is_busy(offices: Offices, gate: Gate) -> None:
    """It does not wait for the supervisor, which may wait for what looks."""
    office = offices.start("a", "b")
    office.ref.tell(pykka.messages.FunctionCall(gate, (), {}))
    gate.wait_until_entered()
    child = office.ref.child("a")
    seen = child.ask(lambda _me: office.ref.child("b"), timeout=PATIENCE)
    gate.open()
    assert seen == office.child("b")
    office.ref.stop()


def test_while_the_supervisor_starts_it_is_waited_for(offices: Offices, gate: Gate) -> None:
    office = offices.start(offices.spec("a", on_start=gate), wait=False)
    gate.wait_until_entered()
    with pytest.raises(pykka.Timeout):
        office.ref.child("a", timeout=0.01)
    child = office.ref.child("a", block=False)
    gate.open()
    assert child.get(timeout=PATIENCE).ask("hello", timeout=PATIENCE) == "hello"
    office.ref.stop()


def test_while_the_supervisor_is_restarted_the_new_child_is_waited_for(offices: Offices) -> None:
    tree = offices.start(Supervisor.spec("inner", [offices.spec("a")], max_restarts=0))
    inner = tree.ref.child("inner", Supervisor)
    former = inner.child("a")
    former.tell(crash)  # one too many for the inner supervisor
    former.when_terminated().get(timeout=PATIENCE)
    child = inner.child("a", timeout=PATIENCE)
    assert child != former
    assert child.ask(instance, timeout=PATIENCE) == 2
    tree.ref.stop()


def test_what_is_not_there_is_an_error(offices: Offices) -> None:
    office = offices.start("a", "b")
    with pytest.raises(LookupError, match=r"has no child 'c'; it has 'a', 'b'"):
        office.ref.child("c")
    with pytest.raises(LookupError, match=r"has no child \[\]"):
        office.ref.child([])
    office.proxy.terminate_child("a").get(timeout=PATIENCE)
    with pytest.raises(
        pykka.ActorDeadError, match=r"'a' of Supervisor .* does not run: it is stop"
    ):
        office.ref.child("a")
    with pytest.raises(
        TypeError, match=r"the child 'b' of Supervisor .* is Worker .*, and no Sup"
    ):
        office.ref.child("b", Supervisor)
    wrong: Any = office.ref.child("b")
    assert office.ref.child("b", block=False).get(timeout=PATIENCE) == wrong
    with pytest.raises(TypeError, match=r"takes the ref of a pykka\.supervision\.Supervisor, and"):
        wrong.child("x")
    router: Any = pykka.routing.RoundRobin([office.ref])
    with pytest.raises(TypeError, match="stands for several"):
        router.child("b")
    office.ref.stop()
    with pytest.raises(pykka.ActorDeadError, match="not found"):
        office.ref.child("b")


def test_what_has_children_without_ids_is_no_supervisor_in_that_sense(offices: Offices) -> None:
    template = ChildSpec("a", offices.worker)
    dynamic: Any = DynamicSupervisor.start(template)
    with pytest.raises(TypeError, match=r"DynamicSupervisor .* is none"):
        dynamic.child("a")
    dynamic.stop()


def test_looks_race_restarts_and_changes(offices: Offices) -> None:
    office = offices.start("a")
    stop = threading.Event()
    refs: set[Any] = set()
    failures: list[BaseException] = []

    def look() -> None:
        while not stop.is_set():
            try:
                refs.add(office.ref.child("a"))
                with pytest.raises(LookupError):
                    office.ref.child("none")
            except BaseException as error:
                failures.append(error)
                return

    thread = threading.Thread(target=look)
    thread.start()
    child = office.ref.child("a")
    for number in range(unless_simulated(20, 5)):
        office.proxy.add_child(offices.spec(f"n{number}")).get(timeout=PATIENCE)
        with pytest.raises(CrashError):
            child.ask(crash, timeout=PATIENCE)
    stop.set()
    thread.join()
    assert failures == []
    assert refs == {child}
    office.ref.stop()


# --- trees ---------------------------------------------------------------------------------------


class Shop(Supervisor):
    max_restarts = 7


def test_a_supervisor_describes_itself_as_a_child(offices: Offices) -> None:
    inner = Shop.spec(
        "shop", [offices.spec("till")], strategy="one_for_all", restart="transient", shutdown=3.0
    )
    assert (inner.id, inner.type, inner.restart, inner.shutdown) == (
        "shop",
        "supervisor",
        "transient",
        3.0,
    )
    office = offices.start(inner, Supervisor.spec("empty", []))
    assert office.ref.child("shop", Shop).child("till").ask("hello", timeout=PATIENCE) == "hello"
    assert office.ref.child("shop").proxy().max_restarts.get(timeout=PATIENCE) == 7
    office.ref.stop()


def test_so_does_one_of_children_that_are_all_alike(offices: Offices) -> None:
    spec = DynamicSupervisor.spec("sessions", offices.spec("s"), max_restarts=2)
    office = offices.start(spec)
    sessions: Any = office.ref.child("sessions", DynamicSupervisor).proxy()
    assert sessions.add_child().get(timeout=PATIENCE).is_alive()
    office.ref.stop()


def test_what_is_wrong_in_it_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="has restart='always'"):
        Supervisor.spec("x", [], restart="always")  # type: ignore[arg-type]


# --- a start hook that forgets the children -----------------------------------------------------


def test_a_subclass_that_forgets_them_cannot_start(offices: Offices) -> None:
    class Forgetful(Supervisor):
        def on_start(self) -> None:
            pass

    with pytest.raises(ChildStartError, match=r"super\(\)\.on_start\(\)") as e:
        Forgetful.start([offices.spec("a")])
    assert isinstance(e.value.__cause__, TypeError)
    assert "Forgetful.on_start() has to call super().on_start()" in str(e.value.__cause__)
    Forgetful.start([]).stop()  # there are none to forget


def test_one_that_takes_the_hook_from_elsewhere_neither(offices: Offices) -> None:
    class Mixin:
        def on_start(self) -> None:
            pass

    class Forgetful(Mixin, Supervisor):  # type: ignore[misc]
        pass

    with pytest.raises(ChildStartError, match=r"super\(\)\.on_start\(\)"):
        Forgetful.start([offices.spec("a")])


def test_one_that_does_not_forget_them_is_left_alone(offices: Offices) -> None:
    class Careful(Supervisor):
        def on_start(self) -> None:
            """Does it."""
            before.append(1)
            super().on_start()
            after.append(self.get_child("a"))

    class Heir(Careful):
        pass

    before: list[object] = []
    after: list[object] = []
    office = offices.start("a", supervisor=Heir)
    assert (before, after) == ([1], [office.child("a")])
    assert Heir.on_start is Careful.on_start
    assert Careful.on_start.__doc__ == "Does it."
    assert Supervisor.on_start is Shop.on_start
    office.ref.stop()


# --- crash reports -------------------------------------------------------------------------------


def test_the_report_of_a_crash_names_the_specification(offices: Offices, log: Log) -> None:
    office = offices.start(offices.spec("a", restart="transient"))
    child = office.ref.child("a")
    child.tell(crash)
    assert child.ask(instance, timeout=PATIENCE) == 2
    [record] = log.find("ERROR", "Unhandled exception")
    assert record.message == (
        f"Unhandled exception in {child}, the child 'a' of {office.ref}, "
        "ChildSpec('a', Worker, restart='transient'):"
    )
    office.ref.stop()
