"""Whatever has Pykka's interface: this library on each of its runtimes, and Pykka itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pykka
from benchmarks.behaviour import embody
from benchmarks.system import System, most_threads, unsupported

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.behaviour import Behaviour


class PykkaSystem(System):
    """Actors with Pykka's interface.

    Args:
        actor_class: The name of the class, which is the runtime.
        threads: Whether each actor takes a thread.
    """

    module = "pykka"

    def __init__(self, actor_class: str, *, threads: bool) -> None:
        super().__init__()
        if threads:
            self.most_actors = most_threads()
        base: Any = getattr(pykka, actor_class)
        system = self

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

        class Adder(base):  # type: ignore[misc]
            """The actor whose methods are called."""

            def __init__(self) -> None:
                super().__init__()
                self.sum = 0
                self.value = 42

            def add(self, number: int) -> int:
                self.sum += number
                return self.sum

        class Idle(base):  # type: ignore[misc]
            """An actor that does nothing but answer."""

            def on_receive(self, message: Any) -> Any:
                return message

        self._host: Any = Host
        self._adder: Any = Adder
        self._idle: Any = Idle

    def spawn(self, behaviour: type[Behaviour], *args: Any) -> Any:
        """Start an actor."""
        return self._host.start(behaviour, args)

    def close(self) -> None:
        """Stop all actors."""
        pykka.ActorRegistry.stop_all()

    def ask_each(self, ref: Any, messages: Sequence[Any]) -> list[Any]:
        """Ask."""
        ask = ref.ask
        return [ask(message) for message in messages]

    def ask_all(self, ref: Any, messages: Sequence[Any]) -> list[Any]:
        """Ask with `block=False`."""
        ask = ref.ask
        return list(pykka.get_all([ask(message, block=False) for message in messages]))

    def await_each(self, behaviour: type[Behaviour], messages: Sequence[Any]) -> list[Any]:
        """Await each `ask()` with `block=False`."""

        async def main() -> list[Any]:
            ref = self._host.start(behaviour, ())
            answers = [await ref.ask(message, block=False) for message in messages]
            await ref.stop(block=False)
            return answers

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

    def start_idle(self, count: int) -> object:
        """Start, and hear from each."""
        refs = [self._idle.start() for _ in range(count)]
        for ref in refs:
            ref.ask(None)
        return refs
