"""What other builds of Python give: a few workloads on the Python of the page and on one, in turn.

The two builds are two runs, each with a file of results of its own. They are measured round by
round in turn, so that ratios between them are formed within rounds, as between implementations.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks import interpreter
from benchmarks.adapters import ADAPTERS, FLOOR, NEWEST, OURS, POOLED
from benchmarks.environments import ENVIRONMENTS, ROOT
from benchmarks.figures import ratio
from benchmarks.plan import make_plan, steps
from benchmarks.report import (
    NOTHING,
    Row,
    Table,
    described,
    figure,
    how_many_times,
    rows,
    title_of,
)
from benchmarks.results import Run
from benchmarks.runner import Runner, begin
from benchmarks.stats import paired_ratios, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from benchmarks.environments import Site
    from benchmarks.plan import Task
    from benchmarks.progress import Progress
    from benchmarks.stats import Spread

ASKED = str(ROOT / "benchmarks" / "interpreter.py")
"""The program that tells what an interpreter is."""
PYTHONS = str(ROOT / "scripts" / "pythons")
"""The one that lists those of this machine."""
INTERPRETER = re.compile(r"(\w+-)?python(\d(\.\d+)?t?)?")


@dataclass(frozen=True)
class Build:
    """A kind of build, and what is measured on it."""

    name: str
    """Its command, and the block of the page."""
    label: str
    """What tells it from other builds, in a table."""
    about: str
    """What it is, in a sentence."""
    fits: Callable[[dict[str, Any]], bool]
    """Whether a described interpreter is such a build."""
    of_any_version: bool
    """Whether one that is found may be of another version of Python than that of the page."""
    workloads: tuple[str, ...]
    adapters: tuple[str, ...]
    rounds: int
    suffix: str
    """What is added to the name of the file with the results of the page's Python."""
    first: Callable[[Run, Run], Table]
    """The table that says in short what came out: of this build, and of the page's Python."""
    settings: Mapping[str, int] = field(default_factory=dict)
    """Parameters of the workloads that differ from those of the page."""

    def of_page(self, file: Path) -> Path:
        """Where the results of the page's Python are."""
        return file.with_stem(f"{file.stem}-{self.suffix}")


def find(build: Build, programs: Iterator[str] | None = None) -> str:
    """The first interpreter of such a build, or "".

    Args:
        build: What is looked for.
        programs: Where; on the path, then among all Pythons of the machine, if nothing is given.
    """
    version = interpreter.describe()["version"].rpartition(".")[0]
    for program in _programs() if programs is None else programs:
        python = ask(program)
        if build.fits(python) and (
            build.of_any_version or python["version"].rpartition(".")[0] == version
        ):
            return program
    return ""


def _programs() -> Iterator[str]:
    seen: set[str] = set()
    for found in (on_path(os.environ.get("PATH", "")), _known(), on_path(os.defpath)):
        for program in found:
            if program not in seen:
                seen.add(program)
                yield program


def on_path(path: str) -> Iterator[str]:
    """What is called as interpreters are, on a path of programs."""
    for folder in path.split(os.pathsep):
        try:
            names = sorted(entry.name for entry in os.scandir(folder or "."))
        except OSError:
            continue
        for name in names:
            if INTERPRETER.fullmatch(name):
                yield os.path.join(folder or ".", name)  # noqa: PTH118 (as the path has it)


def _known() -> Iterator[str]:
    """The Pythons that this project finds on the machine, wherever they are."""
    yield from _output([PYTHONS]).splitlines()


def ask(program: str) -> dict[str, Any]:
    """What an interpreter is; nothing if it is none."""
    try:
        python = json.loads(_output([program, "-I", ASKED]))
    except ValueError:
        return {}
    return python if isinstance(python, dict) else {}


def _output(command: list[str]) -> str:
    """What a program prints; nothing if it fails, or if there is none."""
    try:
        done = subprocess.run(  # noqa: S603 (something that is called as interpreters are)
            command, capture_output=True, text=True, check=False, timeout=30
        )
    except (OSError, UnicodeError, subprocess.TimeoutExpired):
        return ""
    return "" if done.returncode else done.stdout


def measure(
    build: Build,
    sites: tuple[Site, Site],
    out: Path,
    rounds: int,
    progress: Callable[[int], Progress],
) -> tuple[Run, Run]:
    """Measure on both, and keep the results.

    Args:
        build: What is measured.
        sites: The environments of that build, and those of the page's Python.
        out: Where the results of the build go; `of_page()` says where those of the other go.
        rounds: How often.
        progress: Who is told what happens, made with the number of measurements.
    """
    for site in sites:
        for name in dict.fromkeys(ADAPTERS[adapter].environment for adapter in build.adapters):
            site.make(ENVIRONMENTS[name])
    plan = make_plan(
        only=build.workloads, against=build.adapters, rounds=rounds, settings=build.settings
    )
    one, other = (_begin(build, site, plan) for site in sites)
    # What one of them lacks has nothing to be compared with on the other.
    present = [name for name in one.present() if name in other.present()]
    plan = [replace(task, adapters=tuple(present)) for task in plan]
    turn = list(zip(sites, (one, other), (out, build.of_page(out)), strict=True))
    with progress(steps(plan) * len(turn)) as shown:
        for number in range(rounds):
            tasks = [replace(task, rounds=number + 1) for task in plan]
            for site, run, file in turn[::-1] if number % 2 else turn:
                run.complete = False
                Runner(site, run, tasks, shown, partial(Run.save, file=file)).go()
    return one, other


def _begin(build: Build, site: Site, plan: Sequence[Task]) -> Run:
    run = begin(site, build.name, build.adapters)
    run.curves = []
    run.workloads = {
        task.workload: {**run.workloads[task.workload], "parameters": dict(task.parameters)}
        for task in plan
    }
    return run


def load(build: Build, file: Path) -> tuple[Run, Run] | None:
    """The results of a build and of the page's Python; None if there are none."""
    if not (file.exists() and build.of_page(file).exists()):
        return None
    return Run.load(file), Run.load(build.of_page(file))


def table(build: Build, one: Run, other: Run) -> Table:
    """Both, side by side."""
    better = f"{build.label} is better by"
    found = Table(["", "", _titled(build, other), _titled(build, one), better], [])
    for row, twin in _pairs(one, other):
        for name in build.adapters:
            if row.spread(name) or twin.spread(name):
                by = advantage(row, twin, name)
                found.rows.append(
                    [
                        row.title,
                        title_of(one, name),
                        figure(twin, name),
                        figure(row, name),
                        ratio(by.median) if by else NOTHING,
                    ]
                )
    return found


def advantage(row: Row, other: Row, adapter: str) -> Spread | None:
    """How many times better one build is than the other, within rounds."""
    if row.trouble(adapter) or other.trouble(adapter):
        return None
    ratios = paired_ratios(row.values(adapter), other.values(adapter), better=row.metric["better"])
    return spread(ratios) if ratios else None


def _pairs(one: Run, other: Run) -> Iterator[tuple[Row, Row]]:
    for group in ("feel", "savina"):
        twins = {(row.workload, row.metric["name"]): row for row in rows(other, group)}
        for row in rows(one, group):
            twin = twins.get((row.workload, row.metric["name"]))
            if twin is not None:
                yield row, twin


def _titled(build: Build, run: Run) -> str:
    label = f", {build.label}" if build.fits(run.python) else ""
    return f"Python {run.python.get('version', '')}{label}"


def as_markdown(build: Build, pair: tuple[Run, Run] | None, of_page: dict[str, Any]) -> str:
    """All that the documentation says of a build.

    Args:
        build: Which.
        pair: The results of it, and of the page's Python.
        of_page: What the page's Python is.
    """
    if build.fits(of_page):
        return f"The Python of this page is itself {build.about}."
    if pair is None:
        return f"Not measured: nothing that was found on the machine was {build.about}."
    one, other = pair
    measured = max((len(m.rounds()) for m in one.measurements), default=0)
    settings = "".join(f", with {value:,} {name}" for name, value in build.settings.items())
    parts = [
        f"{measured} rounds{settings}, {one.started}, sources {one.sources.get('digest', '')}.",
        f"- {described(other.python)}\n- {described(one.python)}",
        build.first(one, other).as_markdown(),
        table(build, one, other).as_markdown(),
    ]
    return "\n\n".join(parts)


# --- without the GIL -------------------------------------------------------------------------


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


def _is_free_threaded(python: dict[str, Any]) -> bool:
    """3.13 was the first that could run without the GIL."""
    version = tuple(map(int, python.get("version", "0").split(".")[:2]))
    return bool(python.get("free_threaded")) and version >= (3, 13)


FREE_THREADED = Build(
    name="free-threaded",
    label="free-threaded",
    about="a free-threaded Python, 3.13 or newer",
    fits=_is_free_threaded,
    of_any_version=True,
    workloads=(
        "two-cores",
        "ping-pong",
        "thread-ring",
        "tell",
        "ask",
        "ask-from-actor",
        "start-and-tell",
    ),
    adapters=(POOLED, OURS, FLOOR),
    rounds=5,
    suffix="gil",
    first=goals,
)


# --- built with a profile ------------------------------------------------------------------


def carried_over(optimised: Run, other: Run) -> Table:
    """How the pool compares with the newest Pykka on each of the builds, and on the average."""
    ours, theirs = title_of(optimised, POOLED), title_of(optimised, NEWEST)
    runs = (other, optimised)
    head = [f"{ours} is better than {theirs} by", *(_titled(OPTIMISED, run) for run in runs)]
    made = Table(head, [])
    found = []
    for row, twin in _pairs(optimised, other):
        here, there = twin.advantage(POOLED, NEWEST), row.advantage(POOLED, NEWEST)
        if here or there:
            made.rows.append([row.title, how_many_times(here), how_many_times(there)])
        if here and there:
            found.append((here.median, there.median))
    if found:
        means = (statistics.geometric_mean(medians) for medians in zip(*found, strict=True))
        made.rows.append(["geometric mean", *map(ratio, means)])
    return made


def _is_optimised(python: dict[str, Any]) -> bool:
    return interpreter.is_optimised(python) and not python.get("free_threaded")


OPTIMISED = Build(
    name="optimised",
    label="optimised",
    about="a Python with the GIL that was built with profile-guided optimisation (PGO)",
    fits=_is_optimised,
    of_any_version=False,
    workloads=(
        "tell",
        "ask",
        "ask-with-timeout",
        "proxied-call",
        "attribute-read",
        "ping-pong",
        "thread-ring",
        "defer",
        "outstanding-asks",
        "start",
        "start-stop",
    ),
    adapters=(POOLED, OURS, NEWEST, FLOOR),
    rounds=3,
    suffix="plain",
    first=carried_over,
    settings={"actors": 1_000},  # to start ten thousand threads takes eight seconds
)

BUILDS = {build.name: build for build in (FREE_THREADED, OPTIMISED)}
