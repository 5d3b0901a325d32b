"""Whether an exception is of a class is asked at one door, `is_a()` of `pykka._util.log`.

`isinstance(error, ActorDeadError)` is false for most exceptions, and then it asks the exception
for its `__class__`. An exception of the user's may raise there; and a class of the user's may
raise in its `__instancecheck__()`. What comes out in the middle of an `except` clause leaves the
asker without an answer. So this walks through the syntax tree of the package, and finds every
call of `isinstance()` and `issubclass()`, and every class pattern, that can be about an
exception. Each has its reason here.
"""

from __future__ import annotations

import ast
import builtins
import importlib
from typing import TYPE_CHECKING, Any

import pytest
from tests.sources import IN_PROGRAMS, name_of, nodes_of

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = {"error", "raised", "cause", "exception", "exc", "failure", "interruption", "reason"}
"""What an exception is called in this package. (A reason is one of ours, or an exception.)"""

OURS = "what is asked is made by the library itself: a value, or an exception of its own"
ALWAYS = "if it is an exception at all, this is true of it; and then nothing is asked"
REASON = "a reason of ours: `Stopped`, `Killed`, `Failed`, `Abandoned`"
WRONG = "looks at an argument of a call; what comes out goes to the caller"
TYPES = "asks types only, and our own class; on the path of each message of a coroutine"
COPIES = "asks a type, whether the thing can be copied as an exception"
ACTORS = "about actors and their classes, of which none is an exception"
BLOCKS = "about the owner of a time-out, which is no exception; types only"
MESSAGES = "about classes of messages; types only"
PROXIES = "about attributes of an actor, for what a proxy leads to; types only"

REASONS = {
    ("inboxes._bounded", "outcome, BaseException"): ALWAYS,
    ("inboxes._bounded", "spot, BaseException"): ALWAYS,
    ("resilience._circuit_breaker", "passage, CircuitOpenError"): OURS,
    ("_lifecycle.invoke", "type(error), BaseExceptionGroup"): TYPES,
    ("_cell.frameless", "kind, BaseException"): COPIES,
    ("_util.checks", "each, BaseException"): WRONG,
    ("routing._pool", "reason, Failed"): REASON,
    ("supervision._child_monitor", "reason, Failed"): REASON,
    ("supervision._starting", "reason, Failed"): REASON,
    ("supervision._restarter", "reason, Abandoned"): REASON,
    ("supervision._restarter", "reason, Failed"): REASON,
    ("supervision._restarter", "reason, Stopped"): REASON,
    ("supervision._restarter", "cell.reason, Abandoned"): REASON,
    ("_cell.cell", "reason, Failed"): REASON,
    ("_cell.extension", "reason, Stopped"): REASON,
    ("_cell.extension", "reason, Failed"): REASON,
    ("_system.shutdown", "reason, Abandoned"): REASON,
    ("_cell.spawn_options", "actor, actor_class"): ACTORS,
    ("_cell.spawn_options", "actor_class, spawn_options.actor_class"): ACTORS,
    ("_cell.spawn_options", "type(actor), self.actor_class"): ACTORS,
    ("_system.system", "None, actor_class"): ACTORS,
    ("_system.system", "ref.actor_class, actor_class"): ACTORS,
    ("_ref.accepting", "kind, self._kinds"): MESSAGES,
    ("_ref.accepting", "each, kind"): MESSAGES,
    ("supervision._supervisor", "cell.actor_class, actor_class"): ACTORS,
    ("supervision._starting", "cls, spawn_options.actor_class"): ACTORS,
    ("_deadlock.wait_graph", "type(owner), anyio.CancelScope"): BLOCKS,
    ("_deadlock.wait_graph", "type(owner), asyncio.Timeout"): BLOCKS,
    ("_ref.introspection", "type(value), kind"): PROXIES,
}
"""By module and arguments: why the door is not needed."""


def classes_of(node: ast.expr, module: str) -> Any:
    """What a class in the source is; `None` if only the running program knows."""
    name = f"pykka.{module}".removesuffix(".__init__")
    space = {**vars(builtins), **vars(importlib.import_module(name))}
    try:
        return eval(ast.unparse(node), space)  # noqa: S307 (the package's own source)
    except (NameError, AttributeError):
        return None


def may_be_of_exceptions(node: ast.expr, module: str) -> bool:
    found = classes_of(node, module)
    kinds = found if isinstance(found, tuple) else (found,)
    return any(kind is None or issubclass(kind, BaseException) for kind in kinds)


def names_in(node: ast.expr) -> set[str]:
    return {
        each.id if isinstance(each, ast.Name) else each.attr
        for each in ast.walk(node)
        if isinstance(each, (ast.Name, ast.Attribute))
    }


def find(source: str, module: str) -> Iterator[tuple[str, str]]:
    """The questions of a module that can be about an exception."""
    for node in nodes_of(source):
        match node:
            case ast.Call(ast.Name("isinstance" | "issubclass"), [asked, kinds]):
                if names_in(asked) & NAMES or may_be_of_exceptions(kinds, module):
                    yield module, f"{ast.unparse(asked)}, {ast.unparse(kinds)}"
            case ast.MatchClass(kind) if may_be_of_exceptions(kind, module):
                yield module, f"case {ast.unparse(node)}"
            case ast.Attribute(asked, "__class__", ast.Load()) if names_in(asked) & NAMES:
                yield module, ast.unparse(node)


def found_in(sources: dict[str, str]) -> set[tuple[str, str]]:
    return {found for path, source in sources.items() for found in find(source, name_of(path))}


def test_each_question_about_an_exception_is_asked_at_the_door_or_has_its_reason() -> None:
    assert found_in(IN_PROGRAMS) == set(REASONS)


@pytest.mark.parametrize(
    ("path", "door", "bypass"),
    [
        (
            "routing/_answers.py",
            "is_a(error, ActorDeadError)",
            "isinstance(error, ActorDeadError)",
        ),
        (
            "resilience/_retry.py",
            "is_a(raised[0], retry._retry_on)",
            "isinstance(raised[0], retry._retry_on)",
        ),
        (
            "_lifecycle/cancellation.py",
            "is_a(error, asyncio.CancelledError)",
            "issubclass(error.__class__, asyncio.CancelledError)",
        ),
        (
            "timers/_clock.py",
            "raise  # a full stack is the caller's",
            "match error:\n                        case RuntimeError(): raise",
        ),
    ],
)
def test_what_goes_round_the_door_is_found(path: str, door: str, bypass: str) -> None:
    source = IN_PROGRAMS[path]
    assert door in source
    found = found_in({path: source.replace(door, bypass)})
    assert found - set(REASONS)
