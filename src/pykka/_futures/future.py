"""Futures: handles to values that arrive later.

`Future` is the interface, with everything that can be built from `get()`. The implementation is
`ThreadingFuture`, in `pykka._futures.threading_future`.
"""

from __future__ import annotations

import functools
import sys
from importlib import import_module as _import
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast, overload

from pykka._deadlock.wait_graph import lies_beneath_await
from pykka._exceptions import FutureAlreadySetError
from pykka._futures.awaiting import suspend_task
from pykka._futures.bridges.piping import check_pipe, piped, send_outcome
from pykka._futures.deadline import Deadline
from pykka._futures.derived import Derivation, GetHook, Lazy
from pykka._util.checks import check_callable, is_defined

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable, Generator, Iterable, Sequence
    from types import FrameType, TracebackType
    from typing import NoReturn, Self, TypeAlias

    from pykka._futures.bridges.piping import PipedOutcome, Recipient
    from pykka._futures.derived import Outcome

    OptExcInfo: TypeAlias = (
        tuple[type[BaseException], BaseException, TracebackType | None]
        | tuple[type[BaseException], BaseException | None, TracebackType | None]
        | tuple[None, None, None]
    )

T = TypeVar("T")
J = TypeVar("J")
J_co = TypeVar("J_co", covariant=True)
M = TypeVar("M")
R = TypeVar("R")
F = TypeVar("F", bound="Future[Any]")

USE_SUBCLASS = "Future is the interface; use a subclass of it, such as ThreadingFuture"
NO_VALUE = (
    "this is a future of a value, and not the value itself; to get that, call .get() on it, "
    "or await it"
)
ALREADY_SET = "the future has a result already; a future can be set only once"


class _HasItems(Protocol[J_co]):
    """A future of anything that can be iterated over.

    `Future[Iterable[J]]` would not do: a future can be set, so it is invariant, and a
    `Future[list[int]]` is no `Future[Iterable[int]]`.
    """

    def get(self, *, timeout: float | None = None) -> Iterable[J_co]:
        """See `Future.get`."""
        ...


class Future(Generic[T]):
    """A handle to a value which is available now or in the future.

    Calls of actor methods and reads of actor attributes through a proxy return futures, and so
    does `ActorRef.ask` with `block=False`. Get the value with `get()`, or with `await` in a
    coroutine.

    This class is the interface; use `ThreadingFuture`.
    """

    __slots__ = ("__dict__", "__weakref__")

    _lazy: Lazy[T] | None = None

    def __repr__(self) -> str:
        return "<pykka.Future>"

    def get(self, *, timeout: float | None = None) -> T:
        """Return the value, once it is there.

        If the future ended with an exception, it is raised instead of returned: the same
        exception object, with the traceback it was set with and the caller's frames added.

        The value can be read any number of times, by any number of threads.

        Args:
            timeout: Seconds to wait for the value. `None` waits for ever, `0` only looks.

        Raises:
            Timeout: The value is not there after `timeout` seconds.
            DeadlockError: The caller is an actor, `timeout` is `None`, and the value can only
                come from an actor that waits for the caller.
            ValueError: `timeout` is negative.
            Exception: Whatever the future ended with.

        Examples:
            >>> import pykka
            >>> future = pykka.ThreadingFuture()
            >>> future.set("done")
            >>> future.get(timeout=1)
            'done'
        """
        if self._lazy is not None:
            return self._lazy.read(timeout, lambda _outcome: None)
        raise NotImplementedError(USE_SUBCLASS)

    def set(self, value: T | None = None) -> None:
        """Resolve the future with a value.

        Args:
            value: The value; it is not copied.

        Raises:
            FutureAlreadySetError: The future has a result already, or a get-hook.
        """
        raise NotImplementedError(USE_SUBCLASS)

    def set_exception(self, exc_info: OptExcInfo | BaseException | None = None) -> None:
        """Resolve the future with an exception, which `get()` then raises.

        Args:
            exc_info: A three-tuple as from `sys.exc_info()`, or an exception. Without it, the
                exception that is being handled is taken.

        Raises:
            FutureAlreadySetError: The future has a result already, or a get-hook.
            ValueError: There is no exception, neither given nor being handled.
            TypeError: `exc_info` is something else.

        Examples:
            >>> import pykka
            >>> future = pykka.ThreadingFuture()
            >>> try:
            ...     1 / 0
            ... except ZeroDivisionError:
            ...     future.set_exception()
            >>> future.get()
            Traceback (most recent call last):
            ZeroDivisionError: division by zero
        """
        raise NotImplementedError(USE_SUBCLASS)

    def set_get_hook(self, func: Callable[[float | None], T]) -> None:
        """Let a function make the value when it is read.

        The function is called by the first `get()`, with its timeout, and what it returns is the
        future's value from then on. If it raises, the next `get()` calls it again.

        Args:
            func: Takes the timeout in seconds, or `None`, and returns the value.

        Raises:
            FutureAlreadySetError: The future has a result already.
            TypeError: `func` cannot be called.
        """
        check_callable("the get-hook of a future", func, "a timeout")
        self._install(GetHook(func))

    def filter(self: _HasItems[J], func: Callable[[J], bool]) -> Future[Iterable[J]]:
        """Return a future with only those items of the value that pass a test.

        Raises:
            TypeError: `func` cannot be called; or from `get()` of the new future, if the value is
                not iterable.

        Examples:
            >>> import pykka
            >>> numbers = pykka.ThreadingFuture()
            >>> large = numbers.filter(lambda x: x > 10)
            >>> numbers.set(range(5, 15))
            >>> large.get()
            [11, 12, 13, 14]
        """
        check_callable("func of filter()", func, "an item")

        def keep(values: Sequence[Iterable[J]]) -> list[J]:
            return [item for item in values[0] if func(item)]

        future = cast("Future[Any]", self)
        return future._derive(keep, future)

    def join(self: Future[Any], *futures: Future[Any]) -> Future[Iterable[Any]]:
        """Return a future with a list of the values of this future and others.

        Raises:
            TypeError: One of `futures` is not a future.

        Examples:
            >>> import pykka
            >>> a, b = pykka.ThreadingFuture(), pykka.ThreadingFuture()
            >>> both = a.join(b)
            >>> a.set("def")
            >>> b.set(123)
            >>> both.get()
            ['def', 123]
        """
        for future in futures:
            require_future(future, "join()")
        return self._derive(list, self, *futures)

    def map(self, func: Callable[[T], M]) -> Future[M]:
        """Return a future with the result of a function of the value.

        Raises:
            TypeError: `func` cannot be called.

        Examples:
            >>> import pykka
            >>> number = pykka.ThreadingFuture()
            >>> larger = number.map(lambda x: x + 10)
            >>> number.set(30)
            >>> larger.get()
            40
        """
        check_callable("func of map()", func, "the value")
        return self._derive(lambda values: func(values[0]), self)

    @overload
    def reduce(self: _HasItems[J], func: Callable[[J, J], J], /) -> Future[J]: ...
    @overload
    def reduce(self: _HasItems[J], func: Callable[[R, J], R], start: R, /) -> Future[R]: ...
    @overload
    def reduce(self: _HasItems[J], func: Callable[[R, J], R], *args: R) -> Future[R]: ...
    def reduce(self: _HasItems[J], func: Callable[[R, J], R], *args: R) -> Future[R]:
        """Return a future with the value's items folded into one, from left to right.

        Args:
            func: Takes what was made so far and the next item.
            *args: At most one: what to start with.

        Raises:
            TypeError: `func` cannot be called, or `args` are too many; or from `get()` of the new
                future, if the value is not iterable, or empty with nothing to start with.

        Examples:
            >>> import pykka
            >>> letters = pykka.ThreadingFuture()
            >>> word = letters.reduce(lambda so_far, letter: so_far + letter)
            >>> letters.set(["a", "b", "c"])
            >>> word.get()
            'abc'
        """
        check_callable("func of reduce()", func, "what was made so far and the next item")
        if len(args) > 1:
            msg = f"reduce() takes a function and at most one value to start with, not {len(args)}"
            raise TypeError(msg)
        future = cast("Future[Any]", self)
        return future._derive(lambda values: functools.reduce(func, values[0], *args), future)

    def _derive(self, compute: Callable[[Any], Any], *sources: Future[Any]) -> Future[Any]:
        derived = self._new()
        derived._install(Derivation(compute, sources))
        return derived

    def _new(self) -> Future[Any]:
        """An empty future of the kind that `map()` and its sisters return."""
        return type(self)()

    def _install(self, lazy: Lazy[T]) -> None:
        """Have `lazy` make the value."""
        if self._lazy is not None and self._lazy.outcome is not None:
            raise FutureAlreadySetError(ALREADY_SET)
        self._lazy = lazy

    def _when_ready(self, waiter: Callable[[], object]) -> bool:
        """Call `waiter` once, when `get()` need not wait for any actor.

        Returns False, and does nothing, if there is no telling when: a get-hook does its own
        waiting, inside the `get()` that calls it.
        """
        del waiter
        return False

    def _forget(self, waiter: Callable[[], object]) -> None:
        """Do not call `waiter` any more, if it can still be helped."""

    def done(self) -> bool:
        """Tell whether there is nothing left for `get()` to wait for.

        A future made by `map()`, `filter()`, `reduce()` or `join()` is done when all futures it is
        made from are done; its function runs when it is read. With a get-hook, it is done once it
        was read.

        Examples:
            >>> import pykka
            >>> future = pykka.ThreadingFuture()
            >>> future.done()
            False
            >>> future.set(1)
            >>> future.done()
            True
        """
        return False

    def cancel(self, *, interrupt: bool = False) -> bool:
        """Take a question back that the actor has not begun to handle.

        If that is in time, the message will never be handled, and all waiters for the future get
        `AskCancelledError` at once. It does not become a dead letter; the actor counts it
        (`ActorStatistics.cancelled`) when it gets to it. This may be called from anywhere.

        A future made by `map()`, `filter()`, `reduce()` or `join()` cancels those that it is made
        from. Three kinds cannot be cancelled: a future that no actor owes, a request to stop, and
        the answer of an actor class that makes futures of its own.

        Args:
            interrupt: Whether a handler that has begun is interrupted, if it is `async def` in an
                `AsyncioActor`: what it awaits raises `asyncio.CancelledError` there, so its
                `finally` blocks run, and the actor goes on with the next message. One that awaits
                nothing any more comes to its end, and its answer is dropped. Any other handler
                cannot be interrupted in Python.

        Returns:
            `True` if the future has ended with `AskCancelledError`, now or before. `False` if it
            has another result, or will have one, since the handler has begun.

        Examples:
            >>> import threading
            >>> import pykka
            >>> class Printer(pykka.ThreadingActor):
            ...     def on_receive(self, page):
            ...         return page.wait() if isinstance(page, threading.Event) else page
            >>> printer, paper = Printer.start(), threading.Event()
            >>> first = printer.ask(paper, block=False)
            >>> second = printer.ask("page 2", block=False)
            >>> second.cancel()
            True
            >>> paper.set()
            >>> first.get()
            True
            >>> first.cancel()
            False
            >>> isinstance(second.exception(), pykka.AskCancelledError)
            True
            >>> printer.stop()
            True
        """
        lazy = self._lazy
        if not isinstance(lazy, Derivation):
            return False
        # Each of them, and not up to the first that is.
        cancelled = [source.cancel(interrupt=interrupt) for source in lazy.sources]
        return any(cancelled)

    def pipe_to(
        self,
        ref: Recipient,
        transform: Callable[[PipedOutcome[T]], object] | None = None,
    ) -> None:
        """Have the outcome sent to an actor, as a message, when it is there.

        So an actor can ask, and handle other messages until the answer comes. It arrives once,
        whatever it is. It is sent by the thread that resolves the future, or right here if that
        has happened already. No bound of the inbox applies; in an inbox with a bound or with
        priorities, it comes first. If the actor has ended by then, it is a dead letter.

        Args:
            ref: The actor, such as `self.actor_ref`; or a router.
            transform: Makes the message of a `PipedOutcome`; without it, that is the message. It
                should be quick. If it raises, as it does if it gets the value of something that
                has failed, the message is a `PipedOutcome` with that exception.

        Raises:
            TypeError: `ref` is not a ref, or `transform` is not a function; or the class of the
                future cannot tell when it is done.

        Examples:
            >>> import pykka
            >>> class Shop(pykka.ThreadingActor):
            ...     stock = 0
            ...     def refill(self, storehouse):
            ...         storehouse.ask("How many?", block=False).pipe_to(
            ...             self.actor_ref, lambda outcome: ("stock", outcome.get())
            ...         )
            ...     def on_receive(self, message):
            ...         match message:
            ...             case ("stock", number):
            ...                 self.stock += number
            ...             case pykka.PipedOutcome(None, exception):
            ...                 print("No stock:", exception)
            >>> class Storehouse(pykka.ThreadingActor):
            ...     def on_receive(self, message):
            ...         return 10
            >>> shop, storehouse = Shop.start(), Storehouse.start()
            >>> shop.call(Shop.refill, storehouse).get()
            >>> storehouse.stop()
            True
            >>> shop.proxy().stock.get()
            10
            >>> shop.stop()
            True
        """
        check_pipe(ref, transform)
        self._when_done(lambda outcome: send_outcome(ref, transform, piped(outcome)), "pipe_to()")

    def to_concurrent(self) -> concurrent.futures.Future[T]:
        """Return a future of `concurrent.futures` with the same outcome.

        It is for code that takes such futures: `concurrent.futures.wait()`, `wrap_future()` of
        asyncio and the like. If it is cancelled, this future is (see `cancel`), as far as that is
        possible; so a task that awaits it by way of `wrap_future()`, and is cancelled, takes its
        question back. `from_concurrent` is the other direction.

        Raises:
            TypeError: The future is of a class that cannot tell when it is done.

        Examples:
            >>> import concurrent.futures
            >>> import pykka
            >>> futures = [pykka.ThreadingFuture() for _ in range(2)]
            >>> others = [future.to_concurrent() for future in futures]
            >>> for number, future in enumerate(futures):
            ...     future.set(number)
            >>> done, not_done = concurrent.futures.wait(others)
            >>> sorted(each.result() for each in done)
            [0, 1]
        """
        other: concurrent.futures.Future[T] = _import("concurrent.futures").Future()

        def finish(outcome: Outcome) -> None:
            if not other.set_running_or_notify_cancel():
                return
            value, raised = outcome
            if raised is None:
                other.set_result(value)
            else:
                other.set_exception(raised[0])

        self._when_done(finish, "to_concurrent()")
        other.add_done_callback(lambda other: other.cancelled() and self.cancel())
        return other

    def _when_done(self, function: Callable[[Outcome], object], caller: str) -> None:
        """Call a function with the outcome, once, when it is there.

        Raises:
            TypeError: There is no telling when that is.
        """
        del function
        msg = f"{caller} needs a future that can tell when it is done, and {self!r} cannot"
        raise TypeError(msg)

    def _ended_with(self, error: BaseException) -> bool:
        """Tell whether this very exception is the end of the future, or of one it is made from."""
        lazy = self._lazy
        return isinstance(lazy, Derivation) and any(s._ended_with(error) for s in lazy.sources)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        """Return the future itself: a copy of it would never be resolved.

        So messages that hold futures can be copied, as the manual advises for messages in general.
        """
        return self

    def __reduce__(self) -> NoReturn:
        msg = f"{self!r} cannot be pickled: it is resolved in this process. Send its value instead"
        raise TypeError(msg)

    def __iter__(self) -> Generator[Any, None, T]:
        """Do the same as `await`, for `yield from` in generator-based coroutines.

        Raises:
            TypeError: Code iterates over the future in another way: it takes it for its value.
        """
        if is_iterated_over(sys._getframe(1)):
            raise TypeError(NO_VALUE)
        return self.__await__()

    def __contains__(self, item: object) -> NoReturn:
        raise TypeError(NO_VALUE)

    # Type checkers would take it for a promise to have any attribute. Python 3.11 looks attributes
    # up much more slowly in a class that has this, so that an ask would take half as long again.
    if not TYPE_CHECKING and sys.version_info >= (3, 12):

        def __getattr__(self, name: str) -> Any:
            if is_defined(type(self), name):
                return object.__getattribute__(self, name)  # a property has raised: what it says
            msg = f"{type(self).__name__!r} object has no attribute {name!r}: {NO_VALUE}"
            raise AttributeError(msg)

    @lies_beneath_await
    def __await__(self) -> Generator[Any, None, T]:
        try:
            if not self.done():
                value: T = yield from suspend_task(self)
                return value
            return self.get()
        finally:
            # An exception's traceback holds this frame; do not let the frame hold it in turn.
            del self


def is_iterated_over(caller: FrameType) -> bool:
    """Tell whether who has just called `iter()` on a future does more than to wait for it.

    `yield from` calls that, too; which of the two it is, only the caller's instruction tells. The
    bytes of `co_code` are those that the compiler made, whether the interpreter has specialised
    them since, or traces them. Where there is no such instruction, in a release that is not known
    here, everything counts as waiting.
    """
    from opcode import opmap  # noqa: PLC0415 (seldom needed; keep it out of start-up)

    waits = opmap.get("GET_YIELD_FROM_ITER")
    return waits is not None and caller.f_code.co_code[caller.f_lasti] != waits


def get_all(futures: Iterable[Future[T]], *, timeout: float | None = None) -> list[T]:
    """Collect the values of several futures.

    Args:
        futures: The futures, in any iterable.
        timeout: Seconds to wait for all of them together.

    Returns:
        A list of the values, in the order of `futures`.

    Raises:
        Timeout: They are not all there after `timeout` seconds.
        TypeError: Something in `futures` is not a future.
        Exception: What the first of the futures that failed ended with.

    Examples:
        >>> import pykka
        >>> class Squarer(pykka.ThreadingActor):
        ...     def square(self, number):
        ...         return number * number
        >>> squarer = Squarer.start().proxy()
        >>> pykka.get_all([squarer.square(n) for n in range(4)], timeout=10)
        [0, 1, 4, 9]
        >>> squarer.stop().get()
    """
    deadline = None if timeout is None else Deadline(timeout)
    values: list[T] = []
    future = None
    try:
        for future in futures:
            left = None if deadline is None else deadline.remaining()
            values.append(require_future(future, "get_all()").get(timeout=left))
    finally:
        # An exception's traceback holds this frame; do not let the frame hold it in turn.
        del futures, future
    return values


def require_future(future: F, caller: str) -> F:
    if not hasattr(future, "get"):
        msg = f"{caller} takes futures, not {future!r}"
        raise TypeError(msg)
    return future
