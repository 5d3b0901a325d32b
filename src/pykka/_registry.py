"""Who lives here: the registry of running actors.

Invariant: an actor can be found from when it was registered until it is unregistered, and no
longer; by its URN only if somebody has read that (nobody can look for a URN that nobody has seen).

The registry is two dicts without a lock. A dict changes in single indivisible steps, with and
without the GIL, and keeps the order of insertion. The index of URNs follows the dict of refs:
whoever enters a URN looks afterwards whether the actor is still registered, and takes it out again
if not; whoever unregisters takes the actor out first and its URN afterwards. So at least one of
the two sees the other, and no URN of a dead actor stays behind.
"""

from __future__ import annotations

import os
from logging import DEBUG
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from pykka import _address, _inbox, _waiting
from pykka._current import current
from pykka._dead_letters import DeadLetter, DeadLetters
from pykka._deadline import Deadline
from pykka._exceptions import ActorDeadError
from pykka._logging import logger
from pykka._ref import ActorRef, ref_at

if TYPE_CHECKING:
    from pykka._actor import Actor
    from pykka._address import Address
    from pykka._future import Future

A = TypeVar("A", bound="Actor")


class Home:
    """The registered actors of one system, and the dead letters of all its actors."""

    def __init__(self) -> None:
        self.dead_letters = DeadLetters()
        self._refs: dict[Address, ActorRef[Any]] = {}
        self._by_urn: dict[str, Address] = {}

    def register(self, ref: ActorRef[Any]) -> None:
        address = ref._address
        self._refs[address] = ref
        urn = address.urn_if_seen
        if urn is not None:
            self.enter_urn(address)

    def unregister(self, ref: ActorRef[Any]) -> bool:
        """Forget an actor; False if it was not known."""
        address = ref._address
        known = self._refs.pop(address, None) is not None
        urn = address.urn_if_seen
        if urn is not None:
            self.forget_urn(address, urn)
        return known

    def refs(self) -> list[ActorRef[Any]]:
        """All registered actors, in the order in which they were registered."""
        return list(self._refs.copy().values())

    def find(self, urn: str) -> ActorRef[Any] | None:
        address = self._by_urn.get(urn)
        return None if address is None else self._refs.get(address)

    def enter_urn(self, address: Address) -> None:
        urn = address.urn
        self._by_urn[urn] = address
        if address not in self._refs or address.urn != urn:
            self.forget_urn(address, urn)

    def forget_urn(self, address: Address, urn: str) -> None:
        if self._by_urn.get(urn) is address:  # and not another's, who chose the same
            self._by_urn.pop(urn, None)

    def bury(self, address: Address, message: object, reason: str) -> None:
        self.dead_letters.report(DeadLetter(message, ref_at(address), reason))


home = Home()
"""The one system there is, until a program makes others."""


def _after_fork() -> None:
    """Declare the actors dead in a child process: it has none of its parent's threads.

    The actor that forked, if it was one, is just running, so it is left alone.
    """
    current.state.is_main = True
    _address.renew_locks()
    _inbox.renew_locks()
    _waiting.renew_locks()
    home.dead_letters.renew_locks()
    for ref in home.refs():
        if ref._address is not current.state.address:
            home.unregister(ref)
            ref._address.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class ActorRegistry:
    """Gives easy access to all running actors, from any thread.

    Actors are registered when they are started and unregistered when they stop.

    Examples:
        >>> import pykka
        >>> class Worker(pykka.ThreadingActor):
        ...     def on_receive(self, message):
        ...         return message * 2
        >>> workers = [Worker.start() for _ in range(3)]
        >>> len(pykka.ActorRegistry.get_by_class(Worker))
        3
        >>> pykka.ActorRegistry.get_by_class_name("Worker")[0].ask(21)
        42
        >>> pykka.ActorRegistry.stop_all()
        [True, True, True]
    """

    @classmethod
    def register(cls, actor_ref: ActorRef[Any]) -> None:
        """Register an actor; `Actor.start` does it.

        Raises:
            TypeError: `actor_ref` is not a ref.
        """
        home.register(_require_ref(actor_ref))
        if logger.isEnabledFor(DEBUG):
            logger.debug("Registered %s", actor_ref)

    @classmethod
    def unregister(cls, actor_ref: ActorRef[Any]) -> None:
        """Unregister an actor; it is done when an actor stops.

        Raises:
            TypeError: `actor_ref` is not a ref.
        """
        if home.unregister(_require_ref(actor_ref)):
            logger.debug("Unregistered %s", actor_ref)
        else:
            logger.debug("Unregistered %s (not found in registry)", actor_ref)

    @classmethod
    def get_all(cls) -> list[ActorRef[Any]]:
        """Return all running actors, in the order in which they were started."""
        return home.refs()

    @classmethod
    def get_by_class(cls, actor_class: type[A]) -> list[ActorRef[A]]:
        """Return all running actors of a class and of its subclasses.

        Args:
            actor_class: Any class, also a mixin that is no actor class itself, or a tuple of
                classes.

        Raises:
            TypeError: `actor_class` is not a class.
        """
        _require_class(actor_class)
        return [ref for ref in cls.get_all() if issubclass(ref.actor_class, actor_class)]

    @classmethod
    def get_by_class_name(cls, actor_class_name: str) -> list[ActorRef[Any]]:
        """Return all running actors of a class that is given by its bare name."""
        return [ref for ref in cls.get_all() if ref.actor_class.__name__ == actor_class_name]

    @classmethod
    def get_by_urn(cls, actor_urn: str) -> ActorRef[Any] | None:
        """Return the running actor with a URN, or `None` if there is none."""
        return home.find(actor_urn)

    @classmethod
    def broadcast(cls, message: Any, target_class: str | type[Actor] | None = None) -> None:
        """Send a message to all running actors, or to those of a class.

        An actor that dies meanwhile does not keep the others from getting the message. What it
        did not take is reported as a dead letter.

        Args:
            message: The message.
            target_class: A class, or the bare name of one.

        Raises:
            TypeError: `target_class` is something else.
        """
        targets: list[ActorRef[Any]]
        if isinstance(target_class, str):
            targets = cls.get_by_class_name(target_class)
        elif target_class is not None:
            targets = cls.get_by_class(target_class)
        else:
            targets = cls.get_all()
        for ref in targets:
            try:
                ref.tell(message)
            except ActorDeadError:
                home.bury(ref._address, message, "died while the message was broadcast")

    @overload
    @classmethod
    def stop_all(
        cls, *, block: Literal[True] = True, timeout: float | None = None
    ) -> list[bool]: ...
    @overload
    @classmethod
    def stop_all(
        cls, *, block: Literal[False], timeout: float | None = None
    ) -> list[Future[bool]]: ...
    @overload
    @classmethod
    def stop_all(
        cls, *, block: bool = True, timeout: float | None = None
    ) -> list[bool] | list[Future[bool]]: ...
    @classmethod
    def stop_all(
        cls, *, block: bool = True, timeout: float | None = None
    ) -> list[bool] | list[Future[bool]]:
        """Stop all running actors, the one that was started last first.

        With `block=True`, each has stopped before the next is asked to. An actor that calls this
        stops the others in that way, and itself last, without waiting for that.

        Args:
            block: Whether to wait.
            timeout: Seconds to wait for all of them together; `None` waits for ever.

        Returns:
            What `ActorRef.stop` returned for each of them.

        Raises:
            Timeout: Not all have stopped after `timeout` seconds. All have been asked to.
            DeadlockError: An actor waits here for one that waits for it. All have been asked to.
        """
        deadline = Deadline(timeout)
        refs = cls.get_all()[::-1]
        myself = [ref for ref in refs if ref._address is current.state.address]
        others = [ref for ref in refs if ref._address is not current.state.address]
        if not block:
            return [ref.stop(block=False) for ref in others + myself]
        stopped: list[bool] = []
        try:
            for ref in others:
                stopped.append(ref.stop(timeout=deadline.remaining()))  # noqa: PERF401
        except BaseException:  # Timeout, DeadlockError, or Ctrl-C
            for ref in others[len(stopped) + 1 :] + myself:
                ref.stop(block=False)
            raise
        for ref in myself:
            ref.stop(block=False)
        return stopped + [True] * len(myself)


def _require_class(actor_class: object) -> None:
    # isinstance() takes a class or a tuple of classes, and refuses what is neither.
    try:
        isinstance(None, actor_class)  # type: ignore[arg-type]
    except TypeError:
        msg = (
            f"the registry looks for a class, not for {actor_class!r}; "
            "get_by_class_name() takes the name of one"
        )
        raise TypeError(msg) from None


def _require_ref(actor_ref: Any) -> ActorRef[Any]:
    # A router is a ref of no actor, and has no address; a test may put something with one here.
    if hasattr(actor_ref, "_address") and not isinstance(actor_ref, type):
        ref: ActorRef[Any] = actor_ref
        return ref
    msg = f"the registry takes the refs of actors, not {actor_ref!r}"
    raise TypeError(msg)
