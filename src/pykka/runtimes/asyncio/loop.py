"""The loops that actors live in, and the one that the library makes itself.

Which loop
    The first that there is of: the one that was said (`options(loop=…)`); the one that runs where
    the actor is started; the one that an actor above it was told, or is a supervisor that was
    started in; the shared one. Supervisors start their children on threads of their own, where no
    loop runs, now and whenever they start them anew. What has to live in a certain loop, because
    it uses a queue or a client of that loop, would be lost there without the third of them.

LoopActors
    All actors of one loop. It is kept in an attribute of the loop.

When a loop is closed
    `asyncio.run()` cancels all tasks before it closes its loop, so its actors stop in order. A
    loop that is closed without that takes its tasks away in the middle. No actor is told: there is
    no hook for it. So `close()` is replaced, on that one loop, with a function that calls it and
    then *evicts* the actors: they end without a hook, since nothing can be awaited any more, and
    those that wait for them get `ActorDeadError`. A loop that is merely stopped can run again, so
    its actors wait for that.

When a loop does not run yet
    An actor may be started in it all the same, and begins when it runs. Which thread will run it,
    only the program knows; perhaps the one that starts the actor. So no *start* waits for a loop
    that does not run, that of a supervisor above the actor included.

The shared loop
    For actors that are started where no loop runs. Its thread is made with the first of them. It
    is a daemon thread, so that the program can end. When all threads that are no daemons have
    ended, `atexit` has the actors in it stop, in the reverse order of their start: they handle
    what is in their inboxes, and run `on_stop()`. The program waits for that. In a child process
    made by `os.fork()` the thread does not exist, and the next actor makes a new one. If it was
    this thread that forked, it runs the loop on until the actor that did so has ended, and ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from typing import TYPE_CHECKING, Any

from pykka._cell.extension import loop_of_family
from pykka._lifecycle.kill import end_of
from pykka._lifecycle.termination import terminate_without_hooks
from pykka._ref.ref import ref_at
from pykka._util.gil import NO_DAEMONS, allows_daemon_threads
from pykka._util.locks import held
from pykka._util.thread_state import current
from pykka._util.world import at_exit

if TYPE_CHECKING:
    from pykka._cell.cell import Cell
    from pykka._cell.spawn_options import ActorState
    from pykka.runtimes.asyncio.cell import AsyncioCell

_ATTRIBUTE = "_pykka_loop_actors"


class LoopActors:
    """The actors that live in one loop."""

    __slots__ = ("is_ours", "residents", "state", "turn_ends")

    def __init__(self) -> None:
        self.residents: dict[AsyncioCell, None] = {}
        self.is_ours = False
        """Whether the loop is the one that the library makes and runs itself."""
        self.state: ActorState | None = None
        """What the library keeps for the thread that runs the loop."""
        self.turn_ends: float | None = None
        """When tasks that run actors while they await them are to leave the loop a turn, if any
        has begun to in this one; see `pykka.runtimes.asyncio.awaiter_runs`."""

    def enter(self, cell: AsyncioCell) -> None:
        """Note that an actor lives here."""
        self.residents[cell] = None

    def leave(self, cell: AsyncioCell) -> None:
        """Note that an actor lives here no longer."""
        self.residents.pop(cell, None)

    def is_blocked_by(self, cell: AsyncioCell) -> bool:
        """Tell whether the loop's thread is in a step of an actor right now."""
        return self.state is not None and self.state.cell is cell

    def terminate_without_hooks(self) -> None:
        """End all actors, because the loop is closed. It may be done twice."""
        for cell in list(self.residents):
            if cell.task is not None:
                cell.task._log_destroy_pending = False  # type: ignore[attr-defined]
            terminate_without_hooks(cell)
            self.leave(cell)


_lock = threading.RLock()


def loop_actors_of(loop: asyncio.AbstractEventLoop) -> LoopActors:
    """The actors of a loop; made when the first one comes, on whichever thread that is."""
    loop_actors: LoopActors | None = getattr(loop, _ATTRIBUTE, None)
    if loop_actors is not None:
        return loop_actors
    for release in held(_lock):
        try:
            loop_actors = getattr(loop, _ATTRIBUTE, None)
            if loop_actors is None:
                loop_actors = LoopActors()
                # In this order: to watch the loop for actors that do not come, because a
                # signal handler raised, does no harm.
                with contextlib.suppress(AttributeError):  # __slots__; no such loop is known
                    _watch_close(loop, loop_actors)
                    setattr(loop, _ATTRIBUTE, loop_actors)
        finally:
            release()
    return loop_actors  # type: ignore[return-value]


def loop_for(cell: Cell, here: Any) -> Any:
    """The loop in which an actor is to live; `None` for the shared one.

    Args:
        cell: The actor.
        here: The loop that runs on this thread, if one does.
    """
    extension = cell.extension
    if extension is not None and extension.loop is not None:
        return extension.loop
    return loop_of_family(cell) if here is None else here


def _watch_close(loop: Any, loop_actors: LoopActors) -> None:
    close = loop.close

    def close_and_evict() -> None:
        close()
        if loop.is_closed():
            loop_actors.terminate_without_hooks()

    loop.close = close_and_evict


_shared: SharedLoop | None = None

_inherited: list[SharedLoop] = []
"""The loop of a child process's parent. It is never closed there, nor freed: it waits at the
same kernel object as the parent's, and to close it would make the parent's loop deaf."""


class SharedLoop:
    """A loop on a daemon thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop_actors = loop_actors_of(self.loop)
        self.loop_actors.is_ours = True
        self._is_ending = False
        self._thread = threading.Thread(target=self._run, name="pykka-asyncio", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        while not self._is_ending:
            self.loop.run_forever()  # again, if an actor has stopped it
        if self not in _inherited:
            self.loop.close()

    def end_after(self, task: asyncio.Task[None]) -> None:
        """End the thread, which this is, when a task has ended."""
        self._is_ending = True
        _inherited.append(self)
        task.add_done_callback(lambda _task: self.loop.stop())

    def finish(self) -> None:
        """Stop all actors, and end the thread."""
        while self.loop_actors.residents:
            stops = [
                ref_at(each).stop(block=False) for each in list(self.loop_actors.residents)[::-1]
            ]
            for stop in stops:
                stop.get()
            # A stop that finds an actor ending is not told when the last hook has run.
            for cell in list(self.loop_actors.residents):
                end_of(cell).get()
        self._is_ending = True
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()


def shared_loop() -> asyncio.AbstractEventLoop:
    """The loop for actors that are started where none runs.

    Raises:
        RuntimeError: No thread can be started.
    """
    global _shared  # noqa: PLW0603
    if _shared is None and not allows_daemon_threads():
        what = "An AsyncioActor that is started where no event loop runs"
        raise RuntimeError(NO_DAEMONS.format(what, "asyncio.run()"))
    for release in held(_lock):
        try:
            if _shared is None:
                shared = SharedLoop()
                shared.start()
                _shared = shared
            return _shared.loop
        finally:
            release()
    raise AssertionError  # pragma: no cover (the lock is held once)


@at_exit
def _finish() -> None:
    """End the shared loop, before the program ends."""
    global _shared
    shared, _shared = _shared, None
    if shared is not None:
        shared.finish()


def _after_fork() -> None:
    """Begin afresh in a child process: it has none of its parent's threads."""
    global _lock, _shared  # noqa: PLW0603
    _lock = threading.RLock()
    shared, _shared = _shared, None
    forked: Any = current.state.cell
    if shared is not None and forked is not None and getattr(forked, "loop", None) is shared.loop:
        shared.end_after(forked.task)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
