"""What the quick tier leaves out."""

from __future__ import annotations

from itertools import combinations, product

import pytest
from tests.tiers import few


@pytest.mark.parametrize(("size", "at_most"), [(1, 6), (2, 30), (3, 72)])
def test_a_few_tests_try_each_combination_of_so_many_values(size: int, at_most: int) -> None:
    tests = [tuple(enumerate(values)) for values in product(range(6), range(4), range(3))]
    tries = {test: set(combinations(test, size)) for test in tests}
    chosen = few(tries)
    assert set().union(*(tries[test] for test in chosen)) == set().union(*tries.values())
    assert len(chosen) <= at_most
