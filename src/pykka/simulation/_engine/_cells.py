"""Cells of simulated actors: a message in, and one step of the actor.

A `SimulatedCell` is the cell of an actor of the runtimes of threads and of pools. Between the two
there is no difference that another actor could see: a thread of its own, or one of a pool, is
where the actor runs, and here that is a carrier. A step is what the actor does from one message to
the next. It is the library's own code that a step consists of, unchanged; the cell decides only
when it is run.

Invariant: an actor that has something to do is among those that are ready, or is running, or
waits. So whatever gives it something to do calls `wake()` afterwards, and so does the end of a
step. One that is *asleep* is none of these: the next message makes it ready, without another look,
unless there is a mark that something else is to be seen to first.
"""

from __future__ import annotations

from collections import deque
from contextvars import Context
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, ClassVar

from pykka._cell.cell import DOWN, ENDED, NOTHING, Cell
from pykka._cell.inbox import put_without_waiting, take_all
from pykka._cell.metering import MeteredInbox
from pykka._cell.reasons import Failed
from pykka._cell.spawn_options import current
from pykka._deadlock.stacks import runs_actor
from pykka._deadlock.wait_graph import Await, place_on_stack, waits_only_for
from pykka._lifecycle.invoke import begin, handle, next_system_message
from pykka._lifecycle.termination import end_in_any_case, fall
from pykka.runtimes._contract import RuntimeCell
from pykka.runtimes.asyncio.actor import AsyncioActor
from pykka.runtimes.asyncio.cell import AsyncioCell, LoopInbox
from pykka.runtimes.pool.actor import PooledActor
from pykka.runtimes.pool.caller_runs import has_inherited
from pykka.runtimes.pool.cell import new_inbox
from pykka.runtimes.threading import ThreadingActor
from pykka.simulation._engine._choices import GOT
from pykka.simulation._engine._errors import NotSimulatedError

if TYPE_CHECKING:
    from pykka._actor.actor import Actor
    from pykka._cell.metering import Meter
    from pykka._cell.reasons import Reason
    from pykka._cell.spawn_options import SpawnOptions
    from pykka._deadlock.wait_graph import Place
    from pykka._envelope import Letter
    from pykka._system.system import ActorSystem
    from pykka.simulation._engine._scheduler import Parked, Scheduler

SEEN = 100
"""If more messages than that wait, the trace does not say which one comes next: to see it, all of
them have to be taken out and put in again."""

RUNTIMES: tuple[type[Actor], ...] = (ThreadingActor, PooledActor, AsyncioActor)

USUAL = {
    name: tuple(getattr(runtime, name) for runtime in RUNTIMES)
    for name in ("_start_actor_loop", "_actor_loop")
}
"""What a class that says itself how its actors run has overridden, and what that is for others."""


class SimulatedInbox:
    """An inbox each put into which is a moment at which another thread may come first.

    Args:
        queue: What the letters lie in.
        cell: The owner's cell.
    """

    __slots__ = ("_cell", "queue")

    def __init__(self, queue: Any, cell: SimulatedCell) -> None:
        self.queue = queue
        self._cell = cell

    def put(self, envelope: Any) -> None:
        """Put an envelope in."""
        cell = self._cell
        scheduler = cell.scheduler
        scheduler.give_others_a_turn()
        queue = self.queue
        queue.put(envelope)
        tag = scheduler.note_send(cell, envelope)
        if type(queue) is SimpleQueue:
            cell.tags.append(tag)
        else:
            scheduler.tags[id(envelope)] = tag
            scheduler.touch(("inbox", cell.name))
        if cell.is_asleep:
            if cell.has_system_messages:
                cell.wake()
            else:
                # This is wake(), to save three calls.
                cell.is_asleep = False
                cell.is_ready = True
                scheduler.picky += cell.is_picky
                scheduler.ready.append(cell)


class InboxLeft:
    """The inbox of an actor whose run is over; the actors of all runs share one.

    What is put in there by code that comes too late is taken out by that code, for the actor is
    closed.
    """

    def __init__(self) -> None:
        self.queue: Any = SimpleQueue()
        self.put = self.queue.put


INBOX_LEFT = InboxLeft()


class Simulated(RuntimeCell):
    """What simulated actors have in common: a name, and that it is noted what they fail with."""

    __slots__ = ()

    name: str
    scheduler: Scheduler

    received: Any
    """Of whom it has received messages, and the how manyth of the sender's each of them was: a
    list, or `None` for nothing so far. Each class of cells has a slot for it."""

    sent: int
    """How many messages it has sent."""

    def note_receipt(self, tag: tuple[str, int]) -> None:
        """Note that a message is about to be handled."""
        received = self.received
        if received is None:
            self.received = [tag]
        else:
            received.append(tag)
        if self.scheduler.touched is not None:
            self.scheduler.touch((GOT, *tag))

    def note_receipt_of(self, letter: Any) -> None:
        """Do the same with one of which the scheduler knows the sender."""
        tag = self.scheduler.tags.pop(id(letter), None)
        if tag is not None:
            self.note_receipt(tag)

    def note_if_failed(self) -> None:
        """Note what the actor has failed with, as it ends."""
        failure = self.failure
        is_down = self.extension is not None and self.extension.down
        if failure is not None and not is_down and self.scheduler.last_failed is not self:
            self.scheduler.last_failed = self
            self.scheduler.note_failure(self, failure.exception)

    def leave(self) -> None:
        """Be dead, at the end of the run, to code that still has the ref."""
        self.declare_dead(keeps_actor=False)
        self.handling = self.waiting = None

    def kill(self) -> None:
        if not self.closed:
            self.scheduler.give_others_a_turn()
        super().kill()

    def signal(self, letter: Letter) -> None:
        if not self.closed:
            self.scheduler.give_others_a_turn()
        super().signal(letter)

    def mark_down(self, reason: Reason) -> None:
        if isinstance(reason, Failed):
            self.scheduler.note_failure(self, reason.exception)
        super().mark_down(reason)

    def mark_stopped(self) -> None:
        self.note_if_failed()
        self.scheduler.touch(("to", self.name), ("life", self.name))
        super().mark_stopped()


class SimulatedCell(Simulated):
    """Inbox, marks and names of a simulated actor of the runtimes of threads and of pools.

    Args:
        actor: As for `Cell`.
        services: As for `Cell`.
    """

    __slots__ = (
        "_context",
        "_has_begun",
        "bound",
        "is_asleep",
        "is_lent",
        "is_picky",
        "is_ready",
        "last_parked",
        "name",
        "received",
        "scheduler",
        "seconds_each",
        "sent",
        "tags",
    )

    ref_class: ClassVar[type | None] = None

    inbox: Any

    def __init__(self, actor: Any, services: ActorSystem) -> None:
        self.scheduler = scheduler = _scheduler_here()
        its_class: Any = type(actor)  # pyright: ignore[reportUnknownVariableType]
        if its_class not in scheduler.plain:
            _require_plain(its_class, scheduler)
        super().__init__(actor, services)
        self.name = scheduler.enter_cell(self)
        is_ours = actor._create_actor_inbox is new_inbox
        self.inbox = SimulatedInbox(SimpleQueue() if is_ours else self.inbox, self)
        self.tags: deque[tuple[str, int]] = deque()
        """Who has sent what lies in the inbox, if that is the library's."""
        self.bound = None if not isinstance(actor, PooledActor) else _bound_of(actor, services)
        """The pool whose threads it needs, if that has a bound that its class has said."""
        self.is_picky = self.bound is not None
        self.is_lent = False
        """Whether it runs on the thread of an actor of the same pool that waits for it."""
        self.is_ready = False
        """Whether it is among those that are ready."""
        self.is_asleep = False
        """Whether it has begun, and has nothing to do."""
        self.last_parked: Parked | None = None
        """Where it waits, or has waited last."""
        self.seconds_each = 0.0
        """How much longer it takes for each message, as `Simulation.slow` has said."""
        self.received = None
        self.sent = 0
        self._has_begun = False
        self._context = Context()

    # --- what the runtimes' actors say ----------------------------------------------------------

    def begin(self, *, has_begun: bool | None = None, **_said: object) -> None:
        """Let the actor live: from now on it can be run.

        Args:
            has_begun: Whether there is no start hook to run; `None` if that was not looked up.
        """
        self.scheduler.give_others_a_turn()
        if has_begun is None:
            has_begun = has_inherited(self.actor, "on_start")
        if has_begun and self.extension is None:  # to start need not be a step
            self._has_begun = self.claim_life()
        self.is_asleep = True
        self.wake()

    def adopt(self, spawn_options: SpawnOptions | None) -> None:
        super().adopt(spawn_options)
        if spawn_options is not None and spawn_options.dispatcher is not None:
            pool = spawn_options.dispatcher._pool
            self.bound = pool if pool.is_bounded else None
            self.is_picky = self.bound is not None

    # --- the inbox ------------------------------------------------------------------------------

    def use_inbox(self, inbox: Any) -> None:
        self.inbox = SimulatedInbox(SimpleQueue() if inbox is None else inbox, self)

    def put_in_front(self, meter: Meter) -> None:
        self.inbox.queue = MeteredInbox(self.inbox.queue, meter)

    def inner_inbox(self) -> Any:
        queue = self.inbox.queue
        return queue.inner if type(queue) is MeteredInbox else queue

    def put_without_waiting(self, letter: Letter) -> bool:
        try:
            full = getattr(self.inner_inbox(), "full", None)
            return put_without_waiting(self.inbox.queue, full, letter)
        finally:
            self.wake()

    def take(self, block: bool, timeout: float | None) -> Any:  # noqa: FBT001 (queue.Queue's signature)
        letter = super().take(block, timeout)
        if self.tags:
            self.tags.popleft()
        return letter

    def take_all(self, into: list[Any]) -> None:
        take_all(self.inbox.queue, into)
        self.tags.clear()

    def wake_up(self) -> None:
        self.scheduler.touch(("life", self.name))
        self.wake()

    def leave(self) -> None:
        """See `Simulated`.

        What the actor, its cell and its inbox have of each other is let go of. So all of it is
        freed at once, and not by the garbage collector, which would take as long as the run.
        """
        super().leave()
        self.inbox = INBOX_LEFT

    # --- its turn -------------------------------------------------------------------------------

    def wake(self) -> None:
        """Be among those that are ready, if there is something to do."""
        if self.is_asleep and self.has_something_to_do():
            self.is_asleep = False
            self.scheduler.enter(self)

    def has_something_to_do(self) -> bool:
        """Tell whether a step would do anything."""
        if self.closed:
            return False
        if not self._has_begun:
            return True
        if self.has_system_messages:
            extension = self.extension
            return not (
                extension is not None
                and extension.down
                and not extension.system_queue
                and not self.stopped
            )
        return not self.inbox.queue.empty()

    def may_go_on(self) -> bool:
        """Tell whether it can be run now: its pool may have no thread for it."""
        bound = self.bound
        return bound is None or not self._is_full(bound) or self._is_lent_one(bound)

    def find_place(self) -> Place | None:
        parked = self.last_parked
        frame = None if parked is None else parked.frame
        me: Any = self
        return None if frame is None else place_on_stack(me, frame)

    def _is_full(self, bound: Any) -> bool:
        """Tell whether all threads of a pool are at work, or wait."""
        users = self.scheduler.occupied.get(bound, ())
        return len([each for each in users if not each.is_lent]) >= int(bound.most)

    def _is_lent_one(self, bound: Any) -> bool:
        """Tell whether an actor of its pool waits for it, and runs it on its own thread."""
        cls: Any = self.actor_class
        if not (cls.caller_runs and bound.caller_runs):
            return False
        waits = [each.waiting for each in self.scheduler.occupied.get(bound, ())]
        return any(
            _who_owes(wait.future) is self and not wait.future._has_outcome()
            for wait in waits
            if wait is not None
        )

    def require_thread(self) -> None:
        """Raise if it needs a thread of its pool, and there will be none.

        Raises:
            PoolExhaustedError: That is so.
        """
        if self.bound is not None and self._needs_a_thread_of(self.bound):
            self.require_hope()

    def require_hope(self) -> None:
        """Raise if all threads of its pool wait for actors that need one.

        Raises:
            PoolExhaustedError: That is so.
        """
        bound = self.bound
        if bound is None or not self._is_full(bound):
            return
        users = [each for each in self.scheduler.occupied[bound] if not each.is_lent]

        def is_lost(cell: Any) -> bool:
            return isinstance(cell, SimulatedCell) and cell._needs_a_thread_of(bound)

        if all(waits_only_for(each, is_lost) for each in users):
            raise bound.exhausted()

    def _needs_a_thread_of(self, bound: Any) -> bool:
        is_at_work = self in self.scheduler.occupied.get(bound, ())
        return self.bound is bound and not is_at_work and not self.may_go_on()

    def run(self) -> None:
        """Do a step."""
        scheduler = self.scheduler
        if scheduler.touched is not None:
            scheduler.touch(("life", self.name))
            if type(self.inbox.queue) is not SimpleQueue:
                scheduler.touch(("inbox", self.name))
        bound = self.bound
        if bound is not None:
            self.is_lent = self._is_full(bound)
            scheduler.occupied.setdefault(bound, []).append(self)
        state = current.state
        state.owes = None
        state.cell = self
        try:
            self._context.run(self._step)
        finally:
            state.cell = None
            self.is_asleep = True
            if bound is not None:
                scheduler.occupied[bound].remove(self)
        if self.has_system_messages or self.is_picky:
            self.wake()
        elif not self.inbox.queue.empty():  # pyright: ignore[reportUnknownMemberType]
            # This is wake(), to save three calls.
            self.is_asleep = False
            self.is_ready = True
            scheduler.ready.append(self)

    @runs_actor(cell="self")
    def _step(self) -> None:  # noqa: C901, PLR0912 (one function, because a call costs)
        try:
            if not self._has_begun:
                if not self.closed:
                    self._has_begun = True
                    if self.claim_life():
                        begin(self, self.actor)  # type: ignore[arg-type]
                return
            letter = NOTHING
            if self.has_system_messages:
                letter = next_system_message(self)
            if letter is NOTHING:
                queue = self.inbox.queue
                if queue.empty():
                    return
                letter = queue.get()
                if type(queue) is not SimpleQueue:
                    self.note_receipt_of(letter)
                elif self.received is None or self.scheduler.touched is not None:
                    self.note_receipt(self.tags.popleft())
                else:
                    self.received.append(self.tags.popleft())
            elif letter is ENDED:
                end_in_any_case(self)
                return
            elif letter is DOWN:
                return
            if self.seconds_each:
                self.scheduler.sleep(self.seconds_each)
            handle(self, letter)
        except BaseException as error:  # the user's inbox failed
            if self.scheduler.is_over:
                raise
            fall(self, error)

    def label(self) -> str:
        """Say what it is about to do."""
        if not self._has_begun:
            return f"{self.name} starts"
        if self.stopped:
            return f"{self.name} ends"
        extension = self.extension
        if extension is not None and (extension.system_queue or extension.replay_queue):
            return f"{self.name} goes on with what comes before its inbox"
        first = self._look_at_first()
        if first is None:
            return f"{self.name} looks for its next message"
        return f"{self.name} handles {self.scheduler.describe(first)}"

    def _look_at_first(self) -> Any:
        """The first letter in the inbox, if that can be seen; `None` if not."""
        queue: Any = self.inner_inbox()
        if type(queue) is not SimpleQueue or queue.qsize() > SEEN:  # pyright: ignore[reportUnknownMemberType]
            return None
        letters: list[Any] = []
        take_all(queue, letters)
        for letter in letters:
            queue.put(letter)  # pyright: ignore[reportUnknownMemberType]
        return letters[0] if letters else None


class SimulatedLoopInbox(LoopInbox):
    """An inbox of an actor in an event loop; each put is a moment at which others may come first.

    Args:
        queue: As for `LoopInbox`.
        cell: As for `LoopInbox`.
    """

    __slots__ = ()

    def put(self, envelope: Any) -> None:
        """Put an envelope in."""
        cell: Any = self._cell
        if cell.closed:  # perhaps its run is over, and there are no others
            super().put(envelope)
            return
        cell.scheduler.give_others_a_turn()
        super().put(envelope)
        cell.scheduler.tags[id(envelope)] = cell.scheduler.note_send(cell, envelope)


class SimulatedLoopCell(Simulated, AsyncioCell):
    """Inbox, marks and names of a simulated actor in an event loop.

    The actor runs in a task, as ever. What is different is the loop.

    Args:
        actor: As for `Cell`.
        services: As for `Cell`.
    """

    __slots__ = ("name", "received", "scheduler", "sent")

    def __init__(self, actor: Any, services: ActorSystem) -> None:
        self.scheduler = scheduler = _scheduler_here()
        its_class: Any = type(actor)  # pyright: ignore[reportUnknownVariableType]
        if its_class not in scheduler.plain:
            _require_plain(its_class, scheduler)
        super().__init__(actor, services)
        self.name = self.scheduler.enter_cell(self)
        self.received = None
        self.sent = 0
        self.inbox = SimulatedLoopInbox(self.inbox.queue, self)

    def use_inbox(self, inbox: Any) -> None:
        queue: Any = SimpleQueue() if inbox is None else inbox  # pyright: ignore[reportUnknownVariableType]
        self.inbox = SimulatedLoopInbox(queue, self)

    def begin(self) -> None:
        self.scheduler.give_others_a_turn()
        super().begin()

    def default_loop(self) -> Any:
        return self.scheduler.shared_loop()

    @property
    def handling(self) -> Any:
        """What the actor is handling right now."""
        return _handling.__get__(self)

    @handling.setter
    def handling(self, letter: Any) -> None:
        _handling.__set__(self, letter)
        if letter is not None and not self.scheduler.is_over:
            self.note_receipt_of(letter)
            self.scheduler.log(f"    {self.name} handles {self.scheduler.describe(letter)}")

    @property
    def held_up_by(self) -> Any:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride]
        """The actor that blocks the loop in which this one lives, if one does.

        The code of a loop is on a carrier, on which other strands may be running meanwhile. So it
        is the loop that knows.
        """
        holder = self.scheduler.holder_of(self.loop)
        if holder is None or holder is self:
            return None
        wait = holder.waiting
        return None if wait is None or isinstance(wait, Await) else holder


def _who_owes(future: Any) -> Any:
    """The actor that the answer comes from, also if the question was handed on."""
    promise = getattr(future, "_promise", None)
    while promise is not None and (source := promise.source) is not None:
        future = source
        promise = getattr(future, "_promise", None)
    return future._answered_by


_handling: Any = vars(Cell)["handling"]  # its slot


def _scheduler_here() -> Scheduler:
    world: Any = current.state.world
    scheduler: Scheduler = world.scheduler
    return scheduler


def _bound_of(actor: PooledActor, services: Any) -> Any:
    """The pool that an actor shares with others and that has a bound, if that is so."""
    pool = actor._pykka_pool if actor.dispatcher is not None else services.pool
    return pool if pool is not None and pool.is_bounded else None


def _require_plain(its_class: type[Any], scheduler: Scheduler) -> None:
    """Refuse an actor whose class says itself how its actors run.

    Raises:
        NotSimulatedError: It does.
    """
    for name, usual in USUAL.items():
        if getattr(its_class, name) not in usual:
            msg = (
                f"{its_class.__name__} cannot be simulated: it overrides {name}(), so it says "
                "itself how its actors run, which is what the simulator decides. Simulate a class "
                "without that"
            )
            raise NotSimulatedError(msg)
    scheduler.plain.add(its_class)
