"""What all routers have in common: they send.

Invariants
    1. *A message is passed on once.* It goes to another routee only if the first one has refused
       it: that one is dead, and the send raised `ActorDeadError`. What was accepted by a routee
       that then ends is answered or reported like all it leaves behind (guarantee G3); or, if a
       pool has let that one go, taken out of its inbox and put into another's.
    2. *Order.* The sender's own thread puts the message into the routee's inbox. So the messages
       of one sender that reach the same routee arrive in the order they were sent (guarantee G2);
       but for what was put into another's inbox as above, which may come late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, TypeVar, overload

from pykka._exceptions import ActorDeadError
from pykka._futures.deadline import check_timeout
from pykka._futures.unhandled.expiry import expiring
from pykka._ref.calls import find_path_at
from pykka._util.log import is_a
from pykka.messages import FunctionCall, ProxyCall
from pykka.routing._collective import Collective
from pykka.routing._pool import start_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Self

    from pykka._actor.actor import Actor
    from pykka._actor.options import ActorOptions
    from pykka._envelope import Letter
    from pykka._futures.future import Future
    from pykka._ref.accepting import Accepting, Asked, LeadsTo, Open
    from pykka._ref.calls import Path
    from pykka._ref.ref import ActorRef
    from pykka._system.system import ActorSystem
    from pykka.resilience._backoff import Backoff
    from pykka.supervision._specs import ChildSpec, Restart, ShutdownTime
    from pykka.timers._timer import Timer

    class PoolOptions(TypedDict, total=False):
        """What `pool()` of any router takes besides what it starts, and how many.

        Each kind of router says the same of its `pool()`, so that pyright and mypy both know what
        the routees are: that of a class whose parameter is not stated is not known.
        """

        args: Sequence[Any]
        kwargs: Mapping[str, Any] | None
        restart: Restart
        shutdown: ShutdownTime
        backoff: Backoff | None
        replace_abandoned: bool
        max_restarts: int | None
        restarts_within: float
        name: str | None
        system: ActorSystem | None


A = TypeVar("A", bound="Actor")
Q = TypeVar("Q")
M = TypeVar("M")
R = TypeVar("R")

if TYPE_CHECKING:
    Maker: TypeAlias = type[A] | ActorOptions[A] | Callable[..., A]
    """What makes routees, a specification apart."""


class RouterRef(Collective[A]):
    """A ref that stands for several actors, its routees.

    This is the base class of all routers, and is not used on its own. The class of a router says
    which routees get a message. The rest is the same for all of them:

    - Routees may have any runtime and different classes, and may be routers themselves. Each is
      in a router only once.
    - A routee that turns out to be dead when a message is sent to it is dropped, and the message
      goes to another one. If none is left, `ActorDeadError` is raised.
    - If a routee refuses a message for another reason, for example because its inbox is full, the
      sender gets that exception.
    - A proxy of a router looks at the class of the first routee. Its calls are routed like other
      messages, and so are reads and writes of attributes.
    - Two routers are never equal, even if they have the same routees.
    - A router is not an actor. So it has no URN, no inbox and no stopped event, and can be neither
      registered nor watched.

    A router of refs that you pass to it is a *group*. `pool()` makes a router that starts its
    routees itself, and supervises them.

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

    __slots__ = ()

    # --- pools ----------------------------------------------------------------------------------

    @classmethod
    def pool(
        cls,
        actor: Maker[A] | ChildSpec,
        size: int,
        *,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        restart: Restart = "permanent",
        shutdown: ShutdownTime = "infinity",
        backoff: Backoff | None = None,
        replace_abandoned: bool = True,
        max_restarts: int | None = None,
        restarts_within: float = 5.0,
        name: str | None = None,
        system: ActorSystem | None = None,
        **options: Any,
    ) -> Self:
        """Start a pool: a router, and routees that it owns.

        The routees are children of a supervisor (see `pykka.supervision`). A routee that fails is
        restarted in place: the messages in its inbox wait for the new instance. One that was
        stopped or killed is replaced by a new one; meanwhile, messages go to the others.

        Like any actor, a pool lives until it is stopped, even if nothing refers to the router any
        more. A pool that an actor starts is a child of that actor, and ends with it, unless
        `system` is given. An actor should start its pools in `on_start()`, because its
        `__init__()` is run by the code that starts it. This method waits until all routees have
        started. If an event loop must not wait, use `asyncio.to_thread()`, for `resize()` as well.

        If the routees have to be restarted too often, the supervisor stops all of them and fails.
        Then the pool has ended, and sending to it raises an `ActorDeadError` that says why.

        Args:
            actor: What the routees are: an actor class, what its `options()` returned, a function
                that makes an actor, or a `pykka.supervision.ChildSpec`, which says the next six of
                these as well.
            size: How many routees there are.
            args: Arguments for the class or the function.
            kwargs: Keyword arguments for the class or the function.
            restart: When a routee is restarted, as in `ChildSpec`.
            shutdown: How long a routee may take to stop, as in `ChildSpec`. By default there is no
                limit, because the routee has to handle what is in its inbox.
            backoff: How long to wait before a restart, as in `ChildSpec`.
            replace_abandoned: Whether a new routee may take the place of one whose code hangs, as
                in `ChildSpec`.
            max_restarts: How many restarts are allowed within `restarts_within` seconds; `None`
                for ten times the size of the pool.
            restarts_within: Seconds; see `max_restarts`.
            name: The name of the supervisor, and of the pool.
            system: The system that the pool belongs to; `None` for that of the actor that starts
                it, or else the default system.
            **options: Further arguments of this kind of router.

        Raises:
            ChildStartError: A routee could not be started. There is no pool.
            NameTakenError: A living actor of the system has that name.
            TypeError: An argument has the wrong type.
            ValueError: An argument has an impossible value.

        Examples:
            >>> import pykka
            >>> from pykka import routing
            >>> class Resizer(pykka.PooledActor):
            ...     def on_receive(self, picture):
            ...         return f"small {picture}"
            >>> resizers = routing.RoundRobin.pool(Resizer, 4, name="resizers")
            >>> resizers
            <RoundRobin pool 'resizers' of 4 (Resizer)>
            >>> resizers.ask("cat")
            'small cat'
            >>> resizers.resize(8)
            >>> len(resizers.routees)
            8
            >>> resizers.stop()
            True
        """
        router = cls((), **options)
        start_pool(
            router,
            actor,
            size,
            name=name,
            system=system,
            max_restarts=max_restarts,
            restarts_within=restarts_within,
            args=args,
            kwargs=kwargs,
            restart=restart,
            shutdown=shutdown,
            backoff=backoff,
            replace_abandoned=replace_abandoned,
        )
        return router

    @property
    def size(self) -> int:
        """How many routees there are; in a pool, including those that are being restarted."""
        return len(self._roster) if self._pool is None else self._pool.size

    @property
    def supervisor(self) -> ActorRef[Any]:
        """The supervisor of a pool: a `pykka.supervision.DynamicSupervisor`.

        Raises:
            AttributeError: The router is not a pool.
        """
        if self._pool is None:
            msg = f"{self} has no supervisor; {type(self).__name__}.pool() makes one that has"
            raise AttributeError(msg)
        return self._pool.supervisor

    def resize(self, size: int, *, timeout: float | None = None) -> None:
        """Change how many routees a pool has, while it is in use.

        If the pool grows, new routees are started, and get messages once they have started. If it
        shrinks, the routees that joined last are removed: they get no more messages, and are
        stopped when they have handled those in their inboxes. A message that is still there when
        one has ended goes to another routee.

        Args:
            size: The new number of routees, at least 1.
            timeout: Seconds to wait until the removed routees have ended and the new ones have
                started; `None` waits for ever.

        Raises:
            ActorDeadError: The pool has ended.
            ChildStartError: A routee could not be started. Those before it stay.
            DeadlockError: A routee calls this and waits for itself. It has been removed.
            Timeout: The time is up. The change still goes on.
            TypeError: The router is not a pool, or `size` is not a whole number.
            ValueError: `size` is less than 1, or `timeout` is negative.
        """
        if self._pool is None:
            msg = f"{self} is no pool, so it cannot be resized; add() and remove() routees"
            raise TypeError(msg)
        self._pool.resize(self, size, timeout)

    # --- sending --------------------------------------------------------------------------------

    # twin: overloads of tell (2 statements)
    @overload
    def tell(self: LeadsTo[Accepting[M]], message: M) -> None: ...
    @overload
    def tell(self: LeadsTo[Open], message: Any) -> None: ...
    def tell(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, message: Any
    ) -> None:
        """Send a message to the routee, or to the routees, that this router chooses.

        Like `ActorRef.tell`, it never blocks and may be called anywhere.

        Args:
            message: Any object. It is not copied.

        Raises:
            ActorDeadError: No routee is alive.
        """
        raise NotImplementedError

    # twin: overloads of ask (6 statements)
    @overload
    def ask(
        self: LeadsTo[Accepting[Q]],
        message: Asked[Q, R],
        *,
        block: Literal[False],
        timeout: float | None = None,
        expire: bool = False,
    ) -> Future[R]: ...
    @overload
    def ask(
        self: LeadsTo[Accepting[Q]],
        message: Asked[Q, R],
        *,
        block: Literal[True] = True,
        timeout: float | None = None,
        expire: bool = False,
    ) -> R: ...
    @overload
    def ask(
        self: LeadsTo[Accepting[Q]],
        message: Asked[Q, R],
        *,
        block: bool = True,
        timeout: float | None = None,
        expire: bool = False,
    ) -> R | Future[R]: ...
    @overload
    def ask(
        self: LeadsTo[Open],
        message: Any,
        *,
        block: Literal[False],
        timeout: float | None = None,
        expire: bool = False,
    ) -> Future[Any]: ...
    @overload
    def ask(
        self: LeadsTo[Open],
        message: Any,
        *,
        block: Literal[True] = True,
        timeout: float | None = None,
        expire: bool = False,
    ) -> Any: ...
    @overload
    def ask(
        self: LeadsTo[Open],
        message: Any,
        *,
        block: bool = True,
        timeout: float | None = None,
        expire: bool = False,
    ) -> Any | Future[Any]: ...
    def ask(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        message: Any,
        *,
        block: bool = True,
        timeout: float | None = None,
        expire: bool = False,
    ) -> Any | Future[Any]:
        """Send a message, and return what this kind of router makes of the answers.

        Args:
            message: Any object. It is not copied.
            block: Whether to wait for the answer; if not, a future of it is returned at once.
            timeout: Seconds to wait for the answer, if blocking; `None` waits for ever.
            expire: Whether the message is not to be handled after that time; see `ActorRef.ask`.

        Returns:
            The answer, or a future of it.

        Raises:
            ActorDeadError: No routee is alive. Without blocking, the future raises it.
            Timeout: There is no answer after `timeout` seconds. The message stays sent.
            DeadlockError: As for `ActorRef.ask`, except that waits for the first of several
                answers are not examined.
            TypeError: `expire` is neither true nor false; the time is `timeout`.
            ValueError: `timeout` is negative.
            Exception: What the actor raised while it handled the message.
        """
        # twin: ask either way (4 statements)
        if expire:
            message = expiring(message, timeout, expire)
        if not block:
            return self._ask(message)
        if timeout is not None:
            check_timeout(timeout)
        return self._ask_and_wait(message, timeout)

    def _tell_outcome(self, message: Any) -> None:
        self.tell(message)

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

    if not TYPE_CHECKING:  # the types are those of ActorRef

        def call(self, method: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            """Call a method of the routee, or of the routees, that this router chooses.

            What is passed is looked for in the class of the first routee; see `ActorRef.call`.
            The future is that of `ask()`: of a `Broadcast`, it is one of a list.
            """
            path = self._find_path(method, args, kwargs)
            if path is None:
                return self._ask(FunctionCall(method, args, kwargs))
            return self._call(path, args, kwargs)

        def defer(self, method: Callable[..., Any], /, *args: Any, **kwargs: Any) -> None:
            """Call a method, and do not wait for an answer; see `call()` and `ActorRef.defer`."""
            path = self._find_path(method, args, kwargs)
            if path is None:
                self.tell(FunctionCall(method, args, kwargs))
            else:
                self._defer(path, args, kwargs)

    def _find_path(
        self, method: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]
    ) -> Path | None:
        return find_path_at(self._roster.first, method, args, kwargs)

    def _tell_all(self, message: Any, send: Callable[[ActorRef[A]], object] | None = None) -> None:
        """Send a message to all routees; one that does not take it keeps no other from it.

        Args:
            message: The message.
            send: Does so otherwise than by `tell()`.
        """
        taken = False
        raised: Exception | None = None
        for routee in self._routees:
            try:
                if send is None:
                    routee.tell(message)
                else:
                    send(routee)
            except Exception as error:  # it is dead, or its inbox is full
                if is_a(error, ActorDeadError) and not routee.is_alive():
                    self._drop(routee)
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

    def _tell_soon(self, message: Any) -> list[Timer]:
        timers: list[Timer] = []
        self._tell_all(message, lambda routee: timers.append(routee.tell_after(0, message)))
        return timers

    def _take_on(self, letter: Letter) -> bool:
        """Put a letter that a routee has left behind into the inbox of another one.

        Returns:
            Whether that was possible. It never waits for room.
        """
        del letter
        return False
