"""Threads and actors tell, ask, start and stop at the same time; and the books must balance."""

from __future__ import annotations

import random
import sys
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.leaks import PATIENCE, wait_until

import pykka
from pykka import dead_letters

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka.dead_letters import DeadLetter


@dataclass
class Books:
    """What became of all messages."""

    tells: list[Any] = field(default_factory=list)
    handled: list[Any] = field(default_factory=list)
    refused: list[Any] = field(default_factory=list)
    dead: list[Any] = field(default_factory=list)
    asks: int = 0
    answered: int = 0
    died: int = 0
    circles: int = 0

    def check(self) -> None:
        assert self.asks == self.answered + self.died + self.circles
        fates = Counter(self.handled) + Counter(self.refused) + Counter(self.dead)
        assert fates == Counter(self.tells), "a tell has no fate, or more than one"

    def __str__(self) -> str:
        return (
            f"{len(self.tells):,} tells: {len(self.handled):,} handled, {len(self.refused):,} "
            f"refused, {len(self.dead):,} dead letters. {self.asks:,} asks: {self.answered:,} "
            f"answered, {self.died:,} whose actor had died, {self.circles:,} in a circle."
        )


class Stormy(pykka.Actor):
    """Does what it is told, and forwards some of it to others."""

    def __init__(self, storm: Storm) -> None:
        super().__init__()
        self.storm = storm
        self.busy = False

    def on_receive(self, message: Any) -> Any:
        assert not self.busy, "two messages are handled at the same time"
        self.busy = True
        try:
            kind, identity, hops, seed = message
            if kind == "tell":
                self.storm.books.handled.append(identity)
            if hops:
                self.storm.step(random.Random(seed), hops - 1)
            return identity
        finally:
            self.busy = False


class Storm:
    """A place full of actors of several classes.

    Args:
        classes: What to start actors of.
        seed: For the lots.
    """

    def __init__(self, classes: list[Any], seed: int) -> None:
        print(f"seed: {seed}")
        self.books = Books()
        self._classes = classes
        self._chance = random.Random(seed)
        self._refs = [chosen.start(self) for chosen in classes for _ in range(4)]

    def run(self, *, threads: int, steps: int) -> Books:
        """Let threads do things at the same time, and wait for the end of it all."""
        failures: list[BaseException] = []

        def blow(seed: int) -> None:
            chance = random.Random(seed)
            try:
                for _ in range(steps):
                    self.step(chance, 3)
            except BaseException as error:  # for the test to see
                failures.append(error)

        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        dead_letters.subscribe(self._reject)
        try:
            blowers = [
                threading.Thread(target=blow, args=(self._chance.randrange(2**32),))
                for _ in range(threads)
            ]
            for blower in blowers:
                blower.start()
            for blower in blowers:
                blower.join(PATIENCE * 10)
                assert not blower.is_alive(), "a thread waits for an answer that does not come"
            assert not failures, failures
            wait_until(self._is_calm, "all tells have a fate")
        finally:
            sys.setswitchinterval(interval)
            dead_letters.unsubscribe(self._reject)
        return self.books

    def step(self, chance: random.Random, hops: int) -> None:
        """Do one thing, drawn by lot."""
        number = chance.randrange(len(self._refs))
        ref = self._refs[number]
        lot = chance.random()
        if lot < 0.02:
            ref.stop(block=False)
            self._refs[number] = chance.choice(self._classes).start(self)
        elif lot < 0.03 and hops == 3:
            ref.stop()
            self._refs[number] = chance.choice(self._classes).start(self)
        elif lot < 0.55:
            self._tell(ref, chance, hops)
        else:
            self._ask(ref, chance, hops)

    def _tell(self, ref: Any, chance: random.Random, hops: int) -> None:
        identity = object()
        self.books.tells.append(identity)
        try:
            ref.tell(("tell", identity, hops, chance.random()))
        except pykka.ActorDeadError:
            self.books.refused.append(identity)

    def _ask(self, ref: Any, chance: random.Random, hops: int) -> None:
        identity = object()
        message = ("ask", identity, hops, chance.random())
        ways: list[Callable[[], Any]] = [
            lambda: ref.ask(message),
            lambda: ref.ask(message, timeout=PATIENCE),
            lambda: ref.ask(message, block=False).get(),
            lambda: ref.proxy().on_receive(message).get(),
        ]
        # An actor waits without a timeout, so that circles are found; time limits only delay them.
        way = ways[0] if hops < 3 else chance.choice(ways)
        with _lock:
            self.books.asks += 1
        try:
            assert way() is identity
        except pykka.ActorDeadError:
            fate = "died"
        except pykka.DeadlockError:
            fate = "circles"
        else:
            fate = "answered"
        with _lock:
            setattr(self.books, fate, getattr(self.books, fate) + 1)

    def _reject(self, letter: DeadLetter) -> None:
        kind, identity, _hops, _seed = letter.message
        assert kind == "tell"
        self.books.dead.append(identity)

    def _is_calm(self) -> bool:
        books = self.books
        fates = len(books.handled) + len(books.refused) + len(books.dead)
        return fates == len(books.tells) and books.asks == (
            books.answered + books.died + books.circles
        )


_lock = threading.Lock()
