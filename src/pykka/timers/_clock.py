"""The clock of an actor system, which everything that has to do with time goes through.

Time is an input. Timers, idle time-outs, the deadlines of supervisors and their back-off ask a
`Clock` what time it is, and have it ring an `Alarm` at another. With a `MonotonicClock` that is
the time of the world. With a `pykka.timers._manual_clock.ManualClock`, a test says when it passes.

How a `MonotonicClock` works
    One thread sleeps until the next alarm is due, and rings it. Alarms wait in a heap, and only
    that thread ever touches it: a thread that schedules an alarm appends it to the list
    `incoming`, and looks whether the thread has to be woken. Mostly it has not, for most alarms
    are due later than others, and cancelled before that. To append is one step, and no lock of
    ours is involved, so an alarm may be scheduled by a signal handler or a finaliser on top of
    whatever else.

planned
    When the thread means to wake up; `AWAKE` while it does something, `NEVER` if nothing is
    pending. Only the thread writes it.
vacant
    A list that holds one token if there is no thread. `del vacant[0]` takes the post, or raises
    `IndexError` if another thread has it; `append` gives it back. See `pykka.runtimes.pool.cell`
    for more about such a token.

Invariant: if an alarm lies in `incoming` then it is not due before `planned`; or the thread will
look there before it sleeps; or it is woken by what lies in the bell; or a thread is being started;
or the thread that scheduled the alarm has not yet got to its look.

Proof. The thread empties the bell, writes `planned`, and *then* looks into `incoming`. A thread
that schedules an alarm appends it, and *then* looks at `planned` (Dekker's pattern). Both
operations on `incoming` take the list's own lock, so one of them comes first, with and without the
GIL. If it is the thread's, then the look at `planned` sees what was written before, and if the
alarm is due earlier than that, the bell rings, or has been rung since it was emptied. It keeps
ringing: if it was rung before the thread sleeps, that wakes at once. If the other comes first,
then the thread finds the alarm. A thread that leaves writes `NEVER`, gives the post back, and
*then* looks once more: in the same way, it finds the alarm, or the post is seen to be vacant and a
thread is started. Threads that were started needlessly find the post taken, and end. So in doubt,
for instance when a signal handler raised, one rings or starts once too often (guarantee G11).
`tests/unit/test_clock_interleavings.py` runs this code through every interleaving.

What rings where
    The thread itself does only what cannot block and calls nothing of the user's. That is said of
    a class of alarms by `brief`. Those of the other classes of the library, marked by `lengthy`,
    are sent out, each by itself or in the line that its attribute `line` names; and the user's
    alarms in a line of their own, so that they ring in order, and hold up only each other.
    See `pykka.timers._errands`. So what was not thought of is sent out.

    The thread does not even look at an attribute of a user's alarm that may be a property. Whether
    it is cancelled is asked where it rings.

Cancelled alarms
    They are left where they are. The thread drops those that it meets. It goes through all of
    the heap when half of it is cancelled, and when nothing else has happened for `KEEP_ALIVE`
    seconds; so to cancel an alarm costs next to nothing, and what is cancelled is not kept for
    ever. `forgotten` counts them: a list, since it grows in one indivisible step.

(A hashed timing wheel, Varghese & Lauck, SOSP 1987, would cost the thread less for each alarm, and
a tick of inaccuracy. With a heap written in C the difference is not worth it.)
"""

from __future__ import annotations

import math
import operator
import os
import sys
import threading
import weakref
from _thread import start_new_thread
from abc import ABC, abstractmethod
from functools import partial
from heapq import heapify, heappop, heappush
from queue import Empty
from time import monotonic
from typing import Any, Protocol, TypeVar

from pykka._util.locks import Bell
from pykka._util.log import Shortened, call_out, is_a, is_for_the_program, report_failure
from pykka._util.thread_state import current
from pykka.timers._errands import Line, report, send_out

AWAKE, NEVER = -math.inf, math.inf

KEEP_ALIVE = 10.0
"""Seconds after which a thread with nothing to do ends."""

MANY = 1_000
"""So many alarms are worth waking the thread for, whenever they are due."""


class Alarm(Protocol):
    """What a clock rings."""

    @property
    def is_cancelled(self) -> bool:
        """Whether the alarm is not to be rung any more. Once true, it stays so."""
        ...

    def ring(self) -> object:
        """Do what was to be done at that time.

        It is called once, by the thread that runs the clock, which may be any. It is short and
        does not block, for other alarms wait. What it raises is logged.
        """
        ...


C = TypeVar("C", bound=type)

_brief: set[type] = set()
_lengthy: set[type] = set()


def brief(alarm_class: C) -> C:
    """Say that alarms of a class may ring on a clock's own thread.

    `ring()` and `is_cancelled` take a handful of steps there, wait for nothing, and neither call
    nor look up anything of the user's: no key function, no comparison, no callback, no handler.
    A subclass has to say it for itself.
    """
    _brief.add(alarm_class)
    return alarm_class


def lengthy(alarm_class: C) -> C:
    """Say that alarms of a class are the library's, and have to be rung elsewhere.

    Only `is_cancelled` is looked at by a clock's own thread. If alarms have an attribute `line`,
    that keeps them in order.
    """
    _lengthy.add(alarm_class)
    return alarm_class


class Clock(ABC):
    """Tells the time, and rings alarms.

    Derive a class from it to run a system with another source of time. All methods may be called
    on any thread, even in a signal handler, in `__del__`, and while an alarm rings.

    Examples:
        A clock that runs faster than real time:

        >>> from pykka.timers import Clock, MonotonicClock
        >>> class FastClock(Clock):
        ...     def __init__(self, factor):
        ...         self.factor = factor
        ...         self.clock = MonotonicClock()
        ...     def now(self):
        ...         return self.clock.now() * self.factor
        ...     def schedule(self, when, alarm):
        ...         self.clock.schedule(when / self.factor, alarm)
        ...     def forget(self, alarm):
        ...         self.clock.forget(alarm)
        >>> clock = FastClock(factor=60)
        >>> clock.now() > clock.clock.now()
        True
    """

    @abstractmethod
    def now(self) -> float:
        """Return the time in seconds, counted from any moment. It never runs backwards."""
        raise NotImplementedError

    @abstractmethod
    def schedule(self, when: float, alarm: Alarm) -> None:
        """Ring an alarm once, at a point in time, or as soon as possible if that is past.

        Args:
            when: Seconds, counted like those of `now`.
            alarm: Its method `ring()` is called without arguments, on any thread, unless its
                attribute `is_cancelled` is true by then. Your own alarms must be short and must
                not block. Some of the library's alarms may block, or call the user's code. So a
                clock with a thread of its own should leave the ringing to a `MonotonicClock`, as
                in the example, or it may be late. An exception in `ring()` is logged and does not
                affect other alarms.

        Raises:
            ValueError: `when` is infinite or not a number (NaN).
        """
        raise NotImplementedError

    def forget(self, alarm: Alarm) -> None:  # noqa: B027 (a clock may do nothing)
        """Take note that an alarm was cancelled, so that its memory can be freed at some time.

        Args:
            alarm: The alarm. Its attribute `is_cancelled` is true.
        """


class MonotonicClock(Clock):
    """Real time, which no change of the wall clock moves; see `time.monotonic`.

    One thread, which all systems with this clock share, takes care of the alarms. It is started
    with the first alarm, ends after some seconds without work, and does not keep the program
    alive. Alarms that may block, or that are not the library's own, ring on other threads: those
    that you schedule ring one after the other, and delay no timer. A child process made by
    `os.fork()` begins without any alarms.

    Examples:
        >>> import threading
        >>> from pykka.timers import MonotonicClock
        >>> class Alarm:
        ...     is_cancelled = False
        ...     def __init__(self):
        ...         self.rung = threading.Event()
        ...     def ring(self):
        ...         self.rung.set()
        >>> clock, alarm = MonotonicClock(), Alarm()
        >>> clock.schedule(clock.now() + 0.01, alarm)
        >>> alarm.rung.wait(timeout=10)
        True
    """

    def __init__(self) -> None:
        self._begin_afresh()
        begin_afresh_after_fork(self)

    def _begin_afresh(self) -> None:
        self._incoming: list[tuple[float, Alarm]] = []
        self._forgotten: list[None] = []
        """As many entries as alarms were cancelled since the heap was last gone through."""
        self._planned = NEVER
        self._tolerated = MANY
        """The thread is woken when so many alarms were cancelled."""
        self._bell = Bell()
        self._vacant = [True]
        self._is_starting = False
        """Whether a thread was asked for that is not there yet."""
        self._has_complained = False
        """Whether it was reported that no thread can be started."""
        # The rest is the thread's.
        self._heap: list[tuple[float, int, Alarm]] = []
        """Numbered, so that those for the same time stay in order and are never compared."""
        self._number = 0
        self._line = Line()
        """The user's alarms that have come due."""

    def now(self) -> float:
        """Return `time.monotonic()`."""
        return monotonic()

    def schedule(self, when: float, alarm: Alarm) -> None:
        """Ring an alarm at a point in time; see `Clock.schedule`. This takes a microsecond."""
        when = point_in_time(when)
        incoming = self._incoming
        try:
            incoming.append((when, alarm))
            planned = self._planned
            if when < planned or (len(incoming) > MANY and planned > AWAKE):
                self._wake()
        except BaseException:
            self._wake()  # a signal handler raised: in doubt, once too often
            raise

    def forget(self, alarm: Alarm) -> None:
        """See `Clock.forget`. The thread is woken only when much can be freed."""
        del alarm
        forgotten = self._forgotten
        forgotten.append(None)
        if len(forgotten) >= self._tolerated and self._planned > AWAKE:
            self._wake()

    def _wake(self) -> None:
        """Have the thread look, or start one."""
        if not self._vacant:
            if not self._bell.qsize():
                self._bell.put(None)
        elif not self._is_starting:
            # Thread.start() takes locks, and does not bear a signal handler that raises. So a
            # small thread does it.
            try:
                # No signal handler can strike between these two.
                self._is_starting = True
                start_new_thread(self._start, ())
            except BaseException as error:
                self._is_starting = False
                if not is_a(error, RuntimeError) or is_a(error, RecursionError):
                    raise  # a full stack is the caller's
                self._complain()

    def _start(self) -> None:
        try:
            threading.Thread(target=self._main, name="pykka-clock", daemon=True).start()
        except Exception:
            self._is_starting = False
            self._complain()

    def _complain(self) -> None:
        if not self._has_complained:
            self._has_complained = True
            report_failure(
                "%r cannot start its thread, so its alarms do not ring. "
                "It tries again when the next one is scheduled:",
                self,
            )

    def _main(self) -> None:
        """What the thread does."""
        self._has_complained = self._is_starting = False
        current.state.is_clock = True
        try:
            del self._vacant[0]
        except IndexError:
            return
        try:
            self._run()
        except BaseException as error:  # pragma: no cover (a defect of ours)
            report(error, "The thread of %r ended:", self)
            self._planned = NEVER
            self._vacant.append(True)
            raise

    def _run(self) -> None:
        heap = self._heap
        is_quiet = False
        """Whether nothing has happened for `KEEP_ALIVE` seconds."""
        while True:
            self._planned = AWAKE
            while self._bell.qsize():
                self._bell.get()
            self._take_in()
            if not self._ring_what_is_due(heap):
                return
            forgotten = len(self._forgotten)
            if forgotten and (is_quiet or forgotten > len(heap) // 2):
                self._compact()
            if is_quiet and not heap and self._leave():
                return
            is_quiet = self._sleep(is_quiet=is_quiet)

    def _take_in(self) -> None:
        incoming, heap = self._incoming, self._heap
        batch = incoming.copy()
        del incoming[: len(batch)]
        for when, alarm in batch:
            if not _is_known_to_be_cancelled(alarm):
                self._number += 1
                heappush(heap, (when, self._number, alarm))

    def _ring_what_is_due(self, heap: list[tuple[float, int, Alarm]]) -> bool:
        """Ring one after the other; False in a child process that one of them has made."""
        now = monotonic()
        while heap and heap[0][0] <= now:
            self._ring(heappop(heap)[2])
            if self._heap is not heap:
                return False
            if self._incoming:  # perhaps something that is due earlier than the rest
                self._take_in()
        return True

    def _ring(self, alarm: Alarm) -> None:
        """Ring an alarm, here or elsewhere; see the head of this file."""
        kind = type(alarm)
        if kind in _brief:
            try:
                if not alarm.is_cancelled:
                    alarm.ring()
            except BaseException as error:
                report(error, "An alarm raised: %r", alarm)
        elif kind in _lengthy:
            if not alarm.is_cancelled:
                send_out(partial(ring, alarm), getattr(alarm, "line", None))
        else:
            self._line.send_out(partial(ring, alarm))

    def _compact(self) -> None:
        """Go through the heap and drop what is cancelled."""
        del self._forgotten[:]
        heap = self._heap
        cancelled = [entry for entry in heap if _is_known_to_be_cancelled(entry[2])]
        heap[:] = [entry for entry in heap if not _is_known_to_be_cancelled(entry[2])]
        if any(type(entry[2]) not in _brief for entry in cancelled):
            # Some may be the last to hold something of the user's, which has a finaliser.
            send_out(cancelled.clear)
        heapify(heap)

    def _leave(self) -> bool:
        """Give the post back; False if the thread has to go on after all."""
        self._planned = NEVER
        self._vacant.append(True)
        if self._incoming.copy():
            try:
                del self._vacant[0]
            except IndexError:  # another thread has the post already
                return True
            return False
        return True

    def _sleep(self, *, is_quiet: bool) -> bool:
        """Wait until there is something to do; True if nothing was for `KEEP_ALIVE` seconds.

        When nothing has happened for so long, the next thing to happen wakes the thread, even if
        that is a single cancelled alarm. Otherwise it sleeps for no longer than that.
        """
        heap = self._heap
        when = heap[0][0] if heap else NEVER
        self._tolerated = 1 if is_quiet else max(MANY, len(heap) // 2 + 1)
        self._planned = when
        # copy() takes the list's own lock; see above.
        if self._incoming.copy() or len(self._forgotten) >= self._tolerated:
            return False
        remaining = when - monotonic()
        longest = threading.TIMEOUT_MAX if is_quiet and heap else KEEP_ALIVE
        try:
            self._bell.get(timeout=min(max(0.0, remaining), longest))
        except Empty:
            return remaining > longest
        return False


def point_in_time(when: float) -> float:
    """Return a time as a float.

    Raises:
        ValueError: It is infinite or not a number (NaN).
    """
    if not AWAKE < when < NEVER or abs(when) > sys.float_info.max:
        msg = f"an alarm rings at a point in time, a finite number of seconds, not at {when!r}"
        raise ValueError(msg)
    return float(when)


def is_cancelled(alarm: Alarm) -> bool:
    """Tell whether an alarm is cancelled. It is not if it fails to say so."""
    try:
        return alarm.is_cancelled
    except BaseException as error:
        if is_for_the_program(error):
            raise
        report_failure("An alarm does not say whether it is cancelled: %r", alarm)
        return False


def _is_known_to_be_cancelled(alarm: Alarm) -> bool:
    """Tell whether an alarm is cancelled, as far as that can be seen without the user's code."""
    kind = type(alarm)
    if kind in _brief or kind in _lengthy:
        return alarm.is_cancelled
    try:
        attributes: dict[str, Any] = object.__getattribute__(alarm, "__dict__")
    except AttributeError:
        return False
    # It may be of a class of the user's, with a get() of its own.
    return dict.get(attributes, "is_cancelled") is True  # pyright: ignore[reportUnknownMemberType]


_RING = operator.methodcaller("ring")


def ring(alarm: Alarm) -> None:
    """Ring an alarm unless it is cancelled, and log what it raises."""
    if is_cancelled(alarm):
        return
    call_out(_RING, alarm, text="An alarm raised: %s", about=(Shortened(alarm),))


class _Renewable(Protocol):
    def _begin_afresh(self) -> None: ...


_clocks: weakref.WeakSet[_Renewable] = weakref.WeakSet()


def begin_afresh_after_fork(clock: _Renewable) -> None:
    """Have a clock begin without alarms in a child process, which has no threads but one."""
    _clocks.add(clock)


def _after_fork() -> None:
    for clock in list(_clocks):
        clock._begin_afresh()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

default_clock = MonotonicClock()
"""The clock of all systems that have no other."""
