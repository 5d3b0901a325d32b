"""The long form of `tests/pool/test_storm.py`."""

from __future__ import annotations

import random

import pytest
from tests.pool.test_storm import MIXED
from tests.stress.storm import Storm


@pytest.mark.parametrize("rounds", range(20))
def test_a_long_storm(rounds: int) -> None:
    books = Storm(MIXED, random.randrange(1_000_000)).run(threads=8, steps=2_000)
    print(books)
    books.check()
