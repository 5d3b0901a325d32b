"""A program with pooled actors ends when they have nothing left to do."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.leaks import PATIENCE
from tests.pool.tools import run_program

if TYPE_CHECKING:
    from collections.abc import Iterator

BEGIN = f"""
PATIENCE = {PATIENCE}
import atexit, os, sys, threading, time

def say(text):
    os.write(1, (text + "\\n").encode())

import pykka

class Echo(pykka.PooledActor):
    def on_receive(self, message):
        return message() if callable(message) else message
    def on_stop(self):
        say("on_stop")

class OnThread(pykka.ThreadingActor):
    def on_receive(self, message):
        return message() if callable(message) else message

echo = Echo.start()
"""


def run(program: str, expected: list[str], *, begin: str = BEGIN) -> None:
    """Run a program that ends by itself, and look at what it said."""
    done = run_program(begin, program)
    assert done.stdout.split() == expected, done.stderr
    assert (done.returncode, done.stderr) == (0, "")


@contextmanager
def running(program: str) -> Iterator[subprocess.Popen[str]]:
    """A program that has said "ready"."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", BEGIN + textwrap.dedent(program)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def test_a_program_that_did_nothing_ends() -> None:
    run("", [])


def test_idle_actors_end_without_their_stop_hook() -> None:
    run(
        """
        assert echo.ask("hello", timeout=PATIENCE) == "hello"
        assert Echo.start().ask("hello") == "hello"
        """,
        [],
    )


def test_what_was_told_at_the_end_is_handled() -> None:
    run(
        """
        for number in range(100):
            echo.tell(lambda number=number: say(str(number)))
        """,
        [str(number) for number in range(100)],
    )


def test_a_start_hook_still_runs() -> None:
    run(
        """
        class Starting(Echo):
            def on_start(self):
                say("started")
        Starting.start()
        """,
        ["started"],
    )


@pytest.mark.parametrize("dispatchers", [1, 2])
def test_a_chain_of_tells_runs_to_its_end(dispatchers: int) -> None:
    """Also if it goes to and fro between two dispatchers, which takes longer."""
    run(
        f"""
        class Counter(pykka.PooledActor):
            def on_receive(self, number):
                if number == {20_000 // dispatchers**3}:
                    say("end")
                else:
                    self.next.tell(number + 1)
        class Other(Counter):
            dispatcher = pykka.Dispatcher() if {dispatchers} == 2 else None
        one, other = Counter.start(), Other.start()
        one._actor.next, other._actor.next = other, one
        one.tell(0)
        """,
        ["end"],
    )


def test_a_tree_of_new_actors_grows_to_its_end() -> None:
    run(
        """
        lock = threading.Lock()
        leaves = 0
        class Node(pykka.PooledActor):
            def on_receive(self, depth):
                global leaves
                if depth:
                    for _ in range(2):
                        Node.start().tell(depth - 1)
                else:
                    with lock:
                        leaves += 1
                        if leaves == 1024:
                            say("grown")
        Node.start().tell(10)
        """,
        ["grown"],
    )


def test_asks_between_actors_are_answered_at_the_end() -> None:
    run(
        """
        class Link(pykka.PooledActor):
            caller_runs = False
            def __init__(self, following):
                super().__init__()
                self.following = following
            def on_receive(self, number):
                return number if self.following is None else self.following.ask(number + 1)
        last = Link.start(None)
        link = last
        for _ in range(5):
            link = Link.start(link)
        # Not every Python can start threads at the end; so those that this needs are there.
        assert echo.ask(lambda: link.ask(0), timeout=PATIENCE) == 5
        echo.tell(lambda: say(str(link.ask(0))))
        """,
        ["5"],
    )


def test_actors_that_sleep_are_waited_for() -> None:
    run(
        """
        begun = threading.Semaphore(0)
        def sleep():
            begun.release()
            time.sleep(0.2)
            say("slept")
        for _ in range(5):
            Echo.start().tell(sleep)
        for _ in range(5):
            begun.acquire()
        """,
        ["slept"] * 5,
    )


def test_an_actor_that_waits_for_a_thread_that_ends_is_waited_for() -> None:
    run(
        """
        future = pykka.ThreadingFuture()
        echo.tell(lambda: say(future.get()))
        threading.Thread(target=lambda: (time.sleep(0.1), future.set("answered"))).start()
        """,
        ["answered"],
    )


def test_a_daemon_dispatcher_does_not_wait() -> None:
    run(
        """
        class Daemon(Echo):
            dispatcher = pykka.Dispatcher(daemon=True)
        begun = threading.Event()
        daemon = Daemon.start()
        daemon.tell(lambda: (begun.set(), time.sleep(1_000)))
        daemon.tell(lambda: say("never"))
        assert begun.wait(PATIENCE)
        echo.tell(lambda: say("but others do"))
        """,
        ["but", "others", "do"],
    )


@pytest.mark.parametrize("rounds", [1, 300])
def test_an_actor_on_a_thread_may_talk_to_pooled_ones_after_the_main_thread_has_ended(
    rounds: int,
) -> None:
    run(
        f"""
        def talk():
            threading.main_thread().join()
            for number in range({rounds}):
                assert echo.ask(number) == number
                assert echo.ask(number, block=False).get() == number
                echo.tell(lambda: None)
            echo.tell(lambda: say("told"))
            thread.stop(block=False)
        assert echo.ask("hello", timeout=PATIENCE) == "hello"
        thread = OnThread.start()
        thread.tell(talk)
        """,
        ["told"],
    )


def test_an_actor_on_a_thread_may_wait_for_workers_after_the_main_thread_has_ended() -> None:
    """With a timeout it does not lend itself, so somebody else has to handle the message."""
    run(
        """
        def talk():
            threading.main_thread().join()
            for number in range(100):
                assert echo.ask(number, timeout=PATIENCE) == number
            say("answered")
            thread.stop(block=False)
        assert echo.ask("hello", timeout=PATIENCE) == "hello"
        thread = OnThread.start()
        thread.tell(talk)
        """,
        ["answered"],
    )


def test_what_is_sent_in_exit_handlers_is_handled() -> None:
    """Exit handlers run in reverse order, so this one runs before the pool's."""
    run(
        """
        @atexit.register
        def at_exit():
            say(echo.ask("asked"))
            say(echo.ask("waited", timeout=PATIENCE))
            echo.tell(lambda: say("told"))
        assert echo.ask("hello", timeout=PATIENCE) == "hello"
        """,
        ["asked", "waited", "told"],
    )


def test_who_is_asked_in_a_late_exit_handler_still_answers() -> None:
    """One that was registered before the library was imported runs after the pool has ended."""
    run(
        """
        assert echo.ask("hello", timeout=PATIENCE) == "hello"
        """,
        ["asked"],
        begin="import atexit\natexit.register(lambda: say(echo.ask('asked')))\n" + BEGIN,
    )


def end_by_ctrl_c(process: subprocess.Popen[str]) -> None:
    """Press Ctrl-C until the program ends; the first may end an exit handler of the test."""
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None:
        assert time.monotonic() < deadline, "the program does not end"
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.1)


def test_a_pool_that_is_never_quiet_keeps_the_program_alive_until_ctrl_c() -> None:
    with running(
        """
        class Player(pykka.PooledActor):
            count = 0
            def on_receive(self, message):
                self.count += not threading.main_thread().is_alive()
                if self.count == 10_000:
                    say("ready")
                self.actor_ref.tell(message)
        Player.start().tell("ball")
        """
    ) as process:
        assert process.poll() is None
        end_by_ctrl_c(process)


def test_ctrl_c_ends_a_program_that_waits_for_actors_that_sleep() -> None:
    with running(
        """
        begun = threading.Event()
        echo.tell(lambda: (begun.set(), time.sleep(1_000)))
        assert begun.wait(PATIENCE)
        atexit.register(say, "ready")
        """
    ) as process:
        end_by_ctrl_c(process)


def test_an_error_in_an_actor_at_the_end_does_not_keep_the_program() -> None:
    run(
        """
        pykka.crash_hook = None
        class Failing(pykka.PooledActor):
            def on_receive(self, message):
                raise ValueError
            def on_failure(self, *_args):
                say("failed")
        Failing.start().tell(1)
        """,
        ["failed"],
    )


def test_stop_all_from_an_actor_at_the_end() -> None:
    run("echo.tell(lambda: pykka.ActorRegistry.stop_all())", ["on_stop"])


def test_sys_exit_in_an_actor_at_the_end_stops_all() -> None:
    run("Echo.start(); echo.tell(sys.exit)", ["on_stop", "on_stop"])


@pytest.mark.parametrize("count", [0, 1])
def test_all_stop_although_the_thread_that_sees_to_it_is_late(count: int) -> None:
    """It stops so many, and then is held up until the program has ended."""
    run(
        f"""
        stopped = []
        def stop(ref, really=pykka.ActorRef.stop, **kwargs):
            if threading.current_thread().name == "pykka-stop-all":
                if len(stopped) == {count}:
                    threading.Event().wait()
                stopped.append(ref)
            return really(ref, **kwargs)
        pykka.ActorRef.stop = stop
        Echo.start()
        Echo.start()
        echo.tell(sys.exit)
        """,
        ["on_stop"] * 3,
    )


NO_MORE_THREADS = """
from pykka.runtimes.pool import worker as workers

class OnlyTold(Echo):
    pass

def no_more_threads():
    # As Python 3.12.0 to 3.12.2 do from the end of the main thread on.
    def refuse(*args, **kwargs):
        raise RuntimeError("can't create new thread at interpreter shutdown")
    threading.Thread.start = workers.start_new_thread = refuse

others = [Echo.start() for _ in range(3)]
WAYS = {
    "stop_all": lambda: pykka.ActorRegistry.stop_all() == [True] * 4,
    "stop": lambda: echo.stop(),
    "stop with a timeout": lambda: echo.stop(timeout=PATIENCE),
    "kill": lambda: echo.kill(),
    "kill with a deadline": lambda: echo.kill(abandon_after=PATIENCE),
    "ask with a timeout": lambda: echo.ask(True, timeout=PATIENCE),
    "ask from an actor": lambda: echo.ask(
        lambda: others[0].ask(True, timeout=PATIENCE), timeout=PATIENCE
    ),
    "as_completed": lambda: all(
        answer.get() for answer in pykka.as_completed([o.ask(True, block=False) for o in others])
    ),
    "system": lambda: in_system(),
}

def in_system():
    with pykka.ActorSystem() as system:
        return system.start(Echo).ask(True)
"""


@pytest.mark.thinned
@pytest.mark.parametrize(
    ("way", "said"),
    [
        ("stop_all", 4),
        ("stop", 1),
        ("stop with a timeout", 1),
        ("kill", 1),
        ("kill with a deadline", 1),
        ("ask with a timeout", 0),
        ("ask from an actor", 0),
        ("as_completed", 0),
        ("system", 1),
    ],
)
@pytest.mark.parametrize("where", ["atexit", "late thread"])
def test_who_waits_does_the_work_of_a_pool_that_can_have_no_thread(
    way: str, said: int, where: str
) -> None:
    run(
        f"""
        def at_end():
            no_more_threads()
            assert WAYS[{way!r}]()
            say("done")
        def late():
            threading.main_thread().join()
            at_end()
        if {where!r} == "atexit":
            atexit.register(at_end)
        else:
            threading.Thread(target=late).start()
        """,
        ["on_stop"] * said + ["done"],
        begin=BEGIN + NO_MORE_THREADS,
    )


def test_a_pool_that_can_have_threads_again_does_its_work_itself() -> None:
    run(
        """
        start, start_new = threading.Thread.start, workers.start_new_thread
        no_more_threads()
        assert echo.ask(threading.get_ident, timeout=PATIENCE) == threading.get_ident()
        threading.Thread.start, workers.start_new_thread = start, start_new
        ready = threading.Event()
        echo.tell(ready.set)
        assert ready.wait(PATIENCE)
        assert echo.ask(threading.get_ident, timeout=PATIENCE) != threading.get_ident()
        """,
        [],
        begin=BEGIN + NO_MORE_THREADS,
    )
