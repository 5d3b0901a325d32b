"""A race for the first answer: one question, several who may answer it, one future.

No thread waits for the answers. Each of them, when it arrives, is offered to the future by the
thread that brings it, and the first one that is no exception is taken. When the last one has
turned out to be an exception too, that is taken. Whatever comes later is dropped without a word.

Invariant: the future is resolved at the latest when all have answered. Each who fails is crossed
out of the set of those who are missing, and *then* it is seen whether the set is empty. To cross
out is one step, so the thread that does it last finds the set empty. To be served twice, as
happens to waiters of a future when a signal handler strikes, does no harm.

Cancelling
    `cancel()` of the future takes the question back from all who have it, and no one else gets it.
    Those whose handlers have begun go on, and their answers count as they would have; if there is
    none of these, the race has no runner left, and ends with the error of the last.

    1. A canceller notes that the race is called off, and *then* looks who has the question, and
       who has yet to get it (`_rest`, which is a part of those who are missing). Who gives it to
       another one takes that one from the rest, or notes its future, and *then* looks whether the
       race is called off. Each note goes into a list of its own, whose `copy()` takes its lock. So
       no one gets the question who is not seen by one of them.
    2. When it is called off, it ends as soon as all who are missing are in the rest. The number of
       the missing is read first, and that of the rest after it; both only become smaller. So if
       they are equal, they were the same at the second look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pykka._exceptions import AskCancelledError, Timeout
from pykka._futures.threading_future import Onlooker, ThreadingFuture
from pykka._futures.unhandled.recall import cancelled_error
from pykka._util.checks import UNSAID, check_number, in_seconds, shorten, warn_of_former_name
from pykka._util.log import is_a, traceback_of
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


class RaceAnswer(ThreadingFuture[Any]):
    """The future of the first answer.

    Args:
        race: The race for it.
    """

    __slots__ = ("called_off", "race")

    def __init__(self, race: Race) -> None:
        super().__init__()
        self.race: Race | None = race
        """As long as there is no answer."""
        self.called_off: list[bool] = []
        """For each that has cancelled it: whether handlers are to be interrupted."""

    def cancel(self, *, interrupt: bool = False) -> bool:
        race = self.race
        if race is not None and not self._has_outcome():
            race.cancel(interrupt=interrupt)
        outcome = self._first_outcome()
        raised = None if outcome is None else outcome[1]
        return (
            raised is not None
            and is_a(raised[0], AskCancelledError)
            and bool(self.called_off.copy())
        )

    def _give_up(self, timeout: float) -> None:
        race = self.race
        if race is not None and timeout > 0 and not self._is_waited_for():
            race.give_up(timeout)

    def _new(self) -> ThreadingFuture[Any]:
        return ThreadingFuture()


# What users see of it is a future; see `pykka._futures.ask`.
RaceAnswer.__name__ = RaceAnswer.__qualname__ = "Future"


class Race:
    """A question to several, of which the first answer counts.

    Args:
        runners: How many may answer it.
        timeout: Seconds after which it is answered with `Timeout`; `None` for never.
        clock: Counts the seconds.
        whose: Who asks, for the text of errors.
    """

    def __init__(self, runners: int, timeout: float | None, clock: Clock, whose: object) -> None:
        self.answer = RaceAnswer(self)
        self._missing = set(range(runners))
        self._runners: list[ThreadingFuture[Any]] = []
        self._called_off = self.answer.called_off
        self._timeout = timeout
        self._clock = clock
        self._whose = whose
        self._limit: RaceAlarm | None = None

    def begin(self) -> None:
        """Let the time run."""
        self.answer._when_ready(Onlooker(self.end))
        if self._timeout is not None:
            self._limit = RaceAlarm(self._clock, self._time_is_up)
            self._limit.set(self._timeout)

    def enter(self, number: int, future: Future[Any]) -> None:
        """Let a runner take part.

        Args:
            number: Its number, from 0.
            future: Its answer.

        Raises:
            TypeError: It cannot be told when its answer is there.
        """
        if isinstance(future, ThreadingFuture):
            self._runners.append(future)
            for interrupt in self._called_off.copy():
                future.cancel(interrupt=interrupt)
        if not isinstance(future, ThreadingFuture) or not future._when_ready(
            Onlooker(self._arrived, number, future)
        ):
            what = shorten(future)
            msg = f"{self._whose} cannot tell when {what} is done, so it cannot wait for it"
            raise TypeError(msg)

    def end(self) -> None:
        """Be told that there is an answer, or that none is waited for any more."""
        if self._limit is not None:
            self._limit.cancel()
        if self.answer._has_outcome():
            self.answer.race = None
            self._runners.clear()

    def cancel(self, *, interrupt: bool) -> None:
        """Take the question back from all who have it."""
        self._called_off.append(interrupt)
        for future in self._runners.copy():
            future.cancel(interrupt=interrupt)
        self._end_if_all_are_back()

    def give_up(self, timeout: float) -> None:
        """Be told that the only asker waits no more; actors may want questions back then."""
        for future in self._runners.copy():
            future._give_up(timeout)

    def is_called_off(self) -> bool:
        """Tell whether a canceller wants the question back."""
        return bool(self._called_off.copy())

    def _left(self) -> int:
        """How many have yet to get the question."""
        return 0

    def _end_if_all_are_back(self, error: BaseException | None = None) -> None:
        missing = len(self._missing)
        if missing <= (self._left() if self.is_called_off() else 0):
            if error is None:
                error = cancelled_error(self._whose)
            self.answer._try_resolve((None, (error, traceback_of(error))))

    def _arrived(self, number: int, future: ThreadingFuture[Any]) -> None:
        error = future.exception(timeout=0)
        if error is None:
            self.answer._try_resolve((future.get(timeout=0), None))
        else:
            self._lost(number, error)

    def _lost(self, number: int, error: BaseException) -> None:
        """See to a runner that has failed."""
        self._missing.discard(number)
        self._end_if_all_are_back(error)

    def _time_is_up(self, _alarm: RaceAlarm) -> None:
        error = Timeout(f"{self._whose} has got no answer within {in_seconds(self._timeout)}")
        self.answer._try_resolve((None, (error, None)))


def clock_of(routee: ActorRef[Any]) -> Clock:
    """The clock that an actor goes by, or the first routee of a router."""
    return routee.system.clock


def seconds_of_race(call: str, timeout: Any, within: Any) -> float | None:
    """The seconds after which a race is over; `None` for never.

    Args:
        call: What was called with them.
        timeout: What the caller has said.
        within: The same, by its former name.

    Raises:
        TypeError: It is no number.
        ValueError: It is negative or infinite.
    """
    is_former = within is not UNSAID
    name, seconds = ("within", within) if is_former else ("timeout", timeout)
    if seconds is not None:
        check_number(name, seconds, least=0)
    if is_former:
        warn_of_former_name(call, "within", "timeout")
    return seconds  # type: ignore[no-any-return]
