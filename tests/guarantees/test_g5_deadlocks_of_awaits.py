"""G5, for actors that await each other, and for threads that block the loop of their answer."""

from __future__ import annotations

import asyncio
import itertools
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE

import pykka

if TYPE_CHECKING:
    from collections.abc import Callable


class Asker(pykka.AsyncioActor):
    """Asks others, and says what became of it."""

    def __init__(self) -> None:
        super().__init__()
        self.next: Any = None
        self.raised: list[BaseException] = []

    async def set_next(self, following: Any) -> None:
        self.next = following

    async def ask_next(self, hops: int) -> str:
        if hops == 0:
            return "the end"
        try:
            return f"{await self.next.ask_next(hops - 1)}!"
        except pykka.DeadlockError as error:
            self.raised.append(error)
            return "deadlock"

    async def await_oneself(self) -> object:
        return await self.actor_ref.ask("hello", block=False)

    async def await_ones_own_stop(self) -> object:
        return await self.actor_ref.stop(block=False)

    async def await_what_is_made_of_ones_own_answer(self) -> object:
        return await self.actor_ref.proxy().hello().map(str.upper)

    async def await_deep_inside(self) -> object:
        async def helper() -> object:
            return await self.actor_ref.proxy().hello()

        return await helper()

    async def await_in_a_task(self) -> object:
        task = asyncio.create_task(self.await_oneself())
        await asyncio.sleep(0)
        task.cancel()
        return "no deadlock"

    async def gather(self) -> object:
        own = self.actor_ref.proxy().hello()
        try:
            async with asyncio.timeout(0.01):
                await asyncio.gather(own)
        except TimeoutError:
            return "no deadlock"

    async def await_with_timeout(self, way: str) -> object:
        own = self.actor_ref.proxy().hello()
        try:
            if way == "wait_for":
                return await asyncio.wait_for(own, 0.01)
            async with asyncio.timeout(0.01):
                return await own
        except TimeoutError:
            return "timed out"

    async def await_after_a_timeout(self) -> object:
        async with asyncio.timeout(PATIENCE) as over:
            await asyncio.sleep(0)
        async with asyncio.timeout(None) as endless:
            await self.await_oneself()
        return over, endless

    async def await_in_a_scope_of_anyio(self) -> object:
        import anyio  # noqa: PLC0415 (only where it is installed)

        own = self.actor_ref.proxy().hello()
        with anyio.move_on_after(0.01):
            return await own
        return "timed out"

    async def hello(self) -> str:
        return "hello"

    def block(self) -> object:
        return self.actor_ref.ask("hello")

    def block_on(self, proxy: Any) -> object:
        return proxy.hello().get()

    async def call(self, proxy: Any, method: str, *args: Any) -> object:
        return await getattr(proxy, method)(*args)

    def on_receive(self, message: object) -> object:
        return message


class Relay(pykka.Actor):
    """Asks another one and blocks."""

    def hello(self) -> str:
        return "hello"

    def relay(self, proxy: Any, method: str = "hello", *args: Any) -> object:
        return getattr(proxy, method)(*args).get()


class ThreadRelay(Relay, pykka.ThreadingActor):
    """On a thread."""


class PooledRelay(Relay, pykka.PooledActor):
    """In a pool."""


RELAYS = [ThreadRelay, PooledRelay]


# --- circles of awaits --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "way",
    [
        "await_oneself",
        "await_ones_own_stop",
        "await_what_is_made_of_ones_own_answer",
        "await_deep_inside",
    ],
)
def test_an_actor_that_awaits_itself(way: str) -> None:
    proxy = Asker.start().proxy()
    with pytest.raises(pykka.DeadlockError) as caught:
        getattr(proxy, way)().get(timeout=PATIENCE)
    text = str(caught.value)
    assert "an actor waits for its own answer" in text
    assert str(proxy.actor_ref) in text
    assert "in helper" in text if way == "await_deep_inside" else f"in {way}" in text
    assert "test_g5_deadlocks_of_awaits.py" in text


@pytest.mark.parametrize("length", [2, 3, 10])
def test_a_circle_of_any_length_in_one_loop(length: int) -> None:
    async def main() -> tuple[str, list[list[BaseException]]]:
        proxies = [Asker.start().proxy() for _ in range(length)]
        for proxy, following in zip(proxies, [*proxies[1:], proxies[0]], strict=True):
            await proxy.set_next(following)
        async with asyncio.timeout(PATIENCE):
            answer = await proxies[0].ask_next(length)
        return answer, [await proxy.raised for proxy in proxies]

    answer, raised = asyncio.run(main())
    # In one loop, it is always the last one that closes the circle.
    assert answer == "deadlock" + "!" * (length - 1)
    assert [len(errors) for errors in raised] == [0] * (length - 1) + [1]
    text = str(raised[-1][0])
    assert f"{length} actors wait for each other in a circle" in text
    assert text.count("in ask_next") == length
    assert text.count("while it handles ProxyCall(attr_path=('ask_next',)") == length


def test_15_circles_each_closed_in_two_loops_at_once() -> None:
    """One actor lives in the loop of this thread, the other in the shared one."""

    async def main() -> None:
        for _ in range(15):
            one = Asker.start().proxy()
            other = (await asyncio.to_thread(Asker.start)).proxy()
            await one.set_next(other)
            await other.set_next(one)
            async with asyncio.timeout(PATIENCE):
                answers = await asyncio.gather(one.ask_next(1), other.ask_next(1))
            assert sorted(answers) in (
                ["deadlock", "the end!"],  # they met
                ["the end!", "the end!"],  # the one was done before the other began
            )
            raised = [*await one.raised, *await other.raised]
            assert len(raised) == answers.count("deadlock")

    asyncio.run(main())


@pytest.mark.parametrize("relay_class", RELAYS)
def test_a_circle_through_an_actor_that_blocks(relay_class: Any) -> None:
    async def main() -> object:
        asker = Asker.start().proxy()
        relay = relay_class.start().proxy()
        async with asyncio.timeout(PATIENCE):
            return await asker.call(relay, "relay", asker)

    with pytest.raises(pykka.DeadlockError) as caught:
        asyncio.run(main())
    text = str(caught.value)
    assert "2 actors wait for each other in a circle" in text
    assert "in relay" in text
    assert "in call" in text


@pytest.mark.parametrize("relay_class", RELAYS)
def test_a_circle_that_the_await_closes(relay_class: Any) -> None:
    """The relay waits first: for a method that then awaits the relay."""
    asker = Asker.start().proxy()
    relay = relay_class.start().proxy()
    with pytest.raises(pykka.DeadlockError, match="2 actors wait for each other"):
        relay.relay(asker, "call", relay, "hello").get(timeout=PATIENCE)


# --- no false alarms ----------------------------------------------------------------------------


def test_a_background_task_holds_nobody_up() -> None:
    assert Asker.start().proxy().await_in_a_task().get(timeout=PATIENCE) == "no deadlock"
    assert Asker.start().proxy().gather().get(timeout=PATIENCE) == "no deadlock"


def test_a_background_task_of_a_finished_handler_may_await_the_actor() -> None:
    class Spawner(Asker):
        async def spawn(self) -> asyncio.Task[object]:
            return asyncio.create_task(self.await_oneself())

    async def main() -> object:
        task = await Spawner.start().proxy().spawn()
        async with asyncio.timeout(PATIENCE):
            return await task

    assert asyncio.run(main()) == "hello"


def test_an_eager_task_that_runs_on_top_of_a_handler_is_not_the_actor() -> None:
    factory = getattr(asyncio, "eager_task_factory", None)
    if factory is None:
        pytest.skip("Python 3.11 has no eager tasks")

    async def main() -> object:
        asyncio.get_running_loop().set_task_factory(factory)
        async with asyncio.timeout(PATIENCE):
            return await Asker.start().proxy().await_in_a_task()

    assert asyncio.run(main()) == "no deadlock"


@pytest.mark.parametrize("way", ["timeout", "wait_for"])
def test_an_await_with_a_timeout_ends_by_itself(way: str) -> None:
    proxy = Asker.start().proxy()
    assert proxy.await_with_timeout(way).get(timeout=PATIENCE) == "timed out"
    assert proxy.hello().get(timeout=PATIENCE) == "hello"


def test_a_timeout_that_is_over_or_endless_does_not_count() -> None:
    with pytest.raises(pykka.DeadlockError):
        Asker.start().proxy().await_after_a_timeout().get(timeout=PATIENCE)


def test_a_scope_of_anyio_is_a_timeout() -> None:
    pytest.importorskip("anyio")
    proxy = Asker.start().proxy()
    assert proxy.await_in_a_scope_of_anyio().get(timeout=PATIENCE) == "timed out"


def test_a_timeout_anywhere_in_the_circle_counts() -> None:
    async def main() -> tuple[object, object]:
        patient, hasty = Asker.start().proxy(), Asker.start().proxy()

        class Hasty(Asker):
            async def ask(self) -> object:
                try:
                    async with asyncio.timeout(0.01):
                        return await patient.call(hasty, "hello")
                except TimeoutError:
                    return "timed out"

        hasty = Hasty.start().proxy()
        async with asyncio.timeout(PATIENCE):
            return await hasty.ask(), await hasty.hello()

    assert asyncio.run(main()) == ("timed out", "hello")


def test_after_a_cancelled_await_there_is_no_edge() -> None:
    proxy = Asker.start().proxy()
    assert proxy.await_with_timeout("timeout").get(timeout=PATIENCE) == "timed out"
    assert proxy.actor_ref._cell.waiting is None


def test_a_long_chain_that_is_no_circle() -> None:
    async def main() -> object:
        chain = [Asker.start().proxy() for _ in range(50)]
        for one, other in itertools.pairwise(chain):
            await one.set_next(other)
        return await chain[0].ask_next(49)

    assert asyncio.run(main()) == "the end" + "!" * 49


# --- who blocks a loop --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "block",
    [
        lambda ref: ref.ask("hello"),
        lambda ref: ref.proxy().hello().get(),
        lambda ref: ref.proxy().hello().map(str.upper).get(),
        lambda ref: ref.stop(),
        lambda ref: setattr(ref.proxy(), "next", None),
        lambda ref: pykka.get_all([ref.proxy().hello()]),
    ],
    ids=["ask", "get", "derived", "stop", "attribute", "get_all"],
)
def test_a_coroutine_that_blocks_for_an_actor_of_its_own_loop(
    block: Callable[[pykka.ActorRef[Any]], object],
) -> None:
    async def main() -> str:
        ref = Asker.start()
        with pytest.raises(pykka.DeadlockError) as caught:
            block(ref)
        assert str(ref) in str(caught.value)
        return str(caught.value)

    text = asyncio.run(main())
    assert "lives in the event loop of this thread" in text
    assert "test_g5_deadlocks_of_awaits.py" in text
    assert "await" in text


def test_a_coroutine_that_blocks_with_a_timeout_gets_timeout() -> None:
    async def main() -> None:
        with pytest.raises(pykka.Timeout):
            Asker.start().ask("hello", timeout=0)

    asyncio.run(main())


def test_a_coroutine_may_block_for_an_actor_that_lives_elsewhere() -> None:
    shared = Asker.start()

    async def main() -> object:
        return shared.ask("hello")  # bad manners, but it ends

    assert asyncio.run(main()) == "hello"


def test_a_handler_that_blocks_for_itself_or_for_a_neighbour() -> None:
    one, other = Asker.start().proxy(), Asker.start().proxy()
    with pytest.raises(pykka.DeadlockError, match="waits for its own answer"):
        one.block().get(timeout=PATIENCE)
    with pytest.raises(pykka.DeadlockError, match="blocks the event loop that both live in"):
        one.block_on(other).get(timeout=PATIENCE)
    assert other.hello().get(timeout=PATIENCE) == "hello"


@pytest.mark.parametrize("relay_class", RELAYS)
def test_a_handler_that_blocks_for_one_who_needs_its_loop(relay_class: Any) -> None:
    """The one blocks the loop, for a relay that asks another one in the same loop."""

    class Blocker(Asker):
        def block_on_relay(self, relay: Any, neighbour: Any) -> object:
            return relay.relay(neighbour).get()

    blocker, neighbour = Blocker.start().proxy(), Asker.start().proxy()
    relay = relay_class.start().proxy()
    with pytest.raises(pykka.DeadlockError, match="blocks the event loop that both live in"):
        blocker.block_on_relay(relay, neighbour).get(timeout=PATIENCE)
    assert neighbour.hello().get(timeout=PATIENCE) == "hello"


def test_a_handler_that_blocks_for_one_who_has_had_no_turn_of_its_loop() -> None:
    class Starter(pykka.ThreadingActor):
        def greet(self) -> object:
            return Asker.start().proxy().hello().get()  # the loop is blocked by then

    class Blocker(Asker):
        def block_on_starter(self, starter: Any) -> object:
            return starter.greet().get()

    blocker = Blocker.start().proxy()
    with pytest.raises(pykka.DeadlockError, match="blocks the event loop that both live in"):
        blocker.block_on_starter(Starter.start().proxy()).get(timeout=PATIENCE)


def test_a_neighbour_that_awaits_has_two_edges_and_both_count() -> None:
    """It awaits one that is fine, and is held up by one that blocks the loop."""
    go_on = threading.Event()

    class Slow(pykka.ThreadingActor):
        def wait(self) -> str:
            assert go_on.wait(PATIENCE)
            return "done"

    class Blocker(Asker):
        def block_on_relay(self, relay: Any, neighbour: Any) -> object:
            return relay.relay(neighbour).get()

    slow = Slow.start().proxy()
    blocker, neighbour = Blocker.start().proxy(), Asker.start().proxy()
    relay = ThreadRelay.start().proxy()
    awaiting = neighbour.call(slow, "wait")
    while neighbour.actor_ref._cell.waiting is None:
        pass
    with pytest.raises(pykka.DeadlockError):
        blocker.block_on_relay(relay, neighbour).get(timeout=PATIENCE)
    go_on.set()
    assert awaiting.get(timeout=PATIENCE) == "done"
