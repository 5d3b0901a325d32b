"""Traces and metrics of actors for OpenTelemetry; it needs the extra `opentelemetry`.

    pip install 'pykka[opentelemetry]'

The extra installs only the API of OpenTelemetry. Your program sets up the SDK, or another
provider, and so decides what becomes of spans and measurements.
"""

from __future__ import annotations

try:
    import opentelemetry.trace as _trace
except ImportError as error:
    raise ImportError(
        "pykka.opentelemetry needs the package opentelemetry-api, which is not installed: "
        "pip install 'pykka[opentelemetry]'"
    ) from error

from pykka._util.signatures import show_plainly as _show_plainly
from pykka.opentelemetry._instrument import Instrumentation, instrument

__all__ = ["Instrumentation", "instrument"]

del _trace

_show_plainly(__all__, globals())
