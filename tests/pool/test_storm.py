"""Everything at once: tells, asks, starts and stops of actors of all kinds, from all sides."""

from __future__ import annotations

import random
from typing import Any

import pytest
from tests.conftest import RUNTIMES
from tests.stress.storm import Storm, Stormy

import pykka

pytestmark = pytest.mark.usefixtures("witness")

POOLED = RUNTIMES[1].run(Stormy)
ELSEWHERE = pykka.Dispatcher("pykka-elsewhere")


MIXED = [
    POOLED,
    type("Strict", (POOLED,), {"caller_runs": False}),
    type("Elsewhere", (POOLED,), {"dispatcher": ELSEWHERE}),
    RUNTIMES[0].run(Stormy),
]


@pytest.mark.parametrize("classes", [[POOLED], MIXED], ids=["one kind", "all kinds"])
def test_a_storm(classes: list[Any]) -> None:
    books = Storm(classes, random.randrange(1_000_000)).run(threads=4, steps=150)
    print(books)
    books.check()
    assert books.answered > 0
    assert books.handled
