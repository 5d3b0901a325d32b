"""Routers that send each message to one of their routees.

Which one is for `_choose` to say. A routee may be dead by then. A *tell* is simply tried: it
raises if the routee is dead, and in that case nothing has been sent. An *ask* raises the same if
the routee took the message and then ended, or if it got that exception from another actor. So the
router looks first. If the routee ends between the look and the send, the exception says that it
has refused the message; see `is_refusal`.

Invariant: each round of the loops below that does not send drops a routee, or finds that another
sender has dropped it. So they end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pykka._exceptions import ActorDeadError
from pykka._futures.ask import message_of
from pykka._futures.threading_future import ThreadingFuture, failed_future
from pykka.routing._answers import has_refused, is_refusal
from pykka.routing._router import RouterRef

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pykka._actor.actor import Actor
    from pykka._envelope import Letter
    from pykka._futures.future import Future
    from pykka._ref.ref import ActorRef
    from pykka.timers._timer import Timer

A = TypeVar("A", bound="Actor")


class UnicastRouter(RouterRef[A]):
    """A router that sends each message to one of its routees."""

    __slots__ = ()

    def _choose(self, message: Any) -> ActorRef[A] | None:
        """The routee that a message goes to, dead or alive; `None` if there are no routees."""
        raise NotImplementedError

    if not TYPE_CHECKING:  # the types are those of RouterRef

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
                self._drop(routee)
            else:
                return

    def _choose_living(self, message: Any) -> ActorRef[A] | None:
        while True:
            routee = self._choose(message)
            if routee is None or routee.is_alive():
                return routee
            self._drop(routee)

    def _ask(self, message: Any) -> Future[Any]:
        # twin: ask a routee (1 statement)
        while True:
            routee = self._choose_living(message)
            if routee is None:
                return failed_future(self._dead_error())
            answer = routee.ask(message, block=False)
            if routee.is_alive() or not has_refused(routee, answer):
                return answer
            self._drop(routee)

    def _ask_and_wait(self, message: Any, timeout: float | None) -> Any:
        while True:
            routee = self._choose_living(message)
            if routee is None:
                raise self._dead_error()
            try:
                # In one step, so that this thread may run the routee instead of waiting for it.
                return routee.ask(message, timeout=timeout)
            except ActorDeadError as error:
                if not is_refusal(error, routee):
                    raise
            self._drop(routee)

    def _call(
        self, attr_path: Sequence[str], args: Sequence[Any], kwargs: dict[str, Any]
    ) -> Future[Any]:
        # twin: ask a routee (1 statement)
        while True:
            routee = self._choose_living(None)
            if routee is None:
                return failed_future(self._dead_error())
            answer = routee._call(attr_path, args, kwargs)
            if routee.is_alive() or not has_refused(routee, answer):
                return answer
            self._drop(routee)

    def _defer(
        self, attr_path: Sequence[str], args: Sequence[Any], kwargs: dict[str, Any]
    ) -> None:
        self._deliver(None, lambda routee: routee._defer(attr_path, args, kwargs))

    def _tell_soon(self, message: Any) -> list[Timer]:
        timers: list[Timer] = []
        self._deliver(message, lambda routee: timers.append(routee.tell_after(0, message)))
        return timers

    def _take_on(self, letter: Letter) -> bool:
        for _ in range(self.size):
            routee = self._choose_living(message_of(letter))
            if routee is None:
                return False
            cell = routee._cell
            reply_to = letter.reply_to
            if isinstance(reply_to, ThreadingFuture):
                reply_to._answered_by = cell  # so that deadlocks are seen
            if cell.users_inbox() is None:
                cell.send(letter)
                return True
            if cell.send_without_waiting(letter):
                return True
        return False
