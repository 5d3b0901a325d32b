"""How long to wait before something that failed is tried again."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pykka._util.checks import check_callable, check_count, check_number, shorten

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Backoff:
    """Exponential backoff with jitter: each pause is longer than the one before, up to a maximum.

    The growing pauses give what failed time to recover. The jitter keeps many clients that failed
    at the same time from coming back at the same time. The idea is that of Ethernet; the jitter
    is that of "Exponential Backoff And Jitter" (M. Brooker, AWS Architecture Blog, 2015).

    Args:
        minimum: Seconds before the first retry.
        maximum: The length of the longest pause, in seconds.
        factor: How many times longer each pause is than the one before; 1 for equal pauses.
        jitter: By which fraction of its length, from 0 to 1, a pause may be longer or shorter.
            Every length in between is equally likely.
        reset_after: Seconds without a failure after which the attempts are counted from the first
            again; `None` for never. It makes no difference to `delay`.

    Raises:
        TypeError: One of them is not a number.
        ValueError: One of them is out of its range, or `minimum` is more than `maximum`.

    Examples:
        >>> from pykka.resilience import Backoff
        >>> backoff = Backoff(minimum=1, maximum=10, jitter=0)
        >>> [backoff.delay(attempt) for attempt in range(1, 6)]
        [1.0, 2.0, 4.0, 8.0, 10.0]
    """

    minimum: float = 0.1
    maximum: float = 30.0
    factor: float = 2.0
    jitter: float = 0.1
    reset_after: float | None = None

    def __post_init__(self) -> None:
        check_number("minimum", self.minimum, least=0)
        check_number("maximum", self.maximum, least=0)
        check_number("factor", self.factor, least=1)
        check_number("jitter", self.jitter, least=0, most=1)
        if self.reset_after is not None:
            check_number("reset_after", self.reset_after, least=0)
        if self.minimum > self.maximum:
            least, most = shorten(self.minimum), shorten(self.maximum)
            msg = f"minimum ({least}) must not be more than maximum ({most})"
            raise ValueError(msg)

    def delay(self, attempt: int, random: Callable[[], float] = random.random) -> float:
        """Draw the length of a pause.

        Args:
            attempt: Which retry comes after the pause; the first is 1.
            random: Draws a number from 0 up to 1.

        Returns:
            Seconds, from 0 to `maximum`.

        Raises:
            TypeError: `attempt` is not a whole number, or `random` no function.
            ValueError: `attempt` is less than 1.
        """
        check_count("attempt", attempt)
        check_callable("random", random, "nothing, and draws a number")
        try:
            delay = min(self.minimum * float(self.factor) ** (attempt - 1), self.maximum)
        except OverflowError:
            delay = self.maximum if self.minimum else 0.0
        delay *= 1 + self.jitter * (2 * random() - 1)
        return float(min(delay, self.maximum))
