"""Why an actor has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pykka._cell.frameless import copy_without_frames
from pykka._util.log import safe_repr

if TYPE_CHECKING:
    from pykka._deadlock.wait_graph import Place


class Record:
    """Something that is told, with what it carries: the attributes that it is matched by.

    Two of them are equal if they are of the same kind and carry the same.
    """

    __slots__ = ()
    __match_args__: ClassVar[tuple[str, ...]] = ()

    def _carries(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__match_args__)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._carries() == other._carries()

    def __hash__(self) -> int:
        return hash((type(self), self._carries()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(safe_repr, self._carries()))})"


class Reason(Record):
    """Why an actor has ended: `Stopped`, `Killed`, `Abandoned` or `Failed`.

    Two reasons are equal if they are of the same kind and carry the same.
    """

    __slots__ = ()


class Stopped(Reason):
    """The actor was stopped in an orderly way, by itself or by others."""

    __slots__ = ()


class Killed(Reason):
    """The actor was killed: it ended after the message that it was handling.

    If it awaited something in an event loop, that was cancelled.
    The same goes for an actor whose event loop was closed under it.
    """

    __slots__ = ()


class Abandoned(Reason):
    """The actor was killed, and did not come back from its handler in time.

    Its code is *still running*, and nothing in Python can end it. The actor counts as dead: its
    inbox is closed, and what the code returns some day is dropped.

    Args:
        place: The line of code that it hung at, as far as that could be found out.
    """

    __slots__ = ("place",)
    __match_args__ = ("place",)

    def __init__(self, place: Place | None = None) -> None:
        self.place = place


class Failed(Reason):
    """An exception has ended the actor.

    Args:
        exception: The exception. A reader of the reason after the end gets a copy of it and
            of its causes, without tracebacks, because those would keep alive what the actor had.
    """

    __slots__ = ("_frameless", "exception")
    __match_args__ = ("exception",)

    def __init__(self, exception: BaseException) -> None:
        self.exception = exception
        self._frameless: Failed | None = None

    def without_traceback(self) -> Failed:
        """The same, of a copy of the exception that holds no frames, nor what is in them."""
        if self._frameless is None:
            copy = Failed(copy_without_frames(self.exception))
            copy._frameless = copy
            self._frameless = copy
        return self._frameless
