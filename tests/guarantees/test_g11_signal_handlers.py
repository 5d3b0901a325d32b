"""G11: a signal handler may raise on the main thread between any two of our steps.

Afterwards every actor, lock and future still works; the message in doubt is delivered or not.
"""

from __future__ import annotations

import queue
import random
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.injection import inject
from tests.leaks import PATIENCE

import pykka
from pykka import _waiting, dead_letters
from pykka._address import _first_look
from pykka._inbox import _one_at_a_time
from pykka._registry import home

if TYPE_CHECKING:
    from collections.abc import Callable


class Recorder(pykka.ThreadingActor):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def on_receive(self, message: Any) -> Any:
        self.seen.append(message)
        return message

    def record(self, message: Any) -> Any:
        return self.on_receive(message)


class Interrupt(Exception):
    """What the signal handler raises."""


def assert_everything_works() -> None:
    """All shared locks are free, and a new actor lives a whole life."""
    for lock in (_first_look, _one_at_a_time, _waiting._lock, home.dead_letters._lock):
        free: queue.SimpleQueue[bool] = queue.SimpleQueue()
        thread = threading.Thread(
            target=lambda lock=lock, free=free: (free.put(lock.acquire(timeout=1)), lock.release())
        )
        thread.start()
        assert free.get(timeout=PATIENCE), f"{lock} is held for ever"
        thread.join()
    ref = Recorder.start()
    assert ref.ask("hello", timeout=PATIENCE) == "hello"
    assert ref.stop(timeout=PATIENCE) is True


# The handler may strike in a callback of the garbage collector (Hypothesis has one), from where
# Python lets nothing out.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("untraced")
def test_10_000_tells_and_asks_under_fire() -> None:
    """A handler that raises at random microseconds."""
    seed = random.randrange(1_000_000)
    print(f"seed: {seed}")
    chance = random.Random(seed)
    armed = False
    interruptions = 0

    def handler(_signal: int, _frame: object) -> None:
        nonlocal armed
        if armed:
            armed = False
            raise Interrupt

    refs = [Recorder.start() for _ in range(3)]
    proxies = [ref.proxy() for ref in refs]
    sent: dict[Any, bool] = {}
    before = signal.signal(signal.SIGALRM, handler)
    try:
        for number in range(10_000):
            message = ("message", number)
            actor = number % 3
            way = chance.randrange(4)
            sent[message] = False
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-6, 60e-6))
            try:
                armed = True
                if way == 0:
                    refs[actor].tell(message)
                elif way == 1:
                    assert refs[actor].ask(message) == message
                elif way == 2:
                    proxies[actor].record.defer(message)
                else:
                    assert proxies[actor].record(message).get() == message
                armed = False
                sent[message] = True
            except Interrupt:
                interruptions += 1
            armed = False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    print(f"{interruptions} interruptions")
    assert interruptions > 100
    seen = [message for proxy in proxies for message in proxy.seen.get(timeout=PATIENCE)]
    assert len(seen) == len(set(seen)), "a message was delivered twice"
    assert {message for message, surely in sent.items() if surely} <= set(seen)
    assert_everything_works()


@pytest.mark.parametrize("way", ["tell", "ask", "call", "defer", "set", "stop", "proxy stop"])
def test_sends_are_interrupted_everywhere(way: str) -> None:
    ref = Recorder.start()
    done: list[object] = []

    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        nonlocal ref
        if not ref.is_alive():
            ref = Recorder.start()
        proxy = ref.proxy()
        actor = proxy._actor
        actor.seen.clear()
        target = ref
        functions: dict[str, Callable[[], object]] = {
            "tell": lambda: target.tell(1),
            "ask": lambda: target.ask(1),
            "call": lambda: proxy.record(1).get(),
            "defer": lambda: proxy.record.defer(1),
            "set": lambda: setattr(proxy, "something", 1),
            "stop": target.stop,
            "proxy stop": lambda: proxy.stop().get(),
        }

        def check(interrupted: bool) -> None:
            done.append(interrupted)
            if way in ("stop", "proxy stop"):
                target.stop(timeout=PATIENCE)
                assert target.actor_stopped.wait(PATIENCE)
            else:
                assert target.ask("still here?", timeout=PATIENCE) == "still here?"
                assert actor.seen.count(1) <= 1
                assert interrupted or way == "set" or actor.seen.count(1) == 1

        return functions[way], check

    places = inject(prepare)
    print(f"{places} places")
    assert places >= 3
    assert_everything_works()


def test_a_future_is_interrupted_everywhere_while_it_is_set() -> None:
    """Threads, callbacks and derived futures wait; none of them may be left waiting."""

    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
        derived = future.map(lambda value: value + 1)
        got: queue.SimpleQueue[object] = queue.SimpleQueue()
        called: queue.SimpleQueue[object] = queue.SimpleQueue()

        def wait(source: pykka.Future[int]) -> None:
            got.put("waiting")
            got.put(source.get(timeout=PATIENCE))

        threads = [threading.Thread(target=wait, args=(s,)) for s in (future, future, derived)]
        for thread in threads:
            thread.start()
        for _ in threads:
            got.get(timeout=PATIENCE)
        future.add_done_callback(lambda _future: called.put(1))

        def check(interrupted: bool) -> None:
            if not future.done():
                assert interrupted
                future.set(1)
            results = sorted(got.get(timeout=PATIENCE) for _ in threads)  # type: ignore[type-var]
            assert results == [1, 1, 2]
            assert called.get(timeout=PATIENCE) == 1
            assert called.empty(), "a callback was called twice"
            for thread in threads:
                thread.join(PATIENCE)

        return lambda: future.set(1), check

    assert inject(prepare) >= 5


@pytest.mark.parametrize("timeout", [None, PATIENCE])
def test_a_future_is_interrupted_everywhere_while_it_is_read(timeout: float | None) -> None:
    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
        computed: list[int] = []
        derived = future.map(lambda value: (computed.append(value), value + 1)[1])
        joined = derived.join(future)
        setter = threading.Timer(0.0005, future.set, args=(1,))

        def read() -> None:
            setter.start()
            assert joined.get(timeout=timeout) == [2, 1]

        def check(interrupted: bool) -> None:
            setter.join(PATIENCE)
            assert joined.get(timeout=PATIENCE) == [2, 1]
            assert derived.get(timeout=PATIENCE) == 2
            assert interrupted or computed == [1]

        return read, check

    assert inject(prepare) >= 20


def test_a_get_hook_is_interrupted_everywhere() -> None:
    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        future: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()
        future.set_get_hook(lambda _timeout: "value")

        def check(interrupted: bool) -> None:
            del interrupted
            got: queue.SimpleQueue[str] = queue.SimpleQueue()
            thread = threading.Thread(target=lambda: got.put(future.get(timeout=PATIENCE)))
            thread.start()
            assert got.get(timeout=PATIENCE) == "value"
            thread.join(PATIENCE)

        return future.get, check

    assert inject(prepare) >= 5


def test_the_start_of_an_actor_is_interrupted_everywhere() -> None:
    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        def check(interrupted: bool) -> None:
            refs = pykka.ActorRegistry.get_all()
            if interrupted:
                # If the actor had begun to live, it is being stopped.
                for ref in refs:
                    assert ref.actor_stopped.wait(PATIENCE)
                assert pykka.ActorRegistry.get_all() == []
            else:
                (ref,) = refs
                assert ref.ask("hello", timeout=PATIENCE) == "hello"
                assert ref.stop(timeout=PATIENCE) is True

        return Recorder.start, check

    assert inject(prepare) >= 20
    assert_everything_works()


def test_a_sender_that_buries_is_interrupted_everywhere() -> None:
    """The main thread finds messages of others in a closed inbox, and must not lose them."""
    found: list[object] = []
    dead_letters.subscribe(subscriber := lambda letter: found.append(letter.message))

    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        ref = Recorder.start()
        future = ref.ask("hello", block=False)
        assert future.get(timeout=PATIENCE) == "hello"
        ref.stop(timeout=PATIENCE)
        found.clear()
        # What others put there just before; their senders have not looked at the mark yet.
        asks = []
        address = ref._address
        for number in range(3):
            ask = pykka._ask.make_ask(("ask", number), address)
            asks.append(ask)
            address.inbox.put(ask)
            address.inbox.put(pykka._envelope.Envelope(("tell", number)))

        def check(interrupted: bool) -> None:
            if not asks[0]._has_outcome():
                assert interrupted
                address.bury_the_rest()  # what the others' look does
            for ask in asks:
                with pytest.raises(pykka.ActorDeadError):
                    ask.get(timeout=0)
            for number in range(3):
                assert ("tell", number) in found

        return lambda: ref.actor_inbox.put(pykka._envelope.Envelope("mine")), check

    try:
        assert inject(prepare) >= 20
    finally:
        dead_letters.unsubscribe(subscriber)
    assert_everything_works()
