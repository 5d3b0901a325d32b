"""Questions that their askers take back."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import Freed, make_shop_class, needs
from tests.leaks import PATIENCE
from tests.tiers import unless_simulated

import pykka
from pykka import inboxes

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from tests.conformance.agents import Diary, Gate
    from tests.conftest import Log, Runtime


@pytest.fixture
def busy(ref: Any, gate: Gate) -> Any:
    """A question that the actor is at."""
    question = ref.ask(gate, block=False)
    gate.wait_until_entered()
    return question


WAYS = ["ask", "function", "call", "proxy", "attribute"]


def ask(ref: Any, way: str, handled: list[object]) -> Any:
    """Ask in one of the ways there are, and note that it is handled."""

    def note(_agent: object) -> str:
        handled.append(way)
        return "answer"

    if way == "ask":
        return ref.ask(note, block=False)
    if way == "function":
        return ref.call(note)
    if way == "call":
        return ref.call(ref.actor_class.run, note)
    if way == "proxy":
        return ref.proxy().run(note)
    return ref.ask(pykka.messages.ProxyGetAttr(("diary",)), block=False)


@pytest.mark.thinned
@pytest.mark.parametrize("way", WAYS)
def test_a_question_that_is_cancelled_in_the_inbox_is_never_handled(
    ref: Any, gate: Gate, busy: Any, way: str
) -> None:
    handled: list[object] = []
    question = ask(ref, way, handled)
    assert question.cancel() is True
    assert question.done()
    gate.open()
    assert busy.get(timeout=PATIENCE) == "opened"
    assert ref.ask("next") == "next"
    assert handled == []
    with pytest.raises(pykka.AskCancelledError, match=r"Agent \(urn:.*cancelled by its asker"):
        question.get()
    assert question.cancel() is True


def test_one_that_has_begun_is_not_cancelled(ref: Any, gate: Gate, busy: Any) -> None:
    assert busy.cancel() is False
    gate.open()
    assert busy.get(timeout=PATIENCE) == "opened"
    assert busy.cancel() is False


@pytest.mark.parametrize("way", WAYS)
def test_one_that_has_an_answer_is_not_cancelled(ref: Any, way: str) -> None:
    question = ask(ref, way, [])
    question.get(timeout=PATIENCE)
    assert question.cancel() is False
    assert question.exception() is None


def test_one_that_was_refused_is_not_cancelled(agent: Any) -> None:
    ref = agent.start()
    ref.stop()
    question = ref.ask("late", block=False)
    assert question.cancel() is False
    with pytest.raises(pykka.ActorDeadError):
        question.get()


def test_those_who_wait_are_told_at_once(
    ref: Any, gate: Gate, busy: Any, in_thread: Callable[..., threading.Thread]
) -> None:
    question = ref.ask("x", block=False)
    found: list[object] = []
    waiters = [in_thread(lambda: found.append(question.exception())) for _ in range(3)]
    question.cancel()
    for waiter in waiters:
        waiter.join(PATIENCE)
    assert not busy.done()  # the actor has not come to it
    assert [type(error) for error in found] == [pykka.AskCancelledError] * 3
    gate.open()


def test_an_awaiting_task_gets_an_error_that_is_not_its_own_cancellation(
    agent: Any, gate: Gate, runtime: Runtime
) -> None:
    ref = agent.start()  # outside of the loop
    ref.ask(gate, block=False)
    gate.wait_until_entered()

    async def main() -> None:
        question = ref.ask("x", block=False)
        task = asyncio.ensure_future(wait_for(question))
        await asyncio.sleep(0)
        assert question.cancel()
        with pytest.raises(pykka.AskCancelledError):
            await task
        assert not task.cancelled()

    asyncio.run(main())
    gate.open()
    ref.stop()


async def wait_for(question: Any) -> object:
    return await question


def test_the_cancellation_of_an_awaiting_task_leaves_the_question_alone(
    agent: Any, gate: Gate
) -> None:
    ref = agent.start()
    ref.ask(gate, block=False)
    gate.wait_until_entered()
    question = ref.ask("x", block=False)

    async def main() -> None:
        task = asyncio.ensure_future(wait_for(question))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    gate.open()
    assert question.get(timeout=PATIENCE) == "x"
    ref.stop()


def test_it_is_counted_and_is_no_dead_letter(ref: Any, gate: Gate, busy: Any, log: Log) -> None:
    dead: list[object] = []
    pykka.dead_letters.subscribe(dead.append)
    ref.keep_statistics()
    for way in WAYS:
        assert ask(ref, way, []).cancel()
    gate.open()
    assert ref.ask("x") == "x"
    statistics = ref.statistics()
    assert (statistics.handled, statistics.failures, statistics.cancelled) == (1, 0, len(WAYS))
    pykka.dead_letters.unsubscribe(dead.append)
    assert dead == []
    assert log.find("WARNING") == log.find("ERROR") == []


def test_one_that_the_actor_leaves_behind_is_no_dead_letter(
    agent: Any, gate: Gate, log: Log
) -> None:
    ref = agent.start()
    ref.ask(gate, block=False)
    gate.wait_until_entered()
    stop = ref.stop(block=False)
    questions = [ask(ref, way, []) for way in WAYS]
    assert all(question.cancel() for question in questions)
    gate.open()
    assert stop.get(timeout=PATIENCE)
    assert {type(each.exception()) for each in questions} == {pykka.AskCancelledError}
    assert log.find("WARNING") == []


def test_what_was_sent_is_freed_at_once(ref: Any, gate: Gate, busy: Any) -> None:
    class Large:
        """Something that should not wait in the inbox for nothing."""

    messages = [Large() for _ in range(3)]
    freed = [weakref.ref(message) for message in messages]
    questions = [
        ref.ask(messages[0], block=False),
        ref.call(lambda _agent, large: large, messages[1]),
        ref.proxy().run(messages[2]),
    ]
    messages.clear()
    assert all(question.cancel() for question in questions)
    gc.collect()
    assert [each() for each in freed] == [None, None, None]
    gate.open()


def test_cancelling_leaves_nothing_behind(agent: Any, gate: Gate) -> None:
    ref = agent.start()
    freed = Freed(ref)
    ref.ask(gate, block=False)
    gate.wait_until_entered()
    for way in WAYS:
        ask(ref, way, []).cancel()
    gate.open()
    ref.stop()
    freed.wait()


def test_a_message_that_is_set_aside_can_be_cancelled(runtime: Runtime) -> None:
    shop = make_shop_class(runtime).start()
    questions = [shop.ask(name, block=False) for name in ("Ada", "Bob", "Cid")]
    shop.call(lambda _shop: None).get(timeout=PATIENCE)  # all of them are set aside by now
    assert questions[1].cancel()
    assert shop.ask("open") == "open"
    assert questions[2].get(timeout=PATIENCE) == "Cid"
    assert shop.proxy().handled.get(timeout=PATIENCE) == ["open", "Ada", "Cid"]
    shop.stop()


def test_requests_to_stop_cannot_be_cancelled(agent: Any, gate: Gate, diary: Diary) -> None:
    ref = agent.start()
    ref.ask(gate, block=False)
    gate.wait_until_entered()
    stop = ref.stop(block=False)
    assert stop.cancel() is False
    kill = ref.kill(block=False)
    assert kill.cancel() is False
    gate.open()
    assert stop.get(timeout=PATIENCE) is True
    assert ref.when_terminated().cancel() is False


def test_a_call_of_stop_that_the_actor_has_come_to_is_not_cancelled(
    agent: Any, gate: Gate
) -> None:
    class Slow(agent):  # type: ignore[misc]
        on_stop = gate.__call__

    ref = Slow.start()
    stopped = ref.proxy().stop()
    gate.wait_until_entered()
    assert not stopped.done()
    assert stopped.cancel() is False
    gate.open()
    assert stopped.get(timeout=PATIENCE) is None


@pytest.mark.parametrize(
    "derive",
    [
        lambda question: question.map(str),
        lambda question: question.map(str).map(str),
        lambda question: pykka.ThreadingFuture().join(question),
    ],
)
def test_a_derived_future_cancels_what_it_is_made_from(
    ref: Any, gate: Gate, busy: Any, derive: Any
) -> None:
    question = ref.ask("x", block=False)
    assert derive(question).cancel() is True
    assert isinstance(question.exception(), pykka.AskCancelledError)
    gate.open()


def test_what_no_actor_owes_cannot_be_cancelled(runtime: Runtime) -> None:
    future: Any = runtime.future_class()
    assert future.cancel() is False
    assert future.cancel(interrupt=True) is False
    future.set("x")
    assert future.get() == "x"


def test_an_actor_class_with_futures_of_its_own_does_not_cancel(
    agent: Any, runtime: Runtime, gate: Gate
) -> None:
    class Own(agent):  # type: ignore[misc]
        @staticmethod
        def _create_future() -> Any:
            return type("Theirs", (runtime.future_class,), {})()

    ref = Own.start()
    ref.ask(gate, block=False)
    gate.wait_until_entered()
    question = ref.ask("x", block=False)
    assert question.cancel() is False
    gate.open()
    assert question.get(timeout=PATIENCE) == "x"
    ref.stop()


@pytest.mark.parametrize("spec", [inboxes.Bounded(10), inboxes.Priority(lambda _message: 0)])
def test_inboxes_with_a_bound_or_priorities(agent: Any, gate: Gate, spec: Any) -> None:
    ref = agent.options(inbox=spec).start()
    handled: list[object] = []
    ref.ask(gate, block=False)
    gate.wait_until_entered()
    questions = [ask(ref, "ask", handled), ask(ref, "call", handled), ask(ref, "ask", handled)]
    assert questions[0].cancel()
    assert questions[1].cancel()
    gate.open()
    assert questions[2].get(timeout=PATIENCE) == "answer"
    assert handled == ["ask"]
    ref.stop()


@needs("blocking handlers")
def test_an_asker_that_was_cancelled_may_let_the_error_out(agent: Any, gate: Gate) -> None:
    """It is an error like any other in the actor that gets it."""
    ref, asker = agent.start(), agent.start()
    ref.ask(gate, block=False)
    gate.wait_until_entered()
    question = ref.ask("x", block=False)
    question.cancel()
    answer = asker.ask(lambda _agent: question.get(), block=False)
    with pytest.raises(pykka.AskCancelledError):
        answer.get(timeout=PATIENCE)
    assert answer.cancel() is False
    gate.open()
    ref.stop()
    asker.stop()


@pytest.mark.parametrize("rounds", [50, pytest.param(5000, marks=pytest.mark.exhaustive)])
def test_cancellers_race_the_actor(ref: Any, rounds: int) -> None:
    handled: list[int] = []
    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        for number in range(unless_simulated(rounds, 5)):
            question = ref.ask(lambda _agent, number=number: handled.append(number), block=False)
            told = [threads.submit(question.cancel) for _ in range(2)]
            is_cancelled = any(each.result() for each in told)
            error = question.exception()
            ref.ask("done")
            assert (handled == [number]) is not is_cancelled
            assert (error is None) is not is_cancelled
            handled.clear()
