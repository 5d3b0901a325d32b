#!/usr/bin/env python3
"""What can be made of futures before their values are there: filter, join, map and reduce.

Nothing is computed until the new future is read, and then only once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pykka


def filtered() -> None:
    """Keep the items that pass a test."""
    f = pykka.ThreadingFuture[Iterable[int]]()
    g = f.filter(lambda x: x > 10)
    print(g)
    f.set(range(5, 15))
    print(list(f.get()))
    print(g.get())


def joined() -> None:
    """Wait for several futures as for one."""
    a = pykka.ThreadingFuture[str]()
    b = pykka.ThreadingFuture[int]()
    c = pykka.ThreadingFuture[bool]()
    f = a.join(b, c)
    a.set("def")
    b.set(123)
    c.set(False)
    print(f.get())


def mapped() -> None:
    """Pass the value through a function."""
    f = pykka.ThreadingFuture[int]()
    g = f.map(lambda x: x + 10)
    f.set(30)
    print(g.get())

    d = pykka.ThreadingFuture[dict[str, str]]()
    h = d.map(lambda x: x["foo"])
    d.set({"foo": "bar"})
    print(repr(h.get()))


def reduced() -> None:
    """Fold the items of a value into one."""

    def add(x: Any, y: Any) -> Any:
        return x + y

    examples: list[tuple[list[Any], list[Any]]] = [
        (["a", "b", "c"], []),
        ([1, 2, 3], []),  # (1 + 2) + 3
        ([1, 2, 3], [5]),  # ((5 + 1) + 2) + 3
        ([], [5]),
    ]
    for items, start in examples:
        f = pykka.ThreadingFuture[Iterable[Any]]()
        g = f.reduce(add, *start)
        f.set(items)
        print(repr(g.get()))


if __name__ == "__main__":
    filtered()
    joined()
    mapped()
    reduced()
