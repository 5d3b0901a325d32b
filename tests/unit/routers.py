"""What the tests of the routers share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE

import pykka
from pykka import routing

if TYPE_CHECKING:
    from collections.abc import Callable


class Worker(pykka.PooledActor):
    """Does what it is told, and remembers the rest."""

    def __init__(self, name: str = "worker") -> None:
        super().__init__()
        self.name = name
        self.seen: list[Any] = []

    def on_receive(self, message: Any) -> Any:
        if callable(message):
            return message(self)
        self.seen.append(message)
        return self.name

    def note(self, message: Any) -> str:
        self.seen.append(message)
        return self.name


class ThreadedWorker(pykka.ThreadingActor):
    """Calls its messages."""

    def on_receive(self, message: Any) -> Any:
        return message()


KINDS: dict[str, Callable[[Any], Any]] = {
    "RoundRobin": routing.RoundRobin,
    "Random": routing.Random,
    "SmallestInbox": routing.SmallestInbox,
    "ConsistentHashing": lambda refs: routing.ConsistentHashing(refs, key=str, virtual_nodes=3),
    "Broadcast": routing.Broadcast,
    "ScatterGather": routing.ScatterGather,
    "TailChopping": lambda refs: routing.TailChopping(refs, interval=PATIENCE),
}
"""Each kind of router, with few virtual nodes: some tests interrupt it wherever that can be."""

each_kind = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)


def start(count: int) -> list[pykka.ActorRef[Any]]:
    return [Worker.start(f"worker {number}") for number in range(count)]


def seen(refs: list[pykka.ActorRef[Any]]) -> list[Any]:
    return [message for ref in refs for message in ref.proxy().seen.get()]
