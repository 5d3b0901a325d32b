#!/usr/bin/env python3
"""A forest fire with 100,000 trees, each of which is an actor.

    python examples/forest_fire.py [--size N] [--density D] [--seed S] [--pace SECONDS]

In a square of N times N places, a tree grows in each with probability D. The western edge is set
on fire. A tree that catches fire tells its four neighbours, and each of them that still stands
catches fire as well. How much burns? With few trees the fire soon finds no way on; with many,
nearly everything burns; the change between the two is sudden, at a density of about 0.59.

On a terminal, you see the fire spread, slowly enough to follow it (`--pace 0` is as fast as it
gets). Without colours, because the output goes elsewhere or `NO_COLOR` is set, the map is drawn
in letters.

What to look at:

- A tree is a `PooledActor`, so 100,000 of them are no problem, and run on a handful of threads.
- No actor waits. All messages in the forest are tells; only the main program waits, for the end.
- How does the program know that the fire is out? Messages are on their way all the time, and no
  tree sees the whole forest. See `Warden`: it counts, and relies on the order of messages.
- The trees share a dict of all trees. Actors should not share what changes; this dict does not
  change after the first message.
- The trees are never stopped. A program ends when no pooled actor has anything to do.
- The trees do not draw. The main thread does, and asks the warden what to draw.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import sys
import time
from typing import TYPE_CHECKING, Any

import pykka

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Place = tuple[int, int]
    Report = tuple[Place | None, int]

FIRE = "fire"
HAS_BURNED = "has it burned?"

FOREST = pykka.Dispatcher("forest")


# --- the actors ----------------------------------------------------------------------------------


class Tree(pykka.PooledActor):
    """One tree. It burns once, and tells its neighbours."""

    dispatcher = FOREST

    def __init__(
        self,
        place: Place,
        trees: Mapping[Place, pykka.ActorRef[Tree]],
        warden: pykka.ActorRef[Warden],
        pace: float = 0.0,
    ) -> None:
        super().__init__()
        self.place = place
        self.trees = trees
        self.warden = warden
        self.pace = pace
        self.has_burned = False

    def on_receive(self, message: Any) -> bool | None:
        if message == HAS_BURNED:
            return self.has_burned
        if self.has_burned:
            self.warden.tell((None, -1))
            return None
        self.has_burned = True
        row, column = self.place
        around = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
        neighbours = [self.trees[place] for place in around if place in self.trees]
        self.warden.tell((self.place, len(neighbours) - 1))  # before anything else: see Warden
        for neighbour in neighbours:
            if self.pace:
                neighbour.tell_after(self.pace, FIRE)
            else:
                neighbour.tell(FIRE)
        return None


class Warden(pykka.PooledActor):
    """Knows when the fire is out: when no message about fire is on its way any more.

    It counts those messages. A tree that gets one reports the change: one less, and one more for
    each neighbour that it is about to tell. When the count is zero, the fire is out.

    A tree reports *before* it tells its neighbours. So its report is in the warden's inbox before
    they know of the fire, hence before their reports. If it were the other way round, they might
    report first, and the warden would see a zero while their neighbours are just being told.

    A report also says which tree has caught fire, for those who watch.
    """

    dispatcher = FOREST

    def __init__(self, sparks: int, is_out: pykka.ThreadingFuture[int]) -> None:
        super().__init__()
        self.on_their_way = sparks
        self.messages = 0
        self.is_out = is_out
        self.news: list[Place] = []

    def on_receive(self, report: Report) -> None:
        place, change = report
        if place is not None:
            self.news.append(place)
        self.messages += 1
        self.on_their_way += change
        if self.on_their_way == 0:
            self.is_out.set(self.messages)

    def take_news(self) -> list[Place]:
        """Return the trees that have caught fire since this was last called."""
        news, self.news = self.news, []
        return news


# --- the fire ------------------------------------------------------------------------------------


def plant(size: int, density: float, seed: int) -> list[Place]:
    """Choose the places where trees grow."""
    chance = random.Random(seed)  # noqa: S311 (nobody's secret)
    return [
        (row, column) for row in range(size) for column in range(size) if chance.random() < density
    ]


def burn(
    places: Sequence[Place], pace: float = 0.0, screen: Screen | None = None
) -> tuple[set[Place], int]:
    """Let the forest burn; returns which trees have, and how many messages that took."""
    sparks = [place for place in places if place[1] == 0]
    is_out: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    if not sparks:
        return set(), 0

    begin = time.perf_counter()
    warden = Warden.start(len(sparks), is_out)
    trees: dict[Place, pykka.ActorRef[Tree]] = {}
    for place in places:
        trees[place] = Tree.start(place, trees, warden, pace)
    print(f"Started {len(trees):,} actors in {time.perf_counter() - begin:.1f} s")

    begin = time.perf_counter()
    for place in sparks:
        trees[place].tell(FIRE)
    if screen is not None:
        with screen:
            watch(is_out, lambda: screen.show(warden.call(Warden.take_news).get()))
    messages = 2 * is_out.get()  # a message about fire, and a report, each time
    seconds = time.perf_counter() - begin
    threads = FOREST.statistics().threads
    print(f"Sent {messages:,} messages in {seconds:.1f} s, on {threads} threads")

    begin = time.perf_counter()
    burned = {place for place, tree in trees.items() if tree.ask(HAS_BURNED)}
    print(f"Asked {len(trees):,} trees in {time.perf_counter() - begin:.1f} s")
    return burned, messages


def watch(is_out: pykka.Future[int], show: Callable[[], None]) -> None:
    """Show how the fire spreads, fifteen times a second, until it is out."""
    while not is_out.done():
        show()
        with contextlib.suppress(pykka.Timeout):
            is_out.get(timeout=1 / 15)


# --- the map -------------------------------------------------------------------------------------


class Map:
    """How many trees grow and have burned in each field of a map.

    A field in which trees have just caught fire is in flames, for as long as a few pictures.

    Args:
        places: Where trees grow.
        size: How many places there are on each side of the forest.
        width: How many fields there are in a row.
        height: How many rows there are.
    """

    LETTERS = ".:+*#"
    """From "all trees stand" to "all have burned"."""

    COLOURS = (28, 64, 94, 95, 240)
    """The same, from green to grey, in the 256 colours of terminals."""

    FLAMES = (226, 214, 202)
    """The colours of flames, the youngest first."""

    FLAME = "^"

    def __init__(self, places: Iterable[Place], size: int, width: int, height: int) -> None:
        self._size, self.width, self.height = size, width, height
        self._trees = [[0] * width for _ in range(height)]
        self._ashes = [[0] * width for _ in range(height)]
        self._flames = [[len(self.FLAMES)] * width for _ in range(height)]
        for row, column in places:
            self._trees[row * height // size][column * width // size] += 1

    def add(self, burned: Iterable[Place]) -> None:
        """Let trees burn, and older flames go down."""
        for flames in self._flames:
            flames[:] = [min(age + 1, len(self.FLAMES)) for age in flames]
        for place in burned:
            row = place[0] * self.height // self._size
            column = place[1] * self.width // self._size
            self._ashes[row][column] += 1
            self._flames[row][column] = 0

    def extinguish(self) -> None:
        """Put all flames out."""
        self._flames = [[len(self.FLAMES)] * self.width for _ in range(self.height)]

    def in_letters(self) -> list[str]:
        """Draw the map without colours: the darker a letter, the more has burned."""
        return [
            "".join(
                " " if (share := self._share(row, column)) is None
                else self.FLAME if self._flames[row][column] < len(self.FLAMES)
                else self.LETTERS[share]
                for column in range(self.width)
            )
            for row in range(self.height)
        ]  # fmt: skip

    def in_colours(self) -> list[str]:
        """Draw the map in colours: each letter is half a block, and so has two fields."""
        return [
            "".join(
                half_blocks(self._colour(row, column), self._colour(row + 1, column))
                for column in range(self.width)
            )
            + PLAIN
            for row in range(0, self.height, 2)
        ]

    def _share(self, row: int, column: int) -> int | None:
        trees = self._trees[row][column]
        return (len(self.LETTERS) - 1) * self._ashes[row][column] // trees if trees else None

    def _colour(self, row: int, column: int) -> int | None:
        if row >= self.height or (share := self._share(row, column)) is None:
            return None
        age = self._flames[row][column]
        return self.FLAMES[age] if age < len(self.FLAMES) else self.COLOURS[share]


PLAIN = "\x1b[0m"


def half_blocks(upper: int | None, lower: int | None) -> str:
    """Draw two fields, one above the other, in the place of one letter."""
    if upper is None:
        return f"{PLAIN} " if lower is None else f"{PLAIN}\x1b[38;5;{lower}m▄"
    if lower is None:
        return f"{PLAIN}\x1b[38;5;{upper}m▀"
    return f"\x1b[38;5;{upper};48;5;{lower}m▀"


def draw(places: Iterable[Place], burned: Iterable[Place], size: int, width: int = 60) -> str:
    """Draw what is left, in letters, which are twice as high as wide."""
    width = min(width, size)
    found = Map(places, size, width, max(1, width // 2))
    found.add(burned)
    found.extinguish()
    return "\n".join(found.in_letters())


def legend(*, in_colours: bool) -> str:
    """Say what the letters or colours mean."""
    signs = [Map.LETTERS[0], Map.FLAME, Map.LETTERS[-1]]
    if in_colours:
        colours = (Map.COLOURS[0], Map.FLAMES[-1], Map.COLOURS[-1])
        signs = [f"\x1b[38;5;{colour}m█{PLAIN}" for colour in colours]
    return "  ".join(
        f"{sign} {word}"
        for sign, word in zip(signs, ("standing", "burning", "burned"), strict=True)
    )


# --- the terminal --------------------------------------------------------------------------------


class Screen:
    """Shows the fire on the terminal, and gives the terminal back as it was.

    It looks at the size of the terminal each time, so that may change.

    Args:
        places: Where trees grow.
        size: How many places there are on each side of the forest.
    """

    def __init__(self, places: Sequence[Place], size: int) -> None:
        self._places = places
        self._size = size
        self._burned: list[Place] = []
        self._map = Map((), size, 0, 0)
        self.in_colours = has_colours()

    def __enter__(self) -> None:
        self._write("\x1b[?1049h\x1b[?25l")  # another screen, and no cursor

    def __exit__(self, *_error: object) -> None:
        self._write("\x1b[?25h\x1b[?1049l")

    def show(self, news: Sequence[Place]) -> None:
        """Draw the forest, and the trees that have just caught fire."""
        columns, _lines = terminal_size()
        self._fit()
        self._burned += news
        self._map.add(news)
        what = f"{len(self._burned):,} of {len(self._places):,} trees have caught fire"
        lines = [*self._drawn(), what[:columns], legend(in_colours=self.in_colours)]
        # Each line is drawn over the one that was there; what is left of that is wiped off.
        self._write("\x1b[H" + "\n".join(f"{line}\x1b[K" for line in lines) + "\x1b[J")

    def last_picture(self, burned: Iterable[Place]) -> str:
        """Draw what is left."""
        self._burned = list(burned)
        self._map = Map((), self._size, 0, 0)
        self._fit()
        return "\n".join(self._drawn())

    def _fit(self) -> None:
        """Make another map if the terminal has another size."""
        columns, lines = terminal_size()
        width = max(1, min(self._size, columns, 2 * (lines - 3), 120))
        if width != self._map.width:
            height = width if self.in_colours else max(1, width // 2)
            self._map = Map(self._places, self._size, width, height)
            self._map.add(self._burned)
            self._map.extinguish()

    def _drawn(self) -> list[str]:
        return self._map.in_colours() if self.in_colours else self._map.in_letters()

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


def terminal_size() -> tuple[int, int]:
    """Return the columns and lines of the terminal; 80 and 24 if it does not know."""
    with contextlib.suppress(OSError, ValueError):
        columns, lines = os.get_terminal_size(sys.stdout.fileno())
        if columns and lines:
            return columns, lines
    return 80, 24


def is_terminal() -> bool:
    """Whether somewhat more than lines of text can be shown."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def has_colours() -> bool:
    """Whether the user wants colours (https://no-color.org), and the output knows half blocks."""
    try:
        "▀▄█".encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return False
    return not os.environ.get("NO_COLOR")


# --- main ----------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> None:
    """Plant a forest, burn it, and show what is left."""
    parser = argparse.ArgumentParser(description="A forest fire with an actor for each tree.")
    parser.add_argument("--size", type=int, default=410, help="places on each side (410)")
    parser.add_argument("--density", type=float, default=0.6, help="trees to a place (0.6)")
    parser.add_argument("--seed", type=int, default=3, help="another seed, another forest (3)")
    about_pace = "seconds until a burning tree sets others on fire (0.002 on a terminal, else 0)"
    parser.add_argument("--pace", type=float, metavar="SECONDS", help=about_pace)
    options = parser.parse_args(arguments)

    places = plant(options.size, options.density, options.seed)
    screen = Screen(places, options.size) if is_terminal() else None
    pace = options.pace if options.pace is not None else 0.002 if screen else 0.0
    burned, _messages = burn(places, pace, screen)
    if screen is None:
        print(draw(places, burned, options.size))
    else:
        print(screen.last_picture(burned))
    print(legend(in_colours=screen is not None and screen.in_colours))
    print(f"Burned {len(burned):,} of {len(places):,} trees")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        os._exit(130)  # the trees that burn are not waited for
