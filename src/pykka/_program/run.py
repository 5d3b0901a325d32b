"""A program whose actors end in order, however it ends.

Problem
    A program ends because its main function returns or raises, because of Ctrl-C, or because the
    operating system asks it to (SIGTERM), which by default ends it on the spot. Each time the
    actors are to end in order, within a time; a person at the keyboard may grow impatient
    meanwhile; and none of it may depend on where the signal strikes.

What a signal means
    1. While the main function runs, `KeyboardInterrupt` is raised in it. That is what Ctrl-C
       means to Python and to the actors: an actor that the main thread runs for itself lives on.
       In an event loop, the task of the main function is cancelled, as `asyncio.run()` does.
    2. While the actors end, the first one kills those that are left, and the next ones raise.

Invariants
    1. *`_is_ending` is set before the end begins, and what raises before that has it begin all the
       same.* So there is no moment in which a signal leaves the actors behind.
    2. A handler that the program has set itself is left alone. Put back is what was there.
"""

from __future__ import annotations

import signal
from types import CoroutineType
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, Unpack, overload

from pykka._exceptions import Timeout
from pykka._futures.deadline import Deadline
from pykka._lifecycle.cancellation import is_cancellation
from pykka._system.shutdown import Shutdown
from pykka._system.system import require_system
from pykka._util.checks import check_callable, type_of
from pykka._util.imported import running_loop
from pykka._util.log import is_a, logger
from pykka._util.thread_state import current

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import FrameType

    from pykka._system.system import ActorSystem

R = TypeVar("R")
Ts = TypeVarTuple("Ts")

STATUS_OF_CTRL_C = 130
"""What shells expect of a program that Ctrl-C has ended. After SIGTERM it is 0, for a service
manager takes any other status for a failure."""


@overload
def run(
    main: Callable[[Unpack[Ts]], Coroutine[Any, Any, R]],
    /,
    *args: *Ts,
    system: ActorSystem | None = None,
    timeout: float | None = 30.0,
) -> R: ...
@overload
def run(
    main: Callable[[Unpack[Ts]], R],
    /,
    *args: *Ts,
    system: ActorSystem | None = None,
    timeout: float | None = 30.0,
) -> R: ...
def run(
    main: Callable[[*Ts], Any],
    /,
    *args: *Ts,
    system: ActorSystem | None = None,
    timeout: float | None = 30.0,
) -> Any:
    """Run a program, and stop its actors in order when it ends.

    However the main function ends, the actors are stopped then, the one that was started last
    first, as `ActorSystem.shutdown` does.

    On Ctrl-C and on SIGTERM, `KeyboardInterrupt` is raised in the main function; if that is `async
    def`, it is cancelled instead. When the actors have stopped, the program ends: with status 130
    after Ctrl-C, and 0 after SIGTERM. A signal that comes while they stop kills those that are
    left, and the next one is not kept waiting for them.

    A service, which is to run until it is told to end, waits in its main function for the end of
    an actor, such as its supervisor: `supervisor.when_terminated().get()`, with an `await` in the
    place of `get()` if the main function is `async def`.

    Handlers that the program has set for these signals are left alone. On another thread than the
    main one, there are no signals.

    Args:
        main: The main function, plain or `async def`.
        *args: Its arguments.
        system: The system that ends; `None` for the default one, to which all actors belong that
            are started without saying more. It takes actors again afterwards.
        timeout: Seconds that the actors may take to end; `None` for all that they take.

    Returns:
        What `main` returns.

    Raises:
        SystemExit: A signal has ended the program.
        Timeout: Some actors did not stop in time, and were killed.
        RuntimeError: `main` is `async def`, and an event loop runs on this thread already.
        TypeError: `main` cannot be called, `system` is none, or `timeout` is not a number.
        ValueError: `timeout` is negative.
        BaseException: What `main` raises.

    Examples:
        >>> import pykka
        >>> class Greeter(pykka.ThreadingActor):
        ...     def greet(self, name):
        ...         return f"Hello, {name}!"
        ...     def on_stop(self):
        ...         print("Goodbye.")
        >>> def main(name):
        ...     greeter = Greeter.start()
        ...     print(greeter.call(Greeter.greet, name).get())
        >>> pykka.run(main, "world")
        Hello, world!
        Goodbye.
    """
    check_callable("main", main, "the arguments that follow it")
    Deadline(timeout)  # refuses what is no number of seconds
    given = require_system(system, "system is {}, which is no pykka.ActorSystem")
    return _Program(given, timeout).run(main, args)


class _Program:
    """One run of a program.

    Args:
        system: The system that ends with it.
        timeout: The seconds that its actors may take.
    """

    def __init__(self, system: ActorSystem, timeout: float | None) -> None:
        self._system = system
        self._timeout = timeout
        self._task: Any = None
        """The task of the main function, if that is `async def`."""
        self._loop: Any = None
        self._signals: list[int] = []
        """The signals that have come."""
        self._late = 0
        """How many of them while the actors ended."""
        self._is_ending = False
        self._has_ended = False

    def run(self, main: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """Run it, with the handlers of signals set meanwhile."""
        before = self._set_handlers()
        try:
            result = self._run(main, args)
        except BaseException as error:
            if not self._is_by_signal(error):
                raise
        else:
            if not self._late:  # what came before, the main function has coped with
                return result
        finally:
            for number, handler in before.items():
                if signal.getsignal(number) == self._on_signal:
                    signal.signal(number, handler)
        raise SystemExit(STATUS_OF_CTRL_C if self._signals[0] == signal.SIGINT else 0)

    def _run(self, main: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        try:
            result = main(*args)
            if type_of(result) is CoroutineType:
                result = self._run_in_loop(result)
            self._end(None)
        except BaseException as error:
            self._end(error)
            raise
        return result

    def _end(self, error: BaseException | None) -> None:
        """End the actors, unless that has been done.

        Args:
            error: What the main function has raised; the caller raises it in any case.
        """
        self._is_ending = True
        if not self._has_ended:
            self._has_ended = True
            try:
                self._system.shutdown(self._timeout)
            except Timeout as timeout:
                self._complain(timeout, error)

    def _complain(self, timeout: Timeout, error: BaseException | None) -> None:
        """Raise that actors had to be killed, unless the main function has raised something."""
        if error is None or self._is_by_signal(error):
            raise timeout
        logger.error("%s", timeout)

    def _is_by_signal(self, error: BaseException) -> bool:
        """Tell whether the program ends with an exception because of a signal."""
        return bool(self._signals) and (is_a(error, KeyboardInterrupt) or is_cancellation(error))

    def _run_in_loop(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        if running_loop() is not None:
            coroutine.close()
            msg = (
                "pykka.run() cannot run an async def function where an event loop runs already; "
                "await it, in an `async with pykka.ActorSystem():` block for instance"
            )
            raise RuntimeError(msg)
        import asyncio  # noqa: PLC0415 (not all programs need it, and it is slow to import)

        try:
            return asyncio.run(self._await(coroutine))
        finally:
            coroutine.close()  # it has not begun, if a signal came before that

    async def _await(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Await the main function, and then the end of the actors, some of which may live here."""
        import asyncio  # noqa: PLC0415 (see above)

        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        error: BaseException | None = None
        try:
            return await coroutine
        except BaseException as raised:
            error = raised
            raise
        finally:
            self._is_ending = self._has_ended = True
            try:
                # Not what the main function has raised: although it was cancelled, the actors do
                # not end in a hurry.
                await Shutdown(self._system, self._timeout).run_awaiting(None)
            except Timeout as timeout:
                self._complain(timeout, error)
            finally:
                del error  # its traceback holds this frame

    # Signals.

    def _set_handlers(self) -> dict[int, Any]:
        """Set our handlers where there are none of the program's; returns what was there."""
        usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
        before: dict[int, Any] = {}
        if current.state.is_main:
            for number, handler in usual.items():
                if signal.getsignal(number) is handler:
                    before[number] = handler
                    signal.signal(number, self._on_signal)
        return before

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._signals.append(number)
        if not self._is_ending:
            if self._task is None:
                raise KeyboardInterrupt
            self._cancel()
            return
        self._late += 1
        if self._late > 1:
            raise KeyboardInterrupt
        logger.warning("The actors that have not stopped yet are killed, because of a signal.")
        for ref in self._system.get_all()[::-1]:
            ref.kill(block=False)

    def _cancel(self) -> None:
        """Cancel the main function in its loop, which may be asleep."""
        self._loop.call_soon_threadsafe(self._task.cancel)
