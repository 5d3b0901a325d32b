"""The observer's page as it is served: who gets what, and who gets nothing.

How the page looks and behaves in a browser is tested in `tests/site/test_observer_page.py`.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE, wait_until

import pykka
import pykka.observer
from pykka.observer import ObserverError, _addresses, _commands, _scan, _server

pytest.importorskip("starlette", reason="the observer in the browser needs starlette")
pytest.importorskip("uvicorn", reason="the observer in the browser needs uvicorn")

from pykka.observer import _web
from pykka.observer._client import Client
from pykka.observer._web import Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.usefixtures("runtime_folder")


class Echo(pykka.PooledActor):
    def on_receive(self, message: Any) -> Any:
        return message


@pytest.fixture
def observer(runtime_folder: None) -> Iterator[pykka.observer.Observer]:
    with pykka.observer.serve(name="shop", allow=["trace"]) as found:
        yield found
    found._server._thread.join(PATIENCE)


@contextlib.contextmanager
def running(site: Site) -> Iterator[Site]:
    thread = threading.Thread(target=site.run, name="the site")
    thread.start()
    try:
        yield site
    finally:
        site.close()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def site_of(observer: pykka.observer.Observer) -> Site:
    address = _addresses.Address(os.getpid(), observer.path)
    return Site(lambda: Client(address, PATIENCE), every=0.01)


@pytest.fixture
def site(observer: pykka.observer.Observer) -> Iterator[Site]:
    with running(site_of(observer)) as site:
        yield site


def port_of(site: Site) -> int:
    port: int = site._socket.getsockname()[1]
    return port


def token_of(site: Site) -> str:
    return site.link.partition("#")[2]


def request(
    site: Site, path: str, headers: dict[str, str] | None = None, body: bytes | None = None
) -> tuple[int, dict[str, str], str]:
    """What a request is answered with; it has the token unless other headers are given."""
    if headers is None:
        headers = {"Authorization": f"Bearer {token_of(site)}"}
    connection = http.client.HTTPConnection("127.0.0.1", port_of(site), timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET" if body is None else "POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()


class Page:
    """What is told to an open page, and what it asks."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._connection = http.client.HTTPConnection("127.0.0.1", port_of(site), timeout=PATIENCE)
        headers = {"Authorization": f"Bearer {token_of(site)}"}
        self._connection.request("GET", "/looks", headers=headers)
        self.answer = self._connection.getresponse()
        assert self.answer.status == 200
        assert self.answer.headers["content-type"].startswith("text/event-stream")

    def read(self) -> tuple[str, Any] | None:
        event, data, empty = (self.answer.readline().decode().rstrip("\n") for _ in range(3))
        if not event:
            return None
        assert empty == ""
        return event.removeprefix("event: "), json.loads(data.removeprefix("data: "))

    def next(self, event: str, is_so: Callable[[Any], object] = lambda _data: True) -> Any:
        while (found := self.read()) is not None:
            if found[0] == event and is_so(found[1]):
                return found[1]
        raise AssertionError(event)

    def begin(self) -> Any:
        self.program = self.next("program")
        return self.program

    def ask(self, do: str, **details: Any) -> Any:
        said = {"page": self.program["page"], "do": do, **details}
        status, headers, text = request(self._site, "/ask", body=json.dumps(said).encode())
        assert (status, headers["content-type"]) == (200, "application/json")
        return json.loads(text)

    def leave(self) -> None:
        self._connection.close()
        self.answer.close()


@pytest.fixture
def page(site: Site) -> Iterator[Page]:
    with contextlib.closing(_Closing(site)) as found:
        found.page.begin()
        yield found.page


class _Closing:
    def __init__(self, site: Site) -> None:
        self.page = Page(site)

    def close(self) -> None:
        self.page.leave()


# --- what is served ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/", "text/html"), ("/observer.css", "text/css"), ("/observer.js", "text/javascript")],
)
def test_the_files_load_nothing_from_elsewhere(site: Site, path: str, kind: str) -> None:
    status, headers, text = request(site, path, {})
    assert status == 200
    assert headers["content-type"].startswith(kind)
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert set(re.findall(r"https?://[^\"'\s]+", text)) <= {"http://www.w3.org/2000/svg"}
    assert "innerHTML" not in text
    assert token_of(site) not in text


def test_a_page_is_told_of_the_program_and_then_gets_looks(page: Page) -> None:
    pykka.ActorSystem.default().start(Echo.options(name="an echo"))
    assert page.program["name"] == "shop"
    assert page.program["allow"] == ["trace"]
    look = page.next("look", lambda look: look["rows"])
    assert [row["name"] for row in look["rows"]] == ["an echo"]


def test_a_page_asks_for_one_actor(page: Page) -> None:
    echo = pykka.ActorSystem.default().start(Echo.options(name="an echo"))
    key = page.ask("find", name="an echo")["ok"]["key"]
    assert page.ask("actor", key=key)["ok"]["urn"] == echo.actor_urn
    assert page.ask("trace", key=key) == {"ok": {}}
    echo.ask("hello")
    [message] = page.ask("messages", key=key)["ok"]["messages"]
    assert message["message"] == "'hello'"
    assert "does not allow it" in page.ask("stop", key=key)["error"]
    assert "does not allow it" in page.ask("restart", key=key)["error"]
    assert echo.is_alive()


def test_a_page_says_what_it_shows(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_scan, "MOST_ROWS", 2)
    for _ in range(3):
        Echo.start()
    assert page.next("look", lambda look: look["actors"] == 3 and look["by"] == "class")
    assert page.ask("show", **{"class": f"{__name__}.Echo"}) == {"ok": {}}
    assert len(page.next("look", lambda look: look["by"] == "actor")["rows"]) == 3
    page.ask("show", paused=True)
    assert page.next("paused") == {}
    page.ask("show")
    assert page.next("look", lambda look: look["by"] == "class")


def test_what_a_page_has_begun_ends_with_it(site: Site, observer: pykka.observer.Observer) -> None:
    echo = pykka.ActorSystem.default().start(Echo.options(name="an echo"))
    page = Page(site)
    page.begin()
    page.ask("trace", key=page.ask("find", name="an echo")["ok"]["key"])
    extension = echo._cell.need_extension()
    wait_until(lambda: extension.tracing is not None, "it is traced")
    page.leave()
    wait_until(lambda: not observer._server._viewers, "the page is gone")
    wait_until(lambda: not site._web._pages, "the site has forgotten it")
    wait_until(lambda: extension.tracing is None, "it is traced no more")


@pytest.mark.parametrize(
    "said",
    [b"rubbish", b"[]", b"{}", b"\xff", b"[" * 5000, b"x" * 40_000,
     b'{"page": "no such page", "do": "actor"}'],
)  # fmt: skip
def test_rubbish_is_refused(site: Site, said: bytes) -> None:
    assert request(site, "/ask", body=said)[0] == 400


@pytest.mark.parametrize("do", ["look", "nonsense", 1, None, ["actor"]])
def test_other_questions_are_refused(page: Page, site: Site, do: Any) -> None:
    said = json.dumps({"page": page.program["page"], "do": do}).encode()
    assert request(site, "/ask", body=said)[0] == 400
    assert request(site, "/nothing")[0] == 404
    assert request(site, "/ask")[0] == 405


def test_so_many_pages_and_no_more(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_web, "MOST_PAGES", 1)
    page = Page(site)
    page.begin()
    status, _headers, text = request(site, "/looks")
    assert (status, text) == (503, "1 pages are open already; close one.")
    page.leave()


def test_it_is_told_when_the_program_ends(
    site: Site, observer: pykka.observer.Observer, page: Page
) -> None:
    observer.close()
    assert "has gone" in page.next("gone")["why"]
    assert page.read() is None
    later = Page(site)
    assert "does not listen" in later.next("gone")["why"]
    later.leave()


def test_a_second_connection_that_fails_leaves_none_behind(
    observer: pykka.observer.Observer,
) -> None:
    address = _addresses.Address(os.getpid(), observer.path)
    made: list[Client] = []

    def connect() -> Client:
        if made:
            raise ObserverError("one is enough")
        made.append(Client(address, PATIENCE))
        return made[0]

    with running(Site(connect, every=0.01)) as site:
        page = Page(site)
        assert page.next("gone")["why"] == "one is enough"
        wait_until(lambda: not observer._server._viewers, "the first one is closed")
        page.leave()


def test_it_ends_although_pages_are_open(observer: pykka.observer.Observer) -> None:
    with running(site_of(observer)) as site:
        page = Page(site)
        page.begin()
        site.close()
        while page.read() is not None:
            pass
    page.leave()


def test_a_page_that_waits_for_an_answer_holds_nothing_up(
    observer: pykka.observer.Observer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_server, "SHARE_FOR_LOOKS", 1e-9)  # the second look never comes
    with running(site_of(observer)) as site:
        page = Page(site)
        page.begin()
        page.next("look")
        wait_until(lambda: observer._server._delayed, "it waits for the next one")
    page.leave()


# --- who gets nothing ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    ["", "Bearer", "Bearer ", "Bearer wrong", "Basic {token}", "{token}", "Bearer {token}x",
     "bearer {token}", "Bearer ü", "Bearer {half}"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/looks", "/ask", "/nothing"])
def test_who_does_not_know_the_token_gets_nothing(site: Site, path: str, said: str) -> None:
    token = token_of(site)
    header = said.format(token=token, half=token[: len(token) // 2])
    body = b"{}" if path == "/ask" else None
    status, headers, text = request(site, path, {"Authorization": header}, body)
    assert (status, text) == (
        401,
        "Open the link that `python -m pykka observe --web` has printed.",
    )
    assert headers["content-security-policy"]


def test_the_token_in_the_address_is_none(site: Site) -> None:
    assert request(site, f"/looks?token={token_of(site)}", {})[0] == 401
    assert request(site, "/looks", {"Cookie": f"token={token_of(site)}"})[0] == 401


FOREIGN = [
    {"Host": "evil.example"},  # a name that was made to lead here: DNS rebinding
    {"Host": "evil.example:80"},
    {"Host": "127.0.0.1.evil.example"},
    {"Host": "localhost.evil.example"},
    {"Host": "127.0.0.1@evil.example"},
    {"Host": ""},
    {"Origin": "https://evil.example"},  # a page that sends requests: CSRF
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},  # another server on this machine
    {"Origin": "https://{host}"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize("path", ["/", "/observer.js", "/looks", "/ask"])
def test_another_page_gets_nothing_even_with_the_token(
    site: Site, path: str, headers: dict[str, str]
) -> None:
    host = f"127.0.0.1:{port_of(site)}"
    said = {name: value.format(host=host) for name, value in headers.items()}
    said["Authorization"] = f"Bearer {token_of(site)}"
    status, _headers, text = request(site, path, said, b"{}" if path == "/ask" else None)
    assert (status, text) == (403, "This page is for this machine, and for no other page.")


@pytest.mark.parametrize("hosts", [[], ["127.0.0.1", "evil.example"]])
def test_none_or_two_names_of_hosts_are_refused(site: Site, hosts: list[str]) -> None:
    with socket.create_connection(("127.0.0.1", port_of(site)), PATIENCE) as connection:
        lines = ["GET / HTTP/1.0", *(f"Host: {host}" for host in hosts), "", ""]
        connection.sendall("\r\n".join(lines).encode())
        answer = b""
        while part := connection.recv(10_000):
            answer += part
    assert answer.split(b" ", 2)[1] in {b"400", b"403"}
    assert b"<html" not in answer


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "localhost:9000"])
def test_the_page_itself_gets_in_also_by_a_port_that_is_forwarded(site: Site, host: str) -> None:
    name = host.format(port=port_of(site))
    headers = {
        "Host": name,
        "Origin": f"http://{name}",
        "Sec-Fetch-Site": "same-origin",
        "Authorization": f"Bearer {token_of(site)}",
    }
    assert request(site, "/ask", headers, b"{}")[0] == 400  # so it was read


def test_it_listens_on_this_machine_only_and_its_token_is_long_and_new(
    observer: pykka.observer.Observer,
) -> None:
    with running(site_of(observer)) as one, running(site_of(observer)) as other:
        assert one._socket.getsockname()[0] == "127.0.0.1"
        assert token_of(one) != token_of(other)
        assert len(token_of(one)) >= 43  # 256 bits
        assert request(other, "/looks", {"Authorization": f"Bearer {token_of(one)}"})[0] == 401


def test_tokens_are_compared_in_constant_time(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return False

    monkeypatch.setattr(_addresses.hmac, "compare_digest", compare)
    assert request(site, "/looks")[0] == 401
    assert compared == [(token_of(site).encode(), token_of(site).encode())]


# --- the command ---------------------------------------------------------------------------------


def test_the_command_prints_the_link_and_serves(
    observer: pykka.observer.Observer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The command would end what is served by its own process, which here is the program.
    monkeypatch.setattr(pykka.observer, "close_all", lambda: None)
    made: list[Site] = []
    run = Site.run

    def run_and_note(site: Site) -> None:
        made.append(site)
        run(site)

    monkeypatch.setattr(Site, "run", run_and_note)
    arguments = ["observe", str(os.getpid()), "--web", "--every", "0.1"]
    statuses: list[int] = []
    thread = threading.Thread(target=lambda: statuses.append(_commands.main(arguments)))
    thread.start()
    wait_until(lambda: made, "it runs")
    page = Page(made[0])
    assert page.begin()["name"] == "shop"
    assert page.program["every"] == 0.1
    page.leave()
    made[0].close()
    thread.join(PATIENCE)
    assert statuses == [0]
    assert f"    {made[0].link}\n" in capsys.readouterr().out


def test_a_port_that_is_taken_is_said_so(
    observer: pykka.observer.Observer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pykka.observer, "close_all", lambda: None)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert _commands.main(["observe", str(os.getpid()), "--web", "--port", str(port)]) == 1
    assert f"cannot listen on port {port}: " in capsys.readouterr().err
    with pytest.raises(SystemExit):
        _commands.main(["observe", "--web", "--port", "70000"])
    assert "it takes a number from 0 to 65535" in capsys.readouterr().err
