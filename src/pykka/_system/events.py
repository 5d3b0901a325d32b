"""The event bus: the subscribers to a class of events get them, and no others are asked.

Publishing is on the way of everything that has something to tell, and most of the time no one
listens. So it takes no lock, and without subscribers it is one look at a dictionary that is empty.

The tables
    There is one dictionary of subscribers for each class, and one of classes for each subscriber.
    To subscribe, to unsubscribe and to look is a single step of one of them, with and without the
    GIL. So no lock is held where a subscriber is hashed or compared, which may run code of the
    user's (guarantee G4), and none of it costs more if there are many others.

    What takes several steps is to forget a class that has no subscribers any more: one may come
    meanwhile. So a subscriber *pins* the class before; that, and the look whether it is
    empty and not pinned, are done under a lock. A signal handler that raises at the wrong moment
    may leave a class pinned. That costs some bytes and nothing else.

Invariants
    1. *Order.* Subscriptions are numbered in the order in which they are made, across all
       classes. An event is delivered in the order of these numbers. (Two that are made at the same
       time may have either order.)
    2. *The dead are forgotten.* A subscriber is entered, and *then* it is looked whether it is
       alive. An actor that ends is marked dead, and *then* is taken out. Both change the same
       dictionary, which puts them in an order. So at least one of them sees the other, and nothing
       of a dead actor stays behind. That an actor knows this bus (`CellExtension.buses`) is noted
       before.
    3. *A subscriber that leaves all classes leaves all.* It is entered at the class first, and
       *then* the class at the subscriber. To leave a class is done the other way round. So a
       class that is missing at the subscriber is one where that is just changing. If there is
       nothing at all, every class is looked at.
    4. *One subscriber harms no other.* What one of them raises is kept until all others are
       served.
"""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from pykka._exceptions import ActorDeadError
from pykka._ref.ref import ActorRef, ref_at
from pykka._util.checks import shorten
from pykka._util.locks import held
from pykka._util.log import is_for_the_program, report_failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pykka._cell.cell import Cell

E = TypeVar("E")

Subscriber: TypeAlias = "ActorRef[Any] | Callable[[Any], object]"
"""Who gets events: an actor as a message, or a function as its argument."""


class _Class:
    """The subscribers to one class."""

    __slots__ = ("pins", "subscribers")

    def __init__(self) -> None:
        self.subscribers: dict[Subscriber, int] = {}
        """They, and the numbers of their subscriptions."""
        self.pins = 0
        """How many subscribe right now."""


class EventBus:
    """Hands each event to all subscribers to its class.

    An event is any object. A subscriber to a class gets the events of its subclasses too, so
    a subscriber to `object` gets all of them. Virtual subclasses, such as those of
    `collections.abc`, do not count. The idea is that of Akka's event stream.

    A subscriber is the ref of an actor, which gets the event as a message, or a function, which is
    called with it on the thread that publishes. Functions should be quick. All methods may be
    called on any thread, and by a subscriber in the middle of an event.

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
        self._by_class: dict[type, _Class] = {}
        self._by_subscriber: dict[Subscriber, dict[type, None]] = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._busy = _Busy()

    def subscribe(
        self, event_class: type[E], subscriber: ActorRef[Any] | Callable[[E], object]
    ) -> None:
        """Deliver the events of a class to a subscriber from now on.

        Subscribing again makes no difference. An actor that is dead, or dies, is forgotten.

        Args:
            event_class: Any class.
            subscriber: The ref of an actor, or a function that takes the event. It must be
                hashable; functions and methods are.

        Raises:
            TypeError: `event_class` is not a class, or is one that others belong to without being
                derived from it; or `subscriber` cannot take events.
        """
        _require_own_class(event_class)
        _require_subscriber(subscriber)
        if isinstance(subscriber, ActorRef):
            subscriber._cell.need_extension().buses[self] = None
        self._enter(event_class, subscriber)  # pyright: ignore[reportUnknownArgumentType]
        if isinstance(subscriber, ActorRef) and not subscriber.is_alive():
            self.unsubscribe(subscriber)  # pyright: ignore[reportUnknownArgumentType]

    def unsubscribe(
        self, subscriber: ActorRef[Any] | Callable[[Any], object], event_class: type | None = None
    ) -> bool:
        """Deliver no more events to a subscriber.

        An event that is just being published may still reach it.

        Args:
            subscriber: The subscriber.
            event_class: The class it subscribed to; `None` for all of them. Subscriptions to
                subclasses and base classes of this class stay.

        Returns:
            Whether it was subscribed.

        Raises:
            TypeError: `event_class` is not a class, or `subscriber` cannot take events.
        """
        _require_subscriber(subscriber)
        if event_class is not None:
            _require_class(event_class)
            was_there = self._leave(subscriber, event_class)
            classes = self._by_subscriber.get(subscriber)
            if classes is not None and not classes:
                self._by_subscriber.pop(subscriber, None)
                for each in classes.copy():  # one that was entered just now
                    self._by_subscriber.setdefault(subscriber, {})[each] = None
            return was_there
        classes = self._by_subscriber.pop(subscriber, None)
        if classes is None:
            classes = dict.fromkeys(self._by_class.copy())
        left = [self._leave(subscriber, each) for each in classes.copy()]
        return any(left)

    def forget(self, cell: Cell) -> None:
        """Unsubscribe an actor that has ended, and has been marked dead before."""
        self.unsubscribe(ref_at(cell))

    def publish(self, event: object) -> int:
        """Hand an event to all subscribers to its class, in the order of their subscriptions.

        This blocks only if a subscriber does: a function that waits, or an actor whose bounded
        inbox makes its senders wait. An exception in a subscriber is logged, and so is a full
        inbox; the other subscribers are not affected.

        Args:
            event: Any object. It is not copied.

        Returns:
            How many subscribers got it.

        Raises:
            BaseException: An exception that is meant for the program, such as `KeyboardInterrupt`,
                was raised in a subscriber. All others have got the event by then.
        """
        by_class = self._by_class
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
        """Return all subscribers to events of exactly this class, in the order of delivery.

        Raises:
            TypeError: `event_class` is not a class.
        """
        _require_class(event_class)
        return list(_receivers(self._by_class, event_class))

    def has_subscribers(self, event_class: type) -> bool:
        """Return whether there are subscribers to events of exactly this class.

        This is cheap. Use it to avoid making an event that has no subscribers.

        Raises:
            TypeError: `event_class` is not a class.
        """
        _require_class(event_class)
        by_class = self._by_class
        if not by_class:
            return False
        return any(
            (entry := by_class.get(cls)) is not None and entry.subscribers
            for cls in event_class.__mro__
        )

    def renew_locks(self) -> None:
        """Begin with a fresh lock, in a child process; another may have held the old one."""
        self._lock = threading.Lock()

    def _enter(self, event_class: type, subscriber: Subscriber) -> None:
        fresh = entry = _Class()
        by_class = self._by_class
        for release in held(self._lock):
            if event_class not in by_class:
                by_class[event_class] = fresh
            entry = by_class[event_class]
            entry.pins += 1
            release()
        try:
            if subscriber not in entry.subscribers:
                entry.subscribers.setdefault(subscriber, next(self._numbers))
            self._by_subscriber.setdefault(subscriber, {})[event_class] = None
        finally:
            for release in held(self._lock):
                entry.pins -= 1
                release()

    def _leave(self, subscriber: Subscriber, event_class: type) -> bool:
        """Take a subscriber out of a class; False if it was not in it."""
        classes = self._by_subscriber.get(subscriber)
        if classes is not None:
            classes.pop(event_class, None)
        by_class = self._by_class
        entry = by_class.get(event_class)
        if entry is None:
            return False
        was_there = entry.subscribers.pop(subscriber, None) is not None
        if not entry.subscribers:
            for release in held(self._lock):
                if (
                    not entry.pins
                    and not entry.subscribers
                    and event_class in by_class
                    and by_class[event_class] is entry
                ):
                    del by_class[event_class]
                release()
        return was_there

    def _deliver(self, event: object, subscriber: Any) -> bool:
        """Serve one subscriber; tells whether it got the event."""
        if not issubclass(type(subscriber), ActorRef):  # isinstance() would ask the object itself
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


def _receivers(by_class: dict[type, _Class], event_class: type) -> Iterable[Subscriber]:
    """Who gets an event of a class: each once, by the number of its first subscription."""
    found = [
        entry.subscribers.copy()
        for cls in event_class.__mro__
        if (entry := by_class.get(cls)) is not None
    ]
    if len(found) < 2:  # noqa: PLR2004 (the usual case, without sorting)
        return found[0] if found else ()
    entries = [item for subscribers in found for item in subscribers.items()]
    entries.sort(key=_number)
    try:
        return list(dict(entries))
    except Exception:  # a subscriber that can no longer be hashed, or compared
        return list({id(subscriber): subscriber for subscriber, _number in entries}.values())


def _number(entry: tuple[Subscriber, int]) -> int:
    return entry[1]


def _require_class(event_class: object) -> None:
    if not isinstance(event_class, type):
        msg = f"events are told apart by their class, and {shorten(event_class)} is none"
        raise TypeError(msg)


def _require_own_class(event_class: Any) -> None:
    """Refuse a class that others belong to without being derived from it.

    Raises:
        TypeError: That is so; or it is not a class.
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
    if isinstance(subscriber, ActorRef) and not hasattr(given, "_cell"):
        msg = (
            f"{shorten(given)} is no single actor, whose end could be noticed; subscribe its "
            "method tell"
        )
        raise TypeError(msg)
    if isinstance(subscriber, type) and hasattr(subscriber, "_pykka_cell_class"):
        msg = f"{shorten(subscriber)} is an actor class; start() an actor and subscribe its ref"
        raise TypeError(msg)
    try:
        hash(given)
    except TypeError as error:
        msg = f"a subscriber has to be hashable, and {shorten(given)} is not"
        raise TypeError(msg) from error
