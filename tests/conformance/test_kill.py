"""Killing an actor: at once after the current message, or never mind what it hangs in."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import Gate, failing, needs
from tests.leaks import PATIENCE, wait_until
from tests.tiers import unless_simulated

import pykka
from pykka._cell.reasons import Abandoned, Failed, Killed, Stopped
from pykka._deadlock import stacks
from pykka._util.gil import HAS_GIL
from pykka.timers import ManualClock

if TYPE_CHECKING:
    from tests.conformance.agents import Diary
    from tests.conftest import Log, Runtime


pytestmark = pytest.mark.usefixtures("witness")


class Letters:
    """What a system reports as dead letters."""

    def __init__(self, system: Any) -> None:
        self.messages: list[Any] = []
        system.dead_letters.subscribe(lambda letter: self.messages.append(letter.message))


# --- after the current message ------------------------------------------------------------------


def test_a_killed_actor_ends_with_its_stop_hook(agent: Any, diary: Diary) -> None:
    ref = agent.start(diary)
    assert ref.kill() is True
    assert diary.read(2) == ["on_start", "on_stop"]
    assert not ref.is_alive()
    assert ref.when_terminated().get(timeout=PATIENCE) == Killed()
    assert pykka.ActorRegistry.get_all() == []
    assert ref.kill() is False
    assert ref.kill(block=False).get(timeout=PATIENCE) is False
    assert diary.rest() == []


def test_what_waits_is_answered_or_becomes_dead_letters(
    agent: Any, gate: Gate, system: pykka.ActorSystem
) -> None:
    letters = Letters(system)
    ref = system.start(agent)
    current = ref.ask(gate, block=False)
    gate.wait_until_entered()
    ref.tell("told")
    asked = ref.ask("asked", block=False)
    stopped = ref.stop(block=False)
    killed = ref.kill(block=False)
    assert not ref.is_alive()
    with pytest.raises(pykka.ActorDeadError):
        ref.tell("too late")
    gate.open()
    assert killed.get(timeout=PATIENCE) is True
    assert current.get(timeout=PATIENCE) == "opened"  # the current message is handled
    assert stopped.get(timeout=PATIENCE) is True
    with pytest.raises(pykka.ActorDeadError):
        asked.get(timeout=PATIENCE)
    assert letters.messages == ["told"]


@pytest.mark.usefixtures("untraced")
def test_a_kill_overtakes_100_000_messages(
    agent: Any, gate: Gate, system: pykka.ActorSystem
) -> None:
    ref = system.start(agent)
    ref.tell(gate)
    gate.wait_until_entered()
    many = unless_simulated(100_000, 100)
    for number in range(many):
        ref.tell(number)
    killed = ref.kill(block=False)
    gate.open()
    assert killed.get(timeout=PATIENCE) is True
    # Several threads may bury, and the last of them may not be through.
    wait_until(lambda: system.dead_letters.statistics().total == many, "all are buried")


def test_a_stop_keeps_its_place_in_the_queue(agent: Any, gate: Gate, diary: Diary) -> None:
    ref = agent.start(diary)
    ref.tell(gate)
    for number in range(3):
        ref.tell(lambda me, number=number: me.diary.note(number))
    stopped = ref.stop(block=False)
    gate.open()
    assert stopped.get(timeout=PATIENCE)
    assert diary.rest() == ["on_start", 0, 1, 2, "on_stop"]
    assert ref.when_terminated().get(timeout=0) == Stopped()


def test_killed_in_on_start(agent: Any, gate: Gate, diary: Diary) -> None:
    class Slow(agent):  # type: ignore[misc]
        def on_start(self) -> None:
            gate()
            super().on_start()

    ref = Slow.start(diary)
    ref.tell("never handled")
    gate.wait_until_entered()
    killed = ref.kill(block=False)
    gate.open()
    assert killed.get(timeout=PATIENCE)
    assert diary.rest() == ["on_start", "on_stop"]
    assert ref.when_terminated().get(timeout=0) == Killed()


def test_killed_while_it_stops(agent: Any, gate: Gate, diary: Diary) -> None:
    """The stop came first."""

    class Slow(agent):  # type: ignore[misc]
        def on_stop(self) -> None:
            gate()
            super().on_stop()

    ref = Slow.start(diary)
    stopped = ref.stop(block=False)
    gate.wait_until_entered()
    killed = ref.kill(block=False)
    gate.open()
    assert killed.get(timeout=PATIENCE) is True
    assert stopped.get(timeout=PATIENCE) is True
    assert diary.rest() == ["on_start", "on_stop"]
    assert ref.when_terminated().get(timeout=0) == Stopped()


def test_killed_while_it_handles_what_it_crashes_at(agent: Any, gate: Gate, diary: Diary) -> None:
    error = ValueError("no")

    def hold_and_fail(_agent: object) -> None:
        gate()
        raise error

    ref = agent.start(diary)
    ref.tell(hold_and_fail)
    gate.wait_until_entered()
    killed = ref.kill(block=False)
    gate.open()
    assert killed.get(timeout=PATIENCE) is True
    assert diary.rest() == ["on_start", "on_failure"]
    reason = ref.when_terminated().get(timeout=0)
    assert isinstance(reason, Failed)
    assert str(reason.exception) == "no"


def test_a_late_kill_does_not_change_the_reason(agent: Any) -> None:
    ref = agent.start()
    ref.stop(timeout=PATIENCE)
    ref.kill()
    assert ref.when_terminated().get(timeout=0) == Stopped()
    ref = agent.start()
    ref.tell(failing(ValueError("no")))
    assert isinstance(ref.when_terminated().get(timeout=PATIENCE), Failed)
    ref.kill(abandon_after=0)
    assert isinstance(ref.when_terminated().get(timeout=0), Failed)


def test_an_actor_that_kills_itself_and_waits_is_refused(agent: Any) -> None:
    ref = agent.start()
    asked = ref.ask(lambda me: me.actor_ref.kill(), block=False)
    with pytest.raises(pykka.DeadlockError):
        asked.get(timeout=PATIENCE)
    assert ref.when_terminated().get(timeout=PATIENCE) == Killed()


def test_an_actor_can_kill_itself_without_waiting(agent: Any, diary: Diary) -> None:
    ref = agent.start(diary)
    ref.tell(lambda me: me.actor_ref.kill(block=False))
    assert ref.when_terminated().get(timeout=PATIENCE) == Killed()
    assert diary.rest() == ["on_start", "on_stop"]


@pytest.mark.parametrize("wrong", [-1, float("nan")])
def test_a_deadline_that_is_none_is_refused(agent: Any, wrong: float) -> None:
    ref = agent.start()
    with pytest.raises(ValueError):  # noqa: PT011
        ref.kill(abandon_after=wrong)
    assert ref.is_alive()


@needs("blocking handlers")
@pytest.mark.pykka(allow=[ValueError])
def test_kills_stops_and_crashes_that_race_each_other_have_one_end(
    agent: Any, system: pykka.ActorSystem
) -> None:
    for number in range(unless_simulated(150, 3)):
        diary: queue.SimpleQueue[str] = queue.SimpleQueue()

        class Noting(agent):  # type: ignore[misc]
            def on_start(self) -> None:
                pass

            def on_stop(self, diary: Any = diary) -> None:
                diary.put("on_stop")

            def on_failure(self, *_args: object, diary: Any = diary) -> None:
                diary.put("on_failure")

        ref = system.start(Noting)
        ready = threading.Barrier(4)
        reasons: list[Any] = []

        def at_once(function: Any, ready: Any = ready) -> threading.Thread:
            def run() -> None:
                ready.wait(PATIENCE)
                with contextlib.suppress(pykka.ActorDeadError):
                    function()

            thread = threading.Thread(target=run)
            thread.start()
            return thread

        threads = [
            at_once(ref.kill),
            at_once(ref.stop),
            at_once(lambda ref=ref: ref.tell(failing(ValueError("no")))),
            at_once(lambda ref=ref, reasons=reasons: reasons.append(ref.when_terminated().get())),
        ]
        for thread in threads:
            thread.join(PATIENCE)
        assert diary.qsize() == 1, f"round {number}"
        expected = (Failed,) if diary.get() == "on_failure" else (Stopped, Killed)
        assert isinstance(reasons[0], expected)
        assert type(ref.when_terminated().get(timeout=0)) is type(reasons[0])


# --- with a deadline ----------------------------------------------------------------------------


def test_a_deadline_that_is_not_needed_makes_no_difference(
    agent: Any, clock: ManualClock, system: pykka.ActorSystem
) -> None:
    ref = system.start(agent)
    assert ref.kill(abandon_after=1) is True
    clock.advance(10)
    assert ref.when_terminated().get(timeout=0) == Killed()
    assert clock.pending == 0


class Stuck:
    """An actor that hangs in a message, and is watched."""

    def __init__(self, agent: Any, gate: Gate, system: pykka.ActorSystem, **hooks: Any) -> None:
        self.seen: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.gate = gate
        self.hooks: list[str] = []
        self.class_ = type("Stuck", (agent,), {})
        stuck = self

        class Stuck(agent):  # type: ignore[misc]
            def on_start(self) -> None:
                hooks.get("on_start", lambda: None)()

            def on_stop(self) -> None:
                stuck.hooks.append("on_stop")
                hooks.get("on_stop", lambda: None)()

            def on_failure(self, *_args: object) -> None:
                stuck.hooks.append("on_failure")

        class Watcher(pykka.ThreadingActor):
            def on_start(self) -> None:
                self.watch(stuck.ref)

            def on_receive(self, message: Any) -> None:
                stuck.seen.put(message)

        self.ref = system.start(Stuck)
        self.watcher = system.start(Watcher)
        self.watcher.ask("ready")
        self.seen.get(timeout=PATIENCE)

    def terminated(self) -> pykka.Terminated:
        found: pykka.Terminated = self.seen.get(timeout=PATIENCE)
        assert found.ref == self.ref
        return found


def hang_in_handler(gate: Gate, outcome: BaseException | str) -> Any:
    def handle(_agent: object) -> object:
        gate()
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    return handle


def is_free(thread: threading.Thread | None, ref: pykka.ActorRef[Any]) -> bool:
    """Tell whether a thread has ended, or the workers of the actor's pool all sit."""
    assert thread is not None
    pool = getattr(ref._cell, "pool", None)
    if pool is not None:
        return bool(pool.is_quiet())
    if isinstance(thread, threading._DummyThread):  # it was not started by `threading`
        return stacks.read_stacks(lambda found: thread.ident not in found)
    return not thread.is_alive()


class Quit(BaseException):
    """A BaseException of a program's own."""


@needs("blocking handlers")
@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("outcome", ["late", ValueError("late"), Quit()], ids=repr)
def test_a_handler_that_hangs_is_abandoned_and_what_it_does_later_is_dropped(
    agent: Any,
    gate: Gate,
    clock: ManualClock,
    system: pykka.ActorSystem,
    *,
    log: Log,
    outcome: Any,
    asked: bool,
) -> None:
    letters = Letters(system)
    stuck = Stuck(agent, gate, system)
    bystander = system.start(agent)
    ref = stuck.ref
    message = hang_in_handler(gate, outcome)
    answer = ref.ask(message, block=False) if asked else ref.tell(message)
    gate.wait_until_entered()
    ref.tell("left behind")
    question = ref.ask("left behind, too", block=False)
    killed = ref.kill(abandon_after=5, block=False)
    clock.advance(4.9)
    assert not killed.done()
    clock.advance(0.1)
    assert killed.get(timeout=PATIENCE) is True
    if asked:
        with pytest.raises(pykka.ActorDeadError, match="was abandoned while it handled"):
            answer.get(timeout=PATIENCE)
    with pytest.raises(pykka.ActorDeadError):
        question.get(timeout=PATIENCE)
    assert letters.messages == ["left behind"]
    reason = stuck.terminated().reason
    assert isinstance(reason, Abandoned)
    assert reason == ref.when_terminated().get(timeout=0)
    if HAS_GIL:
        assert reason.place is not None
        assert reason.place.filename.endswith("agents.py")
    (record,) = log.find("ERROR", "was abandoned")
    assert ("agents.py" if HAS_GIL else "a place unknown") in record.message
    assert "hang_in_handler" in record.message  # the message that it handles
    assert not ref.is_alive()
    assert ref not in system.get_all()
    assert ref._cell not in system.everybody()
    assert ref._actor is None

    gate.open()  # now the code goes on
    wait_until(lambda: is_free(gate.thread, ref), "the thread is free")
    assert bystander.ask("still here?", timeout=PATIENCE) == "still here?"
    if asked:
        with pytest.raises(pykka.ActorDeadError):
            answer.get(timeout=0)
    assert ref.when_terminated().get(timeout=0) == reason
    assert stuck.hooks == []
    assert stuck.seen.empty()
    assert len(log.find("ERROR")) == 1


@needs("blocking handlers")
def test_on_start_that_hangs_is_abandoned(
    agent: Any, gate: Gate, clock: ManualClock, system: pykka.ActorSystem
) -> None:
    stuck = Stuck(agent, gate, system, on_start=gate)
    gate.wait_until_entered()
    killed = stuck.ref.kill(abandon_after=1, block=False)
    clock.advance(1)
    assert killed.get(timeout=PATIENCE)
    assert isinstance(stuck.terminated().reason, Abandoned)
    gate.open()
    assert system.start(agent).ask(1, timeout=PATIENCE) == 1
    assert stuck.hooks == []


@needs("blocking handlers")
@pytest.mark.parametrize("way", ["kill", "stop"])
def test_a_last_hook_that_hangs_is_abandoned(
    agent: Any, gate: Gate, clock: ManualClock, system: pykka.ActorSystem, way: str
) -> None:
    """The reason says that the code is still running, although the end had begun before."""
    stuck = Stuck(agent, gate, system, on_stop=gate)
    if way == "stop":
        stopped = stuck.ref.stop(block=False)
        gate.wait_until_entered()
    killed = stuck.ref.kill(abandon_after=1, block=False)
    gate.wait_until_entered()
    clock.advance(1)
    assert killed.get(timeout=PATIENCE)
    if way == "stop":
        assert stopped.get(timeout=PATIENCE) is True
    assert isinstance(stuck.terminated().reason, Abandoned)
    assert isinstance(stuck.ref.when_terminated().get(timeout=0), Abandoned)
    gate.open()
    assert stuck.hooks == ["on_stop"]


@needs("blocking handlers")
def test_other_actors_of_the_runtime_go_on(
    runtime: Runtime, clock: ManualClock, system: pykka.ActorSystem
) -> None:
    class Counter(runtime.actor_class):  # type: ignore[name-defined, misc]
        def on_receive(self, message: Any) -> Any:
            return message() if callable(message) else message

    gates = [Gate() for _ in range(5)]
    refs = [system.start(Counter) for _ in gates]
    for ref, gate in zip(refs, gates, strict=True):
        ref.tell(gate)
    for gate in gates:
        gate.wait_until_entered()
    ends = [ref.kill(abandon_after=1, block=False) for ref in refs]
    others = [system.start(Counter) for _ in range(20)]
    clock.advance(1)
    assert [end.get(timeout=PATIENCE) for end in ends] == [True] * 5
    assert [other.ask(1, timeout=PATIENCE) for other in others] == [1] * 20
    for gate in gates:
        gate.open()
    assert [other.ask(1, timeout=PATIENCE) for other in others] == [1] * 20


@pytest.mark.parametrize("swallows", [False, True])
def test_what_an_actor_in_a_loop_awaits_is_cancelled(
    clock: ManualClock,
    system: pykka.ActorSystem,
    swallows: bool,
) -> None:
    news: queue.SimpleQueue[str] = queue.SimpleQueue()

    class Hangs(pykka.AsyncioActor):
        async def on_receive(self, _message: object) -> None:
            news.put("hangs")
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                news.put("cancelled")
                if swallows:
                    await asyncio.get_running_loop().create_future()
                raise

        async def on_stop(self) -> None:
            news.put("on_stop")

    ref = system.start(Hangs)
    asked = ref.ask("hang", block=False)
    assert news.get(timeout=PATIENCE) == "hangs"
    killed = ref.kill(abandon_after=1, block=False)
    assert news.get(timeout=PATIENCE) == "cancelled"
    if swallows:
        clock.advance(1)
    assert killed.get(timeout=PATIENCE)
    with pytest.raises(pykka.ActorDeadError):
        asked.get(timeout=PATIENCE)
    reason: Any = ref.when_terminated().get(timeout=0)
    assert isinstance(reason, Abandoned if swallows else Killed)
    if not swallows:
        assert news.get(timeout=PATIENCE) == "on_stop"
    task = ref._cell.task
    wait_until(lambda: task is None or task.done(), "the task ends")
    assert news.empty()


@needs("blocking handlers")
def test_a_message_of_the_users_with_a_reply_to_of_its_own_is_left_alone(
    runtime: Runtime, gate: Gate, clock: ManualClock, system: pykka.ActorSystem
) -> None:
    class Question:
        def __init__(self) -> None:
            self.reply_to: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()

    class Answers(runtime.actor_class):  # type: ignore[name-defined, misc]
        def on_receive(self, message: Question) -> None:
            gate()
            message.reply_to.set("answer")

    question = Question()
    ref = system.start(Answers)
    ref.tell(question)
    gate.wait_until_entered()
    killed = ref.kill(abandon_after=0, block=False)
    clock.advance(0)
    assert killed.get(timeout=PATIENCE)
    gate.open()
    assert question.reply_to.get(timeout=PATIENCE) == "answer"


@needs("blocking handlers")
def test_the_children_of_an_abandoned_actor_do_not_live_on(
    agent: Any, gate: Gate, clock: ManualClock, system: pykka.ActorSystem
) -> None:
    parent = system.start(agent)
    children = [parent.ask(lambda me: me.start_child(agent)) for _ in range(3)]

    def hang_and_start(me: Any) -> None:
        gate()
        try:
            me.start_child(agent)
        except pykka.ActorDeadError:
            late.put("refused")

    late: queue.SimpleQueue[str] = queue.SimpleQueue()
    parent.tell(hang_and_start)
    gate.wait_until_entered()
    killed = parent.kill(abandon_after=1, block=False)
    clock.advance(1)
    assert killed.get(timeout=PATIENCE)
    for child in children:
        assert child.when_terminated().get(timeout=PATIENCE) == Stopped()
    gate.open()
    assert late.get(timeout=PATIENCE) == "refused"
    wait_until(lambda: system.get_all() == [], "nobody is left")


def test_what_hangs_is_abandoned_by_default(agent: Any, gate: Gate) -> None:
    """No killer waits for ever, unless that is said."""
    clock = ManualClock()
    with pykka.ActorSystem(clock=clock, shutdown_timeout=PATIENCE) as system:
        stuck, patient = system.start(agent), system.start(agent)
        other_gate = Gate()
        stuck.tell(other_gate)
        other_gate.wait_until_entered()
        patient.tell(gate)
        if not issubclass(agent, pykka.AsyncioActor):  # whose loop is held up by the other one
            gate.wait_until_entered()
        killed, other = stuck.kill(block=False), patient.kill(abandon_after=None, block=False)
        clock.advance(4.9)
        assert not killed.done()
        clock.advance(1.2)  # an end in an event loop is given a second more
        assert killed.get(timeout=PATIENCE) is True
        assert isinstance(stuck.when_terminated().get(timeout=PATIENCE), pykka.Abandoned)
        clock.advance(1_000_000)
        assert not other.done()
        for each in (gate, other_gate):
            each.open()
        assert other.get(timeout=PATIENCE) is True


def test_the_former_name_of_that_goes_on_to_work(agent: Any) -> None:
    ref = agent.start()
    with pytest.warns(DeprecationWarning, match=r"kill\(abandon_after=...\) now") as caught:
        assert ref.kill(deadline=PATIENCE) is True
    assert caught[0].filename == __file__
    router = pykka.routing.RoundRobin([ref])
    with pytest.warns(DeprecationWarning, match="abandon_after"):
        assert router.kill(deadline=None) is False
    with pytest.raises(ValueError, match="deadline has to be"):
        ref.kill(deadline=-1)
