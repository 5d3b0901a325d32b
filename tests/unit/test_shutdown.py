"""Shutdowns that have no time, or are given up in the middle."""

from __future__ import annotations

import asyncio
import queue
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import Gate
from tests.leaks import PATIENCE, wait_until
from tests.pool.tools import Agent, ThreadAgent

import pykka
from pykka._cell.reasons import Abandoned, Killed
from pykka._envelope import Envelope
from pykka._system import shutdown as _shutdown
from pykka._util import world as _world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Log


@pytest.fixture
def sweeps(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[threading.Thread]]:
    """The threads to which shutdowns leave the rest: ordinary ones, which a test can wait for."""
    threads: list[threading.Thread] = []

    def start(function: Callable[..., object], args: tuple[Any, ...]) -> None:
        threads.append(threading.Thread(target=function, args=args))
        threads[-1].start()

    monkeypatch.setattr(_world, "start_new_thread", start)
    yield threads
    for thread in threads:
        thread.join(PATIENCE)


def test_who_is_killed_but_gets_no_thread_is_left_to_a_sweeper_that_abandons_it(
    sweeps: list[threading.Thread], monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    """The code of the one runs, and it is abandoned at once. The other one's does not."""
    system = pykka.ActorSystem(stop_timeout=0.05)
    agents = Agent.options(dispatcher=pykka.Dispatcher("pykka-one", max_threads=1))
    hanging, waiting = system.start(agents), system.start(agents)
    gate = Gate()
    hanging.tell(gate)
    gate.wait_until_entered()
    with pytest.raises(pykka.Timeout) as caught:
        system.shutdown(0.01)
    assert f"{hanging} (abandoned, and still running at" in str(caught.value)
    assert f"{waiting} (killed, and not ended yet)" in str(caught.value)
    assert isinstance(waiting.when_terminated().get(timeout=PATIENCE), Abandoned)
    assert len(sweeps) == 1
    assert system.everybody() == []
    gate.open()
    assert log.find("ERROR", f"{waiting} was abandoned")


@pytest.mark.parametrize("few", [0, 1_000])
def test_what_there_is_no_time_for_is_left_to_a_sweeper_that_kills_it(
    few: int, sweeps: list[threading.Thread], monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    """The time is over when the first one has been killed."""
    monkeypatch.setattr(_shutdown, "TIME_TO_DIE", 0)
    monkeypatch.setattr(_shutdown, "FEW", few)
    monkeypatch.setattr(_shutdown, "AFTERWARDS", 0)  # so nobody is abandoned at once
    system = pykka.ActorSystem("crowd")
    gate = Gate()
    refs = [system.start(ThreadAgent) for _ in range(_shutdown.NAMED + 3)]
    for ref in refs:
        ref.tell(gate)
        ref.tell("never handled")
    with pytest.raises(pykka.Timeout, match=r"'crowd'.* and 3 more$") as caught:
        system.shutdown(0)
    assert str(caught.value).count("(killed, and not ended yet)") == _shutdown.NAMED
    for ref in refs:
        wait_until(lambda ref=ref: ref._cell.extension.killed, "all are killed")  # type: ignore[misc]
    gate.open()
    assert [ref.when_terminated().get(timeout=PATIENCE) for ref in refs] == [Killed()] * len(refs)
    assert len(sweeps) == 1
    assert not log.find("ERROR", "was abandoned")


@pytest.mark.parametrize("rings_late", [False, True])
def test_an_async_block_without_time_kills_at_once_and_waits_for_the_end(
    rings_late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if the clock says only then that the time for stopping is over."""
    schedule = _shutdown.Shutdown._schedule

    def schedule_and_ring(self: _shutdown.Shutdown) -> None:
        schedule(self)
        if rings_late:
            asyncio.get_running_loop().call_soon(self.ring)

    monkeypatch.setattr(_shutdown.Shutdown, "_schedule", schedule_and_ring)
    gate = Gate()
    system = pykka.ActorSystem(shutdown_timeout=0)
    hanging = system.start(ThreadAgent)
    hanging.tell(gate)
    gate.wait_until_entered()

    async def main() -> None:
        with pytest.raises(pykka.Timeout, match="within 0 seconds"):
            async with system:
                pass

    asyncio.run(main())
    assert isinstance(hanging.when_terminated().get(timeout=PATIENCE), Abandoned)
    gate.open()


def test_an_async_block_whose_loop_is_closed_still_asks_all_to_stop() -> None:
    """The loop drops the task while it awaits the end of the last actor."""
    system = pykka.ActorSystem()
    gate = Gate()
    first, last = system.start(Agent), system.start(Agent)
    last.tell(gate)
    gate.wait_until_entered()

    async def main() -> None:
        leaving: Any = system.__aexit__(None, None, None)
        leaving.send(None)
        assert first.is_alive()  # it has to wait for the last one
        leaving.close()

    asyncio.run(main())
    first.when_terminated().get(timeout=PATIENCE)
    gate.open()
    last.when_terminated().get(timeout=PATIENCE)
    assert system.everybody() == []
    with pytest.raises(RuntimeError, match="has ended"):
        system.start(Agent)


def test_a_shutdown_that_is_interrupted_still_asks_all_to_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A child is not asked: it ends with its parent."""
    system = pykka.ActorSystem()
    gate = Gate()
    first = system.start(Agent)
    child = first.ask(lambda: first._actor.start_child(Agent))  # type: ignore[union-attr]
    last = system.start(Agent)
    last.tell(gate)
    gate.wait_until_entered()

    def press_ctrl_c(*_args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_shutdown.Shutdown, "_wait", press_ctrl_c)
        with pytest.raises(KeyboardInterrupt):
            system.shutdown(PATIENCE)
    for ref in (first, child):
        ref.when_terminated().get(timeout=PATIENCE)
    gate.open()
    last.when_terminated().get(timeout=PATIENCE)
    assert system.everybody() == []


def test_a_late_sender_does_not_take_what_wakes_the_thread_of_an_abandoned_actor() -> None:
    """It stands before its inbox, abandoned and closed, when the inbox is emptied once more."""
    stands_before_it, may_take = threading.Event(), threading.Event()
    threads: list[threading.Thread] = []

    class Slow(queue.Queue[Any]):
        def get(self, block: bool = True, timeout: float | None = None) -> Any:
            if block:
                stands_before_it.set()
                assert may_take.wait(PATIENCE)
            return super().get(block, timeout)

    class Waiting(pykka.ThreadingActor):
        @staticmethod
        def _create_actor_inbox() -> Any:
            return Slow()

        def on_start(self) -> None:
            threads.append(threading.current_thread())

    ref = Waiting.start()
    cell = ref._cell
    assert stands_before_it.wait(PATIENCE)
    assert ref.kill(abandon_after=0.001) is True
    assert isinstance(ref.when_terminated().get(timeout=PATIENCE), Abandoned)
    # A sender comes now that looked whether the actor was alive before all this.
    cell.send(Envelope("late"))
    may_take.set()
    threads[0].join(PATIENCE)
    assert not threads[0].is_alive()
