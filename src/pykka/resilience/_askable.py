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
"""

from __future__ import annotations

import functools
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

from pykka._futures.deadline import check_timeout
from pykka._futures.threading_future import ThreadingFuture, failed_future
from pykka._futures.unhandled.expiry import expiring
from pykka._ref.calls import find_path_at, message_for
from pykka._util.checks import check_clock, shorten
from pykka._util.log import traceback_of
from pykka._util.thread_state import current
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

    # `Retry` alone stands for `Retry[Any]`, as in programs that were written before it had this.
    A = TypeVar("A", bound=Actor, default=Any)
else:
    from typing import TypeVar

    A = TypeVar("A", bound="Actor")
P = ParamSpec("P")
Q = TypeVar("Q")
R = TypeVar("R")

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
    """Something that can be asked, around something else that can.

    Args:
        target: What to ask.
        clock: Where to take the time from; `None` for real time.

    Raises:
        TypeError: `target` cannot be asked, or `clock` is not a clock.
    """

    def __init__(self, target: Any, clock: Clock | None) -> None:
        if isinstance(target, type) or not callable(getattr(target, "ask", None)):
            name = type(self).__name__
            msg = f"{name} wraps the ref of an actor, or another piece, not {shorten(target)}"
            raise TypeError(msg)
        if clock is not None:
            check_clock("clock", clock)
        self._target: Askable = target
        self._clock = current.state.world.clock(default_clock) if clock is None else clock

    if TYPE_CHECKING:

        def _leads_to(self) -> A:
            """For `LeadsTo`."""
            ...

    def __repr__(self) -> str:
        return f"<{type(self).__name__} for {shorten(self._target)}>"

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
        path = self._find_path(method, args, kwargs)
        return self._ask_for_future(message_for(path, method, args, kwargs))

    def _find_path(
        self, method: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]
    ) -> Path | None:
        return find_path_at(self._target, method, args, kwargs)

    def _ask_and_wait(self, message: Any, timeout: float | None) -> Any:
        """Send a message and return the answer."""
        raise NotImplementedError

    def _ask_for_future(self, message: Any) -> Future[Any]:
        return self._begin(message).future

    def _begin(self, message: Any) -> Sent:
        """Send a message, now or later, and return a future of the answer. It never raises."""
        raise NotImplementedError


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
class _End:
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
    alarm = _End(over)
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

    __slots__ = ("sent", "source")

    def __init__(self) -> None:
        super().__init__()
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
        self.sent = sent
        self.source = source = sent.future
        call_when_done(source, functools.partial(self._take, source))

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


# What users see of it is a future; see `pykka._futures.ask`.
Relay.__name__ = Relay.__qualname__ = "Future"


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


def call_when_done(future: ThreadingFuture[Any], waiter: Callable[[], object]) -> None:
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
