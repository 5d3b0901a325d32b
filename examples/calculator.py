#!/usr/bin/env python3
"""An actor with methods and a field, used through a proxy.

Every use of the proxy is a message. They are handled in the order in which they were sent, so
only the last of several futures has to be read.
"""

from __future__ import annotations

import pykka


class Calculator(pykka.ThreadingActor):
    """Adds and subtracts, and remembers the last result."""

    def __init__(self) -> None:
        super().__init__()
        self.last_result: int = 0

    def add(self, a: int, b: int | None = None) -> int:
        """Return `a + b`, or add `a` to the last result."""
        if b is not None:
            self.last_result = a + b
        else:
            self.last_result += a
        return self.last_result

    def sub(self, a: int, b: int | None = None) -> int:
        """Return `a - b`, or subtract `a` from the last result."""
        if b is not None:
            self.last_result = a - b
        else:
            self.last_result -= a
        return self.last_result


if __name__ == "__main__":
    actor_ref = Calculator.start()
    proxy = actor_ref.proxy()

    future = proxy.add(1, 3)
    print(future.get())
    # => 4

    print(proxy.last_result.get())
    # => 4

    proxy.sub(5)
    proxy.add(3)
    print(proxy.last_result.get())
    # => 2

    proxy.last_result = 17
    print(proxy.last_result.get())
    # => 17

    proxy.stop()
