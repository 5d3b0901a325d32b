"""Savina: trapezoidal approximation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from benchmarks.behaviour import START, Behaviour
from benchmarks.workload import ActorWorkload, Group, Metric, Unit

if TYPE_CHECKING:
    from benchmarks.behaviour import Ref
    from benchmarks.workload import Parameters

LEFT = 1.0
RIGHT = 5.0


def height(x: float) -> float:
    """The function whose integral is wanted."""
    return math.sin(x**3 - 1) / (x + 1) * math.sqrt(1 + math.exp(math.sqrt(2 * x)))


def area(left: float, width: float, pieces: int) -> float:
    """The area of some trapezoids side by side."""
    total = 0.0
    before = height(left)
    for piece in range(1, pieces + 1):
        after = height(left + piece * width)
        total += 0.5 * (before + after) * width
        before = after
    return total


def shares(workers: int, pieces: int) -> list[tuple[float, float, int]]:
    """What each worker has to add up."""
    width = (RIGHT - LEFT) / (workers * pieces)
    return [(LEFT + n * pieces * width, width, pieces) for n in range(workers)]


class Main(Behaviour):
    """Divides the work, and adds up in the order of the workers."""

    def __init__(self, workers: int, pieces: int) -> None:
        self.shares = shares(workers, pieces)
        self.workers = [self.spawn(Worker, self.me) for _ in range(workers)]
        self.areas: dict[int, float] = {}

    def receive(self, message: Any) -> None:
        """Divide, or take a result."""
        if message == START:
            for number, worker in enumerate(self.workers):
                worker.tell((number, *self.shares[number]))
            return
        number, result = message
        self.areas[number] = result
        if len(self.areas) == len(self.workers):
            self.finish(sum(self.areas[n] for n in range(len(self.workers))))


class Worker(Behaviour):
    """Adds up its share."""

    def __init__(self, main: Ref) -> None:
        self.main = main

    def receive(self, message: tuple[int, float, float, int]) -> None:
        """Add up."""
        number, left, width, pieces = message
        self.main.tell((number, area(left, width, pieces)))


class Trapezoid(ActorWorkload):
    """Work that is all computation."""

    name = "trapezoid"
    title = "trapezoid"
    about = "Workers compute an integral: next to no messages, so what counts is the processor."
    group = Group.SAVINA
    metrics = (Metric("rate", Unit.PER_SECOND, "piece"),)
    parameters = {"workers": 20, "pieces": 10_000}
    scaled = ("pieces",)
    short = False
    main = Main

    def live(self, parameters: Parameters) -> int:
        """The workers, and the one that divides."""
        return parameters["workers"] + 1

    def operations(self, parameters: Parameters) -> int:
        """Pieces."""
        return parameters["workers"] * parameters["pieces"]

    def expected(self, parameters: Parameters) -> float:
        """The same sum, added up in the same order."""
        return sum(area(*share) for share in shares(**parameters))
