#!/usr/bin/env python3
"""A forest fire with 100,000 trees, each of which is an actor.

    python examples/forest_fire.py [--size N] [--density D] [--seed S]

On a square of N times N places, a tree grows on each with probability D. The western edge is set
on fire. A tree that catches fire tells its four neighbours, and each of them that still stands
catches fire as well. How much burns? With few trees the fire soon finds no way on; with many,
nearly everything burns; the change between the two is sudden, at a density of about 0.59.

What to look at:

- A tree is a `PooledActor`, so 100,000 of them are no trouble, and run on a handful of threads.
- Nobody waits in the forest. All messages are tells; only the main program waits, for the end.
- How does anybody know that the fire is out? Messages are on their way all the time, and no tree
  sees the whole. See `Warden`: it counts, and relies on the order of messages.
- The trees get a dict of all trees. It is shared, which actors should not do, but nobody changes
  it after the first message.
- Nobody stops the trees. A program ends when no pooled actor has anything to do.
"""

from __future__ import annotations

import argparse
import random
import time
from typing import TYPE_CHECKING, Any

import pykka

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    Place = tuple[int, int]

FIRE = "fire"
HAS_BURNED = "has it burned?"

FOREST = pykka.Dispatcher("forest")


class Tree(pykka.PooledActor):
    """One tree. It burns once, and tells its neighbours."""

    dispatcher = FOREST

    def __init__(
        self,
        place: Place,
        trees: Mapping[Place, pykka.ActorRef[Tree]],
        warden: pykka.ActorRef[Any],
    ) -> None:
        super().__init__()
        self.place = place
        self.trees = trees
        self.warden = warden
        self.has_burned = False

    def on_receive(self, message: Any) -> bool | None:
        if message == HAS_BURNED:
            return self.has_burned
        if self.has_burned:
            self.warden.tell(-1)
            return None
        self.has_burned = True
        row, column = self.place
        around = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
        neighbours = [self.trees[place] for place in around if place in self.trees]
        self.warden.tell(len(neighbours) - 1)  # before anything else: see Warden
        for neighbour in neighbours:
            neighbour.tell(FIRE)
        return None


class Warden(pykka.PooledActor):
    """Knows when the fire is out: when no message about fire is on its way any more.

    It counts those messages. A tree that gets one reports the change: one less, and one more for
    each neighbour that it is about to tell. If the count is zero, it is over.

    A tree reports *before* it tells its neighbours. So its report is in the warden's inbox before
    they know of the fire, hence before their reports. If it were the other way round, they might
    report first, and the warden would see a zero while their neighbours are just being told.
    """

    dispatcher = FOREST

    def __init__(self, sparks: int, is_out: pykka.ThreadingFuture[int]) -> None:
        super().__init__()
        self.on_their_way = sparks
        self.messages = 0
        self.is_out = is_out

    def on_receive(self, change: int) -> None:
        self.messages += 1
        self.on_their_way += change
        if self.on_their_way == 0:
            self.is_out.set(self.messages)


def plant(size: int, density: float, seed: int) -> list[Place]:
    """Choose the places where trees grow."""
    chance = random.Random(seed)  # noqa: S311 (nobody's secret)
    return [
        (row, column) for row in range(size) for column in range(size) if chance.random() < density
    ]


def burn(places: Sequence[Place]) -> tuple[set[Place], int]:
    """Let the forest burn; returns which trees have, and how many messages that took."""
    sparks = [place for place in places if place[1] == 0]
    is_out: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    if not sparks:
        return set(), 0

    begin = time.perf_counter()
    warden = Warden.start(len(sparks), is_out)
    trees: dict[Place, pykka.ActorRef[Tree]] = {}
    for place in places:
        trees[place] = Tree.start(place, trees, warden)
    print(f"Started {len(trees):,} actors in {time.perf_counter() - begin:.1f} s")

    begin = time.perf_counter()
    for place in sparks:
        trees[place].tell(FIRE)
    messages = 2 * is_out.get()  # a message about fire, and a report, each time
    seconds = time.perf_counter() - begin
    threads = FOREST.statistics().threads
    print(f"Sent {messages:,} messages in {seconds:.1f} s, on {threads} threads")

    begin = time.perf_counter()
    burned = {place for place, tree in trees.items() if tree.ask(HAS_BURNED)}
    print(f"Asked {len(trees):,} trees in {time.perf_counter() - begin:.1f} s")
    return burned, messages


def draw(places: Collection[Place], burned: Collection[Place], size: int, width: int = 60) -> str:
    """Draw a map: the darker, the more of the trees there have burned."""
    width = min(width, size)
    height = max(1, width // 2)  # letters are twice as high as wide
    trees = [[0] * width for _ in range(height)]
    ashes = [[0] * width for _ in range(height)]
    for row, column in places:
        trees[row * height // size][column * width // size] += 1
    for row, column in burned:
        ashes[row * height // size][column * width // size] += 1
    shades = ".:+*#"
    return "\n".join(
        "".join(
            shades[(len(shades) - 1) * burned_here // here] if here else " "
            for here, burned_here in zip(trees[row], ashes[row], strict=True)
        )
        for row in range(height)
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Plant a forest, burn it, and show what is left."""
    parser = argparse.ArgumentParser(description="A forest fire with an actor for each tree.")
    parser.add_argument("--size", type=int, default=410, help="places on each side (410)")
    parser.add_argument("--density", type=float, default=0.6, help="trees to a place (0.6)")
    parser.add_argument("--seed", type=int, default=3, help="another seed, another forest (3)")
    options = parser.parse_args(arguments)

    places = plant(options.size, options.density, options.seed)
    burned, _messages = burn(places)
    print(draw(places, burned, options.size))
    print(f"Burned {len(burned):,} of {len(places):,} trees")


if __name__ == "__main__":
    main()
