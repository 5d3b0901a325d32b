"""Runs all cases, or some, and prints what was counted, as JSON."""

from __future__ import annotations

import gc
import importlib
import inspect
import json
import logging
import pkgutil
import sys
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any

from tests.extras import is_missing
from tests.scaling import counting

counting.install()

from tests.scaling import operations  # noqa: E402

import pykka  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType

N = 12
TRIES = 3
LIMIT = 6


def public() -> dict[str, CodeType]:
    """All public operations: functions of the public modules, and methods of their classes."""
    found: dict[str, CodeType] = {}
    names = [each.name for each in pkgutil.iter_modules(pykka.__path__) if each.name[0] != "_"]
    names = [name for name in names if not is_missing(f"pykka.{name}")]
    for module in [pykka, *(importlib.import_module(f"pykka.{name}") for name in names)]:
        for name in getattr(module, "__all__", ()):
            thing = getattr(module, name)
            if inspect.isclass(thing):
                if not issubclass(thing, BaseException):
                    found.update(_methods(thing))
            elif inspect.isfunction(thing):
                found[name] = thing.__code__
    return found


def _methods(cls: type) -> Iterator[tuple[str, CodeType]]:
    for owner in cls.__mro__:
        if owner.__module__.partition(".")[0] != "pykka":
            continue
        for name, thing in vars(owner).items():
            if name[0] == "_" and name not in _OPERATORS:
                continue
            function: Any = getattr(thing, "fget", getattr(thing, "__func__", thing))
            # The methods that dataclasses make are in no file.
            if inspect.isfunction(function) and function.__code__.co_filename != "<string>":
                yield f"{owner.__name__}.{name}", function.__code__


_OPERATORS = (
    "__init__", "__call__", "__enter__", "__exit__", "__aenter__", "__aexit__", "__await__",
    "__getattr__",
)  # fmt: skip


class Result:
    """What one run of a case has cost."""

    calls = sizes = 0

    @contextmanager
    def measure(self) -> Iterator[None]:
        """Count what is done in the block."""
        counting.sizes.reset()
        counting.called.clear()
        before = next(counting.calls)
        yield
        self.calls = next(counting.calls) - before
        self.sizes = counting.sizes.value
        self.called = counting.called.copy()


def ratios(name: str) -> dict[str, Any]:
    """Run a case with n and with 4n, and again if it seems to grow too much.

    For threads are noisy: one that sleeps may be woken for each of many things, or once for all.
    Of each of the two counts, the pair with the smallest ratio is what counts.
    """
    operation = operations.CASES[name]
    pairs: dict[str, list[list[int]]] = {"calls": [], "sizes": []}
    row: dict[str, Any] = {}
    for _ in range(TRIES):
        few, many = Result(), Result()
        operation(N, few.measure)
        operation(4 * N, many.measure)
        pairs["calls"].append([few.calls, many.calls])
        pairs["sizes"].append([few.sizes, many.sizes])
        row = {what: min(found, key=_ratio) for what, found in pairs.items()}
        if all(_ratio(row[what]) <= LIMIT for what in pairs):
            break
        gc.collect()
    row["called"] = many.called
    return row


def _ratio(pair: list[int]) -> float:
    few, many = pair
    return many / max(few, 1)


def main(names: list[str]) -> None:
    """Do that with some cases, or all."""
    logging.disable(logging.CRITICAL)
    sys.setswitchinterval(0.0002)  # threads that wait for each other wait less
    operations_ = public()
    counting.begin()
    found: dict[str, dict[str, Any]] = {}
    for name in names or operations.CASES:
        began = monotonic()
        found[name] = ratios(name)
        print(f"{name}: {monotonic() - began:.2f} s", file=sys.stderr)
    sys.setprofile(None)
    covered: dict[str, list[str]] = {}
    for name, row in found.items():
        called = row.pop("called")
        for each, code in operations_.items():
            times = called[id(code)]
            if times >= N or (times and each in operations.COVERED[name]):
                covered.setdefault(each, []).append(name)
    uncovered = [each for each in operations_ if each not in covered]
    print(json.dumps({"cases": found, "uncovered": uncovered}))


main(sys.argv[1:])
