"""Instruments are told of each message, and of what becomes of actors, on every runtime."""

from __future__ import annotations

import inspect
import sys
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import Gate, failing
from tests.conformance.supervised import CrashError, crash, instance
from tests.leaks import PATIENCE, wait_until
from tests.tiers import unless_simulated

import pykka
from pykka import debug, instruments
from pykka._cell.cell import Cell
from pykka._cell.metering import Meter
from pykka._lifecycle import invoke
from pykka._ref.ref import ActorRef
from pykka.routing import RoundRobin
from pykka.runtimes.asyncio import run as asyncio_run
from pykka.runtimes.asyncio.cell import LoopInbox
from pykka.runtimes.pool import caller_runs
from pykka.runtimes.pool import run as pool_run
from pykka.runtimes.pool.cell import PooledCell
from pykka.runtimes.pool.ref import PooledRef
from pykka.runtimes.pool.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conformance.supervised import Offices
    from tests.conftest import Log

    from pykka.timers import ManualClock

WHERE: ContextVar[str] = ContextVar("WHERE", default="outside")
"""Stands for what an instrument has travel with messages."""


class Recorder(instruments.Instrument):
    """Notes what it is told of, and has a text travel from each sender to each handler."""

    def __init__(self) -> None:
        self.notes: list[tuple[Any, ...]] = []
        self.sent_errors: list[BaseException | None] = []
        self.seconds: list[float] = []

    def of(self, kind: str) -> list[tuple[Any, ...]]:
        return [note[1:] for note in self.notes.copy() if note[0] == kind]

    def sending(self, delivery: instruments.Delivery) -> object:
        self.notes.append(("sending", delivery.operation, delivery.method))
        return f"{WHERE.get()} > {delivery.operation}"

    def sent(
        self,
        delivery: instruments.Delivery,
        context: Any,
        seconds: float,
        error: BaseException | None,
    ) -> None:
        self.sent_errors.append(error)

    def handling(self, delivery: instruments.Delivery, context: Any) -> object:
        self.notes.append(("handling", delivery.operation, context))
        return WHERE.set(context)

    def handled(self, delivery: instruments.Delivery, state: Any, seconds: float) -> None:
        self.notes.append(("handled", delivery.operation))
        self.seconds.append(seconds)
        WHERE.reset(state)  # raises if this is another context

    def failed(
        self, delivery: instruments.Delivery, state: Any, seconds: float, error: BaseException
    ) -> None:
        self.notes.append(("failed", delivery.operation, type(error)))
        WHERE.reset(state)

    def passed_over(self, delivery: instruments.Delivery, state: Any, why: str) -> None:
        self.notes.append(("passed over", delivery.operation, why))
        if why != "ended":
            WHERE.reset(state)

    def started(self, ref: pykka.ActorRef[Any]) -> None:
        self.notes.append(("started", ref))

    def restarted(self, ref: pykka.ActorRef[Any], reason: pykka.Reason) -> None:
        self.notes.append(("restarted", ref, type(reason)))

    def ended(self, ref: pykka.ActorRef[Any], reason: pykka.Reason) -> None:
        self.notes.append(("ended", ref, reason))

    def dead_letter(self, letter: Any) -> None:
        self.notes.append(("dead letter", letter.message))


@pytest.fixture
def recorder(system: pykka.ActorSystem, log: Log) -> Iterator[Recorder]:
    recorder = Recorder()
    with instruments.install(recorder, system):
        yield recorder
    assert log.find("ERROR", "instrument") == []


def where(_agent: object) -> str:
    """A message that is answered with what has travelled with it."""
    return WHERE.get()


def ended(recorder: Recorder, count: int) -> bool:
    ends = ("handled", "failed", "passed over")
    return sum(len(recorder.of(kind)) for kind in ends) >= count


# --- messages -----------------------------------------------------------------------------------


def test_each_way_to_send(
    system: pykka.ActorSystem, agent: Any, recorder: Recorder, clock: ManualClock
) -> None:
    ref = system.start(agent)
    ref.tell("x")
    assert ref.ask("x") == "x"
    assert ref.ask("x", block=False).get(timeout=PATIENCE) == "x"
    assert ref.ask("x", timeout=PATIENCE) == "x"
    assert ref.call(agent.run, where).get(timeout=PATIENCE) == "outside > call"
    ref.defer(agent.run, where)
    assert ref.proxy().run(where).get(timeout=PATIENCE) == "outside > call"
    ref.proxy().run.defer(where)
    assert ref.call(where).get(timeout=PATIENCE) == "outside > call"
    assert ref.proxy().actor_urn.get(timeout=PATIENCE) == ref.actor_urn
    ref.tell_after(1, "x")
    clock.advance(1)
    ref.ask("x")
    sent = [
        *[("tell", None), ("ask", None), ("ask", None), ("ask", None)],
        *[("call", "run"), ("defer", "run"), ("call", "run"), ("defer", "run")],
        *[("call", None), ("call", "actor_urn"), ("tick", None), ("ask", None)],
    ]
    wait_until(lambda: ended(recorder, len(sent)), "all is handled")
    assert recorder.of("sending") == sent
    assert recorder.of("handling") == [(how, f"outside > {how}") for how, _method in sent]
    assert recorder.of("handled") == [(how,) for how, _method in sent]
    assert recorder.sent_errors == [None] * len(sent)
    assert all(seconds >= 0 for seconds in recorder.seconds)


def test_what_travels_is_there_in_the_handler_and_gone_after_it(
    system: pykka.ActorSystem, agent: Any, recorder: Recorder
) -> None:
    first, second, third = (system.start(agent) for _ in range(3))

    def pass_on(to: list[pykka.ActorRef[Any]]) -> Callable[[Any], object]:
        def do(agent: Any) -> object:
            return agent.ask_next(to) if to else WHERE.get()

        return do

    def ask_next(_agent: object, to: list[pykka.ActorRef[Any]]) -> object:
        return to[0].ask(pass_on(to[1:]), block=False)

    agent.ask_next = ask_next
    answer: Any = first.ask(pass_on([second, third]), block=False)
    while isinstance(answer, pykka.Future):
        answer = answer.get(timeout=PATIENCE)
    assert answer == "outside > ask > ask > ask"
    assert WHERE.get() == "outside"
    assert [ref.ask(where) for ref in (first, second, third)] == ["outside > ask"] * 3


def test_failures(system: pykka.ActorSystem, agent: Any, recorder: Recorder) -> None:
    ref = system.start(agent)
    with pytest.raises(CrashError):
        ref.ask(failing(CrashError()))
    with pytest.raises(CrashError):
        ref.call(agent.run, failing(CrashError())).get(timeout=PATIENCE)
    ref.tell(failing(CrashError()))
    ref.when_terminated().get(timeout=PATIENCE)
    wait_until(lambda: recorder.of("ended"), "its end is told of")
    assert recorder.of("failed") == [(how, CrashError) for how in ("ask", "call", "tell")]
    (_ref, reason), *_ = recorder.of("ended")
    assert isinstance(reason, pykka.Failed)


def test_messages_that_are_left_out(
    system: pykka.ActorSystem, agent: Any, recorder: Recorder, gate: Gate
) -> None:
    class Stasher(agent):  # type: ignore[misc]
        stash_capacity = 10
        is_ready = False

        def on_receive(self, message: Any) -> Any:
            if message == "ready":
                self.is_ready = True
                self.unstash_all()
                return None
            if message == "later" and not self.is_ready:
                self.stash()
            return WHERE.get() if message == "later" else super().on_receive(message)

    ref = system.start(Stasher)
    later = ref.ask("later", block=False)
    ref.tell("ready")
    assert later.get(timeout=PATIENCE) == "outside > ask"  # what travels has stayed with it
    ref.tell(gate)
    gate.wait_until_entered()
    cancelled = ref.ask("x", block=False)
    cancelled.cancel()
    gate.open()
    ref.ask("x")
    wait_until(lambda: ended(recorder, 6), "all is handled")
    assert recorder.of("passed over") == [("ask", "set aside"), ("ask", "cancelled")]


def test_an_actor_that_is_killed_in_the_middle_of_a_message(
    system: pykka.ActorSystem, agent: Any, recorder: Recorder, gate: Gate
) -> None:
    ref = system.start(agent)
    ref.tell(gate)
    gate.wait_until_entered()
    ref.kill(block=False)
    gate.open()
    ref.when_terminated().get(timeout=PATIENCE)
    wait_until(lambda: recorder.of("ended"), "its end is told of")
    assert len(recorder.of("handling")) == 1
    assert ended(recorder, 1)


def test_an_abandoned_actor_is_told_of_once(
    system: pykka.ActorSystem, agent: Any, recorder: Recorder, gate: Gate, clock: ManualClock
) -> None:
    ref = system.start(agent)
    ref.tell(gate)
    gate.wait_until_entered()
    killed = ref.kill(abandon_after=1, block=False)
    clock.advance(1)
    killed.get(timeout=PATIENCE)
    wait_until(lambda: recorder.of("ended"), "its end is told of")
    assert recorder.of("passed over") == [("tell", "ended")]
    thread = gate.thread
    gate.open()
    assert thread is not None
    wait_until(lambda: ref._cell.handling is None, "its code has come to its end")
    assert not recorder.of("handled")


def test_messages_that_wait_over_a_restart_keep_what_travels(
    offices: Offices, system: pykka.ActorSystem, recorder: Recorder, gate: Gate
) -> None:
    child = offices.start("a", system=system).child("a")
    child.tell(gate)
    gate.wait_until_entered()
    child.tell(crash)
    answers = [child.ask(where, block=False) for _ in range(5)]
    number = child.ask(instance, block=False)
    gate.open()
    assert number.get(timeout=PATIENCE) == 2
    assert [answer.get(timeout=PATIENCE) for answer in answers] == ["outside > ask"] * 5
    assert recorder.of("restarted") == [(child, pykka.Failed)]


def test_timers_set_in_a_handler_carry_what_is_there(
    system: pykka.ActorSystem, agent: Any, recorder: Recorder, clock: ManualClock
) -> None:
    ref = system.start(agent)
    found: list[str] = []

    def note(_agent: object) -> None:
        found.append(WHERE.get())

    ref.ask(lambda agent: agent.actor_ref.tell_every(1, note) and None)
    for number in range(1, 4):
        clock.advance(1)
        ref.ask("x")
        wait_until(lambda count=number: len(found) == count, "the tick is handled")
    assert found == ["outside > ask > tick"] * 3


def test_what_goes_through_a_router(
    system: pykka.ActorSystem, agent: Any, recorder: Recorder
) -> None:
    router = RoundRobin([system.start(agent) for _ in range(3)])
    assert [router.ask(where, timeout=PATIENCE) for _ in range(3)] == ["outside > ask"] * 3
    assert recorder.of("sending") == [("ask", None)] * 3


def test_a_message_that_cannot_be_put_in(
    system: pykka.ActorSystem, agent: Any, recorder: Recorder, gate: Gate
) -> None:
    inbox = pykka.inboxes.Bounded(1, when_full="raise")
    ref = system.start(agent.options(inbox=inbox))
    ref.tell(gate)
    gate.wait_until_entered()
    ref.tell("x")
    with pytest.raises(pykka.InboxFullError):
        ref.tell("one too many")
    gate.open()
    wait_until(lambda: ended(recorder, 2), "all is handled")
    assert [type(error) for error in recorder.sent_errors] == [
        type(None),
        type(None),
        pykka.InboxFullError,
    ]


# --- lives --------------------------------------------------------------------------------------


def test_lives_and_dead_letters(
    system: pykka.ActorSystem, agent: Any, recorder: Recorder, gate: Gate
) -> None:
    ref = system.start(agent)
    ref.tell(gate)
    gate.wait_until_entered()
    stopping = ref.stop(block=False)
    ref.tell("too late")
    gate.open()
    stopping.get(timeout=PATIENCE)
    wait_until(lambda: recorder.of("ended"), "its end is told of")
    assert recorder.of("started") == [(ref,)]
    assert recorder.of("ended") == [(ref, pykka.Stopped())]
    assert recorder.of("dead letter") == [("too late",)]
    assert ref._cell.extension is not None
    assert ref._cell.extension.meter.probe is None  # it keeps nothing alive


# --- in and out ---------------------------------------------------------------------------------


def test_actors_that_live_already_are_told_of_and_no_more_when_it_is_removed(
    system: pykka.ActorSystem, agent: Any
) -> None:
    ref = system.start(agent)
    ref.ask("before")
    cell_class = type(ref._cell)
    recorder = Recorder()
    installation = instruments.install(recorder, system)
    ref.ask("may be the message in between")
    before = len(recorder.notes)
    ref.ask("x")
    wait_until(lambda: ("handled", "ask") in recorder.notes[before:], "it is told of")
    assert type(ref._cell) is not cell_class
    assert (installation.system, installation.instrument) == (system, recorder)
    installation.remove()
    installation.remove()
    ref.ask("may be the message in between")
    told = len(recorder.notes)
    assert ref.ask(where) == "outside"
    ref.stop()
    assert len(recorder.notes) == told
    assert type(ref._cell) is cell_class
    assert type(ref._cell.extension.meter) is Meter


def test_two_instruments_do_not_get_in_each_others_way(
    system: pykka.ActorSystem, agent: Any, recorder: Recorder
) -> None:
    ref = system.start(agent)
    second = Recorder()
    with instruments.install(second, system):
        ref.ask("x")
        wait_until(lambda: ended(second, 1), "it is handled")
    assert ref.ask(where) == "outside > ask"
    wait_until(lambda: ended(recorder, 2), "all is handled")
    assert second.of("handling") == [("ask", "outside > ask")]


def test_an_instrument_and_a_trace_do_not_get_in_each_others_way(
    system: pykka.ActorSystem, agent: Any
) -> None:
    ref = system.start(agent)
    cell_class = type(ref._cell)
    recorder = Recorder()
    with debug.trace(ref) as trace:
        with instruments.install(recorder, system):
            ref.ask("may be in between")
            assert ref.ask(where) == "outside > ask"
        ref.ask("may be in between")
        assert ref.ask(where) == "outside"
    ref.ask("may be in between")
    assert ref.ask(where) == "outside"
    assert [each.outcome for each in trace.messages] == ["answered"] * len(trace.messages)
    assert len(trace.messages) >= 4
    assert type(ref._cell) is cell_class


def test_what_an_instrument_raises_harms_nobody_and_is_logged_once(
    system: pykka.ActorSystem, agent: Any, log: Log
) -> None:
    class Bad(instruments.Instrument):
        pass

    def fail(self: object, *_args: object) -> None:
        raise CrashError

    names = [name for name in vars(instruments.Instrument) if not name.startswith("_")]
    for name in names:
        setattr(Bad, name, fail)
    recorder = Recorder()
    with instruments.install(Bad(), system), instruments.install(recorder, system):
        ref = system.start(agent)
        for _ in range(3):
            ref.tell("x")
            assert ref.ask(where) == "outside > ask"
        with pytest.raises(ValueError, match="wrong"):
            ref.ask(failing(ValueError("wrong")))
        ref.stop()
        wait_until(lambda: recorder.of("ended"), "its end is told of")
    for name in ("sending", "sent", "handling", "handled", "failed", "started", "ended"):
        assert len(log.find("ERROR", f"{name}() of the instrument Bad raised")) == 1, name


def test_what_an_instrument_sends_itself_is_not_told_of(
    system: pykka.ActorSystem, agent: Any
) -> None:
    class Chatty(Recorder):
        def sending(self, delivery: instruments.Delivery) -> object:
            other.tell("news")
            return super().sending(delivery)

        def handled(self, delivery: instruments.Delivery, state: Any, seconds: float) -> None:
            other.ask("more news", block=False)
            super().handled(delivery, state, seconds)

    other = system.start(agent)
    chatty = Chatty()
    with instruments.install(chatty, system):
        ref = system.start(agent)
        ref.ask("x")
        wait_until(lambda: ("handled", "ask") in chatty.notes, "it is handled")
        assert chatty.of("sending") == [("ask", None)]


def test_what_is_no_instrument_is_refused(system: pykka.ActorSystem) -> None:
    for wrong in (None, object(), Recorder):
        with pytest.raises(TypeError, match="no instrument"):
            instruments.install(wrong, system)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not in 'office'"):
        instruments.install(Recorder(), "office")  # type: ignore[arg-type]


def test_senders_that_race_its_coming_and_going_lose_nothing(
    system: pykka.ActorSystem, agent: Any
) -> None:
    ref = system.start(agent)
    goes_on = [True]
    asked = [0, 0]

    def send(number: int) -> None:
        while goes_on:
            assert ref.ask("x", timeout=PATIENCE) == "x"
            asked[number] += 1

    senders = [threading.Thread(target=send, args=(number,)) for number in range(2)]
    for sender in senders:
        sender.start()
    recorder = Recorder()
    for _ in range(unless_simulated(30, 5)):
        with instruments.install(recorder, system):
            ref.ask("x", timeout=PATIENCE)
    goes_on.clear()
    for sender in senders:
        sender.join()
    assert ref.ask(where) == "outside"
    wait_until(lambda: ended(recorder, len(recorder.of("handling"))), "all that began has ended")


# --- what it costs those that have none (guarantee G10) ------------------------------------------


def steps_of(program: Callable[[], object]) -> list[tuple[str, int]]:
    """The instructions of the library that are run on this thread: function and offset."""
    steps: list[tuple[str, int]] = []

    def trace(frame: Any, event: str, _arg: object) -> Any:
        if "pykka" not in frame.f_code.co_filename:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            steps.append((frame.f_code.co_qualname, frame.f_lasti))
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        program()
    finally:
        sys.settrace(before)
    return steps


def test_a_program_without_one_runs_the_same_instructions(agent: Any, gate: Gate) -> None:
    """Whether or not another system has one, or this one had one before the actor was started."""

    def instructions(system: pykka.ActorSystem) -> list[tuple[str, int]]:
        ref = system.start(agent)
        gate = Gate()
        ref.tell(gate)
        gate.wait_until_entered()  # so that all sends find the actor busy

        def send() -> None:
            ref.tell("x")
            ref.ask("x", block=False)
            ref.call(agent.run, where)
            ref.defer(agent.run, where)

        send()
        found = steps_of(send)
        gate.open()
        ref.stop()
        return found

    with pykka.ActorSystem() as plain:
        before = instructions(plain)
    with pykka.ActorSystem() as plain, pykka.ActorSystem() as other:
        with instruments.install(Recorder(), other):
            beside = instructions(plain)
            instrumented = instructions(other)
        after = instructions(other)
    assert len(before) > 50
    assert before == beside == after
    assert len(instrumented) > len(before)


HOT = [
    ActorRef.tell,
    ActorRef.ask,
    ActorRef._call,
    ActorRef._defer,
    PooledRef.tell,
    PooledRef.ask,
    PooledRef._call,
    PooledRef._defer,
    Cell.send,
    PooledCell.send,
    PooledCell.send_and_run,
    LoopInbox.put,
    invoke.handle,
    invoke.handle_call,
    invoke.handle_deferred,
    invoke.run_loop,
    pool_run.run,
    caller_runs.run_until,
    Worker._work,
    asyncio_run._handle_messages,
]
"""What each message passes through, as long as it raises nothing."""


@pytest.mark.parametrize("function", HOT, ids=lambda function: function.__qualname__)
def test_the_way_of_a_message_does_not_ask_for_instruments(function: Any) -> None:
    code = inspect.unwrap(function).__code__
    words = {"probe", "panel", "carried", "_carried", "tracing", "instruments", "CarryingEnvelope"}
    assert words.isdisjoint({*code.co_names, *code.co_varnames, *code.co_freevars})
