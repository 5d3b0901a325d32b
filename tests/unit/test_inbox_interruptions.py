"""A signal handler raises at every place of a bounded inbox's code at which one could (G11).

Afterwards no message is lost or there twice, nobody is left blocked, and the inbox still works.
"""

from __future__ import annotations

import queue
import random
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.inboxes import Undertaker, make_inbox, name_of
from tests.injection import Alarm, CtrlC, Interrupted, inject
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka._envelope import Envelope
from pykka._futures.ask import make_ask, message_of
from pykka.inboxes import Bounded, InboxSpec, Priority
from pykka.messages import _ActorStop, _WakeUp

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka.inboxes._bounded import PolicyInbox

pytestmark = pytest.mark.thinned

ERRORS = pytest.mark.parametrize("error", [Alarm, CtrlC])


def level(message: Any) -> int:
    return -message if isinstance(message, int) else 0


def line(inbox: PolicyInbox) -> int:
    claim, count = inbox._first_claim, 0
    while claim is not None:
        claim, count = claim.after, count + 1
    return count


def assert_it_works(inbox: PolicyInbox) -> None:
    """It is empty and consistent, nobody is in line, and messages come through."""
    assert line(inbox) == 0
    assert not inbox._lock.locked()
    assert [lane for lane in inbox._lanes if lane is not inbox._open] == []
    assert inbox._lane_count == len(inbox._lanes)
    assert inbox._count == inbox._total == 0
    for _ in range(2):
        inbox.put(Envelope("hello"), timeout=PATIENCE)
        assert inbox.get(timeout=PATIENCE).message == "hello"


def everything_in(inbox: PolicyInbox) -> list[Any]:
    letters: list[Any] = []
    inbox.take_all(letters)
    return [message_of(letter) for letter in letters]


class Blocked:
    """Threads that are blocked in sends of messages, each in its place in the line."""

    def __init__(self, inbox: PolicyInbox, messages: list[Any]) -> None:
        self.raised: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._threads = []
        for count, message in enumerate(messages, line(inbox) + 1):
            thread = threading.Thread(target=self._send, args=(inbox, message), daemon=True)
            thread.start()
            self._threads.append(thread)
            wait_until(lambda count=count: line(inbox) == count, "the sender stands in line")

    def _send(self, inbox: PolicyInbox, message: object) -> None:
        try:
            inbox.put(Envelope(message))
        except BaseException as error:  # for the test to see
            self.raised.put(error)
        else:
            self.raised.put(None)

    def join(self) -> list[BaseException | None]:
        result = [self.raised.get(timeout=PATIENCE) for _ in self._threads]
        for thread in self._threads:
            thread.join(PATIENCE)
        return result


@pytest.mark.thinned
@ERRORS
@pytest.mark.parametrize(
    ("spec", "before"),
    [
        (Bounded(2), 1),
        (Bounded(1, "raise"), 1),
        (Bounded(1, "drop_newest"), 1),
        (Bounded(2, "drop_oldest"), 2),
        (Bounded(1, timeout=0.0), 1),
        (Priority(level, capacity=5), 4),
        (Priority(level, capacity=4, when_full="drop_oldest"), 4),
    ],
    ids=name_of,
)
@pytest.mark.parametrize("how", ["tell", "ask", "bare"])
def test_a_send_is_interrupted_everywhere(
    spec: InboxSpec, before: int, error: type[Interrupted], how: str
) -> None:
    asks = how == "ask"

    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        services = Undertaker()
        inbox = make_inbox(spec, services)
        inbox.takes_bare = how == "bare"
        for number in range(before):
            inbox.put(Envelope(number))
        question = make_ask("new", inbox.owner)

        def send() -> None:
            try:
                if asks:
                    inbox.put(question)
                    if question.done():
                        question.get()
                elif how == "bare":
                    inbox.put("new", None, True)
                else:
                    inbox.put(Envelope("new"))
            except pykka.InboxFullError:
                pass

        def check(interrupted: bool) -> None:
            content = everything_in(inbox)
            dead = [message for message, _reason in services.buried]
            found = content + dead
            assert len(set(content)) == len(content)
            assert set(range(before)) <= set(found)
            assert interrupted or asks or "new" in found or spec.when_full in {"block", "raise"}  # type: ignore[attr-defined]
            assert not (asks and "new" in content and question.done())
            assert not (asks and not interrupted and "new" not in content and not question.done())
            assert_it_works(inbox)

        return send, check

    places = inject(prepare, error)
    print(f"{places} places")
    assert places > (3 if how == "bare" else 5)


@ERRORS
@pytest.mark.parametrize("message", [_ActorStop(), _WakeUp()])
def test_a_privileged_send_is_interrupted_everywhere(
    message: object, error: type[Interrupted]
) -> None:
    """Somebody sleeps who has to be woken."""

    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        inbox = make_inbox(Bounded(1))
        got: queue.SimpleQueue[Any] = queue.SimpleQueue()
        thread = threading.Thread(target=lambda: got.put(inbox.get().message))
        thread.start()
        wait_until(lambda: inbox._sleepers, "the taker sleeps")

        def check(interrupted: bool) -> None:
            if interrupted and not got.qsize():
                inbox.put(Envelope("another"))
            first = got.get(timeout=PATIENCE)
            assert first == message or (interrupted and first == "another")
            thread.join(PATIENCE)
            everything_in(inbox)
            assert_it_works(inbox)

        return lambda: inbox.put(Envelope(message)), check

    assert inject(prepare, error) > 5


@pytest.mark.thinned
@ERRORS
@pytest.mark.parametrize("spec", [Bounded(1), Priority(level, capacity=1)], ids=name_of)
@pytest.mark.parametrize("asks", [False, True])
def test_a_blocked_send_is_interrupted_everywhere(
    spec: InboxSpec, error: type[Interrupted], *, asks: bool
) -> None:
    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        inbox = make_inbox(spec)
        inbox.put(Envelope(0))
        is_over = threading.Event()
        got: list[Any] = []

        def make_room() -> None:
            wait_until(lambda: line(inbox) or is_over.is_set(), "the sender stands in line")
            if not is_over.is_set():
                got.append(inbox.get(timeout=PATIENCE).message)

        thread = threading.Thread(target=make_room, daemon=True)
        thread.start()
        envelope: Any = make_ask("new", inbox.owner) if asks else Envelope("new")

        def send() -> None:
            try:
                inbox.put(envelope)
                if asks and envelope.done():
                    envelope.get()
            finally:
                is_over.set()

        def check(interrupted: bool) -> None:
            is_over.set()
            thread.join(PATIENCE)
            content = got + everything_in(inbox)
            assert content[0] == 0
            assert content.count("new") == 1 or (interrupted and content == [0])
            assert_it_works(inbox)

        return send, check

    places = inject(prepare, error)
    print(f"{places} places")
    assert places > 20


@pytest.mark.thinned
@ERRORS
@pytest.mark.parametrize("spec", [Bounded(1), Priority(level, capacity=1)], ids=name_of)
def test_a_sender_that_gives_up_lets_the_next_in_wherever_it_is_interrupted(
    spec: InboxSpec, error: type[Interrupted]
) -> None:
    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        inbox = make_inbox(spec)
        inbox.put(Envelope(0))
        first = Blocked(inbox, [1])

        def send() -> None:
            with pytest.raises(pykka.InboxFullError):
                inbox.put(Envelope("new"), timeout=0)

        def check(interrupted: bool) -> None:
            last = Blocked(inbox, [2]) if line(inbox) == 1 else None
            content = [inbox.get(timeout=PATIENCE).message for _ in range(2)]
            content += everything_in(inbox)
            assert first.join() == [None]
            assert last is None or last.join() == [None]
            if "new" in content:  # in doubt, it is sent
                assert interrupted
                content.remove("new")
            assert content == ([0, 1] if last is None else [0, 1, 2])
            assert_it_works(inbox)

        return send, check

    assert inject(prepare, error) > 20


@pytest.mark.thinned
@ERRORS
@pytest.mark.parametrize("spec", [Bounded(2), Priority(level, capacity=2)], ids=name_of)
@pytest.mark.parametrize("way", ["get", "get_nowait", "take_all"])
def test_taking_is_interrupted_everywhere(
    way: str, spec: InboxSpec, error: type[Interrupted]
) -> None:
    """Senders are blocked; no message is lost, and all of them are let in."""

    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        inbox = make_inbox(spec)
        for number in range(2):
            inbox.put(Envelope(number))
        blocked = Blocked(inbox, [2, 3])
        got: list[Any] = []

        def take() -> None:
            if way == "take_all":
                inbox.take_all(got)
            else:
                got.append(getattr(inbox, way)())

        def check(interrupted: bool) -> None:
            inbox.take_all(got)
            assert blocked.join() == [None, None]
            inbox.take_all(got)
            # What has been returned to the test is out of the inbox's hands.
            found = sorted(letter.message for letter in got)
            assert found == [0, 1, 2, 3] or (interrupted and way != "take_all" and len(found) == 3)
            assert_it_works(inbox)

        return take, check

    places = inject(prepare, error)
    print(f"{places} places")
    assert places > 20


@ERRORS
def test_the_end_is_interrupted_everywhere(error: type[Interrupted]) -> None:
    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        inbox = make_inbox(Bounded(1))
        inbox.put(Envelope(0))
        blocked = Blocked(inbox, [1, 2, 3])

        def check(interrupted: bool) -> None:
            if interrupted and not inbox._closed:
                inbox.close()
            assert [type(raised) for raised in blocked.join()] == [pykka.ActorDeadError] * 3
            assert everything_in(inbox) == [0]
            assert_it_works(inbox)

        return inbox.close, check

    assert inject(prepare, error) > 10


class Strike(Exception):
    """What the signal handler raises."""


class Fire:
    """A signal handler that sends to an inbox, and then raises, at random microseconds."""

    def __init__(self, inbox: PolicyInbox, seed: int) -> None:
        self.sent: dict[int, bool] = {}
        """All messages, by number, and whether they were surely sent."""
        self.strikes = 0
        self._armed = False
        self._inbox = inbox
        self._chance = random.Random(seed)

    def send(self, number: int) -> None:
        self.sent[number] = False
        try:
            self._armed = True
            signal.setitimer(signal.ITIMER_REAL, self._chance.uniform(1e-6, 60e-6))
            self._inbox.put(Envelope(number))
            self.sent[number] = True
            self._armed = False
        except Strike:
            pass
        self._armed = False

    def strike(self, _signal: int, _frame: object) -> None:
        if self._armed:
            self._armed = False
            self.strikes += 1
            message = -self.strikes
            self.sent[message] = False
            self._inbox.put(Envelope(message))
            self.sent[message] = True
            raise Strike


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize(
    "spec", [Bounded(3), Priority(level, capacity=3), Bounded(3, "drop_oldest")], ids=name_of
)
def test_sends_under_fire(spec: Any) -> None:
    seed = random.randrange(1_000_000)
    print(f"seed: {seed}")
    services = Undertaker()
    inbox = make_inbox(spec, services)
    fire = Fire(inbox, seed)
    got: list[Any] = []

    def take() -> None:
        while (message := inbox.get().message) != _ActorStop():
            got.append(message)

    taker = threading.Thread(target=take, daemon=True)
    taker.start()
    before = signal.signal(signal.SIGALRM, fire.strike)
    try:
        for number in range(1, 5_000):
            fire.send(number)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    inbox.put(Envelope(_ActorStop()))
    taker.join(PATIENCE)
    assert not taker.is_alive()
    print(f"{fire.strikes} strikes")
    assert fire.strikes > 100
    got += everything_in(inbox) + [message for message, _reason in services.buried]
    if spec.when_full == "block":  # what is dropped may be reported twice
        assert len(got) == len(set(got)), "a message was delivered twice"
    surely = {message for message, is_sure in fire.sent.items() if is_sure}
    assert surely <= set(got) <= set(fire.sent)
    assert_it_works(inbox)
