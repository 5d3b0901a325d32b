"""Who waits for whom, so that a circle of waiting actors is an error instead of a hang.

Problem
    Actor A asks B and blocks; B, in its handler, asks A and blocks. Neither can ever go on. The
    operating system cannot tell this from a long wait, but we can: we know which actor runs on a
    thread and which actor has to answer a future.

Model
    An actor whose handler blocks without a timeout in a future that another actor has to answer
    *waits* for that actor: one edge, held in `Cell.waiting` of the one that waits. An actor
    handles one message at a time, so it has at most one such edge, and a circle of edges can
    never be left. No edges: waits with a timeout (they end), waits of threads that run no actor,
    futures that no actor has to answer.

    An edge is a `Wait`; or, if the thread of the one runs the other meanwhile, on top of it, the
    cell of the other (see `pykka.runtimes.pool.caller_runs`). That costs nothing to make.

    An actor in an event loop waits if its handler *awaits* such a future in the actor's own task.
    It may have a second edge: while one actor of a loop blocks the loop's thread, all others that
    live there wait for it, too. An actor with two edges needs both of them to go on, so each of
    them can close a circle, and a walk follows both.

Algorithm
    The graph is walked only by an actor that is about to block. It publishes its edge and then
    follows the edges. If the walk leads back to itself it looks a second time, under a lock that
    detectors share; if it finds the very same waits, still unresolved, it withdraws its edge and
    raises `DeadlockError`.

    An await that something else will end, such as `asyncio.timeout()`, is no edge. That cannot be
    seen on the wait itself, so it is looked for when a circle is found; see `has_deadline`.

Invariants
    1. *No circle is missed.* Waits are published one at a time, under the lock. So the last wait
       of a circle is published by an actor that then sees all the others. An edge without a `Wait`
       never is the last of a circle: it leads to an actor that was idle until then, so that one
       had no edge yet; or, in a loop, to an actor that goes on to publish the wait that blocks it.
    2. *No false alarm.* A wait is an object of its own, made for one blocking call and never
       reused. A wait that is seen in both walks was there all the time between them, and so was
       every other one of the circle: there was a moment at which all of them waited at once. A
       future that is unresolved in the second walk was unresolved at that moment too. Edges
       without a `Wait` follow on each other on the stack of one thread, and the last of them leads
       to the actor whose `Wait` blocks that thread. While that one lasts, they do. The same goes
       for the edges of those who live in a loop to the one whose `Wait` blocks the loop.
    3. *One victim.* The victim withdraws its edge before it lets go of the lock, so a detector
       that finds the same circle at the same time does not find it again in its second walk.

    An actor that waits for *any* of several answers (`AnyOf`) can go on as soon as one of them
    comes. It is part of a circle only if each of the actors that owe them is stuck, too; see
    `pykka._deadlock.knots`. What was said of the edges of a circle then goes for all edges of the
    knot.

The door
    Every wait of the library for what others have to do goes through `block()`. It does what such
    a wait owes to others: the hook of `pykka.debug`, the edge, the thread that takes the place of
    this one in its pool, and the work that is done on this thread if there can be no other.
    `tests/unit/test_the_door.py` finds every call in the package that can block, and wants it to
    go through here or to have a reason.

Tried and rejected: a watchdog thread that looks for circles now and then. It costs when nothing
is wrong, reports late, and cannot raise in the actor that is at fault.
"""

from __future__ import annotations

import gc
import math
import sys
import threading
from contextlib import suppress
from functools import partial
from itertools import dropwhile
from threading import TIMEOUT_MAX, get_ident
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, TypeAlias, TypeVar

from pykka._deadlock.knots import find_knot, leads_only_to
from pykka._deadlock.stacks import read_stacks, running_codes, stack_of
from pykka._exceptions import DeadlockError, PoolExhaustedError
from pykka._util.checks import shorten
from pykka._util.gil import HAS_GIL, arrived
from pykka._util.imported import imported, running_loop_function
from pykka._util.locks import held

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import CodeType, FrameType

    from pykka._util.thread_state import Current, PoolWorker, ThreadState

    class WaitingCell(Protocol):
        """What the graph knows of an actor: each `pykka._cell.cell.Cell` is that."""

        awaits: ClassVar[bool]
        """Whether the actor lives in an event loop, even if it has no task there yet."""
        waiting: Wait | WaitingCell | None
        """What the actor's handler is blocked in."""

        @property
        def held_up_by(self) -> WaitingCell | None:
            """The actor that blocks the event loop in which this one lives."""
            ...

        @property
        def task(self) -> Any:
            """The asyncio task that runs the actor, if one does."""

        @property
        def handling(self) -> object:
            """What lay in the inbox and is handled now; `None` if the actor handles nothing."""

        @property
        def handled_message(self) -> object:
            """The message that is handled now, for reports."""

        def require_thread(self) -> None:
            """Raise if the actor cannot get a thread, and nothing will change that."""

    WaitingState: TypeAlias = ThreadState[WaitingCell, object]
    """What is kept for a thread, to all that wait."""

    current: Current[WaitingCell, object]
else:
    from pykka._util.thread_state import current

F = TypeVar("F", bound="Callable[..., Any]")
R = TypeVar("R")


class Awaited(Protocol):
    """What a thread or a task can wait for."""

    @property
    def _answered_by(self) -> WaitingCell | None:
        """The actor that alone can bring it, if there is one."""

    def _has_outcome(self) -> bool:
        """Tell whether it is there."""
        ...


class Anything:
    """Something that no actor in particular has to bring."""

    _answered_by = None

    def _has_outcome(self) -> bool:
        return False


ANYTHING = Anything()


class AnyOf:
    """The first of several futures.

    Args:
        leaves: For each of them, the futures that have to be resolved for it: itself, or those
            that it is made from.
    """

    __slots__ = ("leaves",)

    _answered_by = None

    def __init__(self, leaves: Sequence[Sequence[Awaited]]) -> None:
        self.leaves = leaves

    def _has_outcome(self) -> bool:
        return any(all(leaf._has_outcome() for leaf in each) for each in self.leaves)


_modules = sys.modules


def _find_running_loop() -> object:
    """The event loop of asyncio that runs on this thread; `None` if there is none.

    From then on, asyncio's own function is on the way of each answer that is waited for.
    """
    global _running_loop  # noqa: PLW0603
    function = running_loop_function()
    if function is None:
        return None  # another thread is loading it
    _running_loop = function
    return function()


_running_loop: Callable[[], object] = partial(_modules.get, "asyncio.events")
"""Returns `None` if this thread runs no event loop of asyncio. If it returns something, there may
be one: until the first such wait, it is only known whether asyncio is loaded. So there is one call
in C for each wait, and no look-up besides."""


when_loop_blocks: Callable[[], object] | None = None
"""Called when a thread is about to block that runs an event loop; see `call_when_loop_blocks`."""


def call_when_loop_blocks(function: Callable[[], object] | None) -> None:
    """Have something called whenever a thread that runs an event loop is about to block.

    Args:
        function: What is to be called, instead of what was so far; `None` for nothing any more.
    """
    global when_loop_blocks  # noqa: PLW0603
    when_loop_blocks = function


helpers: list[Callable[[WaitingState], bool]] = []
"""Do some of the work of a pool that cannot have a thread for it, on the thread of who waits; each
tells whether there was some. They are entered by `call_helper`."""


def call_helper(helper: Callable[[WaitingState], bool]) -> bool:
    """Have those who wait do some work meanwhile; False if they do already."""
    if helper in helpers:
        return False
    helpers.append(helper)
    return True


def dismiss_helper(helper: Callable[[WaitingState], bool]) -> None:
    """Have those who wait do that work no more; however often the helper was called."""
    with suppress(ValueError):
        while helpers:
            helpers.remove(helper)


LOOK_AGAIN = 0.001
"""Seconds after which a thread that waits, and helps meanwhile, looks for more to do."""


class Place(NamedTuple):
    """A line of the user's code."""

    filename: str
    line: int
    function: str

    def __str__(self) -> str:
        return f'File "{self.filename}", line {self.line}, in {self.function}'


class Wait:
    """One blocking call of one actor: an edge of the graph."""

    __slots__ = ("cell", "future", "place", "thread")

    task: Any = None
    """The task that is suspended, if this is not a blocking call but an `await`."""

    def __init__(self, cell: WaitingCell, future: Awaited) -> None:
        self.cell = cell
        self.future: Any = future
        self.thread = get_ident()
        self.place = place_of(sys._getframe(1))


class Await(Wait):
    """One `await` of the task that runs an actor, or that an actor runs an event loop for.

    The place is looked up when it is asked for: the frame stays at its line while it is suspended.
    """

    __slots__ = ("_frame", "task", "worker")

    def __init__(self, cell: WaitingCell, future: Any, task: Any, frame: Any) -> None:  # pyright: ignore[reportMissingSuperCall]
        self.cell = cell
        self.future = future
        self.thread = get_ident()
        self.task = task
        self.worker: PoolWorker | None = None
        """The thread, if it belongs to a pool, and was told of the wait."""
        self._frame = frame

    @property
    def place(self) -> Place:  # type: ignore[override]
        """The line of the user's code that awaits."""
        return place_of(self._frame)


class Edge(NamedTuple):
    """That one actor waits for another, as seen in one walk."""

    source: WaitingCell
    wait: Wait | WaitingCell
    target: WaitingCell


# Guards the publication of edges and the second walk. Re-entrant, because a finaliser that blocks
# in a future could run on top of the second walk.
_lock = threading.RLock()


def renew_locks() -> None:
    """Begin with fresh locks, in a child process; other threads may have held the old ones."""
    global _lock  # noqa: PLW0603
    _lock = threading.RLock()


def block(
    future: Awaited, acquire: Callable[..., R], state: WaitingState, timeout: float | None
) -> R:
    """Block this thread until something is there that others have to bring: the one door.

    Args:
        future: What is waited for.
        acquire: What blocks: `acquire()` without a limit, `acquire(True, timeout)` with one, as
            locks and queues take it.
        state: What the library keeps for this thread.
        timeout: Seconds; `None` for no limit.

    Returns:
        What `acquire` has returned.

    Raises:
        DeadlockError: The wait has no limit, and closes a circle.
        PoolExhaustedError: The actor that has to bring it cannot get a thread.
    """
    world = state.world
    if world.waits:
        return world.wait(future, acquire, timeout)  # type: ignore[no-any-return]
    if _running_loop() is not None and timeout != 0 and when_loop_blocks is not None:
        acquire = _telling(acquire)
    worker = state.worker
    try:
        if timeout is not None:
            if worker is not None:
                worker.will_block(for_ever=False)
            if helpers:
                timeout = _help_until(future, state, timeout)
            return acquire(True, min(float(timeout), TIMEOUT_MAX))  # type: ignore[arg-type]  # noqa: FBT003
        if state.cell is None:
            prepare_to_block(future, worker)
            if helpers:
                _help_until(future, state, None)
            return acquire()
        return acquire_for_actor(state.cell, future, acquire, state)
    finally:
        arrived(acquire)
        if worker is not None:
            worker.goes_on()


def _telling(acquire: Callable[..., R]) -> Callable[..., R]:
    """What blocks, if this thread runs an event loop perhaps, which is told first then.

    Not before it is clear that this wait is no deadlock.
    """
    return acquire if _find_running_loop() is None else partial(_tell_and_acquire, acquire)


def _tell_and_acquire(acquire: Callable[..., R], *args: Any) -> R:
    """Block a thread that runs an event loop, which is told first."""
    if when_loop_blocks is not None:
        when_loop_blocks()
    return acquire(*args)


def acquire_for_actor(
    cell: WaitingCell, future: Awaited, acquire: Callable[[], R], state: WaitingState
) -> R:
    """Block `cell`, whose code runs on this thread, without a limit.

    Raises:
        DeadlockError: The wait closes a circle.
        PoolExhaustedError: See `prepare_to_block`.
    """
    wait = Wait(cell, future)
    outer = cell.waiting
    try:
        _publish(wait, outer)
        prepare_to_block(future, state.worker)
        if helpers:
            _help_until(future, state, None)
        return acquire()
    finally:
        cell.waiting = outer


def prepare_to_block(future: Awaited, worker: PoolWorker | None) -> None:
    """See to it that something can be brought while this thread waits for it.

    Args:
        future: What is waited for.
        worker: This thread, if it belongs to a pool.

    Raises:
        PoolExhaustedError: The actor that has to bring it cannot get a thread.
    """
    if worker is not None:
        worker.will_block(for_ever=True)
    elif isinstance(future, AnyOf):
        _refuse_if_all_are_hopeless(future)
    elif (source := future._answered_by) is not None:
        source.require_thread()


def _refuse_if_all_are_hopeless(future: AnyOf) -> None:
    """Raise what the last of several raises, if each of them raises something."""
    for leaves in future.leaves:
        try:
            for leaf in leaves:
                source = leaf._answered_by
                if source is not None and not leaf._has_outcome():
                    source.require_thread()
        except PoolExhaustedError:
            if leaves is future.leaves[-1]:
                raise
        else:
            return


def _help_until(future: Awaited, state: WaitingState, timeout: float | None) -> float | None:
    """Do the work of pools that cannot have a thread, as long as that is so.

    Returns:
        How many seconds of the timeout are left.
    """
    end = None if timeout is None else monotonic() + timeout
    left = timeout
    while helpers and not future._has_outcome():
        worked = [helper(state) for helper in helpers.copy()]
        left = None if end is None else max(0.0, end - monotonic())
        if left == 0:
            break
        if not any(worked) and not future._has_outcome():
            sleep(LOOK_AGAIN)
    return left


def begin_await(future: Any, task: Any) -> Await | None:
    """Note that a task is about to be suspended until a future is resolved.

    It holds an actor up if it runs the actor; or if the actor's code runs the event loop, and does
    so until this task is done.

    Returns:
        The wait, if the task holds an actor up. `end_await` ends it.

    Raises:
        DeadlockError: The wait closes a circle.
        PoolExhaustedError: The actor that has to resolve the future cannot get a thread.
    """
    state = current.state
    cell = state.cell
    if cell is None or task is None:
        return None
    is_root = cell.task is None and task is root_task()
    if not is_root and cell.task is not task:
        return None
    wait = await_of(cell, future, task)
    try:
        _publish(wait, None)
        if is_root and state.worker is not None:
            _will_block_in_loop(wait, state.worker)
    except BaseException:
        cell.waiting = None
        raise
    return wait


def follow_answer(cell: WaitingCell, future: Awaited) -> None:
    """Note that what one owes is what a future brings, which is owed by others.

    It is a wait, although no thread is blocked.

    Args:
        cell: Who stands for the answer that is handed on.
        future: Where that comes from.

    Raises:
        DeadlockError: That closes a circle.
    """
    try:
        _publish(Wait(cell, future), None)
    except BaseException:
        cell.waiting = None
        raise


def forget_answer(cell: WaitingCell) -> None:
    """Note that it does not come from there after all."""
    cell.waiting = None


def await_of(cell: WaitingCell, future: Any, task: Any) -> Await:
    """The wait of a task that runs an actor, and awaits a future in the code of the caller's."""
    frame: Any = sys._getframe(2)
    while frame.f_code in awaiting_codes:
        frame = frame.f_back
    return Await(cell, future, task, frame)


def _will_block_in_loop(wait: Await, worker: PoolWorker) -> None:
    """Make up for a worker whose actor runs an event loop until a task is done that waits."""
    try:
        worker.will_block(for_ever=True)
    except PoolExhaustedError:
        worker.goes_on()
        if not has_deadline(wait.task):
            raise
        worker.will_block(for_ever=False)
    wait.worker = worker


def root_task() -> Any:
    """The task that the code beneath runs a loop of asyncio for; `None` if it is unknown."""
    import asyncio  # its loop runs  # noqa: PLC0415

    names = {
        asyncio.base_events.BaseEventLoop.run_until_complete.__code__: "future",
        asyncio.Runner.run.__code__: "task",
    }
    frame = sys._getframe(1).f_back
    while frame is not None:
        name = names.get(frame.f_code)
        if name is not None:
            return frame.f_locals.get(name)
        frame = frame.f_back
    return None


def end_await(wait: Await) -> None:
    """Note that a task goes on."""
    wait.cell.waiting = None
    if wait.worker is not None:
        wait.worker.goes_on()


def _publish(wait: Wait, outer: Wait | WaitingCell | None) -> None:
    """Make an edge known, and raise if it closes a circle."""
    for release in held(_lock):
        wait.cell.waiting = wait
        release()
    circle = _find_circle(wait)
    if circle is not None and not _will_end(circle) and _confirm(circle, outer):
        raise DeadlockError(_describe(circle))


def follow(source: WaitingCell) -> Edge | None:
    """The edge that leads from an actor, if it waits for another one right now.

    If it waits for any of several, this is the edge to the first of them.
    """
    wait = source.waiting
    if wait is None:
        return None
    if not isinstance(wait, Wait):
        return Edge(source, wait, wait)
    if type(wait.future) is AnyOf:
        return next((edge for each in alternatives(source) for edge in each), None)
    target = wait.future._answered_by
    if target is None or wait.future._has_outcome():
        return None
    return Edge(source, wait, target)


def alternatives(source: WaitingCell) -> list[list[Edge]]:
    """What an actor waits for: it goes on when all edges of one of these lists are gone.

    None, if it does not wait.
    """
    wait: Any = source.waiting
    if not isinstance(wait, Wait) or type(wait.future) is not AnyOf:
        edge = follow(source)
        return [] if edge is None else [[edge]]
    found: list[list[Edge]] = []
    for leaves in wait.future.leaves:
        owed = [leaf for leaf in leaves if not leaf._has_outcome()]
        targets = dict.fromkeys(leaf._answered_by for leaf in owed)
        edges = [Edge(source, wait, target) for target in targets if target is not None]
        if not edges:
            return []  # it is there, or may come from anywhere
        found.append(edges)
    return found


def waits_only_for(source: WaitingCell, is_lost: Callable[[WaitingCell], bool]) -> bool:
    """Tell whether an actor waits, perhaps by way of others, for such as are lost.

    Of those who wait for any of several, each of the several has to be lost.
    """
    return leads_only_to(source, alternatives, is_lost)


def _confirm(circle: Sequence[Edge], outer: Wait | WaitingCell | None) -> bool:
    """Look at a circle a second time; withdraw its first edge if it is still there."""
    confirmed = False
    for release in held(_lock):
        try:
            first: Any = circle[0].wait
            again = _find_circle(first)
            confirmed = again is not None and _same(circle, again)
            if confirmed:
                first.cell.waiting = outer
        finally:
            release()
    return confirmed


def _find_circle(first: Wait) -> list[Edge] | None:
    """Follow the edges from `first`; its circle if they lead back to it, else None."""
    circle: list[Edge] = []
    source = first.cell
    seen = {source}
    while source.held_up_by is None:
        wait: Any = source.waiting
        if isinstance(wait, Wait) and type(wait.future) is AnyOf:
            break
        edge = follow(source)
        if edge is None:
            return None
        circle.append(edge)
        source = edge.target
        if source is first.cell:
            return circle
        # An actor seen before: a circle that `first` leads to but is no part of. It has its own
        # victim, whose failure will free us too.
        if source in seen:
            return None
        seen.add(source)
    # Where actors may have several edges.
    knot = find_knot(first.cell, _needs)
    return None if knot is None else Knot(knot)


class Knot(list[Edge]):
    """A circle, and the other edges without which it would be none.

    Args:
        knot: The edges of the circle, and all edges.
    """

    def __init__(self, knot: tuple[list[Edge], list[Edge]]) -> None:
        circle, self.edges = knot
        super().__init__(circle)


def _edges_of(circle: Sequence[Edge]) -> Sequence[Edge]:
    """All edges that a circle consists of, or depends on."""
    return circle.edges if isinstance(circle, Knot) else circle


def _needs(source: WaitingCell) -> list[list[list[Edge]]]:
    """What an actor needs to go on: of each of these, one list whose edges are all gone."""
    found = [alternatives(source)]
    holder = source.held_up_by
    if holder is not None:
        found.append([[Edge(source, holder, holder)]])
    return [each for each in found if each]


def _will_end(circle: Sequence[Edge]) -> bool:
    """Tell whether something will end one of the waits of a circle."""
    return any(
        isinstance(edge.wait, Await) and has_deadline(edge.wait.task) for edge in _edges_of(circle)
    )


def has_deadline(task: Any) -> bool:
    """Tell whether a task is in a block that will interrupt it after some time.

    Such a block knows the task, and the task does not know the block. So this asks the garbage
    collector who knows the task. That takes long, and is done for nothing but a circle.

    It sees `asyncio.timeout()`, hence `asyncio.wait_for()`, and the scopes of anyio.
    """
    owners: list[Any] = list(gc.get_referrers(task))
    # The collector may see the dictionary of an object instead of the object itself.
    dicts: list[Any] = [owner for owner in owners if type(owner) is dict]
    owners += [owner for each in dicts for owner in gc.get_referrers(each)]
    return any(_deadline_of(owner) < math.inf for owner in owners)


def _deadline_of(owner: Any) -> float:
    """When a block ends, if it is one, and is one that has begun and not ended."""
    asyncio, anyio = imported("asyncio"), imported("anyio")
    deadline = None
    if asyncio is not None and issubclass(type(owner), asyncio.Timeout):
        if "[active]" in repr(owner) or "[expiring]" in repr(owner):
            deadline = owner.when()
    elif anyio is not None and issubclass(type(owner), anyio.CancelScope):
        deadline = owner.deadline
    return math.inf if deadline is None else deadline


def _same(circle: Sequence[Edge], again: Sequence[Edge]) -> bool:
    one, other = _edges_of(circle), _edges_of(again)
    return len(one) == len(other) and all(
        each.source is its.source and each.wait is its.wait and each.target is its.target
        for each, its in zip(one, other, strict=True)
    )


def _describe(circle: Sequence[Edge]) -> str:
    if len(circle) == 1:
        text = "an actor waits for its own answer and can never give it:"
        remedy = (
            "An actor that blocks cannot handle the message it waits for. Call the method "
            "directly, use tell() or defer(), or give the wait a timeout."
        )
    else:
        text = f"{len(circle)} actors wait for each other in a circle and none can go on:"
        remedy = (
            "Break the circle: use tell() or defer() for one of the messages, answer later with "
            "a message of its own, or give one of the waits a timeout."
        )
    lines = [f"  {describe_edge([*circle[i:], *circle[:i]])}" for i in range(len(circle))]
    return "\n".join([text, *lines, remedy])


def describe_edge(edges: Sequence[Edge]) -> str:
    """Who waits for whom, handling what, and in which line of code.

    Args:
        edges: The edge, and those that follow on it.
    """
    edge = edges[0]
    text = f"{edge.source} waits for {edge.target}"
    if isinstance(edge.wait, Wait) and type(edge.wait.future) is AnyOf:
        number = len(edge.wait.future.leaves)
        text += f", or for any other of those that owe it one of {number} answers" * (number > 1)
    if edge.wait is edge.target and edge.source.awaits:
        return f"{text}, which blocks the event loop that both live in"
    if edge.source.handling is not None:
        text += f"\n    while it handles {shorten(edge.source.handled_message)}"
    place = place_of_edge(edges)
    return text if place is None else f"{text}\n    {place}"


def place_of_edge(edges: Sequence[Edge]) -> Place | None:
    """The line of code in which an actor waits, if that can be found out.

    For an actor that waits for the one that its thread runs, that is not noted anywhere. It is
    found on the thread's stack, below the actor that blocks the thread.

    Args:
        edges: The edge, and those that follow on it.
    """
    for depth, edge in enumerate(edges):
        if isinstance(edge.wait, Wait):
            places = [edge.wait.place, *_places_beneath(edge.wait)]
            return places[depth] if depth < len(places) else None
    return None  # the actor at the top is not blocked right now


def _places_beneath(wait: Wait) -> list[Place]:
    """Where the actors wait that lie on a thread's stack beneath the one that blocks it."""

    def read(stacks: Mapping[int, Sequence[FrameType]]) -> list[Place]:
        return _places_beneath_block(stacks.get(wait.thread, ()))

    return read_stacks(read, wait.thread)


def _places_beneath_block(stack: Sequence[FrameType]) -> list[Place]:
    # A signal handler or a finaliser may be running on top of the wait.
    blocks = acquire_for_actor.__code__
    places: list[Place] = []
    has_passed_users = runs_another = False
    for frame in dropwhile(lambda frame: frame.f_code is not blocks, stack):
        if not is_ours(frame):
            if runs_another:
                places.append(_place_in(frame))
            has_passed_users, runs_another = True, False
        elif has_passed_users and (names := running_codes.get(frame.f_code)) is not None:
            runs_another = names.caller is not None
    return places


awaiting_codes: set[CodeType] = set()
"""The functions that lie between an `await` and `begin_await`; entered by
`lies_beneath_await`."""


def lies_beneath_await(function: F) -> F:
    """Mark a function that lies between an `await` and `begin_await`.

    So the place of the `await` is what called it. It has to be the outermost decorator.

    Raises:
        ValueError: It is marked already.
    """
    code: CodeType = function.__code__
    if any(known is code for known in awaiting_codes):
        msg = f"{code.co_qualname}() is marked twice as what lies beneath an await"
        raise ValueError(msg)
    awaiting_codes.add(code)  # or there is an equal one: the module is loaded once more
    return function


def place_of(frame: FrameType | None) -> Place:
    """The innermost line of a stack that is not the library's."""
    while frame is not None:
        if not is_ours(frame):
            return _place_in(frame)
        frame = frame.f_back
    return _UNKNOWN  # pragma: no cover (a thread's root is not ours)


def place_on(stack: Sequence[FrameType]) -> Place:
    """The same of the frames of a stack that is being read."""
    for frame in stack:
        if not is_ours(frame):
            return _place_in(frame)
    return _UNKNOWN


def _place_in(frame: FrameType) -> Place:
    return Place(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)


_UNKNOWN = Place("<unknown>", 0, "<unknown>")


# The frames of a thread that goes on meanwhile can be read with the GIL only. Without it, the
# interpreter itself crashes now and then: it frees a frame while that is being looked at.


def _places() -> list[tuple[WaitingCell, Place]]:
    """The actors whose code is being run, as far as that can be seen, and where that is."""

    def read(stacks: Mapping[int, Sequence[FrameType]]) -> list[tuple[WaitingCell, Place]]:
        return [each for stack in stacks.values() for each in _places_on_stack(stack)]

    aside = map(stack_of, current.state.world.frames_aside())
    found = [each for stack in aside for each in _places_on_stack(stack)]
    return [*found, *read_stacks(read)] if HAS_GIL else found


def place_of_actor(cell: WaitingCell) -> Place | None:
    """The innermost line of an actor's own code, if one of the threads is running that.

    Without the GIL it is not known.
    """
    for there, place in _places():
        if there is cell:
            return place
    return None


def places_of_actors() -> dict[WaitingCell, Place]:
    """The innermost lines of the code of all actors that threads are running, in one go.

    Without the GIL none is known.
    """
    places: dict[WaitingCell, Place] = {}
    for cell, place in _places():
        places.setdefault(cell, place)
    return places


def place_on_stack(cell: WaitingCell, top: FrameType) -> Place | None:
    """The innermost line of an actor's own code, if it runs on a stack.

    Args:
        cell: The actor.
        top: The innermost frame of the stack.
    """
    for there, place in _places_on_stack(stack_of(top)):
        if there is cell:
            return place
    return None


def _places_on_stack(stack: Sequence[FrameType]) -> list[tuple[WaitingCell, Place]]:
    """The actors whose code a thread is running, the innermost first, and where that is."""
    found: list[tuple[WaitingCell, Place]] = []
    users: FrameType | None = None
    for frame in stack:
        if not is_ours(frame):
            # What a user looks for is his own line, and not that of what it calls.
            if users is None or (_is_pythons(users) and not _is_pythons(frame)):
                users = frame
        elif users is not None and (names := running_codes.get(frame.f_code)) is not None:
            cell = frame.f_locals.get(names.cell)
            if cell is not None:
                found.append((cell, _place_in(users)))
            users = None
    return found


_LIBRARY = threading.__file__.rpartition("threading")[0]


def _is_pythons(frame: FrameType) -> bool:
    filename = frame.f_code.co_filename
    return filename.startswith(_LIBRARY) and "site-packages" not in filename


_runtimes: set[str] = set()
"""The modules of runtimes that are not the library's own; entered by `belongs_to_a_runtime`."""


def belongs_to_a_runtime(module: str) -> None:
    """Say that a module is that of a runtime, so that its lines are not taken for the user's.

    Args:
        module: Its name. To enter it once more changes nothing.
    """
    _runtimes.add(module)


def is_ours(frame: FrameType) -> bool:
    module: Any = frame.f_globals.get("__name__")
    if type(module) is not str:
        return False
    return module == "pykka" or module.startswith("pykka.") or module in _runtimes
