"""What lies in an inbox: a message, and where its answer goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from pykka.messages import ProxyCall

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    class ReplyTo(Protocol):
        """Where an answer goes: each `pykka.Future` is that."""

        def set(self, value: Any = None) -> None:
            """Give the answer."""

        def set_exception(
            self,
            exc_info: BaseException
            | tuple[type[BaseException], BaseException, TracebackType | None]
            | None = None,
        ) -> None:
            """Give an exception instead."""


T = TypeVar("T")


class Letter(Protocol):
    """What the library needs to know of an envelope."""

    @property
    def message(self) -> Any:
        """What was sent."""

    @property
    def reply_to(self) -> Any:
        """The future that gets the answer, or None."""


class Envelope(Generic[T]):
    """A message on its way to an actor.

    Args:
        message: What the sender sent.
        reply_to: The future that gets the answer; `None` if the sender expects none.

    Examples:
        >>> from pykka._envelope import Envelope
        >>> Envelope("hello")
        Envelope(message='hello', reply_to=None)
    """

    __slots__ = ("message", "reply_to")

    message: T
    reply_to: ReplyTo | None

    def __init__(self, message: T, reply_to: ReplyTo | None = None) -> None:
        self.message = message
        self.reply_to = reply_to

    def __repr__(self) -> str:
        return f"Envelope(message={self.message!r}, reply_to={self.reply_to!r})"


class CarryingEnvelope(Envelope[T]):
    """An envelope with what instruments have sent along; see `pykka.instruments`.

    Args:
        message: As for `Envelope`.
        reply_to: As for `Envelope`.
        carried: What each of them has sent, with the instrument that it belongs to.
    """

    __slots__ = ("carried",)

    def __init__(
        self, message: T, reply_to: ReplyTo | None, carried: tuple[tuple[Any, Any], ...]
    ) -> None:
        super().__init__(message, reply_to)
        self.carried = carried


class CallEnvelope:
    """A call through a proxy that expects no answer.

    It holds what the `ProxyCall` would hold, and makes one only for those who look. The actor
    does not. A message of its own for each call would cost as much again as everything else,
    most of it in the garbage collector, which has to look through all that waits in an inbox.
    """

    __slots__ = ("args", "attr_path", "kwargs")

    attr_path: Sequence[str]
    args: Sequence[Any]
    kwargs: dict[str, Any] | None

    reply_to = None

    @property
    def message(self) -> ProxyCall:
        """The call as a message."""
        return ProxyCall(self.attr_path, self.args, self.kwargs or {})

    def __repr__(self) -> str:
        return f"Envelope(message={self.message!r}, reply_to=None)"
