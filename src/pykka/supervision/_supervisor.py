"""Supervisors: actors that start, watch and restart others."""

from __future__ import annotations

import functools
import itertools
from types import CoroutineType
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, TypeVar

from pykka._exceptions import ActorDeadError
from pykka._ref.ref import ActorRef, ref_at
from pykka._util.checks import check_flag, check_iterable, list_some, shorten, type_of
from pykka._util.imported import running_loop
from pykka.runtimes.pool.actor import PooledActor
from pykka.runtimes.pool.dispatcher import Dispatcher
from pykka.supervision import _starting
from pykka.supervision._restart_plan import Child
from pykka.supervision._restarter import AutoShutdown, Restarter, Strategy
from pykka.supervision._specs import ChildCounts, ChildInfo, ChildSpec, require_one_of
from pykka.supervision._starting import Starter, SupervisorOptions

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Sequence

    from pykka._system.system import ActorSystem
    from pykka.inboxes import InboxSpec
    from pykka.resilience._backoff import Backoff
    from pykka.supervision._specs import Restart, ShutdownTime

P = ParamSpec("P")
S = TypeVar("S", bound="_BaseSupervisor")

_dispatcher = Dispatcher("pykka-supervisors")
"""Supervisors have threads of their own, so that they get one however busy their children are."""


class _BaseSupervisor(PooledActor):
    """What all supervisors do."""

    supervises: ClassVar[bool] = True
    """Marks the class as one of supervisors, for `ChildSpec.type`."""

    dispatcher = _dispatcher
    caller_runs = False

    max_restarts: ClassVar[int] = 1
    """So many restarts within `within` seconds are borne; with one more, the supervisor fails."""

    within: ClassVar[float] = 5.0
    """Seconds."""

    _pykka_supervises = True

    _pykka_restarter: Restarter

    @classmethod  # pyright: ignore[reportArgumentType] (`cls` can be called, as any class)
    def start(  # pyright: ignore[reportIncompatibleMethodOverride] (it returns the same)
        cls: Callable[P, S], /, *args: P.args, **kwargs: P.kwargs
    ) -> ActorRef[S]:
        """Start the supervisor, and wait until its children are up.

        On a thread that runs an event loop it does not wait, because the children may live in that
        loop; `await start_async(…)` waits there. It does not wait either if the supervisor is the
        child of another one, which then waits itself; nor with `wait=False`; nor for children in
        an event loop that does not run yet (`options(loop=…)`), which start when it does.

        Args:
            *args: Arguments for the constructor.
            **kwargs: Keyword arguments for the constructor.

        Returns:
            The ref of the supervisor.

        Raises:
            ChildStartError: A child could not be started. The exception is its `__cause__`. What
                had been started before has ended, and so has the supervisor.

        Examples:
            >>> import pykka
            >>> from pykka.supervision import ChildSpec, ChildStartError, Supervisor
            >>> class Client(pykka.PooledActor):
            ...     def on_start(self):
            ...         raise ConnectionError("the cable is out")
            >>> try:
            ...     Supervisor.start([ChildSpec("client", Client)])
            ... except ChildStartError as error:
            ...     print(repr(error.__cause__))
            ConnectionError('the cable is out')
            >>> pykka.ActorRegistry.get_all()
            []
        """
        this: Any = cls
        ref: ActorRef[S]
        if not _starting.is_announced(this):
            ref = this.options()._start_with(args, kwargs)
            return ref
        base: Any = super(_BaseSupervisor, this)
        starter = _starting.begin_start(this)
        if starter is None:
            ref = base.start(*args, **kwargs)
            return ref
        started = starter.started
        try:
            ref = base.start(*args, **kwargs)
            if not starter.is_excused:
                _starting.wait(ref, started)  # type: ignore[arg-type]
        finally:
            del started, starter  # an exception's traceback holds this frame
        return ref

    @classmethod  # pyright: ignore[reportArgumentType] (as above)
    async def start_async(
        cls: Callable[P, S], /, *args: P.args, **kwargs: P.kwargs
    ) -> ActorRef[S]:
        """Start the supervisor, and wait until its children are up, in a coroutine.

        If the task is cancelled meanwhile, the supervisor ends as soon as the child is through
        that is just starting.

        Args:
            *args: Arguments for the constructor.
            **kwargs: Keyword arguments for the constructor.

        Returns:
            The ref of the supervisor.

        Raises:
            ChildStartError: As for `start()`.
            ValueError: The constructor was told `wait=False`.

        Examples:
            >>> import asyncio
            >>> import pykka
            >>> from pykka.supervision import ChildSpec, Supervisor
            >>> class Clerk(pykka.AsyncioActor):
            ...     async def on_start(self):
            ...         await asyncio.sleep(0)
            ...         print("the clerk is here")
            >>> async def main():
            ...     office = await Supervisor.start_async([ChildSpec("clerk", Clerk)])
            ...     print("the office is open")
            ...     await office.stop(block=False)
            >>> asyncio.run(main())
            the clerk is here
            the office is open
        """
        this: Any = cls
        ref: ActorRef[S] = await this.options().start_async(*args, **kwargs)
        return ref

    @classmethod  # pyright: ignore[reportArgumentType] (as above)
    def options(  # pyright: ignore[reportIncompatibleMethodOverride] (it returns more)
        cls: Callable[P, S],
        *,
        name: str | None = None,
        inbox: InboxSpec | None = None,
        dispatcher: Dispatcher | None = None,
        system: ActorSystem | None = None,
        loop: AbstractEventLoop | None = None,
    ) -> SupervisorOptions[S, P]:
        """Say what the supervisor is to be like before it is started; see `Actor.options`.

        Returns:
            Something that is started as the class is, also by its own `start_async()`.
        """
        said = {
            "name": name,
            "inbox": inbox,
            "dispatcher": dispatcher,
            "system": system,
            "loop": loop,
        }
        actor_class: Any = cls
        return SupervisorOptions(actor_class, said)

    @classmethod
    def spec(
        cls,
        id: Any,  # noqa: A002 (OTP's word)
        /,
        *args: Any,
        restart: Restart = "permanent",
        shutdown: ShutdownTime | None = None,
        significant: bool = False,
        backoff: Backoff | None = None,
        replace_abandoned: bool = False,
        **kwargs: Any,
    ) -> ChildSpec:
        """Describe a supervisor of this class as the child of another one.

        Args:
            id: The child's name within its supervisor.
            *args: Arguments for the constructor, as for `start()`.
            restart: As for `ChildSpec`; so are the next four.
            shutdown: How long it may take to stop.
            significant: Whether its end counts for `Supervisor.auto_shutdown`.
            backoff: How long to wait before a restart.
            replace_abandoned: Whether another may take its place while its code is still running.
            **kwargs: Keyword arguments for the constructor.

        Returns:
            The specification.

        Raises:
            TypeError: One of them is of the wrong kind.
            ValueError: One of them has no such value, or two of them do not go together.

        Examples:
            >>> import pykka
            >>> from pykka.supervision import ChildSpec, Supervisor
            >>> class Clerk(pykka.PooledActor):
            ...     pass
            >>> office = Supervisor.start([
            ...     Supervisor.spec("counters", [
            ...         ChildSpec("one", Clerk),
            ...         ChildSpec("two", Clerk),
            ...     ], strategy="one_for_all", max_restarts=3),
            ...     ChildSpec("archive", Clerk),
            ... ])
            >>> office.child("counters").child("two").is_alive()
            True
            >>> office.stop()
            True
        """
        return ChildSpec(
            id,
            cls,
            args,
            kwargs,
            restart=restart,
            shutdown=shutdown,
            significant=significant,
            backoff=backoff,
            replace_abandoned=replace_abandoned,
        )

    def _pykka_heed(self, wait: Any) -> None:
        """Have the starter not wait, if that is said."""
        check_flag(f"wait of {type(self).__name__}", wait)
        extension = self._pykka_cell.extension
        starter = None if extension is None else extension.supervision
        if not wait and isinstance(starter, Starter):
            starter.excuse(type(self).__name__)

    def _pykka_make_family(
        self,
        strategy: Strategy,
        max_restarts: int | None,
        within: float | None,
        auto_shutdown: AutoShutdown,
    ) -> Restarter:
        most: Any = self.max_restarts if max_restarts is None else max_restarts
        seconds: Any = self.within if within is None else within
        who = type(self).__name__
        if isinstance(most, bool) or not isinstance(most, int) or most < 0:
            text = shorten(most)
            msg = f"{who} has max_restarts={text}; it takes a whole number that is 0 or more"
            raise ValueError(msg)
        is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
        if not is_number or not seconds > 0:
            text = shorten(seconds)
            msg = f"{who} has within={text}; it takes a number of seconds that is more than 0"
            raise ValueError(msg)
        # Its children are started on another thread, now and after a restart.
        extension, loop = self._pykka_cell.need_extension(), running_loop()
        if extension.loop is None:
            extension.loop = loop
        return Restarter(
            self,
            strategy=strategy,
            max_restarts=most,
            within=seconds,
            auto_shutdown=auto_shutdown,
        )

    def count_children(self) -> ChildCounts:
        """Count the children."""
        children = list(self._pykka_restarter.table.values())
        supervisors = sum(child.spec.type == "supervisor" for child in children)
        return ChildCounts(
            specs=len(children),
            active=sum(child.cell is not None for child in children),
            supervisors=supervisors,
            workers=len(children) - supervisors,
        )

    def restarts(self) -> int:
        """Return how often children were restarted since this instance was started."""
        return self._pykka_restarter.restarts


class Supervisor(_BaseSupervisor):
    """An actor that starts other actors, its children, and restarts them when they fail.

    When it starts, it starts its children in order, each after the one before has started. When
    it stops, it stops them in the reverse order. If a child cannot be started, those before it are
    stopped, and the supervisor fails. `start()` waits for all this, and raises in that case.

    A child that fails is restarted *in place*: a new instance takes over its ref, its name and its
    inbox. The message on which it failed is not handled again; the new instance goes on with those
    that wait. If a child was stopped or killed, and its `restart` says that it is restarted, a new
    actor is started, with a new ref.

    If children have to be restarted more than `max_restarts` times within `within` seconds, the
    supervisor stops all of them and fails. Its own supervisor, if it has one, then decides.

    Children are ordinary actors of any runtime. They may be supervisors themselves, which makes a
    tree. An `AsyncioActor` runs in the event loop in which the supervisor was started, now and
    after each restart, unless `options(loop=…)` say another one.

    You can describe a supervisor either by a class or by arguments. See `ChildSpec`.

    Args:
        child_specs: The children; `None` for those of the class.
        strategy: Which children are restarted when one has failed; `None` for that of the class.
        max_restarts: Like the class attribute; `None` to use that.
        within: Like the class attribute; `None` to use that.
        auto_shutdown: Like the class attribute; `None` to use that.
        wait: Whether `start()` waits until the children have started.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: An argument has an impossible value; for example, two children have the same
            `id`.

    Examples:
        >>> import pykka
        >>> from pykka.supervision import ChildSpec, Supervisor
        >>> class Divider(pykka.PooledActor):
        ...     crash_on = (ZeroDivisionError,)
        ...     def divide(self, a, b):
        ...         return a / b
        >>> class Office(Supervisor):
        ...     child_specs = [ChildSpec("divider", Divider)]
        ...     max_restarts = 3
        >>> office = Office.start()
        >>> divider = office.child("divider", Divider).proxy()
        >>> divider.divide(1, 0).get()
        Traceback (most recent call last):
            ...
        ZeroDivisionError: division by zero
        >>> divider.divide(6, 2).get()
        3.0
        >>> office.proxy().restarts().get()
        1
        >>> office.stop()
        True

    The ideas, the terms and the semantics are those of Erlang/OTP's supervisors.
    """

    child_specs: ClassVar[Sequence[ChildSpec]] = ()
    """The children, in the order of their start."""

    strategy: ClassVar[Strategy] = "one_for_one"
    """Which children are restarted when one has failed.

    `"one_for_one"`: that child. `"one_for_all"`: all children. `"rest_for_one"`: that child, and
    those that were started after it. Children that did not fail are first stopped, in the reverse
    order; then all are started in order.
    """

    auto_shutdown: ClassVar[AutoShutdown] = "never"
    """When the supervisor stops because significant children have ended by themselves.

    `"never"`; `"any_significant"`: with the first of them; `"all_significant"`: with the last.
    """

    def __init__(
        self,
        child_specs: Sequence[ChildSpec] | None = None,
        *,
        strategy: Strategy | None = None,
        max_restarts: int | None = None,
        within: float | None = None,
        auto_shutdown: AutoShutdown | None = None,
        wait: bool = True,
    ) -> None:
        super().__init__()
        self._pykka_heed(wait)
        chosen = self.strategy if strategy is None else strategy
        end = self.auto_shutdown if auto_shutdown is None else auto_shutdown
        specs = self.child_specs if child_specs is None else child_specs
        who = type(self).__name__
        require_one_of(who, "strategy", chosen, ("one_for_one", "one_for_all", "rest_for_one"))
        require_one_of(who, "auto_shutdown", end, ("never", "any_significant", "all_significant"))
        self._pykka_restarter = self._pykka_make_family(chosen, max_restarts, within, end)
        self._pykka_specs: dict[Any, ChildSpec] = {}
        check_iterable(f"child_specs of {who}", specs, "ChildSpecs")
        for spec in specs:
            self._pykka_check(spec)
            self._pykka_specs[spec.id] = spec

    def _pykka_check(self, spec: ChildSpec) -> None:
        who = type(self).__name__
        given: Any = spec
        if not isinstance(given, ChildSpec):
            msg = f"a child of {who} is described by a ChildSpec, not by {shorten(spec)}"
            raise TypeError(msg)
        if spec.id in self._pykka_specs or spec.id in self._pykka_restarter.table:
            msg = (
                f"{who} has two children with the id {shorten(spec.id)}; each needs one of its own"
            )
            raise ValueError(msg)
        _require_insignificant(who, spec, self._pykka_restarter.auto_shutdown)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        hook: Any = cls.on_start
        if not hasattr(hook, "_pykka_is_checked"):
            setattr(cls, "on_start", _checked(hook))  # noqa: B010

    def on_start(self) -> None:
        """Start the children. If you override this method, call it with `super()`."""
        for spec in self._pykka_specs.values():
            if self._pykka_cell.stopped:
                break  # it was killed, so what it has started is about to end
            self._pykka_restarter.start(Child(spec.id, spec))
        self._pykka_specs = {}

    on_start._pykka_is_checked = True  # type: ignore[attr-defined]

    def get_child(self, id: Any) -> ActorRef[Any] | None:  # noqa: A002 (OTP's word)
        """Return the ref of a child; `None` if it is not running at the moment.

        Raises:
            LookupError: There is no such child.
        """
        cell = self._pykka_find(id).cell
        return None if cell is None else ref_at(cell)

    @property
    def _pykka_is_up(self) -> bool:
        """Whether it has started its children; any thread may ask."""
        return not getattr(self, "_pykka_specs", True)  # it may still be in its constructor

    def _pykka_ref_of_child(self, id: Any, actor_class: Any) -> ActorRef[Any]:  # noqa: A002 (OTP's word)
        """The ref of a child, for `ActorRef.child`; any thread may ask.

        It looks at the table and at the entry of the child once each; both are single steps.

        Raises:
            LookupError: There is no such child.
            ActorDeadError: It does not run.
            TypeError: It is of another class.
        """
        child = self._pykka_find(id)
        cell = child.cell
        if cell is None:
            msg = f"the child {shorten(id)} of {self} does not run: it is {_info(child).state}"
            raise ActorDeadError(msg)
        if actor_class is not None and not issubclass(cell.actor_class, actor_class):
            msg = f"the child {shorten(id)} of {self} is {cell}, and no {actor_class.__name__}"
            raise TypeError(msg)
        return ref_at(cell)

    def which_children(self) -> list[ChildInfo]:
        """Return the state of each child, in the order of their start."""
        return [_info(child) for child in self._pykka_restarter.table.values()]

    def add_child(self, spec: ChildSpec) -> ActorRef[Any]:
        """Start another child, and wait until it has started.

        Raises:
            ChildStartError: It could not be started.
            ValueError: There is a child with that `id`.
        """
        self._pykka_check(spec)
        child = Child(spec.id, spec)
        self._pykka_restarter.start(child)
        return ref_at(child.cell)  # type: ignore[arg-type]

    def terminate_child(self, id: Any) -> None:  # noqa: A002 (OTP's word)
        """Stop a child, and wait until it has ended. Its specification is kept.

        A temporary child is forgotten.

        Raises:
            LookupError: There is no such child.
            DeadlockError: The child waits for this supervisor. It has been asked to stop.
        """
        self._pykka_restarter.terminate(self._pykka_find(id))

    def restart_child(self, id: Any) -> ActorRef[Any]:  # noqa: A002 (OTP's word)
        """Start a child again that was terminated, or has ended for good.

        Raises:
            ChildStartError: It could not be started. Its specification stays.
            LookupError: There is no such child.
            RuntimeError: It is running, or is being restarted.
            SupervisionError: Its code is still running, because it hung when it was to be stopped.
        """
        child = self._pykka_find(id)
        self._pykka_require_stopped(child)
        self._pykka_restarter.start(child, is_new=False)
        return ref_at(child.cell)  # type: ignore[arg-type]

    def delete_child(self, id: Any) -> None:  # noqa: A002 (OTP's word)
        """Forget a child that was terminated, or has ended for good.

        Raises:
            LookupError: There is no such child.
            RuntimeError: It is running, or is being restarted.
        """
        child = self._pykka_find(id)
        self._pykka_require_stopped(child)
        del self._pykka_restarter.table[id]

    def _pykka_find(self, id: Any) -> Child:  # noqa: A002 (OTP's word)
        try:
            return self._pykka_restarter.table[id]
        except (KeyError, TypeError):  # the latter if it can be no key
            ids = [shorten(each, 60) for each in self._pykka_restarter.table.copy()]
            known = list_some(ids) or "none at all"
            msg = f"{self} has no child {shorten(id)}; it has {known}"
            raise LookupError(msg) from None

    def _pykka_require_stopped(self, child: Child) -> None:
        state = _info(child).state
        if state != "stopped":
            msg = f"the child {shorten(child.spec.id)} of {self} is {state}; terminate it first"
            raise RuntimeError(msg)


def _checked(hook: Callable[[Any], object]) -> Callable[[Supervisor], object]:
    """The start hook of a subclass, which fails if it has not started the children.

    It is in the place of the hook in each subclass that brings one, whichever of its bases that
    comes from.
    """

    @functools.wraps(hook)
    def on_start(self: Supervisor) -> object:
        result = hook(self)
        if (
            self._pykka_specs and type_of(result) is not CoroutineType
        ):  # which is refused elsewhere
            who = type(self).__qualname__
            msg = (
                f"{who}.on_start() has to call super().on_start(): the children of {self} were "
                "not started"
            )
            raise TypeError(msg)
        return result

    on_start._pykka_is_checked = True  # type: ignore[attr-defined]
    return on_start


class DynamicSupervisor(_BaseSupervisor):
    """A supervisor of any number of children of the same kind, started on demand.

    All children have the same specification; `add_child()` adds arguments to it. The strategy is
    one for one. A child that has ended for good is forgotten. When the supervisor ends, all
    children are asked to stop at the same time. OTP calls this `simple_one_for_one`.

    Args:
        template: The specification; `None` for that of the class.
        max_restarts: Like the class attribute; `None` to use that.
        within: Like the class attribute; `None` to use that.
        wait: Whether `start()` waits until `on_start()` has ended.

    Raises:
        TypeError: There is no template, or an argument has the wrong type.
        ValueError: The template is significant.

    Examples:
        >>> import pykka
        >>> from pykka.supervision import ChildSpec, DynamicSupervisor
        >>> class Session(pykka.PooledActor):
        ...     def __init__(self, user):
        ...         super().__init__()
        ...         self.user = user
        >>> sessions = DynamicSupervisor.start(ChildSpec("session", Session, restart="transient"))
        >>> ada = sessions.proxy().add_child("Ada").get()
        >>> ada.proxy().user.get()
        'Ada'
        >>> sessions.stop()
        True
    """

    template: ClassVar[ChildSpec | None] = None
    """The specification of all children."""

    def __init__(
        self,
        template: ChildSpec | None = None,
        *,
        max_restarts: int | None = None,
        within: float | None = None,
        wait: bool = True,
    ) -> None:
        super().__init__()
        self._pykka_heed(wait)
        chosen: Any = self.template if template is None else template
        if not isinstance(chosen, ChildSpec):
            msg = f"{type(self).__name__} needs a ChildSpec as its template, not {shorten(chosen)}"
            raise TypeError(msg)
        _require_insignificant(type(self).__name__, chosen, "never")
        self._pykka_template = chosen
        self._pykka_restarter = self._pykka_make_family(
            "one_for_one", max_restarts, within, "never"
        )
        self._pykka_restarter.forgets_the_stopped = True
        self._pykka_cell.need_extension().ends_children_together = True
        self._pykka_numbers = itertools.count(1)

    def add_child(self, *args: Any, **kwargs: Any) -> ActorRef[Any]:
        """Start a child, and wait until it has started.

        Args:
            *args: Arguments for the class, after those of the template.
            **kwargs: Keyword arguments for the class, in addition to those of the template.

        Raises:
            ChildStartError: It could not be started.
        """
        child = Child(self._pykka_new_key(), self._pykka_template.with_arguments(args, kwargs))
        self._pykka_restarter.start(child)
        return ref_at(child.cell)  # type: ignore[arg-type]

    def _pykka_new_key(self) -> int:
        return next(self._pykka_numbers)

    def terminate_child(self, ref: ActorRef[Any]) -> bool:
        """Stop a child, wait until it has ended, and forget it.

        Returns:
            Whether it was a child.

        Raises:
            TypeError: `ref` is not the ref of an actor.
            DeadlockError: The child waits for this supervisor. It has been asked to stop.
        """
        given: Any = ref
        cell: Any = getattr(given, "_cell", None)
        if cell is None:
            msg = f"terminate_child() takes the ref of a child, not {shorten(ref)}"
            raise TypeError(msg)
        for child in self._pykka_restarter.table.values():
            if child.cell is cell:
                self._pykka_restarter.terminate(child)
                return True
        return False

    def which_children(self) -> list[ChildInfo]:
        """Return the state of each child, in the order of their start."""
        return [_info(child) for child in self._pykka_restarter.table.values()]


def _info(child: Child) -> ChildInfo:
    is_planned = child.plan is not None and child.state not in ("running", "stopping")
    state: Any = "restarting" if is_planned or child.state == "down" else child.state
    return ChildInfo(
        child.spec.id,
        None if child.cell is None else ref_at(child.cell),
        state,
        child.spec.type,
        child.restarts,
    )


def _require_insignificant(who: str, spec: ChildSpec, auto_shutdown: str) -> None:
    if spec.significant and auto_shutdown == "never":
        msg = (
            f"the child {shorten(spec.id)} of {who} is significant, which means nothing while "
            'auto_shutdown is "never"'
        )
        raise ValueError(msg)
