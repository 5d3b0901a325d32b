"""Raises an exception at every place where a signal handler could.

Python runs signal handlers on the main thread, between two instructions, and only at some places:
when a function begins, when a loop jumps back, and when a call of something written in C returns.
If the handler raises, the exception appears there, as that of the very instruction. `inject()`
runs a function again and again and raises at the first such place, then at the second, and so on,
until the function gets through.

The places are found with `sys.settrace` and `sys.setprofile`, in the functions of the package, and
in those of the modules `threading` and `queue` that it calls: these are not made for signal
handlers that raise, and leave a lock locked, so the package must not use them where one may
strike. To start a thread is left out; see guarantee G11.

Each run has a thread of its own: what is raised between two instructions of an `except` block
leaves the block's exception behind as the thread's current one, and it would turn up in the tests
that follow.

Neither hook sees all calls return; there, the exception is raised before the next instruction. If
that belongs to another `try`, the place is left out.
"""

from __future__ import annotations

import dis
import queue
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

import pykka

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType

_PACKAGE = pykka.__file__.removesuffix("__init__.py")
_CALLED = (threading.__file__, queue.__file__)
"""The modules of the standard library whose functions are struck if the package calls them."""


class Interrupted(BaseException):
    """What the imagined signal handler raises."""


class Alarm(Interrupted, Exception):
    """What a signal handler raises that means the call it strikes in."""


class CtrlC(Interrupted, KeyboardInterrupt):
    """What a signal handler raises that means the program."""


def inject(
    prepare: Callable[[], tuple[Callable[[], object], Callable[[bool], object]]],
    error: type[Interrupted] = Interrupted,
    struck: set[CodeType] | None = None,
    *,
    may_swallow: bool = False,
) -> int:
    """Run a function once for each place at which it can be interrupted.

    Args:
        prepare: Makes a fresh pair for each run: the function to interrupt, and a function that
            checks the state afterwards and is told whether the first was interrupted.
        error: What to raise.
        struck: Gets the functions that were interrupted.
        may_swallow: Whether the exception need not come out of the function as it is: it may
            strike in an actor that lives in a loop on this thread.

    Returns:
        The number of places.
    """
    if sys.version_info[:2] == (3, 12) and measures_coverage():
        pytest.skip("3.12.1 crashes if one thread is traced by instruction, others for coverage")
    place = 0
    while True:
        function, check = prepare()
        tracer = _Tracer(place, error)
        try:
            with ThreadPoolExecutor(1) as thread:
                interrupted = thread.submit(
                    _run, function, tracer, may_swallow=may_swallow
                ).result()
            check(interrupted)
        except BaseException as failure:
            failure.add_note(f"interrupted at place {place}: {tracer.where}")
            raise
        if not interrupted:
            return place
        if struck is not None and tracer.code is not None:
            struck.add(tracer.code)
        place += 1


def measures_coverage() -> bool:
    """Tell whether coverage is being measured."""
    coverage = sys.modules.get("coverage")
    return coverage is not None and coverage.Coverage.current() is not None


def _run(function: Callable[[], object], tracer: _Tracer, *, may_swallow: bool) -> bool:
    # Signals come on the main thread only, and this stands for it; but not for threads that begin
    # meanwhile, and would take themselves for the main thread for as long as they live.
    main_thread, me = threading.main_thread, threading.current_thread()
    threading.main_thread = lambda: me if threading.current_thread() is me else main_thread()
    before, profile = sys.gettrace(), sys.getprofile()
    # Python 3.12 looks in settrace() whether anybody has asked for instructions so far.
    sys._getframe().f_trace_opcodes = True
    sys.setprofile(tracer.profile)
    sys.settrace(tracer.call)
    try:
        function()
    except Interrupted:
        return True
    except pykka.ActorError:
        if not (may_swallow and tracer.raised):
            raise
        return True
    finally:
        sys.settrace(before)
        sys.setprofile(profile)
        threading.main_thread = main_thread
    assert may_swallow or not tracer.raised, "the function has swallowed the exception"
    return tracer.raised


class _Tracer:
    def __init__(self, place: int, error: type[Interrupted]) -> None:
        self.place = place
        self.error = error
        self.passed = 0
        self.raised = False
        self.where = "nowhere"
        self.code: CodeType | None = None
        self._called: dict[FrameType, int] = {}
        """Where a frame calls something whose return nothing tells of."""

    def call(self, frame: FrameType, event: str, _arg: object) -> Any:
        if not _belongs_to_the_package(frame):
            return None
        frame.f_trace = self.step  # or Python 3.13 and newer forget the next line
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        self._pass_by(frame)
        return self.step

    def profile(self, frame: FrameType, event: str, _arg: object) -> None:
        if event == "c_return" and self._called.pop(frame, None) is not None:
            self._pass_by(frame)

    def step(self, frame: FrameType, event: str, _arg: object) -> Any:
        if event == "opcode":
            names, handlers = _look_up(frame.f_code)
            here = frame.f_lasti
            call = self._called.pop(frame, None)
            if call is not None and _same_handler(handlers, call, here):
                self._pass_by(frame)
            name = names[here]
            if name == "JUMP_BACKWARD":
                self._pass_by(frame)
            elif name.startswith("CALL"):
                self._called[frame] = here
        elif event in {"exception", "return"}:
            self._called.pop(frame, None)  # a call that raises is not followed by a check
        return self.step

    def _pass_by(self, frame: FrameType) -> None:
        """Come to a place where a signal handler may run."""
        if self.raised:
            return
        if self.passed == self.place:
            self.raised = True
            self.code = code = frame.f_code
            self.where = f"{code.co_filename}:{frame.f_lineno} in {code.co_name}"
            raise self.error
        self.passed += 1


def _belongs_to_the_package(frame: FrameType) -> bool:
    """Tell whether a function is of the package, or of `_CALLED` and called by it."""
    caller: FrameType | None = frame
    while caller is not None and caller.f_code.co_filename in _CALLED:
        if caller.f_code is threading.Thread.start.__code__:
            return False
        caller = caller.f_back
    return caller is not None and caller.f_code.co_filename.startswith(_PACKAGE)


_cache: dict[CodeType, tuple[dict[int, str], list[Any]]] = {}


def _look_up(code: CodeType) -> tuple[dict[int, str], list[Any]]:
    """The names of a function's instructions, and where its `try` blocks are."""
    found = _cache.get(code)
    if found is None:
        bytecode = dis.Bytecode(code)
        names = {instruction.offset: instruction.opname for instruction in bytecode}
        found = _cache[code] = names, list(bytecode.exception_entries)  # type: ignore[attr-defined]
    return found


def _same_handler(handlers: list[Any], one: int, other: int) -> bool:
    """Tell whether what two instructions raise goes to the same place."""
    targets = [
        [entry.target for entry in handlers if entry.start <= offset < entry.end]
        for offset in (one, other)
    ]
    return targets[0] == targets[1]
