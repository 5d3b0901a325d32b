"""What this library has besides actors, and Pykka has not: timers, routers, and the simulator."""

from __future__ import annotations

import importlib
import time
from typing import TYPE_CHECKING, Any

import pykka
from benchmarks.system import Clock, FailedError, Program, unsupported
from benchmarks.workload import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_HASHED = {"key": lambda number: number}
_ROUTERS: dict[str, tuple[str, dict[str, Any]]] = {
    "round-robin": ("RoundRobin", {}),
    "random": ("Random", {}),
    "smallest-inbox": ("SmallestInbox", {}),
    "consistent-hashing": ("ConsistentHashing", _HASHED),
}


class PykkaClock(Clock):
    """Messages that actors are told later."""

    def __init__(self, base: Any, actors: int, count: int) -> None:
        super().__init__(count)
        if not hasattr(pykka.ActorRef, "tell_after"):
            unsupported("it has no timers")
        self._refs = [_ticking(base).start(self) for _ in range(actors)]

    def start(self, delay: float, number: int) -> Any:
        """Tell one of the actors later."""
        return self._refs[number % len(self._refs)].tell_after(delay, None)


def _ticking(base: Any) -> Any:
    class Ticking(base):  # type: ignore[misc]
        """Counts what it is told."""

        def __init__(self, clock: Clock) -> None:
            super().__init__()
            self._tick = clock.tick

        def on_receive(self, message: object) -> None:
            del message
            self._tick()

    return Ticking


class PykkaRouted:
    """Routees of one runtime, and a router.

    Args:
        base: The class of actors.
        router: One of `_ROUTERS`.
        routees: How many.
        is_pool: Whether the router starts and supervises them itself.
    """

    def __init__(self, base: Any, router: str, routees: int, *, is_pool: bool) -> None:
        name, options = _ROUTERS[router]
        kind, sink = getattr(_routing(), name), _sink(base)
        self._base = base
        if is_pool:
            self.router = kind.pool(sink, routees, **options)
            self.routees = list(self.router.routees)
        else:
            self.routees = [sink.start() for _ in range(routees)]
            self.router = kind(self.routees, **options)

    def by_proxy(self, ref: Any) -> Callable[[Any], Any]:
        """What calls a method of an actor, or of one behind a router, without waiting."""
        defer: Callable[[Any], Any] = ref.proxy().take.defer
        return defer

    def from_actor(self, work: Callable[[], float]) -> float:
        """Call a function inside a handler."""
        base = self._base

        class Sender(base):  # type: ignore[misc,valid-type]
            def on_receive(self, message: Callable[[], float]) -> float:
                return message()

        # With a timeout, since an asker who waits without one may run the handler itself.
        seconds: float = Sender.start().ask(work, timeout=PATIENCE)
        return seconds

    def handled(self) -> list[int]:
        """Ask each."""
        return [ref.ask(None) for ref in self.routees]


def _routing() -> Any:
    try:
        from pykka import routing  # noqa: PLC0415 (Pykka has none)
    except ImportError:
        unsupported("it has no routers")
    return routing


def _sink(base: Any) -> Any:
    class Sink(base):  # type: ignore[misc]
        """Counts numbers, and says when all that came before a function are handled."""

        use_daemon_thread = True

        def __init__(self) -> None:
            super().__init__()
            self._count = 0

        def take(self, number: int) -> None:
            del number
            self._count += 1

        def on_receive(self, message: Any) -> int:
            if type(message) is int:
                self._count += 1
            elif message is not None:
                message()
            return self._count

    return Sink


def routees_of(base: Any, keys: Sequence[Any], routees: int) -> Iterator[list[Any]]:
    """Who gets each key: at first, when one has joined, and when instead one has left."""
    sink = _sink(base)
    refs = [sink.start() for _ in range(routees)]
    router = _routing().ConsistentHashing(refs, key=lambda key: key)
    yield [router.routee_of(key) for key in keys]
    joining = sink.start()
    router.add(joining)
    yield [router.routee_of(key) for key in keys]
    router.remove(joining)
    router.remove(refs[0])
    yield [router.routee_of(key) for key in keys]


class PykkaProgram(Program):
    """A program for the simulator.

    Args:
        base: The class of actors.
        name: `"tells"` or `"asks"`.
        blocks_others: Whether an actor that waits keeps the others from running.
    """

    def __init__(self, base: Any, name: str, *, blocks_others: bool) -> None:
        try:
            self._simulation: Any = importlib.import_module("pykka.simulation")
        except ImportError:
            unsupported("it has no simulator")
        if name == "asks" and blocks_others:
            unsupported("an actor that waits keeps the others from running")
        self._main = {"tells": _telling, "asks": _asking}[name](base)

    def simulated(self, runs: int, *, stops: bool) -> float:
        """Explore."""
        before = time.perf_counter()
        found = self._simulation.explore(self._main, runs=runs, teardown=stops)
        seconds = time.perf_counter() - before
        if found.failure is not None:
            raise FailedError(found.report())
        return seconds

    def real(self, runs: int, *, stops: bool) -> float:
        """Call it."""
        now, seconds = time.perf_counter, 0.0
        for _ in range(runs):
            before = now()
            self._main()
            if not stops:
                seconds += now() - before
            pykka.ActorRegistry.stop_all()
            if stops:
                seconds += now() - before
        return seconds


def _node(base: Any) -> Any:
    class Node(base):  # type: ignore[misc]
        """Counts what it gets, and may know another one."""

        def __init__(self, other: Any = None) -> None:
            super().__init__()
            self.other, self.count = other, 0

    return Node


def _three(node: Any) -> tuple[Any, Any, Any]:
    """Start three, the first of which knows the second, which knows the last."""
    last = node.start()
    middle = node.start(last)
    return node.start(middle), middle, last


def _telling(base: Any) -> Callable[[], object]:
    class Node(_node(base)):  # type: ignore[misc]
        """Tells the other one with one hop less."""

        def on_receive(self, hops: int) -> int:
            self.count += 1
            if hops and self.other is not None:
                self.other.tell(hops - 1)
            return self.count  # type: ignore[no-any-return]

    def main() -> object:
        first, middle, _last = _three(Node)
        for ref, hops in ((first, 2), (middle, 1), (first, 2), (first, 0)):
            ref.tell(hops)
        return first.ask(0)

    return main


def _asking(base: Any) -> Callable[[], object]:
    class Node(_node(base)):  # type: ignore[misc]
        """Answers with a number, after having asked the other one with one hop less."""

        def on_receive(self, hops: int) -> int:
            self.count += 1
            if hops and self.other is not None:
                answer: int = self.other.ask(hops - 1)
                return answer + 1
            return self.count  # type: ignore[no-any-return]

    def main() -> object:
        first, middle, _last = _three(Node)
        asked = ((first, 2), (middle, 1), (first, 2))
        answers = pykka.get_all([ref.ask(hops, block=False) for ref, hops in asked])
        return answers, first.ask(0), middle.ask(0)

    return main
