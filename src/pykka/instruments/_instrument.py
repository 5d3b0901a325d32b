"""What an instrument is: all that it is told of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pykka._cell.reasons import Reason
    from pykka._ref.ref import ActorRef
    from pykka._system.dead_letters import DeadLetter
    from pykka.instruments._delivery import Delivery


class Instrument(Protocol):
    """Is told of each message, and of what becomes of actors; derive your own from it.

    Each method does nothing unless you override it. Methods are called on the threads of senders
    and actors, in the middle of sending and right before and after handling, so they must be quick
    and thread-safe. An exception in one of them is logged, once for each method, and makes no
    difference to the program. Messages that they send are not reported to instruments.

    The idea is that of behaviour interceptors in Akka Typed, and of the instrumentations of
    OpenTelemetry.

    Examples:
        >>> import pykka
        >>> from pykka import instruments
        >>> class Printer(instruments.Instrument):
        ...     def sending(self, delivery):
        ...         return "from the sender"
        ...     def handled(self, delivery, state, seconds):
        ...         print("handled", delivery.operation, state)
        ...     def handling(self, delivery, context):
        ...         return context
        >>> class Echo(pykka.ThreadingActor):
        ...     def on_receive(self, message):
        ...         return message
        >>> with pykka.ActorSystem() as system, instruments.install(Printer(), system):
        ...     echo = system.start(Echo)
        ...     echo.tell("hello")
        ...     stopped = echo.stop()
        handled tell from the sender
    """

    def sending(self, delivery: Delivery) -> object:
        """Be told that a message is about to be sent, on the sender's thread.

        Returns:
            A context that goes with the message, and is given to `handling()`. `None` for none.
        """
        del delivery
        return None

    def sent(
        self, delivery: Delivery, context: Any, seconds: float, error: BaseException | None
    ) -> None:
        """Be told that a message was put into the inbox, on the sender's thread.

        Args:
            delivery: The message.
            context: What `sending()` has returned.
            seconds: How long that took; a bounded inbox may make its senders wait.
            error: The exception if it was refused, such as an `InboxFullError`; otherwise `None`.
        """
        del delivery, context, seconds, error

    def handling(self, delivery: Delivery, context: Any) -> object:
        """Be told that an actor begins to handle a message; its handler runs right after this.

        Args:
            delivery: The message.
            context: What `sending()` has returned; `None` if it was not called.

        Returns:
            Any object. The method that is called at the end gets it as `state`.
        """
        del delivery, context
        return None

    def handled(self, delivery: Delivery, state: Any, seconds: float) -> None:
        """Be told that a handler has ended. The asker already has the answer.

        Args:
            delivery: The message.
            state: What `handling()` has returned.
            seconds: How long the handler took, including what it awaited.
        """
        del delivery, state, seconds

    def failed(self, delivery: Delivery, state: Any, seconds: float, error: BaseException) -> None:
        """Be told that a handler has raised an exception; called instead of `handled()`.

        Args:
            delivery: The message.
            state: As for `handled()`.
            seconds: As for `handled()`.
            error: The exception. If there is an asker, it gets this as its answer; if there is
                none, the actor has failed.
        """
        del delivery, state, seconds, error

    def passed_over(self, delivery: Delivery, state: Any, why: str) -> None:
        """Be told that a message was not handled after all; called instead of `handled()`.

        Args:
            delivery: The message.
            state: As for `handled()`.
            why: `"set aside"` by `stash()`, after which it may be handled later; `"cancelled"`;
                `"expired"`; or `"ended"`, if the actor was killed or abandoned meanwhile.
        """
        del delivery, state, why

    def started(self, ref: ActorRef[Any]) -> None:
        """Be told that an actor is about to start; called on the thread that starts it."""
        del ref

    def restarted(self, ref: ActorRef[Any], reason: Reason) -> None:
        """Be told that a new instance has taken the place of one that has ended."""
        del ref, reason

    def ended(self, ref: ActorRef[Any], reason: Reason) -> None:
        """Be told that an actor has ended; no other call for this actor comes after this."""
        del ref, reason

    def dead_letter(self, letter: DeadLetter) -> None:
        """Be told of a message that was sent and will never be handled."""
        del letter
