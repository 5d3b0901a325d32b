"""Helpers for debugging."""

from __future__ import annotations

import sys
import threading
import traceback
from typing import Any

from pykka._logging import logger

__all__ = ["log_thread_tracebacks"]


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
