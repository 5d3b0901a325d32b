"""What `SmallestInbox` takes for the load of an actor: each runtime, each kind of inbox."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.supervised import CrashError
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka import routing
from pykka.resilience import Backoff
from pykka.routing._kinds._smallest_inbox import load_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Runtime

INBOXES = {
    "unbounded": pykka.inboxes.Unbounded(),
    "bounded": pykka.inboxes.Bounded(100),
    "priority": pykka.inboxes.Priority(key=str),
}


class Turnstile:
    """A message that holds an actor up until it is opened, in the way of its runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self._blocks = "blocking handlers" in runtime.capabilities
        self._entered = threading.Event()
        self._opened = threading.Event()
        self._wake_up: Any = None

    def __str__(self) -> str:
        return "a turnstile"

    def __call__(self, _agent: object) -> Any:
        if not self._blocks:
            return self._wait()
        self._entered.set()
        return self._opened.wait(PATIENCE)

    async def _wait(self) -> None:
        opened = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._wake_up = lambda: loop.call_soon_threadsafe(opened.set)
        self._entered.set()
        await opened.wait()

    def wait_until_entered(self) -> None:
        assert self._entered.wait(PATIENCE)

    def open(self) -> None:
        self._opened.set()
        if self._wake_up is not None:
            self._wake_up()


@pytest.fixture
def turnstile(runtime: Runtime) -> Iterator[Turnstile]:
    turnstile = Turnstile(runtime)
    yield turnstile
    turnstile.open()


@pytest.mark.parametrize("inbox", INBOXES.values(), ids=INBOXES)
@pytest.mark.parametrize("is_metered", [False, True])
def test_the_load_is_what_waits_and_what_is_being_handled(
    agent: Any, turnstile: Turnstile, inbox: Any, is_metered: bool
) -> None:
    ref = agent.options(inbox=inbox).start()
    if is_metered:
        ref.keep_statistics()
        ref.ask("message")
    wait_until(lambda: load_of(ref) == 0, "it is idle")
    ref.tell(turnstile)
    turnstile.wait_until_entered()
    assert load_of(ref) == 1
    for number in range(1, 4):
        ref.tell("message")
        assert load_of(ref) == 1 + number
    assert load_of(routing.RoundRobin([ref])) == 4
    turnstile.open()
    ref.ask("message", timeout=PATIENCE)
    wait_until(lambda: load_of(ref) == 0, "it is idle again")


def test_who_waits_to_be_restarted_is_busy(runtime: Runtime, system: pykka.ActorSystem) -> None:
    class Fragile(pykka.Actor):
        def on_receive(self, message: Any) -> Any:
            if message == "poison":
                raise CrashError
            return self.actor_ref

    pool = routing.SmallestInbox.pool(
        runtime.run(Fragile), 2, system=system, backoff=Backoff(minimum=1.0)
    )
    fails, well = pool.routees
    fails.tell("poison")
    wait_until(lambda: fails._cell.extension.down, "it is down")
    assert load_of(fails) == 1
    for _ in range(4):
        wait_until(lambda: load_of(well) == 0, "the other one is idle")
        assert pool.ask("who?", timeout=PATIENCE) == well
    pool.kill()
