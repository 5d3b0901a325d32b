"""The contract between the library and its runtimes names everything that a runtime overrides."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import RUNTIMES, TOY

import pykka
from pykka._cell.cell import Cell
from pykka.runtimes import _contract
from pykka.runtimes._contract import RuntimeActor, RuntimeCell

if TYPE_CHECKING:
    from tests.conftest import Runtime

MADE_BY_PYTHON = {
    "__annotations__",
    "__doc__",
    "__firstlineno__",
    "__init__",
    "__module__",
    "__slots__",
    "__static_attributes__",
}
"""What each class has, or, for `__init__`, each class does in its own way."""

EACH = pytest.mark.parametrize("runtime", [*RUNTIMES, TOY], ids=lambda runtime: runtime.name)


def overridden(derived: type[Any], base: type[Any]) -> set[str]:
    """The names of a base class that a class, or one between the two, defines anew."""
    between = derived.__mro__[: derived.__mro__.index(base)]
    return {name for each in between for name in vars(each) if hasattr(base, name)}


def undeclared(cell_class: type[Any]) -> set[str]:
    """What a runtime's cell overrides although it is not said in the contract that it may."""
    found = overridden(cell_class, RuntimeCell) - MADE_BY_PYTHON
    return found - set(vars(RuntimeCell))


def cell_class_of(runtime: Runtime) -> type[Any]:
    found: type[Any] = runtime.actor_class._pykka_cell_class
    return found


@EACH
def test_the_cell_of_a_runtime_derives_from_the_contract(runtime: Runtime) -> None:
    assert issubclass(cell_class_of(runtime), RuntimeCell)


@EACH
def test_what_a_cell_overrides_is_declared(runtime: Runtime) -> None:
    assert undeclared(cell_class_of(runtime)) == set()


def test_an_override_that_is_not_declared_is_found() -> None:
    class Sly(pykka.ThreadingActor._pykka_cell_class):  # type: ignore[misc]
        __slots__ = ("extra", "stopped")

        def mark_stopped(self) -> None: ...

        def wake_up(self) -> None: ...

        def something_new(self) -> None: ...

    assert undeclared(Sly) == {"mark_stopped", "stopped"}


def test_nothing_is_declared_that_no_runtime_overrides() -> None:
    used = {
        name for runtime in RUNTIMES for name in overridden(cell_class_of(runtime), RuntimeCell)
    }
    assert set(vars(RuntimeCell)) - MADE_BY_PYTHON - used == set()


def test_what_is_declared_costs_nothing() -> None:
    """The members are those of the base class themselves, and not functions that call them."""
    declared = set(vars(RuntimeCell)) - MADE_BY_PYTHON
    assert {name for name in declared if vars(RuntimeCell)[name] is not vars(Cell)[name]} == set()


@EACH
def test_the_actor_class_supplies_what_the_contract_says(runtime: Runtime) -> None:
    declared = set(inspect.get_annotations(RuntimeActor)) | {
        name for name, value in vars(RuntimeActor).items() if isinstance(value, staticmethod)
    }
    declared.add("_start_actor_loop")
    assert overridden(runtime.actor_class, pykka.Actor) - MADE_BY_PYTHON == declared


def test_each_declaration_says_what_it_promises() -> None:
    source = Path(_contract.__file__).read_text(encoding="utf-8")
    methods = [
        method
        for each in ast.parse(source).body
        if isinstance(each, ast.ClassDef)
        for method in each.body
        if isinstance(method, ast.FunctionDef)
    ]
    silent = [
        method.name for method in methods if "Called" not in (ast.get_docstring(method) or "")
    ]
    assert len(methods) > 20  # they were looked at
    assert silent == []
