"""Two small actors that several workloads use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.behaviour import Behaviour

if TYPE_CHECKING:
    from collections.abc import Callable


class Echo(Behaviour):
    """Answers each message with the message."""

    def receive(self, message: Any) -> Any:
        """Answer."""
        return message


class Cell(Behaviour):
    """Has one plain attribute; answers with it, and reports it to whoever is in a message."""

    def __init__(self, value: int) -> None:
        self.value = value

    def receive(self, message: Callable[[int], object] | None) -> int:
        """Report, or only answer."""
        if message is not None:
            message(self.value)
        return self.value


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
