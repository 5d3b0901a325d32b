"""Modules that the program has imported, and that the library does not import by itself.

Whether asyncio or trio runs on a thread matters only in programs that have imported it. So the
library looks into `sys.modules`, and does not pay for the import in all other programs.

A module is in `sys.modules` from the moment at which its import *begins*. Another thread that
looks meanwhile finds one that is half empty: `import asyncio` takes some 50 ms on the main thread,
while actors on other threads handle messages, ask and fail. So whatever looks for a module asks
`imported()`, which knows only whole ones (`tests/unit/test_imported.py` finds every place).

Invariant: what `imported()` returns has run to its end, hence has all its names.
"""

from __future__ import annotations

from sys import modules
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_get_running_loop: Callable[[], Any] | None = None
"""The function of asyncio; None until it is imported."""


def imported(name: str) -> Any:
    """The module of that name; None if it is not imported, or not to its end."""
    module = modules.get(name)
    if module is None or getattr(getattr(module, "__spec__", None), "_initializing", False):
        return None
    return module


def running_loop() -> Any:
    """The event loop of asyncio that runs on this thread; None if there is none."""
    return _find_running_loop() if _get_running_loop is None else _get_running_loop()


def _find_running_loop() -> Any:
    """The same, before asyncio's own function is known."""
    global _get_running_loop  # noqa: PLW0603
    function = running_loop_function()
    if function is None:
        return None
    _get_running_loop = function
    return function()


def running_loop_function() -> Callable[[], Any] | None:
    """The function of asyncio that returns the running loop; None until asyncio is imported.

    It may be kept. Before its module is whole it is another one, written in Python, which does not
    know of the loops that asyncio runs afterwards; that one is never returned.
    """
    events = imported("asyncio.events")
    return None if events is None else events._get_running_loop
