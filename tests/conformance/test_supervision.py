"""Supervisors: the semantics of OTP's, rule by rule."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import needs
from tests.conformance.supervised import (
    CrashError,
    Office,
    calls_in_turn,
    crash,
    instance,
)
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka._lifecycle.kill import PART_FOR_THE_END, STOP_TIMEOUT
from pykka.messages import ProxyCall
from pykka.resilience._backoff import Backoff
from pykka.supervision import (
    ChildCounts,
    ChildSpec,
    ChildStartError,
    DynamicSupervisor,
    RestartLimitError,
    SupervisionError,
    Supervisor,
)

if TYPE_CHECKING:
    from tests.conformance.agents import Diary, Gate
    from tests.conformance.supervised import Offices

    from pykka.timers import ManualClock

pytestmark = [pytest.mark.thinned, pytest.mark.usefixtures("witness")]

STOP, KILL, CRASH = "stop", "kill", "crash"
STRATEGIES = ["one_for_one", "one_for_all", "rest_for_one"]

GRACE = STOP_TIMEOUT * PART_FOR_THE_END
"""The seconds that a killed actor has for its end."""


def end(ref: Any, how: str) -> None:
    """Have an actor end by itself in one of three ways."""
    if how == STOP:
        ref.stop(timeout=PATIENCE)
    elif how == KILL:
        ref.kill(block=False).get(timeout=PATIENCE)
    else:
        ref.tell(crash)


def names(diary: Diary, hook: str, count: int) -> str:
    """The names in the next so many entries about a hook."""
    found = ""
    while len(found) < count:
        [(name, what)] = diary.read(1)
        if what == hook:
            found += name
    return found


def all_hooks(diary: Diary) -> list[str]:
    return [f"{name} {what}" for name, what in diary.rest()]


# --- starting and stopping ----------------------------------------------------------------------


@needs("blocking handlers")
def test_each_child_starts_when_the_one_before_has_started(
    offices: Offices, diary: Diary, gate: Gate
) -> None:
    office = offices.start("a", offices.spec("b", on_start=gate), "c", wait=False)
    gate.wait_until_entered()
    assert names(diary, "on_start", 2) == "ab"
    assert diary.instances == {"a": 1, "b": 1}
    gate.open()
    assert names(diary, "on_start", 1) == "c"
    assert office.states() == {"a": "running", "b": "running", "c": "running"}


def test_children_stop_in_reverse_order(offices: Offices, diary: Diary) -> None:
    office = offices.start("a", "b", "c")
    assert office.ref.stop(timeout=PATIENCE)
    assert names(diary, "on_stop", 3) == "cba"


@needs("blocking handlers")
def test_each_child_stops_when_the_one_after_it_has_stopped(
    offices: Offices, diary: Diary, gate: Gate
) -> None:
    office = offices.start("a", offices.spec("b", on_stop=gate), "c")
    a = office.child("a")
    stopped = office.ref.stop(block=False)
    gate.wait_until_entered()
    assert names(diary, "on_stop", 2) == "cb"
    assert a.ask(instance, timeout=PATIENCE) == 1
    gate.open()
    assert stopped.get(timeout=PATIENCE)


@pytest.mark.parametrize("hook", ["__init__", "on_start"])
def test_if_one_cannot_start_those_before_it_are_stopped_and_the_supervisor_fails(
    offices: Offices, diary: Diary, hook: str
) -> None:
    office = offices.start("a", "b", offices.spec("c", **{hook: crash}), "d", wait=False)
    reason = office.reason()
    assert isinstance(reason, pykka.Failed)
    assert isinstance(reason.exception, ChildStartError)
    assert isinstance(reason.exception.__cause__, CrashError)
    assert "'c'" in str(reason.exception)
    assert names(diary, "on_stop", 2) == "ba"
    assert "d" not in diary.instances
    assert pykka.ActorRegistry.get_by_class(offices.worker) == []


def test_children_are_restarted_in_their_places(offices: Offices, diary: Diary) -> None:
    office = offices.start("a", "b", "c")
    office.wait_for(c="running")
    for how in (CRASH, STOP, KILL):
        before = diary.instances["a"]
        end(office.child("a"), how)
        wait_until(lambda n=before: diary.instances["a"] > n, "it is restarted")
        office.wait_for(a="running")
    diary.rest()
    assert office.ref.stop(timeout=PATIENCE)
    assert names(diary, "on_stop", 3) == "cba"


# --- restart types ------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [STOP, KILL])
def test_a_permanent_child_always_comes_back(offices: Offices, how: str) -> None:
    office = offices.start("a")
    former = office.child("a")
    end(former, how)
    assert office.wait_for_new("a", former).ask(instance, timeout=PATIENCE) == 2
    assert not former.is_alive()


@pytest.mark.parametrize("restart", ["permanent", "transient"])
def test_a_child_that_failed_comes_back_in_place(offices: Offices, restart: str) -> None:
    office = offices.start(offices.spec("a", restart=restart))
    child = office.child("a")
    end(child, CRASH)
    assert child.ask(instance, timeout=PATIENCE) == 2
    assert office.child("a") == child


def test_a_transient_child_that_was_stopped_does_not_come_back(offices: Offices) -> None:
    office = offices.start(offices.spec("a", restart="transient"), "b")
    end(office.child("a"), STOP)
    office.wait_for(a="stopped", b="running")
    assert office.child("a") is None
    assert offices.diary.instances["a"] == 1


def test_a_transient_child_that_was_killed_comes_back(offices: Offices) -> None:
    office = offices.start(offices.spec("a", restart="transient"))
    former = office.child("a")
    end(former, KILL)
    assert office.wait_for_new("a", former).ask(instance, timeout=PATIENCE) == 2


@pytest.mark.parametrize("how", [STOP, KILL, CRASH])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_temporary_child_never_comes_back_and_is_forgotten(
    offices: Offices, diary: Diary, strategy: str, how: str
) -> None:
    office = offices.start(offices.spec("a", restart="temporary"), "b", strategy=strategy)
    child = office.child("a")
    end(child, how)
    wait_until(lambda: office.states() == {"b": "running"}, "it is forgotten")
    assert not child.is_alive()
    with pytest.raises(LookupError):
        office.child("a")
    assert diary.instances == {"a": 1, "b": 1}
    assert office.proxy.restarts().get(timeout=PATIENCE) == 0


def test_temporary_children_do_not_come_back_through_one_for_all(
    offices: Offices, diary: Diary
) -> None:
    office = offices.start(
        "a", offices.spec("b", restart="temporary"), "c", strategy="one_for_all"
    )
    b = office.child("b")
    end(office.child("a"), CRASH)
    office.child("c").ask(instance, timeout=PATIENCE)
    wait_until(lambda: diary.instances["c"] == 2, "the others are restarted")
    office.wait_for(a="running", c="running")
    assert list(office.states()) == ["a", "c"]
    assert not b.is_alive()
    assert diary.instances == {"a": 2, "b": 1, "c": 2}


# --- strategies ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strategy", "restarted"),
    [("one_for_one", "b"), ("rest_for_one", "bcd"), ("one_for_all", "abcd")],
)
@pytest.mark.parametrize("how", [STOP, KILL, CRASH])
def test_who_is_restarted(
    offices: Offices, diary: Diary, strategy: str, restarted: str, how: str
) -> None:
    office = offices.start("a", "b", "c", "d", strategy=strategy)
    names(diary, "on_start", 4)
    end(office.child("b"), how)
    assert names(diary, "on_start", len(restarted)) == restarted
    office.wait_for(a="running", b="running", c="running", d="running")
    assert diary.instances == {name: 2 if name in restarted else 1 for name in "abcd"}
    assert {id for id, info in office.info().items() if info.restarts} == set(restarted)  # noqa: A001


@pytest.mark.parametrize(("strategy", "stopped"), [("rest_for_one", "dc"), ("one_for_all", "dca")])
def test_the_others_are_taken_down_in_reverse_order_before_any_is_started(
    offices: Offices, diary: Diary, strategy: str, stopped: str
) -> None:
    office = offices.start("a", "b", "c", "d", strategy=strategy)
    names(diary, "on_start", 4)
    end(office.child("b"), CRASH)
    entries: list[Any] = []
    while entries.count(("d", "on_start")) == 0:
        entries += diary.read(1)
    ends = [name for name, what in entries if what == "on_stop"]
    assert "".join(ends) == stopped
    last_end = max(i for i, (_, what) in enumerate(entries) if what in ("on_stop", "on_failure"))
    first_start = min(i for i, (_, what) in enumerate(entries) if what == "pre_restart")
    assert last_end < first_start


def test_siblings_that_are_restarted_with_another_keep_their_refs(offices: Offices) -> None:
    office = offices.start("a", "b", strategy="one_for_all")
    a, b = office.child("a"), office.child("b")
    end(a, CRASH)
    wait_until(lambda: offices.diary.instances["b"] == 2, "both are restarted")
    office.wait_for(a="running", b="running")
    assert (office.child("a"), office.child("b")) == (a, b)
    assert b.ask(instance, timeout=PATIENCE) == 2


def test_siblings_handle_what_is_in_their_inboxes_after_the_restart(
    offices: Offices, diary: Diary
) -> None:
    office = offices.start("a", "b", strategy="one_for_all")
    a, b = office.child("a"), office.child("b")
    end(a, CRASH)
    answers = [b.ask(instance, block=False) for _ in range(50)]
    numbers = [answer.get(timeout=PATIENCE) for answer in answers]
    assert numbers == sorted(numbers)


def test_one_for_all_starts_also_what_had_been_terminated(offices: Offices, diary: Diary) -> None:
    office = offices.start("a", "b", strategy="one_for_all")
    office.proxy.terminate_child("b").get(timeout=PATIENCE)
    names(diary, "on_start", 2)
    end(office.child("a"), CRASH)
    assert names(diary, "on_start", 2) == "ab"
    office.wait_for(a="running", b="running")


def test_a_failed_start_in_one_for_all_takes_all_down_again(
    offices: Offices, diary: Diary
) -> None:
    c = offices.spec("c", on_start=calls_in_turn(None, crash))
    office = offices.start("a", "b", c, strategy="one_for_all")
    end(office.child("b"), CRASH)
    assert names(diary, "on_start", 9) == "abcabcabc"
    office.wait_for(a="running", b="running", c="running")
    assert office.proxy.restarts().get(timeout=PATIENCE) == 2


def test_a_failed_start_in_rest_for_one_leaves_those_before_it_alone(
    offices: Offices, diary: Diary
) -> None:
    c = offices.spec("c", on_start=calls_in_turn(None, crash))
    office = offices.start("a", "b", c, "d", strategy="rest_for_one")
    end(office.child("b"), CRASH)
    assert names(diary, "on_start", 8) == "abcdbccd"
    office.wait_for(a="running", b="running", c="running", d="running")
    assert office.proxy.restarts().get(timeout=PATIENCE) == 2


# --- intensity ----------------------------------------------------------------------------------


def fail(office: Office, id: str = "a") -> None:  # noqa: A002 (as in the library)
    """Have a child fail, and wait until it is up again."""
    child = office.child(id)
    child.tell(crash)
    child.ask(instance, timeout=PATIENCE)


def test_as_many_restarts_as_allowed_are_borne(offices: Offices) -> None:
    office = offices.start("a", max_restarts=3, within=1000)
    for _ in range(3):
        fail(office)
    assert office.ref.is_alive()


def test_with_one_more_all_children_are_stopped_and_then_the_supervisor_fails(
    offices: Offices, diary: Diary
) -> None:
    office = offices.start("a", "b", "c", max_restarts=3, within=1000)
    for _ in range(3):
        fail(office)
    diary.rest()
    end(office.child("a"), CRASH)
    reason = office.reason()
    assert isinstance(reason, pykka.Failed)
    assert isinstance(reason.exception, RestartLimitError)
    assert isinstance(reason.exception.__cause__, CrashError)
    assert "more than 3 times within 1000 seconds; the last was 'a'" in str(reason.exception)
    assert all_hooks(diary) == ["a on_failure", "c on_stop", "b on_stop"]
    assert pykka.ActorRegistry.get_by_class(offices.worker) == []


def test_restarts_of_all_children_count_together(offices: Offices) -> None:
    office = offices.start("a", "b", max_restarts=1, within=1000)
    fail(office, "a")
    end(office.child("b"), CRASH)
    assert isinstance(office.reason().exception, RestartLimitError)


def test_a_restart_of_several_children_counts_as_one(offices: Offices) -> None:
    office = offices.start("a", "b", "c", max_restarts=1, within=1000, strategy="one_for_all")
    fail(office)
    office.wait_for(a="running", b="running", c="running")
    assert office.proxy.restarts().get(timeout=PATIENCE) == 1


def test_without_any_restart_the_first_failure_is_one_too_many(offices: Offices) -> None:
    office = offices.start("a", max_restarts=0)
    end(office.child("a"), CRASH)
    assert isinstance(office.reason().exception, RestartLimitError)


@pytest.mark.parametrize("how", [STOP, KILL])
def test_what_was_stopped_or_killed_counts_too(offices: Offices, how: str) -> None:
    office = offices.start("a", max_restarts=0)
    end(office.child("a"), how)
    assert isinstance(office.reason().exception, RestartLimitError)


def test_a_failed_restart_counts(offices: Offices) -> None:
    spec = offices.spec("a", on_start=calls_in_turn(None, crash, crash, crash))
    office = offices.start(spec, max_restarts=3, within=1000)
    end(office.child("a"), CRASH)
    assert isinstance(office.reason().exception, RestartLimitError)
    assert offices.diary.instances["a"] == 4


def test_restarts_are_forgotten_when_the_time_is_over(
    offices: Offices, clock: ManualClock, system: pykka.ActorSystem
) -> None:
    office = offices.start("a", max_restarts=2, within=10, system=system)
    for _ in range(10):
        fail(office)
        clock.advance(5.1)
    assert office.ref.is_alive()


def test_a_restart_counts_up_to_the_very_end_of_the_time(
    offices: Offices, clock: ManualClock, system: pykka.ActorSystem
) -> None:
    office = offices.start("a", max_restarts=1, within=10, system=system)
    fail(office)
    clock.advance(10)
    end(office.child("a"), CRASH)
    assert isinstance(office.reason().exception, RestartLimitError)


# --- trees --------------------------------------------------------------------------------------


def tree(offices: Offices, *specs: Any, **options: Any) -> ChildSpec:
    """The specification of a supervisor."""
    found = [offices.spec(spec) if isinstance(spec, str) else spec for spec in specs]
    return ChildSpec("tree", Supervisor, [found], options)


def test_a_supervisor_that_gives_up_is_a_failure_for_its_own(
    offices: Offices, diary: Diary
) -> None:
    office = offices.start(tree(offices, "a", "b", max_restarts=0), "z")
    inner = Office(office.child("tree"))
    a, b = inner.child("a"), inner.child("b")
    end(a, CRASH)
    wait_until(lambda: diary.instances["b"] == 2, "the inner supervisor is restarted")
    office.wait_for(tree="running", z="running")
    assert office.child("tree") == inner.ref
    assert inner.states() == {"a": "running", "b": "running"}
    assert not a.is_alive()
    assert not b.is_alive()
    assert diary.instances == {"a": 2, "b": 2, "z": 1}
    assert len(pykka.ActorRegistry.get_by_class(offices.worker)) == 3


def test_a_failure_goes_up_until_somebody_bears_it(offices: Offices) -> None:
    lower = tree(offices, "a", max_restarts=0)
    upper = ChildSpec("tree", Supervisor, [[lower]], {"max_restarts": 0})
    office = offices.start(upper, max_restarts=0)
    end(Office(Office(office.child("tree")).child("tree")).child("a"), CRASH)
    reason = office.reason()
    for _ in range(3):
        assert isinstance(reason.exception, RestartLimitError)
    cause: Any = reason.exception
    kinds = []
    while cause is not None:
        kinds.append(type(cause))
        cause = cause.__cause__
    assert kinds == [RestartLimitError] * 3 + [CrashError]


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
def test_a_supervisor_that_is_restarted_with_another_starts_its_children_anew_once(
    offices: Offices, diary: Diary, strategy: str
) -> None:
    office = offices.start("z", tree(offices, "a", "b"), strategy=strategy)
    inner = Office(office.child("tree"))
    end(office.child("z"), CRASH)
    wait_until(lambda: diary.instances["b"] == 2, "the inner supervisor is restarted")
    office.wait_for(tree="running", z="running")
    assert inner.states() == {"a": "running", "b": "running"}
    assert diary.instances == {"a": 2, "b": 2, "z": 2}
    assert len(pykka.ActorRegistry.get_by_class(offices.worker)) == 3


def test_a_supervisor_that_fails_by_itself_starts_its_children_anew_once(
    offices: Offices, diary: Diary
) -> None:
    office = offices.start(tree(offices, "a", "b"))
    inner = Office(office.child("tree"))
    inner.ref.tell(ProxyCall(["no_such_method"], [], {}))
    wait_until(lambda: diary.instances["b"] == 2, "the inner supervisor is restarted")
    assert inner.states() == {"a": "running", "b": "running"}
    assert diary.instances == {"a": 2, "b": 2}
    assert len(pykka.ActorRegistry.get_by_class(offices.worker)) == 2


def test_children_added_later_are_not_those_of_the_next_instance(offices: Offices) -> None:
    office = offices.start(tree(offices, "a", max_restarts=0))
    inner = Office(office.child("tree"))
    added = inner.proxy.add_child(offices.spec("b")).get(timeout=PATIENCE)
    end(inner.child("a"), CRASH)
    added.when_terminated().get(timeout=PATIENCE)
    assert inner.states() == {"a": "running"}


def test_trees_stop_from_the_leaves_up_in_reverse_order(offices: Offices, diary: Diary) -> None:
    office = offices.start("a", tree(offices, "b", "c"), "d")
    office.info()
    assert office.ref.stop(timeout=PATIENCE)
    assert names(diary, "on_stop", 4) == "dcba"


@pytest.mark.parametrize("how", [STOP, KILL])
def test_the_children_of_a_supervisor_end_with_it(
    offices: Offices, diary: Diary, how: str
) -> None:
    office = offices.start("a", "b")
    refs = [office.child("a"), office.child("b")]
    end(office.ref, how)
    assert not any(ref.is_alive() for ref in refs)
    assert names(diary, "on_stop", 2) == "ba"


# --- automatic shutdown -------------------------------------------------------------------------


def significant(offices: Offices, name: str, **options: Any) -> ChildSpec:
    return offices.spec(name, significant=True, **{"restart": "transient", **options})


def test_the_end_of_any_significant_child_stops_the_supervisor(
    offices: Offices, diary: Diary
) -> None:
    office = offices.start(
        "a", significant(offices, "b"), significant(offices, "c"), auto_shutdown="any_significant"
    )
    end(office.child("b"), STOP)
    assert office.reason() == pykka.Stopped()
    assert names(diary, "on_stop", 3) == "bca"


def test_the_end_of_all_significant_children_stops_the_supervisor(offices: Offices) -> None:
    office = offices.start(
        "a", significant(offices, "b"), significant(offices, "c"), auto_shutdown="all_significant"
    )
    end(office.child("b"), STOP)
    office.wait_for(a="running", b="stopped", c="running")
    end(office.child("c"), STOP)
    assert office.reason() == pykka.Stopped()


@pytest.mark.parametrize("how", [STOP, KILL, CRASH])
def test_a_temporary_significant_child_counts_however_it_ends(offices: Offices, how: str) -> None:
    spec = significant(offices, "a", restart="temporary")
    office = offices.start(spec, auto_shutdown="all_significant")
    end(office.child("a"), how)
    assert office.reason() == pykka.Stopped()


@pytest.mark.parametrize("how", [KILL, CRASH])
def test_a_significant_child_that_comes_back_does_not_count(offices: Offices, how: str) -> None:
    office = offices.start(significant(offices, "a"), auto_shutdown="any_significant")
    end(office.child("a"), how)
    wait_until(lambda: offices.diary.instances["a"] == 2, "it comes back")
    office.wait_for(a="running")


def test_children_that_are_not_significant_do_not_count(offices: Offices) -> None:
    office = offices.start(
        offices.spec("a", restart="transient"),
        significant(offices, "b"),
        auto_shutdown="any_significant",
    )
    end(office.child("a"), STOP)
    office.wait_for(a="stopped", b="running")


def test_what_the_supervisor_terminates_itself_does_not_count(offices: Offices) -> None:
    office = offices.start(significant(offices, "a"), auto_shutdown="any_significant")
    office.proxy.terminate_child("a").get(timeout=PATIENCE)
    assert office.states() == {"a": "stopped"}


def test_what_is_taken_down_with_others_does_not_count(offices: Offices, diary: Diary) -> None:
    office = offices.start(
        "a",
        "z",
        significant(offices, "b", restart="temporary"),
        significant(offices, "c"),
        strategy="one_for_all",
        auto_shutdown="any_significant",
    )
    end(office.child("a"), CRASH)
    wait_until(lambda: diary.instances["c"] == 2, "all are restarted")
    office.wait_for(a="running", z="running", c="running")


@pytest.mark.parametrize(("restart", "comes_back"), [("permanent", True), ("transient", False)])
def test_an_automatic_shutdown_is_an_orderly_end_for_the_supervisors_own(
    offices: Offices, restart: Any, comes_back: bool
) -> None:
    options = {"auto_shutdown": "any_significant"}
    spec = ChildSpec("tree", Supervisor, [[significant(offices, "a")]], options, restart=restart)
    office = offices.start(spec)
    inner = Office(office.child("tree"))
    end(inner.child("a"), STOP)
    assert inner.reason() == pykka.Stopped()
    if comes_back:
        assert office.wait_for_new("tree", inner.ref).is_alive()
    else:
        office.wait_for(tree="stopped")


# --- deadlines ----------------------------------------------------------------------------------


def test_a_child_handles_what_is_in_its_inbox_before_it_stops(
    offices: Offices, diary: Diary
) -> None:
    office = offices.start(offices.spec("a", shutdown=1000.0))
    child = office.child("a")
    for number in range(100):
        child.tell(number)
    assert office.ref.stop(timeout=PATIENCE)
    assert [what for _name, what in diary.rest()] == ["on_start", *range(100), "on_stop"]


@needs("blocking handlers")
def test_a_child_that_is_killed_handles_no_more_and_runs_its_last_hook(
    offices: Offices, diary: Diary, gate: Gate
) -> None:
    office = offices.start(offices.spec("a", shutdown="kill"))
    child = office.child("a")
    child.tell(gate)
    gate.wait_until_entered()
    child.tell("never handled")
    stopped = office.ref.stop(block=False)
    # It is no longer alive a moment before it is told to look at that.
    wait_until(lambda: not child.is_alive() and child._cell.has_system_messages, "it is killed")
    gate.open()
    assert stopped.get(timeout=PATIENCE)
    assert [what for _name, what in diary.rest()] == ["on_start", "on_stop"]
    assert child.when_terminated().get(timeout=PATIENCE) == pykka.Killed()


def test_a_sibling_that_ends_while_it_is_down_has_not_failed_itself(
    offices: Offices, clock: ManualClock, system: pykka.ActorSystem
) -> None:
    pause = Backoff(minimum=10, maximum=10)
    specs = [offices.spec("a", backoff=pause), offices.spec("b", shutdown="infinity")]
    office = offices.start(*specs, system=system, strategy="one_for_all")
    a, b = office.child("a"), office.child("b")
    end(a, CRASH)
    wait_until(lambda: clock.pending == 1, "both are down")
    assert office.ref.stop(timeout=PATIENCE)
    assert isinstance(a.when_terminated().get(timeout=PATIENCE), pykka.Failed)
    assert b.when_terminated().get(timeout=PATIENCE) == pykka.Killed()


@needs("blocking handlers")
def test_a_child_that_does_not_stop_in_time_is_killed(
    offices: Offices, gate: Gate, clock: ManualClock, system: pykka.ActorSystem
) -> None:
    office = offices.start(offices.spec("a", shutdown=7.0), system=system)
    child = office.child("a")
    child.tell(gate)
    gate.wait_until_entered()
    stopped = office.ref.stop(block=False)
    wait_until(lambda: clock.pending == 1, "the deadline runs")
    clock.advance(6.9)
    assert child.is_alive()
    clock.advance(0.2)
    assert not child.is_alive()
    assert not stopped.done()
    gate.open()
    assert stopped.get(timeout=PATIENCE)
    assert child.when_terminated().get(timeout=PATIENCE) == pykka.Killed()


@needs("blocking handlers")
@pytest.mark.parametrize("shutdown", [7.0, "kill"])
def test_a_child_that_hangs_is_abandoned(
    offices: Offices, gate: Gate, clock: ManualClock, system: pykka.ActorSystem, shutdown: Any
) -> None:
    seconds = GRACE if shutdown == "kill" else shutdown + GRACE
    office = offices.start(offices.spec("a", shutdown=shutdown), system=system)
    child = office.child("a")
    child.tell(gate)
    gate.wait_until_entered()
    stopped = office.ref.stop(block=False)
    wait_until(lambda: clock.pending == 1, "the deadline runs")
    clock.advance(seconds - 0.1)
    assert not stopped.done()
    clock.advance(0.1)
    assert stopped.get(timeout=PATIENCE)
    assert isinstance(child.when_terminated().get(timeout=PATIENCE), pykka.Abandoned)


@needs("blocking handlers")
def test_a_child_with_all_the_time_there_is_is_waited_for(
    offices: Offices, gate: Gate, clock: ManualClock, system: pykka.ActorSystem
) -> None:
    office = offices.start(offices.spec("a", shutdown="infinity"), system=system)
    child = office.child("a")
    child.tell(gate)
    gate.wait_until_entered()
    stopped = office.ref.stop(block=False)
    wait_until(lambda: office.ref._cell.stopped, "the supervisor stops")
    clock.advance(1_000_000)
    assert child.is_alive()
    gate.open()
    assert stopped.get(timeout=PATIENCE)
    assert child.when_terminated().get(timeout=PATIENCE) == pykka.Stopped()


def test_the_clock_has_nothing_to_do_when_all_have_stopped(
    offices: Offices, clock: ManualClock, system: pykka.ActorSystem
) -> None:
    office = offices.start("a", "b", system=system, strategy="one_for_all")
    end(office.child("a"), CRASH)
    wait_until(lambda: offices.diary.instances["b"] == 2, "all are restarted")
    office.wait_for(a="running", b="running")
    assert clock.pending == 0
    assert office.ref.stop(timeout=PATIENCE)
    assert clock.pending == 0


# --- abandoned children -------------------------------------------------------------------------


@needs("blocking handlers")
@pytest.mark.parametrize("is_allowed", [False, True])
def test_another_takes_the_place_of_an_abandoned_child_only_if_that_is_allowed(
    offices: Offices, gate: Gate, clock: ManualClock, system: pykka.ActorSystem, is_allowed: bool
) -> None:
    spec = offices.spec("a", replace_abandoned=is_allowed)
    office = offices.start(spec, "b", system=system)
    child = office.child("a")
    child.tell(gate)
    gate.wait_until_entered()
    child.kill(abandon_after=1, block=False)
    clock.advance(1)
    if is_allowed:
        assert office.wait_for_new("a", child).ask(instance, timeout=PATIENCE) == 2
        assert office.ref.is_alive()
    else:
        reason = office.reason()
        assert isinstance(reason.exception, SupervisionError)
        assert "replace_abandoned=True" in str(reason.exception)
        assert offices.diary.instances["a"] == 1
    gate.open()


@needs("blocking handlers")
@pytest.mark.parametrize("is_allowed", [False, True])
def test_a_sibling_that_hangs_when_it_is_to_be_restarted(
    offices: Offices, gate: Gate, clock: ManualClock, system: pykka.ActorSystem, is_allowed: bool
) -> None:
    spec = offices.spec("b", shutdown=3.0, replace_abandoned=is_allowed)
    office = offices.start("a", spec, system=system, strategy="one_for_all")
    b = office.child("b")
    b.tell(gate)
    gate.wait_until_entered()
    end(office.child("a"), CRASH)
    wait_until(lambda: clock.pending, "the deadline runs")
    clock.advance(3)
    clock.advance(GRACE)
    if is_allowed:
        assert office.wait_for_new("b", b).ask(instance, timeout=PATIENCE) == 2
    else:
        assert isinstance(office.reason().exception, SupervisionError)
    gate.open()


@needs("blocking handlers")
@pytest.mark.parametrize("is_allowed", [False, True])
def test_a_terminated_child_that_hangs_is_started_again_only_if_that_is_allowed(
    offices: Offices, gate: Gate, clock: ManualClock, system: pykka.ActorSystem, is_allowed: bool
) -> None:
    spec = offices.spec("a", shutdown="kill", replace_abandoned=is_allowed)
    office = offices.start(spec, system=system)
    office.child("a").tell(gate)
    gate.wait_until_entered()
    terminated = office.proxy.terminate_child("a")
    wait_until(lambda: clock.pending, "the deadline runs")
    clock.advance(GRACE)
    terminated.get(timeout=PATIENCE)
    started = office.proxy.restart_child("a")
    if is_allowed:
        assert started.get(timeout=PATIENCE).ask(instance, timeout=PATIENCE) == 2
    else:
        with pytest.raises(SupervisionError, match=r"'a' of .* hangs, at"):
            started.get(timeout=PATIENCE)
        assert office.states() == {"a": "stopped"}
    gate.open()


@needs("blocking handlers")
def test_the_children_of_an_abandoned_supervisor_end_too(
    offices: Offices, gate: Gate, clock: ManualClock, system: pykka.ActorSystem
) -> None:
    office = offices.start(
        "a", offices.spec("b", on_stop=gate, shutdown="infinity"), system=system
    )
    a, b = office.child("a"), office.child("b")
    office.proxy.terminate_child("b")
    gate.wait_until_entered()
    ended = office.ref.kill(abandon_after=1, block=False)
    clock.advance(1)
    ended.get(timeout=PATIENCE)
    assert isinstance(office.reason(), pykka.Abandoned)
    assert a.when_terminated().get(timeout=PATIENCE) == pykka.Stopped()
    gate.open()
    b.when_terminated().get(timeout=PATIENCE)


# --- children on demand -------------------------------------------------------------------------


def test_add_child_starts_a_child_and_waits_for_its_start(offices: Offices, diary: Diary) -> None:
    office = offices.start("a")
    ref = office.proxy.add_child(offices.spec("b")).get(timeout=PATIENCE)
    assert all_hooks(diary) == ["a on_start", "b on_start"]
    assert office.child("b") == ref
    assert office.ref.stop(timeout=PATIENCE)
    assert names(diary, "on_stop", 2) == "ba"


@pytest.mark.parametrize("hook", ["__init__", "on_start"])
@pytest.mark.parametrize("restart", ["permanent", "temporary"])
def test_add_child_that_fails_leaves_nothing_behind(
    offices: Offices, hook: str, restart: str
) -> None:
    office = offices.start("a")
    spec = offices.spec("b", restart=restart, **{hook: crash})
    with pytest.raises(ChildStartError) as caught:
        office.proxy.add_child(spec).get(timeout=PATIENCE)
    assert isinstance(caught.value.__cause__, CrashError)
    assert office.states() == {"a": "running"}
    assert len(pykka.ActorRegistry.get_by_class(offices.worker)) == 1


def test_two_children_cannot_have_the_same_id(offices: Offices) -> None:
    office = offices.start("a")
    with pytest.raises(ValueError, match="two children with the id 'a'"):
        office.proxy.add_child(offices.spec("a")).get(timeout=PATIENCE)
    assert office.states() == {"a": "running"}


def test_a_child_that_was_terminated_stays_known_and_can_be_started_again(
    offices: Offices, diary: Diary
) -> None:
    office = offices.start("a", "b")
    former = office.child("a")
    office.proxy.terminate_child("a").get(timeout=PATIENCE)
    assert not former.is_alive()
    assert office.states() == {"a": "stopped", "b": "running"}
    assert office.child("a") is None
    ref = office.proxy.restart_child("a").get(timeout=PATIENCE)
    assert ref != former
    assert ref.ask(instance, timeout=PATIENCE) == 2
    assert list(office.states()) == ["a", "b"]
    diary.rest()
    assert office.ref.stop(timeout=PATIENCE)
    assert names(diary, "on_stop", 2) == "ba"


def test_a_terminated_child_that_cannot_be_started_again_stays_known(offices: Offices) -> None:
    office = offices.start(offices.spec("a", on_start=calls_in_turn(None, crash)))
    office.proxy.terminate_child("a").get(timeout=PATIENCE)
    with pytest.raises(ChildStartError):
        office.proxy.restart_child("a").get(timeout=PATIENCE)
    assert office.states() == {"a": "stopped"}
    assert office.proxy.restart_child("a").get(timeout=PATIENCE).is_alive()


def test_to_terminate_a_child_twice_does_no_harm(offices: Offices) -> None:
    office = offices.start("a")
    for _ in range(2):
        office.proxy.terminate_child("a").get(timeout=PATIENCE)
    assert office.states() == {"a": "stopped"}


def test_a_temporary_child_that_is_terminated_is_forgotten(offices: Offices) -> None:
    office = offices.start(offices.spec("a", restart="temporary"))
    office.proxy.terminate_child("a").get(timeout=PATIENCE)
    assert office.states() == {}


def test_delete_child_forgets_a_child_that_has_ended(offices: Offices) -> None:
    office = offices.start("a")
    office.proxy.terminate_child("a").get(timeout=PATIENCE)
    office.proxy.delete_child("a").get(timeout=PATIENCE)
    assert office.states() == {}
    assert office.proxy.add_child(offices.spec("a")).get(timeout=PATIENCE).is_alive()


@pytest.mark.parametrize("method", ["restart_child", "delete_child"])
def test_a_running_child_is_neither_restarted_nor_deleted(offices: Offices, method: str) -> None:
    office = offices.start("a")
    with pytest.raises(RuntimeError, match="is running; terminate it first"):
        getattr(office.proxy, method)("a").get(timeout=PATIENCE)


@pytest.mark.parametrize(
    "method", ["get_child", "terminate_child", "restart_child", "delete_child"]
)
def test_a_child_that_is_not_known(offices: Offices, method: str) -> None:
    office = offices.start("a", "b")
    with pytest.raises(LookupError, match="has no child 'c'; it has 'a', 'b'"):
        getattr(office.proxy, method)("c").get(timeout=PATIENCE)


def test_counts(offices: Offices) -> None:
    office = offices.start("a", tree(offices, "b"), "c")
    office.proxy.terminate_child("a").get(timeout=PATIENCE)
    counts = office.proxy.count_children().get(timeout=PATIENCE)
    assert counts == ChildCounts(specs=3, active=2, supervisors=1, workers=2)


# --- the dynamic supervisor ---------------------------------------------------------------------


def dynamic(offices: Offices, **options: Any) -> Office:
    template = ChildSpec("worker", offices.worker, **options)
    return Office(DynamicSupervisor.start(template, max_restarts=1_000_000))


def add(office: Office, offices: Offices, name: str) -> Any:
    return office.proxy.add_child(name, offices.diary).get(timeout=PATIENCE)


def test_dynamic_children_get_the_arguments_of_the_template_and_their_own(
    offices: Offices,
) -> None:
    template = ChildSpec("worker", offices.worker, ["a"], {"does": {}})
    office = Office(DynamicSupervisor.start(template))
    for _ in range(2):
        ref = office.proxy.add_child(offices.diary).get(timeout=PATIENCE)
        assert ref.proxy().name.get(timeout=PATIENCE) == "a"
    assert office.proxy.count_children().get(timeout=PATIENCE).active == 2


def test_dynamic_children_are_restarted_one_for_one(offices: Offices, diary: Diary) -> None:
    office = dynamic(offices)
    a, b = (add(office, offices, name) for name in "ab")
    end(a, CRASH)
    assert a.ask(instance, timeout=PATIENCE) == 2
    assert b.ask(instance, timeout=PATIENCE) == 1
    end(b, KILL)
    wait_until(lambda: diary.instances["b"] == 2, "it is started anew")


@pytest.mark.parametrize("restart", ["transient", "temporary"])
def test_dynamic_children_that_have_ended_for_good_are_forgotten(
    offices: Offices, restart: str
) -> None:
    office = dynamic(offices, restart=restart)
    a, b = (add(office, offices, name) for name in "ab")
    end(a, STOP)

    def refs() -> list[Any]:
        return [info.ref for info in office.proxy.which_children().get(timeout=PATIENCE)]

    wait_until(lambda: refs() == [b], "it is forgotten")


def test_dynamic_children_are_terminated_by_ref_and_forgotten(offices: Offices) -> None:
    office = dynamic(offices)
    a, b = (add(office, offices, name) for name in "ab")
    assert office.proxy.terminate_child(a).get(timeout=PATIENCE) is True
    assert not a.is_alive()
    assert office.proxy.terminate_child(a).get(timeout=PATIENCE) is False
    assert office.proxy.terminate_child(office.ref).get(timeout=PATIENCE) is False
    assert [i.ref for i in office.proxy.which_children().get(timeout=PATIENCE)] == [b]


def test_a_dynamic_child_that_cannot_start_leaves_nothing_behind(offices: Offices) -> None:
    office = dynamic(offices)
    with pytest.raises(ChildStartError):
        office.proxy.add_child("a", offices.diary, {"on_start": crash}).get(timeout=PATIENCE)
    assert office.proxy.count_children().get(timeout=PATIENCE).specs == 0


@needs("blocking handlers")
def test_dynamic_children_stop_at_the_same_time(
    offices: Offices, diary: Diary, gate: Gate
) -> None:
    office = dynamic(offices)
    for name in "abc":
        added = office.proxy.add_child(name, diary, {"on_stop": gate})
        added.get(timeout=PATIENCE)
    stopped = office.ref.stop(block=False)
    assert sorted(names(diary, "on_stop", 3)) == ["a", "b", "c"]
    assert not stopped.done()
    gate.open()
    assert stopped.get(timeout=PATIENCE)


def test_a_dynamic_supervisor_gives_up_like_others(offices: Offices) -> None:
    template = ChildSpec("worker", offices.worker)
    office = Office(DynamicSupervisor.start(template, max_restarts=0))
    end(add(office, offices, "a"), CRASH)
    assert isinstance(office.reason().exception, RestartLimitError)


def test_declared_in_a_class(offices: Offices, diary: Diary) -> None:
    class Declared(Supervisor):
        child_specs = (offices.spec("a"), offices.spec("b"))
        strategy = "one_for_all"
        max_restarts = 1
        within = 1000

    class DeclaredDynamic(DynamicSupervisor):
        template = ChildSpec("worker", offices.worker)

    office = Office(Declared.start())
    fail(office)
    wait_until(lambda: diary.instances["b"] == 2, "all are restarted")
    office.wait_for(a="running", b="running")
    end(office.child("b"), CRASH)
    assert isinstance(office.reason().exception, RestartLimitError)
    assert add(Office(DeclaredDynamic.start()), offices, "c").is_alive()


# --- backoff ------------------------------------------------------------------------------------


def test_each_pause_is_longer_than_the_one_before_up_to_the_maximum(
    offices: Offices, diary: Diary, clock: ManualClock, system: pykka.ActorSystem
) -> None:
    backoff = Backoff(minimum=1, maximum=5, factor=2, jitter=0)
    office = offices.start(offices.spec("a", backoff=backoff), system=system)
    child = office.child("a")
    for number, pause in enumerate([1, 2, 4, 5, 5], start=1):
        end(child, CRASH)
        wait_until(lambda: clock.pending == 1, "it waits")
        clock.advance(pause - 0.001)
        assert office.states() == {"a": "restarting"}
        assert diary.instances["a"] == number
        clock.advance(0.001)
        assert child.ask(instance, timeout=PATIENCE) == number + 1


def test_the_pauses_grow_also_if_it_is_the_start_that_fails(
    offices: Offices, diary: Diary, clock: ManualClock, system: pykka.ActorSystem
) -> None:
    backoff = Backoff(minimum=1, maximum=100, factor=2, jitter=0, reset_after=10)
    spec = offices.spec("a", backoff=backoff, on_start=calls_in_turn(None, *[crash] * 5))
    office = offices.start(spec, system=system)
    clock.advance(50)
    end(office.child("a"), CRASH)
    for number, pause in enumerate([1, 2, 4, 8, 16, 32], start=1):
        wait_until(lambda: clock.pending == 1, "it waits")
        clock.advance(pause - 0.001)
        assert diary.instances["a"] == number
        clock.advance(0.001)
        wait_until(lambda n=number: diary.instances["a"] == n + 1, "it tries again")
    office.wait_for(a="running")


@pytest.mark.parametrize("start", [0, 5])
def test_after_a_calm_time_the_pauses_begin_again(
    offices: Offices, clock: ManualClock, system: pykka.ActorSystem, start: float
) -> None:
    clock.advance(start)
    backoff = Backoff(minimum=1, maximum=100, jitter=0, reset_after=10)
    office = offices.start(offices.spec("a", backoff=backoff), system=system)
    child = office.child("a")

    def crash_and_wait(pause: float) -> None:
        before = child.ask(instance, timeout=PATIENCE)
        end(child, CRASH)
        wait_until(lambda: clock.pending == 1, "it waits")
        clock.advance(pause - 0.001)
        assert office.states() == {"a": "restarting"}
        clock.advance(0.001)
        assert child.ask(instance, timeout=PATIENCE) == before + 1
        office.wait_for(a="running")

    crash_and_wait(1)
    clock.advance(9)
    crash_and_wait(2)
    clock.advance(10)
    crash_and_wait(1)


def test_one_that_was_killed_waits_too(
    offices: Offices, clock: ManualClock, system: pykka.ActorSystem
) -> None:
    backoff = Backoff(minimum=3, maximum=3, jitter=0)
    office = offices.start(offices.spec("a", backoff=backoff), system=system)
    former = office.child("a")
    end(former, KILL)
    wait_until(lambda: clock.pending == 1, "it waits")
    assert office.child("a") is None
    clock.advance(3)
    assert office.wait_for_new("a", former).is_alive()


def test_those_that_go_with_it_are_taken_down_before_the_pause(
    offices: Offices, diary: Diary, clock: ManualClock, system: pykka.ActorSystem
) -> None:
    backoff = Backoff(minimum=3, maximum=3, jitter=0)
    specs = [offices.spec("a", backoff=backoff), offices.spec("b", shutdown="infinity")]
    office = offices.start(*specs, system=system, strategy="one_for_all")
    end(office.child("a"), CRASH)
    wait_until(lambda: clock.pending == 1, "the pause has begun")
    assert office.states() == {"a": "restarting", "b": "restarting"}
    assert "b on_stop" in all_hooks(diary)
    clock.advance(3)
    office.wait_for(a="running", b="running")


# --- functions that make actors -----------------------------------------------------------------


def test_a_function_makes_each_instance(offices: Offices, diary: Diary) -> None:
    made: queue.SimpleQueue[int] = queue.SimpleQueue()

    def make(name: str, *, number: int) -> Any:
        made.put(number)
        return offices.worker(name, diary)

    office = offices.start(ChildSpec("a", make, ["a"], {"number": 7}))
    child = office.child("a")
    end(child, CRASH)
    assert child.ask(instance, timeout=PATIENCE) == 2
    end(child, KILL)
    office.wait_for_new("a", child)
    assert [made.get(timeout=PATIENCE) for _ in range(3)] == [7, 7, 7]


def test_a_function_that_fails_on_a_restart_is_called_again(
    offices: Offices, diary: Diary
) -> None:
    turn = calls_in_turn(None, crash, crash, None, crash, crash)

    def make() -> Any:
        turn(None)
        return offices.worker("a", diary)

    office = offices.start(ChildSpec("a", make))
    child = office.child("a")
    end(child, CRASH)
    assert child.ask(instance, timeout=PATIENCE) == 2
    end(child, KILL)
    assert office.wait_for_new("a", child).ask(instance, timeout=PATIENCE) == 3
    assert office.proxy.restarts().get(timeout=PATIENCE) == 6


def test_a_function_that_starts_its_actor(offices: Offices, diary: Diary) -> None:
    office = offices.start(ChildSpec("a", lambda: offices.worker.start("a", diary)), wait=False)
    reason = office.reason()
    assert isinstance(reason.exception.__cause__, TypeError)
    assert "has to make an actor that is not started, and returned <ActorRef" in str(
        reason.exception.__cause__
    )
    assert pykka.ActorRegistry.get_by_class(offices.worker) == []


def test_a_function_that_returns_the_same_actor_each_time(offices: Offices, diary: Diary) -> None:
    actor = offices.worker("a", diary)
    office = offices.start(ChildSpec("a", lambda: actor), wait=False)
    assert "it has to make a new one each time" in str(office.reason().exception.__cause__)


def test_a_function_that_makes_another_actor_first(offices: Offices, diary: Diary) -> None:
    helpers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def make() -> Any:
        helpers.put(offices.worker.start("helper", diary))
        return offices.worker("a", diary)

    office = offices.start(ChildSpec("a", make), wait=False)
    assert "and that first" in str(office.reason().exception.__cause__)
    helpers.get(timeout=PATIENCE).when_terminated().get(timeout=PATIENCE)


def test_a_class_may_start_a_helper_before_it_calls_the_init_of_its_base(
    offices: Offices, diary: Diary
) -> None:
    helper_class = offices.worker

    class WithHelper(offices.worker):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            helper = helper_class.start("helper", diary)
            super().__init__("a", diary)
            self.helper = helper

    office = offices.start(ChildSpec("a", WithHelper))
    child = office.child("a")
    end(child, CRASH)
    assert child.ask(instance, timeout=PATIENCE) == 2
