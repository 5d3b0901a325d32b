"""Proxies, under the name that the module had in Pykka 4; programs import them from here."""

from __future__ import annotations

from pykka._ref.proxy import ActorProxy, CallableProxy, traversable

__all__ = ["ActorProxy", "CallableProxy", "traversable"]
