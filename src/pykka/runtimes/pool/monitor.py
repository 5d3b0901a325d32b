"""A thread that looks now and then whether ready actors wait though no worker takes them.

Problem
    A worker that waits for a future tells us so. One that sleeps, reads from a socket, waits for a
    lock of the user's, or computes for seconds does not. Actors behind it must not wait for it;
    and they cannot get a thread each, or a thousand actors that compute would be a thousand
    threads.

What it does, every `TICK` while workers work
    1. What waits in the own queue of a worker that has not taken up an actor since the last tick
       moves to the shared queue, where idle workers take it.
    2. If actors wait in the shared queue and no worker sits there, then
       - if fewer workers than `Pool.at_once` are awake: as many are started as are missing, and
         as many again as sleep, so that a thousand sleepers have their threads after a few dozen
         ticks;
       - otherwise one more is started; for the next one, the actors have to wait twice as long.
         That keeps those few who compute, and leaves no actor waiting for ever.
    3. With the GIL, it finds out whether the workers compete for it; see below.
    4. Workers that were too many for `CALM` seconds are sent home. When no worker has worked for
       `KEEP_ALIVE` seconds, all are, and the monitor ends too.

Sleep or work?
    A worker is awake if it has taken up an actor, or has had `WORTH_MENTIONING` seconds of CPU
    time, not long ago. "Not long" must be longer than the time in which a thread that computes has
    its turn, which with the GIL is the switch interval times the number of those that compute;
    but not longer than `HANGS`. If there are so many that some seem to sleep who only wait for
    the GIL, then enough others are seen awake, and nothing follows from it. A worker of whom
    nothing is known yet counts as awake. Where the system does not tell the CPU time of a thread,
    one that takes up no actor for `HANGS` seconds is taken for asleep.

Who competes for the GIL
    If the workers together use most of a processor then they compete for the GIL, and only one
    of them is wanted (see `pykka.runtimes.pool.worker`). Workers that sleep do not compete, nor
    do those that compute in C code which has let go of the GIL. The latter are found by looking
    twice, a few microseconds apart, while *this* thread has the GIL: a worker that uses the
    processor meanwhile does so without. One more worker is wanted for each of them, up to
    `Pool.at_once`.

    While the workers compete, one that has shown no sign of life since the last look is taken for
    asleep at once if this thread has got the GIL without having to wait for it. Otherwise the
    worker may have waited for it, too.

    Whether they have ceased to compete takes longer to find out, for a worker may use little of
    the processor because other programs do, or because it gives way to threads outside the pool
    (see `pykka._util.gil`). So a look counts as calm only if this thread got up in time and no
    worker has given way.

    Where the system does not tell the CPU time of a thread, all that is known is whether this
    thread had to wait for the GIL. Workers are taken for competing when that is so. They may then
    be taken for it because of a thread outside the pool that computes, and fewer of them hash or
    read at the same time than could.

When nothing has happened for some ticks it goes to sleep, until a worker that gets up wakes it. An
idle pool uses no CPU.
"""

from __future__ import annotations

import sys
import threading
import time
from _thread import start_new_thread
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from pykka._deadlock.stacks import has_room
from pykka._util.gil import HAS_GIL
from pykka._util.log import report_failure

if TYPE_CHECKING:
    from pykka.runtimes.pool.worker import Pool, Worker

TICK = 0.005
"""Seconds between two looks."""

QUIET_TICKS = 20
"""After so many looks at which no worker worked it goes to sleep."""

CALM = 1.0
"""Seconds for which a worker must have been too many to be sent home."""

KEEP_ALIVE = 10.0
"""Seconds after which a pool in which no worker works lets go of its threads."""

HANGS = 0.05
"""Seconds; see above."""

BUSY = 0.75
"""The share of a processor that workers use together when they compete for the GIL."""

CALM_AGAIN = 0.3
"""The share at which they do not any more."""

CERTAIN = 8
"""So many points make certain that they compete, and none are left when they do not. A look that
finds them busy makes four, and one that finds them calm takes one away."""

GLANCE = 20e-6
"""Seconds between two looks at who uses the processor without the GIL."""

PUT_OFF = 5 * GLANCE
"""A glance that takes longer proves nothing: this thread has not had the GIL all the time."""

MOST_GLANCED_AT = 4
"""So many workers are looked at in this way each time."""

WAITED_FOR_THE_GIL = 0.002
"""Seconds by which this thread gets up too late if it had to wait for the GIL."""

WORTH_MENTIONING = 0.001
"""Seconds of CPU time. To start a thread takes less."""


class Monitor:
    """The monitor of a pool.

    Args:
        pool: The pool.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._bell: SimpleQueue[None] = SimpleQueue()
        self.is_asleep = True
        """Whether it has to be woken."""
        self._lock = threading.RLock()  # as that of the pool
        self._is_running = False
        self._waiting_since: float | None = None
        self._patience = TICK
        self._window = TICK
        self._fewest_idle = 0
        self._calm_since = 0.0
        self._looked_at = 0.0
        self._heat = 0
        """How certain it is that the workers compete; see `CERTAIN`."""
        self._given = 0
        """How often the workers had given way at the last look."""
        self._cpu: dict[Worker, float] = {}
        """The workers that were awake at the last look, and their CPU time then."""
        self._is_punctual = False
        """Whether this thread has got the GIL at once."""

    def wake(self) -> None:
        """Have it look. Not on the main thread."""
        with self._lock:
            was_asleep = self.is_asleep
            self.is_asleep = False
            start = was_asleep and not self._is_running
            self._is_running = True
        if not was_asleep:
            return
        if not start:
            self._bell.put(None)
        elif has_room():
            self._start()
        else:
            start_new_thread(self._start, ())

    def _start(self) -> None:
        try:
            threading.Thread(
                target=self._main, name=f"{self._pool.name}-monitor", daemon=True
            ).start()
        except RuntimeError:  # the interpreter is shutting down
            with self._lock:
                self._is_running, self.is_asleep = False, True

    def _main(self) -> None:
        try:
            while True:
                self._watch()
                if not self._sleep():
                    return
        except BaseException:  # pragma: no cover (a defect of ours)
            report_failure("The monitor of the dispatcher %s ended:", self._pool.name)
            raise

    def _watch(self) -> None:
        """Look every tick until nothing happens any more."""
        quiet = 0
        while quiet < QUIET_TICKS:
            time.sleep(TICK)
            quiet = 0 if self.look(time.monotonic()) else quiet + 1

    def _sleep(self) -> bool:
        """Wait until a worker works; False if that took too long, and it is the end."""
        end = time.monotonic() + KEEP_ALIVE
        while True:
            self.is_asleep = True
            if not self._pool.is_quiet():  # a worker got up before it could see that
                self.is_asleep = False
                return True
            now = time.monotonic()
            are_too_many = len(self._pool.workers) > self._pool.at_once
            try:
                self._bell.get(timeout=CALM / 2 if are_too_many else max(0.0, end - now))
            except Empty:
                if are_too_many:
                    self._send_home_the_surplus(time.monotonic())
                    continue
            else:
                if self.is_asleep:  # the bell rang for an earlier sleep
                    continue
                return True
            with self._lock:
                if not self.is_asleep:  # a thread is just ringing
                    return True
                self._is_running = False
            self._pool.send_home(len(self._pool.workers))
            return False

    def look(self, now: float) -> bool:
        """Look once; False if all workers sit and wait."""
        pool = self._pool
        workers = pool.workers.copy()
        waiting = not pool.injected.empty()
        if HAS_GIL:
            self._judge(workers, now)
        for worker in workers:
            if not worker.is_parked and worker.picks == worker.seen and worker.local:
                worker.hand_over()
                waiting = True
        if waiting and not pool.parked:
            self._help(workers, now)
        else:
            self._waiting_since = None
            self._patience = TICK
            pool.stuck = 0
            self._note_picks(workers, now)
        self._send_home_the_surplus(now)
        return pool.parked + pool.benched < len(workers)

    def _judge(self, workers: list[Worker], now: float) -> None:
        """Find out whether the workers compete for the GIL."""
        pool = self._pool
        elapsed = max(now - self._looked_at, 1e-9)
        self._looked_at = now
        self._is_punctual = elapsed < TICK + WAITED_FOR_THE_GIL
        used = self._load(workers, elapsed)
        pool.outside = sum(worker.freedom > 0.5 for worker in self._cpu)  # noqa: PLR2004
        given, self._given = self._given, sum(worker.state.given for worker in self._cpu)
        if used >= BUSY:
            self._heat = min(self._heat + 4, CERTAIN)
        elif used < CALM_AGAIN and self._is_punctual and self._given == given:
            self._heat = max(self._heat - 1, 0)
        if self._heat == CERTAIN:
            pool.is_contended = True
        if pool.is_contended and not self._heat:
            pool.clear_the_bench()
        elif pool.is_contended and pool.benched and self._awake_now(workers) < pool.wanted:
            pool.one_more()

    def _load(self, workers: list[Worker], elapsed: float) -> float:
        """The share of a processor that the workers that are awake have used together."""
        seen, self._cpu = self._cpu, {}
        used = 0.0
        busy: list[Worker] = []
        for worker in workers:
            if worker.is_parked or worker.is_benched or worker.blocked:
                continue
            cpu = _cpu_time(worker)
            if cpu is None:  # it cannot be known, so the GIL has to tell
                return 0.0 if self._is_punctual else 1.0
            self._cpu[worker] = cpu
            share = (cpu - seen.get(worker, cpu)) / elapsed
            used += share
            if share > CALM_AGAIN:
                busy.append(worker)
        _glance(busy[:MOST_GLANCED_AT])
        return used

    def _awake_now(self, workers: list[Worker]) -> int:
        pool = self._pool
        return len(workers) - pool.parked - pool.benched - pool.blocked - pool.stuck

    def _note_picks(self, workers: list[Worker], now: float) -> None:
        """Remember which workers have taken up an actor since the last look."""
        for worker in workers:
            if worker.picks != worker.seen or worker.is_parked or worker.is_benched:
                worker.seen = worker.picks
                worker.since = now
                worker.cpu = None

    def _help(self, workers: list[Worker], now: float) -> None:  # noqa: C901 (one table)
        """See that a worker takes what waits."""
        pool = self._pool
        if self._waiting_since is None:
            self._waiting_since = now
        is_moving = any(worker.picks != worker.seen for worker in workers)
        self._note_picks(workers, now)
        asleep = awake = working = 0
        window = 0.0 if pool.is_contended and self._is_punctual else self._window
        for worker in workers:
            if worker.blocked or worker.is_benched:
                continue
            self._note_work(worker, now)
            if now - worker.awake <= self._window:
                working += 1
            if now - worker.since <= window:
                awake += 1
            else:
                asleep += 1
        self._window = min(2 * sys.getswitchinterval() * (working + 1), HANGS)
        pool.stuck = asleep
        missing = pool.wanted - awake
        if missing > 0:
            for _ in range(min(missing + asleep, pool.injected.qsize())):
                if not pool.one_more():
                    break
        elif pool.is_contended and is_moving:
            self._waiting_since = None  # who takes up one actor after the other will come to these
        elif now - self._waiting_since >= self._patience and pool.one_more():
            self._waiting_since = now
            self._patience *= 2

    @staticmethod
    def _note_work(worker: Worker, now: float) -> None:
        """Remember whether a worker has computed since its last sign of life."""
        cpu = _cpu_time(worker)
        if cpu is None:
            return
        if worker.cpu is None:
            worker.cpu = cpu
            worker.since = now
        elif cpu - worker.cpu >= WORTH_MENTIONING:
            worker.cpu = cpu
            worker.since = worker.awake = now

    def _send_home_the_surplus(self, now: float) -> None:
        """Send those home who were too many at every look for some time."""
        pool = self._pool
        self._fewest_idle = min(self._fewest_idle, pool.parked + pool.benched)
        if now - self._calm_since < CALM:
            return
        pool.send_home(min(self._fewest_idle, len(pool.workers) - pool.at_once))
        self._calm_since = now
        self._fewest_idle = pool.parked + pool.benched


def _cpu_time(worker: Worker) -> float | None:
    """The CPU time that a worker has had, in seconds, if that is known."""
    if worker.clock is None:
        return None
    try:
        return time.clock_gettime(worker.clock)
    except OSError:  # the thread has just ended
        return None


def _glance(workers: list[Worker]) -> None:
    """Note which workers use the processor although this thread has the GIL."""
    if not workers:
        return
    start = time.perf_counter()
    before = [_cpu_time(worker) for worker in workers]
    while time.perf_counter() - start < GLANCE:
        pass
    after = [_cpu_time(worker) for worker in workers]
    took = time.perf_counter() - start
    if took > PUT_OFF:
        return
    for worker, one, other in zip(workers, before, after, strict=True):
        if one is not None and other is not None:
            worker.freedom += ((other - one >= GLANCE / 2) - worker.freedom) / 4
