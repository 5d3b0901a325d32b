"""Finding the actors that a test leaves behind, and ending them.

An actor that is left may be at rest; then it is stopped. Or it hangs, in a handler that does not
come back; then it is killed and abandoned, and its thread goes on. Such a thread would keep the
whole process from ending, as it is no daemon. So when the interpreter begins to end, and a thread
of an abandoned actor is still running, the process ends all the same: what was entered in `atexit`
is done, what was written is flushed, and that is all (`leave_without_waiting`).
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pykka._cell.reasons import Abandoned
from pykka._exceptions import Timeout
from pykka._futures.deadline import Deadline
from pykka._ref.ref import ref_at
from pykka._system.shutdown import has_parent
from pykka._system.system import all_systems
from pykka._util.thread_state import current
from pykka.testing._settle import settle

if TYPE_CHECKING:
    from pykka._cell.cell import Cell
    from pykka._system.system import ActorSystem

TIME_TO_STOP = 5.0
"""The seconds that actors that are left have to stop; then they are killed."""

TIME_TO_BE_KILLED = 1.0
"""The seconds after which one that was killed is abandoned."""


class LeakCheck:
    """Remembers who is alive, and finds who has come since and not gone."""

    def __init__(self) -> None:
        self._before = set(_everybody())
        self._threads = set(threading.enumerate())

    def end(self) -> list[str]:
        """End all that have come since, and are still there.

        Returns:
            What each of them is, and how it ended; none if nothing was left behind.
        """
        left = self._find()
        systems: dict[Any, None] = dict.fromkeys(cell.services for cell in left)
        for system in systems:
            with suppress(Timeout):
                settle(system, TIME_TO_STOP)  # who was asked to stop is on the way
        left = self._find()
        until = Deadline(TIME_TO_STOP)
        found = [cell for cell in left if not cell.stopped]
        for cell in reversed(left):
            if not has_parent(cell):
                ref_at(cell).stop(block=False)
        hanging = [cell for cell in left if not _has_ended(cell, until)]
        for cell in hanging:
            ref_at(cell).kill(block=False, abandon_after=TIME_TO_BE_KILLED)
        for cell in hanging:
            _has_ended(cell, Deadline(TIME_TO_BE_KILLED + TIME_TO_STOP))
        self.note_threads()
        found = [cell for cell in left if cell in found or cell in hanging]
        return [_describe(cell) for cell in found]

    def _find(self) -> list[Cell]:
        return [cell for cell in _everybody() if cell not in self._before]

    def note_threads(self) -> None:
        """Note the threads that have come since, for they may hang."""
        _may_hang.update(set(threading.enumerate()) - self._threads)


def _everybody() -> list[Cell]:
    simulation: Any = getattr(current.state.world, "scheduler", None)
    systems: list[ActorSystem] = all_systems() if simulation is None else simulation.systems()
    return [cell for system in systems for cell in system.everybody()]


def _has_ended(cell: Cell, until: Deadline) -> bool:
    try:
        ref_at(cell).when_terminated().get(timeout=until.remaining())
    except Timeout:
        return False
    return True


def _describe(cell: Cell) -> str:
    reason = cell.reason
    if isinstance(reason, Abandoned):
        return f"{cell}, which hangs at {reason.place or 'a place unknown'}"
    return str(cell)


# --- the end of the process ---------------------------------------------------------------------

_may_hang: set[threading.Thread] = set()
_exit_status = 0
_is_entered = False


def expect_end(status: int) -> None:
    """Be told that the tests are over.

    Args:
        status: What the process is to end with.
    """
    global _exit_status, _is_entered  # noqa: PLW0603
    _exit_status = status
    if hanging_threads() and not _is_entered:
        _is_entered = True
        threading._register_atexit(leave_without_waiting)  # type: ignore[attr-defined]


def hanging_threads() -> list[threading.Thread]:
    """The threads that have come during tests whose actors leaked, and keep the process."""
    return [each for each in _may_hang if each.is_alive() and not each.daemon]


def leave_without_waiting() -> None:
    """End the process if a thread of a leaked actor would keep it from ending."""
    hanging = hanging_threads()
    if not hanging:
        return
    names = ", ".join(sorted(each.name for each in hanging))
    sys.stderr.write(f"pykka: not waiting for the threads of actors that hang: {names}\n")
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(_exit_status)
