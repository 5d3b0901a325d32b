"""What the actors of a workload do, whatever runs them.

A workload is written once, in terms of `Behaviour`. Each adapter gives a behaviour a *body*: an
actor of the implementation that is measured, which calls `receive()` for each message.

`receive()` never blocks. Where the definition of a benchmark says "and waits for the reply", the
behaviour keeps what comes in between until the reply is there (see `benchmarks.stash`). So the
same code runs on threads, in an event loop and in other processes.
"""

from __future__ import annotations

from typing import Any, Protocol

START = "start"
"""The message with which the harness sets the first actor of a workload going."""


class Ref(Protocol):
    """What one actor holds of another."""

    def tell(self, message: Any, /) -> Any:
        """Send a message, and do not wait."""


class Body(Protocol):
    """The actor that runs a behaviour."""

    @property
    def me(self) -> Ref:
        """The actor's own ref."""

    def spawn(self, behaviour: type[Behaviour], *args: Any) -> Ref:
        """Start another actor."""

    def stop(self) -> Any:
        """End after the current message."""

    def finish(self, result: Any) -> None:
        """Tell the harness that the workload is done, and what came out."""


class Behaviour:
    """What an actor of a workload does."""

    body: Body

    def receive(self, message: Any) -> Any:
        """Handle a message; what is returned answers an ask."""
        raise NotImplementedError

    @property
    def me(self) -> Ref:
        """The actor's own ref."""
        return self.body.me

    def spawn(self, behaviour: type[Behaviour], *args: Any) -> Ref:
        """Start another actor."""
        return self.body.spawn(behaviour, *args)

    def stop(self) -> None:
        """End after the current message."""
        self.body.stop()

    def finish(self, result: Any) -> None:
        """Tell the harness that the workload is done, and what came out."""
        self.body.finish(result)


def embody(body: Body, behaviour: type[Behaviour], args: tuple[Any, ...]) -> Behaviour:
    """Make a behaviour that lives in `body`; its `__init__()` may use the body already."""
    made = behaviour.__new__(behaviour)
    made.body = body
    made.__init__(*args)  # type: ignore[misc]
    return made
