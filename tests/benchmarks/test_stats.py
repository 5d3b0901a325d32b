"""The statistics, against values worked out by hand."""

from __future__ import annotations

import pytest
from benchmarks.comparison import rank_sum_probability
from benchmarks.figures import percent, quantity, ratio, significant
from benchmarks.stats import paired_ratios, percentile, spread


def test_a_spread_is_the_median_with_its_quartiles() -> None:
    found = spread([5.0, 1.0, 2.0, 4.0, 3.0])

    assert (found.low, found.median, found.high, found.count) == (2.0, 3.0, 4.0, 5)
    assert found.relative == pytest.approx(1 / 3)


def test_one_outlier_does_not_move_a_spread() -> None:
    assert spread([1.0, 2.0, 3.0, 4.0, 1000.0]) == spread([1.0, 2.0, 3.0, 4.0, 5.0])


def test_one_value_has_no_spread() -> None:
    found = spread([7.0])

    assert (found.low, found.median, found.high, found.relative) == (7.0, 7.0, 7.0, 0.0)


@pytest.mark.parametrize(
    ("percents", "expected"), [(50, 500), (99, 990), (99.9, 999), (100, 1000), (0.1, 1)]
)
def test_a_percentile_is_one_of_the_values(percents: float, expected: int) -> None:
    assert percentile(range(1, 1001), percents) == expected


def test_a_percentile_of_few_values_is_the_highest() -> None:
    assert percentile([1.0, 2.0], 99.9) == 2.0
    assert percentile([1.0], 50) == 1.0


def test_ratios_are_formed_within_rounds() -> None:
    # A machine that is ten times slower in the second round is so for both.
    assert paired_ratios({0: 4.0, 1: 0.4}, {0: 2.0, 1: 0.2}, better="more") == [2.0, 2.0]


def test_ratios_say_how_many_times_better() -> None:
    assert paired_ratios({0: 1.0}, {0: 3.0}, better="less") == [3.0]
    assert paired_ratios({0: 3.0}, {0: 1.0}, better="more") == [3.0]


def test_a_round_that_one_of_them_lacks_gives_no_ratio() -> None:
    assert paired_ratios({0: 1.0, 1: 2.0}, {1: 1.0, 2: 1.0}, better="more") == [2.0]


def test_samples_that_do_not_overlap_are_as_unlikely_as_can_be() -> None:
    pytest.importorskip("scipy", reason="it compares samples")
    five = [1.0, 2.0, 3.0, 4.0, 5.0]

    assert rank_sum_probability(five, [v + 10 for v in five]) == pytest.approx(2 / 252)
    assert rank_sum_probability([1.0, 2.0, 3.0, 4.0, 4.0], [6.0] * 5) < 0.01


def test_equal_samples_are_not_unlikely_at_all() -> None:
    pytest.importorskip("scipy", reason="it compares samples")

    assert rank_sum_probability([1.0], [1.0]) == 1.0
    assert rank_sum_probability([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]) == 1.0
    assert rank_sum_probability([1.0] * 30, [1.0] * 30) == 1.0


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1.5e-6, "s", "1.50 µs"),
        (0.0123, "s", "12.3 ms"),
        (2.5, "s", "2.50 s"),
        (5e-10, "s", "0.500 ns"),
        (999.96e-9, "s", "1.00 µs"),
        (3_380_000, "1/s", "3.38 M/s"),
        (85_700, "1/s", "85.7 k/s"),
        (12, "1/s", "12.0 /s"),
        (17.1 * 1024, "B", "17.1 KiB"),
        (512, "B", "512 B"),
        (0.0789, "%", "7.89 %"),
    ],
)
def test_a_quantity_has_three_digits_and_a_prefix(value: float, unit: str, text: str) -> None:
    assert quantity(value, unit) == text


def test_a_ratio_tells_small_differences_apart() -> None:
    assert [ratio(v) for v in (0.05, 0.914, 1.1, 1.13, 2.04, 9.08, 27.1, 1234.0)] == [
        "0.050×", "0.91×", "1.10×", "1.13×", "2.0×", "9.1×", "27.1×", "1,230×",
    ]  # fmt: skip


def test_numbers_are_written_without_an_exponent() -> None:
    assert significant(0.000123) == "0.000123"
    assert significant(1_234_567) == "1,230,000"
    assert significant(0) == "0"
    assert percent(0.123) == "12 %"
