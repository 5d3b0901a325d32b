"""Timers of routers: messages that are routed when they are due.

A router is no actor, so a timer of it belongs to no inbox. When it is due, the router
chooses as for a `tell()`, and those who are chosen get a timer of their own that is due at once.
These know whether their messages have been taken up, and can be cancelled until then.

Invariant: a cancelled timer sends nothing any more. The canceller sets `is_cancelled`, and
*then* cancels what was sent. The clock enters what it sent, and *then* looks at `is_cancelled`. So
one of the two cancels what is just being sent.
"""

from __future__ import annotations

from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any, NamedTuple

from pykka._exceptions import ActorDeadError
from pykka._system.dead_letters import DeadLetter
from pykka._util.checks import shorten
from pykka.timers._clock import lengthy
from pykka.timers._timer import Timer

if TYPE_CHECKING:
    from pykka.routing._collective import Collective
    from pykka.timers._errands import Line


_NOTHING = Context()
"""The context of a timer that sends nothing any more."""


class _Sent(NamedTuple):
    """What a timer has sent so far; replaced as a whole, by the clock."""

    begun: int
    """How many of the former messages their receivers have begun to handle."""

    last: list[Timer]
    """Those who were told last."""


@lengthy
class RoutedTimer(Timer):
    """A timer of a router.

    Args:
        router: The router.
        message: What is sent.
        delay: Seconds until it is sent first.
        interval: Seconds between one time and the next; `None` for once.
    """

    __slots__ = ("_context", "_has_sent", "_router", "_sent", "_system")

    def __init__(
        self, router: Collective[Any], message: Any, delay: float, interval: float | None
    ) -> None:
        self._router = router
        self._system = router.system
        self._clock = self._system.clock
        self._interval = interval
        self._due = self._clock.now() + delay
        self._sent = _Sent(0, [])
        self._has_sent = False
        self._left_out = self._reported = self._missed = 0
        self.is_cancelled = False
        self.is_own = False
        self.message = message
        self._context = copy_context()
        """That of who has set it, in which the messages are sent."""

    @property
    def line(self) -> Line:
        """Keeps the messages that are sent by timers of the same router in order."""
        return self._router._line

    def begin(self) -> None:
        """Let the time run."""
        self._clock.schedule(self._due, self)

    @property
    def is_active(self) -> bool:
        if self.is_cancelled:
            return False
        return self._interval is not None or not self._has_sent or self._is_on_its_way()

    @property
    def delivered(self) -> int:
        sent = self._sent
        return sent.begun + sum(timer.delivered for timer in sent.last)

    def cancel(self) -> bool:
        """Have nothing delivered any more. It may be done at any time, from any thread.

        Returns:
            `True`: it will never be delivered (again). `False`: a routee that was told last has
            begun to handle it.
        """
        self.is_cancelled = True
        self.message = None
        self._context = _NOTHING
        self._router._timers.pop(self, None)
        self._clock.forget(self)
        answers = [timer.cancel() for timer in self._sent.last]
        return all(answers)

    def ring(self) -> None:
        """Send the message; the clock calls this when it is due."""
        message, context = self.message, self._context
        if self.is_cancelled:  # in this order: who cancels takes the message away after that
            return
        if self._interval is None:
            try:
                context.copy().run(self._route, message)
            finally:
                self._has_sent = True
                self._router._timers.pop(self, None)
            return
        try:
            if self._is_on_its_way():
                self._left_out += 1
            else:
                context.copy().run(self._route, message)
        finally:
            if self._router.is_alive():
                self._schedule_next(self._interval)
            else:
                self.cancel()

    def _is_on_its_way(self) -> bool:
        return any(timer.is_active for timer in self._sent.last)

    def _route(self, message: Any) -> None:
        left_out = self._left_out
        self._missed = left_out - self._reported
        self._reported = left_out
        begun = self.delivered
        try:
            sent = self._router._tell_soon(message)
        except ActorDeadError as error:
            self._sent = _Sent(begun, [])
            letter = DeadLetter(message, self._router, f"was due on a timer: {error}")
            self._system.dead_letters.report(letter)
            return
        except Exception as error:  # a key function of an inbox or of the router, for instance
            letter = DeadLetter(
                message, self._router, f"could not be routed by a timer: {shorten(error)}"
            )
            self._system.dead_letters.report(letter)
            raise
        self._sent = _Sent(begun, sent)
        if self.is_cancelled:  # in this order: who cancels sees what was sent, or is seen
            for timer in sent:
                timer.cancel()

    def __repr__(self) -> str:
        how = "once" if self._interval is None else f"every {self._interval} s"
        state = f"due in {self.remaining:.3f} s" if self.is_active else "over"
        return f"<pykka timer of {self._router}, {how}, {state}>"
