"""What comes next in a simulated program: the choices, and the tape that they are written on.

Where more than one thing can happen next, the scheduler asks a *chooser*, and writes the answer
down: a number. All that a run does follows from these numbers, which are its *tape*. So a run is
made again by reading them from there.

The numbers mean the same in each kind of choice, so that a tape reads well and can be shrunk: 0 is
the usual thing, that the strand goes on that ran last, or else the one that was ready first; 1 and
more are the others that are ready, in the order in which they became so; and the last number is
that time passes before any of them does anything, if there is something to wait for.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

PREEMPTION = (0.0, 0.05, 0.2, 0.5)
"""How probable it is that a sender is overtaken; one of them is drawn for each run."""

HASTE = (0.0, 0.0, 0.1, 0.3)
"""How probable it is that time passes although a strand could go on; likewise."""


EVERYTHING = "everything"
"""What a step touches that is to be exchanged with no other one; see `note` of a chooser."""

CUT_SHORT = -1
"""What is chosen if the run is not worth going on with."""


class Chooser(Protocol):
    """Decides what comes next."""

    @property
    def wants_to_know(self) -> bool:
        """Whether it is told what each step has touched, and asked where there is no choice."""
        ...

    def note(self, touched: set[object]) -> None:
        """Be told what the step has touched that ends now."""

    def choose(self, candidates: Sequence[object], *, goes_on: bool, may_pass: bool) -> int:
        """Choose one of several.

        Args:
            candidates: Those that can go on, at least one.
            goes_on: Whether the first of them is in the middle of something.
            may_pass: Whether time may pass instead.

        Returns:
            The number of the one that goes on; that behind the last to have time pass; or
            `CUT_SHORT`.
        """
        ...


class AtRandom:
    """Chooses by chance.

    How often senders are overtaken, and how often time passes early, is drawn for each run: some
    mistakes need much of it, and others are only found where there is little. (The idea is that
    of swarm testing, Groce et al., ISSTA 2012.)

    Args:
        seed: What the chance follows from.
        preemption: How probable it is that a sender is overtaken; `None` to draw it.
        haste: How probable it is that time passes early; `None` to draw it.
    """

    def __init__(
        self, seed: int, *, preemption: float | None = None, haste: float | None = None
    ) -> None:
        chance = random.Random(seed)  # noqa: S311 (no secrets)
        drawn = chance.choice(PREEMPTION), chance.choice(HASTE)
        self._random = chance.random
        self._preemption = drawn[0] if preemption is None else preemption
        self._haste = drawn[1] if haste is None else haste

    wants_to_know = False

    def note(self, touched: set[object]) -> None:
        """See `Chooser`."""

    def choose(self, candidates: Sequence[object], *, goes_on: bool, may_pass: bool) -> int:
        """See `Chooser`."""
        count = len(candidates)
        if may_pass and self._haste and self._random() < self._haste:
            return count
        if not goes_on:
            return int(self._random() * count)
        if count == 1 or self._random() >= self._preemption:
            return 0
        return 1 + int(self._random() * (count - 1))


class FromTape:
    """Chooses as it was chosen before, and the usual when the tape is at its end.

    A tape that is shrunk may say what cannot be; that is the usual, too.

    Args:
        tape: The choices.
    """

    def __init__(self, tape: list[int]) -> None:
        self._tape = iter(tape)

    wants_to_know = False

    def note(self, touched: set[object]) -> None:
        """See `Chooser`."""

    def choose(self, candidates: Sequence[object], *, goes_on: bool, may_pass: bool) -> int:
        """See `Chooser`."""
        del goes_on
        said = next(self._tape, 0)
        return said if said < len(candidates) + may_pass else 0


def without_usual_end(tape: list[int]) -> list[int]:
    """The tape without the zeros at its end, which are what a tape at its end says as well."""
    end = len(tape)
    while end and not tape[end - 1]:
        end -= 1
    return tape[:end]


def encode(tape: list[int], chance: int) -> str:
    """Write what a run follows from as a short text, such as `3z-1`: three zeros and a one.

    Args:
        tape: The choices.
        chance: The seed of what the program itself draws, by `random`.
    """
    parts: list[str] = [f"r{chance}"] if chance else []
    zeros = 0
    for choice in without_usual_end(tape):
        if choice == 0:
            zeros += 1
            continue
        if zeros:
            parts.append(f"{zeros}z")
            zeros = 0
        parts.append(str(choice))
    return "-".join(parts) or "0"


def decode(text: str) -> tuple[list[int], int]:
    """Read what `encode` has written.

    Returns:
        The choices, and the seed of what the program itself draws.

    Raises:
        ValueError: It is no such text.
    """
    tape: list[int] = []
    chance = 0
    try:
        for part in text.split("-"):
            if part.startswith("r"):
                chance = int(part[1:])
            elif part.endswith("z"):
                tape += [0] * int(part[:-1])
            else:
                tape.append(int(part))
    except ValueError:
        msg = (
            f"replay is what a failure has printed, such as '3z-1', not {text!r}; "
            "a number alone is a seed: seed=..."
        )
        raise ValueError(msg) from None
    return tape, chance
