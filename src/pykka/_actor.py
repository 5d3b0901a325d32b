"""The base class of all actors, whatever runs them."""

from __future__ import annotations

from logging import DEBUG
from typing import TYPE_CHECKING, Any, ClassVar

from pykka import _life
from pykka._address import Address
from pykka._envelope import Envelope
from pykka._logging import logger
from pykka._ref import ref_at
from pykka._registry import ActorRegistry, home
from pykka.messages import _ActorStop

if TYPE_CHECKING:
    import threading
    from collections.abc import Awaitable
    from types import TracebackType
    from typing import Self

    from pykka._future import Future
    from pykka._ref import ActorRef


class Actor:
    """An actor: an object that lives alone and is reached by messages only.

    An actor handles one message at a time, so it needs no locks. Others reach it through its
    `ActorRef`, or through an `ActorProxy` made from that.

    To make an actor:

    1. subclass one of the implementations, such as `ThreadingActor`,
    2. write methods as usual; if there is an `__init__()`, it must call `super().__init__()`,
    3. call `start()` on the class, with the arguments of `__init__()`.

    To stop it, call `stop()` on its ref, or on the actor itself from within.

    Examples:
        >>> import pykka
        >>> class Thermometer(pykka.ThreadingActor):
        ...     def __init__(self, unit):
        ...         super().__init__()
        ...         self.unit = unit
        ...     def on_start(self):
        ...         self.degrees = 20
        ...     def on_receive(self, message):
        ...         self.degrees = message
        ...     def read(self):
        ...         return f"{self.degrees} {self.unit}"
        >>> ref = Thermometer.start("°C")
        >>> ref.tell(21)
        >>> ref.proxy().read().get()
        '21 °C'
        >>> ref.stop()
        True
    """

    _pykka_address_class: ClassVar[type[Address]] = Address
    """What kind of address the runtime's actors have."""

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        """Make the actor's address: its inbox, its ref, its names.

        Arguments are ignored, so a class without an `__init__()` of its own can be started with
        any. It does not call the next `__init__()`: a mixin with one goes *before* the actor class
        in the list of bases.
        """
        self._pykka_address = self._pykka_address_class(self, home)
        self._actor_ref: ActorRef[Any] = ref_at(self._pykka_address)

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> ActorRef[Self]:
        """Start an actor.

        This happens, in this order:

        1. The actor is made, in the thread that calls: its URN, inbox and ref, then your
           `__init__()`.
        2. It is registered in the `ActorRegistry`.
        3. It begins to live: `on_start()` and then one message after the other, in its own
           thread.

        Args:
            *args: Arguments for `__init__()`.
            **kwargs: Keyword arguments for `__init__()`.

        Returns:
            The ref of the actor.

        Raises:
            NotImplementedError: The class has no runtime: it is `Actor` or a mixin.
            RuntimeError: `__init__()` does not call `super().__init__()`, or no thread can be
                started.
        """
        actor = cls(*args, **kwargs)
        ref: ActorRef[Self] = actor.actor_ref
        try:
            ActorRegistry.register(ref)
            if logger.isEnabledFor(DEBUG):
                logger.debug("Starting %s", actor)
            actor._start_actor_loop()
        except BaseException:
            # Nothing stays behind: no thread could be started, or a signal handler raised.
            if actor._pykka_address.claim_life():
                _life.end(actor._pykka_address, actor)
            else:
                ref.stop(block=False)
            raise
        return ref

    @staticmethod
    def _create_actor_inbox() -> Any:
        """Make the actor's inbox: an object with `put(envelope)`, `get()` and `empty()`."""
        raise NotImplementedError(_USE_SUBCLASS)

    @staticmethod
    def _create_future() -> Future[Any]:
        """Make a future for an answer of the actor."""
        raise NotImplementedError(_USE_SUBCLASS)

    def _start_actor_loop(self) -> None:
        """Have something call `_life.live()` with this actor."""
        raise NotImplementedError(_USE_SUBCLASS)

    def __str__(self) -> str:
        return str(self._require_pykka_address())

    @property
    def actor_ref(self) -> ActorRef[Self]:
        """The actor's ref: what it gives to others so that they can reach it."""
        self._require_pykka_address()
        return self._actor_ref

    @property
    def actor_urn(self) -> str:
        """The actor's URN, a string that is unique in the world.

        `ActorRegistry.get_by_urn` finds the actor by it. It is made when it is first read. An
        actor may choose its own, best in its `__init__()`; that it is unique is then its business.
        """
        return self._require_pykka_address().urn

    @actor_urn.setter
    def actor_urn(self, urn: str) -> None:
        self._require_pykka_address().choose_urn(urn)

    @property
    def actor_inbox(self) -> Any:
        """The actor's inbox. Use `ActorRef.tell` and its sisters to put messages in."""
        return self._require_pykka_address().face

    @property
    def actor_stopped(self) -> threading.Event:
        """The event that tells whether the actor has stopped handling messages.

        Use `stop()` to change it. If it is set by hand the actor ends after the current message,
        without `on_stop()`.
        """
        return self._require_pykka_address().event

    def stop(self) -> None:
        """Stop this actor when it has handled the messages that are in its inbox now.

        It does not wait. It is the same as `ActorRef.stop` with `block=False`.
        """
        address = self._require_pykka_address()
        if not address.stopped:
            address.send(Envelope(_ActorStop()))

    def on_start(self) -> Awaitable[None] | None:
        """Hook: the actor begins to live, in its own thread, before its first message.

        If it raises, the exception is logged, the actor ends, and `on_failure()` is called.
        """

    def on_stop(self) -> Awaitable[None] | None:
        """Hook: the actor ends in an orderly way, after its last message, in its own thread.

        It is not called if an exception ends the actor; `on_failure()` is called then. If it
        raises, the exception is logged.
        """

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> Awaitable[None] | None:
        """Hook: an unhandled exception ends the actor, in its own thread.

        If it raises in turn, that exception is logged.

        Args:
            exception_type: The class of the exception.
            exception_value: The exception.
            traceback: Where it was raised.
        """

    def on_receive(self, message: Any) -> Any:
        """Hook: a message that is not a call through a proxy.

        Args:
            message: What was sent.

        Returns:
            The answer, if the message was sent with `ActorRef.ask`.
        """
        logger.warning("Unexpected message received by %s: %s", self, message)

    def _require_pykka_address(self) -> Address:
        # The name is one that no user's class has; "_address" is common among network programs.
        try:
            return self._pykka_address
        except AttributeError:
            msg = (
                f"{type(self).__name__}.__init__() did not call super().__init__(), "
                "so the actor has neither inbox nor ref; call it before anything else"
            )
            raise RuntimeError(msg) from None


_USE_SUBCLASS = (
    "Actor does not say what runs it. Use a subclass of Actor with a runtime, "
    "such as pykka.ThreadingActor, as (one of) the base(s) of your class"
)

_life.inherited_stop = Actor.stop
