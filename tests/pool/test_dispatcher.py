"""Dispatchers as people use them: their arguments, their figures, and inboxes of people's own."""

from __future__ import annotations

import queue
import threading
from typing import Any

import pytest
from tests.conformance.agents import Gate
from tests.leaks import PATIENCE, wait_until
from tests.pool.tools import Agent, agents_of

import pykka


@pytest.mark.parametrize(
    ("max_threads", "error", "text"),
    [
        (0, ValueError, "at least one thread, not 0"),
        (-3, ValueError, "at least one thread, not -3"),
        (2.5, TypeError, "whole number of threads, not 2.5"),
        ("4", TypeError, "whole number of threads, not '4'"),
        (True, TypeError, "whole number of threads, not True"),
    ],
)
def test_how_many_threads_there_may_be(
    max_threads: Any, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        pykka.Dispatcher(max_threads=max_threads)


def test_all_but_the_name_is_given_by_keyword() -> None:
    with pytest.raises(TypeError):
        pykka.Dispatcher("pykka-x", 4)  # type: ignore[misc]


def test_what_a_dispatcher_says_of_itself() -> None:
    dispatcher = pykka.Dispatcher("pykka-named", max_threads=3, daemon=True, caller_runs=False)
    assert dispatcher.name == "pykka-named"
    assert dispatcher.max_threads == 3
    assert dispatcher.daemon is True
    assert dispatcher.caller_runs is False
    assert repr(dispatcher) == "<pykka.Dispatcher 'pykka-named'>"


def test_what_a_dispatcher_is_if_nothing_is_said() -> None:
    one, other = pykka.Dispatcher(), pykka.Dispatcher()
    assert one.name != other.name
    assert one.max_threads >= 2_048
    assert one.daemon is False
    assert one.caller_runs is True


def test_its_threads_bear_its_name() -> None:
    ref = agents_of(pykka.Dispatcher("pykka-mine")).start()
    name = ref.ask(lambda: threading.current_thread().name, timeout=PATIENCE)
    assert name.startswith("pykka-mine-")


def test_a_dispatcher_that_is_not_used_has_no_threads() -> None:
    dispatcher = pykka.Dispatcher("pykka-unused")
    agents_of(dispatcher).start().ask("only its caller runs it")
    statistics = dispatcher.statistics()
    assert (statistics.threads, statistics.idle, statistics.blocked) == (0, 0, 0)
    assert not [thread for thread in threading.enumerate() if "pykka-unused" in thread.name]


def test_the_statistics_of_a_dispatcher() -> None:
    dispatcher = pykka.Dispatcher("pykka-counted", max_threads=2)
    agents = agents_of(dispatcher)
    gates = [Gate(), Gate()]
    for gate in gates:
        agents.start().tell(gate)
        gate.wait_until_entered()
    for _ in range(3):
        agents.start().tell("hello")
    statistics = dispatcher.statistics()
    assert statistics.threads == 2
    assert statistics.idle == 0
    assert statistics.ready == 3
    assert statistics.blocked == 0
    assert statistics.max_threads == 2
    for gate in gates:
        gate.open()
    wait_until(lambda: dispatcher.statistics().idle == 2, "both threads are idle")
    assert dispatcher.statistics().ready == 0
    with pytest.raises(AttributeError):
        statistics.threads = 5  # type: ignore[misc]


@pytest.mark.parametrize(
    "wrong",
    ["a name", 4, pykka.Dispatcher, object()],
    ids=["a name", "a number", "the class", "an object"],
)
def test_a_class_that_keeps_something_else_under_that_name(wrong: Any) -> None:
    class Mistaken(Agent):
        dispatcher = wrong

    with pytest.raises(TypeError, match=r"Mistaken\.dispatcher is .*pykka\.Dispatcher"):
        Mistaken.start()
    assert pykka.ActorRegistry.get_all() == []


def test_a_subclass_inherits_its_dispatcher_and_may_have_another() -> None:
    class Base(Agent):
        dispatcher = pykka.Dispatcher("pykka-base")

    class Redirect(Base):
        pass

    class Rebel(Base):
        dispatcher = None

    def name() -> str:
        return threading.current_thread().name

    names = [cls.start().ask(name, timeout=PATIENCE) for cls in (Base, Redirect, Rebel)]
    assert names[0].startswith("pykka-base-")
    assert names[1].startswith("pykka-base-")
    assert names[2].startswith("pykka-pool-")


class Recorder(pykka.PooledActor):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, Gate):
            message()
        else:
            self.seen.append(message)
        return message

    def record(self, message: Any) -> None:
        self.seen.append(message)


class LastFirst(queue.LifoQueue):  # type: ignore[type-arg]
    """Hands out first what came last."""


class Tiny:
    """As little as is asked of an inbox."""

    def __init__(self) -> None:
        self._items: list[Any] = []

    def put(self, envelope: Any) -> None:
        self._items.append(envelope)

    def get(self) -> Any:
        return self._items.pop(0)

    def empty(self) -> bool:
        return not self._items


OWN_INBOXES: dict[str, Any] = {
    "Queue": queue.Queue,
    "SimpleQueue": queue.SimpleQueue,
    "bounded": lambda: queue.Queue(3),
    "tiny": Tiny,
    "list": list,
}


@pytest.mark.parametrize("name", OWN_INBOXES)
def test_an_inbox_of_ones_own(name: str) -> None:
    class Own(Recorder):
        @staticmethod
        def _create_actor_inbox() -> Any:
            return OWN_INBOXES[name]()

    ref = Own.start()
    proxy = ref.proxy()
    for number in range(0, 200, 5):
        ref.tell(number)
        ref.ask(number + 1)
        ref.ask(number + 2, timeout=PATIENCE)
        proxy.record(number + 3).get()
        proxy.record.defer(number + 4)
    assert proxy.seen.get() == list(range(200))
    if name != "list":
        assert isinstance(ref.actor_inbox, type(OWN_INBOXES[name]()))
    assert ref.stop() is True
    with pytest.raises(pykka.ActorDeadError):
        ref.ask("too late")


def test_an_inbox_that_has_an_order_of_its_own() -> None:
    class Own(Recorder):
        @staticmethod
        def _create_actor_inbox() -> Any:
            return LastFirst()

    gate = Gate()
    ref = Own.start()
    ref.tell(gate)
    gate.wait_until_entered()
    for number in range(3):
        ref.tell(number)
    gate.open()
    actor: Any = ref._actor
    wait_until(lambda: len(actor.seen) == 3, "all are handled")
    assert ref.proxy().seen.get() == [2, 1, 0]


def test_a_bounded_inbox_makes_its_senders_wait() -> None:
    class Own(Recorder):
        @staticmethod
        def _create_actor_inbox() -> Any:
            return queue.Queue(2)

    gate = Gate()
    ref = Own.start()
    ref.tell(gate)
    gate.wait_until_entered()
    ref.tell(1)
    ref.tell(2)
    assert ref.actor_inbox.full()
    sent = threading.Event()
    # Actors in the pool may wait for it too: others are run meanwhile.
    Agent.start().tell(lambda: (ref.tell(3), sent.set()))
    assert Agent.start().ask("still here?", timeout=PATIENCE) == "still here?"
    assert not sent.is_set()
    gate.open()
    assert sent.wait(PATIENCE)
    assert ref.proxy().seen.get() == [1, 2, 3]


def test_messages_that_wait_in_an_inbox_of_ones_own_have_a_fate() -> None:
    class Own(Recorder):
        @staticmethod
        def _create_actor_inbox() -> Any:
            return queue.Queue()

    gate = Gate()
    ref = Own.start()
    ref.tell(gate)
    gate.wait_until_entered()
    stopped = ref.stop(block=False)
    late = [ref.ask(number, block=False) for number in range(3)]
    gate.open()
    assert stopped.get(timeout=PATIENCE) is True
    for future in late:
        with pytest.raises(pykka.ActorDeadError):
            future.get(timeout=PATIENCE)


def test_an_actor_may_take_its_messages_itself() -> None:
    class Taker(pykka.PooledActor):
        def on_receive(self, message: Any) -> Any:
            if message != "take":
                return message
            taken = [self.actor_inbox.get(timeout=PATIENCE).message for _ in range(2)]
            with pytest.raises(queue.Empty):
                self.actor_inbox.get_nowait()
            with pytest.raises(queue.Empty):
                self.actor_inbox.get(timeout=0.001)
            return taken

    ref = Taker.start()
    answer = ref.ask("take", block=False)
    ref.tell("one")
    ref.tell("two")
    assert answer.get(timeout=PATIENCE) == ["one", "two"]
    assert ref.ask("hello") == "hello"


def test_others_may_take_the_messages_of_an_actor_that_is_not_running() -> None:
    class Unstarted(pykka.PooledActor):
        pass

    actor = Unstarted()
    inbox = actor.actor_inbox
    assert inbox.empty()
    assert inbox.qsize() == 0
    actor.actor_ref.tell("one")
    future = actor.actor_ref.ask("two", block=False)
    assert inbox.qsize() == 2
    assert inbox.get().message == "one"
    envelope = inbox.get_nowait()
    envelope.reply_to.set("an answer")
    assert future.get(timeout=PATIENCE) == "an answer"
    with pytest.raises(queue.Empty):
        inbox.get_nowait()


def test_a_dispatcher_is_a_wall_between_actors() -> None:
    """The blocking ones may take all their threads, and the others do not notice."""
    blocking = agents_of(pykka.Dispatcher("pykka-blocking", max_threads=2))
    gate = Gate()
    held = [blocking.start().ask(gate, block=False) for _ in range(10)]
    assert Agent.start().ask("hello", timeout=PATIENCE) == "hello"
    gate.open()
    assert pykka.get_all(held, timeout=PATIENCE) == ["opened"] * 10
