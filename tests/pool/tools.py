"""What the tests of the pool share."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.leaks import PATIENCE

import pykka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


IN_CHILD = """
import os, sys, traceback

def in_child(function):
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            function()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0, "the child failed"
    return "forked"
"""
"""For programs: calls a function in a child process, and waits until that has ended well."""


class Agent(pykka.PooledActor):
    """Calls what it is sent, if it can, and answers what comes of it."""

    def on_receive(self, message: Any) -> Any:
        return message() if callable(message) else message

    def run(self, function: Callable[[], Any]) -> Any:
        return function()


class ThreadAgent(pykka.ThreadingActor):
    """Does the same on a thread of its own."""

    def on_receive(self, message: Any) -> Any:
        return message() if callable(message) else message


def agents_of(dispatcher: pykka.Dispatcher) -> type[Agent]:
    """A class of agents that have their threads from a dispatcher."""
    return type("Agent", (Agent,), {"dispatcher": dispatcher})


@contextmanager
def no_workers(dispatcher: pykka.Dispatcher) -> Iterator[None]:
    """Call no worker for what is sent meanwhile; only who waits for an actor can run it."""
    pool = dispatcher._pool
    waiting: list[Any] = []
    pool.inject = waiting.append  # type: ignore[method-assign]
    try:
        yield
    finally:
        del pool.inject
    for cell in waiting:
        pool.inject(cell)


def no_lookout(dispatcher: pykka.Dispatcher) -> None:
    """Take the monitor away from a dispatcher, so that a test sees what happens without."""
    dispatcher._pool.monitor.is_asleep = False  # so nobody wakes it


def run_program(
    begin: str, program: str, *, timeout: float = 2 * PATIENCE
) -> subprocess.CompletedProcess[str]:
    """Run a program in an interpreter of its own."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", begin + textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def in_new_thread(function: Callable[[], Any]) -> Any:
    """Call a function on a thread that has never done anything, and return what it returns."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join(PATIENCE)
    assert results, "the thread did not get through"
    return results[0]
