"""A simulator that runs programs of actors, unchanged, in every order."""

from __future__ import annotations

from pykka.simulation._decorator import test
from pykka.simulation._engine._errors import Crash, NotSimulatedError, SimulationFailedError
from pykka.simulation._engine._scheduler import Finding, TraceLine
from pykka.simulation._explore import Exploration, explore
from pykka.simulation._run import Result, Simulation, run

__all__ = [
    "Crash",
    "Exploration",
    "Finding",
    "NotSimulatedError",
    "Result",
    "Simulation",
    "SimulationFailedError",
    "TraceLine",
    "explore",
    "run",
    "test",
]
