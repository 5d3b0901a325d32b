"""Signatures that are shown without quotes.

Problem
    The annotations of this package are strings, since what they name is not imported when a
    program runs. `help()`, `inspect.signature()` and the consoles that show signatures while you
    type print a string with its quotes, `help()` up to Python 3.13, the others in all versions:
    `tell(self, message: 'Any') -> 'None'`.

Remedy
    Each annotation of a public function is replaced by a string that is equal to it, and whose
    `repr()` is its text. What evaluates annotations, such as `typing.get_type_hints()`, finds a
    string as before. That is done when a public module has been loaded. It makes the loading of
    what all actors need longer by one to two hundredths.

Tried and rejected: to do it when it is needed, which costs a program that looks at no signature
nothing. Nothing of ours is called then: `inspect.signature()` reads a function, and a function has
no hook. What is left is to watch the imports of the program for `inspect` (most programs have it
anyway, by way of `dataclasses` or `asyncio`), or to put another `inspect.formatannotation` in the
place of Python's; a library ought to do neither. A dict that makes such strings when it is read is
no quicker to put in place than the strings are.
"""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


class Unquoted(str):
    """A string that is shown without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class _UnquotedOf(dict[str, Unquoted]):
    """The strings that were made so far: most annotations occur many times."""

    def __missing__(self, text: str) -> Unquoted:
        made = self[text] = Unquoted(text)
        return made


_unquoted_of = _UnquotedOf()
_BOUND: tuple[Any, ...] = (classmethod, staticmethod)
_done: set[type] = set()
"""The classes that were gone through: many have the same base classes."""


def show_plainly(names: Iterable[str], module: dict[str, Any]) -> None:
    """Have the signatures of public functions and classes shown without quotes.

    To do it again, because a signal handler has interrupted it, does no harm.

    Args:
        names: The public names.
        module: What they name; some may be missing.
    """
    for name in names:
        found = module.get(name)
        if isinstance(found, type):
            for each in found.__mro__:
                if each not in _done and each.__module__.startswith("pykka"):
                    _go_through(each)
                    _done.add(each)
        elif type(found) is FunctionType:
            _unquote(found)


def _go_through(found: type) -> None:
    name: str
    member: Any
    for name, member in found.__dict__.items():
        if isinstance(member, FunctionType):
            if name[0] != "_" or name[1] == "_":
                _unquote(member)
        elif isinstance(member, _BOUND):
            _unquote(member.__func__)


def _unquote(function: Any) -> None:
    """Replace the annotations in place; the keys stay, so that it may be read meanwhile."""
    annotations: dict[str, Any] = getattr(function, "__annotations__", None) or {}
    for name, annotation in annotations.items():
        if isinstance(annotation, str):
            if not isinstance(annotation, Unquoted):
                annotations[name] = _unquoted_of[annotation]
        elif hasattr(annotation, "__forward_arg__"):
            # The constructor of a named tuple, in whose module a text cannot be evaluated anyhow.
            annotations[name] = _unquoted_of[annotation.__forward_arg__]
