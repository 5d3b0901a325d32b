"""What the tests of router pools share."""

from __future__ import annotations

import random
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.leaks import PATIENCE

import pykka
from pykka import dead_letters, routing

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Runtime

TO_ONE: dict[str, Callable[..., Any]] = {
    "RoundRobin": routing.RoundRobin.pool,
    "Random": routing.Random.pool,
    "SmallestInbox": routing.SmallestInbox.pool,
    "ConsistentHashing": lambda *args, **kwargs: routing.ConsistentHashing.pool(
        *args, key=str, virtual_nodes=8, **kwargs
    ),
    "TailChopping": lambda *args, **kwargs: routing.TailChopping.pool(
        *args, interval=PATIENCE, **kwargs
    ),
}
TO_ALL: dict[str, Callable[..., Any]] = {
    "Broadcast": routing.Broadcast.pool,
    "ScatterGather": routing.ScatterGather.pool,
}
KINDS = TO_ONE | TO_ALL


class Poison:
    """A message that a clerk fails with, after it has noted that it got it."""

    def __init__(self, number: object) -> None:
        self.number = number

    def __repr__(self) -> str:
        return f"Poison({self.number!r})"


class PoisonedError(Exception):
    """What clerks fail with."""


class Clerk(pykka.Actor):
    """Notes in a book what it is told; the book is common to all clerks."""

    crash_on = (PoisonedError,)

    def __init__(self, book: list[Any]) -> None:
        super().__init__()
        self.book = book

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, Poison):
            self.book.append(message.number)
            raise PoisonedError(message)
        if callable(message):
            return message(self)
        self.book.append(message)
        return message

    def note(self, message: Any) -> Any:
        self.book.append(message)
        return message


def traffic(
    runtime: Runtime, make: Callable[..., Any], *, messages: int, senders: int, seed: int
) -> str:
    """Send through a pool that is resized, and whose routees fail; check the books.

    Each message is a number of its own: told, asked, or called. Now and then it is a poison, which
    is noted too before its receiver fails with it. At the end, each is in the book just once, and
    each answer is the right one.
    """
    print(f"seed: {seed}")
    book: list[Any] = []
    letters: list[Any] = []
    pool = make(
        runtime.run(Clerk), 4, args=[book], max_restarts=messages, restarts_within=PATIENCE
    )
    proxy = pool.proxy()
    errors: list[BaseException] = []
    outcomes: Counter[str] = Counter()
    ended = threading.Event()

    def send(sender: int) -> None:
        chance = random.Random(f"{seed} {sender}")
        mine: Counter[str] = Counter()
        futures: list[tuple[Any, Any]] = []
        try:
            for i in range(messages // senders):
                number = (sender, i)
                how = chance.random()
                if how < 0.004:
                    pool.tell(Poison(number))
                    mine["poison"] += 1
                elif how < 0.7:
                    pool.tell(number)
                    mine["told"] += 1
                elif how < 0.8:
                    assert pool.ask(number) == number
                    mine["asked"] += 1
                elif how < 0.9:
                    futures.append((number, pool.ask(number, block=False)))
                    mine["asked"] += 1
                else:
                    futures.append((number, proxy.note(number)))
                    mine["called"] += 1
                if len(futures) > 100:
                    check(futures)
            check(futures)
        except BaseException as error:
            errors.append(error)
        outcomes.update(mine)

    def check(futures: list[tuple[Any, Any]]) -> None:
        for number, future in futures:
            assert future.get(timeout=PATIENCE) == number
        futures.clear()

    def resize() -> None:
        chance = random.Random(f"{seed} sizes")
        try:
            while not ended.is_set():
                pool.resize(chance.randint(1, 8), timeout=PATIENCE)
                outcomes["resized"] += 1
        except BaseException as error:
            errors.append(error)

    dead_letters.subscribe(letters.append)
    try:
        threads = [threading.Thread(target=send, args=(number,)) for number in range(senders)]
        resizer = threading.Thread(target=resize)
        for thread in (resizer, *threads):
            thread.start()
        for thread in threads:
            thread.join()
        ended.set()
        resizer.join()
        assert pool.stop(timeout=PATIENCE)
    finally:
        dead_letters.unsubscribe(letters.append)
    assert errors == []
    assert letters == []
    expected = {(sender, i) for sender in range(senders) for i in range(messages // senders)}
    assert len(book) == len(expected)
    assert set(book) == expected
    return ", ".join(f"{count} {what}" for what, count in sorted(outcomes.items()))
