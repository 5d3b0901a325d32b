"""What concerns all routees of a router together: their life, their end, their statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from pykka._cell.reasons import Stopped
from pykka._exceptions import Timeout
from pykka._futures.deadline import check_timeout
from pykka._lifecycle.kill import seconds_of_kill
from pykka._statistics import ActorStatistics
from pykka._util.checks import UNSAID, check_seconds
from pykka.routing._answers import derive, late
from pykka.routing._routed_timer import RoutedTimer
from pykka.routing._routees import Routees
from pykka.timers._timer import check_times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pykka._actor.actor import Actor
    from pykka._cell.reasons import Reason
    from pykka._futures.future import Future
    from pykka.timers._timer import Timer

A = TypeVar("A", bound="Actor")


class Collective(Routees[A]):
    """Several actors, of which some things are asked that concern all of them."""

    __slots__ = ()

    def is_alive(self) -> bool:
        """Tell whether any of the routees is alive; of a pool, whether it has not ended."""
        if self._pool is not None:
            return self._pool.is_alive()
        return any(routee.is_alive() for routee in self._routees)

    # twin: overloads of stop (3 statements)
    @overload
    def stop(self, *, block: Literal[True] = True, timeout: float | None = None) -> bool: ...
    @overload
    def stop(self, *, block: Literal[False], timeout: float | None = None) -> Future[bool]: ...
    @overload
    def stop(self, *, block: bool = True, timeout: float | None = None) -> bool | Future[bool]: ...
    def stop(self, *, block: bool = True, timeout: float | None = None) -> bool | Future[bool]:
        """Ask all routees to stop, each when it has handled what is in its inbox now.

        The routees of a group are all asked at once. The router itself does not end: routees that
        are added later get messages as before. A pool ends: it accepts no more messages, and its
        supervisor stops one routee after the other.

        Args:
            block: Whether to wait until all of them have stopped.
            timeout: Seconds to wait for all of them together, if blocking; `None` waits for ever.

        Returns:
            `True` if any of them took the request; `False` if all were dead already. Without
            blocking, a future of that.

        Raises:
            Timeout: Not all have stopped after `timeout` seconds. All have been asked to.
            DeadlockError: A routee calls this and waits for itself. All have been asked to.
        """
        if timeout is not None and block:
            check_timeout(timeout)
        if self._pool is not None:
            ended = self._pool.stop(self)
            return self._pool.wait(self, ended, timeout) if block else ended
        routees = self._routees
        stops = [routee.stop(block=False) for routee in routees]
        stopped = derive(any, stops)
        if not block:
            return stopped
        try:
            any_stopped: bool = stopped.get(timeout=timeout)
        except Timeout as error:
            left = [each for each, stop in zip(routees, stops, strict=True) if not stop.done()]
            raise late(self, "stopped", timeout, left) from error
        else:
            return any_stopped

    def kill(
        self,
        *,
        abandon_after: float | None = UNSAID,
        block: bool = True,
        deadline: float | None = UNSAID,
    ) -> Any:
        """Have all routees end right after the messages that they are handling.

        See `ActorRef.kill`. A pool ends with that.

        Args:
            abandon_after: Seconds after which those that have not ended are abandoned; `None`
                waits for their handlers to return. If nothing is said, they are the
                `stop_timeout` of their system.
            block: Whether to wait until all have ended.
            deadline: The former name of `abandon_after`; deprecated.

        Returns:
            `True` if any of them has ended because of this; `False` if all were dead already.
            Without blocking, a future of that.

        Raises:
            DeadlockError: A routee calls this and waits for itself. All have been killed.
            TypeError: `abandon_after` is not a number.
            ValueError: `abandon_after` is negative or infinite. Nothing has been killed.
        """
        seconds = seconds_of_kill(abandon_after, deadline)
        if self._pool is not None:
            ended = self._pool.kill(self, seconds)
            return self._pool.wait(self, ended) if block else ended
        ended = derive(
            any, [each.kill(abandon_after=seconds, block=False) for each in self._routees]
        )
        return ended.get() if block else ended

    def when_terminated(self) -> Future[Reason]:
        """Return a future of the reason why the routees have ended.

        Of a pool, it is the reason of its supervisor, which has ended when all routees have. Of a
        group, it is resolved when all have ended that are its routees now: with `Stopped` if all
        were stopped, or else with the first other reason, in the order of the routees.
        """
        if self._pool is not None:
            return self._pool.supervisor.when_terminated()
        return derive(_worst, [routee.when_terminated() for routee in self._routees])

    def statistics(self) -> ActorStatistics:
        """Return the statistics of all routees together.

        What routees have handled that have left the router does not count.
        """
        each = [routee.statistics() for routee in self._routees]
        return ActorStatistics(
            waiting=sum(one.waiting for one in each),
            stashed=sum(one.stashed for one in each),
            handled=_sum([one.handled for one in each]),
            failures=_sum([one.failures for one in each]),
            oldest=max((one.oldest for one in each if one.oldest is not None), default=None),
            cancelled=_sum([one.cancelled for one in each]),
            expired=_sum([one.expired for one in each]),
        )

    def keep_statistics(self) -> None:
        """Have the routees count their messages from now on; in a pool, later ones as well."""
        if self._pool is not None:
            self._pool.keeps_statistics = True
        for routee in self._routees:  # in this order: who comes later sees the mark
            routee.keep_statistics()

    def tell_after(self, delay: float, message: Any) -> Timer:
        """Send a message later. It is routed when it is due.

        If no routee is alive then, it becomes a dead letter.

        Args:
            delay: Seconds until it is sent, by the clock of the router's `system`.
            message: Any object. It is not copied.

        Returns:
            The timer, which can be cancelled.

        Raises:
            ActorDeadError: No routee is alive now.
            TypeError: `delay` is not a number.
            ValueError: `delay` is negative or infinite.
        """
        return self._set_timer(message, delay, None, "delay")

    def tell_every(self, interval: float, message: Any, *, first: float | None = None) -> Timer:
        """Send a message again and again. It is routed each time that it is due.

        If a message is due while a routee has not yet begun to handle the one before, it is left
        out, and counted in `Timer.missed`. If no routee is alive, the message becomes a dead
        letter, and the timer ends.

        Args:
            interval: Seconds from one to the next, by the clock of the router's `system`.
            message: Any object. It is not copied.
            first: Seconds until the first one; `None` for one interval.

        Returns:
            The timer, which can be cancelled.

        Raises:
            ActorDeadError: No routee is alive now.
            TypeError: One of the times is not a number.
            ValueError: `interval` is not more than 0, `first` is negative, or one is infinite.
        """
        check_seconds("interval", interval, more_than_zero=True)
        return self._set_timer(message, interval if first is None else first, interval, "first")

    def timers(self) -> list[Timer]:
        """Return the timers that were set through this router and have something left to send."""
        return list(self._timers.copy())

    def _set_timer(self, message: Any, delay: Any, interval: Any, what: str) -> Timer:
        check_times(delay, interval, what)
        if not self.is_alive():
            raise self._dead_error()
        timer = RoutedTimer(self, message, delay, interval)
        try:
            self._timers[timer] = None
            timer.begin()
        except BaseException:
            timer.cancel()  # the clock refuses it, or a signal handler raised
            raise
        return timer

    def _tell_soon(self, message: Any) -> list[Timer]:
        """Choose routees as for `tell()`, and set timers of theirs that are due at once.

        So no sender waits for room in a full inbox, and it is known whether they have begun.
        """
        raise NotImplementedError


def _sum(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _worst(reasons: Sequence[Reason]) -> Reason:
    return next((reason for reason in reasons if reason != Stopped()), Stopped())
