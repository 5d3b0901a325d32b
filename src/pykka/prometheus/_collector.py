"""A collector of `prometheus_client` that asks a system how it stands.

Problem
    A counter must never go back: Prometheus would take that for a restart of the program, and
    count everything anew. But what actors have handled is kept by the actors, and they end. So
    what an actor has counted is noted when it ends, and each metric is the sum of what was noted
    and of what the living say.

    Actors end on any thread, in signal handlers and finalisers too, so no lock is held.

Invariants
    1. *What an actor has counted is noted once.* Who takes it out of the dictionary of the living
       notes it. Scrapers fold the notes: each note is taken out by one of them, in one step, and
       the sums are put back.
    2. *No counter goes back.* An actor may be among neither the living nor the ended for a moment,
       and notes may be in the hands of another scraper. So a scraper says no less than was said
       before.
"""

from __future__ import annotations

from collections import Counter, deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from pykka._system.life_events import ActorEnded, ActorRestarted, ActorStarted
from pykka._system.system import require_system
from pykka._util.checks import check_flag

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from prometheus_client import Metric

    from pykka._ref.ref import ActorRef
    from pykka._statistics import ActorStatistics
    from pykka._system.system import ActorSystem


class _Counted(NamedTuple):
    """What is counted of the actors of a class."""

    metric: str
    actor_class: str


_TOO_MANY = 1000
"""So many notes are folded although no scraper has come."""

_COUNTERS = {
    "pykka_actors_started": "Actors that were started.",
    "pykka_actors_ended": "Actors that have ended, for whatever reason.",
    "pykka_actors_failed": "Actors that have ended because of an exception.",
    "pykka_actor_restarts": "Restarts of actors by their supervisors.",
    "pykka_messages_handled": "Messages that actors have begun to handle, and not set aside.",
    "pykka_messages_failed": "Messages whose handlers have raised an exception.",
    "pykka_messages_cancelled": "Questions not handled because their askers had cancelled them.",
    "pykka_messages_expired": "Questions not handled because their askers had given up.",
}

_GAUGES = {
    "pykka_actors": "Actors that are alive.",
    "pykka_messages_waiting": "Messages that wait in inboxes.",
    "pykka_messages_stashed": "Messages that actors have set aside.",
    "pykka_oldest_message_seconds": "How long the oldest message in an inbox has been waiting; "
    "0 if none waits.",
}


class Collector:
    """Shows the actors of a system to Prometheus, by class. All you have to do is register it.

    All names begin with `pykka_`. The labels are `system` and `class`, which is the name of the
    actor's class without its module. A single actor is never a label. Metrics that belong to no
    class, such as dead letters and threads of the dispatcher, have only the label `system`.

    A scrape asks each living actor for its statistics, which takes a few microseconds for each.

    Args:
        system: The system; `None` for the default one.
        keep_statistics: Whether the actors count what they handle, which costs up to a microsecond
            for each message; see `ActorSystem.keep_statistics`. If not, and unless they count
            already, there are no metrics of handled and failed messages, nor of how long messages
            have been waiting.

    Raises:
        TypeError: `system` is not a system, or `keep_statistics` is neither true nor false.

    Examples:
        >>> import prometheus_client
        >>> import pykka
        >>> from pykka.prometheus import Collector
        >>> class Echo(pykka.ThreadingActor):
        ...     def on_receive(self, message):
        ...         return message
        >>> registry = prometheus_client.CollectorRegistry()
        >>> with pykka.ActorSystem("shop") as system, Collector(system) as collector:
        ...     registry.register(collector)
        ...     echo = system.start(Echo)
        ...     answer = echo.ask("hello")
        ...     labels = {"system": "shop", "class": "Echo"}
        ...     registry.get_sample_value("pykka_messages_handled_total", labels)
        1
    """

    def __init__(self, system: ActorSystem | None = None, *, keep_statistics: bool = True) -> None:
        self._system = require_system(
            system, "a Collector looks at a pykka.ActorSystem, not at {}"
        )
        check_flag("keep_statistics", keep_statistics)
        self._living: dict[ActorRef[Any], None] = {}
        self._notes: deque[tuple[_Counted, int]] = deque()
        self._said: dict[_Counted, int] = {}
        """What was said of counters last."""
        try:
            self._begin(keep_statistics=keep_statistics)
        except BaseException:
            self.close()  # a signal handler raised, we do not know where
            raise

    def _begin(self, *, keep_statistics: bool) -> None:
        system = self._system
        system.events.subscribe(ActorStarted, self._started)
        system.events.subscribe(ActorRestarted, self._restarted)
        system.events.subscribe(ActorEnded, self._ended)
        if keep_statistics:
            system.keep_statistics()
        for ref in system.get_all():
            self._living.setdefault(ref, None)
            if not system.knows(ref._cell):  # in this order; perhaps its end was published before
                self._living.pop(ref, None)

    def close(self) -> None:
        """Stop looking at the system. Doing so twice does no harm."""
        for subscriber in (self._started, self._restarted, self._ended):
            self._system.events.unsubscribe(subscriber)
        self._living.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _started(self, event: ActorStarted) -> None:
        self._living[event.ref] = None
        self._note("pykka_actors_started", _class_of(event.ref))

    def _restarted(self, event: ActorRestarted) -> None:
        self._note("pykka_actor_restarts", _class_of(event.ref))

    def _ended(self, event: ActorEnded) -> None:
        ref, name = event.ref, _class_of(event.ref)
        was_there = self._living.pop(ref, self) is None
        if was_there:
            for metric, value in _counts_of(ref.statistics()):
                self._note(metric, name, value)
        self._note("pykka_actors_ended", name)
        if hasattr(event.reason, "exception"):
            self._note("pykka_actors_failed", name)
        if len(self._notes) > _TOO_MANY:
            self._fold()

    def _note(self, metric: str, name: str, value: int = 1) -> None:
        if value:
            self._notes.append((_Counted(metric, name), value))

    def _fold(self) -> Counter[_Counted]:
        """The sum of all notes, which takes their place."""
        sums: Counter[_Counted] = Counter()
        try:
            with suppress(IndexError):
                while True:
                    counted, value = self._notes.popleft()
                    sums[counted] += value
        finally:
            self._notes.extend(sums.items())
        return sums

    def collect(self) -> Iterator[Metric]:
        """Return the metrics; the registry calls this for each scrape."""
        counts = self._fold()
        gauges: Counter[_Counted] = Counter()
        for ref in self._living.copy():
            statistics, name = ref.statistics(), _class_of(ref)
            for metric, value in _counts_of(statistics):
                counts[_Counted(metric, name)] += value
            gauges[_Counted("pykka_actors", name)] += 1
            gauges[_Counted("pykka_messages_waiting", name)] += statistics.waiting
            gauges[_Counted("pykka_messages_stashed", name)] += statistics.stashed
            if statistics.handled is not None:
                oldest = _Counted("pykka_oldest_message_seconds", name)
                gauges[oldest] = max(gauges[oldest], statistics.oldest or 0)  # type: ignore[assignment]
        for counted in {*counts, *self._said}:
            self._said[counted] = max(self._said.get(counted, 0), counts[counted])
        for metric, text in _GAUGES.items():
            yield self._filled(GaugeMetricFamily(metric, text, labels=_LABELS), metric, gauges)
        for metric, text in _COUNTERS.items():
            family = CounterMetricFamily(metric, text, labels=_LABELS)
            yield self._filled(family, metric, self._said.copy())
        yield from self._of_the_system()

    def _filled(self, family: Any, metric: str, values: dict[_Counted, int]) -> Metric:
        for counted, value in sorted(values.items()):
            if counted.metric == metric:
                family.add_metric([self._system.name, counted.actor_class], value)
        found: Metric = family
        return found

    def _of_the_system(self) -> Iterator[Metric]:
        """What belongs to no class."""
        system = self._system
        letters = CounterMetricFamily(
            "pykka_dead_letters",
            "Messages that were accepted and never handled.",
            labels=["system"],
        )
        letters.add_metric([system.name], system.dead_letters.statistics().total)
        yield letters
        timers = GaugeMetricFamily(
            "pykka_timers", "Timers that still have something to deliver.", labels=["system"]
        )
        timers.add_metric([system.name], sum(len(ref.timers()) for ref in self._living.copy()))
        yield timers
        dispatcher = system._dispatcher
        if dispatcher is None:
            return
        statistics = dispatcher.statistics()
        for name, text, value in (
            ("threads", "Threads of the dispatcher.", statistics.threads),
            ("blocked_threads", "Threads of the dispatcher that are blocked.", statistics.blocked),
            ("ready_actors", "Actors that wait for a thread.", statistics.ready),
        ):
            gauge = GaugeMetricFamily(f"pykka_dispatcher_{name}", text, labels=["system"])
            gauge.add_metric([system.name], value)
            yield gauge

    def __repr__(self) -> str:
        return f"<Collector of {self._system!r}>"


_LABELS = ["system", "class"]


def _class_of(ref: ActorRef[Any]) -> str:
    return ref.actor_class.__name__


def _counts_of(statistics: ActorStatistics) -> list[tuple[str, int]]:
    """What an actor has counted, if it does."""
    if statistics.handled is None:
        return []
    return [
        ("pykka_messages_handled", statistics.handled),
        ("pykka_messages_failed", statistics.failures or 0),
        ("pykka_messages_cancelled", statistics.cancelled or 0),
        ("pykka_messages_expired", statistics.expired or 0),
    ]
