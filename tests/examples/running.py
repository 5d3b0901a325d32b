"""How to run an example as its users do, and compare what it prints."""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from tests.leaks import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = Path(__file__).parents[2] / "examples"

LIMIT = 4 * PATIENCE
"""Seconds after which a program that should have ended is killed."""


def command(name: str, *arguments: str) -> list[str]:
    """The command that runs an example."""
    return [sys.executable, str(EXAMPLES / name), *arguments]


def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run an example until it ends by itself. Coverage is not measured: it takes much longer."""
    return subprocess.run(
        command(name, *arguments),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        env={key: value for key, value in os.environ.items() if "COVERAGE" not in key},
    )


def output_of(name: str, *arguments: str, crash: str = "") -> str:
    """What an example prints when all goes well, with its URNs made regular.

    Args:
        name: The example.
        *arguments: What it is called with.
        crash: The last line of the traceback of the one crash that is to be seen on stderr.
    """
    completed = run(name, *arguments)
    if crash:
        assert completed.stderr.count("Traceback") == 1
        assert f"\n{crash}\n" in completed.stderr
    else:
        assert completed.stderr == ""
    assert completed.returncode == 0
    return tidy(completed.stdout)


@contextlib.contextmanager
def running(
    command: list[str], *, stdin: int | None = None, stdout: int, stderr: int
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program, in a session of its own, and kill it if it does not end in time."""
    with subprocess.Popen(
        command, stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True
    ) as process:
        watchdog = threading.Timer(LIMIT, process.kill)
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            watchdog.join()
            process.kill()


class Terminal:
    """A terminal with a program on it.

    Args:
        process: The program.
        keyboard_and_screen: The other end of the terminal.
    """

    def __init__(self, process: subprocess.Popen[bytes], keyboard_and_screen: int) -> None:
        self.process = process
        self.text = ""
        self._fd = keyboard_and_screen
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def read_until(self, *wanted: str | re.Pattern[str]) -> None:
        """Read until all of some texts have been seen."""
        patterns = [re.escape(each) if isinstance(each, str) else each for each in wanted]
        while not all(re.search(pattern, self.text) for pattern in patterns):
            assert self._read(), f"the program ended early; it printed:\n{self.text}"

    def read_to_end(self) -> int:
        """Read until the program has ended; returns its exit code."""
        while self._read():
            pass
        return self.process.wait()

    def resize(self, width: int, height: int) -> None:
        """Give the terminal another size, in letters."""
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def press(self, key: str) -> None:
        """Do what the keyboard does."""
        os.write(self._fd, key.encode())

    def press_ctrl_c(self) -> None:
        """Have the terminal interrupt the program."""
        self.press("\x03")

    def _read(self) -> bool:
        try:
            data = os.read(self._fd, 1 << 16)
        except OSError:  # on Linux, this is how a terminal ends
            return False
        self.text += self._decode(data).replace("\r\n", "\n")
        return bool(data)


_ON_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
for name in ("COLUMNS", "LINES"):  # readline sets them, in the process that started this one
    os.environ.pop(name, None)
os.execv(sys.argv[1], sys.argv[1:])
"""


@contextlib.contextmanager
def on_terminal(command: list[str], *, width: int = 100) -> Iterator[Terminal]:
    """Start a program on a terminal of its own, on which Ctrl-C works."""
    ours, theirs = pty.openpty()
    try:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
        command = [sys.executable, "-c", _ON_TERMINAL, *command]
        with running(command, stdin=theirs, stdout=theirs, stderr=theirs) as process:
            os.close(theirs)
            yield Terminal(process, ours)
    finally:
        os.close(ours)


def tidy(text: str) -> str:
    """Replace each URN by its number in order of appearance: `urn:uuid:…1`, `urn:uuid:…2`."""
    numbers: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        return f"urn:uuid:…{numbers.setdefault(found.group(), len(numbers) + 1)}"

    return re.sub(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", number, text)
