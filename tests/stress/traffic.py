"""Many threads ask an actor that often fails through a stack of pieces; the books must balance."""

from __future__ import annotations

import random
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.leaks import PATIENCE, wait_until

import pykka
from pykka.resilience import (
    Backoff,
    CircuitBreaker,
    CircuitOpenError,
    CircuitStateChange,
    RateLimiter,
    Retry,
)

if TYPE_CHECKING:
    from tests.conftest import Runtime


class FailureError(Exception):
    """Raised on purpose."""


class Moody(pykka.Actor):
    """Fails in phases."""

    def __init__(self) -> None:
        super().__init__()
        self.handled = 0

    def on_receive(self, message: tuple[int, int]) -> Any:
        self.handled += 1
        if self.handled % 60 < 10:
            raise FailureError
        return message


def traffic(runtime: Runtime, *, asks: int, seed: int, threads: int = 6) -> str:
    """Ask, and check the books; returns them as text."""
    print(f"seed: {seed}")
    ref = runtime.run(Moody).start()
    changes: list[CircuitStateChange] = []
    limiter = RateLimiter(ref, rate=5_000, burst=5)
    breaker = CircuitBreaker(
        limiter, max_failures=4, reset_after=0.002, on_state_change=changes.append
    )
    retry = Retry(
        breaker,
        attempts=3,
        backoff=Backoff(minimum=0.0005, jitter=0.5),
        retry_on=(FailureError, CircuitOpenError),
    )
    outcomes: Counter[str] = Counter()

    def send(number: int) -> None:
        chance = random.Random(f"{seed} {number}")
        mine: Counter[str] = Counter()
        futures: list[tuple[Any, Any]] = []
        for i in range(asks // threads):
            message = (number, i)
            if chance.random() < 0.5:
                futures.append((message, retry.ask(message, block=False)))
                continue
            mine[_fate(lambda message=message: retry.ask(message), message)] += 1
        for message, future in futures:
            mine[_fate(lambda future=future: future.get(timeout=PATIENCE), message)] += 1
        with lock:
            outcomes.update(mine)

    lock = threading.Lock()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        senders = [threading.Thread(target=send, args=(number,)) for number in range(threads)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
    finally:
        sys.setswitchinterval(interval)
    total = asks // threads * threads
    wait_until(
        lambda: retry.statistics().successes + retry.statistics().failures == total,
        "every ask is booked",
    )

    of_retry, of_breaker, of_limiter = (
        retry.statistics(),
        breaker.statistics(),
        limiter.statistics(),
    )
    books = "\n".join(map(str, [dict(outcomes), of_retry, of_breaker, of_limiter]))
    assert sum(outcomes.values()) == of_retry.asks == total
    assert of_retry.successes == outcomes["answered"]
    passed = of_breaker.successes + of_breaker.failures
    assert passed + of_breaker.refused == of_retry.asks + of_retry.retries
    assert of_breaker.successes == of_retry.successes
    assert of_breaker.interrupted == 0
    assert of_limiter.asks == of_limiter.sent == passed
    assert of_limiter.waiting == 0
    assert ref.proxy().handled.get(timeout=PATIENCE) == of_limiter.sent
    assert of_breaker.times_opened == sum(change.after == "open" for change in changes)
    hunted = (of_retry.retries, of_breaker.refused, of_breaker.times_opened, of_limiter.delayed)
    assert all(hunted), f"something never happened, so nothing was hunted: {books}"
    ref.stop()
    return books


def _fate(ask: Any, message: Any) -> str:
    try:
        assert ask() == message
    except (FailureError, CircuitOpenError) as error:
        return type(error).__name__
    return "answered"
