"""Making every run of a small program that differs from the others, and hardly any other.

Problem
    Of all the orders in which the steps of a program can come, most are the same to everybody in
    it: whether one actor sends to a second before or after a third one sends to a fourth makes no
    difference to any of the four.

Remedy
    The choices are a tree, which is walked depth first, by making run after run. What a step has
    *touched* is noted: to which actor it has sent, which lock it has held, and so on. Two steps of
    different strands that touch nothing in common can be exchanged. So where a step has been tried
    first, and another one is tried instead, the first one *sleeps*: it is not chosen until a step
    comes that touches something of what it touches, for until then that would be a run that was
    made already. If all that are ready sleep, the run is cut short. (Sleep sets: Godefroid,
    "Partial-Order Methods for the Verification of Concurrent Systems", 1996.)

Invariant: of the orders that are the same by exchanges of such steps, exactly one is run to its
end. It holds if the program's strands have nothing in common but what is noted.

Each step is short here: it ends at each message that is sent. Time passes only if nothing else
can happen. What fails, and what lets time pass, touches everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pykka.simulation._engine._cells import SimulatedCell
from pykka.simulation._engine._choices import CUT_SHORT, EVERYTHING

if TYPE_CHECKING:
    from collections.abc import Sequence

    Touched = set[object]


class _Node:
    """A choice in the tree.

    Args:
        names: The strands that can go on.
        sleep: Those that sleep, and what their next step touches.
    """

    __slots__ = ("chosen", "done", "names", "sleep", "touched")

    def __init__(self, names: list[str], sleep: dict[str, Touched]) -> None:
        self.names = names
        self.sleep = sleep
        self.done: dict[str, Touched] = {}
        """Those that were tried, and what they touched."""
        self.chosen = ""
        self.touched: Touched = set()
        """What the step has touched that was chosen."""

    def choose_next(self) -> bool:
        """Choose one that was not tried and does not sleep; False if there is none."""
        for name in self.names:
            if name not in self.done and name not in self.sleep:
                self.chosen = name
                return True
        return False


class Walker:
    """Walks through the tree of choices; the chooser of all runs of an exploration."""

    wants_to_know = True

    def __init__(self) -> None:
        self._path: list[_Node] = []
        self._depth = 0

    def begin(self) -> None:
        """Begin another run."""
        self._depth = 0

    def choose(self, candidates: Sequence[Any], *, goes_on: bool, may_pass: bool) -> int:
        """See `Chooser`."""
        del may_pass
        all_names = [name_of(each) for each in candidates]
        alone = None if goes_on else next(filter(is_alone, candidates), None)
        names = all_names if alone is None else [name_of(alone)]
        if self._depth == len(self._path) and not self._grow(names):
            return CUT_SHORT
        node = self._path[self._depth]
        self._depth += 1
        return all_names.index(node.chosen)

    def note(self, touched: Touched) -> None:
        """See `Chooser`."""
        if self._depth:
            self._path[self._depth - 1].touched = touched

    def _grow(self, names: list[str]) -> bool:
        """Come to a choice that no run has come to before; False if all sleep."""
        sleep: dict[str, Touched] = {}
        if self._path:
            last = self._path[-1]
            sleep = {
                name: touched
                for name, touched in (last.sleep | last.done).items()
                if name != last.chosen and can_be_exchanged(touched, last.touched)
            }
        node = _Node(names, sleep)
        if not node.choose_next():
            return False
        self._path.append(node)
        return True

    def go_on(self) -> bool:
        """Turn to the next run; False if all have been made."""
        path = self._path
        while path:
            node = path[-1]
            node.done[node.chosen] = node.touched
            if node.choose_next():
                node.touched = set()
                return True
            path.pop()
        return False


def name_of(candidate: Any) -> str:
    """The name of a strand that can go on."""
    strand = getattr(candidate, "strand", candidate)
    return str(strand.name)


def is_alone(candidate: Any) -> bool:
    """Tell whether the next step of a strand does nothing, so it can be exchanged with all others.

    Then no other one need be tried in its place.
    """
    return type(candidate) is SimulatedCell and candidate.begins_with_nothing()


def can_be_exchanged(one: Touched, other: Touched) -> bool:
    """Tell whether two steps that follow on each other can as well come in the other order."""
    return EVERYTHING not in one and EVERYTHING not in other and one.isdisjoint(other)
