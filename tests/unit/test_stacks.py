"""The threads of the process are listed safely, and which actors they run is found there."""

from __future__ import annotations

import ast
import asyncio
import gc
import subprocess
import sys
import threading
from typing import Any

import pytest
from tests.leaks import PATIENCE
from tests.sources import SOURCES, name_of, nodes_of, tree_of

from pykka._deadlock import stacks
from pykka._util.gil import HAS_GIL


def test_the_collector_is_off_meanwhile_and_on_again_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[bool] = []
    real = sys._current_frames

    def note() -> Any:
        seen.append(gc.isenabled())
        return real()

    monkeypatch.setattr(sys, "_current_frames", note)

    def read(found: Any) -> list[str]:
        seen.append(gc.isenabled())
        return [frame.f_code.co_name for frame in found[threading.get_ident()]]

    names = stacks.read_stacks(read)

    assert seen == [False, False]
    assert gc.isenabled()
    assert "test_the_collector_is_off_meanwhile_and_on_again_afterwards" in names


def test_what_only_a_frame_holds_is_freed_when_the_lock_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A finaliser may wait for a thread that wants to read the stacks, too."""
    done: list[int] = []

    class Last:
        def __del__(self) -> None:
            reader = threading.Thread(target=lambda: done.append(stacks.read_stacks(len)))
            reader.start()
            reader.join(PATIENCE)

    def in_frame() -> Any:
        last = Last()
        return sys._getframe(), last

    def a_frame_that_has_ended() -> Any:
        return {1: in_frame()[0]}

    with monkeypatch.context() as patch:
        patch.setattr(sys, "_current_frames", a_frame_that_has_ended)

        def read(found: Any) -> int:
            patch.undo()
            return len(found[1])

        assert stacks.read_stacks(read) > 1
    assert len(done) == 1
    assert gc.isenabled()


def test_all_who_list_the_threads_do_it_there() -> None:
    """For whom the collector is on meanwhile, nothing may ever go on any more."""
    assert {
        path
        for path, text in SOURCES.items()
        for node in nodes_of(text)
        if isinstance(node, ast.Attribute) and node.attr == "_current_frames"
    } == {"_deadlock/stacks.py"}


def test_all_who_walk_another_threads_stack_do_it_there() -> None:
    """Up to 3.11, the interpreter crashes if the collector is on meanwhile; see `stacks`.

    Others begin at their own frame, or at one that nothing goes on with.
    """
    found = {
        f"{name_of(path)}.{function.name}"
        for path, text in SOURCES.items()
        for function in nodes_of(text)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute) and node.attr == "f_back"
    }
    assert found == {"_deadlock.stacks.stack_of", *OWN}


OWN = {
    "_cell.spawn_options._is_made_for_another",
    "_deadlock.loop_watch._is_worth_a_warning",
    "_deadlock.wait_graph.await_of",
    "_deadlock.wait_graph.place_of",
    "_deadlock.wait_graph.root_task",
    "_util.checks.warn_of_former_name",
    "_util.thread_state.count_frames",
    "runtimes.pool.caller_runs.run_until",
    "runtimes.pool.ref.ask",
    "simulation._engine._stdlib._is_for_reality",
    "simulation._engine._stdlib.is_in_our_hands",
    "simulation._engine._stdlib.users_frame",
}
"""Functions that walk a stack from their own frame, or from one that is at rest."""


def test_a_collector_that_is_off_stays_off() -> None:
    gc.disable()
    try:
        assert stacks.read_stacks(lambda _found: gc.isenabled()) is False
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_of_one_thread_no_other_one_is_walked() -> None:
    """Without the GIL, the interpreter crashes if a thread goes on whose stack is walked."""
    found = stacks.read_stacks(dict.keys, threading.get_ident())  # type: ignore[arg-type]
    assert stacks.read_stacks(list, threading.get_ident()) == [threading.get_ident()]
    assert list(found) == []  # nothing is left of it


OF_ALL = {
    "_deadlock.wait_graph._places": "only with the GIL",
    "debug._wait_graph._find_lenders": "only with the GIL",
    "debug.__init__.log_thread_tracebacks": "that is what it is called for",
}
"""Functions that read the stacks of all threads, and why they may."""


def test_the_stacks_of_all_threads_are_read_only_with_the_gil() -> None:
    assert {
        f"{name_of(path)}.{function.name}"
        for path, text in SOURCES.items()
        for function in nodes_of(text)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith("read_stacks")
        and len(node.args) == 1
    } == set(OF_ALL)


def test_a_child_process_turns_it_on_again_if_its_parent_was_reading() -> None:
    def fork(_found: Any) -> bool:
        stacks.renew_locks()  # as the child does
        return gc.isenabled()

    assert stacks.read_stacks(fork)
    assert gc.isenabled()


def test_no_thread_turns_it_on_while_another_needs_it_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entered, may_leave = threading.Event(), threading.Event()
    seen: list[bool] = []

    def slow() -> dict[int, Any]:
        entered.set()
        assert may_leave.wait(PATIENCE)
        seen.append(gc.isenabled())
        return {}

    monkeypatch.setattr(sys, "_current_frames", slow)
    threads = [threading.Thread(target=stacks.read_stacks, args=(len,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert entered.wait(PATIENCE)
    may_leave.set()
    for thread in threads:
        thread.join(PATIENCE)

    assert seen == [False, False]
    assert gc.isenabled()


BUSY = """
import gc, os, sys, threading, time
import pykka
from pykka._deadlock.wait_graph import places_of_actors

def deep(n):
    return deep(n - 1) if n else 0

def other(n, a=1, b=2, c=3):
    x = y = z = n
    return other(n - 1) + x if n else 0

def generated(n):
    if n:
        yield from generated(n - 1)
        yield n

class Cycle:
    def __init__(self):
        self.me = self
    def __del__(self):
        time.sleep(0)  # other threads go on

class Busy(pykka.ThreadingActor):
    def on_receive(self, message):
        for _ in range(20):
            deep(60), other(30), sum(generated(20))
        self.stop()

def start():
    while True:
        for ref in [Busy.start() for _ in range(3)]:
            ref.tell(1)
            ref.when_terminated().get()

for _ in range(2):
    threading.Thread(target=start, daemon=True).start()
sys.setswitchinterval(1e-4)
gc.set_threshold(10, 10000, 10000)
seen = 0
while seen < 300:
    for _ in range(4):
        Cycle()
    seen += len(places_of_actors())
os._exit(0)
"""
"""Reads the stacks of threads that are busy, and end, while the collector is often at work."""


@pytest.mark.exhaustive
@pytest.mark.skipif(not HAS_GIL, reason="frames of other threads cannot be read")
def test_the_stacks_of_busy_threads_can_be_read() -> None:
    """Python 3.11 crashed within a second, or hung, if the collector was not off to the end."""
    command = [sys.executable, "-X", "faulthandler", "-c", BUSY]
    subprocess.run(command, check=True, timeout=PATIENCE)


# --- which actor a thread runs is read from local variables -------------------------------------

RECORDS = {"self", "child"}
"""Their `cell` is not that of the actor that the thread runs."""


MODULES = {f"pykka.{name_of(path)}": source for path, source in SOURCES.items()}


def parse(module: str) -> ast.Module:
    return tree_of(MODULES[module])


def enters_an_actor(function: ast.AST) -> bool:
    """Tell whether a function says on which actor's behalf its thread goes on."""
    return any(
        isinstance(target, ast.Attribute)
        and target.attr == "cell"
        and isinstance(target.value, ast.Name)
        and target.value.id not in RECORDS
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        for target in node.targets
    )


def declared(function: Any) -> list[str]:
    """The local variables that the outermost decorator names, if that is `runs_actor`."""
    decorator = next(iter(function.decorator_list), None)
    if not isinstance(decorator, ast.Call) or not isinstance(decorator.func, ast.Name):
        return []
    if decorator.func.id != "runs_actor":
        return []
    return [keyword.value.value for keyword in decorator.keywords]  # type: ignore[attr-defined]


FUNCTIONS = [
    (module, node.name)
    for module, source in MODULES.items()
    if ".cell = " in source  # only then, for each process that runs tests imports this file
    if not module.startswith("pykka.simulation.")  # its scheduler knows what runs, and where
    for node in nodes_of(source)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and enters_an_actor(node)
]


def find(tree: ast.Module, name: str) -> Any:
    return next(
        node for node in ast.walk(tree) if getattr(node, "name", None) == name and declared(node)
    )


def test_every_runtime_is_among_them() -> None:
    assert {module for module, _ in FUNCTIONS} >= {
        "pykka._lifecycle.invoke",
        "pykka.runtimes.pool.worker",
        "pykka.runtimes.pool.ref",
        "pykka.runtimes.asyncio.run",
    }


@pytest.mark.parametrize(("module", "name"), FUNCTIONS)
def test_what_runs_an_actor_says_in_which_variable_it_has_it(module: str, name: str) -> None:
    find(parse(module), name)  # it is declared
    codes = {code.co_qualname.rpartition(".")[2] for code in stacks.running_codes}
    assert name in codes


def takes_the_turn(node: ast.AST) -> bool:
    """Tell whether a statement is `del turn[0]`, or `del cell.run_token[0]`."""
    return isinstance(node, ast.Delete) and any(
        isinstance(target, ast.Subscript)
        and {"turn", "run_token"}
        & {getattr(target.value, "id", None), getattr(target.value, "attr", None)}
        for target in node.targets
    )


def bound_too_early(function: Any) -> list[int]:
    """The lines in which a function has the cell that it runs before it has taken its turn."""
    cell = declared(function)[0]
    taken = min(node.lineno for node in ast.walk(function) if takes_the_turn(node))
    bound = [node.lineno for node in ast.walk(function.args) if getattr(node, "arg", "") == cell]
    bound += [
        node.lineno
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and node.id == cell and isinstance(node.ctx, ast.Store)
    ]
    return [line for line in bound if line <= taken]


TAKE_THE_TURN = [
    (module, name)
    for module, name in FUNCTIONS
    if any(map(takes_the_turn, ast.walk(find(parse(module), name))))
]


def test_all_who_take_a_turn_are_among_them() -> None:
    assert {name for _, name in TAKE_THE_TURN} == {"_work", "run_until", "ask"}


@pytest.mark.parametrize(("module", "name"), TAKE_THE_TURN)
def test_who_only_tries_to_take_the_turn_does_not_seem_to_run_the_actor(
    module: str, name: str
) -> None:
    function = find(ast.parse(MODULES[module]), name)  # one to be changed
    assert not bound_too_early(function)
    function.args.args.append(ast.arg(declared(function)[0], lineno=function.lineno))
    assert bound_too_early(function) == [function.lineno]


class Rename(ast.NodeTransformer):
    def __init__(self, name: str) -> None:
        self.name = name

    def visit_Name(self, node: ast.Name) -> ast.Name:
        if node.id == self.name:
            node.id = "renamed"
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        if node.arg == self.name:
            node.arg = "renamed"
        return node


@pytest.mark.parametrize(("module", "name"), FUNCTIONS)
def test_a_variable_that_is_renamed_is_noticed_at_import(module: str, name: str) -> None:
    for variable in declared(find(parse(module), name)):
        tree = ast.parse(MODULES[module])  # one to be changed
        function = find(tree, name)
        function.body = [Rename(variable).visit(node) for node in function.body]
        function.args = Rename(variable).visit(function.args)
        code = compile(tree, f"<{module}>", "exec")
        with pytest.raises(
            NameError, match=f"{name}.. runs an actor, but has no local .*{variable}"
        ):
            exec(code, {"__name__": module})  # noqa: S102


def test_the_standard_library_has_the_variables_that_are_read_there() -> None:
    assert "future" in asyncio.base_events.BaseEventLoop.run_until_complete.__code__.co_varnames
    assert "task" in asyncio.Runner.run.__code__.co_varnames
