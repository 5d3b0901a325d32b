"""Things that can be asked, for tests of what wraps them, and clocks for their time."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import pykka
from pykka.timers import ManualClock

if TYPE_CHECKING:
    from pykka.timers._clock import Alarm


class Scripted:
    """Answers as it was told, and notes what it was asked.

    Args:
        outcomes: What to answer with, one after the other: a value, an exception that is raised,
            or a future that the test resolves.
    """

    def __init__(self, *outcomes: Any) -> None:
        self.outcomes = deque(outcomes)
        self.asked: list[Any] = []
        self.timeouts: list[float | None] = []

    def __str__(self) -> str:
        return "the target"

    def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any:
        self.asked.append(message)
        self.timeouts.append(timeout)
        outcome = self.outcomes.popleft()
        if isinstance(outcome, pykka.Future):
            future = outcome
        else:
            future = pykka.ThreadingFuture()
            if isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set(outcome)
        return future.get(timeout=timeout) if block else future


class Echo:
    """Answers with the message at once, and notes when it was asked."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.asked: list[Any] = []
        self.times: list[float] = []

    def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any:
        self.asked.append(message)
        self.times.append(self.clock.now())
        future: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()
        future.set(message)
        return message if block else future


class LateClock(ManualClock):
    """Rings alarms some seconds late, as a clock does that is too busy."""

    late = 0.0

    def schedule(self, when: float, alarm: Alarm) -> None:
        super().schedule(when + self.late, alarm)


class BrokenClock(ManualClock):
    """Rings no alarms."""

    def schedule(self, when: float, alarm: Alarm) -> None:
        del when, alarm
        msg = "the clock is broken"
        raise RuntimeError(msg)
