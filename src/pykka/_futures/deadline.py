"""A timeout is one deadline for a whole call (guarantee G7).

A call with a `timeout` turns it into a point in time at once and passes that on, so that waiting
for ten futures takes no longer than waiting for one. Points in time are seconds of
`time.monotonic`, hence not moved by changes of the wall clock.
"""

from __future__ import annotations

import math
import threading
from typing import Any

from pykka._exceptions import Timeout
from pykka._util.checks import in_seconds, is_too_large, shorten, show_number
from pykka._util.thread_state import current


def check_timeout(timeout: Any, name: str = "timeout") -> None:
    """Refuse what is not a number of seconds to wait.

    Args:
        timeout: What was given. `True` passes, as it did in Pykka 4.
        name: What the caller calls it.

    Raises:
        TypeError: `timeout` is not a number.
        ValueError: `timeout` is negative, not a number at all (NaN), or larger than any float.
    """
    if type(timeout) is float and timeout >= 0:
        return
    if not isinstance(timeout, (int, float)) and not hasattr(timeout, "__float__"):
        msg = f"{name} must be a number of seconds or None, not {shorten(timeout)}"
        raise TypeError(msg)
    if timeout < 0 or is_too_large(timeout) or math.isnan(timeout):
        msg = (
            f"{name!r} must be a non-negative number, not {show_number(timeout)}; "
            "use 0 to look without waiting and None to wait for ever"
        )
        raise ValueError(msg)


class Deadline:
    """A point in time that a call and all its parts share; `None` means never."""

    __slots__ = ("_end", "timeout")

    def __init__(self, timeout: float | None, name: str = "timeout") -> None:
        self.timeout = timeout
        if timeout is None:
            self._end = None
        else:
            check_timeout(timeout, name)
            self._end = current.state.world.monotonic() + float(timeout)

    def remaining(self) -> float | None:
        """Seconds left, never negative, never more than a lock can wait; `None` if endless."""
        if self._end is None:
            return None
        return min(max(0.0, self._end - current.state.world.monotonic()), threading.TIMEOUT_MAX)

    def expired(self, source: object = None) -> Timeout:
        """The exception for the caller that has waited until the deadline.

        Args:
            source: Who was to give the result, if that is known.
        """
        whose = "" if source is None else f" from {source}"
        return Timeout(f"{in_seconds(self.timeout)} passed without a result{whose}")
