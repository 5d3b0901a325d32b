"""Instruments: objects that are told of each message, and of the lives of actors.

An instrument measures, traces or counts. It costs nothing until it is installed in a system.
"""

from __future__ import annotations

from pykka._util.signatures import show_plainly as _show_plainly
from pykka.instruments._delivery import Delivery
from pykka.instruments._install import Installation, install
from pykka.instruments._instrument import Instrument

__all__ = ["Delivery", "Installation", "Instrument", "install"]

_show_plainly(__all__, globals())
