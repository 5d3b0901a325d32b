"""Many threads send to actors whose inboxes have a policy; and the books must balance."""

from __future__ import annotations

import random
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.inboxes import inbox_of, with_inbox
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka import dead_letters

if TYPE_CHECKING:
    from tests.conftest import Runtime

    from pykka.dead_letters import DeadLetter
    from pykka.inboxes import InboxSpec


@dataclass
class Books:
    """What became of all messages."""

    sent: list[Any] = field(default_factory=list)
    handled: list[Any] = field(default_factory=list)
    dropped: list[Any] = field(default_factory=list)
    refused: list[Any] = field(default_factory=list)
    dead: list[Any] = field(default_factory=list)

    def fates(self) -> Counter[Any]:
        return Counter(self.handled + self.dropped + self.refused + self.dead)

    def check(self) -> None:
        """Every message has one fate, and those of one sender were handled in order."""
        assert self.fates() == Counter(self.sent), "a message has no fate, or more than one"
        last: dict[tuple[Any, ...], int] = {}
        for *lane, number in self.handled:
            assert last.get(tuple(lane), -1) < number, "a sender's messages are out of order"
            last[tuple(lane)] = number

    def __str__(self) -> str:
        return (
            f"{len(self.sent):,} sent: {len(self.handled):,} handled, {len(self.dropped):,} "
            f"dropped, {len(self.refused):,} refused, {len(self.dead):,} to the dead"
        )


class Sink(pykka.Actor):
    """Notes what it handles; and how many messages wait meanwhile."""

    def __init__(self, books: Books, capacity: int | None) -> None:
        super().__init__()
        self.books = books
        self.capacity = capacity
        self.most = 0

    def on_receive(self, message: Any) -> Any:
        inbox = inbox_of(self.actor_ref)
        assert self.capacity is None or inbox._count <= self.capacity
        self.books.handled.append(message)
        return message


def crowd(
    runtime: Runtime, spec: InboxSpec, *, senders: int, each: int, seed: int, stops: bool
) -> Books:
    """Let threads tell and ask an actor at the same time, perhaps until somebody stops it.

    A message is the number of its sender, its level and its number.
    """
    print(f"seed: {seed}")
    books = Books()
    capacity = getattr(spec, "capacity", None)
    ref = with_inbox(runtime.run(Sink), spec).start(books, capacity)
    failures: list[BaseException] = []
    begin = threading.Barrier(senders + 1)

    def bury(letter: DeadLetter) -> None:
        fate = books.dropped if letter.reason.startswith("dropped") else books.dead
        fate.append(letter.message)

    def send(sender: int) -> None:
        chance = random.Random(seed * 1_000 + sender)
        asked: list[tuple[Any, Any]] = []
        begin.wait(PATIENCE)
        try:
            for number in range(each):
                message = (sender, chance.randrange(3), number)
                books.sent.append(message)
                if chance.random() < 0.7:
                    try:
                        ref.tell(message)
                    except pykka.InboxFullError:
                        books.refused.append(message)
                    except pykka.ActorDeadError:
                        books.dead.append(message)
                else:
                    asked.append((message, ref.ask(message, block=False)))
            for message, future in asked:
                try:
                    assert future.get(timeout=PATIENCE * 3) == message
                except pykka.InboxFullError:
                    books.refused.append(message)
                except pykka.ActorDeadError:
                    books.dead.append(message)
        except BaseException as error:  # for the test to see
            failures.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    dead_letters.subscribe(bury)
    try:
        threads = [
            threading.Thread(target=send, args=(sender,), daemon=True) for sender in range(senders)
        ]
        for thread in threads:
            thread.start()
        begin.wait(PATIENCE)
        if stops:
            wait_until(lambda: len(books.sent) > senders * each // 2, "half of it is sent")
            ref.stop(block=False)
        for thread in threads:
            thread.join(PATIENCE * 5)
            assert not thread.is_alive(), "a sender is blocked for ever"
        assert not failures, failures
        wait_until(lambda: books.fates().total() >= len(books.sent), "all have a fate")
        ref.stop(timeout=PATIENCE)
    finally:
        sys.setswitchinterval(interval)
        dead_letters.unsubscribe(bury)
    inbox = inbox_of(ref)
    assert inbox.empty()
    assert inbox._count == inbox._lane_count == 0
    assert inbox._first_claim is None
    return books
