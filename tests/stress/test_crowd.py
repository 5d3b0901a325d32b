"""Many senders, all policies: every message has one fate."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from tests.inboxes import name_of
from tests.stress.crowd import crowd

from pykka.inboxes import Bounded, InboxSpec, Priority

if TYPE_CHECKING:
    from tests.conftest import Runtime


def level(message: tuple[int, int, int]) -> int:
    return message[1]


SPECS = [
    Bounded(1),
    Bounded(10),
    Bounded(10, timeout=0.0005),
    Bounded(10, "raise"),
    Bounded(10, "drop_newest"),
    Bounded(10, "drop_oldest"),
    Priority(level),
    Priority(lambda message: (message[1], message[2])),
    Priority(level, capacity=10),
    Priority(level, capacity=10, timeout=0.0005),
    Priority(level, capacity=10, when_full="drop_oldest"),
]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("spec", SPECS, ids=name_of)
@pytest.mark.parametrize("stops", [False, True])
def test_every_message_has_one_fate(runtime: Runtime, spec: InboxSpec, *, stops: bool) -> None:
    seed = random.randrange(1_000_000)
    books = crowd(runtime, spec, senders=12, each=3_000, seed=seed, stops=stops)
    print(books)
    books.check()
