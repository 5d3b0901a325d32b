"""A clock that stands still until it is moved.

The alarms wait in a heap, under a lock that is held only while one is put in or taken out, never
while one rings. It is re-entrant: a signal handler or a finaliser may schedule an alarm on top of
our own code. Each change of the heap is one call of a function written in C, which compares
nothing but numbers, so no such handler finds the heap half changed.

(The idea is that of the virtual time of discrete-event simulators. Trio's `MockClock` and the
clock of `twisted.internet.task` are of this kind.)
"""

from __future__ import annotations

import threading
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any

from pykka._util.checks import is_too_large
from pykka._util.locks import held
from pykka.timers._clock import (
    NEVER,
    Clock,
    begin_afresh_after_fork,
    is_cancelled,
    point_in_time,
    ring,
)

if TYPE_CHECKING:
    from pykka.timers._clock import Alarm

DIGITS = 9
"""Time is told to the nanosecond, so that ten times 0.1 seconds are one second."""

FEW = 64
"""So many cancelled alarms are not worth going through the heap for."""


class ManualClock(Clock):
    """A clock that stands still until `advance` is called: for tests, and for simulations.

    It begins at 0. Alarms ring on the thread that advances the clock.

    Examples:
        >>> from pykka.timers import ManualClock
        >>> class Alarm:
        ...     is_cancelled = False
        ...     def ring(self):
        ...         print("It is", clock.now())
        >>> clock = ManualClock()
        >>> clock.schedule(3, Alarm())
        >>> clock.schedule(1.5, Alarm())
        >>> clock.advance(2)
        It is 1.5
        >>> clock.now(), clock.pending
        (2.0, 1)
        >>> clock.advance(60)
        It is 3.0
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._begin_afresh()
        begin_afresh_after_fork(self)

    def _begin_afresh(self) -> None:
        self._lock = threading.RLock()
        self._advancing = threading.RLock()
        """Held while the clock moves, so that two who advance it do so one after the other."""
        self._heap: list[tuple[float, int, Alarm]] = []
        self._changes = 0
        """How often the heap was changed. It numbers the alarms, so those are never compared."""
        self._forgotten = 0
        """How many alarms were cancelled since the heap was last gone through."""

    def now(self) -> float:
        """Return the seconds by which the clock was advanced; in an alarm, the alarm's time."""
        return self._now

    def schedule(self, when: float, alarm: Alarm) -> None:
        """Ring an alarm when the clock is advanced; see `Clock.schedule`.

        An alarm that is already due rings at the next `advance`, or during the current one.
        """
        when = point_in_time(when)
        lock = self._lock
        for release in held(lock):
            try:
                self._changes += 1
                entry = (when, self._changes, alarm)
                # Nothing is allocated here, so no finaliser comes in and exchanges the heap.
                heappush(self._heap, entry)
            finally:
                release()

    def forget(self, alarm: Alarm) -> None:
        """See `Clock.forget`."""
        del alarm
        lock = self._lock
        dropped = None
        for release in held(lock):
            try:
                self._forgotten += 1
                if self._forgotten > max(FEW, len(self._heap) / 2):
                    dropped = self._compact()
            finally:
                release()
        del dropped  # not under the lock, for finalisers may run here

    def _compact(self) -> list[tuple[float, int, Alarm]]:
        """Go through the heap and drop what is cancelled."""
        heap, changes = self._heap, self._changes
        live = [entry for entry in heap.copy() if not is_cancelled(entry[2])]
        heapify(live)
        # A finaliser or a signal handler may have scheduled something meanwhile.
        if self._changes == changes:
            self._heap = live
            self._forgotten = 0
        return heap

    def advance(self, seconds: float) -> None:
        """Let time pass, and ring all alarms that become due, in the order of their times.

        Alarms for the same time ring in the order in which they were scheduled. While an alarm
        rings, the clock shows its time. Alarms that are scheduled meanwhile ring too, if they
        become due.

        Args:
            seconds: How much time passes; 0 rings only the alarms that are already due.

        Raises:
            TypeError: `seconds` is not a number.
            ValueError: `seconds` is negative, infinite, or not a number (NaN).
        """
        given: Any = seconds
        if isinstance(given, bool) or not isinstance(given, (int, float)):
            msg = f"seconds has to be a number, not {seconds!r}"
            raise TypeError(msg)
        if not 0 <= seconds < NEVER or is_too_large(seconds):
            found = "an integer that is too large" if is_too_large(seconds) else repr(seconds)
            msg = (
                "seconds has to be 0 or more: time passes by a finite number of seconds and never "
                f"backwards, not {found}"
            )
            raise ValueError(msg)
        advancing = self._advancing
        for release in held(advancing):
            try:
                end = round(self._now + seconds, DIGITS)
                self._ring_until(end + 0.5 * 10**-DIGITS)
                self._now = max(self._now, end)
            finally:
                release()

    def _ring_until(self, end: float) -> None:
        while True:
            due = None
            lock = self._lock  # another one in a child process that an alarm has made
            for release in held(lock):
                try:
                    heap = self._heap
                    if heap and heap[0][0] <= end:
                        self._changes += 1
                        due = heappop(heap)
                finally:
                    release()
            if due is None:
                return
            when, _number, alarm = due
            self._now = max(self._now, when)
            ring(alarm)
            del alarm, due

    @property
    def pending(self) -> int:
        """How many alarms are scheduled, have not rung, and are not cancelled."""
        lock = self._lock
        entries: list[tuple[float, int, Alarm]] = []
        for release in held(lock):
            try:
                entries = self._heap.copy()
            finally:
                release()
        return sum(not is_cancelled(entry[2]) for entry in entries)
