"""What is measured, with what, how often."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from benchmarks.adapters import ADAPTERS, ERLANG, FLOOR, NEWEST, OURS, PEER, POOLED
from benchmarks.curves import CURVES
from benchmarks.workload import Group, scale
from benchmarks.workloads import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from benchmarks.workload import Workload

SHORT_ROUNDS = 5
FULL_ROUNDS = 4
CURVE_ROUNDS = 3
HEAVY_ROUNDS = 3
HEAVY_SHORT_ROUNDS = 1
"""For workloads that take long, in the full and in the short form."""


@dataclass(frozen=True)
class Task:
    """A workload with one set of parameters, to be measured on several implementations."""

    workload: str
    parameters: Mapping[str, int]
    adapters: tuple[str, ...]
    rounds: int
    ladder: str = ""
    """The parameter that grows along a curve: who fails at a value is not given a higher one."""

    def parameters_for(self, adapter: str) -> dict[str, int]:
        """The parameters, with less of what goes on for long for those who are slow."""
        workload = WORKLOADS[self.workload]
        scaled = tuple(name for name in workload.scaled if name != self.ladder)
        share = ADAPTERS[adapter].scale
        return scale(self.parameters, scaled, share if workload.may_be_more else min(1.0, share))


class UnknownNameError(Exception):
    """Nothing is called so."""


SLOW = 0.1
"""Who is given less of the work than this is spared what is heavy."""


def make_plan(
    *,
    full: bool = False,
    only: Sequence[str] = (),
    against: Sequence[str] = (),
    rounds: int | None = None,
    settings: Mapping[str, int] | None = None,
    absent: Iterable[str] = (),
) -> list[Task]:
    """What a run consists of.

    Args:
        full: The long form: all implementations, more rounds, and the curves.
        only: Names or patterns of workloads; all but the extras if there are none.
        against: Names or patterns of implementations; ours are always there.
        rounds: How often; the default depends on the form.
        settings: Parameters that differ from the defaults.
        absent: Implementations that cannot be measured.

    Raises:
        UnknownNameError: A pattern or a parameter fits nothing.
    """
    workloads = select(only, WORKLOADS, "workload")
    if not only:
        workloads = [name for name in workloads if WORKLOADS[name].group is not Group.EXTRAS]
    adapters = select(against, ADAPTERS, "implementation")
    if against:
        adapters = [name for name in ADAPTERS if name in adapters or ADAPTERS[name].ours]
    elif not full:
        adapters = [name for name in adapters if ADAPTERS[name].short]
    missing = set(absent)
    present = tuple(name for name in adapters if name not in missing)
    times = rounds or (FULL_ROUNDS if full else SHORT_ROUNDS)
    unused = set(settings or {})
    tasks = []
    for name in workloads:
        workload = WORKLOADS[name]
        used = {
            key: value for key, value in (settings or {}).items() if key in workload.parameters
        }
        unused -= used.keys()
        if (workload.group is not Group.CURVE and (full or only or workload.short)) or (
            workload.group is Group.CURVE and only and not full
        ):
            tasks.append(_task(workload, used, present, times, full=full, stated=bool(rounds)))
    if unused:
        msg = f"no workload has a parameter {', '.join(sorted(unused))}"
        raise UnknownNameError(msg)
    if full:
        times = min(times, CURVE_ROUNDS)
        for curve in CURVES:
            if curve.workload in workloads:
                parameters = WORKLOADS[curve.workload].parameters
                tasks += [
                    Task(
                        curve.workload,
                        {**parameters, curve.parameter: point},
                        present,
                        times,
                        curve.parameter,
                    )
                    for point in curve.points
                ]
    return tasks


def _task(
    workload: Workload,
    settings: Mapping[str, int],
    adapters: tuple[str, ...],
    rounds: int,
    *,
    full: bool,
    stated: bool,
) -> Task:
    """What is measured at one point."""
    if workload.heavy:
        adapters = tuple(name for name in adapters if ADAPTERS[name].scale >= SLOW)
        if not stated:
            rounds = min(rounds, HEAVY_ROUNDS if full else HEAVY_SHORT_ROUNDS)
    return Task(workload.name, {**workload.parameters, **settings}, adapters, rounds)


def select(patterns: Sequence[str], names: Iterable[str], what: str) -> list[str]:
    """The names that fit a pattern, in their own order; all if there is no pattern."""
    known = list(names)
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in known):
            msg = f"there is no {what} {pattern!r}; there are: {', '.join(known)}"
            raise UnknownNameError(msg)
    if not patterns:
        return known
    return [name for name in known if any(fnmatchcase(name, each) for each in patterns)]


def order(adapters: Sequence[str], number: int) -> list[str]:
    """In which order the implementations are measured in a round.

    Those whose ratio matters most are neighbours, so that they see the same machine; and each
    round begins with another one and goes the other way round, so that nobody is always the one
    that runs on a warm, or on a hot, processor.
    """
    matter = (ERLANG, POOLED, NEWEST, PEER, OURS, FLOOR)
    first = [name for name in matter if name in adapters]
    ring = first + [name for name in adapters if name not in first]
    start = number % len(ring) if ring else 0
    turned = ring[start:] + ring[:start]
    return turned[::-1] if number % 2 else turned


def steps(tasks: Sequence[Task]) -> int:
    """How many measurements a plan has."""
    return sum(task.rounds * len(task.adapters) for task in tasks)


def describe_workloads() -> dict[str, dict[str, Any]]:
    """What the file of results says of workloads."""
    return {
        workload.name: {
            "title": workload.title,
            "about": workload.about,
            "group": workload.group.value,
            "parameters": dict(workload.parameters),
            "metrics": [
                {**asdict(metric), "unit": metric.unit.value, "better": metric.better}
                for metric in workload.metrics
            ],
        }
        for workload in WORKLOADS.values()
    }


def describe_curves() -> list[dict[str, Any]]:
    """What the file of results says of curves."""
    return [
        {key: value for key, value in asdict(curve).items() if key != "points"} for curve in CURVES
    ]
