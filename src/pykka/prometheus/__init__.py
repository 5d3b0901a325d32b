"""Metrics of actors for Prometheus; it needs the extra `prometheus`.

    pip install 'pykka[prometheus]'

It reads the counts of `keep_statistics()`, and adds nothing else to the cost of a message.
"""

from __future__ import annotations

try:
    import prometheus_client as _client
except ImportError as error:
    raise ImportError(
        "pykka.prometheus needs the package prometheus-client, which is not installed: "
        "pip install 'pykka[prometheus]'"
    ) from error

from pykka._util.signatures import show_plainly as _show_plainly
from pykka.prometheus._collector import Collector

__all__ = ["Collector"]

del _client

_show_plainly(__all__, globals())
