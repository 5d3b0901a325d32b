"""Every interleaving of those who send to a pooled actor and those who run it, without a limit."""

from __future__ import annotations

import pytest
from tests.interleave import explore
from tests.pool.test_turns import SENDERS, Race, SteppedAddress, stepped  # noqa: F401 (a fixture)


@pytest.mark.parametrize("senders", SENDERS, ids=lambda senders: "+".join(senders.values()))
def test_every_interleaving(senders: dict[str, str]) -> None:
    report = explore(lambda: Race(SteppedAddress, senders, 1).scenario(), at_most=10_000_000)
    print(f"{report.runs} runs, {report.complete} complete, {len(report.states)} states")
