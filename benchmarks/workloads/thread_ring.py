"""Savina: thread ring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.behaviour import START, Behaviour
from benchmarks.workload import ActorWorkload, Group, Metric, Unit

if TYPE_CHECKING:
    from benchmarks.behaviour import Ref
    from benchmarks.workload import Parameters


READY = "ready"


class Main(Behaviour):
    """Makes the ring, and puts a token into it when all nodes know where to hand it on."""

    def __init__(self, nodes: int, hops: int) -> None:
        self.hops = hops
        self.nodes = [self.spawn(Node, number, self.me) for number in range(nodes)]
        self.missing = nodes

    def receive(self, message: Any) -> None:
        """Link the nodes, send the token, or finish with the number of the node it ended at."""
        if message == START:
            for node, following in zip(self.nodes, self.nodes[1:] + self.nodes[:1], strict=True):
                node.tell(following)
        elif message == READY:
            self.missing -= 1
            if not self.missing:
                self.nodes[0].tell(self.hops)
        else:
            self.finish(message)


class Node(Behaviour):
    """Hands the token on."""

    def __init__(self, number: int, main: Ref) -> None:
        self.number = number
        self.main = main
        self.following: Ref = main

    def receive(self, message: Any) -> None:
        """Take the neighbour's ref, which comes first, or the token."""
        if not isinstance(message, int):
            self.following = message
            self.main.tell(READY)
        elif message:
            self.following.tell(message - 1)
        else:
            self.main.tell(self.number)


class ThreadRing(ActorWorkload):
    """A token goes round a ring."""

    name = "thread-ring"
    title = "thread ring"
    about = "A token goes round a ring of actors: one is busy, and all the others wait."
    group = Group.SAVINA
    metrics = (Metric("rate", Unit.PER_SECOND, "hop"),)
    parameters = {"nodes": 100, "hops": 10_000}
    scaled = ("hops",)
    main = Main

    def live(self, parameters: Parameters) -> int:
        """The nodes, and the one that made them."""
        return parameters["nodes"] + 1

    def operations(self, parameters: Parameters) -> int:
        """Hops."""
        return parameters["hops"]

    def expected(self, parameters: Parameters) -> int:
        """The node at which the token has no hops left."""
        return parameters["hops"] % parameters["nodes"]
