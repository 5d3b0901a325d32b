"""Actors whose code awaits."""

from __future__ import annotations

from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, ClassVar

from pykka._actor.actor import Actor
from pykka._futures.threading_future import new_threading_future
from pykka.runtimes.asyncio.cell import AsyncioCell

if TYPE_CHECKING:
    from pykka._cell.cell import Cell


class AsyncioActor(Actor):
    """An actor that lives in an event loop of asyncio.

    Each of its methods and hooks may be `async def` or plain `def`. It handles one message at a
    time, even while a handler awaits; the loop runs everything else meanwhile. Others reach it as
    they reach any actor, from any thread.

    It lives in the loop that is running where `start()` is called, unless `options(loop=…)` say
    another one. If none is, it lives in that of a parent or supervisor above it; or else in a loop
    that all such actors share, on a daemon thread that is started with the first of them. All its
    code but `__init__()` runs in one task of its own, so `asyncio.timeout()` and the like work,
    and in a `contextvars` context of its own, which is empty at first.

    It must not hold up the loop, so it must not block; in a coroutine of the same loop, a blocking
    `ask()` raises `DeadlockError`. See the guide on asyncio.

    A kill cancels what it awaits. If its task is cancelled from outside, for instance because
    `asyncio.run()` ends, it stops in an orderly way: what it awaits is interrupted, and
    `on_stop()` runs. An asker that waits for an answer gets `ActorDeadError`. A cancellation that
    its own code causes and handles, such as that of a `TaskGroup` in which a task fails, does not
    end it.

    Examples:
        >>> import asyncio
        >>> import pykka
        >>> class Clerk(pykka.AsyncioActor):
        ...     async def on_start(self):
        ...         self.greeting = await self.look_up("greeting")
        ...     async def look_up(self, key):
        ...         await asyncio.sleep(0)
        ...         return {"greeting": "Good morning"}[key]
        ...     def greet(self, name):
        ...         return f"{self.greeting}, {name}!"
        >>> async def main():
        ...     clerk = Clerk.start().proxy()
        ...     text = await clerk.greet("Ada")
        ...     await clerk.stop()
        ...     return text
        >>> asyncio.run(main())
        'Good morning, Ada!'

        Without a running loop it is used like any other actor:

        >>> clerk = Clerk.start().proxy()
        >>> clerk.look_up("greeting").get()
        'Good morning'
        >>> clerk.stop().get()
    """

    _pykka_cell_class: ClassVar[type[Cell]] = AsyncioCell

    @staticmethod
    def _create_actor_inbox() -> Any:
        inbox: SimpleQueue[Any] = SimpleQueue()
        return inbox

    _create_future = staticmethod(new_threading_future)

    def _start_actor_loop(self) -> None:
        cell: Any = self._pykka_cell
        cell.begin()
