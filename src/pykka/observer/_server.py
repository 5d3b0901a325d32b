"""The observer's thread: answers the questions of viewers.

The protocol
    Lines of JSON, each an object. A viewer begins with `{"pykka_observer": 1}`, the version, and
    the `"token"` if there is one. The program answers with `{"pykka_observer": 1, "pid": …, …}`.
    Then each question `{"id": 1, "do": "look"}` gets one answer: `{"id": 1, "ok": {…}}` or
    `{"id": 1, "error": "…"}`. What is added later are new questions and new entries of objects;
    a viewer leaves out what it does not know.

Problem
    What is observed may be at its limit: its pool exhausted, its actors in a deadlock, its code in
    a `repr()` that never returns. And it is the program's time that a look takes.

Invariants
    1. *Nothing is done until a viewer asks.* The thread sleeps in the operating system. A viewer
       asks for each look, so one that is slow or gone costs nothing.
    2. *At most `SHARE_FOR_LOOKS` of a processor goes into looks,* however many viewers ask, and
       how often. After a look that took long, the next one comes so much later. Questions about
       one actor, which a person asks, are answered at once.
    3. *The thread waits for nothing but viewers.* It takes no lock that the program's code could
       hold, and calls none of that; what does is done by errands (`pykka.observer._look`), each on
       a thread of its own. If one does not come back, its viewer is told so, and no more than
       `MOST_ERRANDS` hang. The threads run no actor, and wait in no future, so they count for
       nothing in a pool or in the wait-for graph.
    4. *A viewer has one question at a time answered.* What it says meanwhile is not read. So
       nothing piles up for one that does not read its answers.
    5. *Whatever a viewer sends, the worst that comes of it is that its connection ends.*
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import sys
import threading
from collections import deque
from pathlib import Path
from time import monotonic, thread_time
from typing import TYPE_CHECKING, Any

from pykka import debug
from pykka._envelope import Envelope
from pykka._ref.ref import ref_at
from pykka._util.log import logger, report_failure, safe_repr
from pykka._version import __version__
from pykka.messages import system_handler
from pykka.observer import _addresses, _look
from pykka.observer._addresses import VERSION
from pykka.observer._look import Looker

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka._cell.cell import Cell
    from pykka._envelope import Letter

SHARE_FOR_LOOKS = 0.015
"""What part of one processor looks may take."""

LONGEST_QUESTION = 16_384
MOST_VIEWERS = 16
MOST_ERRANDS = 4
LONGEST_PATIENCE = 3600.0
"""Seconds that the thread sleeps at most; to wait for very long is an error of the system's."""

GIVE_UP_AFTER = 8.0
"""Seconds after which an errand has hung, or a viewer that has not said the first word is sent
away."""

PERMISSIONS = ("restart", "stop", "trace")
"""What a viewer may be allowed besides to look."""


class RestartRequestedError(Exception):
    """An actor fails with this if a viewer asks for its restart."""


class _Restart:
    """Fail, so that the supervisor starts the actor again."""


@system_handler(_Restart, counted=False)
def _on_restart(_cell: Cell, _envelope: Letter) -> object:
    msg = "the observer was told to restart this actor"
    raise RestartRequestedError(msg)


class _RefusedError(Exception):
    """A question that is not answered; the text says why."""


class Viewer:
    """One connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.since = monotonic()
        self.is_known = False
        """Whether it has said the first word, and may ask."""
        self.unread = b""
        self.unsent = b""
        self.question: dict[str, Any] | None = None
        """The one that is being answered."""
        self.traces: dict[int, debug.Trace] = {}


class Errand:
    """Something that is found out on a thread of its own."""

    def __init__(self, viewer: Viewer, done: Callable[[], object]) -> None:
        self.viewer = viewer
        self.number: Any = None if viewer.question is None else viewer.question.get("id")
        self.until = monotonic() + GIVE_UP_AFTER
        self.outcome: tuple[str, Any] | None = None
        self._done = done

    def begin(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """Call the function there."""
        name = "pykka-observer-errand"
        threading.Thread(target=self._run, args=(function, args), name=name, daemon=True).start()

    def _run(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        try:
            self.outcome = "ok", function(*args)
        except Exception as error:
            text = _text_of(error)
            is_ours = type(error) in {_RefusedError, TimeoutError}
            self.outcome = "error", text if is_ours else f"{type(error).__name__}: {text}"
        finally:
            self._done()


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return safe_repr(error)


class Server:
    """Listens, and answers.

    Args:
        name: By which name viewers find the program.
        allow: What they may do besides looking.
        over_tcp: Whether it listens on the loopback interface.
    """

    def __init__(self, name: str, allow: frozenset[str], *, over_tcp: bool) -> None:
        self.name = name
        self.allow = allow
        self._listening, self.path, self._token = _addresses.open_socket(over_tcp=over_tcp)
        self._pid = os.getpid()
        self._selector = selectors.DefaultSelector()
        self._bell, self._ringer = socket.socketpair()
        for each in (self._listening, self._bell, self._ringer):
            each.settimeout(0)
        self._selector.register(self._listening, selectors.EVENT_READ)
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._viewers: dict[socket.socket, Viewer] = {}
        self._delayed: deque[Viewer] = deque()
        """Those who want a look, when it is time for the next one."""
        self._next_look = 0.0
        self._errands: list[Errand] = []
        self._is_closing = False
        self._looker = Looker()
        self._thread = threading.Thread(target=self._main, name="pykka-observer", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    @property
    def is_open(self) -> bool:
        """Whether it answers; not in a child process, for instance."""
        return not self._is_closing and self._pid == os.getpid()

    def close(self) -> None:
        """Answer no more, and remove the socket. It may be called twice, from any thread."""
        if self.is_open:
            self._is_closing = True
            _addresses.clean_up(self.path)
            self._ring()

    def leave_to_parent(self) -> None:
        """Let go of what a child process has inherited."""
        self._is_closing = True
        for each in (self._listening, self._bell, self._ringer, *self._viewers):
            each.close()

    def _ring(self) -> None:
        with contextlib.suppress(OSError):  # it is full of rings, or closed
            self._ringer.send(b"x")

    # The thread.

    def _main(self) -> None:
        try:
            while not self._is_closing:
                self._turn()
        except Exception:
            if not self._is_closing:
                report_failure("The observer has failed, and observes no more:")
        finally:
            self._end()

    def _end(self) -> None:
        self._is_closing = True
        for viewer in list(self._viewers.values()):
            self._drop(viewer)
        self._looker.rest()
        for each in (self._listening, self._bell, self._ringer):
            each.close()
        self._selector.close()

    def _turn(self) -> None:
        for key, events in self._selector.select(self._patience()):
            if key.fileobj is self._listening:
                self._welcome()
            elif key.fileobj is self._bell:
                self._hear_bell()
            else:
                peer: Any = key.fileobj
                viewer = self._viewers.get(peer)
                if viewer is not None:
                    self._serve(viewer, events)
        self._see_to_errands()
        self._send_strangers_away()
        if self._delayed and monotonic() >= self._next_look:
            self._answer_looks()

    def _patience(self) -> float | None:
        """Seconds until there is something to be done, if nothing comes."""
        now = monotonic()
        due = [errand.until for errand in self._errands if not self._has_been_told(errand)]
        due += [one.since + GIVE_UP_AFTER for one in self._viewers.values() if not one.is_known]
        if self._delayed:
            due.append(self._next_look)
        return min(max(0.0, min(due) - now), LONGEST_PATIENCE) if due else None

    def _hear_bell(self) -> None:
        try:
            while self._bell.recv(4096):
                pass
        except BlockingIOError:
            pass

    def _welcome(self) -> None:
        try:
            connection, _address = self._listening.accept()
        except OSError:
            return  # it has gone again
        if len(self._viewers) >= MOST_VIEWERS or not _addresses.is_welcome(connection):
            connection.close()
            return
        connection.settimeout(0)
        self._viewers[connection] = Viewer(connection)
        self._selector.register(connection, selectors.EVENT_READ)

    def _send_strangers_away(self) -> None:
        now = monotonic()
        for viewer in list(self._viewers.values()):
            if not viewer.is_known and now - viewer.since >= GIVE_UP_AFTER:
                self._drop(viewer)

    def _drop(self, viewer: Viewer) -> None:
        if self._viewers.pop(viewer.connection, None) is None:
            return
        self._selector.unregister(viewer.connection)
        viewer.connection.close()
        for trace in viewer.traces.values():
            trace.stop()
        if viewer in self._delayed:
            self._delayed.remove(viewer)
        if not self._viewers:
            self._looker.rest()

    def _serve(self, viewer: Viewer, events: int) -> None:
        try:
            if events & selectors.EVENT_WRITE:
                self._send(viewer)
            if events & selectors.EVENT_READ:
                said = viewer.connection.recv(LONGEST_QUESTION)
                viewer.unread += said
                if not said:
                    self._drop(viewer)
                    return
            self._go_on(viewer)
        except BlockingIOError:
            pass
        except (OSError, ValueError, RecursionError):  # of a peer that has gone, or talks rubbish
            self._drop(viewer)

    def _go_on(self, viewer: Viewer) -> None:
        """Answer the next question, if there is one and the former one is answered."""
        while viewer.question is None and not viewer.unsent and viewer.connection in self._viewers:
            line, newline, rest = viewer.unread.partition(b"\n")
            if not newline:
                if len(line) > LONGEST_QUESTION:
                    raise ValueError
                break
            viewer.unread = rest
            question: Any = json.loads(line)
            if not isinstance(question, dict):
                raise ValueError  # noqa: TRY004 (as with what is no JSON)
            self._take(viewer, question)  # pyright: ignore[reportUnknownArgumentType]
        self._wait_for(viewer)

    def _wait_for(self, viewer: Viewer) -> None:
        """Listen to a viewer unless it has a question open, or answers to read."""
        if viewer.connection in self._viewers:
            is_busy = viewer.question is not None and len(viewer.unread) > LONGEST_QUESTION
            events = selectors.EVENT_WRITE if viewer.unsent else 0
            if not is_busy and not viewer.unsent:
                events |= selectors.EVENT_READ  # also while it waits, to see that it has gone
            self._selector.modify(viewer.connection, events or selectors.EVENT_WRITE)

    def _send(self, viewer: Viewer) -> None:
        sent = viewer.connection.send(viewer.unsent)
        viewer.unsent = viewer.unsent[sent:]

    def _say(self, viewer: Viewer, answer: dict[str, Any]) -> None:
        if viewer.connection not in self._viewers:
            return
        viewer.question = None
        viewer.unsent += json.dumps(answer, separators=(",", ":")).encode() + b"\n"
        try:
            self._send(viewer)
        except BlockingIOError:
            pass
        except OSError:
            self._drop(viewer)
            return
        self._wait_for(viewer)

    # Questions.

    def _take(self, viewer: Viewer, question: dict[str, Any]) -> None:
        if not viewer.is_known:
            self._greet(viewer, question)
            return
        viewer.question = question
        if question.get("do") == "look":
            self._delayed.append(viewer)
            return
        try:
            found = self._answer(viewer, question)
        except _RefusedError as error:
            self._say(viewer, {"id": question.get("id"), "error": str(error)})
        else:
            if found is not None:
                self._say(viewer, {"id": question.get("id"), "ok": found})

    def _greet(self, viewer: Viewer, said: dict[str, Any]) -> None:
        if self._token is not None and not _addresses.is_token(said.get("token"), self._token):
            self._drop(viewer)
            return
        if said.get("pykka_observer") != VERSION:
            msg = f"this program speaks version {VERSION} of the observer's protocol"
            self._say(viewer, {"pykka_observer": VERSION, "error": msg})
            self._drop(viewer)
            return
        viewer.is_known = True
        self._say(
            viewer,
            {
                "pykka_observer": VERSION,
                "name": self.name,
                "pid": self._pid,
                "pykka": __version__,
                "python": sys.version.partition(" ")[0],
                "allow": sorted(self.allow),
            },
        )

    def _answer_looks(self) -> None:
        """Answer all who want a look."""
        began = thread_time()
        while self._delayed:
            viewer = self._delayed.popleft()
            question = viewer.question or {}
            chosen = question.get("class")
            wanted = chosen if isinstance(chosen, str) else None
            found = self._looker.look(wanted)
            self._say(viewer, {"id": question.get("id"), "ok": found})
            self._try_to_go_on(viewer)
        self._next_look = monotonic() + (thread_time() - began) / SHARE_FOR_LOOKS

    def _try_to_go_on(self, viewer: Viewer) -> None:
        try:
            self._go_on(viewer)
        except (OSError, ValueError, RecursionError):
            self._drop(viewer)

    def _answer(self, viewer: Viewer, question: dict[str, Any]) -> dict[str, Any] | None:
        """Answer a question at once, or begin an errand."""
        do = question.get("do")
        if do == "find":
            name = question.get("name")
            return {"key": self._looker.find(name) if isinstance(name, str) else None}
        if do == "waits":
            cells = [self._looker.keys.find(key) for key in _list_of(question.get("keys"))]
            self._send_out(
                viewer, _look.describe_waits, [cell for cell in cells if cell is not None]
            )
            return None
        cell = self._looker.keys.find(question.get("key"))
        if do not in {"actor", "state", "stop", "restart", "trace", "messages", "untrace"}:
            msg = f"there is no question {safe_repr(do, 50)}"
            raise _RefusedError(msg)
        if cell is None:
            msg = "there is no such actor any more"
            raise _RefusedError(msg)
        needed = {"stop": "stop", "restart": "restart", "trace": "trace"}.get(do)
        if needed is not None and needed not in self.allow:
            msg = f"the program does not allow it; see pykka.observer.serve(allow=[{needed!r}])"
            raise _RefusedError(msg)
        key = self._looker.keys.of(cell)
        if do == "actor":
            self._send_out(viewer, _look.describe_actor, cell, key)
            return None
        if do == "state":
            self._send_out(viewer, _look.look_inside, cell)
            return None
        return self._act(viewer, str(do), cell, key)

    def _act(self, viewer: Viewer, do: str, cell: Cell, key: int) -> dict[str, Any] | None:
        if do == "messages":
            trace = viewer.traces.get(key)
            return {"messages": None} if trace is None else _look.last_messages(trace)
        if do == "untrace":
            former = viewer.traces.pop(key, None)
            if former is not None:
                former.stop()
        elif do == "trace":
            if key not in viewer.traces:
                self._send_out(viewer, _begin_trace, viewer, key, cell)
                return None
        elif do == "stop":
            self._send_out(viewer, _stop, cell)
            return None
        else:
            self._send_out(viewer, _restart, cell)
            return None
        return {}

    # Errands.

    def _send_out(self, viewer: Viewer, function: Callable[..., Any], *args: Any) -> None:
        if len(self._errands) >= MOST_ERRANDS:
            msg = (
                "the program does not come back from earlier questions; perhaps it hangs in the "
                "__repr__() of a message or an attribute"
            )
            raise _RefusedError(msg)
        errand = Errand(viewer, self._ring)
        self._errands.append(errand)
        errand.begin(function, args)

    def _see_to_errands(self) -> None:
        now = monotonic()
        for errand in self._errands.copy():
            if errand.outcome is not None:
                self._errands.remove(errand)
                word, found = errand.outcome
                if not self._has_been_told(errand):
                    self._finish(errand, word, found)
            elif now >= errand.until and not self._has_been_told(errand):
                msg = f"the program has not come back from it in {GIVE_UP_AFTER:g} s"
                self._finish(errand, "error", msg)

    def _has_been_told(self, errand: Errand) -> bool:
        question = errand.viewer.question
        return errand.viewer.connection not in self._viewers or (
            question is None or question.get("id") != errand.number
        )

    def _finish(self, errand: Errand, word: str, found: Any) -> None:
        self._say(errand.viewer, {"id": errand.number, word: found})
        self._try_to_go_on(errand.viewer)


def _list_of(keys: Any) -> list[Any]:
    return keys[:1000] if isinstance(keys, list) else []  # pyright: ignore[reportUnknownVariableType]


def _begin_trace(viewer: Viewer, key: int, cell: Cell) -> dict[str, Any]:
    viewer.traces[key] = debug.trace(ref_at(cell), last=50)
    return {}


def _stop(cell: Cell) -> dict[str, Any]:
    logger.warning("The observer was told to stop %s.", cell)
    ref_at(cell).stop(block=False)
    return {}


def _restart(cell: Cell) -> dict[str, Any]:
    supervision = None if cell.extension is None else cell.extension.supervision
    if supervision is None or not supervision.restarts:
        msg = "no supervisor would start it again"
        raise _RefusedError(msg)
    logger.warning("The observer was told to restart %s.", cell)
    cell.signal(Envelope(_Restart()))
    return {}


def program_name() -> str:
    """What the program is called, unless it says more."""
    return Path(sys.argv[0] if sys.argv and sys.argv[0] else "python").stem
