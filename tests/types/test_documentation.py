"""The code of README, the tutorials and the guide to typed actors is right to type checkers."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest
from tests.types.test_types import LIMIT, ROOT, basedpyright, mypy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

PAGES = (
    "README.md",
    "docs/tutorial.md",
    "docs/tutorial-let-it-crash.md",
    "docs/how-to/typed-actors.md",
)
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Renaming(ast.NodeTransformer):
    """Gives what is defined once more another name, as a reader takes it for another thing."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self.names.get(node.id, node.id), node.ctx)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        parts = [*ast.walk(node)]
        local = {each.arg for each in parts if isinstance(each, ast.arg)}
        local |= stored_in(parts)
        outside = self.names
        self.names = {name: new for name, new in outside.items() if name not in local}
        self.generic_visit(node)
        self.names = outside
        return node

    def statement(self, node: ast.stmt, number: int) -> ast.stmt:
        """Rename in a statement of the module, and note what it defines."""
        defined = defined_by(node)
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            self.names.update(dict.fromkeys(defined, f"{node.name}_{number}"))
            node.name = self.names[node.name]
            if isinstance(node, ast.FunctionDef):
                return self.visit_FunctionDef(node)
            self.generic_visit(node)
            return node
        if isinstance(node, ast.Assign):
            node.value = self.visit(node.value)
            self.names.update({name: f"{name}_{number}" for name in defined})
            node.targets = [self.visit(target) for target in node.targets]
            return node
        self.generic_visit(node)
        return node


def is_import(node: ast.stmt) -> bool:
    return isinstance(node, (ast.Import, ast.ImportFrom))


def defined_by(node: ast.stmt) -> set[str]:
    if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
        return {node.name}
    if isinstance(node, ast.Assign):
        return stored_in(each for target in node.targets for each in ast.walk(target))
    return set()


def stored_in(nodes: Iterable[ast.AST]) -> set[str]:
    """The names that are assigned to; `x` is not in `x.y = 1`."""
    names = (each for each in nodes if isinstance(each, ast.Name))
    return {each.id for each in names if isinstance(each.ctx, ast.Store)}


def code_of(page: str) -> str:
    """The code of a page, as one module in which each name means one thing."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = [each for block in BLOCK.findall(text) for each in ast.parse(block).body]
    imports = {ast.unparse(each): each for each in found if is_import(each)}
    statements = [*imports.values(), *(each for each in found if not is_import(each))]
    renaming = Renaming()
    done = [renaming.statement(each, number) for number, each in enumerate(statements)]
    assert done
    return ast.unparse(ast.Module(done, []))


@pytest.mark.exhaustive
@pytest.mark.timeout(LIMIT)
@pytest.mark.parametrize("checker", [mypy, basedpyright], ids=lambda each: each.__name__)
def test_the_code_of_the_documentation_is_typed(
    checker: Callable[..., dict[str, dict[int, str]]], tmp_path: Path
) -> None:
    pytest.importorskip(checker.__name__, reason=f"{checker.__name__} is not installed")
    files = []
    for number, page in enumerate(PAGES):
        file = tmp_path / f"page_{number}.py"
        file.write_text(code_of(page), encoding="utf-8")
        files.append(file)
    assert checker(tmp_path, files) == {}


def test_what_is_defined_again_is_another_thing() -> None:
    renaming = Renaming()
    source = "x = 1\nx = str(x)\nclass A:\n    def f(self): return x\na = A()\na.x = x"
    done = [renaming.statement(each, n) for n, each in enumerate(ast.parse(source).body)]
    assert ast.unparse(ast.Module(done, [])).splitlines() == [
        "x_0 = 1",
        "x_1 = str(x_0)",
        "",
        "class A_2:",
        "",
        "    def f(self):",
        "        return x_1",
        "a_3 = A_2()",
        "a_3.x = x_1",
    ]
