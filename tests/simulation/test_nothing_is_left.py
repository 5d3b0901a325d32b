"""Ten thousand runs leave no thread, no greenlet and no memory."""

from __future__ import annotations

import gc
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.simulation import programs

import pykka
from pykka import simulation
from pykka.simulation._engine import _greenlets

if TYPE_CHECKING:
    from collections.abc import Callable

FEW = 2_000
"""So many blocks of memory more or less are the interpreter's own affair: caches, free lists."""


async def awaits() -> str:
    class Echo(pykka.AsyncioActor):
        async def on_receive(self, message: str) -> str:
            return message

    return str(await Echo.start().ask("hello", block=False))


def hangs() -> None:
    pykka.ThreadingFuture[None]().get()


MAINS: list[Callable[[], Any]] = [
    programs.lost_update,
    programs.crossing_asks,
    programs.timer_and_reply,
    programs.restart_loses_state,
    programs.tells,
    awaits,
    hangs,
]


def greenlets() -> int:
    kind = None if _greenlets.greenlet is None else _greenlets.greenlet.greenlet
    return sum(1 for each in gc.get_objects() if kind is not None and type(each) is kind)


def make_runs(runs: int, carrier: Any) -> None:
    for number in range(runs):
        simulation.run(MAINS[number % len(MAINS)], seed=number, carrier=carrier)


@pytest.mark.exhaustive
@pytest.mark.parametrize("carrier", ["greenlet", "thread"])
def test_ten_thousand_runs(carrier: str, untraced: None, quiet: None) -> None:
    if carrier == "greenlet" and not _greenlets.can_be_used():
        pytest.skip("greenlet is not installed, or cannot be used")
    make_runs(300, carrier)
    gc.unfreeze()
    gc.collect()
    before = set(threading.enumerate()), greenlets(), sys.getallocatedblocks()
    make_runs(10_000 if carrier == "greenlet" else 3_000, carrier)
    for thread in threading.enumerate():
        if thread.name.startswith("pykka-simulation"):
            thread.join(20)
    gc.collect()
    after = set(threading.enumerate()), greenlets(), sys.getallocatedblocks()
    assert after[0] <= before[0]  # threads of other tests may have ended meanwhile
    assert after[1] <= before[1]
    assert after[2] - before[2] < FEW
