"""What seldom happens to actors in an event loop."""

from __future__ import annotations

import asyncio
import gc
import queue
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import Gate
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka._lifecycle import invoke, termination
from pykka.runtimes.asyncio import loop as loops
from pykka.runtimes.asyncio import run as living
from pykka.runtimes.asyncio.loop import SharedLoop, shared_loop
from pykka.supervision import ChildSpec, Supervisor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Log

    from pykka.timers import ManualClock


class Agent(pykka.AsyncioActor):
    """Calls what it is told, and awaits what comes of it."""

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, BaseException):
            raise message
        return message(self) if callable(message) else message


# --- who sends ----------------------------------------------------------------------------------


class Shallow(queue.SimpleQueue[Any]):
    """An inbox for whose call there was just room on the stack."""

    is_full = False

    def put(self, item: Any, *_args: Any) -> None:
        super().put(item)
        if self.is_full:
            raise RecursionError


def test_a_message_is_handled_although_the_senders_stack_was_full_right_after_it() -> None:
    seen: queue.SimpleQueue[Any] = queue.SimpleQueue()

    class Receiver(pykka.AsyncioActor):
        @staticmethod
        def _create_actor_inbox() -> Any:
            return Shallow()

        def on_receive(self, message: Any) -> Any:
            seen.put(message)
            return message

    ref = Receiver.start()
    ref.ask("before", timeout=PATIENCE)
    inbox: Any = ref._cell.inbox.queue  # type: ignore[attr-defined]
    wait_until(lambda: ref._cell.inbox.sleeper is not None, "it sleeps")  # type: ignore[attr-defined]
    inbox.is_full = True
    with pytest.raises(RecursionError):
        ref.tell("message")
    inbox.is_full = False
    assert [seen.get(timeout=PATIENCE) for _ in range(2)] == ["before", "message"]


@pytest.mark.parametrize("way", ["tell", "kill"])
def test_whoever_finds_the_loop_closed_first_has_its_actors_end(way: str, log: Log) -> None:
    """It was closed by another way than its method `close()`, which is watched."""
    loop = asyncio.new_event_loop()

    async def begin() -> list[pykka.ActorRef[Any]]:
        refs = [Agent.start() for _ in range(2)]
        for ref in refs:
            await ref.ask("hello", block=False)
        await asyncio.sleep(0)
        return refs

    ref, other = loop.run_until_complete(begin())
    assert ref._cell.inbox.sleeper is not None  # type: ignore[attr-defined]
    type(loop).close(loop)
    assert ref.is_alive()
    if way == "tell":
        ref.tell("message")
    else:
        assert ref.kill(block=False).get(timeout=PATIENCE)
    for each in (ref, other):
        assert isinstance(each.when_terminated().get(timeout=PATIENCE), pykka.Killed)
        assert not each.is_alive()
    wait_until(
        lambda: log.find("WARNING", f"The event loop of {other} was closed"), "it was evicted"
    )
    gc.collect()


def test_what_a_living_loop_raises_goes_to_the_killer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A `RecursionError` is a `RuntimeError`, too, as that of a closed loop is."""
    ref = Agent.start()
    ref.ask("hello", timeout=PATIENCE)
    loop = shared_loop()
    main_thread = threading.current_thread()
    call = loop.call_soon_threadsafe

    def refuse(*args: Any, **kwargs: Any) -> Any:
        if threading.current_thread() is main_thread:
            raise RecursionError
        return call(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "call_soon_threadsafe", refuse)
        with pytest.raises(RecursionError):
            ref.kill(block=False)
    assert ref._cell.loop is loop  # type: ignore[attr-defined]
    ref.kill(block=False)
    assert ref.when_terminated().get(timeout=PATIENCE) == pykka.Killed()


def test_an_actor_that_is_killed_before_it_is_started_has_no_loop_to_tell() -> None:
    actor = Agent()
    killed = actor.actor_ref.kill(block=False)
    assert not actor.actor_ref.is_alive()
    assert actor._pykka_cell.loop is None  # type: ignore[attr-defined]
    del killed


# --- how it ends --------------------------------------------------------------------------------


def test_a_handler_that_cancels_its_task_and_returns_has_answered_and_ends_the_actor() -> None:
    """To asyncio, a task that returns before the cancellation strikes is cancelled."""
    notes: list[str] = []

    class Quitter(Agent):
        async def quit(self) -> str:
            task: Any = asyncio.current_task()
            task.cancel()
            return "answer"

        def on_stop(self) -> None:
            notes.append("on_stop")

    ref = Quitter.start()
    assert ref.proxy().quit().get(timeout=PATIENCE) == "answer"
    ref.when_terminated().get(timeout=PATIENCE)
    assert notes == ["on_stop"]


def test_an_actor_ends_although_the_last_steps_of_its_life_were_struck(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Struck(BaseException):
        pass

    def strike(_cell: object) -> None:
        raise Struck

    async def main() -> Any:
        ref = Agent.start()
        await ref.ask("hello", block=False)
        with monkeypatch.context() as patch:
            patch.setattr(living, "end_in_any_case", strike)
            stopped = ref.stop(block=False)
            async with asyncio.timeout(PATIENCE):
                assert await stopped is True
        return ref

    ref = asyncio.run(main())
    assert ref.when_terminated().get(timeout=0) == pykka.Stopped()


def test_a_last_hook_that_blocks_the_loop_is_abandoned_and_not_cancelled(
    system: pykka.ActorSystem, clock: ManualClock
) -> None:
    gate = Gate()

    class Blocks(Agent):
        def on_stop(self) -> None:
            gate()

    with own_loop() as loop:
        ref = system.start(Blocks.options(loop=loop))
        killed = ref.kill(abandon_after=1, block=False)
        gate.wait_until_entered()
        clock.advance(1)
        assert killed.get(timeout=PATIENCE) is True
        reason = ref.when_terminated().get(timeout=PATIENCE)
        assert isinstance(reason, pykka.Abandoned)
        assert "Blocks" in str(ref)
        gate.open()


@contextmanager
def own_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that runs on a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join(PATIENCE)
    loop.close()


def test_an_actor_that_is_down_when_its_loop_is_closed_is_not_restarted(
    system: pykka.ActorSystem, clock: ManualClock, log: Log
) -> None:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    backoff = pykka.resilience.Backoff(minimum=10, maximum=10, jitter=0)
    spec = ChildSpec("a", Agent.options(loop=loop), backoff=backoff)
    supervisor = system.start(Supervisor, [spec])
    child = supervisor.proxy().get_child("a").get(timeout=PATIENCE)
    child.tell(ValueError("no"))
    wait_until(lambda: child._cell.extension.down and clock.pending, "it is down")
    loop.call_soon_threadsafe(loop.stop)
    thread.join(PATIENCE)
    loop.close()
    assert isinstance(child.when_terminated().get(timeout=PATIENCE), pykka.Killed)
    assert not child.is_alive()
    supervisor.stop(timeout=PATIENCE)
    assert log.find("WARNING", f"The event loop of {child} was closed")


def test_what_comes_of_a_message_when_the_actor_has_ended_is_dropped(log: Log) -> None:
    """Its handler goes on when it is abandoned, or when its loop is closed under it."""
    ref = Agent.start()
    ref.ask("hello", timeout=PATIENCE)
    cell: Any = ref._cell
    ref.stop(timeout=PATIENCE)
    wait_until(lambda: cell.actor is None, "it has ended to the last")
    reason = ref.when_terminated().get(timeout=0)
    log.records.clear()
    invoke.end_of_message(cell, "late", None)
    invoke.end_of_message(cell, None, ValueError("late"))
    termination.fall(cell, ValueError("late"))
    termination.terminate_without_hooks(cell)
    assert log.records == []
    assert ref.when_terminated().get(timeout=0) == reason


# --- the loop that all share --------------------------------------------------------------------


def test_where_no_daemon_threads_may_be_there_is_no_shared_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loops, "_shared", None)
    monkeypatch.setattr(loops, "allows_daemon_threads", lambda: False)
    with pytest.raises(RuntimeError, match=r"asyncio\.run\(\)"):
        Agent.start()
    assert pykka.ActorRegistry.get_all() == []

    async def main() -> Any:
        return await Agent.start().ask("in a loop that runs", block=False)

    assert asyncio.run(main()) == "in a loop that runs"


@pytest.fixture
def shared() -> SharedLoop:
    """A loop like the one that all share."""
    shared = SharedLoop()
    shared.start()
    return shared


def test_at_the_end_the_shared_loop_waits_for_the_last_hook_of_those_who_end_already(
    shared: SharedLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes: list[str] = []
    gate = Gate()
    ending = threading.Event()
    end_of = loops.end_of

    class Slow(Agent):
        async def on_stop(self) -> None:
            ending.set()
            await asyncio.to_thread(gate)
            notes.append("slow")

    class Quick(Agent):
        def on_stop(self) -> None:
            notes.append("quick")

    def open_and_wait(cell: Any) -> Any:
        """All have been asked to stop, and those that do have done so."""
        gate.open()
        return end_of(cell)

    monkeypatch.setattr(loops, "end_of", open_and_wait)
    Slow.options(loop=shared.loop).start().stop(block=False)
    assert ending.wait(PATIENCE)
    Quick.options(loop=shared.loop).start()
    shared.finish()
    assert notes == ["quick", "slow"]
    assert shared.loop.is_closed()


def test_in_a_child_process_the_shared_loop_runs_on_until_the_actor_has_ended_that_forked(
    shared: SharedLoop,
) -> None:
    """And is never closed, for that would make the loop of the parent process deaf."""
    ref = Agent.options(loop=shared.loop).start()

    def fork(agent: Any) -> str:
        shared.end_after(agent._pykka_cell.task)
        return "forked"

    try:
        assert ref.ask(fork, timeout=PATIENCE) == "forked"
        assert ref.ask("still here", timeout=PATIENCE) == "still here"
        assert ref.stop(timeout=PATIENCE)
        shared._thread.join(PATIENCE)
        assert not shared._thread.is_alive()
        assert not shared.loop.is_closed()
    finally:
        loops._inherited.remove(shared)
        shared.loop.close()
