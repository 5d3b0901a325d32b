"""An actor's cell: what outlives the actor object.

A ref points at a cell and not at a Python object. Inbox, stopped mark and URN belong to the
cell, so that they are the same before, during and after the life of an instance.

Life
    How the marks of a cell may stand together, and what may follow what, is one table:
    `pykka._cell.life_table`. Other modules set a mark by a method of the cell, so that each mark
    is written in two modules at most.

Closing
    Problem: a message that is put into the inbox of an actor which is just ending must not be
    forgotten there. A lock around every send would prevent it, and would cost every send.

    There are two marks. *stopped* is set when the actor begins to end: sends are refused from
    then on. *closed* is set when its last hook has run. Then:

    - A sender puts its envelope into the inbox, and *then* looks whether the cell is closed.
      If so, it empties the inbox.
    - The closer marks the cell closed, and *then* empties the inbox.

    Invariant: whatever is put into the inbox is taken out by the actor, by the closer, or by a
    sender. Proof: if the closer found the inbox empty before the envelope came, then its mark
    came before that, hence before the sender's look, which sees it (the queue's own lock orders
    the two). Otherwise the closer, or a thread that emptied the inbox at the same time, has it.

    The thread that takes an envelope out *rejects* it: an ask is answered with `ActorDeadError`, a
    tell is reported as a dead letter. A queue gives each envelope to one taker only, so that
    happens exactly once. `tests/guarantees/test_g3_nothing_vanishes.py` runs this very code
    through every interleaving.

Lazy parts
    A URN, an event and the inbox's public face are made when they are first looked at, and so is
    the object in which they lie. Two who look first at the same time get the same one: it is
    chosen under a lock that is held over straight-line code only, in which nothing is allocated
    or called; see `pykka._util.locks`.
"""

from __future__ import annotations

import contextlib
import threading
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from pykka._cell.extension import CellExtension
from pykka._cell.inbox import (
    ActorInbox,
    Inbox,
    count,
    move,
    put_without_waiting,
    spec_of,
    take_all,
)
from pykka._cell.metering import MeteredInbox
from pykka._cell.reasons import Failed, Killed, Stopped
from pykka._cell.spawn_options import current
from pykka._deadlock import wait_graph
from pykka._deadlock.wait_graph import place_of_actor
from pykka._envelope import Envelope
from pykka._exceptions import ActorDeadError
from pykka._futures.ask import answer, is_ask, message_of, reply_to_of
from pykka._futures.deadline import Deadline
from pykka._futures.threading_future import ThreadingFuture, new_threading_future
from pykka._util.checks import shorten
from pykka._util.for_each import call, for_each
from pykka._util.locks import holding
from pykka._util.log import call_out, safe_str
from pykka.messages import _LastMessage, _WakeUp, is_privileged, is_stop
from pykka.timers._clock import MonotonicClock
from pykka.timers._errands import Line, send_out

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from pykka._cell.extension import Promised
    from pykka._cell.metering import Meter
    from pykka._cell.reasons import Reason
    from pykka._cell.spawn_options import SpawnOptions
    from pykka._deadlock.wait_graph import Place, Wait, WaitingCell, WaitingState
    from pykka._envelope import Letter
    from pykka._futures.future import Future
    from pykka._statistics import InboxStatistics
    from pykka.timers._clock import Clock

    class Instance(Protocol):
        """What a cell, and what runs its life, need of the actor object.

        Each `pykka._actor.actor.Actor` is that; its authors are told more of the hooks there.
        """

        crash_on: ClassVar[Collection[type[BaseException]]]
        stash_capacity: ClassVar[int | None]

        _pykka_calls: ClassVar[Any]
        """What refs, which are of a floor above, remember of the methods of the class."""

        def _create_actor_inbox(self) -> ActorInbox:
            """Make the actor's inbox."""
            ...

        def _create_future(self) -> Future[Any]:
            """Make a future for an answer of the actor."""
            ...

        def on_start(self) -> object:
            """Begin to live."""

        def on_receive(self, message: Any) -> Any:
            """Handle a message."""


class SystemServices(Protocol):
    """What a cell needs of the system that its actor belongs to."""

    clock: Clock

    @property
    def stop_timeout(self) -> float:
        """The seconds that an actor has to end where nothing else is said."""
        ...

    @property
    def stop_all(self) -> Callable[..., Any]:
        """Stops all actors of the system."""
        ...

    @property
    def register(self) -> Callable[..., None]:
        """Makes the actor findable that a ref leads to; refs are of a floor above."""
        ...

    def knows(self, cell: Cell) -> bool:
        """Tell whether the actor is findable."""
        ...

    def enter_urn(self, cell: Cell) -> None:
        """Make the cell, whose URN was just made, findable by it."""

    def forget_urn(self, cell: Cell, urn: str) -> None:
        """Make the cell no longer findable by a URN."""

    def to_dead_letters(self, cell: Cell, message: object, reason: str) -> None:
        """Report a message that will never be handled."""

    def unregister(self, cell: Cell) -> bool:
        """Make the actor, which ends, no longer findable; False if it was not."""
        ...

    def let_children_go(self, cell: Cell) -> None:
        """Have the children end that are left although the actor has ended."""

    def tell_of_crash(self, cell: Cell, error: BaseException) -> None:
        """Tell the program what the actor has failed with, unless another actor knows."""

    def publish_failure(self, cell: Cell, error: BaseException) -> None:
        """Tell those who want to know that the actor, or an instance of it, has failed."""

    def publish_restart(self, cell: Cell, reason: Reason) -> None:
        """Tell those who want to know that a new instance has taken the place of another."""

    def forget(self, cell: Cell) -> None:
        """Take note that the actor has ended, to the last."""


_first_look = threading.Lock()
_looking = holding(_first_look)

REASON = object()
"""An answer to those who wait for the end of an actor: why it has ended."""

ENDED = object()
"""The actor ends; there is nothing to be handled any more."""

DOWN = object()
"""The instance has ended, and its supervisor has not yet said what is next."""

NOTHING = object()
"""There is nothing that comes before the inbox."""


class NotBegun(BaseException):
    """Raised where the handling of a message would begin: there is no instance any more.

    The actor was abandoned after the message was taken out of the inbox. So its sender is told
    what the senders of all others are told that are left.
    """


class Cell:
    """Inbox, marks and names of one actor.

    Args:
        actor: The actor that takes the messages.
        services: The system that the actor belongs to.
    """

    can_be_run: ClassVar[bool] = False
    """Whether a thread that waits for the actor can run it instead; see `run_until`."""

    may_answer_late: bool = False
    """Whether a thread may run the actor that waits with a timeout, which that may overrun."""

    task: Any = None
    """The asyncio task that runs the actor, if one does."""

    awaits: ClassVar[bool] = False
    """Whether what takes time at the actor's end is awaited, because its thread may not block."""

    held_up_by: Cell | None = None
    """The actor that blocks the event loop in which this one lives, if one does right now."""

    ref_class: ClassVar[type | None] = None
    """The class of the actor's ref; `None` for `ActorRef` itself."""

    __slots__ = (
        "_claimed",
        "actor",
        "actor_class",
        "closed",
        "ending",
        "extension",
        "handling",
        "has_system_messages",
        "inbox",
        "services",
        "stopped",
        "sundries",
        "termination_waiters",
        "waiting",
    )

    def __init__(self, actor: Instance, services: SystemServices) -> None:
        # twin: new cell (16 statements)
        inbox: ActorInbox = actor._create_actor_inbox()
        create_future = actor._create_future
        self.actor: Instance | None = actor
        """The actor object; `None` once the cell is closed."""
        self.actor_class = type(actor)
        self.inbox: Any = inbox
        self.services = services
        self.sundries: Sundries | None = (
            None if create_future is new_threading_future else Sundries(create_future)
        )
        """What few look at. Never unset, and never another one."""
        self.stopped = False
        self.closed = False
        self.has_system_messages = False
        """Whether there is something to be seen to before the next message; see
        `take_first`. It is set when the actor is stopped, too."""
        self.extension: CellExtension | None = None
        self.ending = False
        """Whether the hook that ends the life has run, or is running."""
        self.handling: Any = None
        """What the actor is handling right now, for reports: an envelope, or a bare message."""
        self.waiting: Wait | WaitingCell | None = None
        """What the actor's handler is blocked in; see `pykka._deadlock.wait_graph`."""
        self.termination_waiters: list[tuple[Any, object] | None] | None = None
        """Who waits for the end of the actor, and what to answer; see `close`."""
        self._claimed = False

    def __str__(self) -> str:
        return f"{self.actor_class.__name__} ({safe_str(self.urn)})"

    def send(self, envelope: Letter) -> None:
        """Put an envelope into the inbox and see that it is not forgotten there.

        `ActorRef.tell` and `ActorRef.ask` hold a copy of these two steps, to save the call.
        """
        # twin: send (2 statements)
        self.inbox.put(envelope)
        if self.closed:
            self.drain_to_dead_letters()

    def send_and_run(self, ask: Letter) -> None:
        """Send a question whose sender is going to wait for the answer, without a limit.

        It is the same as `send`, where the sender cannot run the actor himself meanwhile.
        """
        self.send(ask)

    def claim_life(self) -> bool:
        """Take it on to run the actor, or to see that it never runs; True for the first only."""
        first = False
        for release in _looking:
            first = not self._claimed
            self._claimed = True
            release()
            break
        return first

    def mark_stopped(self) -> None:
        """Refuse sends from now on."""
        # Who makes the sundries or the event after this sees the mark before it waits.
        sundries = None
        for release in _looking:
            self.stopped = True
            self.has_system_messages = True
            sundries = self.sundries
            release()
            break
        if sundries is not None and (event := sundries.event) is not None:
            event.announce()

    def refuse_sends(self) -> None:
        """Mark the actor stopped, and leave it to `close` to wake those who wait for that."""
        self.stopped = True
        self.has_system_messages = True

    def mark_ending(self) -> None:
        """Note that the hook that ends the life runs, or that none will."""
        self.ending = True

    def mark_down(self, reason: Reason) -> None:
        """Note that the instance ends, and that the actor waits for its supervisor."""
        self.need_extension().go_down(reason)
        self.has_system_messages = True

    def take_instance(self, actor: Instance) -> bool:
        """Go on with a new instance; False if the actor was abandoned meanwhile."""
        self.actor = actor
        if self.closed:  # in this order: the closer does so the other way round
            self.actor = None
            return False
        self.actor_class = type(actor)
        return True

    def look_again(self) -> None:
        """Have the actor look for what comes before the inbox, before its next message."""
        self.has_system_messages = True

    def take_first(self) -> Any:
        """Take what comes before the next message of the inbox; only for who runs the actor.

        It clears the mark *before* it looks, and sets it again if there may be more.

        Returns:
            A letter to be handled, `NOTHING`, `DOWN` or `ENDED`.
        """
        self.has_system_messages = False
        extension = self.extension
        if self.stopped:
            self.has_system_messages = True
            return ENDED
        if extension is None:
            return NOTHING
        # Each lane is read once, for another thread may make them meanwhile. While the actor is
        # down, nothing but a system message is taken.
        lane = extension.system_queue
        if not lane:
            if extension.down:
                self.has_system_messages = True
                return DOWN
            lane = extension.replay_queue
        try:
            letter = lane.popleft()
        except (IndexError, AttributeError):  # the latter if nothing has ever been there
            return NOTHING
        self.has_system_messages = True
        if extension.meter is not None:
            extension.meter.take_up(letter)
        return letter

    def close(self) -> None:
        """End the cell: what is in its inbox, now or later, will never be handled.

        Those who asked for the stop are answered last, when everything else is done. Like the
        inbox, their list is emptied after the mark (`actor` is None) is set, and by latecomers
        who see the mark. It may be done twice.
        """
        try:
            self._close()
        except BaseException:
            self._close()  # a signal handler raised, we do not know where
            raise

    def _close(self) -> None:
        self._require_termination_waiters()
        self.mark_stopped()
        extension = self.extension
        try:
            self.closed = True
            if extension is not None and extension.policy is not None:
                extension.policy.close()
            self.drain_to_dead_letters()
        finally:
            self.actor = None
            # A thread that makes the extension from now on sees that there is no actor.
            extension = self.extension
            if extension is None:
                self.services.forget(self)
                self._answer_termination_waiters()
            else:
                for_each(
                    [
                        partial(self.services.let_children_go, self),
                        partial(extension.close, self),
                        partial(self.services.forget, self),
                        self._answer_termination_waiters,
                    ],
                    call,
                )

    def declare_dead(self, *, keeps_actor: bool = True) -> None:
        """Mark the cell as that of a dead actor, and touch nothing else.

        For a child process, in which the actor's thread does not exist; and for a world that ends.

        Args:
            keeps_actor: Whether the actor object is kept. If it were freed in a child process, it
                might close what the parent still uses, such as a connection.
        """
        self.stopped = self.closed = self.has_system_messages = True
        if keeps_actor:
            _kept.append(self.actor)
        self.actor = None

    def end_after_message(self) -> None:
        """Have the actor end after the message that it is handling, in a child process.

        Without a hook, which might say something to others that the parent's has still to say; and
        what is in the inbox is the parent's, who handles it.
        """
        left: list[Letter] = []
        self.take_all(left)
        self.need_lanes().system_queue.append(Envelope(_LastMessage()))
        self.has_system_messages = True

    def need_extension(self) -> CellExtension:
        """The extension; made now if they have not been needed so far."""
        extension = self.extension
        if extension is None:
            extension = fresh = CellExtension()
            # twin: first look (1 statement)
            for release in _looking:
                if self.extension is None:
                    self.extension = fresh
                extension = self.extension
                release()
                break
        return extension

    def need_sundries(self) -> Sundries:
        """The sundries; made now if they have not been needed so far."""
        sundries = self.sundries
        if sundries is None:
            sundries = fresh = Sundries(None)
            # twin: first look (1 statement)
            for release in _looking:
                if self.sundries is None:
                    self.sundries = fresh
                sundries = self.sundries
                release()
                break
        return sundries

    def adopt(self, spawn_options: SpawnOptions | None) -> None:
        """Take over what was said of the actor before it was made."""
        chosen = None if spawn_options is None else spawn_options.inbox
        spec: Any = chosen if chosen is not None else spec_of(self.actor_class)
        if spec is not None:
            policy = spec._make(self)
            if policy is not None:
                self.need_extension().policy = policy
            self.use_inbox(policy)
        if spawn_options is None:
            return
        if spawn_options.name is not None:
            self.need_extension().name = spawn_options.name
        if spawn_options.loop is not None:
            self.need_extension().loop = spawn_options.loop
        if spawn_options.parent is not None:
            self.need_extension().parent = spawn_options.parent
            self.need_extension().shutdown = spawn_options.shutdown
        if spawn_options.supervision is not None:
            self.need_extension().supervision = spawn_options.supervision
            self.need_extension().wakeup = SimpleQueue()

    def use_inbox(self, inbox: Any) -> None:
        """Use another inbox; `None` for the library's own. Only before the actor is started."""
        self.inbox = SimpleQueue() if inbox is None else inbox

    def signal(self, letter: Letter) -> None:
        """Have a letter handled right after the current message; see `pykka._cell.extension`."""
        self._put_into_lane(self.need_lanes().system_queue, letter)

    def need_lanes(self) -> CellExtension:
        """The extension, with what lies before the inbox."""
        extension = self.need_extension()
        extension.need_lanes()
        return extension

    def _put_into_lane(self, lane: Any, letter: Letter) -> None:
        lane.append(letter)
        self.has_system_messages = True
        self.wake_up()
        if self.closed:
            self.drain_to_dead_letters()

    def tell_unbounded(self, message: object) -> None:
        """Send a message that no bound of the inbox applies to, and never block."""
        letter = Envelope(message)
        extension = self.extension
        if self.users_inbox() is None or (extension is not None and extension.policy is not None):
            self.send(letter)
            return
        if not self.send_without_waiting(letter):
            self._put_into_lane(self.need_lanes().replay_queue, letter)

    def send_in_front(self, message: object) -> None:
        """Send a message that comes before those in the inbox, and never block."""
        self._put_into_lane(self.need_lanes().replay_queue, Envelope(message))

    def line_of_ticks(self) -> Line | None:
        """Where a clock's thread has messages sent to the actor, instead of sending them itself.

        It is a line, so that they stay in order. `None` if this is another thread, or if sending
        does not call anything of the user's: an inbox, or a clock.
        """
        if not current.state.is_clock:
            return None
        is_ours = self.users_inbox() is None or self.policy is not None
        if is_ours and type(self.services.clock) is MonotonicClock:
            return None
        extension = self.need_extension()
        if extension.line is None:
            extension.line = Line()  # only the clock's thread comes here
        return extension.line

    def send_without_waiting(self, letter: Letter) -> bool:
        """Do what `send` does, but never wait for room; False if there is none."""
        if not self.put_without_waiting(letter):
            return False
        if self.closed:
            self.drain_to_dead_letters()
        return True

    def put_without_waiting(self, letter: Letter) -> bool:
        """Put a letter into the inbox, and let the actor notice it; False if there is no room."""
        full = getattr(self.inner_inbox(), "full", None)
        return put_without_waiting(self.inbox, full, letter)

    def kill(self) -> None:
        """Have the actor end after the current message.

        Whether it was killed or stopped in an orderly way is decided by which of the two comes
        first; see `mark_stopped`.
        """
        try:
            self._kill()
        except BaseException:
            self._kill()  # a signal handler raised, we do not know where
            raise

    def _kill(self) -> None:
        extension = self.need_extension()
        for release in _looking:
            if not self.stopped:
                extension.killed = True
            self.stopped = True
            self.has_system_messages = True
            release()
            break
        self.mark_stopped()
        self.wake_up()

    def end_when_down(self) -> None:
        """Have an actor that is down end for good, after the hooks that it is at.

        Unlike a kill, it interrupts none of them.
        """
        try:
            Cell._kill(self)
        except BaseException:
            Cell._kill(self)  # a signal handler raised, we do not know where
            raise

    @property
    def reason(self) -> Reason:
        """Why the actor has ended."""
        extension = self.extension
        if extension is None:
            return Stopped()
        return (
            extension.reason[0]
            if extension.reason
            else Killed()
            if extension.killed
            else Stopped()
        )

    @property
    def has_children(self) -> bool:
        """Whether there are actors that end with this one."""
        return self.extension is not None and bool(self.extension.children)

    def take_child(self, child: Cell, shutdown: float | None) -> None:
        """Have an actor end with this one.

        Args:
            child: The actor.
            shutdown: How many seconds it has for that; `None` for all it takes.
        """
        self.need_extension().children[child] = shutdown

    def lose_child(self, child: Cell) -> None:
        """Forget a child that has ended."""
        extension = self.extension
        if extension is not None:
            extension.children.pop(child, None)

    def note_promise(self, promise: Promised) -> None:
        """Note that the actor owes a reply; if it has ended meanwhile, its asker is told so."""
        self.need_extension().owed[promise] = None
        if self.actor is None:  # in this order: its closer looks at what is owed after that
            promise.refuse()

    def drop_promise(self, promise: Promised) -> None:
        """Note that the actor does not owe a reply any more."""
        extension = self.extension
        if extension is not None:
            extension.owed.pop(promise, None)

    def note_bare_promise(self) -> None:
        """Note that a message that lies in no envelope is answered later."""

    def drain_to_dead_letters(self) -> None:
        """Answer or report everything that is in the inbox.

        What one of them raises (a subscriber to dead letters, a callback of a future, a signal
        handler) keeps none of the others from being rejected. The first exception is raised at the
        end. All of these may be the user's, so it is not done on a clock's thread.
        """
        if current.state.is_clock:
            send_out(self.drain_to_dead_letters)
            return
        letters: list[Letter] = []
        try:
            if self.extension is not None:
                for lane in (
                    self.extension.system_queue,
                    self.extension.replay_queue,
                    self.extension.stash,
                ):
                    move(lane, letters)
            self.take_all(letters)
            if letters:
                for_each(letters, self._reject)
        except BaseException:
            for_each(letters, self._reject)  # a signal handler raised: go on where it struck
            raise

    def answer_when_ended(self, reply_to: Any, *, answer: object) -> None:
        """Have a future resolved when the actor has ended, or now if it has.

        Args:
            reply_to: The future.
            answer: Its value; `REASON` for the reason of the end.
        """
        self._require_termination_waiters().append((reply_to, answer))
        if self.actor is None:
            # The thread that ends it may not have come to this yet. Who is told that an actor has
            # ended finds it no more.
            self._be_forgotten()
            self._answer_termination_waiters()

    def _be_forgotten(self) -> None:
        """Have the parent and the system forget the actor. To do it twice does no harm."""
        extension = self.extension
        if extension is not None and extension.parent is not None:
            extension.parent.lose_child(self)
        self.services.forget(self)

    def refuse_current(self, reason: str) -> None:
        """Answer the sender of the message that the actor is handling right now.

        A closer that has asked it to stop is told of its end in any case.
        """
        reply_to = self.handled_reply_to
        if reply_to is not None and not is_stop(self.handled_message):
            self.refuse(reply_to, reason)

    @property
    def handled_reply_to(self) -> Any:
        """The future of the answer to what the actor is handling; `None` if there is no asker."""
        return reply_to_of(self.handling)

    @property
    def handled_message(self) -> Any:
        """The message that the actor is handling right now, for reports; `None` if none."""
        return message_of(self.handling)

    def require_instance(self) -> Any:
        """The actor object, for the handler of a message.

        Raises:
            NotBegun: There is none; see there.
        """
        actor = self.actor
        if actor is None:
            raise NotBegun
        return actor

    def dead_error(self, reason: str) -> ActorDeadError:
        """The error for those whose message this actor will not handle.

        If the actor has failed, it says with what. The exception that is its cause is a copy that
        holds no frames.
        """
        failure = self.failure
        if failure is None:
            return ActorDeadError(f"{self} {reason}")
        cause = failure.without_traceback().exception
        error = ActorDeadError(f"{self} {reason}; it has failed with {shorten(cause)}")
        error.__cause__ = cause
        return error

    @property
    def failure(self) -> Failed | None:
        """What the actor has failed with, if that is why it ends, or has ended."""
        extension = self.extension
        if extension is None:
            return None
        reason = (
            extension.reason[0]
            if extension.reason
            else extension.exit_reason
            if extension.down
            else None
        )
        return reason if isinstance(reason, Failed) else None

    @property
    def urn(self) -> str:
        """The actor's URN; made when it is first read, and findable from then on."""
        sundries = self.sundries or self.need_sundries()
        urn = sundries.urn
        if urn is None:
            urn = fresh = _new_urn()
            # twin: first look (1 statement)
            for release in _looking:
                if sundries.urn is None:
                    sundries.urn = fresh
                urn = sundries.urn
                release()
                break
            self.services.enter_urn(self)
        return urn

    def choose_urn(self, urn: str) -> None:
        """Give the actor another URN."""
        sundries = self.need_sundries()
        former = None
        for release in _looking:
            former = sundries.urn
            sundries.urn = urn
            release()
            break
        if former is not None:
            self.services.forget_urn(self, former)
        self.services.enter_urn(self)

    @property
    def urn_if_seen(self) -> str | None:
        """The actor's URN if it was read."""
        sundries = self.sundries
        return None if sundries is None else sundries.urn

    @property
    def event(self) -> threading.Event:
        """The event that tells whether the actor is stopped."""
        sundries = self.sundries or self.need_sundries()
        event = sundries.event
        if event is None:
            event = fresh = StoppedEvent(self)
            # twin: first look (1 statement)
            for release in _looking:
                if sundries.event is None:
                    sundries.event = fresh
                event = sundries.event
                release()
                break
        return event

    @property
    def public_inbox(self) -> Any:
        """The inbox as users see it: their own, or an `Inbox` in front of the library's."""
        if self.policy is None:
            theirs = self.users_inbox()
            if theirs is not None:
                return theirs
        sundries = self.sundries or self.need_sundries()
        public_inbox = sundries.public_inbox
        if public_inbox is None:
            public_inbox = fresh = Inbox(self)
            # twin: first look (1 statement)
            for release in _looking:
                if sundries.public_inbox is None:
                    sundries.public_inbox = fresh
                public_inbox = sundries.public_inbox
                release()
                break
        return public_inbox

    def put_in_front(self, meter: Meter) -> None:
        """Have a meter count what goes through the inbox."""
        self.inbox = MeteredInbox(self.inbox, meter)

    def note_handling(self) -> None:
        """Be told that what the actor handles is noted from now on, or no more."""

    def inner_inbox(self) -> Any:
        """The inbox, without what counts the messages."""
        return self.inbox.inner if type(self.inbox) is MeteredInbox else self.inbox

    def users_inbox(self) -> Any:
        """The inbox that the actor class brought; `None` if it is the library's own."""
        inner = self.inner_inbox()
        return None if type(inner) is SimpleQueue else inner

    def take(self, block: bool, timeout: float | None) -> Any:  # noqa: FBT001 (queue.Queue's signature)
        """Take the first envelope out of the library's own inbox."""
        inbox = self.inner_inbox()
        if block:
            left = Deadline(timeout).remaining()
            item = wait_graph.block(wait_graph.ANYTHING, inbox.get, current.state, left)
        else:
            item = inbox.get(False)
        meter = None if self.extension is None else self.extension.meter
        return item if meter is None else meter.leave(item)

    def inbox_statistics(self) -> InboxStatistics:
        """How it stands with the library's own inbox."""
        policy = self.policy
        if policy is not None:
            found: InboxStatistics = policy.statistics()
            return found
        from pykka._statistics import InboxStatistics  # noqa: PLC0415 (see there)

        return InboxStatistics(self.count(), capacity=None, blocked=0, dropped=0, refused=0)

    @property
    def policy(self) -> Any:
        """The inbox, if it is one of the library's with a bound or with priorities."""
        return None if self.extension is None else self.extension.policy

    def count(self) -> int:
        """How many envelopes are in the inbox, as far as that is known."""
        return count(self.inner_inbox())

    def take_all(self, into: list[Any]) -> None:
        """Move everything that is in the inbox to the end of a list.

        Invariant: the thread of an abandoned actor, which may wait in `inbox.get()`, finds a
        wake-up there. So a thread that takes it away puts another in *after* that.
        """
        try:
            take_all(self.inbox, into)
        finally:
            if self.extension is not None and self.extension.is_abandoned:
                self.wake_up()

    def wake_up(self) -> None:
        """Make the actor's thread look at the marks."""
        extension = self.extension
        if extension is not None and extension.wakeup is not None:
            # What lies in the bell already wakes the thread later than now.
            if not extension.wakeup.qsize():
                extension.wakeup.put(None)
            # The inbox of an actor that is down is not looked at. If it is up again a moment
            # later, it looks at `has_system_messages` before it turns to the inbox.
            if extension.down:
                return
        if self.has_own_inbox:
            # The thread that wakes it up has more to do, whatever that raises.
            text = "The inbox of %s raised, so the actor may be late to notice that it is to end:"
            call_out(self.put_without_waiting, Envelope(_WakeUp()), text=text, about=(self,))
        else:
            self.put_without_waiting(Envelope(_WakeUp()))

    @property
    def has_own_inbox(self) -> bool:
        """Whether the actor class brought an inbox, which may raise anything."""
        return self.policy is None and self.users_inbox() is not None

    def find_place(self) -> Place | None:
        """The line of the user's code that the actor is at, as far as that can be found out."""
        return place_of_actor(self)

    def require_thread(self) -> None:
        """Raise if the actor cannot get a thread, and nothing will change that."""

    def run_until(self, future: ThreadingFuture[Any], state: WaitingState) -> bool:
        """Run the actor on this thread until it has resolved a future; False if it has not."""
        raise NotImplementedError  # pragma: no cover (`can_be_run` says so)

    def answer_in_task(self, future: ThreadingFuture[Any]) -> bool:
        """Handle a question in the step of the task that awaits it; whether the loop is due."""
        raise NotImplementedError  # pragma: no cover (`awaits` says so)

    def lives_beneath(self, future: ThreadingFuture[Any], state: WaitingState) -> bool:
        """Tell whether the actor cannot resolve a future while this thread waits for it."""
        del future, state
        return False

    def take_over(
        self, coroutine: Any, end: Callable[[Cell, Any, BaseException | None], None]
    ) -> None:
        """See to a coroutine that the actor's code has returned.

        Args:
            coroutine: What is to be awaited.
            end: What is to be called at its end, with the cell and its value or its exception.

        Raises:
            TypeError: Nothing is awaited where this actor runs.
        """
        del end
        name = getattr(coroutine, "__qualname__", repr(coroutine))
        coroutine.close()
        msg = (
            f"{name}() is async def (it returned a coroutine), and {self.actor_class.__name__} "
            "does not run in an event loop, so nobody would await it. Derive the class from "
            "pykka.AsyncioActor, or make it a plain def that calls asyncio.run()."
        )
        raise TypeError(msg)

    def cancel(self) -> None:
        """Interrupt what the actor awaits, if it runs in an event loop, and have it stop."""

    def interrupt(self, ask: object) -> None:
        """Interrupt what the handler of a question awaits, if it does, so that the actor goes on.

        Only asked of an actor that `awaits`, for a question whose asker has been told so already.
        """

    def insist(self) -> bool:
        """Interrupt the end of a killed actor that takes too long, if that is possible.

        Returns:
            Whether it was, so that the actor is worth some more time. It is so once at most.
        """
        return False

    def _reject(self, letter: Any) -> None:
        if is_ask(letter) and letter.take_back():
            return
        message = letter.message
        reply_to = letter.reply_to
        reason = "stopped before handling the message"
        if is_stop(message):
            if reply_to is not None:
                self.answer_when_ended(reply_to, answer=True)
        elif is_privileged(message):
            if reply_to is not None:
                self.refuse(reply_to, reason)
        elif self._redirect(letter):
            pass
        elif reply_to is None:
            self.services.to_dead_letters(self, message, reason)
        else:
            self.refuse(reply_to, reason)
            if is_ask(letter):
                letter.release()

    def _redirect(self, letter: Letter) -> bool:
        """Leave a letter to what takes over those that are left, if there is such a one."""
        redirect = None if self.extension is None else self.extension.redirect
        return redirect is not None and redirect(letter)

    def refuse(self, reply_to: Any, reason: str) -> None:
        """Answer an asker whose message this actor will not handle."""
        answer(reply_to, (None, (self.dead_error(reason), None)), self)

    def _require_termination_waiters(self) -> list[tuple[Any, object] | None]:
        """The list of those who wait for the end; it is there before the cell is closed."""
        termination_waiters = self.termination_waiters
        if termination_waiters is None:
            fresh: list[tuple[Any, object] | None] = []
            termination_waiters = fresh
            # twin: first look (1 statement)
            for release in _looking:
                if self.termination_waiters is None:
                    self.termination_waiters = fresh
                termination_waiters = self.termination_waiters
                release()
                break
        return termination_waiters

    def _answer_termination_waiters(self) -> None:
        termination_waiters = self.termination_waiters
        if termination_waiters is not None:
            for_each([*enumerate(termination_waiters.copy())], self._answer_termination_waiter)

    def _answer_termination_waiter(self, numbered: tuple[int, tuple[Any, object] | None]) -> None:
        """Answer one who waits for the end, and take note of that.

        Their places in the list stay, so that each thread that does this means the same one by a
        number. To answer one twice does no harm; to let go of one that has not been answered, and
        be interrupted then, would. One that is kept, with all that a future has, would be a burden
        on the garbage collector if a million actors are stopped.
        """
        number, waiter = numbered
        if waiter is None:
            return
        reply_to, value = waiter
        answer(reply_to, (self.reason if value is REASON else value, None), self)
        self._require_termination_waiters()[number] = None


class Sundries:
    """What few programs look at, or bring, of an actor.

    It lies apart, so that a cell has one place for all of it. It does not lie in the extension,
    which is five times as large, and makes the actor's end take longer.

    Args:
        create_future: Makes the futures of asks; `None` for the library's own.
    """

    __slots__ = ("create_future", "event", "public_inbox", "urn")

    def __init__(self, create_future: Callable[[], Future[Any]] | None) -> None:
        self.create_future = create_future
        self.urn: str | None = None
        self.event: StoppedEvent | None = None
        self.public_inbox: Inbox | None = None


_kept: list[Instance | None] = []
"""The actor objects that a child process has inherited."""


def _new_urn() -> str:
    """Make the URN of a random UUID, version 4.

    The module `uuid` does that too. To import it takes an eighth of the time of importing this
    package, and it cannot be imported when it is needed: that may be in a finaliser.
    """
    digits = bytearray(current.state.world.entropy(16))
    digits[6] = digits[6] & 0x0F | 0x40
    digits[8] = digits[8] & 0x3F | 0x80
    text = digits.hex()
    return f"urn:uuid:{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def renew_locks() -> None:
    """Begin with fresh locks, in a child process; other threads may have held the old ones."""
    global _first_look, _looking  # noqa: PLW0603
    _first_look = threading.Lock()
    _looking = holding(_first_look)


class StoppedEvent(threading.Event):
    """The `actor_stopped` event of a cell.

    The mark of the cell is the truth. Setting the event sets the mark.

    Invariants
        1. A thread that waits enters its lock in `_waiters`, and then looks at the mark; the
           setter of the mark releases, after that, the locks that are entered. So one of the two
           sees the other, and no lock guards the list. The one that a `threading.Event` has stays
           locked if a signal handler raises right after it was taken, and a handler that stops
           an actor would wait there for its own thread. So nothing here may use it.
        2. To announce the event twice does no harm.
    """

    def __init__(self, cell: Cell) -> None:
        super().__init__()
        self._cell = cell
        self._waiters: list[threading.Lock] = []

    _answered_by = None
    """Any thread may set it, so no actor in particular has to; see
    `pykka._deadlock.wait_graph.Awaited`."""

    def __repr__(self) -> str:
        cls = type(self)
        status = "set" if self.is_set() else "unset"
        return f"<{cls.__module__}.{cls.__qualname__} at {id(self):#x}: {status}>"

    def is_set(self) -> bool:
        return self._cell.stopped

    def wait(self, timeout: float | None = None) -> bool:
        if timeout is not None:
            timeout = max(0.0, timeout)
        if not self.is_set() and timeout != 0:
            state = current.state
            if timeout is None and state.worker is not None and state.worker.is_the_last():
                self._bring(state)
            self._wait(state, timeout)
        return self.is_set()

    def _bring(self, state: WaitingState) -> None:
        """Run the actor, for which there is no other thread, if it is about to end."""
        ended: ThreadingFuture[None] = ThreadingFuture()
        ended._answered_by = cell = self._cell
        cell.answer_when_ended(ended, answer=None)
        if cell.can_be_run:
            cell.run_until(ended, state)

    def _wait(self, state: WaitingState, timeout: float | None) -> None:
        lock = threading.Lock()
        lock.acquire()
        self._waiters.append(lock)
        try:
            if not self.is_set():
                wait_graph.block(self, lock.acquire, state, timeout)
        finally:
            self._waiters.remove(lock)

    def _has_outcome(self) -> bool:
        return self.is_set()

    def set(self) -> None:
        try:
            self._set()
        except BaseException:
            self._set()  # a signal handler raised, we do not know where
            raise

    def _set(self) -> None:
        self._cell.mark_stopped()
        self._cell.wake_up()

    def clear(self) -> None:
        self._cell.stopped = False

    def announce(self) -> None:
        """Wake those who wait for the event."""
        for waiter in self._waiters.copy():
            with contextlib.suppress(RuntimeError):  # it has been released already
                waiter.release()
