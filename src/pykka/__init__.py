"""Actors for Python: one thing at a time each, and as many at once as you like.

Start with `ThreadingActor`. The documentation has a tutorial, guides and a reference.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from pykka._actor.actor import Actor
from pykka._actor.death_watch import Terminated
from pykka._actor.options import ActorOptions
from pykka._cell.reasons import Abandoned, Failed, Killed, Reason, Stopped
from pykka._exceptions import (
    ActorDeadError,
    ActorError,
    DeadlockError,
    FutureAlreadySetError,
    InboxFullError,
    NameTakenError,
    PoolExhaustedError,
    StashFullError,
    Timeout,
)
from pykka._futures.arrivals import as_completed
from pykka._futures.future import Future, get_all
from pykka._futures.threading_future import ThreadingFuture
from pykka._ref.proxy import ActorProxy, CallableProxy, traversable
from pykka._ref.ref import ActorRef
from pykka._statistics import (
    ActorStatistics,
    DispatcherStatistics,
    InboxStatistics,
    SystemStatistics,
)
from pykka._system.crashes import ActorCrash
from pykka._system.crashes import crash_hook as _crash_hook
from pykka._system.events import EventBus
from pykka._system.registry import ActorRegistry
from pykka._system.scope import ActorScope
from pykka._system.system import ActorSystem
from pykka._version import __version__ as __version__
from pykka.runtimes.pool.actor import PooledActor
from pykka.runtimes.pool.dispatcher import Dispatcher
from pykka.runtimes.threading import ThreadingActor
from pykka.timers._timer import Timer

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka import dead_letters as dead_letters
    from pykka import debug as debug
    from pykka import inboxes as inboxes
    from pykka import messages as messages
    from pykka import resilience as resilience
    from pykka import routing as routing
    from pykka import supervision as supervision
    from pykka import timers as timers
    from pykka import typing as typing
    from pykka.runtimes.asyncio.actor import AsyncioActor

__all__ = [
    "Abandoned",
    "Actor",
    "ActorCrash",
    "ActorDeadError",
    "ActorError",
    "ActorOptions",
    "ActorProxy",
    "ActorRef",
    "ActorRegistry",
    "ActorScope",
    "ActorStatistics",
    "ActorSystem",
    "AsyncioActor",
    "CallableProxy",
    "DeadlockError",
    "Dispatcher",
    "DispatcherStatistics",
    "EventBus",
    "Failed",
    "Future",
    "FutureAlreadySetError",
    "InboxFullError",
    "InboxStatistics",
    "Killed",
    "NameTakenError",
    "PoolExhaustedError",
    "PooledActor",
    "Reason",
    "StashFullError",
    "Stopped",
    "SystemStatistics",
    "Terminated",
    "ThreadingActor",
    "ThreadingFuture",
    "Timeout",
    "Timer",
    "as_completed",
    "crash_hook",
    "get_all",
    "traversable",
]


_MODULES = frozenset(
    {
        "dead_letters",
        "debug",
        "inboxes",
        "messages",
        "resilience",
        "routing",
        "supervision",
        "timers",
        "typing",
    }
)
"""The public modules, which are imported when they are asked for."""

crash_hook: "Callable[[ActorCrash], object] | None" = _crash_hook
"""What is called when an exception has ended an actor that no other one supervises or watches.

It is called with an `ActorCrash`, on the actor's thread, before the actor's `on_failure()`; and
after the exception was logged, whether logging is set up or not. It is looked up in this module
each time; so put a function of your own here, in the manner of `threading.excepthook`, or `None`.
What it raises harms no actor.

The one that is here at first prints the traceback to stderr if logging is not set up: if the
logger `pykka` and those above it have no handler. Of many crashes in a short time it prints the
first ten, then one a second. A logger that is disabled, a level above ERROR, and `propagate =
False` are respected; then nothing is printed.

Examples:
    >>> import pykka
    >>> def note(crash):
    ...     print(crash.ref.actor_class.__name__, "raised", repr(crash.exception))
    >>> default, pykka.crash_hook = pykka.crash_hook, note
    >>> class Fragile(pykka.ThreadingActor):
    ...     def on_start(self):
    ...         raise OSError("no disk")
    >>> Fragile.start().when_terminated().get()
    Fragile raised OSError('no disk')
    Failed(OSError('no disk'))
    >>> pykka.crash_hook = default
"""


def __getattr__(name: str) -> object:
    """Import what not every program needs when it is asked for.

    What needs `asyncio` takes 30 ms, the inboxes take 4 ms, and supervision takes 10. So no
    program has to remember which modules have to be imported by hand: `pykka.supervision` just
    works.
    """
    if name in _MODULES:
        return import_module(f"pykka.{name}")
    if name == "AsyncioActor":
        from pykka.runtimes.asyncio.actor import AsyncioActor  # noqa: PLC0415

        globals()[name] = AsyncioActor
        return AsyncioActor
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
