"""What a program does, in the browser; needs starlette and uvicorn (extra `observer`).

Problem
    A page is a window to a program, and whatever else runs in the same browser, or on the same
    machine, must not see through it. A port of the loopback interface can be reached by all users
    of the machine; and by any web page, which may send requests there without being able to read
    the answers, or, if its own name is made to lead to 127.0.0.1 (DNS rebinding), even read them.

Invariants
    1. *Without the token, nothing.* It is made anew each time, and is in the fragment of the link
       that is printed, which no browser sends anywhere. The page keeps it for itself, and says it
       with each request in a header, which no other page can do for it. So it is no cookie: that
       would go to all ports of the machine, also to one where another user listens. What is served
       without it are three files that are the same everywhere.
    2. *No other page.* The name in the `Host` header has to be one that leads here without DNS, an
       `Origin` has to be that very host, and what the browser says of where a request comes from
       (`Sec-Fetch-Site`) has to be this page, or the person.
    3. *What a program says is text.* The page makes no HTML of it, and its policy
       (Content-Security-Policy) lets nothing run or load but those files.
    4. *A page asks no more than it shows.* It has two connections to the program, for as long as
       it is open: one for looks, and one for what the person wants to know. A look is asked for
       when the one before has been sent and the page had its time; one that is hidden or paused is
       sent none. So what it costs is what any viewer costs (`pykka.observer._server`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import resources
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from pykka.observer import _addresses
from pykka.observer._addresses import ObserverError
from pykka.observer._server import LONGEST_QUESTION

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from pykka.observer._client import Client

CONNECTIONS = 2
"""So many a page has to the program."""

MOST_PAGES = 6
"""So many pages may be open; a program takes sixteen connections."""

ALIVE = 10.0
"""Seconds after which a page that is sent nothing else is sent a sign of life."""

HOSTS = {"127.0.0.1", "localhost"}

QUESTIONS = {
    "actor", "find", "messages", "restart", "state", "stop", "trace", "untrace", "waits",
}  # fmt: skip
"""What the program is asked for a page, in these words."""

FILES = {
    "/": ("observer.html", "text/html"),
    "/observer.css": ("observer.css", "text/css"),
    "/observer.js": ("observer.js", "text/javascript"),
}

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Guard:
    """Lets no request through that does not come from the page; see the invariants.

    Args:
        app: What is guarded.
        token: What a request has to say to be answered with more than the files.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or have it answered; the server takes no others than those of HTTP."""
        headers = Headers(scope=scope)
        app = self._app
        if _is_foreign(headers):
            app = PlainTextResponse("This page is for this machine, and for no other page.", 403)
        elif scope["path"] not in FILES and not self._knows_token(headers):
            text = "Open the link that `python -m pykka observe --web` has printed."
            app = PlainTextResponse(text, 401)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await app(scope, receive, send_with_headers)

    def _knows_token(self, headers: Headers) -> bool:
        kind, _, said = headers.get("authorization", "").partition(" ")
        return kind == "Bearer" and _addresses.is_token(said, self._token)


def _is_foreign(headers: Headers) -> bool:
    hosts = headers.getlist("host")
    if len(hosts) != 1 or hosts[0].partition(":")[0] not in HOSTS:
        return True
    if headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        return True
    return headers.get("origin", f"http://{hosts[0]}") != f"http://{hosts[0]}"


class SharedClient:
    """A connection to the program that several threads may use, one after the other.

    Args:
        client: The connection.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self._turn = threading.Lock()

    def ask(self, do: str, **details: Any) -> dict[str, Any]:
        """Ask the program.

        Raises:
            ObserverError: See `Client.ask`.
        """
        with self._turn:
            return self.client.ask(do, **details)

    def interrupt(self) -> None:
        """Have a thread that waits for an answer wait no more."""
        self.client.interrupt()

    def close(self) -> None:
        """End the connection, when no thread waits there any more."""
        with self._turn:
            self.client.close()


class Page:
    """One page that is open.

    Invariant: its connections end, also if it goes while they are being made. The one who makes
    them enters each, and *then* looks whether the page has gone; the one who ends them notes that
    it has, and *then* ends those that are entered. To end one twice does no harm.
    """

    def __init__(self) -> None:
        self.number = secrets.token_urlsafe(9)
        self.actor_class: str | None = None
        """The class whose actors are shown, if they are shown by class."""
        self.is_paused = False
        self.has_changed = asyncio.Event()
        """Whether it wants to see something else, so that it should not wait for it."""
        self._lines: list[SharedClient] = []
        self._has_gone = False

    @property
    def looks(self) -> SharedClient:
        """The connection for looks."""
        return self._lines[0]

    @property
    def questions(self) -> SharedClient:
        """The one for what the person wants to know; its traces end with it."""
        return self._lines[1]

    def open(self, connect: Callable[[], Client]) -> None:
        """Connect to the program.

        Raises:
            ObserverError: That is not possible.
        """
        while len(self._lines) < CONNECTIONS and not self._has_gone:
            self._lines.append(SharedClient(connect()))
        if self._has_gone:
            self.close()

    def go(self) -> None:
        """Have no thread wait for an answer any more."""
        self._has_gone = True
        for line in self._lines.copy():
            line.interrupt()

    def close(self) -> None:
        """End the connections, after `go()`; it may wait for a thread that is just asking."""
        for line in self._lines.copy():
            line.close()


class Web:
    """The page, and what it asks.

    Args:
        connect: Connects to the program.
        every: Seconds between two looks.
    """

    def __init__(self, connect: Callable[[], Client], *, every: float) -> None:
        self._connect = connect
        self._every = every
        self._pages: dict[str, Page] = {}
        self._threads = ThreadPoolExecutor(3 * MOST_PAGES, "pykka-observer-page")
        self._is_closing = False
        self.token = secrets.token_urlsafe(32)
        self.app = Starlette(
            routes=[
                *(Route(path, partial(_give, *file)) for path, file in FILES.items()),
                Route("/looks", self._give_looks),
                Route("/ask", self._answer, methods=["POST"]),
            ],
            middleware=[Middleware(Guard, token=self.token)],
        )

    def close(self) -> None:
        """End what the pages are sent; on the thread of the event loop."""
        self._is_closing = True
        for page in self._pages.values():
            page.go()
            page.has_changed.set()

    def end(self) -> None:
        """Let go of the threads, when there are no pages any more."""
        self._threads.shutdown(wait=False)

    async def _run(self, function: Callable[..., Any], *args: Any, **details: Any) -> Any:
        """Call something that blocks."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(function, *args, **details))

    # What a page is sent.

    async def _give_looks(self, _request: Request) -> Response:
        if len(self._pages) >= MOST_PAGES:
            return PlainTextResponse(f"{MOST_PAGES} pages are open already; close one.", 503)
        return _Looks(self)

    async def tell(self, send: Callable[[str, Any], Awaitable[None]]) -> None:
        """Tell a page of the program, until it has gone or this is cancelled."""
        page = Page()
        try:
            await self._run(page.open, self._connect)
            self._pages[page.number] = page
            said = {"page": page.number, "every": self._every, **page.looks.client.program}
            await send("program", said)
            while not self._is_closing:
                await self._tell_once(page, send)
        except ObserverError as error:
            await send("gone", {"why": str(error)})
        finally:
            self._pages.pop(page.number, None)
            page.go()
            self._threads.submit(page.close)

    async def _tell_once(self, page: Page, send: Callable[[str, Any], Awaitable[None]]) -> None:
        page.has_changed.clear()
        if page.is_paused:
            await send("paused", {})
        else:
            details = {} if page.actor_class is None else {"class": page.actor_class}
            await send("look", await self._run(page.looks.ask, "look", **details))
        with contextlib.suppress(TimeoutError):
            patience = ALIVE if page.is_paused else self._every
            await asyncio.wait_for(page.has_changed.wait(), patience)

    # What a page asks.

    async def _answer(self, request: Request) -> Response:
        question = await _read_question(request)
        page = self._pages.get(str(question.get("page")))
        do = question.get("do")
        if page is None or not isinstance(do, str) or do not in {"show", *QUESTIONS}:
            return JSONResponse({"error": "this is no question of an open page"}, 400)
        if do == "show":
            chosen = question.get("class")
            page.actor_class = chosen if isinstance(chosen, str) else None
            page.is_paused = question.get("paused") is True
            page.has_changed.set()
            return JSONResponse({"ok": {}})
        details = {name: question[name] for name in ("key", "keys", "name") if name in question}
        try:
            return JSONResponse({"ok": await self._run(page.questions.ask, do, **details)})
        except ObserverError as error:
            return JSONResponse({"error": str(error)})


class _Looks(Response):
    """Server-sent events, for as long as the page is open."""

    def __init__(self, web: Web) -> None:
        super().__init__(media_type="text/event-stream")
        self._web = web

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope
        headers = [each for each in self.raw_headers if each[0] != b"content-length"]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

        async def tell(event: str, data: Any) -> None:
            body = f"event: {event}\ndata: {json.dumps(data)}\n\n".encode()
            await send({"type": "http.response.body", "body": body, "more_body": True})

        telling = asyncio.ensure_future(self._web.tell(tell))
        leaving = asyncio.ensure_future(_has_left(receive))
        try:
            await asyncio.wait({telling, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            telling.cancel()
            await asyncio.wait({telling, leaving})
        if not telling.cancelled():
            telling.result()  # or what it has raised
        await send({"type": "http.response.body", "body": b""})


async def _has_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _read_question(request: Request) -> dict[str, Any]:
    """What a page asks; nothing if that makes no sense."""
    said = b""
    async for part in request.stream():
        said += part
        if len(said) > LONGEST_QUESTION:
            return {}
    try:
        question: Any = json.loads(said)
    except (ValueError, RecursionError):
        return {}
    return question if isinstance(question, dict) else {}  # pyright: ignore[reportUnknownVariableType]


async def _give(name: str, kind: str, _request: Request) -> Response:
    text = resources.files("pykka.observer").joinpath("_page", name).read_bytes()
    return Response(text, media_type=kind)


class _Server(uvicorn.Server):
    """Ends the pages first, which are open for ever."""

    def __init__(self, config: uvicorn.Config, web: Web) -> None:
        super().__init__(config)
        self._web = web

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End all connections, and listen no more."""
        self._web.close()
        await super().shutdown(sockets)


class Site:
    """The web server. It listens as soon as it is made, and answers while it is run.

    Args:
        connect: Connects to the program.
        every: Seconds between two looks.
        port: Where to listen, on the loopback interface; 0 for a port that is free.

    Raises:
        ObserverError: The port is taken.
    """

    def __init__(self, connect: Callable[[], Client], *, every: float, port: int = 0) -> None:
        self._web = Web(connect, every=every)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            self._socket.bind(("127.0.0.1", port))
            self._socket.listen()
        except OSError as error:
            self._socket.close()
            msg = f"cannot listen on port {port}: {error}"
            raise ObserverError(msg) from error
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}/"
        """Where it is, without the token."""
        config = uvicorn.Config(
            self._web.app,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=3,
        )
        self._server = _Server(config, self._web)

    @property
    def link(self) -> str:
        """What is to be opened in a browser, with the token."""
        return f"{self.address}#{self._web.token}"

    def run(self) -> None:
        """Answer until Ctrl-C, or until `close()`."""
        try:
            self._server.run([self._socket])
        finally:
            self._web.end()
            self._socket.close()

    def close(self) -> None:
        """End it, from another thread."""
        self._server.should_exit = True
