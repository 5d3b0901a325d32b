"""The commands of `python -m benchmarks`."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from benchmarks import builds, comparison, interpreter, machine, observing, report
from benchmarks.adapters import ADAPTERS
from benchmarks.environments import HOME, ROOT, Site, make_all
from benchmarks.plan import UnknownNameError, make_plan, steps
from benchmarks.progress import Progress
from benchmarks.results import Run
from benchmarks.runner import Runner, begin
from benchmarks.workloads import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.plan import Task

RESULTS = ROOT / "benchmarks" / "results" / "full.json"
"""The results that the documentation shows."""
ON_BUILDS = {name: RESULTS.with_name(f"{name}.json") for name in builds.BUILDS}
"""And what it shows of other builds of Python."""
EXTRAS = RESULTS.with_name("extras.json")
"""And of timers and routers."""
PAGE = ROOT / "docs" / "performance.md"
README = ROOT / "README.md"
IMAGES = ROOT / "docs" / "images"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says, and return the exit status."""
    options = parser().parse_args(arguments)
    try:
        status: int = options.do(options)
    except (UnknownNameError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return status


def parser() -> argparse.ArgumentParser:
    """What the command line may say."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Benchmarks of actor libraries."
    )
    commands = made.add_subparsers(required=True, metavar="COMMAND")

    listing = commands.add_parser("list", help="list workloads and implementations")
    listing.set_defaults(do=_list)

    peers = commands.add_parser("peers", help="make the environments of all implementations")
    peers.set_defaults(do=_peers)

    run = commands.add_parser("run", help="measure, and print the tables")
    run.set_defaults(do=_run)
    run.add_argument("--full", action="store_true", help="the long form, with curves")
    run.add_argument("--only", nargs="+", default=[], metavar="WORKLOAD", help="names or patterns")
    run.add_argument(
        "--against", nargs="+", default=[], metavar="NAME", help="implementations besides ours"
    )
    run.add_argument("--rounds", type=_positive, help="how often everything is measured")
    run.add_argument(
        "--set",
        nargs="+",
        default=[],
        type=_setting,
        metavar="NAME=VALUE",
        help="parameters of workloads",
    )
    run.add_argument("--out", type=Path, metavar="FILE", help="where the results go, as JSON")
    run.add_argument(
        "--resume", action="store_true", help="go on where an interrupted run has ended"
    )

    for command in (peers, run):
        command.add_argument(
            "--python", default=sys.executable, help="the interpreter to measure with"
        )

    for build in builds.BUILDS.values():
        other = commands.add_parser(
            build.name, help=f"measure a few workloads on this Python, and on {build.about}"
        )
        other.set_defaults(do=_other_build, build=build)
        other.add_argument(
            "--python", default="", help="the other interpreter; if none, one is found"
        )
        other.add_argument("--rounds", type=_positive, default=build.rounds)
        other.add_argument("--out", type=Path, metavar="FILE", default=ON_BUILDS[build.name])
        other.add_argument(
            "--if-found", action="store_true", help="do nothing if there is no such interpreter"
        )

    seen = commands.add_parser("observing", help="measure what it costs to be seen")
    seen.set_defaults(do=_observing)
    seen.add_argument("--rounds", type=_positive, default=observing.ROUNDS)

    show_command = commands.add_parser("show", help="print the tables of a file of results")
    show_command.set_defaults(do=_show)
    show_command.add_argument("file", type=Path, nargs="?", default=RESULTS)

    page = commands.add_parser("page", help="refresh the documentation from results")
    page.set_defaults(do=_page)
    page.add_argument("file", type=Path, nargs="?", default=RESULTS)
    for name, file in ON_BUILDS.items():
        page.add_argument(f"--{name}", type=Path, default=file)
    page.add_argument("--extras", type=Path, default=EXTRAS)
    page.add_argument("--page", type=Path, default=PAGE, help="the page whose tables are replaced")
    page.add_argument("--readme", type=Path, default=README, help="whose figures are replaced")
    page.add_argument("--images", type=Path, default=IMAGES, help="where the charts go")

    compare = commands.add_parser("compare", help="tell what got faster or slower")
    compare.set_defaults(do=_compare)
    compare.add_argument("before", type=Path)
    compare.add_argument("after", type=Path)
    compare.add_argument(
        "--threshold",
        type=float,
        default=comparison.THRESHOLD,
        help="differences below this part are not told (default: %(default)s)",
    )
    return made


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def _setting(text: str) -> tuple[str, int]:
    name, _, value = text.partition("=")
    return name, _positive(value)


def _list(options: argparse.Namespace) -> int:
    del options
    print("Workloads:")
    for workload in WORKLOADS.values():
        parameters = ", ".join(f"{name}={value}" for name, value in workload.parameters.items())
        print(f"  {workload.name:22}{workload.about}\n{'':24}{parameters}")
    print("\nImplementations:")
    absent = Site().absent()
    for adapter in ADAPTERS.values():
        reason = absent.get(adapter.environment, "")
        print(f"  {adapter.name:22}{adapter.title}{f' (absent: {reason})' if reason else ''}")
    return 0


def _peers(options: argparse.Namespace) -> int:
    make_all(Site(options.python), lambda line: print(line, flush=True))
    return 0


def _run(options: argparse.Namespace) -> int:
    site = Site(options.python)
    make_all(site, lambda line: print(line, file=sys.stderr) if "absent" in line else None)
    form = "full" if options.full else "short"
    out = options.out or HOME / f"{form}.json"
    run, tasks = open_run(site, form, out, options)
    if not run.measurements and out.exists():
        shutil.copyfile(out, HOME / f"{out.stem}-before.json")
    with Progress(steps(tasks)) as progress:
        Runner(site, run, tasks, progress, lambda run: run.save(out)).go()
    _print(run)
    print(f"\nResults: {out}", file=sys.stderr)
    return 0


def _other_build(options: argparse.Namespace) -> int:
    build: builds.Build = options.build
    if build.fits(interpreter.describe()):
        print(f"This Python is itself {build.about}: there is nothing to compare it with.")
        return 0
    python = options.python or builds.find(build)
    if not python:
        print(f"No interpreter that was found is {build.about}; name one with --python.")
        return 0 if options.if_found else 2
    if not build.fits(builds.ask(shutil.which(python) or python)):
        print(f"{python} is not {build.about}.", file=sys.stderr)
        return 2
    print(f"measuring on {python} and on this Python", file=sys.stderr)
    pair = builds.measure(build, (Site(python), Site()), options.out, options.rounds, Progress)
    console = _console()
    console.print(builds.table(build, *pair), build.first(*pair))
    for run in pair:
        console.print(report.described(run.python), *report.problems(run), sep="\n")
    print(f"\nResults: {options.out}", file=sys.stderr)
    return 0


def _observing(options: argparse.Namespace) -> int:
    rows = observing.measure(options.rounds)
    _console().print(*observing.told(rows, observing.measure_observer(options.rounds)), sep="\n")
    return 0


def open_run(
    site: Site, form: str, out: Path, options: argparse.Namespace
) -> tuple[Run, list[Task]]:
    """A new run, or the one that was interrupted, with its plan."""
    run = begin(site, form)
    if options.resume and out.exists():
        old = Run.load(out)
        same = (old.sources["digest"], old.python, old.form) == (
            machine.digest_of_sources(),
            run.python,
            form,
        )
        if same and not old.complete:
            print(f"going on with {out}", file=sys.stderr)
            run = old
    tasks = make_plan(
        full=options.full,
        only=options.only,
        against=options.against,
        rounds=options.rounds,
        settings=dict(options.set),
        absent=[name for name in run.adapters if name not in run.present()],
    )
    for task in tasks:
        if not task.ladder:
            run.workloads[task.workload]["parameters"] = dict(task.parameters)
    return run, tasks


def _show(options: argparse.Namespace) -> int:
    _print(Run.load(options.file))
    return 0


def _print(run: Run) -> None:
    console = _console()
    console.print(*report.describe(run), sep="\n")
    console.print()
    for table in (report.comparison(run), report.pooled(run)):
        if table.rows:
            console.print(table)
    console.print("Medians of all implementations:", "", sep="\n")
    console.print(report.everybody(run, report.EVERYTHING))
    for each in run.curves:
        if report.curve_points(run, each["workload"]):
            for metric in run.workloads[each["workload"]]["metrics"]:
                table = report.curve(run, each["workload"], each["parameter"], metric)
                console.print(f"{each['title']}: {metric['name']}", "", table, sep="\n")
    console.print(report.targets(run))
    console.print(*report.problems(run), sep="\n")


def _console() -> Console:
    """What prints as wide as the terminal is; without one, as wide as a table is."""
    return Console(
        width=None if sys.stdout.isatty() else _WIDEST, markup=False, emoji=False, highlight=False
    )


_WIDEST = 1_000


def _page(options: argparse.Namespace) -> int:
    from benchmarks import charts, page  # noqa: PLC0415 (needs matplotlib)

    run = Run.load(options.file)
    charts.draw_all(run, options.images)
    extras = Run.load(options.extras) if options.extras.exists() else None
    files = {name: getattr(options, name.replace("-", "_")) for name in ON_BUILDS}
    pairs = {name: builds.load(builds.BUILDS[name], file) for name, file in files.items()}
    page.refresh(run, options.page, pairs, extras)
    page.refresh_readme(run, options.readme)
    return 0


def _compare(options: argparse.Namespace) -> int:
    before, after = Run.load(options.before), Run.load(options.after)
    changes = comparison.compare(before, after, threshold=options.threshold)
    _console().print(*comparison.told(before, after, changes), sep="\n")
    return 0
