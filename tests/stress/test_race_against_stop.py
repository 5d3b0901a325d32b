"""A million asks that race a stop: the long form of a test of guarantee G3."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from tests.stress.race import Books, race

if TYPE_CHECKING:
    from tests.conftest import Runtime


def test_a_million_asks_race_a_stop(runtime: Runtime) -> None:
    last = time.monotonic()

    def report(books: Books) -> None:
        nonlocal last
        if time.monotonic() - last > 10:
            last = time.monotonic()
            print(
                f"{books}\n  answered by the final drain in the last rounds: "
                f"{books.drained_in_round[-10:]}"
            )

    books = race(runtime, asks=1_000_000, seed=random.randrange(1_000_000), report=report)
    print(books)
    print(f"{sum(map(bool, books.drained_in_round))} of {books.rounds} rounds had such asks.")
    books.check()
    if runtime.name == "threading":  # others look so soon after they have sent that it is seldom
        assert books.dead_by_senders > 0
