"""Seeing what a live program does."""

from __future__ import annotations

import contextlib
import os
import threading
import warnings
from typing import TYPE_CHECKING, Any

from pykka._util.checks import check_name, shorten
from pykka._util.signatures import show_plainly as _show_plainly
from pykka._util.world import at_exit
from pykka.observer._addresses import HAS_UNIX, ObserverError
from pykka.observer._server import PERMISSIONS, Server, program_name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import Self

__all__ = ["Observer", "ObserverError", "serve"]


class Observer:
    """The return value of `serve()`: while it is open, the program can be observed."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @property
    def name(self) -> str:
        """The name by which `python -m pykka observe` finds the program."""
        return self._server.name

    @property
    def path(self) -> Path:
        """The Unix socket that the program listens on; or the file with the port and the token."""
        return self._server.path

    @property
    def allow(self) -> frozenset[str]:
        """What viewers may do besides looking."""
        return self._server.allow

    @property
    def is_open(self) -> bool:
        """Whether the program can be observed."""
        return self._server.is_open

    def close(self) -> None:
        """Stop being observable. Closing twice does no harm."""
        self._server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<pykka.observer.Observer {self.name!r} at {self.path}>"


_starting = threading.RLock()
_servers: list[Server] = []
"""The one of this process, if there is one."""


def serve(*, name: str | None = None, allow: Iterable[str] = ()) -> Observer:
    """Let this program be observed by its user: `python -m pykka observe`.

    A thread listens on a Unix socket that only the user who runs the program can open, and
    sleeps until a viewer looks. While one does, the thread uses at most about two percent of one
    core, however many actors there are. Viewers can only look, unless they are allowed more.

    If the program can be observed already, it gets this name and these permissions. It can be
    observed until `close()`, the end of the `with` block, or the end of the program. A forked
    child process cannot be observed, even if its parent can.

    The environment variable `PYKKA_OBSERVER=1` and `python -m pykka run program.py` do the same.
    The idea is that of Erlang's Observer.

    Args:
        name: The name by which viewers find the program; `None` for that of its main file.
        allow: What viewers may do besides looking: `"stop"` actors; `"restart"` those that have a
            supervisor, which counts as a failure; `"trace"` their messages.

    Returns:
        An object that ends this.

    Raises:
        ObserverError: The program cannot listen; for example, because the folder for the socket
            cannot be used.
        TypeError: `name` is not a string, or `allow` is a string instead of a collection of
            strings.
        ValueError: `allow` has something else in it.

    Examples:
        >>> import pykka.observer
        >>> with pykka.observer.serve(name="shop", allow=["trace"]) as observer:
        ...     observer.name, sorted(observer.allow), observer.is_open
        ('shop', ['trace'], True)
        >>> observer.is_open
        False
    """
    if name is not None:
        check_name("name", name)
    return Observer(_serve(program_name() if name is None else name, _permissions(allow)))


def _permissions(allow: Any) -> frozenset[str]:
    if isinstance(allow, str):
        msg = f"allow is a collection of permissions, such as [{allow!r}], not a text"
        raise TypeError(msg)
    given = list(allow)
    for each in given:
        if each not in PERMISSIONS:
            known = ", ".join(map(repr, PERMISSIONS))
            msg = f"there is nothing like {shorten(each)} to allow; there is {known}"
            raise ValueError(msg)
    return frozenset(given)


def _serve(name: str, allow: frozenset[str], *, over_tcp: bool = not HAS_UNIX) -> Server:
    with _starting:
        for server in _servers:
            if server.is_open:
                server.name, server.allow = name, allow
                return server
        server = Server(name, allow, over_tcp=over_tcp)
        _servers[:] = [server]
        server.start()
    return server


def serve_as_asked(value: str) -> None:
    """Serve, as the environment variable `PYKKA_OBSERVER` says.

    What is wrong with that is a warning, for the program has nothing to do with it.

    Args:
        value: "1", or what viewers may do, separated by commas; "0" or nothing for no.
    """
    if value in {"", "0"}:
        return
    try:
        serve(allow=() if value == "1" else value.split(","))
    except (ObserverError, ValueError, RuntimeError) as error:
        warnings.warn(f"PYKKA_OBSERVER={value}: {error}", RuntimeWarning, stacklevel=2)


@at_exit
def close_all() -> None:
    """Remove what would be left behind."""
    for server in _servers.copy():
        server.close()


def _after_fork() -> None:
    global _starting  # noqa: PLW0603
    _starting = threading.RLock()
    for server in _servers:
        with contextlib.suppress(OSError):
            server.leave_to_parent()
    _servers.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

_show_plainly(__all__, globals())
