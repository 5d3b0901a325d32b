"""Proxies: an actor that looks like an ordinary object.

A proxy is a ref and a path of attribute names. It looks at the actor only when an attribute is
used, so making one costs next to nothing. What it finds to be a method or traversable it keeps in
its own `__dict__`, where Python finds it at once the next time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pykka._exceptions import ActorDeadError
from pykka._ref.introspection import (
    PLAIN,
    Kind,
    examine,
    find_all,
    follow_path,
    look_at,
    names_of_program,
    nearest,
    public_names,
    signature_of,
    text_of,
)
from pykka._util.checks import shorten
from pykka._util.log import logger
from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from pykka._actor.actor import Actor
    from pykka._futures.future import Future
    from pykka._ref.ref import ActorRef
    from pykka.timers._timer import Timer

_attribute_of: Any = object.__getattribute__

A = TypeVar("A", bound="Actor")
T = TypeVar("T")


class ActorProxy(Generic[A]):
    """An actor, with its methods and attributes, as seen from outside.

    A method of the actor becomes a `CallableProxy`. Calling it sends a message to the actor and
    returns a future at once. Reading an attribute returns a future too. An attribute that is
    marked with `traversable` becomes a proxy of its own. Setting an attribute waits until it is
    set, and raises what the setter raised.

    Names that start with an underscore are private and cannot be used through a proxy. Two
    proxies are equal if they stand for the same actor and the same path.

    Args:
        actor_ref: The actor.
        attr_path: The names that lead from the actor to what the proxy stands for.

    Raises:
        ActorDeadError: The actor is dead.
        TypeError: `actor_ref` is not a ref.

    Examples:
        >>> import pykka
        >>> class Counter(pykka.ThreadingActor):
        ...     count = 0
        ...     def add(self, number):
        ...         self.count += number
        ...         return self.count
        >>> counter = Counter.start().proxy()
        >>> counter.add(2).get()
        2
        >>> counter.add.defer(3)
        >>> counter.count.get()
        5
        >>> counter.count = 10
        >>> counter.count.get()
        10
        >>> counter.stop().get()
    """

    actor_ref: ActorRef[A]
    """The actor's ref."""

    _attr_path: tuple[str, ...]
    _first_actor: A | None
    _reads: dict[str, ProxyGetAttr]
    """What is sent to read an attribute of the actor itself that has been read before."""

    def __init__(self, actor_ref: ActorRef[A], attr_path: Sequence[str] | None = None) -> None:
        _require_ref(actor_ref, "an ActorProxy")
        # In this order: an actor that ends just now is dead, and not one without attributes.
        first_actor = actor_ref._actor
        if not actor_ref.is_alive():
            raise _dead_error(actor_ref)
        own = self.__dict__  # __setattr__() is for attributes of the actor
        own["actor_ref"] = actor_ref
        own["_attr_path"] = tuple(attr_path or ())
        own["_first_actor"] = first_actor
        own["_reads"] = {}
        self._warn_of_proxies_to_self()

    @property
    def _actor(self) -> A | None:
        """The actor object; when the actor is dead, the one that it was at first."""
        actor = self.actor_ref._actor
        return self._first_actor if actor is None else actor

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ActorProxy):
            return NotImplemented
        mine = (self.actor_ref, self._attr_path)
        return mine == (other.actor_ref, other._attr_path)  # pyright: ignore[reportUnknownMemberType]

    def __hash__(self) -> int:
        return hash((self.actor_ref, self._attr_path))

    def __repr__(self) -> str:
        return f"<ActorProxy for {self.actor_ref}, attr_path={self._attr_path!r}>"

    def __dir__(self) -> list[str]:
        target = self._target()
        names = {name for name in public_names(target) if not self._is_self(look_at(target, name))}
        of_program = names & names_of_program(target)
        ours = {*super().__dir__(), *names} - of_program
        return [*sorted(of_program), *map(_Later, sorted(ours))]

    def __copy__(self) -> ActorProxy[A]:
        return self

    def __deepcopy__(self, memo: object) -> ActorProxy[A]:
        return self

    def __getattr__(self, name: str) -> Any:
        """Get a method, a traversable attribute, or a future of the attribute's value."""
        # What follows, at less cost, for an attribute that was a value the last time: to look up
        # an attribute of its own takes long in a class that has this method.
        own = _attribute_of(self, "__dict__")
        try:
            message = own["_reads"][name]
        except KeyError:
            pass
        else:
            ref: ActorRef[A] = own["actor_ref"]
            actor = ref._cell.actor
            # If an instance holds something there that is so plain that `examine()` would say it
            # is a value, it is one; or its class has a descriptor that goes first, and is a value
            # too. Either way, there is no need to look at the classes.
            try:
                held = _attribute_of(own["_first_actor"] if actor is None else actor, "__dict__")
                # Of a class, it is no dict.
                is_plain = type(held) is dict and type(held[name]) in PLAIN  # pyright: ignore[reportUnknownArgumentType]
            except (AttributeError, KeyError):
                is_plain = False
            if is_plain:
                return ref.ask(message, block=False)
        return self._find(name)

    def _find(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(self._no_private_attribute(name), name=name)
        kind, value = examine(self._target(), name)
        path = (*self._attr_path, name)
        found: CallableProxy[A] | ActorProxy[A]
        if kind is Kind.METHOD:
            found = CallableProxy(self.actor_ref, path)
        elif kind is Kind.TRAVERSABLE:
            found = ActorProxy(self.actor_ref, path)
        elif kind is Kind.VALUE and not self._is_self(value):
            message = ProxyGetAttr(path)
            if not self._attr_path:
                self._reads[name] = message
            return self.actor_ref.ask(message, block=False)
        else:
            if kind is Kind.VALUE:
                self._warn_of_proxy_to_self(path)
            # With a name and no object, Python does not add a suggestion of its own.
            raise AttributeError(self._no_attribute(name), name=name)
        # One step, so that all who come here at the same time return the same object.
        return self.__dict__.setdefault(name, found)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute of the actor, and wait until it is set."""
        if name == "actor_ref" or name.startswith("_"):
            super().__setattr__(name, value)
            return
        self.__dict__.pop(name, None)
        self.actor_ref.ask(ProxySetAttr((*self._attr_path, name), value))

    def _target(self) -> object:
        return follow_path(self._actor, self._attr_path)

    def _is_self(self, value: object) -> bool:
        if not issubclass(type(value), ActorProxy):  # isinstance() would ask the object itself
            return False
        proxy: Any = value
        return bool(proxy.actor_ref == self.actor_ref)

    def _warn_of_proxies_to_self(self) -> None:
        for path, proxy in find_all(self._actor, ActorProxy):
            if self._is_self(proxy):
                self._warn_of_proxy_to_self(path)

    def _warn_of_proxy_to_self(self, path: Sequence[str]) -> None:
        logger.warning(
            "%s attribute '%s' is a proxy to itself. "
            "Consider making it private by renaming it to '_%s'.",
            self.actor_ref,
            ".".join(path),
            path[-1],
        )

    def _no_private_attribute(self, name: str) -> str:
        if "_attr_path" not in self.__dict__:  # half-made, by copy or pickle
            return name
        text = f"{self!r} has no attribute {name!r}"
        if name.startswith("__") and name.endswith("__"):
            return text
        return f"{text}: what begins with an underscore is private to the actor"

    def _no_attribute(self, name: str) -> str:
        if "_attr_path" not in self.__dict__:  # half-made, by copy or pickle
            return name
        text = f"{self!r} has no attribute {name!r}"
        meant = nearest(name, public_names(self._target()))
        return text if meant is None or meant == name else f"{text}. Did you mean: {meant!r}?"


class _Later(str):
    """A name that comes after all others when they are sorted, as `dir()` does."""

    __slots__ = ()

    def __lt__(self, other: str) -> bool:
        return isinstance(other, _Later) and str.__lt__(self, other)

    def __gt__(self, other: str) -> bool:
        return not isinstance(other, _Later) or str.__gt__(self, other)


class CallableProxy(Generic[A]):
    """A method of an actor, as seen from outside.

    It is what a proxy gives for a method that is not called yet.

    Args:
        actor_ref: The actor.
        attr_path: The names that lead from the actor to the method.

    Raises:
        TypeError: `actor_ref` is not a ref.

    Examples:
        >>> import pykka
        >>> class Greeter(pykka.ThreadingActor):
        ...     def greet(self, name):
        ...         return f"Hi, {name}!"
        >>> greeter = Greeter.start().proxy()
        >>> greeter.greet("you").get()  # ask: a future of the answer
        'Hi, you!'
        >>> greeter.greet.defer("you")  # tell: no answer
        >>> greeter.stop().get()
    """

    actor_ref: ActorRef[A]
    """The actor's ref."""

    def __init__(self, actor_ref: ActorRef[A], attr_path: Sequence[str]) -> None:
        _require_ref(actor_ref, "a CallableProxy")
        self.actor_ref = actor_ref
        self._attr_path = tuple(attr_path)
        if not hasattr(type(actor_ref), "_call"):
            # It has what refs are documented to have, and no more: a mock in a test, for instance.
            self.__class__ = _PlainCallableProxy  # pyright: ignore[reportAttributeAccessIssue]

    def __call__(self, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call the method, with the semantics of `ActorRef.ask`.

        Returns:
            A future of what the method returns. If the method raises, the future raises it, and
            the actor lives on.
        """
        return self.actor_ref._call(self._attr_path, args, kwargs)

    def defer(self, *args: Any, **kwargs: Any) -> None:
        """Call the method, with the semantics of `ActorRef.tell`.

        There is no future. If the method raises, the actor ends and its `on_failure` is called.

        Raises:
            ActorDeadError: The actor is dead.
        """
        self.actor_ref._defer(self._attr_path, args, kwargs)

    def defer_after(self, delay: float, /, *args: Any, **kwargs: Any) -> Timer:
        """Call the method later, with the semantics of `ActorRef.tell_after`.

        Args:
            delay: Seconds until then, by the clock of the actor's system.
            *args: Arguments for the method.
            **kwargs: Keyword arguments for the method.

        Returns:
            The timer, which can be cancelled.

        Raises:
            ActorDeadError: The actor is dead.
            ValueError: `delay` is negative.
        """
        return self.actor_ref.tell_after(delay, ProxyCall(self._attr_path, args, kwargs))

    def defer_every(self, interval: float, /, *args: Any, **kwargs: Any) -> Timer:
        """Call the method again and again, with the semantics of `ActorRef.tell_every`.

        Args:
            interval: Seconds from one call to the next, by the clock of the actor's system.
            *args: Arguments for the method.
            **kwargs: Keyword arguments for the method.

        Returns:
            The timer, which can be cancelled.

        Raises:
            ActorDeadError: The actor is dead.
            ValueError: `interval` is not more than 0.
        """
        return self.actor_ref.tell_every(interval, ProxyCall(self._attr_path, args, kwargs))

    def __get__(self, instance: object, owner: type[Any] | None = None) -> Self:
        """Be itself as an attribute of a class. With this, `help()` takes it for a method."""
        return self

    @property
    def __name__(self) -> str:
        return self._attr_path[-1] if self._attr_path else "proxy"

    def __repr__(self) -> str:
        return f"<CallableProxy for {self.actor_ref}, attr_path={self._attr_path!r}>"

    def _find(self) -> tuple[Any, str]:
        """What has the method, as far as is known, and the method's name."""
        given: Any = self.actor_ref
        actor: Any = getattr(given, "_actor", None)
        *path, name = self._attr_path or ("",)
        start = getattr(given, "actor_class", None) if actor is None else actor
        return follow_path(start, path), name


class _OfMethod:
    """An attribute that tells something of the actor's method, and on the class of the class.

    Args:
        tell: Is given what has the method, and its name.
        of_class: What the class has; `None` if nothing.
    """

    def __init__(self, tell: Callable[[Any, str], Any], of_class: Any = None) -> None:
        self._tell = tell
        self._of_class = of_class

    def __get__(self, proxy: CallableProxy[Any] | None, owner: type[Any]) -> Any:
        if proxy is not None:
            return self._tell(*proxy._find())
        if self._of_class is None:
            raise AttributeError
        return self._of_class


# Not in the body of the class, whose text it has to keep.
setattr(CallableProxy, "__doc__", _OfMethod(text_of, CallableProxy.__doc__))  # noqa: B010
setattr(CallableProxy, "__signature__", _OfMethod(signature_of))  # noqa: B010


class _PlainCallableProxy(CallableProxy[A]):
    # The same, for something in the place of a ref that has `ask()` and `tell()` only. The text of
    # the class is that of the method, so it has none of its own.

    def __call__(self, *args: Any, **kwargs: Any) -> Future[Any]:
        return self.actor_ref.ask(ProxyCall(self._attr_path, args, kwargs), block=False)

    def defer(self, *args: Any, **kwargs: Any) -> None:
        self.actor_ref.tell(ProxyCall(self._attr_path, args, kwargs))


def traversable(obj: T) -> T:
    """Mark an object so that proxies give access to its attributes.

    A proxy gives a future for an attribute of the actor. If the attribute is marked, it gives
    another proxy instead, through which the attribute's own methods and attributes can be used.
    They run in the actor, like the actor's own.

    Args:
        obj: An object, or a class whose instances are all to be marked (so this can be used as a
            decorator). A class attribute `pykka_traversable = True` does the same.

    Returns:
        The same object.

    Raises:
        ValueError: The object has no place for a mark, because its class uses `__slots__` or is
            built in.

    Examples:
        >>> import pykka
        >>> @pykka.traversable
        ... class Playback:
        ...     def play(self):
        ...         return True
        >>> class Player(pykka.ThreadingActor):
        ...     playback = Playback()
        >>> player = Player.start().proxy()
        >>> player.playback.play().get()
        True
        >>> player.stop().get()
    """
    try:
        if "__slots__" in (obj if isinstance(obj, type) else type(obj)).__dict__:
            raise AttributeError  # noqa: TRY301
        obj._pykka_traversable = True  # type: ignore[attr-defined]
    except (AttributeError, TypeError):
        msg = (
            f"pykka.traversable() cannot be used to mark {obj!r}: an object using slots, or of a "
            "built-in type, has no place for the mark. Give its class the attribute "
            "pykka_traversable = True instead."
        )
        raise ValueError(msg) from None
    return obj


def require_single(actor_ref: Any, whose: str) -> None:
    """Refuse what is not the ref of a single actor.

    Raises:
        TypeError: That is so.
    """
    _require_ref(actor_ref, whose)
    if not hasattr(actor_ref, "_cell"):
        msg = (
            f"{whose} takes the ref of a single actor, and {shorten(actor_ref)} stands for "
            "several; take its routees, or for all of them together its when_terminated()"
        )
        raise TypeError(msg)


def _dead_error(actor_ref: Any) -> ActorDeadError:
    """The error for who wants a proxy of a dead actor, or of a router whose routees are dead."""
    error = ActorDeadError(f"{actor_ref} not found")
    make: Any = getattr(actor_ref, "_dead_error", None)  # or it only looks like a ref
    cause: Any = None if make is None else make().__cause__
    if cause is not None:
        error = ActorDeadError(f"{error}; it has failed with {shorten(cause)}")
        error.__cause__ = cause
    return error


def _require_ref(actor_ref: object, whose: str) -> None:
    is_class = isinstance(actor_ref, type)
    if not is_class and hasattr(actor_ref, "is_alive") and hasattr(actor_ref, "ask"):
        return
    takes, given = f"{whose} takes the ref of an actor", shorten(actor_ref)
    if is_class:
        msg = f"{takes}, not the class {given}; start it first"
    elif hasattr(actor_ref, "actor_ref"):
        msg = f"{takes}, not {given}; use its attribute actor_ref"
    else:
        msg = f"{takes}, not {given}"
    raise TypeError(msg)
