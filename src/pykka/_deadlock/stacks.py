"""What the threads of this process are doing.

Which actor a thread runs can be seen from outside only in its frames: in local variables of the
functions that run actors. So those names are an interface. Each such function says its own with
`runs_actor`, which fails at import if there is no variable of that name; and
`tests/unit/test_stacks.py` finds the functions that run an actor without saying so.

Problem
    `sys._current_frames()` holds a lock of the interpreter while it makes objects. In some
    releases, 3.11.7 among them, that may set off the garbage collector, which runs finalisers or
    lets other threads run; and if one of those needs the same lock, nothing goes on any more (the
    interpreter's issue 106883).

    Up to 3.11, the same may happen at each step to the caller of another thread's frame: `f_back`
    makes an object for it, and if the collector lets that thread go on meanwhile, the object
    stands for a frame that is gone. The interpreter crashes then, or later, and somewhere else. A
    program that reads the stacks of busy threads in a loop, with a collector that is often at
    work, does so within seconds.

So the collector is off while stacks are read, to the last frame: `read_stacks` is the one door.

The lock keeps one of two threads from turning the collector on again while the other one still
needs it off. It is re-entrant, because a signal handler may run on top. No code of the user's runs
under it: the frames, which may be the last to hold something with a finaliser, are kept until it
has been released.
"""

from __future__ import annotations

import gc
import sys
import threading
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from pykka._util.locks import held

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import CodeType, FrameType

F = TypeVar("F", bound="Callable[..., Any]")
T = TypeVar("T")


class Names(NamedTuple):
    """What the local variables of a function that runs an actor are called."""

    cell: str
    """The one that holds the cell of the actor that is run."""
    caller: str | None
    """The one that holds the cell of the actor on top of which it is run, if that waits."""


running_codes: dict[CodeType, Names] = {}
"""The functions that run actors; entered by `runs_actor`."""


def runs_actor(*, cell: str, caller: str | None = None) -> Callable[[F], F]:
    """Mark a function that runs an actor's code, so that the actor is found on a thread's stack.

    It has to be the outermost decorator.

    Args:
        cell: The name of the local variable that holds the cell of the actor. It is bound only
            while the actor runs here; not while the function finds out whether it may.
        caller: The same for the actor that waits meanwhile on this thread, if one does.

    Raises:
        NameError: There is no such local variable.
    """

    def register(function: F) -> F:
        code: CodeType = function.__code__
        for name in (cell, caller):
            if name is not None and name not in code.co_varnames:
                msg = (
                    f"{code.co_qualname}() runs an actor, but has no local variable {name!r}, in "
                    f"which it says which one; change what it tells runs_actor(), too"
                )
                raise NameError(msg, name=name)
        running_codes[code] = Names(cell, caller)
        return function

    return register


_one_at_a_time = threading.RLock()

_has_turned_off = False
"""Whether the collector is off because stacks are being read."""


def read_stacks(
    read: Callable[[Mapping[int, Sequence[FrameType]]], T], thread: int | None = None
) -> T:
    """Read what the threads of this process are doing.

    Without the GIL, the stack of a thread that goes on meanwhile must not be walked at all.

    Args:
        read: Is given the frames of each thread, the innermost first, by the thread's identifier.
            It runs none of the user's code, and keeps no frame.
        thread: Only this thread, which is blocked; `None` for all.

    Returns:
        What `read` returns.
    """
    global _has_turned_off  # noqa: PLW0603
    stacks: dict[int, list[FrameType]] = {}
    found: Any = None
    top: FrameType | None = None
    was_enabled = False
    for release in held(_one_at_a_time):
        try:
            # A signal handler may strike after each of these calls; see `pykka._util.locks`.
            try:
                was_enabled = gc.isenabled()
                _has_turned_off = _has_turned_off or was_enabled
                gc.disable()
                for ident, top in sys._current_frames().items():
                    if thread is None or ident == thread:
                        stacks[ident] = stack_of(top)
                found = read(stacks)
            finally:
                if was_enabled:
                    gc.enable()
                    _has_turned_off = False
        finally:
            release()
    # One of the frames is that of this function, which would keep itself and all others.
    top = None
    stacks.clear()
    return found  # type: ignore[no-any-return]


def stack_of(top: FrameType | None) -> list[FrameType]:
    """A frame, its caller, and so on.

    Only in `read_stacks`, unless it is of this thread, or of one that cannot go on.
    """
    frames: list[FrameType] = []
    while top is not None:
        frames.append(top)
        top = top.f_back
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
    """Begin with a fresh lock, in a child process; another thread may have held the old one.

    That thread may have turned the collector off, and is not there to turn it on again.
    """
    global _one_at_a_time, _has_turned_off  # noqa: PLW0603
    _one_at_a_time = threading.RLock()
    if _has_turned_off:
        _has_turned_off = False
        gc.enable()
