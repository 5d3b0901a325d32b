"""Runs real code through every interleaving of its atomic steps.

The code under test runs in real threads, but only one of them moves at a time. Before each atomic
operation on shared state, instrumented objects call `step()`; there the thread waits until the
explorer lets it go on. So a *schedule*, a list of the names of tasks, determines a run.

The explorer runs one schedule after the other until there is no choice left that it has not
tried. Two prefixes after which every task has seen the same things and the shared state is the
same need not both be continued; that keeps the number of runs small, and loses nothing.

(The idea is that of systematic concurrency testing, as in CHESS, Musuvathi et al., OSDI 2008.)
"""

from __future__ import annotations

import threading
from _thread import LockType, allocate_lock
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from tests import tiers
from tests.leaks import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable


class Abandoned(BaseException):
    """Ends a task whose run is not worth finishing."""


class Task:
    """A function in a thread that moves one step at a time."""

    def __init__(self, name: str, function: Callable[[], object]) -> None:
        self.name = name
        self.function = function
        self.seen: list[Hashable] = []
        self.finished = False
        self.error: BaseException | None = None
        self.ready: Callable[[], bool] = lambda: True
        self._go = _locked()
        self._halted = _locked()
        self._abandoned = False

    def begin(self, threads: Threads) -> None:
        """Run up to the first step."""
        threads.run(self)
        self._wait_until_halted()

    def advance(self) -> None:
        """Do the step that the task waits to do, and run up to the next."""
        self._go.release()
        self._wait_until_halted()

    def abandon(self) -> None:
        """Make the task end where it is."""
        if not self.finished:
            self._abandoned = True
            self.advance()

    def halt(self, label: Hashable, ready: Callable[[], bool]) -> None:
        """Called by the task's own thread: wait to be let on."""
        if self._abandoned:
            return  # on its way out, through `finally` clauses
        self.seen.append(label)
        self.ready = ready
        self._halted.release()
        self._go.acquire()
        if self._abandoned:
            raise Abandoned

    def run(self) -> None:
        """Called by the thread: do it."""
        _local.task = self
        try:
            self.function()
        except Abandoned:
            pass
        except BaseException as error:
            self.error = error
        finally:
            _local.task = None
            self.finished = True
            self._halted.release()

    def _wait_until_halted(self) -> None:
        assert self._halted.acquire(timeout=PATIENCE), f"{self.name} does not reach a step"


class Threads:
    """Threads that are used for one task after the other."""

    def __init__(self) -> None:
        self._inboxes: list[SimpleQueue[Task | None]] = []
        self._idle: list[SimpleQueue[Task | None]] = []
        self._threads: list[threading.Thread] = []

    def run(self, task: Task) -> None:
        if not self._idle:
            inbox: SimpleQueue[Task | None] = SimpleQueue()
            thread = threading.Thread(target=self._work, args=(inbox,))
            thread.start()
            self._threads.append(thread)
            self._inboxes.append(inbox)
            self._idle.append(inbox)
        self._idle.pop().put(task)

    def end(self) -> None:
        for inbox in self._inboxes:
            inbox.put(None)
        for thread in self._threads:
            thread.join(PATIENCE)

    def _work(self, inbox: SimpleQueue[Task | None]) -> None:
        while (task := inbox.get()) is not None:
            task.run()
            self._idle.append(inbox)


def _locked() -> LockType:
    lock = allocate_lock()
    lock.acquire()
    return lock


class _Local(threading.local):
    task: Task | None = None


_local = _Local()


def step(label: Hashable, ready: Callable[[], bool] = lambda: True) -> None:
    """Mark the atomic operation that follows; does nothing outside of an exploration.

    Args:
        label: What the operation is.
        ready: Tells whether it can be done now; if not, the task is blocked.
    """
    if _local.task is not None:
        _local.task.halt(label, ready)


def saw(value: Hashable) -> None:
    """Note what the running task has just read: it may act on it."""
    if _local.task is not None:
        _local.task.seen.append(value)


def begin_anew() -> None:
    """Note that what the running task has seen so far makes no difference to what it will do."""
    if _local.task is not None:
        _local.task.seen.clear()


def fate(future: Any) -> Hashable:
    """What has become of a question."""
    outcome = future._first_outcome()
    if outcome is None or outcome[1] is None:
        return outcome
    return type(outcome[1][0]).__name__


class SteppedLog(list[Any]):
    """The log of a future, or of what decides about one; what is done with it is a step.

    Args:
        shown: What can be said of an entry in each run alike.
    """

    def __init__(self, shown: Callable[[Any], Hashable]) -> None:
        super().__init__()
        self._shown = shown

    def append(self, entry: Any) -> None:
        step(("append", self._shown(entry)))
        super().append(entry)

    def copy(self) -> list[Any]:
        step("copy")
        entries = list(self)
        saw(tuple(map(self._shown, entries)))
        return entries

    def __getitem__(self, index: Any) -> Any:
        step("look at one")
        entry = super().__getitem__(index)
        saw(self._shown(entry))
        return entry


@dataclass
class Scenario:
    """What to explore; made anew for each run."""

    tasks: dict[str, Callable[[], object]]
    state: Callable[[], Hashable]
    """The shared state, as far as it can differ while all unfinished tasks have seen the same."""
    check: Callable[[], object]
    """Called at the end of each complete run; raises if something is wrong."""
    observe: Callable[[], object] = lambda: None
    """Called between any two steps, while no task moves; raises if something is wrong."""


@dataclass
class Report:
    """What an exploration found."""

    runs: int = 0
    complete: int = 0
    states: set[Hashable] = field(default_factory=set)


def explore(
    make: Callable[[], Scenario], *, at_most: int = 1_000_000, preemptions: int | None = None
) -> Report:
    """Try every interleaving of a scenario; raises what the first wrong one raises.

    Args:
        make: Makes the scenario.
        at_most: How many runs it may take.
        preemptions: How often, at most, a task that could go on has to wait for another one in an
            interleaving; `None` for any number. Nearly all mistakes show themselves with two, and
            in the quick tier of the tests there are never more.
    """
    preemptions = tiers.preemptions(preemptions)
    report = Report()
    to_do: list[list[str]] = [[]]
    threads = Threads()
    try:
        while to_do:
            prefix = to_do.pop()
            report.runs += 1
            assert report.runs <= at_most, "there are more interleavings than expected"
            _run(make(), prefix, to_do, report, threads, preemptions=preemptions)
    finally:
        threads.end()
    return report


def _run(
    scenario: Scenario,
    prefix: list[str],
    to_do: list[list[str]],
    report: Report,
    threads: Threads,
    *,
    preemptions: int | None,
) -> None:
    tasks = {name: Task(name, function) for name, function in scenario.tasks.items()}
    schedule: list[str] = []
    last, preempted = "", 0
    try:
        for task in tasks.values():
            task.begin(threads)
        while unfinished := [task for task in tasks.values() if not task.finished]:
            enabled = [task.name for task in unfinished if task.ready()]
            assert enabled, f"nobody can go on after {schedule}: {_where(unfinished)}"
            can_go_on = last in enabled
            if len(schedule) < len(prefix):
                name = prefix[len(schedule)]
            else:
                key = (
                    _key(tasks),
                    scenario.state(),
                    None if preemptions is None else (last, preempted),
                )
                if key in report.states:
                    return
                report.states.add(key)
                name = last if can_go_on else enabled[0]
                if preemptions is None or not can_go_on or preempted < preemptions:
                    to_do.extend([*schedule, other] for other in enabled if other != name)
            preempted += can_go_on and name != last
            last = name
            tasks[name].advance()
            schedule.append(name)
            scenario.observe()
        for task in tasks.values():
            if task.error is not None:
                raise task.error
        report.complete += 1
        try:
            scenario.check()
        except BaseException as error:
            error.add_note(f"schedule: {schedule}")
            raise
    finally:
        for task in tasks.values():
            task.abandon()


def _key(tasks: dict[str, Task]) -> Hashable:
    return tuple(
        (name, None if task.finished else tuple(task.seen)) for name, task in tasks.items()
    )


def _where(tasks: list[Task]) -> dict[str, Any]:
    return {task.name: task.seen[-1] for task in tasks}
