"""What ties a child to its supervisor.

The child, or whoever ends it, calls the link: when a start hook is through, when an instance has
ended and waits for a decision, and when the actor has ended for good. The link passes that on to
the supervisor as a signal, which comes before all that waits in its inbox. While the supervisor
waits for the child to start, the link resolves the future that it waits for instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pykka import messages
from pykka._envelope import Envelope
from pykka._reasons import Failed, Reason, Stopped
from pykka.messages import PRIVILEGED

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka._address import Address
    from pykka._inbox import Letter
    from pykka._threading_future import ThreadingFuture
    from pykka.supervision._family import Child


class Event(NamedTuple):
    """What has become of a child."""

    link: Link
    kind: Literal["up", "down", "ended"]
    reason: Reason


class Retry(NamedTuple):
    """What a supervisor sends to itself: try again to start some children."""

    plan: Any


class Link:
    """What ties a child to its supervisor; see `pykka._extras.Supervision`.

    Args:
        supervisor: The supervisor's address.
        child: The supervisor's entry of the child.
        make: Makes an instance of the actor.
        restarts: Whether the actor waits for a decision when it fails.
        started: Is resolved when the first instance has started, or failed to.
    """

    __slots__ = ("_restarts", "_started", "address", "child", "make", "supervisor")

    def __init__(
        self,
        supervisor: Address,
        child: Child,
        make: Callable[[], Any],
        *,
        restarts: bool,
        started: ThreadingFuture[None] | None = None,
    ) -> None:
        self.supervisor = supervisor
        self.child = child
        self.make = make
        self._restarts = restarts
        self.address: Address | None = None
        self._started = started

    @property
    def restarts(self) -> bool:
        """Whether the actor waits for a decision when it fails; not if nobody will take one.

        A child that goes down sets its mark and *then* looks here. A supervisor that ends, or lets
        go of the child, makes that known here, and *then* looks whether the child is down.
        """
        supervisor = self.supervisor
        return self._restarts and not supervisor.ending and not is_down(supervisor)

    def let_go(self) -> None:
        """Have the actor wait for no decision any more."""
        self._restarts = False

    def came_up(self, address: Address) -> None:
        """Be told that the start hook of an instance is through."""
        self._tell(address, "up", Stopped())

    def went_down(self, address: Address, reason: Reason) -> None:
        """Be told that an instance has ended, and that the actor waits."""
        self._tell(address, "down", reason)

    def ended(self, address: Address, reason: Reason) -> None:
        """Be told that the actor has ended."""
        self._tell(address, "ended", reason)

    def _tell(
        self, address: Address, kind: Literal["up", "down", "ended"], reason: Reason
    ) -> None:
        self.address = address
        started = self._started
        if started is not None and not started.done():
            outcome = reason.exception if isinstance(reason, Failed) else None
            if outcome is None:
                started._try_resolve((None, None))
            else:
                started._try_resolve((None, (outcome, outcome.__traceback__)))
            if kind != "ended":
                return
        self.supervisor.signal(Envelope(Event(self, kind, reason)))


def _on_event(address: Address, envelope: Letter) -> object:
    supervisor: Any = address.actor
    if not is_down(address):
        supervisor._pykka_on_event(envelope.message)
    return None


def is_down(address: Address) -> bool:
    """Tell whether an actor has failed, and waits for a decision."""
    return address.extras is not None and address.extras.down


def _on_retry(address: Address, envelope: Letter) -> object:
    supervisor: Any = address.actor
    supervisor._pykka_on_retry(envelope.message.plan)
    return None


for _class, _handler in ((Event, _on_event), (Retry, _on_retry)):
    messages._handlers[_class] = _handler
    PRIVILEGED.add(_class)
