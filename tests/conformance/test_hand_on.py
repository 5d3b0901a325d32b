"""Replies that are handed on: the answer of another question is the reply."""

from __future__ import annotations

import asyncio
import queue
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import Freed, needs
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka import debug

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conformance.agents import Gate
    from tests.conftest import Log, Runtime


@pytest.fixture
def other(agent: Any) -> Iterator[Any]:
    other = agent.start()
    yield other
    other.stop()


def handing_on(make: Callable[[], Any]) -> Callable[[object], object]:
    """A message that is handed on."""

    def hand_on(_agent: object) -> object:
        return pykka.hand_on(make())

    return hand_on


ASKS: dict[str, Callable[[Any, Any], object]] = {
    "ask": lambda ref, message: ref.ask(message),
    "ask with a timeout": lambda ref, message: ref.ask(message, timeout=PATIENCE),
    "ask for a future": lambda ref, message: ref.ask(message, block=False).get(timeout=PATIENCE),
    "call": lambda ref, message: ref.call(message).get(),
    "proxy": lambda ref, message: ref.proxy().run(message).get(),
}


@pytest.mark.parametrize("way", ASKS)
def test_an_answer_is_handed_on(ref: Any, other: Any, way: str) -> None:
    message = handing_on(lambda: other.ask("from the other", block=False))
    assert ASKS[way](ref, message) == "from the other"


@pytest.mark.parametrize("way", ASKS)
def test_an_exception_is_handed_on(ref: Any, other: Any, way: str, log: Log) -> None:
    message = handing_on(lambda: other.call(lambda _agent: 1 / 0))
    with pytest.raises(ZeroDivisionError):
        ASKS[way](ref, message)
    assert ref.is_alive()
    assert log.find("WARNING") == log.find("ERROR") == []


def test_a_typed_method_hands_on(runtime: Runtime) -> None:
    class Cook(runtime.actor_class):  # type: ignore[name-defined, misc]
        def cook(self, dish: str) -> str:
            return f"hot {dish}"

    class Waiter(runtime.actor_class):  # type: ignore[name-defined, misc]
        def __init__(self, cook: Any) -> None:
            super().__init__()
            self.cook = cook

        def order(self, dish: str) -> str:
            return pykka.hand_on(self.cook.call(Cook.cook, dish))  # type: ignore[no-any-return]

    cook = Cook.start()
    waiter = Waiter.start(cook)
    assert waiter.call(Waiter.order, "soup").get(timeout=PATIENCE) == "hot soup"
    waiter.stop()
    cook.stop()


def test_the_actor_goes_on_meanwhile(ref: Any, agent: Any, gate: Gate) -> None:
    other = agent.start()
    held: Any = pykka.ThreadingFuture()
    question = ref.ask(handing_on(lambda: held), block=False)
    assert ref.ask("something else") == "something else"
    assert not question.done()
    held.set("late")
    assert question.get(timeout=PATIENCE) == "late"
    other.stop()


def test_what_is_there_already_is_handed_on(ref: Any, other: Any) -> None:
    answered = other.ask("x", block=False)
    answered.get(timeout=PATIENCE)
    assert ref.ask(handing_on(lambda: answered)) == "x"


@pytest.mark.parametrize(
    ("derive", "answer"),
    [
        (lambda one, two: one.map(str.upper), "ONE"),
        (lambda one, two: one.join(two), ["one", "two"]),
        (lambda one, two: one.join(two).map(len), 2),
    ],
)
def test_a_derived_future_is_handed_on(ref: Any, other: Any, derive: Any, answer: object) -> None:
    message = handing_on(
        lambda: derive(other.ask("one", block=False), other.ask("two", block=False))
    )
    assert ref.ask(message) == answer
    assert ref.ask(message, block=False).get(timeout=PATIENCE) == answer


def test_a_chain_of_any_length(agent: Any, runtime: Runtime) -> None:
    refs = [agent.start() for _ in range(10)]

    def through(number: int) -> Any:
        if number == len(refs):
            return "the end"
        return handing_on(lambda: refs[number].ask(through(number + 1), block=False))

    assert refs[0].ask(through(1)) == "the end"
    for ref in refs:
        ref.stop()


def test_a_question_to_oneself_is_handed_on(ref: Any) -> None:
    """It is answered in its turn, since the actor does not wait for it."""
    assert ref.ask(handing_on(lambda: ref.ask("to itself", block=False))) == "to itself"


def test_an_actor_that_has_handed_on_may_end(agent: Any) -> None:
    ref = agent.start()
    held: Any = pykka.ThreadingFuture()
    question = ref.ask(handing_on(lambda: held), block=False)
    ref.stop()
    held.set("all the same")
    assert question.get(timeout=PATIENCE) == "all the same"


def test_an_actor_that_ends_is_handed_on(ref: Any, agent: Any, gate: Gate) -> None:
    other = agent.start()
    other.stop()
    with pytest.raises(pykka.ActorDeadError):
        ref.ask(handing_on(lambda: other.ask("x", block=False)))


def test_to_cancel_is_handed_on(ref: Any) -> None:
    other_class = ref.actor_class
    gate_opened = threading.Event()
    entered = threading.Event()

    class Busy(pykka.ThreadingActor):
        def on_receive(self, message: Any) -> Any:
            entered.set()
            gate_opened.wait(PATIENCE)
            return message

    del other_class
    busy = Busy.start()
    busy.tell("x")
    entered.wait(PATIENCE)
    handed: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def ask_busy() -> Any:
        question = busy.ask("late", block=False)
        handed.put(question)
        return question

    question = ref.ask(handing_on(ask_busy), block=False)
    source = handed.get(timeout=PATIENCE)
    assert ref.ask("x") == "x"  # it is through with the handler
    assert question.cancel() is False or isinstance(question.exception(), pykka.AskCancelledError)
    assert isinstance(source.exception(timeout=PATIENCE), pykka.AskCancelledError)
    assert isinstance(question.exception(timeout=PATIENCE), pykka.AskCancelledError)
    gate_opened.set()
    busy.stop()


def test_futures_of_an_actors_own(agent: Any, runtime: Runtime, other: Any) -> None:
    class Own(agent):  # type: ignore[misc]
        @staticmethod
        def _create_future() -> Any:
            return type("Theirs", (runtime.future_class,), {})()

    ref = Own.start()
    message = handing_on(lambda: other.ask("from the other", block=False))
    assert ref.ask(message, block=False).get(timeout=PATIENCE) == "from the other"
    assert other.ask(handing_on(lambda: ref.ask("back", block=False))) == "back"
    ref.stop()


def test_a_message_without_an_asker(ref: Any, other: Any, log: Log) -> None:
    ref.tell(handing_on(lambda: other.ask("x", block=False)))
    assert ref.ask("y") == "y"
    assert other.ask("y") == "y"
    assert log.find("WARNING") == log.find("ERROR") == []


def test_an_async_handler_hands_on(other: Any) -> None:
    class Clerk(pykka.AsyncioActor):
        async def on_receive(self, message: Any) -> Any:
            await asyncio.sleep(0)
            return pykka.hand_on(other.ask(message, block=False))

    clerk = Clerk.start()
    assert clerk.ask("x", timeout=PATIENCE) == "x"
    clerk.stop()


@pytest.mark.parametrize("what", [None, 3, "future", pykka.ThreadingFuture, pykka.Future()])
def test_what_is_no_future_is_refused(ref: Any, what: Any) -> None:
    with pytest.raises(TypeError, match=r"hand_on\(\) takes the future of an answer"):
        ref.ask(lambda _agent: pykka.hand_on(what))


def test_a_future_with_a_get_hook_is_refused(ref: Any) -> None:
    hooked: Any = pykka.ThreadingFuture()
    hooked.set_get_hook(lambda _timeout: 1)
    with pytest.raises(TypeError, match="there is no telling when"):
        ref.ask(handing_on(lambda: hooked))


def test_it_belongs_into_a_handler(other: Any) -> None:
    question = other.ask("x", block=False)
    with pytest.raises(RuntimeError, match=r"hand_on\(\) is about the reply to a message"):
        pykka.hand_on(question)


def test_a_message_has_one_reply(ref: Any, other: Any) -> None:
    def twice(_agent: object) -> None:
        pykka.hand_on(other.ask("first", block=False))
        pykka.hand_on(other.ask("second", block=False))

    with pytest.raises((RuntimeError, AssertionError)) as info:
        assert ref.ask(twice, block=False).get(timeout=PATIENCE) != "first"
    assert "one reply" in str(info.value) or "first" in str(info.value)


def test_everything_is_freed(agent: Any, other: Any) -> None:
    ref = agent.start()
    freed = Freed(ref)
    question = ref.ask(handing_on(lambda: other.ask("x", block=False)), block=False)
    assert question.get(timeout=PATIENCE) == "x"
    ref.stop()
    freed.wait()


# --- deadlocks ----------------------------------------------------------------------------------


def test_to_hand_on_ones_own_question_is_a_deadlock(ref: Any) -> None:
    own: queue.SimpleQueue[Any] = queue.SimpleQueue()
    question = ref.ask(handing_on(lambda: own.get(timeout=PATIENCE)), block=False)
    own.put(question)
    with pytest.raises(pykka.DeadlockError, match="waits for its own answer"):
        question.get(timeout=PATIENCE)
    assert ref.ask("x") == "x"


@needs("own thread")
def test_two_that_hand_on_to_each_other(ref: Any, other: Any) -> None:
    one: queue.SimpleQueue[Any] = queue.SimpleQueue()
    two: queue.SimpleQueue[Any] = queue.SimpleQueue()
    first = ref.ask(handing_on(lambda: two.get(timeout=PATIENCE)), block=False)
    second = other.ask(handing_on(lambda: one.get(timeout=PATIENCE)), block=False)
    one.put(first)
    two.put(second)
    errors = [first.exception(timeout=PATIENCE), second.exception(timeout=PATIENCE)]
    assert {type(error) for error in errors} == {pykka.DeadlockError}
    assert "waits for what" in str(errors[0])


@needs("blocking handlers")
def test_a_wait_that_leads_through_what_was_handed_on_is_seen(
    ref: Any, other: Any, agent: Any
) -> None:
    """The asker waits for `ref`, which hands on to `other`, which waits for the asker."""
    asker = agent.start()

    def ask_back(_other: object) -> object:
        return asker.ask("x")

    def ask_through(_asker: object) -> object:
        return ref.ask(handing_on(lambda: other.ask(ask_back, block=False)))

    with pytest.raises(pykka.DeadlockError):
        asker.ask(ask_through)
    for each in (asker, ref, other):
        assert each.ask("x") == "x"
    asker.stop()


@needs("own thread")
def test_who_hands_on_finds_the_circle_that_this_closes(
    ref: Any, other: Any, agent: Any, gate: Gate
) -> None:
    """The others wait already; the one that hands on is told, and so is its asker."""
    asker = agent.start()
    waits = asker.ask(
        lambda _asker: ref.ask(
            lambda agent: (gate(agent), pykka.hand_on(question_of_other.get(timeout=PATIENCE)))[1]
        ),
        block=False,
    )
    question_of_other: queue.SimpleQueue[Any] = queue.SimpleQueue()
    gate.wait_until_entered()
    waits_too = other.ask(lambda _other: asker.ask("x"), block=False)
    wait_until(lambda: other._cell.waiting is not None, "the other one waits")
    question_of_other.put(other.ask("later", block=False))
    gate.open()
    with pytest.raises(pykka.DeadlockError):
        waits.get(timeout=PATIENCE)
    assert waits_too.get(timeout=PATIENCE) == "x"
    asker.stop()


@needs("own thread")
def test_the_wait_graph_shows_who_owes_what_was_handed_on(
    ref: Any, other: Any, agent: Any, gate: Gate
) -> None:
    asker = agent.start()
    answer = asker.ask(
        lambda _asker: ref.ask(handing_on(lambda: other.ask(gate, block=False))), block=False
    )
    gate.wait_until_entered()
    wait_until(lambda: asker._cell.waiting is not None, "the asker waits")
    wait_until(lambda: ref._cell.handling is None, "the answer is handed on")
    (edge,) = debug.wait_graph().waiting
    assert (edge.actor, edge.waits_for) == (asker, other)
    gate.open()
    assert answer.get(timeout=PATIENCE) == "opened"
    asker.stop()


def test_a_pool_with_one_thread_is_enough() -> None:
    """The one that waits runs the actor that the question was handed on to."""
    with_one = pykka.Dispatcher("one thread", max_threads=1)

    class Worker(pykka.PooledActor):
        dispatcher = with_one

        def on_receive(self, message: Any) -> Any:
            return message(self) if callable(message) else message

    one, two, three = Worker.start(), Worker.start(), Worker.start()
    through = handing_on(lambda: three.ask("the end", block=False))
    assert one.ask(lambda _one: two.ask(through), timeout=PATIENCE) == "the end"
    for ref in (one, two, three):
        ref.stop()


def test_a_blocking_ask_in_a_loop_is_told_that_it_waits_for_itself(agent: Any) -> None:
    class Clerk(pykka.AsyncioActor):
        def on_receive(self, message: Any) -> Any:
            return message

    async def main() -> None:
        clerk = Clerk.start()
        ref = agent.options().start() if agent is None else Handing.start(clerk)
        question = ref.ask("x", block=False)
        held.get(timeout=PATIENCE)
        with pytest.raises(pykka.DeadlockError, match="lives in the event loop"):
            question.get()
        assert await question == "x"
        await ref.stop(block=False)
        await clerk.stop(block=False)

    held: queue.SimpleQueue[None] = queue.SimpleQueue()

    class Handing(pykka.ThreadingActor):
        def __init__(self, clerk: Any) -> None:
            super().__init__()
            self.clerk = clerk

        def on_receive(self, message: Any) -> Any:
            result = pykka.hand_on(self.clerk.ask(message, block=False))
            held.put(None)
            return result

    asyncio.run(main())
