"""Clocks: where an actor system gets the time from. A test can control it.

Examples:
    >>> from pykka.timers import ManualClock
    >>> clock = ManualClock()
    >>> clock.advance(0.5)
    >>> clock.now()
    0.5
"""

from __future__ import annotations

from pykka._util.signatures import show_plainly as _show_plainly
from pykka.timers._clock import Clock, MonotonicClock
from pykka.timers._manual_clock import ManualClock

__all__ = ["Clock", "ManualClock", "MonotonicClock"]

_show_plainly(__all__, globals())
