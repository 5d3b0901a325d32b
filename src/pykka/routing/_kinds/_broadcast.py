"""Broadcast: each message goes to all routees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, overload

from pykka._futures.threading_future import failed_future
from pykka.routing._answers import ask_of, derive, has_refused
from pykka.routing._router import RouterRef

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable
    from typing import Unpack

    from pykka._actor.actor import Actor
    from pykka._futures.future import Future
    from pykka._ref.ref import ActorRef
    from pykka.routing._router import Maker, PoolOptions
    from pykka.supervision._specs import ChildSpec


A = TypeVar("A", bound="Actor")
B = TypeVar("B", bound="Actor")
P = ParamSpec("P")
R = TypeVar("R")


class Broadcast(RouterRef[A]):
    """Sends each message to all routees; an answer is the list of all their answers.

    The answers are in the order of the routees. If one of them is an exception, that is raised;
    if several are, the first of them. So if a routee ends before it has answered, the answer is
    `ActorDeadError`.

    A call through a proxy calls each routee, and returns a future of the list of their answers.
    Reading an attribute returns a future of the list of its values. Setting one sets it in all
    routees.

    If a routee refuses the message, for example because its inbox is full, the others still get
    it, and then the sender gets the exception.

    Args:
        refs: The routees.

    Raises:
        TypeError: One of `refs` is not a ref.

    Examples:
        >>> import pykka
        >>> from pykka import routing
        >>> class Shard(pykka.PooledActor):
        ...     def __init__(self, words):
        ...         super().__init__()
        ...         self.words = words
        ...     def find(self, letter):
        ...         return [word for word in self.words if letter in word]
        >>> shards = routing.Broadcast([Shard.start(["ape", "bee"]), Shard.start(["cat", "emu"])])
        >>> shards.proxy().find("e").get()
        [['ape', 'bee'], ['emu']]
        >>> shards.proxy().words.get()
        [['ape', 'bee'], ['cat', 'emu']]
        >>> shards.stop()
        True
    """

    __slots__ = ()

    if TYPE_CHECKING:  # see PoolOptions

        @overload  # type: ignore[override]
        @classmethod
        def pool(
            cls, actor: ChildSpec, size: int, **options: Unpack[PoolOptions]
        ) -> Broadcast[Any]: ...
        @overload
        @classmethod
        def pool(
            cls, actor: Maker[B], size: int, **options: Unpack[PoolOptions]
        ) -> Broadcast[B]: ...
        @classmethod
        def pool(cls, actor: Any, size: int, **options: Any) -> Broadcast[Any]:
            """See `RouterRef.pool`."""
            ...

    def __init__(self, refs: Iterable[ActorRef[A]]) -> None:
        super().__init__(refs)

    if TYPE_CHECKING:  # an answer is the list of all answers

        @overload  # type: ignore[override]
        def call(
            self,
            method: Callable[Concatenate[A, P], Coroutine[Any, Any, R]],
            /,
            *args: P.args,
            **kwargs: P.kwargs,
        ) -> Future[list[R]]: ...
        @overload
        def call(
            self, method: Callable[Concatenate[A, P], R], /, *args: P.args, **kwargs: P.kwargs
        ) -> Future[list[R]]: ...
        def call(  # pyright: ignore[reportIncompatibleMethodOverride]
            self, method: Callable[..., Any], /, *args: Any, **kwargs: Any
        ) -> Future[Any]:
            """See `RouterRef.call`."""
            ...

    if not TYPE_CHECKING:  # the types are those of RouterRef

        def tell(self, message: Any) -> None:
            self._tell_all(message)

    def _ask(self, message: Any) -> Future[Any]:
        answers: list[Future[Any]] = []
        for routee in self._living():
            answer = ask_of(routee, message)
            if routee.is_alive() or not has_refused(routee, answer):
                answers.append(answer)
        return derive(list, answers) if answers else failed_future(self._dead_error())
