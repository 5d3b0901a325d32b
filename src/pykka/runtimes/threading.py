"""One thread for each actor."""

from __future__ import annotations

import itertools
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, ClassVar

from pykka._actor.actor import Actor
from pykka._futures.threading_future import new_threading_future
from pykka._lifecycle.termination import close_cell
from pykka._util.gil import NO_DAEMONS, allows_daemon_threads
from pykka.runtimes._contract import RuntimeCell, run_loop

if TYPE_CHECKING:
    from pykka._cell.cell import Cell
    from pykka._cell.inbox import ActorInbox

_numbers = itertools.count(1)


class ThreadingCell(RuntimeCell):
    """Inbox, marks and names of an actor on a thread of its own.

    All of it is as the contract says by default: the actor's thread waits in `inbox.get()`.
    """

    __slots__ = ()

    def begin(self) -> None:
        """Let the actor live: start its thread.

        Raises:
            RuntimeError: No thread can be started.
        """
        actor: Any = self.actor
        loop_is_ours = type(actor)._actor_loop is Actor._actor_loop  # pyright: ignore[reportUnknownMemberType]
        thread = threading.Thread(
            target=run_loop if loop_is_ours else _live_by,
            args=(self if loop_is_ours else actor,),
            name=f"{type(actor).__name__}-{next(_numbers)}",
            daemon=actor.use_daemon_thread,
        )
        thread.start()


class ThreadingActor(Actor):
    """An actor that runs on a thread of its own.

    Code that must always run on the same thread (because of thread-locals, or a library that
    insists on it) belongs here: everything but `__init__()` runs on the actor's thread. It may
    block as long as it likes; that slows no other actor down.

    Examples:
        >>> import pykka
        >>> class Doubler(pykka.ThreadingActor):
        ...     def on_receive(self, message):
        ...         return message * 2
        >>> doubler = Doubler.start()
        >>> doubler.ask(21)
        42
        >>> doubler.stop()
        True
    """

    use_daemon_thread: ClassVar[bool] = False
    """Whether the actor runs on a daemon thread. It must be set before the actor is started.

    A program ends when no threads are left but daemon threads. So an actor on a daemon thread may
    be cut off at any time, without its `on_stop()`. An actor does not inherit this from the actor
    that starts it.
    """

    _pykka_cell_class: ClassVar[type[Cell]] = ThreadingCell

    @staticmethod
    def _create_actor_inbox() -> ActorInbox:
        inbox: SimpleQueue[Any] = SimpleQueue()
        return inbox

    _create_future = staticmethod(new_threading_future)

    def _start_actor_loop(self) -> None:
        if self.use_daemon_thread and not allows_daemon_threads():
            others = "use_daemon_thread = False"
            raise RuntimeError(NO_DAEMONS.format(type(self).__name__, others))
        cell: Any = self._pykka_cell
        cell.begin()


def _live_by(actor: Actor) -> None:
    """Run the actor by its class's own `_actor_loop()`.

    If that does not come to call ours, the actor ends, and who has asked is answered.
    """
    cell = actor._pykka_cell
    try:
        actor._actor_loop()
    finally:
        if cell.claim_life():
            close_cell(cell)
