"""Every workload does what it says on this library, and notices when something is wrong."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from benchmarks.adapters.asyncio_queue import AsyncioSystem
from benchmarks.adapters.executor import ExecutorSystem
from benchmarks.adapters.pykka_api import PykkaSystem
from benchmarks.adapters.thread_queue import ThreadSystem
from benchmarks.behaviour import Behaviour
from benchmarks.system import FailedError, System, UnsupportedError
from benchmarks.workload import ActorWorkload, Group, WrongResultError
from benchmarks.workloads import WORKLOADS, many_actors, tell

from benchmarks import memory
from benchmarks import workload as workload_module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TINY = {
    "accounts": 3, "actors": 3, "asks": 20, "bytes": 10, "calls": 5, "capacity": 2,
    "consumers": 2,
    "creatures": 3, "hops": 7, "imports": 1, "increments": 10, "items": 4, "meals": 3,
    "keys": 50, "meetings": 5, "messages": 10, "milliseconds": 5, "n": 4, "nodes": 3, "pairs": 1,
    "philosophers": 3, "pieces": 5, "pings": 5, "producers": 2, "proxies": 3, "reads": 3,
    "rounds": 20, "routees": 2, "runs": 2, "senders": 3, "series": 2, "size": 2, "steps": 100,
    "terms": 4, "timers": 20, "transactions": 5, "workers": 3,
}  # fmt: skip
WORKLOADS_WITH_ACTORS = [w.name for w in WORKLOADS.values() if isinstance(w, ActorWorkload)]


def tiny(name: str) -> dict[str, int]:
    """The parameters of a workload, as small as they make sense."""
    return {parameter: TINY[parameter] for parameter in WORKLOADS[name].parameters}


def ours() -> System:
    """This library's actors on threads."""
    return PykkaSystem("ThreadingActor", threads=True)


def in_a_loop() -> System:
    """This library's actors in an event loop."""
    return PykkaSystem("AsyncioActor", threads=False)


def pooled() -> System:
    """This library's actors on a pool."""
    return PykkaSystem("PooledActor", threads=False)


SYSTEMS: dict[str, Callable[[], System]] = {
    "ours": ours,
    "pooled": pooled,
    "loop": in_a_loop,
    "thread": ThreadSystem,
    "asyncio": AsyncioSystem,
    "futures": ExecutorSystem,
}


@pytest.fixture(params=SYSTEMS)
def system(request: pytest.FixtureRequest) -> Iterator[System]:
    """Each implementation that needs nothing but the standard library and this library."""
    made = SYSTEMS[request.param]()
    yield made
    made.close()


@pytest.fixture(params=["ours", "pooled", "loop"])
def our_system(request: pytest.FixtureRequest) -> Iterator[System]:
    """This library's."""
    made = SYSTEMS[request.param]()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that would look at the memory is not there."""
    monkeypatch.setattr(memory, "used", lambda: 0)


def is_refused(name: str, system: System) -> bool:
    """Tell whether a workload is nothing for actors that share a loop, or only for them."""
    if name == "await-coroutine":
        return not system.blocks_others
    return system.blocks_others and name in {
        "sleepers",
        "route-round-robin-from-actor",
        "simulated-asks",
    }


@pytest.mark.parametrize("name", WORKLOADS)
def test_every_workload_runs_on_ours_and_gives_all_its_metrics(
    name: str, our_system: System
) -> None:
    workload = WORKLOADS[name]
    if name == "ask-busy" and our_system.blocks_others:
        pytest.skip("a loop that is never idle takes minutes while coverage is measured")
    if is_refused(name, our_system):
        with pytest.raises(UnsupportedError):
            workload.run(our_system, tiny(name))
        return
    values = workload.run(our_system, tiny(name))

    assert values.keys() == {metric.name for metric in workload.metrics}
    if "memory" not in values:  # which may not grow by a whole page
        assert all(value > 0 for value in values.values())


@pytest.mark.parametrize("name", WORKLOADS_WITH_ACTORS)
def test_a_workload_of_actors_runs_on_every_implementation(name: str, system: System) -> None:
    if isinstance(system, ThreadSystem):
        # Its echo threads of asks have no end; these workloads only tell.
        assert WORKLOADS[name].group is not Group.FEEL

    values = WORKLOADS[name].run(system, tiny(name))

    assert all(value > 0 for value in values.values())


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_warm_up_and_the_slow_get_less_of_the_same(name: str) -> None:
    workload = WORKLOADS[name]
    for parameters in (workload.parameters, tiny(name)):
        less = workload.warm_up(parameters)

        assert less.keys() == parameters.keys()
        assert all(1 <= less[key] <= parameters[key] for key in parameters)
    assert set(workload.scaled) <= set(workload.parameters)


ASKS = ["ask", "ask-from-actor", "ask-with-timeout", "ask-busy", "outstanding-asks"]
STARTS = ["start", "start-and-tell", "million", "two-cores"]


@pytest.mark.parametrize("name", [*ASKS, *STARTS])
def test_what_most_implementations_can_do_works_on_all(name: str, system: System) -> None:
    if name in {*ASKS} - {"ask-busy"} and isinstance(system, ThreadSystem):
        pytest.skip("its echo threads have no end")
    if name == "ask-busy" and isinstance(system, AsyncioSystem):
        with pytest.raises(UnsupportedError, match="never lets another one run"):
            WORKLOADS[name].run(system, tiny(name))
        return
    if name == "ask-busy" and system.blocks_others:
        pytest.skip("a loop that is never idle takes minutes while coverage is measured")

    values = WORKLOADS[name].run(system, tiny(name))

    assert values.keys() == {metric.name for metric in WORKLOADS[name].metrics}


FEW = {
    "bounded-tell": ["ours", "pooled", "loop", "thread", "asyncio"],
    "await-ask": ["ours", "pooled", "loop", "thread", "asyncio"],
    "await-coroutine": ["loop", "asyncio"],
}


@pytest.mark.parametrize("name", FEW)
def test_what_some_implementations_can_do_is_refused_by_the_others(
    name: str, request: pytest.FixtureRequest, system: System
) -> None:
    if request.node.callspec.params["system"] in FEW[name]:
        values = WORKLOADS[name].run(system, tiny(name))
        assert values.keys() == {metric.name for metric in WORKLOADS[name].metrics}
    elif name != "await-ask":
        with pytest.raises(UnsupportedError):
            WORKLOADS[name].run(system, tiny(name))


def test_who_runs_all_actors_on_one_thread_is_not_put_to_sleep() -> None:
    system = AsyncioSystem()
    try:
        with pytest.raises(UnsupportedError, match="holds all actors up"):
            WORKLOADS["sleepers"].run(system, tiny("sleepers"))
    finally:
        system.close()


def test_sleepers_that_do_not_sleep_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "benchmarks.workloads.sleepers.Sleeper.receive",
        lambda self, message: [self.finish((what, 0.0)) for what in ("asleep", "awake")],
    )
    system = pooled()
    try:
        with pytest.raises(WrongResultError, match="should have slept"):
            WORKLOADS["sleepers"].run(system, {"actors": 1, "milliseconds": 10_000})
    finally:
        system.close()


def test_whoever_answers_fast_is_asked_for_as_long_as_the_others(
    our_system: System,
) -> None:
    asked: list[int] = []

    def time_asks(ref: Any, messages: Any) -> list[float]:
        asked.append(len(messages))
        return [1.0] * len(messages)

    our_system.time_asks = time_asks  # type: ignore[method-assign]
    WORKLOADS["latency-crowded"].run(our_system, {"pairs": 1, "asks": 3, "milliseconds": 20})

    assert asked[0] == 1
    assert len(asked) > 2
    assert set(asked[1:]) == {3}


class Lossy(PykkaSystem):
    """Loses one of the messages that actors handle.

    Args:
        number: Which one, counted from 1 over all actors.
    """

    def __init__(self, number: int) -> None:
        super().__init__("ThreadingActor", threads=True)
        self._lock = threading.Lock()
        self._left = number

    def is_lost(self) -> bool:
        """Count a message."""
        with self._lock:
            self._left -= 1
            return self._left == 0

    def spawn(self, behaviour: type[Behaviour], *args: Any) -> Any:
        system = self

        class Deaf(behaviour):  # type: ignore[valid-type,misc]
            """Does not hear one of its messages, and starts others that may not hear either."""

            def receive(self, message: Any) -> Any:
                return None if system.is_lost() else super().receive(message)

            def spawn(self, behaviour: type[Behaviour], *args: Any) -> Any:
                return system.spawn(behaviour, *args)

        return super().spawn(Deaf, *args)


# Each workload has so many messages at least, however small it is.
@pytest.mark.parametrize("lost", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("name", [*WORKLOADS_WITH_ACTORS, "tell", "many-actors"])
def test_a_workload_that_loses_a_message_fails(
    name: str, lost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # That a message is missing may show in what comes out, or in that nothing comes out.
    for module in (workload_module, tell, many_actors):
        monkeypatch.setattr(module, "PATIENCE", 0.02)
    system = Lossy(lost)
    try:
        with pytest.raises((WrongResultError, FailedError)):
            WORKLOADS[name].run(system, tiny(name))
    finally:
        system.close()


@pytest.mark.parametrize("name", WORKLOADS_WITH_ACTORS)
def test_a_workload_that_ends_with_something_else_fails(
    name: str, our_system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(WORKLOADS[name]), "expected", lambda self, parameters: "another")

    with pytest.raises(WrongResultError, match="should be 'another'"):
        WORKLOADS[name].run(our_system, tiny(name))


def test_messages_of_a_sender_that_overtake_each_other_are_noticed(our_system: System) -> None:
    class Swapping(PykkaSystem):
        """Handles the second and the third message of a sender in the other order."""

        def spawn(self, behaviour: type[Behaviour], *args: Any) -> Any:
            class Swapped(behaviour):  # type: ignore[valid-type,misc]
                def receive(self, message: Any) -> Any:
                    if isinstance(message, tuple) and message[1] in {1, 2}:
                        message = message[0], 3 - message[1]
                    return super().receive(message)

            return super().spawn(Swapped, *args)

    system = Swapping("ThreadingActor", threads=True)
    try:
        with pytest.raises(WrongResultError):
            WORKLOADS["many-senders"].run(system, {"senders": 1, "messages": 10})
    finally:
        system.close()


def test_wrong_answers_are_noticed(our_system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.workloads.echo.Echo.receive", lambda self, message: 0)
    monkeypatch.setattr("benchmarks.workloads.ask.Busy.receive", lambda self, message: 0)

    for name in ASKS:
        with pytest.raises(WrongResultError):
            WORKLOADS[name].run(our_system, tiny(name))


def test_an_actor_that_crashes_is_a_failure_and_not_a_silence(system: System) -> None:
    class Crashes(Behaviour):
        """Fails at once."""

        def receive(self, message: Any) -> None:
            raise ZeroDivisionError(message)

    system.tell_each(system.spawn(Crashes), ["now"])

    with pytest.raises(FailedError, match=r"an actor crashed: ZeroDivisionError: now"):
        system.wait(10.0)


def test_what_an_implementation_has_not_is_said_and_not_measured() -> None:
    system = AsyncioSystem()
    try:
        with pytest.raises(UnsupportedError, match="no proxies"):
            WORKLOADS["proxy-making"].run(system, tiny("proxy-making"))
    finally:
        system.close()
