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


class Traffic:
    """Several senders, a pool that is resized all the time, and routees that fail.

    Each message is a number of its own: told, asked, or called. Now and then it is a poison, which
    is noted too before its receiver fails with it. In the end, each is in the book just once, and
    each answer was the right one. If routees are killed, too, then each number is in the book, or
    among the dead letters, or its sender was told that it was not taken.

    Args:
        runtime: What runs the routees.
        make: Makes the pool.
        messages: How many there are.
        senders: How many threads send them.
        seed: What the choices are drawn from.
        kills: Whether routees are killed.
    """

    def __init__(
        self,
        runtime: Runtime,
        make: Callable[..., Any],
        *,
        messages: int,
        senders: int,
        seed: int,
        kills: bool = False,
    ) -> None:
        print(f"seed: {seed}")
        self.seed = seed
        self.kills = kills
        self.numbers = [range(messages // senders)] * senders
        self.book: list[Any] = []
        self.refused: list[Any] = []
        self.letters: list[Any] = []
        self.errors: list[BaseException] = []
        self.outcomes: Counter[str] = Counter()
        self.ended = threading.Event()
        self.pool = make(
            runtime.run(Clerk),
            4,
            args=[self.book],
            max_restarts=1_000_000_000,
            restarts_within=PATIENCE,
        )
        self.proxy = self.pool.proxy()

    def run(self) -> str:
        """Have it happen, and check the books; returns what has happened."""
        dead_letters.subscribe(self.to_dead_letters)
        try:
            senders = [
                threading.Thread(target=self.watch, args=(self.send, number))
                for number in range(len(self.numbers))
            ]
            changers = [threading.Thread(target=self.watch, args=(self.resize,))]
            if self.kills:
                changers.append(threading.Thread(target=self.watch, args=(self.kill,)))
            for thread in senders + changers:
                thread.start()
            for thread in senders:
                thread.join()
            self.ended.set()
            for thread in changers:
                thread.join()
            assert self.pool.stop(timeout=PATIENCE)
        finally:
            dead_letters.unsubscribe(self.to_dead_letters)
        self.check()
        return ", ".join(f"{count} {what}" for what, count in sorted(self.outcomes.items()))

    def check(self) -> None:
        assert self.errors == []
        if not self.kills:
            assert self.letters == self.refused == []
        found = self.book + self.letters + self.refused
        expected = {(who, i) for who, numbers in enumerate(self.numbers) for i in numbers}
        assert len(found) == len(expected)
        assert set(found) == expected

    def to_dead_letters(self, letter: dead_letters.DeadLetter) -> None:
        message = letter.message
        if isinstance(message, pykka.messages.ProxyCall):
            message = message.args[0]
        self.letters.append(message.number if isinstance(message, Poison) else message)

    def watch(self, function: Callable[..., object], *args: object) -> None:
        try:
            function(*args)
        except BaseException as error:
            self.errors.append(error)

    def send(self, sender: int) -> None:
        chance = random.Random(f"{self.seed} {sender}")
        futures: list[tuple[Any, Any]] = []
        for i in self.numbers[sender]:
            number = (sender, i)
            try:
                self.send_one(number, chance.random(), futures)
            except pykka.ActorDeadError:
                self.refused.append(number)
            if len(futures) > 100:
                self.collect(futures)
        self.collect(futures)

    def send_one(self, number: Any, how: float, futures: list[tuple[Any, Any]]) -> None:
        if how < 0.004:
            self.pool.tell(Poison(number))
        elif how < 0.7:
            self.pool.tell(number)
        elif how < 0.8:
            assert self.pool.ask(number) == number
        elif how < 0.9:
            futures.append((number, self.pool.ask(number, block=False)))
        else:
            futures.append((number, self.proxy.note(number)))

    def collect(self, futures: list[tuple[Any, Any]]) -> None:
        for number, future in futures:
            try:
                assert future.get(timeout=PATIENCE) == number
            except pykka.ActorDeadError:
                self.refused.append(number)
        futures.clear()

    def resize(self) -> None:
        chance = random.Random(f"{self.seed} sizes")
        while not self.ended.is_set():
            self.pool.resize(chance.randint(1, 8), timeout=PATIENCE)
            self.outcomes["resized"] += 1

    def kill(self) -> None:
        chance = random.Random(f"{self.seed} victims")
        while not self.ended.is_set():
            routees = self.pool.routees
            if routees:
                chance.choice(routees).kill()
                self.outcomes["killed"] += 1
