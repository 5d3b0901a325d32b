"""What becomes of actors, as events: each system publishes them on its event bus.

They are for those who look at a program from outside, such as a log of restarts or an observer. An
actor that depends on another one watches it; see `pykka.Actor.watch`.

Invariants
    1. *Nothing is made that no subscriber gets.* A system without subscribers to anything finds
       that out by one look at an empty dictionary.
    2. *An actor's events are in order.* `ActorStarted` is published before the actor can be found
       or begins to live; `ActorEnded` by the one thread that takes the actor out of the system, to
       the last, so there is one. What lies between is published where the actor runs.
    3. *No subscriber harms an actor.* What publishing raises is logged.

The idea is that of Akka's event stream and of the reports of OTP's supervisors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pykka._cell.reasons import Record

if TYPE_CHECKING:
    from pykka._cell.reasons import Reason
    from pykka._ref.ref import ActorRef


class LifecycleEvent(Record):
    """An event in the life of an actor; subscribe to this class to get them all.

    Events can be compared, and matched: `case pykka.ActorEnded(ref, pykka.Failed(exception))`.

    Args:
        ref: The actor.

    Examples:
        >>> import pykka
        >>> class Clerk(pykka.ThreadingActor):
        ...     pass
        >>> seen = []
        >>> with pykka.ActorSystem() as system:
        ...     system.events.subscribe(pykka.LifecycleEvent, seen.append)
        ...     clerk = system.start(Clerk)
        >>> seen == [pykka.ActorStarted(clerk), pykka.ActorEnded(clerk, pykka.Stopped())]
        True
    """

    __slots__ = ("ref",)
    __match_args__ = ("ref",)

    def __init__(self, ref: ActorRef[Any]) -> None:
        self.ref = ref


class ActorStarted(LifecycleEvent):
    """An actor was made; its `on_start()` comes next."""

    __slots__ = ()


class ActorRestarted(LifecycleEvent):
    """A new instance has taken the place of one that failed; its `post_restart()` comes next.

    Args:
        ref: The actor; the same ref as before.
        reason: Why the former instance was replaced.
    """

    __slots__ = ("reason",)
    __match_args__ = ("ref", "reason")

    def __init__(self, ref: ActorRef[Any], reason: Reason) -> None:
        super().__init__(ref)
        self.reason = reason


class ActorFailed(LifecycleEvent):
    """An actor has failed; or, if it is supervised, one of its instances.

    The next event of the actor is `ActorRestarted` or `ActorEnded`.

    Args:
        ref: The actor.
        exception: The exception that it raised, with its traceback. It keeps alive what the
            instance had, so do not store it for long.
    """

    __slots__ = ("exception",)
    __match_args__ = ("ref", "exception")

    def __init__(self, ref: ActorRef[Any], exception: BaseException) -> None:
        super().__init__(ref)
        self.exception = exception


class SupervisorGaveUp(ActorFailed):
    """A supervisor has failed: its children failed too often, or one cannot be replaced.

    Args:
        ref: The supervisor.
        exception: A `SupervisionError`, which names the child that failed last.
    """

    __slots__ = ()


class ActorEnded(LifecycleEvent):
    """An actor has ended; this is its last event.

    Args:
        ref: The actor.
        reason: Why: `Stopped`, `Killed`, `Abandoned` or `Failed`.
    """

    __slots__ = ("reason",)
    __match_args__ = ("ref", "reason")

    def __init__(self, ref: ActorRef[Any], reason: Reason) -> None:
        super().__init__(ref)
        self.reason = reason
