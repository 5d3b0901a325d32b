"""A question: the envelope and the future of an `ask()` in one object.

`ask()` needs an envelope for the inbox and a future for the answer, and each of the two would
only point to the other. One object serves as both. That saves an allocation for each question,
and a third of the memory of one that waits for its answer.

For the inbox it is an envelope: it has `message` and `reply_to`. For the asker it is a future
like any other. When it has been handled it lets go of the message, so that a program that keeps
the future does not keep the question alive.

An actor class that overrides `_create_future()` gets what that returns instead, in an ordinary
`Envelope`.
"""

from __future__ import annotations

from queue import Full
from typing import TYPE_CHECKING, Any

from pykka._envelope import CallEnvelope, CarryingEnvelope, Envelope
from pykka._futures.threading_future import ThreadingFuture
from pykka._futures.unhandled.expiry import expired_error, expires
from pykka._futures.unhandled.recall import (
    EXPIRED,
    Recall,
    RecalledMessage,
    RecalledPath,
    cancelled_error,
    content_of,
)
from pykka._util.log import as_exc_info, is_a, is_for_the_program, report_failure
from pykka.messages import ProxyCall, is_privileged, never_bare

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pykka._futures.derived import Outcome
    from pykka._futures.threading_future import AnsweringCell

_new = object.__new__


class Ask(ThreadingFuture[Any]):
    """A message to an actor, and the future of the actor's answer."""

    __slots__ = ("_answered_by", "message")

    message: Any
    _answered_by: AnsweringCell | None

    _recall: Recall | None = None
    """What decides whether it is handled, if it was ever to be cancelled."""

    _promise: Any = None
    """The `Promise`, if its handler has promised the answer for later, or has handed it on."""

    _carried: tuple[tuple[Any, Any], ...] = ()
    """What instruments have sent along, until it has been handled; as in a `CarryingEnvelope`."""

    @property
    def reply_to(self) -> Ask:
        """Where the answer goes: into this very object."""
        return self

    def release(self) -> None:
        """Forget the message, which has been handled."""
        self.message = None

    def cancel(self, *, interrupt: bool = False) -> bool:
        cell = self._answered_by
        if self._promise is not None:
            cancelled: bool = self._promise.cancel(interrupt=interrupt)
            return cancelled
        if cell is None or self._has_outcome() or not self._may_be_cancelled():
            return self._is_cancelled()
        recall = self._recall
        if recall is None:
            recall = self.__dict__.setdefault("_recall", Recall(cancelled_error(cell)))
        return self._take_back(cell, recall, interrupt=interrupt)

    def _give_up(self, timeout: float) -> None:
        cell: Any = self._answered_by
        if timeout > 0 and expires(cell) and not self._is_waited_for():
            recall = self._recall
            if recall is None:
                recall = Recall(expired_error(cell, timeout), EXPIRED)
                recall = self.__dict__.setdefault("_recall", recall)
            self._take_back(cell, recall, interrupt=False)

    def _take_back(self, cell: AnsweringCell, recall: Recall, *, interrupt: bool) -> bool:
        self._mark(recall)
        # In this order; see pykka._futures.unhandled.recall.
        is_begun = cell.handling is self
        if is_begun and not (interrupt and cell.awaits):
            return False
        if (recall.cancel() or is_begun) and self._try_resolve(recall.outcome):
            if is_begun:
                cell.interrupt(self)
            else:
                self._forget_content()
        return self._is_cancelled()

    def _is_cancelled(self) -> bool:
        """Tell whether it has ended because it was cancelled."""
        recall = self._recall
        return recall is not None and self._first_outcome() is recall.outcome

    def _may_be_cancelled(self) -> bool:
        return not is_privileged(self.message)

    def _mark(self, recall: Recall) -> None:
        """Have the actor see, when it comes to the question, that a canceller wants it back."""
        content = self.message
        if type(content) is not RecalledMessage:
            self.message = RecalledMessage(content, recall)

    def _forget_content(self) -> None:
        """Keep nothing alive that will not be handled; it may lie in the inbox for a while."""
        self.message = RecalledMessage(None, self._recall)  # type: ignore[arg-type]

    def note_begun(self) -> None:
        """Have it count as handled, although it has no answer yet."""
        recall = self._recall
        if recall is None:
            error = cancelled_error(self._answered_by)
            recall = self.__dict__.setdefault("_recall", Recall(error))
        recall.begin()

    def take_back(self) -> bool:
        """Have it not handled by the actor that it lies with, which ends.

        Returns:
            Whether it is cancelled. If not, another actor may begin to handle it.
        """
        recall = self._recall
        if recall is None:
            return False
        if recall.begin():
            recall.open_again()
            return False
        self._try_resolve(recall.outcome)
        self.release()
        return True

    def _new(self) -> ThreadingFuture[Any]:
        return ThreadingFuture()


class CallAsk(Ask):
    """A call through a proxy, and the future of what the method returns.

    See `pykka._envelope.CallEnvelope` for why it holds no message.
    """

    __slots__ = ("args", "attr_path", "kwargs")

    attr_path: Sequence[str]
    args: Sequence[Any]
    kwargs: dict[str, Any] | None

    @property
    def message(self) -> ProxyCall:
        """The call as a message."""
        path: Any = self.attr_path
        if type(path) is RecalledPath:
            path = path.content
        return ProxyCall(path, self.args, self.kwargs or {})

    def release(self) -> None:
        self.args = ()
        self.kwargs = None

    def _may_be_cancelled(self) -> bool:
        return True

    def _mark(self, recall: Recall) -> None:
        path: Any = self.attr_path
        if type(path) is not RecalledPath:
            self.attr_path = RecalledPath(path, recall)  # type: ignore[assignment]

    def _forget_content(self) -> None:
        self.release()


for _class in (Ask, CallAsk):
    # What users see of it is a future. So Python's own errors should call it one, too.
    _class.__name__ = _class.__qualname__ = "Future"


def make_ask(message: object, cell: AnsweringCell) -> Ask:
    """Make a question, without the cost of calling `__init__` for each class on the way."""
    # twin: make ask (5 statements)
    ask = _new(Ask)
    ask.message = message
    ask._answered_by = cell
    ask._log = []
    ask._outcome = None
    return ask


LETTERS: frozenset[type] = frozenset({Ask, CallAsk, CallEnvelope, CarryingEnvelope, Envelope})
"""What the library itself puts into an inbox, besides bare messages; see `message_of`."""

never_bare(*LETTERS)


def answers_an_asker(item: Any) -> bool:
    """Tell whether handling a message will wake an asker, as far as is known now.

    Args:
        item: What lies in the inbox: an envelope, a question, or a bare message.
    """
    return issubclass(type(item), Ask) and bool(item._log)


def message_of(item: Any) -> Any:
    """The message of what lay in an inbox: of an envelope, or the bare message itself."""
    return content_of(item.message) if is_letter(item) else item


def is_letter(item: Any) -> bool:
    """Tell whether something is an envelope of the library's. It may be a bare message."""
    # Not isinstance(): it would ask the message for its `__class__`, which may raise.
    return issubclass(type(item), (Ask, CallEnvelope, Envelope))


def is_ask(letter: Any) -> bool:
    """Tell whether something is a question, and its own future. It may be a bare message."""
    return issubclass(type(letter), Ask)


def reply_to_of(letter: Any) -> Any:
    """The future of the answer to what lay in an inbox; `None` if none is wanted.

    It may be an envelope of the user's own, or a bare message. Neither may come to anything here.
    """
    if is_letter(letter):  # not in the `try`, which might swallow what a signal handler raises
        return letter.reply_to
    try:
        return letter.reply_to
    except BaseException as error:
        if is_for_the_program(error):
            raise
        return None


def answer(reply_to: Any, outcome: Outcome, whose: object) -> None:
    """Resolve the future of an answer, unless it was set by another one.

    Args:
        reply_to: The future.
        outcome: The answer.
        whose: The actor that was asked, for the log.
    """
    if type(reply_to) in _OUR_FUTURES:
        # It does not raise, so nothing is swallowed here that a signal handler raises.
        reply_to._try_resolve(outcome)
        return
    value, raised = outcome
    exc_info = None if raised is None else (type(raised[0]), raised[0], None)
    hand_over(reply_to, value, exc_info, whose)


def hand_over(
    reply_to: Any,
    value: object,
    exc_info: Any,
    whose: object,
    when_late: Callable[[Any], object] | None = None,
) -> None:
    """Resolve a future of the user's own; what that raises is logged, and that is all.

    If its `set()` raises, its `set_exception()` is tried, so that the asker is told at least that.

    Args:
        reply_to: The future.
        value: What it is set to.
        exc_info: The exception that it is set to instead.
        whose: The actor that was asked, for the log.
        when_late: Called with `whose` if the future was set already, which is a `queue.Full`.
    """
    try:
        if exc_info is None:
            reply_to.set(value)
        else:
            reply_to.set_exception(exc_info)
    except BaseException as error:
        if is_for_the_program(error):
            raise
        kind = type(reply_to).__name__
        if is_a(error, Full):
            if when_late is not None:
                when_late(whose)
        elif exc_info is None:
            text = "%s.set() raised, so this is what the asker gets instead of the reply of %s:"
            report_failure(text, kind, whose)
            hand_over(reply_to, None, as_exc_info(error), whose)
        else:
            text = "%s.set_exception() raised, so the asker of %s gets no answer:"
            report_failure(text, kind, whose)


_OUR_FUTURES = frozenset({Ask, CallAsk, ThreadingFuture})
