"""Threads, under the name that the module had in Pykka 4; programs import them from here.

The classes are those of `pykka`. They are defined in `pykka.runtimes.threading` and
`pykka._futures.threading_future`.
"""

from __future__ import annotations

from pykka._actor.actor import Actor
from pykka._exceptions import Timeout
from pykka._futures.future import Future
from pykka._futures.threading_future import ThreadingFuture
from pykka.runtimes.threading import ThreadingActor

__all__ = ["ThreadingActor", "ThreadingFuture"]

_besides = (Actor, Future, Timeout)
"""Names that the module had besides."""
