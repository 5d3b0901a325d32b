"""What a supervisor has to know of a child, and what it tells of one."""

from __future__ import annotations

import math
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Literal,
    NamedTuple,
    ParamSpec,
    TypeAlias,
    TypedDict,
    TypeVar,
    Unpack,
    overload,
)

from pykka._actor.actor import Actor
from pykka._actor.options import ActorOptions
from pykka._util.checks import check_flag, check_methods, shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pykka._ref.ref import ActorRef
    from pykka.resilience._backoff import Backoff

if TYPE_CHECKING:
    P = ParamSpec("P")
    T1 = TypeVar("T1")
    T2 = TypeVar("T2")
    T3 = TypeVar("T3")
    T4 = TypeVar("T4")
    Taking: TypeAlias = Callable[P, Actor] | ActorOptions[Any]
    Maker: TypeAlias = type[Actor] | ActorOptions[Any] | Callable[..., Actor]

Restart = Literal["permanent", "transient", "temporary"]
ShutdownTime = float | Literal["kill", "infinity"]


if TYPE_CHECKING:

    class OptionsButKwargs(TypedDict, total=False):
        """What a `ChildSpec` takes besides who it is and what it is made of."""

        restart: Restart
        shutdown: ShutdownTime | None
        type: Literal["worker", "supervisor"] | None
        significant: bool
        backoff: Backoff | None
        replace_abandoned: bool

    class Options(OptionsButKwargs, total=False):
        """The same, and the keyword arguments of the class."""

        kwargs: Mapping[str, Any] | None


class ChildSpec:
    """How a supervisor starts, restarts and stops one of its children.

    It is the child specification of Erlang/OTP, with the same terms.

    Args:
        id: The child's name within its supervisor.
        actor: What the child is: an actor class, what its `options()` returned, or a function
            that makes an actor, such as `lambda: Worker(connect())`. The function is called for
            each instance, and must not start the actor.
        args: Arguments for the class or the function.
        kwargs: Keyword arguments for the class or the function.
        restart: Whether the child is restarted after it has ended by itself. `"permanent"`:
            always. `"transient"`: if it has failed or was killed, but not if it was stopped.
            `"temporary"`: never, and the supervisor forgets it.
        shutdown: The seconds that it may take to stop before it is killed; or `"infinity"`; or
            `"kill"`, to kill it at once. `None` stands for the `stop_timeout` of its system, which
            is 5 seconds unless you set it; or for `"infinity"` if it is a supervisor.
        type: `"worker"` or `"supervisor"`; `None` to find out from the class.
        significant: Whether its end counts for `Supervisor.auto_shutdown`. A permanent child
            cannot be significant.
        backoff: How long to wait before a restart; `None` to restart at once. See
            `pykka.resilience.Backoff`.
        replace_abandoned: Whether another actor may take its place while its code is still
            running, because it hung when it was asked to stop. If not, the supervisor fails then.

    Raises:
        ValueError: An argument has an impossible value, or two of them contradict each other.
        TypeError: An argument has the wrong type.

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

    # So far as `args` is a tuple, its items are checked one by one, up to four of them. There may
    # be less than the class takes: a `DynamicSupervisor` adds to them.
    @overload
    def __init__(self, id: Any, actor: Maker, **options: Unpack[Options]) -> None: ...
    @overload
    def __init__(
        self, id: Any, actor: Maker, args: tuple[()], **options: Unpack[Options]
    ) -> None: ...
    @overload
    def __init__(
        self,
        id: Any,
        actor: Taking[Concatenate[T1, ...]],
        args: tuple[T1],
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self,
        id: Any,
        actor: Taking[Concatenate[T1, T2, ...]],
        args: tuple[T1, T2],
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self,
        id: Any,
        actor: Taking[Concatenate[T1, T2, T3, ...]],
        args: tuple[T1, T2, T3],
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self,
        id: Any,
        actor: Taking[Concatenate[T1, T2, T3, T4, ...]],
        args: tuple[T1, T2, T3, T4, *tuple[Any, ...]],
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self, id: Any, actor: Maker, args: list[Any], **options: Unpack[Options]
    ) -> None: ...
    @overload
    def __init__(
        self,
        id: Any,
        actor: Maker,
        args: list[Any] | tuple[Any, ...],
        kwargs: Mapping[str, Any] | None,
        **options: Unpack[OptionsButKwargs],
    ) -> None: ...
    def __init__(
        self,
        id: Any,  # noqa: A002 (OTP's word)
        actor: Maker,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        *,
        restart: Restart = "permanent",
        shutdown: ShutdownTime | None = None,
        type: Literal["worker", "supervisor"] | None = None,  # noqa: A002 (OTP's word)
        significant: bool = False,
        backoff: Backoff | None = None,
        replace_abandoned: bool = False,
    ) -> None:
        self.id = id
        self.actor = actor
        self.args = _require_args(id, args)
        self.kwargs = _require_kwargs(id, kwargs)
        self.restart = restart
        self.type: Literal["worker", "supervisor"] = type if type is not None else _type_of(actor)
        is_supervisor = self.type == "supervisor"
        self.shutdown: ShutdownTime | None = (
            "infinity" if shutdown is None and is_supervisor else shutdown
        )
        self.significant = significant
        self.backoff = backoff
        self.replace_abandoned = replace_abandoned
        self._check()

    def _check(self) -> None:
        who = _who(self.id)
        try:
            hash(self.id)
        except TypeError as error:
            msg = f"{who} needs an id that can be a key of a dict, such as a string"
            raise TypeError(msg) from error
        require_maker(who, self.actor)
        require_one_of(who, "restart", self.restart, ("permanent", "transient", "temporary"))
        require_one_of(who, "type", self.type, ("worker", "supervisor"))
        seconds: Any = self.shutdown
        is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
        if seconds not in ("kill", "infinity", None) and not (
            is_number and 0 < seconds < math.inf
        ):
            msg = (
                f"{who} has shutdown={shorten(seconds)}; it takes a number of seconds that is "
                'more than 0, "kill", or "infinity"'
            )
            raise ValueError(msg)
        if self.significant and self.restart == "permanent":
            msg = f"{who} cannot be significant: it is permanent, so it never ends by itself"
            raise ValueError(msg)
        check_flag(f"{who} is not right: significant", self.significant)
        check_flag(f"{who} is not right: replace_abandoned", self.replace_abandoned)
        if self.backoff is not None:
            kind = "pykka.resilience.Backoff"
            check_methods(f"{who} has a backoff that", self.backoff, kind, ["delay"])

    def with_arguments(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> ChildSpec:
        """The same, with more arguments."""
        spec = object.__new__(ChildSpec)
        for name in self.__slots__:
            setattr(spec, name, getattr(self, name))
        spec.args = (*self.args, *_require_args(self.id, args))
        spec.kwargs = {**self.kwargs, **_require_kwargs(self.id, kwargs)}
        return spec

    def __repr__(self) -> str:
        name = getattr(self.actor, "__name__", None) or shorten(self.actor)
        text = f"ChildSpec({shorten(self.id)}, {name}, restart={shorten(self.restart)}"
        if self.shutdown is not None:
            text += f", shutdown={shorten(self.shutdown)}"
        return f"{text})"


def seconds_to_stop(spec: ChildSpec, usual: float) -> float | None:
    """The seconds a child has to stop; `None` for all it takes, 0 if it is to be killed.

    Args:
        spec: The child's specification.
        usual: The seconds that it has if that does not say.
    """
    if spec.shutdown is None:
        return usual
    if isinstance(spec.shutdown, (int, float)):
        return spec.shutdown
    return 0.0 if spec.shutdown == "kill" else None


def _who(id: object) -> str:  # noqa: A002 (OTP's word)
    return f"the child specification {shorten(id)}"


def _require_args(id: object, args: Any) -> tuple[Any, ...]:  # noqa: A002 (OTP's word)
    if type(args) in (tuple, list):
        return tuple(args)
    text = shorten(args)
    if isinstance(args, dict):
        msg = f"{_who(id)} has args={text}, which is a dict; say kwargs={text}"
        raise TypeError(msg)
    if isinstance(args, (set, frozenset)):
        msg = f"{_who(id)} has args={text}, which has no order; it takes a sequence"
        raise TypeError(msg)
    if isinstance(args, (str, bytes)) or not hasattr(args, "__iter__"):
        msg = f"{_who(id)} has args={text}; it takes a sequence, such as [{text}]"
        raise TypeError(msg)
    return tuple(args)


def _require_kwargs(id: object, kwargs: Any) -> dict[str, Any]:  # noqa: A002 (OTP's word)
    if kwargs is None:
        return {}
    if not hasattr(kwargs, "keys"):
        msg = f"{_who(id)} has kwargs={shorten(kwargs)}; it takes a dict"
        raise TypeError(msg)
    found: dict[Any, Any] = dict(kwargs)
    if not all(isinstance(key, str) for key in found):
        msg = f"{_who(id)} has kwargs={shorten(kwargs)}; its keys are the names of arguments"
        raise TypeError(msg)
    return found


def require_maker(who: str, actor: Any) -> None:
    """Refuse what makes no actors.

    Raises:
        TypeError: That is so.
    """
    options: Any = actor
    made_of: Any = options.actor_class if isinstance(actor, ActorOptions) else actor
    is_class = isinstance(made_of, type)
    if (is_class and not issubclass(made_of, Actor)) or not callable(made_of):
        msg = f"{who} needs an actor class, its options(), or a function, not {shorten(options)}"
        raise TypeError(msg)
    starts: Any = getattr(made_of, "_start_actor_loop", None)
    if is_class and starts is Actor._start_actor_loop:
        msg = (
            f"{who} needs an actor class with a runtime, such as pykka.ThreadingActor among its "
            f"bases, and {shorten(made_of)} has none"
        )
        raise TypeError(msg)


def _type_of(actor: Any) -> Literal["worker", "supervisor"]:
    given: Any = actor
    actor_class: Any = given.actor_class if isinstance(actor, ActorOptions) else given
    return "supervisor" if getattr(actor_class, "supervises", False) is True else "worker"


def require_one_of(who: str, name: str, value: object, values: tuple[str, ...]) -> None:
    """Refuse what is none of several words.

    Raises:
        ValueError: That is so.
    """
    if value not in values:
        msg = f"{who} has {name}={shorten(value)}; it takes one of {', '.join(map(repr, values))}"
        raise ValueError(msg)


class ChildInfo(NamedTuple):
    """The state of one child of a supervisor."""

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
