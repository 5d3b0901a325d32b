"""The cell of an actor in an event loop: its inbox, its loop, its task.

Problem
    Any thread may send at any time, also on top of other code of its own (guarantee G4), and the
    actor is to be woken only if it sleeps: that takes a system call, and a message does not.

Who wakes whom
    A sender puts the message into the queue, and *then* looks at `sleeper`. The actor enters its
    `sleeper`, and *then* asks the queue for a message; only if there is none does it go to sleep.

    Invariant: when there is a message in the queue, the actor is awake, or has a sleeper that is
    woken or about to be, or the sender has not yet got to its look. Proof: the queue's lock orders
    the sender's `put` and the actor's last `get_nowait`. If that came first and found nothing,
    then the sleeper had been entered before, and the sender, who looks later, sees it.

    To wake a sleeper twice does no harm. So the mark `woken`, which spares all but the first of
    many senders the system call, is set *after* the call; and in doubt, for instance when a
    signal handler raised in the middle of a send, one wakes it once more (guarantee G11).

    A sleeper is used for one sleep only. If it were used again, a late `woken = True` of a slow
    sender would keep the actor from being woken the next time.

    `tests/guarantees/test_g3_nothing_vanishes.py` runs this code through every interleaving.
"""

from __future__ import annotations

import asyncio
import sys
from _thread import start_new_thread
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, ClassVar

from pykka._cell.inbox import put_without_waiting, take_all
from pykka._cell.metering import MeteredInbox
from pykka._deadlock.wait_graph import Await, place_of
from pykka._envelope import Envelope
from pykka._exceptions import DeadlockError, LoopClosedError
from pykka._futures.ask import Ask, CallAsk
from pykka._futures.awaiting import resume_soon
from pykka._lifecycle.termination import claim_and_end, close_cell
from pykka._util.imported import running_loop
from pykka.messages import _WakeUp
from pykka.runtimes._contract import RuntimeCell
from pykka.runtimes.asyncio.awaiter_runs import answer_in_task
from pykka.runtimes.asyncio.loop import loop_actors_of, loop_for, shared_loop
from pykka.runtimes.asyncio.run import run_in_task
from pykka.runtimes.asyncio.task import ActorTask
from pykka.timers._errands import call_elsewhere

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka._actor.actor import Actor
    from pykka._cell.cell import Cell, SystemServices
    from pykka._cell.inbox import ActorInbox
    from pykka._cell.metering import Meter
    from pykka._deadlock.wait_graph import WaitingState
    from pykka._envelope import Letter
    from pykka._futures.threading_future import ThreadingFuture
    from pykka.runtimes.asyncio.loop import LoopActors

_QUESTIONS = (Ask, CallAsk)

NOTHING = object()
"""What an empty inbox gives."""


class Sleeper:
    """The sleep of an actor that has nothing to do.

    Args:
        loop: The actor's event loop.
    """

    __slots__ = ("_loop", "is_due", "waiting", "woken")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.waiting = loop.create_future()
        self.woken = False
        self.is_due = False
        """Whether the loop's next turn begins with a look whether it is to be woken. Set and read
        on the loop's thread only."""

    def wake(self) -> None:
        """Have the actor go on, from any thread.

        Raises:
            RuntimeError: The loop is closed.
        """
        resume_soon(asyncio, self._loop, self._resume)
        self.woken = True

    def _resume(self) -> None:
        if not self.waiting.done():
            self.waiting.set_result(None)


class LoopInbox:
    """An inbox whose owner is woken when something comes in.

    Args:
        queue: What holds the envelopes: the library's `SimpleQueue`, or an inbox of the user's.
        cell: The owner's cell.
    """

    __slots__ = ("_cell", "is_ours", "queue", "sleeper")

    nothing = NOTHING

    def __init__(self, queue: ActorInbox, cell: AsyncioCell) -> None:
        self.queue = queue
        self.is_ours = type(queue) is SimpleQueue  # pyright: ignore[reportUnknownArgumentType]
        """Whether the queue's `get_nowait()` is the one to ask, also through a meter."""
        self.sleeper: Sleeper | None = None
        self._cell = cell

    def put(self, envelope: Any) -> None:
        """Put an envelope in, and wake the actor if it sleeps."""
        # twin: in doubt (1 statement)
        try:
            self.queue.put(envelope)
            sleeper = self.sleeper
            if sleeper is not None and not sleeper.woken:
                if type(envelope) in _QUESTIONS and self._cell.is_beside_a_task():
                    if not sleeper.is_due:
                        self._rouse_in_next_turn(sleeper)
                else:
                    self.rouse()
        except RecursionError:
            start_new_thread(self.rouse, ())  # the stack is full; another one is not
            raise
        except BaseException:
            self.rouse()  # a signal handler raised: in doubt, once too often
            raise

    def rouse(self) -> None:
        """Wake the actor, whether anything is in or not."""
        sleeper = self.sleeper
        if sleeper is None:
            return
        try:
            sleeper.wake()
        except RuntimeError:
            self._cell.require_closed_loop()

    def _rouse_in_next_turn(self, sleeper: Sleeper) -> None:
        """Put off to wake the actor: perhaps the sender is about to run it instead.

        See `pykka.runtimes.asyncio.awaiter_runs`. A sender on another thread still sees that the
        sleeper is not woken, and wakes it.
        """
        loop: Any = self._cell.loop
        loop.call_soon(self._rouse_if_needed, sleeper)
        loop.call_soon(self._rouse_if_needed, sleeper)  # a signal handler may strike in the other
        sleeper.is_due = True

    def _rouse_if_needed(self, sleeper: Sleeper) -> None:
        sleeper.is_due = False
        loop_actors: Any = self._cell.loop_actors
        loop_actors.turn_ends = None
        if self.sleeper is sleeper and (not self.queue.empty() or self._cell.has_urgent()):
            self.rouse()

    def get_nowait(self) -> Any:
        """Take the first envelope, or `NOTHING`; for the actor's task only."""
        queue: Any = self.queue
        if self.is_ours:
            try:
                return queue.get_nowait()
            except Empty:
                return NOTHING
        return NOTHING if queue.empty() else queue.get()

    def get_nowait_or_sleep(
        self, loop: asyncio.AbstractEventLoop, *, is_down: bool = False
    ) -> Any:
        """Do the same, and enter a sleeper if there is none; see the head of this file.

        For an actor that is down, it takes nothing.
        """
        self.sleeper = Sleeper(loop)
        item = NOTHING if is_down else self.get_nowait()
        if item is not NOTHING:
            self.sleeper = None
        return item

    def get(self) -> Any:
        """Take the first envelope; there is one."""
        return self.queue.get()

    def empty(self) -> bool:
        """Tell whether there is nothing in it."""
        return self.queue.empty()


class AsyncioCell(RuntimeCell):
    """Inbox, marks and names of an actor in an event loop.

    Args:
        actor: As for `Cell`.
        services: As for `Cell`.
    """

    can_be_run: ClassVar[bool] = True  # it never can; but see `run_until`
    awaits: ClassVar[bool] = True

    __slots__ = (
        "has_insisted",
        "is_cut_short",
        "is_driving",
        "is_interrupted",
        "loop",
        "loop_actors",
        "task",
        "unfinished",
    )

    inbox: Any

    def __init__(self, actor: Actor, services: SystemServices) -> None:
        super().__init__(actor, services)
        self.inbox = LoopInbox(self.inbox, self)
        self.loop: asyncio.AbstractEventLoop | None = None
        self.loop_actors: LoopActors | None = None
        self.task: ActorTask | None = None
        self.unfinished: Any = None
        """What the actor's code has returned to be awaited, and what is to be called then."""
        self.is_cut_short = False
        """Whether a kill has cancelled what the actor awaited. Only the loop's thread sets it."""
        self.has_insisted = False
        """Whether the end that a kill has brought about was cancelled; it took too long."""
        self.is_driving = False
        """Whether a coroutine of the actor's code is being awaited, right in the actor's task."""
        self.is_interrupted = False
        """Whether that was cancelled because the asker does not want its answer any more."""

    def begin(self) -> None:
        """Let the actor live, in the loop that is said, or the running one, or the shared one.

        Raises:
            RuntimeError: The loop is closed.
        """
        here = running_loop()
        loop = loop_for(self, here)
        if loop is None:
            loop = self.default_loop()
        self._move_in(loop)
        if loop is here:
            self._begin_here()
        else:
            self._call_in_loop(self._begin_here)
        if loop.is_closed():  # in this order: its closer looks for residents after that
            msg = (
                f"the event loop that {self} is to live in is closed: {loop!r}. Say another one, "
                "with options(loop=…), or stop the supervisor of the actor before the loop ends"
            )
            raise LoopClosedError(msg)

    def default_loop(self) -> asyncio.AbstractEventLoop:
        """The loop for an actor of which no loop is said, and that is started where none runs.

        Raises:
            RuntimeError: There can be none.
        """
        return shared_loop()

    @property
    def has_idle_loop(self) -> bool:
        """Whether its loop does not run, and may be waiting for the thread that asks."""
        loop, loop_actors = self.loop, self.loop_actors
        return not (
            loop is None or loop_actors is None or loop_actors.is_ours or loop.is_running()
        )

    def _move_in(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.loop_actors = loop_actors_of(loop)
        self.loop_actors.enter(self)

    def _begin_here(self) -> None:
        """Make the task. It is not left to the loop's task factory, which may start it at once."""
        if self.closed:
            return  # the start was interrupted
        loop: Any = self.loop
        self.task = ActorTask(
            run_in_task(self), loop=loop, name=f"pykka {self.actor_class.__name__}"
        )
        self.task.add_done_callback(self._task_is_done)

    def _call_in_loop(self, function: Callable[[], object]) -> None:
        """Call something on the thread of the loop, between two steps of the actor."""
        loop = self.loop
        if loop is None:
            return  # it has not begun to live
        try:
            loop.call_soon_threadsafe(function)
        except RuntimeError:
            self.require_closed_loop()

    def require_closed_loop(self) -> None:
        """Evict the actors of a loop that is closed; raise again what is raised just now if not.

        To be called with a `RuntimeError` that was raised by a loop. A `RecursionError` is one,
        too, and means nothing but that the caller's stack is full.
        """
        loop, loop_actors = self.loop, self.loop_actors
        if loop is None or not loop.is_closed():
            raise  # noqa: PLE0704 (there is one)
        if loop_actors is not None:
            call_elsewhere(loop_actors.terminate_without_hooks)  # this is the first to notice

    def _task_is_done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            task.exception()  # it is logged
        # A task that is cancelled before its first step never runs any code.
        claim_and_end(self)
        if self.actor is not None:  # a signal handler struck in the last steps of its life
            close_cell(self)

    def close(self) -> None:
        try:
            super().close()
        finally:
            if self.loop_actors is not None:
                self.loop_actors.leave(self)

    def take_over(
        self, coroutine: Any, end: Callable[[Cell, Any, BaseException | None], None]
    ) -> None:
        self.unfinished = (coroutine, end)

    def cancel(self) -> None:
        task = self.task
        if task is not None:
            self._call_in_loop(task.cancel_from_outside)

    def _kill(self) -> None:
        """Have the actor end now: what it awaits is cancelled.

        1. A handler or a start hook that awaits is cancelled, so its `finally` blocks and then
           `on_stop()` run. So is a last hook that was running already.
        2. What runs *because of* the kill is not cancelled by it. So it is done once, however
           often the actor is killed, and a `finally` block that awaits is not struck by the next
           kill. If that takes too long, see `insist`.
        3. One that has not begun yet begins, as in all runtimes, and is cancelled when its start
           hook first awaits.
        """
        super()._kill()
        self._call_in_loop(self._cut_short)

    def _cut_short(self) -> None:
        """Cancel what a killed actor awaits. On the thread of the loop, between two steps."""
        if self._claimed and not (self.ending and self.need_extension().killed):
            self._cancel_once()

    def cut_short_if_killed(self) -> None:
        """Do the same for an actor that was killed before it began, and is to await now."""
        if self.extension is not None and self.extension.killed and not self.ending:
            self._cancel_once()

    def _cancel_once(self) -> None:
        task = self.task
        if task is not None and self.actor is not None and not self.is_cut_short:
            self.is_cut_short = True
            task.cancel_from_outside()

    def interrupt(self, ask: object) -> None:
        self._call_in_loop(partial(self._interrupt, ask))

    def _interrupt(self, ask: object) -> None:
        """Cancel what the handler of a question awaits. On the thread of the loop.

        Between two steps of the actor, as it is now, a coroutine of its code is either being
        awaited (`is_driving`), or was begun by another task and is about to be (`unfinished`).
        What is cancelled strikes there, and nowhere else, for the task goes on there.
        """
        task = self.task
        if (
            self.handling is ask
            and not self.is_interrupted
            and not self.is_cut_short
            and task is not None
            and (self.is_driving or self.unfinished is not None)
        ):
            self.is_interrupted = task.interrupt()

    def insist(self) -> bool:
        extension, loop_actors = self.extension, self.loop_actors
        if self.has_insisted or extension is None or not (self.ending or extension.down):
            return False  # its handler has swallowed the cancellation
        if not extension.killed or loop_actors is None or loop_actors.is_blocked_by(self):
            return False
        self.has_insisted = True
        self.cancel()
        return True

    def is_beside_a_task(self) -> bool:
        """Tell whether the calling code is part of a task's step, in the actor's loop."""
        loop = self.loop
        return running_loop() is loop and asyncio.current_task(loop) is not None

    answer_in_task = answer_in_task  # pyright: ignore[reportAssignmentType]

    def run_until(self, future: ThreadingFuture[Any], state: WaitingState) -> bool:
        """Refuse to block the thread on which the actor lives.

        An actor whose handler does that is left to the wait-for graph, which can say more.
        """
        if self.lives_beneath(future, state):
            raise DeadlockError(self._describe_block())
        return False

    def lives_beneath(self, future: ThreadingFuture[Any], state: WaitingState) -> bool:
        return (
            state.cell is None
            and running_loop() is self.loop is not None
            and not future._has_outcome()  # its setter may not have told us yet
        )

    def _describe_block(self) -> str:
        place = place_of(sys._getframe(1))
        return (
            f"{self} lives in the event loop of this thread, so it cannot answer while the thread "
            f"waits for it:\n    {place}\n"
            "Use `await` in place of get(), and `await ref.ask(…, block=False)` in place of "
            "ask(…); or tell() or defer(), which do not wait."
        )

    @property
    def held_up_by(self) -> Cell | None:  # type: ignore[override]
        """The actor that blocks the thread of this one's loop, if there is one."""
        loop_actors = self.loop_actors
        state = None if loop_actors is None else loop_actors.state
        holder = None if state is None else state.cell
        if holder is None or holder is self:
            return None
        wait = holder.waiting
        return None if wait is None or isinstance(wait, Await) else holder

    def wake_up(self) -> None:
        if self.extension is not None and self.extension.down:
            self.inbox.rouse()  # its inbox is not looked at
        else:
            self.put_without_waiting(Envelope(_WakeUp()))

    def put_without_waiting(self, letter: Letter) -> bool:
        inbox = self.inbox
        try:
            full = getattr(self.inner_inbox(), "full", None)
            return put_without_waiting(inbox.queue, full, letter)
        finally:
            inbox.rouse()

    def has_urgent(self) -> bool:
        """Tell whether there is something before the inbox; see `next_system_message`."""
        extension = self.extension
        if extension is None:
            return self.stopped
        extension.need_lanes()
        extension.system_queue.extend(
            ()
        )  # it synchronises with a thread that appends at the same time
        return self.stopped or bool(
            extension.system_queue or (extension.replay_queue and not extension.down)
        )

    def use_inbox(self, inbox: Any) -> None:
        queue: SimpleQueue[Any] | Any = SimpleQueue() if inbox is None else inbox
        self.inbox = LoopInbox(queue, self)

    def put_in_front(self, meter: Meter) -> None:
        self.inbox.queue = MeteredInbox(self.inbox.queue, meter)

    def inner_inbox(self) -> Any:
        queue = self.inbox.queue
        return queue.inner if type(queue) is MeteredInbox else queue

    def take_all(self, into: list[Any]) -> None:
        take_all(self.inbox.queue, into)
