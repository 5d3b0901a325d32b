"""Carriers that are greenlets: stacks of one thread, of which each switches to the next.

To pass the baton is a call then, and no matter of the operating system. The choices are the same
as with threads, and so is all that follows from them.

All of it happens on the main thread, since something has to interrupt what does not come back: a
thread that watches sends a signal there, whose handler raises. Ctrl-C is taken likewise, for it
would strike in the code of an actor. Elsewhere, and where greenlet is not installed, carriers are
threads.
"""

from __future__ import annotations

import signal
import sys
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pykka._cell.spawn_options import current
from pykka._util.gil import HAS_GIL
from pykka.simulation._engine._carriers import Crew, RunIsOver, enter, leave

if TYPE_CHECKING:
    from types import FrameType
    from typing import Self

    from pykka._util.world import World
    from pykka.simulation._engine._carriers import Run


def _load() -> Any:
    try:
        return import_module("greenlet")
    except ImportError:
        return None


greenlet = _load()
"""The module; `None` if it is not installed."""

WAKE_UP = getattr(signal, "SIGURG", None)
"""The signal that interrupts what does not come back. By default it does nothing."""


def can_be_used() -> bool:
    """Tell whether carriers can be greenlets, on this thread."""
    return (
        greenlet is not None
        and HAS_GIL
        and WAKE_UP is not None
        and threading.current_thread() is threading.main_thread()
    )


class GreenletCarrier:
    """A stack that is a greenlet.

    Args:
        crew: Those it belongs to.
        stack: The greenlet; `None` for a new one.
    """

    __slots__ = ("_crew", "_stack")

    def __init__(self, crew: GreenletCrew, stack: Any = None) -> None:
        self._crew = crew
        self._stack = greenlet.greenlet(self._main, crew.stack) if stack is None else stack

    def switch(self, other: Any) -> None:
        """Pass the baton on, and wait until it comes back."""
        other._stack.switch()

    def _main(self) -> None:
        crew = self._crew
        while crew.run is not None:
            try:
                next_one = crew.run.work(self)
            except RunIsOver:
                next_one = crew.root
            crew.free.append(self)
            next_one._stack.switch()


class GreenletCrew(Crew):
    """The carriers of runs that are made one after the other, on the main thread."""

    def __init__(self) -> None:
        super().__init__()
        self.stack: Any = greenlet.getcurrent()
        self.root: Any = GreenletCarrier(self, self.stack)
        self._run: Run | None = None
        """The run that is under way, and may be interrupted."""
        self._patience = 0.0
        self._is_interrupted = False
        self._watcher: threading.Thread | None = None
        self._end = threading.Event()
        self._former: list[tuple[int, Any]] = []
        self._told_before: Any = None
        """What was told of exceptions that cannot be raised, before this crew."""

    def make(self) -> Any:
        """Make a carrier."""
        return GreenletCarrier(self)

    def set_off(self, run: Run, patience: float) -> bool:
        """Give a carrier the baton, and wait until it comes back; see `Crew`."""
        state = current.state
        self._patience = patience
        if self._watcher is None:
            name = "pykka-simulation-watch"
            self._watcher = threading.Thread(target=self._watch, name=name, daemon=True)
            self._watcher.start()
        enter(state, run.world)
        self.run = self._run = run
        try:
            self.root.switch(self.hire())
        finally:
            self._run = None
            leave(state)
        return True

    def unwind(self, carriers: list[Any], world: World) -> None:
        """Take what is left on carriers off them."""
        state = current.state
        enter(state, world)
        try:
            for carrier in carriers:
                self.root.switch(carrier)
        finally:
            self.run = None
            leave(state)
        if self._is_interrupted:
            self._is_interrupted = False
            raise KeyboardInterrupt

    def dismiss(self) -> None:
        """Have those end that do nothing."""
        self.run = None
        while self.free:
            self.root.switch(self.free.pop())

    def _watch(self) -> None:
        """What the thread does that watches."""
        seen: object = None
        while not self._end.wait(max(0.01, self._patience / 2)):
            run = self._run
            now = None if run is None else (run, run.count_progress())
            if now is not None and now == seen:
                signal.pthread_kill(threading.main_thread().ident, WAKE_UP)  # type: ignore[arg-type]
            seen = now

    def _on_wake_up(self, _number: int, frame: FrameType | None) -> None:
        if self._run is not None:
            self._run.give_up(frame, self._patience)
            raise RunIsOver

    def _on_ctrl_c(self, number: int, frame: FrameType | None) -> None:
        if self._run is None:
            signal.default_int_handler(number, frame)
        else:
            self._run.end()
        self._is_interrupted = True
        raise RunIsOver

    def _on_unraisable(self, unraisable: Any) -> None:
        """Be told of an exception that a finaliser or a weak reference's callback has swallowed.

        A signal may strike in one of these as well. If it is ours that they have swallowed, the
        run is over all the same, as the program is told at its next step, or by the next signal.
        """
        if unraisable.exc_type is not RunIsOver:
            self._told_before(unraisable)

    def __enter__(self) -> Self:
        self._told_before, sys.unraisablehook = sys.unraisablehook, self._on_unraisable
        taken: list[tuple[Any, Any]] = [(WAKE_UP, self._on_wake_up)]
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            taken.append((signal.SIGINT, self._on_ctrl_c))
        for number, handler in taken:
            self._former.append((number, signal.signal(number, handler)))
        return self

    def __exit__(self, *_exception: object) -> None:
        self._end.set()
        if self._watcher is not None:
            self._watcher.join()
        while self._former:
            signal.signal(*self._former.pop())
        self.dismiss()
        if sys.unraisablehook == self._on_unraisable:
            sys.unraisablehook = self._told_before
