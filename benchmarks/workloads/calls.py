"""What users feel: calls of methods through a proxy, and what goes with them."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING

from benchmarks.workload import Group, Metric, Unit, Workload, check

if TYPE_CHECKING:
    from benchmarks.system import System
    from benchmarks.workload import Parameters, Values


class ProxiedCall(Workload):
    """A call, and its result."""

    name = "proxied-call"
    title = "proxied call"
    about = "The main program calls a method of an actor, and waits for what it returns."
    group = Group.FEEL
    metrics = (Metric("time", Unit.SECONDS, "call"),)
    parameters = {"calls": 10_000}
    scaled = ("calls",)

    def run(self, system: System, parameters: Parameters) -> Values:
        """Call and call again."""
        numbers = range(parameters["calls"])
        started = time.perf_counter()
        sums = system.call_each(numbers)
        seconds = time.perf_counter() - started
        check(sums, list(itertools.accumulate(numbers)))
        return {"time": seconds / len(numbers)}


class Defer(Workload):
    """Calls whose results nobody wants."""

    name = "defer"
    title = "defer"
    about = (
        "The main program calls a method without waiting; the clock stops when the last is done."
    )
    group = Group.FEEL
    metrics = (Metric("rate", Unit.PER_SECOND, "call"),)
    parameters = {"calls": 50_000}
    scaled = ("calls",)
    may_be_more = False

    def run(self, system: System, parameters: Parameters) -> Values:
        """Call, and wait for the last to be done."""
        numbers = range(parameters["calls"])
        started = time.perf_counter()
        total = system.defer_each(numbers)
        seconds = time.perf_counter() - started
        check(total, sum(numbers))
        return {"rate": len(numbers) / seconds}


class AttributeRead(Workload):
    """An attribute, and its value."""

    name = "attribute-read"
    title = "attribute read"
    about = "The main program reads an attribute of an actor, and waits for the value."
    group = Group.FEEL
    metrics = (Metric("time", Unit.SECONDS, "read"),)
    parameters = {"reads": 10_000}
    scaled = ("reads",)
    short = False

    def run(self, system: System, parameters: Parameters) -> Values:
        """Read and read again."""
        count = parameters["reads"]
        started = time.perf_counter()
        values = system.read_each(count)
        seconds = time.perf_counter() - started
        check(values, [42] * count)
        return {"time": seconds / count}


class ProxyMaking(Workload):
    """A new proxy for a class that was seen before."""

    name = "proxy-making"
    title = "actor.proxy()"
    about = "Making a proxy of an actor, once its class has been seen."
    group = Group.FEEL
    metrics = (Metric("time", Unit.SECONDS, "proxy"),)
    parameters = {"proxies": 10_000}
    scaled = ("proxies",)

    def run(self, system: System, parameters: Parameters) -> Values:
        """Make proxies."""
        count = parameters["proxies"]
        system.make_proxies(1)
        started = time.perf_counter()
        system.make_proxies(count)
        return {"time": (time.perf_counter() - started) / count}
