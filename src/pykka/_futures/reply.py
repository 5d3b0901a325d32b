"""The answer of an actor, on its way into the future of the asker."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from pykka._futures.ask import hand_over, is_ask
from pykka._util.log import as_exc_info as as_exc_info  # noqa: PLC0414 (for those above)
from pykka._util.log import is_a, is_for_the_program, logger, report_failure
from pykka._util.log import is_failure as is_failure  # noqa: PLC0414 (as above)
from pykka._util.thread_state import current

if TYPE_CHECKING:
    from pykka._futures.ask import Ask
    from pykka._futures.derived import Outcome


def is_the_callers(error: BaseException) -> bool:
    """Tell whether an exception in an actor means the caller, and not the program.

    Ctrl-C reaches the main thread, and an actor runs there only for a caller who waits for it.
    """
    return is_a(error, KeyboardInterrupt) and current.state.is_main


def log_returned(actor: object, error: BaseException) -> None:
    """Log that the exception of a question goes to its asker."""
    logger.info("Exception returned from %s to caller:", actor, exc_info=as_exc_info(error))


def reply(actor: object, reply_to: Any, result: object) -> None:
    """Answer into a future of the user's own."""
    hand_over(reply_to, result, None, actor, _log_late_reply)


def reply_exception(actor: object, reply_to: Any, error: BaseException) -> None:
    """Answer with an exception."""
    if is_ask(reply_to):
        if reply_to._is_cancelled():
            return
        if reply_to._promise is not None:
            reply_to = reply_to._promise
    hand_over(reply_to, None, as_exc_info(error), actor, _log_late_reply)


def settle(actor: object, ask: Ask, outcome: Outcome) -> None:
    """Answer a question whose future is waited for, or was set already."""
    try:
        if ask._settle(outcome) or ask._is_cancelled():
            return
        if ask._promise is None:
            _log_late_reply(actor)
        else:
            ask._promise.set(outcome[0])
    except BaseException as error:
        # A signal handler may have raised, before all were served who wait.
        with contextlib.suppress(BaseException):
            ask._serve_again()
        if is_for_the_program(error):
            raise
        report_failure("A callback of the future of a reply from %s raised:", actor)


def _log_late_reply(actor: object) -> None:
    logger.warning(
        "Reply from %s dropped, because its future could not be set; "
        "somebody else has set it already, or has given it a get-hook.",
        actor,
        exc_info=True,
    )
