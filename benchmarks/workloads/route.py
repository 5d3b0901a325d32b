"""Extras: what routers cost, and what consistent hashing keeps."""

from __future__ import annotations

import itertools
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.system import unsupported
from benchmarks.workload import PATIENCE, Group, Metric, Unit, Workload, WrongResultError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.system import System
    from benchmarks.workload import Parameters, Values

PARTS = ("direct", "routed", "routed", "direct")
"""In which order the two are measured, each in halves: neither is always the one that is later."""


class Route(Workload):
    """Messages through a router, and the same messages without it.

    Args:
        router: What the router is called: "round-robin".
        way: How messages are sent: "", or "from-actor", "by-proxy", "pool".
    """

    group = Group.EXTRAS
    metrics = (
        Metric("rate", Unit.PER_SECOND, "message", "routed"),
        Metric("direct", Unit.PER_SECOND, "message", "sent directly"),
        Metric("part", Unit.TIMES, "ratio", "routed to direct"),
    )
    parameters = {"routees": 8, "messages": 50_000}
    scaled = ("messages",)
    may_be_more = False

    def __init__(self, router: str, way: str = "") -> None:
        self.router, self.way = router, way
        self.name = f"route-{router}{f'-{way}' if way else ''}"  # type: ignore[misc]
        self.title = f"{router.replace('-', ' ')}{_WAYS[way][0]}"  # type: ignore[misc]
        self.about = (  # type: ignore[misc]
            f"Messages are told {_WAYS[way][1]}, and without it to each routee in turn; the clock "
            "stops when the last is handled. How many arrive through the router, to those that "
            "arrive directly."
        )

    def live(self, parameters: Parameters) -> int:
        """The routees, the router, and who sends from inside."""
        return parameters["routees"] + 2

    def run(self, system: System, parameters: Parameters) -> Values:
        """Send both ways, in turn."""
        routed = system.route(self.router, parameters["routees"], is_pool=self.way == "pool")
        if self.way == "from-actor" and system.blocks_others:
            unsupported("an actor that waits for its routees holds them up")
        sends = {"routed": [routed.router], "direct": routed.routees}
        if self.way == "by-proxy":
            sends = {name: [routed.by_proxy(ref) for ref in refs] for name, refs in sends.items()}
        else:
            sends = {name: [ref.tell for ref in refs] for name, refs in sends.items()}
        count = max(1, parameters["messages"] // 2)
        seconds = {"routed": 0.0, "direct": 0.0}
        for name in PARTS:
            work = partial(_seconds, sends[name], routed.routees, count)
            seconds[name] += routed.from_actor(work) if self.way == "from-actor" else work()
        handled = sum(routed.handled())
        if handled != len(PARTS) * count:
            msg = f"{handled} messages were handled, and {len(PARTS) * count} were sent"
            raise WrongResultError(msg)
        rates = {name: 2 * count / taken for name, taken in seconds.items()}
        return {
            "rate": rates["routed"],
            "direct": rates["direct"],
            "part": rates["routed"] / rates["direct"],
        }


_WAYS = {
    "": ("", "to a router over given actors"),
    "from-actor": (", from an actor", "by an actor to a router over given actors"),
    "by-proxy": (", by proxy", "through the proxy of a router over given actors"),
    "pool": (", supervised", "to a router that starts and supervises its routees itself"),
}


def _seconds(sends: Sequence[Callable[[Any], Any]], routees: Sequence[Any], count: int) -> float:
    """Send numbers, and wait until all are handled."""
    started = time.perf_counter()
    # A loop in C finds the next routee. So what is compared with is the least it can cost.
    for number, send in zip(range(count), itertools.cycle(sends), strict=False):
        send(number)
    for ref in routees:
        handled = threading.Event()
        ref.tell(handled.set)
        handled.wait(PATIENCE)
    return time.perf_counter() - started


class RouteKeys(Workload):
    """Which keys get another routee."""

    name = "route-keys"
    title = "keys that move"
    about = (
        "Which part of all keys gets another routee, by consistent hashing, when one joins ten, "
        "and when one of ten leaves. A tenth has to if one leaves, and an eleventh if one joins."
    )
    group = Group.EXTRAS
    metrics = (
        Metric("joins", Unit.PART, "key", "one joins"),
        Metric("leaves", Unit.PART, "key", "one leaves"),
    )
    parameters = {"routees": 10, "keys": 20_000}

    def warm_up(self, parameters: Parameters) -> dict[str, int]:
        """Nothing is timed."""
        return {**parameters, "keys": 1}

    def live(self, parameters: Parameters) -> int:
        """The routees, one more, and the router."""
        return parameters["routees"] + 2

    def run(self, system: System, parameters: Parameters) -> Values:
        """Let one join, and another one leave."""
        keys = [f"key {number}" for number in range(parameters["keys"])]
        before, joined, left = system.routees_of(keys, parameters["routees"])
        return {"joins": _part(before, joined), "leaves": _part(before, left)}


def _part(one: Sequence[object], other: Sequence[object]) -> float:
    return sum(a != b for a, b in zip(one, other, strict=True)) / len(one)
