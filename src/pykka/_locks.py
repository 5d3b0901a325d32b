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

    What has to make calls while it holds a lock uses one that is re-entrant, and `try` and
    `finally` right after the `for`.
"""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BLOCKING = (True,)


class Lock(Protocol):
    """What is needed of a lock."""

    def acquire(self, blocking: bool = ..., /) -> bool:  # noqa: FBT001 (as in the standard library)
        """Wait until nobody holds the lock, and hold it."""
        ...

    def release(self) -> None:
        """Hold the lock no longer."""


def held(lock: Lock) -> Iterator[Callable[[], None]]:
    """Acquire a lock in the head of a `for` statement, whose body has to call what it is given."""
    return compress((lock.release,), map(lock.acquire, _BLOCKING))
