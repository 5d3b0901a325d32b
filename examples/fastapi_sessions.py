#!/usr/bin/env python3
"""A web service with an actor for each user's session, built on FastAPI.

    python examples/fastapi_sessions.py [PORT]
    curl 'http://127.0.0.1:8000/sessions/ada/search?query=tea'
    curl 'http://127.0.0.1:8000/metrics'

Each user may search a slow catalogue. The searches of a user are limited, and earlier answers are
remembered. Three kinds of actors share the work:

    request ─▶ Lobby ── finds the session ─────▶ Session ── await ─▶ the catalogue
    request ─▶ Lobby                             Session ── tell ──▶ AuditLog ─▶ a file

What to look at:

- No locks. A session handles one search at a time, even while it awaits the catalogue. So a
  search that is sent twice at once is made once, and answered from the cache the second time.
- Sessions do not wait for each other, and the loop waits for none of them: while 200 searches
  are under way, `/health` answers at once.
- The audit log writes to a file, which blocks. It is an actor on a thread of its own, and may.
- An error is an answer like any other: `TooManySearchesError` goes from the session to the
  request that asked, and to no other.
- `/metrics` serves the metrics of the actors for Prometheus: messages that were handled, that
  failed and that wait, and for how long; restarts; dead letters.
- When the server ends, the system stops everything in order. A session finishes its current
  search.

It needs `fastapi`, `uvicorn` and `prometheus-client`, which `requirements/examples.txt` pins.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from typing import TYPE_CHECKING, Any, TextIO

import fastapi
import prometheus_client
import uvicorn

import pykka
import pykka.prometheus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

REMEMBERED = 100
"""So many answers are remembered in each session."""


class TooManySearchesError(Exception):
    """The user has to wait.

    Args:
        seconds: How long.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"too many searches; wait {seconds:.1f} seconds")
        self.seconds = seconds


class AuditLog(pykka.ThreadingActor):
    """Writes down who has searched for what.

    Args:
        file: Where to.
    """

    def __init__(self, file: TextIO) -> None:
        super().__init__()
        self._file = file

    def on_receive(self, message: str) -> None:
        self._file.write(f"{message}\n")
        self._file.flush()


class Limit:
    """A bucket of tokens: a search takes one, and time brings them back.

    Args:
        burst: How many searches are allowed at once.
        per_second: How many in the long run.
        clock: Gives the time in seconds.
    """

    def __init__(
        self, burst: int = 5, per_second: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst = burst
        self._per_second = per_second
        self._clock = clock
        self._tokens = float(burst)
        self._last = clock()

    def take(self) -> None:
        """Take a token.

        Raises:
            TooManySearchesError: There is none.
        """
        now = self._clock()
        gained = (now - self._last) * self._per_second
        self._tokens = min(self._burst, self._tokens + gained)
        self._last = now
        if self._tokens < 1:
            raise TooManySearchesError((1 - self._tokens) / self._per_second)
        self._tokens -= 1


class Session(pykka.AsyncioActor):
    """What one user may still ask, and what he has been told before.

    Args:
        user: His name.
        look_up: Asks the catalogue.
        limit: How many searches he has.
        audit_log: Where they are written down.
    """

    def __init__(
        self,
        user: str,
        look_up: Callable[[str], Awaitable[str]],
        limit: Limit,
        audit_log: pykka.ActorRef[AuditLog],
    ) -> None:
        super().__init__()
        self._user = user
        self._look_up = look_up
        self._limit = limit
        self._audit_log = audit_log
        self._answers: dict[str, str] = {}

    async def search(self, query: str) -> dict[str, Any]:
        """Answer from memory, or ask the catalogue."""
        if query in self._answers:
            return {"answer": self._answers[query], "cached": True}
        self._limit.take()
        answer = await self._look_up(query)
        while len(self._answers) >= REMEMBERED:
            del self._answers[next(iter(self._answers))]  # the oldest
        self._answers[query] = answer
        self._audit_log.tell(f"{self._user} searched for {query!r}")
        return {"answer": answer, "cached": False}


class Lobby(pykka.AsyncioActor):
    """Knows who has which session.

    Args:
        look_up: Asks the catalogue.
        make_limit: Makes the limit of a session.
        audit_log: Where searches are written down.
    """

    def __init__(
        self,
        look_up: Callable[[str], Awaitable[str]],
        make_limit: Callable[[], Limit],
        audit_log: pykka.ActorRef[AuditLog],
    ) -> None:
        super().__init__()
        self._look_up = look_up
        self._make_limit = make_limit
        self._audit_log = audit_log
        self._sessions: dict[str, pykka.ActorRef[Session]] = {}

    def session_of(self, user: str) -> pykka.ActorProxy[Session]:
        """The user's session; it begins when it is asked for."""
        if user not in self._sessions:
            self._sessions[user] = Session.start(
                user, self._look_up, self._make_limit(), self._audit_log
            )
        return self._sessions[user].proxy()

    async def end_session(self, user: str) -> bool:
        """End a session; tells whether there was one."""
        ref = self._sessions.pop(user, None)
        return ref is not None and await ref.stop(block=False)

    async def on_stop(self) -> None:
        await asyncio.gather(*(ref.stop(block=False) for ref in self._sessions.values()))


async def slow_catalogue(query: str) -> str:
    """Stand for a slow service elsewhere."""
    await asyncio.sleep(1)
    return f"everything about {query}"


def make_app(
    look_up: Callable[[str], Awaitable[str]] = slow_catalogue,
    make_limit: Callable[[], Limit] = Limit,
    audit_file: TextIO = sys.stdout,
) -> fastapi.FastAPI:
    """Make the service.

    Args:
        look_up: Asks the catalogue.
        make_limit: Makes the limit of a session.
        audit_file: Where searches are written down.
    """
    registry = prometheus_client.CollectorRegistry()

    @contextlib.asynccontextmanager
    async def lifespan(app: fastapi.FastAPI) -> AsyncIterator[None]:
        async with pykka.ActorSystem("sessions") as system:
            registry.register(pykka.prometheus.Collector(system))
            audit_log = system.start(AuditLog, audit_file)
            app.state.lobby = system.start(Lobby, look_up, make_limit, audit_log).proxy()
            yield

    app = fastapi.FastAPI(lifespan=lifespan)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/metrics")
    def metrics() -> fastapi.Response:  # no `async def`: with many actors, a scrape takes a while
        text = prometheus_client.generate_latest(registry)
        return fastapi.Response(text, media_type=prometheus_client.CONTENT_TYPE_LATEST)

    @app.get("/sessions/{user}/search")
    async def search(user: str, query: str) -> dict[str, Any]:
        session = await app.state.lobby.session_of(user)
        try:
            answer: dict[str, Any] = await session.search(query)
        except TooManySearchesError as error:
            wait = {"Retry-After": str(int(error.seconds) + 1)}
            raise fastapi.HTTPException(429, str(error), headers=wait) from None
        except pykka.ActorDeadError:
            raise fastapi.HTTPException(410, "the session has just ended") from None
        return answer

    @app.delete("/sessions/{user}")
    async def end_session(user: str) -> dict[str, bool]:
        return {"ended": await app.state.lobby.end_session(user)}

    return app


if __name__ == "__main__":
    uvicorn.run(make_app(), port=int(sys.argv[1]) if len(sys.argv) > 1 else 8000)
