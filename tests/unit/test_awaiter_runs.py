"""A task that awaits an idle actor of its own loop runs the actor's handler in its own step."""

from __future__ import annotations

import asyncio
import gc
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest
from tests.injection import Alarm, inject

import pykka

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

PATIENCE = 10

variable: ContextVar[str] = ContextVar("variable", default="unset")


class Answerer(pykka.AsyncioActor):
    """Does what it is told to do, and answers with that."""

    def on_receive(self, message: Any) -> Any:
        return message(self) if callable(message) else message

    async def later(self, function: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
        return await function(self)


class Interrupt(BaseException):
    """What a signal handler raises."""


@pytest.fixture
def run() -> Any:
    """Run a scenario with an actor that sleeps, in a loop of its own."""

    def run(scenario: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
        async def main() -> None:
            ref = Answerer.start()
            assert await ref.ask("ready", block=False) == "ready"
            await until_it_sleeps(ref)
            await asyncio.wait_for(scenario(ref), PATIENCE)
            if ref.is_alive():
                await ref.stop(block=False)

        asyncio.run(main())

    return run


async def until_it_sleeps(ref: Any) -> None:
    while (  # noqa: ASYNC110
        ref._cell.inbox.sleeper is None or ref._cell.inbox.sleeper.waiting.done()
    ):
        await asyncio.sleep(0)


class Turns:
    """Counts the turns of the running loop, until it is told to end."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.count = 0
        self._handle = self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self.count += 1
        self._handle = self._loop.call_soon(self._turn)

    def end(self) -> None:
        self._handle.cancel()


@pytest.fixture
def within_the_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time slice is not over, however slow the machine is."""
    monkeypatch.setattr("pykka.runtimes.asyncio.awaiter_runs.SLICE", PATIENCE)


@pytest.mark.usefixtures("within_the_slice")
def test_the_loop_makes_no_turn_for_a_plain_handler(run: Any) -> None:
    async def scenario(ref: Any) -> None:
        turns = Turns()
        assert [await ref.ask(number, block=False) for number in range(3)] == [0, 1, 2]
        assert turns.count == 0
        turns.end()

    run(scenario)


@pytest.mark.usefixtures("within_the_slice")
def test_nor_for_a_coroutine_that_does_not_suspend(run: Any) -> None:
    async def scenario(ref: Any) -> None:
        async def answer(_actor: Any) -> str:
            return "at once"

        async def fail(_actor: Any) -> None:
            raise KeyError("at once")

        turns = Turns()
        assert await ref.proxy().later(answer) == "at once"
        with pytest.raises(KeyError):
            await ref.proxy().later(fail)
        assert turns.count == 0
        turns.end()

    run(scenario)


def test_a_handler_runs_in_the_task_and_the_context_of_the_actor(run: Any) -> None:
    async def scenario(ref: Any) -> None:
        def look(_actor: Any) -> Any:
            before = variable.get()
            variable.set("the actor's")
            return asyncio.current_task(), before

        async def look_later(actor: Any) -> Any:
            first = look(actor)
            await asyncio.sleep(0)
            return first, look(actor)

        mine = asyncio.current_task()
        variable.set("the asker's")
        assert await ref.ask(look, block=False) == (ref._cell.task, "unset")
        assert asyncio.current_task() is mine
        assert variable.get() == "the asker's"
        again = (ref._cell.task, "the actor's")
        assert await ref.ask(look, block=False) == again
        assert await ref.proxy().later(look_later) == (again, again)

    run(scenario)


def test_an_exception_is_the_askers(run: Any) -> None:
    async def scenario(ref: Any) -> None:
        def fail(_actor: Any) -> None:
            raise KeyError("no")

        mine = asyncio.current_task()
        with pytest.raises(KeyError):
            await ref.ask(fail, block=False)
        assert asyncio.current_task() is mine
        assert await ref.ask("alive", block=False) == "alive"

    run(scenario)


def test_a_question_that_is_not_awaited_at_once_is_answered_all_the_same(run: Any) -> None:
    async def scenario(ref: Any) -> None:
        futures = [ref.ask(number, block=False) for number in range(3)]
        while not all(future.done() for future in futures):  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert await asyncio.gather(*futures) == [0, 1, 2]

    run(scenario)


def test_messages_keep_their_order(run: Any) -> None:
    async def scenario(ref: Any) -> None:
        seen: list[str] = []
        ref.tell(lambda _actor: seen.append("told"))
        await ref.ask(lambda _actor: seen.append("asked"), block=False)
        assert seen == ["told", "asked"]

    run(scenario)


def test_what_a_handler_sends_to_itself_wakes_the_actor(run: Any) -> None:
    async def scenario(ref: Any) -> None:
        done = asyncio.Event()
        await ref.ask(lambda _: ref.tell(lambda _: done.set()), block=False)
        await done.wait()

    run(scenario)


class Time:
    """The time of the running loop, which passes only in handlers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: self.now)

    def passes(self, seconds: float) -> Callable[[Any], None]:
        def handler(_actor: Any) -> None:
            self.now += seconds

        return handler


def test_the_loop_gets_a_turn_when_the_time_slice_is_over(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(ref: Any) -> None:
        with monkeypatch.context() as patch:
            await asyncio.sleep(0)
            time, turns = Time(patch), Turns()
            seen = []
            for _ in range(9):
                await ref.ask(time.passes(0.0004), block=False)
                seen.append(turns.count)
            assert seen == [0, 0, 1, 1, 1, 2, 2, 2, 3]
            for number in range(4, 7):
                await ref.ask(time.passes(0.002), block=False)
                assert turns.count == number
            turns.end()

    run(scenario)


def test_a_cancellation_that_is_pending_strikes_when_the_task_suspends(run: Any) -> None:
    async def scenario(ref: Any) -> None:
        mine: Any = asyncio.current_task()
        mine.cancel()
        assert await ref.ask("answer", block=False) == "answer"
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(0)
        mine.uncancel()

    run(scenario)


@pytest.mark.parametrize("by", ["cancel", "kill"])
def test_who_cancels_a_handler_before_its_own_task_has_taken_it_over_ends_the_actor(
    run: Any, by: str
) -> None:
    async def scenario(ref: Any) -> None:
        seen: list[str] = []
        never: Any = asyncio.get_running_loop().create_future()

        async def wait(_actor: Any) -> None:
            try:
                await never
            finally:
                seen.append("finally")

        end = ref._cell.task.cancel if by == "cancel" else lambda: ref.kill(block=False)
        asyncio.get_running_loop().call_soon(end)
        with pytest.raises(pykka.ActorDeadError):
            await ref.proxy().later(wait)
        assert seen == ["finally"]
        assert never.cancelled()
        await ref.stop(block=False)
        assert not ref.is_alive()

    run(scenario)


def test_a_handlers_own_timeout_is_its_own_business(run: Any) -> None:
    async def scenario(ref: Any) -> None:
        async def wait(_actor: Any) -> str:
            try:
                async with asyncio.timeout(0):
                    await asyncio.get_running_loop().create_future()
            except TimeoutError:
                return "timed out"
            return "what?"

        async def fail() -> None:
            raise KeyError

        async def group(_actor: Any) -> str:
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(fail())
                    await asyncio.get_running_loop().create_future()
            except* KeyError:
                pass
            return "coped"

        assert await ref.proxy().later(wait) == "timed out"
        assert await ref.proxy().later(group) == "coped"
        assert await ref.ask("alive", block=False) == "alive"
        assert ref._cell.task.cancelling() == 0

    run(scenario)


def test_a_handler_that_cancels_the_actors_task_ends_the_actor(run: Any) -> None:
    async def scenario(ref: Any) -> None:
        task = ref._cell.task

        async def cancel(_actor: Any) -> str:
            task.cancel_from_outside()
            return "answer"

        assert await ref.proxy().later(cancel) == "answer"
        await ref.stop(block=False)
        assert not ref.is_alive()

    run(scenario)


def test_an_actor_that_is_in_the_middle_of_a_message_is_not_run(run: Any) -> None:
    async def scenario(ref: Any) -> None:
        seen: list[str] = []

        async def slow(_actor: Any) -> None:
            seen.append("begins")
            await asyncio.sleep(0)
            seen.append("ends")

        future = ref.proxy().later(slow)
        other = asyncio.ensure_future(asyncio.wait_for(future, PATIENCE))
        await asyncio.sleep(0)
        await ref.ask(lambda _actor: seen.append("next"), block=False)
        await other
        assert seen == ["begins", "ends", "next"]

    run(scenario)


async def at_once(_actor: Any) -> str:
    return "done"


async def after_a_turn(_actor: Any) -> str:
    await asyncio.sleep(0)
    return "done"


HANDLERS = {
    "plain": lambda ref: ref.ask("done", block=False),
    "async": lambda ref: ref.call(Answerer.later, at_once),
    "suspends": lambda ref: ref.call(Answerer.later, after_a_turn),
}


@pytest.mark.filterwarnings(
    "ignore:coroutine:RuntimeWarning",  # it may strike before the handler has begun
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("how", HANDLERS)
def test_a_signal_handler_that_raises_anywhere_hits_the_asker_only(how: str) -> None:
    def prepare() -> tuple[Callable[[], object], Callable[[bool], object]]:
        loop = asyncio.new_event_loop()

        async def begin() -> Any:
            ref = Answerer.start()
            assert await ref.ask("ready", block=False) == "ready"
            await until_it_sleeps(ref)
            return ref

        ref = loop.run_until_complete(begin())

        async def ask() -> None:
            mine = asyncio.current_task()
            try:
                assert await HANDLERS[how](ref) == "done"
            finally:
                assert asyncio.current_task() is mine

        async def look() -> None:
            async with asyncio.timeout(PATIENCE):
                try:
                    assert await ref.ask("alive", block=False) == "alive"
                    assert await ref.call(Answerer.later, at_once) == "done"
                    await ref.stop(block=False)
                except pykka.ActorDeadError:  # it has struck in the actor's own task
                    reason = await ref.when_terminated()
                    assert isinstance(reason, pykka.Failed)
                    assert isinstance(reason.exception, Alarm)

        def check(_interrupted: bool) -> None:
            loop.run_until_complete(look())
            loop.close()

        return lambda: loop.run_until_complete(ask()), check

    assert inject(prepare, Alarm, may_swallow=True) > 30
    gc.collect()  # here the warnings of what has not begun are ignored


@pytest.mark.parametrize("count", [50, 400])
def test_a_chain_of_awaits_may_be_of_any_length(count: int) -> None:
    class Link(pykka.AsyncioActor):
        def __init__(self, other: Any) -> None:
            super().__init__()
            self.other = other

        async def length(self) -> int:
            return 1 + (await self.other.call(Link.length) if self.other else 0)

    async def main() -> int:
        ref = None
        for _ in range(count):
            ref = Link.start(ref)
            await ref.ask("begin", block=False)
            await until_it_sleeps(ref)
        assert ref is not None
        found = await ref.call(Link.length)
        await asyncio.gather(*(each.stop(block=False) for each in pykka.ActorRegistry.get_all()))
        return found

    assert asyncio.run(main()) == count


def test_a_stop_is_left_to_the_actors_own_task(run: Any) -> None:
    async def scenario(ref: Any) -> None:
        turns = Turns()
        assert await ref.stop(block=False)
        assert turns.count > 0
        turns.end()

    run(scenario)


def test_a_handler_that_ends_the_actor_wakes_its_task(run: Any) -> None:
    async def scenario(ref: Any) -> None:
        await ref.ask(lambda actor: actor.stop(), block=False)
        await ref.when_terminated()
        assert not ref.is_alive()

    run(scenario)
