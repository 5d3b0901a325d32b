"""Actors, as their authors see them: the base class, its options, and what a handler can do."""

from pykka._actor.actor import Actor

__all__ = ["Actor"]
