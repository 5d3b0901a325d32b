"""Mistakes that are planted in the library for a while, to see whether they are found."""

from __future__ import annotations

import ast
import inspect
import textwrap
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


@contextmanager
def planted(function: Callable[..., Any], old: str, new: str) -> Generator[None]:
    """Have a part of a function's source be another one, in a block.

    What is exchanged is the code of the function and not the function. So all have the mistake who
    have the function already, such as tables of handlers.

    Args:
        function: The function.
        old: The part. It is there once.
        new: What is there instead.
    """
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(old) == 1, f"{old!r} is {source.count(old)} times in {function}"
    (made,) = ast.parse(source.replace(old, new)).body
    assert isinstance(made, ast.FunctionDef)
    made.decorator_list = []
    made.returns = None
    for each in [*made.args.args, *made.args.kwonlyargs]:
        each.annotation = None
    # A method that calls super() has a variable of the class around it.
    around = ast.parse(f"def around({', '.join(function.__code__.co_freevars)}): pass")
    outer = around.body[0]
    assert isinstance(outer, ast.FunctionDef)
    outer.body = [made, ast.Return(ast.Name(made.name, ast.Load()))]
    names: dict[str, Any] = {}
    exec(  # noqa: S102 (it is the library's own code)
        compile(ast.fix_missing_locations(around), inspect.getfile(function), "exec"),
        function.__globals__,
        names,
    )
    changed = names["around"](*function.__code__.co_freevars)
    before = function.__code__
    function.__code__ = changed.__code__
    try:
        yield
    finally:
        function.__code__ = before
