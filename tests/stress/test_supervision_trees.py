"""The long form of `tests/unit/test_supervision_model.py`."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from tests.supervision_model import Node, Trial
from tests.unit.test_supervision_model import actions, trees

EXAMPLES = int(os.environ.get("PYKKA_STRESS_TREES", "5_000"))


pytestmark = pytest.mark.usefixtures("quiet")


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
