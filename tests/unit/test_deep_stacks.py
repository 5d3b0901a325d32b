"""A stack that is full is an error of the caller's, and no harm to anybody else.

`RecursionError` is a `RuntimeError`, as is what a closed loop and an ending interpreter raise.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE

import pykka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEPTHS = range(1, 60)
"""So many frames below the limit of recursion, each is tried."""

IN_TURN = [
    pytest.param(frames, marks=() if frames % 3 == 0 else pytest.mark.exhaustive)
    for frames in DEPTHS
]


@pytest.fixture(autouse=True)
def untraced_and_shallow() -> Iterator[None]:
    """A limit that is soon reached."""
    before, trace = sys.getrecursionlimit(), sys.gettrace()
    sys.settrace(None)
    sys.setrecursionlimit(600)
    yield
    sys.setrecursionlimit(before)
    sys.settrace(trace)


def room() -> int:
    """How many frames there is room for."""
    try:
        return 1 + room()
    except RecursionError:
        return 0


def with_room_for(frames: int, function: Callable[[], object]) -> bool:
    """Call something where there is room for so many frames only; False if that did not do."""

    def descend(levels: int) -> None:
        if levels > 0:
            descend(levels - 1)
        else:
            function()

    # What is collected there has no room for its finalisers, and pytest none to say so.
    gc.disable()
    try:
        descend(room() - frames - 2)
    except RecursionError:
        return False
    finally:
        gc.enable()
    return True


class Counter(pykka.AsyncioActor):
    def __init__(self) -> None:
        super().__init__()
        self.told = 0

    def on_receive(self, _message: object) -> int:
        self.told += 1
        return self.told


def test_the_depths_reach_from_what_fails_to_what_does_not() -> None:
    def descend(levels: int) -> None:
        if levels > 1:
            descend(levels - 1)

    assert not with_room_for(DEPTHS[0], lambda: descend(10))
    assert with_room_for(DEPTHS[-1], lambda: descend(10))


@pytest.mark.parametrize("frames", IN_TURN)
def test_a_deep_tell_ends_no_actor_of_the_loop(frames: int) -> None:
    other, ref = Counter.start(), Counter.start()
    assert (other.ask("are you there?"), ref.ask("are you there?")) == (1, 1)
    with_room_for(frames, lambda: ref.tell("deep"))
    assert other.ask("still there?", timeout=PATIENCE) == 2
    assert ref.ask("still there?", timeout=PATIENCE) in (2, 3)


@pytest.mark.parametrize("frames", IN_TURN)
def test_what_a_deep_tell_has_sent_is_handled_without_another_one(frames: int) -> None:
    handled = threading.Event()

    class Notes(pykka.AsyncioActor):
        def on_receive(self, message: object) -> None:
            if message == "deep":
                handled.set()

    ref = Notes.start()
    ref.ask("are you there?")
    if not with_room_for(frames, lambda: ref.tell("deep")) and frames == 1:
        ref.tell("not deep")  # where there is no room for any call at all, it is the next one
        return
    if frames > 2 or ref._cell.inbox.queue.qsize():
        assert handled.wait(PATIENCE)


@pytest.mark.parametrize("frames", IN_TURN)
def test_a_deep_set_wakes_the_tasks_that_await(frames: int) -> None:
    futures: list[pykka.ThreadingFuture[int]] = [pykka.ThreadingFuture() for _ in range(2)]

    async def main() -> list[int]:
        waiters = [asyncio.ensure_future(wait(future)) for future in futures for _ in range(2)]
        await asyncio.sleep(0)
        thread = threading.Thread(target=resolve)
        thread.start()
        results = await asyncio.wait_for(asyncio.gather(*waiters), PATIENCE)
        thread.join(PATIENCE)
        return results

    async def wait(future: pykka.ThreadingFuture[int]) -> int:
        return await future

    def resolve() -> None:
        for future in futures:
            with_room_for(frames, lambda future=future: future.set(1))  # type: ignore[misc]
            if not future.done():
                future.set(1)

    assert asyncio.run(main()) == [1] * 4


# On Python 3.13, after many other tests, pytest has no room there to report what it ignores.
@pytest.mark.exhaustive
@pytest.mark.parametrize("frames", IN_TURN)
def test_a_deep_set_wakes_the_threads_that_wait(frames: int) -> None:
    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    results: list[int] = []
    threads = [threading.Thread(target=lambda: results.append(future.get())) for _ in range(2)]
    for thread in threads:
        thread.start()
    with_room_for(frames, lambda: future.set(1))
    if not future.done():
        future.set(1)
    for thread in threads:
        thread.join(PATIENCE)
    assert results == [1, 1]


@pytest.mark.parametrize("frames", IN_TURN)
def test_a_deep_kill_can_be_done_again(frames: int) -> None:
    entered = threading.Event()

    class Hangs(pykka.AsyncioActor):
        async def on_receive(self, _message: object) -> None:
            entered.set()
            await asyncio.get_running_loop().create_future()

    ref = Hangs.start()
    ref.tell("hang")
    assert entered.wait(PATIENCE)
    with_room_for(frames, lambda: ref.kill(block=False))
    ref.kill(block=False)
    assert ref.when_terminated().get(timeout=PATIENCE) == pykka.Killed()


@pytest.mark.thinned
@pytest.mark.parametrize("on_main", [True, False])
@pytest.mark.parametrize("frames", IN_TURN)
def test_a_worker_that_is_needed_for_a_deep_tell_is_started(
    frames: int,
    on_main: bool,
) -> None:
    handled = threading.Event()

    class Notes(pykka.PooledActor):
        def on_receive(self, message: object) -> None:
            handled.set()

    ref = Notes.options(dispatcher=pykka.Dispatcher("deep")).start()
    told: list[bool] = []

    def tell() -> None:
        told.append(with_room_for(frames, lambda: ref.tell("deep")))

    if on_main:
        tell()
    else:
        thread = threading.Thread(target=tell)
        thread.start()
        thread.join(PATIENCE)
    if told == [True]:
        assert handled.wait(PATIENCE)
    ref.tell("once more")
    assert handled.wait(PATIENCE)


@pytest.mark.parametrize("error", [RecursionError, RuntimeError])
def test_a_loop_that_raises_and_is_not_closed_loses_no_actor(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    other, ref = Counter.start(), Counter.start()
    assert (other.ask("are you there?"), ref.ask("are you there?")) == (1, 1)
    loop: Any = ref._cell.loop  # type: ignore[attr-defined]
    call_soon_threadsafe = loop.call_soon_threadsafe
    errors = [error("on purpose")]

    def fail_once(*args: Any, **kwargs: Any) -> Any:
        if errors:
            raise errors.pop()
        return call_soon_threadsafe(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "call_soon_threadsafe", fail_once)
        with pytest.raises(error, match="on purpose"):
            ref.tell("x")
        assert other.ask("still there?", timeout=PATIENCE) == 2
        assert ref.ask("still there?", timeout=PATIENCE) == 3
