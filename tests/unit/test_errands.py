"""Errands in cases that are rare: no thread can be had, or an errand forks the process."""

from __future__ import annotations

import os
import queue
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.leaks import PATIENCE, wait_until
from tests.pool.tools import IN_CHILD, run_program

from pykka.timers import _errands
from pykka.timers._errands import Errands, Line

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Log


@pytest.fixture
def some(monkeypatch: pytest.MonkeyPatch) -> Errands:
    """The errands of the process, which have no thread yet, and keep none for long."""

    def start(function: Callable[[], object], _args: tuple[()]) -> None:
        # The small thread that starts another one is an ordinary one, so that it is measured.
        threading.Thread(target=function).start()

    monkeypatch.setattr(_errands, "start_new_thread", start)
    monkeypatch.setattr(_errands, "KEEP_ALIVE", 0.01)
    some = Errands()
    monkeypatch.setattr(_errands, "errands", some)
    return some


def test_a_lack_of_threads_is_said_once_and_made_up_for(
    some: Errands, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[int] = []
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith("pykka-errand"):
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        for number in range(3):
            some.send_out(lambda number=number: done.append(number))
        wait_until(lambda: len(some._owed) == 3, "no thread could be started")
    assert not done
    some.send_out(lambda: done.append(3))
    wait_until(lambda: len(done) == 4, "all are done")
    assert done == [0, 1, 2, 3]
    assert not some._owed
    assert len(log.find("ERROR", "No thread can be started")) == 1


def test_a_thread_stays_for_an_errand_that_is_about_to_come(some: Errands) -> None:
    """Its token has been taken, so it is the one that the errand counts on."""
    looks: queue.SimpleQueue[None] = queue.SimpleQueue()

    class Watched(queue.SimpleQueue[Any]):
        def get(self, block: bool = True, timeout: float | None = None) -> Any:
            looks.put(None)
            return super().get(block, timeout)

    some._queue = Watched()
    thread = threading.Thread(target=some._main)
    thread.start()
    for _ in range(3):
        looks.get(timeout=PATIENCE)
    done = threading.Event()
    some._queue.put(done.set)  # whoever sends it out has taken the token before
    assert done.wait(PATIENCE)
    thread.join(PATIENCE)  # now its token is there, and it may leave
    assert not thread.is_alive()
    assert not some._idle


def test_an_errand_that_comes_when_a_line_has_just_been_worked_off_is_done(some: Errands) -> None:
    line = Line()
    done: list[str] = []

    class Token(list[bool]):
        def append(self, token: bool) -> None:
            if not line._line and len(done) == 1:
                line.send_out(lambda: done.append("next"))  # it finds that the token is taken
            super().append(token)

    token = Token([True])
    line._token = token
    line.send_out(lambda: done.append("first"))
    wait_until(lambda: done == ["first", "next"] and token, "the line is worked off")


def test_an_errand_that_forks_is_the_last_one_in_the_child(
    some: Errands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits behind it in its line is done by the parent, and by that alone."""
    line = Line()
    done: list[str] = []
    threads: list[threading.Thread] = []
    fresh = Errands()

    def fork() -> None:
        threads.append(threading.current_thread())
        line._line.append(lambda: done.append("the parent's"))
        # What os.fork() does in the child; the fixture puts the other ones back.
        monkeypatch.setattr(_errands, "errands", fresh)

    line.send_out(fork)
    wait_until(lambda: threads, "it has forked")
    threads[0].join(PATIENCE)
    assert not threads[0].is_alive()
    assert not done

    line.send_out(lambda: done.append("the child's"))
    wait_until(lambda: done, "the line has begun afresh")
    assert done == ["the child's"]
    assert line._errands is fresh


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork()")
def test_a_process_that_is_forked_by_an_errand() -> None:
    done = run_program(
        f"PATIENCE = {PATIENCE}\n{IN_CHILD}",
        """
        import threading
        from pykka.timers._errands import Line, send_out

        def in_both():
            os.write(1, b"behind ")
            may_end.set()

        def fork():
            line.send_out(in_both)
            pid = os.fork()
            if pid:
                assert os.waitpid(pid, 0)[1] == 0

        line, may_end = Line(), threading.Event()
        line.send_out(fork)
        assert may_end.wait(PATIENCE)

        def child():
            came = threading.Event()
            line.send_out(came.set)
            assert came.wait(PATIENCE)
            other = threading.Event()
            send_out(other.set)
            assert other.wait(PATIENCE)
        in_child(child)
        os.write(1, b"good")
        """,
    )
    assert (done.returncode, done.stdout) == (0, "behind good"), done.stderr
