"""Supervised actors in an event loop: their hooks may be `async def`, and so may handlers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka._lifecycle.kill import PART_FOR_THE_END, STOP_TIMEOUT
from pykka.supervision import ChildSpec, ChildStartError, Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka.timers import ManualClock

GRACE = STOP_TIMEOUT * PART_FOR_THE_END
"""The seconds that a killed actor has for its end."""


class Worker(pykka.AsyncioActor):
    """Notes its hooks, each of which suspends."""

    def __init__(self, notes: list[str], does: dict[str, Callable[[], Any]] | None = None) -> None:
        super().__init__()
        self.notes = notes
        self.does = does or {}

    async def do(self, hook: str) -> None:
        self.notes.append(hook)
        await asyncio.sleep(0)
        if hook in self.does:
            await self.does[hook]()

    async def on_start(self) -> None:
        await self.do("on_start")

    async def on_stop(self) -> None:
        await self.do("on_stop")

    async def on_failure(self, *_args: object) -> None:
        await self.do("on_failure")

    async def pre_restart(self, reason: pykka.Reason) -> None:
        await self.do("pre_restart")

    async def post_restart(self, reason: pykka.Reason) -> None:
        await self.do("post_restart")

    async def on_receive(self, message: Any) -> Any:
        await asyncio.sleep(0)
        if isinstance(message, BaseException):
            raise message
        if isinstance(message, asyncio.Event):
            self.notes.append("waits")
            await message.wait()
        return message


def failing_once(after: int) -> Callable[[], Any]:
    """A hook that fails once, after it went well so many times."""
    turns = iter([None] * after + [ValueError("on purpose")])

    async def fail() -> None:
        error = next(turns, None)
        if error is not None:
            raise error

    return fail


def start(*specs: ChildSpec, system: pykka.ActorSystem, **options: Any) -> Any:
    return system.start(Supervisor, list(specs), max_restarts=100, **options).proxy()


HOOKS = ["on_start", "on_failure", "pre_restart", "post_restart", "on_start"]


def test_each_hook_is_awaited_before_the_next(system: pykka.ActorSystem) -> None:
    notes: list[str] = []
    office = start(ChildSpec("a", Worker, [notes]), system=system)
    child = office.get_child("a").get()
    child.tell(ValueError("on purpose"))
    assert child.ask("hello", timeout=PATIENCE) == "hello"
    assert notes == HOOKS


@pytest.mark.parametrize(("hook", "after"), [("post_restart", 0), ("on_start", 1)])
def test_a_hook_that_fails_after_an_await_is_a_failure(
    system: pykka.ActorSystem, hook: str, after: int
) -> None:
    notes: list[str] = []
    spec = ChildSpec("a", Worker, [notes, {hook: failing_once(after)}])
    office = start(spec, system=system)
    child = office.get_child("a").get()
    child.tell(ValueError("on purpose"))
    assert child.ask("hello", timeout=PATIENCE) == "hello"
    assert office.restarts().get() == 2
    failed = ["post_restart"] if hook == "post_restart" else ["post_restart", "on_start"]
    assert notes == [*HOOKS[:3], *failed, *HOOKS[1:]]


@pytest.mark.parametrize("hook", ["on_failure", "pre_restart"])
def test_a_last_hook_that_fails_after_an_await_changes_nothing(
    system: pykka.ActorSystem, hook: str
) -> None:
    notes: list[str] = []
    office = start(ChildSpec("a", Worker, [notes, {hook: failing_once(0)}]), system=system)
    child = office.get_child("a").get()
    child.tell(ValueError("on purpose"))
    assert child.ask("hello", timeout=PATIENCE) == "hello"
    assert notes == HOOKS


def test_a_child_that_cannot_start_after_an_await(system: pykka.ActorSystem) -> None:
    office = start(system=system)
    spec = ChildSpec("a", Worker, [[], {"on_start": failing_once(0)}])
    with pytest.raises(ChildStartError):
        office.add_child(spec).get(timeout=PATIENCE)


def test_siblings_stop_in_order_with_awaits(system: pykka.ActorSystem) -> None:
    notes: list[str] = []
    others: list[str] = []
    specs = [ChildSpec("a", Worker, [notes]), ChildSpec("b", Worker, [others])]
    office = start(*specs, system=system, strategy="one_for_all")
    office.get_child("a").get().tell(ValueError("on purpose"))
    wait_until(lambda: len(others) == 5, "all are restarted")
    assert others == ["on_start", "on_stop", "pre_restart", "post_restart", "on_start"]


@pytest.mark.parametrize("hook", ["on_start", "post_restart", "on_failure"])
def test_a_hook_that_hangs_does_not_hold_up_the_supervisor(
    system: pykka.ActorSystem, clock: ManualClock, hook: str
) -> None:
    async def hang() -> None:
        if hook != "on_start" or "pre_restart" in notes:
            notes.append("hangs")
            await asyncio.Event().wait()

    notes: list[str] = []
    office = start(ChildSpec("a", Worker, [notes, {hook: hang}]), system=system)
    child = office.get_child("a").get()
    child.tell(ValueError("on purpose"))
    wait_until(lambda: "hangs" in notes, "it hangs")
    stopped = office.actor_ref.stop(block=False)
    wait_until(lambda: clock.pending == 1, "the deadline runs")
    clock.advance(5)
    clock.advance(GRACE)
    assert stopped.get(timeout=PATIENCE)
    child.when_terminated().get(timeout=PATIENCE)


def test_the_asker_of_what_a_child_awaits_is_told_when_its_supervisor_kills_it(
    system: pykka.ActorSystem,
) -> None:
    notes: list[str] = []
    office = start(ChildSpec("a", Worker, [notes], shutdown="kill"), system=system)
    child = office.get_child("a").get()
    answer = child.ask(asyncio.Event(), block=False)
    wait_until(lambda: "waits" in notes, "it waits")
    assert office.actor_ref.stop(timeout=PATIENCE)
    assert notes == ["on_start", "waits", "on_stop"]
    with pytest.raises(pykka.ActorDeadError):
        answer.get(timeout=PATIENCE)


def test_a_supervised_actor_that_fails_is_awaited_in_the_loop_it_lives_in() -> None:
    async def main() -> list[Any]:
        ref = Supervisor.start([ChildSpec("a", Worker, [[]])], max_restarts=100)
        child = await ref.proxy().get_child("a")
        answers = []
        for _ in range(3):
            child.tell(ValueError("on purpose"))
            answers.append(await child.ask("hello", block=False))
        await ref.stop(block=False)
        return answers

    assert asyncio.run(main()) == ["hello"] * 3
