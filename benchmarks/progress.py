"""What a person sees while measurements run: a bar, or lines where there is no terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Protocol

from benchmarks.adapters import ADAPTERS
from benchmarks.workloads import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

    from benchmarks.plan import Task


class Progress(Protocol):
    """Told by the runner what it does."""

    def next(self, number: int, task: Task, adapter: str) -> None:
        """The next measurement begins."""

    def done(self, number: int, task: Task) -> None:
        """All implementations have done a workload in a round."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Clear away."""


class Lines:
    """One line for each workload and round."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._begun = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def next(self, number: int, task: Task, adapter: str) -> None:
        """Count."""
        del number, task, adapter
        self._begun += 1

    def done(self, number: int, task: Task) -> None:
        """Print."""
        percent = 100 * self._begun // self._total
        print(f"{percent:3} %  round {number + 1}: {label(task)}", file=sys.stderr, flush=True)


class Bar:
    """A bar that tells what runs and how long it will take."""

    def __init__(self, total: int) -> None:
        from rich.console import Console  # noqa: PLC0415 (not needed for lines)
        from rich.progress import (  # noqa: PLC0415
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._progress: Any = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._task: Any = self._progress.add_task("", total=total)
        self._begun = 0
        self.description = ""

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def next(self, number: int, task: Task, adapter: str) -> None:
        """Show what runs."""
        self.description = f"round {number + 1}: {label(task)}, {ADAPTERS[adapter].title}"
        self._progress.update(self._task, completed=self._begun, description=self.description)
        self._begun += 1

    def done(self, number: int, task: Task) -> None:
        """Nothing more."""


def show(total: int) -> Bar | Lines:
    """A bar if standard error is a terminal and can show one, else lines."""
    if sys.stderr.isatty():
        try:
            return Bar(total)
        except ImportError:
            pass
    return Lines(total)


def label(task: Task) -> str:
    """A workload, with the point of the curve."""
    title = WORKLOADS[task.workload].title
    return f"{title}, {point(task.parameters, task.ladder)}" if task.ladder else title


def point(parameters: Mapping[str, int], ladder: str) -> str:
    """A point of a curve: "100 actors"."""
    return f"{parameters[ladder]:,} {ladder}"
