"""What the library takes from the operating system: time, chance, threads, and waiting.

All of it goes through one object, the *world* in which a thread runs. It hangs on the thread's
state (`ThreadState.world`), so a simulator can put another one in its place on the threads that it
runs, and have the same program take another time, another chance and another order, with nothing
patched. The real world is what all other threads have.

What goes through it
    - a wait for something that others have to do (`pykka._deadlock.wait_graph.block`, which is
      the one door for all of them),
    - the time that timeouts are measured by (`Deadline`),
    - entropy (URNs) and chance (routers),
    - the queues that readers wait in (`as_completed()`),
    - threads that do something on the side, for a caller that does not wait for it,
    - the stacks in which it is looked where code is, beside those of the threads,
    - the clock of a system that is made, the default system, and the cells of actors that are
      made.

What does not
    Locks that are held for a few instructions (see `pykka._util.locks`): nothing happens while
    they are held, in any order. And what the real runtimes and the real clock are made of: their
    threads, their queues. A simulator does not run those; it brings cells and a clock of its own.
    `tests/unit/test_world.py` finds each use of `time`, `threading`, `queue`, `random` and
    `os.urandom` in the package, and wants it to go through here or to have a reason.

Cost: no message passes through here. A start looks once, a wait that blocks once.

What is done at the end of the program is entered here, too (`at_exit`). The front door loads this
module at once, and nearly all others when they are needed. So whichever is loaded when, the last
steps of the library come after all functions that a program gives to `atexit` once it has imported
the library: such a function can use pooled actors, even if the program has never had one before.
"""

from __future__ import annotations

import atexit
import os
import time
from _thread import get_ident, start_new_thread
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from types import FrameType
    from typing import Protocol

    class Pending(Protocol):
        """What others have to bring; all of `pykka._deadlock.wait_graph.Awaited` are that."""

        def _has_outcome(self) -> bool:
            """Tell whether it is there."""
            ...


F = TypeVar("F", bound="Callable[[], object]")
T = TypeVar("T")
"""What this floor need not know more of: a cell, a clock, a system."""


class World:
    """The real world; and the base class of others."""

    __slots__ = ()

    monotonic = staticmethod(time.monotonic)
    """Returns the seconds since some moment, which never go backwards."""

    entropy = staticmethod(os.urandom)
    """Returns so many bytes that are not to be guessed."""

    strand: Callable[[], object] = staticmethod(get_ident)
    """Tells what would be a thread that the calling code runs on; two of them are not equal."""

    new_queue: Callable[[], SimpleQueue[Any]] = SimpleQueue
    """Makes a queue that readers may wait in, by way of the door for all waits."""

    waits = False
    """Whether a wait of this thread is done by `wait`, and not by blocking the thread."""

    def new_random(self) -> random.Random:
        """Make a source of chance for something that draws lots."""
        import random  # noqa: PLC0415 (seldom needed; keep it out of start-up)

        return random.Random()  # noqa: S311 (no secrets)

    def wait(self, future: Pending, acquire: Callable[..., Any], timeout: float | None) -> Any:
        """Wait for something that others have to do. Only called if `waits` says so.

        Args:
            future: What is waited for.
            acquire: What the thread would block in: called with `(True, timeout)`, or with
                nothing if there is no limit.
            timeout: The seconds it may take; `None` for all it takes.

        Returns:
            What `acquire` returns once it need not block, or when the time is over.
        """
        raise NotImplementedError

    def start_thread(self, function: Callable[[], object]) -> None:
        """Have a function called on another thread, which is not waited for, not even to begin.

        Raises:
            RuntimeError: No thread can be started; the interpreter may be shutting down.
        """
        start_new_thread(function, ())

    def frames_aside(self) -> list[FrameType]:
        """The innermost frames of stacks that lie on no thread, and stand still.

        An actor that hangs there is found as on a thread's stack.
        """
        return []

    def cell_class(self, usual: type[T]) -> type[T]:
        """The class of the cell of an actor that is made on this thread.

        Args:
            usual: The one that the actor's runtime brings.
        """
        return usual

    def clock(self, usual: T) -> T:
        """The clock of a system that is made on this thread with nothing said of a clock.

        Args:
            usual: The clock that goes by real time.
        """
        return usual

    def default_system(self, usual: T) -> T:
        """The system of actors that are made with nothing said of a system.

        Args:
            usual: The one of the process.
        """
        return usual


REAL = World()
"""The real one."""


_last_steps: dict[str, Callable[[], object]] = {}
"""What is done at the end of the program, in the reverse order; entered by `at_exit`."""


def at_exit(function: F) -> F:
    """Have a function called at the end of the program, before all that were entered before it.

    If a module is loaded once more, as the first time was interrupted, its function takes the
    place of the one of the first time.
    """
    _last_steps[f"{function.__module__}.{function.__qualname__}"] = function
    return function


@atexit.register
def _do_last_steps() -> None:
    while _last_steps:  # one step may load what enters another
        _name, step = _last_steps.popitem()
        try:
            step()
        finally:  # whatever it raises, those that are left are done
            _do_last_steps()
