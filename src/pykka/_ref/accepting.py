"""Refs of actors that say which messages they accept.

For type checkers
    `ask()` and `tell()` of all refs have overloads. The first of them are for actors that accept
    the message, and the last for actors that say nothing, which take any, as in Pykka 4. An actor
    that says something has the method `_accepts`; one that does not has an `_open` that takes
    something. Neither is there when a program runs.

    A ref is matched by what it leads to (`LeadsTo`), since its own parameter is bound to actors,
    and no protocol is one.

When a program runs
    An actor class that accepts some messages only has refs of a class of its own. They look into
    a dict whether the message is of a class that is known to be accepted; so no other actor pays
    for that. The library's own messages are accepted by all.

*Given up:* a look in the cell (each send to each actor would pay); a deprecated overload as a
stopper (mypy does not report it).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pykka import messages
from pykka._futures.unhandled.recall import content_of
from pykka._util.checks import shorten

if TYPE_CHECKING:
    from typing import Protocol, TypeVar

    from pykka._futures.future import Future
    from pykka._ref.ref import ActorRef
    from pykka.timers._timer import Timer

    T_co = TypeVar("T_co", covariant=True)
    M_contra = TypeVar("M_contra", contravariant=True)
    Q_co = TypeVar("Q_co", covariant=True)
    R_co = TypeVar("R_co", covariant=True)

    class LeadsTo(Protocol[T_co]):
        """A ref, a router, or a piece of `pykka.resilience`."""

        def _leads_to(self) -> T_co: ...

    class Accepting(Protocol[M_contra]):
        """An actor that accepts some messages, and says which."""

        def _accepts(self, message: M_contra, /) -> None: ...

    class Open(Protocol):
        """An actor that takes any message."""

        def _open(self, message: object, /) -> None: ...

    class HasChildren(Protocol):
        """An actor that has its children by name: each `pykka.supervision.Supervisor` is that."""

        def _pykka_ref_of_child(self, id: Any, actor_class: Any) -> ActorRef[Any]:  # noqa: A002 (OTP's word)
            """The ref of a child; any thread may ask."""
            ...

    class Asked(Protocol[Q_co, R_co]):
        """A message that says what it is answered with."""

        def _asked(self) -> tuple[Q_co, R_co]: ...


class NotAcceptedError(TypeError):
    """A message was sent to an actor that does not accept it.

    It is a class of its own for routers, which send to many, some of whom may accept it.
    """


_made: dict[type[Any], type[Any]] = {}
"""The classes of such refs, by that of the refs of the runtime."""


def accepting(ref_class: type[ActorRef[Any]]) -> type[Any]:
    """The class of refs that refuse what their actors do not accept.

    Args:
        ref_class: The class of the refs of the runtime.
    """
    found = _made.get(ref_class)
    if found is not None:
        return found
    send, ask = ref_class.tell, ref_class.ask
    tell_after, tell_every = ref_class.tell_after, ref_class.tell_every
    deliver = ref_class._tell_outcome

    base: Any = ref_class

    class Refusing(base):  # type: ignore[misc]
        __slots__ = ()

        def tell(self, message: Any) -> None:
            _require_accepted(self, message)
            send(self, message)

        def ask(
            self,
            message: Any,
            *,
            block: bool = True,
            timeout: float | None = None,
            expire: bool = False,
        ) -> Any | Future[Any]:
            _require_accepted(self, content_of(message))
            return ask(self, message, block=block, timeout=timeout, expire=expire)

        def _tell_outcome(self, message: Any) -> None:
            try:
                _require_accepted(self, message)
            except NotAcceptedError:
                cell = self._cell
                cell.services.to_dead_letters(cell, message, "not accepted by the actor")
                raise
            deliver(self, message)

        def tell_after(self, delay: float, message: Any) -> Timer:
            _require_accepted(self, message)
            return tell_after(self, delay, message)

        def tell_every(
            self, interval: float, message: Any, *, first: float | None = None
        ) -> Timer:
            _require_accepted(self, message)
            return tell_every(self, interval, message, first=first)

    Refusing.__name__ = Refusing.__qualname__ = ref_class.__name__
    Refusing.__module__ = ref_class.__module__
    return _made.setdefault(ref_class, Refusing)


def _require_accepted(ref: ActorRef[Any], message: object) -> None:
    actor_class: Any = ref._cell.actor_class
    accepted: Accepted = actor_class._pykka_accepted
    kind = type(message)
    if not accepted[kind]:
        name = actor_class.__qualname__
        msg = (
            f"{shorten(ref)} does not accept {shorten(message)}: {name} accepts {accepted}. Send "
            f"one of these, or add {kind.__qualname__} to what it accepts"
        )
        raise NotAcceptedError(msg)


class Accepted(dict[type, bool]):
    """Which classes of messages an actor accepts, as far as that was asked.

    Args:
        kinds: The classes, with their subclasses.
    """

    __slots__ = ("_kinds",)

    def __init__(self, kinds: tuple[type, ...]) -> None:
        super().__init__()
        self._kinds = kinds

    def __missing__(self, kind: type) -> bool:
        is_accepted = kind in messages._handlers or issubclass(kind, self._kinds)
        if len(self) >= _MOST:
            self.clear()
        self[kind] = is_accepted
        return is_accepted

    def may_be(self, kind: type) -> bool:
        """Tell whether messages of a class, or of its subclasses, may be accepted."""
        return self[kind] or any(issubclass(each, kind) for each in self._kinds)

    def __str__(self) -> str:
        return " | ".join(kind.__qualname__ for kind in self._kinds) or "none"


_MOST = 1000
"""So many classes of messages are remembered."""
