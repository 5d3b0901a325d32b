"""What is special about bounded inboxes of actors in a pool, or in an event loop."""

from __future__ import annotations

import asyncio
import queue
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.inboxes import inbox_of, with_inbox
from tests.leaks import PATIENCE

import pykka
from pykka import dead_letters
from pykka._cell.spawn_options import current
from pykka._envelope import Envelope
from pykka._futures.ask import message_of
from pykka._util.gil import HAS_GIL
from pykka.inboxes import Bounded, Priority
from pykka.inboxes._bounded import PolicyInbox
from pykka.runtimes.pool.cell import PolicyList

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Doing:
    """Does what it is told, and notes what else it gets, and on which thread."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[Any, int]] = []

    def on_receive(self, message: Any) -> Any:
        if callable(message):
            return message(self)
        self.seen.append((message, threading.get_ident()))
        return message


class Pooled(Doing, pykka.PooledActor):
    """In a pool."""


class InLoop(Doing, pykka.AsyncioActor):
    """In an event loop."""


def flood(target: pykka.ActorRef[Any], count: int) -> Callable[[Any], str]:
    """A message that has an actor send so many messages to another."""

    def send(_actor: Any) -> str:
        for number in range(count):
            target.tell(number)
        return "sent"

    return send


# --- many messages for each switch of threads ----------------------------------------------------

CAPACITY, MANY = 100, 5_000


class OnThread(Doing, pykka.ThreadingActor):
    """On a thread of its own."""


@pytest.mark.skipif(not HAS_GIL, reason="no thread gives way without the GIL")
@pytest.mark.parametrize("kind", [OnThread, Pooled])
def test_a_sender_that_was_let_in_is_given_way_once_in_an_inbox_full(kind: Any) -> None:
    """At once, it would send one message, and wait for room again."""
    dispatcher = pykka.Dispatcher(max_threads=1)
    options = {"dispatcher": dispatcher} if kind is Pooled else {}
    ref = kind.options(inbox=Bounded(CAPACITY), **options).start()
    given: list[int] = []
    for number in range(MANY):
        ref.tell(number)
    ref.tell(lambda _actor: given.append(current.state.given))
    assert ref.ask(lambda actor: len(actor.seen), timeout=PATIENCE) == MANY
    assert given[0] <= 1 + MANY // CAPACITY


@pytest.mark.skipif(not HAS_GIL, reason="no thread gives way without the GIL")
def test_it_is_given_way_when_the_last_message_has_been_taken_out() -> None:
    """Here the sender that was let in cannot have come before."""
    left: list[int] = []
    arrived, seen = threading.Event(), threading.Event()

    class Watched(OnThread):
        def on_receive(self, message: Any) -> Any:
            if message == "hold":
                assert arrived.wait(PATIENCE)
                interval = sys.getswitchinterval()
                sys.setswitchinterval(10 * PATIENCE)  # it gets the GIL if it is given way only
                before.append(interval)
            else:
                super().on_receive(message)
                if sent and not left:
                    left.append(inbox.qsize())
                    seen.set()

    before: list[float] = []
    sent: list[bool] = []
    ref = Watched.options(inbox=Bounded(CAPACITY)).start()
    inbox = inbox_of(ref)

    def send() -> None:
        ref.tell("the last")  # waits for room
        sent.append(True)

    try:
        ref.tell("hold")
        while inbox.qsize():  # until it has been taken up
            time.sleep(0)
        for number in range(CAPACITY):
            ref.tell(number)
        sender = threading.Thread(target=send)
        sender.start()
        while ref.actor_inbox.statistics().blocked == 0:
            time.sleep(0)
        arrived.set()
        sender.join(PATIENCE)
        assert seen.wait(PATIENCE)
    finally:
        sys.setswitchinterval(before[0] if before else 0.005)
    assert left == [0], "it comes before that one is handled"


# --- in a pool ----------------------------------------------------------------------------------


class Letter:
    """A message of the user's that looks like an envelope."""

    message = "inside"
    reply_to = "nobody"


class Shy:
    """A message that does not like to be looked at."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


@pytest.fixture
def buried() -> Iterator[queue.SimpleQueue[dead_letters.DeadLetter]]:
    found: queue.SimpleQueue[dead_letters.DeadLetter] = queue.SimpleQueue()
    dead_letters.subscribe(found.put)
    yield found
    dead_letters.unsubscribe(found.put)


LIKE_NOTHING_ELSE = [None, Letter(), Shy(), Envelope("within"), (), 0]


@pytest.mark.parametrize("inbox", [Bounded(10), Priority(lambda _message: 0, capacity=10)])
def test_whatever_is_sent_comes_out_as_it_is(inbox: Any) -> None:
    """It is in no envelope meanwhile, as a rule."""
    ref = Pooled.options(inbox=inbox).start()
    for message in LIKE_NOTHING_ELSE:
        ref.tell(message)
    seen = ref.ask(lambda actor: [message for message, _thread in actor.seen], timeout=PATIENCE)
    assert all(one is other for one, other in zip(seen, LIKE_NOTHING_ELSE, strict=True))


def by_nothing(when_full: Any) -> Priority:
    return Priority(lambda _message: 0, capacity=1, when_full=when_full)


@pytest.mark.parametrize("make", [lambda when_full: Bounded(1, when_full), by_nothing])
@pytest.mark.parametrize("when_full", ["drop_oldest", "drop_newest"])
def test_whatever_is_dropped_is_a_dead_letter_as_it_is(
    buried: queue.SimpleQueue[dead_letters.DeadLetter], when_full: Any, make: Any
) -> None:
    begun, may_go_on = threading.Event(), threading.Event()
    ref = Pooled.options(inbox=make(when_full)).start()
    ref.tell(lambda _actor: (begun.set(), may_go_on.wait(PATIENCE)))
    assert begun.wait(PATIENCE)
    if when_full == "drop_newest":
        ref.tell("fills it")
    for message in LIKE_NOTHING_ELSE:
        ref.tell(message)
    if when_full == "drop_oldest":
        ref.tell("fills it")
    dropped = [buried.get(timeout=PATIENCE) for _ in LIKE_NOTHING_ELSE]
    may_go_on.set()
    assert all(
        letter.message is message
        for letter, message in zip(dropped, LIKE_NOTHING_ELSE, strict=True)
    )


def test_what_is_left_in_the_inbox_is_a_dead_letter_as_it_is(
    buried: queue.SimpleQueue[dead_letters.DeadLetter],
) -> None:
    begun, may_go_on = threading.Event(), threading.Event()
    ref = Pooled.options(inbox=Bounded(10)).start()
    ref.tell(lambda _actor: (begun.set(), may_go_on.wait(PATIENCE)))
    assert begun.wait(PATIENCE)
    for message in LIKE_NOTHING_ELSE:
        ref.tell(message)
    ref.kill(block=False)
    may_go_on.set()
    left = [buried.get(timeout=PATIENCE) for _ in LIKE_NOTHING_ELSE]
    assert all(
        letter.message is message for letter, message in zip(left, LIKE_NOTHING_ELSE, strict=True)
    )


def test_what_a_signal_handler_raises_in_a_look_is_raised_where_the_actor_is_run() -> None:
    class Struck(PolicyInbox):
        __slots__ = ()

        def empty(self) -> bool:
            raise OSError

    owner: Any = None
    as_list = PolicyList(Struck(owner, 1))
    assert as_list, "in doubt"
    with pytest.raises(OSError, match=r"^$"):
        as_list.pop(0)
    as_list.append("hello")
    assert as_list
    assert message_of(as_list.pop(0)) == "hello"


def test_a_sender_that_waits_for_room_runs_the_actor_itself() -> None:
    """There is but one thread, and it is the sender's."""
    dispatcher = pykka.Dispatcher(max_threads=1)

    class Lone(Pooled):
        pass

    Lone.dispatcher = dispatcher
    sender, target = Lone.start(), with_inbox(Lone, Bounded(2)).start()
    assert sender.ask(flood(target, 50), timeout=PATIENCE) == "sent"
    seen = target.ask(lambda actor: list(actor.seen), timeout=PATIENCE)
    assert [message for message, _thread in seen] == list(range(50))


def test_blocked_senders_do_not_use_up_the_threads_of_a_pool() -> None:
    may_go_on = threading.Event()
    target = with_inbox(Pooled, Bounded(1)).start()
    target.tell(lambda _actor: may_go_on.wait(PATIENCE))
    senders = [Pooled.start() for _ in range(20)]
    sent = [sender.ask(flood(target, 3), block=False) for sender in senders]
    assert Pooled.start().ask("anybody there?", timeout=PATIENCE) == "anybody there?"
    may_go_on.set()
    assert [future.get(timeout=PATIENCE) for future in sent] == ["sent"] * 20
    assert len(target.ask(lambda actor: actor.seen, timeout=PATIENCE)) == 60


# --- in an event loop ---------------------------------------------------------------------------


def test_code_in_a_loop_does_not_wait_for_an_actor_that_lives_in_the_loop() -> None:
    """It would block the very loop in which the actor makes room."""

    async def main() -> None:
        async with pykka.ActorScope() as scope:
            target = scope.start(with_inbox(InLoop, Bounded(2)))
            target.tell(0)
            target.tell(1)
            with pytest.raises(pykka.DeadlockError, match="lives in the event loop of this"):
                target.tell(2)
            with pytest.raises(pykka.DeadlockError):
                await target.ask(3, block=False)
            async with asyncio.timeout(PATIENCE):
                while not inbox_of(target).empty():  # noqa: ASYNC110 - no event says so
                    await asyncio.sleep(0)
            assert await target.ask(4, block=False) == 4
            actor: Any = target._actor
            assert [message for message, _thread in actor.seen] == [0, 1, 4]
            assert inbox_of(target)._first_claim is None

    asyncio.run(main())


def test_an_actor_in_a_loop_does_not_wait_for_one_that_lives_there_too() -> None:
    async def main() -> None:
        async with pykka.ActorScope() as scope:
            sender = scope.start(InLoop)
            target = scope.start(with_inbox(InLoop, Bounded(2)))
            with pytest.raises(pykka.DeadlockError, match="blocks the event loop that both live"):
                await sender.ask(flood(target, 3), block=False)
            assert await target.ask("still here?", block=False) == "still here?"

    asyncio.run(main())


def test_an_actor_in_a_loop_may_wait_for_one_elsewhere() -> None:
    target = with_inbox(Pooled, Bounded(2)).start()
    assert InLoop.start().ask(flood(target, 50), timeout=PATIENCE) == "sent"
    assert len(target.ask(lambda actor: actor.seen, timeout=PATIENCE)) == 50


def test_a_thread_may_wait_for_an_actor_in_a_loop() -> None:
    target = with_inbox(InLoop, Bounded(2)).start()
    for number in range(100):
        target.tell(number)
    seen = target.ask(lambda actor: actor.seen, timeout=PATIENCE)
    assert [message for message, _thread in seen] == list(range(100))
