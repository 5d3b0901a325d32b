"""Event loops of a simulated program: actors that await, and an `async def main()`."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.tiers import repetitions

import pykka
from pykka import simulation
from pykka.supervision import ChildSpec, Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable


class Clerk(pykka.AsyncioActor):
    async def on_start(self) -> None:
        await asyncio.sleep(0.01)
        self.served: list[int] = []

    async def serve(self, number: int) -> int:
        await asyncio.sleep(3600)
        self.served.append(number)
        return number

    async def give_up(self) -> str:
        try:
            async with asyncio.timeout(1):
                await asyncio.sleep(60)
        except TimeoutError:
            return "gave up"
        return "did not"

    async def ask(self, other: Any) -> Any:
        return await other.work()

    async def fail(self) -> None:
        msg = "no"
        raise ValueError(msg)


class Worker(pykka.ThreadingActor):
    def work(self) -> int:
        time.sleep(86_400)
        return 42

    def run_a_loop(self) -> int:
        async def seven() -> int:
            await asyncio.sleep(5)
            return 7

        return asyncio.run(seven())


def asks_from_outside() -> None:
    clerk, worker = Clerk.start().proxy(), Worker.start().proxy()
    answers = pykka.get_all([clerk.serve(1), clerk.give_up(), clerk.ask(worker)])
    assert answers == [1, "gave up", 42]
    assert time.monotonic() >= 90_000


async def asks_in_a_main_that_awaits() -> None:
    clerk, worker = Clerk.start().proxy(), Worker.start().proxy()
    assert await asyncio.gather(clerk.serve(1), clerk.ask(worker)) == [1, 42]
    assert await asyncio.to_thread(time.monotonic) == asyncio.get_running_loop().time()


async def ends_a_system() -> None:
    async with pykka.ActorSystem("inner") as system:
        clerk = system.start(Clerk)
        assert await clerk.proxy().give_up() == "gave up"
    assert not clerk.is_alive()


def runs_a_loop_in_a_handler() -> None:
    assert Worker.start().proxy().run_a_loop().get() == 7


async def kills_one_that_awaits() -> None:
    clerk = Clerk.start()
    answer = clerk.proxy().serve(1)
    await asyncio.sleep(60)
    clerk.kill(block=False)
    with pytest.raises(pykka.ActorDeadError):
        await answer


def supervises() -> None:
    boss = Supervisor.start([ChildSpec("clerk", Clerk)])
    clerk = boss.proxy().get_child("clerk").get()
    assert clerk.proxy().give_up().get() == "gave up"
    boss.stop()


USES = [
    asks_from_outside,
    asks_in_a_main_that_awaits,
    ends_a_system,
    runs_a_loop_in_a_handler,
    kills_one_that_awaits,
    supervises,
]


@pytest.mark.parametrize("teardown", [False, True])
@pytest.mark.parametrize("main", USES)
def test_it_is_simulated(main: Callable[[], Any], teardown: bool) -> None:
    simulation.explore(main, runs=repetitions(15), teardown=teardown, haste=0.0).check()


@pytest.mark.parametrize("main", USES)
def test_the_same_seed_makes_the_same_run_and_so_does_its_replay(main: Callable[[], Any]) -> None:
    for seed in range(repetitions(10)):
        once, twice = simulation.run(main, seed=seed), simulation.run(main, seed=seed)
        assert once.trace == twice.trace
        assert simulation.run(main, replay=once.replay).trace == once.trace


def test_an_hour_passes_at_once() -> None:
    async def main() -> None:
        await asyncio.sleep(3600)

    result = simulation.run(main)
    result.check()
    assert result.now == 3600
    assert result.steps < 10


class Side(pykka.AsyncioActor):
    other: Any = None

    def meet(self, other: Any) -> None:
        self.other = other

    async def call(self) -> Any:
        return await self.other.answer()

    def answer(self) -> str:
        return "yes"


async def crossing_asks() -> None:
    one, other = Side.start().proxy(), Side.start().proxy()
    await asyncio.gather(one.meet(other), other.meet(one))
    await asyncio.gather(one.call(), other.call())


async def waits_for_ever() -> None:
    await asyncio.get_running_loop().create_future()


class Waits(pykka.AsyncioActor):
    async def wait(self) -> None:
        await asyncio.get_running_loop().create_future()


def asks_one_that_waits_for_ever() -> None:
    Waits.start().proxy().wait().get()


def fails() -> None:
    Clerk.start().proxy().fail.defer()


async def leaves_a_task_that_fails() -> None:
    async def fail() -> None:
        msg = "unseen"
        raise ValueError(msg)

    task = asyncio.create_task(fail())
    await asyncio.sleep(1)
    del task


async def opens_a_socket() -> None:
    await asyncio.open_connection("localhost", 1)


@pytest.mark.parametrize(
    ("main", "kind", "words"),
    [
        (crossing_asks, "exception in the program", "DeadlockError"),
        (waits_for_ever, "hang", "main waits for ever, at File"),
        (asks_one_that_waits_for_ever, "hang", "Waits-0 awaits for ever, at File"),
        (fails, "unhandled exception", "Clerk-0: ValueError('no')"),
        (leaves_a_task_that_fails, "unhandled exception", "ValueError('unseen')"),
        (opens_a_socket, "exception in the program", "create_connection() of an event loop"),
    ],
)
def test_it_is_found(main: Callable[[], Any], kind: str, words: str) -> None:
    found = simulation.explore(main, runs=50)
    assert found.failure is not None
    assert any(each.kind == kind and words in each.text for each in found.failure.findings)


def test_one_that_awaits_cannot_be_made_slow() -> None:
    def main(sim: simulation.Simulation) -> None:
        with pytest.raises(TypeError, match="await asyncio"):
            sim.slow(Clerk.start(), 1)

    simulation.run(main).check()


def test_what_a_run_leaves_behind_is_dead_and_no_task_complains() -> None:
    refs: list[pykka.ActorRef[Any]] = []

    async def main() -> None:
        refs.append(Clerk.start())
        refs[0].proxy().serve(1)

    simulation.run(main).check()
    with pytest.raises(pykka.ActorDeadError):
        refs[0].tell("too late")
