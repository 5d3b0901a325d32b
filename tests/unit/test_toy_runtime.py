"""The runtime that a guide walks through: it is the one that is tested, and it takes no short cut.

In the exhaustive tier, it runs the whole conformance suite.
"""

from __future__ import annotations

import ast
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from tests import toy_runtime
from tests.leaks import PATIENCE
from tests.toy_runtime import BurstActor

import pykka
from pykka.runtimes import _contract
from pykka.supervision import ChildSpec, Supervisor

SOURCE = Path(toy_runtime.__file__).read_text(encoding="utf-8")
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "write-a-runtime.md"


def test_the_guide_shows_all_of_it_and_nothing_else() -> None:
    page = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    of_the_toy, examples = blocks[:-1], blocks[-1]

    docstring = ast.parse(SOURCE).body[0]
    code = "".join(SOURCE.splitlines(keepends=True)[docstring.end_lineno :])
    assert "".join("".join(of_the_toy).split()) == "".join(code.split())
    assert "BurstActor" in examples


def test_it_takes_the_contract_and_public_names_only() -> None:
    imports = [node for node in ast.walk(ast.parse(SOURCE)) if isinstance(node, ast.ImportFrom)]
    taken = {node.module: {each.name for each in node.names} for node in imports}
    of_pykka = {module for module in taken if module is not None and module.startswith("pykka")}
    assert of_pykka == {"pykka.runtimes._contract"}
    assert taken["pykka.runtimes._contract"] <= set(_contract.__all__)
    assert set(re.findall(r"\bpykka\.(\w+)", SOURCE)) - {"runtimes"} <= set(pykka.__all__)
    runtimes = (pykka.ThreadingActor, pykka.PooledActor, pykka.AsyncioActor)
    assert not issubclass(BurstActor, runtimes)


class Echo(BurstActor):
    def on_receive(self, message: Any) -> Any:
        if isinstance(message, Exception):
            raise message
        return message() if callable(message) else message


def test_it_handles_messages_in_order_and_one_at_a_time() -> None:
    seen: list[int] = []
    echo = Echo.start()
    for number in range(200):
        echo.tell(lambda number=number: seen.append(number))
    assert echo.ask("done", timeout=PATIENCE) == "done"
    assert seen == list(range(200))
    assert echo.stop(timeout=PATIENCE)


def test_its_thread_is_gone_when_there_is_nothing_to_do() -> None:
    echo = Echo.start()
    ident = echo.ask(threading.get_ident, timeout=PATIENCE)
    assert ident != threading.get_ident()
    cell: Any = echo._cell
    while not cell.turn:  # the thread gives it back last
        pass
    assert echo.ask("and on", timeout=PATIENCE) == "and on"


def test_no_message_of_many_senders_is_forgotten() -> None:
    echo = Echo.start()
    seen: list[int] = []

    def send() -> None:
        for number in range(100):
            echo.tell(lambda number=number: seen.append(number))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    echo.ask("done", timeout=PATIENCE)
    assert len(seen) == 400


def test_a_deadlock_is_found_and_shown_at_the_users_line() -> None:
    class Impatient(BurstActor):
        def on_receive(self, message: Any) -> Any:
            return self.actor_ref.ask(message)

    with pytest.raises(pykka.DeadlockError, match=re.escape(Path(__file__).name)):
        Impatient.start().ask("well?", timeout=PATIENCE)


def test_it_is_restarted_in_place() -> None:
    class Fragile(Echo):
        def __init__(self, instances: list[Any]) -> None:
            super().__init__()
            instances.append(self)

    instances: list[Any] = []
    supervisor = Supervisor.start([ChildSpec("fragile", Fragile, (instances,))])
    child = instances[0].actor_ref
    child.tell(ValueError("once"))

    assert child.ask("still here?", timeout=PATIENCE) == "still here?"
    assert len(instances) == 2
    supervisor.stop(timeout=PATIENCE)
