"""Routers that send each message to one of their routees.

Which one is for `_choose` to say. A routee may be dead by then. A *tell* is simply tried: it
raises if the routee is dead, and in that case nothing has been sent. With an *ask* that cannot be
told from a routee that took the message and then ended, or that got the same exception from
somebody else. So the router looks first. A routee that ends between the look and the send refuses
the message like any other dead actor, and the asker is told so.

Invariant: each round of the loops below that does not send drops a routee, or finds that somebody
else has dropped it. So they end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pykka._exceptions import ActorDeadError
from pykka.routing._router import RouterRef, failed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pykka._actor import Actor
    from pykka._future import Future
    from pykka._ref import ActorRef

A = TypeVar("A", bound="Actor")


class UnicastRouter(RouterRef[A]):
    """A router that sends each message to one of its routees."""

    __slots__ = ()

    def _choose(self, message: Any) -> ActorRef[A] | None:
        """The routee that a message goes to, dead or alive; `None` if there are no routees."""
        raise NotImplementedError

    def tell(self, message: Any) -> None:
        self._deliver(message, lambda routee: routee.tell(message))

    def _deliver(self, message: Any, send: Callable[[ActorRef[A]], object]) -> None:
        """Send something by a function that raises if the routee is dead."""
        while True:
            routee = self._choose(message)
            if routee is None:
                raise self._dead_error()
            try:
                send(routee)
            except ActorDeadError:
                if routee.is_alive():  # it is not the routee that is dead
                    raise
                self.remove(routee)
            else:
                return

    def _choose_living(self, message: Any) -> ActorRef[A] | None:
        while True:
            routee = self._choose(message)
            if routee is None or routee.is_alive():
                return routee
            self.remove(routee)

    def _ask(self, message: Any) -> Future[Any]:
        routee = self._choose_living(message)
        if routee is None:
            return failed(self._dead_error())
        return routee.ask(message, block=False)

    def _ask_and_wait(self, message: Any, timeout: float | None) -> Any:
        routee = self._choose_living(message)
        if routee is None:
            raise self._dead_error()
        # In one step, so that this thread may run the routee instead of waiting for it.
        return routee.ask(message, timeout=timeout)

    def _call(
        self, attr_path: Sequence[str], args: Sequence[Any], kwargs: dict[str, Any]
    ) -> Future[Any]:
        routee = self._choose_living(None)
        if routee is None:
            return failed(self._dead_error())
        return routee._call(attr_path, args, kwargs)

    def _defer(
        self, attr_path: Sequence[str], args: Sequence[Any], kwargs: dict[str, Any]
    ) -> None:
        self._deliver(None, lambda routee: routee._defer(attr_path, args, kwargs))
