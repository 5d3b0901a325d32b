"""`concurrent.futures`: an executor with one thread for each actor.

What many programs use for an object that is to be used by one thread only.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from benchmarks.behaviour import Behaviour, embody
from benchmarks.system import System, most_threads
from benchmarks.workloads.echo import Cell

if TYPE_CHECKING:
    from collections.abc import Sequence


class ExecutorActor:
    """An object and its thread; it is its own ref."""

    def __init__(
        self, system: ExecutorSystem, behaviour: type[Behaviour], args: tuple[Any, ...]
    ) -> None:
        self._system = system
        self.executor = ThreadPoolExecutor(max_workers=1)
        self.me = self
        self.receive = embody(self, behaviour, args).receive

    def tell(self, message: Any) -> None:
        """Have the thread handle a message; whether that fails must be asked for."""
        self.executor.submit(self._handle, message)

    def _handle(self, message: Any) -> None:
        try:
            self.receive(message)
        except Exception as error:
            self._system.fail(error)

    def spawn(self, behaviour: type[Behaviour], *args: Any) -> ExecutorActor:
        """Start another."""
        return self._system.spawn(behaviour, *args)

    def stop(self) -> None:
        """End."""
        self.executor.shutdown(wait=False)

    def finish(self, result: Any) -> None:
        """Report."""
        self._system.finish(result)


class _Adder:
    def __init__(self) -> None:
        self.sum = 0
        self.value = 42

    def add(self, number: int) -> int:
        self.sum += number
        return self.sum


def _nothing() -> None:
    pass


class ExecutorSystem(System):
    """Executors with one thread."""

    module = "concurrent.futures.thread"

    def __init__(self) -> None:
        super().__init__()
        self.most_actors = most_threads()
        self._actors: list[ExecutorActor] = []

    def spawn(self, behaviour: type[Behaviour], *args: Any) -> ExecutorActor:
        """Start an actor."""
        actor = ExecutorActor(self, behaviour, args)
        self._actors.append(actor)
        return actor

    def close(self) -> None:
        """Shut all executors down."""
        for actor in self._actors:
            actor.executor.shutdown(wait=True, cancel_futures=True)

    def ask_each(self, ref: Any, messages: Sequence[Any]) -> list[Any]:
        """Submit, and wait for the result."""
        submit, receive = ref.executor.submit, ref.receive
        return [submit(receive, message).result() for message in messages]

    def ask_each_within(self, ref: Any, messages: Sequence[Any], seconds: float) -> list[Any]:
        """Submit, and wait for the result with a timeout."""
        submit, receive = ref.executor.submit, ref.receive
        return [submit(receive, message).result(seconds) for message in messages]

    def ask_from_actor(self, ref: Any, messages: Sequence[Any]) -> list[Any]:
        """Submit and wait, on the thread of another executor."""
        with ThreadPoolExecutor(max_workers=1) as executor:
            return executor.submit(self.ask_each, ref, messages).result()

    def ask_all(self, ref: Any, messages: Sequence[Any]) -> list[Any]:
        """Submit everything, then wait."""
        submit, receive = ref.executor.submit, ref.receive
        futures: list[Future[Any]] = [submit(receive, message) for message in messages]
        return [future.result() for future in futures]

    def call_each(self, numbers: Sequence[int]) -> list[int]:
        """Submit a method, and wait for the result."""
        adder = _Adder()
        with ThreadPoolExecutor(max_workers=1) as executor:
            return [executor.submit(adder.add, number).result() for number in numbers]

    def defer_each(self, numbers: Sequence[int]) -> int:
        """Submit a method."""
        adder = _Adder()
        with ThreadPoolExecutor(max_workers=1) as executor:
            for number in numbers:
                executor.submit(adder.add, number)
            total: int = executor.submit(getattr, adder, "sum").result()
        return total

    def read_each(self, count: int) -> list[int]:
        """Submit `getattr`, and wait for the result."""
        adder = _Adder()
        with ThreadPoolExecutor(max_workers=1) as executor:
            return [executor.submit(getattr, adder, "value").result() for _ in range(count)]

    def start_and_stop(self, count: int) -> None:
        """Start an executor with its thread, and shut it down."""
        for _ in range(count):
            with ThreadPoolExecutor(max_workers=1) as executor:
                executor.submit(_nothing)

    def start_many(self, count: int) -> Sequence[Any]:
        """Start an executor with its thread for each."""
        actors = [self.spawn(Cell, number) for number in range(count)]
        for actor in actors:  # it starts its thread when it is needed
            actor.executor.submit(_nothing)
        return actors

    def ask_every(self, actors: Sequence[Any]) -> int:
        """Submit and wait."""
        return sum([actor.executor.submit(actor.receive, None).result() for actor in actors])

    def start_and_tell(self, count: int) -> int:
        """Start and submit."""
        reports: SimpleQueue[int] = SimpleQueue()
        for number in range(count):
            self.spawn(Cell, number).tell(reports.put)
        return sum([reports.get() for _ in range(count)])

    def start_idle(self, count: int) -> object:
        """Start, and hear from each."""
        executors = [ThreadPoolExecutor(max_workers=1) for _ in range(count)]
        for executor in executors:
            executor.submit(_nothing).result()
        return executors
