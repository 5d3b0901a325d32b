"""The event loops of a simulated program.

A loop is a strand. Its callbacks run in the order in which they were scheduled, as asyncio
promises, one each time that the loop is chosen; so what other strands do comes in between. A
callback that blocks its thread keeps the loop from going on, as it would.

There is one loop that runs all the time, in the place of the library's shared one. A program that
makes its own, by `asyncio.run()`, gets one of these, too. An `async def main()` runs in one.

What a loop does besides callbacks and time, such as sockets and subprocesses, is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, Any

from pykka._cell.spawn_options import current
from pykka._deadlock.wait_graph import is_ours, place_of
from pykka.runtimes.asyncio.run import run_in_task
from pykka.simulation._engine._carriers import stay
from pykka.simulation._engine._errors import NotSimulatedError
from pykka.timers._clock import brief

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from pykka.simulation._engine._scheduler import Parked, Scheduler


@brief
class HandleAlarm:
    """Rings when a callback of a loop is due.

    Args:
        loop: The loop.
        handle: The callback.
    """

    __slots__ = ("_handle", "_has_rung", "_loop")

    def __init__(self, loop: SimulatedLoop, handle: asyncio.TimerHandle) -> None:
        self._loop = loop
        self._handle = handle
        self._has_rung = False

    @property
    def is_cancelled(self) -> bool:
        """Whether it is not to be called any more, or has been."""
        return self._has_rung or self._handle.cancelled()

    def ring(self) -> None:
        """Have it called."""
        self._has_rung = True
        self._loop.enter(self._handle)


class SimulatedLoop(asyncio.AbstractEventLoop):
    """An event loop whose callbacks run when the scheduler says so.

    Args:
        scheduler: That of the run.
        name: Its name, for people; `None` for a number.
        runs: Whether it runs all the time, and not only within `run_until_complete()` and the
            like.
    """

    is_picky = True

    def __init__(self, scheduler: Scheduler, name: str | None = None, *, runs: bool) -> None:
        self._scheduler = scheduler
        self.name = scheduler.number("loop") if name is None else name
        scheduler.loops.append(self)
        self._handles: deque[asyncio.Handle] = deque()
        self._runs = runs
        self._is_closed = False
        self._stops: Any = None
        """What is released when it is to stop running."""
        self._factory: Any = None
        self._handler: Any = None
        self._debug = False
        self.is_ready = False
        self.sent = 0
        self.is_busy = False
        """Whether a callback runs, or waits in the middle."""
        self.last_parked: Parked | None = None
        self._tasks: list[Any] = []

    # --- what the scheduler asks ----------------------------------------------------------------

    def enter(self, handle: asyncio.Handle) -> None:
        """Have a callback run after those that are due already."""
        self._scheduler.touch(("to", self.name))
        self._handles.append(handle)
        self._wake()

    def _wake(self) -> None:
        if self._handles and self._runs and not self.is_ready and not self.is_busy:
            self._scheduler.enter(self)

    def may_go_on(self) -> bool:
        """See `Ready`."""
        return self._runs

    def run(self) -> None:
        """See `Ready`: run one callback."""
        if not self._handles:
            return
        handle = self._handles.popleft()
        self.is_busy = True
        asyncio._set_running_loop(self)
        try:
            if not handle.cancelled():
                handle._run()
        finally:
            asyncio._set_running_loop(None)
            stay(current.state)
            self.is_busy = False
            self._wake()

    def label(self) -> str:
        """See `Ready`."""
        callback: Any = self._handles[0]._callback if self._handles else None  # type: ignore[attr-defined]
        task = getattr(callback, "__self__", None)
        if not isinstance(task, asyncio.Task):
            return f"{self.name} goes on"
        coroutine: Any = task.get_coro()
        cell = (
            getattr(coroutine.cr_frame, "f_locals", {}).get("cell")
            if _is_actors(coroutine)
            else None
        )
        return f"{self.name if cell is None else cell.name} goes on"

    def find_unseen(self) -> None:
        """Find what tasks have failed with, if nothing has looked at that.

        asyncio tells of it when a task is freed; when that is depends on the version of Python.
        """
        for task in self._tasks:
            if task.done() and getattr(task, "_log_traceback", False):
                task._log_traceback = False
                said = "Task exception was never retrieved"
                self.call_exception_handler({"message": said, "exception": task._exception})

    def drop(self) -> None:
        """End all tasks, at the end of the run, without running them."""
        self._handles.clear()
        for task in asyncio.all_tasks(self):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            coroutine: Any = task.get_coro()
            with contextlib.suppress(BaseException):  # whatever the program does in a `finally`
                coroutine.close()

    # --- what asyncio asks ----------------------------------------------------------------------

    def time(self) -> float:
        """See asyncio."""
        return self._scheduler.now

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.Handle:
        """See asyncio."""
        self._require_open()
        handle = asyncio.Handle(callback, args, self, context)
        self.enter(handle)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        """See asyncio."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        """See asyncio."""
        self._require_open()
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._scheduler.ring_at(when, HandleAlarm(self, handle))
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        del handle  # its alarm sees that

    def create_future(self) -> asyncio.Future[Any]:
        """See asyncio."""
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, Any], **said: Any
    ) -> asyncio.Task[Any]:
        """See asyncio."""
        self._require_open()
        task: Any
        if self._factory is None:
            task = asyncio.Task(coro, loop=self, **said)
        else:
            task = self._factory(self, coro, **said)
        self._tasks.append(task)
        return task  # type: ignore[no-any-return]

    def set_task_factory(self, factory: Any) -> None:
        """See asyncio."""
        self._factory = factory

    def get_task_factory(self) -> Any:
        """See asyncio."""
        return self._factory

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> Any:
        """See asyncio. The function runs on a strand of its own, whatever the executor."""
        del executor
        future = self.create_future()

        def set_result(value: Any, error: BaseException | None) -> None:
            if not future.cancelled():
                if error is None:
                    future.set_result(value)
                else:
                    future.set_exception(error)

        def work() -> None:
            value, error = None, None
            try:
                value = func(*args)
            except Exception as raised:
                error = raised
            if not self._is_closed:
                self.call_soon(set_result, value, error)

        self._scheduler.start_job(work, self._scheduler.number("thread"))
        return future

    def run_forever(self) -> None:
        """See asyncio."""
        self._require_open()
        if self._runs:
            msg = "This event loop is already running"
            raise RuntimeError(msg)
        if asyncio._get_running_loop() is not None:
            msg = "Cannot run the event loop while another loop is running"
            raise RuntimeError(msg)
        self._stops = stops = self._scheduler.new_lock()
        stops.acquire()
        self._runs = True
        self._wake()
        try:
            stops.acquire()
        finally:
            self._runs = False
            self._stops = None

    def run_until_complete(self, future: Any) -> Any:
        """See asyncio."""
        task = asyncio.ensure_future(future, loop=self)
        task.add_done_callback(self._stop_after)
        try:
            self.run_forever()
        finally:
            task.remove_done_callback(self._stop_after)
        if not task.done():
            msg = "Event loop stopped before Future completed."
            raise RuntimeError(msg)
        return task.result()

    def _stop_after(self, _task: object) -> None:
        self.stop()

    def stop(self) -> None:
        """See asyncio."""
        if self._stops is not None and self._stops.locked():
            self._stops.release()

    def is_running(self) -> bool:
        """See asyncio."""
        return self._runs

    def is_closed(self) -> bool:
        """See asyncio."""
        return self._is_closed

    def close(self) -> None:
        """See asyncio."""
        self._is_closed = True
        self._handles.clear()

    def _require_open(self) -> None:
        if self._is_closed:
            msg = "Event loop is closed"
            raise RuntimeError(msg)

    async def shutdown_asyncgens(self) -> None:
        """See asyncio."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 (as in asyncio)
        """See asyncio."""

    def get_debug(self) -> bool:
        """See asyncio."""
        return self._debug

    def set_debug(self, enabled: bool) -> None:  # noqa: FBT001 (as in the standard library)
        """See asyncio."""
        self._debug = enabled

    def get_exception_handler(self) -> Any:
        """See asyncio."""
        return self._handler

    def set_exception_handler(self, handler: Any) -> None:
        """See asyncio."""
        self._handler = handler

    def call_exception_handler(self, context: Any) -> None:
        """See asyncio."""
        if self._handler is not None:
            self._handler(self, context)
        else:
            self.default_exception_handler(context)

    def default_exception_handler(self, context: Any) -> None:
        """See asyncio. It is a finding."""
        error = context.get("exception")
        said = f"{context.get('message')}: {error!r}"
        self._scheduler.find("unhandled exception", f"in {self.name}: {said}", error)


def _refuse(name: str) -> Any:
    def refuse(_self: SimulatedLoop, *_args: Any, **_kwargs: Any) -> Any:
        msg = (
            f"{name}() of an event loop cannot be simulated, as nothing can that comes from "
            "outside of the program; put a stand-in in its place"
        )
        raise NotSimulatedError(msg)

    return refuse


for _name in vars(asyncio.AbstractEventLoop):
    if not _name.startswith("_") and _name not in vars(SimulatedLoop):
        setattr(SimulatedLoop, _name, _refuse(_name))


def _is_actors(coroutine: Any) -> bool:
    """Tell whether a coroutine is what runs an actor."""
    return getattr(coroutine, "cr_code", None) is run_in_task.__code__


def place_in_task(task: asyncio.Task[Any]) -> object:
    """The innermost line of the program's own in which a task is suspended."""
    coroutine: Any = task.get_coro()
    frame = None
    while coroutine is not None and hasattr(coroutine, "cr_frame"):
        if coroutine.cr_frame is not None and not is_ours(coroutine.cr_frame):
            frame = coroutine.cr_frame
        coroutine = coroutine.cr_await
    return place_of(frame)
