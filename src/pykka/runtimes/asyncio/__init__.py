"""Actors in an event loop of asyncio; imported when somebody asks for `pykka.AsyncioActor`."""
