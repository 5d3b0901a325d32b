"""What a proxy has in the place of a ref, if its calls are to go through a piece.

What is asked goes through the piece: calls of methods, and reading and setting attributes. Looking
at the actor, as a proxy does to find its methods, is done by way of the ref. What is told would go
round the piece, which is not what its user means, so it is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from pykka._util.checks import shorten
from pykka.messages import ProxyCall

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pykka._exceptions import ActorDeadError
    from pykka._futures.future import Future
    from pykka._ref.ref import ActorRef
    from pykka.resilience._askable import AskWrapper


class ProxiedPiece:
    """A piece and the ref inside of it, as what a proxy takes for a ref.

    Args:
        piece: The piece.
        ref: The ref that is innermost in it.
    """

    __slots__ = ("_piece", "_ref")

    def __init__(self, piece: AskWrapper[Any], ref: ActorRef[Any]) -> None:
        self._piece = piece
        self._ref = ref

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ref, name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ProxiedPiece) and other._piece is self._piece

    def __hash__(self) -> int:
        return hash(self._piece)

    def __str__(self) -> str:
        return shorten(self._piece)

    __repr__ = __str__

    @property
    def _actor(self) -> Any:
        return self._ref._actor

    def is_alive(self) -> bool:
        """Tell whether the actor is."""
        return self._ref.is_alive()

    def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any:
        """Ask by way of the piece."""
        return self._piece.ask(message, block=block, timeout=timeout)

    def _call(
        self, attr_path: Sequence[str], args: Sequence[Any], kwargs: dict[str, Any]
    ) -> Future[Any]:
        return self._piece._ask_for_future(ProxyCall(attr_path, args, kwargs))

    def _defer(self, *_call: Any) -> NoReturn:
        self.tell()

    def tell(self, *_message: Any) -> NoReturn:
        """Refuse it.

        Raises:
            TypeError: Always.
        """
        msg = (
            f"{self} goes around questions only: what is deferred has no answer that could be "
            "counted, or asked for again. Use a proxy of the ref itself for that"
        )
        raise TypeError(msg)

    tell_after = tell_every = tell

    def _dead_error(self) -> ActorDeadError:
        return self._ref._dead_error()
