"""Scatter-gather: all are asked, and the first answer counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from pykka._futures.threading_future import failed_future
from pykka._util.checks import UNSAID, check_clock
from pykka.routing._answers import ask_of
from pykka.routing._race import Race, clock_of, seconds_of_race
from pykka.routing._router import RouterRef

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Unpack

    from pykka._actor.actor import Actor
    from pykka._futures.future import Future
    from pykka._ref.ref import ActorRef
    from pykka.routing._router import Maker, PoolOptions
    from pykka.supervision._specs import ChildSpec
    from pykka.timers._clock import Clock

    class ScatterGatherOptions(PoolOptions, total=False):
        """What `ScatterGather.pool()` takes."""

        timeout: float | None
        within: float | None
        clock: Clock | None


A = TypeVar("A", bound="Actor")
B = TypeVar("B", bound="Actor")


class ScatterGather(RouterRef[A]):
    """Asks all routees, and takes the first answer that is not an exception.

    This trades work for time: the answer is there as soon as the fastest routee has it. If all of
    them fail, the last exception to arrive is raised. Answers that come later are silently
    dropped. A `tell` goes to all routees.

    An attribute that is set through a proxy is set in all routees; the sender waits for the first.

    Deadlock detection does not see an actor that waits for the answer, because several routees
    could give it. So let the actor wait with a timeout, or pass `timeout`.

    The name is that of Akka's "scatter-gather first completed".

    Args:
        refs: The routees.
        timeout: Seconds after which the answer is `Timeout`; `None` for no limit.
        clock: The clock that counts these seconds, such as a `pykka.timers.ManualClock` in tests;
            `None` for the clock of the first routee's system.
        within: The former name of `timeout`; deprecated.

    Raises:
        TypeError: One of `refs` is not a ref. From `ask`: an actor class makes futures of its own
            that cannot tell when they are done.
        ValueError: `timeout` is negative or infinite.

    Examples:
        >>> import threading
        >>> import pykka
        >>> from pykka import routing
        >>> class Mirror(pykka.ThreadingActor):
        ...     def __init__(self, name, can_answer):
        ...         super().__init__()
        ...         self.name = name
        ...         self.can_answer = can_answer
        ...     def on_receive(self, message):
        ...         self.can_answer.wait()
        ...         return f"{message} from {self.name}"
        >>> slow, fast = threading.Event(), threading.Event()
        >>> mirrors = [Mirror.start("Rome", slow), Mirror.start("Oslo", fast)]
        >>> router = routing.ScatterGather(mirrors, timeout=10)
        >>> fast.set()
        >>> router.ask("page 1")
        'page 1 from Oslo'
        >>> slow.set()
        >>> router.stop()
        True
    """

    __slots__ = ("_clock", "_timeout")

    if TYPE_CHECKING:  # see PoolOptions

        @overload  # type: ignore[override]
        @classmethod
        def pool(
            cls, actor: ChildSpec, size: int, **options: Unpack[ScatterGatherOptions]
        ) -> ScatterGather[Any]: ...
        @overload
        @classmethod
        def pool(
            cls, actor: Maker[B], size: int, **options: Unpack[ScatterGatherOptions]
        ) -> ScatterGather[B]: ...
        @classmethod
        def pool(cls, actor: Any, size: int, **options: Any) -> ScatterGather[Any]:
            """See `RouterRef.pool`."""
            ...

    def __init__(
        self,
        refs: Iterable[ActorRef[A]],
        *,
        timeout: float | None = None,
        clock: Clock | None = None,
        within: float | None = UNSAID,
    ) -> None:
        timeout = seconds_of_race("ScatterGather", timeout, within)
        if clock is not None:
            check_clock("clock", clock)
        self._timeout = timeout
        self._clock = clock
        super().__init__(refs)

    if not TYPE_CHECKING:  # the types are those of RouterRef

        def tell(self, message: Any) -> None:
            self._tell_all(message)

    def _ask(self, message: Any) -> Future[Any]:
        routees = self._living()
        if not routees:
            return failed_future(self._dead_error())
        clock = self._clock or clock_of(routees[0])
        race = Race(len(routees), self._timeout, clock, self)
        race.begin()
        for number, routee in enumerate(routees):
            race.enter(number, ask_of(routee, message))
        return race.answer
