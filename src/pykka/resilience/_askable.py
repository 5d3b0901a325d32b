"""What can be asked, and what the pieces of `pykka.resilience` have in common.

A piece wraps something that can be asked, an actor's ref or another piece, and can itself be asked
in the same way. So pieces are stacked in any order.

Whose thread does what
    - An ask that blocks is an ordinary blocking ask of what the piece wraps, in the caller's own
      thread. So the caller may run the actor itself, and a circle of waits is seen as without
      the piece.
    - A pause of such an ask waits for an alarm of the piece's clock. No actor has to end it, so
      it is no part of a circle.
    - An ask that does not block needs no thread of the asker's. What happens later is done by
      the thread that resolves the future of the answer, or because of the clock: then by a thread
      that may block, since what the piece wraps may make its senders wait; see
      `pykka.timers._errands`.

Giving up
    A piece that makes several attempts and gives one up, because its answer did not come in time,
    tells the piece that it wraps (`Sent.give_up`), and that tells what it wraps. So a circuit
    breaker in between counts a failure, although no answer will ever say so.

Relays
    An ask that does not block is answered by a future, at once. If the piece has yet to send the
    message, or may send it again, that future is a `Relay`. Its *source* is the future that it
    waits for at the moment. For the wait-for graph, the actor that has to resolve the source has
    to resolve the relay; see `pykka._deadlock.wait_graph`.

    A relay takes its outcome from its source by a waiter and not by a callback: a waiter that a
    signal handler interrupts is served again, so no asker waits for ever (guarantee G11). On the
    other hand, a waiter may be served twice.

    A circle of waits is looked for when an actor begins to wait. If a relay has no source by then,
    because the message is sent later, a circle through it is not seen.

Taking questions back
    `cancel()` of a relay takes back what lies behind it, and has no more sent. Invariants:

    1. *It returns True only if nothing that was sent is, or will be, at its handler*, but for the
       attempts of a series that were given up before.
    2. *What is just being sent is taken back later.* A canceller notes that it wants that, and
       *then* looks for what was sent; a sender notes what it has sent, and *then* looks whether a
       canceller wants it back (each note goes into a list, whose `copy()` takes the list's own
       lock). So at least one of the two takes it back. The canceller that has found nothing says
       False, although the sender may be in time.
"""

from __future__ import annotations

from collections.abc import Callable  # noqa: TC003 (the NamedTuple can be asked for its types)
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Generic,
    Literal,
    NamedTuple,
    ParamSpec,
    Protocol,
    TypeAlias,
    overload,
)

from pykka._exceptions import AskCancelledError
from pykka._futures.deadline import check_timeout
from pykka._futures.threading_future import Onlooker, ThreadingFuture, failed_future
from pykka._futures.unhandled.expiry import expiring
from pykka._ref.calls import find_path_at, message_for
from pykka._ref.proxy import ActorProxy, CallableProxy
from pykka._util.checks import check_clock, shorten, type_of
from pykka._util.log import is_a, traceback_of
from pykka._util.thread_state import current
from pykka.resilience._function import Arguments, Function
from pykka.resilience._proxied import ProxiedPiece
from pykka.timers._clock import Clock, brief, default_clock, lengthy

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from typing_extensions import TypeVar

    from pykka._actor.actor import Actor
    from pykka._futures.derived import Outcome
    from pykka._futures.future import Future
    from pykka._futures.threading_future import AnsweringCell
    from pykka._ref.accepting import Accepting, Asked, LeadsTo, Open
    from pykka._ref.calls import Path
    from pykka.resilience._function import FunctionOf

    # `Retry` alone stands for `Retry[Any]`, as in programs that were written before it had this.
    A = TypeVar("A", bound=Actor, default=Any)
else:
    from typing import TypeVar

    A = TypeVar("A", bound="Actor")
P = ParamSpec("P")
Q = TypeVar("Q")
R = TypeVar("R")
C = TypeVar("C", bound="type[Any]")

ExceptionTypes: TypeAlias = "type[BaseException] | tuple[type[BaseException], ...]"
"""What an `except` clause takes."""


class Askable(Protocol):
    """Anything with the method `ask` of `ActorRef`: a ref, or a wrapper of `pykka.resilience`."""

    def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> Any:
        """Send a message and get the answer, or a future of it; see `ActorRef.ask`."""
        ...


class Sent(NamedTuple):
    """A message that was sent, or will be."""

    future: ThreadingFuture[Any]
    """The future of the answer."""

    give_up: Callable[[], object]
    """Is called if the asker takes the answer for failed, because it did not come in time. It
    may come all the same. It raises nothing, and may be called more than once."""


class AskWrapper(Generic[A]):
    """Something that can be asked, around something else that can; or called, around a function.

    Args:
        target: What to ask, or to call.
        clock: Where to take the time from; `None` for real time.

    Raises:
        TypeError: `target` can be neither asked nor called, or `clock` is not a clock.
    """

    _function: Function | None
    """The function that is innermost in it, if there is one."""

    def __init__(self, target: Any, clock: Clock | None) -> None:
        function: Function | None = None
        if isinstance(target, AskWrapper):
            function = target._function
        elif isinstance(target, type) or not callable(getattr(target, "ask", None)):
            if isinstance(target, type) or _is_proxy(target) or not callable(target):
                raise self._wraps_no(target)
            target = function = Function(target)
        if clock is not None:
            check_clock("clock", clock)
        self._target: Any = target
        self._function = function
        self._clock = current.state.world.clock(default_clock) if clock is None else clock

    if TYPE_CHECKING:

        def _leads_to(self) -> A:
            """For `LeadsTo`."""
            ...

    def _wraps_no(self, target: object) -> TypeError:
        remedy = ""
        if _is_proxy(target):
            remedy = "; take the proxy() of what goes around its ref"
        name = type(self).__name__
        msg = f"{name} wraps the ref of an actor, a function, or another piece, not "
        return TypeError(f"{msg}{shorten(target)}{remedy}")

    def _require_limit(self, name: str) -> None:
        """Refuse a time limit if what is called cannot be interrupted."""
        if self._function is not None and not self._function.is_async:
            msg = (
                f"{type(self).__name__} for {self._function} takes no {name}, because a plain "
                "function cannot be interrupted: give it a timeout of its own, or pass an async "
                "def"
            )
            raise TypeError(msg)

    def _require_asked(self) -> None:
        """Refuse what is for actors, if it goes around a function."""
        if self._function is not None:
            msg = f"{self} goes around a function, so it is not asked, but called as that is"
            raise TypeError(msg)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} for {shorten(self._target)}>"

    def __call__(self: LeadsTo[FunctionOf[P, R]], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function that this goes around.

        If that is `async def`, the result is a coroutine, as that of the function.

        Args:
            *args: Arguments for the function.
            **kwargs: Keyword arguments for the function.

        Raises:
            TypeError: This goes around an actor, which is asked.
            Exception: What the function raises, and what the class says.
        """
        piece: Any = self
        function: Function | None = piece._function
        if function is None:
            msg = f"{piece} goes around an actor: use its ask(), call() or proxy()"
            raise TypeError(msg)
        arguments = Arguments(args, kwargs)
        if function.is_async:
            return piece._await(arguments)  # type: ignore[no-any-return]
        return piece._ask_and_wait(arguments, None)  # type: ignore[no-any-return]

    def proxy(self) -> ActorProxy[A]:
        """Make a proxy of the actor, whose calls go through this.

        So does reading and setting attributes. What is deferred has no answer, so it is refused.

        Raises:
            ActorDeadError: The actor is dead.
            TypeError: This goes around a function, or something else that is no ref.

        Examples:
            >>> import pykka
            >>> from pykka.resilience import Retry
            >>> class Weather(pykka.ThreadingActor):
            ...     asked = 0
            ...     def forecast(self, place):
            ...         self.asked += 1
            ...         if self.asked == 1:
            ...             raise ConnectionError
            ...         return f"sunny in {place}"
            >>> ref = Weather.start()
            >>> weather = Retry(ref, retry_on=ConnectionError).proxy()
            >>> weather.forecast("Oslo").get(timeout=10)
            'sunny in Oslo'
            >>> ref.stop()
            True
        """
        self._require_asked()
        ref: Any = self._target
        while isinstance(ref, AskWrapper):
            ref = ref._target
        if not hasattr(ref, "is_alive"):
            msg = f"{self} has no proxy, since {shorten(ref)} is no ref of an actor"
            raise TypeError(msg)
        stand_in: Any = ProxiedPiece(self, ref)
        return ActorProxy(stand_in)

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
        """Send a message and get the answer; see `ActorRef.ask`.

        Args:
            message: Any object. It is not copied.
            block: Whether to wait for the answer, or to get a future of it at once.
            timeout: Seconds for everything together, if blocking; `None` for no limit.
            expire: Whether the message is not to be handled after that time; see `ActorRef.ask`.

        Returns:
            What the actor answered, or a future of it.

        Raises:
            ValueError: `timeout` is negative.
            Exception: What `ActorRef.ask` raises, and what the class says. Without blocking, the
                future raises it.
        """
        if type(message) is not Arguments:
            self._require_asked()
        # twin: ask either way (4 statements)
        if expire:
            message = expiring(message, timeout, expire)
        if not block:
            return self._ask_for_future(message)
        if timeout is not None:
            check_timeout(timeout)
        return self._ask_and_wait(message, timeout)

    # twin: overloads of call (2 statements)
    @overload
    def call(
        self,
        method: Callable[Concatenate[A, P], Coroutine[Any, Any, R]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Future[R]: ...
    @overload
    def call(
        self, method: Callable[Concatenate[A, P], R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[R]: ...
    def call(self, method: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call a method of the actor; see `ActorRef.call`.

        It is an ask that does not block.

        Args:
            method: A method of the actor's class, such as `Account.deposit`, or a function that
                belongs to no class.
            *args: Arguments for the method.
            **kwargs: Keyword arguments for the method.

        Returns:
            A future of what the method returns. It raises what the class says.

        Raises:
            TypeError: It is a method of another class, or no function; or it does not take these
                arguments. Nothing has been sent.
        """
        self._require_asked()
        path = self._find_path(method, args, kwargs)
        return self._ask_for_future(message_for(path, method, args, kwargs))

    def _find_path(
        self, method: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]
    ) -> Path | None:
        return find_path_at(self._target, method, args, kwargs)

    def _ask_and_wait(self, message: Any, timeout: float | None) -> Any:
        """Send a message and return the answer."""
        raise NotImplementedError

    async def _await(self, message: Any) -> Any:
        """Call an `async def`, and await what comes of that."""
        raise NotImplementedError

    def _ask_for_future(self, message: Any) -> Future[Any]:
        return self._begin(message).future

    def _begin(self, message: Any) -> Sent:
        """Send a message, now or later, and return a future of the answer. It never raises."""
        raise NotImplementedError


def _is_proxy(target: object) -> bool:
    return issubclass(type_of(target), (ActorProxy, CallableProxy))


@lengthy
class Call:
    """An alarm that calls a function. It may block, and call code of the user's.

    Args:
        function: What to call.
    """

    __slots__ = ("_function", "is_cancelled")

    def __init__(self, function: Callable[[], object]) -> None:
        self.is_cancelled = False
        self._function = function

    def ring(self) -> None:
        """Call the function."""
        self._function()

    def let_go(self) -> None:
        """Forget the function, which a clock might keep alive for a while."""
        self._function = do_nothing


@brief
class End:
    """The end of a pause.

    Args:
        over: A future that the pausing thread waits for, and no other one knows.
    """

    __slots__ = ("_over", "is_cancelled")

    def __init__(self, over: ThreadingFuture[None]) -> None:
        self.is_cancelled = False
        self._over = over

    def ring(self) -> None:
        """Wake the thread that waits."""
        self._over.set()


def do_nothing() -> None:
    """What is called where there is nothing to do."""


def pause(clock: Clock, seconds: float) -> None:
    """Block this thread until so many seconds of a clock have passed."""
    over: ThreadingFuture[None] = ThreadingFuture()
    alarm = End(over)
    try:
        clock.schedule(clock.now() + seconds, alarm)
        over.get()
    except BaseException:
        alarm.is_cancelled = True
        clock.forget(alarm)
        raise


def cancel(clock: Clock, alarm: Call) -> None:
    """Have an alarm not ring any more."""
    alarm.is_cancelled = True
    alarm.let_go()
    clock.forget(alarm)


class Relay(ThreadingFuture[Any]):
    """The future of an answer that another future brings, sooner or later."""

    __slots__ = ("_called_off", "sent", "source")

    def __init__(self) -> None:
        super().__init__()
        self._called_off: list[bool] = []
        """For each that has cancelled it: whether a handler is to be interrupted."""
        self.sent: Sent | None = None
        """What is to be told if the asker gives up; `None` if nothing is under way."""
        self.source: ThreadingFuture[Any] | None = None
        """The future that alone can resolve this one, if there is such a one just now."""

    @property
    def _answered_by(self) -> AnsweringCell | None:  # type: ignore[override]
        source = self.source
        return None if source is None else source._answered_by

    def follow(self, sent: Sent) -> None:
        """Take the outcome of what was sent, as soon as it is there."""
        self.source = source = sent.future
        self.note_sent(sent)
        call_when_done(source, Onlooker(self._take, source))

    def note_sent(self, sent: Sent) -> None:
        """Note what was sent, which can be taken back from now on."""
        self.sent = sent
        for interrupt in self._called_off.copy():
            sent.future.cancel(interrupt=interrupt)

    def cancel(self, *, interrupt: bool = False) -> bool:
        if not self._has_outcome():
            self._called_off.append(interrupt)
            self._take_back(interrupt=interrupt)
        return self._is_cancelled()

    def _take_back(self, *, interrupt: bool) -> None:
        """Take back what was sent, now that it is noted that it is not wanted any more."""
        sent = self.sent
        if sent is not None:
            sent.future.cancel(interrupt=interrupt)

    def _give_up(self, timeout: float) -> None:
        sent = self.sent
        if sent is not None and self._was_alone(timeout):
            sent.future._give_up(timeout)

    def _was_alone(self, timeout: float) -> bool:
        """Tell whether an asker that has waited so many seconds was the only one to wait."""
        return timeout > 0 and not self._is_waited_for()

    def _is_called_off(self) -> bool:
        """Tell whether a canceller wants it back."""
        return bool(self._called_off.copy())

    def _is_cancelled(self) -> bool:
        """Tell whether it has ended because it was cancelled."""
        outcome = self._first_outcome()
        raised = None if outcome is None else outcome[1]
        return raised is not None and is_a(raised[0], AskCancelledError) and self._is_called_off()

    def _new(self) -> ThreadingFuture[Any]:
        return ThreadingFuture()

    def give_up(self) -> None:
        """Pass on that the asker takes the answer for failed."""
        sent = self.sent
        if sent is not None:
            sent.give_up()

    def _take(self, source: ThreadingFuture[Any]) -> None:
        self.end(outcome_of(source))

    def end(self, outcome: Outcome) -> bool:
        """Resolve the future, unless it is; tells whether this call did it."""
        # The future tells outcomes apart by identity, and a waiter that is served twice brings the
        # same one twice.
        value, raised = outcome
        is_first = self._try_resolve((value, raised))
        self.source = self.sent = None
        return is_first


def looks_like_a_future(relay_class: C) -> C:
    """Have a class of relays called what users see of it; see `pykka._futures.ask`."""
    relay_class.__name__ = relay_class.__qualname__ = "Future"
    return relay_class


looks_like_a_future(Relay)


def send(target: Askable, message: Any) -> ThreadingFuture[Any]:
    """Send a message, and return the future of the answer.

    Raises:
        TypeError: The target's futures cannot tell when they are done.
        Exception: What the target raises.
    """
    future = target.ask(message, block=False)
    if not isinstance(future, ThreadingFuture):
        msg = (
            f"{shorten(target)} answered with {shorten(future)}, which cannot tell when it is "
            "done; what it answers with has to be a ThreadingFuture"
        )
        raise TypeError(msg)
    return future  # pyright: ignore[reportUnknownVariableType]


def begin_ask(target: Askable, message: Any) -> Sent:
    """Do the same, so that it can be given up; what was raised is what the future ends with."""
    if isinstance(target, AskWrapper):
        return target._begin(message)
    try:
        return Sent(send(target, message), do_nothing)
    except Exception as error:
        return Sent(failed_future(error), do_nothing)


def call_when_done(future: ThreadingFuture[Any], waiter: Onlooker) -> None:
    """Have a function called when a future is done, or now if it is.

    Args:
        future: The future.
        waiter: It raises nothing. It may be called twice.

    Raises:
        TypeError: The future has a get-hook, so it is done when it is read.
    """
    if not future._when_ready(waiter):
        msg = f"there is no telling when {shorten(future)} is done, because it has a get-hook"
        raise TypeError(msg)


def outcome_of(future: ThreadingFuture[Any]) -> Outcome:
    """What a future that is done has ended with."""
    return future._first_outcome() or _read(future)


def _read(future: ThreadingFuture[Any]) -> Outcome:
    """What a future ends with that makes its value when it is read, as those of `map()` do."""
    try:
        return future.get(timeout=0), None
    except BaseException as error:
        return None, (error, traceback_of(error))
    finally:
        # The exception's traceback holds this frame; do not let the frame hold it in turn.
        del future


def least(one: float | None, other: float | None) -> float | None:
    """Return the shorter of two limits, of which each may be none."""
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
