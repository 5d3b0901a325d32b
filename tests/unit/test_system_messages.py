"""What comes before the inbox, and an actor that is down."""

from __future__ import annotations

from typing import Any

import pytest

import pykka
from pykka._cell.cell import DOWN
from pykka._cell.extension import CellExtension


class Worker(pykka.ThreadingActor):
    """It is not started: the test looks for it."""


class MadeMeanwhile(CellExtension):
    """Its lanes are made by another thread, right after one of the looks at them."""

    __slots__ = ("looks_before",)

    def __init__(self, looks_before: int) -> None:
        self.looks_before = -1  # not while it is made
        super().__init__()
        self.looks_before = looks_before

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if name in ("system_queue", "replay_queue") and self.looks_before >= 0:
            self.looks_before -= 1
            if self.looks_before < 0:
                self.need_lanes()
        return value


@pytest.mark.parametrize("looks_before", range(3))
def test_an_actor_that_is_down_takes_no_message_while_its_supervisor_says_what_is_next(
    looks_before: int,
) -> None:
    cell: Any = Worker()._pykka_cell
    cell.extension = extension = MadeMeanwhile(looks_before)
    cell.mark_down(pykka.Stopped())
    assert cell.take_first() is DOWN
    assert cell.has_system_messages  # so it does not turn to the inbox after that
    extension.looks_before = -1
    cell.signal("what the supervisor says")
    assert cell.take_first() == "what the supervisor says"
