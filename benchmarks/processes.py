"""The processes of one measurement: what they use, and their end."""

from __future__ import annotations

import socket
import subprocess
import time
import uuid
from contextlib import contextmanager, suppress
from threading import Thread
from typing import TYPE_CHECKING

import psutil

from benchmarks import memory
from benchmarks.environments import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MARK = "BENCH_MARK"
"""The variable that marks all processes of one measurement."""
LOOKS_IN_VAIN = 3
"""How often no process is found until it is believed that none is left."""


class Family:
    """A process, and everything that was started by it, however indirectly.

    All that it starts inherits a mark among its environment variables. The tree of processes,
    their sessions and their groups would not do: a daemon leaves them, and keeps its variables.

    To read the variables of all processes of a machine takes milliseconds, and takes them from
    what is measured. So those that were there before are never looked at.
    """

    def __init__(self) -> None:
        self.mark = uuid.uuid4().hex
        self._others = set(psutil.process_iter())

    @contextmanager
    def started(
        self, command: Sequence[str], variables: Mapping[str, str]
    ) -> Iterator[psutil.Popen]:
        """Start the first process, answer it when it asks for memory, and end all in the end."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                process = psutil.Popen(
                    list(command),
                    cwd=ROOT,
                    env={**variables, MARK: self.mark, memory.CHANNEL: str(theirs.fileno())},
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            answering = Thread(target=self._answer, args=(ours,))
            answering.start()
            try:
                yield process
            finally:
                with suppress(psutil.NoSuchProcess):  # it has ended
                    process.kill()
                process.wait()
                self._end_others()
                ours.shutdown(socket.SHUT_RDWR)
                answering.join()

    def _answer(self, channel: socket.socket) -> None:
        """Look at the memory whenever a process says so."""
        with suppress(OSError):  # who has asked was ended
            while channel.recv(1):
                channel.sendall(b"%d" % self.proportional())

    def members(self) -> list[psutil.Process]:
        """Those that are there."""
        found = []
        for process in psutil.process_iter():
            if process not in self._others:
                with suppress(psutil.Error):  # it has just ended, or belongs to another user
                    if process.environ().get(MARK) == self.mark:
                        found.append(process)
        return found

    def resident(self) -> int:
        """Bytes of main memory that they use; what they share counts once for each."""
        total = 0
        for process in self.members():
            with suppress(psutil.Error):
                total += process.memory_info().rss
        return total

    def proportional(self) -> int:
        """Bytes of main memory that they use; what they share is divided among them.

        On systems that do not tell that, what they share is left out.
        """
        total = 0
        for process in self.members():
            with suppress(psutil.Error):
                used = process.memory_full_info()
                total += getattr(used, "pss", used.uss)
        return total

    def _end_others(self) -> None:
        """End what the first process has left, and what that starts meanwhile."""
        # A process that is just becoming another program has no variables for a moment. So it
        # takes more than one look to know that none is left.
        looks_in_vain = 0
        while looks_in_vain < LOOKS_IN_VAIN:
            left = self.members()
            looks_in_vain = 0 if left else looks_in_vain + 1
            for process in left:
                with suppress(psutil.Error):
                    process.kill()
            psutil.wait_procs(left, timeout=1)
            time.sleep(0.01)
