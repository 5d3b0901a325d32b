"""The base class of all actors, whatever runs them."""

from __future__ import annotations

from logging import DEBUG
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, ParamSpec, TypeVar, overload

from pykka._actor import behaviour, death_watch
from pykka._actor.options import ActorOptions
from pykka._cell.cell import Cell
from pykka._cell.spawn_options import current, make
from pykka._envelope import Envelope
from pykka._lifecycle import invoke
from pykka._lifecycle.termination import close_cell
from pykka._ref.calls import Calls
from pykka._ref.ref import ref_at
from pykka._system.system import ActorSystem, join_parent, start_with
from pykka._util.log import logger, traceback_of
from pykka.messages import _ActorStop

if TYPE_CHECKING:
    import threading
    from asyncio import AbstractEventLoop
    from collections.abc import Awaitable, Callable, Collection
    from types import TracebackType
    from typing import Self

    from pykka._cell.reasons import Reason
    from pykka._futures.future import Future
    from pykka._ref.ref import ActorRef
    from pykka.inboxes import InboxSpec
    from pykka.runtimes.pool.dispatcher import Dispatcher

A = TypeVar("A", bound="Actor")
P = ParamSpec("P")


class Actor:
    """An actor: an object that keeps its state to itself and is reached by messages only.

    An actor handles one message at a time, so it needs no locks. Others reach it through its
    `ActorRef`, or through an `ActorProxy` made from that.

    To make an actor:

    1. subclass one of the implementations, such as `ThreadingActor`,
    2. write methods as usual; if there is an `__init__()`, it must call `super().__init__()`,
    3. call `start()` on the class, with the arguments of `__init__()`.

    To stop it, call `stop()` on its ref, or on the actor itself from within.

    Examples:
        >>> import pykka
        >>> class Thermometer(pykka.ThreadingActor):
        ...     def __init__(self, unit):
        ...         super().__init__()
        ...         self.unit = unit
        ...     def on_start(self):
        ...         self.degrees = 20
        ...     def on_receive(self, message):
        ...         self.degrees = message
        ...     def read(self):
        ...         return f"{self.degrees} {self.unit}"
        >>> ref = Thermometer.start("°C")
        >>> ref.tell(21)
        >>> ref.proxy().read().get()
        '21 °C'
        >>> ref.stop()
        True
    """

    default_inbox: ClassVar[InboxSpec | None] = None
    """The kind of inbox that actors of this class have, if `options()` do not say otherwise.

    One of `pykka.inboxes`; `None` for one without a bound.
    """

    crash_on: ClassVar[Collection[type[BaseException]]] = ()
    """Exceptions that end the actor also if they answer a question.

    An exception that a handler raises goes to the asker, and the actor lives on. If it is
    one of these, the asker gets it as well, and then the actor ends as it does when there was no
    asker: it is restarted if it is supervised.
    """

    stash_capacity: ClassVar[int | None] = None
    """How many messages `stash()` may set aside; `None` if none at all."""

    _pykka_cell_class: ClassVar[type[Cell]] = Cell
    """What kind of cell the runtime's actors have."""

    _pykka_cell: Cell = None  # type: ignore[assignment]
    """The actor's cell; `None` until `__init__()` below has run.

    The name is one that no user's class has; `_cell` is common among network programs.
    """

    if TYPE_CHECKING:

        def _open(self, message: Any, /) -> None:
            """For type checkers, see `pykka._ref.accepting`: any message may be sent."""

    _pykka_expires: ClassVar[bool] = False
    """Whether questions are not handled whose askers have given up; see `expire_asks`."""

    _pykka_calls: ClassVar[Calls] = Calls()
    """What refs remember of the methods of the class; each class is given one of its own."""

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        """Make the actor's cell: its inbox, its ref, its names.

        Arguments are ignored, so a class without an `__init__()` of its own can be started with
        any. It does not call the next `__init__()`: a mixin with one goes *before* the actor class
        in the list of bases. Calling it once more changes nothing: the cell is the same.
        """
        state = current.state
        spawn_options = state.spawn_options
        if spawn_options is not None and not spawn_options.is_for(self):
            spawn_options = None
        former: Any = self._pykka_cell
        if former is not None and _is_made_already(self, is_meant=spawn_options is not None):
            return
        cell = system = None
        if spawn_options is not None:
            state.spawn_options = None
            cell, system = spawn_options.cell, spawn_options.system
        if cell is None:
            cell_class = state.world.cell_class(self._pykka_cell_class)
            cell = cell_class(self, _home(system))
            if spawn_options is not None or type(self).default_inbox is not None:
                cell.adopt(spawn_options)
        self._pykka_cell = cell
        self._actor_ref: ActorRef[Any] = ref_at(cell)

    @classmethod
    def start(cls, /, *args: Any, **kwargs: Any) -> ActorRef[Self]:
        """Start an actor.

        This happens, in this order:

        1. The actor is made, in the thread that calls: its URN, inbox and ref, then your
           `__init__()`.
        2. It is registered in the `ActorRegistry`.
        3. It begins to live: `on_start()` and then one message after the other, in its own
           thread.

        Args:
            *args: Arguments for `__init__()`.
            **kwargs: Keyword arguments for `__init__()`.

        Returns:
            The ref of the actor.

        Raises:
            NotImplementedError: The class has no runtime: it is `Actor` or a mixin.
            RuntimeError: `__init__()` does not call `super().__init__()`, no thread can be
                started, or the event loop that the actor is to live in is closed. Or the class
                gives out the same object again, and that one lives.
        """
        try:
            state = current.state
            actor = (
                cls(*args, **kwargs)
                if state.spawn_options is None
                else make(state, cls, args, kwargs)
            )
        except BaseException as error:
            _give_up_unborn(cls, error)
            raise
        made: Any = actor
        if not isinstance(made, Actor):
            wrong = TypeError(f"{cls.__name__}.__new__() returned {made!r}, which is no actor")
            _give_up_unborn(cls, wrong)
            raise wrong
        ref: ActorRef[Self] = actor.actor_ref
        if actor._pykka_cell.services.knows(actor._pykka_cell):
            raise _started_already(cls, actor)
        try:
            _set_off(actor)
        except BaseException:
            # Nothing stays behind: no thread could be started, or a signal handler raised.
            _give_up(actor)
            raise
        return ref

    @classmethod  # pyright: ignore[reportArgumentType] (`cls` can be called, as any class)
    def options(  # so that the arguments of the class are known
        cls: Callable[P, A],
        *,
        name: str | None = None,
        inbox: InboxSpec | None = None,
        dispatcher: Dispatcher | None = None,
        system: ActorSystem | None = None,
        loop: AbstractEventLoop | None = None,
    ) -> ActorOptions[A, P]:
        """Set options of an actor before it is started.

        All arguments of `start()` go to `__init__()`, so everything else is set here.

        Args:
            name: A name, under which `ActorSystem.get_by_name` finds it. It is unique among the
                living actors of the system.
            inbox: What kind of inbox it has: see `pykka.inboxes`. `None` for `default_inbox`.
            dispatcher: What gives it its threads, if it is a `PooledActor`. `None` for that of its
                class or system.
            system: The system that it belongs to. `None` for that of the actor that starts it, or
                else the default system.
            loop: The event loop in which it lives if it is an `AsyncioActor`, and in which those
                `AsyncioActor`s live that it starts as its children where no loop runs; its
                grandchildren likewise. `None` for the loop that runs where it is started.

        Returns:
            Something that is started as the class is: `Cls.options(name="x").start(…)`.

        Raises:
            TypeError: One of them is of the wrong kind.

        Examples:
            >>> import pykka
            >>> class Echo(pykka.ThreadingActor):
            ...     def on_receive(self, message):
            ...         return message
            >>> echo = Echo.options(name="echo", inbox=pykka.inboxes.Bounded(1000)).start()
            >>> pykka.ActorRegistry.get_by_name("echo").ask("hello")
            'hello'
            >>> echo.stop()
            True
        """
        said = {
            "name": name,
            "inbox": inbox,
            "dispatcher": dispatcher,
            "system": system,
            "loop": loop,
        }
        actor_class: Any = cls
        return ActorOptions(actor_class, said)

    @staticmethod
    def _create_actor_inbox() -> Any:
        """Make the actor's inbox: an object with `put(envelope)`, `get()` and `empty()`."""
        raise NotImplementedError(_USE_SUBCLASS)

    @staticmethod
    def _create_future() -> Future[Any]:
        """Make a future for an answer of the actor."""
        raise NotImplementedError(_USE_SUBCLASS)

    def _start_actor_loop(self) -> None:
        """Have something call `invoke.run_loop()` with this actor's cell."""
        raise NotImplementedError(_USE_SUBCLASS)

    def _actor_loop(self) -> None:
        """Live on this thread, from the start to the end.

        A `_start_actor_loop()` of a program's own has some thread call it. An override does what
        is to be done around it, in that thread.
        """
        invoke.run_loop(self._require_pykka_cell())

    def _handle_receive(self, message: Any) -> Any:
        """Do what a message says, and return the answer.

        Tests call it on actors that are not started. The library does not: to override it is vain.
        """
        return invoke.handle_directly(self._require_pykka_cell(), message)

    def __str__(self) -> str:
        return str(self._require_pykka_cell())

    @property
    def actor_ref(self) -> ActorRef[Self]:
        """The actor's ref: what it gives to others so that they can reach it."""
        self._require_pykka_cell()
        return self._actor_ref

    @property
    def actor_urn(self) -> str:
        """The actor's URN, a string that is unique in the world.

        `ActorRegistry.get_by_urn` finds the actor by it. It is made when it is first read. An
        actor may choose its own, best in its `__init__()`, and must then make sure that it is
        unique.
        """
        return self._require_pykka_cell().urn

    @actor_urn.setter
    def actor_urn(self, urn: str) -> None:
        self._require_pykka_cell().choose_urn(urn)

    @property
    def actor_inbox(self) -> Any:
        """The actor's inbox. Use `ActorRef.tell` and `ActorRef.ask` to put messages in."""
        return self._require_pykka_cell().public_inbox

    @property
    def actor_stopped(self) -> threading.Event:
        """The event that tells whether the actor has stopped handling messages.

        Use `stop()` to change it. If it is set by hand the actor ends after the current message,
        without `on_stop()`.
        """
        return self._require_pykka_cell().event

    @invoke.asks_itself_to_stop
    def stop(self) -> None:
        """Stop this actor when it has handled the messages that are in its inbox now.

        It does not wait. It is the same as `ActorRef.stop` with `block=False`.
        """
        cell = self._require_pykka_cell()
        if not cell.stopped:
            cell.send(Envelope(_ActorStop()))

    def on_start(self) -> Awaitable[None] | None:
        """Hook: the actor begins to live, in its own thread, before its first message.

        If it raises, the exception is logged, the actor ends, and `on_failure()` is called.
        """

    def on_stop(self) -> Awaitable[None] | None:
        """Hook: the actor ends in an orderly way, after its last message, in its own thread.

        It is not called if an exception ends the actor; `on_failure()` is called then. If it
        raises, the exception is logged.
        """

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> Awaitable[None] | None:
        """Hook: an unhandled exception ends the actor, in its own thread.

        If it raises in turn, that exception is logged.

        Args:
            exception_type: The class of the exception.
            exception_value: The exception.
            traceback: Where it was raised.
        """

    def pre_restart(self, reason: Reason) -> Awaitable[None] | None:
        """Hook: a supervisor has another instance take over from this one, right after this.

        It runs when the pause before the restart is over, which may be long after `on_failure()`,
        or after `on_stop()` if it was not this actor that failed. It is not called if no restart
        follows: because the supervisor has given up, or ends, or because there is none.

        Args:
            reason: Why this instance has ended.
        """

    def post_restart(self, reason: Reason) -> Awaitable[None] | None:
        """Hook: this instance takes over from another one, before `on_start()`.

        Args:
            reason: Why the other instance has ended.
        """

    def on_idle(self) -> Awaitable[None] | None:
        """Hook: no message has come for the time that `set_idle_timeout()` has set.

        It is called again each time the same time has passed without a message.
        """

    def on_receive(self, message: Any) -> Any:
        """Hook: a message that is not a call through a proxy.

        Args:
            message: What was sent.

        Returns:
            The answer, if the message was sent with `ActorRef.ask`.
        """
        logger.warning("Unexpected message received by %s: %s", self, message)

    # twin: overloads of starting (2 statements)
    @overload
    def start_child(
        self, actor_class: ActorOptions[A, P], /, *args: P.args, **kwargs: P.kwargs
    ) -> ActorRef[A]: ...
    @overload
    def start_child(
        self, actor_class: Callable[P, A], /, *args: P.args, **kwargs: P.kwargs
    ) -> ActorRef[A]: ...
    def start_child(self, actor_class: Any, /, *args: Any, **kwargs: Any) -> ActorRef[Any]:
        """Start an actor that ends with this one.

        When this actor ends, however it does, its children end first, the one started last before
        the others. They are stopped in an orderly way, and it waits for each of them. A child
        that ends by itself is forgotten. A child that fails does not harm its parent; see
        `watch()` and `pykka.supervision`.

        Args:
            actor_class: The class of the child, or what `options()` returned.
            *args: Arguments for its `__init__()`.
            **kwargs: Keyword arguments for its `__init__()`.

        Returns:
            The ref of the child.

        Raises:
            ActorDeadError: This actor is ending.

        Examples:
            >>> import pykka
            >>> class Child(pykka.PooledActor):
            ...     pass
            >>> class Parent(pykka.PooledActor):
            ...     def on_start(self):
            ...         self.start_child(Child)
            ...     def family(self):
            ...         return self.children()
            >>> parent = Parent.start().proxy()
            >>> [child] = parent.family().get()
            >>> parent.stop().get()
            >>> child.is_alive()
            False
        """
        cell = self._require_pykka_cell()
        return start_with(actor_class, args, kwargs, parent=cell, system=cell.services)

    def children(self) -> list[ActorRef[Any]]:
        """Return this actor's children, in the order in which they were started."""
        extension = self._require_pykka_cell().extension
        return [] if extension is None else [ref_at(child) for child in extension.children.copy()]

    def watch(self, ref: ActorRef[Any], *, urgent: bool = False) -> None:
        """Tell this actor when another one has ended.

        When the other has ended, including its last hook, this one gets a `pykka.Terminated(ref,
        reason)` as a message to `on_receive()`: exactly one, even if the other has already ended.
        It comes after all messages that the other has sent to this one. No bound of the inbox
        applies to it.

        Watching an actor that is already watched changes nothing. When this actor is restarted,
        the new instance watches no actor.

        Args:
            ref: The actor to be watched.
            urgent: Whether the message comes right after the current one, whatever waits in the
                inbox.

        Raises:
            ValueError: It is this actor itself.
            TypeError: It is not a ref; or `urgent` is neither true nor false.

        Examples:
            >>> import queue
            >>> import pykka
            >>> class Nurse(pykka.ThreadingActor):
            ...     def __init__(self, patient, news):
            ...         super().__init__()
            ...         self.patient, self.news = patient, news
            ...     def on_start(self):
            ...         self.watch(self.patient)
            ...     def on_receive(self, message):
            ...         if isinstance(message, pykka.Terminated):
            ...             self.news.put(message.reason)
            >>> patient = pykka.ThreadingActor.start()
            >>> news = queue.SimpleQueue()
            >>> nurse = Nurse.start(patient, news)
            >>> patient.stop()
            True
            >>> news.get(timeout=10)
            Stopped()
            >>> nurse.stop()
            True
        """
        death_watch.watch(self._require_pykka_cell(), ref, is_urgent=urgent)

    def unwatch(self, ref: ActorRef[Any]) -> bool:
        """Stop watching an actor; not even a message that is already on its way arrives.

        Args:
            ref: The actor that is watched.

        Returns:
            Whether it was.

        Raises:
            TypeError: `ref` is not a ref, or that of a router.
        """
        return death_watch.unwatch(self._require_pykka_cell(), ref)

    def set_idle_timeout(self, seconds: float | None) -> None:
        """Call `on_idle()` when no message has come for some time.

        The time begins again when the actor takes up a message, or a tick of a timer. While it
        handles one, it is not idle. There is at most one time-out; setting it again replaces it.

        Args:
            seconds: The time, by the clock of the actor's system; `None` to end it.

        Raises:
            ValueError: It is not more than 0, or infinite.
            TypeError: It is not a number.

        Examples:
            >>> import pykka
            >>> class Session(pykka.ThreadingActor):
            ...     def on_start(self):
            ...         self.set_idle_timeout(0.001)
            ...     def on_idle(self):
            ...         self.stop()
            >>> Session.start().when_terminated().get(timeout=10)
            Stopped()
        """
        behaviour.set_idle_timeout(self._require_pykka_cell(), seconds)

    def become(self, on_receive: Callable[[Any], Any]) -> None:
        """Let another function handle the messages that go to `on_receive()`.

        Args:
            on_receive: Takes a message, and returns the answer. Usually it is another method of
                this actor. It may be `async def` if `on_receive()` may be.

        Raises:
            TypeError: It cannot be called.

        Examples:
            >>> import pykka
            >>> class Door(pykka.ThreadingActor):
            ...     def on_receive(self, message):
            ...         self.become(self.locked)
            ...         return "locked"
            ...     def locked(self, message):
            ...         if message == "open sesame":
            ...             self.unbecome()
            ...             return "unlocked"
            ...         return "go away"
            >>> door = Door.start()
            >>> [door.ask(word) for word in ("lock", "please", "open sesame", "lock")]
            ['locked', 'go away', 'unlocked', 'locked']
            >>> door.stop()
            True
        """
        behaviour.become(self._require_pykka_cell(), on_receive)

    def unbecome(self) -> None:
        """Go back to the function that handled the messages before the last `become()`.

        Raises:
            RuntimeError: There was none.
        """
        behaviour.unbecome(self._require_pykka_cell())

    def stash(self) -> NoReturn:
        """Set the current message aside, to be handled later.

        It ends the handling of the message at once, so nothing after it runs. The asker keeps
        waiting for the answer. The class must set `stash_capacity`, the number of messages that
        may be set aside. When the actor ends, messages that are still aside are treated like those
        in its inbox; when it is restarted, the new instance gets them first.

        Raises:
            StashFullError: As many as may be are set aside already.
            RuntimeError: The class has no `stash_capacity`, or no message is being handled: in
                the hooks, for instance, or in another thread or task.

        Examples:
            >>> import pykka
            >>> class Printer(pykka.ThreadingActor):
            ...     stash_capacity = 100
            ...     has_paper = False
            ...     def on_receive(self, message):
            ...         if message == "paper":
            ...             self.has_paper = True
            ...             self.unstash_all()
            ...         elif not self.has_paper:
            ...             self.stash()
            ...         else:
            ...             return f"printed {message}"
            >>> printer = Printer.start()
            >>> page = printer.ask("a page", block=False)
            >>> printer.tell("paper")
            >>> page.get()
            'printed a page'
            >>> printer.stop()
            True
        """
        behaviour.stash(self._require_pykka_cell())

    def unstash_all(self) -> int:
        """Take up all messages that were set aside, in order, before all others.

        An actor in an event loop may call it in a task of its own, too.

        Returns:
            How many they are.
        """
        return behaviour.unstash_all(self._require_pykka_cell())

    def _require_pykka_cell(self) -> Cell:
        cell: Any = self._pykka_cell
        if cell is None:
            msg = (
                f"{type(self).__name__}.__init__() did not call super().__init__(), "
                "so the actor has neither inbox nor ref; call it before anything else"
            )
            raise RuntimeError(msg)
        return cell  # type: ignore[no-any-return]


def _is_made_already(actor: Any, *, is_meant: bool) -> bool:
    """Tell whether an actor, whose `__init__()` is called again, keeps the cell that it has.

    It does: a class with several bases may call the `__init__()` of each, and others have refs by
    then. Unless it has ended, or is made anew because it is started again: a `__new__()` may
    return the same object again.

    Args:
        actor: The actor. It may be something else, such as a mock, on which a test calls the
            `__init__()` of an actor class.
        is_meant: Whether something is said of an actor that is being made, and it is this one.
    """
    cell = actor._pykka_cell
    if not isinstance(cell, Cell):
        _fit_out(actor)
        return True
    return cell.actor is not None and (not is_meant or cell.services.knows(cell))


def _fit_out(stand_in: Any) -> None:
    """Give something that stands for an actor what `__init__()` would give to one."""
    cell = Cell(stand_in, _home(None))
    stand_in._pykka_cell = cell
    stand_in._actor_ref = ref_at(cell)
    stand_in.actor_urn = cell.urn
    stand_in.actor_inbox = cell.public_inbox
    stand_in.actor_stopped = cell.event


def _started_already(actor_class: type[Actor], actor: Actor) -> RuntimeError:
    name, cell = actor_class.__name__, actor._pykka_cell
    if cell.actor is actor:
        msg = (
            f"{name}() has returned {actor}, which was started before and still lives; an actor "
            "is started once, so its class has to make a new object each time"
        )
    else:  # the new object has taken the place of another instance, and was not to be started
        msg = (
            f"{name}.start() was called by what makes the new instance of {cell} for a "
            "restart. That has to make the instance first, before any other actor, and to return "
            "it without starting it"
        )
    return RuntimeError(msg)


def start_actor(actor: A) -> ActorRef[A]:
    """Start an actor that was just made. Not on the main thread; see `Actor.start`."""
    try:
        _set_off(actor)
    except BaseException:
        _give_up(actor)
        raise
    return actor.actor_ref


def _set_off(actor: Actor) -> None:
    """Have a new actor begin to live."""
    cell = actor._pykka_cell
    cell.services.register(actor._actor_ref)
    if logger.isEnabledFor(DEBUG):
        logger.debug("Starting %s", actor)
    if cell.extension is not None:
        join_parent(cell)
    actor._start_actor_loop()


def _give_up(actor: Actor) -> None:
    """End a new actor, which has begun to live or has not."""
    cell = actor._pykka_cell
    if cell.claim_life():
        close_cell(cell)
    else:
        actor._actor_ref.stop(block=False)


def _give_up_unborn(actor_class: type[Actor], error: BaseException) -> None:
    """Have the children stop that an actor has started in its constructor, which has raised.

    No other code knows of that actor. It is found in the frames that the exception has passed, so
    that a start that succeeds pays nothing for this.
    """
    traceback = traceback_of(error)
    while traceback is not None:
        frame = traceback.tb_frame
        names = frame.f_code.co_varnames[: frame.f_code.co_argcount]
        actor: Any = frame.f_locals.get(names[0]) if names else None
        if type(actor) is actor_class:
            cell = getattr(actor, "_pykka_cell", None)
            if cell is not None and cell.has_children:
                close_cell(cell)
            return
        traceback = traceback.tb_next


def _home(chosen: ActorSystem | None) -> Any:
    """The system of an actor that is made on this thread."""
    if chosen is not None:
        return chosen
    cell = current.state.cell
    return ActorSystem.default() if cell is None else cell.services


_USE_SUBCLASS = (
    "Actor does not say what runs it. Use a subclass of Actor with a runtime, "
    "such as pykka.ThreadingActor, as (one of) the base(s) of your class"
)
