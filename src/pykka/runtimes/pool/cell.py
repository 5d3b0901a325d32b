"""The cell of a pooled actor: its inbox, and whose turn it is to run it.

Problem
    Any thread may send to the actor, any worker may run it, and so may a thread that waits for it.
    One thread at a time may do so (guarantee G1), no message may be left lying in the inbox with
    no thread about to look (G3), and no lock of ours is on the way of a message. An idle actor is
    to cost next to nothing.

Three things say how it stands with the actor:

inbox
    A list, made when it is first needed. Senders append. The thread that runs the actor takes from
    the front; if much has come in, all of it at once, into the `backlog` (which is kept back to
    front, so that taking from it is cheap).
turn
    A list that holds one token if no thread runs the actor. `del run_token[0]` takes the turn, or
    raises `IndexError` if another thread has it. It is one indivisible step, with and without the
    GIL, and one instruction of the interpreter, after which no signal handler can strike before
    the next: see `pykka._util.locks`. `run_token.append(True)` gives the turn back. A lock would
    be twice as slow, and larger. An actor that is not started, or has ended, has no token: no
    thread can run it.
queued
    Whether a *hint* lies in some run queue. A hint promises that a worker will look: the one that
    takes it out sets `queued` to False and *then* tries to take the turn.

Invariant: when there is a message in the inbox of a started actor, then there is a hint in a run
queue, or a thread has the turn, and will look into the inbox after it has given it back; or
the sender has not yet got to its look.

Proof. A sender appends, and then looks at `queued` and at `run_token`. If it finds the turn free
and no hint, it puts a hint into a queue. If it sees a hint, then the worker that takes that has
still to try for the turn. If that fails, or if the sender has seen the turn taken, then the one
who has it gives it back later than that, and looks into the inbox later still. "Later" is the
order that the lists themselves make: both the sender's append and that look are operations that
the list's own lock puts in an order, and if the look came first, then the sender sees the turn
free (see `FENCE`). `tests/pool/test_turns.py` runs this code through every interleaving.

Hints are no more than that. The worker that takes one may find the turn taken or the inbox empty,
and goes on. So in doubt, for instance when a signal handler raised in the middle of a send, one
puts a second one into the queue (guarantee G11).
"""

from __future__ import annotations

import queue
from _thread import start_new_thread
from contextlib import suppress
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, ClassVar

from pykka._cell import cell as _cell
from pykka._cell.inbox import count, move, move_turned, put_without_waiting, take_all
from pykka._cell.metering import MeteredInbox, MeteredList
from pykka._cell.spawn_options import current
from pykka._deadlock.wait_graph import ANYTHING
from pykka._deadlock.wait_graph import block as block_for
from pykka._envelope import Envelope
from pykka._futures.ask import LETTERS, Ask, is_letter, reply_to_of
from pykka._futures.threading_future import new_threading_future
from pykka._util.gil import FENCE
from pykka._util.log import is_for_the_program
from pykka.runtimes._contract import RuntimeCell
from pykka.runtimes.pool.caller_runs import DESPITE_TIMEOUT, run_until
from pykka.runtimes.pool.ref import PooledRef

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context

    from pykka._actor.actor import Actor
    from pykka._cell.cell import Cell, SystemServices
    from pykka._cell.inbox import ActorInbox
    from pykka._cell.metering import Meter
    from pykka._cell.spawn_options import SpawnOptions
    from pykka._deadlock.wait_graph import Wait, WaitingCell
    from pykka._envelope import Letter
    from pykka._system.system import ActorSystem
    from pykka.inboxes._bounded import PolicyInbox
    from pykka.runtimes.pool.worker import Pool

_EMPTY: list[Any] = []
_LOOK_EVERY = 0.001

_NEVER_BARE = LETTERS | {type(None)}


class PooledCell(RuntimeCell):
    """Inbox, marks and names of an actor in a pool.

    Args:
        actor: As for `Cell`.
        services: As for `Cell`.
    """

    can_be_run: ClassVar[bool] = True
    ref_class: ClassVar[type | None] = PooledRef

    __slots__ = (
        "allows_caller_runs",
        "backlog",
        "context",
        "direct_call_ok",
        "fast_loop_ok",
        "pool",
        "queued",
        "run_token",
    )

    inbox: Any
    waiting: Wait | WaitingCell | None

    # In the place of the mark that cells of other runtimes have instead; see `claim_life`.
    if TYPE_CHECKING:

        @property
        def begun(self) -> bool | None:
            """Whether the start hook has run, or is running; `None` if it is not started."""

        @begun.setter
        def begun(self, begun: bool | None) -> None: ...

    else:
        begun = _cell.Cell._claimed

    def __init__(self, actor: Actor, services: ActorSystem) -> None:
        # This is Cell.__init__() and more, in one piece: there may be a million of them.
        # twin: new cell (9 statements)
        make_inbox = actor._create_actor_inbox
        create_future = actor._create_future
        self.actor = actor
        self.actor_class = type(actor)
        self.services: SystemServices = services
        self.sundries = (
            None if create_future is new_threading_future else _cell.Sundries(create_future)
        )
        self.inbox = first_inbox() if make_inbox is new_inbox else as_list(make_inbox())
        self.stopped = self.closed = self.has_system_messages = self.ending = self._claimed = False
        self.handling = self.waiting = self.termination_waiters = self.extension = None
        of: Any = actor
        try:
            has_own_pool = of.dispatcher is not None
        except Exception:
            has_own_pool = True
        self.pool: Pool = of._pykka_pool if has_own_pool else services.pool or services.need_pool()
        self.backlog: list[Any] | None = None
        self.begun = None
        self.context: Context | None = None
        """The context of the actor's code, once the actor has set a variable in it."""
        self.allows_caller_runs: bool | str = False
        """Whether any thread that waits for the actor may run it; `DESPITE_TIMEOUT` if also one
        that waits with a timeout."""
        self.fast_loop_ok = False
        """Whether the actor has begun, in no context of its own, with an inbox of ours."""
        self.direct_call_ok = False
        """Whether a caller may run the actor without more ado; see `pykka.runtimes.pool.ref`."""
        self.queued = False
        self.run_token: list[bool] = []

    def begin(self, *, has_begun: bool, caller_runs: object) -> None:
        """Let the actor live: from now on it can be run.

        Args:
            has_begun: There is no start hook to run.
            caller_runs: Whether any thread that waits for the actor may run it, if its pool
                allows that; `DESPITE_TIMEOUT` if also one that waits with a timeout.
        """
        pool = self.pool
        caller_runs = pool.caller_runs and not pool.is_bounded and caller_runs
        self.allows_caller_runs = (
            DESPITE_TIMEOUT if _is_despite_timeout(caller_runs) else bool(caller_runs)
        )
        if has_begun:
            inbox = self.inbox
            self.fast_loop_ok = inbox is None or type(inbox) is list
            self.direct_call_ok = (
                self.fast_loop_ok
                and self.allows_caller_runs is not False
                and ((sundries := self.sundries) is None or sundries.create_future is None)
                and not self.has_children
            )
        # No signal handler can strike between these two.
        self.begun = has_begun
        self.run_token.append(True)
        if self.inbox or self.has_system_messages or not has_begun:
            self.schedule()

    def settle(self) -> None:
        """Note, after the start hook, which short cuts may be taken with the actor."""
        inbox: Any = self.inbox
        self.fast_loop_ok = (inbox is None or type(inbox) is list) and self.context is None
        self.direct_call_ok = (
            self.fast_loop_ok
            and self.allows_caller_runs is not False
            and ((sundries := self.sundries) is None or sundries.create_future is None)
            and self.actor_class.stash_capacity is None
            and not self.has_children
            and (self.extension is None or self.extension.tracing is None)
        )

    def note_handling(self) -> None:
        self.settle()

    def keep_context(self, context: Context) -> bool:
        """Keep a context in which the actor has set a variable; False if it has one, or has ended.

        By the one who has the turn. Most do it themselves, to save the call.
        """
        if self.closed or self.context is not None:
            return False
        # twin: keep context (2 statements)
        self.context = context
        self.fast_loop_ok = self.direct_call_ok = False
        return True

    def keeps_turn(self) -> bool:
        """Tell whether the one who has the turn is not to give it back.

        It stays with an actor that is closed, or down: then no thread may run it until its
        supervisor has decided. The token in `parked` stands for the turn. The thread that wakes
        the actor up takes that token, and gives the turn back in the place of the one who ran it.

        Invariant: if there is a signal for an actor that is parked, a thread gives the turn back.
        The parking thread appends the token and *then* looks for signals; the signalling one
        appends the signal and *then* tries to take the token. So one of the two sees the other;
        and only one of them gets the token.
        """
        if self.closed:
            return True
        extension = self.extension
        if extension is None or not extension.down:
            return False
        extension.parked.append(True)
        if not (extension.system_queue or self.stopped):
            return True
        try:
            del extension.parked[0]
        except IndexError:
            return True
        return False

    def need_inbox(self) -> Any:
        """The inbox; made now if it has not been needed so far."""
        inbox: Any = self.inbox
        if inbox is None:
            fresh: list[Any] = []
            # twin: first look (1 statement)
            for release in _cell._looking:
                if self.inbox is None:
                    self.inbox = fresh
                inbox = self.inbox
                release()
                break
        return inbox

    def send(self, envelope: Letter) -> None:
        # twin: in doubt (1 statement)
        # twin: pooled send (1 statement)
        try:
            self.need_inbox().append(envelope)
            # `PooledRef` holds a copy of these steps, to save the call.
            if not self.queued:
                if self.run_token:
                    self.schedule()
                elif self.closed:
                    self.drain_to_dead_letters()
        except RecursionError:
            start_new_thread(self.schedule, ())  # this stack is full; another one is not
            raise
        except BaseException:
            self.schedule()  # a signal handler raised: in doubt, a hint too many
            raise

    def send_and_run(self, ask: Any) -> None:
        """Send a question of an asker that will wait for the answer right away, without a limit.

        If this thread can see to the answer itself, no worker is woken.
        """
        # twin: in doubt (1 statement)
        # twin: pooled send (1 statement)
        try:
            self.need_inbox().append(ask)
            if type(ask) is Ask and self.run_until(ask, current.state):
                return
            if not self.queued:
                if self.run_token:
                    self.schedule()
                elif self.closed:
                    self.drain_to_dead_letters()
        except RecursionError:
            start_new_thread(self.schedule, ())  # this stack is full; another one is not
            raise
        except BaseException:
            self.schedule()
            raise
        finally:
            del ask  # as in run_until()

    def schedule(self) -> None:
        """Put a hint into a run queue: this thread's own, if it is one of the pool's workers."""
        # twin: schedule (2 statements)
        state = current.state
        if state.accepts is self.pool:
            # No signal handler can strike between these two.
            self.queued = True
            state.push(self)  # type: ignore[misc]
        else:
            self.pool.inject(self)

    def refill(self) -> list[Any]:
        """Take over everything that is in the inbox; returns it back to front.

        Only for the one who has the turn, and while the backlog is empty.

        Invariant: who counts what waits, first in the inbox and then in the backlog, as `count`
        does, misses nothing. So what is taken is in the backlog before it leaves the inbox; and no
        signal handler can strike between these two, so it is not in both for good.
        """
        inbox = self.inbox
        # twin: take whole (5 statements)
        size = len(inbox)
        back: list[Any] = inbox[:size]
        back.reverse()
        self.backlog = back
        del inbox[:size]
        return back

    def require_thread(self) -> None:
        pool = self.pool
        if pool.blocked_for_ever >= pool.most and self.run_token and pool.is_hopeless():
            raise pool.exhausted()

    @property
    def may_answer_late(self) -> bool:  # type: ignore[override] # pyright: ignore[reportIncompatibleVariableOverride]
        return self.allows_caller_runs is DESPITE_TIMEOUT

    run_until = run_until  # pyright: ignore[reportAssignmentType]

    def claim_life(self) -> bool:
        if self.begun is None:
            return True
        try:
            del self.run_token[0]
        except IndexError:
            return False
        return True

    def wake_up(self) -> None:
        if self.begun is None:
            return
        extension = self.extension
        if extension is not None:
            try:
                # No signal handler can strike between these two.
                del extension.parked[0]
                self.run_token.append(True)
            except IndexError:
                pass
        self.schedule()

    def note_bare_promise(self) -> None:
        self.direct_call_ok = False

    def take_child(self, child: Cell, shutdown: float | None) -> None:
        super().take_child(child, shutdown)
        self.direct_call_ok = False

    def adopt(self, spawn_options: SpawnOptions | None) -> None:
        super().adopt(spawn_options)
        if spawn_options is not None and spawn_options.dispatcher is not None:
            self.pool = spawn_options.dispatcher._pool

    def use_inbox(self, inbox: Any) -> None:
        self.inbox = first_inbox() if inbox is None else PolicyList(inbox)

    def put_in_front(self, meter: Meter) -> None:
        self.fast_loop_ok = self.direct_call_ok = False
        inbox: Any = self.need_inbox()
        if type(inbox) is list:
            # In this order: see `count`, and `refill`.
            self.inbox = MeteredList(inbox, meter, self.backlog or [])
            self.backlog = None
        else:
            self.inbox = ForeignInbox(MeteredInbox(inbox.theirs, meter))

    def inner_inbox(self) -> Any:
        theirs = self.inbox.theirs
        return theirs.inner if type(theirs) is MeteredInbox else theirs

    def put_without_waiting(self, letter: Letter) -> bool:
        try:
            full = getattr(self.inner_inbox(), "full", None)
            return put_without_waiting(self.inbox.theirs, full, letter)
        finally:
            self.schedule()

    def users_inbox(self) -> Any:
        inbox: Any = self.inbox
        if inbox is None or type(inbox) is list or type(inbox) is MeteredList:
            return None
        return self.inner_inbox()

    def count(self) -> int:
        # Messages go from the inbox to the backlog, and from there, once, into the `MeteredList`
        # that takes the place of the inbox. So they are counted in this order, and anew if that
        # has happened meanwhile. One that moves may be counted twice, but none is missed.
        inbox: Any = self.inbox
        while True:
            waiting = 0
            if inbox is not None:
                waiting = len(inbox) if type(inbox) is list else inbox.qsize()  # pyright: ignore[reportUnknownArgumentType]
            waiting += len(self.backlog or ())
            now: Any = self.inbox
            if now is inbox:
                return waiting
            inbox = now

    def take(self, block: bool, timeout: float | None) -> Any:  # noqa: FBT001 (queue.Queue's signature)
        deadline = None if timeout is None else monotonic() + timeout
        while True:
            with suppress(IndexError):
                return self._take_if_mine()
            if not block or (deadline is not None and monotonic() >= deadline):
                raise queue.Empty
            # A thread that waits for the messages of another's actor is not worth a protocol.
            block_for(ANYTHING, _nap, current.state, None if deadline is None else _LOOK_EVERY)

    def _take_if_mine(self) -> Any:
        """Take the first envelope, if the turn is free; IndexError if there is none."""
        if self.begun is None or current.state.cell is self:
            return self._take_first()
        del self.run_token[0]
        try:
            return self._take_first()
        finally:
            # twin: give turn back in doubt (2 statements)
            self.run_token.append(True)
            self.schedule()  # perhaps for nothing

    def _take_first(self) -> Any:
        inbox: Any = self.inbox or _EMPTY
        item: Any = self.backlog.pop() if self.backlog else inbox.pop(0)
        return item if type(item) in LETTERS else Envelope(item)

    def take_all(self, into: list[Any]) -> None:
        theirs = self.users_inbox()
        if theirs is not None:
            take_all(theirs, into)
            return
        if self.backlog is not None:
            move_turned(self.backlog, into)
        inbox: Any = self.inbox
        if type(inbox) is MeteredList:
            inbox.take_all(into)
        else:
            move(inbox, into)

    @property
    def handled_reply_to(self) -> Any:
        # What is in no envelope of ours is a bare message, whatever attributes it has.
        return reply_to_of(self.handling) if is_letter(self.handling) else None

    def _reject(self, letter: Any) -> None:
        super()._reject(_as_letter(letter))


def _is_despite_timeout(caller_runs: object) -> bool:
    return type(caller_runs) is str and caller_runs == DESPITE_TIMEOUT


def _nap(_block: bool = True, timeout: float = _LOOK_EVERY) -> None:  # noqa: FBT001, FBT002 (a lock's signature)
    sleep(timeout)


def _as_letter(item: Any) -> Any:
    return item if type(item) in LETTERS else Envelope(item)


def new_inbox() -> Any:
    """The `_create_actor_inbox()` of pooled actors that have none of their own."""
    return []


# An inbox is made when it is first needed. Without the GIL, it takes part in the proof above from
# the beginning.
first_inbox: Callable[[], list[Any] | None] = new_inbox if FENCE else lambda: None


def as_list(inbox: Any) -> Any:
    """What stands for an inbox that an actor class has brought."""
    if type(inbox) is list:
        return inbox  # pyright: ignore[reportUnknownVariableType]
    return ForeignInbox(inbox)


class ForeignInbox:
    """An inbox that an actor class brought, made to look like a list.

    Args:
        theirs: What `_create_actor_inbox()` returned.
    """

    __slots__ = ("_failure", "theirs")

    def __init__(self, theirs: ActorInbox) -> None:
        self.theirs = theirs
        self._failure: BaseException | None = None

    def append(self, item: object) -> None:
        """Put something into the inbox, in an envelope."""
        self.theirs.put(_as_letter(item))

    def extend(self, nothing: object) -> None:
        """Do what a list does with nothing."""

    def pop(self, _index: int) -> Any:
        """Take the first envelope."""
        failure, self._failure = self._failure, None
        if failure is not None:
            try:
                raise failure
            finally:
                del failure  # the exception's traceback holds this frame
        return self.theirs.get()

    def qsize(self) -> int:
        """Tell how much is in it, as far as that is known."""
        return count(self.theirs)

    def __bool__(self) -> bool:
        # Workers ask when they have given the turn back, and nothing of the actor's may raise
        # there. So it counts as not empty, and the next to have the turn gets the exception.
        try:
            return not self.theirs.empty()
        except BaseException as error:
            if is_for_the_program(error):
                raise
            self._failure = error
            return True

    def __len__(self) -> int:
        return 1  # who asks this knows that it is not empty, and wants to know whether it is long


class PolicyList(ForeignInbox):
    """The same for an inbox of `pykka.inboxes`, in fewer calls, and without envelopes.

    Bare messages stay bare, as in a list: an envelope for each would be made on the sender's
    processor core and freed on the worker's, which takes a quarter of all that a message costs.
    """

    __slots__ = ()

    theirs: PolicyInbox

    def __init__(self, theirs: PolicyInbox) -> None:
        super().__init__(theirs)
        theirs.takes_bare = True

    def append(self, item: object) -> None:
        if type(item) in _NEVER_BARE:
            self.theirs.put(_as_letter(item))
        else:
            self.theirs.put(item, None, True)  # noqa: FBT003 (a keyword costs)

    def pop(self, _index: int) -> Any:
        if self._failure is not None:
            return super().pop(_index)
        return self.theirs.get()

    def __bool__(self) -> bool:
        # Only the answer that there is nothing has to be in the order of puts and turns, and that
        # one comes from `empty()`, under the lock.
        return self.theirs._total > 0 or super().__bool__()
