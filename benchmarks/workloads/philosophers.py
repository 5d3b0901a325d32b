"""Savina: dining philosophers, with an arbiter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.behaviour import START, Behaviour
from benchmarks.workload import ActorWorkload, Group, Metric, Unit

if TYPE_CHECKING:
    from benchmarks.behaviour import Ref
    from benchmarks.workload import Parameters

HUNGRY = "hungry"
DONE = "done"
EXIT = "exit"
EAT = "eat"
DENIED = "denied"


class Arbiter(Behaviour):
    """Has the forks, and lends a pair of them to one philosopher at a time."""

    def __init__(self, philosophers: int, meals: int) -> None:
        self.taken = [False] * philosophers
        self.meals = 0
        self.missing = philosophers
        self.philosophers = [
            self.spawn(Philosopher, number, meals, self.me) for number in range(philosophers)
        ]

    def receive(self, message: Any) -> None:
        """Lend forks, or take them back."""
        if message == START:
            for philosopher in self.philosophers:
                philosopher.tell(START)
            return
        kind, number, philosopher = message
        left, right = number, (number + 1) % len(self.taken)
        if kind == HUNGRY:
            if self.taken[left] or self.taken[right]:
                philosopher.tell(DENIED)
            else:
                self.taken[left] = self.taken[right] = True
                philosopher.tell(EAT)
        elif kind == DONE:
            self.meals += self.taken[left] and self.taken[right]
            self.taken[left] = self.taken[right] = False
        else:
            self.missing -= 1
            if not self.missing:
                self.finish((self.meals, any(self.taken)))


class Philosopher(Behaviour):
    """Asks for forks until it gets them, eats, and does so again."""

    def __init__(self, number: int, meals: int, arbiter: Ref) -> None:
        self.number = number
        self.left = meals
        self.arbiter = arbiter

    def receive(self, message: str) -> None:
        """Eat if allowed; then, or if not, ask again."""
        if message == EAT:
            self.left -= 1
            self.arbiter.tell((DONE, self.number, self.me))
        self.arbiter.tell((HUNGRY if self.left else EXIT, self.number, self.me))


class Philosophers(ActorWorkload):
    """Many actors, and one that decides."""

    name = "philosophers"
    title = "philosophers"
    about = "Philosophers ask an arbiter for two forks, again and again until they get them."
    group = Group.SAVINA
    metrics = (Metric("rate", Unit.PER_SECOND, "meal"),)
    short = False
    parameters = {"philosophers": 20, "meals": 100}
    scaled = ("meals",)
    main = Arbiter

    def live(self, parameters: Parameters) -> int:
        """The philosophers and the arbiter."""
        return parameters["philosophers"] + 1

    def operations(self, parameters: Parameters) -> int:
        """Meals; how many messages a meal takes depends on how often forks are denied."""
        return parameters["philosophers"] * parameters["meals"]

    def expected(self, parameters: Parameters) -> tuple[int, bool]:
        """All meals were eaten with two forks, and no fork is left out."""
        return parameters["philosophers"] * parameters["meals"], False
