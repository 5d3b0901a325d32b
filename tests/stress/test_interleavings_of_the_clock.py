"""The long form of `tests/unit/test_clock_interleavings.py`: more preemptions."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.test_clock_interleavings import (
    RACES,
    SteppedClock,
    explore_race,
    stepped,  # noqa: F401 (a fixture)
)


@pytest.mark.parametrize("race", RACES.values(), ids=RACES)
def test_every_interleaving(race: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    explore_race(SteppedClock, race, monkeypatch, preemptions=3)
