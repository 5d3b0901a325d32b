"""Wrong uses of pieces of `pykka.resilience`, and of functions in them; it is never run."""

from __future__ import annotations

import pykka
from pykka.resilience import CircuitBreaker, RateLimiter, Retry


class Account(pykka.PooledActor):
    def deposit(self, amount: int) -> int:
        return amount


def fetch(place: str, *, days: int = 1) -> list[str]:
    return [place] * days


async def fetch_soon(place: str) -> bytes:
    return place.encode()


def functions() -> None:
    Retry(fetch)()  # wrong
    Retry(fetch)(5)  # wrong
    Retry(fetch)("Oslo", 2)  # wrong
    Retry(fetch)("Oslo", day=2)  # wrong
    CircuitBreaker(Retry(fetch))("Oslo", days="2")  # wrong
    RateLimiter(fetch)  # wrong
    Retry(fetch, attempt=2)  # wrong
    Retry(fetch).ask("Oslo")  # wrong
    Retry(fetch).call(fetch, "Oslo")  # wrong
    number: int = Retry(fetch)("Oslo")  # wrong
    print(number)


async def coroutines() -> None:
    await Retry(fetch)("Oslo")  # wrong
    await Retry(fetch_soon)(5)  # wrong
    text: str = await CircuitBreaker(fetch_soon)("Oslo")  # wrong
    print(text)


def actors(ref: pykka.ActorRef[Account]) -> None:
    Retry(ref)("Oslo")  # wrong
    Retry(ref).tell("Oslo")  # wrong
    proxy: int = Retry(ref).proxy()  # wrong
    print(proxy)
