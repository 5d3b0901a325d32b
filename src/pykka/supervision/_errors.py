"""What supervisors raise.

A failure goes up from supervisor to supervisor until one bears it, and each has an exception of
its own, whose `__cause__` is that of the child. The *text* does not repeat all of them, one in the
quotes of the other: it names the exception that all began with, and the path to where that was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pykka._cell.reasons import Failed
from pykka._exceptions import ActorError
from pykka._util.checks import shorten
from pykka._util.log import is_a

if TYPE_CHECKING:
    from pykka._cell.reasons import Reason


class SupervisionError(ActorError):
    """A supervisor cannot continue, so it fails. The text says why."""

    _gives_up = True

    _path: tuple[object, ...] = ()
    """The ids of the child that failed, of its child that did, and so on, down to the first."""

    _origin: str | None = None
    """The exception of that one, or why else it has ended, for people; `None` if it is this."""


class RestartLimitError(SupervisionError):
    """The children of a supervisor had to be restarted too often in too short a time.

    The exception of the child that failed last is its `__cause__`, if there is one.
    """


class ChildStartError(SupervisionError):
    """A child, or a supervisor with its children, could not be started.

    The exception of the child is its `__cause__`.
    """


def describe(id: object, reason: Reason | BaseException) -> tuple[tuple[object, ...], str]:  # noqa: A002 (OTP's word)
    """The path to where a failure began, and what began it, for people.

    Args:
        id: The child that has failed.
        reason: Why, as far as its supervisor knows.
    """
    cause: Any = reason
    if is_a(cause, Failed):
        cause = cause.exception
    if is_a(cause, SupervisionError) and cause._origin is not None:
        return (id, *cause._path), cause._origin
    return (id,), shorten(cause)


def path_of(ids: tuple[object, ...]) -> str:
    """A path for people: with its first and its last parts, if it is long."""
    parts = [shorten(each, 40) for each in ids]
    if len(parts) > LONGEST:
        half = LONGEST // 2
        parts[half:-half] = [f"({len(parts) - 2 * half} more)"]
    return " > ".join(parts)


LONGEST = 12
