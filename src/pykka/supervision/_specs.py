"""What a supervisor has to know of a child, and what it tells of one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pykka._options import ActorOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pykka._actor import Actor
    from pykka._backoff import Backoff
    from pykka._ref import ActorRef

Restart = Literal["permanent", "transient", "temporary"]
Shutdown = float | Literal["kill", "infinity"]


class ChildSpec:
    """How a supervisor starts, restarts and stops one of its children.

    It is the child specification of Erlang/OTP, with the same words.

    Args:
        id: The child's name within its supervisor.
        actor: What the child is: an actor class, what its `options()` returned, or a function
            that makes an actor, such as `lambda: Worker(connect())`. The function is called for
            each instance, and must not start the actor.
        args: Arguments for the class or the function.
        kwargs: Keyword arguments for the class or the function.
        restart: When the child is started again after it has ended by itself: `"permanent"`:
            always; `"transient"`: if it has failed or was killed, but not if it was stopped;
            `"temporary"`: never, and it is forgotten.
        shutdown: How long it may take to stop, before it is killed: so many seconds;
            `"infinity"`; or `"kill"`, if it is to be killed at once. `None` stands for 5 seconds,
            or for `"infinity"` if it is a supervisor.
        type: `"worker"` or `"supervisor"`; `None` finds out.
        significant: Whether its end counts for `Supervisor.auto_shutdown`. Not for a permanent
            child.
        backoff: How long to wait before a restart; `None` for no time at all. See
            `pykka.resilience.Backoff`.
        replace_abandoned: Whether another actor may take its place while its code is still
            running, because it hung in a handler when it was to be stopped. If not, the supervisor
            fails then.

    Raises:
        ValueError: One of them has no such value, or two of them do not go together.
        TypeError: One of them is of the wrong kind.

    Examples:
        >>> import pykka
        >>> from pykka.supervision import ChildSpec
        >>> ChildSpec("cart", pykka.PooledActor, restart="transient", shutdown=1.0)
        ChildSpec('cart', PooledActor, restart='transient', shutdown=1.0)
    """

    __slots__ = (
        "actor",
        "args",
        "backoff",
        "id",
        "kwargs",
        "replace_abandoned",
        "restart",
        "shutdown",
        "significant",
        "type",
    )

    def __init__(
        self,
        id: Any,  # noqa: A002 (OTP's word)
        actor: type[Actor] | ActorOptions[Any] | Callable[..., Actor],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        restart: Restart = "permanent",
        shutdown: Shutdown | None = None,
        type: Literal["worker", "supervisor"] | None = None,  # noqa: A002 (OTP's word)
        significant: bool = False,
        backoff: Backoff | None = None,
        replace_abandoned: bool = False,
    ) -> None:
        self.id = id
        self.actor = actor
        self.args = self._require_args(args)
        self.kwargs = self._require_kwargs(kwargs)
        self.restart = restart
        self.type: Literal["worker", "supervisor"] = type if type is not None else _type_of(actor)
        self.shutdown: Shutdown = (
            shutdown
            if shutdown is not None
            else "infinity"
            if self.type == "supervisor"
            else DEFAULT_SHUTDOWN
        )
        self.significant = significant
        self.backoff = backoff
        self.replace_abandoned = replace_abandoned
        self._check()

    def _require_args(self, args: Any) -> tuple[Any, ...]:
        if isinstance(args, (str, bytes)) or not hasattr(args, "__iter__"):
            msg = (
                f"the child specification {self.id!r} has args={args!r}; it takes a sequence, "
                f"such as [{args!r}]"
            )
            raise TypeError(msg)
        return tuple(args)

    def _require_kwargs(self, kwargs: Any) -> dict[str, Any]:
        if kwargs is not None and not hasattr(kwargs, "keys"):
            msg = f"the child specification {self.id!r} has kwargs={kwargs!r}; it takes a dict"
            raise TypeError(msg)
        return dict(kwargs or {})

    def _check(self) -> None:
        who = f"the child specification {self.id!r}"
        if type(self.id).__hash__ is None:
            msg = f"{who} needs an id that can be a key of a dict, such as a string"
            raise TypeError(msg)
        actor: Any = self.actor
        if not callable(actor) and not isinstance(actor, ActorOptions):
            msg = f"{who} needs an actor class, its options(), or a function, not {actor!r}"
            raise TypeError(msg)
        require_one_of(who, "restart", self.restart, ("permanent", "transient", "temporary"))
        require_one_of(who, "type", self.type, ("worker", "supervisor"))
        seconds: Any = self.shutdown
        is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
        if seconds not in ("kill", "infinity") and not (is_number and 0 < seconds < math.inf):
            msg = (
                f"{who} has shutdown={seconds!r}; it takes a number of seconds that is more than "
                '0, "kill", or "infinity"'
            )
            raise ValueError(msg)
        if self.significant and self.restart == "permanent":
            msg = f"{who} cannot be significant: it is permanent, so it never ends by itself"
            raise ValueError(msg)
        if self.backoff is not None and not hasattr(self.backoff, "delay"):
            msg = f"{who} has backoff={self.backoff!r}, which is no pykka.resilience.Backoff"
            raise TypeError(msg)

    def with_arguments(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> ChildSpec:
        """The same, with more arguments."""
        spec = object.__new__(ChildSpec)
        for name in self.__slots__:
            setattr(spec, name, getattr(self, name))
        spec.args = (*self.args, *args)
        spec.kwargs = {**self.kwargs, **kwargs}
        return spec

    @property
    def seconds(self) -> float | None:
        """The seconds it has to stop; `None` for all it takes, 0 if it is to be killed."""
        if isinstance(self.shutdown, (int, float)):
            return self.shutdown
        return 0.0 if self.shutdown == "kill" else None

    def __repr__(self) -> str:
        name = getattr(self.actor, "__name__", repr(self.actor))
        return (
            f"ChildSpec({self.id!r}, {name}, restart={self.restart!r}, shutdown={self.shutdown!r})"
        )


DEFAULT_SHUTDOWN = 5.0


def _type_of(actor: Any) -> Literal["worker", "supervisor"]:
    actor_class: Any = getattr(actor, "actor_class", actor)
    return "supervisor" if getattr(actor_class, "supervises", False) else "worker"


def require_one_of(who: str, name: str, value: object, values: tuple[str, ...]) -> None:
    """Refuse what is none of several words.

    Raises:
        ValueError: That is so.
    """
    if value not in values:
        msg = f"{who} has {name}={value!r}; it takes one of {', '.join(map(repr, values))}"
        raise ValueError(msg)


class ChildInfo(NamedTuple):
    """How it stands with one child of a supervisor."""

    id: Any
    """The `id` of its specification."""

    ref: ActorRef[Any] | None
    """Its ref; `None` if it does not run and will not by itself."""

    state: Literal["running", "starting", "stopping", "restarting", "stopped"]
    """`"starting"` until its start hook is through; `"stopping"` while it is taken down because
    of another child; `"restarting"` until it runs again."""

    type: Literal["worker", "supervisor"]
    """What its specification says."""

    restarts: int
    """How often it was restarted so far."""


class ChildCounts(NamedTuple):
    """How many children a supervisor has."""

    specs: int
    """All."""

    active: int
    """Those that run, or are about to."""

    supervisors: int
    """Those that are supervisors, whether they run or not."""

    workers: int
    """All others."""
