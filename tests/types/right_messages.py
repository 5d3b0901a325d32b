"""Right messages, as type checkers see them. This file is checked, and never run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar, assert_never, assert_type

import pykka
from pykka import routing
from pykka.resilience import CircuitBreaker, RateLimiter, Retry

T = TypeVar("T")


@dataclass(frozen=True)
class Add:
    amount: float


@dataclass(frozen=True)
class AddTwice(Add):
    note: str


class GetTotal(pykka.Request[float]): ...


@dataclass(frozen=True)
class Describe(pykka.Request[str]):
    language: str


@dataclass(frozen=True)
class First(pykka.Request[T], Generic[T]):
    items: list[T]


class Counter(pykka.Accepts[Add | GetTotal | Describe], pykka.PooledActor):
    total = 0.0

    @pykka.handles(Add, AddTwice)
    def _add(self, message: Add) -> None:
        self.total += message.amount

    @pykka.handles(GetTotal)
    def _get_total(self, message: GetTotal) -> float:
        return self.total

    @pykka.handles(Describe)
    def _describe(self, message: Describe) -> str:
        assert_type(self._get_total(GetTotal()), float)
        return message.language


class Matching(pykka.Accepts[Add | GetTotal], pykka.ThreadingActor):
    def on_receive(self, message: Add | GetTotal) -> Any:
        match message:
            case Add(amount):
                return amount
            case GetTotal():
                return 1.0
            case _:
                assert_never(message)


class InLoop(pykka.Accepts[GetTotal], pykka.AsyncioActor):
    @pykka.handles(GetTotal)
    async def _get_total(self, message: GetTotal) -> float:
        return 1.0


class Lists(pykka.Accepts[First[int]], pykka.PooledActor): ...


class Logger(pykka.PooledActor):
    def on_receive(self, message: Any) -> Any:
        return message


def sends(counter: pykka.ActorRef[Counter], matching: pykka.ActorRef[Matching]) -> None:
    counter.tell(Add(1))
    counter.tell(AddTwice(1, "twice"))
    counter.tell(GetTotal())
    assert_type(counter.ask(GetTotal()), float)
    assert_type(counter.ask(GetTotal(), timeout=1), float)
    assert_type(counter.ask(GetTotal(), block=True), float)
    assert_type(counter.ask(GetTotal(), block=False), pykka.Future[float])
    assert_type(counter.ask(Describe("en")), str)
    assert_type(matching.ask(GetTotal()), float)
    both: list[pykka.ActorRef[Counter] | pykka.ActorRef[Matching]] = [counter, matching]
    for ref in both:
        ref.tell(Add(1))


async def awaits(ref: pykka.ActorRef[InLoop], lists: pykka.ActorRef[Lists]) -> None:
    assert_type(await ref.ask(GetTotal(), block=False), float)
    assert_type(lists.ask(First([1])), int)


def around(counter: pykka.ActorRef[Counter]) -> None:
    router = routing.RoundRobin([counter])
    router.tell(Add(1))
    assert_type(router.ask(GetTotal()), float)
    assert_type(router.ask(GetTotal(), block=False), pykka.Future[float])
    assert_type(routing.RoundRobin.pool(Counter, 4).ask(Describe("en")), str)
    assert_type(Retry(counter).ask(GetTotal()), float)
    assert_type(CircuitBreaker(counter).ask(GetTotal(), block=False), pykka.Future[float])
    assert_type(RateLimiter(Retry(router), rate=1).ask(Describe("en")), str)


def open_to_all(
    logger: pykka.ActorRef[Logger],
    any_ref: pykka.ActorRef[Any],
    actor: pykka.ActorRef[pykka.Actor],
    message: Any,
) -> None:
    logger.tell("message")
    logger.tell(message)
    assert_type(logger.ask("message"), Any)
    assert_type(logger.ask(message, timeout=1), Any)
    assert_type(logger.ask(GetTotal(), block=False), pykka.Future[Any])
    any_ref.tell("message")
    any_ref.tell(GetTotal())
    assert_type(any_ref.ask("message"), Any)
    actor.tell("message")
    assert_type(actor.ask(5), Any)
    print(any_ref.ask(message), any_ref.ask(message, block=False))
