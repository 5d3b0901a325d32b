"""What `statistics()` returns: counts of one moment, each kind in a dataclass of its own.

They are taken one after the other while everybody goes on, so they need not fit together to the
last one.

This module is loaded where such an object is made, and not with the first actor: `dataclasses` is
slow to import, and most programs never look at these counts.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ActorStatistics:
    """Counts of an actor's messages; `ActorRef.statistics` returns them."""

    waiting: int
    """Messages that it has still to take up; the one being handled is not among them."""

    stashed: int
    """Messages that it has set aside; see `Actor.stash`."""

    handled: int | None
    """Messages that it has taken up, and not set aside, since counting was switched on; `None` if
    that is off."""

    failures: int | None
    """Those of them that raised an exception; `None` if counting is off."""

    oldest: float | None
    """Seconds that the first message of its inbox has been waiting; `None` if none waits, or if
    counting is off."""

    cancelled: int | None = None
    """Questions that it came to and did not handle, because their askers had cancelled them;
    `None` if counting is off. See `Future.cancel`."""

    expired: int | None = None
    """Questions that it came to and did not handle, because their askers had given up; `None` if
    counting is off. See `ActorRef.ask`."""


@dataclass(frozen=True)
class InboxStatistics:
    """Counts of an inbox; `ref.actor_inbox.statistics()` returns them.

    A count is `None` if the inbox does not keep it.
    """

    waiting: int
    """Messages that are in it."""

    capacity: int | None
    """How many messages it holds at most; `None` if it has no bound."""

    blocked: int | None = None
    """Senders that wait for room."""

    dropped: int | None = None
    """Messages that were accepted or sent, and dropped because it was full."""

    refused: int | None = None
    """Messages whose senders got an exception because it was full."""


@dataclass(frozen=True)
class DispatcherStatistics:
    """Counts of a dispatcher's threads; `Dispatcher.statistics` returns them."""

    threads: int
    """Threads that run actors, or wait to."""

    idle: int
    """Those of them that wait for an actor to run."""

    blocked: int
    """Those of them on which an actor waits for a future."""

    ready: int
    """Actors that wait for a thread: the depth of the run queues."""

    max_threads: int
    """How many threads there may be."""


@dataclass(frozen=True)
class SystemStatistics:
    """Counts of an actor system; `ActorSystem.statistics` returns them."""

    actors: int
    """Actors that are alive."""

    waiting: int
    """Messages that they have still to take up."""

    timers: int
    """Timers of theirs that have something left to deliver."""

    dead_letters: int
    """Messages that were accepted and never handled, since the system was made."""

    handled: int | None
    """Messages that the living actors have taken up since they began to count; `None` if none of
    them counts."""

    failures: int | None
    """Those of them that raised an exception; `None` if none of them counts."""
