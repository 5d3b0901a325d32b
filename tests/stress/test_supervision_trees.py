"""The long form of `tests/unit/test_supervision_model.py`."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from tests.supervision_model import Node, Trial
from tests.unit.test_supervision_model import actions, trees

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = int(os.environ.get("PYKKA_STRESS_TREES", "5_000"))


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Much fails here, and none of it is news."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(trees, actions)
def test_trees_do_what_the_model_does(tree: Node, steps: list[tuple[str, int]]) -> None:
    with Trial(tree) as trial:
        for action, number in steps:
            trial.step(action, number)
