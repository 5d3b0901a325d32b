"""Raises an exception at every place where a signal handler could.

Python runs signal handlers on the main thread, between two instructions, and only at some places:
when a function begins, when a loop jumps back, and when a call returns. If the handler raises, the
exception appears there. `inject()` runs a function again and again and raises at the first such
place, then at the second, and so on, until the function gets through.

The places are found with `sys.settrace`, in the functions of the package only. Each run has a
thread of its own: what is raised between two instructions of an `except` block leaves the block's
exception behind as the thread's current one, and it would turn up in the tests that follow.
"""

from __future__ import annotations

import dis
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pykka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

_PACKAGE = pykka.__file__.removesuffix("__init__.py")


class Interrupted(BaseException):
    """What the imagined signal handler raises."""


def inject(prepare: Callable[[], tuple[Callable[[], object], Callable[[bool], object]]]) -> int:
    """Run a function once for each place at which it can be interrupted.

    Args:
        prepare: Makes a fresh pair for each run: the function to interrupt, and a function that
            checks the state afterwards and is told whether the first was interrupted.

    Returns:
        The number of places.
    """
    place = 0
    while True:
        function, check = prepare()
        with ThreadPoolExecutor(1) as thread:
            interrupted = thread.submit(_run, function, place).result()
        check(interrupted)
        if not interrupted:
            return place
        place += 1


def _run(function: Callable[[], object], place: int) -> bool:
    tracer = _Tracer(place)
    # Signals come on the main thread only, and this stands for it.
    main_thread = threading.main_thread
    threading.main_thread = threading.current_thread
    before = sys.gettrace()
    # Python 3.12 looks in settrace() whether anybody has asked for instructions so far.
    sys._getframe().f_trace_opcodes = True
    sys.settrace(tracer.call)
    try:
        function()
    except Interrupted:
        return True
    finally:
        sys.settrace(before)
        threading.main_thread = main_thread
    assert not tracer.raised, "the function has swallowed the exception"
    return False


class _Tracer:
    def __init__(self, place: int) -> None:
        self.place = place
        self.passed = 0
        self.raised = False
        self._may_check: dict[FrameType, bool] = {}

    def call(self, frame: FrameType, event: str, _arg: object) -> Any:
        if not frame.f_code.co_filename.startswith(_PACKAGE):
            return None
        frame.f_trace = self.step  # or Python 3.13 and newer forget the next line
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        self._may_check[frame] = True
        return self.step

    def step(self, frame: FrameType, event: str, _arg: object) -> Any:
        if event == "opcode":
            name = _names(frame.f_code)[frame.f_lasti]
            here = self._may_check.get(frame, False)
            self._may_check[frame] = name.startswith(("CALL", "JUMP_BACKWARD", "RESUME"))
            if here and not self.raised:
                if self.passed == self.place:
                    self.raised = True
                    raise Interrupted
                self.passed += 1
        elif event == "exception":
            self._may_check[frame] = False  # a call that raises is not followed by a check
        elif event == "return":
            self._may_check.pop(frame, None)
        return self.step


_cache: dict[Any, dict[int, str]] = {}


def _names(code: Any) -> dict[int, str]:
    names = _cache.get(code)
    if names is None:
        names = _cache[code] = dict(_instructions(code))
    return names


def _instructions(code: Any) -> Iterator[tuple[int, str]]:
    for instruction in dis.get_instructions(code, show_caches=False):
        yield instruction.offset, instruction.opname
