"""Two small actors that several workloads use."""

from __future__ import annotations

from typing import Any

from benchmarks.behaviour import Behaviour


class Echo(Behaviour):
    """Answers each message with the message."""

    def receive(self, message: Any) -> Any:
        """Answer."""
        return message


class Sink(Behaviour):
    """Counts messages, and finishes with their number when the last one comes.

    The last message is known by what it is, not by how many came before, so that a message that
    was lost or overtaken shows in the number.
    """

    def __init__(self, last: Any) -> None:
        self.last = last
        self.count = 0

    def receive(self, message: Any) -> None:
        """Count."""
        self.count += 1
        if message == self.last:
            self.finish(self.count)
