"""What the library keeps for each thread, in one object, so that one look-up finds all of it.

"Current actor" belongs to the thread and not to a context variable: those are inherited by threads
and tasks that a handler starts, and what they wait for does not hold the handler up.
"""

from __future__ import annotations

import sys
import threading
from sys import getrecursionlimit
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from pykka._util.world import REAL

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context

# What lies in two of the slots is made on higher floors, and only they know more of it. Each floor
# names `current` anew where it does: `pykka._deadlock.wait_graph` for those that wait, and
# `pykka._cell.spawn_options` for all above. The types are covariant although the slots change:
# what is written there is of the floors above, or was found there; those below only read it.
C_co = TypeVar("C_co", covariant=True)
O_co = TypeVar("O_co", covariant=True)


class PoolWorker(Protocol):
    """What is needed of a thread that runs actors of a pool."""

    def will_block(self, *, for_ever: bool) -> None:
        """Be told that the thread is about to wait for a future."""

    def goes_on(self) -> None:
        """Be told that the wait is over."""

    def let_others_work(self) -> None:
        """Have other threads take what waits for this one."""

    def is_the_last(self) -> bool:
        """Tell whether the pool has no other thread for what this one would leave waiting."""
        ...


class ThreadState(Generic[C_co, O_co]):
    """What the library keeps for one thread.

    Its type variables are what a floor knows of an actor's cell, and of what is said of an actor
    before it is made.
    """

    __slots__ = (
        "accepts",
        "cell",
        "depth",
        "given",
        "is_clock",
        "is_main",
        "owes",
        "push",
        "spare",
        "spawn_options",
        "worker",
        "world",
    )

    def __init__(self) -> None:
        self.cell: C_co | None = None
        """The actor whose code runs on this thread."""
        self.spawn_options: O_co | None = None
        """What was said of the actor that is about to be made."""
        self.world = REAL
        """What the thread takes time, chance and order from."""
        self.worker: PoolWorker | None = None
        """The thread's worker, if it belongs to a pool."""
        self.is_main = threading.get_ident() == threading.main_thread().ident
        """Whether signal handlers run on this thread."""
        self.owes: object = None
        """The latest arrival when this thread woke an asker, to whom it owes a turn; else `None`.
        See `pykka._util.gil`."""
        self.given = 0
        """How often it has given way to a thread that it had woken, though it had more to do."""
        self.is_clock = False
        """Whether the alarms of a clock ring on this thread; see `pykka.timers._errands`."""
        self.accepts: object = None
        """The pool whose actors may be put into the thread's own run queue; see `push`."""
        self.push: Callable[[Any], object] | None = None
        """Puts a cell into the thread's own run queue."""
        self.depth = 0
        """How many frames the thread's stack had when it was last counted."""
        self.spare: Context | None = None
        """An empty context for an actor that runs on this thread for a caller."""


quick = threading.local()
"""Has what `current` has, on threads that have asked that before: `quick.state`.

A look into a plain `threading.local` takes less time than one into an object of a
derived class, above all without the GIL. It is for what each message passes by.
"""

if TYPE_CHECKING:

    class Current(Protocol[C_co, O_co]):
        """What `current` is to a floor that knows what lies in the two slots."""

        @property
        def state(self) -> ThreadState[C_co, O_co]:
            """What is kept for the thread that asks."""
            ...


class _Current(threading.local):
    state: ThreadState[object, object]

    def __init__(self) -> None:
        super().__init__()
        self.state = quick.state = ThreadState()


current = _Current()


DEEPEST = 500
"""So many frames may be on the stack of a thread that lends itself.

Fewer, if the recursion limit is less than twice that. Each actor on top of another takes two
frames or more, and some C stack, which the recursion limit does not know of.
"""

get_frame = sys._getframe


def count_frames(state: ThreadState[Any, Any]) -> int:
    """Count the frames below the caller's, from the thread's base; -1 if there are too many.

    To count all frames for each question would cost too much. The count of the last time is
    usually still right, and that is easily checked: so many frames up is the base.
    """
    depth = state.depth
    try:
        frame = get_frame(depth + 1).f_back
    except ValueError:  # the stack is not that deep
        frame, depth = get_frame(1).f_back, 0
    if frame is None:
        return depth
    limit = min(getrecursionlimit() // 2, DEEPEST)
    while frame is not None and depth <= limit:
        frame = frame.f_back
        depth += 1
    state.depth = depth
    return depth if depth <= limit else -1
