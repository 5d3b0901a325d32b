"""Finds the places in the source where code of the user's is called or looked up without care.

What such code raises must not come out where it would leave an asker without an answer, keep the
turn of an actor, or end a thread (guarantee G9). So a place is *guarded* if it lies in the body of
a `try` that catches every exception. The doors are for that; see `pykka._util.log`.
"""

from __future__ import annotations

import ast
from typing import NamedTuple

from tests.sources import tree_of

import pykka

LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log", "handle"}

MESSAGES = {"message", "letter", "item", "handling", "handled", "envelope", "owner", "group"}
"""Names of what may be a user's object. It must not be asked for its `__class__`."""

SHOWN = {"message", "error", "exception", "failure", "cause", "raised"}
"""Names of what may be a user's object. It must not be asked for its text."""

FUNCTIONS = {"subscriber", "listener", "hook", "heir", "_function", "_key", "ring", "delay"}
"""Names of what may be a user's function, or calls one."""


def hooks() -> set[str]:
    """The hooks and class attributes of actors that users may define."""
    found = {
        name
        for name, value in vars(pykka.Actor).items()
        if (getattr(value, "__doc__", None) or "").startswith("Hook:")
    }
    for cls in (pykka.Actor, pykka.ThreadingActor, pykka.PooledActor):
        found |= {
            name
            for name, kind in vars(cls)["__annotations__"].items()
            if kind.startswith("ClassVar") and not name.startswith("_")
        }
    return found | {"_create_actor_inbox", "_create_future"}


class Place(NamedTuple):
    """A place that is not guarded."""

    function: str
    what: str


class _Finder(ast.NodeVisitor):
    def __init__(self) -> None:
        self.places: list[Place] = []
        self._hooks = hooks()
        self._names: list[str] = []
        self._guards = 0

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._names.append(node.name)
        guards, self._guards = self._guards, 0  # it runs later
        self.generic_visit(node)
        self._guards = guards
        self._names.pop()

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 (the name is Python's)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        guards, self._guards = self._guards, 0
        self.generic_visit(node)
        self._guards = guards

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._names.append(node.name)
        for part in node.body:
            self.visit(part)
        self._names.pop()

    def visit_Try(self, node: ast.Try) -> None:
        catches_all = any(map(_catches_all, node.handlers))
        self._guards += catches_all
        for part in node.body:
            self.visit(part)
        self._guards -= catches_all
        for part in (*node.handlers, *node.orelse, *node.finalbody):
            self.visit(part)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.ctx, ast.Load) and node.attr in self._hooks:
            self._find(f".{node.attr}")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = _last_name(node.func)
        if name == "isinstance" and _last_name(node.args[0]) in MESSAGES:
            self._find(ast.unparse(node))
        elif name in FUNCTIONS:
            self._find(f"{name}()")
        elif name == "getLogger" or (
            name in LEVELS
            and isinstance(node.func, ast.Attribute)
            and "log" in ast.unparse(node.func.value)
            and ast.unparse(node.func.value) != "logger"
        ):
            self._find(f"{ast.unparse(node.func)}()")
        self.generic_visit(node)

    def visit_FormattedValue(self, node: ast.FormattedValue) -> None:
        if _last_name(node.value) in SHOWN:
            self._find(ast.unparse(node.value))
        self.generic_visit(node)

    def _find(self, what: str) -> None:
        if not self._guards:
            self.places.append(Place(".".join(self._names), what))


def _last_name(node: ast.expr) -> str | None:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None


def _catches_all(handler: ast.ExceptHandler) -> bool:
    return isinstance(handler.type, ast.Name) and handler.type.id in ("BaseException", "Exception")


def find_unguarded(source: str) -> set[Place]:
    """The places of a module that are not guarded."""
    finder = _Finder()
    finder.visit(tree_of(source))
    return set(finder.places)
