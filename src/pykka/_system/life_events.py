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

    They can be compared, and matched: `case pykka.ActorEnded(ref, pykka.Failed(exception))`.

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
    """An actor is about to live: it was made, and its `on_start()` comes next."""

    __slots__ = ()


class ActorRestarted(LifecycleEvent):
    """A new instance has taken the place of one that failed; its `post_restart()` comes next.

    Args:
        ref: The actor; the same ref as before.
        reason: Why the former instance had to go.
    """

    __slots__ = ("reason",)
    __match_args__ = ("ref", "reason")

    def __init__(self, ref: ActorRef[Any], reason: Reason) -> None:
        super().__init__(ref)
        self.reason = reason


class ActorFailed(LifecycleEvent):
    """An actor, or an instance of one that is supervised, has failed.

    What comes next is `ActorRestarted` or `ActorEnded`.

    Args:
        ref: The actor.
        exception: What it raised, with its traceback. A subscriber that keeps it keeps alive what
            the instance had.
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
        exception: A `SupervisionError`, which names the child that was the last straw.
    """

    __slots__ = ()


class ActorEnded(LifecycleEvent):
    """An actor has ended; nothing of it comes after this.

    Args:
        ref: The actor.
        reason: Why: `Stopped`, `Killed`, `Abandoned` or `Failed`.
    """

    __slots__ = ("reason",)
    __match_args__ = ("ref", "reason")

    def __init__(self, ref: ActorRef[Any], reason: Reason) -> None:
        super().__init__(ref)
        self.reason = reason
