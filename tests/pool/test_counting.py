"""Who counts what waits misses nothing, whatever the actor moves from one place to another.

A message that moves may be counted twice, but no count says that nothing waits while something
does. (Once, on a build without the GIL, one did: it was taken between the inbox and what a worker
has taken out of it.)
"""

from __future__ import annotations

import itertools
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.pool.tools import agents_of, no_workers

import pykka
from pykka._cell.metering import Meter, statistics_of
from pykka._envelope import Envelope
from pykka.observer._scan import waiting_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from pykka.runtimes.pool.cell import PooledCell

SENT = 20
_PACKAGE = pykka.__file__.removesuffix("__init__.py")


def at_each_step(function: Callable[[], object], act: Callable[[], object]) -> None:
    """Run a function of the package, and do something before each of its instructions."""

    def step(frame: FrameType, event: str, _arg: object) -> Any:
        if not frame.f_code.co_filename.startswith(_PACKAGE):
            return None
        frame.f_trace = step  # or Python 3.13 and newer forget the next line
        frame.f_trace_opcodes = True
        if event == "opcode":
            act()
        return step

    before = sys.gettrace()
    sys._getframe().f_trace_opcodes = True  # Python 3.12 looks whether this was asked for so far
    sys.settrace(step)
    try:
        function()
    finally:
        sys.settrace(before)


def fill(cell: PooledCell) -> None:
    for number in range(SENT):
        cell.send(Envelope(number))


def take_over(cell: PooledCell) -> Callable[[], object]:
    fill(cell)
    return cell.refill


def begin_to_count(cell: PooledCell) -> Callable[[], object]:
    fill(cell)
    cell.refill()
    return lambda: cell.put_in_front(Meter(cell.services.clock.now, 0))


def take_over_and_begin_to_count(cell: PooledCell) -> Callable[[], object]:
    fill(cell)

    def both() -> None:
        cell.refill()
        cell.put_in_front(Meter(cell.services.clock.now, 0))

    return both


def take_one_that_is_counted(cell: PooledCell) -> Callable[[], object]:
    fill(cell)
    cell.send(Envelope("one more, which is taken"))
    cell.put_in_front(Meter(cell.services.clock.now, 0))
    return lambda: cell.inbox.pop(0)


def take_up_what_is_set_aside(cell: PooledCell) -> Callable[[], object]:
    extension = cell.need_extension()
    extension.stash = [Envelope(number) for number in range(SENT)]
    return extension.take_up


MOVES = [
    take_over,
    begin_to_count,
    take_over_and_begin_to_count,
    take_one_that_is_counted,
    take_up_what_is_set_aside,
]


def all_that_waits(cell: PooledCell) -> int:
    found = statistics_of(cell)
    return found.waiting + found.stashed


def in_the_inbox(cell: PooledCell) -> int | None:
    return waiting_in(cell)


@pytest.fixture
def cells(untraced: None) -> Iterator[Iterator[PooledCell]]:
    """Cells of actors whose messages no worker takes; this thread stands for their worker."""
    dispatcher = pykka.Dispatcher(max_threads=1)
    agent_class = agents_of(dispatcher)
    with no_workers(dispatcher):
        refs: list[pykka.ActorRef[Any]] = []

        def one_after_the_other() -> Iterator[PooledCell]:
            while True:
                refs.append(agent_class.start())
                yield refs[-1]._cell  # type: ignore[misc]

        yield one_after_the_other()
        for ref in refs:
            ref._cell.queued = False  # type: ignore[attr-defined]
            ref.stop(block=False)


# What was set aside is taken back in two instructions, and in between it is in neither place:
# if it were in both when a signal handler raises there, it would be handled twice.
@pytest.mark.parametrize("move", MOVES[:-1])
def test_a_count_in_the_middle_of_a_move_misses_nothing(
    cells: Iterator[PooledCell], move: Callable[[PooledCell], Callable[[], object]]
) -> None:
    cell = next(cells)
    seen: list[int] = []
    at_each_step(move(cell), lambda: seen.append(all_that_waits(cell)))
    assert len(seen) > 5
    assert min(seen) >= SENT


@pytest.mark.parametrize("count", [all_that_waits, in_the_inbox])
@pytest.mark.parametrize("move", MOVES)
def test_a_move_in_the_middle_of_a_count_hides_nothing(
    cells: Iterator[PooledCell],
    move: Callable[[PooledCell], Callable[[], object]],
    count: Callable[[PooledCell], int | None],
) -> None:
    if count is in_the_inbox and move is take_up_what_is_set_aside:
        return  # that is not in the inbox
    for place in itertools.count():
        cell = next(cells)
        do, steps, said = move(cell), itertools.count(), list[int | None]()

        def act(do: Callable[[], object] = do, steps: Iterator[int] = steps) -> None:
            if next(steps) == place:  # noqa: B023 (it is called in this round)
                do()

        at_each_step(lambda: said.append(count(cell)), act)  # noqa: B023
        [found] = said
        assert found is not None
        assert found >= SENT, f"it said {found} when they moved at place {place}"
        if next(steps) <= place:
            break
    assert place > 5
