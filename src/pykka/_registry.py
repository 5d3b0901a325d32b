"""The registry, under the name that the module had in Pykka 4; programs import it from here."""

from __future__ import annotations

from pykka._system.registry import ActorRegistry

__all__ = ["ActorRegistry"]
