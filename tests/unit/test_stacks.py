"""The garbage collector is off while the interpreter lists its threads: that could hang."""

from __future__ import annotations

import gc
import sys
import threading
from typing import TYPE_CHECKING, Any

from tests.leaks import PATIENCE

from pykka import _stacks

if TYPE_CHECKING:
    import pytest


def test_the_collector_is_off_meanwhile_and_on_again_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[bool] = []
    real = sys._current_frames

    def note() -> Any:
        seen.append(gc.isenabled())
        return real()

    monkeypatch.setattr(sys, "_current_frames", note)
    frames = _stacks.current_frames()

    assert seen == [False]
    assert gc.isenabled()
    assert threading.get_ident() in frames


def test_a_collector_that_is_off_stays_off() -> None:
    gc.disable()
    try:
        _stacks.current_frames()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_no_thread_turns_it_on_while_another_needs_it_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entered, may_leave = threading.Event(), threading.Event()
    seen: list[bool] = []

    def slow() -> dict[int, Any]:
        entered.set()
        assert may_leave.wait(PATIENCE)
        seen.append(gc.isenabled())
        return {}

    monkeypatch.setattr(sys, "_current_frames", slow)
    threads = [threading.Thread(target=_stacks.current_frames) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert entered.wait(PATIENCE)
    may_leave.set()
    for thread in threads:
        thread.join(PATIENCE)

    assert seen == [False, False]
    assert gc.isenabled()
