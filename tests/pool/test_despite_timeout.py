"""A class may have its actors run by those who ask with a timeout; an answer may be late then."""

from __future__ import annotations

import math
import threading
from typing import Any

import pytest
from tests.leaks import wait_until

import pykka
from pykka._util.thread_state import current
from pykka._util.world import World


class Quick(pykka.PooledActor):
    caller_runs = "despite_timeout"

    def on_receive(self, message: Any) -> Any:
        if callable(message):
            message()
        return threading.get_ident()

    def call(self, function: Any) -> int:
        function()
        return threading.get_ident()


class Passing(World):
    """A world whose time passes when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def passes(self, seconds: float) -> Any:
        def function() -> None:
            self.now += seconds

        return function


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Passing:
    world = Passing()
    monkeypatch.setattr(current.state, "world", world)
    return world


ASK = [
    pytest.param(lambda ref, function, timeout: ref.ask(function, timeout=timeout), id="ask"),
    pytest.param(
        lambda ref, function, timeout: ref.ask(function, block=False).get(timeout=timeout),
        id="get",
    ),
    pytest.param(
        lambda ref, function, timeout: ref.proxy().call(function).get(timeout=timeout), id="call"
    ),
]


def start(cls: Any = Quick) -> Any:
    ref = cls.start()
    ref.ask("ready")
    wait_until(lambda: ref._cell.run_token, "the actor is idle")  # a worker may have answered
    return ref


def test_who_asks_with_a_timeout_runs_the_actor() -> None:
    for timeout in (10, 10.0, None):
        assert start().ask("where?", timeout=timeout) == threading.get_ident()


@pytest.mark.parametrize("caller_runs", [True, False, "despite"])
def test_only_if_the_class_says_so(caller_runs: Any) -> None:
    cls = type("Strict", (Quick,), {"caller_runs": caller_runs})
    assert start(cls).ask("where?", timeout=10) != threading.get_ident()


def test_not_if_the_dispatcher_says_no() -> None:
    cls = type("Apart", (Quick,), {"dispatcher": pykka.Dispatcher(caller_runs=False)})
    assert start(cls).ask("where?", timeout=10) != threading.get_ident()


def test_a_start_hook_makes_no_difference() -> None:
    class Prepared(Quick):
        def on_start(self) -> None:
            pass

    assert start(Prepared).ask("where?", timeout=10) == threading.get_ident()


@pytest.mark.parametrize("ask", ASK)
def test_an_answer_in_time_is_the_answer(time: Passing, ask: Any) -> None:
    assert ask(start(), time.passes(4.9), 5) > 0


def test_an_answer_that_is_late_is_a_timeout(time: Passing) -> None:
    ref = start()
    with pytest.raises(pykka.Timeout, match=r"5 seconds passed without a result from Quick"):
        ref.ask(time.passes(5.1), timeout=5)
    assert ref.ask("alive", timeout=5) == threading.get_ident()


def test_so_is_that_of_a_future_for_which_an_actor_is_run(time: Passing) -> None:
    late: Any = start().ask("once more", block=False)
    late.get()
    late._outcome = None  # as if there were none yet
    late._answered_by = _Late(late, time)
    with pytest.raises(pykka.Timeout, match="5 seconds passed"):
        late.get(timeout=5)
    assert late.get(timeout=5) == "late"


class _Late:
    """A cell that is run for a waiter, and takes too long."""

    can_be_run = may_answer_late = True

    def __init__(self, future: Any, time: Passing) -> None:
        self._time = time

    def run_until(self, future: Any, _state: Any) -> bool:
        self._time.now += 6
        future._log.clear()
        future._outcome = ("late", None)
        return True

    def __str__(self) -> str:
        return "late one"


def test_an_exception_that_is_late_is_a_timeout_because_of_it(time: Passing) -> None:
    def fail(seconds: float) -> Any:
        def function() -> None:
            time.now += seconds
            raise KeyError("no")

        return function

    ref = start()
    with pytest.raises(KeyError):
        ref.ask(fail(1), timeout=5)
    with pytest.raises(pykka.Timeout) as caught:
        ref.ask(fail(6), timeout=5)
    assert isinstance(caught.value.__cause__, KeyError)
    assert ref.is_alive()


def test_what_means_the_program_is_raised_though_it_is_late(time: Passing) -> None:
    def interrupt() -> None:
        time.now += 6
        raise KeyboardInterrupt

    ref = start()
    with pytest.raises(KeyboardInterrupt):
        ref.ask(interrupt, timeout=5)


def test_an_actor_that_is_busy_is_waited_for_no_longer_than_that() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        go_on.wait(10)

    ref = start()
    ref.tell(hang)
    assert begun.wait(10)
    try:
        with pytest.raises(pykka.Timeout):
            ref.ask("there?", timeout=0.01)
    finally:
        go_on.set()


def test_a_timeout_of_zero_runs_nothing() -> None:
    ran_on: list[int] = []
    has_timed_out = threading.Event()

    def note_who() -> None:
        ran_on.append(threading.get_ident())
        has_timed_out.wait(10)  # or a quick worker might have the answer in time

    asker = threading.get_ident()
    ref = start()
    with pytest.raises(pykka.Timeout):
        ref.ask(note_who, timeout=0)
    has_timed_out.set()
    assert ref.ask("where?") > 0
    assert asker not in ran_on


@pytest.mark.parametrize(
    ("timeout", "error"), [(-1, ValueError), (math.nan, ValueError), ("1", TypeError)]
)
def test_what_is_no_timeout_is_refused(timeout: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        start().ask("where?", timeout=timeout)
