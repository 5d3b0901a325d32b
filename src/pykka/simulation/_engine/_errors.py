"""What goes wrong in a simulation, and is no fault of the simulated program."""

from __future__ import annotations


class NotSimulatedError(RuntimeError):
    """The program does something that cannot be simulated."""


class Crash(Exception):  # noqa: N818 (what happens, as `Timeout`)
    """What an actor fails with that `Simulation.crash()` has struck."""


class SimulationFailedError(AssertionError):
    """A run of a simulated program has found something."""
