"""Counters, histograms and gauges; see `pykka.opentelemetry._tracing` for the conventions.

What is counted of messages is counted as they pass. How it stands with actors is asked when the
program's SDK reads its gauges, all living actors at a time.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from opentelemetry.metrics import Observation

from pykka.instruments import Instrument
from pykka.opentelemetry._tracing import error_type, labels_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from opentelemetry.metrics import CallbackOptions, Meter

    from pykka._cell.reasons import Reason
    from pykka._ref.ref import ActorRef
    from pykka._system.dead_letters import DeadLetter
    from pykka._system.system import ActorSystem
    from pykka.instruments import Delivery

BUCKETS = [
    *(1e-6, 5e-6, 1e-5, 5e-5, 1e-4, 5e-4, 0.001),
    *(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10),
]
"""Bounds of the buckets of durations, in seconds: those of the conventions, and finer ones."""


class Metrics(Instrument):
    """Measures.

    Args:
        meter: What the metrics are made by.
        system: The system whose actors are looked at.
    """

    def __init__(self, meter: Meter, system: ActorSystem) -> None:
        self._system = system
        self._of_system = {"pykka.system": system.name}
        self.is_on = True
        """Whether the gauges say anything; they cannot be taken out of a meter."""
        self._send_duration = meter.create_histogram(
            "messaging.client.operation.duration",
            unit="s",
            description="Duration of a send; an inbox with a bound may make its senders wait.",
            explicit_bucket_boundaries_advisory=BUCKETS,
        )
        self._process_duration = meter.create_histogram(
            "messaging.process.duration",
            unit="s",
            description="How long handlers took, with all that they awaited.",
            explicit_bucket_boundaries_advisory=BUCKETS,
        )
        self._sent = meter.create_counter(
            "messaging.client.sent.messages", unit="{message}", description="Messages sent."
        )
        self._consumed = meter.create_counter(
            "messaging.client.consumed.messages",
            unit="{message}",
            description="Messages handled.",
        )
        self._restarts = meter.create_counter(
            "pykka.restarts", unit="{restart}", description="Actors that were restarted."
        )
        self._dead_letters = meter.create_counter(
            "pykka.dead_letters",
            unit="{message}",
            description="Messages that will never be handled.",
        )
        for name, unit, text, callback in (
            ("pykka.actors", "{actor}", "Actors that are alive.", self._actors),
            ("pykka.inbox.size", "{message}", "Messages that wait.", self._sizes),
            ("pykka.inbox.age", "s", "How long the first message has waited.", self._ages),
            ("pykka.dispatcher.threads", "{thread}", "Threads of the pool.", self._threads),
        ):
            meter.create_observable_gauge(name, [self._while_on(callback)], unit, text)

    def sent(
        self, delivery: Delivery, context: Any, seconds: float, error: BaseException | None
    ) -> None:
        """Count a send."""
        del context
        attributes = _with_error(labels_of(delivery, "send"), error)
        self._sent.add(1, attributes)
        self._send_duration.record(seconds, attributes)

    def handled(self, delivery: Delivery, state: Any, seconds: float) -> None:
        """Count a message that was handled."""
        del state
        self._count(delivery, seconds, None)

    def failed(self, delivery: Delivery, state: Any, seconds: float, error: BaseException) -> None:
        """Count one whose handler has raised."""
        del state
        self._count(delivery, seconds, error)

    def _count(self, delivery: Delivery, seconds: float, error: BaseException | None) -> None:
        attributes = _with_error(labels_of(delivery, "process"), error)
        self._consumed.add(1, attributes)
        self._process_duration.record(seconds, attributes)

    def restarted(self, ref: ActorRef[Any], reason: Reason) -> None:
        """Count a restart."""
        del reason
        self._restarts.add(1, _of_class(ref) | self._of_system)

    def dead_letter(self, letter: DeadLetter) -> None:
        """Count a dead letter."""
        self._dead_letters.add(1, _of_class(letter.target) | self._of_system)

    def _while_on(
        self, observe: Callable[[], Iterable[Observation]]
    ) -> Callable[[CallbackOptions], Iterable[Observation]]:
        return lambda _options: observe() if self.is_on else []

    def _actors(self) -> Iterable[Observation]:
        counts = Counter(ref.actor_class.__name__ for ref in self._system.get_all())
        return self._observed(counts)

    def _sizes(self) -> Iterable[Observation]:
        sizes: Counter[str] = Counter()
        for ref in self._system.get_all():
            sizes[ref.actor_class.__name__] += ref.statistics().waiting
        return self._observed(sizes)

    def _ages(self) -> Iterable[Observation]:
        ages: dict[str, float] = {}
        for ref in self._system.get_all():
            name = ref.actor_class.__name__
            ages[name] = max(ages.get(name, 0.0), ref.statistics().oldest or 0.0)
        return self._observed(ages)

    def _threads(self) -> Iterable[Observation]:
        dispatcher = self._system._dispatcher
        if dispatcher is None:
            return []
        return [Observation(dispatcher.statistics().threads, self._of_system)]

    def _observed(self, values: dict[str, int] | dict[str, float]) -> list[Observation]:
        return [
            Observation(value, {"messaging.destination.template": name} | self._of_system)
            for name, value in values.items()
        ]


def _of_class(ref: ActorRef[Any]) -> dict[str, str]:
    return {"messaging.destination.template": ref.actor_class.__name__}


def _with_error(attributes: dict[str, Any], error: BaseException | None) -> dict[str, Any]:
    return attributes if error is None else attributes | {"error.type": error_type(error)}
