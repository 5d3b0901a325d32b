"""Wrong messages. This file is checked, and never run; see `wrong.py`."""

from __future__ import annotations

from dataclasses import dataclass

import pykka
from pykka import routing
from pykka.resilience import Retry


@dataclass(frozen=True)
class Add:
    amount: float


class GetTotal(pykka.Request[float]): ...


class GetName(pykka.Request[str]): ...


class Counter(pykka.Accepts[Add | GetTotal], pykka.PooledActor):
    @pykka.handles(Add)
    def _add(self, message: Add) -> None: ...

    @pykka.handles(GetTotal)
    def _get_total(self, message: GetTotal) -> float:
        return 1.0


class Wrong(pykka.Accepts[Add | GetTotal | GetName], pykka.PooledActor):
    @pykka.handles(Add)  # wrong
    def _add(self, message: GetTotal) -> None: ...

    @pykka.handles(GetTotal)  # wrong
    def _get_total(self, message: GetTotal) -> str:
        return ""

    @pykka.handles("GetName")  # wrong
    def _get_name(self, message: GetName) -> str:
        return ""


def sends(counter: pykka.ActorRef[Counter]) -> None:
    counter.tell("more")  # wrong
    counter.tell(GetName())  # wrong
    counter.ask("more")  # wrong
    counter.ask(GetName())  # wrong
    counter.ask(GetName(), block=False)  # wrong
    counter.ask(Add(1))  # wrong
    counter.ask(GetTotal)  # wrong
    text: str = counter.ask(GetTotal())  # wrong
    print(text)


async def awaits(counter: pykka.ActorRef[Counter]) -> None:
    total = await counter.ask(GetTotal(), block=False)
    print(total.upper())  # wrong


def around(counter: pykka.ActorRef[Counter]) -> None:
    routing.RoundRobin([counter]).tell("more")  # wrong
    routing.Random([counter]).ask(GetName())  # wrong
    text: str = routing.SmallestInbox([counter]).ask(GetTotal())  # wrong
    Retry(counter).ask("more")  # wrong
    Retry(counter).ask(GetName(), block=False)  # wrong
    print(text)
