"""Savina: producer-consumer with a bounded buffer."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from benchmarks.behaviour import START, Behaviour
from benchmarks.workload import ActorWorkload, Group, Metric, Unit

if TYPE_CHECKING:
    from benchmarks.behaviour import Ref
    from benchmarks.workload import Parameters

PRODUCE = "produce"
ITEM = "item"
AVAILABLE = "available"
EXIT = "exit"
STEPS = 20


def process(number: int) -> float:
    """The work that one item takes, on either side."""
    value = float(number)
    for _ in range(STEPS):
        value = value * 0.5 + 1.0
    return value


class Manager(Behaviour):
    """The buffer: tells producers when there is room, and consumers when there is something."""

    def __init__(self, size: int, producers: int, consumers: int, items: int) -> None:
        self.size = size
        self.items = producers * items
        self.buffer: deque[int] = deque()
        self.fullest = 0
        self.consumed = 0
        self.sum = 0
        self.idle_consumers: deque[Ref] = deque(
            [self.spawn(Consumer, self.me) for _ in range(consumers)]
        )
        self.waiting_producers: deque[Ref] = deque(
            [self.spawn(Producer, n * items, items, self.me) for n in range(producers)]
        )
        # Each producer that was told to produce has a place reserved.
        self.reserved = 0

    def receive(self, message: Any) -> None:
        """Take an item, or a consumer that is ready for the next."""
        if message == START:
            self.invite()
        elif message[0] == ITEM:
            _, number, producer, is_last = message
            self.reserved -= 1
            if not is_last:
                self.waiting_producers.append(producer)
            if self.idle_consumers:
                self.idle_consumers.popleft().tell((ITEM, number))
            else:
                self.buffer.append(number)
                self.fullest = max(self.fullest, len(self.buffer))
            self.invite()
        else:
            _, number, consumer = message
            self.consumed += 1
            self.sum += number
            if self.buffer:
                consumer.tell((ITEM, self.buffer.popleft()))
            else:
                self.idle_consumers.append(consumer)
            self.invite()
            if self.consumed == self.items:
                self.finish((self.consumed, self.sum, self.fullest <= self.size))

    def invite(self) -> None:
        """Have producers produce, as long as there is room for what they will send."""
        while self.waiting_producers and len(self.buffer) + self.reserved < self.size:
            self.reserved += 1
            self.waiting_producers.popleft().tell((PRODUCE, None))


class Producer(Behaviour):
    """Makes an item when it is told to."""

    def __init__(self, first: int, items: int, manager: Ref) -> None:
        self.number = first
        self.end = first + items
        self.manager = manager

    def receive(self, message: tuple[str, Any]) -> None:
        """Make an item."""
        del message
        process(self.number)
        number, self.number = self.number, self.number + 1
        self.manager.tell((ITEM, number, self.me, self.number == self.end))


class Consumer(Behaviour):
    """Uses an item up."""

    def __init__(self, manager: Ref) -> None:
        self.manager = manager

    def receive(self, message: tuple[str, int]) -> None:
        """Use an item up, and ask for the next."""
        process(message[1])
        self.manager.tell((AVAILABLE, message[1], self.me))


class BoundedBuffer(ActorWorkload):
    """Many producers, many consumers, and one buffer between them."""

    name = "bounded-buffer"
    title = "bounded buffer"
    about = "Producers and consumers, with an actor between them that never holds too much."
    group = Group.SAVINA
    metrics = (Metric("rate", Unit.PER_SECOND, "item"),)
    parameters = {"size": 20, "producers": 20, "consumers": 20, "items": 100}
    scaled = ("items",)
    short = False
    main = Manager

    def live(self, parameters: Parameters) -> int:
        """Producers, consumers and the manager."""
        return parameters["producers"] + parameters["consumers"] + 1

    def operations(self, parameters: Parameters) -> int:
        """Items."""
        return parameters["producers"] * parameters["items"]

    def expected(self, parameters: Parameters) -> tuple[int, int, bool]:
        """How many items, the sum of their numbers, and that the buffer was never too full."""
        items = parameters["producers"] * parameters["items"]
        return items, sum(range(items)), True
