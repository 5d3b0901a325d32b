"""Counts the work that the package does: calls, rounds of loops, and what is copied in one call.

The package is imported from a source that was rewritten. Each loop calls something in each round;
and before a container is copied, searched or shifted as a whole, which is one call of C code
however large it is, its size is noted. A profile function on all threads counts the calls.

`install()` has to be called before the package is imported.
"""

from __future__ import annotations

import ast
import builtins
import importlib.abc
import importlib.machinery
import itertools
import sys
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable, Sequence
    from types import CodeType, FrameType, ModuleType

_COPIES = ("list", "tuple", "set", "dict", "frozenset", "sorted", "sum", "min", "max", "deque")
_SEARCHES = ("remove", "index", "count", "insert")
_CALLERS = ("map", "filter", "filterfalse", "takewhile", "starmap")


class Count:
    """A number that any thread may add to."""

    def __init__(self) -> None:
        self._parts: list[int] = []

    def add(self, number: int) -> None:
        """Add a number to it."""
        self._parts.append(number)

    def reset(self) -> None:
        """Begin at 0."""
        self._parts.clear()

    @property
    def value(self) -> int:
        """The number."""
        return sum(self._parts.copy())


sizes = Count()
calls = itertools.count()
called: Counter[int] = None  # type: ignore[assignment]
"""How often each function was called, by the id of its code: the hash of code takes long."""


def _size(thing: Any) -> Any:
    """Note that all of a container is copied."""
    if hasattr(type(thing), "__len__"):
        sizes.add(len(thing))
    return thing


def _size_of_builtin(thing: Any) -> Any:
    """Note it if it is a container, and no number, string or the like."""
    if isinstance(thing, (list, tuple, dict, set, frozenset, deque)):
        sizes.add(len(thing))
    return thing


def _size_of_list(thing: Any) -> Any:
    """Note that a list is searched or shifted."""
    if isinstance(thing, (list, tuple, deque)):
        sizes.add(len(thing))
    return thing


def _tick(item: Any = None) -> Any:
    return item


def _rounds(iterable: Iterable[Any]) -> Iterable[Any]:
    return map(_tick, iterable)


def _calling(function: Callable[..., Any] | None) -> Callable[..., Any] | None:
    """Have the profile function see what C code calls."""
    return None if function is None else function


_HELPERS = {
    "_counted_size": _size,
    "_counted_size_of_builtin": _size_of_builtin,
    "_counted_size_of_list": _size_of_list,
    "_counted_tick": _tick,
    "_counted_rounds": _rounds,
    "_counted_calling": _calling,
}


def _wrap(helper: str, *nodes: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(helper, ast.Load()), list(nodes), [])


class _Rewriter(ast.NodeTransformer):
    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        name = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
        first = node.args[0] if node.args else None
        if isinstance(first, ast.Starred):
            first = None
        if first is not None and (
            (name in _COPIES and isinstance(node.func, ast.Name))
            or name in ("extend", "update", "fromkeys", "heapify")
        ):
            node.args[0] = _wrap("_counted_size_of_builtin", first)
        elif first is not None and name in _CALLERS:
            node.args[0] = _wrap("_counted_calling", first)
        elif isinstance(node.func, ast.Attribute):
            if name == "copy" and first is None:
                node.func.value = _wrap("_counted_size", node.func.value)
            elif name in _SEARCHES or (
                name == "pop" and isinstance(first, ast.Constant) and first.value == 0
            ):
                node.func.value = _wrap("_counted_size_of_list", node.func.value)
        return node

    def visit_Starred(self, node: ast.Starred) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.ctx, ast.Load):
            node.value = _wrap("_counted_size_of_builtin", node.value)
        return node

    def visit_Dict(self, node: ast.Dict) -> ast.AST:
        self.generic_visit(node)
        for number, key in enumerate(node.keys):
            if key is None:
                node.values[number] = _wrap("_counted_size", node.values[number])
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.slice, ast.Slice):
            if isinstance(node.ctx, ast.Load):
                return _wrap("_counted_size_of_builtin", node)
            node.value = _wrap("_counted_size_of_list", node.value)
        elif isinstance(node.ctx, ast.Del) and isinstance(node.slice, ast.Constant):
            node.value = _wrap("_counted_size_of_list", node.value)
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, (ast.BitOr, ast.Add, ast.Sub, ast.BitAnd)):
            return _wrap("_counted_size_of_builtin", node)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        if len(node.ops) == 1:
            if isinstance(node.ops[0], (ast.In, ast.NotIn)):
                node.comparators[0] = _wrap("_counted_size_of_list", node.comparators[0])
            elif isinstance(node.ops[0], (ast.Eq, ast.NotEq)):
                node.left = _wrap("_counted_size_of_builtin", node.left)
        return node

    def visit_For(self, node: ast.For) -> ast.AST:
        self.generic_visit(node)
        node.iter = _wrap("_counted_rounds", node.iter)
        return node

    def visit_While(self, node: ast.While) -> ast.AST:
        self.generic_visit(node)
        node.body.insert(0, ast.Expr(_wrap("_counted_tick")))
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        if not node.is_async:
            node.iter = _wrap("_counted_rounds", node.iter)
        return node

    # Types are no code, even where they are written like it.
    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def visit_arguments(self, node: ast.arguments) -> ast.AST:
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        if isinstance(node.value, (ast.BinOp, ast.Subscript)) and not isinstance(
            node.targets[0], (ast.Attribute, ast.Subscript, ast.Tuple)
        ):
            name = getattr(node.targets[0], "id", "")
            if name[:1].isupper() and not name.isupper():
                return node  # an alias of a type
        return self.generic_visit(node)


class _Loader(importlib.machinery.SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        tree = _Rewriter().visit(ast.parse(self.get_data(path), path))
        code: CodeType = compile(ast.fix_missing_locations(tree), path, "exec")
        return code


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.partition(".")[0] != "pykka":
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(fullname, spec.origin)
        return spec


def install() -> None:
    """Have the package imported so that its work can be counted."""
    global called  # noqa: PLW0603
    from collections import Counter  # noqa: PLC0415

    called = Counter()
    for name, helper in _HELPERS.items():
        setattr(builtins, name, helper)
    sys.meta_path.insert(0, _Finder())


def begin() -> None:
    """Count from now on, after the package was imported, and before a thread is started."""
    threading.setprofile(_profile)
    sys.setprofile(_profile)


def _profile(frame: FrameType, event: str, _argument: object) -> None:
    if event == "call":
        next(calls)
        called[id(frame.f_code)] += 1
    elif event == "c_call":
        next(calls)
