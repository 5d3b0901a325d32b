#!/usr/bin/env python3
"""A method on a proxy: call it for a future, defer it for no answer at all, or await it."""

from __future__ import annotations

import asyncio

import pykka


class AnActor(pykka.ThreadingActor):
    """Counts how often it worked."""

    string_attribute = "a string"

    def __init__(self) -> None:
        super().__init__()
        self._done = 0

    def do_work(self) -> str:
        """Work once."""
        self._done += 1
        return f"did it {self._done} times"

    def count(self) -> int:
        """Return how often the actor worked."""
        return self._done


async def main(proxy: pykka.ActorProxy[AnActor]) -> None:
    """Wait for the actor in a coroutine; other tasks of the event loop run meanwhile."""
    print(await proxy.do_work())


if __name__ == "__main__":
    proxy = AnActor.start().proxy()

    print(proxy.string_attribute.get())
    print(proxy.count().get() + 1)

    # Ask semantics: returns a future.
    future = proxy.do_work()
    print(future.get())

    # Tell semantics: fire and forget.
    proxy.do_work.defer()

    asyncio.run(main(proxy))
    proxy.stop()
