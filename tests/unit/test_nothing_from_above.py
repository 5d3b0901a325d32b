"""No module puts anything into another one: what a module knows is said in that module.

Where a module needs something that stands above it (what is to be done on a type of message, how
a pool is made), it offers a function to enter that with, which refuses a second entry. So whoever
reads the module sees that something comes in, and where it is written down.
"""

from __future__ import annotations

import ast
from typing import Any

import pytest
from tests.sources import SOURCES, nodes_of, tree_of

import pykka
from pykka import messages
from pykka._deadlock import wait_graph
from pykka._lifecycle import invoke
from pykka._system import system

CHANGES = {
    "add",
    "append",
    "appendleft",
    "clear",
    "discard",
    "extend",
    "insert",
    "pop",
    "popitem",
    "popleft",
    "remove",
    "setdefault",
    "update",
}
"""The methods by which a set, a list, a dict or a deque is changed."""

OF_A_THREAD = "current.state"
"""What the library keeps for each thread: its own data, and no part of a module."""


def imported(source: str) -> set[str]:
    """The names under which a module has modules of the package, and what is in them.

    With those that it has given them itself, such as `_handlers = messages._handlers`.
    """
    names: set[str] = set()
    for node in nodes_of(source):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pykka"):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {
                alias.asname or "pykka" for alias in node.names if alias.name.startswith("pykka")
            }
    for node in tree_of(source).body:
        if isinstance(node, ast.Assign) and root(node.value) in names:
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


def root(node: ast.expr) -> str | None:
    """What an expression such as `a.b[c].d` begins with."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def changed(node: ast.AST) -> list[ast.expr]:
    """What a statement or a call changes, other than by giving a name of its own to something."""
    targets: list[ast.expr] = []
    if isinstance(node, (ast.Assign, ast.Delete)):
        targets = node.targets
    elif isinstance(node, (ast.AnnAssign, ast.For)):
        targets = [node.target]
    elif isinstance(node, ast.AugAssign):
        return [node.target]
    elif isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr in CHANGES:
            return [node.func.value]
        is_setter = isinstance(node.func, ast.Name) and node.func.id in {"setattr", "delattr"}
        return node.args[:1] if is_setter else []
    flat = [each for target in targets for each in getattr(target, "elts", [target])]
    return [each for each in flat if not isinstance(each, ast.Name)]


def assignments(source: str) -> list[str]:
    """The lines that put something into another module, or into a class of one."""
    names = imported(source)
    return [
        f"{node.lineno}: {ast.unparse(node)}"  # type: ignore[attr-defined]
        for node in nodes_of(source)
        for target in changed(node)
        if root(target) in names and not ast.unparse(target).startswith(OF_A_THREAD)
    ]


def test_no_module_puts_anything_into_another() -> None:
    found = {path: lines for path, source in SOURCES.items() if (lines := assignments(source))}
    assert len(SOURCES) > 100  # they were looked at
    assert found == {}


@pytest.mark.parametrize(
    ("module", "planted"),
    [
        ("_ref/ref.py", "Cell.ref_class = ActorRef"),
        ("_actor/actor.py", "invoke._inherited_stop = Actor.stop"),
        ("_actor/actor.py", "invoke._inherited_stop, other = Actor.stop, None"),
        ("_lifecycle/invoke.py", "_handlers[Tick] = _on_call"),
        ("_lifecycle/restart.py", "def f():\n    NOT_COUNTED.add(1)"),
        (
            "debug/__init__.py",
            "if True:\n    _waiting.when_loop_blocks = None",
        ),
        (
            "debug/__init__.py",
            "_waiting.awaiting_codes |= {1}",
        ),
        (
            "debug/__init__.py",
            "setattr(_waiting, 'when_loop_blocks', None)",
        ),
        ("runtimes/pool/actor.py", "_system._new_pool: object = None"),
        ("runtimes/pool/rescue.py", "wait_graph.helpers.append(Helper(pool))"),
        ("runtimes/pool/dispatcher.py", "del termination.being_stopped[0]"),
    ],
)
def test_what_is_put_into_another_module_is_found(module: str, planted: str) -> None:
    imports = (
        "from pykka._cell.cell import Cell\n"
        "from pykka._lifecycle import termination\n"
        "from pykka._deadlock import wait_graph\n"
        "from pykka._deadlock import wait_graph as _waiting\n"
        "from pykka.messages import NOT_COUNTED\n"
    )
    assert len(assignments(f"{SOURCES[module]}\n{imports}{planted}\n")) == 1


# --- the doors refuse a second entry ------------------------------------------------------------


def test_a_message_has_one_handler() -> None:
    with pytest.raises(ValueError, match=r"other_handler.*ProxyCall.*already"):

        @messages.system_handler(messages.ProxyCall)
        def other_handler(_cell: Any, _envelope: Any) -> object: ...


def test_a_message_that_nobody_has_entered_is_entered() -> None:
    class Mine:
        pass

    try:

        @messages.system_handler(Mine, keyed=True, counted=False)
        def handler(_cell: Any, _envelope: Any) -> object: ...

        assert messages._handlers[Mine] is handler
        assert Mine in messages.PRIVILEGED & messages.KEYED & messages.NOT_COUNTED
    finally:
        del messages._handlers[Mine]
        for kinds in (
            messages.PRIVILEGED,
            messages.KEYED,
            messages.NOT_COUNTED,
            messages.ENVELOPED,
        ):
            kinds.discard(Mine)


def test_there_is_one_way_to_stop() -> None:
    with pytest.raises(ValueError, match="two methods to stop"):
        invoke.asks_itself_to_stop(lambda: None)


def test_there_is_one_way_to_make_a_pool() -> None:
    with pytest.raises(ValueError, match="two functions that make the pool"):
        system.makes_pools(lambda: None)


def test_a_function_is_marked_once_as_lying_beneath_an_await() -> None:
    with pytest.raises(ValueError, match="marked twice"):
        wait_graph.lies_beneath_await(pykka.Future.__await__)
