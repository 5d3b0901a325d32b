"""A crash is no secret: what becomes of an exception that ends an actor.

It is always logged. But a program that has not set up logging would see nothing of it, as little
as of an exception that ends a thread, had Python no `threading.excepthook`. So there is a hook of
that kind. It is not called for an actor that another one supervises or watches: that one knows,
and may have it start again ten times a second.

"Not set up" means that no handler would get the record but the `NullHandler` that the library puts
on its own logger. A logger that is disabled, a level above ERROR, and a `propagate = False` are
the program's wish for silence. If the program has removed that handler, too, the standard library
prints the record itself.

The hook runs on the actor's thread. So what prints does not wait for stderr to take anything, and
prints no more than so much a second.
"""

from __future__ import annotations

import logging
import sys
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from pykka._ref.ref import ref_at
from pykka._util.checks import shorten
from pykka._util.locks import held
from pykka._util.log import (
    format_exception,
    is_for_the_program,
    print_to_stderr,
    report_failure,
    safe_str,
)
from pykka._util.world import at_exit

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka._cell.cell import Cell
    from pykka._ref.ref import ActorRef

BURST = 10.0
"""So many crashes are printed at once."""

PER_SECOND = 1.0
"""So many are in the long run."""


class ActorCrash(NamedTuple):
    """The argument of `pykka.crash_hook`: an exception has ended an actor."""

    ref: ActorRef[Any]
    """The actor."""

    exception: BaseException
    """What it raised, with its traceback. A hook that keeps it keeps alive what the actor had."""


class _Printed:
    """Counts what is printed, and what is left out; see `pykka._system.dead_letters`."""

    __slots__ = ("_last", "_left_out", "_lock", "_tokens")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tokens = BURST
        self._last = monotonic()
        self._left_out = 0

    def take(self) -> int | None:
        """Count one more; returns how many were left out before it, or None if it is left out."""
        now = monotonic()
        left_out: int | None = None
        for release in held(self._lock):
            tokens = self._tokens + (now - self._last) * PER_SECOND
            if tokens > BURST:  # noqa: PLR1730 - min() would be a call
                tokens = BURST
            self._last = now
            if tokens >= 1:
                tokens -= 1
                left_out = self._left_out
                self._left_out = 0
            else:
                self._left_out += 1
            self._tokens = tokens
            release()
        return left_out

    def take_left_out(self) -> int:
        """How many were left out since one was printed; they count as told."""
        left_out = 0
        for release in held(self._lock):
            left_out = self._left_out
            self._left_out = 0
            release()
        return left_out


_printed = _Printed()

_HINT = (
    "(Printed because logging is not set up, and no actor supervises or watches this one; "
    "see pykka.crash_hook.)\n"
)


def crash_hook(crash: ActorCrash) -> None:
    """Print a crash to stderr, unless logging is set up; the value of `pykka.crash_hook`.

    Args:
        crash: What has ended which actor.
    """
    if not _is_silent():
        return
    left_out = _printed.take()
    if left_out is None:
        return
    more = f"{left_out} more crashes of actors were not printed.\n" if left_out else ""
    text = format_exception(crash.exception)
    print_to_stderr(f"{more}Exception in {safe_str(crash.ref)}:\n{text}{_HINT}")


def _is_silent() -> bool:
    """Tell whether nothing is seen of what is logged as an error, and nothing asked for that."""
    own = logging.getLogger("pykka")
    if not own.isEnabledFor(logging.ERROR):
        return False
    has_handlers = False
    at: logging.Logger | None = own
    while at is not None:
        for handler in at.handlers.copy():
            if not issubclass(type(handler), logging.NullHandler):
                return False
            has_handlers = True
        if not at.propagate:
            return False
        at = at.parent
    return has_handlers or logging.lastResort is None


def tell_of_crash(cell: Cell, error: BaseException) -> None:
    """Call the hook of the program, unless another actor knows of the crash.

    Nothing comes of what the hook raises, but that it is told as well.
    """
    extension = cell.extension
    if extension is not None:
        supervision = extension.supervision
        if extension.watchers or (supervision is not None and supervision.knows):
            return
    hook: Callable[[ActorCrash], object] | None
    hook = getattr(sys.modules.get("pykka"), "crash_hook", None)
    if hook is None:
        return
    crash = ActorCrash(ref_at(cell), error)
    try:
        hook(crash)
    except BaseException as raised:
        if is_for_the_program(raised):
            raise
        report_failure("pykka.crash_hook raised: %s", shorten(hook))
        if _is_silent():
            # Without the crash, in the middle of which it was raised: that comes next.
            text = format_exception(raised, chain=False)
            print_to_stderr(f"pykka.crash_hook raised:\n{text}")
            crash_hook(crash)


@at_exit
def _tell_what_was_left_out() -> None:
    left_out = _printed.take_left_out()
    if left_out:
        print_to_stderr(f"{left_out} more crashes of actors were not printed.\n")


def renew_locks() -> None:
    """Begin afresh in a child process; another thread may have held the lock."""
    global _printed  # noqa: PLW0603
    _printed = _Printed()
