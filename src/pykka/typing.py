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

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import TracebackType

    from pykka._futures.future import Future

__all__ = ["ActorMemberMixin", "Method", "proxy_field", "proxy_method"]

T = TypeVar("T")
P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)


class Method(Protocol[P, R_co]):
    """The type of a method on a proxy."""

    def __get__(self, instance: Any, owner: type | None = None) -> Callable[P, R_co]: ...

    def __call__(self, obj: Any, *args: P.args, **kwargs: P.kwargs) -> R_co: ...  # noqa: D102


def proxy_field(field: T) -> Future[T]:
    """Give a field on a proxy its type.

    Args:
        field: The field of the actor class.

    Returns:
        The same field, to a checker a future of it.
    """
    return field  # type: ignore[return-value]


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
        The same method, to a checker one that returns a future.
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
