#!/usr/bin/env python3
"""Attributes whose own attributes a proxy can use, instead of fetching them.

There are three ways to mark one. In each, `play()` runs in the actor, like the actor's own
methods.
"""

from __future__ import annotations

import threading

import pykka


class Playback:
    """Something that an actor has; not an actor itself."""

    def play(self) -> bool:
        """Start the music."""
        print(f"Playing in {threading.current_thread().name}")
        return True


class MarkedObject(pykka.ThreadingActor):
    """Marks one attribute."""

    playback = pykka.traversable(Playback())


@pykka.traversable
class TraversablePlayback(Playback):
    """All instances of a marked class are marked."""


class MarkedClass(pykka.ThreadingActor):
    """Has an attribute of a marked class."""

    playback = TraversablePlayback()


class PlaybackMarkedByHand(Playback):
    """The mark is an attribute."""

    pykka_traversable = True


class MarkedByHand(pykka.ThreadingActor):
    """Has an attribute of a class that was marked by hand."""

    playback = PlaybackMarkedByHand()


if __name__ == "__main__":
    for actor_class in (MarkedObject, MarkedClass, MarkedByHand):
        proxy = actor_class.start().proxy()
        play_success = proxy.playback.play().get()
        print(play_success)
        proxy.stop()
