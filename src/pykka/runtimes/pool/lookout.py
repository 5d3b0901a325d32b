"""A thread that looks now and then whether ready actors wait though no worker takes them.

Problem
    A worker that waits for a future tells us so. One that sleeps, reads from a socket, waits for a
    lock of the user's, or computes for seconds does not. Actors behind it must not wait for it;
    and they cannot get a thread each, or a thousand actors that compute would be a thousand
    threads.

What it does, every `TICK` while somebody works
    1. What waits in the own queue of a worker that has not taken up an actor since the last tick
       moves to the shared queue, where idle workers take it.
    2. If actors wait in the shared queue and no worker sits there, then
       - if fewer workers than `Pool.at_once` are awake: as many are started as are missing, and
         as many again as sleep, so that a thousand sleepers have their threads after a few dozen
         ticks;
       - otherwise one more is started; for the next one, the actors have to wait twice as long.
         That keeps those few who compute, and leaves nobody waiting for ever.
    3. Workers that were too many for `CALM` seconds are sent home. When nobody has worked for
       `KEEP_ALIVE` seconds, all are, and the look-out ends too.

Sleep or work?
    A worker is awake if it has taken up an actor, or has had `WORTH_MENTIONING` seconds of CPU
    time, not long ago. "Not long" must be longer than the time in which a thread that computes has
    its turn, which with the GIL is the switch interval times the number of those that compute;
    but not longer than `HANGS`. If there are so many that some seem to sleep who only wait for
    the GIL, then enough others are seen awake, and nothing follows from it. A worker of whom
    nothing is known yet counts as awake. Where the system does not tell the CPU time of a thread,
    one that takes up no actor for `HANGS` seconds is taken for asleep.

When nothing has happened for some ticks it goes to sleep, until a worker that gets up wakes it. An
idle pool uses no CPU.
"""

from __future__ import annotations

import sys
import threading
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from pykka._logging import report_failure

if TYPE_CHECKING:
    from pykka.runtimes.pool.workers import Pool, Worker

TICK = 0.005
"""Seconds between two looks."""

QUIET_TICKS = 20
"""After so many looks at which nobody worked it goes to sleep."""

CALM = 1.0
"""Seconds for which a worker must have been too many to be sent home."""

KEEP_ALIVE = 10.0
"""Seconds after which a pool in which nobody works lets go of its threads."""

HANGS = 0.05
"""Seconds; see above."""

WORTH_MENTIONING = 0.001
"""Seconds of CPU time. To start a thread takes less."""


class Lookout:
    """The look-out of a pool.

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
        self._fewest_parked = 0
        self._calm_since = 0.0

    def wake(self) -> None:
        """Have it look. Not on the main thread."""
        with self._lock:
            was_asleep = self.is_asleep
            self.is_asleep = False
            start = was_asleep and not self._is_running
            self._is_running = True
        if not was_asleep:
            return
        if start:
            try:
                threading.Thread(
                    target=self._main, name=f"{self._pool.name}-lookout", daemon=True
                ).start()
            except RuntimeError:  # the interpreter is shutting down
                with self._lock:
                    self._is_running, self.is_asleep = False, True
        else:
            self._bell.put(None)

    def _main(self) -> None:
        try:
            while True:
                self._watch()
                if not self._sleep():
                    return
        except BaseException:  # pragma: no cover (a defect of ours)
            report_failure("The look-out of the dispatcher %s ended:", self._pool.name)
            raise

    def _watch(self) -> None:
        """Look every tick until nothing happens any more."""
        quiet = 0
        while quiet < QUIET_TICKS:
            time.sleep(TICK)
            quiet = 0 if self.look(time.monotonic()) else quiet + 1

    def _sleep(self) -> bool:
        """Wait until somebody works; False if that took too long, and it is the end."""
        end = time.monotonic() + KEEP_ALIVE
        while True:
            self.is_asleep = True
            if not self._pool.is_quiet():  # somebody got up before he could see that
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
                if not self.is_asleep:  # somebody is just ringing
                    return True
                self._is_running = False
            self._send_home(len(self._pool.workers))
            return False

    def look(self, now: float) -> bool:
        """Look once; False if all workers sit and wait."""
        pool = self._pool
        workers = pool.workers.copy()
        waiting = not pool.injected.empty()
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
        return pool.parked < len(workers)

    def _note_picks(self, workers: list[Worker], now: float) -> None:
        """Remember which workers have taken up an actor since the last look."""
        for worker in workers:
            if worker.picks != worker.seen or worker.is_parked:
                worker.seen = worker.picks
                worker.since = now
                worker.cpu = None

    def _help(self, workers: list[Worker], now: float) -> None:
        """See that somebody takes what waits."""
        pool = self._pool
        if self._waiting_since is None:
            self._waiting_since = now
        self._note_picks(workers, now)
        asleep = awake = working = 0
        for worker in workers:
            if worker.blocked:
                continue
            self._note_work(worker, now)
            if now - worker.awake <= self._window:
                working += 1
            if now - worker.since <= self._window:
                awake += 1
            else:
                asleep += 1
        self._window = min(2 * sys.getswitchinterval() * (working + 1), HANGS)
        pool.stuck = asleep
        missing = pool.at_once - awake
        if missing > 0:
            for _ in range(min(missing + asleep, pool.injected.qsize())):
                if not pool.add_worker():
                    break
        elif now - self._waiting_since >= self._patience and pool.add_worker():
            self._waiting_since = now
            self._patience *= 2

    @staticmethod
    def _note_work(worker: Worker, now: float) -> None:
        """Remember whether a worker has computed since its last sign of life."""
        if worker.clock is None:
            return
        try:
            cpu = time.clock_gettime(worker.clock)
        except OSError:  # the thread has just ended
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
        self._fewest_parked = min(self._fewest_parked, pool.parked)
        if now - self._calm_since < CALM:
            return
        self._send_home(min(self._fewest_parked, len(pool.workers) - pool.at_once))
        self._calm_since = now
        self._fewest_parked = pool.parked

    def _send_home(self, count: int) -> None:
        for _ in range(count):
            self._pool.share(None)
