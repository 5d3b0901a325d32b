"""Tail chopping: one is asked, and when no answer comes, another one as well.

The long tail of a distribution of response times is cut off: it takes two slow routees for a slow
answer, or three, and seldom are there two. (The idea is Jeff Dean's "backup requests", in The Tail
at Scale, CACM 2013; the name is Akka's.)

Invariant: as long as there is no answer and a routee has not been asked yet, there is an alarm
that will have the next one asked, or a thread is just doing so. The one that has the next one
asked cancels the alarm, and sets another. Two threads may do that at the same time: one whose
interval is over, and one that brings a failure. Each of them takes another routee off the list,
which is one step. If both set an alarm, the one that was entered last counts, and the other finds
that it does not.
"""

from __future__ import annotations

from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar, overload

from pykka._futures.threading_future import failed_future
from pykka._futures.unhandled.expiry import expires
from pykka._futures.unhandled.recall import cancelled_error
from pykka._util.checks import UNSAID, check_clock, check_methods, check_span
from pykka._util.thread_state import current
from pykka.routing._answers import ask_of, refusal_of
from pykka.routing._kinds._random import lots
from pykka.routing._kinds._turns import TurnsRouter
from pykka.routing._race import Race, RaceAlarm, clock_of, seconds_of_race
from pykka.routing._router import RouterRef

if TYPE_CHECKING:
    import random as standard_random
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Unpack

    from pykka._actor.actor import Actor
    from pykka._futures.future import Future
    from pykka._ref.ref import ActorRef
    from pykka.routing._router import Maker, PoolOptions
    from pykka.supervision._specs import ChildSpec
    from pykka.timers._clock import Clock

    class TailChoppingOptions(PoolOptions, total=False):
        """What `TailChopping.pool()` takes."""

        interval: float
        timeout: float | None
        within: float | None
        clock: Clock | None
        random: standard_random.Random | None


A = TypeVar("A", bound="Actor")
B = TypeVar("B", bound="Actor")


class TailChopping(TurnsRouter[A]):
    """Asks one routee, and one more after each interval without an answer.

    The order is random, and new for each question. The first answer that is not an exception
    counts. When a routee fails, the next one is asked at once. If all of them fail, the last
    exception to arrive is raised. Answers that come later are silently dropped.

    Use it only for questions that may be handled twice: those that change nothing, or change
    nothing more when they are repeated. A `tell` goes to one routee, chosen at random.

    An attribute that is set through a proxy is set in one routee, or in several.

    Deadlock detection does not see an actor that waits for the answer, because several routees
    could give it. So let the actor wait with a timeout, or pass `timeout`.

    Args:
        refs: The routees.
        interval: Seconds to wait for an answer before the next routee is asked, too.
        timeout: Seconds after which the answer is `Timeout`; `None` for no limit.
        clock: The clock that counts these seconds, such as a `pykka.timers.ManualClock` in tests;
            `None` for the clock of the first routee's system.
        random: The random number generator; `None` for one of the router's own.
        within: The former name of `timeout`; deprecated.

    Raises:
        TypeError: One of `refs` is not a ref. From `ask`: an actor class makes futures of its own
            that cannot tell when they are done.
        ValueError: `interval` is not more than 0, `timeout` is negative, or one is infinite.

    Examples:
        >>> import threading
        >>> import pykka
        >>> from pykka import routing
        >>> class Replica(pykka.ThreadingActor):
        ...     first_hangs = threading.Semaphore()
        ...     repaired = threading.Event()
        ...     def on_receive(self, message):
        ...         if self.first_hangs.acquire(blocking=False):
        ...             self.repaired.wait()
        ...         return f"row {message}"
        >>> router = routing.TailChopping([Replica.start() for _ in range(3)], interval=0.01)
        >>> router.ask(7)  # the first replica hangs, and the second one answers
        'row 7'
        >>> Replica.repaired.set()
        >>> router.stop()
        True
    """

    __slots__ = ("_clock", "_interval", "_random", "_timeout")

    if TYPE_CHECKING:  # see PoolOptions

        @overload  # type: ignore[override]
        @classmethod
        def pool(
            cls, actor: ChildSpec, size: int, **options: Unpack[TailChoppingOptions]
        ) -> TailChopping[Any]: ...
        @overload
        @classmethod
        def pool(
            cls, actor: Maker[B], size: int, **options: Unpack[TailChoppingOptions]
        ) -> TailChopping[B]: ...
        @classmethod
        def pool(cls, actor: Any, size: int, **options: Any) -> TailChopping[Any]:
            """See `RouterRef.pool`."""
            ...

    def __init__(
        self,
        refs: Iterable[ActorRef[A]],
        *,
        interval: float = 0.1,
        timeout: float | None = None,
        clock: Clock | None = None,
        random: standard_random.Random | None = None,
        within: float | None = UNSAID,
    ) -> None:
        check_span("interval", interval)
        timeout = seconds_of_race("TailChopping", timeout, within)
        if clock is not None:
            check_clock("clock", clock)
        if random is not None:
            check_methods("random", random, "random.Random", ["random", "shuffle"])
        self._interval = interval
        self._timeout = timeout
        self._clock = clock
        self._random = current.state.world.new_random() if random is None else random
        super().__init__(refs)

    def _indices(self, count: int) -> Iterator[int]:
        return lots(count, self._random)

    def _ask(self, message: Any) -> Future[Any]:
        chase = self._begin(message)
        return failed_future(self._dead_error()) if chase is None else chase.answer

    def _ask_and_wait(self, message: Any, timeout: float | None) -> Any:
        chase = self._begin(message)
        if chase is None:
            raise self._dead_error()
        try:
            return chase.answer.get(timeout=timeout)
        finally:
            chase.end()  # if the asker waits no more, no other routee needs to be asked
            del chase  # the exception's traceback holds this frame

    _call = RouterRef._call  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]

    def _begin(self, message: Any) -> _Chase | None:
        """Have the first one asked; `None` if no routee is alive."""
        routees = self._living()
        if not routees:
            return None
        self._random.shuffle(routees)
        chase = _Chase(self, message, routees)
        chase.begin()
        chase.go_on()
        return chase


class _Chase(Race):
    """A race whose runners start one after the other.

    Args:
        router: Who asks.
        message: The question.
        routees: Who may be asked, in this order.
    """

    def __init__(
        self, router: TailChopping[Any], message: object, routees: Sequence[ActorRef[Any]]
    ) -> None:
        clock = router._clock or clock_of(routees[0])
        super().__init__(len(routees), router._timeout, clock, router)
        self._message = message
        self._rest = list(enumerate(routees))[::-1]
        self._interval = router._interval
        self._alarm: RaceAlarm | None = None
        self._context = copy_context()
        """The asker's, in which all are asked, whichever thread comes to do it."""

    def go_on(self) -> None:
        """Have the next one asked, if there is one."""
        while not self.answer._has_outcome():
            self._cancel_alarm()
            if self.is_called_off():
                self._end_if_all_are_back()
                return
            try:
                number, routee = self._rest.pop()
            except IndexError:
                return
            if self.is_called_off():
                self._lost(number, cancelled_error(self._whose))
                return
            if self._rest:  # before it is asked, for its inbox may be full and make us wait
                alarm = self._alarm = RaceAlarm(self._clock, self._interval_is_over)
                alarm.set(self._interval)
            future = ask_of(routee, self._message)
            refusal = refusal_of(future)
            if refusal is None:
                self.enter(number, future)
                return
            super()._lost(number, refusal)

    def end(self) -> None:
        super().end()
        self._rest.clear()
        self._cancel_alarm()

    def cancel(self, *, interrupt: bool) -> None:
        super().cancel(interrupt=interrupt)
        self._cancel_alarm()

    def give_up(self, timeout: float) -> None:
        if any(expires(future._answered_by) for future in self._runners.copy()):
            self._called_off.append(False)
            super().give_up(timeout)
            self._end_if_all_are_back()

    def _left(self) -> int:
        return len(self._rest)

    def _lost(self, number: int, error: BaseException) -> None:
        super()._lost(number, error)
        self._go_on_for_asker()

    def _interval_is_over(self, alarm: RaceAlarm) -> None:
        if alarm is self._alarm:
            self._go_on_for_asker()

    def _go_on_for_asker(self) -> None:
        self._context.copy().run(self.go_on)  # two threads may do that at the same time

    def _cancel_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
