"""Savina: big."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from benchmarks.behaviour import START, Behaviour
from benchmarks.workload import ActorWorkload, Group, Metric, Unit

if TYPE_CHECKING:
    from benchmarks.behaviour import Ref
    from benchmarks.workload import Parameters

NEIGHBOURS = "neighbours"
PING = "ping"
PONG = "pong"


class Main(Behaviour):
    """Introduces everybody to everybody, and waits until all are done."""

    def __init__(self, actors: int, pings: int) -> None:
        self.actors = [self.spawn(Player, number, pings, self.me) for number in range(actors)]
        self.missing = actors
        self.pongs = 0

    def receive(self, message: Any) -> None:
        """Set the players going, or take note that one is done."""
        if message == START:
            for actor in self.actors:
                actor.tell((NEIGHBOURS, self.actors))
            return
        self.pongs += message
        self.missing -= 1
        if not self.missing:
            self.finish(self.pongs)


class Player(Behaviour):
    """Pings one of the others at random, and again when the pong has come."""

    def __init__(self, number: int, pings: int, main: Ref) -> None:
        self.left = pings
        self.main = main
        self.pongs = 0
        self.random = random.Random(number)
        self.others: list[Ref] = []
        self.number = number

    def receive(self, message: tuple[str, Any]) -> None:
        """Answer a ping, or send the next one."""
        kind, value = message
        if kind == PING:
            value.tell((PONG, self.number))
            return
        if kind == PONG:
            self.pongs += 1
        else:
            self.others = value[: self.number] + value[self.number + 1 :]
        if self.left:
            self.left -= 1
            self.others[int(self.random.random() * len(self.others))].tell((PING, self.me))
        else:
            self.main.tell(self.pongs)


class Big(ActorWorkload):
    """Many to many."""

    name = "big"
    title = "big"
    about = "Every actor pings others at random, and answers their pings: many to many."
    group = Group.SAVINA
    metrics = (Metric("rate", Unit.PER_SECOND, "message"),)
    parameters = {"actors": 60, "pings": 100}
    scaled = ("pings",)
    short = False
    main = Main

    def live(self, parameters: Parameters) -> int:
        """The players, and the one that introduces them."""
        return parameters["actors"] + 1

    def operations(self, parameters: Parameters) -> int:
        """Pings and pongs."""
        return 2 * parameters["actors"] * parameters["pings"]

    def expected(self, parameters: Parameters) -> int:
        """Pongs."""
        return parameters["actors"] * parameters["pings"]
