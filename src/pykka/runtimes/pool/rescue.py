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

from contextvars import Context
from queue import Empty
from typing import TYPE_CHECKING

from pykka._deadlock.wait_graph import call_helper, dismiss_helper
from pykka._util.gil import FENCE, NOTHING
from pykka._util.locks import held
from pykka.runtimes._contract import step
from pykka.runtimes.pool.caller_runs import count_frames
from pykka.runtimes.pool.run import run

if TYPE_CHECKING:
    from pykka._util.thread_state import ThreadState
    from pykka.runtimes.pool.cell import PooledAddress
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

    def __call__(self, state: ThreadState) -> bool:
        """Run one actor; False if there is none to be run."""
        pool = self._pool
        if not pool.parked and count_frames(state) >= 0:
            for _ in range(pool.injected.qsize()):
                address = _take(pool)
                if address is not None:
                    run_here(address)
                    return True
        return False


def call_helpers(pool: Pool) -> bool:
    """Have those who wait do the work of a pool; False if they do already."""
    return call_helper(Helper(pool))


def dismiss_helpers(pool: Pool) -> None:
    """Let a pool do its work itself."""
    dismiss_helper(Helper(pool))


def _take(pool: Pool) -> PooledAddress | None:
    try:
        found = pool.injected.get_nowait()
    except Empty:
        return None
    for release in held(pool.lock):
        pool.takes += 1
        release()
    if found is None:
        pool.share(None)  # it sends a worker home, and this is none
    return found


def run_here(address: PooledAddress) -> None:
    """Run an actor for a while on this thread, if no other thread does."""
    # What follows is what a worker does; see pykka.runtimes.pool.worker and its proofs.
    context = Context()
    # twin: take hint (2 statements)
    address.queued = False
    try:
        del address.turn[0]
    except IndexError:
        if address.closed:
            address.bury_the_rest()
        return
    # No signal handler can strike between taking the turn and this `try`.
    try:
        context = address.context or context
        step(address, context.run, run, address)
    finally:
        if context and address.context is None:
            # twin: keep context (2 statements)
            address.context = context
            address.is_plain = address.is_direct = False
        if not (address.attention and address.keeps_turn()):
            # twin: give turn back (3 statements)
            address.turn.append(True)
            if FENCE:
                address.inbox.extend(NOTHING)
            if (address.inbox or address.backlog or address.attention) and not address.queued:
                address.schedule()
