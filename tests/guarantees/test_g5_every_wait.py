"""G5, for all ways to wait: for the first of several, for an event, in a handler's own loop."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE, wait_until

import pykka

if TYPE_CHECKING:
    from collections.abc import Callable


class Agent(pykka.PooledActor):
    """Shares one thread with all others of its kind."""

    dispatcher = pykka.Dispatcher("just-one", max_threads=1)

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        return function(*args)

    def one(self) -> int:
        return 1


class Roomy(Agent):
    """In the pool that all share."""

    dispatcher = None


class OnThread(pykka.ThreadingActor):
    """On a thread of its own."""

    run = Agent.run
    one = Agent.one


class InLoop(pykka.AsyncioActor):
    """In an event loop."""

    run = Agent.run
    one = Agent.one


KINDS = pytest.mark.parametrize("kind", [Agent, Roomy, OnThread, InLoop])


def first(*proxies: Any) -> Any:
    return next(iter(pykka.as_completed([proxy.one() for proxy in proxies]))).get()


def every(*proxies: Any) -> Any:
    return [future.get() for future in pykka.as_completed([proxy.one() for proxy in proxies])]


async def wait_for(future: Any) -> Any:
    return await future


def in_a_loop(proxy: Any) -> Any:
    return asyncio.run(wait_for(proxy.one()))


def in_a_loop_all(*proxies: Any) -> Any:
    async def gather() -> Any:
        return await asyncio.gather(*(proxy.one() for proxy in proxies))

    return asyncio.run(gather())


def in_a_scope(kind: type[pykka.Actor]) -> Any:
    async def main() -> Any:
        async with pykka.ActorScope() as scope:
            return await scope.start(kind).proxy().one()

    return asyncio.run(main())


@pytest.mark.parametrize("number", [1, 2, 5])
@pytest.mark.parametrize("kind", [Agent, Roomy])
def test_the_first_of_several_in_a_pool(kind: type[Agent], number: int) -> None:
    agent, others = kind.start().proxy(), [kind.start().proxy() for _ in range(number)]
    assert agent.run(first, *others).get(timeout=PATIENCE) == 1
    assert agent.run(every, *others).get(timeout=PATIENCE) == [1] * number


@KINDS
@pytest.mark.parametrize("number", [1, 2])
def test_one_who_waits_for_the_first_of_its_own_answers(kind: Any, number: int) -> None:
    agent = kind.start().proxy()
    with pytest.raises(pykka.DeadlockError, match="waits for its own answer"):
        agent.run(first, *[agent] * number).get(timeout=PATIENCE)


@pytest.mark.parametrize("kind", [Roomy, OnThread])
def test_a_circle_in_one_of_several_ways_is_none(kind: Any) -> None:
    agent, other = kind.start().proxy(), kind.start().proxy()
    assert agent.run(first, agent, other).get(timeout=PATIENCE) == 1


@pytest.mark.parametrize("kind", [Roomy, OnThread])
def test_circles_in_all_of_several_ways_are_one(kind: Any) -> None:
    """Two others wait for the agent, who waits for the first of them."""
    agent, one, other = (kind.start().proxy() for _ in range(3))
    both_wait = threading.Event()

    def both() -> Any:
        both_wait.wait(PATIENCE)
        return first(one, other)

    answer = agent.run(both)
    waiting = [each.run(lambda: agent.one().get()) for each in (one, other)]
    for each in (one, other):
        wait_until(lambda each=each: each.actor_ref._cell.waiting is not None, "it waits")
    both_wait.set()
    with pytest.raises(pykka.DeadlockError) as caught:
        answer.get(timeout=PATIENCE)
    assert "or for any other of those that owe it one of 2 answers" in str(caught.value)
    assert pykka.get_all(waiting, timeout=PATIENCE) == [1, 1]  # the victim has freed them


def test_the_first_of_several_that_are_made_from_others() -> None:
    agent, other = OnThread.start().proxy(), OnThread.start().proxy()

    def derived() -> Any:
        both = other.one().join(agent.one())  # one of the two never comes
        return next(iter(pykka.as_completed([both, both.map(sum)])))

    with pytest.raises(pykka.DeadlockError):
        agent.run(derived).get(timeout=PATIENCE)


def test_a_coroutine_that_blocks_for_the_first_of_several_of_its_own_loop() -> None:
    async def main() -> None:
        here, there = InLoop.start().proxy(), OnThread.start().proxy()
        for mine in ([here], [here, here]):
            with pytest.raises(pykka.DeadlockError, match="lives in the event loop of this"):
                first(*mine)
        assert first(here, there) == 1
        await here.stop()
        await there.stop()

    asyncio.run(main())


def test_an_iterator_that_is_never_asked_leaves_nothing_behind() -> None:
    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    arrivals = pykka.as_completed([future])
    assert len(future._log) == 1
    del arrivals
    assert future._log == []


@pytest.mark.parametrize("kind", [Agent, Roomy, OnThread])
def test_a_loop_in_a_plain_handler(kind: Any) -> None:
    agent, others = kind.start().proxy(), [kind.start().proxy() for _ in range(3)]
    assert agent.run(in_a_loop, others[0]).get(timeout=PATIENCE) == 1
    assert agent.run(in_a_loop_all, *others).get(timeout=PATIENCE) == [1, 1, 1]
    assert agent.run(in_a_scope, kind).get(timeout=PATIENCE) == 1
    nested = agent.run(in_a_loop_all, *others[:1])
    assert nested.map(len).get(timeout=PATIENCE) == 1
    deep = agent.run(lambda: asyncio.run(wait_for(others[0].run(in_a_loop, others[1]))))
    assert deep.get(timeout=PATIENCE) == 1


def test_a_limit_of_a_wait_in_a_loop_is_kept_though_there_is_no_other_thread() -> None:
    agent, other = Agent.start().proxy(), Agent.start().proxy()

    async def limited() -> str:
        try:
            async with asyncio.timeout(0.01):
                return f"{await other.one()}"
        except TimeoutError:
            return "in time"

    assert agent.run(lambda: asyncio.run(limited())).get(timeout=PATIENCE) == "in time"
    assert other.one().get(timeout=PATIENCE) == 1


@pytest.mark.parametrize("kind", [Agent, Roomy, OnThread])
def test_a_loop_in_a_plain_handler_that_closes_a_circle(kind: Any) -> None:
    agent = kind.start().proxy()
    with pytest.raises(pykka.DeadlockError, match="waits for its own answer"):
        agent.run(in_a_loop, agent).get(timeout=PATIENCE)


def test_a_task_beside_may_await_the_actor_whose_handler_runs_its_loop() -> None:
    agent = OnThread.start().proxy()

    async def main() -> str:
        beside = asyncio.create_task(wait_for(agent.one()))
        await asyncio.sleep(0)
        return "done" if not beside.done() else "?"

    assert agent.run(lambda: asyncio.run(main())).get(timeout=PATIENCE) == "done"


def test_a_thread_that_waits_for_an_event_of_the_last_actor() -> None:
    agent, other = Agent.start().proxy(), Agent.start()

    def stop_other() -> bool:
        other.stop(block=False)
        return other.actor_stopped.wait()

    assert agent.run(stop_other).get(timeout=PATIENCE) is True


def test_readers_of_one_hook_that_wait_for_each_other() -> None:
    """One runs the hook, which asks another actor; that one reads the same future."""
    agent, other = OnThread.start().proxy(), OnThread.start().proxy()
    future: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()
    future.set_get_hook(lambda _timeout: other.run(future.get).get())
    with pytest.raises(pykka.DeadlockError):
        agent.run(future.get).get(timeout=PATIENCE)


@pytest.mark.parametrize("way", ["first", "event", "inbox"])
def test_a_worker_that_waits_has_a_substitute(way: str) -> None:
    """In whatever it waits; and the hook of `pykka.debug` is called."""
    agent, other = Roomy.start().proxy(), Roomy.start().proxy()
    may_end = pykka.ThreadingFuture[int]()
    target = Roomy.start()
    pool = agent.actor_ref._cell.pool

    def wait() -> Any:
        if way == "first":
            return next(iter(pykka.as_completed([may_end, pykka.ThreadingFuture()]))).get()
        if way == "event":
            return int(target.actor_stopped.wait())
        return agent.actor_ref._cell.public_inbox.get(timeout=PATIENCE)

    answer = agent.run(wait)
    wait_until(lambda: pool.blocked, "it counts as one that waits")
    assert other.one().get(timeout=PATIENCE) == 1
    if way == "inbox":
        agent.actor_ref.tell("for itself")
        assert answer.get(timeout=PATIENCE).message == "for itself"
    else:
        may_end.set(1)
        target.stop(timeout=PATIENCE)
        assert answer.get(timeout=PATIENCE) == 1
