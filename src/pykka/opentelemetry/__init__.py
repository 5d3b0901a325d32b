"""Traces and metrics of actors for OpenTelemetry; it needs the extra `opentelemetry`.

    pip install 'pykka[opentelemetry]'

That is the API of OpenTelemetry only. What becomes of spans and measurements is up to the program,
which sets up the SDK, or whatever stands behind the providers.
"""

from __future__ import annotations

try:
    import opentelemetry.trace as _trace
except ImportError as error:
    raise ImportError(
        "pykka.opentelemetry needs the package opentelemetry-api, which is not installed: "
        "pip install 'pykka[opentelemetry]'"
    ) from error

from pykka.opentelemetry._instrument import Instrumentation, instrument

__all__ = ["Instrumentation", "instrument"]

del _trace
