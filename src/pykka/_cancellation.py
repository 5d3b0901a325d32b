"""Cancellation, as asyncio and trio know it.

Neither module is imported here. If it is that module's exception, somebody has imported it.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


def is_cancellation(error: BaseException) -> bool:
    """Tell whether an exception means that the task which it is raised in is cancelled."""
    asyncio, trio = sys.modules.get("asyncio"), sys.modules.get("trio")
    return (asyncio is not None and isinstance(error, asyncio.CancelledError)) or (
        trio is not None and isinstance(error, trio.Cancelled)
    )


def shield() -> AbstractContextManager[object]:
    """Keep trio from raising its `Cancelled` again and again; asyncio raises its own once."""
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_task():
        scope: AbstractContextManager[object] = trio.CancelScope(shield=True)
        return scope
    return contextlib.nullcontext()
