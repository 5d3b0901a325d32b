"""The event bus: whoever is interested in a class of events gets them, and nobody else is asked.

Publishing is on the way of everything that has something to tell, and most of the time nobody
listens. So it takes no lock, and without subscribers it is one look at a table that is empty.

The table
    All subscriptions are one table, which is never changed but only replaced by another. Whoever
    publishes takes the table as it is and serves those who are in it.

    To replace it: read it, make the new one, and put that in its place if nobody has put another
    one there meanwhile; or else begin again. Only the comparison and the replacement are done
    under the lock, so nothing is allocated or called there (guarantee G4): a finaliser or a
    signal handler that strikes anywhere may subscribe, unsubscribe and publish.

Invariants
    1. *Order.* Subscriptions are numbered in the order in which they entered the table, across
       all classes. An event is delivered in the order of these numbers.
    2. *The dead are forgotten.* A subscriber enters the table, and *then* looks whether it is
       alive. An actor that ends is marked dead, and *then* is taken out of the table. Each of them
       holds the lock between its two steps. So at least one of them sees the other, and nothing
       of a dead actor stays behind. That an actor knows this bus (`Extras.buses`) is noted before
       it enters the table.
    3. *One subscriber harms no other.* What one of them raises is kept until all others are
       served.
"""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from pykka._checks import shorten
from pykka._exceptions import ActorDeadError
from pykka._locks import held
from pykka._logging import is_for_the_program, report_failure
from pykka._ref import ActorRef, ref_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pykka._address import Address

E = TypeVar("E")

Subscriber: TypeAlias = "ActorRef[Any] | Callable[[Any], object]"
"""Who gets events: an actor as a message, or a function as its argument."""


class _Table(NamedTuple):
    """All subscriptions. Neither it nor what it holds is ever changed."""

    by_class: dict[type, dict[Subscriber, int]]
    """The subscribers to each class, and the numbers of their subscriptions, in that order."""

    next_number: int
    """The number of the next subscription."""


class EventBus:
    """Hands events to all who have subscribed to their class.

    An event is any object. A subscriber to a class gets the events of its subclasses too, so
    whoever subscribes to `object` gets all of them. What counts is the class statement: virtual
    subclasses, such as those of `collections.abc`, are none. The idea is that of Akka's event
    stream.

    Subscribers are refs of actors, which get the event as a message, and functions, which are
    called with it in the thread that publishes. Functions should be quick. All methods may be
    called by any thread, and by a subscriber in the middle of an event.

    Examples:
        >>> import pykka
        >>> class Sold:
        ...     pass
        >>> class SoldOut(Sold):
        ...     pass
        >>> class Clerk(pykka.ThreadingActor):
        ...     noted = None
        ...     def on_receive(self, message):
        ...         self.noted = message
        >>> bus = pykka.EventBus()
        >>> clerk = Clerk.start()
        >>> bus.subscribe(Sold, clerk)
        >>> bus.publish(SoldOut())
        1
        >>> isinstance(clerk.proxy().noted.get(), SoldOut)
        True
        >>> clerk.stop()
        True
        >>> bus.publish(SoldOut())
        0
    """

    def __init__(self) -> None:
        self._table = _Table({}, 0)
        self._lock = threading.Lock()
        self._busy = _Busy()

    def subscribe(
        self, event_class: type[E], subscriber: ActorRef[Any] | Callable[[E], object]
    ) -> None:
        """Have a subscriber get the events of a class from now on.

        To subscribe again makes no difference. An actor that is dead, or dies, is forgotten.

        Args:
            event_class: Any class.
            subscriber: The ref of an actor, or a function that takes the event. It has to be
                hashable; functions and methods are.

        Raises:
            TypeError: `event_class` is not a class, or one of those that others belong to without
                being derived from it; or `subscriber` can take no events.
        """
        _require_own_class(event_class)
        _require_subscriber(subscriber)
        if isinstance(subscriber, ActorRef):
            subscriber._address.need_extras().buses[self] = None
        self._replace(functools.partial(_with, event_class, subscriber))
        if isinstance(subscriber, ActorRef) and not subscriber.is_alive():
            self.unsubscribe(subscriber)  # pyright: ignore[reportUnknownArgumentType]

    def unsubscribe(
        self, subscriber: ActorRef[Any] | Callable[[Any], object], event_class: type | None = None
    ) -> bool:
        """Have a subscriber get no more events.

        An event that is just being published may still reach it.

        Args:
            subscriber: The subscriber.
            event_class: The class it subscribed to; `None` for all of them. To leave a class does
                not mean to leave its subclasses, nor those that it is a subclass of.

        Returns:
            Whether it was subscribed.

        Raises:
            TypeError: `event_class` is not a class, or `subscriber` can take no events.
        """
        _require_subscriber(subscriber)
        if event_class is not None:
            _require_class(event_class)
        return self._replace(functools.partial(_without, subscriber, event_class))

    def forget(self, address: Address) -> None:
        """Unsubscribe an actor that has ended, and has been marked dead before."""
        self.unsubscribe(ref_at(address))

    def publish(self, event: object) -> int:
        """Hand an event to all who have subscribed to its class, in the order in which they did.

        It never blocks, unless a subscriber does: a function that waits, or an actor whose inbox
        is bounded and makes its senders wait. What a subscriber raises is logged, also that its
        inbox is full; nobody else is affected.

        Args:
            event: Any object. It is not copied.

        Returns:
            How many subscribers got it.

        Raises:
            BaseException: What means the program (Ctrl-C on the main thread) and struck in the
                middle of a function; all others have been served by then.
        """
        by_class = self._table.by_class
        if not by_class:
            return 0
        receivers = iter(_receivers(by_class, type(event)))
        served = 0
        raised: BaseException | None = None
        while True:
            try:
                for subscriber in receivers:
                    served += self._deliver(event, subscriber)
            except BaseException as error:
                if raised is None:
                    raised = error
            else:
                break
        if raised is not None:
            try:
                raise raised
            finally:
                # The exception's traceback holds this frame; do not let the frame hold it in turn.
                del raised
        return served

    def subscribers(self, event_class: type) -> list[Subscriber]:
        """All who get an event of exactly this class, in the order in which they get it.

        Raises:
            TypeError: `event_class` is not a class.
        """
        _require_class(event_class)
        return list(_receivers(self._table.by_class, event_class))

    def has_subscribers(self, event_class: type) -> bool:
        """Tell whether anybody gets an event of exactly this class.

        It is cheap, so that an event nobody wants need not be made.

        Raises:
            TypeError: `event_class` is not a class.
        """
        _require_class(event_class)
        by_class = self._table.by_class
        if not by_class:
            return False
        return any(cls in by_class for cls in event_class.__mro__)

    def renew_locks(self) -> None:
        """Begin with a fresh lock, in a child process; another may have held the old one."""
        self._lock = threading.Lock()

    def _replace(self, make: Callable[[_Table], _Table]) -> bool:
        """Put what a function makes of the table in its place; False if that is the same table.

        The lock is held between any step before this call and any step after it.
        """
        while True:
            before = self._table
            for release in held(self._lock):
                before = self._table
                release()
            after = make(before)
            if after is before:
                return False
            done = False
            for release in held(self._lock):
                if self._table is before:
                    self._table = after
                    done = True
                release()
            if done:
                return True

    def _deliver(self, event: object, subscriber: Any) -> bool:
        """Serve one subscriber; tells whether it got the event."""
        if not isinstance(subscriber, ActorRef):
            try:
                subscriber(event)
            except BaseException as error:
                if is_for_the_program(error):
                    raise
                self._report(subscriber)
            return True
        try:
            subscriber.tell(event)
        except ActorDeadError:
            self.unsubscribe(subscriber)  # pyright: ignore[reportUnknownArgumentType]
            return False
        except BaseException as error:  # its inbox is full, or its class brought one that fails
            if is_for_the_program(error):
                raise
            self._report(subscriber)  # pyright: ignore[reportUnknownArgumentType]
            return False
        return True

    def _report(self, subscriber: Subscriber) -> None:
        """Log what a subscriber raised.

        Not while that is being done on this thread already: a log handler that publishes records
        for a subscriber that fails would go on for ever.
        """
        busy = self._busy
        if busy.reporting:
            return
        busy.reporting = True
        try:
            report_failure("A subscriber to events raised: %s", shorten(subscriber))
        finally:
            busy.reporting = False


class _Busy(threading.local):
    """What this thread is in the middle of."""

    reporting = False


def _receivers(
    by_class: dict[type, dict[Subscriber, int]], event_class: type
) -> Iterable[Subscriber]:
    """Who gets an event of a class: each once, by the number of its first subscription."""
    found = [by_class[cls] for cls in event_class.__mro__ if cls in by_class]
    if len(found) < 2:  # noqa: PLR2004 (the usual case, without sorting)
        return found[0] if found else ()
    numbers: dict[Subscriber, int] = {}
    for subscribers in found:
        for subscriber, number in subscribers.items():
            numbers[subscriber] = min(number, numbers.get(subscriber, number))
    return sorted(numbers, key=numbers.__getitem__)


def _with(event_class: type, subscriber: Subscriber, table: _Table) -> _Table:
    """The table with one subscription more; the same table if it has it."""
    subscribers = table.by_class.get(event_class, {})
    if subscriber in subscribers:
        return table
    subscribers = subscribers | {subscriber: table.next_number}
    return _Table(table.by_class | {event_class: subscribers}, table.next_number + 1)


def _without(subscriber: Subscriber, event_class: type | None, table: _Table) -> _Table:
    """The table without a subscriber; the same table if it does not have it."""
    by_class: dict[type, dict[Subscriber, int]] = {}
    found = False
    for cls, subscribers in table.by_class.items():
        rest = subscribers
        if subscriber in subscribers and event_class in (None, cls):
            found = True
            rest = {each: number for each, number in subscribers.items() if each != subscriber}
        if rest:
            by_class[cls] = rest
    return _Table(by_class, table.next_number) if found else table


def _require_class(event_class: object) -> None:
    if not isinstance(event_class, type):
        msg = f"events are told apart by their class, and {shorten(event_class)} is none"
        raise TypeError(msg)


def _require_own_class(event_class: Any) -> None:
    """Refuse a class that others belong to without being derived from it.

    Raises:
        TypeError: That is so; or it is no class.
    """
    _require_class(event_class)
    if event_class.__module__ in ("collections.abc", "_collections_abc", "numbers", "typing") or (
        event_class is not object and "__subclasshook__" in event_class.__dict__
    ):
        msg = (
            f"events are told apart by the classes that theirs is derived from, and to "
            f"{shorten(event_class)} belong others, too, which would not come; "
            "subscribe to the classes of the events"
        )
        raise TypeError(msg)


def _require_subscriber(subscriber: Any) -> None:
    given: Any = subscriber
    if not isinstance(subscriber, ActorRef) and not callable(subscriber):
        msg = (
            "a subscriber is an ActorRef or a function that takes the event, not "
            f"{shorten(subscriber)}; the ref of a proxy is its actor_ref"
        )
        raise TypeError(msg)
    if isinstance(subscriber, ActorRef) and not hasattr(given, "_address"):
        msg = (
            f"{shorten(given)} is no single actor, whose end could be noticed; subscribe its "
            "method tell"
        )
        raise TypeError(msg)
    if isinstance(subscriber, type) and hasattr(subscriber, "_pykka_address_class"):
        msg = f"{shorten(subscriber)} is an actor class; start() an actor and subscribe its ref"
        raise TypeError(msg)
    try:
        hash(given)
    except TypeError as error:
        msg = f"a subscriber has to be hashable, and {shorten(given)} is not"
        raise TypeError(msg) from error
