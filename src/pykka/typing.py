"""Helpers for type hints.

A proxy gets its attributes from its actor while the program runs, so a type checker cannot know
them. These helpers let you describe a proxy in a class that the checker can read:

    >>> from typing import cast
    >>> from pykka import ActorProxy, ThreadingActor
    >>> from pykka.typing import ActorMemberMixin, proxy_field, proxy_method
    >>> class CircleActor(ThreadingActor):
    ...     pi = 3.14
    ...     def area(self, radius: float) -> float:
    ...         return self.pi * radius**2
    >>> class CircleProxy(ActorMemberMixin, ActorProxy[CircleActor]):
    ...     pi = proxy_field(CircleActor.pi)
    ...     area = proxy_method(CircleActor.area)
    >>> circle = cast(CircleProxy, CircleActor.start().proxy())
    >>> circle.area(2).get()  # a checker knows that this is a float
    12.56
    >>> circle.stop().get()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar, overload

from pykka._actor.actor import Actor
from pykka._util.signatures import show_plainly as _show_plainly

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import TracebackType

    from pykka._futures.future import Future
    from pykka.timers._timer import Timer

__all__ = ["ActorMemberMixin", "Method", "proxy_field", "proxy_method"]

T = TypeVar("T")
P = ParamSpec("P")
A = TypeVar("A", bound=Actor)
A_contra = TypeVar("A_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)

if TYPE_CHECKING:

    class BoundMethod(Protocol[P, R_co]):
        """What a proxy gives for a method; see `pykka.CallableProxy`."""

        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
            """Call it."""
            ...

        def defer(self, *args: P.args, **kwargs: P.kwargs) -> None:
            """Call it without an answer."""

        def defer_after(self, delay: float, /, *args: P.args, **kwargs: P.kwargs) -> Timer:
            """Call it later."""
            ...

        def defer_every(self, interval: float, /, *args: P.args, **kwargs: P.kwargs) -> Timer:
            """Call it again and again."""
            ...

    class Property(Protocol[A_contra, R_co]):
        """What pyright knows of a property; to mypy it is a function."""

        def __get__(self, instance: A_contra, owner: type | None = None, /) -> R_co:
            """Get its value."""
            ...


class Method(Protocol[P, R_co]):
    """The type of a method on a proxy."""

    def __get__(self, instance: Any, owner: type | None = None) -> BoundMethod[P, R_co]: ...

    def __call__(self, obj: Any, *args: P.args, **kwargs: P.kwargs) -> R_co: ...  # noqa: D102


@overload
def proxy_field(field: type[T]) -> Future[type[T]]: ...
@overload
def proxy_field(field: Callable[[A], T]) -> Future[T]: ...
@overload
def proxy_field(field: Property[A, T]) -> Future[T]: ...
@overload
def proxy_field(field: T) -> Future[T]: ...
def proxy_field(field: Any) -> Any:
    """Give a field on a proxy its type.

    Args:
        field: The field of the actor class, or a property.

    Returns:
        The same field, which is a future of it for a type checker.
    """
    return field


@overload
def proxy_method(
    field: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]],
) -> Method[P, Future[T]]: ...
@overload
def proxy_method(field: Callable[Concatenate[Any, P], T]) -> Method[P, Future[T]]: ...
def proxy_method(field: Callable[Concatenate[Any, P], Any]) -> Method[P, Future[Any]]:
    """Give a method on a proxy its type.

    Args:
        field: The method of the actor class; it may be `async def`.

    Returns:
        The same method, which returns a future for a type checker.
    """
    return field  # type: ignore[return-value]


def _any(field: Any) -> Any:
    """Give something a type that is written beside it."""
    return field


class ActorMemberMixin:
    """Gives the methods that all actors have their types on a proxy."""

    stop = proxy_method(Actor.stop)
    on_start: Method[[], Future[None]] = _any(Actor.on_start)
    on_stop: Method[[], Future[None]] = _any(Actor.on_stop)
    on_failure: Method[
        [type[BaseException] | None, BaseException | None, TracebackType | None], Future[None]
    ] = _any(Actor.on_failure)
    on_receive = proxy_method(Actor.on_receive)


_show_plainly(__all__, globals())
