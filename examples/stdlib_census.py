#!/usr/bin/env python3
"""A census of Python's own standard library, taken by a pool of actors.

    python examples/stdlib_census.py [FOLDER] [--workers N] [--top N] [--crashes N]

Every Python file of the folder is parsed. Which are the largest, which modules are imported most,
where are the blocks nested most deeply, and which files do not parse at all? (The standard library
has some that must not: its tests need them.) Without a folder, it is the standard library of the
Python that runs this. Ctrl-C ends the census early and shows what was found so far.

Four kinds of actors share the work, and each has one task:

    main ──── starts them, waits for the tally ────┐
                                                   │
    Parser ─┐                                      ▼
    Parser ─┼── a result ──▶  Census  ── news ──▶  Display ──▶ the terminal
    Parser ─┘ ◀── a job ────
       ▲          (one at a time)
       └── starts them, and starts them again when they crash ──  Foreman

What to look at:

- No locks. Each actor alone uses its own data, and hands out only finished objects.
- A parser gets its next file when it has handed in the one before. So messages never pile up, and
  an interrupted census waits for only one file per parser.
- A broken file is a result like any other. A broken *parser* is started again by its supervisor,
  the foreman, and gets the same file once more. Some crash on purpose, to show it: `--crashes`.
  If that happens too often, the foreman gives up; and any other broken actor ends the census, too:
  see `CrewMember`.
- Ctrl-C is a message, too: see `on_ctrl_c()`.

Parsing keeps the processor busy, so with the global interpreter lock a second parser makes the
census no faster. On a free-threaded build of Python, this very program uses all cores.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import logging
import os
import signal
import sys
import sysconfig
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pykka
from pykka.supervision import ChildSpec, Supervisor

try:
    from rich import progress
    from rich.console import Console, Group
    from rich.table import Table
    from rich.text import Text
except ImportError:
    sys.exit("This program shows its results with rich, which is missing: pip install rich")

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

STDLIB = Path(sysconfig.get_path("stdlib"))

END_EARLY = "end early"

WIDE = 70
"""A terminal with as many columns has room for two tables beside each other."""

OK, NOTHING_DONE, INTERRUPTED = 0, 1, 130


# --- what is found out about a file: plain functions and plain data ------------------------------


@dataclass(frozen=True)
class Module:
    """A file that parses."""

    name: str
    lines: int
    depth: int
    imports: frozenset[str]


@dataclass(frozen=True)
class Broken:
    """A file that does not."""

    name: str
    reason: str


def examine(path: Path, folder: Path) -> Module | Broken:
    """Read and parse a file in a folder. Whatever is wrong with the file, there is a result."""
    name = one_line(str(path.relative_to(folder)))
    try:
        source = path.read_bytes()
        tree = ast.parse(source)
    except Exception as error:  # also RecursionError and MemoryError: nested too deeply to parse
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        return Broken(name, one_line(f"{type(error).__name__}: {reason}".removesuffix(": ")))
    depth = 0
    imports: set[str] = set()
    for statement, level in statements(tree):
        depth = max(depth, level)
        if isinstance(statement, ast.Import):
            imports.update(alias.name.partition(".")[0] for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
            imports.add(statement.module.partition(".")[0])
    return Module(name, len(source.splitlines()), depth, frozenset(imports))


def statements(tree: ast.Module) -> Iterator[tuple[ast.stmt, int]]:
    """Yield every statement, with the number of blocks that it is in."""
    waiting = [(statement, 0) for statement in tree.body]
    while waiting:
        statement, level = waiting.pop()
        yield statement, level
        for block in blocks(statement):
            # An "elif" is an "if" in an "else", but nobody would call it nested.
            is_elif = isinstance(block[0], ast.If) and block[0].col_offset == statement.col_offset
            waiting.extend((inner, level if is_elif else level + 1) for inner in block)


def blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    """Yield the blocks of a compound statement."""
    arms = [*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())]
    for part in (statement, *arms):
        for name in ("body", "orelse", "finalbody"):
            if block := getattr(part, name, None):
                yield block


def make_jobs(files: list[Path], crashes: int) -> Iterator[Job]:
    """Make a job of each file; so many of them, evenly spread, are unlucky."""
    for number, path in enumerate(files):
        before, after = (n * crashes // len(files) for n in (number, number + 1))
        yield Job(path, is_unlucky=before != after)


def find_files(folder: Path, skip: Iterable[str]) -> Iterator[Path]:
    """Yield the Python files of a folder and all folders in it, but those with a name to skip."""

    def complain(error: OSError) -> None:
        print(f"Cannot look into {error.filename}: {error.strerror}", file=sys.stderr)

    for parent, folders, files in os.walk(folder, onerror=complain):
        folders[:] = sorted(set(folders).difference(skip))
        for name in sorted(files):
            path = Path(parent, name)
            if path.suffix == ".py" and path.is_file():  # and not a pipe, which nobody may fill
                yield path


@dataclass
class Tally:
    """What has been found so far."""

    total: int
    modules: list[Module] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    imported: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    restarts: int = 0
    interrupted: bool = False

    @property
    def done(self) -> int:
        """How many files have been looked at."""
        return len(self.modules) + len(self.broken)

    def add(self, result: Module | Broken) -> None:
        """Count one more file."""
        if isinstance(result, Module):
            self.modules.append(result)
            self.imported.update(result.imports)
        else:
            self.broken.append(result)


# --- the actors ----------------------------------------------------------------------------------


class CrewMember(pykka.ThreadingActor):
    """An actor that the census cannot do without.

    All of them know the future that main waits for. If one crashes, the future gets the error.
    Otherwise main would wait for ever for what the dead one should have sent.
    """

    def __init__(self, outcome: pykka.Future[Tally]) -> None:
        super().__init__()
        self._outcome = outcome

    def on_failure(self, *error: Any) -> None:
        report(self._outcome, error[1])


def report(outcome: pykka.Future[Tally], error: BaseException) -> None:
    """Tell main that the census cannot go on."""
    if isinstance(error, pykka.ActorDeadError):
        return  # it is another actor that crashed, and that one says why
    with contextlib.suppress(pykka.FutureAlreadySetError):
        outcome.set_exception(error)


class Job(NamedTuple):
    """What a parser is told."""

    path: Path
    is_unlucky: bool


class BadLuckError(Exception):
    """What a parser crashes with on purpose."""


class Parser(pykka.ThreadingActor):
    """Examines the files that it is told, one after the other.

    It says when it is ready, also when it takes over from an instance that has crashed.
    """

    def __init__(self, folder: Path, census: pykka.ActorProxy[Census]) -> None:
        super().__init__()
        self._folder = folder
        self._census = census

    def on_start(self) -> None:
        self._census.give_work.defer(self.actor_ref)

    def on_receive(self, job: Job) -> None:
        if job.is_unlucky:
            raise BadLuckError
        self._census.hand_in.defer(self.actor_ref, examine(job.path, self._folder))


class Foreman(Supervisor):
    """Supervises the parsers.

    Each of the crashes on purpose is a restart. A few more are borne; then something is wrong.
    """

    def __init__(
        self, outcome: pykka.Future[Tally], parsers: list[ChildSpec], crashes: int
    ) -> None:
        super().__init__(parsers, max_restarts=crashes + 3, within=3600)
        self._outcome = outcome

    def on_failure(self, *error: Any) -> None:
        report(self._outcome, error[1].__cause__ or error[1])


class Census(CrewMember):
    """The coordinator: hands out the files, and adds up what comes back."""

    def __init__(
        self,
        outcome: pykka.Future[Tally],
        folder: Path,
        files: list[Path],
        display: pykka.ActorProxy[Display],
        crashes: int = 0,
    ) -> None:
        super().__init__(outcome)
        self._folder = folder
        self._crashes = min(crashes, len(files))
        self._jobs = iter(make_jobs(files, self._crashes))
        self._tally = Tally(total=len(files))
        self._display = display
        self._in_hand: dict[pykka.ActorRef[Parser], Job] = {}
        self._is_over = False
        self._began = time.perf_counter()

    def begin(self, workers: int) -> None:
        """Start the pool."""
        arguments = [self._folder, self.actor_ref.proxy()]
        parsers = [ChildSpec(number, Parser, arguments) for number in range(workers)]
        self._foreman = Foreman.start(self._outcome, parsers, self._crashes).proxy()

    def give_work(self, parser: pykka.ActorRef[Parser]) -> None:
        """Give a parser, which has just started, a file; the same if it has crashed with one."""
        job = self._in_hand.get(parser)
        if job is None:
            self._hand_out(parser)
        else:
            parser.tell(job._replace(is_unlucky=False))

    def hand_in(self, parser: pykka.ActorRef[Parser], result: Module | Broken) -> None:
        """Take a parser's result, and give it another file."""
        self._tally.add(result)
        self._display.show_news.defer(result)
        del self._in_hand[parser]
        self._hand_out(parser)

    def on_receive(self, message: object) -> None:
        """Hand out no more files. The census is over when those that are out have come back."""
        if message == END_EARLY and not self._is_over:
            self._tally.interrupted = True
            self._jobs = iter(())

    def _hand_out(self, parser: pykka.ActorRef[Parser]) -> None:
        job = next(self._jobs, None)
        if job is not None:
            self._in_hand[parser] = job
            parser.tell(job)
        elif not self._in_hand and not self._is_over:
            self._is_over = True
            self._tally.restarts = self._foreman.restarts().get()
            self._tally.seconds = time.perf_counter() - self._began
            # It has shown all that it was told before, when this comes: messages keep their order.
            self._display.all_is_told.defer(self._tally)


class Terminal(Console):
    """A console that does not end the program when nobody reads its output any more."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class Display(CrewMember):
    """Owns the terminal. Nobody else writes to it, so nothing is ever mixed up.

    On a terminal there is a progress bar. Elsewhere there is a plain line for each tenth.
    """

    def __init__(self, outcome: pykka.Future[Tally], total: int) -> None:
        super().__init__(outcome)
        self._console = Terminal(highlight=False, markup=False)
        self._draws = self._console.is_terminal and not self._console.is_dumb_terminal
        if not self._draws:
            self._console.width = 1000  # elsewhere, a line is as long as it must be
        # It would draw itself from a thread of its own. But this actor is the one that draws.
        shown: list[progress.ProgressColumn] = [
            progress.TextColumn("Parsing"),
            progress.BarColumn(bar_width=None),
        ]
        if self._console.width >= WIDE:
            shown += [
                progress.MofNCompleteColumn(),
                progress.TextColumn("{task.percentage:3.0f} %  {task.fields[rate]:.0f} files/s "),
                progress.TimeRemainingColumn(),
                progress.TextColumn("left"),
            ]
        else:
            shown.append(progress.TextColumn("{task.percentage:3.0f} %"))
        self._progress = progress.Progress(
            *shown,
            console=self._console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            transient=True,
            expand=True,
            disable=not self._draws,
        )
        self._task = self._progress.add_task("", total=total, rate=0)
        self._total = total
        self._tenth = -(-total // 10)
        self._done = 0
        self._began = time.perf_counter()
        self._drawn = 0.0

    def on_start(self) -> None:
        self._progress.start()

    def on_stop(self) -> None:
        self._progress.stop()

    def on_failure(self, *error: Any) -> None:
        super().on_failure(*error)
        self._progress.stop()  # gives the cursor back

    def show_news(self, result: Module | Broken) -> None:
        """One more file has been examined."""
        if isinstance(result, Broken):
            line = Text.assemble(("broken  ", "red"), result.name, (f"  {result.reason}", "dim"))
            self._print(line, no_wrap=True, overflow="ellipsis")
        self._done += 1
        if not self._draws:
            if self._done % self._tenth == 0:
                self._print(f"examined {self._done:,} of {self._total:,}")
        elif (now := time.perf_counter()) - self._drawn >= 0.1:
            self._drawn = now
            rate = self._done / (now - self._began)
            self._progress.update(self._task, completed=self._done, rate=rate, refresh=True)

    def all_is_told(self, tally: Tally) -> None:
        """The census is over, and nothing has gone wrong."""
        self._outcome.set(tally)

    def show_tally(self, tally: Tally, top: int) -> None:
        """The census is over."""
        self._progress.stop()
        modules = tally.modules
        tables = [
            table("Largest (lines)", [(m.lines, m.name) for m in modules], top),
            table("Most deeply nested (blocks)", [(m.depth, m.name) for m in modules], top),
            table(
                "Imported most (by files)", [(n, name) for name, n in tally.imported.items()], top
            ),
            table("Importing most (modules)", [(len(m.imports), m.name) for m in modules], top),
        ]
        per_row = 2 if self._draws and self._console.width >= WIDE else 1
        grid = Table.grid(padding=(0, 4, 0, 0))
        for first in range(0, len(tables), per_row):
            grid.add_row()
            grid.add_row(*tables[first : first + per_row])
        self._print(grid)
        rate = tally.done / max(tally.seconds, 0.001)
        self._print(
            f"\n{'Interrupted. ' * tally.interrupted}Examined {tally.done:,} of {tally.total:,} "
            f"files in {tally.seconds:.1f} s: {rate:,.0f} files/s, {len(tally.broken):,} broken, "
            f"{sum(m.lines for m in modules):,} lines"
        )
        if tally.restarts:
            times = "once" if tally.restarts == 1 else f"{tally.restarts:,} times"
            self._print(f"Parsers crashed on purpose and were restarted {times}; no file was lost")

    def _print(self, what: Any, **options: Any) -> None:
        self._console.print(what, **options)
        sys.stdout.flush()


def table(title: str, rows: list[tuple[int, str]], top: int) -> Group:
    """Make a table of the rows with the largest numbers."""
    made = Table(box=None, show_header=False)
    rows = sorted(rows, key=lambda row: (-row[0], row[1]))[:top] or [(0, "none")]
    digits = max(len(f"{number:,}") for number, _name in rows)
    made.add_column(justify="right", style="cyan", no_wrap=True, min_width=digits)
    made.add_column(overflow="ellipsis", no_wrap=True)
    for number, name in rows:
        made.add_row(f"{number:,}", name)
    return Group(Text(title, style="bold"), made)


def one_line(text: str) -> str:
    """Make text from outside fit to be shown: no control characters, no odd bytes."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


# --- main ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def on_ctrl_c(action: Callable[[], object]) -> Iterator[None]:
    """Have Ctrl-C do something else than raise KeyboardInterrupt.

    The action runs on top of whatever the main thread is doing. Hardly anything is safe to do
    there, but sending a message is.
    """
    before = signal.signal(signal.SIGINT, lambda *_: action())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def take_census(folder: Path, files: list[Path], *, workers: int, top: int, crashes: int) -> int:
    """Start the crew, wait for the tally, show it, and send everybody home."""
    outcome = pykka.ThreadingFuture[Tally]()
    with on_ctrl_c(lambda: pykka.ActorRegistry.broadcast(END_EARLY, Census)):
        try:
            display = Display.start(outcome, len(files)).proxy()
            census = Census.start(outcome, folder, files, display, crashes).proxy()
            census.begin.defer(min(workers, len(files)))
            tally = outcome.get()
            display.show_tally(tally, top).get()
        finally:
            pykka.ActorRegistry.stop_all()
    return INTERRUPTED if tally.interrupted else OK


def main(arguments: list[str] | None = None) -> int:
    """Take a census; returns the exit code of the program."""
    options = parse_arguments(arguments)
    folder: Path = options.folder
    if not folder.is_dir():
        print(f"There is no folder {one_line(str(folder))}", file=sys.stderr)
        return NOTHING_DONE
    skip = ("site-packages", "dist-packages") if folder == STDLIB else ()
    files = list(find_files(folder, skip))
    if not files:
        print(f"There are no Python files in {one_line(str(folder))}", file=sys.stderr)
        return NOTHING_DONE
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # not every terminal knows every letter
    warnings.simplefilter("ignore")  # the parser's, about other people's files
    # What crashes on purpose is no news, and what crashes otherwise is raised below.
    logging.getLogger("pykka").addHandler(logging.NullHandler())
    try:
        return take_census(
            folder,
            files,
            workers=options.workers,
            top=options.top,
            crashes=options.crashes,
        )
    except BrokenPipeError:  # whoever read our output has gone, as "head" does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOTHING_DONE


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""

    def positive(text: str) -> int:
        number = int(text)
        if number < 1:
            raise ValueError
        return number

    def natural(text: str) -> int:
        return positive(text) if text != "0" else 0

    parser = argparse.ArgumentParser(
        description="Parse every Python file of a folder with a pool of actors.",
        epilog="Exit codes: 0 done, 1 nothing to do, 2 wrong usage, 130 interrupted by Ctrl-C.",
    )
    cpus = os.cpu_count() or 1
    about_folder = "where to look for Python files (default: Python's standard library)"
    about_workers = "size of the pool (default: the number of processors, %(default)s)"
    about_top = "length of the tables (default: %(default)s)"
    about_crashes = "how often a parser crashes on purpose (default: %(default)s)"
    add = parser.add_argument
    add("folder", nargs="?", type=Path, default=STDLIB, help=about_folder)
    add("--workers", type=positive, default=cpus, metavar="N", help=about_workers)
    add("--top", type=positive, default=5, metavar="N", help=about_top)
    add("--crashes", type=natural, default=10, metavar="N", help=about_crashes)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    pykka.crash_hook = None  # main() raises what actors crash with
    try:
        sys.exit(main())
    except KeyboardInterrupt:  # before the census had begun
        sys.exit(INTERRUPTED)
