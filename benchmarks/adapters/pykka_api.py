"""Whatever has Pykka's interface: this library on each of its runtimes, and Pykka itself."""

from __future__ import annotations

import asyncio
import importlib
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import pykka
from benchmarks.adapters.pykka_extras import PykkaClock, PykkaProgram, PykkaRouted, routees_of
from benchmarks.behaviour import embody
from benchmarks.system import FailedError, System, most_threads, unsupported
from benchmarks.workload import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.behaviour import Behaviour
    from benchmarks.system import Clock, Program


MANY_IN_A_LOOP = 200_000


class PykkaSystem(System):
    """Actors with Pykka's interface.

    Args:
        actor_class: The name of the class, which is the runtime.
        threads: Whether each actor takes a thread.
    """

    module = "pykka"

    def __init__(self, actor_class: str, *, threads: bool) -> None:
        super().__init__()
        self._actor_class = actor_class
        self.blocks_others = actor_class == "AsyncioActor"
        if threads:
            self.most_actors = most_threads()
        self._base: Any = getattr(pykka, actor_class)
        base = self._base
        self._host = _host(base, self)
        self._asker = (_awaiting_asker if self.blocks_others else _asker)(base, self)
        self._adder, self._idle, self._cell = _adder(base), _idle(base), _cell(base)

    def spawn(self, behaviour: type[Behaviour], *args: Any) -> Any:
        """Start an actor."""
        return self._host.start(behaviour, args)

    def close(self) -> None:
        """Stop all actors."""
        pykka.ActorRegistry.stop_all()

    def tell_bounded(self, numbers: Sequence[int], capacity: int) -> int:
        """Tell an actor with a `Bounded` inbox."""
        if not hasattr(self._base, "options"):
            unsupported("its inboxes have no bound")
        inbox = importlib.import_module("pykka.inboxes").Bounded(capacity)
        adder = self._adder.options(inbox=inbox).start()
        tell = adder.tell
        for number in numbers:
            tell(number)
        total: int = adder.proxy().sum.get()
        return total

    def ask_each(self, ref: Any, messages: Sequence[Any]) -> list[Any]:
        """Ask."""
        ask = ref.ask
        return [ask(message) for message in messages]

    def ask_each_within(self, ref: Any, messages: Sequence[Any], seconds: float) -> list[Any]:
        """Ask with `timeout=`."""
        ask = ref.ask
        return [ask(message, timeout=seconds) for message in messages]

    def ask_from_actor(self, ref: Any, messages: Sequence[Any]) -> list[Any]:
        """Ask inside a handler. The asker is told, so that nobody lends it a thread."""
        self._asker.start().tell((ref, messages))
        answers: list[Any] = self.wait(PATIENCE)
        return answers

    def ask_all(self, ref: Any, messages: Sequence[Any]) -> list[Any]:
        """Ask with `block=False`."""
        ask = ref.ask
        return list(pykka.get_all([ask(message, block=False) for message in messages]))

    def await_each(self, behaviour: type[Behaviour], messages: Sequence[Any]) -> list[Any]:
        """Await each `ask()` with `block=False`."""
        return _await_each(lambda: self._host.start(behaviour, ()), messages)

    def await_coroutines(self, messages: Sequence[Any]) -> list[Any]:
        """Await each `ask()` with `block=False`."""
        if not self.blocks_others:
            unsupported("its handlers cannot be async def, or do not run in the loop of the asker")

        class Answerer(self._base):  # type: ignore[misc, name-defined]
            async def on_receive(self, message: Any) -> Any:
                return message

        return _await_each(Answerer.start, messages)

    def time_awaits(self, ref: Any, messages: Sequence[Any]) -> list[float]:
        """Await each `ask()` with `block=False`, and take the time of each."""

        async def main() -> list[float]:
            seconds = []
            for message in messages:
                before = time.perf_counter()
                answer = await ref.ask(message, block=False)
                seconds.append(time.perf_counter() - before)
                if answer != message:
                    msg = f"asked {message!r}, and got {answer!r}"
                    raise FailedError(msg)
            return seconds

        return asyncio.run(main())

    def await_between(self, messages: Sequence[Any]) -> list[Any]:
        """Have an `AsyncioActor` ask one of the runtime that is measured."""
        if not hasattr(pykka, "AsyncioActor"):
            unsupported("its methods cannot be async def")

        class Asker(pykka.AsyncioActor):
            async def ask_each(self, ref: Any) -> list[Any]:
                return [await ref.ask(message, block=False) for message in messages]

        async def main() -> list[Any]:
            async with pykka.ActorScope() as scope:
                answerer, asker = scope.start(self._idle), scope.start(Asker)
                answers: list[Any] = await asker.proxy().ask_each(answerer)
                return answers

        return asyncio.run(main())

    def call_each(self, numbers: Sequence[int]) -> list[int]:
        """Call through a proxy."""
        adder = self._adder.start().proxy()
        return [adder.add(number).get() for number in numbers]

    def defer_each(self, numbers: Sequence[int]) -> int:
        """Call with `defer()`."""
        adder = self._adder.start().proxy()
        for number in numbers:
            adder.add.defer(number)
        total: int = adder.sum.get()
        return total

    def defer_in_rounds(self, numbers: Sequence[int]) -> Iterator[int]:
        """Call with `defer()`, and read an attribute."""
        adder = self._adder.start().proxy()
        while True:
            for number in numbers:
                adder.add.defer(number)
            yield adder.sum.get()

    def read_each(self, count: int) -> list[int]:
        """Read through a proxy."""
        adder = self._adder.start().proxy()
        return [adder.value.get() for _ in range(count)]

    def make_proxies(self, count: int) -> None:
        """Make proxies."""
        ref = self._adder.start()
        for _ in range(count):
            ref.proxy()

    def start_and_stop(self, count: int) -> None:
        """Start and stop."""
        for _ in range(count):
            self._idle.start().stop()

    def start_many(self, count: int) -> Sequence[Any]:
        """Start."""
        if self.blocks_others and count > MANY_IN_A_LOOP:
            unsupported("to ask so many from another thread takes a minute: see the curve")
        start = self._cell.start
        return [start(number) for number in range(count)]

    def stop_all(self) -> int:
        """Stop all."""
        return len(pykka.ActorRegistry.stop_all())

    def ask_every(self, actors: Sequence[Any]) -> int:
        """Ask each."""
        return sum([actor.ask(None) for actor in actors])

    def start_and_tell(self, count: int) -> int:
        """Start and tell."""
        reports: SimpleQueue[int] = SimpleQueue()
        start, report, get = self._cell.start, reports.put, reports.get
        for number in range(count):
            start(number).tell(report)
        return sum([get(timeout=PATIENCE) for _ in range(count)])

    def start_idle(self, count: int) -> object:
        """Start, and hear from each."""
        refs = [self._idle.start() for _ in range(count)]
        for ref in refs:
            ref.ask(None)
        return refs

    def clock(self, actors: int, count: int) -> Clock:
        """Messages that actors are told later."""
        return PykkaClock(self._base, actors, count)

    def route(self, router: str, routees: int, *, is_pool: bool) -> PykkaRouted:
        """A router of `pykka.routing`."""
        return PykkaRouted(self._base, router, routees, is_pool=is_pool)

    def routees_of(self, keys: Sequence[Any], routees: int) -> Iterator[list[Any]]:
        """Consistent hashing of `pykka.routing`."""
        return routees_of(self._base, keys, routees)

    def program(self, name: str) -> Program:
        """A program of `pykka.simulation`."""
        return PykkaProgram(self._base, name, blocks_others=self.blocks_others)


def _await_each(start: Callable[[], Any], messages: Sequence[Any]) -> list[Any]:
    """Start an actor in an event loop, await its answer to each message, and stop it."""

    async def main() -> list[Any]:
        ref = start()
        answers = [await ref.ask(message, block=False) for message in messages]
        await ref.stop(block=False)
        return answers

    return asyncio.run(main())


def _host(base: Any, system: PykkaSystem) -> Any:
    """The actor that runs a behaviour."""

    class Host(base):  # type: ignore[misc]
        """An actor that runs a behaviour."""

        def __init__(self, behaviour: type[Behaviour], args: tuple[Any, ...]) -> None:
            super().__init__()
            self.me = self.actor_ref
            self.on_receive = embody(self, behaviour, args).receive

        def spawn(self, behaviour: type[Behaviour], *args: Any) -> Any:
            return Host.start(behaviour, args)

        def finish(self, result: Any) -> None:
            system.finish(result)

        def on_failure(self, kind: Any, error: Any, traceback: Any) -> None:
            del kind, traceback
            system.fail(error)

    return Host


def _asker(base: Any, system: PykkaSystem) -> Any:
    """The actor that asks another."""

    class Asker(base):  # type: ignore[misc]
        """An actor that asks another and waits, again and again."""

        def on_receive(self, message: tuple[Any, Sequence[Any]]) -> None:
            ask = message[0].ask
            system.finish([ask(question) for question in message[1]])

        def on_failure(self, kind: Any, error: Any, traceback: Any) -> None:
            del kind, traceback
            system.fail(error)

    return Asker


def _awaiting_asker(base: Any, system: PykkaSystem) -> Any:
    """The actor that asks another, where handlers await instead of waiting."""

    class Asker(_asker(base, system)):  # type: ignore[misc]
        """An actor that asks another and awaits the answer, again and again."""

        async def on_receive(self, message: tuple[Any, Sequence[Any]]) -> None:
            ask = message[0].ask
            system.finish([await ask(question, block=False) for question in message[1]])

    return Asker


def _adder(base: Any) -> Any:
    """The actor whose methods are called."""

    class Adder(base):  # type: ignore[misc]
        """The actor whose methods are called."""

        def __init__(self) -> None:
            super().__init__()
            self.sum = 0
            self.value = 42

        def add(self, number: int) -> int:
            self.sum += number
            return self.sum

        def on_receive(self, message: int) -> None:
            self.sum += message

    return Adder


def _idle(base: Any) -> Any:
    """The actor that does nothing."""

    class Idle(base):  # type: ignore[misc]
        """An actor that does nothing but answer."""

        def on_receive(self, message: Any) -> Any:
            return message

    return Idle


def _cell(base: Any) -> Any:
    """The actor with one attribute."""

    class Cell(base):  # type: ignore[misc]
        """An actor with one plain attribute."""

        def __init__(self, value: int) -> None:
            super().__init__()
            self.value = value

        def on_receive(self, message: Callable[[int], object] | None) -> int:
            if message is not None:
                message(self.value)
            return self.value

    return Cell
