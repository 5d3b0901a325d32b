"""Pieces that make asking an actor robust: circuit breakers, retries, and rate limits.

Each piece wraps the ref of an actor, or another piece, and has the same method `ask` as the ref.
So they are stacked in any order, and the code that asks need not know of them:

    >>> import pykka
    >>> from pykka.resilience import Backoff, CircuitBreaker, RateLimiter, Retry
    >>> class Weather(pykka.ThreadingActor):
    ...     def on_receive(self, message):
    ...         return f"sunny in {message}"
    ...     def forecast(self, place, days=1):
    ...         return [f"sunny in {place}"] * days
    >>> weather = Weather.start()
    >>> robust = Retry(
    ...     CircuitBreaker(RateLimiter(weather, rate=100, burst=10)),
    ...     attempts=4,
    ...     backoff=Backoff(minimum=0.5),
    ...     timeout_per_attempt=5,
    ... )
    >>> robust.ask("Oslo", timeout=20)
    'sunny in Oslo'
    >>> robust.ask("Rome", block=False).get(timeout=20)
    'sunny in Rome'

To call a method, send the message that stands for the call, as with `ActorRef.ask`:

    >>> from pykka.messages import ProxyCall
    >>> robust.ask(ProxyCall(["forecast"], ["Oslo"], {"days": 2}), timeout=20)
    ['sunny in Oslo', 'sunny in Oslo']
    >>> weather.stop()
    True

The order matters. `Retry(CircuitBreaker(ref))` counts each attempt, and does not ask while the
circuit is open. `CircuitBreaker(Retry(ref))` counts what has failed in spite of the retries.

A breaker or a limit applies to all askers that use the same object, on any number of threads. Only
asks go through a piece: a `tell` has no answer that could be counted or retried.
"""

from __future__ import annotations

from pykka._exceptions import CircuitOpenError, RateLimitExceededError
from pykka._util.signatures import show_plainly as _show_plainly
from pykka.resilience._askable import Askable
from pykka.resilience._backoff import Backoff
from pykka.resilience._circuit_breaker import (
    CircuitBreaker,
    CircuitBreakerStatistics,
    CircuitStateChange,
)
from pykka.resilience._rate_limiter import RateLimiter, RateLimiterStatistics
from pykka.resilience._retry import Retry, RetryStatistics

__all__ = [
    "Askable",
    "Backoff",
    "CircuitBreaker",
    "CircuitBreakerStatistics",
    "CircuitOpenError",
    "CircuitStateChange",
    "RateLimitExceededError",
    "RateLimiter",
    "RateLimiterStatistics",
    "Retry",
    "RetryStatistics",
]

_show_plainly(__all__, globals())
