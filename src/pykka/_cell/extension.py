"""What few actors have: a name, children, watchers, timers, a supervisor.

All of it lies in one object that a cell gets when it first needs it, so that it costs nothing
where it is not used (guarantee G10). Once there, it stays until the actor has ended.

The queues before the inbox
    `system_queue` holds what is urgent: it is handled right after the current message, whatever
    waits in the inbox. `replay_queue` holds messages that had been set aside and are taken up
    again; they come before the inbox too. A thread that puts something there sets
    `Cell.has_system_messages` *afterwards*, and wakes the actor up. The actor clears the mark and
    looks *afterwards*; see `Cell.take_first`. So what is put there is seen by a look that is
    still to come.

What is here is changed by any thread, in single indivisible steps (of a list or a dict), except
where it says that only the actor itself does so.
"""

from __future__ import annotations

import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from pykka._cell.reasons import Abandoned, Failed, Killed, Reason, Stopped
from pykka._util.for_each import call, for_each
from pykka._util.locks import held

if TYPE_CHECKING:
    from collections.abc import Callable
    from queue import SimpleQueue

    from pykka._cell.cell import Cell
    from pykka.timers._errands import Line
    from pykka.timers._timer import Timer

    class DeathWatch(Protocol):
        """That one actor watches another: each `pykka._actor.death_watch.Watch` is that."""

        @property
        def is_over(self) -> bool:
            """Whether the watcher has been told, or does not want to be."""
            ...

        def begin(self) -> None:
            """Enter the watch at the target."""

        def end(self) -> None:
            """Have no notice handled any more."""

        def report(self, reason: Reason) -> None:
            """Send the watcher a notice."""

    class Promised(Protocol):
        """A reply that is still to come: each `pykka._futures.promise.Promise` is that."""

        def refuse(self) -> None:
            """Tell the asker that it will not come, unless it has."""

    class Bus(Protocol):
        """Where actors subscribe to events: each `pykka.EventBus` is that."""

        def forget(self, cell: Cell) -> None:
            """Send an actor, which has ended, no events any more."""


_making = threading.Lock()


def renew_locks() -> None:
    """Begin with a fresh lock, in a child process; another thread may have held the old one."""
    global _making  # noqa: PLW0603
    _making = threading.Lock()


class Supervision(Protocol):
    """Who decides what becomes of an actor when it fails."""

    restarts: bool
    """Whether an actor that fails waits for the decision; if not, it ends."""

    @property
    def knows(self) -> bool:
        """Whether it learns of a crash, so that the program need not be told."""
        ...

    actor_class: type[Any]
    """The class of its instances, as far as that is known before they are made."""

    def in_words(self) -> str:
        """What the actor is to its supervisor, for the report of a crash, after its name."""
        ...

    def make(self) -> Any:
        """Make a new instance of the actor."""

    def came_up(self, cell: Cell) -> None:
        """Be told that the start hook of an instance is through."""

    def went_down(self, cell: Cell, reason: Reason) -> None:
        """Be told that an instance has ended, its hooks included, and that the actor waits."""

    def ended(self, cell: Cell, reason: Reason) -> None:
        """Be told that the actor has ended for good. It may be told twice."""

    def restart_nothing(self) -> None:
        """Be told that all actors are about to be stopped. It may be told twice, on any thread."""


class CellExtension:
    """What few actors have."""

    __slots__ = (
        "behaviours",
        "buses",
        "children",
        "down",
        "down_reason",
        "ends_children_together",
        "exit_reason",
        "has_handed_over",
        "idle",
        "in_order",
        "killed",
        "line",
        "loop",
        "meter",
        "name",
        "owed",
        "parent",
        "parked",
        "policy",
        "reason",
        "redirect",
        "replay_queue",
        "shutdown",
        "stash",
        "supervision",
        "system_queue",
        "timers",
        "tracing",
        "wakeup",
        "watchers",
        "watching",
    )

    def __init__(self) -> None:  # noqa: PLR0915 (one attribute a statement)
        self.name: str | None = None
        self.parent: Cell | None = None
        self.children: dict[Cell, float | None] = {}
        """The actors that end with this one, in the order of their start, and how many seconds
        each has for that."""
        self.shutdown: float | None = None
        """How many seconds the parent lets the actor have for its end."""
        self.supervision: Supervision | None = None
        self.loop: Any = None
        """The event loop for the actor, if it is an `AsyncioActor`, and for all those below it:
        said in its options; or, of a supervisor, the one that ran where it was started."""
        self.policy: Any = None
        """The inbox, if it is one with a bound or with priorities."""
        self.line: Line | None = None
        """What a clock's thread has sent to the actor by others; see `Cell.line_of_ticks`."""
        self.meter: Any = None
        """What counts messages, if that is switched on."""
        self.tracing: Any = None
        """What notes the messages that are handled, if that is switched on. Only the actor itself
        changes it."""
        self.system_queue: Any = ()
        self.replay_queue: Any = ()
        """Deques, once something has been there; see `need_lanes`."""
        self.stash: list[Any] | None = None
        """Messages set aside. Only the actor itself changes it."""
        self.behaviours: Any = None
        """What was put in the place of `on_receive()`. Only the actor itself changes it."""
        self.idle: Any = None
        """What rings when nothing has come for some time. Only the actor itself changes it."""
        self.watchers: dict[DeathWatch, None] = {}
        """The watches that others keep on this actor."""
        self.watching: dict[Cell, DeathWatch] = {}
        """The watches that this actor keeps. Only the actor itself changes it."""
        self.timers: dict[Timer, None] = {}
        """What will be sent to the actor later."""
        self.owed: dict[Promised, None] = {}
        """The replies that the instance has promised, and that were not given so far."""
        self.buses: dict[Bus, None] = {}
        """Where it has ever subscribed to events."""
        self.killed = False
        """Whether the actor was killed; then it is marked stopped, too."""
        self.reason: list[Reason] = []
        """Why the actor has ended; the first entry counts."""
        self.down = False
        """Whether the instance has ended, and the supervisor has not yet said what is next."""
        self.down_reason: Reason = Stopped()
        self.exit_reason: Reason = Stopped()
        """Why the actor has ended, if it is not started again. It differs from `down_reason` if
        another actor is the reason for that."""
        self.has_handed_over = False
        """Whether `pre_restart()` of the instance that is down has run."""
        self.ends_children_together = False
        """Whether the children need not wait for each other when they end."""
        self.in_order: Callable[[list[Any]], list[Any]] | None = None
        """Sorts the children, with their seconds, if they are not to end in the reverse order of
        their start."""
        self.redirect: Callable[[Any], bool] | None = None
        """Takes on a letter that the actor leaves behind in its inbox, or says that it does not.
        It is set before the actor is asked to end."""
        self.wakeup: SimpleQueue[None] | None = None
        """Wakes the thread of an actor that is down, if it has one of its own."""
        self.parked: list[bool] = []
        """Holds a token while a pooled actor that is down keeps its turn; see
        `pykka.runtimes.pool.cell`."""

    def need_lanes(self) -> None:
        """Make the lanes, if they have not been needed so far."""
        system_queue: deque[Any] = deque()
        replay_queue: deque[Any] = deque()
        nothing = ()
        for release in held(_making):
            if self.replay_queue is nothing:
                self.replay_queue = replay_queue
                self.system_queue = system_queue
            release()

    def go_down(self, reason: Reason) -> None:
        """Note that the instance ends; for `Cell.mark_down`."""
        self.down = True
        self.down_reason = reason

    def come_up(self) -> None:
        """Note that another instance has taken its place."""
        self.reason.clear()
        self.has_handed_over = False
        self.down = False
        self.down_reason = self.exit_reason = Stopped()

    def note_reason(self, reason: Reason) -> None:
        """Enter why the actor has ended, if nothing is entered yet."""
        self.reason.append(Killed() if self.killed and isinstance(reason, Stopped) else reason)

    @property
    def is_abandoned(self) -> bool:
        """Whether the actor counts as ended although its code is still running."""
        return bool(self.reason) and type(self.reason[0]) is Abandoned

    def close(self, cell: Cell) -> None:
        """Let go of everything, and tell those who watch. It may be done twice."""
        reason = cell.reason
        steps: list[Callable[[], object]] = [
            self.forget_instance,
            *[timer.cancel for timer in self.timers.copy()],
            *[partial(bus.forget, cell) for bus in self.buses.copy()],
            *([] if self.parent is None else [partial(self.parent.lose_child, cell)]),
            *[partial(watch.report, reason) for watch in self.watchers.copy()],
            *([] if self.supervision is None else [partial(self.supervision.ended, cell, reason)]),
        ]
        for_each(steps, call)
        self.buses.clear()
        self.reason[:] = [reason.without_traceback() if isinstance(reason, Failed) else reason]
        self.down_reason = self.exit_reason = self.reason[0]

    def take_up(self) -> int:
        """Put what was set aside before all other messages; only the actor itself does so.

        Returns:
            How many messages that were.
        """
        stash = self.stash
        if not stash:
            return 0
        self.need_lanes()
        put_before, turned = self.replay_queue.extendleft, stash[::-1]
        # No signal handler can strike between these two.
        self.stash = None
        put_before(turned)
        return len(turned)

    def forget_instance(self) -> None:
        """Let go of what the instance had taken on: watches, replies, idle time-out, timers.

        Only the actor itself does so, or its closer.
        """
        for watch in self.watching.copy().values():
            watch.end()
        self.watching.clear()
        if self.behaviours is not None:
            self.behaviours.end()
            self.behaviours = None
        self.take_up()
        self.in_order = None
        # These call the clock of the system, which may be the user's.
        ends: list[Callable[[], object]] = [promise.refuse for promise in self.owed.copy()]
        ends += [timer.cancel for timer in self.timers.copy() if timer.is_own]
        if self.idle is not None:
            ends.append(self.idle.end)
            self.idle = None
        for_each(ends, call)


def loop_of_family(cell: Cell) -> Any:
    """The event loop that an actor, or the nearest one above it, has for those below; or None."""
    extension = cell.extension
    while extension is not None:
        if extension.loop is not None:
            return extension.loop
        extension = None if extension.parent is None else extension.parent.extension
    return None
