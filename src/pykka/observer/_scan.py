"""Looking at all actors of a program, without holding it up.

Problem
    A program may have a hundred thousand actors, and a viewer wants to see them twice a second.
    To look at one of them takes half a microsecond, so to look at all of them each time would take
    a tenth of a processor that the program has to itself.

Approach
    A *round* goes over all actors there are, a *slice* at a time, each within a budget of
    processor time; the next slice goes on where the last one left off. What is shown is the last
    round that is complete, or what there is of the first one. Up to `MOST_ROWS` actors are rows of
    their own. If there are more, they are added up by class, and of each class the few with the
    fullest inboxes are kept.

Invariants
    1. *No code of the program's runs.* What is read are attributes of the library's own objects.
       Of an inbox that a class has brought, only what is known to be a plain queue is counted, and
       without its lock. So a look cannot wait for anything, whatever the program is stuck in.
    2. *No lock is taken.* An actor's URN is shown if it has been read before, and is not made.
    3. *No actor is kept.* A round holds cells, which outlive their actors anyway, and for as long
       as a viewer looks.
"""

from __future__ import annotations

import queue
from heapq import heappush, heapreplace
from queue import SimpleQueue
from time import monotonic, thread_time
from typing import TYPE_CHECKING, Any

from pykka._system.system import all_systems
from pykka._util.checks import class_dict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pykka._cell.cell import Cell

MOST_ROWS = 1_000
"""So many actors are shown one by one; if there are more, they are added up by class."""

OF_A_CLASS = 200
"""So many actors of one class are shown, if they are added up: those with the fullest inboxes."""

LOOK_EVERY = 64
"""After so many actors it is looked whether the budget is used up."""

_PLAIN = (queue.Queue, queue.LifoQueue, queue.PriorityQueue)


class Tally:
    """What is added up of the actors of one class."""

    __slots__ = (
        "actors",
        "are_down",
        "busy",
        "failures",
        "fullest",
        "handled",
        "oldest",
        "restarts",
        "some",
        "timers",
        "waited",
        "waiting",
    )

    def __init__(self) -> None:
        self.actors = 0
        self.waiting = 0
        self.busy = 0
        self.are_down = 0
        self.timers = 0
        self.restarts = 0
        self.handled: int | None = None
        self.failures: int | None = None
        self.waited = 0.0
        """For how many seconds those that were handled had lain in inboxes."""
        self.oldest: float | None = None
        self.fullest: list[tuple[int, int, Cell]] = []
        """Those with the most messages: how many, a number that keeps cells from being compared,
        and the cell; the least of them first."""
        self.some: list[Cell] = []
        """The first few, whatever their inboxes."""

    def note_fullest(self, waiting: int, cell: Cell) -> None:
        """Keep an actor, if it has one of the fullest inboxes so far."""
        fullest = self.fullest
        if len(fullest) < OF_A_CLASS:
            heappush(fullest, (waiting, self.actors, cell))
        elif waiting > fullest[0][0]:
            heapreplace(fullest, (waiting, self.actors, cell))

    def cells(self) -> list[Cell]:
        """Those that are shown: the fullest inboxes first, and then any others."""
        full = [cell for _waiting, _number, cell in sorted(self.fullest, reverse=True)]
        known = set(full)
        return [*full, *(cell for cell in self.some if cell not in known)][:OF_A_CLASS]


class Round:
    """One look at all actors, in slices.

    Args:
        clock: Tells how much processor time this thread has had, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = thread_time) -> None:
        self._clock = clock
        self._left = _everybody()
        self._at = 0
        self.tallies: dict[type, Tally] = {}
        self.waiting: list[Cell] = []
        """Those that wait for others."""
        self.supervisors: list[Cell] = []
        self.ended_at = 0.0
        """When it was complete, by the monotonic clock."""

    @property
    def is_small(self) -> bool:
        """Whether each actor is shown in a row of its own."""
        return len(self._left) <= MOST_ROWS

    @property
    def cells(self) -> list[Cell]:
        """All actors there were when it began."""
        return self._left

    @property
    def progress(self) -> float:
        """What part of the actors has been looked at, from 0 to 1."""
        return self._at / len(self._left) if self._left else 1.0

    def go_on(self, budget: float) -> bool:
        """Look at some more; tells whether it is complete.

        Args:
            budget: The seconds of processor time that may take. A few actors are looked at in any
                case.
        """
        until = self._clock() + budget
        cells = self._left
        while self._at < len(cells):
            part = cells[self._at : self._at + LOOK_EVERY]
            self._at += len(part)
            self._look_at(part)
            if self._clock() >= until:
                break
        if self._at < len(cells):
            return False
        self.ended_at = monotonic()
        return True

    def _look_at(self, cells: list[Cell]) -> None:
        tallies = self.tallies
        for cell in cells:
            if cell.actor is None:
                continue  # it has ended meanwhile
            actor_class = cell.actor_class
            tally = tallies.get(actor_class)
            if tally is None:
                tally = tallies[actor_class] = Tally()
            tally.actors += 1
            inbox: Any = cell.inbox
            waiting = inbox.qsize() if type(inbox) is SimpleQueue else waiting_in(cell)
            if waiting:
                tally.waiting += waiting
                tally.note_fullest(waiting, cell)
            elif tally.actors <= OF_A_CLASS:
                tally.some.append(cell)
            if cell.handling is not None:
                tally.busy += 1
            if cell.waiting is not None:
                self.waiting.append(cell)
            if cell.extension is not None:
                self._add_up(cell, tally)

    def _add_up(self, cell: Cell, tally: Tally) -> None:
        """Add up what few actors have."""
        extension: Any = cell.extension
        tally.timers += len(extension.timers)
        tally.are_down += extension.down
        meter = extension.meter
        if meter is not None:
            tally.handled = (tally.handled or 0) + max(0, meter.taken - meter.set_aside)
            tally.failures = (tally.failures or 0) + meter.failures
            tally.waited += meter.waited
            oldest = oldest_in(cell)
            if oldest is not None and (tally.oldest is None or oldest > tally.oldest):
                tally.oldest = oldest
        if is_supervisor(cell):
            self.supervisors.append(cell)
            tally.restarts += restarts_by(cell)


def _everybody() -> list[Cell]:
    """All actors, the children too; once a round."""
    return [cell for system in all_systems() for cell in system._refs.copy()]


def waiting_in(cell: Cell) -> int | None:
    """How many messages wait in an actor's inbox; `None` if only the program's code could say."""
    inbox: Any = cell.inbox
    if inbox is None or type(inbox) is list:
        return cell.count()
    if cell.policy is None and cell.has_own_inbox:
        theirs: Any = cell.users_inbox()
        return len(theirs.queue) if type(theirs) in _PLAIN else None
    return cell.count()


def oldest_in(cell: Cell) -> float | None:
    """Seconds that the first message has been waiting, if that is counted.

    The clock of a system may be the program's own. It is asked only if it is the library's.
    """
    meter: Any = None if cell.extension is None else cell.extension.meter
    if meter is None or not type(cell.services.clock).__module__.startswith("pykka."):
        return None
    found: float | None = meter.oldest() if waiting_in(cell) else None
    return found


def is_supervisor(cell: Cell) -> bool:
    """Tell whether an actor starts its children again."""
    return any("_pykka_supervises" in class_dict(base) for base in cell.actor_class.__mro__)


def _restarter_of(cell: Cell) -> Any:
    try:
        return object.__getattribute__(cell.actor, "_pykka_restarter")
    except AttributeError:  # it is just being made, or has ended
        return None


def restarts_by(cell: Cell) -> int:
    """How often a supervisor has started children again."""
    restarter = _restarter_of(cell)
    return 0 if restarter is None else restarter.restarts


def restarts_of(supervisors: list[Cell]) -> Iterator[tuple[Cell, int, Any]]:
    """The children of supervisors: who, how often each was started again, and its `id`."""
    for cell in supervisors:
        restarter = _restarter_of(cell)
        if restarter is not None:
            for child in restarter.table.copy().values():
                if child.cell is not None:
                    yield child.cell, child.restarts, child.key
