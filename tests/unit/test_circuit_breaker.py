"""The circuit breaker does what a plain model of it does, in virtual time."""

from __future__ import annotations

import contextlib
import dataclasses
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.askables import Scripted
from tests.injection import Interrupted, inject

import pykka
from pykka._system.events import EventBus
from pykka.resilience import CircuitBreaker, CircuitOpenError, CircuitStateChange
from pykka.timers import ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Log

MAX_FAILURES = 2
RESET_AFTER = 2
GOOD_TRIALS = 2


class Failed(Exception):
    """What counts as a failure in these tests."""


class Answer(Exception):
    """What the target raises and means as an answer."""


class Quit(BaseException):
    """What says nothing about the target."""


OUTCOMES: dict[str, Any] = {
    "success": "fine",
    "failure": Failed(),
    "answer": Answer(),
    "interruption": Quit(),
}


# --- the model ----------------------------------------------------------------------------------


class Model:
    """A circuit breaker in the plainest words, which knows each ask that is under way."""

    def __init__(self) -> None:
        self.now = 0
        self.state = "closed"
        self.in_a_row = 0
        self.opened_at = 0
        self.good_trials = 0
        self.trial: object | None = None
        self.trial_began = 0
        self.members: set[object] = set()
        """The asks that were let through in the present closed state."""
        self.counts = dict.fromkeys(["success", "failure", "refused", "interruption", "opened"], 0)
        self.changes: list[tuple[str, str]] = []

    def become(self, state: str) -> None:
        self.changes.append((self.state, state))
        self.state = state
        self.members.clear()
        self.trial = None

    def lets_through(self, ask: object) -> bool:
        if self.state == "closed":
            self.members.add(ask)
            return True
        if self.state == "open" and self.now - self.opened_at >= RESET_AFTER:
            self.become("half_open")
            self.good_trials = 0
        is_free = self.trial is None or self.now - self.trial_began >= RESET_AFTER
        if self.state == "half_open" and is_free:
            self.trial = ask
            self.trial_began = self.now
            return True
        self.counts["refused"] += 1
        return False

    def ends(self, ask: object, how: str) -> None:
        how = "success" if how == "answer" else how
        self.counts[how] += 1
        is_trial = ask is self.trial
        if not is_trial and ask not in self.members:
            return
        if is_trial:
            self.trial = None
        if how == "success":
            self.in_a_row = 0
            if is_trial:
                self.good_trials += 1
                if self.good_trials == GOOD_TRIALS:
                    self.become("closed")
        elif how == "failure":
            self.in_a_row += 1
            if is_trial or self.in_a_row == MAX_FAILURES:
                self.counts["opened"] += 1
                self.opened_at = self.now
                self.become("open")


class BreakerAgainstModel(RuleBasedStateMachine):
    """Asks that take their time, of all kinds, while time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.target = Scripted()
        self.changes: list[CircuitStateChange] = []
        self.breaker = CircuitBreaker(
            self.target,
            max_failures=MAX_FAILURES,
            reset_after=RESET_AFTER,
            half_open_successes=GOOD_TRIALS,
            counts_as_failure=(Failed, ZeroDivisionError),
            on_state_change=self.changes.append,
            clock=self.clock,
        )
        self.model = Model()
        self.pending: list[pykka.ThreadingFuture[Any]] = []

    @rule(seconds=st.integers(1, RESET_AFTER))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)
        self.model.now += seconds

    @rule()
    def ask_without_blocking(self) -> None:
        answer: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()
        self.target.outcomes.append(answer)
        future = self.breaker.ask("question", block=False)
        if self.model.lets_through(answer):
            assert future is answer, "the future is that of the target"
            self.pending.append(answer)
        else:
            assert isinstance(future.exception(timeout=0), CircuitOpenError)
            self.target.outcomes.clear()

    @precondition(lambda self: self.pending)
    @rule(data=st.data(), how=st.sampled_from(list(OUTCOMES)))
    def an_answer_comes(self, data: st.DataObject, how: str) -> None:
        number = data.draw(st.integers(0, len(self.pending) - 1))
        answer = self.pending.pop(number)
        if how == "success":
            answer.set("fine")
        else:
            answer.set_exception(OUTCOMES[how])
        self.model.ends(answer, how)

    @rule(how=st.sampled_from(list(OUTCOMES)))
    def ask_and_wait(self, how: str) -> None:
        ask = object()
        self.target.outcomes.append(OUTCOMES[how])
        if not self.model.lets_through(ask):
            with pytest.raises(CircuitOpenError):
                self.breaker.ask("question")
            self.target.outcomes.clear()
            return
        if how == "success":
            assert self.breaker.ask("question") == "fine"
        else:
            with pytest.raises(type(OUTCOMES[how])):
                self.breaker.ask("question")
        self.model.ends(ask, how)

    @invariant()
    def state_and_books_are_those_of_the_model(self) -> None:
        assert self.breaker.state == self.model.state
        statistics = self.breaker.statistics()
        counts = self.model.counts
        assert dataclasses.asdict(statistics) == {
            "successes": counts["success"],
            "failures": counts["failure"],
            "refused": counts["refused"],
            "interrupted": counts["interruption"],
            "state": self.model.state,
            "consecutive_failures": self.model.in_a_row,
            "times_opened": counts["opened"],
        }

    @invariant()
    def each_change_is_told_once(self) -> None:
        assert [(change.before, change.after) for change in self.changes] == self.model.changes
        assert {change.breaker for change in self.changes} <= {self.breaker}


def test_it_does_what_the_model_does() -> None:
    BreakerAgainstModel.TestCase("runTest").debug()


# --- details ------------------------------------------------------------------------------------


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def ask_quietly(breaker: CircuitBreaker) -> None:
    with pytest.raises(Failed):
        breaker.ask("question")


def test_the_error_names_the_target_and_says_when_it_is_tried_again(clock: ManualClock) -> None:
    trial: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()
    breaker = CircuitBreaker(
        Scripted(Failed(), trial), max_failures=1, reset_after=60, clock=clock
    )
    ask_quietly(breaker)
    clock.advance(12.5)
    with pytest.raises(CircuitOpenError, match=r"the target is open.* in 47\.5 seconds") as info:
        breaker.ask("question")
    assert info.value.retry_after == 47.5

    clock.advance(47.5)
    breaker.ask("trial", block=False)
    clock.advance(20)
    future = breaker.ask("question", block=False)
    with pytest.raises(CircuitOpenError, match=r"half-open.* in 40 seconds at the latest") as info:
        future.get(timeout=0)
    assert info.value.retry_after == 40


def test_the_timeout_is_passed_on(clock: ManualClock) -> None:
    target = Scripted(1, 2)
    breaker = CircuitBreaker(target, clock=clock)
    breaker.ask("question", timeout=3.5)
    breaker.ask("question")
    assert target.timeouts == [3.5, None]


def test_what_the_target_raises_when_it_is_asked_without_blocking_is_in_the_future(
    clock: ManualClock,
) -> None:
    class Raises:
        error: BaseException = Failed("full")

        def ask(self, message: Any, **_how: Any) -> Any:
            raise self.error

    target = Raises()
    breaker = CircuitBreaker(target, max_failures=1, clock=clock)
    with pytest.raises(Failed, match="full"):
        breaker.ask("question", block=False).get(timeout=0)
    assert breaker.state == "open"

    clock.advance(30)
    target.error = Quit()
    with pytest.raises(Quit):
        breaker.ask("question", block=False)
    assert breaker.state == "half_open"
    target.error = Failed("again")
    with pytest.raises(Failed, match="again"):
        breaker.ask("a trial, for the last one was none").get()
    assert breaker.state == "open"


def test_a_timeout_and_a_dead_actor_are_failures() -> None:
    class Sleepy(pykka.ThreadingActor):
        pass

    ref = Sleepy.start()
    ref.stop()
    never: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()
    for target, error in ((ref, pykka.ActorDeadError), (Scripted(never), pykka.Timeout)):
        breaker = CircuitBreaker(target, max_failures=1)
        with pytest.raises(error):
            breaker.ask("question", timeout=0)
        assert breaker.state == "open"


def test_a_listener_that_raises_is_logged_and_harms_nobody(clock: ManualClock, log: Log) -> None:
    got: list[Any] = []
    breaker = CircuitBreaker(
        Scripted(Failed(), "fine"),
        max_failures=1,
        on_state_change=[lambda _change: 1 / 0, got.append],
        clock=clock,
    )
    ask_quietly(breaker)
    assert len(got) == 1
    assert log.find("ERROR", "A listener to changes of <CircuitBreaker for <tests.askables.Scri")
    clock.advance(30)
    assert breaker.ask("question") == "fine"
    assert [change.after for change in got] == ["open", "half_open", "closed"]


def test_a_listener_that_means_the_program_does_not_lose_the_trial(clock: ManualClock) -> None:
    def listen(change: CircuitStateChange) -> None:
        if change.after == "half_open" and not heard:
            heard.append(change)
            raise Quit

    heard: list[CircuitStateChange] = []
    breaker = CircuitBreaker(
        Scripted(Failed(), "fine"), max_failures=1, on_state_change=listen, clock=clock
    )
    ask_quietly(breaker)
    clock.advance(30)
    with pytest.raises(Quit):
        breaker.ask("question")
    assert breaker.ask("question") == "fine"
    assert breaker.statistics().interrupted == 1


def test_a_listener_sees_the_new_state_and_may_ask(clock: ManualClock) -> None:
    seen: list[str] = []

    def listen(change: CircuitStateChange) -> None:
        seen.append(change.breaker.state)
        if change.after == "open":
            with pytest.raises(CircuitOpenError):
                change.breaker.ask("question")

    breaker = CircuitBreaker(
        Scripted(Failed()), max_failures=1, on_state_change=listen, clock=clock
    )
    ask_quietly(breaker)
    assert seen == ["open"]


def test_changes_of_state_can_be_published(clock: ManualClock) -> None:
    bus = EventBus()
    got: list[CircuitStateChange] = []
    bus.subscribe(CircuitStateChange, got.append)
    breaker = CircuitBreaker(
        Scripted(Failed()), max_failures=1, on_state_change=bus.publish, clock=clock
    )
    ask_quietly(breaker)
    assert got == [CircuitStateChange(breaker, "closed", "open")]


def test_it_is_interrupted_everywhere() -> None:
    """A signal handler that raises leaves a breaker that closes again."""

    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        clock = ManualClock()
        target = Scripted(Failed(), *["fine"] * 5)
        breaker = CircuitBreaker(target, max_failures=1, reset_after=5, clock=clock)

        def use() -> None:
            with contextlib.suppress(Failed):
                breaker.ask("question")
            clock.advance(5)
            breaker.ask("trial")
            breaker.ask("question", block=False)

        def check(interrupted: bool) -> None:
            clock.advance(5)
            target.outcomes = deque(["fine"])
            assert breaker.ask("question") == "fine"
            assert breaker.state == "closed"
            statistics = breaker.statistics()
            assert interrupted or (statistics.successes, statistics.failures) == (3, 1)

        return use, check

    assert inject(prepare, Interrupted) >= 20


@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        ({"max_failures": 0}, ValueError, "max_failures must be at least 1, not 0"),
        ({"max_failures": 1.5}, TypeError, "max_failures must be a whole number, not 1.5"),
        ({"half_open_successes": True}, TypeError, "half_open_successes must be a whole number"),
        ({"reset_after": -1}, ValueError, "reset_after must be at least 0 and finite, not -1"),
        ({"counts_as_failure": "all"}, TypeError, "counts_as_failure must be an exception class"),
        ({"counts_as_failure": (int,)}, TypeError, "counts_as_failure must be an exception class"),
    ],
)
def test_wrong_arguments_are_refused_by_name(
    wrong: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        CircuitBreaker(Scripted(), **wrong)


def test_a_futures_own_callbacks_find_the_result_counted(clock: ManualClock) -> None:
    answer: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()
    breaker = CircuitBreaker(Scripted(answer), clock=clock)
    future: Any = breaker.ask("question", block=False)
    counted: list[int] = []
    future.add_done_callback(lambda _future: counted.append(breaker.statistics().successes))
    answer.set("fine")
    assert counted == [1]
