"""Routers, over actors of each runtime."""

from __future__ import annotations

import asyncio
import collections
import random
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import needs
from tests.leaks import PATIENCE
from tests.tiers import unless_simulated

import pykka
from pykka import dead_letters, routing

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.agents import Gate
    from tests.conftest import Runtime

pytestmark = pytest.mark.thinned

TO_ONE: dict[str, Callable[[Any], Any]] = {
    "RoundRobin": routing.RoundRobin,
    "Random": routing.Random,
    "SmallestInbox": routing.SmallestInbox,
    "ConsistentHashing": lambda refs: routing.ConsistentHashing(refs, key=str),
    "TailChopping": lambda refs: routing.TailChopping(refs, interval=PATIENCE),
}
TO_ALL: dict[str, Callable[[Any], Any]] = {
    "Broadcast": routing.Broadcast,
    "ScatterGather": routing.ScatterGather,
}
KINDS = TO_ONE | TO_ALL
EVERY = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)


class Scribe(pykka.Actor):
    """Writes down what it is told, and answers with it."""

    title = "scribe"

    def __init__(self) -> None:
        super().__init__()
        self.written: list[Any] = []

    def on_receive(self, message: Any) -> Any:
        self.written.append(message)
        return message(self) if callable(message) else message

    def write(self, message: Any, *, again: bool = False) -> Any:
        self.written += [message] * (1 + again)
        return message


@pytest.fixture
def scribes(runtime: Runtime) -> list[pykka.ActorRef[Any]]:
    return [runtime.run(Scribe).start() for _ in range(3)]


def written(refs: list[pykka.ActorRef[Any]]) -> list[Any]:
    """What they were told before this, by the one who calls this."""
    return [message for ref in refs for message in ref.proxy().written.get(timeout=PATIENCE)]


@EVERY
def test_every_way_to_send_leads_to_a_routee(
    scribes: list[pykka.ActorRef[Any]], make: Any
) -> None:
    router = make(scribes)
    all_of_them = isinstance(router, (routing.Broadcast, routing.ScatterGather))
    proxy = router.proxy()

    def answer(message: Any) -> Any:
        return [message] * 3 if isinstance(router, routing.Broadcast) else message

    router.tell("told")
    assert router.ask("asked") == answer("asked")
    assert router.ask("asked", timeout=PATIENCE) == answer("asked")
    assert router.ask("asked", block=False).get(timeout=PATIENCE) == answer("asked")
    assert proxy.write("called", again=True).get(timeout=PATIENCE) == answer("called")
    proxy.write.defer("deferred")
    assert proxy.title.get(timeout=PATIENCE) == answer("scribe")

    copies = 3 if all_of_them else 1
    counts = collections.Counter(written(scribes))
    assert counts == {
        "told": copies,
        "asked": 3 * copies,
        "called": 2 * copies,
        "deferred": copies,
    }


@EVERY
def test_what_a_routee_raises_goes_to_the_asker_and_it_lives_on(
    scribes: list[pykka.ActorRef[Any]], make: Any
) -> None:
    router = make(scribes)

    def fail(_scribe: object) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        router.ask(fail)
    with pytest.raises(LookupError):
        router.ask(fail, block=False).get(timeout=PATIENCE)
    with pytest.raises(TypeError):
        router.proxy().write().get(timeout=PATIENCE)
    assert all(ref.is_alive() for ref in scribes)
    assert router.routees == tuple(scribes)


@EVERY
def test_a_stop_stops_all(scribes: list[pykka.ActorRef[Any]], make: Any) -> None:
    router = make(scribes)
    router.tell("before")
    assert router.is_alive()
    assert router.stop(timeout=PATIENCE)
    assert not router.is_alive()
    assert not any(ref.is_alive() for ref in scribes)
    assert not router.stop()
    assert pykka.ActorRegistry.get_all() == []


@EVERY
def test_a_stop_can_be_waited_for_later(scribes: list[pykka.ActorRef[Any]], make: Any) -> None:
    scribes[0].stop()
    assert make(scribes).stop(block=False).get(timeout=PATIENCE) is True
    assert not any(ref.is_alive() for ref in scribes)


@pytest.mark.parametrize("make", TO_ONE.values(), ids=TO_ONE)
def test_an_attribute_is_set_in_one_routee(scribes: list[pykka.ActorRef[Any]], make: Any) -> None:
    make(scribes).proxy().title = "clerk"
    titles = sorted(ref.proxy().title.get(timeout=PATIENCE) for ref in scribes)
    assert titles == ["clerk", "scribe", "scribe"]


@pytest.mark.parametrize("make", TO_ALL.values(), ids=TO_ALL)
def test_an_attribute_is_set_in_all_routees(scribes: list[pykka.ActorRef[Any]], make: Any) -> None:
    make(scribes).proxy().title = "clerk"
    assert [ref.proxy().title.get(timeout=PATIENCE) for ref in scribes] == ["clerk"] * 3


@EVERY
def test_an_answer_can_be_awaited(scribes: list[pykka.ActorRef[Any]], make: Any) -> None:
    router = make(scribes)

    async def main() -> Any:
        asked = await router.ask("message", block=False)
        called = await router.proxy().write("message")
        return [asked, called]

    answer = ["message"] * 3 if isinstance(router, routing.Broadcast) else "message"
    assert asyncio.run(main()) == [answer, answer]


@EVERY
def test_an_actor_may_send_through_a_router(
    scribes: list[pykka.ActorRef[Any]], make: Any, runtime: Runtime
) -> None:
    router = make(scribes)
    sender = runtime.run(Scribe).start()

    def send(_sender: object) -> Any:
        router.tell("told")
        return router.ask("asked", block=False)

    answer = sender.ask(send, timeout=PATIENCE).get(timeout=PATIENCE)
    assert answer in ("asked", ["asked"] * 3)


@EVERY
def test_each_senders_messages_reach_a_routee_in_order(
    scribes: list[pykka.ActorRef[Any]], make: Any
) -> None:
    """Guarantee G2."""
    router = make(scribes)

    def send(sender: int) -> None:
        for number in range(unless_simulated(300, 10)):
            router.tell((sender, number))

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for ref in scribes:
        seen = written([ref])
        for sender in range(4):
            numbers = [number for who, number in seen if who == sender]
            assert numbers == sorted(set(numbers))


@pytest.mark.parametrize(
    "kind", ["RoundRobin", "Random", "SmallestInbox", "ConsistentHashing", "Broadcast"]
)
def test_actors_that_wait_for_each_other_through_routers_are_told_so(
    runtime: Runtime, kind: str
) -> None:
    """Guarantee G5."""
    one, two = (runtime.run(Scribe).start() for _ in range(2))
    to_one, to_two = KINDS[kind]([one]), KINDS[kind]([two])
    with pytest.raises(pykka.DeadlockError):
        one.ask(lambda _one: to_two.ask(lambda _two: to_one.ask("message")))


@needs("blocking handlers")
def test_the_first_answer_counts(agent: Any, gate: Gate) -> None:
    slow, fast = agent.start(), agent.start()
    slow.tell(gate)
    gate.wait_until_entered()
    router = routing.ScatterGather([slow, fast])
    assert router.ask("message") == "message"
    assert router.proxy().run(lambda agent: agent.actor_ref).get(timeout=PATIENCE) == fast


@needs("blocking handlers")
def test_the_next_one_is_asked_when_the_first_takes_long(agent: Any, gate: Gate) -> None:
    refs = [agent.start(), agent.start()]
    router = routing.TailChopping(refs, interval=0.001)
    refs[0].tell(gate)
    gate.wait_until_entered()
    for _ in range(20):
        assert router.ask(lambda agent: agent.actor_ref) == refs[1]


@needs("blocking handlers")
def test_a_message_goes_round_those_who_are_busy(agent: Any, gate: Gate) -> None:
    busy, idle = agent.start(), agent.start()
    busy.tell(gate)
    gate.wait_until_entered()
    busy.tell("one more")  # for an actor may seem to be busy just after it has answered
    router = routing.SmallestInbox([busy, idle])
    for _ in range(5):
        assert router.ask(lambda agent: agent.actor_ref) == idle


# --- while routees come and go ------------------------------------------------------------------

SENDERS, EACH = 4, unless_simulated(400, 8)


def send_from_many_threads(
    send: Callable[[tuple[int, int]], object], change: Callable[[], object], each: int = EACH
) -> None:
    """Send numbers from several threads, while another one changes something all the time."""
    ended = threading.Event()
    errors: list[BaseException] = []

    def run(sender: int) -> None:
        try:
            for number in range(each):
                send((sender, number))
        except BaseException as error:
            errors.append(error)

    def keep_changing() -> None:
        try:
            while not ended.is_set():
                change()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(sender,)) for sender in range(SENDERS)]
    changer = threading.Thread(target=keep_changing)
    for thread in (changer, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    ended.set()
    changer.join()
    assert errors == []


ALL_NUMBERS = [(sender, number) for sender in range(SENDERS) for number in range(EACH)]


@EVERY
def test_nothing_is_lost_or_doubled_while_routees_come_and_go(runtime: Runtime, make: Any) -> None:
    refs = [runtime.run(Scribe).start() for _ in range(6)]
    steady, others = refs[:2], refs[2:]
    router = make(refs)
    draw = random.Random(1)

    def change() -> None:
        ref = draw.choice(others)
        if not router.remove(ref):
            assert router.add(ref)

    send_from_many_threads(router.tell, change)

    if isinstance(router, (routing.Broadcast, routing.ScatterGather)):
        assert [sorted(written([ref])) for ref in steady] == [ALL_NUMBERS] * 2
        for ref in others:
            assert len(set(written([ref]))) == len(written([ref]))
    else:
        assert sorted(written(refs)) == ALL_NUMBERS
    for ref in others:
        router.remove(ref)
    assert set(router.routees) == set(steady)


@pytest.mark.parametrize("make", TO_ONE.values(), ids=TO_ONE)
def test_what_is_sent_while_routees_die_is_handled_or_reported_once(
    runtime: Runtime, make: Any
) -> None:
    """Guarantee G3. A routee that is dead is replaced by a new one."""
    most = unless_simulated(200, 10)
    actor_class = runtime.run(Scribe)
    refs = [actor_class.start() for _ in range(4)]
    actors = [ref.proxy()._actor for ref in refs]
    router = make(refs)
    reported: list[Any] = []
    draw = random.Random(1)

    def note(letter: dead_letters.DeadLetter) -> None:
        reported.append(letter.message)

    def change() -> None:
        if len(actors) < most:
            new = actor_class.start()
            actors.append(new.proxy()._actor)
            router.add(new)
        living = [ref for ref in router.routees if ref.is_alive()]
        if len(living) > 3:
            draw.choice(living).stop(timeout=PATIENCE)

    dead_letters.subscribe(note)
    try:
        send_from_many_threads(router.tell, change)
        router.stop(timeout=PATIENCE)
        handled = [message for actor in actors for message in actor.written]
        assert sorted(handled + reported) == ALL_NUMBERS
    finally:
        dead_letters.unsubscribe(note)


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("make", TO_ONE.values(), ids=TO_ONE)
def test_every_question_is_answered_while_routees_come_and_go(runtime: Runtime, make: Any) -> None:
    ask_while_routees_come_and_go(runtime, make, each=EACH // 8)


def ask_while_routees_come_and_go(runtime: Runtime, make: Any, each: int) -> None:
    """Have several senders ask a router so many questions each, and check all answers."""
    refs = [runtime.run(Scribe).start() for _ in range(4)]
    router = make(refs)
    answers: list[bool] = []

    def ask(number: tuple[int, int]) -> None:
        how = number[1] % 3
        if how == 0:
            answer = router.ask(number, timeout=PATIENCE)
        elif how == 1:
            answer = router.ask(number)
        else:
            answer = router.proxy().write(number).get(timeout=PATIENCE)
        answers.append(answer == number)

    def change() -> None:
        if not router.remove(refs[0]):
            router.add(refs[0])

    send_from_many_threads(ask, change, each)
    assert answers == [True] * (SENDERS * each)
