"""Typed messages: what an actor accepts, and what it answers.

`class Counter(pykka.Accepts[Add | GetTotal], pykka.PooledActor)` says which messages the actors of
a class accept. Type checkers check what is sent, and so does each ref when the program runs; see
`pykka._ref.accepting` for both. `GetTotal`, if it is a `Request[float]`, says that it is answered
with a float.

Invariants
    1. *`Accepts` comes before the actor class.* Otherwise the actor class would say first that any
       message goes, and checkers would find nothing wrong. So it is an error when the class is
       made.
    2. *Handlers are found by name.* `handles` marks a function, and the class is looked through
       once, when it is made. What is called is looked up on the instance; so an override handles
       the message of what it overrides, marked or not.
    3. No other actor pays: what refuses messages are refs of a class of their own, which the cell
       makes; so there is a class of cells for each runtime that differs in nothing else.
"""

from __future__ import annotations

import types
import typing
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar, overload

from pykka._actor.actor import Actor
from pykka._actor.death_watch import Terminated
from pykka._ref.accepting import Accepted, accepting
from pykka._ref.ref import ActorRef
from pykka._util.checks import class_dict, shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Never, Protocol, Self

    from pykka._cell.cell import Cell
    from pykka._ref.accepting import Asked

M_contra = TypeVar("M_contra", contravariant=True)
_R_co = TypeVar("_R_co", covariant=True)
S = TypeVar("S")
M = TypeVar("M")
R = TypeVar("R")
Q = TypeVar("Q")

if TYPE_CHECKING:

    class Handles(Protocol[Q, R]):
        """What `handles` returns for a request."""

        @overload
        def __call__(
            self, method: Callable[[S, Q], Coroutine[Any, Any, R]], /
        ) -> Callable[[S, Q], Coroutine[Any, Any, R]]: ...
        @overload
        def __call__(self, method: Callable[[S, Q], R], /) -> Callable[[S, Q], R]: ...


class Request(Generic[_R_co]):
    """A message that declares the type of its answer.

    Derive a class for each kind of request, best a dataclass. The actors that accept it answer
    with the type in the brackets, so type checkers know what `ask()` returns.

    Examples:
        >>> import dataclasses
        >>> import pykka
        >>> @dataclasses.dataclass(frozen=True)
        ... class GetTotal(pykka.Request[float]):
        ...     currency: str
        >>> GetTotal("EUR")
        GetTotal(currency='EUR')
    """

    __slots__ = ()

    if TYPE_CHECKING:

        def _asked(self) -> tuple[Self, _R_co]: ...


class Accepts(Generic[M_contra]):
    """A base for actor classes that accept some messages only; the first base.

    The brackets hold a class, or several with `|` between them; their subclasses are accepted,
    too. Type checkers check the messages to the actors, and the type that `ask()` returns for each
    `Request`. When the program runs, a message of any other class is refused where it is sent.

    Methods with `handles()`, or an `on_receive()` of the class, handle the messages.

    Examples:
        >>> import dataclasses
        >>> import pykka
        >>> @dataclasses.dataclass(frozen=True)
        ... class Add:
        ...     amount: float
        >>> class GetTotal(pykka.Request[float]):
        ...     pass
        >>> class Counter(pykka.Accepts[Add | GetTotal], pykka.PooledActor):
        ...     total = 0.0
        ...     @pykka.handles(Add)
        ...     def _add(self, message: Add) -> None:
        ...         self.total += message.amount
        ...     @pykka.handles(GetTotal)
        ...     def _get_total(self, message: GetTotal) -> float:
        ...         return self.total
        >>> counter = Counter.start()
        >>> counter.tell(Add(2.5))
        >>> counter.ask(GetTotal())
        2.5
        >>> try:
        ...     counter.tell("more")
        ... except TypeError as error:
        ...     print(str(error).partition("> ")[2].partition(".")[0])
        does not accept 'more': Counter accepts Add | GetTotal
        >>> counter.stop()
        True
    """

    _pykka_accepted: ClassVar[Accepted] = Accepted((object,))
    _pykka_handlers: ClassVar[Handlers]

    if TYPE_CHECKING:

        def _accepts(self, message: M_contra, /) -> None: ...

        def _open(self, message: Never, /) -> None: ...

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _require_order(cls)
        kinds = _kinds_of_class(cls)
        if kinds is not None:
            cls._pykka_accepted = Accepted(kinds)
        cls._pykka_handlers = _handlers_of(cls)
        cell_class = _cell_class_of(cls)
        if cell_class is not None:
            setattr(cls, "_pykka_cell_class", _variant(cell_class))  # noqa: B010

    def on_receive(self, message: Any) -> Any:
        """Have the method handle the message that is marked for its class by `handles()`."""
        name = self._pykka_handlers[type(message)]
        if name is None:
            base: Any = super()
            return base.on_receive(message)
        return getattr(self, name)(message)


@overload
def handles(  # type: ignore[overload-overlap]
    kind: type[Asked[Q, R]], /
) -> Handles[Q, R]: ...
@overload
def handles(
    kind: type[M], /, *more: type[M]
) -> Callable[[Callable[[S, M], R]], Callable[[S, M], R]]: ...
def handles(kind: type[Any], /, *more: type[Any]) -> Any:
    """Mark a method of an actor class with `Accepts` as the one that handles some messages.

    Args:
        kind: The class of the messages; its subclasses count, unless they have a method of their
            own.
        *more: Further classes.

    Returns:
        What marks the method, and returns it.

    Raises:
        TypeError: One of them is not a class; or when the actor class is made, it does not accept
            them, or has two methods for the same.
    """
    kinds = (kind, *more)
    for each in kinds:
        given: Any = each
        if not isinstance(given, type):
            msg = (
                f"handles() takes classes of messages, as in @handles(GetTotal), not "
                f"{shorten(given)}"
            )
            raise TypeError(msg)

    def mark(method: Any) -> Any:
        if not callable(method):
            msg = f"handles() marks a method, not {shorten(method)}"
            raise TypeError(msg)
        setattr(method, _MARK, kinds)
        return method

    return mark


_MARK = "_pykka_handles"


class Handlers(dict[type, "str | None"]):
    """The names of the methods that handle messages, by the class of the message."""

    __slots__ = ("declared",)

    def __init__(self, declared: dict[type, str]) -> None:
        super().__init__(declared)
        self.declared = declared

    def __missing__(self, kind: type) -> str | None:
        declared = self.declared
        name = next((declared[base] for base in kind.__mro__ if base in declared), None)
        if len(self) >= len(declared) + _MOST:
            self.clear()
        self[kind] = name
        return name


_MOST = 1000
"""So many classes of messages are remembered."""


def _require_order(cls: type[Any]) -> None:
    for base in cls.__mro__:
        if base is Accepts:
            return
        if issubclass(base, Actor) and not issubclass(base, Accepts):
            first = base.__name__
            msg = (
                f"{cls.__qualname__} has {first} before Accepts among its bases, so it would "
                "accept any message; Accepts comes first, as in "
                f"class {cls.__name__}(pykka.Accepts[…], {first})"
            )
            raise TypeError(msg)


# --- what is accepted ---------------------------------------------------------------------------


def _kinds_of_class(cls: type[Any]) -> tuple[type, ...] | None:
    """What a class says itself that it accepts; `None` if it says nothing."""
    for base in class_dict(cls).get("__orig_bases__", ()):
        if typing.get_origin(base) is Accepts:
            return tuple(_kinds_of(typing.get_args(base)[0]))
    return None


def _kinds_of(said: Any) -> list[type]:
    """The classes that a type means; `object` if it cannot be told when a program runs."""
    value: Any = getattr(said, "__value__", None)  # of a `type` statement
    if value is not None and not isinstance(said, type):
        return _kinds_of(value)
    origin, args = typing.get_origin(said), typing.get_args(said)
    if origin in (typing.Union, types.UnionType):
        return [kind for arg in args for kind in _kinds_of(arg)]
    if origin is typing.Annotated:
        return _kinds_of(args[0])
    if origin is Literal:
        return [type(arg) for arg in args]
    if said in (typing.Never, typing.NoReturn):
        return []
    kind: Any = type(None) if said is None else said if origin is None else origin
    if not isinstance(kind, type) or kind is Any or getattr(kind, "_is_protocol", False):
        kind = object
    return [kind]


# --- what handles it ----------------------------------------------------------------------------


def _handlers_of(cls: type[Any]) -> Handlers:
    declared: dict[type, str] = {}
    for base in cls.__mro__[::-1]:
        own: dict[type, str] = {}
        for name, value in class_dict(base).copy().items():
            kinds = getattr(value, _MARK, None) if isinstance(value, FunctionType) else None
            if kinds is None:
                continue
            declared = {kind: method for kind, method in declared.items() if method != name}
            for kind in kinds:
                before = own.setdefault(kind, name)
                if class_dict(base)[before] is not value:
                    msg = (
                        f"{base.__qualname__} has two methods that handle {kind.__qualname__}: "
                        f"{before}() and {name}()"
                    )
                    raise TypeError(msg)
        declared.update(own)
    accepted: Accepted = cls._pykka_accepted
    for kind, name in declared.items():
        if kind is not Terminated and not accepted.may_be(kind):
            msg = (
                f"{cls.__qualname__}.{name}() is to handle {kind.__qualname__}, and the class "
                f"accepts {accepted}; add it there, as in Accepts[{accepted} | "
                f"{kind.__qualname__}]"
            )
            raise TypeError(msg)
    return Handlers(declared)


# --- the refs -----------------------------------------------------------------------------------

_variants: dict[type[Cell], type[Cell]] = {}


def _cell_class_of(cls: type[Any]) -> type[Cell] | None:
    """What kind of cell the runtime's actors have; `None` if it is no actor class."""
    for base in cls.__mro__:
        found: type[Cell] | None = class_dict(base).get("_pykka_cell_class")
        if found is not None and found not in _variants.values():
            return found
    return None


def like(usual: type[Any], other: type[Any]) -> type[Any]:
    """A kind of cell, or its variant whose refs refuse what is not accepted.

    Args:
        usual: The variant is meant if this is one.
        other: The kind of cell.
    """
    return _variant(other) if usual in _variants.values() else other


def _variant(cell_class: type[Cell]) -> type[Cell]:
    """The same kind of cell, whose refs refuse what is not accepted."""
    found = _variants.get(cell_class)
    if found is None:
        ref_class: Any = cell_class.ref_class or ActorRef
        members: dict[str, Any] = {
            "__slots__": (),
            "__module__": cell_class.__module__,
            "ref_class": accepting(ref_class),
        }
        made = type(cell_class.__name__, (cell_class,), members)
        found = _variants.setdefault(cell_class, made)
    return found
