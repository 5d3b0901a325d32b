"""What ties a child to its supervisor.

The child, or the closer that ends it, calls the monitor: when a start hook is through, when an
instance has ended and waits for a decision, and when the actor has ended for good. The monitor
passes that on to the supervisor as a message. While the supervisor waits for the child to start,
the monitor resolves the future that it waits for instead.

The message lies in the supervisor's inbox, behind all that came before it, and is not dropped if
that is full. If it overtook what waits there, children that fail without end would keep a stop
request from coming to its turn. And a supervisor that is down handles nothing of its inbox, so
that it does not restart children which end because it does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pykka._cell.reasons import Failed, Reason, Stopped
from pykka._envelope import Envelope
from pykka._exceptions import ActorDeadError
from pykka._util.checks import shorten
from pykka._util.log import traceback_of
from pykka.messages import system_handler

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka._cell.cell import Cell
    from pykka._envelope import Letter
    from pykka._futures.threading_future import ThreadingFuture
    from pykka.supervision._restart_plan import Child


class Event(NamedTuple):
    """What has become of a child."""

    monitor: ChildMonitor
    kind: Literal["up", "down", "ended"]
    reason: Reason


class RetryPlan(NamedTuple):
    """What a supervisor sends to itself: try again to start some children."""

    plan: Any

    @property
    def kind(self) -> Literal["retry"]:
        """What it is; as of an `Event`."""
        return "retry"


class ContinuePlan(NamedTuple):
    """What a supervisor sends to itself: see what is next with some children."""

    plan: Any

    @property
    def kind(self) -> Literal["go on"]:
        """What it is; as of an `Event`."""
        return "go on"


class ChildMonitor:
    """What ties a child to its supervisor; see `pykka._cell.extension.Supervision`.

    Args:
        supervisor: The supervisor's cell.
        child: The supervisor's entry of the child.
        make: Makes an instance of the actor.
        actor_class: The class of the instances, as far as that is known before they are made.
        restarts: Whether the actor waits for a decision when it fails.
        started: Is resolved when the first instance has started, or failed to.
        tells_all: Whether the supervisor gets a message then, too.
    """

    __slots__ = (
        "_started",
        "actor_class",
        "cell",
        "child",
        "make",
        "restarts",
        "supervisor",
        "tells_all",
    )

    def __init__(
        self,
        supervisor: Cell,
        child: Child,
        make: Callable[[], Any],
        *,
        actor_class: type[Any],
        restarts: bool,
        started: ThreadingFuture[None] | None = None,
        tells_all: bool = False,
    ) -> None:
        self.tells_all = tells_all
        self.supervisor = supervisor
        self.child = child
        self.make = make
        self.actor_class = actor_class
        self.restarts = restarts
        self.cell: Cell | None = None
        self._started = started

    knows = True
    """Whether it learns of a crash; see `pykka._cell.extension.Supervision`."""

    def in_words(self) -> str:
        """Which child of which supervisor the actor is, and how that has specified it."""
        spec = self.child.spec
        return f", the child {shorten(spec.id)} of {self.supervisor}, {shorten(spec)}"

    def came_up(self, cell: Cell) -> None:
        """Be told that the start hook of an instance is through."""
        self._tell(cell, "up", Stopped())

    def went_down(self, cell: Cell, reason: Reason) -> None:
        """Be told that an instance has ended, and that the actor waits."""
        self._tell(cell, "down", reason)

    def ended(self, cell: Cell, reason: Reason) -> None:
        """Be told that the actor has ended."""
        self._tell(cell, "ended", reason)

    def restart_nothing(self) -> None:
        """Be told that all actors are about to be stopped, the supervisor too."""
        supervisor: Any = self.supervisor.actor
        if supervisor is not None:
            supervisor._pykka_restarter.is_condemned = True

    def _tell(self, cell: Cell, kind: Literal["up", "down", "ended"], reason: Reason) -> None:
        self.cell = cell
        started = self._started
        if started is not None and not started.done():
            outcome = reason.exception if isinstance(reason, Failed) else None
            if outcome is None and kind == "ended":
                outcome = ActorDeadError(f"{cell} ended before it was up: {shorten(reason)}")
            if outcome is None:
                started._try_resolve((None, None))
            else:
                started._try_resolve((None, (outcome, traceback_of(outcome))))
            if kind != "ended" and not self.tells_all:
                return
        self.supervisor.send(Envelope(Event(self, kind, reason)))


@system_handler(Event)
@system_handler(RetryPlan)
@system_handler(ContinuePlan)
def _on_event(cell: Cell, envelope: Letter) -> object:
    supervisor = cell.require_instance()
    supervisor._pykka_restarter.on_event(envelope.message)
    return None
