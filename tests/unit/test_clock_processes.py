"""What becomes of alarms when a program ends, and in a child process."""

from __future__ import annotations

import os

import pytest
from tests.leaks import PATIENCE
from tests.pool.tools import IN_CHILD, run_program

BEGIN = f"""{IN_CHILD}
import threading, time
from pykka.timers._clock import default_clock as clock
from pykka.timers._manual_clock import ManualClock

PATIENCE = {PATIENCE}

class Alarm:
    is_cancelled = False
    def __init__(self, action=lambda: None):
        self.action = action
        self.rung = threading.Event()
    def ring(self):
        self.action()
        self.rung.set()

def check():
    alarms = [Alarm() for _ in range(3)]
    for alarm in alarms:
        clock.schedule(clock.now() + 0.001, alarm)
    for alarm in alarms:
        assert alarm.rung.wait(PATIENCE)
"""


@pytest.mark.parametrize(
    "program",
    [
        "clock.schedule(clock.now() + 10000, Alarm())",
        "check(); clock.schedule(clock.now() + 10000, Alarm())",
        "clock.schedule(clock.now(), Alarm(lambda: time.sleep(10000)))",
        """
        def again():
            clock.schedule(clock.now(), Alarm(again))
        again()
        """,
        "import atexit; atexit.register(lambda: clock.schedule(clock.now(), Alarm()))",
        """
        class Late:
            def __del__(self, clock=clock, Alarm=Alarm):
                clock.schedule(clock.now(), Alarm())
        sys.late = Late()
        """,
    ],
    ids=["pending", "idle", "ringing", "busy", "at exit", "at the very end"],
)
def test_a_program_ends_in_silence_whatever_is_pending(program: str) -> None:
    done = run_program(BEGIN, program)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork()")


@needs_fork
def test_a_child_process_begins_afresh() -> None:
    done = run_program(
        BEGIN,
        """
        check()
        parents = Alarm(lambda: os.write(1, f"{os.getpid() == me}\\n".encode()))
        me = os.getpid()
        manual = ManualClock()
        manual.schedule(1, Alarm())
        may_end = threading.Event()
        blocking = Alarm(lambda: may_end.wait(PATIENCE))
        clock.schedule(clock.now(), blocking)  # so that the child's has to wait for no lock of it
        clock.schedule(clock.now() + 0.01, parents)

        def child():
            assert clock._vacant and not clock._heap and not clock._incoming
            check()
            assert manual.pending == 0
            manual.schedule(1, Alarm())
            manual.advance(2)
            in_child(check)

        in_child(child)
        may_end.set()
        assert parents.rung.wait(PATIENCE)
        check()
        """,
    )
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


@needs_fork
@pytest.mark.parametrize("clock", ["clock", "ManualClock()"])
def test_an_alarm_may_fork(clock: str) -> None:
    """The thread that rings goes on in the child, and leaves the child's new thread alone."""
    done = run_program(
        BEGIN,
        f"""
        clock = {clock}
        codes = []
        forked = []
        release, dropped = threading.Event(), threading.Event()

        def leave():
            dropped.wait(PATIENCE)
            os._exit(0)

        def fork():
            release.wait(PATIENCE)
            pid = os.fork()
            if pid == 0:
                forked.append(True)
                clock.schedule(clock.now() + 0.1, Alarm(leave))
            else:
                codes.append(os.waitpid(pid, 0)[1])

        class Last(Alarm):
            def __del__(self):
                if forked:  # the child has dropped what was pending
                    os.write(1, b"dropped\\n")
                    dropped.set()

        def end():
            if forked:
                os.write(1, b"an alarm of the parent's rang\\n")

        all = [Alarm(fork), Alarm(end), Last()]
        for alarm in all:
            clock.schedule(clock.now(), alarm)
        last = all[-1].rung
        del all, alarm  # or they would be kept in the child by this thread, which is not there
        release.set()
        if clock.__class__ is ManualClock:
            clock.advance(1)
            if forked:
                assert clock.pending == 1 and clock.now() == 1
                os._exit(0)
        assert last.wait(PATIENCE)
        assert codes == [0]
        os.write(1, b"good\\n")
        """,
    )
    assert (done.returncode, done.stdout) == (0, "dropped\ngood\n"), done.stderr
