"""Many threads send to an actor while it stops; and the books must balance."""

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

    from tests.conftest import Runtime

    from pykka.dead_letters import DeadLetter


@dataclass
class Books:
    """What became of all messages, summed up over all rounds."""

    rounds: int = 0
    asks: int = 0
    answered: int = 0
    refused_asks: int = 0
    drained_asks: int = 0
    """Asks that were accepted, and answered with an error by whoever emptied the inbox."""
    unanswered: int = 0
    tells: int = 0
    handled: int = 0
    refused_tells: int = 0
    dead: int = 0
    dead_by_senders: int = 0
    """Dead letters that a sender found after the actor had looked for the last time."""
    twice: int = 0
    """Messages with more than one fate."""
    drained_in_round: list[int] = field(default_factory=list)

    def check(self) -> None:
        assert self.unanswered == 0
        assert self.twice == 0
        assert self.asks == self.answered + self.refused_asks + self.drained_asks
        assert self.tells == self.handled + self.refused_tells + self.dead
        assert self.drained_asks > 0, "no ask lost the race, so nothing was hunted"
        assert self.dead > 0, "no tell lost the race, so nothing was hunted"

    def __str__(self) -> str:
        return (
            f"{self.rounds:,} rounds. {self.asks:,} asks: {self.answered:,} answered, "
            f"{self.refused_asks:,} refused, {self.drained_asks:,} answered by the final drain, "
            f"{self.unanswered:,} unanswered. {self.tells:,} tells: {self.handled:,} handled, "
            f"{self.refused_tells:,} refused, {self.dead:,} dead letters, "
            f"{self.dead_by_senders:,} of them found by their senders."
        )


class Target(pykka.Actor):
    """Handles messages, until one says how to end."""

    def __init__(self) -> None:
        super().__init__()
        self.handled: list[Any] = []

    def on_receive(self, message: Any) -> Any:
        self.handled.append(message)
        if message[0] == "stop yourself":
            self.stop()
        elif message[0] == "crash":
            raise _CrashError
        return message


class _CrashError(Exception):
    """Raised on purpose."""


def race(
    runtime: Runtime,
    *,
    asks: int,
    seed: int,
    threads: int = 6,
    burst: int = 30,
    report: Callable[[Books], object] = lambda _books: None,
) -> Books:
    """Race until `asks` asks have been sent, and as many tells.

    In each round several threads send a burst of asks and tells each to a new actor. In the middle
    of it, at a random moment, one of them ends the actor: it stops it, tells it to stop itself, or
    makes it crash.
    """
    print(f"seed: {seed}")
    chance = random.Random(seed)
    target_class = runtime.run(Target)
    books = Books()
    dead: list[Any] = []

    def collect(letter: DeadLetter) -> None:
        dead.append(letter.message)
        if not threading.current_thread().name.startswith(("Target", "pykka-")):
            books.dead_by_senders += 1  # one round at a time, and seldom: a lost update is no harm

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    dead_letters.subscribe(collect)
    try:
        while books.asks < asks:
            _round(target_class.start(), books, chance, burst=burst, dead=dead, threads=threads)
            report(books)
    finally:
        dead_letters.unsubscribe(collect)
        sys.setswitchinterval(interval)
    return books


def _round(
    actor: pykka.ActorRef[Target],
    books: Books,
    chance: random.Random,
    *,
    threads: int,
    burst: int,
    dead: list[Any],
) -> None:
    target = actor.proxy()._actor
    assert target is not None
    handled = target.handled
    dead.clear()
    ready = threading.Barrier(threads)
    asked: list[list[tuple[Any, Any]]] = [[] for _ in range(threads)]
    refused: list[list[Any]] = [[] for _ in range(threads)]
    ender, moment = chance.randrange(threads), chance.randrange(burst)
    ending = chance.choice(["stop", "stop yourself", "crash"])

    def tell(number: int, message: Any) -> None:
        try:
            actor.tell(message)
        except pykka.ActorDeadError:
            refused[number].append(message)

    def send(number: int) -> None:
        ready.wait(PATIENCE)
        for i in range(burst):
            message = ("ask", number, i)
            asked[number].append((message, actor.ask(message, block=False)))
            if (number, i) != (ender, moment):
                tell(number, ("tell", number, i))
            elif ending == "stop":
                actor.stop(block=False)
                tell(number, ("tell", number, i))
            else:
                tell(number, (ending, number, i))

    senders = [threading.Thread(target=send, args=(number,)) for number in range(threads)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(PATIENCE)
    wait_until(lambda: actor._actor is None, "the actor has ended")
    _count(books, handled, dead, asked, refused)


def _count(
    books: Books,
    handled: list[Any],
    dead: list[Any],
    asked: list[list[tuple[Any, Any]]],
    refused: list[list[Any]],
) -> None:
    fates: Counter[Any] = Counter(handled)
    drained = 0
    for message, future in (pair for pairs in asked for pair in pairs):
        books.asks += 1
        try:
            assert future.get(timeout=PATIENCE) == message
            books.answered += 1
        except pykka.ActorDeadError as error:
            fates[message] += 1
            if "stopped before handling" in str(error):
                drained += 1
            else:
                books.refused_asks += 1
        except pykka.Timeout:
            books.unanswered += 1
    refusals = [message for messages in refused for message in messages]
    fates.update(refusals)
    fates.update(dead)
    books.rounds += 1
    books.tells += sum(len(pairs) for pairs in asked)
    books.handled += sum(1 for message in handled if message[0] != "ask")
    books.refused_tells += len(refusals)
    books.dead += len(dead)
    books.twice += sum(1 for count in fates.values() if count != 1)
    books.drained_asks += drained
    books.drained_in_round.append(drained)
