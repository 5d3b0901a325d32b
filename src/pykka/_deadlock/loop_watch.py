"""A thread that runs an event loop, and blocks, is warned of it.

Problem
    A `get()` in a coroutine works: the answer comes from elsewhere. But until then, no task of the
    loop goes on, all others are late, and no exception says so.

Rules
    - Only a call that really waits is warned of; see `pykka._deadlock.wait_graph.block`. An
      answer that is there, a look without waiting, and an actor that the caller runs itself cost
      the loop no more than any other call.
    - Code that is typed into a notebook or an interactive session runs on top of a loop, and is
      no coroutine. Its author waits for the answer, so there is no warning.
    - What has to wait for its effect, and has no form that can be awaited (to make or resize a
      pool of routees), does not warn of what its caller cannot change.
    - Python shows each line once, unless its filters say otherwise. If they make it an exception,
      that is raised before anything is waited for.
"""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any, TypeVar

from pykka._deadlock.wait_graph import call_when_loop_blocks, is_ours, place_of
from pykka._exceptions import BlockingWarning

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType

COROUTINE = 0x80 | 0x100 | 0x200
"""The flags of code objects of coroutines, of generators that are ones, and of asynchronous
generators; as in `inspect`, which is slow to import."""

_by_design: set[CodeType] = set()

F = TypeVar("F", bound="Callable[..., Any]")


def blocks_by_design(function: F) -> F:
    """Mark a function that has to wait, wherever it is called: there is no other way to do it."""
    _by_design.add(function.__code__)
    return function


_shown: dict[str, dict[Any, Any]] = {}
"""Where `warnings` notes what it has shown, for each file."""


def watch_loops(*, enabled: bool) -> None:
    """Warn from now on, or no more."""
    call_when_loop_blocks(_warn if enabled else None)


def _warn() -> None:
    frame = sys._getframe(1)
    if not _is_worth_a_warning(frame):
        return
    place = place_of(frame)
    warnings.warn_explicit(
        f"{place.function}() blocks the event loop of its thread until a future is there; "
        "await the future, and use block=False",
        BlockingWarning,
        place.filename,
        place.line,
        registry=_shown.setdefault(place.filename, {}),
    )


def _is_worth_a_warning(frame: FrameType | None) -> bool:
    """Tell whether what blocks is a coroutine or a callback, and could do without."""
    while frame is not None:
        code = frame.f_code
        if code in _by_design:
            return False
        if not is_ours(frame):
            name: Any = frame.f_globals.get("__name__")
            if code.co_flags & COROUTINE or str(name).partition(".")[0] == "asyncio":
                return True
            if code.co_name == "<module>":
                return False
        frame = frame.f_back
    return True


watch_loops(enabled=True)
