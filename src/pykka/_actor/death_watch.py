"""Death watch: an actor is told when another one has ended.

Invariants
    1. *No watcher is forgotten.* It enters the watch at the target, and *then* looks
       whether the target has ended (`Cell.actor` is None). The closer of the target sets that
       mark, and *then* reports to all watches that are entered. So at least one of the two does.
    2. *No watcher is told twice.* A watch may be reported several times, by both of them, or again
       because a signal handler had raised. The watcher, who handles one message at a time, takes
       the first notice of a watch and skips the others. `unwatch()` makes it skip all.

A notice lies in the watcher's inbox like a message, so it comes after everything that the target
has sent before it ended. No bound of the inbox applies to it. An urgent one goes into the lane
that is looked at before the inbox; see `pykka._cell.extension`.

The ideas are those of monitors in Erlang and of `watch` in Akka.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pykka._envelope import Envelope
from pykka._ref.proxy import require_single
from pykka._ref.ref import ActorRef, ref_at
from pykka._util.checks import check_flag
from pykka.messages import system_handler

if TYPE_CHECKING:
    from pykka._cell.cell import Cell
    from pykka._cell.reasons import Reason
    from pykka._envelope import Letter


class Terminated(NamedTuple):
    """The message to an actor that an actor it watches has ended.

    It goes to `on_receive()`.
    """

    ref: ActorRef[Any]
    """The actor that has ended. All of its hooks have run."""

    reason: Reason
    """Why: `Stopped`, `Killed`, `Abandoned` or `Failed`."""


class Watch:
    """That one actor watches another.

    Args:
        watcher: The one.
        target: The other.
        is_urgent: Whether the notice overtakes what waits in the watcher's inbox.
    """

    __slots__ = ("is_over", "is_urgent", "target", "watcher")

    def __init__(self, watcher: Cell, target: Cell, *, is_urgent: bool) -> None:
        self.watcher = watcher
        self.target = target
        self.is_urgent = is_urgent
        self.is_over = False
        """Whether the watcher has been told, or does not want to be. Only the watcher sets it."""

    def begin(self) -> None:
        """Enter the watch at the target, and report at once if that has ended."""
        self.target.need_extension().watchers[self] = None
        if self.target.actor is None:
            self.report(self.target.reason)

    def end(self) -> None:
        """Have no notice handled any more."""
        self.is_over = True
        self.target.need_extension().watchers.pop(self, None)

    def report(self, reason: Reason) -> None:
        """Send the watcher a notice."""
        if self.is_urgent:
            self.watcher.signal(Envelope(_Notice(self, reason)))
        else:
            self.watcher.tell_unbounded(_Notice(self, reason))


class _Notice(NamedTuple):
    """What lies in the watcher's inbox."""

    watch: Watch
    reason: Reason


@system_handler(_Notice)
def _on_notice(cell: Cell, envelope: Letter) -> object:
    watch, reason = envelope.message
    extension = cell.need_extension()
    if watch.is_over:
        return None
    watch.is_over = True
    extension.watching.pop(watch.target, None)
    watch.target.need_extension().watchers.pop(watch, None)
    actor = cell.require_instance()
    message = Terminated(ref_at(watch.target), reason)
    cell.handling = Envelope(message)  # that is what stash() sets aside
    return actor.on_receive(message)


def watch(watcher: Cell, ref: Any, *, is_urgent: bool) -> None:
    """Have an actor told of the end of another one; it is the one whose code runs."""
    require_single(ref, "watch()")
    check_flag("urgent", is_urgent)
    target = ref._cell
    if target is watcher:
        msg = f"{watcher} cannot watch itself: nobody would be left to be told; use on_stop()"
        raise ValueError(msg)
    watching = watcher.need_extension().watching
    entry = watching.get(target)
    if entry is None or entry.is_over:
        watching[target] = entry = Watch(watcher, target, is_urgent=is_urgent)
    # Also if it is there already: a signal handler may have raised before this the last time.
    entry.begin()


def unwatch(watcher: Cell, ref: ActorRef[Any]) -> bool:
    """End that; False if it was not so."""
    require_single(ref, "unwatch()")
    watching = watcher.need_extension().watching
    entry = watching.get(ref._cell)
    if entry is None or entry.is_over:
        return False
    entry.end()  # first, because a signal handler may raise after it
    watching.pop(ref._cell, None)
    return True
