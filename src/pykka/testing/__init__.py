"""Tests of programs of actors: a system for each test, probes, and the wait until all is quiet.

With pytest there are fixtures and options, which `pytest_pykka` brings. Nothing here needs pytest.
"""

from __future__ import annotations

from pykka._util.signatures import show_plainly as _show_plainly
from pykka.testing._probe import Probe
from pykka.testing._settle import settle
from pykka.testing._system import SystemUnderTest

__all__ = ["Probe", "SystemUnderTest", "settle"]

_show_plainly(__all__, globals())
