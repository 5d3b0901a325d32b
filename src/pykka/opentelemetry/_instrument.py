"""To have a system traced and measured, and to leave off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import metrics, trace

from pykka._system.system import require_system
from pykka._util.checks import check_flag
from pykka._version import __version__
from pykka.instruments import Installation, install
from pykka.instruments._install import REFUSAL
from pykka.opentelemetry._metrics import Metrics
from pykka.opentelemetry._tracing import SpanMaker

if TYPE_CHECKING:
    from typing import Self

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from pykka._system.system import ActorSystem


class Instrumentation:
    """The return value of `instrument()`: until it is removed, a system is traced and measured.

    In a `with` statement, it is removed at the end of the block.
    """

    def __init__(self, tracing: SpanMaker, metrics: Metrics, system: ActorSystem) -> None:
        self._metrics = metrics
        self._installed: list[Installation] = []
        try:
            for each in (metrics, tracing):
                self._installed.append(install(each, system))
        except BaseException:
            self.remove()
            raise

    def remove(self) -> None:
        """Stop tracing and measuring. Doing so twice does no harm."""
        self._metrics.is_on = False
        for installation in self._installed:
            installation.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.remove()


def instrument(
    system: ActorSystem | None = None,
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    propagate: bool = True,
) -> Instrumentation:
    """Trace and measure the messages of all actors of a system with OpenTelemetry.

    Sending is a span `tell Shop`, `ask Shop`, `call Shop`, `defer Shop` or `tick Shop`. Handling
    is a span `process Shop`. For a question, the second is a child of the first. For any other
    message, it begins a new trace, and has a link to the first.

    The names follow OpenTelemetry's conventions for messaging, version 1.38, which may still
    change.

    Args:
        system: The system; `None` for the default one.
        tracer_provider: Where the tracer comes from; `None` for the provider that the program has
            set.
        meter_provider: Where the meter comes from; `None` for the provider that the program has
            set.
        propagate: Whether a handler runs in the sender's OpenTelemetry context, that is, with its
            span and its baggage. If not, the span of each handler begins a new trace, even for
            questions, with a link to the sender's span. Other `contextvars` are never passed on.

    Returns:
        The instrumentation, which can be removed.

    Raises:
        TypeError: `system` is not a system, or `propagate` is neither true nor false.

    Examples:
        >>> import pykka
        >>> from opentelemetry.sdk.trace import TracerProvider
        >>> from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        >>> from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        >>> from pykka.opentelemetry import instrument
        >>> class Shop(pykka.ThreadingActor):
        ...     def on_receive(self, message):
        ...         return message
        >>> exporter, provider = InMemorySpanExporter(), TracerProvider()
        >>> provider.add_span_processor(SimpleSpanProcessor(exporter))
        >>> with pykka.ActorSystem() as system, instrument(system, tracer_provider=provider):
        ...     shop = system.start(Shop)
        ...     answer = shop.ask("one kettle")
        ...     stopped = shop.stop()
        >>> [span.name for span in exporter.get_finished_spans()]
        ['ask Shop', 'process Shop']
    """
    check_flag("propagate", propagate)
    system = require_system(system, REFUSAL)
    tracer = trace.get_tracer("pykka", __version__, tracer_provider)
    meter = metrics.get_meter("pykka", __version__, meter_provider)
    tracing = SpanMaker(tracer, propagate=propagate)
    return Instrumentation(tracing, Metrics(meter, system), system)
