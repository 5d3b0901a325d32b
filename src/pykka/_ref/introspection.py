"""Looking at an object without running any of its code.

A proxy has to know whether an attribute of its actor is a method, something to go into, or a
plain value. It must not find out with `getattr()`: that would run property getters, in the wrong
thread, where they may block, raise, or see the actor's state in the middle of a change. So this
module reads the `__dict__` of the instance and of the classes in its MRO, in the order of
Python's own look-up, and stops before the step that would call a descriptor.
(`inspect.getattr_static` does much the same at ten times the cost.)

Nothing is cached here. Only the one name that was asked for is looked up, which is so little work
that a change of a class, such as `mock.patch.object(Cls, …)`, is simply seen.
"""

from __future__ import annotations

import functools
from enum import Enum, auto
from types import FunctionType, MemberDescriptorType, MethodType
from typing import TYPE_CHECKING, Any, NamedTuple

from pykka._util.checks import class_dict, mro_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from inspect import Signature

_MISSING = object()

_attribute_of: Any = object.__getattribute__

# Descriptors that give something to call, though they cannot be called themselves.
_METHOD_MAKERS = (classmethod, functools.partialmethod, functools.singledispatchmethod)

# What most attributes are: neither callable, nor a descriptor, nor able to carry a mark.
PLAIN = frozenset({type(None), bool, int, float, str, bytes, tuple, list, dict, set, frozenset})

# What most attributes of classes are.
_PLAIN_ON_CLASSES = PLAIN | {FunctionType, property, staticmethod, classmethod}

# The classes of the library hold nothing of a program's. The ids of those that were met are noted;
# these classes are there for ever.
_LIBRARY = "pykka."
_library: set[int] = {id(object)}


class Kind(Enum):
    """What a proxy does with an attribute."""

    METHOD = auto()
    TRAVERSABLE = auto()
    VALUE = auto()
    MISSING = auto()


class _Found(NamedTuple):
    value: Any
    on_class: bool


def examine(obj: object, name: str) -> tuple[Kind, object]:
    """Tell what kind of attribute an object has under a name, and what is stored there."""
    value, on_class = _look_up(obj, name)
    if type(value) in PLAIN:
        kind = Kind.VALUE
    elif value is _MISSING:
        kind = Kind.MISSING
    elif on_class and _is_data_descriptor(value):
        kind = Kind.VALUE  # a property, whatever it may be besides
    elif callable(value) or (on_class and issubclass(type(value), _METHOD_MAKERS)):
        kind = Kind.METHOD
    elif _is_traversable(value):
        kind = Kind.TRAVERSABLE
    else:
        kind = Kind.VALUE
    return kind, value


def _is_traversable(obj: object) -> bool:
    """Tell whether an object is marked for `pykka.traversable`."""
    return _mark(obj, "_pykka_traversable") is True or _mark(obj, "pykka_traversable") is True


def _mark(obj: object, name: str) -> object:
    """What an object keeps under a name; also in a slot, which is read without code of its own."""
    value = _look_up(obj, name).value
    if type(value) is MemberDescriptorType and not issubclass(type(obj), type):
        try:
            return value.__get__(obj)
        except AttributeError:  # the slot is empty
            return _MISSING
    return value


def look_at(obj: object, name: str) -> object:
    """What is stored under a name, be it a descriptor."""
    return _look_up(obj, name).value


def follow_path(obj: object, path: Iterable[str]) -> object:
    """Go from an object along a path of attributes; None if it leads nowhere."""
    for name in path:
        value = _look_up(obj, name).value
        if value is _MISSING:
            return None
        obj = value
    return obj


def public_names(obj: object) -> list[str]:
    """The names of an object's attributes that do not start with an underscore, sorted."""
    names: set[str] = set(_instance_dict(obj).copy())
    for cls in _classes_of(obj):
        names.update(class_dict(cls))
    return sorted(name for name in names if not name.startswith("_"))


def names_of_program(obj: object) -> set[str]:
    """Those of an object's names that come from a program's classes, or from the object itself."""
    names: set[str] = set(_instance_dict(obj).copy())
    for cls in _classes_of(obj):
        attributes = class_dict(cls)
        if id(cls) not in _library and not str(attributes.get("__module__")).startswith(_LIBRARY):
            names.update(attributes)
    return names


def text_of(obj: object, name: str) -> str | None:
    """The docstring of a method; of the one that it overrides, if it has none itself."""
    for function in _functions(obj, name):
        if function.__doc__ is not None:
            return str(function.__doc__)
    return None


def signature_of(obj: object, name: str) -> Signature:
    """The parameters of a method, for those who call it; any, if they are not known."""
    import inspect  # noqa: PLC0415 (seldom needed; keep it out of start-up)

    kind = inspect.Parameter
    anything = inspect.Signature(
        [kind("args", kind.VAR_POSITIONAL), kind("kwargs", kind.VAR_KEYWORD)]
    )

    found = _look_up(obj, name)
    function = next(_functions(obj, name), None)
    if function is None:
        return anything
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError, NameError):
        return anything
    if not found.on_class or isinstance(found.value, staticmethod):
        return signature
    parameters = list(signature.parameters.values())
    if parameters and parameters[0].kind is not kind.VAR_POSITIONAL:
        del parameters[0]
    return signature.replace(parameters=parameters)


def _functions(obj: object, name: str) -> Iterator[FunctionType]:
    """The functions that an object and its classes have under a name, the nearest first."""
    found = _look_up(obj, name)
    others = [class_dict(cls).get(name) for cls in _classes_of(obj)]
    for value in (found.value, *others):
        given: object = value
        kind = type(given)
        if kind is staticmethod or kind is classmethod or kind is MethodType:
            value = value.__func__  # noqa: PLW2901
        elif kind is functools.singledispatchmethod:
            value = value.func  # noqa: PLW2901
        if type(value) is FunctionType:
            yield value


def find_all(obj: object, kind: type[Any]) -> list[tuple[tuple[str, ...], Any]]:
    """The public attributes that are of a class, with the paths that lead there from an object.

    It looks at what the object and its classes hold, and goes into what is traversable; into what
    it comes back to in a circle, once.
    """
    if not _remarkable(obj):
        return []
    found: list[tuple[tuple[str, ...], Any]] = []
    to_do: list[tuple[tuple[str, ...], object]] = [((), obj)]
    seen = {id(obj)}
    for path, owner in to_do:
        for name, value in _remarkable(owner):
            if issubclass(type(value), kind):  # isinstance() would ask the object itself
                found.append(((*path, name), value))
            elif id(value) not in seen and _may_be_marked(value) and _is_gone_into(owner, name):
                seen.add(id(value))
                to_do.append(((*path, name), value))
    return found


def _remarkable(obj: object) -> list[tuple[str, object]]:
    """The public attributes of an object and its classes, without those that are plain."""
    own = _instance_dict(obj)
    found: list[tuple[str, object]] = [
        item for item in own.copy().items() if item[0][:1] != "_" and type(item[1]) not in PLAIN
    ]
    for cls in _classes_of(obj):
        if id(cls) in _library:
            continue
        attributes = class_dict(cls)
        if _PLAIN_ON_CLASSES.issuperset(map(type, list(attributes.values()))):
            continue
        if str(attributes.get("__module__")).startswith(_LIBRARY):
            _library.add(id(cls))
            continue
        found += [
            item
            for item in attributes.copy().items()
            if item[0][:1] != "_"
            and type(item[1]) not in _PLAIN_ON_CLASSES
            and _look_up(obj, item[0]).value is item[1]
        ]
    return found


def _may_be_marked(obj: object) -> bool:
    """Tell at little cost whether a mark is found on an object or its classes."""
    for marks in (_instance_dict(obj), *map(class_dict, _classes_of(obj))):
        if "pykka_traversable" in marks or "_pykka_traversable" in marks:
            return True
    return False


def _is_gone_into(owner: object, name: str) -> bool:
    return examine(owner, name)[0] is Kind.TRAVERSABLE


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The one of several names that was perhaps meant."""
    import difflib  # noqa: PLC0415 (seldom needed; keep it out of start-up)

    matches = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return matches[0] if matches else None


def _look_up(obj: object, name: str) -> _Found:
    on_class: Any = _MISSING
    for cls in _classes_of(obj):
        on_class = class_dict(cls).get(name, _MISSING)
        if on_class is not _MISSING:
            if _is_data_descriptor(on_class):
                return _Found(on_class, on_class=True)
            break
    value = _instance_dict(obj).get(name, _MISSING)
    if value is not _MISSING:
        return _Found(value, on_class=False)
    return _Found(on_class, on_class=True)


def _classes_of(obj: object) -> tuple[type, ...]:
    """The classes that attributes of an object may come from; a class has its own attributes."""
    mro: tuple[type, ...] = mro_of(obj if issubclass(type(obj), type) else type(obj))
    return mro


def _instance_dict(obj: object) -> dict[str, Any]:
    """What the object itself holds; its own thread may be changing it right now."""
    if issubclass(type(obj), type):
        return {}
    try:
        attributes: dict[str, Any] = object.__getattribute__(obj, "__dict__")
    except AttributeError:
        return {}
    return attributes


def _is_data_descriptor(value: object) -> bool:
    return hasattr(type(value), "__set__") or hasattr(type(value), "__delete__")
