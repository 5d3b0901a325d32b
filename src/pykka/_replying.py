"""The answer of an actor, on its way into the future of whoever has asked."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

from pykka._current import current
from pykka._logging import is_for_the_program, logger

if TYPE_CHECKING:
    from types import TracebackType

    from pykka._actor import Actor
    from pykka._ask import Ask
    from pykka._lazy import Outcome


def is_the_callers(error: BaseException) -> bool:
    """Tell whether an exception in an actor means the caller, and not the program.

    Ctrl-C reaches the main thread, and an actor runs there only for a caller who waits for it.
    """
    return isinstance(error, KeyboardInterrupt) and current.state.is_main


def is_failure(error: BaseException) -> bool:
    """Tell whether an exception is about the call that raised it, and not about the program."""
    if isinstance(error, (Exception, GeneratorExit)):
        return True
    # If it is asyncio's exception, then somebody has imported asyncio.
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and isinstance(error, asyncio.CancelledError)


def log_returned(actor: Actor, error: BaseException) -> None:
    """Log that the exception of a question goes to its asker."""
    logger.info("Exception returned from %s to caller:", actor, exc_info=as_exc_info(error))


def reply(actor: Actor, reply_to: Any, result: object) -> None:
    """Answer into a future of the user's own."""
    try:
        reply_to.set(result)
    except Exception:
        _log_late_reply(actor)


def reply_exception(actor: Actor, reply_to: Any, error: BaseException) -> None:
    """Answer with an exception."""
    try:
        reply_to.set_exception(as_exc_info(error))
    except Exception:
        _log_late_reply(actor)


def settle(actor: Actor, ask: Ask, outcome: Outcome) -> None:
    """Answer a question whose future somebody waits for, or has set."""
    try:
        if not ask._settle(outcome):
            _log_late_reply(actor)
    except BaseException as error:
        # A signal handler may have raised, before all were served who wait.
        with contextlib.suppress(BaseException):
            ask._serve_again()
        if is_for_the_program(error):
            raise
        logger.exception("A callback of the future of a reply from %s raised:", actor)


def _log_late_reply(actor: Actor) -> None:
    logger.warning(
        "Reply from %s dropped, because its future could not be set; "
        "somebody else has set it already, or has given it a get-hook.",
        actor,
        exc_info=True,
    )


def as_exc_info(
    error: BaseException,
) -> tuple[type[BaseException], BaseException, TracebackType | None]:
    return type(error), error, error.__traceback__
