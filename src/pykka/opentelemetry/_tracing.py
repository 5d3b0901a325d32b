"""Spans of what is sent and handled, and how the context of a trace gets from one to the other.

The conventions are OpenTelemetry's for messaging, of version 1.38, whose status is development.
A send is a span of the kind PRODUCER, and to handle a message is one of the kind CONSUMER. For a
question, the second is a child of the first, since the asker is not done without it. For a tell
or a tick, it begins a trace of its own, and has a link to the first: what a sender has set going
may go on for ever. The destination is the class of the actor; its URN is an attribute of spans
only, for each value of an attribute of a metric costs something for ever.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

from pykka._util.log import is_a
from pykka.instruments import Instrument

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

    from pykka.instruments import Delivery


class _Travelling(NamedTuple):
    """What goes with a message: the span that has sent it, and what the sender was in."""

    span: Span
    context: Context | None
    """The sender's context with that span; `None` if it does not go along."""


class _Handling(NamedTuple):
    """What is kept while a message is handled."""

    span: Span
    token: Token[Context]


class SpanMaker(Instrument):
    """Makes the spans.

    Args:
        tracer: What they are made by.
        propagate: Whether a handler runs in the context of the sender.
    """

    def __init__(self, tracer: Tracer, *, propagate: bool) -> None:
        self._tracer = tracer
        self._propagate = propagate

    def sending(self, delivery: Delivery) -> object:
        """Begin the span of a send."""
        name = delivery.ref.actor_class.__name__
        span = self._tracer.start_span(
            f"{delivery.operation} {name}",
            kind=SpanKind.PRODUCER,
            attributes=labels_of(delivery, "send"),
        )
        if span.is_recording():
            _describe(span, delivery, span)
        return _Travelling(span, trace.set_span_in_context(span) if self._propagate else None)

    def sent(
        self,
        delivery: Delivery,
        context: _Travelling | None,
        seconds: float,
        error: BaseException | None,
    ) -> None:
        """End it."""
        del delivery, seconds
        if context is not None:
            _end(context.span, error)

    def handling(self, delivery: Delivery, context: _Travelling | None) -> object:
        """Begin the span of a message that is handled, and have the handler run in it."""
        origin = (
            contexts.Context() if context is None or context.context is None else context.context
        )
        links: list[Link] = []
        parent = origin
        if context is not None and not (self._propagate and delivery.expects_answer):
            links = [Link(context.span.get_span_context())]
            parent = trace.set_span_in_context(trace.INVALID_SPAN, origin)
        span = self._tracer.start_span(
            f"process {delivery.ref.actor_class.__name__}",
            context=parent,
            kind=SpanKind.CONSUMER,
            links=links,
            attributes=labels_of(delivery, "process"),
        )
        if span.is_recording():
            _describe(span, delivery, None if context is None else context.span)
        return _Handling(span, contexts.attach(trace.set_span_in_context(span, origin)))

    def handled(self, delivery: Delivery, state: _Handling | None, seconds: float) -> None:
        """End it."""
        del delivery, seconds
        self._end_handling(state, None)

    def failed(
        self, delivery: Delivery, state: _Handling | None, seconds: float, error: BaseException
    ) -> None:
        """End it with what the handler has raised."""
        del delivery, seconds
        self._end_handling(state, error)

    def passed_over(self, delivery: Delivery, state: _Handling | None, why: str) -> None:
        """End it, although the message was not handled, or not to the end."""
        del delivery
        if state is None:
            return
        state.span.set_attribute("pykka.passed_over", why)
        if why == "ended":  # this may be another thread, which is in another context
            state.span.end()
        else:
            self._end_handling(state, None)

    def _end_handling(self, state: _Handling | None, error: BaseException | None) -> None:
        if state is not None:
            contexts.detach(state.token)
            _end(state.span, error)


def labels_of(delivery: Delivery, kind: str) -> dict[str, Any]:
    """What spans and metrics say of a message; not to be changed.

    Args:
        delivery: The message.
        kind: The type of the operation, as the conventions have it.
    """
    return _labels(delivery.ref.actor_class.__name__, delivery.operation, kind)


@lru_cache(maxsize=1000)
def _labels(actor_class: str, operation: str, kind: str) -> dict[str, Any]:
    return {
        "messaging.system": "pykka",
        "messaging.destination.template": actor_class,
        "messaging.operation.name": operation if kind == "send" else kind,
        "messaging.operation.type": kind,
    }


def error_type(error: BaseException) -> str:
    """The value of `error.type`: the name of the class, with its module unless it is Python's."""
    cls = type(error)
    return (
        cls.__qualname__
        if cls.__module__ == "builtins"
        else f"{cls.__module__}.{cls.__qualname__}"
    )


def _describe(span: Span, delivery: Delivery, origin: Span | None) -> None:
    """Say what would be too much for a metric.

    Args:
        span: The span that is told of it.
        delivery: The message.
        origin: The span of the send.
    """
    ref = delivery.ref
    span.set_attribute("pykka.actor.urn", str(ref.actor_urn))
    if ref.name is not None:
        span.set_attribute("pykka.actor.name", ref.name)
    method = delivery.method
    if method is not None:
        span.set_attribute("code.function.name", method)
    if delivery.expects_answer and origin is not None:
        conversation = trace.format_span_id(origin.get_span_context().span_id)
        span.set_attribute("messaging.message.conversation_id", conversation)


def _end(span: Span, error: BaseException | None) -> None:
    if error is not None:
        kind = error_type(error)
        span.set_attribute("error.type", kind)
        span.set_status(Status(StatusCode.ERROR, kind))
        if is_a(error, Exception):
            span.record_exception(error)
    span.end()
