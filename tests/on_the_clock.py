"""A check that nothing of the user's runs on a clock's thread, and that nothing blocks there."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import pykka
from pykka._util.locks import Bell
from pykka.timers._clock import MonotonicClock

if TYPE_CHECKING:
    from collections.abc import Iterator

LIBRARY = str(Path(pykka.__file__).parent)

ASYNCIO = str(Path(asyncio.__file__).parent)
"""An event loop is told from the clock's thread that there is something to do."""

GENERATED = ("<frozen", "<string>", contextlib.__file__)
"""Of the interpreter, the `__new__()` of a named tuple, and `suppress()`."""

RUNTIME = str(Path(__file__).with_name("toy_runtime.py"))

ENOUGH = 5
"""So many findings say what there is to say."""

WAITERS = (SimpleQueue, type(threading.Lock()), type(threading.RLock()))


class Watch:
    """Looks at each call on the threads of clocks, and remembers those that are not to be made."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._run = MonotonicClock._run
        self._collector: int | None = None
        gc.callbacks.append(self._on_collection)

    def install(self) -> None:
        """Look at all clocks' threads that are started from now on."""
        run, profile = self._run, self._profile

        def watched(clock: MonotonicClock) -> None:
            if threading.current_thread().name != "pykka-clock":  # a test is the thread
                run(clock)
                return
            sys.setprofile(profile)
            try:
                run(clock)
            finally:
                sys.setprofile(None)

        MonotonicClock._run = watched  # type: ignore[method-assign]

    @contextmanager
    def expecting(self) -> Iterator[list[str]]:
        """Give what is found meanwhile to a test that looks for it."""
        before, self.found = self.found, []
        try:
            yield self.found
        finally:
            self.found = before

    def _profile(self, frame: Any, event: str, arg: Any) -> None:
        code = frame.f_code
        if event == "call":
            if not code.co_filename.startswith((LIBRARY, ASYNCIO, RUNTIME, *GENERATED, __file__)):
                self._note(frame, f"{code.co_qualname} of {code.co_filename}")
        elif event == "c_call" and code is not Bell.get.__code__:
            waits = arg.__name__ in ("get", "acquire") and isinstance(arg.__self__, WAITERS)
            if waits or (arg.__name__ == "sleep" and arg.__module__ == "time"):
                self._note(frame, f"{arg!r} by {code.co_qualname}")

    def _on_collection(self, phase: str, _info: object) -> None:
        self._collector = threading.get_ident() if phase == "start" else None

    def _note(self, frame: Any, what: str) -> None:
        if self._collector == threading.get_ident():
            return  # the garbage collector runs finalisers where it likes, and ends coroutines
        callers = []
        while frame is not None:
            name = frame.f_code.co_qualname
            if name.endswith("__del__") or name == "Prompt.ring" or "gc_" in name:
                return
            if (
                "weakref" in frame.f_code.co_filename
            ):  # nor can it be helped who drops the last ref
                return
            callers.append(name)
            frame = frame.f_back
        if len(self.found) < ENOUGH:
            self.found.append(f"{what}, called by {' < '.join(callers)}")


watch = Watch()
watch.install()
