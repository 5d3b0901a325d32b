"""What an actor's messages wait in, and what happens when too many do.

By default an inbox is unbounded, and messages are handled in the order in which they came. An
actor that is slower than its senders then piles up messages until memory runs out, and everything
it does comes later and later. `Bounded` says how many messages may wait at most, and what happens
to one more. `Priority` says which of those that wait is handled next. One object can serve any
number of actors: it describes an inbox, and each actor gets one of its own.

Examples:
    >>> from pykka import inboxes
    >>> inboxes.Bounded(1000)
    Bounded(capacity=1000, when_full='block', timeout=None)
    >>> latest_only = inboxes.Bounded(1, when_full="drop_oldest")
    >>> urgent_first = inboxes.Priority(lambda message: message.level)

What the library itself sends to an actor is never dropped, never waits, and does not count: above
all, a stop. It keeps its place: what was sent before it is handled first, and nothing that is sent
after it is handled, whatever its priority.

The idea of a bounded mailbox with a policy for what comes when it is full, and that of one that is
sorted by priority, are those of Akka's mailboxes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, get_args

from pykka._futures import deadline
from pykka._util.signatures import show_plainly as _show_plainly
from pykka.inboxes import _bounded as _policy_inbox
from pykka.inboxes import _priority

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka.inboxes._bounded import OwningCell, PolicyInbox, WhenFull

__all__ = ["Bounded", "InboxSpec", "Priority", "Unbounded"]


class InboxSpec:
    """A description of an inbox; the base of `Unbounded`, `Bounded` and `Priority`.

    Use it in annotations, and do not derive from it.
    """

    __slots__ = ()

    def _make(self, owner: OwningCell) -> PolicyInbox | None:
        """Make the inbox of one actor; `None` if the runtime's own will do."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Unbounded(InboxSpec):
    """An inbox that takes every message at once and hands them out in order: the default.

    Examples:
        >>> from pykka.inboxes import Unbounded
        >>> Unbounded()
        Unbounded()
    """

    def _make(self, owner: OwningCell) -> PolicyInbox | None:
        del owner
        return None


@dataclass(frozen=True, slots=True)
class Bounded(InboxSpec):
    """An inbox in which only a limited number of messages can wait.

    The message that the actor is handling does not count. What happens to a message that comes
    when the inbox is full is one of these:

    - `"block"`: the sender waits until there is room. Blocked senders get in in the order in which
      they came. Actors that block each other in a circle get `DeadlockError`. An actor that sends
      to itself when its inbox is full gets `InboxFullError`, because it would wait for itself. If
      the actor ends meanwhile, the sender gets `ActorDeadError`. A sender in an event loop blocks
      the loop.
    - `"raise"`: the sender gets `InboxFullError`.
    - `"drop_newest"`: the message is dropped.
    - `"drop_oldest"`: the message that has waited longest is dropped to make room.

    `ActorRef.tell` raises these errors; with `ActorRef.ask` and calls through a proxy, the future
    of the answer raises them. A dropped tell becomes a dead letter, with the reason; a dropped ask
    is answered with `InboxFullError`. So nothing vanishes silently.

    Args:
        capacity: How many messages can wait; 1 or more.
        when_full: What happens to one more.
        timeout: With `"block"`: seconds that a sender waits at most, before it gets
            `InboxFullError`. `None` waits for ever.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: `capacity` is less than 1, `when_full` is not one of the four, or there is a
            `timeout` and no sender that waits.

    Examples:
        >>> from pykka.inboxes import Bounded
        >>> Bounded(100, timeout=2.5)
        Bounded(capacity=100, when_full='block', timeout=2.5)
        >>> Bounded(100, "drop")
        Traceback (most recent call last):
        ValueError: when_full is 'block', 'raise', 'drop_newest' or 'drop_oldest', not 'drop'
    """

    capacity: int
    when_full: WhenFull = "block"
    timeout: float | None = None

    def __post_init__(self) -> None:
        _check_capacity(self.capacity)
        _check_policy(self.when_full, self.timeout)

    def _make(self, owner: OwningCell) -> PolicyInbox | None:
        return _policy_inbox.PolicyInbox(owner, self.capacity, self.when_full, self.timeout)


@dataclass(frozen=True, slots=True)
class Priority(InboxSpec):
    """An inbox from which the most urgent message is handled first.

    Equally urgent messages are handled in the order in which they came. With a `capacity` it is
    bounded too, as `Bounded` is, with one difference: `"drop_oldest"` drops the oldest of the
    *least urgent* messages. If the new message is less urgent than all that wait, it is the one.

    The sender calls the key function, once, and compares keys. What that raises goes to the sender
    like any other error, and the message is not sent. With `"block"`, a message whose sender waits
    is put in by the one who makes room, so that one compares keys too; what that raises goes to
    the sender all the same.

    Args:
        key: Takes a message, as it was sent, and returns how urgent it is: anything that can be
            compared with `<`. The smaller, the more urgent. A call through a proxy is a
            `pykka.messages.ProxyCall`.
        capacity: How many messages can wait; `None` for any number.
        when_full: As for `Bounded`; only with a `capacity`.
        timeout: As for `Bounded`; only with a `capacity`.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: As for `Bounded`; or there is no `capacity`, but what depends on one.

    Examples:
        >>> from pykka.inboxes import Priority
        >>> urgency = {"alarm": 0, "order": 1, "report": 2}
        >>> inbox = Priority(urgency.__getitem__, capacity=50, when_full="drop_oldest")
        >>> inbox.capacity
        50
    """

    key: Callable[[Any], Any]
    capacity: int | None = field(default=None, kw_only=True)
    when_full: WhenFull = field(default="block", kw_only=True)
    timeout: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        key: Any = self.key
        if not callable(key):
            msg = f"key is a function that says how urgent a message is, not {key!r}"
            raise TypeError(msg)
        if self.capacity is not None:
            _check_capacity(self.capacity)
        elif self.when_full != "block" or self.timeout is not None:
            msg = "an inbox without a capacity is never full, so give it no when_full or timeout"
            raise ValueError(msg)
        _check_policy(self.when_full, self.timeout)

    def _make(self, owner: OwningCell) -> PolicyInbox | None:
        return _priority.PriorityInbox(
            owner, self.key, self.capacity, self.when_full, self.timeout
        )


def _check_capacity(capacity: Any) -> None:
    if type(capacity) is not int:
        msg = f"capacity is a whole number of messages, not {capacity!r}"
        raise TypeError(msg)
    if capacity < 1:
        msg = (
            f"an inbox needs a capacity of at least 1 message, not {capacity}; "
            "pykka.inboxes.Unbounded() has no bound"
        )
        raise ValueError(msg)


def _check_policy(when_full: Any, timeout: Any) -> None:
    policies = get_args(_policy_inbox.WhenFull)
    if when_full not in policies:
        *others, last = map(repr, policies)
        msg = f"when_full is {', '.join(others)} or {last}, not {when_full!r}"
        raise ValueError(msg)
    if timeout is None:
        return
    deadline.check_timeout(timeout)
    if when_full != "block":
        msg = f"nobody waits if when_full is {when_full!r}, so there can be no timeout"
        raise ValueError(msg)


_show_plainly(__all__, globals())
