"""What comes next in a simulated program: the choices, and the tape that they are written on.

Where more than one thing can happen next, the scheduler asks a *chooser*, and writes the answer
down: a number. All that a run does follows from these numbers, which are its *tape*. So a run is
made again by reading them from there.

The numbers mean the same in each kind of choice, so that a tape reads well and can be shrunk: 0 is
the usual thing, that the strand goes on that ran last, or else (also if that one has gone on for
long) the one that was ready first; 1 and more are the others that are ready, in the order in which
they became so; and the last number is that time passes before any of them does anything, if there
is something to wait for.

Cost
    Most choices are between a sender that goes on and those that may overtake it, and most of
    these come out as usual. So a chooser says ahead how many of them will (`Chooser.skip`), and
    the scheduler counts them without asking.

    Chance comes from SHAKE-128 of the seed, in blocks. That is the same on each Python and each
    machine, and costs a fifth of what it costs to seed a `random.Random`. Nothing is computed
    with fractions on the way, which may be rounded one way or the other.
"""

from __future__ import annotations

import hashlib
import sys
from array import array
from bisect import bisect_right
from functools import lru_cache
from itertools import chain, count
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PREEMPTION = (0.0, 0.05, 0.2, 0.5)
"""How probable it is that a sender is overtaken; one of them is drawn for each run."""

HASTE = (0.0, 0.0, 0.1, 0.3)
"""How probable it is that time passes although a strand could go on; likewise."""

BITS = 16
"""So many has each number that is drawn."""

WHOLE = 1 << BITS
"""What a probability of 1 is, among the numbers that are drawn."""

BLOCK = 160
"""So many bytes of chance are made at a time; a few more would take twice as long."""

FAR = 1000
"""So many choices at most come out as usual before the chooser is asked again."""

MOST_TURNS = 10_000
"""So often a sender goes on at most, within a step, if it is never overtaken by chance."""

EVERYTHING = "everything"
"""What a step touches that is to be exchanged with no other one; see `note` of a guide."""

SENT, GOT = "sent", "got"
"""What a step has to do with a letter, in what it touches: `(SENT, who, the how manyth)`."""

CUT_SHORT = -1
"""What a guide chooses if the run is not worth going on with."""


class Chooser(Protocol):
    """Decides what comes next, knowing no more than how many can."""

    wants_to_know: Literal[False]

    most_turns: int
    """How often a sender may be asked whether others come first, and go on, all within a step."""

    def skip(self) -> int:
        """Say how often from now on a sender goes on as usual, before `interrupt` is asked."""
        ...

    def interrupt(self, number: int, *, may_pass: bool) -> int:
        """Choose whether another strand comes before one that is in the middle of something.

        Args:
            number: How many can go on; the first is the one in the middle of something.
            may_pass: Whether time may pass instead.

        Returns:
            The number of the one that goes on; or `number` to have time pass.
        """
        ...

    def pick(self, number: int, *, may_pass: bool) -> int:
        """Choose who goes on, where none is in the middle of something; likewise."""
        ...


class Guide(Protocol):
    """Decides what comes next, knowing what each step has to do with."""

    wants_to_know: Literal[True]

    def note(self, touched: set[object]) -> None:
        """Be told what the step has touched that ends now."""

    def choose(self, candidates: Sequence[object], *, goes_on: bool) -> int:
        """Choose one of several; also where there is only one.

        Args:
            candidates: Those that can go on.
            goes_on: Whether the first of them is in the middle of something.

        Returns:
            The number of the one that goes on, or `CUT_SHORT`.
        """
        ...


def draws_of(seed: int) -> Iterator[int]:
    """Return numbers of `BITS` bits that follow from a seed, without end."""
    return chain(_block(seed, 0), _later_blocks(seed))  # most runs need no more than the first


def _block(seed: int, number: int) -> array[int]:
    drawn = array("H", hashlib.shake_128(b"%d %d" % (seed, number)).digest(BLOCK))
    if sys.byteorder == "big":  # pragma: no cover (the machines of the tests are little)
        drawn.byteswap()
    return drawn


def _later_blocks(seed: int) -> Iterator[int]:
    for number in count(1):
        yield from _block(seed, number)


def probability(of_one: float) -> int:
    """A probability, among the numbers that are drawn."""
    return int(of_one * WHOLE)


CHANCES_OF_PREEMPTION = [probability(each) for each in PREEMPTION]
CHANCES_OF_HASTE = [probability(each) for each in HASTE]


@lru_cache(maxsize=64)
def distances(chance: int) -> list[int]:
    """How far off something is that happens each time with some probability.

    Args:
        chance: The probability, among the numbers that are drawn.

    Returns:
        A list in which `bisect_right` finds the distance for a number that is drawn. It ends
        after `FAR` entries, or where the numbers that are drawn tell nothing apart any more.
    """
    found: list[int] = []
    not_yet = WHOLE << BITS
    while len(found) < FAR and not_yet >= WHOLE:
        not_yet = not_yet * (WHOLE - chance) >> BITS
        found.append(WHOLE - (not_yet >> BITS))
    return found


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

    wants_to_know: Literal[False] = False
    most_turns = MOST_TURNS

    def __init__(
        self, seed: int, *, preemption: float | None = None, haste: float | None = None
    ) -> None:
        self._draw = draw = draws_of(seed).__next__
        drawn, drawn_haste = CHANCES_OF_PREEMPTION[draw() & 3], CHANCES_OF_HASTE[draw() & 3]
        self._preemption = drawn if preemption is None else probability(preemption)
        self._haste = drawn_haste if haste is None else probability(haste)
        neither = (WHOLE - self._preemption) * (WHOLE - self._haste) >> BITS
        self._unusual = WHOLE - neither
        """The probability that a sender is overtaken, or time passes early, or both."""
        self._is_due = False
        """Whether one of the two is what comes next."""

    def skip(self) -> int:
        """See `Chooser`."""
        if not self._unusual:
            return FAR
        ahead = distances(self._unusual)
        distance = bisect_right(ahead, self._draw())
        self._is_due = distance < len(ahead)
        return distance

    def interrupt(self, number: int, *, may_pass: bool) -> int:
        """See `Chooser`."""
        if not self._is_due:
            return 0
        draw = self._draw
        if self._haste and draw() * self._unusual < self._haste << BITS:
            if may_pass:
                return number
            if draw() >= self._preemption:
                return 0
        return 1 + (draw() * (number - 1) >> BITS) if number > 1 else 0

    def pick(self, number: int, *, may_pass: bool) -> int:
        """See `Chooser`."""
        if may_pass and self._haste and self._draw() < self._haste:
            return number
        return self._draw() * number >> BITS if number > 1 else 0


class FromTape:
    """Chooses as it was chosen before, and the usual when the tape is at its end.

    A tape that is shrunk may say what cannot be; that is the usual, too.

    Args:
        tape: The choices.
    """

    wants_to_know: Literal[False] = False
    most_turns = MOST_TURNS + 3 * FAR
    """More than there are in any run that the tape may be of: `AtRandom` is asked at least each
    `FAR` times, and what it has made stop is on the tape."""

    def __init__(self, tape: list[int]) -> None:
        self._tape = iter(tape)

    def skip(self) -> int:
        """See `Chooser`. Where a sender goes on is not told apart from other choices on a tape."""
        return 0

    def interrupt(self, number: int, *, may_pass: bool) -> int:
        """See `Chooser`."""
        said = next(self._tape, 0)
        return said if said < number + may_pass else 0

    pick = interrupt


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
