"""What tests have to know about futures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pykka


def waiters_of(future: pykka.ThreadingFuture[Any]) -> list[Any]:
    """Who waits for a future: the first one from its log, and those in its crowd."""
    crowd = future._crowd
    first = [entry for entry in future._log if callable(entry) and entry is not crowd]
    return first + ([] if crowd is None else list(crowd.waiters))
