"""The results of a run, in memory and as a JSON file. README.md describes the file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from benchmarks.measure import Outcome

FORMAT = 1
"""The version of the file's layout."""
DIGITS = 6
"""Significant digits of a value in the file."""


@dataclass
class Problem:
    """A measurement that gave no value."""

    round: int
    status: str
    """"unsupported", "failed", "too slow" or "too big"."""
    reason: str


@dataclass
class Measurement:
    """All rounds of one workload, with one set of parameters, on one implementation."""

    workload: str
    adapter: str
    parameters: dict[str, int]
    values: dict[str, dict[int, float]] = field(default_factory=dict)
    """Metric → round → value, in the base unit."""
    problems: list[Problem] = field(default_factory=list)

    def rounds(self) -> set[int]:
        """The rounds that were measured, whatever came out."""
        found = {problem.round for problem in self.problems}
        for values in self.values.values():
            found.update(values)
        return found

    def add(self, number: int, outcome: Outcome) -> None:
        """Enter what a round has given."""
        if outcome.status == "ok":
            for metric, value in outcome.values.items():
                self.values.setdefault(metric, {})[number] = float(f"{value:.{DIGITS}g}")
        else:
            self.problems.append(Problem(number, outcome.status, outcome.reason))


@dataclass
class Run:
    """Everything that a run of the benchmarks has found out."""

    form: str
    """"short" or "full"."""
    started: str
    seconds: float = 0.0
    complete: bool = False
    reference: str = ""
    """The adapter that the others are compared with: this library's."""
    peer: str = ""
    """The adapter that ratios are given to."""
    floor: str = ""
    """The adapter that stands for the least that can be paid."""
    pooled: str = ""
    """The adapter of our other runtime."""
    pooled_against: list[str] = field(default_factory=list)
    """The adapters that this one is compared with."""
    machine: dict[str, Any] = field(default_factory=dict)
    python: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, Any] = field(default_factory=dict)
    adapters: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Name → title, version, lacks, absent (the reason, or "")."""
    workloads: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Name → title, about, group, parameters, metrics (a list: name, title, unit, of, better)."""
    curves: list[dict[str, Any]] = field(default_factory=list)
    """Name, title, workload, parameter."""
    measurements: list[Measurement] = field(default_factory=list)

    def measurement(
        self, workload: str, adapter: str, parameters: Mapping[str, int]
    ) -> Measurement:
        """The measurement of that description; a new one if there is none."""
        for found in self.measurements:
            if (found.workload, found.adapter) == (workload, adapter) and (
                found.parameters == parameters
            ):
                return found
        new = Measurement(workload, adapter, dict(parameters))
        self.measurements.append(new)
        return new

    def row(self, workload: str, at: Mapping[str, int] | None = None) -> dict[str, Measurement]:
        """Adapter → measurement of a workload.

        Args:
            workload: Its name.
            at: The parameters that are not those of the table.
        """
        wanted = {**self.workloads[workload]["parameters"], **(at or {})}
        return {
            found.adapter: found
            for found in self.measurements
            if found.workload == workload and found.parameters == wanted
        }

    def curve(self, workload: str, parameter: str) -> Iterator[tuple[str, dict[int, Measurement]]]:
        """For each adapter, the measurements by the value of a parameter, in ascending order."""
        for adapter in self.adapters:
            points = {
                found.parameters[parameter]: found
                for found in self.measurements
                if (found.workload, found.adapter) == (workload, adapter)
            }
            if points:
                yield adapter, dict(sorted(points.items()))

    def present(self) -> list[str]:
        """The adapters that could be measured."""
        return [name for name, adapter in self.adapters.items() if not adapter["absent"]]

    def save(self, file: Path) -> None:
        """Write to a file; whoever reads it at the same time sees the old one or the new one."""
        file.parent.mkdir(parents=True, exist_ok=True)
        contents = {"format": FORMAT, **asdict(self)}
        measurements = [_written(measurement) for measurement in self.measurements]
        contents["measurements"] = None
        text = json.dumps(contents, indent=1, ensure_ascii=False)
        lines = ",\n  ".join(json.dumps(each, ensure_ascii=False) for each in measurements)
        text = text.replace('"measurements": null', f'"measurements": [\n  {lines}\n ]')
        temporary = file.with_suffix(".part")
        temporary.write_text(f"{text}\n")
        temporary.replace(file)

    @classmethod
    def load(cls, file: Path) -> Run:
        """Read from a file.

        Raises:
            ValueError: It is not a file of results, or of another version.
        """
        contents = json.loads(file.read_text())
        if not isinstance(contents, dict) or contents.pop("format", None) != FORMAT:
            msg = f"{file} holds no results of format {FORMAT}"
            raise ValueError(msg)
        measurements = [_read(each) for each in contents.pop("measurements")]
        return cls(**contents, measurements=measurements)


def _written(measurement: Measurement) -> dict[str, Any]:
    """For the file: the values of a metric in a list, by round, with null where there is none."""
    rounds = range(max(measurement.rounds(), default=-1) + 1)
    written = asdict(measurement)
    written["values"] = {
        metric: [values.get(number) for number in rounds]
        for metric, values in measurement.values.items()
    }
    return written


def _read(written: dict[str, Any]) -> Measurement:
    values = {
        metric: {number: value for number, value in enumerate(listed) if value is not None}
        for metric, listed in written["values"].items()
    }
    problems = [Problem(**problem) for problem in written["problems"]]
    return Measurement(
        written["workload"], written["adapter"], written["parameters"], values, problems
    )
