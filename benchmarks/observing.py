"""What it costs to be seen: instruments, metrics, traces, and the observer.

All is measured in this process, in many short rounds that alternate between the ways to be seen
and a program that is not; what counts is the processor time of the whole process. So other
programs on the machine make little difference.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pykka
from pykka import instruments, observer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROUNDS = 9
TELLS = 3_000
"""So many messages a round, for each way."""

ACTORS = 100_000
"""So many actors has the program that is observed."""

SECONDS = 2.0
"""Processor time of one round of it."""

VIEWER = """
import sys, time
from pykka.observer._client import connect
for line in sys.stdin:
    with connect(sys.argv[1]) as client:
        end = time.monotonic() + float(line)
        while True:
            client.ask("look")
            print("seen", flush=True)
            if time.monotonic() >= end:
                break
            time.sleep(0.5)
    print("done", flush=True)
"""
"""Looks twice a second, for as long as it is told to."""


class Threaded(pykka.ThreadingActor):
    """Does nothing with what it is told."""

    def on_receive(self, message: object) -> object:
        """Return the message."""
        return message


class Pooled(pykka.PooledActor):
    """Does nothing with what it is told."""

    def on_receive(self, message: object) -> object:
        """Return the message."""
        return message


@dataclass(frozen=True)
class Row:
    """What a message costs with one way to be seen."""

    name: str
    seconds: dict[str, float]
    """By runtime: processor time for a tell that is handled, the median of the rounds."""


def ways(closing: contextlib.ExitStack) -> dict[str, Callable[[pykka.ActorSystem], Any]]:
    """The ways to be seen that there are here: each takes a system, and returns what ends it.

    Args:
        closing: Ends what they need, when all is measured.
    """
    found: dict[str, Callable[[pykka.ActorSystem], Any]] = {
        "not seen": lambda _system: None,
        "statistics": lambda system: system.keep_statistics(),
        "an instrument that does nothing": lambda system: instruments.install(_Nothing(), system),
    }
    with contextlib.suppress(ImportError):
        found.update(_of_opentelemetry(closing))
    return found


class _Nothing(instruments.Instrument):
    """Is told of nothing but what it inherits."""


def _of_opentelemetry(
    closing: contextlib.ExitStack,
) -> dict[str, Callable[[pykka.ActorSystem], Any]]:
    from opentelemetry.metrics import NoOpMeterProvider  # noqa: PLC0415 (it may not be there)
    from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import (  # noqa: PLC0415
        BatchSpanProcessor,
        SpanExporter,
        SpanExportResult,
    )
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON  # noqa: PLC0415
    from opentelemetry.trace import NoOpTracerProvider  # noqa: PLC0415

    from pykka.opentelemetry import instrument  # noqa: PLC0415

    class Drop(SpanExporter):
        """Throws away what it is given."""

        def export(self, spans: object) -> SpanExportResult:
            """Do so."""
            del spans
            return SpanExportResult.SUCCESS

    meters = MeterProvider([], shutdown_on_exit=False)

    def traced(sampler: Any) -> Callable[[pykka.ActorSystem], Any]:
        tracers = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        tracers.add_span_processor(BatchSpanProcessor(Drop()))
        closing.callback(tracers.shutdown)
        return lambda system: instrument(
            system, tracer_provider=tracers, meter_provider=NoOpMeterProvider()
        )

    return {
        "metrics": lambda system: instrument(
            system, tracer_provider=NoOpTracerProvider(), meter_provider=meters
        ),
        "traces, all left out by sampling": traced(ALWAYS_OFF),
        "traces of all messages": traced(ALWAYS_ON),
    }


def measure(rounds: int = ROUNDS, tells: int = TELLS) -> list[Row]:
    """What a tell costs in each way, on each runtime."""
    found: dict[str, dict[str, list[float]]] = {}
    with contextlib.ExitStack() as closing:
        each = ways(closing)
        for number in range(rounds + 1):
            for name, begin in each.items():
                costs = found.setdefault(name, {})
                for actor_class in (Threaded, Pooled):
                    cost = _cost_of_a_tell(actor_class, begin, tells)
                    if number:  # the first one warms up
                        costs.setdefault(actor_class.__name__, []).append(cost)
    return [
        Row(name, {runtime: statistics.median(many) for runtime, many in costs.items()})
        for name, costs in found.items()
    ]


def _cost_of_a_tell(
    actor_class: Any, begin: Callable[[pykka.ActorSystem], Any], tells: int
) -> float:
    with pykka.ActorSystem("observed") as system:
        installed = begin(system)
        ref = system.start(actor_class)
        ref.ask(0, timeout=60)
        began = time.process_time()
        for number in range(tells):
            ref.tell(number)
        ref.ask(0, timeout=60)
        cost = (time.process_time() - began) / tells
        if installed is not None:
            installed.remove()
    return cost


def measure_observer(
    rounds: int = ROUNDS, actors: int = ACTORS, seconds: float = SECONDS
) -> list[float]:
    """By which part a message costs more while a viewer looks, for each round.

    The program tells as fast as it can, and has very many other actors, which are idle.
    """
    with pykka.ActorSystem("observed") as system, observer.serve(name="observed"):
        crowd = [system.start(Pooled) for _ in range(actors)]
        ref = system.start(Threaded)
        with _viewer() as look:
            _tell_for(ref, seconds)
            found: list[float] = []
            for number in range(rounds):
                costs: dict[bool, float] = {}
                for is_seen in (False, True) if number % 2 else (True, False):
                    with look(seconds) if is_seen else contextlib.nullcontext():
                        costs[is_seen] = _tell_for(ref, seconds)
                found.append(costs[True] / costs[False] - 1)
        del crowd
    return found


def _tell_for(ref: pykka.ActorRef[Any], seconds: float) -> float:
    """Tell for so much processor time; returns what a message took."""
    began = time.process_time()
    sent = 0
    while time.process_time() - began < seconds:
        for number in range(1_000):
            ref.tell(number)
        ref.ask(0, timeout=60)
        sent += 1_000
    return (time.process_time() - began) / sent


@contextlib.contextmanager
def _viewer() -> Iterator[Callable[[float], contextlib.AbstractContextManager[None]]]:
    """Another process that looks, for as long as the blocks of what this gives."""
    command = [sys.executable, "-c", VIEWER, str(os.getpid())]
    with subprocess.Popen(  # noqa: S603 (it is this interpreter)
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        said, answered = process.stdin, process.stdout
        assert said is not None
        assert answered is not None

        @contextlib.contextmanager
        def look(seconds: float) -> Iterator[None]:
            said.write(f"{seconds}\n")
            said.flush()
            answered.readline()  # the first look, so it is connected
            yield
            while answered.readline().strip() != "done":
                pass

        yield look
        said.close()


def told(rows: list[Row], observed: list[float]) -> list[str]:
    """The rows as a table in Markdown."""
    lines = ["| | thread | pool |", "|:--|--:|--:|"]
    for row in rows:
        cells = [f"{row.seconds[name.__name__] * 1e6:.2f} µs" for name in (Threaded, Pooled)]
        lines.append(f"| {row.name} | {' | '.join(cells)} |")
    if observed:
        middle = statistics.median(observed)
        lines += ["", f"A viewer that looks twice a second at {ACTORS:,} actors: {middle:+.1%}"]
    return lines
