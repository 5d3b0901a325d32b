"""Cancellation, as asyncio and trio know it.

Neither module is imported here. If it is that module's exception, the program has imported it.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from pykka._util.imported import imported
from pykka._util.log import is_a

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractContextManager


def is_cancellation(error: BaseException) -> bool:
    """Tell whether an exception means that the task which it is raised in is cancelled."""
    asyncio, trio = imported("asyncio"), imported("trio")
    return (asyncio is not None and is_a(error, asyncio.CancelledError)) or (
        trio is not None and is_a(error, trio.Cancelled)
    )


def shield() -> AbstractContextManager[object]:
    """Keep trio from raising its `Cancelled` again and again; asyncio raises its own once."""
    trio = imported("trio")
    if trio is not None and trio.lowlevel.in_trio_task():
        scope: AbstractContextManager[object] = trio.CancelScope(shield=True)
        return scope
    return contextlib.nullcontext()


async def await_through_cancellation(
    awaitable: Awaitable[object], done: Callable[[], bool], on_cancel: Callable[[], object]
) -> BaseException | None:
    """Await something to its end, also if the task is cancelled meanwhile.

    Args:
        awaitable: What is awaited; it may be awaited several times.
        done: Whether it has come to its end.
        on_cancel: Called with each cancellation.

    Returns:
        The last cancellation, which the caller has to raise in the end; `None` if there was none.
    """
    interruption: BaseException | None = None
    while not done():
        try:
            with shield():
                await awaitable
        except BaseException as error:
            if not is_cancellation(error):
                raise
            interruption = error
            on_cancel()
    return interruption
