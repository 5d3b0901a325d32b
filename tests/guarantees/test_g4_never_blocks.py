"""G4: a tell never blocks, and sends and reports are re-entrant.

A send may run on top of the library's own code on the same thread: in a finaliser, a weak
reference's callback, a signal handler, or a log handler. If the library held a lock there, the
thread would wait for itself; these tests would hang, and time out.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import queue
import random
import signal
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka import dead_letters
from pykka._envelope import Envelope
from pykka._system.dead_letters import DeadLetter, DeadLetters

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Runtime


class Recorder(pykka.Actor):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def on_receive(self, message: Any) -> Any:
        self.seen.append(message)
        return message


@pytest.fixture
def recorder(runtime: Runtime) -> pykka.ActorRef[Recorder]:
    return runtime.run(Recorder).start()  # type: ignore[no-any-return]


def test_tell_does_not_wait_for_a_busy_actor(runtime: Runtime) -> None:
    may_end = threading.Event()

    class Busy(runtime.actor_class):
        def on_receive(self, message: object) -> None:
            assert may_end.wait(PATIENCE)

    ref = Busy.start()
    for number in range(10_000):
        ref.tell(number)
    assert ref.actor_inbox.qsize() >= 9_999
    may_end.set()


@pytest.fixture
def eager_collector() -> Iterator[None]:
    """Let the garbage collector run at nearly every allocation."""
    threshold = gc.get_threshold()
    gc.set_threshold(1)
    yield
    gc.set_threshold(*threshold)


@pytest.mark.usefixtures("eager_collector")
def test_finalisers_and_weak_references_may_send(recorder: pykka.ActorRef[Recorder]) -> None:
    proxy = recorder.proxy()
    sent: list[object] = []  # from within; the outer sends are counted apart

    class Cycle:
        def __init__(self) -> None:
            self.myself = self

        def __del__(self) -> None:
            sent.append(None)
            recorder.tell("from a finaliser")

    def gone(_ref: weakref.ref[Cycle]) -> None:
        sent.append(None)
        recorder.tell("from a weak reference")

    keep = []
    for number in range(300):
        keep.append(weakref.ref(Cycle(), gone))
        recorder.tell(number)
        proxy.on_receive.defer(number)
        assert recorder.ask(number, block=False).get(timeout=PATIENCE) == number
    gc.collect()

    seen = proxy.seen.get()
    assert len(sent) == 600
    assert len(seen) == 900 + 600
    assert [message for message in seen if isinstance(message, int)] == [
        number for number in range(300) for _ in range(3)
    ]


@pytest.mark.usefixtures("eager_collector")
def test_finalisers_may_send_to_an_actor_that_ends(runtime: Runtime) -> None:
    """The finalisers run in the middle of closing, burying and reporting."""
    for _ in range(50):
        recorder = runtime.run(Recorder).start()

        class Cycle:
            def __init__(self, ref: pykka.ActorRef[Recorder]) -> None:
                self.myself = self
                self.ref = ref

            def __del__(self) -> None:
                with contextlib.suppress(pykka.ActorDeadError):
                    self.ref.tell("from a finaliser")

        stopped = recorder.stop(block=False)
        for number in range(5):
            Cycle(recorder)
            recorder.ask(number, block=False)
        assert stopped.get(timeout=PATIENCE) is True


@pytest.mark.usefixtures("untraced")
def test_signal_handlers_may_send(recorder: pykka.ActorRef[Recorder]) -> None:
    seed = random.randrange(1_000_000)
    print(f"seed: {seed}")
    chance = random.Random(seed)
    sent = 0
    is_over = False

    def handler(_signal: int, _frame: object) -> None:
        nonlocal sent
        recorder.tell("from a signal handler")
        sent += 1
        if not is_over:
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-6, 50e-6))

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 1e-6)
    try:
        for number in range(2_000):
            recorder.tell(number)
            recorder.ask(number, block=number % 50 == 0)
    finally:
        is_over = True
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    seen = recorder.proxy().seen.get()
    assert sent > 0
    assert seen.count("from a signal handler") == sent
    assert len(seen) == 4_000 + sent


class SendingHandler(logging.Handler):
    """A log handler that sends each record to an actor."""

    def __init__(self, ref: pykka.ActorRef[Any]) -> None:
        super().__init__(logging.DEBUG)
        self.ref = ref
        self.sent = 0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.ref.tell(record.getMessage())
            self.sent += 1
        except pykka.ActorDeadError:
            pass


@pytest.fixture
def all_records() -> Iterator[logging.Logger]:
    logger = logging.getLogger("pykka")
    level = logger.level
    logger.setLevel(logging.DEBUG)
    handlers = logger.handlers.copy()
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)


def test_log_handlers_may_send(
    recorder: pykka.ActorRef[Recorder], all_records: logging.Logger, runtime: Runtime
) -> None:
    handler = SendingHandler(recorder)
    all_records.addHandler(handler)

    class Failing(runtime.actor_class):
        def on_receive(self, message: object) -> None:
            raise ValueError(message)

    ref = Failing.start()
    with pytest.raises(ValueError, match="no"):
        ref.ask("no", timeout=PATIENCE)
    ref.tell("crash")
    for text in ["Registered", "Starting", "Exception returned", "Unhandled", "Unregistered"]:
        while not any(text in message for message in recorder.proxy().seen.get()):
            pass  # each look is a message to the recorder, behind what it has been sent
    all_records.removeHandler(handler)


def test_a_log_handler_may_send_to_the_actor_that_the_dead_letter_was_for(
    all_records: logging.Logger,
    runtime: Runtime,
) -> None:
    """The record of a dead letter becomes a dead letter itself, and there it must end."""
    may_end = threading.Event()
    ending = threading.Event()

    class Target(Recorder):
        def on_stop(self) -> None:
            ending.set()
            assert may_end.wait(PATIENCE)

    class Echo(SendingHandler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name == "pykka.dead_letters":
                self.ref.actor_inbox.put(Envelope(record.getMessage()))
                self.sent += 1

    ref = runtime.run(Target).start()
    handler = Echo(ref)
    all_records.addHandler(handler)
    before = dead_letters.statistics()
    ref.stop(block=False)
    assert ending.wait(PATIENCE)
    ref.actor_inbox.put(Envelope("too late"))
    may_end.set()
    wait_until(lambda: ref._actor is None, "the actor has ended")
    after = dead_letters.statistics()

    assert handler.sent == after.logged - before.logged
    assert after.total - before.total == 1 + handler.sent


def test_subscribers_to_dead_letters_may_send_and_may_fail(runtime: Runtime) -> None:
    office = DeadLetters()
    ref = runtime.run(Recorder).start()
    told: queue.SimpleQueue[object] = queue.SimpleQueue()

    def resend(letter: DeadLetter) -> None:
        told.put(letter.message)
        office.report(DeadLetter("from a subscriber", ref, "test"))

    def fail(_letter: DeadLetter) -> None:
        raise ValueError

    office.subscribe(fail)
    office.subscribe(resend)
    office.report(DeadLetter("first", ref, "test"))
    office.report(DeadLetter("second", ref, "test"))

    assert [told.get_nowait(), told.get_nowait()] == ["first", "second"]
    assert told.empty()
    assert office.statistics().total == 4
