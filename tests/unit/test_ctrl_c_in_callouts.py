"""Ctrl-C strikes on the main thread in the middle of code of the user's that the library calls.

What such code raises is logged, or counts for nothing. But what a signal handler raises is for the
program, and comes out of the call in which it struck; on any other thread there is nobody for whom
it could be meant.
"""

from __future__ import annotations

import asyncio
import io
import logging
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE
from tests.pool.tools import ThreadAgent

import pykka
from pykka._futures.ask import answer, reply_to_of
from pykka._util.log import SafeLogger, print_to_stderr, safe_repr, safe_str
from pykka.messages import is_privileged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Log


def strike(*_args: object, **_kwargs: object) -> Any:
    raise KeyboardInterrupt


class Struck:
    """Something of the user's; Ctrl-C strikes whatever it is asked for."""

    __repr__ = __str__ = set = set_exception = strike

    @property
    def reply_to(self) -> Any:
        strike()


class StruckHandler(logging.Handler):
    handle = strike  # type: ignore[assignment]


@pytest.fixture
def child() -> Iterator[SafeLogger]:
    """A logger whose handler is struck."""
    logger = logging.getLogger("pykka.struck")
    handler = StruckHandler()
    logger.addHandler(handler)
    yield SafeLogger("pykka.struck")
    logger.removeHandler(handler)


class StruckStream(io.StringIO):
    write = strike


ERROR = (None, (ValueError("no"), None))

CALLS: dict[str, Callable[[], object]] = {
    "repr": lambda: safe_repr(Struck()),
    "str": lambda: safe_str(Struck()),
    "reply_to": lambda: reply_to_of(Struck()),
    "set": lambda: answer(Struck(), ("value", None), "the actor"),
    "set_exception": lambda: answer(Struck(), ERROR, "the actor"),  # type: ignore[arg-type]
    "stderr": lambda: print_to_stderr("text"),
}

ELSEWHERE: dict[str, object] = {
    "repr": "<Struck whose repr raised KeyboardInterrupt>",
    "str": "<Struck whose str raised KeyboardInterrupt>",
}


@pytest.mark.parametrize("name", CALLS)
def test_it_comes_out_on_the_main_thread_and_nowhere_else(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", StruckStream())
    with pytest.raises(KeyboardInterrupt):
        CALLS[name]()
    with ThreadPoolExecutor(1) as thread:
        found = thread.submit(CALLS[name]).result()
    assert found == ELSEWHERE.get(name)


def test_it_comes_out_of_a_log_handler(child: SafeLogger, log: Log) -> None:
    with pytest.raises(KeyboardInterrupt):
        child.warning("text")
    with ThreadPoolExecutor(1) as thread:
        thread.submit(child.warning, "text").result()
    assert len(log.find("ERROR", "A filter or handler of the logger pykka.struck raised")) == 1


# --- actors that live in a loop on the main thread ----------------------------------------------


class Talker(pykka.AsyncioActor):
    """Answers at once, or when it has had a pause."""

    async def pause(self) -> str:
        await asyncio.sleep(0)
        return "fine"

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, Exception):
            raise message
        return self.pause() if message == "pause" else "fine"


class StruckFuture(pykka.ThreadingFuture[Any]):
    """A future of the program's own, which is resolved all the same."""

    def set(self, value: Any = None) -> None:
        super().set(value)
        strike()

    def set_exception(self, exc_info: Any = None) -> None:
        super().set_exception(exc_info)
        strike()


class Struckling(Talker):
    _create_future = staticmethod(StruckFuture)


@pytest.mark.parametrize("message", ["at once", "pause", ValueError("no")])
def test_it_comes_out_of_the_loop_if_it_strikes_in_a_future_of_the_programs(message: Any) -> None:
    futures: list[pykka.Future[Any]] = []
    refs: list[pykka.ActorRef[Any]] = []

    async def main() -> None:
        refs.append(Struckling.start())
        futures.append(refs[0].ask(message, block=False))
        await asyncio.sleep(PATIENCE)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    assert futures[0].done()
    assert not refs[0].is_alive(), "nothing of the loop is left"


@pytest.mark.parametrize("message", ["at once", "pause"])
def test_it_comes_out_of_the_loop_if_it_strikes_in_a_callback(message: str) -> None:
    futures: list[Any] = []
    refs: list[pykka.ActorRef[Any]] = []

    async def main() -> None:
        refs.append(Talker.start())
        futures.append(refs[0].ask(message, block=False))
        futures[0].add_done_callback(strike)
        await asyncio.sleep(PATIENCE)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    assert futures[0].get(timeout=0) == "fine"
    assert not refs[0].is_alive()


class Secretive(type):
    """A class that does not say what its actors crash on."""

    @property
    def crash_on(cls) -> Any:
        strike()


def test_it_comes_out_of_the_loop_if_it_strikes_where_it_is_asked_what_is_a_crash() -> None:
    futures: list[Any] = []

    async def main() -> None:
        ref = Talker.start()
        await ref.ask("hello", block=False)
        ref._cell.actor_class = Secretive("Odd", (), {})  # type: ignore[assignment]
        futures.append(ref.ask(ValueError("no"), block=False))
        await asyncio.sleep(PATIENCE)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    with pytest.raises(BaseException):  # noqa: B017, PT011 (it is answered in any case)
        futures[0].get(timeout=0)


def test_it_comes_out_of_the_loop_if_it_strikes_who_is_told_of_the_end() -> None:
    refs: list[pykka.ActorRef[Any]] = []

    async def main() -> None:
        refs.append(Talker.start())
        ended: Any = refs[0].when_terminated()
        ended.add_done_callback(strike)
        refs[0].tell("hello")
        refs[0].stop(block=False)
        await asyncio.sleep(PATIENCE)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    assert refs[0].when_terminated().get(timeout=0) == pykka.Stopped()
    assert refs[0]._cell.actor is None


# --- waiters that fail otherwise ----------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 2])
def test_a_loop_that_cannot_be_told_of_an_answer_is_told_again(times: int, log: Log) -> None:
    """It is the user's, and fails in its own ways."""
    main_thread = threading.current_thread()

    class Odd(asyncio.SelectorEventLoop):
        left = 0

        def call_soon_threadsafe(self, *args: Any, **kwargs: Any) -> Any:
            if self.left and threading.current_thread() is not main_thread:
                self.left -= 1
                raise LookupError
            return super().call_soon_threadsafe(*args, **kwargs)

    ref = ThreadAgent.start()

    async def main() -> Any:
        loop: Any = asyncio.get_running_loop()
        loop.left = times
        async with asyncio.timeout(PATIENCE):
            return await ref.ask("message", block=False)

    with asyncio.Runner(loop_factory=Odd) as runner:
        assert runner.run(main()) == "message"
    assert ref.ask("still here?") == "still here?"
    found = log.find("ERROR", f"A callback of the future of a reply from {ref} raised")
    assert len(found) == times - 1


# --- odd messages -------------------------------------------------------------------------------


def test_a_message_whose_class_has_no_hash_is_none_of_the_librarys() -> None:
    class NoHash(type):
        __hash__ = None  # type: ignore[assignment]

    message = NoHash("Message", (), {})()
    assert not is_privileged(message)
