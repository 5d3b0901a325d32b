"""Dead letters: all are counted, logged with measure, and handed to subscribers."""

from __future__ import annotations

import logging
import random
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import wait_until

import pykka
from pykka import dead_letters
from pykka._system.dead_letters import CALM, DeadLetter, DeadLetters, _log_what_is_owed, _owing
from pykka.timers import ManualClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Log


class Sink(pykka.ThreadingActor):
    """An actor that is dead most of the time."""


@pytest.fixture
def dead() -> pykka.ActorRef[Any]:
    ref = Sink.start()
    ref.stop()
    return ref


class Clock:
    """A clock that a test winds by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def letters(clock: Clock) -> DeadLetters:
    return DeadLetters(burst=3, per_second=0.5, clock=clock)


def letter(ref: pykka.ActorRef[Any], message: object = "message") -> DeadLetter:
    return DeadLetter(message, ref, "died")


def test_a_record_names_target_message_and_reason_and_carries_the_letter(
    log: Log, letters: DeadLetters, dead: pykka.ActorRef[Any]
) -> None:
    one = letter(dead, {"a": "message"})
    letters.report(one)
    (record,) = log.find("WARNING")
    assert record.name == "pykka.dead_letters"
    for text in (str(dead), "{'a': 'message'}", "died"):
        assert text in record.message
    assert record.dead_letter is one  # type: ignore[attr-defined]


def test_a_flood_is_logged_with_measure_and_counted_in_full(
    log: Log, letters: DeadLetters, dead: pykka.ActorRef[Any], clock: Clock
) -> None:
    def logged_after(seconds: float) -> int:
        clock.now += seconds
        for _ in range(10):
            letters.report(letter(dead))
        return len(log.find("WARNING"))

    assert logged_after(0) == 3  # the burst
    assert logged_after(1.9) == 3
    assert logged_after(0.1) == 4  # one token in two seconds
    assert "Left out of the log so far: 17" in log.records[-1].message
    assert logged_after(1000) == 7  # never more than the burst
    assert letters.statistics() == dead_letters.DeadLetterStatistics(total=40, logged=7)
    assert letters.statistics().suppressed == 33


def test_what_nobody_wants_to_see_takes_no_token(
    letters: DeadLetters, dead: pykka.ActorRef[Any]
) -> None:
    logger = logging.getLogger("pykka.dead_letters")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        letters.report(letter(dead))
    finally:
        logger.setLevel(level)
    assert letters.statistics().logged == 0
    assert letters.statistics().total == 1


class BadRepr:
    """A message that cannot be shown."""

    def __repr__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("message", "shown"),
    [("x" * 1000, "x" * 198 + "…"), (BadRepr(), "<BadRepr whose repr raised RuntimeError>")],
    ids=["long", "bad repr"],
)
def test_a_message_that_is_hard_to_show_is_reported_all_the_same(
    log: Log, letters: DeadLetters, dead: pykka.ActorRef[Any], message: object, shown: str
) -> None:
    letters.report(letter(dead, message))
    assert log.find("WARNING", shown)


def test_subscribers_get_every_letter_until_they_leave(
    letters: DeadLetters, dead: pykka.ActorRef[Any]
) -> None:
    got: list[DeadLetter] = []
    letters.subscribe(got.append)
    sent = [letter(dead, number) for number in range(20)]
    for each in sent:
        letters.report(each)
    letters.unsubscribe(got.append)
    letters.report(letter(dead))
    assert got == sent
    with pytest.raises(ValueError, match="has not subscribed to dead letters"):
        letters.unsubscribe(got.append)


def test_a_subscriber_that_raises_does_not_harm_the_others(
    log: Log, letters: DeadLetters, dead: pykka.ActorRef[Any]
) -> None:
    got: list[DeadLetter] = []
    letters.subscribe(lambda _letter: 1 / 0)
    letters.subscribe(got.append)
    letters.report(letter(dead))
    assert len(got) == 1
    assert log.find("ERROR", "A subscriber to dead letters raised")


def test_a_subscriber_that_makes_dead_letters_is_not_told_of_them(
    log: Log, letters: DeadLetters, dead: pykka.ActorRef[Any]
) -> None:
    got: list[DeadLetter] = []

    def subscriber(one: DeadLetter) -> None:
        got.append(one)
        letters.report(letter(dead, "from the subscriber"))

    letters.subscribe(subscriber)
    letters.report(letter(dead))
    letters.report(letter(dead))
    assert len(got) == 2
    assert letters.statistics().total == 4
    assert not log.find("WARNING", "from the subscriber")


class MakesDeadLetters(logging.Handler):
    """A log handler that logs to an actor which is dead."""

    def __init__(self, letters: DeadLetters, dead: pykka.ActorRef[Any]) -> None:
        super().__init__()
        self.letters = letters
        self.dead = dead
        self.calls = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.calls += 1
        self.letters.report(letter(self.dead, record.getMessage()))


@pytest.fixture
def handler(letters: DeadLetters, dead: pykka.ActorRef[Any]) -> Iterator[MakesDeadLetters]:
    handler = MakesDeadLetters(letters, dead)
    logging.getLogger("pykka.dead_letters").addHandler(handler)
    yield handler
    logging.getLogger("pykka.dead_letters").removeHandler(handler)


def test_a_log_handler_that_makes_dead_letters_does_not_recurse(
    letters: DeadLetters, dead: pykka.ActorRef[Any], handler: MakesDeadLetters
) -> None:
    got: list[DeadLetter] = []
    letters.subscribe(got.append)
    letters.report(letter(dead))
    assert handler.calls == 1
    assert letters.statistics().total == 2
    assert len(got) == 2, "subscribers hear of both"


def test_reports_from_many_threads_are_all_counted(
    letters: DeadLetters, dead: pykka.ActorRef[Any]
) -> None:
    threads = [
        threading.Thread(target=lambda: [letters.report(letter(dead)) for _ in range(500)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert letters.statistics() == dead_letters.DeadLetterStatistics(total=4000, logged=3)


@pytest.mark.usefixtures("untraced")
def test_a_signal_handler_may_report_at_any_time(
    letters: DeadLetters, dead: pykka.ActorRef[Any]
) -> None:
    one = letter(dead)
    chance = random.Random(0)
    strikes = sent = 0

    def handler(_signal: int, _frame: object) -> None:
        nonlocal strikes
        strikes += 1
        letters.report(one)

    before = signal.signal(signal.SIGALRM, handler)
    try:
        for _ in range(1_500):
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-6, 80e-6))
            for _ in range(40):
                letters.report(one)
                sent += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert strikes > 100
    assert letters.statistics().total == sent + strikes


# --- as events ----------------------------------------------------------------------------------


@pytest.fixture
def system() -> Iterator[pykka.ActorSystem]:
    with pykka.ActorSystem() as system:
        yield system


def bury(system: pykka.ActorSystem, message: object) -> pykka.ActorRef[Any]:
    """Have a message become a dead letter."""
    ref = system.start(Sink)
    ref.stop()
    system.to_dead_letters(ref._cell, message, "died")
    return ref


def test_dead_letters_are_events_of_their_system(system: pykka.ActorSystem) -> None:
    got: list[Any] = []
    system.events.subscribe(DeadLetter, got.append)
    ref = bury(system, 1)
    assert got == [DeadLetter(1, ref, "died")]
    system.events.unsubscribe(got.append)
    bury(system, 2)
    assert len(got) == 1
    assert system.dead_letters.statistics().total == 2


def test_an_actor_may_subscribe_to_dead_letters_and_is_forgotten_at_its_end(
    system: pykka.ActorSystem,
) -> None:
    class Undertaker(pykka.ThreadingActor):
        def __init__(self) -> None:
            super().__init__()
            self.letters: list[DeadLetter] = []

        def on_receive(self, message: DeadLetter) -> None:
            self.letters.append(message)

    undertaker = system.start(Undertaker)
    system.events.subscribe(DeadLetter, undertaker)
    bury(system, 1)
    assert [letter.message for letter in undertaker.proxy().letters.get()] == [1]
    undertaker.stop()
    assert not system.events.has_subscribers(DeadLetter)


def test_an_event_that_causes_dead_letters_does_not_recurse(system: pykka.ActorSystem) -> None:
    """Neither if the subscriber is a function, nor with another one in between."""
    got: list[Any] = []

    def subscriber(one: DeadLetter) -> None:
        got.append(one.message)
        bury(system, "from the event")

    system.events.subscribe(DeadLetter, subscriber)
    system.dead_letters.subscribe(subscriber)
    bury(system, "first")
    bury(system, "second")
    assert got == ["first", "first", "second", "second"]
    assert system.dead_letters.statistics().total == 6


def test_a_subscriber_to_events_that_raises_harms_nobody(
    log: Log, system: pykka.ActorSystem
) -> None:
    got: list[Any] = []
    system.events.subscribe(DeadLetter, lambda _letter: 1 / 0)
    system.events.subscribe(DeadLetter, got.append)
    bury(system, 1)
    assert len(got) == 1
    assert log.find("ERROR", "A subscriber to events raised")


def test_the_log_of_an_events_subscriber_does_not_recurse(
    letters: DeadLetters, dead: pykka.ActorRef[Any], handler: MakesDeadLetters
) -> None:
    """A letter from within a log handler is handed on, and not logged."""
    bus = pykka.ActorSystem().events
    with_events = DeadLetters(events=bus)
    handler.letters = with_events
    got: list[Any] = []
    bus.subscribe(DeadLetter, got.append)
    with_events.report(letter(dead))
    assert handler.calls == 1
    assert len(got) == 2
    assert letters.statistics().total == 0


# --- the end of a flood -------------------------------------------------------------------------


@pytest.fixture
def timed(clock: Clock) -> tuple[DeadLetters, ManualClock]:
    timer = ManualClock()
    return DeadLetters(burst=3, per_second=0.5, clock=clock, timer=timer), timer


def flood(letters: DeadLetters, ref: pykka.ActorRef[Any], number: int) -> None:
    for _ in range(number):
        letters.report(letter(ref))


def test_a_flood_that_is_over_says_how_many_there_were(
    log: Log, timed: tuple[DeadLetters, ManualClock], dead: pykka.ActorRef[Any]
) -> None:
    letters, timer = timed
    flood(letters, dead, 10)
    assert timer.pending == 1
    timer.advance(CALM)  # since the first that was left out; others came after it
    timer.advance(CALM)
    [record] = log.wait_for("WARNING", "left out of the log; there")
    assert record.message == "7 more dead letters were left out of the log; there were 10 in all"
    assert timer.pending == 0
    flood(letters, dead, 1)
    timer.advance(CALM)
    assert log.wait_for("WARNING", "1 more dead letters were left out of the log; there were 11")


def test_a_flood_that_goes_on_is_not_over(
    log: Log, timed: tuple[DeadLetters, ManualClock], dead: pykka.ActorRef[Any]
) -> None:
    letters, timer = timed
    flood(letters, dead, 5)
    for _ in range(3):
        timer.advance(CALM / 2)
        flood(letters, dead, 1)
        timer.advance(CALM / 2)
        assert log.find("WARNING", "left out of the log; there") == []
    timer.advance(CALM)
    assert log.wait_for("WARNING", "5 more dead letters were left out of the log; there were 8")


def test_what_a_record_has_counted_is_not_counted_again(
    log: Log, clock: Clock, timed: tuple[DeadLetters, ManualClock], dead: pykka.ActorRef[Any]
) -> None:
    letters, timer = timed
    flood(letters, dead, 5)
    clock.now = 100.0
    flood(letters, dead, 1)
    assert log.find("WARNING", "Left out of the log so far: 2")
    timer.advance(CALM)
    timer.advance(CALM)
    wait_until(lambda: letters not in _owing, "it owes nothing")
    assert log.find("WARNING", "left out of the log; there") == []


def test_what_the_level_keeps_out_is_not_counted(
    timed: tuple[DeadLetters, ManualClock], dead: pykka.ActorRef[Any], quiet: None
) -> None:
    letters, timer = timed
    flood(letters, dead, 10)
    assert timer.pending == 0


def test_it_is_not_logged_on_the_clocks_thread(
    log: Log, timed: tuple[DeadLetters, ManualClock], dead: pykka.ActorRef[Any]
) -> None:
    letters, timer = timed
    flood(letters, dead, 4)
    timer.advance(CALM)  # on this thread
    [record] = log.wait_for("WARNING", "left out of the log; there")
    assert record.thread != threading.get_ident()


def test_a_clock_that_cannot_ring_loses_no_letter(
    log: Log, clock: Clock, dead: pykka.ActorRef[Any]
) -> None:
    class Broken:
        def now(self) -> float:
            return 0.0

        def schedule(self, when: float, alarm: Any) -> None:
            raise RuntimeError

    letters = DeadLetters(burst=1, clock=clock, timer=Broken())
    flood(letters, dead, 3)
    assert letters.statistics().total == 3
    _log_what_is_owed()  # as at the exit of the program
    assert log.find("WARNING", "2 more dead letters were left out of the log")


def test_the_default_system_tells(log: Log, dead: pykka.ActorRef[Any]) -> None:
    letters = pykka.ActorSystem.default().dead_letters
    flood(letters, dead, 20)
    assert letters in _owing
    assert letters._is_armed
