"""Refs: how everybody but the actor itself gets at an actor."""

from __future__ import annotations

import sys
import weakref
from types import FunctionType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, Literal, ParamSpec, TypeVar, overload

from pykka._cell.cell import REASON, Cell
from pykka._cell.metering import request, statistics_of
from pykka._envelope import CallEnvelope, Envelope
from pykka._futures.ask import Ask, CallAsk, make_ask
from pykka._futures.deadline import check_timeout
from pykka._futures.threading_future import ThreadingFuture
from pykka._futures.unhandled.expiry import expiring
from pykka._lifecycle.kill import Abandonment, end_of, seconds_of_kill
from pykka._ref.calls import find_path, known_path, message_for
from pykka._ref.proxy import ActorProxy, require_single
from pykka._util.checks import UNSAID, check_seconds, is_defined
from pykka.messages import FunctionCall, ProxyCall, _ActorStop
from pykka.timers._timer import Timer, tell_later

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Coroutine, Sequence

    from pykka._actor.actor import Actor
    from pykka._cell.reasons import Reason
    from pykka._exceptions import ActorDeadError
    from pykka._futures.future import Future
    from pykka._ref.accepting import Accepting, Asked, HasChildren, LeadsTo, Open
    from pykka._ref.calls import Path
    from pykka._statistics import ActorStatistics
    from pykka._system.system import ActorSystem

A = TypeVar("A", bound="Actor")
A_co = TypeVar("A_co", bound="Actor", covariant=True)
P = ParamSpec("P")
Q = TypeVar("Q")
M = TypeVar("M")
R = TypeVar("R")

_new = object.__new__


class ActorRef(Generic[A_co]):
    """A reference to an actor, safe to be passed around and used by any thread.

    `Actor.start` returns one, and the look-up methods of `ActorRegistry` do. Refs are equal if
    they refer to the same actor. A copy of a ref, deep or not, is the ref itself, so messages
    that hold refs can be copied.

    Args:
        actor: The actor.

    Raises:
        TypeError: `actor` is not an actor.

    Examples:
        >>> import pykka
        >>> class Echo(pykka.ThreadingActor):
        ...     def on_receive(self, message):
        ...         return message
        >>> echo = Echo.start()
        >>> echo.tell("no answer is wanted")
        >>> echo.ask("are you there?", timeout=10)
        'are you there?'
        >>> echo.stop()
        True
        >>> echo.is_alive()
        False
    """

    __slots__ = ("__dict__", "__weakref__", "_cell")

    _cell: Cell

    if TYPE_CHECKING:  # the signature that the documentation shows

        def __init__(self, actor: A_co) -> None: ...

        def _leads_to(self) -> A_co:
            """For `LeadsTo`."""
            ...

    def __new__(cls, actor: A_co) -> ActorRef[A_co]:
        cell = getattr(actor, "_pykka_cell", None)
        if not isinstance(cell, Cell):
            msg = f"an ActorRef takes an actor, not {actor!r}; Actor.start() returns a ref"
            raise TypeError(msg)
        ref_class: Any = (cell.ref_class or ActorRef) if cls is ActorRef else cls
        # twin: new ref (3 statements)
        ref: ActorRef[A_co] = _new(ref_class)
        ref._cell = cell
        return ref

    @property
    def actor_class(self) -> type[A_co]:
        """The class of the actor."""
        return self._cell.actor_class  # type: ignore[return-value]

    @property
    def actor_urn(self) -> str:
        """See `Actor.actor_urn`."""
        return self._cell.urn

    @property
    def name(self) -> str | None:
        """The name that the actor was given by `Actor.options`, if it was."""
        extension = self._cell.extension
        return None if extension is None else extension.name

    @property
    def system(self) -> ActorSystem:
        """The system that the actor belongs to."""
        system: Any = self._cell.services
        return system  # type: ignore[no-any-return]

    @property
    def actor_inbox(self) -> Any:
        """See `Actor.actor_inbox`."""
        return self._cell.public_inbox

    @property
    def actor_stopped(self) -> threading.Event:
        """See `Actor.actor_stopped`."""
        return self._cell.event

    @property
    def _actor(self) -> A_co | None:
        """The actor object while the actor lives; the tests of some programs look at it."""
        return self._cell.actor  # type: ignore[return-value]

    @property
    def _actor_weakref(self) -> weakref.ref[A_co]:
        """A weak reference to the actor object, dead when the actor is; programs look at it."""
        actor = self._cell.actor
        found: Any = _to_nothing if actor is None else weakref.ref(actor)
        return found  # type: ignore[no-any-return]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ActorRef):
            return NotImplemented
        # A router has no cell.
        return self._cell is getattr(other, "_cell", None)  # pyright: ignore[reportUnknownArgumentType]

    def __hash__(self) -> int:
        return hash(self._cell)

    def __str__(self) -> str:
        return str(self._cell)

    def __repr__(self) -> str:
        return f"<ActorRef for {self}>"

    def __copy__(self) -> ActorRef[A_co]:
        return self

    def __deepcopy__(self, memo: object) -> ActorRef[A_co]:
        return self

    def __reduce__(self) -> str:
        msg = f"{self!r} cannot be pickled, because the actor is known in this process only"
        raise TypeError(msg)

    def is_alive(self) -> bool:
        """Tell whether the actor has not been stopped.

        The actor may stop right afterwards, or be busy for a long time, so a message to an actor
        that is alive may still not be answered.
        """
        return not self._cell.stopped

    # twin: overloads of tell (2 statements)
    @overload
    def tell(self: LeadsTo[Accepting[M]], message: M) -> None: ...
    @overload
    def tell(self: LeadsTo[Open], message: Any) -> None: ...
    def tell(self, message: Any) -> None:
        """Send a message and do not wait for an answer.

        It never blocks, unless the actor class has a bounded inbox of its own and that is full.
        It may be called anywhere: in a signal handler, in `__del__`, in a log handler.

        Args:
            message: Any object. It is not copied.

        Raises:
            ActorDeadError: The actor is dead.
        """
        cell = self._cell
        # twin: refuse (1 statement)
        if cell.stopped:
            raise cell.dead_error("not found")
        envelope = _new(Envelope)  # pyright: ignore[reportUnknownVariableType]
        envelope.message = message
        envelope.reply_to = None
        # What follows is Cell.send(), whose invariant holds here as well.
        # twin: send (2 statements)
        cell.inbox.put(envelope)
        if cell.closed:
            cell.drain_to_dead_letters()

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
    def ask(
        self,
        message: Any,
        *,
        block: bool = True,
        timeout: float | None = None,
        expire: bool = False,
    ) -> Any | Future[Any]:
        """Send a message and get the answer.

        Args:
            message: Any object. It is not copied.
            block: Whether to wait for the answer, or to get a future of it at once.
            timeout: Seconds to wait for the answer, if blocking; `None` waits for ever.
            expire: Whether the message is not to be handled if its turn comes after `timeout`
                seconds, blocking or not. The future ends with `AskExpiredError` then, and the
                actor counts it (`ActorStatistics.expired`). Without a timeout it makes no
                difference. For all who ask the actors of a class, see `expire_asks`.

        Returns:
            What the actor answered, or a future of it.

        Raises:
            ActorDeadError: The actor is dead. Without blocking, the future raises it.
            Timeout: There is no answer after `timeout` seconds. The message stays sent, unless it
                expires.
            DeadlockError: An actor asks itself, or one that waits for it, without a timeout. The
                message stays sent.
            TypeError: `expire` is neither true nor false; the time is `timeout`.
            ValueError: `timeout` is negative.
            Exception: What the actor raised while it handled the message.
        """
        if timeout is not None and block:
            check_timeout(timeout)
        if expire:
            message = expiring(message, timeout, expire)
        cell = self._cell
        future: Future[Any]
        envelope: Ask | Envelope[Any]
        sundries = cell.sundries
        if sundries is None or (create_future := sundries.create_future) is None:
            # What follows is make_ask(), to save the call.
            # twin: make ask (5 statements)
            future = envelope = _new(Ask)
            envelope.message = message
            envelope._answered_by = cell
            envelope._log = []
            envelope._outcome = None
        else:
            future = create_future()
            envelope = _envelope_for(future, message, cell)
        if cell.stopped:
            error = cell.dead_error("not found")
            error._refused_by = cell
            future.set_exception((type(error), error, None))
            if isinstance(envelope, Ask):
                envelope.release()
        elif block and timeout is None:
            cell.send_and_run(envelope)
        else:
            cell.send(envelope)
        if block:
            try:
                return future.get(timeout=timeout)
            finally:
                # An exception's traceback holds this frame; do not let the frame hold it in turn.
                del future, envelope
        return future

    # twin: overloads of stop (3 statements)
    @overload
    def stop(self, *, block: Literal[True] = True, timeout: float | None = None) -> bool: ...
    @overload
    def stop(self, *, block: Literal[False], timeout: float | None = None) -> Future[bool]: ...
    @overload
    def stop(self, *, block: bool = True, timeout: float | None = None) -> bool | Future[bool]: ...
    def stop(self, *, block: bool = True, timeout: float | None = None) -> bool | Future[bool]:
        """Ask the actor to stop when it has handled the messages that are in its inbox now.

        What is sent after it is not handled: asks are answered with `ActorDeadError`, tells are
        reported as dead letters. A stopped actor cannot be started again.

        Args:
            block: Whether to wait until the actor has stopped, its `on_stop` included.
            timeout: Seconds to wait, if blocking; `None` waits for ever.

        Returns:
            `True` if the actor took the request; `False` if it was dead already. Without
            blocking, a future of that.

        Raises:
            Timeout: The actor has not stopped after `timeout` seconds. The request stays sent.
            DeadlockError: An actor stops itself, or one that waits for it, and waits for that.
        """
        if timeout is not None and block:
            check_timeout(timeout)
        cell = self._cell
        future: Future[bool]
        envelope: Ask | Envelope[Any]
        sundries = cell.sundries
        if sundries is None or (create_future := sundries.create_future) is None:
            future = envelope = make_ask(_ActorStop(), cell)
        else:
            future = create_future()
            envelope = _envelope_for(future, _ActorStop(), cell)
        if cell.stopped:
            future.set(False)
        elif block and timeout is None:
            cell.send_and_run(envelope)
        else:
            cell.send(envelope)
        if block:
            return future.get(timeout=timeout)
        return future

    @overload
    def kill(
        self,
        *,
        abandon_after: float | None = UNSAID,
        block: Literal[True] = True,
        deadline: float | None = UNSAID,
    ) -> bool: ...
    @overload
    def kill(
        self,
        *,
        abandon_after: float | None = UNSAID,
        block: Literal[False],
        deadline: float | None = UNSAID,
    ) -> Future[bool]: ...
    @overload
    def kill(
        self,
        *,
        abandon_after: float | None = UNSAID,
        block: bool = True,
        deadline: float | None = UNSAID,
    ) -> bool | Future[bool]: ...
    def kill(
        self,
        *,
        abandon_after: float | None = UNSAID,
        block: bool = True,
        deadline: float | None = UNSAID,
    ) -> bool | Future[bool]:
        """End the actor right after the message that it is handling.

        Unlike `stop()`, it does not wait for its turn in the inbox. Asks that are left there are
        answered with `ActorDeadError`; tells become dead letters. The actor's `on_stop()` runs.

        What an `AsyncioActor` awaits is cancelled, so its `finally` blocks and `on_stop()` run at
        once, and the asker gets `ActorDeadError`.

        Python cannot end any other handler that does not return, nor one that suppresses the
        cancellation. Such an actor is *abandoned* when its time is over: from then on it counts
        as dead, its watchers get the reason `Abandoned`, and whatever its code does later makes
        no difference. (If it is the `on_stop()` of an `AsyncioActor` that takes so
        long, that is cancelled first, and has a second to end.)

        Args:
            abandon_after: Seconds, by the clock of the actor's system, after which the actor is
                abandoned; `None` waits for the handler to return. If nothing is said, they are
                the `stop_timeout` of that system: 5 seconds, unless it says otherwise.
            block: Whether to wait until the actor has ended.
            deadline: The former name of `abandon_after`; deprecated.

        Returns:
            `True` if the actor has ended because of this, or was ending; `False` if it was dead
            already. Without blocking, a future of that.

        Raises:
            DeadlockError: An actor kills itself, or one that waits for it, and waits for that.
            TypeError: `abandon_after` is not a number.
            ValueError: `abandon_after` is negative or infinite. Nothing has been killed.
        """
        seconds = seconds_of_kill(abandon_after, deadline)
        cell = self._cell
        ended = end_of(cell, answer=cell.actor is not None)
        cell.kill()
        if seconds is UNSAID:
            seconds = cell.services.stop_timeout
        if seconds is not None and not ended.done():
            Abandonment(cell, seconds).until(ended)
        return ended.get() if block else ended

    def when_terminated(self) -> Future[Reason]:
        """Return a future of the reason why the actor has ended.

        It is resolved when the actor has fully ended, including its last hook. It may be called at
        any time, even long afterwards. Actors should rather use `Actor.watch`.

        Examples:
            >>> import pykka
            >>> class Fragile(pykka.ThreadingActor):
            ...     def on_receive(self, message):
            ...         raise ValueError(message)
            >>> fragile = Fragile.start()
            >>> fragile.tell("too much")
            >>> fragile.when_terminated().get(timeout=10)
            Failed(ValueError('too much'))
        """
        return end_of(self._cell, answer=REASON)

    def tell_after(self, delay: float, message: Any) -> Timer:
        """Send a message later.

        Args:
            delay: Seconds until it is sent, by the clock of the actor's system.
            message: Any object. It is not copied.

        Returns:
            The timer, which can be cancelled. If the actor ends before, it is cancelled by that.

        Raises:
            ActorDeadError: The actor is dead.
            TypeError: `delay` is not a number.
            ValueError: `delay` is negative or infinite.
        """
        return tell_later(self._cell, message, delay)

    def tell_every(self, interval: float, message: Any, *, first: float | None = None) -> Timer:
        """Send a message again and again.

        If the actor has not yet begun to handle one when the next is due, the next one is skipped,
        and counted in `Timer.missed`; so a slow actor is not flooded.

        Args:
            interval: Seconds from one to the next, by the clock of the actor's system.
            message: Any object. It is not copied.
            first: Seconds until the first one; `None` for one interval.

        Returns:
            The timer, which can be cancelled. When the actor ends, it is cancelled by that.

        Raises:
            ActorDeadError: The actor is dead.
            TypeError: One of the times is not a number.
            ValueError: `interval` is not more than 0, `first` is negative, or one is infinite.

        Examples:
            >>> import queue
            >>> import pykka
            >>> class Clockwork(pykka.ThreadingActor):
            ...     def __init__(self, ticks):
            ...         super().__init__()
            ...         self.ticks = ticks
            ...     def on_receive(self, message):
            ...         self.ticks.put(message)
            >>> ticks = queue.SimpleQueue()
            >>> clockwork = Clockwork.start(ticks)
            >>> timer = clockwork.tell_every(0.001, "tick")
            >>> [ticks.get(timeout=10) for _ in range(3)]
            ['tick', 'tick', 'tick']
            >>> clockwork.stop()
            True
        """
        check_seconds("interval", interval, more_than_zero=True)
        delay = interval if first is None else first
        return tell_later(self._cell, message, delay, interval, what="first")

    def timers(self) -> list[Timer]:
        """Return the actor's timers that have something left to deliver."""
        extension = self._cell.extension
        return [] if extension is None else list(extension.timers.copy())

    def statistics(self) -> ActorStatistics:
        """Return counts of the actor's messages.

        The number of messages that wait is always known. The rest is counted only after
        `keep_statistics()`, so that it costs nothing unless it is wanted.

        Examples:
            >>> import pykka
            >>> class Echo(pykka.ThreadingActor):
            ...     def on_receive(self, message):
            ...         return message
            >>> echo = Echo.start()
            >>> echo.keep_statistics()
            >>> echo.ask("hello")
            'hello'
            >>> statistics = echo.statistics()
            >>> statistics.handled, statistics.failures, statistics.waiting
            (1, 0, 0)
            >>> echo.stop()
            True
        """
        return statistics_of(self._cell)

    def keep_statistics(self) -> None:
        """Let the actor count its messages from now on; see `statistics()`.

        It begins with the message after the one that it is handling now. It never stops.
        """
        request(self._cell)

    # --- calls ----------------------------------------------------------------------------------

    # twin: overloads of call (2 statements)
    @overload
    def call(
        self,
        method: Callable[Concatenate[A_co, P], Coroutine[Any, Any, R]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Future[R]: ...
    @overload
    def call(
        self, method: Callable[Concatenate[A_co, P], R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[R]: ...
    def call(self, method: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call a method of the actor, given as an attribute of its class.

        So type checkers and editors know what the method takes and returns. It is the same as a
        call through a proxy: a message that is handled in its turn. If the actor's class overrides
        the method, the override is called.

        Args:
            method: A method of the actor's class, such as `Account.deposit`. Or any function that
                belongs to no class: it runs in the actor, and its first argument is the actor.
            *args: Arguments for the method.
            **kwargs: Keyword arguments for the method.

        Returns:
            A future of what the method returns; of an `async def`, of what that returns. If the
            method raises, the future raises it, and the actor lives on. If the actor is dead, the
            future raises `ActorDeadError`.

        Raises:
            TypeError: It is a method of another class, or no function; or it does not take these
                arguments. Nothing has been sent.

        Examples:
            >>> import pykka
            >>> class Account(pykka.ThreadingActor):
            ...     balance = 0
            ...     def deposit(self, amount: int) -> int:
            ...         self.balance += amount
            ...         return self.balance
            >>> account = Account.start()
            >>> account.call(Account.deposit, 10).get()
            10
            >>> account.call(lambda actor: actor.balance).get()
            10
            >>> account.stop()
            True
        """
        if type(method) is FunctionType:
            actor_class = self._cell.actor_class
            # twin: known path (2 statements)
            calls: Any = actor_class._pykka_calls
            path: Path | None = (
                calls[method][(len(args), *kwargs) if kwargs else len(args)]
                if calls.owner is actor_class
                else None
            )
            if path is not None:
                return self._call(path, args, kwargs)
        found = self._find_path(method, args, kwargs)
        if found is None:
            return self.ask(FunctionCall(method, args, kwargs), block=False)
        return self._call(found, args, kwargs)

    def defer(
        self, method: Callable[Concatenate[A_co, P], object], /, *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Call a method of the actor, and do not wait for an answer.

        There is no future. If the method raises, the actor ends, as with `tell()`.

        Args:
            method: A method of the actor's class, or another function, as for `call()`.
            *args: Arguments for the method.
            **kwargs: Keyword arguments for the method.

        Raises:
            ActorDeadError: The actor is dead.
            TypeError: As for `call()`. Nothing has been sent.
        """
        if type(method) is FunctionType:
            actor_class = self._cell.actor_class
            # twin: known path (2 statements)
            calls: Any = actor_class._pykka_calls
            path: Path | None = (
                calls[method][(len(args), *kwargs) if kwargs else len(args)]
                if calls.owner is actor_class
                else None
            )
            if path is not None:
                self._defer(path, args, kwargs)
                return
        found = self._find_path(method, args, kwargs)
        if found is None:
            self.tell(FunctionCall(method, args, kwargs))
        else:
            self._defer(found, args, kwargs)

    def defer_after(
        self,
        delay: float,
        method: Callable[Concatenate[A_co, P], object],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Timer:
        """Call a method of the actor later, with the semantics of `tell_after()`.

        Args:
            delay: Seconds until then, by the clock of the actor's system.
            method: A method of the actor's class, or another function, as for `call()`.
            *args: Arguments for the method.
            **kwargs: Keyword arguments for the method.

        Returns:
            The timer, which can be cancelled.

        Raises:
            ActorDeadError: The actor is dead.
            TypeError: As for `call()`; or `delay` is not a number.
            ValueError: `delay` is negative or infinite.
        """
        path = self._find_path(method, args, kwargs)
        return self.tell_after(delay, message_for(path, method, args, kwargs))

    def defer_every(
        self,
        interval: float,
        method: Callable[Concatenate[A_co, P], object],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Timer:
        """Call a method of the actor again and again, with the semantics of `tell_every()`.

        Args:
            interval: Seconds from one call to the next, by the clock of the actor's system.
            method: A method of the actor's class, or another function, as for `call()`.
            *args: Arguments for the method.
            **kwargs: Keyword arguments for the method.

        Returns:
            The timer, which can be cancelled.

        Raises:
            ActorDeadError: The actor is dead.
            TypeError: As for `call()`; or `interval` is not a number.
            ValueError: `interval` is not more than 0, or infinite.
        """
        path = self._find_path(method, args, kwargs)
        return self.tell_every(interval, message_for(path, method, args, kwargs))

    def _find_path(
        self, method: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]
    ) -> Path | None:
        """Where the method is found on the actor; `None` if it belongs to no class."""
        cell = self._cell
        actor_class = cell.actor_class
        path = known_path(actor_class, method, args, kwargs)
        if path is not None:
            return path
        return find_path(self, actor_class, cell.actor, method, args=args, kwargs=kwargs)

    @overload
    def child(
        self: LeadsTo[HasChildren],
        id: Any,
        *,
        block: Literal[True] = True,
        timeout: float | None = None,
    ) -> ActorRef[Any]: ...
    @overload
    def child(
        self: LeadsTo[HasChildren],
        id: Any,
        actor_class: type[A],
        *,
        block: Literal[True] = True,
        timeout: float | None = None,
    ) -> ActorRef[A]: ...
    @overload
    def child(
        self: LeadsTo[HasChildren], id: Any, *, block: Literal[False], timeout: float | None = None
    ) -> Future[ActorRef[Any]]: ...
    @overload
    def child(
        self: LeadsTo[HasChildren],
        id: Any,
        actor_class: type[A],
        *,
        block: Literal[False],
        timeout: float | None = None,
    ) -> Future[ActorRef[A]]: ...
    def child(
        self,
        id: Any,  # noqa: A002 (OTP's word)
        actor_class: Any = None,
        *,
        block: bool = True,
        timeout: float | None = None,
    ) -> Any:
        """Return the ref of a child of a `pykka.supervision.Supervisor`.

        It waits only while the supervisor itself is starting, or is being restarted. A child that
        is being restarted in place has the ref that it had.

        Args:
            id: The `id` of the child's specification.
            actor_class: The class of the child, for type checkers; it is checked here, too.
            block: Whether to wait for that, or to get a future at once, which can be awaited.
            timeout: Seconds to wait, if blocking; `None` waits for ever.

        Returns:
            Its ref, or a future of it.

        Raises:
            LookupError: There is no such child.
            ActorDeadError: The child does not run now, or the supervisor is dead.
            TypeError: The actor is no `Supervisor`; or the child is of another class.
            Timeout: The supervisor is still starting after `timeout` seconds.

        Examples:
            >>> import pykka
            >>> from pykka.supervision import ChildSpec, Supervisor
            >>> class Clerk(pykka.PooledActor):
            ...     def greet(self):
            ...         return "Good morning."
            >>> office = Supervisor.start([ChildSpec("clerk", Clerk)])
            >>> office.child("clerk", Clerk).call(Clerk.greet).get()
            'Good morning.'
            >>> office.stop()
            True
        """
        if timeout is not None and block:
            check_timeout(timeout)
        require_single(self, "child()")
        cell = self._cell
        if not is_defined(cell.actor_class, "_pykka_ref_of_child"):
            msg = f"child() takes the ref of a pykka.supervision.Supervisor, and {cell} is none"
            raise TypeError(msg)
        found: object = cell.actor
        supervisor: Any = found
        extension = cell.extension
        is_down = extension is not None and extension.down
        # A supervisor that fails is down before its children end, until the next instance has its
        # place. So one that was not down, and has its place afterwards, knows its children.
        if (
            block
            and supervisor is not None
            and not is_down
            and cell.actor is found
            and supervisor._pykka_is_up
        ):
            return supervisor._pykka_ref_of_child(id, actor_class)
        future = self._call(("_pykka_ref_of_child",), (id, actor_class), {})
        return future.get(timeout=timeout) if block else future

    def proxy(self) -> ActorProxy[A_co]:
        """Wrap the ref in an `ActorProxy`.

        Raises:
            ActorDeadError: The actor is dead.
        """
        return ActorProxy(self)

    # Type checkers would take it for a promise to have any attribute. Python 3.11 looks attributes
    # up more slowly in a class that has this; see `Future.__getattr__`.
    if not TYPE_CHECKING and sys.version_info >= (3, 12):

        def __getattr__(self, name: str) -> Any:
            if is_defined(type(self), name):
                return object.__getattribute__(self, name)  # a property has raised: what it says
            text = f"{type(self).__name__!r} object has no attribute {name!r}"
            # A private name is no proxy's, and may be that of the slot, which is empty at first.
            cell = None if name.startswith("_") else getattr(self, "_cell", None)
            if cell is not None and is_defined(cell.actor_class, name):
                text += f", but its actor has: use the ref's proxy(), as in ref.proxy().{name}"
            raise AttributeError(text, name=name, obj=self)

    def _tell_outcome(self, message: Any) -> None:
        """Send what the actor has asked for: no bound applies, and nothing of the user's is run.

        If the actor has ended, it is a dead letter.
        """
        cell = self._cell
        if cell.policy is None and cell.users_inbox() is None:
            cell.send(Envelope(message))
        else:
            cell.send_in_front(message)

    def _dead_error(self) -> ActorDeadError:
        return self._cell.dead_error("not found")

    def _call(
        self, attr_path: Sequence[str], args: Sequence[Any], kwargs: dict[str, Any]
    ) -> Future[Any]:
        """`ask(ProxyCall(attr_path, args, kwargs), block=False)`, at half the cost."""
        cell = self._cell
        # twin: call the long way (1 statement)
        if cell.stopped or (
            (sundries := cell.sundries) is not None and sundries.create_future is not None
        ):
            return self.ask(ProxyCall(attr_path, args, kwargs), block=False)
        # twin: make ask (7 statements)
        ask = _new(CallAsk)
        # twin: note call (3 statements)
        ask.attr_path = attr_path
        ask.args = args
        ask.kwargs = kwargs or None
        ask._answered_by = cell
        ask._log = []
        ask._outcome = None
        # What follows is Cell.send(), whose invariant holds here as well.
        # twin: send (2 statements)
        cell.inbox.put(ask)
        if cell.closed:
            cell.drain_to_dead_letters()
        return ask

    def _defer(
        self, attr_path: Sequence[str], args: Sequence[Any], kwargs: dict[str, Any]
    ) -> None:
        """`tell(ProxyCall(attr_path, args, kwargs))`, at half the cost."""
        cell = self._cell
        # twin: refuse (1 statement)
        if cell.stopped:
            raise cell.dead_error("not found")
        envelope = _new(CallEnvelope)
        # twin: note call (3 statements)
        envelope.attr_path = attr_path
        envelope.args = args
        envelope.kwargs = kwargs or None
        # What follows is Cell.send(), whose invariant holds here as well.
        # twin: send (2 statements)
        cell.inbox.put(envelope)
        if cell.closed:
            cell.drain_to_dead_letters()


class _Gone:
    pass


_to_nothing = weakref.ref(_Gone())


def ref_at(cell: Cell) -> ActorRef[Any]:
    """A ref of the actor at a cell."""
    ref_class: Any = cell.ref_class or ActorRef
    # twin: new ref (3 statements)
    ref: ActorRef[Any] = _new(ref_class)
    ref._cell = cell
    return ref


def _envelope_for(future: Future[Any], message: object, cell: Cell) -> Envelope[Any]:
    """An envelope for a message whose answer goes into a future of the user's own."""
    if isinstance(future, ThreadingFuture):
        future._answered_by = cell  # so that deadlocks are seen
    return Envelope(message, future)
