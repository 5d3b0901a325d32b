"""Actors for Python: one thing at a time each, and as many at once as you like.

Start with `ThreadingActor`. The documentation has a tutorial, guides and a reference.
"""

import os as _os
from _thread import RLock as _RLock
from importlib import import_module as _load
from typing import TYPE_CHECKING

from pykka._version import __version__ as __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka import dead_letters as dead_letters
    from pykka import debug as debug
    from pykka import inboxes as inboxes
    from pykka import instruments as instruments
    from pykka import messages as messages
    from pykka import observer as observer
    from pykka import resilience as resilience
    from pykka import routing as routing
    from pykka import simulation as simulation
    from pykka import supervision as supervision
    from pykka import testing as testing
    from pykka import timers as timers
    from pykka import typing as typing
    from pykka._actor.accepts import Accepts, Request, handles
    from pykka._actor.actor import Actor
    from pykka._actor.death_watch import Terminated
    from pykka._actor.log_filter import ActorLogFilter
    from pykka._actor.options import ActorOptions
    from pykka._cell.reasons import Abandoned, Failed, Killed, Reason, Stopped
    from pykka._exceptions import (
        ActorDeadError,
        ActorError,
        AskCancelledError,
        AskExpiredError,
        BlockingWarning,
        DeadlockError,
        FutureAlreadySetError,
        InboxFullError,
        NameTakenError,
        PoolExhaustedError,
        ReplyDroppedError,
        StashFullError,
        Timeout,
    )
    from pykka._futures.arrivals import as_completed
    from pykka._futures.bridges.concurrent import from_concurrent
    from pykka._futures.bridges.piping import PipedOutcome, pipe_to
    from pykka._futures.future import Future, get_all
    from pykka._futures.threading_future import ThreadingFuture
    from pykka._futures.unhandled.expiry import expire_asks
    from pykka._lifecycle.later import Reply, hand_on, reply_later
    from pykka._program.run import run
    from pykka._ref.proxy import ActorProxy, CallableProxy, traversable
    from pykka._ref.ref import ActorRef
    from pykka._statistics import (
        ActorStatistics,
        DispatcherStatistics,
        InboxStatistics,
        SystemStatistics,
    )
    from pykka._system.crashes import ActorCrash
    from pykka._system.events import EventBus
    from pykka._system.life_events import (
        ActorEnded,
        ActorFailed,
        ActorRestarted,
        ActorStarted,
        LifecycleEvent,
        SupervisorGaveUp,
    )
    from pykka._system.registry import ActorRegistry
    from pykka._system.scope import ActorScope
    from pykka._system.system import ActorSystem
    from pykka.runtimes.asyncio.actor import AsyncioActor
    from pykka.runtimes.pool.actor import PooledActor
    from pykka.runtimes.pool.dispatcher import Dispatcher
    from pykka.runtimes.threading import ThreadingActor
    from pykka.timers._timer import Timer

_load("pykka._util.world")  # or its last steps would not come after those of the program

__all__ = [
    "Abandoned",
    "Accepts",
    "Actor",
    "ActorCrash",
    "ActorDeadError",
    "ActorEnded",
    "ActorError",
    "ActorFailed",
    "ActorLogFilter",
    "ActorOptions",
    "ActorProxy",
    "ActorRef",
    "ActorRegistry",
    "ActorRestarted",
    "ActorScope",
    "ActorStarted",
    "ActorStatistics",
    "ActorSystem",
    "AskCancelledError",
    "AskExpiredError",
    "AsyncioActor",
    "BlockingWarning",
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
    "LifecycleEvent",
    "NameTakenError",
    "PipedOutcome",
    "PoolExhaustedError",
    "PooledActor",
    "Reason",
    "Reply",
    "ReplyDroppedError",
    "Request",
    "StashFullError",
    "Stopped",
    "SupervisorGaveUp",
    "SystemStatistics",
    "Terminated",
    "ThreadingActor",
    "ThreadingFuture",
    "Timeout",
    "Timer",
    "as_completed",
    "crash_hook",
    "expire_asks",
    "from_concurrent",
    "get_all",
    "hand_on",
    "handles",
    "pipe_to",
    "reply_later",
    "run",
    "traversable",
]

_FIRST = {
    "Abandoned": "_cell.reasons",
    "Actor": "_actor.actor",
    "ActorCrash": "_system.crashes",
    "ActorDeadError": "_exceptions",
    "ActorEnded": "_system.life_events",
    "ActorError": "_exceptions",
    "ActorFailed": "_system.life_events",
    "ActorOptions": "_actor.options",
    "ActorProxy": "_ref.proxy",
    "ActorRef": "_ref.ref",
    "ActorRegistry": "_system.registry",
    "ActorRestarted": "_system.life_events",
    "ActorStarted": "_system.life_events",
    "ActorSystem": "_system.system",
    "AskCancelledError": "_exceptions",
    "AskExpiredError": "_exceptions",
    "BlockingWarning": "_exceptions",
    "CallableProxy": "_ref.proxy",
    "DeadlockError": "_exceptions",
    "EventBus": "_system.events",
    "Failed": "_cell.reasons",
    "Future": "_futures.future",
    "FutureAlreadySetError": "_exceptions",
    "InboxFullError": "_exceptions",
    "Killed": "_cell.reasons",
    "LifecycleEvent": "_system.life_events",
    "NameTakenError": "_exceptions",
    "PipedOutcome": "_futures.bridges.piping",
    "PoolExhaustedError": "_exceptions",
    "Reason": "_cell.reasons",
    "Reply": "_lifecycle.later",
    "ReplyDroppedError": "_exceptions",
    "StashFullError": "_exceptions",
    "Stopped": "_cell.reasons",
    "SupervisorGaveUp": "_system.life_events",
    "Terminated": "_actor.death_watch",
    "ThreadingActor": "runtimes.threading",
    "ThreadingFuture": "_futures.threading_future",
    "Timeout": "_exceptions",
    "Timer": "timers._timer",
    "crash_hook": "_system.crashes",
    "expire_asks": "_futures.unhandled.expiry",
    "get_all": "_futures.future",
    "hand_on": "_lifecycle.later",
    "pipe_to": "_futures.bridges.piping",
    "reply_later": "_lifecycle.later",
    "traversable": "_ref.proxy",
}
"""What comes with the first actor: the modules that have these names are loaded together."""

_LATER = {
    "Accepts": "_actor.accepts",
    "ActorLogFilter": "_actor.log_filter",
    "ActorScope": "_system.scope",
    "ActorStatistics": "_statistics",
    "AsyncioActor": "runtimes.asyncio.actor",
    "Dispatcher": "runtimes.pool.dispatcher",
    "DispatcherStatistics": "_statistics",
    "InboxStatistics": "_statistics",
    "PooledActor": "runtimes.pool.actor",
    "Request": "_actor.accepts",
    "SystemStatistics": "_statistics",
    "as_completed": "_futures.arrivals",
    "from_concurrent": "_futures.bridges.concurrent",
    "handles": "_actor.accepts",
    "run": "_program.run",
}
"""What many programs never need; each is loaded when it is asked for."""

_MODULES = frozenset(
    {
        "dead_letters",
        "debug",
        "inboxes",
        "instruments",
        "messages",
        "observer",
        "resilience",
        "routing",
        "simulation",
        "supervision",
        "testing",
        "timers",
        "typing",
    }
)
"""The public modules, which are imported when they are asked for."""

_OF_PYKKA_4 = frozenset(
    {
        "_actor",
        "_envelope",
        "_exceptions",
        "_future",
        "_proxy",
        "_ref",
        "_registry",
        "_threading",
    }
)
"""Private modules of Pykka 4, which its programs reach as attributes of the package."""

crash_hook: "Callable[[ActorCrash], object] | None"
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


_loading = _RLock()

if hasattr(_os, "register_at_fork"):
    _os.register_at_fork(
        before=_loading.acquire,
        after_in_parent=_loading.release,
        after_in_child=_loading.release,
    )


def __getattr__(name: str) -> object:
    """Load what is asked for, and what comes with it.

    So a program that only imports the library, to have a type or to start no actor today, need not
    wait for it, and none has to remember which modules have to be imported by hand:
    `pykka.supervision` just works.

    With the first name comes all that an actor needs for its life, and all names that belong to
    that. From then on they are ordinary names: neither an actor at work, nor a finaliser or a
    signal handler that sends something or catches one of our exceptions, runs into an import. What
    is left is used where something begins, or is looked at.

    One thread at a time does this, for two that enter the same packages from two ends would wait
    for each other, which is an error of the import's. And no process forks meanwhile: the
    child has no thread that could finish.

    Whatever interrupts this, it can be done again: a name is put here when its module has been
    loaded, and what a module has entered elsewhere by then is replaced (`is_the_same_again`).
    """
    if name in _MODULES or name in _OF_PYKKA_4:
        with _loading:
            return _load(f"pykka.{name}")
    if name not in _FIRST and name not in _LATER:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    names = globals()
    with _loading:
        found = {each: getattr(_load(f"pykka.{home}"), each) for each, home in _FIRST.items()}
        if name in _LATER:
            found[name] = getattr(_load(f"pykka.{_LATER[name]}"), name)
        _load("pykka._util.signatures").show_plainly(found, found)
        for each, value in found.items():
            names.setdefault(each, value)  # a program may have put a `crash_hook` here before
    return names[name]


def __dir__() -> list[str]:
    special = (name for name in globals() if name.startswith("__"))
    return sorted({*special, *__all__, *_MODULES})


if _os.environ.get("PYKKA_OBSERVER"):  # whatever the program is, who runs it wants to look at it
    _load("pykka.observer").serve_as_asked(_os.environ["PYKKA_OBSERVER"])
