"""Who starts a supervisor waits until its children are up.

A supervisor starts its children in its start hook, on a thread of its own. Its *starter* is told
when the hook is through, or that the supervisor has ended before.

How the starter is told
    `start()` hands all its arguments to the constructor. So what says whom to tell travels as
    everything else does that is said before: in the `SpawnOptions` (see there). It takes the
    place of the link that a supervised actor has, and is called at the same points. A supervisor
    that has a link, because it is a child of another one, tells that one instead, and its
    `start()` does not wait: the other one waits, if any caller is to.

    That `wait=False` is said to the constructor, which runs on the starter's thread. It takes the
    starter off before the actor begins to live.

Invariants
    1. *The starter is always told.* The supervisor comes up, or it is closed; each of the two
       tells, and the first one counts.
    2. *Nothing is left.* If the supervisor has failed, the starter waits for its very end before
       it raises. If the starter can wait no longer (Ctrl-C, a cancelled task, a circle of waits),
       the supervisor is killed: it ends as soon as the child is through that it waits for.
    3. *No event loop is blocked.* The children may live in the loop that runs on the starter's
       thread. There `start()` returns at once, and `await start_async()` waits.
    4. *A circle is seen.* The supervisor is who has to resolve what the starter waits for, and the
       child that starts is who has to resolve what the supervisor waits for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, overload

from pykka._actor.options import ActorOptions, P
from pykka._cell.reasons import Failed, Reason
from pykka._cell.spawn_options import current
from pykka._exceptions import DeadlockError
from pykka._futures.awaiting import runs_event_loop
from pykka._futures.threading_future import ThreadingFuture
from pykka._lifecycle.kill import end_of
from pykka._util.checks import shorten
from pykka._util.log import is_a, traceback_of
from pykka.supervision._errors import ChildStartError

if TYPE_CHECKING:
    from pykka._actor.actor import Actor
    from pykka._actor.options import Unknown
    from pykka._cell.cell import Cell
    from pykka._cell.spawn_options import SpawnOptions
    from pykka._ref.ref import ActorRef

A = TypeVar("A", bound="Actor")


class Starter:
    """Who waits for a supervisor to start; see `pykka._cell.extension.Supervision`.

    Args:
        actor_class: The class of the supervisor.
        is_coroutine: Whether it is a coroutine that waits.
    """

    __slots__ = ("actor_class", "is_coroutine", "is_excused", "restarts", "started")

    def __init__(self, actor_class: type[Any], *, is_coroutine: bool = False) -> None:
        self.actor_class = actor_class
        self.is_coroutine = is_coroutine
        self.restarts = False
        self.is_excused = False
        """Whether it does not wait after all."""
        self.started: ThreadingFuture[None] | None = ThreadingFuture()
        """Is resolved when the supervisor has come up or has ended, and then let go of."""

    def excuse(self, who: str) -> None:
        """Do not wait.

        Raises:
            ValueError: It is a coroutine.
        """
        if self.is_coroutine:
            msg = f"start_async() waits for {who}, so wait=False cannot be; use start() for that"
            raise ValueError(msg)
        self.is_excused = True
        self.started = None

    @property
    def knows(self) -> bool:
        """Whether the starter still waits, and gets the exception that ends the supervisor."""
        return self.started is not None

    def in_words(self) -> str:
        """Nothing, for what is started has no parent."""
        return ""

    def make(self) -> NoReturn:
        """Make no new instance: what has no supervisor is not restarted."""
        raise NotImplementedError

    def came_up(self, cell: Cell) -> None:
        """Be told that the start hook is through."""
        del cell
        self._tell(None)

    def went_down(self, cell: Cell, reason: Reason) -> None:
        """Be told of nothing, as above."""

    def restart_nothing(self) -> None:
        """Be told of nothing, as above."""

    def ended(self, cell: Cell, reason: Reason) -> None:
        """Be told that the supervisor has ended."""
        if self.started is not None:
            error = _failure(cell, reason)
            self._tell((error, traceback_of(error)))

    def _tell(self, raised: Any) -> None:
        started = self.started
        if started is not None:
            started._try_resolve((None, raised))
            # Afterwards, since a signal handler may raise. The actor outlives this, and is not to
            # keep alive what the traceback of a failure holds.
            self.started = None


def _failure(cell: Cell, reason: Reason) -> ChildStartError:
    """Say why a supervisor did not come up."""
    if isinstance(reason, Failed):
        cause = reason.exception
        if is_a(cause, ChildStartError):
            return cause
        error = ChildStartError(f"{cell} could not start: {shorten(cause)}")
        error.__cause__ = cause
        return error
    return ChildStartError(f"{cell} has ended before its children were up: {shorten(reason)}")


def begin_start(cls: type[Any]) -> Starter | None:
    """Have the next actor of a class that is made on this thread tell a starter.

    Returns:
        The starter; `None` if `start()` is not to wait.
    """
    spawn_options = current.state.spawn_options
    if spawn_options is None or spawn_options.supervision is not None or runs_event_loop():
        return None
    spawn_options.supervision = starter = Starter(cls)
    return starter


def is_announced(cls: type[Any]) -> bool:
    """Tell whether something is said of the next actor of a class that is made on this thread."""
    spawn_options: SpawnOptions | None = current.state.spawn_options
    return spawn_options is not None and issubclass(cls, spawn_options.actor_class)


def wait(ref: ActorRef[A], started: ThreadingFuture[None]) -> None:
    """Block until a supervisor has come up.

    Raises:
        ChildStartError: It has not, and has ended.
    """
    cell = ref._cell
    started._answered_by = cell
    try:
        started.get()
    except ChildStartError:
        end_of(cell).get()
        raise
    except BaseException as error:
        cell.kill()
        _refuse_circle(cell, error)
        raise
    finally:
        del started  # the exception's traceback holds this frame


async def start_async(
    options: ActorOptions[A], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> ActorRef[A]:
    """Start a supervisor, and suspend the task until it has come up.

    Raises:
        ChildStartError: It has not, and has ended.
    """
    starter = Starter(options.actor_class, is_coroutine=True)
    started: Any = starter.started
    ref = options._start_with(args, kwargs, supervision=starter)
    cell = ref._cell
    started._answered_by = cell
    try:
        await started
    except ChildStartError:
        await end_of(cell)
        raise
    except BaseException as error:
        cell.kill()
        _refuse_circle(cell, error)
        raise
    finally:
        del started, starter  # as above
    return ref


def _refuse_circle(cell: Cell, error: BaseException) -> None:
    """Raise what there is to say if the starter cannot wait, since a child waits for it."""
    if is_a(error, DeadlockError):
        msg = f"{cell} cannot start while its starter waits for it: a child waits for that one"
        raise ChildStartError(msg) from error


class SupervisorOptions(ActorOptions[A, P]):
    """What `options()` of a supervisor returns."""

    __slots__ = ()

    # As in ActorOptions.
    @overload
    async def start_async(
        self: SupervisorOptions[A, [Unknown, Unknown, Unknown]], /, *args: Any, **kwargs: Any
    ) -> ActorRef[A]: ...
    @overload
    async def start_async(self, /, *args: P.args, **kwargs: P.kwargs) -> ActorRef[A]: ...
    async def start_async(self, /, *args: Any, **kwargs: Any) -> ActorRef[A]:
        """Start the supervisor, and wait until its children are up; see `Supervisor.start_async`.

        Raises:
            ChildStartError: A child could not be started. Nothing of the supervisor is left.
            NameTakenError: A living actor of the system has that name.
        """
        return await start_async(self, args, kwargs)
