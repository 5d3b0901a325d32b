"""Actors for Python: one thing at a time each, and as many at once as you like.

Start with `ThreadingActor`. The documentation has a tutorial, guides and a reference.
"""

from pykka._actor import Actor
from pykka._exceptions import (
    ActorDeadError,
    ActorError,
    DeadlockError,
    FutureAlreadySetError,
    PoolExhaustedError,
    Timeout,
)
from pykka._future import Future, as_completed, get_all
from pykka._proxy import ActorProxy, CallableProxy, traversable
from pykka._ref import ActorRef
from pykka._registry import ActorRegistry
from pykka._threading_future import ThreadingFuture
from pykka._version import __version__ as __version__
from pykka.runtimes.pool.actor import PooledActor
from pykka.runtimes.pool.dispatcher import Dispatcher, DispatcherStatistics
from pykka.runtimes.threading import ThreadingActor

__all__ = [
    "Actor",
    "ActorDeadError",
    "ActorError",
    "ActorProxy",
    "ActorRef",
    "ActorRegistry",
    "CallableProxy",
    "DeadlockError",
    "Dispatcher",
    "DispatcherStatistics",
    "Future",
    "FutureAlreadySetError",
    "PoolExhaustedError",
    "PooledActor",
    "ThreadingActor",
    "ThreadingFuture",
    "Timeout",
    "as_completed",
    "get_all",
    "traversable",
]
