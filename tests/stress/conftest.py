"""What the stress tests share: nothing is left out of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests import tiers

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _exhaustive(pytestconfig: pytest.Config) -> Iterator[None]:
    tiers.choose(exhaustive=True)
    yield
    tiers.choose(exhaustive=pytestconfig.option.exhaustive)
