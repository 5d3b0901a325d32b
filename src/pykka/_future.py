"""Futures, under the name that the module had in Pykka 4; programs import them from here."""

from __future__ import annotations

from pykka._futures.future import Future, get_all

__all__ = ["Future", "get_all"]
