"""The library's loggers, and the doors to code of the user's that is called on the side.

Everything goes to the logger `pykka` or a child of it. A `NullHandler` sits on it, so a program
that has not set up logging sees nothing, as is the custom for libraries; but for crashes, see
`pykka._system.crashes`.

Problem
    Between a message and its answer, and while an actor ends, the library calls out: to log
    handlers, subscribers, listeners, alarms. What they raise says nothing about the actor, its
    asker or the thread. If it got out, the asker would wait for ever, the turn of a pooled actor
    would be kept, or its worker would end.

Invariants (guarantee G9)
    1. *Nothing that a log handler or a filter raises gets out of a `SafeLogger`*, and no other
       logger is used in this package.
    2. *Nothing that a function raises gets out of `call_out()`*; it is logged.

    The exception to both is what means the program and not the call: Ctrl-C, and whatever else a
    signal handler raises on the main thread. A caller of `call_out()` has to bear that in any
    case, because it may strike between any two steps (guarantee G11).

`tests/guarantees/test_g9_callouts.py` finds the places that go round these doors.
"""

from __future__ import annotations

import io
import logging
import sys
import threading
import traceback
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from pykka._util.imported import imported
from pykka._util.locks import held

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeGuard

E = TypeVar("E")

_package = logging.getLogger("pykka")
_package.addHandler(logging.NullHandler())


def is_a(error: object, kinds: type[E] | tuple[type[E], ...]) -> TypeGuard[E]:
    """Tell whether an exception is of a class, or of one of several, as `except` does.

    That looks at nothing but types. `isinstance()` asks the exception for its `__class__`, and
    the class for its `__instancecheck__()`. Both may be the user's, and raise.
    """
    if type(kinds) is tuple:
        several: Any = kinds
        return any(is_a(error, kind) for kind in several)
    one: Any = kinds
    return type.__subclasscheck__(one, type(error))


def is_failure(error: BaseException) -> bool:
    """Tell whether an exception is about the call that raised it, and not about the program."""
    if is_a(error, Exception) or is_a(error, GeneratorExit):
        return True
    # If it is asyncio's exception, then the program has imported asyncio.
    asyncio = imported("asyncio")
    return asyncio is not None and is_a(error, asyncio.CancelledError)


def is_for_the_program(error: BaseException) -> bool:
    """Tell whether an exception in a user's callback may be that of a signal handler.

    Those come on the main thread, and must not be swallowed there. On any other thread there is
    no code for which the exception could be meant.
    """
    return not is_failure(error) and threading.current_thread() is threading.main_thread()


class SafeLogger:
    """A logger out of which nothing comes that its handlers and filters raise.

    What they raise is printed to stderr, as the handlers of the standard library do themselves;
    for a child of the logger `pykka`, it is first tried to log it there.

    Args:
        name: The name of the logger.
    """

    __slots__ = ("_logger", "isEnabledFor")

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)
        self.isEnabledFor = self._logger.isEnabledFor

    def debug(self, text: str, *args: object) -> None:
        """Log something at level DEBUG."""
        self._log(logging.DEBUG, text, args)

    def info(self, text: str, *args: object, exc_info: Any = None) -> None:
        """Log something at level INFO."""
        self._log(logging.INFO, text, args, exc_info)

    def warning(
        self,
        text: str,
        *args: object,
        exc_info: Any = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        """Log something at level WARNING."""
        self._log(logging.WARNING, text, args, exc_info, extra)

    def error(self, text: str, *args: object, exc_info: Any = None) -> None:
        """Log something at level ERROR."""
        self._log(logging.ERROR, text, args, exc_info)

    def exception(self, text: str, *args: object) -> None:
        """Log the exception that is being handled, at level ERROR."""
        self._log(logging.ERROR, text, args, exc_info=True)

    def critical(self, text: str, *args: object) -> None:
        """Log something at level CRITICAL."""
        self._log(logging.CRITICAL, text, args)

    def _log(
        self,
        level: int,
        text: str,
        args: tuple[object, ...],
        exc_info: Any = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        if not self.isEnabledFor(level):
            return  # before the `try`, which might swallow what a signal handler raises
        # Three levels up is the line that has something to say.
        said = {"exc_info": exc_info, "extra": extra, "stacklevel": 3}
        log = partial(self._logger.log, level, text, *args, **said)
        try:
            log()
        except BaseException as error:
            if is_for_the_program(error):
                raise
            self._complain(error)

    def _complain(self, error: BaseException) -> None:
        text = f"A filter or handler of the logger {self._logger.name} raised:"
        if self._logger is not _package:
            logger.error("%s", text, exc_info=as_exc_info(error))
        elif logging.raiseExceptions:
            print_to_stderr(f"{text}\n{format_exception(error)}")


logger = SafeLogger("pykka")


def report_failure(text: str, *args: object) -> None:
    """Log the exception that is being handled, even if logging is what fails."""
    logger.exception(text, *args)  # noqa: LOG004 - the caller handles it


def call_out(
    function: Callable[..., object], *args: object, text: str, about: tuple[object, ...]
) -> bool:
    """Call code of the user's; what it raises is logged, and nothing comes of it.

    Args:
        function: What is called.
        *args: What it is called with.
        text: What is said if it raises, with a `%r` or `%s` for each of `about`.
        about: What that is about.

    Returns:
        Whether it has returned.

    Raises:
        BaseException: What means the program; see `is_for_the_program`.
    """
    try:
        function(*args)
    except BaseException as error:
        if is_for_the_program(error):
            raise
        report_failure(text, *about)
        return False
    return True


def safe_repr(thing: object, limit: int | None = None) -> str:
    """`repr()` of something of the user's, whatever that does, cut to `limit` characters."""
    text = _text_of(repr, thing)
    return text if limit is None or len(text) <= limit else f"{text[: limit - 1]}…"


def safe_str(thing: object) -> str:
    """`str()` of something of the user's, whatever that does."""
    return _text_of(str, thing)


def _text_of(how: Callable[[object], str], thing: object) -> str:
    try:
        return how(thing)
    except BaseException as error:
        if is_for_the_program(error):
            raise
        return f"<{type(thing).__name__} whose {how.__name__} raised {type(error).__name__}>"


class Shortened:
    """Something of the user's in a text that may never be needed: its `repr()`, not too long.

    Args:
        thing: What it is.
    """

    __slots__ = ("_thing",)

    def __init__(self, thing: object) -> None:
        self._thing = thing

    def __str__(self) -> str:
        return safe_repr(self._thing, LONGEST)


LONGEST = 200
"""So many characters of the user's things are shown."""


def as_exc_info(error: BaseException) -> tuple[type[BaseException], BaseException, Any]:
    """An exception as `sys.exc_info()` has it. It is not asked itself, for it may raise."""
    return type(error), error, traceback_of(error)


traceback_of: Any = BaseException.__dict__["__traceback__"].__get__


def format_exception(error: BaseException, *, chain: bool = True) -> str:
    """The traceback of an exception, as Python prints it."""
    try:
        return "".join(traceback.format_exception(error, chain=chain))
    except Exception as raised:  # its attributes can be anything
        return f"{type(error).__name__}, which could not be printed: {safe_repr(raised)}\n"


_printing = threading.RLock()

_AT_ONCE = 4000
"""So many bytes a pipe takes at once that takes anything (`PIPE_BUF`)."""

_ESCAPED = 10
"""So many bytes a character may become."""


def print_to_stderr(text: str) -> None:
    """Print something to stderr, if it takes that at once, and else do nothing.

    It never blocks, as far as that can be found out: a pipe that no process reads is full some
    day.
    """
    try:
        stream: Any = sys.stderr
        if stream is None:
            return
        if type(stream) is not io.TextIOWrapper:
            # It may be anything, and may wait for anything. So no lock is held.
            _print(stream, text)
            return
        for release in held(_printing):
            try:
                _print(stream, text)
            finally:
                release()
    except BaseException as error:
        if is_for_the_program(error):
            raise


def _print(stream: Any, text: str) -> None:
    size = _AT_ONCE if text.isascii() else _AT_ONCE // _ESCAPED
    descriptor = _descriptor_of(stream)
    for start in range(0, len(text), size):
        if descriptor is not None and not _takes_more(descriptor):
            return
        stream.write(text[start : start + size])
        stream.flush()


def _descriptor_of(stream: Any) -> int | None:
    try:
        descriptor: int = stream.fileno()
    except Exception:
        return None  # it is no file
    return descriptor


def _takes_more(descriptor: int) -> bool:
    import select  # noqa: PLC0415 (seldom needed; keep it out of start-up)

    if not hasattr(select, "poll"):
        return True  # Windows, where that cannot be found out
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return any(event & select.POLLOUT for _descriptor, event in poll.poll(0))


def renew_locks() -> None:
    """Begin with a fresh lock, in a child process; another thread may have held the old one."""
    global _printing  # noqa: PLW0603
    _printing = threading.RLock()
