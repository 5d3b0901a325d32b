"""Pieces of `pykka.resilience` around functions, and their proxies; it is never run."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, assert_type, cast

import pykka
from pykka.resilience import CircuitBreaker, RateLimiter, Retry

if TYPE_CHECKING:
    from collections.abc import Coroutine


class Account(pykka.PooledActor):
    def deposit(self, amount: int) -> int:
        return amount


class Shelf:
    def find(self, title: str) -> list[str]:
        return [title]

    def __call__(self, number: int) -> str:
        return str(number)


def fetch(place: str, *, days: int = 1) -> list[str]:
    return [place] * days


async def fetch_soon(place: str) -> bytes:
    return place.encode()


def functions() -> None:
    retry = Retry(fetch, attempts=2)
    assert_type(retry("Oslo"), list[str])
    assert_type(retry("Oslo", days=2), list[str])
    assert_type(CircuitBreaker(fetch)("Oslo"), list[str])
    assert_type(RateLimiter(CircuitBreaker(retry), rate=1)("Oslo", days=3), list[str])
    assert_type(Retry(Shelf().find)("Emma"), list[str])
    assert_type(Retry(Shelf())(5), str)
    assert_type(Retry(functools.partial(fetch, "Oslo"))(), list[str])
    assert_type(Retry(lambda: 5)(), int)
    retry.statistics()


async def coroutines() -> None:
    retry = Retry(fetch_soon, timeout_per_attempt=1)
    assert_type(await retry("Oslo"), bytes)
    assert_type(await CircuitBreaker(retry, call_timeout=1)("Oslo"), bytes)
    pending: Coroutine[Any, Any, bytes] = RateLimiter(retry, rate=1)("Oslo")
    await pending


def proxies(ref: pykka.ActorRef[Account]) -> None:
    proxy = Retry(CircuitBreaker(ref)).proxy()
    assert_type(proxy, pykka.ActorProxy[Account])
    assert_type(proxy.actor_ref, pykka.ActorRef[Account])
    assert_type(cast("pykka.Future[int]", proxy.deposit(1)).get(), int)
