"""Locks that a signal handler cannot leave locked.

Problem
    Python runs signal handlers on the main thread after a call has returned, when a function
    begins, and when a loop jumps back. A handler may raise. `with lock:` calls `__enter__()`, and
    from Python 3.14 on a handler may strike between the return of that call and the part of the
    statement that sees to `__exit__()`. Then the lock stays locked for ever. A handler that does
    not raise, but sends a message, waits for the lock that its own thread holds.

Remedy
    A `for` statement takes the next item of its iterator without such a check. So:

        for release in held(lock):
            ...  # straight on: no call, and no loop
            release()

    acquires the lock, does what is to be done, and releases it, and nothing strikes in between:
    the check comes after the call of `release()`. Nothing is allocated for the garbage collector
    there, so no finaliser runs either. That is why the iterator gives the method: while a debugger
    or a measurement of coverage traces the thread, Python 3.11 allocates one for `lock.release()`.

    A lock that is held with each message has its iterator, an endless one, beside it (`holding`).
    That takes a third of the time, as nothing is made.

    What has to make calls while it holds a lock uses one that is re-entrant, and `try` and
    `finally` right after the `for`.
"""

from __future__ import annotations

import contextlib
import threading
from itertools import compress, repeat
from queue import Empty
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BLOCKING = (True,)


class Lock(Protocol):
    """What is needed of a lock."""

    def acquire(self, blocking: bool = ..., /) -> bool:  # noqa: FBT001 (as in the standard library)
        """Wait until no thread holds the lock, and hold it."""
        ...

    def release(self) -> None:
        """Hold the lock no longer."""


class Bell:
    """Wakes one thread that sleeps for some time. To ring twice is the same as once.

    It stands in for a `queue.SimpleQueue`. That one's `get(timeout=...)` never returns, in CPython
    3.11 to 3.13, if the time is over before it has begun to wait: the rest of the time is negative
    then, which it takes for "without a limit".
    """

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def put(self, _item: None) -> None:
        """Ring."""
        with contextlib.suppress(RuntimeError):  # it has rung already
            self._lock.release()

    def qsize(self) -> int:
        """Tell whether it has rung: 1 or 0."""
        return not self._lock.locked()

    def get(self, timeout: float = -1) -> None:
        """Wait until it rings, or take note that it has.

        Raises:
            queue.Empty: It has not, in so many seconds.
        """
        if not self._lock.acquire(timeout=timeout):
            raise Empty


def held(lock: Lock) -> Iterator[Callable[[], None]]:
    """Acquire a lock in the head of a `for` statement, whose body has to call what it is given."""
    return compress((lock.release,), map(lock.acquire, _BLOCKING))


_FOR_EVER = repeat(*_BLOCKING)


def holding(lock: Lock) -> Iterator[Callable[[], None]]:
    """Return an iterator that does the same as `held`, time and again.

    Its `for` statement has to be left at once:

        for release in self._holding:
            ...  # as above
            release()
            break

    Threads can share it, and a signal handler can use it on top of a wait for the lock: none of
    the iterators that it is made of changes when it is asked for an item.
    """
    return compress(repeat(lock.release), map(lock.acquire, _FOR_EVER))
