"""Stacks that the code of a simulated program runs on, one at a time.

A *carrier* is a stack. The one that has the *baton* runs; all others stand still, in the middle of
a call of `switch()`. So a simulated program has one thing going on at a time, and the one that
passes the baton decides what comes next. A handler that waits keeps its carrier, and another one
goes on with the rest of the program; that is the whole reason why there are several.

Rejected: to run the rest of the program on top of the handler that waits. A handler beneath
another one cannot go on before that, so a program without a deadlock would be accused of one.

A carrier is a thread, or a greenlet (`_greenlets`). They belong to a `Crew`, which outlives a run,
since threads are costly to start and free to keep. The same goes for what lies on their stacks: a
carrier with nothing of the program's on it stands at the bottom of its loop, and takes up whatever
is next when it gets the baton, of this run or of a later one. Those are `Crew.free`.

Invariant: of all carriers of a crew and the *root*, the thread that makes the runs, exactly one is
not in the middle of `acquire()` of its own lock, but for those that were given up
(`ThreadCarrier.is_lost`) because they do not come back.
"""

from __future__ import annotations

import threading
from _thread import allocate_lock, get_ident
from typing import TYPE_CHECKING, Any, Protocol

from pykka._cell.spawn_options import current
from pykka._util.world import REAL
from pykka.simulation._engine._errors import NotSimulatedError

if TYPE_CHECKING:
    from typing import Self

    from pykka._util.thread_state import ThreadState
    from pykka._util.world import World


class RunIsOver(GeneratorExit):
    """Unwinds a stack that is left when a run is over.

    It is no `Exception`, so that handlers of a simulated program do not take it for one of theirs.
    To the library, a `GeneratorExit` is about the call, and does not mean the whole program.
    """


class Elsewhere:
    """Stands for the depth of a stack of a run, which is no place for actors of the real world.

    A thread that asks a `PooledActor` and waits may run it, on its own stack, if there is room. It
    looks first how deep that is. So here it is refused.

    A task that awaits an `AsyncioActor` in its own loop may run it as well, which is right. There
    the frames are counted, and that puts a number in the place of this; a simulated loop puts it
    back at the end of each callback (`stay`). Until then the loop runs, and no thread in which one
    does runs a `PooledActor`.
    """

    def __add__(self, number: int) -> int:
        """Return what no stack is as deep as, so that the frames are counted."""
        return (1 << 30) + number

    def __index__(self) -> int:
        """Refuse."""
        msg = (
            "a PooledActor is asked here that lives outside of this simulated run, and nothing of "
            "the run can wait for it; start it in the run, and not before"
        )
        raise NotSimulatedError(msg)


_elsewhere: Any = Elsewhere()


def enter(state: ThreadState[Any, Any], world: World) -> None:
    """Have a thread be one of a run."""
    state.world, state.depth = world, _elsewhere
    state.is_main = False  # what a handler raises is not from a signal handler


def stay(state: ThreadState[Any, Any]) -> None:
    """See to it that a thread is still no place for actors of the real world."""
    state.depth = _elsewhere


def leave(state: ThreadState[Any, Any]) -> None:
    """Have a thread be one of the real world again."""
    state.world, state.depth = REAL, 0
    state.is_main = get_ident() == threading.main_thread().ident
    state.cell = state.spawn_options = None


class ThreadCarrier:
    """A stack that is a thread.

    Args:
        crew: Those it belongs to.
    """

    __slots__ = ("_baton", "_crew", "ident", "is_lost")

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._baton = allocate_lock()
        self._baton.acquire()
        self.ident = get_ident()
        """The thread."""
        self.is_lost = False
        """Whether nothing waits for it any more: it hangs where it cannot be interrupted."""

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
        crew = self._crew
        self.ident = get_ident()
        self._baton.acquire()
        while crew.run is not None:
            enter(state, crew.run.world)
            try:
                next_one = crew.run.work(self)
            except RunIsOver:
                next_one = crew.root
            leave(state)
            if self.is_lost:
                return
            crew.free.append(self)
            self.switch(next_one)


class Run(Protocol):
    """What a crew needs of what its carriers do."""

    is_over: bool

    @property
    def world(self) -> World:
        """The world that it happens in."""
        ...

    def work(self, carrier: Any) -> Any:
        """Work on a carrier until another one goes on, and return that one."""
        ...

    def end(self) -> None:
        """Have it be over."""

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
        """Those that have nothing on their stacks."""
        self.plain: set[type] = set()
        """The classes of actors of which was found that they can be simulated."""
        self.run: Run | None = None
        """What they work on; without one, a carrier that gets the baton ends."""

    def hire(self) -> Any:
        """Return a carrier that has nothing on its stack, and is not free any more."""
        return self.free.pop() if self.free else self.make()

    def make(self) -> Any:
        """Make a carrier."""
        carrier = ThreadCarrier(self)
        carrier.start()
        return carrier

    def set_off(self, run: Run, patience: float) -> bool:
        """Give a carrier the baton, and wait until it comes back.

        Args:
            run: What it does.
            patience: After so many seconds without progress, it is given up.

        Returns:
            Whether it has come back.
        """
        self.run = run
        self.hire().resume()
        seen = -1
        try:
            while not self.root.wait(patience / 2):
                now = run.count_progress()
                if now == seen:
                    run.give_up(None, patience)
                    self.dismiss()
                    return False
                seen = now
        except BaseException:  # Ctrl-C
            run.end()
            if self.root.wait(patience):
                self.unwind(run.carriers_left(), run.world)
            else:
                run.give_up(None, patience)
                self.dismiss()
            raise
        return True

    def unwind(self, carriers: list[Any], world: World) -> None:
        """Take what is left on carriers off them, at the end of the run."""
        del world
        for carrier in carriers:
            self.root.switch(carrier)
        self.run = None

    def dismiss(self) -> None:
        """Have those end that do nothing."""
        self.run = None
        while self.free:
            self.free.pop().resume()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.dismiss()
