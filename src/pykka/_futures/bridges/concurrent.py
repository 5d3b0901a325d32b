"""Bridges between the futures of this library and those of `concurrent.futures`.

To give up the one is to give up the other: `cancel()` goes over the bridge. A question that its
actor has begun is answered all the same, and work that has begun is done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pykka._futures.bridges.piping import is_done_like, outcome_of_done
from pykka._futures.threading_future import ThreadingFuture
from pykka._util.checks import shorten

if TYPE_CHECKING:
    from pykka._futures.bridges.piping import Done

T = TypeVar("T")


class Bridged(ThreadingFuture[Any]):
    """The future of something that another library does.

    Args:
        source: That library's future.
    """

    __slots__ = ("_source",)

    def __init__(self, source: Any) -> None:
        super().__init__()
        self._source: Any = source
        source.add_done_callback(self._take)

    def cancel(self, *, interrupt: bool = False) -> bool:
        del interrupt
        source = self._source
        if source is not None:
            source.cancel()
            return bool(source.cancelled())
        outcome = self._first_outcome()
        return outcome is not None and outcome is self.__dict__.get("_cancelled")

    def _take(self, source: Done[Any]) -> None:
        outcome = outcome_of_done(source)
        if source.cancelled():
            self.__dict__["_cancelled"] = outcome
        self._try_resolve(outcome)
        self._source = None

    def _new(self) -> ThreadingFuture[Any]:
        return ThreadingFuture()


# What users see of it is a future; see `pykka._futures.ask`.
Bridged.__name__ = Bridged.__qualname__ = "Future"


def from_concurrent(source: Done[T]) -> ThreadingFuture[T]:
    """Return a future of what a future of `concurrent.futures` ends with.

    So it can be handed on, joined with others and awaited; and when an actor of a pool waits for
    it, another thread takes the place of its own. `Future.to_concurrent` is the other direction.

    Args:
        source: What `Executor.submit()` has returned.

    Returns:
        A future. If the source is cancelled, it ends with `AskCancelledError`; to cancel it
        cancels the source.

    Raises:
        TypeError: `source` is no such future.

    Examples:
        >>> from concurrent.futures import ThreadPoolExecutor
        >>> import pykka
        >>> with ThreadPoolExecutor() as pool:
        ...     pykka.from_concurrent(pool.submit(pow, 2, 10)).map(str).get()
        '1024'
    """
    given: Any = source
    if not is_done_like(given) or hasattr(given, "get_loop"):
        msg = f"from_concurrent() takes a future of concurrent.futures, not {shorten(source)}"
        raise TypeError(msg)
    return Bridged(source)
