"""A million messages through router pools that are resized, whose routees fail and are killed."""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING

import pytest
from tests.conformance.pools import TO_ONE, Traffic

if TYPE_CHECKING:
    from tests.conftest import Runtime

KINDS = pytest.mark.parametrize("kind", ["RoundRobin", "SmallestInbox", "ConsistentHashing"])


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Much that fails is not logged; and there is much to wait for at the end."""
    monkeypatch.setattr("tests.conformance.pools.PATIENCE", 300.0)
    monkeypatch.setattr(logging.getLogger("pykka"), "disabled", True)


@KINDS
@pytest.mark.parametrize("kills", [False, True])
@pytest.mark.timeout(900)
def test_the_books_balance_after_a_million_messages(
    runtime: Runtime, kind: str, kills: bool
) -> None:
    seed = random.randrange(1_000_000)
    traffic = Traffic(runtime, TO_ONE[kind], messages=1_000_000, senders=4, seed=seed, kills=kills)
    print(traffic.run())
