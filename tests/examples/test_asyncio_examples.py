"""The examples of asyncio: a chat, and a web service that real clients use over a real server."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import socket
import statistics
import threading
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import pytest
from tests.examples.running import output_of
from tests.leaks import PATIENCE

import pykka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType


def test_the_chat() -> None:
    assert (
        output_of("asyncio_chat.py")
        == """\
Ada sees * Hello, Ada. Here: nobody
Bob sees * Hello, Bob. Here: Ada
Ada sees * Bob comes in
Bob sees Ada: Tea?
Ada sees Bob: With milk.
Bob sees * Ada leaves
"""
    )


class Catalogue:
    """Tells which questions have come, and answers when it is told to."""

    def __init__(self) -> None:
        self.asked: SimpleQueue[str] = SimpleQueue()
        self.may_answer: pykka.ThreadingFuture[None] = pykka.ThreadingFuture()

    async def look_up(self, query: str) -> str:
        self.asked.put(query)
        await self.may_answer
        if query == "nonsense":
            raise LookupError(query)
        return query.upper()


class Service:
    """The service on a server of its own, on a thread of its own."""

    def __init__(self, app: Any) -> None:
        import uvicorn  # noqa: PLC0415 (only where it is installed)

        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(512)  # so clients may connect before the server accepts
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="on"))
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}
        )
        self._thread.start()

    def end(self) -> None:
        self._server.should_exit = True
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        self._socket.close()


@pytest.fixture
def module(load: Callable[[str], ModuleType]) -> ModuleType:
    pytest.importorskip("fastapi", reason="FastAPI has no wheels for this Python")
    pytest.importorskip("uvicorn")
    pytest.importorskip("prometheus_client")
    return load("fastapi_sessions")


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue()


class Clock:
    """Stands still until it is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def audit_file() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def service(
    module: ModuleType, catalogue: Catalogue, clock: Clock, audit_file: io.StringIO
) -> Iterator[Service]:
    def make_limit() -> Any:
        return module.Limit(burst=2, per_second=0.5, clock=clock)

    service = Service(module.make_app(catalogue.look_up, make_limit, audit_file))
    yield service
    if not catalogue.may_answer.done():
        catalogue.may_answer.set()
    service.end()


@pytest.fixture
def client(service: Service) -> Iterator[Any]:
    httpx = pytest.importorskip("httpx")
    with httpx.Client(base_url=service.url, timeout=PATIENCE, trust_env=False) as client:
        yield client


def search(client: Any, user: str, query: str) -> Any:
    return client.get(f"/sessions/{user}/search", params={"query": query})


def test_answers_are_remembered_for_each_user(
    client: Any, catalogue: Catalogue, audit_file: io.StringIO
) -> None:
    catalogue.may_answer.set()
    assert search(client, "ada", "tea").json() == {"answer": "TEA", "cached": False}
    assert search(client, "ada", "tea").json() == {"answer": "TEA", "cached": True}
    assert search(client, "bob", "tea").json() == {"answer": "TEA", "cached": False}
    assert [catalogue.asked.get() for _ in range(2)] == ["tea", "tea"]
    assert catalogue.asked.empty()


def test_searches_are_written_down(
    module: ModuleType, catalogue: Catalogue, audit_file: io.StringIO
) -> None:
    httpx = pytest.importorskip("httpx")
    catalogue.may_answer.set()
    service = Service(module.make_app(catalogue.look_up, module.Limit, audit_file))
    with httpx.Client(base_url=service.url, timeout=PATIENCE, trust_env=False) as client:
        search(client, "ada", "tea")
        search(client, "ada", "tea")
    service.end()  # and with it the log, in order, which so has written everything
    assert audit_file.getvalue() == "ada searched for 'tea'\n"


def test_searches_are_limited_for_each_user(
    client: Any, catalogue: Catalogue, clock: Clock
) -> None:
    catalogue.may_answer.set()
    answers = [search(client, "ada", query).status_code for query in ("tea", "milk", "sugar")]
    assert answers == [200, 200, 429]
    refused = search(client, "ada", "sugar")
    assert refused.headers["Retry-After"] == "3"
    assert "wait 2.0 seconds" in refused.json()["detail"]
    assert search(client, "ada", "tea").json()["cached"]  # that is no search
    assert search(client, "bob", "sugar").status_code == 200
    clock.now = 2.0
    assert search(client, "ada", "sugar").status_code == 200


def test_an_error_of_the_catalogue_is_that_requests_and_no_others(
    client: Any, catalogue: Catalogue
) -> None:
    catalogue.may_answer.set()
    client.headers["Connection"] = "close"  # after an error, the server closes it anyway
    assert search(client, "ada", "nonsense").status_code == 500
    assert search(client, "ada", "tea").status_code == 200


def test_a_session_can_be_ended(client: Any, catalogue: Catalogue) -> None:
    catalogue.may_answer.set()
    search(client, "ada", "tea")
    assert client.delete("/sessions/ada").json() == {"ended": True}
    assert client.delete("/sessions/ada").json() == {"ended": False}
    assert not search(client, "ada", "tea").json()["cached"]


def test_the_same_search_sent_twice_at_once_is_made_once(
    service: Service, catalogue: Catalogue
) -> None:
    httpx = pytest.importorskip("httpx")

    async def main() -> list[Any]:
        async with httpx.AsyncClient(
            base_url=service.url, timeout=PATIENCE, trust_env=False
        ) as client:
            first = asyncio.create_task(search(client, "ada", "tea"))
            await asyncio.to_thread(catalogue.asked.get, timeout=PATIENCE)
            second = asyncio.create_task(search(client, "ada", "tea"))
            await client.get("/health")
            catalogue.may_answer.set()
            return [(await first).json(), (await second).json()]

    first, second = asyncio.run(main())
    assert (first["cached"], second["cached"]) == (False, True)
    assert catalogue.asked.empty()


def test_at_the_end_a_session_finishes_what_it_is_at(
    module: ModuleType, catalogue: Catalogue, audit_file: io.StringIO
) -> None:
    httpx = pytest.importorskip("httpx")
    service = Service(module.make_app(catalogue.look_up, module.Limit, audit_file))
    answer: list[Any] = []

    def ask() -> None:
        with httpx.Client(base_url=service.url, timeout=PATIENCE, trust_env=False) as client:
            answer.append(search(client, "ada", "tea").json())

    asker = threading.Thread(target=ask)
    asker.start()
    assert catalogue.asked.get(timeout=PATIENCE) == "tea"
    ender = threading.Thread(target=service.end)
    ender.start()
    catalogue.may_answer.set()
    asker.join(PATIENCE)
    ender.join(PATIENCE)
    assert answer == [{"answer": "TEA", "cached": False}]
    assert pykka.ActorRegistry.get_by_class(module.Session) == []


@pytest.mark.exhaustive
def test_health_is_told_while_200_slow_searches_are_under_way(
    service: Service, catalogue: Catalogue
) -> None:
    httpx = pytest.importorskip("httpx")
    users, looks = 200, 100

    async def main() -> tuple[list[float], list[float], list[Any]]:
        async with contextlib.AsyncExitStack() as stack:
            health, clients = [
                await stack.enter_async_context(
                    httpx.AsyncClient(
                        base_url=service.url,
                        timeout=PATIENCE,
                        trust_env=False,
                        limits=httpx.Limits(max_connections=most),
                    )
                )
                for most in (1, users)
            ]

            async def time_health() -> list[float]:
                seconds = []
                for _ in range(looks):
                    before = time.perf_counter()
                    answer = await health.get("/health")
                    seconds.append(time.perf_counter() - before)
                    assert answer.json() == {"status": "ok"}
                return seconds

            await time_health()  # to warm up
            idle = await time_health()
            searches = [
                asyncio.create_task(search(clients, f"user-{number}", f"query {number}"))
                for number in range(users)
            ]
            for _ in range(users):
                await asyncio.to_thread(catalogue.asked.get, timeout=PATIENCE)
            assert not any(each.done() for each in searches)
            busy = await time_health()
            assert not any(each.done() for each in searches)
            catalogue.may_answer.set()
            return idle, busy, [(await each).json() for each in searches]

    idle, busy, answers = asyncio.run(main())
    assert answers == [{"answer": f"QUERY {number}", "cached": False} for number in range(users)]
    figures = {
        name: {
            "median_ms": round(1000 * statistics.median(seconds), 2),
            "max_ms": round(1000 * max(seconds), 2),
        }
        for name, seconds in (("idle", idle), ("200 slow searches under way", busy))
    }
    print(f"\nlatency of /health: {json.dumps(figures)}")


def scraped(client: Any) -> dict[str, float]:
    """What Prometheus would see: each metric, with its class if it has one."""
    parser = pytest.importorskip("prometheus_client.parser")
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    found = {}
    for family in parser.text_string_to_metric_families(answer.text):
        for sample in family.samples:
            assert sample.labels.pop("system") == "sessions"
            found[" ".join([sample.name, *sample.labels.values()])] = sample.value
    return found


def test_the_metrics_are_there_under_load(
    client: Any, service: Service, catalogue: Catalogue
) -> None:
    """While searches are under way, scrapes go on, and no counter ever goes back."""
    httpx = pytest.importorskip("httpx")
    users, each = 20, 5
    goes_on = [True]
    seen: list[dict[str, float]] = []

    def scrape() -> None:
        with httpx.Client(base_url=service.url, timeout=PATIENCE, trust_env=False) as mine:
            while goes_on:
                seen.append(scraped(mine))

    async def load() -> None:
        async with httpx.AsyncClient(
            base_url=service.url, timeout=PATIENCE, trust_env=False
        ) as many:
            for _ in range(each):
                await asyncio.gather(*(search(many, f"user {n}", "tea") for n in range(users)))
                await asyncio.gather(*(many.delete(f"/sessions/user {n}") for n in range(users)))

    catalogue.may_answer.set()
    scraper = threading.Thread(target=scrape)
    scraper.start()
    try:
        asyncio.run(load())
    finally:
        goes_on.clear()
        scraper.join(PATIENCE)
    metrics = scraped(client)
    assert metrics["pykka_actors Lobby"] == 1
    assert metrics["pykka_actors_started_total Session"] == users * each
    assert metrics["pykka_actors_ended_total Session"] == users * each
    assert metrics["pykka_messages_handled_total Session"] == users * each
    assert metrics["pykka_messages_handled_total Lobby"] == 2 * users * each
    assert metrics["pykka_messages_failed_total Session"] == 0
    assert metrics["pykka_dead_letters_total"] == 0
    assert seen
    for before, after in zip(seen, [*seen[1:], metrics], strict=True):
        for name, value in before.items():
            if "_total" in name:
                assert after[name] >= value, name
