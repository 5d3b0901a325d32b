"""What lies in an inbox that has a policy, and who waits for room in it: links of chains.

To put one into a chain or to take one out is a handful of assignments; see `pykka.inboxes._lanes`,
which does it, for why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pykka._futures.threading_future import ThreadingFuture
from pykka._util.thread_state import current

if TYPE_CHECKING:
    from pykka._futures.threading_future import AnsweringCell

Fate: TypeAlias = Literal["outside", "in line", "let in", "withdrawn", "sent back", "dead"]
"""How it stands with a claim. After `in line`, it changes once."""


class QuickEntry:
    """An envelope in an inbox into which it was put without further ado (`PolicyInbox.put`).

    It has no room for more than it needs, since one is made for each message. The `envelope` may
    be a bare message; see `PolicyInbox.takes_bare`. A class of its own for those would slow down
    all: the interpreter specialises the instructions that make and read one for a single class.
    """

    __slots__ = ("envelope", "next")

    envelope: Any
    next: Entry | None


class Entry(QuickEntry):
    """An envelope on its way into an inbox, in it, and out of it."""

    __slots__ = ("claim", "epoch", "is_free", "key", "victim")

    def __init__(self, envelope: Any) -> None:
        self.envelope = envelope
        """The envelope; `None` once another thread has seen to what becomes of it."""
        self.epoch = 0
        """The epoch of a privileged message; that of others is their lane's."""
        self.key: Any = None
        """How urgent the message is."""
        self.is_free = False
        """Whether no bound applies to it, although it has its place among ordinary messages."""
        self.next = None
        self.victim: Entry | None = None
        """The entry that was dropped when this one was put in."""
        self.claim: Claim | None = None
        """The place in the line, while its sender waits."""


class Chain:
    """Entries, first in, first out."""

    __slots__ = ("first", "last")

    def __init__(self) -> None:
        self.first: Entry | None = None
        self.last: Entry | None = None


class Lane(Chain):
    """The entries of one epoch that are equally urgent."""

    __slots__ = ("epoch", "is_free", "is_listed", "key")

    def __init__(self, key: Any, epoch: int, *, is_free: bool = False) -> None:
        self.first = None  # with no call of the base class's, since this is done often
        self.last = None
        self.is_free = is_free
        """Whether it holds one entry to which no bound applies, and will hold no other."""
        self.key = key
        self.epoch = epoch
        self.is_listed = False
        """Whether it is in the list of lanes. It is, while there is something in it, or while
        something may be appended to it without further ado."""


Spot: TypeAlias = "tuple[Lane, int | None, Lane | None, Lane | None]"
"""Where an entry belongs: a lane that is in the list, and `None`; or a new lane, the index that it
would have, and the lanes that would be its neighbours: the less and the more urgent one."""


class Claim(ThreadingFuture[None]):
    """The place of a sender in the line: a future of room.

    When its fate has been decided it is resolved, always with `None`.
    """

    __slots__ = ("_answered_by", "after", "before", "entry", "fate")

    def __init__(self, entry: Entry, owner: AnsweringCell) -> None:
        super().__init__()
        self._answered_by = owner
        self.entry = entry
        self.before: Claim | None = None
        self.after: Claim | None = None
        self.fate: Fate = "outside"

    def settle(self) -> None:
        """Wake the sender, if its fate has been decided. To do that twice does no harm."""
        if self.fate == "in line":
            return
        state = current.state
        owes = state.owes
        try:
            self._try_resolve((None, None))
        finally:
            # It is no asker, and is given way when it can send a good deal.
            state.owes = owes
