"""Inboxes: what an actor's messages wait in.

By default an inbox is a `queue.SimpleQueue`: written in C, 72 bytes, and its `put` never blocks
and may be called from a signal handler or a finaliser. The library uses that queue directly.
`Actor.actor_inbox` shows it through an `Inbox`, whose `put` does everything that a send does.

An actor class can bring an inbox of its own by overriding `_create_actor_inbox()`. All that is
asked of it is `put(envelope)`, `get()` and `empty()`.
"""

from __future__ import annotations

import contextlib
import itertools
import queue
import threading
from typing import TYPE_CHECKING, Any, Protocol

from pykka._util.checks import shorten
from pykka._util.locks import held
from pykka._util.log import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pykka._envelope import Envelope, Letter
    from pykka._statistics import InboxStatistics


class ActorInbox(Protocol):
    """What the library needs of an actor's inbox."""

    def put(self, envelope: Any, /) -> None:
        """Add an envelope."""

    def get(self) -> Any:
        """Remove the first envelope and return it; wait if there is none."""
        ...

    def empty(self) -> bool:
        """Tell whether there is nothing in the inbox."""
        ...


class Sender(Protocol):
    """What an `Inbox` needs of an actor's cell."""

    def send(self, envelope: Letter) -> None:
        """Put an envelope into the inbox and see that it is not forgotten there."""

    def take(self, block: bool, timeout: float | None) -> Any:  # noqa: FBT001 (queue.Queue's signature)
        """Take the first envelope out of the inbox."""

    def count(self) -> int:
        """How many envelopes are in the inbox."""
        ...

    def inbox_statistics(self) -> InboxStatistics:
        """How it stands with the inbox."""
        ...


class Inbox:
    """An actor's inbox, as a user sees it.

    Use `ActorRef.tell` and `ActorRef.ask` to send messages.
    """

    __slots__ = ("_sender",)

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def put(
        self,
        envelope: Envelope[Any],
        block: bool = True,  # noqa: FBT001, FBT002 (queue.Queue's signature)
        timeout: float | None = None,
    ) -> None:
        """Send an envelope to the actor.

        Without a bound (see `pykka.inboxes`), this never blocks. With one, it does what the
        inbox's policy says.

        Args:
            envelope: The envelope.
            block: Makes no difference.
            timeout: Makes no difference.

        Raises:
            TypeError: It is not an envelope.
        """
        if not (hasattr(envelope, "message") and hasattr(envelope, "reply_to")):
            msg = (
                f"an actor's inbox takes envelopes, not {envelope!r}; "
                "send a message with tell() or ask()"
            )
            raise TypeError(msg)
        del block, timeout
        self._sender.send(envelope)

    def put_nowait(self, envelope: Envelope[Any]) -> None:
        """Do the same as `put`."""
        self.put(envelope)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:  # noqa: FBT001, FBT002 (queue.Queue's signature)
        """Take the first envelope away from the actor.

        Raises:
            queue.Empty: There is none, and none came in time.
        """
        return self._sender.take(block, timeout)

    def get_nowait(self) -> Any:
        """Take the first envelope away from the actor, if there is one.

        Raises:
            queue.Empty: There is none.
        """
        return self._sender.take(False, None)  # noqa: FBT003 (as above)

    def empty(self) -> bool:
        """Tell whether there is nothing in the inbox."""
        return self._sender.count() == 0

    def full(self) -> bool:
        """Tell whether it has a bound, and no room."""
        found = self.statistics()
        return found.capacity is not None and found.waiting >= found.capacity

    def qsize(self) -> int:
        """Tell how many messages wait; the one being handled is not among them."""
        return self._sender.count()

    def statistics(self) -> InboxStatistics:
        """Return how it stands with the inbox."""
        return self._sender.inbox_statistics()

    def __repr__(self) -> str:
        return f"<pykka inbox with {self.qsize()} messages>"


_ignored: set[type] = set()


def spec_of(actor_class: type[Any]) -> Any:
    """The specification of its actors' inbox that a class keeps; `None` if it keeps none.

    A program that is older than that attribute may keep something else under the same name. That
    is left alone, and said once in the log, for it may also be a mistake.
    """
    spec = actor_class.default_inbox
    if spec is None or hasattr(spec, "_make"):
        return spec
    if actor_class not in _ignored:
        _ignored.add(actor_class)
        logger.warning(
            "%s.default_inbox is %r, which is none of pykka.inboxes, such as Bounded(100); "
            "so it makes no difference to the inbox",
            actor_class.__name__,
            spec,
        )
    return None


def require_spec(spec: object, what: str) -> None:
    """Refuse what is no specification of an inbox.

    Raises:
        TypeError: It is none.
    """
    if isinstance(spec, type) or not hasattr(spec, "_make"):
        msg = (
            f"{what} is {shorten(spec)}, and has to be one of pykka.inboxes, such as Bounded(100)"
        )
        raise TypeError(msg)


def count(inbox: Any) -> int:
    """Tell how much is in an inbox, as far as it says so."""
    qsize: Any = getattr(inbox, "qsize", None)
    if qsize is None:
        is_empty: bool = inbox.empty()
        return int(not is_empty)
    size: int = qsize()
    return size


def put_without_waiting(inbox: Any, full: Callable[[], bool] | None, envelope: object) -> bool:
    """Put an envelope into an inbox, which may be the user's own, and never wait for room.

    Args:
        inbox: The inbox, or what counts its messages.
        full: Tells whether it is full; None if it has no bound that we know of.
        envelope: The envelope.

    Returns:
        Whether it is in. It is not if the inbox is full.
    """
    if full is None:
        inbox.put(envelope)
        return True
    if full():
        return False
    put_nowait = getattr(inbox, "put_nowait", inbox.put)
    try:
        put_nowait(envelope)
    except queue.Full:
        return False
    except TypeError:
        # A subclass of Queue, whose put() takes an envelope and nothing else.
        inbox.put(envelope)
    return True


def move(source: Any, into: list[Any]) -> None:
    """Move everything that is in a list or deque to the end of a list, in order.

    The loop runs in C from start to end, so no signal handler can raise between the moment
    an item leaves its list and the moment it is in the other.

    "Empty" is what the source itself says when it is asked to give; see `take_all`.

    Args:
        source: The list or deque; `None` or `()` where there has been none so far.
        into: The list.
    """
    if source is None or type(source) is tuple:
        return
    done = len(into)
    with contextlib.suppress(IndexError):
        into.extend(again_and_again(source.pop))
    into[done:] = into[done:][::-1]


def move_turned(source: list[Any], into: list[Any]) -> None:
    """Do the same as `move` with a list that is back to front."""
    with contextlib.suppress(IndexError):
        into.extend(again_and_again(source.pop))


def again_and_again(take: Callable[[], Any]) -> Iterator[Any]:
    """Call a function written in C for one item after the other, in C, until it raises.

    `iter(take, sentinel)` would compare each item with the sentinel, and so run the user's
    `__eq__`; what that raises would come out in place of a message, which would be lost.
    """
    return itertools.starmap(take, itertools.repeat(()))


_one_at_a_time = threading.RLock()


def renew_locks() -> None:
    """Begin with fresh locks, in a child process; other threads may have held the old ones."""
    global _one_at_a_time  # noqa: PLW0603
    _one_at_a_time = threading.RLock()


def take_all(inbox: Any, into: list[Any]) -> None:
    """Move everything that is in an inbox to the end of a list, in order.

    Invariant: whatever was put before the call is moved by this call or by one that runs at the
    same time, and by exactly one of them.

    "Empty" is what the queue itself says when it is asked to give, never what a look at its
    length says: only the former synchronises with a `put` that happens at the same time.
    """
    if issubclass(type(inbox), (queue.SimpleQueue, queue.Queue)):
        # With a SimpleQueue, the loop runs in C from start to end, so no signal handler can raise
        # between the moment an envelope leaves the queue and the moment it is in the list.
        with contextlib.suppress(queue.Empty):
            into.extend(again_and_again(inbox.get_nowait))
        return
    own: Any = getattr(inbox, "take_all", None)
    if own is not None:  # it is the library's
        own(into)
        return
    # An inbox of the user's. With nothing but get() and empty(), two threads that both saw a last
    # envelope would fight for it and one would wait for ever; so one thread at a time. The lock
    # is re-entrant for sends from signal handlers and finalisers.
    for release in held(_one_at_a_time):
        try:
            # With a condition in the head of the loop, the jump back would not belong to the `try`
            # from Python 3.12 on, and a signal handler can strike there.
            while True:
                if inbox.empty():
                    break
                into.append(inbox.get())
        finally:
            release()
