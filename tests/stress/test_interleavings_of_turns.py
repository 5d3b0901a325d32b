"""The long form of `tests/pool/test_turns.py`: more preemptions, and all of them for two tells."""

from __future__ import annotations

import pytest
from tests.interleave import explore
from tests.pool.test_turns import SENDERS, Race, SteppedAddress, stepped  # noqa: F401 (a fixture)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("senders", SENDERS, ids=lambda senders: "+".join(senders.values()))
def test_every_interleaving(senders: dict[str, str], workers: int) -> None:
    preemptions = None if workers == 1 and set(senders.values()) == {"tell"} else 3
    report = explore(
        lambda: Race(SteppedAddress, senders, workers).scenario(), preemptions=preemptions
    )
    print(f"{report.runs} runs, {report.complete} complete, {len(report.states)} states")
