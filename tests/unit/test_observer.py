"""What viewers are shown of a program, who they may be, and that a look holds nothing up."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import queue
import socket
import stat
import subprocess
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE

import pykka
import pykka.observer
from pykka._deadlock.wait_graph import Wait
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
from pykka.observer._addresses import Address
from pykka.observer._client import Client
from pykka.observer._scan import Round
from pykka.supervision import ChildSpec, Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pykka.timers import ManualClock

needs_unix = pytest.mark.skipif(not _addresses.HAS_UNIX, reason="there are no Unix sockets")

pytestmark = pytest.mark.usefixtures("runtime_folder")


class Echo(pykka.PooledActor):
    def on_receive(self, message: Any) -> Any:
        if isinstance(message, BaseException):
            raise message
        return message

    def greet(self, name: str) -> str:
        return name


class Busy(pykka.ThreadingActor):
    """Handles one message until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.has_begun = threading.Event()
        self.may_end = threading.Event()

    def on_receive(self, message: Any) -> None:
        self.has_begun.set()
        self.may_end.wait(PATIENCE)


class Office(Supervisor):
    child_specs = (
        ChildSpec("first", Echo.options(name="first")),
        ChildSpec("second", Echo),
    )
    max_restarts = 9


def join(server: _server.Server) -> None:
    server.close()
    server._thread.join(PATIENCE)
    assert not server._thread.is_alive()


@pytest.fixture
def server(runtime_folder: None) -> Iterator[_server.Server]:
    observer = pykka.observer.serve(name="tested")
    yield observer._server
    join(observer._server)


@pytest.fixture
def client(server: _server.Server) -> Iterator[Client]:
    with client_of(server) as found:
        yield found


def client_of(server: _server.Server, timeout: float = PATIENCE) -> Client:
    return Client(Address(os.getpid(), server.path), timeout)


def rows_of(client: Client, **details: Any) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in client.ask("look", **details)["rows"]}


def wait_until(is_so: Callable[[], Any]) -> Any:
    event = threading.Event()
    for _ in range(int(PATIENCE / 0.005)):
        found = is_so()
        if found:
            return found
        event.wait(0.005)
    raise AssertionError


# --- what is seen --------------------------------------------------------------------------------


def test_the_tree_is_seen_with_states_inboxes_and_counts(client: Client) -> None:
    Office.start()
    busy = pykka.ActorSystem.default().start(Busy.options(name="busy"))
    busy.keep_statistics()
    for number in range(4):
        busy.tell(number)
    busy.proxy().has_begun  # noqa: B018 (it is a message too)
    wait_until(lambda: rows_of(client)["busy"]["state"] == "busy")
    rows = rows_of(client)
    assert rows["first"]["parent"] == rows["Office"]["key"]
    assert rows["Office"]["parent"] is None
    assert rows["first"]["restarts"] == 0
    assert rows["first"]["state"] == "idle"
    assert rows["first"]["class"] == f"{__name__}.Echo"
    assert rows["busy"]["waiting"] >= 3
    look = client.ask("look")
    assert look["by"] == "actor"
    assert look["actors"] == 4
    assert look["progress"] == 1
    assert {each["name"] for each in look["dispatchers"]} >= {"pykka-supervisors"}
    stop_busy(busy)


def stop_busy(ref: pykka.ActorRef[Busy]) -> None:
    actor: Any = ref._cell.actor
    actor.may_end.set()
    ref.stop()


def test_restarts_failures_and_dead_letters_come_as_news(client: Client) -> None:
    client.ask("look")  # from now on they are noted
    office = Office.start()
    first = pykka.ActorSystem.default().get_by_name("first")
    assert first is not None
    first.tell(ValueError("oh"))
    wait_until(lambda: rows_of(client)["first"]["restarts"] == 1)
    dead = Echo.start()
    blocked = threading.Event()
    dead.call(lambda _actor: blocked.wait(PATIENCE))
    dead.stop(block=False)
    dead.tell("left behind")
    blocked.set()
    news = wait_until(
        lambda: (
            (found := client.ask("look")["news"])
            and "dead letter" in [each["what"] for each in found]
            and found
        )
    )
    assert {each["what"] for each in news} == {"failed", "restarted", "dead letter"}
    [failed] = [each for each in news if each["what"] == "failed"]
    assert failed["actor"] == "first"
    assert failed["kind"] == "builtins.ValueError"
    assert _text.new(failed) == "failed  first with ValueError"
    office.stop()


def test_one_actor_is_described(client: Client) -> None:
    echo = pykka.ActorSystem.default().start(Echo.options(name="an echo"))
    key = client.ask("find", name="an echo")["key"]
    assert client.ask("find", name=echo.actor_urn)["key"] == key
    found = client.ask("actor", key=key)
    assert found["handles"] == ["any message, by on_receive()", "greet()"]
    assert found["urn"] == echo.actor_urn
    assert found["runtime"] == "pool"
    assert found["statistics"]["waiting"] == 0
    assert client.ask("find", name="nothing")["key"] is None


def test_the_state_of_an_actor_is_shown(client: Client) -> None:
    busy = pykka.ActorSystem.default().start(Busy.options(name="b"))
    key = client.ask("find", name="b")["key"]
    attributes = client.ask("state", key=key)["attributes"]
    assert set(attributes) == {"has_begun", "may_end"}
    busy.stop()
    with pytest.raises(ObserverError, match="ActorDeadError"):
        client.ask("state", key=key)


def test_what_waits_for_what_is_seen(client: Client) -> None:
    class Asker(pykka.ThreadingActor):
        def ask_other(self, other: pykka.ActorRef[Any]) -> Any:
            return other.ask("a question")

    system = pykka.ActorSystem.default()
    busy = system.start(Busy.options(name="busy"))
    asker = system.start(Asker.options(name="asker"))
    answer = asker.proxy().ask_other(busy)
    [edge] = wait_until(lambda: client.ask("look")["waits"])
    assert (edge["from_name"], edge["to_name"], edge["circle"]) == ("asker", "busy", False)
    found = client.ask("waits", keys=[edge["from"]])
    assert found["waiting"][0]["function"] == "ask_other"
    assert _text.lines_of_waits([edge]) == ["asker waits for busy"]
    actor: Any = busy._cell.actor
    actor.may_end.set()
    answer.get()
    pykka.ActorRegistry.stop_all()


def test_a_circle_is_marked(client: Client) -> None:
    # There is none for longer than a moment, since it is an error; so it is made by hand.
    a, b, c = (Echo.start() for _ in range(3))
    for source, target in ((a, b), (b, a), (c, a)):
        ask: Any = _owed_by(target)
        source._cell.waiting = Wait(source._cell, ask)
    try:
        edges = client.ask("look")["waits"]
        assert [each["circle"] for each in edges] == [True, True, False]
        assert _text.lines_of_waits(edges)[0].endswith("(a circle)")
    finally:
        for ref in (a, b, c):
            ref._cell.waiting = None
    pykka.ActorRegistry.stop_all()


class _owed_by:  # noqa: N801 (it stands for a future)
    def __init__(self, ref: pykka.ActorRef[Any]) -> None:
        self._answered_by = ref._cell

    def _has_outcome(self) -> bool:
        return False


# --- very many -----------------------------------------------------------------------------------


def test_many_actors_are_added_up_by_class(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_scan, "MOST_ROWS", 5)
    monkeypatch.setattr(_scan, "OF_A_CLASS", 3)
    monkeypatch.setattr(_look, "OF_A_CLASS", 3)
    system = pykka.ActorSystem.default()
    for number in range(8):
        system.start(Echo.options(name=f"echo {number}"))
    busy = [system.start(Busy.options(name=f"busy {number}")) for number in range(4)]
    for number, ref in enumerate(busy):
        for _ in range(number + 2):
            ref.tell("something")
        actor: Any = ref._cell.actor
        assert actor.has_begun.wait(PATIENCE)
    look = wait_until(lambda: (found := client.ask("look"))["age"] is not None and found)
    assert look["by"] == "class"
    rows = {row["class"].rpartition(".")[2]: row for row in look["rows"]}
    assert rows["Echo"]["actors"] == 8
    assert rows["Busy"]["actors"] == 4
    assert rows["Busy"]["waiting"] == 1 + 2 + 3 + 4
    assert rows["Busy"]["fullest"] == 4
    one_by_one = client.ask("look", **{"class": f"{__name__}.Busy"})
    assert [row["name"] for row in one_by_one["rows"]] == ["busy 3", "busy 2", "busy 1"]
    for ref in busy:
        stop_busy(ref)


def test_a_look_goes_on_where_the_last_one_left_off() -> None:
    refs = [Echo.start() for _ in range(5 * _scan.LOOK_EVERY)]
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 1.0
        return now

    found = Round(clock)
    assert not found.go_on(2.5)  # two parts are looked at, then a third is one too many
    assert sum(tally.actors for tally in found.tallies.values()) == 3 * _scan.LOOK_EVERY
    assert 0 < found.progress < 1
    assert found.go_on(1000)
    assert sum(tally.actors for tally in found.tallies.values()) == len(refs)
    pykka.ActorRegistry.stop_all(block=False)


def test_however_often_viewers_ask_looks_take_a_share_only(
    server: _server.Server, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_server, "SHARE_FOR_LOOKS", 1e-9)
    client.ask("look")
    with client_of(server) as other:
        other._connection.sendall(b'{"id": 1, "do": "look"}\n')
        # The question of a person is answered at once.
        assert client.ask("find", name="nothing") == {"key": None}
        wait_until(lambda: server._delayed)
        assert client.ask("find", name="nothing") == {"key": None}
        assert server._delayed


def test_an_inbox_of_the_programs_own_is_not_called(client: Client) -> None:
    class Own(queue.Queue[Any]):
        def qsize(self) -> int:
            raise AssertionError

        empty = qsize  # type: ignore[assignment]

    class WithOwn(pykka.ThreadingActor):
        @staticmethod
        def _create_actor_inbox() -> Any:
            return Own()

    WithOwn.start()
    [row] = client.ask("look")["rows"]
    assert row["waiting"] is None
    assert _text.cell(row, "waiting") == "?"


# --- the worst of programs -----------------------------------------------------------------------


def test_it_works_when_the_pool_is_exhausted(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_look, "WORTH_A_LOOK", 0.01)

    class Stuck(pykka.PooledActor):
        dispatcher = pykka.Dispatcher("narrow", max_threads=1)

        def on_receive(self, message: threading.Event) -> None:
            message.wait(PATIENCE)

    may_end = threading.Event()
    system = pykka.ActorSystem.default()
    stuck = [system.start(Stuck.options(name=f"stuck {number}")) for number in range(2)]
    for ref in stuck:
        ref.tell(may_end)
    wait_until(lambda: "busy" in [row["state"] for row in rows_of(client).values()])
    rows = rows_of(client)
    assert sorted(row["waiting"] for row in rows.values()) == [0, 1]
    [busy] = [row for row in rows.values() if row["state"] == "busy"]
    assert "Event" in client.ask("actor", key=busy["key"])["handling"]
    with pytest.raises(ObserverError, match=r"it handles <threading\.Event"):
        client.ask("state", key=busy["key"])
    threads = {each["name"]: each for each in client.ask("look")["dispatchers"]}
    assert threads["narrow"]["threads"] == 1
    may_end.set()
    pykka.ActorRegistry.stop_all()


def test_a_repr_that_never_returns_holds_up_no_look(
    client: Client, server: _server.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_server, "GIVE_UP_AFTER", 0.05)
    may_return = threading.Event()

    class Thing:
        def __repr__(self) -> str:
            may_return.wait(PATIENCE)
            return "a thing"

    class Holder(pykka.ThreadingActor):
        thing = None

        def on_start(self) -> None:
            self.thing = Thing()

    pykka.ActorSystem.default().start(Holder.options(name="holder"))
    key = client.ask("find", name="holder")["key"]
    for _ in range(_server.MOST_ERRANDS):
        with pytest.raises(ObserverError, match="has not come back from it"):
            client.ask("state", key=key)
    with pytest.raises(ObserverError, match="perhaps it hangs"):
        client.ask("state", key=key)
    assert "holder" in rows_of(client)
    may_return.set()
    wait_until(lambda: not server._errands)
    assert client.ask("state", key=key) == {"attributes": {"thing": "a thing"}}


# --- nothing is left, and nothing is done without a viewer ---------------------------------------


def test_nothing_is_done_without_a_viewer(server: _server.Server) -> None:
    system = pykka.ActorSystem.default()
    assert not system.events.has_subscribers(pykka.ActorFailed)
    with client_of(server) as client:
        client.ask("look")
        assert system.events.has_subscribers(pykka.ActorFailed)
    wait_until(lambda: not server._viewers)
    wait_until(lambda: not system.events.has_subscribers(pykka.ActorFailed))
    assert server._patience() is None
    assert server._looker._last is None


def test_an_actor_that_was_looked_at_is_freed(client: Client) -> None:
    ref = pykka.ActorSystem.default().start(Echo.options(name="looked at"))
    actor = weakref.ref(ref._cell.actor)
    client.ask("actor", key=client.ask("find", name="looked at")["key"])
    client.ask("look")
    ref.stop()
    gc.collect()
    assert wait_until(lambda: gc.collect() is not None and actor() is None)


def test_numbers_of_actors_are_forgotten_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(_look, "monotonic", lambda: now)
    keys = _look.Keys()
    cell, other = Echo.start()._cell, Echo.start()._cell
    key = keys.of(cell)
    old = keys.of(other)
    for _ in range(3):
        now += _look.KEEP
        keys.grow_old()
        assert keys.of(cell) == key  # it is shown all the time
    assert keys.find(key) is cell
    assert keys.find(old) is None
    assert keys.find("nonsense") is None


# --- who may ask, and for what -------------------------------------------------------------------


@pytest.mark.parametrize("what", ["stop", "restart", "trace"])
def test_viewers_may_only_look(client: Client, what: str) -> None:
    ref = pykka.ActorSystem.default().start(Echo.options(name="e"))
    key = client.ask("find", name="e")["key"]
    with pytest.raises(ObserverError, match="does not allow it"):
        client.ask(what, key=key)
    assert ref.ask("hello") == "hello"


def test_what_is_allowed_is_done() -> None:
    observer = pykka.observer.serve(allow=["stop", "restart", "trace"])
    office = Office.start()
    lone = pykka.ActorSystem.default().start(Echo.options(name="lone"))
    first = pykka.ActorSystem.default().get_by_name("first")
    assert first is not None
    with client_of(observer._server) as client:
        assert client.program["allow"] == ["restart", "stop", "trace"]
        key = client.ask("find", name="first")["key"]
        assert client.ask("messages", key=key) == {"messages": None}
        client.ask("trace", key=key)
        assert first.ask("hello") == "hello"
        found = wait_until(lambda: client.ask("messages", key=key)["messages"])
        assert (found[0]["message"], found[0]["detail"]) == ("'hello'", "'hello'")
        client.ask("untrace", key=key)
        assert client.ask("messages", key=key) == {"messages": None}
        client.ask("restart", key=key)
        wait_until(lambda: rows_of(client)["first"]["restarts"] == 1)
        assert first.ask("the same ref") == "the same ref"
        alone = client.ask("find", name="lone")["key"]
        with pytest.raises(ObserverError, match="no supervisor would start it again"):
            client.ask("restart", key=alone)
        client.ask("stop", key=alone)
        lone.when_terminated().get(timeout=PATIENCE)
    office.stop()
    join(observer._server)


def test_to_serve_again_changes_what_is_allowed(server: _server.Server) -> None:
    again = pykka.observer.serve(name="another", allow={"stop"})
    assert again._server is server
    assert (server.name, server.allow) == ("another", {"stop"})
    assert "another" in repr(again)


def test_wrong_permissions_are_refused() -> None:
    with pytest.raises(ValueError, match="nothing like 'fly' to allow"):
        pykka.observer.serve(allow=["fly"])
    with pytest.raises(TypeError, match="not a text"):
        pykka.observer.serve(allow="stop")


@needs_unix
def test_only_the_user_can_open_the_socket(server: _server.Server) -> None:
    assert stat.S_IMODE(server.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(server.path.parent.stat().st_mode) == 0o700


@needs_unix
def test_a_folder_that_is_not_the_users_alone_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _addresses.folder()
    folder.chmod(0o755)
    with pytest.raises(ObserverError, match="open to other users"):
        pykka.observer.serve()
    folder.chmod(0o700)
    user = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: user + 1)
    with pytest.raises(ObserverError, match="belongs to another user"):
        pykka.observer.serve()
    monkeypatch.undo()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "pykka").symlink_to(folder)
    with pytest.raises(ObserverError, match="is no folder"):
        pykka.observer.serve()


@needs_unix
@pytest.mark.skipif(not hasattr(socket, "SO_PEERCRED"), reason="Linux tells who the peer is")
def test_another_user_gets_nothing(
    server: _server.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = socket.socketpair()
    assert _addresses.user_of(here) == os.getuid()
    here.close()
    there.close()
    monkeypatch.setattr(_addresses, "user_of", lambda _peer: 4711)
    with pytest.raises(ObserverError, match="turns us away"):
        client_of(server)


def test_over_tcp_the_token_is_needed() -> None:
    server = pykka.observer._serve("tcp", frozenset(), over_tcp=True)
    if _addresses.HAS_UNIX:
        assert stat.S_IMODE(server.path.stat().st_mode) == 0o600
    said = json.loads(server.path.read_text())
    with client_of(server) as client:
        assert client.program["name"] == "tcp"
    for token in ("wrong", None, 1, "ü"):
        server.path.write_text(json.dumps(said | {"token": token}))
        with pytest.raises(ObserverError, match="turns us away"):
            client_of(server)
    with socket.create_connection(("127.0.0.1", said["port"]), PATIENCE) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert stranger.recv(1000) == b""
    join(server)
    assert not server.path.exists()


@pytest.mark.parametrize(
    "said", [b"rubbish\n", b"[1]\n", b"\xff\n", b"[" * 3000 + b"\n", b"x" * 40_000, b"{}\n"]
)
def test_rubbish_ends_a_connection_and_nothing_else(
    server: _server.Server, client: Client, said: bytes
) -> None:
    connection, _token = _addresses.reach(Address(os.getpid(), server.path), PATIENCE)
    with connection, contextlib.suppress(ConnectionResetError):  # of what was not read
        connection.sendall(said)
        while connection.recv(1000):
            pass
    with pytest.raises(ObserverError, match="there is no question 'nonsense'"):
        client.ask("nonsense")
    with pytest.raises(ObserverError, match="no such actor"):
        client.ask("actor", key=[])
    assert client.ask("look")["actors"] == 0


def test_one_who_says_nothing_is_sent_away(
    server: _server.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_server, "GIVE_UP_AFTER", 0.05)
    connection, _token = _addresses.reach(Address(os.getpid(), server.path), PATIENCE)
    with connection:
        assert connection.recv(1) == b""


def ask_for_ever(connection: socket.socket, asked: bytes) -> None:
    for _ in range(200_000):
        connection.sendall(asked * 100)


def test_a_viewer_that_does_not_read_is_sent_no_more(server: _server.Server) -> None:
    with client_of(server) as slow, client_of(server) as client:
        asked = b'{"id": 1, "do": "find", "name": "nothing"}\n'
        slow._connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            ask_for_ever(slow._connection, asked)
        viewers = list(server._viewers.values())
        assert all(len(viewer.unsent) < 1_000_000 for viewer in viewers)
        assert client.ask("find", name="nothing") == {"key": None}


def test_another_version_is_told_so(
    server: _server.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_client, "VERSION", 2)
    with pytest.raises(ObserverError, match="speaks version 1"):
        client_of(server)


# --- programs ------------------------------------------------------------------------------------

PROGRAM = """
import sys
import pykka
class Worker(pykka.ThreadingActor):
    pass
pykka.ActorSystem.default().start(Worker.options(name="a worker"))
print(sys.argv[1:], __name__, flush=True)
sys.stdin.read()
pykka.ActorRegistry.stop_all()
"""


def start(arguments: list[str], **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = _commands.main(arguments)
    said = capsys.readouterr()
    return status, said.out, said.err


def test_a_program_is_run_and_observed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    file = tmp_path / "shop.py"
    file.write_text(PROGRAM)
    with start(["-m", "pykka", "run", str(file), "--an", "option"]) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "['--an', 'option'] __main__\n"
        status, text, _ = call(capsys, "observe", "--list")
        assert (status, text.split()) == (0, [str(program.pid), "shop"])
        status, text, _ = call(capsys, "observe", "shop", "--once")
        assert status == 0
        assert f"shop ({program.pid})" in text
        assert "a worker  idle" in text
        status, text, error = call(capsys, "observe", "nothing", "--once")
        assert (status, text) == (1, "")
        assert error.startswith("No program 'nothing' can be observed. There are: ")
        program.communicate()
    assert program.returncode == 0
    assert call(capsys, "observe", "--list")[1] == ""
    assert "Run it with PYKKA_OBSERVER=1" in call(capsys, "observe", "--once")[2]
    assert list(_addresses.folder().iterdir()) == []


def test_a_file_that_is_not_there_is_said_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "run", "nothing.py")[::2] == (1, "there is no file nothing.py\n")
    assert not [server for server in pykka.observer._servers if server.is_open]


def test_the_command_line_is_checked(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["run", "--allow", "fly", "x.py"], ["observe", "--every", "0"]):
        with pytest.raises(SystemExit):
            _commands.main(arguments)
        assert "it takes" in capsys.readouterr().err


def test_the_environment_has_a_program_observed() -> None:
    with start(["-c", PROGRAM], PYKKA_OBSERVER="trace") as program:
        assert program.stdout is not None
        program.stdout.readline()
        with _client.connect(None) as client:
            assert client.program["pid"] == program.pid
            assert client.program["allow"] == ["trace"]
        program.communicate()


def test_an_environment_that_is_wrong_is_a_warning() -> None:
    with pytest.warns(RuntimeWarning, match="PYKKA_OBSERVER=fly: there is nothing like 'fly'"):
        pykka.observer.serve_as_asked("fly")
    pykka.observer.serve_as_asked("0")
    assert not [server for server in pykka.observer._servers if server.is_open]


def test_what_a_killed_program_left_behind_is_removed() -> None:
    with start(["-c", PROGRAM], PYKKA_OBSERVER="1") as program:
        assert program.stdout is not None
        program.stdout.readline()
        assert [each.pid for each in _addresses.addresses()] == [program.pid]
        program.kill()
    assert _addresses.addresses() == []
    assert list(_addresses.folder().iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_process_leaves_the_socket_to_its_parent(client: Client) -> None:
    program = """
import os, pykka.observer
observer = pykka.observer.serve(name="parent")
if os.fork() == 0:
    assert not observer.is_open
    with pykka.observer.serve(name="child") as own:
        assert own.path != observer.path
    os._exit(0)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
assert observer.path.exists()
from pykka.observer._client import connect
with connect("parent") as client:
    assert client.ask("look")["actors"] == 0
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True, timeout=60)


# --- over time -----------------------------------------------------------------------------------


def look_of(uptime: float, age: float | None, handled: int, waited: float) -> dict[str, Any]:
    counts = {"handled": handled, "waited": waited}
    rows = [{"key": 1, **counts}, {"key": 2, "handled": None, "waited": 0.0}]
    return {"uptime": uptime, "age": age, "rows": rows, **counts}


def test_rates_and_latencies_are_those_between_two_rounds() -> None:
    trends = _text.Trends()
    trends.note(look_of(1.0, None, 5, 0.0))  # nothing is complete yet
    trends.note(look_of(2.0, 0.5, 10, 1.0))
    assert trends.in_words() == ""
    assert trends.of("1") == {"rate": None, "trend": None, "latency": None}
    trends.note(look_of(2.5, 1.0, 10, 1.0))  # the same round, seen later
    trends.note(look_of(4.0, 0.5, 50, 3.0))
    assert trends.of("1") == {"rate": 20.0, "trend": "█", "latency": 0.05}
    assert trends.of("2")["rate"] is None
    trends.note(look_of(6.0, 0.5, 70, 3.0))
    assert trends.of("1") == {"rate": 10.0, "trend": "█▄", "latency": 0.0}
    assert trends.in_words() == "10 handled a second █▄, latency 0 µs █▁"
    trends.note(look_of(8.0, 0.5, 70, 3.0))
    assert trends.in_words() == "0 handled a second █▄▁"
    assert trends.of("1")["latency"] is None


def test_what_is_counted_is_how_long_messages_lay_in_the_inbox(
    client: Client, clock: ManualClock
) -> None:
    with pykka.ActorSystem("clocked", clock=clock) as system:
        busy = system.start(Busy.options(name="busy"))
        busy.keep_statistics()
        busy.tell("one")
        actor: Any = busy._cell.actor
        assert actor.has_begun.wait(PATIENCE)
        busy.tell("another")
        clock.advance(3)
        actor.may_end.set()
        busy.ask("the last")
        assert busy._cell.extension is not None
        assert rows_of(client)["busy"]["waited"] == 3.0
        look = client.ask("look")
        assert look["waited"] == 3.0


# --- as text -------------------------------------------------------------------------------------


def test_a_tree_is_drawn_in_order() -> None:
    rows = [
        {"key": 1, "parent": None, "name": "root"},
        {"key": 2, "parent": 3, "name": "grandchild"},
        {"key": 3, "parent": 1, "name": "child"},
        {"key": 4, "parent": 1, "name": "last"},
    ]
    found = [_text.cell(row, "name") for row in _text.in_tree(rows)]
    assert found == ["root", "├─ child", "│  └─ grandchild", "└─ last"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0001, "100 µs"), (0.25, "250 ms"), (2.25, "2.2 s"), (75, "1:15"), (3_700, "1:01:40")],
)
def test_times_are_short(value: float, text: str) -> None:
    assert _text.seconds(value) == text


def test_lines_fit_into_the_terminal() -> None:
    lines = _text.table([("name", "Actor"), ("waiting", "Inbox")], [["x" * 50, "1"]], 20)
    assert [len(line) for line in lines] == [20, 20]
