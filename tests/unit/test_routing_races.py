"""Scatter-gather and tail chopping: several are asked, and the first answer counts."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka import routing
from pykka.timers import ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Runner(pykka.ThreadingActor):
    """Answers when it is let, and says that it was asked."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.may_answer = threading.Event()
        self.asked = threading.Event()
        self.error: Exception | None = None
        self.questions: list[Any] = []

    def on_receive(self, message: Any) -> str:
        self.questions.append(message)
        self.asked.set()
        assert self.may_answer.wait(PATIENCE), "nobody let it answer"
        if self.error is not None:
            raise self.error
        return self.name

    def run(self, message: Any) -> str:
        return self.on_receive(message)


class InOrder(random.Random):
    """Draws lots so that everything stays in order."""

    def shuffle(self, x: Any) -> None:
        pass


class Course:
    """Some runners, seen from both sides."""

    def __init__(self, count: int = 3) -> None:
        self.refs = [Runner.start(f"runner {number}") for number in range(count)]
        self.runners: list[Any] = [ref._actor for ref in self.refs]

    def asked(self) -> list[int]:
        return [number for number, each in enumerate(self.runners) if each.asked.is_set()]

    def wait_until_asked(self, *numbers: int) -> None:
        for number in numbers:
            assert self.runners[number].asked.wait(PATIENCE)

    def answer(self, *numbers: int) -> None:
        for number in numbers:
            self.runners[number].may_answer.set()

    def fail(self, *numbers: int) -> None:
        for number in numbers:
            self.runners[number].error = LookupError(f"runner {number}")
            self.answer(number)


@pytest.fixture
def course() -> Any:
    course = Course()
    yield course
    course.answer(0, 1, 2)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def chopping(
    refs: Sequence[pykka.ActorRef[Any]], clock: ManualClock, **options: Any
) -> routing.TailChopping[Any]:
    options = {"interval": 1} | options
    return routing.TailChopping(refs, clock=clock, random=InOrder(), **options)


# --- scatter-gather -----------------------------------------------------------------------------

WAYS: dict[str, Callable[[Any], pykka.Future[Any]]] = {
    "future": lambda router: router.ask("question", block=False),
    "call": lambda router: router.proxy().run("question"),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_first_answer_counts_and_late_ones_are_dropped(course: Course, way: str) -> None:
    answer = WAYS[way](routing.ScatterGather(course.refs))
    course.wait_until_asked(0, 1, 2)
    assert not answer.done()
    course.answer(1)
    assert answer.get(timeout=PATIENCE) == "runner 1"
    course.answer(0)
    course.fail(2)
    assert [ref.proxy().questions.get() for ref in course.refs] == [["question"]] * 3
    assert answer.get() == "runner 1"


def test_a_failure_does_not_count_while_others_may_answer(course: Course) -> None:
    answer = routing.ScatterGather(course.refs).ask("question", block=False)
    course.fail(0, 1)
    assert [ref.proxy().questions.get() for ref in course.refs[:2]] == [["question"]] * 2
    assert not answer.done()
    course.answer(2)
    assert answer.get(timeout=PATIENCE) == "runner 2"


def test_if_all_fail_the_last_failure_is_the_answer(course: Course) -> None:
    answer = routing.ScatterGather(course.refs).ask("question", block=False)
    for number in (2, 0, 1):
        course.fail(number)
        course.refs[number].proxy().name.get()
    with pytest.raises(LookupError, match="runner 1"):
        answer.get(timeout=PATIENCE)


def test_a_blocking_question_gets_the_first_answer_too(course: Course) -> None:
    course.answer(2)
    router = routing.ScatterGather(course.refs)
    assert router.ask("question") == "runner 2"
    assert router.ask("question", timeout=PATIENCE) == "runner 2"


def test_a_tell_is_scattered(course: Course) -> None:
    routing.ScatterGather(course.refs).tell("message")
    course.wait_until_asked(0, 1, 2)


def test_within_a_time_or_not_at_all(course: Course, clock: ManualClock) -> None:
    router = routing.ScatterGather(course.refs, timeout=5, clock=clock)
    answer = router.ask("question", block=False)
    clock.advance(4.9)
    assert not answer.done()
    clock.advance(0.1)
    with pytest.raises(pykka.Timeout, match=r"ScatterGather .* no answer within 5 seconds"):
        answer.get()


def test_an_answer_cancels_the_limit(course: Course, clock: ManualClock) -> None:
    course.answer(0)
    router = routing.ScatterGather(course.refs, timeout=5, clock=clock)
    assert router.ask("question") == "runner 0"
    assert clock.pending == 0
    clock.advance(5)


def test_no_time_at_all(course: Course, clock: ManualClock) -> None:
    answer = routing.ScatterGather(course.refs, timeout=0, clock=clock).ask("q", block=False)
    clock.advance(0)
    with pytest.raises(pykka.Timeout):
        answer.get(timeout=0)


def test_an_attribute_is_set_in_all(course: Course) -> None:
    course.answer(0, 1, 2)
    router = routing.ScatterGather(course.refs)
    router.proxy().name = "the same"
    assert [ref.proxy().name.get() for ref in course.refs] == ["the same"] * 3
    assert router.proxy().name.get() == "the same"


# --- tail chopping ------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_one_more_is_asked_after_each_interval(
    course: Course, clock: ManualClock, way: str
) -> None:
    answer = WAYS[way](chopping(course.refs, clock))
    course.wait_until_asked(0)
    clock.advance(0.9)
    assert course.asked() == [0]
    clock.advance(0.1)
    course.wait_until_asked(1)
    assert course.asked() == [0, 1]
    clock.advance(1)
    course.wait_until_asked(2)
    assert clock.pending == 0
    course.answer(1)
    assert answer.get(timeout=PATIENCE) == "runner 1"


def test_who_answers_in_time_is_the_only_one_asked(course: Course, clock: ManualClock) -> None:
    course.answer(0)
    assert chopping(course.refs, clock).ask("question") == "runner 0"
    assert clock.pending == 0
    clock.advance(10)
    assert course.asked() == [0]


def test_after_a_failure_the_next_one_is_asked_at_once(course: Course, clock: ManualClock) -> None:
    answer = chopping(course.refs, clock).ask("question", block=False)
    course.fail(0)
    course.wait_until_asked(1)
    # It is asked before the alarm for the next one is set.
    wait_until(lambda: clock.pending == 1, "there is an alarm")
    clock.advance(0.9)
    assert course.asked() == [0, 1]
    clock.advance(0.1)
    course.wait_until_asked(2)
    course.answer(2)
    assert answer.get(timeout=PATIENCE) == "runner 2"


def test_if_all_fail_the_last_failure_is_raised(course: Course, clock: ManualClock) -> None:
    course.fail(0, 1, 2)
    with pytest.raises(LookupError, match="runner 2"):
        chopping(course.refs, clock).ask("question")
    assert clock.pending == 0


def test_a_failure_that_comes_late_counts_as_one(course: Course, clock: ManualClock) -> None:
    answer = chopping(course.refs[:2], clock).ask("question", block=False)
    clock.advance(1)
    course.wait_until_asked(0, 1)
    course.fail(1)
    course.refs[1].proxy().name.get()
    assert not answer.done()
    course.fail(0)
    with pytest.raises(LookupError, match="runner 0"):
        answer.get(timeout=PATIENCE)


def test_the_limit_ends_the_chopping(course: Course, clock: ManualClock) -> None:
    answer = chopping(course.refs, clock, timeout=1.5).ask("question", block=False)
    clock.advance(1.5)
    with pytest.raises(pykka.Timeout, match=r"TailChopping .* no answer within 1.5 seconds"):
        answer.get(timeout=0)
    assert clock.pending == 0
    clock.advance(10)
    course.wait_until_asked(0, 1)
    assert course.asked() == [0, 1]


def test_when_nobody_waits_any_more_nobody_else_is_asked(
    course: Course, clock: ManualClock
) -> None:
    with pytest.raises(pykka.Timeout):
        chopping(course.refs, clock, timeout=60).ask("question", timeout=0)
    assert clock.pending == 0
    clock.advance(100)
    course.wait_until_asked(0)
    course.fail(0)
    course.refs[0].proxy().name.get()
    assert course.asked() == [0]


def test_a_tell_goes_to_one_and_to_no_other(course: Course, clock: ManualClock) -> None:
    router = routing.TailChopping(course.refs, clock=clock, random=random.Random(1))
    router.tell("message")
    wait_until(course.asked, "one was told")
    clock.advance(10)
    assert len(course.asked()) == 1
    assert clock.pending == 0


def test_the_order_is_drawn_by_lot() -> None:
    refs = [Runner.start(str(number)) for number in range(3)]
    for ref in refs:
        ref.proxy().may_answer.get().set()

    def names(seed: int) -> list[str]:
        router = routing.TailChopping(refs, interval=PATIENCE, random=random.Random(seed))
        return [router.ask("question") for _ in range(40)]

    first = names(3)
    assert set(first) == {"0", "1", "2"}
    assert names(3) == first


class Shut(pykka.ThreadingActor):
    """An actor whose inbox takes no questions."""

    def _create_actor_inbox(self) -> Any:
        inbox = super()._create_actor_inbox()

        class Full:
            get, empty = inbox.get, inbox.empty

            def put(self, item: Any) -> None:
                if item.message == "question":
                    raise BufferError
                inbox.put(item)

        return Full()


@pytest.mark.parametrize("kind", ["scatter", "chop"])
def test_many_who_do_not_take_the_question_are_passed_over(kind: str, clock: ManualClock) -> None:
    """In a loop, and not one on top of the other."""
    course = Course(1)
    course.answer(0)
    shut = [Shut.start() for _ in range(300)]

    def router_of(refs: list[pykka.ActorRef[Any]]) -> Any:
        return routing.ScatterGather(refs) if kind == "scatter" else chopping(refs, clock)

    assert router_of([*shut, *course.refs]).ask("question") == "runner 0"
    with pytest.raises(BufferError):
        router_of(shut).ask("question")
    assert clock.pending == 0


def test_an_alarm_that_does_not_count_any_more_asks_nobody(
    course: Course, clock: ManualClock
) -> None:
    """As if an interval was over and a failure arrived at the same time."""
    router = chopping(course.refs, clock)
    chase: Any = router._begin("question")
    outdated = chase._alarm
    chase.go_on()
    assert outdated.is_cancelled
    chase._interval_is_over(outdated)
    outdated.ring()
    course.wait_until_asked(0, 1)
    assert course.asked() == [0, 1]
    chase.go_on()
    chase.go_on()
    course.wait_until_asked(2)
    course.answer(2)
    assert chase.answer.get(timeout=PATIENCE) == "runner 2"
    chase.go_on()


# --- both ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [routing.ScatterGather, routing.TailChopping])
def test_routers_take_part_in_the_race(kind: Any) -> None:
    refs = [Runner.start(name) for name in "abc"]
    for ref in refs:
        ref.proxy().may_answer.get().set()
    inner = [routing.Broadcast(refs[:2]), routing.Broadcast([])]
    assert kind(inner).ask("question") == ["a", "b"]


class OwnFuture(pykka.Future[Any]):
    """A future of which nobody can tell when it is done."""

    def __init__(self) -> None:
        super().__init__()
        inner: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()
        self.get, self.set, self.set_exception = inner.get, inner.set, inner.set_exception  # type: ignore[method-assign]


class OwnFutures(pykka.ThreadingActor):
    """Answers with such futures."""

    def _create_future(self) -> Any:
        return OwnFuture()


@pytest.mark.parametrize("kind", [routing.ScatterGather, routing.TailChopping])
def test_futures_that_cannot_tell_are_refused(kind: Any) -> None:
    with pytest.raises(TypeError, match=f"{kind.__name__} over .* cannot tell when"):
        kind([OwnFutures.start()]).ask("question", block=False)


@pytest.mark.parametrize("kind", [routing.ScatterGather, routing.TailChopping])
def test_times_are_numbers_of_seconds(kind: Any) -> None:
    with pytest.raises(ValueError, match=r"at least 0 and finite|more than 0"):
        kind([], timeout=-1)
    with pytest.raises(TypeError, match="must be a number"):
        kind([], timeout="soon")
    with pytest.raises(ValueError, match=r"at least 0 and finite|more than 0"):
        routing.TailChopping([], interval=-1)


def test_a_race_of_many_questions_at_a_time_and_hardly_any_interval() -> None:
    """On the world's clock: whoever comes first, each question has one answer."""
    refs = [Runner.start(str(number)) for number in range(4)]
    for ref in refs:
        ref.proxy().may_answer.get().set()
    router = routing.TailChopping(refs, interval=1e-9, timeout=PATIENCE)
    answers = [router.ask(number, block=False) for number in range(500)]
    assert set(pykka.get_all(answers, timeout=PATIENCE)) <= {"0", "1", "2", "3"}
    for ref in refs:
        questions = ref.proxy().questions.get()
        assert len(set(questions)) == len(questions), "nobody is asked twice"
