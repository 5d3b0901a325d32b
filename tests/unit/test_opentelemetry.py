"""`pykka.opentelemetry`: spans and metrics, as the SDK exports them."""

from __future__ import annotations

import random
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka.resilience import Backoff, RateLimiter, Retry
from pykka.routing import RoundRobin, TailChopping
from pykka.supervision import ChildSpec, Supervisor

pytest.importorskip("opentelemetry.sdk")
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import (
    InMemorySpanExporter,
)
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from pykka.opentelemetry import _tracing, instrument
from pykka.opentelemetry._tracing import SpanMaker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.sdk.trace import ReadableSpan
    from tests.conftest import Log

    from pykka.timers import ManualClock


class Spans:
    """The spans that have ended."""

    def __init__(self, **options: Any) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False, **options)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.provider.get_tracer("the test")

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.exporter.get_finished_spans() if span.name == name]

    def wait_for(self, name: str, count: int = 1) -> list[ReadableSpan]:
        wait_until(lambda: len(self.named(name)) >= count, f"{name} is exported")
        return self.named(name)

    def one(self, name: str) -> ReadableSpan:
        (span,) = self.wait_for(name)
        return span


def id_of(span: Any) -> tuple[int, int]:
    of = span.get_span_context()
    return of.trace_id, of.span_id


def parent_of(span: Any) -> tuple[int, int] | None:
    return None if span.parent is None else (span.parent.trace_id, span.parent.span_id)


def links_of(span: Any) -> list[tuple[int, int]]:
    return [(link.context.trace_id, link.context.span_id) for link in span.links]


@pytest.fixture
def spans() -> Spans:
    return Spans()


@pytest.fixture
def reader() -> InMemoryMetricReader:
    return InMemoryMetricReader()


@pytest.fixture
def system(spans: Spans, reader: InMemoryMetricReader, log: Log) -> Iterator[pykka.ActorSystem]:
    meters = MeterProvider([reader], shutdown_on_exit=False)
    with (
        pykka.ActorSystem("shop", shutdown_timeout=PATIENCE) as system,
        instrument(system, tracer_provider=spans.provider, meter_provider=meters),
    ):
        yield system
    assert [r.message for r in log.records if "instrument" in r.message] == []
    meters.shutdown()


class Till(pykka.ThreadingActor):
    def on_receive(self, message: Any) -> Any:
        return baggage.get_baggage("user")


class Stock(pykka.PooledActor):
    def take(self, till: pykka.ActorRef[Till]) -> Any:
        return till.ask("pay")


class Desk(pykka.AsyncioActor):
    async def order(self, stock: Any, till: pykka.ActorRef[Till]) -> Any:
        return await stock.call(Stock.take, till)


class Door(pykka.AsyncioActor):
    async def enter(self, desk: Any, *others: Any) -> Any:
        return await desk.call(Desk.order, *others)


class Host(pykka.ThreadingActor):
    def greet(self, door: Any, *others: Any) -> Any:
        return door.call(Door.enter, *others).get()


def test_one_trace_goes_through_five_actors_on_three_runtimes(
    system: pykka.ActorSystem, spans: Spans
) -> None:
    host, door, desk = system.start(Host), system.start(Door), system.start(Desk)
    stock, till = system.start(Stock), system.start(Till)
    token = context.attach(baggage.set_baggage("user", "ada"))
    with spans.tracer.start_as_current_span("request") as request:
        answer = host.call(Host.greet, door, desk, stock, till).get(timeout=PATIENCE)
    context.detach(token)
    assert answer == "ada"
    above = id_of(request)
    for how, name in (
        *(("call", "Host"), ("call", "Door"), ("call", "Desk"), ("call", "Stock")),
        ("ask", "Till"),
    ):
        send, process = spans.one(f"{how} {name}"), spans.one(f"process {name}")
        assert parent_of(send) == above, name
        assert parent_of(process) == id_of(send), name
        assert (links_of(send), links_of(process)) == ([], [])
        assert (send.kind, process.kind) == (trace.SpanKind.PRODUCER, trace.SpanKind.CONSUMER)
        above = id_of(process)
    wait_until(lambda: len(spans.exporter.get_finished_spans()) == 11, "there are no others")
    assert len({id_of(span)[0] for span in spans.exporter.get_finished_spans()}) == 1


def test_what_spans_say(system: pykka.ActorSystem, spans: Spans) -> None:
    stock = system.start(Stock.options(name="stock"))
    till = system.start(Till)
    stock.call(Stock.take, till).get(timeout=PATIENCE)
    send, process = spans.one("call Stock"), spans.one("process Stock")
    assert send.attributes == {
        "messaging.system": "pykka",
        "messaging.destination.template": "Stock",
        "messaging.operation.name": "call",
        "messaging.operation.type": "send",
        "messaging.message.conversation_id": trace.format_span_id(id_of(send)[1]),
        "code.function.name": "take",
        "pykka.actor.urn": stock.actor_urn,
        "pykka.actor.name": "stock",
    }
    assert process.attributes == {
        **dict(send.attributes),
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
    }


def test_a_tell_begins_a_trace_and_has_a_link(system: pykka.ActorSystem, spans: Spans) -> None:
    till = system.start(Till)
    router = RoundRobin([till])
    with spans.tracer.start_as_current_span("request") as request:
        till.tell("x")
        till.tell_after(0, "x")
        router.tell("x")
    till.ask("x")
    sends = [*spans.wait_for("tell Till", 2), spans.one("tick Till")]
    processes = [span for span in spans.wait_for("process Till", 4) if span.links]
    assert [parent_of(send) for send in sends] == [id_of(request)] * 3
    assert [parent_of(process) for process in processes] == [None] * 3
    assert sorted(link for each in processes for link in links_of(each)) == sorted(
        id_of(send) for send in sends
    )
    assert id_of(request)[0] not in {id_of(process)[0] for process in processes}


def test_no_span_is_lost_over_a_restart(system: pykka.ActorSystem, spans: Spans) -> None:
    class Fragile(pykka.PooledActor):
        def on_receive(self, message: Any) -> Any:
            if message == "fail":
                raise ValueError(message)
            return message

    office = system.start(Supervisor, [ChildSpec("fragile", Fragile)], max_restarts=9)
    fragile = office.proxy().get_child("fragile").get(timeout=PATIENCE)
    answers = []
    for _ in range(3):
        fragile.tell("fail")
        answers += [fragile.ask("x", block=False) for _ in range(5)]
    pykka.get_all(answers, timeout=PATIENCE)
    processes = spans.wait_for("process Fragile", 18)
    asks, tells = spans.named("ask Fragile"), spans.named("tell Fragile")
    assert sorted(filter(None, map(parent_of, processes))) == sorted(map(id_of, asks))
    failed = [each for each in processes if each.status.status_code is trace.StatusCode.ERROR]
    assert sorted(links_of(each)[0] for each in failed) == sorted(map(id_of, tells))
    assert [dict(each.attributes or {})["error.type"] for each in failed] == ["ValueError"] * 3


class Waiting(pykka.ThreadingActor):
    """Sets aside what comes first, and waits for the end in the middle of what comes then."""

    stash_capacity = 1

    def on_receive(self, message: Any) -> Any:
        if message == "aside":
            self.stash()
        else:
            begun, may_end = message
            begun.set()
            may_end.wait(PATIENCE)


def test_what_is_not_handled_to_its_end_says_why(system: pykka.ActorSystem, spans: Spans) -> None:
    begun, may_end = threading.Event(), threading.Event()
    ref = system.start(Waiting)
    ref.tell("aside")
    assert spans.one("process Waiting").attributes["pykka.passed_over"] == "set aside"  # type: ignore[index]
    ref.tell((begun, may_end))
    assert begun.wait(PATIENCE)
    ref.kill(block=False, abandon_after=0)
    (_aside, ended) = spans.wait_for("process Waiting", 2)
    assert ended.attributes is not None
    assert ended.attributes["pykka.passed_over"] == "ended"
    may_end.set()


def test_what_has_no_span_ends_none(spans: Spans) -> None:
    maker, delivery = SpanMaker(spans.tracer, propagate=True), None
    for end, *rest in (
        (maker.sent, 0.0, None),
        (maker.handled, 0.0),
        (maker.failed, 0.0, ValueError()),
        (maker.passed_over, "ended"),
    ):
        end(delivery, None, *rest)  # type: ignore[operator]
    assert spans.exporter.get_finished_spans() == ()
    _tracing._end(spans.tracer.start_span("interrupted"), KeyboardInterrupt())
    interrupted = spans.one("interrupted")
    assert interrupted.attributes is not None
    assert interrupted.attributes["error.type"] == "KeyboardInterrupt"
    assert interrupted.events == ()


class Flaky(pykka.ThreadingActor):
    """Fails once, or waits once, and then says in whose context it is asked."""

    def __init__(self, is_over: threading.Event | None = None) -> None:
        super().__init__()
        self.is_over = is_over
        self.asked = 0

    def on_receive(self, message: Any) -> Any:
        self.asked += 1
        if self.asked == 1 and message == "fail":
            raise ValueError
        if self.is_over is not None:
            self.is_over.wait(PATIENCE)
        return baggage.get_baggage("user")


def ask_with_retry(system: pykka.ActorSystem, clock: ManualClock) -> Any:
    backoff = Backoff(minimum=1, jitter=0)
    retry = Retry(system.start(Flaky), backoff=backoff, retry_on=ValueError, clock=clock)
    return retry.ask("fail", block=False)


def ask_with_limiter(system: pykka.ActorSystem, clock: ManualClock) -> Any:
    limiter = RateLimiter(system.start(Flaky), rate=1, clock=clock)
    limiter.ask("the first one, which is sent at once", block=False)
    return limiter.ask("the second one, which has to wait", block=False)


def ask_after_silence(system: pykka.ActorSystem, clock: ManualClock) -> Any:
    is_over = threading.Event()
    refs = [system.start(Flaky, is_over), system.start(Flaky)]
    chopping = TailChopping(refs, interval=1, clock=clock, random=InOrder())
    answer = chopping.ask("hello", block=False)
    answer.add_done_callback(lambda _answer: is_over.set())
    return answer


def ask_after_failure(system: pykka.ActorSystem, clock: ManualClock) -> Any:
    refs = [system.start(Flaky), system.start(Till)]
    return TailChopping(refs, clock=clock, random=InOrder()).ask("fail", block=False)


class InOrder(random.Random):
    """Has the first routee asked first."""

    def shuffle(self, x: Any) -> None:
        pass


@pytest.mark.parametrize(
    "ask", [ask_with_retry, ask_with_limiter, ask_after_silence, ask_after_failure]
)
def test_what_is_asked_later_is_asked_in_the_context_of_the_asker(
    system: pykka.ActorSystem, spans: Spans, clock: ManualClock, ask: Callable[..., Any]
) -> None:
    with spans.tracer.start_as_current_span("the asker") as asker:
        token = context.attach(baggage.set_baggage("user", "ada"))
        answer = ask(system, clock)
        context.detach(token)

    def is_answered() -> bool:
        clock.advance(1)
        done: bool = answer.done()
        return done

    wait_until(is_answered, "there is an answer")
    assert answer.get() == "ada"
    system.shutdown()
    asks = [span for span in spans.exporter.get_finished_spans() if span.name.startswith("ask ")]
    assert [parent_of(span) for span in asks] == [id_of(asker)] * 2


@pytest.mark.parametrize("interval", [None, 1.0])
def test_a_timer_of_a_router_sends_in_the_context_of_who_set_it(
    spans: Spans, clock: ManualClock, interval: float | None
) -> None:
    seen: SimpleQueue[object] = SimpleQueue()

    class Hearer(pykka.ThreadingActor):
        def on_receive(self, message: Any) -> None:
            seen.put(baggage.get_baggage("user"))

    with (
        pykka.ActorSystem("shop", clock=clock) as system,
        instrument(system, tracer_provider=spans.provider),
    ):
        router = RoundRobin([system.start(Hearer), system.start(Hearer)])
        token = context.attach(baggage.set_baggage("user", "ada"))
        if interval is None:
            timer = router.tell_after(1, "hello")
        else:
            timer = router.tell_every(interval, "hello")
        context.detach(token)
        clock.advance(1)
        assert seen.get(timeout=PATIENCE) == "ada"
        timer.cancel()


def test_without_propagation_there_are_links_only(spans: Spans) -> None:
    with (
        pykka.ActorSystem() as system,
        instrument(system, tracer_provider=spans.provider, propagate=False),
    ):
        till = system.start(Till)
        token = context.attach(baggage.set_baggage("user", "ada"))
        assert till.ask("x") is None
        context.detach(token)
        process = spans.one("process Till")
        assert parent_of(process) is None
        assert links_of(process) == [id_of(spans.one("ask Till"))]


def test_what_is_not_sampled_is_not_exported_and_goes_on_all_the_same() -> None:
    spans = Spans(sampler=ALWAYS_OFF)
    with pykka.ActorSystem() as system, instrument(system, tracer_provider=spans.provider):
        till = system.start(Till)
        token = context.attach(baggage.set_baggage("user", "ada"))
        assert till.ask("x") == "ada"
        context.detach(token)
    assert spans.exporter.get_finished_spans() == ()


def points(reader: InMemoryMetricReader) -> dict[str, list[Any]]:
    data: Any = reader.get_metrics_data()
    return {
        metric.name: list(metric.data.data_points)
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


def test_metrics(system: pykka.ActorSystem, spans: Spans, reader: InMemoryMetricReader) -> None:
    till, stock = system.start(Till), system.start(Stock)
    for _ in range(3):
        till.ask("x")
    with pytest.raises(AttributeError):
        stock.proxy().gone.get(timeout=PATIENCE)
    stock.call(Stock.take, till).get(timeout=PATIENCE)
    with pytest.raises(AttributeError):
        stock.ask(pykka.messages.ProxyGetAttr(["gone"]))
    spans.wait_for("process Till", 4)
    spans.wait_for("process Stock", 2)
    found = points(reader)
    counts = {
        (p.attributes["messaging.destination.template"], p.attributes.get("error.type")): p.value
        for p in found["messaging.client.consumed.messages"]
    }
    assert counts == {("Till", None): 4, ("Stock", None): 1, ("Stock", "AttributeError"): 1}
    durations = found["messaging.process.duration"]
    assert sum(p.count for p in durations) == 6
    assert durations[0].explicit_bounds[0] == 1e-6
    assert sum(p.value for p in found["messaging.client.sent.messages"]) == 6
    assert sum(p.count for p in found["messaging.client.operation.duration"]) == 6
    assert {p.attributes["messaging.destination.template"]: p.value for p in found["pykka.actors"]}
    assert next(p.value for p in found["pykka.dispatcher.threads"]) >= 1
    assert {p.value for p in found["pykka.inbox.size"]} == {0}
    assert {p.value for p in found["pykka.inbox.age"]} == {0}
    assert "urn" not in str(found)


def test_restarts_and_dead_letters_are_counted_and_no_more_after_it_is_removed(
    spans: Spans, reader: InMemoryMetricReader
) -> None:
    meters = MeterProvider([reader], shutdown_on_exit=False)
    with pykka.ActorSystem("shop") as system:
        instrumentation = instrument(system, tracer_provider=spans.provider, meter_provider=meters)
        system.dead_letters.report(
            pykka.dead_letters.DeadLetter("x", system.start(Till), "a test")
        )
        assert [p.value for p in points(reader)["pykka.dead_letters"]] == [1]
        instrumentation.remove()
        instrumentation.remove()
        ended = len(spans.exporter.get_finished_spans())
        system.start(Till).ask("x")
        assert len(spans.exporter.get_finished_spans()) == ended
        assert "pykka.actors" not in points(reader)
    meters.shutdown()


def test_wrong_arguments() -> None:
    with pytest.raises(TypeError, match="propagate"):
        instrument(propagate="yes")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not in 'office'"):
        instrument("office")  # type: ignore[arg-type]


def test_a_missing_extra_is_named(import_without: Callable[[str, str], None]) -> None:
    with pytest.raises(ImportError, match=r"pip install 'pykka\[opentelemetry\]'"):
        import_without("pykka.opentelemetry", "opentelemetry.trace")
