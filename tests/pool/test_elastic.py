"""A pool has as many threads as it needs: actors that block slow nobody else down."""

from __future__ import annotations

import queue
import threading
import time
from typing import Any

import pytest
from tests.conformance.agents import Gate
from tests.leaks import PATIENCE, wait_until
from tests.pool.tools import Agent, ThreadAgent, agents_of, no_lookout

import pykka
from pykka.runtimes.pool import monitor


@pytest.mark.exhaustive
def test_who_is_told_while_a_thousand_sleep_does_not_wait_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(monitor, "CALM", 0.1)
    dispatcher = pykka.Dispatcher("pykka-sleepers")
    began: queue.SimpleQueue[None] = queue.SimpleQueue()
    ended: queue.SimpleQueue[None] = queue.SimpleQueue()
    started: queue.SimpleQueue[int] = queue.SimpleQueue()
    all_are_there = threading.Event()

    def sleep() -> None:
        began.put(None)
        assert all_are_there.wait(PATIENCE)
        time.sleep(1)
        ended.put(None)

    agents = agents_of(dispatcher)
    for _ in range(1_000):
        agents.start().tell(sleep)
    for _ in range(1_000):
        began.get(timeout=PATIENCE)
    outsider = agents.start()
    all_are_there.set()
    outsider.tell(lambda: started.put(ended.qsize()))

    assert started.get(timeout=PATIENCE) == 0, "it started when a sleeper had ended"
    for _ in range(1_000):
        ended.get(timeout=PATIENCE)
    assert dispatcher.statistics().threads <= 1_001 + dispatcher._pool.at_once
    wait_until(
        lambda: dispatcher.statistics().threads <= dispatcher._pool.at_once,
        "the threads have become few again",
    )


def test_actors_that_hang_for_ever_leave_room_for_others() -> None:
    """Without a limit of time: the others go on before anybody wakes up."""
    dispatcher = pykka.Dispatcher("pykka-hanging")
    agents = agents_of(dispatcher)
    gate = Gate()
    for _ in range(100):
        agents.start().tell(gate)
    assert agents.start().ask("hello", timeout=PATIENCE) == "hello"
    assert dispatcher.statistics().threads > 100
    gate.open()


def test_who_waits_for_a_future_is_replaced_at_once() -> None:
    """The monitor has no part in it."""
    dispatcher = pykka.Dispatcher("pykka-replaced")
    no_lookout(dispatcher)
    dispatcher._pool.at_once = 1
    agents = agents_of(dispatcher)
    busy = ThreadAgent.start()
    gate = Gate()
    busy.tell(gate)
    answers = [agents.start().ask(lambda: busy.ask("hello"), block=False) for _ in range(20)]
    assert agents.start().ask("hello", timeout=PATIENCE) == "hello"
    wait_until(lambda: dispatcher.statistics().blocked == 20, "all of them wait")
    gate.open()
    assert pykka.get_all(answers, timeout=PATIENCE) == ["hello"] * 20
    assert dispatcher.statistics().blocked == 0


def test_what_an_actor_sent_before_it_waits_is_handled_meanwhile() -> None:
    dispatcher = pykka.Dispatcher("pykka-handed-over")
    no_lookout(dispatcher)
    dispatcher._pool.at_once = 1
    agents = agents_of(dispatcher)
    busy, told = ThreadAgent.start(), agents.start()
    gate = Gate()
    busy.tell(gate)

    def tell_and_wait() -> Any:
        told.tell(gate.open)  # so the answer comes when this one has been handled
        return busy.ask("hello")

    assert agents.start().ask(tell_and_wait, timeout=PATIENCE) == "hello"


def test_a_thousand_actors_that_compute_take_few_threads() -> None:
    dispatcher = pykka.Dispatcher("pykka-computing")
    done: queue.SimpleQueue[int] = queue.SimpleQueue()

    def compute() -> None:
        for _ in range(10_000):
            pass
        done.put(dispatcher.statistics().threads)

    agents = agents_of(dispatcher)
    refs = [agents.start() for _ in range(1_000)]
    for ref in refs:
        ref.tell(compute)
    assert max(done.get(timeout=PATIENCE) for _ in refs) < 40


@pytest.mark.parametrize("how", ["computes", "sleeps"])
@pytest.mark.parametrize("where", ["told", "asked"])
def test_who_was_told_by_an_actor_does_not_wait_for_it(how: str, where: str) -> None:
    """The one who was told waits in the own queue of the worker that is busy with the teller."""
    dispatcher = pykka.Dispatcher("pykka-tick")
    agents = agents_of(dispatcher)
    other = agents.start()
    has_run = threading.Event()

    def wait() -> bool:
        other.tell(has_run.set)
        if how == "sleeps":
            return has_run.wait(PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while not has_run.is_set() and time.monotonic() < deadline:
            pass
        return has_run.is_set()

    if where == "told":
        assert agents.start().ask(wait, timeout=PATIENCE)
    else:
        assert agents.start().ask(wait)


@pytest.mark.parametrize("threads", [1, 2])
def test_two_endless_pairs_do_not_keep_a_tell_from_outside_waiting(threads: int) -> None:
    dispatcher = pykka.Dispatcher("pykka-ping-pong", max_threads=threads)
    no_lookout(dispatcher)
    is_over = threading.Event()
    ended: queue.SimpleQueue[None] = queue.SimpleQueue()
    served: queue.SimpleQueue[int] = queue.SimpleQueue()

    class Player(pykka.PooledActor):
        hits = 0

        def on_receive(self, other: pykka.ActorRef[Player]) -> None:
            self.hits += 1
            if is_over.is_set():
                ended.put(None)
            else:
                other.tell(self.actor_ref)

    Player.dispatcher = dispatcher
    players = [Player.start() for _ in range(4)]
    players[0].tell(players[1])
    players[2].tell(players[3])
    actors = [player._actor for player in players]
    wait_until(lambda: all(actor is not None and actor.hits > 10 for actor in actors), "they play")
    outsiders = [agents_of(dispatcher).start() for _ in range(3)]
    for number, outsider in enumerate(outsiders):
        outsider.tell(lambda number=number: served.put(number))

    assert sorted(served.get(timeout=PATIENCE) for _ in outsiders) == [0, 1, 2]
    is_over.set()
    for _ in range(2):
        ended.get(timeout=PATIENCE)


@pytest.mark.parametrize("bound", [1, 2, 4])
@pytest.mark.parametrize("caller_runs", [False, True])
def test_at_the_bound_an_ask_that_needs_one_more_thread_is_refused(
    bound: int, *, caller_runs: bool
) -> None:
    dispatcher = pykka.Dispatcher("pykka-bound", max_threads=bound, caller_runs=caller_runs)
    agents = agents_of(dispatcher)
    gates = [Gate() for _ in range(bound)]

    # Each takes a thread and waits there for its neighbour, who is busy with the gate until then.
    refs = [agents.start() for _ in range(bound + 1)]

    def hold_and_ask(number: int) -> Any:
        gates[number]()
        return refs[number + 1].ask("hello")

    answers = [refs[n].ask(lambda n=n: hold_and_ask(n), block=False) for n in range(bound)]
    for gate in gates:
        gate.wait_until_entered()
    unserved = refs[bound].ask("still here?", block=False)  # nobody is left for it
    for number, gate in enumerate(gates):
        gate.open()
        if number < bound - 1:
            wait_until(
                lambda number=number: dispatcher.statistics().blocked == number + 1, "it waits"
            )

    if caller_runs:  # the last one needs none, because it lends its own
        assert answers[-1].get(timeout=PATIENCE) == "hello"
    else:
        with pytest.raises(pykka.PoolExhaustedError) as caught:
            answers[-1].get(timeout=PATIENCE)
        text = str(caught.value)
        assert "'pykka-bound'" in text
        assert f"maximum of {bound} threads" in text
        assert "max_threads" in text
    assert pykka.get_all(answers[:-1], timeout=PATIENCE) == ["hello"] * (bound - 1)
    assert unserved.get(timeout=PATIENCE) == "still here?"
    for ref in refs:
        assert ref.ask("still here?", timeout=PATIENCE) == "still here?"
    assert dispatcher.statistics().blocked == 0
    assert dispatcher.statistics().threads <= bound


@pytest.mark.parametrize("timeout", [None, PATIENCE])
def test_at_the_bound_all_may_wait_for_somebody_else(timeout: float | None) -> None:
    """Who is no actor of this dispatcher needs none of its threads to answer."""
    dispatcher = pykka.Dispatcher("pykka-bound", max_threads=2)
    agents = agents_of(dispatcher)
    busy = ThreadAgent.start()
    gate = Gate()
    busy.tell(gate)
    answers = [
        agents.start().ask(lambda: busy.ask("hello", timeout=timeout), block=False)
        for _ in range(2)
    ]
    wait_until(lambda: dispatcher.statistics().blocked == 2, "both wait")
    told = threading.Event()
    agents.start().tell(told.set)
    gate.open()
    assert pykka.get_all(answers, timeout=PATIENCE) == ["hello"] * 2
    assert told.wait(PATIENCE)
    assert dispatcher.statistics().threads == 2


def test_there_are_never_more_threads_than_the_bound() -> None:
    dispatcher = pykka.Dispatcher("pykka-few", max_threads=3)
    agents = agents_of(dispatcher)
    lock = threading.Lock()
    inside = most = 0
    done: queue.SimpleQueue[None] = queue.SimpleQueue()

    def hang() -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        time.sleep(0.002)
        with lock:
            inside -= 1
        done.put(None)

    for _ in range(60):
        agents.start().tell(hang)
    for _ in range(60):
        done.get(timeout=PATIENCE)
    assert most == 3
    assert dispatcher.statistics().threads == 3


def test_an_idle_pool_uses_no_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "CALM", 0.05)
    dispatcher = pykka.Dispatcher("pykka-idle")
    agents = agents_of(dispatcher)
    gate = Gate()
    for _ in range(20):
        agents.start().tell(gate)
    wait_until(lambda: dispatcher.statistics().threads >= 20, "there are threads")
    gate.open()
    looks: list[float] = []
    pool = dispatcher._pool
    wait_until(lambda: pool.is_quiet() and pool.monitor.is_asleep, "the monitor sleeps")
    look = pool.monitor.look
    monkeypatch.setattr(pool.monitor, "look", lambda now: (looks.append(now), look(now))[1])

    def is_at_rest() -> bool:
        looks.clear()
        before = time.process_time()
        threading.Event().wait(0.2)
        return not looks and time.process_time() - before < 0.15

    # A worker that was sent for while there was work may get up late, and wake the monitor.
    wait_until(is_at_rest, "nothing runs any more")


def test_a_pool_that_nobody_uses_lets_its_threads_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "KEEP_ALIVE", 0.01)
    dispatcher = pykka.Dispatcher("pykka-gone")
    agents = agents_of(dispatcher)
    for _ in range(3):
        ref = agents.start()
        assert ref.ask("hello", timeout=PATIENCE) == "hello"
        wait_until(lambda: dispatcher.statistics().threads == 0, "all threads have ended")
        ref.tell("somebody comes for this")
        ref.stop(timeout=PATIENCE)


def test_the_default_dispatcher_needs_no_set_up() -> None:
    ref = Agent.start()
    name = ref.ask(lambda: threading.current_thread().name, timeout=PATIENCE)
    assert name.startswith("pykka-pool-")
