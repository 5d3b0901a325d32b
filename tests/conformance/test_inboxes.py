"""Actors whose inboxes have a bound, priorities, or both."""

from __future__ import annotations

import gc
import logging
import queue
import random
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import Gate, failing, needs
from tests.inboxes import inbox_of, name_of, with_inbox
from tests.leaks import PATIENCE, wait_until
from tests.stress.crowd import crowd
from tests.tiers import unless_simulated

import pykka
from pykka import dead_letters, debug
from pykka._system.dead_letters import DeadLetters
from pykka._system.system import default_system as services
from pykka.inboxes import Bounded, InboxSpec, Priority
from pykka.messages import ProxyCall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Runtime

    from pykka.dead_letters import DeadLetter

pytestmark = pytest.mark.thinned

POLICIES = ["block", "raise", "drop_newest", "drop_oldest"]


class Held:
    """An actor that handles nothing until the test opens its gate, and then notes what it gets.

    Args:
        agent: The fixture.
        spec: The actor's inbox.
    """

    def __init__(self, agent: Any, spec: InboxSpec) -> None:
        class Noting(agent):
            def __init__(self) -> None:
                super().__init__()
                self.seen: list[Any] = []

            def on_receive(self, message: Any) -> Any:
                if not callable(message):
                    self.seen.append(message)
                return super().on_receive(message)

            def note(self, message: Any) -> Any:
                return self.on_receive(message)

        self.gate = Gate()
        self.ref = with_inbox(Noting, spec).start()
        self.actor: Any = self.ref._actor
        self.inbox = inbox_of(self.ref)
        self.ref.tell(self.gate)
        self.gate.wait_until_entered()

    def fill(self, count: int) -> None:
        for number in range(count):
            self.ref.tell(number)

    def release(self) -> list[Any]:
        """Let the actor handle what it got, have it stop, and return what it has handled."""
        self.gate.open()
        assert self.ref.stop(timeout=PATIENCE) is True
        seen: list[Any] = self.actor.seen
        return seen


@pytest.fixture
def held(agent: Any) -> Iterator[Callable[[InboxSpec], Held]]:
    """Make actors that are held up."""
    made: list[Held] = []

    def make(spec: InboxSpec) -> Held:
        made.append(Held(agent, spec))
        return made[-1]

    yield make
    for each in made:
        each.gate.open()


@pytest.fixture(autouse=True)
def separate_dead_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use up no tokens of other tests, which look for dead letters in the log."""
    monkeypatch.setattr(services, "dead_letters", DeadLetters())


@pytest.fixture
def buried() -> Iterator[list[DeadLetter]]:
    """The dead letters of the test."""
    letters: list[DeadLetter] = []
    dead_letters.subscribe(letters.append)
    yield letters
    dead_letters.unsubscribe(letters.append)


class Threads:
    """Functions that run in threads of their own, and what they raised or returned."""

    def __init__(self) -> None:
        self.results: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def run(self, function: Callable[[], object]) -> None:
        def keep() -> None:
            try:
                self.results.put(function())
            except BaseException as error:  # for the test to see
                self.results.put(error)

        self._threads.append(threading.Thread(target=keep, daemon=True))
        self._threads[-1].start()

    def next(self) -> Any:
        return self.results.get(timeout=PATIENCE)

    def join(self) -> None:
        for thread in self._threads:
            thread.join(PATIENCE)


@pytest.fixture
def threads() -> Iterator[Threads]:
    threads = Threads()
    yield threads
    threads.join()


def wait_for_line(inbox: Any, count: int = 1) -> None:
    def length() -> int:
        claim, length = inbox._first_claim, 0
        while claim is not None:
            claim, length = claim.after, length + 1
        return length

    wait_until(lambda: length() == count, f"{count} senders stand in line")


def test_messages_are_handled_in_order(held: Callable[[InboxSpec], Held]) -> None:
    actor = held(Bounded(10))
    proxy = actor.ref.proxy()
    actor.ref.tell(0)
    answers = [actor.ref.ask(1, block=False), proxy.note(2)]
    proxy.note.defer(3)
    assert actor.ref.actor_inbox.qsize() == 4
    assert actor.release() == [0, 1, 2, 3]
    assert [answer.get(timeout=PATIENCE) for answer in answers] == [1, 2]


@pytest.mark.parametrize("when_full", ["raise", "drop_newest"])
def test_the_newest_message_is_refused(when_full: Any, held: Callable[[InboxSpec], Held]) -> None:
    actor = held(Bounded(2, when_full))
    actor.fill(2)
    assert inbox_of(actor.ref).full()
    proxy = actor.ref.proxy()
    for future in (actor.ref.ask(2, block=False), proxy.note(3), proxy.seen):
        error = future.exception(timeout=0)
        assert isinstance(error, pykka.InboxFullError)
        assert str(actor.ref) in str(error)
    for ask in (lambda: actor.ref.ask(2), lambda: actor.ref.ask(2, timeout=PATIENCE)):
        with pytest.raises(pykka.InboxFullError):
            ask()
    assert actor.release() == [0, 1]


def test_a_tell_to_a_full_inbox_raises(held: Callable[[InboxSpec], Held]) -> None:
    actor = held(Bounded(2, "raise"))
    actor.fill(2)
    for send in (actor.ref.tell, actor.ref.proxy().note.defer):
        with pytest.raises(pykka.InboxFullError, match="capacity 2"):
            send(2)
    assert actor.release() == [0, 1]


@pytest.mark.parametrize(("when_full", "seen"), [("drop_newest", [0, 1]), ("drop_oldest", [2, 3])])
def test_what_is_dropped_is_a_dead_letter(
    when_full: Any, seen: list[int], held: Callable[[InboxSpec], Held], buried: list[DeadLetter]
) -> None:
    actor = held(Bounded(2, when_full))
    actor.fill(4)
    assert [letter.message for letter in buried] == sorted({0, 1, 2, 3} - set(seen))
    for letter in buried:
        assert letter.target == actor.ref
        assert letter.reason.startswith("dropped")
        assert letter.reason.endswith("(capacity 2)")
    assert actor.release() == seen


def test_the_oldest_ask_makes_room_and_is_answered(held: Callable[[InboxSpec], Held]) -> None:
    actor = held(Bounded(1, "drop_oldest"))
    answers = [actor.ref.ask(number, block=False) for number in range(3)]
    for answer in answers[:2]:
        with pytest.raises(pykka.InboxFullError):
            answer.get(timeout=0)
    assert actor.release() == [2]
    assert answers[2].get(timeout=PATIENCE) == 2


@pytest.mark.parametrize("spec", [Bounded(2), Priority(str, capacity=2)], ids=name_of)
def test_senders_wait_until_there_is_room(
    spec: InboxSpec, held: Callable[[InboxSpec], Held], threads: Threads
) -> None:
    actor = held(spec)
    actor.fill(2)
    proxy = actor.ref.proxy()
    ways: list[Callable[[], object]] = [
        lambda: actor.ref.tell(2),
        lambda: actor.ref.ask(3, timeout=PATIENCE),
        lambda: proxy.note(4).get(timeout=PATIENCE),
        lambda: proxy.note.defer(5),
    ]
    for count, way in enumerate(ways, 1):
        threads.run(way)
        wait_for_line(actor.inbox, count)
    assert threads.results.empty()
    actor.gate.open()
    assert sorted(threads.next() or 0 for _ in ways) == [0, 0, 3, 4]
    assert actor.release() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("capacity", [1, 3])
def test_each_senders_messages_arrive_in_order(capacity: int, agent: Any) -> None:
    """As those to an inbox without a bound; most of these sends have to wait."""
    each = unless_simulated(200, 10)
    seen: list[tuple[int, int]] = []

    class Noting(agent):
        def on_receive(self, message: Any) -> None:
            seen.append(message)

    ref = with_inbox(Noting, Bounded(capacity)).start()

    def send(sender: int) -> None:
        for number in range(each):
            ref.tell((sender, number))

    senders = [threading.Thread(target=send, args=(sender,)) for sender in range(5)]
    for thread in senders:
        thread.start()
    for thread in senders:
        thread.join(PATIENCE)
    ref.stop(timeout=PATIENCE)
    for sender in range(5):
        assert [number for who, number in seen if who == sender] == list(range(each))


def test_after_the_timeout_the_sender_gets_an_error(held: Callable[[InboxSpec], Held]) -> None:
    actor = held(Bounded(1, timeout=0.001))
    actor.fill(1)
    with pytest.raises(pykka.InboxFullError, match=r"for 0\.001 seconds"):
        actor.ref.tell(1)
    with pytest.raises(pykka.InboxFullError, match=r"for 0\.001 seconds"):
        actor.ref.ask(2, block=False).get(timeout=0)
    assert actor.release() == [0]


@pytest.mark.parametrize("when_full", POLICIES)
@pytest.mark.parametrize("by_priority", [False, True])
def test_a_stop_is_taken_when_it_is_full_and_keeps_its_place(
    when_full: Any, by_priority: Any, held: Callable[[InboxSpec], Held], buried: list[DeadLetter]
) -> None:
    spec: InboxSpec = Bounded(3, when_full)
    if by_priority:
        spec = Priority(reversed_urgency, capacity=3, when_full=when_full)
    actor = held(spec)
    actor.ref.tell(0)
    actor.ref.tell(1)
    first = actor.ref.stop(block=False)
    actor.ref.tell(2)
    late = actor.ref.ask(3, block=False) if when_full in {"raise", "drop_newest"} else None
    second = actor.ref.stop(block=False)
    actor.gate.open()
    assert first.get(timeout=PATIENCE) is second.get(timeout=PATIENCE) is True
    assert actor.actor.seen == ([1, 0] if by_priority else [0, 1])
    assert [(letter.message, letter.reason) for letter in buried] == [
        (2, "stopped before handling the message")
    ]
    assert late is None or isinstance(late.exception(timeout=0), pykka.InboxFullError)


def reversed_urgency(message: Any) -> int:
    return -1_000 if callable(message) else -message


@pytest.mark.parametrize("when_full", POLICIES)
def test_an_actor_can_stop_itself_when_its_inbox_is_full(when_full: Any, agent: Any) -> None:
    def stop(actor: Any) -> None:
        for number in range(2):
            actor.actor_ref.tell(number)
        actor.stop()

    ref = with_inbox(agent, Bounded(2, when_full)).start()
    ref.ask(stop)
    assert ref.actor_stopped.wait(PATIENCE)


@pytest.mark.parametrize("asks", [False, True])
def test_an_actor_that_sends_to_itself_does_not_wait_for_itself(asks: Any, agent: Any) -> None:
    def send(actor: Any) -> Any:
        actor.actor_ref.tell(0)
        if asks:
            return actor.actor_ref.ask(1, block=False).exception(timeout=0)
        try:
            return actor.actor_ref.tell(1)
        except pykka.InboxFullError as error:
            return error

    ref = with_inbox(agent, Bounded(1)).start()
    error = ref.ask(send)
    assert isinstance(error, pykka.InboxFullError)
    assert "the sender is the actor itself" in str(error)
    assert ref.ask(2) == 2


@pytest.mark.parametrize("end", ["stop", "crash"])
def test_blocked_senders_hear_of_the_end(
    end: str, held: Callable[[InboxSpec], Held], threads: Threads, buried: list[DeadLetter]
) -> None:
    actor = held(Bounded(2))
    if end == "stop":
        actor.ref.stop(block=False)
    else:
        actor.ref.tell(failing(ValueError()))
    actor.fill(actor.inbox._capacity - actor.inbox._count)
    for count in range(3):
        threads.run(lambda count=count: actor.ref.tell(("told", count)))
        wait_for_line(actor.inbox, 2 * count + 1)
        threads.run(lambda count=count: actor.ref.ask(("asked", count), timeout=PATIENCE))
        wait_for_line(actor.inbox, 2 * count + 2)
    actor.gate.open()
    results = [threads.next() for _ in range(6)]
    wait_until(lambda: actor.ref._cell.actor is None, "the actor has ended")
    refused = [each for each in results if isinstance(each, pykka.ActorDeadError)]
    # Whoever was let in before the end sent a dead letter, or a question that is refused. A worker
    # may have it in its hands yet, if it came to the actor just when that was being closed.
    assert len(refused) + results.count(None) == 6

    def let_in() -> list[object]:
        return [letter.message for letter in buried if letter.message in TOLD]

    wait_until(lambda: len(let_in()) >= results.count(None), "they are reported")
    assert len(let_in()) == results.count(None)
    assert actor.actor.seen == []


TOLD = [("told", count) for count in range(3)]


def test_nobody_is_left_waiting_for_an_actor_that_fails_to_start(
    agent: Any, gate: Gate, threads: Threads
) -> None:
    class Failing(agent):
        def on_start(self) -> None:
            gate()
            raise ValueError

    ref = with_inbox(Failing, Bounded(1)).start()
    ref.tell(0)
    threads.run(lambda: ref.tell(1))
    wait_for_line(inbox_of(ref))
    gate.open()
    assert isinstance(threads.next(), (pykka.ActorDeadError, type(None)))


# --- actors that block each other ---------------------------------------------------------------


@needs("blocking handlers")
def test_actors_that_block_each_other_in_a_circle(agent: Any) -> None:
    limited = with_inbox(agent, Bounded(1))
    refs = [limited.start() for _ in range(3)]
    barrier = threading.Barrier(len(refs))
    errors: queue.SimpleQueue[BaseException] = queue.SimpleQueue()

    def flood(target: pykka.ActorRef[Any]) -> Callable[[Any], None]:
        def send(_actor: Any) -> None:
            barrier.wait(PATIENCE)
            try:
                for number in range(3):
                    target.tell(number)
            except pykka.DeadlockError as error:
                errors.put(error)

        return send

    answers = [
        ref.ask(flood(target), block=False)
        for ref, target in zip(refs, refs[1:] + refs[:1], strict=True)
    ]
    text = str(errors.get(timeout=PATIENCE))
    for answer in answers:
        answer.get(timeout=PATIENCE)
    assert errors.empty(), "more than one actor was told"
    for ref in refs:
        assert f"{ref} waits for" in text
        assert ref.ask("still here?", timeout=PATIENCE) == "still here?"
        assert inbox_of(ref)._first_claim is None
    assert "test_inboxes.py" in text


@needs("blocking handlers")
def test_an_actor_that_waits_with_a_timeout_closes_no_circle(agent: Any) -> None:
    limited = with_inbox(agent, Bounded(1, timeout=0.01))
    one, other = limited.start(), limited.start()

    def send_to(target: pykka.ActorRef[Any], barrier: threading.Barrier) -> Callable[..., str]:
        def send(_actor: Any) -> str:
            barrier.wait(PATIENCE)
            target.tell(0)
            with pytest.raises(pykka.InboxFullError):
                target.tell(1)
            barrier.wait(PATIENCE)
            return "went on"

        return send

    barrier = threading.Barrier(2)
    answers = [
        one.ask(send_to(other, barrier), block=False),
        other.ask(send_to(one, barrier), block=False),
    ]
    assert [answer.get(timeout=PATIENCE) for answer in answers] == ["went on"] * 2


@needs("blocking handlers")
def test_an_actor_that_asks_one_which_is_blocked_by_it(agent: Any) -> None:
    """One edge of the circle is a send, the other a question."""
    limited = with_inbox(agent, Bounded(1))
    asker, sender = limited.start(), agent.start()
    asker.proxy()

    def ask_sender(_actor: Any) -> object:
        def send_back(_sender: Any) -> None:
            for number in range(2):
                asker.tell(number)

        return sender.ask(send_back)

    with pytest.raises(pykka.DeadlockError, match="2 actors wait for each other"):
        asker.ask(ask_sender, timeout=PATIENCE)
    assert asker.ask("still here?", timeout=PATIENCE) == "still here?"


@needs("blocking handlers")
def test_the_wait_graph_shows_who_waits_for_room(
    held: Callable[[InboxSpec], Held], agent: Any
) -> None:
    actor = held(Bounded(1))
    actor.fill(1)
    sender = agent.start()
    sent = sender.ask(lambda _sender: actor.ref.tell(1), block=False)
    wait_for_line(actor.inbox)
    wait_until(lambda: sender._cell.waiting is not None, "the sender says that it waits")
    (waiting,) = [each for each in debug.wait_graph().waiting if each.actor == sender]
    assert waiting.waits_for == actor.ref
    assert waiting.filename == __file__
    actor.gate.open()
    sent.get(timeout=PATIENCE)
    assert actor.release() == [0, 1]


# --- priorities ---------------------------------------------------------------------------------


def urgency(message: Any) -> int:
    if callable(message):
        return -1
    if isinstance(message, ProxyCall):
        return int(message.args[0])
    return int(message)


@pytest.mark.parametrize("capacity", [None, 20])
def test_the_most_urgent_message_is_handled_first(
    capacity: int | None, held: Callable[[InboxSpec], Held]
) -> None:
    actor = held(Priority(lambda message: urgency(message) // 10, capacity=capacity))
    proxy = actor.ref.proxy()
    sent = [31, 12, 30, 11, 22, 10, 21]
    for number in sent[:3]:
        actor.ref.tell(number)
    futures = [actor.ref.ask(sent[3], block=False), proxy.note(sent[4])]
    proxy.note.defer(sent[5])
    actor.ref.tell(sent[6])
    assert actor.release() == [12, 11, 10, 22, 21, 31, 30]
    assert [future.get(timeout=PATIENCE) for future in futures] == [11, 22]


def test_of_a_full_one_the_least_urgent_message_is_dropped(
    held: Callable[[InboxSpec], Held], buried: list[DeadLetter]
) -> None:
    actor = held(Priority(urgency, capacity=2, when_full="drop_oldest"))
    for number in (3, 1, 2, 9, 0):
        actor.ref.tell(number)
    assert [letter.message for letter in buried] == [3, 9, 2]
    assert actor.release() == [0, 1]


def test_what_the_key_function_raises_is_the_senders(held: Callable[[InboxSpec], Held]) -> None:
    actor = held(Priority(urgency))
    actor.ref.tell(1)
    with pytest.raises(ValueError, match="invalid literal"):
        actor.ref.tell("not a number")
    with pytest.raises(ValueError, match="invalid literal"):
        actor.ref.ask("not a number")
    with pytest.raises(IndexError):
        actor.ref.proxy().note().get(timeout=0)
    assert actor.release() == [1]


def test_a_comparison_that_raises_leaves_the_actor_alone(
    held: Callable[[InboxSpec], Held],
) -> None:
    actor = held(Priority(lambda message: 0 if callable(message) else message))
    actor.ref.tell(1)
    with pytest.raises(TypeError, match="not supported between"):
        actor.ref.tell("one")
    actor.ref.tell(0)
    assert actor.release() == [0, 1]


# --- sends on top of sends, and many at once ----------------------------------------------------


@pytest.mark.parametrize(
    "spec", [Bounded(1_000), Priority(urgency), Bounded(5, "drop_oldest")], ids=name_of
)
def test_log_handlers_and_finalisers_may_send(spec: InboxSpec, agent: Any) -> None:
    cycles = unless_simulated(100, 10)
    ref = with_inbox(agent, spec).start()

    class ToActor(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            ref.tell(2)

    class Cycle:
        def __init__(self) -> None:
            self.myself = self

        def __del__(self) -> None:
            ref.tell(1)
            logger.warning("a finaliser ran")
            finalised.append(None)

    finalised: list[None] = []
    logger = logging.getLogger("pykka.tests.inboxes")
    logger.addHandler(handler := ToActor())
    threshold = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(cycles):
            Cycle()
            ref.tell(0)
    finally:
        gc.set_threshold(*threshold)
    # While another thread collects, to ask for a collection does nothing.
    wait_until(lambda: gc.collect() >= 0 and len(finalised) == cycles, "all finalisers have run")
    logger.removeHandler(handler)
    wait_until(inbox_of(ref).empty, "all is handled")
    assert ref.ask(3, timeout=PATIENCE) == 3


@pytest.mark.thinned
@pytest.mark.parametrize(
    "spec",
    [
        *(Bounded(3, when_full) for when_full in POLICIES),  # type: ignore[arg-type]
        Bounded(3, timeout=0.0002),
        Priority(lambda message: message[1]),
        *(
            Priority(lambda message: message[1], capacity=3, when_full=when_full)  # type: ignore[arg-type]
            for when_full in POLICIES
        ),
    ],
    ids=name_of,
)
@pytest.mark.parametrize("stops", [False, True])
def test_every_message_has_one_fate(stops: Any, spec: InboxSpec, runtime: Runtime) -> None:
    seed = random.randrange(1_000_000)
    each = unless_simulated(200, 8)
    books = crowd(runtime, spec, senders=6, each=each, seed=seed, stops=stops)
    print(books)
    books.check()
