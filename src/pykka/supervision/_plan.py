"""What a supervisor keeps of a child, and of what is under way with some; see `_family`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pykka._clock import lengthy
from pykka._envelope import Envelope
from pykka.supervision._link import Retry

if TYPE_CHECKING:
    from pykka._address import Address
    from pykka._killing import Abandonment
    from pykka._reasons import Abandoned, Reason
    from pykka.supervision._family import Family
    from pykka.supervision._link import Link
    from pykka.supervision._specs import ChildSpec


class Child:
    """What a supervisor keeps of one child.

    Args:
        key: Its key in the supervisor's table.
        spec: Its specification.
    """

    __slots__ = (
        "address",
        "alarm",
        "attempts",
        "hangs",
        "key",
        "link",
        "plan",
        "restarts",
        "spec",
        "state",
        "up_since",
    )

    def __init__(self, key: Any, spec: ChildSpec) -> None:
        self.key = key
        self.spec = spec
        self.address: Address | None = None
        self.link: Link | None = None
        self.state: Literal["stopped", "starting", "running", "stopping", "down", "restarting"] = (
            "stopped"
        )
        self.plan: Plan | None = None
        self.alarm: Abandonment | None = None
        self.restarts = 0
        self.attempts = 0
        """Restarts in a row, for the backoff."""
        self.up_since: float | None = None
        """When it came up last, if it has not failed since."""
        self.hangs: Abandoned | None = None
        """Where the code of its former actor hung, if that is perhaps still running."""


@lengthy
class Plan:
    """What is under way with some children, until they run again.

    Args:
        family: Whose children they are.
        members: The children, in the order of their start.
        reason: Why.
        delay: Seconds to wait before they are started.
    """

    __slots__ = ("delay", "family", "is_patient", "members", "phase", "reason")

    def __init__(self, family: Family, members: list[Child], reason: Reason, delay: float) -> None:
        self.family = family
        self.members = members
        self.reason = reason
        self.delay = delay
        self.phase: Literal["stopping", "waiting", "starting"] = "stopping"
        self.is_patient = False
        """Whether it goes on by way of the inbox, because a start has failed."""

    @property
    def is_cancelled(self) -> bool:
        """Whether nobody wants to be told any more that the time has passed."""
        return not self.members or self.family.is_over

    def ring(self) -> None:
        """Go on, because the time of the backoff is over; the clock calls this."""
        if not self.is_cancelled:
            self.family.address.send(Envelope(Retry(self)))
