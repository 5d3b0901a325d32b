"""Sending messages: tell, ask, and the library's own messages."""

from __future__ import annotations

import copy
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import failing, needs
from tests.leaks import PATIENCE

import pykka
from pykka._envelope import Envelope
from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr, _ActorStop

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.agents import Diary, Gate
    from tests.conftest import Runtime


class Plain:
    """A message class of a program."""


# --- tell ---------------------------------------------------------------------------------------


def test_tell_returns_nothing(agent: Any) -> None:
    assert agent.start().tell("message") is None


def test_tell_does_not_wait(agent: Any, gate: Gate) -> None:
    ref = agent.start()
    ref.tell(gate)
    gate.wait_until_entered()

    for _ in range(1000):
        ref.tell("message")

    gate.open()
    assert ref.ask("all handled") == "all handled"


def test_what_on_receive_returns_for_a_tell_is_ignored(agent: Any) -> None:
    ref = agent.start()

    ref.tell(lambda _agent: "nobody wants this")

    assert ref.ask("still there?") == "still there?"


def test_tell_to_a_dead_actor_raises_at_once(agent: Any) -> None:
    ref = agent.start()
    ref.stop()

    with pytest.raises(pykka.ActorDeadError) as info:
        ref.tell("message")

    assert str(info.value) == f"{ref} not found"


# --- ask ----------------------------------------------------------------------------------------


def test_ask_returns_what_on_receive_returns(agent: Any) -> None:
    assert agent.start().ask(lambda _agent: 42) == 42


def test_ask_returns_none_if_on_receive_returns_nothing(runtime: Runtime) -> None:
    class Silent(runtime.actor_class):  # type: ignore[name-defined, misc]
        def on_receive(self, message: object) -> None:
            pass

    assert Silent.start().ask("anybody there?") is None


def test_ask_without_blocking_returns_a_future_at_once(
    agent: Any, gate: Gate, runtime: Runtime
) -> None:
    ref = agent.start()

    future = ref.ask(gate, block=False)

    assert isinstance(future, runtime.future_class)
    gate.open()
    assert future.get(timeout=PATIENCE) == "opened"


def test_ask_raises_what_on_receive_raises(agent: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        agent.start().ask(lambda _agent: 1 / 0)


def test_an_exception_may_be_an_answer(agent: Any) -> None:
    error = ValueError("no")

    assert agent.start().ask(error) is error


def test_a_future_may_be_an_answer(agent: Any, runtime: Runtime) -> None:
    future = runtime.future_class()

    assert agent.start().ask(future) is future


def test_ask_with_a_timeout_returns_the_answer(agent: Any) -> None:
    assert agent.start().ask("message", timeout=PATIENCE) == "message"


@pytest.mark.parametrize("timeout", [0, 0.01])
def test_ask_with_a_timeout_raises_timeout(agent: Any, gate: Gate, timeout: float) -> None:
    ref = agent.start()
    ref.tell(gate)

    with pytest.raises(pykka.Timeout):
        ref.ask("message", timeout=timeout)


def test_a_message_stays_sent_when_the_asker_gives_up(
    agent: Any, gate: Gate, diary: Diary
) -> None:
    ref = agent.start(diary)
    ref.tell(gate)

    with pytest.raises(pykka.Timeout):
        ref.ask(lambda agent: agent.diary.note("handled"), timeout=0)

    gate.open()
    assert diary.read(2) == ["on_start", "handled"]


def test_timeout_does_not_matter_without_blocking(agent: Any, gate: Gate) -> None:
    ref = agent.start()

    future = ref.ask(gate, block=False, timeout=0)

    gate.open()
    assert future.get(timeout=PATIENCE) == "opened"


@pytest.mark.parametrize("arguments", [(False,), (True, 1)])
def test_block_and_timeout_are_keyword_only(agent: Any, arguments: tuple[object, ...]) -> None:
    ref = agent.start()

    with pytest.raises(TypeError):
        ref.ask("message", *arguments)
    with pytest.raises(TypeError):
        ref.stop(*arguments)


def test_ask_to_a_dead_actor_raises(agent: Any) -> None:
    ref = agent.start()
    ref.stop()

    with pytest.raises(pykka.ActorDeadError) as info:
        ref.ask("message")

    assert str(info.value) == f"{ref} not found"


def test_ask_to_a_dead_actor_without_blocking_puts_the_error_into_the_future(agent: Any) -> None:
    ref = agent.start()
    ref.stop()

    future = ref.ask("message", block=False)

    with pytest.raises(pykka.ActorDeadError) as info:
        future.get(timeout=0)
    assert str(info.value) == f"{ref} not found"


# --- messages -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [None, 0, "", "text", b"bytes", (), {"key": "value"}, Plain(), Plain, ValueError("value")],
    ids=lambda message: type(message).__name__,
)
def test_a_message_may_be_anything_and_is_not_copied(runtime: Runtime, message: object) -> None:
    class Echo(runtime.actor_class):  # type: ignore[name-defined, misc]
        def on_receive(self, message: object) -> object:
            return message

    assert Echo.start().ask(message) is message


def test_a_message_may_be_an_envelope(runtime: Runtime) -> None:
    class Echo(runtime.actor_class):  # type: ignore[name-defined, misc]
        def on_receive(self, message: object) -> object:
            return message

    message = Envelope("inner")

    assert Echo.start().ask(message) is message


def test_messages_that_hold_refs_can_be_deep_copied(agent: Any) -> None:
    ref = agent.start()
    message = {"who": ref, "what": ["something"]}

    copied = copy.deepcopy(message)

    assert copied["who"] is ref
    assert copied["what"] is not message["what"]
    assert copy.copy(ref) == ref


def test_messages_of_one_sender_arrive_in_order(agent: Any, diary: Diary) -> None:
    def noting(number: int) -> Callable[[Any], None]:
        return lambda agent: agent.diary.note(number)

    ref = agent.start(diary)
    proxy = ref.proxy()
    for number in range(0, 100, 4):
        ref.tell(noting(number))
        ref.ask(noting(number + 1), block=False)
        proxy.run(noting(number + 2))
        proxy.run.defer(noting(number + 3))

    assert diary.read(101) == ["on_start", *range(100)]


def test_an_envelope_that_is_put_into_the_inbox_is_a_message(
    agent: Any, runtime: Runtime, diary: Diary
) -> None:
    ref = agent.start(diary)
    future = runtime.future_class()

    ref.actor_inbox.put(Envelope(lambda agent: agent.diary.note("handled")))
    ref.actor_inbox.put(Envelope("question", reply_to=future))

    assert diary.read(2) == ["on_start", "handled"]
    assert future.get(timeout=PATIENCE) == "question"


@pytest.mark.parametrize(
    "put",
    [
        lambda inbox, envelope: inbox.put(envelope, True, 1),
        lambda inbox, envelope: inbox.put(envelope, block=False),
        lambda inbox, envelope: inbox.put_nowait(envelope),
    ],
    ids=["with a timeout", "without blocking", "put_nowait"],
)
def test_the_inbox_takes_envelopes_as_a_queue_does(
    agent: Any, put: Callable[[Any, Any], None]
) -> None:
    inbox = agent.start().actor_inbox
    future: pykka.ThreadingFuture[object] = pykka.ThreadingFuture()

    assert not inbox.full()
    put(inbox, Envelope("message", future))

    assert future.get(timeout=PATIENCE) == "message"


def test_an_envelope_that_is_put_into_a_dead_actors_inbox_is_answered(
    agent: Any, runtime: Runtime
) -> None:
    ref = agent.start()
    ref.stop()
    future = runtime.future_class()

    ref.actor_inbox.put(Envelope("question", reply_to=future))

    with pytest.raises(pykka.ActorDeadError):
        future.get(timeout=PATIENCE)


def test_a_reply_to_a_future_that_is_set_already_is_dropped(agent: Any, gate: Gate) -> None:
    ref = agent.start()
    future = ref.ask(gate, block=False)
    gate.wait_until_entered()

    future.set("set by the asker")
    gate.open()

    assert ref.ask("still there?", timeout=PATIENCE) == "still there?"
    assert future.get() == "set by the asker"


# --- the library's own messages -----------------------------------------------------------------


class Treasure:
    def __init__(self) -> None:
        self.value = "gold"

    def dig(self, depth: int, *, how: str = "spade") -> str:
        return f"{self.value} at {depth} with a {how}"


@pytest.fixture
def island(runtime: Runtime) -> pykka.ActorRef[Any]:
    class Island(runtime.actor_class):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.treasure = Treasure()
            self._map = "a cross"

        def _read_map(self, times: int = 1) -> str:
            return self._map * times

        def __getattr__(self, name: str) -> str:
            if name == "weather":
                return "sunny"
            raise AttributeError(name)

    return Island.start()


@pytest.mark.parametrize("sequence", [list, tuple])
def test_proxy_call_by_hand(island: pykka.ActorRef[Any], sequence: Callable[[Any], Any]) -> None:
    call = ProxyCall(
        attr_path=sequence(["treasure", "dig"]), args=sequence([3]), kwargs={"how": "hand"}
    )

    assert island.ask(call) == "gold at 3 with a hand"


def test_proxy_call_by_tell(agent: Any, diary: Diary) -> None:
    ref = agent.start(diary)

    ref.tell(ProxyCall(["run"], [lambda agent: agent.diary.note("called")], {}))

    assert diary.read(2) == ["on_start", "called"]


def test_proxy_call_that_fails_ends_the_actor_only_if_told(agent: Any) -> None:
    ref = agent.start()
    call = ProxyCall(["run"], [failing(ValueError("no"))], {})

    with pytest.raises(ValueError, match="no"):
        ref.ask(call)
    assert ref.is_alive()

    ref.tell(call)
    assert ref.actor_stopped.wait(PATIENCE)


def test_proxy_call_of_a_private_method(island: pykka.ActorRef[Any]) -> None:
    assert island.ask(ProxyCall(["_read_map"], [2], {})) == "a crossa cross"


@pytest.mark.parametrize("message", [ProxyCall(["nothing"], [], {}), ProxyGetAttr(["nothing"])])
def test_a_path_that_leads_nowhere_is_the_askers_error(
    island: pykka.ActorRef[Any], message: object
) -> None:
    with pytest.raises(AttributeError, match="nothing"):
        island.ask(message)
    assert island.is_alive()


@pytest.mark.parametrize("sequence", [list, tuple])
def test_proxy_get_attr_by_hand(
    island: pykka.ActorRef[Any], sequence: Callable[[Any], Any]
) -> None:
    assert island.ask(ProxyGetAttr(attr_path=sequence(["treasure", "value"]))) == "gold"


def test_proxy_get_attr_of_private_and_dynamic_attributes(island: pykka.ActorRef[Any]) -> None:
    assert island.ask(ProxyGetAttr(["_map"])) == "a cross"
    assert island.ask(ProxyGetAttr(["weather"])) == "sunny"


@pytest.mark.parametrize("sequence", [list, tuple])
def test_proxy_set_attr_by_hand(
    island: pykka.ActorRef[Any], sequence: Callable[[Any], Any]
) -> None:
    message = ProxySetAttr(attr_path=sequence(["treasure", "value"]), value="silver")

    assert island.ask(message) is None
    assert island.ask(ProxyGetAttr(["treasure", "value"])) == "silver"


def test_subclasses_of_the_messages_are_handled_like_them(island: pykka.ActorRef[Any]) -> None:
    class MyCall(ProxyCall):
        pass

    class MyGetAttr(ProxyGetAttr):
        pass

    class MySetAttr(ProxySetAttr):
        pass

    class MyStop(_ActorStop):
        pass

    assert island.ask(MySetAttr(["_map"], "a circle")) is None
    assert island.ask(MyGetAttr(["_map"])) == "a circle"
    assert island.ask(MyCall(["_read_map"], [], {})) == "a circle"
    island.tell(MyStop())
    assert island.actor_stopped.wait(PATIENCE)


def test_subclasses_of_subclasses_of_the_messages_are_handled_like_them(
    island: pykka.ActorRef[Any],
) -> None:
    class MyCall(ProxyCall):
        pass

    class MyPrivateCall(MyCall):
        pass

    assert island.ask(MyPrivateCall(["_read_map"], [], {})) == "a cross"


def test_actor_stop_by_tell(agent: Any, diary: Diary) -> None:
    ref = agent.start(diary)

    ref.tell(_ActorStop())

    assert diary.read(2) == ["on_start", "on_stop"]


def test_actor_stop_by_ask_is_answered_when_the_actor_has_ended(agent: Any, diary: Diary) -> None:
    ref = agent.start(diary)

    assert ref.ask(_ActorStop()) is True
    assert diary.rest() == ["on_start", "on_stop"]


# --- waits that can only hang -------------------------------------------------------------------


def test_an_actor_that_asks_itself_gets_a_deadlock_error(agent: Any) -> None:
    ref = agent.start()

    with pytest.raises(pykka.DeadlockError) as info:
        ref.ask(lambda agent: agent.actor_ref.ask("message"), timeout=PATIENCE)

    assert str(ref) in str(info.value)
    assert "tell() or defer()" in str(info.value)
    assert ref.ask("still there?") == "still there?"


@pytest.mark.parametrize(
    "wait",
    [
        lambda agent: agent.actor_ref.proxy().run(lambda _agent: None).get(),
        lambda agent: agent.actor_ref.stop(),
        lambda agent: setattr(agent.actor_ref.proxy(), "attribute", "value"),
    ],
    ids=["proxied call", "stop", "attribute"],
)
def test_an_actor_that_waits_for_itself_gets_a_deadlock_error(
    agent: Any, wait: Callable[[Any], object]
) -> None:
    with pytest.raises(pykka.DeadlockError):
        agent.start().ask(wait, timeout=PATIENCE)


def test_an_actor_that_asks_itself_with_a_timeout_gets_timeout(agent: Any) -> None:
    ref = agent.start()

    with pytest.raises(pykka.Timeout):
        ref.ask(lambda agent: agent.actor_ref.ask("message", timeout=0.01), timeout=PATIENCE)

    assert ref.ask("still there?") == "still there?"


@needs("blocking handlers")
def test_a_circle_of_waiting_actors_gets_a_deadlock_error(agent: Any) -> None:
    refs = [agent.start() for _ in range(3)]
    everybody_waits = threading.Barrier(3)

    def wait_for(ref: pykka.ActorRef[Any]) -> Callable[[Any], object]:
        def wait(_agent: Any) -> object:
            everybody_waits.wait(PATIENCE)
            return ref.ask(lambda _agent: "an answer")

        return wait

    futures = [
        ref.ask(wait_for(other), block=False)
        for ref, other in zip(refs, [*refs[1:], refs[0]], strict=True)
    ]

    outcomes: list[object] = []
    for future in futures:
        try:
            outcomes.append(future.get(timeout=PATIENCE))
        except pykka.DeadlockError as error:
            outcomes.append(error)
    (error,) = [each for each in outcomes if isinstance(each, pykka.DeadlockError)]
    assert outcomes.count("an answer") == 2
    assert all(str(ref) in str(error) for ref in refs)
