"""What the threads of this process are doing.

Problem
    `sys._current_frames()` holds a lock of the interpreter while it makes objects. In some
    releases, 3.11.7 among them, that may set off the garbage collector, which runs finalisers or
    lets other threads run; and if one of those needs the same lock, nothing goes on any more (the
    interpreter's issue 106883). So the collector has to be off meanwhile.

The lock keeps one of two threads from turning the collector on again while the other one still
needs it off. It is re-entrant, because a signal handler may run on top.
"""

from __future__ import annotations

import gc
import sys
import threading
from typing import TYPE_CHECKING

from pykka._locks import held

if TYPE_CHECKING:
    from types import FrameType

_one_at_a_time = threading.RLock()


def current_frames() -> dict[int, FrameType]:
    """The innermost frame of each thread, by the thread's identifier."""
    frames: dict[int, FrameType] = {}
    was_enabled = False
    for release in held(_one_at_a_time):
        try:
            # A signal handler may strike after each of these calls; see `pykka._locks`.
            try:
                was_enabled = gc.isenabled()
                gc.disable()
                frames = sys._current_frames()
            finally:
                if was_enabled:
                    gc.enable()
        finally:
            release()
    return frames


FRAMES = 40
"""So many frames are more than it takes to start a thread."""


def has_room(frames: int = FRAMES) -> bool:
    """Tell whether there is room for so many more frames on this thread's stack.

    To start a thread where there is not could fail after the thread has been started.
    """
    try:
        return frames == 0 or has_room(frames - 1)
    except RecursionError:
        return False


def renew_locks() -> None:
    """Begin with a fresh lock, in a child process; another thread may have held the old one."""
    global _one_at_a_time  # noqa: PLW0603
    _one_at_a_time = threading.RLock()
