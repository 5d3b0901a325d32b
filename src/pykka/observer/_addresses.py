"""Where a program that can be observed is found, and who may talk to it.

A program listens on a Unix socket in a folder of its user's, where only that user can get at it.
Where there are no Unix sockets, as in Python on Windows, it listens on a port of the loopback
interface; port and token are in a file in such a folder.

Invariants
    1. *The folder is the user's own and closed to others* (mode 0700), or it is not used; neither
       is one that is a symbolic link. So no other user can put a socket there for a viewer to
       believe in, or get at one that is there.
    2. *The socket is closed to others from its first moment:* its folder is. Its mode is 0600 too.
    3. *A peer that is another user is turned away,* where the system can tell who it is; root is
       not, which can do anything.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
import secrets
import socket
import stat
import struct
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from pykka._util.log import logger

HAS_UNIX = hasattr(socket, "AF_UNIX") and hasattr(os, "getuid")

VERSION = 1
"""That of the protocol; see `pykka.observer._server`."""

LONGEST_PATH = 100
"""So many bytes of a path any system takes for a socket."""


class Address(NamedTuple):
    """Where a program listens."""

    pid: int
    path: Path
    """The socket; or the file that says port and token."""


class ObserverError(Exception):
    """A program cannot be observed; the text says why."""


def folder() -> Path:
    """The folder of the sockets; made now if there is none.

    Raises:
        ObserverError: There can be none that is the user's alone.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and os.path.isabs(runtime) and os.path.isdir(runtime):  # noqa: PTH112, PTH117
        found = Path(runtime, "pykka")
    else:
        user = str(os.getuid()) if HAS_UNIX else os.environ.get("USERNAME", "user")
        found = Path(tempfile.gettempdir(), f"pykka-{user}")
    try:
        with contextlib.suppress(FileExistsError):
            found.mkdir(mode=0o700)
        _require_private(found)
    except OSError as error:
        msg = f"the folder {found} for the sockets of observers cannot be used: {error}"
        raise ObserverError(msg) from error
    return found


def _require_private(path: Path) -> None:
    about = path.lstat()
    if not stat.S_ISDIR(about.st_mode):
        msg = f"{path} is no folder; remove it, for a folder of that name is needed"
        raise ObserverError(msg)
    if not HAS_UNIX:
        return  # the folder is in the user's profile, which is closed to others
    if about.st_uid != os.getuid():
        msg = f"the folder {path} belongs to another user; remove it, or set XDG_RUNTIME_DIR"
        raise ObserverError(msg)
    if stat.S_IMODE(about.st_mode) & 0o077:
        msg = f"the folder {path} is open to other users; chmod 700 {path}"
        raise ObserverError(msg)


def open_socket(*, over_tcp: bool = not HAS_UNIX) -> tuple[socket.socket, Path, str | None]:
    """Begin to listen.

    Args:
        over_tcp: Whether on the loopback interface, with a token.

    Returns:
        The socket, the path by which viewers find it, and the token that they have to say.

    Raises:
        ObserverError: That is not possible.
    """
    where = folder()
    if over_tcp:
        return _open_tcp(where / f"{os.getpid()}.json")
    path = where / f"{os.getpid()}.sock"
    if len(os.fsencode(path)) > LONGEST_PATH:
        msg = f"the path {path} is too long for a socket; set XDG_RUNTIME_DIR to a shorter one"
        raise ObserverError(msg)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()  # of a process of the past, that had this number
        listening.bind(os.fspath(path))
        path.chmod(0o600)
        listening.listen()
    except OSError as error:
        listening.close()
        msg = f"cannot listen at {path}: {error}"
        raise ObserverError(msg) from error
    return listening, path, None


def _open_tcp(path: Path) -> tuple[socket.socket, Path, str | None]:
    token = secrets.token_urlsafe(32)
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"port": listening.getsockname()[1], "token": token}, file)
    except OSError as error:
        listening.close()
        msg = f"cannot listen on the loopback interface: {error}"
        raise ObserverError(msg) from error
    return listening, path, token


def is_welcome(peer: socket.socket) -> bool:
    """Tell whether a peer is the same user, as far as the system can tell."""
    user = user_of(peer)
    return user is None or user in {os.getuid(), 0}


def user_of(peer: socket.socket) -> int | None:
    """The number of the user at the other end; `None` if the system does not tell."""
    if not HAS_UNIX or peer.family != socket.AF_UNIX:
        return None
    try:
        if hasattr(socket, "SO_PEERCRED"):
            size = struct.calcsize("3i")
            said = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
            return int(struct.unpack("3i", said)[1])
        if sys.platform == "darwin":
            said = peer.getsockopt(0, 1, 76)  # LOCAL_PEERCRED, and its `struct xucred`
            return int(struct.unpack_from("2I", said)[1])
    except OSError:
        return -1  # it has gone
    return None


def is_token(said: object, token: str) -> bool:
    """Tell whether what a peer has said is the token, in a time that tells nothing of it."""
    return isinstance(said, str) and hmac.compare_digest(said.encode(), token.encode())


def addresses() -> list[Address]:
    """Where programs of this user listen; what was left behind by those of the past is removed.

    Raises:
        ObserverError: The folder cannot be used.
    """
    found: list[Address] = []
    for path in sorted(folder().iterdir()):
        if path.suffix in {".sock", ".json"} and path.stem.isdecimal():
            address = Address(int(path.stem), path)
            if _is_running(address.pid):
                found.append(address)
            else:
                clean_up(path)
    return found


def _is_running(pid: int) -> bool:
    if not HAS_UNIX:
        return True  # on Windows, this would end it
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def clean_up(path: Path) -> None:
    """Remove a socket, or the file that stands for one."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("Cannot remove %s: %s", path, error)


def reach(address: Address, timeout: float) -> tuple[socket.socket, str | None]:
    """Connect to a program.

    Returns:
        The connection, and the token to be said.

    Raises:
        ObserverError: It does not listen there.
    """
    token: str | None = None
    try:
        if address.path.suffix == ".json":
            said: Any = json.loads(address.path.read_text(encoding="utf-8"))
            token = said["token"]
            return socket.create_connection(("127.0.0.1", int(said["port"])), timeout), token
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(timeout)
            connection.connect(os.fspath(address.path))
        except OSError:
            connection.close()
            raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        msg = (
            f"the program with the number {address.pid} does not listen at {address.path}: {error}"
        )
        raise ObserverError(msg) from error
    return connection, token
