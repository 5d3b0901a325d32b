"""Savina: chameneos."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.behaviour import START, Behaviour
from benchmarks.workload import ActorWorkload, Group, Metric, Unit

if TYPE_CHECKING:
    from benchmarks.behaviour import Ref
    from benchmarks.workload import Parameters

COLOURS = 3
MEET = "meet"
MET = "met"
EXIT = "exit"


def complement(mine: int, other: int) -> int:
    """The colour that a creature takes on when it meets another."""
    return mine if mine == other else COLOURS - mine - other


class Mall(Behaviour):
    """Where creatures meet in pairs, for a number of times."""

    def __init__(self, creatures: int, meetings: int) -> None:
        self.left = meetings
        self.waiting: tuple[int, Ref] | None = None
        self.missing = creatures
        self.met = 0
        self.creatures = [self.spawn(Creature, n % COLOURS, self.me) for n in range(creatures)]

    def receive(self, message: Any) -> None:
        """Bring two together, or send them home when the mall is closed."""
        if message == START:
            for creature in self.creatures:
                creature.tell((START, 0))
        elif message[0] == EXIT:
            self.met += message[1]
            self.missing -= 1
            if not self.missing:
                self.finish(self.met)
        elif not self.left:
            message[2].tell((EXIT, 0))
        elif self.waiting is None:
            self.waiting = message[1], message[2]
        else:
            colour, creature = self.waiting
            self.waiting = None
            self.left -= 1
            creature.tell((MET, message[1]))
            message[2].tell((MET, colour))
            # Whoever waits when the mall closes is sent home with the next who comes; nobody
            # waits now, so nobody is forgotten.


class Creature(Behaviour):
    """Goes to the mall, meets another, changes its colour, and goes there again."""

    def __init__(self, colour: int, mall: Ref) -> None:
        self.colour = colour
        self.mall = mall
        self.met = 0

    def receive(self, message: tuple[str, int]) -> None:
        """Meet, or go home."""
        kind, other = message
        if kind == EXIT:
            self.mall.tell((EXIT, self.met))
            return
        if kind == MET:
            self.met += 1
            self.colour = complement(self.colour, other)
        self.mall.tell((MEET, self.colour, self.me))


class Chameneos(ActorWorkload):
    """Many actors compete for one."""

    name = "chameneos"
    title = "chameneos"
    about = "Creatures meet in pairs at one place: many senders compete for one receiver."
    group = Group.SAVINA
    metrics = (Metric("rate", Unit.PER_SECOND, "meeting"),)
    short = False
    parameters = {"creatures": 100, "meetings": 5_000}
    scaled = ("meetings",)
    main = Mall

    def live(self, parameters: Parameters) -> int:
        """The creatures and the mall."""
        return parameters["creatures"] + 1

    def operations(self, parameters: Parameters) -> int:
        """Meetings; each takes two messages to the mall and two from it."""
        return parameters["meetings"]

    def expected(self, parameters: Parameters) -> int:
        """How often somebody met somebody: each meeting counts for two."""
        return 2 * parameters["meetings"]
