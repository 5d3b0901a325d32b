"""What running without the GIL gives: a few workloads on two builds of Python, in turn.

The two builds are two runs, each with a file of results of its own. They are measured round by
round in turn, so that ratios between them are formed within rounds, as between implementations.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.adapters import FLOOR, OURS, POOLED
from benchmarks.environments import ENVIRONMENTS
from benchmarks.figures import ratio
from benchmarks.plan import make_plan, steps
from benchmarks.report import NOTHING, Row, Table, figure, rows, title_of
from benchmarks.results import Run
from benchmarks.runner import Runner, begin
from benchmarks.stats import paired_ratios, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from benchmarks.environments import Site
    from benchmarks.plan import Task
    from benchmarks.progress import Progress
    from benchmarks.stats import Spread

WORKLOADS = (
    "two-cores",
    "ping-pong",
    "thread-ring",
    "tell",
    "ask",
    "ask-from-actor",
    "start-and-tell",
)
ADAPTERS = (POOLED, OURS, FLOOR)
ROUNDS = 5
LOOKS_FREE_THREADED = (
    "import sys, sysconfig; "
    "sys.exit(not (sysconfig.get_config_var('Py_GIL_DISABLED') and sys.version_info >= (3, 13)))"
)
INTERPRETER = re.compile(r"(\w+-)?python(\d(\.\d+)?t?)?")


@dataclass(frozen=True)
class Goal:
    """What is wanted of the pool on the free-threaded build."""

    workload: str
    metric: str
    at_least: float
    of_other: bool = False
    """Whether the figure is relative to the build with the GIL."""


GOALS = (
    Goal("two-cores", "apart", 1.5),
    Goal("two-cores", "within", 1.5),
    Goal("ping-pong", "rate", 0.5, of_other=True),
)


def find(path: str | None = None) -> str:
    """The first free-threaded interpreter on the path of programs, or ""."""
    for folder in (os.environ.get("PATH", "") if path is None else path).split(os.pathsep):
        try:
            names = sorted(entry.name for entry in os.scandir(folder or "."))
        except OSError:
            continue
        for name in names:
            program = os.path.join(folder or ".", name)  # noqa: PTH118 (as the path has it)
            if INTERPRETER.fullmatch(name) and is_free_threaded(program):
                return program
    return ""


def is_free_threaded(program: str) -> bool:
    """Tell whether a program is an interpreter without the GIL."""
    if not os.access(program, os.X_OK):
        return False
    try:
        done = subprocess.run(  # noqa: S603 (something that is called as interpreters are)
            [program, "-c", LOOKS_FREE_THREADED], capture_output=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def twin(file: Path) -> Path:
    """Where the results of the other build are."""
    return file.with_stem(f"{file.stem}-gil")


def measure(
    free: Site, other: Site, out: Path, rounds: int, progress: Callable[[int], Progress]
) -> tuple[Run, Run]:
    """Measure on both builds, and keep the results.

    Args:
        free: The environments of the free-threaded build.
        other: Those of the build with the GIL.
        out: Where the results of the first go; `twin()` says where those of the other go.
        rounds: How often.
        progress: Who is told what happens, made with the number of measurements.
    """
    sites = (other, free)
    for site in sites:
        for name in ("bare", "ours"):
            site.make(ENVIRONMENTS[name])
    plan = make_plan(only=WORKLOADS, against=ADAPTERS, rounds=rounds)
    plan = [replace(task, adapters=ADAPTERS) for task in plan]
    runs = [_begin(site, plan) for site in sites]
    files = (twin(out), out)
    with progress(steps(plan) * len(sites)) as shown:
        for number in range(rounds):
            tasks = [replace(task, rounds=number + 1) for task in plan]
            turn = list(zip(sites, runs, files, strict=True))
            for site, run, file in turn if number % 2 else turn[::-1]:
                run.complete = False
                Runner(site, run, tasks, shown, partial(Run.save, file=file)).go()
    return runs[1], runs[0]


def _begin(site: Site, plan: Sequence[Task]) -> Run:
    run = begin(site, "free-threaded", ADAPTERS)
    run.curves = []
    wanted = {task.workload for task in plan}
    run.workloads = {name: found for name, found in run.workloads.items() if name in wanted}
    return run


def load(file: Path) -> tuple[Run, Run] | None:
    """The results of both builds, the free-threaded one first; None if there are none."""
    if not (file.exists() and twin(file).exists()):
        return None
    return Run.load(file), Run.load(twin(file))


def table(free: Run, other: Run) -> Table:
    """Both builds, side by side."""
    found = Table(["", "", _build(other), _build(free), "free-threaded is better by"], [])
    for one, two in _pairs(free, other):
        for name in ADAPTERS:
            if one.spread(name) or two.spread(name):
                times = advantage(one, two, name)
                found.rows.append(
                    [
                        one.title,
                        title_of(free, name),
                        figure(two, name),
                        figure(one, name),
                        ratio(times.median) if times else NOTHING,
                    ]
                )
    return found


def goals(free: Run, other: Run) -> Table:
    """What is wanted of the pool on the free-threaded build."""
    made = Table(["target, on the free-threaded build", "wanted", "measured", ""], [])
    pairs = {(row.workload, row.metric["name"]): (row, two) for row, two in _pairs(free, other)}
    for goal in GOALS:
        wanted = f"≥ {goal.at_least:g}"
        row, two = pairs.get((goal.workload, goal.metric), (None, None))
        measured = None
        if row is not None and two is not None:
            measured = advantage(row, two, POOLED) if goal.of_other else row.spread(POOLED)
        title = row.title if row is not None else goal.workload
        text = f"{title}{', times the build with the GIL' if goal.of_other else ''}"
        if measured is None:
            made.rows.append([text, wanted, NOTHING, "not measured"])
        else:
            verdict = "met" if measured.median >= goal.at_least else "missed"
            made.rows.append([text, wanted, f"{measured.median:.2f}", verdict])
    return made


def advantage(free: Row, other: Row, adapter: str) -> Spread | None:
    """How many times better the free-threaded build is, within rounds."""
    if free.trouble(adapter) or other.trouble(adapter):
        return None
    ratios = paired_ratios(
        free.values(adapter), other.values(adapter), better=free.metric["better"]
    )
    return spread(ratios) if ratios else None


def _pairs(free: Run, other: Run) -> Iterator[tuple[Row, Row]]:
    for group in ("feel", "savina"):
        twins = {(row.workload, row.metric["name"]): row for row in rows(other, group)}
        for row in rows(free, group):
            two = twins.get((row.workload, row.metric["name"]))
            if two is not None:
                yield row, two


def _build(run: Run) -> str:
    free = run.python.get("free_threaded")
    return f"Python {run.python.get('version', '')}{', free-threaded' if free else ''}"


def as_markdown(pair: tuple[Run, Run] | None) -> str:
    """Both tables, for the documentation."""
    if pair is None:
        return "Not measured: there was no free-threaded interpreter on the machine."
    free, other = pair
    measured = max((len(m.rounds()) for m in free.measurements), default=0)
    parts = [
        f"{measured} rounds, {free.started}, sources {free.sources.get('digest', '')}.",
        goals(free, other).as_markdown(),
        table(free, other).as_markdown(),
    ]
    return "\n\n".join(parts)
