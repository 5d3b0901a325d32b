#!/usr/bin/env python3
"""Two actors that work together: one has a proxy of the other and uses it."""

from __future__ import annotations

import pykka


class Adder(pykka.ThreadingActor):
    """Adds one to a number."""

    def add_one(self, i: int) -> int:
        """Return the number after `i`."""
        print(f"{self} is increasing {i}")
        return i + 1


class Bookkeeper(pykka.ThreadingActor):
    """Counts, and leaves the adding to an `Adder`."""

    def __init__(self, adder: pykka.ActorProxy[Adder]) -> None:
        super().__init__()
        self.adder = adder

    def count_to(self, target: int) -> None:
        """Count from 0 to `target`."""
        i = 0
        while i < target:
            i = self.adder.add_one(i).get()
            print(f"{self} got {i} back")


if __name__ == "__main__":
    adder = Adder.start().proxy()
    bookkeeper = Bookkeeper.start(adder).proxy()
    bookkeeper.count_to(10).get()
    pykka.ActorRegistry.stop_all()
