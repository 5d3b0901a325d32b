"""The observer where something is not as usual: folders, commands, peers that are gone."""

from __future__ import annotations

import importlib
import io
import os
import selectors
import socket
import stat
import struct
import sys
import tempfile
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE, wait_until

import pykka
import pykka.observer
from pykka.observer import (
    ObserverError,
    _addresses,
    _client,
    _commands,
    _look,
    _scan,
    _server,
    _text,
)
from pykka.observer._client import Client
from pykka.supervision import ChildSpec, Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

needs_unix = pytest.mark.skipif(not _addresses.HAS_UNIX, reason="there are no Unix sockets")

pytestmark = pytest.mark.usefixtures("runtime_folder")


class Echo(pykka.ThreadingActor):
    def on_receive(self, message: Any) -> Any:
        if isinstance(message, BaseException):
            raise message
        return message


@pytest.fixture
def server(runtime_folder: None) -> Iterator[_server.Server]:
    """One that is at work."""
    found = pykka.observer.serve(name="tested", allow=["trace"])._server
    yield found
    found.close()
    found._thread.join(PATIENCE)


@pytest.fixture
def client(server: _server.Server) -> Iterator[Client]:
    with Client(_addresses.Address(os.getpid(), server.path), PATIENCE) as found:
        yield found


@pytest.fixture
def idle(runtime_folder: None) -> Iterator[_server.Server]:
    """One whose thread was not started, so that a test can take its steps."""
    found = _server.Server("idle", frozenset(), over_tcp=not _addresses.HAS_UNIX)
    yield found
    found.close()
    found._end()


# --- folders and sockets -------------------------------------------------------------------------


def test_without_a_runtime_folder_it_is_in_that_for_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    found = _addresses.folder()
    assert found.parent == tmp_path
    assert found.name.startswith("pykka-")
    assert not _addresses.HAS_UNIX or stat.S_IMODE(found.stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_made_is_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise PermissionError(13, "no")

    monkeypatch.setattr(_addresses.Path, "mkdir", refuse)
    with pytest.raises(ObserverError, match=r"cannot be used: .*no"):
        _addresses.folder()


def test_where_there_are_no_unix_sockets_the_profile_is_trusted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_addresses, "HAS_UNIX", False)
    assert _addresses.folder().is_dir()
    assert _addresses._is_running(2**22 + 1)
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setenv("USERNAME", f"ada-{os.getpid()}")
    found = _addresses.folder()
    assert found.name == f"pykka-ada-{os.getpid()}"
    found.rmdir()


@needs_unix
def test_a_path_that_is_too_long_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_addresses, "LONGEST_PATH", 3)
    with pytest.raises(ObserverError, match="too long for a socket"):
        pykka.observer.serve()


@pytest.mark.parametrize("suffix", ["sock", "json"])
def test_what_stands_in_the_way_of_a_socket_is_said(suffix: str) -> None:
    if suffix == "sock" and not _addresses.HAS_UNIX:
        pytest.skip("there are no Unix sockets")
    (_addresses.folder() / f"{os.getpid()}.{suffix}").mkdir()
    with pytest.raises(ObserverError, match="cannot listen"):
        _addresses.open_socket(over_tcp=suffix == "json")


def test_what_cannot_be_removed_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _addresses.clean_up(tmp_path)
    assert f"Cannot remove {tmp_path}" in caplog.text


class Peer:
    """A peer on another system."""

    family = getattr(socket, "AF_UNIX", None)

    def getsockopt(self, _level: int, _option: int, _size: int) -> bytes:
        return struct.pack("2I", 0, 501) + bytes(68)


@needs_unix
@pytest.mark.parametrize(("platform", "user"), [("darwin", 501), ("plan9", None)])
def test_who_the_peer_is_on_other_systems(
    monkeypatch: pytest.MonkeyPatch, platform: str, user: int | None
) -> None:
    monkeypatch.delattr(_addresses.socket, "SO_PEERCRED", raising=False)
    monkeypatch.setattr(_addresses.sys, "platform", platform)
    peer: Any = Peer()
    assert _addresses.user_of(peer) == user


@needs_unix
@pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED"), reason="Linux tells who the peer is")
def test_a_peer_that_has_gone_is_no_user() -> None:
    here, there = socket.socketpair()
    there.close()
    here.close()
    assert _addresses.user_of(here) == -1


@needs_unix
def test_a_process_of_another_user_is_running(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_pid: int, _signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert _addresses._is_running(1)


@needs_unix
def test_a_program_that_does_not_listen_is_left_out() -> None:
    with socket.socket(socket.AF_UNIX) as ended:
        ended.bind(str(_addresses.folder() / f"{os.getpid()}.sock"))
    assert _client.programs() == []


def test_of_several_programs_one_has_to_be_named(
    client: Client, server: _server.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = _addresses.Address(os.getpid(), server.path)
    monkeypatch.setattr(_client, "programs", lambda: [Client(address), Client(address)])
    with pytest.raises(ObserverError, match=r"Which program\? There are: .* \(tested\), "):
        _client.connect(None)


def test_who_is_interrupted_waits_for_no_answer(client: Client) -> None:
    client.interrupt()
    with pytest.raises(ObserverError, match="has gone"):
        client.ask("look")
    client.close()
    client.interrupt()  # to do so later does no harm


# --- the thread ----------------------------------------------------------------------------------


def test_a_step_that_fails_ends_the_observer_and_nothing_else(
    server: _server.Server,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(server, "_turn", fail)
    server._ring()
    server._thread.join(PATIENCE)
    assert not server.is_open
    assert "The observer has failed, and observes no more" in caplog.text


def test_peers_that_come_and_go_at_the_wrong_moment(idle: _server.Server) -> None:
    idle._welcome()  # but there is none any more
    assert idle._viewers == {}
    here, there = socket.socketpair()
    here.settimeout(0)
    stranger = _server.Viewer(here)
    idle._drop(stranger)  # it was dropped before
    idle._say(stranger, {})
    assert stranger.unsent == b""
    idle._viewers[here] = stranger
    idle._selector.register(here, selectors.EVENT_READ)
    idle._serve(stranger, selectors.EVENT_READ)  # but there is nothing to be read
    assert here in idle._viewers
    stranger.unsent = b"something"
    idle._serve(stranger, selectors.EVENT_WRITE)
    assert there.recv(100) == b"something"
    stranger.unread = b"rubbish\n"
    idle._try_to_go_on(stranger)
    assert idle._viewers == {}
    there.close()


def test_an_exception_that_cannot_be_told_is_told_somehow() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise ValueError

    assert "Mute" in _server._text_of(Mute())


def test_to_trace_twice_and_to_leave_off_what_was_not_begun(client: Client) -> None:
    pykka.ActorSystem.default().start(Echo.options(name="e"))
    key = client.ask("find", name="e")["key"]
    assert client.ask("untrace", key=key) == {}
    assert client.ask("trace", key=key) == {}
    assert client.ask("trace", key=key) == {}


# --- what is shown -------------------------------------------------------------------------------


def test_a_supervisor_that_gives_up_is_news(client: Client) -> None:
    class Strict(Supervisor):
        max_restarts = 0
        child_specs = (ChildSpec("child", Echo.options(name="child")),)

    client.ask("look")
    strict = Strict.start()
    child = pykka.ActorSystem.default().get_by_name("child")
    assert child is not None
    child.tell(ValueError())
    wait_until(
        lambda: "gave up" in [each["what"] for each in client.ask("look")["news"]],
        "that it gave up is told",
    )
    assert _scan.restarts_by(strict._cell) == 0  # it has ended
    assert list(_scan.restarts_of([strict._cell])) == []


def test_where_the_system_does_not_tell_the_memory_none_is_shown(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(_look, "open", refuse, raising=False)
    look = client.ask("look")
    assert look["memory"] is None
    assert "MiB" not in "".join(_text.summary(client.program, look))


def test_what_a_class_handles() -> None:
    class Typed(pykka.Accepts[int], Echo):
        kind = int

        def greet(self) -> None: ...

        def _inside(self) -> None: ...

    found = _look._what_it_handles(Typed)
    assert "greet()" in found
    assert "int" in found
    assert _look._in_short(int | str) == "int | str"
    assert not {"kind()", "_inside()"} & set(found)
    cell: Any = SimpleNamespace(actor_class=object)
    assert _look._runtime_of(cell) == "another runtime"


def test_as_text_waits_until_all_were_looked_at() -> None:
    wait = {"from_name": "a", "to_name": "b", "circle": True}
    new = {"at": 0.0, "what": "failed", "actor": "a", "kind": None, "why": ""}
    lost = new | {"what": "dead letter", "kind": "builtins.int", "why": "it has ended"}
    row = {"class": "C", "actors": 2, "waiting": None, "handled": None}
    look = {
        "age": 0.0, "by": "class", "rows": [row], "waits": [wait], "systems": [],
        "news": [lost, new],
        "actors": 2, "busy": 0, "waiting": 0, "restarts": 0, "timers": 0, "threads": 1,
        "memory": None, "dispatchers": [], "progress": 0.5,
    }  # fmt: skip
    looks = iter([look | {"age": None}, look])
    program = {"name": "p", "pid": 1, "pykka": "5", "python": "3"}
    client: Any = SimpleNamespace(program=program, ask=lambda _what: next(looks))
    text = _text.as_text(client)
    assert "looking at all of them: 50%" in text
    assert "a waits for b  (a circle)" in text
    assert "dead letter  int to a: it has ended" in text
    assert text.endswith("failed  a")


# --- commands ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("command", "is_ours"), [("observe", True), ("run", False)])
def test_ctrl_c_ends_a_viewer_and_is_left_to_a_program(
    monkeypatch: pytest.MonkeyPatch, command: str, is_ours: bool
) -> None:
    def interrupt(_options: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(_commands, f"_{command}", interrupt)
    arguments = [command, "something"]
    if is_ours:
        assert _commands.main(arguments) == 0
    else:
        with pytest.raises(KeyboardInterrupt):
            _commands.main(arguments)


@pytest.mark.parametrize("is_module", [True, False])
def test_a_program_is_run_as_python_does(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    is_module: bool,
) -> None:
    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    monkeypatch.chdir(tmp_path)
    name = f"shop_{os.getpid()}_{is_module}".lower()
    (tmp_path / f"{name}.py").write_text("import sys\nprint(__name__, sys.argv[1:])\n")
    program = ["-m", name] if is_module else [f"{name}.py"]
    assert _commands.main(["run", "--allow", "trace", *program, "--an", "option"]) == 0
    assert capsys.readouterr().out == "__main__ ['--an', 'option']\n"
    [server] = [each for each in pykka.observer._servers if each.is_open]
    assert (server.name, server.allow) == (name, {"trace"})
    server.close()
    server._thread.join(PATIENCE)


def test_it_is_waited_for_a_program_that_is_being_started(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert _commands.main(["observe", "nothing", "--once", "--wait", "0.01"]) == 1
    assert "No program 'nothing' can be observed" in capsys.readouterr().err


@pytest.fixture
def observe_this(server: _server.Server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    # The command would end what is served by its own process, which here is the program.
    monkeypatch.setattr(pykka.observer, "close_all", lambda: None)
    return lambda *arguments: _commands.main(["observe", str(os.getpid()), *arguments])


@pytest.mark.parametrize(
    ("arguments", "missing", "where"),
    [([], "textual.app", "in the terminal needs textual"),
     (["--web"], "uvicorn", "in a browser needs uvicorn")],
)  # fmt: skip
def test_an_extra_that_is_missing_is_named(
    observe_this: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    missing: str,
    where: str,
) -> None:
    pytest.importorskip("rich")
    said = io.StringIO()
    monkeypatch.setattr(sys, "stderr", said)
    for module in ("_app", "_web"):
        monkeypatch.delitem(sys.modules, f"pykka.observer.{module}", raising=False)
    monkeypatch.setitem(sys.modules, missing, None)
    assert observe_this(*arguments) == 3
    assert where in said.getvalue()
    assert "pip install 'pykka[observer]'" in said.getvalue()


def test_another_import_that_fails_is_no_missing_extra(
    observe_this: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pykka.observer._app", None)
    with pytest.raises(ImportError):
        observe_this()


def test_the_terminal_is_taken_last(
    observe_this: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    app: Any = pytest.importorskip("pykka.observer._app", exc_type=ImportError)
    made: list[Any] = []

    def note(screens: Any) -> None:
        made.append(screens)

    monkeypatch.setattr(app.ObserverApp, "run", note)
    assert observe_this("--every", "2") == 0
    [screens] = made
    assert screens._every == 2
    with screens._looks._connect() as client:
        assert client.program["name"] == "tested"


def test_the_main_module_does_nothing_when_it_is_imported() -> None:
    module = importlib.import_module("pykka.__main__")
    assert module.main is _commands.main
