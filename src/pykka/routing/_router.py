"""What all routers have in common: the routees, and being a ref.

The routees
    The routees of a router are one tuple, which is never changed but only replaced by another,
    together with what the kind of router has made of it, its *plan*: an endless iterator, or a
    ring. Whoever sends takes one of the two as it is, and needs no lock.

    To replace them: read both, make the new ones, and put these in their place if nobody has put
    others there meanwhile; or else begin again. Only the comparison and the replacement are done
    under a lock, so nothing is allocated or called there (guarantee G4): a finaliser or a signal
    handler that strikes anywhere may send through the router, and add and remove routees.

Invariants
    1. *Routees and plan belong together.* They are read and replaced as a pair, under the lock.
       Who does no more than send reads just one of them.
    2. *A message is passed on once.* It goes to another routee only if the first one has refused
       it: that one is dead, and the send raised `ActorDeadError`. What was accepted by a routee
       that then ends is answered or reported like all it leaves behind (guarantee G3).
    3. *Order.* The sender's own thread puts the message into the routee's inbox. So the messages
       of one sender that reach the same routee arrive in the order they were sent (guarantee G2).
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from pykka._deadline import check_timeout
from pykka._exceptions import ActorDeadError
from pykka._lazy import Derivation
from pykka._locks import held
from pykka._proxy import _require_ref
from pykka._ref import ActorRef
from pykka._threading_future import ThreadingFuture
from pykka.messages import ProxyCall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import NoReturn, Self

    from pykka._actor import Actor
    from pykka._future import Future

A = TypeVar("A", bound="Actor")

_new = object.__new__

_replacing = threading.Lock()
"""Held over straight-line code only, by all routers; see the head of this file."""


class RouterRef(ActorRef[A]):
    """A ref that stands for several actors, its routees.

    This is the base of all routers, and is not used on its own. What a router does with a message
    is said by its class. The rest is the same for all of them:

    - Routees may be of any runtime and of different classes, and may be routers in turn. Each is
      in a router once.
    - A routee that is found to be dead when a message is to be sent to it is dropped, and the
      message goes to another one. If there is none left, that is an `ActorDeadError`.
    - What else a send to a routee raises, because its inbox is full for instance, the sender gets.
    - A proxy of a router looks at the class of the first routee. Its calls are routed like other
      messages, and so are reads and writes of attributes.
    - Two routers are never equal, even if they have the same routees.
    - A router is no single actor. So it has no URN, no inbox and no stopped event, and it cannot
      be registered.

    Examples:
        >>> import pykka
        >>> from pykka import routing
        >>> class Worker(pykka.ThreadingActor):
        ...     pass
        >>> one, two = Worker.start(), Worker.start()
        >>> router = routing.RoundRobin([one])
        >>> router
        <RoundRobin over 1 routee (Worker)>
        >>> router.add(two), router.add(two)
        (True, False)
        >>> router.remove(one)
        True
        >>> router.routees == (two,)
        True
        >>> one.stop(), router.stop(), router.is_alive()
        (True, True, False)
    """

    __slots__ = ("_plan", "_routees")

    _routees: tuple[ActorRef[A], ...]
    _plan: Any

    def __new__(cls, refs: Iterable[ActorRef[A]], *_args: Any, **_kwargs: Any) -> Self:
        del refs
        return _new(cls)

    def __init__(self, refs: Iterable[ActorRef[A]]) -> None:
        routees = tuple(refs)
        for ref in routees:
            self._require_routee(ref)
        self._routees = tuple(dict.fromkeys(routees))
        self._plan = self._make_plan(self._routees, None)

    # --- the routees ----------------------------------------------------------------------------

    @property
    def routees(self) -> tuple[ActorRef[A], ...]:
        """The refs that messages are passed on to; a dead one stays until that is noticed."""
        return self._routees

    def add(self, ref: ActorRef[A]) -> bool:
        """Pass messages on to one more routee, from now on.

        Args:
            ref: The ref of an actor, or a router.

        Returns:
            Whether it was none of the routees before.

        Raises:
            TypeError: `ref` is not a ref.
            ValueError: `ref` is this router, or a router that leads back to it.
        """
        self._require_routee(ref)
        return self._replace(lambda routees: routees if ref in routees else (*routees, ref))

    def remove(self, ref: ActorRef[A]) -> bool:
        """Pass no more messages on to a routee. It is not stopped.

        A thread that has just chosen it may still send it one more message. So if it is stopped
        right after this, that message may come too late, and become a dead letter.

        Returns:
            Whether it was one of the routees.
        """
        return self._replace(
            lambda routees: (
                tuple(routee for routee in routees if routee != ref) if ref in routees else routees
            )
        )

    def _replace(self, edit: Callable[[tuple[ActorRef[A], ...]], tuple[ActorRef[A], ...]]) -> bool:
        """Replace the routees by what a function makes of them; False if those are the same."""
        while True:
            routees, plan = self._routees, self._plan
            for _ in held(_replacing):
                routees = self._routees
                plan = self._plan
                _replacing.release()
            edited = edit(routees)
            if edited is routees:
                return False
            new_plan = self._make_plan(edited, plan)
            done = False
            for _ in held(_replacing):
                if self._routees is routees:
                    self._plan = new_plan
                    self._routees = edited
                    done = True
                _replacing.release()
            if done:
                return True

    def _make_plan(self, routees: tuple[ActorRef[A], ...], before: Any) -> Any:
        """What this kind of router makes of its routees, for the use of `_choose`.

        Args:
            routees: The routees.
            before: The plan that is replaced; `None` for the first one.
        """

    def _require_routee(self, ref: Any) -> None:
        _require_ref(ref, type(self).__name__)
        if _leads_to(ref, self):
            msg = f"{ref!r} cannot be a routee of {self!r}: its messages would go round for ever"
            raise ValueError(msg)

    def _living(self) -> list[ActorRef[A]]:
        """The routees that are alive; the others are dropped."""
        living: list[ActorRef[A]] = []
        for routee in self._routees:
            if routee.is_alive():
                living.append(routee)
            else:
                self.remove(routee)
        return living

    # --- sending --------------------------------------------------------------------------------

    def tell(self, message: Any) -> None:
        """Send a message to the routee, or to the routees, that this router chooses.

        Like `ActorRef.tell`, it never blocks and may be called anywhere.

        Args:
            message: Any object. It is not copied.

        Raises:
            ActorDeadError: No routee is alive.
        """
        raise NotImplementedError

    @overload
    def ask(
        self, message: Any, *, block: Literal[False], timeout: float | None = None
    ) -> Future[Any]: ...
    @overload
    def ask(
        self, message: Any, *, block: Literal[True] = True, timeout: float | None = None
    ) -> Any: ...
    @overload
    def ask(
        self, message: Any, *, block: bool = True, timeout: float | None = None
    ) -> Any | Future[Any]: ...
    def ask(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, message: Any, *, block: bool = True, timeout: float | None = None
    ) -> Any | Future[Any]:
        """Send a message, and get what this kind of router makes of the answers.

        Args:
            message: Any object. It is not copied.
            block: Whether to wait for the answer, or to get a future of it at once.
            timeout: Seconds to wait for the answer, if blocking; `None` waits for ever.

        Returns:
            The answer, or a future of it.

        Raises:
            ActorDeadError: No routee is alive. Without blocking, the future raises it.
            Timeout: There is no answer after `timeout` seconds. The message stays sent.
            DeadlockError: As for `ActorRef.ask`. Those who wait for the first of several answers
                are not looked at.
            ValueError: `timeout` is negative.
            Exception: What the actor raised while it handled the message.
        """
        if not block:
            return self._ask(message)
        if timeout is not None:
            check_timeout(timeout)
        return self._ask_and_wait(message, timeout)

    def _ask(self, message: Any) -> Future[Any]:
        """Send a message, and return a future of the answer."""
        raise NotImplementedError

    def _ask_and_wait(self, message: Any, timeout: float | None) -> Any:
        future = self._ask(message)
        try:
            return future.get(timeout=timeout)
        finally:
            del future  # the exception's traceback holds this frame

    def _call(
        self, attr_path: Sequence[str], args: Sequence[Any], kwargs: dict[str, Any]
    ) -> Future[Any]:
        return self._ask(ProxyCall(attr_path, args, kwargs))

    def _defer(
        self, attr_path: Sequence[str], args: Sequence[Any], kwargs: dict[str, Any]
    ) -> None:
        self.tell(ProxyCall(attr_path, args, kwargs))

    def _tell_all(self, message: Any) -> None:
        """Send a message to all routees; one that does not take it keeps no other from it."""
        taken = False
        raised: Exception | None = None
        for routee in self._routees:
            try:
                routee.tell(message)
            except Exception as error:  # it is dead, or its inbox is full
                if isinstance(error, ActorDeadError) and not routee.is_alive():
                    self.remove(routee)
                elif raised is None:
                    raised = error
            else:
                taken = True
        if raised is not None:
            try:
                raise raised
            finally:
                del raised  # the exception's traceback holds this frame
        if not taken:
            raise self._dead_error()

    def _dead_error(self) -> ActorDeadError:
        return ActorDeadError(f"{self} has no living routee; add() one, or make a new router")

    # --- all routees together -------------------------------------------------------------------

    def is_alive(self) -> bool:
        """Tell whether any of the routees is alive."""
        return any(routee.is_alive() for routee in self._routees)

    @overload
    def stop(self, *, block: Literal[True] = True, timeout: float | None = None) -> bool: ...
    @overload
    def stop(self, *, block: Literal[False], timeout: float | None = None) -> Future[bool]: ...
    @overload
    def stop(self, *, block: bool = True, timeout: float | None = None) -> bool | Future[bool]: ...
    def stop(self, *, block: bool = True, timeout: float | None = None) -> bool | Future[bool]:
        """Ask all routees to stop, each when it has handled what is in its inbox now.

        All are asked at once. The router itself does not end: routees that are added later get
        messages like those before them.

        Args:
            block: Whether to wait until all of them have stopped.
            timeout: Seconds to wait for all of them together, if blocking; `None` waits for ever.

        Returns:
            `True` if any of them took the request; `False` if all were dead already. Without
            blocking, a future of that.

        Raises:
            Timeout: Not all have stopped after `timeout` seconds. All have been asked to.
            DeadlockError: A routee calls this and waits for itself. All have been asked to.
        """
        if timeout is not None and block:
            check_timeout(timeout)
        stopped = derive(any, [routee.stop(block=False) for routee in self._routees])
        return stopped.get(timeout=timeout) if block else stopped

    # --- what a ref has, and a router has not ---------------------------------------------------

    @property
    def actor_class(self) -> type[A]:
        """The class of the first routee.

        Raises:
            ActorDeadError: There are no routees.
        """
        for routee in self._routees:
            return routee.actor_class
        raise self._dead_error()

    @property
    def actor_urn(self) -> NoReturn:
        """A router has none; its routees do. To read it is an `AttributeError`."""
        raise self._no_single_actor("actor_urn")

    @property
    def actor_inbox(self) -> NoReturn:
        """A router has none; its routees do. To read it is an `AttributeError`."""
        raise self._no_single_actor("actor_inbox")

    @property
    def actor_stopped(self) -> NoReturn:
        """A router has none; its routees do. To read it is an `AttributeError`."""
        raise self._no_single_actor("actor_stopped")

    @property
    def _address(self) -> NoReturn:  # type: ignore[override]
        raise self._no_single_actor("address")

    @property
    def _actor(self) -> A | None:
        """The actor object that a proxy looks at."""
        return next((routee._actor for routee in self._routees if routee.is_alive()), None)

    def _no_single_actor(self, what: str) -> AttributeError:
        msg = f"{self} is a router and no single actor, so it has no {what}; its routees have one"
        return AttributeError(msg)

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    def __str__(self) -> str:
        routees = self._routees
        kinds = sorted(
            {
                type(each).__name__ if isinstance(each, RouterRef) else each.actor_class.__name__
                for each in routees
            }
        )
        number = "1 routee" if len(routees) == 1 else f"{len(routees)} routees"
        return f"{type(self).__name__} over {number}" + (f" ({', '.join(kinds)})" * bool(kinds))

    def __repr__(self) -> str:
        return f"<{self}>"


def derive(compute: Callable[[Sequence[Any]], Any], futures: Sequence[Future[Any]]) -> Future[Any]:
    """A future of what a function makes of the values of several others, none included."""
    derived: ThreadingFuture[Any] = ThreadingFuture()
    derived._install(Derivation(compute, futures))
    return derived


def ask_of(routee: ActorRef[Any], message: object) -> Future[Any]:
    """A future of a routee's answer, also if it does not even take the message."""
    try:
        return routee.ask(message, block=False)
    except Exception as error:  # its inbox is full, for instance
        return failed(error)


def failed(error: Exception) -> Future[Any]:
    """A future that raises an exception."""
    future: ThreadingFuture[Any] = ThreadingFuture()
    future.set_exception(error)
    return future


def _leads_to(ref: ActorRef[Any], router: RouterRef[Any]) -> bool:
    """Tell whether messages to a ref come to a router sooner or later."""
    return ref is router or (
        isinstance(ref, RouterRef) and any(_leads_to(each, router) for each in ref._routees)
    )


def renew_locks() -> None:
    """Begin with a fresh lock, in a child process; another thread may have held the old one."""
    global _replacing  # noqa: PLW0603
    _replacing = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=renew_locks)
