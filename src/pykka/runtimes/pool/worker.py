"""The threads of a dispatcher, and the queues in which actors wait for one of them.

Run queues
    Each worker has a run queue of its own, and all share one more, `injected`. An actor that is
    made ready by code on a worker goes into that worker's queue, and wakes no other: two actors
    that play ping-pong stay on one thread. All others go into the shared queue, in which idle
    workers sit and wait.

    A worker takes from its own queue; every 64th time, and when its own is empty, from the shared
    one, so that two that play ping-pong for ever do not keep a message from outside waiting.
    Before it sits down it takes from the queues of others.

The bench
    With the GIL only one worker runs Python code at a time, and each further one that wants to
    is one more that threads outside the pool have to compete with for the GIL: each of them takes
    it for a whole switch interval. So while the workers compute (`is_contended`, which the
    monitor decides), no more of them stay awake than `wanted`. A worker that is one too many and
    has finished with an actor hands over what waits in its own queue, and sits down on the `bench`
    instead of at the shared queue. There it is found by `call_for_help` and by the monitor when
    the one that is awake waits or sleeps, and when the pool has calmed down.

    Invariant: a worker that sits down on the bench leaves another one awake. Both are in the
    counts, which are looked at and changed under the lock, so of two that leave at once only one
    does.

Growing and shrinking
    - A worker that is about to wait for a future says so (`will_block`). What waits in its own
      queue moves to the shared one, and a worker is found that takes it.
    - The monitor (`pykka.runtimes.pool.monitor`) sees to the rest: workers that hang in a
      handler, workers that are too many.

    Threads are started by `add_worker` only. It never happens under a lock, and never on the main
    thread, for `Thread.start()` does not bear a signal handler that raises, nor on a clock's, for
    it waits for the new thread; there, a small thread does it.

Invariant: if an actor waits in the shared queue then a worker sits there or will come there before
it sits down anywhere else, or a worker is being started, or the monitor is awake and will look.
A sender puts its hint into the queue and *then* looks whether a worker sits there (`parked`); a
worker counts itself in and *then* asks the queue. So one of the two sees the other.

The counts are changed under a lock, by threads on which no signal handler runs. It is re-entrant,
for a finaliser that sends something may run in the middle of it. Where a worker holds it on its
way from one actor to the next, none does (see `pykka._util.locks`), for a finaliser may also wait
for an answer, which comes from a worker that needs the lock.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import time
from _thread import start_new_thread
from collections import deque
from contextvars import Context
from queue import Empty, SimpleQueue
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from pykka._cell.spawn_options import current
from pykka._deadlock.stacks import has_room, runs_actor
from pykka._deadlock.wait_graph import waits_only_for
from pykka._exceptions import PoolExhaustedError
from pykka._futures.ask import answers_an_asker
from pykka._lifecycle.invoke import NONE, SPECIAL, end_of_message, fail_told
from pykka._lifecycle.termination import end_in_any_case, fall
from pykka._util.gil import FENCE, NOTHING, give_way
from pykka._util.locks import held
from pykka._util.log import report_failure
from pykka.runtimes.pool.monitor import Monitor
from pykka.runtimes.pool.rescue import call_helpers, dismiss_helpers
from pykka.runtimes.pool.run import BATCH, MANY, run
from pykka.timers._errands import report

if TYPE_CHECKING:
    from pykka._cell.spawn_options import ActorState
    from pykka.runtimes.pool.cell import PooledCell

SHARED_EVERY = 64
"""A worker serves the shared queue first every so many times. A power of two."""

FREE_THREADED = FENCE

MOST_AT_ONCE_WITH_THE_GIL = 4

WORK, HOME = "work", "home"
"""What workers on the bench wait for."""


def how_many_at_once() -> int:
    """How many workers are wanted that do not block.

    With the GIL only one of them runs Python code at a time; but one may be in a system call or in
    compiled code.
    """
    cores = max(2, os.cpu_count() or 1)
    return cores if FREE_THREADED else min(cores, MOST_AT_ONCE_WITH_THE_GIL)


class Pool:
    """The threads of one dispatcher.

    Args:
        name: What the names of its threads begin with.
        most: How many threads there may be.
        is_bounded: Whether the user has chosen that number.
        caller_runs: Whether a thread that waits for an actor may run it.
    """

    def __init__(self, name: str, most: int, *, is_bounded: bool, caller_runs: bool) -> None:
        self.name = name
        self.most = most
        self.is_bounded = is_bounded
        self.caller_runs = caller_runs
        self.at_once = min(how_many_at_once(), most)
        self._numbers = itertools.count(1)
        self._begin_afresh()

    def _begin_afresh(self) -> None:
        self.lock = threading.RLock()
        self.injected: SimpleQueue[PooledCell | None] = SimpleQueue()
        self.put = self.injected.put
        self.workers: list[Worker] = []
        self.parked = 0
        """How many workers sit at the shared queue."""
        self._puts = 0
        """How much was put into the shared queue."""
        self.takes = 0
        """How much of that was taken out, by a worker that does not count as parked any more."""
        self.blocked = 0
        """How many workers wait for a future."""
        self.blocked_for_ever = 0
        """Those of them that wait without a limit."""
        self.stuck = 0
        """How many workers sleep in a handler, as far as the monitor knows."""
        self.is_starting = False
        """Whether a worker has been asked for, a new one or one from the bench, that is not there
        yet."""
        self.is_contended = False
        """Whether the workers compete for the GIL, as far as the monitor knows."""
        self.outside = 0
        """How many workers compute without the GIL, as far as the monitor knows."""
        self.bench: SimpleQueue[object] = SimpleQueue()
        """Where superfluous workers sit: `WORK` has one look for work, `HOME` sends it home."""
        self.benched = 0
        """How many workers sit on the bench."""
        self.is_ending = False
        """Whether the program ends, and workers do not sit down any more."""
        self.monitor = Monitor(self)
        self.lacks_threads = False
        """Whether a thread could not be started when the program ends."""
        self.news: SimpleQueue[None] = SimpleQueue()
        """Rings, when the program ends, when a worker has left or cannot be started."""

    def renew(self) -> None:
        """Begin afresh in a child process, which has none of the threads."""
        worker: Any = current.state.worker
        self._begin_afresh()
        if worker is not None and worker.pool is self:  # the thread that forked
            # It goes on with its actor, and then leaves; there are others for what is new.
            worker.local.clear()
            worker.blocked = 0
            worker.is_parked = worker.is_benched = False
            worker.retire()
            self.workers.append(worker)

    def inject(self, cell: PooledCell) -> None:
        """Put a hint into the shared queue, and see that a worker takes it."""
        try:
            # No signal handler can strike between these two.
            cell.queued = True
            self.put(cell)
        finally:
            self._count_put()
            if not self.parked:
                self.call_for_help()

    def share(self, item: PooledCell | None) -> None:
        """Put a hint into the shared queue, or a token that sends a worker home."""
        self.put(item)
        self._count_put()

    def _count_put(self) -> None:
        for release in held(self.lock):
            self._puts += 1
            release()

    def call_for_help(self) -> None:
        """Have a worker started, unless enough are awake, or there are as many as there may be."""
        total = len(self.workers)
        if self.is_starting or total - self.benched - self.blocked - self.stuck >= self.wanted:
            return
        if self.benched:
            # No signal handler can strike between these two.
            self.is_starting = True
            self.bench.put(WORK)
            return
        if total >= self.most:
            return
        state = current.state
        if not (state.is_main or state.is_clock) and has_room():
            self.add_worker()
            return
        try:
            # No signal handler can strike between these two.
            self.is_starting = True
            start_new_thread(self.add_worker, ())
        except RecursionError:
            self.is_starting = False
            raise
        except RuntimeError as error:
            self.is_starting = False
            self._report_lack(error)

    @property
    def wanted(self) -> int:
        """How many workers are wanted that do not block."""
        return min(self.at_once, 1 + self.outside) if self.is_contended else self.at_once

    def one_more(self) -> bool:
        """Have one more worker look for work; False if none can be had. Not on the main thread."""
        if self.benched:
            self.bench.put(WORK)
            return True
        return self.add_worker()

    def clear_the_bench(self) -> None:
        """Have all who sit on the bench look for work, and then sit at the shared queue."""
        self.is_contended = False
        for _ in range(self.benched):
            self.bench.put(WORK)

    def send_home(self, count: int) -> None:
        """Send workers home, as many as are told, or as soon as they sit."""
        from_the_bench = max(0, min(count, self.benched))
        for _ in range(from_the_bench):
            self.bench.put(HOME)
        for _ in range(count - from_the_bench):
            self.share(None)

    def add_worker(self) -> bool:
        """Start a worker; False if there are as many as there may be, or no thread can be had."""
        worker = Worker(self)
        with self.lock:
            self.is_starting = False
            if len(self.workers) >= self.most:
                return False
            self.workers.append(worker)
        try:
            threading.Thread(
                target=worker.main, name=f"{self.name}-{next(self._numbers)}", daemon=True
            ).start()
        except RuntimeError as error:
            with self.lock:
                self.workers.remove(worker)
            if self.is_ending:
                self.lacks_threads = True
                self.news.put(None)
            self._report_lack(error)
            return False
        dismiss_helpers(self)
        return True

    def _report_lack(self, error: BaseException) -> None:
        """See to it that work is done without a thread for it, and say so once."""
        if call_helpers(self) and not self.is_ending:
            report(error, "The dispatcher %s cannot start a thread:", self.name)

    def begin_to_end(self) -> None:
        """Have the workers leave, now if all sit, or when the last one sits down."""
        workers = len(self.workers)
        all_sit = False
        for release in held(self.lock):
            self.is_ending = True
            all_sit = self.parked >= workers and self.takes >= self._puts
            release()
        self.clear_the_bench()
        if all_sit:
            for _ in range(workers):
                self.share(None)

    def is_hopeless(self) -> bool:
        """Tell whether no thread of the pool can go on until it has one more thread.

        That is so if there are as many threads as there may be, and all of them wait, without a
        limit and perhaps by way of others, for actors that are not running and would need one.

        A thread that blocks makes that known, in `Cell.waiting` and in the counts, and *then*
        asks this. So the last one to do so sees all the others.
        """
        if self.blocked_for_ever < self.most:
            return False
        return all(self._waits_for_a_thread(worker) for worker in self.workers.copy())

    def _waits_for_a_thread(self, worker: Worker) -> bool:
        source = worker.state.cell
        return source is not None and waits_only_for(source, self._needs_a_thread)

    def _needs_a_thread(self, cell: Any) -> bool:
        return getattr(cell, "pool", None) is self and bool(cell.run_token)

    def has_work(self) -> bool:
        """Tell whether an actor waits in the shared queue. Only while there are no workers."""
        with contextlib.suppress(Empty):
            while True:
                found = self.injected.get_nowait()
                with self.lock:
                    self.takes += 1
                if found is not None:
                    self.share(found)
                    return True
        return False

    def exhausted(self) -> PoolExhaustedError:
        """The error for who waits for an actor that cannot get a thread."""
        return PoolExhaustedError(
            f"the dispatcher {self.name!r} has its maximum of {self.most} threads, and all of "
            "them wait for answers, so none is left for the actor that this answer has to come "
            "from; let it have more with Dispatcher(max_threads=...), or use tell() where nobody "
            "has to wait"
        )

    def work_here(self) -> None:
        """Be a worker on this very thread, until nothing is left to do."""
        worker = Worker(self)
        with self.lock:
            self.workers.append(worker)
        worker.main()

    def is_quiet(self) -> bool:
        """Tell whether no actor runs or waits for a worker."""
        with self.lock:
            idle = self.parked + self.benched
            return idle == len(self.workers) and self.takes >= self._puts


class Worker:
    """One thread of a pool."""

    __slots__ = (
        "_for_ever",
        "_is_retired",
        "_was_benched",
        "_was_parked",
        "awake",
        "blocked",
        "clock",
        "cpu",
        "freedom",
        "is_benched",
        "is_parked",
        "local",
        "picks",
        "pool",
        "seen",
        "since",
        "state",
    )

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.local: deque[PooledCell] = deque()
        self.blocked = 0
        """For how many futures the thread waits: a finaliser may wait in the middle of a wait."""
        self.is_parked = False
        """Whether it sits at the shared queue. The pool does not count it as one that does while a
        finaliser waits for a future there."""
        self.is_benched = False
        """Whether it sits on the bench; with the same exception."""
        self.picks = 0
        """How many actors it has taken up so far."""
        self.state = current.state
        self._for_ever = False
        self._was_parked = self._was_benched = False
        """Whether it sat there, and did not count as such, when it began to wait."""
        self._is_retired = False
        # The rest is the monitor's.
        self.clock: int | None = None
        self.seen = -1
        self.cpu: float | None = None
        """The thread's CPU time at its last sign of life, if it is known."""
        self.since = 0.0
        """When it gave the last sign of life, or was looked at for the first time."""
        self.awake = -1.0
        """When it was last seen to use the processor."""
        self.freedom = 0.0
        """The share of recent looks at which it was computing although it had not the GIL."""

    def main(self) -> None:
        """What the thread does."""
        state = current.state
        self.state = state
        state.worker = self
        state.accepts = self.pool
        state.push = self.local.append
        with contextlib.suppress(AttributeError, OSError):  # not on every system
            self.clock = time.pthread_getcpuclockid(threading.get_ident())
        self.since = time.monotonic()
        self.pool.monitor.wake()
        try:
            while not self._is_retired:
                # Actors run in an empty context. One that sets a variable keeps it as its own.
                context = Context()
                try:
                    context.run(self._work, state, context)
                except BaseException as error:
                    if state.cell is None:
                        raise
                    self._drop(state, context, error)
        except BaseException:  # pragma: no cover (a defect of ours)
            report_failure("A worker of the dispatcher %s ended:", self.pool.name)
            raise
        finally:
            state.worker = state.accepts = state.push = None
            self._leave()

    @runs_actor(cell="cell")
    def _work(  # noqa: C901, PLR0912, PLR0915 (one function, because a call costs)
        self, state: ActorState, context: Context
    ) -> None:
        """Run one actor after the other until this worker is superfluous, or `context` taken.

        Invariant: `cell` is bound only from when this worker has taken the turn of that actor
        until it has given it back. From outside, it is what tells who runs the actor. A worker
        that has found the turn taken (by its `hint`) is not to be mistaken for the one who has it.
        """
        # What is used for each message is in local variables: to look a global one up takes long
        # where instructions are not specialised, which is so in CPython 3.13 without the GIL.
        local = self.local
        often, batch, many, fence = SHARED_EVERY - 1, BATCH, MANY, FENCE
        length, special, none = len, SPECIAL, NONE
        is_taken = False
        hint: PooledCell | None
        for picks in itertools.count(self.picks + 1):
            self.picks = picks
            if local and picks & often:
                try:
                    hint = local.popleft()
                except IndexError:  # another worker took it
                    continue
            else:
                hint = self._find()
                if hint is None:
                    return
            # In this order: see pykka.runtimes.pool.cell.
            turn = hint.run_token
            # twin: take hint (2 statements)
            hint.queued = False
            try:
                del turn[0]
            except IndexError:
                if hint.closed:
                    self._bury_the_rest(hint)
                del hint
                continue
            state.cell = cell = hint
            del hint
            if cell.fast_loop_ok and not cell.backlog:
                # This is run() for the usual case: one message, and nothing after it.
                inbox: Any = cell.inbox
                if inbox and not cell.has_system_messages:
                    for _ in batch:
                        item: Any = inbox.pop(0)
                        # twin: give way (1 statement)
                        if state.owes is not None and not answers_an_asker(item):
                            give_way(state)
                        # twin: handle either (1 statement)
                        if type(item) in special:
                            special[type(item)](cell, item)
                        else:
                            cell.handling = none if item is None else item
                            try:
                                result: Any = cell.actor.on_receive(item)  # type: ignore[union-attr]
                                # twin: refuse coroutine (1 statement)
                                if result is not None and type(result) is CoroutineType:
                                    cell.take_over(result, end_of_message)  # raises
                            except BaseException as error:
                                fail_told(cell, error)
                            cell.handling = None
                        if not inbox or cell.has_system_messages:
                            break
                        if length(inbox) >= many:
                            run(cell)
                            break
                    item = result = None
            elif cell.context is None:
                run(cell)
            else:
                cell.context.run(run, cell)
            if cell.has_system_messages:
                if cell.fast_loop_ok:
                    if cell.closed:  # it was abandoned while no thread ran it, and the hint counts
                        self._bury_the_rest(cell)
                    else:
                        run(cell)
                state.cell = None
                # Before the turn is parked, for then another thread may run the actor.
                if context and cell.keep_context(context):
                    is_taken = True
                if cell.keeps_turn():
                    if context:
                        return
                    del cell
                    continue
            state.cell = None
            if context and cell.context is None:
                # twin: keep context (2 statements)
                cell.context = context
                cell.fast_loop_ok = cell.direct_call_ok = False
                is_taken = True
            # No signal handlers run here, so this may stop at nothing.
            # twin: give turn back (4 statements)
            turn.append(True)
            inbox = cell.inbox  # only now; it may not have been there before
            if fence:
                inbox.extend(NOTHING)
            if (inbox or cell.backlog or cell.has_system_messages) and not cell.queued:
                cell.queued = True
                local.append(cell)
            del cell
            if is_taken:
                return

    @runs_actor(cell="cell")
    def _drop(self, state: ActorState, context: Context, error: BaseException) -> None:
        """See to an actor whose messages or exceptions have raised where they were looked at.

        This worker has the actor's turn. That is given back, and the worker goes on, in another
        context than this one.
        """
        cell: Any = state.cell
        fall(cell, error)
        if cell.stopped:
            end_in_any_case(cell)
        state.cell = None
        if context:
            cell.keep_context(context)
        if not cell.keeps_turn():
            # twin: give turn back in doubt (2 statements)
            cell.run_token.append(True)
            cell.schedule()

    def _find(self) -> PooledCell | None:
        """Wait for an actor that is ready; `None` if this worker is not needed any more."""
        while self.pool.is_contended and not self._is_retired and self._sit_on_the_bench():
            pass
        found = self._take_shared() or self._take_own() or self._steal()
        if found is None and not self._is_retired:
            return self._sit_down()
        return found

    def _sit_on_the_bench(self) -> bool:
        """Sit aside until another worker is wanted, if there is one too many; False if not."""
        pool = self.pool
        if pool.is_ending or len(pool.workers) - pool.benched - pool.parked <= pool.wanted:
            return False
        self.state.push = pool.inject
        self.hand_over()
        wanted = pool.wanted
        for release in held(pool.lock):
            awake = len(pool.workers) - pool.benched - pool.parked - pool.blocked - pool.stuck
            self.is_benched = awake > wanted and not pool.is_ending
            pool.benched += self.is_benched
            release()
        if not self.is_benched:
            self.state.push = self.local.append
            return False
        self.state.owes = None  # it is paid by sleeping
        is_wanted = pool.bench.get() is WORK
        for release in held(pool.lock):
            self.is_benched = False
            pool.benched -= 1
            pool.is_starting = False
            if not is_wanted:
                pool.workers.remove(self)
            release()
        self._is_retired = not is_wanted
        if is_wanted and pool.monitor.is_asleep:
            pool.monitor.wake()
        self.state.push = self.local.append
        return True

    def _take_shared(self) -> PooledCell | None:
        injected = self.pool.injected
        if injected.empty():
            return None
        try:
            found = injected.get_nowait()
        except Empty:
            return None
        pool = self.pool
        for release in held(pool.lock):
            pool.takes += 1
            release()
        if found is None:
            self._is_retired = True
            self.hand_over()
        return found

    def _take_own(self) -> PooledCell | None:
        with contextlib.suppress(IndexError):
            return self.local.popleft()
        return None

    def _steal(self) -> PooledCell | None:
        """Take from the queue of another worker, the one that waits longest first."""
        for other in self.pool.workers.copy():
            if other.local:
                with contextlib.suppress(IndexError):
                    return other.local.popleft()
        return None

    def _sit_down(self) -> PooledCell | None:
        """Wait at the shared queue.

        Problem: a finaliser may run on this thread at any moment, and send something. If that went
        into the own queue after this worker had looked there, no worker might ever look again.

        Invariant: nothing comes into the own queue of a worker after its last look before it sits.
        For first of all, what is sent on this thread is made to go to the shared queue, and *then*
        comes the last look.
        """
        pool = self.pool
        self.state.owes = None  # it is paid by sleeping
        self.state.push = pool.share
        if self.local:
            self.state.push = self.local.append
            return self._take_own() or self._find()
        for release in held(pool.lock):
            pool.parked += 1
            self.is_parked = True
            release()
        if pool.is_ending:
            # The last one to sit down sends all home, itself included.
            with pool.lock:
                all_sit = pool.is_quiet() and not pool.benched
                for _ in range(pool.parked if all_sit else 0):
                    pool.share(None)
        found = pool.injected.get()
        for release in held(pool.lock):
            pool.parked -= 1
            pool.takes += 1
            self.is_parked = False
            if found is None:
                pool.workers.remove(self)
            release()
        if found is None:
            self._is_retired = True
        elif pool.monitor.is_asleep:
            pool.monitor.wake()
        self.state.push = self.local.append
        return found

    def retire(self) -> None:
        """Leave after the current actor."""
        self._is_retired = True
        self.state.accepts = None

    def hand_over(self) -> None:
        """Move what waits in this worker's own queue to where others take it."""
        with contextlib.suppress(IndexError):
            while True:
                self.pool.share(self.local.popleft())

    def will_block(self, *, for_ever: bool) -> None:
        """Make up for this thread, which is about to wait for a future.

        Args:
            for_ever: Whether the wait has no limit.

        Raises:
            PoolExhaustedError: See `Pool.is_hopeless`.
        """
        pool = self.pool
        self.state.accepts = None
        for release in held(pool.lock):
            self.blocked += 1
            if self.blocked == 1:
                self._for_ever = for_ever
                pool.blocked += 1
                pool.blocked_for_ever += for_ever
                self._was_parked = self.is_parked
                self._was_benched = self.is_benched
                pool.parked -= self._was_parked
                pool.benched -= self._was_benched
            release()
        self.hand_over()
        if for_ever and pool.is_hopeless():
            raise pool.exhausted()
        self.let_others_work()

    def goes_on(self) -> None:
        """Be told that the wait is over, or has failed."""
        if not self.blocked:
            return
        pool = self.pool
        for release in held(pool.lock):
            self.blocked -= 1
            if not self.blocked:
                pool.blocked -= 1
                pool.blocked_for_ever -= self._for_ever
                pool.parked += self._was_parked
                pool.benched += self._was_benched
            release()
        if not self.blocked and not self._is_retired:
            self.state.accepts = pool

    def let_others_work(self) -> None:
        """Have other workers take what waits for this one."""
        self.hand_over()
        pool = self.pool
        if not pool.injected.empty() and not pool.parked:
            pool.call_for_help()

    def is_the_last(self) -> bool:
        """Tell whether the pool has no other worker for what this one would leave waiting."""
        pool = self.pool
        return not pool.parked and len(pool.workers) >= pool.most

    def _bury_the_rest(self, cell: PooledCell) -> None:
        try:
            cell.drain_to_dead_letters()
        except BaseException:
            report_failure("Somebody who was told of what %s left behind raised:", cell)

    def _leave(self) -> None:
        pool = self.pool
        with pool.lock:
            if self in pool.workers:
                pool.workers.remove(self)
        self.hand_over()
        if not pool.injected.empty() and not pool.parked:
            pool.call_for_help()
        if pool.is_ending:
            pool.news.put(None)
