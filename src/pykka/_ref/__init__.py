"""Refs and proxies: how everybody but the actor itself gets at an actor."""

from pykka._ref.ref import ActorRef

__all__ = ["ActorRef"]
