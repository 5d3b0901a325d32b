"""Pieces that make asking an actor robust: circuit breakers, retries, and rate limits.

Each piece wraps the ref of an actor, or another piece, and has the methods `ask`, `call` and
`proxy` of the ref. So they are stacked in any order, and the code that asks need not know of them:

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

Call methods as with a ref:

    >>> robust.call(Weather.forecast, "Oslo", days=2).get(timeout=20)
    ['sunny in Oslo', 'sunny in Oslo']
    >>> robust.proxy().forecast("Rome").get(timeout=20)
    ['sunny in Rome']
    >>> weather.stop()
    True

A function may stand in the place of the ref. Then the piece is called as the function is, which
may be `async def`:

    >>> def fetch(place):
    ...     return f"sunny in {place}"
    >>> robust_fetch = Retry(CircuitBreaker(fetch), retry_on=OSError)
    >>> robust_fetch("Oslo")
    'sunny in Oslo'

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
