"""Nothing iterates until a sentinel comes: `iter(take, sentinel)` compares it with each item.

The items are the user's. See `pykka._cell.inbox.again_and_again`, and
tests/conformance/test_opaque_messages.py.
"""

from __future__ import annotations

import ast

import pytest
from tests.sources import SOURCES, nodes_of


def with_sentinel(text: str) -> list[str]:
    return [
        ast.unparse(node)
        for node in nodes_of(text)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "iter"
        and len(node.args) != 1
    ]


@pytest.mark.parametrize("path", SOURCES)
def test_nothing_is_compared_with_a_sentinel(path: str) -> None:
    assert with_sentinel(SOURCES[path]) == []


def test_such_an_iterator_is_found() -> None:
    assert with_sentinel("into.extend(iter(inbox.get, None))") == ["iter(inbox.get, None)"]
