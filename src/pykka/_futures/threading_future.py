"""The future that any number of threads, tasks and callbacks can wait for, without a lock.

The log
    A `ThreadingFuture` is one list to which all threads only append: waiters (things to call when
    the future is resolved) and outcomes. Appending is one indivisible step with and without the
    GIL, so the list puts everything in one order, and the order decides:

    1. The first outcome wins. A second `set()` sees that its own is not the first, and raises.
    2. A waiter *before* the first outcome is called by the setter of that outcome. A waiter
       *after* it is served by the thread that appended it. So each waiter is served exactly once,
       whatever the interleaving, and no lock is held while anything is called.

    Any number of threads may wait (guarantee G6). If a signal handler raises in the middle of
    `set()` or `get()`, the future is resolved or it is not; it is never stuck (guarantee G11):
    resolving is a single step, and waking up is done in a `finally`.

    `_outcome` is a copy of the first outcome, written after it is in the log: a short cut for
    readers. One that finds it empty asks the log.

    A get-hook (see `pykka._futures.derived`) is an entry too. Before any outcome, it means that
    only the hook can resolve the future: outcomes that others append later do not count.

    Entries are never removed but for waiters that gave up or were served, and they never move
    back. So the first outcome stays where it is or moves to the front.

The crowd
    To look for an outcome in the log is cheap as long as few wait. So a waiter goes into the log
    only if it finds the log empty. One that finds it not empty joins the future's `Crowd`, which
    is *one* entry of the log however many are in it: a waiter like any other, which serves those
    in it when it is called. So the log has as many entries as there are outcomes and get-hooks,
    and a few more, and n waiters cost n times what one costs (guarantee G13).

    1. There is one crowd, made in one step (`dict.setdefault`), and it is in the log before
       anything joins it. Who finds it not entered enters it; to be in the log twice does no harm.
    2. Who joins adds itself to the crowd *and then* looks whether there is an outcome. Who
       resolves appends the outcome *and then* copies the crowd. Each of these is one step on one
       container. If the copy comes before the joining, the outcome was there before the look: the
       waiter finds it, and serves itself. If it comes after, the waiter is in the copy.
    3. The crowd is taken out of the log by the setter that has served it, so there is an outcome
       by then, and a waiter that joins still finds that. It stays when all in it have given up.

    If both see a waiter, it is served twice, and bears it: a lock is released once, a task that
    goes on already is not woken, a callback is taken out of its box, a tick counts once.

Tried and rejected: a `threading.Condition` in each future (700 bytes and a microsecond for each
ask, for a wait that seldom happens); one lock that waiters hand on to each other (a waiter that a
signal handler interrupts while it holds the lock would stop all others).
"""

from __future__ import annotations

import functools
import itertools
import operator
import sys
from _thread import allocate_lock, start_new_thread
from types import BuiltinFunctionType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar, cast

from pykka._deadlock import loop_watch as loop_watch  # noqa: PLC0414 (it begins to watch)
from pykka._deadlock.wait_graph import block, current, lies_beneath_await
from pykka._exceptions import FutureAlreadySetError
from pykka._futures.awaiting import suspend_task
from pykka._futures.deadline import Deadline, check_timeout
from pykka._futures.derived import Derivation, Lazy, Outcome, unwrap
from pykka._futures.future import ALREADY_SET, Future
from pykka._util.checks import check_callable
from pykka._util.gil import HAS_GIL, arrivals
from pykka._util.log import is_a, is_for_the_program, report_failure, traceback_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from types import TracebackType

    from pykka._deadlock.wait_graph import WaitingCell, WaitingState
    from pykka._futures.derived import Ticks, Waiter
    from pykka._futures.future import OptExcInfo

    class AnsweringCell(WaitingCell, Protocol):
        """What a future knows of the actor that owes it: each `pykka._cell.cell.Cell` is that."""

        can_be_run: ClassVar[bool]
        """Whether a thread that waits for the actor can run it instead."""

        @property
        def may_answer_late(self) -> bool:
            """Whether a thread may do so that waits with a timeout."""
            ...

        def run_until(self, future: ThreadingFuture[Any], state: WaitingState) -> bool:
            """Run the actor on this thread until it has resolved a future."""
            ...

        awaits: ClassVar[bool]
        """Whether the actor lives in an event loop, so that a task may run it instead."""

        def lives_beneath(self, future: ThreadingFuture[Any], state: WaitingState) -> bool:
            """Tell whether the actor cannot resolve a future while this thread waits for it."""
            ...

        def answer_in_task(self, future: ThreadingFuture[Any]) -> bool:
            """Run the actor in the step of a task that awaits it, if that may be."""
            ...

        def interrupt(self, ask: object) -> None:
            """Interrupt what the handler of a question awaits, if it does."""


T = TypeVar("T")


class ThreadingFuture(Future[T]):
    """The future that actors on threads answer with, and that programs may use on their own.

    Any number of threads may wait for it, and coroutines can `await` it. The value is not copied:
    the setter of a value that can change should not change it any more.

    Examples:
        >>> import pykka
        >>> future = pykka.ThreadingFuture()
        >>> future.set(42)
        >>> future.get()
        42
    """

    __slots__ = ("_log", "_outcome")

    _crowd: Crowd | None = None

    _answered_by: AnsweringCell | None = None
    """The actor that has to resolve this future, if it is known; for the wait-for graph."""

    def __init__(self) -> None:
        super().__init__()
        self._log: list[Waiter | Outcome | Lazy[T]] = []
        self._outcome: Outcome | None = None

    def get(self, *, timeout: float | None = None) -> T:
        if timeout is not None:
            check_timeout(timeout)
        outcome = self._outcome
        if outcome is None:
            if self._lazy is not None:
                try:
                    return self._lazy.read(timeout, self._try_resolve)
                finally:
                    del self  # as below
            if timeout is None:
                # Perhaps this thread can run the actor that has to answer, instead of waiting.
                # twin: run instead (2 statements)
                source = self._answered_by
                if source is not None and source.can_be_run:
                    source.run_until(self, current.state)
                    outcome = self._outcome
                source = None
            elif (source := self._answered_by) is not None and source.may_answer_late:
                timeout = self._run_in_time(source, timeout)
                outcome = self._outcome
            if outcome is None:
                outcome = self._wait(timeout)
        if outcome[1] is None:
            value: T = outcome[0]
            return value
        try:
            return cast("T", unwrap(outcome))  # it raises
        finally:
            # The exception's traceback holds this frame; do not let the frame hold it in turn.
            del self, outcome

    @lies_beneath_await
    def __await__(self) -> Generator[Any, None, T]:
        try:
            if self._outcome is None:
                # Perhaps this task can run the actor that has to answer, instead of waiting.
                source = self._answered_by
                if source is not None and source.awaits and source.answer_in_task(self):
                    yield  # the event loop is due for a turn
                source = None
            if self._outcome is None and not self.done():
                value: T = yield from suspend_task(self)
                return value
            return self.get()
        finally:
            del self  # as in get()

    def set(self, value: T | None = None) -> None:
        if not self._try_resolve((value, None)):
            raise FutureAlreadySetError(ALREADY_SET)

    def set_exception(self, exc_info: OptExcInfo | BaseException | None = None) -> None:
        if not self._try_resolve((None, as_raised(exc_info))):
            raise FutureAlreadySetError(ALREADY_SET)

    def done(self) -> bool:
        lazy = self._lazy
        if self._has_outcome() or (lazy is not None and lazy.outcome is not None):
            return True
        return isinstance(lazy, Derivation) and all(source.done() for source in lazy.sources)

    def _has_outcome(self) -> bool:
        """Tell whether the future is resolved; unlike `done()`, it looks at nothing else."""
        return self._first_outcome() is not None

    def exception(self, *, timeout: float | None = None) -> BaseException | None:
        """Return the exception that the future ended with, or `None` if it has a value.

        The idea and the name are those of `concurrent.futures.Future.exception`.

        Args:
            timeout: As for `get()`.

        Raises:
            Timeout: As for `get()`.
            DeadlockError: As for `get()`.

        Examples:
            >>> import pykka
            >>> future = pykka.ThreadingFuture()
            >>> future.set_exception(ValueError("no"))
            >>> future.exception()
            ValueError('no')
        """
        if self._lazy is None:
            if timeout is not None:
                check_timeout(timeout)
            outcome = self._outcome
            if outcome is None and timeout is None:
                # twin: run instead (2 statements)
                source = self._answered_by
                if source is not None and source.can_be_run:
                    source.run_until(self, current.state)
                    outcome = self._outcome
                source = None
            if outcome is None:
                outcome = self._wait(timeout)
            try:
                return None if outcome[1] is None else outcome[1][0]
            finally:
                # The frames of what was run on top of this one lead to it.
                del self, outcome
        try:
            self.get(timeout=timeout)
        except BaseException as error:
            if self._ended_with(error):
                return error
            raise
        finally:
            del self  # as in get()
        return None

    def _ended_with(self, error: BaseException) -> bool:
        outcome = self._first_outcome()
        if outcome is None:
            return super()._ended_with(error)
        return outcome[1] is not None and outcome[1][0] is error

    def add_done_callback(self, function: Callable[[ThreadingFuture[T]], object]) -> None:
        """Call a function, with the future, once the future is done.

        It is called on the thread that resolves the future, or at once if that has already
        happened. So it should be quick: the thread may be another actor's. An exception in it is
        logged. The idea and the name are those of `concurrent.futures.Future.add_done_callback`.

        Raises:
            TypeError: `function` cannot be called.

        Examples:
            >>> import pykka
            >>> future = pykka.ThreadingFuture()
            >>> future.add_done_callback(lambda future: print("got", future.get()))
            >>> future.set(1)
            got 1
        """
        check_callable("a callback of a future", function, "the future")
        waiter = functools.partial(_call_back, {"function": function}, self)
        if not self._when_ready(waiter) and self._enter(waiter) is not None:
            self._serve_late(waiter)

    def _when_done(self, function: Callable[[Outcome], object], caller: str) -> None:
        del caller
        self.add_done_callback(lambda future: function(future._outcome_when_done()))

    def _outcome_when_done(self) -> Outcome:
        """What a future that is done ends with; those of `map()` make it when they are read."""
        outcome = self._first_outcome()
        try:
            return (self.get(timeout=0), None) if outcome is None else outcome
        except BaseException as error:
            return None, (error, traceback_of(error))
        finally:
            del self  # the exception's traceback holds this frame

    def _try_resolve(self, outcome: Outcome) -> bool:
        """Resolve the future; False if something else did or has to."""
        log = self._log
        if log:
            _need_room()  # for the calls that serve those who wait
        try:
            # twin: resolve (2 statements)
            log.append(outcome)
            if log[0] is outcome:
                self._outcome = outcome
                return True
            return self._settle(outcome)
        except RecursionError:
            # The stack is full, which is no fault of those who wait. Another one is not. There
            # is room for the call that starts it.
            start_new_thread(self._settle, (outcome,))
            raise
        except BaseException:
            # A signal handler raised. What it interrupted is done again from the start, so that
            # no waiter sleeps for ever. Every waiter can bear to be served twice.
            self._settle(outcome)
            raise

    def _serve_again(self) -> None:
        """Serve those who wait once more, if there is an outcome.

        For a caller that finds that a signal handler has struck while it resolved the future.
        """
        outcome = self._first_outcome()
        if outcome is not None:
            self._settle(outcome)

    def _settle(self, outcome: Outcome) -> bool:
        """Serve those who waited for an outcome in the log; False if it does not count."""
        log = self._log
        if log[0] is not outcome:
            if self._first_outcome() is not outcome:
                return False
            self._outcome = outcome
            for entry in log.copy():
                if entry is outcome:
                    break
                if callable(entry) and not _serve(entry):
                    self._forget(entry)
        self._outcome = outcome
        return True

    def _first_outcome(self) -> Outcome | None:
        """The outcome that counts, if there is one."""
        if self._outcome is not None:
            return self._outcome
        lazy: Lazy[Any] | None = None
        for entry in self._log.copy():
            if isinstance(entry, Lazy):
                lazy = cast("Lazy[Any]", entry)
            elif type(entry) is tuple and (lazy is None or lazy.outcome is entry):
                return entry  # pyright: ignore[reportUnknownVariableType, reportReturnType]
        return None

    def _run_in_time(self, source: AnsweringCell, timeout: float) -> float:
        """Run the actor that has to answer on this thread, although that may take too long.

        Args:
            source: The actor.
            timeout: The seconds that the asker waits.

        Returns:
            The seconds that are left, if there is no answer.

        Raises:
            Timeout: There is an answer, and it is late.
        """
        deadline = Deadline(timeout)
        try:
            if timeout > 0:
                source.run_until(self, current.state)
            left: float = deadline.remaining()  # type: ignore[assignment]
            if timeout > 0 and not left and self._outcome is not None:
                raise deadline.expired(source)
        finally:
            del self  # as in get()
        return left

    def _wait(self, timeout: float | None) -> Outcome:
        """Block until there is an outcome."""
        state = current.state
        lock = allocate_lock()
        lock.acquire()
        waiter = lock.release
        outcome = self._enter(waiter)
        if outcome is not None:
            self._forget(waiter)
            return outcome
        try:
            block(self, lock.acquire, state, timeout)
        except BaseException:
            self._forget(waiter)
            raise
        outcome = self._outcome or self._first_outcome()
        if outcome is None:
            self._forget(waiter)
            self._give_up(cast("float", timeout))
            raise Deadline(timeout).expired(self._answered_by)
        return outcome

    def _give_up(self, timeout: float) -> None:
        """Be told that a waiter has waited so many seconds, and waits no more."""

    def _is_waited_for(self) -> bool:
        """Tell whether there are waiters, or callbacks."""
        crowd = self._crowd
        if crowd is not None and not _LOOK_ON.issuperset(map(type, crowd.waiters.copy())):
            return True
        return any(callable(entry) and type(entry) not in _LOOK_ON for entry in self._log.copy())

    def _enter(self, waiter: Waiter) -> Outcome | None:
        """Put a waiter into the log; returns the outcome if it is there already.

        If there is none yet, its setter will call the waiter.
        """
        log = self._log
        if not log:
            log.append(waiter)
            return None if log[0] is waiter else self._first_outcome()
        return self._join(waiter)

    def _join(self, waiter: Waiter) -> Outcome | None:
        """Do the same with a waiter that is not the only one; see "The crowd" above."""
        if self._outcome is not None:
            return self._outcome
        crowd = self._crowd
        if crowd is None:
            crowd = self.__dict__.setdefault("_crowd", Crowd())
        if not crowd.is_entered:
            self._log.append(crowd)
            crowd.is_entered = True
        crowd.waiters[waiter] = None
        return self._first_outcome()

    def _serve_late(self, waiter: Waiter) -> None:
        """Serve a waiter that came after the outcome, and forget it: it may hold this future."""
        waiter()
        self._forget(waiter)

    def _forget(self, waiter: Waiter) -> None:
        crowd = self._crowd
        if crowd is None or crowd.waiters.pop(waiter, crowd) is crowd:
            try:  # noqa: SIM105 (contextlib.suppress() takes longer)
                self._log.remove(waiter)
            except ValueError:
                pass  # it was not there any more
        if isinstance(self._lazy, Derivation):
            for source, tick in self._lazy.ticks.pop(waiter, ()):
                source._forget(tick)

    def _when_ready(self, waiter: Waiter) -> bool:
        lazy = self._lazy
        if lazy is None:
            if self._enter(waiter) is not None:
                self._serve_late(waiter)
            return True
        if lazy.outcome is not None:
            waiter()
            return True
        return isinstance(lazy, Derivation) and _when_all_ready(lazy, waiter)

    def _install(self, lazy: Lazy[T]) -> None:
        self._log.append(lazy)
        if self._first_outcome() is not None:
            raise FutureAlreadySetError(ALREADY_SET)
        self._lazy = lazy


def _serve(waiter: Waiter) -> bool:
    """Call a waiter; tells whether it was a lock's `release()`."""
    is_lock = isinstance(waiter, BuiltinFunctionType)
    try:
        waiter()
    except RuntimeError as error:
        if not is_lock or is_a(error, RecursionError):
            raise
        # The lock was released before.
    if is_lock and HAS_GIL:
        # twin: owe (1 statement)
        current.state.owes = arrivals.latest
    return is_lock


class Crowd:
    """Those who wait for a future besides the first one; see above. It may be called twice.

    Their own hashes count, which are those of the interpreter: no code of a user's is run between
    two steps.
    """

    __slots__ = ("is_entered", "waiters")

    def __init__(self) -> None:
        self.is_entered = False
        self.waiters: dict[Waiter, None] = {}

    def __call__(self) -> None:
        for waiter in self.waiters.copy():
            _serve(waiter)
            self.waiters.pop(waiter, None)


class Onlooker(functools.partial[object]):
    """A waiter that passes on what comes, and wants it no more than those behind it do."""

    __slots__ = ()


_LOOK_ON: frozenset[type] = frozenset({Crowd, Onlooker})


def _when_all_ready(lazy: Derivation[Any], waiter: Waiter) -> bool:
    """Call `waiter` when the last of the sources is ready; False if that cannot be known."""
    sources = lazy.sources
    if not sources:  # a reader has just computed the value, and needs them no more
        waiter()
        return True
    missing = set(range(len(sources)))
    ticks = [Countdown(number, missing, waiter, lazy.ticks) for number in range(len(sources))]
    # They are noted first, so that a waiter that gives up finds them, however far this has come.
    lazy.ticks[waiter] = tuple(zip(sources, ticks, strict=True))
    for source, tick in zip(sources, ticks, strict=True):
        if not source._when_ready(tick):
            for other, useless in lazy.ticks.pop(waiter, ()):
                other._forget(useless)
            return False
    return True


class Countdown:
    """Waits for one of several futures, and calls a waiter when it is the last one.

    It may be called twice, and may call the waiter twice: neither does any harm.

    Args:
        number: Which of the futures it waits for.
        missing: The numbers of those that are not ready.
        waiter: What it calls.
        ticks: Where it and its sisters are noted, by their waiter.
    """

    __slots__ = ("_missing", "_number", "_ticks", "_waiter")

    def __init__(self, number: int, missing: set[int], waiter: Waiter, ticks: Ticks) -> None:
        self._number = number
        self._missing = missing
        self._waiter = waiter
        self._ticks = ticks

    def __call__(self) -> None:
        self._missing.discard(self._number)
        if not self._missing:
            self._waiter()
            self._ticks.pop(self._waiter, None)


def _call_back(
    box: dict[str, Callable[[ThreadingFuture[T]], object]], future: ThreadingFuture[T]
) -> None:
    """Call the function in the box, once, even if this is served twice."""
    # Taking it out and calling it is one step, done in C, so that a signal handler can raise
    # before the function is taken out or when it has begun, but not in between. It calls the first
    # of [function, future] with the second; where the function has been, there is one that does
    # nothing.
    take = itertools.starmap(box.pop, (("function", _do_nothing),))
    function_and_future: Iterator[Any] = itertools.chain(take, (future,))
    try:
        functools.reduce(operator.call, function_and_future)  # pyright: ignore[reportArgumentType]
    except BaseException as error:
        if is_for_the_program(error):
            raise
        report_failure("A callback of %r raised:", future)


_do_nothing: Any = id


def as_raised(
    exc_info: OptExcInfo | BaseException | None,
) -> tuple[BaseException, TracebackType | None]:
    """What `set_exception()` was given, as an exception and its traceback.

    Raises:
        ValueError: There is none, neither given nor being handled.
        TypeError: It is something else.
    """
    if exc_info is None:
        exc_info = sys.exc_info()
        if exc_info[0] is None:
            msg = (
                "set_exception() found no exception: "
                "call it from an except block, or give it an exception"
            )
            raise ValueError(msg)
    if is_a(exc_info, BaseException):
        return exc_info, traceback_of(exc_info)
    try:
        kind, error, traceback = cast("OptExcInfo", exc_info)
    except (TypeError, ValueError):
        kind = error = traceback = None
    if error is None and isinstance(kind, type):
        error = kind()
    if not is_a(error, BaseException):
        msg = (
            "set_exception() takes an exception or a tuple (type, exception, traceback), "
            f"not {exc_info!r}"
        )
        raise TypeError(msg)
    return error, traceback if traceback is not None else traceback_of(error)


def _need_room() -> None:
    """Raise before anything is done if there is not room for a few frames."""
    _need_no_room()


def _need_no_room() -> None:
    pass


def failed_future(error: BaseException) -> ThreadingFuture[Any]:
    """A future that has ended with an exception."""
    future: ThreadingFuture[Any] = ThreadingFuture()
    future.set_exception(error)
    return future


def new_threading_future() -> Future[Any]:
    """The `_create_future()` of actors that have none of their own."""
    return ThreadingFuture()
