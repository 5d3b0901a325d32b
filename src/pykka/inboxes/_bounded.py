"""Inboxes with a policy: with a bound; `pykka.inboxes._priority` adds priorities.

Problem
    An inbox with a bound makes its senders wait, and lets them go on; it drops what has waited
    longest; it calls functions of the user's that say what is urgent. All of that is to hold up
    when senders, the actor and its end race, with and without the GIL; when a signal handler
    raises between any two steps; and when a finaliser or a log handler sends to the same inbox on
    top of a send (guarantees G3, G4, G5 and G11).

    What is done to the messages and to the line, under a lock, is in `pykka.inboxes._lanes`. Here
    is what is done without it: what calls the user's code, waits, answers and reports; and the
    two sections that most messages need.

Blocked senders
    A sender that has to wait stands in a line, with its message. The thread that makes room puts
    the message of the first in line in, on its sender's behalf, and wakes that. So a blocked
    sender holds nothing, not even a promise of room: it makes no difference how long it takes to
    wake up, or what runs on top of its wait, and there is nothing that could be lost, or handed
    out twice. It waits for a future that the actor answers, so the wait-for graph knows about it.

    Invariant: room and a line never last. The thread that takes an ordinary message out lets
    senders in until there is no room or no line, and sees that under the lock (`_admit`). A sender
    joins the line only if, under the same lock, there is no room, or a line already. So if there
    is both, a thread that made room has still to look.

    If a wait ends by an exception, the sender withdraws. If it had been let in by then, its
    message is delivered, and a mere timeout is not raised.

    The thread that lets a sender in finds out where the message belongs. If a comparison of keys
    raises then, the sender is sent back to try for itself, so it gets the exception, and no other
    thread does.

    A sender that was let in is not given way at once, as an asker is (`pykka._util.gil`): it would
    send one message, find the inbox full again, and each message would cost two switches of
    threads. It is when the last message has been taken out, if it has not come by then: so it can
    send a whole inbox full for each switch.

    `tests/unit/test_inbox_interleavings.py` runs this code through every interleaving.

Tried and rejected: slots that are handed to blocked senders. One that is interrupted by a signal
handler that sends to the same inbox would hold the very slot that the handler waits for.
"""

from __future__ import annotations

import queue
import sys
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from pykka._envelope import CallEnvelope, Envelope
from pykka._exceptions import ActorError, InboxFullError, Timeout
from pykka._futures.ask import LETTERS, CallAsk, answer, is_ask
from pykka._futures.deadline import Deadline
from pykka._statistics import InboxStatistics
from pykka._util.log import is_a, is_for_the_program, traceback_of
from pykka._util.thread_state import current
from pykka.inboxes._entries import Claim, Entry, QuickEntry
from pykka.inboxes._lanes import Lanes, owe
from pykka.messages import PRIVILEGED
from pykka.timers._errands import report

if TYPE_CHECKING:
    from typing import Protocol, Self

    from pykka._exceptions import ActorDeadError
    from pykka._futures.threading_future import AnsweringCell
    from pykka.inboxes._lanes import Found, Verdict

    O_contra = TypeVar("O_contra", contravariant=True)

    class DeadLetterOffice(Protocol[O_contra]):
        """What an inbox needs of its owner's system."""

        def to_dead_letters(self, cell: O_contra, message: object, reason: str, /) -> None:
            """Report a message that will never be handled."""

    class OwningCell(AnsweringCell, Protocol):
        """What an inbox needs of its owner: each `pykka._cell.cell.Cell` is that."""

        @property
        def services(self) -> DeadLetterOffice[Self]:
            """The system of the owner."""
            ...

        def dead_error(self, reason: str) -> ActorDeadError:
            """The error for senders whose message the owner will not handle."""
            ...


WhenFull: TypeAlias = Literal["block", "raise", "drop_newest", "drop_oldest"]
"""What a full inbox does with a message."""

_new: Any = object.__new__

_TO_BE_SEEN_TO = ("a line", "something due")

_MADE_ROOM = " to make room for a newer message"


class PolicyInbox(Lanes):
    """An actor's inbox with a bound.

    Args:
        owner: The actor's cell.
        capacity: How many ordinary messages it holds at most; `None` for any number.
        when_full: What it does with one more.
        timeout: Seconds that a sender waits for room; `None` waits for ever.
    """

    __slots__ = ("_timeout", "_when_full", "owner", "takes_bare")

    def __init__(
        self,
        owner: OwningCell,
        capacity: int | None = None,
        when_full: WhenFull = "block",
        timeout: float | None = None,
    ) -> None:
        super().__init__(capacity, drops_oldest=when_full == "drop_oldest")
        self.owner = owner
        self.takes_bare = False
        """Whether messages are put in without envelopes; then what is in none of the library's is
        one of them."""
        self._when_full = when_full
        self._timeout = timeout

    def put(  # noqa: C901, PLR0912, PLR0915 (no part of the quick way may be a call)
        self,
        envelope: Any,
        timeout: float | None = None,
        is_bare: bool = False,  # noqa: FBT001, FBT002 (no part of the quick way names it)
    ) -> None:
        """Put an envelope in, or do what the policy says if it is full.

        Args:
            envelope: The envelope. What is raised goes into the future of its answer, if it has
                one; unless it is an exception that means the program.
            timeout: Seconds that the sender can wait at most, if the policy lets it wait.
            is_bare: It is not an envelope, but a message, and neither `None` nor one of the
                library's. It comes out as it went in. Only if `takes_bare`.

        Raises:
            InboxFullError: It is full, or was still full after the timeout; or the sender is the
                actor itself, and would wait for itself.
            ActorDeadError: The actor ended while the sender waited.
            DeadlockError: The sender is an actor, and the owner waits for it.
            Exception: Whatever the user's key function, or a comparison of keys, raised.
        """
        kind: object = type(envelope)  # pyright: ignore[reportUnknownVariableType]
        if not is_bare and kind is not CallAsk and kind is not CallEnvelope:
            message = envelope.message
            if type(message) in PRIVILEGED:
                self._put_by_right(Entry(envelope), message)
                return
            del message  # as below
        quick = entry = error = None
        is_in = rings = False
        try:
            if self._open is not None:
                quick = _new(QuickEntry)
                quick.envelope = envelope
                quick.next = None
                for release in self._holding:
                    lane = self._open
                    if (
                        lane is not None  # type: ignore[redundant-expr]
                        and self._first_claim is None
                        and self._count < self._capacity
                    ):
                        is_in = True
                        # twin: append to chain (2 statements)
                        if lane.last is None:
                            lane.first = quick
                        else:
                            lane.last.next = quick
                        lane.last = quick
                        self._count += 1
                        self._total += 1
                        if self._sleepers:
                            self._sleepers -= 1
                            rings = True
                    release()
                    break
                if rings:
                    self._bell.put(None)
                if is_in:
                    return
            entry = Entry(envelope)
            error = self._put_ordinary(entry, timeout)
            if error is not None:
                if is_a(error, InboxFullError):
                    for release in self._holding:
                        self._refused += 1
                        release()
                        break
                self._refuse(entry, error)
        except BaseException:
            # Whatever it is, perhaps a signal handler's: nothing is left half done.
            if rings:
                self._bell.put(None)  # in doubt, once too often
            if entry is not None and entry.claim is not None:
                self._leave_line(entry.claim, "withdrawn")
                entry.claim = None
            if entry is not None and entry.victim is not None:
                self._drop(entry.victim, _MADE_ROOM)  # perhaps it was interrupted
            raise
        finally:
            # An exception's traceback holds this frame; do not let the frame hold what was sent.
            del envelope, quick, entry, error

    def get(  # noqa: C901 (as above)
        self,
        block: bool = True,  # noqa: FBT001, FBT002 (queue.Queue's signature)
        timeout: float | None = None,
    ) -> Any:
        """Take the first envelope out; wait for one if there is none.

        Raises:
            queue.Empty: There is none, and none came in time.
        """
        if self._open is not None:
            entry = None
            owes = False
            for release in self._holding:
                lane = self._open
                if (
                    lane is not None  # type: ignore[redundant-expr]
                    and self._closers.first is None
                    and self._first_claim is None
                    and self._aside is None
                ):
                    entry = lane.first
                    if entry is not None:
                        lane.first = entry.next
                        if entry.next is None:
                            lane.last = None
                        self._count -= 1
                        self._total -= 1
                        if self._has_let_in and not self._count:
                            self._has_let_in = False
                            owes = True
                release()
                break
            if owes:
                owe()
            if entry is not None:
                return entry.envelope
        got: list[Any] = []
        found = self._pick(got, sleeps=block)
        if found == "something" or (
            found in _TO_BE_SEEN_TO and self._take(got, sleeps=block, found=found)
        ):
            return got[0]
        if not block:
            raise queue.Empty
        deadline = Deadline(timeout)
        while True:
            self._bell.get(timeout=deadline.remaining())
            if self._take(got, sleeps=True):
                return got[0]

    def get_nowait(self) -> Any:
        """Take the first envelope out.

        Raises:
            queue.Empty: There is none.
        """
        return self.get(block=False)

    def take_all(self, into: list[Any]) -> None:
        """Move everything that is in the inbox to the end of a list."""
        while self._take(into, sleeps=False):
            pass

    def empty(self) -> bool:
        """Tell whether there is nothing in it.

        If there is nothing, the answer takes part in the order that the lock makes of puts and
        gets, like that of a queue that is asked to give. Runtimes rely on it.
        """
        if self._total:
            return False
        total = 0
        for release in self._holding:
            total = self._total
            release()
            break
        return total == 0

    def full(self) -> bool:
        """Tell whether an ordinary message would find no room."""
        return self._count >= self._capacity

    def qsize(self) -> int:
        """Tell how many messages wait in it; those of blocked senders are not among them."""
        return self._total

    def statistics(self) -> InboxStatistics:
        """Return how it stands with the inbox."""
        blocked = 0
        claim = self._first_claim
        while claim is not None:  # those who come and go meanwhile are counted or not
            blocked += 1
            claim = claim.after
        return InboxStatistics(
            waiting=self._total,
            capacity=None if self._capacity == sys.maxsize else self._capacity,
            blocked=blocked,
            dropped=self._dropped,
            refused=self._refused,
        )

    def close(self) -> None:
        """Note that the actor has ended: no sender waits for room any more, now or later.

        Blocked senders get `ActorDeadError`. What is put in later is put in, whatever the bound
        says; its sender sees that the actor has ended, and takes it out again.
        """
        claim = None
        try:
            for release in self._holding:
                self._closed = True
                release()
                break
            while True:  # with no condition here; see `pykka._cell.inbox.take_all`
                claim = self._first_claim
                if claim is None:
                    break
                self._leave_line(claim, "dead")
                claim.settle()
        except BaseException:
            # A signal handler raised. All of it can be done again.
            if claim is not None:
                claim.settle()
            self.close()
            raise

    def __repr__(self) -> str:
        bound = "" if self._capacity == sys.maxsize else f" of at most {self._capacity}"
        return f"<pykka inbox with {self._total} messages{bound}>"

    def _put_ordinary(self, entry: Entry, timeout: float | None) -> BaseException | None:
        """Put an entry in, or do what the policy says.

        Returns:
            What the sender gets, if nothing has come of it.
        """
        outcome = self._prepare(entry) or self._place(entry)
        if outcome == "in":
            if entry.victim is not None:
                self._drop(entry.victim, _MADE_ROOM)
        elif outcome == "full":
            if self._when_full == "block":
                return self._wait_for_room(entry, timeout)
            if self._when_full == "raise":
                return self._error("")
            self._drop(entry, "")
        elif outcome == "least urgent":
            self._drop(entry, " as the least urgent")
        elif isinstance(outcome, BaseException):
            return outcome
        return None

    def _prepare(self, entry: Entry) -> BaseException | None:
        """Find out how urgent the message is; returns what that has raised."""

    def _place(self, entry: Entry) -> Verdict | BaseException:
        """Put an entry in, if there is room; or return what a comparison of keys has raised."""
        while True:
            if self._due.first is not None:
                self._place_due()
            spot = self._locate(entry)
            if isinstance(spot, BaseException):
                return spot
            verdict = self._commit(entry, None, spot)
            if verdict != "stale":
                return verdict

    def key_of(self, message: object) -> Any:
        """How urgent a message is that will be put in later; `None` if none is.

        Raises:
            Exception: What the user's key function raises.
        """
        del message

    def _put_by_right(self, entry: Entry, message: object) -> None:
        """Put in a privileged message."""
        del message
        self._put_privileged(entry, self._closers)

    def _place_due(self) -> None:
        """Give what is due its place among the others.

        What a comparison of keys raises is logged, and the message is handled before the others.
        If a signal handler raises, what is left is still due.
        """
        while True:  # with no condition here; see `pykka._cell.inbox.take_all`
            entry = self._due.first
            if entry is None:
                break
            spot = self._locate(entry)
            if isinstance(spot, BaseException):
                report(
                    spot, "The key of %r cannot be compared, so it comes first:", entry.envelope
                )
                self._commit_due(entry, None)
                if is_for_the_program(spot):
                    raise spot
            else:
                self._commit_due(entry, spot)

    def _take(self, into: list[Any], *, sleeps: bool, found: Found | None = None) -> bool:
        """Move the first envelope to the end of a list, and let in who waits for its room.

        Args:
            into: The list.
            sleeps: Whether the caller waits for the bell if there is none.
            found: What `_pick` has returned to the caller just now, if it was called.

        Returns:
            Whether there was one.
        """
        if found is None:
            found = self._pick(into, sleeps=sleeps)
        while True:  # with no condition here; see `pykka._cell.inbox.take_all`
            if found not in _TO_BE_SEEN_TO:
                break
            if found == "a line":
                self._admit()
            else:
                self._place_due()
            found = self._pick(into, sleeps=sleeps)
        return found == "something"

    def _wait_for_room(self, entry: Entry, timeout: float | None) -> BaseException | None:
        """Stand in line until the entry is in; returns what the sender gets if that fails."""
        owner = self.owner
        if current.state.cell is owner:
            return self._error(", and the sender is the actor itself, which would wait for itself")
        limits = [limit for limit in (self._timeout, timeout) if limit is not None]
        deadline = Deadline(min(limits, default=None))
        outcome: Verdict | BaseException = "full"
        while outcome == "full":
            outcome = self._stand_in_line(entry, deadline)
        return outcome if isinstance(outcome, BaseException) else None

    def _stand_in_line(self, entry: Entry, deadline: Deadline) -> Verdict | BaseException:
        """Wait until the entry is in, or until there is reason to try again; see `_place`."""
        claim = entry.claim = Claim(entry, self.owner)
        try:
            self._join_line(claim)
            if claim.fate != "outside":
                claim.get(timeout=deadline.remaining())
                self._has_let_in = False
        except ActorError as error:
            self._leave_line(claim, "withdrawn")
            entry.claim = None
            if claim.fate == "withdrawn":
                if is_a(error, Timeout):
                    return self._error(f", and was so for {deadline.timeout} seconds")
                return error
        # After any other exception, put() sees to it that the line is left.
        entry.claim = None
        if claim.fate == "let in":
            return "in"
        if claim.fate == "dead":
            return self.owner.dead_error("stopped before handling the message")
        return self._place(entry)  # there was room just now, or it has been sent back

    def _admit(self) -> None:
        """Let senders in, in order, until there is no room or no line."""
        claim = None
        try:
            while True:  # with no condition here; see `pykka._cell.inbox.take_all`
                claim = self._next_to_be_let_in()
                if claim is None:
                    break
                self._let_in(claim)
        except BaseException:
            # A signal handler raised, perhaps in a comparison. Go on where it struck; a sender
            # that has been sent back is no longer in line.
            if claim is not None:
                claim.settle()
            self._admit()
            raise

    def _let_in(self, claim: Claim) -> None:
        """Put in the message of the first in line, unless it is no longer that."""
        spot = self._locate(claim.entry)
        if isinstance(spot, BaseException):
            self._leave_line(claim, "sent back")
            claim.settle()
            if is_for_the_program(spot):
                raise spot
        elif self._commit(claim.entry, claim, spot) == "in":
            claim.settle()

    def _letter_of(self, entry: Entry) -> Any:
        """The envelope of a message; one is made if it lies there bare."""
        envelope = entry.envelope
        if self.takes_bare and type(envelope) not in LETTERS:
            return Envelope(envelope)
        return envelope

    def _drop(self, entry: Entry, how: str) -> None:
        """Report a message that will not be handled, or answer it, if that is still to be done."""
        if entry.envelope is None:
            return
        envelope = self._letter_of(entry)
        if envelope.reply_to is None:
            reason = f"dropped{how}, because the inbox was full (capacity {self._capacity})"
            self.owner.services.to_dead_letters(self.owner, envelope.message, reason)
            entry.envelope = None
        else:
            self._refuse(entry, self._error(f", so the message was dropped{how}"))
        for release in self._holding:
            self._dropped += 1
            release()
            break

    def _refuse(self, entry: Entry, error: BaseException) -> None:
        """Give an error to the sender of a message that will not be handled."""
        envelope = self._letter_of(entry)
        try:
            if envelope.reply_to is None or is_for_the_program(error):
                raise error
            answer(envelope.reply_to, (None, (error, traceback_of(error))), self.owner)
            if is_ask(envelope):
                envelope.release()
            entry.envelope = None  # the traceback leads to frames that hold the entry
        finally:
            del envelope, entry, error  # as in put()

    def _error(self, what: str) -> InboxFullError:
        return InboxFullError(
            f"the inbox of {self.owner} is full (capacity {self._capacity}){what}. Send less or "
            "slower, let the actor do less for each message, or give it an inbox with a larger "
            "capacity or another policy: see pykka.inboxes."
        )
