"""Every exception that the library raises on purpose, under one root."""

import queue
from typing import ClassVar


class ActorError(Exception):
    """Root of the library's exceptions.

    Catching it catches all of them and nothing else.

    Examples:
        >>> import pykka
        >>> issubclass(pykka.ActorDeadError, pykka.ActorError)
        True
    """

    _gives_up: ClassVar[bool] = False
    """Whether a supervisor that fails with it has given up its children."""


class ActorDeadError(ActorError):
    """The actor is dead, so it can neither take nor answer a message.

    Raised by `ActorRef.tell`, by the future of `ActorRef.ask`, and when a proxy is made. The text
    is `… not found` if the actor was dead before the message was sent, and `… stopped before
    handling the message` if the message was accepted but the actor ended first.
    """

    _refused_by: object = None
    """The cell of the actor that was dead before the question was sent; for routers."""


class Timeout(ActorError, TimeoutError):  # noqa: N818 (the name is Pykka's)
    """A future had no result within the time allowed.

    The work continues: a timeout ends the waiting, not the handler.
    """


class AskCancelledError(ActorError):
    """The asker has cancelled the question, so it is not answered.

    Raised by `get()` and `await` of a future whose `cancel()` came in time. It is a separate
    error, because `asyncio.CancelledError` would look as if the task that awaits had been
    cancelled.
    """


class AskExpiredError(Timeout):
    """The question was not handled, because its asker had given up before its turn came.

    It is what the future of such a question ends with; see `ActorRef.ask` and `expire_asks`.
    """


class DeadlockError(ActorError):
    """Actors wait for each other in a circle, so none of them could ever continue.

    Raised in the actor whose wait closed the circle. Its wait is withdrawn and the others keep
    waiting: if the actor lets the error out of its handler, its asker gets it as the answer. The
    text names each actor, the message it handles, and the line where it waits.
    """


class NameTakenError(ActorError):
    """A living actor of the system has that name already.

    The text names it. Choose another name, or stop it first.
    """


class StashFullError(ActorError):
    """An actor has set aside as many messages as it may.

    The text names the actor and its `stash_capacity`.
    """


class InboxFullError(ActorError):
    """The actor's inbox is full, and its policy is not to take the message.

    Raised by `ActorRef.tell`, and by the future of `ActorRef.ask`: at once, or after the timeout
    of an inbox that lets its senders wait, or because the message was dropped. See
    `pykka.inboxes`.
    """


class ReplyDroppedError(ActorError):
    """An actor has promised a reply for later, and then dropped it.

    Nothing holds the object that `reply_later()` returned any more, and no reply was given.
    """


class PoolExhaustedError(ActorError):
    """All threads of a dispatcher would wait for actors that need one of them.

    The dispatcher has as many threads as it may, so none of them could ever continue. Raised in
    the actor whose wait would be the last. The text names the dispatcher and its bound.
    """


class CircuitOpenError(ActorError):
    """A circuit breaker did not let a message through, because too many before it failed.

    The message was not sent.
    """

    def __init__(self, text: str = "", *, retry_after: float = 0.0) -> None:
        super().__init__(text)
        self.retry_after = retry_after
        """Seconds after which the breaker lets a message through again, to try it out."""


class RateLimitExceededError(ActorError):
    """A rate limiter did not let a message through, because there were too many before it.

    The message was not sent.
    """

    def __init__(self, text: str = "", *, retry_after: float = 0.0) -> None:
        super().__init__(text)
        self.retry_after = retry_after
        """Seconds after which the limiter lets a message through, if no other asker sends one."""


class FutureAlreadySetError(ActorError, queue.Full):
    """A future was given a second result.

    It is a `queue.Full` too, because that is what older releases raised.
    """


class LoopClosedError(RuntimeError):
    """The event loop that an actor is to live in is closed. Users see a `RuntimeError`."""


class BlockingWarning(RuntimeWarning):
    """A call blocks the thread of a running event loop, so no task of that loop goes on meanwhile.

    Await instead: `await ref.ask(message, block=False)`, `await future`. Python shows each line of
    code once. It is given for calls that really have to wait, and not for an answer that is there
    already.

    Examples:
        To have none, or to have each raise an exception, in tests for instance:

        >>> import warnings
        >>> import pykka
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore", pykka.BlockingWarning)
        ...     warnings.simplefilter("error", pykka.BlockingWarning)
    """
