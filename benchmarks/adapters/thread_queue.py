"""The floor: a thread that reads a `queue.SimpleQueue`, written by hand.

An actor on a thread of its own cannot be faster than this. It has no replies, no names, no
errors that come back, no proxies and no orderly end.
"""

from __future__ import annotations

import asyncio
import threading
import time
from queue import Queue, SimpleQueue
from typing import TYPE_CHECKING, Any

from benchmarks.behaviour import Behaviour, embody
from benchmarks.system import Clock, System, most_threads, unsupported

if TYPE_CHECKING:
    from collections.abc import Sequence

_STOP = object()
_AGAIN = object()
MOST_TIMERS = 1_000


class ThreadRef:
    """A ref whose `tell` is the queue's own `put`."""

    __slots__ = ("tell",)

    def __init__(self, inbox: SimpleQueue[Any]) -> None:
        self.tell = inbox.put


class ThreadActor:
    """A thread that reads a queue."""

    def __init__(
        self, system: ThreadSystem, behaviour: type[Behaviour], args: tuple[Any, ...]
    ) -> None:
        self._system = system
        self._inbox: SimpleQueue[Any] = SimpleQueue()
        self.me = ThreadRef(self._inbox)
        self.receive = embody(self, behaviour, args).receive
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        get = self._inbox.get
        receive = self.receive
        try:
            while (message := get()) is not _STOP:
                receive(message)
        except Exception as error:
            self._system.fail(error)

    def spawn(self, behaviour: type[Behaviour], *args: Any) -> ThreadRef:
        """Start another."""
        return self._system.spawn(behaviour, *args)

    def stop(self) -> None:
        """End."""
        self._inbox.put(_STOP)

    def finish(self, result: Any) -> None:
        """Report."""
        self._system.finish(result)


class _Idle(Behaviour):
    def receive(self, message: SimpleQueue[Any]) -> None:
        message.put(None)


class _Cell(Behaviour):
    def __init__(self, value: int) -> None:
        self.value = value

    def receive(self, message: SimpleQueue[int]) -> None:
        message.put(self.value)


class ThreadClock(Clock):
    """A thread for each timer."""

    def start(self, delay: float, number: int) -> threading.Timer:
        """Start a `threading.Timer`."""
        del number
        timer = threading.Timer(delay, self.tick)
        timer.daemon = True
        timer.start()
        return timer


class ThreadSystem(System):
    """Threads that read queues."""

    module = "queue, threading"

    def __init__(self) -> None:
        super().__init__()
        self.most_actors = most_threads()
        self._actors: list[ThreadActor] = []

    def spawn(self, behaviour: type[Behaviour], *args: Any) -> ThreadRef:
        """Start an actor."""
        actor = ThreadActor(self, behaviour, args)
        self._actors.append(actor)
        return actor.me

    def close(self) -> None:
        """Stop all threads."""
        for actor in self._actors:
            actor.stop()
        for actor in self._actors:
            actor.thread.join()

    def tell_bounded(self, numbers: Sequence[int], capacity: int) -> int:
        """Put everything into a `queue.Queue` with a bound; the thread adds up."""
        return self._add_up(numbers, Queue(capacity))

    def await_each(self, behaviour: type[Behaviour], messages: Sequence[Any]) -> list[Any]:
        """Await a bare future, which a thread sets by `call_soon_threadsafe()`."""
        del behaviour
        requests: SimpleQueue[Any] = SimpleQueue()

        def echo() -> None:
            while (request := requests.get()) is not _STOP:
                future, message = request
                future.get_loop().call_soon_threadsafe(future.set_result, message)

        async def main() -> list[Any]:
            new, put = asyncio.get_running_loop().create_future, requests.put
            answers = []
            for message in messages:
                future = new()
                put((future, message))
                answers.append(await future)
            return answers

        thread = threading.Thread(target=echo, daemon=True)
        thread.start()
        answers = asyncio.run(main())
        requests.put(_STOP)
        thread.join()
        return answers

    def _start_echo(self) -> tuple[SimpleQueue[Any], SimpleQueue[Any]]:
        """The floor of all that waits for an answer: two queues and a thread between them."""
        requests: SimpleQueue[Any] = SimpleQueue()
        replies: SimpleQueue[Any] = SimpleQueue()

        def echo() -> None:
            get, put = requests.get, replies.put
            while True:
                put(get())

        threading.Thread(target=echo, daemon=True).start()
        return requests, replies

    def ask_each(self, ref: Any, messages: Sequence[Any]) -> list[Any]:
        """A bare round trip for each message."""
        del ref
        requests, replies = self._start_echo()
        put, get = requests.put, replies.get
        answers = []
        for message in messages:
            put(message)
            answers.append(get())
        return answers

    def ask_each_within(self, ref: Any, messages: Sequence[Any], seconds: float) -> list[Any]:
        """A bare round trip with a timeout for each message."""
        del ref
        requests, replies = self._start_echo()
        put, get = requests.put, replies.get
        answers = []
        for message in messages:
            put(message)
            answers.append(get(timeout=seconds))
        return answers

    def ask_busy(self, ref: Any, messages: Sequence[Any]) -> list[Any]:
        """A round trip to a thread that puts something into its own queue all the time."""
        del ref
        requests: SimpleQueue[Any] = SimpleQueue()
        replies: SimpleQueue[Any] = SimpleQueue()

        def work() -> None:
            get, put = requests.get, requests.put
            while (message := get()) is not _STOP:
                if message is _AGAIN:
                    put(_AGAIN)
                else:
                    replies.put(message)

        threading.Thread(target=work, daemon=True).start()
        put, get = requests.put, replies.get
        put(_AGAIN)
        answers = []
        for message in messages:
            put(message)
            answers.append(get())
        put(_STOP)
        return answers

    def ask_from_actor(self, ref: Any, messages: Sequence[Any]) -> list[Any]:
        """Bare round trips between two threads, neither of which is the main one."""
        result: SimpleQueue[list[Any]] = SimpleQueue()

        def ask() -> None:
            result.put(self.ask_each(ref, messages))

        threading.Thread(target=ask, daemon=True).start()
        return result.get()

    def ask_all(self, ref: Any, messages: Sequence[Any]) -> list[Any]:
        """Put everything, then get everything."""
        del ref
        requests, replies = self._start_echo()
        put, get = requests.put, replies.get
        for message in messages:
            put(message)
        return [get() for _ in messages]

    def time_asks(self, ref: Any, messages: Sequence[Any]) -> list[float]:
        """The seconds that each bare round trip takes."""
        del ref
        requests, replies = self._start_echo()
        put, get, now = requests.put, replies.get, time.perf_counter
        seconds = []
        for message in messages:
            before = now()
            put(message)
            get()
            seconds.append(now() - before)
        return seconds

    def call_each(self, numbers: Sequence[int]) -> list[int]:
        """A bare round trip for each number; the sum is not what takes time."""
        requests, replies = self._start_echo()
        put, get = requests.put, replies.get
        total = 0
        sums = []
        for number in numbers:
            put(number)
            total += get()
            sums.append(total)
        return sums

    def defer_each(self, numbers: Sequence[int]) -> int:
        """Put everything; the thread adds up."""
        return self._add_up(numbers, SimpleQueue())

    def _add_up(self, numbers: Sequence[int], inbox: Any) -> int:
        result: SimpleQueue[int] = SimpleQueue()

        def add() -> None:
            total = 0
            while (number := inbox.get()) is not _STOP:
                total += number
            result.put(total)

        threading.Thread(target=add, daemon=True).start()
        for number in numbers:
            inbox.put(number)
        inbox.put(_STOP)
        return result.get()

    def read_each(self, count: int) -> list[int]:
        """A bare round trip for each read."""
        requests, replies = self._start_echo()
        put, get = requests.put, replies.get
        values = []
        for _ in range(count):
            put(42)
            values.append(get())
        return values

    def start_and_stop(self, count: int) -> None:
        """Start a thread, stop it and join it."""
        for _ in range(count):
            actor = ThreadActor(self, _Idle, ())
            actor.stop()
            actor.thread.join()

    def start_many(self, count: int) -> Sequence[Any]:
        """Start a thread with a queue for each."""
        return [self.spawn(_Cell, number) for number in range(count)]

    def ask_every(self, actors: Sequence[Any]) -> int:
        """Tell each where to put its number, and get that."""
        replies: SimpleQueue[int] = SimpleQueue()
        total = 0
        for actor in actors:
            actor.tell(replies)
            total += replies.get()
        return total

    def start_and_tell(self, count: int) -> int:
        """Start and tell."""
        reports: SimpleQueue[int] = SimpleQueue()
        for number in range(count):
            self.spawn(_Cell, number).tell(reports)
        return sum([reports.get() for _ in range(count)])

    def start_idle(self, count: int) -> object:
        """Start, and hear from each."""
        replies: SimpleQueue[None] = SimpleQueue()
        refs = [self.spawn(_Idle) for _ in range(count)]
        for ref in refs:
            ref.tell(replies)
            replies.get()
        return refs

    def clock(self, actors: int, count: int) -> Clock:
        """A thread for each timer, of which there can only be so many."""
        del actors
        if count > MOST_TIMERS:
            unsupported(f"takes {count:,} threads; it is given {MOST_TIMERS:,} at most")
        return ThreadClock(count)
