"""The long form of `tests/unit/test_inbox_interleavings.py`: more preemptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.test_inbox_interleavings import RACES, explore_race

if TYPE_CHECKING:
    from pykka.inboxes import InboxSpec


@pytest.mark.parametrize(("spec", "before", "tasks", "preemptions"), RACES)
def test_every_message_has_one_fate_and_nobody_waits_for_ever(
    spec: InboxSpec, before: int, tasks: dict[str, str], preemptions: int | None
) -> None:
    explore_race(spec, before, tasks, preemptions)
