"""Timers, stash, become and idle time-outs of actors whose handlers are `async def`."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.agents import Diary
from tests.leaks import PATIENCE, wait_until

import pykka

if TYPE_CHECKING:
    from pykka.timers import ManualClock


class Waiting:
    """Something that handlers await and that a test ends."""

    def __init__(self) -> None:
        self._begun = threading.Semaphore(0)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._event: asyncio.Event | None = None

    async def __call__(self) -> None:
        self._loop, self._event = asyncio.get_running_loop(), asyncio.Event()
        self._begun.release()
        await self._event.wait()

    def wait_until_begun(self) -> None:
        assert self._begun.acquire(timeout=PATIENCE)

    def end(self) -> None:
        assert self._loop is not None
        assert self._event is not None
        self._loop.call_soon_threadsafe(self._event.set)


@pytest.fixture
def waiting() -> Waiting:
    return Waiting()


class Reader(pykka.AsyncioActor):
    """Notes what it is told, after it has awaited something."""

    stash_capacity = 10

    def __init__(self, diary: Diary, waiting: Waiting) -> None:
        super().__init__()
        self.diary = diary
        self.waiting = waiting
        self.is_ready = False
        self.task: asyncio.Task[None] | None = None

    async def on_receive(self, message: object) -> object:
        await asyncio.sleep(0)
        if message == "wait":
            await self.waiting()
        elif message == "get ready":
            self.task = asyncio.create_task(self.get_ready())
        elif message == "ready":
            self.is_ready = True
            self.unstash_all()
        elif not self.is_ready:
            self.stash()
        else:
            self.diary.note(message)
        return message

    async def read(self, page: str) -> str:
        await asyncio.sleep(0)
        if not self.is_ready:
            self.stash()
        self.diary.note(page)
        return page.upper()

    async def get_ready(self) -> None:
        await self.waiting()
        with pytest.raises(RuntimeError, match="only in its own code"):
            self.stash()
        self.is_ready = True
        self.unstash_all()

    async def on_idle(self) -> None:
        await asyncio.sleep(0)
        self.diary.note("idle")

    async def quietly(self, message: object) -> str:
        await asyncio.sleep(0)
        if message == "back":
            self.unbecome()
        return f"quiet: {message}"


@pytest.fixture
def reader(system: pykka.ActorSystem, diary: Diary, waiting: Waiting) -> Any:
    return system.start(Reader, diary, waiting)


@pytest.fixture
def diary() -> Diary:
    return Diary()


def test_cancelling_while_the_handler_awaits_says_so(
    reader: Any, clock: ManualClock, waiting: Waiting
) -> None:
    timer = reader.tell_every(1, "wait")
    clock.advance(1)
    waiting.wait_until_begun()
    assert timer.cancel() is False
    waiting.end()
    reader.ask("ready")
    assert timer.cancel() is True


def test_what_is_set_aside_after_an_await_is_handled_later(reader: Any, diary: Diary) -> None:
    reader.tell("one")
    two = reader.ask("two", block=False)
    three = reader.proxy().read("three")
    reader.ask("ready")
    assert pykka.get_all([two, three], timeout=PATIENCE) == ["two", "THREE"]
    assert diary.read(3) == ["one", "two", "three"]


class GroupReader(Reader):
    """Sets messages aside in the block of a task group, which puts what is raised into a group."""

    async def on_receive(self, message: object) -> object:
        if message == "ready":
            return await super().on_receive(message)
        async with asyncio.TaskGroup() as outer, asyncio.TaskGroup() as group:
            outer.create_task(asyncio.sleep(0))
            failing = group.create_task(self.fail_if_told(message))
            if not self.is_ready:
                await asyncio.wait([failing])
                self.stash()
        self.diary.note(message)
        return message

    async def fail_if_told(self, message: object) -> None:
        if message == "fail":
            raise ValueError(message)


def test_set_aside_in_the_block_of_a_task_group(
    system: pykka.ActorSystem, diary: Diary, waiting: Waiting
) -> None:
    reader = system.start(GroupReader, diary, waiting)
    reader.tell("one")
    two = reader.ask("two", block=False)
    reader.ask("ready", timeout=PATIENCE)
    assert two.get(timeout=PATIENCE) == "two"
    assert diary.read(2) == ["one", "two"]


def test_what_fails_beside_it_in_the_group_is_what_has_come_of_the_message(
    system: pykka.ActorSystem, diary: Diary, waiting: Waiting
) -> None:
    reader = system.start(GroupReader, diary, waiting)
    with pytest.raises(ExceptionGroup) as caught:
        reader.ask("fail", timeout=PATIENCE)
    assert caught.group_contains(ValueError, match="fail")
    assert reader.statistics().stashed == 0
    assert reader.is_alive()


def test_a_task_of_the_actors_may_have_everything_taken_up(
    reader: Any, diary: Diary, waiting: Waiting
) -> None:
    """It is loaded in the background, and nothing comes that would wake it."""
    reader.tell("get ready")
    waiting.wait_until_begun()
    asks = [reader.ask(number, block=False) for number in range(3)]
    wait_until(lambda: reader.statistics().stashed == 3, "all are set aside")
    waiting.end()
    assert pykka.get_all(asks, timeout=PATIENCE) == [0, 1, 2]
    assert diary.read(3) == [0, 1, 2]


def test_a_behaviour_may_be_a_coroutine_function(reader: Any) -> None:
    proxy = reader.proxy()
    proxy._actor  # noqa: B018 (there is one)
    reader.proxy().become(proxy._actor.quietly).get(timeout=PATIENCE)
    assert [reader.ask(message) for message in ("one", "back")] == ["quiet: one", "quiet: back"]
    assert reader.ask("ready") == "ready"


def test_an_actor_that_awaits_is_not_idle(
    reader: Any, clock: ManualClock, diary: Diary, waiting: Waiting
) -> None:
    reader.ask("ready")
    reader.proxy().set_idle_timeout(10).get(timeout=PATIENCE)
    reader.tell("wait")
    waiting.wait_until_begun()
    clock.advance(25)
    waiting.end()
    reader.ask("x")
    assert diary.read(1) == ["x"]
    assert diary.rest() == []
    wait_until(lambda: clock.pending == 1, "it has looked")
    clock.advance(10)
    assert diary.read(1) == ["idle"]
