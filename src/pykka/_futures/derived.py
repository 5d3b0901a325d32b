"""Futures whose value is made when it is read: get-hooks, `map()` and its sisters.

A `GetHook` wraps what the user gave to `set_get_hook()`. It is called with the reader's timeout,
and what it returns is kept: no later reader calls it again. If it raises, nothing is kept and the
next reader calls it once more, for it may have raised `Timeout`.

A `Derivation` is a get-hook that knows which futures it is made from. Reading has two parts. Any
number of readers wait for the sources, each with its own deadline; then one of them computes, and
its value *or exception* is kept. Because the sources are known, `await` and callbacks on the
derived future need no thread: it is ready as soon as its sources are.

Invariant: the function runs in at most one thread at a time, and never again once a result is
kept. A queue of readers sees to it, of which the first may go on; see `ReaderTicket`. A lock
would not do: one that is acquired with a timeout cannot be acquired and remembered in one step
that a signal handler cannot split.
"""

from __future__ import annotations

import contextlib
from functools import partial
from queue import Empty
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from pykka._deadlock.wait_graph import block, current
from pykka._futures.deadline import Deadline
from pykka._util.log import traceback_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from queue import SimpleQueue
    from types import TracebackType

    from pykka._deadlock.wait_graph import WaitingCell
    from pykka._futures.future import Future

    Raised: TypeAlias = tuple[BaseException, TracebackType | None]
    Waiter: TypeAlias = Callable[[], object]
    Ticks: TypeAlias = dict[Waiter, tuple[tuple[Future[Any], Waiter], ...]]

T = TypeVar("T")

LOOK_UP = 1.0
"""Seconds after which a reader who waits for its turn looks whether it has come."""

Outcome: TypeAlias = "tuple[Any, Raised | None]"
"""What a future ends with: its value, or the exception and the traceback it was set with."""


def unwrap(outcome: Outcome) -> Any:
    """Return the value, or raise the exception with the traceback it was set with."""
    value, raised = outcome
    if raised is None:
        return value
    error, traceback = raised
    try:
        # Not error.with_traceback(), which a class of the user's may have taken away.
        raise BaseException.with_traceback(error, traceback)
    finally:
        # The traceback now holds this frame. Without this, the frame would hold the traceback.
        del outcome, raised, error, traceback


class Lazy(Generic[T]):
    """What makes the value of a future when it is read."""

    def __init__(self) -> None:
        self._turns: list[ReaderTicket] = []
        self.outcome: Outcome | None = None

    def read(self, timeout: float | None, publish: Callable[[Outcome], object]) -> T:
        """Return the value; the reader that makes it hands the outcome to `publish` too."""
        raise NotImplementedError  # pragma: no cover (an interface)


class GetHook(Lazy[T]):
    """Runs a user's get-hook in the thread of the reader, until it has returned once."""

    def __init__(self, function: Callable[[float | None], T]) -> None:
        super().__init__()
        self._function = function

    def read(self, timeout: float | None, publish: Callable[[Outcome], object]) -> T:
        deadline = Deadline(timeout)
        turns, turn = self._turns, ReaderTicket()
        try:
            had_to_wait = turn.wait_in(turns, deadline)
            if self.outcome is None:
                left = deadline.remaining() if had_to_wait else timeout
                self.outcome = (self._function(left), None)
            publish(self.outcome)  # also if a reader was interrupted before doing it
        finally:
            # Without a call for the first step: a signal handler may strike before it has begun.
            if turn in turns:
                turns.remove(turn)
            turn.has_left = True
            ring_first(turns)
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
        self.ticks: Ticks = {}
        """For each that waits for all sources: what waits for each of them in its name."""

    def read(self, timeout: float | None, publish: Callable[[Outcome], object]) -> T:
        outcome = self.outcome
        try:
            if outcome is None:
                deadline = Deadline(timeout)
                values = _read_all(self.sources, deadline)
                outcome = self.outcome or self._make(values, deadline)
            publish(outcome)  # also if a reader was interrupted before doing it
            value: T = unwrap(outcome)
            return value
        finally:
            # An exception's traceback holds this frame; do not let the frame hold it in turn.
            del self, publish, outcome

    def is_busy(self) -> bool:
        """Tell whether some reader computes the value right now, so that another would wait."""
        return bool(self._turns)

    def _make(self, values: Sequence[Any], deadline: Deadline) -> Outcome:
        turns, turn = self._turns, ReaderTicket()
        outcome = None
        try:
            turn.wait_in(turns, deadline)
            outcome = self.outcome
            if outcome is None:
                outcome = self.outcome = _compute(self._compute, values)
                # Function and sources are not needed any more, and may hold much.
                self._compute = _computed
                self.sources = ()
                self.ticks.clear()
            return outcome
        finally:
            # Without a call for the first step: a signal handler may strike before it has begun.
            if turn in turns:
                turns.remove(turn)
            turn.has_left = True
            ring_first(turns)
            # A frame is held by those that it called, hence by the traceback of what they raise.
            del self, values, outcome


def _read_all(sources: Sequence[Future[Any]], deadline: Deadline) -> list[Any]:
    values: list[Any] = []
    source = None
    try:
        for source in sources:
            values.append(source.get(timeout=deadline.remaining()))
    finally:
        del sources, source  # as above
    return values


def _compute(compute: Callable[[Sequence[Any]], Any], values: Sequence[Any]) -> Outcome:
    try:
        return compute(values), None
    except Exception as error:
        # Without this function's frame; and this function's frame does not hold it either.
        return None, (error, getattr(traceback_of(error), "tb_next", None))


def _computed(_values: Sequence[Any]) -> Any:
    """What is left of a function that has been called."""
    raise AssertionError  # pragma: no cover (it is never called)


class ReaderTicket:
    """One reader's place in a queue of which the first may go on, and the bell that wakes it.

    The queue is a list. Who leaves it does so in a `finally`, and takes its place out before it
    calls anything else. If a signal handler raises right then, the next one is not rung for; so
    those who wait look up now and then.

    Who waits, waits for the first in the queue to leave it: that is what the wait-for graph sees.
    """

    __slots__ = ("_answered_by", "_bell", "_thread", "has_left")

    def __init__(self) -> None:
        self._answered_by: WaitingCell | None = current.state.cell
        """The actor that reads, if one does."""
        self.has_left = False
        self._thread = current.state.world.strand()
        self._bell: SimpleQueue[None] = current.state.world.new_queue()

    def wait_in(self, turns: list[ReaderTicket], deadline: Deadline) -> bool:
        """Wait for one's turn; tells whether there was a wait.

        Raises:
            Timeout: It did not come before the deadline.
            RuntimeError: It cannot come, because this very thread has the turn.
        """
        turns.append(self)
        had_to_wait = False
        while turns[0] is not self:
            self._refuse_recursion(turns)
            had_to_wait = True
            left = deadline.remaining()
            look_up = partial(self._bell.get, True, LOOK_UP)  # noqa: FBT003
            with contextlib.suppress(Empty):
                block(
                    turns[0],
                    self._bell.get if left is not None else look_up,
                    current.state,
                    None if left is None else min(left, LOOK_UP),
                )
            if left == 0 and turns[0] is not self:
                raise deadline.expired()
        return had_to_wait

    def _has_outcome(self) -> bool:
        return self.has_left

    def ring(self) -> None:
        """Have the reader that waits look whether it is its turn."""
        self._bell.put(None)

    def _refuse_recursion(self, turns: list[ReaderTicket]) -> None:
        for turn in turns.copy():
            if turn is not self and turn._thread == self._thread:
                msg = "the function that makes a future's value reads that same future"
                raise RuntimeError(msg)


def ring_first(turns: list[ReaderTicket]) -> None:
    """Wake the reader whose turn it is. To wake it twice does no harm."""
    for first in turns[:1]:
        first.ring()
