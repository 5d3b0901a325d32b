"""Actors in an event loop of asyncio; imported when `pykka.AsyncioActor` is asked for."""
