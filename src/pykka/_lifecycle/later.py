"""Replies that come later than the end of their handler: `reply_later()` and `hand_on()`.

What a handler returns is its answer, at once. So an actor that needs the answer of another one, or
of a thread, to give its own would have to wait for it, and handle nothing meanwhile. Here it says
that the answer will come, and goes on.

See `pykka._futures.promise` for what lies behind it. The idea is that of `gen_server:reply/2` in
OTP, where a handler that returns `noreply` keeps the caller's address; and of `forward` in Akka.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from pykka._envelope import Envelope
from pykka._exceptions import FutureAlreadySetError, ReplyDroppedError
from pykka._futures.ask import is_ask, is_letter, make_ask
from pykka._futures.promise import Promise
from pykka._futures.threading_future import ThreadingFuture, as_raised
from pykka._lifecycle.invoke import NONE
from pykka._util.checks import shorten
from pykka._util.thread_state import current
from pykka.messages import is_stop

if TYPE_CHECKING:
    from pykka._cell.cell import Cell
    from pykka._futures.derived import Outcome
    from pykka._futures.future import Future, OptExcInfo

T = TypeVar("T")
R = TypeVar("R")


class Reply(Generic[T]):
    """A reply that is still to be given; `reply_later()` returns it.

    It may be kept, sent to other actors, and used on any thread. If no code holds it any more and
    it was not given, the asker gets `ReplyDroppedError`.
    """

    __slots__ = ("__weakref__", "_given", "_promise")

    def __init__(self, promise: Promise) -> None:
        self._promise = promise
        self._given: list[Outcome] = []

    def set(self, value: T | None = None) -> bool:
        """Give the reply.

        Args:
            value: What the asker gets. It is not copied.

        Returns:
            `True`; or `False` if the asker has another answer by now, since the actor has ended or
            the handler has failed. Then this one is dropped.

        Raises:
            FutureAlreadySetError: This reply was given before.
        """
        return self._give((value, None))

    def set_exception(self, exc_info: OptExcInfo | BaseException | None = None) -> bool:
        """Give an exception as the reply, which the asker's `get()` raises.

        Args:
            exc_info: As for `Future.set_exception`: an exception, or a tuple; the one that is
                being handled if there is none.

        Returns:
            As for `set()`.

        Raises:
            FutureAlreadySetError: This reply was given before.
            ValueError: There is no exception, neither given nor being handled.
            TypeError: `exc_info` is something else.
        """
        return self._give((None, as_raised(exc_info)))

    def _give(self, outcome: Outcome) -> bool:
        promise = self._promise
        self._given.append(outcome)
        if promise.answer(outcome):
            return True
        if any(promise.outcome is given for given in self._given):
            msg = f"a reply of {promise.whose} was given already; it can be given only once"
            raise FutureAlreadySetError(msg)
        return False

    def __repr__(self) -> str:
        state = "to be given" if self._promise.outcome is None else "given"
        return f"<pykka.Reply of {self._promise.whose}, {state}>"

    def __del__(self) -> None:
        promise: Promise | None = getattr(self, "_promise", None)
        if promise is not None and promise.outcome is None:
            text = (
                f"{promise.whose} has let go of the reply that it had promised with "
                "reply_later(), without giving it"
            )
            promise.end(ReplyDroppedError(text))


def reply_later() -> Reply[Any]:
    """Promise the reply to the current message for later.

    Called in a handler, on any runtime. What the handler returns is no reply then; it returns
    nothing. The reply is given by what this returns, from anywhere: by another handler of the
    actor, another actor, a thread, a callback.

    The asker gets exactly one answer in any case. If the handler raises before the reply was
    given, that is the exception. If the actor ends, or its instance fails and is restarted, before
    it was given, it is `ActorDeadError`. If nothing holds the reply any more, it is
    `ReplyDroppedError`. If the message had no asker, a reply to it is dropped, as what a handler
    returns is.

    Raises:
        RuntimeError: No handler is running here, or the reply was promised or handed on already.

    Examples:
        >>> import pykka
        >>> class Kitchen(pykka.ThreadingActor):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.orders = []
        ...     def order(self, dish):
        ...         self.orders.append((dish, pykka.reply_later()))
        ...     def ring(self):
        ...         for dish, reply in self.orders:
        ...             reply.set(f"hot {dish}")
        ...         self.orders.clear()
        >>> kitchen = Kitchen.start()
        >>> soup = kitchen.call(Kitchen.order, "soup")
        >>> kitchen.call(Kitchen.ring).get()
        >>> soup.get()
        'hot soup'
        >>> kitchen.stop()
        True
    """
    return Reply(_promise("reply_later()"))


def hand_on(future: Future[R]) -> R:
    """Have the outcome of another question be the reply to the current message.

    Called in a handler, as in `return pykka.hand_on(other.call(Other.method))`. The actor does not
    wait for it, and goes on with the next message. A value and an exception are handed on alike;
    `cancel()` of the asker's future cancels the other question.

    For the detection of deadlocks, who waits for the reply waits for the actor that owes `future`.

    Args:
        future: What `ref.call()`, `ref.ask(…, block=False)` or a proxy has returned, or what
            `map()` and its sisters have made of it.

    Returns:
        Nothing; for type checkers, what the handler would return.

    Raises:
        DeadlockError: It could never come: it is the asker's own future; or the actor that owes it
            waits, perhaps by way of others, for the reply to this very message.
        RuntimeError: No handler is running here, or the reply was promised or handed on already.
        TypeError: `future` is none, or has a get-hook, so that nothing tells when it is done.

    Examples:
        >>> import pykka
        >>> class Cook(pykka.ThreadingActor):
        ...     def cook(self, dish: str) -> str:
        ...         return f"hot {dish}"
        >>> class Waiter(pykka.ThreadingActor):
        ...     def __init__(self, cook):
        ...         super().__init__()
        ...         self.cook = cook
        ...     def order(self, dish: str) -> str:
        ...         return pykka.hand_on(self.cook.call(Cook.cook, dish))
        >>> cook = Cook.start()
        >>> waiter = Waiter.start(cook)
        >>> waiter.call(Waiter.order, "soup").get()
        'hot soup'
        >>> waiter.stop(), cook.stop()
        (True, True)
    """
    given: Any = future
    if not isinstance(given, ThreadingFuture):
        msg = (
            f"hand_on() takes the future of an answer, such as ref.call(…) returns, not "
            f"{shorten(future)}"
        )
        raise TypeError(msg)
    _promise("hand_on()").hand_on(given)  # pyright: ignore[reportUnknownArgumentType]
    return cast("R", None)


def _promise(caller: str) -> Promise:
    """Promise the reply to the message that is being handled on this thread.

    Raises:
        RuntimeError: There is none, or the reply was promised already.
    """
    cell: Any = current.state.cell
    handling: Any = None if cell is None else cell.handling
    if cell is None or handling is None or is_stop(cell.handled_message):
        msg = (
            f"{caller} is about the reply to a message, and there is none: call it in a handler "
            "of an actor, and not in a hook, or in a thread or task that a handler has started"
        )
        raise RuntimeError(msg)
    if not is_letter(handling) or handling is NONE:
        # It is told; or the asker runs the actor, and looks here for a future. See `PooledRef`.
        message = None if handling is NONE else handling
        cell.handling = handling = make_ask(message, cell)
        cell.note_bare_promise()
    reply_to = handling.reply_to
    if has_promised(cell):
        msg = (
            f"{caller}: {cell} has promised or handed on the reply to this message already; a "
            "message has one reply"
        )
        raise RuntimeError(msg)
    promise = Promise(cell, reply_to)
    if reply_to is not None and type(handling) is Envelope:
        handling.reply_to = promise
    promise.enter()
    return promise


def has_promised(cell: Cell) -> bool:
    """Tell whether the reply to what an actor handles was promised or handed on."""
    handling = cell.handling
    if is_ask(handling):
        return handling._promise is not None
    return type(handling) is Envelope and type(handling.reply_to) is Promise
