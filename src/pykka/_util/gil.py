"""What the interpreter allows, and how a thread that was woken gets hold of the GIL.

Problem
    An asker whose answer has come is woken, and then needs the GIL. The thread that woke it has
    that, and if it goes on with other messages it lets go of it when the switch interval (5 ms) is
    over. So an ask of a busy actor would cost 5 ms, and of one in a busy pool many times that.
    `time.sleep(0)` is over before the woken thread has got up.

Remedy
    A thread that answers an asker *owes* it a turn (`ThreadState.owes`). Before it handles the
    next message it pays (`give_way`): it sleeps until the woken thread has the GIL. It does not if
    that next message is a question whose asker waits as well: that one is answered first, so that
    several askers are woken for one turn. And it need not if it has nothing to do, for then it
    sleeps in any case.

    Who is woken says so when it has the GIL (`arrived`), before anything else, and thereby wakes
    all who give way. Any arrival pays all debts that are older: it shows that the GIL was free.

Invariant: a thread that gives way sleeps until some woken thread arrives, or for one switch
interval. It puts its bell into `giving_way` and *then* looks whether the latest arrival is still
the one that it saw when it woke its asker. A woken thread enters itself as the latest arrival and
*then* looks for bells. So one of the two sees the other. A mistake costs a switch interval and no
more.

Nothing of this is needed without the GIL, where a woken thread just runs.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from _thread import allocate_lock
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka._util.thread_state import ThreadState


def has_gil() -> bool:
    """Tell whether only one thread at a time runs Python code in this process."""
    found: bool = getattr(sys, "_is_gil_enabled", lambda: True)()
    return found


HAS_GIL = has_gil()

FENCE = not HAS_GIL
"""Whether a list must be extended by `NOTHING` before its length is looked at.

Without the GIL, the length of a list that a thread looks at may be older than what this thread
itself wrote before, on a machine whose memory is weakly ordered. An operation that takes the
list's own lock, such as extending it by nothing, is not. With the GIL there is no such thing, and
the look alone is enough.
"""

NOTHING = ()


def allows_daemon_threads() -> bool:
    """Tell whether this interpreter can have daemon threads; isolated sub-interpreters cannot."""
    try:
        thread = threading.Thread(target=int, daemon=True)
        if sys.version_info < (3, 12) and _is_sub_interpreter():
            thread.start()  # before 3.12, they can have no threads at all, and say so here
    except RuntimeError:
        return False
    return True


def _is_sub_interpreter() -> bool:
    try:
        interpreters: Any = import_module("_xxsubinterpreters")
    except ImportError:
        return False
    return bool(interpreters.get_current() != interpreters.get_main())


NO_DAEMONS = (
    "{} needs a daemon thread, and this interpreter allows none: it is an isolated "
    "sub-interpreter. Use it in the main interpreter, or use {} here."
)


class GilArrivals:
    """Which woken thread has got the GIL last, and who gives way to the next one."""

    __slots__ = ("giving_way", "latest")

    def __init__(self) -> None:
        self.latest: object = self
        """Something that belongs to one arrival only."""
        self.giving_way: list[Callable[[], object]] = []
        """Wakes threads that give way, one each."""


arrivals = GilArrivals()


def arrived(token: object) -> None:
    """Tell that the calling thread was woken and has the GIL.

    Args:
        token: An object that belongs to this arrival only.
    """
    arrivals.latest = token
    while arrivals.giving_way:
        wake_one()


def wake_one() -> None:
    """Wake one of the threads that give way."""
    with contextlib.suppress(IndexError, RuntimeError):  # it has been woken, or has given up
        arrivals.giving_way.pop()()


def give_way(state: ThreadState[object, object]) -> None:
    """Sleep until a thread that this one has woken has the GIL.

    Args:
        state: This thread's. It owes a turn.
    """
    before, state.owes = state.owes, None
    state.given += 1
    if arrivals.latest is not before:
        return
    bell = allocate_lock()
    bell.acquire()
    ring = bell.release
    arrivals.giving_way.append(ring)
    try:
        if arrivals.latest is before:
            bell.acquire(timeout=sys.getswitchinterval())
    finally:
        with contextlib.suppress(ValueError):  # it was rung
            arrivals.giving_way.remove(ring)
