#!/usr/bin/env python3
"""A chat server on asyncio's streams, with an actor for the room and one for each guest.

    python examples/asyncio_chat.py           # a conversation among two clients, as a test of it
    python examples/asyncio_chat.py 8023      # a server; connect with: nc 127.0.0.1 8023

What to look at:

- All actors live in the loop that runs the server. Nothing blocks, and there is no thread.
- `Guest.on_start()` and `on_receive()` await the network. While they do, the guest handles no
  other message, so lines never get mixed up; all others carry on.
- A guest who reads nothing holds up itself alone: the room only *tells*.
- `async with pykka.ActorScope()` ends a guest with its connection, and the room with the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

import pykka


class Room(pykka.AsyncioActor):
    """Passes on what is said."""

    def __init__(self) -> None:
        super().__init__()
        self._guests: dict[str, pykka.ActorRef[Guest]] = {}

    def enter(self, name: str, guest: pykka.ActorRef[Guest]) -> list[str]:
        """Let somebody in; returns who was there before."""
        others = list(self._guests)
        self._say(f"* {name} comes in")
        self._guests[name] = guest
        return others

    def leave(self, name: str) -> None:
        """Let somebody go."""
        del self._guests[name]
        self._say(f"* {name} leaves")

    def say(self, name: str, text: str) -> None:
        """Pass on what somebody says, to all others."""
        self._say(f"{name}: {text}", but_not=name)

    def _say(self, line: str, but_not: str = "") -> None:
        for name, guest in self._guests.items():
            if name != but_not:
                guest.tell(line)


class Guest(pykka.AsyncioActor):
    """One connection.

    Args:
        name: Who it is.
        writer: Where to write what is said.
        room: Where he is.
    """

    def __init__(
        self, name: str, writer: asyncio.StreamWriter, room: pykka.ActorProxy[Room]
    ) -> None:
        super().__init__()
        self._name = name
        self._writer = writer
        self._room = room

    async def on_start(self) -> None:
        others = await self._room.enter(self._name, self.actor_ref)
        await self.on_receive(f"* Hello, {self._name}. Here: {', '.join(others) or 'nobody'}")

    async def on_receive(self, message: str) -> None:
        self._writer.write(f"{message}\n".encode())
        await self._writer.drain()

    async def on_stop(self) -> None:
        with contextlib.suppress(pykka.ActorDeadError):  # the server ends, and the room has
            await self._room.leave(self._name)
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()


async def serve(port: int, scope: pykka.ActorScope) -> asyncio.Server:
    """Start the server; its room ends with a scope."""
    room = scope.start(Room).proxy()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = (await reader.readline()).decode().strip()
        async with pykka.ActorScope() as visit:
            visit.start(Guest, name, writer, room)
            while line := await reader.readline():
                room.say.defer(name, line.decode().strip())

    return await asyncio.start_server(connected, "127.0.0.1", port)


async def converse() -> None:
    """Have two clients talk to each other, and print what they see."""
    async with pykka.ActorScope() as scope:
        server = await serve(0, scope)
        host, port = server.sockets[0].getsockname()

        async def connect(name: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(f"{name}\n".encode())
            print(f"{name} sees", (await reader.readline()).decode().strip())
            return reader, writer

        async with server:
            ada_hears, ada = await connect("Ada")
            bob_hears, bob = await connect("Bob")
            print("Ada sees", (await ada_hears.readline()).decode().strip())
            ada.write(b"Tea?\n")
            print("Bob sees", (await bob_hears.readline()).decode().strip())
            bob.write(b"With milk.\n")
            print("Ada sees", (await ada_hears.readline()).decode().strip())
            ada.close()
            await ada.wait_closed()
            print("Bob sees", (await bob_hears.readline()).decode().strip())
            bob.write_eof()
            await bob_hears.read()  # until the server has closed the connection
            bob.close()
            await bob.wait_closed()


async def serve_for_ever(port: int) -> None:
    """Run the server until Ctrl-C."""
    async with pykka.ActorScope() as scope, await serve(port, scope) as server:
        await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(serve_for_ever(int(sys.argv[1])) if len(sys.argv) > 1 else converse())
    except KeyboardInterrupt:
        print("Closed.")
