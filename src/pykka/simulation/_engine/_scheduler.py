"""The scheduler of one run: what is ready, what waits, what time it is, and what comes next.

Problem
    A program of actors does what it does in an order that the operating system decides. A mistake
    that shows in one order of a thousand is found by luck, and lost again.

Remedy
    All of the program runs on carriers, one at a time (`_carriers`), and wherever another thread
    could come first, a chooser says whether it does (`_choices`):

    - at the end of each step of an actor, which is one message;
    - before each message that is sent, each actor that is started, and each kill. With handlers
      that are never interrupted, "s sends to x and then to y; x passes it on to y" would always
      come out in the same order;
    - where a thread waits, for an answer, a lock or a moment.

    Time stands still while anything goes on, and jumps to the next moment that is waited for when
    nothing does. Now and then it passes early, while others are still ready: that is a program on
    a machine that is slow. Races of time-outs with answers are found by that only.

Who is who
    A *strand* is what would be a thread in the real world: an actor, the program's `main()`, a
    thread that it has started. A strand that is in the middle of something, and waits there, is
    `Parked`, and keeps its carrier. The carrier that has the baton works through `ready`, in
    `_work()`.

Invariants
    1. Nothing here is touched but by who has the baton. So there are no locks.
    2. `ready` and `_waits` are lists, in the order in which strands came there, and nothing looks
       into a set or asks for an address. So the same choices make the same run, in each process.
    3. What has to be awaited is asked whether it is there, each time that something is chosen,
       and does not have to tell. So what wakes a waiter in the real world may be any code.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import re
import sys
from collections import deque
from contextlib import contextmanager
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pykka._cell.spawn_options import current
from pykka._deadlock.wait_graph import place_of
from pykka._ref.proxy import ActorProxy
from pykka._ref.ref import ActorRef
from pykka._util.checks import shorten
from pykka._util.world import REAL
from pykka.messages import FunctionCall, ProxyCall, ProxyGetAttr, ProxySetAttr
from pykka.runtimes.asyncio.loop import loop_actors_of
from pykka.simulation._engine._carriers import RunIsOver
from pykka.simulation._engine._choices import CUT_SHORT, EVERYTHING
from pykka.simulation._engine._errors import Crash, NotSimulatedError
from pykka.simulation._engine._loop import HandleAlarm, SimulatedLoop, place_in_task
from pykka.simulation._engine._stdlib import SimulatedLock
from pykka.supervision._child_monitor import Event
from pykka.timers import _clock
from pykka.timers._clock import is_cancelled, ring
from pykka.timers._timer import Tick

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pykka.simulation._engine._carriers import Crew
    from pykka.simulation._engine._cells import Simulated
    from pykka.simulation._engine._choices import Chooser
    from pykka.simulation._engine._world import SimulatedWorld

ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


class Finding(NamedTuple):
    """Something that is wrong in a run."""

    kind: str
    """What it is, in a word or two."""

    text: str
    """What it is, in particular."""

    error: BaseException | None = None
    """The exception, if there is one."""

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


class Strand(Protocol):
    """What would be a thread in the real world."""

    name: str


class Ready(Protocol):
    """Something that can go on."""

    def may_go_on(self) -> bool:
        """Tell whether it can be run now."""
        ...

    def run(self) -> None:
        """Go on."""

    def label(self) -> str:
        """Say what it is about to do."""
        ...


class Job:
    """A strand that calls a function: the program's `main()`, or a thread.

    Args:
        function: The function.
        name: For people.
        context: What it runs in; `None` for an empty one.
    """

    __slots__ = ("_context", "_function", "last_parked", "name")

    def __init__(
        self, function: Callable[[], object], name: str, context: Context | None = None
    ) -> None:
        self._function = function
        self.name = name
        self._context = Context() if context is None else context
        self.last_parked: Parked | None = None

    def may_go_on(self) -> bool:
        """See `Ready`."""
        return True

    def run(self) -> None:
        """See `Ready`."""
        self._context.run(self._function)

    def label(self) -> str:
        """See `Ready`."""
        return f"{self.name} begins"


class Parked:
    """A strand that is in the middle of something, and has to be told to go on.

    Args:
        scheduler: That of the run.
        acquire: What it would block in, if it waits for something; see `World.wait`.
    """

    __slots__ = (
        "_acquire",
        "_scheduler",
        "carrier",
        "cell",
        "frame",
        "has_limit",
        "is_cancelled",
        "is_over",
        "settles",
        "strand",
    )

    def __init__(self, scheduler: Scheduler, acquire: Callable[..., Any] | None) -> None:
        self._scheduler = scheduler
        self._acquire = acquire
        self.carrier = scheduler.carrier
        self.strand = scheduler.strand
        self.cell: Any = current.state.cell
        self.frame: Any = None
        self.has_limit = False
        self.settles = False
        """Whether it waits until nothing happens any more."""
        self.is_over = acquire is None
        """Whether it can go on in any case: its time is over, or it only lets others go first."""
        self.is_cancelled = False
        """Whether it does not wait any more."""

    def ring(self) -> None:
        """Be told that the time is over; the scheduler calls this."""
        self.is_over = self.is_cancelled = True

    def may_go_on(self) -> bool:
        """See `Ready`."""
        return self.is_over or not would_block(self._acquire)

    def run(self) -> None:
        """See `Ready`."""
        self._scheduler.go_back_to(self)

    def label(self) -> str:
        """See `Ready`."""
        if self.settles:
            return "all has settled"
        goes_on = self._acquire is None or not would_block(self._acquire)
        return f"{self.strand.name} {'goes on' if goes_on else 'has waited for long enough'}"


class Never:
    """A lock that is never free: what a strand waits for that only lets time pass."""

    def acquire(self, *_said: object) -> bool:
        """Tell that it is not to be had."""
        return False

    def locked(self) -> bool:
        """Tell that it is held."""
        return True


NEVER = Never()


def _place_of_alarm(entry: tuple[float, int, Any]) -> tuple[float, int]:
    return entry[:2]


def would_block(acquire: Any) -> bool:
    """Tell whether a thread would block in a lock or a queue, given its `acquire()` or `get()`."""
    if isinstance(acquire, partial):
        acquire = acquire.func
    owner = acquire.__self__
    locked = getattr(owner, "locked", None)
    return bool(owner.empty() if locked is None else locked())


class TraceLine(NamedTuple):
    """A line of what has happened in a run."""

    step: int
    """How many steps there were so far."""

    now: float
    """The time in seconds."""

    text: str
    """What has happened."""

    choice: int
    """What was chosen; 0 for the usual thing."""

    def __str__(self) -> str:
        mark = f"   <- choice {self.choice}" if self.choice else ""
        return f"{self.step:4}  {self.now:9.3f} s  {self.text}{mark}"


class Scheduler:
    """What decides on the order of one run.

    Args:
        crew: The carriers.
        chooser: What chooses.
        max_steps: After so many steps, the run is one that does not end.
        keeps_trace: Whether to write down what happens.
    """

    world: SimulatedWorld
    carrier: Any
    """That which has the baton."""
    tells = False
    """Whether the log of the program is seen."""

    def __init__(self, crew: Crew, chooser: Chooser, *, max_steps: int, keeps_trace: bool) -> None:
        self._crew = crew
        self._chooser = chooser
        self._max_steps = max_steps
        self.now = 0.0
        self.steps = 0
        self.tape: list[int] = []
        self.findings: list[Finding] = []
        self.is_over = False
        self.main_is_done = False
        self.strand: Any = None
        """The one that is running, or has run last."""
        self.ready: list[Any] = []
        self.occupied: dict[Any, int] = {}
        """How many threads of a pool with a bound are at work, or wait."""
        self.invariants: list[Callable[[], object]] = []
        """Called after each step."""
        self._next: Any = None
        """What comes next in any case, without another choice."""
        self._waits: list[Parked] = []
        self._timers: list[tuple[float, int, Any]] = []
        self._number_of_alarms = 0
        self._atomic = 0
        """More than 0 where nothing else may come first."""
        self._idle: list[Any] = []
        """Carriers that let another one go on, and have nothing on their stack."""
        self._lines: dict[Any, deque[Any]] = {}
        self._settling: Any = None
        """Where `main()` waits until nothing happens any more."""
        self._settles_after: list[Any] | None = None
        """The waits that have to end before that; `None` until nothing else is ready."""
        self._counts: dict[str, int] = {}
        self._known: dict[Any, None] = {}
        self.cells: list[Any] = []
        self.touched: set[object] | None = set() if chooser.wants_to_know else None
        """What the step that is under way has to do with, if the chooser wants to know."""
        self.is_cut_short = False
        """Whether the chooser has found that the run is not worth going on with."""
        self.last_failure: Any = None
        """What an actor has failed with that has failed last, so that it is noted once."""
        self.loops: list[SimulatedLoop] = []
        self._shared_loop: SimulatedLoop | None = None
        self.main_task: Any = None
        """The task of an `async def main()`."""
        self._received: dict[str, list[tuple[str, int]]] = {}
        self._sent: dict[str, int] = {}
        self._tags: dict[int, tuple[str, int]] = {}
        self.trace: list[TraceLine] | None = [] if keeps_trace else None
        self._mark = 0

    # --- making the run -------------------------------------------------------------------------

    def run(self, main: Callable[[], object], patience: float) -> bool:
        """Make the run, on this thread's crew.

        Args:
            main: What the program does.
            patience: After so many real seconds without a step, it is given up.

        Returns:
            Whether all carriers have come back.
        """
        self.carrier = self._crew.root
        self.ready.append(Job(main, "main"))
        carrier = self._crew.hire(self._work, self.world)
        has_come_back = False
        try:
            has_come_back = self._crew.set_off(carrier, self, patience)
        finally:
            self.is_over = True
            self._forget_what_is_left()
            try:
                if has_come_back:
                    self._crew.unwind(self.carriers_left(), self.world)
            finally:
                self._drop_tasks()
                self._bury()
        return has_come_back

    def carriers_left(self) -> list[Any]:
        """The carriers that are in the middle of something."""
        return [*(each.carrier for each in self._parked()), *self._idle]

    def count_progress(self) -> int:
        """Return a number that grows as there is progress."""
        return self.steps + len(self.tape)

    def _parked(self) -> list[Parked]:
        return [*self._waits, *(each for each in self.ready if isinstance(each, Parked))]

    def _forget_what_is_left(self) -> None:
        """Have the library drop whatever handlers that are unwound end with.

        They take the exception that unwinds them for their own, and would answer, crash, and stop
        other actors. An actor that is ending does nothing of the kind, as if it was abandoned; and
        an answer that comes second does not count.
        """
        for cell in self.cells:
            cell.mark_ending()
            reply_to = cell.handled_reply_to
            log = getattr(reply_to, "_log", None)
            if log is not None and getattr(reply_to, "_outcome", None) is None:
                log.insert(0, _DROPPED)

    def _drop_tasks(self) -> None:
        state = current.state
        state.world = self.world
        try:
            for loop in self.loops:
                loop.drop()
        finally:
            state.world = REAL

    def _bury(self) -> None:
        """Have all actors be dead to code that still has their refs."""
        for cell in self.cells:
            cell.services.unregister(cell)
            cell.declare_dead(keeps_actor=False)
            cell.services.forget(cell)

    def give_up(self, frame: Any, patience: float) -> None:
        """Leave a program alone that does not come back.

        Args:
            frame: Where it is, if it can be interrupted there.
            patience: For how many seconds it has not.
        """
        is_interrupted = frame is not None
        if frame is None:
            frame = sys._current_frames().get(self.carrier.ident)
        self.find(
            "real wait",
            f"{self.strand.name} has not come back for {patience:g} real seconds, from\n    "
            f"{place_of(frame)}\nIt waits for something that is not simulated, such as a socket "
            "or a lock made before the run, or it computes for ever",
        )
        self.is_over = True
        self._forget_what_is_left()
        if is_interrupted:
            return
        self.carrier.is_lost = True
        for carrier in self.carriers_left():
            carrier.is_lost = True
            carrier.resume()

    def _work(self, carrier: Any) -> None:
        """Work through what is ready, on a carrier that has the baton."""
        self.carrier = carrier
        while not self.is_over:
            ready = self._take_next()
            if ready is None:
                if not self.is_over:
                    self._see_what_is_left()
                continue
            self.steps += 1
            if self.steps > self._max_steps:
                self.find("livelock", f"it goes on after {self._max_steps} steps")
                self.is_over = True
                return
            self.strand = ready.strand if isinstance(ready, Parked) else ready
            if self.trace is not None:
                self.log(ready.label())
            ready.run()
            if self.invariants:
                self._check_invariants()

    def _take_next(self) -> Any:
        """Choose who goes on; `None` if there is no such strand."""
        if self._next is not None:
            ready, self._next = self._next, None
            return ready
        candidates = self._find_candidates()
        if not candidates:
            return None
        may_pass = self._has_alarms() and not self.main_is_done
        chosen = 0
        if may_pass or len(candidates) > 1 or self.touched is not None:
            chosen = self._ask(candidates, goes_on=False, may_pass=may_pass)
            if self.is_over:
                return None
            if chosen == len(candidates):
                self._pass_time(is_early=True)
                return self._take_next()
        self.ready.remove(candidates[chosen])
        return candidates[chosen]

    def _ask(self, candidates: list[Any], *, goes_on: bool, may_pass: bool) -> int:
        if self.touched is not None:
            self._chooser.note(self.touched)
            self.touched = set()
        chosen = self._chooser.choose(candidates, goes_on=goes_on, may_pass=may_pass)
        if chosen == CUT_SHORT:
            self.is_over = self.is_cut_short = True
            return 0
        if may_pass or len(candidates) > 1:
            self.tape.append(chosen)
        self._mark = chosen
        return chosen

    def touch(self, *what: object) -> None:
        """Note that the step that is under way has to do with something."""
        if self.touched is not None:
            self.touched.update(what)

    def _find_candidates(self) -> list[Any]:
        """Those who can go on: who ran last first, and then in the order in which they came."""
        if self._waits:
            for parked in [each for each in self._waits if each.may_go_on()]:
                self._waits.remove(parked)
                self.ready.append(parked)
        candidates = [each for each in self.ready if each.may_go_on()]
        last = self.strand
        for number, each in enumerate(candidates):
            if each is last or (isinstance(each, Parked) and each.strand is last):
                if number:
                    candidates.insert(0, candidates.pop(number))
                break
        return candidates

    def _see_what_is_left(self) -> None:
        """Go on where nothing is ready: let time pass, or find that all is over."""
        if self._settling is not None:
            if self._settles_after is None:
                alarms = [entry[2] for entry in sorted(self._timers, key=_place_of_alarm)]
                is_wait = (Parked, HandleAlarm)
                self._settles_after = [each for each in alarms if type(each) in is_wait]
            if all(each.is_cancelled for each in self._settles_after):
                self._settling.is_over = True
                self._settling = self._settles_after = None
                return
        if self._pass_time():
            return
        waits = [each for each in self._waits if not each.has_limit]
        text = "; ".join([*map(self._say_where, waits), *self._say_who_awaits()])
        self.find("hang", text or "main() waits for something that nothing is going to bring")
        self.is_over = True

    def _say_where(self, parked: Parked) -> str:
        task = self.main_task
        if parked.strand.name == "main" and parked.cell is None and task and not task.done():
            place = place_in_task(task)
        else:
            place = place_of(parked.frame)
        return f"{parked.strand.name} waits for ever, at {place}"

    def _say_who_awaits(self) -> list[str]:
        return [
            f"{cell.name} awaits for ever, at {place_in_task(cell.task)}"
            for cell in self.cells
            if cell.task is not None and cell.handling is not None and not cell.task.done()
        ]

    # --- what running code calls ----------------------------------------------------------------

    def require_going_on(self) -> None:
        """Raise if the run is over.

        Raises:
            RunIsOver: It is.
        """
        if self.is_over:
            raise RunIsOver

    def give_others_a_turn(self) -> None:
        """Let another strand come first, if that is chosen."""
        if self._atomic:
            return
        self.require_going_on()
        candidates = self._find_candidates()
        if not candidates and self.touched is None:
            return
        may_pass = self._has_alarms() and not self.main_is_done
        chosen = self._ask([self.strand, *candidates], goes_on=True, may_pass=may_pass)
        self.require_going_on()
        if chosen == 0:
            return
        if chosen > len(candidates):
            self._pass_time(is_early=True)
            return
        self._next = candidates[chosen - 1]
        self.ready.remove(self._next)
        parked = Parked(self, None)
        self.ready.append(parked)
        self._park(parked)

    def wait(self, acquire: Callable[..., Any], timeout: float | None) -> Any:
        """Wait for something; see `World.wait`."""
        self.require_going_on()
        if self._atomic:
            msg = (
                "what a simulation calls between two steps (an invariant, an alarm) waits for "
                "others, which stand still meanwhile"
            )
            raise NotSimulatedError(msg)
        if timeout is not None and timeout <= 0 and would_block(acquire):
            return acquire(True, 0)  # noqa: FBT003 (as locks and queues take it)
        parked = Parked(self, acquire)
        if timeout is not None and timeout < math.inf:
            parked.has_limit = True
            self.ring_at(self.now + timeout, parked)
        try:
            while not parked.is_over and would_block(acquire):
                self._waits.append(parked)
                self._park(parked)
        finally:
            parked.is_cancelled = True
        if would_block(acquire):
            return acquire(True, 0)  # noqa: FBT003
        return acquire()

    def sleep(self, seconds: float) -> None:
        """Let time pass for a strand."""
        if seconds > 0:
            self.wait(NEVER.acquire, seconds)
        else:
            self.give_others_a_turn()

    def settle(self) -> None:
        """Wait until nothing is ready, and then for those who wait with a limit by then."""
        self._settling = parked = Parked(self, NEVER.acquire)
        parked.settles = True
        self._waits.append(parked)
        self._park(parked)

    def _park(self, parked: Parked) -> None:
        """Let others go on; return when this strand is chosen again."""
        state = current.state
        born = state.spawn_options
        parked.frame = sys._getframe(1)
        parked.strand.last_parked = parked
        running = asyncio._get_running_loop()
        task = None
        if running is not None:
            task = asyncio.current_task(running)
            if task is not None:
                asyncio.tasks._leave_task(running, task)
            asyncio._set_running_loop(None)
        state.cell = state.spawn_options = None
        if self.trace is not None and not parked.is_over:
            self.log(f"{parked.strand.name} waits")
        mine = parked.carrier
        mine.switch(self._idle.pop() if self._idle else self._crew.hire(self._work, self.world))
        parked.frame = None
        if running is not None:
            asyncio._set_running_loop(running)
            if task is not None:
                asyncio.tasks._enter_task(running, task)
        state.cell, state.spawn_options = parked.cell, born
        self.carrier = mine
        self.require_going_on()
        self.strand = parked.strand

    def go_back_to(self, parked: Parked) -> None:
        """Give the baton to a strand that is in the middle of something."""
        mine = self.carrier
        self._idle.append(mine)
        mine.switch(parked.carrier)
        self.carrier = mine

    def new_lock(self) -> SimulatedLock:
        """Make a lock that a strand may wait for."""
        return SimulatedLock(self)

    def new_loop(self, name: str | None = None, *, runs: bool = False) -> SimulatedLoop:
        """Make a loop, by default one that the program runs itself, as `asyncio.run()` does."""
        return SimulatedLoop(self, name, runs=runs)  # type: ignore[abstract]

    def shared_loop(self) -> SimulatedLoop:
        """The loop for actors of which no other one is said."""
        if self._shared_loop is None:
            self._shared_loop = loop = self.new_loop(runs=True)
            loop_actors_of(loop).is_ours = True
        return self._shared_loop

    def holder_of(self, loop: Any) -> Any:
        """The actor whose code runs in a loop right now, or waits there; `None` if none does."""
        if not getattr(loop, "is_busy", False):
            return None
        if self.strand is loop:
            return current.state.cell
        return None if loop.last_parked is None else loop.last_parked.cell

    def start_job(self, function: Callable[[], object], name: str) -> Job:
        """Have a strand begin that calls a function."""
        job = Job(function, name)
        self.ready.append(job)
        return job

    # --- time -----------------------------------------------------------------------------------

    def ring_at(self, when: float, alarm: Any) -> None:
        """Ring an alarm at a point in time, or at once if that is past."""
        self._number_of_alarms += 1
        heapq.heappush(self._timers, (when, self._number_of_alarms, alarm))

    def _has_alarms(self) -> bool:
        """Tell whether there is something that time can pass for."""
        timers = self._timers
        while timers and is_cancelled(timers[0][2]):
            heapq.heappop(timers)
        return bool(timers)

    def _pass_time(self, *, is_early: bool = False) -> bool:
        """Ring the next alarm; False if there is none."""
        if not self._has_alarms():
            return False
        self.touch(EVERYTHING)
        when, _number, alarm = heapq.heappop(self._timers)
        self.now = max(self.now, when)
        if self.trace is not None:
            self.log("TIME PASSES EARLY" if is_early else "time passes")
        kind = type(alarm)  # pyright: ignore[reportUnknownVariableType]
        if kind is Parked:
            alarm.ring()
        elif kind in _clock._brief:
            with self.atomically():
                ring(alarm)
        else:
            line = getattr(alarm, "line", None) if kind in _clock._lengthy else self
            self._ring_elsewhere(line, alarm)
        return True

    def _ring_elsewhere(self, line: Any, alarm: Any) -> None:
        """Ring an alarm that may wait, or is the user's, on a strand of its own."""
        if line is None:
            self.start_job(partial(ring, alarm), self.number("clock"))
            return
        alarms = self._lines.get(line)
        if alarms is not None:
            alarms.append(alarm)
            return
        self._lines[line] = deque([alarm])
        self.start_job(partial(self._work_off, line), self.number("clock"))

    def _work_off(self, line: Any) -> None:
        alarms = self._lines[line]
        try:
            while alarms:
                ring(alarms.popleft())
        finally:
            del self._lines[line]

    @contextmanager
    def atomically(self) -> Generator[None]:
        """Have nothing else come first in a block, which runs for no actor."""
        state = current.state
        cell = state.cell
        self._atomic += 1
        state.cell = None
        try:
            yield
        finally:
            self._atomic -= 1
            state.cell = cell

    # --- what is noted --------------------------------------------------------------------------

    def enter(self, cell: Simulated) -> str:
        """Take note of an actor, and give it a name."""
        self.touch(("class", cell.actor_class.__name__))
        self.cells.append(cell)
        self.know(cell.services)
        return self.number(cell.actor_class.__name__)

    def know(self, system: Any) -> None:
        """Take note of a system, and of its dead letters."""
        if system not in self._known:
            self._known[system] = None
            system.dead_letters.subscribe(self._note_dead_letter)

    def systems(self) -> list[Any]:
        """The systems that were seen."""
        return list(self._known)

    def number(self, name: str) -> str:
        """Make a name unique."""
        number = self._counts.get(name, 0)
        self._counts[name] = number + 1
        return f"{name}-{number}"

    def find(self, kind: str, text: str, error: BaseException | None = None) -> None:
        """Note that something is wrong."""
        self.touch(EVERYTHING)
        if not self.is_over:
            self.findings.append(Finding(kind, plain(text), error))
            if self.trace is not None:
                self.log(f"!!! {str(self.findings[-1]).partition(chr(10))[0]}")

    def note_failure(self, cell: Simulated, error: BaseException) -> None:
        """Note that an actor has failed."""
        if not isinstance(error, Crash):
            self.find("unhandled exception", f"{cell.name}: {error!r}", error)

    def _note_dead_letter(self, letter: Any) -> None:
        name = letter.target._cell.name
        self.find("dead letter", f"{name} never handles {show(letter.message)}: {letter.reason}")

    def note_send(self, cell: Simulated, letter: Any) -> None:
        """Note that a message was sent."""
        self.touch(("to", cell.name))
        sender: Any = current.state.cell
        who = sender.name if sender is not None else self._name_of_strand()
        number = self._sent[who] = self._sent.get(who, 0) + 1
        self._tags[id(letter)] = who, number
        if self.trace is not None:
            self.log(f"    {who} sends {self.describe(letter)} to {cell.name}")

    def _name_of_strand(self) -> str:
        return "the clock" if self._atomic else str(self.strand.name)

    def note_receipt(self, cell: Simulated, letter: Any) -> None:
        """Note that a message is about to be handled."""
        tag = self._tags.pop(id(letter), None)
        if tag is not None:
            self._received.setdefault(cell.name, []).append(tag)

    def behaviour(self) -> tuple[tuple[str, tuple[tuple[str, int], ...]], ...]:
        """What each actor has received: of whom, and the how manyth."""
        return tuple((name, tuple(tags)) for name, tags in sorted(self._received.items()))

    def describe(self, letter: Any) -> str:
        """Say what lies in a letter."""
        return show(letter.message)

    def log(self, text: str) -> None:
        """Write down what happens."""
        if self.trace is not None:
            self.trace.append(TraceLine(self.steps, self.now, text, self._mark))
            self._mark = 0

    def _check_invariants(self) -> None:
        self.touch(EVERYTHING)
        with self.atomically():
            for invariant in self.invariants:
                invariant()

    def check_what_is_left(self) -> None:
        """Look, when the program is at its end, for who waits for ever, and what is stashed."""
        for parked in self._waits:
            if parked.cell is not None and not parked.has_limit:
                self.find("hang", self._say_where(parked))
        for loop in self.loops:
            loop.find_unseen()
        for cell in self.cells:
            extension = cell.extension
            if extension is not None and extension.stash and cell.actor is not None:
                self.find("left in the stash", f"{cell.name}: {len(extension.stash)} messages")


_DROPPED: Any = (None, None)
"""The outcome of a question of a run that is over."""


def plain(text: str) -> str:
    """A text without addresses, which are different in each process."""
    return ADDRESS.sub("", text)


def show(message: Any) -> str:  # noqa: PLR0911 (one clause a kind)
    """Say what a message is, in the same words in each process."""
    kind: Any = type(message)  # pyright: ignore[reportUnknownVariableType]
    if kind is ProxyCall:
        shown = [show(each) for each in message.args]
        shown += [f"{name}={show(value)}" for name, value in message.kwargs.items()]
        return f"{'.'.join(message.attr_path)}({', '.join(shown)})"
    if kind is ProxyGetAttr:
        return ".".join(message.attr_path)
    if kind is ProxySetAttr:
        return f"{'.'.join(message.attr_path)} = {show(message.value)}"
    if kind is FunctionCall:
        return f"{getattr(message.function, '__name__', 'a function')}()"
    if kind is Tick:
        return f"the timer's {show(message.timer.message)}"
    if issubclass(kind, ActorProxy):
        message, kind = message.actor_ref, ActorRef
    if issubclass(kind, ActorRef):
        return str(getattr(message._cell, "name", "an actor"))
    if kind is Event:
        return f"that it is {message.kind}"
    return plain(shorten(message))
