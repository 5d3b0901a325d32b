"""The library's loggers, and what to do with exceptions that have nowhere to go.

Everything goes to the logger `pykka` or a child of it. A `NullHandler` sits on it, so a program
that has not set up logging sees nothing, as is the custom for libraries.
"""

import contextlib
import logging
import threading

logger = logging.getLogger("pykka")
logger.addHandler(logging.NullHandler())


def is_for_the_program(error: BaseException) -> bool:
    """Tell whether an exception in a user's callback may be that of a signal handler.

    Those come on the main thread, and must not be swallowed there. On any other thread there is
    nobody for whom the exception could be meant.
    """
    return (
        not isinstance(error, Exception) and threading.current_thread() is threading.main_thread()
    )


def report_failure(text: str, *args: object) -> None:
    """Log the exception that is being handled, even if logging is what fails."""
    with contextlib.suppress(Exception):
        logger.error(text, *args, exc_info=True)  # noqa: LOG014 - the caller handles it
