"""What becomes of actors is published, if a subscriber gets it."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.supervised import CrashError, crash, instance
from tests.leaks import PATIENCE, wait_until
from tests.tiers import unless_simulated

import pykka
from pykka.supervision import ChildSpec, RestartLimitError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conformance.agents import Diary, Gate
    from tests.conformance.supervised import Offices


class Seen:
    """Collects the events of a system, and those that make them."""

    def __init__(self, system: pykka.ActorSystem) -> None:
        self.events: list[pykka.LifecycleEvent] = []
        self.system = system
        system.events.subscribe(pykka.LifecycleEvent, self.events.append)

    def of(self, ref: pykka.ActorRef[Any]) -> list[pykka.LifecycleEvent]:
        """Those of one actor, when it has ended."""
        ref.when_terminated().get(timeout=PATIENCE)
        wait_until(
            lambda: any(
                isinstance(event, pykka.ActorEnded) and event.ref == ref
                for event in self.events.copy()
            ),
            "its end is published",
        )
        return [event for event in self.events.copy() if event.ref == ref]


@pytest.fixture
def seen() -> Iterator[Seen]:
    with pykka.ActorSystem(shutdown_timeout=PATIENCE) as system:
        yield Seen(system)


def test_an_actor_that_is_stopped(agent: Any, seen: Seen) -> None:
    ref = seen.system.start(agent)
    ref.stop()
    assert seen.of(ref) == [pykka.ActorStarted(ref), pykka.ActorEnded(ref, pykka.Stopped())]


def test_an_actor_that_is_killed(agent: Any, seen: Seen) -> None:
    ref = seen.system.start(agent)
    ref.kill()
    assert seen.of(ref) == [pykka.ActorStarted(ref), pykka.ActorEnded(ref, pykka.Killed())]


def test_an_actor_that_fails(offices: Offices, seen: Seen) -> None:
    ref = seen.system.start(offices.worker, "a", offices.diary)
    ref.tell(crash)
    started, failed, ended = seen.of(ref)
    assert started == pykka.ActorStarted(ref)
    assert type(failed) is pykka.ActorFailed
    assert isinstance(failed.exception, CrashError)
    assert isinstance(ended, pykka.ActorEnded)
    assert isinstance(ended.reason, pykka.Failed)


def test_an_actor_whose_start_hook_fails(offices: Offices, seen: Seen) -> None:
    does = {"on_start": crash}
    ref = seen.system.start(offices.worker, "a", offices.diary, does)
    kinds = [type(event) for event in seen.of(ref)]
    assert kinds == [pykka.ActorStarted, pykka.ActorFailed, pykka.ActorEnded]


def test_an_actor_that_is_restarted(offices: Offices, seen: Seen) -> None:
    child = offices.start("a", system=seen.system).child("a")
    child.tell(crash)
    assert child.ask(instance, timeout=PATIENCE) == 2
    child.stop()
    seen.system.shutdown(PATIENCE)
    kinds = [type(event) for event in seen.of(child)]
    assert kinds == [
        pykka.ActorStarted,
        pykka.ActorFailed,
        pykka.ActorRestarted,
        pykka.ActorEnded,
    ]
    (restarted,) = [e for e in seen.of(child) if isinstance(e, pykka.ActorRestarted)]
    assert isinstance(restarted.reason, pykka.Failed)


def test_a_new_instance_that_cannot_be_made(offices: Offices, seen: Seen, diary: Diary) -> None:
    def fail_the_second_time(worker: Any) -> None:
        if worker.number == 2:
            raise CrashError

    spec = ChildSpec("a", offices.worker, ["a", diary, {"__init__": fail_the_second_time}])
    child = offices.start(spec, system=seen.system, max_restarts=5).child("a")
    child.tell(crash)
    assert child.ask(instance, timeout=PATIENCE) == 3
    kinds = [type(event) for event in seen.events.copy() if event.ref == child]
    assert kinds == [
        pykka.ActorStarted,
        pykka.ActorFailed,
        pykka.ActorFailed,
        pykka.ActorRestarted,
    ]


def test_a_supervisor_that_gives_up(offices: Offices, seen: Seen) -> None:
    office = offices.start("a", system=seen.system, max_restarts=0)
    office.child("a").tell(crash)
    _started, gave_up, ended = seen.of(office.ref)
    assert isinstance(gave_up, pykka.SupervisorGaveUp)
    assert isinstance(gave_up.exception, RestartLimitError)
    assert isinstance(ended, pykka.ActorEnded)


def test_an_actor_that_is_abandoned(agent: Any, seen: Seen, gate: Gate, runtime: Any) -> None:
    if "blocking handlers" not in runtime.capabilities:
        pytest.skip("it would block the loop")
    ref = seen.system.start(agent)
    ref.tell(gate)
    gate.wait_until_entered()
    ref.kill(abandon_after=0)
    _started, ended = seen.of(ref)
    assert isinstance(ended, pykka.ActorEnded)
    assert isinstance(ended.reason, pykka.Abandoned)
    gate.open()


def test_a_start_that_is_refused(agent: Any, seen: Seen) -> None:
    seen.system.start(agent.options(name="only"))
    with pytest.raises(pykka.NameTakenError):
        seen.system.start(agent.options(name="only"))
    assert [type(event) for event in seen.events.copy()] == [pykka.ActorStarted]


def test_a_start_in_a_system_that_closes_meanwhile(agent: Any, seen: Seen) -> None:
    """The event of the start is published, so that of the end is, too."""
    system = seen.system
    system.events.subscribe(pykka.ActorStarted, lambda _event: setattr(system, "_ended", True))
    with pytest.raises(RuntimeError, match="has ended"):
        system.start(agent)
    started, ended = seen.events
    assert isinstance(started, pykka.ActorStarted)
    assert ended == pykka.ActorEnded(started.ref, pykka.Stopped())


@pytest.mark.pykka(allow=[CrashError])
def test_the_events_of_many_that_are_ended_in_all_ways_at_once(
    offices: Offices, seen: Seen
) -> None:
    """For each actor there is one start, which is first, and one end, which is last."""
    refs = [
        seen.system.start(offices.worker, str(n), offices.diary)
        for n in range(unless_simulated(40, 6))
    ]
    barrier = threading.Barrier(3)

    def end(how: Any) -> None:
        barrier.wait(PATIENCE)
        for ref in refs:
            with contextlib.suppress(pykka.ActorDeadError):
                how(ref)

    ways = [
        lambda ref: ref.stop(block=False),
        lambda ref: ref.kill(block=False),
        lambda ref: ref.tell(crash),
    ]
    threads = [threading.Thread(target=end, args=[way]) for way in ways]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    for ref in refs:
        events = seen.of(ref)
        assert events[0] == pykka.ActorStarted(ref)
        assert isinstance(events[-1], pykka.ActorEnded)
        assert sum(isinstance(e, (pykka.ActorStarted, pykka.ActorEnded)) for e in events) == 2
        assert len(events) <= 3


def test_a_subscriber_that_raises_harms_no_actor(agent: Any, seen: Seen, log: Any) -> None:
    def fail(_event: object) -> None:
        raise CrashError

    seen.system.events.subscribe(pykka.LifecycleEvent, fail)
    ref = seen.system.start(agent)
    ref.stop()
    assert len(seen.of(ref)) == 2
    log.wait_for("ERROR", "A subscriber to events raised", count=2)


def test_no_event_is_made_without_a_subscriber(
    agent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    monkeypatch.setattr(
        "pykka._system.life_events.LifecycleEvent.__init__", lambda *args: made.append(args)
    )
    with pykka.ActorSystem() as system:
        system.events.subscribe(int, made.append)  # to something else
        system.start(agent).stop()
    assert made == []
