"""What another thread may set to `None` is looked at once, and then used."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

import pytest
from tests.sources import SOURCES, name_of, nodes_of

from pykka._deadlock import wait_graph
from pykka._deadlock.wait_graph import AnyOf, Wait
from pykka._futures.promise import Promise
from pykka._futures.threading_future import ThreadingFuture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RESET = {
    "_answered_by": "the actor that owes an answer, until its handler has promised it for later",
    "actor": "the actor object, until the cell is closed, which another thread may do (abandoned)",
    "handling": "the message, until it is handled",
    "source": "the future that an answer was handed on to, until it has come",
    "waiting": "what an actor waits for, until it goes on",
}
"""Attributes that one thread sets to `None` while another may look at them."""

REASONS = {
    "_cell.spawn_options.is_for: self.actor": "a record of the thread's own, which is no cell",
    "_lifecycle.termination._answer_handled: cell.handling": "tested, and not used",
    "_ref.ref.child: cell.actor": "whether it is still the one that was seen before",
    "debug._wait_graph.__str__: self.waiting": "the graph that was made, which stays as it is",
    "runtimes.pool.run.run: until._answered_by": "compared, and not used",
    "runtimes.asyncio.run.run_in_task: cell.actor": (
        "closed by another thread only if its loop is closed, which then runs no task"
    ),
}
"""Who tests such an attribute and reads it again, and why that is right."""


def _tested(condition: ast.expr) -> Iterator[ast.expr]:
    """What a condition takes for something, or for nothing."""
    if isinstance(condition, ast.BoolOp):
        for each in condition.values:
            yield from _tested(each)
    elif isinstance(condition, ast.UnaryOp):
        yield from _tested(condition.operand)
    elif isinstance(condition, ast.Compare):
        yield condition.left
    else:
        yield condition


def _conditions(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.If | ast.While | ast.IfExp | ast.Assert):
        return [node.test]
    if isinstance(node, ast.BoolOp):
        return node.values[:-1]
    return node.ifs if isinstance(node, ast.comprehension) else []


def _is_meant(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute) and node.attr in RESET and isinstance(node.ctx, ast.Load)
    )


def _looking_twice(sources: dict[str, str]) -> Iterator[str]:
    for path, text in sources.items():
        for function in nodes_of(text):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            inside = [*ast.walk(function)]
            reads = [ast.unparse(node) for node in inside if _is_meant(node)]
            tested = {
                ast.unparse(each)
                for node in inside
                for condition in _conditions(node)
                for each in _tested(condition)
                if _is_meant(each)
            }
            for each in sorted(tested):
                if reads.count(each) > 1:
                    yield f"{name_of(path)}.{function.name}: {each}"


def test_nothing_is_tested_that_may_be_gone_when_it_is_used() -> None:
    assert set(_looking_twice(SOURCES)) == set(REASONS)


@pytest.mark.parametrize(
    "planted",
    [
        "if it._answered_by is not None: it._answered_by.run()",
        "if it.waiting: it.waiting.worker()",
        "return [each.source.get() for each in it if each.source is not None]",
        "return it.actor is not None and it.actor.on_stop()",
        "return it.actor.on_stop() if it.actor else None",
        "while not it.handling: pass\n    it.handling.release()",
    ],
)
def test_a_new_one_would_be_found(planted: str) -> None:
    assert len([*_looking_twice({"new.py": f"def new(it):\n    {planted}"})]) == 1


class Owed(ThreadingFuture[Any]):
    """A future whose actor promises the answer for later as soon as it is looked at."""

    owner: Any = None

    @property
    def _answered_by(self) -> Any:  # type: ignore[override]
        owner, self.owner = self.owner, None
        return owner


class Owner:
    """An actor that is asked what those are asked for whose answer a thread waits for."""

    can_be_run = may_answer_late = True

    def __init__(self) -> None:
        self.asked: list[str] = []

    def require_thread(self) -> None:
        self.asked.append("require_thread")

    def run_until(self, future: ThreadingFuture[Any], _state: object) -> bool:
        self.asked.append("run_until")
        future.set("answer")
        return True

    def lives_beneath(self, _leaf: object, _state: object) -> bool:
        self.asked.append("lives_beneath")
        return False


def _handed_on(future: ThreadingFuture[Any]) -> Promise:
    promise = Promise(Owner(), None)  # type: ignore[arg-type]
    promise.source = future
    return promise


WAYS: dict[str, Callable[[ThreadingFuture[Any]], object]] = {
    "block": lambda future: wait_graph.prepare_to_block(future, None),
    "block for one of several": lambda future: wait_graph.prepare_to_block(
        AnyOf([[future]]), None
    ),
    "wait": lambda future: future.get(),
    "wait with a timeout": lambda future: future.get(timeout=10),
    "handed on, block": lambda future: _handed_on(future).require_thread(),
    "handed on, run": lambda future: _handed_on(future).run_until(future, None),  # type: ignore[arg-type]
    "handed on, lives beneath": lambda future: _handed_on(future).lives_beneath(
        future,
        None,  # type: ignore[arg-type]
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_answer_is_promised_right_after_the_look(way: str) -> None:
    future, owner = Owed(), Owner()
    future.owner = owner
    WAYS[way](future)
    assert len(owner.asked) == 1


def test_an_edge_to_one_of_several_is_gone_right_after_the_look() -> None:
    """One that owes nothing any more does not stand for one that is lost."""
    future, owner, asker = Owed(), Owner(), Owner()
    future.owner = owner
    asker.waiting = Wait(asker, AnyOf([[future]]))  # type: ignore[arg-type, attr-defined]
    (edges,) = wait_graph.alternatives(asker)  # type: ignore[arg-type]
    assert [edge.target for edge in edges] == [owner]
    assert wait_graph.alternatives(asker) == []  # type: ignore[arg-type]
