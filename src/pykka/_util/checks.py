"""Refusing wrong arguments, and what the texts of errors are made of.

A function that takes an argument refuses a wrong one at once: where it is passed, before anything
is started, changed or lost. The text names the argument, shows what was given, and says what is
wanted. It stays short whatever was given: see `shorten`.
"""

from __future__ import annotations

import math
import sys
import warnings
from typing import TYPE_CHECKING, Any

from pykka._util.log import LONGEST, safe_repr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


class _Unsaid:
    def __repr__(self) -> str:
        return "UNSAID"


UNSAID: Any = _Unsaid()
"""Stands for an argument that was not given, where `None` means something."""

type_of: Callable[[object], type] = type
"""What a type checker draws no conclusions from, as it would from `type()`."""


def is_the_same_again(function: Any, other: Any) -> bool:
    """Tell whether two functions are the same one, whose module has been loaded twice.

    An import is done once more if a signal handler has interrupted it. What its module has entered
    elsewhere by then is still there, and what it enters now takes its place.
    """
    return (function.__module__, function.__qualname__) == (other.__module__, other.__qualname__)


def shorten(message: object, limit: int = LONGEST) -> str:
    """`repr(message)`, cut to `limit` characters, whatever that repr does."""
    return safe_repr(message, limit)


def list_some(texts: Sequence[str], most: int = 10) -> str:
    """The first of a list, and how many more there are."""
    some = ", ".join(texts[:most])
    more = len(texts) - most
    return f"{some} and {more} more" if more > 0 else some


def in_seconds(seconds: Any) -> str:
    """A time for people: with the digits that it was given, or three if those are many."""
    text = str(seconds)
    if len(text) > len("12345.67"):
        text = f"{float(seconds):.0f}" if abs(seconds) >= 1000 else f"{float(seconds):.3g}"  # noqa: PLR2004
    return f"{text} seconds"


def check_count(name: str, number: Any, *, least: int = 1) -> None:
    """Refuse what is not a whole number, at least 1 or so many.

    Raises:
        TypeError: It is not a whole number.
        ValueError: It is less.
    """
    if isinstance(number, bool) or not isinstance(number, int):
        msg = f"{name} must be a whole number, not {shorten(number)}"
        raise TypeError(msg)
    if number < least:
        msg = f"{name} must be at least {least}, not {shorten(number)}"
        raise ValueError(msg)


def check_number(name: str, number: Any, *, least: float, most: float = math.inf) -> None:
    """Refuse what is not a finite number within bounds.

    Raises:
        TypeError: It is not a number.
        ValueError: It is out of bounds, infinite, or not a number at all (NaN).
    """
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        msg = f"{name} must be a number, not {shorten(number)}"
        raise TypeError(msg)
    if not least <= number <= most or number == math.inf or is_too_large(number):
        bounds = f"at least {least}" if most == math.inf else f"from {least} to {most}"
        msg = f"{name} must be {bounds} and finite, not {show_number(number)}"
        raise ValueError(msg)


def is_too_large(number: Any) -> bool:
    """Tell whether a number is an integer that is larger than any float."""
    return isinstance(number, int) and abs(number) > sys.float_info.max


def show_number(number: Any) -> str:
    """The `repr()` of a number, unless that would be longer than a reader likes."""
    return "an integer that is too large" if is_too_large(number) else shorten(number)


def check_seconds(
    name: str, seconds: Any, *, more_than_zero: bool = False, or_none: bool = False
) -> None:
    """Refuse what is not a number of seconds after which a clock can ring.

    Args:
        name: What the caller calls it.
        seconds: What was given.
        more_than_zero: Whether 0 is refused, too.
        or_none: Whether the caller also takes `None`, for the text.

    Raises:
        TypeError: It is not a number; a truth value is none, either.
        ValueError: It is negative, infinite, not a number at all (NaN), or larger than any float.
    """
    none = " or None" if or_none else ""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        msg = f"{name} has to be a number of seconds{none}, not {shorten(seconds)}"
        raise TypeError(msg)
    if is_too_large(seconds) or not 0 <= seconds < math.inf or (more_than_zero and not seconds):
        least = "more than 0" if more_than_zero else "0 or more"
        msg = f"{name} has to be {least} seconds, and finite, not {show_number(seconds)}"
        raise ValueError(msg)


def check_span(name: str, seconds: Any) -> None:
    """Refuse what is not a finite number of seconds that is more than 0.

    Raises:
        TypeError: It is not a number.
        ValueError: It is out of bounds.
    """
    check_number(name, seconds, least=0)
    if seconds == 0:
        msg = f"{name} must be more than 0, not {shorten(seconds)}"
        raise ValueError(msg)


def check_exception_types(name: str, types: Any) -> None:
    """Refuse what is not an exception class, or a tuple of such.

    Raises:
        TypeError: It is something else.
    """
    some: Any = types
    for each in some if isinstance(types, tuple) else (some,):
        if not (isinstance(each, type) and issubclass(each, BaseException)):
            msg = f"{name} must be an exception class, or a tuple of such, not {shorten(some)}"
            raise TypeError(msg)


def check_flag(name: str, flag: Any) -> None:
    """Refuse what is neither true nor false.

    Raises:
        TypeError: It is something else.
    """
    if not isinstance(flag, bool):
        msg = f"{name} must be True or False, not {shorten(flag)}"
        raise TypeError(msg)


def check_callable(name: str, function: Any, takes: str) -> None:
    """Refuse what cannot be called.

    Args:
        name: What it is.
        function: What was given.
        takes: What it has to take.

    Raises:
        TypeError: It cannot be called.
    """
    if not callable(function):
        msg = f"{name} must be a function that takes {takes}, not {shorten(function)}"
        raise TypeError(msg)


# Neither asks a metaclass that has a `__getattribute__()` of its own.
mro_of: Any = type.__dict__["__mro__"].__get__
class_dict: Any = type.__dict__["__dict__"].__get__


def is_defined(cls: type, name: str) -> bool:
    """Tell whether a class has an attribute, of its own or from a base; it is not looked up."""
    return any(name in class_dict(base) for base in mro_of(cls))


def check_methods(name: str, thing: Any, kind: str, methods: Iterable[str]) -> None:
    """Refuse what has not some methods; a class is refused, too.

    Args:
        name: What it is.
        thing: What was given.
        kind: What it has to be.
        methods: What that has.

    Raises:
        TypeError: It is something else.
    """
    if isinstance(thing, type) or not all(
        callable(getattr(thing, each, None)) for each in methods
    ):
        msg = f"{name} is {shorten(thing)}, which is no {kind}"
        raise TypeError(msg)


def check_clock(name: str, clock: Any) -> None:
    """Refuse what is no clock; `None` is left to the caller."""
    check_methods(name, clock, "pykka.timers.Clock", ("now", "schedule", "forget"))


def check_name(name: str, text: Any) -> None:
    """Refuse what is not a string with something in it.

    Raises:
        TypeError: That is so.
    """
    if not isinstance(text, str) or not text:
        msg = f"{name} is a string that is not empty, not {shorten(text)}"
        raise TypeError(msg)


def check_iterable(name: str, things: Any, of: str) -> None:
    """Refuse what is no collection; a string or a dict is refused, too.

    Raises:
        TypeError: That is so.
    """
    given: Any = things
    if isinstance(things, (str, bytes, dict)) or not hasattr(given, "__iter__"):
        msg = f"{name} must be a sequence of {of}, not {shorten(given)}"
        raise TypeError(msg)


def warn_of_former_name(call: str, former: str, present: str) -> None:
    """Warn that an argument has another name now, on the line of the program that gave it.

    Args:
        call: What is called.
        former: The name that the program has used.
        present: The name of today.
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and _is_ours(frame.f_back.f_globals.get("__name__")):
        frame, level = frame.f_back, level + 1
    text = f"{call}({former}=...) is called {call}({present}=...) now"
    warnings.warn(text, DeprecationWarning, stacklevel=level + 1)


def _is_ours(module: object) -> bool:
    return isinstance(module, str) and module.partition(".")[0] == __name__.partition(".")[0]
