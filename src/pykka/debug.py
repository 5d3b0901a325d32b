"""Helpers for debugging."""

from __future__ import annotations

import sys
import threading
import traceback
import warnings
from typing import Any

from pykka import _awaiting, _waiting
from pykka._logging import logger

__all__ = ["log_thread_tracebacks", "warn_about_blocking"]


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
    for ident, frame in sys._current_frames().items():
        name = names.get(ident, "?")
        stack = "".join(traceback.format_stack(frame))
        logger.critical("Current state of %s (ident: %s):\n%s", name, ident, stack)


def warn_about_blocking(*, enabled: bool = True) -> None:
    """Warn when a thread that runs an event loop blocks in a future.

    From then on, each `get()`, blocking `ask()` or `stop()`, and assignment through a proxy that
    has to wait on such a thread gives a `RuntimeWarning`, which names the line of code. While it
    waits, no task of the loop goes on. Python shows each line once, and with `-W error` the
    warning is an exception.

    It is off until it is switched on, and for all of the process.

    Args:
        enabled: Whether to warn.

    Examples:
        >>> import asyncio, warnings
        >>> import pykka, pykka.debug
        >>> class Echo(pykka.ThreadingActor):
        ...     def on_receive(self, message):
        ...         return message
        >>> async def main():
        ...     return Echo.start().ask("hello")  # should be: await ….ask("hello", block=False)
        >>> pykka.debug.warn_about_blocking()
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("always")
        ...     answer = asyncio.run(main())
        >>> "blocks the event loop of its thread" in str(caught[0].message)
        True
        >>> pykka.debug.warn_about_blocking(enabled=False)
        >>> stopped = pykka.ActorRegistry.stop_all()
    """
    _waiting.before_blocking = _warn_in_event_loop if enabled else None


_warned: dict[Any, Any] = {}
"""Where `warnings` notes what it has shown."""


def _warn_in_event_loop() -> None:
    if _awaiting.running_loop() is None:
        return
    place = _waiting.place_of(sys._getframe(1))
    warnings.warn_explicit(
        f"{place.function}() blocks the event loop of its thread until a future is there; "
        "await the future, and use block=False",
        RuntimeWarning,
        place.filename,
        place.line,
        registry=_warned,
    )
