"""Questions that are taken back by way of what stands in front of an actor: pieces and routers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import Gate, Noted, failing, kept_busy, needs
from tests.leaks import PATIENCE

import pykka
from pykka import routing
from pykka.resilience import Backoff, CircuitBreaker, RateLimiter, Retry
from pykka.timers import ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Runtime

LONG = 1000.0
SOON = 0.01


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def busy(agent: Any, gate: Gate) -> Iterator[Any]:
    """An actor that counts, and is at a message until the gate is opened."""
    with kept_busy(agent, gate) as ref:
        yield ref


def patient(target: Any, clock: ManualClock, **options: Any) -> Retry:
    options = {"retry_on": Exception, **options}
    return Retry(target, attempts=9, backoff=Backoff(minimum=1, jitter=0), clock=clock, **options)


def late(target: Any, clock: ManualClock) -> RateLimiter:
    """A limiter behind which a question waits in the line."""
    limiter = RateLimiter(target, rate=0.1, clock=clock)
    limiter.ask("the first", block=False)
    return limiter


PIECES: dict[str, Callable[[Any, ManualClock], Any]] = {
    "Retry": patient,
    "Retry, with a limit": lambda ref, clock: patient(ref, clock, timeout_per_attempt=LONG),
    "CircuitBreaker": lambda ref, clock: CircuitBreaker(ref, clock=clock),
    "CircuitBreaker, with a limit": lambda ref, clock: CircuitBreaker(
        ref, call_timeout=LONG, clock=clock
    ),
    "RateLimiter": lambda ref, clock: RateLimiter(ref, rate=1, clock=clock),
    "RateLimiter, in the line": late,
    "all of them": lambda ref, clock: patient(
        CircuitBreaker(late(ref, clock), call_timeout=LONG, clock=clock), clock
    ),
    "the other way round": lambda ref, clock: RateLimiter(
        CircuitBreaker(patient(ref, clock), call_timeout=LONG, clock=clock), rate=1, clock=clock
    ),
}

each_piece = pytest.mark.parametrize("make", PIECES.values(), ids=PIECES)


@each_piece
@pytest.mark.parametrize("way", ["ask", "call"])
@pytest.mark.thinned
def test_a_question_that_waits_is_never_handled(
    busy: Any, gate: Gate, clock: ManualClock, make: Any, way: str
) -> None:
    piece, note = make(busy, clock), Noted()
    question = piece.ask(note, block=False) if way == "ask" else piece.call(note)
    assert not question.done()
    assert question.cancel() is True
    with pytest.raises(pykka.AskCancelledError, match="cancelled by its asker"):
        question.get(timeout=0)
    gate.open()
    for _ in range(20):
        clock.advance(LONG)
    assert busy.ask("x") == "x"
    assert note.times == 0
    assert question.cancel() is True


@each_piece
def test_one_that_has_an_answer_is_not_cancelled(
    ref: Any, clock: ManualClock, make: Any, gate: Gate
) -> None:
    del gate
    question = make(ref, clock).ask("x", block=False)
    clock.advance(10)
    assert question.get(timeout=PATIENCE) == "x"
    assert question.cancel() is False


@pytest.mark.parametrize("limit", [None, LONG])
def test_the_attempt_that_has_begun_is_the_last_one(
    ref: Any, gate: Gate, clock: ManualClock, limit: float | None
) -> None:
    """It may be handled to its end, and its failure is the answer, not followed by another."""
    error = RuntimeError("again, perhaps")

    def fail_later(agent: Any) -> None:
        gate(agent)
        failing(error)(agent)

    retry = patient(ref, clock, timeout_per_attempt=limit)
    question = retry.ask(fail_later, block=False)
    gate.wait_until_entered()
    assert question.cancel() is False
    gate.open()
    assert question.exception(timeout=PATIENCE) is error
    clock.advance(LONG)
    assert retry.statistics().retries == 0
    assert question.cancel() is False


def test_in_a_pause_there_is_no_other_attempt(ref: Any, clock: ManualClock) -> None:
    retry, note = patient(ref, clock), Noted(ValueError())
    question = retry.ask(note, block=False)
    assert ref.ask("x") == "x"
    assert clock.pending == 1
    assert question.cancel() is True
    assert clock.pending == 0
    clock.advance(LONG)
    assert ref.ask("x") == "x"
    assert note.times == 1
    assert isinstance(question.exception(), pykka.AskCancelledError)
    statistics = retry.statistics()
    assert (statistics.asks, statistics.retries, statistics.failures) == (1, 0, 1)


def test_attempts_that_were_given_up_are_taken_back_too(
    busy: Any, gate: Gate, clock: ManualClock
) -> None:
    retry, note = patient(busy, clock, timeout_per_attempt=1), Noted()
    question = retry.ask(note, block=False)
    clock.advance(1)  # the first attempt has taken too long
    clock.advance(1)  # the pause is over
    assert retry.statistics().retries == 1
    assert question.cancel() is True
    gate.open()
    assert busy.ask("x") == "x"
    assert note.times == 0
    assert busy.statistics().cancelled == 2


@needs("blocking handlers")
@pytest.mark.parametrize("retry_on", [Exception, pykka.Timeout])
def test_they_are_taken_back_although_a_later_one_has_begun(
    agent: Any, gate: Gate, clock: ManualClock, retry_on: type[Exception]
) -> None:
    first, second = agent.start(), agent.start()
    router, note = routing.RoundRobin([first, second]), Noted()
    hold, other = Gate(), gate
    first.tell(other)
    other.wait_until_entered()
    seen: list[str] = []

    def ask_once(current: Any) -> object:
        seen.append("handled")
        if current.actor_ref == second:
            return hold(current)
        return note(current)

    retry = patient(router, clock, timeout_per_attempt=1, retry_on=retry_on)
    question = retry.ask(ask_once, block=False)
    clock.advance(1)
    clock.advance(1)
    hold.wait_until_entered()
    assert question.cancel() is False
    hold.open()
    assert question.get(timeout=PATIENCE) == "opened"
    other.open()
    assert first.ask("x") == "x"
    assert seen == ["handled"]
    for ref in (first, second):
        ref.stop()


def test_what_was_cancelled_elsewhere_is_an_answer_like_any_other(
    ref: Any, clock: ManualClock
) -> None:
    """It is not the asker who has caused it, so it is retried if that is said."""
    outcomes = iter([failing(pykka.AskCancelledError("another one")), lambda _agent: "fine"])

    def answer(agent: Any) -> object:
        return next(outcomes)(agent)

    retry = patient(ref, clock)
    question = retry.call(answer)
    assert ref.ask("x") == "x"
    clock.advance(1)
    assert question.get(timeout=PATIENCE) == "fine"


def test_those_behind_it_in_the_line_move_up(ref: Any, clock: ManualClock) -> None:
    limiter = RateLimiter(ref, rate=1, clock=clock)
    questions = [limiter.ask(number, block=False) for number in range(5)]
    assert questions[0].get(timeout=PATIENCE) == 0
    assert questions[1].cancel()
    assert questions[2].cancel()
    statistics = limiter.statistics()
    assert (statistics.sent, statistics.refused, statistics.waiting) == (1, 2, 2)
    clock.advance(1)
    assert questions[3].get(timeout=PATIENCE) == 3
    assert not questions[4].done()
    clock.advance(1)
    assert questions[4].get(timeout=PATIENCE) == 4
    assert limiter.statistics().waiting == 0


def test_a_rate_is_kept_although_questions_are_cancelled(ref: Any, clock: ManualClock) -> None:
    """An alarm lets one go at most, also those that are asked for cancelled ones."""
    limiter = RateLimiter(ref, rate=1, clock=clock)
    for round_ in range(4):
        asked = [limiter.ask(number, block=False) for number in range(3)]
        if round_:
            assert all(question.cancel() for question in asked)
    last = [limiter.ask(number, block=False) for number in range(9)]
    sent = limiter.statistics().sent
    while not last[-1].done():
        clock.advance(1)
        now = limiter.statistics().sent
        assert now - sent <= 1
        sent = now
        ref.ask("all before are handled")


ROUTERS: dict[str, Callable[[list[Any]], Any]] = {
    "RoundRobin": routing.RoundRobin,
    "Random": routing.Random,
    "SmallestInbox": routing.SmallestInbox,
    "ConsistentHashing": lambda refs: routing.ConsistentHashing(refs, key=str),
    "Broadcast": routing.Broadcast,
    "ScatterGather": routing.ScatterGather,
    "TailChopping": lambda refs: routing.TailChopping(refs, interval=LONG),
    "routers of routers": lambda refs: routing.ScatterGather(
        [routing.TailChopping(refs, interval=LONG), routing.Broadcast(refs)]
    ),
}


@pytest.fixture
def two(agent: Any, gate: Gate) -> Iterator[list[Any]]:
    """Two actors that are busy until their gate is opened."""
    refs = [agent.start(), agent.start()]
    for ref in refs:
        ref.tell(gate)
        gate.wait_until_entered()
    yield refs
    gate.open()
    for ref in refs:
        ref.stop()


@pytest.mark.parametrize("make", ROUTERS.values(), ids=ROUTERS)
@pytest.mark.parametrize("way", ["ask", "call"])
@pytest.mark.thinned
def test_a_question_to_a_router_is_taken_back_from_all_who_have_it(
    two: list[Any], gate: Gate, make: Any, way: str
) -> None:
    router, note = make(two), Noted()
    question = router.ask(note, block=False) if way == "ask" else router.call(note)
    assert question.cancel() is True
    assert question.done()
    with pytest.raises(pykka.AskCancelledError):
        question.get()
    gate.open()
    for ref in two:
        assert ref.ask("x") == "x"
    assert note.times == 0
    assert question.cancel() is True


@pytest.mark.parametrize("make", ROUTERS.values(), ids=ROUTERS)
def test_one_that_a_router_has_an_answer_to_is_not_cancelled(agent: Any, make: Any) -> None:
    refs = [agent.start(), agent.start()]
    question = make(refs).ask("x", block=False)
    assert question.get(timeout=PATIENCE) in ("x", ["x", "x"])
    assert question.cancel() is False
    for ref in refs:
        ref.stop()


@needs("blocking handlers")
def test_in_a_race_the_one_that_has_begun_goes_on(two: list[Any], agent: Any, gate: Gate) -> None:
    idle, note, hold = agent.start(), Noted(), Gate()

    def answer(current: Any) -> object:
        return hold(current) if current.actor_ref == idle else note(current)

    question = routing.ScatterGather([*two, idle]).ask(answer, block=False)
    hold.wait_until_entered()
    assert question.cancel() is False
    assert not question.done()
    hold.open()
    assert question.get(timeout=PATIENCE) == "opened"
    gate.open()
    for ref in two:
        assert ref.ask("x") == "x"
    assert note.times == 0
    idle.stop()


@pytest.mark.parametrize("fails", [False, True])
def test_in_a_chase_no_other_one_is_asked(
    runtime: Runtime, agent: Any, clock: ManualClock, fails: bool
) -> None:
    del runtime
    refs, hold, seen = [agent.start() for _ in range(3)], Gate(), []

    def answer(current: Any) -> object:
        seen.append(current.actor_ref)
        hold(current)
        if fails:
            raise ValueError
        return "answer"

    question = routing.TailChopping(refs, interval=1, clock=clock).ask(answer, block=False)
    hold.wait_until_entered()
    assert question.cancel() is False
    clock.advance(LONG)
    hold.open()
    assert type(question.exception(timeout=PATIENCE)) is (ValueError if fails else type(None))
    for ref in refs:
        assert ref.ask("x") == "x"
    assert len(seen) == 1
    for ref in refs:
        ref.stop()


# --- askers that give up ---------------------------------------------------------------------


@pytest.fixture
def impatient(agent: Any, gate: Gate) -> Iterator[Any]:
    """A busy actor, of a class for which all questions expire."""
    with kept_busy(pykka.expire_asks(type("Impatient", (agent,), {})), gate) as ref:
        yield ref


IN_FRONT: dict[str, Callable[[Any, ManualClock], Any]] = {
    **{name: make for name, make in PIECES.items() if "in the line" not in name},
    "ScatterGather": lambda ref, _clock: routing.ScatterGather([ref]),
    "TailChopping": lambda ref, _clock: routing.TailChopping([ref]),
}
del IN_FRONT["all of them"]


@pytest.mark.parametrize("make", IN_FRONT.values(), ids=IN_FRONT)
def test_who_gives_up_takes_the_question_back_if_the_actor_wants_that(
    impatient: Any, gate: Gate, clock: ManualClock, make: Any
) -> None:
    note = Noted()
    question = make(impatient, clock).ask(note, block=False)
    with pytest.raises(pykka.Timeout):
        question.get(timeout=SOON)
    assert isinstance(question.exception(timeout=0), pykka.AskExpiredError)
    gate.open()
    clock.advance(LONG)
    assert impatient.ask("x") == "x"
    assert note.times == 0
    assert impatient.statistics().expired == 1


@pytest.mark.parametrize("make", IN_FRONT.values(), ids=IN_FRONT)
def test_not_if_another_one_waits(
    impatient: Any, gate: Gate, clock: ManualClock, make: Any
) -> None:
    question = make(impatient, clock).ask("x", block=False)
    other: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()
    question.add_done_callback(lambda done: other.set(done.get()))
    with pytest.raises(pykka.Timeout):
        question.get(timeout=SOON)
    gate.open()
    assert other.get(timeout=PATIENCE) == "x"


@pytest.mark.parametrize("make", IN_FRONT.values(), ids=IN_FRONT)
def test_not_if_the_actor_does_not_care(
    busy: Any, gate: Gate, clock: ManualClock, make: Any
) -> None:
    question = make(busy, clock).ask("x", block=False)
    with pytest.raises(pykka.Timeout):
        question.get(timeout=SOON)
    gate.open()
    assert question.get(timeout=PATIENCE) == "x"


def test_a_chase_goes_on_to_no_other_one_then(
    impatient: Any, gate: Gate, clock: ManualClock
) -> None:
    note = Noted()
    router = routing.TailChopping(
        [impatient, impatient.actor_class.start()], interval=1, clock=clock
    )
    impatient, other = (
        router.routees if router.routees[0] == impatient else reversed(router.routees)
    )
    other.tell(gate)
    question = router.ask(note, block=False)
    with pytest.raises(pykka.Timeout):
        question.get(timeout=SOON)
    assert isinstance(question.exception(timeout=0), pykka.AskExpiredError)
    clock.advance(LONG)
    gate.open()
    assert other.ask("x") == impatient.ask("x") == "x"
    assert note.times == 0
    other.stop()


def test_a_message_that_has_expired_is_not_sent_again(
    busy: Any, gate: Gate, clock: ManualClock
) -> None:
    note = Noted()
    retry = patient(busy, clock)
    question = retry.ask(note, block=False, timeout=SOON, expire=True)
    blocking = patient(busy, clock)
    with pytest.raises(pykka.Timeout):
        blocking.ask(note, timeout=SOON, expire=True)
    gate.open()
    error = question.exception(timeout=PATIENCE)
    assert isinstance(error, pykka.AskExpiredError)
    assert retry.statistics().retries == blocking.statistics().retries == 0
    assert busy.ask("x") == "x"
    assert note.times == 0


def test_a_message_that_would_have_expired_by_then_does_not_wait_in_the_line(
    ref: Any, clock: ManualClock
) -> None:
    limiter, note = late(ref, clock), Noted()
    question = limiter.ask(note, block=False, timeout=5, expire=True)
    error = question.exception(timeout=0)
    assert isinstance(error, pykka.AskExpiredError)
    assert "would be sent in 10 seconds, which is later" in str(error)
    in_time = limiter.ask(note, block=False, timeout=LONG, expire=True)
    clock.advance(10)
    assert in_time.get(timeout=PATIENCE) == "answer"
