"""Dispatchers: what people see of a pool, and what happens when a program ends or forks."""

from __future__ import annotations

import itertools
import os
import weakref
from typing import TYPE_CHECKING, Any

from pykka._lifecycle.termination import ask_those_being_stopped, forget_those_being_stopped
from pykka._util.checks import check_flag, shorten
from pykka._util.world import at_exit
from pykka.runtimes.pool.worker import Pool

if TYPE_CHECKING:
    from pykka._statistics import DispatcherStatistics

DEFAULT_MAX_THREADS = 4096
"""How many threads a dispatcher starts at most, if nothing else is said."""

_numbers = itertools.count(1)


class Dispatcher:
    """Gives threads to pooled actors.

    All pooled actors share one unless they say otherwise, so you need this only to keep actors
    apart: a class whose actors block for a long time gets a dispatcher of its own, and takes no
    threads from others. (In shipbuilding and in Akka, that is a bulkhead.)

    Threads are started when they are needed, end when they are not, and last no longer than the
    program. There is nothing to shut down.

    Args:
        name: What the names of its threads begin with.
        max_threads: How many threads it may start. It starts few, unless actors block: then it
            needs one for each that does. If you state a maximum, a caller from outside never runs
            an actor of this dispatcher on its own thread, so no more than so many run at once.
        daemon: Whether the program ends although actors of this dispatcher are still at work.
        caller_runs: Whether a thread that waits for an idle actor runs that actor itself; see
            `PooledActor.caller_runs`.

    Raises:
        ValueError: `max_threads` is less than 1.
        TypeError: `max_threads` is not a whole number; or a flag is neither true nor false.

    Examples:
        >>> import pykka
        >>> downloads = pykka.Dispatcher(name="downloads", max_threads=8)
        >>> class Download(pykka.PooledActor):
        ...     dispatcher = downloads
        ...     def fetch(self, url):
        ...         return f"contents of {url}"
        >>> download = Download.start().proxy()
        >>> download.fetch("a page").get()
        'contents of a page'
        >>> downloads.statistics().threads <= 8
        True
        >>> download.stop().get()
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        max_threads: int | None = None,
        daemon: bool = False,
        caller_runs: bool = True,
    ) -> None:
        given: Any = name
        if given is not None and not isinstance(given, str):
            msg = (
                f"name is a string, not {shorten(given)}; a number of threads is "
                "Dispatcher(max_threads=...)"
            )
            raise TypeError(msg)
        if max_threads is not None:
            if type(max_threads) is not int:
                msg = f"max_threads is a whole number of threads, not {max_threads!r}"
                raise TypeError(msg)
            if max_threads < 1:
                msg = f"a dispatcher needs at least one thread, not {max_threads}"
                raise ValueError(msg)
        check_flag("daemon", daemon)
        check_flag("caller_runs", caller_runs)
        self._pool = Pool(
            name if name is not None else f"pykka-dispatcher-{next(_numbers)}",
            max_threads or DEFAULT_MAX_THREADS,
            is_bounded=max_threads is not None,
            caller_runs=caller_runs,
        )
        self._daemon = daemon
        _pools[self._pool] = daemon

    @property
    def name(self) -> str:
        """What the names of its threads begin with."""
        return self._pool.name

    @property
    def max_threads(self) -> int:
        """How many threads it may start."""
        return self._pool.most

    @property
    def daemon(self) -> bool:
        """Whether the program ends although its actors are still at work."""
        return self._daemon

    @property
    def caller_runs(self) -> bool:
        """Whether a thread that waits for an idle actor runs that actor itself."""
        return self._pool.caller_runs

    def statistics(self) -> DispatcherStatistics:
        """Return counts of the threads and of the run queues."""
        return pool_statistics(self._pool)

    def __repr__(self) -> str:
        return f"<pykka.Dispatcher {self.name!r}>"


def pool_statistics(pool: Pool) -> DispatcherStatistics:
    """How it stands with the threads and the run queues of a pool; it takes no lock."""
    from pykka._statistics import DispatcherStatistics  # noqa: PLC0415 (see there)

    workers = pool.workers.copy()
    return DispatcherStatistics(
        threads=len(workers),
        idle=pool.parked + pool.benched,
        blocked=pool.blocked,
        ready=pool.injected.qsize() + sum(len(worker.local) for worker in workers),
        max_threads=pool.most,
    )


_pools: weakref.WeakKeyDictionary[Pool, bool] = weakref.WeakKeyDictionary()
"""All pools, and whether the program may end although they are at work."""


@at_exit
def _finish() -> None:
    """Let all pools come to rest before the program ends.

    It is called on the main thread when all threads that are no daemons have ended. From
    then on, nothing is sent but by pooled actors themselves. So a pool is at rest when all of
    its workers have been sent home, and have left nothing in the run queues.

    From some time on, which differs between the versions of Python, no thread can be started any
    more. Then this thread does the work that is left.

    An actor that ends the program (`sys.exit()`) has all others stopped, by a thread that is not
    waited for. What that has not come to is done here. A worker enters what it begins of this kind
    before it sits down; so the look at that comes after the pools have come to rest, and if there
    is something, they are looked at again.
    """
    is_at_work = True
    while is_at_work:  # the one may have sent something to the other
        is_at_work = False
        for pool, is_daemon in _snapshot():
            if not is_daemon and (pool.workers or not pool.injected.empty()):
                is_at_work = True
                _finish_one(pool)
        is_at_work = ask_those_being_stopped() or is_at_work


def _finish_one(pool: Pool) -> None:
    """Wait until a pool is at rest."""
    while True:
        pool.begin_to_end()
        if pool.lacks_threads:
            pool.lacks_threads = False
            pool.work_here()
        elif pool.workers:
            pool.news.get()
        elif not pool.has_work():
            return
        else:
            pool.add_worker()


def _snapshot() -> list[tuple[Pool, bool]]:
    while True:
        try:
            return list(_pools.items())
        except RecursionError:
            raise  # it would come again and again
        except RuntimeError:  # another thread has just made one
            continue


def _after_fork() -> None:
    """Begin afresh in a child process: it has none of its parent's threads."""
    forget_those_being_stopped()
    for pool, _is_daemon in _snapshot():
        pool.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

default = Dispatcher("pykka-pool")
"""The dispatcher of all actors that have no other."""
