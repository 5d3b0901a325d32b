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
    from collections.abc import Callable

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


class Sender(threading.Thread):
    """Tells and asks, and enters in the books what became of that.

    A message is the number of its sender, its level, and its own number.
    """

    def __init__(self, number: int, ref: Any, books: Books, each: int, seed: int) -> None:
        super().__init__(daemon=True)
        self.failure: BaseException | None = None
        self._number = number
        self._ref = ref
        self._books = books
        self._each = each
        self._chance = random.Random(seed * 1_000 + number)
        self._asked: list[tuple[Any, Any]] = []

    def run(self) -> None:
        try:
            for number in range(self._each):
                self._send((self._number, self._chance.randrange(3), number))
            for message, future in self._asked:
                self._enter(message, lambda future=future: future.get(timeout=PATIENCE * 3))
        except BaseException as error:  # for the test to see
            self.failure = error

    def _send(self, message: tuple[int, int, int]) -> None:
        self._books.sent.append(message)
        if self._chance.random() < 0.7:
            self._enter(message, lambda: self._ref.tell(message))
        else:
            self._asked.append((message, self._ref.ask(message, block=False)))

    def _enter(self, message: object, do: Callable[[], object]) -> None:
        try:
            assert do() in (message, None)
        except pykka.InboxFullError:
            self._books.refused.append(message)
        except pykka.ActorDeadError:
            self._books.dead.append(message)


def crowd(
    runtime: Runtime, spec: InboxSpec, *, senders: int, each: int, seed: int, stops: bool
) -> Books:
    """Let threads send to an actor at the same time; perhaps it is stopped in the middle."""
    print(f"seed: {seed}")
    books = Books()
    ref = with_inbox(runtime.run(Sink), spec).start(books, getattr(spec, "capacity", None))

    def bury(letter: DeadLetter) -> None:
        fate = books.dropped if letter.reason.startswith("dropped") else books.dead
        fate.append(letter.message)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    dead_letters.subscribe(bury)
    try:
        threads = [Sender(number, ref, books, each, seed) for number in range(senders)]
        for thread in threads:
            thread.start()
        if stops:
            wait_until(lambda: len(books.sent) > senders * each // 2, "half of it is sent")
            ref.stop(block=False)
        for thread in threads:
            thread.join(PATIENCE * 5)
            assert not thread.is_alive(), "a sender is blocked for ever"
            assert thread.failure is None, thread.failure
        wait_until(lambda: books.fates().total() >= len(books.sent), "all have a fate")
        ref.stop(timeout=PATIENCE)
    finally:
        sys.setswitchinterval(interval)
        dead_letters.unsubscribe(bury)
    inbox = inbox_of(ref)
    assert inbox.empty()
    assert inbox._count == 0
    assert inbox._first_claim is None
    return books
