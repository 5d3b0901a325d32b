"""Curve: from one sender to 64."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.behaviour import START, Behaviour
from benchmarks.workload import ActorWorkload, Group, Metric, Unit

if TYPE_CHECKING:
    from benchmarks.behaviour import Ref
    from benchmarks.workload import Parameters


class Receiver(Behaviour):
    """Starts the senders, and counts what comes from them."""

    def __init__(self, senders: int, messages: int) -> None:
        self.share = messages // senders
        self.missing = self.share * senders
        self.next_of = [0] * senders
        self.in_order = True
        self.senders = [self.spawn(Sender, number, self.me) for number in range(senders)]

    def receive(self, message: Any) -> None:
        """Set the senders going, or count; the messages of one sender must come in order."""
        if message == START:
            for sender in self.senders:
                sender.tell(self.share)
            return
        sender, number = message
        if self.next_of[sender] != number:
            self.in_order = False
        self.next_of[sender] += 1
        self.missing -= 1
        if not self.missing:
            self.finish((sum(self.next_of), self.in_order))


class Sender(Behaviour):
    """Sends its share."""

    def __init__(self, number: int, receiver: Ref) -> None:
        self.number = number
        self.receiver = receiver

    def receive(self, message: int) -> None:
        """Send everything."""
        for number in range(message):
            self.receiver.tell((self.number, number))


class ManySenders(ActorWorkload):
    """Many to one."""

    name = "many-senders"
    title = "many senders"
    about = "Several actors send to one as fast as they can; the number of messages is the same."
    group = Group.CURVE
    metrics = (Metric("rate", Unit.PER_SECOND, "message"),)
    parameters = {"senders": 4, "messages": 64_000}
    scaled = ("messages",)
    main = Receiver

    def live(self, parameters: Parameters) -> int:
        """The senders and the receiver."""
        return parameters["senders"] + 1

    def operations(self, parameters: Parameters) -> int:
        """Messages, without those that divide evenly among nobody."""
        return parameters["messages"] // parameters["senders"] * parameters["senders"]

    def expected(self, parameters: Parameters) -> tuple[int, bool]:
        """All messages, each sender's in order."""
        return self.operations(parameters), True
