"""A child process that was made by `os.fork()` has no threads, so its parent's actors are dead."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest
from tests.leaks import PATIENCE
from tests.pool.tools import IN_CHILD

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork()")

BEGIN = (
    IN_CHILD
    + """
import threading
import pykka

class Echo(pykka.ThreadingActor):
    def on_receive(self, message):
        return message() if callable(message) else message

def raises_dead(function):
    try:
        function()
    except pykka.ActorDeadError:
        return True
    return False

echo = Echo.start()
"""
)


def run(program: str) -> None:
    """Run a program, in an interpreter of its own, that prints "good" at its end."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BEGIN + textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "good\n"), done.stderr


def test_in_the_child_inherited_actors_are_dead_and_new_ones_live() -> None:
    run(f"""
    proxy = echo.proxy()
    def child():
        assert pykka.ActorRegistry.get_all() == []
        assert pykka.ActorRegistry.get_by_urn(echo.actor_urn) is None
        assert not echo.is_alive() and echo.actor_stopped.is_set()
        assert raises_dead(lambda: echo.tell(1))
        assert raises_dead(lambda: echo.ask(1, timeout={PATIENCE}))
        assert raises_dead(lambda: proxy.actor_urn.get(timeout={PATIENCE}))
        assert echo.stop(timeout={PATIENCE}) is False
        new = Echo.start()
        assert new.ask("hello", timeout={PATIENCE}) == "hello"
        assert pykka.ActorRegistry.get_by_urn(new.actor_urn) == new
        assert pykka.ActorRegistry.stop_all(timeout={PATIENCE}) == [True]

    urn = echo.actor_urn
    in_child(child)
    assert echo.ask("the parent's lives on", timeout={PATIENCE}) == "the parent's lives on"
    echo.stop()
    print("good")
    """)


def test_locks_that_other_threads_held_are_free_in_the_child() -> None:
    run(f"""
    from pykka._cell import cell as cell_module
    from pykka._cell import inbox
    from pykka._deadlock import wait_graph
    from pykka import dead_letters
    from pykka._system.system import default_system as home

    held, may_end = threading.Event(), threading.Event()
    def hold():
        locks = [cell_module._first_look, inbox._one_at_a_time, wait_graph._lock]
        with locks[0], locks[1], locks[2], home.dead_letters._lock:
            held.set()
            may_end.wait({PATIENCE})

    class OwnInbox(list):
        put = list.append
        get = list.pop
        empty = lambda self: not self

    class Hungry(Echo):
        def ask_another(self, other):
            return other.ask("hello")
        @staticmethod
        def _create_actor_inbox():
            return OwnInbox()
        def _start_actor_loop(self):
            pass

    def child():
        new = Echo.start()
        assert new.actor_urn
        asking = Echo.start()
        assert asking.ask(lambda: new.ask("hello"), timeout={PATIENCE}) == "hello"
        total = dead_letters.statistics().total
        hungry = Hungry.start()
        hungry.tell(1)
        pykka._lifecycle.termination.close_cell(hungry._cell)
        assert dead_letters.statistics().total == total + 1
        pykka.ActorRegistry.stop_all(timeout={PATIENCE})

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait({PATIENCE})
    in_child(child)
    may_end.set()
    echo.stop()
    print("good")
    """)


def test_an_actor_that_forks_is_alive_in_the_child() -> None:
    run(f"""
    def fork():
        me = pykka._util.thread_state.current.state.cell
        def child():
            assert not me.stopped
            assert [ref._cell for ref in pykka.ActorRegistry.get_all()] == [me]
            assert raises_dead(lambda: bystander.ask(1, timeout={PATIENCE}))
        in_child(child)
        return "forked"

    bystander = Echo.start()
    assert echo.ask(fork, timeout={PATIENCE}) == "forked"
    pykka.ActorRegistry.stop_all()
    print("good")
    """)


def test_in_the_child_the_ends_of_inherited_actors_are_over() -> None:
    """Nobody waits for them, and their objects are not freed: they may hold connections."""
    run(f"""
    import weakref

    class Watcher(Echo):
        def __init__(self):
            super().__init__()
            self.got = []
        def on_receive(self, message):
            if isinstance(message, pykka.Terminated):
                self.got.append(message.ref)
                return None
            return super().on_receive(message)
        def look(self, ref):
            self.watch(ref)

    system = pykka.ActorSystem("inherited")
    bus_lock = system.events._lock
    inherited = system.start(Echo.options(name="cart"))
    freed = weakref.ref(inherited._actor)

    def child():
        assert freed() is not None
        assert system.everybody() == []
        assert inherited.kill() is False
        assert inherited.kill(abandon_after=0) is False
        inherited.when_terminated().get(timeout={PATIENCE})
        watcher = Watcher.start()
        proxy = watcher.proxy()
        proxy.look(inherited).get(timeout={PATIENCE})
        assert proxy.got.get(timeout={PATIENCE}) == [inherited]
        watcher.stop(timeout={PATIENCE})
        new = system.start(Echo.options(name="cart"))
        system.events.subscribe(int, new)
        assert system.events.publish(5) == 1
        assert system.get_by_name("cart") == new
        system.shutdown({PATIENCE})

    held, may_end = threading.Event(), threading.Event()
    def hold():
        with bus_lock:
            held.set()
            may_end.wait({PATIENCE})
    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait({PATIENCE})
    in_child(child)
    may_end.set()
    assert system.get_by_name("cart") == inherited
    system.shutdown({PATIENCE})
    echo.stop()
    print("good")
    """)


@pytest.mark.parametrize("kind", ["ThreadingActor", "PooledActor", "AsyncioActor"])
def test_a_child_ends_when_the_handler_that_forked_returns(kind: str) -> None:
    """Without the stop hook; and the parent's actor lives on, and hears what is sent to it."""
    run(f"""
    class Forker(pykka.{kind}):
        def fork(self):
            pid = os.fork()
            return pid, os.getpid()
        def on_stop(self):
            os.write(2, f"stopped in {{os.getpid()}} ".encode())

    before, after = Forker.start(), Forker.start()
    proxy = before.proxy()
    # A timeout, so that no thread of the test's is lent, which would go on in the child.
    answer = before.proxy().fork()
    pid, parent = answer.get(timeout={PATIENCE})
    before.tell("for the parent only")
    assert parent == os.getpid()
    assert os.waitpid(pid, 0) == (pid, 0)
    for ref in (before, after, echo):
        assert ref.proxy().actor_urn.get(timeout={PATIENCE}) == ref.actor_urn
    pykka.ActorRegistry.stop_all(timeout={PATIENCE})
    print("good")
    """)


def test_actors_that_have_lent_their_thread_to_one_that_forks_are_alive_in_the_child() -> None:
    run("""
    class Pooled(pykka.PooledActor):
        def on_receive(self, message):
            return message()

    lower, upper = Pooled.start(), Pooled.start()
    def fork():
        def child():
            assert lower.is_alive() and upper.is_alive() and not echo.is_alive()
            assert len(pykka.ActorRegistry.get_all()) == 2
        return in_child(child)
    assert lower.ask(lambda: upper.ask(fork)) == "forked"
    pykka.ActorRegistry.stop_all()
    print("good")
    """)


def test_the_actor_that_forked_ends_in_the_child_when_it_has_answered() -> None:
    run(f"""
    class Pooled(pykka.PooledActor):
        def on_receive(self, message):
            return message()

    ref = Pooled.start()
    pid = ref.ask(os.fork)  # this thread runs the actor, so it goes on in the child
    if pid == 0:
        ref.when_terminated().get(timeout={PATIENCE})
        assert pykka.ActorRegistry.get_all() == []
        os._exit(0)
    assert os.waitpid(pid, 0) == (pid, 0)
    assert ref.ask(os.getpid) == os.getpid()
    pykka.ActorRegistry.stop_all()
    print("good")
    """)
