"""What routers cost, and what consistent hashing keeps: `python -m benchmarks.routing`.

Throughput: so many messages are told, and the clock stops when the last is handled. Directly, the
sender tells each routee in turn, and a loop in C finds it the next one. Through a router, it tells
the router. Both are measured in each round, and what is shown is the ratio within rounds. A router
pool starts and supervises its routees itself; the others are over given refs.

Moved keys: how many of so many keys get another routee when one routee joins, or leaves.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import pykka
from benchmarks.stats import paired_ratios, spread
from pykka import routing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Refs = Sequence[pykka.ActorRef[Any]]

WANTED = 0.7
"""The throughput through a round-robin router, of that of sending directly."""

ROUTERS: dict[str, Callable[[Refs], pykka.ActorRef[Any]]] = {
    "RoundRobin": routing.RoundRobin,
    "Random": routing.Random,
    "SmallestInbox": routing.SmallestInbox,
    "ConsistentHashing": lambda refs: routing.ConsistentHashing(refs, key=lambda number: number),
}

POOLS: dict[str, Callable[..., pykka.ActorRef[Any]]] = {
    "RoundRobin": routing.RoundRobin.pool,
    "SmallestInbox": routing.SmallestInbox.pool,
    "ConsistentHashing": partial(routing.ConsistentHashing.pool, key=lambda number: number),
}


class _Sink:
    """Handles messages as fast as can be, and says when all before a function are handled."""

    def on_receive(self, message: Any) -> None:
        """Take a number, or call a function."""
        if type(message) is not int:
            message()

    def take(self, message: int) -> None:
        """Take a number that was sent through a proxy."""


class ThreadingSink(_Sink, pykka.ThreadingActor):
    """On a thread of its own."""

    use_daemon_thread = True


class PooledSink(_Sink, pykka.PooledActor):
    """In the pool."""


class Sender(pykka.PooledActor):
    """Sends from within the pool."""

    def on_receive(self, message: Callable[[], float]) -> float:
        """Call a function that measures."""
        return message()


class Case(NamedTuple):
    """What is measured."""

    title: str
    sink: type[ThreadingSink | PooledSink]
    routees: int
    router: str = "RoundRobin"
    from_pool: bool = False
    by_proxy: bool = False
    is_pool: bool = False


CASES = (
    Case("threads", ThreadingSink, 1),
    Case("threads", ThreadingSink, 8),
    Case("pool, sent from outside", PooledSink, 1),
    Case("pool, sent from outside", PooledSink, 8),
    Case("pool, sent by an actor of it", PooledSink, 1, from_pool=True),
    Case("pool, sent by an actor of it", PooledSink, 8, from_pool=True),
    Case("pool, through a proxy", PooledSink, 8, by_proxy=True),
    Case("pool", PooledSink, 8, router="Random"),
    Case("pool", PooledSink, 8, router="SmallestInbox"),
    Case("pool", PooledSink, 8, router="ConsistentHashing"),
    Case("threads, router pool", ThreadingSink, 8, is_pool=True),
    Case("pool, router pool", PooledSink, 8, is_pool=True),
    Case("pool, router pool", PooledSink, 8, router="SmallestInbox", is_pool=True),
    Case("pool, router pool", PooledSink, 8, router="ConsistentHashing", is_pool=True),
)


def rates(case: Case, messages: int, rounds: int) -> tuple[dict[int, float], dict[int, float]]:
    """Messages a second, through the router and directly, by round."""
    router: Any
    if case.is_pool:
        router = POOLS[case.router](case.sink, case.routees)
        refs = list(router.routees)
    else:
        refs = [case.sink.start() for _ in range(case.routees)]
        router = ROUTERS[case.router](refs)
    ways: dict[str, Callable[[], float]] = {
        "routed": lambda: _seconds_routed(router, refs, messages, by_proxy=case.by_proxy),
        "direct": lambda: _seconds_direct(refs, messages, by_proxy=case.by_proxy),
    }
    sender = Sender.start()
    found: dict[str, dict[int, float]] = {"routed": {}, "direct": {}}
    for number in range(-1, rounds):  # the first one warms up
        for name in sorted(ways, reverse=bool(number % 2)):
            way = ways[name]
            seconds = sender.ask(way, timeout=600) if case.from_pool else way()
            if number >= 0:
                found[name][number] = messages / seconds
    pykka.ActorRegistry.stop_all()
    return found["routed"], found["direct"]


def _seconds_routed(
    router: pykka.ActorRef[Any], refs: Refs, messages: int, *, by_proxy: bool
) -> float:
    started = time.perf_counter()
    if by_proxy:
        take = router.proxy().take
        for number in range(messages):
            take.defer(number)
    else:
        for number in range(messages):
            router.tell(number)
    _wait_for(refs)
    return time.perf_counter() - started


def _seconds_direct(refs: Refs, messages: int, *, by_proxy: bool) -> float:
    started = time.perf_counter()
    if by_proxy:
        takes = itertools.cycle([ref.proxy().take for ref in refs])
        for number, take in zip(range(messages), takes, strict=False):
            take.defer(number)
    else:
        for number, ref in zip(range(messages), itertools.cycle(refs), strict=False):
            ref.tell(number)
    _wait_for(refs)
    return time.perf_counter() - started


def _wait_for(refs: Refs) -> None:
    for ref in refs:
        handled = threading.Event()
        ref.tell(handled.set)
        handled.wait()


def moved(routees: int, keys: int) -> tuple[float, float]:
    """Which part of all keys gets another routee when one more joins, and when one leaves."""
    refs = [PooledSink.start() for _ in range(routees)]
    router = routing.ConsistentHashing(refs, key=lambda key: key)
    names = [f"key {number}" for number in range(keys)]
    before = [router.routee_of(name) for name in names]
    joining = PooledSink.start()
    router.add(joining)
    joined = [router.routee_of(name) for name in names]
    router.remove(joining)
    router.remove(refs[0])
    left = [router.routee_of(name) for name in names]
    pykka.ActorRegistry.stop_all()
    return _part(before, joined), _part(before, left)


def _part(one: Sequence[object], other: Sequence[object]) -> float:
    return sum(a != b for a, b in zip(one, other, strict=True)) / len(one)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.routing", description=__doc__)
    parser.add_argument("--messages", type=int, default=50_000, help="in each measurement")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--keys", type=int, default=20_000)
    options = parser.parse_args(arguments)
    print(f"Python {sys.version.split()[0]}, {options.rounds} rounds of {options.messages}")
    print(
        f"\n{'router':18} {'routees':>7}  {'':30} {'direct':>12} {'routed':>12}  ratio (quartiles)"
    )
    for case in CASES:
        routed, direct = rates(case, options.messages, options.rounds)
        ratio = spread(paired_ratios(routed, direct, better="more"))
        verdict = ""
        if case.router == "RoundRobin":
            verdict = f"  {'met' if ratio.median >= WANTED else 'missed'}, ≥ {WANTED} is wanted"
        print(
            f"{case.router:18} {case.routees:7}  {case.title:30}"
            f" {spread(list(direct.values())).median:10,.0f}/s"
            f" {spread(list(routed.values())).median:10,.0f}/s"
            f"  {ratio.median:.2f} ({ratio.low:.2f} to {ratio.high:.2f}){verdict}"
        )
    print(f"\nConsistent hashing, {options.keys} keys: which part of them moves")
    print(f"{'routees':>7} {'one joins':>18} {'one leaves':>18}")
    for routees in (4, 10, 30, 100):
        joins, leaves = moved(routees, options.keys)
        columns = [
            f"{joins:9.3f} of {1 / (routees + 1):.3f}",
            f"{leaves:9.3f} of {1 / routees:.3f}",
        ]
        print(f"{routees:7}", *columns)
    return 0


if __name__ == "__main__":
    sys.exit(main())
