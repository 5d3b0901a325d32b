"""The world that a simulated program lives in: its time, its chance, its waits.

See `pykka._util.world` for what goes through it, and `_scheduler` for what happens there.
"""

from __future__ import annotations

import random
import sys
from _thread import get_ident
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from pykka._cell.spawn_options import current
from pykka._deadlock.wait_graph import Wait, _publish, place_of, prepare_to_block
from pykka._exceptions import DeadlockError
from pykka._system.system import ActorSystem
from pykka._util.imported import imported
from pykka._util.world import REAL, World
from pykka.runtimes.asyncio.cell import AsyncioCell
from pykka.runtimes.pool.cell import PooledCell
from pykka.runtimes.threading import ThreadingCell
from pykka.simulation._engine._cells import Simulated, SimulatedCell, SimulatedLoopCell
from pykka.simulation._engine._errors import NotSimulatedError
from pykka.timers._clock import Clock, point_in_time

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from pykka._deadlock.wait_graph import Place
    from pykka.simulation._engine._scheduler import Scheduler
    from pykka.timers._clock import Alarm


_SIMULATED: dict[type[Any], type[Any]] = {
    ThreadingCell: SimulatedCell,
    PooledCell: SimulatedCell,
    AsyncioCell: SimulatedLoopCell,
}
"""What cells are made in the place of those of each runtime."""


class SimulatedClock(Clock):
    """The clock of simulated systems.

    Args:
        world: Where the scheduler is found that decides when time passes.
    """

    __slots__ = ("_world",)

    def __init__(self, world: SimulatedWorld) -> None:
        self._world = world

    def now(self) -> float:
        """See `Clock.now`."""
        return self._world.monotonic()

    def schedule(self, when: float, alarm: Alarm) -> None:
        """See `Clock.schedule`."""
        scheduler = self._world.scheduler
        if scheduler is not None:  # else the run is over, and no time passes there
            scheduler.ring_at(point_in_time(when), alarm)


class NotedQueue:
    """A queue in which it makes a difference who puts something in first, which is noted.

    Args:
        scheduler: That of the run.
    """

    __slots__ = ("_queue", "_scheduler", "empty", "get", "get_nowait")

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._queue: SimpleQueue[Any] = SimpleQueue()
        self.empty = self._queue.empty
        self.get = self._queue.get
        self.get_nowait = self._queue.get_nowait

    def put(self, item: Any) -> None:
        """See `queue.SimpleQueue`."""
        self._scheduler.touch("queues")
        self._queue.put(item)


class ParkedWait(Wait):
    """A wait of a simulated actor; see `pykka._deadlock.wait_graph`.

    The place is looked up when it is asked for, which it seldom is: the frame stays where it is
    while the actor waits.

    Args:
        cell: The actor.
        future: What it waits for.
        frame: Where it does.
    """

    __slots__ = ("_frame",)

    def __init__(self, cell: Simulated, future: Any, frame: FrameType) -> None:  # pyright: ignore[reportMissingSuperCall]
        self.cell = cell
        self.future = future
        self.thread = get_ident()
        self._frame = frame

    @property
    def place(self) -> Place:  # type: ignore[override]
        """The line of the program's own code that waits."""
        return place_of(self._frame)


class SimulatedWorld(World):
    """The world on the threads of one run.

    Args:
        chance: The seed of what the program draws.
    """

    __slots__ = ("_chance", "_entropy", "_now", "_seed", "scheduler", "system")

    waits = True

    scheduler: Any
    """That of the run, while that is under way; `None` before and after."""

    system: Any
    """The default system."""

    def __init__(self, chance: int) -> None:
        self._seed = chance
        self._chance: random.Random | None = None
        """What the seeds follow from of all that draws lots; made when it is first needed."""
        self._entropy = 0
        self._now = 0.0
        self.scheduler = self.system = None

    def found(self, scheduler: Scheduler) -> None:
        """Begin a run, on the thread that makes the runs.

        The default system is made before there is a scheduler. For its locks are like those of
        the modules, held for a few steps that nothing comes between.
        """
        state = current.state
        state.world = self
        try:
            self.system = ActorSystem("simulation")
        finally:
            state.world = REAL
        self.scheduler = scheduler
        scheduler.know(self.system)

    def leave(self) -> None:
        """Let go of the run, when it is over."""
        self._now = self.scheduler.now
        self.scheduler = self.system = None

    def monotonic(self) -> float:
        """See `World`."""
        now: float = self._now if self.scheduler is None else self.scheduler.now
        return now

    def strand(self) -> object:
        """See `World`."""
        return self.scheduler.strand

    def entropy(self, size: int) -> bytes:
        """See `World`. They are different ones each time, and the same in each run."""
        self.scheduler.touch("chance")
        self._entropy += 1
        return self._entropy.to_bytes(size, "big")

    def new_queue(self) -> Any:
        """See `World`."""
        return NotedQueue(self.scheduler)

    def new_random(self) -> random.Random:
        """See `World`."""
        self.scheduler.touch("chance")
        if self._chance is None:
            self._chance = random.Random(self._seed)  # noqa: S311 (no secrets)
        return random.Random(self._chance.getrandbits(32))  # noqa: S311 (no secrets)

    def wait(self, future: Any, acquire: Callable[..., Any], timeout: float | None) -> Any:
        """See `World`. An actor that waits without a limit is looked for in circles as ever.

        Raises:
            NotSimulatedError: An actor has to bring it that lives outside of the run.
            PoolExhaustedError: The actor that has to bring it cannot get a thread.
        """
        state: Any = current.state
        target: Any = future._answered_by
        if target is not None and not isinstance(target, Simulated):
            msg = (
                f"{target} lives outside of this simulated run, and nothing of the run can wait "
                "for it; start it in the run, and not before, nor in a fixture of pytest"
            )
            raise NotSimulatedError(msg)
        scheduler, me = self.scheduler, state.cell
        if timeout is not None:
            return scheduler.wait(acquire, timeout)
        if me is None:
            prepare_to_block(future, None)
            return scheduler.wait(acquire, None)
        # This is acquire_for_actor(), without what only threads of the real world need.
        outer = me.waiting
        if scheduler.touched is not None:
            scheduler.touch(("edge", me.name), ("edge", getattr(target, "name", None)))
        try:
            _publish(ParkedWait(me, future, sys._getframe(1)), outer)
            prepare_to_block(future, None)
            if isinstance(me, SimulatedCell):
                me.require_hope()
            return scheduler.wait(acquire, None)
        except DeadlockError as error:
            scheduler.find("deadlock", str(error), error)
            raise
        finally:
            me.waiting = outer
            if scheduler.touched is not None:
                scheduler.touch(("edge", me.name))

    def start_thread(self, function: Callable[[], object]) -> None:
        """See `World`."""
        self.scheduler.start_job(function, self.scheduler.number("helper"))

    def frames_aside(self) -> list[FrameType]:
        """See `World`: where strands wait. On greenlets, none of that lies on a thread's stack."""
        scheduler = self.scheduler
        return [] if scheduler is None else scheduler.frames_of_strands()

    def cell_class(self, usual: type[Any]) -> type[Any]:
        """See `World`.

        Raises:
            NotSimulatedError: The runtime is one that cannot be simulated.
        """
        simulated = _SIMULATED.get(usual)
        if simulated is not None:
            return simulated
        accepts = imported("pykka._actor.accepts")  # whose classes are kinds of these
        if accepts is not None:
            for real, simulated in _SIMULATED.items():
                if usual is accepts.like(usual, real):
                    return accepts.like(usual, simulated)  # type: ignore[no-any-return]
        msg = (
            f"an actor with a {usual.__name__} cannot be simulated: the simulator runs "
            "ThreadingActor, PooledActor and AsyncioActor"
        )
        raise NotSimulatedError(msg)

    def clock(self, usual: Any) -> Any:
        """See `World`."""
        del usual
        return SimulatedClock(self)

    def default_system(self, usual: Any) -> Any:
        """See `World`."""
        del usual
        return self.system
