"""`pykka._locks`: nothing of the user's runs while a lock is held."""

from __future__ import annotations

import gc
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from pykka._locks import held

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(params=["alone", "traced"])
def maybe_traced(request: pytest.FixtureRequest, untraced: None) -> Iterator[None]:
    """Trace the thread, as debuggers do, or leave that be."""
    if request.param == "traced":
        sys.settrace(lambda *_: None)  # of Python's own functions it asks to hear no more
    yield
    sys.settrace(None)


@pytest.mark.usefixtures("maybe_traced")
def test_no_finaliser_runs_while_a_lock_is_held() -> None:
    """The collector is made to run at the first, second, third... allocation that it counts."""
    lock = threading.Lock()
    was_held: list[bool] = []

    class Cycle:
        def __init__(self) -> None:
            self.myself = self

        def __del__(self) -> None:
            was_held.append(lock.locked())

    def hold() -> None:
        for release in held(lock):
            release()

    threshold = gc.get_threshold()
    gc.disable()
    try:
        for number in range(1, 30):
            gc.collect(0)
            Cycle()
            gc.set_threshold(number)
            gc.enable()
            hold()
            gc.disable()
    finally:
        gc.set_threshold(*threshold)
        gc.enable()
    gc.collect()
    assert was_held == [False] * 29
