"""A module that another thread is importing is not asked for what it does not have yet."""

from __future__ import annotations

import ast
import subprocess
import sys
import textwrap
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING

from tests.sources import SOURCES, name_of, nodes_of

from pykka._util import imported as door
from pykka._util.imported import imported, running_loop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

REASONS = {
    "_util.imported": "the door itself",
    "_deadlock.wait_graph": "whether it is worth a call of the door, or of what came through it",
    "_futures.awaiting": "the same; and asyncio, whose loop runs",
    "runtimes.pool.caller_runs": "whether it is worth a call of the door",
    "runtimes.pool.ref": "whether it is worth a call of the door",
    "_system.crashes": "the package itself, while it is loaded: the hook is not there, or is",
    "simulation._engine._stdlib": "the package itself, which has loaded the simulator",
}
"""Who looks into `sys.modules`, and why that is no look into a module that is half loaded."""


def _looking(sources: dict[str, str]) -> Iterator[str]:
    for path, text in sources.items():
        for node in nodes_of(text):
            if isinstance(node, ast.ImportFrom) and node.module == "sys":
                looks = any(alias.name == "modules" for alias in node.names)
            else:
                looks = isinstance(node, ast.Attribute) and node.attr == "modules"
            if looks:
                yield name_of(path)


def test_each_look_into_the_imported_modules_goes_through_the_door() -> None:
    assert set(_looking(SOURCES)) == set(REASONS)


def test_a_new_look_would_be_found() -> None:
    planted = {
        "_util/a.py": "import sys as it\nit.modules.get('trio')",
        "_util/b.py": "from sys import modules",
    }
    assert [*_looking(planted)] == [name_of(path) for path in planted]


def test_only_whole_modules_are_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("half_a_module")
    monkeypatch.setitem(sys.modules, "half_a_module", module)
    assert imported("half_a_module") is module  # one that was made by hand

    spec = module.__spec__ = ModuleSpec("half_a_module", None)
    spec._initializing = True  # type: ignore[attr-defined]  # what the import system says
    assert imported("half_a_module") is None

    spec._initializing = False  # type: ignore[attr-defined]
    assert imported("half_a_module") is module

    monkeypatch.setitem(sys.modules, "half_a_module", None)  # it must not be imported
    assert imported("half_a_module") is None


def test_what_the_import_system_says_of_a_module_that_it_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look relies on it. Python itself does so, since an import waits for another thread's."""
    (tmp_path / "asks_itself.py").write_text(
        "from pykka._util.imported import imported\nmeanwhile = imported(__name__)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import asks_itself  # type: ignore[import-not-found]  # noqa: PLC0415

    assert asks_itself.meanwhile is None
    assert imported("asks_itself") is asks_itself
    del sys.modules["asks_itself"]


def test_the_function_of_a_half_loaded_asyncio_is_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import asyncio  # noqa: PLC0415

    monkeypatch.setattr(door, "_get_running_loop", None)
    assert asyncio.events.__spec__ is not None
    monkeypatch.setattr(asyncio.events.__spec__, "_initializing", True, raising=False)

    async def here() -> object:
        return running_loop()

    assert asyncio.run(here()) is None
    assert door._get_running_loop is None
    monkeypatch.undo()
    assert asyncio.run(here()) is not None


PROGRAM = """
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import queue

import pykka

failures = queue.Queue()
HALF = ["asyncio", "asyncio.events", "trio", "anyio", "sniffio"]
assert not sys.modules.keys() & set(HALF)
for name in HALF:
    half = sys.modules[name] = ModuleType(name)
    half.__spec__ = ModuleSpec(name, None)
    half.__spec__._initializing = True


class Of:
    def on_receive(self, message):
        if message == "fail":
            raise ValueError(message)
        if message == "deferred":
            return other.ask(1, block=False)
        return message

    def on_failure(self, kind, error, traceback):
        failures.put(error)


class Thread(Of, pykka.ThreadingActor):
    pass


class Pooled(Of, pykka.PooledActor):
    pass


async def wait_for(future):
    return await future


for kind in Thread, Pooled:
    other, ref = kind.start(), kind.start()
    print(ref.ask(1), ref.ask(2, timeout=10), ref.ask("deferred").get())
    try:
        ref.ask("fail")
    except ValueError as error:
        print("raised", error)
    try:
        wait_for(ref.ask(3, block=False)).send(None)
    except StopIteration as answer:
        print("awaited", answer.value)
    ref.tell("fail")
    print("failed with", failures.get(timeout=10), ref.actor_stopped.wait(10), other.stop())
pykka.ActorRegistry.stop_all()
"""


def test_actors_do_their_work_while_others_are_loaded() -> None:
    """Asks, awaits and crashes while another thread is in the midst of all these imports."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    lines = ["1 2 1", "raised fail", "awaited 3", "failed with fail True True"] * 2
    assert done.stdout.splitlines() == lines, done.stderr
    assert "AttributeError" not in done.stderr
