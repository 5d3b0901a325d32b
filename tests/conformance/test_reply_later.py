"""Replies that come later than the end of their handler."""

from __future__ import annotations

import asyncio
import gc
import queue
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import Freed, needs
from tests.leaks import PATIENCE
from tests.tiers import unless_simulated

import pykka
from pykka.supervision import ChildSpec, Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conformance.agents import Gate
    from tests.conftest import Log, Runtime


class Replies:
    """Messages that promise their replies, which the test gets hold of."""

    def __init__(self) -> None:
        self.kept: queue.SimpleQueue[pykka.Reply[Any]] = queue.SimpleQueue()

    def promise(self, _agent: object = None) -> None:
        """A message, or what a message does."""
        self.kept.put(pykka.reply_later())

    def take(self) -> pykka.Reply[Any]:
        return self.kept.get(timeout=PATIENCE)


@pytest.fixture
def replies() -> Replies:
    return Replies()


@pytest.fixture
def ref(agent: Any) -> Iterator[Any]:
    ref = agent.start()
    yield ref
    ref.stop()


WAYS: dict[str, Callable[[Any, Any], Any]] = {
    "ask": lambda ref, message: ref.ask(message, block=False),
    "function": lambda ref, message: ref.call(message),
    "call": lambda ref, message: ref.call(ref.actor_class.run, message),
    "proxy": lambda ref, message: ref.proxy().run(message),
    "expiring": lambda ref, message: ref.ask(message, block=False, timeout=1000, expire=True),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_reply_is_given_when_its_handler_is_long_over(
    ref: Any, replies: Replies, way: str
) -> None:
    question = WAYS[way](ref, replies.promise)
    reply = replies.take()
    assert ref.ask("something else") == "something else"
    assert not question.done()
    assert "to be given" in repr(reply)
    assert reply.set("late") is True
    assert question.get(timeout=PATIENCE) == "late"
    assert "given" in repr(reply)


def test_an_asker_that_blocks_waits_for_it(
    ref: Any, replies: Replies, in_thread: Callable[..., threading.Thread]
) -> None:
    answers: queue.SimpleQueue[object] = queue.SimpleQueue()
    for ask in (
        lambda: ref.ask(replies.promise),
        lambda: ref.ask(replies.promise, timeout=PATIENCE),
        lambda: ref.call(replies.promise).get(),
    ):
        thread = in_thread(lambda ask=ask: answers.put(ask()))  # type: ignore[misc]
        reply = replies.take()
        assert ref.ask("something else") == "something else"
        reply.set("late")
        assert answers.get(timeout=PATIENCE) == "late"
        thread.join(PATIENCE)


def test_an_asker_that_blocks_may_give_up(ref: Any, replies: Replies) -> None:
    with pytest.raises(pykka.Timeout):
        ref.ask(replies.promise, timeout=0.01)
    assert replies.take().set("nobody waits") is True


def test_a_task_awaits_it(agent: Any, replies: Replies) -> None:
    async def main() -> None:
        ref = agent.start()
        question = ref.ask(replies.promise, block=False)
        task = asyncio.ensure_future(wait_for(question))
        reply = await asyncio.to_thread(replies.take)
        reply.set("late")
        assert await task == "late"
        await ref.stop(block=False)

    asyncio.run(main())


async def wait_for(question: Any) -> object:
    return await question


def test_another_handler_of_the_actor_gives_it(runtime: Runtime) -> None:
    class Kitchen(runtime.actor_class):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.orders: list[Any] = []

        def order(self, dish: str) -> None:
            self.orders.append((dish, pykka.reply_later()))

        def ring(self) -> int:
            return sum(reply.set(f"hot {dish}") for dish, reply in self.orders)

    kitchen = Kitchen.start()
    orders = [kitchen.call(Kitchen.order, dish) for dish in ("soup", "fish")]
    assert kitchen.call(Kitchen.ring).get(timeout=PATIENCE) == 2
    assert pykka.get_all(orders, timeout=PATIENCE) == ["hot soup", "hot fish"]
    kitchen.stop()


def test_it_is_given_in_the_handler_itself(ref: Any) -> None:
    def reply_now(_agent: object) -> None:
        assert pykka.reply_later().set("early")

    assert ref.ask(reply_now) == "early"
    assert ref.ask(reply_now, block=False).get(timeout=PATIENCE) == "early"
    assert ref.call(reply_now).get(timeout=PATIENCE) == "early"


@pytest.mark.parametrize("value", [None, 0, "", ValueError("a value")])
def test_any_value_is_a_reply(ref: Any, replies: Replies, value: object) -> None:
    question = ref.ask(replies.promise, block=False)
    replies.take().set(value)
    assert question.get(timeout=PATIENCE) is value


def test_an_exception_is_a_reply(ref: Any, replies: Replies, log: Log) -> None:
    question = ref.ask(replies.promise, block=False)
    error = ValueError("late")
    assert replies.take().set_exception(error) is True
    with pytest.raises(ValueError, match="late") as info:
        question.get(timeout=PATIENCE)
    assert info.value is error
    question = ref.ask(replies.promise, block=False)
    try:
        open("/there is no such file", "rb")  # noqa: SIM115, PTH123
    except OSError:
        replies.take().set_exception()
    assert isinstance(question.exception(timeout=PATIENCE), OSError)
    assert ref.is_alive()
    assert log.find("WARNING") == log.find("ERROR") == []


def test_what_is_no_exception_is_refused_and_the_reply_can_still_be_given(
    ref: Any, replies: Replies
) -> None:
    question = ref.ask(replies.promise, block=False)
    reply = replies.take()
    with pytest.raises(TypeError):
        reply.set_exception("late")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no exception"):
        reply.set_exception()
    reply.set(1)
    assert question.get(timeout=PATIENCE) == 1


# --- twice, or never ----------------------------------------------------------------------------


def test_a_reply_is_given_once(ref: Any, replies: Replies) -> None:
    question = ref.ask(replies.promise, block=False)
    reply = replies.take()
    reply.set("first")
    with pytest.raises(
        pykka.FutureAlreadySetError, match=r"reply of Agent \(urn.*given only once"
    ):
        reply.set("second")
    with pytest.raises(pykka.FutureAlreadySetError):
        reply.set_exception(ValueError())
    assert question.get() == "first"


def test_what_the_handler_returns_is_no_reply_and_is_said_in_the_log(
    ref: Any, replies: Replies, log: Log
) -> None:
    def promise_and_return(agent: object) -> str:
        replies.promise(agent)
        return "returned"

    for way in WAYS.values():
        question = way(ref, promise_and_return)
        replies.take().set("late")
        assert question.get(timeout=PATIENCE) == "late"
    assert ref.ask("x") == "x"
    records = log.find("WARNING", "so what it has returned is no reply: 'returned'")
    assert len(records) == len(WAYS)


@pytest.mark.parametrize("block", [False, True])
def test_a_reply_that_nothing_holds_any_more(ref: Any, block: bool) -> None:
    def forget(_agent: object) -> None:
        pykka.reply_later()

    with pytest.raises(pykka.ReplyDroppedError, match=r"Agent \(urn.* has let go of the reply"):
        ref.ask(forget) if block else ref.ask(forget, block=False).get(timeout=PATIENCE)


def test_a_reply_in_a_circle_that_the_collector_finds(ref: Any) -> None:
    def forget(_agent: object) -> None:
        circle: list[Any] = [pykka.reply_later()]
        circle.append(circle)

    question = ref.ask(forget, block=False)
    ref.ask("x")
    gc.collect()
    assert isinstance(question.exception(timeout=PATIENCE), pykka.ReplyDroppedError)


def test_a_handler_that_raises_after_its_promise(ref: Any, replies: Replies, log: Log) -> None:
    def promise_and_fail(agent: object) -> None:
        replies.promise(agent)
        raise ValueError("after all")

    for ask in (
        lambda: ref.ask(promise_and_fail),
        lambda: ref.ask(promise_and_fail, block=False).get(timeout=PATIENCE),
        lambda: ref.call(promise_and_fail).get(timeout=PATIENCE),
    ):
        with pytest.raises(ValueError, match="after all"):
            ask()
        reply = replies.take()
        assert reply.set("late") is False
        assert reply.set_exception(OSError()) is False
    assert ref.is_alive()
    assert log.find("WARNING") == []


def test_a_handler_that_raises_after_its_reply(ref: Any, log: Log) -> None:
    def reply_and_fail(_agent: object) -> None:
        pykka.reply_later().set("first")
        raise ValueError("after all")

    assert ref.ask(reply_and_fail) == "first"
    assert ref.ask(reply_and_fail, block=False).get(timeout=PATIENCE) == "first"
    assert ref.call(reply_and_fail).get(timeout=PATIENCE) == "first"
    assert ref.ask("x") == "x"
    assert len(log.find("WARNING", "raised after its reply had been given")) == 3


def test_a_message_without_an_asker(ref: Any, replies: Replies, log: Log) -> None:
    ref.tell(replies.promise)
    assert replies.take().set("dropped") is True
    ref.call(lambda _agent: None).get()
    ref.defer(replies.promise)
    assert replies.take().set_exception(ValueError()) is True
    ref.tell(lambda _agent: pykka.reply_later() and None)
    assert ref.ask("x") == "x"
    assert log.find("WARNING") == log.find("ERROR") == []


def test_a_none_that_is_asked(runtime: Runtime, replies: Replies) -> None:
    class Silent(runtime.actor_class):  # type: ignore[name-defined, misc]
        def on_receive(self, message: object) -> object:
            if message is None:
                replies.promise()
                return None
            return message

    ref = Silent.start()
    ref.ask("x")
    answers: list[object] = []
    thread = threading.Thread(target=lambda: answers.append(ref.ask(None)))
    thread.start()
    replies.take().set("late")
    thread.join(PATIENCE)
    assert answers == ["late"]
    ref.tell(None)
    assert replies.take().set("dropped")
    ref.stop()


# --- where there is nothing to promise ----------------------------------------------------------


def test_it_belongs_into_a_handler() -> None:
    with pytest.raises(RuntimeError, match=r"reply_later\(\) is about the reply to a message"):
        pykka.reply_later()


def test_in_hooks_and_threads_there_is_no_message(agent: Any) -> None:
    raised: queue.SimpleQueue[object] = queue.SimpleQueue()

    def attempt() -> None:
        try:
            pykka.reply_later()
        except RuntimeError as error:
            raised.put(error)
        else:
            raised.put(None)

    class Hooked(agent):  # type: ignore[misc]
        def on_start(self) -> None:
            attempt()

        def on_stop(self) -> None:
            attempt()

    def in_a_thread(_agent: object) -> None:
        thread = threading.Thread(target=attempt)
        thread.start()
        thread.join(PATIENCE)

    ref = Hooked.start()
    ref.ask(in_a_thread)
    ref.stop()
    for _ in range(3):
        assert isinstance(raised.get(timeout=PATIENCE), RuntimeError)


def test_a_message_has_one_reply(ref: Any, replies: Replies) -> None:
    def promise_twice(agent: object) -> None:
        replies.promise(agent)
        pykka.reply_later()

    with pytest.raises(RuntimeError, match="a message has one reply"):
        ref.ask(promise_twice)
    question = ref.ask(promise_twice, block=False)
    with pytest.raises(RuntimeError, match="a message has one reply"):
        question.get(timeout=PATIENCE)


def test_a_message_that_was_promised_a_reply_is_not_set_aside(
    agent: Any, replies: Replies
) -> None:
    class Shop(agent):  # type: ignore[misc]
        stash_capacity = 10

    def promise_and_stash(shop: Any) -> None:
        replies.promise()
        shop.stash()

    ref = Shop.start()
    with pytest.raises(RuntimeError, match="set it aside before that"):
        ref.ask(promise_and_stash, block=False).get(timeout=PATIENCE)
    ref.stop()


# --- the end of the actor -----------------------------------------------------------------------


@pytest.mark.parametrize("end", ["stop", "kill", "fail"])
def test_an_actor_that_ends_answers_what_it_owes(agent: Any, replies: Replies, end: str) -> None:
    ref = agent.start()
    questions = [WAYS[way](ref, replies.promise) for way in WAYS]
    kept = [replies.take() for _ in questions]
    given = kept.pop()
    given.set("in time")
    if end == "fail":
        ref.tell(lambda _agent: 1 / 0)
        ref.when_terminated().get(timeout=PATIENCE)
    else:
        getattr(ref, end)()
    assert questions.pop().get(timeout=PATIENCE) == "in time"
    for question, reply in zip(questions, kept, strict=True):
        with pytest.raises(pykka.ActorDeadError, match="before it had given the reply"):
            question.get(timeout=PATIENCE)
        assert reply.set("too late") is False
    assert (end == "fail") == ("ZeroDivisionError" in str(questions[0].exception()))


def test_a_reply_is_still_given_in_the_last_hook(agent: Any) -> None:
    class Polite(agent):  # type: ignore[misc]
        def on_stop(self) -> None:
            self.reply.set("goodbye")

        def keep(self) -> None:
            self.reply = pykka.reply_later()

    ref = Polite.start()
    question = ref.call(Polite.keep)
    ref.stop()
    assert question.get(timeout=PATIENCE) == "goodbye"


def test_an_instance_that_fails_answers_what_it_owes(agent: Any, replies: Replies) -> None:
    supervisor = Supervisor.start([ChildSpec("agent", agent)])
    child = supervisor.proxy().get_child("agent").get(timeout=PATIENCE)
    question = child.ask(replies.promise, block=False)
    reply = replies.take()
    child.tell(lambda _agent: 1 / 0)
    with pytest.raises(pykka.ActorDeadError, match="before it had given the reply"):
        question.get(timeout=PATIENCE)
    assert child.ask("x") == "x"  # the next instance
    assert reply.set("too late") is False
    supervisor.stop()


@needs("own thread")
def test_an_actor_that_is_abandoned_answers_what_it_owes(
    agent: Any, replies: Replies, gate: Gate
) -> None:
    ref = agent.start()
    question = ref.ask(replies.promise, block=False)
    reply = replies.take()
    ref.tell(gate)
    gate.wait_until_entered()
    ref.kill(abandon_after=0)
    with pytest.raises(pykka.ActorDeadError):
        question.get(timeout=PATIENCE)
    assert reply.set("too late") is False
    gate.open()


def test_an_abandoned_handler_promises_what_is_refused(agent: Any, gate: Gate) -> None:
    seen: queue.SimpleQueue[object] = queue.SimpleQueue()

    def wait_and_promise(agent: object) -> None:
        gate(agent)
        seen.put(pykka.reply_later().set("too late"))

    ref = agent.start()
    question = ref.ask(wait_and_promise, block=False)
    gate.wait_until_entered()
    ref.kill(abandon_after=0)
    with pytest.raises(pykka.ActorDeadError):
        question.get(timeout=PATIENCE)
    gate.open()
    assert seen.get(timeout=PATIENCE) in (True, False)
    with pytest.raises(pykka.ActorDeadError):
        question.get()


def test_futures_of_an_actors_own(agent: Any, runtime: Runtime, replies: Replies) -> None:
    class Own(agent):  # type: ignore[misc]
        @staticmethod
        def _create_future() -> Any:
            return type("Theirs", (runtime.future_class,), {})()

    def promise_and_fail(agent: object) -> None:
        replies.promise(agent)
        raise ValueError("after all")

    ref = Own.start()
    question = ref.ask(replies.promise, block=False)
    replies.take().set("late")
    assert question.get(timeout=PATIENCE) == "late"
    question = ref.ask(replies.promise, block=False)
    reply = replies.take()
    failed = ref.ask(promise_and_fail, block=False)
    assert isinstance(failed.exception(timeout=PATIENCE), ValueError)
    ref.stop()
    assert isinstance(question.exception(timeout=PATIENCE), pykka.ActorDeadError)
    assert reply.set("too late") is False


def test_a_question_that_was_promised_a_reply_is_not_cancelled(ref: Any, replies: Replies) -> None:
    question = ref.ask(replies.promise, block=False)
    reply = replies.take()
    assert question.cancel() is False
    assert question.cancel(interrupt=True) is False
    reply.set("late")
    assert question.get(timeout=PATIENCE) == "late"
    assert question.cancel() is False


@needs("blocking handlers")
def test_an_actor_that_waits_for_a_late_reply_is_in_no_circle(
    agent: Any, replies: Replies
) -> None:
    """It may come from anywhere, so no actor in particular owes it."""
    one, other = agent.start(), agent.start()

    def ask_other(_agent: object) -> object:
        return other.ask(replies.promise)

    waits = one.ask(ask_other, block=False)
    reply = replies.take()
    back = other.ask(lambda _agent: one.ask("x"), block=False)
    reply.set("from outside")
    assert waits.get(timeout=PATIENCE) == "from outside"
    assert back.get(timeout=PATIENCE) == "x"
    one.stop()
    other.stop()


def test_what_has_a_reply_is_freed(agent: Any, replies: Replies) -> None:
    ref = agent.start()
    freed = Freed(ref)
    question = ref.ask(replies.promise, block=False)
    reply = replies.take()
    reply.set("late")
    ref.stop()
    freed.wait()
    assert question.get() == "late"


@pytest.mark.parametrize("rounds", [30, pytest.param(1000, marks=pytest.mark.exhaustive)])
def test_a_reply_races_the_end_of_its_actor(agent: Any, replies: Replies, rounds: int) -> None:
    for _ in range(unless_simulated(rounds, 5)):
        ref = agent.start()
        question = ref.ask(replies.promise, block=False)
        reply = replies.take()
        told: list[bool] = []
        giver = threading.Thread(target=lambda: told.append(reply.set("late")))  # noqa: B023
        giver.start()
        ref.stop()
        giver.join(PATIENCE)
        error = question.exception(timeout=PATIENCE)
        assert told == [error is None]
        assert error is None or isinstance(error, pykka.ActorDeadError)
