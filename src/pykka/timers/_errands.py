"""What a clock's thread has done elsewhere: whatever may block, and whatever is the user's.

Problem
    All alarms of a clock ring on one thread. A message that has to wait for room in a full inbox,
    a subscriber to dead letters, a callback of a future, a log handler: any of them, on that
    thread, would hold up the timers of all systems.

Remedy
    The clock's thread does what is short, and the library's own. The rest it *sends out*: as an
    errand, to a thread that may block. There are as many of those as there are errands that block
    at the same time, and no more than one that idles for each that was needed lately. What has to
    stay in order goes through a `Line`, in which one errand waits for the one before it.

    On any other thread nothing is sent out: a caller that advances a `pykka.timers.ManualClock`
    sees all that an alarm does when `advance()` returns. See `call_elsewhere`.

Invariant: for each errand in the queue there is a thread that will take it, because it waits at
the queue, or is being started, or will come there before it offers itself. A thread that is about
to wait appends a token to `_idle`. The sender puts the errand in, and *then* takes a token
(`del _idle[0]` is one step), which stands for the thread that takes the errand; if there is none,
a thread is started. One that has waited for long takes a token before it leaves; if there is
none, a sender has taken it, and an errand is about to come. If no thread can be started, that
errand is *owed*: who comes to the end of another errand takes it on instead of offering itself.

Errands are sent out on threads of clocks only, so no signal handler raises in between. Threads are
started by a small thread, since `Thread.start()` waits for the new one. They are daemons, as the
clock's: what is pending when the program ends is not done. A child process made by `os.fork()`
begins without any errands; a thread that forks in the middle of one ends with it in the child.

Tried and rejected: `concurrent.futures.ThreadPoolExecutor` (its number of threads is fixed, so
some full inboxes would hold up the rest; and the program waits for its threads at the end); sends
that wait without a thread (an inbox that is the user's own cannot do that).
"""

from __future__ import annotations

import os
import threading
from _thread import start_new_thread
from collections import deque
from functools import partial
from itertools import count
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TypeAlias

from pykka._util.log import report_failure
from pykka._util.thread_state import current

if TYPE_CHECKING:
    from collections.abc import Callable

    Errand: TypeAlias = Callable[[], object]

KEEP_ALIVE = 10.0
"""Seconds after which a thread that has no errand ends."""


class Errands:
    """The threads that run errands."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Errand] = SimpleQueue()
        self._idle: list[None] = []
        self._owed: list[None] = []
        self._numbers = count(1)
        self._has_complained = False

    def send_out(self, errand: Errand) -> None:
        """Have a function called, soon, by a thread that may block. What it raises is logged."""
        self._queue.put(errand)
        try:
            del self._idle[0]
        except IndexError:
            self._need_thread()

    def _need_thread(self) -> None:
        try:
            start_new_thread(self._start, ())
        except RuntimeError:  # the interpreter is shutting down, or no thread can be had
            self._owed.append(None)

    def _start(self) -> None:
        name = f"pykka-errand-{next(self._numbers)}"
        try:
            threading.Thread(target=self._main, name=name, daemon=True).start()
        except RuntimeError:  # the interpreter is shutting down, or no thread can be had
            self._owed.append(None)
            if not self._has_complained:
                self._has_complained = True
                report_failure("No thread can be started, so what a clock sends out has to wait:")

    def _main(self) -> None:
        """What a thread does."""
        while True:
            try:
                errand = self._queue.get(timeout=KEEP_ALIVE)
            except Empty:
                if self._may_leave():
                    return
                continue
            run_errand(errand)
            del errand  # nothing is kept alive while the thread waits
            if self is not errands:  # the errand has forked, and this is the child
                return
            try:
                del self._owed[0]
            except IndexError:
                self._idle.append(None)

    def _may_leave(self) -> bool:
        try:
            del self._idle[0]
        except IndexError:
            return False
        return True


class Line:
    """Errands that are run one after the other, in the order in which they were sent out.

    Invariant: if there is an errand in the line then a thread has taken the token, and will look
    there; or the one that has added the errand has not yet tried to. Who works off the line gives
    the token back and *then* looks once more.
    """

    __slots__ = ("_errands", "_line", "_token")

    def __init__(self) -> None:
        self._begin_afresh()

    def _begin_afresh(self) -> None:
        self._errands = errands
        self._line: deque[Errand] = deque()
        self._token = [True]

    def send_out(self, errand: Errand) -> None:
        """Have a function called when all that was added before it has been done."""
        if self._errands is not errands:  # of the process that has made this one
            self._begin_afresh()
        self._line.append(errand)
        self._work_off()

    def _work_off(self) -> None:
        try:
            del self._token[0]
        except IndexError:
            return
        self._errands.send_out(self._run)

    def _run(self) -> None:
        line, token = self._line, self._token
        while line:
            errand = line.popleft()
            run_errand(errand)
            del errand
            if self._errands is not errands:  # as in Errands._main()
                line.clear()
                return
        token.append(True)
        if line.copy():  # in this order; copy() takes the list's own lock
            self._work_off()


def run_errand(errand: Errand) -> None:
    """Call a function, and log what it raises."""
    try:
        errand()
    except BaseException:
        report_failure("What a clock has sent out raised: %r", errand)


def send_out(errand: Errand, line: Line | None = None) -> None:
    """Have a function called by a thread that may block.

    Args:
        errand: The function.
        line: Keeps it in order with others; `None` if it has to wait for none.
    """
    (errands if line is None else line).send_out(errand)


def call_elsewhere(function: Errand, line: Line | None = None) -> None:
    """Call a function that may block or is the user's; elsewhere, if this is a clock's thread.

    Args:
        function: The function.
        line: As for `send_out`.
    """
    if current.state.is_clock:
        send_out(function, line)
    else:
        function()


def report(error: BaseException, text: str, *args: object) -> None:
    """Log an exception, elsewhere if this is a clock's thread: log handlers are the user's."""
    call_elsewhere(partial(_report, error, text, *args))


def _report(error: BaseException, text: str, *args: object) -> None:
    try:
        raise error  # noqa: TRY301 (it is logged as the exception that is being handled)
    except BaseException:
        report_failure(text, *args)


errands = Errands()


def _after_fork() -> None:
    global errands  # noqa: PLW0603
    errands = Errands()
    current.state.is_clock = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
