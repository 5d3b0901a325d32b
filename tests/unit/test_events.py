"""The event bus: every subscriber to a class gets its events, once, in order, from any thread."""

from __future__ import annotations

import collections.abc
import functools
import gc
import logging
import queue
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.injection import Interrupted, inject
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka._system.events import EventBus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Log


class Event:
    """What happens in these tests."""

    def __init__(self, number: int = 0) -> None:
        self.number = number


class Stop(BaseException):
    """Means the program."""


class Left(Event):
    pass


class Right(Event):
    pass


class Both(Left, Right):
    pass


CLASSES: list[type] = [object, Event, Left, Right, Both]


class Recorder(pykka.ThreadingActor):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def on_receive(self, message: Any) -> None:
        self.seen.append(message)


class FullInbox(queue.Queue[Any]):
    """What a bounded inbox does whose policy is to refuse."""

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        message = getattr(item, "message", None)
        if isinstance(message, Event):
            msg = "the inbox is full"
            raise Stop if message.number == -1 else pykka.ActorError(msg)
        super().put(item, block, timeout)


class Full(Recorder):
    @staticmethod
    def _create_actor_inbox() -> Any:
        return FullInbox()


@pytest.fixture
def bus() -> EventBus:
    return EventBus()


@pytest.fixture
def small_interval() -> Iterator[None]:
    """Let threads switch as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def run_together(*functions: Callable[[], object]) -> None:
    """Run functions at the same time, each in a thread, and raise what one of them raises."""
    ready = threading.Barrier(len(functions))
    failures: list[BaseException] = []

    def run(function: Callable[[], object]) -> None:
        ready.wait(PATIENCE)
        try:
            function()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


# --- who gets what ------------------------------------------------------------------------------


def test_an_actor_gets_the_event_as_a_message_and_a_function_is_called_with_it(
    bus: EventBus,
) -> None:
    ref = Recorder.start()
    got: list[Any] = []
    threads: list[int] = []
    bus.subscribe(Event, ref)
    bus.subscribe(Event, got.append)
    bus.subscribe(Event, lambda _event: threads.append(threading.get_ident()))
    event = Event()
    assert bus.publish(event) == 3
    assert ref.proxy().seen.get() == got == [event]
    assert threads == [threading.get_ident()]


def test_without_subscribers_nobody_gets_it(bus: EventBus) -> None:
    assert bus.publish(Event()) == 0
    assert not bus.has_subscribers(Event)
    bus.subscribe(Left, print)
    assert bus.publish(Right()) == 0
    assert not bus.has_subscribers(Right)


def test_virtual_subclasses_are_none(bus: EventBus) -> None:
    with pytest.raises(TypeError, match="subscribe to the classes of the events"):
        bus.subscribe(collections.abc.Sized, print)
    assert bus.publish([1]) == 0


def test_events_come_in_the_order_of_publication(bus: EventBus) -> None:
    ref = Recorder.start()
    bus.subscribe(Event, ref)
    events = [Event(number) for number in range(100)]
    for event in events:
        bus.publish(event)
    assert ref.proxy().seen.get() == events


SUBSCRIBERS = range(4)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["subscribe", "unsubscribe", "leave all"]),
        st.sampled_from(CLASSES),
        st.sampled_from(SUBSCRIBERS),
    ),
    max_size=20,
)


def test_the_first_subscription_of_a_subscriber_gives_it_its_place(bus: EventBus) -> None:
    got: list[str] = []
    one, other = lambda _event: got.append("one"), lambda _event: got.append("other")
    bus.subscribe(Event, one)
    bus.subscribe(Event, other)
    bus.subscribe(Left, one)
    assert bus.publish(Left()) == 2
    assert got == ["one", "other"]


@given(STEPS, st.sampled_from(CLASSES))
def test_it_does_what_a_plain_list_of_subscriptions_does(
    steps: list[tuple[str, type, int]], event_class: type
) -> None:
    bus = EventBus()
    got: list[int] = []
    functions = [lambda _event, number=number: got.append(number) for number in SUBSCRIBERS]
    model: list[tuple[type, int]] = []
    for step, cls, number in steps:
        before = model
        if step == "subscribe":
            bus.subscribe(cls, functions[number])
            if (cls, number) not in model:
                model = [*model, (cls, number)]
        elif step == "unsubscribe":
            model = [each for each in model if each != (cls, number)]
            assert bus.unsubscribe(functions[number], cls) == (model != before)
        else:
            model = [each for each in model if each[1] != number]
            assert bus.unsubscribe(functions[number]) == (model != before)

    matching = [number for cls, number in model if issubclass(event_class, cls)]
    expected = list(dict.fromkeys(matching))
    assert bus.subscribers(event_class) == [functions[number] for number in expected]
    assert bus.has_subscribers(event_class) == bool(expected)
    assert bus.publish(event_class()) == len(expected)
    assert got == expected


def test_refs_of_one_actor_and_methods_of_one_object_are_one_subscriber(bus: EventBus) -> None:
    ref = Recorder.start()
    bus.subscribe(Event, ref)
    bus.subscribe(Event, pykka.ActorRegistry.get_by_class(Recorder)[0])
    got: list[Any] = []
    bus.subscribe(Event, got.append)
    bus.subscribe(Event, got.append)
    assert bus.publish(Event()) == 2
    assert len(got) == 1
    assert bus.unsubscribe(got.append)
    assert bus.subscribers(Event) == [ref]


@pytest.mark.parametrize("wrong", [None, "Event", list[int], Event()])
def test_what_is_no_class_has_no_events(bus: EventBus, wrong: Any) -> None:
    for use in (
        lambda: bus.subscribe(wrong, print),
        lambda: bus.subscribers(wrong),
    ):
        with pytest.raises(TypeError, match="events are told apart by their class"):
            use()
    bus.subscribe(Event, print)
    with pytest.raises(TypeError, match="events are told apart by their class"):
        bus.has_subscribers(wrong)
    if wrong is not None:
        with pytest.raises(TypeError, match="events are told apart by their class"):
            bus.unsubscribe(print, wrong)


def test_what_can_take_no_event_is_no_subscriber(bus: EventBus) -> None:
    proxy: Any = Recorder.start().proxy()
    for wrong in (None, "print", proxy):
        with pytest.raises(TypeError, match="the ref of a proxy is its actor_ref"):
            bus.subscribe(Event, wrong)
    bus.subscribe(Event, proxy.actor_ref)
    assert bus.publish(Event()) == 1


def test_what_has_no_hash_is_no_subscriber(bus: EventBus) -> None:
    class Unhashable:
        __hash__ = None  # type: ignore[assignment]

        def __call__(self, event: object) -> None:
            pass

    for use in (bus.subscribe, lambda event_class, given: bus.unsubscribe(given, event_class)):
        with pytest.raises(TypeError, match=r"a subscriber has to be hashable, and .* is not"):
            use(Event, Unhashable())
    assert bus.publish(Event()) == 0


@pytest.mark.parametrize("look", [1, 2, 3])
def test_one_subscribes_to_a_class_while_it_leaves_its_last(look: int, bus: EventBus) -> None:
    class Subscriber:
        left = 0

        def __call__(self, event: object) -> None:
            pass

        def __hash__(self) -> int:
            # It is asked for when it has left its last class, when its classes are looked up, and
            # when it is about to be forgotten, because there are none.
            if self.left and bus._by_subscriber.get(other) == {}:
                self.left -= 1
                if not self.left:
                    bus.subscribe(Right, self)
            return 1

        def __eq__(self, given: object) -> bool:
            return isinstance(given, Subscriber)

    subscriber, other = Subscriber(), Subscriber()
    bus.subscribe(Left, subscriber)
    subscriber.left = look
    assert bus.unsubscribe(subscriber, Left)
    assert not subscriber.left, "it has subscribed"
    assert bus.subscribers(Left) == []
    assert bus.subscribers(Right) == [subscriber]
    assert bus._by_subscriber == {subscriber: {Right: None}}
    assert bus.unsubscribe(subscriber)
    assert bus._by_subscriber == {}


# --- the dead -----------------------------------------------------------------------------------


def test_a_dead_actor_is_forgotten_by_the_publication_that_finds_it(bus: EventBus) -> None:
    ref, other = Recorder.start(), Recorder.start()
    for each in (ref, other):
        bus.subscribe(Event, each)
        bus.subscribe(Left, each)
    ref._cell.mark_stopped()  # it has not come to its end
    assert bus.subscribers(Event) == [ref, other]
    assert bus.publish(Event()) == 1
    assert bus.subscribers(Event) == bus.subscribers(Left) == [other]
    ref._cell.wake_up()


def test_an_actor_that_has_ended_is_forgotten_by_every_bus(bus: EventBus) -> None:
    ref, other = Recorder.start(), Recorder.start()
    buses = [bus, EventBus()]
    for each in buses:
        each.subscribe(Event, ref)
        each.subscribe(Event, other)
    ref.stop()
    assert [each.subscribers(Event) for each in buses] == [[other], [other]]


def test_a_dead_actor_does_not_get_in(bus: EventBus) -> None:
    ref = Recorder.start()
    ref.stop()
    bus.subscribe(Event, ref)
    assert not bus.has_subscribers(Event)


def test_an_actor_can_be_forgotten(bus: EventBus) -> None:
    ref = Recorder.start()
    bus.forget(ref._cell)
    bus.subscribe(Event, ref)
    bus.subscribe(Left, ref)
    bus.forget(ref._cell)
    assert not bus.has_subscribers(Left)


def test_nothing_of_an_actor_stays_that_ends_while_it_subscribes(
    bus: EventBus, small_interval: None
) -> None:
    """Whichever is later of the subscription and the end sees the other."""
    for _ in range(300):
        ref = Recorder.start()

        def end(ref: pykka.ActorRef[Any] = ref) -> None:
            ref._cell.mark_stopped()
            bus.forget(ref._cell)

        run_together(functools.partial(bus.subscribe, Event, ref), end)
        ref._cell.wake_up()
        assert not bus.has_subscribers(Event)


def test_the_bus_does_not_keep_an_actor_object_alive_that_has_ended(bus: EventBus) -> None:
    ref = Recorder.start()
    bus.subscribe(Event, ref)
    ref.stop()
    wait_until(lambda: ref._actor is None, "the actor is freed")


# --- subscribers that fail ----------------------------------------------------------------------


def test_a_function_that_raises_is_logged_and_harms_nobody(bus: EventBus, log: Log) -> None:
    got: list[Any] = []

    def fail(_event: Event) -> None:
        raise ZeroDivisionError

    bus.subscribe(Event, fail)
    bus.subscribe(Event, got.append)
    assert bus.publish(Event()) == 2, "it got the event, too"
    assert len(got) == 1
    (record,) = log.find("ERROR", f"A subscriber to events raised: {fail!r}")
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError
    assert bus.publish(Event()) == 2, "it stays subscribed"


def test_a_function_that_tells_a_dead_actor_is_not_dead_itself(bus: EventBus, log: Log) -> None:
    ref = Recorder.start()
    ref.stop()
    bus.subscribe(Event, ref.tell)
    bus.publish(Event())
    assert log.find("ERROR", "A subscriber to events raised")
    assert bus.has_subscribers(Event)


def test_an_actor_whose_inbox_is_full_is_logged_and_stays_subscribed(
    bus: EventBus, log: Log
) -> None:
    full, other = Full.start(), Recorder.start()
    bus.subscribe(Event, full)
    bus.subscribe(Event, other)
    assert bus.publish(Event()) == 1
    (record,) = log.find("ERROR", "A subscriber to events raised")
    assert str(full) in record.message
    assert bus.subscribers(Event) == [full, other]


def test_what_means_the_program_is_raised_when_all_others_are_served(bus: EventBus) -> None:
    served: list[int] = []

    def stop(event: Event) -> None:
        served.append(1)
        raise Stop(event.number)

    def stop_too(_event: Event) -> None:
        served.append(2)
        raise KeyboardInterrupt

    bus.subscribe(Event, stop)
    bus.subscribe(Event, stop_too)
    bus.subscribe(Event, lambda _event: served.append(3))
    with pytest.raises(Stop, match="7"):
        bus.publish(Event(7))
    assert served == [1, 2, 3]


def test_what_means_the_program_and_comes_from_an_inbox_is_raised_too(bus: EventBus) -> None:
    ref, got = Full.start(), []
    bus.subscribe(Event, ref)
    bus.subscribe(Event, got.append)
    with pytest.raises(Stop):
        bus.publish(Event(-1))
    assert len(got) == 1


def test_on_another_thread_it_means_nobody_and_is_logged(bus: EventBus, log: Log) -> None:
    def stop(_event: Event) -> None:
        raise Stop

    bus.subscribe(Event, stop)
    run_together(lambda: bus.publish(Event()))
    assert log.find("ERROR", "A subscriber to events raised")


def test_a_log_handler_that_publishes_to_a_function_that_fails_does_not_recurse(
    bus: EventBus,
) -> None:
    calls = 0

    class Publishing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            bus.publish(Event())

    def fail(_event: Event) -> None:
        nonlocal calls
        calls += 1
        raise ZeroDivisionError

    bus.subscribe(Event, fail)
    handler = Publishing()
    logging.getLogger("pykka").addHandler(handler)
    try:
        bus.publish(Event())
    finally:
        logging.getLogger("pykka").removeHandler(handler)
    assert calls == 2, "the second time without a record of it"


# --- re-entrancy --------------------------------------------------------------------------------


def test_a_subscriber_may_subscribe_unsubscribe_and_publish(bus: EventBus) -> None:
    got: list[Any] = []

    def once(event: Event) -> None:
        got.append(("once", event.number))
        assert bus.unsubscribe(once)
        bus.subscribe(Event, later)
        bus.publish(Left(event.number + 1))

    def later(event: Event) -> None:
        got.append(("later", event.number))

    bus.subscribe(Event, once)
    assert bus.publish(Event(1)) == 1, "who comes later does not get what is on its way"
    assert got == [("once", 1), ("later", 2)]


def test_who_leaves_while_an_event_is_on_its_way_may_still_get_it(bus: EventBus) -> None:
    got: list[Any] = []
    bus.subscribe(Event, lambda _event: bus.unsubscribe(got.append))
    bus.subscribe(Event, got.append)
    bus.publish(Event())
    bus.publish(Event())
    assert len(got) == 1


@pytest.mark.usefixtures("untraced")
def test_finalisers_may_subscribe_unsubscribe_and_publish(bus: EventBus) -> None:
    """They run in the middle of everything that the bus does."""
    got: list[Any] = []
    made = 0

    class Cycle:
        def __init__(self) -> None:
            self.myself = self

        def __del__(self) -> None:
            function = functools.partial(print)
            bus.subscribe(Right, function)
            bus.publish(Left())
            assert bus.unsubscribe(function)

    bus.subscribe(Left, got.append)
    threshold = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(300):
            Cycle()
            made += 1
            function = functools.partial(print)
            bus.subscribe(Both, function)
            bus.publish(Event())
            assert bus.unsubscribe(function)
    finally:
        gc.set_threshold(*threshold)
    # Another thread may be collecting right now.
    wait_until(lambda: gc.collect() >= 0 and len(got) == made, "all finalisers have run")
    assert bus.subscribers(Both) == [got.append]


def test_it_is_interrupted_everywhere() -> None:
    """A signal handler that raises leaves the lock free and the table as it was or as it is."""

    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        bus = EventBus()
        got: list[int] = []
        subscribers = [lambda _event, number=number: got.append(number) for number in range(3)]
        for subscriber in subscribers[:2]:
            bus.subscribe(Event, subscriber)

        def use() -> None:
            bus.subscribe(Event, subscribers[2])
            bus.publish(Event())
            bus.unsubscribe(subscribers[0])

        def check(interrupted: bool) -> None:
            assert got in ([], [0, 1, 2], [1, 2], [0, 2], [0, 1])
            got.clear()
            left = bus.subscribers(Event)
            assert left in (subscribers[:2], subscribers, subscribers[1:])
            assert interrupted or left == subscribers[1:]
            assert bus.publish(Event()) == len(left) == len(got)
            bus.subscribe(Event, print)
            assert bus.unsubscribe(print)

        return use, check

    assert inject(prepare, Interrupted) >= 20


# --- threads ------------------------------------------------------------------------------------


def test_subscriptions_from_many_threads_are_all_kept(bus: EventBus, small_interval: None) -> None:
    """No change of the table overwrites another, and each thread's own are in its order."""
    each = 50
    kept = [[functools.partial(print, n, i) for i in range(each)] for n in range(6)]
    passing = [[functools.partial(print, n, i) for i in range(each)] for n in range(6)]

    def work(number: int) -> None:
        for i in range(each):
            bus.subscribe(CLASSES[i % 3], passing[number][i])
            bus.subscribe(Event, kept[number][i])
            assert bus.unsubscribe(passing[number][i])

    run_together(*(functools.partial(work, number) for number in range(6)))
    left = bus.subscribers(Event)
    assert len(left) == 6 * each
    for mine in kept:
        assert [subscriber for subscriber in left if subscriber in mine] == mine


def test_who_is_subscribed_all_the_time_gets_every_event_whatever_others_do(
    bus: EventBus, small_interval: None
) -> None:
    got: queue.SimpleQueue[Any] = queue.SimpleQueue()
    ref = Recorder.start()
    bus.subscribe(Event, got.put)
    bus.subscribe(object, ref)
    events = [[Both(100 * number + i) for i in range(100)] for number in range(3)]

    def publish(mine: list[Both]) -> None:
        for event in mine:
            assert bus.publish(event) >= 2

    def come_and_go() -> None:
        for i in range(200):
            function = functools.partial(lambda *_: None)
            bus.subscribe(CLASSES[i % 5], function)
            assert bus.unsubscribe(function)

    publishers = [functools.partial(publish, mine) for mine in events]
    run_together(*publishers, come_and_go, come_and_go)
    for seen in ([got.get_nowait() for _ in range(300)], ref.proxy().seen.get()):
        assert len(seen) == 300
        for mine in events:
            assert [event for event in seen if event in mine] == mine
    assert got.empty()


def test_a_fresh_lock_is_what_a_child_process_gets(bus: EventBus) -> None:
    assert bus._lock.acquire(blocking=False), "as if another thread held it while we forked"
    bus.renew_locks()
    bus.subscribe(Event, print)
    assert bus.unsubscribe(print)
