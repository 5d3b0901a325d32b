"""Actors by the million: many of them on few threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pykka._actor.actor import Actor
from pykka._futures.threading_future import new_threading_future
from pykka._system import system as _system
from pykka._util.gil import NO_DAEMONS, allows_daemon_threads
from pykka.runtimes.pool import dispatcher as dispatchers
from pykka.runtimes.pool.caller_runs import has_inherited
from pykka.runtimes.pool.cell import PooledCell, new_inbox
from pykka.runtimes.pool.dispatcher import Dispatcher

if TYPE_CHECKING:
    from pykka._cell.cell import Cell
    from pykka._system.system import ActorSystem
    from pykka.runtimes.pool.worker import Pool


class PooledActor(Actor):
    """An actor that shares a few threads with many others.

    It does everything that a `ThreadingActor` does, and costs a fraction of its memory and of its
    time to start; and a message between two of them takes no thread switch. A million of them are
    no problem. They may block: then the dispatcher adds threads, so that the others do not have to
    wait.

    It does not have a thread of its own. One message may be handled on one thread and the next on
    another, but never two at a time. So code that depends on the thread it runs on (thread-locals,
    libraries that insist on one thread) belongs in a `ThreadingActor`.

    Examples:
        >>> import pykka
        >>> class Cell(pykka.PooledActor):
        ...     def __init__(self, value):
        ...         super().__init__()
        ...         self.value = value
        ...     def on_receive(self, message):
        ...         self.value += message
        ...         return self.value
        >>> cells = [Cell.start(number) for number in range(1000)]
        >>> sum(cell.ask(1) for cell in cells)
        500500
        >>> stopped = pykka.ActorRegistry.stop_all()
    """

    dispatcher: ClassVar[Dispatcher | None] = None
    """What gives the actors of this class their threads; `None` for the one that all share."""

    caller_runs: ClassVar[bool | Literal["despite_timeout"]] = True
    """Whether a thread that waits for an actor of this class may run it itself.

    If a thread asks an idle actor and waits for the answer without a timeout, it handles the
    message itself, instead of having another thread woken and being woken by it. That takes a
    microsecond instead of ten or more, and makes no difference to the order of messages. What
    differs is what belongs to a thread: its identity, its thread-locals, the `RLock`s that the
    caller holds, `sys.exc_info()`. If that matters, set this to `False`.

    With `"despite_timeout"`, a thread that asks with a timeout does so as well: `ask(message,
    timeout=5)`, `future.get(timeout=5)`. It cannot give up in the middle of the handler, so the
    call may take as long as that does. An answer that is late raises `Timeout`, when it is there.
    This is for handlers that are always quick.
    """

    _pykka_cell_class: ClassVar[type[Cell]] = PooledCell

    @property
    def _pykka_pool(self) -> Pool:
        """The threads of the class's dispatcher, if it has one of its own."""
        chosen: Any
        try:
            chosen = self.dispatcher
        except Exception as error:
            chosen = error
        if isinstance(chosen, Dispatcher):
            return chosen._pool
        msg = (
            f"{type(self).__name__}.dispatcher is {chosen!r}, but a pooled actor class keeps its "
            "pykka.Dispatcher there; give that attribute another name"
        )
        raise TypeError(msg)

    _create_actor_inbox = staticmethod(new_inbox)

    _create_future = staticmethod(new_threading_future)

    def _start_actor_loop(self) -> None:
        if not _has_daemons:
            _require_daemons(type(self).__name__)
        cell: Any = self._pykka_cell
        cell.begin(
            has_begun=has_inherited(self, "on_start")
            and (cell.extension is None or cell.extension.supervision is None)
            and type(self).stash_capacity is None,
            caller_runs=type(self).caller_runs,
        )


_has_daemons = False  # it is not known yet


def _require_daemons(name: str) -> None:
    """Refuse to start where no worker can be had."""
    global _has_daemons  # noqa: PLW0603
    if not allows_daemon_threads():
        others = "ThreadingActor, or AsyncioActor in a running event loop,"
        raise RuntimeError(NO_DAEMONS.format(name, others))
    _has_daemons = True


@_system.makes_pools
def _new_pool(system: ActorSystem) -> Dispatcher:
    return Dispatcher(f"pykka-{system.name}")


_system.default_system.use_dispatcher(dispatchers.default)
