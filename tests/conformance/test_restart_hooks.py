"""Hooks that announce a restart run only if that follows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import needs
from tests.conformance.supervised import CrashError, calls_in_turn, crash, instance
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka._lifecycle.kill import PART_FOR_THE_END, STOP_TIMEOUT
from pykka.resilience._backoff import Backoff
from pykka.supervision import ChildSpec, ChildStartError, RestartLimitError, Supervisor

if TYPE_CHECKING:
    from tests.conformance.agents import Diary, Gate
    from tests.conformance.supervised import Office, Offices
    from tests.conftest import Log

    from pykka.timers import ManualClock

pytestmark = pytest.mark.usefixtures("witness")

GRACE = STOP_TIMEOUT * PART_FOR_THE_END
"""The seconds that a killed actor has for its end."""


PAUSE = Backoff(minimum=10, maximum=10, jitter=0)


def hooks(diary: Diary) -> list[str]:
    """All that was noted so far, and has not been read."""
    return [f"{name} {what}" for name, what in diary.rest()]


def take_down(office: Office, name: str, clock: ManualClock) -> Any:
    """Have a child fail, and wait until the pause before its restart has begun."""
    child = office.child(name)
    child.tell(crash)
    wait_until(lambda: child._cell.extension.down and clock.pending, "it is down")
    return child


def test_the_hook_runs_after_the_pause_right_before_the_new_instance(
    offices: Offices, diary: Diary, clock: ManualClock, system: pykka.ActorSystem
) -> None:
    office = offices.start(offices.spec("a", backoff=PAUSE), system=system)
    child = take_down(office, "a", clock)
    assert hooks(diary) == ["a on_start", "a on_failure"]
    assert office.proxy.restarts().get(timeout=PATIENCE) == 0
    clock.advance(10)
    assert child.ask(instance, timeout=PATIENCE) == 2
    assert hooks(diary) == ["a pre_restart", "a post_restart", "a on_start"]
    assert office.proxy.restarts().get(timeout=PATIENCE) == 1


def test_not_if_there_were_too_many_restarts(offices: Offices, diary: Diary) -> None:
    office = offices.start("a", max_restarts=0)
    office.child("a").tell(crash)
    assert isinstance(office.reason().exception, RestartLimitError)
    assert hooks(diary) == ["a on_start", "a on_failure"]


def test_not_if_it_could_not_start_at_first(offices: Offices, diary: Diary) -> None:
    with pytest.raises(ChildStartError):
        Supervisor.start([offices.spec("a", on_start=crash)])
    assert hooks(diary) == ["a on_start", "a on_failure"]


def test_not_if_it_could_not_be_added(offices: Offices, diary: Diary) -> None:
    office = offices.start()
    with pytest.raises(ChildStartError):
        office.proxy.add_child(offices.spec("a", on_start=crash)).get(timeout=PATIENCE)
    assert hooks(diary) == ["a on_start", "a on_failure"]


@pytest.mark.parametrize("how", ["stop", "kill", "terminate", "kill the child"])
def test_not_if_something_else_comes_in_the_pause(
    offices: Offices, diary: Diary, clock: ManualClock, system: pykka.ActorSystem, how: str
) -> None:
    spec = offices.spec("a", backoff=PAUSE, restart="transient")
    office = offices.start(spec, "b", system=system)
    child = take_down(office, "a", clock)
    diary.rest()
    if how == "stop":
        office.ref.stop(timeout=PATIENCE)
    elif how == "kill":
        office.ref.kill()
    elif how == "terminate":
        office.proxy.terminate_child("a").get(timeout=PATIENCE)
    else:
        child.kill()
        office.proxy.terminate_child("a").get(timeout=PATIENCE)
    assert child.when_terminated().get(timeout=PATIENCE)
    assert not [hook for hook in hooks(diary) if "restart" in hook]


def test_not_for_those_that_would_have_gone_with_it(
    offices: Offices, diary: Diary, clock: ManualClock, system: pykka.ActorSystem
) -> None:
    """They are taken down with another one, and then nobody brings them up again."""
    office = offices.start(
        offices.spec("a", backoff=PAUSE), "b", strategy="one_for_all", system=system
    )
    take_down(office, "a", clock)
    office.wait_for(a="restarting", b="restarting")
    office.ref.stop(timeout=PATIENCE)
    assert hooks(diary) == ["a on_start", "b on_start", "a on_failure", "b on_stop"]


@needs("blocking handlers")
def test_not_if_another_one_hangs(
    offices: Offices, diary: Diary, gate: Gate, clock: ManualClock, system: pykka.ActorSystem
) -> None:
    """One that goes with it has to be abandoned, so the supervisor fails instead."""
    office = offices.start(
        "a", offices.spec("b", shutdown=3), strategy="one_for_all", system=system
    )
    office.child("b").tell(gate)
    gate.wait_until_entered()
    office.child("a").tell(crash)
    office.wait_for(b="stopping")
    clock.advance(3)
    clock.advance(GRACE)
    reason = office.reason()
    gate.open()
    assert "hangs" in str(reason.exception)
    assert "a pre_restart" not in hooks(diary)


def test_it_runs_once_however_often_the_new_instance_cannot_be_made(
    offices: Offices, diary: Diary
) -> None:
    turns = calls_in_turn(None, crash, crash)
    child = offices.start(offices.spec("a", __init__=turns)).child("a")
    child.tell(crash)
    assert child.ask(instance, timeout=PATIENCE) == 4
    assert hooks(diary) == [
        "a on_start",
        "a on_failure",
        "a pre_restart",
        "a post_restart",
        "a on_start",
    ]


@needs("blocking handlers")
def test_no_instance_is_made_if_it_is_killed_in_the_hook(
    offices: Offices, diary: Diary, gate: Gate
) -> None:
    spec = offices.spec("a", pre_restart=gate, restart="transient")
    office = offices.start(spec, max_restarts=1)
    child = office.child("a")
    child.tell(crash)
    gate.wait_until_entered()
    ended = child.kill(block=False)
    terminated = office.proxy.terminate_child("a")
    gate.open()
    ended.get(timeout=PATIENCE)
    terminated.get(timeout=PATIENCE)
    assert hooks(diary) == ["a on_start", "a on_failure", "a pre_restart"]
    assert diary.instances == {"a": 1}


def test_what_the_hook_starts_ends_before_the_new_instance(offices: Offices) -> None:
    def start(worker: Any) -> None:
        worker.start_child(pykka.PooledActor)

    child = offices.start(offices.spec("a", pre_restart=start)).child("a")
    child.tell(crash)
    assert child.ask(instance, timeout=PATIENCE) == 2
    assert child.ask(lambda worker: worker.children(), timeout=PATIENCE) == []


def test_a_hook_that_fails_does_not_keep_the_restart_from_coming(
    offices: Offices, log: Log
) -> None:
    child = offices.start(offices.spec("a", pre_restart=crash)).child("a")
    child.tell(crash)
    assert child.ask(instance, timeout=PATIENCE) == 2
    assert len(log.find("ERROR", "Unhandled exception")) == 2


@pytest.mark.parametrize("error", [CrashError(), ValueError("no")])
def test_what_is_logged_says_that_it_is_planned(
    offices: Offices, log: Log, clock: ManualClock, system: pykka.ActorSystem, error: Exception
) -> None:
    office = offices.start(offices.spec("a", backoff=PAUSE), system=system)
    office.child("a").tell(lambda _worker: raise_(error))
    [record] = log.wait_for("WARNING", "is about to restart its child 'a' in 10 s")
    assert re.search(r"because of (CrashError|ValueError)", record.message)


def raise_(error: Exception) -> None:
    raise error


def test_every_announcement_is_kept_in_a_tree_that_fails(offices: Offices, diary: Diary) -> None:
    """Whichever supervisor bears the failure, only what goes on was told so."""
    inner = ChildSpec(
        "inner",
        Supervisor,
        [[offices.spec("a"), offices.spec("b")]],
        {"max_restarts": 0, "strategy": "one_for_all"},
    )
    office = offices.start(inner, max_restarts=1)
    first = office.child("inner")
    first.proxy().get_child("a").get(timeout=PATIENCE).tell(crash)
    wait_until(lambda: diary.instances == {"a": 2, "b": 2}, "the inner one goes on")
    office.wait_for(inner="running")
    assert not [hook for hook in hooks(diary) if "restart" in hook]
