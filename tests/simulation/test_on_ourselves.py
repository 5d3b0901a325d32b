"""The library's own care for actors, in orders that no machine would come upon by itself."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.tiers import repetitions

import pykka
from pykka import routing, simulation
from pykka.resilience import CircuitBreaker, CircuitOpenError, Retry
from pykka.supervision import ChildSpec, DynamicSupervisor, Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable

BOOM = [ValueError, simulation.Crash]


class Worker(pykka.PooledActor):
    """Fails when it is told to, and counts its instances and ends in lists that it is given."""

    def __init__(self, lives: list[str]) -> None:
        super().__init__()
        self.lives = lives

    def on_start(self) -> None:
        self.lives.append("begun")

    def on_stop(self) -> None:
        self.lives.append("ended")

    def on_failure(self, *_failure: Any) -> None:
        self.lives.append("ended")

    def on_receive(self, message: str) -> str:
        if message == "fail":
            raise ValueError(message)
        return message


class LoopWorker(pykka.AsyncioActor):
    def __init__(self, lives: list[str]) -> None:
        super().__init__()
        self.lives = lives

    async def on_start(self) -> None:
        self.lives.append("begun")

    async def on_stop(self) -> None:
        self.lives.append("ended")

    async def on_failure(self, *_failure: Any) -> None:
        self.lives.append("ended")

    async def on_receive(self, message: str) -> str:
        if message == "fail":
            raise ValueError(message)
        return message


def alternates(lives: list[str]) -> bool:
    """Tell whether each instance has ended before the next one has begun (guarantee G8)."""
    return all(word == ("begun", "ended")[number % 2] for number, word in enumerate(lives))


def restarts_while_it_is_asked(sim: simulation.Simulation, worker: Any = Worker) -> None:
    lives: list[str] = []
    sim.always(lambda: alternates(lives))
    boss = Supervisor.start(
        [ChildSpec("worker", worker, args=(lives,), shutdown="infinity")], max_restarts=10
    )
    ref = boss.proxy().get_child("worker").get()
    answers = []
    for word in ("one", "fail", "two"):
        if word == "fail":
            ref.tell(word)
        else:
            answers.append(ref.ask(word, block=False))
    assert pykka.get_all(answers) == ["one", "two"]
    boss.stop()
    assert lives.count("begun") == lives.count("ended") == 2


def restarts_in_a_loop(sim: simulation.Simulation) -> None:
    restarts_while_it_is_asked(sim, LoopWorker)


def crashes_while_it_is_stopped(sim: simulation.Simulation) -> None:
    lives: list[str] = []
    sim.always(lambda: alternates(lives))
    template = ChildSpec("worker", Worker, args=(lives,), shutdown="infinity")
    boss = DynamicSupervisor.start(template, max_restarts=10)
    ref = boss.proxy().add_child().get()
    sim.crash(ref)
    boss.stop()
    assert not ref.is_alive()
    assert lives.count("begun") == lives.count("ended")


class Watcher(pykka.ThreadingActor):
    def __init__(self) -> None:
        super().__init__()
        self.told: list[Any] = []

    def look_after(self, ref: Any) -> None:
        self.watch(ref)

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, pykka.Terminated):
            self.told.append(message)
        return len(self.told)


def is_told_once_of_each_end(sim: simulation.Simulation) -> None:
    lives: list[str] = []
    watcher, watched = Watcher.start(), Worker.start(lives)
    told = watcher.proxy().look_after(watched)
    watched.kill(block=False)
    told.get()
    sim.settle()
    assert watcher.ask("how many?") == 1


def cancels_a_timer(sim: simulation.Simulation) -> None:
    watcher = Watcher.start()
    timer = watcher.tell_after(1, pykka.Terminated)
    sim.advance(1)
    if timer.cancel():
        before = timer.delivered
        sim.advance(10)
        assert timer.delivered == before == 0


def a_pool_that_is_resized_loses_nothing(sim: simulation.Simulation) -> None:
    lives: list[str] = []
    pool = routing.RoundRobin.pool(Worker, 2, args=(lives,))
    futures = [pool.ask("hello", block=False) for _ in range(3)]
    pool.resize(1)
    futures += [pool.ask("hello", block=False) for _ in range(2)]
    assert pykka.get_all(futures) == ["hello"] * 5


class Flaky(pykka.ThreadingActor):
    asked = 0

    def on_receive(self, message: str) -> str:
        self.asked += 1
        if self.asked % 3:
            time.sleep(5)
        return message


def retries_and_gives_up() -> None:
    patient = Retry(Flaky.start(), attempts=4, timeout_per_attempt=1, retry_on=pykka.Timeout)
    with contextlib.suppress(pykka.Timeout):
        assert patient.ask("?", timeout=60) == "?"


def a_breaker_lets_one_through() -> None:
    breaker = CircuitBreaker(Flaky.start(), max_failures=1, reset_after=10, call_timeout=1)
    for _ in range(3):
        try:
            assert breaker.ask("?") == "?"
        except (pykka.Timeout, CircuitOpenError):
            time.sleep(4)


class Leaves(pykka.ThreadingActor):
    """Fails, and means the program once it is in its second life, if not at once."""

    def __init__(self, lives: list[str], *, at_once: bool) -> None:
        super().__init__()
        lives.append("begun")
        self.at_once = at_once
        if len(lives) > 1:
            raise SystemExit

    def on_receive(self, message: str) -> None:
        raise SystemExit if self.at_once else ValueError(message)


def what_means_the_program_is_no_reason_for_a_restart(*, at_once: bool = True) -> None:
    lives: list[str] = []
    said = {"at_once": at_once}
    with pykka.ActorSystem() as system:
        boss = system.start(Supervisor, [ChildSpec("worker", Leaves, args=(lives,), kwargs=said)])
        boss.proxy().get_child("worker").get().tell("leave")
        assert boss.when_terminated().get() == pykka.Stopped()
    assert len(lives) == (1 if at_once else 2)


def nor_is_it_while_an_actor_is_restarted() -> None:
    what_means_the_program_is_no_reason_for_a_restart(at_once=False)


class LeavingBoss(Supervisor):
    def leave(self) -> None:
        raise SystemExit


def nor_does_a_supervisor_that_means_it_keep_anything_going() -> None:
    with pykka.ActorSystem() as system:
        boss = system.start(LeavingBoss, [ChildSpec("worker", Worker, args=([],))])
        worker = boss.proxy().get_child("worker").get()
        with pytest.raises(SystemExit):
            boss.proxy().leave().get()
        assert boss.when_terminated().get() == pykka.Stopped()
        assert not worker.is_alive()


PROGRAMS: list[Callable[..., Any]] = [
    restarts_while_it_is_asked,
    restarts_in_a_loop,
    crashes_while_it_is_stopped,
    is_told_once_of_each_end,
    cancels_a_timer,
    a_pool_that_is_resized_loses_nothing,
    retries_and_gives_up,
    a_breaker_lets_one_through,
    what_means_the_program_is_no_reason_for_a_restart,
    nor_is_it_while_an_actor_is_restarted,
    nor_does_a_supervisor_that_means_it_keep_anything_going,
]


@pytest.mark.parametrize("main", PROGRAMS)
def test_it_holds_in_many_orders(main: Callable[..., Any]) -> None:
    simulation.explore(main, runs=repetitions(20), allow=BOOM).check()


@pytest.mark.exhaustive
@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("main", PROGRAMS)
def test_it_holds_in_thousands_of_orders(main: Callable[..., Any]) -> None:
    simulation.explore(main, runs=2500, allow=BOOM).check()
