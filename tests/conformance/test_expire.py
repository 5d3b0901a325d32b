"""Questions that are not handled, because their askers have given up."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import Noted, kept_busy, make_shop_class
from tests.leaks import PATIENCE

import pykka
from pykka import inboxes, routing
from pykka.resilience import Retry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conformance.agents import Gate
    from tests.conftest import Log, Runtime

SOON = 0.01
"""Seconds after which an asker gives up that nothing answers."""

LONG = 1000.0


@pytest.fixture
def note() -> Noted:
    return Noted()


@pytest.fixture
def ref(agent: Any, gate: Gate) -> Iterator[Any]:
    """An actor that is busy until the gate is opened."""
    with kept_busy(agent, gate) as ref:
        yield ref


@pytest.fixture
def impatient(agent: Any, gate: Gate) -> Iterator[Any]:
    """The same, of a class for which all questions expire."""
    with kept_busy(pykka.expire_asks(type("Impatient", (agent,), {})), gate) as ref:
        yield ref


def make_late(question: Any) -> None:
    """Have the time of a question be over."""
    question.message._deadline._end = 0.0


def counts(ref: Any) -> tuple[int | None, int | None]:
    """What was not handled, when all before has been come to."""
    assert ref.ask("x") == "x"
    statistics = ref.statistics()
    assert statistics.failures == 0
    return statistics.expired, statistics.cancelled


def test_a_message_is_not_handled_when_its_asker_has_given_up(
    ref: Any, gate: Gate, note: Noted, log: Log
) -> None:
    with pytest.raises(pykka.Timeout):
        ref.ask(note, timeout=SOON, expire=True)
    gate.open()
    assert counts(ref) == (1, 0)
    assert note.times == 0
    assert log.find("WARNING") == log.find("ERROR") == []


def test_it_is_handled_if_expire_is_not_said(ref: Any, gate: Gate, note: Noted) -> None:
    with pytest.raises(pykka.Timeout):
        ref.ask(note, timeout=SOON)
    gate.open()
    assert counts(ref) == (0, 0)
    assert note.times == 1


def test_the_future_of_an_expired_question_says_so(ref: Any, gate: Gate, note: Noted) -> None:
    question = ref.ask(note, block=False, timeout=LONG, expire=True)
    make_late(question)
    assert not question.done()
    gate.open()
    error = question.exception(timeout=PATIENCE)
    assert isinstance(error, pykka.AskExpiredError)
    assert isinstance(error, TimeoutError)
    assert str(error).startswith(f"the question to {ref._cell} was not handled")
    assert "given up after 1000" in str(error)
    assert counts(ref) == (1, 0)


@pytest.mark.parametrize("block", [True, False])
def test_one_that_is_in_time_is_handled(agent: Any, note: Noted, block: bool) -> None:
    ref = agent.start()
    answer = ref.ask(note, block=block, timeout=LONG, expire=True)
    assert (answer if block else answer.get(timeout=PATIENCE)) == "answer"
    ref.stop()


def test_without_a_timeout_it_makes_no_difference(agent: Any, note: Noted) -> None:
    ref = agent.start()
    assert ref.ask(note, expire=True) == "answer"
    assert ref.ask(note, block=False, expire=True).get(timeout=PATIENCE) == "answer"
    ref.stop()


@pytest.mark.parametrize("timeout", [-1, "soon", float("nan")])
@pytest.mark.parametrize("block", [True, False])
def test_wrong_times(ref: Any, note: Noted, block: bool, timeout: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="timeout"):
        ref.ask(note, block=block, timeout=timeout, expire=True)


def test_a_failure_and_the_librarys_own_messages(agent: Any) -> None:
    ref = agent.start()

    def fail(_agent: object) -> None:
        raise ValueError("in time")

    with pytest.raises(ValueError, match="in time"):
        ref.ask(fail, timeout=LONG, expire=True)
    call = pykka.messages.ProxyCall(("run",), (lambda _agent: 1,), {})
    assert ref.ask(call, timeout=LONG, expire=True) == 1
    assert ref.ask(pykka.messages.ProxyCall(("stop",), (), {}), timeout=LONG, expire=True) is None
    assert not ref.is_alive()
    with pytest.raises(pykka.ActorDeadError):
        ref.ask("x", timeout=LONG, expire=True)


def test_one_that_expires_can_be_cancelled(ref: Any, gate: Gate, note: Noted) -> None:
    question = ref.ask(note, block=False, timeout=LONG, expire=True)
    late = ref.ask(note, block=False, timeout=LONG, expire=True)
    make_late(late)
    assert question.cancel()
    gate.open()
    assert counts(ref) == (1, 1)
    assert note.times == 0
    assert late.cancel() is False


def test_a_message_that_was_set_aside_expires(runtime: Runtime) -> None:
    shop = make_shop_class(runtime).start()
    question = shop.ask("Ada", block=False, timeout=LONG, expire=True)
    other = shop.ask("Bob", block=False, timeout=LONG, expire=True)
    shop.call(lambda _shop: None).get(timeout=PATIENCE)
    make_late(question)
    shop.ask("open")
    assert isinstance(question.exception(timeout=PATIENCE), pykka.AskExpiredError)
    assert other.get(timeout=PATIENCE) == "Bob"
    shop.stop()


@pytest.mark.parametrize(
    "spec", [inboxes.Bounded(10), inboxes.Priority(lambda note: note.urgency)]
)
def test_inboxes_with_a_bound_or_priorities(
    agent: Any, gate: Gate, note: Noted, spec: Any
) -> None:
    gate.urgency = 0  # type: ignore[attr-defined]
    note.urgency = 1  # type: ignore[attr-defined]
    ref = agent.options(inbox=spec).start()
    ref.tell(gate)
    gate.wait_until_entered()
    question = ref.ask(note, block=False, timeout=LONG, expire=True)
    late = ref.ask(note, block=False, timeout=LONG, expire=True)
    make_late(late)
    gate.open()
    assert question.get(timeout=PATIENCE) == "answer"
    assert isinstance(late.exception(timeout=PATIENCE), pykka.AskExpiredError)
    assert note.times == 1
    ref.stop()


@pytest.mark.parametrize("is_late", [False, True])
def test_futures_of_an_actors_own(
    agent: Any, runtime: Runtime, gate: Gate, note: Noted, is_late: bool
) -> None:
    class Own(agent):  # type: ignore[misc]
        @staticmethod
        def _create_future() -> Any:
            return type("Theirs", (runtime.future_class,), {})()

    ref = Own.start()
    ref.tell(gate)
    gate.wait_until_entered()
    question = ref.ask(note, block=False, timeout=0 if is_late else LONG, expire=True)
    gate.open()
    error = question.exception(timeout=PATIENCE)
    assert isinstance(error, pykka.AskExpiredError) is is_late
    assert note.times == (0 if is_late else 1)
    ref.stop()


@pytest.mark.parametrize(
    "around",
    [
        lambda ref: routing.RoundRobin([ref]),
        lambda ref: routing.SmallestInbox([ref]),
        lambda ref: routing.ConsistentHashing([ref], key=lambda message: message.times),
        lambda ref: routing.Broadcast([ref]),
        lambda ref: routing.ScatterGather([ref]),
        lambda ref: Retry(ref, attempts=1),
    ],
)
def test_routers_and_what_goes_around_refs(
    ref: Any, gate: Gate, note: Noted, around: Callable[[Any], Any]
) -> None:
    asked = around(ref)
    with pytest.raises(pykka.Timeout):
        asked.ask(note, timeout=SOON, expire=True)
    gate.open()
    assert counts(ref) == (1, 0)
    assert note.times == 0
    assert asked.ask(note, timeout=LONG, expire=True) in ("answer", ["answer"])


def test_messages_that_are_not_accepted_are_refused(runtime: Runtime, note: Noted) -> None:
    class Picky(pykka.Accepts[int], runtime.actor_class):  # type: ignore[name-defined, misc]
        def on_receive(self, message: Any) -> Any:
            return message

    ref: Any = Picky.start()
    with pytest.raises(TypeError, match="does not accept"):
        ref.ask(note, timeout=LONG, expire=True)
    with pytest.raises(TypeError, match="does not accept"):
        routing.RoundRobin([ref]).ask(note, timeout=LONG, expire=True)
    assert ref.ask(1, timeout=LONG, expire=True) == 1
    ref.stop()


# --- a class for which all questions expire -----------------------------------------------------


ASKS: dict[str, Callable[[Any, Any], object]] = {
    "ask": lambda ref, note: ref.ask(note, timeout=SOON),
    "get": lambda ref, note: ref.ask(note, block=False).get(timeout=SOON),
    "call": lambda ref, note: ref.call(ref.actor_class.run, note).get(timeout=SOON),
    "function": lambda ref, note: ref.call(note).get(timeout=SOON),
    "proxy": lambda ref, note: ref.proxy().run(note).get(timeout=SOON),
    "map": lambda ref, note: ref.ask(note, block=False).map(str).get(timeout=SOON),
    "exception": lambda ref, note: ref.ask(note, block=False).exception(timeout=SOON),
    "get_all": lambda ref, note: pykka.get_all([ref.call(note)], timeout=SOON),
}


@pytest.mark.thinned
@pytest.mark.parametrize("way", ASKS)
def test_a_class_says_it_for_all_who_ask(
    impatient: Any, gate: Gate, note: Noted, way: str, log: Log
) -> None:
    with pytest.raises(pykka.Timeout):
        ASKS[way](impatient, note)
    gate.open()
    assert counts(impatient) == (1, 0)
    assert note.times == 0
    assert log.find("WARNING") == log.find("ERROR") == []


@pytest.mark.parametrize("way", ASKS)
def test_other_classes_do_not(ref: Any, gate: Gate, note: Noted, way: str) -> None:
    with pytest.raises(pykka.Timeout):
        ASKS[way](ref, note)
    gate.open()
    assert counts(ref) == (0, 0)
    assert note.times == 1


def test_a_look_is_no_giving_up(impatient: Any, gate: Gate, note: Noted) -> None:
    question = impatient.ask(note, block=False)
    with pytest.raises(pykka.Timeout):
        question.get(timeout=0)
    gate.open()
    assert question.get(timeout=PATIENCE) == "answer"


def test_one_of_several_who_wait_may_give_up(impatient: Any, gate: Gate, note: Noted) -> None:
    question = impatient.ask(note, block=False)
    seen: list[object] = []
    question.add_done_callback(lambda future: seen.append(future.get()))
    with pytest.raises(pykka.Timeout):
        question.get(timeout=SOON)
    gate.open()
    assert question.get(timeout=PATIENCE) == "answer"
    assert seen == ["answer"]


def test_the_last_of_several_who_wait_gives_up(impatient: Any, gate: Gate, note: Noted) -> None:
    question = impatient.ask(note, block=False)
    arrivals = pykka.as_completed([question])
    with pytest.raises(pykka.Timeout):
        question.get(timeout=SOON)
    assert not question.done()
    arrivals.close()  # type: ignore[attr-defined]
    with pytest.raises(pykka.Timeout):
        question.get(timeout=SOON)
    assert isinstance(question.exception(timeout=0), pykka.AskExpiredError)
    assert question.cancel() is True
    gate.open()
    assert counts(impatient) == (1, 0)


def test_a_handler_that_has_begun_goes_on(agent: Any, gate: Gate) -> None:
    ref = pykka.expire_asks(type("Impatient", (agent,), {})).start()
    question = ref.ask(gate, block=False)
    gate.wait_until_entered()
    with pytest.raises(pykka.Timeout):
        question.get(timeout=SOON)
    gate.open()
    assert question.get(timeout=PATIENCE) == "opened"
    ref.stop()


def test_a_task_that_awaits_with_a_timeout_leaves_the_question_alone(
    impatient: Any, gate: Gate, note: Noted
) -> None:
    question = impatient.ask(note, block=False)

    async def wait() -> object:
        return await question

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(wait(), SOON)

    asyncio.run(main())
    gate.open()
    assert question.get(timeout=PATIENCE) == "answer"


@pytest.mark.parametrize("what", [int, 3, None, "Quotes"])
def test_only_actor_classes_are_decorated(what: Any) -> None:
    with pytest.raises(TypeError, match="expire_asks decorates an actor class, not"):
        pykka.expire_asks(what)
