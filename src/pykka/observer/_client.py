"""A viewer's end of the connection to a program; see `pykka.observer._server` for the protocol."""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
from typing import Any, Self

from pykka.observer import _addresses
from pykka.observer._addresses import VERSION, Address, ObserverError

TIMEOUT = 12.0
"""Seconds to wait for an answer: longer than a program waits for its own errands."""


class Client:
    """Asks a program. For one thread.

    Args:
        address: Where the program listens.
        timeout: Seconds to wait for an answer.

    Raises:
        ObserverError: It does not listen, or does not want to be asked.
    """

    def __init__(self, address: Address, timeout: float = TIMEOUT) -> None:
        self._address = address
        self._connection, token = _addresses.reach(address, timeout)
        self._file = self._connection.makefile("rb")
        self._numbers = itertools.count(1)
        self.program: dict[str, Any] = {}
        """What the program says of itself: name, pid, pykka, python, allow."""
        try:
            self.program = self._say({"pykka_observer": VERSION, "token": token})
        except BaseException:
            self.close()
            raise

    def ask(self, do: str, **details: Any) -> dict[str, Any]:
        """Ask something.

        Raises:
            ObserverError: The program has gone, or refuses; the text says why.
        """
        found: dict[str, Any] = self._say({"id": next(self._numbers), "do": do, **details})["ok"]
        return found

    def _say(self, said: dict[str, Any]) -> dict[str, Any]:
        answer = self._talk(said)
        if "error" in answer:
            raise ObserverError(answer["error"])
        return answer

    def _talk(self, said: dict[str, Any]) -> dict[str, Any]:
        try:
            self._connection.sendall(json.dumps(said).encode() + b"\n")
            line = self._file.readline()
            answer: Any = json.loads(line) if line else None
        except (OSError, ValueError) as error:
            raise GoneError(self._address.pid, error) from error
        if not isinstance(answer, dict):
            raise GoneError(self._address.pid, None)
        return answer  # pyright: ignore[reportUnknownVariableType]

    def interrupt(self) -> None:
        """Have a thread that waits for an answer wait no more; any thread may do that."""
        with contextlib.suppress(OSError):  # it has ended
            self._connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End the connection."""
        self._file.close()
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


class GoneError(ObserverError):
    """The program has ended, or has ended the connection."""

    def __init__(self, pid: int, error: Exception | None) -> None:
        why = "" if error is None else f" ({error})"
        super().__init__(f"the program with the number {pid} has gone, or turns us away{why}")


def programs() -> list[Client]:
    """Connect to all programs of this user that can be observed."""
    found: list[Client] = []
    for address in _addresses.addresses():
        try:
            found.append(Client(address, timeout=2.0))
        except ObserverError:  # it is just ending, or listens no more
            continue
    return found


def connect(wanted: str | None) -> Client:
    """Connect to a program.

    Args:
        wanted: Its number or its name; `None` for the only one there is.

    Raises:
        ObserverError: There is none, or there are several.
    """
    clients = programs()
    chosen = [
        client
        for client in clients
        if wanted is None or wanted in {str(client.program["pid"]), client.program["name"]}
    ]
    for client in clients:
        if client not in chosen or len(chosen) > 1:
            client.close()
    if len(chosen) == 1:
        return chosen[0]
    listed = ", ".join(f"{each.program['pid']} ({each.program['name']})" for each in clients)
    if not chosen:
        what = "No program" if wanted is None else f"No program {wanted!r}"
        msg = f"{what} can be observed. " + (
            f"There are: {listed}."
            if clients
            else "Run it with PYKKA_OBSERVER=1, or with `python -m pykka run program.py`, or let "
            "it call pykka.observer.serve()."
        )
        raise ObserverError(msg)
    msg = f"Which program? There are: {listed}. Name one by its number."
    raise ObserverError(msg)
