"""What an adapter does: the interface between workloads and implementations.

A `System` is one implementation, up and running, inside the process of one measurement. It
spawns actors, and it offers a few loops that stand for what the code *outside* the actors does:
tell many messages, ask one after the other. They are loops and not single operations, so that an
implementation that lives in an event loop enters it once and not for each message.
"""

from __future__ import annotations

import queue
import threading
import time
from abc import ABC, abstractmethod
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from benchmarks.workload import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.behaviour import Behaviour, Ref


class UnsupportedError(Exception):
    """The implementation has nothing of the kind that a workload measures."""


class FailedError(Exception):
    """Something broke, or did not come to an end."""


def most_threads() -> int:
    """Half of the threads that the machine allows, so that others can go on working."""
    limits = []
    for file in (
        "/proc/sys/kernel/pid_max",
        "/proc/sys/kernel/threads-max",
        "/sys/fs/cgroup/pids.max",
    ):
        try:
            limits.append(int(Path(file).read_text()))
        except (OSError, ValueError):  # not Linux, or "max"
            continue
    return min(limits, default=8_192) // 2


def unsupported(reason: str) -> NoReturn:
    """Say that the implementation has nothing of the kind."""
    raise UnsupportedError(reason)


class Clock(ABC):
    """Timers of an implementation.

    Args:
        count: How many are going to ring.
    """

    def __init__(self, count: int) -> None:
        self._left = [None] * count
        self._rung = threading.Event()

    @abstractmethod
    def start(self, delay: float, number: int) -> Any:
        """Set a timer, the one with that number, and return what can be cancelled."""

    def set(self, count: int) -> list[Any]:
        """Set timers that will not ring, all due at different times, and return them."""
        return [self.start(LATER + number % 60, number) for number in range(count)]

    def ring(self) -> int:
        """Set timers that are due at once, wait until all are handled, and tell how many."""
        count = len(self._left)
        for number in range(count):
            self.start(SOON, number)
        self.wait()
        return count

    def tick(self) -> None:
        """Count one that has rung, on whichever thread."""
        self._left.pop()
        if not self._left:
            self.done()

    def done(self) -> None:
        """End the wait for the last."""
        self._rung.set()

    def wait(self) -> None:
        """Wait for the last."""
        if not self._rung.wait(PATIENCE):
            msg = f"{len(self._left):,} timers have not rung"
            raise FailedError(msg)


class Program(ABC):
    """A small program of actors."""

    @abstractmethod
    def simulated(self, runs: int, *, stops: bool) -> float:
        """Have the simulator run it so often; returns the seconds.

        Args:
            runs: How often.
            stops: Whether all actors are stopped at the end of each run.
        """

    @abstractmethod
    def real(self, runs: int, *, stops: bool) -> float:
        """Run it so often; returns the seconds, without those for stops if `stops` is false."""


LATER, SOON = 100_000.0, 0.001
"""Seconds after which timers are due that are not meant to ring, and those that are."""


class System(ABC):
    """An implementation of actors, up and running.

    The default implementations of the loops are those for implementations that block threads.
    """

    most_actors: int | None = None
    """How many actors may be started, out of courtesy to the machine."""
    module: str = ""
    """What a user imports."""
    blocks_others: bool = False
    """Whether a handler that sleeps keeps all other actors from running."""

    def __init__(self) -> None:
        self._results: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

    @abstractmethod
    def spawn(self, behaviour: type[Behaviour], *args: Any) -> Ref:
        """Start an actor."""

    @abstractmethod
    def close(self) -> None:
        """Stop everything that was started."""

    def finish(self, result: Any) -> None:
        """Take the result of a workload from an actor."""
        self._results.put((result, None))

    def fail(self, error: BaseException) -> None:
        """Take note that an actor has crashed."""
        self._results.put((None, error))

    def wait(self, timeout: float) -> Any:
        """Wait until an actor finishes, and return what it finishes with."""
        try:
            result, error = self._results.get(timeout=timeout)
        except queue.Empty:
            msg = f"no end after {timeout:.0f} s: a message was lost, or it is too slow"
            raise FailedError(msg) from None
        if error is not None:
            msg = f"an actor crashed: {type(error).__name__}: {error}"
            raise FailedError(msg)
        return result

    # --- what the code outside the actors does ---------------------------------------------------

    def tell_each(self, ref: Ref, messages: Sequence[Any]) -> None:
        """Tell messages, one after the other."""
        tell = ref.tell
        for message in messages:
            tell(message)

    def tell_bounded(self, numbers: Sequence[int], capacity: int) -> int:
        """Tell an actor numbers, wait while so many are in its inbox, and return their sum."""
        del numbers, capacity
        unsupported("its inboxes have no bound")

    def ask_each(self, ref: Ref, messages: Sequence[Any]) -> list[Any]:
        """Ask, wait for the answer, ask again."""
        del ref, messages
        unsupported("it has no ask")

    def ask_each_within(self, ref: Ref, messages: Sequence[Any], seconds: float) -> list[Any]:
        """Ask, wait for the answer for so long at most, ask again."""
        del ref, messages, seconds
        unsupported("it has no ask with a timeout")

    def ask_busy(self, ref: Ref, messages: Sequence[Any]) -> list[Any]:
        """Ask, wait and ask again, an actor that `benchmarks.workloads.ask.Busy` describes."""
        return self.ask_each(ref, messages)

    def ask_from_actor(self, ref: Ref, messages: Sequence[Any]) -> list[Any]:
        """Have an actor ask another, wait for the answer inside its handler, and ask again."""
        del ref, messages
        unsupported("its handlers do not ask and wait")

    def ask_all(self, ref: Ref, messages: Sequence[Any]) -> list[Any]:
        """Ask everything, and only then collect the answers."""
        del ref, messages
        unsupported("it has no ask")

    def await_each(self, behaviour: type[Behaviour], messages: Sequence[Any]) -> list[Any]:
        """Start an actor in an event loop, and ask it: await the answer, ask again."""
        del behaviour, messages
        unsupported("its answers cannot be awaited")

    def await_coroutines(self, messages: Sequence[Any]) -> list[Any]:
        """Start an actor in an event loop whose handler is `async def`, and ask it likewise."""
        del messages
        unsupported("its handlers cannot be async def")

    def await_between(self, messages: Sequence[Any]) -> list[Any]:
        """Have an actor in an event loop ask another one: await the answer, ask again."""
        del messages
        unsupported("its actors cannot await")

    def time_asks(self, ref: Ref, messages: Sequence[Any]) -> list[float]:
        """Ask one after the other, and return the seconds that each took."""
        return _time_each(partial(self.ask_each, ref), messages)

    def time_asks_within(self, ref: Ref, messages: Sequence[Any], timeout: float) -> list[float]:
        """Do the same with a timeout."""
        return _time_each(lambda each: self.ask_each_within(ref, each, timeout), messages)

    def time_awaits(self, ref: Ref, messages: Sequence[Any]) -> list[float]:
        """Ask in an event loop and await, and return the seconds that each took."""
        del ref, messages
        unsupported("its answers cannot be awaited")

    def call_each(self, numbers: Sequence[int]) -> list[int]:
        """Call a method of an actor that adds a number to its sum, and wait for the sum."""
        del numbers
        unsupported("it has no calls of methods")

    def defer_each(self, numbers: Sequence[int]) -> int:
        """Call the method without waiting, and return the sum at the end."""
        del numbers
        unsupported("it has no calls of methods")

    def defer_in_rounds(self, numbers: Sequence[int]) -> Iterator[int]:
        """Call the method without waiting, and yield the sum; again and again."""
        del numbers
        unsupported("it has no calls of methods")

    def read_each(self, count: int) -> list[int]:
        """Read an attribute of an actor whose value is 42, again and again."""
        del count
        unsupported("it has no reading of attributes")

    def make_proxies(self, count: int) -> None:
        """Make proxies for one actor whose class was seen before."""
        del count
        unsupported("it has no proxies")

    def start_and_stop(self, count: int) -> None:
        """Start an actor that does nothing, stop it, wait for its end; again and again."""
        del count
        unsupported("it has no way to wait for the end of an actor")

    def start_idle(self, count: int) -> object:
        """Start actors that do nothing, each able to receive, and return what holds them."""
        del count
        unsupported("it has no actors that are idle")

    def start_many(self, count: int) -> Sequence[Any]:
        """Start actors, each with its number in an attribute, and return them.

        An actor answers an ask with its number.
        """
        del count
        unsupported("what it takes to start an actor is not told apart from the rest")

    def stop_all(self) -> int:
        """Stop all actors, wait for their end, and return how many there were."""
        unsupported("it has no way to wait for the end of all actors")

    def ask_every(self, actors: Sequence[Any]) -> int:
        """Ask each of the actors of `start_many()` in turn, and return the sum of the answers."""
        del actors
        unsupported("it has no ask")

    def start_and_tell(self, count: int) -> int:
        """Start actors and tell each something as soon as it is started.

        Returns:
            The sum of their numbers, as they reported them, when the last has.
        """
        del count
        unsupported("what it takes to start an actor is not told apart from the rest")

    def clock(self, actors: int, count: int) -> Clock:
        """Timers, for so many actors if there are any, of which so many will ring."""
        del actors, count
        unsupported("it has no timers")

    def route(self, router: str, routees: int, *, is_pool: bool) -> Any:
        """Start routees and a router, which starts and supervises them itself if it is a pool."""
        del router, routees, is_pool
        unsupported("it has no routers")

    def routees_of(self, keys: Sequence[Any], routees: int) -> Iterator[list[Any]]:
        """Which routee each key has: at first, when one has joined, when one has left instead."""
        del keys, routees
        unsupported("it has no routers")

    def program(self, name: str) -> Program:
        """A small program, `"tells"` or `"asks"`, that can be simulated."""
        del name
        unsupported("it has no simulator")

    # --- implementations that cannot run a Behaviour ---------------------------------------------

    runs_behaviours: ClassVar[bool] = True
    """False for one that is not Python: then `run_native()` does everything."""

    def run_native(
        self, workload: str, parameters: dict[str, int], warm_up: dict[str, int]
    ) -> dict[str, float]:
        """Run a workload that is written anew for the implementation."""
        raise NotImplementedError


def _time_each(ask: Callable[[Sequence[Any]], list[Any]], messages: Sequence[Any]) -> list[float]:
    seconds = []
    now = time.perf_counter
    for message in messages:
        before = now()
        answers = ask([message])
        seconds.append(now() - before)
        if answers != [message]:
            msg = f"asked {message!r}, and got {answers!r}"
            raise FailedError(msg)
    return seconds
