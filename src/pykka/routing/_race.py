"""A race for the first answer: one question, several who may answer it, one future.

No thread waits for the answers. Each of them, when it arrives, is offered to the future by the
thread that brings it, and the first one that is no exception is taken. When the last one has
turned out to be an exception too, that is taken. Whatever comes later is dropped without a word.

Invariant: the future is resolved at the latest when all have answered. Each who fails is crossed
out of the set of those who are missing, and *then* it is seen whether the set is empty. To cross
out is one step, so the thread that does it last finds the set empty. To be served twice, as
happens to waiters of a future when a signal handler strikes, does no harm.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from pykka._exceptions import Timeout
from pykka._futures.threading_future import ThreadingFuture
from pykka._util.checks import check_clock, check_number, in_seconds, shorten
from pykka._util.log import traceback_of
from pykka.timers._clock import lengthy

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka._futures.future import Future
    from pykka._ref.ref import ActorRef
    from pykka.timers._clock import Clock


@lengthy
class RaceAlarm:
    """Something that is to be done at some time, unless it is cancelled before.

    Args:
        clock: The clock that rings it.
        function: What is to be done. It is called with the alarm.
    """

    __slots__ = ("_clock", "_function", "is_cancelled")

    def __init__(self, clock: Clock, function: Callable[[RaceAlarm], object]) -> None:
        self.is_cancelled = False
        self._clock = clock
        self._function: Callable[[RaceAlarm], object] | None = function

    def set(self, seconds: float) -> None:
        """Have it ring after some seconds."""
        self._clock.schedule(self._clock.now() + seconds, self)

    def ring(self) -> None:
        """Do what is to be done."""
        function = self._function
        self._function = None
        if function is not None:
            function(self)

    def cancel(self) -> None:
        """Do not ring, if it can still be helped."""
        self.is_cancelled = True
        if self._function is not None:
            self._function = None  # the clock may keep the alarm for a while, and nothing else
            self._clock.forget(self)


class Race:
    """A question to several, of which the first answer counts.

    Args:
        runners: How many may answer it.
        within: Seconds after which it is answered with `Timeout`; `None` for never.
        clock: Counts the seconds.
        whose: Who asks, for the text of errors.
    """

    def __init__(self, runners: int, within: float | None, clock: Clock, whose: object) -> None:
        self.answer: ThreadingFuture[Any] = ThreadingFuture()
        self._missing = set(range(runners))
        self._within = within
        self._clock = clock
        self._whose = whose
        self._limit: RaceAlarm | None = None

    def begin(self) -> None:
        """Let the time run."""
        self.answer._when_ready(self.end)
        if self._within is not None:
            self._limit = RaceAlarm(self._clock, self._time_is_up)
            self._limit.set(self._within)

    def enter(self, number: int, future: Future[Any]) -> None:
        """Let a runner take part.

        Args:
            number: Its number, from 0.
            future: Its answer.

        Raises:
            TypeError: It cannot be told when its answer is there.
        """
        if not isinstance(future, ThreadingFuture) or not future._when_ready(
            functools.partial(self._arrived, number, future)
        ):
            what = shorten(future)
            msg = f"{self._whose} cannot tell when {what} is done, so it cannot wait for it"
            raise TypeError(msg)

    def end(self) -> None:
        """Be told that there is an answer, or that none is waited for any more."""
        if self._limit is not None:
            self._limit.cancel()

    def _arrived(self, number: int, future: ThreadingFuture[Any]) -> None:
        error = future.exception(timeout=0)
        if error is None:
            self.answer._try_resolve((future.get(timeout=0), None))
        else:
            self._lost(number, error)

    def _lost(self, number: int, error: BaseException) -> None:
        """See to a runner that has failed."""
        self._missing.discard(number)
        if not self._missing:
            self.answer._try_resolve((None, (error, traceback_of(error))))

    def _time_is_up(self, _alarm: RaceAlarm) -> None:
        error = Timeout(f"{self._whose} has got no answer within {in_seconds(self._within)}")
        self.answer._try_resolve((None, (error, None)))


def clock_of(routee: ActorRef[Any]) -> Clock:
    """The clock that an actor goes by, or the first routee of a router."""
    return routee.system.clock


def check_race(within: Any, clock: Any) -> None:
    """Refuse what is not a number of seconds, or no clock."""
    if within is not None:
        check_number("within", within, least=0)
    if clock is not None:
        check_clock("clock", clock)
