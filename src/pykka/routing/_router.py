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
    - A router is no single actor. So it has no URN, no inbox and no stopped event, and it can be
      neither registered nor watched.

    A router over given refs is a *group*. `pool()` makes one that starts its routees itself, and
    supervises them.

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

        The routees are children of a supervisor (see `pykka.supervision`), which restarts each of
        them that fails. It goes on in place: its inbox waits for the new instance. One that was
        stopped or killed is replaced by a new one; meanwhile, messages go to the others.

        A pool lives until it is stopped, as any actor does, also if nothing holds the router any
        more. Started by an actor, it is a child of that, and ends with it; unless `system` is
        given. An actor starts its pools in `on_start()`, because its starter runs its
        `__init__()`. This waits until all routees have started; where an event loop must not wait,
        use `asyncio.to_thread()`, and for `resize()` as well.

        When the routees have to be restarted too often, the supervisor stops all of them and
        fails. The pool has ended then, and to send to it is an `ActorDeadError` that says why.

        Args:
            actor: What the routees are: an actor class, what its `options()` returned, a function
                that makes an actor, or a `pykka.supervision.ChildSpec`, which says the next six of
                these as well.
            size: How many routees there are.
            args: Arguments for the class or the function.
            kwargs: Keyword arguments for the class or the function.
            restart: When a routee is started again, as in `ChildSpec`.
            shutdown: How long a routee may take to stop, as in `ChildSpec`. As long as it takes,
                if nothing is said, because it has to handle what is in its inbox.
            backoff: How long to wait before a restart, as in `ChildSpec`.
            replace_abandoned: Whether a new routee may take the place of one whose code hangs, as
                in `ChildSpec`.
            max_restarts: So many restarts within `restarts_within` seconds are borne; `None` for
                ten times the size of the pool.
            restarts_within: Seconds.
            name: The name of the supervisor, and of the pool.
            system: The system that the pool belongs to; `None` for that of the actor that starts
                it, or else the default system.
            **options: What else this kind of router takes.

        Raises:
            ChildStartError: A routee could not be started. There is no pool.
            NameTakenError: A living actor of the system has that name.
            TypeError: Something of that is of the wrong kind.
            ValueError: Something of that is impossible.

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
        """How many routees there are; in a pool, those included that are being started anew."""
        return len(self._roster) if self._pool is None else self._pool.size

    @property
    def supervisor(self) -> ActorRef[Any]:
        """The supervisor of a pool: a `pykka.supervision.DynamicSupervisor`.

        Raises:
            AttributeError: The router is no pool.
        """
        if self._pool is None:
            msg = f"{self} has no supervisor; {type(self).__name__}.pool() makes one that has"
            raise AttributeError(msg)
        return self._pool.supervisor

    def resize(self, size: int, *, timeout: float | None = None) -> None:
        """Change how many routees a pool has, while it is in use.

        New ones are started, and take part when they have started. Or the ones that joined last
        are let go: they get no more messages, and are stopped when they have handled what is in
        their inboxes. Whatever is still there when one has ended goes to another routee.

        Args:
            size: How many there are to be, at least 1.
            timeout: Seconds to wait until those have ended that are let go, and until new ones
                have started; `None` waits for ever.

        Raises:
            ActorDeadError: The pool has ended.
            ChildStartError: A routee could not be started. Those before it stay.
            DeadlockError: A routee calls this and waits for itself. It has been let go.
            Timeout: The time was over. What was asked for goes on.
            TypeError: The router is no pool, or `size` is no whole number.
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
        """Send a message, and get what this kind of router makes of the answers.

        Args:
            message: Any object. It is not copied.
            block: Whether to wait for the answer, or to get a future of it at once.
            timeout: Seconds to wait for the answer, if blocking; `None` waits for ever.
            expire: Whether the message is not to be handled after that time; see `ActorRef.ask`.

        Returns:
            The answer, or a future of it.

        Raises:
            ActorDeadError: No routee is alive. Without blocking, the future raises it.
            Timeout: There is no answer after `timeout` seconds. The message stays sent.
            DeadlockError: As for `ActorRef.ask`. Those who wait for the first of several answers
                are not looked at.
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
