"""What systems that live in an asyncio event loop have in common."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from benchmarks.system import FailedError, System

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


class LoopSystem(System):
    """A system whose actors run on the main thread, while something is waited for."""

    blocks_others = True

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self._outcomes: asyncio.Queue[tuple[Any, BaseException | None]] = asyncio.Queue()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Let the loop run until a coroutine is done."""
        return self.loop.run_until_complete(coroutine)

    def finish(self, result: Any) -> None:
        """Take the result of a workload from an actor."""
        self._outcomes.put_nowait((result, None))

    def fail(self, error: BaseException) -> None:
        """Take note that an actor has crashed."""
        self._outcomes.put_nowait((None, error))

    def wait(self, timeout: float) -> Any:
        """Wait until an actor finishes."""
        try:
            result, error = self.run(asyncio.wait_for(self._outcomes.get(), timeout))
        except TimeoutError:
            msg = f"no end after {timeout:.0f} s: a message was lost, or it is too slow"
            raise FailedError(msg) from None
        if error is not None:
            msg = f"an actor crashed: {type(error).__name__}: {error}"
            raise FailedError(msg)
        return result
