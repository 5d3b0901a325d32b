"""Backoff: pauses that grow, with jitter, within bounds."""

from __future__ import annotations

import dataclasses
import math
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pykka.resilience import Backoff


def test_each_pause_is_longer_by_the_factor_up_to_the_maximum() -> None:
    backoff = Backoff(minimum=0.5, maximum=20, factor=3, jitter=0)
    assert [backoff.delay(attempt) for attempt in range(1, 7)] == [0.5, 1.5, 4.5, 13.5, 20, 20]


@pytest.mark.parametrize(
    ("drawn", "expected"), [(0.0, 0.75), (0.25, 0.875), (0.5, 1.0), (0.75, 1.125)]
)
def test_the_jitter_makes_a_pause_shorter_or_longer(drawn: float, expected: float) -> None:
    backoff = Backoff(minimum=1, jitter=0.25)
    assert backoff.delay(1, random=lambda: drawn) == expected


def test_without_another_source_of_chance_the_pauses_differ() -> None:
    backoff = Backoff(minimum=1, jitter=0.5)
    delays = {backoff.delay(1) for _ in range(100)}
    assert len(delays) > 50
    assert all(0.5 <= delay <= 1.5 for delay in delays)


NUMBERS = st.floats(0, 1e300, allow_nan=False)


@given(
    bounds=st.tuples(NUMBERS, NUMBERS).map(sorted),
    factor=st.floats(1, 1e300),
    jitter=st.floats(0, 1),
    attempt=st.integers(1, 10_000),
    drawn=st.floats(0, 1, exclude_max=True),
)
def test_no_pause_is_out_of_bounds(
    bounds: list[float], factor: float, jitter: float, attempt: int, drawn: float
) -> None:
    backoff = Backoff(minimum=bounds[0], maximum=bounds[1], factor=factor, jitter=jitter)
    delay = backoff.delay(attempt, random=lambda: drawn)
    assert type(delay) is float
    assert 0 <= delay <= bounds[1]
    without = Backoff(minimum=bounds[0], maximum=bounds[1], factor=factor, jitter=0)
    assert without.delay(attempt) <= without.delay(attempt + 1)


@pytest.mark.parametrize("attempt", [1_025, 10_000, 10**30])
def test_a_large_number_of_attempts_does_not_overflow(attempt: int) -> None:
    assert Backoff(jitter=0).delay(attempt) == 30
    assert Backoff(minimum=0, jitter=0).delay(attempt) == 0
    assert Backoff(factor=1, jitter=0).delay(attempt) == 0.1


@pytest.mark.parametrize("attempt", [0, -1])
def test_attempts_are_counted_from_one(attempt: int) -> None:
    with pytest.raises(ValueError, match=f"attempt must be at least 1, not {attempt}"):
        Backoff().delay(attempt)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("minimum", -0.1),
        ("maximum", -1),
        ("maximum", math.inf),
        ("factor", 0.99),
        ("jitter", -0.01),
        ("jitter", 1.01),
        ("reset_after", -1),
        *[(field.name, math.nan) for field in dataclasses.fields(Backoff)],
    ],
)
def test_what_is_out_of_range_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be .* not {value}$"):
        Backoff(**{name: value})


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Backoff)])
@pytest.mark.parametrize("value", ["1", True, [1.0]])
def test_what_is_no_number_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"^{name} must be a number, not "):
        Backoff(**{name: value})


def test_the_minimum_is_not_more_than_the_maximum() -> None:
    with pytest.raises(ValueError, match=r"minimum \(2\) must not be more than maximum \(1\)"):
        Backoff(minimum=2, maximum=1)


def test_it_is_a_value() -> None:
    backoff = Backoff(1, 60, 3, 0.5, 10)
    same = Backoff(minimum=1, maximum=60, factor=3, jitter=0.5, reset_after=10)
    assert backoff == same
    assert hash(backoff) == hash(same)
    assert pickle.loads(pickle.dumps(backoff)) == backoff  # noqa: S301
    with pytest.raises(dataclasses.FrozenInstanceError):
        backoff.minimum = 2  # type: ignore[misc]
    with pytest.raises(ValueError, match="jitter"):
        dataclasses.replace(backoff, jitter=2)
