"""Savina: ping-pong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.behaviour import START, Behaviour
from benchmarks.workload import ActorWorkload, Group, Metric, Unit

if TYPE_CHECKING:
    from benchmarks.behaviour import Ref
    from benchmarks.workload import Parameters


class Ping(Behaviour):
    """Sends pings, each when the pong for the one before has come."""

    def __init__(self, pings: int) -> None:
        self.pings = pings
        self.pong: Ref = self.spawn(Pong)

    def receive(self, message: Any) -> None:
        """Go on, until the pong for the last ping."""
        if message == START:
            self.pong.tell((1, self.me))
        elif message < self.pings:
            self.pong.tell((message + 1, self.me))
        else:
            self.finish(message)


class Pong(Behaviour):
    """Sends the number of each ping back."""

    def receive(self, message: tuple[int, Ref]) -> None:
        """Return a ping to its sender."""
        number, sender = message
        sender.tell(number)


class PingPong(ActorWorkload):
    """Two actors and one ball."""

    name = "ping-pong"
    title = "ping-pong"
    about = "Two actors send one message to and fro: the cost of waking an actor up."
    group = Group.SAVINA
    metrics = (Metric("rate", Unit.PER_SECOND, "message"),)
    parameters = {"pings": 5_000}
    scaled = ("pings",)
    main = Ping

    def operations(self, parameters: Parameters) -> int:
        """Messages."""
        return 2 * parameters["pings"]

    def expected(self, parameters: Parameters) -> int:
        """The number of the last pong."""
        return parameters["pings"]
