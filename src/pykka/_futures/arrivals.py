"""Futures in the order in which they are done.

Problem
    Who waits for the first of several answers must not hold up the others. So the thread does not
    run one of the actors meanwhile, as it does where it waits for a single answer: a slow one
    would delay what fast ones have ready. But the last future is a single one; and where the pool
    of this very thread cannot have another one, no other thread would ever run them.

Invariants
    1. Each future is entered in the queue of arrivals by its waiter, perhaps twice; it is taken
       out of `waiting` once, and only then yielded.
    2. Whatever ends the iteration, `close()` takes the waiters out of the futures that are left:
       that it is over, an exception, or that nothing holds the iterator any more, be it that it
       was never asked for anything. So a waiter must not hold the iterator.
"""

from __future__ import annotations

import contextlib
import functools
from queue import Empty
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pykka._deadlock.wait_graph import AnyOf, block, current
from pykka._futures.deadline import Deadline
from pykka._futures.derived import Derivation
from pykka._futures.future import Future, require_future
from pykka._util.gil import HAS_GIL, arrivals

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from queue import SimpleQueue
    from typing import Self

    from pykka._deadlock.wait_graph import WaitingState
    from pykka._futures.threading_future import ThreadingFuture

T = TypeVar("T")


def as_completed(
    futures: Iterable[Future[T]], *, timeout: float | None = None
) -> Iterator[Future[T]]:
    """Yield futures in the order in which they complete.

    The idea and the name are those of `concurrent.futures.as_completed`. A future with a get-hook
    is done when it has been read, and it is not read here.

    Args:
        futures: The futures. One that is given twice is yielded once.
        timeout: Seconds for all of them together, counted from the call.

    Raises:
        Timeout: They are not all done after `timeout` seconds.
        TypeError: Something in `futures` is not a future that can tell when it is done.

    Examples:
        >>> import pykka
        >>> slow, fast = pykka.ThreadingFuture(), pykka.ThreadingFuture()
        >>> fast.set("hare")
        >>> arrivals = pykka.as_completed([slow, fast])
        >>> next(arrivals).get()
        'hare'
        >>> slow.set("tortoise")
        >>> next(arrivals).get()
        'tortoise'
    """
    return Arrivals(futures, Deadline(timeout))


class Arrivals(Generic[T]):
    """The iterator that `as_completed()` returns.

    Args:
        futures: As there.
        deadline: When it is over.
    """

    __slots__ = ("_arrived", "_blocked", "_deadline", "_waiting")

    def __init__(self, futures: Iterable[Future[T]], deadline: Deadline) -> None:
        arrived: SimpleQueue[Future[T]] = current.state.world.new_queue()
        self._arrived = arrived
        self._deadline = deadline
        self._blocked: list[None] = []
        """Has an entry while a thread is blocked here."""
        self._waiting: dict[Future[T], functools.partial[None]] = {}
        self._waiting = {
            require_future(f, "as_completed()"): functools.partial(
                _arrive, arrived, self._blocked, f
            )
            for f in futures
        }
        for future, waiter in self._waiting.copy().items():
            if not future._when_ready(waiter):
                self.close()
                msg = f"as_completed() cannot tell when {future!r} is done"
                raise TypeError(msg)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Future[T]:
        try:
            while self._waiting:
                future = self._take()
                if future is not None and self._waiting.pop(future, None) is not None:
                    return future  # else it came twice
        except BaseException:
            self.close()
            raise
        raise StopIteration

    def close(self) -> None:
        """Wait for nothing any more."""
        # A signal handler may have raised before there was anything to wait for.
        waiting = getattr(self, "_waiting", None)
        while waiting:
            future, waiter = next(iter(waiting.items()))
            future._forget(waiter)
            waiting.pop(future, None)

    __del__ = close

    def _take(self) -> Future[T] | None:
        """Take what has arrived first; block until something has.

        Returns:
            The future; `None` if there is reason to look again.

        Raises:
            Timeout: Nothing has arrived, and the time is over.
        """
        with contextlib.suppress(Empty):
            return self._arrived.get_nowait()
        timeout = self._deadline.remaining()
        state = current.state
        leaves = [leaves_of(future) for future in self._waiting]
        try:
            if timeout is None and self._run_one(leaves, state):
                return None
            self._blocked.append(None)
            return block(AnyOf(leaves), self._arrived.get, state, timeout)
        except Empty:
            raise self._deadline.expired() from None
        finally:
            self._blocked.clear()
            del leaves  # an exception's traceback holds this frame

    def _run_one(self, leaves: list[list[ThreadingFuture[Any]]], state: WaitingState) -> bool:
        """Run an actor on this thread, if that holds up no other.

        Raises:
            DeadlockError: This is the thread of an event loop in which all those actors live.
        """
        is_alone = len(leaves) == 1 or (state.worker is not None and state.worker.is_the_last())
        owed = [leaf for each in leaves for leaf in each if not leaf._has_outcome()]
        if is_alone:
            for leaf in owed:
                source = leaf._answered_by
                if source is not None and source.can_be_run and source.run_until(leaf, state):
                    return True
        elif owed and all(
            any(
                (source := leaf._answered_by) is not None and source.lives_beneath(leaf, state)
                for leaf in each
            )
            for each in leaves
        ):
            for leaf in owed:
                source = leaf._answered_by
                if source is not None and source.lives_beneath(leaf, state):
                    source.run_until(leaf, state)  # raises
        return False


def _arrive(arrived: SimpleQueue[Future[Any]], blocked: list[None], future: Future[Any]) -> None:
    """Enter a future that is done, and owe a turn to the thread that this has woken, if any."""
    arrived.put(future)
    if HAS_GIL and blocked:
        # twin: owe (1 statement)
        current.state.owes = arrivals.latest


def leaves_of(future: Any) -> list[ThreadingFuture[Any]]:
    """The futures that have to be resolved for one: itself, or those that it is made from."""
    lazy = future._lazy
    if isinstance(lazy, Derivation):
        sources: Any = lazy.sources  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        return [leaf for source in sources for leaf in leaves_of(source)]
    return [future]
