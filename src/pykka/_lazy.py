"""Futures whose value is made when it is read: get-hooks, `map()` and its sisters.

A `GetHook` wraps what the user gave to `set_get_hook()`. It is called with the reader's timeout,
and what it returns is kept: no later reader calls it again. If it raises, nothing is kept and the
next reader calls it once more, for it may have raised `Timeout`.

A `Derivation` is a get-hook that knows which futures it is made from. Reading has two parts. Any
number of readers wait for the sources, each with its own deadline; then one of them computes, and
its value *or exception* is kept. Because the sources are known, `await` and callbacks on the
derived future need no thread: it is ready as soon as its sources are.

Invariant: the function runs in at most one thread at a time, and never again once a result is
kept. `_Turns` sees to it. It is a queue of readers, of which the first may go on:

- A reader's place in the queue is taken inside the `try` whose `finally` gives it back, so an
  exception that a signal handler raises at any point leaves no place occupied.
- Whoever gives up a place wakes whoever is first then. Waking somebody twice does no harm.

A lock would not do: one that is acquired with a timeout cannot be acquired and remembered in one
step that a signal handler cannot split.
"""

from __future__ import annotations

import queue
from threading import get_ident
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from pykka._deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from types import TracebackType

    from pykka._future import Future

    Raised: TypeAlias = tuple[BaseException, TracebackType | None]

T = TypeVar("T")

Outcome: TypeAlias = "tuple[Any, Raised | None]"
"""What a future ends with: its value, or the exception and the traceback it was set with."""


def unwrap(outcome: Outcome) -> Any:
    """Return the value, or raise the exception with the traceback it was set with."""
    value, raised = outcome
    if raised is None:
        return value
    error, traceback = raised
    try:
        raise error.with_traceback(traceback)
    finally:
        # The traceback now holds this frame. Without this, the frame would hold the traceback.
        del outcome, raised, error, traceback


class Lazy(Generic[T]):
    """What makes the value of a future when it is read."""

    def __init__(self) -> None:
        self._turns = _Turns()
        self.outcome: Outcome | None = None

    def read(self, timeout: float | None, publish: Callable[[Outcome], object]) -> T:
        """Return the value; whoever makes it hands the outcome to `publish` too."""
        raise NotImplementedError  # pragma: no cover (an interface)


class GetHook(Lazy[T]):
    """Runs a user's get-hook in the thread of whoever reads, until it has returned once."""

    def __init__(self, function: Callable[[float | None], T]) -> None:
        super().__init__()
        self._function = function

    def read(self, timeout: float | None, publish: Callable[[Outcome], object]) -> T:
        deadline = Deadline(timeout)
        with self._turns.take(deadline) as had_to_wait:
            if self.outcome is None:
                left = deadline.remaining() if had_to_wait else timeout
                self.outcome = (self._function(left), None)
                publish(self.outcome)
        value: T = unwrap(self.outcome)
        return value


class Derivation(Lazy[T]):
    """Makes a value from the values of other futures."""

    def __init__(
        self, compute: Callable[[Sequence[Any]], T], sources: Sequence[Future[Any]]
    ) -> None:
        super().__init__()
        self._compute = compute
        self.sources = sources

    def read(self, timeout: float | None, publish: Callable[[Outcome], object]) -> T:
        deadline = Deadline(timeout)
        if self.outcome is None:
            values = [source.get(timeout=deadline.remaining()) for source in self.sources]
            with self._turns.take(deadline):
                if self.outcome is None:
                    try:
                        self.outcome = (self._compute(values), None)
                    except Exception as error:
                        self.outcome = (None, (error, error.__traceback__))
                    publish(self.outcome)
        value: T = unwrap(self.outcome)
        return value


class _Turns:
    """Lets one thread at a time through, in the order they came, until a deadline."""

    __slots__ = ("_queue",)

    def __init__(self) -> None:
        self._queue: list[_Turn] = []

    def take(self, deadline: Deadline) -> AbstractContextManager[bool]:
        """Wait for one's turn; the context's value tells whether there was a wait."""
        return _Turn(self._queue, deadline)


class _Turn:
    """One thread's place in the queue, and the bell that wakes it."""

    __slots__ = ("_bell", "_deadline", "_queue", "_thread")

    def __init__(self, queue_: list[_Turn], deadline: Deadline) -> None:
        self._queue = queue_
        self._deadline = deadline
        self._thread = get_ident()
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()

    def __enter__(self) -> bool:
        had_to_wait = False
        try:
            self._queue.append(self)
            while self._queue[0] is not self:
                self._refuse_recursion()
                had_to_wait = True
                try:
                    self._bell.get(timeout=self._deadline.remaining())
                except queue.Empty:
                    raise self._deadline.expired() from None
        except BaseException:
            self._leave()
            raise
        return had_to_wait

    def __exit__(self, *_exc_info: object) -> None:
        self._leave()

    def _refuse_recursion(self) -> None:
        for turn in self._queue.copy():
            if turn is not self and turn._thread == self._thread:
                msg = "the function that makes a future's value reads that same future"
                raise RuntimeError(msg)

    def _leave(self) -> None:
        try:
            if self in self._queue:
                self._queue.remove(self)
        finally:
            for first in self._queue[:1]:
                first._bell.put(None)
