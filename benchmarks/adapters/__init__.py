"""All implementations. A new one is a file with a `System`, and an entry here."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.system import System


@dataclass(frozen=True)
class Adapter:
    """An implementation, and how to get at it."""

    name: str
    title: str
    environment: str
    """Where it is installed; see `benchmarks.environments`."""
    system: str
    """Module under `benchmarks.adapters` and class: "module:Class"."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Arguments for the class."""
    lacks: str = ""
    """What it does less than an actor of this library, so that figures are read with care."""
    scale: float = 1.0
    """How much of the repetitive part of a workload it is given: little if it is slow, much if it
    is so fast that the clock would not show it."""
    short: bool = True
    """Whether the short form of the benchmarks has it."""
    ours: bool = False

    def start(self) -> System:
        """Start it, in this process."""
        module, _, name = self.system.partition(":")
        made: System = getattr(importlib.import_module(f"benchmarks.adapters.{module}"), name)(
            **self.options
        )
        return made


def _ours(actor_class: str, *, threads: bool = False, scale: float = 1.0) -> Adapter:
    """One runtime of this library."""
    return Adapter(
        name=actor_class,
        title=f"ours, {actor_class}",
        environment="ours",
        system="pykka_api:PykkaSystem",
        options={"actor_class": actor_class, "threads": threads},
        scale=scale,
        ours=True,
    )


OURS = "ThreadingActor"
"""What the others are compared with."""
POOLED = "PooledActor"
"""Our other runtime, which is compared with the newest of its peers and with Erlang."""
PEER = "pykka-4.0.2"
NEWEST = "pykka-newest"
ERLANG = "erlang"
FLOOR = "thread"
IN_A_LOOP = "AsyncioActor"
TASK = "asyncio"

ADAPTERS: dict[str, Adapter] = {
    adapter.name: adapter
    for adapter in (
        _ours("ThreadingActor", threads=True),
        _ours("PooledActor", scale=5),
        Adapter(
            name="pykka-4.0.2",
            title="Pykka 4.0.2",
            environment="pykka-4.0.2",
            system="pykka_api:PykkaSystem",
            options={"actor_class": "ThreadingActor", "threads": True},
            lacks=(
                "an answer for every ask that races a stop; dead letters; errors for deadlocks; "
                "more than one reader of a future"
            ),
        ),
        Adapter(
            name="pykka-newest",
            title="newest Pykka",
            environment="pykka-newest",
            system="pykka_api:PykkaSystem",
            options={"actor_class": "ThreadingActor", "threads": True},
            lacks="dead letters; errors for deadlocks",
        ),
        Adapter(
            name="thread",
            title="thread + SimpleQueue",
            environment="bare",
            system="thread_queue:ThreadSystem",
            lacks=(
                "everything but the queue: no errors that come back, no names, no registry, no "
                "proxies, no orderly end; a round trip is two bare queues"
            ),
        ),
        Adapter(
            name="asyncio",
            title="asyncio.Queue task",
            environment="bare",
            system="asyncio_queue:AsyncioSystem",
            lacks=(
                "threads: one blocking handler stops all; no tell from other threads; no errors "
                "that come back, no names, no registry, no proxies"
            ),
            short=False,
        ),
        Adapter(  # measured with its peers, and not in each run as our other runtimes are
            name="AsyncioActor",
            title="ours, AsyncioActor",
            environment="ours",
            system="pykka_api:PykkaSystem",
            options={"actor_class": "AsyncioActor", "threads": False},
            lacks="threads: one blocking handler stops all others in the same loop",
            short=False,
        ),
        Adapter(
            name="futures",
            title="concurrent.futures",
            environment="bare",
            system="executor:ExecutorSystem",
            lacks="names, registry, hooks, dead letters; unread failures are silent",
            short=False,
        ),
        Adapter(
            name="xoscar",
            title="xoscar",
            environment="xoscar",
            system="xoscar:XoscarSystem",
            lacks="threads: one blocking handler stops all. It can do more: actors elsewhere",
            scale=0.2,
            short=False,
        ),
        Adapter(
            name="thespian",
            title="Thespian",
            environment="thespian",
            system="thespian:ThespianSystem",
            options={"base": "multiprocTCPBase", "most_actors": 130},
            lacks="nothing here; it does more: a process for each actor",
            scale=0.02,
            short=False,
        ),
        Adapter(
            name="thespian-simple",
            title="Thespian, simple base",
            environment="thespian",
            system="thespian:ThespianSystem",
            options={"base": "simpleSystemBase", "concurrent": False},
            lacks="concurrency: all actors run in the thread of the caller",
            scale=0.2,
            short=False,
        ),
        Adapter(
            name="erlang",
            title="Erlang/OTP",
            environment="erlang",
            system="erlang:ErlangSystem",
            lacks="Python: a language of its own, compiled to machine code",
            scale=10,
        ),
    )
}
