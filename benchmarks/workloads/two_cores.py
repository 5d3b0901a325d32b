"""What users feel: whether two actors that compute use two cores."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from benchmarks.behaviour import Behaviour
from benchmarks.workload import PATIENCE, Group, Metric, Unit, Workload, check

if TYPE_CHECKING:
    from benchmarks.behaviour import Ref
    from benchmarks.system import System
    from benchmarks.workload import Parameters, Values


def compute(steps: int) -> int:
    """Something that only the processor has to do with."""
    value = 1
    for _ in range(steps):
        value = (value * 75 + 74) % 65_537
    return value


class Worker(Behaviour):
    """Computes when it is told to; and first tells another to, if there is one in the message."""

    def receive(self, message: tuple[int, Ref | None, Any]) -> None:
        """Have the other compute, and compute."""
        steps, other, for_other = message
        if other is not None:
            other.tell(for_other)
        self.finish(compute(steps))


class TwoCores(Workload):
    """Two actors that compute, on a machine with two cores."""

    name = "two-cores"
    title = "two compute"
    about = (
        "Two actors compute, and how many times faster that is than one that computes twice: told "
        "both from outside; and one of them told by the other, from inside the handler in which "
        "that one then computes itself."
    )
    group = Group.FEEL
    metrics = (
        Metric("apart", Unit.TIMES, "speed-up", "told both"),
        Metric("within", Unit.TIMES, "speed-up", "told by one"),
    )
    parameters = {"steps": 1_000_000}
    heavy = True

    def run(self, system: System, parameters: Parameters) -> Values:
        """Compute twice in a row, then side by side."""
        steps = parameters["steps"]
        one, other = system.spawn(Worker), system.spawn(Worker)
        expected = [compute(steps)] * 2
        alone = (steps, None, None)
        in_a_row = self._seconds(system, [(one, alone), (one, alone)], expected)
        apart = self._seconds(system, [(one, alone), (other, alone)], expected)
        within = self._seconds(system, [(one, (steps, other, alone))], expected)
        return {"apart": in_a_row / apart, "within": in_a_row / within}

    def _seconds(
        self, system: System, messages: list[tuple[Ref, Any]], expected: list[int]
    ) -> float:
        started = time.perf_counter()
        for ref, message in messages:
            system.tell_each(ref, [message])
        results = [system.wait(PATIENCE) for _ in expected]
        seconds = time.perf_counter() - started
        check(results, expected)
        return seconds
