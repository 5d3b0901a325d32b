"""Scopes: actors that end where the block ends in which they were started.

A scope gives actors the lifetime of a block, as `asyncio.TaskGroup` does for tasks.

Invariants
    1. *No actor survives.* Whatever ends the block, it is left only when all its actors have
       ended, their last hooks included. They end one after the other, the one started last first,
       so that each may use, to its very end, those that were started before it.
    2. *A cancellation is not lost, and does not win.* One that comes while the scope waits is
       raised when all have ended. Until then, it makes the scope hurry: all actors that are left
       are asked to stop at once, and those in an event loop are interrupted.
    3. An actor that cannot end as long as the block waits for it (`DeadlockError`,
       `PoolExhaustedError`) keeps none of the others from being stopped; the error is raised then.
    4. An actor that ends by itself is forgotten at the end only; it is no error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from pykka._exceptions import ActorError
from pykka._lifecycle.cancellation import await_through_cancellation, is_cancellation
from pykka._lifecycle.kill import end_of
from pykka._ref.proxy import require_single
from pykka._system.system import require_actor_class

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from pykka._actor.actor import Actor
    from pykka._actor.options import ActorOptions
    from pykka._ref.ref import ActorRef

A = TypeVar("A", bound="Actor")
P = ParamSpec("P")


class ActorScope:
    """Stops the actors that were started in an `async with` block when the block ends.

    The actors may have any runtime. They are stopped in the reverse order of their start, even if
    an exception ends the block, and the block is left when all of them have ended. Each handles
    the messages in its inbox before it stops.

    If the task is cancelled, the actors are stopped as well, and the cancellation continues when
    all have ended. Actors that run in an event loop are cancelled too, so the block does not wait
    for what they await.

    The idea is that of `asyncio.TaskGroup` and of the nurseries of trio.

    Examples:
        >>> import asyncio
        >>> import pykka
        >>> class Echo(pykka.AsyncioActor):
        ...     async def on_receive(self, message):
        ...         return message
        >>> async def main():
        ...     async with pykka.ActorScope() as scope:
        ...         echo = scope.start(Echo)
        ...         print(await echo.ask("hello", block=False))
        ...     return echo.is_alive()
        >>> asyncio.run(main())
        hello
        False
    """

    def __init__(self) -> None:
        self._refs: list[ActorRef[Any]] = []
        self._state = "new"

    # twin: overloads of starting (2 statements)
    @overload
    def start(
        self, actor_class: ActorOptions[A, P], /, *args: P.args, **kwargs: P.kwargs
    ) -> ActorRef[A]: ...
    @overload
    def start(
        self, actor_class: Callable[P, A], /, *args: P.args, **kwargs: P.kwargs
    ) -> ActorRef[A]: ...
    def start(self, actor_class: Any, /, *args: Any, **kwargs: Any) -> ActorRef[Any]:
        """Start an actor that ends with the block.

        Args:
            actor_class: The class of the actor, or what `Actor.options` returned.
            *args: Arguments for its `__init__()`.
            **kwargs: Keyword arguments for its `__init__()`.

        Returns:
            The ref of the actor, as from `Actor.start`.

        Raises:
            RuntimeError: The block has not begun, or has ended.
            TypeError: `actor_class` is something else.
        """
        self._require_open()
        if not hasattr(actor_class, "_start_with"):
            require_actor_class(actor_class)
        ref: ActorRef[Any] = actor_class.start(*args, **kwargs)
        self._refs.append(ref)
        return ref

    def enter(self, ref: ActorRef[A]) -> ActorRef[A]:
        """Let an actor that is already running end with the block.

        Args:
            ref: The ref of the actor.

        Returns:
            The same ref.

        Raises:
            RuntimeError: The block has not begun, or has ended.
            TypeError: `ref` is not the ref of a single actor; of a router, enter the routees.
        """
        self._require_open()
        require_single(ref, "an ActorScope")
        self._refs.append(ref)
        return ref

    async def __aenter__(self) -> Self:
        if self._state != "new":
            msg = "an ActorScope can be entered once; make a new one"
            raise RuntimeError(msg)
        self._state = "open"
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        in_a_hurry = exception is not None and is_cancellation(exception)
        interruption: BaseException | None = None
        ref: ActorRef[Any]

        def hurry() -> None:
            nonlocal in_a_hurry
            in_a_hurry = True
            for each in [*self._refs, ref][::-1]:
                each.stop(block=False)
                each._cell.cancel()

        # What is started while this waits is stopped too, before those that are left.
        while self._refs:
            ref = self._refs.pop()
            ended = end_of(ref._cell)
            ref.stop(block=False)
            if in_a_hurry:
                ref._cell.cancel()
            try:
                interruption = (
                    await await_through_cancellation(ended, ended.done, hurry) or interruption
                )
            except ActorError as error:  # it cannot end before this block has ended
                interruption = error
        self._state = "closed"
        if interruption is not None:
            raise interruption

    def _require_open(self) -> None:
        if self._state != "open":
            msg = (
                "actors can be started in an ActorScope only inside of its block: "
                "async with pykka.ActorScope() as scope: …"
            )
            raise RuntimeError(msg)
