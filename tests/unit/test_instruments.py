"""Instruments: what belongs to one runtime."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE

import pykka
from pykka import instruments

if TYPE_CHECKING:
    from tests.conftest import Log

WHERE: ContextVar[str] = ContextVar("WHERE", default="outside")


class Traveller(instruments.Instrument):
    """Has a text travel from each sender to each handler."""

    def sending(self, delivery: instruments.Delivery) -> object:
        return f"{WHERE.get()} > {delivery.ref.actor_class.__name__}"

    def handling(self, delivery: instruments.Delivery, context: Any) -> object:
        return WHERE.set(context)

    def handled(self, delivery: instruments.Delivery, state: Any, seconds: float) -> None:
        WHERE.reset(state)  # raises, and that is logged, if this is another context


class Last(pykka.PooledActor):
    def on_receive(self, message: object) -> str:
        return WHERE.get()


class Middle(pykka.AsyncioActor):
    async def work(self, last: pykka.ActorRef[Last]) -> list[str]:
        before = WHERE.get()
        await asyncio.sleep(0)
        answer = await last.ask("x", block=False)
        return [before, answer, WHERE.get()]


class First(pykka.AsyncioActor):
    async def work(self, middle: Any, last: pykka.ActorRef[Last]) -> list[str]:
        answers: list[str] = await middle.work(last)
        await asyncio.sleep(0)
        return [*answers, WHERE.get()]


EXPECTED = [
    "outside > First > Middle",
    "outside > First > Middle > Last",
    "outside > First > Middle",
    "outside > First",
]


def test_what_travels_goes_through_awaits(log: Log) -> None:
    async def main() -> None:
        with instruments.install(Traveller(), system):
            middle, last = system.start(Middle), system.start(Last)
            first = system.start(First).proxy()
            for _ in range(3):
                assert await first.work(middle.proxy(), last) == EXPECTED
            assert WHERE.get() == "outside"
            assert await last.ask("x", block=False) == "outside > Last"
        await asyncio.gather(*(ref.stop(block=False) for ref in system.get_all()))

    system = pykka.ActorSystem()
    asyncio.run(main())
    assert log.find("ERROR") == []


def test_a_caller_that_runs_the_actor_itself_keeps_its_own_context(log: Log) -> None:
    class Asker(pykka.PooledActor):
        def on_receive(self, message: object) -> list[str]:
            return [WHERE.get(), last.ask("x"), WHERE.get()]

    with pykka.ActorSystem() as system, instruments.install(Traveller(), system):
        last = system.start(Last)
        asker = system.start(Asker)
        for _ in range(3):
            assert asker.ask("x") == [
                "outside > Asker",
                "outside > Asker > Last",
                "outside > Asker",
            ]
            assert asker.ask("x", timeout=PATIENCE)[0] == "outside > Asker"
        assert WHERE.get() == "outside"
    assert log.find("ERROR") == []


class Careful(instruments.Instrument):
    """Calls what it has inherited, too."""

    def __init__(self) -> None:
        self.told: list[instruments.Delivery] = []

    def handled(self, delivery: instruments.Delivery, state: Any, seconds: float) -> None:
        super().handled(delivery, state, seconds)
        self.told.append(delivery)


def test_what_is_inherited_does_nothing() -> None:
    careful = Careful()
    with pykka.ActorSystem("careful") as system, instruments.install(careful, system) as installed:
        assert repr(installed) == f"<Careful in {system!r}>"
        ref = system.start(Last)
        ref.ask("x")
        ref.stop()
        [delivery] = careful.told
        assert repr(delivery) == f"<ask to {ref}>"
    counts = {
        "sending": 1, "sent": 4, "handling": 2, "failed": 4, "passed_over": 3,
        "started": 1, "restarted": 2, "ended": 2, "dead_letter": 1,
    }  # fmt: skip
    for name, count in counts.items():
        assert getattr(careful, name)(*[None] * count) is None


class Interrupted(instruments.Instrument):
    """Is interrupted in the middle of a send, as a signal handler does it."""

    def sending(self, delivery: instruments.Delivery) -> object:
        raise KeyboardInterrupt


def test_what_a_signal_handler_raises_in_an_instrument_is_the_senders() -> None:
    with pykka.ActorSystem("interrupted") as system:
        with instruments.install(Interrupted(), system):
            ref = system.start(Last)
            with pytest.raises(KeyboardInterrupt):
                ref.tell("x")
        ref.stop()
