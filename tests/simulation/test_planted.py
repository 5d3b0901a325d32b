"""The simulator finds mistakes that are planted in the library's own care for actors.

Each of them is a slip that could happen: a mark that is not looked at, a count that is off by one,
a message that is forgotten. For each there is a program that is found without fault as the library
is, and with a fault, within a thousand seeds, if the mistake is in it.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from tests.simulation.planting import planted
from tests.simulation.test_on_ourselves import (
    Flaky,
    Watcher,
    Worker,
    cancels_a_timer,
    is_told_once_of_each_end,
    restarts_while_it_is_asked,
)
from tests.tiers import repetitions

import pykka
from pykka import routing, simulation
from pykka._actor import death_watch
from pykka._cell.extension import CellExtension
from pykka._lifecycle import children, restart
from pykka.resilience import Backoff, CircuitBreaker, CircuitOpenError, RateLimiter, Retry
from pykka.resilience._circuit_breaker import _Ask
from pykka.resilience._retry import _Series
from pykka.routing._kinds._turns import TurnsRouter
from pykka.routing._pool import PoolSupervisor, Redirect, RouteePool
from pykka.routing._race import Race
from pykka.supervision import ChildSpec, Supervisor
from pykka.supervision._child_monitor import ChildMonitor
from pykka.supervision._errors import SupervisionError
from pykka.supervision._restarter import Restarter
from pykka.timers._timer import Timer

if TYPE_CHECKING:
    from collections.abc import Callable

ALLOWED = [ValueError, OSError, simulation.Crash, SupervisionError]

# --- supervision --------------------------------------------------------------------------------


def family(*words: str, **said: Any) -> tuple[Any, list[Any], dict[str, list[str]]]:
    """A supervisor, its children, and the lives of each of them."""
    lives: dict[str, list[str]] = {word: [] for word in words}
    specs = [ChildSpec(word, Worker, args=(lives[word],), shutdown="infinity") for word in words]
    boss = Supervisor.start(specs, **said)
    refs = [boss.proxy().get_child(word).get() for word in words]
    return boss, refs, lives


def bears_two_restarts_and_no_third(sim: simulation.Simulation) -> None:
    boss, (ref,), _lives = family("worker", max_restarts=2, within=10)
    for _ in range(2):
        ref.tell("fail")
        assert ref.ask("are you there?") == "are you there?"
    ref.tell("fail")
    sim.settle()
    assert not boss.is_alive()


def forgets_restarts_that_are_long_ago(sim: simulation.Simulation) -> None:
    boss, (ref,), _lives = family("worker", max_restarts=1, within=10)
    for _ in range(3):
        ref.tell("fail")
        assert ref.ask("are you there?") == "are you there?"
        sim.advance(11)
    assert boss.is_alive()


def restarts_all_of_them_in_place() -> None:
    boss, refs, lives = family("one", "two", strategy="one_for_all", max_restarts=5)
    refs[0].tell("fail")
    assert [ref.ask("hello") for ref in refs] == ["hello", "hello"]
    boss.stop()
    assert list(lives.values()) == [["begun", "ended"] * 2] * 2


def restarts_those_that_come_later() -> None:
    boss, refs, lives = family("one", "two", "three", strategy="rest_for_one", max_restarts=5)
    refs[1].tell("fail")
    assert [ref.ask("hello") for ref in refs] == ["hello"] * 3
    boss.stop()
    assert [len(each) for each in lives.values()] == [2, 4, 4]


def leaves_alone_what_is_stopped_while_it_waits(sim: simulation.Simulation) -> None:
    lives: list[str] = []
    pause = Backoff(minimum=5, jitter=0)
    patient = ChildSpec("worker", Worker, args=(lives,), shutdown="infinity", backoff=pause)
    boss = Supervisor.start([patient])
    boss.proxy().get_child("worker").get().tell("fail")
    sim.settle()
    boss.proxy().terminate_child("worker").get()
    before = [*lives]
    sim.advance(20)
    assert lives == before


def the_others_come_up_if_one_is_let_go() -> None:
    boss, refs, _lives = family("one", "two", "three", strategy="one_for_all", max_restarts=5)
    refs[0].tell("fail")
    boss.proxy().terminate_child("three").get()
    assert [ref.ask("hello") for ref in refs[:2]] == ["hello"] * 2


class Scholar(pykka.PooledActor):
    """Sets a word aside until it is told to go on; a restart goes on, too."""

    stash_capacity = 5

    def __init__(self, heard: list[str]) -> None:
        super().__init__()
        self.heard = heard

    def post_restart(self, _reason: Any) -> None:
        self.heard.append("again")

    def on_receive(self, message: str) -> None:
        if message == "fail":
            raise ValueError(message)
        if "later" in message and not self.heard:
            self.stash()
        self.heard.append(message)


def handles_after_a_restart_what_was_set_aside(sim: simulation.Simulation) -> None:
    heard: list[str] = []
    boss = Supervisor.start([ChildSpec("scholar", Scholar, args=(heard,))])
    scholar = boss.proxy().get_child("scholar").get()
    for word in ("later", "later still", "fail"):
        scholar.tell(word)
    sim.settle()
    assert heard == ["again", "later", "later still"]


class Alarmed(pykka.ThreadingActor):
    """Sets itself a timer in each life, and hears of no other one's."""

    def __init__(self, lives: list[int]) -> None:
        super().__init__()
        lives.append(len(lives))
        self.number = lives[-1]

    def on_start(self) -> None:
        self.actor_ref.tell_after(5, self.number)

    def on_receive(self, message: Any) -> None:
        if message == "fail":
            raise ValueError(message)
        assert message == self.number


def ends_the_timers_of_an_instance(sim: simulation.Simulation) -> None:
    boss = Supervisor.start([ChildSpec("alarmed", Alarmed, args=([],))])
    boss.proxy().get_child("alarmed").get().tell("fail")
    sim.advance(20)


class Debtor(pykka.PooledActor):
    def on_receive(self, message: str) -> None:
        if message == "fail":
            raise ValueError(message)
        self.owed = pykka.reply_later()


def answers_what_an_instance_has_promised() -> None:
    boss = Supervisor.start([ChildSpec("debtor", Debtor)])
    debtor = boss.proxy().get_child("debtor").get()
    promised = debtor.ask("lend me", block=False)
    debtor.tell("fail")
    with pytest.raises(pykka.ActorDeadError):
        promised.get()


def loses_no_message_while_it_is_down() -> None:
    boss, (ref,), _lives = family("worker", max_restarts=5)
    ref.tell("fail")
    answers = [ref.ask(word, block=False) for word in ("one", "two", "three")]
    assert pykka.get_all(answers) == ["one", "two", "three"]
    boss.stop()


# --- death watch --------------------------------------------------------------------------------


def is_told_nothing_that_it_does_not_want(sim: simulation.Simulation) -> None:
    class Fickle(pykka.ThreadingActor):
        told = 0

        def look_after(self, ref: Any) -> None:
            self.watch(ref)

        def look_away(self, ref: Any) -> int:
            self.unwatch(ref)
            return self.told

        def on_receive(self, message: Any) -> int:
            self.told += isinstance(message, pykka.Terminated)
            return self.told

    watcher, watched = Fickle.start(), Worker.start([])
    watcher.proxy().look_after(watched).get()
    watched.stop(block=False)
    before = watcher.proxy().look_away(watched).get()
    sim.settle()
    assert watcher.ask("how many?") == before


def all_who_watch_are_told(sim: simulation.Simulation) -> None:
    watched = Worker.start([])
    watchers = [Watcher.start() for _ in range(2)]
    pykka.get_all([watcher.proxy().look_after(watched) for watcher in watchers])
    watched.tell("fail")
    sim.settle()
    assert [watcher.ask("how many?") for watcher in watchers] == [1, 1]


# --- timers -------------------------------------------------------------------------------------


class Hears(pykka.ThreadingActor):
    """Notes what it hears, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[float] = []
        self.timer: Any = None

    def on_receive(self, message: Any) -> list[float]:
        if message == "tick":
            self.heard.append(time.monotonic())
        return self.heard


def each_tick_is_handled_or_counted(sim: simulation.Simulation) -> None:
    hears = Hears.start()
    sim.slow(hears, 2.5)
    timer = hears.tell_every(1, "tick")
    sim.advance(10.5)
    timer.cancel()
    sim.slow(hears, 0)
    sim.settle()
    assert timer.delivered + timer._left_out >= 9  # the last may be on its way


def keeps_its_rate(sim: simulation.Simulation) -> None:
    hears = Hears.start()
    timer = hears.tell_every(1, "tick")
    for _ in range(4):
        sim.advance(1)
        sim.settle()
    timer.cancel()
    heard = hears.ask("what?")
    assert len(heard) >= 3
    assert all(when >= number + 1 for number, when in enumerate(heard))


# --- routers ------------------------------------------------------------------------------------


class Replies(pykka.ThreadingActor):
    """Answers after some time, or fails."""

    def __init__(self, seconds: float, *, fails: bool = False) -> None:
        super().__init__()
        self.seconds, self.fails = seconds, fails

    def on_receive(self, message: Any) -> Any:
        time.sleep(self.seconds)
        if self.fails:
            raise ValueError(message)
        return message


def the_first_answer_that_is_none_of_an_error_counts() -> None:
    router = routing.ScatterGather(
        [Replies.start(1, fails=True), Replies.start(2, fails=True), Replies.start(2)]
    )
    assert router.ask("hello") == "hello"


def asks_another_one_if_one_is_dead() -> None:
    routees = [Worker.start([]) for _ in range(3)]
    router = routing.RoundRobin(routees)
    routees[1].stop()
    for _ in range(4):
        router.tell("hello")
    assert [router.ask("hello") for _ in range(4)] == ["hello"] * 4


def a_pool_that_is_resized_meanwhile_loses_nothing() -> None:
    pool = routing.RoundRobin.pool(Worker, 3, args=([],))
    thread = threading.Thread(target=pool.resize, args=(1,))
    thread.start()
    assert [pool.ask("hello") for _ in range(4)] == ["hello"] * 4
    thread.join()


def a_routee_may_fail_while_it_is_let_go() -> None:
    pool = routing.RoundRobin.pool(Worker, 2, args=([],))
    pool.tell("hello")
    pool.tell("fail")
    pool.resize(1)
    assert pool.ask("hello") == "hello"


def a_pool_that_is_killed_starts_nothing_anew(sim: simulation.Simulation) -> None:
    lives: list[str] = []
    pool = routing.RoundRobin.pool(Worker, 3, args=(lives,))
    pool.kill()
    sim.settle()
    assert lives.count("begun") == 3


def a_pool_replaces_those_that_fail(sim: simulation.Simulation) -> None:
    lives: list[str] = []
    pool = routing.RoundRobin.pool(Worker, 2, args=(lives,))
    pool.tell("fail")
    sim.settle()
    assert pykka.get_all([pool.ask("hello", block=False) for _ in range(4)]) == ["hello"] * 4
    pool.stop()


# --- resilience ---------------------------------------------------------------------------------


class Counts(pykka.ThreadingActor):
    """Counts who asks it, at once; and answers after some seconds, or fails."""

    def __init__(self, seconds: float, good: int = 0) -> None:
        super().__init__()
        self.seconds, self.good = seconds, good
        self.asked: list[float] = []

    def on_receive(self, message: Any) -> Any:
        self.asked.append(time.monotonic())
        time.sleep(self.seconds)
        if len(self.asked) > self.good:
            raise OSError(message)
        return message


def asks_so_often_and_not_once_more() -> None:
    counts = Counts.start(1)
    actor: Any = counts._cell.actor
    patient = Retry(counts, attempts=3, retry_on=OSError, backoff=Backoff(minimum=1, jitter=0))
    with contextlib.suppress(OSError):
        patient.ask("?")
    assert len(actor.asked) == 3


def makes_each_attempt_once(sim: simulation.Simulation) -> None:
    counts = Counts.start(1)
    actor: Any = counts._cell.actor
    patient = Retry(
        counts, attempts=3, retry_on=(OSError, pykka.Timeout), timeout_per_attempt=1,
        backoff=Backoff(minimum=1, jitter=0),
    )  # fmt: skip
    with contextlib.suppress(OSError, pykka.Timeout):
        patient.ask("?", block=False).get()
    sim.advance(60)
    assert len(actor.asked) <= 3


def lets_one_through_that_tries() -> None:
    counts = Counts.start(1)
    actor: Any = counts._cell.actor
    breaker = CircuitBreaker(counts, max_failures=1, reset_after=10)
    for _ in range(2):
        futures = [breaker.ask("?", block=False) for _ in range(3)]
        for future in futures:
            with contextlib.suppress(OSError, CircuitOpenError):
                future.get()
        time.sleep(20)
    # Of the first three, all are let through; of the others, one that tries.
    assert len(actor.asked) <= 4


def does_not_count_what_fails_too_late() -> None:
    counts = Counts.start(30)
    breaker = CircuitBreaker(counts, max_failures=1, reset_after=1, call_timeout=5)
    slow = [breaker.ask("?", block=False) for _ in range(2)]
    for future in slow:
        with contextlib.suppress(OSError, pykka.Timeout, CircuitOpenError):
            future.get()
    time.sleep(100)
    found = breaker.statistics()
    assert (found.times_opened, found.failures) == (1, 2)


def keeps_to_its_rate() -> None:
    limiter = RateLimiter(Worker.start([]), rate=1, burst=2)
    pykka.get_all([limiter.ask("?", block=False) for _ in range(5)])
    assert limiter.statistics().delayed == 3


def gives_up_in_time() -> None:
    patient = Retry(Flaky.start(), attempts=2, timeout_per_attempt=1, retry_on=pykka.Timeout)
    before = time.monotonic()
    with contextlib.suppress(pykka.Timeout):
        patient.ask("?", timeout=1.5)
    assert time.monotonic() <= before + 1.5


# --- what is planted ----------------------------------------------------------------------------


class Mistake(NamedTuple):
    """A slip, and the program that finds it."""

    what: str
    function: Callable[..., Any]
    old: str
    new: str
    program: Callable[..., Any]


MISTAKES = [
    Mistake(
        "one restart too few",
        Restarter._account,
        "len(self._times) > self.max_restarts",
        "len(self._times) >= self.max_restarts",
        bears_two_restarts_and_no_third,
    ),
    Mistake(
        "one restart too many",
        Restarter._account,
        "len(self._times) > self.max_restarts",
        "len(self._times) > self.max_restarts + 1",
        bears_two_restarts_and_no_third,
    ),
    Mistake(
        "restarts are never forgotten",
        Restarter._account,
        "self._times[0] < now - self.within",
        "False",
        forgets_restarts_that_are_long_ago,
    ),
    Mistake(
        "others are killed and not suspended",
        Restarter._take_down,
        "suspend(cell, plan.reason)",
        "cell.kill()",
        restarts_all_of_them_in_place,
    ),
    Mistake(
        "the first of the rest is left out",
        Restarter._scope,
        "return [child, *reversed(later)]",
        "return [child, *reversed(later[1:])]",
        restarts_those_that_come_later,
    ),
    Mistake(
        "the plan of who is let go does not go on",
        Restarter.terminate,
        "if plan is not None:",
        "if False:",
        the_others_come_up_if_one_is_let_go,
    ),
    Mistake(
        "a child that is down is asked by way of its inbox to stop",
        children.ask_to_stop,
        "elif extension is not None and extension.down:",
        "elif False:",
        leaves_alone_what_is_stopped_while_it_waits,
    ),
    Mistake(
        "a child that is down does not say so",
        ChildMonitor.went_down,
        'self._tell(cell, "down", reason)',
        "pass",
        restarts_while_it_is_asked,
    ),
    Mistake(
        "a restart forgets the stash",
        CellExtension.forget_instance,
        "self.take_up()",
        "self.stash = None",
        handles_after_a_restart_what_was_set_aside,
    ),
    Mistake(
        "a restart keeps the timers of the instance",
        CellExtension.forget_instance,
        "if timer.is_own",
        "if False",
        ends_the_timers_of_an_instance,
    ),
    Mistake(
        "a restart forgets promised replies",
        CellExtension.forget_instance,
        "[promise.refuse for promise in self.owed.copy()]",
        "[]",
        answers_what_an_instance_has_promised,
    ),
    Mistake(
        "what was set aside comes in the wrong order",
        CellExtension.take_up,
        "stash[::-1]",
        "stash[:]",
        handles_after_a_restart_what_was_set_aside,
    ),
    Mistake(
        "a restart is not carried out if a message waits",
        restart._on_restart,
        "if extension.down:",
        "if extension.down and cell.inbox.empty():",
        loses_no_message_while_it_is_down,
    ),
    Mistake(
        "who watches the dead is not told",
        death_watch.Watch.begin,
        "if self.target.actor is None:",
        "if False:",
        is_told_once_of_each_end,
    ),
    Mistake(
        "who does not want to be told any more is told",
        death_watch.Watch.end,
        "self.is_over = True",
        "pass",
        is_told_nothing_that_it_does_not_want,
    ),
    Mistake(
        "a notice is handled whether it is wanted or not",
        death_watch._on_notice,
        "if watch.is_over:",
        "if False:",
        is_told_nothing_that_it_does_not_want,
    ),
    Mistake(
        "the last who watches is not told",
        CellExtension.close,
        "for watch in self.watchers.copy()]",
        "for watch in [*self.watchers][:1]]",
        all_who_watch_are_told,
    ),
    Mistake(
        "a tick that is on its way is not cancelled",
        Timer.cancel,
        "log is None or cancel_tick(log)",
        "True",
        cancels_a_timer,
    ),
    Mistake(
        "the token is not given back",
        Timer.note_begin,
        "self._free.append(None)",
        "pass",
        keeps_its_rate,
    ),
    Mistake(
        "ticks that are left out are not counted",
        Timer._send_if_free,
        "self._left_out += 1\n        return",
        "return",
        each_tick_is_handled_or_counted,
    ),
    Mistake(
        "a periodic timer rings too soon",
        Timer._schedule_next,
        "clock.schedule(self._due, self)",
        "clock.schedule(self._due - 0.5, self)",
        keeps_its_rate,
    ),
    Mistake(
        "the race is lost with one still on the way",
        Race._end_if_all_are_back,
        "missing <= (",
        "missing <= 1 + (",
        the_first_answer_that_is_none_of_an_error_counts,
    ),
    Mistake(
        "the first error counts as an answer",
        Race._end_if_all_are_back,
        "missing <= (",
        "True or (",
        the_first_answer_that_is_none_of_an_error_counts,
    ),
    Mistake(
        "a dead routee is not told from one that fails",
        TurnsRouter.tell,
        "if routee.is_alive():",
        "if True:",
        asks_another_one_if_one_is_dead,
    ),
    Mistake(
        "what a routee leaves behind is dropped",
        Redirect.__call__,
        "taken = self._router._take_on(letter)",
        "taken = True",
        a_pool_that_is_resized_meanwhile_loses_nothing,
    ),
    Mistake(
        "a routee is let go without seeing to what it leaves behind",
        PoolSupervisor.resize,
        "if child.cell is not None:",
        "if False:",
        a_pool_that_is_resized_meanwhile_loses_nothing,
    ),
    Mistake(
        "a pool that is killed starts its routees anew",
        RouteePool._kill,
        "supervisor._pykka_restarter.is_condemned = True",
        "pass",
        a_pool_that_is_killed_starts_nothing_anew,
    ),
    Mistake(
        "one attempt too many",
        Retry._try_and_wait,
        "attempt == self._attempts",
        "attempt > self._attempts",
        asks_so_often_and_not_once_more,
    ),
    Mistake(
        "an attempt is made twice",
        _Series._begin,
        "is_next = number == self._number + 1",
        "is_next = True",
        makes_each_attempt_once,
    ),
    Mistake(
        "a half-open circuit lets all through",
        CircuitBreaker._let_through,
        "self._passes_at = now + self._reset_after",
        "pass",
        lets_one_through_that_tries,
    ),
    Mistake(
        "failures count that are too late",
        CircuitBreaker._note_failure,
        "if turn == self._turn:",
        "if True:",
        does_not_count_what_fails_too_late,
    ),
    Mistake(
        "an ask is counted twice",
        _Ask._is_first,
        "        del self._token[0]",
        "        self._token[0]",
        does_not_count_what_fails_too_late,
    ),
    Mistake(
        "each waits for the first alone",
        RateLimiter._take_token,
        ") + self._interval",
        ") + 0",
        keeps_to_its_rate,
    ),
]

PROGRAMS = list(dict.fromkeys(mistake.program for mistake in MISTAKES))


def seeds_until_found(program: Callable[..., Any], seeds: int) -> int | None:
    """How many seeds it takes until something is found in a program; `None` if more than that."""
    for seed in range(seeds):
        if simulation.run(program, seed=seed, allow=ALLOWED).findings:
            return seed + 1
    return None


@pytest.mark.parametrize("mistake", MISTAKES, ids=[mistake.what for mistake in MISTAKES])
def test_a_mistake_that_is_planted_is_found(mistake: Mistake) -> None:
    with planted(mistake.function, mistake.old, mistake.new):
        assert seeds_until_found(mistake.program, 1000) is not None


@pytest.mark.parametrize("program", PROGRAMS)
def test_nothing_is_found_without_a_mistake(program: Callable[..., Any]) -> None:
    simulation.explore(program, runs=repetitions(20), allow=ALLOWED).check()


@pytest.mark.exhaustive
@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("program", PROGRAMS)
def test_nothing_is_found_without_a_mistake_in_a_thousand_orders(
    program: Callable[..., Any],
) -> None:
    simulation.explore(program, runs=1000, allow=ALLOWED).check()
