"""Savina: Fibonacci."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.behaviour import START, Behaviour
from benchmarks.workload import ActorWorkload, Group, Metric, Unit

if TYPE_CHECKING:
    from benchmarks.behaviour import Ref
    from benchmarks.workload import Parameters

SMALL = 2


def fibonacci(n: int) -> int:
    """The nth Fibonacci number."""
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


class Fibonacci(Behaviour):
    """Has two others compute the two numbers before, and ends when it has added them up."""

    def __init__(self, n: int, parent: Ref | None = None) -> None:
        self.n = n
        self.parent = parent
        self.sum = 0
        self.missing = 2

    def receive(self, message: Any) -> None:
        """Start the others, or take a number from them."""
        if message != START:
            self.sum += message
            self.missing -= 1
            if not self.missing:
                self.reply(self.sum)
        elif self.n <= SMALL:
            self.reply(1)
        else:
            self.spawn(Fibonacci, self.n - 1, self.me).tell(START)
            self.spawn(Fibonacci, self.n - 2, self.me).tell(START)

    def reply(self, number: int) -> None:
        """Send the number to whoever wants it, and end."""
        if self.parent is None:
            self.finish(number)
        else:
            self.parent.tell(number)
            self.stop()


class FibonacciTree(ActorWorkload):
    """A tree of short lives."""

    name = "fibonacci"
    title = "fibonacci"
    about = "A tree of actors, each of which starts two more and adds up what they say."
    group = Group.SAVINA
    metrics = (Metric("rate", Unit.PER_SECOND, "actor"),)
    short = False
    parameters = {"n": 13}
    main = Fibonacci

    def live(self, parameters: Parameters) -> int:
        """All of them, at most."""
        return self.operations(parameters)

    def operations(self, parameters: Parameters) -> int:
        """Actors."""
        return 2 * fibonacci(parameters["n"]) - 1

    def expected(self, parameters: Parameters) -> int:
        """The number."""
        return fibonacci(parameters["n"])
