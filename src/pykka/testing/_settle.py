"""Waiting until a system has settled: nothing is ready, running, or due.

Problem
    A test that has sent something wants to know when all that follows from it has been done. It
    cannot look at one actor after the other: while it looks at the second, the second may send the
    first one something, and be idle when it is looked at.

Remedy
    Each actor is sent a *look*, a message of the library's own that lies in the inbox as all
    others do. When the actor comes to it, it says how many messages it has taken up so far. That
    is done in *rounds*: all looks of a round are answered before the next one begins. If two
    rounds, one after the other, have found the same, then nothing was going on between them.

Proof. Let T be a moment after the first round and before the second, and a message lie in the
inbox of an actor X, or be handled by it, at T. X has said its first number before T, in between
two messages; so it has taken that one up afterwards. The look of the second round is sent after T,
so it comes later in X's inbox, and X has taken the message up when it says its second number. The
numbers differ. (In an inbox with priorities a look comes first; so X says besides whether anything
lies there, and if so, that is not settled.)

An actor that ends cannot answer either. It is at work until its system has forgotten it: by then
it is known of each message that was left in its inbox what has become of it, and those who watch
it have been told. What they do about it belongs to the next rounds.

An actor that is blocked cannot answer. If it waits without a limit for an answer that is not
there, it is at rest: another actor has to do something before it goes on, and that one is counted.
The same is true of one that is down, until its supervisor starts it again. So such an actor is not
sent a look; what it waits for is compared in its place. All others, one that sleeps or waits with
a time-out among them, are at work until they answer.

What is not seen is done by no actor: by threads of the program's own, by subscribers, in event
loops. (The idea of comparing two rounds is that of Mattern's four-counter method for the detection
of termination, 1987.)
"""

from __future__ import annotations

from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

from pykka._cell.metering import switch_on
from pykka._deadlock.wait_graph import places_of_actors
from pykka._exceptions import ActorDeadError, Timeout
from pykka._futures.deadline import Deadline
from pykka._system.system import require_system
from pykka._util.checks import shorten
from pykka._util.thread_state import current
from pykka.messages import system_handler
from pykka.timers import ManualClock, MonotonicClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka._cell.cell import Cell
    from pykka._envelope import Letter
    from pykka._system.system import ActorSystem

WITHIN = 10.0
"""The seconds that a test waits for something, if it has not said how many."""

BETWEEN_GLANCES = 0.002
"""The seconds after which it is looked whether those that have not answered are at rest."""


def settle(system: ActorSystem | None = None, timeout: float = WITHIN) -> None:
    """Wait until nothing happens any more in a system.

    That is when no actor has anything to handle, none is handling anything, and no timer is due.
    An actor that waits without a limit for an answer counts as one that does nothing, since
    another one has to do something first. Timers that are due later do not count: they go on when
    a test advances its `pykka.timers.ManualClock`, or as time passes.

    What is done by threads of the program's own is not seen.

    Args:
        system: The system; `None` for the default one.
        timeout: The seconds that it may take.

    Raises:
        Timeout: An actor is still at work. The text says which one, and where.
        RuntimeError: An actor of the system calls this, which would wait for itself.
        TypeError: That is no system, or `timeout` is no number.

    Examples:
        >>> import pykka
        >>> from pykka.testing import settle
        >>> class Second(pykka.ThreadingActor):
        ...     heard = None
        ...     def on_receive(self, message):
        ...         self.heard = message
        >>> class First(pykka.ThreadingActor):
        ...     def on_receive(self, message):
        ...         message.tell("hello")
        >>> first, second = First.start(), Second.start()
        >>> first.tell(second)
        >>> settle()
        >>> second.proxy().heard.get()
        'hello'
        >>> first.stop(), second.stop()
        (True, True)
    """
    system = require_system(system, "settle() takes an ActorSystem, or None, not {}")
    end = Deadline(timeout)
    me: Any = current.state.cell
    if me is not None and me.services is system:
        msg = f"{me} cannot wait until its own system has settled, as it is itself at work"
        raise RuntimeError(msg)
    simulation = getattr(current.state.world, "scheduler", None)
    if simulation is not None:  # this is part of a simulated run
        simulation.settle()
        return
    before: object = None
    while True:
        _ring_what_is_due(system, end)
        found = _look_at_all(system, end)
        busy = [cell for cell, said in found.items() if said is _BUSY]
        if found == before and not busy:
            return
        if end.remaining() == 0:
            raise _not_settled(system, busy, end)
        before = found


class _Look(NamedTuple):
    """Asks an actor how much it has taken up."""

    say: Callable[[tuple[Cell, object]], object]


@system_handler(_Look, counted=False)
def _on_look(cell: Cell, envelope: Letter) -> object:
    taken = switch_on(cell).taken
    extension: Any = cell.extension
    is_empty = not cell.count() and not extension.replay_queue
    envelope.message.say((cell, _Said(cell.actor, taken) if is_empty else _BUSY))
    return None


class _Said:
    """What an actor has said: which instance it is, and how much was taken up so far."""

    __slots__ = ("_instance", "_taken")

    def __init__(self, instance: object, taken: int) -> None:
        self._instance = instance
        self._taken = taken

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Said)
            and other._instance is self._instance
            and other._taken == self._taken
        )

    __hash__ = None  # type: ignore[assignment]


_BUSY: Any = "there is more to do"


def _look_at_all(system: ActorSystem, end: Deadline) -> dict[Cell, object]:
    """Make a round: what each actor says, or what it rests in."""
    found: dict[Cell, object] = {}
    missing: dict[Cell, None] = {}
    answers: SimpleQueue[tuple[Cell, object]] = SimpleQueue()
    for cell in system.everybody():
        rest = _rest_of(cell)
        if rest is None:
            missing[cell] = None
            with suppress(ActorDeadError):  # it ends, and that is waited for
                cell.tell_unbounded(_Look(answers.put))
        else:
            found[cell] = rest
    while missing:
        try:
            cell, said = answers.get(timeout=BETWEEN_GLANCES)
        except Empty:
            for each in list(missing):
                # One that has gone was at work until now.
                rest = _rest_of(each) if _is_listed(system, each) else _BUSY
                if rest is not None:
                    found[each] = rest
                    del missing[each]
            if missing and end.remaining() == 0:
                raise _not_settled(system, list(missing), end) from None
        else:
            found[cell] = said
            missing.pop(cell, None)
    return found


def _is_listed(system: ActorSystem, cell: Cell) -> bool:
    """Tell whether an actor has not ended, to the last; see `ActorSystem.everybody`."""
    return cell in system._refs or cell in system._ending  # in this order, as there


def _rest_of(cell: Cell) -> object:
    """What an actor rests in, which cannot answer; `None` if it can, or is at work, or ends."""
    if cell.closed:
        return None
    wait: Any = cell.waiting
    if wait is not None:
        future = getattr(wait, "future", None)  # else it runs the actor that it waits for
        return None if future is not None and future._has_outcome() else wait
    extension = cell.extension
    if extension is not None and extension.down and not extension.system_queue:
        return "down"
    return None


def _not_settled(system: ActorSystem, cells: list[Cell], end: Deadline) -> Timeout:
    places = places_of_actors()
    who = [
        f"{cell} is at {places.get(cell) or 'work'}, and handles {shorten(cell.handled_message)}"
        for cell in cells
    ]
    said = "; ".join(who) or "its actors go on and on"
    return Timeout(f"{system} has not settled within {end.timeout:g} seconds: {said}")


class _Mark:
    """An alarm that tells that those before it have rung."""

    is_cancelled = False

    def __init__(self) -> None:
        self._rung: SimpleQueue[None] = SimpleQueue()

    def ring(self) -> None:
        """Tell it."""
        self._rung.put(None)

    def wait(self, seconds: float | None) -> None:
        """Wait for that."""
        with suppress(Empty):
            self._rung.get(timeout=seconds)


def _ring_what_is_due(system: ActorSystem, end: Deadline) -> None:
    """Have a clock ring what is due by now."""
    clock = system.clock
    if isinstance(clock, ManualClock):
        clock.advance(0)
    elif isinstance(clock, MonotonicClock):
        mark = _Mark()
        clock.schedule(clock.now(), mark)
        mark.wait(end.remaining())
