"""A function, as something that the pieces of `pykka.resilience` can go around.

For a piece, a call of a function is an ask whose message is the arguments. So a piece that goes
around a function, or around another piece that does, is written once. What is `async def` is not
asked but awaited, so each piece has that besides.

A plain function runs on its caller's thread, and no other thread can interrupt it. So it has no
timeout; one that is awaited has.
"""

from __future__ import annotations

from types import CoroutineType
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, ParamSpec, TypeVar

from pykka._util.checks import shorten, type_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Never

    from pykka._actor.actor import Actor

    P_of = ParamSpec("P_of")
    R_co = TypeVar("R_co", covariant=True)

    class FunctionOf(Actor, Generic[P_of, R_co]):
        """For type checkers: what a piece leads to that goes around a function.

        It is no actor, and cannot be sent anything.
        """

        def _open(self, message: Never, /) -> None: ...

        def _takes(self, *args: P_of.args, **kwargs: P_of.kwargs) -> R_co: ...


COROUTINE_FUNCTION = 0x80
"""The flag of the code of an `async def`."""


class Arguments(NamedTuple):
    """What a function is called with."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Function:
    """A function, as something that can be asked.

    Args:
        function: The function.
    """

    __slots__ = ("_function", "is_async")

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.is_async = _is_async(function)

    def __str__(self) -> str:
        name: Any = getattr(self._function, "__qualname__", None)
        return f"{name}()" if isinstance(name, str) else shorten(self._function)

    __repr__ = __str__

    def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any:
        """Call the function.

        Raises:
            TypeError: It is `async def`, and does not look it.
        """
        del block, timeout
        result = self._function(*message.args, **message.kwargs)
        if type_of(result) is CoroutineType:
            result.close()
            msg = (
                f"{self} has returned a coroutine, which fails or succeeds only when it is "
                "awaited; pass the async def itself"
            )
            raise TypeError(msg)
        return result

    async def _await(self, message: Any) -> Any:
        """Call the function, and await what comes of that."""
        return await self._function(*message.args, **message.kwargs)


def _is_async(function: Any) -> bool:
    """Tell whether a function is `async def`, also behind a `functools.partial()` or a method."""
    for name in ("func", "__func__"):
        function = getattr(function, name, function)
    code: Any = getattr(function, "__code__", None)
    if code is None:  # an object with a method for that
        code = getattr(getattr(type_of(function), "__call__", None), "__code__", None)  # noqa: B004
    return bool(getattr(code, "co_flags", 0) & COROUTINE_FUNCTION)
