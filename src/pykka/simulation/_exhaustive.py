"""Making every run of a small program that differs from the others, and hardly any other.

Problem
    Of all the orders in which the steps of a program can come, most are the same to everybody in
    it: whether one actor sends to a second before or after a third one sends to a fourth makes no
    difference to any of the four.

Remedy
    The choices are a tree, which is walked depth first, by making run after run. What a step has
    *touched* is noted: to which actor it has sent, which lock it has held, and so on. Two steps of
    different strands that touch nothing in common can be exchanged.

    *Races.* When a run has been made, it is looked which of its steps could have come in the
    other order, and would have made a difference: two steps of different strands that touch
    something in common, of which neither has made the other one possible, and with nothing in
    between that the one has led to and that has led to the other. For each such race, what came
    after the first of the two, and does not follow from it, and then the second one, is to be
    tried before the first one: that is a *plan* for another run. If a strand with which that can
    begin is to be tried there already, that will do. So where there is no race, nothing else is
    tried. (Source sets: Abdulla, Aronis, Jonsson, Sagonas, "Optimal Dynamic Partial Order
    Reduction", POPL 2014, as in Concuerror. The plans are the paths of its wake-up trees.)

    *Sleep.* Where a step has been tried first, and another one is tried instead, the first one
    sleeps: it is not chosen until a step comes that touches something of what it touches, for
    until then that would be a run that was made already. If all that are ready sleep, the run is
    cut short. (Sleep sets: Godefroid, "Partial-Order Methods for the Verification of Concurrent
    Systems", 1996.)

Invariant: of the orders that are the same by exchanges of such steps, exactly one is run to its
end. It holds if the program's strands have nothing in common but what is noted.

Each step is short here: it ends at each message that is sent. Time passes only if nothing else
can happen. What fails, and what lets time pass, touches everything.

Rejected: sleep sets alone, with each strand tried everywhere. They make the same runs to the end,
and cut 17 times as many short.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeGuard

from pykka.simulation._engine._choices import CUT_SHORT, EVERYTHING, GOT, SENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    Touched = set[object]


class _Node:
    """A choice in the tree.

    Args:
        names: The strands that can go on.
        sleep: Those that sleep, and what their next step touches.
    """

    __slots__ = ("before", "chosen", "done", "names", "sleep", "todo", "touched")

    def __init__(self, names: list[str], sleep: dict[str, Touched]) -> None:
        self.names = names
        self.sleep = sleep
        self.done: dict[str, Touched] = {}
        """Those that were tried, and what they touched."""
        self.todo: dict[str, list[str]] = {}
        """Those that are to be tried, and who comes after them, as far as there is a plan."""
        self.chosen = ""
        self.touched: Touched = set()
        """What the step has touched that was chosen."""
        self.before = 0
        """The steps that have led to this one, as bits of a number."""

    def choose_next(self) -> list[str] | None:
        """Choose one that is to be tried, and say who follows; `None` if there is none."""
        for name, plan in self.todo.items():
            if name not in self.done and name not in self.sleep:
                self.chosen = name
                self.touched = set()
                return plan
        return None

    def covers(self, first_ones: set[str]) -> bool:
        """Tell whether one of some strands is tried here, or has been tried before."""
        return not (
            first_ones.isdisjoint(self.todo)
            and first_ones.isdisjoint(self.done)
            and first_ones.isdisjoint(self.sleep)
        )


class Walker:
    """Walks through the tree of choices; the guide of all runs of an exploration."""

    wants_to_know: Literal[True] = True

    def __init__(self) -> None:
        self._path: list[_Node] = []
        self._depth = 0
        self._fresh = 0
        """The first place on the path that no race has been looked for at."""
        self._plan: list[str] = []
        """Who is to be chosen next, where no run has come to before."""

    def begin(self) -> None:
        """Begin another run."""
        self._depth = 0

    def choose(self, candidates: Sequence[Any], *, goes_on: bool) -> int:
        """See `Guide`."""
        del goes_on
        names = [name_of(each) for each in candidates]
        if self._depth == len(self._path) and not self._grow(names):
            return CUT_SHORT
        node = self._path[self._depth]
        self._depth += 1
        return names.index(node.chosen)

    def note(self, touched: Touched) -> None:
        """See `Guide`."""
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
        planned = self._plan.pop(0) if self._plan else None
        awake = [name for name in names if name not in sleep]
        if not awake:
            return False
        if planned not in awake:
            self._plan = []
            planned = awake[0]
        node.chosen = planned
        node.todo = self._first_to_do(node)
        self._path.append(node)
        return True

    def _first_to_do(self, node: _Node) -> dict[str, list[str]]:
        """What is to be tried, where no race is known so far."""
        return {node.chosen: []}

    def go_on(self) -> bool:
        """Turn to the next run; False if all have been made."""
        path = self._path
        self._look_for_races()
        while path:
            node = path[-1]
            node.done[node.chosen] = node.touched
            plan = node.choose_next()
            if plan is not None:
                self._plan = [*plan]
                self._fresh = len(path) - 1
                return True
            path.pop()
        return False

    # --- races ----------------------------------------------------------------------------------

    def _look_for_races(self) -> None:
        """Look what in the run that was made could have come in the other order."""
        sent: dict[object, int] = {}
        for place, node in enumerate(self._path[: self._fresh]):
            sent.update((each[1:], place) for each in node.touched if concerns_letter(each, SENT))
        for place in range(self._fresh, len(self._path)):
            self._look_for_races_with(place, sent)

    def _look_for_races_with(self, place: int, sent: dict[Any, int]) -> None:
        """Do so for one step, and note which steps have led to it."""
        path = self._path
        node = path[place]
        led_by = self._led_by(place, sent)
        before, racing = 0, list[int]()
        # From the last to the first. What leads to this step by way of a later one is no race, and
        # is known to do so by then.
        for earlier in range(place - 1, -1, -1):
            bit = 1 << earlier
            if led_by & bit:
                before |= path[earlier].before | bit
            elif not before & bit and not can_be_exchanged(path[earlier].touched, node.touched):
                racing.append(earlier)
                before |= path[earlier].before | bit
        node.before = before
        for earlier in racing:
            self._note_race(earlier, place)

    def _led_by(self, place: int, sent: dict[Any, int]) -> int:
        """The steps without which a step could not have come at all, as bits of a number.

        That is the one before it of the same strand; the one that has made it possible; and those
        that have sent what it has got.
        """
        node = self._path[place]
        found = 0
        for each in node.touched:
            if concerns_letter(each, SENT):
                sent[each[1:]] = place
            elif concerns_letter(each, GOT) and each[1:] in sent:
                found |= 1 << sent[each[1:]]
        is_possible = True
        for earlier in range(place - 1, -1, -1):
            other = self._path[earlier]
            if other.chosen == node.chosen:
                return found | 1 << earlier
            if is_possible and node.chosen not in other.names:
                found |= 1 << earlier
                is_possible = False
        return found

    def _note_race(self, first: int, second: int) -> None:
        """Have a step tried before another one that came first."""
        path = self._path
        bit = 1 << first
        rest = [place for place in range(first + 1, second) if not path[place].before & bit]
        rest.append(second)
        plan = [path[place].chosen for place in rest]
        first_ones: set[str] = set()
        seen: set[str] = set()
        among = 0
        for place in rest:
            name = path[place].chosen
            if name not in seen and not (path[place].before & among):
                first_ones.add(name)
            seen.add(name)
            among |= 1 << place
        node = path[first]
        if node.covers(first_ones):
            return
        # The first of them could go on there already; if not, something was not noted.
        for name in plan[:1] if plan[0] in node.names else node.names:
            node.todo.setdefault(name, plan[1:])


def concerns_letter(touched: Any, what: str) -> TypeGuard[tuple[Any, ...]]:
    """Tell whether what a step has touched is a letter, which it has sent or got."""
    return type(touched) is tuple and touched[0] == what  # pyright: ignore[reportUnknownVariableType]


def name_of(candidate: Any) -> str:
    """The name of a strand that can go on."""
    strand = getattr(candidate, "strand", candidate)
    return str(strand.name)


def can_be_exchanged(one: Touched, other: Touched) -> bool:
    """Tell whether two steps that follow on each other can as well come in the other order."""
    return EVERYTHING not in one and EVERYTHING not in other and one.isdisjoint(other)
