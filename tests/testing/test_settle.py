"""Waiting until nothing happens any more in a system."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE

import pykka
from pykka import simulation
from pykka.resilience import Backoff
from pykka.supervision import ChildSpec, Supervisor
from pykka.testing import Probe, SystemUnderTest, settle
from pykka.testing import _settle as settling
from pykka.timers import Clock, ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RUNTIMES = [pykka.ThreadingActor, pykka.PooledActor, pykka.AsyncioActor]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def system(clock: ManualClock) -> Iterator[SystemUnderTest]:
    with SystemUnderTest(clock=clock, shutdown_timeout=PATIENCE) as system:
        yield system


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_all_that_follows_from_a_message_has_been_done(
    runtime: type[pykka.Actor], system: SystemUnderTest
) -> None:
    class Passes(runtime):  # type: ignore[misc, valid-type]
        count = 0
        other: Any = None

        def on_receive(self, message: Any) -> None:
            self.count += 1
            if isinstance(message, int):
                if message:
                    self.other.tell(message - 1)
            else:
                self.other = message

    one, other = system.start(Passes), system.start(Passes)
    one.tell(other)
    other.tell(one)
    for _ in range(3):
        one.tell(50)
    system.settle(PATIENCE)
    counts = [ref.proxy().count.get(timeout=PATIENCE) for ref in (one, other)]
    assert counts == [1 + 3 * 26, 1 + 3 * 25]
    assert one.statistics().waiting == 0


def test_what_is_due_is_rung_and_what_is_due_later_is_not(
    system: SystemUnderTest, clock: ManualClock
) -> None:
    probe = Probe(system)
    probe.ref.tell_after(0, "now")
    probe.ref.tell_after(1, "later")
    system.settle()
    probe.expect("now", within=0)
    clock.advance(1)
    system.settle()
    probe.expect("later", within=0)


def test_with_a_real_clock_what_is_due_is_rung() -> None:
    with SystemUnderTest(shutdown_timeout=PATIENCE) as system:
        probe = Probe(system)
        probe.ref.tell_after(0, "now")
        system.settle()
        probe.expect("now", within=0)


def test_a_clock_of_the_users_is_left_alone() -> None:
    class Stopped(Clock):
        def now(self) -> float:
            return 0.0

        def schedule(self, when: float, alarm: Any) -> None:
            """Never ring it."""

    system = SystemUnderTest(clock=Stopped())
    probe = Probe(system)
    probe.ref.tell("hello")
    system.settle()
    probe.expect("hello", within=0)
    system.shutdown()


class Works(pykka.ThreadingActor):
    """Does what it is told, and ends a wait if that is a future."""

    def on_receive(self, message: Callable[[], Any]) -> Any:
        return message()


def test_who_waits_for_an_answer_is_at_rest(system: SystemUnderTest) -> None:
    probe, works = Probe(system), system.start(Works)
    works.tell(lambda: probe.ref.tell(probe.ref.ask("how much?")))
    system.settle(PATIENCE)
    probe.expect("how much?", within=0)
    before = works.statistics().waiting
    system.settle(PATIENCE)
    assert works.statistics().waiting == before  # it was not sent any looks
    probe.reply(7)
    system.settle(PATIENCE)
    probe.expect(7, within=0)


def test_who_is_at_work_is_named(system: SystemUnderTest) -> None:
    gate, begun = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        gate.wait()

    works = system.start(Works)
    works.tell(work)
    assert begun.wait(PATIENCE)
    with pytest.raises(pykka.Timeout, match=r"(?s)not settled within 0.05 seconds: Works.*work"):
        system.settle(0.05)
    gate.set()
    system.settle(PATIENCE)


def test_those_that_go_on_for_ever_are_named(system: SystemUnderTest) -> None:
    class Goes(pykka.PooledActor):
        def on_receive(self, message: Any) -> None:
            self.actor_ref.tell(message)

    ref = system.start(Goes)
    ref.tell("on")
    with pytest.raises(pykka.Timeout, match=r"not settled within 0\.05 seconds"):
        system.settle(0.05)
    ref.kill()


def test_who_is_down_is_at_rest_until_it_is_started_again(
    system: SystemUnderTest, clock: ManualClock
) -> None:
    spec = ChildSpec("works", Works, backoff=Backoff(minimum=5, jitter=0))
    boss = system.start(Supervisor, [spec], max_restarts=5)
    works = boss.proxy().get_child("works").get(timeout=PATIENCE)
    probe = Probe(system)
    works.tell(lambda: 1 / 0)
    works.tell(lambda: probe.ref.tell("again"))
    system.settle(PATIENCE)
    probe.expect_none()
    clock.advance(60)
    system.settle(PATIENCE)
    probe.expect("again", within=0)


def test_who_ends_meanwhile_is_at_rest(system: SystemUnderTest) -> None:
    refs = [system.start(Works) for _ in range(3)]
    letters: list[Any] = []
    system.dead_letters.subscribe(letters.append)
    gate = threading.Event()
    refs[0].tell(gate.wait)
    refs[0].stop(block=False)
    refs[1].stop()
    threading.Timer(0, gate.set).start()
    system.settle(PATIENCE)
    assert [ref.is_alive() for ref in refs] == [False, False, True]
    assert letters == []  # a look is none


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("ends_by", ["stop", "kill", "failure"])
def test_who_ends_is_at_work_until_all_its_messages_are_accounted_for(
    system: SystemUnderTest, runtime: type[pykka.Actor], ends_by: str
) -> None:
    """Although it is closed, and `get_all()` does not know it any more."""
    gate, begun, seen = threading.Event(), threading.Event(), threading.Event()
    letters: list[Any] = []

    class Ends(runtime):  # type: ignore[misc, valid-type]
        def on_receive(self, message: Any) -> None:
            begun.set()
            assert gate.wait(PATIENCE)
            if ends_by == "failure":
                raise ValueError(message)

    def hear(letter: Any) -> None:
        seen.set()
        assert opened.wait(PATIENCE)
        letters.append(letter)

    opened = threading.Event()
    system.dead_letters.subscribe(hear)
    ref = system.start(Ends)
    ref.tell("first")
    assert begun.wait(PATIENCE)
    if ends_by == "stop":
        ref.stop(block=False)
    ref.tell("second")
    if ends_by == "kill":
        ref.kill(block=False)
    gate.set()
    assert seen.wait(PATIENCE)
    assert system.get_all() == []
    with pytest.raises(pykka.Timeout, match="Ends"):
        system.settle(0.05)
    opened.set()
    system.settle(PATIENCE)
    assert len(letters) == 1


def test_one_with_priorities_is_asked_again_until_it_is_through(system: SystemUnderTest) -> None:
    gate, heard = threading.Event(), []

    class Urgent(pykka.ThreadingActor):
        default_inbox = pykka.inboxes.Priority(key=lambda message: message)

        def on_receive(self, message: Any) -> None:
            if not message:
                gate.wait()
            heard.append(message)

    ref = system.start(Urgent)
    for number in range(5):
        ref.tell(number)
    threading.Timer(0, gate.set).start()
    system.settle(PATIENCE)
    assert sorted(heard) == list(range(5))


def test_no_actor_of_the_system_can_wait_for_that(system: SystemUnderTest) -> None:
    works = system.start(Works)
    with pytest.raises(RuntimeError, match=r"Works .* cannot wait until its own system"):
        works.ask(system.settle, timeout=PATIENCE)


def test_the_default_system_is_meant_if_none_is_given() -> None:
    ref = Works.start()
    heard: list[int] = []
    ref.tell(lambda: heard.append(1))
    settle()
    assert heard == [1]
    ref.stop()
    wrong: Any = ref
    with pytest.raises(TypeError, match=r"settle\(\) takes an ActorSystem, or None"):
        settle(wrong)


def test_in_a_simulated_run_the_scheduler_knows() -> None:
    def main() -> None:
        probe = Probe()
        works = Works.start()
        works.tell(lambda: probe.ref.tell("hello"))
        settle()
        probe.expect("hello", within=0)

    simulation.explore(main, runs=20).check()


def test_one_round_is_not_enough(system: SystemUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the looks at two actors, the second sends the first one something."""
    gate, heard = threading.Event(), []
    first, second = system.start(Works), system.start(Works)
    rounds: list[int] = []
    look = settling._look_at_all

    def look_at_all(*args: Any) -> Any:
        rounds.append(len(heard))
        found = look(*args)
        if len(rounds) == 1:  # all have answered; now something comes before the next round
            second.ask(lambda: first.tell(lambda: (gate.wait(PATIENCE), heard.append(1))))
            threading.Timer(0, gate.set).start()
        return found

    monkeypatch.setattr(settling, "_look_at_all", look_at_all)
    system.settle(PATIENCE)
    assert heard == [1]
    assert len(rounds) == 3
