"""Actor systems: who lives where.

Invariant: an actor can be found from when it was registered until it is unregistered, and no
longer; by its URN only if that was read (a URN that was never seen cannot be looked for).

The registry is three dicts without a lock. A dict changes in single indivisible steps, with and
without the GIL, and keeps the order of insertion. The index of URNs follows the dict of refs:
a reader that enters a URN looks afterwards whether the actor is still registered, and takes it out
again if not; the closer that unregisters takes the actor out first and its URN afterwards. So at
least one of the two sees the other, and no URN of a dead actor stays behind.

A name is taken with `setdefault()`, so only one of several actors gets it. It is given back when
the actor is unregistered, which only that actor's own end does.

A system that is being shut down takes no actors but the children of living ones, and after its end
none at all. A thread that registers an actor looks afterwards whether that is so, and takes it out
again; the closer of the system sets the mark, and looks afterwards who is left; see
`pykka._system.shutdown`.
"""

from __future__ import annotations

import itertools
import os
import threading
import weakref
from logging import DEBUG
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Protocol, TypeVar, cast, overload

from pykka._cell import cell as _cell
from pykka._cell import extension, inbox
from pykka._cell.metering import switch_on
from pykka._cell.spawn_options import SpawnOptions, current
from pykka._deadlock import stacks, wait_graph
from pykka._exceptions import ActorDeadError, ActorError, NameTakenError, Timeout
from pykka._futures.deadline import Deadline
from pykka._lifecycle.children import let_children_go
from pykka._lifecycle.kill import STOP_TIMEOUT
from pykka._ref.accepting import NotAcceptedError
from pykka._ref.ref import ActorRef, ref_at
from pykka._system import crashes
from pykka._system.dead_letters import DeadLetter, DeadLetters
from pykka._system.events import EventBus
from pykka._system.life_events import (
    ActorEnded,
    ActorFailed,
    ActorRestarted,
    ActorStarted,
    SupervisorGaveUp,
)
from pykka._system.shutdown import Shutdown, has_parent, root_of
from pykka._util import log as _logging
from pykka._util.checks import (
    check_clock,
    check_flag,
    check_name,
    check_seconds,
    is_the_same_again,
    shorten,
)
from pykka._util.locks import held
from pykka._util.log import call_out, is_a, logger
from pykka.timers._clock import Clock, default_clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sized
    from types import TracebackType
    from typing import Self

    from pykka._actor.actor import Actor
    from pykka._actor.options import ActorOptions
    from pykka._cell.cell import Cell
    from pykka._cell.reasons import Reason
    from pykka._futures.future import Future
    from pykka._statistics import SystemStatistics
    from pykka._system.life_events import LifecycleEvent

A = TypeVar("A", bound="Actor")
P = ParamSpec("P")
F = TypeVar("F", bound="Callable[..., Any]")

_numbers = itertools.count(1)
_lock = threading.Lock()

_new_pool: Callable[[ActorSystem], Any] | None = None
"""Makes a system's own dispatcher; entered by `makes_pools`."""


def makes_pools(function: F) -> F:
    """Mark the function that makes a system's own dispatcher, when it is first needed.

    Raises:
        ValueError: There is such a function already.
    """
    global _new_pool  # noqa: PLW0603
    if _new_pool is not None and not is_the_same_again(_new_pool, function):
        msg = f"there are two functions that make the pool of a system: {_new_pool}, {function}"
        raise ValueError(msg)
    _new_pool = function
    return function


class ActorSystem:
    """A separate world of actors.

    Each system has its own registry, dispatcher, clock, dead letters and events. So systems do not
    affect each other, and tests that each use their own can run side by side. Actors of different
    systems can still send messages to each other.

    Actors that you start with `Actor.start` belong to the system of the actor that starts them,
    or else to the default system, which is that of `ActorRegistry`. A system ends with
    `shutdown()`, or with its `with` or `async with` block. If the task of an `async with` block is
    cancelled, the actors are stopped at once, and those that run in an event loop are cancelled.
    The cancellation continues when all have ended.

    Args:
        name: A name, for the log and for threads.
        dispatcher: The dispatcher of its pooled actors, unless their class says another one;
            `None` for a dispatcher of its own.
        clock: The clock of its timers, idle time-outs and supervisors, for example a `ManualClock`
            in tests; `None` for the computer's monotonic clock.
        keep_statistics: Whether all its actors count their messages; see `keep_statistics()`.
        shutdown_timeout: Seconds that the end of a `with` or `async with` block may take, as for
            `shutdown()`; `None` for no limit.
        stop_timeout: Seconds that an actor has to end; see the property of that name.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: A number is out of its range.

    Examples:
        >>> import pykka
        >>> class Greeter(pykka.ThreadingActor):
        ...     def on_receive(self, message):
        ...         return f"Hello, {message}!"
        >>> with pykka.ActorSystem("shop") as shop:
        ...     greeter = shop.start(Greeter.options(name="greeter"))
        ...     shop.get_by_name("greeter").ask("world")
        'Hello, world!'
        >>> greeter.is_alive()
        False
    """

    def __init__(
        self,
        name: str | None = None,
        *,
        dispatcher: Any = None,
        clock: Clock | None = None,
        keep_statistics: bool = False,
        shutdown_timeout: float | None = 30.0,
        stop_timeout: float = STOP_TIMEOUT,
    ) -> None:
        if name is not None:
            check_name("the name of a system", name)
        if clock is not None:
            check_clock("clock", clock)
        check_flag("keep_statistics", keep_statistics)
        if dispatcher is not None and not hasattr(dispatcher, "_pool"):
            msg = f"dispatcher is {shorten(dispatcher)}, which is no pykka.Dispatcher"
            raise TypeError(msg)
        Deadline(shutdown_timeout, "shutdown_timeout")  # refuses what is no number of seconds
        self.stop_timeout = stop_timeout
        self._name = name if name is not None else f"system-{next(_numbers)}"
        world = current.state.world
        usual_clock = world.clock(default_clock)
        self.clock: Clock = usual_clock if clock is None else clock
        """What its timers go by."""
        self.events = EventBus()
        """The event bus of the system."""
        self._listeners: Sized = self.events._by_class
        self.dead_letters = DeadLetters(
            events=self.events, clock=world.monotonic, timer=usual_clock
        )
        """The dead letters of the system's actors: subscribe to them, or count them. Each is
        an event too, of the class `pykka.dead_letters.DeadLetter`."""
        self.pool: Any = None if dispatcher is None else dispatcher._pool
        self._dispatcher: Any = dispatcher
        self._shutdown_timeout = shutdown_timeout
        self._ended = False
        self._closing: dict[Shutdown, None] = {}
        """Those who are just ending it."""
        self._keeps_statistics = keep_statistics
        self._refs: dict[Cell, ActorRef[Any]] = {}
        self._ending: dict[Cell, None] = {}
        """The actors that are no longer registered, and have not ended."""
        self._by_urn: dict[str, Cell] = {}
        self._by_name: dict[str, Cell] = {}
        _systems[self] = None

    @staticmethod
    def default() -> ActorSystem:
        """Return the default system, the one of `ActorRegistry`.

        Actors that are started outside actors belong to it, unless another system is given.
        """
        return current.state.world.default_system(default_system)

    @property
    def name(self) -> str:
        """The name of the system."""
        return self._name

    @property
    def stop_timeout(self) -> float:
        """Seconds that an actor has to end, unless something else says how long. It can be set.

        It applies to a child that its supervisor stops, unless its `ChildSpec` says how long
        (`shutdown`); to an actor that is killed, unless the killer says how long
        (`abandon_after`); and to an actor whose parent was abandoned. When the time is up, an
        actor that was asked to stop is killed, and has a fifth of the time more to run its last
        hook. An actor that was killed is abandoned.

        A `shutdown()` of the whole system has a timeout of its own.

        Raises:
            TypeError: It is set to something that is not a number.
            ValueError: It is set to 0 or less, or to infinity.

        Examples:
            >>> import pykka
            >>> pykka.ActorSystem.default().stop_timeout
            5.0
            >>> with pykka.ActorSystem(stop_timeout=0.5) as system:
            ...     system.stop_timeout
            0.5
        """
        return self._stop_timeout

    @stop_timeout.setter
    def stop_timeout(self, seconds: float) -> None:
        check_seconds("stop_timeout", seconds, more_than_zero=True)
        self._stop_timeout = seconds

    @property
    def dispatcher(self) -> Any:
        """The dispatcher, which gives threads to the system's pooled actors."""
        self.need_pool()
        return self._dispatcher

    def __repr__(self) -> str:
        return f"<pykka.ActorSystem {shorten(self._name)}>"

    # twin: overloads of starting (2 statements)
    @overload
    def start(
        self, actor_class: ActorOptions[A, P], /, *args: P.args, **kwargs: P.kwargs
    ) -> ActorRef[A]: ...
    @overload
    def start(
        self, actor_class: Callable[P, A], /, *args: P.args, **kwargs: P.kwargs
    ) -> ActorRef[A]: ...
    def start(self, actor_class: Any, /, *args: Any, **kwargs: Any) -> ActorRef[Any]:
        """Start an actor in this system.

        Args:
            actor_class: The class of the actor, or what `Actor.options` returned.
            *args: Arguments for its `__init__()`.
            **kwargs: Keyword arguments for its `__init__()`.

        Returns:
            The ref of the actor, as from `Actor.start`.

        Raises:
            RuntimeError: The system has ended.
            NameTakenError: A living actor of this system has that name.
            ValueError: Its options say another system.
        """
        return start_with(actor_class, args, kwargs, system=self)

    def get_all(self) -> list[ActorRef[Any]]:
        """Return all running actors, in the order in which they were started."""
        return list(self._refs.copy().values())

    def get_by_name(self, name: str) -> ActorRef[Any] | None:
        """Return the running actor with a name, or `None` if there is none.

        Raises:
            TypeError: `name` is no string, or empty.
        """
        check_name("the name of an actor", name)
        cell = self._by_name.get(name)
        return None if cell is None else self._refs.get(cell)

    def get_by_urn(self, actor_urn: str) -> ActorRef[Any] | None:
        """Return the running actor with a URN, or `None` if there is none."""
        cell = self._by_urn.get(actor_urn)
        return None if cell is None else self._refs.get(cell)

    def get_by_class(self, actor_class: type[A]) -> list[ActorRef[A]]:
        """Return all running actors of a class and of its subclasses.

        Args:
            actor_class: Any class, even a mixin that is not an actor class itself, or a tuple of
                classes.

        Raises:
            TypeError: `actor_class` is not a class.
        """
        _require_class(actor_class)
        return [ref for ref in self.get_all() if issubclass(ref.actor_class, actor_class)]

    def get_by_class_name(self, actor_class_name: str) -> list[ActorRef[Any]]:
        """Return all running actors of the class with this name, without its module.

        Raises:
            TypeError: `actor_class_name` is not a string.
        """
        given: Any = actor_class_name
        if not isinstance(given, str):
            msg = (
                f"actor_class_name is the bare name of a class, a string, not {shorten(given)}; "
                "get_by_class() takes the class itself"
            )
            raise TypeError(msg)
        return [ref for ref in self.get_all() if ref.actor_class.__name__ == actor_class_name]

    def broadcast(self, message: Any, target_class: str | type[Actor] | None = None) -> None:
        """Send a message to all running actors, or to those of a class.

        If an actor dies meanwhile, the others still get the message. A message that it did not
        accept becomes a dead letter.

        Args:
            message: The message.
            target_class: A class, or the name of one, without its module.

        Raises:
            TypeError: `target_class` is something else.
        """
        broadcast_by(self, message, target_class)

    # twin: overloads of stop_all (3 statements)
    @overload
    def stop_all(
        self, *, block: Literal[True] = True, timeout: float | None = None
    ) -> list[bool]: ...
    @overload
    def stop_all(
        self, *, block: Literal[False], timeout: float | None = None
    ) -> list[Future[bool]]: ...
    @overload
    def stop_all(
        self, *, block: bool = True, timeout: float | None = None
    ) -> list[bool] | list[Future[bool]]: ...
    def stop_all(
        self, *, block: bool = True, timeout: float | None = None
    ) -> list[bool] | list[Future[bool]]:
        """Stop all running actors, in the reverse order of their start.

        With `block=True`, each has stopped before the next one is asked to. An actor that calls
        this stops the others in this way, and itself last, without waiting for that. Children are
        stopped by their parents. The system still accepts new actors; see `shutdown`.

        Args:
            block: Whether to wait.
            timeout: Seconds to wait for all of them together; `None` waits for ever.

        Returns:
            What `ActorRef.stop` returned for each of them.

        Raises:
            Timeout: Not all have stopped after `timeout` seconds. All have been asked to.
            DeadlockError: An actor waits here for one that waits for it. All have been asked to.
        """
        return stop_each(self.get_all(), block=block, timeout=timeout)

    def statistics(self) -> SystemStatistics:
        """Return the counts of all actors of the system together.

        How many messages wait is always known. The messages that actors have handled are counted
        only after `keep_statistics()`, here or on a ref, because counting takes time.

        Examples:
            >>> import pykka
            >>> class Echo(pykka.PooledActor):
            ...     def on_receive(self, message):
            ...         return message
            >>> with pykka.ActorSystem(keep_statistics=True) as system:
            ...     [system.start(Echo).ask(number) for number in range(3)]
            ...     statistics = system.statistics()
            [0, 1, 2]
            >>> statistics.actors, statistics.waiting, statistics.handled
            (3, 0, 3)
        """
        from pykka._statistics import SystemStatistics  # noqa: PLC0415 (see there)

        refs = self.get_all()
        each = [ref.statistics() for ref in refs]
        handled = [one.handled for one in each if one.handled is not None]
        failures = [one.failures for one in each if one.failures is not None]
        return SystemStatistics(
            actors=len(refs),
            waiting=sum(one.waiting for one in each),
            timers=sum(len(ref._cell.extension.timers) for ref in refs if ref._cell.extension),
            dead_letters=self.dead_letters.statistics().total,
            handled=sum(handled) if handled or self._keeps_statistics else None,
            failures=sum(failures) if failures or self._keeps_statistics else None,
        )

    def keep_statistics(self) -> None:
        """Let all actors of the system count their messages, including actors started later.

        This costs a microsecond or less for each message, and cannot be switched off.
        """
        self._keeps_statistics = True
        for ref in self.get_all():  # in this order: who is not here yet sees the mark
            ref.keep_statistics()

    def shutdown(self, timeout: float | None = None) -> None:
        """End the system: stop all its actors, in the reverse order of their start.

        From now on the system accepts no new actors, so it ends even if other threads keep trying
        to start some. Its actors may still start children, which end with them. This method waits
        until all have ended, including their last hooks. After that, the default system accepts
        actors again.

        Args:
            timeout: Seconds that all this may take. In the last quarter of that time, but for at
                most a second, actors that have not stopped are killed. When the time is up, those
                whose code hangs are abandoned; see `ActorRef.kill`. `None` for no limit.

        Raises:
            Timeout: Some had to be killed. The text says which, up to ten of them, and where they
                hung. The system has ended nevertheless. If very many had to be killed, the last of
                them may still be ending when this returns.
            DeadlockError: An actor calls this that belongs to the system itself. All have been
                asked to stop.
        """
        Shutdown(self, timeout).run()

    def __enter__(self) -> Self:
        self._require_open()
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.shutdown(self._shutdown_timeout)
        except Timeout:
            if exception is None:
                raise

    async def __aenter__(self) -> Self:
        self._require_open()
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        ending = Shutdown(self, self._shutdown_timeout)
        await ending.run_awaiting(exception)

    # What cells and actors need of their system.

    def register(self, ref: ActorRef[Any]) -> None:
        """Make an actor findable.

        Raises:
            RuntimeError: The system has ended.
            NameTakenError: A living actor has its name.
        """
        cell = ref._cell
        name = None if cell.extension is None else cell.extension.name
        if name is not None and self._by_name.setdefault(name, cell) is not cell:
            msg = (
                f"the name {shorten(name)} is taken by {self._by_name.get(name)}; names are "
                "unique among the living actors of a system"
            )
            raise NameTakenError(msg)
        if self._listeners:
            self._publish(ActorStarted, ref)  # before another thread can find it, and end it
        self._refs[cell] = ref
        # This is `cell.urn_if_seen`, to save the call; here and when it is taken out.
        sundries = cell.sundries
        if sundries is not None and sundries.urn is not None:
            self.enter_urn(cell)
        if self._keeps_statistics and cell.actor is not None:
            switch_on(cell)  # it does not live yet
        if self._ended or (self._closing and not has_parent(cell)):
            self.unregister(cell)
            if self._listeners:
                self._publish(ActorEnded, ref, cell.reason)
            self._require_open()
        if logger.isEnabledFor(DEBUG):
            logger.debug("Registered %s", ref)

    def knows(self, cell: Cell) -> bool:
        """Tell whether an actor is findable."""
        return cell in self._refs

    def unregister(self, cell: Cell) -> bool:
        """Make an actor no longer findable; False if it was not."""
        if cell.ending and cell in self._refs:
            # In this order, so that it is always in one of the two; see `everybody`.
            self._ending[cell] = None
            if cell.actor is None:
                self.forget(cell)
        known = self._refs.pop(cell, None) is not None
        sundries = cell.sundries
        urn = None if sundries is None else sundries.urn
        if type(urn) is str:
            self.forget_urn(cell, urn)
        elif urn is not None:  # a class of the user's, which may not be hashable any more
            text = "The URN of %s raised:"
            call_out(self.forget_urn, cell, urn, text=text, about=(cell,))
        name = None if cell.extension is None else cell.extension.name
        if name is not None and self._by_name.get(name) is cell:
            self._by_name.pop(name, None)
        if logger.isEnabledFor(DEBUG):
            text = "Unregistered %s" if known else "Unregistered %s (not found in registry)"
            logger.debug(text, cell)
        return known

    def forget(self, cell: Cell) -> None:
        """Take note that an actor has ended, to the last."""
        if self._refs.pop(cell, None) is not None:
            self.unregister(cell)  # a signal handler struck when that was to be done
        if self._ending.pop(cell, cell) is not cell and self._listeners:
            self._publish(ActorEnded, ref_at(cell), cell.reason)

    def publish_failure(self, cell: Cell, error: BaseException) -> None:
        """Tell those who want to know that an actor, or an instance of it, has failed."""
        if self._listeners:
            gave_up = (
                getattr(cell.actor_class, "_pykka_supervises", False)
                and is_a(error, ActorError)
                and error._gives_up
            )
            self._publish(SupervisorGaveUp if gave_up else ActorFailed, ref_at(cell), error)

    def publish_restart(self, cell: Cell, reason: Reason) -> None:
        """Tell those who want to know that a new instance has taken the place of another."""
        if self._listeners:
            self._publish(ActorRestarted, ref_at(cell), reason)

    def _publish(self, event_class: type[LifecycleEvent], *about: Any) -> None:
        """Publish an event in the life of an actor, if a subscriber gets it."""
        if self.events.has_subscribers(event_class):
            text = "To publish what becomes of %s raised:"
            call_out(self.events.publish, event_class(*about), text=text, about=about[:1])

    def everybody(self) -> list[Cell]:
        """All actors that have not ended: those that are ending, and then the others.

        In the order of their start, as far as they are not ending.
        """
        living = list(self._refs.copy())  # before the others, for they go there from here
        return list(dict.fromkeys([*self._ending.copy(), *living]))

    def enter_urn(self, cell: Cell) -> None:
        """Make an actor, whose URN was just made, findable by it."""
        urn = cell.urn
        self._by_urn[urn] = cell
        if cell not in self._refs or cell.urn != urn:
            self.forget_urn(cell, urn)

    def forget_urn(self, cell: Cell, urn: str) -> None:
        """Make an actor no longer findable by a URN."""
        if self._by_urn.get(urn) is cell:  # and not another's, who chose the same
            self._by_urn.pop(urn, None)

    def to_dead_letters(self, cell: Cell, message: object, reason: str) -> None:
        """Report a message that will never be handled."""
        self.dead_letters.report(DeadLetter(message, ref_at(cell), reason))

    def tell_of_crash(self, cell: Cell, error: BaseException) -> None:
        """Tell the program what an actor has failed with, unless another actor knows."""
        crashes.tell_of_crash(cell, error)

    def let_children_go(self, cell: Cell) -> None:
        """Have the children end that are left although their parent has ended."""
        let_children_go(cell)

    def use_dispatcher(self, dispatcher: Any) -> None:
        """Have a dispatcher give threads to the system's pooled actors."""
        self._dispatcher = dispatcher
        self.pool = dispatcher._pool

    def need_pool(self) -> Any:
        """The threads of the system's dispatcher; made now if they have not been needed so far."""
        if self.pool is None:
            dispatcher: Any = _new_pool(self)  # type: ignore[misc]
            for release in held(_lock):
                if self.pool is None:
                    self._dispatcher = dispatcher
                    self.pool = dispatcher._pool
                release()
        return self.pool

    def _begin_to_end(self, shutdown: Shutdown) -> None:
        """Take no actors for now but the children of living ones."""
        self._closing[shutdown] = None

    def end(self) -> None:
        """Take no actor any more, unless this is a default system: that of another world, too."""
        self._ended = self not in {default_system, ActorSystem.default()}

    def _go_on_after(self, shutdown: Shutdown) -> None:
        """Take actors again, unless the system has ended."""
        self._closing.pop(shutdown, None)

    def _require_open(self) -> None:
        if self._ended:
            name = shorten(self._name)
            msg = f"the actor system {name} has ended, so no actor can be started in it"
            raise RuntimeError(msg)
        if self._closing:
            msg = (
                f"the actor system {shorten(self._name)} is being shut down, so it takes no "
                "actors but the children that its living actors start with start_child()"
            )
            raise RuntimeError(msg)


class Directory(Protocol):
    """What tells who lives in a system: the system itself, or the registry."""

    def get_all(self) -> list[ActorRef[Any]]:
        """Return all running actors."""
        ...

    def get_by_class(self, actor_class: type[A]) -> list[ActorRef[A]]:
        """Return all running actors of a class."""
        ...

    def get_by_class_name(self, actor_class_name: str) -> list[ActorRef[Any]]:
        """Return all running actors of the class with this name, without its module."""
        ...


def broadcast_by(
    directory: Directory, message: Any, target_class: str | type[Actor] | None
) -> None:
    """Send a message to all actors of a directory, or to those of a class.

    The refs are asked for nothing but `tell()`; a test may put something else there.
    """
    targets: list[ActorRef[Any]]
    if isinstance(target_class, str):
        targets = directory.get_by_class_name(target_class)
    elif target_class is not None:
        targets = directory.get_by_class(target_class)
    else:
        targets = directory.get_all()
    for ref in targets:
        try:
            ref.tell(message)
        except (ActorDeadError, NotAcceptedError) as error:
            cell = _address_of(ref)
            if cell is not None:
                is_dead = is_a(error, ActorDeadError)
                why = "died while the message was broadcast" if is_dead else "does not accept it"
                cell.services.to_dead_letters(cell, message, why)


def stop_each(
    actors: Iterable[ActorRef[Any]], *, block: bool, timeout: float | None
) -> list[bool] | list[Future[bool]]:
    """Stop some actors, the last one first; see `ActorSystem.stop_all`.

    The refs are asked for nothing but `stop()`; a test may put something else there.
    """
    deadline = Deadline(timeout)
    root = root_of(current.state.cell)  # of a child: it ends with its parent
    others: list[ActorRef[Any]] = []
    myself: list[ActorRef[Any]] = []
    for ref in [*actors][::-1]:
        cell = _address_of(ref)
        if cell is None:
            others.append(ref)
        elif not has_parent(cell):
            (myself if cell is root else others).append(ref)
    if not block:
        return [ref.stop(block=False, timeout=timeout) for ref in others + myself]
    stopped: list[bool] = []
    try:
        for ref in others:
            seconds = deadline.remaining() if stopped else timeout
            stopped.append(ref.stop(block=True, timeout=seconds))
    except BaseException:  # Timeout, DeadlockError, or Ctrl-C
        for ref in others[len(stopped) + 1 :] + myself:
            ref.stop(block=False)
        raise
    for ref in myself:
        ref.stop(block=False)
    return stopped + [True] * len(myself)


def _address_of(ref: Any) -> Cell | None:
    """The cell that a ref points at; `None` if it is no ref of an actor."""
    cell = getattr(ref, "_cell", None)
    return cell if isinstance(cell, _cell.Cell) else None


def join_parent(cell: Cell) -> None:
    """Make an actor, which is about to be started, a child of its parent if it has one.

    Raises:
        ActorDeadError: The parent is ending.
    """
    extension: Any = cell.extension
    parent = extension.parent
    if parent is None:
        return
    parent.take_child(cell, extension.shutdown)
    if parent.ending:  # in this order: the closer of the parent looks for children after that
        raise parent.dead_error("is ending, and can have no more children")


def require_system(given: Any, refusal: str) -> ActorSystem:
    """The system that is given, or the default one for `None`.

    Args:
        given: The system, perhaps.
        refusal: What is said of something else, with `{}` in its place.

    Raises:
        TypeError: It is something else.
    """
    if given is None:
        return ActorSystem.default()
    if not isinstance(given, ActorSystem):
        raise TypeError(refusal.format(shorten(given)))
    return given


def require_actor_class(given: Any) -> None:
    """Refuse what is no class of actors.

    Raises:
        TypeError: That is so.
    """
    if hasattr(given, "_pykka_cell_class"):
        if isinstance(given, type):
            return
        # Its start() would start another one.
        kind = type(given).__name__
        msg = (
            f"{shorten(given)} is an actor that was made already; what starts actors takes the "
            f"class {kind} and its arguments, and makes it"
        )
        raise TypeError(msg)
    msg = f"{shorten(given)} is neither an actor class nor what its options() returned"
    raise TypeError(msg)


def start_with(
    actor_class: type[A] | ActorOptions[A],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    **said: Any,
) -> ActorRef[A]:
    """Start an actor, of which something is said besides its options; see `SpawnOptions`.

    Nothing is asked of the class: it may use the name `options` for something of its own.
    """
    given: Any = actor_class
    if isinstance(given, type) or not hasattr(given, "_start_with"):
        require_actor_class(given)
        return start_as(cast("type[A]", given), args, kwargs, said)
    ref: ActorRef[A] = given._start_with(args, kwargs, **said)
    return ref


def start_as(
    actor_class: type[A], args: tuple[Any, ...], kwargs: dict[str, Any], said: dict[str, Any]
) -> ActorRef[A]:
    """Start an actor of a class, of which something is said; see `SpawnOptions`."""
    state = current.state
    before = state.spawn_options
    state.spawn_options = SpawnOptions(actor_class, **said)
    try:
        return actor_class.start(*args, **kwargs)
    finally:
        state.spawn_options = before


_systems: weakref.WeakKeyDictionary[ActorSystem, None] = weakref.WeakKeyDictionary()

default_system = ActorSystem("default")
"""The system of all actors that are started from outside, with nothing else said."""


def all_systems() -> list[ActorSystem]:
    """All systems there are."""
    while True:
        try:
            return list(_systems)
        except RecursionError:
            raise  # it would come again and again
        except RuntimeError:  # another thread has just made one
            continue


def _after_fork() -> None:
    """Declare the actors dead in a child process: it has none of its parent's threads.

    The actor that forked, if it was one, is just running, and so are those that wait for it and
    have lent it their thread. Each of them ends when the message is handled that it is handling.
    """
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()
    current.state.is_main = True
    _cell.renew_locks()
    inbox.renew_locks()
    wait_graph.renew_locks()
    extension.renew_locks()
    stacks.renew_locks()
    _logging.renew_locks()
    crashes.renew_locks()
    for system in all_systems():
        system.dead_letters.renew_locks()
        system.events.renew_locks()
        everybody = system.everybody()
        running = _running_here(everybody)
        for cell in everybody:
            if cell in running:
                cell.end_after_message()
            else:
                cell.declare_dead()
                system.unregister(cell)
                system.forget(cell)


def _running_here(everybody: list[Cell]) -> set[Cell]:
    """The actors whose code is on the stack of this thread."""
    cell = current.state.cell
    running: set[Cell] = set() if cell is None else {cell}
    found = list(running)
    while found:
        found = [each for each in everybody if each.waiting in found and each not in running]
        running.update(found)
    return running


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _require_class(actor_class: object) -> None:
    # isinstance() takes a class or a tuple of classes, and refuses what is neither.
    try:
        isinstance(None, actor_class)  # type: ignore[arg-type]
    except TypeError:
        msg = (
            f"the registry looks for a class, not for {shorten(actor_class)}; "
            "get_by_class_name() takes the name of one"
        )
        raise TypeError(msg) from None
