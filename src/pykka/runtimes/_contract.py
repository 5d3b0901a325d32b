"""What a runtime supplies, and what it gets: all there is between the two, in one file.

A runtime decides *when and where* an actor's code runs: on a thread of its own, on one of a pool,
in an event loop. It decides nothing else. What a message means, what becomes of an answer, what
the end of an actor brings about, is the same for all of them, and stands in `pykka._lifecycle`.

What a runtime supplies
    1. An actor class, for users to derive theirs from: see `RuntimeActor`.
    2. A cell class: see `RuntimeCell`. A cell is what outlives the actor object: its inbox, its
       marks, its names. Its members are the doors by which everybody else asks the runtime for
       something. Each has a default, which is right for a runtime that calls `run_loop()` on a
       thread of the actor's own, and has it wait in `inbox.get()`.
    3. Code that runs actors. It is either `run_loop()`, or a loop of the runtime's own, which is,
       as a `step()` of the actor:

            if not cell.claim_life():
                return
            begin(cell, cell.actor)
            for as long as the actor lives:
                if cell.has_system_messages:
                    letter = next_system_message(cell)  # a letter, NOTHING, DOWN or ENDED
                    ENDED: leave the loop
                    DOWN: wait until `wake_up()` is called, and look again
                    NOTHING: there is only the inbox
                take a letter out of the inbox, if there is none yet
                handle(cell, letter)
            if anything is raised here, which the inbox has done: fall(cell, error)
            if the actor has ended: end_in_any_case(cell)

What a runtime gets
    To run actors: `run_loop`, `begin`, `next_system_message`, `handle`, `fall`,
    `end_in_any_case`, `step`. None of them lets an exception of the actor's out. What they do
    with an actor they do through its cell, so that the runtime is asked wherever it matters.

    To make parts of: `new_threading_future`, `take_all`, `MeteredInbox`.

    To be known: `belongs_to_a_runtime`, called with the names of a runtime's modules, if they are
    not part of this package. Their lines are then not taken for those of the user.

Who is who
    The *runner* is the thread that runs the actor's code right now. A *sender* is any thread, on
    top of any other code of its own: a finaliser, a signal handler, a callback of a future may
    send at any time, also on top of the runner's own code. The *closer* is who ends the actor; it
    is the runner, but for an actor that is abandoned, or never began. A *waiter* waits for an
    answer, or for the end.

The marks of a cell, which are written by the library and read by the runtime
    has_system_messages
        There is something to be seen to before the next message: the runner calls
        `next_system_message()` before it takes anything out of the inbox. The setter calls
    `wake_up()` *afterwards*. stopped
        No message comes in any more; `next_system_message()` answers `ENDED`. Never unset, but by
        a program that plays with `actor_stopped`.
    closed
        Whatever is in the inbox is taken out by its sender, and answered or reported.
    actor
        The object whose code runs; another one after a restart, `None` when all is over. So a
        runner reads it anew for each step.

Invariants that every runtime keeps
    G1. One runner at a time. Between two of them, everything the one wrote can be read by the
        other.
    G3. When there is a letter in the inbox, or `has_system_messages` is set, of an actor that has
        begun, a runner looks, or is going to; or the sender has not yet got to its
        `put()` or `wake_up()`. So a runner that goes to sleep says so first, and looks *then*.
    G4. A send blocks on no lock that the code below could hold. It calls nothing of the user's,
        but an inbox that the user's class has brought.
    G11. On the main thread, a signal handler may raise between any two steps. In doubt a runner
        is woken once too often.

A test compares this class with the cells of all runtimes: whatever one of them overrides is
declared here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

from pykka._cell.cell import DOWN, ENDED, NOTHING, Cell
from pykka._cell.inbox import take_all
from pykka._cell.metering import MeteredInbox
from pykka._deadlock.stacks import runs_actor
from pykka._deadlock.wait_graph import belongs_to_a_runtime
from pykka._futures.threading_future import new_threading_future
from pykka._lifecycle.invoke import begin, handle, next_system_message, run_loop
from pykka._lifecycle.termination import end_in_any_case, fall
from pykka._util.thread_state import current

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka._cell.inbox import ActorInbox
    from pykka._cell.metering import Meter
    from pykka._cell.spawn_options import SpawnOptions
    from pykka._deadlock.wait_graph import WaitingState
    from pykka._envelope import Letter
    from pykka._futures.future import Future
    from pykka._futures.threading_future import ThreadingFuture

__all__ = [
    "DOWN",
    "ENDED",
    "NOTHING",
    "MeteredInbox",
    "RuntimeActor",
    "RuntimeCell",
    "begin",
    "belongs_to_a_runtime",
    "end_in_any_case",
    "fall",
    "handle",
    "new_threading_future",
    "next_system_message",
    "run_loop",
    "step",
    "take_all",
]

F = TypeVar("F", bound="Callable[..., Any]")
R = TypeVar("R")


def by_default(declared: F) -> F:
    """Declare a method that a runtime may override.

    Args:
        declared: What it is called and takes, and what its docstring promises.

    Returns:
        What there is if it is not overridden: the very function that `Cell` has, so that the
        declaration costs nothing when it is called.
    """
    inherited: F = vars(Cell)[declared.__name__]
    return inherited


class RuntimeActor(Protocol):
    """What the actor class of a runtime supplies; it derives from `pykka.Actor`.

    It has no other public name than those of `Actor` and what users may say to the runtime.
    """

    _pykka_cell_class: ClassVar[type[Cell]]
    """The runtime's cell class. The cell is made by `Actor.__init__()`, on the starter's thread,
    with the actor and its system. All memory that the runtime needs for each actor is there."""

    @staticmethod
    def _create_actor_inbox() -> ActorInbox:
        """Make what the letters wait in: the library's own `queue.SimpleQueue`.

        Called by the cell's `__init__()`. A user's class may override it, so the runtime makes do
        with `put()`, `get()` and `empty()`, each of which may raise anything.
        """
        ...

    @staticmethod
    def _create_future() -> Future[Any]:
        """Make the future of an answer: `new_threading_future`, for all runtimes so far.

        A user's class may override it. Called by an asker, for each ask whose class has one of its
        own; for all others, the library takes a shorter way.
        """
        ...

    def _start_actor_loop(self) -> None:
        """Let the actor run_loop: see to it that its code is run from now on, elsewhere.

        Called once for each actor, by the starter, when it has been made and registered; senders
        may know it already. What it raises, the starter gets; then the library asks
        `claim_life()`, and if the life is still to be had, closes the cell. It does not run
        any of the actor's code itself.
        """


class RuntimeCell(Cell):
    """The cell of an actor, as a runtime derives it: each member that it may override.

    Args:
        actor: The actor whose code is to be run.
        services: The system that it belongs to.
    """

    __slots__ = ()

    # --- what kind of runtime it is -------------------------------------------------------------

    ref_class: ClassVar[type | None] = None
    """The class of the actors' refs; by default `None`, for `ActorRef` itself. A runtime whose
    inbox is not filled by `inbox.put()` alone brings its own, with ways in of its own."""

    awaits: ClassVar[bool] = False
    """Whether what takes time at the actor's end (waiting for its children) is a coroutine, given
    to `take_over()`; because the runner may not block. By default, the runner blocks."""

    can_be_run: ClassVar[bool] = False
    """Whether a waiter calls `run_until()` before it blocks. By default it does not."""

    may_answer_late: bool = False
    """Whether a waiter calls `run_until()` although it has a time limit, which that may overrun.
    By default it does not. Read by waiters, if `can_be_run`."""

    task: Any = None
    """The asyncio task that is the actor, while it has one; by default it never has. Read by the
    wait-for graph, on any thread: what another task awaits does not hold the actor up."""

    held_up_by: Cell | None = None
    """The actor that blocks the thread that this one needs, right now; by default none ever. Read
    by the wait-for graph and by awaiting code, on any thread, without a lock: it may be different
    a moment later, and is read once more before it counts. It raises nothing."""

    # --- the start ------------------------------------------------------------------------------

    @by_default
    def adopt(self, spawn_options: SpawnOptions | None) -> None:
        """Take over what `options()` said, before the actor's `__init__()` goes on.

        Called on the starter's thread, by `Actor.__init__()`; not at all if nothing was said. An
        override calls this one as well. It may raise `TypeError` or `ValueError` about what was
        said; then there is no actor.
        """

    @by_default
    def use_inbox(self, inbox: Any) -> None:
        """Put another inbox in the place of the one that `__init__()` has made.

        Called by `adopt()` with an inbox of `pykka.inboxes`, or `None` for the library's own.
        """

    @by_default
    def take_child(self, child: Cell, shutdown: float | None) -> None:
        """Take note that an actor ends with this one.

        Called on the thread of the starter of the child, which is the runner, or a task of the
        actor's. An override calls this one as well; it is for short cuts that are not to be taken
        with a parent.
        """

    @by_default
    def claim_life(self) -> bool:
        """Take it on to run the actor, or to see that it never runs.

        Called by the runtime before it runs any of the actor's code, and by a starter that gives
        up a start that has failed. True for exactly one of them, who ends the life as well.
        """
        raise NotImplementedError

    # --- the inbox ------------------------------------------------------------------------------
    # `inbox` is an attribute. `ActorRef.tell()` and `ask()` call `inbox.put(letter)` and look at
    # `closed` then, without any call to the cell. So a runtime whose runner does not wait in
    # `inbox.get()` puts an object there whose `put()` wakes it.

    @by_default
    def send(self, envelope: Letter) -> None:
        """Put a letter into the inbox, then look at `closed`, and if so `drain_to_dead_letters()`.

        Called by senders. `tell()` and `ask()` have copies of these two steps. It raises what a
        bound of the inbox, or an inbox of the user's, raises; then the letter is not in.
        """

    @by_default
    def send_and_run(self, ask: Letter) -> None:
        """Send a question whose sender is about to wait for the answer, without a limit.

        Called by an asker, in place of `send()`, where nothing of the inbox is the user's. A
        runtime that lends itself to the asker's thread answers the question here. By default it is
        `send()`.
        """

    @by_default
    def put_without_waiting(self, letter: Letter) -> bool:
        """Put a letter in, have the actor notice, and never wait for room.

        Called by senders: for a wake-up, and for what no bound applies to. False if there is no
        room. It raises what an inbox of the user's raises.
        """
        raise NotImplementedError

    @by_default
    def wake_up(self) -> None:
        """Have the runner look at `has_system_messages`, although the inbox may be empty.

        Called by any thread, after a mark was set or a signal was added; also before the actor has
        begun, and after it has ended, when it does nothing. It raises nothing of the user's. An
        actor that is down looks as well: its next instance, or its end, is a signal. By default
        a message that means nothing is put in, and into the bell of a supervised actor.
        """

    @by_default
    def take(self, block: bool, timeout: float | None) -> Any:  # noqa: FBT001 (queue.Queue's signature)
        """Take the first letter away from the actor: `actor_inbox.get()`.

        Called by programs, on any thread, seldom. It raises `queue.Empty`.
        """
        raise NotImplementedError

    @by_default
    def take_all(self, into: list[Any]) -> None:
        """Move all letters to the end of a list, in order.

        Called by the closer, and by a sender that finds the cell closed; by several at a time.
        Whatever was put in before the call is moved by one of them, and by one only. By default
        it wakes the runner of an abandoned actor anew, which may wait for what was moved.
        """

    @by_default
    def count(self) -> int:
        """Tell how many letters wait, as far as that is known. Called on any thread."""
        raise NotImplementedError

    @by_default
    def put_in_front(self, meter: Meter) -> None:
        """Have a meter count what goes in and comes out, from now on.

        Called by the runner, between two messages, once. A sender may have `inbox` at hand: what
        it puts in there has to come out behind the meter all the same. `has_system_messages` is
        set afterwards, so that a loop that has `inbox.get` at hand fetches it anew.
        """

    @by_default
    def note_handling(self) -> None:
        """Be told that what the actor handles is noted from now on, or no more.

        Called by the runner, between two messages, when `extension.tracing` was set or unset. An
        actor that is traced gets each of its messages through `handle()`, or the like: something
        sets `handling` where the turn cannot get lost if that raises. By default nothing changes.
        """

    @by_default
    def inner_inbox(self) -> Any:
        """What the letters lie in, behind a meter and whatever else the runtime has put before.

        Called on any thread. It is what `_create_actor_inbox()` has made, or `use_inbox()` got.
        """
        raise NotImplementedError

    @by_default
    def users_inbox(self) -> Any:
        """What the user's class has brought as an inbox; `None` if there is only the library's.

        Called on any thread. By default it is the inner inbox, unless that is a `SimpleQueue`.
        """
        raise NotImplementedError

    # --- running --------------------------------------------------------------------------------

    @by_default
    def take_over(
        self, coroutine: Any, end: Callable[[Cell, Any, BaseException | None], None]
    ) -> None:
        """See to a coroutine that the actor's code has returned.

        Called by the runner, as the last thing of a step. The runtime awaits the coroutine, and
        then calls `end(cell, value, error)` as a step of the actor; before that, it handles no
        other letter. By default nothing is awaited: it closes the coroutine and raises
        `TypeError`, which the sender gets.
        """

    @by_default
    def note_bare_promise(self) -> None:
        """Note that the message that is handled, which lies in no envelope, is answered later.

        Called by the runner, in a handler. A runtime that hands bare messages to the actor, whose
        askers wait for what the handler returns, looks at `handling` then: there is a question
        now, and its future. By default there are none.
        """

    handled_reply_to = Cell.handled_reply_to  # pyright: ignore[reportIncompatibleMethodOverride]
    """The future of who asked for what is handled right now, from the mark `handling`. Read on any
    thread. A runtime whose inbox holds bare messages tells them from letters here."""

    # --- waiting --------------------------------------------------------------------------------

    @by_default
    def run_until(self, future: ThreadingFuture[Any], state: WaitingState) -> bool:
        """Run the actor on the waiter's thread until a future is resolved.

        Called by a waiter without a time limit, on its own thread, right before it blocks; only
        if `can_be_run`. True if the future is resolved; False leaves the waiter to block. It may
        raise `DeadlockError` if to block would be one. The waiter's own actor, if it has one, is
        blocked meanwhile.
        """
        raise NotImplementedError

    @by_default
    def answer_in_task(self, future: ThreadingFuture[Any]) -> bool:
        """Handle a question in the step of the task that awaits the answer, if that may be.

        Called by a task that awaits a future of the actor's, on its own thread, right before it
        suspends; only if `awaits`. True if the event loop is due for a turn, which the task then
        leaves it, whether the future is resolved or not. If it is not, the task suspends.
        """
        raise NotImplementedError

    @by_default
    def lives_beneath(self, future: ThreadingFuture[Any], state: WaitingState) -> bool:
        """Tell whether the actor cannot resolve a future while this thread waits for it.

        Called by a waiter for several futures, before it blocks. If so, `run_until()` is called,
        to raise. By default it never is so. It raises nothing.
        """
        raise NotImplementedError

    @by_default
    def require_thread(self) -> None:
        """Raise if the actor can get no thread, and nothing will change that.

        Called by a waiter without a time limit, right before it blocks. It raises
        `PoolExhaustedError`, or an error of the runtime's own. By default there is always hope.
        """

    # --- the end --------------------------------------------------------------------------------

    @by_default
    def cancel(self) -> None:
        """Interrupt what the actor awaits, and have it stop.

        Called by a closer that does not want to wait for what it awaits; on any
        thread. By default nothing can be interrupted, so it does nothing.
        """

    @by_default
    def interrupt(self, ask: object) -> None:
        """Interrupt what the handler of a question awaits, so that the actor goes on.

        Called by a canceller, on any thread, who has seen the actor at that question, and has
        answered it; only if `awaits`. The actor may be at something else by now, or be at code
        that awaits nothing: then there is nothing to be done. By default it does nothing.
        """

    @by_default
    def _kill(self) -> None:
        """Have the actor end after the current message.

        Called by `kill()`, on any thread; twice if a signal handler has raised, so it may be done
        again. An override calls this one *first*, which sets the marks and wakes the runner, and
        then interrupts what the actor awaits.
        """

    @by_default
    def insist(self) -> bool:
        """Interrupt the end of a killed actor that takes too long.

        Called on a clock's thread, so it does not wait, when the actor has had its time. True if
        there was something to be interrupted, and then the actor gets some more time. True once
        at most for each actor. By default False: it is abandoned.
        """
        raise NotImplementedError

    @by_default
    def close(self) -> None:
        """End the cell: answer or report what is left, and then those who wait for the end.

        Called by the closer, when the last hook has run; perhaps twice, and perhaps on another
        thread while the actor's code still runs, if it is abandoned. An override calls this one as
        well, and does its own part in a `finally`. It may raise what a subscriber has raised.
        """

    @by_default
    def _reject(self, letter: Any) -> None:
        """Answer or report one letter that will never be handled.

        Called for each that `take_all()` has moved. A runtime whose inbox holds bare messages
        makes them letters here, and calls this one.
        """


@runs_actor(cell="cell")
def step(cell: RuntimeCell, function: Callable[..., R], *args: object) -> R:
    """Call something as a step of an actor: what it does there, the actor does.

    Whatever runs code of an actor's is called like this, for that is how the library knows on
    whose behalf a thread waits, starts actors, or hangs. It may be called on top of a step of
    another actor, which goes on afterwards.

    Args:
        cell: The actor.
        function: What is to be called.
        *args: What it takes.

    Returns:
        What it returns.
    """
    state = current.state
    # twin: step (3 statements)
    outer = state.cell
    state.cell = cell
    try:
        return function(*args)
    finally:
        state.cell = outer
