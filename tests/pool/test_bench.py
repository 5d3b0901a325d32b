"""With the GIL, workers that compete for it are one at a time; the others sit on the bench."""

from __future__ import annotations

import queue
import random
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import Gate
from tests.leaks import PATIENCE, wait_until
from tests.pool.tools import ThreadAgent, agents_of, no_lookout, run_program

import pykka
from pykka.runtimes.pool import monitor
from pykka.runtimes.pool.monitor import TICK, WAITED_FOR_THE_GIL, Monitor
from pykka.runtimes.pool.worker import Worker

if TYPE_CHECKING:
    from pykka.runtimes.pool.worker import Pool


@pytest.fixture
def dispatcher() -> pykka.Dispatcher:
    """One whose workers are said to compete, without a monitor that says otherwise."""
    dispatcher = pykka.Dispatcher("pykka-bench")
    no_lookout(dispatcher)
    return dispatcher


def occupy(dispatcher: pykka.Dispatcher, count: int) -> Gate:
    """Have so many workers started, each of which waits at a gate in a handler."""
    pool = dispatcher._pool
    pool.at_once = count
    gate = Gate()
    arrived: queue.SimpleQueue[None] = queue.SimpleQueue()

    def wait() -> None:
        arrived.put(None)
        gate()

    for _ in range(count):
        agents_of(dispatcher).start().tell(wait)
        arrived.get(timeout=PATIENCE)
    return gate


def test_who_is_one_too_many_sits_on_the_bench(dispatcher: pykka.Dispatcher) -> None:
    pool = dispatcher._pool
    gate = occupy(dispatcher, 4)
    pool.is_contended = True
    gate.open()
    wait_until(lambda: pool.benched == 3 and pool.parked == 1, "three of four sit on the bench")
    assert dispatcher.statistics().idle == 4
    assert pool.is_quiet()
    assert agents_of(dispatcher).start().ask("hello", timeout=PATIENCE) == "hello"


def test_one_from_the_bench_takes_over_from_one_that_waits(dispatcher: pykka.Dispatcher) -> None:
    pool = dispatcher._pool
    gate = occupy(dispatcher, 2)
    pool.is_contended = True
    gate.open()
    wait_until(lambda: pool.benched == 1 and pool.parked == 1, "one of two sits on the bench")
    busy, gate = ThreadAgent.start(), Gate()
    busy.tell(gate)
    agents = agents_of(dispatcher)
    answer = agents.start().ask(lambda: busy.ask("hello"), block=False)
    wait_until(lambda: pool.blocked == 1, "the other one waits")
    assert agents.start().ask("hi", timeout=PATIENCE) == "hi"
    assert len(pool.workers) == 2
    gate.open()
    assert answer.get(timeout=PATIENCE) == "hello"
    wait_until(pool.is_quiet, "both sit")


def test_what_waits_behind_who_steps_back_is_handed_over(dispatcher: pykka.Dispatcher) -> None:
    """What its actor has sent lies in its own queue, from which no other worker need take."""
    pool = dispatcher._pool
    pool.at_once = 2
    agents = agents_of(dispatcher)
    told: queue.SimpleQueue[str] = queue.SimpleQueue()
    others = [agents.start() for _ in range(10)]
    gate, began = Gate(), threading.Event()

    def tell_all() -> None:
        began.set()
        gate()
        pool.is_contended = True
        for other in others:
            other.tell(lambda: told.put("told"))

    first = occupy(dispatcher, 1)
    pool.at_once = 2
    agents.start().tell(tell_all)
    assert began.wait(PATIENCE)
    gate.open()
    first.open()
    for _ in others:
        told.get(timeout=PATIENCE)


def test_two_that_step_back_at_once_leave_one_awake(dispatcher: pykka.Dispatcher) -> None:
    """However often they do it; and nothing is left lying."""
    pool = dispatcher._pool
    agents = agents_of(dispatcher)
    draw = random.Random(7)
    done: queue.SimpleQueue[int] = queue.SimpleQueue()
    pool.at_once = 4
    refs = [agents.start() for _ in range(8)]
    for number in range(2_000):
        if draw.random() < 0.1:
            pool.is_contended = True
        elif pool.is_contended and draw.random() < 0.1:
            pool.clear_the_bench()
        pool.outside = draw.randrange(3)
        refs[number % 8].tell(lambda number=number: done.put(number))
        if draw.random() < 0.05:
            assert refs[number % 8].ask("hi", timeout=PATIENCE) == "hi"
    assert sorted(done.get(timeout=PATIENCE) for _ in range(2_000)) == list(range(2_000))
    wait_until(pool.is_quiet, "all sit")


def test_a_program_ends_with_workers_on_the_bench() -> None:
    result = run_program(
        "import pykka, threading, time\n",
        """
        pool = pykka.PooledActor.dispatcher or pykka.runtimes.pool.dispatcher.default
        pool = pool._pool
        pool.monitor.is_asleep = False
        class Agent(pykka.PooledActor):
            def on_receive(self, message):
                message()
        pool.at_once = 3
        barrier = threading.Barrier(4)
        for number in range(3):
            Agent.start().tell(barrier.wait)
            while barrier.n_waiting <= number:
                time.sleep(0.001)
        pool.is_contended = True
        barrier.wait()
        while pool.benched < 2:
            time.sleep(0.001)
        last = Agent.start()
        last.tell(lambda: print("handled"))
        """,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "handled\n", "")


def test_workers_on_the_bench_are_sent_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "CALM", 0.01)
    dispatcher = pykka.Dispatcher("pykka-surplus")
    no_lookout(dispatcher)
    pool = dispatcher._pool
    gate = occupy(dispatcher, 4)
    pool.is_contended = True
    gate.open()
    wait_until(lambda: pool.benched == 3 and pool.parked == 1, "three of four sit on the bench")
    pool.at_once = 1
    pool.monitor._fewest_idle = 4
    pool.monitor._send_home_the_surplus(1e9)
    wait_until(lambda: len(pool.workers) == 1, "three are sent home")
    assert (pool.benched, pool.parked) == (0, 1)
    assert agents_of(dispatcher).start().ask("hello", timeout=PATIENCE) == "hello"


def test_a_finaliser_that_waits_on_the_bench_counts_as_waiting(
    dispatcher: pykka.Dispatcher,
) -> None:
    pool = dispatcher._pool
    worker = Worker(pool)
    worker.is_benched = True
    pool.benched = 1
    worker.will_block(for_ever=False)
    assert (pool.benched, pool.blocked) == (0, 1)
    worker.goes_on()
    assert (pool.benched, pool.blocked) == (1, 0)
    pool.benched = 0


class Watched:
    """A monitor whose looks and clocks are in the hands of the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, workers: int) -> None:
        self.pool: Pool = pykka.Dispatcher("pykka-watched")._pool
        self.pool.at_once = 4
        self.monitor = Monitor(self.pool)
        self.workers = [Worker(self.pool) for _ in range(workers)]
        self.cpu: dict[Worker, float | None] = dict.fromkeys(self.workers, 0.0)
        self.now = 100.0
        monkeypatch.setattr(monitor, "_cpu_time", self.cpu.__getitem__)
        monkeypatch.setattr(monitor, "_glance", lambda _workers: None)
        self.look(0.0)

    def look(self, *shares: float, late: float = 0.0) -> bool:
        """Look when a tick has passed, in which the workers had such shares of a processor."""
        passed = TICK + late
        self.now += passed
        for worker, share in zip(self.workers, shares, strict=False):
            cpu = self.cpu[worker]
            self.cpu[worker] = None if cpu is None else cpu + share * passed
        self.monitor._judge(self.workers, self.now)
        return self.pool.is_contended


def test_workers_that_use_one_processor_compete(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch, 2)
    assert not watched.look(0.5, 0.45)  # one look may be mistaken
    assert watched.look(0.5, 0.45)
    assert watched.pool.wanted == 1


def test_workers_that_sleep_do_not_compete(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch, 2)
    assert not any(watched.look(0.1, 0.1) for _ in range(20))
    assert watched.pool.wanted == 4


def test_those_who_compute_without_the_gil_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch, 2)
    for worker in watched.workers:
        worker.freedom = 0.9
    assert not watched.look(1.0, 0.8)
    assert watched.look(1.0, 0.8)
    assert watched.pool.wanted == 3


def test_workers_that_have_become_calm_do_not_compete(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch, 1)
    watched.look(1.0)
    assert watched.look(1.0)
    for _ in range(7):
        assert watched.look(0.0)
    assert not watched.look(0.0)
    assert watched.pool.wanted == 4


def test_a_look_that_comes_late_proves_no_calm(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker may have waited for a processor, as this thread has."""
    watched = Watched(monkeypatch, 1)
    watched.look(1.0)
    watched.look(1.0)
    assert all(watched.look(0.1, late=2 * WAITED_FOR_THE_GIL) for _ in range(20))


def test_a_worker_that_gives_way_is_not_calm(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(monkeypatch, 1)
    watched.look(1.0)
    watched.look(1.0)
    for _ in range(20):
        watched.workers[0].state.given += 1
        assert watched.look(0.1)


def test_without_clocks_who_makes_the_lookout_wait_competes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watched = Watched(monkeypatch, 1)
    watched.cpu = dict.fromkeys(watched.workers)
    monkeypatch.setattr(monitor, "_cpu_time", watched.cpu.__getitem__)
    assert not watched.look(0.0, late=2 * WAITED_FOR_THE_GIL)
    assert watched.look(0.0, late=2 * WAITED_FOR_THE_GIL)
    assert any(not watched.look(0.0) for _ in range(20))


def test_a_glance_sees_who_computes_while_this_thread_has_the_gil(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool = pykka.Dispatcher("pykka-glance")._pool
    hashes, waits = Worker(pool), Worker(pool)
    readings: dict[Worker, Any] = {
        hashes: iter(range(100)),
        waits: iter([0.0] * 100),
    }
    monkeypatch.setattr(monitor, "_cpu_time", lambda worker: next(readings[worker]))
    monkeypatch.setattr(monitor, "PUT_OFF", 1e9)
    for _ in range(4):
        monitor._glance([hashes, waits])
    assert hashes.freedom > 0.5
    assert waits.freedom == 0.0
