"""Stacks that the code of a simulated program runs on, one at a time.

A *carrier* is a stack. The one that has the *baton* runs; all others stand still, in the middle of
a call of `switch()`. So a simulated program has one thing going on at a time, and the one that
passes the baton decides what comes next. A handler that waits keeps its carrier, and another one
goes on with the rest of the program; that is the whole reason why there are several.

Rejected: to run the rest of the program on top of the handler that waits. A handler beneath
another one cannot go on before that, so a program without a deadlock would be accused of one.

A carrier is a thread, or a greenlet (`_greenlets`). They belong to a `Crew`, which outlives a run,
since threads are costly to start and free to keep. Invariant: of all carriers of a crew and the
*root*, the thread that makes the runs, exactly one is not in the middle of `acquire()` of its own
lock, but for those that were given up (`ThreadCarrier.is_lost`) because they do not come back.
"""

from __future__ import annotations

import threading
from _thread import allocate_lock, get_ident
from typing import TYPE_CHECKING, Any, Protocol

from pykka._cell.spawn_options import current
from pykka._util.world import REAL

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from pykka._util.world import World


class RunIsOver(GeneratorExit):
    """Unwinds a stack that is left when a run is over.

    It is no `Exception`, so that handlers of a simulated program do not take it for one of theirs.
    To the library, a `GeneratorExit` is about the call, and does not mean the whole program.
    """


class ThreadCarrier:
    """A stack that is a thread.

    Args:
        crew: Those it belongs to.
    """

    __slots__ = ("_baton", "_crew", "_work", "_world", "ident", "is_lost")

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._baton = allocate_lock()
        self._baton.acquire()
        self._work: Callable[[ThreadCarrier], object] | None = None
        self._world: World = REAL
        self.ident = get_ident()
        """The thread."""
        self.is_lost = False
        """Whether nothing waits for it any more: it hangs where it cannot be interrupted."""

    def take_on(self, work: Callable[[ThreadCarrier], object], world: World) -> None:
        """Say what it does when it gets the baton, which ends by giving the root the baton."""
        self._work = work
        self._world = world

    def start(self) -> None:
        """Start the thread, which is one of the real world."""
        state = current.state
        world, state.world = state.world, REAL
        try:
            threading.Thread(target=self._main, name="pykka-simulation", daemon=True).start()
        finally:
            state.world = world

    def switch(self, other: ThreadCarrier) -> None:
        """Pass the baton on, and wait until it comes back."""
        other.resume()
        self._baton.acquire()

    def resume(self) -> None:
        """Have it go on. Its caller waits next."""
        self._baton.release()

    def wait(self, seconds: float) -> bool:
        """Wait for the baton for some time; False if it has not come."""
        return self._baton.acquire(timeout=seconds)

    def _main(self) -> None:
        state = current.state
        self.ident = get_ident()
        while True:
            self._baton.acquire()
            work = self._work
            if work is None:
                return
            state.world = self._world
            try:
                work(self)
            except RunIsOver:
                pass
            finally:
                state.world, state.cell, state.spawn_options = REAL, None, None
                self._work, self._world = None, REAL
                del work
            if self.is_lost:
                return
            self._crew.free.append(self)
            self._crew.root.resume()


class Run(Protocol):
    """What a crew needs of what its carriers do."""

    is_over: bool

    @property
    def world(self) -> World:
        """The world that it happens in."""
        ...

    def carriers_left(self) -> list[Any]:
        """The carriers that are in the middle of something."""
        ...

    def count_progress(self) -> int:
        """Return a number that grows as there is progress."""
        ...

    def give_up(self, frame: Any, patience: float) -> None:
        """Be told that a carrier does not come back, from a frame that can be interrupted."""


class Crew:
    """The carriers of runs that are made one after the other, by this thread.

    It ends with its `with` block, and its threads with it.
    """

    def __init__(self) -> None:
        self.root: Any = ThreadCarrier(self)
        """Stands for the thread that makes the runs."""
        self.free: list[Any] = []
        """Those that do nothing."""

    def hire(self, work: Callable[[Any], object], world: World) -> Any:
        """Return a carrier that does something when it gets the baton."""
        carrier = self.free.pop() if self.free else self.make()
        carrier.take_on(work, world)
        return carrier

    def make(self) -> Any:
        """Make a carrier."""
        carrier = ThreadCarrier(self)
        carrier.start()
        return carrier

    def set_off(self, carrier: Any, run: Run, patience: float) -> bool:
        """Give a carrier the baton, and wait until it comes back.

        Args:
            carrier: The carrier.
            run: What it does.
            patience: After so many seconds without progress, it is given up.

        Returns:
            Whether it has come back.
        """
        carrier.resume()
        seen = -1
        try:
            while not self.root.wait(patience / 2):
                now = run.count_progress()
                if now == seen:
                    run.give_up(None, patience)
                    return False
                seen = now
        except BaseException:  # Ctrl-C
            run.is_over = True
            if self.root.wait(patience):
                self.unwind(run.carriers_left(), run.world)
            else:
                run.give_up(None, patience)
            raise
        return True

    def unwind(self, carriers: list[Any], world: World) -> None:
        """Take what is left on carriers off them."""
        del world
        for carrier in carriers:
            self.root.switch(carrier)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        while self.free:
            self.free.pop().resume()  # with nothing to do, it ends
