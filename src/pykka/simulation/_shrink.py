"""Making the run that has found something as usual as can be.

What is tried is a shorter tape, or one with less on it that is unusual; what still finds the same
is kept. What is left says what matters. (The idea is delta debugging, Zeller and Hildebrandt,
2002; that of Hypothesis is to do it with the choices and not with what comes of them.)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pykka.simulation._engine._choices import without_usual_end

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka.simulation._engine._scheduler import Finding
    from pykka.simulation._run import Result

MOST_RUNS = 500
"""So many runs may be made to shrink one."""

NUMBER = re.compile(r"\d+")

Made = tuple[list[int], int]
"""What a run follows from: a tape, and the seed of what the program draws."""


class Shrinker:
    """Makes a failing run as usual as can be.

    Args:
        failing: The run.
        made_of: What it follows from.
        make: Makes the run that follows from something else, and says what that has followed
            from in fact.
    """

    def __init__(
        self,
        failing: Result,
        made_of: Made,
        make: Callable[[list[int], int], tuple[Result, list[int]]],
    ) -> None:
        self._wanted = kind_of(failing.findings[0])
        self._make = make
        self.chance = made_of[1]
        self.tape = without_usual_end(made_of[0])
        self.runs = 0
        """How many runs it took so far."""

    def shrink(self) -> None:
        """Do it. What is left is `tape` and `chance`."""
        if self.chance:
            self._try(self.tape, 0)
        before: list[int] | None = None
        while before != self.tape and self.runs < MOST_RUNS:
            before = self.tape
            self._drop_blocks()
            self._lower_values()

    def _drop_blocks(self) -> None:
        """Have blocks of choices be the usual ones, or not be there; first large ones."""
        size = max(1, len(self.tape) // 2)
        while size and self.runs < MOST_RUNS:
            start = 0
            while start < len(self.tape) and self.runs < MOST_RUNS:
                head, tail = self.tape[:start], self.tape[start + size :]
                block = self.tape[start : start + size]
                if (any(block) and self._try([*head, *[0] * len(block), *tail], self.chance)) or (
                    tail and self._try([*head, *tail], self.chance)
                ):
                    continue
                start += size
            size //= 2

    def _lower_values(self) -> None:
        """Have choices be others, that come earlier."""
        place = 0
        while place < len(self.tape) and self.runs < MOST_RUNS:
            value = self.tape[place]
            for lower in range(1, value):
                if self._try([*self.tape[:place], lower, *self.tape[place + 1 :]], self.chance):
                    break
            place += 1

    def _try(self, tape: list[int], chance: int) -> bool:
        tape = without_usual_end(tape)
        if (cost_of(tape), chance) >= (cost_of(self.tape), self.chance):
            return False
        self.runs += 1
        result, followed = self._make(tape, chance)
        if not any(kind_of(each) == self._wanted for each in result.findings):
            return False
        self.tape = min(tape, without_usual_end(followed), key=cost_of)
        self.chance = chance
        return True


def cost_of(tape: list[int]) -> tuple[int, int, list[int]]:
    """How far from usual a tape is."""
    return sum(1 for choice in tape if choice), len(tape), tape


def kind_of(finding: Finding) -> tuple[str, str]:
    """What two findings have in common that are the same mistake: all but the numbers."""
    first_line = finding.text.partition("\n")[0]
    return finding.kind, NUMBER.sub("#", first_line)
