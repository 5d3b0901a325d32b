"""The messages that the library itself sends to actors.

You seldom need them: a proxy builds them for you. They are public so that a program can save the
cost of a proxy:

    >>> import pykka
    >>> from pykka.messages import ProxyCall
    >>> class Adder(pykka.ThreadingActor):
    ...     def add(self, a, b=0):
    ...         return a + b
    >>> adder = Adder.start()
    >>> adder.ask(ProxyCall(attr_path=["add"], args=[1], kwargs={"b": 2}))
    3
    >>> adder.stop()
    True

Subclasses of these classes are handled like the classes themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from pykka._util.checks import is_the_same_again
from pykka._util.signatures import show_plainly as _show_plainly

if TYPE_CHECKING:
    from typing import Protocol

    class HandlingCell(Protocol):
        """What all handlers get: each `pykka._cell.cell.Cell` is that.

        They lie on floors above this one, and know more of it.
        """

        handling: Any
        """What the actor is handling right now."""


__all__ = ["FunctionCall", "ProxyCall", "ProxyGetAttr", "ProxySetAttr"]

H = TypeVar("H", bound="Callable[[Any, Any], object]")

AttrPath: TypeAlias = Sequence[str]
"""The way from an actor to one of its attributes: one name for each step."""

PRIVILEGED: set[type] = set()
"""The messages of the library that an inbox takes at once, however full it is, and never drops."""

KEYED: set[type] = set()
"""Those of them that stand for a message, and have its urgency in an attribute `key`: in an inbox
with priorities, they have their turn."""

ENVELOPED: set[type] = set()
"""The types of messages that always lie in an envelope, also where all others lie in an inbox as
they are: the library's messages, and its envelopes, which would be taken for what they hold."""

NOT_COUNTED: set[type] = set()
"""Those of them that are not counted among the messages that an actor has handled."""

# What an actor does on each type of system message; any other type goes to `on_receive()`. The
# functions are entered by `system_handler`. Subclasses enter themselves when their class statement
# runs. That keeps the question "is this message for the actor or for us?" at one look-up for each
# message, without a chain of isinstance checks.
_handlers: dict[type, Callable[[HandlingCell, Any], object]] = {}


def never_bare(*kinds: type) -> None:
    """Enter types of what lies in an inbox, which a message of such a type would be taken for."""
    ENVELOPED.update(kinds)


def system_handler(
    kind: type, *, privileged: bool = True, keyed: bool = False, counted: bool = True
) -> Callable[[H], H]:
    """Mark the function that says what an actor does on a type of system message.

    Args:
        kind: The type.
        privileged: Whether it is one of `PRIVILEGED`.
        keyed: Whether it is one of `KEYED`.
        counted: Whether it is none of `NOT_COUNTED`.

    Raises:
        ValueError: There is such a function already.
    """

    def register(handler: H) -> H:
        known = _handlers.get(kind)
        if known is not None and not is_the_same_again(known, handler):
            msg = (
                f"{handler.__qualname__}() is to handle {kind.__qualname__}, which another "
                "function does already; give the message a type of its own"
            )
            raise ValueError(msg)
        _handlers[kind] = handler
        ENVELOPED.add(kind)
        if privileged:
            PRIVILEGED.add(kind)
        if keyed:
            KEYED.add(kind)
        if not counted:
            NOT_COUNTED.add(kind)
        return handler

    return register


def _enter_subclass(cls: type) -> None:
    if not PRIVILEGED.isdisjoint(cls.__mro__):
        PRIVILEGED.add(cls)
    for base in cls.__mro__:
        if base in _handlers:
            _handlers[cls] = _handlers[base]
            ENVELOPED.add(cls)
            return


class ProxyCall(NamedTuple):
    """Ask the actor to call a method and to answer with what it returns."""

    attr_path: AttrPath
    """The names that lead from the actor to the method."""

    args: Sequence[Any]
    """Positional arguments."""

    kwargs: dict[str, Any]
    """Keyword arguments."""


class FunctionCall(NamedTuple):
    """Ask the actor to call a function with itself, and to answer with what that returns.

    `ActorRef.call` sends it, if what it is given is no method of the actor's class.
    """

    function: Callable[..., Any]
    """The function. Its first argument is the actor."""

    args: Sequence[Any]
    """Further positional arguments."""

    kwargs: dict[str, Any]
    """Keyword arguments."""


class ProxyGetAttr(NamedTuple):
    """Ask the actor for the value of an attribute."""

    attr_path: AttrPath
    """The names that lead from the actor to the attribute."""


class ProxySetAttr(NamedTuple):
    """Ask the actor to set an attribute."""

    attr_path: AttrPath
    """The names that lead from the actor to the attribute."""

    value: Any
    """The attribute's new value."""


def is_privileged(message: object) -> bool:
    """Tell whether a message, which may be anything, is one that no bound applies to."""
    try:
        return type(message) in PRIVILEGED
    except Exception:  # its class has a metaclass whose instances cannot be hashed
        return False


def is_stop(message: object) -> bool:
    """Tell whether a message, which may be anything, is a request to stop."""
    return issubclass(type(message), _ActorStop)  # isinstance() would ask the message itself


class _ActorStop(NamedTuple):
    """Ask the actor to stop once it has handled what is before this message in its inbox."""


class _WakeUp(NamedTuple):
    """Make an actor's thread look whether the actor has been marked stopped."""


class _LastMessage(NamedTuple):
    """End the actor, without a hook: it is in a child process, and has handled what forked."""


for _message_class in (
    FunctionCall,
    ProxyCall,
    ProxyGetAttr,
    ProxySetAttr,
    _ActorStop,
    _WakeUp,
    _LastMessage,
):
    # The body of a NamedTuple cannot hold an __init_subclass__, so it is put on afterwards.
    setattr(_message_class, "__init_subclass__", classmethod(_enter_subclass))  # noqa: B010

_show_plainly(__all__, globals())
