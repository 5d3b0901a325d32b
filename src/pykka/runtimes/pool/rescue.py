"""What becomes of a pool that cannot have a thread: those who wait for its actors do its work.

Problem
    From some moment on, while the program ends, Python starts no thread any more: 3.12.0 to 3.12.2
    as soon as the main thread has nothing left to do, before `atexit` calls anything; later
    versions afterwards. At any time, the system may have no thread left to give. Then an actor
    that is ready may have no worker, and who waits for it would wait for ever.

What is done
    A pool that has failed to start a thread is entered among the *helpers*, until it has one. Who
    waits looks there, in the one door for all waits (`pykka._deadlock.wait_graph.block`), and
    takes actors out of the shared queue and runs them until what it waits for is there. It sleeps
    for a moment when there is nothing to run. So rules that lending has do not hold here, such as
    that a wait with a timeout runs nothing: no other thread would.

    Who finds the helpers empty has been counted as one who needs a thread, or has put a hint into
    the queue, before that; so the attempt to start one has failed before it looks.
"""

from __future__ import annotations

from contextlib import suppress
from contextvars import Context
from itertools import starmap
from queue import Empty
from typing import TYPE_CHECKING

from pykka._deadlock.wait_graph import call_helper, dismiss_helper
from pykka._util.gil import FENCE, NOTHING
from pykka._util.locks import held
from pykka._util.thread_state import count_frames
from pykka.runtimes._contract import step
from pykka.runtimes.pool.run import run

if TYPE_CHECKING:
    from pykka._deadlock.wait_graph import WaitingState
    from pykka.runtimes.pool.cell import PooledCell
    from pykka.runtimes.pool.worker import Pool


class Helper:
    """Does the work of a pool on the thread that calls it.

    Args:
        pool: The pool.
    """

    __slots__ = ("_pool",)

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Helper) and other._pool is self._pool

    __hash__ = None  # type: ignore[assignment]

    def __call__(self, state: WaitingState) -> bool:
        """Run one actor; False if there is none to be run."""
        pool = self._pool
        if not pool.parked and count_frames(state) >= 0:
            for _ in range(pool.injected.qsize()):
                if _run_first(pool):
                    return True
        return False


def call_helpers(pool: Pool) -> bool:
    """Have those who wait do the work of a pool; False if they do already."""
    return call_helper(Helper(pool))


def dismiss_helpers(pool: Pool) -> None:
    """Let a pool do its work itself."""
    dismiss_helper(Helper(pool))


def _run_first(pool: Pool) -> bool:
    """Run the actor whose hint is the first in the shared queue; False if none is."""
    cell: PooledCell | None = None
    counting = held(pool.lock)
    try:
        try:
            # What a `for` statement takes no signal handler can lose; see `pykka._util.locks`.
            for cell in starmap(pool.injected.get_nowait, _NO_ARGUMENTS):  # noqa: B007
                for release in counting:
                    pool.takes += 1
                    release()
        except Empty:
            return False
        if cell is None:
            pool.share(None)  # it sends a worker home, and this is none
            return False
        run_here(cell)
    except BaseException:
        if cell is not None:
            cell.schedule()  # a signal handler raised: in doubt, a hint too many
        raise
    return True


_NO_ARGUMENTS = ((),)


def run_here(cell: PooledCell) -> None:
    """Run an actor for a while on this thread, if no other thread does."""
    # What follows is what a worker does; see pykka.runtimes.pool.worker and its proofs. But a
    # worker is never the main thread, and this may be it: a signal handler may raise in here.
    context = Context()
    mine = [True]
    # twin: take hint (2 statements)
    cell.queued = False
    try:
        del cell.run_token[0]
    except IndexError:
        if cell.closed:
            cell.drain_to_dead_letters()
        return
    # No signal handler can strike between taking the turn and this `try`.
    try:
        own = cell.context
        step(cell, (context if own is None else own).run, run, cell)
    finally:
        if context:  # the actor has set a variable
            # twin: keep context (2 statements)
            cell.context = context
            cell.fast_loop_ok = cell.direct_call_ok = False
        try:
            _give_back(cell, mine)
        except BaseException:
            _give_back(cell, mine)  # a signal handler raised
            raise


def _give_back(cell: PooledCell, mine: list[bool]) -> None:
    """Give the turn of an actor back, or park it; see `PooledCell.keeps_turn`.

    If a signal handler raises in here, it is to be called again.

    Args:
        cell: The actor.
        mine: The token of this thread's turn, as long as it has that.
    """
    if cell.closed:
        return
    extension = cell.extension
    if extension is not None and extension.down:
        _move(mine, extension.parked)
        if not (extension.system_queue or cell.stopped):
            return
        _move(extension.parked, mine)
    # twin: give turn back (4 statements)
    _move(mine, cell.run_token)
    inbox = cell.inbox  # only now; it may not have been there before
    if FENCE:
        inbox.extend(NOTHING)
    if (inbox or cell.backlog or cell.has_system_messages) and not cell.queued:
        cell.schedule()


def _move(source: list[bool], target: list[bool]) -> None:
    """Move a token from one list to another, if there is one."""
    # In one step, between whose parts no signal handler can strike, as above.
    with suppress(IndexError):
        for _ in map(target.append, map(_take_token, (source,))):
            pass


_take_token = list[bool].pop
