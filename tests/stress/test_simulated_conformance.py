"""The long form of `tests/simulation/test_conformance.py`: twenty orders, and all combinations."""

from __future__ import annotations

import pytest
from tests.simulation.test_conformance import FILES, FILES_IN_PART, expect_to_pass


@pytest.mark.parametrize("file", [*FILES, *FILES_IN_PART])
def test_the_suite_passes_in_twenty_orders(file: str) -> None:
    expect_to_pass(file, 20, in_part=False)
