"""What a workload is: something to do, how it is counted, and how it is checked."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from benchmarks.behaviour import START, Behaviour

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.system import System

    Parameters = Mapping[str, int]
    Values = dict[str, float]

PATIENCE = 60.0
"""Seconds until a workload that does not end counts as failed."""


WARM_UP = 0.1
"""How much of a measurement is done before it."""


class WrongResultError(Exception):
    """A workload ended, and what came out is not what had to come out."""


class Unit(StrEnum):
    """What a metric is measured in. Files hold these base units; tables choose the prefix."""

    SECONDS = "s"
    PER_SECOND = "1/s"
    BYTES = "B"
    TIMES = "×"
    PART = "%"


class Group(StrEnum):
    """Where a workload stands in the report."""

    FEEL = "feel"
    SAVINA = "savina"
    CURVE = "curve"
    EXTRAS = "extras"
    """What is measured if it is named: it is not done by whatever has actors."""


@dataclass(frozen=True)
class Metric:
    """One figure that a workload gives."""

    name: str
    unit: Unit
    of: str
    """What is counted: "message", "meal"."""
    title: str = ""
    """What the row of the table adds to the title of the workload, if it has several metrics."""

    @property
    def better(self) -> str:
        """Whether "more" or "less" is better."""
        return "more" if self.unit in {Unit.PER_SECOND, Unit.TIMES} else "less"


class Workload(ABC):
    """A thing to measure."""

    name: ClassVar[str]
    title: ClassVar[str]
    about: ClassVar[str]
    """One sentence on what is done and what is counted."""
    group: ClassVar[Group]
    metrics: ClassVar[tuple[Metric, ...]]
    parameters: ClassVar[Parameters]
    """Names and default values."""
    scaled: ClassVar[tuple[str, ...]] = ()
    """Which parameters say how long it goes on; a slow implementation does less of it."""
    may_be_more: ClassVar[bool] = True
    """Whether a fast implementation may be given more of it, or only a slow one less. Where
    everything is under way at the same time, more of it is something else."""
    short: ClassVar[bool] = True
    """Whether the short form of the benchmarks has it."""
    heavy: ClassVar[bool] = False
    """Whether it takes so long that few rounds must do, and that the slowest are spared."""

    def live(self, parameters: Parameters) -> int:
        """How many actors live at the same time, at most."""
        del parameters
        return 2

    @abstractmethod
    def run(self, system: System, parameters: Parameters) -> Values:
        """Do it once, and return a value for each metric.

        Raises:
            WrongResultError: What came out is not what had to come out.
        """

    def warm_up(self, parameters: Parameters) -> dict[str, int]:
        """What is done before the measurement, to warm the interpreter up."""
        return scale(parameters, self.scaled, WARM_UP)


class ActorWorkload(Workload):
    """A workload in which actors talk among themselves, and the harness waits for the end."""

    main: ClassVar[type[Behaviour]]
    """The actor that sets everything going; its arguments are the parameters, by order."""

    @abstractmethod
    def operations(self, parameters: Parameters) -> int:
        """How many of what is counted are done."""

    @abstractmethod
    def expected(self, parameters: Parameters) -> Any:
        """What the main actor must finish with."""

    def run(self, system: System, parameters: Parameters) -> Values:
        """Start the main actor, wait until it finishes, and check what it finishes with."""
        started = time.perf_counter()
        main = system.spawn(self.main, *parameters.values())
        system.tell_each(main, [START])
        result = system.wait(PATIENCE)
        seconds = time.perf_counter() - started
        check(result, self.expected(parameters))
        return {self.metrics[0].name: self.operations(parameters) / seconds}


def check(result: Any, expected: Any) -> None:
    """Refuse a result that is not the expected one."""
    if result != expected:
        msg = f"the result is {result!r:.200} and should be {expected!r:.200}"
        raise WrongResultError(msg)


def scale(parameters: Parameters, scaled: tuple[str, ...], factor: float) -> dict[str, int]:
    """Multiply some of the parameters, and leave at least 1 of each."""
    return {
        name: max(1, round(value * factor)) if name in scaled else value
        for name, value in parameters.items()
    }
