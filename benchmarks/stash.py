"""Waiting for a reply without blocking: what comes meanwhile is kept for later."""

from __future__ import annotations

from collections import deque
from typing import Any

from benchmarks.behaviour import Behaviour


class Stashing(Behaviour):
    """A behaviour that handles requests one after the other, each with a reply in the middle.

    A subclass calls `wait()` when it has asked somebody something, and `go_on()` when the answer
    has come. In between, requests are kept in order. This is what a blocking ask inside a handler
    does, and what it costs nothing to write on threads; here it also works where nobody may block.
    """

    def __init__(self) -> None:
        self._waiting = False
        self._kept: deque[Any] = deque()

    def receive(self, message: Any) -> None:
        """Handle an answer at once, and a request when its turn comes."""
        if self.is_answer(message):
            self.answer(message)
        elif self._waiting:
            self._kept.append(message)
        else:
            self.request(message)

    def is_answer(self, message: Any) -> bool:
        """Tell whether a message is what the actor waits for."""
        raise NotImplementedError

    def answer(self, message: Any) -> None:
        """Handle what the actor has waited for."""
        raise NotImplementedError

    def request(self, message: Any) -> None:
        """Handle anything else."""
        raise NotImplementedError

    def wait(self) -> None:
        """Keep requests from now on."""
        self._waiting = True

    def go_on(self) -> None:
        """Handle what was kept, until the actor has to wait again."""
        self._waiting = False
        while self._kept and not self._waiting:
            self.request(self._kept.popleft())
