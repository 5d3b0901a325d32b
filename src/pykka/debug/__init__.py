"""Helpers for debugging."""

from __future__ import annotations

import contextlib
import linecache
import os
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any, overload

from pykka._deadlock import loop_watch, stacks
from pykka._util import checks
from pykka._util.log import logger
from pykka._util.signatures import show_plainly as _show_plainly
from pykka.debug import _state, _wait_graph
from pykka.debug._trace import Trace, TracedMessage
from pykka.debug._wait_graph import WaitGraph, WaitingActor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType
    from typing import Literal, TextIO

    from pykka._futures.future import Future
    from pykka._ref.ref import ActorRef

__all__ = [
    "Trace",
    "TracedMessage",
    "WaitGraph",
    "WaitingActor",
    "get_state",
    "log_thread_tracebacks",
    "print_wait_graph",
    "trace",
    "wait_graph",
    "warn_about_blocking",
]


def log_thread_tracebacks(*_args: Any, **_kwargs: Any) -> None:
    """Log a traceback of each running thread, at level CRITICAL.

    It tells where a program hangs. It takes and ignores any arguments, so it can be used as a
    signal handler:

        import signal
        import pykka.debug

        signal.signal(signal.SIGUSR1, pykka.debug.log_thread_tracebacks)

    Then `kill -SIGUSR1 <pid>` makes the program log them. Python runs signal handlers on the main
    thread, between two steps of the program there.

    Examples:
        >>> import logging, sys
        >>> import pykka.debug
        >>> handler = logging.StreamHandler(sys.stdout)
        >>> logging.getLogger("pykka").addHandler(handler)
        >>> pykka.debug.log_thread_tracebacks()  # doctest: +ELLIPSIS
        Current state of ... (ident: ...):
        ...
        >>> logging.getLogger("pykka").removeHandler(handler)
    """
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, lines in stacks.read_stacks(_lines_of).items():
        name = names.get(ident, "?")
        stack = "".join(traceback.StackSummary.from_list(lines).format())
        logger.critical("Current state of %s (ident: %s):\n%s", name, ident, stack)


def _lines_of(
    stacks: Mapping[int, Sequence[FrameType]],
) -> dict[int, list[traceback.FrameSummary]]:
    """The lines that the threads are at, the outermost first; their text is looked up later."""
    for frame in {frame for stack in stacks.values() for frame in stack}:
        linecache.lazycache(frame.f_code.co_filename, frame.f_globals)
    return {
        ident: [
            traceback.FrameSummary(
                frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name, lookup_line=False
            )
            for frame in reversed(stack)
        ]
        for ident, stack in stacks.items()
    }


def wait_graph() -> WaitGraph:
    """Look which actors wait for which others, right now.

    In the graph are the actors that wait for an answer of another actor, without a timeout. That
    is what `DeadlockError` looks at, so what it does not see is not here either: locks, events and
    queues of the program's own, waits with a timeout, and threads that run no actor, such as the
    main thread.

    It may be called from any thread, and from a signal handler: it takes no lock that the code
    below could hold. The program goes on meanwhile, so a wait may be over when you read of it. It
    calls `repr()` of the messages.

    Where an actor waits for one that its own thread runs (see `PooledActor.caller_runs`), thread
    and line are read off the thread's stack. On a build of Python without the global interpreter
    lock they may be missing.

    Examples:
        >>> import threading
        >>> import pykka
        >>> import pykka.debug
        >>> class Archive(pykka.ThreadingActor):
        ...     def find(self, name, has_begun, may_end):
        ...         has_begun.set()
        ...         may_end.wait()
        >>> class Reader(pykka.ThreadingActor):
        ...     def read(self, archive, *args):
        ...         return archive.find(*args).get()
        >>> has_begun, may_end = threading.Event(), threading.Event()
        >>> archive, reader = Archive.start().proxy(), Reader.start().proxy()
        >>> answer = reader.read(archive, "a book", has_begun, may_end)
        >>> has_begun.wait()
        True
        >>> graph = pykka.debug.wait_graph()
        >>> while not graph.waiting:  # until the reader has got as far as that
        ...     graph = pykka.debug.wait_graph()
        >>> [waits] = graph.waiting
        >>> waits.actor == reader.actor_ref, waits.waits_for == archive.actor_ref
        (True, True)
        >>> may_end.set()
        >>> stopped = pykka.ActorRegistry.stop_all()
        >>> print(pykka.debug.wait_graph())
        No actor waits for another one.
    """
    return _wait_graph.look_around()


def print_wait_graph(*_args: Any, file: TextIO | None = None) -> None:
    """Print which actors wait for which others.

    It takes and ignores any positional arguments, so it can be used as a signal handler:

        signal.signal(signal.SIGUSR2, pykka.debug.print_wait_graph)

    Args:
        file: Where to print it; the standard error output if `None`.

    Examples:
        >>> import sys
        >>> import pykka.debug
        >>> pykka.debug.print_wait_graph(file=sys.stdout)
        No actor waits for another one.
    """
    text = f"{_wait_graph.look_around()}\n"
    stream = sys.stderr if file is None else file
    if stream is None:  # pyright: ignore[reportUnnecessaryComparison]
        return  # a program without a console
    try:
        stream.write(text)
        stream.flush()
    except RuntimeError:
        # The signal struck while the stream was just being written to, and it does not bear that.
        with contextlib.suppress(OSError, ValueError):
            os.write(stream.fileno(), text.encode("utf-8", "replace"))


@overload
def get_state(
    ref: ActorRef[Any], *, timeout: float | None = 5, block: Literal[True] = True
) -> dict[str, Any]: ...
@overload
def get_state(
    ref: ActorRef[Any], *, timeout: float | None = 5, block: Literal[False]
) -> Future[dict[str, Any]]: ...
@overload
def get_state(
    ref: ActorRef[Any], *, timeout: float | None = 5, block: bool = True
) -> dict[str, Any] | Future[dict[str, Any]]: ...
def get_state(
    ref: ActorRef[Any], *, timeout: float | None = 5, block: bool = True
) -> dict[str, Any] | Future[dict[str, Any]]:
    """Look at the attributes of an actor, between two of its messages.

    The actor comes to it right after the message that it is handling, before all that waits in
    its inbox. None of its code runs. Of an actor that waits for its supervisor to restart it, you
    get what the instance has that failed. In its own code, an actor gets its attributes at once.

    The dictionary is a new one; what is in it are the actor's own objects. Do not change them, and
    remember that the actor may, while you look.

    It is meant for people and for tests. To ask an actor something, send it a message. The idea is
    that of `sys:get_state` in OTP.

    Args:
        ref: The actor.
        timeout: Seconds to wait, if blocking; `None` waits for ever.
        block: Whether to wait, or to get a future at once, which can be awaited in an event loop.

    Returns:
        The names and values of its attributes, without those of the library; or a future of that.

    Raises:
        ActorDeadError: The actor is dead. Without blocking, the future raises it.
        Timeout: The actor has not come to it in time. It says what the actor is doing.
        TypeError: `ref` is not the ref of a single actor. Of a router, look at its routees.
        ValueError: `timeout` is negative.

    Examples:
        >>> import pykka, pykka.debug
        >>> class Counter(pykka.PooledActor):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.total = 0
        ...     def on_receive(self, number):
        ...         self.total += number
        >>> counter = Counter.start()
        >>> counter.tell(3)
        >>> counter.ask(4)
        >>> pykka.debug.get_state(counter)
        {'total': 7}
        >>> counter.stop()
        True
    """
    return _state.ask_for_state(ref, timeout=timeout, block=block)


def trace(ref: ActorRef[Any], *, last: int = 100) -> Trace:
    """Note the messages that an actor handles from now on, and what comes of them.

    It begins with the next message. It costs the actor a few microseconds for each message, in
    which it calls `repr()` of the message and of the answer. An actor that is not traced pays
    nothing. The trace goes on over restarts, and can be read after the actor has ended. An actor
    may be traced several times.

    The idea is that of `sys:log` and `dbg` in OTP.

    Args:
        ref: The actor.
        last: How many messages are kept.

    Returns:
        The trace, which can be read at any time, printed, and stopped.

    Raises:
        ActorDeadError: The actor is dead.
        TypeError: `ref` is not the ref of a single actor, or `last` is no whole number.
        ValueError: `last` is less than 1.

    Examples:
        >>> import pykka, pykka.debug
        >>> class Divider(pykka.PooledActor):
        ...     def divide(self, a, b):
        ...         return a / b
        >>> divider = Divider.start()
        >>> with pykka.debug.trace(divider) as trace:
        ...     half = divider.call(Divider.divide, 1, 2).get()
        ...     nothing = divider.call(Divider.divide, 1, 0).exception()
        >>> for each in trace.messages:
        ...     print(each)
        divide(1, 2): answered 0.5
        divide(1, 0): failed with ZeroDivisionError('division by zero')
        >>> divider.stop()
        True
    """
    return Trace(ref, last)


def warn_about_blocking(*, enabled: bool = True) -> None:
    """Have calls that block an event loop warned of, or not.

    Each `get()`, blocking `ask()` or `stop()`, and assignment through a proxy that has to wait on
    a thread which runs an event loop of asyncio gives a `BlockingWarning`, which names the line of
    code. While it waits, no task of the loop goes on.

    It is on unless it is switched off here, for all of the process. Python's filters of warnings
    can do that too, for a part of the program, or make the warning an exception.

    Args:
        enabled: Whether to warn.

    Raises:
        TypeError: `enabled` is neither true nor false.

    Examples:
        >>> import asyncio, warnings
        >>> import pykka, pykka.debug
        >>> class Echo(pykka.ThreadingActor):
        ...     def on_receive(self, message):
        ...         return message
        >>> async def main():
        ...     return Echo.start().ask("hello")  # should be: await ….ask("hello", block=False)
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("always")
        ...     answer = asyncio.run(main())
        ...     pykka.debug.warn_about_blocking(enabled=False)
        ...     answer = asyncio.run(main())
        >>> [warning.category.__name__ for warning in caught]
        ['BlockingWarning']
        >>> pykka.debug.warn_about_blocking()
        >>> stopped = pykka.ActorRegistry.stop_all()
    """
    checks.check_flag("enabled", enabled)
    loop_watch.watch_loops(enabled=enabled)


_show_plainly(__all__, globals())
