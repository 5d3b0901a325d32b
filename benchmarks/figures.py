"""Numbers as people read them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from benchmarks.workload import Unit

if TYPE_CHECKING:
    from collections.abc import Sequence

_STEPS: dict[str, Sequence[tuple[float, str]]] = {
    Unit.SECONDS: [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")],
    Unit.BYTES: [(1024.0**3, "GiB"), (1024.0**2, "MiB"), (1024.0, "KiB"), (1.0, "B")],
    Unit.TIMES: [(1.0, "×")],
    Unit.PART: [(0.01, "%")],
    Unit.PER_SECOND: [(1e6, "M/s"), (1e3, "k/s"), (1.0, "/s")],
}


def quantity(value: float, unit: str) -> str:
    """A value with three significant digits and the prefix that suits it."""
    steps = _STEPS[unit]
    for size, name in steps:
        if abs(value) >= size * 0.9995:
            return f"{significant(value / size)} {name}"
    size, name = steps[-1]
    return f"{significant(value / size)} {name}"


def significant(value: float, digits: int = 3) -> str:
    """A number with so many significant digits, without an exponent."""
    if not value or not math.isfinite(value):
        return f"{value:g}"
    rounded = float(f"{value:.{digits - 1}e}")
    decimals = digits - 1 - math.floor(math.log10(abs(rounded)) + 1e-9)
    return f"{rounded:,.{max(0, decimals)}f}"


def ratio(value: float) -> str:
    """How many times: with two decimals around 1, where they matter, else two or three digits."""
    if _ALMOST_HALF < value < _ALMOST_TWICE:
        return f"{value:.2f}×"
    return f"{significant(value, 2 if value < _LARGE else 3)}×"


_ALMOST_HALF, _ALMOST_TWICE, _LARGE = 0.4995, 1.995, 10.0


def percent(part: float) -> str:
    """A part of one, in per cent."""
    return f"{part * 100:.0f} %"
