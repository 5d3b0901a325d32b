"""The registry of running actors: the face of the default system.

What it does is done in `pykka._system.system`, for all systems.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from pykka._ref.ref import ref_at
from pykka._system.system import ActorSystem, broadcast_by, default_system, stop_each
from pykka._util.checks import shorten

if TYPE_CHECKING:
    from pykka._actor.actor import Actor
    from pykka._cell.cell import Cell
    from pykka._futures.future import Future
    from pykka._ref.ref import ActorRef

A = TypeVar("A", bound="Actor")


class _Face(type):
    """Has the default system use what a program has put in the place of one of these methods.

    Tests do that: `mock.patch.object(ActorRegistry, "register")`. Those that ask (`get_all()` and
    its sisters) need no care: `broadcast()` and `stop_all()` ask the class. What is not replaced
    costs nothing.
    """

    def __setattr__(cls, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if cls is not ActorRegistry or name not in _methods:
            return
        if value is _methods[name]:
            vars(default_system).pop(name, None)
        else:
            vars(default_system)[name] = _by_the_registry[name]


def _register(ref: ActorRef[Any]) -> None:
    ActorRegistry.register(ref)


def _unregister(cell: Cell) -> bool:
    known = ActorSystem.default().knows(cell)
    ActorRegistry.unregister(ref_at(cell))
    return known


def _stop_all(*, block: bool = True, timeout: float | None = None) -> Any:
    return ActorRegistry.stop_all(block=block, timeout=timeout)


_by_the_registry = {"register": _register, "unregister": _unregister, "stop_all": _stop_all}


class ActorRegistry(metaclass=_Face):
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
        ActorSystem.register(ActorSystem.default(), _require_ref(actor_ref))

    @classmethod
    def unregister(cls, actor_ref: ActorRef[Any]) -> None:
        """Unregister an actor; it is done when an actor stops.

        Raises:
            TypeError: `actor_ref` is not a ref.
        """
        ActorSystem.unregister(ActorSystem.default(), _require_ref(actor_ref)._cell)

    @classmethod
    def get_all(cls) -> list[ActorRef[Any]]:
        """Return all running actors, in the order in which they were started."""
        return ActorSystem.default().get_all()

    @classmethod
    def get_by_class(cls, actor_class: type[A]) -> list[ActorRef[A]]:
        """Return all running actors of a class and of its subclasses.

        Args:
            actor_class: Any class, even a mixin that is not an actor class itself, or a tuple of
                classes.

        Raises:
            TypeError: `actor_class` is not a class.
        """
        return ActorSystem.default().get_by_class(actor_class)

    @classmethod
    def get_by_class_name(cls, actor_class_name: str) -> list[ActorRef[Any]]:
        """Return all running actors of the class with this name, without its module.

        Raises:
            TypeError: `actor_class_name` is not a string.
        """
        return ActorSystem.default().get_by_class_name(actor_class_name)

    @classmethod
    def get_by_urn(cls, actor_urn: str) -> ActorRef[Any] | None:
        """Return the running actor with a URN, or `None` if there is none."""
        return ActorSystem.default().get_by_urn(actor_urn)

    @classmethod
    def get_by_name(cls, name: str) -> ActorRef[Any] | None:
        """Return the running actor with a name (see `Actor.options`), or `None`.

        Raises:
            TypeError: `name` is not a string.
        """
        return ActorSystem.default().get_by_name(name)

    @classmethod
    def broadcast(cls, message: Any, target_class: str | type[Actor] | None = None) -> None:
        """Send a message to all running actors, or to those of a class.

        If an actor dies meanwhile, the others still get the message. A message that it did not
        accept becomes a dead letter.

        Args:
            message: The message.
            target_class: A class, or the name of one, without its module.

        Raises:
            TypeError: `target_class` is something else.
        """
        broadcast_by(cls, message, target_class)

    # twin: overloads of stop_all (3 statements)
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
        """Stop all running actors, in the reverse order of their start.

        With `block=True`, each has stopped before the next one is asked to. An actor that calls
        this stops the others in this way, and itself last, without waiting for that. Children (see
        `Actor.start_child`) are stopped by their parents.

        Args:
            block: Whether to wait.
            timeout: Seconds to wait for all of them together; `None` waits for ever.

        Returns:
            What `ActorRef.stop` returned for each of them.

        Raises:
            Timeout: Not all have stopped after `timeout` seconds. All have been asked to.
            DeadlockError: An actor waits here for one that waits for it. All have been asked to.
        """
        return stop_each(cls.get_all(), block=block, timeout=timeout)


_methods = {name: vars(ActorRegistry)[name] for name in ("register", "unregister", "stop_all")}


def _require_ref(actor_ref: Any) -> ActorRef[Any]:
    # A router is a ref of no actor, and has no cell; a test may put something with one here.
    if hasattr(actor_ref, "_cell") and not isinstance(actor_ref, type):
        ref: ActorRef[Any] = actor_ref
        return ref
    msg = f"the registry takes the refs of actors, not {shorten(actor_ref)}"
    raise TypeError(msg)
