"""Copies of exceptions that hold no frames.

Those who learn why an actor has ended, perhaps long afterwards, get the exception. Its traceback
would keep alive all frames that it has passed, and in them the actor and the message. So they get
a copy, of the same class, with the same text and the same fields.

How an exception is copied
    1. As `copy` and `pickle` do, by what `__reduce_ex__()` returns. Many classes, among them those
       of Python itself such as `OSError`, say there what makes them again.
    2. If that fails, or gives another text (an `__init__()` may make its text from its arguments,
       which are then taken for the text), by `__new__()` alone.
    3. If that fails too, it is a `RuntimeError` with the `repr()` of the exception.

    After 1 and 2, what lies in slots is copied besides, since neither does so.

The copy is of the user's class, which may forbid that its attributes are set (a frozen dataclass),
so they are set by the base class's own descriptors. And all of what is called here may raise, so
all of it is tried; `KeyboardInterrupt` on the main thread is passed on.

Exceptions that are arguments or fields of an exception, those of a group above all, are copied in
turn, as far as they lie there directly or in a list, a tuple or a dict.
"""

from __future__ import annotations

from types import FrameType, MemberDescriptorType, TracebackType
from typing import TYPE_CHECKING, Any

from pykka._util.log import is_a, is_for_the_program, safe_repr, safe_str

if TYPE_CHECKING:
    from collections.abc import Callable

    Copies = dict[int, tuple[BaseException, BaseException]]

_OF_BASE: Any = BaseException.__dict__

_HOLDS_ITS_OWNER = frozenset({(AttributeError, "obj")})
"""Fields with the very object that was asked, such as the actor."""


def copy_without_frames(error: BaseException) -> BaseException:
    """Copy an exception, and those that it came from, without their tracebacks."""
    copy: BaseException | None = _attempt(_copy, error, {})
    # It fails if there are a thousand of them.
    return RuntimeError(safe_repr(error)) if copy is None else copy


def _copy(error: BaseException, copies: Copies) -> BaseException:
    known = copies.get(id(error))
    if known is not None:
        return known[1]
    copy = _make(error, copies)
    copies[id(error)] = error, copy
    for name in ("__cause__", "__context__"):
        origin = _OF_BASE[name].__get__(error)
        _OF_BASE[name].__set__(copy, None if origin is None else _copy(origin, copies))
    # Last, for to set a cause sets it.
    suppress: Any = _OF_BASE["__suppress_context__"]
    suppress.__set__(copy, suppress.__get__(error))
    return copy


def _make(error: BaseException, copies: Copies) -> BaseException:
    """Make another exception of the same class with the same text."""
    text = safe_str(error)
    ways = (_regroup,) if is_a(error, BaseExceptionGroup) else (_remake, _make_bare)
    for way in ways:
        copy = _attempt(way, error, copies)
        if type(copy) is type(error) and copy is not error:
            _attempt(_copy_fields, error, copy, copies)
            if safe_str(copy) == text:
                return copy
    return RuntimeError(safe_repr(error))


def _attempt(function: Callable[..., Any], *args: object) -> Any:
    """Call a function; None if it raises."""
    try:
        return function(*args)
    except BaseException as raised:
        if is_for_the_program(raised):
            raise
        return None


def _remake(error: BaseException, copies: Copies) -> Any:
    """Make it again as `copy` does."""
    reduced: Any = error.__reduce_ex__(4)
    make, args, *rest = reduced
    copy = make(*_frameless(args, copies))
    state = rest[0] if rest else None
    set_state: Any = getattr(copy, "__setstate__", None)
    if state is not None and getattr(set_state, "__objclass__", None) is not BaseException:
        set_state(_frameless(state, copies))
    return copy


def _make_bare(error: BaseException, copies: Copies) -> Any:
    """Make it without its `__init__()`."""
    kind = type(error)
    return kind.__new__(kind, *_frameless(error.args, copies))


def _regroup(error: Any, copies: Copies) -> Any:
    """Make a group of copies."""
    kind: Any = type(error)  # pyright: ignore[reportUnknownVariableType]
    make: Any = BaseExceptionGroup.__new__
    return make(kind, error.message, [_copy(member, copies) for member in _members_of(error)])


def _members_of(group: Any) -> Any:
    members: Any = BaseExceptionGroup.exceptions
    return members.__get__(group)


def _copy_fields(error: BaseException, copy: BaseException, copies: Copies) -> None:
    """Copy what lies in the dictionary and in slots."""
    _OF_BASE["__dict__"].__get__(copy).update(
        {key: _frameless(value, copies) for key, value in _dict_of(error).items()}
    )
    for cls in type(error).__mro__:
        if cls is BaseException:
            return
        for name, slot in vars(cls).items():
            if type(slot) is MemberDescriptorType and (cls, name) not in _HOLDS_ITS_OWNER:
                _attempt(_copy_slot, slot, error, copy, copies)


def _dict_of(error: BaseException) -> dict[str, Any]:
    attributes: dict[str, Any] = _OF_BASE["__dict__"].__get__(error)
    return attributes


def _copy_slot(slot: Any, error: BaseException, copy: BaseException, copies: Copies) -> None:
    value = slot.__get__(error)
    # What says None may be not set at all, as the second file of an OSError, and is to stay so.
    if value is not None or _attempt(slot.__get__, copy) is not None:
        slot.__set__(copy, _frameless(value, copies))


def _frameless(value: Any, copies: Copies) -> Any:
    """What a copy gets of an argument or a field."""
    kind: Any = type(value)  # pyright: ignore[reportUnknownVariableType]
    if issubclass(kind, BaseException):
        return _copy(value, copies)
    if kind is TracebackType or kind is FrameType:
        return None
    if kind is list:
        return [_frameless(each, copies) for each in value]
    if kind is tuple:
        return tuple(_frameless(each, copies) for each in value)
    if kind is dict:
        return {key: _frameless(each, copies) for key, each in value.items()}
    return value
