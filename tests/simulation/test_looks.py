"""Loops that look whether something has come to pass, and never wait: others go on as well."""

from __future__ import annotations

import queue
import threading
import time
import types
from typing import TYPE_CHECKING, Any

import pytest
from tests.simulation import programs

import pykka
from pykka import routing, simulation
from pykka.simulation._engine import _greenlets
from pykka.simulation._engine._scheduler import LOOKS

if TYPE_CHECKING:
    from collections.abc import Callable


def starts(function: Callable[[], object], delay: float = 1) -> threading.Thread:
    """Start a thread that does something after a while."""
    thread = threading.Thread(target=lambda: (time.sleep(delay), function()))
    thread.start()
    return thread


def at_an_event() -> None:
    event = threading.Event()
    starts(event.set)
    while not event.is_set():
        pass


def at_a_lock() -> None:
    lock = threading.Lock()
    lock.acquire()
    starts(lock.release)
    while lock.locked():
        pass


def by_trying_to_get_a_lock() -> None:
    lock = threading.RLock()
    taken = threading.Event()

    def hold() -> None:
        with lock:
            taken.set()
            time.sleep(1)

    threading.Thread(target=hold).start()
    taken.wait()
    while not lock.acquire(blocking=False):
        pass


def at_a_queue() -> None:
    items: queue.Queue[int] = queue.Queue()
    starts(lambda: items.put(1))
    while True:
        try:
            assert items.get_nowait() == 1
        except queue.Empty:
            pass
        else:
            return


def at_the_length_of_a_simple_queue() -> None:
    items: Any = queue.SimpleQueue()
    starts(lambda: items.put(1))
    while items.empty():
        pass
    while not items.qsize():
        pass


def at_a_thread() -> None:
    thread = starts(lambda: None)
    while thread.is_alive():
        pass


def at_an_actor() -> None:
    node = programs.Node.start()
    starts(node.stop)
    while node.is_alive():
        pass


def at_a_future() -> None:
    answer = programs.Node.start().ask(0, block=False)
    while not answer.done():
        pass


def at_a_router() -> None:
    node = programs.Node.start()
    router = routing.Broadcast([node])
    starts(node.stop)
    while router.is_alive():
        pass


def by_asking_a_router_that_has_no_routees() -> None:
    router = routing.RoundRobin[Any]([])
    starts(lambda: router.add(programs.Node.start()))
    while True:
        try:
            router.ask(0)
        except pykka.ActorDeadError:
            pass
        else:
            return


def at_the_clock_and_nothing_else() -> None:
    begin = time.monotonic()
    while time.monotonic() < begin + 0.01:
        pass


def at_the_clock_while_timers_ring() -> None:
    event = threading.Event()
    threading.Timer(0.01, event.set).start()
    begin = time.monotonic()
    while time.monotonic() < begin + 0.02:
        pass
    assert event.is_set()


LOOPS = [
    at_an_event,
    at_a_lock,
    by_trying_to_get_a_lock,
    at_a_queue,
    at_the_length_of_a_simple_queue,
    at_a_thread,
    at_an_actor,
    at_a_future,
    at_a_router,
    by_asking_a_router_that_has_no_routees,
    at_the_clock_and_nothing_else,
    at_the_clock_while_timers_ring,
]


@pytest.mark.parametrize("main", LOOPS)
def test_who_looks_lets_others_go_on(main: Callable[[], None]) -> None:
    simulation.explore(main, runs=3, patience=1000).check()
    simulation.run(main, preemption=0.0, haste=0.0, patience=1000).check()


@pytest.mark.parametrize("carrier", [None, "thread"])
def test_what_never_comes_to_pass_is_a_livelock(carrier: Any) -> None:
    def main() -> None:
        event = threading.Event()
        while not event.is_set():
            pass

    (found,) = simulation.run(main, max_steps=50, carrier=carrier).findings
    assert found.kind == "livelock"


def test_the_librarys_own_looks_are_not_interrupted() -> None:
    """It may hold a lock of the real world meanwhile."""
    source = "def look(lock, times):\n    for _ in range(times):\n        lock.locked()\n"
    module = types.ModuleType("pykka._is_ours")
    exec(source, module.__dict__)  # noqa: S102
    came: list[str] = []

    def main(look: Any = module.look) -> None:
        lock = threading.Lock()
        thread = threading.Thread(target=lambda: came.append("between"))
        thread.start()
        look(lock, 3 * LOOKS)
        came.append("after")
        thread.join()

    simulation.run(main, preemption=0.0).check()
    assert came == ["after", "between"]


def test_what_a_run_has_made_can_be_looked_at_afterwards() -> None:
    event: Any = simulation.run(threading.Event, preemption=0.0).value
    lock: Any = simulation.run(threading.Lock, preemption=0.0).value
    for _ in range(3 * LOOKS):
        assert not event.is_set()
        assert not lock.locked()


def test_greenlets_and_threads_look_alike() -> None:
    if not _greenlets.can_be_used():
        pytest.skip("greenlet is not installed, or cannot be used")
    for main in LOOPS:
        one, other = (
            simulation.run(main, seed=7, carrier=each) for each in ("greenlet", "thread")
        )
        assert one.trace == other.trace
