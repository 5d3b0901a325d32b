"""xoscar: actors whose methods are called over an event loop, here or in other processes.

All actors are in one process and one loop, which is its fastest form. A method of an actor sends
by awaiting, and a `Behaviour` does not await; so what a behaviour sends is kept while it runs and
sent right after it.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import TYPE_CHECKING, Any

import xoscar

from benchmarks.adapters.event_loop import LoopSystem
from benchmarks.behaviour import embody

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.behaviour import Behaviour

_system: XoscarSystem


class XoscarRef:
    """A ref that keeps what is told until it can be sent."""

    __slots__ = ("receive",)

    def __init__(self, receive: Any) -> None:
        self.receive = receive

    def tell(self, message: Any) -> None:
        """Send when the behaviour has returned."""
        _system.outgoing.append((self.receive.tell, message))


class Host(xoscar.Actor):  # type: ignore[misc]
    """An actor that runs a behaviour."""

    def __init__(self, behaviour: type[Behaviour], args: tuple[Any, ...], number: int) -> None:
        super().__init__()
        self.number = number
        self.me = _system.ref_of(number)
        self.behaviour = embody(self, behaviour, args)

    async def receive(self, message: Any) -> Any:
        """Handle a message, and send what that has led to."""
        try:
            answer = self.behaviour.receive(message)
            if _system.outgoing:
                await _system.send()
        except Exception as error:
            _system.fail(error)
            raise
        return answer

    def spawn(self, behaviour: type[Behaviour], *args: Any) -> XoscarRef:
        """Start another when the behaviour has returned."""
        number = next(_system.numbers)
        _system.outgoing.append((_system.create, (behaviour, args, number)))
        return _system.ref_of(number)

    def stop(self) -> None:
        """End when the behaviour has returned."""
        _system.outgoing.append((_system.destroy, self.number))

    def finish(self, result: Any) -> None:
        """Report."""
        _system.finish(result)


class Adder(xoscar.Actor):  # type: ignore[misc]
    """The actor whose methods are called."""

    def __init__(self) -> None:
        super().__init__()
        self.sum = 0

    def add(self, number: int) -> int:
        """Add."""
        self.sum += number
        return self.sum


class Answerer(xoscar.Actor):  # type: ignore[misc]
    """An actor that answers what it is asked."""

    def receive(self, message: Any) -> Any:
        """Answer."""
        return message


class Asker(xoscar.Actor):  # type: ignore[misc]
    """An actor that asks another one."""

    async def ask_each(self, ref: Any, messages: Sequence[Any]) -> list[Any]:
        """Ask, await the answer, ask again."""
        return [await ref.receive(message) for message in messages]


class XoscarSystem(LoopSystem):
    """Actors of xoscar, in one process."""

    module = "xoscar"

    def __init__(self) -> None:
        global _system  # noqa: PLW0603 (the actors are made by xoscar)
        super().__init__()
        _system = self
        self.numbers = itertools.count(1)
        self.outgoing: list[tuple[Any, Any]] = []
        self._pool: Any = self.run(xoscar.create_actor_pool("127.0.0.1:0", n_process=0))
        self._address = self._pool.external_address
        self._destroying: set[asyncio.Task[Any]] = set()

    def ref_of(self, number: int) -> XoscarRef:
        """The ref of an actor, which need not exist yet."""
        ref = xoscar.create_actor_ref(address=self._address, uid=b"%d" % number)
        return XoscarRef(ref.receive)

    async def create(self, what: tuple[type[Behaviour], tuple[Any, ...], int]) -> None:
        """Create an actor, and send what its behaviour sends when it is made."""
        uid = b"%d" % what[2]
        await xoscar.create_actor(Host, *what, address=self._address, uid=uid)
        if self.outgoing:
            await self.send()

    async def destroy(self, number: int) -> None:
        """Destroy an actor, after what it is just doing."""
        ref = xoscar.create_actor_ref(address=self._address, uid=b"%d" % number)
        task = self.loop.create_task(xoscar.destroy_actor(ref))
        self._destroying.add(task)
        task.add_done_callback(self._destroying.discard)

    async def send(self) -> None:
        """Send everything that was kept so far."""
        outgoing, self.outgoing = self.outgoing, []
        for method, argument in outgoing:
            await method(argument)

    def spawn(self, behaviour: type[Behaviour], *args: Any) -> XoscarRef:
        """Start an actor."""
        number = next(self.numbers)
        self.run(self.create((behaviour, args, number)))
        return self.ref_of(number)

    def close(self) -> None:
        """Stop the pool."""
        self.run(self._pool.stop())
        self.loop.close()

    def tell_each(self, ref: Any, messages: Sequence[Any]) -> None:
        """Tell, awaiting each."""

        async def tell_each() -> None:
            tell = ref.receive.tell
            for message in messages:
                await tell(message)

        self.run(tell_each())

    def ask_each(self, ref: Any, messages: Sequence[Any]) -> list[Any]:
        """Call a method, awaiting each."""

        async def ask_each() -> list[Any]:
            receive = ref.receive
            return [await receive(message) for message in messages]

        return self.run(ask_each())

    def ask_each_within(self, ref: Any, messages: Sequence[Any], seconds: float) -> list[Any]:
        """Call a method within `asyncio.timeout()`."""

        async def ask_each_within() -> list[Any]:
            receive = ref.receive
            answers = []
            for message in messages:
                async with asyncio.timeout(seconds):
                    answers.append(await receive(message))
            return answers

        return self.run(ask_each_within())

    def await_each(self, behaviour: type[Behaviour], messages: Sequence[Any]) -> list[Any]:
        """Call the method of an actor."""
        return self.ask_each(self.spawn(behaviour), messages)

    def await_between(self, messages: Sequence[Any]) -> list[Any]:
        """Have an actor call the method of another one."""

        async def main() -> list[Any]:
            create = xoscar.create_actor
            answerer = await create(Answerer, address=self._address, uid=b"answerer")
            asker = await create(Asker, address=self._address, uid=b"asker")
            try:
                answers: list[Any] = await asker.ask_each(answerer, messages)
                return answers
            finally:
                await xoscar.destroy_actor(asker)
                await xoscar.destroy_actor(answerer)

        return self.run(main())

    def ask_all(self, ref: Any, messages: Sequence[Any]) -> list[Any]:
        """Call a method, awaiting all together."""

        async def ask_all() -> list[Any]:
            receive = ref.receive
            return await asyncio.gather(*(receive(message) for message in messages))

        return self.run(ask_all())

    def time_asks(self, ref: Any, messages: Sequence[Any]) -> list[float]:
        """The seconds that each call takes."""

        async def time_asks() -> list[float]:
            seconds = []
            receive, now = ref.receive, time.perf_counter
            for message in messages:
                before = now()
                await receive(message)
                seconds.append(now() - before)
            return seconds

        return self.run(time_asks())

    def call_each(self, numbers: Sequence[int]) -> list[int]:
        """Call a method, awaiting each."""

        async def call_each() -> list[int]:
            adder = await xoscar.create_actor(Adder, address=self._address)
            return [await adder.add(number) for number in numbers]

        return self.run(call_each())

    def defer_each(self, numbers: Sequence[int]) -> int:
        """Call a method with `tell`; the last is a call, to know the sum."""

        async def defer_each() -> int:
            adder = await xoscar.create_actor(Adder, address=self._address)
            for number in numbers:
                await adder.add.tell(number)
            total: int = await adder.add(0)
            return total

        return self.run(defer_each())

    def start_and_stop(self, count: int) -> None:
        """Create and destroy."""

        async def start_and_stop() -> None:
            for _ in range(count):
                actor = await xoscar.create_actor(Adder, address=self._address)
                await xoscar.destroy_actor(actor)

        self.run(start_and_stop())

    def start_idle(self, count: int) -> object:
        """Create, and hear from each."""

        async def start_idle() -> list[Any]:
            actors = []
            for _ in range(count):
                actors.append(await xoscar.create_actor(Adder, address=self._address))
                await actors[-1].add(0)
            return actors

        return self.run(start_idle())
