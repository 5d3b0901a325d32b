"""Pauses and limits of what is awaited, by the clock of a piece."""

from __future__ import annotations

import functools
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pykka._exceptions import Timeout
from pykka._futures.threading_future import ThreadingFuture
from pykka._util.checks import in_seconds
from pykka.resilience._askable import Call, End, cancel

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    from pykka.timers._clock import Clock


async def pause_awaiting(clock: Clock, seconds: float) -> None:
    """Have the task go on when so many seconds of a clock have passed."""
    over: ThreadingFuture[None] = ThreadingFuture()
    alarm = End(over)
    try:
        clock.schedule(clock.now() + seconds, alarm)
        await over
    except BaseException:
        alarm.is_cancelled = True
        clock.forget(alarm)
        raise


async def await_within(
    start: Callable[[], Awaitable[Any]], seconds: float | None, clock: Clock, whose: object
) -> Any:
    """Await something, and cancel it after so many seconds of a clock.

    Args:
        start: Makes what is awaited.
        seconds: The time that it has; `None` for all it takes. It needs the event loop of asyncio.
        clock: Counts them.
        whose: What is awaited, for the text.

    Raises:
        Timeout: The time is over.
    """
    if seconds is None:
        return await start()
    import asyncio  # noqa: PLC0415 (a program that has no event loop does not need it)

    loop = asyncio.get_running_loop()
    limit = asyncio.timeout(None)
    try:
        async with limit:
            alarm = Call(functools.partial(_have_expire, loop, limit))
            try:
                clock.schedule(clock.now() + seconds, alarm)
                return await start()
            finally:
                cancel(clock, alarm)
    except TimeoutError:
        if not limit.expired():
            raise
        msg = f"{whose} did not come to its end within {in_seconds(seconds)}"
        raise Timeout(msg) from None


def _have_expire(loop: asyncio.AbstractEventLoop, limit: asyncio.Timeout) -> None:
    with suppress(RuntimeError):  # the loop is closed
        loop.call_soon_threadsafe(_expire, limit)


def _expire(limit: asyncio.Timeout) -> None:
    with suppress(RuntimeError):  # it is over
        limit.reschedule(0.0)
