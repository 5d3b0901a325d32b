"""G11: a signal handler may raise on the main thread between any two of our steps.

Afterwards every actor, lock and future still works; the message in doubt is delivered or not.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import random
import signal
import threading
from typing import TYPE_CHECKING, Any, Self

import pytest
from tests.injection import Alarm, CtrlC, Interrupted, inject
from tests.leaks import PATIENCE

import pykka
from pykka import dead_letters
from pykka._cell.cell import _first_look
from pykka._cell.inbox import _one_at_a_time
from pykka._deadlock import wait_graph
from pykka._futures.ask import make_ask
from pykka._system.dead_letters import DeadLetter
from pykka._system.system import default_system as services
from pykka.messages import _ActorStop

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.thinned


class Recording(pykka.Actor):
    """Remembers what it handled."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def on_receive(self, message: Any) -> Any:
        self.seen.append(message)
        return message

    def record(self, message: Any) -> Any:
        return self.on_receive(message)


class Recorder(Recording, pykka.ThreadingActor):
    """On a thread of its own."""


class PooledRecorder(Recording, pykka.PooledActor):
    """In a pool; the main thread may run it while it waits for it."""


class HookedRecorder(PooledRecorder):
    """In a pool, with hooks, so that there is more to do at its start and its end."""

    def on_start(self) -> None:
        self.has_started = True

    def on_stop(self) -> None:
        self.has_stopped = True


RECORDERS = pytest.mark.parametrize("recorder", [Recorder, PooledRecorder, HookedRecorder])
ERRORS = pytest.mark.parametrize("error", [Alarm, CtrlC])


class Interrupt(Exception):
    """What the signal handler raises."""


class Fire:
    """A signal handler that raises once each time it is armed, after some microseconds."""

    def __init__(self, chance: random.Random) -> None:
        self.armed = False
        self._chance = chance

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGALRM, self._strike)
        return self

    def __exit__(self, *_exc_info: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before)

    def arm(self) -> None:
        """Strike soon: anywhere until `armed` is False, so call it in a `try`."""
        self.armed = True
        signal.setitimer(signal.ITIMER_REAL, self._chance.uniform(1e-6, 60e-6))

    def _strike(self, _signal: int, _frame: object) -> None:
        if self.armed:
            self.armed = False
            raise Interrupt


def assert_everything_works() -> None:
    """All shared locks are free, and a new actor lives a whole life."""
    for lock in (_first_look, _one_at_a_time, wait_graph._lock, services.dead_letters._lock):
        free: queue.SimpleQueue[bool] = queue.SimpleQueue()
        thread = threading.Thread(
            target=lambda lock=lock, free=free: (free.put(lock.acquire(timeout=1)), lock.release())
        )
        thread.start()
        assert free.get(timeout=PATIENCE), f"{lock} is held for ever"
        thread.join()
    for recorder in (Recorder, PooledRecorder):
        ref = recorder.start()
        assert ref.ask("hello", timeout=PATIENCE) == "hello"
        assert ref.ask("hello") == "hello"
        assert ref.stop(timeout=PATIENCE) is True


# The handler may strike in a callback of the garbage collector (Hypothesis has one), from where
# Python lets nothing out.
@pytest.mark.usefixtures("untraced")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("untraced")
@RECORDERS
def test_10_000_tells_and_asks_under_fire(recorder: type[Recording]) -> None:
    """A handler that raises at random microseconds."""
    seed = random.randrange(1_000_000)
    print(f"seed: {seed}")
    chance = random.Random(seed)
    interruptions = 0
    refs = [recorder.start() for _ in range(3)]
    proxies = [ref.proxy() for ref in refs]
    sent: dict[Any, bool] = {}
    with Fire(chance) as fire:
        for number in range(10_000):
            message = ("message", number)
            actor = number % 3
            way = chance.randrange(4)
            sent[message] = False
            try:
                fire.arm()
                if way == 0:
                    refs[actor].tell(message)
                elif way == 1:
                    assert refs[actor].ask(message) == message
                elif way == 2:
                    proxies[actor].record.defer(message)
                else:
                    assert proxies[actor].record(message).get() == message
                fire.armed = False
                sent[message] = True
            except Interrupt:
                interruptions += 1
            fire.armed = False

    print(f"{interruptions} interruptions")
    assert interruptions > 100
    seen = [message for proxy in proxies for message in proxy.seen.get(timeout=PATIENCE)]
    assert len(seen) == len(set(seen)), "a message was delivered twice"
    assert {message for message, surely in sent.items() if surely} <= set(seen)
    assert_everything_works()


@pytest.mark.thinned
@RECORDERS
@ERRORS
@pytest.mark.parametrize(
    "way", ["tell", "ask", "timed ask", "call", "defer", "set", "stop", "proxy stop", "all stop"]
)
def test_sends_are_interrupted_everywhere(
    way: str, error: type[Interrupted], recorder: type[Recording]
) -> None:
    """Whatever that means to whom: the call or the program."""
    ref = recorder.start()
    done: list[object] = []

    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        nonlocal ref
        if not ref.is_alive():
            ref = recorder.start()
        proxy = ref.proxy()
        actor = proxy._actor
        actor.seen.clear()
        target = ref
        functions: dict[str, Callable[[], object]] = {
            "tell": lambda: target.tell(1),
            "ask": lambda: target.ask(1),
            "timed ask": lambda: target.ask(1, timeout=PATIENCE),
            "call": lambda: proxy.record(1).get(),
            "defer": lambda: proxy.record.defer(1),
            "set": lambda: setattr(proxy, "something", 1),
            "stop": target.stop,
            "proxy stop": lambda: proxy.stop().get(),
            "all stop": pykka.ActorRegistry.stop_all,
        }

        def check(interrupted: bool) -> None:
            done.append(interrupted)
            if way.endswith("stop"):
                target.stop(timeout=PATIENCE)
                assert target.actor_stopped.wait(PATIENCE)
            else:
                assert target.ask("still here?", timeout=PATIENCE) == "still here?"
                assert actor.seen.count(1) <= 1
                assert interrupted or way == "set" or actor.seen.count(1) == 1

        return functions[way], check

    places = inject(prepare, error)
    print(f"{places} places")
    assert places >= 1
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


@pytest.mark.thinned
@RECORDERS
@ERRORS
def test_the_start_of_an_actor_is_interrupted_everywhere(
    error: type[Interrupted], recorder: type[Recording]
) -> None:
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

        return recorder.start, check

    assert inject(prepare, error) >= 20
    assert_everything_works()


@pytest.mark.exhaustive
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
        cell = ref._cell
        for number in range(3):
            ask = pykka._futures.ask.make_ask(("ask", number), cell)
            asks.append(ask)
            cell.inbox.put(ask)
            cell.inbox.put(pykka._envelope.Envelope(("tell", number)))

        def check(interrupted: bool) -> None:
            if not asks[0]._has_outcome():
                assert interrupted
                cell.drain_to_dead_letters()  # what the others' look does
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


# Starting a thread and setting an event are not among them: the standard library's Thread.start()
# and Event.set() do not bear it.
LOCKED: dict[str, Callable[[pykka.ActorRef[Recorder], DeadLetter], object]] = {
    "claim": lambda _ref, _letter: Recorder()._pykka_cell.claim_life(),
    "urn": lambda _ref, _letter: Recorder().actor_urn,
    "choose urn": lambda ref, _letter: ref._cell.choose_urn("urn:of:my:own"),
    "event": lambda _ref, _letter: Recorder().actor_stopped,
    "face": lambda _ref, _letter: Recorder().actor_inbox,
    "mark stopped": lambda _ref, _letter: Recorder()._pykka_cell.mark_stopped(),
    "report": lambda _ref, letter: services.dead_letters.report(letter),
    "statistics": lambda _ref, _letter: services.dead_letters.statistics(),
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("way", LOCKED)
def test_no_lock_stays_locked_under_fire(way: str) -> None:
    """Python 3.14 runs signal handlers between the two halves of a `with` statement too."""
    seed = random.randrange(1_000_000)
    print(f"seed: {seed}")
    interruptions = 0
    function = LOCKED[way]
    dead = Recorder.start()
    dead.stop(timeout=PATIENCE)
    letter = DeadLetter("message", dead, "died")
    for _ in range(20):
        services.dead_letters.report(letter)  # so that no more of them are logged
    with Fire(random.Random(seed)) as fire:
        for _ in range(1_000):
            try:
                fire.arm()
                for _ in range(100):
                    function(dead, letter)
                fire.armed = False
            except Interrupt:
                interruptions += 1
            fire.armed = False
            for lock in (_first_look, services.dead_letters._lock):
                assert lock.acquire(timeout=1), f"{lock} is held for ever"
                lock.release()
    pykka.ActorRegistry.stop_all(timeout=PATIENCE)
    print(f"{interruptions} interruptions")
    assert interruptions > 20
    assert_everything_works()


def test_a_get_hook_that_raises_is_interrupted_everywhere() -> None:
    """Whoever leaves the queue of readers leaves no place in it, so the next one goes on."""

    class Refusal(Exception):
        pass

    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        future: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()
        answers = iter([Refusal])

        def hook(_timeout: float | None) -> str:
            for error in answers:
                raise error
            return "value"

        future.set_get_hook(hook)

        def read() -> None:
            with contextlib.suppress(Refusal):
                future.get()

        def check(interrupted: bool) -> None:
            del interrupted
            lazy = future._lazy
            assert lazy is not None
            assert lazy._turns == []
            read()
            got: queue.SimpleQueue[str] = queue.SimpleQueue()
            thread = threading.Thread(target=lambda: got.put(future.get(timeout=PATIENCE)))
            thread.start()
            assert got.get(timeout=PATIENCE) == "value"
            thread.join(PATIENCE)

        return read, check

    assert inject(prepare) >= 5


def test_who_awaits_a_get_hook_is_served_after_an_interrupted_read() -> None:
    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        future: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()
        future.set_get_hook(lambda _timeout: "value")

        async def read() -> str:
            return await future

        def check(interrupted: bool) -> None:
            del interrupted
            assert asyncio.run(asyncio.wait_for(read(), PATIENCE)) == "value"
            assert future.done()
            called: list[object] = []
            future.add_done_callback(called.append)
            assert called == [future]

        return future.get, check

    assert inject(prepare) >= 5


def test_a_callback_of_a_get_hook_is_called_after_an_interrupted_read() -> None:
    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        future: pykka.ThreadingFuture[str] = pykka.ThreadingFuture()
        future.set_get_hook(lambda _timeout: "value")
        called: list[object] = []
        future.add_done_callback(called.append)

        def check(interrupted: bool) -> None:
            del interrupted
            assert future.get(timeout=PATIENCE) == "value"
            assert called == [future]

        return future.get, check

    assert inject(prepare) >= 5


def test_those_who_asked_for_a_stop_are_all_answered_after_an_interruption() -> None:
    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        ref = Recorder.start()
        ref.stop(timeout=PATIENCE)
        cell = ref._cell
        ref.actor_stopped.wait(PATIENCE)
        while cell.actor is not None:  # the last step of its thread
            pass
        stops = [make_ask(_ActorStop(), cell) for _ in range(3)]
        for stop in stops:
            cell.inbox.put(stop)

        def check(interrupted: bool) -> None:
            if not stops[0]._has_outcome():
                assert interrupted
                cell.drain_to_dead_letters()  # what the look of the others who sent does
            assert [stop.get(timeout=0) for stop in stops] == [True] * 3

        return cell.drain_to_dead_letters, check

    assert inject(prepare) >= 20


@pytest.mark.usefixtures("untraced")
def test_ctrl_c_in_stop_all_leaves_all_asked_to_stop() -> None:
    may_end = threading.Event()

    class Stubborn(pykka.ThreadingActor):
        def on_stop(self) -> None:
            # A signal that comes just before a thread goes to sleep is seen when it wakes up.
            for _ in range(int(PATIENCE * 100)):
                if may_end.wait(0.01):
                    return
                signal.pthread_kill(main, signal.SIGALRM)

    def handler(_signal: int, _frame: object) -> None:
        if not struck:
            struck.append(True)
            raise KeyboardInterrupt

    struck: list[bool] = []
    main = threading.get_ident()
    refs = [Recorder.start(), Recorder.start(), Stubborn.start()]
    before = signal.signal(signal.SIGALRM, handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            pykka.ActorRegistry.stop_all()
    finally:
        may_end.set()
        # Only then does it send no more signals; without a handler, one would end the process.
        ended = [ref.actor_stopped.wait(PATIENCE) for ref in refs]
        signal.signal(signal.SIGALRM, before)
    assert all(ended)
