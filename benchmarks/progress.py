"""What a person sees while measurements run: a bar, or lines where there is no terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress

from benchmarks.adapters import ADAPTERS
from benchmarks.workloads import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from benchmarks.plan import Task


class Progress:
    """Told by the runner what it does.

    On a terminal, a bar tells what runs and how long it will take. Elsewhere, there is a line for
    each workload and round.

    Args:
        total: How many measurements there are.
        console: Where to show it; standard error if there is none.
    """

    def __init__(self, total: int, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._total = total
        self._begun = 0
        self._bar = RichProgress(
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.description}", markup=False),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("", total=total)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def next(self, number: int, task: Task, adapter: str) -> None:
        """The next measurement begins."""
        description = f"round {number + 1}: {label(task)}, {ADAPTERS[adapter].title}"
        self._bar.update(self._task, completed=self._begun, description=description)
        self._begun += 1

    def done(self, number: int, task: Task) -> None:
        """All implementations have done a workload in a round."""
        if self._bar.disable:
            percent = 100 * self._begun // self._total
            self._console.print(f"{percent:3} %  round {number + 1}: {label(task)}")


def label(task: Task) -> str:
    """A workload, with the point of the curve."""
    title = WORKLOADS[task.workload].title
    return f"{title}, {point(task.parameters, task.ladder)}" if task.ladder else title


def point(parameters: Mapping[str, int], ladder: str) -> str:
    """A point of a curve: "100 actors"."""
    return f"{parameters[ladder]:,} {ladder}"
