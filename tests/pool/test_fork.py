"""A child process that was made by `os.fork()` has workers of its own."""

from __future__ import annotations

import os

import pytest
from tests.leaks import PATIENCE
from tests.pool.tools import IN_CHILD, run_program

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork()")

BEGIN = (
    IN_CHILD
    + """
import threading
import pykka
from pykka.runtimes.pool import dispatcher as dispatchers

class Echo(pykka.PooledActor):
    def on_receive(self, message):
        return message() if callable(message) else message

class OnThread(pykka.ThreadingActor):
    def on_receive(self, message):
        return message() if callable(message) else message

def raises_dead(function):
    try:
        function()
    except pykka.ActorDeadError:
        return True
    return False

def check_child():
    assert raises_dead(lambda: echo.tell(1))
    assert raises_dead(lambda: echo.ask(1))
    assert raises_dead(lambda: echo.ask(1, timeout=PATIENCE))
    assert raises_dead(lambda: echo.ask(1, block=False).get(timeout=PATIENCE))
    assert echo.stop() is False
    check_new_ones()

def check_new_ones():
    new = Echo.start()
    assert new.ask("hello") == "hello"
    assert new.ask("hello", timeout=PATIENCE) == "hello"
    told = threading.Event()
    new.tell(told.set)
    assert told.wait(PATIENCE), "nobody handles what was told"
    # An actor that blocks is replaced, so the monitor and the counts work.
    may_end = threading.Event()
    held = [Echo.start().ask(lambda: may_end.wait(PATIENCE), block=False) for _ in range(20)]
    assert new.ask("still here?", timeout=PATIENCE) == "still here?"
    may_end.set()
    assert pykka.get_all(held, timeout=PATIENCE) == [True] * 20
    inner = Echo.start()
    assert new.ask(lambda: inner.ask("inner", timeout=PATIENCE), timeout=PATIENCE) == "inner"
    assert new.stop(timeout=PATIENCE) is True

def check_parent():
    assert echo.ask("the parent's lives on") == "the parent's lives on"
    check_new_ones()

echo = Echo.start()
echo.ask("now there is a worker", timeout=10)
"""
)


def run(program: str) -> None:
    done = run_program(f"PATIENCE = {PATIENCE}\n{BEGIN}", program)
    assert (done.returncode, done.stdout) == (0, "good\n"), done.stderr


def test_the_child_of_the_main_thread() -> None:
    run("""
    in_child(check_child)
    check_parent()
    print("good")
    """)


def test_the_child_of_an_actor_on_a_thread() -> None:
    run("""
    forker = OnThread.start()
    assert forker.ask(lambda: in_child(check_child)) == "forked"
    check_parent()
    forker.stop()
    print("good")
    """)


@pytest.mark.parametrize("timeout", ["None", "PATIENCE"], ids=["lent", "worker"])
def test_the_child_of_a_pooled_handler(timeout: str) -> None:
    """There, the actor that forked is alive, because it is just running."""
    run(f"""
    forker = Echo.start()
    def child():
        assert [ref for ref in pykka.ActorRegistry.get_all()] == [forker]
        assert forker.is_alive()
        check_child()
    assert forker.ask(lambda: in_child(child), timeout={timeout}) == "forked"
    assert forker.ask("still here?", timeout=PATIENCE) == "still here?"
    check_parent()
    print("good")
    """)


def test_locks_and_counts_that_other_threads_held_are_fresh_in_the_child() -> None:
    run("""
    pool = dispatchers.default._pool
    held, may_end = threading.Event(), threading.Event()
    def hold():
        with pool.lock, pool.monitor._lock:
            held.set()
            may_end.wait(PATIENCE)

    gate = threading.Event()
    waiting = [Echo.start() for _ in range(10)]
    busy = OnThread.start()
    busy.tell(lambda: gate.wait(PATIENCE))
    answers = [ref.ask(lambda: busy.ask("hello"), block=False) for ref in waiting]
    while pool.blocked < 10:
        pass
    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(PATIENCE)

    def child():
        assert (pool.blocked, pool.parked, pool.workers) == (0, 0, [])
        check_child()
    in_child(child)

    may_end.set()
    thread.join(PATIENCE)
    gate.set()
    assert pykka.get_all(answers, timeout=PATIENCE) == ["hello"] * 10
    check_parent()
    busy.stop()
    print("good")
    """)


def test_a_child_that_ends_in_the_ordinary_way_finishes_its_own_work_only() -> None:
    done = run_program(
        f"PATIENCE = {PATIENCE}\n{BEGIN}",
        r"""
        gate = threading.Event()
        held = Echo.start().ask(lambda: gate.wait(PATIENCE), block=False)
        pid = os.fork()
        if pid == 0:
            new = Echo.start()
            new.tell(lambda: new.tell(lambda: os.write(1, b"told\n")))
            sys.exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        gate.set()
        assert held.get(timeout=PATIENCE)
        os.write(1, b"parent\n")
        """,
    )
    assert (done.returncode, done.stdout) == (0, "told\nparent\n"), done.stderr


def test_a_child_of_a_child() -> None:
    run("""
    def child():
        check_child()
        new = Echo.start()
        def grandchild():
            assert raises_dead(lambda: new.ask(1))
            check_new_ones()
        in_child(grandchild)
        check_new_ones()
    in_child(child)
    check_parent()
    print("good")
    """)
