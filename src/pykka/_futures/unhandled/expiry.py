"""Questions that are not handled when their askers have given up.

A sender who wants that puts its message into an `ExpiringMessage`, which has a handler of its own:
it looks at the clock before it handles what is inside. So messages that do not expire cost nothing
more (guarantee G10). The point in time is that of the asker's own timeout, by the time of the
world. If the handler looks a moment before that, the message is handled, and its answer is lost.

An actor class can want it of all who ask (`expire_asks`). There, an asker whose wait has timed out
takes its question back, as if it had called `cancel()`: see `pykka._futures.unhandled.recall`.
"""

from __future__ import annotations

from typing import Any, TypeVar

from pykka._exceptions import AskExpiredError
from pykka._futures.deadline import Deadline
from pykka._futures.unhandled.recall import EXPIRED, CoveredMessage, NotHandled
from pykka._util.checks import check_flag, in_seconds, shorten
from pykka.messages import is_privileged

C = TypeVar("C", bound="type[Any]")


class ExpiringMessage(CoveredMessage):
    """A message that is not handled after a point in time.

    Args:
        content: The message.
        deadline: When its asker gives up.
    """

    __slots__ = ("_deadline",)

    def __init__(self, content: Any, deadline: Deadline) -> None:
        super().__init__(content)
        self._deadline = deadline

    def require_begin(self, whose: object) -> None:
        """Begin to handle it.

        Args:
            whose: The actor.

        Raises:
            NotHandled: It is too late for that.
        """
        if not self._deadline.remaining():
            error = expired_error(whose, self._deadline.timeout)
            raise NotHandled(EXPIRED, (None, (error, None)))


def expiring(message: Any, timeout: float | None, expire: object) -> Any:
    """What is sent in the place of a message, if its asker waits so many seconds for the answer.

    Args:
        message: The message.
        timeout: The seconds.
        expire: The asker's flag.

    Raises:
        TypeError: `timeout` is not a number, or `expire` no flag, but the seconds perhaps.
        ValueError: `timeout` is negative.
    """
    check_flag("expire", expire)
    if timeout is None or is_privileged(message):
        return message
    return ExpiringMessage(message, Deadline(timeout))


def time_left(message: object) -> float | None:
    """The seconds after which a message is not handled any more; `None` if it does not expire."""
    return message._deadline.remaining() if type(message) is ExpiringMessage else None


def has_expired(message: object) -> bool:
    """Tell whether a message is one that is not handled any more, wherever it is sent."""
    return time_left(message) == 0


def expired_error(whose: object, timeout: object) -> AskExpiredError:
    """What a question ends with that its asker has waited for long enough."""
    return AskExpiredError(
        f"the question to {whose} was not handled, because its asker had given up after "
        f"{in_seconds(timeout)}"
    )


def expire_asks(actor_class: C) -> C:
    """Have questions to the actors of a class not handled whose askers have given up.

    It decorates the class, and goes for its subclasses, too. It is for actors whose answers are
    worth nothing if they are late, and that are to catch up when they have fallen behind.

    An asker gives up when an `ask()` or a `get()` with a timeout (of more than 0) raises
    `Timeout`, and no other thread, task or callback waits for the same future. Then the question
    is taken back, unless its handler has begun: it is no dead letter, it is counted
    (`ActorStatistics.expired`), and the future ends with `AskExpiredError`. So do not use
    `get(timeout=…)` of such an actor to look again and again; ask `done()`.

    The cancellation of a task that awaits the future is no giving up; see `Future.cancel`.

    Args:
        actor_class: The class.

    Returns:
        The class.

    Raises:
        TypeError: It is no actor class.

    Examples:
        >>> import pykka
        >>> @pykka.expire_asks
        ... class Quotes(pykka.ThreadingActor):
        ...     def price(self, symbol):
        ...         return {"ACME": 12.5}[symbol]
        >>> quotes = Quotes.start()
        >>> quotes.call(Quotes.price, "ACME").get(timeout=10)
        12.5
        >>> quotes.stop()
        True
    """
    given: Any = actor_class
    if not isinstance(given, type) or not hasattr(given, "_pykka_expires"):
        msg = f"expire_asks decorates an actor class, not {shorten(actor_class)}"
        raise TypeError(msg)
    type.__setattr__(given, "_pykka_expires", True)
    return actor_class


def expires(cell: Any) -> bool:
    """Tell whether an actor, if it is one that owes an answer, wants that of all who ask."""
    actor_class: Any = getattr(cell, "actor_class", None)
    return actor_class is not None and actor_class._pykka_expires
