"""Outcomes that are sent to an actor as messages, and bridges to other libraries' futures."""

from __future__ import annotations

import asyncio
import concurrent.futures
import queue
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import needs
from tests.leaks import PATIENCE

import pykka
from pykka import inboxes, routing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conformance.agents import Gate
    from tests.conftest import Log, Runtime


@pytest.fixture
def told() -> queue.SimpleQueue[Any]:
    """What the actor is told."""
    return queue.SimpleQueue()


@pytest.fixture
def collector_class(runtime: Runtime, told: queue.SimpleQueue[Any]) -> Any:
    class Collector(runtime.actor_class):  # type: ignore[name-defined, misc]
        def on_receive(self, message: Any) -> Any:
            if callable(message):
                return message(self)
            told.put(message)
            return None

    return Collector


@pytest.fixture
def ref(collector_class: Any) -> Iterator[Any]:
    ref = collector_class.start()
    yield ref
    ref.stop()


@pytest.fixture
def dead() -> Iterator[list[Any]]:
    """Dead letters."""
    found: list[Any] = []
    pykka.dead_letters.subscribe(found.append)
    yield found
    pykka.dead_letters.unsubscribe(found.append)


def test_a_value_arrives_as_a_message(ref: Any, told: Any) -> None:
    future: Any = pykka.ThreadingFuture()
    assert future.pipe_to(ref) is None
    future.set(42)
    assert told.get(timeout=PATIENCE) == pykka.PipedOutcome(42, None)
    assert future.get() == 42


def test_an_exception_arrives_as_a_message(ref: Any, told: Any) -> None:
    future: Any = pykka.ThreadingFuture()
    future.pipe_to(ref)
    error = ValueError("no")
    future.set_exception(error)
    outcome = told.get(timeout=PATIENCE)
    assert outcome.exception is error
    with pytest.raises(ValueError, match="no"):
        outcome.get()
    assert ref.is_alive()


def test_what_is_there_already_arrives(ref: Any, told: Any) -> None:
    future: Any = pykka.ThreadingFuture()
    future.set(42)
    future.pipe_to(ref)
    assert told.get(timeout=PATIENCE).get() == 42


def test_the_outcome_is_transformed(ref: Any, told: Any) -> None:
    future: Any = pykka.ThreadingFuture()
    future.pipe_to(ref, lambda outcome: ("stock", outcome.get()))
    future.set(42)
    assert told.get(timeout=PATIENCE) == ("stock", 42)


def test_what_the_transform_raises_arrives(ref: Any, told: Any) -> None:
    future: Any = pykka.ThreadingFuture()
    future.pipe_to(ref, lambda outcome: ("stock", outcome.get()))
    error = ValueError("no")
    future.set_exception(error)
    assert told.get(timeout=PATIENCE) == pykka.PipedOutcome(None, error)
    other: Any = pykka.ThreadingFuture()
    other.set(1)
    other.pipe_to(ref, lambda outcome: outcome.get() / 0)
    assert isinstance(told.get(timeout=PATIENCE).exception, ZeroDivisionError)


def test_an_answer_of_another_actor_arrives(ref: Any, told: Any, agent: Any) -> None:
    other = agent.start()
    ref.ask(lambda actor: other.ask("x", block=False).pipe_to(actor.actor_ref))
    ref.ask(lambda actor: other.call(lambda _other: 1 / 0).pipe_to(actor.actor_ref))
    ref.ask(lambda actor: other.ask("x", block=False).map(str.upper).pipe_to(actor.actor_ref))
    found = [told.get(timeout=PATIENCE) for _ in range(3)]
    assert found[0].get() == "x"
    assert isinstance(found[1].exception, ZeroDivisionError)
    assert found[2].get() == "X"
    other.stop()


def test_an_actor_asks_itself_and_goes_on(ref: Any, told: Any) -> None:
    ref.ask(
        lambda actor: actor.actor_ref.ask(lambda _actor: "own", block=False).pipe_to(
            actor.actor_ref
        )
    )
    assert told.get(timeout=PATIENCE).get() == "own"


def test_with_a_late_reply(ref: Any, agent: Any, runtime: Runtime) -> None:
    """The actor works on the answer of another one before it gives its own."""
    other = agent.start()

    class Shop(runtime.actor_class):  # type: ignore[name-defined, misc]
        def order(self, what: str) -> None:
            reply = pykka.reply_later()
            other.ask(what, block=False).pipe_to(
                self.actor_ref, lambda outcome: (reply, outcome.get())
            )

        def on_receive(self, message: Any) -> None:
            reply, answer = message
            reply.set(f"wrapped {answer}")

    shop = Shop.start()
    assert shop.call(Shop.order, "soup").get(timeout=PATIENCE) == "wrapped soup"
    shop.stop()
    other.stop()


@needs("blocking handlers")
def test_a_cancelled_question_arrives(ref: Any, told: Any, agent: Any, gate: Gate) -> None:
    other = agent.start()
    other.tell(gate)
    gate.wait_until_entered()
    question = other.ask("x", block=False)
    question.pipe_to(ref)
    question.cancel()
    assert isinstance(told.get(timeout=PATIENCE).exception, pykka.AskCancelledError)
    gate.open()
    other.stop()


# --- where it goes ------------------------------------------------------------------------------


def test_an_actor_that_has_ended_leaves_a_dead_letter(
    collector_class: Any, dead: list[Any]
) -> None:
    ref = collector_class.start()
    future: Any = pykka.ThreadingFuture()
    future.pipe_to(ref, lambda outcome: outcome.get())
    ref.stop()
    future.set("too late")
    assert [(letter.message, letter.target) for letter in dead] == [("too late", ref)]


def test_one_that_is_ending_leaves_a_dead_letter(
    collector_class: Any, gate: Gate, dead: list[Any]
) -> None:
    ref = collector_class.start()
    ref.tell(gate)
    gate.wait_until_entered()
    stopped = ref.stop(block=False)
    future: Any = pykka.ThreadingFuture()
    future.pipe_to(ref)
    future.set("too late")
    gate.open()
    assert stopped.get(timeout=PATIENCE)
    assert [letter.message.get() for letter in dead] == ["too late"]


@pytest.mark.parametrize(
    "spec",
    [
        inboxes.Bounded(1),
        inboxes.Bounded(1, when_full="raise"),
        inboxes.Priority(lambda message: message["no key"]),
    ],
)
def test_no_bound_applies_and_no_key_is_asked_for(
    collector_class: Any, told: Any, gate: Gate, spec: Any
) -> None:
    ref = collector_class.options(inbox=spec).start()
    if isinstance(spec, inboxes.Bounded):
        ref.tell(gate)
        gate.wait_until_entered()
        ref.tell("it is full")
    futures: list[Any] = [pykka.ThreadingFuture() for _ in range(3)]
    for number, future in enumerate(futures):
        future.pipe_to(ref)
        future.set(number)  # it does not wait
    gate.open()
    outcomes = [told.get(timeout=PATIENCE) for _ in range(3)]
    assert [each.value for each in outcomes] == [0, 1, 2]
    ref.stop()


def test_an_actor_with_an_inbox_of_its_own(runtime: Runtime, told: Any) -> None:
    class Own(runtime.actor_class):  # type: ignore[name-defined, misc]
        @staticmethod
        def _create_actor_inbox() -> Any:
            return queue.Queue(maxsize=1)

        def on_receive(self, message: Any) -> None:
            told.put(message)

    ref = Own.start()
    future: Any = pykka.ThreadingFuture()
    future.pipe_to(ref)
    future.set(42)
    assert told.get(timeout=PATIENCE).get() == 42
    ref.stop()


def test_an_actor_that_does_not_accept_it(
    runtime: Runtime, told: Any, dead: list[Any], log: Log
) -> None:
    class Picky(pykka.Accepts[int], runtime.actor_class):  # type: ignore[name-defined, misc]
        def on_receive(self, message: Any) -> None:
            told.put(message)

    ref: Any = Picky.start()
    future: Any = pykka.ThreadingFuture()
    future.pipe_to(ref)
    future.pipe_to(ref, lambda outcome: outcome.get())
    future.set(42)
    assert told.get(timeout=PATIENCE) == 42
    assert [letter.reason for letter in dead] == ["not accepted by the actor"]
    assert log.find("ERROR", "which raised")
    ref.stop()


def test_a_router_chooses(collector_class: Any, told: Any, log: Log) -> None:
    refs = [collector_class.start() for _ in range(2)]
    router: Any = routing.Broadcast(refs)
    future: Any = pykka.ThreadingFuture()
    future.pipe_to(router)
    future.set(42)
    assert [told.get(timeout=PATIENCE).get() for _ in refs] == [42, 42]
    for ref in refs:
        ref.stop()
    future.pipe_to(router)
    assert log.find("ERROR", "which raised")


@pytest.mark.parametrize("what", [None, 3, pykka.ThreadingActor, pykka.ActorRef])
def test_what_is_no_ref_is_refused(what: Any) -> None:
    future: Any = pykka.ThreadingFuture()
    with pytest.raises(TypeError, match=r"pipe_to\(\) takes the ref of an actor, or a router"):
        future.pipe_to(what)


def test_what_is_no_function_is_refused(ref: Any) -> None:
    future: Any = pykka.ThreadingFuture()
    with pytest.raises(TypeError, match=r"transform of pipe_to\(\)"):
        future.pipe_to(ref, "stock")


def test_a_future_that_cannot_tell_is_refused(ref: Any) -> None:
    class Plain(pykka.Future[int]):
        def get(self, *, timeout: float | None = None) -> int:
            return 1

    with pytest.raises(TypeError, match=r"pipe_to\(\) needs a future that can tell when"):
        Plain().pipe_to(ref)
    with pytest.raises(TypeError, match=r"to_concurrent\(\) needs a future that can tell when"):
        Plain().to_concurrent()


# --- from other libraries -----------------------------------------------------------------------


def test_a_future_of_ours(ref: Any, told: Any) -> None:
    future: Any = pykka.ThreadingFuture()
    pykka.pipe_to(future, ref, lambda outcome: outcome.get() + 1)
    future.set(1)
    assert told.get(timeout=PATIENCE) == 2


def test_a_future_of_concurrent_futures(ref: Any, told: Any) -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pykka.pipe_to(pool.submit(len, "four"), ref)
        assert told.get(timeout=PATIENCE).get() == 4
        pykka.pipe_to(pool.submit(lambda: 1 / 0), ref)
        assert isinstance(told.get(timeout=PATIENCE).exception, ZeroDivisionError)
    cancelled: Any = concurrent.futures.Future()
    pykka.pipe_to(cancelled, ref)
    cancelled.cancel()
    assert isinstance(told.get(timeout=PATIENCE).exception, pykka.AskCancelledError)


def test_a_coroutine_and_a_task(ref: Any, told: Any) -> None:
    async def double(number: int) -> int:
        await asyncio.sleep(0)
        return 2 * number

    async def main() -> None:
        pykka.pipe_to(double(1), ref)
        assert (await asyncio.to_thread(told.get, timeout=PATIENCE)).get() == 2
        task = asyncio.create_task(double(2))
        pykka.pipe_to(task, ref)
        assert (await asyncio.to_thread(told.get, timeout=PATIENCE)).get() == 4
        waits = asyncio.create_task(asyncio.Event().wait())
        await asyncio.to_thread(pykka.pipe_to, waits, ref)  # from another thread
        await asyncio.sleep(0)
        waits.cancel()
        outcome = await asyncio.to_thread(told.get, timeout=PATIENCE)
        assert isinstance(outcome.exception, pykka.AskCancelledError)

    asyncio.run(main())


def test_an_actor_in_a_loop_pipes_a_coroutine_to_itself(told: Any) -> None:
    async def fetch() -> str:
        await asyncio.sleep(0)
        return "page"

    class Fetcher(pykka.AsyncioActor):
        def on_receive(self, message: Any) -> None:
            if message == "fetch":
                pykka.pipe_to(fetch(), self.actor_ref, lambda outcome: outcome.get())
            else:
                told.put(message)

    ref = Fetcher.start()
    ref.tell("fetch")
    assert told.get(timeout=PATIENCE) == "page"
    ref.stop()


def test_a_coroutine_needs_a_loop(ref: Any) -> None:
    async def never() -> None:
        """It is closed, or there would be a warning."""

    with pytest.raises(RuntimeError, match=r"nothing would await .*never\(\)"):
        pykka.pipe_to(never(), ref)
    with pytest.raises(TypeError, match="takes the ref"):
        pykka.pipe_to(never(), None)  # type: ignore[arg-type]


@pytest.mark.parametrize("what", [None, 3, concurrent.futures.Future, "x"])
def test_what_is_no_source_is_refused(ref: Any, what: Any) -> None:
    with pytest.raises(TypeError, match=r"pipe_to\(\) takes a future, a task"):
        pykka.pipe_to(what, ref)
    with pytest.raises(TypeError, match=r"from_concurrent\(\) takes a future of concurrent"):
        pykka.from_concurrent(what)


# --- bridges ------------------------------------------------------------------------------------


def test_to_concurrent(agent: Any) -> None:
    ref = agent.start()
    value = ref.ask("x", block=False).to_concurrent()
    failed = ref.call(lambda _agent: 1 / 0).to_concurrent()
    mapped = ref.ask("x", block=False).map(str.upper).to_concurrent()
    assert isinstance(value, concurrent.futures.Future)
    assert value.result(PATIENCE) == "x"
    assert isinstance(failed.exception(PATIENCE), ZeroDivisionError)
    assert mapped.result(PATIENCE) == "X"
    done, _ = concurrent.futures.wait([value, failed, mapped], PATIENCE)
    assert len(done) == 3
    ref.stop()


def test_to_cancel_goes_over_the_bridge(agent: Any, gate: Gate) -> None:
    ref = agent.start()
    ref.tell(gate)
    gate.wait_until_entered()
    question = ref.ask("x", block=False)
    other = question.to_concurrent()
    assert other.cancel()
    assert isinstance(question.exception(timeout=PATIENCE), pykka.AskCancelledError)
    another = ref.ask("x", block=False)
    bridged = another.to_concurrent()
    another.cancel()
    assert isinstance(bridged.exception(PATIENCE), pykka.AskCancelledError)
    gate.open()
    ref.stop()


def test_a_task_that_awaits_a_bridge_takes_its_question_back(agent: Any, gate: Gate) -> None:
    ref = agent.start()
    ref.tell(gate)
    gate.wait_until_entered()
    question = ref.ask("x", block=False)

    async def main() -> None:
        waiting = asyncio.wrap_future(question.to_concurrent())
        task = asyncio.ensure_future(asyncio.wait_for(waiting, PATIENCE))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert isinstance(question.exception(timeout=PATIENCE), pykka.AskCancelledError)
    gate.open()
    ref.stop()


def test_from_concurrent() -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        assert pykka.from_concurrent(pool.submit(len, "four")).get(timeout=PATIENCE) == 4
        failed = pykka.from_concurrent(pool.submit(lambda: 1 / 0))
        assert isinstance(failed.exception(timeout=PATIENCE), ZeroDivisionError)
        entered, go_on = threading.Event(), threading.Event()
        running = pykka.from_concurrent(pool.submit(lambda: (entered.set(), go_on.wait(PATIENCE))))
        entered.wait(PATIENCE)
        waiting = pykka.from_concurrent(pool.submit(len, "never"))
        assert running.cancel() is False
        assert waiting.cancel() is True
        assert waiting.cancel() is True
        assert isinstance(waiting.exception(timeout=PATIENCE), pykka.AskCancelledError)
        go_on.set()
        assert running.map(len).get(timeout=PATIENCE) == 2
        assert running.cancel() is False


def test_from_concurrent_is_handed_on(ref: Any) -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        work = pool.submit(len, "four")
        assert ref.ask(lambda _actor: pykka.hand_on(pykka.from_concurrent(work))) == 4


def test_there_and_back(agent: Any) -> None:
    ref = agent.start()
    question: Callable[[], Any] = lambda: ref.ask("x", block=False)  # noqa: E731
    assert pykka.from_concurrent(question().to_concurrent()).get(timeout=PATIENCE) == "x"
    ref.stop()
