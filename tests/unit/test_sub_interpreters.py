"""An isolated sub-interpreter can have no daemon threads, so what needs one says so at once."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest
from tests.leaks import PATIENCE

import pykka
from pykka.runtimes import threading as threading_runtime

RUN = """
import sys
try:
    import _interpreters as interpreters
    new = interpreters.create("isolated")
except ImportError:
    import _xxsubinterpreters as interpreters
    new = interpreters.create(isolated=True)
code = sys.argv[1]
run = getattr(interpreters, "exec", None) or interpreters.run_string
failure = run(new, code)
sys.stdout.flush()
import os
os._exit(1 if failure else 0)  # some versions crash when they tidy up after an interpreter
"""

PROGRAM = """
import os, sys
sys.path[:] = PATHS
import pykka

class Pooled(pykka.PooledActor):
    pass

class Daemon(pykka.ThreadingActor):
    use_daemon_thread = True

class Homeless(pykka.AsyncioActor):
    pass

for kind in (Pooled, Daemon, Homeless):
    try:
        kind.start()
    except RuntimeError as error:
        assert "isolated sub-interpreter" in str(error), error
    else:
        os.write(1, f"{kind} has started ".encode())
assert pykka.ActorRegistry.get_all() == []

if sys.version_info >= (3, 12):  # before, there are no threads at all
    class Plain(pykka.ThreadingActor):
        def on_receive(self, message):
            return message
    plain = Plain.start()
    assert plain.ask(5) == 5
    plain.stop()

import asyncio

class Lodger(pykka.AsyncioActor):
    async def on_receive(self, message):
        return message

async def main():
    ref = Lodger.start()
    assert await ref.ask(6, block=False) == 6
    await ref.stop(block=False)

asyncio.run(main())
os.write(1, b"good")
"""


def test_what_needs_a_daemon_thread_does_not_start_in_an_isolated_sub_interpreter() -> None:
    program = PROGRAM.replace("PATHS", repr(sys.path))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(RUN), program],
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )
    assert done.stdout == "good", done.stderr


def test_an_actor_on_a_daemon_thread_says_so_too_where_there_can_be_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threading_runtime, "allows_daemon_threads", lambda: False)

    class Daemon(pykka.ThreadingActor):
        use_daemon_thread = True

    with pytest.raises(RuntimeError, match=r"Daemon .*isolated sub-interpreter"):
        Daemon.start()
    assert pykka.ActorRegistry.get_all() == []

    class Plain(pykka.ThreadingActor):
        def on_receive(self, message: object) -> object:
            return message

    assert Plain.start().ask("message") == "message"
