"""What is sent is the user's: nothing looks into it, compares it, or asks whether it is true.

An array has no truth, a record may compare its fields, and what that raises would come out in the
middle of a send or an end. (Once, what was left in an inbox was compared with a mark when its
actor ended; it was lost if that raised.)
"""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any

import pytest
from tests.inboxes import with_inbox
from tests.leaks import PATIENCE

import pykka
from pykka import debug
from pykka.inboxes import Bounded, Priority
from pykka.routing import Broadcast, RoundRobin

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.agents import Gate
    from tests.conftest import Runtime

    from pykka.timers import ManualClock

pytestmark = pytest.mark.thinned


class Opaque:
    """A message that notes, and answers with an exception, all that a class can be asked."""

    asked: list[str]

    def __init__(self) -> None:
        self.asked = []


def _refuse(name: str) -> Callable[..., Any]:
    def asked(self: Opaque, *_arguments: object) -> Any:
        self.asked.append(name)
        raise RuntimeError(name)

    return asked


for _name in [
    *("eq", "ne", "lt", "le", "gt", "ge", "bool", "len", "iter", "next", "contains", "getitem"),
    *("await", "aiter", "enter", "exit", "index", "int", "float", "length_hint", "copy"),
    *("deepcopy", "reduce_ex", "get", "set_name", "instancecheck", "fspath", "format"),
]:
    setattr(Opaque, f"__{_name}__", _refuse(f"__{_name}__"))
Opaque.__hash__ = None  # type: ignore[assignment]


def own_inbox(actor_class: Any) -> Any:
    class WithInbox(actor_class):  # type: ignore[misc]
        @staticmethod
        def _create_actor_inbox() -> Any:
            return queue.Queue()

    return WithInbox


INBOXES: dict[str, Callable[[Any], Any]] = {
    "plain": lambda agent: agent,
    "of the user's own": own_inbox,
    "bounded": lambda agent: with_inbox(agent, Bounded(10)),
    "drops the oldest": lambda agent: with_inbox(agent, Bounded(10, when_full="drop_oldest")),
    "with priorities": lambda agent: with_inbox(agent, Priority(lambda _message: 1)),
}

PREPARATIONS: dict[str, Callable[[pykka.ActorRef[Any]], object]] = {
    "as it is": lambda _ref: None,
    "counted": lambda ref: ref.keep_statistics(),
    "traced": debug.trace,
}


@pytest.fixture(params=INBOXES)
def agent_class(request: pytest.FixtureRequest, runtime: Runtime) -> Any:
    class Agent(runtime.actor_class):  # type: ignore[name-defined, misc]
        stash_capacity = 10
        got: list[Any]

        def __init__(self) -> None:
            super().__init__()
            self.got = []

        def on_receive(self, message: Any) -> Any:
            if type(message) is not Opaque:
                return message(self)
            self.got.append(message)
            return message

        def take(self, message: Any) -> Any:
            self.got.append(message)
            return message

    return INBOXES[request.param](Agent)


@pytest.fixture(params=PREPARATIONS)
def ref(request: pytest.FixtureRequest, agent_class: Any, system: pykka.ActorSystem) -> Any:
    ref = system.start(agent_class)
    PREPARATIONS[request.param](ref)
    return ref


def list_of(ref: pykka.ActorRef[Any]) -> list[Any]:
    found: list[Any] = ref.ask(lambda agent: agent.got, timeout=PATIENCE)
    return found


def test_on_every_way_to_the_actor_and_back(ref: pykka.ActorRef[Any], clock: ManualClock) -> None:
    one = Opaque()
    ref.tell(one)
    assert ref.ask(one, timeout=PATIENCE) is one
    assert ref.ask(one, block=False).get(timeout=PATIENCE) is one
    assert ref.ask(one) is one
    proxy = ref.proxy()
    assert proxy.take(one).get(timeout=PATIENCE) is one
    proxy.take.defer(one)
    proxy.attribute = one
    assert proxy.attribute.get(timeout=PATIENCE) is one
    assert ref.call(ref.actor_class.take, one).get(timeout=PATIENCE) is one
    ref.tell_after(1, one)
    ref.tell_every(1, one)
    clock.advance(1)
    assert ref.ask(one, block=False).map(lambda answer: answer).get(timeout=PATIENCE) is one
    assert [each for each in list_of(ref) if each is not one] == []
    assert len(list_of(ref)) >= 8
    ref.stop(timeout=PATIENCE)
    assert one.asked == []


def test_when_it_is_set_aside(ref: pykka.ActorRef[Any]) -> None:
    one = Opaque()

    def set_aside(agent: Any) -> None:
        agent.got.clear()
        agent.become(lambda message: agent.stash() if type(message) is Opaque else message(agent))

    def take_back(agent: Any) -> None:
        agent.unbecome()
        agent.unstash_all()

    ref.tell(set_aside)
    ref.tell(one)
    answer = ref.ask(one, block=False)
    ref.tell(take_back)
    assert answer.get(timeout=PATIENCE) is one
    assert len(list_of(ref)) == 2
    ref.stop(timeout=PATIENCE)
    assert one.asked == []


@pytest.mark.parametrize("end", ["stop", "kill", "abandon"])
def test_when_it_is_left_in_the_inbox(
    end: str, ref: pykka.ActorRef[Any], system: pykka.ActorSystem, gate: Gate
) -> None:
    left: queue.SimpleQueue[Any] = queue.SimpleQueue()
    system.dead_letters.subscribe(lambda letter: left.put(letter.message))
    ones = [Opaque() for _ in range(4)]
    ref.tell(gate)
    gate.wait_until_entered()
    ended = ref.stop(block=False) if end == "stop" else None
    for one in ones[:3]:
        ref.tell(one)
    answer = ref.ask(ones[3], block=False)
    if end == "kill":
        ref.kill(block=False)
    elif end == "abandon":
        ref.kill(abandon_after=0, block=False)
    gate.open()
    if ended is not None:
        assert ended.get(timeout=PATIENCE) is True
    ref.when_terminated().get(timeout=PATIENCE)
    assert {id(left.get(timeout=PATIENCE)) for _ in range(3)} == {id(one) for one in ones[:3]}
    with pytest.raises(pykka.ActorDeadError):
        answer.get(timeout=PATIENCE)
    assert [one.asked for one in ones] == [[]] * 4


def test_on_the_way_through_routers_and_events(
    agent_class: Any, system: pykka.ActorSystem
) -> None:
    refs = [system.start(agent_class) for _ in range(2)]
    one = Opaque()
    Broadcast(refs).tell(one)
    assert RoundRobin(refs).ask(one, timeout=PATIENCE) is one
    system.events.subscribe(Opaque, refs[0])
    system.events.publish(one)
    assert [len(list_of(ref)) for ref in refs] in ([3, 1], [2, 2])
    for ref in refs:
        ref.stop(timeout=PATIENCE)
    assert one.asked == []


class OpaqueCallback(Opaque):
    """One that can be called, and cannot be compared either."""

    def __init__(self, seen: queue.SimpleQueue[Any]) -> None:
        super().__init__()
        self.seen = seen

    def __call__(self, future: Any) -> None:
        self.seen.put(future)


def test_a_callback_is_not_compared(ref: pykka.ActorRef[Any]) -> None:
    seen: queue.SimpleQueue[Any] = queue.SimpleQueue()
    callback = OpaqueCallback(seen)
    future = ref.ask(Opaque(), block=False)
    future.add_done_callback(callback)  # type: ignore[attr-defined]
    assert seen.get(timeout=PATIENCE) is future
    assert callback.asked == []
    ref.stop(timeout=PATIENCE)
