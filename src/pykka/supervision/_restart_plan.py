"""What a supervisor keeps of a child, and of what is under way with some; see `_restarter.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pykka._envelope import Envelope
from pykka.supervision._child_monitor import RetryPlan
from pykka.timers._clock import lengthy

if TYPE_CHECKING:
    from pykka._cell.cell import Cell
    from pykka._cell.reasons import Abandoned, Reason
    from pykka._lifecycle.kill import Abandonment
    from pykka.supervision._child_monitor import ChildMonitor
    from pykka.supervision._restarter import Restarter
    from pykka.supervision._specs import ChildSpec


class Child:
    """What a supervisor keeps of one child.

    Args:
        key: Its key in the supervisor's table.
        spec: Its specification.
    """

    __slots__ = (
        "alarm",
        "attempts",
        "cell",
        "hangs",
        "key",
        "monitor",
        "plan",
        "restarts",
        "spec",
        "state",
        "up_since",
    )

    def __init__(self, key: Any, spec: ChildSpec) -> None:
        self.key = key
        self.spec = spec
        self.cell: Cell | None = None
        self.monitor: ChildMonitor | None = None
        self.state: Literal["stopped", "starting", "running", "stopping", "down", "restarting"] = (
            "stopped"
        )
        self.plan: RestartPlan | None = None
        self.alarm: Abandonment | None = None
        self.restarts = 0
        self.attempts = 0
        """Restarts in a row, for the backoff."""
        self.up_since: float | None = None
        """When it came up last, if it has not failed since."""
        self.hangs: Abandoned | None = None
        """Where the code of its former actor hung, if that is perhaps still running."""


@lengthy
class RestartPlan:
    """What is under way with some children, until they run again.

    Each event goes on where the last one came to (guarantee G13): the members are in two stacks.
    `up` has those that perhaps run, in the order of their start; the last one is stopped next,
    and goes over to `down`. `down` has the others in reverse; the last one is started next, and
    goes back to `up` when it runs. So `up` followed by `down` in reverse is the order of their
    start at any time. Who has left the plan is still in a stack, and is passed over.

    Args:
        family: Whose children they are.
        members: The children, in the order of their start.
        reason: Why.
        delay: Seconds to wait before they are started.
    """

    __slots__ = ("delay", "down", "members", "phase", "reason", "restarter", "up", "via_inbox")

    def __init__(
        self, restarter: Restarter, members: list[Child], reason: Reason, delay: float
    ) -> None:
        self.restarter = restarter
        self.members = dict.fromkeys(members)
        self.up = members
        self.down: list[Child] = []
        self.reason = reason
        self.delay = delay
        self.phase: Literal["stopping", "waiting", "starting"] = "stopping"
        self.via_inbox = False
        """Whether it goes on by way of the inbox, because a start has failed."""

    @property
    def is_cancelled(self) -> bool:
        """Whether it need not be told any more that the time has passed."""
        return not self.members or self.restarter.is_over

    def next(self) -> Child | None:
        """The member that has to be down next, or has to run next; `None` if there is none."""
        if self.phase == "stopping":
            return self._last(self.up)
        return self._last(self.down) if self.phase == "starting" else None

    def _last(self, stack: list[Child]) -> Child | None:
        while stack:
            if stack[-1].plan is self:
                return stack[-1]
            stack.pop()
        return None

    def ring(self) -> None:
        """Go on, because the time of the backoff is over; the clock calls this."""
        if not self.is_cancelled:
            self.restarter.cell.send(Envelope(RetryPlan(self)))
