"""Outcomes that are sent to an actor: `Future.pipe_to()` and `pipe_to()`.

An actor that waits for an answer handles nothing else meanwhile. Here the answer comes as a
message, which it handles in its turn. The idea and the name are those of Akka.

Invariants
    1. *The outcome arrives once,* as one message, whatever it is: a value, an exception, or what
       `transform` raises. If the actor has ended by then, the message is a dead letter.
    2. *The thread that brings it never waits,* and no code of the actor's is run on it. So no
       bound of the inbox applies, and no key function is asked: where there are such, the message
       comes before those in the inbox. See `ActorRef._tell_outcome`.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from pykka._exceptions import AskCancelledError
from pykka._util.checks import check_callable, shorten
from pykka._util.imported import running_loop
from pykka._util.log import call_out, is_for_the_program, traceback_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from pykka._futures.derived import Outcome

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class PipedOutcome(NamedTuple, Generic[T]):
    """What has come of something whose outcome is sent to an actor; see `Future.pipe_to`.

    Examples:
        >>> import pykka
        >>> pykka.PipedOutcome(42, None).get()
        42
        >>> pykka.PipedOutcome(None, ValueError("no")).get()
        Traceback (most recent call last):
        ValueError: no
    """

    value: T
    """The value; `None` if there is an exception."""

    exception: BaseException | None
    """The exception; `None` if there is a value."""

    def get(self) -> T:
        """Return the value, or raise the exception."""
        if self.exception is None:
            return self.value
        try:
            raise self.exception
        finally:
            del self  # the exception's traceback holds this frame


class Recipient(Protocol):
    """What an outcome can be sent to: the ref of an actor, or a router."""

    def _tell_outcome(self, message: Any) -> None:
        """Send a message, and never wait; what cannot be delivered is a dead letter."""


class Done(Protocol[T_co]):
    """A future of `concurrent.futures`, or one of `asyncio`, as far as it is needed.

    It also has `add_done_callback()`; the types of its callback would hide that of the value.
    """

    def cancelled(self) -> bool:
        """Tell whether it was cancelled."""
        ...

    def exception(self) -> BaseException | None:
        """Return the exception of one that is done."""
        ...

    def result(self) -> T_co:
        """Return the value of one that is done."""
        ...


def check_pipe(ref: Any, transform: Any) -> None:
    """Refuse what nothing can be sent to, and what is no function.

    Raises:
        TypeError: It is one of these.
    """
    if isinstance(ref, type) or not hasattr(ref, "_tell_outcome"):
        msg = f"pipe_to() takes the ref of an actor, or a router, not {shorten(ref)}"
        raise TypeError(msg)
    if transform is not None:
        check_callable("transform of pipe_to()", transform, "a PipedOutcome")


def send_outcome(
    ref: Recipient,
    transform: Callable[[PipedOutcome[Any]], object] | None,
    outcome: PipedOutcome[Any],
) -> None:
    """Send what has come of something to an actor."""
    message: object = outcome
    try:
        if transform is not None:
            message = transform(outcome)
    except BaseException as error:
        if is_for_the_program(error):
            raise
        message = PipedOutcome(None, error)
    text = "The outcome of %s was to be sent to %s, which raised:"
    call_out(ref._tell_outcome, message, text=text, about=("a future", ref))


def piped(outcome: Outcome) -> PipedOutcome[Any]:
    """What an actor is sent of the outcome of one of our futures."""
    value, raised = outcome
    return PipedOutcome(value, None if raised is None else raised[0])


def outcome_of_done(source: Done[Any]) -> Outcome:
    """What a future of another library has ended with.

    If it was cancelled, that is an error of ours: a `CancelledError` that comes out of a handler
    would look as if that had been cancelled.
    """
    if source.cancelled():
        text = f"{shorten(source)} was cancelled, and its outcome was to be given to an actor"
        return None, (AskCancelledError(text), None)
    error = source.exception()
    if error is not None:
        return None, (error, traceback_of(error))
    return source.result(), None


def _send_done(
    ref: Recipient,
    transform: Callable[[PipedOutcome[Any]], object] | None,
    source: Done[Any],
) -> None:
    send_outcome(ref, transform, piped(outcome_of_done(source)))


def pipe_to(
    source: Any,
    ref: Recipient,
    transform: Callable[[PipedOutcome[Any]], object] | None = None,
) -> None:
    """Have the outcome of anything sent to an actor, as a message, when it is there.

    It is `Future.pipe_to` for more than futures of this library.

    Args:
        source: A future of this library, of `concurrent.futures`, or of `asyncio`, such as a task;
            or a coroutine, which a task of the running event loop is made of.
        ref: The actor, or a router.
        transform: Makes the message of a `PipedOutcome`, as for `Future.pipe_to`. If the source
            was cancelled, the exception is `AskCancelledError`.

    Raises:
        TypeError: `source` is nothing of that, `ref` is not a ref, or `transform` no function.
        RuntimeError: `source` is a coroutine, and no event loop runs on this thread. It is closed.

    Examples:
        >>> from concurrent.futures import ThreadPoolExecutor
        >>> import pykka
        >>> class Collector(pykka.ThreadingActor):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.sizes = []
        ...     def on_receive(self, outcome):
        ...         self.sizes.append(outcome.get())
        >>> collector = Collector.start()
        >>> with ThreadPoolExecutor() as pool:
        ...     pykka.pipe_to(pool.submit(len, "four"), collector)
        >>> collector.proxy().sizes.get()
        [4]
        >>> collector.stop()
        True
    """
    if hasattr(source, "send") and hasattr(source, "throw"):
        _pipe_coroutine(source, ref, transform)
        return
    check_pipe(ref, transform)
    own = getattr(source, "pipe_to", None)
    if own is not None and hasattr(source, "get"):
        own(ref, transform)
        return
    if not is_done_like(source):
        msg = (
            "pipe_to() takes a future, a task, a future of concurrent.futures or a coroutine, not "
            f"{shorten(source)}"
        )
        raise TypeError(msg)
    call_back = functools.partial(_send_done, ref, transform)
    loop = source.get_loop() if hasattr(source, "get_loop") else None
    if loop is None or loop is running_loop():
        source.add_done_callback(call_back)
    else:
        loop.call_soon_threadsafe(source.add_done_callback, call_back)


def is_done_like(source: Any) -> bool:
    """Tell whether something is a future as those of `concurrent.futures` are."""
    names = ("add_done_callback", "cancelled", "exception", "result")
    return not isinstance(source, type) and all(hasattr(source, name) for name in names)


_tasks: dict[Any, None] = {}
"""The tasks of coroutines: an event loop itself does not keep them."""


def _pipe_coroutine(
    coroutine: Coroutine[Any, Any, Any],
    ref: Recipient,
    transform: Callable[[PipedOutcome[Any]], object] | None,
) -> None:
    loop = running_loop()
    try:
        check_pipe(ref, transform)
    except BaseException:
        coroutine.close()
        raise
    if loop is None:
        name = getattr(coroutine, "__qualname__", repr(coroutine))
        coroutine.close()
        msg = (
            f"no event loop runs on this thread, so nothing would await {name}(); call pipe_to() "
            "in an AsyncioActor, or in another coroutine"
        )
        raise RuntimeError(msg)
    task = loop.create_task(coroutine)
    _tasks[task] = None
    task.add_done_callback(_forget_task)
    task.add_done_callback(functools.partial(_send_done, ref, transform))


def _forget_task(task: object) -> None:
    _tasks.pop(task, None)
