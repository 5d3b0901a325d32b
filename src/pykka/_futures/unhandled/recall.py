"""Taking a question back that the actor has not begun to handle: `Future.cancel()`.

Problem
    The canceller has to know whether the handler had begun: what it was told is cancelled must
    never be handled. And an actor whose questions are not cancelled must not pay for that
    (guarantee G10), so it can make no note of its own, and take no lock.

Who sees whom
    The actor already says what it is handling (`Cell.handling`), and reads the message *after*
    that, once. The canceller puts something else in the place of the message (`RecalledMessage`;
    of a call, a `RecalledPath` in the place of the path) and looks *then* what the actor is
    handling. So at least one of the two sees the other:

    1. The actor reads the message itself: it has begun. The canceller, who looks later, sees that
       the actor is handling it, and gives up; or that it is through, and then there is an answer,
       or the question was set aside and waits again.
    2. The actor reads what the canceller has put there. Its type has a handler of its own, so the
       look-up that each message goes through leads here, and nothing is asked besides.

    In case 2, the log of the question's `Recall` decides. The actor appends `BEGUN`, a canceller
    that does not see the actor at it appends `CANCEL`, and the first of them counts. If the
    question is set aside after that, or given to another actor, `AGAIN` makes a fresh start. Each
    entry is one step on one list, so all who read the log find the same (see `Recall.decision`).
    What a canceller has put in the place of the message stays there for that reason.

Invariants
    1. `cancel()` returns True only if the log says `CANCEL` and the future has ended with that
       and nothing else. Then the handler never begins. (Proof: had it begun by reading the message
       itself, before the canceller had put its own thing there, then what the canceller sees
       later is an actor that is handling the question, or an answer, which then is the outcome.)
    2. A question that is cancelled is answered, whatever interrupts the canceller: the actor, or
       its closer, resolves the future when it finds `CANCEL`. All of them do it with the same
       outcome, which the future takes once.
    3. There is one `Recall` for a question, made in one step (`dict.setdefault`), however many
       cancel. Two things that cancellers put in the place of the message are as good as one: both
       have the message and that `Recall`.

    A canceller that sees the actor at the question while another one cancels it may be told that
    it comes too late, although the other one is in time.

    Without the GIL, the object's own lock is released, by a sequentially consistent operation,
    between the write of the attribute of the one object and the read of that of the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pykka._exceptions import AskCancelledError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pykka._futures.derived import Outcome

BEGUN = "begun"
CANCEL = "cancelled"
EXPIRED = "expired"
AGAIN = "again"


class NotHandled(BaseException):
    """Raised in the place of handling a question that is not to be handled.

    Args:
        counter: Which count of the actor's it goes to.
        outcome: What its future ends with, unless it has ended.
    """

    def __init__(self, counter: str, outcome: Outcome) -> None:
        super().__init__(counter)
        self.counter = counter
        self.outcome = outcome


class Recall:
    """What decides whether a question is handled that its asker has wanted back.

    Args:
        error: What the future ends with if it is not handled.
        counter: Which count of the actor's it goes to then.
    """

    __slots__ = ("_counter", "_log", "outcome")

    def __init__(self, error: BaseException, counter: str = CANCEL) -> None:
        self._log: list[str] = []
        self._counter = counter
        self.outcome: Outcome = (None, (error, None))
        """What the future ends with if it is not handled."""

    def decision(self) -> str | None:
        """Which of the two came first, since the question was last set aside; if any has come."""
        decision: str | None = None
        for entry in self._log.copy():
            if decision is None and entry is not AGAIN:
                decision = entry
            elif decision is BEGUN and entry is AGAIN:
                decision = None
        return decision

    def cancel(self) -> bool:
        """Have the question not handled; False if the actor has begun."""
        self._log.append(CANCEL)
        return self.decision() is CANCEL

    def begin(self) -> bool:
        """Begin to handle it; False if it is cancelled."""
        self._log.append(BEGUN)
        return self.decision() is BEGUN

    def require_begin(self) -> None:
        """Begin to handle it.

        Raises:
            NotHandled: It is cancelled.
        """
        if not self.begin():
            raise NotHandled(self._counter, self.outcome)

    def open_again(self) -> None:
        """Note that the question was set aside, and has not been handled after all."""
        self._log.append(AGAIN)


class CoveredMessage:
    """What lies in a question in the place of its message, and has a handler of its own.

    Args:
        content: The message.
    """

    __slots__ = ("content",)

    def __init__(self, content: Any) -> None:
        self.content = content

    def __repr__(self) -> str:
        return repr(self.content)

    def require_begin(self, whose: object) -> None:
        """Begin to handle it.

        Args:
            whose: The actor.

        Raises:
            NotHandled: It is not to be handled.
        """
        raise NotImplementedError  # pragma: no cover (an interface)


class RecalledMessage(CoveredMessage):
    """What a canceller puts there.

    Args:
        content: The message.
        recall: What decides whether it is handled.
    """

    __slots__ = ("recall",)

    def __init__(self, content: Any, recall: Recall) -> None:
        super().__init__(content)
        self.recall = recall

    def require_begin(self, whose: object) -> None:
        del whose
        self.recall.require_begin()


class RecalledPath(RecalledMessage):
    """What lies in a call in the place of its path. To iterate over it is to begin.

    Args:
        content: The path.
        recall: What decides whether the call is made.
    """

    __slots__ = ()

    content: Sequence[str]

    def __iter__(self) -> Iterator[str]:
        self.recall.require_begin()
        return iter(self.content)


def content_of(message: Any) -> Any:
    """The message itself, also if something lies in its place."""
    while issubclass(type(message), CoveredMessage):
        message = message.content
    return message


def cancelled_error(whose: object) -> AskCancelledError:
    """What a question ends with that its asker has taken back."""
    return AskCancelledError(f"the question to {whose} was cancelled by its asker")
