"""Which attribute of its actor a ref is to call, if it is given a method of the actor's class.

`ref.call(Account.deposit, 10)` passes a function, and what is sent is a name: the same message as
a proxy sends, so that all that is said of calls is true of it. In the actor the name is looked up
on the instance, so overrides count, and what a test has put in the place of the method.

The name
    It is looked for in the dictionaries of the class and its bases, and none of their code is run.
    The first of these rules that finds one decides:

    1. The function is there, under its own name or else under another one, or in a
       `staticmethod` or `classmethod`.
    2. What is there under its name was made from it, as decorators do, or both of one function.
       This is what `__wrapped__` and its sisters tell.
    3. Its `__module__` and `__qualname__` say that it belongs to a class of that name among the
       bases, or to a `typing.Protocol`, and there is something under its name. So a method that
       was taken out of the class before `mock.patch` put another one there is found, and the
       methods of a protocol are, which any class may have.

    Any other function that belongs to a class by its `__qualname__` is a stranger's method, which
    is an error of the caller's. What belongs to no class runs in the actor, which it is given as
    its first argument; there is a message of its own for that.

The arguments
    Wrong ones are refused where they are passed, and not in the actor, which could only tell its
    asker later, and would end because of them if there is none. To bind arguments takes longer
    than all else that a sender does. So what is remembered is which *shapes* of calls were found
    right: how many arguments there are, and the names of those that have one. A shape that was
    seen before costs a look into a dict.

    What is looked at is what will be called: an override, or the attribute of the instance, if it
    is a function. Of a mock, of a function that takes anything because it is a decorator's, and
    of what is written in C, the actor finds out.

What is remembered
    Each actor class has a dict of its own for that, so it keeps neither the class alive, nor a
    function that the class does not have. It is a cache: two threads may make it at the same time,
    and it is emptied when it has become large.

*Given up:* a dict of all classes with weak keys (to look into it costs as much as the whole send);
the signature of each method as a function that does nothing (it would have to be compiled from
text); `inspect.signature()` (it takes 10 ms to be imported, follows `__wrapped__` to what is not
called, and may evaluate annotations).
"""

from __future__ import annotations

from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from pykka._ref.introspection import look_at
from pykka._ref.proxy import ActorProxy, CallableProxy
from pykka._util.checks import class_dict, is_defined, mro_of, shorten
from pykka.messages import FunctionCall, ProxyCall

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Path: TypeAlias = tuple[str, ...]

MOST = 1000
"""So many entries of a cache are kept."""

LONGEST_CHAIN = 100
"""So many decorators are looked through; there may be a circle."""

CO_VARARGS = 0x04
CO_VARKEYWORDS = 0x08


class Shapes(dict[Any, "Path | None"]):
    """The calls of a function that were found right: how many arguments, and the names of some."""

    __slots__ = ()

    def __missing__(self, shape: object) -> None:
        return None


class Calls(dict[FunctionType, Shapes]):
    """What is remembered of the functions of an actor class.

    Args:
        owner: The class. Its subclasses inherit the attribute, and may not use it: they may have
            overrides that take something else.
    """

    __slots__ = ("owner",)

    def __init__(self, owner: type[Any] | None = None) -> None:
        super().__init__()
        self.owner = owner

    def __missing__(self, function: object) -> Shapes:
        return _NONE


_NONE = Shapes()


def known_path(
    actor_class: type[Any], method: object, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Path | None:
    """Where the method is found on the actor, if such a call was found right before."""
    if type(method) is not FunctionType:
        return None
    # twin: known path (2 statements)
    calls: Any = actor_class._pykka_calls
    path: Path | None = (
        calls[method][(len(args), *kwargs) if kwargs else len(args)]
        if calls.owner is actor_class
        else None
    )
    return path


def find_path(
    ref: object,
    actor_class: type[Any],
    actor: object,
    method: Any,
    *,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> Path | None:
    """Find where a method is on the actor, and whether it takes the arguments.

    Args:
        ref: What the caller calls, for the texts of errors.
        actor_class: The class of the actor.
        actor: The actor object, if there is one.
        method: What the caller gives.
        args: Its arguments.
        kwargs: Its keyword arguments.

    Returns:
        The name, as a path; `None` if it is a function that belongs to no class.

    Raises:
        TypeError: It is not a function, it belongs to another class, or it does not take the
            arguments.
    """
    call = _Call(ref, actor_class, args, kwargs)
    name, is_lasting = call.find_name(method)
    if name is None:
        if type(method) is FunctionType:
            call.require_fit(method.__qualname__, method, bound=1)
        return None
    is_known = call.check_attribute(name, actor)
    if is_known and is_lasting and type(method) is FunctionType:
        shape = (len(args), *kwargs) if kwargs else len(args)
        _remember(actor_class, method, shape, (name,))
    return (name,)


def find_path_at(
    target: Any, method: Any, args: Sequence[Any], kwargs: dict[str, Any]
) -> Path | None:
    """Find where a method is on the actor that something leads to, which is perhaps a ref.

    If it is none, or there is none, the function is trusted.
    """
    given: object = target
    find: Any = getattr(type(given), "_find_path", None)
    if find is not None:
        path: Path | None = find(target, method, args, kwargs)
        return path
    if not callable(method):
        raise _wrong(target, f"{shorten(method)}, which is no function; {_REMEDY}")
    return (method.__name__,) if _belongs_to_a_class(method) else None


def message_for(
    path: Path | None, method: Any, args: Sequence[Any], kwargs: dict[str, Any]
) -> ProxyCall | FunctionCall:
    """The message that calls a method at a path, or a function if there is no path."""
    return FunctionCall(method, args, kwargs) if path is None else ProxyCall(path, args, kwargs)


def _remember(actor_class: type[Any], method: FunctionType, shape: object, path: Path) -> None:
    calls: Any = class_dict(actor_class).get("_pykka_calls")
    if calls is None:
        calls = Calls(actor_class)
        # Not setattr(), which a metaclass may refuse.
        type.__setattr__(actor_class, "_pykka_calls", calls)
    if len(calls) >= MOST:
        calls.clear()
    shapes = calls.setdefault(method, Shapes())
    if len(shapes) >= MOST:
        shapes.clear()
    shapes[shape] = path


class _Call(NamedTuple):
    """A call that has not been seen before."""

    ref: object
    """What the caller calls, for the texts of errors."""

    actor_class: Any
    args: Sequence[Any]
    kwargs: Mapping[str, Any]

    # --- the name -------------------------------------------------------------------------------

    def find_name(self, method: Any) -> tuple[str | None, bool]:
        """The name of an attribute, and whether the function will be found under it next time."""
        actor_class = self.actor_class
        if type(method) is MethodType:
            owner = method.__self__
            if not isinstance(owner, type):
                if _is_actor_class(type(owner)):
                    raise self._wrong(f"{method.__qualname__}() of an actor object; {_REMEDY}")
                return None, False
            if owner in mro_of(actor_class):
                return _find_by_identity(actor_class, method.__func__), False
            if _is_actor_class(owner):
                raise self._stranger(method, owner.__qualname__)
            return None, False
        is_proxy = issubclass(type(method), (CallableProxy, ActorProxy))
        if is_proxy or not callable(method):
            raise self._wrong(f"{shorten(method)}, which is no function; {_REMEDY}")
        name = _find_by_identity(actor_class, method)
        if name is not None:
            return name, True
        name = _find_by_origin(actor_class, method)
        if name is None and _belongs_to_a_class(method):
            name = _find_by_owner(actor_class, method)
            if name is None:
                raise self._stranger(method, _owner_of(method))
        return name, False

    def _stranger(self, method: Any, owner: str) -> TypeError:
        return self._wrong(
            f"{owner}.{method.__name__}(), which is a method of {owner}, and "
            f"{self.actor_class.__qualname__} is not derived from that; {_REMEDY}"
        )

    # --- the arguments --------------------------------------------------------------------------

    def check_attribute(self, name: str, actor: object) -> bool:
        """Refuse arguments that an attribute of the actor does not take.

        Returns:
            Whether that is so for all actors of the class.
        """
        value: Any = look_at(self.actor_class, name)
        found: Any = value if actor is None else look_at(actor, name)
        is_of_class = found is value
        given: object = found
        kind = type(given)
        bound = int(kind is MethodType or (is_of_class and kind is not staticmethod))
        function: Any = found.__func__ if kind in _HOLDERS or kind is MethodType else found
        if type(function) is not FunctionType:
            return False
        self.require_fit(f"{self.actor_class.__qualname__}.{name}", function, bound)
        return is_of_class

    def require_fit(self, title: str, function: FunctionType, bound: int) -> None:
        """Refuse arguments that a function does not take, if so many come before them."""
        fault = _misfit(function, len(self.args) + bound, self.kwargs, bound)
        if fault is not None:
            raise self._wrong(f"{title}(), but {fault}")

    def _wrong(self, text: str) -> TypeError:
        return _wrong(self.ref, text)


_REMEDY = (
    "pass a method as the actor's class has it, such as Account.deposit, or a function that takes "
    "the actor"
)


def _find_by_identity(actor_class: Any, function: object) -> str | None:
    name: str | None = _name_of(function)
    for base in mro_of(actor_class):
        if name is not None and _is(class_dict(base).get(name), function):
            return name
    wanted = id(function)
    for base in mro_of(actor_class):
        attributes: dict[str, Any] = class_dict(base).copy()
        if wanted in map(id, attributes.values()):
            return next(name for name, value in attributes.items() if value is function)
        for name, value in attributes.items():
            if type(value) in _HOLDERS and _is(value, function):
                return name
    return None


_HOLDERS = (staticmethod, classmethod)


def _is(value: Any, function: object) -> bool:
    return value is function or (type(value) in _HOLDERS and value.__func__ is function)


def _find_by_origin(actor_class: Any, function: object) -> str | None:
    origins = {id(origin) for origin in _origins(function)}
    name: str | None = _name_of(function)
    for base in mro_of(actor_class):
        attributes = class_dict(base)
        if name is not None and name in attributes:
            value = attributes[name]
            if any(id(origin) in origins for origin in _origins(value)):
                return name
    partial = _own(function, "_partialmethod") or _own(function, "__partialmethod__")
    return None if partial is None else _find_by_identity(actor_class, partial)


def _origins(value: Any) -> Iterator[object]:
    """What a decorated function was made from, itself included."""
    for _ in range(LONGEST_CHAIN):
        yield value
        for name in ("__wrapped__", "__func__", "func"):
            inner = _own(value, name)
            if inner is not None:
                break
        else:
            return
        value = inner


def _own(value: Any, name: str) -> Any:
    """What an object holds itself under a name; no code of the object's is run."""
    if type(value) in _HOLDERS:
        return value.__func__ if name == "__func__" else None
    try:
        return object.__getattribute__(value, "__dict__").get(name)
    except (AttributeError, TypeError):
        return None


def _name_of(function: Any) -> Any:
    name: Any = getattr(function, "__name__", None)
    return name if type(name) is str else None


def _belongs_to_a_class(function: Any) -> bool:
    """Tell whether a function says that it is a method, and is not bound to an object."""
    if isinstance(function, type) or getattr(function, "__self__", None) is not None:
        return False
    owner = _owner_of(function)
    return bool(owner) and not owner.endswith("<locals>") and function.__name__ != "<lambda>"


def _owner_of(function: Any) -> str:
    path: Any = getattr(function, "__qualname__", None)
    return path.rpartition(".")[0] if type(path) is str else ""


def _find_by_owner(actor_class: Any, function: Any) -> str | None:
    owner, name = _owner_of(function), str(function.__name__)
    module = getattr(function, "__module__", None)
    if not is_defined(actor_class, name):
        return None
    for base in mro_of(actor_class):
        if base.__qualname__ == owner and base.__module__ == module:
            return name
    names: Any = getattr(function, "__globals__", {})
    found: Any = None
    for part in owner.split("."):
        found = names.get(part)
        if not isinstance(found, type):
            return None
        names = class_dict(found)
    return name if names.get("_is_protocol") is True else None


def _is_actor_class(cls: type[Any]) -> bool:
    return is_defined(cls, "_pykka_cell")


def _wrong(ref: object, text: str) -> TypeError:
    return TypeError(f"{shorten(ref)} was to call {text}")


def _misfit(
    function: FunctionType, count: int, names: Mapping[str, Any], bound: int
) -> str | None:
    """What is wrong with a call of a function; `None` if it takes the arguments.

    Args:
        function: The function.
        count: How many positional arguments it gets.
        names: The names of the keyword arguments.
        bound: How many of the positional arguments are not the caller's.
    """
    code = function.__code__
    most, only_by_place = code.co_argcount, code.co_posonlyargcount
    parameters = code.co_varnames[: most + code.co_kwonlyargcount]
    if count > most and not code.co_flags & CO_VARARGS:
        if most < bound:
            return "that does not even take the actor"
        return f"that takes {_arguments(most - bound)} by position, not {count - bound}"
    given = set(parameters[: min(count, most)])
    for name in names:
        if name in parameters[only_by_place:]:
            if name in given:
                return f"{name!r} is given twice"
            given.add(name)
        elif not code.co_flags & CO_VARKEYWORDS:
            return f"that has no parameter {name!r} that can be given by its name"
    needed = parameters[: most - len(function.__defaults__ or ())]
    by_name_only = function.__kwdefaults__ or {}
    needed += tuple(name for name in parameters[most:] if name not in by_name_only)
    missing = [repr(name) for name in needed if name not in given]
    return f"{' and '.join(missing)} is missing" if missing else None


def _arguments(count: int) -> str:
    return "1 argument" if count == 1 else f"{count} arguments"
