"""In which event loop an actor lives: said, running, a supervisor's, or the shared one."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE, wait_until

import pykka
from pykka.routing import RoundRobin
from pykka.runtimes.asyncio.cell import AsyncioCell
from pykka.runtimes.asyncio.loop import shared_loop
from pykka.supervision import ChildSpec, DynamicSupervisor, Supervisor

if TYPE_CHECKING:
    from collections.abc import Iterator


class Reader(pykka.AsyncioActor):
    """Takes from a queue, which belongs to a loop as soon as it is waited for."""

    def __init__(self, queue: asyncio.Queue[Any] | None = None) -> None:
        super().__init__()
        self.queue = queue

    async def on_receive(self, message: Any) -> Any:
        if isinstance(message, BaseException):
            raise message
        return asyncio.get_running_loop() if self.queue is None else await self.queue.get()


@pytest.fixture
def other_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that runs on another thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    pykka.ActorRegistry.stop_all(timeout=PATIENCE)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(PATIENCE)
    loop.close()


# --- said ---------------------------------------------------------------------------------------


def test_in_the_loop_that_is_said(other_loop: asyncio.AbstractEventLoop) -> None:
    async def main() -> Any:
        return await Reader.options(loop=other_loop).start().ask("where?", block=False)

    said = Reader.options(loop=other_loop)
    assert said.start().ask("where?", timeout=PATIENCE) is other_loop
    assert pykka.ActorSystem.default().start(said).ask("?", timeout=PATIENCE) is other_loop
    assert asyncio.run(main()) is other_loop
    assert "loop=" in repr(said)


def test_in_a_loop_that_runs_later() -> None:
    loop = asyncio.new_event_loop()
    ref = Reader.options(loop=loop).start()

    async def ask() -> Any:
        try:
            return await ref.ask("where?", block=False)
        finally:
            await ref.stop(block=False)

    assert loop.run_until_complete(ask()) is loop
    loop.close()


def test_many_threads_may_be_the_first_to_say_a_loop(
    other_loop: asyncio.AbstractEventLoop,
) -> None:
    ready = threading.Barrier(8)
    refs: list[Any] = []

    def start() -> None:
        ready.wait(PATIENCE)
        refs.append(Reader.options(loop=other_loop).start())

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len({ref._cell.loop_actors for ref in refs}) == 1
    assert set(refs[0]._cell.loop_actors.residents) == {ref._cell for ref in refs}


def test_what_is_no_loop_is_refused() -> None:
    wrong: Any = "a loop"
    with pytest.raises(TypeError, match="no event loop of asyncio"):
        Reader.options(loop=wrong)


def test_a_closed_loop_is_refused_and_leaves_nothing_behind() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    said = Reader.options(loop=loop, name="reader")
    with pytest.raises(RuntimeError, match=r"loop that Reader .* is to live in is closed"):
        said.start()
    assert pykka.ActorRegistry.get_all() == []
    assert pykka.ActorSystem.default().everybody() == []


def test_children_live_where_their_parent_was_told(other_loop: asyncio.AbstractEventLoop) -> None:
    class Parent(pykka.ThreadingActor):
        def child(self) -> Any:
            return self.start_child(Reader)

        def grandchild(self) -> Any:
            return self.start_child(Middle).proxy().child().get()

    class Middle(pykka.PooledActor):
        def child(self) -> Any:
            return self.start_child(Reader)

    parent = Parent.options(loop=other_loop).start().proxy()
    for ref in (parent.child().get(), parent.grandchild().get()):
        assert ref.ask("where?", timeout=PATIENCE) is other_loop
    ref = Parent.start().proxy().child().get()
    assert ref.ask("where?", timeout=PATIENCE) not in (None, other_loop)


# --- a supervisor's -----------------------------------------------------------------------------


async def through_a_restart(child: Any, queue: asyncio.Queue[Any]) -> None:
    for number in range(2):
        answer = child.ask("next", block=False)
        await asyncio.sleep(0)
        await queue.put(number)
        assert await answer == number
        child.tell(ValueError("on purpose"))


@pytest.mark.parametrize("kind", ["class", "function", "options"])
def test_a_supervisor_keeps_the_loop_it_is_started_in(kind: str) -> None:
    async def main() -> None:
        queue: asyncio.Queue[Any] = asyncio.Queue()
        spec = {
            "class": ChildSpec("a", Reader, [queue]),
            "function": ChildSpec("a", lambda: Reader(queue)),
            "options": ChildSpec("a", Reader.options(name="reader"), [queue]),
        }[kind]
        office = Supervisor.start([spec], max_restarts=10).proxy()
        await through_a_restart(await office.get_child("a"), queue)
        await office.terminate_child("a")
        await through_a_restart(await office.restart_child("a"), queue)
        await office.stop()

    asyncio.run(main())


def test_also_for_those_that_it_starts_anew() -> None:
    async def main() -> None:
        queue: asyncio.Queue[Any] = asyncio.Queue()
        office = Supervisor.start([ChildSpec("a", Reader, [queue])], max_restarts=10).proxy()
        child = await office.get_child("a")
        await child.kill(block=False)
        while (other := await office.get_child("a")) in (None, child):
            pass
        await through_a_restart(other, queue)
        await office.stop()

    asyncio.run(main())


def test_nested_supervisors_pass_it_on_over_their_restarts() -> None:
    async def main() -> None:
        queue: asyncio.Queue[Any] = asyncio.Queue()
        inner = ChildSpec("inner", Supervisor, [[ChildSpec("a", Reader, [queue])]])
        dynamic = ChildSpec("dynamic", DynamicSupervisor, [ChildSpec("b", Reader)])
        middle = ChildSpec("middle", Supervisor, [[inner, dynamic]], type="supervisor")
        office = Supervisor.start([middle], max_restarts=10).proxy()
        for _ in range(2):
            supervisor = (await office.get_child("middle")).proxy()
            below = await supervisor.get_child("inner")
            await through_a_restart(await below.proxy().get_child("a"), queue)
            below = (await supervisor.get_child("dynamic")).proxy()
            child = await below.add_child(queue)
            await through_a_restart(child, queue)
            before = supervisor.actor_ref
            await before.kill(block=False)
            while (await office.get_child("middle")) in (None, before):
                pass
        await office.stop()

    asyncio.run(main())


def test_a_supervisor_in_an_actor_of_the_loop() -> None:
    class Boss(pykka.AsyncioActor):
        async def where(self) -> Any:
            office = self.start_child(Supervisor, [ChildSpec("a", Reader)]).proxy()
            return await (await office.get_child("a")).ask("where?", block=False)

    async def main() -> Any:
        boss = Boss.start().proxy()
        answer = await boss.where()
        await boss.stop()
        return answer, asyncio.get_running_loop()

    answer, loop = asyncio.run(main())
    assert answer is loop


def test_a_supervisor_that_is_told_a_loop(other_loop: asyncio.AbstractEventLoop) -> None:
    async def main() -> Any:
        office = Supervisor.options(loop=other_loop).start([ChildSpec("a", Reader)]).proxy()
        answer = await (await office.get_child("a")).ask("where?", block=False)
        await office.stop()
        return answer

    assert asyncio.run(main()) is other_loop


def test_a_child_that_is_told_a_loop(other_loop: asyncio.AbstractEventLoop) -> None:
    spec = ChildSpec("a", Reader.options(loop=other_loop))
    office = Supervisor.start([spec], max_restarts=10).proxy()
    child = office.get_child("a").get(timeout=PATIENCE)
    for _ in range(2):
        assert child.ask("where?", timeout=PATIENCE) is other_loop
        child.tell(ValueError("on purpose"))


def test_without_a_loop_the_children_share_one() -> None:
    office = Supervisor.start([ChildSpec("a", Reader)]).proxy()
    child = office.get_child("a").get(timeout=PATIENCE)
    assert child.ask("?", timeout=PATIENCE) is Reader.start().ask("?", timeout=PATIENCE)


def test_a_supervisor_whose_loop_is_closed_says_so(
    other_loop: asyncio.AbstractEventLoop,
) -> None:
    loop = asyncio.new_event_loop()
    office = Supervisor.options(loop=loop).start([]).proxy()
    loop.close()
    with pytest.raises(pykka.supervision.ChildStartError, match="live in is closed"):
        office.add_child(ChildSpec("a", Reader)).get(timeout=PATIENCE)
    office.add_child(ChildSpec("b", pykka.ThreadingActor)).get(timeout=PATIENCE)
    spec = ChildSpec("c", Reader.options(loop=other_loop))
    assert office.add_child(spec).get(timeout=PATIENCE).ask("?", timeout=PATIENCE) is other_loop


def test_a_supervisor_whose_children_lose_their_loop_fails_and_says_why() -> None:
    """It does not try as often as it may, which would be in vain."""
    loop = asyncio.new_event_loop()

    async def begin() -> Any:
        office = Supervisor.start([ChildSpec("a", Reader)], max_restarts=1000)
        await (await office.proxy().get_child("a")).ask("?", block=False)
        return office

    office = loop.run_until_complete(begin())
    loop.close()
    reason: Any = office.when_terminated().get(timeout=PATIENCE)
    assert isinstance(reason, pykka.Failed)
    assert "is to live in is closed" in str(reason.exception)
    assert "stop the supervisor of the actor before the loop ends" in str(reason.exception)


# --- a loop that does not run yet ---------------------------------------------------------------


class Broken(Reader):
    async def on_start(self) -> None:
        raise ValueError("on purpose")


def nested(loop: asyncio.AbstractEventLoop) -> Any:
    inner = ChildSpec("a", Reader.options(loop=loop))
    return Supervisor.start([ChildSpec("inner", Supervisor, [[inner]]), ChildSpec("b", Reader)])


STARTS: dict[str, Any] = {
    "the supervisor is told": lambda loop: Supervisor.options(loop=loop).start(
        [ChildSpec("a", Reader), ChildSpec("b", pykka.ThreadingActor)]
    ),
    "the child is told": lambda loop: Supervisor.start(
        [ChildSpec("a", Reader.options(loop=loop)), ChildSpec("b", pykka.ThreadingActor)]
    ),
    "nested": nested,
    "awaited": lambda loop: asyncio.run(
        Supervisor.options(loop=loop).start_async([ChildSpec("a", Reader)])
    ),
}


@pytest.fixture
def idle_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that the test runs, on its own thread."""
    loop = asyncio.new_event_loop()
    yield loop
    if not loop.is_closed():
        loop.run_until_complete(end_of_all())
        loop.close()


async def end_of_all() -> None:
    for ref in pykka.ActorRegistry.get_all():
        await ref.stop(block=False)
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*tasks, return_exceptions=True)


async def states(office: Any) -> dict[Any, str]:
    return {info.id: info.state for info in await office.proxy().which_children()}


@pytest.mark.parametrize("start", STARTS)
def test_a_supervisor_does_not_wait_for_a_loop_that_does_not_run(
    start: str, idle_loop: asyncio.AbstractEventLoop
) -> None:
    office = STARTS[start](idle_loop)

    async def main() -> Any:
        top = office
        if start == "nested":
            assert (await states(top))["inner"] == "running"
            top = await top.proxy().get_child("inner")
        child = await top.proxy().get_child("a")
        answer = await child.ask("where?", block=False)
        assert (await states(top))["a"] == "running"
        child.tell(ValueError("on purpose"))
        assert await child.ask("where?", block=False) is answer
        return answer

    assert idle_loop.run_until_complete(main()) is idle_loop


def test_a_child_that_is_added_to_a_loop_that_does_not_run(
    idle_loop: asyncio.AbstractEventLoop,
) -> None:
    office = Supervisor.options(loop=idle_loop).start([]).proxy()
    ref = office.add_child(ChildSpec("a", Reader)).get(timeout=PATIENCE)
    crew = DynamicSupervisor.options(loop=idle_loop).start(ChildSpec("b", Reader)).proxy()
    other = crew.add_child().get(timeout=PATIENCE)
    router = RoundRobin.pool(Reader.options(loop=idle_loop), 2)
    for each in (ref, other, router):
        assert idle_loop.run_until_complete(as_coroutine(each.ask("?", block=False))) is idle_loop
    idle_loop.run_until_complete(as_coroutine(router.stop(block=False)))


async def as_coroutine(future: Any) -> Any:
    return await future


def test_a_start_that_fails_when_the_loop_runs_is_a_failure_like_any_other(
    idle_loop: asyncio.AbstractEventLoop,
) -> None:
    office = Supervisor.options(loop=idle_loop).start([ChildSpec("a", Broken)])
    reason = idle_loop.run_until_complete(as_coroutine(office.when_terminated()))
    assert isinstance(reason.exception, pykka.supervision.RestartLimitError)
    assert "on purpose" in str(reason.exception)


def test_a_supervisor_in_a_closed_loop_cannot_start() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    for start in STARTS.values():
        with pytest.raises(pykka.supervision.ChildStartError, match="live in is closed"):
            start(loop)
    assert pykka.ActorRegistry.get_all() == []


@pytest.mark.parametrize("comes_up", [True, False])
def test_a_child_whose_loop_begins_to_run_in_the_middle_is_waited_for(
    comes_up: bool, idle_loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its start hook is through between the look whether the loop runs, and the next step."""
    began = threading.Event()

    def is_idle(cell: Any) -> bool:
        if not began.is_set():
            began.set()
            idle_loop.run_until_complete(asyncio.sleep(0.001))
            while cell.actor is not None and not cell.extension.supervision._started.done():
                idle_loop.run_until_complete(asyncio.sleep(0.001))
        return True

    monkeypatch.setattr(AsyncioCell, "has_idle_loop", property(is_idle))
    spec = ChildSpec("a", Reader if comes_up else Broken)
    start = Supervisor.options(loop=idle_loop).start
    if not comes_up:
        with pytest.raises(pykka.supervision.ChildStartError, match="on purpose"):
            start([spec])
        return
    office = start([spec])
    assert idle_loop.run_until_complete(states(office)) == {"a": "running"}


def test_the_loop_of_the_library_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also before its thread has got to run it."""
    monkeypatch.setattr(shared_loop(), "is_running", lambda: False)
    with pytest.raises(pykka.supervision.ChildStartError, match="on purpose"):
        Supervisor.start([ChildSpec("a", Broken)])


# --- pools --------------------------------------------------------------------------------------


def test_a_pool_that_is_made_in_a_loop_lives_there() -> None:
    """`pool()` blocks the loop's thread, so it does not wait for the start hooks."""

    class Starts(Reader):
        async def on_start(self) -> None:
            await asyncio.sleep(0)
            started.append(asyncio.get_running_loop())

    started: list[Any] = []

    async def main() -> None:
        queue: asyncio.Queue[Any] = asyncio.Queue()
        router = RoundRobin.pool(Starts, 2, args=[queue])
        assert len(router.routees) == 2
        router.resize(3)
        assert len(router.routees) == 3
        for ref in router.routees:
            await through_a_restart(ref, queue)
        await router.stop(block=False)
        assert set(started) == {asyncio.get_running_loop()}
        assert len(started) >= 3

    asyncio.run(main())


def test_a_pool_over_a_loop_that_is_said(other_loop: asyncio.AbstractEventLoop) -> None:
    router = RoundRobin.pool(Reader.options(loop=other_loop), 2)
    assert [router.ask("?", timeout=PATIENCE) for _ in range(2)] == [other_loop] * 2
    router.stop()


def test_a_routee_in_a_loop_that_cannot_start_is_a_failure_like_any_other() -> None:
    class Broken(Reader):
        async def on_start(self) -> None:
            raise ValueError("on purpose")

    async def main() -> Any:
        router = RoundRobin.pool(Broken, 2)
        while router.is_alive():  # noqa: ASYNC110 - no event says so
            await asyncio.sleep(0)
        with pytest.raises(pykka.ActorDeadError, match="on purpose"):
            await router.ask("?", block=False)

    asyncio.run(main())


def test_a_pool_on_threads_waits_for_its_start_hooks_in_a_loop_too() -> None:
    class Broken(pykka.ThreadingActor):
        def on_start(self) -> None:
            raise ValueError("on purpose")

    async def main() -> Any:
        with pytest.raises(pykka.supervision.ChildStartError):
            RoundRobin.pool(Broken, 2)

    asyncio.run(main())
    wait_until(lambda: not pykka.ActorRegistry.get_all(), "nobody is left")
