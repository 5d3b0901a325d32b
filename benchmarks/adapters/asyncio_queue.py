"""An asyncio task that reads an `asyncio.Queue`, written by hand.

All actors share one thread, so none may block, and no switch of threads is ever paid for.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from benchmarks.adapters.event_loop import LoopSystem
from benchmarks.behaviour import Behaviour, embody
from benchmarks.system import Clock, unsupported
from benchmarks.workloads.echo import Cell

if TYPE_CHECKING:
    from collections.abc import Sequence

_STOP = object()
MANY = 200_000


class TaskRef:
    """A ref whose `tell` is the queue's own `put_nowait`."""

    __slots__ = ("tell",)

    def __init__(self, inbox: asyncio.Queue[Any]) -> None:
        self.tell = inbox.put_nowait


class _Ask:
    __slots__ = ("future", "message")

    def __init__(self, message: Any, future: asyncio.Future[Any]) -> None:
        self.message = message
        self.future = future


class TaskActor:
    """A task that reads a queue."""

    __slots__ = ("_system", "inbox", "me", "receive", "task")

    def __init__(
        self, system: AsyncioSystem, behaviour: type[Behaviour], args: tuple[Any, ...]
    ) -> None:
        self._system = system
        self.inbox: asyncio.Queue[Any] = asyncio.Queue()
        self.me = TaskRef(self.inbox)
        self.receive = embody(self, behaviour, args).receive
        self.task = system.loop.create_task(self._run())

    async def _run(self) -> None:
        get = self.inbox.get
        receive = self.receive
        try:
            while (message := await get()) is not _STOP:
                if type(message) is _Ask:
                    message.future.set_result(receive(message.message))
                else:
                    receive(message)
        except Exception as error:
            self._system.fail(error)

    def spawn(self, behaviour: type[Behaviour], *args: Any) -> TaskRef:
        """Start another."""
        return self._system.spawn(behaviour, *args)

    def stop(self) -> None:
        """End."""
        self.inbox.put_nowait(_STOP)

    def finish(self, result: Any) -> None:
        """Report."""
        self._system.finish(result)


class _Adder(Behaviour):
    def __init__(self) -> None:
        self.sum = 0

    def receive(self, message: int) -> int:
        self.sum += message
        return self.sum


class LateActor(TaskActor):
    """A task that awaits what its handler returns."""

    __slots__ = ()

    async def _run(self) -> None:
        get = self.inbox.get
        receive = self.receive
        try:
            while (message := await get()) is not _STOP:
                message.future.set_result(await receive(message.message))
        except Exception as error:
            self._system.fail(error)


class _Late(Behaviour):
    async def receive(self, message: Any) -> Any:
        return message


class _Idle(Behaviour):
    def receive(self, message: Any) -> Any:
        return message


class LoopClock(Clock):
    """`call_later` of a loop; whether that runs makes no difference to what it costs."""

    def __init__(self, loop: asyncio.AbstractEventLoop, count: int) -> None:
        super().__init__(count)
        self._loop = loop

    def start(self, delay: float, number: int) -> asyncio.TimerHandle:
        """Have a function called later."""
        del number
        return self._loop.call_later(delay, self.tick)

    def done(self) -> None:
        """End the wait."""
        self._loop.stop()

    def wait(self) -> None:
        """Let the loop run."""
        self._loop.run_forever()


class AsyncioSystem(LoopSystem):
    """Tasks that read queues."""

    module = "asyncio"

    def __init__(self) -> None:
        super().__init__()
        self._tasks: set[asyncio.Task[None]] = set()

    def _start(
        self, behaviour: type[Behaviour], args: tuple[Any, ...], kind: type[TaskActor] = TaskActor
    ) -> TaskActor:
        actor = kind(self, behaviour, args)
        self._tasks.add(actor.task)
        actor.task.add_done_callback(self._tasks.discard)
        return actor

    def spawn(self, behaviour: type[Behaviour], *args: Any) -> TaskRef:
        """Start an actor."""
        return self._start(behaviour, args).me

    def close(self) -> None:
        """Cancel all tasks."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            self.run(asyncio.wait(tasks))
        self.loop.close()

    async def _ask(self, ref: Any, message: Any) -> Any:
        future = self.loop.create_future()
        ref.tell(_Ask(message, future))
        return await future

    def tell_bounded(self, numbers: Sequence[int], capacity: int) -> int:
        """Put everything into an `asyncio.Queue` with a bound; the task adds up."""

        async def main() -> int:
            inbox: asyncio.Queue[Any] = asyncio.Queue(capacity)

            async def add() -> int:
                total = 0
                while (number := await inbox.get()) is not _STOP:
                    total += number
                return total

            task = asyncio.create_task(add())
            for number in numbers:
                await inbox.put(number)
            await inbox.put(_STOP)
            return await task

        return self.run(main())

    def ask_each(self, ref: Any, messages: Sequence[Any]) -> list[Any]:
        """Ask with a future in the message."""
        return self.run(self._ask_each(ref, messages))

    def ask_each_within(self, ref: Any, messages: Sequence[Any], seconds: float) -> list[Any]:
        """Ask within `asyncio.timeout()`."""

        async def ask_each_within() -> list[Any]:
            answers = []
            for message in messages:
                async with asyncio.timeout(seconds):
                    answers.append(await self._ask(ref, message))
            return answers

        return self.run(ask_each_within())

    def ask_busy(self, ref: Any, messages: Sequence[Any]) -> list[Any]:
        """Not to be had: `Queue.get()` does not give way to others while there is something."""
        del ref, messages
        unsupported("a task whose queue is never empty never lets another one run")

    def ask_from_actor(self, ref: Any, messages: Sequence[Any]) -> list[Any]:
        """A task that asks another, while the main program awaits it."""
        return self.run(asyncio.wait_for(self.loop.create_task(self._ask_each(ref, messages)), 60))

    async def _ask_each(self, ref: Any, messages: Sequence[Any]) -> list[Any]:
        return [await self._ask(ref, message) for message in messages]

    def await_each(self, behaviour: type[Behaviour], messages: Sequence[Any]) -> list[Any]:
        """Ask with a future in the message."""
        return self.ask_each(self.spawn(behaviour), messages)

    def await_coroutines(self, messages: Sequence[Any]) -> list[Any]:
        """Ask with a future in the message."""
        return self.ask_each(self._start(_Late, (), LateActor).me, messages)

    def await_between(self, messages: Sequence[Any]) -> list[Any]:
        """Have a task that reads a queue ask another one."""
        ref = self.spawn(_Idle)
        asked: asyncio.Queue[asyncio.Future[list[Any]]] = asyncio.Queue()

        async def asker() -> None:
            answer_to = await asked.get()
            answer_to.set_result([await self._ask(ref, message) for message in messages])

        async def main() -> list[Any]:
            task = asyncio.create_task(asker())
            answers: asyncio.Future[list[Any]] = self.loop.create_future()
            asked.put_nowait(answers)
            await task
            return await answers

        return self.run(main())

    def ask_all(self, ref: Any, messages: Sequence[Any]) -> list[Any]:
        """Ask everything, then await everything."""

        async def ask_all() -> list[Any]:
            futures = []
            for message in messages:
                future = self.loop.create_future()
                ref.tell(_Ask(message, future))
                futures.append(future)
            return [await future for future in futures]

        return self.run(ask_all())

    def time_asks(self, ref: Any, messages: Sequence[Any]) -> list[float]:
        """The seconds that each ask takes."""

        async def time_asks() -> list[float]:
            seconds = []
            now = time.perf_counter
            for message in messages:
                before = now()
                await self._ask(ref, message)
                seconds.append(now() - before)
            return seconds

        return self.run(time_asks())

    def call_each(self, numbers: Sequence[int]) -> list[int]:
        """Ask the actor to add."""
        return self.ask_each(self.spawn(_Adder), numbers)

    def defer_each(self, numbers: Sequence[int]) -> int:
        """Tell the actor to add; the last is asked, to know the sum."""
        adder = self.spawn(_Adder)
        for number in numbers:
            adder.tell(number)
        total: int = self.run(self._ask(adder, 0))
        return total

    def start_and_stop(self, count: int) -> None:
        """Start a task, stop it and await it."""

        async def start_and_stop() -> None:
            for _ in range(count):
                actor = self._start(_Idle, ())
                actor.stop()
                await actor.task

        self.run(start_and_stop())

    def start_many(self, count: int) -> Sequence[Any]:
        """Start a task for each."""
        if count > MANY:
            unsupported("so many tasks take more than 4 GiB, or more than a minute: see the curve")
        return [self.spawn(Cell, number) for number in range(count)]

    def ask_every(self, actors: Sequence[Any]) -> int:
        """Ask each."""

        async def ask_every() -> int:
            return sum([await self._ask(actor, None) for actor in actors])

        return self.run(ask_every())

    def start_and_tell(self, count: int) -> int:
        """Start and tell."""
        reports: asyncio.Queue[int] = asyncio.Queue()

        async def start_and_tell() -> int:
            for number in range(count):
                self.spawn(Cell, number).tell(reports.put_nowait)
            return sum([await reports.get() for _ in range(count)])

        return self.run(start_and_tell())

    def start_idle(self, count: int) -> object:
        """Start, and hear from each."""
        refs = [self.spawn(_Idle) for _ in range(count)]
        for ref in refs:
            self.run(self._ask(ref, None))
        return refs

    def clock(self, actors: int, count: int) -> Clock:
        """`call_later` of the loop."""
        del actors
        return LoopClock(self.loop, count)
