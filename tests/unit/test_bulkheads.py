"""What the guides say of dispatchers, from outside: bounds, names, numbers, who runs what."""

from __future__ import annotations

import dataclasses
import queue
import threading
from typing import Any

import pytest
from tests.leaks import PATIENCE

import pykka


def actor_class(of: pykka.Dispatcher, **attributes: Any) -> type[Any]:
    """A class of actors that tell their thread, wait at a gate, and ask each other."""

    class Member(pykka.PooledActor):
        dispatcher = of

        def on_receive(self, message: object) -> str:
            return threading.current_thread().name

        def thread(self) -> str:
            return threading.current_thread().name

        def wait_at(self, gate: threading.Event, arrived: queue.SimpleQueue[str]) -> None:
            arrived.put(threading.current_thread().name)
            assert gate.wait(PATIENCE)

        def ask(self, others: list[Any]) -> Any:
            return others[0].proxy().ask(others[1:]).get() if others else "the end"

    for name, value in attributes.items():
        setattr(Member, name, value)
    return Member


@pytest.fixture
def small() -> pykka.Dispatcher:
    return pykka.Dispatcher("pykka-small", max_threads=2)


def test_the_threads_are_named_after_the_dispatcher(small: pykka.Dispatcher) -> None:
    name = actor_class(small).start().proxy().thread().get(timeout=PATIENCE)

    assert name.startswith("pykka-small-")
    assert small.name == "pykka-small"
    assert repr(small) == "<pykka.Dispatcher 'pykka-small'>"


def test_no_more_threads_than_the_maximum_are_at_work(small: pykka.Dispatcher) -> None:
    gate, arrived = threading.Event(), queue.SimpleQueue[str]()
    proxies = [actor_class(small).start().proxy() for _ in range(6)]
    futures = [proxy.wait_at(gate, arrived) for proxy in proxies]
    first = [arrived.get(timeout=PATIENCE) for _ in range(2)]

    assert len(set(first)) == 2
    with pytest.raises(queue.Empty):
        arrived.get(timeout=0.1)  # the monitor has looked many times
    assert small.statistics().threads == small.max_threads == 2

    gate.set()
    pykka.get_all(futures, timeout=PATIENCE)


def test_statistics_say_how_it_stands(small: pykka.Dispatcher) -> None:
    gate, arrived = threading.Event(), queue.SimpleQueue[str]()
    proxies = [actor_class(small).start().proxy() for _ in range(5)]
    assert small.statistics() == pykka.DispatcherStatistics(0, 0, 0, 0, max_threads=2)

    futures = [proxy.wait_at(gate, arrived) for proxy in proxies]
    for _ in range(2):
        arrived.get(timeout=PATIENCE)
    statistics = small.statistics()
    gate.set()
    pykka.get_all(futures, timeout=PATIENCE)

    assert statistics == pykka.DispatcherStatistics(
        threads=2, idle=0, blocked=0, ready=3, max_threads=2
    )
    with pytest.raises(dataclasses.FrozenInstanceError):
        statistics.threads = 3  # type: ignore[misc]


def test_at_the_bound_a_wait_that_needs_one_more_thread_raises(small: pykka.Dispatcher) -> None:
    """Nobody runs another on its own thread here, so each question takes a thread."""
    cls = actor_class(small, caller_runs=False)
    refs = [cls.start() for _ in range(4)]

    with pytest.raises(pykka.PoolExhaustedError) as caught:
        refs[0].proxy().ask(refs[1:]).get(timeout=PATIENCE)

    text = str(caught.value)
    assert "'pykka-small' has its maximum of 2 threads" in text
    assert "max_threads" in text
    assert all(ref.is_alive() for ref in refs)


def test_a_class_without_a_dispatcher_shares_the_default_one() -> None:
    class Plain(pykka.PooledActor):
        caller_runs = False

        def thread(self) -> str:
            return threading.current_thread().name

    assert Plain.dispatcher is None
    assert Plain.start().proxy().thread().get(timeout=PATIENCE).startswith("pykka-pool-")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [({}, True), ({"max_threads": 4}, False), ({"caller_runs": False}, False)],
)
def test_who_runs_an_actor_that_somebody_waits_for(
    arguments: dict[str, Any], expected: bool
) -> None:
    ref = actor_class(pykka.Dispatcher("pykka-who", **arguments)).start()

    here = threading.current_thread().name
    assert (ref.ask("who?") == here) is expected
    assert ref.ask("who?", timeout=PATIENCE) != here


def test_a_class_says_that_no_caller_runs_its_actors() -> None:
    cls = actor_class(pykka.Dispatcher("pykka-apart"), caller_runs=False)

    assert cls.start().ask("who?") != threading.current_thread().name
