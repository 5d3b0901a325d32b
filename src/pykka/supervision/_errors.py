"""What supervisors raise."""

from pykka._exceptions import ActorError


class SupervisionError(ActorError):
    """A supervisor cannot go on, so it fails. The text says why."""


class RestartLimitError(SupervisionError):
    """The children of a supervisor had to be restarted too often in too short a time.

    The exception of the child that failed last is its `__cause__`, if there is one.
    """


class ChildStartError(SupervisionError):
    """A child could not be started. The exception is its `__cause__`."""
