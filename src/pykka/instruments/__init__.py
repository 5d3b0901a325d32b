"""Instruments: what is told of each message, and of what becomes of actors.

An instrument measures, traces or counts. It is absent unless it is installed in a system.
"""

from __future__ import annotations

from pykka.instruments._delivery import Delivery
from pykka.instruments._install import Installation, install
from pykka.instruments._instrument import Instrument

__all__ = ["Delivery", "Installation", "Instrument", "install"]
