"""Killing an actor, and what can be done if it does not die.

A kill marks the actor stopped, and says that it is to end by itself after the current message.
Its thread then runs the last hook. An actor that awaits in an event loop need not be waited for:
it is cancelled, so that is the end of its message, and its last hook runs. If it does not come to
that, because a handler does not return, or has swallowed the cancellation, the actor can be
*abandoned*: the closer then does everything else that ends an actor. The inbox is closed and
answered, those who watch are told that it is still running, and what its code returns some day
finds that the actor has ended, and is dropped.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pykka._cell.reasons import Abandoned
from pykka._futures.threading_future import ThreadingFuture
from pykka._util.checks import UNSAID, check_seconds, shorten, warn_of_former_name
from pykka._util.for_each import call, for_each
from pykka._util.log import logger
from pykka.timers._clock import MonotonicClock, lengthy
from pykka.timers._manual_clock import ManualClock

if TYPE_CHECKING:
    from typing import Protocol

    from pykka._cell.cell import Cell
    from pykka._deadlock.wait_graph import Place

    class EndingServices(Protocol):
        """What the end of an actor needs of its system."""

        @property
        def stop_timeout(self) -> float:
            """The seconds that an actor has to end where nothing else is said."""
            ...


def end_of(cell: Cell, answer: object = None) -> ThreadingFuture[Any]:
    """A future that is resolved when an actor has ended.

    Args:
        cell: The actor.
        answer: The value of the future.
    """
    ended: ThreadingFuture[Any] = ThreadingFuture()
    ended._answered_by = cell
    cell.answer_when_ended(ended, answer=answer)
    return ended


STOP_TIMEOUT = 5.0
"""The seconds that an actor has to end where nothing else is said, unless its system says so.

They go for children of supervisors, for those whose parent has ended in the middle of its work,
and for what was killed; so no one waits for ever for what hangs.
"""

PART_FOR_THE_END = 0.2
"""The part of these seconds that an actor has, when its time is over and it is killed, to come
back from its handler and run its last hook."""


def grace_of(services: EndingServices) -> float:
    """The seconds that a killed actor of a system has for its end, before it is abandoned."""
    return services.stop_timeout * PART_FOR_THE_END


def seconds_of_kill(abandon_after: Any, deadline: Any) -> Any:
    """The seconds after which a killed actor is abandoned; `None` for never, and perhaps unsaid.

    Args:
        abandon_after: What the killer has said.
        deadline: The same, by its former name.

    Raises:
        TypeError: It is not a number.
        ValueError: It is negative or infinite.
    """
    is_former = deadline is not UNSAID
    name, seconds = ("deadline", deadline) if is_former else ("abandon_after", abandon_after)
    if seconds is not None and seconds is not UNSAID:
        check_seconds(name, seconds, or_none=True)
    if is_former:
        warn_of_former_name("kill", "deadline", "abandon_after")
    return seconds


OUR_CLOCKS = (MonotonicClock, ManualClock)
"""The classes of clocks whose methods are none of the user's; a subclass may have its own."""


@lengthy
class Abandonment:
    """Rings when an actor has had its time.

    Args:
        cell: The actor.
        seconds: The time.
        clock: What it goes by; `None` for the clock of the actor's system.
        kills_first: Whether the actor is only killed then, and abandoned when it has not ended
            some time after that.
    """

    __slots__ = ("_cell", "_clock", "_kills_first", "is_cancelled")

    def __init__(
        self, cell: Cell, seconds: float, clock: Any = None, *, kills_first: bool = False
    ) -> None:
        self._cell: Cell | None = cell
        self._clock = clock = cell.services.clock if clock is None else clock
        self._kills_first = kills_first
        self.is_cancelled = False
        clock.schedule(clock.now() + seconds, self)

    @classmethod
    def after_request(cls, cell: Cell, seconds: float) -> Abandonment:
        """Give an actor, which is asked to end, its time.

        Args:
            cell: The actor.
            seconds: The time until it is killed; 0 if that is done already.
        """
        return cls(cell, seconds or grace_of(cell.services), kills_first=seconds > 0)

    def until(self, ended: ThreadingFuture[Any]) -> None:
        """Be cancelled when the actor has ended.

        If it has ended already, that happens here and now. What a signal handler raises meanwhile
        has to come out, so this is no callback, whose exceptions are logged; unless the clock is
        the user's, whose exceptions are.
        """
        if type(self._clock) in OUR_CLOCKS:
            ended._when_ready(self.cancel)
        else:
            ended.add_done_callback(self.cancel)

    def ring(self) -> None:
        """Kill the actor; or abandon it, if that is done already."""
        cell = self._cell
        if cell is None:
            return
        if self._kills_first:
            self._kills_first = False
            cell.kill()
            self._clock.schedule(self._clock.now() + grace_of(cell.services), self)
        elif cell.insist():
            self._clock.schedule(self._clock.now() + grace_of(cell.services), self)
        else:
            abandon(cell)

    def cancel(self, _ended: object = None) -> None:
        """Do not, because it has ended."""
        self.is_cancelled = True
        self._cell = None
        self._clock.forget(self)


def abandon(cell: Cell, place: Place | None = None) -> None:
    """Take an actor for dead whose code does not come back. It may be done at any time.

    Args:
        cell: The actor.
        place: The line of code that it hangs in; it is looked for if it is not said.
    """
    if cell.actor is None:
        return
    if place is None:
        place = cell.find_place()
    # First in the list, so that it counts although the end may have begun in another way.
    abandoned = Abandoned(place)
    cell.need_extension().reason.insert(0, abandoned)
    if cell.closed:  # it has just ended
        cell.need_extension().reason.remove(abandoned)
        return
    cell.mark_ending()  # so that no hook is run any more
    reason = "was abandoned while it handled the message"
    steps = [
        cell.mark_stopped,
        partial(cell.services.unregister, cell),
        partial(_log, cell, place),
        partial(cell.refuse_current, reason),
        cell.close,
        partial(cell.refuse_current, reason),  # again, for it may have taken one up meanwhile
        cell.cancel,
        cell.wake_up,  # its code may be waiting for a message after all
    ]
    try:
        for_each(steps, call)
    except BaseException:
        for_each(steps, call)  # a signal handler raised: go on where it struck
        raise


def _log(cell: Cell, place: Place | None) -> None:
    logger.error(
        "%s was abandoned: it did not end in time, and its code is still running, at %s, "
        "while it handles %s. Its answer and its hooks will be dropped.",
        cell,
        place or "a place unknown",
        shorten(cell.handled_message),
    )
