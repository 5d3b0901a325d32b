"""What `await future` does: the task is suspended, whatever runs it, and no thread blocks.

Who runs the coroutine is found out when it matters, from modules that the program has imported. To
import `asyncio` here would cost each program that uses futures 30 ms at start-up, and a program
that has never imported it runs no event loop of it.

| The coroutine is run by | so it waits |
|---|---|
| asyncio, or a loop that replaces its loop, such as uvloop's | for a future of that loop |
| trio | for an event of trio |
| a framework that only `sniffio` knows | not at all: it is an error that says what to do |
| no framework, by hand | as `get()` does |

A future made by `map()` and its sisters waits for those that it is made from, one after the other,
as `get()` does. A future with a get-hook does its waiting inside the hook, so the hook is run on a
thread of the loop's executor. That is also the way for futures of a user's own that are nothing
but a `get()`.

Invariants
    1. *Each waiter is woken.* `Future._when_ready` calls the waiter once the future is resolved,
       also if that has happened before. The waiter is called on any thread, on top of anything.
    2. *Waking is idempotent,* for a waiter may be called twice, and after the task is cancelled.
    3. *A loop that is closed has no tasks that wait,* so to find it closed is no error.
    4. *The wait-for graph gets an edge* only if the wait holds an actor up: the task that is
       suspended is the one that runs the actor's handlers, and no other. A task that a handler has
       started is another one, also if it runs its first step on top of the handler.

On a thread of a pool
    A plain handler may run an event loop, with `asyncio.run()`. While that sleeps, the worker
    looks busy, and does nothing. So what waits in its own run queue is handed over to others; if
    it is the task that the handler runs the loop for, the worker counts as one that waits. And if
    the pool has no other thread, the actor that has to answer is run right here, as `get()` does
    it, with the loop set aside meanwhile; unless the wait has a limit, which that could overrun.

Waking costs a system call if it comes from another thread, and nothing of the kind if a task of
the same loop does it: its loop looks at what is ready when the task has run its step. So
`resume_soon` asks whether a *task* is running and not whether the loop is: a signal handler may
run on top of a loop that sleeps, and then the loop has to be woken.
"""

from __future__ import annotations

import math
from contextlib import contextmanager, nullcontext
from sys import modules
from typing import TYPE_CHECKING, Any

from pykka._deadlock.wait_graph import begin_await, end_await, has_deadline, lies_beneath_await
from pykka._futures.derived import Derivation
from pykka._util.gil import HAS_GIL, arrivals, arrived
from pykka._util.imported import imported, running_loop
from pykka._util.log import logger
from pykka._util.thread_state import current

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from contextlib import AbstractContextManager

    from pykka._futures.future import Future
    from pykka._util.thread_state import PoolWorker


@lies_beneath_await
def suspend_task(future: Future[Any]) -> Generator[Any, Any, Any]:
    """Suspend the running task until a future is resolved, and return its value.

    Raises:
        DeadlockError: The task runs an actor, and the wait closes a circle.
        RuntimeError: An unknown framework runs the coroutine.
        Exception: Whatever the future ended with.
    """
    try:
        if "trio" in modules and (trio := imported("trio")) and trio.lowlevel.in_trio_task():
            return (yield from _suspend(future, _TrioWaiter(trio)))
        loop = running_loop()
        if loop is not None:
            return (yield from _suspend(future, _AsyncioWaiter(modules["asyncio"], loop)))
        _refuse_unknown_framework()
        return future.get()
    finally:
        # An exception's traceback holds this frame; do not let the frame hold it in turn.
        del future


@lies_beneath_await
def _suspend(future: Future[Any], waiter: Any) -> Generator[Any, Any, Any]:
    lazy: Any = None
    try:
        worker = current.state.worker
        if worker is not None and _is_brought_by(worker, future, waiter):
            return future.get()
        lazy = future._lazy
        if isinstance(lazy, Derivation) and lazy.outcome is None:
            if not (yield from _suspend_for_sources(lazy)):  # pyright: ignore[reportUnknownArgumentType]
                return (yield from waiter.run_elsewhere(future.get))  # pyright: ignore[reportUnknownVariableType]
        elif lazy is not None or not future._when_ready(waiter):
            return (yield from waiter.run_elsewhere(future.get))  # pyright: ignore[reportUnknownVariableType]
        else:
            wait = None
            try:
                wait = begin_await(future, waiter.task)
                yield from waiter.wait()
                arrived(waiter)
            except BaseException:
                future._forget(waiter)
                raise
            finally:
                if wait is not None:
                    end_await(wait)
                    wait = None  # it holds the future
        return future.get()
    finally:
        del future, waiter, lazy  # as above


def _is_brought_by(worker: PoolWorker, future: Any, waiter: Any) -> bool:
    """Let others have what waits for this thread of a pool; or do it here, if there is no other.

    Returns:
        Whether the future is resolved.
    """
    if not worker.is_the_last():
        worker.let_others_work()
        return False
    source = getattr(future, "_answered_by", None)
    if (
        future._lazy is not None
        or source is None
        or not source.can_be_run
        or source.held_up_by is not None
        or waiter.has_deadline()
    ):
        return False
    with waiter.set_aside():
        is_resolved: bool = source.run_until(future, current.state)
    return is_resolved


@lies_beneath_await
def _suspend_for_sources(lazy: Derivation[Any]) -> Generator[Any, Any, bool]:
    """Suspend until the sources are there; False if `get()` would have to wait all the same."""
    source = None
    try:
        for source in lazy.sources:
            if not hasattr(source, "__await__"):
                return False  # it is nothing but a get()
            yield from source.__await__()
        return not lazy.is_busy()
    finally:
        del lazy, source  # as above


class _AsyncioWaiter:
    """Suspends a task of asyncio, and is called when it is to go on.

    Args:
        asyncio: The module.
        loop: The running loop.
    """

    __slots__ = ("_asyncio", "_loop", "_waiting")

    def __init__(self, asyncio: Any, loop: Any) -> None:
        self._asyncio = asyncio
        self._loop = loop
        self._waiting: Any = loop.create_future()

    @property
    def task(self) -> Any:
        """The task that is suspended."""
        return self._asyncio.current_task(self._loop)

    def wait(self) -> Generator[Any, Any, object]:
        """Suspend the task until this is called."""
        return self._waiting.__await__()  # type: ignore[no-any-return]

    def has_deadline(self) -> bool:
        """Tell whether something will interrupt the task after some time."""
        return has_deadline(self.task)

    @contextmanager
    def set_aside(self) -> Generator[None, None, None]:
        """Have no loop run on this thread, as far as can be seen."""
        asyncio, loop, task = self._asyncio, self._loop, self.task
        asyncio.tasks._leave_task(loop, task)
        asyncio._set_running_loop(None)
        try:
            yield
        finally:
            asyncio._set_running_loop(loop)
            asyncio.tasks._enter_task(loop, task)

    def __call__(self) -> None:
        try:
            resume_soon(self._asyncio, self._loop, self._resume)
        except RuntimeError:
            if not self._loop.is_closed():
                raise  # a RecursionError, for instance
            # The loop was closed meanwhile, so no task awaits us any more.
            logger.debug("The future of a task came too late for %r", self._loop)
        else:
            if HAS_GIL and self._asyncio._get_running_loop() is not self._loop:
                # twin: owe (1 statement)
                current.state.owes = arrivals.latest

    def _resume(self) -> None:
        if not self._waiting.done():
            self._waiting.set_result(None)

    def run_elsewhere(self, function: Callable[[], object]) -> Generator[Any, Any, object]:
        """Run something that blocks on a thread of the loop's executor."""
        return self._loop.run_in_executor(None, function).__await__()  # type: ignore[no-any-return]


class _TrioWaiter:
    """Suspends a task of trio, and is called when it is to go on.

    Args:
        trio: The module.
    """

    __slots__ = ("_event", "_token", "_trio")

    task = None

    def __init__(self, trio: Any) -> None:
        self._trio = trio
        self._token = trio.lowlevel.current_trio_token()
        self._event = trio.Event()

    def wait(self) -> Generator[Any, Any, object]:
        """Suspend the task until this is called."""
        return self._event.wait().__await__()  # type: ignore[no-any-return]

    def has_deadline(self) -> bool:
        """Tell whether something will interrupt the task after some time."""
        deadline: float = self._trio.current_effective_deadline()
        return deadline < math.inf

    def set_aside(self) -> AbstractContextManager[None]:
        """Do nothing: asyncio does not know of trio's loop."""
        return nullcontext()

    def __call__(self) -> None:
        try:
            self._token.run_sync_soon(self._event.set, idempotent=True)
        except self._trio.RunFinishedError:  # as above
            logger.debug("The future of a task came too late for %r", self._token)
        else:
            if HAS_GIL:
                # twin: owe (1 statement)
                current.state.owes = arrivals.latest

    def run_elsewhere(self, function: Callable[[], object]) -> Generator[Any, Any, object]:
        """Run something that blocks on a thread of trio's."""
        run_sync = self._trio.to_thread.run_sync
        return run_sync(function, abandon_on_cancel=True).__await__()  # type: ignore[no-any-return]


def resume_soon(asyncio: Any, loop: Any, function: Callable[[], object]) -> None:
    """Call a function that makes a task of a loop go on, from any thread and from anywhere.

    Raises:
        RuntimeError: The loop is closed.
    """
    if asyncio._get_running_loop() is loop and asyncio.current_task(loop) is not None:
        function()
    else:
        loop.call_soon_threadsafe(function)


def runs_event_loop() -> bool:
    """Tell whether this thread runs an event loop, of asyncio or trio, which must not block."""
    trio = imported("trio")
    return running_loop() is not None or (trio is not None and trio.lowlevel.in_trio_run())


def _refuse_unknown_framework() -> None:
    sniffio = imported("sniffio")
    if sniffio is None:
        return
    try:
        name = sniffio.current_async_library()
    except sniffio.AsyncLibraryNotFoundError:
        return
    msg = (
        f"a future of pykka can be awaited in asyncio and trio, and not in {name}, where this "
        "would block all tasks; call future.get() on a thread, by what the framework has for that"
    )
    raise RuntimeError(msg)
