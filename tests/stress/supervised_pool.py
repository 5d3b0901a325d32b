"""Messages through a supervised pool of workers that crash at random; the books must balance."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from tests.leaks import PATIENCE, wait_until

import pykka
from pykka.supervision import ChildSpec, Supervisor

if TYPE_CHECKING:
    from pykka.dead_letters import DeadLetter

CRASHES = 0.01
"""The fraction of messages that a worker crashes with."""

KILLS = 0.0001
"""The fraction of messages after which a worker is killed."""

WINDOW = 64
"""So many questions of a sender are open at the same time."""


class CrashError(Exception):
    """What workers crash with."""


class Worker(pykka.Actor):
    """Enters each message in the books, and crashes with some."""

    crash_on = (CrashError,)

    def __init__(self, books: Books) -> None:
        super().__init__()
        self.books = books

    def on_receive(self, message: tuple[int, bool]) -> int:
        number, crashes = message
        self.books.handled[number] += 1
        if crashes:
            raise CrashError
        return number


class Books:
    """What became of each message: a count for each fate and number.

    Args:
        messages: How many there will be.
    """

    def __init__(self, messages: int) -> None:
        self.handled = bytearray(messages)
        self.dead = bytearray(messages)
        self.refused = bytearray(messages)
        self.answered = bytearray(messages)
        self.failed = bytearray(messages)
        self.is_ask = bytearray(messages)

    def to_dead_letters(self, letter: DeadLetter) -> None:
        """Enter a dead letter."""
        self.dead[letter.message[0]] += 1

    def are_complete(self) -> bool:
        """Tell whether each message has a fate."""
        return sum(self.handled) + sum(self.dead) + sum(self.refused) >= len(self.handled)

    def check(self) -> None:
        """Raise if a message has no fate, or more than one."""
        for number in range(len(self.handled)):
            handled, refused, dead = self.handled[number], self.refused[number], self.dead[number]
            assert handled + refused + dead == 1, (number, handled, refused, dead)
            if self.is_ask[number]:
                answers = self.answered[number] + self.failed[number]
                assert answers == handled, (number, answers, handled)
                assert dead == 0


class Pool:
    """A supervisor, its workers, and some threads that send to them.

    Args:
        runtime: What the workers run on.
        messages: How many messages there will be.
        workers: How many workers.
        senders: How many threads.
        seed: For the lots.
    """

    def __init__(
        self, runtime: type[pykka.Actor], *, messages: int, workers: int, senders: int, seed: int
    ) -> None:
        print(f"seed: {seed}")
        self.seed = seed
        self.books = Books(messages)
        self.system = pykka.ActorSystem()
        self.system.dead_letters.subscribe(self.books.to_dead_letters)
        worker = type("Worker", (Worker, runtime), {})
        specs = [ChildSpec(number, worker, [self.books]) for number in range(workers)]
        self.supervisor = self.system.start(Supervisor, specs, max_restarts=10**9, within=0.001)
        self.proxy: Any = self.supervisor.proxy()
        self.refs = [
            self.proxy.get_child(number).get(timeout=PATIENCE) for number in range(workers)
        ]
        self.senders = senders
        self.kills = 0

    def run(self) -> str:
        """Send all messages, check the books, and return the figures."""
        began = time.perf_counter()
        failures: list[BaseException] = []

        def send(first: int) -> None:
            try:
                self._send(first)
            except BaseException as error:  # for the test to see
                failures.append(error)
                raise

        threads = [threading.Thread(target=send, args=(n,)) for n in range(self.senders)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures, failures
        wait_until(self.books.are_complete, "each message has a fate")
        seconds = time.perf_counter() - began
        wait_until(self._is_calm, "all workers run")
        restarts = self.proxy.restarts().get(timeout=PATIENCE)
        self.system.shutdown(timeout=PATIENCE)
        self.books.check()
        return self._figures(seconds, restarts)

    def _is_calm(self) -> bool:
        infos = self.proxy.which_children().get(timeout=PATIENCE)
        return all(info.state == "running" for info in infos)

    def _send(self, first: int) -> None:
        chance = random.Random(self.seed + first)
        books, open_asks = self.books, deque[Any]()
        for number in range(first, len(books.handled), self.senders):
            index = chance.randrange(len(self.refs))
            ref = self.refs[index]
            message = number, chance.random() < CRASHES
            if chance.random() < 0.5:
                books.is_ask[number] = 1
                open_asks.append((number, ref.ask(message, block=False)))
                if len(open_asks) > WINDOW:
                    self._take_answer(*open_asks.popleft())
            else:
                try:
                    ref.tell(message)
                except pykka.ActorDeadError:
                    books.refused[number] += 1
            if not ref.is_alive():
                self._renew(index, ref)
            elif chance.random() < KILLS:
                self.kills += 1
                ref.kill(block=False)
        while open_asks:
            self._take_answer(*open_asks.popleft())

    def _take_answer(self, number: int, answer: Any) -> None:
        try:
            assert answer.get(timeout=PATIENCE) == number
            self.books.answered[number] += 1
        except CrashError:
            self.books.failed[number] += 1
        except pykka.ActorDeadError:
            self.books.refused[number] += 1

    def _renew(self, index: int, former: Any) -> None:
        ref = self.proxy.get_child(index).get(timeout=PATIENCE)
        if ref is not None and ref != former:
            self.refs[index] = ref

    def _figures(self, seconds: float, restarts: int) -> str:
        books = self.books
        messages = len(books.handled)
        return (
            f"{messages:,} messages in {seconds:.1f} s: {messages / seconds:,.0f} messages/s. "
            f"{sum(books.handled):,} handled ({sum(books.answered):,} answered, "
            f"{sum(books.failed):,} answered with an exception), {sum(books.refused):,} refused, "
            f"{sum(books.dead):,} dead letters. {restarts:,} restarts, about {self.kills:,} kills."
        )
