"""Savina: logistic map series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.behaviour import START, Behaviour
from benchmarks.stash import Stashing
from benchmarks.workload import ActorWorkload, Group, Metric, Unit

if TYPE_CHECKING:
    from benchmarks.behaviour import Ref
    from benchmarks.workload import Parameters

NEXT = "next"
COMPUTE = "compute"
COMPUTED = "computed"
GET = "get"
START_RATE = 3.46
RATE_STEP = 0.0025


def rate_of(series: int) -> float:
    """The rate of growth of a series."""
    return START_RATE + series * RATE_STEP


def first_term(series: int) -> float:
    """Where a series begins."""
    return series * RATE_STEP


class Main(Behaviour):
    """Asks every series for all of its terms, and adds up the last ones."""

    def __init__(self, series: int, terms: int) -> None:
        self.terms = terms
        self.series = [self.spawn(Series, number, self.me) for number in range(series)]
        self.last_terms: dict[int, tuple[int, float]] = {}

    def receive(self, message: Any) -> None:
        """Start, or take a last term."""
        if message == START:
            for _ in range(self.terms):
                for series in self.series:
                    series.tell((NEXT,))
            for series in self.series:
                series.tell((GET,))
            return
        number, computed, term = message
        self.last_terms[number] = computed, term
        if len(self.last_terms) == len(self.series):
            self.finish([self.last_terms[n] for n in range(len(self.series))])


class Series(Stashing):
    """Has its terms computed by another actor, and waits for each of them."""

    def __init__(self, number: int, main: Ref) -> None:
        super().__init__()
        self.number = number
        self.main = main
        self.term = first_term(number)
        self.computed = 0
        self.computer = self.spawn(Computer, rate_of(number))

    def is_answer(self, message: tuple[Any, ...]) -> bool:
        """A term."""
        return bool(message[0] == COMPUTED)

    def answer(self, message: tuple[Any, ...]) -> None:
        """Take the term."""
        self.term = message[1]
        self.computed += 1
        self.go_on()

    def request(self, message: tuple[Any, ...]) -> None:
        """Have the next term computed, or report the last."""
        if message[0] == NEXT:
            self.computer.tell((COMPUTE, self.term, self.me))
            self.wait()
        else:
            self.main.tell((self.number, self.computed, self.term))


class Computer(Behaviour):
    """Computes a term from the one before."""

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def receive(self, message: tuple[str, float, Ref]) -> None:
        """Compute."""
        _, term, series = message
        series.tell((COMPUTED, self.rate * term * (1 - term)))


class LogisticMap(ActorWorkload):
    """Request and reply, many at the same time."""

    name = "logistic-map"
    title = "logistic map"
    about = "Series of numbers, each term computed by another actor: request and reply."
    group = Group.SAVINA
    metrics = (Metric("rate", Unit.PER_SECOND, "term"),)
    short = False
    parameters = {"series": 10, "terms": 500}
    scaled = ("terms",)
    main = Main

    def live(self, parameters: Parameters) -> int:
        """The series, their computers, and the one that asks."""
        return 2 * parameters["series"] + 1

    def operations(self, parameters: Parameters) -> int:
        """Terms; each takes three messages."""
        return parameters["series"] * parameters["terms"]

    def expected(self, parameters: Parameters) -> list[tuple[int, float]]:
        """How many terms, and the last; that alone is no proof, for one series is all zeros."""
        last = []
        for number in range(parameters["series"]):
            term = first_term(number)
            for _ in range(parameters["terms"]):
                term = rate_of(number) * term * (1 - term)
            last.append((parameters["terms"], term))
        return last
