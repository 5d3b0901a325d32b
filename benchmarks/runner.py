"""Measure what a plan says, round by round."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from benchmarks import machine, measure
from benchmarks.adapters import ADAPTERS, ERLANG, FLOOR, NEWEST, OURS, PEER, POOLED
from benchmarks.environments import ENVIRONMENTS
from benchmarks.plan import describe_curves, describe_workloads, order
from benchmarks.results import Run
from benchmarks.workloads import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from benchmarks.environments import Site
    from benchmarks.plan import Task
    from benchmarks.progress import Progress
    from benchmarks.results import Measurement

ONCE_IS_ENOUGH = 10.0
"""Seconds after which a point of a curve is not measured again."""


def begin(site: Site, form: str, names: Collection[str] = ADAPTERS) -> Run:
    """Find out what there is of some implementations, and open a run."""
    run = Run(
        form=form,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        reference=OURS,
        peer=PEER,
        floor=FLOOR,
        pooled=POOLED,
        pooled_against=[NEWEST, ERLANG],
        machine=machine.describe_machine(),
        sources=machine.describe_sources(),
        workloads=describe_workloads(),
        curves=describe_curves(),
    )
    absent = site.absent()
    for adapter in ADAPTERS.values():
        if adapter.name not in names:
            continue
        run.adapters[adapter.name] = found = {
            "title": adapter.title,
            "version": "",
            "lacks": adapter.lacks,
            "ours": adapter.ours,
            "scale": adapter.scale,
            "absent": machine.without_paths(absent.get(adapter.environment, "")),
        }
        if not found["absent"]:
            _look_at(site, run, found, adapter.name)
    return run


def _look_at(site: Site, run: Run, found: dict[str, Any], name: str) -> None:
    adapter = ADAPTERS[name]
    outcome = measure.describe(site, adapter)
    if outcome.status != "ok":
        found["absent"] = machine.without_paths(f"cannot be started: {outcome.reason}")
        return
    run.python = run.python or dict(outcome.details["python"])
    if adapter.environment == "erlang":
        found["version"] = machine.erlang_version()
    elif not ENVIRONMENTS[adapter.environment].distribution:
        found["version"] = f"Python {outcome.details['python']['version']}"
    else:
        found["version"] = outcome.details["version"]


class Runner:
    """Measures what a plan says.

    Args:
        site: The environments.
        run: Where results go; what is there already is not measured again.
        tasks: The plan.
        progress: Who is told what happens.
        save: Called with the run after each round.
    """

    def __init__(
        self,
        site: Site,
        run: Run,
        tasks: Sequence[Task],
        progress: Progress,
        save: Callable[[Run], object],
    ) -> None:
        self._site = site
        self._run = run
        self._tasks = tasks
        self._progress = progress
        self._save = save
        self._done: set[int] = set()
        """The measurements, by identity, that took so long that once is enough."""

    def go(self) -> None:
        """Measure everything, round by round."""
        before = self._run.seconds
        started = time.monotonic()
        for number in range(max((task.rounds for task in self._tasks), default=0)):
            for task in self._tasks:
                if number < task.rounds:
                    self._do(task, number)
            self._run.seconds = round(before + time.monotonic() - started, 1)
            self._save(self._run)
        self._run.complete = True
        self._save(self._run)

    def _do(self, task: Task, number: int) -> None:
        for name in order(task.adapters, number):
            self._progress.next(number, task, name)
            # It is filed under the parameters of the task. What was made smaller for a slow
            # implementation shows in the scale of its adapter.
            measurement = self._run.measurement(task.workload, name, task.parameters)
            if number not in measurement.rounds() and not self._is_pointless(task, measurement):
                self._measure(task, measurement, number)
        self._progress.done(number, task)

    def _measure(self, task: Task, measurement: Measurement, number: int) -> None:
        parameters = task.parameters_for(measurement.adapter)
        warm_up = WORKLOADS[task.workload].warm_up(parameters)
        before = time.monotonic()
        outcome = measure.measure(
            self._site, ADAPTERS[measurement.adapter], task.workload, parameters, warm_up
        )
        reason = machine.without_paths(outcome.reason)
        measurement.add(number, replace(outcome, reason=reason))
        if task.ladder and time.monotonic() - before > ONCE_IS_ENOUGH:
            self._done.add(id(measurement))

    def _is_pointless(self, task: Task, measurement: Measurement) -> bool:
        """Tell whether more rounds, or higher points of a curve, will not say anything new."""
        if id(measurement) in self._done:
            return True
        if any(problem.status != "failed" for problem in measurement.problems):
            return True
        return bool(task.ladder) and any(
            lower.problems
            for lower in self._run.measurements
            if (lower.workload, lower.adapter) == (task.workload, measurement.adapter)
            and lower.parameters[task.ladder] < task.parameters[task.ladder]
        )
