"""A hundred thousand asks through a retrying, breaking and limiting stack of pieces."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tests.stress.traffic import traffic

if TYPE_CHECKING:
    from tests.conftest import Runtime


def test_the_books_balance_after_a_hundred_thousand_asks(runtime: Runtime) -> None:
    print(traffic(runtime, asks=100_000, seed=random.randrange(1_000_000)))
