"""The package's extras: what needs a package that is not installed everywhere.

`make test` installs them with what the examples need. Where they are missing, such as on a Python
that has no wheels of them, what needs them is left out.
"""

from __future__ import annotations

from importlib.util import find_spec

EXTRAS = {"pykka.opentelemetry": "opentelemetry.sdk", "pykka.prometheus": "prometheus_client"}
"""The modules that need an extra, and what they, or their examples, import."""

PARTS = {"pykka.observer._app": "textual", "pykka.observer._web": "uvicorn"}
"""Modules inside a package that does without them."""


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even what it is in
        return False


MISSING = {module for module, needed in {**EXTRAS, **PARTS}.items() if not _is_there(needed)}


def is_missing(module: str) -> bool:
    """Tell whether a module of the package cannot be imported here."""
    return any(f"{module}.".startswith(f"{each}.") for each in MISSING)
