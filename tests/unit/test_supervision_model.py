"""Random trees of supervisors in which children end at random, against a plain model of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.supervision_model import ACTIONS, RESTARTS, SHUTDOWNS, STRATEGIES, Leaf, Node, Trial

pytestmark = pytest.mark.usefixtures("quiet")


leaves = st.builds(
    Leaf,
    restart=st.sampled_from(RESTARTS),
    shutdown=st.sampled_from(SHUTDOWNS),
    runtime=st.sampled_from(["threading", "pooled"]),
    is_significant=st.booleans(),
)


def nodes(children: Any, least: int) -> Any:
    """Supervisors with such children."""
    return st.builds(
        Node,
        children=st.lists(children, min_size=least, max_size=4),
        strategy=st.sampled_from(STRATEGIES),
        max_restarts=st.sampled_from([0, 1, 2, 4, 1000, 1000]),
        restart=st.sampled_from(RESTARTS),
        auto_shutdown=st.sampled_from(["never", "any_significant", "all_significant"]),
        is_significant=st.booleans(),
    )


trees = nodes(leaves | nodes(leaves | nodes(leaves, 0), 0), 1)
actions = st.lists(
    st.tuples(st.sampled_from(ACTIONS), st.integers(0, 99)), min_size=8, max_size=20
)


@given(trees, actions)
def test_trees_do_what_the_model_does(tree: Node, steps: list[tuple[str, int]]) -> None:
    with Trial(tree) as trial:
        for action, number in steps:
            trial.step(action, number)
