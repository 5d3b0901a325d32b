"""Metrics of actors for Prometheus; it needs the extra `prometheus`.

    pip install 'pykka[prometheus]'

Nothing is on the way of a message but what `keep_statistics()` counts there.
"""

from __future__ import annotations

try:
    import prometheus_client as _client
except ImportError as error:
    raise ImportError(
        "pykka.prometheus needs the package prometheus-client, which is not installed: "
        "pip install 'pykka[prometheus]'"
    ) from error

from pykka.prometheus._collector import Collector

__all__ = ["Collector"]

del _client
