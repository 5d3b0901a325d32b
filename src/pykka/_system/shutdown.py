"""The end of an actor system: all its actors end, within a time.

Invariants
    1. *It ends.* The system is marked as closing first, and *then* it is looked who is there.
       A thread that starts an actor enters it first, and *then* looks at the mark. So an actor is
       either seen here, or refused. Only the children of living actors are let in, and these end
       with their parents. So what is left to be stopped does not grow from outside.
    2. *It costs what it has to do.* Who is left is looked up once for each round, and not for each
       actor. The first round stops everybody. Others find at most those whose parents went before
       them without an end of their own.
    3. *The time holds,* whatever there is to do. In its last part those that are left are killed.
       When it is over, those whose code runs and does not come back are abandoned. What cannot be
       done in time, because there are too many actors, is left to a thread, which kills and
       abandons the rest; nothing waits for that.

The caller does not lend its thread to an actor if there is a time, since a hook could overrun it.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

from pykka._cell.reasons import Abandoned
from pykka._deadlock.wait_graph import places_of_actors
from pykka._exceptions import Timeout
from pykka._futures.ask import make_ask
from pykka._futures.deadline import Deadline
from pykka._lifecycle.cancellation import await_through_cancellation, is_cancellation
from pykka._lifecycle.children import ask_to_stop
from pykka._lifecycle.kill import abandon, end_of, grace_of
from pykka._util.gil import HAS_GIL
from pykka._util.imported import running_loop
from pykka._util.thread_state import current
from pykka.messages import _ActorStop
from pykka.timers._clock import Clock, default_clock, lengthy

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from typing import Protocol

    from pykka._cell.cell import Cell
    from pykka._futures.threading_future import ThreadingFuture

    class System(Protocol):
        """What a shutdown needs of the system."""

        @property
        def stop_timeout(self) -> float:
            """The seconds that an actor has to end where nothing else is said."""
            ...

        def everybody(self) -> list[Cell]:
            """All actors that have not ended, in the order of their start."""
            ...

        def _begin_to_end(self, shutdown: Shutdown) -> None:
            """Take no actors for now but the children of living ones."""

        def end(self) -> None:
            """Take no actor any more."""

        def forget(self, cell: Cell) -> None:
            """Take note that an actor has ended, to the last."""

        def _go_on_after(self, shutdown: Shutdown) -> None:
            """Take actors again, unless the system has ended."""


SHARE = 0.25
"""The part of the time that is for the end of those that have to be killed; but no more than what
a killed actor has for its end elsewhere (`grace_of`)."""

TURNS = 10
"""The turns of its event loop that a cancelled actor has for its end, however late it is. Three
are enough if it awaits nothing more: the cancellation, its step, and the news of its end."""

AFTERWARDS = 0.05
"""The seconds after its time that the caller abandons actors; a thread does the rest."""

TIME_TO_DIE = 0.05
"""Seconds that killed actors have at least, also if the time of the shutdown is over."""

FEW = 1_000
"""If more actors than that are left when the time is over, they are left to a thread."""

NAMED = 10
"""So many actors are named in the text of an exception."""


@lengthy
class Shutdown:
    """The end of all actors of a system.

    Args:
        system: The system.
        timeout: The seconds that all of it may take; `None` for all that the actors take.
    """

    is_cancelled = False

    def __init__(self, system: System, timeout: float | None) -> None:
        self._system = system
        self._end = Deadline(timeout)
        self._end_of_patience = Deadline(
            None
            if timeout is None
            else float(timeout) - min(grace_of(system), float(timeout) * SHARE)
        )
        self._until = self._end_of_patience
        """What is being waited for is waited for until then."""
        self._lends = False
        """Whether the thread that waits may run what it waits for."""
        self._in_a_hurry = False
        self._clock: Clock = current.state.world.clock(default_clock)
        self._awaited: ThreadingFuture[Any] | None = None
        self._left: list[Cell] = []
        """Those that had to be killed."""
        self._hanging: list[Cell] = []
        """Those of them that had to be abandoned."""

    def run(self) -> None:
        """Do it, and block meanwhile; see `ActorSystem.shutdown`."""
        self._lends = self._end.timeout is None
        try:
            self._system._begin_to_end(self)
            self._refuse_suicide()
            for ended in self._stops():
                self._wait(ended)
        except BaseException:  # DeadlockError, or Ctrl-C
            self._give_up()
            raise
        finally:
            self._system._go_on_after(self)
        self._complain()

    async def run_awaiting(self, exception: BaseException | None) -> None:
        """Do it in an event loop, at the end of a block.

        Args:
            exception: What the block has raised.
        """
        interruption: BaseException | None = None
        try:
            self._system._begin_to_end(self)
            if exception is not None and is_cancellation(exception):
                self._hurry()
            self._schedule()
            for ended in self._stops():
                # In this order: `ring` does it the other way round.
                self._awaited = ended
                if self._is_over():
                    # Whom the loop has been told to cancel is cancelled before it is looked again:
                    # the clock's thread may ring before the loop has had a single turn.
                    if running_loop() is not None:
                        turns = _Turns()
                        interruption = (
                            await await_through_cancellation(turns, turns.are_over, self._hurry)
                            or interruption
                        )
                    self._schedule()
                interruption = (
                    await await_through_cancellation(ended, ended.done, self._hurry)
                    or interruption
                )
        except BaseException:  # DeadlockError, or the loop is being closed
            self._give_up()
            raise
        finally:
            self.is_cancelled = True
            self._clock.forget(self)
            self._system._go_on_after(self)
        if interruption is not None:
            raise interruption
        if exception is None:
            self._complain()

    def ring(self) -> None:
        """Have the coroutine go on that awaits an end: its time is over. The clock calls this."""
        awaited = self._awaited
        if awaited is not None:
            awaited._try_resolve((None, None))

    def _schedule(self) -> None:
        remaining = self._until.remaining()
        if remaining is not None:
            self._clock.schedule(self._clock.now() + remaining, self)

    def _refuse_suicide(self) -> None:
        """Raise if this is done by an actor of the system, which would wait for itself."""
        me: Any = current.state.cell
        if me is not None and me.services is self._system and me.actor is not None:
            end_of(me).get()

    def _is_over(self) -> bool:
        return self._until.remaining() == 0

    def _wait(self, ended: ThreadingFuture[Any]) -> None:
        with suppress(Timeout):
            ended.get(timeout=self._until.remaining())

    def _stops(self) -> Iterator[ThreadingFuture[Any]]:
        """End one actor after the other; the caller waits for each, until the time is over."""
        tried: set[Cell] = set()
        while True:
            left = self._others(tried)
            if not left:
                self._system.end()
                left = self._others(tried)
                if not left:
                    return
            roots = [each for each in left if not has_parent(each)]
            for cell in reversed(roots or left):
                tried.add(cell)
                yield self._ask(cell)
                if self._is_over():
                    yield from self._kills()
                    return

    def _others(self, tried: set[Cell]) -> list[Cell]:
        return [each for each in self._system.everybody() if each not in tried]

    def _ask(self, cell: Cell) -> ThreadingFuture[Any]:
        if self._lends and cell.extension is None and cell.users_inbox() is None:
            # What ActorRef.stop() does; the thread that waits may run the actor.
            ask: ThreadingFuture[Any] = make_ask(_ActorStop(), cell)
            if not cell.stopped:
                cell.send_and_run(ask)  # type: ignore[arg-type]
                return ask
        ended = ask_to_stop(cell, None)
        if self._in_a_hurry:
            cell.cancel()
        return ended

    def _kills(self) -> Iterator[ThreadingFuture[Any]]:
        """Kill those that are left, and see that they end."""
        self._system.end()
        # What is awaited is cancelled by a kill, and takes a turn of its loop to end.
        moment = Deadline(TIME_TO_DIE)
        self._until = self._end if (self._end.remaining() or 0.0) > TIME_TO_DIE else moment
        self._schedule()
        everybody = self._system.everybody()[::-1]
        self._left = left = [each for each in everybody if each.actor is not None]
        to_kill = iter(left)
        for cell in to_kill:
            cell.kill()
            if self._is_over():
                break
        unsure = iter(left)
        has_waited = False
        for cell in unsure:
            # In an event loop, a wait may be over too early: the clock may ring only now because
            # the patience was over. So it is looked, each time, whether the actor has ended. And
            # there is at least one wait, however late it is: the loop cancels what it runs only
            # then.
            while cell.actor is not None:
                if has_waited and self._is_over():
                    self._leave([cell, *unsure], list(to_kill))
                    return
                has_waited = True
                yield end_of(cell)
            self._system.forget(cell)  # its thread may not have come to that yet

    def _leave(self, left: list[Cell], to_kill: list[Cell]) -> None:
        """Abandon those whose code is running. The others end as soon as they have a thread.

        The time is over. If very many are left, all threads that there are compete for the
        interpreter with this one. So nothing is done here for any of them then.
        """
        if len(left) <= FEW:
            places = places_of_actors()
            most = current.state.world.monotonic() + AFTERWARDS
            for cell in left:
                # One in an event loop has been cancelled, in vain.
                hangs = cell in places or cell.task is not None
                hangs = hangs or (not HAS_GIL and is_at_work(cell))
                if hangs and cell.actor is not None and current.state.world.monotonic() < most:
                    abandon(cell, places.get(cell))
                    self._hanging.append(cell)
            left = [each for each in left if each.actor is not None]
        if left:
            sweeper = _Sweeper(left, to_kill, grace_of(self._system))
            try:
                current.state.world.start_thread(
                    sweeper.sweep
                )  # it is not waited for, not even to begin
            except RuntimeError:  # the interpreter is shutting down
                sweeper.sweep()

    def _hurry(self) -> None:
        """Ask all to stop at once, and interrupt what they await."""
        self._in_a_hurry = True
        self._give_up()
        for cell in self._system.everybody()[::-1]:
            cell.cancel()

    def _give_up(self) -> None:
        """Ask all to stop that are left, without waiting for each other."""
        self._system.end()
        for cell in self._system.everybody()[::-1]:
            if not has_parent(cell):
                ask_to_stop(cell, None)

    def _complain(self) -> None:
        """Raise if an actor had to be killed. Those that hang are named first.

        Raises:
            Timeout: That is so.
        """
        left = self._left
        if left:
            hanging = dict.fromkeys(self._hanging[:NAMED])
            others = (each for each in left if each not in hanging)
            named = [*hanging, *islice(others, NAMED - len(hanging))]
            who = ", ".join(f"{cell} ({_fate(cell)})" for cell in named)
            more = len(left) - len(named)
            msg = (
                f"not all actors of {self._system} stopped within {self._end.timeout} seconds: "
                f"{who}{f', and {more:,} more' if more else ''}"
            )
            raise Timeout(msg)


class _Turns:
    """Lets an event loop of asyncio have as many turns as a cancelled task needs to end.

    They are counted, and do not end with what is awaited: the clock may have resolved that.
    """

    def __init__(self) -> None:
        self._left = TURNS

    def are_over(self) -> bool:
        """Tell whether the loop has had them all."""
        return not self._left

    def __await__(self) -> Generator[None, None, None]:
        while not self.are_over():
            self._left -= 1
            yield


class _Sweeper:
    """Ends what a shutdown has had no time for.

    Args:
        left: Actors that are to end.
        to_kill: Those of them that are still to be killed.
        seconds: How long they have for that.
    """

    def __init__(self, left: list[Cell], to_kill: list[Cell], seconds: float) -> None:
        self._left = left
        self._to_kill = to_kill
        self._seconds = seconds

    def sweep(self) -> None:
        """Kill who is left to be killed, and abandon who has not ended after a while."""
        for cell in self._to_kill:
            cell.kill()
        grace = Deadline(self._seconds)
        for cell in self._left:
            with suppress(Timeout):
                end_of(cell).get(timeout=grace.remaining())
        places = places_of_actors()
        for cell in self._left:
            if cell.actor is not None:
                abandon(cell, places.get(cell))


def is_at_work(cell: Cell) -> bool:
    """Tell whether a thread runs code of an actor, as far as the actor's marks say.

    Where frames cannot be read, see `places_of_actors`, it has to do. One that is in its start
    hook is missed, and left to the thread that does the rest.
    """
    return cell.handling is not None or cell.ending


def _fate(cell: Cell) -> str:
    reason = cell.reason
    if isinstance(reason, Abandoned):
        return f"abandoned, and still running at {reason.place or 'a place unknown'}"
    if cell.actor is not None:
        return "killed, and not ended yet"
    return f"killed: {reason}"


def _parent_of(cell: Cell) -> Cell | None:
    """The actor that stops this one when it ends; `None` if others have to."""
    extension = cell.extension
    parent = None if extension is None else extension.parent
    return None if parent is None or parent.actor is None else parent


def has_parent(cell: Cell) -> bool:
    """Tell whether there is an actor that stops this one when it ends."""
    return _parent_of(cell) is not None


def root_of(cell: Cell | None) -> Cell | None:
    """The actor at the top of those that an actor ends with."""
    while cell is not None and (parent := _parent_of(cell)) is not None:
        cell = parent
    return cell
