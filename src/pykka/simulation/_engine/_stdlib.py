"""What a simulated program finds in the place of `time`, `threading`, `queue` and `random`.

While there is a run, some functions and classes of the standard library are replaced by ones that
look which world their thread lives in. On threads of the real world they do what they always did;
on those of a run they go by its scheduler. They are found by code that looks them up in their
modules, `time.sleep(1)`; a program that has imported the function itself, before the run, has the
real one.

The generators of `random` are seeded for each run, and set back afterwards.

A program may look in a loop whether something has come to pass, and never wait. What it can look
at tells the scheduler, which has others go first at times (`Scheduler.look`): the clocks, locks
and all that is made of them, events, queues, threads, and of the library's own, whether an actor
is alive, a future done, and a router without routees.
"""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import random
import sys
import threading
import time
from contextlib import contextmanager, suppress
from functools import wraps
from typing import TYPE_CHECKING, Any

from pykka._cell.spawn_options import current
from pykka._deadlock.wait_graph import is_ours
from pykka._futures.threading_future import ThreadingFuture
from pykka._ref.ref import ActorRef
from pykka._util.locks import held
from pykka.routing._collective import Collective
from pykka.routing._routees import Routees
from pykka.runtimes.pool import monitor, worker
from pykka.timers import _clock, _errands

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pykka.simulation._engine._scheduler import Scheduler

EPOCH = 1_700_000_000.0
"""What `time.time()` says when a run begins."""

_PythonQueue: Any = queue._PySimpleQueue  # type: ignore[attr-defined]


def scheduler_here() -> Scheduler | None:
    """The scheduler of the run that this thread belongs to; `None` in the real world."""
    return getattr(current.state.world, "scheduler", None)


def users_frame(frame: Any) -> Any:
    """The innermost frame that is neither the library's nor a lock's or a queue's of Python."""
    while frame is not None and (frame.f_code.co_filename in _LOCKS_AND_QUEUES or is_ours(frame)):
        frame = frame.f_back
    return frame


_LOCKS_AND_QUEUES = {queue.__file__, threading.__file__}


def is_in_our_hands(frame: Any) -> bool:
    """Tell whether it is the library that looks at a lock or a clock, and not the program.

    It may hold a lock of the real world meanwhile, and others must not go first then.

    Args:
        frame: Where the scheduler is told of the look.
    """
    while frame is not None and (
        frame.f_code.co_filename in _LOCKS_AND_QUEUES or _is_simulators(frame)
    ):
        frame = frame.f_back
    return frame is None or is_ours(frame)


def _is_simulators(frame: Any) -> bool:
    module: Any = frame.f_globals.get("__name__")
    return type(module) is str and module.startswith("pykka.simulation.")


def _looking(real: Callable[..., Any], *, at_once: bool = False) -> Callable[..., Any]:
    """A function that looks at what others do, and tells the scheduler so.

    Args:
        real: The function.
        at_once: Whether it is the library that calls it, and holds no lock.
    """

    @wraps(real)
    def look(*said: Any) -> Any:
        scheduler = scheduler_here()
        if scheduler is not None:
            scheduler.look(at_once=at_once)
        return real(*said)

    return look


class SimulatedLock:
    """A lock whose waiters are told by the scheduler when to go on.

    Args:
        scheduler: That of the run.
    """

    __slots__ = ("_is_held", "_scheduler")

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._is_held = False

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:  # noqa: FBT001, FBT002 (as in the standard library)
        """See `threading.Lock.acquire`."""
        self._scheduler.touch("locks")
        self._scheduler.look()
        if not self._is_held:
            self._is_held = True
            return True
        if not blocking or timeout == 0:
            return False
        limit = None if timeout < 0 else timeout
        return bool(self._scheduler.wait(self.acquire, limit))

    def release(self) -> None:
        """See `threading.Lock.release`."""
        self._scheduler.touch("locks")
        if not self._is_held:
            msg = "release unlocked lock"
            raise RuntimeError(msg)
        self._is_held = False

    def locked(self) -> bool:
        """See `threading.Lock.locked`."""
        self._scheduler.touch("locks")
        self._scheduler.look()
        return self._is_held

    def is_held(self) -> bool:
        """Tell the same to the scheduler, who has nothing to do with it."""
        return self._is_held

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_exception: object) -> None:
        self.release()

    def _at_fork_reinit(self) -> None:
        self._is_held = False


class SimulatedRLock:
    """A lock that one strand may hold several times.

    Args:
        scheduler: That of the run.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._lock = SimulatedLock(scheduler)
        self._owner: Any = None
        self._count = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:  # noqa: FBT001, FBT002 (as in the standard library)
        """See `threading.RLock`."""
        me = self._scheduler.strand
        if self._owner is me and self._count:
            self._count += 1
            return True
        if not self._lock.acquire(blocking, timeout):
            return False
        self._owner, self._count = me, 1
        return True

    def release(self) -> None:
        """See `threading.RLock`."""
        if not self._is_owned():
            msg = "cannot release un-acquired lock"
            raise RuntimeError(msg)
        self._count -= 1
        if not self._count:
            self._owner = None
            self._lock.release()

    def locked(self) -> bool:
        """Tell whether any strand holds it."""
        return self._lock.locked()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_exception: object) -> None:
        self.release()

    # What `threading.Condition` asks of it.

    def _is_owned(self) -> bool:
        return self._count > 0 and self._owner is self._scheduler.strand

    def _release_save(self) -> tuple[int, Any]:
        saved = self._count, self._owner
        self._count, self._owner = 0, None
        self._lock.release()
        return saved

    def _acquire_restore(self, saved: tuple[int, Any]) -> None:
        self._lock.acquire()
        self._count, self._owner = saved

    def _at_fork_reinit(self) -> None:
        self._lock._at_fork_reinit()
        self._count, self._owner = 0, None


class SimulatedThread:
    """What is kept of a thread that a simulated program has started.

    Args:
        scheduler: That of the run.
        thread: The thread.
    """

    __slots__ = ("_scheduler", "_thread", "end")

    def __init__(self, scheduler: Scheduler, thread: threading.Thread) -> None:
        self._scheduler = scheduler
        self._thread = thread
        self.end = SimulatedLock(scheduler)
        """Is held until the thread has ended."""
        self.end.acquire()

    def run(self) -> None:
        """Do what the thread does."""
        try:
            self._thread.run()
        except Exception as error:
            self._scheduler.find("unhandled exception", f"in a thread: {error!r}", error)
        except SystemExit:
            pass
        finally:
            self.end.release()


_threads = "_pykka_simulated"
"""The attribute in which a thread's `SimulatedThread` is kept."""


def _sleep(seconds: float) -> None:
    scheduler = scheduler_here()
    if scheduler is None or not seconds >= 0:
        _real_sleep(seconds)
    else:
        scheduler.sleep(seconds)


def _clock_of(real: Callable[[], Any], begins: float, each: float = 1) -> Callable[[], Any]:
    def tell() -> Any:
        scheduler = scheduler_here()
        if scheduler is None:
            return real()
        scheduler.look()
        now = begins + scheduler.now
        return now if each == 1 else int(now * each)

    return tell


def _lock_of(real: Callable[[], Any], simulated: Callable[[Scheduler], Any]) -> Callable[[], Any]:
    def make() -> Any:
        scheduler = scheduler_here()
        return real() if scheduler is None or _is_for_reality() else simulated(scheduler)

    return make


def _is_for_reality() -> bool:
    """Tell whether what is made belongs to the real world, and will outlive the run.

    A module may be being loaded; or a pool or a clock that actors outside of the run have is
    starting a thread, as something was sent there.
    """
    frame: Any = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        if code.co_name == "<module>" or code.co_filename in _OF_REALITY:
            return True
        frame = frame.f_back
    return False  # that is the whole stack of a carrier


_OF_REALITY = {module.__file__ for module in (worker, monitor, _clock, _errands)}


def _start(thread: threading.Thread) -> None:
    scheduler = scheduler_here()
    if scheduler is None or _is_for_reality():
        _real_start(thread)
        return
    if getattr(thread, _threads, None) is not None:
        msg = "threads can only be started once"
        raise RuntimeError(msg)
    scheduler.give_others_a_turn()
    simulated = SimulatedThread(scheduler, thread)
    setattr(thread, _threads, simulated)
    thread._started.set()  # type: ignore[attr-defined]
    scheduler.start_job(simulated.run, scheduler.number("thread"))


def _join(thread: threading.Thread, timeout: float | None = None) -> None:
    simulated = getattr(thread, _threads, None)
    if simulated is None:
        _real_join(thread, timeout)
    elif simulated.end.acquire(timeout=-1 if timeout is None else max(0.0, timeout)):
        simulated.end.release()


def _is_alive(thread: threading.Thread) -> bool:
    simulated = getattr(thread, _threads, None)
    return _real_is_alive(thread) if simulated is None else simulated.end.locked()


def seed_chance(seed: int) -> None:
    """Do what `random.seed()` does with a whole number, in half the time."""
    _seed(seed)
    _generator.gauss_next = None


_generator: Any = random._inst
"""That of the functions of `random`."""
_seed: Any = super(random.Random, _generator).seed  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]


def _urandom(size: int) -> bytes:
    scheduler = scheduler_here()
    return _real_urandom(size) if scheduler is None else scheduler.world.entropy(size)


_real_sleep = time.sleep
_real_start, _real_join = threading.Thread.start, threading.Thread.join
_real_is_alive = threading.Thread.is_alive
_real_urandom = os.urandom


class _StandIn(type):
    """What stands for a class of the standard library has for its own what either world makes.

    A class that is derived from one is derived from what would be made there.
    """

    def __new__(cls, name: str, bases: tuple[Any, ...], namespace: dict[str, Any]) -> Any:
        if not bases:
            return super().__new__(cls, name, bases, namespace)
        world = int(scheduler_here() is not None and not _is_for_reality())
        own = [getattr(each, "of_worlds", {world: each})[world] for each in bases]
        return type(name, tuple(own), namespace)

    def __instancecheck__(cls: Any, instance: object) -> bool:
        return isinstance(instance, cls.of_worlds)

    def __subclasscheck__(cls: Any, subclass: type[Any]) -> bool:
        return issubclass(subclass, cls.of_worlds)


class _ChoosingQueue(metaclass=_StandIn):
    """Stands for `queue.SimpleQueue`."""

    of_worlds: Any = (queue.SimpleQueue, _PythonQueue)

    def __new__(cls) -> Any:
        is_real = scheduler_here() is None or _is_for_reality()
        return _real_queue() if is_real else _looked_at_queue()

    def __class_getitem__(cls, _item: object) -> Any:
        return cls


_real_queue: Any = queue.SimpleQueue


def _is_empty(items: Any) -> bool:
    return not items._queue


def _length(items: Any) -> int:
    return len(items._queue)


class _LookedAtQueue(_PythonQueue):  # type: ignore[misc]
    """A queue that tells the scheduler if it is looked at."""

    empty: Any = _looking(_is_empty)
    qsize: Any = _looking(_length)


_looked_at_queue: Any = _LookedAtQueue


class _ChoosingLock(metaclass=_StandIn):
    """Stands for `threading.Lock`, which newer Pythons have as a class."""

    of_worlds: Any = (type(threading.Lock()), SimulatedLock)

    def __new__(cls) -> Any:
        scheduler = scheduler_here()
        is_real = scheduler is None or _is_for_reality()
        return _real_lock() if is_real else SimulatedLock(scheduler)  # type: ignore[arg-type]


_real_lock: Any = threading.Lock


def _new_event_loop() -> Any:
    scheduler = scheduler_here()
    return _real_new_loop() if scheduler is None else scheduler.new_loop()


_real_new_loop = asyncio.new_event_loop


def _looked_at(owner: Any, name: str, *, at_once: bool = False) -> tuple[Any, str, Any]:
    real: Any = owner.__dict__[name]
    return owner, name, _looking(real, at_once=at_once)


_REPLACED: tuple[tuple[Any, str, Any], ...] = (
    (queue, "SimpleQueue", _ChoosingQueue),
    (queue, "time", _clock_of(time.monotonic, 0.0)),
    (time, "sleep", _sleep),
    (time, "monotonic", _clock_of(time.monotonic, 0.0)),
    (time, "perf_counter", _clock_of(time.perf_counter, 0.0)),
    (time, "time", _clock_of(time.time, EPOCH)),
    (time, "monotonic_ns", _clock_of(time.monotonic_ns, 0.0, 1e9)),
    (time, "perf_counter_ns", _clock_of(time.perf_counter_ns, 0.0, 1e9)),
    (time, "time_ns", _clock_of(time.time_ns, EPOCH, 1e9)),
    (os, "urandom", _urandom),
    (asyncio, "new_event_loop", _new_event_loop),
    (asyncio.events, "new_event_loop", _new_event_loop),
    (threading, "_time", _clock_of(time.monotonic, 0.0)),
    (threading, "Lock", _ChoosingLock),
    (threading, "_allocate_lock", _lock_of(threading.Lock, SimulatedLock)),
    (threading, "RLock", _lock_of(threading.RLock, SimulatedRLock)),
    (threading.Thread, "start", _start),
    (threading.Thread, "join", _join),
    (threading.Thread, "is_alive", _is_alive),
    _looked_at(threading.Event, "is_set"),
    _looked_at(ActorRef, "is_alive"),
    _looked_at(Collective, "is_alive"),
    _looked_at(ThreadingFuture, "done"),
    _looked_at(Routees, "_dead_error", at_once=True),
)

_guard = threading.Lock()
_replaced: list[Any] = []
"""What there was in the place of each of them; empty if nothing is replaced."""
_users: list[None] = []
"""As many entries as there are crews at work."""


class _OnlyWhatIsTold(logging.Filter):
    """Lets nothing through that a simulated program logs, if the run is not to tell of it."""

    def filter(self, record: logging.LogRecord) -> bool:
        del record
        scheduler = scheduler_here()
        return scheduler is None or (scheduler.tells and not scheduler.is_over)


_filter = _OnlyWhatIsTold()


def _loggers() -> list[logging.Logger]:
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] == "pykka"]
    return [logging.getLogger(name) for name in names]


class _Hook:
    """Stands for `pykka.crash_hook`.

    Args:
        real: What was there.
    """

    def __init__(self, real: Any) -> None:
        self.real = real

    def __call__(self, crash: Any) -> None:
        scheduler = scheduler_here()
        if scheduler is None or (scheduler.tells and not scheduler.is_over):
            self.real(crash)


@contextmanager
def replaced() -> Generator[None]:
    """Have all of it replaced in a block, on all threads that belong to a run."""
    for release in held(_guard):
        try:
            _users.append(None)
            if len(_users) == 1:
                _replace()
        finally:
            release()
    chance = random.getstate()
    try:
        yield
    finally:
        random.setstate(chance)
        for release in held(_guard):
            try:
                _users.pop()
                if not _users:
                    _restore()
            finally:
                release()


def _replace() -> None:
    pykka: Any = sys.modules["pykka"]
    replacements = [*_REPLACED]
    if pykka.crash_hook is not None:
        replacements.append((pykka, "crash_hook", _Hook(pykka.crash_hook)))
    for owner, name, replacement in replacements:
        _replaced.append((owner, name, owner.__dict__[name], replacement))
        setattr(owner, name, replacement)
    for logger in _loggers():
        logger.addFilter(_filter)


def _restore() -> None:
    while _replaced:
        owner, name, real, replacement = _replaced.pop()
        if owner.__dict__[name] is replacement:  # else the program has put another one there
            setattr(owner, name, real)
    for logger in _loggers():
        with suppress(ValueError):
            logger.removeFilter(_filter)
