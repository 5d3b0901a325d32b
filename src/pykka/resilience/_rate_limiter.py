"""The rate limiter: a token bucket in front of something that can be asked.

The bucket holds `burst` tokens, and `rate` tokens a second drop into it while it is not full. Each
ask takes one. If the bucket is empty, an ask may take a token that has yet to come; it is sent
when that has come.

All of the bucket is one number: the time at which it would be full again if it were not asked any
more. A token moves that by `1 / rate` seconds, and is there `(burst - 1) / rate` seconds before
that time. (This is the virtual scheduling of ATM's Generic Cell Rate Algorithm, ITU-T I.371.)

The line
    Asks that are sent later wait in a line. Each has an entry in the line, a function that lets it
    go, and an alarm that rings when its token has come. An alarm lets the *first* in the line go,
    not the one that scheduled it. So the entries need no times.

    The entry of an ask that was cancelled meanwhile says that there is nothing to let go, and the
    alarm goes on to the next. So those behind it move up, and each alarm is still one message at
    most. Its token is not given back: an alarm that finds the line empty is a token that was lost.

Invariants
    1. *No ask waits for ever.* An entry is put into the line, and *then* its alarm is scheduled.
       So there are at least as many alarms to ring as there are entries. If there is one too many
       because a signal handler raised, then one ask is sent too early.
    2. *Order* (guarantee G2). An entry is taken out of the line *after* its message was sent, and
       who finds the line not empty stands in it. So a sender whose former ask is not sent yet
       does not overtake it.
    3. *A cancelled ask is not sent*: its canceller and the one who lets it go both enter the log
       of its `Recall`, and the first entry decides; see `pykka._futures.unhandled.recall`. If the
       canceller is interrupted, who lets it go resolves the future.
    4. *One at a time* lets asks go: who rings adds to `_turns`, and the holder of `_door` serves
       all of them. No thread waits for the door. Who finds it shut has added its turn before, and
       who opens it looks for more afterwards.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar, overload

from pykka._exceptions import AskExpiredError, RateLimitExceededError, Timeout
from pykka._futures.threading_future import ThreadingFuture, failed_future
from pykka._futures.unhandled.expiry import time_left
from pykka._futures.unhandled.recall import Recall, cancelled_error
from pykka._util.checks import check_count, check_span, in_seconds, shorten
from pykka._util.locks import held
from pykka._util.log import is_a, traceback_of
from pykka.resilience._askable import (
    A,
    AskWrapper,
    Call,
    Relay,
    Sent,
    begin_ask,
    do_nothing,
    looks_like_a_future,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka._ref.ref import ActorRef
    from pykka.resilience._askable import Askable
    from pykka.resilience._function import FunctionOf
    from pykka.timers._clock import Clock

AT_ONCE = 1e-9
"""A token that comes within so many seconds is there, so that ten times 0.1 seconds are one."""

_WITHOUT_WAITING = (False,)


P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class RateLimiterStatistics:
    """Counts since a rate limiter was made."""

    asks: int
    """How often it was asked."""

    sent: int
    """Asks that were sent."""

    delayed: int
    """Asks that had to wait before that, or still do."""

    refused: int
    """Asks that were not sent: too many, too late for their timeout, cancelled, or interrupted."""

    @property
    def waiting(self) -> int:
        """Asks that wait to be sent."""
        return self.asks - self.sent - self.refused


class RateLimiter(AskWrapper[A]):
    """Sends no more than a given number of messages a second, or makes so many calls.

    After a quiet time, `burst` messages may be sent at once; in the long run, `rate` messages each
    second. Further messages wait for their turn, or are refused. The idea is that of the token
    bucket.

    A blocking ask with a `timeout` raises `Timeout` at once if its turn would not come in time. An
    ask that does not block is sent later by a thread of the library, in the order of the asks; if
    its future is cancelled before that, it is never sent. If the target makes its senders wait, as
    a full inbox may, that thread waits, and so do the asks that come later, but nothing else.

    Args:
        target: The ref of an actor, a function, or another piece of this module.
        rate: Messages a second.
        burst: How many messages may be sent at once after a quiet time.
        when_exceeded: `"wait"`, or `"raise"` for a `RateLimitExceededError`.
        clock: Where to take the time from; `None` for real time.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: A number is out of its range, or `when_exceeded` is something else.

    Examples:
        >>> import pykka
        >>> from pykka.resilience import RateLimiter
        >>> class Echo(pykka.ThreadingActor):
        ...     def on_receive(self, message):
        ...         return message
        >>> echo = Echo.start()
        >>> limiter = RateLimiter(echo, rate=1000)
        >>> [limiter.ask(number, timeout=10) for number in range(3)]
        [0, 1, 2]
        >>> limiter = RateLimiter(echo, rate=0.01, burst=2, when_exceeded="raise")
        >>> for number in range(3):
        ...     try:
        ...         print(limiter.ask(number))
        ...     except pykka.resilience.RateLimitExceededError as error:
        ...         print(round(error.retry_after))
        0
        1
        100
        >>> echo.stop()
        True
    """

    @overload
    def __init__(
        self,
        target: ActorRef[A] | AskWrapper[A],
        *,
        rate: float,
        burst: int = ...,
        when_exceeded: Literal["wait", "raise"] = ...,
        clock: Clock | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self: RateLimiter[FunctionOf[P, R]],
        target: Callable[P, R],
        *,
        rate: float,
        burst: int = ...,
        when_exceeded: Literal["wait", "raise"] = ...,
        clock: Clock | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self: RateLimiter[Any],
        target: Askable,
        *,
        rate: float,
        burst: int = ...,
        when_exceeded: Literal["wait", "raise"] = ...,
        clock: Clock | None = ...,
    ) -> None: ...
    def __init__(
        self,
        target: Any,
        *,
        rate: float,
        burst: int = 1,
        when_exceeded: Literal["wait", "raise"] = "wait",
        clock: Clock | None = None,
    ) -> None:
        super().__init__(target, clock)
        check_span("rate", rate)
        check_count("burst", burst)
        if when_exceeded not in ("wait", "raise"):
            msg = f'when_exceeded must be "wait" or "raise", not {shorten(when_exceeded)}'
            raise ValueError(msg)
        self._rate = rate
        self._interval = 1 / rate
        self._depth = (burst - 1) / rate
        self._raises = when_exceeded == "raise"
        self._lock = threading.Lock()
        self._full_at = -math.inf
        self._asks = self._sent = self._delayed = self._refused = 0
        self._line: deque[Callable[[], object]] = deque()
        self._turns: list[None] = []
        self._door = threading.Lock()

    def statistics(self) -> RateLimiterStatistics:
        """Return the counts."""
        asks = sent = delayed = refused = 0
        for release in held(self._lock):
            asks = self._asks
            sent = self._sent
            delayed = self._delayed
            refused = self._refused
            release()
        return RateLimiterStatistics(asks, sent, delayed, refused)

    def _ask_and_wait(self, message: Any, timeout: float | None) -> Any:
        clock = self._clock
        now = clock.now()
        end = math.inf if timeout is None else now + timeout
        latest = now if self._raises else end
        when = self._take_token(now, latest)
        if when > latest:
            raise self._refusal(when - now, timeout)
        if when > now or self._line:
            self._wait_in_line(when)
            if timeout is not None:
                timeout = max(0.0, end - clock.now())
        self._count_sent()
        return self._target.ask(message, timeout=timeout)

    async def _await(self, message: Any) -> Any:
        now = self._clock.now()
        latest = now if self._raises else math.inf
        when = self._take_token(now, latest)
        if when > latest:
            raise self._refusal(when - now, None)
        if when > now or self._line:
            await self._await_in_line(when)
        self._count_sent()
        return await self._target._await(message)

    def _begin(self, message: Any) -> Sent:
        now = self._clock.now()
        left = time_left(message)
        latest = now if self._raises else math.inf if left is None else now + left
        when = self._take_token(now, latest)
        if when > latest:
            error = self._refusal(when - now, left)
            if not self._raises:
                error = AskExpiredError(*error.args)
            return Sent(failed_future(error), do_nothing)
        if when > now or self._line:
            waiting = _Waiting(self, message)
            self._enter_line(waiting.send_for_asker, when)
            return Sent(waiting, waiting.give_up)
        self._count_sent()
        return begin_ask(self._target, message)

    def _take_token(self, now: float, latest: float) -> float:
        """Take a token, unless it comes later than at a given time; returns when it comes."""
        when = now
        for release in held(self._lock):
            self._asks += 1
            full_at = self._full_at
            when = full_at - self._depth
            if when - now < AT_ONCE:
                when = now
            if when <= latest:
                self._full_at = (
                    full_at if full_at > now else now  # noqa: FURB136 (max() would be a call)
                ) + self._interval
            else:
                self._refused += 1
            release()
        return when

    def _refusal(self, seconds: float, timeout: float | None) -> Exception:
        text = f"{self._target} takes {self._rate:g} messages a second through this limiter, and "
        if self._raises:
            text += f"the next one in {seconds:.3g} seconds; this one was not sent"
            return RateLimitExceededError(text, retry_after=seconds)
        text += (
            f"this one would be sent in {seconds:.3g} seconds, which is later than its timeout of "
            f"{in_seconds(timeout)}; it was not sent"
        )
        return Timeout(text)

    def _count_sent(self) -> None:
        for release in held(self._lock):
            self._sent += 1
            release()

    def _wait_in_line(self, when: float) -> None:
        """Block this thread until its turn has come."""
        turn = _Turn()
        try:
            self._enter_line(turn.come, when)
            turn.get()
        except BaseException:
            turn.has_left = True
            self._count_refused()
            raise

    async def _await_in_line(self, when: float) -> None:
        """Suspend this task until its turn has come."""
        turn = _Turn()
        try:
            self._enter_line(turn.come, when)
            await turn
        except BaseException:
            turn.has_left = True
            self._count_refused()
            raise

    def _count_refused(self) -> None:
        for release in held(self._lock):
            self._refused += 1
            release()

    def _enter_line(self, let_go: Callable[[], object], when: float) -> None:
        """Have a function called when all before it in the line were, and a time has come.

        If it returns False, there was nothing to let go, and the next one's turn has come.
        """
        for release in held(self._lock):
            self._delayed += 1
            release()
        try:
            self._line.append(let_go)
            self._clock.schedule(when, Call(self._let_one_go))
        except BaseException:
            # A signal handler raised, or the clock did. In doubt, one goes early and none stays.
            self._let_one_go()
            raise

    def _let_one_go(self) -> None:
        """Let the first in the line go, now or when the holder of the door comes to it."""
        turns, door = self._turns, self._door
        turns.append(None)
        is_mine = True
        # copy() takes the list's own lock, so a turn that was added before is seen.
        while is_mine and turns.copy():
            for is_mine in map(door.acquire, _WITHOUT_WAITING):
                try:
                    while is_mine and turns:
                        del turns[0]
                        self._let_first_go()
                finally:
                    if is_mine:
                        door.release()

    def _let_first_go(self) -> None:
        line = self._line
        has_gone: object = False
        while line and has_gone is False:
            try:
                has_gone = line[0]()
            finally:
                line.popleft()


class _Turn(ThreadingFuture[None]):
    """The turn of a thread, or of a task, that waits in the line itself."""

    __slots__ = ("has_left",)

    def __init__(self) -> None:
        super().__init__()
        self.has_left = False

    def come(self) -> bool:
        """Have the one who waits go on; tells whether it still waits."""
        if self.has_left:
            return False
        self._try_resolve((None, None))
        return True


@looks_like_a_future
class _Waiting(Relay):
    """An ask that does not block, and stands in the line.

    Args:
        limiter: What lets it go.
        message: What is asked.
    """

    __slots__ = ("_context", "_limiter", "_message", "_recall")

    def __init__(self, limiter: RateLimiter[Any], message: Any) -> None:
        super().__init__()
        self._limiter = limiter
        self._message = message
        self._recall = Recall(cancelled_error(limiter._target))
        self._context: Context | None = copy_context()
        """The asker's, until it is sent or cancelled."""

    def send_for_asker(self) -> bool:
        """Do as `send()`, in the context of the asker, whichever thread lets it go."""
        context = self._context
        return self.send() if context is None else context.run(self.send)

    def send(self) -> bool:
        """Send the message, whose turn has come; tells whether it was still wanted."""
        message = self._message  # before the look whether it is still wanted
        if not self._recall.begin():
            self._end_unsent()
            return False
        limiter = self._limiter
        limiter._count_sent()
        self._message = self._context = None
        try:
            self.follow(begin_ask(limiter._target, message))
        except BaseException as error:
            self.end((None, (error, traceback_of(error))))
            if not is_a(error, Exception):
                raise
        return True

    def _take_back(self, *, interrupt: bool) -> None:
        if self._recall.cancel():
            self._end_unsent()
        else:
            super()._take_back(interrupt=interrupt)

    def _end_unsent(self) -> None:
        if self.end(self._recall.outcome):
            self._message = self._context = None
            self._limiter._count_refused()
