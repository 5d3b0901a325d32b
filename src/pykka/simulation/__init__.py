"""A simulator that runs programs of actors, unchanged, in every order."""

from __future__ import annotations

from pykka._util.signatures import show_plainly as _show_plainly
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

_show_plainly(__all__, globals())
