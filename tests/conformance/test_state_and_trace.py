"""An actor can be asked for its attributes, and what it handles can be noted."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import failing, needs
from tests.conformance.supervised import crash, instance
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka import debug
from pykka.resilience import Backoff

if TYPE_CHECKING:
    from tests.conformance.agents import Gate
    from tests.conformance.supervised import Offices
    from tests.conftest import Runtime

    from pykka.timers import ManualClock


@pytest.fixture
def ref(system: pykka.ActorSystem, agent: Any) -> pykka.ActorRef[Any]:
    return system.start(agent)


def outcomes(trace: debug.Trace) -> list[tuple[str, str, str | None]]:
    return [(each.message, each.outcome, each.detail) for each in trace.messages]


def settled(ref: pykka.ActorRef[Any]) -> None:
    """Wait until all that was sent before is handled, and noted."""
    wait_until(lambda: ref.statistics().waiting == 0, "nothing waits")
    debug.get_state(ref, timeout=PATIENCE)  # the actor comes to it after the message


# --- its state -----------------------------------------------------------------------------------


def test_the_state_is_a_copy_of_the_actors_attributes(runtime: Runtime) -> None:
    class Slotted:
        __slots__ = ("empty", "full")

    class Worker(runtime.actor_class, Slotted):  # type: ignore[name-defined, misc]
        shared = "of the class"

        def __init__(self) -> None:
            super().__init__()
            self.full = [1]
            self._own = "x"

        @property
        def computed(self) -> object:
            raise AssertionError("no code of the actor's runs")

    ref = Worker.start()
    state = debug.get_state(ref)
    assert state == {"full": [1], "_own": "x"}
    state.clear()
    assert debug.get_state(ref) == {"full": [1], "_own": "x"}
    ref.stop()


def test_it_is_taken_between_two_messages_and_before_those_that_wait(
    ref: pykka.ActorRef[Any], gate: Gate
) -> None:
    def change(agent: Any) -> None:
        agent.half = 1
        gate()
        del agent.half
        agent.whole = 1

    ref.tell(change)
    gate.wait_until_entered()
    ref.tell(lambda agent: setattr(agent, "whole", 2))
    state = debug.get_state(ref, block=False)
    assert not state.done()
    gate.open()
    found = state.get(timeout=PATIENCE)
    assert (found["whole"], "half" in found) == (1, False)


def test_a_busy_actor_is_named_with_what_it_handles(ref: pykka.ActorRef[Any], gate: Gate) -> None:
    ref.tell(gate)
    gate.wait_until_entered()
    with pytest.raises(
        pykka.Timeout, match=r"Agent .* has not come to it in 0\.01 seconds: it"
    ) as e:
        debug.get_state(ref, timeout=0.01)
    assert "handles <tests.conformance.agents.Gate object" in str(e.value)


def test_a_dead_actor_has_none(ref: pykka.ActorRef[Any]) -> None:
    ref.stop()
    with pytest.raises(pykka.ActorDeadError, match="not found"):
        debug.get_state(ref)
    with pytest.raises(pykka.ActorDeadError, match="not found"):
        debug.get_state(ref, block=False).get()


def test_one_that_ends_before_it_comes_to_it_says_so(ref: pykka.ActorRef[Any], gate: Gate) -> None:
    ref.tell(gate)
    gate.wait_until_entered()
    state = debug.get_state(ref, block=False)
    ended = ref.kill(block=False)
    gate.open()
    with pytest.raises(pykka.ActorDeadError, match="stopped before handling"):
        state.get(timeout=PATIENCE)
    ended.get(timeout=PATIENCE)


def test_an_actor_gets_its_own_at_once(ref: pykka.ActorRef[Any]) -> None:
    def look(agent: Any) -> Any:
        agent.half = 1
        return debug.get_state(agent.actor_ref)

    assert ref.ask(look, timeout=PATIENCE)["half"] == 1


def test_it_can_be_awaited(ref: pykka.ActorRef[Any]) -> None:
    async def look() -> dict[str, Any]:
        return await debug.get_state(ref, block=False)

    assert "diary" in asyncio.run(look())


def test_of_an_actor_that_is_down_it_is_what_failed(
    offices: Offices, system: pykka.ActorSystem
) -> None:
    spec = offices.spec("a", backoff=Backoff(minimum=10, maximum=10))
    worker = offices.start(spec, system=system).child("a")
    worker.tell(crash)
    wait_until(lambda: worker._cell.extension.down, "it is down")
    assert debug.get_state(worker, timeout=PATIENCE)["number"] == 1


# --- its messages --------------------------------------------------------------------------------


def test_messages_and_what_comes_of_them_are_noted(ref: pykka.ActorRef[Any]) -> None:
    trace = debug.trace(ref)
    ref.tell("told")
    ref.ask("asked", timeout=PATIENCE)
    ref.ask("asked", block=False).get()
    ref.proxy().run(str).get(timeout=PATIENCE)
    ref.proxy().diary.get(timeout=PATIENCE)
    ref.proxy().word = "w"
    ref.call(_answer, 1, n=2).get()
    with pytest.raises(ZeroDivisionError):
        ref.ask(_divide, timeout=PATIENCE)
    settled(ref)
    noted = outcomes(trace)
    assert [each[0] for each in noted[:5]] == [
        "'told'", "'asked'", "'asked'", "run(<class 'str'>)", "get .diary",
    ]  # fmt: skip
    assert [each[1] for each in noted] == ["handled", *["answered"] * 6, "failed"]
    assert noted[1][2] == "'asked'"
    assert noted[5] == ("set .word = 'w'", "answered", "None")
    assert noted[6] == ("call(_answer, 1, n=2)", "answered", "(1, 2)")
    assert noted[7][2] == "ZeroDivisionError('division by zero')"


def _answer(_agent: object, one: int, *, n: int) -> tuple[int, int]:
    return one, n


def _divide(_agent: object) -> float:
    return 1 / 0


def test_an_asker_that_has_the_answer_finds_it_in_the_trace(ref: pykka.ActorRef[Any]) -> None:
    trace = debug.trace(ref)
    for number in range(100):
        ref.ask(number, block=False).get(timeout=PATIENCE)
        assert outcomes(trace)[-1] == (str(number), "answered", str(number))


def test_what_is_being_handled_is_in_progress(ref: pykka.ActorRef[Any], gate: Gate) -> None:
    trace = debug.trace(ref)
    answer = ref.ask(gate, block=False)
    gate.wait_until_entered()
    [message] = trace.messages
    assert (message.outcome, message.detail, message.seconds) == ("in progress", None, None)
    gate.open()
    answer.get(timeout=PATIENCE)
    settled(ref)
    [message] = trace.messages
    assert (message.outcome, message.detail) == ("answered", "'opened'")


def test_times_are_those_of_the_systems_clock(
    ref: pykka.ActorRef[Any], clock: ManualClock
) -> None:
    clock.advance(100)
    trace = debug.trace(ref)
    clock.advance(2)
    ref.ask(lambda _agent: clock.advance(3), timeout=PATIENCE)
    settled(ref)
    [message] = trace.messages
    assert (message.at - clock.now(), message.seconds) == (-3, 3)
    lines = str(trace).splitlines()
    assert lines[0] == f"{ref._cell}, its last messages:"
    assert lines[1].startswith("  +2.000000 s  <function")
    assert lines[1].endswith("answered None (3 s)")


def test_only_the_last_ones_are_kept(ref: pykka.ActorRef[Any]) -> None:
    trace = debug.trace(ref, last=3)
    for number in range(100):
        ref.tell(number)
    settled(ref)
    assert [each.message for each in trace.messages] == ["97", "98", "99"]
    assert len(trace._log._entries) < 6


def test_it_can_be_switched_off_and_costs_nothing_then(
    ref: pykka.ActorRef[Any], runtime: Runtime
) -> None:
    settled(ref)
    before = type(ref._cell), getattr(ref._cell, "direct_call_ok", None)
    with debug.trace(ref) as trace, debug.trace(ref) as other:
        ref.ask("seen", timeout=PATIENCE)
        assert type(ref._cell) is not before[0]
        assert not getattr(ref._cell, "direct_call_ok", False)
        other.stop()
        ref.ask("seen by one", timeout=PATIENCE)
    other.stop()
    ref.ask("unseen", timeout=PATIENCE)
    settled(ref)
    assert [each.message for each in trace.messages] == ["'seen'", "'seen by one'"]
    assert [each.message for each in other.messages] == ["'seen'"]
    assert (type(ref._cell), getattr(ref._cell, "direct_call_ok", None)) == before


def test_a_failure_is_noted_and_the_trace_can_be_read_later(ref: pykka.ActorRef[Any]) -> None:
    trace = debug.trace(ref)
    ref.tell(failing(ValueError("oh")))
    ref.when_terminated().get(timeout=PATIENCE)
    [(_, outcome, result)] = outcomes(trace)
    assert (outcome, result) == ("failed", "ValueError('oh')")
    trace.stop()
    with pytest.raises(pykka.ActorDeadError):
        debug.trace(ref)


def test_a_stop_is_noted(ref: pykka.ActorRef[Any]) -> None:
    trace = debug.trace(ref)
    ref.stop()
    assert outcomes(trace) == [("stop()", "handled", None)]


def test_it_goes_on_over_restarts(offices: Offices) -> None:
    office = offices.start("a")
    worker = office.child("a")
    trace = debug.trace(worker)
    worker.tell(crash)
    assert worker.ask(instance, timeout=PATIENCE) == 2
    office.ref.stop()
    assert [each.outcome for each in trace.messages][:2] == ["failed", "answered"]


def test_a_message_that_is_set_aside_is_noted_each_time(
    agent: Any, system: pykka.ActorSystem
) -> None:
    class Keeper(agent):  # type: ignore[misc]
        stash_capacity = 1

    ref = system.start(Keeper)
    trace = debug.trace(ref)
    seen: list[int] = []

    def later(agent: Any) -> str:
        seen.append(1)
        if len(seen) == 1:
            agent.stash()
        return "done"

    answer = ref.ask(later, block=False)
    ref.ask(lambda agent: agent.unstash_all(), timeout=PATIENCE)
    assert answer.get(timeout=PATIENCE) == "done"
    settled(ref)
    assert [each.outcome for each in trace.messages] == ["set aside", "answered", "answered"]


def test_a_tick_stands_for_its_message(
    ref: pykka.ActorRef[Any], clock: ManualClock, gate: Gate
) -> None:
    trace = debug.trace(ref)
    ref.tell_after(1, "tick")
    late = ref.tell_after(2, "cancelled")
    ref.tell(gate)
    gate.wait_until_entered()
    clock.advance(2)
    assert late.cancel()
    gate.open()
    settled(ref)
    assert outcomes(trace)[1:] == [("'tick'", "handled", None), ("'cancelled'", "cancelled", None)]


def test_a_notice_of_death_is_noted_as_what_the_actor_gets(
    ref: pykka.ActorRef[Any], agent: Any
) -> None:
    other = agent.start()
    ref.ask(lambda agent: agent.watch(other), timeout=PATIENCE)
    trace = debug.trace(ref)
    other.stop()
    wait_until(lambda: bool(trace.messages), "it is told")
    assert trace.messages[0].message.startswith("Terminated(ref=<ActorRef for Agent")


def test_what_cannot_be_shown_harms_no_message(ref: pykka.ActorRef[Any]) -> None:
    class Shy:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    trace = debug.trace(ref)
    assert isinstance(ref.ask(Shy(), timeout=PATIENCE), Shy)
    settled(ref)
    text = "<Shy whose repr raised RuntimeError>"
    assert outcomes(trace) == [(text, "answered", text)]


def test_what_is_shown_is_short(ref: pykka.ActorRef[Any]) -> None:
    trace = debug.trace(ref)
    ref.ask("x" * 10_000, timeout=PATIENCE)
    ref.call(_count, *range(1000)).get()
    settled(ref)
    assert (
        max(len(text or "") for each in trace.messages for text in (each.message, each.detail))
        == 200
    )


def _count(_agent: object, *numbers: int) -> int:
    return len(numbers)


@needs("blocking handlers")
def test_senders_race_the_switch(ref: pykka.ActorRef[Any]) -> None:
    """Whatever is handled while the class of the cell changes is handled once."""
    answers: list[int] = []
    may_end = threading.Event()

    def send() -> None:
        number = 0
        while not may_end.is_set():
            answers.append(ref.ask(number) - number)
            number += 1

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(50):
        with debug.trace(ref, last=5) as trace:
            wait_until(lambda trace=trace: len(trace.messages) == 5, "messages are noted")
    may_end.set()
    for thread in threads:
        thread.join()
    assert answers
    assert not any(answers)


# --- bad use -------------------------------------------------------------------------------------


def test_a_router_is_no_single_actor(ref: pykka.ActorRef[Any]) -> None:
    router: Any = pykka.routing.RoundRobin([ref])
    for look in (debug.get_state, debug.trace):
        with pytest.raises(TypeError, match="stands for several; take its routees"):
            look(router)


def test_what_is_no_ref_is_refused(ref: pykka.ActorRef[Any]) -> None:
    wrong: Any = ref.proxy()
    for look in (debug.get_state, debug.trace):
        with pytest.raises(TypeError, match=f"{look.__name__}"):
            look(wrong)
