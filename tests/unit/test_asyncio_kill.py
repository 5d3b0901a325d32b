"""Killing an actor in an event loop: what it awaits is cancelled."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka._lifecycle.kill import PART_FOR_THE_END, STOP_TIMEOUT
from pykka.supervision import ChildSpec, DynamicSupervisor, Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka.timers import ManualClock


pytestmark = pytest.mark.usefixtures("witness")

GRACE = STOP_TIMEOUT * PART_FOR_THE_END
"""The seconds that a killed actor has for its end."""


class Hangs(pykka.AsyncioActor):
    """Hangs where it is told to, and notes what becomes of that."""

    def __init__(self, notes: list[str], *places: str) -> None:
        super().__init__()
        self.notes, self.places = notes, places

    async def _at(self, place: str) -> None:
        self.notes.append(place)
        if place not in self.places:
            return
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await asyncio.sleep(0)
            self.notes.append(f"{place} cancelled")

    async def on_start(self) -> None:
        await self._at("on_start")

    async def on_receive(self, message: Any) -> Any:
        if isinstance(message, BaseException):
            raise message
        await self._at("on_receive")
        return message

    async def on_stop(self) -> None:
        await self._at("on_stop")

    async def on_failure(self, *_args: object) -> None:
        await self._at("on_failure")


def reached(notes: list[str], place: str) -> None:
    wait_until(lambda: place in notes, f"{place} is reached")


def blocking(ref: Any) -> Any:
    return ref.kill()


def without_blocking(ref: Any) -> Any:
    return ref.kill(block=False).get(timeout=PATIENCE)


def with_deadline(ref: Any) -> Any:
    return ref.kill(abandon_after=PATIENCE)


def twice(ref: Any) -> Any:
    first, second = ref.kill(block=False), ref.kill(block=False)
    second.get(timeout=PATIENCE)  # False if it came too late
    return first.get(timeout=PATIENCE)


KILLS = [blocking, without_blocking, with_deadline, twice]


@pytest.mark.parametrize("kill", KILLS)
def test_a_handler_that_awaits(system: pykka.ActorSystem, kill: Callable[[Any], Any]) -> None:
    notes: list[str] = []
    ref = system.start(Hangs, notes, "on_receive")
    asked = ref.ask("hang", block=False)
    waiting = ref.ask("waits", block=False)
    stopped = ref.stop(block=False)
    reached(notes, "on_receive")
    assert kill(ref) is True
    assert notes == ["on_start", "on_receive", "on_receive cancelled", "on_stop"]
    with pytest.raises(pykka.ActorDeadError, match="was killed while it handled"):
        asked.get(timeout=PATIENCE)
    with pytest.raises(pykka.ActorDeadError, match="stopped before handling"):
        waiting.get(timeout=PATIENCE)
    assert stopped.get(timeout=PATIENCE) is True
    assert ref.when_terminated().get(timeout=0) == pykka.Killed()


@pytest.mark.parametrize("kill", KILLS)
def test_the_start_hook_that_awaits(system: pykka.ActorSystem, kill: Any) -> None:
    notes: list[str] = []
    ref = system.start(Hangs, notes, "on_start")
    waiting = ref.ask("waits", block=False)
    reached(notes, "on_start")
    assert kill(ref) is True
    assert notes == ["on_start", "on_start cancelled", "on_stop"]
    assert ref.when_terminated().get(timeout=0) == pykka.Killed()
    with pytest.raises(pykka.ActorDeadError):
        waiting.get(timeout=PATIENCE)


def test_before_it_has_begun() -> None:
    """It begins, as in all runtimes, and is cancelled where it first awaits."""

    async def main() -> Any:
        notes: list[str] = []
        ref = Hangs.start(notes, "on_start")
        killed = ref.kill(block=False)
        return notes, await killed, await ref.when_terminated()

    notes, killed, reason = asyncio.run(main())
    assert notes == ["on_start", "on_start cancelled", "on_stop"]
    assert (killed, reason) == (True, pykka.Killed())


@pytest.mark.parametrize("kill", KILLS)
def test_an_idle_actor(system: pykka.ActorSystem, kill: Any) -> None:
    """Its stop hook runs because of the kill, so that is not cancelled, though it awaits."""

    class Slow(Hangs):
        async def on_stop(self) -> None:
            for _ in range(10):
                await asyncio.sleep(0)
            self.notes.append("on_stop")

    notes: list[str] = []
    ref = system.start(Slow, notes)
    ref.ask("hello", timeout=PATIENCE)
    assert kill(ref) is True
    assert notes == ["on_start", "on_receive", "on_stop"]
    assert ref.when_terminated().get(timeout=0) == pykka.Killed()


@pytest.mark.parametrize("kill", KILLS)
def test_a_stop_hook_that_hangs(system: pykka.ActorSystem, kill: Any) -> None:
    """The stop came first, so that is the reason; but the hook has had its time."""
    notes: list[str] = []
    ref = system.start(Hangs, notes, "on_stop")
    stopped = ref.stop(block=False)
    reached(notes, "on_stop")
    assert kill(ref) is True
    assert stopped.get(timeout=PATIENCE) is True
    assert notes == ["on_start", "on_stop", "on_stop cancelled"]
    assert ref.when_terminated().get(timeout=0) == pykka.Stopped()


def test_a_failure_hook_that_hangs(system: pykka.ActorSystem) -> None:
    notes: list[str] = []
    ref = system.start(Hangs, notes, "on_failure")
    ref.tell(ValueError("on purpose"))
    reached(notes, "on_failure")
    assert ref.kill() is True
    assert notes == ["on_start", "on_failure", "on_failure cancelled"]
    assert isinstance(ref.when_terminated().get(timeout=0), pykka.Failed)


def test_a_stop_hook_that_hangs_because_of_the_kill_is_cancelled_at_the_deadline(
    system: pykka.ActorSystem, clock: ManualClock
) -> None:
    """It is not abandoned: it has not swallowed anything, and its code does not run any more."""
    notes: list[str] = []
    ref = system.start(Hangs, notes, "on_receive", "on_stop")
    ref.tell("hang")
    reached(notes, "on_receive")
    killed = ref.kill(abandon_after=1, block=False)
    reached(notes, "on_stop")
    clock.advance(1)
    assert killed.get(timeout=PATIENCE) is True
    assert notes[1:] == ["on_receive", "on_receive cancelled", "on_stop", "on_stop cancelled"]
    assert ref.when_terminated().get(timeout=0) == pykka.Killed()


def test_a_kill_that_comes_while_the_first_one_is_carried_out_strikes_nothing(
    system: pykka.ActorSystem,
) -> None:
    """Neither the `finally` block nor the stop hook."""
    entered, go_on = threading.Event(), asyncio.Event()
    notes: list[str] = []

    class Tidy(pykka.AsyncioActor):
        async def on_receive(self, _message: object) -> None:
            entered.set()
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                notes.append("finally")
                await go_on.wait()
                notes.append("tidied up")

        async def on_stop(self) -> None:
            self.actor_ref.kill(block=False)
            await asyncio.sleep(0)
            notes.append("on_stop")

    ref = system.start(Tidy)
    ref.tell("hang")
    assert entered.wait(PATIENCE)
    first = ref.kill(block=False)
    reached(notes, "finally")
    second = ref.kill(block=False)
    loop: Any = ref._cell.loop  # type: ignore[attr-defined]
    loop.call_soon_threadsafe(go_on.set)
    assert first.get(timeout=PATIENCE) is True
    assert second.get(timeout=PATIENCE) is True
    assert notes == ["finally", "tidied up", "on_stop"]


class Swallows(pykka.AsyncioActor):
    """Goes on waiting, whoever cancels it, until the test lets it go."""

    def __init__(self, entered: threading.Event, go_on: threading.Event) -> None:
        super().__init__()
        self.entered, self.go_on = entered, go_on

    async def on_receive(self, _message: object) -> str:
        while not self.go_on.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                self.entered.set()
                await asyncio.sleep(0.001)
        return "let go"


def test_a_handler_that_swallows_the_cancellation_is_abandoned_at_the_deadline(
    system: pykka.ActorSystem, clock: ManualClock
) -> None:
    entered, go_on = threading.Event(), threading.Event()
    ref = system.start(Swallows, entered, go_on)
    asked = ref.ask("hang", block=False)
    assert entered.wait(PATIENCE)
    killed = ref.kill(abandon_after=1, block=False)
    clock.advance(1)
    assert killed.get(timeout=PATIENCE) is True
    assert isinstance(ref.when_terminated().get(timeout=0), pykka.Abandoned)
    with pytest.raises(pykka.ActorDeadError, match="was abandoned"):
        asked.get(timeout=PATIENCE)
    go_on.set()
    task: Any = ref._cell.task
    wait_until(task.done, "the task ends")


def test_a_handler_that_swallows_it_and_returns_has_answered(system: pykka.ActorSystem) -> None:
    entered = threading.Event()

    class Stubborn(pykka.AsyncioActor):
        async def on_receive(self, _message: object) -> str:
            entered.set()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.get_running_loop().create_future()
            return "all the same"

    ref = system.start(Stubborn)
    asked = ref.ask("hang", block=False)
    assert entered.wait(PATIENCE)
    assert ref.kill() is True
    assert asked.get(timeout=PATIENCE) == "all the same"
    assert ref.when_terminated().get(timeout=0) == pykka.Killed()


def test_a_kill_by_a_task_of_the_actor_is_an_end_though_it_is_swallowed(
    system: pykka.ActorSystem,
) -> None:
    class Suicidal(pykka.AsyncioActor):
        async def on_receive(self, _message: object) -> str:
            self.actor_ref.kill(block=False)
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.get_running_loop().create_future()
            return "swallowed"

    ref = system.start(Suicidal)
    assert ref.ask("end", timeout=PATIENCE) == "swallowed"
    assert ref.when_terminated().get(timeout=PATIENCE) == pykka.Killed()


# --- parents, supervisors, systems, scopes ------------------------------------------------------


class Parent(Hangs):
    async def on_start(self) -> None:
        self.start_child(Hangs, self.notes, "on_receive").tell("hang")


def test_a_killed_parent_has_its_children_stop_and_interrupts_them_at_the_deadline(
    system: pykka.ActorSystem, clock: ManualClock
) -> None:
    notes: list[str] = []
    parent = system.start(Parent, notes)
    reached(notes, "on_receive")
    [child] = parent.proxy().children().get(timeout=PATIENCE)
    killed = parent.kill(abandon_after=1, block=False)
    wait_until(lambda: child._cell.termination_waiters, "the parent waits for its child")
    clock.advance(1)
    assert killed.get(timeout=PATIENCE) is True
    assert notes == ["on_start", "on_receive", "on_receive cancelled", "on_stop", "on_stop"]
    assert child.when_terminated().get(timeout=0) == pykka.Stopped()
    assert parent.when_terminated().get(timeout=0) == pykka.Killed()


def test_the_children_of_an_abandoned_parent_are_cancelled_when_their_time_is_over(
    system: pykka.ActorSystem, clock: ManualClock
) -> None:
    notes: list[str] = []
    entered, go_on = threading.Event(), threading.Event()

    class Stubborn(Swallows):
        def on_start(self) -> None:
            self.start_child(Hangs, notes, "on_receive").tell("hang")

    parent = system.start(Stubborn, entered, go_on)
    [child] = parent.proxy().children().get(timeout=PATIENCE)
    reached(notes, "on_receive")
    parent.tell("hang")
    assert entered.wait(PATIENCE)
    killed = parent.kill(abandon_after=1, block=False)
    clock.advance(1)
    assert killed.get(timeout=PATIENCE) is True
    clock.advance(STOP_TIMEOUT)
    assert child.when_terminated().get(timeout=PATIENCE) == pykka.Killed()
    assert notes == ["on_start", "on_receive", "on_receive cancelled", "on_stop"]
    go_on.set()


@pytest.mark.parametrize("shutdown", ["kill", 3])
@pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
@pytest.mark.parametrize("place", ["on_receive", "on_stop"])
def test_a_supervisor_ends_its_child_within_its_time(
    system: pykka.ActorSystem, clock: ManualClock, shutdown: Any, restart: Any, place: str
) -> None:
    notes: list[str] = []
    spec = ChildSpec("a", Hangs, [notes, place], shutdown=shutdown, restart=restart)
    office = system.start(Supervisor, [spec]).proxy()
    child = office.get_child("a").get(timeout=PATIENCE)
    child.tell("hang")
    reached(notes, "on_receive")
    stopped = office.actor_ref.stop(block=False)
    if shutdown != "kill":
        wait_until(lambda: clock.pending == 1, "the time runs")
        reached(notes, place)
        clock.advance(3)
    elif place == "on_stop":
        reached(notes, "on_stop")
        wait_until(lambda: clock.pending == 1, "its last time runs")
        clock.advance(GRACE)
    assert stopped.get(timeout=PATIENCE) is True
    assert f"{place} cancelled" in notes
    assert "on_stop" in notes
    stopped_first = place == "on_stop" and shutdown != "kill"
    expected = pykka.Stopped() if stopped_first else pykka.Killed()
    assert child.when_terminated().get(timeout=0) == expected
    assert office.actor_ref.when_terminated().get(timeout=0) == pykka.Stopped()


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all"])
def test_a_supervisor_goes_on_when_its_child_is_killed(
    system: pykka.ActorSystem, clock: ManualClock, strategy: Any
) -> None:
    notes: list[str] = []
    sibling: list[str] = []
    specs = [
        ChildSpec("a", Hangs, [notes, "on_receive"], shutdown="kill"),
        ChildSpec("b", Hangs, [sibling, "on_receive"], shutdown=3),
    ]
    office = system.start(Supervisor, specs, strategy=strategy, max_restarts=5).proxy()
    busy = [("a", notes), ("b", sibling)] if strategy == "one_for_all" else [("a", notes)]
    for name, diary in busy:
        office.get_child(name).get(timeout=PATIENCE).tell("hang")
        reached(diary, "on_receive")
    child = office.get_child("a").get(timeout=PATIENCE)
    child.kill()
    if strategy == "one_for_all":  # the sibling hangs, and is cancelled when its time is over
        wait_until(lambda: clock.pending == 1, "the time runs")
        clock.advance(3)
        wait_until(lambda: sibling.count("on_start") == 2, "it is started again")
        assert "on_receive cancelled" in sibling
    wait_until(lambda: notes.count("on_start") == 2, "it is started again")
    assert notes == ["on_start", "on_receive", "on_receive cancelled", "on_stop", "on_start"]
    assert office.actor_ref.is_alive()
    assert office.restarts().get(timeout=PATIENCE) == 1


def test_a_dynamic_supervisor_ends_those_that_await(system: pykka.ActorSystem) -> None:
    notes: list[str] = []
    template = ChildSpec("a", Hangs, [notes, "on_receive"], shutdown="kill")
    office = system.start(DynamicSupervisor, template).proxy()
    children = [office.add_child().get(timeout=PATIENCE) for _ in range(3)]
    for child in children:
        child.tell("hang")
    wait_until(lambda: notes.count("on_receive") == 3, "all of them hang")
    assert office.terminate_child(children[0]).get(timeout=PATIENCE)
    assert office.actor_ref.stop(timeout=PATIENCE)
    assert notes.count("on_receive cancelled") == notes.count("on_stop") == 3


def test_a_shutdown_whose_time_is_over_cancels_what_awaits() -> None:
    notes: list[str] = []
    system = pykka.ActorSystem("hurried")
    ref = system.start(Hangs, notes, "on_receive")
    ref.tell("hang")
    reached(notes, "on_receive")
    with pytest.raises(pykka.Timeout, match=r"killed: Killed\(\)"):
        system.shutdown(timeout=0)
    assert notes[-2:] == ["on_receive cancelled", "on_stop"]


def test_a_scope_whose_actor_is_killed_while_it_waits_for_it() -> None:
    async def main() -> list[str]:
        notes: list[str] = []
        async with pykka.ActorScope() as scope:
            ref = scope.start(Hangs, notes, "on_receive")
            ref.tell("hang")
            while "on_receive" not in notes:  # noqa: ASYNC110 - no event says so
                await asyncio.sleep(0)
            asyncio.get_running_loop().call_soon(lambda: ref.kill(block=False))
        return notes

    assert asyncio.run(main())[-2:] == ["on_receive cancelled", "on_stop"]


def test_killed_in_a_loop_that_does_not_run_any_more() -> None:
    loop = asyncio.new_event_loop()
    notes: list[str] = []

    async def begin() -> Any:
        ref = Hangs.start(notes, "on_receive")
        ref.tell("hang")
        while "on_receive" not in notes:  # noqa: ASYNC110 - no event says so
            await asyncio.sleep(0)
        return ref

    ref = loop.run_until_complete(begin())
    killed = ref.kill(block=False)
    assert not killed.done()
    loop.close()
    assert killed.get(timeout=PATIENCE) is True
    assert ref.when_terminated().get(timeout=0) == pykka.Killed()
    assert ref.kill(block=False).get(timeout=PATIENCE) is False
