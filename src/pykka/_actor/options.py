"""Options: what is said of an actor before it is started.

`start()` passes all its arguments to the constructor, so it can reserve no keyword for us. So
options are set before: `Cart.options(name="cart").start("red")`.
"""

from __future__ import annotations

from types import GenericAlias
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from pykka._cell.inbox import require_spec
from pykka._system.system import start_as
from pykka._util.checks import check_methods, check_name, shorten

if TYPE_CHECKING:
    from typing_extensions import ParamSpec

    from pykka._actor.actor import Actor
    from pykka._ref.ref import ActorRef

    P = ParamSpec("P", default=...)

    class Unknown:
        """No actor class takes three of these."""
else:
    from typing import ParamSpec

    P = ParamSpec("P")

A = TypeVar("A", bound="Actor")


class ActorOptions(Generic[A, P]):
    """An actor class with options for its next actors; `Actor.options` returns it.

    It can be used wherever a class is started, and any number of times. For type checkers it is
    `ActorOptions[Cart]`; what `options()` returns knows the arguments of the class as well.

    Examples:
        >>> import pykka
        >>> class Cart(pykka.PooledActor):
        ...     def __init__(self, colour):
        ...         super().__init__()
        ...         self.colour = colour
        >>> cart = Cart.options(name="cart").start("red")
        >>> cart.name
        'cart'
        >>> pykka.ActorRegistry.get_by_name("cart") == cart
        True
        >>> cart.stop()
        True
    """

    __slots__ = ("_actor_class", "_said")

    def __init__(self, actor_class: type[A], said: dict[str, Any]) -> None:
        self._actor_class = actor_class
        self._said = {key: value for key, value in said.items() if value is not None}
        self._check(**said)

    @property
    def actor_class(self) -> type[A]:
        """The class of the actors."""
        return self._actor_class

    if not TYPE_CHECKING:
        # The second parameter has a default, which Python itself knows from 3.13 on.
        __class_getitem__ = classmethod(GenericAlias)

    # mypy does not know the arguments of a class that is in a variable, and takes them for such
    # as no argument can be. The first of these has it take any; for known arguments it is never
    # meant.
    @overload
    def start(
        self: ActorOptions[A, [Unknown, Unknown, Unknown]], /, *args: Any, **kwargs: Any
    ) -> ActorRef[A]: ...
    @overload
    def start(self, /, *args: P.args, **kwargs: P.kwargs) -> ActorRef[A]: ...
    def start(self, /, *args: Any, **kwargs: Any) -> ActorRef[A]:
        """Start an actor; see `Actor.start`.

        Raises:
            NameTakenError: A living actor of the system has that name.
        """
        return self._start_with(args, kwargs)

    def _start_with(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], **said: Any
    ) -> ActorRef[A]:
        chosen = self._said.get("system")
        if chosen is not None and said.get("system", chosen) is not chosen:
            msg = (
                f"{shorten(self)} says another system than the one that is to start the actor, "
                f"which is {shorten(said['system'])}"
            )
            raise ValueError(msg)
        return start_as(self._actor_class, args, kwargs, {**self._said, **said})

    def _check(self, name: Any, inbox: Any, dispatcher: Any, system: Any, loop: Any) -> None:
        if name is not None:
            check_name("the name of an actor", name)
        if inbox is not None:
            require_spec(inbox, "inbox")
        if dispatcher is not None:
            if not hasattr(dispatcher, "_pool"):
                msg = f"dispatcher is {shorten(dispatcher)}, which is no pykka.Dispatcher"
                raise TypeError(msg)
            if not hasattr(self._actor_class, "_pykka_pool"):
                msg = (
                    f"{self._actor_class.__name__} is no PooledActor, so no dispatcher gives it "
                    "its threads"
                )
                raise TypeError(msg)
        if system is not None:
            check_methods("system", system, "pykka.ActorSystem", ["get_by_name"])
        if loop is not None:
            check_methods(
                "loop",
                loop,
                "event loop of asyncio",
                ["call_soon_threadsafe", "is_closed", "is_running"],
            )

    def __repr__(self) -> str:
        said = ", ".join(f"{key}={shorten(value)}" for key, value in self._said.items())
        return f"{self._actor_class.__name__}.options({said})"
