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

    A program may never come to rest by itself: actors ask each other, or fail and are restarted,
    until a thread has seen enough of it, looks each millisecond, and ends it. The usual choice
    would have the same strands go on for ever. So what a machine is fair in, this is as well:

    - a strand that has run `MOST_IN_A_ROW` steps is not the usual choice any more, until another
      one has run; nor is one that lets others go first, by `time.sleep(0)`;
    - a strand that looks in a loop whether something has come to pass, and never waits, lets
      others go first when it has looked `LOOKS` times in one step;
    - a strand that only sends, and sends, is overtaken in the end (`Chooser.most_turns`);
    - time passes, although there is always something going on, when as many steps were made as
      take that long (`STEP`).

Who is who
    A *strand* is what would be a thread in the real world: an actor, the program's `main()`, a
    thread that it has started. A strand that is in the middle of something, and waits there, is
    `Parked`, and keeps its carrier. The carrier that has the baton works through `ready`, in
    `work()`. Who parks chooses itself who is next; if that one is in the middle of something, too,
    it gets the baton at once.

Invariants
    1. Nothing here is touched but by who has the baton. So there are no locks.
    2. `ready` and `waits` are lists, in the order in which strands came there, and nothing looks
       into a set or asks for an address. So the same choices make the same run, in each process.
    3. What has to be awaited is asked whether it is there, each time that something is chosen,
       and does not have to tell. So what wakes a waiter in the real world may be any code. Who is
       found to be able to go on comes behind those that are ready at that moment; so the moments
       at which they are asked are the same ones in each kind of run.
    4. What takes part in choices without being asked, for it can go on in any case, is most of
       what is ready. The others are *picky*, and counted.

Cost
    A run of ten messages takes a tenth of a millisecond, and nothing that it does is done twice:
    `give_others_a_turn()` and `choose_next()` are on the way of each message. So they look into
    lists and call nothing, as long as nothing unusual happens.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import re
import sys
from _thread import allocate_lock
from collections import deque
from contextlib import contextmanager
from contextvars import Context
from functools import partial
from traceback import format_tb
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pykka._cell.frameless import copy_without_frames
from pykka._cell.spawn_options import current
from pykka._deadlock.stacks import read_stacks
from pykka._deadlock.wait_graph import place_of, place_on
from pykka._ref.proxy import ActorProxy
from pykka._ref.ref import ActorRef
from pykka._util.checks import shorten
from pykka._util.log import traceback_of
from pykka._util.world import REAL
from pykka.messages import FunctionCall, ProxyCall, ProxyGetAttr, ProxySetAttr
from pykka.runtimes.asyncio.loop import loop_actors_of
from pykka.simulation._engine._carriers import RunIsOver
from pykka.simulation._engine._choices import CUT_SHORT, EVERYTHING, SENT
from pykka.simulation._engine._errors import Crash, NotSimulatedError
from pykka.simulation._engine._loop import HandleAlarm, SimulatedLoop, place_in_task
from pykka.simulation._engine._stdlib import SimulatedLock, is_in_our_hands, users_frame
from pykka.supervision._child_monitor import Event
from pykka.timers import _clock
from pykka.timers._clock import is_cancelled, ring
from pykka.timers._timer import Tick, Timer

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pykka.simulation._engine._carriers import Crew
    from pykka.simulation._engine._cells import Simulated
    from pykka.simulation._engine._choices import Chooser, Guide
    from pykka.simulation._engine._world import SimulatedWorld

ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")

MOST_IN_A_ROW = 100
"""After so many steps one after the other, a strand that can go on is like any other one."""

STEP = 0.0001
"""So many seconds a step takes, where time would stand still for ever: no program comes to rest in
between."""

LOOKS = 100
"""A strand that looks so often at what others do, all in one step, lets them go first."""

FEWEST_STEPS = 100
"""So many steps time stands still at least, while anything goes on."""


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


class Ready(Protocol):
    """Something that can go on."""

    is_ready: bool
    """Whether it is among those that are ready."""

    is_picky: bool
    """Whether it has to be asked by `may_go_on` before it is run."""

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

    __slots__ = ("_context", "_function", "is_ready", "last_parked", "name", "sent")

    is_picky = False

    def __init__(
        self, function: Callable[[], object], name: str, context: Context | None = None
    ) -> None:
        self._function = function
        self.name = name
        self._context = Context() if context is None else context
        self.last_parked: Parked | None = None
        """Where it waits, or has waited last."""
        self.sent = 0
        """How many messages it has sent."""
        self.is_ready = True

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
        "blocks",
        "carrier",
        "cell",
        "frame",
        "has_limit",
        "is_cancelled",
        "is_picky",
        "is_ready",
        "settles",
        "strand",
    )

    def __init__(self, scheduler: Scheduler, acquire: Callable[..., Any] | None) -> None:
        self._acquire = acquire
        self.blocks: Callable[[], Any] = bool
        """Tells whether it has to wait; `bool` if it can go on in any case: its time is over, or
        it only lets others go first."""
        self.is_picky = False
        if acquire is not None:
            owner = owner_of(acquire)
            if type(owner) in OF_ONE:
                self.blocks = owner.locked
            else:
                self.blocks, self.is_picky = look_of(owner), True
        self.carrier = scheduler.carrier
        self.strand = scheduler.strand
        self.cell: Any = current.state.cell
        self.frame: Any = None
        self.has_limit = False
        self.settles = False
        """Whether it waits until nothing happens any more."""
        self.is_cancelled = False
        """Whether it does not wait any more."""
        self.is_ready = False

    def ring(self) -> None:
        """Be told that the time is over; the scheduler calls this."""
        self.blocks = bool
        self.is_cancelled = True

    def may_go_on(self) -> bool:
        """See `Ready`."""
        return not self.blocks()

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

OF_ONE = (type(allocate_lock()), Never)
"""Where a strand waits that no other one can come before, once it can go on: in a lock of its own,
as those do that wait for a future; or only for a moment."""

OF_STRANDS = (Parked, HandleAlarm)
"""The alarms that strands wait for, and not only the library."""

TIME: Any = object()
"""Stands for that time passes, among those that can go on."""


def _place_of_alarm(entry: tuple[float, int, Any]) -> tuple[float, int]:
    return entry[:2]


def owner_of(acquire: Any) -> Any:
    """The lock or the queue in which something blocks."""
    blocking: Any = acquire.func if type(acquire) is partial else acquire  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return blocking.__self__


def look_of(owner: Any) -> Callable[[], Any]:
    """What tells whether a thread would block in a lock or a queue."""
    found: Any = getattr(owner, "is_held", None) or getattr(owner, "locked", None) or owner.empty
    return found  # type: ignore[no-any-return]


def would_block(acquire: Any) -> bool:
    """Tell whether a thread would block in a lock or a queue, given its `acquire` or `get`."""
    return bool(look_of(owner_of(acquire))())


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

    # What is the same at the beginning of each run.

    tells = False
    """Whether the log of the program is seen."""

    is_patient = False
    """Whether nothing but timers may ring early, and no time-out of any kind is over early."""

    now = 0.0
    steps = 0
    is_over = False
    main_is_done = False

    strand: Any = None
    """The one that is running, or has run last."""

    picky = 0
    """How many of those that are ready have to be asked whether they can go on."""

    handed: Any = None
    """What the carrier does that gets the baton next; `None` for what is to be chosen."""

    is_cut_short = False
    """Whether the chooser has found that the run is not worth going on with."""

    last_failed: Any = None
    """The actor that has ended by a failure last, so that this is noted once."""

    main_task: Any = None
    """The task of an `async def main()`."""

    _next: Any = None
    """What comes next in any case, without another choice."""

    _number_of_alarms = 0

    atomic = 0
    """More than 0 where nothing else may come first."""

    _in_a_row = 0
    """How many steps the strand has made that has run last, one after the other."""

    _still_since = 0
    """How many steps there were when time has passed for the last time."""

    _looks_at_time = FEWEST_STEPS
    """After how many steps it is looked whether time has stood still for too long."""

    _looks = 0
    """How often the strand that is running has looked at others, in the step `_looks_in`."""

    _looks_in = 0

    _last_pause = -1, 0.0
    """How many steps there were when time has passed last because a strand looks, and how much."""

    _turns_before = -1, 0
    """How many steps there were when a sender was last asked whether others come first, and how
    long the tape was when that was first so."""

    _settling: Callable[[], object] | None = None
    """What is called when nothing happens any more, if that is waited for."""

    _settles_after: list[Any] | None = None
    """The waits that have to end before that; `None` until nothing else is ready."""

    _shared_loop: SimulatedLoop | None = None
    _by_clock = 0
    """How many messages timers have sent."""

    _mark = 0

    def __init__(
        self, crew: Crew, chooser: Chooser | Guide, *, max_steps: int, keeps_trace: bool
    ) -> None:
        self._crew = crew
        self._chooser: Any = chooser
        self._max_steps = max_steps
        self.tape: list[int] = []
        self.findings: list[Finding] = []
        self.ready: list[Any] = []
        self.waits: list[Parked] = []
        self.cells: list[Any] = []
        self.occupied: dict[Any, list[Any]] = {}
        """The actors that have a thread of a pool with a bound: they are at work, or wait."""
        self.invariants: list[Callable[[], object]] = []
        """Called after each step."""
        self.loops: list[SimulatedLoop] = []
        self._timers: list[tuple[float, int, Any]] = []
        self._lines: dict[Any, deque[Any]] = {}
        self._counts: dict[str, int] = {}
        self._known: dict[Any, None] = {}
        self.tags: dict[int, tuple[str, int]] = {}
        """Who has sent what lies in an inbox that is not simply a queue, by its `id()`."""
        self.plain = crew.plain
        """The classes of actors that can be simulated, as far as is known already."""
        self.touched: set[object] | None = None
        """What the step that is under way has to do with, if a guide wants to know."""
        self.left: int = 0
        """How often a sender goes on as usual from now on, without being chosen."""
        if chooser.wants_to_know:
            self.touched = set()
        else:
            self.left = chooser.skip()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
        self.trace: list[TraceLine] | None = [] if keeps_trace else None

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
        self.start_job(main, "main")
        has_come_back = False
        try:
            has_come_back = self._crew.set_off(self, patience)
        finally:
            if not self.is_over:
                self.end()
            if self.waits or self.ready or self.loops or not has_come_back:
                self._forget_what_is_left()
            try:
                if has_come_back:
                    self._crew.unwind(self.carriers_left(), self.world)
            finally:
                if self.loops:
                    self._drop_tasks()
                self._bury()
        return has_come_back

    def end(self) -> None:
        """Have the run be over."""
        self.is_over = True
        self.left = 0  # so each that sends sees it

    def carriers_left(self) -> list[Any]:
        """The carriers that are in the middle of something."""
        return [each.carrier for each in self._parked()]

    def count_progress(self) -> int:
        """Return a number that grows as there is progress."""
        return self.steps  # who only sends, and sends, does not make any

    def _parked(self) -> list[Parked]:
        return [*self.waits, *(each for each in self.ready if isinstance(each, Parked))]

    def frames_of_strands(self) -> list[Any]:
        """The innermost frame of each strand that is in the middle of something."""
        return [each.frame for each in self._parked() if each.frame is not None]

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
        own = self.world.system
        for cell in self.cells:
            services = cell.services
            if services is not own:
                services.unregister(cell)
            cell.leave()
            if services is not own:
                services.forget(cell)
        for known in (own._refs, own._ending, own._by_urn, own._by_name):
            known.clear()

    def let_go(self) -> None:
        """Let go of all that leads back here, so that it is freed at once; see `Simulated.leave`.

        Only when the result of the run has been taken.
        """
        own = self.world.system
        for system in self._known:
            if system is not own:
                system.dead_letters.unsubscribe(self._note_dead_letter)
        self.world.leave()
        self.strand = self._settling = None
        # Code that comes too late may still put something in.
        self._known, self.cells, self.ready, self.waits, self._timers = {}, [], [], [], []
        self.invariants, self.loops = [], []

    def give_up(self, frame: Any, patience: float) -> None:
        """Leave a program alone that does not come back.

        Args:
            frame: Where it is, if it can be interrupted there.
            patience: For how many seconds it has not.
        """
        is_interrupted = frame is not None
        if is_interrupted:
            place = place_of(frame)
        else:
            ident = self.carrier.ident
            place = read_stacks(lambda stacks: place_on(stacks.get(ident, ())), ident)
        self.find(
            "real wait",
            f"{self.strand.name} has not come back for {patience:g} real seconds, from\n    "
            f"{place}\nIt waits for something that is not simulated, such as a socket "
            "or a lock made before the run; or it computes for ever. A loop that looks for "
            "something that others do has to let them: by time.sleep(0)",
        )
        self.end()
        self._forget_what_is_left()
        if is_interrupted:
            return
        self.carrier.is_lost = True
        for carrier in self.carriers_left():
            carrier.is_lost = True
            carrier.resume()

    def choose_next(self) -> Any:  # noqa: C901, PLR0912 (one function, because a call costs)
        """Choose who goes on, and count that as a step.

        Returns:
            What is to be run, which is not among those that are ready any more; or `None` if
            nothing can go on, or the run is over.
        """
        ready = self._next
        self._next = None
        entries = self.ready
        if self.steps >= self._looks_at_time:
            self._see_whether_time_is_due()
        while ready is None and not self.is_over:
            for parked in self.waits:
                if not parked.blocks():
                    self._free()
                    break
            may_pass = bool(self._timers) and self._may_pass()
            if self.touched is not None or self.picky:
                ready = self._choose_among_some(may_pass=may_pass)
                if ready is None:
                    return None
            elif not entries:
                return None
            elif len(entries) == 1 and not may_pass:
                ready = entries.pop()
            else:
                ready = self._choose(entries, may_pass=may_pass)
            if ready is TIME:
                self._pass_time(is_early=True)
                ready = None
        if ready is None:
            return None
        ready.is_ready = False
        self.steps += 1
        if self.steps > self._max_steps:
            self.find("livelock", f"it goes on after {self._max_steps} steps")
            self.enter(ready)  # it may have a carrier, and what lies on that is to be unwound
            self.end()
            return None
        strand = ready.strand if type(ready) is Parked else ready
        if strand is self.strand:
            self._in_a_row += 1
        else:
            self.strand = strand
            self._in_a_row = 0
        if self.trace is not None:
            self.log(ready.label())
        return ready

    def _choose(self, entries: list[Any], *, may_pass: bool) -> Any:
        """Choose one of those that are ready, all of which can go on; or `TIME`."""
        chosen: int = self._chooser.pick(len(entries), may_pass=may_pass)
        self._mark = chosen
        self.tape.append(chosen)
        if chosen == len(entries):
            return TIME
        # Number 0 is the one that ran last, if it is there, and the others follow in their order.
        last = self.strand
        if (
            last is not None
            and (last.is_ready or last.last_parked is not None)
            and self._in_a_row < MOST_IN_A_ROW
        ):
            first = self._place_of_last(entries)
            if chosen <= first:
                chosen = chosen - 1 if chosen else first
        return entries.pop(chosen)

    def _choose_among_some(self, *, may_pass: bool) -> Any:
        """Do the same where not all of them can go on, or a guide wants to know more.

        Returns:
            The one that goes on, or `TIME`; `None` if none can go on, or the run is over.
        """
        candidates = self._find_candidates()
        if not candidates:
            return None
        chosen = 0
        if self.touched is not None:
            chosen = self._ask_guide(candidates, goes_on=False)
            if self.is_over:
                return None
        elif may_pass or len(candidates) > 1:
            chosen = self._chooser.pick(len(candidates), may_pass=may_pass)
        if may_pass or len(candidates) > 1:
            self._mark = chosen
            self.tape.append(chosen)
        return TIME if chosen == len(candidates) else self._take(candidates[chosen])

    def _find_candidates(self) -> list[Any]:
        """Those who can go on: who ran last first, and then in the order in which they came."""
        candidates = [each for each in self.ready if not each.is_picky or each.may_go_on()]
        first = self._place_of_last(candidates)
        if first:
            candidates.insert(0, candidates.pop(first))
        return candidates

    def _place_of_last(self, entries: list[Any]) -> int:
        """The place of the strand that has run last; 0 if it is not there, or has had its time."""
        last = self.strand
        if last is None or self._in_a_row >= MOST_IN_A_ROW:
            return 0
        if not last.is_ready:
            last = last.last_parked
            if last is None or not last.is_ready:
                return 0
        return entries.index(last) if last in entries else 0

    def _take(self, ready: Any) -> Any:
        """Take one out of those that are ready."""
        self.ready.remove(ready)
        self.picky -= ready.is_picky
        return ready

    def _ask_guide(self, candidates: list[Any], *, goes_on: bool) -> int:
        self._chooser.note(self.touched)
        self.touched = set()
        chosen: int = self._chooser.choose(candidates, goes_on=goes_on)
        if chosen == CUT_SHORT:
            self.is_cut_short = True
            self.end()
            return 0
        return chosen

    def touch(self, *what: object) -> None:
        """Note that the step that is under way has to do with something."""
        if self.touched is not None:
            self.touched.update(what)

    def _free(self) -> None:
        """Have those be ready that need not wait any more."""
        for parked in [each for each in self.waits if not each.blocks()]:
            self.waits.remove(parked)
            self.enter(parked)

    def enter(self, ready: Any) -> None:
        """Have something be among those that are ready."""
        ready.is_ready = True
        self.picky += ready.is_picky
        self.ready.append(ready)

    def see_what_is_left(self) -> None:
        """Go on where nothing is ready: let time pass, or find that all is over."""
        if self._settling is not None:
            if self._settles_after is None and not self._timers:
                self._settles_after = []
            elif self._settles_after is None:
                alarms = [entry[2] for entry in sorted(self._timers, key=_place_of_alarm)]
                self._settles_after = [each for each in alarms if type(each) in OF_STRANDS]
            if all(each.is_cancelled for each in self._settles_after):
                has_settled = self._settling
                self._settling = self._settles_after = None
                has_settled()
                return
        if self._pass_time():
            return
        waits = [each for each in self.waits if not each.has_limit]
        text = "; ".join([*map(self._say_where, waits), *self._say_who_awaits()])
        self.find("hang", text or "main() waits for something that nothing is going to bring")
        self.end()

    def _say_where(self, parked: Parked) -> str:
        task = self.main_task
        if parked.strand.name == "main" and parked.cell is None and task and not task.done():
            place = place_in_task(task)
        else:
            place = place_of(users_frame(parked.frame))
        return f"{parked.strand.name} waits for ever, at {place}"

    def _say_who_awaits(self) -> list[str]:
        return [
            f"{cell.name} awaits for ever, at {place_in_task(cell.task)}"
            for cell in self.cells
            if cell.task is not None and cell.handling is not None and not cell.task.done()
        ]

    # --- what running code calls ----------------------------------------------------------------

    def give_others_a_turn(self) -> None:
        """Let another strand come first, if that is chosen."""
        if self.atomic:
            return
        for parked in self.waits:
            if not parked.blocks():
                self._free()
                break
        left = self.left
        if left:
            if self.ready:
                self.left = left - 1
                self.tape.append(0)
        else:
            self._offer_a_turn()

    def _offer_a_turn(self) -> None:
        """Do the rest of that, where it is not said already that nothing unusual comes."""
        if self.is_over:
            raise RunIsOver
        ready = self.ready
        if not ready and self.touched is None:
            return
        may_pass = bool(self._timers) and self._may_pass()
        # The one that ran last is the one that asks, so it is not among them.
        others = self._find_candidates() if self.picky else ready
        count = 1 + len(others)
        if self.touched is not None:
            chosen = self._ask_guide([self.strand, *others], goes_on=True)
            if self.is_over:
                raise RunIsOver
        else:
            chosen = self._chooser.interrupt(count, may_pass=may_pass)
            self.left = self._chooser.skip()
            if not chosen and others and self._has_had_its_turns():
                chosen = 1
        if ready:
            self.tape.append(chosen)
        if chosen == 0:
            return
        self._mark = chosen
        if chosen == count:
            self._pass_time(is_early=True)
            return
        self._next = self._take(others[chosen - 1])
        parked = Parked(self, None)
        parked.is_ready = True
        ready.append(parked)
        self._park(parked)

    def _has_had_its_turns(self) -> bool:
        """Tell whether the strand that runs has sent so much that another one comes first."""
        steps, turns = self._turns_before
        if steps != self.steps:
            self._turns_before = self.steps, len(self.tape)
            return False
        return len(self.tape) - turns > int(self._chooser.most_turns)

    def let_others_go_first(self) -> None:
        """Have a strand come after those that are ready: it looks again and again for something.

        That is a step, so a program in which it never comes to pass ends as a livelock.
        """
        if self.is_over:
            raise RunIsOver
        if self.atomic:
            return
        parked = Parked(self, None)
        self._in_a_row = MOST_IN_A_ROW
        self.enter(parked)
        self._park(parked)

    def look(self, *, at_once: bool = False) -> None:
        """Be told that a strand looks whether others have done something.

        It may do so in a loop, and never wait. Without any other strand, that takes time.

        Args:
            at_once: Whether others can go first, also if it is the library's own code that looks.
        """
        if self._looks_in != self.steps:
            self._looks_in, self._looks = self.steps, 0
        self._looks += 1
        if self._looks <= LOOKS:
            return
        self._looks = 0
        if current.state.world is not self.world:
            return  # the run is over, and what it has made is still in use
        if at_once or not is_in_our_hands(sys._getframe(1)):
            if not self.ready and not self.atomic:
                self._let_pass(self._next_pause())
            self.let_others_go_first()

    def _next_pause(self) -> float:
        """The seconds that pass where a strand looks, and all others wait.

        Each time they are twice as many, and no more than until the next alarm.
        """
        steps, pause = self._last_pause
        pause = min(2 * pause, 1.0) if steps == self.steps - 1 else STEP
        self._last_pause = self.steps, pause
        return min(pause, self._timers[0][0] - self.now) if self._has_alarms() else pause

    def wait(self, acquire: Callable[..., Any], timeout: float | None) -> Any:
        """Wait for something; see `World.wait`."""
        if self.is_over:
            raise RunIsOver
        if self.atomic:
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
            while parked.blocks():
                self.waits.append(parked)
                self._park(parked)
        finally:
            parked.is_cancelled = True
        if parked.has_limit and would_block(acquire):
            return acquire(True, 0)  # noqa: FBT003
        return acquire()

    def sleep(self, seconds: float) -> None:
        """Let time pass for a strand."""
        if seconds > 0:
            self.wait(NEVER.acquire, seconds)
        else:
            self.let_others_go_first()

    def settle(self) -> None:
        """Wait until nothing is ready, and then for those who wait with a limit by then."""
        parked = Parked(self, NEVER.acquire)
        parked.settles = True
        self.when_settled(parked.ring)
        self.waits.append(parked)
        self._park(parked)

    def when_settled(self, function: Callable[[], object]) -> None:
        """Have something called when nothing is ready any more; see `settle`.

        Invariant: it is called at the bottom of the stack of a carrier, on behalf of no actor.
        """
        self._settling = function

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
        if self.trace is not None and parked.blocks():
            self.log(f"{parked.strand.name} waits")
        mine = parked.carrier
        # What else is to be done between two steps may call code of the program's: on a stack
        # that has nothing else on it.
        ready = None if self.invariants else self.choose_next()
        if ready is not parked:
            if type(ready) is Parked:
                mine.switch(ready.carrier)
            else:
                self.handed = ready
                free = self._crew.free
                mine.switch(free.pop() if free else self._crew.make())
            self.carrier = mine
        parked.frame = None
        if running is not None:
            asyncio._set_running_loop(running)
            if task is not None:
                asyncio.tasks._enter_task(running, task)
        state.cell, state.spawn_options = parked.cell, born
        parked.strand.last_parked = None
        if self.is_over:
            raise RunIsOver

    def work(self, carrier: Any) -> Any:
        """Work on a carrier, at the bottom of its stack, until another carrier goes on.

        Returns:
            That carrier; the root, if the run is over.
        """
        self.carrier = carrier
        ready, self.handed = self.handed, None
        while not self.is_over:
            if ready is None:
                if self.invariants:
                    self._check_invariants()
                ready = self.choose_next()
            if ready is None:
                if not self.is_over:
                    self.see_what_is_left()
            elif type(ready) is Parked:
                return ready.carrier
            else:
                ready.run()
                ready = None
        return self._crew.root

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

    def _may_pass(self) -> bool:
        """Tell whether time may pass although something else can happen."""
        if self.main_is_done or not self._has_alarms():
            return False
        return not self.is_patient or type(self._timers[0][2]) is Timer

    # --- time -----------------------------------------------------------------------------------

    def _see_whether_time_is_due(self) -> None:
        """Have time pass if what was done since it did has taken until the next alarm."""
        self._looks_at_time = self.steps + FEWEST_STEPS
        if self.main_is_done or self.touched is not None or not self._has_alarms():
            return
        if self.now + (self.steps - self._still_since) * STEP >= self._timers[0][0]:
            self._pass_time(is_late=True)

    def _let_pass(self, seconds: float) -> None:
        """Have some time pass, and ring what is due by then."""
        then = self.now + seconds
        while self._has_alarms() and self._timers[0][0] <= then:
            self._pass_time()
        self.touch(EVERYTHING)
        self.now = max(self.now, then)

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

    def _pass_time(self, *, is_early: bool = False, is_late: bool = False) -> bool:
        """Ring the next alarm; False if there is none."""
        if not self._has_alarms():
            return False
        self._still_since = self.steps
        self._looks_at_time = self.steps + FEWEST_STEPS
        self.touch(EVERYTHING)
        when, _number, alarm = heapq.heappop(self._timers)
        self.now = max(self.now, when)
        if self.trace is not None:
            said = "time passes, as so much was done" if is_late else "time passes"
            self.log("TIME PASSES EARLY" if is_early else said)
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
        self.atomic += 1
        state.cell = None
        try:
            yield
        finally:
            self.atomic -= 1
            state.cell = cell

    # --- what is noted --------------------------------------------------------------------------

    def enter_cell(self, cell: Simulated) -> str:
        """Take note of an actor, and give it a name."""
        name = cell.actor_class.__name__
        if self.touched is not None:
            self.touch(("class", name))
        self.cells.append(cell)
        if cell.services not in self._known:
            self.know(cell.services)
        return self.number(name)

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
            if self.is_patient:
                error = _without_frames(error)
            self.find("unhandled exception", f"{cell.name}: {error!r}", error)

    def _note_dead_letter(self, letter: Any) -> None:
        name = letter.target._cell.name
        self.find("dead letter", f"{name} never handles {show(letter.message)}: {letter.reason}")

    def note_send(self, cell: Simulated, letter: Any) -> tuple[str, int]:
        """Note that a message was sent.

        Returns:
            Who has sent it, and the how manyth of the sender's messages it is.
        """
        sender: Any = current.state.cell
        if sender is None and self.atomic:
            self._by_clock += 1
            tag = "the clock", self._by_clock
        else:
            if sender is None:
                sender = self.strand
            sender.sent = number = sender.sent + 1
            tag = sender.name, number
        if self.touched is not None:
            self.touch(("to", cell.name), (SENT, *tag))
        if self.trace is not None:
            self.log(f"    {tag[0]} sends {self.describe(letter)} to {cell.name}")
        return tag

    def behaviour(self) -> tuple[tuple[str, tuple[tuple[str, int], ...]], ...]:
        """What each actor has received: of whom, and the how manyth."""
        received = [(cell.name, tuple(cell.received)) for cell in self.cells if cell.received]
        received.sort()
        return tuple(received)

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
            for invariant in [*self.invariants]:
                invariant()

    def check_what_is_left(self) -> None:
        """Look, when the program is at its end, for who waits for ever, and what is stashed."""
        for parked in self.waits:
            if parked.cell is not None and not parked.has_limit:
                self.find("hang", self._say_where(parked))
        for loop in self.loops:
            loop.find_unseen()
        for cell in self.cells:
            extension = cell.extension
            if extension is not None and extension.stash and cell.actor is not None:
                self.find("left in the stash", f"{cell.name}: {len(extension.stash)} messages")


def _without_frames(error: BaseException) -> BaseException:
    """A copy of an exception that has its traceback as a text only.

    Its frames would keep the actor alive, and a test may wait until that is freed. If it cannot be
    copied, it is the exception itself.
    """
    copy = copy_without_frames(error)
    if type(copy) is not type(error):
        return error
    copy.add_note("".join(format_tb(traceback_of(error))))
    return copy


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
